package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"sockwire/capture/drop"
	"sockwire/capture/report"
	"sockwire/capture/trace"
	"sockwire/capture/trace/follow"
	"sockwire/capture/trace/show"
	"sockwire/cmd/internal/cli"
	"sockwire/raw/netlab"
)

// traceProgram traces a program and shows its calls beside its packets. status is the program's.
func traceProgram(ctx context.Context, env *cli.Env, o options, args []string) (status int, err error) {
	if err := o.trace.checkCalls(); err != nil {
		return 0, err
	}
	if o.trace.isolate {
		inside, status, err := netlab.Enter()
		if !inside {
			if err != nil {
				err = fmt.Errorf("--isolate: %w", err)
			}
			return status, err
		}
		if err := prepareLoopback(o.mtu); err != nil {
			return 0, err
		}
	}
	r := &tracing{env: env, o: o, actors: map[string]bool{}, title: strings.Join(args, " ")}
	if o.trace.pid != 0 {
		r.title = fmt.Sprintf("process %d", o.trace.pid)
	}
	if r.session, err = r.begin(ctx, args); err != nil {
		return 0, err
	}
	r.explain()
	if r.session.Engine().Stops() && r.o.trace.pid == 0 {
		r.before, _ = drop.Counters() // without them nothing is said
	}
	if err := r.open(); err != nil {
		return 0, cli.Join(err, r.close())
	}
	if r.save, err = o.packetFile(r.session); err != nil {
		return 0, cli.Join(err, r.close())
	}
	go r.giveUp()
	err = r.run(ctx)
	return r.session.Engine().Status().ExitCode(), cli.Join(err, r.close())
}

// tracing is one trace on its way from the program to the reader.
type tracing struct {
	env     *cli.Env
	o       options
	session *follow.Session

	written show.Live   // which records were
	totals  show.Totals // of what is forgotten
	script  show.Script // the same, for -o FILE.pkt
	picture picture     // the same, for -o FILE.html; nil without
	title   string      // of it: the program and its arguments
	actors  map[string]bool
	lookups lookups
	before  []drop.Counter // with ptrace, which does not hear of single drops

	file *os.File
	out  *cli.Output
	save *packetFile // nil without -w
}

// begin makes the session that the flags ask for.
func (r *tracing) begin(ctx context.Context, args []string) (*follow.Session, error) {
	t := &r.o.trace
	c := &follow.Config{Engine: t.engine, Data: t.kept(), Wait: t.wait, Frames: r.o.file != "" || pictured(t.output) != "", Rare: !r.shown()}
	if t.engine == "auto" {
		c.Engine = follow.Auto
	}
	if t.isolate {
		c.Interface = "lo"
		if t.engine == "ebpf" {
			r.env.Warnf("tracing with ptrace: the kernel takes no programs from the namespaces of --isolate")
		}
		c.Engine = follow.PTrace
	}
	if t.pid != 0 {
		return follow.Attach(ctx, t.pid, c)
	}
	program, err := started(args)
	if err != nil {
		return nil, err
	}
	return follow.Start(ctx, program, c)
}

// explain says what the session could not have.
func (r *tracing) explain() {
	if err := r.session.Fallback(); err != nil {
		why := err.Error()
		var refused *trace.Error
		if errors.As(err, &refused) {
			why += ": " + refused.Remedy
		}
		r.env.Warnf("tracing with ptrace: %s", why)
	}
	if err := r.session.Deaf(); err != nil {
		r.env.Warnf("what the kernel drops is not told: %v", err)
	}
	if err := r.session.Blind(); err != nil {
		r.env.Warnf("only calls are shown, packets are not: %v", err)
		hint := "capturing needs cap_net_raw; without it, --isolate runs the program in a network of its own"
		if r.o.trace.pid != 0 {
			hint = "capturing needs cap_net_raw, and cap_sys_admin for a process in another network namespace"
		}
		fmt.Fprintf(r.env.Stderr, "%s: hint: %s\n", r.env.Name, hint)
	}
}

