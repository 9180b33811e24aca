package trace

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sockwire/raw"
	"sockwire/raw/inject"
	"sockwire/raw/netlab"
	"sockwire/raw/probe"
	"sockwire/raw/wire"
)

// chain is a host, routers behind each other, and a host.
type chain struct {
	lab   *netlab.Lab
	hosts []*netlab.Host
	links []*netlab.Link
}

func (c *chain) near() *netlab.Host { return c.hosts[0] }
func (c *chain) far() *netlab.Host  { return c.hosts[len(c.hosts)-1] }

// target is the address of the far host.
func (c *chain) target(six bool) netip.Addr {
	if six {
		return c.far().Addr6()
	}
	return c.far().Addr4()
}

// address is that of the hop at a TTL, as it answers: that of the interface which the probe came in at, or of the
// target.
func (c *chain) address(six bool, ttl int) netip.Addr {
	end := c.links[ttl-1].B
	if six {
		return end.Addr6
	}
	return end.Addr4
}

// newChain makes a chain that has the target so many hops away, with routers that answer as often as they are asked.
func newChain(t testing.TB, hops int, cfg func(i int) netlab.LinkConfig) *chain {
	t.Helper()
	netlab.Need(t)
	lab, err := netlab.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lab.Close() })
	c := &chain{lab: lab}
	for i := range hops + 1 {
		make := lab.Router
		if i == 0 || i == hops {
			make = lab.Host
		}
		h, err := make(fmt.Sprint("h", i))
		if err != nil {
			t.Fatal(err)
		}
		unlimited(t, h)
		c.hosts = append(c.hosts, h)
	}
	for i := range hops {
		var config netlab.LinkConfig
		if cfg != nil {
			config = cfg(i)
		}
		l, err := lab.Link(c.hosts[i], c.hosts[i+1], config)
		if err != nil {
			t.Fatal(err)
		}
		c.links = append(c.links, l)
	}
	return c
}

// unlimited has a host send as many ICMP errors as it is asked for.
func unlimited(t testing.TB, h *netlab.Host) {
	t.Helper()
	for name, value := range map[string]string{
		"net.ipv4.icmp_ratelimit": "0", "net.ipv6.icmp.ratelimit": "0",
		"net.ipv4.icmp_msgs_per_sec": "1000000", "net.ipv4.icmp_msgs_burst": "1000000",
	} {
		if err := h.Sysctl(name, value); err != nil {
			t.Logf("%s: %v", name, err)
		}
	}
}

