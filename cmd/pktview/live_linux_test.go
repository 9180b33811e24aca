package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sockwire/capture"
	"sockwire/raw/netlab"
)

// session is pktview at work on a host.
type session struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdout bytes.Buffer
	stderr *watched
}

// watched gathers what a command writes and tells when it has written something.
type watched struct {
	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{}
}

func (w *watched) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case w.more <- struct{}{}:
	default:
	}
	return w.text.Write(b)
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// capturing starts pktview on h and waits until it captures.
func capturing(t *testing.T, h *netlab.Host, args ...string) *session {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	s := &session{t: t, cmd: h.Command(ctx, "pktview", args...), stderr: &watched{more: make(chan struct{}, 1)}}
	// It would be killed when the thread that started it ends, which another test may bring about. The context ends it.
	s.cmd.SysProcAttr = nil
	s.cmd.Stdout, s.cmd.Stderr = &s.stdout, s.stderr
	must(t, s.cmd.Start())
	for !strings.Contains(s.stderr.String(), "capturing on") {
		select {
		case <-s.stderr.more:
		case <-ctx.Done():
			t.Fatalf("pktview does not capture: %s", s.stderr)
		}
	}
	return s
}

// end signals pktview, unless sig is 0, and returns its exit status.
func (s *session) end(sig syscall.Signal) int {
	s.t.Helper()
	if sig != 0 {
		must(s.t, s.cmd.Process.Signal(sig))
	}
	err := s.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		s.t.Fatal(err)
	}
	return s.cmd.ProcessState.ExitCode()
}

// sender sends numbered datagrams from a to b.
func sender(t *testing.T, a, b *netlab.Host) func(n int) {
	t.Helper()
	var server, client *net.UDPConn
	must(t, b.Do(func() (err error) {
		server, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(b.Addr4(), 9999)))
		return err
	}))
	t.Cleanup(func() { server.Close() })
	must(t, a.Do(func() (err error) {
		client, err = net.DialUDP("udp", nil, server.LocalAddr().(*net.UDPAddr))
		return err
	}))
	t.Cleanup(func() { client.Close() })
	number := 0
	return func(n int) {
		for range n {
			_, err := fmt.Fprintf(client, "datagram %06d", number)
			must(t, err)
			number++
		}
	}
}

func TestLivePrint(t *testing.T) {
	_, a, b := netlab.Two(t)
	send := sender(t, a, b)
	s := capturing(t, b, "-i", "eth0", "-c", "5", "-e", "udp", "port", "9999")
	send(7)
	if code := s.end(0); code != 0 {
		t.Fatalf("exit %d: %s", code, s.stderr)
	}
	lines := strings.Split(strings.TrimSpace(s.stdout.String()), "\n")
	if len(lines) != 5 {
		t.Fatalf("%d lines: %s", len(lines), &s.stdout)
	}
	for _, l := range lines {
		if !strings.Contains(l, fmt.Sprintf("%v:", a.Addr4())) || !strings.Contains(l, fmt.Sprintf("%v:9999: UDP, length 15", b.Addr4())) {
			t.Errorf("line %q", l)
		}
	}
	if !strings.Contains(s.stderr.String(), "5 packets captured, 0 dropped by the kernel") {
		t.Errorf("summary %q", s.stderr)
	}
}

func TestLiveJSONAndStats(t *testing.T) {
	_, a, b := netlab.Two(t)
	send := sender(t, a, b)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	// --json says nothing on standard error, so the end is told by -c.
	cmd := b.Command(ctx, "pktview", "--json", "-i", "any", "-c", "3", "udp port 9999")
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	decoder := json.NewDecoder(out)
	var types []string
	stop := make(chan struct{})
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for {
			select {
			case <-stop:
				return
			case <-time.After(10 * time.Millisecond):
				send(1)
			}
		}
	}()
	for {
		var r struct {
			Type, Link string
			Packets    int
		}
		err := decoder.Decode(&r)
		if err == io.EOF {
			break
		}
		must(t, err)
		types = append(types, r.Type)
		if r.Type == "packet" && r.Link != "LINUX_SLL2" || r.Type == "summary" && r.Packets != 3 {
			t.Errorf("record %+v", r)
		}
	}
	close(stop)
	<-sent
	must(t, cmd.Wait())
	if got := strings.Join(types, " "); got != "packet packet packet summary" {
		t.Errorf("records %s", got)
	}

	s := capturing(t, b, "--stats", "-i", "eth0", "udp port 9999")
	send(20)
	if code := s.end(syscall.SIGINT); code != 0 || !strings.Contains(s.stdout.String(), "20 packets, ") {
		t.Errorf("exit %d\n%s\n%s", code, &s.stdout, s.stderr)
	}
}

