package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
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

	gocmp "github.com/google/go-cmp/cmp"

	"sockwire/capture"
	"sockwire/capture/trace"
	"sockwire/capture/trace/ebpf"
	"sockwire/raw/netlab"
)

// judge runs programs on hosts of a lab, traced and untraced.
type judge struct {
	lab    *netlab.Lab
	engine string // that record uses
	bin    string // a directory with sockwire and exercise in it, both this test binary
}

// with is the same judge with another engine.
func (j judge) with(engine string) *judge {
	j.engine = engine
	return &j
}

// enginesHere are the engines that can be had: ptrace always, ebpf where this is root of no user namespace.
var enginesHere = sync.OnceValues(func() ([]string, error) {
	e, err := ebpf.Open(nil)
	if err != nil {
		return []string{"ptrace"}, err
	}
	e.Close()
	return []string{"ptrace", "ebpf"}, nil
})

// each names the engines that a test is to be done with. REQUIRE_NETLAB=1 makes both a must for root.
func each(t *testing.T) []string {
	t.Helper()
	names, err := enginesHere()
	if err == nil {
		return names
	}
	if netlab.FirstUsers() && os.Getenv("REQUIRE_NETLAB") == "1" {
		t.Fatalf("REQUIRE_NETLAB=1, but %v", err)
	}
	t.Logf("with ptrace only: %v", err)
	return names
}

// eachEngine does a test with each engine.
func eachEngine(t *testing.T, test func(*judge, *testing.T)) {
	j := newJudge(t)
	for _, engine := range each(t) {
		t.Run(engine, func(t *testing.T) { test(j.with(engine), t) })
	}
}

