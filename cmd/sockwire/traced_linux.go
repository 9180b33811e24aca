package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"sockwire/capture"
	"sockwire/capture/trace"
	"sockwire/cmd/internal/cli"
	"sockwire/raw/cmsg"
	"sockwire/raw/netlab"
)

// traceProgram traces a program and shows its calls beside its packets. status is the program's.
func traceProgram(ctx context.Context, env *cli.Env, o options, args []string) (status int, err error) {
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
	r := &tracing{env: env, o: o, clock: trace.NewClock(), ifname: capture.Any}
	if o.trace.isolate {
		r.ifname = "lo"
	}
	if r.tracer, err = r.prepare(args); err != nil {
		return 0, err
	}
	if err := r.open(); err != nil {
		return 0, err
	}
	if err := r.capture(ctx); err != nil {
		return 0, errors.Join(err, r.close())
	}
	r.began = r.clock.Now()
	err = r.run(ctx)
	return r.tracer.Status().ExitCode(), errors.Join(err, r.close())
}

// tracing is one trace on its way from the program to the reader.
type tracing struct {
	env    *cli.Env
	o      options
	clock  *trace.Clock
	tracer trace.Engine
	log    trace.Log
	ifname string
	host   string

	live   *capture.Live
	mu     sync.Mutex
	frames []capture.Frame // by packet number, less one; Data only with -w
	lost   uint64
	began  time.Duration // earlier packets are our own, of the time when the capture was made ready

	file *os.File
	out  *cli.Output
	text trace.Live
}

// open makes where the timeline goes.
func (r *tracing) open() error {
	name := r.o.trace.output
	switch {
	case name == "-", name == "" && r.o.trace.pid != 0:
		r.out = r.env.Stdout
	case name == "":
		r.out = cli.NewOutput(r.env.Stderr)
		r.env.Color = r.env.Color && cli.IsTerminal(os.Stderr)
	default:
		f, err := os.Create(name)
		if err != nil {
			return cli.WithHint(err, "-o wants a file that can be created: the directory must exist and be writable")
		}
		r.file, r.out, r.env.Color = f, cli.NewOutput(f), false
	}
	return nil
}

// capture begins to read packets in the program's network namespace, if that is allowed.
func (r *tracing) capture(ctx context.Context) error {
	err := r.inNamespace(func() (err error) {
		if r.live, err = capture.Open(ctx, r.ifname, &capture.Config{Immediate: true, Buffer: 64 << 20}); err != nil {
			return err
		}
		r.log.Add(&trace.Host{Name: r.host, Addrs: addresses(), Captured: true})
		return cmsg.AwaitStamps()
	})
	switch {
	case r.live == nil && ctx.Err() == nil:
		r.env.Warnf("only calls are shown, packets are not: %v", err)
		hint := "capturing needs cap_net_raw; without it, --isolate runs the program in a network of its own"
		if r.o.trace.pid != 0 {
			hint = "capturing needs cap_net_raw, and cap_sys_admin for a process in another network namespace"
		}
		fmt.Fprintf(r.env.Stderr, "%s: hint: %s\n", r.env.Name, hint)
		r.log.Add(&trace.Host{Name: r.host, Addrs: addresses()})
		return nil
	case err != nil:
		return err
	}
	return nil
}

// inNamespace runs fn in the network namespace of the process to attach to.
func (r *tracing) inNamespace(fn func() error) error {
	if r.o.trace.pid == 0 {
		return fn()
	}
	path := fmt.Sprintf("/proc/%d/ns/net", r.o.trace.pid)
	theirs, err := os.Readlink(path)
	ours, ourErr := os.Readlink("/proc/self/ns/net")
	if err != nil || ourErr != nil || theirs == ours {
		return fn() // whether the process can be traced at all is for the tracer to say
	}
	done := make(chan error, 1)
	go func() {
		// The thread is in another namespace for good, and ends with this function: it stays locked.
		runtime.LockOSThread()
		ns, err := os.Open(path)
		if err == nil {
			err = unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET)
			ns.Close()
		}
		if err != nil {
			done <- fmt.Errorf("enter the network namespace of process %d: %w", r.o.trace.pid, err)
			return
		}
		done <- fn()
	}()
	return <-done
}

