package trace

import "time"

// joinQueues finds, for what was read from error queues, the ICMP errors that put it there.
func (c *correlator) joinQueues(errors []*PacketRecord) {
	for _, call := range c.Calls {
		if call.On == nil || !call.Succeeded() {
			continue
		}
		for i := range call.Queued {
			q := &call.Queued[i]
			for _, p := range errors {
				if p.queued == nil && p.To == call.On && p.Time <= call.Left && q.from(p) && call.returns(q, p.ICMP.Quote) {
					p.queued = call
					if call.Error == 0 {
						call.Error = p.Number
					}
					break
				}
			}
		}
	}
}

// from tells whether the entry can be that of an ICMP error.
func (q *QueuedError) from(p *PacketRecord) bool {
	origin := "icmp"
	if p.Protocol == ProtoICMPv6 {
		origin = "icmp6"
	}
	return q.Origin == origin && q.Type == p.ICMP.Type && q.Code == p.ICMP.Code && (!q.Offender.IsValid() || q.Offender == p.Src.Addr().Unmap())
}

// returns tells whether the data and address that came with an entry can be those of the datagram that an ICMP error quotes.
// Only a UDP socket is given the data alone.
func (c *CallRecord) returns(q *QueuedError, quote *Quote) bool {
	if quote.Protocol != ProtoUDP {
		return true
	}
	data, to := c.Data, c.Addr
	if q.Message < len(c.Messages) {
		data, to = c.Messages[q.Message].Data, c.Messages[q.Message].Addr
	}
	return (!to.IP.IsValid() || plain(to.IP) == quote.Dst) && samePrefix(data, quote.Payload)
}

// queues tells whether errors go to the socket's error queue too (IP_RECVERR).
func (s *Socket) queues(t time.Duration) bool {
	return s.option("IP_RECVERR", t) != 0 || s.option("IPV6_RECVERR", t) != 0
}
