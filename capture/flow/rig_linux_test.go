package flow_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sockwire/capture"
	"sockwire/raw/cmsg"
	"sockwire/raw/impair"
	"sockwire/raw/netlab"
)

// A rig is two hosts with a router between them and an impaired link on either side of it:
//
//	a ——near—— r ——far—— b
//
// Everything is captured in three places: at a, at r on the link to a, and at b. What a segment met on its way is in
// the links' records, so that in each place it is known whether it was lost before it came there, or behind.
type rig struct {
	name      string
	lab       *netlab.Lab
	a, r, b   *netlab.Host
	near, far *netlab.Link
	impaired  []*netlab.Link
	places    []*recording
	talk      *talk
	inodes    [2]uint64 // of the network namespaces of a and b, by which the kernel's trace points tell labs apart
	again     [2]int    // segments that a and b sent again, by the kernel's own count
}

// recording is a capture in one place.
type recording struct {
	name   string
	host   *netlab.Host
	live   *capture.Live
	frames []capture.Frame
	link   *netlab.Link           // an impaired one that is captured, or nil
	taken  map[*transmission]bool // what passed, and no frame shows any more
	// thinned is what fewer frames show than passed.
	thinned map[*transmission]bool
	done    chan error
}

// talk is one connection from a to b and what was said.
type talk struct {
	client, server netip.AddrPort
	said           [2][]byte // by the client, by the server
	heard          [2][]byte // by the server, by the client
}

// conditions are what a seed makes of a network and its hosts.
type conditions struct {
	near, far netlab.Impair
	settings  map[string]string // of both hosts
	six       bool              // IPv6
	pingpong  bool              // one speaks after the other
	sizes     [2]int            // bytes that client and server say
	wrap      uint32            // how many sequence numbers the client has until they begin anew; 0 for any
	word      string            // what is special, for messages
}

const patience = 60 * time.Second // nothing takes so long, on the busiest machine

// newRig makes a lab whose captures run.
func newRig(name string, c *conditions) (g *rig, err error) {
	g = &rig{name: name}
	defer func() {
		if err != nil && g.lab != nil {
			g.lab.Close()
		}
	}()
	if g.lab, err = netlab.New(nil); err != nil {
		return g, err
	}
	if g.r, err = g.lab.Router("r"); err != nil {
		return g, err
	}
	for name, h := range map[string]**netlab.Host{"a": &g.a, "b": &g.b} {
		if *h, err = g.lab.Host(name); err != nil {
			return g, err
		}
		for name, value := range c.settings {
			if err := (*h).Sysctl(name, value); err != nil {
				return g, err
			}
		}
	}
	if g.near, err = g.lab.Link(g.a, g.r, netlab.LinkConfig{Impair: &c.near}); err != nil {
		return g, err
	}
	if g.far, err = g.lab.Link(g.r, g.b, netlab.LinkConfig{Impair: &c.far}); err != nil {
		return g, err
	}
	g.impaired = []*netlab.Link{g.near, g.far}
	for _, p := range []struct {
		name string
		end  netlab.End
		link *netlab.Link
	}{{"sender", g.near.A, g.near}, {"middle", g.near.B, g.near}, {"receiver", g.far.B, g.far}} {
		if err := g.record(p.name, p.end.Host, p.end.Ifname); err != nil {
			return g, err
		}
		g.places[len(g.places)-1].link = p.link
	}
	if g.inodes[0], err = networkOf(g.a); err == nil {
		g.inodes[1], err = networkOf(g.b)
	}
	return g, errors.Join(err, g.a.Do(cmsg.AwaitStamps))
}

func networkOf(h *netlab.Host) (uint64, error) {
	var st unix.Stat_t
	err := h.Do(func() error { return unix.Stat("/proc/thread-self/ns/net", &st) })
	return st.Ino, err
}

// record captures on an interface until stop.
func (g *rig) record(name string, h *netlab.Host, ifname string) error {
	p := &recording{name: name, host: h, done: make(chan error, 1)}
	err := h.Do(func() (err error) {
		p.live, err = capture.Open(context.Background(), ifname, &capture.Config{Immediate: true, Buffer: 8 << 20})
		return err
	})
	if err != nil {
		return err
	}
	g.places = append(g.places, p)
	go func() {
		var f capture.Frame
		for {
			if err := p.live.Next(&f); err != nil {
				if errors.Is(err, io.EOF) {
					err = nil
				}
				p.done <- err
				return
			}
			if f.Drops > 0 {
				p.done <- fmt.Errorf("the capture at the %s lost %d frames", p.name, f.Drops)
				return
			}
			p.frames = append(p.frames, f.Clone())
		}
	}()
	return nil
}

