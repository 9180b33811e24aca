package whole

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sockwire/capture"
	"sockwire/raw/netlab"
)

// long is a run of a command that would go on for long, and what it says at its end.
type long struct {
	name    string
	ready   string   // on one of the outputs, once it is at work
	summary []string // on one of the outputs; all of them
	input   string
	args    []string
}

// longRuns are one or more for each command. A server answers on host b as long as the test runs.
func longRuns(t *testing.T, b *netlab.Host) []long {
	t.Helper()
	to := b.Addr4().String()
	echo := start(t, b, "dgrecv", "-v", "--echo", ":6000")
	echo.await("listening")
	serve := start(t, b, "dgperf", "serve", ":7000")
	serve.await("serving")
	return []long{
		{name: "rawping", ready: "bytes from", summary: []string{" packets transmitted, "}, args: []string{"-i", "0.02", to}},
		{name: "rawping", ready: " ms", summary: []string{" hosts alive", " sent, "}, args: []string{"--loop", "--live", "-i", "20ms", to, "127.0.0.1"}},
		{name: "rawping", ready: "alive", summary: []string{"1 host alive"}, input: to + "\n", args: []string{"--file", "-"}},
		{name: "rawping", ready: `"echo"`, summary: []string{`{"type":"summary"`}, args: []string{"--json", "-i", "0.02", to}},
		{name: "rawtrace", ready: "reached in 1 hop", summary: []string{" hop address ", "reached in 1 hop"}, args: []string{"-I", "--watch", "--interval", "100ms", to}},
		{name: "rawtrace", ready: `"probe"`, summary: []string{`{"type":"summary"`}, args: []string{"-I", "--watch", "--interval", "100ms", "--json", to}},
		{name: "rawtrace", ready: " 1  ", summary: []string{": reached in 1 hop", ": not reached: interrupted before anybody answered"}, args: []string{"-I", "--wait=1m", "-q", "1", to, silent(to)}},
		{name: "rawsend", ready: "#1 ", summary: []string{" sent, ", " repl"}, args: []string{"-c", "100000", "--rate", "50", "ip{dst=" + to + "} / icmp"}},
		{name: "rawsend", ready: "engine", summary: []string{" sent, "}, args: []string{"--flood", "-I", "eth0", "ip{dst=" + to + "} / udp{dport=9}"}},
		{name: "dgsend", ready: "answer from", summary: []string{"1 datagram (4 bytes) sent, 1 answer"}, input: "text\n", args: []string{"-v", "--line", "--reply", "1", to + ":6000"}},
		{name: "dgrecv", ready: "listening", summary: []string{"0 datagrams"}, args: []string{"-v", ":5000"}},
		{name: "dgrelay", ready: "relaying", summary: []string{"0 clients; forward 0"}, args: []string{":5000", to + ":6000"}},
		{name: "dgperf", ready: "1.0s", summary: []string{"sent ", "lost  "}, args: []string{"-T", "10m", to + ":7000"}},
		{name: "dgperf", ready: "serving", summary: []string{"0 flows now, 0 in all"}, args: []string{"serve", ":7000"}},
		{name: "pktview", ready: "capturing on", summary: []string{" captured, "}, args: []string{"-i", "eth0"}},
		{name: "sockwire", ready: "bind(", summary: []string{"close(", "0 datagrams"}, args: []string{"--engine", "ptrace", "--", program(t, "dgrecv"), "-v", ":5001"}},
		{name: "sockwire", ready: "listening", summary: []string{"CALL ", "SOCKET "}, args: []string{"--engine", "ptrace", "--summary", "--", program(t, "dgrecv"), "-v", ":5001"}},
	}
}

// silent is an address in the network of another, which nobody has.
func silent(of string) string {
	a := netip.MustParseAddr(of).As4()
	a[3] = 99
	return netip.AddrFrom4(a).String()
}

