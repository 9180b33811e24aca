package main

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"sockwire/cmd/internal/cli"
	"sockwire/cmd/internal/dropped"
	"sockwire/raw"
	"sockwire/raw/probe"
)

// account is what is known of a number of echoes.
type account struct {
	tally     probe.Tally
	runs      probe.Runs
	rtt       probe.Stats
	reordered uint64
	// contradicted counts errors and damaged copies in whose place the answer came.
	contradicted uint64
}

// add takes in an end, whose answer, if it is one, took trip.
func (a *account) add(e *raw.Echo, trip time.Duration) {
	if e.Duplicate {
		a.tally.Duplicates++
		return
	}
	received := answered(e)
	if e.Revised {
		a.tally.Revise(e.Was, e.WasCause, e.Outcome, e.Cause)
		if received {
			a.runs.TakeBack(e.Seq)
		}
		if received && e.Was != probe.Lost {
			a.contradicted++
		}
	} else {
		a.tally.Sent++
		a.tally.End(e.Outcome, e.Cause)
		if e.Outcome == probe.Pending {
			return
		}
		a.runs.Add(e.Seq, !received)
	}
	if received {
		a.rtt.Add(trip)
	}
	if e.Reordered {
		a.reordered++
	}
}

// answered tells whether an end is that of an echo that was answered, in time or late.
func answered(e *raw.Echo) bool {
	return !e.Duplicate && (e.Outcome == probe.Answered || e.Outcome == probe.Late)
}

// session is one run of the command: it takes the echoes as they end and prints what the flags ask for.
type session struct {
	opt   *options
	plan  *plan
	env   *cli.Env
	hosts *hosts
	run   *raw.Run
	start time.Time

	all                     account
	queue, network, receive probe.Stats
	stamped                 probe.Stats // round trips that the kernel or the device timed
	sources                 [4]int64    // answers by the source of their time
	byHost                  []*account
	targets                 []netip.Addr // of byHost
	up, down                hostSet
	doubtful                map[int]raw.Echo // ends of hosts whose answer may still come, to be printed at the end
	no                      uint64           // errors that prove to be about an echo
	strip                   strip
	metrics                 *metrics
	drawn                   *drawn // nil without --report
	watch                   *watch // nil without --watch on a terminal
	drops                   *dropped.Watch
	dropped                 *dropped.Report // nil without --drops
	floor                   time.Duration
	line                    []byte
	writeErr                error

	mu   sync.Mutex // guards snap, which another goroutine prints
	snap snapshot
}

type snapshot struct {
	sent, received, up, down uint64
	last                     time.Duration
}

func newSession(o *options, p *plan, env *cli.Env, h *hosts, r *raw.Run, start time.Time) *session {
	return &session{opt: o, plan: p, env: env, hosts: h, run: r, start: start, floor: probe.Floor()}
}

// status is the line for SIGQUIT and for the progress display.
func (s *session) status() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.snap
	loss := 0.0
	if n.sent > 0 {
		loss = 100 * float64(n.sent-n.received) / float64(n.sent)
	}
	if s.plan.many {
		return fmt.Sprintf("%d echoes ended, %d answered; %d hosts alive, %d not; %v", n.sent, n.received, n.up, n.down, time.Since(s.start).Round(time.Second))
	}
	return fmt.Sprintf("%d/%d packets, %.0f%% loss, last %s ms", n.received, n.sent, loss, milliseconds(n.last))
}

// begin prints what comes before the first echo.
func (s *session) begin(args []string) {
	switch {
	case s.opt.csv:
		s.env.Stdout.Printf("%s\n", csvHeader)
	case s.opt.json, s.plan.many:
	default:
		s.printHeader(args[0])
	}
}

// echo takes in one end.
func (s *session) echo(e *raw.Echo) {
	if s.watch != nil {
		s.watch.mu.Lock()
		defer s.watch.mu.Unlock()
	}
	if !e.Overdue {
		s.count(e)
	}
	if s.drawn != nil {
		r := s.record(e)
		addRecord(&s.drawn.run, &r)
	}
	switch {
	case s.watch != nil:
	case s.opt.json:
		s.jsonEcho(e)
	case s.opt.csv:
		s.csvEcho(e)
	case s.plan.many:
		s.manyEcho(e)
	default:
		s.textEcho(e)
	}
}

