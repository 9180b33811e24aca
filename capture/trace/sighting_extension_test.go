package trace

import (
	"net/netip"
	"testing"

	"sockwire/capture"
	"sockwire/raw/packet"
)

// TestKeysBehindExtensionHeaders: what is captured and what a socket saw are known by the same key, whatever headers
// stand before the transport.
func TestKeysBehindExtensionHeaders(t *testing.T) {
	six := &packet.IPv6{Src: netip.MustParseAddr("2001:db8::1"), Dst: netip.MustParseAddr("2001:db8::2")}
	four := &packet.IPv4{Src: netip.MustParseAddr("192.0.2.1"), Dst: netip.MustParseAddr("192.0.2.2"), ID: 7}
	ah := &packet.AH{SPI: 5, Sequence: 6, ICV: make([]byte, 12)}
	udp := &packet.UDP{SrcPort: 1000, DstPort: 2000}
	for name, layers := range map[string][]packet.Layer{
		"AH in IPv6":           {six, ah, udp, packet.Payload("data")},
		"AH in IPv4":           {four, ah, udp, packet.Payload("data")},
		"mobility":             {six, &packet.IPv6Extension{Protocol: 135, Data: make([]byte, 6)}, udp, packet.Payload("data")},
		"options, then AH":     {six, &packet.DestinationOptions{}, ah, udp, packet.Payload("data")},
		"routing, used up":     {six, &packet.Routing{Type: 4, SegmentsLeft: packet.U8(0), Addresses: []netip.Addr{six.Dst}}, udp, packet.Payload("data")},
		"a TCP segment in AH":  {six, ah, &packet.TCP{SrcPort: 1, DstPort: 2, Seq: 3}, packet.Payload("data")},
		"an ICMP message":      {six, ah, &packet.ICMPv6{Type: 128, ID: 3, Seq: 4}, packet.Payload("data")},
		"nothing before, IPv6": {six, udp, packet.Payload("data")},
	} {
		b, err := packet.Append(nil, layers...)
		if err != nil {
			t.Fatal(err)
		}
		p := FromFrame(capture.Frame{Data: b, Length: len(b), Link: capture.LinkRaw}, 1, 0, "host", "eth0")
		if p.UDP == nil && p.TCP == nil && p.ICMP == nil {
			t.Errorf("%s: the transport is not seen: %+v", name, p)
		}
		captured, ok := packetKey(p)
		seen, ok2 := headerKey(b)
		if !ok || !ok2 || captured != seen {
			t.Errorf("%s: captured %v %+v\n\tseen %v %+v", name, ok, captured, ok2, seen)
		}
	}
}
