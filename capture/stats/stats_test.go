package stats_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sockwire/capture"
	"sockwire/capture/decode"
	"sockwire/capture/stats"
)

// ipv4 is a UDP or TCP packet over IPv4 without a link header.
func ipv4(protocol byte, src, dst netip.AddrPort, size int) []byte {
	header := 8
	if protocol == 6 {
		header = 20
	}
	b := make([]byte, 20+header+size)
	b[0], b[2], b[3], b[8], b[9] = 0x45, byte(len(b)>>8), byte(len(b)), 64, protocol
	s, d := src.Addr().As4(), dst.Addr().As4()
	copy(b[12:], s[:])
	copy(b[16:], d[:])
	b[20], b[21], b[22], b[23] = byte(src.Port()>>8), byte(src.Port()), byte(dst.Port()>>8), byte(dst.Port())
	if protocol == 6 {
		b[32] = 0x50
	} else {
		b[24], b[25] = byte((8+size)>>8), byte(8+size)
	}
	return b
}

func packet(t *testing.T, data []byte, at time.Time) *decode.Packet {
	t.Helper()
	var p decode.Packet
	d := decode.Decoder{SkipChecksums: true, SkipApplications: true}
	if err := d.Decode(capture.Frame{Data: data, Length: len(data), Time: at, Link: capture.LinkRaw, Drops: 2}, &p); err != nil {
		t.Fatal(err)
	}
	return &p
}

var (
	a     = netip.MustParseAddrPort("192.0.2.1:4000")
	b     = netip.MustParseAddrPort("192.0.2.2:53")
	c     = netip.MustParseAddrPort("192.0.2.3:80")
	start = time.Unix(1_700_000_000, 0)
)

func fill(t *testing.T, parts ...*stats.Collector) {
	t.Helper()
	n := 0
	add := func(protocol byte, src, dst netip.AddrPort, size int) {
		parts[n%len(parts)].Add(packet(t, ipv4(protocol, src, dst, size), start.Add(time.Duration(n)*500*time.Millisecond)))
		n++
	}
	for range 3 {
		add(17, a, b, 10) // 38 bytes
		add(17, b, a, 100)
	}
	add(6, c, a, 1400) // 1440 bytes
	add(6, a, c, 0)    // 40 bytes
}

