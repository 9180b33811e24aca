package flow

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"

	"sockwire/capture"
	"sockwire/capture/decode"
	"sockwire/raw/wire"
)

// outer is a header around the IP header of a datagram that has to be mended when what it carries is longer.
type outer struct {
	kind decode.Type
	at   int // in head
}

// keepHead keeps the headers of the first fragment: what the whole datagram starts with.
func (a *assembly) keepHead(f *piece, p *decode.Packet) {
	ip := &p.Layers()[f.ip]
	start, end := 0, ip.Offset+ip.Header
	if f.v6 {
		end = p.Layers()[f.layer].Offset // without the fragment header
	}
	a.link, a.offload = p.Frame.Link, p.Frame.Offload
	a.outer = a.outer[:0]
	for i := range p.Layers()[:f.ip] {
		l := &p.Layers()[i]
		switch l.Type {
		case decode.TypeEthernet, decode.TypeVLAN, decode.TypeSLL, decode.TypeSLL2, decode.TypeNull, decode.TypeLoop, decode.TypePPP,
			decode.TypeHDLC, decode.TypeMPLS, decode.TypeVXLAN, decode.TypeGeneve, decode.TypeIPv6HopByHop, decode.TypeIPv6Routing,
			decode.TypeIPv6Destination, decode.TypeIPv6Fragment, decode.TypeAH:
		case decode.TypePPPoE, decode.TypeIPv4, decode.TypeIPv6, decode.TypeUDP, decode.TypeGRE:
			a.outer = append(a.outer, outer{l.Type, l.Offset})
		default: // its length is not known to be free
			start, a.link = ip.Offset, capture.LinkRaw
		}
	}
	if start > 0 {
		a.outer = nil
	}
	a.head = bytes.Clone(p.Frame.Data[start:end])
	a.ip = ip.Offset - start
	if f.v6 {
		before := &p.Layers()[f.layer-1]
		a.frag = before.Offset - start // the number of the next header is the first byte of an extension header
		if before.Type.Network() {
			a.frag += wire.IPv6NextHeaderAt
		}
		a.protocol = p.IPv6Fragment(f.layer).NextHeader()
	}
}

// finish puts the datagram together and keeps what tells copies of its fragments.
func (d *Defragmenter) finish(a *assembly, p *decode.Packet) *Datagram {
	d.counts.Whole++
	g := d.tell(a, FragmentWhole)
	g.Copy = a.before != nil && a.echo
	if g.Copy {
		d.counts.Copies++
		d.counts.Repeated += uint64(len(a.parts))
	}
	b := append(g.Frame.Data[:0], a.head...)
	for i := range a.parts {
		x := &a.parts[i]
		b = append(b, a.bytes(x)...)
		if x.size < x.to-x.from {
			break
		}
	}
	length := len(a.head) + a.total
	a.mend(b, length)
	g.Frame = capture.Frame{Data: b, Length: length, Time: p.Frame.Time, Interface: p.Frame.Interface, Ifindex: p.Frame.Ifindex,
		Link: a.link, Direction: p.Frame.Direction, Offload: capture.Offload{ChecksumPending: a.offload.ChecksumPending}}
	a.remember(d, p)
	return g
}

// remember keeps the places and sums of the parts, to tell copies.
func (a *assembly) remember(d *Defragmenter, p *decode.Packet) {
	for i := range a.parts {
		a.parts[i].sum = maphash.Bytes(d.seed, a.bytes(&a.parts[i]))
	}
	a.before, a.parts = a.parts, a.before[:0]
	a.clear()
	d.spare, a.store = a.store[:0], nil
	d.move(a, listWhole, p.Frame.Time)
}

// mend makes the IP header of b, which is length bytes on the wire, that of a whole packet, and the lengths of what is
// around it true. Where one is too large for its field it is 0, as in a packet that is left to be segmented.
func (a *assembly) mend(b []byte, length int) {
	if h := b[a.ip:]; a.key.version == 4 {
		h := wire.IPv4(h[:int(h[0]&15)*4])
		h.SetTotalLength(fit(length - a.ip))
		h[wire.IPv4FragmentAt] &= 0xc0
		h[wire.IPv4FragmentAt+1] = 0
		if a.ce {
			h.SetTOS(h.TOS() | 3)
		}
		h.UpdateChecksum()
	} else {
		binary.BigEndian.PutUint16(h[wire.IPv6PayloadLengthAt:], fit(length-a.ip-wire.IPv6Len))
		b[a.frag] = a.protocol
		if a.ce {
			h[1] |= 0x30
		}
	}
	for i := len(a.outer) - 1; i >= 0; i-- { // the inner ones first, for checksums
		o := a.outer[i]
		h, n := b[o.at:], length-o.at
		switch o.kind {
		case decode.TypeIPv4:
			h := wire.IPv4(h[:int(h[0]&15)*4])
			h.SetTotalLength(fit(n))
			h.UpdateChecksum()
		case decode.TypeIPv6:
			binary.BigEndian.PutUint16(h[wire.IPv6PayloadLengthAt:], fit(n-wire.IPv6Len))
		case decode.TypeUDP:
			binary.BigEndian.PutUint16(h[4:], fit(n))
			h[6], h[7] = 0, 0
		case decode.TypePPPoE:
			binary.BigEndian.PutUint16(h[4:], fit(n-6))
		case decode.TypeGRE:
			if g := decode.GRE(h); g.HasChecksum() && len(b) == length {
				h[4], h[5] = 0, 0
				binary.BigEndian.PutUint16(h[4:], wire.Checksum(h))
			} else if g.Version() == 1 && g.HasKey() {
				binary.BigEndian.PutUint16(h[4:], fit(n-8))
			}
		}
	}
}

// fit returns n for a field of 16 bits, 0 where it is too large.
func fit(n int) uint16 {
	if n > 0xffff {
		return 0
	}
	return uint16(n)
}
