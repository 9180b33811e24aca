//go:build amd64 || arm64

package ptrace

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"sockwire/capture/trace"
)

func init() {
	for name, program := range map[string]func(){
		"sources": sources, "reader": func() { hear(0) }, "family": family, "sharers": sharers, "sandboxed": sandboxed, "limited": limited, "alarmed": alarmed,
		"lowered": lowered, "parted": parted,
	} {
		programs[name] = program
	}
}

func pair() (a, b int) {
	p := must(unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0))
	return p[0], p[1]
}

// hear reads something from a socket, and say writes it to the other end before.
func hear(fd int) { must(unix.Read(fd, make([]byte, 100))) }

func say(to, from int, text string) {
	must(unix.Write(to, []byte(text)))
	hear(from)
}

// sources gets sockets in all the ways there are, and then reads and writes them like files.
func sources() {
	hear(0) // inherited
	a, b := pair()
	say(a, b, "made")
	say(must(unix.Dup(a)), b, "duplicated")
	must(0, unix.Dup3(a, 70, 0))
	say(70, b, "duplicated to a number")
	file := must(unix.Open("/dev/null", unix.O_RDWR, 0))
	must(0, unix.Dup3(file, 70, 0))
	must(unix.Write(70, []byte("to a file in its place")))
	say(must(unix.FcntlInt(uintptr(a), unix.F_DUPFD_CLOEXEC, 1000)), b, "duplicated by fcntl")
	must(0, unix.Sendmsg(a, []byte("x"), unix.UnixRights(a), nil, 0))
	oob := make([]byte, 64)
	_, n, _, _, err := unix.Recvmsg(b, make([]byte, 1), oob, 0)
	must(n, err)
	messages := must(unix.ParseSocketControlMessage(oob[:n]))
	say(must(unix.ParseUnixRights(&messages[0]))[0], b, "passed")
	say(must(unix.PidfdGetfd(must(unix.PidfdOpen(os.Getpid(), 0)), a, 0)), b, "taken")
	must(unix.Write(file, []byte("to a file")))
}

// family lets another program read a socket that it inherits.
func family() {
	a, b := pair()
	must(unix.Write(a, []byte("inherited")))
	cmd := exec.Command("/proc/self/exe")
	cmd.Args, cmd.Stdin, cmd.Stderr = []string{"reader"}, os.NewFile(uintptr(b), "b"), os.Stderr
	must(0, cmd.Run())
}

