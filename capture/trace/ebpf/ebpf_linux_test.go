//go:build amd64 || arm64

package ebpf

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sockwire/capture"
	"sockwire/capture/trace"
	"sockwire/capture/trace/internal/tracetest"
	"sockwire/capture/trace/ptrace"
	"sockwire/raw/cmsg"
	"sockwire/raw/netlab"
)

var background = context.Background()

// open skips where the kernel takes no programs from us; as root, and where all is required, it fails.
func open(t *testing.T, cfg *Config) *Tracer {
	t.Helper()
	tr, err := Open(cfg)
	if err == nil {
		return tr
	}
	if os.Geteuid() == 0 && os.Getenv("REQUIRE_NETLAB") == "1" {
		t.Fatalf("REQUIRE_NETLAB=1, but %v", err)
	}
	t.Skipf("%v", err)
	return nil
}

func command(name string, stdout *os.File) trace.Command {
	return trace.Command{Path: "/proc/self/exe", Args: []string{name}, Files: [3]*os.File{nil, stdout, os.Stderr}}
}

// run traces to the end.
func run(t *testing.T, e trace.Engine) ([]trace.Event, []*trace.Note) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var log tracetest.Log
	for event, err := range e.Events(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		log.Add(event)
	}
	if ctx.Err() != nil {
		t.Fatal("the program did not end")
	}
	return log.Events(), log.Notes()
}

// network makes the loopback interface of this namespace ready, once.
var network = sync.OnceValue(func() error {
	if err := netlab.LoopbackUp(1500); err != nil {
		return err
	}
	return os.WriteFile("/proc/sys/net/ipv4/tcp_fastopen", []byte("3"), 0)
})

// engineNames are the engines that must agree.
var engineNames = []string{"ebpf", "ptrace"}

// timeline traces a program with an engine and captures its packets.
func timeline(t *testing.T, engine string, c trace.Command) *trace.Timeline {
	t.Helper()
	clock := trace.NewClock()
	var e trace.Engine
	if engine == "ebpf" {
		tr := open(t, &Config{Clock: clock, Data: 65535})
		if err := tr.Start(c); err != nil {
			t.Fatal(err)
		}
		e = tr
	} else {
		tr, err := ptrace.Start(c, &ptrace.Config{Clock: clock, Data: 65535})
		if err != nil {
			t.Fatal(err)
		}
		e = tr
	}
	if err := network(); err != nil {
		t.Fatal(err)
	}
	live, err := capture.Open(t.Context(), "lo", &capture.Config{Immediate: true, Buffer: 16 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer live.Close()
	if err := cmsg.AwaitStamps(); err != nil {
		t.Fatal(err)
	}
	var packets tracetest.Log
	packets.Add(&trace.Host{Addrs: []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.IPv6Loopback()}, Captured: true})
	var reading sync.WaitGroup
	reading.Go(func() {
		<-e.Running() // times count from there
		var f capture.Frame
		for n := 1; live.Next(&f) == nil; n++ {
			if f.Drops > 0 {
				t.Errorf("the capture lost %d packets", f.Drops)
			}
			if at := clock.At(f.Time); at >= 0 {
				packets.Add(trace.FromFrame(f, n, at, "", "lo"))
			}
		}
	})
	events, notes := run(t, e)
	for _, n := range notes {
		t.Errorf("note: %s", n.Text)
	}
	all := func() *trace.Timeline { return trace.Correlate(append(slices.Clone(events), packets.Events()...)) }
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end) && !all().Complete(); time.Sleep(5 * time.Millisecond) {
	}
	live.Stop()
	reading.Wait()
	tl := all()
	if err := tl.Check(); err != nil {
		t.Errorf("%s: %v", engine, err)
	}
	return tl
}

// anyPort matches the ports of addresses in text, which are others at every run.
var anyPort = regexp.MustCompile(`:\d+\b`)

