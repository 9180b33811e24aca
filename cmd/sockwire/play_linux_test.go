package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"sockwire/capture"
	"sockwire/capture/trace"
	"sockwire/capture/trace/show"
	"sockwire/cmd/internal/cli/clitest"
	"sockwire/raw/netlab"
	"sockwire/raw/wire"
)

// testOptions are those of a plain run.
func testOptions(t *testing.T, size, count int) options {
	t.Helper()
	o := options{mtu: 1500, count: count, size: size}
	if err := o.check(nil, size > 0, false); err != nil {
		t.Fatal(err)
	}
	return o
}

func findScene(name string) scene {
	return scenes[slices.IndexFunc(scenes, func(s scene) bool { return s.name == name })]
}

// playScene plays one scene in a lab or on loopback.
func playScene(t *testing.T, o options, lab bool, name string, v6 bool) *ranScene {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	where, err := newPlace(ctx, o, lab)
	if err != nil {
		t.Fatal(err)
	}
	defer where.close()
	a, err := where.run(ctx, findScene(name), v6)
	if err != nil {
		t.Fatalf("%v\n%s", err, show.Append(nil, a.timeline, show.Options{Actors: true}))
	}
	return a
}

// verify checks what must hold on every run.
func verify(t *testing.T, a *ranScene) {
	t.Helper()
	tl := a.timeline
	if err := tl.Check(); err != nil {
		t.Errorf("%v\n%s", err, show.Append(nil, tl, show.Options{Actors: true}))
	}
	if a.session.Lost() > 0 {
		t.Errorf("the capture missed %d packets", a.session.Lost())
	}
	for _, c := range tl.Calls {
		if c.Pending {
			t.Errorf("#%d %s has not returned", c.Number, c.Name)
		}
	}
	for _, p := range tl.Packets {
		if p.From != nil && p.Unattributed > 0 {
			t.Errorf("packet %d: %d bytes are of no known call", p.Number, p.Unattributed)
		}
		if p.Protocol == trace.ProtoTCP && p.From == nil && p.To == nil {
			t.Errorf("packet %d belongs to no socket", p.Number)
		}
		// The bytes on the wire are those that the calls passed.
		if p.Raw == nil && len(p.Carries) > 0 && len(p.Payload) == p.PayloadLength {
			var want []byte
			for _, s := range p.Carries {
				want = append(want, tl.Call(s.Call).Data[s.From:s.To]...)
			}
			if !bytes.Equal(want, p.Payload) {
				t.Errorf("packet %d does not hold the bytes of %v", p.Number, p.Carries)
			}
		}
	}
	// What a receive took is what the sends passed.
	for _, c := range tl.Calls {
		var want []byte
		for _, s := range c.Received {
			want = append(want, tl.Call(s.Call).Data[s.From:s.To]...)
		}
		if len(c.Received) > 0 && c.On.Kind != trace.KindRaw && !bytes.Equal(want, c.Data) {
			t.Errorf("#%d received %q, its spans %v say %q", c.Number, c.Data, c.Received, want)
		}
	}
	checkSends(t, a)
}

// checkSends checks that every send that succeeded on a captured socket is on the wire, whole.
func checkSends(t *testing.T, a *ranScene) {
	t.Helper()
	carried := map[int]int{}
	for _, p := range a.timeline.Packets {
		for _, s := range p.Carries {
			if !p.Retransmit {
				carried[s.Call] += s.To - s.From
			}
		}
	}
	for _, c := range a.timeline.Calls {
		sends := slices.Contains([]string{"send", "sendto", "sendmsg", "write"}, c.Name)
		if a.name == "lost" && c.Silent && string(c.Data) == "anybody?" {
			continue // nobody is there to send it to
		}
		if sends && c.Errno == "" && c.On != nil && c.On.Family != trace.FamilyUnix && carried[c.Number] != int(c.Result) {
			t.Errorf("#%d sent %d bytes, the packets carry %d", c.Number, c.Result, carried[c.Number])
		}
	}
}

