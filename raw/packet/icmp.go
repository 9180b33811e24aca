package packet

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"sockwire/raw/wire"
)

// Of the extension structure behind what an error quotes (RFC 4884).
const (
	icmpQuoteMin          = 128 // a quote before extensions is padded to this
	icmpExtensionVersion  = 2
	icmpExtensionTopBytes = 4
)

// ICMPExtension is one object of an RFC 4884 extension structure: class 1 an MPLS label stack (RFC 4950), class 2
// an interface (RFC 5837). Length is that of the object with its 4-byte header.
type ICMPExtension struct {
	Length Opt[uint16]
	Class  uint8
	CType  uint8
	Data   []byte
}

// ICMPv4 is an ICMP message (RFC 792). The fields after Checksum name parts of the header's second word, whatever
// the type: ID is bytes 4 and 5, Seq and MTU bytes 6 and 7, Pointer byte 4, Length byte 5, Gateway and Rest all
// four. What is set is combined by OR, so set only what the type has.
//
// Types 13 and 14 go on with the three times, types 17 and 18 with Mask. A quoted packet or echo data follow as
// layers of their own. Extensions (RFC 4884) are put after them, the quote padded to 128 bytes and Length computed.
type ICMPv4 struct {
	Type      uint8           `field:"type"`
	Code      uint8           `field:"code"`
	Checksum  Opt[uint16]     `field:"chksum"`
	ID        uint16          `field:"id"`
	Seq       uint16          `field:"seq"`
	MTU       uint16          `field:"mtu"`
	Pointer   uint8           `field:"ptr"`
	Length    Opt[uint8]      `field:"len"` // of the quote, in 4 bytes
	Gateway   netip.Addr      `field:"gw"`
	Rest      uint32          `field:"rest"`
	Originate uint32          `field:"orig"` // milliseconds since midnight UT
	Receive   uint32          `field:"recv"`
	Transmit  uint32          `field:"xmit"`
	Mask      netip.Addr      `field:"mask"`
	Extension []ICMPExtension `field:"ext"`
}

// ICMPv6 is an ICMPv6 message (RFC 4443). As in [ICMPv4] the fields after Checksum name parts of the second word:
// ID bytes 4 and 5, Seq bytes 6 and 7, MTU, Pointer and Rest all four, Length byte 4. In a neighbour advertisement
// Flags is byte 4; in a router advertisement HopLimit is byte 4, Flags byte 5, Lifetime bytes 6 and 7.
//
// Target is written for types 135 to 137, Destination for 137, Group for 130 to 132, ReachableTime and RetransTimer
// (milliseconds) for 134, and Options, in units of 8 bytes, after these. A query with any of Interval, NumSources and
// Sources is one of MLDv2 (RFC 3810), in which Flags has the S flag and the robustness variable. In its report, type
// 143, Records follow; their number is the last two bytes of the second word when Rest, ID and Seq are zero.
//
// Without an IPv6 layer before it, the checksum is left 0: a raw socket's kernel writes it (RFC 3542, section 3.1).
type ICMPv6 struct {
	Type          uint8           `field:"type"`
	Code          uint8           `field:"code"`
	Checksum      Opt[uint16]     `field:"chksum"`
	ID            uint16          `field:"id"`
	Seq           uint16          `field:"seq"`
	MTU           uint32          `field:"mtu"`
	Pointer       uint32          `field:"ptr"`
	Length        Opt[uint8]      `field:"len"` // of the quote, in 8 bytes
	Rest          uint32          `field:"rest"`
	HopLimit      uint8           `field:"hlim"`
	Flags         uint8           `field:"flags"`
	Lifetime      uint16          `field:"lifetime"` // seconds
	ReachableTime uint32          `field:"reachable"`
	RetransTimer  uint32          `field:"retrans"`
	Target        netip.Addr      `field:"target"`
	Destination   netip.Addr      `field:"dest"`
	Group         netip.Addr      `field:"group"`
	Interval      Opt[uint8]      `field:"qqic"` // of the querier, as a code
	NumSources    Opt[uint16]     `field:"nsrc"`
	Sources       []netip.Addr    `field:"sources"`
	Records       []GroupRecord   `field:"records"`
	Options       []Option        `field:"options"`
	Extension     []ICMPExtension `field:"ext"`
}