// sharers are two processes with one table of descriptors. The second is a copy of one thread of a program with more
// and may do no more than make system calls.
//
//go:norace
func sharers() {
	runtime.LockOSThread()
	turn, theirs := make([]int, 2), make([]int, 2)
	must(0, unix.Pipe2(turn, 0))
	must(0, unix.Pipe2(theirs, 0))
	text := []byte("shared")
	var b [1]byte
	pid, _, errno := syscall.RawSyscall6(unix.SYS_CLONE, unix.CLONE_FILES|uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if errno != 0 {
		must(0, errno)
	}
	if pid == 0 {
		syscall.RawSyscall(unix.SYS_READ, uintptr(turn[0]), uintptr(unsafe.Pointer(&b)), 1)
		syscall.RawSyscall(unix.SYS_WRITE, uintptr(b[0]), uintptr(unsafe.Pointer(&text[0])), uintptr(len(text)))
		syscall.RawSyscall6(unix.SYS_SOCKETPAIR, unix.AF_UNIX, unix.SOCK_STREAM, 0, uintptr(unsafe.Pointer(&theirs[0])), 0, 0)
		for {
			syscall.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
		}
	}
	x, y := pair()
	must(unix.Write(turn[1], []byte{byte(x)}))
	hear(y)
	must(unix.Wait4(int(pid), nil, 0, nil))
	// The last two descriptors are those that the other process has made.
	say(y+2, y+1, "of the other one")
}

// sandboxed forbids itself what adding a filter takes.
func sandboxed() {
	must(0, unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
	f := newFilter(nil)
	f.when(unix.SYS_SECCOMP, bpf.RetConstant{Val: unix.SECCOMP_RET_KILL_PROCESS})
	must(0, set(must(f.program())))
	a, b := pair()
	say(a, b, "in a sandbox")
}

// limited has no room for what adding a filter takes.
func limited() {
	var before unix.Rlimit
	must(0, unix.Getrlimit(unix.RLIMIT_AS, &before))
	must(0, unix.Setrlimit(unix.RLIMIT_AS, &unix.Rlimit{Cur: 1, Max: before.Max}))
	a, b := pair()
	say(a, b, "without room")
	must(0, unix.Setrlimit(unix.RLIMIT_AS, &before))
	say(b, a, "with room")
	cmd := exec.Command("/proc/self/exe")
	cmd.Args, cmd.Stdin, cmd.Stderr = []string{"reader"}, os.NewFile(uintptr(b), "b"), os.Stderr
	must(unix.Write(a, []byte("inherited")))
	must(0, cmd.Run())
}

// alarmed gets signals all the time, and sockets under many numbers.
func alarmed() {
	c := make(chan os.Signal, 1)
	signal.Notify(c, unix.SIGALRM)
	must(unix.Setitimer(unix.ItimerReal, unix.Itimerval{Interval: unix.Timeval{Usec: 100}, Value: unix.Timeval{Usec: 100}}))
	a, b := pair()
	for i := range 16 {
		<-c
		to := 20 + i*i
		must(0, unix.Dup3(a, to, 0))
		say(to, b, strconv.Itoa(to))
	}
}

// lowered gives its rights up.
func lowered() {
	must(0, unix.Setresuid(65534, 65534, 65534))
	a, b := pair()
	say(a, b, "as nobody")
}

// parted has a thread with a table of its own, in which a number means another socket.
func parted() {
	a, b := pair()
	say(a, b, "shared")
	done := make(chan bool)
	go func() {
		runtime.LockOSThread()
		must(0, unix.Unshare(unix.CLONE_FILES))
		unix.Close(a)
		if x, y := pair(); x == a {
			say(x, y, "its own")
		}
		done <- true
	}()
	<-done
	say(a, b, "shared again")
}

// TestOwnTable checks that a number is not taken for what it is in the table of another thread.
func TestOwnTable(t *testing.T) {
	events, status := traceProgram(t, "parted", nil)
	if status != (Status{}) {
		t.Fatalf("status %+v", status)
	}
	sockets := map[string]trace.SocketID{}
	for _, e := range events {
		if c, ok := e.(*trace.Call); ok && !c.Pending && c.Name == "write" {
			sockets[string(c.Data)] = c.Socket
		}
	}
	if first := sockets["shared"]; first == 0 || sockets["shared again"] != first || sockets["its own"] == first || sockets["its own"] == 0 {
		t.Errorf("sockets %v", sockets)
	}
}

// TestSources checks that no use of a socket is missed for want of a filter: what is seen is what is seen at a program
// that stops at every call.
func TestSources(t *testing.T) {
	for name, seen := range map[string]int{
		"sources": 13, "family": 2, "sharers": 4, "sandboxed": 2, "limited": 6, "alarmed": 32, "lowered": 2,
	} {
		t.Run(name, func(t *testing.T) {
			if name == "lowered" && os.Geteuid() != 0 {
				t.Skip("it is for programs that root starts")
			}
			filtered, stepped := transfers(t, name, false), transfers(t, name, true)
			if len(filtered) != seen || !slices.Equal(filtered, stepped) {
				t.Errorf("with filters %d transfers, want %d:\n%q\nwhat there was:\n%q", len(filtered), seen, filtered, stepped)
			}
		})
	}
}

// transfers are what a program reads and writes on sockets. A call that a signal interrupts is made again.
func transfers(t *testing.T, name string, everything bool) []string {
	t.Helper()
	a, b := pair()
	stdin := os.NewFile(uintptr(b), "stdin")
	defer unix.Close(a)
	defer stdin.Close()
	if _, err := unix.Write(a, []byte("standard input")); err != nil {
		t.Fatal(err)
	}
	tr, err := Start(Command{Path: "/proc/self/exe", Args: []string{name}, Files: [3]*os.File{stdin, nil, os.Stderr}}, &Config{everything: everything})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for e, err := range tr.Events(t.Context()) {
		if err != nil {
			needTracing(t, err)
			t.Fatal(err)
		}
		if c, ok := e.(*trace.Call); ok && !c.Pending && c.Errno == "" && (c.Name == "read" || c.Name == "write") {
			all = append(all, fmt.Sprintf("%s %s", c.Name, c.Data))
		}
	}
	if tr.Status() != (Status{}) {
		t.Fatalf("status %+v", tr.Status())
	}
	slices.Sort(all)
	return all
}
