package dgram_test

import (
	"context"
	"errors"
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

// An echo server that is safe to leave running: it answers no other server, so nobody can set two to answering each other for
// ever, and a peer that cannot be reached keeps nobody waiting.
func ExampleConn_Unanswerable() {
	ctx, cancel := context.WithCancel(context.Background())
	server, err := dgram.Listen(ctx, "udp", "127.0.0.1:0", &dgram.Config{MarkReplies: true})
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	if err := server.Send([]byte("as if from itself"), server.LocalAddr()); err != nil {
		log.Fatal(err)
	}
	err = server.Serve(ctx, 1, func(_ context.Context, d *dgram.Datagram) {
		defer cancel()
		if why := server.Unanswerable(d); why != "" {
			fmt.Println("not answered:", why)
			return
		}
		if err := server.Reply(d, d.Payload); errors.Is(err, dgram.ErrNoRoom) {
			fmt.Println("left out:", err)
		}
	})
	fmt.Println(err)
	// Output:
	// not answered: it comes from the address and port that it was sent to, or another of this host's
	// <nil>
}

// What is to be kept is cloned: the payload is good until the next step of the loop only.
func ExampleDatagram_Clone() {
	ctx := context.Background()
	c, err := dgram.Listen(ctx, "udp", "127.0.0.1:0", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	for _, text := range []string{"first", "second"} {
		if err := c.Send([]byte(text), c.LocalAddr()); err != nil {
			log.Fatal(err)
		}
	}
	var kept []dgram.Datagram
	for d, err := range c.Datagrams(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		if kept = append(kept, d.Clone()); len(kept) == 2 {
			break
		}
	}
	fmt.Printf("%s, %s\n", kept[0].Payload, kept[1].Payload)
	// Output: first, second
}

// A hundred datagrams in a few system calls: payloads of one size, one behind the other, travel together.
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
