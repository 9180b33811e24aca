package whole

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"sockwire/raw/netlab"
)

// TestSoak runs all commands, and again and again while there is time, ended by signals at random times and read
// through slow pipes. Each says at its end what it did, and each file holds every packet that was counted. SOAK is for
// how long, such as 1h; it is a few seconds unless told. SOAK_SEED repeats the choices of a run.
func TestSoak(t *testing.T) {
	length, err := time.ParseDuration(os.Getenv("SOAK"))
	if err != nil {
		length = 3 * time.Second
	}
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("SOAK_SEED"); s != "" {
		fmt.Sscan(s, &seed)
	}
	t.Logf("SOAK=%v SOAK_SEED=%d", length, seed)
	end := time.Now().Add(length)
	var mu sync.Mutex
	counts := map[string]int{}
	var wg sync.WaitGroup
	var taken atomic.Int64
	for worker := range 3 {
		_, a, b := netlab.Two(t)
		runs := append(longRuns(t, b), recordings(t, b)...)
		rng := rand.New(rand.NewPCG(seed, uint64(worker)))
		wg.Go(func() {
			for {
				n := int(taken.Add(1)) - 1
				if n >= len(runs) && time.Now().After(end) {
					return
				}
				l := runs[n%len(runs)]
				how := soakOne(t, rng, a, l)
				mu.Lock()
				counts[l.name]++
				counts[how]++
				mu.Unlock()
				if t.Failed() && time.Now().After(end) {
					return
				}
			}
		})
	}
	wg.Wait()
	t.Logf("runs: %v", counts)
}

// recordings are captures that are written to a file, all of whose packets can be read behind them.
func recordings(t *testing.T, b *netlab.Host) (list []long) {
	traffic := start(t, b, "rawping", "-q", "-i", "2ms", b.Addr4().Prev().String())
	traffic.await("PING")
	for _, name := range []string{"x.pcapng", "x.pcap.zst", "x.pcap", "x.pcapng.gz"} {
		list = append(list, long{name: "pktview", ready: "ICMP", summary: []string{" captured, "}, args: []string{"-i", "eth0", "-w", name, "--print", "icmp"}})
	}
	return list
}

// soakOne runs a command and ends it at a random time in a random way, and returns which.
func soakOne(t *testing.T, rng *rand.Rand, a *netlab.Host, l long) (how string) {
	args := append([]string(nil), l.args...)
	file := ""
	for i := range args {
		if i > 0 && args[i-1] == "-w" {
			dir, err := os.MkdirTemp("", "sockwire-soak-")
			if err != nil {
				t.Error(err)
				return "no directory"
			}
			defer os.RemoveAll(dir)
			file = filepath.Join(dir, args[i])
			args[i] = file
		}
	}
	ways := map[string][]syscall.Signal{
		"interrupt": {syscall.SIGINT}, "terminate": {syscall.SIGTERM}, "hangup": {syscall.SIGHUP}, "timeout": {syscall.SIGTERM, syscall.SIGTERM},
		"all at once": {syscall.SIGINT, syscall.SIGHUP, syscall.SIGTERM, syscall.SIGINT},
	}
	names := []string{"interrupt", "terminate", "hangup", "timeout", "all at once"}
	how = names[rng.IntN(len(names))]
	slow := time.Duration(0)
	if rng.IntN(3) == 0 {
		slow = time.Duration(rng.IntN(20)) * time.Millisecond
	}
	r, err := begin(t.Context(), a, program(t, l.name), slow, args...)
	if err != nil {
		t.Error(err)
		return "not started"
	}
	defer r.kill()
	fmt.Fprint(r.stdin, l.input)
	if err := r.saw(l.ready); err != nil {
		t.Error(err)
		return "not ready"
	}
	time.Sleep(time.Duration(rng.IntN(300_000)) * time.Microsecond)
	for _, s := range ways[how] {
		r.signal(s)
		if rng.IntN(2) == 0 {
			time.Sleep(time.Duration(rng.IntN(2000)) * time.Microsecond)
		}
	}
	select {
	case <-r.ended:
	case <-time.After(patience):
		t.Errorf("%v does not end after %s: %v", r.cmd.Args, how, r)
		return how
	}
	text := r.stdout.String() + r.stderr.String()
	if code := r.cmd.ProcessState.ExitCode(); code < 0 || code >= 128 && l.name != "sockwire" {
		t.Errorf("%v after %s: %v", r.cmd.Args, how, r)
	}
	for _, s := range l.summary {
		if !strings.Contains(text, s) {
			t.Errorf("%v after %s: no %q: %v", r.cmd.Args, how, s, r)
		}
	}
	if file != "" {
		var told uint64
		at := strings.LastIndex(r.stderr.String(), "pktview: ")
		if _, err := fmt.Sscanf(r.stderr.String()[max(at, 0):], "pktview: %d packet", &told); err != nil {
			t.Errorf("%v after %s: no count: %v", r.cmd.Args, how, r)
		} else if n := packetsIn(t, file); n != told {
			t.Errorf("%v after %s: %d packets counted, %d in the file", r.cmd.Args, how, told, n)
		}
	}
	return how
}
