package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"sockwire/cmd/internal/datagram/datagramtest"
	"sockwire/raw/impair"
	"sockwire/raw/netlab"
)

// twoHosts makes a lab of two hosts with a link that does something to what the first sends.
func twoHosts(t *testing.T, forward impair.Config) (a, b *netlab.Host, link *netlab.Link) {
	t.Helper()
	netlab.Need(t)
	lab, err := netlab.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lab.Close() })
	if a, err = lab.Host("a"); err != nil {
		t.Fatal(err)
	}
	if b, err = lab.Host("b"); err != nil {
		t.Fatal(err)
	}
	link, err = lab.Link(a, b, netlab.LinkConfig{Impair: &netlab.Impair{AtoB: forward}})
	if err != nil {
		t.Fatal(err)
	}
	return a, b, link
}

// serveOn runs the server on a lab host until the test ends.
func serveOn(t *testing.T, h *netlab.Host, args ...string) {
	t.Helper()
	line := datagramtest.Background(t, datagramtest.Command(t.Context(), t, h, append([]string{"serve"}, args...)...))
	if !regexp.MustCompile(`^dgperf: serving on`).MatchString(line) {
		t.Fatalf("the server says %q", line)
	}
}

// flowRecord returns the first record of a run with --json.
func flowRecord(t *testing.T, out string) (r directionRecord) {
	t.Helper()
	if err := json.Unmarshal(bytes.SplitN([]byte(out), []byte("\n"), 2)[0], &r); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return r
}

// A link damages datagrams, the receiving kernel throws them away: every loss is a checksum error, none is the buffer's
// or the network's. The link's record is the truth.
func TestChecksumErrorsAreToldApart(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		header := 28
		if v6 {
			header = 48
		}
		// The kernel looks at small datagrams before it looks for their socket.
		for _, mode := range [][]string{{"-s", "300", "--no-offload"}, {"-s", "300", "--pattern", "burst=50"}, {"-s", "48"}, {"-s", "68", "--no-offload"}, {"-s", "69"}} {
			a, b, link := twoHosts(t, impair.Config{Seed: 7, Corrupt: 0.05, CorruptFrom: header})
			to := b.Addr4()
			if v6 {
				to = b.Addr6()
			}
			serveOn(t, b, "-q")
			out, stderr, code := datagramtest.On(t, a, append(mode, "--json", "-q", "--rate", "10kpps", "-c", "2000",
				net.JoinHostPort(to.String(), defaultPort))...)
			r := flowRecord(t, out)
			damaged := 0
			records, err := link.Records(a)
			if err != nil {
				t.Fatal(err)
			}
			for _, rec := range records {
				if rec.Flip.Set && fmt.Sprint(rec.Size-header) == mode[1] {
					damaged++
				}
			}
			if code != 0 || damaged == 0 || r.Sent != 2000 || r.Lost != uint64(damaged) || r.LostCheck != r.Lost || r.LostDropped+r.LostNetwork+r.LostCorrupt != 0 {
				t.Errorf("IPv6 %v, %v: exit %d, the link damaged %d; lost %d: checksum %d, buffer %d, damaged %d, network %d; the kernel counts %d\n%s", v6, mode,
					code, damaged, r.Lost, r.LostCheck, r.LostDropped, r.LostCorrupt, r.LostNetwork, r.Dropped, stderr)
			}
		}
	}
}

// A receive buffer that is too small as well: the two are told apart, and nothing is left for the network.
func TestChecksumErrorsBesideAFullBuffer(t *testing.T) {
	a, b, _ := twoHosts(t, impair.Config{Seed: 7, Corrupt: 0.05, CorruptFrom: 28})
	serveOn(t, b, "-q", "--rcvbuf", "16KiB")
	out, stderr, code := datagramtest.On(t, a, "--json", "-q", "--no-offload", "--rate", "10kpps", "--pattern", "burst=200", "-c", "4000", "-s", "1000", b.Addr4().String())
	r := flowRecord(t, out)
	if code != 0 || r.LostCheck == 0 || r.LostDropped == 0 || r.LostNetwork != 0 || r.LostCheck+r.LostDropped != r.Lost || r.Unique+r.Lost != 4000 {
		t.Errorf("exit %d, lost %d: checksum %d, buffer %d, network %d\n%s", code, r.Lost, r.LostCheck, r.LostDropped, r.LostNetwork, stderr)
	}
}

