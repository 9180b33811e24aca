package trace

import "slices"

// pairUnix finds the other end of accepted Unix sockets that no State named. The accept queue is first
// in, first out, so the n-th accept took the n-th connect; when two connects ran at once their order
// is not known and neither is paired.
func pairUnix(sockets []*Socket, calls []*CallRecord) {
	for _, listener := range sockets {
		if listener.Family != FamilyUnix {
			continue
		}
		var accepted []*Socket
		for _, s := range sockets {
			if s.Parent == listener && !s.paired {
				accepted = append(accepted, s)
			}
		}
		var last *CallRecord
		sure := true
		n := 0
		for _, call := range calls {
			if call.Name != "connect" || call.Errno != "" || call.On == nil || call.Addr.Unix == "" || call.Addr.Unix != listener.Local.Unix ||
				!listener.openAt(call.Entered) || call.On.paired {
				continue
			}
			if n == len(accepted) {
				call.waiting = true
				continue
			}
			sure = sure && (last == nil || !last.activeAt(call.Entered))
			last = call
			if s := accepted[n]; sure && s.Peer == nil && call.On.Peer == nil {
				s.Peer, call.On.Peer = call.On, s
			}
			n++
		}
	}
}

// joinUnix follows what Unix sockets send: it never becomes a packet.
func joinUnix(net *network, sockets []*Socket) {
	queues := map[*Socket][]*message{}
	for _, s := range sockets {
		if s.Family != FamilyUnix {
			continue
		}
		for _, call := range s.Calls {
			call.NoWire = call.Sends() && call.Errno == ""
		}
		if s.Kind == KindStream {
			if s.Peer != nil {
				sent, end := s.written(0)
				s.Peer.consume(sent, 0, end)
			}
			continue
		}
		for _, u := range s.units() {
			to := s.Peer
			if u.to.Unix != "" && s.Kind != KindSeqpacket { // what connects has a peer of its own, not the listener of that name
				to = net.named(u.to.Unix, u.call)
			}
			m := &message{unit: u, from: Addr{Unix: s.at(u.call.Entered).local.Unix}, size: u.size, data: u.data, at: u.call.Entered}
			switch {
			case to != nil:
				queues[to] = append(queues[to], m)
			case s.Kind == KindSeqpacket && s.Parent == nil: // nobody has accepted it yet
				m.wait()
			}
		}
	}
	for s, q := range queues {
		s.take(q)
	}
}

// written is what the socket's calls sent in a stretch, and where it ends.
func (s *Socket) written(stretch int) (sent []interval, end int64) {
	sent = s.intervals(stretch)
	end, _, _ = s.before(stretch)
	for _, iv := range sent {
		end = iv.to
	}
	return sent, end
}

// SoughtCache tells whether the socket was for a name service cache that is not there: the C library looks for one
// before it asks for names otherwise, nscd(8).
func (s *Socket) SoughtCache() bool {
	return s.Family == FamilyUnix && slices.ContainsFunc(s.Calls, func(c *CallRecord) bool {
		return c.Name == "connect" && (c.Addr.Unix == "/var/run/nscd/socket" || c.Addr.Unix == "/run/nscd/socket") && c.Errno != "" && c.Errno != "EINPROGRESS"
	})
}