// TestEveryCommandEndsInOrder: whatever asks a command to end, it says at its end what it did. Two signals within
// microseconds are what timeout(1) sends.
func TestEveryCommandEndsInOrder(t *testing.T) {
	t.Parallel()
	_, a, b := netlab.Two(t)
	for _, l := range longRuns(t, b) {
		for how, signals := range map[string][]syscall.Signal{
			"interrupt": {syscall.SIGINT},
			"hangup":    {syscall.SIGHUP},
			"timeout":   {syscall.SIGTERM, syscall.SIGTERM},
		} {
			t.Run(l.name+" "+how, func(t *testing.T) {
				r := start(t, a, l.name, l.args...)
				if l.input != "" {
					fmt.Fprint(r.stdin, l.input)
				}
				r.await(l.ready)
				r.signal(signals...)
				code := r.wait()
				if code < 0 || code >= 128 && l.name != "sockwire" { // whose status is the program's
					t.Errorf("%v: %v", r.cmd.Args, r)
				}
				for _, s := range l.summary {
					if !strings.Contains(r.stdout.String()+r.stderr.String(), s) {
						t.Errorf("%v: no %q in %v", r.cmd.Args, s, r)
					}
				}
			})
		}
	}
}

// TestFilesAreWholeAtTheEnd: a capture that is ended holds every packet that it counts.
func TestFilesAreWholeAtTheEnd(t *testing.T) {
	t.Parallel()
	_, a, b := netlab.Two(t)
	traffic := start(t, a, "rawping", "-q", "-i", "2ms", b.Addr4().String())
	traffic.await("PING")
	for how, signals := range map[string][]syscall.Signal{
		"interrupt": {syscall.SIGINT},
		"hangup":    {syscall.SIGHUP},
		"timeout":   {syscall.SIGTERM, syscall.SIGTERM},
	} {
		for _, name := range []string{"x.pcapng", "x.pcap", "x.pcapng.zst", "x.pcap.gz"} {
			file := filepath.Join(t.TempDir(), name)
			r := start(t, a, "pktview", "-i", "eth0", "-w", file, "--print", "icmp")
			r.await("ICMP")
			r.signal(signals...)
			r.wait()
			var told uint64
			_, line, _ := strings.Cut(r.stderr.String(), "\n")
			if _, err := fmt.Sscanf(line, "pktview: %d packet", &told); err != nil || told == 0 {
				t.Errorf("%s after %s: no summary: %v", name, how, r)
				continue
			}
			if n := packetsIn(t, file); n != told {
				t.Errorf("%s after %s: %d packets captured, %d in the file", name, how, told, n)
			}
		}
	}
}

// packetsIn counts the packets of a capture file, which must be whole.
func packetsIn(t *testing.T, file string) (n uint64) {
	t.Helper()
	r, err := capture.OpenFile(file)
	if err != nil {
		t.Error(err)
		return 0
	}
	defer r.Close()
	for _, err := range r.Frames(t.Context()) {
		if err != nil {
			t.Errorf("%s: %v", file, err)
			break
		}
		n++
	}
	return n
}

// TestClosedPipe: a reader of standard output that goes ends a command in order: its summary comes on standard error
// where it stands there, and its file is whole.
func TestClosedPipe(t *testing.T) {
	t.Parallel()
	_, a, b := netlab.Two(t)
	to := b.Addr4().String()
	traffic := start(t, a, "rawping", "-q", "-i", "2ms", to)
	traffic.await("PING")
	file := filepath.Join(t.TempDir(), "x.pcapng")
	for _, c := range []struct {
		name, summary string
		args          []string
	}{
		{"pktview", " captured, ", []string{"-i", "eth0", "-w", file, "--print"}},
		{"pktview", " captured, ", []string{"-i", "eth0", "-w", "-"}},
		{"rawping", "standard output was closed", []string{"-i", "0.02", to}},
		{"rawtrace", "standard output was closed", []string{"--watch", "--interval", "100ms", to}},
		{"rawsend", "standard output was closed", []string{"-c", "100000", "--rate", "50", "ip{dst=" + to + "} / icmp"}},
	} {
		read, write, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		ctx := t.Context()
		cmd := a.Command(ctx, program(t, c.name), c.args...)
		var stderr capturedPipe
		cmd.Stdout, cmd.Stderr = write, &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		write.Close()
		if _, err := read.Read(make([]byte, 1)); err != nil {
			t.Errorf("%s %v: %v, %s", c.name, c.args, err, &stderr)
		}
		read.Close()
		cmd.Wait()
		if cmd.ProcessState.ExitCode() != 2 || !strings.Contains(stderr.String(), c.summary) {
			t.Errorf("%s %v: %v, no %q in %q", c.name, c.args, cmd.ProcessState, c.summary, stderr.String())
		}
	}
	packetsIn(t, file)
}

