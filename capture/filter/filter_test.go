package filter

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"

	"sockwire/capture"
)

func TestSyntaxErrors(t *testing.T) {
	for _, c := range []struct {
		expr    string
		col     int
		suggest string
	}{
		{"tpc port 80", 1, "tcp"},
		{"tcp prot 80", 5, "tcp port"},
		{"TCP port 80", 1, "tcp"},
		{"host 10.0.0.0/8", 6, "net 10.0.0.0/8"},
		{"net 10.0.0.1/8", 5, "net 10.0.0.0/8"},
		{"host 2001:db8::/32", 6, "net 2001:db8::/32"},
		{"tcp 80", 5, "tcp port 80"},
		{"ip 192.0.2.1", 4, "ip host 192.0.2.1"},
		{"192.0.2.1", 1, "host 192.0.2.1"},
		{"host 00:00:5e:00:53:01", 6, "ether host 00:00:5e:00:53:01"},
		{"ip.addr == 192.0.2.1", 1, "host"},
		{"https", 1, "tcp port 443"},
		{"port 80 and", 12, ""},
		{"(port 80", 1, ""},
		{"port 80)", 8, ""},
		{"len", 1, ""},
		{"ip[0", 5, ""},
		{"ip[0:3] = 1", 6, ""},
		{"len / 0 = 1", 7, ""},
		{"port 65536", 6, ""},
		{"vlan 4096", 6, ""},
		{"llc foo", 5, ""},
		{"host 1.2.3.400", 6, ""},
		{"tcp and 5", 9, "port 5"},
	} {
		_, err := Parse(c.expr)
		var syntax *SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("%q: %v", c.expr, err)
			continue
		}
		if syntax.Col != c.col || syntax.Suggest != c.suggest {
			t.Errorf("%q: column %d, suggests %q, want %d and %q (%v)", c.expr, syntax.Col, syntax.Suggest, c.col, c.suggest, err)
		}
	}
}

