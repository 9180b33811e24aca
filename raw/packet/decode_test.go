package packet_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"sockwire/capture"
	"sockwire/capture/decode"
	"sockwire/raw/packet"
	"sockwire/raw/wire"
)

// TestDecodeOfAppendIsTheIdentity builds random packets and reads every field back with the decoder, which shares no
// code with this package.
func TestDecodeOfAppendIsTheIdentity(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	u8 := func() uint8 { return uint8(rng.Uint32()) }
	u16 := func() uint16 { return uint16(rng.Uint32()) }
	addr4 := func() netip.Addr { return netip.AddrFrom4([4]byte{u8(), u8(), u8(), u8()}) }
	addr6 := func() netip.Addr {
		var b [16]byte
		for i := range b {
			b[i] = u8()
		}
		b[0] &= 0x7f
		return netip.AddrFrom16(b)
	}
	var decoder decode.Decoder
	decoder.SkipApplications = true
	var p decode.Packet
	for range 5000 {
		ip4 := &packet.IPv4{Src: addr4(), Dst: addr4(), TTL: packet.U8(u8()), TOS: u8(), ID: u16(), Flags: packet.DontFragment * (u8() & 1)}
		ip6 := &packet.IPv6{Src: addr6(), Dst: addr6(), HopLimit: packet.U8(u8()), TrafficClass: u8(), FlowLabel: rng.Uint32() & 0xfffff}
		udp := &packet.UDP{SrcPort: u16(), DstPort: u16()}
		tcp := &packet.TCP{SrcPort: u16(), DstPort: u16(), Seq: rng.Uint32(), Ack: rng.Uint32(), Flags: wire.TCPFlags(rng.Uint32() & 0x1ff), Window: packet.U16(u16()), Urgent: u16(),
			Options: []packet.Option{packet.TCPMSS(u16()), {Type: 1}, packet.TCPTimestamps(rng.Uint32(), 0)}}
		data := make(packet.Payload, rng.IntN(200))
		for i := range data {
			data[i] = u8()
		}
		layers := []packet.Layer{&packet.Ethernet{Src: packet.MAC{2, u8()}, Dst: packet.MAC{4, u8()}}}
		if rng.IntN(3) == 0 {
			layers = append(layers, &packet.VLAN{ID: u16() & 0xfff, Priority: u8() & 7})
		}
		v4, isUDP := rng.IntN(2) == 0, rng.IntN(2) == 0
		if v4 {
			layers = append(layers, ip4)
		} else {
			layers = append(layers, ip6)
			if rng.IntN(3) == 0 {
				layers = append(layers, &packet.DestinationOptions{Options: []packet.Option{{Type: 0x3e, Data: data[:min(len(data), 5)]}}})
			}
		}
		if isUDP {
			layers = append(layers, udp)
		} else {
			layers = append(layers, tcp)
		}
		b, err := packet.Append(nil, append(layers, data)...)
		if err != nil {
			t.Fatal(err)
		}
		check := func(what string, got, want any) {
			t.Helper()
			if got != want {
				t.Fatalf("%s is %v, want %v\n%s\n%x", what, got, want, packet.Format(append(layers, data)), b)
			}
		}
		if err := decoder.Decode(capture.Frame{Data: b, Length: len(b), Link: capture.LinkEthernet}, &p); err != nil {
			t.Fatalf("%v\n%x", err, b)
		}
		for _, l := range p.Layers() {
			check(fmt.Sprint("checksum of ", l.Type), l.Checksum == decode.ChecksumBad, false)
		}
		tuple, ok := p.Outer()
		check("tuple", ok, true)
		if i := p.Find(decode.TypeIPv4); v4 {
			h := p.IPv4(i)
			check("source", h.Source(), ip4.Src)
			check("destination", h.Destination(), ip4.Dst)
			check("TTL", h.TTL(), ip4.TTL.Or(0))
			check("DSCP and ECN", h.TOS(), ip4.TOS)
			check("id", h.ID(), ip4.ID)
			check("DF", h.DontFragment(), ip4.Flags == packet.DontFragment)
		} else {
			h := p.IPv6(p.Find(decode.TypeIPv6))
			check("source", h.Source(), ip6.Src)
			check("destination", h.Destination(), ip6.Dst)
			check("hop limit", h.HopLimit(), ip6.HopLimit.Or(0))
			check("flow label", h.FlowLabel(), ip6.FlowLabel)
		}
		if isUDP {
			check("protocol", tuple.Protocol, uint8(wire.ProtoUDP))
			check("source port", tuple.Src.Port(), udp.SrcPort)
			check("destination port", tuple.Dst.Port(), udp.DstPort)
			i := p.Find(decode.TypeUDP)
			check("length", p.UDP(i).Length(), uint16(8+len(data)))
			check("payload", string(p.Payload(i)), string(data))
			continue
		}
		h := p.TCP(p.Find(decode.TypeTCP))
		check("sequence number", h.Sequence(), tcp.Seq)
		check("acknowledgment", h.Acknowledgment(), tcp.Ack)
		check("window", h.Window(), tcp.Window.Or(0))
		check("flags", uint16(h.Flags())&0xff, uint16(tcp.Flags)&0xff)
		check("payload", string(p.Payload(p.Find(decode.TypeTCP))), string(data))
	}
}
