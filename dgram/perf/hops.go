package perf

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"os"
	"slices"
	"sync"
	"time"

	"sockwire/dgram"
	"sockwire/raw/wire"
)

// ErrNoHops says that a server lists no hops of the way back: it is of an older version, its system does not tell, or
// it was told not to.
var ErrNoHops = errors.New("the server does not list the hops of the way back")

// WayBack lists the hops on the way back from a server, seen from there: the server sends datagrams whose time to live
// ends on the way, hears what routers say of them, and tells it. Make one with [OpenWayBack] and close it in the end.
// All datagrams of one are of one flow, from the server's port to this end's, so they take one path. What this end
// sends the server gets no more than it was sent.
type WayBack struct {
	f    *flow
	wait time.Duration // for what routers say

	mu      sync.Mutex
	next    uint64 // number of the next datagram
	open    map[uint64]*hopProbe
	order   []uint64 // numbers that are not known yet, the oldest first
	paced   time.Time
	asked   uint64 // questions, for their numbers
	unheard int    // of them, since the server was last heard
	short   uint64
	failed  error
	stirred chan struct{}
	ended   chan struct{}
	working sync.WaitGroup
}

// BackHop is what became of one datagram that the server sent towards this end.
type BackHop struct {
	TTL  int
	Sent time.Time // when the server was asked to send it, on this end's clock
	// Came says that it came here, which this end knows for itself. Otherwise From says who said of it what Type and
	// Code are, an ICMP message; nobody did where it is not valid.
	Came bool
	From netip.Addr
	Type uint8
	Code uint8
	// RTT is from when the server sent it until it heard of it, by the server's clock: from a router, or from here. 0
	// is not known.
	RTT      time.Duration
	ReplyTTL int // that the message arrived with at the server; 0 is not known
}

// hopProbe is one under way.
type hopProbe struct {
	index    int
	ttl      uint8
	asked    time.Time // the first time, zero before
	last     time.Time // the latest
	tries    int
	due      time.Time // when to ask what became of it
	came     bool
	call     *hopCall
	finished bool
}

// hopCall is one call of Probe.
type hopCall struct {
	done []BackHop
	open int
	news chan struct{}
}

const (
	hopTries   = 32                     // for each datagram, where what asks for it is lost
	hopsSilent = 16                     // questions in a row that may go unanswered
	hopLinger  = 20 * time.Millisecond  // between two questions after the same, at least,
	hopLong    = 100 * time.Millisecond // and at most, or a round trip
)

// OpenWayBack makes a session with the server of cfg.Target, of which the address and the socket are used, and Timeout:
// how long routers may take to answer, 0 means a second. The error wraps [ErrNoHops] where the server does not list
// hops.
func OpenWayBack(ctx context.Context, cfg Config) (*WayBack, error) {
	socket := configOf(cfg.Socket)
	socket.NoOffload = true
	cfg.Socket, cfg.Network = &socket, cmp.Or(cfg.Network, "udp")
	cfg.Settle, cfg.Requests, cfg.Up, cfg.Down = time.Millisecond, &Load{Count: 1}, nil, nil
	f, err := newFlow(ctx, &cfg)
	if err != nil {
		return nil, err
	}
	switch rate := f.granted.HopRate; {
	case f.granted.Version < 1:
		err = fmt.Errorf("%w: it is of an older version", ErrNoHops)
	case !(rate >= 0 && rate <= 1e6):
		err = fmt.Errorf("%w: it sends %g datagrams a second for hops", ErrContradiction, rate)
	case rate < 0.1:
		err = fmt.Errorf("%w: its system does not tell them, or it was told not to", ErrNoHops)
	}
	if err != nil {
		f.close()
		return nil, fmt.Errorf("perf: %w", err)
	}
	w := &WayBack{f: f, wait: cmp.Or(cfg.Timeout, time.Second), open: map[uint64]*hopProbe{}}
	w.stirred, w.ended = make(chan struct{}, 1), make(chan struct{})
	f.heard.Store(time.Now().UnixNano())
	w.working.Go(w.receive)
	w.working.Go(w.drive)
	return w, nil
}

