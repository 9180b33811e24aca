package main

import (
	"strings"
	"testing"

	"sockwire/cmd/internal/dropped/droppedtest"
)

// TestDrops: echoes to a neighbour that is not there are counted beside those that are answered.
func TestDrops(t *testing.T) {
	a, b, nobody := droppedtest.Lab(t)
	r, err := on(a, "rawping", "--drops", "--json", "-c", "3", "-i", "10ms", "-W", "2s", nobody.String(), b.Addr4().String())
	if err != nil {
		t.Fatal(err)
	}
	var sum summaryRecord
	droppedtest.Summary(t, r.stdout, r.stderr, &sum)
	droppedtest.Unanswered(t, sum.Dropped, 3)
	if sum.Sent != 6 || sum.Received != 3 {
		t.Errorf("%+v", sum)
	}
	r, err = on(a, "rawping", "--drops", "-c", "2", "-i", "10ms", "-W", "2s", nobody.String())
	if err != nil || !strings.Contains(r.stdout, "\n2 packets dropped by this host after they left the socket\n  2 NEIGH_FAILED in ") {
		t.Errorf("%v: %s%s", err, r.stdout, r.stderr)
	}
	if r, _ := on(a, "rawping", "--drops", "--csv", nobody.String()); !strings.Contains(r.stderr, "--drops is told in the summary") {
		t.Error(r.stderr)
	}
}
