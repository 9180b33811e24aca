package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"sockwire/cmd/internal/cli/clitest"
	"sockwire/raw/netlab"
)

// inLab runs the tests in namespaces of their own, where they may open raw sockets, and the command as scripts call it.
type inLab struct{ m *testing.M }

func (l inLab) Run() int {
	testscript.Main(l.m, map[string]func(){"rawping": main, "ordinary": clitest.Ordinary("rawping")})
	return 0 // not reached
}

func TestMain(m *testing.M) { netlab.Run(inLab{m}) }

func TestScripts(t *testing.T) {
	netlab.Need(t)
	testscript.Run(t, testscript.Params{Dir: "testdata", Setup: func(e *testscript.Env) error {
		e.Vars = append(e.Vars, "NO_COLOR=1", "GORACE=atexit_sleep_ms=0") // the race detector would wait a second at each exit
		return os.WriteFile(e.WorkDir+"/hosts.txt", []byte("# hosts\n127.0.0.1\n127.0.0.2 a comment\n\n::1\n"), 0o644)
	}})
}
