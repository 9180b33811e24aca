package flow

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"sockwire/capture"
	"sockwire/capture/decode"
	"sockwire/raw/packet"
	"sockwire/raw/wire"
)

var fragmentStart = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// spec builds a packet from an expression.
func spec(t testing.TB, expression string) []byte {
	t.Helper()
	tpl, err := packet.Parse(expression)
	if err != nil {
		t.Fatalf("%.80s: %v", expression, err)
	}
	b, _, err := tpl.Append(nil, nil, 0)
	if err != nil {
		t.Fatalf("%.80s: %v", expression, err)
	}
	return b
}

// text is a payload in which every place is told from every other.
func text(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i>>8)*31 + byte(i)
	}
	return b
}

// datagram4 and datagram6 are UDP datagrams with n bytes of data.
func datagram4(t testing.TB, n int) []byte {
	return spec(t, fmt.Sprintf("ip{src=192.0.2.1,dst=192.0.2.2,id=0x1234}/udp{sport=1000,dport=2000}/hex{%x}", text(n)))
}

func datagram6(t testing.TB, n int) []byte {
	return spec(t, fmt.Sprintf("ip6{src=2001:db8::1,dst=2001:db8::2}/udp{sport=1000,dport=2000}/hex{%x}", text(n)))
}

// fragment makes the fragment [from, to) of what an IP packet carries. To less than 0 is its end.
func fragment(whole []byte, from, to int, id uint32) []byte {
	if whole[0]>>4 == 6 {
		return fragment6(whole, wire.IPv6Len, from, to, id)
	}
	n := int(whole[0]&15) * 4
	last := to < 0 || to >= len(whole)-n
	if last {
		to = len(whole) - n
	}
	b := append(bytes.Clone(whole[:n]), whole[n+from:n+to]...)
	return seal4(b, from, last)
}

// seal4 makes b an IPv4 fragment at a place.
func seal4(b []byte, from int, last bool) []byte {
	h := wire.IPv4(b[:int(b[0]&15)*4])
	h.SetTotalLength(uint16(len(b)))
	v := uint16(from / 8)
	if !last {
		v |= 0x2000
	}
	binary.BigEndian.PutUint16(h[wire.IPv4FragmentAt:], v)
	h.UpdateChecksum()
	return b
}

// fragment6 is fragment for IPv6, with the fragment header at a place.
func fragment6(whole []byte, at, from, to int, id uint32) []byte {
	last := to < 0 || to >= len(whole)-at
	if last {
		to = len(whole) - at
	}
	b := bytes.Clone(whole[:at])
	next := wire.IPv6NextHeaderAt
	if at > wire.IPv6Len {
		next = wire.IPv6Len // one extension header before
	}
	h := make([]byte, 8)
	h[0], b[next] = b[next], wire.ProtoFragment
	v := uint16(from)
	if !last {
		v |= 1
	}
	binary.BigEndian.PutUint16(h[2:], v)
	binary.BigEndian.PutUint32(h[4:], id)
	b = append(append(b, h...), whole[at+from:at+to]...)
	wire.IPv6(b).SetPayloadLength(uint16(len(b) - wire.IPv6Len))
	return b
}

// feed decodes and adds frames one millisecond after the other.
type feed struct {
	t       testing.TB
	d       Defragmenter
	dec     decode.Decoder
	p       decode.Packet
	link    capture.LinkType
	now     time.Time
	snaplen int
	number  uint64
}

func newFeed(t testing.TB) *feed { return &feed{t: t, link: capture.LinkRaw, now: fragmentStart} }

func (f *feed) add(b []byte) *Datagram {
	f.number++
	f.now = f.now.Add(time.Millisecond)
	return f.frame(capture.Frame{Data: b, Length: len(b), Link: f.link, Time: f.now})
}

func (f *feed) frame(x capture.Frame) *Datagram {
	if f.snaplen > 0 {
		x.Data = x.Data[:min(len(x.Data), f.snaplen)]
	}
	f.dec.Decode(x, &f.p)
	f.p.Number = f.number
	return f.d.Add(&f.p)
}

