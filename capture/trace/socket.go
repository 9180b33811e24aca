package trace

import (
	"fmt"
	"slices"
	"sort"
	"time"
)

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

// stretch is the part of a socket's life that a time lies in, between one dissolving of its connection and the next, by
// its index: within one the bytes of a stream are counted.
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

// Transport is the IP protocol number that the socket's packets have, 0 for any.
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

// Internet tells whether the socket is one of IPv4 or IPv6.
func (s *Socket) Internet() bool { return s.Family == FamilyIPv4 || s.Family == FamilyIPv6 }

// PassesHeaders tells whether callers of the socket pass bytes from the transport header (or from the
// IP header) on: raw sockets, and datagram sockets of ICMP.
func (s *Socket) PassesHeaders() bool {
	if !s.Internet() {
		return false
	}
	return s.Kind == KindRaw || s.Ping()
}

// Ping tells whether it is a datagram socket of ICMP, icmp(7).
func (s *Socket) Ping() bool {
	return s.Kind == KindDatagram && (s.Protocol == ProtoICMP || s.Protocol == ProtoICMPv6)
}

// HeaderIncluded tells whether sends on s pass the IP header, for the call c.
func (s *Socket) HeaderIncluded(c *CallRecord) bool {
	const protoRaw = 255 // IPPROTO_RAW implies the option, raw(7)
	included := s.Kind == KindRaw && s.Protocol == protoRaw
	for _, name := range []string{"IP_HDRINCL", "IPV6_HDRINCL"} {
		for _, x := range s.settings[name] {
			if x.call.Entered < c.Entered {
				included = x.value != 0
			}
		}
	}
	return included
}

// attach gives the socket a call, in the order of entering.
func (s *Socket) attach(call *CallRecord) {
	s.Calls = append(s.Calls, call)
	if !call.Succeeded() {
		return
	}
	if name, value, ok := call.Option(); ok {
		s.set(name, setting{call, value})
	}
	if call.Name == "listen" && s.Listens < 0 {
		s.Listens = call.Entered
	}
}

// set adds a setting. The past's is shared and must not be appended to in place.
func (s *Socket) set(name string, x setting) {
	if s.settings == nil {
		s.settings = map[string][]setting{}
	}
	s.settings[name] = append(s.settings[name], x)
}

// option is the value that setsockopt had given an integer option by t, 0 without.
func (s *Socket) option(name string, t time.Duration) int64 {
	all := s.settings[name]
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].call.Left <= t {
			return all[i].value
		}
	}
	return 0
}

// identities are the sockets by the identity that they had, in the order in which they had it.
type identities map[SocketID][]*Socket

func identify(sockets []*Socket) identities {
	ids := identities{}
	for _, s := range sockets {
		ids[s.ID] = append(ids[s.ID], s)
	}
	return ids
}

// socket is the one that had an identity at a time, or else the first that got it; nil when there is none.
func (ids identities) socket(id SocketID, at time.Duration) *Socket {
	if id == 0 {
		return nil
	}
	var found *Socket
	for _, s := range ids[id] {
		if found == nil || s.Created <= at {
			found = s
		}
	}
	return found
}

// attachCalls fills in the socket of each call, and gives that its calls. carried are packets of calls that are no more
// among the events.
func attachCalls(calls []*CallRecord, ids identities, carried map[int][]int) {
	for _, c := range calls {
		if c.On = ids.socket(c.Socket, c.Entered); c.On != nil {
			c.On.attach(c)
		}
		c.Packets = slices.Clone(carried[c.Number])
	}
}

// tookSockets fills in the sockets that accepts returned.
func tookSockets(sockets []*Socket, calls map[int]*CallRecord) {
	for _, s := range sockets {
		if c := calls[s.MadeBy]; c != nil && s.Parent != nil {
			c.Took = s
		}
	}
}
