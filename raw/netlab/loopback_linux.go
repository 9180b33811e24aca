package netlab

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
)

// LoopbackUp makes the loopback interface of the calling thread's network namespace ready, multicast too: a program that
// [Run] or [Enter] has put into a namespace of its own finds it down. An mtu of 0 leaves that as it is, in bytes.
func LoopbackUp(mtu int) error {
	lo, err := netlink.LinkByName("lo")
	if err == nil && mtu > 0 {
		err = netlink.LinkSetMTU(lo, mtu)
	}
	if err == nil {
		err = errors.Join(netlink.LinkSetMulticastOn(lo), netlink.LinkSetUp(lo))
	}
	if err != nil {
		return fmt.Errorf("netlab: loopback interface: %w", err)
	}
	return nil
}