// want adds a frame and checks what becomes of it.
func (f *feed) want(b []byte, fate FragmentFate) *Datagram {
	f.t.Helper()
	g := f.add(b)
	switch {
	case g == nil:
		f.t.Fatalf("packet %d: no fragment, want %v", f.number, fate)
	case g.Fate != fate:
		f.t.Fatalf("packet %d: %v %s, want %v", f.number, g.Fate, g.Reason, fate)
	}
	return g
}

// checkWhole checks that g is the datagram whose IP packet is want, at a place in its frame, and that it decodes
// without fault.
func (f *feed) checkWhole(g *Datagram, want []byte, at int) {
	f.t.Helper()
	if g.Fate != FragmentWhole {
		f.t.Fatalf("%v %s, want whole", g.Fate, g.Reason)
	}
	if got := g.Frame.Data[at:]; !bytes.Equal(got, want) {
		f.t.Fatalf("the whole differs: %d bytes, want %d\n%x\n%x", len(got), len(want), got[:min(len(got), 80)], want[:min(len(want), 80)])
	}
	if g.Frame.Length != len(g.Frame.Data) {
		f.t.Fatalf("length %d of %d bytes", g.Frame.Length, len(g.Frame.Data))
	}
	var p decode.Packet
	if err := f.dec.Decode(g.Frame, &p); err != nil {
		f.t.Fatalf("the whole does not decode: %v", err)
	}
	if i := p.FindInner(decode.TypeUDP); i >= 0 && p.Layers()[i].Checksum != decode.ChecksumGood {
		f.t.Fatalf("UDP checksum %v", p.Layers()[i].Checksum)
	}
}

func TestDefragmentInAnyOrder(t *testing.T) {
	hop := spec(t, fmt.Sprintf("ip6{src=2001:db8::1,dst=2001:db8::2}/dstopts/udp{sport=1000,dport=2000}/hex{%x}", text(3000)))
	for name, c := range map[string]struct {
		whole []byte
		at    int
	}{"IPv4": {datagram4(t, 3992), 0}, "IPv6": {datagram6(t, 3992), wire.IPv6Len}, "IPv6 behind options": {hop, wire.IPv6Len + 8}} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(30) {
				rng := rand.New(rand.NewPCG(seed, 0))
				var parts [][]byte
				data := len(c.whole) - max(c.at, int(c.whole[0]&15)*4*(6-int(c.whole[0]>>4))/2)
				for from := 0; from < data; {
					to := from + 8*(1+rng.IntN(100))
					if from == 0 {
						to += 8
					}
					if c.at > 0 {
						parts = append(parts, fragment6(c.whole, c.at, from, to, 7))
					} else {
						parts = append(parts, fragment(c.whole, from, to, 7))
					}
					from = to
				}
				rng.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
				f := newFeed(t)
				for i, b := range parts {
					if i < len(parts)-1 {
						f.want(b, FragmentKept)
						f.want(b, FragmentRepeated)
						continue
					}
					g := f.want(b, FragmentWhole)
					f.checkWhole(g, c.whole, 0)
					if len(g.Packets) != len(parts) || !slices.Contains(g.Packets, f.number) || g.Repeated != len(parts)-1 {
						t.Fatalf("made of %v, %d repeated", g.Packets, g.Repeated)
					}
					if g.Source != netip.MustParseAddr("192.0.2.1") && g.Source != netip.MustParseAddr("2001:db8::1") {
						t.Fatalf("from %v", g.Source)
					}
				}
			}
		})
	}
}

