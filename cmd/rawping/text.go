package main

import (
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
	"time"

	"sockwire/cmd/internal/cli"
	"sockwire/cmd/internal/live"
	"sockwire/raw"
	"sockwire/raw/probe"
)

func (s *session) printHeader(given string) {
	target := s.hosts.fixed
	size := max(s.plan.pinger.Size, 0)
	if p := s.plan.pinger.Pattern; len(p) > 0 {
		s.env.Stdout.Printf("PATTERN: 0x%x\n", p)
	}
	switch {
	case s.plan.pinger.Message == raw.TimestampRequest:
		s.env.Stdout.Printf("PING %s (%v) ICMP timestamp requests\n", cli.Escape(given), target)
	case s.plan.pinger.Message == raw.ExtendedEcho:
		s.env.Stdout.Printf("PROBE %s (%v) interface %s\n", cli.Escape(given), target, cli.Escape(s.opt.probeInterface))
	case target.Is6():
		s.env.Stdout.Printf("PING %s (%v) %d data bytes\n", cli.Escape(given), target, size)
	default:
		s.env.Stdout.Printf("PING %s (%v) %d(%d) bytes of data.\n", cli.Escape(given), target, size, size+28+len(s.plan.pinger.Options))
	}
	s.writeErr = s.env.Stdout.Flush()
}

// milliseconds prints a time with the precision that ping uses.
func milliseconds(d time.Duration) string {
	us := (d + 500*time.Nanosecond) / time.Microsecond
	switch {
	case us >= 100000:
		return fmt.Sprintf("%d", us/1000)
	case us >= 10000:
		return fmt.Sprintf("%d.%01d", us/1000, us%1000/100)
	case us >= 1000:
		return fmt.Sprintf("%d.%02d", us/1000, us%1000/10)
	}
	return fmt.Sprintf("%d.%03d", us/1000, us%1000)
}

// fromText names who sent a packet: by the name given, if it is the target.
func (s *session) fromText(e *raw.Echo) string {
	name := s.hosts.name(e.Index, e.Target)
	from := addressText(e.From)
	if s.opt.numeric || name == e.Target.String() || e.From != e.Target {
		return from
	}
	return cli.Escape(name) + " (" + from + ")"
}

// textEcho prints the line of one end, in ping's words where ping has any.
func (s *session) textEcho(e *raw.Echo) {
	if s.opt.quiet {
		return
	}
	if s.opt.flood && !s.opt.verbose {
		if !e.Duplicate && e.Outcome != probe.Answered && !e.Overdue {
			s.print(".")
		}
		return
	}
	text := s.endText(e)
	if text == "" {
		return
	}
	text = s.dated(text)
	if s.opt.audible && (e.Outcome == probe.Answered || e.Outcome == probe.Late) {
		text += "\a"
	}
	s.print(s.coloured(e, text) + "\n")
}

// dated puts the time before a line, if that is wanted.
func (s *session) dated(text string) string {
	if !s.opt.timestamp {
		return text
	}
	now := time.Now()
	return fmt.Sprintf("[%d.%06d] %s", now.Unix(), now.Nanosecond()/1000, text)
}

// coloured makes what is wrong red on a terminal, and what is only odd yellow.
func (s *session) coloured(e *raw.Echo, text string) string {
	const red, yellow, end = "\x1b[31m", "\x1b[33m", "\x1b[0m"
	switch {
	case !s.env.Color || e.Outcome == probe.Answered && !e.Duplicate:
		return text
	case e.Duplicate, e.Overdue, e.Outcome == probe.Late:
		return yellow + text + end
	}
	return red + text + end
}

func (s *session) print(text string) {
	s.env.Stdout.Write([]byte(text))
	s.writeErr = s.env.Stdout.Flush()
}

func (s *session) endText(e *raw.Echo) string {
	switch {
	case e.Overdue:
		return fmt.Sprintf("no answer yet for icmp_seq=%d", e.Seq)
	case e.Duplicate, e.Outcome == probe.Answered, e.Outcome == probe.Late, e.Outcome == probe.Corrupt:
		return s.replyText(e)
	case e.Outcome == probe.Refused:
		return s.errorText(e)
	case e.Cause == probe.LocalQueue:
		return fmt.Sprintf("icmp_seq=%d dropped in the local queue", e.Seq)
	case e.Cause == probe.ReceiveBuffer:
		return fmt.Sprintf("icmp_seq=%d answer dropped in the receive buffer", e.Seq)
	case e.Cause == probe.SendFailed:
		return fmt.Sprintf("icmp_seq=%d not sent: %s", e.Seq, sendError(e))
	case unresolvedError(e):
		return s.errorText(e)
	case e.Cause == probe.Unresolved:
		return fmt.Sprintf("icmp_seq=%d unresolved: no link-layer address found", e.Seq)
	case e.Outcome == probe.Lost && s.opt.verbose:
		return fmt.Sprintf("icmp_seq=%d %v", e.Seq, e.Cause)
	}
	return ""
}

