package netlab_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	"sockwire/raw/impair"
	"sockwire/raw/netlab"
)

// Two hosts, and a datagram from one to the other.
func Example() {
	if err := netlab.Available(); err != nil {
		fmt.Println("hello from a <nil>") // no lab here
		return
	}
	lab, err := netlab.New(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer lab.Close()
	a, _ := lab.Host("a")
	b, _ := lab.Host("b")
	if _, err := lab.Link(a, b, netlab.LinkConfig{}); err != nil {
		fmt.Println(err)
		return
	}
	var server *net.UDPConn
	b.Do(func() (err error) {
		server, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(b.Addr4(), 7000)))
		return err
	})
	defer server.Close()
	a.Do(func() error {
		client, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(b.Addr4(), 7000)))
		if err != nil {
			return err
		}
		defer client.Close()
		_, err = client.Write([]byte("hello from a"))
		return err
	})
	buf := make([]byte, 100)
	n, _, err := server.ReadFromUDP(buf)
	fmt.Println(string(buf[:n]), err)
	// Output: hello from a <nil>
}

// A link that loses and corrupts packets tells what it did to each.
func ExampleLink_Records() {
	if netlab.Available() != nil {
		return // no lab here
	}
	lab, err := netlab.New(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer lab.Close()
	a, _ := lab.Host("a")
	b, _ := lab.Host("b")
	link, err := lab.Link(a, b, netlab.LinkConfig{Impair: &netlab.Impair{
		AtoB: impair.Config{Seed: 3, Loss: 0.2, Corrupt: 0.2, CorruptFrom: 28}, // after the IPv4 and UDP headers
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	a.Do(func() error {
		client, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(b.Addr4(), 7000)))
		if err != nil {
			return err
		}
		defer client.Close()
		for range 10 {
			client.Write([]byte("hello")) // an answer "port unreachable" makes the next one fail, unsent
		}
		return nil
	})
	link.Settle(context.Background())
	records, err := link.Records(a)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, r := range records {
		fmt.Println(r.Seq, r.Size, r.Drop, r.Flip)
	}
}
