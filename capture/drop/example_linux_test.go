//go:build amd64 || arm64

package drop_test

import (
	"context"
	"fmt"
	"time"

	"sockwire/capture/drop"
)

// What this network namespace drops in ten seconds, and why.
func ExampleOpen() {
	s, err := drop.Open(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for d, err := range s.Drops(ctx) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(d.Frame.Time, d)
	}
	fmt.Println(s.Stats().Lost, "more were not recorded")
}
