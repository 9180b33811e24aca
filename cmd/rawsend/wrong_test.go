package main

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sockwire/capture"
	"sockwire/cmd/internal/cli"
	"sockwire/cmd/internal/cli/clitest"
	"sockwire/raw/packet"
)

func TestGenerated(t *testing.T) { clitest.Generated(t, "rawsend", run) }

// local runs the command in this process, for what opens no socket.
func local(args ...string) result {
	var stdout, stderr bytes.Buffer
	code := run(context.Background(), args, strings.NewReader(""), &stdout, &stderr)
	return result{stdout.String(), stderr.String(), code}
}

// result is what a run of the command gave.
type result struct {
	stdout, stderr string
	code           int
}

func TestWrongInputIsRefusedBeforeAnythingIsSent(t *testing.T) {
	for _, test := range []struct {
		args []string
		want []string
	}{
		{nil, []string{"one expression is needed"}},
		{[]string{"ip", "/", "udp"}, []string{"one expression is needed, not 3 arguments: put it in quotes"}},
		{[]string{"ip{dst=192.0.2.1, ttl=256}"}, []string{"column 23: ttl has 8 bits", "hint:", "ttl=→256}"}},
		{[]string{"ip{dst=192.0.2.1} / udp{dport=1..9, sport=}"}, []string{"column 43"}},
		{[]string{"ip / udp{dport=9}"}, []string{"where to?"}},
		{[]string{"ip{dst=255.255.255.255} / udp{dport=9}"}, []string{"is the broadcast address", "--allow broadcast"}},
		{[]string{"ip{dst=239.1.2.3} / udp{dport=9}"}, []string{"is a multicast group", "--allow multicast"}},
		{[]string{"ip6{dst=ff02::1} / icmp6"}, []string{"is a multicast group", "--allow multicast"}},
		{[]string{"ip{dst=192.0.2.1,239.1.2.3} / udp{dport=9}"}, []string{"239.1.2.3 is a multicast group"}},
		{[]string{"ip{dst=192.0.2.0/24} / icmp"}, []string{"one of a whole prefix", "--allow subnet"}},
		{[]string{"arp{tpa=192.0.2.0/24}"}, []string{"one of a whole prefix", "--allow subnet"}},
		{[]string{"--allow", "subnet", "ip{dst=10.0.0.0/8} / icmp"}, []string{"makes 16777216 packets", "--yes"}},
		{[]string{"ip{dst=192.0.2.1} / udp{sport=1..65535, dport=1..65535}"}, []string{"makes 4294836225 packets", "--yes"}},
		{[]string{"--flood", "--rate", "5", "ip{dst=192.0.2.1} / icmp"}, []string{"exclude each other"}},
		{[]string{"--poisson", "ip{dst=192.0.2.1} / icmp"}, []string{"need --rate"}},
		{[]string{"--engine", "fast", "ip{dst=192.0.2.1} / icmp"}, []string{"auto, raw, packet, xdp or trains"}},
		{[]string{"--engine", "raw", "eth / ip{dst=192.0.2.1} / icmp"}, []string{"starts with eth"}},
		{[]string{"--describe", "ip{dst=192.0.2.1} / icmp"}, []string{"-r FILE"}},
		{[]string{"--edit", "ip{ttl=1}", "ip{dst=192.0.2.1} / icmp"}, []string{"-r FILE"}},
		{[]string{"--edit", "ip{ttl=x}", "-r", "nothing.pcap"}, []string{"column 8"}},
		{[]string{"-r", "nothing.pcap"}, []string{"no such file"}},
		{[]string{"--print", "--to-go", "ip{dst=192.0.2.1} / icmp"}, []string{"exclude each other"}},
		{[]string{"--allow", "everything", "ip{dst=192.0.2.1} / icmp"}, []string{"broadcast, multicast, subnet"}},
		{[]string{"--stateless", "--retry", "2", "ip{dst=192.0.2.1} / icmp"}, []string{"remembers nothing"}},
		{[]string{"--rats", "5"}, []string{"--rate"}},
		{[]string{"--print", "ip{dst=192.0.2.1} / udp{dport=1..5000}"}, []string{"makes 5000 packets", "-c"}},
		{[]string{"--print", "ip{dst=192.0.2.1} / text{x}"}, []string{"layer 1, IPv4: no protocol number is known for Payload"}},
		{[]string{"--print", "ip{dst=192.0.2.1} / frag{mtu=20} / udp"}, []string{"column 21: frag: an MTU of 20", "mtu=28 or more", "hint:", "→frag"}},
		{[]string{"ip{dst=192.0.2.1} / vlan / udp"}, []string{"column 1: layer 1, IPv4: no protocol number is known for VLAN", "hint:", "→ip{"}},
		{[]string{"--print", "eth / ip{dst=192.0.2.1} / text{é} / vlan / udp"}, []string{"column 7: layer 2, IPv4", "→ip{"}},
		{[]string{"--print", "ip{dst=192.0.2.1} / udp / file{/nonexistent}"}, []string{"column 32", "no such file"}},
	} {
		r := local(test.args...)
		if r.code != 2 || r.stdout != "" {
			t.Errorf("%q: exit %d, %q", test.args, r.code, r.stdout)
		}
		for _, want := range test.want {
			if !strings.Contains(r.stderr, want) {
				t.Errorf("%q: %q, want %q in it", test.args, r.stderr, want)
			}
		}
	}
}