// open opens a tracer on a host.
func open(t testing.TB, h *netlab.Host, tracer Tracer) *Session {
	t.Helper()
	var s *Session
	err := h.Do(func() (err error) {
		s, err = tracer.Open(context.Background())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// traceTo traces from a host and returns all replies.
func traceTo(t testing.TB, h *netlab.Host, tracer Tracer, targets ...netip.Addr) []Reply {
	t.Helper()
	s := open(t, h, tracer)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var replies []Reply
	err := h.Do(func() error {
		for r, err := range s.Trace(ctx, slices.Values(targets)) {
			if err != nil {
				return err
			}
			replies = append(replies, r)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return replies
}

var families = []struct {
	name string
	six  bool
}{{"IPv4", false}, {"IPv6", true}}

// TestProtocols traces a chain with each kind of probe: every hop answers from the address that it must, and the target
// last.
func TestProtocols(t *testing.T) {
	const hops = 4
	c := newChain(t, hops, nil)
	for _, f := range families {
		for p := range protocols {
			t.Run(fmt.Sprint(f.name, "/", p), func(t *testing.T) {
				answers := map[int]int{}
				for _, r := range traceTo(t, c.near(), Tracer{Protocol: p, Wait: 2 * time.Second}, c.target(f.six)) {
					if r.Outcome == probe.Pending {
						continue
					}
					ttl := min(int(r.TTL), hops)
					if r.Outcome != probe.Answered || r.From != c.address(f.six, ttl) {
						t.Fatalf("TTL %d: %+v", r.TTL, r)
					}
					if want := (map[bool]Kind{true: Reached, false: Exceeded})[ttl == hops]; r.Kind != want {
						t.Errorf("TTL %d: %v, want %v: %+v", r.TTL, r.Kind, want, r)
					}
					if r.RTT <= 0 || r.Split.Network <= 0 || r.ReplyTTL == 0 {
						t.Errorf("TTL %d: RTT %v, split %+v, TTL %d", r.TTL, r.RTT, r.Split, r.ReplyTTL)
					}
					if len(r.Changes) > 0 {
						t.Errorf("TTL %d: %v", r.TTL, r.Changes)
					}
					answers[ttl]++
				}
				for ttl := 1; ttl <= hops; ttl++ {
					if answers[ttl] < 3 {
						t.Errorf("%d answers at TTL %d", answers[ttl], ttl)
					}
				}
			})
		}
	}
}

// TestUnprivileged traces with sockets that need no right: the same hops.
func TestUnprivileged(t *testing.T) {
	const hops = 4
	c := newChain(t, hops, nil)
	if err := c.near().Sysctl("net.ipv4.ping_group_range", "0 2147483647"); err != nil {
		if err := c.near().Sysctl("net.ipv4.ping_group_range", "0 0"); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range families {
		for _, p := range []Protocol{UDP, ICMP} {
			t.Run(fmt.Sprint(f.name, "/", p), func(t *testing.T) {
				answers := map[int]int{}
				for _, r := range traceTo(t, c.near(), Tracer{Protocol: p, Unprivileged: true, Flows: 2}, c.target(f.six)) {
					if r.Outcome == probe.Pending {
						continue
					}
					ttl := min(int(r.TTL), hops)
					if r.Outcome != probe.Answered || r.From != c.address(f.six, ttl) || r.Kind != (map[bool]Kind{true: Reached, false: Exceeded})[ttl == hops] {
						t.Fatalf("TTL %d: %+v", r.TTL, r)
					}
					if r.RTT <= 0 || r.Split.Network <= 0 || r.ReplyTTL == 0 {
						t.Errorf("TTL %d: RTT %v, split %+v, TTL %d", r.TTL, r.RTT, r.Split, r.ReplyTTL)
					}
					answers[ttl]++
				}
				for ttl := 1; ttl <= hops; ttl++ {
					if answers[ttl] < 6 {
						t.Errorf("%d answers at TTL %d", answers[ttl], ttl)
					}
				}
			})
		}
	}
	if s := open(t, c.near(), Tracer{Unprivileged: true}); len(s.Limits()) == 0 {
		t.Error("it says of nothing that it cannot tell it")
	}
	if err := (&Tracer{Unprivileged: true, Protocol: TCP}).Validate(); err == nil || !strings.Contains(err.Error(), "cap_net_raw") {
		t.Errorf("TCP: %v", err)
	}
}

// TestAsk asks for batches from several goroutines at once: each gets the fates of its own probes, and their tags back.
func TestAsk(t *testing.T) {
	const hops = 3
	c := newChain(t, hops, nil)
	s := open(t, c.near(), Tracer{Flows: 16})
	var waits []func() error
	for who := range uint32(8) {
		waits = append(waits, c.near().Go(func() error {
			var probes []Probe
			for i := range uint32(30) {
				probes = append(probes, Probe{Target: c.target(who%2 == 1), Flow: uint16(i % 16), TTL: uint8(1 + i%hops), Tag: who<<16 | i})
			}
			seen := map[uint32]bool{}
			for r, err := range s.Ask(context.Background(), probes) {
				switch {
				case err != nil:
					return err
				case r.Tag>>16 != who || seen[r.Tag]:
					return fmt.Errorf("tag %#x came to %d", r.Tag, who)
				case r.Outcome != probe.Answered || r.From != c.address(who%2 == 1, int(r.TTL)):
					return fmt.Errorf("%+v", r)
				}
				seen[r.Tag] = true
			}
			if len(seen) != len(probes) {
				return fmt.Errorf("%d fates of %d probes", len(seen), len(probes))
			}
			return nil
		}))
	}
	for _, wait := range waits {
		if err := wait(); err != nil {
			t.Error(err)
		}
	}
}

// TestSideBySide runs 20 tracers at once on one host, which all receive each other's answers, with somebody who sends
// what he can make of the answers that he saw: none takes one that is not its own.
func TestSideBySide(t *testing.T) {
	const hops, tracers = 4, 20
	c := newChain(t, hops, nil)
	var thief *raw.Conn
	err := c.far().Do(func() (err error) {
		thief, err = raw.Listen(context.Background(), raw.ICMP, nil)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer thief.Close()
	// What comes to the far host it also claims to have ended, of the probes that have a neighbouring number or
	// checksum.
	var stolen atomic.Int64
	stop := c.far().Go(func() error {
		seen, err := openProbes(unix.IPPROTO_UDP)
		if err != nil {
			return err
		}
		defer unix.Close(seen)
		b := make([]byte, 2000)
		for {
			n, _, err := unix.Recvfrom(seen, b, 0)
			if err != nil || n < 28 {
				return err
			}
			if string(b[28:n]) == "stop" {
				return nil
			}
			quote := append([]byte(nil), b[:min(n, 28)]...)
			to := wire.IPv4(quote).Source()
			// With the id of a probe that came here he is on the way, and may say so; he does not know that of another.
			for _, at := range []int{4, 5} {
				quote[at]++
				m := append([]byte{wire.ICMPv4TimeExceeded, 0, 0, 0, 0, 0, 0, 0}, quote...)
				binary.BigEndian.PutUint16(m[2:], wire.Checksum(m))
				if thief.WritePacket(m, to) == nil {
					stolen.Add(1)
				}
				quote[at]--
			}
		}
	})
	var waits []func() error
	for i := range tracers {
		tracer := Tracer{Protocol: Protocol(i % 3), Probes: 5, Last: 8}
		s := open(t, c.near(), tracer)
		waits = append(waits, c.near().Go(func() error {
			got := 0
			for r, err := range s.Trace(context.Background(), slices.Values([]netip.Addr{c.target(i%2 == 1)})) {
				switch {
				case err != nil:
					return err
				case r.Outcome == probe.Pending:
				case r.Duplicate || r.Outcome != probe.Answered || r.From != c.address(i%2 == 1, min(int(r.TTL), hops)):
					return fmt.Errorf("%v: %+v", tracer.Protocol, r)
				default:
					got++
				}
			}
			if got < 5*hops {
				return fmt.Errorf("%v: %d answers", tracer.Protocol, got)
			}
			return nil
		}))
	}
	for _, wait := range waits {
		if err := wait(); err != nil {
			t.Error(err)
		}
	}
	err = c.near().Do(func() error {
		conn, err := net.Dial("udp4", netip.AddrPortFrom(c.target(false), 9).String())
		if err != nil {
			return err
		}
		defer conn.Close()
		_, err = conn.Write([]byte("stop"))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if stolen.Load() == 0 {
		t.Error("nothing was stolen")
	}
}

// openProbes opens a socket that sees what comes to this host of a protocol.
func openProbes(protocol int) (int, error) {
	return unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, protocol)
}

// TestOpenPort: SYN probes to a port that is open are answered as often as they are asked, say so, and leave no
// connection half open behind.
func TestOpenPort(t *testing.T) {
	const hops = 3
	c := newChain(t, hops, nil)
	var listener net.Listener
	err := c.far().Do(func() (err error) {
		listener, err = net.Listen("tcp", "[::]:80")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	for _, f := range families {
		t.Run(f.name, func(t *testing.T) {
			reached := 0
			for _, r := range traceTo(t, c.near(), Tracer{Protocol: TCP, Last: 6}, c.target(f.six)) {
				if r.Outcome == probe.Pending || int(r.TTL) > hops && r.Outcome != probe.Answered {
					continue
				}
				if r.Outcome != probe.Answered || r.From != c.address(f.six, min(int(r.TTL), hops)) {
					t.Errorf("%+v", r)
				}
				if int(r.TTL) >= hops {
					reached++
					if r.Kind != Reached || r.Port != inject.Open || r.ICMP {
						t.Errorf("%+v", r)
					}
				}
			}
			if reached < 3 {
				t.Errorf("%d answers of the target", reached)
			}
			// The reset is on its way when the last answer is read: it has arrived when an echo behind it has its
			// answer.
			traceTo(t, c.near(), Tracer{Protocol: ICMP, First: hops, Last: hops, Probes: 1}, c.target(f.six))
			err := c.far().Do(func() error {
				for _, name := range []string{"tcp", "tcp6"} {
					text, err := os.ReadFile("/proc/thread-self/net/" + name)
					if err != nil {
						return err
					}
					for _, line := range strings.Split(string(text), "\n")[1:] {
						if fields := strings.Fields(line); len(fields) > 3 && fields[3] != "0A" {
							t.Errorf("left behind: %s", line)
						}
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestService: a UDP service that answers is reached, by datagrams that say that they prove nothing, or by the probe
// itself.
func TestService(t *testing.T) {
	c := newChain(t, 2, nil)
	for _, echo := range []bool{false, true} {
		var conn *net.UDPConn
		err := c.far().Do(func() (err error) {
			conn, err = net.ListenUDP("udp", &net.UDPAddr{Port: 53})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			b := make([]byte, 2000)
			for {
				n, from, err := conn.ReadFromUDPAddrPort(b)
				if err != nil {
					return
				}
				if !echo {
					b[0], n = 'x', 1
				}
				_, _ = conn.WriteToUDPAddrPort(b[:n], from)
			}
		}()
		for _, f := range families {
			for _, plain := range []bool{false, true} {
				got := 0
				for _, r := range traceTo(t, c.near(), Tracer{Port: 53, Unprivileged: plain, Last: 4}, c.target(f.six)) {
					if r.TTL < 2 || r.Outcome != probe.Answered || r.Duplicate {
						continue
					}
					if got++; r.Kind != Reached || r.Unproven == echo || r.Port != inject.Open || r.ICMP || r.From != c.target(f.six) {
						t.Errorf("echo %v: %+v", echo, r)
					}
				}
				if got < 3 {
					t.Errorf("echo %v, %s, unprivileged %v: %d answers", echo, f.name, plain, got)
				}
			}
		}
		conn.Close()
	}
}

// TestCloseTwice: the second Close closes nothing, also not what got the number of a socket since.
func TestCloseTwice(t *testing.T) {
	c := newChain(t, 1, nil)
	for name, tracer := range map[string]Tracer{"raw": {}, "unprivileged": {Unprivileged: true}} {
		var s *Session
		if err := c.near().Do(func() (err error) { s, err = tracer.Open(t.Context()); return err }); err != nil {
			t.Fatal(name, err)
		}
		s.Local(c.target(false)) // asks the kernel, with sockets of its own
		s.Close()
		var files [64]*os.File
		for i := range files {
			files[i], _ = os.Open(os.DevNull)
		}
		s.Close()
		for _, f := range files {
			if err := f.Close(); err != nil {
				t.Errorf("%s: the second Close closed another's file: %v", name, err)
			}
		}
	}
}
