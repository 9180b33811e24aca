package whole

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sockwire/capture"
	"sockwire/raw/netlab"
	"sockwire/raw/packet"
)

// An example is a command line that a reader is shown, and what it is said to print.
type example struct {
	where  string
	line   string
	sample []string
}

// ours is a command of this project where a shell looks for a command.
var ours = regexp.MustCompile(`(?:^|[|;&({] *|go run \./cmd/|env \S+ )(?:` + strings.Join(commands, "|") + `)(?: |$)`)

// fromMarkdown finds the examples of a README: in fences those behind a $, in indented blocks the lines that are
// commands of ours. What follows in the same block is what they print.
func fromMarkdown(file string) (list []example, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	fence, indented, in := false, false, -1 // in is the example whose sample goes on
	apart := false                          // an empty line stands between it and its sample
	for n, line := range strings.Split(string(text), "\n") {
		where := fmt.Sprintf("%s:%d", strings.TrimPrefix(file, root), n+1)
		if strings.HasPrefix(line, "```") {
			fence, in = !fence, -1
			continue
		}
		if !fence {
			rest, ok := strings.CutPrefix(line, "    ")
			if indented = ok || indented && line == ""; !indented {
				in = -1
				continue
			}
			line = rest
		}
		command, prompted := strings.CutPrefix(line, "$ ")
		switch {
		case fence && prompted, !fence && ours.MatchString(line):
			list, in, apart = append(list, example{where: where, line: command}), len(list), fence
		case line == "":
			apart = true
		case in >= 0 && apart && strings.Trim(line, ".… ") != "":
			list[in].sample = append(list[in].sample, line)
		}
	}
	return list, nil
}

// fromHelp finds the examples of a command's --help.
func fromHelp(t *testing.T, name string) (list []example) {
	t.Helper()
	text, err := exec.Command(program(t, name), "--help").Output()
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\nExamples:\n")
	section, _, _ = strings.Cut(section, "\n\n")
	for line := range strings.SplitSeq(section, "\n") {
		if rest := strings.TrimPrefix(line, "  "); !strings.HasPrefix(rest, " ") && rest != "" {
			list = append(list, example{where: name + " --help", line: rest})
		}
	}
	return list
}

const root = "../../../"

// TestExamples runs every command line of every README and of every --help, in a network where the addresses of
// documentation exist and answer. None may be refused, and each prints lines of the shape that it is said to print.
func TestExamples(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(root + "cmd/*/README.md")
	if err != nil {
		t.Fatal(err)
	}
	var all []example
	for _, file := range append(files, root+"README.md") {
		list, err := fromMarkdown(file)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, list...)
	}
	for _, name := range commands {
		list := fromHelp(t, name)
		if len(list) == 0 {
			t.Errorf("%s --help has no examples", name)
		}
		all = append(all, list...)
	}
	if len(all) < 60 {
		t.Fatalf("only %d examples found", len(all))
	}
	// Most of them wait, so several run at a time, each in a world of its own.
	next := make(chan example)
	var running sync.WaitGroup
	for range 4 {
		w := newWorld(t)
		running.Go(func() {
			for e := range next {
				t.Run(e.where+" "+e.line, func(t *testing.T) { w.try(t, e) })
			}
		})
	}
	for _, e := range all {
		next <- e
	}
	close(next)
	running.Wait()
}

// world is a network in which the addresses of documentation belong to a host that answers, and what examples read.
type world struct {
	a       *netlab.Host
	capture []byte
	process int // one that runs for long
}

func newWorld(t *testing.T) *world {
	t.Helper()
	_, a, b := netlab.Two(t)
	for _, prefix := range []string{"192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"} {
		p := netip.MustParsePrefix(prefix)
		via := b.Addr4()
		if p.Addr().Is6() {
			via = b.Addr6()
		}
		if err := b.AddRoute(netlab.Route{Dst: p, Kind: netlab.Local}); err != nil {
			t.Fatal(err)
		}
		if err := a.AddRoute(netlab.Route{Dst: p, Via: via}); err != nil {
			t.Fatal(err)
		}
	}
	start(t, b, "dgrecv", "-v", "--echo", ":53", ":123", ":514", ":9000").await("listening")
	start(t, b, "dgperf", "serve").await("serving")
	idle := start(t, a, "dgrecv", "-v", "127.0.0.1:4242")
	idle.await("listening")
	if iperf, err := exec.LookPath("iperf"); err == nil {
		start(t, b, iperf, "-s", "-u", "-p", "5001")
	}
	serveHTTP(t, a)
	greet(t, b, netip.AddrPortFrom(a.Addr4(), 5000), "hello")
	greet(t, b, netip.AddrPortFrom(a.Addr4(), 5000), "")
	text, err := os.ReadFile(conversation(t))
	if err != nil {
		t.Fatal(err)
	}
	return &world{a, text, idle.cmd.Process.Pid}
}

