package raw_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"sockwire/raw"
	"sockwire/raw/netlab"
	"sockwire/raw/probe"
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

// Three echoes to each of two hosts, and what became of them.
func ExamplePinger() {
	p := raw.Pinger{Count: 3, Interval: 10 * time.Millisecond}
	targets := slices.Values([]netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2")})
	for e, err := range p.Ping(context.Background(), targets) {
		if errors.Is(err, os.ErrPermission) {
			log.Print(err)
			return
		}
		if err != nil {
			log.Fatal(err)
		}
		switch e.Outcome {
		case probe.Answered, probe.Late:
			fmt.Printf("%v echo %d: %v by the clock of the %v, of it %v in the local queue\n", e.Target, e.Seq, e.RTT, e.Source, e.Split.Queue)
		case probe.Refused:
			fmt.Printf("%v echo %d: %s from %v\n", e.Target, e.Seq, raw.ErrorText(e.Target.Is6(), e.Type, e.Code), e.From)
		default:
			fmt.Printf("%v echo %d: %v, %v\n", e.Target, e.Seq, e.Outcome, e.Cause)
		}
	}
}

// Is a host there, and how far away?
func ExamplePingHost() {
	e, err := raw.PingHost(context.Background(), netip.MustParseAddr("127.0.0.1"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(e.Outcome, e.From, e.RTT < time.Second)
}

// An example that needs a socket of its own cannot be skipped, so it has no output comment and runs here.
func TestExamplePingHost(t *testing.T) {
	netlab.Need(t)
	f, err := os.Create(filepath.Join(t.TempDir(), "stdout"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	stdout := os.Stdout
	os.Stdout = f
	ExamplePingHost()
	os.Stdout = stdout
	if got, err := os.ReadFile(f.Name()); err != nil || string(got) != "answered 127.0.0.1 true\n" {
		t.Errorf("%q, %v", got, err)
	}
	// One that is not there, and one that cannot be.
	if e, err := raw.PingHost(t.Context(), netip.MustParseAddr("203.0.113.1")); err != nil || e.Outcome != probe.Lost {
		t.Errorf("%+v, %v", e, err)
	}
	if _, err := raw.PingHost(t.Context(), netip.Addr{}); err == nil {
		t.Error("no host at all was pinged")
	}
}
