package trace

import (
	"cmp"
	"slices"
	"sort"
	"strings"
	"time"

	"sockwire/raw/wire"
)

// atOnce is how soon after a packet's arrival what it causes leaves, at the latest.
const atOnce = time.Millisecond

// delayed is how long a call that has nothing to wait for may take on a busy machine.
const delayed = 10 * time.Millisecond

// Waiting tells whether the call waits for descriptors.
func (c *Call) Waiting() bool { return len(c.Waits) > 0 || len(c.Ready) > 0 }

// joinWaits fills in what ended the calls that wait; before tells whether some did before the events. It returns
// whether there are such calls, and what made sockets ready.
func joinWaits(before bool, ids identities, net *network, sockets []*Socket, calls []*CallRecord, packets []*PacketRecord) (bool, arrivals) {
	var waits []*CallRecord
	for _, call := range calls {
		if call.Waiting() {
			waits = append(waits, call)
		}
	}
	if !before && waits == nil {
		return false, nil
	}
	came := gatherArrivals(net, sockets, calls, packets)
	waits = slices.DeleteFunc(waits, func(call *CallRecord) bool { return call.Pending })
	slices.SortStableFunc(waits, func(a, b *CallRecord) int { return cmp.Compare(a.Left, b.Left) })
	reported := map[*Socket]time.Duration{}
	for _, call := range waits {
		came.wake(call, ids, reported)
		call.report(reported)
	}
	return true, came
}

// arrivals are what made each socket ready, in time.
type arrivals map[*Socket][]arrival

// report notes which sockets the call reported to be ready.
func (c *CallRecord) report(reported map[*Socket]time.Duration) {
	for i := range c.Wakes {
		if s := c.Wakes[i].Socket; s != nil {
			reported[s] = max(reported[s], c.Left)
		}
	}
}

// wake finds what ended a wait that has returned, of sockets that were reported before.
func (all arrivals) wake(call *CallRecord, ids identities, reported map[*Socket]time.Duration) {
	switch {
	case call.Errno == "EINTR" || strings.HasPrefix(call.Errno, "ERESTART"):
		call.Wake.Kind = WakeSignal
		return
	case call.Errno != "":
		return
	case call.Result == 0:
		call.Wake.Kind = WakeTimeout
		return
	}
	call.Wakes = make([]Wake, len(call.Ready))
	for i := range call.Ready {
		w := &call.Wakes[i]
		*w = all.woken(call, &call.Ready[i], ids, reported)
		first := &call.Wake
		if first.Kind == WakeUnknown || w.Packet+w.Call > 0 && (first.Packet+first.Call == 0 || w.At < first.At) {
			*first = *w
		}
	}
}

// woken finds what made one descriptor ready.
func (all arrivals) woken(call *CallRecord, r *Wait, ids identities, reported map[*Socket]time.Duration) Wake {
	s := ids.socket(r.Socket, call.Left)
	if s == nil {
		return Wake{Kind: WakeDescriptor}
	}
	w := Wake{Socket: s}
	from := max(call.Entered, s.awaited.reported, reported[s])
	a, ok := arrival{}, false
	if r.Events&^Writable != 0 {
		a, ok = all.firstArrival(s, from, call.Left)
	}
	if !ok && r.Events&Writable != 0 {
		a, ok = all.lastRoom(s, from, call.Left)
	}
	switch {
	case ok && a.packet != 0:
		w.Kind, w.Packet, w.At = WakePacket, a.packet, a.at
	case ok:
		w.Kind, w.Call, w.At = WakeCall, a.call, a.at
	case call.Left-call.Entered < atOnce:
		w.Kind = WakeReady
	case call.Left-call.Entered < delayed:
		if _, ok := all.unread(s, call.Entered); ok {
			w.Kind = WakeReady
		}
	}
	return w
}

// firstArrival is the first that there was to receive on the socket in a time.
func (came arrivals) firstArrival(s *Socket, from, to time.Duration) (arrival, bool) {
	for _, all := range [][]arrival{s.awaited.first, came[s]} {
		for _, a := range all[sort.Search(len(all), func(i int) bool { return all[i].at >= from }):] {
			if a.at > to {
				break
			}
			if a.in {
				return a, true
			}
		}
	}
	return arrival{}, false
}