func (*ICMPv4) layer() {}
func (*ICMPv6) layer() {}

func (h *ICMPv4) append(b []byte) ([]byte, error) {
	b = append(b, h.Type, h.Code, 0, 0)
	rest := h.Rest | uint32(h.ID)<<16 | uint32(h.Seq) | uint32(h.MTU) | uint32(h.Pointer)<<24 | uint32(h.Length.value)<<16
	if h.Gateway.IsValid() {
		if !h.Gateway.Is4() {
			return b, fmt.Errorf("%v is not an IPv4 address", h.Gateway)
		}
		rest |= uint32(scalarOf(h.Gateway).lo)
	}
	b = binary.BigEndian.AppendUint32(b, rest)
	switch h.Type {
	case wire.ICMPv4Timestamp, wire.ICMPv4TimestampReply:
		b = append32(b, h.Originate, h.Receive, h.Transmit)
	case wire.ICMPv4AddrMask, wire.ICMPv4AddrMaskReply:
		return appendAddrs(b, 32, h.Mask)
	}
	return b, nil
}

func (h *ICMPv4) finish(b []byte, start int) ([]byte, error) {
	b, err := appendICMPExtensions(b, start, h.Extension, h.Length, 5, 4)
	if err != nil {
		return b, err
	}
	binary.BigEndian.PutUint16(b[start+2:], h.Checksum.Or(wire.Checksum(b[start:])))
	return b, nil
}

func (h *ICMPv6) append(b []byte) ([]byte, error) {
	b = append(b, h.Type, h.Code, 0, 0)
	rest := h.Rest | uint32(h.ID)<<16 | uint32(h.Seq) | h.MTU | h.Pointer | uint32(h.Length.value)<<24
	if h.Type == wire.ICMPv6RouterAdvert {
		rest |= uint32(h.HopLimit)<<24 | uint32(h.Flags)<<16 | uint32(h.Lifetime)
	} else if h.Type != wire.ICMPv6MLDQuery {
		rest |= uint32(h.Flags) << 24
	}
	if h.Type == wire.ICMPv6MLDv2Report && rest == 0 {
		rest = uint32(len(h.Records))
	}
	b = binary.BigEndian.AppendUint32(b, rest)
	var err error
	switch h.Type {
	case wire.ICMPv6RouterAdvert:
		b = append32(b, h.ReachableTime, h.RetransTimer)
	case wire.ICMPv6NeighborSolicit, wire.ICMPv6NeighborAdvert:
		b, err = appendAddrs(b, 128, h.Target)
	case wire.ICMPv6Redirect:
		b, err = appendAddrs(b, 128, h.Target, h.Destination)
	case wire.ICMPv6MLDQuery, wire.ICMPv6MLDReport, wire.ICMPv6MLDDone:
		b, err = appendAddrs(b, 128, h.Group)
		if q := h.query(); err == nil && h.Type == wire.ICMPv6MLDQuery && q.given() {
			b, err = q.append(b, 128)
		}
	case wire.ICMPv6MLDv2Report:
		b, err = appendRecords(b, h.Records, 128)
	}
	if err != nil {
		return b, err
	}
	for i := range h.Options {
		o := &h.Options[i]
		start := len(b)
		b = append(b, o.Type, 0)
		b = appendPadded(b, o.Data, start, 8)
		if len(b)-start > 255*8 && !o.Length.given {
			return b, fmt.Errorf("option %d takes %d bytes, its length can say 2040", o.Type, len(b)-start)
		}
		b[start+1] = o.Length.Or(uint8((len(b) - start) / 8))
	}
	return b, nil
}