// addresses are those of this network namespace.
func addresses() []netip.Addr {
	var all []netip.Addr
	found, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	for _, a := range found {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			all = append(all, p.Addr().Unmap())
		}
	}
	return all
}

// keptPayload is how much of a TCP or UDP packet a timeline needs.
const keptPayload = 512

// read takes packets until the capture is stopped.
func (r *tracing) read() {
	ifs := map[int]string{}
	var f capture.Frame
	for {
		if err := r.live.Next(&f); err != nil {
			return
		}
		name, ok := ifs[f.Interface]
		if !ok {
			if all := r.live.Interfaces(); f.Interface < len(all) {
				name = all[f.Interface].Name
				ifs[f.Interface] = name
			}
		}
		r.mu.Lock()
		r.lost += f.Drops
		number := len(r.frames) + 1
		kept := f
		kept.Data = nil
		if r.o.file != "" {
			kept.Data = slices.Clone(f.Data)
		}
		r.frames = append(r.frames, kept)
		r.mu.Unlock()
		at := r.clock.At(f.Time)
		if at < r.began {
			continue
		}
		p := trace.FromFrame(f, number, at, r.host, name)
		if p.TCP != nil || p.UDP != nil {
			if len(p.Payload) > keptPayload {
				p.Payload, p.Network = slices.Clone(p.Payload[:keptPayload]), nil
			}
		}
		r.log.Add(p)
	}
}

const (
	liveDelay = 150 * time.Millisecond // until a packet or a return has certainly been heard of
	liveStep  = 100 * time.Millisecond
	restLimit = 500 * time.Millisecond // for packets after the program's end
)

// run traces to the end and writes what was seen, as it comes and then the rest.
func (r *tracing) run(ctx context.Context) error {
	var reading sync.WaitGroup
	if r.live != nil {
		reading.Go(r.read)
	}
	traceCtx := ctx
	if r.o.trace.pid == 0 {
		traceCtx = context.WithoutCancel(ctx)
		stop := context.AfterFunc(ctx, func() { r.pass(ctx) })
		defer stop()
	}
	done := make(chan error, 1)
	go func() {
		var failed error
		for e, err := range r.tracer.Events(traceCtx) {
			if failed = err; err == nil {
				r.log.Add(e)
			}
		}
		done <- failed
	}()
	err := r.follow(done)
	if r.live != nil {
		r.settle()
		r.live.Stop()
		reading.Wait()
	}
	return errors.Join(err, r.finish())
}

// pass hands the signal that was to end this command to the program, unless the terminal has done so.
func (r *tracing) pass(ctx context.Context) {
	signal := syscall.SIGTERM
	if strings.HasSuffix(context.Cause(ctx).Error(), syscall.SIGINT.String()) {
		if cli.IsTerminal(os.Stdin) || cli.IsTerminal(os.Stderr) {
			return
		}
		signal = syscall.SIGINT
	}
	_ = r.tracer.Signal(signal) // it may have ended just now
}

// follow writes the timeline while the program runs. Joining takes longer as the timeline grows, and is done
// less often then.
func (r *tracing) follow(done <-chan error) error {
	wait, seen := liveStep, 0
	for {
		select {
		case err := <-done:
			return err
		case <-time.After(wait):
		}
		r.notes()
		if n := r.log.Len(); r.o.json || r.o.trace.summary || n == seen {
			continue
		}
		began := time.Now()
		if err := r.write(r.clock.Now() - liveDelay); err != nil {
			continue // Flush at the end tells it again
		}
		wait = max(liveStep, 5*time.Since(began))
		// What came after the limit is still to be written, so the next round must not skip.
		seen = 0
	}
}

