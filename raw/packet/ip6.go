package packet

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"sockwire/raw/wire"
)

// IPv6 is an IPv6 header (RFC 8200). A missing address is written as ::, a missing hop limit as 64, or what the
// ICMPv6 message that follows must have: neighbour discovery 255 (RFC 4861), listener discovery 1 (RFC 3810).
// NextHeader follows from the next layer, 59 (none) when there is none; before a payload it must be given.
// PayloadLength is 0 when a hop-by-hop header with the jumbo payload option follows (RFC 2675).
type IPv6 struct {
	Version       Opt[uint8]  `field:"version" bits:"4"`
	TrafficClass  uint8       `field:"tc"`
	FlowLabel     uint32      `field:"flow" bits:"20"`
	PayloadLength Opt[uint16] `field:"plen"`
	NextHeader    Opt[uint8]  `field:"nh"`
	HopLimit      Opt[uint8]  `field:"hlim"`
	Src           netip.Addr  `field:"src"`
	Dst           netip.Addr  `field:"dst"`
}

// HopByHop is the hop-by-hop options header. Its options are aligned and padded as their definitions ask.
type HopByHop struct {
	NextHeader Opt[uint8] `field:"nh"`
	Length     Opt[uint8] `field:"len"` // in 8 bytes, the first 8 not counted
	Options    []Option   `field:"options"`
}

// DestinationOptions is the destination options header. With a home address option (RFC 6275) the checksums below cover
// that as the source.
type DestinationOptions struct {
	NextHeader Opt[uint8] `field:"nh"`
	Length     Opt[uint8] `field:"len"` // in 8 bytes, the first 8 not counted
	Options    []Option   `field:"options"`
}

// Routing is a routing header: type 0 (RFC 5095 retired it), type 2 (RFC 6275), type 4, segment routing (RFC 8754),
// and any other. SegmentsLeft is the number of addresses when left out, of segment routing one less. Of types 0
// and 2 the checksums below cover the last address, of type 4 the first, as long as SegmentsLeft is not 0.
type Routing struct {
	NextHeader   Opt[uint8]   `field:"nh"`
	Length       Opt[uint8]   `field:"len"` // in 8 bytes, the first 8 not counted
	Type         uint8        `field:"type"`
	SegmentsLeft Opt[uint8]   `field:"left"`
	Reserved     Opt[uint32]  `field:"rest"` // bytes 4 to 7; of type 4 the last entry, flags and tag
	Addresses    []netip.Addr `field:"addrs"`
	Data         []byte       `field:"data"` // after the addresses; padded with zeros to a multiple of 8
}

// Fragment is the fragment header. Layers after it are written whole: it does not cut them.
type Fragment struct {
	NextHeader Opt[uint8] `field:"nh"`
	Reserved   uint8      `field:"res"`
	Offset     uint16     `field:"off" bits:"13"` // in 8 bytes
	Reserved2  uint8      `field:"res2" bits:"2"`
	More       bool       `field:"more"`
	ID         uint32     `field:"id"`
}

// IPv6Extension is any other extension header of the common form: next header, length in 8 bytes, data. Protocol
// is its own number: mobility 135, HIP 139, Shim6 140, the experiments' 253 and 254. Data are padded with zeros.
type IPv6Extension struct {
	Protocol   uint8      `field:"proto"`
	NextHeader Opt[uint8] `field:"nh"`
	Length     Opt[uint8] `field:"len"` // in 8 bytes, the first 8 not counted
	Data       []byte     `field:"data"`
}

// AH is an authentication header (RFC 4302) with its integrity value as bytes. Length counts 4 bytes, less two.
type AH struct {
	NextHeader Opt[uint8] `field:"nh"`
	Length     Opt[uint8] `field:"len"`
	Reserved   uint16     `field:"res"`
	SPI        uint32     `field:"spi"`
	Sequence   uint32     `field:"seq"`
	ICV        []byte     `field:"icv"`
}

// ESP is the front of an encapsulating security payload (RFC 4303); what is encrypted follows as a payload.
type ESP struct {
	SPI      uint32 `field:"spi"`
	Sequence uint32 `field:"seq"`
}

func (*IPv6) layer()               {}
func (*HopByHop) layer()           {}
func (*DestinationOptions) layer() {}
func (*Routing) layer()            {}
func (*Fragment) layer()           {}
func (*IPv6Extension) layer()      {}
func (*AH) layer()                 {}
func (*ESP) layer()                {}

func nextHeader(given Opt[uint8], next following) (uint8, error) {
	return numberOf(given, next, "protocol number", "NextHeader")
}

