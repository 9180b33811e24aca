// Package droppedtest tests --drops of commands: packets to a neighbour that is not there leave the socket, and the
// kernel says what became of them.
package droppedtest

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"sockwire/capture/drop"
	"sockwire/cmd/internal/dropped"
	"sockwire/raw/netlab"
)

// Lab makes two hosts, and an address on their link that nobody has: the first one soon gives up asking for it.
func Lab(t testing.TB) (a, b *netlab.Host, nobody netip.Addr) {
	t.Helper()
	_, a, b = netlab.Two(t)
	if err := a.Sysctl("net/ipv4/neigh/"+a.Ifname()+"/retrans_time_ms", "100"); err != nil {
		t.Fatal(err)
	}
	address := a.Addr4().As4()
	address[3] = 77
	return a, b, netip.AddrFrom4(address)
}

// Summary reads the last record that a command with --drops wrote. It skips the test where drops cannot be heard of, if
// the command says so on its stderr.
func Summary(t testing.TB, stdout, stderr string, summary any) {
	t.Helper()
	src, denied := drop.Open(nil)
	if denied != nil {
		if !strings.Contains(stderr, "--drops: ") {
			t.Errorf("--drops without the right for it: %s", stderr)
		}
		netlab.NeedRoot(t, denied)
	}
	src.Close()
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), summary); err != nil {
		t.Fatalf("%v: %s%s", err, stdout, stderr)
	}
}

// Unanswered requires of a report that so many packets were dropped, all for want of the neighbour.
func Unanswered(t testing.TB, d *dropped.Report, packets uint64) {
	t.Helper()
	if d == nil || d.Packets != packets || len(d.Reasons) != 1 {
		t.Fatalf("%+v, want %d packets for one reason", d, packets)
	}
	if r := d.Reasons[0]; r.Reason != "NEIGH_FAILED" || r.Why == "" || r.Place == "" || r.Packets != packets {
		t.Errorf("%+v", r)
	}
}
