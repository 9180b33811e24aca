// Package clitest holds what every command's tests need.
package clitest

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"

	"sockwire/capture/golden"
	"sockwire/cmd/internal/cli"
)

// Run calls a command as a shell would and returns what it wrote and its exit status.
func Run(t testing.TB, run cli.RunFunc, stdin string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errOut bytes.Buffer
	code = run(context.Background(), args, strings.NewReader(stdin), &out, &errOut)
	return out.String(), errOut.String(), code
}

// Generated checks that the manual page and the completions in the command's folder doc are those its flags make.
// go test -update writes them.
func Generated(t *testing.T, name string, run cli.RunFunc) {
	t.Helper()
	files := map[string][]string{
		name + ".1":    {"--man"},
		name + ".bash": {"--completion=bash"},
		"_" + name:     {"--completion=zsh"},
		name + ".fish": {"--completion=fish"},
	}
	for file, args := range files {
		stdout, stderr, code := Run(t, run, "", args...)
		if code != 0 {
			t.Fatalf("%s %v: exit %d: %s", name, args, code, stderr)
		}
		golden.Check(t, filepath.Join("doc", file), stdout)
	}
}