// append writes the header; hopLimit is what is written where none is given.
func (h *IPv6) append(b []byte, next following, hopLimit uint8) ([]byte, error) {
	proto, err := nextHeader(h.NextHeader, next)
	if err != nil {
		return b, err
	}
	if h.Version.value > 15 || h.FlowLabel > 0xfffff {
		return b, fmt.Errorf("version %d, flow label %d do not fit in 4 and 20 bits", h.Version.value, h.FlowLabel)
	}
	b = binary.BigEndian.AppendUint32(b, uint32(h.Version.Or(6))<<28|uint32(h.TrafficClass)<<20|h.FlowLabel)
	b = append(b, 0, 0, proto, h.HopLimit.Or(hopLimit))
	return appendAddrs(b, 128, h.Src, h.Dst)
}

// finish writes the length; of a packet with a jumbo payload option that is 0.
func (h *IPv6) finish(b []byte, start int, jumbo bool) error {
	length, given := h.PayloadLength.Get()
	if !given {
		n := len(b) - start - 40
		if jumbo {
			n = 0
		}
		if n > 0xffff {
			return fmt.Errorf("the payload has %d bytes, its length can say 65535: give PayloadLength, or a jumbo payload option", n)
		}
		length = uint16(n)
	}
	binary.BigEndian.PutUint16(b[start+4:], length)
	return nil
}

func (h *HopByHop) jumbo() bool {
	for i := range h.Options {
		if h.Options[i].Type == wire.IPv6OptionJumbo {
			return true
		}
	}
	return false
}

// home returns the address that transport checksums cover as the source: that of the home address option (RFC 6275,
// section 6.3).
func (h *DestinationOptions) home() (netip.Addr, bool) {
	for i := range h.Options {
		if o := &h.Options[i]; o.Type == wire.IPv6OptionHomeAddress && len(o.Data) == 16 {
			return netip.AddrFrom16([16]byte(o.Data)), true
		}
	}
	return netip.Addr{}, false
}

func appendOptionsHeader(b []byte, nh, length Opt[uint8], options []Option, next following) ([]byte, error) {
	proto, err := nextHeader(nh, next)
	if err != nil {
		return b, err
	}
	start := len(b)
	b = append(b, proto, 0)
	if b, err = appendOptions6(b, options, start); err != nil {
		return b, err
	}
	return b, putLength8(b, start, length)
}

// putLength8 writes the length of the extension header that b ends with, in 8 bytes, the first 8 not counted.
func putLength8(b []byte, start int, given Opt[uint8]) error {
	n := (len(b)-start)/8 - 1
	if n > 255 && !given.given {
		return fmt.Errorf("the header takes %d bytes, its length can say 2048", len(b)-start)
	}
	b[start+1] = given.Or(uint8(n))
	return nil
}

func (h *Routing) append(b []byte, next following) ([]byte, error) {
	proto, err := nextHeader(h.NextHeader, next)
	if err != nil {
		return b, err
	}
	start := len(b)
	left, rest := len(h.Addresses), uint32(0)
	if h.Type == 4 && left > 0 {
		left--
		rest = uint32(left) << 24
	}
	if left > 255 && !h.SegmentsLeft.given {
		return b, fmt.Errorf("%d addresses, segments left can say 255", left)
	}
	b = append(b, proto, 0, h.Type, h.SegmentsLeft.Or(uint8(left)))
	b = binary.BigEndian.AppendUint32(b, h.Reserved.Or(rest))
	if b, err = appendAddrs(b, 128, h.Addresses...); err != nil {
		return b, err
	}
	b = appendPadded(b, h.Data, start, 8)
	return b, putLength8(b, start, h.Length)
}

// final returns the address that transport checksums cover, which is where the packet ends up (RFC 8200, section
// 8.1), and whether this header decides it.
func (h *Routing) final() (netip.Addr, bool) {
	if len(h.Addresses) == 0 || h.SegmentsLeft.given && h.SegmentsLeft.value == 0 {
		return netip.Addr{}, false
	}
	switch h.Type {
	case 0, 2:
		return h.Addresses[len(h.Addresses)-1], true
	case 4:
		return h.Addresses[0], true
	}
	return netip.Addr{}, false
}

