package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"sockwire/cmd/internal/cli/clitest"
	"sockwire/raw/netlab"
)

// onScreen starts pktview on a terminal of a host.
func onScreen(t *testing.T, h *netlab.Host, args ...string) *clitest.Screen {
	t.Helper()
	cmd := h.Command(t.Context(), "pktview", args...)
	cmd.SysProcAttr = nil // as capturing has it
	return clitest.OnScreen(t, cmd, 80, 24, "NO_COLOR=1")
}

// TestLiveTop: who talks is shown, page by page, at any size, and the run ends with the counts that --stats prints.
func TestLiveTop(t *testing.T) {
	_, a, b := netlab.Two(t)
	send := sender(t, a, b)
	s := onScreen(t, b, "-i", "eth0", "--top", "udp", "port", "9999")
	s.Await("nothing has passed yet")
	send(5)
	shown := func(text string) string {
		text = strings.ReplaceAll(text, a.Addr4().String(), "10.0.0.1")
		text = regexp.MustCompile(`\d[\d.]* [kM]?bit/s`).ReplaceAllString(text, "0")
		return clitest.Masked(regexp.MustCompile(`10\.0\.0\.1:\d+`).ReplaceAllString(text, "10.0.0.1"))
	}
	s.Take("testdata/screens/conversations.txt", regexp.QuoteMeta(b.Addr4().String())+`:9999 .* 5 `, shown)
	s.Key("\t")
	s.Take("testdata/screens/protocols.txt", `eth ip udp `, shown)
	s.Key("\tj\r")
	s.Await(`(?s)endpoints .*>.*\n  sent \d packets, .* received \d packets`)
	s.Resize(20, 5)
	s.Await(`^pktv.*\n address .*\n>.*\n.*\ntab page  q quit  p$`)
	s.Resize(300, 100)
	s.Key("\tr")
	s.Await(`conversations .*\n.*\n.*\n nothing has passed yet`)
	send(2)
	s.Await(`:9999 .* 2 `)
	s.Key("q")
	text, code := s.End()
	if code != 0 || !strings.Contains(text, "7 packets, ") || !strings.Contains(text, "CONVERSATIONS (1)") || !strings.Contains(text, "7 packets captured, 0 dropped") {
		t.Errorf("status %d, %q", code, text)
	}
}

// TestLiveTopOwners: with --owner there is a page of them.
func TestLiveTopOwners(t *testing.T) {
	owners(t)
	_, a, b := netlab.Two(t)
	send := sender(t, a, b)
	s := onScreen(t, b, "-i", "eth0", "--top", "--owner", "udp", "port", "9999")
	s.Await("nothing has passed yet")
	s.Key("\x1b[Z") // the page before the first
	send(5)
	s.Await(`(?s)owners +page 4 of 4.*exact.*\n \S+ +\d+ \S+ [^\n]* 5\n`)
	s.Key("q")
	if text, code := s.End(); code != 0 || !strings.Contains(text, "OWNERS (") {
		t.Errorf("status %d, %q", code, text)
	}
}

// TestTopWithoutTerminal: then the counts are printed at the end, and a number bounds them.
func TestTopWithoutTerminal(t *testing.T) {
	_, a, b := netlab.Two(t)
	send := sender(t, a, b)
	s := capturing(t, b, "-i", "eth0", "-c", "3", "--top", "1", "udp", "port", "9999")
	send(3)
	if code := s.end(0); code != 0 || !strings.Contains(s.stdout.String(), "ENDPOINTS (2)") || strings.Contains(s.stdout.String(), "\x1b") {
		t.Errorf("exit %d: %s%s", code, &s.stdout, s.stderr)
	}
}

// TestTopArguments: --top takes a number behind a space, as it always did, and stands alone.
func TestTopArguments(t *testing.T) {
	for _, c := range [][2]string{
		{"--top 5 -r f", "--top=5 -r f"}, {"-i x --top tcp port 80", "-i x --top tcp port 80"}, {"--top", "--top"}, {"-- --top 5", "-- --top 5"},
		{"--top=3 --top 4", "--top=3 --top=4"},
	} {
		args := strings.Fields(c[0])
		if got := joinTop(slices.Clone(args)); strings.Join(got, " ") != c[1] {
			t.Errorf("%q becomes %q, want %q", c[0], got, c[1])
		}
	}
	for line, want := range map[string]string{
		"-r testdata/none.pcap --top": "files are counted by --stats", "-i lo --top -w f.pcap": "--top shows who talks now", "--drops --top": "without --drops",
	} {
		if _, stderr, code := clitest.Run(t, run, "", strings.Fields(line)...); code != 2 || !strings.Contains(stderr, want) {
			t.Errorf("%s: %d %q", line, code, stderr)
		}
	}
}
