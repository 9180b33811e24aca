package trace

import (
	"math"
	"slices"
	"time"
)

// joinICMP finds what each ICMP error quotes, which later call it failed and which read it from the error queue, and
// which request each echo reply answers.
func joinICMP(packets []*PacketRecord, calls []*CallRecord, later map[fragmentKey][]*PacketRecord) {
	var errors []*PacketRecord // that a socket is told of
	for i, p := range packets {
		if p.ICMP == nil {
			continue
		}
		v6 := p.Protocol == ProtoICMPv6
		if q := p.ICMP.Quote; q != nil {
			if cause := quoted(packets[:i], q); cause != nil {
				p.Quotes = cause.Number
				if cause.From != nil {
					p.own(cause.From)
					errors = append(errors, p)
				}
			}
			continue
		}
		if p.ICMP.EchoReply(v6) {
			for j := i - 1; j >= 0; j-- {
				r := packets[j]
				if r.ICMP != nil && r.ICMP.EchoRequest(v6) && r.Protocol == p.Protocol && r.Src == p.Dst && r.Dst == p.Src &&
					r.ICMP.ID == p.ICMP.ID && r.ICMP.Seq == p.ICMP.Seq {
					p.Replies = r.Number
					if p.To == nil || slices.Contains(p.Also, r.From) {
						p.own(r.From)
					}
					if p.Fragment.Is {
						for _, q := range p.claim(later[p.fragmentKey()]) {
							q.Cause = Cause{Kind: CausePacket, Packet: r.Number}
						}
					}
					break
				}
			}
		}
	}
	joinQueues(calls, errors)
	for _, p := range errors {
		fail(p, icmpErrnos(p.Protocol == ProtoICMPv6, p.ICMP.Type, p.ICMP.Code))
	}
}

// quoted finds the packet that an ICMP error returns the start of: the last one seen with all that
// the quotation shows.
func quoted(seen []*PacketRecord, q *Quote) *PacketRecord {
	for i := len(seen) - 1; i >= 0; i-- {
		p := seen[i]
		if p.Protocol != q.Protocol || p.Src != q.Src || p.Dst != q.Dst || p.IPID != q.IPID {
			continue
		}
		if p.TCP != nil && p.TCP.Seq != q.Seq || p.UDP != nil && p.UDP.Length != q.Length || !samePrefix(p.Payload, q.Payload) {
			continue
		}
		return p
	}
	return nil
}

// icmpErrnos are the errors that Linux makes of an ICMP error: icmp_err_convert in net/ipv4/icmp.c,
// tab_unreach and icmpv6_err_convert in net/ipv6/icmp.c.
func icmpErrnos(v6 bool, typ, code uint8) []string {
	if v6 {
		switch typ {
		case 1:
			names := []string{"ENETUNREACH", "EACCES", "EHOSTUNREACH", "EHOSTUNREACH", "ECONNREFUSED", "EACCES", "EACCES"}
			if int(code) < len(names) {
				return names[code : code+1]
			}
		case 2:
			return []string{"EMSGSIZE"}
		case 3:
			return []string{"EHOSTUNREACH"}
		case 4:
			return []string{"EPROTO"}
		}
		return nil
	}
	switch typ {
	case 3:
		names := []string{"ENETUNREACH", "EHOSTUNREACH", "ENOPROTOOPT", "ECONNREFUSED", "EMSGSIZE", "EOPNOTSUPP", "ENETUNREACH", "EHOSTDOWN",
			"ENONET", "ENETUNREACH", "EHOSTUNREACH", "ENETUNREACH", "EHOSTUNREACH", "EHOSTUNREACH", "EHOSTUNREACH", "EHOSTUNREACH"}
		if int(code) < len(names) {
			return names[code : code+1]
		}
	case 11:
		return []string{"EHOSTUNREACH"}
	case 12:
		return []string{"EPROTO"}
	}
	return nil
}

// fail gives the error that p brought to its socket to the first call that reports it. Reading it from the error queue
// takes it from the socket (sock_dequeue_err_skb, net/core/skbuff.c).
func fail(p *PacketRecord, errnos []string) {
	if p.To == nil {
		return
	}
	p.waiting = p.queued == nil
	for _, call := range p.To.since(p.Time, math.MaxInt64) {
		if call == p.queued {
			return
		}
		if call.Pending || call.Left < p.Time || call.Error != 0 {
			continue
		}
		for _, e := range errnos {
			if call.Errno == e {
				call.Error, p.fails = p.Number, call
				p.waiting = p.queued == nil && p.To.queues(p.Time)
				return
			}
		}
	}
}

// joinQueues finds, for what was read from error queues, the ICMP errors that put it there.
func joinQueues(calls []*CallRecord, errors []*PacketRecord) {
	for _, call := range calls {
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

// returns tells whether the data and address that came with an entry can be those of the datagram that an ICMP error
// quotes. Only a UDP socket is given the data alone.
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
