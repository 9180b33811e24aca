package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sockwire/raw/netlab"
)

// lab is a host behind two routers. The first refuses three networks, each in its own way: prohibited, silent,
// unreachable.
type lab struct {
	*netlab.Lab
	a, r1, r2, b *netlab.Host
}

var refusing = map[netlab.RouteKind][]string{
	netlab.Prohibit:    {"198.51.100.0/24", "2001:db8:1::/48"},
	netlab.Blackhole:   {"203.0.113.0/24", "2001:db8:2::/48"},
	netlab.Unreachable: {"192.0.2.0/24", "2001:db8:3::/48"},
}

func newLab() (*lab, error) {
	nl, err := netlab.New(nil)
	if err != nil {
		return nil, err
	}
	l := &lab{Lab: nl}
	host := func(make func(string) (*netlab.Host, error), name string) *netlab.Host {
		h, hostErr := make(name)
		err = errors.Join(err, hostErr)
		return h
	}
	l.a, l.r1, l.r2, l.b = host(nl.Host, "a"), host(nl.Router, "r1"), host(nl.Router, "r2"), host(nl.Host, "b")
	if err != nil {
		return l, err
	}
	link := func(x, y *netlab.Host, mtu int) {
		_, linkErr := nl.Link(x, y, netlab.LinkConfig{MTU: mtu})
		err = errors.Join(err, linkErr)
	}
	link(l.a, l.r1, 0)
	link(l.r1, l.r2, 0)
	link(l.r2, l.b, 1400)
	for _, r := range []*netlab.Host{l.r1, l.r2} {
		err = errors.Join(err, r.Sysctl("net.ipv4.icmp_ratelimit", "0"), r.Sysctl("net.ipv6.icmp.ratelimit", "0"),
			r.Sysctl("net.ipv4.icmp_echo_ignore_broadcasts", "0"))
	}
	for kind, prefixes := range refusing {
		for i, via := range []netip.Addr{l.r1.Addr4(), l.r1.Addr6()} {
			prefix := netip.MustParsePrefix(prefixes[i])
			err = errors.Join(err, l.r1.AddRoute(netlab.Route{Dst: prefix, Kind: kind}), l.a.AddRoute(netlab.Route{Dst: prefix, Via: via}))
		}
	}
	return l, err
}

// words puts the lab's addresses into the arguments of a command.
func (l *lab) words(args string) []string {
	names := strings.NewReplacer("A4", l.a.Addr4().String(), "A6", l.a.Addr6().String(), "B4", l.b.Addr4().String(), "B6", l.b.Addr6().String(),
		"R4", l.r1.Addr4().String(), "R6", l.r1.Addr6().String(), "NET4", netip.AddrFrom4([4]byte{10, 0, 1, 255}).String())
	return strings.Fields(names.Replace(args))
}

// outcome is what a command printed and its exit status.
type outcome struct {
	stdout, stderr string
	code           int
}

// on runs a command on a host of a lab. One that does not end by itself is ended; if it is ours, it says on standard
// error what it was waiting for.
func on(h *netlab.Host, name string, args ...string) (outcome, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	cmd := h.Command(ctx, name, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGABRT) }
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.Env = append(cmd.Environ(), "NO_COLOR=1", "LC_ALL=C", "GORACE=atexit_sleep_ms=0")
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = nil
	}
	return outcome{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}, err
}

// peer skips a test that compares with a program which is not here.
func peer(t *testing.T, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		if os.Getenv("REQUIRE_PEERS") != "" {
			t.Fatalf("REQUIRE_PEERS is set, but %v", err)
		}
		t.Skip(err)
	}
}

// said is what the output of ping means: what scripts take from it.
type said struct {
	Code     int
	Complain bool   // wrong usage or no way to send: told on standard error, and nothing was sent
	Size     string // "56(84)" or "56"
	Pattern  string
	Replies  []string // "seq bytes from ttl"
	Dups     int
	Errors   []string // "seq from text mtu"
	Local    []string // "mtu" of each message that was too long
	Overdue  []string // "seq"
	Route    []string // addresses of the record route option
	Stamps   int      // entries of the timestamp option
	Sent     int
	Received int
	Refused  string
	Loss     string
	Times    bool // replies have a time and the summary has the line of them
	Dated    bool // lines begin with the time of day
	Bells    int
}

