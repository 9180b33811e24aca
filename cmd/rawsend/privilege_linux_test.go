package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"sockwire/capture"
	"sockwire/raw/netlab"
)

func TestCapabilitiesAreGivenUp(t *testing.T) {
	_, a, b := netlab.Two(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	cmd := a.Command(ctx, self, "--wait", "0", "-c", "50", "--rate", "10", fmt.Sprintf("ip{dst=%s} / udp{dport=9}", b.Addr4()))
	cmd.Env = append(cmd.Environ(), "RAWSEND_MAIN=1")
	live := listenOn(t, b)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		cmd.Process.Kill()
		cmd.Wait()
	}()
	live.SetReadDeadline(time.Now().Add(10 * time.Second))
	var f capture.Frame
	if err := live.Next(&f); err != nil { // it sends: so it is past opening
		t.Fatal(err)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(status), "\n") {
		if name, value, ok := strings.Cut(line, ":"); ok && (name == "CapEff" || name == "CapPrm") && strings.TrimSpace(value) != "0000000000000000" {
			t.Errorf("while it sends, %s", line)
		}
	}
}
