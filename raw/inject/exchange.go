package inject

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"net/netip"
	"os"
	"sync"
	"time"

	"sockwire/raw/wire"
)

// Receiver gives what passes on the way out of a plan: what arrives, and packets as they leave. A live capture is one,
// and [OpenReceiver] opens one that will do for a few packets a second. One goroutine calls Next; the others may be
// called from any.
type Receiver interface {
	// Next waits for the next packet and fills r, whose bytes are valid until the following call. It returns io.EOF
	// after Stop when nothing is left, and an error wrapping os.ErrDeadlineExceeded at the read deadline.
	Next(r *Received) error
	// SetReadDeadline makes a waiting and every later Next fail at t; the zero time removes the deadline.
	SetReadDeadline(t time.Time) error
	// Stop takes no more packets: those from before it are still given.
	Stop() error
	Close() error
}

// Received is a packet that passed.
type Received struct {
	Frame   []byte // with its link header
	Network int    // where in Frame the network packet starts
	Time    time.Time
	Leaving bool // it leaves this host; on the loopback device, where what leaves arrives, it need not be set
}

// Answer is a packet that answers one that was sent.
type Answer struct {
	Number  uint64     // of the packet that it answers, from 0; not known with a Key
	Probed  netip.Addr // where that packet went
	Port    uint16     // and to which port, where there are any
	Role    Role       // Reply or ICMPError
	Verdict Verdict    // what it says of the port
	From    netip.Addr
	Time    time.Time     // of its arrival
	RTT     time.Duration // from the packet's departure; not known with a Key
	// Alike says that it could be the answer to another packet too, which nothing tells from this one: such answers are
	// taken to come in the order sent.
	Alike bool
	Extra bool // the packet had an answer
	// Changes is what an ICMP error shows changed on the way.
	Changes []Change
	// Sent is the header of the packet that it answers, nil with a Key; of a packet in a tunnel that of the one
	// answered.
	Sent *Header
	// Frame is the answer with its link header, valid until the next step; the network packet starts at Network.
	Frame   []byte
	Network int
}

// DefaultWait is how long answers are waited for after the last packet.
const DefaultWait = time.Second

// Exchange sends the packets of a plan and tells what answers them: at a rate, again where nothing answered, until it
// gives up. The zero value of everything but Plan is a default. It is for one run.
//
//	exchange := inject.Exchange{Plan: &inject.Plan{Template: template}}
//	for answer, err := range exchange.Answers(ctx) { … }
type Exchange struct {
	Plan     *Plan
	Schedule Schedule // the zero Schedule sends as fast as the engine takes packets
	// Duration ends the sending that long after its start; 0 for no such end.
	Duration time.Duration
	// Wait is how long answers are waited for after the last packet; 0 is DefaultWait.
	Wait time.Duration
	// Retries is how often what has no answer is sent again, with its ports and numbers.
	Retries int
	// Receiver sees what passes on Plan.Route.Interface; nil opens one. It is stopped at the end, and not closed.
	Receiver Receiver
	// Progress, if set, gets the packets and bytes sent so far, at most every 50 ms, from another goroutine.
	Progress func(sent, bytes uint64)

	receiver Receiver
	result   Result
	cookie   *Cookie
	room     [levels]Header // of the packet that passed

	mu       sync.Mutex
	handed   sync.Cond // a system call that hands packets over has returned
	sending  bool
	matcher  Matcher
	pending  []int // places in matcher.Probes of packets that are being handed over, -1 for none
	answered map[uint64]bool
	numbers  map[uint64]bool // those sent, where some are sent twice; nil otherwise
	ports    map[netip.AddrPort]Verdict
	group    bool // somebody else may always answer too
	sendErr  error
}

// Result is what became of an exchange.
type Result struct {
	Report   Report // of what was sent, without what was sent again
	Retried  uint64 // packets sent again
	Skipped  uint64 // left out because they would go to this host itself or to many
	Untraced int    // packets of which no answer can be told
	Replies  uint64 // first answers that are direct
	Errors   uint64 // first answers that are ICMP errors
	Extra    uint64 // further answers
	Alike    uint64 // answers of all kinds of which nothing but the order tells what they answer
}

// Result returns what became of the exchange when it is over, and what has so far while it lasts. The report is there
// once everything has been sent.
func (x *Exchange) Result() Result {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.result
}

// MaxTracked bounds how many packets are remembered for their answers; a plan of more, or of no end, needs a Key to
// listen.
const MaxTracked = 1 << 20