// unresolvedError tells whether the kernel of this host said with an ICMP error that it found no link-layer address.
func unresolvedError(e *raw.Echo) bool { return e.Cause == probe.Unresolved && e.From.IsValid() }

// sendError says why the system refused to send, with what would help.
func sendError(e *raw.Echo) string {
	switch {
	case e.Err == syscall.EACCES:
		return e.Err.Error() + " (a broadcast address needs -b)"
	case e.Err == syscall.EAFNOSUPPORT:
		return "no socket for this family"
	case e.Err == syscall.EMSGSIZE && e.MTU > 0:
		return fmt.Sprintf("%v, mtu=%d", e.Err, e.MTU)
	}
	return e.Err.Error()
}

func (s *session) replyText(e *raw.Echo) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d bytes from %s: icmp_seq=%d", e.Size, s.fromText(e), e.Seq)
	if e.TTL > 0 {
		fmt.Fprintf(&b, " ttl=%d", e.TTL)
	}
	fmt.Fprintf(&b, " time=%s ms", milliseconds(s.trip(e)))
	if e.Outcome == probe.Corrupt && !e.Duplicate {
		b.WriteString(s.corruptText(e))
	}
	if e.Outcome == probe.Late && !e.Duplicate && (!s.opt.overdue || s.plan.changed("timeout")) {
		fmt.Fprintf(&b, " (late by %s ms)", milliseconds(e.Over))
	}
	if e.Duplicate {
		b.WriteString(" (DUP!)")
	}
	if s.elsewhere(e) != "" {
		b.WriteString(" (DIFFERENT ADDRESS!)")
	}
	switch {
	case s.opt.verbose && e.Source >= raw.TimeKernel:
		fmt.Fprintf(&b, " (queue %s, network %s, receive %s ms)",
			milliseconds(e.Split.Queue), milliseconds(e.Split.Network), milliseconds(e.Split.Receive))
	case !s.opt.userTime && e.Split.Queue > 100*time.Microsecond && e.Split.Queue > e.RTT/10:
		fmt.Fprintf(&b, " (and %s ms in the local queue)", milliseconds(e.Split.Queue))
	}
	b.WriteString(messageText(s.plan.pinger.Message, e))
	b.WriteString(optionText(e.Options))
	return b.String()
}

// elsewhere says that an answer came from another address than the one asked, and which; it is empty if not, or if
// several hosts were asked.
func (s *session) elsewhere(e *raw.Echo) string {
	if e.From == e.Target || !e.From.IsValid() || e.Target.IsMulticast() || s.opt.broadcast {
		return ""
	}
	return " from " + addressText(e.From)
}

func (s *session) corruptText(e *raw.Echo) string {
	text := " (BAD DATA!"
	if e.Cause == probe.BadChecksum {
		text = " (BAD CHECKSUM!"
	}
	const header = 8
	sent := header + max(s.plan.pinger.Size, 0)
	switch {
	case e.Cause == probe.BadPayload && e.At == sent:
		text += fmt.Sprintf(" %d bytes more than were sent", e.Size-sent)
	case e.Cause == probe.BadPayload && e.At == e.Size:
		text += fmt.Sprintf(" %d bytes are missing", sent-e.Size)
	case e.At >= 0:
		text += fmt.Sprintf(" byte %d differs", e.At)
	}
	return text + ")"
}

// messageText says what answers to other messages than echoes bring.
func messageText(m raw.Message, e *raw.Echo) string {
	switch m {
	case raw.TimestampRequest:
		return fmt.Sprintf("\nreceived %s, sent %s", dayTime(e.Times[1]), dayTime(e.Times[2]))
	case raw.ExtendedEcho:
		return " " + raw.InterfaceText(e.State)
	}
	return ""
}

// dayTime prints the time of an ICMP timestamp: milliseconds since midnight UT, unless the high bit says otherwise.
func dayTime(ms uint32) string {
	if ms&(1<<31) != 0 {
		return fmt.Sprintf("nonstandard %#x", ms)
	}
	return time.UnixMilli(int64(ms)).UTC().Format("15:04:05.000") + " UT"
}

