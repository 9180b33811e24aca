package trace

import (
	"cmp"
	"slices"
	"sort"
	"strings"
	"time"

	"sockwire/raw/wire"
)

// WakeKind says what ended a call that waits.
type WakeKind uint8

// What ends a wait. A packet or a call is named only where it came in the time of the wait, and after the socket was
// last reported.
const (
	WakeUnknown    WakeKind = iota
	WakeReady               // what was ready had been so before: there was nothing to wait for
	WakePacket              // Wake.Packet arrived at Wake.Socket
	WakeCall                // Wake.Call was made at the other end of Wake.Socket, or to connect to it
	WakeDescriptor          // what was ready is no socket
	WakeTimeout             // the time was over
	WakeSignal              // a signal came
)

var wakeNames = [...]string{"unknown", "ready", "packet", "call", "descriptor", "timeout", "signal"}

// String returns the kind in a word.
func (k WakeKind) String() string { return wakeNames[k] }

// Wake is what ended a wait.
type Wake struct {
	Kind   WakeKind
	Socket *Socket       // that became ready, nil for none
	Packet int           // its number
	Call   int           // its number
	At     time.Duration // when the packet arrived, or the call was entered
}

// delayed is how long a call that has nothing to wait for may take on a busy machine.
const delayed = 10 * time.Millisecond

// arrival is a packet or call that makes a socket ready.
type arrival struct {
	at           time.Duration
	packet, call int
	in, out      bool // there is something to receive, there is room to send
}

// waits tells whether the call waits for descriptors.
func (c *Call) Waiting() bool { return len(c.Waits) > 0 || len(c.Ready) > 0 }

// joinWaits finds what ended the calls that wait.
func (c *correlator) joinWaits() {
	var waits []*CallRecord
	for _, call := range c.Calls {
		if call.Waiting() {
			waits = append(waits, call)
		}
	}
	if c.waiting = c.past.waiting || waits != nil; !c.waiting {
		return
	}
	c.gatherArrivals()
	waits = slices.DeleteFunc(waits, func(call *CallRecord) bool { return call.Pending })
	slices.SortStableFunc(waits, func(a, b *CallRecord) int { return cmp.Compare(a.Left, b.Left) })
	reported := map[*Socket]time.Duration{}
	for _, call := range waits {
		c.wake(call, reported)
		call.report(reported)
	}
}

// report notes which sockets the call reported to be ready.
func (c *CallRecord) report(reported map[*Socket]time.Duration) {
	for i := range c.Wakes {
		if s := c.Wakes[i].Socket; s != nil {
			reported[s] = max(reported[s], c.Left)
		}
	}
}

// wake finds what ended a wait that has returned, of sockets that were reported before.
func (c *correlator) wake(call *CallRecord, reported map[*Socket]time.Duration) {
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
		*w = c.woken(call, &call.Ready[i], reported)
		first := &call.Wake
		if first.Kind == WakeUnknown || w.Packet+w.Call > 0 && (first.Packet+first.Call == 0 || w.At < first.At) {
			*first = *w
		}
	}
}

// woken finds what made one descriptor ready.
func (c *correlator) woken(call *CallRecord, r *Wait, reported map[*Socket]time.Duration) Wake {
	s := c.Socket(r.Socket, call.Left)
	if s == nil {
		return Wake{Kind: WakeDescriptor}
	}
	w := Wake{Socket: s}
	from := max(call.Entered, s.awaited.reported, reported[s])
	a, ok := arrival{}, false
	if r.Events&^Writable != 0 {
		a, ok = c.firstArrival(s, from, call.Left)
	}
	if !ok && r.Events&Writable != 0 {
		a, ok = c.lastRoom(s, from, call.Left)
	}
	switch {
	case ok && a.packet != 0:
		w.Kind, w.Packet, w.At = WakePacket, a.packet, a.at
	case ok:
		w.Kind, w.Call, w.At = WakeCall, a.call, a.at
	case call.Left-call.Entered < atOnce:
		w.Kind = WakeReady
	case call.Left-call.Entered < delayed:
		if _, ok := c.unread(s, call.Entered); ok {
			w.Kind = WakeReady
		}
	}
	return w
}