// Send sends the packets and looks for no answers.
func (x *Exchange) Send(ctx context.Context) error {
	done, err := x.open(ctx, ListenNever)
	if err != nil {
		return err
	}
	defer done()
	report, err := x.transmit(ctx, nil, 0)
	x.result.Report = report
	return err
}

// open opens the plan if the caller has not, and returns what closes it then.
func (x *Exchange) open(ctx context.Context, listen Listening) (done func() error, err error) {
	if x.Plan.engine != nil {
		return func() error { return nil }, nil
	}
	x.Plan.Listen = listen
	x.Plan.Fast = x.Plan.Fast || IsFast(x.Schedule)
	return x.Plan.Close, x.Plan.Open(ctx)
}

// transmit sends the packets of the plan, or those with the numbers.
func (x *Exchange) transmit(ctx context.Context, numbers []uint64, round int) (Report, error) {
	p := x.Plan
	source, err := p.source(ctx, numbers, round, x.skip)
	if err != nil {
		return Report{}, err
	}
	t := &Transmission{Engine: p.engine, Source: source, Schedule: x.Schedule, MTU: p.Route.MTU, Frames: p.frames, Progress: x.Progress}
	if round == 0 {
		t.Duration = x.Duration
	}
	if x.answered == nil || p.Key != nil {
		return t.Transmit(ctx)
	}
	t.departs = x
	defer x.forget() // of what an error kept from being handed over
	return t.Transmit(ctx)
}

// skip counts a packet that is left out.
func (x *Exchange) skip() {
	x.mu.Lock()
	x.result.Skipped++
	x.mu.Unlock()
}

// forget takes back what was to be handed over and was not.
func (x *Exchange) forget() {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, i := range x.pending {
		if i >= 0 {
			x.matcher.take(i)
		}
	}
	x.pending = x.pending[:0]
	x.handed.Broadcast()
}

// Answers sends the packets and yields their answers as they come, until everything has one, nothing is left to wait
// for, or ctx is done, which is no error. It opens and closes the plan unless that is open. Breaking off the loop stops
// the sending. An error is the last thing yielded.
func (x *Exchange) Answers(ctx context.Context) iter.Seq2[Answer, error] {
	return func(yield func(Answer, error) bool) {
		if err := x.answers(ctx, yield); err != nil {
			yield(Answer{}, err)
		}
	}
}

var errBroken = errors.New("the loop was broken off")

func (x *Exchange) answers(ctx context.Context, yield func(Answer, error) bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done, err := x.open(ctx, ListenAlways)
	if err != nil {
		return err
	}
	defer done()
	if err := x.prepare(); err != nil {
		return err
	}
	if x.receiver = x.Receiver; x.receiver == nil {
		receiver, err := OpenReceiver(x.Plan.Route.Interface)
		if err != nil {
			return err
		}
		defer receiver.Close()
		x.receiver = receiver
	}
	var sender sync.WaitGroup
	sender.Go(func() { x.send(ctx) })
	defer sender.Wait()
	defer cancel()
	stop := context.AfterFunc(ctx, x.wake)
	defer stop()
	if err = x.receive(ctx, yield); err == errBroken {
		return nil
	}
	cancel()
	sender.Wait()
	if err == nil {
		err = x.sendErr
	}
	return err
}

func (x *Exchange) prepare() error {
	x.handed.L = &x.mu
	x.Wait = cmp.Or(x.Wait, DefaultWait)
	p := x.Plan
	if p.Key != nil {
		x.cookie = NewCookie(p.Key)
	} else if total := p.Total(); total > MaxTracked && !p.endless() {
		return fmt.Errorf("inject: answers to %d packets cannot be followed, %d can", total, MaxTracked)
	}
	x.answered = map[uint64]bool{}
	if x.Retries > 0 {
		x.numbers = map[uint64]bool{}
	}
	x.matcher.Patience = max(x.Wait, DefaultWait)
	x.sending = true
	return nil
}

// send sends everything, and again what has no answer when it has been waited for. It runs in a goroutine of its own.
func (x *Exchange) send(ctx context.Context) {
	report, err := x.transmit(ctx, nil, 0)
	x.mu.Lock()
	x.result.Report, x.sendErr = report, err
	x.mu.Unlock()
	for round := 1; err == nil; round++ {
		if !x.await(ctx) || round > x.Retries {
			break
		}
		var again Report
		again, err = x.transmit(ctx, x.unanswered(), round)
		x.mu.Lock()
		x.result.Retried += again.Sent
		x.sendErr = err
		x.mu.Unlock()
	}
	x.mu.Lock()
	x.sending = false
	x.mu.Unlock()
	x.wake()
}

