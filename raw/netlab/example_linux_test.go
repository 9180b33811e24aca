package netlab_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sockwire/raw/impair"
	"sockwire/raw/netlab"
)

// Two hosts, and a datagram from one to the other.
func Example() {
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
	fmt.Println(string(buf[:n]), err) // hello from a <nil>
}

// A link that loses and corrupts packets tells what it did to each.
func ExampleLink_Records() {
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
		client, err := net.ListenUDP("udp", nil)
		if err != nil {
			return err
		}
		defer client.Close()
		for range 10 {
			client.WriteToUDPAddrPort([]byte("hello"), netip.AddrPortFrom(b.Addr4(), 7000))
		}
		return nil
	})
	if _, err := link.Crossed(context.Background(), a, 10); err != nil {
		fmt.Println(err)
		return
	}
	records, err := link.Records(a)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, r := range records {
		fmt.Println(r.Seq, r.Size, r.Drop, r.Flip)
	}
}

// An example that needs a lab cannot be skipped, so they have no output comment and run here.
func TestExamples(t *testing.T) {
	netlab.Need(t)
	if got, want := output(t, Example), "hello from a <nil>\n"; got != want {
		t.Errorf("Example printed %q, expected %q", got, want)
	}
	got := output(t, ExampleLink_Records)
	if strings.Count(got, "\n") != 10 || !strings.Contains(got, " 33 loss ") {
		t.Errorf("ExampleLink_Records printed:\n%s", got)
	}
}

// output returns what a function prints.
func output(t *testing.T, print func()) string {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "stdout"))
	try(t, err)
	defer f.Close()
	stdout := os.Stdout
	os.Stdout = f
	defer func() { os.Stdout = stdout }()
	print()
	b, err := os.ReadFile(f.Name())
	try(t, err)
	return string(b)
}
