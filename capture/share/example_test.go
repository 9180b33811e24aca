package share_test

import (
	"fmt"
	"net/netip"

	"sockwire/capture/share"
)

// Hosts of one network stay hosts of one network, another one.
func ExampleSharer_Address() {
	s, err := share.New([]byte("a key that nobody can guess"))
	if err != nil {
		fmt.Println(err)
		return
	}
	a, b := s.Address(netip.MustParseAddr("192.0.2.1")), s.Address(netip.MustParseAddr("192.0.2.200"))
	network := netip.PrefixFrom(a, 24).Masked()
	fmt.Println(network.Contains(b), a != netip.MustParseAddr("192.0.2.1"))
	// Output: true true
}
