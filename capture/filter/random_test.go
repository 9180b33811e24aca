package filter

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"sockwire/capture"
)

// generator writes random expressions of the grammar.
type generator struct {
	*rand.Rand
	link capture.LinkType
}

func (g *generator) one(words ...string) string { return words[g.IntN(len(words))] }
func (g *generator) chance(n int) bool          { return g.IntN(n) == 0 }

func (g *generator) expr(depth int) string {
	if depth <= 0 || g.chance(4) {
		return g.term(depth)
	}
	switch g.IntN(8) {
	case 0:
		return "not " + g.factor(depth-1)
	case 1, 2, 3:
		return g.expr(depth-1) + g.one(" and ", " && ") + g.factor(depth-1)
	case 4, 5, 6:
		return g.expr(depth-1) + g.one(" or ", " || ") + g.factor(depth-1)
	}
	return "(" + g.expr(depth-1) + ")"
}

func (g *generator) factor(depth int) string {
	if depth > 0 && g.chance(3) {
		return "(" + g.expr(depth-1) + ")"
	}
	return g.term(depth)
}

func (g *generator) term(depth int) string {
	switch g.IntN(10) {
	case 0, 1:
		return g.relation(min(depth, 3))
	case 2:
		return g.one("ip", "ip6", "arp", "rarp", "tcp", "udp", "sctp", "icmp", "icmp6", "igmp", "pim", "vrrp", "ah", "esp",
			"atalk", "aarp", "decnet", "iso", "clnp", "esis", "isis", "stp", "ipx", "netbeui", "lat", "moprc", "mopdl", "sca",
			"l1", "l2", "iih", "lsp", "snp", "csnp", "psnp")
	case 3, 4:
		return g.host()
	case 5:
		return g.one("", "tcp ", "udp ", "sctp ") + g.one("", "src ", "dst ", "src or dst ", "src and dst ") + g.ports()
	case 6:
		return g.one("", "ip ", "ip6 ") + "proto " + g.one("1", "6", "17", "58", "44", "51", "132", "0")
	case 7:
		return g.one("less 60", "greater 60", "less 100", "greater 33", "len > 64", "byte 0 = 8", "byte 1 & 3", "byte 2 > 7",
			"ip multicast", "ip6 multicast", fmt.Sprintf("link proto %d", g.IntN(256)), `ether proto \arp`, "iso proto 0x83", "isis proto 18")
	}
	return g.linkTerm()
}

func (g *generator) linkTerm() string {
	words := []string{"ip", "ip6"}
	switch g.link {
	case capture.LinkEthernet:
		words = []string{"vlan", "vlan 5", "mpls", "mpls 100", "pppoes", "pppoes 7", "pppoed", "geneve", "geneve 11", "llc", "llc u",
			"llc rr", "llc i", "broadcast", "multicast", "ether host 00:00:5e:00:53:01", "ether src 00:00:5e:00:53:02"}
	case capture.LinkIEEE80211, capture.LinkIEEE80211Radio:
		words = []string{"type mgt", "type ctl", "type data", "subtype beacon", "type data subtype qos-data", "dir tods", "dir fromds",
			"wlan host 00:00:5e:00:53:01", "wlan addr2 00:00:5e:00:53:01", "wlan ta 00:00:5e:00:53:02", "wlan ra 00:00:5e:00:53:02",
			"wlan addr4 00:00:5e:00:53:02", "wlan addr3 00:00:5e:00:53:02", "llc", "llc s", "multicast", "broadcast", "vlan"}
	case capture.LinkLinuxSLL, capture.LinkLinuxSLL2:
		words = []string{"inbound", "outbound"}
	case capture.LinkPPP:
		words = []string{"mpls", "mpls 100"}
	}
	return g.one(words...)
}

func (g *generator) ports() string {
	s := g.one("port 80", "port 53", "port 6081", "portrange 1-1023", "portrange 50-60")
	for g.chance(4) {
		s += " or 443"
	}
	return s
}

func (g *generator) host() string {
	dir := g.one("", "src ", "dst ", "src or dst ", "src and dst ")
	switch g.IntN(5) {
	case 0:
		return g.one("ip6 ", "") + dir + g.one("host 2001:db8::1", "net 2001:db8::/32", "net ff00::/8")
	case 1:
		return g.one("", "ip ", "arp ", "rarp ") + dir + g.one("net 10.0.0.0/8", "net 192.168", "net 0.0.0.0/0", "net 172.16.0.0 mask 255.240.0.0")
	}
	s := g.one("", "ip ", "arp ", "rarp ") + dir + "host 192.0.2.1"
	for g.chance(4) {
		s += " or 198.51.100.7"
	}
	return s
}

