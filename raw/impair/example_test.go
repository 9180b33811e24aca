package impair_test

import (
	"fmt"
	"time"

	"sockwire/raw/impair"
)

// Sixteen packets, one each millisecond, over a network that loses a fifth of them.
func Example() {
	cfg, err := impair.Parse("loss=20%,delay=10ms,seed=2")
	if err != nil {
		fmt.Println(err)
		return
	}
	m, err := impair.New(cfg)
	if err != nil {
		fmt.Println(err)
		return
	}
	var due impair.Queue[uint64]
	for ms := range 16 {
		d := m.Decide(time.UnixMilli(int64(ms)), 100)
		if d.Drop == impair.None {
			due.Push(d.Due, d.Seq)
		}
	}
	for {
		seq, _, ok := due.Pop(time.UnixMilli(100))
		if !ok {
			break
		}
		fmt.Print(seq, " ")
	}
	fmt.Println("arrived;", m.Totals().Loss, "lost")
	// Output: 0 2 3 4 5 6 7 8 9 10 11 12 13 15 arrived; 2 lost
}

// A mistake in the text of a configuration has a column.
func ExampleParse() {
	_, err := impair.Parse("loss=5%,delay=10")
	fmt.Println(err)
	// Output: impair: column 15: delay: "10" is not a time from 0s to 1h0m0s, such as 10ms
}