// hopLimit is what the message must have, or may: neighbour discovery 255 (RFC 4861), listener discovery 1 (RFC 3810).
func (h *ICMPv6) hopLimit() uint8 {
	switch {
	case h.Type >= wire.ICMPv6RouterSolicit && h.Type <= wire.ICMPv6Redirect:
		return 255
	case h.Type >= wire.ICMPv6MLDQuery && h.Type <= wire.ICMPv6MLDDone, h.Type == wire.ICMPv6MLDv2Report:
		return 1
	}
	return 64
}

// query returns what MLDv2 adds to a query.
func (h *ICMPv6) query() SourceQuery {
	q := SourceQuery{Interval: h.Interval, NumSources: h.NumSources, Sources: h.Sources}
	if h.Flags != 0 {
		q.Flags = U8(h.Flags)
	}
	return q
}

func (h *ICMPv6) finish(b []byte, start int, outer []Layer) ([]byte, error) {
	b, err := appendICMPExtensions(b, start, h.Extension, h.Length, 4, 8)
	if err != nil {
		return b, err
	}
	check, given := h.Checksum.Get()
	if !given {
		if pseudo, ok := pseudoHeader(outer, wire.ProtoICMPv6, len(b)-start); ok {
			check = pseudo.Add(b[start:]).Checksum()
		}
	}
	binary.BigEndian.PutUint16(b[start+2:], check)
	return b, nil
}

// appendICMPExtensions pads the quote of the message at start with zeros and writes an extension structure behind it,
// if there is one (RFC 4884, section 7). The length of the quote is in the message's byte lengthAt, counted in unit
// bytes.
func appendICMPExtensions(b []byte, start int, objects []ICMPExtension, length Opt[uint8], lengthAt, unit int) ([]byte, error) {
	if len(objects) == 0 {
		return b, nil
	}
	quote := max((len(b)-start-8+unit-1)/unit*unit, icmpQuoteMin)
	if quote/unit > 255 && !length.given {
		return b, fmt.Errorf("the quote has %d bytes, its length can say %d", quote, 255*unit)
	}
	at := start + 8 + quote
	b = append(b, make([]byte, at-len(b))...)
	b = append(b, icmpExtensionVersion<<4, 0, 0, 0)
	for i := range objects {
		o := &objects[i]
		b = binary.BigEndian.AppendUint16(b, o.Length.Or(uint16(icmpExtensionTopBytes+len(o.Data))))
		b = append(b, o.Class, o.CType)
		b = append(b, o.Data...)
	}
	binary.BigEndian.PutUint16(b[at+2:], wire.Checksum(b[at:]))
	b[start+lengthAt] |= length.Or(uint8(quote / unit))
	return b, nil
}

func (h *ICMPv4) read(r *reader) content {
	h.Type, h.Code, h.Checksum = r.u8(), r.u8(), U16(r.u16())
	rest := r.u32()
	high, low := uint16(rest>>16), uint16(rest)
	switch h.Type {
	case wire.ICMPv4Echo, wire.ICMPv4EchoReply, 15, 16, wire.ICMPv4ExtendedEcho, wire.ICMPv4ExtendedReply:
		h.ID, h.Seq = high, low
	case wire.ICMPv4Timestamp, wire.ICMPv4TimestampReply:
		h.ID, h.Seq = high, low
		h.Originate, h.Receive, h.Transmit = r.u32(), r.u32(), r.u32()
	case wire.ICMPv4AddrMask, wire.ICMPv4AddrMaskReply:
		h.ID, h.Seq, h.Mask = high, low, r.addr4()
	case wire.ICMPv4Redirect:
		h.Gateway = addrOf(number(uint64(rest)), 32)
		return r.version()
	case wire.ICMPv4Unreachable, wire.ICMPv4SourceQuench, wire.ICMPv4TimeExceeded, wire.ICMPv4ParamProblem:
		switch h.Type {
		case wire.ICMPv4Unreachable:
			h.MTU, h.Rest = low, rest&0xff000000
		case wire.ICMPv4ParamProblem:
			h.Pointer, h.Rest = uint8(high>>8), uint32(low)
		default:
			h.Rest = rest &^ 0xff0000
		}
		if length := uint8(high); length != 0 {
			h.Length = U8(length)
			h.Extension = r.extensions(4 * int(length))
		}
		return r.version()
	default:
		h.Rest = rest
	}
	return content{}
}

