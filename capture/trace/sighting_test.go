package trace

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"sockwire/capture"
)

// onWire makes a packet as it is seen on the wire, and as a socket sees it: the same without fragmentation.
type onWire struct {
	v6        bool
	proto     uint8
	id        uint16
	options   int // bytes of IPv4 options, or of an extension header
	fragment  bool
	body      []byte // from the transport header on
	onTheWire int    // bytes of it in the first fragment
	from, to  byte   // last octets of the addresses
}

func (w onWire) bytes(onWire bool) []byte {
	body := w.body
	if onWire && w.fragment {
		body = body[:min(len(body), w.onTheWire)]
	}
	if !w.v6 {
		b := make([]byte, 20+w.options)
		b[0] = 0x40 | byte(len(b)/4)
		for i := 20; i < len(b); i++ {
			b[i] = 1
		}
		binary.BigEndian.PutUint16(b[2:], uint16(len(b)+len(body)))
		binary.BigEndian.PutUint16(b[4:], w.id)
		if onWire && w.fragment {
			b[6] = 0x20
		}
		b[8], b[9] = 64, w.proto
		copy(b[12:], []byte{192, 0, 2, w.from})
		copy(b[16:], []byte{192, 0, 2, w.to})
		return append(b, body...)
	}
	b := make([]byte, 40, 200)
	b[0], b[7] = 0x60, 64
	copy(b[8:], netip.MustParseAddr("2001:db8::1").AsSlice())
	copy(b[24:], netip.MustParseAddr("2001:db8::2").AsSlice())
	b[23], b[39] = w.from, w.to
	next := &b[6]
	if w.options > 0 {
		*next = 60
		e := make([]byte, w.options)
		e[1], e[2], e[3] = byte(w.options/8-1), 1, byte(w.options-4) // PadN
		b = append(b, e...)
		next = &b[40]
	}
	if onWire && w.fragment {
		*next = 44
		b = append(b, 0, 0, 0, 1, 0, 0, 0, 9)
		next = &b[len(b)-8]
	}
	*next = w.proto
	b = append(b, body...)
	binary.BigEndian.PutUint16(b[4:], uint16(len(b)-40))
	return b
}

func (w onWire) packet(at time.Duration) *Packet {
	b := w.bytes(true)
	return FromFrame(capture.Frame{Data: b, Length: len(b), Link: capture.LinkRaw}, 1, at, "", "")
}

func (w onWire) sighting(at time.Duration, d Direction, cookie uint64) Sighting {
	b := w.bytes(false)
	s := Sighting{Time: at, Direction: d, Cookie: cookie}
	s.Kept = copy(s.Header[:], b)
	return s
}

func udp(from, to uint16, data string) []byte {
	b := make([]byte, 8, 8+len(data))
	binary.BigEndian.PutUint16(b, from)
	binary.BigEndian.PutUint16(b[2:], to)
	binary.BigEndian.PutUint16(b[4:], uint16(8+len(data)))
	return append(b, data...)
}

func tcp(from, to uint16, seq, ack uint32, flags byte, data string) []byte {
	b := make([]byte, 20, 20+len(data))
	binary.BigEndian.PutUint16(b, from)
	binary.BigEndian.PutUint16(b[2:], to)
	binary.BigEndian.PutUint32(b[4:], seq)
	binary.BigEndian.PutUint32(b[8:], ack)
	b[12], b[13] = 0x50, flags
	return append(b, data...)
}

const long = "The data of a datagram that is longer than the kernel lets a link carry in one piece."

