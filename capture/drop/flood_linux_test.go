//go:build amd64 || arm64

package drop_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"sockwire/capture"
	"sockwire/capture/drop"
	"sockwire/raw/netlab"
)

// TestFlood: more drops than are read in time are lost, and each of them is counted. FLOOD_DROPS says how many there
// are.
func TestFlood(t *testing.T) {
	s := newStage(t, nil, false)
	var src *drop.Source
	s.must(s.b.Do(func() error {
		src = open(t, &drop.Config{Buffer: 64 << 10, Snaplen: 64})
		return nil
	}))
	n := 50_000
	if text := os.Getenv("FLOOD_DROPS"); text != "" {
		n, _ = strconv.Atoi(text)
	}
	full, _ := s.udp(s.b, 7000)
	s.must(full.SetReadBuffer(0))
	before := counters(t, s.b)["Udp RcvbufErrors"]
	flooded := make(chan time.Duration, 1)
	go func() {
		began := time.Now()
		_ = s.a.Do(func() error {
			fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
			if err != nil {
				return err
			}
			defer unix.Close(fd)
			to := &unix.SockaddrInet4{Port: 7000, Addr: netip.Addr(s.b.Addr4()).As4()}
			for range n {
				_ = unix.Sendto(fd, []byte("no room"), 0, to)
			}
			return nil
		})
		flooded <- time.Since(began)
		src.Stop()
	}()
	var read, said uint64
	var f capture.Frame
	for {
		err := src.Next(&f)
		if err == io.EOF {
			break
		}
		s.must(err)
		said += f.Drops
		if src.Drop().Reason.Name == "SOCKET_RCVBUFF" {
			read++
		}
	}
	took := <-flooded
	happened := uint64(counters(t, s.b)["Udp RcvbufErrors"] - before)
	stats := src.Stats()
	if happened == 0 || read+stats.Lost < happened || read+stats.Lost > happened+stats.Delivered-read+100 || said > stats.Lost {
		t.Errorf("the kernel dropped %d, %d were read and %d counted as lost, of which frames told %d", happened, read, stats.Lost, said)
	}
	t.Logf("%d drops in %v, %.0f a second: %d read, %d lost and counted", happened, took, float64(happened)/took.Seconds(), read, stats.Lost)
}

// TestGone: the programs are gone with their process, however it ends.
func TestGone(t *testing.T) {
	for _, signal := range []unix.Signal{unix.SIGKILL, unix.SIGTERM} {
		netlab.Need(t)
		open(t, nil).Close() // or skip
		child := exec.Command("/proc/self/exe")
		child.Env = append(os.Environ(), "DROP_TEST_CHILD=1")
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		child.Stderr = os.Stderr
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
			t.Fatalf("the child says %q: %v", line, err)
		}
		ids := programs(t, child.Process.Pid)
		if len(ids) == 0 {
			t.Error("the child has no program")
		}
		if err := child.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		_ = child.Wait() // it was killed
		for end := time.Now().Add(20 * time.Second); ; {
			left := 0
			for _, id := range ids {
				p, err := ebpf.NewProgramFromID(id)
				if err == nil {
					p.Close()
					left++
				} else if !errors.Is(err, os.ErrNotExist) {
					t.Fatal(err)
				}
			}
			if left == 0 {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("after %v, %d programs are still there", signal, left)
			}
		}
	}
}

// programs are those that a process has.
func programs(t *testing.T, pid int) (ids []ebpf.ProgramID) {
	t.Helper()
	infos, err := filepath.Glob(fmt.Sprintf("/proc/%d/fdinfo/*", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range infos {
		b, _ := os.ReadFile(file) // a descriptor that is closed by now
		for line := range strings.Lines(string(b)) {
			if text, ok := strings.CutPrefix(line, "prog_id:"); ok {
				if id, err := strconv.ParseUint(strings.TrimSpace(text), 10, 32); err == nil {
					ids = append(ids, ebpf.ProgramID(id))
				}
			}
		}
	}
	return ids
}

// child records drops until it is ended.
func child() {
	s, err := drop.Open(nil)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("ready")
	var f capture.Frame
	for s.Next(&f) == nil {
	}
}

func init() { whole = child }