// TestWhatOtherToolsMean: what a user of another tool types is not taken to mean something else without a word.
func TestWhatOtherToolsMean(t *testing.T) {
	const spec = "ip{dst=192.0.2.1} / udp{dport=9}"
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"--rate", "10M", spec}, "write 10Mpps (packets a second) or 10Mbps (bits a second)"},
		{[]string{"-i", "50kpps", spec}, "--rate 50kpps"},
		{[]string{"-i", "eth0", spec}, "-I NAME"},
		{[]string{"-i", "0", spec}, "--flood"},
		{[]string{"-i", "1ms", "--rate", "5", spec}, "exclude each other"},
		{[]string{"-w", "64", spec}, "tcp{win=64}"},
		{[]string{"-S", "-p", "80", "192.0.2.1"}, "flags=S"},
		{[]string{"-p", "80", "192.0.2.1"}, "dport=PORT"},
		{[]string{"-1", "192.0.2.1"}, "icmp"},
		{[]string{"--tcp", "-p", "80", "192.0.2.1"}, "tcp{dport=PORT}"},
		{[]string{"--rand-source", "192.0.2.1"}, "src=rand"},
		{[]string{"--topspeed", "-r", "file.pcap"}, "--flood"},
		{[]string{"192.0.2.1"}, "'ip{dst=192.0.2.1} / icmp'"},
		{[]string{"2001:db8::1"}, "'ip6{dst=2001:db8::1} / icmp6'"},
		{[]string{`IP(dst="192.0.2.1")/TCP(dport=80)`}, "'ip{dst=192.0.2.1} / tcp{dport=80}'"},
	} {
		r := local(test.args...)
		if r.code != 2 || r.stdout != "" || !strings.Contains(r.stderr, test.want) {
			t.Errorf("%q: exit %d, %q, want %q", test.args, r.code, r.stderr, test.want)
		}
	}
	for text, want := range map[string]time.Duration{"10ms": 10 * time.Millisecond, "0.5": time.Second / 2, "u1000": time.Millisecond, "2": 2 * time.Second} {
		var v interval
		if err := v.Set(text); err != nil || time.Duration(v) != want {
			t.Errorf("-i %s: %v, %v, want %v", text, time.Duration(v), err, want)
		}
	}
}

func TestPlainNumbers(t *testing.T) {
	for v, want := range map[float64]string{13522200: "13522200", 1e9: "1000000000", 102264.3: "102264", 100: "100", 99.5: "99.5", 10: "10", 1: "1", 0.999999: "1", 0.25: "0.25", 0.0123: "0.0123"} {
		if got := plainNumber(v); got != want {
			t.Errorf("%v is written %s, want %s", v, got, want)
		}
	}
	for text, want := range map[string]string{cli.Plural(uint64(1), "packet"): "1 packet", cli.Plural(0, "reply"): "0 replies", cli.Plural(1, "reply"): "1 reply", cli.Plural(2, "byte"): "2 bytes"} {
		if text != want {
			t.Errorf("%q, want %q", text, want)
		}
	}
}

