package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sockwire/capture/trace"
)

// TestEnded has threads end in a call: by signals, and by an exec of another thread. None of the calls has returned,
// whatever the kernel left them with.
func TestEnded(t *testing.T) { eachEngine(t, (*judge).ended) }

func (j *judge) ended(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{"killed": "recvfrom = ? recvfrom = ? recvfrom = ?", "execthread": "read = ? read = ? read = ? read = ? read = ?"} {
		r := j.record(t, j.host(t, "host "+args, false), t.TempDir(), nil, "exercise", args)
		if r.Code != 0 || r.Stderr != "" {
			t.Errorf("%+v", r.outcome)
		}
		var got []string
		for _, c := range r.calls {
			if c.Errno != "" || c.Result == nil {
				got = append(got, c.text(false, false))
			}
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%s: %s, want %s", args, s, want)
		}
	}
}

// TestLoss loses segments on purpose: the probe and what is sent again say what they carry, and that a timer caused
// them.
func TestLoss(t *testing.T) { eachEngine(t, (*judge).loss) }

func (j *judge) loss(t *testing.T) {
	t.Parallel()
	r := j.record(t, j.host(t, "host", false), t.TempDir(), nil, "exercise", "lose")
	if r.Code != 0 || r.Stderr != "" {
		t.Fatalf("%+v", r.outcome)
	}
	r.check(t, true)
	var writes []trace.Span // each of them whole
	for _, c := range r.calls {
		if c.Name == "write" {
			writes = append(writes, trace.Span{Call: c.Number, To: int(*c.Result), All: true})
		}
	}
	var sent []*sighting
	for _, p := range r.packets {
		if p.Payload > 0 {
			sent = append(sent, p)
		}
	}
	if len(writes) != 3 || len(sent) < 3 {
		t.Fatalf("%d writes, %d segments with data", len(writes), len(sent))
	}
	for i, p := range sent {
		want, again, cause := writes, true, "timer" // or the first of them: the kernel may put together what it sends again
		switch i {
		case 0:
			want, again, cause = writes[:1], false, "call"
		case 1:
			want, again = writes[1:], false
		}
		carries := slices.Equal(p.Carries, want) || i > 1 && slices.Equal(p.Carries, writes[:1])
		if !carries || p.Retransmit != again || p.Cause.Kind != cause || i == 0 && p.Cause.Call != writes[0].Call {
			t.Errorf("segment %d carries %v, sent again is %v, its cause %+v; want %v, %v, %s", i, p.Carries, p.Retransmit, p.Cause, want, again, cause)
		}
	}
}

// TestAtOnce has two threads write to one connection at once, urgent bytes among them, while a third reads in several
// ways: what is said of the bytes is true, and with ebpf it is said of most.
func TestAtOnce(t *testing.T) { eachEngine(t, (*judge).simultaneous) }

func (j *judge) simultaneous(t *testing.T) {
	t.Parallel()
	r := j.record(t, j.host(t, "host", false), t.TempDir(), nil, "exercise", "atonce")
	if r.Code != 0 || r.Stderr != "" {
		t.Errorf("%+v", r.outcome)
	}
	r.atOnce = true
	r.check(t, false)
	sent, unknown := 0, 0
	for _, p := range r.packets {
		if !p.Retransmit {
			sent, unknown = sent+p.Payload, unknown+p.Unattributed
		}
	}
	t.Logf("of %d bytes %d are of no known call", sent, unknown)
	if j.engine == "ebpf" && unknown > sent/2 {
		t.Errorf("of %d bytes %d are of no known call", sent, unknown)
	}
}

// TestJoining reads in timelines how calls and packets are joined: what carries bytes, what caused it, what failed
// whom.
func TestJoining(t *testing.T) { eachEngine(t, (*judge).joining) }

