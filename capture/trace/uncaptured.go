package trace

// joinUncaptured joins calls without packets, for hosts that were not captured: the sockets of a connection are
// known by their addresses, and what one end sent the other received in that order.
func joinUncaptured(net *network, sockets []*Socket) {
	queues := map[*Socket][]*message{}
	for _, s := range sockets {
		if !s.Internet() || net.seen[s.Host] || s.PassesHeaders() {
			continue
		}
		switch s.Kind {
		case KindStream:
			net.pairUncaptured(s)
		case KindDatagram:
			for _, u := range s.units() {
				from := s.at(u.call.Left).local
				if to := net.datagram(ProtoUDP, plain(u.to.IP), plain(from.IP), u.call.Entered); to != nil {
					// The source address is left to the receive: an unbound socket has none of its own.
					queues[to] = append(queues[to], &message{unit: u, size: u.size, data: u.data, at: u.call.Entered})
				}
			}
		}
	}
	for s, q := range queues {
		s.take(q)
	}
}

// pairUncaptured finds the receives for what one end of a connection sent.
func (n *network) pairUncaptured(s *Socket) {
	named := make([]name, len(s.dissolved)+1) // the last in each stretch
	for _, x := range s.names {
		if x.remote.IsValid() {
			named[s.stretch(x.since)] = x
		}
	}
	for stretch, x := range named {
		if !x.remote.IsValid() {
			continue
		}
		peer := n.stream(plain(x.remote.IP), plain(x.local.IP), max(x.since, s.Created))
		if peer == nil || peer == s {
			continue
		}
		if x.remote == s.Remote {
			s.Peer, peer.Peer = peer, s
		}
		sent, end := s.written(stretch)
		peer.consume(sent, peer.stretch(max(x.since, peer.Created)), end)
	}
}