func TestScenes(t *testing.T) {
	netlab.Need(t)
	for _, s := range scenes {
		for _, v6 := range []bool{false, true} {
			if v6 && !s.internet {
				continue
			}
			t.Run(fmt.Sprintf("%s/v6=%v", s.name, v6), func(t *testing.T) {
				t.Parallel()
				a := playScene(t, testOptions(t, 0, 2), true, s.name, v6)
				verify(t, a)
				if s.internet == (len(a.timeline.Packets) == 0) {
					t.Errorf("%d packets", len(a.timeline.Packets))
				}
			})
		}
	}
}

// TestSizes plays with messages that need many segments, fragments and receives.
func TestSizes(t *testing.T) {
	netlab.Need(t)
	for _, c := range []struct {
		scene       string
		size, count int
	}{
		{"stream", 200_000, 3}, {"stream", 1, 100}, {"stream", 1448, 10}, {"file", 100_000, 1},
		{"datagram", 65507, 3}, {"datagram", 1473, 2}, {"raw", 65507, 1}, {"raw", 1473, 2}, {"unix", 20_000, 5}, {"unix", maxUnix(), 2},
	} {
		for _, v6 := range []bool{false, true} {
			if v6 && c.scene == "unix" {
				continue
			}
			t.Run(fmt.Sprintf("%s/%dx%d/v6=%v", c.scene, c.count, c.size, v6), func(t *testing.T) {
				t.Parallel()
				verify(t, playScene(t, testOptions(t, c.size, c.count), true, c.scene, v6))
			})
		}
	}
}

// TestSmallMTU plays with the smallest packets that IPv4 allows.
func TestSmallMTU(t *testing.T) {
	netlab.Need(t)
	for _, name := range []string{"stream", "datagram", "raw"} {
		o := testOptions(t, 1000, 2)
		o.mtu = minMTU4
		verify(t, playScene(t, o, true, name, false))
	}
}

// TestLoopback plays every scene without a lab, on the loopback interface of these namespaces.
func TestLoopback(t *testing.T) {
	netlab.Need(t)
	for _, s := range scenes {
		for _, v6 := range []bool{false, true} {
			if v6 && (!s.internet || s.name == "limits") { // limits takes a second, and its time is no other over IPv6
				continue
			}
			t.Run(fmt.Sprintf("%s/v6=%v", s.name, v6), func(t *testing.T) {
				verify(t, playScene(t, testOptions(t, 0, 2), false, s.name, v6))
			})
		}
	}
}

// peer skips a test that needs a tool which is not installed.
func peer(t *testing.T, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		if os.Getenv("REQUIRE_PEERS") == "1" {
			t.Fatalf("REQUIRE_PEERS=1, but %v", err)
		}
		t.Skipf("%v", err)
	}
}

// TestAgainstTcpdump compares what a scene captured with what tcpdump did beside it on the same interface, and
// the sequence numbers and lengths with what tshark makes of tcpdump's file.
func TestAgainstTcpdump(t *testing.T) {
	netlab.Need(t)
	peer(t, "tcpdump")
	peer(t, "tshark")
	for _, name := range []string{"stream", "datagram", "raw", "limits", "errors", "lost", "file"} {
		for _, v6 := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/v6=%v", name, v6), func(t *testing.T) {
				t.Parallel()
				againstTcpdump(t, name, v6)
			})
		}
	}
}