// TestDefragmentInTunnels puts fragments into tunnels, and the tunnel's packets into fragments.
func TestDefragmentInTunnels(t *testing.T) {
	inner := datagram4(t, 3000)
	for _, tunnel := range []string{
		"eth/vlan{id=5}/ip{src=198.51.100.1,dst=198.51.100.2}/gre{proto=0x0800}",
		"eth/ip{src=198.51.100.1,dst=198.51.100.2}/udp{sport=5000,dport=4789}/vxlan{vni=7}/eth{type=0x0800}",
		"eth/ip6{src=2001:db8:1::1,dst=2001:db8:1::2,next=4}",
		"eth/mpls{label=16}",
		"eth/pppoe{proto=0x21}",
		"eth/ip{src=198.51.100.1,dst=198.51.100.2}/gre{csum=1,proto=0x0800}",
	} {
		t.Run(tunnel, func(t *testing.T) {
			around := func(b []byte) []byte {
				return spec(t, tunnel+fmt.Sprintf("/hex{%x}", b))
			}
			f := newFeed(t)
			f.link = capture.LinkEthernet
			first, second, third := around(fragment(inner, 0, 1000, 0)), around(fragment(inner, 1000, 2000, 0)), around(fragment(inner, 2000, -1, 0))
			at := len(first) - 1020
			f.want(third, FragmentKept)
			f.want(first, FragmentKept)
			f.checkWhole(f.want(second, FragmentWhole), inner, at)
		})
	}
}

func TestDefragmentRounds(t *testing.T) {
	inner := datagram4(t, 3000)
	gre := func(b []byte) []byte {
		return spec(t, fmt.Sprintf("ip{src=198.51.100.1,dst=198.51.100.2,id=9}/gre{proto=0x0800}/hex{%x}", b))
	}
	f := newFeed(t)
	first, second := gre(fragment(inner, 0, 1600, 0)), gre(fragment(inner, 1600, -1, 0))
	f.want(fragment(first, 0, 800, 0), FragmentKept)
	round := func(g *Datagram) *Datagram {
		x := g.Frame
		x.Data = bytes.Clone(x.Data)
		return f.frame(x)
	}
	if g := round(f.want(fragment(first, 800, -1, 0), FragmentWhole)); g == nil || g.Fate != FragmentKept {
		t.Fatalf("the inner fragment is not found: %+v", g)
	}
	wire.IPv4(second[:20]).SetID(10)
	wire.IPv4(second[:20]).UpdateChecksum()
	f.want(fragment(second, 0, 800, 0), FragmentKept)
	g := round(f.want(fragment(second, 800, -1, 0), FragmentWhole))
	f.checkWhole(g, inner, 24)
	if !slices.Equal(g.Packets, []uint64{2, 4}) {
		t.Errorf("made of %v", g.Packets)
	}
}

// TestDefragmentKeepsWaysApart: the same addresses and identification in another VLAN or tunnel are another datagram.
func TestDefragmentKeepsWaysApart(t *testing.T) {
	inner := datagram4(t, 2000)
	for _, ways := range [][2]string{
		{"eth/vlan{id=5,type=0x0800}", "eth/vlan{id=6,type=0x0800}"},
		{"eth/ip{src=198.51.100.1,dst=198.51.100.2}/udp{sport=5000,dport=4789}/vxlan{vni=7}/eth{type=0x0800}",
			"eth/ip{src=198.51.100.1,dst=198.51.100.2}/udp{sport=5000,dport=4789}/vxlan{vni=8}/eth{type=0x0800}"},
		{"eth/ip{src=198.51.100.1,dst=198.51.100.2}/gre{proto=0x0800}", "eth/ip{src=198.51.100.1,dst=198.51.100.3}/gre{proto=0x0800}"},
	} {
		f := newFeed(t)
		f.link = capture.LinkEthernet
		way := func(i int, b []byte) []byte { return spec(t, ways[i]+fmt.Sprintf("/hex{%x}", b)) }
		f.want(way(0, fragment(inner, 0, 1000, 0)), FragmentKept)
		f.want(way(1, fragment(inner, 1000, -1, 0)), FragmentKept)
		f.want(way(1, fragment(inner, 0, 1000, 0)), FragmentWhole)
		f.want(way(0, fragment(inner, 1000, -1, 0)), FragmentWhole)
	}
}

