package trace

// joinUnseen joins calls without packets, for hosts that were not captured: the sockets of a connection are
// known by their addresses, and what one end sent the other received in that order.
func (c *correlator) joinUnseen() {
	queues := map[*Socket][]*message{}
	for _, s := range c.Sockets {
		if !s.internet() || c.seen[s.Host] || s.passesHeaders() {
			continue
		}
		switch s.Kind {
		case KindStream:
			c.pairUnseen(s)
		case KindDatagram:
			for _, u := range s.units() {
				from := s.at(u.call.Left).local
				if to := c.net.datagram(ProtoUDP, plain(u.to.IP), plain(from.IP), u.call.Entered); to != nil {
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

// pairUnseen finds the receives for what one end of a connection sent.
func (c *correlator) pairUnseen(s *Socket) {
	if !s.Remote.IsValid() {
		return
	}
	peer := c.net.stream(plain(s.Remote.IP), plain(s.Local.IP), s.Created)
	if peer == nil || peer == s {
		return
	}
	s.Peer, peer.Peer = peer, s
	sent := s.intervals()
	end := s.sent
	for _, iv := range sent {
		end = iv.to
	}
	consume(sent, peer, end)
}
