package trace

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// Window joins a trace that does not end: it holds the events of late, and of the earlier ones what can
// still matter. The zero value is ready. It is not safe for concurrent use.
type Window struct {
	past     past
	events   []Event
	pending  map[int]int // where the pending call of a number stands
	threads  map[int]int // the number of the last call of a thread that was told as pending
	timeline *Timeline   // of the events, nil when they have changed
}

// Add adds an event, which must not change any more. A call that has returned takes the place of the same
// call as it was entered.
func (w *Window) Add(e Event) {
	w.timeline = nil
	switch e := e.(type) {
	case *Note:
		return
	case *Host:
		w.past.hosts = append(w.past.hosts, e)
		return
	case *Call:
		if at, ok := w.pending[e.Number]; ok {
			w.events[at] = e
			delete(w.pending, e.Number)
			return
		}
		if e.Pending {
			if w.pending == nil {
				w.pending, w.threads = map[int]int{}, map[int]int{}
			}
			w.lose(e)
			w.pending[e.Number] = len(w.events)
		}
	}
	w.events = append(w.events, e)
}

// lose ends an earlier call of the thread that enters another one: its return was lost on the way here.
func (w *Window) lose(e *Call) {
	if e.Thread == 0 || e.Ring {
		return
	}
	if at, ok := w.pending[w.threads[e.Thread]]; ok {
		c := *w.events[at].(*Call)
		if c.Thread == e.Thread && c.Entered <= e.Entered {
			c.Ended, c.Left = true, e.Entered
			w.events[at] = &c
			delete(w.pending, c.Number)
		}
	}
	w.threads[e.Thread] = e.Number
}

// Len is the number of events held.
func (w *Window) Len() int { return len(w.events) }

// Timeline joins the events held. What it says of them is what Correlate says with all earlier events, as far
// as Forget has not been made to go further than that. It is valid until the next call of Add or Forget.
func (w *Window) Timeline() *Timeline {
	if w.timeline == nil {
		w.timeline = w.past.correlate(w.events)
	}
	return w.timeline
}

// waitingLimit is how many messages and bytes of calls are held because a receive may still take them, for each
// socket.
const waitingLimit = 1024

// Forget drops what was over at a time and cannot be met again: calls that had returned, packets, sockets that
// were closed. Held are sends of which bytes are not acknowledged or not received yet, up to a limit, and what is
// joined with something held. With all they are dropped too; what is then said of later packets and receives may be
// that their origin is not known. It returns the calls and packets that are dropped, joined for the last time.
func (w *Window) Forget(until time.Duration, all bool) *Timeline {
	t := w.Timeline()
	g := &forgetting{Timeline: t, until: until, all: all, keep: map[*CallRecord]bool{}, hold: map[*PacketRecord]bool{}, waiting: map[*Socket]int{}}
	g.connections()
	g.datagrams()
	g.options()
	g.streams()
	g.Waiting()
	gone := t.Only(func(c *CallRecord) bool { return !g.keep[c] }, func(p *PacketRecord) bool { return !g.hold[p] })
	w.past = g.remember(w.past)
	w.past.judge.forget(func(number int) bool { return g.hold[t.Packet(number)] })
	w.rest(g)
	return gone
}

// rest keeps the events that are held. What became of sockets is in the past now.
func (w *Window) rest(g *forgetting) {
	kept := w.events[:0]
	clear(w.pending)
	for _, e := range w.events {
		switch e := e.(type) {
		case *Call:
			c := g.Call(e.Number)
			if c != nil && !g.keep[c] {
				continue
			}
			if e.goesOn() {
				w.pending[e.Number] = len(kept)
			}
		case *Packet:
			if p := g.Packet(e.Number); p != nil && !g.hold[p] {
				continue
			}
		case *State:
			continue
		case *Caption:
			if e.Time <= g.until {
				continue
			}
		}
		kept = append(kept, e)
	}
	for thread, number := range w.threads {
		if _, ok := w.pending[number]; !ok {
			delete(w.threads, thread)
		}
	}
	clear(w.events[len(kept):])
	w.events, w.timeline = kept, nil
}