// told is a call as two engines must tell it: without times, numbers of processes and ports, with the bytes of its
// stream, of its packets and of what it received.
func told(tl *trace.Timeline, c *trace.CallRecord) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s", c.Name)
	if c.On != nil {
		fmt.Fprintf(&b, " on %s %d %s", c.On.Name, c.On.Family, c.On.Kind)
	}
	data := slices.Clone(c.Data)
	if c.On != nil && c.On.Kind == trace.KindRaw && len(data) >= 20 && data[0]>>4 == 4 {
		clear(data[4:6]) // the identification, and the checksum with it, are different each time
		clear(data[10:12])
	}
	fmt.Fprintf(&b, " = %d %s size %d flags %v returned %v data %q addr %v segment %d", c.Result, c.Errno, c.Size, c.Flags, c.Returned, data, c.Addr.IsValid(), c.Segment)
	for _, a := range c.Args {
		switch a.Name {
		case "passed fd", "fd":
			fmt.Fprintf(&b, " %s %d", a.Name, a.Int)
		case "optval":
			if a.Kind == trace.ArgInt {
				fmt.Fprintf(&b, " optval %d", a.Int)
			}
		default:
			fmt.Fprintf(&b, " %s %q", a.Name, anyPort.ReplaceAllString(a.Text, ":*"))
		}
	}
	for _, m := range c.Messages {
		fmt.Fprintf(&b, " message %q %d %v", m.Data, m.Size, m.Addr.IsValid())
	}
	if c.Offset >= 0 {
		fmt.Fprintf(&b, " at %d", c.Offset)
	}
	fmt.Fprintf(&b, " received %v end %v lost %d", c.Received, c.End, c.Lost)
	carried := map[int][]trace.Span{}
	for _, n := range c.Packets {
		p := tl.Packet(n)
		for _, span := range p.Carries {
			if span.Call == c.Number && !p.Retransmit {
				carried[span.Message] = append(carried[span.Message], span)
			}
		}
	}
	for m := range max(1, len(c.Messages)) {
		fmt.Fprintf(&b, " left %v", joined(carried[m]))
	}
	return b.String()
}

// joined are the bytes of spans, whatever packets they were in.
func joined(spans []trace.Span) [][2]int {
	slices.SortFunc(spans, func(a, b trace.Span) int { return a.From - b.From })
	var all [][2]int
	for _, s := range spans {
		if n := len(all); n > 0 && all[n-1][1] == s.From {
			all[n-1][1] = s.To
			continue
		}
		all = append(all, [2]int{s.From, s.To})
	}
	return all
}

// payload verifies that what packets hold is what their calls passed.
func payload(t *testing.T, tl *trace.Timeline) {
	t.Helper()
	for _, p := range tl.Packets {
		at := 0
		if p.Fragment.Is && p.Fragment.Offset == 0 && p.UDP == nil && p.TCP == nil {
			continue
		}
		for _, s := range p.Carries {
			c := tl.Call(s.Call)
			data := c.Data
			if s.Message < len(c.Messages) {
				data = c.Messages[s.Message].Data
			}
			n := s.To - s.From
			if s.To <= len(data) && at+n <= len(p.Payload) && string(data[s.From:s.To]) != string(p.Payload[at:at+n]) {
				t.Errorf("packet %d holds %q where #%d passed %q", p.Number, p.Payload[at:at+n], s.Call, data[s.From:s.To])
			}
			at += n
		}
	}
}