func (s *session) count(e *raw.Echo) {
	s.all.add(e, s.trip(e))
	if s.metrics != nil {
		s.metrics.echo(s.hosts.name(e.Index, e.Target), e)
	}
	received := answered(e)
	if !e.Duplicate && !e.Unproven && (e.Outcome == probe.Refused || e.Cause == probe.SendFailed || e.Cause == probe.Unresolved) {
		s.no++
	}
	if received {
		s.sources[e.Source]++
		if e.Source >= raw.TimeKernel {
			s.queue.Add(e.Split.Queue)
			s.network.Add(e.Split.Network)
			s.stamped.Add(s.trip(e))
		}
		if e.Split.Receive > 0 {
			s.receive.Add(e.Split.Receive)
		}
	}
	if !e.Duplicate && !e.Revised {
		s.strip.add(s.trip(e), received)
	}
	if s.plan.many && s.perHost() {
		a := s.hostAccount(e)
		a.add(e, s.trip(e))
		if s.watch != nil {
			s.watch.add(e, a, func() string { return s.hostName(e.Index, e.Target) }, s.trip(e))
		}
	}
	switch {
	case e.Alive || received:
		s.up.add(e.Index)
		s.down.remove(e.Index)
	case e.Outcome != probe.Pending && (e.Done || s.perHost()) && !s.up.has(e.Index):
		s.down.add(e.Index)
	}
	s.mu.Lock()
	s.snap = snapshot{s.all.tally.Sent, s.all.tally.Received(), uint64(s.up.n), uint64(s.down.n), s.trip(e)}
	s.mu.Unlock()
}

// trip is the time of an answer that is shown and that statistics are of.
func (s *session) trip(e *raw.Echo) time.Duration {
	if s.opt.userTime && !s.opt.json && !s.opt.csv {
		return e.Total
	}
	return e.RTT
}

// hostSet is a set of hosts by their index.
type hostSet struct {
	bits []uint64
	n    int
}

func (h *hostSet) has(i int) bool { return i/64 < len(h.bits) && h.bits[i/64]>>(i%64)&1 == 1 }

func (h *hostSet) add(i int) {
	for len(h.bits) <= i/64 {
		h.bits = append(h.bits, 0)
	}
	if !h.has(i) {
		h.bits[i/64] |= 1 << (i % 64)
		h.n++
	}
}

func (h *hostSet) remove(i int) {
	if h.has(i) {
		h.bits[i/64] &^= 1 << (i % 64)
		h.n--
	}
}

// errors counts the echoes that ended in an error of the network or of this host, as ping does.
func (s *session) errors() uint64 {
	t := &s.all.tally
	return t.Count(probe.Refused) + t.CausedBy(probe.SendFailed) + t.CausedBy(probe.Unresolved)
}

// perHost tells whether each host gets a line of statistics at the end.
func (s *session) perHost() bool { return s.plan.pinger.Count != 1 || s.opt.watch }

func (s *session) hostAccount(e *raw.Echo) *account {
	for len(s.byHost) <= e.Index {
		s.byHost = append(s.byHost, nil)
		s.targets = append(s.targets, netip.Addr{})
	}
	if s.byHost[e.Index] == nil {
		s.byHost[e.Index] = newAccount()
		s.targets[e.Index] = e.Target
	}
	return s.byHost[e.Index]
}

// finish prints what comes after the last echo.
func (s *session) finish(ctx context.Context) (err error) {
	if s.drops != nil {
		s.dropped, err = s.drops.End()
	}
	report := s.run.Report()
	s.all.tally.Duplicates += report.Duplicates
	for _, w := range report.Warnings {
		s.env.Warnf("%s", w)
	}
	switch {
	case s.opt.json:
		s.jsonSummary(&report, ctx)
	case s.opt.csv:
	case s.plan.many:
		s.manySummary(&report)
	default:
		s.textSummary(&report)
	}
	return err
}

// printDropped says what the kernel dropped of the echoes. What it dropped counts as unanswered too, unless it told the
// socket.
func (s *session) printDropped() {
	if s.dropped != nil {
		s.dropped.Print(s.env.Stdout)
	}
}

// lossText says what became of the echoes that brought no answer: "lost 3: 2 in the local queue, 1 unanswered".
func lossText(a *account) string {
	var parts cli.Parts
	total := uint64(0)
	add := func(n uint64, text string) {
		total += n
		parts.Count(n, text)
	}
	t := &a.tally
	add(t.CausedBy(probe.LocalQueue), "in the local queue")
	add(t.CausedBy(probe.Unresolved), "unresolved (no link-layer address found)")
	add(t.CausedBy(probe.ReceiveBuffer), "in the receive buffer")
	add(t.CausedBy(probe.SendFailed), "not sent")
	add(t.CausedBy(probe.NetworkError), "refused by an ICMP error")
	add(t.CausedBy(probe.BadChecksum)+t.CausedBy(probe.BadPayload), "corrupt")
	add(t.CausedBy(probe.Unanswered), "unanswered")
	if total == 0 {
		return ""
	}
	text := fmt.Sprintf("lost %d: %s", total, parts)
	if r := &a.runs; r.Longest > 1 {
		text += fmt.Sprintf("; up to %d in a row", r.Longest)
	}
	return text
}
