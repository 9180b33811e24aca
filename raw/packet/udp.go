package packet

import (
	"encoding/binary"
	"fmt"

	"sockwire/raw/wire"
)

// UDP is a UDP header (RFC 768). A computed checksum needs an IP layer before it; give U16(0) for none.
type UDP struct {
	SrcPort  uint16      `field:"sport"`
	DstPort  uint16      `field:"dport"`
	Length   Opt[uint16] `field:"len"`
	Checksum Opt[uint16] `field:"chksum"`
}

func (*UDP) layer()     {}
func (*UDPLite) layer() {}

func (h *UDP) append(b []byte) []byte {
	return append16(b, h.SrcPort, h.DstPort, 0, 0)
}

func (h *UDP) finish(b []byte, start int, outer []Layer) error {
	data := b[start:]
	length, given := h.Length.Get()
	if !given {
		if len(data) > 0xffff && !jumbo(outer) {
			return fmt.Errorf("the datagram has %d bytes, its length can say 65535: give Length", len(data))
		}
		if len(data) <= 0xffff {
			length = uint16(len(data))
		}
	}
	binary.BigEndian.PutUint16(data[4:], length)
	return putUDPChecksum(h.Checksum, outer, wire.ProtoUDP, data, data)
}

func putUDPChecksum(given Opt[uint16], outer []Layer, protocol uint8, data, covered []byte) error {
	check, err := transportChecksum(given, outer, protocol, data, covered)
	if !given.given && check == 0 {
		check = 0xffff // 0 would say that there is no checksum
	}
	binary.BigEndian.PutUint16(data[6:], check)
	return err
}

// UDPLite is a UDP-Lite header (RFC 3828). Coverage is how many bytes from the header's first the checksum covers,
// 0 for all.
type UDPLite struct {
	SrcPort  uint16      `field:"sport"`
	DstPort  uint16      `field:"dport"`
	Coverage uint16      `field:"cov"`
	Checksum Opt[uint16] `field:"chksum"`
}

func (h *UDPLite) append(b []byte) []byte {
	return append16(b, h.SrcPort, h.DstPort, h.Coverage, 0)
}

func (h *UDPLite) finish(b []byte, start int, outer []Layer) error {
	data := b[start:]
	covered := data
	if n := int(h.Coverage); n != 0 {
		covered = data[:min(max(n, 8), len(data))]
	}
	return putUDPChecksum(h.Checksum, outer, wire.ProtoUDPLite, data, covered)
}

func (h *UDP) read(r *reader) content {
	h.SrcPort, h.DstPort, h.Length, h.Checksum = r.u16(), r.u16(), U16(r.u16()), U16(r.u16())
	if r.left() < 8 {
		return content{}
	}
	for _, port := range [...]uint16{h.DstPort, h.SrcPort} {
		switch port {
		case wire.PortDNS, wire.PortMDNS, wire.PortLLMNR:
			return content{byPort, wire.PortDNS}
		case wire.PortDHCPServer, wire.PortDHCPClient:
			return content{byPort, wire.PortDHCPServer}
		}
	}
	if wire.IsVXLANPort(h.DstPort) || h.DstPort == wire.PortGeneve { // tunnels have a port of the sender's choice as source
		return content{byPort, h.DstPort}
	}
	return content{}
}

func (h *UDPLite) read(r *reader) content {
	h.SrcPort, h.DstPort, h.Coverage, h.Checksum = r.u16(), r.u16(), r.u16(), U16(r.u16())
	return content{}
}
