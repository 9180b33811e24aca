package raw_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/netip"
	"os"
	"time"

	"sockwire/raw"
)

// A program receives ICMP over IPv4 for a second and prints what came from where.
func ExampleListen() {
	c, err := raw.Listen(context.Background(), raw.ICMP, &raw.Config{Local: netip.MustParseAddr("127.0.0.1"), ReadBuffer: 1 << 20})
	if errors.Is(err, os.ErrPermission) {
		log.Print("raw sockets need cap_net_raw")
		return
	}
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	for p, err := range c.Packets(ctx, make([]byte, 65535)) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%v ICMP type %d from %v, TTL %d\n", p.Time, p.Buf[p.HeaderLen], p.From, p.TTL)
	}
}
