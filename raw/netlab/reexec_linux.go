package netlab

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// marker is the environment variable that tells a process it is inside. Its value is the name of the mount
// namespace it was set in, so that a process which inherits the variable but not the namespaces is not fooled.
const (
	marker      = "SOCKWIRE_NETLAB"
	markerStart = "start" // set by the outer process: check yourself, then answer on descriptor 3
	statusFD    = 3

	probeName = "netlab-probe" // argv[0] of a copy that only finds out whether it could be inside
	execName  = "netlab-exec"  // argv[0] of a copy that moves into a host and becomes another program
)

func init() {
	switch os.Args[0] {
	case probeName:
		ready()
		os.Exit(0)
	case execName:
		execInHost(os.Args[1:])
	}
}

// Run runs the tests of a test binary inside new namespaces and exits with their status; call it from
// TestMain. It starts a copy of the test binary there with the same arguments, standard streams and
// environment, passes signals on, and dies with it. Where namespaces are forbidden the tests run outside and
// [Need] skips those that want a lab. Workers of go test -fuzz are left as they are: they inherit the
// namespaces and the pipes of the process that started them.
func Run(m interface{ Run() int }) {
	if slices.Contains(os.Args[1:], "-test.fuzzworker") {
		os.Exit(m.Run())
	}
	inside, status, err := enter()
	if inside || err != nil {
		os.Exit(m.Run())
	}
	status.exit()
}

// Enter makes a command run inside new namespaces. Already inside it returns true at once. Otherwise it
// starts a copy of the program there with the same arguments, standard streams and environment, passes
// signals on, waits, and returns the copy's exit status, or 128 plus the number of the signal that ended it; the caller
// exits with that status. The copy is killed when this process ends, however it ends.
//
// SIGINT and SIGQUIT are not passed on while this process is in the foreground of its terminal, for the
// terminal sends them to both.
//
// The error is an [Error] with a hint; the program can go on outside.
func Enter() (inside bool, status int, err error) {
	inside, st, err := enter()
	if inside || err != nil {
		return inside, 0, err
	}
	return false, st.code(), nil
}

// Available returns nil when a lab can be made here, and otherwise an [Error] that says why not and has a
// hint with the fix. Outside the namespaces it finds out by starting a copy of the program which exits before its
// main function (some milliseconds; package initialisation runs).
func Available() error {
	if os.Getenv(marker) != "" {
		return ready()
	}
	if forbidden.err != nil {
		return forbidden.err
	}
	status, err := launch([]string{probeName}, false)
	if err != nil {
		return diagnose(err)
	}
	if status.code() != 0 {
		return diagnose(fmt.Errorf("trying namespaces: %v", status))
	}
	return nil
}

// forbidden keeps why enter failed, for Need.
var forbidden struct{ err error }

var errNotInside = errors.New("this process is not in namespaces of its own: call netlab.Run from TestMain, or netlab.Enter")

// ready reports whether this process may make labs. The first call of a freshly started copy checks that it
// got the rights it was started for and tells the outer process.
var ready = sync.OnceValue(func() error {
	switch v := os.Getenv(marker); v {
	case "":
		if forbidden.err != nil {
			return forbidden.err
		}
		return errNotInside
	case markerStart:
		err := settle()
		status := os.NewFile(statusFD, "status")
		if err != nil {
			fmt.Fprint(status, err)
			os.Exit(1) // the outer process reads the reason and goes on without us
		}
		status.Close()
		return nil
	default:
		if ns, err := os.Readlink("/proc/self/ns/mnt"); err != nil || ns != v {
			return errNotInside
		}
		return nil
	}
})

// settle is the first thing a copy does inside. A security module may let a user make namespaces and then
// deny every right in them, which shows when the loopback interface is set up.
func settle() error {
	if err := setLoopbackUp(); err != nil {
		return err
	}
	// Whatever is mounted in here from now on stays in here.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make the mounts private: %w", err)
	}
	if err := unlockSysctls(); err != nil {
		return err
	}
	ns, err := os.Readlink("/proc/self/ns/mnt")
	if err != nil {
		return err
	}
	return os.Setenv(marker, ns)
}

const readOnlySysctls = "/proc/sys is mounted read-only"

// unlockSysctls makes /proc/sys writable in our own mount namespace where a container has it read-only. It
// cannot where the container's owner has more rights than we, which is when we are in a user namespace of our own.
func unlockSysctls() error {
	const probe = "/proc/sys/net/ipv4/ip_forward"
	if unix.Access(probe, unix.W_OK) != unix.EROFS {
		return nil
	}
	if err := unix.Mount("", "/proc/sys", "", unix.MS_REMOUNT|unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("%s: %w", readOnlySysctls, err)
	}
	return nil
}

