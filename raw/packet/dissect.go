package packet

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"reflect"

	"sockwire/raw/wire"
)

// Dissect takes a packet apart into layers that build it again: Append(nil, Dissect(b, first)...) is b for any b. first
// says what b starts with, such as new(Ethernet) or new(IPv4). Fields are left out where computing them gives the
// same bytes; what has no layer of its own, is cut or is malformed becomes a [Payload]. The layers hold views of b.
//
// To read packets fast, use package capture/decode; Dissect is for building them anew.
func Dissect(b []byte, first Layer) []Layer {
	d := dissection{whole: b, end: len(b)}
	d.walk(first)
	for {
		got, err := Append(nil, d.layers...)
		if err == nil && bytes.Equal(got, b) {
			break
		}
		d.giveUpInnermost()
	}
	simplify(d.layers, b)
	return d.layers
}

// dissection is the state of taking one packet apart.
type dissection struct {
	whole  []byte
	end    int // of what belongs to the current layer
	layers []Layer
	starts []int
}

func (d *dissection) walk(l Layer) {
	at := 0
	for l != nil && len(d.layers) < maxLayers-1 {
		r := reader{b: d.whole[at:d.end]}
		next := d.read(l, &r)
		if r.bad {
			break
		}
		d.layers = append(d.layers, l)
		d.starts = append(d.starts, at)
		at += r.pos
		l = next
	}
	if at < d.end || len(d.layers) == 0 {
		d.layers = append(d.layers, Payload(d.whole[at:d.end:d.end]))
		d.starts = append(d.starts, at)
	}
}

// giveUpInnermost makes a payload of the innermost header, which did not build the bytes it was read from.
func (d *dissection) giveUpInnermost() {
	last := len(d.layers) - 1
	if _, ok := d.layers[last].(Payload); ok && last > 0 {
		last--
	}
	if last == 0 {
		d.layers = []Layer{Payload(d.whole)}
		return
	}
	d.layers = append(d.layers[:last], Payload(d.whole[d.starts[last]:d.end:d.end]))
}

// bound ends the current layers n bytes behind the start of the header that r reads, if an Ethernet header can take
// the rest as its trailer.
func (d *dissection) bound(r *reader, n int) {
	if r.bad || len(d.layers) == 0 || n < r.pos || n >= len(r.b) || d.end != len(d.whole) {
		return
	}
	if e, ok := d.layers[0].(*Ethernet); ok {
		d.end -= len(r.b) - n
		e.Trailer = d.whole[d.end:]
	}
}

// reader takes fields off the front of a header. What is missing reads as zero and sets bad.
type reader struct {
	b   []byte
	pos int
	bad bool
}

func (r *reader) bytes(n int) []byte {
	if n < 0 || len(r.b)-r.pos < n {
		r.bad = true
		return make([]byte, min(max(n, 0), 16))
	}
	r.pos += n
	return r.b[r.pos-n : r.pos : r.pos]
}

func (r *reader) u8() uint8         { return r.bytes(1)[0] }
func (r *reader) u16() uint16       { return binary.BigEndian.Uint16(r.bytes(2)) }
func (r *reader) u32() uint32       { return binary.BigEndian.Uint32(r.bytes(4)) }
func (r *reader) mac() MAC          { return MAC(r.bytes(6)) }
func (r *reader) addr4() netip.Addr { return netip.AddrFrom4([4]byte(r.bytes(4))) }
func (r *reader) addr6() netip.Addr { return netip.AddrFrom16([16]byte(r.bytes(16))) }
func (r *reader) left() int         { return len(r.b) - r.pos }

