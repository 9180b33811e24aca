package trace_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sockwire/capture/golden"
	"sockwire/capture/trace"
	"sockwire/capture/trace/show"
	"sockwire/raw/wire"
)

// scriptLine is what a line of a packetdrill script may be, after packetdrill's grammar (parser.y and lexer.l of
// google/packetdrill): an option, a comment, a call or a packet with its time.
var scriptLine = func() *regexp.Regexp {
	const (
		number   = `\d+`
		stamp    = `(?:\+?\d+(?:\.\d+)?)`
		word     = `[A-Za-z_0-9]+`
		words    = word + `(?:\|` + word + `)*`
		iovec    = `\[\{\.\.\., ` + number + `\}\]`
		message  = `\{msg_name\(\.\.\.\)=\.\.\., msg_iov\(1\)=` + iovec + `, msg_flags=0\}`
		argument = `(?:\.\.\.|` + message + `|` + iovec + `|\[-?` + number + `\]|` + words + `)`
		call     = `(?:\.\.\.` + number + `\.` + number + `)? ` + word + `\((?:` + argument + `(?:, ` + argument + `)*)?\) = (?:` + number + `|-1 ` + word + ` \(` + word + `(?: ` + word + `)*\))`
		block    = number + `:` + number
		option   = `(?:nop|mss ` + number + `|wscale ` + number + `|sackOK|sack ` + block + `(?: ` + block + `)*|TS val ` + number + ` ecr ` + number + `|FO(?: [0-9a-f]+)?)`
		options  = `(?: <(?:` + option + `(?:,` + option + `)*|\.\.\.)>)?`
		segment  = `(?:[FSRPWEUC]+\.?|\.|-) ` + block + `\(` + number + `\)(?: ack ` + number + `)?(?: win ` + number + `)?` + options
		udp      = `udp \(` + number + `\)`
		icmp     = `icmp unreachable [a-z]+_unreachable(?: \[` + udp + `\])?`
		packet   = ` [<>] (?:` + segment + `|` + udp + `|` + icmp + `)`
	)
	return regexp.MustCompile(`^(?:|--ip_version=ipv6|//.*|` + stamp + `(?:` + call + `|` + packet + `))$`)
}()

// checkScript checks a script against the grammar, and with packetdrill itself where it is installed.
func checkScript(t *testing.T, script string) {
	t.Helper()
	for l := range strings.Lines(script) {
		if l = strings.TrimSuffix(l, "\n"); !scriptLine.MatchString(l) {
			t.Errorf("no line of a packetdrill script: %q", l)
		}
	}
	if packetdrill, err := exec.LookPath("packetdrill"); err == nil {
		file := filepath.Join(t.TempDir(), "seen.pkt")
		if err := os.WriteFile(file, []byte(script), 0o644); err != nil {
			t.Fatal(err)
		}
		if b, err := exec.Command(packetdrill, "--dry_run", file).CombinedOutput(); err != nil {
			t.Errorf("packetdrill: %v: %s", err, b)
		}
	}
}

func TestScript(t *testing.T) {
	for _, s := range scripts {
		var script show.Script
		script.Add(trace.Correlate(s.script().events))
		b, err := script.Append(nil, "")
		if s.name == "unix" || s.name == "raw" {
			if !errors.Is(err, show.ErrNoScript) {
				t.Errorf("%s: %v", s.name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", s.name, err)
		}
		checkScript(t, string(b))
		golden.Check(t, filepath.Join("testdata", s.name+".pkt"), string(b))
	}
}

// TestScriptParts checks what the goldens do not have: options, super-packets, a limit, text from outside.
func TestScriptParts(t *testing.T) {
	s := new(script)
	s.connection()
	s.events[2].(*trace.State).Actor = "ev\nil"
	s.events[4].(*trace.State).Actor = "ev\nil"
	s.events = s.events[:len(s.events)-3]
	s.packets = 0
	syn := s.segment(115.969, true, wire.SYN, 0, 0, "")
	syn.TCP.Options = []byte{2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7}
	s.segment(115.998, false, wire.SYN|wire.ACK, 0, 1, "").TCP.Options = []byte{34, 4, 0xab, 0xcd}
	big := s.segment(116, true, wire.PSH|wire.ACK, 1, 1, strings.Repeat("x", 2500))
	big.Segments, big.SegmentSize = 3, 1000
	isn := clientISN
	sack := s.segment(117, false, wire.ACK, 1, 1001, "")
	left, right := isn+2001, isn+2501
	sack.TCP.Options = []byte{1, 1, 5, 10, byte(left >> 24), byte(left >> 16), byte(left >> 8), byte(left), byte(right >> 24), byte(right >> 16), byte(right >> 8), byte(right)}
	s.segment(118, true, wire.ACK, 2501, 1, "").TCP.Options = []byte{200, 2}
	var out show.Script
	out.Add(trace.Correlate(s.events))
	b, err := out.Append(nil, "s2")
	if err != nil {
		t.Fatal(err)
	}
	checkScript(t, string(b))
	for _, want := range []string{
		"of ev il, 10.0.0.1:40066", "> S 0:0(0) <mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 7>", "< S. 0:0(0) ack 1 win 0 <FO abcd>",
		"> . 1:1001(1000) ack 1\n", "> . 1001:2001(1000) ack 1\n", "> P. 2001:2501(500) ack 1\n", "ack 1001 win 0 <nop,nop,sack 2001:2501>", "> . 2501:2501(0) ack 1 <...>\n",
	} {
		if !strings.Contains(string(b), want) {
			t.Errorf("no %q in\n%s", want, b)
		}
	}
	few := show.Script{Limit: 2}
	few.Add(trace.Correlate(s.events))
	if b, err = few.Append(nil, "s2"); err != nil || !strings.Contains(string(b), "// 4 calls and packets after these are left out.\n") {
		t.Errorf("%v\n%s", err, b)
	}
	if _, err = few.Append(nil, "s9"); !errors.Is(err, show.ErrNoScript) {
		t.Errorf("a socket that is not there: %v", err)
	}
}