// connect makes a connection from a to an address of b, port 0 for any, from a port of a's, 0 for any. Where wrap is
// not 0, that many sequence numbers are left before 2^32.
func (g *rig) connect(to netip.AddrPort, from uint16, end time.Time, wrap uint32) (ends [2]*net.TCPConn, err error) {
	var l *net.TCPListener
	err = g.b.Do(func() (err error) {
		l, err = net.ListenTCP("tcp", net.TCPAddrFromAddrPort(to))
		return err
	})
	if err != nil {
		return ends, err
	}
	defer l.Close()
	if err := l.SetDeadline(end); err != nil {
		return ends, err
	}
	var wait sync.WaitGroup
	var errs [2]error
	wait.Go(func() {
		errs[0] = g.a.Do(func() error {
			d := net.Dialer{Deadline: end, KeepAlive: -1, Control: func(_, _ string, c syscall.RawConn) (err error) {
				if e := c.Control(func(fd uintptr) { err = startAt(int(fd), -wrap) }); e != nil {
					return e
				}
				return err
			}}
			if from != 0 {
				d.LocalAddr = &net.TCPAddr{Port: int(from)}
			}
			conn, err := d.Dial("tcp", l.Addr().String())
			if err == nil {
				ends[0] = conn.(*net.TCPConn)
			}
			return err
		})
	})
	ends[1], errs[1] = l.AcceptTCP()
	wait.Wait()
	for _, conn := range ends {
		if conn != nil {
			errs[0] = errors.Join(errs[0], conn.SetDeadline(end))
		}
	}
	return ends, errors.Join(errs[:]...)
}

// startAt makes a socket that is not connected yet begin with a sequence number, unless that is 0 (TCP_REPAIR of
// tcp(7)).
func startAt(fd int, seq uint32) error {
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); seq == 0 || err != nil {
		return err
	}
	const off, sendQueue = -1, 2 // TCP_REPAIR_OFF_NO_WP, TCP_SEND_QUEUE of include/uapi/linux/tcp.h
	for _, o := range [][2]int{{unix.TCP_REPAIR, 1}, {unix.TCP_REPAIR_QUEUE, sendQueue}, {unix.TCP_QUEUE_SEQ, int(int32(seq))}, {unix.TCP_REPAIR, off}} {
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, o[0], o[1]); err != nil {
			return err
		}
	}
	return nil
}

// speak has a and b say something on a new connection, both at once or in turn, and both end it.
func (g *rig) speak(c *conditions, random *rand.Rand) error {
	addr := g.b.Addr4()
	if c.six {
		addr = g.b.Addr6()
	}
	k := &talk{}
	for i, n := range c.sizes {
		k.said[i] = make([]byte, n)
		for j := range k.said[i] {
			k.said[i][j] = byte(random.Uint32())
		}
	}
	words := [2]*rand.Rand{rand.New(rand.NewPCG(random.Uint64(), 1)), rand.New(rand.NewPCG(random.Uint64(), 2))}
	end := time.Now().Add(patience)
	ends, err := g.connect(netip.AddrPortFrom(addr, 0), 0, end, c.wrap)
	for _, conn := range ends {
		if conn != nil {
			defer conn.Close()
		}
	}
	if err != nil {
		return err
	}
	k.client, k.server = ends[0].LocalAddr().(*net.TCPAddr).AddrPort(), ends[1].LocalAddr().(*net.TCPAddr).AddrPort()
	var wait sync.WaitGroup
	var errs [2]error
	for i, conn := range ends {
		if c.pingpong {
			wait.Go(func() { k.heard[1-i], errs[i] = turns(conn, k.said[i], i == 0, words[i]) })
			continue
		}
		wait.Go(func() {
			var err error
			var inner sync.WaitGroup
			inner.Go(func() { err = say(conn, k.said[i], words[i]) })
			k.heard[1-i], errs[i] = io.ReadAll(conn)
			inner.Wait()
			errs[i] = errors.Join(errs[i], err)
		})
	}
	wait.Wait()
	if err := errors.Join(errs[:]...); err != nil {
		return err
	}
	for i := range k.said {
		if !bytes.Equal(k.said[i], k.heard[i]) {
			return fmt.Errorf("%d bytes were said and %d others heard", len(k.said[i]), len(k.heard[i]))
		}
	}
	for _, conn := range ends {
		if err := quiet(conn, end); err != nil {
			return err
		}
	}
	g.talk = k
	return nil
}

