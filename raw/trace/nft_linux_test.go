package trace

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sockwire/raw/netlab"
	"sockwire/raw/path/pathlab"
	"sockwire/raw/probe"
)

// TestNFT: a NAT of nftables in the middle. Its conntrack translates what ICMP errors quote as well (RFC 5508), so the
// probes behind it look as they were sent, and nothing is to be named; a rewriting without memory shows in the quotes,
// and is. Whatever it rewrites, each answer is found to be that of its probe, and proven. The own box of package
// pathlab, which can leave quotes as they are, is tested with the topologies of package path, without nftables too.
func TestNFT(t *testing.T) {
	if _, err := exec.LookPath("nft"); err != nil {
		if os.Getenv("REQUIRE_PEERS") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	n := pathlab.New(t, pathlab.Config{Edges: pathlab.Chain(5)})
	// The NAT is r2: it has 10.0.2.2 to the inside, and 10.0.3.1 to the outside.
	inside, outside, target := n.Src4, netip.MustParseAddr("10.0.3.1"), n.Dst4
	second := netip.MustParseAddr("10.0.5.2")                                     // of the target
	other := netip.MustParseAddr("10.0.1.200")                                    // of nobody, but where answers to it come by
	for node, via := range map[string]string{"r4": "10.0.4.1", "t": "10.0.5.1"} { // answers to the NAT's address outside
		route := netlab.Route{Dst: netip.PrefixFrom(outside, 24).Masked(), Via: netip.MustParseAddr(via)}
		if err := n.Host(node).AddRoute(route); err != nil {
			t.Fatal(err)
		}
	}
	stateless := func(there, back string) string {
		return fmt.Sprintf("table ip x {\nchain there { type filter hook postrouting priority 0; ip saddr %v counter %s\n}\n"+
			"chain back { type filter hook prerouting priority -300; %s ip daddr %v iifname %q ip daddr set %v\n}\n}\n",
			inside, there, back, other, ifnameTo(t, n, "r2", "r3"), inside)
	}
	nat := func(hook, rule string) string {
		return fmt.Sprintf("table ip x {\nchain nat { type nat hook %s; %s\n}\n}\n", hook, rule)
	}
	all := func(change string) map[Protocol]string {
		return map[Protocol]string{UDP: change, ICMP: change, TCP: change}
	}
	for _, tt := range []struct {
		name, rules string
		hides       bool                // all behind it under the address that was asked: netfilter translates who an error is from
		want        map[Protocol]string // changes named behind it; of a protocol that is not listed none is
		only        []Protocol
	}{
		{name: "masquerade", rules: nat("postrouting priority 100", fmt.Sprintf("ip saddr %v counter masquerade", inside))},
		{name: "masquerade, random ports", rules: nat("postrouting priority 100", fmt.Sprintf("ip saddr %v counter masquerade random", inside))},
		{name: "source and port", rules: nat("postrouting priority 100", fmt.Sprintf("meta l4proto { tcp, udp } ip saddr %v counter snat to %v:50000-50099", inside, outside)), only: []Protocol{UDP, TCP}},
		{name: "destination", rules: nat("prerouting priority -100", fmt.Sprintf("ip daddr %v counter dnat to %v", target, second)), hides: true},
		{name: "stateless source", rules: stateless(fmt.Sprintf("ip saddr set %v", other), ""),
			want: all(fmt.Sprintf("src %v→%v", inside, other))},
		{name: "stateless port", rules: stateless(fmt.Sprintf("udp sport set 50000 ip saddr set %v", other), ""), only: []Protocol{UDP},
			want: map[Protocol]string{UDP: "sport"}},
		{name: "DSCP", rules: stateless("ip dscp set af11", ""), want: all("tos 0x00→0x28")},
		{name: "MSS", rules: stateless("tcp flags syn tcp option maxseg size set 1200", ""), only: []Protocol{TCP}, want: map[Protocol]string{TCP: "mss 1460→1200"}},
	} {
		file := filepath.Join(t.TempDir(), "rules")
		if err := os.WriteFile(file, []byte("flush ruleset\n"+tt.rules), 0o600); err != nil {
			t.Fatal(err)
		}
		nft(t, n, "-f", file)
		protocols := tt.only
		if protocols == nil {
			protocols = []Protocol{UDP, ICMP, TCP}
		}
		for _, protocol := range protocols {
			heard := map[int]int{}
			for _, r := range labTrace(t, n, Tracer{Protocol: protocol, Last: 7}, false) {
				if r.Outcome != probe.Answered || r.Unproven || r.Duplicate || r.Loop != 0 {
					t.Errorf("%s, %v: %+v", tt.name, protocol, r)
					continue
				}
				heard[int(r.TTL)]++
				want, from := "", n.Addr(fmt.Sprintf("r%d", min(r.TTL, 4)))
				if r.TTL >= 5 || tt.hides && r.TTL >= 2 {
					from = target
				}
				quoted := r.ICMP && (r.Kind != Reached || protocol != ICMP) // an echo reply quotes nothing
				if r.TTL >= 3 && quoted {
					want = tt.want[protocol]
				}
				named := fmt.Sprint(r.Changes)
				if r.From != from || (want == "") != (named == "[]") || !strings.Contains(named, want) {
					t.Errorf("%s, %v: TTL %d: %v, %s; expected %v, %q", tt.name, protocol, r.TTL, r.From, named, from, want)
				}
			}
			for ttl := 1; ttl <= 5; ttl++ {
				if heard[ttl] < 3 && (ttl < 5 || heard[ttl] == 0) { // a TCP target is not asked again once it has answered
					t.Errorf("%s, %v: %d answers at %d", tt.name, protocol, heard[ttl], ttl)
				}
			}
		}
		if out := nft(t, n, "list", "ruleset"); strings.Contains(out, "counter packets 0 ") {
			t.Errorf("%s: it has rewritten nothing: %s", tt.name, out)
		}
	}
}

// nft runs nft on the router in the middle.
func nft(t *testing.T, n *pathlab.Net, args ...string) string {
	t.Helper()
	out, err := n.Host("r2").Command(t.Context(), "nft", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("nft %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// ifnameTo is the interface of a node towards another.
func ifnameTo(t *testing.T, n *pathlab.Net, from, to string) string {
	t.Helper()
	k := n.Link(from + "-" + to)
	if k == nil {
		t.Fatalf("no link %s-%s", from, to)
	}
	return k.A.Ifname
}
