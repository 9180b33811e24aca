package cli_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sockwire/cmd/internal/cli"
)

func init() { mains["dropper"] = dropper }

// dropper gives up its privilege and prints the capability sets of each of its threads.
func dropper(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	for range 8 { // threads beside the first one
		ready := make(chan bool)
		go func() {
			ready <- true
			exec.Command("true").Run()
		}()
		<-ready
	}
	if err := cli.DropPrivilege(); err != nil {
		fmt.Fprintln(stderr, err)
		return cli.ExitError
	}
	threads, err := filepath.Glob("/proc/self/task/*/status")
	if err != nil || len(threads) == 0 {
		return cli.ExitError
	}
	for _, name := range threads {
		status, err := os.ReadFile(name)
		if err != nil {
			continue // the thread has ended
		}
		fmt.Fprintf(stdout, "%s\n", status)
	}
	return cli.ExitOK
}

func TestDropPrivilege(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), "CLI_TEST_MAIN=dropper")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	sets := regexp.MustCompile(`Cap(Eff|Prm):\s*([0-9a-f]+)`).FindAllSubmatch(out, -1)
	if len(sets) < 4 {
		t.Fatalf("capability sets of fewer than two threads:\n%s", out)
	}
	for _, set := range sets {
		if strings.Trim(string(set[2]), "0") != "" {
			t.Errorf("a thread keeps %s", set[0])
		}
	}
}