func (g *generator) relation(depth int) string {
	return g.arith(depth) + " " + g.one(">", ">=", "=", "==", "<=", "<", "!=") + " " + g.arith(depth-1)
}

func (g *generator) arith(depth int) string {
	if depth <= 0 || g.chance(3) {
		return g.one("0", "1", "2", "6", "17", "64", "255", "0x800", "0xffff", "len", "icmp-echo", "tcp-syn")
	}
	switch g.IntN(8) {
	case 0:
		return g.operandOf(depth) + " " + g.one("+", "-", "*", "&", "|", "^") + " " + g.operandOf(depth)
	case 1:
		return g.operandOf(depth) + " " + g.one("& 0xf", "& 1", "<< 2", ">> 4", "/ 3", "% 7", "& 0xff00", "| 1", "^ 5", "* 4")
	case 2:
		return "-" + g.operandOf(depth)
	case 3:
		if g.chance(4) {
			return g.operandOf(depth) + " " + g.one("/", "%", "<<", ">>") + " " + g.operandOf(depth)
		}
		return "(" + g.operandOf(depth) + " + 1)"
	}
	proto := g.one("link", "ip", "ip6", "tcp", "udp", "icmp", "arp", "icmp6", "sctp")
	index := g.one("0", "1", "2", "6", "8", "9", "12", "13", "20", "40")
	if g.chance(6) {
		index = g.arith(depth - 1)
	}
	return proto + "[" + index + g.one("", "", ":1", ":2", ":4") + "]"
}

func (g *generator) operandOf(depth int) string {
	s := g.arith(depth - 1)
	if strings.ContainsAny(s, " -") {
		return "(" + s + ")"
	}
	return s
}

// randomTime is how long the random comparisons run: FILTER_RANDOM is a duration, such as 1m.
func randomTime(t *testing.T) time.Duration {
	if s := os.Getenv("FILTER_RANDOM"); s != "" {
		d, err := time.ParseDuration(s)
		if err != nil {
			t.Fatal("FILTER_RANDOM: ", err)
		}
		return d
	}
	return 1500 * time.Millisecond
}

func randomSeed(t *testing.T) uint64 {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("FILTER_SEED"); s != "" {
		fmt.Sscan(s, &seed)
	}
	t.Logf("FILTER_SEED=%d", seed)
	return seed
}

// unlikeLibpcap tells why libpcap's program cannot be the judge of an expression.
func unlikeLibpcap(expr string, link capture.LinkType) bool {
	for _, w := range strings.FieldsFunc(expr, func(r rune) bool { return r == ' ' || r == '(' || r == ')' }) {
		if protocolWords[w].pdus != nil || w == "isis" {
			return true // 1.10 compares the three reserved bits before the PDU type too
		}
	}
	wlan := link == capture.LinkIEEE80211 || link == capture.LinkIEEE80211Radio
	switch {
	case link == capture.LinkNull || link == capture.LinkLoop:
		return true // 1.10 knows its own system's numbers only
	case strings.Contains(expr, "byte 1 &"):
		return true // 1.10 forgets to load the byte
	case strings.Contains(expr, "ip multicast"):
		return true // 1.10 takes 240.0.0.0/4 for multicast
	case (wlan || strings.Contains(expr, "geneve")) && strings.ContainsAny(expr, "<>="):
		return true // libpcap shares the scratch words that hold header offsets with arithmetic
	}
	return false
}

