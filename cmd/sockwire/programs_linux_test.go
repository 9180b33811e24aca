package main

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"sockwire/capture"
)

// TestExercises runs programs of ours alone under strace, and under sockwire with tcpdump beside it.
func TestExercises(t *testing.T) {
	peer(t, "tcpdump")
	peer(t, "strace")
	j := newJudge(t)
	for _, c := range []struct {
		name    string
		args    string // exercises that one process does after each other
		by      order
		offload bool
		short   bool
		varies  bool // what it sends and receives: identifications and ports are in it
	}{
		{name: "calls", args: "sendmmsg splice sendfile vectors segment peek options dup rights unix records", short: true},
		{name: "connections", args: "halfclose ipv6 fastopen cork nagle refused reset dissolve", short: true},
		{name: "datagrams", args: "fragments empty"},
		{name: "raw", args: "raw", varies: true},
		{name: "arguments", args: "values control errqueue", short: true},
		{name: "names", args: "names"},
		{name: "large", args: "large"},
		{name: "offload", args: "large segment sendfile", offload: true, by: bySocket},
		{name: "threads", args: "threads threadends", by: bySocket},
		{name: "goserver", args: "goserver", by: bySocket, short: true},
		{name: "execthread", args: "interrupt execthread", by: bySocket},
		{name: "vfork", args: "vfork"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if testing.Short() && !c.short {
				t.Skip("in short mode a part is enough")
			}
			t.Parallel()
			j.compare(t, comparison{offload: c.offload, by: c.by, data: !c.varies}, append([]string{"exercise"}, strings.Fields(c.args)...)...)
		})
	}
}

// TestPrograms does the same with programs that are not ours. Most of them ask as often as they like whether there is
// something to read, and move between threads.
func TestPrograms(t *testing.T) {
	if !peersAvailable(t) {
		t.Skip("not all programs are installed")
	}
	peer(t, "tcpdump")
	peer(t, "strace")
	dir, err := filepath.Abs(filepath.Join("testdata", "programs"))
	if err != nil {
		t.Fatal(err)
	}
	j := newJudge(t)
	for _, c := range []struct {
		name  string
		args  []string
		by    order
		part  bool // not all that is sent leaves before a reset
		short bool
	}{
		{name: "curl and http.server", args: []string{"sh", "web.sh"}, by: bySocket, short: true},
		{name: "dig and dnsmasq", args: []string{"sh", "dns.sh"}, by: bySocket},
		{name: "ping", args: []string{"sh", "ping.sh"}},
		{name: "nc", args: []string{"sh", "nc.sh"}, by: bySocket},
		{name: "iperf3", args: []string{"sh", "iperf.sh"}, by: asSet, part: true},
		{name: "ssh", args: []string{"ssh", "-V"}},
		{name: "forking server", args: []string{"python3", "fork.py"}, by: byProcess},
		{name: "python", args: []string{"python3", "calls.py"}, by: bySocket, part: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if testing.Short() && !c.short {
				t.Skip("in short mode a part is enough")
			}
			t.Parallel()
			if len(c.args) == 2 && c.args[1] != "-V" {
				c.args[1] = filepath.Join(dir, c.args[1])
			}
			j.compare(t, comparison{by: c.by, part: c.part}, c.args...)
		})
	}
}

// comparison says what of a program is the same at every run.
type comparison struct {
	offload bool
	by      order
	part    bool // not all that is sent leaves before a reset
	data    bool // what it sends and receives is the same too
}

// compare runs a program under strace, then under sockwire with each engine and tcpdump beside it. The calls, the
// packets, and what it writes and returns must be the same, and the engines must agree on every byte range of every
// call.
func (j *judge) compare(t *testing.T, c comparison, args ...string) {
	t.Helper()
	engines := each(t)
	alone, threads := j.strace(t, j.host(t, "strace", c.offload), t.TempDir(), args...)
	told := make([][]string, len(engines))
	for i, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			r := j.with(engine).beside(t, c.offload, args...)
			if r.outcome != alone {
				t.Errorf("under strace %+v, under sockwire %+v", alone, r.outcome)
			}
			told[i] = r.ranges() // before the calls are compared, which joins receives
			r.check(t, !c.part)
			r.sameCalls(t, threads, c.by, c.data)
		})
	}
	if c.part || c.by == asSet || t.Failed() {
		return
	}
	for i := range told[1:] {
		if diff := gocmp.Diff(told[0], told[i+1]); diff != "" {
			t.Errorf("bytes of calls (-%s +%s):\n%s", engines[0], engines[i+1], diff)
		}
	}
}

// beside runs a program under sockwire with tcpdump beside it, and compares the packets.
func (j *judge) beside(t *testing.T, offload bool, args ...string) *recording {
	t.Helper()
	h := j.host(t, "sockwire", offload)
	file := filepath.Join(t.TempDir(), "tcpdump.pcap")
	stop := startTcpdump(t, t.Context(), h, "lo", file)
	r := j.record(t, h, t.TempDir(), nil, args...)
	var theirs []capture.Frame
	for end := time.Now().Add(20 * time.Second); len(theirs) < len(r.frames) && time.Now().Before(end); {
		time.Sleep(5 * time.Millisecond)
		// Before the program began sockwire has sent a datagram of its own.
		theirs = slices.DeleteFunc(readFile(t.Context(), file), func(f capture.Frame) bool {
			return len(r.frames) == 0 || f.Time.Before(r.frames[0].Time.Truncate(time.Microsecond))
		})
	}
	stop()
	r.against(t, theirs)
	return r
}
