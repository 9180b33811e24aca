//go:build amd64 || arm64

package owner_test

import (
	"context"
	"fmt"
	"time"

	"sockwire/capture"
	"sockwire/capture/owner"
)

// The names of container and unit that a control group has.
func ExamplePlace() {
	fmt.Println(owner.Place("/system.slice/sshd.service"))
	// Output:  sshd.service
}

// Whose the packets on the loopback interface are, for ten seconds.
func ExampleTracker_Owners() {
	network, err := owner.Network()
	if err != nil {
		fmt.Println(err)
		return
	}
	live, err := capture.Open(context.Background(), "lo", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer live.Close()
	tracker, err := owner.Open(&owner.Config{Networks: []uint32{network}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer tracker.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var owners []owner.Owner
	for frame, err := range live.Frames(ctx) {
		if err != nil {
			fmt.Println(err)
			return
		}
		time.Sleep(owner.Delay) // until the packet has reached its socket
		if owners, err = tracker.Owners(owners[:0], &frame, network); err != nil {
			fmt.Println(err)
			return
		}
		for _, o := range owners {
			fmt.Println(frame.Time, o.Role, o.PID, o.Name, o.How)
		}
	}
}
