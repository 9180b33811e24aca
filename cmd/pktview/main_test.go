package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"sockwire/capture"
	"sockwire/capture/golden"
	"sockwire/cmd/internal/cli"
	"sockwire/cmd/internal/cli/clitest"
	"sockwire/raw/netlab"
	"sockwire/raw/packet"
	"sockwire/raw/wire"
)

var commands = map[string]func(){"pktview": main}

// TestMain runs the tests inside namespaces; the command as they call it stays in those of its caller.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "pktview" {
		testscript.Main(m, commands)
	}
	if os.Getenv("GORACE") == "" {
		os.Setenv("GORACE", "atexit_sleep_ms=0") // the race detector lets every process sleep for a second at its end
	}
	netlab.Run(scripts{m})
}

type scripts struct{ m *testing.M }

func (s scripts) Run() int {
	testscript.Main(s.m, commands)
	return 0
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			env.Setenv("TZ", "UTC")
			env.Setenv("GORACE", os.Getenv("GORACE"))
			fixtures(t, env.WorkDir)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"status": status, "jsonlines": jsonLines},
	})
}

func TestGenerated(t *testing.T) { clitest.Generated(t, "pktview", run) }

// status runs a command that must exit with a status.
func status(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if exit, ok := err.(*exec.ExitError); ok {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

// jsonLines checks that a file is JSON Lines whose records begin with their type, as many of each type as given.
func jsonLines(ts *testscript.TestScript, _ bool, args []string) {
	count := make(map[string]int)
	last := ""
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		var record struct{ Type string }
		if err := json.Unmarshal([]byte(line), &record); err != nil || !strings.HasPrefix(line, `{"type":`) {
			ts.Fatalf("%v: %s", err, line)
		}
		last = record.Type
		count[last]++
	}
	if last != "summary" {
		ts.Fatalf("the last record is %q", last)
	}
	for _, a := range args[1:] {
		kind, n, _ := strings.Cut(a, "=")
		if strconv.Itoa(count[kind]) != n {
			ts.Fatalf("%d records of type %s, want %s", count[kind], kind, n)
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func build(t testing.TB, layers ...packet.Layer) []byte {
	t.Helper()
	b, err := packet.Append(nil, layers...)
	must(t, err)
	return b
}

// start is the time of the first fixture packet.
var start = time.Date(2026, 1, 2, 3, 4, 5, 678_901_234, time.UTC)

var (
	alice = netip.MustParseAddr("192.0.2.1")
	bob   = netip.MustParseAddr("192.0.2.2")
)

// conversation is a short TCP connection, a DNS-like datagram, an echo and an ARP request, 10 ms apart.
func conversation(t testing.TB) []capture.Frame {
	eth := func() *packet.Ethernet {
		return &packet.Ethernet{Src: packet.MAC{2, 0, 0, 0, 0, 1}, Dst: packet.MAC{2, 0, 0, 0, 0, 2}}
	}
	there := func() *packet.IPv4 { return &packet.IPv4{Src: alice, Dst: bob, ID: 7} }
	back := func() *packet.IPv4 { return &packet.IPv4{Src: bob, Dst: alice, ID: 8} }
	tcp := func(from, to uint16, seq, ack uint32, flags wire.TCPFlags) *packet.TCP {
		return &packet.TCP{SrcPort: from, DstPort: to, Seq: seq, Ack: ack, Flags: flags}
	}
	six := &packet.IPv6{Src: netip.MustParseAddr("2001:db8::1"), Dst: netip.MustParseAddr("2001:db8::2")}
	list := [][]byte{
		build(t, eth(), there(), tcp(40000, 8080, 1000, 0, wire.SYN)),
		build(t, eth(), back(), tcp(8080, 40000, 5000, 1001, wire.SYN|wire.ACK)),
		build(t, eth(), there(), tcp(40000, 8080, 1001, 5001, wire.ACK)),
		build(t, eth(), there(), tcp(40000, 8080, 1001, 5001, wire.PSH|wire.ACK), packet.Payload("hello")),
		build(t, eth(), back(), tcp(8080, 40000, 5001, 1006, wire.FIN|wire.ACK)),
		build(t, eth(), there(), &packet.UDP{SrcPort: 5555, DstPort: 9999}, packet.Payload("\x1b[31mred\a\x9b2J")),
		build(t, eth(), six, &packet.UDP{SrcPort: 5555, DstPort: 9999}, packet.Payload("six")),
		build(t, eth(), there(), &packet.ICMPv4{Type: wire.ICMPv4Echo, ID: 3, Seq: 1}, packet.Payload("ping")),
		build(t, eth(), &packet.ARP{SenderIP: alice, TargetIP: bob}),
		build(t, eth(), &packet.VLAN{ID: 42}, there(), &packet.UDP{SrcPort: 1, DstPort: 2, Checksum: packet.U16(1)}, packet.Payload("bad")),
	}
	frames := make([]capture.Frame, len(list))
	for i, b := range list {
		frames[i] = capture.Frame{Data: b, Length: len(b), Time: start.Add(time.Duration(i) * 10 * time.Millisecond), Link: capture.LinkEthernet}
	}
	return frames
}

func write(t testing.TB, name string, frames []capture.Frame) {
	t.Helper()
	w, err := capture.Create(name, nil)
	must(t, err)
	must(t, w.Describe([]capture.Interface{{Name: "eth0", Link: capture.LinkEthernet, Snaplen: 262144}}))
	for i := range frames {
		must(t, w.Write(&frames[i]))
	}
	must(t, w.Close())
}

// fixtures makes the captures that the scripts read.
func fixtures(t testing.TB, dir string) {
	t.Helper()
	frames := conversation(t)
	write(t, filepath.Join(dir, "talk.pcap"), frames)
	write(t, filepath.Join(dir, "talk.pcap.zst"), frames)
	write(t, filepath.Join(dir, "first.pcapng"), frames[:4])
	write(t, filepath.Join(dir, "rest.pcap"), frames[4:])
	twoLinks(t, filepath.Join(dir, "links.pcapng"), frames)
	must(t, os.WriteFile(filepath.Join(dir, "talk.snoop"), snoop(frames), 0o644))
	write(t, filepath.Join(dir, "streams.pcap"), streams(t))
	write(t, filepath.Join(dir, "streams.pcap.zst"), streams(t))
	write(t, filepath.Join(dir, "pipelined.pcap"), pipelined(t))
	write(t, filepath.Join(dir, "fragments.pcap"), fragments(t))
	corrupt := streams(t)[:7]
	corrupt[6].Data[50] ^= 1 // the checksum of the request
	write(t, filepath.Join(dir, "corrupt.pcap"), corrupt)
	must(t, os.WriteFile(filepath.Join(dir, "request"), []byte("GET /index.html HTTP/1.1\r\nHost: a.example\r\n\r\n"), 0o644))

	whole, err := os.ReadFile(filepath.Join(dir, "talk.pcap"))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "cut.pcap"), whole[:len(whole)-5], 0o644))
	damaged := bytes.Clone(whole)
	binary.LittleEndian.PutUint32(damaged[24+8:], 1<<31)
	must(t, os.WriteFile(filepath.Join(dir, "damaged.pcap"), damaged, 0o644))

	told := slices.Clone(frames)
	told[1].Comments = []string{"look \x1b[2Jhere", "second"}
	told[2].Drops = 3
	told[3].Direction = capture.DirectionOut
	told[3].Offload.ChecksumPending = true
	write(t, filepath.Join(dir, "told.pcapng"), told)
	named := binary.LittleEndian.AppendUint16(nil, 1)
	named = binary.LittleEndian.AppendUint16(named, uint16(4+len("alice.example\x00")))
	named = append(append(named, alice.AsSlice()...), "alice.example\x00\x00\x00\x00\x00\x00\x00"...)
	block := binary.LittleEndian.AppendUint32(nil, uint32(capture.BlockNameResolution))
	block = binary.LittleEndian.AppendUint32(block, uint32(12+len(named)))
	block = binary.LittleEndian.AppendUint32(append(block, named...), uint32(12+len(named)))
	plain, err := os.ReadFile(filepath.Join(dir, "told.pcapng"))
	must(t, err)
	at := bytes.Index(plain, []byte{6, 0, 0, 0}) // the first packet
	must(t, os.WriteFile(filepath.Join(dir, "named.pcapng"), slices.Concat(plain[:at], block, plain[at:]), 0o644))
}

// twoLinks writes frames on Ethernet, and the third and the fourth without their Ethernet header, of two interfaces.
func twoLinks(t testing.TB, name string, frames []capture.Frame) {
	w, err := capture.Create(name, nil)
	must(t, err)
	ifs := []capture.Interface{{Name: "eth0", Link: capture.LinkEthernet}, {Name: "tun0", Link: capture.LinkRaw}}
	must(t, w.Describe(ifs))
	for i, f := range frames {
		if i == 2 || i == 3 {
			f.Interface, f.Link, f.Data, f.Length = 1, capture.LinkRaw, f.Data[14:], f.Length-14
		}
		must(t, w.Write(&f))
	}
	must(t, w.Close())
}

// snoop makes a file of Solaris' snoop (RFC 1761), 2 packets lost before the last.
func snoop(frames []capture.Frame) []byte {
	b := append([]byte("snoop\x00\x00\x00"), 0, 0, 0, 2, 0, 0, 0, 4)
	for i, f := range frames {
		pad := -len(f.Data) & 3
		for _, n := range []int{f.Length, len(f.Data), 24 + len(f.Data) + pad, 2 * (i / (len(frames) - 1)), int(f.Time.Unix()), f.Time.Nanosecond() / 1000} {
			b = binary.BigEndian.AppendUint32(b, uint32(n))
		}
		b = append(append(b, f.Data...), make([]byte, pad)...)
	}
	return b
}

// inDir runs the command on fixtures and returns its standard output.
func inDir(t *testing.T, dir string, args ...string) string {
	t.Helper()
	for i, a := range args {
		if strings.Contains(a, ".pcap") {
			args[i] = filepath.Join(dir, a)
		}
	}
	stdout, stderr, code := clitest.Run(t, run, "", args...)
	if code != cli.ExitOK {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	return stdout
}

var elapsed = regexp.MustCompile(`"elapsed_ns":\d+`)

// The records are a frozen schema: programs read them.
func TestJSONSchema(t *testing.T) {
	dir := t.TempDir()
	fixtures(t, dir)
	got := inDir(t, dir, "-r", "told.pcapng", "--json") + inDir(t, dir, "-r", "told.pcapng", "--json", "--stats")
	for _, flags := range [][]string{{"--streams"}, {"--stats=tcp"}, {"--follow", "tcp or udp"}, {"--extract", filepath.Join(dir, "bodies")}} {
		got += inDir(t, dir, append([]string{"-r", "streams.pcap", "--json"}, flags...)...)
	}
	got += inDir(t, dir, "-r", "fragments.pcap", "--json") + inDir(t, dir, "-r", "streams.pcap", "--json", "--flow", "flow.stream == 0")
	got = strings.ReplaceAll(got, filepath.ToSlash(dir), "DIR")
	got = elapsed.ReplaceAllString(got, `"elapsed_ns":0`)
	golden.Check(t, filepath.Join("testdata", "schema.jsonl"), got)
}

// Nothing that a packet or a file holds acts on a terminal.
func TestTerminalSafety(t *testing.T) {
	dir := t.TempDir()
	fixtures(t, dir)
	for _, args := range [][]string{
		{"-r", "told.pcapng"}, {"-r", "told.pcapng", "-v", "-e", "-X"}, {"-r", "told.pcapng", "-A"}, {"-r", "told.pcapng", "--json"},
		{"-r", "told.pcapng", "--stats"}, {"-r", "told.pcapng", "--why", "udp"}, {"-r", "streams.pcap", "--follow", "tcp"},
		{"-r", "told.pcapng", "--follow", "udp"}, {"-r", "told.pcapng", "--follow", "udp", "--follow-as", "hex"},
		{"-r", "told.pcapng", "--follow", "udp", "--json"}, {"-r", "told.pcapng", "--streams"},
	} {
		for _, c := range inDir(t, dir, args...) {
			if (c < ' ' && c != '\n' && c != '\t') || (c >= 0x7f && c < 0xa0) {
				t.Errorf("%v prints %U", args, c)
			}
		}
	}
}

// Whatever the number of processors and the way of reading, the output is the same and in order.
func TestOrder(t *testing.T) {
	dir := t.TempDir()
	frames := conversation(t)
	var many []capture.Frame
	for i := range 5000 {
		f := frames[i%len(frames)]
		f.Time = start.Add(time.Duration(i) * time.Microsecond)
		many = append(many, f)
	}
	write(t, filepath.Join(dir, "many.pcapng"), many)
	write(t, filepath.Join(dir, "many.pcapng.zst"), many)
	mapped := inDir(t, dir, "-r", "many.pcapng", "-#", "-tttt", "--nano", "--utc")
	streamed := inDir(t, dir, "-r", "many.pcapng.zst", "-#", "-tttt", "--nano", "--utc")
	if mapped != streamed {
		t.Error("a mapped and a packed file print differently")
	}
	n := 0
	for line := range strings.Lines(mapped) {
		n++
		if !strings.HasPrefix(line, strconv.Itoa(n)+"  2026-01-02 ") {
			t.Fatalf("line %d: %s", n, line)
		}
	}
	if n != len(many) {
		t.Errorf("%d lines", n)
	}
	if got := strings.Count(inDir(t, dir, "-r", "many.pcapng", "-c", "777", "udp"), "\n"); got != 777 {
		t.Errorf("-c 777 printed %d", got)
	}
}

func TestInstant(t *testing.T) {
	first := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"+1500ms":                   first.Add(1500 * time.Millisecond),
		"+2":                        first.Add(2 * time.Second),
		"03:04:06":                  first.Add(time.Second),
		"03:04:05.25":               first.Add(250 * time.Millisecond),
		"04:00":                     time.Date(2026, 1, 2, 4, 0, 0, 0, time.UTC),
		"2026-01-02T03:04:07Z":      first.Add(2 * time.Second),
		"2026-01-02T04:04:07+01:00": first.Add(2 * time.Second),
		"1767323045.000000001":      first.Add(1),
	} {
		var i instant
		if err := i.Set(text); err != nil {
			t.Errorf("%s: %v", text, err)
		} else if got := i.resolve(first, first, time.UTC); !got.Equal(want) {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
	for _, text := range []string{"", "+", "+x", "noon", "25:00:00", "2026-13-01", "1.2.3", "-5"} {
		var i instant
		if err := i.Set(text); err == nil {
			t.Errorf("%q is taken for a time", text)
		}
	}
}
