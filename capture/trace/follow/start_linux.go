package follow

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"sockwire/capture"
	"sockwire/capture/drop"
	"sockwire/capture/filter"
	"sockwire/capture/trace"
	"sockwire/capture/trace/ebpf"
	"sockwire/capture/trace/ptrace"
	"sockwire/raw/cmsg"
)

// Start prepares to trace a program, which Steps then runs. Where packets cannot be captured, for want of CAP_NET_RAW,
// it is traced without: see Session.Blind.
func Start(ctx context.Context, c trace.Command, cfg *Config) (*Session, error) {
	return begin(ctx, c, 0, cfg)
}

// Attach traces a process that runs, in whose network namespace packets are then captured.
func Attach(ctx context.Context, pid int, cfg *Config) (*Session, error) {
	return begin(ctx, trace.Command{}, pid, cfg)
}

func begin(ctx context.Context, c trace.Command, pid int, cfg *Config) (*Session, error) {
	s := New(nil, nil, trace.NewClock(), cfg)
	s.pid = pid
	if s.cfg.Interface == "" {
		s.cfg.Interface = capture.Any
	}
	if err := s.choose(c); err != nil {
		return nil, err
	}
	if err := s.capture(ctx); err != nil {
		s.engine.Close()
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// choose finds the engine: that of the kernel's own programs where it can be had.
func (s *Session) choose(c trace.Command) (err error) {
	if s.cfg.Engine != PTrace {
		var kernel *ebpf.Tracer
		kernel, s.fallback = ebpf.Open(&ebpf.Config{
			Clock: s.clock, Data: s.cfg.Data, Wait: s.cfg.Wait, Host: s.cfg.Host, Packets: true,
		})
		if s.fallback == nil {
			s.engine = kernel
			if s.pid != 0 {
				err = kernel.Attach(s.pid)
			} else {
				err = kernel.Start(c)
			}
			if err != nil {
				kernel.Close()
			}
			return err
		}
	}
	stopping := &ptrace.Config{Clock: s.clock, Data: s.cfg.Data, Wait: s.cfg.Wait, Host: s.cfg.Host}
	var t *ptrace.Tracer
	if s.pid != 0 {
		t, err = ptrace.Attach(s.pid, stopping)
	} else {
		t, err = ptrace.Start(c, stopping)
	}
	s.engine = t
	return err
}

// capture begins to read packets in the program's network namespace, if that is allowed. It takes milliseconds: a
// signal that comes meanwhile ends the trace as any other.
func (s *Session) capture(ctx context.Context) error {
	err := s.inNamespace(func() (err error) {
		c := &capture.Config{Buffer: 64 << 20}
		if !s.cfg.Frames {
			if c.Filter, err = shortTCP(s.cfg.Interface); err != nil {
				return err
			}
		}
		if s.live, err = capture.Open(context.WithoutCancel(ctx), s.cfg.Interface, c); err != nil {
			return err
		}
		if !s.engine.Stops() {
			s.listen()
		}
		s.in.add(&trace.Host{Name: s.cfg.Host, Addrs: addresses(), Captured: true}, nil)
		if err := cmsg.AwaitStamps(); err != nil {
			return err
		}
		stats, err := s.live.Stats()
		s.ours = int(stats.Received)
		return err
	})
	if s.live == nil {
		s.blind = err
		s.in.add(&trace.Host{Name: s.cfg.Host, Addrs: addresses()}, nil)
		return nil
	}
	return err
}

// listen begins to hear of drops in this network namespace.
func (s *Session) listen() {
	var drops *drop.Source
	if drops, s.deaf = drop.Open(nil); s.deaf == nil {
		s.hears(drops)
	}
}

// shortTCP is a filter that takes all packets whole, but of those of TCP only what a timeline needs: super-packets of
// 64 KiB would fill the kernel's buffer before they are read.
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
func (s *Session) inNamespace(fn func() error) error {
	if s.pid == 0 {
		return fn()
	}
	path := fmt.Sprintf("/proc/%d/ns/net", s.pid)
	theirs, err := os.Readlink(path)
	ours, ourErr := os.Readlink("/proc/self/ns/net")
	if err != nil || ourErr != nil || theirs == ours {
		return fn() // whether the process can be traced at all is for the engine to say
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
			done <- fmt.Errorf("enter the network namespace of process %d: %w", s.pid, err)
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