// forgetting finds out what to hold.
type forgetting struct {
	*Timeline
	until   time.Duration
	all     bool
	keep    map[*CallRecord]bool
	hold    map[*PacketRecord]bool
	waiting map[*Socket]int // how much is held for a socket that may still receive it
}

// over tells whether a call had returned by the time.
func (g *forgetting) over(c *CallRecord) bool { return !c.goesOn() && c.Left <= g.until }

// closed tells whether a socket had been closed by the time.
func (g *forgetting) closed(s *Socket) bool { return s.Closed >= 0 && s.Closed <= g.until }

// gone tells whether a stream socket that was an end of a connection at t is none any more: closed, or dissolved.
func (g *forgetting) gone(s *Socket, t time.Duration) bool {
	return g.closed(s) || s.stretch(t) != s.stretch(g.until)
}

// connections holds the packets of connections from a time on, and the calls whose bytes they carry; the state of
// each connection becomes what it was then.
func (g *forgetting) connections() {
	for _, k := range g.conns {
		n := firstAfter(k.packets, g.until+1)
		for i, p := range k.packets[:n] {
			if p.waiting && !g.all && p.To != nil && !g.gone(p.To, p.Time) || p.fails != nil && !g.over(p.fails) {
				n = i
				break
			}
		}
		for _, p := range k.packets[n:] {
			g.holdSegment(p)
		}
		for _, f := range k.flows {
			for _, q := range f.parts {
				if g.hold[q.first] {
					g.holdSegment(q)
				}
			}
		}
		k.rewind(n)
	}
}

func (g *forgetting) holdSegment(p *PacketRecord) {
	g.hold[p] = true
	for _, s := range p.Carries {
		g.keep[g.Call(s.Call)] = true
	}
}

// rewind makes the state of the connection what it was after its first n packets.
func (k *conn) rewind(n int) {
	var parts []*PacketRecord
	for _, f := range k.flows {
		parts = append(parts, f.parts...)
		f.track, f.intervals, f.parts, f.history = f.before, nil, nil, nil
	}
	for _, p := range k.packets[:n] {
		var later []*PacketRecord
		for _, q := range parts {
			if q.first == p {
				later = append(later, &PacketRecord{Packet: q.Packet})
			}
		}
		f := k.direction(p)
		f.segment(&PacketRecord{Packet: p.Packet}, later)
		f.parts = nil
	}
}

// items are calls and packets that are joined with each other, outside of streams.
type items struct {
	*forgetting
	calls   []*CallRecord
	packets []*PacketRecord
}

func (i *items) call(c *CallRecord) {
	if c != nil && !i.keep[c] {
		i.keep[c] = true
		i.calls = append(i.calls, c)
	}
}

func (i *items) packet(p *PacketRecord) {
	if p != nil && !i.hold[p] && (p.TCP == nil || p.Raw != nil) && p.first == nil {
		i.hold[p] = true
		i.packets = append(i.packets, p)
	}
}

// wait counts what is held for a socket to receive, and tells whether it may be.
func (g *forgetting) wait(to *Socket) bool {
	if g.all || to == nil || g.closed(to) || g.waiting[to] >= waitingLimit {
		return false
	}
	g.waiting[to]++
	return true
}

// datagrams holds what is not over, and all that is joined with it.
func (g *forgetting) datagrams() {
	i := &items{forgetting: g}
	parts := map[*PacketRecord][]*PacketRecord{}
	for _, p := range slices.Backward(g.Packets) {
		if p.head != nil {
			parts[p.head] = append(parts[p.head], p)
		}
		if p.Time > g.until || p.waiting && slices.ContainsFunc(p.ReceivedBy(), g.wait) {
			i.packet(p)
		}
	}
	for _, c := range slices.Backward(g.Calls) {
		incomplete := c.Silent && c.Because != "" && len(c.Packets) == 0 && c.On.Kind == KindDatagram && g.wait(c.On) // of a datagram that is not sent yet
		if !g.over(c) || incomplete || c.waiting && (c.Name == "connect" || g.wait(c.On)) {
			i.call(c)
		}
	}
	for len(i.calls)+len(i.packets) > 0 {
		if n := len(i.calls); n > 0 {
			c := i.calls[n-1]
			i.calls = i.calls[:n-1]
			i.joinedCall(c)
			continue
		}
		n := len(i.packets)
		p := i.packets[n-1]
		i.packets = i.packets[:n-1]
		for _, q := range parts[p] {
			i.packet(q)
		}
		i.joinedPacket(p)
	}
}

