package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"sockwire/raw/netlab"
)

// inLab runs the tests in namespaces of their own, where they may open raw sockets, and the command as scripts call it.
type inLab struct{ m *testing.M }

func (l inLab) Run() int {
	testscript.Main(l.m, map[string]func(){"rawtrace": main})
	return 0 // not reached
}

func TestMain(m *testing.M) { netlab.Run(inLab{m}) }

func TestScripts(t *testing.T) {
	netlab.Need(t)
	testscript.Run(t, testscript.Params{Dir: "testdata", Setup: func(e *testscript.Env) error {
		e.Vars = append(e.Vars, "NO_COLOR=1", "GORACE=atexit_sleep_ms=0") // the race detector would wait a second at each exit
		return nil
	}})
}
