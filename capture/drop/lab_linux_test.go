//go:build amd64 || arm64

package drop_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sockwire/capture/decode"
	"sockwire/capture/drop"
	"sockwire/raw/netlab"
	"sockwire/raw/packet"
)

// open records drops, or skips where the kernel takes no programs from us; as root, where all is required, it fails.
func open(t testing.TB, cfg *drop.Config) *drop.Source {
	t.Helper()
	s, err := drop.Open(cfg)
	netlab.NeedRoot(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

// stage is two hosts, the drops of one of them, and a way to send any frame from the other one.
type stage struct {
	t       *testing.T
	a, b    *netlab.Host
	at      *netlab.Host // whose drops are recorded
	fd      int          // sends frames to it
	src     chan drop.Drop
	network uint32
	undo    io.Closer // what drops, once it has
	cookie  uint64    // of the socket that sends frames
}

func newStage(t *testing.T, src chan drop.Drop, atSender bool) *stage {
	s := &stage{t: t, src: src}
	lab, err := netlab.New(&netlab.Config{IPv4Only: true})
	netlab.Need(t)
	s.must(err)
	t.Cleanup(func() { lab.Close() })
	s.a, err = lab.Host("a")
	s.must(err)
	s.b, err = lab.Host("b")
	s.must(err)
	for _, h := range []*netlab.Host{s.a, s.b} {
		s.must(h.Sysctl("net.ipv6.conf.all.disable_ipv6", "1"))
		s.must(h.Sysctl("net.ipv6.conf.default.disable_ipv6", "1"))
	}
	_, err = lab.Link(s.a, s.b, netlab.LinkConfig{})
	s.must(err)
	s.at = s.b
	other := s.a
	if atSender {
		s.at, other = s.a, s.b
	}
	s.must(other.Do(func() (err error) {
		s.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		return err
	}))
	t.Cleanup(func() { unix.Close(s.fd) })
	s.cookie, err = unix.GetsockoptUint64(s.fd, unix.SOL_SOCKET, unix.SO_COOKIE)
	s.must(err)
	s.must(s.at.Do(func() error {
		n, err := drop.NetworkOf("/proc/thread-self/ns/net")
		s.network = uint32(n)
		return err
	}))
	return s
}

func (s *stage) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// build makes the bytes of an expression, in which A and B are the hosts' addresses.
func (s *stage) build(format string, args ...any) []byte {
	s.t.Helper()
	r := strings.NewReplacer("AMAC", s.a.MAC().String(), "BMAC", s.b.MAC().String(), "AIP", s.a.Addr4().String(), "BIP", s.b.Addr4().String())
	expression := r.Replace(fmt.Sprintf(format, args...))
	tpl, err := packet.Parse(expression)
	if err != nil {
		s.t.Fatalf("%s: %v", expression, err)
	}
	b, _, err := tpl.Append(nil, nil, 0)
	if err != nil {
		s.t.Fatalf("%s: %v", expression, err)
	}
	return b
}

// send puts a frame on the link.
func (s *stage) send(frame []byte) {
	s.t.Helper()
	to := &unix.SockaddrLinklayer{Ifindex: s.a.Ifindex()}
	if s.at == s.a {
		to.Ifindex = s.b.Ifindex()
	}
	s.must(unix.Sendto(s.fd, frame, 0, to))
}

// frame sends what an expression says, from a to b.
func (s *stage) frame(format string, args ...any) {
	s.t.Helper()
	s.send(s.build("eth{src=AMAC,dst=BMAC}/"+format, args...))
}

// marker is in the packets of a case, and another in each.
var marker string

const (
	theEnd  = "nothing is after this one"
	endType = 0x88b6
)

// end sends the frame that the drops of a case are before.
func (s *stage) end() {
	if s.undo != nil {
		s.must(s.undo.Close())
		s.undo = nil
	}
	src, dst := "AMAC", "BMAC"
	if s.at == s.a {
		src, dst = dst, src
	}
	s.send(s.build("eth{src=%s,dst=%s,type=%d}/hex{%x}", src, dst, endType, theEnd))
}

// socket makes a socket at a host and returns its cookie.
func (s *stage) udp(h *netlab.Host, port int) (*net.UDPConn, uint64) {
	s.t.Helper()
	var c *net.UDPConn
	s.must(h.Do(func() (err error) {
		c, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(h.Addr4(), uint16(port))))
		return err
	}))
	s.t.Cleanup(func() { c.Close() })
	return c, cookie(s.t, c)
}