// The path MTU is right to the byte: on a link, through routers that say so, through one that says nothing, on paths
// that do not take the handshake whole, and for both families.
func TestPathMTU(t *testing.T) {
	netlab.Need(t)
	for name, tt := range map[string]struct {
		links []int // MTU of each, with a router between
		end   int   // of the server's interface alone, which throws away what is longer, in silence
		want  int
		four  bool // IPv6 needs more
	}{
		"a link":           {links: []int{1500}, want: 1500},
		"a narrow link":    {links: []int{1280}, want: 1280},
		"a wide link":      {links: []int{9000}, want: 9000},
		"a router":         {links: []int{1500, 1400}, want: 1400},
		"two routers":      {links: []int{1500, 1450, 1300}, want: 1300},
		"narrower":         {links: []int{1500, 600}, want: 600, four: true},
		"a black hole":     {links: []int{1500, 1500}, end: 1400, want: 1400 + vlanRoom},
		"a narrow hole":    {links: []int{1500, 1500}, end: 300, want: 300 + vlanRoom, four: true},
		"a hole behind it": {links: []int{1500, 1450, 1450}, end: 1300, want: 1300 + vlanRoom},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lab, err := netlab.New(&netlab.Config{IPv4Only: tt.four})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { lab.Close() })
			a, err := lab.Host("a")
			if err != nil {
				t.Fatal(err)
			}
			at := a
			var b *netlab.Host
			for i, mtu := range tt.links {
				if i == len(tt.links)-1 {
					b, err = lab.Host("b")
				} else {
					b, err = lab.Router(fmt.Sprint("r", i))
				}
				if err == nil {
					_, err = lab.Link(at, b, netlab.LinkConfig{MTU: mtu})
				}
				if err != nil {
					t.Fatal(err)
				}
				at = b
			}
			if tt.end != 0 {
				if err := b.SetMTU(b.Ifname(), tt.end); err != nil {
					t.Fatal(err)
				}
			}
			serveOn(t, b, "-q")
			targets := []string{b.Addr4().String()}
			if !tt.four && tt.end == 0 || tt.end >= 1280 {
				targets = append(targets, b.Addr6().String())
			}
			for _, target := range targets {
				out, stderr, code := datagramtest.On(t, a, "--mtu", "--json", net.JoinHostPort(target, defaultPort))
				var r mtuRecord
				if err := json.Unmarshal([]byte(out), &r); err != nil || code != 0 {
					t.Fatalf("%s: exit %d, %v: %s%s", target, code, err, out, stderr)
				}
				if r.MTU != tt.want || r.Probes > 60 || (tt.end == 0 && len(tt.links) > 1) != (r.HopMTU == tt.want) {
					t.Errorf("%s: want %d: %s", target, tt.want, out)
				}
			}
		})
	}
}

// vlanRoom is what a veth takes beyond its MTU: a VLAN tag (is_skb_forwardable).
const vlanRoom = 4

