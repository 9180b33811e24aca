package trace

import (
	"fmt"
	"math"
	"sort"
	"time"

	"sockwire/raw/wire"
)

const (
	// quiet is how long nothing must have happened to a connection before only a timer can have made it send:
	// longer than the queues below TCP hold a segment back, not longer than its shortest timer, which is one
	// tick of the kernel (4 ms at 250 Hz).
	quiet = 3 * time.Millisecond
)

// explainPackets fills in what caused the packets of raw and datagram sockets, and those that answer a packet.
func explainPackets(packets []*PacketRecord, calls map[int]*CallRecord) {
	for _, p := range packets {
		switch {
		case p.Raw != nil:
			p.Cause = Cause{Kind: CauseCall, Call: p.Raw.Call}
		case p.UDP != nil || p.TCP == nil && len(p.Carries) > 0:
			if len(p.Carries) > 0 {
				p.Cause = Cause{Kind: CauseCall, Call: datagramCause(p, calls)}
			}
		case p.Quotes != 0:
			p.Cause = Cause{Kind: CausePacket, Packet: p.Quotes}
		case p.Replies != 0:
			p.Cause = Cause{Kind: CausePacket, Packet: p.Replies}
		}
	}
}

// explainSegments fills in what caused the segments of connections, and which calls a reset failed.
func explainSegments(conns []*conn) {
	for _, k := range conns {
		for i, p := range k.packets {
			p.Cause = k.cause(i)
			if p.TCP.Flags&wire.RST != 0 {
				fail(p, []string{"ECONNREFUSED", "ECONNRESET", "EPIPE"})
			}
		}
	}
}

// explainFragments gives later fragments the cause of the first.
func explainFragments(packets []*PacketRecord) {
	for _, p := range packets {
		if p.first != nil {
			p.Cause = p.first.Cause
		}
	}
}

// explainStreamSilence fills in why sends on streams put nothing on the wire while they ran, of hosts whose packets
// were seen. carried are packets of calls that are no more among the events.
func explainStreamSilence(flows []*flow, seen map[string]bool, carried map[int][]int) {
	for _, f := range flows {
		f.explainSilence(seen, carried)
	}
}

// cause finds what made packet i of the connection leave. A sender acts on a call, on an arriving
// packet or on a timer; where two of them are possible the cause stays unknown.
func (k *conn) cause(i int) Cause {
	p := k.packets[i]
	f := k.direction(p)
	before := k.lastFrom(i, f.back)
	if f.from != nil {
		if call := f.acting(p); call != nil {
			return Cause{Kind: CauseCall, Call: call.Number}
		}
	}
	if before != nil && p.Time-before.Time <= atOnce {
		if p.answers(before) {
			return Cause{Kind: CausePacket, Packet: before.Number}
		}
		return Cause{}
	}
	if f.from != nil && f.from.idleBefore(p.Time) && k.idleBefore(i) {
		return Cause{Kind: CauseTimer}
	}
	return Cause{}
}

// lastFrom returns the last packet of the direction before i.
func (k *conn) lastFrom(i int, f *flow) *PacketRecord {
	for j := i - 1; j >= 0; j-- {
		if k.packets[j].Src == f.src {
			return k.packets[j]
		}
	}
	return f.before.last
}

// acting returns the call on the sending socket that made p leave, if one can be told.
func (f *flow) acting(p *PacketRecord) *CallRecord {
	flags := p.TCP.Flags
	for _, c := range f.from.since(p.Time, p.Time) {
		if !c.activeAt(p.Time) {
			continue
		}
		switch c.Name {
		case "connect":
			if flags&(wire.SYN|wire.ACK) == wire.SYN && !p.Retransmit || flags&(wire.FIN|wire.RST) != 0 && c.dissolves() {
				return c
			}
		case "shutdown", "close": // what was held back leaves before the FIN or with it
			if (flags&(wire.FIN|wire.RST) != 0 || p.PayloadLength > 0) && !p.Retransmit {
				return c
			}
		case "setsockopt":
			if p.PayloadLength > 0 && c.releases() {
				return c
			}
		}
		// A send that begins the connection (MSG_FASTOPEN, TCP_FASTOPEN_CONNECT) has its data in the SYN only with a
		// cookie, RFC 7413 section 4.2.
		if c.Sends() && flags&(wire.SYN|wire.ACK) == wire.SYN && !p.Retransmit {
			return c
		}
		if c.Sends() && p.PayloadLength > 0 {
			for _, s := range p.Carries {
				if s.Call == c.Number && !p.Retransmit {
					return c
				}
			}
		}
	}
	return nil
}

// releases tells whether the call sets an option that lets data leave which was held back: TCP_NODELAY on, TCP_CORK
// off.
func (c *Call) releases() bool {
	name, value, ok := c.Option()
	return ok && (name == "TCP_CORK" && value == 0 || name == "TCP_NODELAY" && value != 0)
}

// answers tells whether p is something that the arrival of before makes a TCP send at once.
func (p *PacketRecord) answers(before *PacketRecord) bool {
	flags := before.TCP.Flags
	switch {
	case flags&(wire.SYN|wire.FIN) != 0 || before.PayloadLength > 0:
		// An acknowledgement, a SYN's answer, a reset: all of them without data. Data may also be what a
		// call had left waiting.
		return p.PayloadLength == 0 && p.TCP.Flags&wire.FIN == 0 || p.Retransmit
	case flags&wire.ACK != 0:
		return p.PayloadLength > 0 || p.TCP.Flags&(wire.FIN|wire.RST) != 0
	}
	return false
}

