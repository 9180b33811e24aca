package dgram_test

import (
	"context"
	"fmt"
	"log"

	"sockwire/dgram"
)

// A server that answers in capitals, and a client that asks with retries.
func Example() {
	ctx, cancel := context.WithCancel(context.Background())
	server, err := dgram.Listen(ctx, "udp", "127.0.0.1:0", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	done := make(chan error)
	go func() {
		done <- server.Serve(ctx, 1, func(_ context.Context, d *dgram.Datagram) {
			_ = server.Reply(d, append([]byte("you said "), d.Payload...))
		})
	}()

	client, err := dgram.Dial(ctx, "udp", server.LocalAddr().String(), nil)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	answer, err := client.Exchange(ctx, []byte("hello"), dgram.Addr{}, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", answer.Payload)
	cancel()
	fmt.Println(<-done)
	// Output:
	// you said hello
	// <nil>
}

// Receiving is a loop; an empty datagram is data like any other.
func ExampleConn_Datagrams() {
	ctx := context.Background()
	server, err := dgram.Listen(ctx, "udp", "127.0.0.1:0", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	for _, text := range []string{"one", "", "three"} {
		if err := server.Send([]byte(text), server.LocalAddr()); err != nil {
			log.Fatal(err)
		}
	}
	n := 0
	for d, err := range server.Datagrams(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%q truncated %v\n", d.Payload, d.Truncated)
		if n++; n == 3 {
			break
		}
	}
	// Output:
	// "one" truncated false
	// "" truncated false
	// "three" truncated false
}

// A thousand datagrams in a few system calls: payloads of one size, one behind the other, travel together.
func ExampleConn_SendAll() {
	ctx := context.Background()
	server, err := dgram.Listen(ctx, "udp", "127.0.0.1:0", &dgram.Config{Coalesce: true, ReadBuffer: 1 << 20})
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	client, err := dgram.Dial(ctx, "udp", server.LocalAddr().String(), nil)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	payloads := make([]byte, 100*1000)
	messages := make([]dgram.Message, 100)
	for i := range messages {
		messages[i].Payload = payloads[i*1000 : (i+1)*1000]
	}
	if _, err := client.SendAll(messages); err != nil {
		log.Fatal(err)
	}
	batch := server.NewBatch(16, 2000)
	n, bytes := 0, 0
	for n < len(messages) {
		datagrams, err := server.ReceiveBatch(batch)
		if err != nil {
			log.Fatal(err)
		}
		for _, d := range datagrams {
			n, bytes = n+1, bytes+len(d.Payload)
		}
	}
	fmt.Println(n, "datagrams,", bytes, "bytes")
	// Output: 100 datagrams, 100000 bytes
}
