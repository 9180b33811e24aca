package ledger_test

import (
	"fmt"

	"sockwire/dgram/ledger"
)

// Of ten datagrams the fourth is lost, the sixth comes late and twice, and the last is lost too.
func Example() {
	l := ledger.New(0)
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