// options keeps the options that were set on datagram sockets after the first send that is kept: they tell which
// sends made one datagram.
func (g *forgetting) options() {
	for _, s := range g.Sockets {
		if s.Kind == KindStream {
			continue
		}
		keeps := false
		for _, c := range s.Calls {
			keeps = keeps || g.keep[c] && c.Sends()
			if _, _, ok := c.Option(); ok && keeps {
				g.keep[c] = true
			}
		}
	}
}

func (i *items) joinedCall(c *CallRecord) {
	if c.On != nil && c.On.Kind == KindStream {
		return // streams are joined by offsets
	}
	for _, n := range c.Packets {
		i.packet(i.Packet(n))
	}
	for _, s := range c.Received {
		i.call(i.Call(s.Call))
	}
	for _, r := range i.Takers(c.Number) {
		i.call(r)
	}
	i.packet(i.Packet(c.Message))
	i.packet(i.Packet(c.Error))
}

func (i *items) joinedPacket(p *PacketRecord) {
	for _, s := range p.Carries {
		i.call(i.Call(s.Call))
	}
	for _, c := range p.taken {
		i.call(c)
	}
	i.call(p.fails)
	i.call(p.queued)
	i.packet(p.head)
	i.packet(i.Packet(p.Quotes))
	i.packet(i.Packet(p.Replies))
}

// streams moves the state of stream sockets up to the first call that is kept. First all receives: what was sent
// is held until it is received.
func (g *forgetting) streams() {
	flows := map[*Socket]*flow{}
	for _, f := range g.flows {
		if f.from != nil && f.from.stretch(f.conn.start) == f.from.stretch(g.until) {
			flows[f.from] = f
		}
	}
	for _, s := range g.Sockets {
		if s.Kind == KindStream {
			g.receives(s)
		}
	}
	for _, s := range g.Sockets {
		if s.Kind == KindStream {
			g.sends(s, g.doneTo(s, flows[s]))
		}
	}
}

func (g *forgetting) receives(s *Socket) {
	keeps := false
	now := s.stretch(g.until)
	_, s.received, s.blind = s.before(now)
	for _, c := range s.Calls {
		if !c.Receives() {
			continue
		}
		if !g.over(c) {
			g.keep[c], keeps = true, true
			continue
		}
		delete(g.keep, c)
		if s.stretch(c.Entered) != now {
			continue
		}
		if c.Succeeded() && c.Result > 0 && !c.HasFlag("MSG_OOB") {
			// One that was entered before and has not returned may have taken bytes before these.
			s.blind = s.blind && !c.OffsetKnown || keeps || c.together || c.unplaced
			if c.OffsetKnown {
				s.received = c.Call.Offset
			}
			if !c.HasFlag("MSG_PEEK") {
				s.received += c.Result
			}
		}
	}
}

// doneTo is the offset up to which the bytes of a socket are acknowledged and received.
func (g *forgetting) doneTo(s *Socket, f *flow) int64 {
	done := int64(math.MaxInt64)
	if g.all {
		return done
	}
	to, since := s.Peer, g.until
	if f != nil {
		to, since = f.to, f.conn.start
		if f.anchored && !f.reset && !f.back.reset {
			done = f.acked
		}
	}
	if to != nil && !g.gone(to, since) && !to.blind {
		done = min(done, to.received)
	}
	if to == nil && slices.ContainsFunc(s.Calls, func(c *CallRecord) bool { return c.waiting }) {
		done = 0 // nobody has accepted it yet
	}
	return done
}