func TestCollector(t *testing.T) {
	var whole stats.Collector
	fill(t, &whole)
	wantUDP := stats.Conversation{
		Protocol: 17, A: a, B: b, AtoB: stats.Count{Packets: 3, Bytes: 114}, BtoA: stats.Count{Packets: 3, Bytes: 384},
		Span: stats.Span{First: start, Last: start.Add(2500 * time.Millisecond)},
	}
	wantTCP := stats.Conversation{
		Protocol: 6, A: a, B: c, AtoB: stats.Count{Packets: 1, Bytes: 40}, BtoA: stats.Count{Packets: 1, Bytes: 1440},
		Span: stats.Span{First: start.Add(3 * time.Second), Last: start.Add(3500 * time.Millisecond)},
	}
	addrs := cmpopts.EquateComparable(netip.AddrPort{}, netip.Addr{})
	if diff := cmp.Diff([]stats.Conversation{wantTCP, wantUDP}, whole.Conversations(), addrs); diff != "" {
		t.Error(diff)
	}
	if whole.Talks() != 2 || whole.TalkTotal(0) != wantUDP.Total() {
		t.Errorf("%d conversations, the first with %+v", whole.Talks(), whole.TalkTotal(0))
	}
	if diff := cmp.Diff([]stats.Conversation{wantUDP, wantTCP}, []stats.Conversation{whole.Talk(0), whole.Talk(1)}, addrs); diff != "" {
		t.Errorf("as they came: %s", diff)
	}
	ends := whole.Endpoints()
	if len(ends) != 3 || ends[0].Addr != a.Addr() || ends[0].Sent != (stats.Count{Packets: 4, Bytes: 154}) || ends[0].Recv != (stats.Count{Packets: 4, Bytes: 1824}) {
		t.Errorf("endpoints %+v", ends)
	}
	if whole.Total() != (stats.Count{Packets: 8, Bytes: 1978}) || whole.Captured() != 1978 || whole.Drops() != 16 {
		t.Errorf("total %+v, captured %d, drops %d", whole.Total(), whole.Captured(), whole.Drops())
	}
	l := whole.Lengths()
	if l.Min != 38 || l.Max != 1440 || l.Buckets[0].Packets != 4 || l.Buckets[2].Packets != 3 || l.Buckets[5].Packets != 1 {
		t.Errorf("lengths %+v", l)
	}
	for i := range l.Buckets {
		low, high := l.Bucket(i)
		if i == 5 && (low != 1024 || high != 1518) {
			t.Errorf("bucket %d is %d to %d", i, low, high)
		}
	}
	if second, n := whole.Busiest(); !second.Equal(start) || n.Packets != 2 {
		t.Errorf("busiest second %v with %+v", second, n)
	}
	packets, bits := whole.Span().PerSecond(whole.Total())
	if packets != 8/3.5 || bits != 1978*8/3.5 {
		t.Errorf("rates %v, %v", packets, bits)
	}
	var tree bytes.Buffer
	var show func(list []*stats.Protocol, depth int)
	show = func(list []*stats.Protocol, depth int) {
		for _, p := range list {
			fmt.Fprintf(&tree, "%*s%v %d %d\n", depth, "", p.Type, p.Packets, p.End.Packets)
			show(p.Children, depth+1)
		}
	}
	show(whole.Protocols(), 0)
	var first, second stats.Collector
	fill(t, &first, &second)
	first.Merge(&second)
	if diff := cmp.Diff(whole.Conversations(), first.Conversations(), addrs); diff != "" {
		t.Errorf("merged: %s", diff)
	}
	if first.Total() != whole.Total() || first.Lengths() != whole.Lengths() || first.Span() != whole.Span() || first.Drops() != whole.Drops() {
		t.Errorf("merged: %+v", first.Total())
	}
	merged := bytes.Clone(tree.Bytes())
	tree.Reset()
	show(first.Protocols(), 0)
	if !bytes.Equal(merged, tree.Bytes()) {
		t.Errorf("merged protocols\n%s\nnot\n%s", &tree, merged)
	}
	if n := whole.Protocols()[0]; n.Packets != 8 || len(n.Children) != 2 || n.Children[0].Type != decode.TypeUDP || n.Children[0].Packets != 6 {
		t.Errorf("protocols\n%s", merged)
	}
}

func TestCollectorIsBounded(t *testing.T) {
	small := stats.Collector{Limit: 1}
	fill(t, &small)
	if len(small.Conversations()) != 1 || small.Untracked() != (stats.Count{Packets: 2, Bytes: 1480}) {
		t.Errorf("%d conversations, untracked %+v", len(small.Conversations()), small.Untracked())
	}
	var whole stats.Collector
	fill(t, &whole)
	merged := stats.Collector{Limit: 1}
	merged.Merge(&whole)
	if len(merged.Conversations()) != 1 || merged.Untracked().Packets == 0 {
		t.Errorf("%d conversations, untracked %+v", len(merged.Conversations()), merged.Untracked())
	}
}

func TestEmpty(t *testing.T) {
	var c stats.Collector
	c.Merge(&stats.Collector{})
	packets, bits := c.Span().PerSecond(c.Total())
	if packets != 0 || bits != 0 || len(c.Protocols()) != 0 || len(c.Endpoints()) != 0 {
		t.Error("an empty collector has something")
	}
	if _, n := c.Busiest(); n.Packets != 0 {
		t.Errorf("busiest %+v", n)
	}
}

func TestAddDoesNotAllocate(t *testing.T) {
	var c stats.Collector
	p := packet(t, ipv4(17, a, b, 10), start)
	c.Add(p)
	if n := testing.AllocsPerRun(100, func() { c.Add(p) }); n != 0 {
		t.Errorf("%v allocations a packet", n)
	}
}

func ExampleCollector() {
	var c stats.Collector
	var d decode.Decoder
	var p decode.Packet
	data := ipv4(17, a, b, 10)
	_ = d.Decode(capture.Frame{Data: data, Length: len(data), Link: capture.LinkRaw}, &p)
	c.Add(&p)
	for _, talk := range c.Conversations() {
		fmt.Println(talk.A, talk.B, talk.Total().Bytes)
	}
	// Output: 192.0.2.1:4000 192.0.2.2:53 38
}