// Close ends the session.
func (w *WayBack) Close() {
	w.fail(os.ErrClosed)
	close(w.ended)
	_ = w.f.conn.SetReadDeadline(time.Unix(1, 0))
	w.working.Wait()
	w.f.close()
}

// LocalAddr is where the datagrams come to.
func (w *WayBack) LocalAddr() dgram.Addr { return w.f.conn.LocalAddr() }

// Short is how many messages of routers quoted too little to tell which datagram they are about; they are left out.
func (w *WayBack) Short() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.short
}

// Probe has the server send a datagram with each of the given times to live, 1 to 255, and yields what became of each,
// in any order. An error ends it: the server is gone, or says what cannot be ([ErrContradiction]). The end of ctx ends
// it without one. It may be called by several goroutines at once.
func (w *WayBack) Probe(ctx context.Context, ttls []int) iter.Seq2[BackHop, error] {
	return func(yield func(BackHop, error) bool) {
		call := &hopCall{open: len(ttls), news: make(chan struct{}, 1)}
		w.mu.Lock()
		for i, ttl := range ttls {
			w.open[w.next] = &hopProbe{index: i, ttl: uint8(ttl), call: call}
			w.order = append(w.order, w.next)
			w.next++
		}
		w.mu.Unlock()
		w.stir()
		defer w.forget(call)
		for {
			w.mu.Lock()
			done, left, err := call.done, call.open, w.failed
			call.done = nil
			w.mu.Unlock()
			for _, hop := range done {
				if !yield(hop, nil) {
					return
				}
			}
			if left == 0 {
				return
			}
			if err != nil {
				yield(BackHop{}, fmt.Errorf("perf: %w", err))
				return
			}
			select {
			case <-call.news:
			case <-ctx.Done():
				return
			}
		}
	}
}

// forget takes away what is left of a call that nobody waits for.
func (w *WayBack) forget(call *hopCall) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for n, p := range w.open {
		if p.call == call {
			p.finished = true
			delete(w.open, n)
		}
	}
	w.sweep()
}

// sweep takes what is known out of the order.
func (w *WayBack) sweep() {
	w.order = slices.DeleteFunc(w.order, func(n uint64) bool { return w.open[n] == nil })
}

func (w *WayBack) stir() {
	select {
	case w.stirred <- struct{}{}:
	default:
	}
}

func (w *WayBack) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failed == nil {
		w.failed = err
	}
	for _, p := range w.open {
		p.call.tell()
	}
	w.stir()
}

func (c *hopCall) tell() {
	select {
	case c.news <- struct{}{}:
	default:
	}
}

// finish says what became of a datagram. mu is held.
func (w *WayBack) finish(n uint64, hop BackHop) {
	p := w.open[n]
	hop.TTL, hop.Sent = int(p.ttl), p.last
	p.finished = true
	delete(w.open, n)
	p.call.done = append(p.call.done, hop)
	p.call.open--
	p.call.tell()
}

// drive sends what is due until the way back is closed or fails.
func (w *WayBack) drive() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		wake, err := w.step(time.Now())
		if err != nil {
			w.fail(err)
		}
		w.mu.Lock()
		failed := w.failed
		w.mu.Unlock()
		if failed != nil {
			return
		}
		timer.Reset(wake)
		select {
		case <-w.stirred:
		case <-timer.C:
		case <-w.ended:
			return
		}
	}
}