// read fills l from r and returns the layer that follows, nil for a payload.
func (d *dissection) read(l Layer, r *reader) Layer {
	switch l := l.(type) {
	case *Ethernet:
		l.Dst, l.Src = r.mac(), r.mac()
		l.EtherType = U16(r.u16())
		return layerOfEtherType(l.EtherType.value)
	case *VLAN:
		tci := r.u16()
		l.Priority, l.DropOK, l.ID = uint8(tci>>13), uint8(tci>>12&1), tci&0xfff
		l.EtherType = U16(r.u16())
		return layerOfEtherType(l.EtherType.value)
	case *ARP:
		l.HardwareType, l.ProtocolType, l.HardwareLength, l.ProtocolLength = U16(r.u16()), U16(r.u16()), U8(r.u8()), U8(r.u8())
		l.Operation = U16(r.u16())
		l.SenderMAC, l.SenderIP, l.TargetMAC, l.TargetIP = r.mac(), r.addr4(), r.mac(), r.addr4()
		r.bad = r.bad || l.HardwareLength.value != 6 || l.ProtocolLength.value != 4
		d.bound(r, r.pos)
	case *MPLS:
		v := r.u32()
		l.Label, l.TC, l.Bottom, l.TTL = v>>12, uint8(v>>9&7), U8(uint8(v>>8&1)), U8(uint8(v))
		if l.Bottom.value == 0 {
			return new(MPLS)
		}
		if r.left() > 0 {
			return layerOfVersion(r.b[r.pos])
		}
	case *PPPoE:
		v := r.u8()
		l.Version, l.Type, l.Code, l.SessionID, l.Length = U8(v>>4), U8(v&15), r.u8(), r.u16(), U16(r.u16())
		if d.bound(r, 6+int(l.Length.value)); l.Code != 0 {
			return nil
		}
		l.Protocol = U16(r.u16())
		switch l.Protocol.value {
		case wire.PPPIPv4:
			return new(IPv4)
		case wire.PPPIPv6:
			return new(IPv6)
		case wire.PPPMPLS:
			return new(MPLS)
		}
	case *IPv4:
		return d.readIPv4(l, r)
	case *IPv6:
		v := r.u32()
		l.Version, l.TrafficClass, l.FlowLabel = U8(uint8(v>>28)), uint8(v>>20), v&0xfffff
		l.PayloadLength, l.NextHeader, l.HopLimit = U16(r.u16()), U8(r.u8()), U8(r.u8())
		l.Src, l.Dst = r.addr6(), r.addr6()
		if l.PayloadLength.value != 0 {
			d.bound(r, 40+int(l.PayloadLength.value))
		}
		return layerOfProtocol(l.NextHeader.value)
	case *HopByHop:
		return readOptionsHeader(r, &l.NextHeader, &l.Length, &l.Options)
	case *DestinationOptions:
		return readOptionsHeader(r, &l.NextHeader, &l.Length, &l.Options)
	case *Routing:
		l.NextHeader, l.Length = U8(r.u8()), U8(r.u8())
		l.Type, l.SegmentsLeft, l.Reserved = r.u8(), U8(r.u8()), U32(r.u32())
		data := r.bytes(8 * int(l.Length.value))
		if l.Type == 0 || l.Type == 2 || l.Type == 4 {
			for n := routingAddresses(l, len(data)); n > 0; n-- {
				l.Addresses = append(l.Addresses, netip.AddrFrom16([16]byte(data)))
				data = data[16:]
			}
		}
		l.Data = data
		return layerOfProtocol(l.NextHeader.value)
	case *Fragment:
		l.NextHeader, l.Reserved = U8(r.u8()), r.u8()
		v := r.u16()
		l.Offset, l.Reserved2, l.More, l.ID = v>>3, uint8(v>>1&3), v&1 != 0, r.u32()
		if l.Offset == 0 {
			return layerOfProtocol(l.NextHeader.value)
		}
	case *IPv6Extension:
		l.NextHeader, l.Length = U8(r.u8()), U8(r.u8())
		l.Data = r.bytes(6 + 8*int(l.Length.value))
		return layerOfProtocol(l.NextHeader.value)
	case *AH:
		l.NextHeader, l.Length, l.Reserved, l.SPI, l.Sequence = U8(r.u8()), U8(r.u8()), r.u16(), r.u32(), r.u32()
		l.ICV = r.bytes(4*int(l.Length.value) - 4)
		return layerOfProtocol(l.NextHeader.value)
	case *ESP:
		l.SPI, l.Sequence = r.u32(), r.u32()
	case *ICMPv4:
		return d.readICMPv4(l, r)
	case *ICMPv6:
		return d.readICMPv6(l, r)
	case *IGMP:
		l.read(r)
	case *UDP:
		l.SrcPort, l.DstPort, l.Length, l.Checksum = r.u16(), r.u16(), U16(r.u16()), U16(r.u16())
		switch {
		case wire.IsVXLANPort(l.DstPort) && r.left() >= 8:
			return new(VXLAN)
		case l.DstPort == wire.PortGeneve && r.left() >= 8:
			return new(Geneve)
		}
	case *UDPLite:
		l.SrcPort, l.DstPort, l.Coverage, l.Checksum = r.u16(), r.u16(), r.u16(), U16(r.u16())
	case *TCP:
		l.SrcPort, l.DstPort, l.Seq, l.Ack = r.u16(), r.u16(), r.u32(), r.u32()
		v := r.u16()
		l.DataOffset, l.Flags, l.Window, l.Checksum, l.Urgent = U8(uint8(v>>12)), wire.TCPFlags(v&0xfff), U16(r.u16()), U16(r.u16()), r.u16()
		l.Options = readOptions4(r, r.bytes(4*int(l.DataOffset.value)-20))
	case *SCTP:
		l.SrcPort, l.DstPort, l.Tag, l.Checksum = r.u16(), r.u16(), r.u32(), U32(r.u32())
		return sctpChunk(r)
	case *SCTPChunk:
		l.Type, l.Flags, l.Length = r.u8(), r.u8(), U16(r.u16())
		l.Value = r.bytes(int(l.Length.value) - 4)
		r.bytes((4 - r.pos%4) % 4)
		return sctpChunk(r)
	case *GRE:
		flags := r.u16()
		l.Flags, l.Protocol = U16(flags), U16(r.u16())
		if flags&wire.GREChecksum != 0 {
			l.Checksum, l.Reserved1 = U16(r.u16()), r.u16()
		}
		if flags&wire.GREKey != 0 {
			l.Key = U32(r.u32())
		}
		if flags&wire.GRESequence != 0 {
			l.Sequence = U32(r.u32())
		}
		if flags&0x4007 != 0 { // routing (RFC 1701) or another version: other fields follow
			return nil
		}
		return layerOfTunnelType(l.Protocol.value)
	case *VXLAN:
		v, w := r.u32(), r.u32()
		l.Flags, l.Reserved, l.VNI, l.Reserved2 = U8(uint8(v>>24)), v&0xffffff, w>>8, uint8(w)
		if r.left() >= 14 {
			return new(Ethernet)
		}
	case *Geneve:
		v := r.u8()
		l.Version, l.OptionLength, l.Flags, l.Protocol = v>>6, U8(v&63), r.u8(), U16(r.u16())
		w := r.u32()
		l.VNI, l.Reserved = w>>8, uint8(w)
		l.Options = r.bytes(4 * int(l.OptionLength.value))
		return layerOfTunnelType(l.Protocol.value)
	default:
		r.bad = true
	}
	return nil
}

