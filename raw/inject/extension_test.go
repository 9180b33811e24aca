package inject

import (
	"net/netip"
	"testing"

	"sockwire/raw/packet"
	"sockwire/raw/wire"
)

// TestHeaderBehindExtensions: the transport is found behind whatever headers wire.Parse passes, in either version.
func TestHeaderBehindExtensions(t *testing.T) {
	four := &packet.IPv4{Src: netip.MustParseAddr("192.0.2.1"), Dst: netip.MustParseAddr("192.0.2.2")}
	six := &packet.IPv6{Src: netip.MustParseAddr("2001:db8::1"), Dst: netip.MustParseAddr("2001:db8::2")}
	ah := &packet.AH{SPI: 5, ICV: make([]byte, 12)}
	udp := &packet.UDP{SrcPort: 1000, DstPort: 2000}
	for name, layers := range map[string][]packet.Layer{
		"IPv4": {four, udp}, "AH in IPv4": {four, ah, udp}, "AH in IPv6": {six, ah, udp}, "mobility": {six, &packet.IPv6Extension{Protocol: wire.ProtoMobility, Data: make([]byte, 6)}, udp},
		"options and AH": {six, &packet.HopByHop{}, &packet.DestinationOptions{}, ah, udp},
	} {
		b, err := packet.Append(nil, layers...)
		if err != nil {
			t.Fatal(err)
		}
		h, ok := ParseHeader(b)
		if !ok || h.Protocol != wire.ProtoUDP || h.SrcPort != 1000 || h.DstPort != 2000 || h.Dst != h.Final {
			t.Errorf("%s: %v %+v", name, ok, h)
		}
		if n := testing.AllocsPerRun(100, func() { h = Header{}; h.parse(b) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	later, _ := packet.Append(nil, six, &packet.Fragment{Offset: 3, NextHeader: packet.U8(17)}, udp)
	if h, ok := ParseHeader(later); ok {
		t.Errorf("a later fragment: %+v", h)
	}
}
