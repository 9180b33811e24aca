package packet_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"sockwire/raw/packet"
)

var (
	src4 = netip.MustParseAddr("192.0.2.1")
	dst4 = netip.MustParseAddr("198.51.100.2")
	src6 = netip.MustParseAddr("2001:db8::1")
	dst6 = netip.MustParseAddr("2001:db8::2")
)

func ExampleAppend() {
	b, err := packet.Append(nil,
		&packet.IPv4{Src: netip.MustParseAddr("192.0.2.1"), Dst: netip.MustParseAddr("198.51.100.2"), TTL: packet.U8(7)},
		&packet.UDP{SrcPort: 5555, DstPort: 53},
		packet.Payload("hi"))
	fmt.Printf("%x %v\n", b, err)
	// Output: 4500001e000000000711c798c0000201c633640215b30035000a95516869 <nil>
}

func TestGivenValuesAreWrittenAsGiven(t *testing.T) {
	b, err := packet.Append(nil,
		&packet.IPv4{Version: packet.U8(5), IHL: packet.U8(4), TotalLength: packet.U16(7), TTL: packet.U8(0),
			Protocol: packet.U8(200), Checksum: packet.U16(0xbeef), Flags: packet.EvilBit, FragmentOffset: 0x1fff, Src: src4, Dst: dst4},
		&packet.TCP{DataOffset: packet.U8(15), Checksum: packet.U16(1), Window: packet.U16(0), Flags: 0xfff},
		packet.Payload("x"))
	if err != nil {
		t.Fatal(err)
	}
	want := "54000007" + "00009fff" + "00c8beef" + "c0000201" + "c6336402" +
		"00000000" + "00000000" + "00000000" + "ffff0000" + "00010000" + "78"
	if got := hex.EncodeToString(b); got != want {
		t.Fatalf("\n%s, want\n%s", got, want)
	}
}

func TestAppendRefusesWhatDoesNotFit(t *testing.T) {
	ip4, ip6 := &packet.IPv4{Src: src4, Dst: dst4}, &packet.IPv6{Src: src6, Dst: dst6}
	for _, test := range []struct {
		layers []packet.Layer
		want   string
	}{
		{[]packet.Layer{ip4, packet.Payload("x")}, "layer 1, IPv4: no protocol number is known for Payload"},
		{[]packet.Layer{&packet.IPv4{Src: src6}}, "2001:db8::1 is not an IPv4 address"},
		{[]packet.Layer{&packet.IPv6{Src: src4}}, "192.0.2.1 is not an IPv6 address"},
		{[]packet.Layer{&packet.UDP{}}, "layer 1, UDP: a computed checksum needs an IP layer"},
		{[]packet.Layer{ip4, &packet.UDP{}, packet.Payload(make([]byte, 65536-8))}, "UDP: the datagram has 65536 bytes"},
		{[]packet.Layer{ip4, &packet.ICMPv4{}, packet.Payload(make([]byte, 65536))}, "IPv4: the packet has 65564 bytes"},
		{[]packet.Layer{ip6, &packet.ICMPv6{}, packet.Payload(make([]byte, 65536))}, "jumbo payload option"},
		{[]packet.Layer{&packet.VLAN{ID: 4096}}, "4096"},
		{[]packet.Layer{&packet.IPv4{Version: packet.U8(16)}}, "version 16"},
		{[]packet.Layer{ip4, &packet.TCP{Options: make([]packet.Option, 41)}}, "options take 44 bytes, 40 fit"},
		{[]packet.Layer{ip4, nil}, "nil is no layer"},
	} {
		before := []byte("before")
		b, err := packet.Append(before, test.layers...)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("error %v, want %q", err, test.want)
		}
		if !bytes.Equal(b, before) {
			t.Errorf("%q came back after the error, want what was there before", b)
		}
	}
}

func TestAppendAllocatesNothing(t *testing.T) {
	b := make([]byte, 0, 2048)
	data := make([]byte, 64)
	mss := []packet.Option{packet.TCPMSS(1460)}
	final := []netip.Addr{dst6}
	var seq uint32
	allocs := testing.AllocsPerRun(100, func() {
		var err error
		b, err = packet.Append(b[:0], &packet.Ethernet{}, &packet.VLAN{ID: 7}, &packet.IPv4{Src: src4, Dst: dst4},
			&packet.TCP{Seq: seq, Options: mss}, packet.Payload(data))
		if err == nil {
			b, err = packet.Append(b, &packet.IPv6{Src: src6, Dst: dst6}, &packet.HopByHop{}, &packet.Routing{Addresses: final},
				&packet.UDP{}, packet.Payload(data))
		}
		if err == nil {
			b, err = packet.Append(b, &packet.IPv6{Src: src6, Dst: dst6}, &packet.ICMPv6{Type: 128}, packet.Payload(data))
		}
		if err == nil {
			b, err = packet.Append(b, &packet.ICMPv4{Type: 8}, packet.Payload(data))
		}
		if err != nil {
			t.Fatal(err)
		}
		seq++
	})
	if allocs != 0 {
		t.Fatalf("%v allocations", allocs)
	}
}

func BenchmarkAppendUDP(b *testing.B) {
	buf, data := make([]byte, 0, 256), make([]byte, 18)
	b.ReportAllocs()
	for i := range b.N {
		buf, _ = packet.Append(buf[:0], &packet.Ethernet{}, &packet.IPv4{Src: src4, Dst: dst4}, &packet.UDP{SrcPort: uint16(i)}, packet.Payload(data))
	}
}