// someScenes are all scenes, or in short mode a part of them.
func someScenes() []string {
	if testing.Short() {
		return []string{"cork", "mmsg", "rights", "refused"}
	}
	var all []string
	for name := range scenes {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

// TestEnginesAgree: of programs with calls in a known order both engines tell the same, byte for byte.
func TestEnginesAgree(t *testing.T) {
	for _, name := range someScenes() {
		t.Run(name, func(t *testing.T) {
			var want []string
			for _, engine := range engineNames {
				tl := timeline(t, engine, command(name, nil))
				payload(t, tl)
				var got []string
				for _, c := range tl.Calls {
					if c.Pending {
						t.Errorf("%s: #%d %s has not returned", engine, c.Number, c.Name)
					}
					got = append(got, told(tl, c))
				}
				if len(got) < 5 {
					t.Errorf("%s: %d calls", engine, len(got))
				}
				if want == nil {
					want = got
					continue
				}
				for i := range max(len(got), len(want)) {
					var a, b string
					if i < len(want) {
						a = want[i]
					}
					if i < len(got) {
						b = got[i]
					}
					if a != b {
						t.Errorf("%s: %s\n%s: %s", engineNames[0], a, engine, b)
					}
				}
			}
		})
	}
}

// TestOffsets: every byte that the scenes write on TCP has a place that the kernel told.
func TestOffsets(t *testing.T) {
	names := []string{"cork", "nagle", "vectors", "sendfile", "splice", "peek", "halfclose", "ipv6", "fastopen", "nonblocking"}
	if testing.Short() {
		names = names[:2]
	}
	for _, name := range names {
		tr := open(t, nil)
		if err := tr.Start(command(name, nil)); err != nil {
			t.Fatal(err)
		}
		events, _ := run(t, tr)
		tl, sum := trace.Correlate(events), map[*trace.Socket]int64{}
		for _, c := range tl.Calls {
			if c.On == nil || c.On.Kind != trace.KindStream || c.On.Family == trace.FamilyUnix || c.Result <= 0 || c.Errno != "" {
				continue
			}
			if call := c.Call; call.Op == trace.OpSend {
				if !call.OffsetKnown || call.Offset != sum[c.On] {
					t.Errorf("%s: #%d %s = %d is at %d (%v), want %d", name, c.Number, c.Name, c.Result, call.Offset, call.OffsetKnown, sum[c.On])
				}
				sum[c.On] += c.Result
			}
		}
		if len(sum) == 0 {
			t.Errorf("%s: no bytes", name)
		}
	}
}

// TestStrace compares the network calls with those that strace lists, in their order.
func TestStrace(t *testing.T) {
	strace := peer(t, "strace")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, name := range someScenes() {
		tr := open(t, nil)
		program, out := filepath.Join(dir, name), filepath.Join(dir, name+".out")
		if err := os.Symlink(self, program); err != nil {
			t.Fatal(err)
		}
		if b, err := exec.Command(strace, "-f", "-qq", "-e", "trace=network", "-e", "signal=none", "-o", out, program).CombinedOutput(); err != nil {
			t.Fatalf("strace %s: %v %s", name, err, b)
		}
		b, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		network := regexp.MustCompile("^(socket|socketpair|bind|connect|listen|accept4?|getsockname|getpeername|send(to|msg|mmsg)|recv(from|msg|mmsg)|shutdown|[gs]etsockopt)$")
		var want, got []string
		for _, m := range regexp.MustCompile(`(?m)^\d+ +(\w+)\(`).FindAllStringSubmatch(string(b), -1) {
			if network.MatchString(m[1]) {
				want = append(want, m[1])
			}
		}
		if err := tr.Start(command(name, nil)); err != nil {
			t.Fatal(err)
		}
		events, _ := run(t, tr)
		for _, c := range trace.Correlate(events).Calls {
			if network.MatchString(c.Name) {
				got = append(got, c.Name)
			}
		}
		if len(want) < 3 || !slices.Equal(got, want) {
			t.Errorf("%s: got  %v\nwant %v", name, got, want)
		}
	}
}

// peer finds a program to compare with.
func peer(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("REQUIRE_PEERS") == "1" {
			t.Fatalf("REQUIRE_PEERS=1, but there is no %s", name)
		}
		t.Skipf("%s is not installed", name)
	}
	return path
}

func TestThreads(t *testing.T) {
	for _, engine := range engineNames {
		tl := timeline(t, engine, command("chat", nil))
		payload(t, tl)
		var sent, received int64
		for _, c := range tl.Calls {
			if c.On == nil || c.On.Kind != trace.KindStream || c.On.Family == trace.FamilyUnix || c.Errno != "" {
				continue
			}
			switch c.Op {
			case trace.OpSend:
				sent += c.Result
			case trace.OpReceive:
				received += c.Result
			}
		}
		if want := int64(2 * 3 * len("hello from 0")); sent != want || received != want {
			t.Errorf("%s: sent %d, received %d, want %d", engine, sent, received, want)
		}
	}
}

func status(t *testing.T, name string) trace.Status {
	tr := open(t, nil)
	if err := tr.Start(command(name, nil)); err != nil {
		t.Fatal(err)
	}
	run(t, tr)
	return tr.Status()
}

func TestStatus(t *testing.T) {
	if s := status(t, "exit7"); s.ExitCode() != 7 {
		t.Errorf("status %+v, want 7", s)
	}
	if s := status(t, "killed"); s.Signal != syscall.SIGKILL || s.ExitCode() != 137 {
		t.Errorf("status %+v, want SIGKILL", s)
	}
	if s := status(t, "others"); s != (trace.Status{}) {
		t.Errorf("status %+v", s)
	}
}

// TestStop stops and continues a traced program as job control does.
func TestStop(t *testing.T) {
	tr := open(t, nil)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := tr.Start(command("stopped", w)); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		for _, err := range tr.Events(t.Context()) {
			if err != nil {
				t.Error(err)
			}
		}
		close(ended)
	}()
	for {
		tr.Signal(syscall.SIGCONT) // one that comes before the stop is lost, as without a tracer
		select {
		case <-ended:
			w.Close()
			if b, _ := io.ReadAll(r); string(b) != "continued\n" || tr.Status().ExitCode() != 0 {
				t.Errorf("output %q, status %+v", b, tr.Status())
			}
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// TestAttach traces a running program for a while and lets it go on.
func TestAttach(t *testing.T) {
	tr := open(t, nil)
	if err := network(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = []string{"echo"}
	stdin, _ := cmd.StdinPipe()
	stdout, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { stdin.Close(); cmd.Wait() }()
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("udp", strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ask := func(text string) {
		t.Helper()
		conn.SetDeadline(time.Now().Add(20 * time.Second))
		b := make([]byte, 100)
		if _, err := conn.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if n, err := conn.Read(b); err != nil || string(b[:n]) != text {
			t.Fatalf("%q %v", b[:n], err)
		}
	}
	ask("before")
	if err := tr.Attach(cmd.Process.Pid); err != nil {
		t.Fatal(err)
	}
	ask("during")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var log tracetest.Log
	for e, err := range tr.Events(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		log.Add(e)
		if c, ok := e.(*trace.Call); ok && !c.Pending && c.Name == "sendto" {
			if string(c.Data) != "during" {
				t.Errorf("sent %q", c.Data)
			}
			cancel()
		}
	}
	ask("after")
	tl := trace.Correlate(log.Events())
	if len(tl.Sockets) == 0 || !tl.Sockets[0].Local.IsValid() || tl.Sockets[0].Kind != trace.KindDatagram {
		t.Errorf("sockets %+v", tl.Sockets)
	}
}

// TestKilledTracer kills a tracer: the program that it started ends too.
func TestKilledTracer(t *testing.T) {
	open(t, nil).Close()
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = []string{"tracer"}
	cmd.Stderr = os.Stderr
	stdout, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(stdout)
	line, err := r.ReadString('\n')
	cmd.Process.Kill()
	// The program holds the other end of the pipe until it ends.
	if _, readErr := io.ReadAll(r); readErr != nil {
		t.Error(readErr)
	}
	cmd.Wait()
	if _, atoi := strconv.Atoi(strings.TrimSpace(line)); err != nil || atoi != nil {
		t.Errorf("the program did not start: %q %v", line, err)
	}
}

// TestLost makes a ring that is too small: what is lost is counted, and said, and all is accounted for.
func TestLost(t *testing.T) {
	const calls = 2*(floodSends+8) - 4
	for _, ring := range []int{os.Getpagesize(), 0} {
		tr := open(t, &Config{Ring: ring})
		if err := tr.Start(command("flood", nil)); err != nil {
			t.Fatal(err)
		}
		events, notes := run(t, tr)
		lost, all := tr.Lost()
		writes := 0
		for _, e := range events {
			if c, ok := e.(*trace.Call); ok && c.Name == "write" && !c.Pending {
				writes++
			}
		}
		if ring == 0 {
			if lost != 0 || writes != floodSends || len(notes) > 0 {
				t.Errorf("a large ring lost %d of %d, has %d writes, notes %v", lost, all, writes, notes)
			}
			continue
		}
		if lost == 0 || writes == floodSends || len(notes) == 0 || !strings.Contains(notes[0].Text, "did not fit") {
			t.Errorf("a small ring lost %d of %d, has %d writes, notes %v", lost, all, writes, notes)
		}
		if all < calls {
			t.Errorf("%d events are accounted for, there were at least %d", all, calls)
		}
	}
}

func TestErrors(t *testing.T) {
	tr := open(t, nil)
	defer tr.Close()
	if err := tr.Start(trace.Command{Path: "/nonexistent", Args: []string{"x"}}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no such program: %v", err)
	}
	if err := tr.Attach(1 << 30); !errors.Is(err, unix.ESRCH) {
		t.Errorf("no such process: %v", err)
	}
	foreign := filepath.Join(t.TempDir(), "foreign")
	if err := os.WriteFile(foreign, append([]byte("\x7fELF\x01\x01\x01"), make([]byte, 57)...), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := tr.Start(trace.Command{Path: foreign, Args: []string{"x"}}); !errors.Is(err, trace.ErrForeign) {
		t.Errorf("a program of 32 bits: %v", err)
	}
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("no program"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := tr.Start(trace.Command{Path: text, Args: []string{"x"}}); err != nil {
		t.Fatal(err)
	}
	failed := false
	for _, err := range tr.Events(t.Context()) {
		if err != nil {
			failed = true
			if !errors.Is(err, unix.ENOEXEC) {
				t.Errorf("no executable: %v", err)
			}
		}
	}
	if !failed {
		t.Error("no executable, and no error")
	}
}

// TestPrograms traces programs that are not ours with both engines: each timeline adds up, packets hold what calls
// passed, and both engines tell of the same bytes.
func TestPrograms(t *testing.T) {
	for _, name := range []string{"curl", "python3", "dig", "dnsmasq", "iperf3"} {
		peer(t, name)
	}
	dir, err := filepath.Abs("../../../cmd/sockwire/testdata/programs")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		args  []string
		same  bool // the same bytes each time
		short bool
	}{
		{name: "curl and http.server", args: []string{"sh", "web.sh"}, same: true, short: true},
		{name: "forking server", args: []string{"python3", "fork.py"}, same: true, short: true},
		{name: "dig and dnsmasq", args: []string{"sh", "dns.sh"}, same: true},
		{name: "ping", args: []string{"sh", "ping.sh"}},
		{name: "nc", args: []string{"sh", "nc.sh"}, same: true},
		{name: "iperf3", args: []string{"sh", "iperf.sh"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if testing.Short() && !c.short {
				t.Skip("in short mode a part is enough")
			}
			program := trace.Command{Path: peer(t, c.args[0]), Args: []string{c.args[0], filepath.Join(dir, c.args[1])}, Dir: t.TempDir()}
			var want map[string]int64
			for _, engine := range engineNames {
				tl := timeline(t, engine, program)
				payload(t, tl)
				got := map[string]int64{}
				for _, call := range tl.Calls {
					if call.On == nil || call.Errno != "" || call.On.Family == trace.FamilyUnknown {
						continue
					}
					who, _, _ := strings.Cut(call.Actor, "/")
					switch call.Op {
					case trace.OpSend:
						got[who+" sends by "+call.On.Kind.String()] += call.Result
					case trace.OpReceive:
						got[who+" receives by "+call.On.Kind.String()] += call.Result
					}
				}
				if len(got) == 0 {
					t.Errorf("%s: nothing was sent", engine)
				}
				if want == nil {
					want = got
				}
				if c.same && fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("%s %v\n%s %v", engineNames[0], want, engine, got)
				}
			}
		})
	}
}

// TestBegin checks that times count from the moment at which the program begins, not from that at which the trace was
// asked for.
func TestBegin(t *testing.T) {
	clock := trace.NewClock()
	tr := open(t, &Config{Clock: clock})
	if err := tr.Start(command("peek", nil)); err != nil {
		t.Fatal(err)
	}
	asked := time.Now()
	events, _ := run(t, tr)
	<-tr.Running()
	calls := trace.Correlate(events).Calls
	if start := clock.Start(); len(calls) == 0 || !start.After(asked) || calls[0].Entered < 0 {
		t.Errorf("the trace was asked for at %v, the clock began at %v, then came %d calls", asked, start, len(calls))
	}
}
