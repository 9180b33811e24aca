package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"sockwire/capture/drop"
	"sockwire/raw/netlab"
)

// TestDrops: echoes to a neighbour that is not there leave the socket, and the kernel says what became of them.
func TestDrops(t *testing.T) {
	_, a, b := netlab.Two(t)
	if err := a.Sysctl("net/ipv4/neigh/"+a.Ifname()+"/retrans_time_ms", "100"); err != nil {
		t.Fatal(err)
	}
	absent := a.Addr4().As4()
	absent[3] = 77
	host := fmt.Sprintf("%d.%d.%d.%d", absent[0], absent[1], absent[2], absent[3])
	r, err := on(a, "rawping", "--drops", "--json", "-c", "3", "-i", "10ms", "-W", "2s", host, b.Addr4().String())
	if err != nil {
		t.Fatal(err)
	}
	src, denied := drop.Open(nil)
	if denied != nil {
		if !strings.Contains(r.stderr, "--drops: ") {
			t.Errorf("--drops without the right for it: %s", r.stderr)
		}
		netlab.NeedRoot(t, denied)
	}
	src.Close()
	lines := strings.Split(strings.TrimSpace(r.stdout), "\n")
	var sum summaryRecord
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &sum); err != nil || sum.Dropped == nil {
		t.Fatalf("%v: %s%s", err, r.stdout, r.stderr)
	}
	d := sum.Dropped
	if sum.Sent != 6 || sum.Received != 3 || d.Packets != 3 || len(d.Reasons) != 1 || d.Reasons[0].Reason != "NEIGH_FAILED" || d.Reasons[0].Why == "" {
		t.Errorf("%+v of %s", d, r.stdout)
	}
	r, err = on(a, "rawping", "--drops", "-c", "2", "-i", "10ms", "-W", "2s", host)
	if err != nil || !strings.Contains(r.stdout, "\n2 packets dropped by this host after they left the socket\n  2 NEIGH_FAILED in ") {
		t.Errorf("%v: %s%s", err, r.stdout, r.stderr)
	}
	if r, _ := on(a, "rawping", "--drops", "--csv", host); !strings.Contains(r.stderr, "--drops is told in the summary") {
		t.Error(r.stderr)
	}
}
