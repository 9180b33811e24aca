// Package clitest holds what every command's tests need.
package clitest

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sockwire/cmd/internal/cli"
)

var update = flag.Bool("update", false, "write the golden files anew")

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
		Golden(t, filepath.Join("doc", file), stdout)
	}
}

// Golden compares got with a file; go test -update writes it.
func Golden(t testing.TB, file, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (go test -update writes it)", err)
	}
	if got != string(want) {
		t.Errorf("%s is not what the code makes now; go test -update writes it anew\n--- got\n%s", file, got)
	}
}
