package whole

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"sockwire/raw/netlab"
)

// rights returns the permitted capabilities of each thread of a process.
func rights(t *testing.T, pid int) (sets []string) {
	t.Helper()
	names, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		status, err := os.ReadFile(name)
		if err != nil {
			continue // the thread has ended
		}
		_, set, _ := strings.Cut(string(status), "CapPrm:\t")
		sets = append(sets, set[:16])
	}
	return sets
}

// TestFilesAreReadWithoutRights: before a byte of a file is read, what could be done with the rights of the process is
// given up, on every thread. A pipe that stays silent holds each command where it reads.
func TestFilesAreReadWithoutRights(t *testing.T) {
	t.Parallel()
	_, a, _ := netlab.Two(t)
	const none = "0000000000000000"
	for _, c := range []struct {
		all     bool // no thread has any left; else those that read have none but for opening files
		allowed string
		command []string
	}{
		{true, none, []string{"pktview", "-r", "-"}},
		{true, none, []string{"pktview", "-r", "-", "--explain", "udp"}},
		{true, "0000000000000002", []string{"pktview", "-r", "-", "-w", filepath.Join(t.TempDir(), "x.pcap")}}, // root may write where it may
		{true, none, []string{"rawtrace", "--file", "-"}},
		{true, none, []string{"rawtrace", "--asn", "-", "127.0.0.1"}},
		{true, none, []string{"rawsend", "--describe", "-r", "-"}},
		{true, none, []string{"rawsend", "--print", "-r", "-"}},
		{true, none, []string{"rawsend", "-w", filepath.Join(t.TempDir(), "y.pcap"), "-r", "-"}},
		{false, "0000000000000002", []string{"rawsend", "-r", "-"}},
		{false, "0000000000000002", []string{"rawsend", "ip{dst=192.0.2.1, ttl=from /dev/stdin} / udp"}},
		{false, "0000000000000002", []string{"pktview", "-F", "-"}},
	} {
		t.Run(strings.Join(c.command[:2], " "), func(t *testing.T) {
			r := start(t, a, c.command[0], c.command[1:]...)
			given := func() bool {
				n := 0
				sets := rights(t, r.cmd.Process.Pid)
				for _, s := range sets {
					if s == none || s == c.allowed {
						n++
					}
				}
				return n == len(sets) && n > 0 || !c.all && n > 0
			}
			for begin := time.Now(); !given(); time.Sleep(5 * time.Millisecond) {
				if time.Since(begin) > patience/4 {
					t.Fatalf("rights while it reads: %v", rights(t, r.cmd.Process.Pid))
				}
			}
			r.signal(syscall.SIGINT)
			r.wait()
		})
	}
}