// readFile returns the payloads of the datagrams in a capture, what else is in it, and the error that ended it.
func readFile(t *testing.T, name string) (payloads []string, statistics int, err error) {
	t.Helper()
	r, err := capture.OpenFile(name)
	if err != nil {
		return nil, 0, err
	}
	defer r.Close()
	var b capture.Block
	for {
		if err := r.NextBlock(&b); err != nil {
			if err == io.EOF {
				err = nil
			}
			return payloads, statistics, err
		}
		if _, ok := b.Statistics(); ok {
			statistics++
		}
		if i := bytes.Index(b.Frame.Data, []byte("datagram ")); b.IsPacket() && i >= 0 {
			payloads = append(payloads, string(b.Frame.Data[i:]))
		}
	}
}

func wantNumbered(t *testing.T, payloads []string, n int) {
	t.Helper()
	if len(payloads) != n {
		t.Fatalf("%d datagrams, want %d", len(payloads), n)
	}
	for i, p := range payloads {
		if p != fmt.Sprintf("datagram %06d", i) {
			t.Fatalf("datagram %d is %q", i, p)
		}
	}
}

func TestLiveWrite(t *testing.T) {
	for _, name := range []string{"out.pcapng", "out.pcap", "out.pcapng.zst", "out.pcap.gz"} {
		t.Run(name, func(t *testing.T) {
			_, a, b := netlab.Two(t)
			send := sender(t, a, b)
			file := filepath.Join(t.TempDir(), name)
			s := capturing(t, b, "-i", "eth0", "-w", file, "udp port 9999")
			send(500)
			if code := s.end(syscall.SIGTERM); code != 0 {
				t.Fatalf("exit %d: %s", code, s.stderr)
			}
			payloads, statistics, err := readFile(t, file)
			must(t, err)
			wantNumbered(t, payloads, 500)
			if (statistics == 1) != strings.Contains(name, "pcapng") {
				t.Errorf("%d statistics blocks", statistics)
			}
		})
	}
}

func TestLiveRotation(t *testing.T) {
	_, a, b := netlab.Two(t)
	send := sender(t, a, b)
	dir := t.TempDir()
	s := capturing(t, b, "-i", "eth0", "-w", filepath.Join(dir, "out.pcapng.zst"), "--rotate-count", "100", "-W", "3", "udp port 9999")
	send(450)
	if code := s.end(syscall.SIGINT); code != 0 {
		t.Fatalf("exit %d: %s", code, s.stderr)
	}
	files, err := filepath.Glob(filepath.Join(dir, "out-*.pcapng.zst"))
	must(t, err)
	var all []string
	for _, f := range files {
		payloads, statistics, err := readFile(t, f)
		must(t, err)
		if statistics != 1 {
			t.Errorf("%d statistics blocks in %s", statistics, f)
		}
		all = append(all, payloads...)
	}
	if len(files) != 3 || len(all) != 250 || all[0] != "datagram 000200" {
		t.Errorf("%d files with %d datagrams from %q", len(files), len(all), all[:1])
	}
}

// A kill leaves a file that reads up to the last flush, which is never more than a second old.
func TestLiveKill(t *testing.T) {
	_, a, b := netlab.Two(t)
	send := sender(t, a, b)
	file := filepath.Join(t.TempDir(), "out.pcapng.zst")
	s := capturing(t, b, "-i", "eth0", "-w", file, "udp port 9999")
	send(200)
	begin := time.Now()
	for {
		// What is flushed can be read while the file is being written.
		if payloads, _, _ := readFile(t, file); len(payloads) == 200 {
			break
		}
		if time.Since(begin) > 20*time.Second {
			t.Fatal("nothing is flushed")
		}
		time.Sleep(20 * time.Millisecond)
	}
	s.end(syscall.SIGKILL)
	payloads, _, err := readFile(t, file)
	wantNumbered(t, payloads, 200)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("the end of what is left: %v", err)
	}
}

// No capability is left once it captures.
func TestLiveDropsPrivilege(t *testing.T) {
	_, _, b := netlab.Two(t)
	s := capturing(t, b, "-i", "lo", "-w", filepath.Join(t.TempDir(), "out.pcapng"))
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	must(t, err)
	for _, set := range []string{"CapInh", "CapPrm", "CapEff"} {
		if !bytes.Contains(status, []byte(set+":\t0000000000000000\n")) {
			t.Errorf("%s is left:\n%s", set, status)
		}
	}
	if code := s.end(syscall.SIGINT); code != 0 {
		t.Errorf("exit %d: %s", code, s.stderr)
	}
}

