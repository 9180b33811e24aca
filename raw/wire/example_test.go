package wire_test

import (
	"encoding/hex"
	"fmt"

	"sockwire/raw/wire"
)

// A packet is read in place: no copy, no allocation.
func ExampleParse() {
	// IPv6, destination options, a routing header with one segment left, UDP.
	packet, _ := hex.DecodeString("60000000002811402001" + "0db8000000000000000000000001" + "20010db8000000000000000000000002" +
		"d903003500280000" + "00000000000000000000000000000000" + "00000000000000000000000000000000")
	l, ok := wire.Parse(packet)
	if !ok || l.Protocol != wire.ProtoUDP {
		fmt.Println("no UDP:", l.Stop)
		return
	}
	udp := wire.UDP(packet[l.Transport:l.End])
	fmt.Println(udp.SourcePort(), udp.DestinationPort(), len(udp))
	// Output: 55555 53 40
}

// A router counts the TTL down and mends the checksum without summing the header again.
func ExampleUpdateChecksum16() {
	b, _ := hex.DecodeString("4500001c0001000040110000c0000201c0000202")
	h := wire.IPv4(b)
	h.UpdateChecksum()

	old := uint16(h.TTL())<<8 | uint16(h.Protocol())
	h.SetTTL(h.TTL() - 1)
	h.SetChecksum(wire.UpdateChecksum16(h.Checksum(), old, uint16(h.TTL())<<8|uint16(h.Protocol())))
	fmt.Println(h.TTL(), h.GoodChecksum())
	// Output: 63 true
}

func ExampleTCPOptions() {
	options := []byte{2, 4, 5, 180, 1, 3, 3, 7, 4, 2}
	for o := range wire.TCPOptions(options) {
		fmt.Println(wire.TCPOptionName(o.Kind), o.Data)
	}
	// Output:
	// Maximum segment size [5 180]
	// No operation []
	// Window scale [7]
	// SACK permitted []
}

func ExampleWalkExtensions() {
	// Hop-by-hop options, a fragment header, and the start of TCP.
	b := []byte{44, 0, 1, 4, 0, 0, 0, 0, 6, 0, 0, 1, 0, 0, 0, 9, 0x30, 0x39, 0, 80}
	w := wire.WalkExtensions(wire.ProtoHopByHop, b)
	for w.Next() {
		fmt.Printf("%s, %d bytes\n", wire.ProtocolName(w.Header()), len(w.Bytes()))
	}
	fmt.Printf("%s at %d: %v\n", wire.ProtocolName(w.Protocol), w.Offset, w.Stop)
	// Output:
	// IPv6 hop-by-hop options, 8 bytes
	// IPv6 fragment header, 8 bytes
	// TCP at 16: transport reached
}

func ExampleICMPName() {
	fmt.Println(wire.ICMPName(false, wire.ICMPv4Unreachable, wire.ICMPv4PortUnreachable))
	fmt.Println(wire.ICMPName(true, wire.ICMPv6PacketTooBig, 0))
	// Output:
	// port unreachable
	// packet too big
}

func ExampleTCPFlags() {
	f := wire.SYN | wire.ACK
	fmt.Println(f, f.Letters())
	// Output: S. SA
}