// Thousands of questions from forged addresses of the server's own link, where nobody is found to take the answers, end
// no server and keep nobody else from an answer.
func TestForgedNeighbours(t *testing.T) {
	netlab.Need(t)
	lab, err := netlab.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lab.Close() })
	a, _ := lab.Host("a")
	b, err := lab.Host("b")
	if err == nil {
		_, err = lab.Link(a, b, netlab.LinkConfig{Resolve: true})
	}
	if err == nil {
		err = b.AddAddr(b.Ifname(), netip.MustParsePrefix("10.77.0.1/16"))
	}
	if err != nil {
		t.Fatal(err)
	}
	serveOn(t, b, "-q", "--echo")
	// The server's address is resolved before the flood.
	if out, stderr, code := datagramtest.On(t, a, "--requests", "-c", "10", "-q", b.Addr4().String()); code != 0 {
		t.Fatalf("exit %d: %s%s", code, out, stderr)
	}
	var nobody []netip.AddrPort
	for i := range 3000 {
		nobody = append(nobody, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 77, byte(1 + i>>8), byte(i)}), 40000))
	}
	datagramtest.Forge(t, a, netip.AddrPortFrom(b.Addr4(), 7207), []byte("echo this"), nobody...)
	start := time.Now()
	out, stderr, code := datagramtest.On(t, a, "--requests", "-c", "100", "-q", "--json", b.Addr4().String())
	if r := flowRecord(t, out); code != 0 || r.Unique != 100 {
		t.Errorf("exit %d: %s%s", code, out, stderr)
	}
	if took := time.Since(start); took > 2*time.Second { // the kernel looks three seconds for a neighbour
		t.Errorf("others wait for %v", took)
	}
}

// The time of a run ends it where the device is so slow that the send buffer is full for minutes.
func TestTheTimeEndsARunOnASlowLink(t *testing.T) {
	_, a, b := netlab.Two(t)
	if err := a.LimitRate(a.Ifname(), 400_000, 20_000, 100_000); err != nil {
		t.Fatal(err)
	}
	serveOn(t, b, "-q")
	for _, mode := range [][]string{{"--rate", "10Mbps"}, {"--rate", "0"}, {"--requests", "--rate", "10kpps", "-s", "1000"}} {
		start := time.Now()
		out, stderr, code := datagramtest.On(t, a, append(mode, "-T", "1", "-q", "--json", "--sndbuf", "64KiB", b.Addr4().String())...)
		r := flowRecord(t, out)
		if took := time.Since(start); took > 20*time.Second || r.Sent == 0 || r.Sent != r.Unique+r.Lost+r.Unheard {
			t.Errorf("%v: exit %d after %v: %s%s", mode, code, took, out, stderr)
		}
	}
}

// What the help and the README show works as it stands, where there is a server.
func TestExamples(t *testing.T) {
	_, a, b := netlab.Two(t)
	there := netip.MustParsePrefix("192.0.2.7/32")
	if err := errors.Join(b.AddAddr(b.Ifname(), there), a.AddRoute(netlab.Route{Dst: there, Via: b.Addr4()})); err != nil {
		t.Fatal(err)
	}
	serveOn(t, b, "-q")
	serveOn(t, b, "-q", ":5001")
	before, _, _ := datagramtest.On(t, a, "--requests", "-T", "300ms", "--rate", "1kpps", "--histogram", "--json", there.Addr().String())
	prepare := func(dir string) {
		if err := os.WriteFile(filepath.Join(dir, "before.jsonl"), []byte(before), 0o600); err != nil {
			t.Error(err)
		}
	}
	datagramtest.Examples(t, a, "dgperf", newCommand(new(options)).Examples, "-T 300ms", prepare, func(line, stdout, stderr string, code int) {
		want := `(?m)^  lost        0 \(0 %\)$`
		switch {
		case strings.Contains(line, "dgperf serve"):
			stdout, want = stderr, `serving on .*:7207`
		case strings.Contains(line, "--rate 0"):
			want = `(?m)^  received    [1-9]`
		case strings.Contains(line, ">before.jsonl"):
			want = "^$"
		case strings.Contains(line, "--mtu"):
			want = `path MTU 1500`
		case strings.Contains(line, "iperf2"):
			want = `reported  0 lost of \d+`
		}
		if code != 0 || !regexp.MustCompile(want).MatchString(stdout) {
			t.Errorf("%s: exit %d, no %q in\n%s%s", line, code, want, stdout, stderr)
		}
	})
}
