package trace

import (
	"net/netip"
	"slices"
	"time"
)

// What the kernel told of the sockets of packets goes before what their addresses say. See Matcher.

// endpoint is a stream socket that the kernel saw at one end of a flow.
type endpoint struct {
	at time.Duration
	*Socket
}

// hear takes up at which sockets the kernel saw the packets.
func (n *network) hear(sockets []*Socket, packets []*PacketRecord) {
	n.cookies, n.ends = map[uint64]*Socket{}, map[flowKey][]endpoint{}
	for _, s := range sockets {
		if s.Cookie != 0 {
			n.cookies[s.Cookie] = s
		}
	}
	if len(n.cookies) == 0 {
		return
	}
	for _, p := range packets {
		if p.TCP == nil {
			continue
		}
		n.endAt(flowKey{p.Src, p.Dst}, n.cookies[p.Sender], p.Time)
		for _, cookie := range p.Receivers {
			n.endAt(flowKey{p.Dst, p.Src}, n.cookies[cookie], p.Time)
		}
	}
}

func (n *network) endAt(key flowKey, s *Socket, t time.Duration) {
	if s == nil || s.Kind != KindStream {
		return
	}
	if all := n.ends[key]; len(all) == 0 || all[len(all)-1].Socket != s {
		n.ends[key] = append(all, endpoint{t, s})
	}
}

// told is the socket that the kernel saw at an end of a connection that begins at t, and the listener that it saw
// there; nil where it saw none that is known.
func (n *network) told(local, remote netip.AddrPort, t time.Duration) (end, listener *Socket) {
	for _, e := range n.ends[flowKey{local, remote}] {
		switch {
		case e.at < t:
		case e.Listens < 0:
			return e.Socket, listener
		case listener == nil:
			listener = e.Socket
		}
	}
	return nil, listener
}

// sender is the socket that a packet which is no stream's left from; told is whether the kernel said so. It is
// nil for one that is not of this timeline.
func (n *network) sender(p *PacketRecord) (s *Socket, told bool) {
	return n.cookies[p.Sender], p.Sender != 0
}

// receivers are the sockets of this timeline that were given a packet.
func (n *network) receivers(p *PacketRecord) (all []*Socket, told bool) {
	for _, cookie := range p.Receivers {
		if s := n.cookies[cookie]; s != nil {
			all = append(all, s)
		}
	}
	return all, len(p.Receivers) > 0
}

// given tells whether the socket may have been given the packet, as far as the kernel told.
func (n *network) given(p *PacketRecord, s *Socket) bool {
	return len(p.Receivers) == 0 || s.Cookie != 0 && slices.Contains(p.Receivers, s.Cookie)
}

// deliver notes that the packet was given to a socket, after those that are noted.
func (p *PacketRecord) deliver(s *Socket) {
	switch {
	case s == nil || s == p.To || slices.Contains(p.Also, s):
	case p.To == nil:
		p.To = s
	default:
		p.Also = append(p.Also, s)
	}
}

// own notes whose the packet is: others, that were given a copy, come after.
func (p *PacketRecord) own(s *Socket) {
	if s == nil || s == p.To {
		return
	}
	others := p.Also
	before := p.To
	p.To, p.Also = s, nil
	p.deliver(before)
	for _, o := range others {
		p.deliver(o)
	}
}

// receivedBy are all sockets that were given the packet.
func (p *PacketRecord) ReceivedBy() []*Socket {
	if p.To == nil {
		return nil
	}
	return append([]*Socket{p.To}, p.Also...)
}
