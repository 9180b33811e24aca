package packet

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"sockwire/raw/wire"
)

const maxIPv4Options = 40 // bytes

// The bits of IPv4.Flags.
const (
	MoreFragments = 1
	DontFragment  = 2
	EvilBit       = 4 // reserved; named by RFC 3514
)

// IPv4 is an IPv4 header (RFC 791). A missing address is written as 0.0.0.0, a missing TTL as 64, or 1
// before IGMP (RFC 3376). Protocol follows from the next layer; before a payload it must be given. Of a packet with a
// source route, the checksums below cover the last address of it, which is where the packet ends up.
type IPv4 struct {
	Version        Opt[uint8]  `field:"version" bits:"4"`
	IHL            Opt[uint8]  `field:"ihl" bits:"4"` // header length in 4 bytes
	TOS            uint8       `field:"tos"`          // DSCP and ECN, RFC 2474 and RFC 3168
	TotalLength    Opt[uint16] `field:"len"`
	ID             uint16      `field:"id"`
	Flags          uint8       `field:"flags" bits:"3"`
	FragmentOffset uint16      `field:"off" bits:"13"` // in 8 bytes
	TTL            Opt[uint8]  `field:"ttl"`
	Protocol       Opt[uint8]  `field:"proto"`
	Checksum       Opt[uint16] `field:"chksum"`
	Src            netip.Addr  `field:"src"`
	Dst            netip.Addr  `field:"dst"`
	Options        []Option    `field:"options"`
}

func (*IPv4) layer() {}

// append writes the header; ttl is what is written where none is given.
func (h *IPv4) append(b []byte, next following, ttl uint8) ([]byte, error) {
	proto, err := numberOf(h.Protocol, next, "protocol number", "Protocol")
	if err != nil {
		return b, err
	}
	start := len(b)
	if h.Flags > 7 || h.FragmentOffset > 0x1fff {
		return b, fmt.Errorf("flags %d, offset %d do not fit in 3 and 13 bits", h.Flags, h.FragmentOffset)
	}
	if h.Version.value > 15 || h.IHL.value > 15 {
		return b, fmt.Errorf("version %d, header length %d do not fit in 4 bits each", h.Version.value, h.IHL.value)
	}
	b = append(b, h.Version.Or(4)<<4, h.TOS, 0, 0)
	b = append16(b, h.ID, uint16(h.Flags)<<13|h.FragmentOffset)
	b = append(b, h.TTL.Or(ttl), proto, 0, 0)
	if b, err = appendAddrs(b, 32, h.Src, h.Dst); err != nil {
		return b, err
	}
	if b, err = appendOptions4(b, h.Options); err != nil {
		return b, err
	}
	size := len(b) - start
	if size > 20+maxIPv4Options && !h.IHL.given {
		return b, fmt.Errorf("options take %d bytes, %d fit", size-20, maxIPv4Options)
	}
	b[start] |= h.IHL.Or(uint8(size / 4))
	return b, nil
}

// finish writes what depends on what follows: the length, then the checksum over the header of size bytes.
func (h *IPv4) finish(b []byte, start, size int) error {
	length := len(b) - start
	if length > 0xffff && !h.TotalLength.given {
		return fmt.Errorf("the packet has %d bytes, the total length can say 65535: give TotalLength", length)
	}
	binary.BigEndian.PutUint16(b[start+2:], h.TotalLength.Or(uint16(length)))
	binary.BigEndian.PutUint16(b[start+10:], h.Checksum.Or(wire.Checksum(b[start:start+size])))
	return nil
}

// final returns the address that transport checksums cover: the destination, or the end of a source route that has not
// been used up.
func (h *IPv4) final() netip.Addr {
	for i := range h.Options {
		o := &h.Options[i]
		if (o.Type == wire.IPv4OptionLSRR || o.Type == wire.IPv4OptionSSRR) && len(o.Data) >= 5 && int(o.Data[0]) <= len(o.Data) {
			return netip.AddrFrom4([4]byte(o.Data[len(o.Data)-4:]))
		}
	}
	return h.Dst
}

func (h *IPv4) read(r *reader) content {
	v := r.u8()
	h.Version, h.IHL, h.TOS, h.TotalLength, h.ID = U8(v>>4), U8(v&15), r.u8(), U16(r.u16()), r.u16()
	f := r.u16()
	h.Flags, h.FragmentOffset = uint8(f>>13), f&0x1fff
	h.TTL, h.Protocol, h.Checksum, h.Src, h.Dst = U8(r.u8()), U8(r.u8()), U16(r.u16()), r.addr4(), r.addr4()
	h.Options = readOptions4(r, r.bytes(4*int(h.IHL.value)-20))
	r.end = int(h.TotalLength.value)
	if h.FragmentOffset != 0 {
		return content{}
	}
	return content{byProtocol, uint16(h.Protocol.value)}
}
