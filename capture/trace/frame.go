package trace

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"slices"
	"sync"
	"time"

	"sockwire/capture"
	"sockwire/capture/decode"
	"sockwire/raw/wire"
)

// FromFrame makes the Packet of a captured frame: number counts from 1, at is the frame's time on the
// timeline's clock, host the network namespace it was captured in. The Packet has its own copy of the
// bytes. What is not IP, or cannot be read, becomes a Packet with nothing but a Summary.
func FromFrame(f capture.Frame, number int, at time.Duration, host, ifname string) *Packet {
	f.Data = slices.Clone(f.Data)
	r := readers.Get().(*reader)
	defer r.free()
	p := &r.packet
	_ = r.decoder.Decode(f, p) // the layers before a fault are good; without any the packet is Other
	out := &Packet{
		Number: number, Time: at, Host: host, Interface: ifname, Length: max(f.Length, len(f.Data)),
		Segments: int(f.Offload.Segments), SegmentSize: int(f.Offload.SegmentSize),
	}
	switch f.Direction {
	case capture.DirectionIn:
		out.Direction = In
	case capture.DirectionOut:
		out.Direction = Out
	}
	ip := slices.IndexFunc(p.Layers(), func(l decode.Layer) bool { return l.Type.Network() })
	if ip < 0 {
		out.Summary = r.line()
		return out
	}
	out.network(p, ip)
	out.transport(p, ip)
	return out
}

// reader is what decoding a frame takes. They are used again: each is larger than most packets.
type reader struct {
	decoder decode.Decoder
	packet  decode.Packet
}

var readers = sync.Pool{New: func() any {
	return &reader{decoder: decode.Decoder{SkipChecksums: true, SkipApplications: true}}
}}

func (r *reader) free() {
	r.packet.Frame = capture.Frame{}
	readers.Put(r)
}

// line is the decoded packet in a line.
func (r *reader) line() string {
	printer := decode.Printer{Time: decode.TimeNone, Absolute: true}
	return string(bytes.TrimSpace(printer.AppendLine(nil, &r.packet)))
}

// Line is the packet in a line. Few are asked for it: most belong to a socket.
func (p *Packet) Line() string {
	if p.Summary != "" || len(p.Network) == 0 {
		return p.Summary
	}
	r := readers.Get().(*reader)
	defer r.free()
	f := capture.Frame{Data: p.Network, Length: max(p.Length-p.LinkHeader, len(p.Network)), Link: capture.LinkRaw}
	_ = r.decoder.Decode(f, &r.packet) // what cannot be decoded has a line too
	return r.line()
}

// network reads the IP header and its extensions.
func (out *Packet) network(p *decode.Packet, ip int) {
	layers := p.Layers()
	l := layers[ip]
	t, _ := p.Outer()
	out.Src, out.Dst = clean(t.Src), clean(t.Dst)
	out.Protocol = t.Protocol
	out.LinkHeader = l.Offset
	out.NetworkHeader = l.Header
	out.Network = p.Frame.Data[l.Offset:min(l.Offset+l.Length, len(p.Frame.Data))]
	if h := p.IPv4(ip); h != nil {
		out.TTL, out.IPID = h.TTL(), uint32(h.ID())
		out.Fragment = Fragment{Is: h.MoreFragments() || h.FragmentOffset() > 0, Offset: h.FragmentOffset(), More: h.MoreFragments()}
	} else if h := p.IPv6(ip); h != nil {
		out.TTL = h.HopLimit()
	}
	out.PayloadLength = max(l.Length-l.Header, 0)
	for i := ip + 1; i < len(layers); i++ {
		switch layers[i].Type {
		case decode.TypeIPv6HopByHop, decode.TypeIPv6Routing, decode.TypeIPv6Destination, decode.TypeIPv6Fragment, decode.TypeIPv6Mobility, decode.TypeAH:
			out.NetworkHeader += layers[i].Header
			out.PayloadLength -= layers[i].Header
			if h := p.IPv6Fragment(i); h != nil {
				out.IPID = h.ID()
				out.Fragment = Fragment{Is: h.MoreFragments() || h.FragmentOffset() > 0, Offset: h.FragmentOffset(), More: h.MoreFragments()}
			}
			continue
		}
		break
	}
	out.PayloadLength = max(out.PayloadLength, 0)
	out.Payload = out.Network[min(out.NetworkHeader, len(out.Network)):]
}