func (j *judge) joining(t *testing.T) {
	for _, c := range []struct {
		exercise string
		offload  bool
		want     []string
	}{
		{"cork", false, []string{
			`no packet: TCP_CORK$`, `no packet: MSG_MORE$`, `no packet: UDP_CORK$`,
			`s2→s3  P\. 1:32\(31\) += all of #\d+, all of #\d+ +caused by #\d+ setsockopt\(TCP_CORK, 0\)$`,
		}},
		{"nagle", false, []string{
			`no packet: Nagle, 6 bytes unacknowledged$`, `s2→s3  P\. 7:20\(13\) += all of #\d+, all of #\d+ +caused by the acknowledgement above$`,
			`= 19 "first second third ".*three sends in one receive$`,
		}},
		{"peek", false, []string{`= 15 "looked at twice".*left in the queue`, `MSG_TRUNC.* = 10 "a da".*`}},
		{"halfclose", false, []string{`= 0 +end of stream: the peer has finished sending$`}},
		{"refused", false, []string{`└ = ECONNREFUSED.* from the RST above$`, `read\(\d+, 10\) = ECONNREFUSED.* from the ICMP error above$`}},
		{"reset", false, []string{`read\(\d+, 10\) = ECONNRESET.* from the RST above$`}},
		{"fragments", false, []string{
			`frag id 0x[0-9a-f]+ 0\+1480 +UDP header, bytes 0\.\.1472 of #\d+$`, `frag id 0x[0-9a-f]+ 1480\+1480 +bytes 1472\.\.2952$`, `frag id 0x[0-9a-f]+ 2960 last +bytes 2952\.\.4000$`,
		}},
		{"segment", false, []string{`= 500 <[0-9a-f ]+…>.* #\d+\[2000:2500\]$`}},
		{"large", true, []string{` += #\d+\[\d+:\d+\] +offload: \d+ segments of ≤ \d+ on the wire$`}},
		{"raw", false, []string{
			`the kernel prepended: 20 bytes of IPv4, total length 32, .*; 12 bytes as passed$`,
			`the kernel changed: total length 0→33, id 0→0x[0-9a-f]+, checksum 0→0x[0-9a-f]+, source 0\.0\.0\.0→127\.0\.0\.1; 13 payload bytes as passed$`,
		}},
		{"rights", false, []string{`nothing on the wire; s\d+ receives it, and descriptor \d+ as \d+$`}},
		{"dissolve", false, []string{
			`s3→s2  UDP :\d+ → :\d+ length 10   all of #\d+$`, `s4→s2  UDP :\d+ → :\d+ length 10   all of #\d+$`,
			`s6→s8  P\. 1:11\(10\) += all of #\d+$`, `s9→s6  P\. 1:24\(23\) += all of #\d+$`,
		}},
		{"records", false, []string{`write\(\d+, "before the accept 0", 19\) = 19 +nothing on the wire; s4 receives it$`}},
		{"netlink", false, []string{`write\(\d+, <.*>, 20\) = 20$`, `fcntl\(\d+, F_GETFL\) = 2050 O_RDWR\|O_NONBLOCK$`}},
		{"untraced", false, []string{`#1 +exercise/\d+ +socket\(AF_INET, SOCK_DGRAM, IPPROTO_IP\) = \d+`, `shutdown\(\d+, SHUT_WR\) = ENOTCONN(?s:.*)shutdown\(\d+, SHUT_WR\) = ENOTCONN`}},
		{"fastopen", false, []string{`  S  0:0\(0\) mss 1460$`}},
		{"unix", false, []string{`write\(\d+, "by a path", 9\) = 9.* nothing on the wire; s3 receives it$`}},
	} {
		t.Run(c.exercise, func(t *testing.T) {
			if testing.Short() && !slices.Contains([]string{"cork", "refused", "raw"}, c.exercise) {
				t.Skip("in short mode a part is enough")
			}
			t.Parallel()
			h := j.host(t, "host", c.offload)
			out := filepath.Join(t.TempDir(), "timeline")
			var missing []string
			for range 5 { // a busy machine may take so long between two calls that they do not meet
				o := j.do(t, h, t.TempDir(), "sockwire", "--engine", j.engine, "-o", out, "--", "exercise", c.exercise)
				b, err := os.ReadFile(out)
				if err != nil || o != (outcome{}) {
					t.Fatalf("%v %+v", err, o)
				}
				quick := tookTime.ReplaceAll(b, nil) // on a busy machine any call may have
				missing = slices.DeleteFunc(slices.Clone(c.want), func(want string) bool {
					line := regexp.MustCompile("(?m)" + want)
					return line.Match(b) || line.Match(quick)
				})
				if len(missing) == 0 {
					return
				}
			}
			b, _ := os.ReadFile(out)
			t.Errorf("no %q in\n%s", missing, b)
		})
	}
}

var tookTime = regexp.MustCompile(`(?m) \([0-9.]+ (µs|ms|s)\)$`)

// TestLookups leaves the C library's look-ups of a name service cache out of the text, and says so; who asks for Unix
// sockets sees them, and records are complete.
func TestLookups(t *testing.T) { eachEngine(t, (*judge).lookups) }

func (j *judge) lookups(t *testing.T) {
	if _, err := os.Stat("/var/run/nscd/socket"); err == nil {
		t.Skip("a name service cache runs here")
	}
	h := j.host(t, "host", false)
	for _, c := range []struct {
		flags []string
		shown int
		said  bool
	}{{nil, 0, true}, {[]string{"--columns"}, 0, true}, {[]string{"--only", "unix"}, 2, false}, {[]string{"--json"}, 2, false}} {
		out := filepath.Join(t.TempDir(), "timeline")
		args := append([]string{"sockwire", "--engine", j.engine, "-o", out}, c.flags...)
		o := j.do(t, h, t.TempDir(), append(args, "--", "exercise", "lookup")...)
		b, err := os.ReadFile(out)
		if err != nil || o != (outcome{}) {
			t.Fatalf("%v %+v", err, o)
		}
		text := string(b)
		first, _, _ := strings.Cut(text, "\n")
		if n := strings.Count(text, "nscd/socket"); n < c.shown || c.shown == 0 && n > 0 {
			t.Errorf("%v: shown %d times:\n%s", c.flags, n, text)
		}
		if strings.Contains(text, "not shown: 2 of the C library's sockets") != c.said || c.flags == nil && !strings.Contains(first, "AF_INET") {
			t.Errorf("%v: the first line is %q, the end %q", c.flags, first, text[max(0, len(text)-200):])
		}
	}
}