// open makes where the timeline goes.
func (r *tracing) open() error {
	name := r.o.trace.output
	switch {
	case name == "-", name == "" && r.o.trace.pid != 0:
		r.out = r.env.Stdout
	case name == "":
		r.out = cli.NewOutput(r.env.Stderr).InLocale()
		r.env.Color = r.env.Color && cli.IsTerminal(os.Stderr)
	default:
		f, err := r.o.trace.create()
		if err != nil {
			return err
		}
		r.file, r.out, r.env.Color = f, cli.NewOutput(f), false
	}
	if r.picture = newPicture(name, r.out, r.title); r.picture != nil {
		r.picture.Begin(report.Part{Name: r.title, Start: r.session.Clock().Start(), Frame: r.session.Frame})
	}
	return nil
}

// close flushes and closes.
func (r *tracing) close() error {
	err := r.save.close()
	err = cli.Join(err, r.session.Close())
	if r.out != nil {
		err = cli.Join(err, r.out.Flush())
	}
	if r.file != nil {
		err = cli.Join(err, r.file.Close())
	}
	return err
}

// run traces to the end and writes what was seen, as it comes and then the rest. What cannot be written is told at the
// end: the program goes on.
func (r *tracing) run(ctx context.Context) (err error) {
	traced := ctx
	if r.o.trace.pid == 0 {
		traced = context.WithoutCancel(ctx)
		stop := context.AfterFunc(ctx, func() { r.pass(ctx) })
		defer stop()
	}
	for step, failed := range r.session.Steps(traced) {
		err = cli.Join(err, failed)
		switch {
		case step.Note != nil:
			r.env.Warnf("%s", step.Note.Text)
		case step.Gone != nil:
			r.written.Forget(step.Gone)
			r.save.forget(step.Gone)
			r.count(r.o.trace.filter(step.Gone))
		case step.Last:
			err = cli.Join(err, r.finish(step.Timeline))
		case step.Timeline != nil:
			err = cli.Join(err, r.write(step.Timeline, step.Until), r.save.write(r.o.trace.filter(step.Timeline), step.Final))
		}
	}
	return err
}

// pass hands the signal that was to end this command to the program, unless the terminal has done so.
func (r *tracing) pass(ctx context.Context) {
	signal := syscall.SIGTERM
	if i := (*cli.Interruption)(nil); errors.As(context.Cause(ctx), &i) {
		signal = i.Signal.(syscall.Signal)
	}
	if signal == syscall.SIGINT && (cli.IsTerminal(os.Stdin) || cli.IsTerminal(os.Stderr)) {
		return
	}
	_ = r.session.Engine().Signal(signal) // it may have ended just now
}

// shown tells whether records are written while the program runs.
func (r *tracing) shown() bool {
	return !r.o.trace.summary && !r.o.trace.script() && pictured(r.o.trace.output) == ""
}

// count takes calls and packets into what is written at the end.
func (r *tracing) count(t *trace.Timeline) {
	r.totals.Add(t)
	switch {
	case r.picture != nil:
		r.picture.Add(t)
	case r.o.trace.script():
		r.script.Add(t)
	}
}

// writeScript writes the packetdrill script of the socket that was asked for, or of the first.
func (r *tracing) writeScript() error {
	name := ""
	if len(r.o.trace.sockets) > 0 {
		name = r.o.trace.sockets[0]
	}
	b, err := r.script.Append(nil, name)
	if err != nil {
		return cli.WithHint(err, "a script shows one TCP or UDP socket; --socket says which")
	}
	_, err = r.out.Write(b)
	return err
}

