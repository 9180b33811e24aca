package relay_test

import (
	"context"
	"fmt"
	"log"

	"sockwire/dgram"
	"sockwire/dgram/relay"
	"sockwire/raw/impair"
)

// A path that loses every datagram but says so.
func Example() {
	ctx, cancel := context.WithCancel(context.Background())
	target, err := dgram.Listen(ctx, "udp4", "127.0.0.1:0", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer target.Close()
	told := make(chan string, 1)
	r, err := relay.New(ctx, relay.Config{
		Network: "udp4", Listen: "127.0.0.1:0", Target: target.LocalAddr().String(),
		Forward: impair.Config{Seed: 1, Loss: 1},
		Record: func(r *relay.Record) {
			told <- fmt.Sprintf("%v datagram %d of %d bytes: %v", r.Direction, r.Seq, r.Size, r.Drop)
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- r.Run(ctx) }()
	client, err := dgram.Dial(ctx, "udp4", r.Addr().String(), nil)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	if err := client.Send([]byte("into the void"), dgram.Addr{}); err != nil {
		log.Fatal(err)
	}
	fmt.Println(<-told)
	cancel()
	fmt.Println(<-done)
	// Output:
	// forward datagram 0 of 13 bytes: loss
	// <nil>
}