// errorText prints an ICMP error, or one that this host raised itself.
func (s *session) errorText(e *raw.Echo) string {
	if e.Local {
		if e.MTU > 0 {
			return fmt.Sprintf("icmp_seq=%d message too long, mtu=%d", e.Seq, e.MTU)
		}
		return fmt.Sprintf("icmp_seq=%d %v", e.Seq, e.Err)
	}
	text := fmt.Sprintf("From %s icmp_seq=%d %s", addressText(e.From), e.Seq, raw.ErrorText(e.Target.Is6(), e.Type, e.Code))
	if e.MTU > 0 {
		if e.Target.Is6() {
			return fmt.Sprintf("%s: mtu=%d", text, e.MTU)
		}
		return fmt.Sprintf("%s (mtu = %d)", text, e.MTU)
	}
	return text
}

// percent prints a percentage as C's %g does, with as many digits as ping.
func percent(part float64) string { return strconv.FormatFloat(math.Round(part*1e8)/1e6, 'g', 6, 64) }

func (s *session) textSummary(report *raw.Report) {
	w := s.env.Stdout
	t := &s.all.tally
	if s.opt.flood && !s.opt.quiet {
		w.Printf("\n")
	}
	w.Printf("\n--- %s ping statistics ---\n", cli.Escape(s.hosts.name(0, s.hosts.fixed)))
	w.Printf("%d packets transmitted, %d received", t.Sent, t.Received())
	var parts cli.Parts
	parts.Count(t.Duplicates, "duplicates")
	parts.Count(t.Count(probe.Corrupt), "corrupted")
	parts.Count(s.errors(), "errors")
	for _, part := range parts {
		w.Printf(", +%s", part)
	}
	if t.Sent > 0 {
		// In ping's line what is on the way when it is stopped counts as lost.
		w.Printf(", %s%% packet loss", percent(1-float64(t.Received())/float64(t.Sent)))
	}
	w.Printf(", time %dms\n", report.Sending.Milliseconds())
	if n := t.Count(probe.Pending); n > 0 {
		w.Printf("%d on the way when stopped, neither answered nor lost\n", n)
	}
	if text := lossText(&s.all); text != "" {
		w.Printf("%s\n", text)
	}
	s.printDropped()
	if n := t.Count(probe.Late); n > 0 && (!s.opt.overdue || s.plan.changed("timeout")) {
		w.Printf("%d of those received were late, after more than %v\n", n, s.plan.pinger.Timeout)
	}
	if n := s.all.reordered; n > 0 {
		w.Printf("%d of those received came after the answer to a later echo\n", n)
	}
	s.printTimes(report)
	s.printTrouble(report)
}

// printTimes prints the statistics of round trips, in ping's line and more.
func (s *session) printTimes(report *raw.Report) {
	w, rtt := s.env.Stdout, s.trips(report)
	if rtt.Count() == 0 {
		return
	}
	ms := func(d time.Duration) string { return fmt.Sprintf("%.3f", float64(d)/1e6) }
	w.Printf("rtt min/avg/max/mdev = %s/%s/%s/%s ms\n", ms(rtt.Min()), ms(rtt.Mean()), ms(rtt.Max()), ms(rtt.StdDev()))
	if n := s.all.rtt.Count(); rtt.Count() < n {
		w.Printf("these are the times of %d of the answers; --stamps on times all %d\n", rtt.Count(), n)
	}
	if s.opt.verbose && rtt.Count() > 1 {
		w.Printf("rtt p50/p90/p99/p99.9 = %s/%s/%s/%s ms\njitter %s ms, ipdv %s ms\n", ms(rtt.Quantile(.5)), ms(rtt.Quantile(.9)),
			ms(rtt.Quantile(.99)), ms(rtt.Quantile(.999)), ms(rtt.Jitter()), ms(rtt.IPDV()))
	}
	if s.opt.verbose {
		w.Printf("%s\n", s.timesText(report))
	}
	if fast := s.opt.flood || s.plan.pinger.Interval < 100*time.Millisecond; report.Rate > 0 && fast && !s.plan.many {
		w.Printf("rate %.0f/s\n", report.Rate)
	}
	if report.Rate > 0 && s.opt.verbose {
		w.Printf("gaps between sends p50/p99/max = %s/%s/%s ms\n", ms(report.Gaps.P50), ms(report.Gaps.P99), ms(report.Gaps.Max))
	}
	if s.opt.histogram {
		printHistogram(w, rtt)
	}
	if cli.IsTerminal(w.Unwrapped()) && rtt.Count() > 2 {
		w.Printf("%s\n", s.strip.text())
	}
}

