package main

import (
	"bytes"
	"os/exec"
	"testing"

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

func TestChain(t *testing.T) {
	n := pathlab.New(t, pathlab.Config{Edges: pathlab.Chain(5), IPv6: true})
	o := on(t, n.Source, "rawtrace", n.Dst4.String())
	t.Logf("%d\n%s%s", o.code, o.stdout, o.stderr)
	o = on(t, n.Source, "rawtrace", "--watch", "-c", "3", "--interval", "200ms", n.Dst6.String())
	t.Logf("%d\n%s%s", o.code, o.stdout, o.stderr)
	o = on(t, n.Source, "rawtrace", "-I", "--json", "-q", "1", n.Dst6.String())
	t.Logf("%d\n%s%s", o.code, o.stdout, o.stderr)
}
