package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"sync/atomic"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"sockwire/capture"
	"sockwire/capture/filter"
	"sockwire/capture/trace"
	"sockwire/capture/trace/show"
	"sockwire/cmd/internal/cli"
	"sockwire/raw/cmsg"
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
	r := &tracing{env: env, o: o, clock: trace.NewClock(), ifname: capture.Any, actors: map[string]bool{}}
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
		return 0, cli.Join(err, r.close())
	}
	if r.save, err = r.o.packetFile(r.live); err != nil {
		return 0, cli.Join(err, r.close())
	}
	go r.giveUp()
	err = r.run(ctx)
	return r.tracer.Status().ExitCode(), cli.Join(err, r.close())
}

// tracing is one trace on its way from the program to the reader.
type tracing struct {
	env    *cli.Env
	o      options
	clock  *trace.Clock
	tracer trace.Engine
	in     inbox
	ifname string
	host   string

	live    *capture.Live
	packets counted // of them
	lost    atomic.Uint64
	ours    int // the first of them were sent to make the capture ready

	matcher trace.Matcher
	window  trace.Window
	held    int         // bytes of data in the window
	written show.Live   // which records were
	totals  show.Totals // of what the window has forgotten
	script  show.Script // the same, for -o FILE.pkt
	forced  int         // calls and packets that it had to forget too early
	unknown int         // packets it has forgotten that carried bytes of unknown calls
	actors  map[string]bool
	lookups lookups

	file *os.File
	out  *cli.Output
	save *packetFile // nil without -w
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
		f, err := os.Create(name)
		if err != nil {
			return cli.WithHint(err, "-o wants a file that can be created: the directory must exist and be writable")
		}
		r.file, r.out, r.env.Color = f, cli.NewOutput(f), false
	}
	return nil
}

// capture begins to read packets in the program's network namespace, if that is allowed. It takes milliseconds: a
// signal that comes meanwhile ends the trace as any other.
func (r *tracing) capture(ctx context.Context) error {
	err := r.inNamespace(func() (err error) {
		c := &capture.Config{Buffer: 64 << 20}
		if r.o.file == "" {
			if c.Filter, err = shortTCP(r.ifname); err != nil {
				return err
			}
		}
		if r.live, err = capture.Open(context.WithoutCancel(ctx), r.ifname, c); err != nil {
			return err
		}
		r.in.add(&trace.Host{Name: r.host, Addrs: addresses(), Captured: true}, nil)
		if err := cmsg.AwaitStamps(); err != nil {
			return err
		}
		s, err := r.live.Stats()
		r.ours = int(s.Received)
		return err
	})
	switch {
	case r.live == nil:
		r.env.Warnf("only calls are shown, packets are not: %v", err)
		hint := "capturing needs cap_net_raw; without it, --isolate runs the program in a network of its own"
		if r.o.trace.pid != 0 {
			hint = "capturing needs cap_net_raw, and cap_sys_admin for a process in another network namespace"
		}
		fmt.Fprintf(r.env.Stderr, "%s: hint: %s\n", r.env.Name, hint)
		r.in.add(&trace.Host{Name: r.host, Addrs: addresses()}, nil)
		return nil
	case err != nil:
		return err
	}
	return nil
}

// shortTCP is a filter that takes all packets whole, but of those of TCP only what a timeline needs: super-packets of 64
// KiB would fill the kernel's buffer before they are read.
func shortTCP(ifname string) ([]bpf.RawInstruction, error) {
	link, err := capture.LinkOf(ifname)
	if err != nil {
		return nil, err
	}
	tcp, err := filter.Parse("tcp")
	if err != nil {
		return nil, err
	}
	p, err := tcp.Compile(link, &filter.Options{Live: true, Snaplen: keptSegment})
	if err != nil {
		return nil, err
	}
	program := slices.Clone(p.Raw())
	for i, in := range program {
		if in == (bpf.RawInstruction{Op: unix.BPF_RET | unix.BPF_K}) { // what is not TCP
			program[i].K = filter.DefaultSnaplen
		}
	}
	return program, nil
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

// close flushes and closes.
func (r *tracing) close() error {
	err := r.save.close()
	if r.live != nil {
		err = cli.Join(err, r.live.Close())
	}
	if r.out != nil {
		err = cli.Join(err, r.out.Flush())
	}
	if r.file != nil {
		err = cli.Join(err, r.file.Close())
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