// settle waits for the packets that follow the program's end.
func (r *tracing) settle() {
	for end := time.Now().Add(restLimit); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if r.log.Len() > 20000 || trace.Correlate(r.log.Events()).Settled() {
			break
		}
	}
	time.Sleep(10 * time.Millisecond) // the reader may hold one that was taken from the kernel
}

// timeline joins what was seen so far.
func (r *tracing) timeline() *trace.Timeline {
	return r.o.trace.filter(trace.Correlate(r.log.Events()))
}

func (r *tracing) write(until time.Duration) error {
	t := r.timeline()
	actors := map[string]bool{}
	for _, c := range t.Calls {
		actors[c.Actor] = true
	}
	b := r.text.Append(nil, t, until, trace.TextOptions{Color: r.env.Color, Actors: len(actors) > 1, Data: r.o.trace.data})
	if _, err := r.out.Write(b); err != nil {
		return err
	}
	return r.out.Flush()
}

// notes says what the reader has to know.
func (r *tracing) notes() {
	for _, n := range r.log.Notes() {
		r.env.Warnf("%s", n.Text)
	}
}

type traceSummary struct {
	Type    string `json:"type"`
	Calls   int    `json:"calls"`
	Total   int    `json:"packets"`
	Packets bool   `json:"packets_captured"`
	Lost    uint64 `json:"packets_lost"`
	Exit    int    `json:"exit_status"`
	*trace.Summary
}

// finish writes the rest.
func (r *tracing) finish() error {
	r.notes()
	var err error
	all := trace.Correlate(r.log.Events())
	t := r.o.trace.filter(all)
	// A process that ran before has connections of which the beginning was not seen.
	if r.live != nil && r.lost == 0 && r.o.trace.pid == 0 {
		if fault := all.Check(); fault != nil {
			r.env.Warnf("this timeline does not add up: %s", strings.ReplaceAll(fault.Error(), "\n", "; "))
		}
	}
	switch {
	case r.o.json:
		if !r.o.trace.summary {
			for _, record := range t.Records("", r.clock.Start()) {
				err = errors.Join(err, r.out.JSON(record))
			}
		}
		err = errors.Join(err, r.out.JSON(traceSummary{"summary", len(t.Calls), len(t.Packets), r.live != nil, r.lost, r.tracer.Status().ExitCode(), t.Summarize()}))
	case r.o.trace.summary:
		_, err = r.out.Write(t.Summarize().AppendText(nil))
	default:
		err = r.write(1<<63 - 1)
	}
	if r.lost > 0 {
		r.env.Warnf("the capture missed %d packets: bytes of calls may be shown without their packets", r.lost)
	}
	if r.o.file != "" {
		err = errors.Join(err, r.save(t))
	}
	return err
}

// save writes the packets with their calls as comments.
func (r *tracing) save(t *trace.Timeline) error {
	file, err := r.o.createFile()
	if err != nil {
		return err
	}
	w, err := capture.NewWriter(file, &capture.WriterConfig{Section: capture.Section{Application: "sockwire " + cli.Version()}})
	if err != nil {
		return errors.Join(err, file.Close())
	}
	if r.live != nil {
		err = w.Describe(r.live.Interfaces())
	}
	// Comments name packets by their place in the file.
	place := map[int]int{}
	for i, p := range t.Packets {
		place[p.Number] = i + 1
	}
	for _, p := range t.Packets {
		f := r.frames[p.Number-1]
		q := *p
		q.Cause.Packet = place[p.Cause.Packet]
		if q.Cause.Kind == trace.CausePacket && q.Cause.Packet == 0 {
			q.Cause = trace.Cause{}
		}
		f.Comments = []string{t.Comment(&q, 0)}
		err = errors.Join(err, w.Write(&f))
	}
	return errors.Join(err, w.Close(), file.Close())
}

// close flushes and closes.
func (r *tracing) close() error {
	var err error
	if r.live != nil {
		err = r.live.Close()
	}
	if r.out != nil {
		err = errors.Join(err, r.out.Flush())
	}
	if r.file != nil {
		err = errors.Join(err, r.file.Close())
	}
	return err
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
