package trace

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"sockwire/raw/wire"
)

var (
	source4 = netip.MustParseAddr("192.0.2.1")
	source6 = netip.MustParseAddr("2001:db8::1")
	target6 = netip.MustParseAddr("2001:db8:7::7")
)

// ends returns the addresses of a family.
func ends(six bool) (src, dst netip.Addr) {
	if six {
		return source6, target6
	}
	return source4, simTarget
}

// testMatcher returns a matcher whose key is known, with count probes on their way.
func testMatcher(p Protocol, six bool, count, size int) (*matcher, [][]byte) {
	t := Tracer{Protocol: p, Key: []byte("a key"), Port: 33434, Flows: 4, Size: size}
	m := newMatcher(newCodec(&t, 40000))
	src, dst := ends(six)
	var packets [][]byte
	for i := range count {
		n := uint64(i + 1)
		probe := Probe{Target: dst, Flow: uint16(i % 4), TTL: uint8(1 + i%30)}
		m.sent(n, &probe, src, moment{})
		packets = append(packets, m.codec.build(make([]byte, 2000), n, &probe, src))
	}
	return m, packets
}

// quoted makes the ICMP error that a router sends about a packet, as the socket gives it: of IPv4 with its header.
func quoted(six bool, typ, code uint8, quote []byte) []byte {
	icmp := append([]byte{typ, code, 0, 0, 0, 0, 0, 0}, quote...)
	if six {
		return icmp
	}
	binary.BigEndian.PutUint16(icmp[2:], wire.Checksum(icmp))
	return inIPv4(netip.MustParseAddr("203.0.113.9"), source4, wire.ProtoICMP, icmp)
}

func inIPv4(src, dst netip.Addr, proto uint8, body []byte) []byte {
	b := make([]byte, 20, 20+len(body))
	b[0], b[8], b[9] = 0x45, 60, proto
	ip := wire.IPv4(b)
	ip.SetTotalLength(uint16(20 + len(body)))
	ip.SetSource(src)
	ip.SetDestination(dst)
	ip.UpdateChecksum()
	return append(b, body...)
}

// feed gives the matcher a received packet.
func (m *matcher) feed(six bool, b []byte, a *arrival) (*sentProbe, bool) {
	if six {
		return m.match6(wire.ProtoICMPv6, b, netip.MustParseAddr("2001:db8:9::9"), 60, a)
	}
	return m.matchIP(b, false, a)
}

func exceeded(six bool) uint8 {
	if six {
		return wire.ICMPv6TimeExceeded
	}
	return wire.ICMPv4TimeExceeded
}

func eachKind(t *testing.T, test func(t *testing.T, p Protocol, six bool)) {
	for p := range protocols {
		for _, f := range families4and6 {
			t.Run(fmt.Sprint(p, "/", f), func(t *testing.T) { test(t, p, f) })
		}
	}
}

var families4and6 = []bool{false, true}

// TestPermutation: the numbers on the wire are all different, and lead back.
func TestPermutation(t *testing.T) {
	c := newCodec(&Tracer{}, 1)
	seen := make([]bool, 1<<16)
	for v := range 1 << 16 {
		p := c.id(uint64(v))
		if seen[p] || c.unid(p) != uint16(v) || (p == 0) != (v == 0) || c.unsequence(c.sequence(uint64(v))) != uint16(v) {
			t.Fatalf("%#x", v)
		}
		seen[p] = true
	}
}

// TestFlowsAreConstant: what a router's hash of a flow looks at is the same in all probes of one, whatever their size,
// and the checksums are right, as our own reader of packets judges.
func TestFlowsAreConstant(t *testing.T) {
	eachKind(t, func(t *testing.T, p Protocol, six bool) {
		for _, size := range []int{0, 100, 101, 1400} {
			_, packets := testMatcher(p, six, 64, size)
			for i, b := range packets {
				l, ok := wire.Parse(b)
				if !ok {
					t.Fatal("no packet")
				}
				first, _ := wire.Parse(packets[i%4])
				hashed := 4
				if p == ICMP {
					hashed = 6 // type, code, checksum, identifier
				}
				if got, want := b[l.Transport:][:hashed], packets[i%4][first.Transport:][:hashed]; string(got) != string(want) {
					t.Errorf("probe %d: %x, the first of the flow %x", i, got, want)
				}
				if six && string(b[:4]) != string(packets[i%4][:4]) {
					t.Errorf("probe %d: flow label or class differ", i)
				}
				if p != SCTP && !l.PseudoHeader(b, l.Protocol, l.End-l.Transport).Add(b[l.Transport:l.End]).Good() && (p != ICMP || six) {
					t.Errorf("probe %d: wrong checksum", i)
				}
				if p == ICMP && !six && wire.Checksum(b[l.Transport:l.End]) != 0 {
					t.Errorf("probe %d: wrong checksum", i)
				}
				if p == SCTP {
					c := append([]byte(nil), b[l.Transport:]...)
					sum := binary.LittleEndian.Uint32(c[8:])
					if clear(c[8:12]); sum != crc32c(c) {
						t.Errorf("probe %d: wrong checksum", i)
					}
				}
			}
		}
	})
}

