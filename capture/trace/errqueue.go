package trace

import (
	"fmt"
	"strings"
	"time"
)

// joinQueues finds, for what was read from error queues, the ICMP errors that put it there.
func (c *correlator) joinQueues(errors []*PacketRecord) {
	for _, call := range c.Calls {
		if call.On == nil || !call.ok() {
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

// queueNotes say what was read from the error queue.
func (w *text) queueNotes(c *CallRecord) []string {
	var n []string
	for _, q := range c.Queued {
		switch q.Origin {
		case "icmp", "icmp6":
			s := "an ICMP error, of a packet that is not known"
			if p := w.Packet(c.Error); p != nil {
				s = "the ICMP error above"
				if sent := w.Packet(p.Quotes); sent != nil && len(sent.Carries) > 0 {
					s += ", about " + spans(sent.Carries)
				}
			}
			n = append(n, s)
		case "local":
			n = append(n, "an error that this host found itself")
		case "timestamping":
			n = append(n, "a time stamp of a send")
		case "zerocopy":
			s := "zero-copy send " + fmt.Sprint(q.Info)
			if q.Data != q.Info {
				s = fmt.Sprintf("zero-copy sends %d to %d", q.Info, q.Data)
			}
			if q.Code == 1 { // SO_EE_CODE_ZEROCOPY_COPIED
				s += ", copied after all"
			}
			n = append(n, "the end of "+s)
		case "txtime":
			n = append(n, "a send whose time had passed")
		}
	}
	if len(n) == 0 {
		return nil
	}
	return []string{"from the error queue: " + strings.Join(n, ", ")}
}