// TestRandomExpressions compares the program, optimized and not, with the evaluator and with libpcap.
func TestRandomExpressions(t *testing.T) {
	var o *tcpdump
	if _, err := exec.LookPath("tcpdump"); err == nil || os.Getenv("REQUIRE_PEERS") != "" {
		o = newOracle(t)
	} else {
		t.Log("without tcpdump only our own judges are compared")
	}
	rng := rand.New(rand.NewPCG(randomSeed(t), 7))
	var n tally
	exprs, refused, unlike := 0, 0, 0
	for end := time.Now().Add(randomTime(t)); time.Now().Before(end) && !t.Failed(); {
		link := supportedLinks[rng.IntN(len(supportedLinks))]
		if rng.IntN(2) == 0 {
			link = capture.LinkEthernet
		}
		g := &generator{rng, link}
		expr := g.expr(6)
		f, err := Parse(expr)
		if err != nil {
			// The generator writes nothing wrong but division by zero and shifts that are too far.
			if !strings.Contains(err.Error(), "shift by") && !strings.Contains(err.Error(), "division by zero") {
				t.Fatalf("%q: %v", expr, err)
			}
			refused++
			continue
		}
		if again, err := Parse(f.String()); err != nil || again.String() != f.String() {
			t.Fatalf("%q prints as %q, which is not read back: %v", expr, f, err)
		}
		use := o
		if unlikeLibpcap(expr, link) {
			use = nil
			unlike++
		}
		j, err := judgesFor(use, expr, link, Options{})
		if j == nil {
			checkRefusal(t, use, expr, link, err)
			refused++
			continue
		}
		if err != nil && !ourExtra(err) {
			t.Fatalf("%s: %q: %v", link, expr, err)
		}
		exprs++
		j.wantPlain(t)
		progs := []*Program{&j.opt, &j.plain}
		if j.haveOracle {
			progs = append(progs, &j.theirs)
		}
		for _, data := range coverBranches(rng, progs, seedPackets(rng), nil) {
			if !j.compare(t, data, Meta{}, &n) {
				break
			}
		}
	}
	t.Logf("%d expressions (%d without libpcap), %d refused; %d packets in %d cuts, %d answers of libpcap, in %d of which its optimizer changed its answer",
		exprs, unlike, refused, n.packets, n.cuts, n.oracle, n.libpcapDiffers)
}

// ourExtra are refusals of libpcap that ours need not share.
func ourExtra(err error) bool {
	for _, s := range []string{"too many registers", "division by zero", "modulus by zero", "shift by more than 31"} {
		if strings.Contains(err.Error(), s) {
			return true
		}
	}
	return false
}

// checkRefusal fails if libpcap compiles what we refuse, apart from size.
func checkRefusal(t *testing.T, o *tcpdump, expr string, link capture.LinkType, err error) {
	var syntax *SyntaxError
	if o == nil || errors.Is(err, ErrTooLarge) || !errors.As(err, &syntax) {
		return
	}
	if _, theirs := o.compile(link, expr, false, false); theirs == nil {
		t.Fatalf("%s: %q: we refuse it: %v, libpcap compiles it", link, expr, err)
	}
}

// TestInterpreters holds our interpreter against x/net's and the kernel's on random programs and packets.
func TestInterpreters(t *testing.T) {
	rng := rand.New(rand.NewPCG(randomSeed(t), 8))
	k := newKernelFilter(t)
	progs, runs := 0, 0
	for end := time.Now().Add(randomTime(t) / 2); time.Now().Before(end) && !t.Failed(); {
		link := supportedLinks[rng.IntN(len(supportedLinks))]
		g := &generator{rng, link}
		expr := g.expr(6)
		j, err := judgesFor(nil, expr, link, Options{})
		if err != nil {
			continue
		}
		for _, p := range []*Program{&j.opt, &j.plain} {
			if len(p.raw) == 0 {
				continue
			}
			progs++
			runs += compareInterpreters(t, expr, p, k, coverBranches(rng, []*Program{p}, seedPackets(rng), nil))
		}
	}
	t.Logf("%d programs, %d runs", progs, runs)
}

func compareInterpreters(t *testing.T, expr string, p *Program, k *kernelFilter, packets [][]byte) (runs int) {
	vm := newNetVM(t, p)
	if err := k.attach(p); err != nil {
		t.Errorf("the kernel refuses the program of %q: %v\n%s", expr, err, p.AppendListing(nil, ListAssembly))
		return 0
	}
	for _, data := range packets {
		for _, size := range []int{len(data), min(reach(p, data, nil), len(data)), max(reach(p, data, nil)-1, 0), 20} {
			if size > len(data) || size == 0 {
				continue
			}
			runs++
			ours := p.Match(data[:size], nil)
			if vm.vm != nil && vm.match(t, data[:size]) != ours {
				t.Errorf("%q: we say %v, x/net %v on %x\n%s", expr, ours, !ours, data[:size], p.AppendListing(nil, ListAssembly))
				return runs
			}
			if theirs := k.match(t, data[:size]); theirs != ours {
				t.Errorf("%q: we say %v, the kernel %v on %x\n%s", expr, ours, theirs, data[:size], p.AppendListing(nil, ListAssembly))
				return runs
			}
		}
	}
	return runs
}
