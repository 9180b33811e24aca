package trace_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/netip"
	"os"
	"slices"

	"sockwire/raw/probe"
	"sockwire/raw/trace"
)

// The path to two hosts, as it becomes known.
func ExampleTracer_Trace() {
	targets := []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2")}
	tracer := trace.Tracer{Protocol: trace.UDP, Last: 3}
	for r, err := range tracer.Trace(context.Background(), slices.Values(targets)) {
		if errors.Is(err, os.ErrPermission) {
			log.Print("this needs cap_net_raw")
			return
		}
		if err != nil {
			log.Fatal(err)
		}
		if r.Outcome == probe.Answered {
			fmt.Fprintf(os.Stderr, "%v hop %d: %v %v in %v\n", r.Target, r.TTL, r.From, r.Kind, r.RTT)
		}
	}
	// Output:
}

// A program that chooses its probes: the first hop of eight flows, then what their answers ask for.
func ExampleSession_Ask() {
	tracer := trace.Tracer{Flows: 8}
	session, err := tracer.Open(context.Background())
	if err != nil {
		log.Print(err)
		return
	}
	defer session.Close()
	var probes []trace.Probe
	for flow := range uint16(8) {
		probes = append(probes, trace.Probe{Target: netip.MustParseAddr("127.0.0.1"), Flow: flow, TTL: 1})
	}
	for r, err := range session.Ask(context.Background(), probes) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Fprintln(os.Stderr, r.Flow, r.From, r.Outcome)
	}
	// Output:
}

// The path's MTU, who sets it, and where large packets vanish.
func ExampleMTU() {
	tracer := trace.Tracer{MTU: true, Last: 3, Probes: 1}
	for r, err := range tracer.Trace(context.Background(), slices.Values([]netip.Addr{netip.MustParseAddr("127.0.0.1")})) {
		if err != nil {
			log.Print(err)
			return
		}
		if m := r.Found; m != nil {
			fmt.Fprintf(os.Stderr, "%d bytes; the kernel believed %d; %v; hole %v\n", m.Size, m.Believed, m.Steps, m.Hole)
		}
	}
	// Output:
}