// furnish makes the files that a command line reads.
func (w *world) furnish(t *testing.T, dir, line string) {
	t.Helper()
	words := strings.Fields(strings.NewReplacer("'", " ", "}", " ", "=", " = ").Replace(line))
	for i, word := range words {
		before := ""
		if i > 0 {
			before = words[i-1]
		}
		content, mode := []byte("192.0.2.1\n192.0.2.2\n"), os.FileMode(0o644)
		switch {
		case before == "-w" || before == "-o" || before == ">" || before == "--write":
			continue
		case strings.Contains(filepath.Ext(strings.TrimSuffix(strings.TrimSuffix(word, ".zst"), ".gz")), ".pcap"):
			content = w.capture
		case strings.HasPrefix(word, "./"):
			content, mode = []byte("#!/bin/sh\nexec dgsend --wait 10ms 127.0.0.1:9 text\n"), 0o755
		case before == "--keylog":
			content = []byte("CLIENT_RANDOM " + strings.Repeat("01", 32) + " " + strings.Repeat("02", 48) + "\n")
		case before == "<" || before == "from" || before == "--file" || before == "-F" || before == "-f":
		default:
			continue
		}
		if filepath.IsAbs(word) || word == "-" {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, word), content, mode); err != nil {
			t.Fatal(err)
		}
	}
}

// atMost is how many seconds an example runs that does not end by itself.
func atMost() string {
	if testing.Short() {
		return "1.5"
	}
	return "3"
}

// forKernel are command lines that load programs into the kernel.
var forKernel = regexp.MustCompile(`pktview .*--(drops|owner|pid|comm|uid|cgroup)\b`)

// comparing finds what an example compares with, and earlier has the run that made it.
var (
	comparing = regexp.MustCompile(` --compare \S+`)
	earlier   = map[string]string{
		"rawping --compare before.jsonl": "rawping -c 3 -i 10ms --json 192.0.2.1 >before.jsonl; ",
		"dgperf --compare before.jsonl":  "dgperf --requests -T 300ms --rate 1kpps --histogram --json 192.0.2.7 >before.jsonl; ",
	}
)

// others are the programs of an example that are not ours: in its pipe, those that sockwire starts, and the servers.
func others(line string) (names []string) {
	for _, part := range strings.Split(line, "|") {
		part, started, _ := strings.Cut(part, " -- ")
		for _, words := range [...]string{part, started} {
			if words := strings.Fields(words); len(words) > 0 && regexp.MustCompile(`^[a-z]+$`).MatchString(words[0]) && ours.FindString(words[0]) == "" {
				names = append(names, words[0])
			}
		}
	}
	if strings.Contains(line, "--protocol iperf2") {
		names = append(names, "iperf")
	}
	return names
}

func (w *world) try(t *testing.T, e example) {
	line := strings.ReplaceAll(e.line, "go run ./cmd/", "")
	line = regexp.MustCompile(`(sockwire .*)-p \d+`).ReplaceAllString(line, fmt.Sprintf("${1}-p %d", w.process))
	for _, name := range others(line) {
		if _, err := exec.LookPath(name); err != nil && os.Getenv("REQUIRE_PEERS") == "" {
			t.Skip(err)
		}
	}
	if forKernel.MatchString(line) && !netlab.FirstUsers() {
		t.Skip("the kernel takes programs from root of the first user namespace only")
	}
	dir := t.TempDir()
	w.furnish(t, dir, line)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	line = earlier[strings.Fields(line)[0]+comparing.FindString(line)] + line
	// Sockets in /run are made in a copy that nobody else sees.
	script := "mount -t tmpfs none /run && cd " + dir + " && timeout -s INT " + atMost() + " sh -c '" + strings.ReplaceAll(line, "'", `'\''`) + "'"
	cmd := w.a.Command(ctx, "/usr/bin/unshare", "-m", "sh", "-c", script)
	cmd.Env = append(cmd.Environ(), "PATH="+filepath.Dir(program(t, "dgperf"))+":"+os.Getenv("PATH"), "LC_ALL=C.UTF-8")
	cmd.WaitDelay = 5 * time.Second
	var out capturedPipe
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.Run()
	text := out.String()
	if code := cmd.ProcessState.ExitCode(); code != 0 && code != 1 && code != 124 {
		t.Errorf("exit status %d:\n%s", code, tail(text))
	}
	for _, wrong := range []string{": hint: ", "panic:", "unknown flag"} {
		if strings.Contains(text, wrong) {
			t.Errorf("%q in what it prints:\n%s", wrong, tail(text))
		}
	}
	var printed [][]string
	begun := map[string]string{} // calls that are told in two lines, by their number
	for l := range strings.Lines(text) {
		printed = append(printed, shape(l))
		if m := call.FindStringSubmatch(l); m != nil {
			if result, ends := strings.CutPrefix(m[2], "└"); ends {
				printed = append(printed, shape(begun[m[1]]+result))
			}
			begun[m[1]] = l
		}
	}
	for _, l := range e.sample {
		want := shape(l)
		if !slices.ContainsFunc(printed, func(got []string) bool { return alike(want, got) }) {
			t.Errorf("does not print a line such as %q (%q); it prints\n%s", l, want, tail(text))
			break
		}
	}
}