// trips are the round trips that the statistics are of. Those of echoes that were not stamped because there were too
// many a second have the wait for the echoes before them in it: they are left out.
func (s *session) trips(report *raw.Report) *probe.Stats {
	if report.Unstamped > 0 && s.stamped.Count() > 0 {
		return &s.stamped
	}
	return &s.all.rtt
}

// timesText says whose clock the times are of, how far they can be trusted, and where the time went.
func (s *session) timesText(report *raw.Report) string {
	ms := func(st *probe.Stats) string { return fmt.Sprintf("%.3f", float64(st.Mean())/1e6) }
	var clocks []string
	hardware := "hardware"
	if report.Hardware != "" {
		hardware += " (" + report.Hardware + ")"
	}
	call := "the call's"
	if report.Unstamped > 0 && s.stamped.Count() > 0 {
		call = "not in the statistics"
	}
	for _, c := range []struct {
		n    int64
		name string
	}{{s.sources[raw.TimeHardware], hardware}, {s.sources[raw.TimeKernel], "kernel"}, {s.sources[raw.TimeProcess], call}} {
		if c.n > 0 {
			clocks = append(clocks, fmt.Sprintf("%s of %d", c.name, c.n))
		}
	}
	if s.stamped.Count() > 0 {
		if len(clocks) == 1 {
			clocks[0], _, _ = strings.Cut(clocks[0], " of ")
		}
		return fmt.Sprintf("mean of the parts: local queue %s, network %s, receive path %s ms\ntimestamps: %s, error floor %v",
			ms(&s.queue), ms(&s.network), ms(&s.receive), strings.Join(clocks, ", "), s.floor)
	}
	if s.receive.Count() > 0 {
		return fmt.Sprintf("timestamps: from the call to the kernel's reception, error floor %v\nthen %s ms to this process",
			s.floor, ms(&s.receive))
	}
	return fmt.Sprintf("timestamps: of this process, error floor %v", s.floor)
}

// printTrouble prints what a run should not have.
func (s *session) printTrouble(report *raw.Report) {
	w := s.env.Stdout
	switch n := report.Spoofed; {
	case n > 0 && s.plan.pinger.Message == raw.EchoRequest && s.opt.size >= 8:
		w.Printf("%d spoofed replies: right numbers, wrong cookie\n", n)
	case n > 0:
		w.Printf("%d spoofed replies: right numbers, from an address that was not asked\n", n)
	}
	if n := s.all.contradicted; n > 0 {
		w.Printf("%d of those received had been reported as an error or damaged before\n", n)
	}
	if extra := report.Drops - report.Claimed; extra > 0 {
		w.Printf("%d more packets lost in the receive buffer of %d bytes\n", extra, report.ReadBuffer)
	}
	if report.ClockSteps > 0 {
		w.Printf("%d round trips timed by this process's clock, because the system's clock was moved\n", report.ClockSteps)
	}
	if report.Slipped >= time.Second || report.Slipped > 0 && s.opt.verbose {
		w.Printf("sending fell behind by %v in all\n", report.Slipped.Round(time.Millisecond))
	}
}

// printHistogram draws the distribution of round trips, the ranges growing by a constant factor.
func printHistogram(w *cli.Output, rtt *probe.Stats) {
	const rows, width = 16, 50
	most := int64(1)
	buckets := rtt.Buckets(rows)
	for _, b := range buckets {
		most = max(most, b.Count)
	}
	for _, b := range buckets {
		bar := int((b.Count*width + most - 1) / most)
		w.Printf("%11.4f ms %9d %s\n", float64(b.Low)/1e6, b.Count, strings.Repeat("#", bar))
	}
}

// strip is the last round trips as a row of bars.
type strip struct {
	rtt  [stripLength]time.Duration // -1: no answer
	next int
	n    int
}

const stripLength = 60

func (s *strip) add(rtt time.Duration, received bool) {
	if !received {
		rtt = -1
	}
	s.rtt[s.next] = rtt
	s.next = (s.next + 1) % stripLength
	s.n = min(s.n+1, stripLength)
}

// text draws the strip.
func (s *strip) text() string {
	return live.Bars(s.n, func(i int) float64 { return float64(s.rtt[(s.next-s.n+i+stripLength)%stripLength]) })
}

// addressText returns an address as ping prints it.
func addressText(a netip.Addr) string {
	if !a.IsValid() {
		return "?"
	}
	return a.String()
}