// lastArrival is the last on the socket up to a time for which ok returns true; before is one of the time that is
// forgotten.
func (came arrivals) lastArrival(s *Socket, to time.Duration, before arrival, ok func(arrival) bool) arrival {
	all := came[s]
	for _, a := range slices.Backward(all[:sort.Search(len(all), func(i int) bool { return all[i].at > to })]) {
		if ok(a) {
			return a
		}
	}
	return before
}

// lastRoom is what made room on the socket last in a time: that there is some does not mean that there is enough.
func (came arrivals) lastRoom(s *Socket, from, to time.Duration) (arrival, bool) {
	a := came.lastArrival(s, to, s.awaited.room, func(a arrival) bool { return a.out })
	return a, a.out && a.at >= from
}

// unread is what had arrived last at the socket at a time, if nothing was received since.
func (came arrivals) unread(s *Socket, at time.Duration) (arrival, bool) {
	a := came.lastArrival(s, at, s.awaited.unread, func(a arrival) bool { return a.in })
	return a, a.in && a.at <= at && !slices.ContainsFunc(s.since(a.at, at), func(r *CallRecord) bool { return r.Receives() && r.Succeeded() && r.Left <= at })
}

// gatherArrivals returns what made each socket ready.
func gatherArrivals(net *network, sockets []*Socket, calls []*CallRecord, packets []*PacketRecord) arrivals {
	came := arrivals{}
	add := func(s *Socket, a arrival) {
		if s != nil && (a.in || a.out) {
			came[s] = append(came[s], a)
		}
	}
	for _, p := range packets {
		a := arrival{at: p.Time, packet: p.Number}
		switch to := p.To; {
		case to == nil || p.Fragment.Is && p.Fragment.More:
		case p.TCP != nil && p.Raw == nil:
			flags := p.TCP.Flags
			if listener := p.completes(); listener != nil {
				add(listener, arrival{at: p.Time, packet: p.Number, in: true})
			}
			a.in = p.PayloadLength > 0 || flags&(wire.FIN|wire.RST) != 0
			a.out = flags&(wire.ACK|wire.RST) != 0
			if to.Listens < 0 {
				add(to, a)
			}
		default:
			a.in, a.out = true, p.Quotes != 0
			for _, s := range p.ReceivedBy() {
				add(s, a)
			}
		}
	}
	gatherUnix(net, sockets, calls, add)
	for _, all := range came {
		slices.SortStableFunc(all, func(a, b arrival) int { return cmp.Compare(a.at, b.at) })
	}
	return came
}

// completes returns the listener at which the packet completes a handshake (RFC 9293 section 3.5), or nil.
func (p *PacketRecord) completes() *Socket {
	first := p.TCP.Flags == wire.ACK && p.PayloadLength == 0 && p.Relative && p.FromSeq == 1 && p.AckRelative && p.AckSeq == 1
	switch {
	case !first:
		return nil
	case p.To.Listens >= 0:
		return p.To
	case p.Time <= p.To.Created:
		return p.To.Parent
	}
	return nil
}

// gatherUnix adds what calls on Unix sockets do to others.
func gatherUnix(net *network, sockets []*Socket, calls []*CallRecord, add func(*Socket, arrival)) {
	listeners := map[string][]*Socket{}
	for _, s := range sockets {
		if s.Family == FamilyUnix && s.Listens >= 0 {
			listeners[s.Local.Unix] = append(listeners[s.Local.Unix], s)
		}
	}
	for _, call := range calls {
		s := call.On
		if s == nil || s.Family != FamilyUnix || call.Errno != "" && !call.Pending {
			continue
		}
		a := arrival{at: call.Entered, call: call.Number, in: true}
		switch {
		case call.Sends():
			to := s.Peer
			if name := call.Addr.Unix; name != "" {
				to = net.named(name, call)
			}
			add(to, a)
		case call.Receives() && call.Succeeded():
			a.at, a.in, a.out = call.Left, false, true
			add(s.Peer, a)
		case call.Name == "close" || call.Name == "shutdown":
			add(s.Peer, a)
		case call.Name == "connect" && call.Addr.Unix != "":
			for _, l := range listeners[call.Addr.Unix] {
				if l.openAt(call.Entered) {
					add(l, a)
				}
			}
		}
	}
}