// TestPipesThatStaySilent: one signal ends waiting for an input, and what came is told.
func TestPipesThatStaySilent(t *testing.T) {
	t.Parallel()
	netlab.Need(t)
	lab, err := netlab.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer lab.Close()
	a, err := lab.Host("a")
	if err != nil {
		t.Fatal(err)
	}
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	recording, err := os.ReadFile(recorded(t, a))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		input, ready, want string
		command            []string
	}{
		{"", "", "", []string{"pktview", "-r", fifo}},
		{"", "", "interrupted", []string{"rawsend", "-r", fifo}},
		{"", "", "interrupted", []string{"rawsend", "--describe", "-r", "-"}},
		{"", "", "0 echoes sent", []string{"rawping", "--file", fifo}},
		{"", "", "interrupted", []string{"rawtrace", "--file", fifo}},
		{"", "", "interrupted", []string{"rawtrace", "--asn", fifo, "127.0.0.1"}},
		{"", "", "interrupted", []string{"dgsend", "--file", fifo, "127.0.0.1:9"}},
		{"", "", "interrupted", []string{"dgsend", "--pcap", fifo, "127.0.0.1:9"}},
		{"", "", "interrupted", []string{"pktview", "-F", fifo, "-r", "/dev/null"}},
		{"", "", "interrupted", []string{"pktview", "-w", fifo, "-i", "lo"}},
		{"", "", "interrupted", []string{"rawsend", "-w", fifo, "ip{dst=192.0.2.1, src=192.0.2.2} / udp"}},
		{"", "", "interrupted", []string{"dgrecv", "-w", fifo, ":5000"}},
		{"", "", "interrupted", []string{"sockwire", "-w", fifo, "unix"}},
		{"", "", "interrupted", []string{"sockwire", "-o", fifo, "--", "true"}},
		{"half a line", "", "interrupted", []string{"dgsend", "--line", "127.0.0.1:9"}},
		{"127.0.0.1\n127.0.", "alive", " alive", []string{"rawping", "--file", "-"}},
		{string(recording), "", "UDP", []string{"pktview", "-r", "-"}},
		{string(recording), "", "udp{", []string{"rawsend", "--describe", "-r", "-"}},
		{string(recording), "", "none was sent", []string{"rawsend", "-r", "-"}},
	} {
		t.Run(strings.Join(c.command[:2], " "), func(t *testing.T) {
			r := start(t, a, c.command[0], c.command[1:]...)
			fmt.Fprint(r.stdin, c.input)
			r.await(c.ready)
			drained(t, r)
			r.signal(syscall.SIGINT)
			r.wait()
			if !strings.Contains(r.stdout.String()+r.stderr.String(), c.want) {
				t.Errorf("%v: no %q: %v", r.cmd.Args, c.want, r)
			}
			for _, wrong := range []string{"127.0.:", "panic", "no such host"} {
				if strings.Contains(r.stderr.String(), wrong) {
					t.Errorf("%v: %v", r.cmd.Args, r)
				}
			}
		})
	}
}

// recorded returns a capture file with a few packets.
func recorded(t *testing.T, h *netlab.Host) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "few.pcap")
	r := run(t, h, "rawsend", "-w", file, "ip{src=192.0.2.1, dst=192.0.2.2} / udp{sport=1..3, dport=9} / text{x}")
	if r.wait() != 0 {
		t.Fatal(r)
	}
	return file
}

// drained waits until a process has taken all that its standard input had and has nothing to do.
func drained(t *testing.T, r *running) {
	t.Helper()
	file := r.stdin.(interface{ Fd() uintptr })
	for begin := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		left, err := unix.IoctlGetInt(int(file.Fd()), unix.TIOCINQ)
		if err != nil {
			t.Fatal(err)
		}
		if left == 0 && sleeps(r.cmd.Process.Pid) {
			return
		}
		if time.Since(begin) > patience {
			t.Fatalf("%v does not read: %v", r.cmd.Args, r)
		}
	}
}

// sleeps tells whether all threads of a process wait.
func sleeps(pid int) bool {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil || len(threads) < 3 { // the runtime begins with some
		return false
	}
	for _, name := range threads {
		text, err := os.ReadFile(name)
		if _, rest, ok := strings.Cut(string(text), ") "); err != nil || !ok || rest[0] != 'S' {
			return false
		}
	}
	return true
}
