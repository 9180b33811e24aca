package main

import (
	"strings"
	"testing"

	"sockwire/cmd/internal/dropped/droppedtest"
)

// TestDrops: packets to a neighbour that is not there are counted.
func TestDrops(t *testing.T) {
	a, _, nobody := droppedtest.Lab(t)
	spec := "ip{dst=" + nobody.String() + "} / udp{dport=9}"
	r := on(t, a, "--drops", "--json", "--engine", "raw", "-c", "3", "--rate", "1000", "--wait", "1500ms", spec)
	var sum summary
	droppedtest.Summary(t, r.stdout, r.stderr, &sum)
	droppedtest.Unanswered(t, sum.Dropped, 3)
	if sum.Sent != 3 {
		t.Errorf("%+v", sum)
	}
	if r := on(t, a, "--drops", "--print", spec); !strings.Contains(r.stderr, "--drops is of packets that are sent") {
		t.Error(r.stderr)
	}
}