func setLoopbackUp() error {
	const loopback = 1 // index in every namespace
	if err := netlink.LinkSetUp(&netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Index: loopback}}); err != nil {
		return fmt.Errorf("set up the loopback interface: %w", err)
	}
	return nil
}

// enter reports inside = true when this process is within, and else the status of the copy it ran.
func enter() (inside bool, status exitStatus, err error) {
	if os.Getenv(marker) != "" && ready() == nil {
		return true, exitStatus{}, nil
	}
	status, err = launch(os.Args, true)
	if err != nil {
		forbidden.err = diagnose(err)
		return false, status, forbidden.err
	}
	return false, status, nil
}

// launch runs a copy of this program in new namespaces until it ends. Root tries without a user namespace first.
func launch(args []string, streams bool) (exitStatus, error) {
	const flags = unix.CLONE_NEWNET | unix.CLONE_NEWNS
	var first error
	if os.Geteuid() == 0 {
		status, err := launchWith(args, streams, &syscall.SysProcAttr{Cloneflags: flags})
		if err == nil {
			return status, nil
		}
		first = err
	}
	status, err := launchWith(args, streams, &syscall.SysProcAttr{
		Cloneflags:  flags | unix.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}},
	})
	if err != nil && first != nil {
		return status, first
	}
	return status, err
}

func launchWith(args []string, streams bool, attr *syscall.SysProcAttr) (exitStatus, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return exitStatus{}, err
	}
	defer r.Close()
	attr.Pdeathsig = syscall.SIGKILL
	cmd := &exec.Cmd{
		Path:        "/proc/self/exe",
		Args:        args,
		Env:         append(os.Environ(), marker+"="+markerStart),
		ExtraFiles:  []*os.File{w},
		SysProcAttr: attr,
	}
	if streams {
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	}
	// The death signal comes when the thread that forked ends, so that thread must last as long as the copy.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	// Signals are caught from before the copy exists: one that comes early waits in the channel.
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, forwarded()...)
	defer signal.Stop(signals)
	err = cmd.Start()
	w.Close()
	if err != nil {
		return exitStatus{}, err
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { forward(cmd.Process, signals, stop) })
	answer, _ := io.ReadAll(io.LimitReader(r, 4096))
	werr := cmd.Wait()
	close(stop)
	wg.Wait()
	if len(answer) > 0 {
		return exitStatus{}, &deniedError{string(answer)}
	}
	if ee := (*exec.ExitError)(nil); werr != nil && !errors.As(werr, &ee) {
		return exitStatus{}, werr
	}
	return exitStatus{cmd.ProcessState.Sys().(syscall.WaitStatus)}, nil
}

// deniedError is what a copy answered that was started but had no rights.
type deniedError struct{ text string }

func (e *deniedError) Error() string { return strings.TrimSpace(e.text) }
func (e *deniedError) Unwrap() error { return os.ErrPermission }

// forwarded are the signals that the copy gets too. A SIGHUP that is ignored, as under nohup, is so by the copy as
// well: catching it would take that away from it.
func forwarded() []os.Signal {
	all := []os.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGALRM, syscall.SIGABRT}
	if !signal.Ignored(syscall.SIGHUP) {
		all = append(all, syscall.SIGHUP)
	}
	return all
}

func forward(p *os.Process, signals <-chan os.Signal, stop <-chan struct{}) {
	for {
		select {
		case s := <-signals:
			if (s == syscall.SIGINT || s == syscall.SIGQUIT) && foreground() {
				continue
			}
			p.Signal(s) // fails only when the copy has ended, which Wait reports
		case <-stop:
			return
		}
	}
}

// foreground reports whether this process is in the foreground process group of its controlling terminal,
// whose interrupt and quit keys then reach the copy without our help.
func foreground() bool {
	tty, err := os.Open("/dev/tty")
	if err != nil {
		return false
	}
	defer tty.Close()
	pgrp, err := unix.IoctlGetInt(int(tty.Fd()), unix.TIOCGPGRP)
	return err == nil && pgrp == unix.Getpgrp()
}

type exitStatus struct{ syscall.WaitStatus }

func (s exitStatus) code() int {
	if s.Signaled() {
		return 128 + int(s.Signal())
	}
	return s.ExitStatus()
}

func (s exitStatus) String() string {
	if s.Signaled() {
		return "killed by " + s.Signal().String()
	}
	return fmt.Sprintf("exit status %d", s.ExitStatus())
}

// exit ends this process the way the copy ended.
func (s exitStatus) exit() {
	if s.Signaled() {
		signal.Reset(s.Signal())
		syscall.Kill(os.Getpid(), s.Signal())
	}
	os.Exit(s.code())
}