func TestCaret(t *testing.T) {
	_, err := Parse("tcp port 80 and host 10.0.0.0/8")
	var syntax *SyntaxError
	if !errors.As(err, &syntax) {
		t.Fatal(err)
	}
	want := "tcp port 80 and host 10.0.0.0/8\n" + "                     ^~~~~~~~~~"
	if got := syntax.Caret(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	_, err = Parse(strings.Repeat("ip or ", 50) + "\x1b[31m")
	if !errors.As(err, &syntax) {
		t.Fatal(err)
	}
	if got := syntax.Caret(); strings.ContainsRune(got, '\x1b') || len(got) > 2*caretWidth+2 {
		t.Errorf("the caret of a hostile expression is %q", got)
	}
}

// TestPrecedence checks how expressions group, by what they print as.
func TestPrecedence(t *testing.T) {
	for expr, want := range map[string]string{
		"ip or ip6 and tcp":                         "ip or ip6 and tcp",
		"ip or (ip6 and tcp)":                       "ip or (ip6 and tcp)",
		"not ip and ip6":                            "not ip and ip6",
		"not (ip and ip6)":                          "not (ip and ip6)",
		"port 80 or 443":                            "port 80 or port 443",
		"tcp dst port 80 or (443 and 8080)":         "tcp dst port 80 or (tcp dst port 443 and tcp dst port 8080)",
		"host (192.0.2.1 or 192.0.2.2)":             "host 192.0.2.1 or host 192.0.2.2",
		"port 80 or (udp) or 53":                    "port 80 or udp or port 53",
		"len + 2 * 3 = 7":                           "len + (2 * 3) = 7",
		"len - 2 - 3 = 7":                           "(len - 2) - 3 = 7",
		"len ^ 2 + 3 = 7":                           "len ^ (2 + 3) = 7",
		"len * 2 ^ 3 = 7":                           "len * (2 ^ 3) = 7",
		"-len + 1 = 7":                              "(-len) + 1 = 7",
		"tcp[tcpflags] & (tcp-syn) != 0":            "tcp[13] & 2 != 0",
		"ether proto \\ip && wlan host a:b:c:d:e:f": "link proto \\ip and link host 0a:0b:0c:0d:0e:0f",
		"src or dst host 192.0.2.1":                 "src or dst host 192.0.2.1",
		"net 10 and not 192.168":                    "net 10 and not net 192.168",
	} {
		f, err := Parse(expr)
		if err != nil {
			t.Errorf("%q: %v", expr, err)
			continue
		}
		if f.String() != want {
			t.Errorf("%q prints as %q, want %q", expr, f, want)
		}
	}
}

// TestFilterLimits feeds expressions of 100,000 characters and more.
func TestFilterLimits(t *testing.T) {
	const n = 100_000
	for name, expr := range map[string]string{
		"parentheses": strings.Repeat("(", n/2) + "ip" + strings.Repeat(")", n/2),
		"not":         strings.Repeat("not ", n/4) + "ip",
		"minus":       strings.Repeat("-", n) + "1 = 1",
		"indices":     strings.Repeat("ip[", n/4) + "0" + strings.Repeat("]", n/4) + " = 0",
		"vlan number": "vlan " + strings.Repeat("(", n) + "1" + strings.Repeat(")", n),
		"colons":      "host " + strings.Repeat(":", n),
		"groups":      "host " + strings.Repeat("1:", n/2),
		"digits":      "port " + strings.Repeat("9", n),
		"ports":       strings.Repeat("port 80 or ", n/11) + "ip",
		"hosts":       longHosts(n / 20),
		"mixed":       strings.Repeat("ip and arp or ", n/14) + "ip",
		"sum":         strings.Repeat("len + ", n/6) + "1 = 1",
		"shifts":      strings.Repeat("len >> (", n/100) + "len" + strings.Repeat(")", n/100) + " = 1",
		"vlans":       strings.Repeat("vlan and ", n/9) + "ip",
		"tunnels":     strings.Repeat("geneve and ", n/11) + "ip",
		"anywhere":    "anywhere: " + longHosts(n/20),
		"too long":    strings.Repeat(" ", MaxLength+1),
	} {
		f, err := Parse(expr)
		var p Program
		if err == nil {
			p, err = f.Compile(capture.LinkEthernet, nil)
		}
		if err == nil && p.Len() > MaxInstructions {
			t.Errorf("%s: %d instructions", name, p.Len())
		}
		if f != nil {
			if ev, err := f.Trace(capture.LinkEthernet, nil); err == nil {
				_ = ev.Why(tunnelled[0].data, nil).String()
			}
			if x, err := f.Explain(capture.LinkEthernet, nil); err == nil {
				_ = x.String()
			}
		}
		var syntax *SyntaxError
		if err != nil && !errors.Is(err, ErrTooLarge) && !errors.Is(err, ErrNeverMatches) && !errors.As(err, &syntax) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && len(err.Error()) > 300 {
			t.Errorf("%s: an error of %d bytes", name, len(err.Error()))
		}
	}
}

func longHosts(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "host 10.%d.%d.%d or ", i>>16, i>>8&0xff, i&0xff)
	}
	return b.String() + "ip6"
}