var (
	hexes   = regexp.MustCompile(`0x[0-9a-f]+`)
	waited  = regexp.MustCompile(` \([0-9.]+ [µm]?s\)`) // said of a call that did not return at once
	caption = regexp.MustCompile(`^[A-Z]{4,}  +`)       // before the first of rows whose order is one of milliseconds
	call    = regexp.MustCompile(`^ *[0-9.]+ (#\d+) +\w+ +(.*)`)
	figures = regexp.MustCompile(`\d+(?:[.,:]\d+)*(?:[nµm]?s\b)?`)
)

// shape is a line without its figures, as words. Whether a call is told at once or when it returns is a matter of
// milliseconds.
func shape(line string) []string {
	line = waited.ReplaceAllString(caption.ReplaceAllString(line, ""), "")
	line = strings.TrimPrefix(line, "^C")
	line = figures.ReplaceAllString(hexes.ReplaceAllString(line, "0"), "0")
	return slices.DeleteFunc(strings.Fields(line), func(word string) bool { return word == "└" || word == "…" })
}

// alike tells whether a line that is printed holds the words of one that is shown, in their order.
func alike(shown, printed []string) bool {
	for _, word := range printed {
		if len(shown) > 0 && shown[0] == word {
			shown = shown[1:]
		}
	}
	return len(shown) == 0
}

// conversation returns a capture file: three packets of a TCP handshake to port 8080 and data behind it, a comment and
// a loss among them; questions to a name server; the data again, for they were lost, and what acknowledges them; and
// the same to port 80.
func conversation(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "sample.pcapng")
	w, err := capture.Create(file, &capture.WriterConfig{})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Describe([]capture.Interface{{Name: "eth0", Link: capture.LinkEthernet}}); err != nil {
		t.Fatal(err)
	}
	when := time.Date(2026, 1, 2, 10, 30, 0, 0, time.Local)
	const there, back = "eth / ip{src=192.0.2.1, dst=192.0.2.2} / tcp{sport=40000, dport=%d, ", "eth / ip{src=192.0.2.2, dst=192.0.2.1} / tcp{sport=%d, dport=40000, "
	for _, port := range []int{8080, 80} {
		for i, spec := range []string{
			fmt.Sprintf(there, port) + "flags=S, seq=99, win=65535}", fmt.Sprintf(back, port) + "flags=SA, seq=499, ack=100, win=65535}",
			fmt.Sprintf(there, port) + "flags=A, seq=100, ack=500, win=65535}", fmt.Sprintf(there, port) + "flags=PA, seq=100, ack=500, win=65535} / text{hello}",
			"eth / ip{src=192.0.2.7, dst=192.0.2.53} / udp{sport=40001, dport=53} / dns{qname=www.example.com}",
			"eth / ip{src=192.0.2.53, dst=192.0.2.7} / udp{sport=53, dport=40001} / dns{qname=www.example.com, qr=1}",
			strings.Replace(fmt.Sprintf(there, port), "ip{", "ip{id=7, ", 1) + "flags=PA, seq=100, ack=500, win=65535} / text{hello}", fmt.Sprintf(back, port) + "flags=A, seq=500, ack=105, win=65535}",
		} {
			p, err := packet.Parse(spec)
			if err != nil {
				t.Fatalf("%s: %v", spec, err)
			}
			b, _, err := p.Append(nil, nil, 0)
			if err != nil {
				t.Fatalf("%s: %v", spec, err)
			}
			f := capture.Frame{Data: b, Length: len(b), Link: capture.LinkEthernet, Time: when}
			when = when.Add(10 * time.Millisecond)
			switch i {
			case 1:
				f.Comments = []string{"a comment that the file carries on the packet above"}
			case 2:
				f.Drops = 3
			case 5: // the next is what the timer sends
				when = when.Add(200 * time.Millisecond)
			}
			if err := w.Write(&f); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return file
}

// greet sends a text from a host to an address a few times a second, whether somebody listens or not.
func greet(t *testing.T, from *netlab.Host, to netip.AddrPort, text string) {
	t.Helper()
	var c net.Conn
	err := from.Do(func() (err error) {
		c, err = net.Dial("udp", to.String())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			if _, err := c.Write([]byte(text)); errors.Is(err, net.ErrClosed) {
				return
			}
			time.Sleep(200 * time.Millisecond)
		}
	}()
	t.Cleanup(func() { c.Close() })
}

// serveHTTP answers on port 8080 of the loopback address of a host.
func serveHTTP(t *testing.T, h *netlab.Host) {
	t.Helper()
	var l net.Listener
	err := h.Do(func() (err error) {
		l, err = net.Listen("tcp", "127.0.0.1:8080")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.NotFoundHandler()}
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
}