// step sends what is due at a time, and returns how long nothing else is.
func (w *WayBack) step(now time.Time) (wake time.Duration, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sweep()
	if len(w.order) == 0 {
		return time.Hour, nil
	}
	silent := now.Sub(time.Unix(0, w.f.heard.Load()))
	if w.unheard > hopsSilent && silent > w.f.patience+w.wait {
		return 0, fmt.Errorf("%w %v ago", ErrServerGone, silent.Round(time.Millisecond))
	}
	wake = time.Second
	soon := func(at time.Time) { wake = min(wake, max(at.Sub(now), time.Millisecond)) }
	var after []uint64 // what is asked after next
	ready := false     // one of them is due
	between := time.Duration(1e9 / (0.8 * w.f.granted.HopRate))
	for i, n := range w.order {
		p := w.open[n]
		switch {
		case i >= hopsKept/2: // the server forgets
		case p.tries == 0:
			if now.Before(w.paced) {
				soon(w.paced)
				continue
			}
			if err := w.request(n, p, now); err != nil {
				return 0, err
			}
			if w.paced = w.paced.Add(between); w.paced.Before(now.Add(-10 * between)) {
				w.paced = now.Add(between) // what was missed is not made up for
			}
		case now.Add(hopLinger / 2).Before(p.due): // those nearer are asked after together
			soon(p.due)
		case len(after) < hopsTold:
			ready = ready || !now.Before(p.due)
			after = append(after, n)
			soon(p.due)
		default:
			soon(now.Add(hopLinger / 4))
		}
	}
	if ready || len(after) == hopsTold {
		for _, n := range after {
			p := w.open[n]
			p.due = now.Add(max(min(max(hopLinger, now.Sub(p.asked)/2), hopLong), w.f.roundTrip))
		}
		w.asked++
		w.unheard++
		h := header{kind: kindHops, session: w.f.session, seq: w.asked}
		question, err := control(h, hopsQuestion{after}, controlSize)
		if err != nil {
			return 0, err
		}
		err = w.f.conn.Send(question, dgram.Addr{})
		if fatal(err) {
			return 0, err
		}
	}
	return wake, nil
}

// request asks for one datagram. mu is held.
func (w *WayBack) request(n uint64, p *hopProbe, now time.Time) error {
	b := make([]byte, HeaderSize)
	h := header{kind: kindHop, flags: p.ttl, session: w.f.session, seq: n, sent: now.UnixNano()}
	h.put(b)
	if p.tries++; p.asked.IsZero() {
		p.asked = now
	}
	p.last = now
	p.due = now.Add(w.f.roundTrip + hopLinger/2)
	if err := w.f.conn.Send(b, dgram.Addr{}); fatal(err) {
		return err
	}
	return nil
}

// receive takes what comes until the read deadline is moved into the past.
func (w *WayBack) receive() {
	buf := make([]byte, 1<<16)
	for {
		d, err := w.f.conn.Receive(buf)
		if err != nil {
			if w.f.takeError(err) {
				if w.f.closed.Load() {
					w.fail(fmt.Errorf("%w: %w", ErrServerGone, err))
					return
				}
				continue
			}
			w.fail(err)
			return
		}
		var h header
		if d.Truncated || !h.parse(d.Payload) || h.session != w.f.session {
			continue
		}
		w.hear(d.Time)
		switch h.kind {
		case kindHopped:
			err = w.came(&h)
		case kindHopsTold:
			err = w.account(&d)
		}
		if err != nil {
			w.fail(err)
			return
		}
	}
}

func (w *WayBack) hear(at time.Time) {
	w.f.heard.Store(at.UnixNano())
	w.mu.Lock()
	w.unheard = 0
	w.mu.Unlock()
}

// came takes in a datagram that came all the way, and says so.
func (w *WayBack) came(h *header) error {
	w.mu.Lock()
	p, asked := w.open[h.seq], h.seq < w.next
	if p != nil && p.tries > 0 && p.ttl == h.flags {
		p.came = true
	}
	w.mu.Unlock()
	if !asked || p != nil && (p.tries == 0 || p.ttl != h.flags) {
		return contradicts("it sends number %d with a time to live of %d, which was not asked for", h.seq, h.flags)
	}
	b := make([]byte, HeaderSize)
	out := header{kind: kindCame, flags: h.flags, session: w.f.session, seq: h.seq, sent: time.Now().UnixNano()}
	out.put(b)
	if err := w.f.conn.Send(b, dgram.Addr{}); fatal(err) {
		return err
	}
	return nil
}