// TestLongJumps compiles a program whose jumps are longer than a conditional one can be.
func TestLongJumps(t *testing.T) {
	var b strings.Builder
	for i := range 150 {
		fmt.Fprintf(&b, "host 10.0.%d.%d or ", i>>8, i&0xff)
	}
	j, err := judgesFor(nil, b.String()+"udp port 53", capture.LinkEthernet, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if j.opt.Len() < 600 {
		t.Fatalf("%d instructions make no long jump", j.opt.Len())
	}
	rng := rand.New(rand.NewPCG(5, 6))
	var n tally
	for i, data := range coverBranches(rng, []*Program{&j.opt}, seedPackets(rng), nil) {
		if i%10 == 0 {
			j.agree(t, data, &Meta{}, &n)
		}
	}
}

func TestNeverAndAlways(t *testing.T) {
	for _, c := range []struct {
		expr string
		link capture.LinkType
	}{
		{"ip and ip6", capture.LinkEthernet}, {"tcp and udp", capture.LinkEthernet}, {"arp", capture.LinkRaw}, {"1 = 2", capture.LinkEthernet},
		{"len > 5 and len < 5", capture.LinkEthernet}, {"igmp and ip6", capture.LinkIPv4}, {"less 10 and greater 20", capture.LinkNull},
	} {
		if _, err := MustParse(c.expr).Compile(c.link, nil); !errors.Is(err, ErrNeverMatches) {
			t.Errorf("%s on %s: %v", c.expr, c.link, err)
		}
		p, err := MustParse(c.expr).Compile(c.link, &Options{NoOptimize: true})
		if err != nil || p.Match(make([]byte, 100), nil) {
			t.Errorf("%s on %s, not optimized: %v", c.expr, c.link, err)
		}
	}
	x, err := MustParse("len >= 0").Explain(capture.LinkEthernet, nil)
	if err != nil || !strings.Contains(x.String(), "every packet matches") {
		t.Errorf("%v %v", x, err)
	}
	if x, err = MustParse("ip and ip6").Explain(capture.LinkEthernet, nil); err != nil || !strings.Contains(x.String(), "no packet can match") {
		t.Errorf("%v %v", x, err)
	}
}

// TestLive checks VLAN tags in the metadata and in band, directions and the interface.
func TestLive(t *testing.T) {
	live := &Options{Live: true}
	untagged := ether(0x800, ip4(6, tcp443()))
	tagged := ether(0x8100, tag(0x800, ip4(6, tcp443())))
	in := func(tci uint16) *Meta { return &Meta{VLANPresent: true, VLANTCI: tci, VLANTPID: 0x8100} }
	for _, c := range []struct {
		expr string
		data []byte
		m    *Meta
		want bool
	}{
		{"vlan", untagged, in(5), true},
		{"vlan", tagged, nil, true},
		{"vlan", untagged, nil, false},
		{"vlan 5", untagged, in(0xe005), true},
		{"vlan 6", untagged, in(5), false},
		{"vlan 5 and tcp port 443", untagged, in(5), true},
		{"vlan 5 and tcp port 443", tagged, nil, true},
		{"vlan and vlan 5", tagged, in(7), true},
		{"vlan 7 and vlan 5 and tcp", tagged, in(7), true},
		{"vlan 5 or tcp", untagged, in(7), true},
		{"not vlan", untagged, nil, true},
		{"outbound", untagged, &Meta{PacketType: 4}, true},
		{"inbound", untagged, &Meta{PacketType: 4}, false},
		{"inbound", untagged, nil, true},
		{"ifindex 3", untagged, &Meta{Ifindex: 3}, true},
		{"ifindex 3", untagged, &Meta{Ifindex: 4}, false},
	} {
		p, err := MustParse(c.expr).Compile(capture.LinkEthernet, live)
		if err != nil {
			t.Fatalf("%s: %v", c.expr, err)
		}
		if p.Match(c.data, c.m) != c.want {
			t.Errorf("%s: %v on %x with %+v", c.expr, !c.want, c.data, c.m)
		}
		ev, err := newEvaluator(MustParse(c.expr), capture.LinkEthernet, live)
		if err != nil {
			t.Fatal(err)
		}
		if ev.Match(c.data, c.m) != c.want {
			t.Errorf("%s: the evaluator says %v", c.expr, !c.want)
		}
	}
}

// TestLiveJudges compares random live filters with the evaluator, with and without a tag in the metadata.
func TestLiveJudges(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	var n tally
	for range 150 {
		g := &generator{rng, capture.LinkEthernet}
		expr := g.one("vlan", "vlan 5", "not vlan 5", "ip or vlan 3") + g.one(" and ", " or ") + g.expr(3)
		j, err := judgesFor(nil, expr, capture.LinkEthernet, Options{Live: true})
		if err != nil {
			continue
		}
		packets := coverBranches(rng, []*Program{&j.opt}, append(seedPackets(rng), tunnelled[2].data, tunnelled[3].data), nil)
		for _, data := range packets[:min(len(packets), 12)] {
			m := Meta{}
			if rng.IntN(2) == 0 {
				m = Meta{VLANPresent: true, VLANTCI: uint16(rng.IntN(8)), VLANTPID: 0x8100}
			}
			if !j.compare(t, data, m, &n) {
				break
			}
		}
	}
	t.Logf("%d packets in %d cuts", n.packets, n.cuts)
}

// TestLiveOracle compares with what libpcap compiles for an open device, where it may open one.
func TestLiveOracle(t *testing.T) {
	o := newOracle(t)
	if _, err := o.device("vlan", true); err != nil {
		if os.Getenv("REQUIRE_PEERS") != "" {
			t.Fatal("tcpdump may not open the loopback device, and REQUIRE_PEERS is set: ", err)
		}
		t.Skip("tcpdump may not open the loopback device: ", err)
	}
	rng := rand.New(rand.NewPCG(11, 12))
	var n tally
	for _, expr := range []string{"vlan", "vlan 5", "vlan 5 and tcp port 443", "vlan and vlan 5 and ip6", "not vlan", "ip or vlan 5 and udp",
		"vlan 5 or arp", "vlan and mpls 100 and ip", "vlan and pppoes and tcp", "inbound and vlan 7", "outbound or ifindex 3", "vlan and ip[9] = 6"} {
		j, err := judgesFor(nil, expr, capture.LinkEthernet, Options{Live: true})
		if err != nil {
			t.Fatalf("%s: %v", expr, err)
		}
		if j.theirs, err = o.device(expr, true); err != nil {
			t.Fatalf("%s: %v", expr, err)
		}
		if j.theirsPlain, err = o.device(expr, false); err != nil {
			t.Fatalf("%s: %v", expr, err)
		}
		j.haveOracle = true
		seeds := append(seedPackets(rng), tunnelled[0].data, tunnelled[2].data, tunnelled[3].data)
		for _, m := range []Meta{{}, {VLANPresent: true, VLANTCI: 0x2005, VLANTPID: 0x8100}, {VLANPresent: true, VLANTCI: 7, PacketType: 4, Ifindex: 3}} {
			for _, data := range coverBranches(rng, []*Program{&j.opt, &j.theirs}, seeds, &m) {
				j.compare(t, data, m, &n)
			}
		}
	}
	t.Logf("%d packets in %d cuts, %d answers of libpcap", n.packets, n.cuts, n.oracle)
}

// TestListing compares the three forms with what tcpdump prints of the same instructions.
func TestListing(t *testing.T) {
	tcpdump := newOracle(t).path
	for _, expr := range []string{"tcp port 80", "ip[2:2] > 500 and not vlan", "ether[0] & 1 = 1 or len - 4 > 60", "ip6 and udp"} {
		for form, flag := range map[ListingForm]string{ListAssembly: "-d", ListC: "-dd", ListDecimal: "-ddd"} {
			want, err := exec.Command(tcpdump, flag, "-y", "EN10MB", expr).Output()
			if err != nil {
				t.Fatal(err)
			}
			theirs, err := exec.Command(tcpdump, "-ddd", "-y", "EN10MB", expr).Output()
			if err != nil {
				t.Fatal(err)
			}
			p, err := parseDecimal(string(theirs))
			if err != nil {
				t.Fatal(err)
			}
			if got := squeeze(string(p.AppendListing(nil, form))); got != squeeze(string(want)) {
				t.Errorf("%s %s:\n%s\nwant\n%s", flag, expr, got, want)
			}
		}
	}
}

// squeeze drops spaces at line ends and after the list.
func squeeze(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}

func TestNames(t *testing.T) {
	names := testNames(t)
	lookups := 0
	opts := &Options{Names: names, Lookup: func(host string) ([]netip.Addr, error) {
		lookups++
		if host == "a.example" {
			return []netip.Addr{netip.MustParseAddr("192.0.2.77"), netip.MustParseAddr("2001:db8::77")}, nil
		}
		return nil, errors.New("no such host")
	}}
	a, err := MustParse("host a.example").Compile(capture.LinkEthernet, opts)
	if err != nil {
		t.Fatal(err)
	}
	b, err := MustParse("host 192.0.2.77 or 2001:db8::77").Compile(capture.LinkEthernet, opts)
	if err != nil || string(a.AppendListing(nil, 1)) != string(b.AppendListing(nil, 1)) {
		t.Errorf("a name and its addresses differ: %v", err)
	}
	if _, err := MustParse("host b.example").Compile(capture.LinkEthernet, opts); err == nil || !strings.Contains(err.Error(), "no such host") {
		t.Errorf("an unknown host gives %v", err)
	}
	if _, err := MustParse("host b.example").Compile(capture.LinkEthernet, &Options{Names: names}); err == nil {
		t.Error("an unknown host compiles")
	}
	if lookups != 2 {
		t.Errorf("%d look-ups for two compilations", lookups)
	}
	// Without files, the well-known names are known.
	none := &Options{Names: &Files{Dir: t.TempDir()}}
	for _, expr := range []string{"tcp port http", "port domain", "ip proto \\tcp", "proto ospf", "udp portrange ntp-snmp"} {
		if _, err := MustParse(expr).Compile(capture.LinkEthernet, none); err != nil {
			t.Errorf("%s without files: %v", expr, err)
		}
	}
	n, err := MustParse("net net-10-20-0-0.libpcap.test").Compile(capture.LinkEthernet, opts)
	if err != nil {
		t.Fatal(err)
	}
	m, err := MustParse("net 10.20").Compile(capture.LinkEthernet, opts)
	if err != nil || string(n.AppendListing(nil, 1)) != string(m.AppendListing(nil, 1)) {
		t.Errorf("a network's name and its number differ: %v", err)
	}
}

func TestWhy(t *testing.T) {
	ev, err := MustParse("ip and tcp port 80 or arp").Trace(capture.LinkEthernet, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := ev.Why(tunnelled[0].data, nil)
	if s.Result != NotMatched {
		t.Errorf("outcome %s", s.Result)
	}
	if f := s.FirstFailed(); f == nil || f.Text != "tcp port 80" || f.Because != "destination port is 443, not 80" {
		t.Errorf("first failed: %+v", f)
	}
	s = ev.Why(tunnelled[0].data[:37], nil)
	if f := s.FirstFailed(); s.Result != Failed || f == nil || !strings.Contains(f.Because, "outside the 37 captured") {
		t.Errorf("on a short frame: %s %+v\n%s", s.Result, f, s)
	}
	ev, err = MustParse("ip and tcp port 443 or arp").Trace(capture.LinkEthernet, nil)
	if err != nil {
		t.Fatal(err)
	}
	if s = ev.Why(tunnelled[0].data, nil); s.Result != Matched || s.FirstFailed() != nil || s.Steps[1].Result != Skipped {
		t.Errorf("a match:\n%s", s)
	}
}

func TestExplainWarnings(t *testing.T) {
	for expr, want := range map[string]string{
		"vlan 5 or ip":          "looked for behind 'vlan'",
		"ip or arp and udp":     "bind equally",
		"port 80":               "extension headers",
		"tcp[13] = 2":           "IPv4 only",
		"ip6 proto 6":           "next-header",
		"1 + tcp[0] = 2":        "only the left operand",
		"not vlan and ip":       "must not be there",
		"anywhere: tcp port 80": "does not see into",
	} {
		x, err := MustParse(expr).Explain(capture.LinkEthernet, nil)
		if err != nil {
			t.Errorf("%s: %v", expr, err)
			continue
		}
		if !strings.Contains(fmt.Sprint(x.Warnings), want) {
			t.Errorf("%s: warnings %v lack %q", expr, x.Warnings, want)
		}
	}
	for _, expr := range []string{"ip", "host 192.0.2.1", "vlan 5 and ip", "ip or vlan 5", "(ip or arp) and len > 60"} {
		x, err := MustParse(expr).Explain(capture.LinkEthernet, nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(x.Warnings) != 0 {
			t.Errorf("%s: %v", expr, x.Warnings)
		}
	}
}

func TestMatchAllocates(t *testing.T) {
	p, err := MustParse("tcp port 80 or 443").Compile(capture.LinkEthernet, nil)
	if err != nil {
		t.Fatal(err)
	}
	f := &capture.Frame{Data: tunnelled[0].data, Length: len(tunnelled[0].data)}
	if n := testing.AllocsPerRun(100, func() { p.MatchFrame(f) }); n != 0 {
		t.Errorf("%v allocations for a match", n)
	}
}

func BenchmarkCompile(b *testing.B) {
	for _, expr := range []string{"ip", "tcp port 80", "host 192.0.2.1 and tcp port 80 or 443", "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0 and not src and dst net 192.0.2.0/24"} {
		b.Run(expr, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f, err := Parse(expr)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := f.Compile(capture.LinkEthernet, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkMatch(b *testing.B) {
	p, err := MustParse("tcp port 80").Compile(capture.LinkEthernet, nil)
	if err != nil {
		b.Fatal(err)
	}
	data := tunnelled[0].data
	b.Run("ours", func(b *testing.B) {
		for b.Loop() {
			p.Match(data, nil)
		}
	})
	vm := newNetVM(nil, &p)
	b.Run("x/net", func(b *testing.B) {
		for b.Loop() {
			vm.vm.Run(data)
		}
	})
}

// TestWhyNamesWhatDecided: the reason is the test that decided, of alternatives the one that came furthest.
func TestWhyNamesWhatDecided(t *testing.T) {
	segment := tunnelled[0].data // TCP, a SYN from port 50000 or so to 443, from 192.0.2.1 to 198.51.100.7
	datagram := ether(0x800, ip4(17, udp(53, []byte("query"))))
	arp := ether(0x806, make([]byte, 28))
	for _, c := range []struct {
		expr string
		data []byte
		want string
	}{
		{"tcp[13] & 16 != 0", segment, "tcp[13] & 16 is 0"},
		{"tcp[13] & 2 != 0", segment, "tcp[13] & 2 is 2"},
		{"tcp[13] & 2 != 0", datagram, "IP protocol is 17, not 6"},
		{"tcp[13] & 2 != 0", arp, "EtherType is 0x806, not 0x800"},
		{"tcp[13] = 16", segment, "tcp[13] is 2, not 16"},
		{"16 != tcp[13] + 14", segment, "tcp[13] + 14 is 16"},
		{"5 > tcp[13]", segment, "tcp[13] is 2, less than 5"},
		{"tcp[13] > 2", segment, "tcp[13] is 2, not more than 2"},
		{"ip[8] <= 3", segment, "ip[8] is 64, more than 3"},
		{"host 203.0.113.9", segment, "destination address is 198.51.100.7, not 203.0.113.9"},
		{"host 203.0.113.9", ether(0x86dd, ip6(6, tcp443())), "EtherType is 0x86dd, not 0x800, 0x806 or 0x8035"},
		{"tcp", ether(0x26, make([]byte, 0x26)), "EtherType is 38, a length, not 0x800 or 0x86dd"},
		{"tcp", arp, "EtherType is 0x806, not 0x800 or 0x86dd"},
		{"udp", segment, "IP protocol is 6, not 17"},
		{"port 443", segment, "destination port is 443"},
		{"portrange 1-10", segment, "destination port is 443, more than 10"},
		{"vlan 5", segment, "EtherType is 0x800, not 0x8100, 0x88a8 or 0x9100"},
		{"len > 2000", segment, "len is 58, not more than 2000"},
		{"greater 2000", segment, "length is 58, less than 2000"},
		{"ip6 host 2001:db8::1", segment, "EtherType is 0x800, not 0x86dd"},
		{"1 = 2", segment, "never on link type EN10MB"},
	} {
		tr, err := MustParse(c.expr).Trace(capture.LinkEthernet, nil)
		if err != nil {
			t.Fatalf("%s: %v", c.expr, err)
		}
		if s := tr.Why(c.data, nil); s.Because != c.want {
			t.Errorf("%s: %q, want %q", c.expr, s.Because, c.want)
		}
	}
}

// TestWhyAgreesWithTheProgram: what the conditions give is what the program gives, at every length of a frame.
func TestWhyAgreesWithTheProgram(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 22))
	matched, all := 0, 0
	for range 1000 {
		link := supportedLinks[rng.IntN(len(supportedLinks))]
		g := &generator{rng, link}
		expr := g.expr(3)
		opts := &Options{Live: rng.IntN(4) == 0}
		f, err := Parse(expr)
		if err != nil {
			continue
		}
		p, err := f.Compile(link, opts)
		if err != nil {
			continue
		}
		tr, err := f.Trace(link, opts)
		if err != nil {
			t.Fatalf("%s: %v", expr, err)
		}
		for _, data := range coverBranches(rng, []*Program{&p}, seedPackets(rng), nil) {
			matched, all = matched+1, all+1
			if !p.Match(data, nil) {
				matched--
			}
			for _, size := range []int{len(data), rng.IntN(len(data) + 1)} {
				m := &Meta{Length: len(data), VLANPresent: rng.IntN(2) == 0, VLANTCI: 5}
				s := tr.Why(data[:size], m)
				if got := p.Match(data[:size], m); got != (s.Result == Matched) {
					t.Fatalf("%s: %s: the program says %v of %x\n%s", link, expr, got, data[:size], s)
				}
			}
		}
	}
	if matched < all/20 || all < 1000 {
		t.Errorf("%d of %d frames match: the test looks at too few", matched, all)
	}
}

func TestNeverSaysWhatExcludesWhat(t *testing.T) {
	for _, c := range []struct {
		expr string
		link capture.LinkType
		want string
	}{
		{"ip and ip6", capture.LinkEthernet, "'ip' and 'ip6' exclude each other"},
		{"port 80 and tcp and len > 40 and udp and host 192.0.2.1", capture.LinkEthernet, "'tcp' and 'udp' exclude each other"},
		{"arp", capture.LinkRaw, "'arp' does not hold on any frame"},
		{"tcp and arp", capture.LinkIPv4, "'arp' does not hold on any frame"},
		{"ip and tcp and (udp or arp)", capture.LinkEthernet, "'tcp' and 'udp or arp' exclude each other"},
		{"(tcp and udp) or (ip and arp)", capture.LinkEthernet, "'tcp' and 'udp' exclude each other"},
		{"less 10 and tcp and greater 20", capture.LinkEthernet, "'less 10' and 'greater 20' exclude each other"},
		{"ip[8] > 5 and tcp and ip[8] < 7 and ip[8] != 6", capture.LinkEthernet, "'ip[8] > 5', 'ip[8] < 7' and 'ip[8] != 6' do not hold together"},
		{"ip and not ip", capture.LinkEthernet, "'ip' and 'not ip' exclude each other"},
	} {
		never := MustParse(c.expr).Contradiction(c.link, nil)
		if never == nil || never.Because() != c.want {
			t.Errorf("%s: %v, want %s", c.expr, never, c.want)
		}
		if _, err := MustParse(c.expr).Compile(c.link, nil); err != nil && (!errors.As(err, &never) || !errors.Is(err, ErrNeverMatches) || never.Because() != c.want) {
			t.Errorf("%s: %v, want %s", c.expr, err, c.want)
		}
	}
	for _, expr := range []string{"tcp or udp", "port 80 and port 90 and host 192.0.2.1", "vlan 5 and vlan 6 and ip", "udp and geneve and tcp", "not (ip and ip6)"} {
		if never := MustParse(expr).Contradiction(capture.LinkEthernet, nil); never != nil {
			t.Errorf("%s: %v", expr, never)
		}
	}
	for expr, want := range map[string]string{
		"icmp or (tcp and udp)":                  "column 10: this alternative never holds: 'tcp' and 'udp' exclude each other",
		"ip and (arp or tcp)":                    "column 9: this alternative never holds: 'ip' and 'arp' exclude each other",
		"ip and (tcp or (udp and ip6) or 1 = 2)": "column 17: this alternative never holds: 'ip' and 'ip6' exclude each other column 33: this alternative never holds: '1 = 2' does not hold on any frame",
		"tcp or udp":                             "",
		"not (tcp or ip and ip6)":                "",
	} {
		x, err := MustParse(expr).Explain(capture.LinkEthernet, nil)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, w := range x.Warnings {
			if strings.Contains(w.Msg, "never") {
				got = append(got, fmt.Sprintf("column %d: %s", w.Col, w.Msg))
			}
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%s: %q, want %q", expr, s, want)
		}
	}
}

// TestContradictionsAreTrue: what is said to match nothing matches none of the frames that reach its branches.
func TestContradictionsAreTrue(t *testing.T) {
	rng := rand.New(rand.NewPCG(31, 32))
	said := 0
	for range 1000 {
		link := supportedLinks[rng.IntN(len(supportedLinks))]
		g := &generator{rng, link}
		f, err := Parse(g.expr(3))
		if err != nil {
			continue
		}
		p, err := f.Compile(link, &Options{NoOptimize: true})
		if err != nil {
			continue
		}
		never := f.Contradiction(link, nil)
		if never == nil {
			continue
		}
		said++
		for _, data := range coverBranches(rng, []*Program{&p}, seedPackets(rng), nil) {
			if p.Match(data, nil) {
				t.Fatalf("%s: %s: %v, and it matches %x", link, f, never, data)
			}
		}
	}
	if said < 20 {
		t.Errorf("%d expressions were said to match nothing", said)
	}
}

// TestContradictionOfLongExpressions: a long list is given up, not searched for hours.
func TestContradictionOfLongExpressions(t *testing.T) {
	var b strings.Builder
	for i := range 20000 {
		fmt.Fprintf(&b, "host 10.%d.%d.1 or ", i/256, i%256)
	}
	long := b.String()
	for _, expr := range []string{long + "udp", "(" + long + "udp) and (" + long + "tcp) and port 53", strings.Repeat("port 80 and ", 2000) + "tcp"} {
		f, err := Parse(expr)
		if err != nil {
			t.Fatal(err)
		}
		b, c := f.blamer(capture.LinkEthernet, &Options{})
		b.contradiction(nil, c)
		if b.work > maxWork+maxBlocks || b.tries > maxTries+maxBlamed {
			t.Errorf("%d bytes: %d tests in %d tries", len(expr), b.work, b.tries)
		}
	}
}
