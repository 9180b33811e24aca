package owner

import (
	"fmt"
	"strconv"
	"testing"
)

func TestTally(t *testing.T) {
	a, b := &Process{PID: 1, Name: "a"}, &Process{PID: 2, Name: "b"}
	both := []Owner{{Process: a, Role: Sender, How: Exact}, {Process: b, Role: Receiver, How: Inferred}}
	var tally Tally
	tally.Add(both, 100)
	tally.Add(both[:1], 50)
	tally.Add(nil, 1000)
	if tally.Known != [3]uint64{1, 1, 1} {
		t.Errorf("%v", tally.Known)
	}
	want := "[{1 [2 0] [150 0] [0 0 2]} {2 [0 1] [0 100] [0 1 0]}]"
	type short struct {
		pid            int
		packets, bytes [2]uint64
		known          [3]uint64
	}
	var got []short
	for _, c := range tally.Counts() {
		got = append(got, short{c.PID, c.Packets, c.Bytes, c.Known})
	}
	if fmt.Sprint(got) != want {
		t.Errorf("%v, want %s", got, want)
	}
	if n := testing.AllocsPerRun(100, func() { tally.Add(both, 1) }); n > 0 {
		t.Errorf("%v allocations a packet", n)
	}
}

// Of more processes than can be told apart, the packets are counted still.
func TestTallyIsBounded(t *testing.T) {
	var tally Tally
	for i := range MaxTally + 10 {
		tally.Add([]Owner{{Process: &Process{PID: i, Name: strconv.Itoa(i)}, How: Exact}}, 1)
	}
	if n := len(tally.Counts()); n != MaxTally || tally.Untold != 10 || tally.Known[Exact] != MaxTally+10 {
		t.Errorf("%d processes, %d untold, %v", n, tally.Untold, tally.Known)
	}
}