func (h *ICMPv6) read(r *reader) content {
	h.Type, h.Code, h.Checksum = r.u8(), r.u8(), U16(r.u16())
	rest := r.u32()
	switch h.Type {
	case wire.ICMPv6Echo, wire.ICMPv6EchoReply, wire.ICMPv6ExtendedEcho, wire.ICMPv6ExtendedReply:
		h.ID, h.Seq = uint16(rest>>16), uint16(rest)
	case wire.ICMPv6PacketTooBig:
		h.MTU = rest
		return r.version()
	case wire.ICMPv6ParamProblem:
		h.Pointer = rest
		return r.version()
	case wire.ICMPv6Unreachable, wire.ICMPv6TimeExceeded:
		h.Rest = rest & 0xffffff
		if length := uint8(rest >> 24); length != 0 {
			h.Length = U8(length)
			h.Extension = r.extensions(8 * int(length))
		}
		return r.version()
	case wire.ICMPv6RouterAdvert:
		h.HopLimit, h.Flags, h.Lifetime = uint8(rest>>24), uint8(rest>>16), uint16(rest)
		h.ReachableTime, h.RetransTimer = r.u32(), r.u32()
		h.Options = readNDOptions(r)
	case wire.ICMPv6RouterSolicit:
		h.Rest = rest
		h.Options = readNDOptions(r)
	case wire.ICMPv6NeighborSolicit, wire.ICMPv6NeighborAdvert:
		h.Flags, h.Rest = uint8(rest>>24), rest&0xffffff
		h.Target = r.addr6()
		h.Options = readNDOptions(r)
	case wire.ICMPv6Redirect:
		h.Rest, h.Target, h.Destination = rest, r.addr6(), r.addr6()
		h.Options = readNDOptions(r)
	case wire.ICMPv6MLDQuery, wire.ICMPv6MLDReport, wire.ICMPv6MLDDone:
		h.ID, h.Seq, h.Group = uint16(rest>>16), uint16(rest), r.addr6()
		if start := r.pos; h.Type == wire.ICMPv6MLDQuery && r.left() >= 4 {
			q := r.sourceQuery(128)
			if r.bad {
				r.pos, r.bad = start, false
				break
			}
			h.Flags, h.Interval, h.NumSources, h.Sources = q.Flags.value, q.Interval, q.NumSources, q.Sources
		}
	case wire.ICMPv6MLDv2Report:
		if h.Records = r.records(int(rest&0xffff), 128); rest != uint32(len(h.Records)) {
			h.Rest = rest
		}
	default:
		h.Rest = rest
	}
	return content{}
}

// extensions reads the RFC 4884 structure behind a quote of n bytes, and ends the layers with the quote. It returns
// nil, and leaves all to the quote, if there is no such structure or it would not be built the same.
func (r *reader) extensions(n int) []ICMPExtension {
	if r.bad || r.left() < n+8 || !r.whole && n < icmpQuoteMin {
		return nil
	}
	b := r.b[r.pos+n:]
	if b[0] != icmpExtensionVersion<<4 || b[1] != 0 || wire.Checksum(b) != 0 {
		return nil
	}
	var list []ICMPExtension
	for objects := b[4:]; len(objects) > 0; {
		if len(objects) < 4 {
			return nil
		}
		size := int(binary.BigEndian.Uint16(objects))
		if size < 4 || size > len(objects) {
			return nil
		}
		list = append(list, ICMPExtension{Class: objects[2], CType: objects[3], Data: objects[4:size]})
		objects = objects[size:]
	}
	r.cut = len(b)
	return list
}