func againstTcpdump(t *testing.T, name string, v6 bool) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	where, err := newPlace(ctx, testOptions(t, 0, 3), true)
	if err != nil {
		t.Fatal(err)
	}
	defer where.close()
	file := filepath.Join(t.TempDir(), "tcpdump.pcap")
	stop := startTcpdump(t, ctx, where.client, where.ifname, file)
	a, err := where.run(ctx, findScene(name), v6)
	if err != nil {
		t.Fatal(err)
	}
	// tcpdump throws away what it has not read when it is told to end: wait until it has written it.
	var want, got []capture.Frame
	for _, p := range a.timeline.Packets {
		if !p.Uncaptured {
			got = append(got, *a.session.Frame(p.Number))
		}
	}
	for len(want) < len(got) && ctx.Err() == nil {
		time.Sleep(5 * time.Millisecond)
		want = readFile(ctx, file)
	}
	stop()
	want = during(want, got)
	if len(got) != len(want) {
		t.Fatalf("%d packets, tcpdump has %d", len(got), len(want))
	}
	for i := range got {
		if !bytes.Equal(got[i].Data, want[i].Data) {
			t.Errorf("packet %d differs from tcpdump's:\n% x\n% x", i+1, got[i].Data, want[i].Data)
		}
	}
	againstTshark(t, a, file)
}

// during are those of tcpdump's packets that were seen between the first and the last of ours, in the order of time:
// it may have seen a little before and after.
func during(theirs, ours []capture.Frame) []capture.Frame {
	if len(ours) == 0 {
		return theirs
	}
	first, last := ours[0].Time.Truncate(time.Microsecond), ours[len(ours)-1].Time
	theirs = slices.DeleteFunc(theirs, func(f capture.Frame) bool { return f.Time.Before(first) || f.Time.After(last) })
	slices.SortStableFunc(theirs, func(a, b capture.Frame) int { return a.Time.Compare(b.Time) })
	return theirs
}

// readFile reads a capture file that may still be written to, as far as it goes.
func readFile(ctx context.Context, file string) (all []capture.Frame) {
	f, err := os.Open(file)
	if err != nil {
		return nil
	}
	defer f.Close()
	r, err := capture.NewReader(f)
	if err != nil {
		return nil
	}
	defer r.Close()
	for frame, err := range r.Frames(ctx) {
		if err != nil {
			break
		}
		frame.Data = bytes.Clone(frame.Data)
		all = append(all, frame)
	}
	return all
}

// startTcpdump captures on an interface of a host and returns a function that ends the capture. tcpdump will not
// run as the root of a user namespace, which has no other users to become; dumpcap will.
func startTcpdump(t *testing.T, ctx context.Context, h *netlab.Host, ifname, file string) (stop func()) {
	t.Helper()
	stop, err := startCapture(t, ctx, h, "listening on", "\n0 packets dropped by kernel",
		"tcpdump", "-i", ifname, "-w", file, "-U", "--immediate-mode", "-B", "32768", "--time-stamp-precision=nano", "-Z", "root")
	if err != nil && strings.Contains(err.Error(), "Couldn't change to") {
		stop, err = startCapture(t, ctx, h, "File: ", "/0 (pcap:0/dumpcap:0", "dumpcap", "-i", ifname, "-w", file)
	}
	if err != nil {
		t.Fatal(err)
	}
	return stop
}

