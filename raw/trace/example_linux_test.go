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
	tracer := trace.Tracer{Protocol: trace.UDP, Probes: 1, Last: 1}
	for r, err := range tracer.Trace(context.Background(), slices.Values(targets)) {
		if errors.Is(err, os.ErrPermission) {
			log.Fatal("this needs cap_net_raw")
		}
		if err != nil {
			log.Fatal(err)
		}
		if r.Outcome == probe.Answered {
			fmt.Printf("%v hop %d: %v %v\n", r.Target, r.TTL, r.From, r.Kind) // and r.RTT, r.Changes, r.Labels …
		}
	}
	// Unordered output:
	// 127.0.0.1 hop 1: 127.0.0.1 reached
	// 127.0.0.2 hop 1: 127.0.0.2 reached
}

// A program that chooses its probes: the first hop of two flows, then what their answers ask for.
func ExampleSession_Ask() {
	tracer := trace.Tracer{Flows: 2}
	session, err := tracer.Open(context.Background())
	if err != nil {
		log.Print(err)
		return
	}
	defer session.Close()
	var probes []trace.Probe
	for flow := range uint16(2) {
		probes = append(probes, trace.Probe{Target: netip.MustParseAddr("127.0.0.1"), Flow: flow, TTL: 1})
	}
	for r, err := range session.Ask(context.Background(), probes) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(r.Flow, r.From, r.Outcome)
	}
	// Unordered output:
	// 0 127.0.0.1 answered
	// 1 127.0.0.1 answered
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
			fmt.Println(m.Size, "bytes to hop", m.To, m.Steps, m.Hole)
		}
	}
	// Output:
	// 65535 bytes to hop 1 [] <nil>
}