// await waits until everything has an answer or nothing has come for the time. It reports whether something is left to
// be sent again.
func (x *Exchange) await(ctx context.Context) bool {
	timer := time.NewTimer(x.Wait)
	defer timer.Stop()
	tick := time.NewTicker(awaitStep)
	defer tick.Stop()
	for {
		x.mu.Lock()
		complete := x.complete()
		x.mu.Unlock()
		if complete {
			return false
		}
		select {
		case <-ctx.Done():
			return false
		case <-timer.C:
			return len(x.unanswered()) > 0
		case <-tick.C:
		}
	}
}

// awaitStep is how often it is looked whether everything has an answer.
const awaitStep = 5 * time.Millisecond

// complete reports whether nothing more can come. The caller holds the lock.
func (x *Exchange) complete() bool {
	sent := len(x.numbers)
	if x.numbers == nil {
		sent = x.tracked()
	}
	return !x.group && x.result.Untraced == 0 && x.cookie == nil && len(x.answered) >= sent
}

// tracked returns how many probes were sent and not taken back.
func (x *Exchange) tracked() int { return len(x.matcher.Probes) - x.matcher.taken }

// wake makes the receiving goroutine look around.
func (x *Exchange) wake() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.receiver.SetReadDeadline(time.Unix(1, 0))
}

// receive yields answers until the sending is over, and then those that have come by then.
func (x *Exchange) receive(ctx context.Context, yield func(Answer, error) bool) error {
	var r Received
	stopped := false
	for {
		err := x.receiver.Next(&r)
		switch {
		case err == nil:
			if a, ok := x.look(&r); ok && !yield(a, nil) {
				return errBroken
			}
			continue
		case errors.Is(err, io.EOF):
			return nil
		case stopped || !errors.Is(err, os.ErrDeadlineExceeded):
			return err
		}
		x.mu.Lock()
		over := !x.sending || ctx.Err() != nil
		if !over {
			x.receiver.SetReadDeadline(time.Time{}) // what wakes next sets it again
		}
		x.mu.Unlock()
		if over {
			if err := x.receiver.Stop(); err != nil {
				return err
			}
			stopped = true
		}
	}
}

// look says what a packet that passed answers.
func (x *Exchange) look(r *Received) (a Answer, ok bool) {
	p := r.Frame[min(r.Network, len(r.Frame)):]
	a = Answer{Time: r.Time, Frame: r.Frame, Network: r.Network}
	if x.cookie != nil {
		if r.Leaving {
			return a, false
		}
		return x.lookByCookie(a, p)
	}
	headers := parseLevels(p, &x.room)
	x.mu.Lock()
	defer x.mu.Unlock()
	if r.Leaving || x.Plan.Route.Loopback { // on the loopback device what leaves is what comes
		if _, ok := x.match(headers, r.Time, true); ok || r.Leaving {
			return a, false
		}
	}
	found, ok := x.match(headers, r.Time, false)
	if !ok {
		return a, false
	}
	x.matcher.count(found)
	probe := &x.matcher.Probes[found.probe]
	sent := probe.at(found.level)
	a.Number, a.RTT, a.Role, a.Alike, a.Sent = probe.Number, r.Time.Sub(probe.Sent), found.role, found.alike, sent
	a.Probed, a.Port, a.Extra = probe.Header.Dst, sent.DstPort, probe.Replies+probe.Errors > 1
	x.answered[probe.Number] = true
	x.explain(&a, &headers[len(headers)-1], found.role)
	x.tally(&a)
	return a, true
}

// match asks the matcher, when the system call has returned that may have handed over what the packet answers. The
// caller holds the lock.
func (x *Exchange) match(headers []Header, at time.Time, leaving bool) (match, bool) {
	for {
		found, ok := x.matcher.match(headers, at, leaving)
		if !ok || !found.early {
			return found, ok
		}
		if len(x.pending) == 0 {
			return found, false
		}
		x.handed.Wait()
	}
}

func (x *Exchange) lookByCookie(a Answer, p []byte) (Answer, bool) {
	h, probed, role, ok := x.cookie.checkLevels(parseLevels(p, &x.room))
	if !ok {
		return a, false
	}
	a.Probed, a.Port, a.Role = probed.Addr(), probed.Port(), role
	x.explain(&a, h, role)
	x.mu.Lock()
	x.tally(&a)
	x.mu.Unlock()
	return a, true
}