func (d *dissection) readIPv4(l *IPv4, r *reader) Layer {
	v := r.u8()
	l.Version, l.IHL, l.TOS, l.TotalLength, l.ID = U8(v>>4), U8(v&15), r.u8(), U16(r.u16()), r.u16()
	f := r.u16()
	l.Flags, l.FragmentOffset = uint8(f>>13), f&0x1fff
	l.TTL, l.Protocol, l.Checksum, l.Src, l.Dst = U8(r.u8()), U8(r.u8()), U16(r.u16()), r.addr4(), r.addr4()
	l.Options = readOptions4(r, r.bytes(4*int(l.IHL.value)-20))
	d.bound(r, int(l.TotalLength.value))
	if l.FragmentOffset != 0 {
		return nil
	}
	return layerOfProtocol(l.Protocol.value)
}

func (d *dissection) readICMPv4(l *ICMPv4, r *reader) Layer {
	l.Type, l.Code, l.Checksum = r.u8(), r.u8(), U16(r.u16())
	rest := r.u32()
	high, low := uint16(rest>>16), uint16(rest)
	switch l.Type {
	case wire.ICMPv4Echo, wire.ICMPv4EchoReply, 15, 16, wire.ICMPv4ExtendedEcho, wire.ICMPv4ExtendedReply:
		l.ID, l.Seq = high, low
	case wire.ICMPv4Timestamp, wire.ICMPv4TimestampReply:
		l.ID, l.Seq = high, low
		l.Originate, l.Receive, l.Transmit = r.u32(), r.u32(), r.u32()
	case wire.ICMPv4AddrMask, wire.ICMPv4AddrMaskReply:
		l.ID, l.Seq, l.Mask = high, low, r.addr4()
	case wire.ICMPv4Redirect:
		l.Gateway = addrOf(number(uint64(rest)), 32)
		return layerOfVersionAt(r)
	case wire.ICMPv4Unreachable, wire.ICMPv4SourceQuench, wire.ICMPv4TimeExceeded, wire.ICMPv4ParamProblem:
		switch l.Type {
		case wire.ICMPv4Unreachable:
			l.MTU, l.Rest = low, rest&0xff000000
		case wire.ICMPv4ParamProblem:
			l.Pointer, l.Rest = uint8(high>>8), uint32(low)
		default:
			l.Rest = rest &^ 0xff0000
		}
		if length := uint8(high); length != 0 {
			l.Length = U8(length)
			l.Extension = d.extensions(r, 4*int(length))
		}
		return layerOfVersionAt(r)
	default:
		l.Rest = rest
	}
	return nil
}