func TestOverlapOfIPv4KeepsTheFirst(t *testing.T) {
	whole := datagram4(t, 1992)
	evil := bytes.Clone(whole)
	for i := 20; i < len(evil); i++ {
		evil[i] ^= 0xff
	}
	f := newFeed(t)
	f.want(fragment(whole, 0, 800, 0), FragmentKept)
	f.want(fragment(whole, 1600, -1, 0), FragmentKept)
	g := f.want(fragment(evil, 400, 1200, 0), FragmentKept) // gives 800-1200 only
	if !slices.Equal(g.Differ, []FragmentRange{{400, 800}}) || g.Overlaps != 1 {
		t.Errorf("differ %v, %d overlaps", g.Differ, g.Overlaps)
	}
	f.want(fragment(whole, 80, 160, 0), FragmentRepeated) // inside of what is there, the same bytes
	g = f.want(fragment(whole, 800, -1, 0), FragmentWhole)
	want := bytes.Clone(whole)
	copy(want[20+800:20+1200], evil[20+800:])
	if !bytes.Equal(g.Frame.Data, want) {
		t.Error("not the first bytes are kept")
	}
	if g.Overlaps != 3 || !slices.Equal(g.Differ, []FragmentRange{{400, 800}, {800, 1200}}) || !slices.Equal(g.Packets, []uint64{1, 3, 5, 2}) {
		t.Errorf("%d overlaps, differ %v, packets %v", g.Overlaps, g.Differ, g.Packets)
	}
	if c := f.d.Counts(); c.Overlaps != 3 || c.Differing != 2 || c.Repeated != 1 || c.Whole != 1 {
		t.Errorf("%+v", c)
	}
}

// TestTheEndSaidLater: the bytes are all there, and then one more fragment says that no more follow.
func TestTheEndSaidLater(t *testing.T) {
	whole := datagram4(t, 792)
	f := newFeed(t)
	f.want(fragment(whole, 0, 400, 0), FragmentKept)
	f.want(seal4(fragment(whole, 400, -1, 0), 400, false), FragmentKept)
	f.checkWhole(f.want(fragment(whole, 640, -1, 0), FragmentWhole), whole, 0)
}

// TestOverlapOfIPv6Discards: RFC 5722 and RFC 8200: all fragments, those that are still to come too.
func TestOverlapOfIPv6Discards(t *testing.T) {
	whole := datagram6(t, 1992)
	other := bytes.Clone(whole)
	other[900] ^= 1
	for name, overlapping := range map[string][]byte{
		"a part":                  fragment(whole, 400, 1200, 7),
		"inside":                  fragment(whole, 8, 16, 7),
		"the same place, changed": fragment(other, 800, 1600, 7),
		"another end":             fragment(whole[:len(whole)-8], 1600, -1, 7),
	} {
		t.Run(name, func(t *testing.T) {
			f := newFeed(t)
			f.want(fragment(whole, 0, 800, 7), FragmentKept)
			f.want(fragment(whole, 800, 1600, 7), FragmentKept)
			f.want(fragment(whole, 800, 1600, 7), FragmentRepeated)
			if name == "another end" {
				f.d = Defragmenter{}
				f.want(fragment(whole, 1600, -1, 7), FragmentKept)
			}
			g := f.want(overlapping, FragmentDiscarded)
			if g.Reason == "" || len(g.Missing) == 0 {
				t.Errorf("%s: missing %v", g, g.Missing)
			}
			for _, r := range [][2]int{{0, 800}, {800, 1600}, {1600, -1}} {
				f.want(fragment(whole, r[0], r[1], 7), FragmentDiscarded)
			}
			f.now = f.now.Add(time.Minute) // it is over: the identification may be used again
			f.want(fragment(whole, 0, 800, 7), FragmentKept)
			if c := f.d.Counts(); c.Dropped != 1 || c.Discarded != 4 {
				t.Errorf("%+v", c)
			}
		})
	}
}