// startCapture runs a capturing program until it says that it has started. What it says at its end must contain none,
// which is how it says that it lost nothing.
func startCapture(t *testing.T, ctx context.Context, h *netlab.Host, started, none string, args ...string) (stop func(), err error) {
	cmd := h.Command(ctx, args[0], args[1:]...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	var said strings.Builder
	b := make([]byte, 1)
	for !strings.Contains(said.String(), started) {
		if _, err := stderr.Read(b); err != nil {
			cmd.Wait()
			return nil, fmt.Errorf("%s: %w: %s", args[0], err, said.String())
		}
		said.Write(b)
	}
	return func() {
		if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		rest, _ := io.ReadAll(stderr)
		if err := cmd.Wait(); err != nil {
			t.Fatalf("%s: %v: %s", args[0], err, rest)
		}
		if !bytes.Contains(rest, []byte(none)) {
			t.Fatalf("%s lost packets: %s", args[0], rest)
		}
	}, nil
}

// againstTshark compares the relative sequence numbers and lengths of TCP segments.
func againstTshark(t *testing.T, a *ranScene, file string) {
	t.Helper()
	out, err := exec.Command("tshark", "-r", file, "-Y", "tcp", "-T", "fields", "-e", "tcp.srcport", "-e", "tcp.seq", "-e", "tcp.ack", "-e", "tcp.len").Output()
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for line := range strings.Lines(string(out)) {
		want = append(want, strings.TrimRight(line, "\n"))
	}
	for _, p := range a.timeline.Packets {
		if p.TCP == nil {
			continue
		}
		from := p.FromSeq
		if p.TCP.Flags == wire.RST|wire.ACK && p.TCP.Seq == 0 {
			// The answer to a SYN that nobody wanted: no sequence number was ever chosen, so none is relative.
			// packetdrill and we write the 0 that it holds, tshark counts it from 1.
			from = 1
		}
		got = append(got, fmt.Sprintf("%d\t%d\t%d\t%d", p.Src.Port(), from, p.AckSeq, p.PayloadLength))
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("source port, sequence number, acknowledgement, length (-tshark +ours):\n%s", diff)
	}
}

// TestFile checks the capture file: our reader finds a comment on every packet, and tshark takes it without a word.
func TestFile(t *testing.T) {
	netlab.Need(t)
	file := filepath.Join(t.TempDir(), "run.pcapng")
	stdout, stderr, code := clitest.Run(t, run, "", "stream", "datagram", "raw", "unix", "-w", file)
	if code != 0 || stderr != "" {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := capture.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var comments []string
	for frame, err := range r.Frames(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if len(frame.Comments) != 1 {
			t.Fatalf("a packet with comments %q", frame.Comments)
		}
		comments = append(comments, frame.Comments[0])
	}
	if !strings.Contains(stdout, fmt.Sprintf(" calls, %d packets\n", len(comments))) {
		t.Errorf("%d packets in the file, and not so many shown", len(comments))
	}
	if !slices.ContainsFunc(comments, func(s string) bool {
		return strings.HasPrefix(s, "stream: ") && strings.Contains(s, "carries all of #") && strings.Contains(s, `client send(`) && strings.HasSuffix(s, `"first|", 6) = 6`)
	}) {
		t.Errorf("no comment names the first send: %q", comments)
	}

	peer(t, "tshark")
	cmd := exec.Command("tshark", "-r", file, "-T", "fields", "-e", "frame.comment", "-e", "_ws.malformed")
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("tshark: %v: %s", err, &said)
	}
	for line := range strings.Lines(said.String()) {
		if !strings.HasPrefix(line, "Running as user") {
			t.Errorf("tshark says: %s", line)
		}
	}
	var theirs []string
	for line := range strings.Lines(string(out)) {
		theirs = append(theirs, strings.ReplaceAll(strings.TrimRight(line, "\t\n"), `\"`, `"`))
	}
	if diff := gocmp.Diff(comments, theirs); diff != "" {
		t.Errorf("comments (-ours +tshark):\n%s", diff)
	}
}

// command is the sockwire command as a process of its own, outside these namespaces' marker.
func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, args...)
	cmd.Args[0] = "sockwire"
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(s string) bool { return strings.HasPrefix(s, "SOCKWIRE_NETLAB=") }), "TMPDIR="+t.TempDir())
	return cmd
}