// A packet on the wire and what a socket saw of it have the same key, and others have other keys.
func TestSightingKey(t *testing.T) {
	packets := map[string]onWire{
		"udp":            {proto: 17, id: 5, body: udp(1000, 2000, "hello"), to: 2},
		"udp other id":   {proto: 17, id: 6, body: udp(1000, 2000, "hello"), to: 2},
		"udp other data": {proto: 17, id: 5, body: udp(1000, 2000, "jello"), to: 2},
		"udp length":     {proto: 17, id: 5, body: udp(1000, 2000, "hello!"), to: 2},
		"udp empty":      {proto: 17, id: 5, body: udp(1000, 2000, ""), to: 2},
		"udp options":    {proto: 17, id: 7, options: 40, body: udp(1000, 2000, long), to: 2},
		"udp fragments":  {proto: 17, id: 8, fragment: true, onTheWire: 48, body: udp(1000, 2000, long), to: 2},
		"udp ipv6":       {v6: true, proto: 17, body: udp(1000, 2000, "hello"), to: 2},
		"udp ipv6 frags": {v6: true, proto: 17, fragment: true, onTheWire: 48, body: udp(1000, 2001, long), to: 2},
		"udp extension":  {v6: true, proto: 17, options: 8, body: udp(1000, 2002, long), to: 2},
		"udp both":       {v6: true, proto: 17, options: 8, fragment: true, onTheWire: 48, body: udp(1000, 2003, long), to: 2},
		"tcp":            {proto: 6, id: 5, body: tcp(1000, 2000, 7, 8, 0x18, "hello"), to: 2},
		"tcp seq":        {proto: 6, id: 5, body: tcp(1000, 2000, 8, 8, 0x18, "hello"), to: 2},
		"tcp ack":        {proto: 6, id: 5, body: tcp(1000, 2000, 7, 9, 0x18, "hello"), to: 2},
		"tcp back":       {proto: 6, id: 5, body: tcp(2000, 1000, 7, 8, 0x18, "hello"), from: 2},
		"tcp ipv6":       {v6: true, proto: 6, body: tcp(1000, 2000, 7, 8, 2, ""), to: 2},
		"echo":           {proto: 1, id: 5, body: []byte{8, 0, 0, 0, 0, 1, 0, 2, 'x'}, to: 2},
		"echo seq":       {proto: 1, id: 5, body: []byte{8, 0, 0, 0, 0, 1, 0, 3, 'x'}, to: 2},
		"echo reply":     {proto: 1, id: 5, body: []byte{0, 0, 0, 0, 0, 1, 0, 2, 'x'}, to: 2},
		"echo ipv6":      {v6: true, proto: 58, body: []byte{128, 0, 0, 0, 0, 1, 0, 2, 'x'}, to: 2},
		"unreachable":    {proto: 1, id: 5, body: append([]byte{3, 3, 0, 0, 0, 0, 0, 0}, onWire{proto: 17, body: udp(1, 2, "x")}.bytes(true)...), to: 2},
		"protocol 253":   {proto: 253, id: 5, body: []byte("bytes of no transport that is known"), to: 2},
		"253 other data": {proto: 253, id: 5, body: []byte("Bytes of no transport that is known"), to: 2},
		"253 short":      {proto: 253, id: 5, body: []byte("b"), to: 2},
		"sctp":           {proto: 132, id: 5, body: []byte("\x03\xe8\x07\xd0\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x04"), to: 2},
		"raw fragments":  {proto: 253, id: 9, fragment: true, onTheWire: 48, body: []byte(long), to: 2},
	}
	keys := map[sightingKey]string{}
	for name, w := range packets {
		s := w.sighting(0, Out, 1)
		seen, ok := headerKey(s.Header[:s.Kept])
		captured, ok2 := packetKey(w.packet(0))
		if !ok || !ok2 || seen != captured {
			t.Errorf("%s: the socket's %v %+v, the wire's %v %+v", name, ok, seen, ok2, captured)
		}
		if other := keys[seen]; other != "" {
			t.Errorf("%s and %s have the same key", name, other)
		}
		keys[seen] = name
	}
	var later Packet = *packets["raw fragments"].packet(0)
	later.Fragment.Offset = 48
	if _, ok := packetKey(&later); ok {
		t.Error("a later fragment has a key")
	}
}

// match gives a matcher sightings and packets and returns which sockets each packet has, as "sender receivers".
func match(s []Sighting, packets ...*Packet) []string {
	var m Matcher
	m.Add(&Sightings{All: s})
	var all []string
	for _, p := range packets {
		m.Match(p)
		all = append(all, fmt.Sprint(p.Sender, p.Receivers))
	}
	return all
}

func us(n int) time.Duration { return time.Duration(n) * 100 * time.Microsecond }

func raw(s Sighting) Sighting { s.Raw = true; return s }

func group(s Sighting) Sighting { s.Group = true; return s }