func TestImpossibleFragmentsAreIgnored(t *testing.T) {
	whole, whole6 := datagram4(t, 1992), datagram6(t, 1992)
	wrongSum := fragment(whole, 0, 800, 0)
	wrongSum[10] ^= 1
	long := fragment(whole, 0, 800, 0)[:700]
	far6 := fragment(whole6, 0, -1, 7)
	binary.BigEndian.PutUint16(far6[42:], 65528)
	far := seal4(bytes.Clone(whole), 65528, true)
	odd6 := fragment(whole6, 8, 20, 7)
	tcp := spec(t, "ip6{src=2001:db8::1,dst=2001:db8::2}/tcp{sport=1,dport=2}/hex{00}")
	for name, b := range map[string][]byte{
		"wrong checksum": wrongSum, "shorter than its header says": long, "beyond 65,535": far, "beyond 65,535 in IPv6": far6,
		"no multiple of 8 in IPv6": odd6, "nothing": fragment(whole, 8, 8, 0), "less than 8": fragment(whole, 8, 15, 0),
		"nothing in IPv6": fragment(whole6, 8, 8, 7), "IPv6 without the header above": fragment(tcp, 0, 16, 7),
	} {
		f := newFeed(t)
		if g := f.add(b); g == nil || g.Fate != FragmentIgnored || g.Reason == "" {
			t.Errorf("%s: %+v", name, g)
		}
		if c := f.d.Counts(); c.Waiting != 0 || c.Ignored != 1 {
			t.Errorf("%s: %+v", name, c)
		}
	}
	// An IPv4 fragment whose length is no multiple of 8 counts as far as the multiple.
	f := newFeed(t)
	f.want(fragment(whole, 0, 804, 0), FragmentKept)
	f.checkWhole(f.want(fragment(whole, 800, -1, 0), FragmentWhole), whole, 0)
	// The two ends of a datagram disagree.
	f = newFeed(t)
	f.want(fragment(whole, 1600, -1, 0), FragmentKept)
	f.want(fragment(whole[:len(whole)-80], 1608, -1, 0), FragmentIgnored)
	f.want(seal4(append(bytes.Clone(whole[:20]), make([]byte, 80)...), 2000, false), FragmentIgnored)
	f.want(fragment(whole, 0, 800, 0), FragmentKept)
	f.checkWhole(f.want(fragment(whole, 800, 1600, 0), FragmentWhole), whole, 0)
}

// TestAtomicFragmentsPass: RFC 6946: they are whole and never mixed with others, also not with the same identification.
func TestAtomicFragmentsPass(t *testing.T) {
	whole := datagram6(t, 992)
	f := newFeed(t)
	f.want(fragment(whole, 0, 800, 7), FragmentKept)
	if g := f.add(fragment(whole, 0, -1, 7)); g != nil {
		t.Fatalf("an atomic fragment: %v", g)
	}
	if f.p.Err() != nil || f.p.FindInner(decode.TypeUDP) < 0 {
		t.Fatal("an atomic fragment is not decoded whole")
	}
	f.checkWhole(f.want(fragment(whole, 800, -1, 7), FragmentWhole), whole, 0)
}