func cookie(t testing.TB, c any) (n uint64) {
	t.Helper()
	control(t, c, func(fd int) (err error) {
		n, err = unix.GetsockoptUint64(fd, unix.SOL_SOCKET, unix.SO_COOKIE)
		return err
	})
	return n
}

// counters reads the kernel's counts of a host: "Udp NoPorts".
func counters(t testing.TB, h *netlab.Host) map[string]int {
	t.Helper()
	all := map[string]int{}
	err := h.Do(func() error {
		for _, file := range []string{"snmp", "netstat"} {
			b, err := os.ReadFile("/proc/thread-self/net/" + file)
			if err != nil {
				return err
			}
			lines := strings.Split(strings.TrimSpace(string(b)), "\n")
			for i := 0; i+1 < len(lines); i += 2 {
				group, names, _ := strings.Cut(lines[i], ":")
				_, values, _ := strings.Cut(lines[i+1], ":")
				v := strings.Fields(values)
				for j, name := range strings.Fields(names) {
					all[group+" "+name], _ = strconv.Atoi(v[j])
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// seen is what there was until the end of a case.
func (s *stage) seen(want int, reason string) (drops []drop.Drop) {
	s.t.Helper()
	ended, found := false, 0
	if want == 0 {
		s.end()
	}
	for patience := time.After(30 * time.Second); !ended || found < want; {
		select {
		case d := <-s.src:
			// What waits in a receive buffer or for its other fragments has lost its device, and with it its namespace.
			switch {
			case d.Network != s.network && (d.Network != 0 || !bytes.Contains(d.Frame.Data, []byte(marker))):
				continue
			case d.Reason.Name == "UNHANDLED_PROTO" && bytes.Contains(d.Frame.Data, []byte(theEnd)):
				ended = true
				continue
			}
			drops = append(drops, d)
			if d.Reason.Name == reason {
				if found++; found == want {
					s.end()
				}
			}
		case <-patience:
			s.t.Errorf("of %d drops for %s only %d were told", want, reason, found)
			return drops
		}
	}
	return drops
}

// a case is a way in which a host loses packets.
type lossCase struct {
	name    string
	reason  string
	place   string // the function, where that tells the reason
	sender  bool   // it is a that drops
	peer    string
	counter string // that counts the same
	run     func(s *stage) expected
}

// expected is what must be told then.
type expected struct {
	n      int
	cookie uint64 // of the socket; 0: there is none
	role   drop.Role
	bare   bool            // the packets have no marker in them
	also   map[string]bool // reasons of other packets of the case
	layers int             // of which the packet is, where that is not two or more
	times  int             // the counter counts each packet this many times; 0 is once
}

func TestReasons(t *testing.T) {
	netlab.Need(t)
	src := open(t, &drop.Config{All: true})
	told := make(chan drop.Drop, 1<<12)
	done := make(chan error, 1)
	go func() {
		for d, err := range src.Drops(context.Background()) {
			if err != nil {
				done <- err
				return
			}
			c := *d
			c.Frame = d.Frame.Clone()
			told <- c
		}
		done <- nil
	}()
	reasons := map[string]bool{}
	for i, c := range cases {
		reasons[c.reason] = true
		t.Run(c.name, func(t *testing.T) {
			marker = fmt.Sprintf("the marker of a case %02d.", i) // as long as a fragment may be
			if c.peer != "" {
				if _, err := exec.LookPath(c.peer); err != nil {
					if os.Getenv("REQUIRE_PEERS") != "" {
						t.Fatal(err)
					}
					t.Skip(err)
				}
			}
			s := newStage(t, told, c.sender)
			before := counters(t, s.at)
			want := c.run(s)
			drops := s.seen(want.n, c.reason)
			after := counters(t, s.at)
			s.judge(&c, want, drops)
			if c.counter != "" {
				if n := after[c.counter] - before[c.counter]; n != want.n*max(want.times, 1) {
					t.Errorf("the kernel counts %d of %s, and %d drops were expected", n, c.counter, want.n)
				}
			}
		})
	}
	src.Stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if n := src.Stats().Lost; n > 0 {
		t.Errorf("%d drops were lost", n)
	}
	if len(reasons) < 25 {
		t.Errorf("%d reasons are few", len(reasons))
	}
}

func (s *stage) judge(c *lossCase, want expected, drops []drop.Drop) {
	t := s.t
	t.Helper()
	n := 0
	for i := range drops {
		d := &drops[i]
		if d.Reason.Name != c.reason {
			if !want.also[d.Reason.Name] {
				t.Errorf("told of more than there was: %v %x", d, d.Frame.Data)
			}
			continue
		}
		n++
		if !want.bare && !bytes.Contains(d.Frame.Data, []byte(marker)) {
			t.Errorf("another packet, or not all of it: %v %x", d, d.Frame.Data)
		}
		if d.Socket.Cookie != want.cookie || d.Socket.Role != want.role {
			t.Errorf("%v: socket %+v, not the one with cookie %d that it is %v", d, d.Socket, want.cookie, want.role)
		}
		if want.cookie != 0 && (d.Socket.Inode == 0 || d.Socket.UID != uint32(os.Geteuid())) {
			t.Errorf("%v: socket %+v", d, d.Socket)
		}
		if c.place != "" && d.Place.Function != c.place || d.Place.Function == "" {
			t.Errorf("%v: no function at %x", d, d.Place.Address)
		}
		var p decode.Packet
		var dec decode.Decoder
		if _ = dec.Decode(d.Frame, &p); len(p.Layers()) < 2 && len(p.Layers()) != want.layers {
			t.Errorf("%v: %d layers of %v %x", d, len(p.Layers()), d.Frame.Link, d.Frame.Data)
		}
		if age := time.Since(d.Frame.Time); age < 0 || age > time.Minute {
			t.Errorf("%v: dropped %v ago", d, age)
		}
	}
	if n != want.n {
		t.Errorf("%d drops for %s, not %d", n, c.reason, want.n)
	}
	t.Logf("%s: %d in %v", c.reason, n, places(drops, c.reason))
}

func places(drops []drop.Drop, reason string) []string {
	var all []string
	for i := range drops {
		if p := drops[i].Place.String(); drops[i].Reason.Name == reason && (len(all) == 0 || all[len(all)-1] != p) {
			all = append(all, p)
		}
	}
	return all
}

// TestNetworks: only the drops of the namespaces that are asked for are told, and of the caller's where none are.
func TestNetworks(t *testing.T) {
	_, a, b := netlab.Two(t)
	var sources []*drop.Source
	for _, h := range []*netlab.Host{a, b} {
		err := h.Do(func() error {
			sources = append(sources, open(t, nil))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for i, n := range []int{2, 3} {
		h := []*netlab.Host{a, b}[i]
		err := h.Do(func() error {
			for range n {
				c, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(h.Addr4(), 9)))
				if err != nil {
					return err
				}
				defer c.Close()
				if _, err := c.Write([]byte("nobody")); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for i, s := range sources {
		n := 0
		s.Stop()
		for d, err := range s.Drops(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			if d.Reason.Name == "NO_SOCKET" {
				n++
			}
		}
		if want := []int{2, 3}[i]; n != want {
			t.Errorf("%d drops, not %d", n, want)
		}
	}
}