var (
	headerLine  = regexp.MustCompile(`^PING .* (\d+(\(\d+\))?) (bytes of data\.|data bytes)$`)
	replyLine   = regexp.MustCompile(`^(\[\d+\.\d+\] )?(\d+) bytes from ([^ ]+): icmp_seq=(\d+)(?: ident=\d+)?( ttl=\d+)?( time=[\d.]+ ms)?`)
	errorLine   = regexp.MustCompile(`^(\[\d+\.\d+\] )?From ([^ ]+) icmp_seq=(\d+) (.*?):?( \(?mtu ?= ?(\d+)\)?)?$`)
	localLine   = regexp.MustCompile(`message too long, mtu(?:=|: )(\d+)$`)
	overdueLine = regexp.MustCompile(`^(\[\d+\.\d+\] )?no answer yet for icmp_seq=(\d+)$`)
	statsLine   = regexp.MustCompile(`^(\d+) packets transmitted, (\d+) received(?:, \+\d+ duplicates)?(?:, \+\d+ corrupted)?(?:, \+(\d+) errors)?, ([\d.]+)% packet loss, time \d+ms$`)
	routeLine   = regexp.MustCompile(`^(?:RR: ?)?\t([\d.]+)$`)
	stampLine   = regexp.MustCompile(`^(?:TS: ?)?\t(?:[\d.]+\t)?(?:-?\d+(?: absolute)?|\d\d:\d\d:\d\d\.\d+ UT)$`)
)

// understand reads the output of ping or rawping.
func understand(o outcome) said {
	s := said{Code: o.code, Bells: strings.Count(o.stdout, "\a")}
	route := strings.Contains(o.stdout, "RR:")
	for line := range strings.Lines(o.stdout + o.stderr) {
		line = strings.TrimRight(strings.ReplaceAll(line, "\a", ""), "\n")
		if m := headerLine.FindStringSubmatch(line); m != nil {
			s.Size = m[1]
		} else if pattern, ok := strings.CutPrefix(line, "PATTERN: "); ok {
			s.Pattern = pattern
		} else if m := replyLine.FindStringSubmatch(line); m != nil {
			if strings.Contains(line, "DUP!") {
				s.Dups++
				continue
			}
			s.Replies = append(s.Replies, fmt.Sprint(m[4], " ", m[2], " ", m[3], m[5]))
			s.Times, s.Dated = s.Times || m[6] != "", s.Dated || m[1] != ""
		} else if m := errorLine.FindStringSubmatch(line); m != nil {
			s.Errors = append(s.Errors, fmt.Sprint(m[3], " ", m[2], " ", m[4], " ", m[6]))
			s.Dated = s.Dated || m[1] != ""
		} else if m := localLine.FindStringSubmatch(line); m != nil {
			s.Local = append(s.Local, m[1])
		} else if m := overdueLine.FindStringSubmatch(line); m != nil {
			s.Overdue = append(s.Overdue, m[2])
			s.Dated = s.Dated || m[1] != ""
		} else if m := statsLine.FindStringSubmatch(line); m != nil {
			s.Sent, _ = strconv.Atoi(m[1])
			s.Received, _ = strconv.Atoi(m[2])
			s.Refused, s.Loss = m[3], m[4]
		} else if m := routeLine.FindStringSubmatch(line); m != nil && route {
			s.Route = append(s.Route, m[1])
		} else if stampLine.MatchString(line) {
			s.Stamps++
		} else if strings.HasPrefix(line, "rtt min/avg/max/mdev = ") {
			s.Times = true
		}
	}
	s.Complain = o.stderr != "" && s.Sent == 0 && s.Loss == ""
	return s
}

// Differences from ping that are meant. Each is the first cell of a row of the README's table.
const (
	wrongValues   = "wrong values"
	garbage       = "values with something behind the number"
	sourceFamily  = "`-I` an address of the other family"
	briefInterval = "`-i` below 2ms"
	patternLength = "`-p`"
	largeSize     = "`-s`"
	payloadTime   = "RTT from the payload"
	overdueEnd    = "`-O`"
	timeOption    = "`-T`"
	hexMark       = "`-m`"
	probeWay      = "`-M probe`"
	headerText    = "first line"
	optionsSix    = "`-R`, `-T` to an IPv6 host"
)

// pingCase is one command line given to both.
type pingCase struct {
	args    string
	ours    string // for rawping, if it is written otherwise
	differs string // the difference from ping that is meant
	fields  string // of said, in which the two differ then
	fresh   bool   // wants a lab that knows nothing of paths, and routers that have not told of errors
	paced   bool   // the number sent depends on the machine's speed
	slow    bool   // takes a second
}