// TestFragmentsSeenTwice is a capture on several interfaces.
func TestFragmentsSeenTwice(t *testing.T) {
	whole := datagram4(t, 1992)
	next := bytes.Clone(whole)
	next[27] ^= 1 // the next datagram with the same identification and the same later fragments
	a, b, c := fragment(whole, 0, 800, 0), fragment(whole, 800, 1600, 0), fragment(whole, 1600, -1, 0)
	t.Run("one by one", func(t *testing.T) {
		f := newFeed(t)
		for _, x := range [][]byte{a, b} {
			f.want(x, FragmentKept)
			f.want(x, FragmentRepeated)
		}
		f.want(c, FragmentWhole)
		f.want(c, FragmentKept)
		f.d.Close()
		for g := range f.d.GivenUp() {
			t.Errorf("a copy is given up as a datagram: %s", &g)
		}
		if n := f.d.Counts(); n.Repeated != 3 || n.Whole != 1 || n.Ended != 0 {
			t.Errorf("%+v", n)
		}
	})
	t.Run("all again", func(t *testing.T) {
		f := newFeed(t)
		for i := range 2 {
			f.want(a, FragmentKept)
			f.want(b, FragmentKept)
			if g := f.want(c, FragmentWhole); g.Copy != (i == 1) {
				t.Errorf("time %d: copy %v", i, g.Copy)
			}
		}
	})
	t.Run("the identification again at once", func(t *testing.T) {
		f := newFeed(t)
		f.want(a, FragmentKept)
		f.want(b, FragmentKept)
		f.want(c, FragmentWhole)
		f.want(c, FragmentKept) // a copy: no part of the next
		f.want(fragment(next, 0, 800, 0), FragmentKept)
		f.want(b, FragmentKept)
		g := f.want(c, FragmentWhole)
		if g.Copy || !bytes.Equal(g.Frame.Data, next) {
			t.Errorf("copy %v", g.Copy)
		}
	})
	t.Run("the same a second later", func(t *testing.T) {
		f := newFeed(t)
		for range 2 {
			f.want(c, FragmentKept)
			f.want(b, FragmentKept)
			if g := f.want(a, FragmentWhole); g.Copy {
				t.Error("taken for a copy")
			}
			f.now = f.now.Add(2 * time.Second)
		}
	})
}

func TestWhatIsMissingIsSaid(t *testing.T) {
	whole := datagram4(t, 3992)
	f := newFeed(t)
	f.want(fragment(whole, 1480, 2960, 0), FragmentKept)
	f.want(fragment(whole, 2960, -1, 0), FragmentKept)
	f.now = f.now.Add(31 * time.Second)
	other := datagram6(t, 3992)
	f.want(fragment(other, 1480, 2960, 1), FragmentKept)
	var said []string
	for g := range f.d.GivenUp() {
		said = append(said, g.String())
		if !slices.Equal(g.Packets, []uint64{1, 2}) || g.Length != 4000 || g.Have != 2520 {
			t.Errorf("%+v", g)
		}
	}
	f.d.Close()
	for g := range f.d.GivenUp() {
		said = append(said, g.String())
	}
	want := []string{
		"IPv4 192.0.2.1 > 192.0.2.2 id 0x1234: fragments 0-1479 of 4000 never came (given up: time was over)",
		"IPv6 2001:db8::1 > 2001:db8::2 id 0x1: fragments 0-1479 and from 2960 on never came (given up: the capture ended)",
	}
	if !slices.Equal(said, want) {
		t.Errorf("%s", strings.Join(said, "\n"))
	}
	if c := f.d.Counts(); c.Late != 1 || c.Ended != 1 || c.Waiting != 0 || c.Bytes != 0 {
		t.Errorf("%+v", c)
	}
}

// TestFragmentsCutByTheCapture: what the snaplen cut is told, and the datagram is as long as it was.
func TestFragmentsCutByTheCapture(t *testing.T) {
	whole := datagram4(t, 3992)
	f := newFeed(t)
	f.snaplen = 500
	f.want(fragment(whole, 0, 1480, 0), FragmentKept)
	f.want(fragment(whole, 1480, 2960, 0), FragmentKept)
	g := f.want(fragment(whole, 2960, -1, 0), FragmentWhole)
	if g.Frame.Length != len(whole) || len(g.Frame.Data) != 500 || g.Cut != 4000-1440 || !bytes.Equal(g.Frame.Data, whole[:500]) {
		t.Errorf("%d of %d bytes, cut %d", len(g.Frame.Data), g.Frame.Length, g.Cut)
	}
	if s := g.String(); !strings.Contains(s, "4000 bytes of 3 fragments, 2560 cut by the capture") {
		t.Error(s)
	}
}

