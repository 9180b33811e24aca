package ledger_test

import (
	"fmt"
	"time"

	"sockwire/dgram/ledger"
)

// Of ten datagrams the fourth is lost, the sixth comes late and twice, and the last is lost too.
func Example() {
	var l ledger.Ledger
	for _, seq := range []uint64{0, 1, 2, 4, 6, 5, 5, 7, 8} {
		l.Receive(seq)
	}
	l.Tell(10)
	c := l.Counts()
	fmt.Printf("sent %d = unique %d + lost %d (%d at the end)\n", c.Sent, c.Unique, c.Lost, c.Tail)
	fmt.Printf("duplicate %d, reordered %d, extent %d\n", c.Duplicate, c.Reordered, c.Extent.Max)
	// Output:
	// sent 10 = unique 8 + lost 2 (1 at the end)
	// duplicate 1, reordered 1, extent 1
}

// Which numbers are missing, for who wants to ask for them again.
func ExampleLedger_Missing() {
	var l ledger.Ledger
	for _, seq := range []uint64{0, 1, 4} {
		l.Receive(seq)
	}
	l.Missing(6, func(seq uint64) bool {
		fmt.Println(seq)
		return true
	})
	// Output:
	// 2
	// 3
	// 5
}

// Delays between clocks of which one is five seconds ahead and runs fast by ten parts in a million: neither is taken for queueing.
func ExampleOneWay() {
	var o ledger.OneWay
	for i := range 1000 {
		at := time.Duration(i) * 10 * time.Millisecond
		delay := 5*time.Second + at/100_000
		if i%10 == 0 {
			delay += 3 * time.Millisecond // in a queue
		}
		o.Add(at, delay)
	}
	v := o.Variation(true)
	fmt.Printf("skew %.0f ppm, median %v, 99 %% below %v\n", v.Skew*1e6, v.P50, v.P99.Round(time.Microsecond))
	// Output:
	// skew 10 ppm, median 0s, 99 % below 3ms
}
