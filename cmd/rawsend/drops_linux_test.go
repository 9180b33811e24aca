package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"sockwire/capture/drop"
	"sockwire/raw/netlab"
)

// TestDrops: packets to a neighbour that is not there leave the socket, and the kernel says what became of them.
func TestDrops(t *testing.T) {
	_, a, _ := netlab.Two(t)
	if err := a.Sysctl("net/ipv4/neigh/"+a.Ifname()+"/retrans_time_ms", "100"); err != nil {
		t.Fatal(err)
	}
	absent := a.Addr4().As4()
	absent[3] = 77
	spec := fmt.Sprintf("ip{dst=%d.%d.%d.%d} / udp{dport=9}", absent[0], absent[1], absent[2], absent[3])
	r := on(t, a, "--drops", "--json", "--engine", "raw", "-c", "3", "--rate", "1000", "--wait", "1500ms", spec)
	src, denied := drop.Open(nil)
	if denied != nil {
		if !strings.Contains(r.stderr, "--drops: ") {
			t.Errorf("--drops without the right for it: %s", r.stderr)
		}
		netlab.NeedRoot(t, denied)
	}
	src.Close()
	lines := strings.Split(strings.TrimSpace(r.stdout), "\n")
	var sum summary
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &sum); err != nil || sum.Dropped == nil {
		t.Fatalf("%v: %s%s", err, r.stdout, r.stderr)
	}
	if sum.Sent != 3 || sum.Dropped.Packets != 3 || len(sum.Dropped.Reasons) != 1 || sum.Dropped.Reasons[0].Reason != "NEIGH_FAILED" ||
		sum.Dropped.Reasons[0].Why == "" || sum.Dropped.Reasons[0].Place == "" {
		t.Errorf("%+v of %+v", sum.Dropped, sum)
	}
	if r := on(t, a, "--drops", "--print", spec); !strings.Contains(r.stderr, "--drops is of packets that are sent") {
		t.Error(r.stderr)
	}
}
