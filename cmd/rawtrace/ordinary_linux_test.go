package main

import (
	"strings"
	"testing"

	"sockwire/raw/path/pathlab"
)

// TestOrdinaryUser: the plain trace works for everybody over UDP, over ICMP where ping sockets are allowed, and what
// needs a right says which, and how to get it.
func TestOrdinaryUser(t *testing.T) {
	n := pathlab.New(t, pathlab.Config{Edges: pathlab.Chain(4), IPv6: true})
	// On a host that nobody has changed there are no ping sockets.
	o := on(t, n.Source, "ordinary", "-I", n.Dst4.String())
	if o.code != 2 || !strings.Contains(o.stderr, "rawtrace: hint: ") || !strings.Contains(o.stderr, "ping_group_range") {
		t.Errorf("no ping sockets: %d\n%s%s", o.code, o.stdout, o.stderr)
	}
	if err := n.Source.Sysctl("net.ipv4.ping_group_range", "0 2147483647"); err != nil { // or in a user namespace that has one group
		if err := n.Source.Sysctl("net.ipv4.ping_group_range", "0 0"); err != nil {
			t.Fatal(err)
		}
	}
	for _, to := range []string{n.Dst4.String(), n.Dst6.String()} {
		for _, flag := range []string{"-U", "-I", "--mtu"} {
			o := on(t, n.Source, "ordinary", flag, "-w", "500ms", to)
			if !strings.Contains(o.stdout, to+": reached in 4 hops, ") || o.code != 0 || strings.Count(o.stdout, " ms") < 13 {
				t.Errorf("%s %s: %d\n%s%s", flag, to, o.code, o.stdout, o.stderr)
			}
			if !strings.HasPrefix(o.stderr, "rawtrace: ") {
				t.Errorf("%s %s: nothing is said of what the sockets cannot tell: %q", flag, to, o.stderr)
			}
		}
	}
	for _, flag := range []string{"-T", "-D", "--sctp"} {
		o := on(t, n.Source, "ordinary", flag, n.Dst4.String())
		lines := strings.Split(strings.TrimSpace(o.stderr), "\n")
		if o.code != 2 || o.stdout != "" || len(lines) != 2 || !strings.Contains(lines[0], "cap_net_raw") && !strings.Contains(lines[1], "cap_net_raw") || !strings.HasPrefix(lines[1], "rawtrace: hint: ") {
			t.Errorf("%s: %d\n%s%s", flag, o.code, o.stdout, o.stderr)
		}
	}
}