// say writes all in pieces and ends its direction.
func say(conn *net.TCPConn, all []byte, random *rand.Rand) error {
	for len(all) > 0 {
		n := min(len(all), 1+random.IntN(5000))
		if _, err := conn.Write(all[:n]); err != nil {
			return err
		}
		all = all[n:]
	}
	return conn.CloseWrite()
}

// turns says a line, hears one, and so on, until both have said all.
func turns(conn *net.TCPConn, all []byte, first bool, random *rand.Rand) (heard []byte, err error) {
	buf := make([]byte, 64<<10)
	speak := func() error {
		if len(all) == 0 {
			return nil
		}
		n := min(len(all), 1+random.IntN(4000))
		_, err := conn.Write(all[:n])
		if all = all[n:]; err == nil && len(all) == 0 {
			err = conn.CloseWrite()
		}
		return err
	}
	if first || len(all) == 0 {
		err = speak()
	}
	for err == nil {
		n, e := conn.Read(buf)
		heard = append(heard, buf[:n]...)
		if errors.Is(e, io.EOF) {
			for err == nil && len(all) > 0 {
				err = speak()
			}
			return heard, err
		}
		if err = e; err == nil {
			err = speak()
		}
	}
	return heard, err
}

// quiet waits until the kernel has nothing more to send for a connection that both have ended: its last FIN was
// acknowledged.
func quiet(conn *net.TCPConn, end time.Time) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	for {
		var info *unix.TCPInfo
		if e := raw.Control(func(fd uintptr) { info, err = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO) }); e != nil || err != nil {
			return errors.Join(e, err)
		}
		if info.State == unix.BPF_TCP_CLOSE {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("the connection is still in state %d", info.State)
		}
		time.Sleep(time.Millisecond)
	}
}

// stop ends the captures, when nothing is on its way any more.
func (g *rig) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	still, last := 0, uint64(0)
	for still < 5 {
		var all uint64
		for _, k := range g.impaired {
			if err := k.Settle(ctx); err != nil {
				return err
			}
			for _, h := range []*netlab.Host{k.A.Host, k.B.Host} {
				n, err := k.Totals(h)
				if err != nil {
					return err
				}
				if n.Overrun+n.Failed+n.Unrecorded > 0 {
					return fmt.Errorf("the link has %+v", n)
				}
				all += n.Packets
			}
		}
		came := true
		for _, p := range g.places {
			if p.link == nil {
				continue
			}
			// What the link has delivered may still be on its way to the capture.
			var passed uint64
			for _, h := range []*netlab.Host{p.link.A.Host, p.link.B.Host} {
				n, err := p.link.Totals(h)
				if err != nil {
					return err
				}
				if h == p.host {
					passed += n.Packets
				} else {
					passed += n.Deliveries
				}
			}
			st, err := p.live.Stats()
			if err != nil {
				return err
			}
			came = came && st.Received >= passed
		}
		if still++; all != last || !came {
			if still, last = 0, all; ctx.Err() != nil {
				return fmt.Errorf("%s: packets are still on their way", g.name)
			}
		}
		time.Sleep(time.Millisecond)
	}
	for i, h := range []*netlab.Host{g.a, g.b} {
		if err := h.Do(func() (err error) { g.again[i], err = counter("snmp", "Tcp", "RetransSegs"); return err }); err != nil {
			return err
		}
	}
	for _, p := range g.places {
		if err := p.live.Stop(); err != nil {
			return err
		}
		if err := <-p.done; err != nil {
			return err
		}
		st, err := p.live.Stats()
		if err != nil || st.Dropped > 0 {
			return fmt.Errorf("the capture at %s: %+v %v", p.name, st, err)
		}
		p.live.Close()
	}
	return nil
}

// counter reads one of the kernel's counters, in the calling thread's network namespace.
func counter(file, group, name string) (int, error) {
	b, err := os.ReadFile("/proc/thread-self/net/" + file)
	if err != nil {
		return 0, err
	}
	var names []string
	for line := range strings.Lines(string(b)) {
		fields := strings.Fields(line)
		if fields[0] != group+":" {
			continue
		}
		if i := slices.Index(names, name); i >= 0 {
			return strconv.Atoi(fields[i])
		}
		names = fields
	}
	return 0, fmt.Errorf("%s: no %s %s", file, group, name)
}