// transport reads the header behind those of IP.
func (out *Packet) transport(p *decode.Packet, ip int) {
	layers := p.Layers()
	for i := ip + 1; i < len(layers) && layers[i].Flags&decode.Quoted == 0; i++ {
		l := layers[i]
		if l.Offset != out.LinkHeader+out.NetworkHeader {
			continue
		}
		switch l.Type {
		case decode.TypeTCP:
			if h := p.TCP(i); h != nil {
				out.TCP = &TCP{Seq: h.Sequence(), Ack: h.Acknowledgment(), Flags: wire.TCPFlags(h.Flags() & 0xff), Window: h.Window()}
				out.TCP.Options = slices.Clone(h.Options())
				out.TCP.readOptions(out.TCP.Options)
			}
		case decode.TypeUDP:
			if h := p.UDP(i); h != nil {
				out.UDP = &UDP{Length: int(h.Length())}
			}
		case decode.TypeICMPv4, decode.TypeICMPv6:
			out.icmp(p, i)
		default:
			return
		}
		out.TransportHeader = l.Header
		out.PayloadLength = max(out.PayloadLength-l.Header, 0)
		out.Payload = out.Payload[min(l.Header, len(out.Payload)):]
		return
	}
}

func clean(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

// readOptions reads the options of a TCP header that a timeline needs; RFC 9293 section 3.1.
func (t *TCP) readOptions(b []byte) {
	for o := range wire.TCPOptions(b) {
		switch {
		case o.Kind == wire.TCPOptionMSS && len(o.Data) == 2:
			t.MSS = binary.BigEndian.Uint16(o.Data)
		case o.Kind == wire.TCPOptionTimestamps && len(o.Data) == 8:
			t.Timestamps = true
		}
	}
}

// icmp reads an ICMP header and what it quotes.
func (out *Packet) icmp(p *decode.Packet, i int) {
	v6 := p.Layers()[i].Type == decode.TypeICMPv6
	h := p.ICMPv4(i)
	if v6 {
		h = p.ICMPv6(i)
	}
	out.ICMP = &ICMP{Type: h.Type(), Code: h.Code(), Name: icmpName(v6, h.Type(), h.Code())}
	if out.ICMP.EchoRequest(v6) || out.ICMP.EchoReply(v6) {
		out.ICMP.ID, out.ICMP.Seq = h.ID(), h.Sequence()
	}
	t, ok := p.Quote()
	if !ok {
		return
	}
	q := &Quote{Protocol: t.Protocol, Src: clean(t.Src), Dst: clean(t.Dst)}
	out.ICMP.Quote = q
	for j := i + 1; j < len(p.Layers()); j++ {
		l := p.Layers()[j]
		if l.Flags&decode.Quoted == 0 {
			continue
		}
		header := p.Header(j)
		switch l.Type {
		case decode.TypeIPv4:
			q.IPID = uint32(p.IPv4(j).ID())
		case decode.TypeIPv6Fragment:
			q.IPID = p.IPv6Fragment(j).ID()
		case decode.TypeUDP:
			if len(header) >= udpHeader {
				q.Length = int(binary.BigEndian.Uint16(header[4:]))
				q.Payload = p.Payload(j)
			}
			return
		case decode.TypeTCP:
			if len(header) >= 8 {
				q.Seq = binary.BigEndian.Uint32(header[4:])
			}
			return
		}
	}
}

// icmpName names a message; "" for one of a type or code without a name.
func icmpName(v6 bool, typ, code uint8) string {
	if name := wire.ICMPCodeName(v6, typ, code); name != "" || code != 0 {
		return name
	}
	return wire.ICMPTypeName(v6, typ)
}