// TestFragmentStorm bounds what an endless row of beginnings can hold.
func TestFragmentStorm(t *testing.T) {
	whole, small := datagram4(t, 1992), datagram6(t, 92)
	f := newFeed(t)
	f.d.Datagrams, f.d.Bytes = 100, 200_000
	first, tiny := fragment(whole, 8, 1600, 0), fragment(small, 8, 16, 0)
	largest := 0
	for i := range 100_000 {
		binary.BigEndian.PutUint16(first[4:], uint16(i))
		wire.IPv4(first[:20]).UpdateChecksum()
		binary.BigEndian.PutUint32(tiny[44:], uint32(i))
		f.now = f.now.Add(-time.Millisecond) // no time passes
		f.add(first)
		f.add(tiny)
		c := f.d.Counts()
		largest = max(largest, c.Waiting)
		if c.Waiting > 100 || c.Bytes > 200_000 {
			t.Fatalf("%+v", c)
		}
	}
	c := f.d.Counts()
	told := 0
	for range f.d.GivenUp() {
		told++
	}
	if largest < 50 || c.Crowded != 200_000-uint64(c.Waiting) || told != maxReady || c.Untold != c.Crowded-maxReady {
		t.Errorf("at most %d, told %d: %+v", largest, told, c)
	}
	f.d.Close()
	if c := f.d.Counts(); c.Bytes != 0 || c.Waiting != 0 {
		t.Errorf("after the end %+v", c)
	}
}

// TestDatagramsThatAreWholePushNothingOut: they are remembered, but what is incomplete comes first.
func TestDatagramsThatAreWholePushNothingOut(t *testing.T) {
	whole := datagram4(t, 192)
	f := newFeed(t)
	f.d.Datagrams = 10
	f.want(fragment(datagram6(t, 992), 8, 800, 1), FragmentKept)
	for i := range 1000 {
		wire.IPv4(whole[:20]).SetID(uint16(i))
		f.want(fragment(whole, 80, -1, 0), FragmentKept)
		f.want(fragment(whole, 0, 80, 0), FragmentWhole)
	}
	if c := f.d.Counts(); c.Whole != 1000 || c.Crowded != 0 {
		t.Errorf("%+v", c)
	}
}

func TestCongestionIsKept(t *testing.T) {
	for _, whole := range [][]byte{datagram4(t, 992), datagram6(t, 992)} {
		f := newFeed(t)
		f.want(fragment(whole, 0, 800, 7), FragmentKept)
		b := fragment(whole, 800, -1, 7)
		if b[0]>>4 == 4 {
			wire.IPv4(b[:20]).SetTOS(3)
			wire.IPv4(b[:20]).UpdateChecksum()
		} else {
			b[1] |= 0x30
		}
		g := f.want(b, FragmentWhole)
		if h := g.Frame.Data; h[0]>>4 == 4 && h[1]&3 != 3 || h[0]>>4 == 6 && h[1]&0x30 != 0x30 {
			t.Errorf("the mark of RFC 3168 is lost: %x", h[:2])
		}
		f.checkWhole(g, g.Frame.Data, 0)
	}
}

func TestPacketsThatAreNoFragmentsCostNothing(t *testing.T) {
	f := newFeed(t)
	f.add(datagram4(t, 100))
	if n := testing.AllocsPerRun(1000, func() { f.d.Add(&f.p) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if c := f.d.Counts(); c.Fragments != 0 {
		t.Errorf("%+v", c)
	}
}

func BenchmarkDefragmenterNoFragment(b *testing.B) {
	f := newFeed(b)
	f.link = capture.LinkEthernet
	f.add(spec(b, "eth/ip{src=192.0.2.1,dst=192.0.2.2}/tcp{sport=1,dport=2}/hex{0102}"))
	for b.Loop() {
		f.d.Add(&f.p)
	}
}

func BenchmarkDefragmenter(b *testing.B) {
	whole := datagram4(b, 3992)
	f := newFeed(b)
	parts := [][]byte{fragment(whole, 0, 1480, 0), fragment(whole, 1480, 2960, 0), fragment(whole, 2960, -1, 0)}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		for _, x := range parts {
			wire.IPv4(x[:20]).SetID(uint16(i))
			wire.IPv4(x[:20]).UpdateChecksum()
			f.add(x)
		}
	}
}
