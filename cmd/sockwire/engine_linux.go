package main

import (
	"errors"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"sockwire/capture/trace"
	"sockwire/capture/trace/ebpf"
	"sockwire/capture/trace/ptrace"
	"sockwire/cmd/internal/cli"
)

// prepare finds the program and the engine that traces it.
func (r *tracing) prepare(args []string) (trace.Engine, error) {
	var program trace.Command
	if r.o.trace.pid == 0 {
		var err error
		if program, err = started(args); err != nil {
			return nil, err
		}
	}
	if engine, err := r.kernel(program); engine != nil || err != nil {
		return engine, err
	}
	cfg := &ptrace.Config{Clock: r.clock, Data: r.o.trace.kept(), Wait: r.o.trace.wait, Host: r.host}
	if r.o.trace.pid != 0 {
		return ptrace.Attach(r.o.trace.pid, cfg)
	}
	return ptrace.Start(program, cfg)
}

// kernel is the engine of the kernel's own programs, nil where it is not to be, or cannot be had: then it says
// why.
func (r *tracing) kernel(program trace.Command) (trace.Engine, error) {
	switch {
	case r.o.trace.engine == "ptrace":
		return nil, nil
	case r.o.trace.isolate:
		if r.o.trace.engine == "ebpf" {
			r.env.Warnf("tracing with ptrace: the kernel takes no programs from the namespaces of --isolate")
		}
		return nil, nil
	}
	t, err := ebpf.Open(&ebpf.Config{Clock: r.clock, Data: r.o.trace.kept(), Wait: r.o.trace.wait, Host: r.host, Packets: true})
	if err != nil {
		why := err.Error()
		var refused *trace.Error
		if errors.As(err, &refused) {
			why += ": " + refused.Remedy
		}
		r.env.Warnf("tracing with ptrace: %s", why)
		return nil, nil
	}
	if r.o.trace.pid != 0 {
		err = t.Attach(r.o.trace.pid)
	} else {
		err = t.Start(program)
	}
	if err != nil {
		t.Close()
		return nil, err
	}
	return t, nil
}

// giveUp lets go of what this command needs no more once the engine and the capture are ready and the program runs:
// privileges, and with the kernel's programs, for a program that it started, the priority.
func (r *tracing) giveUp() {
	<-r.tracer.Running()
	// What is left to do: end the program, write files where root may, and look into a program that has rights itself.
	keep := []int{unix.CAP_KILL, unix.CAP_DAC_OVERRIDE}
	if _, kernel := r.tracer.(*ebpf.Tracer); !kernel {
		keep = append(keep, unix.CAP_SYS_PTRACE)
	} else if r.o.trace.pid == 0 {
		giveWay()
	}
	if err := r.env.KeepPrivilege(keep...); err != nil {
		r.env.Warnf("%v", err)
	}
}

// politeness is by how much this command's priority is below the program's, as nice(1) counts.
const politeness = 10

// giveWay lowers the priority of all threads of this command: the kernel's programs record what the program does,
// which need not wait until it is read. On a machine with few processors the program ran in the time that reading
// and joining left it. Threads that are made later inherit it.
func giveWay() {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return
	}
	for _, thread := range threads {
		if tid, err := strconv.Atoi(thread.Name()); err == nil {
			_ = unix.Setpriority(unix.PRIO_PROCESS, tid, politeness) // one that has ended just now
		}
	}
}

// checkCalls refuses names of --calls that no timeline has.
func (t *traceOptions) checkCalls() error {
	shown, all := ptrace.Calls(t.wait), ptrace.Calls(true)
	for _, name := range t.calls {
		switch {
		case slices.Contains(shown, name):
		case slices.Contains(all, name):
			return cli.Usagef("--calls %s needs --wait", name)
		default:
			return cli.WithHint(cli.Usagef("--calls %q: no such system call is traced", name), "they are %s", strings.Join(all, ", "))
		}
	}
	return nil
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
