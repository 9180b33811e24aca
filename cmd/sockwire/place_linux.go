package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"sockwire/capture"
	"sockwire/capture/drop"
	"sockwire/capture/trace"
	"sockwire/capture/trace/follow"
	"sockwire/raw/cmsg"
	"sockwire/raw/netlab"
)

// sceneRun is a scene that plays: two hosts joined by a link that nothing else is on, or this machine's
// loopback interface, which then is both hosts.
type sceneRun struct {
	*recorder
	options
	v6     bool
	client side
	server side
	lab    bool
	heard  bool   // the kernel tells of each packet that it drops
	dir    string // for names of Unix sockets and other files; removed at the end
	pid    int
	stop   chan struct{} // closed when the scene must end early
	once   sync.Once
}

// side is one of the two hosts.
type side struct {
	name string
	host *netlab.Host // nil on loopback
	addr netip.Addr
}

// at returns an address of the side. On loopback any free port is taken: others may listen there.
func (s *sceneRun) at(side side, port uint16) netip.AddrPort {
	if !s.lab {
		port = 0
	}
	return netip.AddrPortFrom(side.addr, port)
}

func (s *sceneRun) family() int {
	if s.v6 {
		return unix.AF_INET6
	}
	return unix.AF_INET
}

// cut ends the scene early: waiting programs stop and blocked calls are woken by shutting down
// their sockets.
func (s *sceneRun) cut() {
	s.once.Do(func() { close(s.stop) })
	s.mu.Lock()
	defer s.mu.Unlock()
	for fd := range s.sockets {
		_ = unix.Shutdown(fd, unix.SHUT_RDWR) // some kinds refuse it and wake all the same
	}
}

// errCut is how a program ends that was waiting when its scene was cut.
var errCut = errors.New("the scene was ended early")

// wait receives from another program of the scene.
func wait[T any](p *proc, from <-chan T) T {
	select {
	case v := <-from:
		return v
	case <-p.st.stop:
		panic(callError{errCut})
	}
}

// tell sends to another program of the scene, which may have ended.
func tell[T any](p *proc, to chan<- T, v T) {
	select {
	case to <- v:
	case <-p.st.stop:
		panic(callError{errCut})
	}
}

// bodies are the programs of the scenes, by their names. The file of each puts its own in.
var bodies = map[string]func(context.Context, *sceneRun) error{}

// register puts in the programs of a scene.
func register(name string, body func(context.Context, *sceneRun) error) bool {
	bodies[name] = body
	return true
}

// program is one actor of a scene, ready to run.
type program struct {
	side side
	name string
	body func(p *proc)
}

// run runs programs side by side, each on a thread of its own on its host, and waits for all.
func (s *sceneRun) run(ctx context.Context, programs ...program) error {
	stop := context.AfterFunc(ctx, s.cut)
	defer stop()
	errs := make([]error, len(programs))
	var wg sync.WaitGroup
	for i, g := range programs {
		wg.Go(func() {
			errs[i] = s.on(g.side, func() error { return s.perform(g) })
			if errs[i] != nil {
				s.cut()
			}
		})
	}
	wg.Wait()
	s.closeRest()
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	for _, err := range errs {
		if err != nil && !errors.Is(err, errCut) {
			return err
		}
	}
	return nil
}

// on runs fn on a host, or here.
func (s *sceneRun) on(side side, fn func() error) error {
	if side.host != nil {
		return side.host.Do(fn)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return fn()
}

// perform runs one program. It lays down its capabilities first, so that what succeeds needed none.
func (s *sceneRun) perform(g program) (err error) {
	before, now, err := effective(0)
	if err != nil {
		return fmt.Errorf("%s: lay down capabilities: %w", g.name, err)
	}
	defer effective(before)
	defer func() {
		switch r := recover().(type) {
		case nil:
		case callError:
			err = r.error
		default:
			panic(r)
		}
	}()
	g.body(&proc{recorder: s.recorder, st: s, actor: g.name, host: g.side.name, caps: now})
	return nil
}

// closeRest closes what a program that ended early left open.
func (s *sceneRun) closeRest() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for fd := range s.open {
		unix.Close(fd)
	}
	clear(s.open)
	clear(s.sockets)
}

// queued waits until n bytes wait to be received on fd, so that what the scene shows does not depend on
// who is faster. It is the scene's director looking, not one of its programs.
func (p *proc) queued(fd, n int) {
	for range 20000 {
		if got, err := unix.IoctlGetInt(fd, unix.SIOCINQ); err != nil || got >= n {
			return
		}
		select {
		case <-p.st.stop:
			panic(callError{errCut})
		case <-time.After(100 * time.Microsecond):
		}
	}
}

// place is where a scene plays: it holds the lab, if there is one, and the capture.
type place struct {
	options
	lab    *netlab.Lab
	client *netlab.Host
	server *netlab.Host
	ifname string
	// live is nil when nothing can be captured; blind says why.
	live  *capture.Live
	blind error
}