func contradicts(format string, a ...any) error {
	return fmt.Errorf("%w: %s", ErrContradiction, fmt.Sprintf(format, a...))
}

// account takes in what became of some.
func (w *WayBack) account(d *dgram.Datagram) error {
	var a hopsAnswer
	if body(d.Payload, &a) != nil || len(a.Hops) > hopsTold {
		return contradicts("its account of hops is none")
	}
	now := time.Now()
	defer w.stir()
	w.mu.Lock()
	defer w.mu.Unlock()
	if a.Short > w.next {
		return contradicts("%d messages quote too little, of at most %d that there can be", a.Short, w.next)
	}
	w.short = max(w.short, a.Short)
	for i := range a.Hops {
		if err := w.toldOf(&a.Hops[i], now); err != nil {
			return err
		}
	}
	return nil
}

// toldOf takes in what became of one. mu is held.
func (w *WayBack) toldOf(t *hopTold, now time.Time) error {
	p := w.open[t.N]
	if p == nil || p.tries == 0 {
		if t.N < w.next && (p == nil || p.tries > 0) {
			return nil // it is known already, or nobody waits for it
		}
		return contradicts("it tells of number %d, which was not asked for", t.N)
	}
	waited := now.Sub(p.asked)
	from, err := w.checked(t, p, waited)
	switch {
	case err != nil:
		return err
	case t.Took > 0 && from.IsValid() && !p.came:
		w.finish(t.N, BackHop{From: from, Type: t.Type, Code: t.Code, RTT: t.Took, ReplyTTL: int(t.Back)})
	case from.IsValid(): // it came twice, and one of them ended on the way
		w.finish(t.N, BackHop{Came: true})
	case t.Took > 0 && p.came:
		w.finish(t.N, BackHop{Came: true, RTT: t.Took})
	case p.came && waited > w.wait+w.f.roundTrip:
		w.finish(t.N, BackHop{Came: true}) // that it came did not come to the server's ears
	case p.came:
	case t.TTL == 0 || t.Lost:
		if p.tries >= hopTries {
			return fmt.Errorf("%w: it does not send them", ErrNoHops)
		}
		if now.Sub(p.last) > w.f.roundTrip+hopLinger { // what asked for it was lost, or it was too much at once
			return w.request(t.N, p, now)
		}
	case now.Sub(p.last) > w.wait+w.f.roundTrip:
		w.finish(t.N, BackHop{})
	}
	return nil
}

// checked holds what the server says of a datagram against what is known here, and returns who is said to have
// answered.
func (w *WayBack) checked(t *hopTold, p *hopProbe, waited time.Duration) (from netip.Addr, err error) {
	peer := w.f.conn.RemoteAddr().IP.Addr()
	if t.From != "" {
		from, err = netip.ParseAddr(t.From)
	}
	switch {
	case t.TTL != 0 && t.TTL != p.ttl:
		err = contradicts("number %d was to have a time to live of %d, and it says %d", t.N, p.ttl, t.TTL)
	case err != nil, from.IsValid() && (from.Is4() != peer.Is4() || from.Zone() != ""),
		from.IsMulticast(), from.IsValid() && from.IsUnspecified():
		err = contradicts("it says that %.64q answered", t.From)
	case t.Took < 0 || t.Took > waited+waited/100+time.Millisecond:
		err = contradicts("it says that number %d took %v, which was asked for %v ago", t.N, t.Took, waited)
	case from.IsValid() != (t.Type != 0 || t.Code != 0) || from.IsValid() && !wire.IsICMPError(peer.Is6(), t.Type):
		err = contradicts("it says that %.64q answered with ICMP type %d code %d", t.From, t.Type, t.Code)
	case from.IsValid() && (t.Took == 0 || t.TTL == 0 || t.Lost):
		err = contradicts("it says that %.64q answered what was not sent", t.From)
	}
	return from, err
}