func newJudge(t *testing.T) *judge {
	t.Helper()
	netlab.Need(t)
	lab, err := netlab.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lab.Close() })
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	j := &judge{lab: lab, engine: "ptrace", bin: t.TempDir()}
	for _, name := range []string{"sockwire", "exercise", "chat", "without"} {
		if err := os.Symlink(exe, filepath.Join(j.bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	return j
}

// host makes a network with a loopback interface as --isolate makes it, or with segmentation offload.
func (j *judge) host(t *testing.T, name string, offload bool) *netlab.Host {
	t.Helper()
	h, err := j.lab.Host(t.Name() + " " + name)
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(h.SetMTU("lo", 1500), h.Sysctl("net.ipv4.tcp_fastopen", "3"))
	for _, feature := range []string{"tso", "gso", "gro"} {
		if !offload {
			err = errors.Join(err, h.SetOffload("lo", feature, false))
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// outcome is what the parent of a program sees of it.
type outcome struct {
	Stdout, Stderr string
	Code           int // as a shell has it
}

// do runs a command on a host to its end, in a directory.
func (j *judge) do(t *testing.T, h *netlab.Host, dir string, args ...string) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	path := args[0]
	if p := filepath.Join(j.bin, path); !strings.Contains(path, "/") {
		if _, err := os.Stat(p); err == nil {
			path = p
		}
	}
	cmd := h.Command(ctx, path, args[1:]...)
	// The collector and preemption of Go's runtime interrupt system calls when they like.
	cmd.Env = append(os.Environ(), "PATH="+j.bin+":/usr/bin:"+os.Getenv("PATH"), "GODEBUG=asyncpreemptoff=1", "GOGC=off", "LC_ALL=C")
	cmd.Dir = dir
	cmd.WaitDelay = 10 * time.Second // for what the program may have left behind
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if ctx.Err() != nil {
		t.Fatalf("%v did not end\n%s\n%s", args, &stdout, &stderr)
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	o := outcome{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
	if o.Code < 0 {
		o.Code = 128 + int(cmd.ProcessState.Sys().(syscall.WaitStatus).Signal())
	}
	return o
}

// call is what a record of --json and a line of strace tell alike.
type call struct {
	Number int
	Thread int
	Name   string
	FD     *int
	Socket string
	Args   []struct {
		Name     string
		Value    json.RawMessage
		Returned bool
	}
	Entered int64  `json:"entered_ns"`
	Left    *int64 `json:"left_ns"`
	Result  *int64
	Errno   string
	Data    string `json:"data_hex"`
	Silent  bool   `json:"no_packet"`
	Because string `json:"no_packet_because"`
	End     bool   `json:"end_of_stream"`
	Error   int    `json:"error_packet"`

	Messages []struct {
		Data     string `json:"data_hex"`
		Length   int
		Room     int
		Addr     string
		Control  struct{ Text string }
		Returned []string `json:"returned_flags"`
	}
	Received []trace.Span
	Returned []string                         `json:"returned_flags"`
	Queued   []struct{ Origin, Errno string } `json:"error_queue"`

	theirs []string // the arguments, of one that strace has told

	Waits, Ready []struct {
		FD     *int
		Socket string
		Events []string
		Data   string
	}
	Wake *struct{ Kind, Socket string } `json:"ended_by"`
}

func (c *call) arg(name string) string {
	for _, a := range c.Args {
		if a.Name == name {
			return string(a.Value)
		}
	}
	return ""
}

// sent returns what the call passed, as far as it was kept.
func (c *call) sent(t *testing.T, message int) []byte {
	text := ""
	if message < len(c.Messages) {
		text = c.Messages[message].Data
	} else {
		var buf struct{ Hex string }
		json.Unmarshal([]byte(c.arg("buf")), &buf)
		text = buf.Hex
	}
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// text is the call as it is compared.
func (c *call) text(fd, data bool) string {
	s := c.Name
	if c.Result != nil && (fd || !c.receives()) { // how much a receive asks for may depend on what came before
		args := c.theirs
		if args == nil {
			args = c.arguments()
		}
		var kept []string
		for _, a := range args {
			if what, _, _ := strings.Cut(a, " "); what == "data" && !data || !fd && slices.Contains([]string{"fd", "in_fd", "fd_in", "fd_out", "newfd", "sv", "control"}, what) {
				continue
			}
			kept = append(kept, a)
		}
		s += "(" + strings.Join(kept, ", ") + ")"
	}
	switch {
	case c.Result == nil:
		return s + " = ?"
	case c.Errno != "":
		return s + " = " + c.Errno
	}
	if !fd && (strings.HasPrefix(c.Name, "accept") || c.Name == "socket" || strings.HasPrefix(c.Name, "dup")) {
		return s // which number is free depends on the other threads
	}
	return fmt.Sprintf("%s = %d", s, *c.Result)
}

// takes tells whether the call received something.
func (c *call) takes() bool {
	return (strings.HasPrefix(c.Name, "recv") || c.Name == "read") && c.Result != nil && *c.Result > 0
}

func (c *call) receives() bool {
	return slices.Contains([]string{"recvfrom", "recvmsg", "recvmmsg", "read", "readv", "preadv2"}, c.Name)
}

type sighting struct {
	Number       int
	Time         time.Time
	From, To     string
	Also         []string `json:"also_to"`
	Source       string
	Protocol     uint8
	Payload      int `json:"payload_length"`
	Carries      []trace.Span
	Unattributed int
	Retransmit   bool
	Segments     int
	Cause        struct {
		Kind         string
		Call, Packet int
	}
	Raw *struct {
		Prepended      int
		HeaderIncluded bool `json:"header_included"`
	}
	TCP *struct {
		Flags string
		Seq   *int64 `json:"relative_seq"`
	}
}

type socketRecord struct {
	Name, Family, Kind string
	Created            int64  `json:"created_ns"`
	Closed             *int64 `json:"closed_ns"`
}

// recording is what sockwire wrote about a program.
type recording struct {
	outcome
	calls   []*call
	packets []*sighting
	sockets map[string]*socketRecord
	// atOnce: sends ran at once, and which of them came first is not always known.
	atOnce  bool
	frames  []capture.Frame // of the packets, by their place
	summary struct {
		Lost uint64 `json:"packets_lost"`
		Exit int    `json:"exit_status"`
	}
}

// record traces a program.
func (j *judge) record(t *testing.T, h *netlab.Host, dir string, flags []string, args ...string) *recording {
	t.Helper()
	out := t.TempDir()
	timeline, file := filepath.Join(out, "timeline.json"), filepath.Join(out, "packets.pcapng")
	all := slices.Concat([]string{"sockwire", "--engine", j.engine, "--json", "-o", timeline, "-w", file, "--data", "65535"}, flags, []string{"--"}, args)
	r := &recording{outcome: j.do(t, h, dir, all...), sockets: map[string]*socketRecord{}}
	r.read(t, timeline)
	r.frames = readFile(t.Context(), file)
	if len(r.frames) != len(r.packets) {
		t.Fatalf("%d packets in the file, %d records\n%+v", len(r.frames), len(r.packets), r.outcome)
	}
	// Numbers are in the order of arrival, which is not that of time where two processors had packets at once.
	slices.SortFunc(r.packets, func(a, b *sighting) int { return cmp.Or(a.Time.Compare(b.Time), a.Number-b.Number) })
	slices.SortStableFunc(r.frames, func(a, b capture.Frame) int { return a.Time.Compare(b.Time) })
	for i, p := range r.packets {
		if !p.Time.Equal(r.frames[i].Time) {
			t.Fatalf("packet %d is of %v, in the file of %v", p.Number, p.Time, r.frames[i].Time)
		}
	}
	return r
}

func (r *recording) read(t *testing.T, file string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v: %+v", err, r.outcome)
	}
	for line := range bytes.Lines(b) {
		var kind struct{ Type string }
		err := json.Unmarshal(line, &kind)
		switch kind.Type {
		case "call":
			c := new(call)
			err = json.Unmarshal(line, c)
			r.calls = append(r.calls, c)
		case "packet":
			p := new(sighting)
			err = json.Unmarshal(line, p)
			r.packets = append(r.packets, p)
		case "socket":
			s := new(socketRecord)
			err = json.Unmarshal(line, s)
			r.sockets[s.Name] = s
		case "summary":
			err = json.Unmarshal(line, &r.summary)
		}
		if err != nil {
			t.Fatalf("%v: %s", err, line)
		}
	}
}

// check verifies what must hold of every program: what Timeline.Check says is on standard error, which is compared
// with that of the program alone. whole tells that all that was sent left, and all that was received was sent by the
// program.
func (r *recording) check(t *testing.T, whole bool) {
	t.Helper()
	if r.summary.Lost > 0 || r.summary.Exit != r.Code {
		t.Errorf("lost %d packets, exit status %d in the record and %d in truth", r.summary.Lost, r.summary.Exit, r.Code)
	}
	by := map[int]*call{}
	for _, c := range r.calls {
		by[c.Number] = c
	}
	carried := map[int]int{}
	for i, p := range r.packets {
		sum := p.Unattributed
		for _, s := range p.Carries {
			sum += s.To - s.From
			if !p.Retransmit {
				carried[s.Call] += s.To - s.From
			}
		}
		if p.From != "" && p.Unattributed > 0 && !r.atOnce {
			t.Errorf("packet %d of %s: %d bytes are of no known call", p.Number, p.From, p.Unattributed)
		}
		if p.Raw != nil || p.From == "" || r.atOnce && p.Unattributed > 0 { // where the known ones stand is not told
			continue
		}
		if sum != p.Payload {
			t.Errorf("packet %d has %d bytes and carries %d", p.Number, p.Payload, sum)
		}
		payload := trace.FromFrame(r.frames[i], 1, 0, "", "").Payload
		at := 0
		for _, s := range p.Carries {
			// What sendfile and splice move is not in the program's memory, and of the rest 65535 bytes are kept.
			data, n := by[s.Call].sent(t, s.Message), s.To-s.From
			if known := max(min(len(data), s.To)-s.From, 0); !bytes.Equal(data[min(s.From, len(data)):][:known], payload[at:][:known]) {
				t.Errorf("packet %d of %s does not hold the bytes of #%d %s on %s: %.40q are %.40q there; it carries %v", p.Number, p.From, s.Call, by[s.Call].Name, by[s.Call].Socket,
					data[min(s.From, len(data)):][:known], payload[at:][:known], p.Carries)
			}
			at += n
		}
	}
	for _, c := range r.calls {
		if c.Result == nil || c.Errno != "" || c.Socket == "" {
			continue
		}
		on := r.sockets[c.Socket]
		if c.Data != "" && len(c.Messages) == 0 && !strings.Contains(c.arg("flags"), "MSG_ERRQUEUE") && on.Kind != "raw" && on.Kind != "unknown" {
			var want []byte
			known := !r.atOnce || int64(spanned(c.Received)) == *c.Result
			for _, s := range c.Received {
				data := by[s.Call].sent(t, s.Message)
				known = known && len(data) >= s.To
				if known {
					want = append(want, data[s.From:s.To]...)
				}
			}
			got, err := hex.DecodeString(c.Data)
			if err != nil || known && len(c.Received) > 0 && !bytes.HasPrefix(want, got) {
				t.Errorf("#%d %s received %.100q, its spans %v say %.100q", c.Number, c.Name, got, c.Received, want)
			}
			if whole && len(c.Received) == 0 {
				t.Errorf("where the bytes that #%d %s received come from is not known", c.Number, c.Name)
			}
		}
		sends := slices.Contains([]string{"sendto", "sendmsg", "sendmmsg", "write", "writev", "pwritev2", "sendfile", "splice"}, c.Name)
		if on.Family != "ipv4" && on.Family != "ipv6" || !sends || !whole || c.Name == "splice" && carried[c.Number] == 0 {
			continue
		}
		size := int(*c.Result)
		if c.Name == "sendmmsg" {
			size = 0
			for _, m := range c.Messages {
				size += m.Length
			}
		}
		if carried[c.Number] != size {
			t.Errorf("#%d %s sent %d bytes, the packets carry %d of them", c.Number, c.Name, size, carried[c.Number])
		}
	}
}

// spanned is how many bytes spans have.
func spanned(spans []trace.Span) (n int) {
	for _, s := range spans {
		n += s.To - s.From
	}
	return n
}

// against compares the packets, from their IP header on, with those of tcpdump's. The kernel writes into a super-packet
// of UDP_SEGMENT when its receiver takes it apart, before or after it is read here: of those only the IP header is
// compared.
func (r *recording) against(t *testing.T, theirs []capture.Frame) {
	t.Helper()
	data := func(frames []capture.Frame) (all []string) {
		for _, f := range frames {
			p := trace.FromFrame(f, 1, 0, "", "")
			if p.UDP != nil && len(p.Network) > 1500 {
				p.Network = p.Network[:p.NetworkHeader]
			}
			all = append(all, fmt.Sprintf("%x", p.Network))
		}
		// Two processors may send at once.
		slices.Sort(all)
		return all
	}
	if diff := gocmp.Diff(data(theirs), data(r.frames)); diff != "" {
		t.Errorf("packets (-tcpdump +ours):\n%s", diff)
	}
}

// straceCalls are those that are compared: of the class network all, of the others those on sockets.
const straceCalls = "trace=%network,read,write,readv,writev,preadv2,pwritev2,sendfile,splice,close,dup,dup2,dup3,fcntl"

var (
	straceLine = regexp.MustCompile(`^(\d+\.\d+) (\w+)\((.*)\)? += (0x[0-9a-f]+|-?\d+|\?)(?:<[^>]*>)?(?: (E\w+))?`)
	stracePath = regexp.MustCompile(`<(?:\\x[0-9a-f]{2})+>`)
	straceFD   = regexp.MustCompile(`^(\d+)(?:<([^>]*)>)?`)
	straceSock = regexp.MustCompile(`<socket:\[(\d+)\]>`)
)

// strace lists the calls of a program on sockets, by thread.
func (j *judge) strace(t *testing.T, h *netlab.Host, dir string, args ...string) (outcome, map[int][]*call) {
	t.Helper()
	peer(t, "strace")
	out := t.TempDir()
	o := j.do(t, h, dir, slices.Concat([]string{"strace", "-ff", "-y", "-ttt", "-v", "-xx", "-s", "1000000", "-o", filepath.Join(out, "of"), "-e", straceCalls, "-e", "signal=none", "--"}, args)...)
	files, err := filepath.Glob(filepath.Join(out, "of.*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("strace wrote nothing: %+v", o)
	}
	threads := map[int][]*call{}
	for _, file := range files {
		tid, err := strconv.Atoi(strings.TrimPrefix(filepath.Ext(file), "."))
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(b)) {
			if c := straceCall(t, line); c != nil {
				c.Thread = tid
				threads[tid] = append(threads[tid], c)
			}
		}
	}
	return o, threads
}

// straceCall reads a line; what is no call on a socket gives nil.
func straceCall(t *testing.T, line string) *call {
	t.Helper()
	line = stracePath.ReplaceAllStringFunc(line, func(path string) string { return "<" + string(literal(path[1:len(path)-1])) + ">" })
	m := straceLine.FindStringSubmatch(line)
	if m == nil {
		return nil // +++ exited with 0 +++
	}
	c := &call{Name: m[2], Errno: m[5]}
	seconds, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	c.Entered = int64(seconds * 1e9)
	if n, err := strconv.ParseInt(m[4], 0, 64); err == nil || c.Errno != "" {
		c.Result = &n
	}
	if c.Errno != "" {
		*c.Result = -1
	}
	first := straceFD.FindStringSubmatch(m[3])
	of := first
	if c.Name == "splice" { // shown with the descriptor that it fills, or the socket that it empties
		for part := range strings.SplitSeq(m[3], ", ") {
			if f := straceFD.FindStringSubmatch(part); f != nil && strings.HasPrefix(f[2], "socket:") {
				of = f
			}
		}
	}
	onSocket := of != nil && strings.HasPrefix(of[2], "socket:")
	switch c.Name {
	case "read", "write", "readv", "writev", "preadv2", "pwritev2", "sendfile", "splice", "close", "dup", "dup2", "dup3", "fcntl":
		if !onSocket {
			return nil
		}
	}
	if of != nil && c.Name != "socketpair" && c.Name != "socket" {
		n, _ := strconv.Atoi(of[1])
		c.FD = &n
	}
	if s := straceSock.FindStringSubmatch(line); s != nil {
		c.Socket = s[1] // of socket and socketpair: the one that it made
	}
	if c.Result != nil {
		c.theirs = straceArguments(c.Name, m[3], *c.Result, c.Errno != "")
	}
	return c
}

// ways of comparing calls.
type order int

const (
	byThread  order = iota // the calls of each thread, in their order and with descriptors
	bySocket               // the calls on each socket, in their order, successive receives as one: for programs that move between threads
	byProcess              // the calls of each process on each socket: for programs of several that share sockets
	asSet                  // the calls on each socket, each kind once: for programs that ask as often as they like
)

// sequences are the calls of each thread or socket as text. Tries that had to wait or were interrupted are left out
// unless they are compared by thread: how often something is not ready yet is another at every run.
func sequences(calls []*call, by order, data bool) []string {
	slices.SortStableFunc(calls, func(a, b *call) int { return int(a.Entered - b.Entered) })
	var keys []string
	lines := map[string][]string{}
	latest := map[string]*call{}
	for _, c := range calls {
		key := strconv.Itoa(c.Thread)
		if by != byThread {
			if c.Errno == "EAGAIN" || strings.HasPrefix(c.Errno, "ERESTART") {
				continue
			}
			if key = c.Socket; by == byProcess {
				key += " " + strconv.Itoa(c.Thread)
			}
		}
		if last := latest[key]; (by == bySocket || by == byProcess) && last != nil && last.takes() && c.takes() && last.Name == c.Name {
			*last.Result += *c.Result
			lines[key][len(lines[key])-1] = last.text(false, data)
			continue
		}
		latest[key] = c
		text := c.text(by == byThread, data)
		if by == asSet {
			if text = c.Name + " " + c.Errno; slices.Contains(lines[key], text) {
				continue
			}
		}
		if lines[key] == nil {
			keys = append(keys, key)
		}
		lines[key] = append(lines[key], text)
	}
	var all []string
	for _, key := range keys {
		if by == asSet {
			slices.Sort(lines[key])
		}
		all = append(all, strings.Join(lines[key], "\n"))
	}
	slices.Sort(all)
	return all
}

// sameCalls compares the calls with strace's.
func (r *recording) sameCalls(t *testing.T, threads map[int][]*call, by order, data bool) {
	t.Helper()
	var theirs, ours []*call
	for _, calls := range threads {
		for _, c := range calls { // compared more than once, and joining receives changes them
			copied := *c
			if c.Result != nil {
				result := *c.Result
				copied.Result = &result
			}
			theirs = append(theirs, &copied)
		}
	}
	for _, c := range r.calls {
		if !strings.HasPrefix(c.Name, "epoll") && c.Name != "poll" {
			ours = append(ours, c)
		}
	}
	for _, c := range ours {
		if c.Socket == "" { // a socket call that failed, or made a socket
			for _, s := range r.sockets { // the first of a pair
				if c.Left != nil && s.Created == *c.Left && (c.Socket == "" || len(s.Name) < len(c.Socket) || len(s.Name) == len(c.Socket) && s.Name < c.Socket) {
					c.Socket = s.Name
				}
			}
		}
	}
	lines := func(calls []*call) (all [][]string) {
		for _, s := range sequences(calls, by, data) {
			all = append(all, strings.Split(s, "\n"))
		}
		return all
	}
	if diff := gocmp.Diff(lines(theirs), lines(ours)); diff != "" {
		t.Errorf("calls (-strace +ours):\n%s", diff)
	}
}

// ranges tell for each socket which bytes of each send left, in whatever segments, and from which sends what was
// received came: the same at every run of a program with the same calls on each socket. A send is named by its place
// among those of its socket; successive receives are one.
func (r *recording) ranges() []string {
	carried := map[int][]trace.Span{}
	for _, p := range r.packets {
		for _, s := range p.Carries {
			if !p.Retransmit {
				carried[s.Call] = append(carried[s.Call], s)
			}
		}
	}
	calls := slices.Clone(r.calls)
	slices.SortStableFunc(calls, func(a, b *call) int { return int(a.Entered - b.Entered) })
	place, sends := map[int]int{}, map[string]int{}
	for _, c := range calls {
		if _, known := carried[c.Number]; known {
			sends[c.Socket]++
			place[c.Number] = sends[c.Socket]
		}
	}
	text := func(spans []trace.Span) string {
		var b strings.Builder
		for i, s := range spans {
			if i > 0 && spans[i-1].Call == s.Call && spans[i-1].Message == s.Message && spans[i-1].To == s.From {
				continue
			}
			to := s.To
			for _, next := range spans[i+1:] {
				if next.Call != s.Call || next.Message != s.Message || next.From != to {
					break
				}
				to = next.To
			}
			fmt.Fprintf(&b, " %d.%d[%d:%d]", place[s.Call], s.Message, s.From, to)
		}
		return b.String()
	}
	lines, latest := map[string][]string{}, map[string][]trace.Span{}
	for _, c := range calls {
		if c.Socket == "" {
			continue
		}
		if left := carried[c.Number]; left != nil {
			slices.SortFunc(left, func(a, b trace.Span) int { return cmp.Or(a.Message-b.Message, a.From-b.From) })
			lines[c.Socket] = append(lines[c.Socket], c.Name+" left"+text(left))
			delete(latest, c.Socket)
		}
		if c.takes() && len(c.Received) > 0 {
			if n := len(lines[c.Socket]); latest[c.Socket] != nil {
				lines[c.Socket] = lines[c.Socket][:n-1]
			}
			latest[c.Socket] = append(latest[c.Socket], c.Received...)
			lines[c.Socket] = append(lines[c.Socket], "received"+text(latest[c.Socket]))
		}
	}
	var all []string
	for _, l := range lines {
		all = append(all, strings.Join(l, "\n"))
	}
	slices.Sort(all)
	return all
}