// newPlace makes a lab of two hosts, or without inside uses loopback.
func newPlace(ctx context.Context, o options, inside bool) (*place, error) {
	t := &place{options: o, ifname: "lo"}
	if !inside {
		if t.live, t.blind = capture.Open(ctx, t.ifname, &capture.Config{Immediate: true}); t.live == nil {
			return t, nil
		}
		return t, cmsg.AwaitStamps()
	}
	if err := t.build(); err != nil {
		t.close()
		return nil, err
	}
	err := t.client.Do(func() (err error) {
		if t.live, err = capture.Open(ctx, t.ifname, &capture.Config{Immediate: true}); err != nil {
			return err
		}
		return cmsg.AwaitStamps()
	})
	if err != nil {
		t.close()
		return nil, err
	}
	return t, nil
}

func (t *place) build() (err error) {
	if t.lab, err = netlab.New(&netlab.Config{IPv4Only: t.mtu < minMTU6}); err != nil {
		return err
	}
	if t.client, err = t.lab.Host("client"); err != nil {
		return err
	}
	if t.server, err = t.lab.Host("server"); err != nil {
		return err
	}
	if _, err = t.lab.Link(t.client, t.server, netlab.LinkConfig{MTU: t.mtu}); err != nil {
		return err
	}
	t.ifname = t.client.Ifname()
	// The kernel asks three times for an address before it gives up; a second between them is long to watch.
	for _, family := range []string{"ipv4", "ipv6"} {
		if family == "ipv6" && t.mtu < minMTU6 {
			continue
		}
		if err := t.client.Sysctl("net/"+family+"/neigh/"+t.ifname+"/retrans_time_ms", "100"); err != nil {
			return err
		}
	}
	return nil
}

// interfaces are those that packets are captured on, none when nothing can be.
func (t *place) interfaces() []capture.Interface {
	if t.live == nil {
		return nil
	}
	return t.live.Interfaces()
}

func (t *place) close() {
	if t.live != nil {
		t.live.Close()
	}
	if t.lab != nil {
		t.lab.Close()
	}
}

// run plays one scene and joins its calls with its packets.
func (t *place) run(ctx context.Context, sc scene, v6 bool) (*ranScene, error) {
	dir, err := tempDir()
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	clock := trace.NewClock()
	s := &sceneRun{recorder: newRecorder(clock), options: t.options, v6: v6, lab: t.lab != nil, dir: dir, pid: os.Getpid(), stop: make(chan struct{})}
	s.sides(t)
	var failed error
	s.body = func() {
		limited, cancel := context.WithTimeoutCause(ctx, sceneLimit, errSlow)
		defer cancel()
		failed = bodies[sc.name](limited, s)
	}
	var drops *drop.Source
	if sc.drops && t.lab != nil {
		if drops, err = t.drops(); err == nil {
			defer drops.Close()
		}
	}
	s.heard = drops != nil
	a := &ranScene{scene: sc, v6: v6, session: follow.New(s.recorder, t.live, clock, &follow.Config{Host: s.client.name, Frames: true, Whole: true, Drops: drops})}
	for step, err := range a.session.Steps(context.WithoutCancel(ctx)) {
		if err != nil {
			return nil, err
		}
		a.timeline = step.Timeline
	}
	if !s.lab { // others use loopback too
		a.timeline = a.timeline.Only(nil, func(p *trace.PacketRecord) bool { return p.From != nil || p.To != nil })
	}
	return a, failed
}

// drops hears of the drops of both hosts, where the kernel takes programs from us: as root it does.
func (t *place) drops() (*drop.Source, error) {
	var networks []uint64
	for _, h := range []*netlab.Host{t.client, t.server} {
		err := h.Do(func() error {
			n, err := drop.NetworkOf("/proc/thread-self/ns/net")
			networks = append(networks, n)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return drop.Open(&drop.Config{Networks: networks})
}

// tempDir makes a directory in which a Unix socket can have a name: that is 107 bytes at most, unix(7).
func tempDir() (string, error) {
	if len(os.TempDir()) > 80 {
		return os.MkdirTemp("/tmp", "sockwire-")
	}
	return os.MkdirTemp("", "sockwire-")
}

func (s *sceneRun) sides(t *place) {
	host := func(name string, h *netlab.Host) side {
		if h == nil {
			addr := netip.AddrFrom4([4]byte{127, 0, 0, 1})
			if s.v6 {
				addr = netip.IPv6Loopback()
			}
			s.add(&trace.Host{Name: "localhost", Addrs: []netip.Addr{addr}, Captured: t.live != nil})
			return side{name: "localhost", addr: addr}
		}
		addr := h.Addr4()
		if s.v6 {
			addr = h.Addr6()
		}
		s.add(&trace.Host{Name: name, Addrs: []netip.Addr{h.Addr4(), h.Addr6()}, Captured: t.live != nil})
		return side{name: name, host: h, addr: addr}
	}
	s.client, s.server = host("client", t.client), host("server", t.server)
}

// sceneLimit ends a scene in which a program waits for ever: a packet may have been lost.
const sceneLimit = 15 * time.Second

var errSlow = fmt.Errorf("the scene did not end within %v", sceneLimit)