var pingCases = []pingCase{
	{args: "-c 2 -i 0.05 B4"}, {args: "-c 2 -i 0.05 B6"}, {args: "-c 1 127.0.0.1"}, {args: "-c 1 ::1"}, {args: "-c1 -q B4"}, {args: "-qnc2 -i.05 B4"},
	// What routers say.
	{args: "-c 2 -i 0.05 198.51.100.1", fresh: true}, {args: "-c 1 2001:db8:1::1", fresh: true},
	{args: "-c 1 192.0.2.1", fresh: true}, {args: "-c 1 2001:db8:3::1", fresh: true},
	{args: "-c 1 -W 0.2 203.0.113.1"}, {args: "-c 1 -W 0.2 2001:db8:2::1"}, {args: "-c 3 -i 0.05 -W 0.2 203.0.113.1"},
	{args: "-t 1 -c 1 B4"}, {args: "-t 2 -c 1 B4"}, {args: "-t 3 -c 1 B4"}, {args: "-t 1 -c 1 B6"}, {args: "-t 2 -c 1 B6"}, {args: "-D -t 1 -c 1 B4"},
	// The path's MTU.
	{args: "-c 1 -s 1450 -M do B4", fresh: true}, {args: "-c 3 -i 0.1 -s 1450 -M do -W 0.2 B4", fresh: true}, {args: "-c 1 -s 1440 -M do B6", fresh: true},
	{args: "-c 3 -i 0.1 -s 1440 -M do -W 0.2 B6", fresh: true}, {args: "-c 1 -s 1600 -M do -W 0.2 B4", fresh: true},
	{args: "-c 1 -s 1450 -M want B4", fresh: true}, {args: "-c 1 -s 1450 -M dont B4", fresh: true}, {args: "-c 1 -s 1440 -M dont B6", fresh: true}, {args: "-c 1 -s 3000 B4", fresh: true}, {args: "-c 1 -s 3000 B6", fresh: true},
	{args: "-c 1 -s 1450 -M probe B4", fresh: true, differs: probeWay, fields: "Code Complain Size Errors Sent Refused Loss"},
	{args: "-c 1 -M bad B4"},
	// Counts and times.
	{args: "-c 0 B4", differs: wrongValues, fields: "Code"}, {args: "-c -1 B4", differs: wrongValues, fields: "Code"}, {args: "-c x B4", differs: wrongValues, fields: "Code"},
	{args: "-c 99999999999999999999 B4", differs: wrongValues, fields: "Code"},
	{args: "-i 0.05 -c 3 -W 1 B4"}, {args: "-i x -c 1 B4", differs: garbage, fields: "Code Complain Size Replies Sent Received Loss Times"},
	{args: "-i 0 -c 2 B4", differs: briefInterval, fields: "Code Complain Size Replies Sent Received Loss Times"},
	{args: "-i 0.001 -c 2 B4", differs: briefInterval, fields: "Code Complain Size Replies Sent Received Loss Times"},
	{args: "-i 1e10 -c 1 B4"}, {args: "-i 0.002 -c 3 B4"},
	{args: "-w 0 -c 1 B4"}, {args: "-w -1 B4", differs: wrongValues, fields: "Code"}, {args: "-w x B4", differs: wrongValues, fields: "Code"},
	{args: "-w 1 -c 5 -i 0.4 203.0.113.1", paced: true, slow: true}, {args: "-w 1 -i 0.4 B4", paced: true, slow: true}, {args: "-w 1 -c 100 -i 0.4 B4", paced: true, slow: true},
	{args: "-w 1 -c 2 -i 0.05 B4"}, {args: "-w 1 -c 2 -i 0.15 203.0.113.1", paced: true, slow: true},
	{args: "-w 1 192.0.2.1", fresh: true}, {args: "-w 1 -c 3 -i 0.05 198.51.100.1", fresh: true},
	{args: "-W 0 -c 1 B4"}, {args: "-W -1 B4"}, {args: "-W x -c 1 B4", differs: garbage, fields: "Code Complain Size Replies Sent Received Loss Times"},
	{args: "-W 0.1 -c 2 -i 0.05 B4"},
	// Payload.
	{args: "-s 0 -c 1 B4", differs: payloadTime, fields: "Times"}, {args: "-s 8 -c 1 B4", differs: payloadTime, fields: "Times"}, {args: "-s 15 -c 1 B6", differs: payloadTime, fields: "Times"},
	{args: "-s 16 -c 1 B4"}, {args: "-s 65507 -c 1 B4", fresh: true}, {args: "-s 65507 -c 1 B6", fresh: true},
	{args: "-s 65508 -c 1 -W 0.2 B4", differs: largeSize, fields: "Code Complain Size Local Sent Refused Loss"},
	{args: "-s -1 B4", differs: wrongValues, fields: "Code"}, {args: "-s x B4", differs: wrongValues, fields: "Code"},
	{args: "-p ff00 -c 1 B4"}, {args: "-p f -c 1 B4"}, {args: "-p fff -c 1 B4"}, {args: "-p xyz -c 1 B4"}, {args: "-p 000102030405060708090a0b0c0d0e0f -c 1 B4"},
	{args: "-p 000102030405060708090a0b0c0d0e0f10 -c 1 B4", differs: patternLength, fields: "Code Complain Size Pattern Replies Sent Received Loss Times"},
	// Header fields and socket options.
	{args: "-t 0 -c 1 B4"}, {args: "-t 256 -c 1 B4", differs: wrongValues, fields: "Code"}, {args: "-t -1 B4", differs: wrongValues, fields: "Code"},
	{args: "-t x B4", differs: wrongValues, fields: "Code"}, {args: "-t 255 -c 1 B6"},
	{args: "-Q 0x20 -c 1 B4"}, {args: "-Q 32 -c 1 B6"}, {args: "-Q 255 -c 1 B4"}, {args: "-Q 256 -c 1 B4"}, {args: "-Q x -c 1 B4"},
	{args: "-Q -1 -c 1 B4", differs: wrongValues, fields: "Code Complain Size Replies Sent Received Loss Times"},
	{args: "-I eth0 -c 1 B4"}, {args: "-I A4 -c 1 B4"}, {args: "-I A6 -c 1 B6"}, {args: "-I eth0 -c 1 B6"}, {args: "-I nosuch0 -c 1 B4"}, {args: "-I 203.0.113.9 -c 1 B4"},
	{args: "-I A6 -c 1 B4", differs: sourceFamily, fields: "Code Complain Size Replies Sent Received Loss Times"},
	{args: "-S 65536 -c 1 B4"}, {args: "-S 0 -c 1 B4", differs: wrongValues, fields: "Code"}, {args: "-S -1 -c 1 B4", differs: wrongValues, fields: "Code"}, {args: "-S x -c 1 B4", differs: wrongValues, fields: "Code"},
	{args: "-4 -c 1 B4"}, {args: "-6 -c 1 B6"}, {args: "-4 -c 1 B6"}, {args: "-6 -c 1 B4"}, {args: "-4 -6 -c 1 B4"},
	{args: "-m 5 -c 1 B4"}, {args: "-m x -c 1 B4", differs: wrongValues, fields: "Code"}, {args: "-m -1 -c 1 B4", differs: wrongValues, fields: "Code"},
	{args: "-m 0x10 -c 1 B4", differs: hexMark, fields: "Code Complain Size Replies Sent Received Loss Times"},
	{args: "-F 0x12345 -c 1 B6", fresh: true, differs: headerText, fields: "Size"}, {args: "-F 0x12345 -c 1 B4"}, {args: "-F 0x123456 -c 1 B6"}, {args: "-F x -c 1 B6"},
	{args: "-R -c 1 B4"}, {args: "-T tsonly -c 1 B4"}, {args: "-T tsandaddr -c 1 B4", differs: timeOption, fields: "Size"}, {args: "-T bad -c 1 B4"},
	{args: "-T tsprespec A4 R4 B4 -c 1", ours: "-T tsprespec:A4,R4 B4 -c 1", differs: timeOption, fields: "Size"},
	{args: "-R -c 1 B6", differs: optionsSix, fields: "Code Complain Size Replies Sent Received Loss Times"},
	// Output.
	{args: "-n -c 1 B4"}, {args: "-q -c 2 -i 0.01 B4"}, {args: "-D -c 2 -i 0.01 B4"}, {args: "-a -c 2 -i 0.01 B4"}, {args: "-U -c 1 B4"}, {args: "-L -c 1 B4"}, {args: "-v -c 1 B4"},
	{args: "-O -c 3 -i 0.2 203.0.113.1 -W 0.1", differs: overdueEnd, fields: "Overdue"}, {args: "-O -c 2 -i 0.05 B4"}, {args: "-D -O -c 2 -i 0.2 203.0.113.1 -W 0.1", differs: overdueEnd, fields: "Overdue"},
	// Ways of sending.
	{args: "-A -c 5 B4"}, {args: "-A -c 3 -q B6"}, {args: "-f -c 50 B4"}, {args: "-f -c 50 -q B6"}, {args: "-f -i 0.02 -c 5 B4"}, {args: "-l 3 -c 5 -i 0.1 B4"},
	{args: "-f -c 3 -W 0.2 203.0.113.1"}, {args: "-l 0 -c 1 B4", differs: wrongValues, fields: "Code"}, {args: "-l 65537 -c 1 B4", differs: wrongValues, fields: "Code"},
	{args: "-l -1 -c 1 B4", differs: wrongValues, fields: "Code"}, {args: "-l x -c 1 B4", differs: wrongValues, fields: "Code"},
	{args: "-b -c 1 -W 0.3 NET4"}, {args: "-c 1 NET4", differs: headerText, fields: "Size"}, {args: "-c 1 -W 0.3 224.0.0.1%nosuch"},
	// Nothing to send to, no way there, no such flag.
	{args: "", differs: wrongValues, fields: "Code"}, {args: "-c 1", differs: wrongValues, fields: "Code"},
	{args: "-c 1 203.0.114.1", differs: headerText, fields: "Size"}, {args: "-c 1 2001:db9::1", differs: headerText, fields: "Size"}, {args: "-c 1 ::1%nosuch"}, {args: "-c 1 fe80::1%nosuch"}, {args: "nosuch..name"}, {args: "--nosuch B4"}, {args: "-Z B4"},
	{args: "-b -c 1 -W 0.2 255.255.255.255", differs: headerText, fields: "Size"},
}

