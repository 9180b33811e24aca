//go:build amd64 || arm64

package ptrace

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sockwire/capture/trace"
)

func init() { programs["drowned"] = drowned }

// flood makes a socket with a small buffer that gets more datagrams than it has room for, and says how many it dropped.
func flood() int {
	fd := must(unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0))
	must(0, unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4096))
	must(0, unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	self := must(unix.Getsockname(fd))
	const all = 30
	for range all {
		must(0, unix.Sendto(fd, make([]byte, 1000), 0, self))
	}
	got := 0
	for b := make([]byte, 2000); ; got++ {
		if _, _, err := unix.Recvfrom(fd, b, unix.MSG_DONTWAIT); err != nil {
			fmt.Println("lost", fd, all-got)
			return fd
		}
	}
}

// drowned closes one such socket and ends with another.
func drowned() {
	unix.Close(flood())
	flood()
	must(unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)) // of which there is nothing to say
}

// TestLosses: sockets that dropped packets are told with their own counts, when they are closed and when their process
// ends, once.
func TestLosses(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	tr, err := Start(Command{Path: "/proc/self/exe", Args: []string{"drowned"}, Files: [3]*os.File{nil, w, os.Stderr}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var notes []string
	for e, err := range tr.Events(ctx) {
		if err != nil {
			needTracing(t, err)
			t.Fatal(err)
		}
		if n, ok := e.(*trace.Note); ok && strings.Contains(n.Text, "SO_MEMINFO") {
			notes = append(notes, n.Text)
		}
	}
	w.Close()
	said, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for line := range strings.Lines(string(said)) {
		var fd, lost int
		if _, err := fmt.Sscanf(line, "lost %d %d\n", &fd, &lost); err != nil || lost == 0 {
			t.Fatalf("%d lost: %v", lost, err)
		}
		want = append(want, fmt.Sprintf("descriptor %d of exe (process %d): its socket dropped packets that had come for it, %d by its own count (SO_MEMINFO): it tells how many, not which", fd, tr.pid, lost))
	}
	if len(want) != 2 || !slices.Equal(notes, want) {
		t.Errorf("%q, want %q of %s", notes, want, said)
	}
	if len(tr.losses) > 0 {
		t.Errorf("%v are remembered", tr.losses)
	}
}
