package main

import (
	"bytes"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"sockwire/raw/netlab"
	"sockwire/raw/path/pathlab"
)

// output is what a command printed, and its exit status.
type output struct {
	stdout, stderr string
	code           int
}

// on runs a command on a host of a lab.
func on(t *testing.T, h *netlab.Host, name string, args ...string) output {
	t.Helper()
	cmd := h.Command(t.Context(), name, args...)
	cmd.Env = append(cmd.Environ(), "NO_COLOR=1", "GORACE=atexit_sleep_ms=0")
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		if _, ended := err.(*exec.ExitError); !ended {
			t.Fatal(err)
		}
	}
	return output{out.String(), errOut.String(), cmd.ProcessState.ExitCode()}
}

// last is the last line of a text, wrapped ones put together.
func last(text string) string {
	lines := strings.Split(strings.TrimSpace(strings.ReplaceAll(text, "\n   ", " ")), "\n")
	return lines[len(lines)-1]
}

// TestVerdicts: loss behind a hop is real, a router that limits its answers is not losing anything.
func TestVerdicts(t *testing.T) {
	for _, tc := range []struct {
		name string
		cfg  pathlab.Config
		with func(n *pathlab.Net) error
		want string // of the sentence
		code int
	}{
		{"real", pathlab.Config{Edges: pathlab.Chain(5), Seed: 1, Links: map[string]pathlab.Link{"r2-r3": {There: 0.3}}}, nil, `: reached in 5 hops, [\d.]+ ms; loses [23]\d(\.\d)? % from hop 3 on, first at 10\.0\.3\.2$`, 1},
		{"limit", pathlab.Config{Edges: pathlab.Chain(5), Seed: 1}, func(n *pathlab.Net) error { return n.LimitPerHost("r2", time.Second) }, `: reached in 5 hops, [\d.]+ ms; hop 2 only answers seldom$`, 0},
		{"silent", pathlab.Config{Edges: pathlab.Chain(5), Seed: 1}, func(n *pathlab.Net) error { return n.Silence("r3") }, `: reached in 5 hops, [\d.]+ ms; hop 3 is silent$`, 0},
		{"clean", pathlab.Config{Edges: pathlab.Chain(5), Seed: 1}, nil, `: reached in 5 hops, [\d.]+ ms$`, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if testing.Short() && tc.name == "limit" {
				t.Skip("what it asks at two rates takes a quarter of a minute")
			}
			t.Parallel()
			n := pathlab.New(t, tc.cfg)
			if tc.with != nil {
				if err := tc.with(n); err != nil {
					t.Fatal(err)
				}
			}
			o := on(t, n.Source, "rawtrace", "-q", "10", "-w", "300ms", "--decide=60s", n.Dst4.String())
			if sentence := last(o.stdout); !regexp.MustCompile(tc.want).MatchString(sentence) || o.code != tc.code {
				t.Errorf("exit status %d\n%s%s", o.code, o.stdout, o.stderr)
			}
		})
	}
}
