package main

import (
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"sockwire/capture/trace"
	"sockwire/capture/trace/ptrace"
	"sockwire/cmd/internal/cli"
)

// giveUp lets go of what this command needs no more once the engine and the capture are ready and the program runs:
// privileges, and with the kernel's programs, for a program that it started, the priority.
func (r *tracing) giveUp() {
	engine := r.session.Engine()
	<-engine.Running()
	if !engine.Stops() && r.o.trace.pid == 0 {
		giveWay()
	}
	if err := r.env.KeepPrivilege(engine.Rights()...); err != nil { // files are open by now
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