func (g *forgetting) sends(s *Socket, done int64) {
	now := s.stretch(g.until)
	all := s.intervals(now)
	s.sent, _, _ = s.before(now)
	s.forgotten = now
	cut := len(all)
	for i, iv := range all {
		if !g.over(iv.call) || g.keep[iv.call] || iv.to > done && len(all)-i <= waitingLimit {
			cut = i
			break
		}
	}
	for cut > 0 && cut < len(all) && all[cut-1].call == all[cut].call {
		cut--
	}
	if len(all) > 0 {
		s.sent = all[len(all)-1].to
	}
	if cut == len(all) {
		return
	}
	s.sent = all[cut].from
	for _, iv := range all[cut:] {
		g.keep[iv.call] = true
	}
	// Options that were set after the first of them explain it no more than they would have.
	for _, c := range s.Calls {
		if _, _, ok := c.Option(); ok && c.Entered >= all[cut].call.Entered {
			g.keep[c] = true
		}
	}
}

// Connections are forgotten some time after their last packet: what ends one may come again, and what belongs
// to no socket may be accepted yet.
const (
	lingerEnded  = time.Second
	lingerNobody = 10 * time.Second
	lingerClosed = time.Minute
)

func (g *forgetting) finished(k *conn) bool {
	last := k.start
	for _, f := range k.flows {
		if f.last != nil {
			last = max(last, f.last.Time)
		}
	}
	idle := g.until - last
	a, b := k.flows[0], k.flows[1]
	switch {
	case len(k.packets) > 0 && k.packets[len(k.packets)-1].Time > g.until:
		return false
	case a.reset || b.reset || a.fin >= 0 && b.fin >= 0 && !a.finUnacked && !b.finUnacked:
		return idle > lingerEnded
	case a.from == nil && b.from == nil:
		return idle > lingerNobody
	}
	return idle > lingerClosed && (a.from == nil || g.closed(a.from)) && (b.from == nil || g.closed(b.from))
}

// remember is the past for what is held.
func (g *forgetting) remember(before past) past {
	now := past{hosts: before.hosts, judge: before.judge, made: g.socketsMade, carried: map[int][]int{}, waiting: g.Timeline.waiting}
	needed := map[*Socket]bool{}
	for _, k := range g.conns {
		if g.finished(k) {
			continue
		}
		for _, f := range k.flows {
			needed[f.from] = true
		}
		k.packets = nil
		now.conns = append(now.conns, k)
	}
	for c := range g.keep {
		needed[c.On], needed[c.Took] = true, true
		for i := range c.Waits {
			needed[g.Socket(c.Waits[i].Socket, c.Waits[i].Began(c.Call))] = true
		}
		for _, n := range c.Packets {
			if p := g.Packet(n); p == nil || !g.hold[p] {
				now.carried[c.Number] = append(now.carried[c.Number], n)
			}
		}
	}
	for p := range g.hold {
		needed[p.From] = true
		for _, s := range p.ReceivedBy() {
			needed[s] = true
		}
	}
	for _, s := range g.Sockets {
		s.paired = s.paired || s.Family == FamilyUnix && (s.Parent != nil || s.Peer != nil)
		if g.closed(s) && !needed[s] {
			continue
		}
		s.Calls, s.until = nil, nil
		for len(s.names) > 1 && s.names[1].since <= g.until {
			s.names = s.names[1:]
		}
		if n := s.stretch(g.until); n > 0 { // what was before is forgotten
			s.dissolved, s.forgotten = s.dissolved[n-1:], 1
		}
		for name, all := range s.settings {
			all = slices.DeleteFunc(slices.Clone(all), func(x setting) bool { return g.keep[x.call] })
			s.settings[name] = all[max(0, len(all)-1):]
		}
		now.sockets = append(now.sockets, s)
	}
	return now
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
		a.room = g.arrivals.lastArrival(s, g.until, a.room, func(a arrival) bool { return a.out })
		if unread, ok := g.arrivals.unread(s, g.until); ok {
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
				if a, ok := g.arrivals.firstArrival(s, max(c.Entered, s.awaited.reported), g.until); ok && !slices.Contains(first[s], a) {
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