// tally counts an answer. The caller holds the lock.
func (x *Exchange) tally(a *Answer) {
	switch {
	case a.Extra:
		x.result.Extra++
	case a.Role == Reply:
		x.result.Replies++
	default:
		x.result.Errors++
	}
	if a.Alike {
		x.result.Alike++
	}
	if a.Verdict != "" && len(x.ports) < MaxTracked {
		if x.ports == nil {
			x.ports = map[netip.AddrPort]Verdict{}
		}
		port := netip.AddrPortFrom(a.Probed, a.Port)
		x.ports[port] = better(x.ports[port], a.Verdict)
	}
}

// Verdicts counts the ports that were asked by what is known of them when the run is over, silence included; the first
// million of them.
func (x *Exchange) Verdicts() map[Verdict]int {
	ports := map[netip.AddrPort]Verdict{}
	maps.Copy(ports, x.ports)
	for _, h := range x.Unanswered() {
		if v := h.Silent(); v != "" {
			port := netip.AddrPortFrom(h.Dst, h.DstPort)
			ports[port] = better(ports[port], v)
		}
	}
	if len(ports) == 0 {
		return nil
	}
	counts := map[Verdict]int{}
	for _, v := range ports {
		counts[v]++
	}
	return counts
}

// explain says who sent an answer and what it means.
func (x *Exchange) explain(a *Answer, h *Header, role Role) {
	a.From = h.Src
	sent := a.Sent
	if role == ICMPError {
		quoted, ok := h.Quote()
		if !ok {
			return
		}
		if sent == nil {
			sent = &quoted
		} else {
			for quoted.Protocol != sent.Protocol {
				inner, ok := quoted.Carried()
				if !ok {
					break
				}
				quoted = inner
			}
			a.Changes = Changes(sent, &quoted)
		}
	}
	if sent == nil {
		sent = &Header{Protocol: h.Protocol, Flags: wire.SYN} // what marked TCP segments are
	}
	a.Verdict = verdict(sent, h, role)
}

// leaving remembers packets that are about to be handed over, or the fragment of each that has the transport header.
func (x *Exchange) leaving(packets [][]byte, numbers []uint64, at time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.pending = x.pending[:0]
	for i, p := range packets {
		if x.Plan.frames {
			p = p[NetworkPart(p):]
		}
		place := -1
		if headers := parseLevels(p, &x.matcher.room); len(headers) > 0 && len(x.matcher.Probes) < MaxTracked {
			anyone := x.Plan.toMany(&headers[0])
			x.group = x.group || anyone
			place = x.matcher.add(numbers[i], headers, anyone, at)
		}
		x.pending = append(x.pending, place)
		if last := i+1 == len(packets) || numbers[i+1] != numbers[i]; last && !x.traced(numbers, i) {
			x.result.Untraced++
		}
		if x.numbers != nil {
			x.numbers[numbers[i]] = true
		}
	}
}

// traced reports whether the packet whose last fragment is at i is remembered. The caller holds the lock.
func (x *Exchange) traced(numbers []uint64, i int) bool {
	for k := i; k >= 0 && numbers[k] == numbers[i]; k-- {
		if x.pending[k] >= 0 {
			return true
		}
	}
	return false
}

// left says that the kernel took n packets, and whether it refused the one behind them.
func (x *Exchange) left(n int, refused bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, i := range x.pending[:n] {
		if i >= 0 {
			x.matcher.Probes[i].left = true
		}
	}
	x.pending = x.pending[n:]
	if refused {
		if i := x.pending[0]; i >= 0 {
			x.matcher.take(i)
		} else {
			x.result.Untraced--
		}
		x.pending = x.pending[1:]
	}
	x.handed.Broadcast()
}

// unanswered returns the numbers of packets without an answer.
func (x *Exchange) unanswered() []uint64 {
	var list []uint64
	for n := range x.Unanswered() {
		list = append(list, n)
	}
	return list
}

// Unanswered yields the packets without an answer in the order sent, by their numbers. The header is that of the
// outermost packet.
func (x *Exchange) Unanswered() iter.Seq2[uint64, *Header] {
	return func(yield func(uint64, *Header) bool) {
		x.mu.Lock()
		defer x.mu.Unlock()
		seen := map[uint64]bool{}
		for i := range x.matcher.Probes {
			p := &x.matcher.Probes[i]
			if p.gone || x.answered[p.Number] || x.numbers != nil && seen[p.Number] {
				continue
			}
			if x.numbers != nil {
				seen[p.Number] = true
			}
			if !yield(p.Number, &p.Header) {
				return
			}
		}
	}
}
