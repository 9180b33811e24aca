package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

// counts are calls and errors by the name of the call.
type counts map[string][2]int

// TestSummary compares the counts of --summary with those of strace -c.
func TestSummary(t *testing.T) {
	peer(t, "strace")
	j := newJudge(t)
	args := []string{"exercise", "halfclose", "options", "rights", "dup", "reset", "refused"}
	dir := t.TempDir()
	file := filepath.Join(dir, "counts")
	j.do(t, j.host(t, "strace", false), dir, append([]string{"strace", "-f", "-c", "-o", file, "-e", "trace=%network", "--"}, args...)...)
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want := counts{}
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line) // time, seconds, usecs/call, calls, errors if there are any, name
		if len(f) < 5 || f[len(f)-1] == "total" {
			continue
		}
		if calls, err := strconv.Atoi(f[3]); err == nil {
			errors, _ := strconv.Atoi(f[4])
			want[f[len(f)-1]] = [2]int{calls, errors}
		}
	}
	out := filepath.Join(dir, "summary")
	j.do(t, j.host(t, "sockwire", false), dir, append([]string{"sockwire", "--engine", "ptrace", "--summary", "--json", "-o", out, "--"}, args...)...)
	if b, err = os.ReadFile(out); err != nil {
		t.Fatal(err)
	}
	var s struct {
		Calls []struct {
			Name          string
			Calls, Errors int
		} `json:"calls_by_name"`
	}
	if err := json.Unmarshal(b, &s); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	got := counts{}
	for _, c := range s.Calls {
		if !slices.Contains([]string{"read", "write", "close", "dup", "dup3", "fcntl"}, c.Name) { // not of strace's class
			got[c.Name] = [2]int{c.Calls, c.Errors}
		}
	}
	if diff := gocmp.Diff(want, got); diff != "" || len(want) < 10 {
		t.Errorf("calls and errors (-strace +ours):\n%s", diff)
	}
}

// TestFilters shows a part of what happened, by kind, call and socket.
func TestFilters(t *testing.T) {
	j := newJudge(t)
	h := j.host(t, "host", false)
	dir := t.TempDir()
	args := []string{"exercise", "peek", "unix"}
	all := j.record(t, h, dir, nil, args...)
	kinds := map[string]int{}
	for _, c := range all.calls {
		if s := all.sockets[c.Socket]; s != nil && c.Name == "write" {
			kinds[s.Family+" "+s.Kind]++
		}
	}
	for _, c := range []struct {
		flags  []string
		writes map[string]int
	}{
		{[]string{"--only", "stream", "--calls", "write"}, map[string]int{"ipv4 stream": kinds["ipv4 stream"]}},
		{[]string{"--only", "datagram", "--calls", "write"}, map[string]int{"ipv4 datagram": kinds["ipv4 datagram"]}},
		{[]string{"--only", "unix", "--calls", "write"}, map[string]int{"unix stream": kinds["unix stream"], "unix seqpacket": 1}},
		{[]string{"--only", "stream,datagram", "--calls", "write"}, map[string]int{"ipv4 stream": kinds["ipv4 stream"], "ipv4 datagram": kinds["ipv4 datagram"]}},
		{[]string{"--socket", "s2", "--calls", "write"}, map[string]int{"ipv4 stream": 1}},
	} {
		part := j.record(t, h, dir, c.flags, args...)
		got := map[string]int{}
		for _, x := range part.calls {
			s := part.sockets[x.Socket]
			if s == nil || x.Name != "write" {
				t.Fatalf("%v shows #%d %s", c.flags, x.Number, x.Name)
			}
			got[s.Family+" "+s.Kind]++
		}
		if diff := gocmp.Diff(c.writes, got); diff != "" {
			t.Errorf("%v (-want +got):\n%s", c.flags, diff)
		}
		for _, p := range part.packets {
			s := part.sockets[p.From]
			if s == nil {
				s = part.sockets[p.To]
			}
			if s == nil || c.writes[s.Family+" "+s.Kind] == 0 {
				t.Errorf("%v shows packet %d of %s", c.flags, p.Number, p.From)
			}
		}
	}
}

// TestCountersBesidePtrace: ptrace hears of no single drop, and the summary has the kernel's own counts.
func TestCountersBesidePtrace(t *testing.T) {
	j := newJudge(t)
	dir := t.TempDir()
	out := filepath.Join(dir, "summary")
	j.do(t, j.host(t, "host", false), dir, "sockwire", "--engine", "ptrace", "--summary", "-o", out, "--", "exercise", "refused")
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	_, lost, found := strings.Cut(string(b), "Lost meanwhile, by the kernel's own counters for the whole network namespace:\n")
	if !found || !strings.Contains(lost, "Udp NoPorts") || !strings.Contains(lost, "Tcp OutRsts") {
		t.Errorf("%s", b)
	}
}