// TestInterrupted checks that an interrupt ends a blocked scene at once, that what was seen is shown, and that
// nothing is left behind.
func TestInterrupted(t *testing.T) {
	netlab.Need(t)
	if err := labOutside(t); err != nil {
		t.Skipf("no lab inside namespaces: %v", err)
	}
	file := filepath.Join(t.TempDir(), "run.pcapng")
	cmd := command(t, "limits", "limits", "limits", "-w", file)
	tmp := strings.TrimPrefix(cmd.Env[len(cmd.Env)-1], "TMPDIR=")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for _, err := os.Stat(file); err != nil; _, err = os.Stat(file) {
		time.Sleep(time.Millisecond)
	}
	begin := time.Now()
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	err := cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 2 {
		t.Fatalf("exit: %v\n%s", err, &stderr)
	}
	if !strings.Contains(stderr.String(), "interrupted") {
		t.Errorf("stderr: %s", &stderr)
	}
	if took := time.Since(begin); took > 3*time.Second {
		t.Errorf("took %v to end", took)
	}
	left, err := os.ReadDir(tmp)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

// TestCutShort: a program that has more to tell than anybody hears ends when the scene does.
func TestCutShort(t *testing.T) {
	bodies["cut short"] = func(ctx context.Context, s *sceneRun) error {
		gone := func(*proc) { panic(callError{errCut}) }
		return s.run(ctx, program{s.server, "server", newLoser(s).receive}, program{s.client, "client", gone})
	}
	defer delete(bodies, "cut short")
	where, err := newPlace(t.Context(), testOptions(t, 0, 3), false)
	if err != nil {
		t.Fatal(err)
	}
	defer where.close()
	if _, err := where.run(t.Context(), scene{name: "cut short"}, false); err != nil {
		t.Error(err)
	}
}

// labOutside tells whether a command started from here can make namespaces of its own.
func labOutside(t *testing.T) error {
	t.Helper()
	out, err := command(t, "unix").CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	if bytes.Contains(out, []byte("no lab")) {
		return errors.New(string(out))
	}
	return nil
}

// TestClosedOutput checks that a reader which ends first is noticed.
func TestClosedOutput(t *testing.T) {
	netlab.Need(t)
	cmd := command(t, "-v", "stream", "datagram")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stdout.Close()
	err = cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 2 || !strings.Contains(stderr.String(), "sockwire: standard output was closed") {
		t.Errorf("%v: %s", err, &stderr)
	}
}

// asNobody is the sockwire command run by a user without any right.
func asNobody(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// The test binary may lie where others cannot reach it.
	dir, err := os.MkdirTemp("", "sockwire-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	b, err := os.ReadFile(exe)
	if err == nil {
		err = errors.Join(os.Chmod(dir, 0o755), os.WriteFile(filepath.Join(dir, "sockwire"), b, 0o755))
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd := command(t, args...)
	cmd.Path = filepath.Join(dir, "sockwire")
	cmd.Env = append(cmd.Env, "TMPDIR=/tmp")
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	return cmd
}

// TestAsNobody plays scenes as a user without any right.
func TestAsNobody(t *testing.T) {
	out, err := asNobody(t, "stream", "datagram", "raw", "unix").CombinedOutput()
	if errors.Is(err, os.ErrPermission) || errors.Is(err, syscall.EINVAL) {
		t.Skipf("another user cannot be had here: %v", err)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !bytes.Contains(out, []byte("CAP_NET_RAW")) && !bytes.Contains(out, []byte("no lab can be made")) {
		t.Errorf("%s", out)
	}
}

// TestWithoutLab runs the command where it can neither make namespaces nor capture: it says so, and how to get
// more, and shows the calls.
func TestWithoutLab(t *testing.T) {
	netlab.Need(t)
	for _, tool := range []string{"unshare", "setpriv", "ip"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%v", err)
		}
	}
	denied := func(args ...string) *exec.Cmd {
		cmd := command(t, args...)
		link := filepath.Join(t.TempDir(), "sockwire")
		if err := os.Symlink(cmd.Path, link); err != nil {
			t.Fatal(err)
		}
		script := `ip link set lo up && echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --bounding-set -all --inh-caps -all --no-new-privs "$@"`
		forbidden := exec.Command("unshare", append([]string{"-Urn", "sh", "-c", script, "sh", link}, args...)...)
		forbidden.Env = cmd.Env
		return forbidden
	}
	cmd := denied("stream", "datagram", "raw", "unix")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil && strings.Contains(stderr.String(), "unshare") {
		t.Skipf("%s", &stderr)
	}
	if err != nil {
		t.Fatalf("%v: %s", err, &stderr)
	}
	for _, want := range []string{
		"sockwire: no lab can be made: ",
		"sockwire: on the loopback interface it plays stream datagram unix; it cannot play raw (raw sockets need CAP_NET_RAW)\n",
		"sockwire: hint: ", "sockwire: packets are not shown: ",
	} {
		if !strings.Contains(stderr.String(), want) {
			t.Errorf("not said: %q\n%s", want, &stderr)
		}
	}
	for _, want := range []string{"STREAM  s", " client 127.0.0.1:", "two sends in one receive", "\nUNIX  ", "not captured"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("not shown: %q\n%s", want, out)
		}
	}
	if strings.Contains(string(out), "no packet") {
		t.Errorf("it says that there was no packet where it could not see any:\n%s", out)
	}

	cmd = denied("raw")
	stderr.Reset()
	cmd.Stderr = &stderr
	out, err = cmd.Output()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 2 || len(out) > 0 || strings.Count(stderr.String(), "\n") != 2 {
		t.Errorf("raw: %v, output %q, said %s", err, out, &stderr)
	}
}

// TestOrderOfTime checks that what is printed is in the order of time, and numbers in the order of entering.
func TestOrderOfTime(t *testing.T) {
	netlab.Need(t)
	stdout, stderr, code := clitest.Run(t, run, "", "stream")
	if code != 0 {
		t.Fatal(stderr)
	}
	last := -1.0
	lines := 0
	for line := range strings.Lines(stdout) {
		if strings.HasPrefix(line, "STREAM") {
			last = -1
		}
		if len(line) < 9 {
			continue
		}
		at, err := strconv.ParseFloat(strings.TrimSpace(line[:8]), 64)
		if err != nil {
			continue
		}
		lines++
		if cmp.Less(at, last) {
			t.Errorf("%.3f after %.3f", at, last)
		}
		last = at
	}
	if lines < 50 {
		t.Errorf("only %d lines:\n%s", lines, stdout)
	}
}

// TestReadme compares the samples of the READMEs with what is written: but for numbers and names of sockets, each line
// of a sample is one of the output, and … says that some are left out. How calls of two programs fall between each
// other is another at every run.
func TestReadme(t *testing.T) {
	if !labAvailable(t) {
		t.Skip("no lab can be made on this machine")
	}
	number := regexp.MustCompile(`\d+(\.\d+)?`)
	form := func(line string) string {
		return strings.Join(strings.Fields(number.ReplaceAllString(regexp.MustCompile(`0x[0-9a-f]+`).ReplaceAllString(line, "0"), "0")), " ")
	}
	took := regexp.MustCompile(` \(0 (µs|ms)\)`)
	for file, scene := range map[string]string{"../../README.md": "datagram", "README.md": "stream"} {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		blocks := strings.Split(string(b), "```\n")
		var sample []string
		for i := 1; i < len(blocks) && sample == nil; i += 2 {
			if strings.Contains(blocks[i], "#5  client  send") || strings.Contains(blocks[i], "client  send(14") {
				sample = strings.Split(strings.TrimSpace(blocks[i]), "\n")
			}
		}
		if sample == nil {
			t.Fatalf("%s has no sample", file)
		}
		written := map[string]bool{}
		var missing []string
		for range 30 {
			out, err := command(t, scene).Output()
			if err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(string(out)) {
				written[took.ReplaceAllString(form(line), "")] = true
			}
			missing = slices.DeleteFunc(slices.Clone(sample), func(line string) bool {
				return strings.HasPrefix(line, "$") || strings.TrimSpace(line) == "…" || written[took.ReplaceAllString(form(line), "")]
			})
			if len(missing) == 0 {
				break
			}
		}
		if len(missing) > 0 {
			t.Errorf("%s has lines that sockwire %s does not write:\n%s", file, scene, strings.Join(missing, "\n"))
		}
	}
}
