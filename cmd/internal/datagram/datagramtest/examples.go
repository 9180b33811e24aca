package datagramtest

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"sockwire/cmd/internal/cli"
	"sockwire/raw/netlab"
)

// Examples runs what the help of a command and its README show, each line by a shell on a lab host, in a directory of
// its own, and has check judge what came of it. A line may be a pipeline; more is added to the command's flags, to end
// it. Paths under /run are in that directory.
func Examples(t *testing.T, h *netlab.Host, name string, help []cli.Example, more string, prepare func(dir string),
	check func(line, stdout, stderr string, code int)) {
	t.Helper()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, e := range help {
		lines = append(lines, e.Line)
	}
	fenced := false // what a command writes, not what is written to it
	for line := range strings.Lines(string(readme)) {
		if strings.HasPrefix(line, "```") {
			fenced = !fenced
		}
		if fenced {
			continue
		}
		if code, ok := strings.CutPrefix(line, "    "); ok {
			lines = append(lines, strings.TrimSpace(code))
		}
	}
	if len(lines) <= len(help) {
		t.Fatal("the README has no examples")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		dir := t.TempDir()
		prepare(dir)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		script := name + `() { "$SELF" ` + more + ` "$@"; }; ` + strings.ReplaceAll(line, "/run/", dir+"/")
		cmd := h.Command(ctx, "/bin/sh", "-c", script)
		cmd.Dir = dir
		cmd.Env = append(cmd.Environ(), asCommand+"=1", "SELF="+self)
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
			t.Fatalf("%s: %v", line, err)
		}
		check(line, stdout.String(), stderr.String(), cmd.ProcessState.ExitCode())
	}
}