func (h *Fragment) append(b []byte, next following) ([]byte, error) {
	proto, err := nextHeader(h.NextHeader, next)
	if err != nil {
		return b, err
	}
	if h.Offset > 0x1fff || h.Reserved2 > 3 {
		return b, fmt.Errorf("offset %d, reserved %d do not fit in 13 and 2 bits", h.Offset, h.Reserved2)
	}
	v := h.Offset<<3 | uint16(h.Reserved2)<<1
	if h.More {
		v |= 1
	}
	b = append(b, proto, h.Reserved)
	b = binary.BigEndian.AppendUint16(b, v)
	return binary.BigEndian.AppendUint32(b, h.ID), nil
}

func (h *IPv6Extension) append(b []byte, next following) ([]byte, error) {
	proto, err := nextHeader(h.NextHeader, next)
	if err != nil {
		return b, err
	}
	start := len(b)
	b = appendPadded(append(b, proto, 0), h.Data, start, 8)
	return b, putLength8(b, start, h.Length)
}

func (h *AH) append(b []byte, next following) ([]byte, error) {
	proto, err := nextHeader(h.NextHeader, next)
	if err != nil {
		return b, err
	}
	start := len(b)
	b = append(b, proto, 0)
	b = binary.BigEndian.AppendUint16(b, h.Reserved)
	b = append32(b, h.SPI, h.Sequence)
	b = appendPadded(b, h.ICV, start, 4)
	words := (len(b)-start)/4 - 2
	if words > 255 && !h.Length.given {
		return b, fmt.Errorf("the header takes %d bytes, its length can say 1028", len(b)-start)
	}
	b[start+1] = h.Length.Or(uint8(words))
	return b, nil
}

func (h *ESP) append(b []byte) []byte {
	return append32(b, h.SPI, h.Sequence)
}

func (h *HopByHop) read(r *reader) content {
	return readOptionsHeader(r, &h.NextHeader, &h.Length, &h.Options)
}

func (h *DestinationOptions) read(r *reader) content {
	return readOptionsHeader(r, &h.NextHeader, &h.Length, &h.Options)
}

func (h *IPv6) read(r *reader) content {
	v := r.u32()
	h.Version, h.TrafficClass, h.FlowLabel = U8(uint8(v>>28)), uint8(v>>20), v&0xfffff
	h.PayloadLength, h.NextHeader, h.HopLimit = U16(r.u16()), U8(r.u8()), U8(r.u8())
	h.Src, h.Dst = r.addr6(), r.addr6()
	if h.PayloadLength.value != 0 {
		r.end = 40 + int(h.PayloadLength.value)
	}
	return content{byProtocol, uint16(h.NextHeader.value)}
}

func (h *Routing) read(r *reader) content {
	h.NextHeader, h.Length = U8(r.u8()), U8(r.u8())
	h.Type, h.SegmentsLeft, h.Reserved = r.u8(), U8(r.u8()), U32(r.u32())
	data := r.bytes(8 * int(h.Length.value))
	if h.Type == 0 || h.Type == 2 || h.Type == 4 {
		for n := routingAddresses(h, len(data)); n > 0; n-- {
			h.Addresses = append(h.Addresses, netip.AddrFrom16([16]byte(data)))
			data = data[16:]
		}
	}
	h.Data = data
	return content{byProtocol, uint16(h.NextHeader.value)}
}

func (h *Fragment) read(r *reader) content {
	h.NextHeader, h.Reserved = U8(r.u8()), r.u8()
	v := r.u16()
	h.Offset, h.Reserved2, h.More, h.ID = v>>3, uint8(v>>1&3), v&1 != 0, r.u32()
	if h.Offset == 0 {
		return content{byProtocol, uint16(h.NextHeader.value)}
	}
	return content{}
}

func (h *IPv6Extension) read(r *reader) content {
	h.NextHeader, h.Length = U8(r.u8()), U8(r.u8())
	h.Data = r.bytes(6 + 8*int(h.Length.value))
	return content{byProtocol, uint16(h.NextHeader.value)}
}

func (h *AH) read(r *reader) content {
	h.NextHeader, h.Length, h.Reserved, h.SPI, h.Sequence = U8(r.u8()), U8(r.u8()), r.u16(), r.u32(), r.u32()
	h.ICV = r.bytes(4*int(h.Length.value) - 4)
	return content{byProtocol, uint16(h.NextHeader.value)}
}

func (h *ESP) read(r *reader) content {
	h.SPI, h.Sequence = r.u32(), r.u32()
	return content{}
}

// routingAddresses returns how many addresses the data of a routing header hold.
func routingAddresses(l *Routing, size int) int {
	n := size / 16
	if l.Type == 4 {
		n = min(n, int(l.Reserved.value>>24)+1)
	}
	return n
}