func TestMatcher(t *testing.T) {
	d := onWire{proto: 17, body: udp(1000, 2000, "hello"), to: 2}
	other := onWire{proto: 17, body: udp(1000, 2000, "other"), to: 2}
	echo := onWire{proto: 1, body: []byte{0, 0, 0, 0, 0, 1, 0, 2, 'x'}, to: 2}
	many := onWire{proto: 17, body: udp(1000, 2000, "hello"), to: 2}
	syn := onWire{proto: 6, body: tcp(1000, 2000, 7, 0, 2, ""), to: 2}
	data := onWire{proto: 6, body: tcp(1000, 2000, 8, 1, 0x18, "hello"), to: 2}
	piece := onWire{proto: 6, body: tcp(1000, 2000, 1000, 1, 0x18, "a segment that the kernel cut from the one before"), to: 2}
	for _, tt := range []struct {
		name    string
		s       []Sighting
		packets []*Packet
		want    []string
	}{
		{"nothing seen", nil, []*Packet{d.packet(us(10))}, []string{"0 []"}},
		{"sender and receiver", []Sighting{d.sighting(us(9), Out, 1), d.sighting(us(11), In, 2)}, []*Packet{d.packet(us(10))}, []string{"1 [2]"}},
		{"the same flow again, without sightings", []Sighting{d.sighting(us(9), Out, 1), d.sighting(us(11), In, 2)}, []*Packet{d.packet(us(10)), other.packet(us(20))}, []string{"1 [2]", "1 [2]"}},
		{"equal ones in their order",
			[]Sighting{d.sighting(us(9), Out, 1), d.sighting(us(11), In, 3), d.sighting(us(19), Out, 2), d.sighting(us(21), In, 4), d.sighting(us(29), Out, 1), d.sighting(us(31), In, 3)},
			[]*Packet{d.packet(us(10)), d.packet(us(20)), d.packet(us(30))}, []string{"1 [3]", "2 [4]", "1 [3]"}},
		{"captured twice", []Sighting{d.sighting(us(9), Out, 1), d.sighting(us(12), In, 2)}, []*Packet{d.packet(us(10)), d.packet(us(11))}, []string{"1 [2]", "1 [2]"}},
		{"before the second socket shared it",
			[]Sighting{d.sighting(us(9), Out, 1), other.sighting(us(29), Out, 2)}, []*Packet{d.packet(us(10)), other.packet(us(20)), other.packet(us(30))}, []string{"1 []", "1 []", "2 []"}},
		{"shared, and not seen", []Sighting{d.sighting(us(9), Out, 1), d.sighting(us(19), Out, 2)}, []*Packet{d.packet(us(10)), d.packet(us(20)), other.packet(us(40))}, []string{"1 []", "2 []", "0 []"}},
		{"every raw socket gets it", []Sighting{raw(echo.sighting(us(11), In, 1)), raw(echo.sighting(us(11), In, 2))}, []*Packet{echo.packet(us(10))}, []string{"0 [1 2]"}},
		{"raw sockets and the one it is for", []Sighting{raw(d.sighting(us(11), In, 1)), d.sighting(us(11), In, 2)}, []*Packet{d.packet(us(10))}, []string{"0 [1 2]"}},
		{"a group", []Sighting{group(many.sighting(us(11), In, 1)), group(many.sighting(us(12), In, 2)), group(many.sighting(us(21), In, 1)), group(many.sighting(us(22), In, 2))},
			[]*Packet{many.packet(us(10)), many.packet(us(20))}, []string{"0 [1 2]", "0 [1 2]"}},
		{"one socket for each of equal packets", []Sighting{d.sighting(us(11), In, 1), d.sighting(us(12), In, 2)}, []*Packet{d.packet(us(10)), d.packet(us(11))}, []string{"0 [1]", "0 [2]"}},
		{"listener, then the accepted socket", []Sighting{syn.sighting(us(11), In, 1), data.sighting(us(21), In, 2)}, []*Packet{syn.packet(us(10)), data.packet(us(20)), piece.packet(us(22))},
			[]string{"0 [1]", "0 [2]", "0 [2]"}},
	} {
		if got := match(tt.s, tt.packets...); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// What is remembered has limits, and a packet that finds nothing is told so.
func TestMatcherForgets(t *testing.T) {
	var m Matcher
	var s Sightings
	for i := range 5 * sightingLimit / 4 {
		w := onWire{proto: 253, id: uint16(i), body: []byte{byte(i >> 16)}, to: 2}
		s.All = append(s.All[:0], w.sighting(time.Duration(i), Out, 1))
		m.Add(&s)
	}
	if len(m.all) > sightingLimit || len(m.out) > sightingLimit {
		t.Errorf("%d sightings with %d keys are held", len(m.all), len(m.out))
	}
	m.Forget(time.Hour)
	if len(m.all)+len(m.out)+len(m.in) > 0 {
		t.Errorf("%d sightings with %d keys are held after the last packet", len(m.all), len(m.out))
	}
	for i := range flowLimit + 1000 {
		w := onWire{proto: 17, body: udp(uint16(i), uint16(i>>16), ""), to: 2}
		s.All = append(s.All[:0], w.sighting(time.Duration(i), Out, 1))
		m.Add(&s)
	}
	if len(m.flows) > flowLimit {
		t.Errorf("%d flows are held", len(m.flows))
	}
	m.Forget(time.Hour)
	p := onWire{proto: 17, body: udp(1, 0, ""), to: 2}.packet(0)
	if m.Match(p); p.Sender != 0 || len(m.flows) > 0 {
		t.Errorf("socket %d of a flow that was forgotten, %d flows held", p.Sender, len(m.flows))
	}
}

// A flow costs nothing for each of its packets; one receiver for each packet is made room for together.
func TestMatcherAllocates(t *testing.T) {
	w := onWire{proto: 17, body: udp(1000, 2000, "hello"), to: 2}
	var m Matcher
	m.Add(&Sightings{All: []Sighting{w.sighting(us(9), Out, 1), w.sighting(us(11), In, 2)}})
	p := w.packet(us(10))
	if n := testing.AllocsPerRun(2000, func() { p.Sender, p.Receivers = 0, nil; m.Match(p) }); n > 0 {
		t.Errorf("%v allocations for a packet", n)
	}
	other := onWire{proto: 17, body: udp(1000, 2000, "other"), to: 2}.packet(us(12))
	if n := testing.AllocsPerRun(2000, func() { other.Sender, other.Receivers = 0, nil; m.Match(other) }); n > 0 || other.Sender != 1 || len(other.Receivers) != 1 {
		t.Errorf("%v allocations for a packet of a flow, %d %d", n, other.Sender, other.Receivers)
	}
}

// FuzzMatcher: whatever headers sightings have, and whatever packets come, matching ends, stays within its limits and
// names only sockets that were sighted.
func FuzzMatcher(f *testing.F) {
	f.Add(onWire{proto: 17, body: udp(1000, 2000, "hello"), to: 2}.bytes(false), uint8(3))
	f.Add(onWire{v6: true, options: 8, proto: 6, body: tcp(1, 2, 3, 4, 5, "x")}.bytes(false), uint8(200))
	f.Fuzz(func(t *testing.T, b []byte, how uint8) {
		var m Matcher
		var s Sightings
		for i := range int(how % 16) {
			x := Sighting{Time: us(i), Direction: Direction(1 + (int(how)>>1+i)%2), Cookie: uint64(1 + i%3), Raw: how&16 != 0 && i%2 == 0, Group: how&32 != 0, Kept: min(len(b), SightingHeader)}
			copy(x.Header[:], b)
			s.All = append(s.All, x)
		}
		m.Add(&s)
		for i := range 20 {
			p := FromFrame(capture.Frame{Data: b, Length: len(b), Link: capture.LinkRaw}, i+1, us(i), "", "")
			m.Match(p)
			for _, cookie := range append([]uint64{p.Sender}, p.Receivers...) {
				if cookie > 3 || cookie != 0 && how%16 == 0 {
					t.Fatalf("socket %d was not sighted", cookie)
				}
			}
			if i == 10 {
				m.Forget(us(5))
			}
		}
		m.Forget(time.Hour)
		if len(m.all)+len(m.in)+len(m.out) > 0 {
			t.Fatalf("%d held", len(m.all))
		}
	})
}

// BenchmarkMatcher is what one packet costs: of a flow that is known, and with a sighting of its own at each end.
func BenchmarkMatcher(b *testing.B) {
	w := onWire{proto: 17, body: udp(1000, 2000, "hello"), to: 2}
	p := w.packet(0)
	b.Run("flow", func(b *testing.B) {
		var m Matcher
		m.Add(&Sightings{All: []Sighting{w.sighting(us(9), Out, 1), w.sighting(us(11), In, 2)}})
		b.ReportAllocs()
		for b.Loop() {
			m.Match(p)
		}
	})
	b.Run("sighted", func(b *testing.B) {
		var m Matcher
		s := Sightings{All: []Sighting{w.sighting(0, Out, 1), w.sighting(0, In, 2)}}
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			p.Time = us(10 * i)
			s.All[0].Time, s.All[1].Time = p.Time, p.Time
			m.Add(&s)
			m.Match(p)
			m.Forget(p.Time)
		}
	})
}
