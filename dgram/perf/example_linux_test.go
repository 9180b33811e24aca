package perf_test

import (
	"context"
	"fmt"
	"time"

	"sockwire/dgram/perf"
)

// A server, and a client that sends it 200 datagrams of two sizes, a thousand a second, and gets 100 back.
func ExampleRun() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	server, err := perf.NewServer(ctx, "127.0.0.1:0", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	done := make(chan error)
	go func() { done <- server.Serve(ctx) }()

	result, err := perf.Run(ctx, perf.Config{
		Target: server.Addr().String(),
		Up:     &perf.Load{Rate: 1000, Count: 200, Sizes: []int{64, 1400}},
		Down:   &perf.Load{Bits: 4e6, Count: 100, Sizes: []int{500}},
		Settle: 50 * time.Millisecond,
	})
	stop()
	if err := <-done; err != nil {
		fmt.Println(err)
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	flow := result.Flows[0]
	fmt.Printf("up:   sent %d = received %d + lost %d, %d bytes\n", flow.Up.Sent, flow.Up.Unique, flow.Up.Lost, flow.Up.Bytes)
	fmt.Printf("down: sent %d = received %d + lost %d, %d bytes\n", flow.Down.Sent, flow.Down.Unique, flow.Down.Lost, flow.Down.Bytes)
	// Output:
	// up:   sent 200 = received 200 + lost 0, 146400 bytes
	// down: sent 100 = received 100 + lost 0, 50000 bytes
}

// Round-trip times, one request at a time.
func ExampleRun_requests() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	server, err := perf.NewServer(ctx, "127.0.0.1:0", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	done := make(chan error)
	go func() { done <- server.Serve(ctx) }()

	result, err := perf.Run(ctx, perf.Config{Target: server.Addr().String(), Requests: &perf.Load{Count: 100, Sizes: []int{64}}})
	stop()
	<-done
	if err != nil {
		fmt.Println(err)
		return
	}
	reply := result.Flows[0].Reply
	fmt.Println(reply.Unique, "answered,", reply.Lost, "lost; all within a second:", reply.RTT.Max() < time.Second)
	// Output:
	// 100 answered, 0 lost; all within a second: true
}