// TestQuotes: an error is known by what it quotes: all of the probe, 8 bytes behind the IP header, and anything
// between.
func TestQuotes(t *testing.T) {
	eachKind(t, func(t *testing.T, p Protocol, six bool) {
		m, packets := testMatcher(p, six, 64, 0)
		for i, b := range packets {
			l, _ := wire.Parse(b)
			for n := l.Transport + 8; n <= len(b); n++ {
				var a arrival
				s, ok := m.feed(six, quoted(six, exceeded(six), 0, b[:n]), &a)
				// Of IPv6 all must be quoted, and SCTP's 8 bytes say nothing but the IPv4 id.
				need := l.Transport + 8
				switch {
				case six && p != TCP, p == SCTP:
					need = len(b)
					if p == SCTP {
						need = l.Transport + 20
					}
					if p == DCCP {
						need = l.Transport + 16
					}
				}
				if n < need {
					if ok && s.n != uint64(i+1) {
						t.Fatalf("probe %d taken for %d by %d bytes", i+1, s.n, n)
					}
					continue
				}
				if !ok || s.n != uint64(i+1) || a.reply.Kind != Exceeded || len(a.reply.Changes) > 0 || a.reply.QuotedTTL != 1+i%30 {
					t.Fatalf("probe %d, %d of %d bytes quoted: %v %+v", i+1, n, len(b), ok, a.reply)
				}
			}
		}
	})
}

// TestForged: nobody who does not know the key makes an answer up, however much of a probe he guesses: addresses,
// ports, lengths and one of the secret numbers.
func TestForged(t *testing.T) {
	eachKind(t, func(t *testing.T, p Protocol, six bool) {
		m, packets := testMatcher(p, six, 90, 0)
		other, _ := testMatcher(p, six, 0, 0)
		other.codec = newCodec(&Tracer{Protocol: p, Port: 33434, Flows: 4}, 40000) // another process, of the same ports
		src, dst := ends(six)
		for i := range packets {
			n := uint64(i + 1)
			forged := other.codec.build(make([]byte, 2000), n, &Probe{Target: dst, Flow: uint16(i % 4), TTL: uint8(1 + i%30)}, src)
			var a arrival
			if s, ok := m.feed(six, quoted(six, exceeded(six), 0, forged), &a); ok {
				t.Fatalf("%d is taken for %d", n, s.n)
			}
		}
	})
}

// TestMillionMessages: a million ICMP messages made of random bytes, and of probes with random bytes in them: none is
// taken for an answer unless what it proves was left in it, and nothing panics.
func TestMillionMessages(t *testing.T) {
	count := 1_000_000 / (2 * int(protocols))
	if testing.Short() {
		count /= 20
	}
	eachKind(t, func(t *testing.T, p Protocol, six bool) {
		t.Parallel()
		rng := rand.New(rand.NewPCG(uint64(p), 7))
		m, packets := testMatcher(p, six, 90, 0)
		var a arrival
		var given []arrival
		for range count {
			b := append([]byte(nil), packets[rng.IntN(len(packets))]...)
			l, _ := wire.Parse(b)
			// Everything that is secret is random; headers are right, or are not.
			if !six {
				wire.IPv4(b).SetID(uint16(rng.Uint32()))
			}
			for i := l.Transport + 4; i < len(b); i++ {
				b[i] = byte(rng.Uint32())
			}
			if p == ICMP {
				b[l.Transport+2] = byte(rng.Uint32())
			}
			for range rng.IntN(4) {
				b[rng.IntN(len(b))] = byte(rng.Uint32())
			}
			typ := uint8(rng.Uint32())
			if rng.IntN(4) > 0 {
				typ = exceeded(six)
			}
			message := quoted(six, typ, 0, b[:rng.IntN(len(b)+1)])
			if s, ok := m.feed(six, message, &a); ok {
				t.Fatalf("taken for probe %d: %x", s.n, message)
			} else if s != nil {
				m.settleDoubt(s, &a, &given)
			}
		}
		if len(given) > 0 {
			t.Errorf("%d answers proved each other", len(given))
		}
	})
}

