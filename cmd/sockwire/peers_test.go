package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"slices"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"sockwire/capture"
)

// peersAvailable tells whether the programs that a script traces are installed. REQUIRE_PEERS=1 makes it a must.
func peersAvailable(t *testing.T) bool {
	for _, name := range []string{"curl", "python3", "dig", "dnsmasq", "ping", "nc", "iperf3", "ssh", "sh", "dumpcap"} {
		if _, err := exec.LookPath(name); err != nil {
			if os.Getenv("REQUIRE_PEERS") == "1" {
				t.Fatalf("REQUIRE_PEERS=1, but %v", err)
			}
			return false
		}
	}
	return true
}

// samePackets checks that two capture files hold the same packets. Their order may differ where two processors
// sent at the same time.
func samePackets(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: samepackets FILE FILE")
	}
	a, b := readPackets(ts, args[0]), readPackets(ts, args[1])
	slices.SortFunc(a, bytes.Compare)
	slices.SortFunc(b, bytes.Compare)
	if len(a) < 10 || !slices.EqualFunc(a, b, bytes.Equal) {
		ts.Fatalf("%s has %d packets, %s has %d, and they are to be the same", args[0], len(a), args[1], len(b))
	}
}

func readPackets(ts *testscript.TestScript, name string) [][]byte {
	f, err := os.Open(ts.MkAbs(name))
	ts.Check(err)
	defer f.Close()
	r, err := capture.NewReader(f)
	ts.Check(err)
	var all [][]byte
	for frame, err := range r.Frames(context.Background()) {
		ts.Check(err)
		data := bytes.Clone(frame.Data)
		if len(data) > 1514 {
			// The kernel writes into a super-packet of UDP_SEGMENT when its receiver takes it apart, before or after
			// it is read here.
			data = data[:14+20]
		}
		all = append(all, data)
	}
	return all
}
