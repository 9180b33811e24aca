package main

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"sockwire/cmd/internal/cli"
	"sockwire/raw"
	"sockwire/raw/probe"
)

// manyEcho prints the line of one end among those of many hosts.
func (s *session) manyEcho(e *raw.Echo) {
	if s.opt.quiet {
		return
	}
	if s.opt.live || e.Overdue {
		if text := s.endText(e); text != "" {
			text = s.dated(cli.Escape(s.hostName(e.Index, e.Target)) + ": " + text)
			s.env.Stdout.Printf("%s\n", s.coloured(e, text))
		}
		return
	}
	if !e.Done || e.Duplicate || s.perHost() && !s.opt.alive && !s.opt.unreachable {
		return
	}
	if e.Outcome == probe.Pending && !e.Alive {
		return // interrupted: nothing is known of this host
	}
	if e.Unproven && !e.Alive {
		// The answer may still come, and this line could not be taken back.
		if s.doubtful == nil {
			s.doubtful = make(map[int]raw.Echo)
		}
		s.doubtful[e.Index] = *e
		return
	}
	delete(s.doubtful, e.Index)
	s.hostLine(e)
}

// hostLine prints what became of a host.
func (s *session) hostLine(e *raw.Echo) {
	s.line = s.line[:0]
	name := cli.Escape(s.hostName(e.Index, e.Target))
	switch {
	case s.opt.alive:
		if e.Alive {
			s.line = fmt.Appendf(s.line, "%s\n", name)
		}
	case s.opt.unreachable:
		if !e.Alive {
			s.line = fmt.Appendf(s.line, "%s\n", name)
		}
	case e.Alive && answered(e):
		s.line = fmt.Appendf(s.line, "%s is alive (%s ms)%s\n", name, milliseconds(s.trip(e)), s.elsewhere(e))
	case e.Alive: // an echo before this one was answered
		s.line = fmt.Appendf(s.line, "%s is alive\n", name)
	case e.Outcome == probe.Refused && !e.Local:
		s.line = fmt.Appendf(s.line, "%s is unreachable: %s from %v\n", name, raw.ErrorText(e.Target.Is6(), e.Type, e.Code), e.From)
	case e.Cause == probe.SendFailed:
		s.line = fmt.Appendf(s.line, "%s is unreachable: not sent: %s\n", name, sendError(e))
	default:
		s.line = fmt.Appendf(s.line, "%s is unreachable: %v\n", name, e.Cause)
	}
	s.env.Stdout.Write(s.line)
}

func (s *session) hostName(index int, a netip.Addr) string {
	if s.opt.numeric {
		return a.String()
	}
	return s.hosts.name(index, a)
}

// manySummary prints the table of hosts, if there is one, and the totals.
func (s *session) manySummary(report *raw.Report) {
	w := s.env.Stdout
	for _, index := range slices.Sorted(maps.Keys(s.doubtful)) {
		e := s.doubtful[index]
		s.hostLine(&e)
	}
	if s.opt.alive || s.opt.unreachable {
		return
	}
	if s.perHost() {
		s.printTable()
	}
	t := &s.all.tally
	if s.perHost() || !s.opt.quiet {
		w.Printf("\n")
	}
	w.Printf("%s alive, %d unreachable", cli.Plural(s.up.n, "host"), s.down.n)
	if failed, _ := s.hosts.problems(); failed > 0 {
		w.Printf(", %d without an address", failed)
	}
	w.Printf("\n%s sent, %d answered", cli.Plural(t.Sent, "echo"), t.Received())
	if t.Duplicates > 0 {
		w.Printf(", +%s", cli.Plural(t.Duplicates, "duplicate"))
	}
	w.Printf("; %.2f s", time.Since(s.start).Seconds())
	if report.Rate > 0 {
		w.Printf(", %.0f/s", report.Rate)
	}
	w.Printf("\n")
	if n := t.Count(probe.Pending); n > 0 {
		w.Printf("%d on the way when stopped\n", n)
	}
	if n := s.all.reordered; n > 0 {
		w.Printf("%d of those answered came after the answer to a later echo to the same host\n", n)
	}
	totals := account{tally: *t}
	if text := lossText(&totals); text != "" {
		w.Printf("%s\n", text)
	}
	s.printDropped()
	s.printTimes(report)
	s.printTrouble(report)
}

// printTable prints one line for each host, within 80 columns but for -v. A long name has a line of its own.
func (s *session) printTable() {
	const widest = 30
	w := s.env.Stdout
	width := len("host")
	for index, a := range s.byHost {
		if n := len(cli.Escape(s.tableName(index))); a != nil && n <= widest {
			width = max(width, n)
		}
	}
	w.Printf("%-*s %7s %7s %6s %8s %8s %8s", width, "host", "sent", "recv", "loss", "min ms", "avg ms", "max ms")
	if s.opt.verbose {
		w.Printf(" %8s %8s %9s", "p50 ms", "p99 ms", "jitter ms")
	}
	w.Printf("\n")
	for index, a := range s.byHost {
		if a == nil {
			continue
		}
		ms := func(d time.Duration) string {
			if a.rtt.Count() == 0 {
				return "-"
			}
			return fmt.Sprintf("%.3f", float64(d)/1e6)
		}
		r := &a.rtt
		name := cli.Escape(s.tableName(index))
		if len(name) > width {
			w.Printf("%s\n", name)
			name = ""
		}
		w.Printf("%-*s %7d %7d %6s %8s %8s %8s", width, name,
			a.tally.Sent, a.tally.Received(), cli.Percent(a.loss()), ms(r.Min()), ms(r.Mean()), ms(r.Max()))
		if s.opt.verbose {
			w.Printf(" %8s %8s %9s", ms(r.Quantile(.5)), ms(r.Quantile(.99)), ms(r.Jitter()))
		}
		w.Printf("\n")
		if text := lossText(a); text != "" {
			w.Printf("  %s\n", text)
		}
	}
}

// loss is the part of the echoes ended, those stopped on the way left out, without an answer.
func (a *account) loss() float64 {
	ended := a.tally.Sent - a.tally.Count(probe.Pending)
	if ended == 0 {
		return 0
	}
	return 1 - float64(a.tally.Received())/float64(ended)
}

func (s *session) tableName(index int) string {
	return s.hostName(index, s.targets[index])
}