func TestPrint(t *testing.T) {
	r := local("--print", "--seed", "1", "ip{src=192.0.2.1, dst=198.51.100.2, id=1} / udp{sport=5000, dport=9} / hex{0001}")
	for _, want := range []string{
		"# 1  ip{id=1, src=192.0.2.1, dst=198.51.100.2} / udp{sport=5000, dport=9} / hex{0001}",
		"12-15", "Source: 192.0.2.1", "Destination Port: 9", "0x0000  4500 001e 0001 0000 4011",
	} {
		if !strings.Contains(r.stdout, want) || r.code != 0 {
			t.Errorf("exit %d, no %q in\n%s%s", r.code, want, r.stdout, r.stderr)
		}
	}
	// The same seed shows the same packets.
	again := []string{"--print", "--seed", "7", "-c", "3", "ip{src=192.0.2.1, dst=198.51.100.2} / udp{sport=rand, dport=9} / random{20}"}
	if one, two := local(again...), local(again...); one.stdout != two.stdout || strings.Count(one.stdout, "# ") != 3 {
		t.Errorf("two runs of one seed differ:\n%s\n%s", one.stdout, two.stdout)
	}
}

func TestDescribeOfWrittenPackets(t *testing.T) {
	file := filepath.Join(t.TempDir(), "packets.pcapng")
	expression := "eth{dst=02:00:00:00:00:02, src=02:00:00:00:00:01} / ip{src=192.0.2.1, dst=198.51.100.2, id=1, ttl=1..3} / tcp{sport=1, dport=80, seq=5, options=[mss{1460}, sackok]} / text{hello}"
	if r := local("-w", file, expression); r.code != 0 || !strings.Contains(r.stderr, ": 3 packets written") {
		t.Fatalf("exit %d: %s", r.code, r.stderr)
	}
	if r := local("-w", file+".one", "-c", "1", expression); r.code != 0 || !strings.Contains(r.stderr, ": 1 packet written") {
		t.Fatalf("exit %d: %s", r.code, r.stderr)
	}
	r := local("--describe", "-r", file, "tcp port 80")
	lines := strings.Split(strings.TrimSpace(r.stdout), "\n")
	if len(lines) != 3 {
		t.Fatalf("%s%s", r.stdout, r.stderr)
	}
	want, err := packet.Parse(expression)
	if err != nil {
		t.Fatal(err)
	}
	for n, line := range lines {
		got, err := packet.Parse(line)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		w, _, _ := want.Append(nil, nil, uint64(n))
		if g, _, err := got.Append(nil, nil, 0); err != nil || !bytes.Equal(g, w) {
			t.Errorf("%s\n got %x (%v)\nwant %x", line, g, err, w)
		}
	}
	// Nothing matches: the network, or rather the file, said no.
	if r := local("--describe", "-r", file, "udp"); r.code != 1 || !strings.Contains(r.stderr, "no packet of") {
		t.Errorf("exit %d: %s", r.code, r.stderr)
	}
	// Edits show in what is described.
	if r := local("--describe", "--edit", "ip{ttl=9, dst=198.51.100.77} / tcp{dport=8080}", "-r", file); strings.Count(r.stdout, "ttl=9, src=192.0.2.1, dst=198.51.100.77") != 3 || strings.Count(r.stdout, "dport=8080") != 3 {
		t.Errorf("%s%s", r.stdout, r.stderr)
	}
	if err := os.WriteFile(file, []byte("not a capture"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := local("--describe", "-r", file); r.code != 2 {
		t.Errorf("exit %d: %s", r.code, r.stderr)
	}
}

func TestToGo(t *testing.T) {
	r := local("--to-go", "--seed", "3", "ip{src=192.0.2.1, dst=198.51.100.2, id=9} / udp{sport=1, dport=2} / text{hi}")
	for _, want := range []string{"package main", `&packet.IPv4{ID: 9, Src: netip.MustParseAddr("192.0.2.1")`, "&packet.UDP{SrcPort: 1, DstPort: 2}", `packet.Payload("hi")`} {
		if !strings.Contains(r.stdout, want) || r.code != 0 {
			t.Errorf("exit %d, no %s in\n%s%s", r.code, want, r.stdout, r.stderr)
		}
	}
	if r := local("--to-go", "--seed", "3", "ip{src=192.0.2.1, dst=198.51.100.2, ttl=1..30} / udp{dport=2}"); !strings.Contains(r.stdout, "packet.Parse(") || !strings.Contains(r.stdout, "t.SetSeed(3)") {
		t.Errorf("%s%s", r.stdout, r.stderr)
	}
}

// TestExamplesOfTheHelp: what the help shows is right.
func TestExamplesOfTheHelp(t *testing.T) {
	var o options
	c := newCommand(&o)
	for _, e := range c.Examples {
		_, rest, ok := strings.Cut(e.Line, "'")
		if !ok {
			continue
		}
		expression, _, _ := strings.Cut(rest, "'")
		var err error
		if strings.Contains(e.Line, "--edit") {
			_, err = o.parser().ParseEdit(expression)
		} else {
			_, err = o.parser().Parse(expression)
		}
		if err != nil {
			t.Errorf("%s: %v", e.Line, err)
		}
	}
}

// TestTargetsMustBeSaid: what reaches many is refused unless it is named, also when it hides behind chance or an
// Ethernet address.
func TestTargetsMustBeSaid(t *testing.T) {
	for _, test := range []struct{ spec, want string }{
		{"ip{dst=rand} / udp{dport=9}", "--allow subnet"},
		{"ip6{dst=rand} / udp{dport=9}", "--allow subnet"},
		{"ip{dst=rand 192.0.2.0/24} / udp{dport=9}", "--allow subnet"},
		{"ip6{dst=rand 2001:db8::/32} / udp{dport=9}", "--allow subnet"},
		{"arp{tpa=rand}", "--allow subnet"},
		{"ip{dst=192.0.2.0..192.0.2.255} / udp{dport=9}", "--allow subnet"},
		{"ip{dst=192.0.2.1..192.0.2.254} / udp{dport=9}", "--allow subnet"},
		{"ip{dst=192.0.1.77..192.0.3.8} / udp{dport=9}", "--allow subnet"},
		{"ip{dst=192.0.2.128..192.0.2.255,192.0.2.1..192.0.2.127} / udp{dport=9}", "--allow subnet"},
		{"ip{dst=rand 192.0.2.0..192.0.2.255} / udp{dport=9}", "--allow subnet"},
		{"ip{dst=seq 192.0.2.1} / udp{dport=9}", "--allow subnet"},
		{"ip6{dst=2001:db8::1..2001:db8::fe} / udp{dport=9}", "--allow subnet"},
		{"arp{tpa=192.0.2.1..192.0.2.254}", "--allow subnet"},
		{"ip{dst=127.0.0.1..127.0.0.254} / udp{dport=9}", "--allow subnet"},
		{"eth{dst=broadcast} / ip{dst=192.0.2.1} / udp{dport=9}", "--allow broadcast"},
		{"eth{dst=broadcast, type=0x88b5} / hex{00}", "--allow broadcast"},
		{"eth{dst=01:80:c2:00:00:0e, type=0x88cc} / hex{00}", "--allow multicast"},
		{"ip{dst=rand 239.255.255.0..240.0.0.9} / udp{dport=9}", "--allow subnet"},
		{"ip{dst=rand 239.255.255.250..240.0.0.9} / udp{dport=9}", "--allow multicast"},
		{"ip{dst=rand 224.0.0.0..224.0.0.9} / udp{dport=9}", "--allow multicast"},
	} {
		r := local("-c", "50", "--rate", "1000", test.spec)
		if r.code != 2 || !strings.Contains(r.stderr, test.want) {
			t.Errorf("%s: exit %d, %q, want %q", test.spec, r.code, r.stderr, test.want)
		}
	}
}

// TestHostileFiles: what is no file of values is refused, soon and without taking memory.
func TestHostileFiles(t *testing.T) {
	for _, spec := range []string{
		"ip{dst=192.0.2.1, ttl=from /dev/zero} / udp", "ip{dst=192.0.2.1} / udp / file{/dev/zero}", "ip{dst=192.0.2.1} / udp / lines{/dev/zero}",
		"ip{dst=192.0.2.1, ttl=from /} / udp", "ip{dst=192.0.2.1} / udp / file{/}", "ip{dst=192.0.2.1, ttl=from /dev/null} / udp",
		"ip{dst=192.0.2.1} / udp / random{4000000000}", "ip{dst=192.0.2.1} / udp / zero{262145}", "ip{dst=192.0.2.1, id=1..18446744073709551616} / udp",
		"ip{dst=192.0.2.1, ttl=from FIFO} / udp", "ip{dst=192.0.2.1} / udp / lines{FIFO}",
	} {
		if strings.Contains(spec, "/dev/zero") && testing.Short() {
			continue
		}
		if fifo := makeFIFO(t); fifo != "" {
			spec = strings.ReplaceAll(spec, "FIFO", fifo)
		}
		start := time.Now()
		r := local("--print", spec)
		if d := time.Since(start); d > 30*time.Second {
			t.Errorf("%s took %v", spec, d)
		}
		if strings.Contains(spec, "lines{") && strings.Contains(spec, "fifo") { // one empty line: an empty payload
			continue
		}
		if r.code != 2 || !strings.Contains(r.stderr, "column ") || strings.Count(r.stderr, "\n") != 2 {
			t.Errorf("%s: exit %d, %q", spec, r.code, r.stderr)
		}
	}
}

// TestDescribedPacketsAreSafeInAShell: whatever a stranger's payload holds, the expression of it can be pasted into a
// shell, in quotes of either kind or in none, and runs nothing.
func TestDescribedPacketsAreSafeInAShell(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no shell on the path")
	}
	dir := t.TempDir()
	for i, payload := range []string{
		"'; touch ran; '", `"; touch ran; "`, "$(touch ran)", "`touch ran`", "x; touch ran", "x & touch ran", "x | touch ran", "x > ran", "'\n touch ran\n'", `\'; touch ran; \'`,
		`\`, `"'"'$(touch ran)`, "<(touch ran)", "!touch ran", "} / udp; touch ran #",
	} {
		file := filepath.Join(dir, fmt.Sprint(i, ".pcap"))
		f, err := packet.Append(nil, &packet.IPv4{ID: 1, Src: netip.MustParseAddr("192.0.2.1"), Dst: netip.MustParseAddr("198.51.100.2")},
			&packet.UDP{SrcPort: 1, DstPort: 2}, packet.Payload(payload))
		if err != nil {
			t.Fatal(err)
		}
		writeRaw(t, file, f)
		r := local("--describe", "-r", file)
		line := strings.TrimSuffix(r.stdout, "\n")
		if r.code != 0 || strings.Contains(line, "'") {
			t.Errorf("%q: exit %d, %s", payload, r.code, r.stdout)
		}
		for _, pasted := range []string{"'" + line + "'", `"` + line + `"`, line} {
			cmd := exec.Command(sh, "-c", "printf '%s' "+pasted)
			cmd.Dir = dir
			out, _ := cmd.Output() // a quote that does not end is an error, and does no harm
			if pasted[0] == '\'' && string(out) != line {
				t.Errorf("%q: the shell made of %s\n%s", payload, line, out)
			}
			if _, err := os.Stat(filepath.Join(dir, "ran")); err == nil {
				t.Fatalf("%q: pasting %s ran a command", payload, pasted)
			}
		}
		template, err := packet.Parse(line)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if b, _, err := template.Append(nil, nil, 0); err != nil || !bytes.Equal(b, f) {
			t.Errorf("%s builds %x, want %x (%v)", line, b, f, err)
		}
	}
}

// writeRaw writes IP packets to a capture file.
func writeRaw(t *testing.T, file string, packets ...[]byte) {
	t.Helper()
	w, err := capture.Create(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Describe([]capture.Interface{{Name: "x", Link: capture.LinkRaw}}); err != nil {
		t.Fatal(err)
	}
	for i, p := range packets {
		f := capture.Frame{Data: p, Length: len(p), Link: capture.LinkRaw, Time: time.Unix(1000, int64(i)*int64(time.Millisecond))}
		if err := w.Write(&f); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}