// TestShortSCTP: of SCTP 8 bytes show no secret but the id of IPv4: three answers of a flow prove each other, unless
// one with the same ports that is nobody's comes between.
func TestShortSCTP(t *testing.T) {
	m, packets := testMatcher(SCTP, false, 80, 0)
	given := []arrival{}
	feed := func(b []byte) {
		var a arrival
		s, ok := m.feed(false, quoted(false, wire.ICMPv4TimeExceeded, 0, b[:28]), &a)
		if s == nil {
			return
		}
		if a.n = s.n; ok {
			given = append(given, a)
		} else {
			m.settleDoubt(s, &a, &given)
		}
	}
	forged := func(i int) []byte {
		b := slices.Clone(packets[i])
		wire.IPv4(b).SetID(wire.IPv4(b).ID() + 0x4321)
		return b
	}
	for i := range 4 { // two of each flow at most, and a stranger
		feed(packets[i])
		feed(packets[i+4])
		feed(packets[i+4])
	}
	feed(forged(0))
	for i := 8; i < 40; i += 2 {
		feed(packets[i])
		feed(forged(i + 1))
	}
	for i := range packets {
		b := slices.Clone(packets[i])
		wire.TCP(b[wire.IPv4Len:]).SetSourcePort(41000)
		feed(b)
	}
	if len(given) > 0 {
		t.Fatalf("%d answers are taken", len(given))
	}
	for i := 40; i < 80; i++ {
		feed(packets[i])
	}
	taken := map[uint64]bool{}
	for _, a := range given {
		taken[a.n] = true
		if a.reply.Kind != Exceeded || len(a.reply.Changes) > 0 {
			t.Errorf("%+v", a.reply)
		}
	}
	for n := uint64(41); n <= 80; n++ {
		if !taken[n] {
			t.Errorf("the answer to %d is not taken", n)
		}
	}
	if len(taken) != 40 {
		t.Errorf("%d answers are taken", len(taken))
	}
}

// TestTranslated: a translator that did not repair the checksum of the quote changes it by the same in all probes of a
// flow: that proves the answers of which no more was quoted, but not a single one.
func TestTranslated(t *testing.T) {
	for _, p := range []Protocol{UDP, DCCP} {
		m, packets := testMatcher(p, false, 40, 0)
		var given []arrival
		for i := 0; i < len(packets); i += 4 { // flow 0
			b := append([]byte(nil), packets[i][:28]...)
			sum := b[20+6:]
			if p == DCCP {
				sum = b[20+6:]
			}
			binary.BigEndian.PutUint16(sum, binary.BigEndian.Uint16(sum)+0x1234)
			a := arrival{n: uint64(i + 1), at: time.Duration(i)}
			s, ok := m.feed(false, quoted(false, wire.ICMPv4TimeExceeded, 0, b), &a)
			if s == nil {
				t.Fatalf("%v: probe %d is not known", p, i+1)
			}
			if a.n = s.n; ok {
				given = append(given, a)
				continue
			}
			if m.settleDoubt(s, &a, &given); i/4+1 < agreeing && len(given) > 0 {
				t.Fatalf("%v: taken after %d", p, i/4+1)
			}
		}
		if len(given) != 10 {
			t.Errorf("%v: %d of 10", p, len(given))
		}
		for _, a := range given {
			if len(a.reply.Changes) != 2 || a.reply.Changes[0].Field != "transport chksum" || a.reply.Changes[1].Field != "checksum" {
				t.Errorf("%v: %v", p, a.reply.Changes)
			}
		}
	}
}

// FuzzAnswer: whatever arrives, nothing panics, what is taken carries a proof, and text in it is bounded.
func FuzzAnswer(f *testing.F) {
	for p := range protocols {
		for _, six := range families4and6 {
			_, packets := testMatcher(p, six, 1, 0)
			f.Add(uint8(p), six, quoted(six, exceeded(six), 0, packets[0]))
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, six bool, b []byte) {
		p := Protocol(which) % protocols
		m, _ := testMatcher(p, six, 30, 0)
		var a arrival
		s, ok := m.feed(six, b, &a)
		if ok && (s.n == 0 || s.n > 30 || a.reply.Kind == Silent) {
			t.Errorf("%+v", a.reply)
		}
		if len(a.reply.Labels) > 32 || len(a.reply.Interfaces) > 8 {
			t.Errorf("%d labels, %d interfaces", len(a.reply.Labels), len(a.reply.Interfaces))
		}
		for _, i := range a.reply.Interfaces {
			if len(i.Name) > 63 {
				t.Errorf("a name of %d bytes", len(i.Name))
			}
		}
		for _, proto := range []uint8{wire.ProtoTCP, wire.ProtoUDP, wire.ProtoSCTP, wire.ProtoDCCP} {
			m.matchDirect(proto, b, &a)
		}
	})
}

// TestNoAllocations: building a probe and knowing its answer allocate nothing.
func TestNoAllocations(t *testing.T) {
	eachKind(t, func(t *testing.T, p Protocol, six bool) {
		m, packets := testMatcher(p, six, 30, 0)
		src, dst := ends(six)
		room, probe := make([]byte, 2000), Probe{Target: dst, TTL: 3}
		message := quoted(six, exceeded(six), 0, packets[4])
		var a arrival
		if n := testing.AllocsPerRun(100, func() {
			m.sent(40, &probe, src, moment{})
			m.codec.build(room, 40, &probe, src)
			m.feed(six, message, &a)
		}); n != 0 {
			t.Errorf("%v allocations", n)
		}
	})
}
