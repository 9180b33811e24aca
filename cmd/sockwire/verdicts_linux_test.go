package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sockwire/raw/impair"
	"sockwire/raw/netlab"
)

func init() { commands["pour"] = pour }

// pour sends a number of bytes to an address, ends its direction and waits for the other side to do the same.
func pour() {
	size, _ := strconv.Atoi(os.Args[2])
	conn, err := net.Dial("tcp", os.Args[1])
	for all := make([]byte, size); err == nil && len(all) > 0; {
		n := min(len(all), 4000)
		_, err = conn.Write(all[:n])
		all = all[n:]
	}
	if err == nil {
		err = conn.(*net.TCPConn).CloseWrite()
	}
	if err == nil {
		_, err = io.Copy(io.Discard, conn)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	conn.Close()
	os.Exit(0)
}

// tcpCounts are the kernel's own, of a host's network.
func tcpCounts(t *testing.T, h *netlab.Host) map[string]int {
	t.Helper()
	all := map[string]int{}
	err := h.Do(func() error {
		for _, file := range []string{"snmp", "netstat"} {
			b, err := os.ReadFile("/proc/thread-self/net/" + file)
			if err != nil {
				return err
			}
			var names []string
			for line := range strings.Lines(string(b)) {
				fields := strings.Fields(line)
				for i := range fields[1:] {
					if n, err := strconv.Atoi(fields[i+1]); err == nil && len(names) == len(fields) {
						all[names[i+1]] += n
					}
				}
				if _, err := strconv.Atoi(fields[1]); err != nil {
					names = fields
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

// verdicts counts what is said of packets, by kind, and by kind and cause.
func verdicts(t *testing.T, timeline []byte) map[string]int {
	t.Helper()
	all := map[string]int{}
	for line := range bytes.Lines(timeline) {
		var r struct {
			Type     string
			Payload  int `json:"payload_length"`
			Again    bool
			Says     struct{ Cause, State string } `json:"kernel_says"`
			Verdicts []struct {
				Kind, Cause string
				Evidence    []int
			}
		}
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatal(err)
		}
		if r.Says.Cause != "" {
			all["kernel"]++
			all["kernel "+r.Says.Cause]++
		}
		for _, v := range r.Verdicts {
			if r.Says.Cause != "" && v.Kind == "retransmission" {
				all["kernel of "+v.Cause+" "+r.Says.Cause]++
			}
			all[v.Kind]++
			if v.Cause != "" {
				all[v.Kind+" "+v.Cause]++
			}
		}
		if r.Type == "packet" {
			all["packets"]++
		}
	}
	return all
}

// pair is two hosts with a link between them on which packets are what they are on a wire.
func (j *judge) pair(t *testing.T, i netlab.Impair) (a, b *netlab.Host, link *netlab.Link) {
	t.Helper()
	a, b = j.host(t, "a", false), j.host(t, "b", false)
	link, err := j.lab.Link(a, b, netlab.LinkConfig{Impair: &i})
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range []*netlab.Host{a, b} {
		for _, feature := range []string{"tso", "gso", "gro"} {
			if err := h.SetOffload(h.Ifname(), feature, false); err != nil {
				t.Fatal(err)
			}
		}
	}
	return a, b, link
}

// drain accepts a connection on a host, waits, takes all that comes, and ends.
func drain(t *testing.T, h *netlab.Host, buffer int, wait func()) (addr string, done chan error) {
	t.Helper()
	var l net.Listener
	if err := h.Do(func() (err error) {
		if l, err = net.Listen("tcp", netip.AddrPortFrom(h.Addr4(), 0).String()); err != nil || buffer == 0 {
			return err
		}
		raw, err := l.(*net.TCPListener).SyscallConn()
		if err == nil {
			err = raw.Control(func(fd uintptr) { unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, buffer) })
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	done = make(chan error, 1)
	go func() {
		defer l.Close()
		conn, err := l.Accept()
		if err == nil {
			wait()
			_, err = io.Copy(io.Discard, conn)
			conn.Close()
		}
		done <- err
	}()
	return l.Addr().String(), done
}

// TestVerdictsAreTheKernels: what the timeline says of segments is what the kernel that sent them has counted, and what
// the link did.
func TestVerdictsAreTheKernels(t *testing.T) {
	eachEngine(t, func(j *judge, t *testing.T) {
		exe, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(exe, filepath.Join(j.bin, "pour")); err != nil && !os.IsExist(err) {
			t.Fatal(err)
		}
		t.Run("loss", func(t *testing.T) {
			a, b, link := j.pair(t, netlab.Impair{AtoB: impair.Config{Seed: 5, Loss: 0.04, Delay: 2 * time.Millisecond}, BtoA: impair.Config{Delay: 2 * time.Millisecond}})
			before := tcpCounts(t, a)
			addr, done := drain(t, b, 0, func() {})
			file := filepath.Join(t.TempDir(), "timeline.json")
			if o := j.do(t, a, t.TempDir(), "sockwire", "--engine", j.engine, "--json", "-o", file, "--", "pour", addr, "200000"); o.Code != 0 {
				t.Fatalf("%+v", o)
			}
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			after := tcpCounts(t, a)
			timeline, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			said := verdicts(t, timeline)
			records, err := link.Records(a)
			if err != nil {
				t.Fatal(err)
			}
			lost := 0
			for _, r := range records {
				if r.Drop != impair.None && r.Size > 52 {
					lost++
				}
			}
			again := after["RetransSegs"] - before["RetransSegs"]
			t.Logf("the kernel sent %d again (%d tail loss probes, %d timeouts), the link lost %d; said: %v", again,
				after["TCPLossProbes"]-before["TCPLossProbes"], after["TCPTimeouts"]-before["TCPTimeouts"], lost, said)
			if said["retransmission"] != again || again == 0 {
				t.Errorf("%d retransmissions are told, the kernel made %d", said["retransmission"], again)
			}
			if says := map[string]int{"ebpf": again}[j.engine]; said["kernel"] != says || said["kernel unknown"] > 0 {
				t.Errorf("of %d retransmissions the kernel says why, not of %d", said["kernel"], says)
			}
			if n := said["kernel tail-loss-probe"]; j.engine == "ebpf" && n > after["TCPLossProbes"]-before["TCPLossProbes"] {
				t.Errorf("%d tail loss probes", n)
			}
			if said["lost-behind"] != lost {
				t.Errorf("%d segments are told to be lost behind here, the link lost %d", said["lost-behind"], lost)
			}
		})
		t.Run("zero window", func(t *testing.T) {
			a, b, _ := j.pair(t, netlab.Impair{})
			before := tcpCounts(t, a)
			addr, done := drain(t, b, 4096, func() {
				await(t, "a second probe of the window", func() bool { return tcpCounts(t, a)["TCPWinProbe"]-before["TCPWinProbe"] >= 2 })
			})
			file, text := filepath.Join(t.TempDir(), "timeline.json"), ""
			if o := j.do(t, a, t.TempDir(), "sockwire", "--engine", j.engine, "--json", "-o", file, "--", "pour", addr, "60000"); o.Code != 0 {
				t.Fatalf("%+v", o)
			}
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			after := tcpCounts(t, a)
			timeline, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			said := verdicts(t, timeline)
			probes := after["TCPWinProbe"] - before["TCPWinProbe"]
			closed := after["TCPFromZeroWindowAdv"]
			t.Logf("the kernel sent %d window probes, the other closed its window %d times (%d); said: %v", probes, tcpCounts(t, b)["TCPToZeroWindowAdv"], closed, said)
			if said["window-probe"] != probes {
				t.Errorf("%d window probes are told, the kernel sent %d", said["window-probe"], probes)
			}
			if said["zero-window"] < tcpCounts(t, b)["TCPToZeroWindowAdv"] || said["zero-window"] == 0 {
				t.Errorf("%d closed windows are told, the other kernel closed it %d times", said["zero-window"], tcpCounts(t, b)["TCPToZeroWindowAdv"])
			}
			addr, done = drain(t, b, 4096, func() {
				await(t, "a probe of the window", func() bool { return tcpCounts(t, a)["TCPWinProbe"]-after["TCPWinProbe"] >= 1 })
			})
			o := j.do(t, a, t.TempDir(), "sockwire", "--engine", j.engine, "-o", file, "--", "pour", addr, "60000")
			if err := <-done; err != nil || o.Code != 0 {
				t.Fatalf("%+v, %v", o, err)
			}
			b2, err := os.ReadFile(file)
			if text = string(b2); err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{"  zero window\n", "window probe"} {
				if !strings.Contains(text, want) {
					t.Errorf("no %q in\n%.5000s", want, text)
				}
			}
		})
	})
}
