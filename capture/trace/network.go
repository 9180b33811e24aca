package trace

import (
	"net/netip"
	"slices"
	"time"
)

type flowKey struct{ src, dst netip.AddrPort }

// network finds sockets by address.
type network struct {
	hosts map[string][]netip.Addr
	seen  map[string]bool // the hosts whose packets were captured

	streams   map[flowKey][]*Socket // by a pair of addresses that they had
	datagrams map[uint16][]*Socket  // by a local port that they had
	unix      map[string][]*Socket  // by a name that they had, those that are no streams
	listeners []*Socket
	connects  map[netip.AddrPort][]*CallRecord // by where to
	cookies   map[uint64]*Socket
	ends      map[flowKey][]endpoint // where the kernel saw them, local address first
}

// newNetwork makes sockets findable. Their calls are attached; packets tell at which sockets the kernel saw them.
func newNetwork(hosts []*Host, sockets []*Socket, calls []*CallRecord, packets []*PacketRecord) *network {
	n := &network{
		hosts: map[string][]netip.Addr{}, seen: map[string]bool{}, connects: map[netip.AddrPort][]*CallRecord{},
		streams: map[flowKey][]*Socket{}, datagrams: map[uint16][]*Socket{}, unix: map[string][]*Socket{},
	}
	for _, h := range hosts {
		n.hosts[h.Name] = append(n.hosts[h.Name], h.Addrs...)
		n.seen[h.Name] = n.seen[h.Name] || h.Captured
	}
	n.index(sockets, calls)
	n.hear(sockets, packets)
	return n
}

// index makes the sockets findable by their addresses.
func (n *network) index(sockets []*Socket, calls []*CallRecord) {
	for _, s := range sockets {
		if s.Internet() && s.Kind == KindStream && s.Listens >= 0 {
			n.listeners = append(n.listeners, s)
		}
		for _, x := range s.names {
			switch {
			case s.Family == FamilyUnix && s.Kind != KindStream:
				add(n.unix, x.local.Unix, s)
			case !s.Internet():
			case s.Kind == KindStream:
				add(n.streams, flowKey{plain(x.local.IP), plain(x.remote.IP)}, s)
			case s.Kind == KindDatagram:
				add(n.datagrams, x.local.IP.Port(), s)
			}
		}
	}
	for _, c := range calls {
		if c.Name == "connect" && c.On != nil {
			n.connects[plain(c.Addr.IP)] = append(n.connects[plain(c.Addr.IP)], c)
		}
	}
}

// add puts a socket into an index, once.
func add[K comparable](index map[K][]*Socket, key K, s *Socket) {
	if all := index[key]; len(all) == 0 || all[len(all)-1] != s {
		index[key] = append(all, s)
	}
}

// owns tells whether the host has the address; a host that no event described may have any.
func (n *network) owns(host string, a netip.Addr) bool {
	addrs, ok := n.hosts[host]
	return !ok || a.IsLoopback() || slices.Contains(addrs, a)
}

// plain is an address without zone and without the mapping of IPv4 into IPv6, as packets have it.
func plain(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}

// is tells whether a socket's address stands for a packet's; the unspecified address stands for
// all of the host's.
func (n *network) is(host string, socket, packet netip.AddrPort) bool {
	if !socket.IsValid() || socket.Port() != packet.Port() {
		return false
	}
	socket = plain(socket)
	if socket.Addr().IsUnspecified() {
		return n.owns(host, packet.Addr())
	}
	return socket.Addr() == packet.Addr()
}

// stream finds the socket of a TCP connection's end: the one that has exactly these addresses. Of
// several (ports are used again) it is the last created before t, or an accepted one created next:
// the handshake comes before the accept.
func (n *network) stream(local, remote netip.AddrPort, t time.Duration) *Socket {
	var before, after *Socket
	for _, s := range n.streams[flowKey{local, remote}] {
		switch {
		case s.Created <= t:
			before = s
		case s.Parent != nil && after == nil:
			after = s
		}
	}
	// The end of an older connection cannot be that of one which begins after its close.
	if before != nil && (after == nil || before.Closed < 0 || before.Closed >= t) {
		return before
	}
	return after
}

// connecting finds the socket whose connect to remote was under way at t and whose local address was
// never learned, as after a refused connection; nil when there is not exactly one.
func (n *network) connecting(local, remote netip.AddrPort, t time.Duration) *Socket {
	var found *Socket
	for _, c := range n.connects[remote] {
		s := c.On
		if !c.activeAt(t) || !n.owns(s.Host, local.Addr()) {
			continue
		}
		if x := s.at(t).local.IP; x.IsValid() && x.Port() != 0 && x.Port() != local.Port() {
			continue
		}
		if found != nil && found != s {
			return nil
		}
		found = s
	}
	return found
}

// datagram finds the socket that sends from local to remote, or receives at local from remote, with
// a protocol that has ports. A connected socket goes before one that takes from anybody.
func (n *network) datagram(proto uint8, local, remote netip.AddrPort, t time.Duration) *Socket {
	var connected, open *Socket
	for _, s := range n.datagrams[local.Port()] {
		if s.Transport() != proto || !s.openAt(t) {
			continue
		}
		x := s.at(t)
		if !n.is(s.Host, x.local.IP, local) {
			continue
		}
		switch {
		case x.remote.IP.IsValid() && plain(x.remote.IP) == remote:
			connected = s
		default:
			open = s
		}
	}
	if connected != nil {
		return connected
	}
	return open
}

// listening finds the listener that an incoming connection goes to.
func (n *network) listening(local netip.AddrPort, t time.Duration) *Socket {
	for _, s := range n.listeners {
		if s.Listens <= t && s.openAt(t) && n.is(s.Host, s.at(t).local.IP, local) {
			return s
		}
	}
	return nil
}

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

// sighted is the socket that the kernel saw at an end of a connection that begins at t, and the listener that it saw
// there; nil where it saw none that is known.
func (n *network) sighted(local, remote netip.AddrPort, t time.Duration) (end, listener *Socket) {
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

// sender is the socket that a packet which is no stream's left from; known is whether the kernel said so. It is
// nil for one that is not of this timeline.
func (n *network) sender(p *PacketRecord) (s *Socket, known bool) {
	return n.cookies[p.Sender], p.Sender != 0
}

// receivers are the sockets of this timeline that were given a packet.
func (n *network) receivers(p *PacketRecord) (all []*Socket, known bool) {
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

// named finds the datagram socket bound to a name while the call ran.
func (n *network) named(unix string, call *CallRecord) *Socket {
	var found *Socket
	for _, s := range n.unix[unix] {
		if s.openAt(call.Entered) && s.at(call.Entered).local.Unix == unix {
			found = s
		}
	}
	return found
}