func TestLiveSeveralInterfaces(t *testing.T) {
	_, a, b := netlab.Two(t)
	send := sender(t, a, b)
	dir := t.TempDir()
	file := filepath.Join(dir, "out.pcapng")
	s := capturing(t, b, "-i", "lo", "-i", "eth0", "-w", file, "--print", "udp")
	send(5)
	must(t, b.Do(func() error {
		c, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		defer c.Close()
		_, err = c.WriteTo([]byte("local"), c.LocalAddr())
		return err
	}))
	if code := s.end(syscall.SIGINT); code != 0 {
		t.Fatalf("exit %d: %s", code, s.stderr)
	}
	if n := strings.Count(s.stdout.String(), " eth0 "); n != 5 {
		t.Errorf("%d lines of eth0:\n%s", n, &s.stdout)
	}
	if n := strings.Count(s.stdout.String(), " lo "); n != 1 {
		t.Errorf("%d lines of lo:\n%s", n, &s.stdout)
	}
	r, err := capture.OpenFile(file)
	must(t, err)
	defer r.Close()
	seen := make(map[string]int)
	var f capture.Frame
	for r.Next(&f) == nil {
		seen[r.Interfaces()[f.Interface].Name]++
	}
	if seen["eth0"] != 5 || seen["lo"] != 1 {
		t.Errorf("in the file: %v", seen)
	}
}

// A full disk ends the capture with an error, and what is on it can be read.
func TestLiveFullDisk(t *testing.T) {
	_, a, b := netlab.Two(t)
	send := sender(t, a, b)
	dir := t.TempDir()
	must(t, unix.Mount("none", dir, "tmpfs", 0, "size=32k"))
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	file := filepath.Join(dir, "out.pcapng")
	s := capturing(t, b, "-i", "eth0", "-w", file, "udp port 9999")
	send(1000)
	if code := s.end(0); code != 2 || !strings.Contains(s.stderr.String(), "no space left on device") {
		t.Fatalf("exit %d: %s", code, s.stderr)
	}
	payloads, _, err := readFile(t, file)
	if err != nil || len(payloads) == 0 {
		t.Errorf("%d datagrams, then %v", len(payloads), err)
	}
}

func TestLiveErrors(t *testing.T) {
	_, _, b := netlab.Two(t)
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"-i", "eth9"}, "hint: there are: lo eth0 any"},
		{[]string{"-i", "eth0", "-w", "/proc/none/x.pcap"}, "no such file"},
		{[]string{"-i", "eth0", "--device-time"}, "no time stamps of its own"},
		{[]string{"-i", "eth0", "tcp", "prt"}, "did you mean"},
	} {
		out, err := b.Command(context.Background(), "pktview", c.args...).CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 2 || !bytes.Contains(out, []byte(c.says)) {
			t.Errorf("%v: %v: %s", c.args, err, out)
		}
	}
}

// tcpdump beside it sees the same packets at the same times.
func TestLiveBesideTcpdump(t *testing.T) {
	without := func(why string) {
		if os.Getenv("REQUIRE_PEERS") == "1" {
			t.Fatal(why)
		}
		t.Skip("nothing to compare with: " + why)
	}
	if _, err := exec.LookPath("tcpdump"); err != nil {
		without(err.Error())
	}
	_, a, b := netlab.Two(t)
	send := sender(t, a, b)
	dir := t.TempDir()
	ours, theirs := filepath.Join(dir, "ours.pcap"), filepath.Join(dir, "theirs.pcap")
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	peer := b.Command(ctx, "tcpdump", "-Z", "root", "-i", "eth0", "--time-stamp-precision=nano", "-U", "-w", theirs, "udp port 9999")
	said := &watched{more: make(chan struct{}, 1)}
	peer.Stderr = said
	must(t, peer.Start())
	for !strings.Contains(said.String(), "listening on") {
		if strings.Contains(said.String(), "Couldn't change to") {
			without("tcpdump does not run in a user namespace: " + said.String())
		}
		select {
		case <-said.more:
		case <-ctx.Done():
			t.Fatalf("tcpdump does not capture: %s", said)
		}
	}
	s := capturing(t, b, "-i", "eth0", "-w", ours, "udp port 9999")
	send(100)
	if code := s.end(syscall.SIGINT); code != 0 {
		t.Fatalf("exit %d: %s", code, s.stderr)
	}
	for { // tcpdump hands over what waits in its ring within a second
		if payloads, _, _ := readFile(t, theirs); len(payloads) == 100 {
			break
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			t.Fatal("tcpdump has not got all packets")
		}
	}
	must(t, peer.Process.Signal(syscall.SIGINT))
	must(t, peer.Wait())
	x, err := capture.OpenFile(ours)
	must(t, err)
	defer x.Close()
	y, err := capture.OpenFile(theirs)
	must(t, err)
	defer y.Close()
	var f, g capture.Frame
	for i := range 100 {
		must(t, x.Next(&f))
		must(t, y.Next(&g))
		if !bytes.Equal(f.Data, g.Data) || f.Length != g.Length || f.Time.Sub(g.Time).Abs() > time.Second {
			t.Fatalf("packet %d: %v % x, and tcpdump has %v % x", i, f.Time, f.Data, g.Time, g.Data)
		}
	}
}
