package path_test

import (
	"fmt"
	"net/netip"

	"sockwire/raw/path"
)

// How many probes show that there is no second, third, fourth next hop, with an error of less than 5 %.
func ExampleEnough() {
	fmt.Println(path.Enough(1, 0.05), path.Enough(2, 0.05), path.Enough(3, 0.05))
	// Output: 6 11 16
}

// The two ends of one link answer on the way there and on the way back.
func ExampleCompareWays() {
	there := []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("203.0.113.9")}
	back := []netip.Addr{netip.MustParseAddr("203.0.113.1"), netip.MustParseAddr("198.51.100.0"), netip.MustParseAddr("192.0.2.9")}
	ways := path.CompareWays(there, back)
	fmt.Println(ways.There, ways.Back, ways.Links)
	fmt.Println(ways)
	// Output:
	// 3 3 1
	// both ways have 3 hops, probably by the same routers: 1 of 3 links show both ends
}
