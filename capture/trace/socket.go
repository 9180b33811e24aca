package trace

import (
	"fmt"
	"net/netip"
	"slices"
	"sort"
	"time"
)

// Socket is one socket of a timeline, with all that its State events said.
type Socket struct {
	Name     string // s1, s2, … in the order of creation
	ID       SocketID
	Actor    string
	Host     string
	FD       int
	Family   Family
	Kind     Kind
	Protocol uint8
	Local    Addr // the last known
	Remote   Addr
	Parent   *Socket // the listener of an accepted socket
	Peer     *Socket // the other end, if it is among the sockets of this timeline

	Cookie uint64 // the kernel's name for it, 0 when it was not told

	Created time.Duration
	Closed  time.Duration // -1 while it is open

	MadeBy   int    // the call that created it, 0 if not known
	names    []name // every pair of addresses it had, in time
	Calls    []*CallRecord
	until    []time.Duration      // when the last of the calls up to each had returned, made by since
	Listens  time.Duration        // since when it listens, -1 for never
	settings map[string][]setting // values of its integer options, in time
	// dissolved is when each of its connections but the last was dissolved. Offsets count from the last time before, see stretch.
	dissolved []time.Duration

	// What calls that are no longer among the events did, see Window.
	sent, received int64 // bytes of its stream
	forgotten      int   // in which stretch: one of the indexes of stretch
	blind          bool  // two receives ran at once: what later ones took is not known
	paired         bool  // who its peer is has been decided, as far as it ever will
	awaited        awaited
}

// setting is the value that a socket option has from a time on.
type setting struct {
	call  *CallRecord
	value int64
}

// name is the pair of addresses that a socket has from a time on.
type name struct {
	since         time.Duration
	local, remote Addr
}

// buildSockets makes the sockets of the events, in the order of creation, after those that there were before,
// of which so many have been made.
func buildSockets(before []*Socket, made int, states []*State, calls map[int]*CallRecord) (all []*Socket, total int) {
	all = before
	byID := map[SocketID]*Socket{}
	for _, s := range before {
		byID[s.ID] = s
	}
	for _, st := range states {
		s := byID[st.Socket]
		// An identity is used again after a close: a second creation is a second socket.
		if s == nil || (st.Change == Created || st.Change == Accepted) && s.Closed >= 0 {
			s = &Socket{ID: st.Socket, FD: -1, Created: st.Time, Closed: -1, Listens: -1}
			made++
			s.Name = fmt.Sprintf("s%d", made)
			all = append(all, s)
			byID[st.Socket] = s
		}
		s.learn(st, calls, byID)
	}
	return all, made
}

// learn adds what a State says.
func (s *Socket) learn(st *State, calls map[int]*CallRecord, byID map[SocketID]*Socket) {
	set(&s.Actor, st.Actor)
	set(&s.Host, st.Host)
	set(&s.Family, st.Family)
	set(&s.Kind, st.Kind)
	set(&s.Protocol, st.Protocol)
	set(&s.Cookie, st.Cookie)
	if st.Change == Created || st.Change == Accepted {
		s.FD, s.MadeBy = st.FD, st.Call
	}
	if p := byID[st.Parent]; st.Parent != 0 && p != s {
		s.Parent = p
	}
	if p := byID[st.Peer]; st.Peer != 0 && p != nil && p != s {
		s.Peer, p.Peer = p, s
	}
	if st.Change == Closed {
		s.Closed = st.Time
		return
	}
	if !st.Local.IsValid() && !st.Remote.IsValid() && st.Change != Dissolved {
		return
	}
	// The source learns an address when the call has returned, but the socket had it inside the call;
	// an accepted one had it since the handshake, before anybody called accept.
	since := st.Time
	if c := calls[st.Call]; c != nil && c.Entered < since {
		since = c.Entered
	}
	if st.Change == Dissolved {
		s.Local, s.Remote = Addr{}, Addr{}
		s.dissolved = append(s.dissolved, since)
	}
	if st.Local.IsValid() {
		s.Local = st.Local
	}
	if st.Remote.IsValid() {
		s.Remote = st.Remote
	}
	s.names = append(s.names, name{since, s.Local, s.Remote})
}

func set[T comparable](to *T, value T) {
	var zero T
	if value != zero {
		*to = value
	}
}

// stretch is the part of a socket's life that a time lies in, between one dissolving of its connection and the next, by its
// index: within one the bytes of a stream are counted.
func (s *Socket) stretch(t time.Duration) int {
	return sort.Search(len(s.dissolved), func(i int) bool { return s.dissolved[i] > t })
}

// during returns the calls that were entered in a stretch.
func (s *Socket) during(stretch int) []*CallRecord {
	from, to := 0, len(s.Calls)
	if stretch > 0 {
		from = firstEntered(s.Calls, s.dissolved[stretch-1])
	}
	if stretch < len(s.dissolved) {
		to = firstEntered(s.Calls, s.dissolved[stretch])
	}
	return s.Calls[from:to]
}

// before is how many bytes of its stream in a stretch calls had sent and received that are no longer among the events.
func (s *Socket) before(stretch int) (sent, received int64, blind bool) {
	if stretch != s.forgotten {
		return 0, 0, false
	}
	return s.sent, s.received, s.blind
}

// at returns the addresses that the socket had at t; the zero name for none yet.
func (s *Socket) at(t time.Duration) name {
	var n name
	for _, x := range s.names {
		if x.since <= t {
			n = x
		}
	}
	return n
}

func (s *Socket) openAt(t time.Duration) bool {
	return s.Created <= t && (s.Closed < 0 || t <= s.Closed)
}

// transport is the IP protocol number that the socket's packets have, 0 for any.
func (s *Socket) Transport() uint8 {
	switch {
	case s.Protocol != 0:
		return s.Protocol
	case s.Kind == KindStream:
		return ProtoTCP
	case s.Kind == KindDatagram:
		return ProtoUDP
	}
	return 0
}

func (s *Socket) Internet() bool { return s.Family == FamilyIPv4 || s.Family == FamilyIPv6 }

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

// index makes the sockets findable. All calls are attached.
func (n *network) index(sockets []*Socket, calls []*CallRecord) {
	n.streams, n.datagrams, n.unix, n.connects = map[flowKey][]*Socket{}, map[uint16][]*Socket{}, map[string][]*Socket{}, map[netip.AddrPort][]*CallRecord{}
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
