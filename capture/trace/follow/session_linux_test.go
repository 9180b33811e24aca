//go:build amd64 || arm64

package follow_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sockwire/capture/trace"
	"sockwire/capture/trace/follow"
	"sockwire/raw/netlab"
)

// The program that is traced is this test binary under another name.
func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case "sender", "waits":
		s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
		if err != nil {
			os.Exit(99)
		}
		_ = unix.Sendto(s, []byte("hello"), 0, &unix.SockaddrInet4{Port: 9, Addr: [4]byte{127, 0, 0, 1}})
		if filepath.Base(os.Args[0]) == "waits" {
			unix.Pause()
		}
		unix.Close(s)
		os.Exit(0)
	}
	switch filepath.Base(os.Args[0]) {
	case "loser":
		loser()
		os.Exit(0)
	case "resetter":
		resetter()
		os.Exit(0)
	}
	netlab.Run(m)
}

// TestLeft leaves the loop over the steps of a program that would go on for ever: it is ended.
func TestLeft(t *testing.T) {
	program := trace.Command{Path: "/proc/self/exe", Args: []string{"waits"}}
	for _, leave := range []bool{true, false} {
		ctx, cancel := context.WithCancel(t.Context())
		s, err := follow.Start(ctx, program, &follow.Config{Engine: follow.PTrace})
		if err != nil {
			t.Fatal(err)
		}
		stop := time.AfterFunc(0, func() { <-s.Engine().Running(); cancel() })
		if leave {
			stop.Stop()
		}
		last := false
		for step, err := range s.Steps(ctx) {
			if errors.Is(err, os.ErrPermission) {
				if os.Getenv("REQUIRE_NETLAB") != "" {
					t.Fatalf("REQUIRE_NETLAB is set, but tracing is forbidden here: %v", err)
				}
				t.Skipf("tracing is forbidden here: %v", err)
			}
			if err != nil {
				t.Fatal(err)
			}
			if last = step.Last; leave {
				break
			}
		}
		if status := s.Engine().Status(); !leave && (!last || status.Signal != unix.SIGKILL) {
			t.Errorf("the last step came: %v, status %+v", last, status)
		}
		cancel()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