// draw makes conditions from a seed: every kind of damage alone and together, and hosts of every make.
func draw(seed uint64) (*conditions, *rand.Rand) {
	random := rand.New(rand.NewPCG(seed, 15))
	// With less room than that a host drops, behind its own capture, what comes too early.
	c := &conditions{settings: map[string]string{"net.ipv4.tcp_rmem": "4096 1048576 6291456"}, six: seed%4 == 3, pingpong: seed%5 == 4, sizes: [2]int{20_000 + random.IntN(60_000), 10_000 + random.IntN(40_000)}}
	if seed%3 != 0 { // the others have what the machine has
		c.settings["net.ipv4.tcp_congestion_control"] = "reno"
	}
	if seed%8 == 6 {
		c.settings["net.ipv4.tcp_sack"] = "0"
	}
	if seed%8 == 1 && !c.six {
		c.settings["net.ipv4.tcp_timestamps"] = "0"
	}
	if seed%6 == 1 {
		c.wrap = 1 + random.Uint32N(uint32(c.sizes[0]))
	}
	kinds := []string{"loss", "duplicate", "reorder", "delay", "corrupt", "spike"}
	only := ""
	if n := seed % 10; n < 6 {
		only = kinds[n]
	}
	one := func() impair.Config {
		d := impair.Config{Seed: random.Uint64(), Delay: time.Duration(500+random.IntN(6000)) * time.Microsecond}
		damage := func(kind string, most float64) float64 {
			if only == kind {
				return most
			}
			if only != "" {
				return 0
			}
			return most * random.Float64()
		}
		d.Loss = damage("loss", 0.04)
		d.Duplicate = damage("duplicate", 0.05)
		d.Corrupt = damage("corrupt", 0.04)
		if d.Reorder = damage("reorder", 0.06); d.Reorder > 0 {
			d.ReorderGap, d.ReorderHold = 1+random.IntN(6), time.Duration(5+random.IntN(40))*time.Millisecond
		}
		if only == "spike" { // later than the sender waits
			d.Reorder, d.ReorderGap, d.ReorderHold = 0.015, 1000, 400*time.Millisecond
		}
		if d.Jitter = time.Duration(damage("delay", float64(d.Delay))); d.Jitter > 0 {
			d.JitterReorders = only == "delay" || random.IntN(4) == 0
		}
		return d
	}
	c.near = netlab.Impair{AtoB: one(), BtoA: one(), Keep: 2000}
	c.far = netlab.Impair{AtoB: one(), BtoA: one(), Keep: 2000}
	for _, two := range [][2]*impair.Config{{&c.near.AtoB, &c.far.AtoB}, {&c.near.BtoA, &c.far.BtoA}} {
		two[random.IntN(2)].Corrupt = 0 // two flips in one segment can be one that its checksum does not show
	}
	c.word = only
	if only == "" {
		c.word = "all"
	}
	return c, random
}

// network is one that was run, with its truth.
type network struct {
	*rig
	*conditions
	seed  uint64
	truth *truth
}

// runs are the seeds of this run of the tests.
func runs() uint64 {
	n := uint64(50)
	if testing.Short() {
		n = 6
	}
	if v, err := strconv.ParseUint(os.Getenv("FLOW_SEEDS"), 10, 32); err == nil {
		n = v
	}
	return n
}

// world is all networks of this run, and what the kernel told meanwhile.
type world struct {
	networks []*network
	resent   []*resent
	skipped  int   // retransmissions at most that the trace points were not asked about
	deaf     error // why the kernel could not be heard
}

// networks runs all seeds, some side by side, and keeps them for all tests.
var networks = sync.OnceValues(func() (w world, err error) {
	var k *kernel
	if k, w.deaf = listen(); w.deaf == nil {
		defer k.close()
	}
	n := runs()
	w.networks = make([]*network, n)
	errs := make([]error, n)
	slots := make(chan struct{}, 25)
	var wait sync.WaitGroup
	for i := range n {
		wait.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			w.networks[i], errs[i] = runNetwork(i)
		})
	}
	wait.Wait()
	if w.deaf == nil {
		if w.resent, err = k.read(); err == nil {
			w.skipped, err = k.skipped()
		}
	}
	return w, errors.Join(append(errs, err)...)
})

func runNetwork(seed uint64) (n *network, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("seed %d: %w", seed, err)
		}
	}()
	c, random := draw(seed)
	n = &network{conditions: c, seed: seed}
	if n.rig, err = newRig(fmt.Sprintf("seed %d (%s)", seed, c.word), c); err != nil {
		return n, err
	}
	defer n.lab.Close()
	if err := n.speak(c, random); err != nil {
		return n, err
	}
	if err := n.stop(); err != nil {
		return n, err
	}
	n.truth, err = n.tell()
	return n, err
}

func theWorld(t *testing.T) world {
	t.Helper()
	netlab.Need(t)
	w, err := networks()
	must(t, err)
	return w
}