// TestLikePing gives ping and rawping the same command lines in the same network and compares what they say and their
// exit status.
func TestLikePing(t *testing.T) {
	netlab.Need(t)
	peer(t, "ping")
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	shared, err := newLab()
	if shared != nil {
		defer shared.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	free := make(chan struct{}, 6)
	for _, c := range pingCases {
		if c.differs != "" && !bytes.Contains(readme, []byte("\n| "+c.differs+" |")) {
			t.Errorf("%s: the README has no row %q", c.args, c.differs)
		}
		if testing.Short() && (c.slow || c.fresh || c.differs != "") {
			continue
		}
		group.Go(func() {
			free <- struct{}{}
			defer func() { <-free }()
			if problem := c.compare(shared); problem != "" {
				t.Errorf("%s: %s", c.args, problem)
			}
		})
	}
	group.Wait()
}

// compare returns in what rawping differs from ping beyond what is meant, or "".
func (c *pingCase) compare(shared *lab) string {
	run := func(name, args string) (outcome, error) {
		l := shared
		if c.fresh {
			own, err := newLab()
			if own != nil {
				defer own.Close()
			}
			if err != nil {
				return outcome{}, err
			}
			l = own
		}
		return on(l.a, name, l.words(args)...)
	}
	ours := c.args
	if c.ours != "" {
		ours = c.ours
	}
	theirs, err := run("ping", c.args)
	if err != nil {
		return err.Error()
	}
	us, err := run("rawping", ours)
	if err != nil {
		return err.Error()
	}
	want, got := understand(theirs), understand(us)
	var differ []string
	for i := range reflect.TypeFor[said]().NumField() {
		name := reflect.TypeFor[said]().Field(i).Name
		w, g := reflect.ValueOf(want).Field(i), reflect.ValueOf(got).Field(i)
		same := reflect.DeepEqual(w.Interface(), g.Interface())
		if c.paced && slices.Contains([]string{"Sent", "Received", "Replies"}, name) {
			same = w.Kind() == reflect.Slice || max(w.Int(), g.Int())-min(w.Int(), g.Int()) <= 1
		}
		if !same && !slices.Contains(strings.Fields(c.fields), name) {
			differ = append(differ, name)
		}
	}
	if len(differ) == 0 {
		return ""
	}
	return fmt.Sprintf("%s differ\n%+v\n%+v\nping:\n%s%srawping:\n%s%s", strings.Join(differ, ", "), want, got, theirs.stdout, theirs.stderr, us.stdout, us.stderr)
}