// firstArrival is the first that there was to receive on the socket in a time.
func (t *Timeline) firstArrival(s *Socket, from, to time.Duration) (arrival, bool) {
	for _, all := range [][]arrival{s.awaited.first, t.arrivals[s]} {
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
func (t *Timeline) lastArrival(s *Socket, to time.Duration, before arrival, ok func(arrival) bool) arrival {
	all := t.arrivals[s]
	for _, a := range slices.Backward(all[:sort.Search(len(all), func(i int) bool { return all[i].at > to })]) {
		if ok(a) {
			return a
		}
	}
	return before
}

// lastRoom is what made room on the socket last in a time: that there is some does not mean that there is enough.
func (t *Timeline) lastRoom(s *Socket, from, to time.Duration) (arrival, bool) {
	a := t.lastArrival(s, to, s.awaited.room, func(a arrival) bool { return a.out })
	return a, a.out && a.at >= from
}

// unread is what had arrived last at the socket at a time, if nothing was received since.
func (t *Timeline) unread(s *Socket, at time.Duration) (arrival, bool) {
	a := t.lastArrival(s, at, s.awaited.unread, func(a arrival) bool { return a.in })
	return a, a.in && a.at <= at && !slices.ContainsFunc(s.since(a.at, at), func(r *CallRecord) bool { return r.Receives() && r.Succeeded() && r.Left <= at })
}

// gatherArrivals lists what made each socket ready.
func (c *correlator) gatherArrivals() {
	c.arrivals = map[*Socket][]arrival{}
	add := func(s *Socket, a arrival) {
		if s != nil && (a.in || a.out) {
			c.arrivals[s] = append(c.arrivals[s], a)
		}
	}
	for _, p := range c.Packets {
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
	c.gatherUnix(add)
	for _, all := range c.arrivals {
		slices.SortStableFunc(all, func(a, b arrival) int { return cmp.Compare(a.at, b.at) })
	}
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
func (c *correlator) gatherUnix(add func(*Socket, arrival)) {
	listeners := map[string][]*Socket{}
	for _, s := range c.Sockets {
		if s.Family == FamilyUnix && s.Listens >= 0 {
			listeners[s.Local.Unix] = append(listeners[s.Local.Unix], s)
		}
	}
	for _, call := range c.Calls {
		s := call.On
		if s == nil || s.Family != FamilyUnix || call.Errno != "" && !call.Pending {
			continue
		}
		a := arrival{at: call.Entered, call: call.Number, in: true}
		switch {
		case call.Sends():
			to := s.Peer
			if name := call.Addr.Unix; name != "" {
				to = c.named(name, call)
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

// awaited is what is kept of a socket for calls that wait, of the time that is forgotten.
type awaited struct {
	reported time.Duration // when a call last said that it is ready
	first    []arrival     // for each call that waits for it since: the first that there was to receive
	room     arrival       // the last that made room
	unread   arrival       // the last that there was to receive, if nothing was received since
}

// waits keeps what is said of calls that have not returned.
func (g *forgetting) Waiting() {
	if g.arrivals == nil {
		return
	}
	reported := map[*Socket]time.Duration{}
	for _, c := range g.Calls {
		if g.over(c) {
			c.report(reported)
		}
	}
	for _, s := range g.Sockets {
		a := &s.awaited
		a.reported = max(a.reported, reported[s])
		a.room = g.lastArrival(s, g.until, a.room, func(a arrival) bool { return a.out })
		if unread, ok := g.unread(s, g.until); ok {
			a.unread = unread
		} else {
			a.unread = arrival{}
		}
	}
	first := map[*Socket][]arrival{}
	for _, c := range g.Calls {
		if g.over(c) {
			continue
		}
		for i := range c.Waits {
			if s := g.Socket(c.Waits[i].Socket, c.Waits[i].Began(c.Call)); s != nil {
				if a, ok := g.firstArrival(s, max(c.Entered, s.awaited.reported), g.until); ok && !slices.Contains(first[s], a) {
					first[s] = append(first[s], a)
				}
			}
		}
	}
	for _, s := range g.Sockets {
		s.awaited.first = first[s]
		slices.SortFunc(first[s], func(a, b arrival) int { return cmp.Compare(a.at, b.at) })
	}
}