// write writes what happened up to a time.
func (r *tracing) write(all *trace.Timeline, until time.Duration) error {
	for _, c := range all.Calls {
		r.actors[c.Actor] = true
	}
	t := r.o.trace.filter(all)
	switch {
	case !r.shown():
		return nil
	case r.o.json:
		for _, record := range r.written.Records(t, until, r.session.Clock().Start()) {
			if err := r.out.JSON(record); err != nil {
				return err
			}
		}
		return r.out.Flush()
	}
	t = r.lookups.leaveOut(&r.o.trace, t, until)
	o := show.Options{
		Color: r.env.Color, Actors: len(r.actors) > 1, Data: r.o.trace.data,
		Columns: r.o.width(r.out.Unwrapped()), Width: lineWidth(r.out),
	}
	if r.file == nil { // files are in UTF-8
		o.Plain = plain()
	}
	b := r.written.Append(nil, t, until, o)
	if err := r.out.Text(b); err != nil {
		return err
	}
	return r.out.Flush()
}

// finish writes the rest.
func (r *tracing) finish(all *trace.Timeline) error {
	s := r.session
	captured, lost, forced := s.Live() != nil, s.Lost(), s.Forced()
	// A process that ran before has connections of which the beginning was not seen.
	if captured && lost == 0 && forced == 0 && r.o.trace.pid == 0 {
		if fault := all.Check(); fault != nil {
			r.env.Warnf("this timeline does not add up: %s", strings.ReplaceAll(fault.Error(), "\n", "; "))
		}
		if s.Unknown() > 0 {
			r.env.Warnf("this timeline does not add up: %d packets carry bytes of calls that are not known", s.Unknown())
		}
	}
	err := r.write(all, math.MaxInt64)
	if note := r.lookups.note(); note != "" && r.shown() && !r.o.json {
		err = cli.Join(err, r.out.Text([]byte(note)))
	}
	t := r.o.trace.filter(all)
	r.count(t)
	sum := r.totals.Summary()
	switch {
	case r.picture != nil:
		err = cli.Join(err, r.picture.Close(nil))
	case r.o.trace.script():
		err = cli.Join(err, r.writeScript())
	case r.o.json:
		err = cli.Join(err, r.out.JSON(traceSummary{"summary", r.totals.Calls, r.totals.Packets, captured, lost, forced, s.Engine().Status().ExitCode(), sum}))
	case r.o.trace.summary:
		err = cli.Join(err, r.out.Text(r.appendCounters(sum.AppendText(nil))))
	}
	if lost > 0 {
		r.env.Warnf("the capture missed %d packets: bytes of calls may be shown without their packets", lost)
	}
	if n := s.Unheard(); n > 0 {
		r.env.Warnf("%d packets that the kernel dropped could not be recorded: some may be shown without that", n)
	}
	if forced > 0 {
		r.env.Warnf("%d calls and packets were forgotten while later ones could still belong to them: what says unknown may be theirs", forced)
	}
	return cli.Join(err, r.save.write(t, math.MaxInt64))
}

// appendCounters adds the kernel's counts of what was lost meanwhile.
func (r *tracing) appendCounters(b []byte) []byte {
	if r.before == nil {
		return b
	}
	now, err := drop.Counters()
	rose := drop.Since(r.before, now)
	if err != nil || len(rose) == 0 {
		return b
	}
	b = append(b, "\nLost meanwhile, by the kernel's own counters for the whole network namespace:\n"...)
	for _, c := range rose {
		b = fmt.Appendf(b, "  %-28s %d\n", c.Name, c.Count)
	}
	return b
}

// prepareLoopback gives the loopback interface of this namespace an MTU, and takes segmentation offload off,
// so that the packets seen are those that a wire would carry.
func prepareLoopback(mtu int) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	ifr, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	ifr.SetUint32(uint32(mtu))
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFMTU, ifr); err != nil {
		return fmt.Errorf("set the MTU of the loopback interface to %d: %w", mtu, err)
	}
	for _, command := range []uint32{unix.ETHTOOL_STSO, unix.ETHTOOL_SGSO, unix.ETHTOOL_SGRO} {
		value := struct{ command, data uint32 }{command, 0}
		request := struct {
			name [unix.IFNAMSIZ]byte
			data unsafe.Pointer
			_    [16]byte
		}{data: unsafe.Pointer(&value)}
		copy(request.name[:], "lo")
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request))); errno != 0 {
			return fmt.Errorf("switch segmentation offload off: %w", errno)
		}
	}
	return nil
}
