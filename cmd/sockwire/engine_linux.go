package main

import (
	"os"
	"os/exec"
	"strings"

	"sockwire/capture/trace"
	"sockwire/capture/trace/ptrace"
	"sockwire/cmd/internal/cli"
)

// prepare finds the program and the engine that traces it.
func (r *tracing) prepare(args []string) (trace.Engine, error) {
	cfg := &ptrace.Config{Clock: r.clock, Data: r.o.trace.kept(), Wait: r.o.trace.wait, Host: r.host}
	if r.o.trace.pid != 0 {
		return ptrace.Attach(r.o.trace.pid, cfg)
	}
	program, err := started(args)
	if err != nil {
		return nil, err
	}
	return ptrace.Start(program, cfg)
}

// started is the program to start.
func started(args []string) (trace.Command, error) {
	path, err := exec.LookPath(args[0])
	if err != nil {
		return trace.Command{}, cli.WithHint(err, "give the path of a program that can be executed, or a name that PATH finds")
	}
	var environment []string
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "SOCKWIRE_NETLAB=") {
			environment = append(environment, e)
		}
	}
	return trace.Command{Path: path, Args: args, Env: environment, Files: [3]*os.File{os.Stdin, os.Stdout, os.Stderr}}, nil
}
