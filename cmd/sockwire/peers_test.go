package main

import (
	"os"
	"os/exec"
	"testing"
)

// peersAvailable tells whether the programs that a script traces are installed. REQUIRE_PEERS=1 makes it a must.
func peersAvailable(t *testing.T) bool {
	for _, name := range []string{"curl", "python3", "dig", "ping", "nc", "iperf3", "ssh", "sh"} {
		if _, err := exec.LookPath(name); err != nil {
			if os.Getenv("REQUIRE_PEERS") == "1" {
				t.Fatalf("REQUIRE_PEERS=1, but %v", err)
			}
			return false
		}
	}
	return true
}