// extensions reads the RFC 4884 structure behind a quote of n bytes, and ends the layers with the quote. It returns
// nil, and leaves all to the quote, if there is no such structure or it would not be built the same.
func (d *dissection) extensions(r *reader, n int) []ICMPExtension {
	if r.bad || r.left() < n+8 || d.end != len(d.whole) && n < icmpQuoteMin {
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
	d.end -= len(b)
	return list
}

func (d *dissection) readICMPv6(l *ICMPv6, r *reader) Layer {
	l.Type, l.Code, l.Checksum = r.u8(), r.u8(), U16(r.u16())
	rest := r.u32()
	switch l.Type {
	case wire.ICMPv6Echo, wire.ICMPv6EchoReply, wire.ICMPv6ExtendedEcho, wire.ICMPv6ExtendedReply:
		l.ID, l.Seq = uint16(rest>>16), uint16(rest)
	case wire.ICMPv6PacketTooBig:
		l.MTU = rest
		return layerOfVersionAt(r)
	case wire.ICMPv6ParamProblem:
		l.Pointer = rest
		return layerOfVersionAt(r)
	case wire.ICMPv6Unreachable, wire.ICMPv6TimeExceeded:
		l.Rest = rest & 0xffffff
		if length := uint8(rest >> 24); length != 0 {
			l.Length = U8(length)
			l.Extension = d.extensions(r, 8*int(length))
		}
		return layerOfVersionAt(r)
	case wire.ICMPv6RouterAdvert:
		l.HopLimit, l.Flags, l.Lifetime = uint8(rest>>24), uint8(rest>>16), uint16(rest)
		l.ReachableTime, l.RetransTimer = r.u32(), r.u32()
		l.Options = readNDOptions(r)
	case wire.ICMPv6RouterSolicit:
		l.Rest = rest
		l.Options = readNDOptions(r)
	case wire.ICMPv6NeighborSolicit, wire.ICMPv6NeighborAdvert:
		l.Flags, l.Rest = uint8(rest>>24), rest&0xffffff
		l.Target = r.addr6()
		l.Options = readNDOptions(r)
	case wire.ICMPv6Redirect:
		l.Rest, l.Target, l.Destination = rest, r.addr6(), r.addr6()
		l.Options = readNDOptions(r)
	case wire.ICMPv6MLDQuery, wire.ICMPv6MLDReport, wire.ICMPv6MLDDone:
		l.ID, l.Seq, l.Group = uint16(rest>>16), uint16(rest), r.addr6()
		if start := r.pos; l.Type == wire.ICMPv6MLDQuery && r.left() >= 4 {
			q := r.sourceQuery(128)
			if r.bad {
				r.pos, r.bad = start, false
				break
			}
			l.Flags, l.Interval, l.NumSources, l.Sources = q.Flags.value, q.Interval, q.NumSources, q.Sources
		}
	case wire.ICMPv6MLDv2Report:
		if l.Records = r.records(int(rest&0xffff), 128); rest != uint32(len(l.Records)) {
			l.Rest = rest
		}
	default:
		l.Rest = rest
	}
	return nil
}

// readOptions4 reads the options of IPv4 or TCP. Zeros that only fill the last four bytes are padding.
func readOptions4(r *reader, b []byte) []Option {
	if r.bad {
		return nil
	}
	var list []Option
	for off := 0; off < len(b); {
		if len(b)-off < 4 && len(bytes.Trim(b[off:], "\x00")) == 0 {
			break
		}
		w := wire.OptionAt(b, off)
		if w.Cut && w.Length == 1 {
			r.bad = true
			return nil
		}
		list = append(list, optionOf(w, b))
		off += w.Length
	}
	return list
}

// optionOf returns an option of b as it is built. One that is cut has what is there as data, and its length as it stands.
func optionOf(w wire.Option, b []byte) Option {
	o := Option{Type: w.Kind, Data: w.Data}
	if w.Cut {
		o.Length, o.Data = U8(b[w.Offset+1]), b[w.Offset+2:w.Offset+w.Length:w.Offset+w.Length]
	}
	return o
}

// readOptionsHeader reads a header of IPv6 options, padding that is computed left out.
func readOptionsHeader(r *reader, nh, length *Opt[uint8], options *[]Option) Layer {
	*nh, *length = U8(r.u8()), U8(r.u8())
	whole := r.bytes(6 + 8*int(length.value))
	if r.bad {
		return nil
	}
	var all, plain []Option
	for w := range wire.IPv6Options(whole) {
		if w.Cut && w.Length == 1 {
			r.bad = true
			return nil
		}
		o := optionOf(w, whole)
		all = append(all, o)
		if o.Type != wire.IPv6OptionPad1 && o.Type != wire.IPv6OptionPadN {
			plain = append(plain, o)
		}
	}
	*options = all
	if got, err := appendOptions6(make([]byte, 2), plain, 0); err == nil && bytes.Equal(got[2:], whole) {
		*options = plain
	}
	return layerOfProtocol(nh.value)
}

func readNDOptions(r *reader) []Option {
	var list []Option
	if r.bad {
		return nil
	}
	for o := range wire.NDOptions(r.b[r.pos:]) {
		if o.Cut {
			break
		}
		list = append(list, Option{Type: o.Kind, Data: o.Data})
		r.pos += o.Length
	}
	return list
}

// routingAddresses returns how many addresses the data of a routing header hold.
func routingAddresses(l *Routing, size int) int {
	n := size / 16
	if l.Type == 4 {
		n = min(n, int(l.Reserved.value>>24)+1)
	}
	return n
}

func sctpChunk(r *reader) Layer {
	if r.left() >= 4 {
		return new(SCTPChunk)
	}
	return nil
}

func layerOfVersion(b byte) Layer {
	switch b >> 4 {
	case 4:
		return new(IPv4)
	case 6:
		return new(IPv6)
	}
	return nil
}

func layerOfVersionAt(r *reader) Layer {
	if r.bad || r.left() == 0 {
		return nil
	}
	return layerOfVersion(r.b[r.pos])
}

func layerOfEtherType(t uint16) Layer {
	switch t {
	case wire.EtherTypeIPv4:
		return new(IPv4)
	case wire.EtherTypeIPv6:
		return new(IPv6)
	case wire.EtherTypeARP:
		return new(ARP)
	case wire.EtherTypeVLAN, wire.EtherTypeQinQ, 0x9100:
		return &VLAN{TPID: U16(t)}
	case wire.EtherTypeMPLS, 0x8848:
		return new(MPLS)
	case wire.EtherTypePPPoE, wire.EtherTypePPPoEDisc:
		return new(PPPoE)
	}
	return nil
}

func layerOfTunnelType(t uint16) Layer {
	if t == wire.EtherTypeTEB {
		return new(Ethernet)
	}
	return layerOfEtherType(t)
}

func layerOfProtocol(p uint8) Layer {
	switch p {
	case wire.ProtoHopByHop:
		return new(HopByHop)
	case wire.ProtoICMP:
		return new(ICMPv4)
	case wire.ProtoIGMP:
		return new(IGMP)
	case wire.ProtoIPv4:
		return new(IPv4)
	case wire.ProtoTCP:
		return new(TCP)
	case wire.ProtoUDP:
		return new(UDP)
	case wire.ProtoIPv6:
		return new(IPv6)
	case wire.ProtoRouting:
		return new(Routing)
	case wire.ProtoFragment:
		return new(Fragment)
	case wire.ProtoGRE:
		return new(GRE)
	case wire.ProtoESP:
		return new(ESP)
	case wire.ProtoAH:
		return new(AH)
	case wire.ProtoICMPv6:
		return new(ICMPv6)
	case wire.ProtoDstOpts:
		return new(DestinationOptions)
	case wire.ProtoSCTP:
		return new(SCTP)
	case wire.ProtoUDPLite:
		return new(UDPLite)
	case wire.ProtoMPLS:
		return new(MPLS)
	case wire.ProtoEthernet:
		return new(Ethernet)
	case wire.ProtoMobility, wire.ProtoHIP, wire.ProtoShim6:
		return &IPv6Extension{Protocol: p}
	}
	return nil
}

// simplify leaves out what is computed to the same bytes.
func simplify(layers []Layer, want []byte) {
	buf := make([]byte, 0, len(want)+256)
	for _, l := range layers {
		if _, ok := l.(Payload); ok {
			continue
		}
		v := reflect.ValueOf(l).Elem()
		for i := range v.NumField() {
			f := v.Field(i)
			if f.IsZero() {
				continue
			}
			t := target{ptr: f.Addr().Interface()}
			before := reflect.New(f.Type()).Elem()
			before.Set(f)
			if _, isAddr := t.ptr.(*netip.Addr); isAddr || !t.clear() {
				continue
			}
			got, err := Append(buf[:0], layers...)
			if err != nil || !bytes.Equal(got, want) {
				f.Set(before)
			}
		}
	}
}
