package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"sockwire/cmd/internal/cli/clitest"
	"sockwire/dgram/perf"
	"sockwire/raw/netlab"
)

// inLab runs the tests in namespaces of their own, where they may open raw sockets, and the command as scripts call it.
type inLab struct{ m *testing.M }

func (l inLab) Run() int {
	testscript.Main(l.m, map[string]func(){"rawtrace": main, "server": serve(100_000), "hopless": serve(-1), "ordinary": clitest.Ordinary("rawtrace")})
	return 0 // not reached
}

// serve is dgperf serve with an allowance for the hops of ways back, until it is killed.
func serve(hops float64) func() {
	return func() {
		s, err := perf.NewServer(context.Background(), ":7207", &perf.ServerConfig{HopRate: hops})
		if err == nil {
			fmt.Println("serving")
			err = s.Serve(context.Background())
		}
		fmt.Println(err)
		os.Exit(2)
	}
}

func TestMain(m *testing.M) {
	flag.Set("test.parallel", "6") // they wait more than they work; what the command line says comes later, and holds
	netlab.Run(inLab{m})
}

func TestScripts(t *testing.T) {
	netlab.Need(t)
	testscript.Run(t, testscript.Params{Dir: "testdata", Setup: func(e *testscript.Env) error {
		e.Vars = append(e.Vars, "NO_COLOR=1", "GORACE=atexit_sleep_ms=0") // the race detector would wait a second at each exit
		return nil
	}})
}