// idleBefore tells whether no call on the socket that can make it send was active shortly before t.
func (s *Socket) idleBefore(t time.Duration) bool {
	for _, c := range s.since(t-quiet, t) {
		switch c.Name {
		case "accept", "accept4", "connect", "poll", "ppoll", "select", "pselect6", "epoll_wait", "epoll_pwait", "epoll_pwait2":
			continue
		}
		// A blocked call waits; what it did to the connection it did when it was entered or woken.
		if near(c.Entered, t) || !c.goesOn() && near(c.Left, t) {
			return false
		}
	}
	return true
}

func near(event, t time.Duration) bool { return event <= t && t-event < quiet }

// idleBefore tells whether nothing was on the wire shortly before packet i. One retransmission may follow
// another, or what the same timer sent first.
func (k *conn) idleBefore(i int) bool {
	p := k.packets[i]
	for j := i - 1; j >= 0 && p.Time-k.packets[j].Time < quiet; j-- {
		if k.packets[j].Src != p.Src || !p.Retransmit {
			return false
		}
	}
	return i > 0 || k.flows[0].before.last != nil || k.flows[1].before.last != nil
}

// explainSilence says why sends of the flow's socket put nothing on the wire while they ran.
func (f *flow) explainSilence(seen map[string]bool, carried map[int][]int) {
	if f.from == nil || !f.anchored || !seen[f.from.Host] {
		return
	}
	for _, c := range f.from.during(f.from.stretch(f.conn.start)) {
		if !c.Sends() || !c.Succeeded() || c.Result <= 0 || carried[c.Number] != nil || f.sentDuring(c) {
			continue
		}
		c.Silent = true
		sent, unacked, small := f.outstanding(c.Left)
		pending := c.Call.Result + c.Offset - sent
		switch {
		case f.from.option("TCP_CORK", c.Entered) != 0:
			c.Because = "TCP_CORK"
		case c.HasFlag("MSG_MORE"):
			c.Because = "MSG_MORE"
		case f.from.option("TCP_NODELAY", c.Entered) == 0 && unacked > 0 && small && c.Offset >= 0 && pending < max(f.mss(), 1):
			// RFC 896, with the variant of net/ipv4/tcp_output.c: only a small segment in flight holds back the next.
			c.Because = fmt.Sprintf("Nagle, %d bytes unacknowledged", unacked)
			if unacked == 1 {
				c.Because = "Nagle, 1 byte unacknowledged"
			}
		}
	}
}

// sentDuring tells whether a packet left that carries bytes of c while c ran.
func (f *flow) sentDuring(c *CallRecord) bool {
	for _, p := range f.conn.packets[firstAfter(f.conn.packets, c.Entered):] {
		if !c.activeAt(p.Time) {
			break
		}
		if p.Retransmit {
			continue
		}
		for _, s := range p.Carries {
			if s.Call == c.Number {
				return true
			}
		}
	}
	return false
}

// outstanding returns, at t, how many bytes of the stream had been sent, how many of them were not
// acknowledged, and whether the last segment was shorter than the peer's MSS.
func (f *flow) outstanding(t time.Duration) (sent, unacked int64, small bool) {
	if f.history == nil {
		now := standing{at: math.MinInt64, sent: f.before.high, acked: f.before.acked, small: f.before.small}
		f.history = append(f.history, now)
		for _, p := range f.conn.packets {
			now.at = p.Time
			switch {
			case p.Src == f.src && p.PayloadLength > 0:
				now.sent = max(now.sent, p.ToSeq-1)
				now.small = f.mss() == 0 || int64(p.PayloadLength)%f.mss() != 0
			case p.Src == f.dst && p.AckRelative:
				now.acked = max(now.acked, p.AckSeq-1)
			default:
				continue
			}
			f.history = append(f.history, now)
		}
	}
	i := sort.Search(len(f.history), func(i int) bool { return f.history[i].at > t })
	now := f.history[max(i-1, 0)]
	return now.sent, max(now.sent-now.acked, 0), now.small
}

// datagramCause returns the call that made a datagram leave: one of those whose bytes it carries, or where they had
// returned before, the call that completed the datagram (MSG_MORE, UDP_CORK).
func datagramCause(p *PacketRecord, calls map[int]*CallRecord) int {
	first := p.Carries[0].Call
	for _, s := range p.Carries {
		if calls[s.Call].activeAt(p.Time) {
			return s.Call
		}
	}
	if p.From != nil {
		for _, call := range p.From.since(p.Time, p.Time) {
			if name, _, _ := call.Option(); call.activeAt(p.Time) && (call.Sends() || name == "UDP_CORK") {
				return call.Number
			}
		}
	}
	return first
}

// explainDatagramSilence marks sends on datagram and raw sockets that succeeded and put nothing on the wire while they
// ran.
func explainDatagramSilence(calls []*CallRecord, packets map[int]*PacketRecord, seen map[string]bool) {
	for _, call := range calls {
		s := call.On
		if s == nil || !s.Internet() || !seen[s.Host] || s.Kind == KindStream || !call.Sends() || !call.Succeeded() {
			continue
		}
		var first *PacketRecord
		if len(call.Packets) > 0 {
			first = packets[call.Packets[0]] // nil when it is forgotten
		}
		switch {
		case call.HasFlag("MSG_MORE"):
			call.Silent, call.Because = true, "MSG_MORE"
		case len(call.Packets) == 0:
			call.Silent = true
		case first != nil && first.Time > call.Left && s.option("UDP_CORK", call.Entered) != 0:
			call.Silent, call.Because = true, "UDP_CORK"
		}
	}
}
