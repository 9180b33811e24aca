package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func init() {
	exercises["waits"] = exerciseWaits
	exercises["inherits"] = exerciseInherits
	exercises["blocked"] = exerciseBlocked
}

// after runs a step on a thread of its own once the calling thread sleeps in a system call, and some time later. What
// it returns waits until it is done.
func after(number int, step func()) (wait func()) {
	tid, done := unix.Gettid(), make(chan bool)
	go func() {
		runtime.LockOSThread()
		asleep(tid, number)
		time.Sleep(blockedFor)
		step()
		close(done)
	}()
	return func() { <-done }
}

// blockedFor is the least time for which what waits for after waits.
const blockedFor = 30 * time.Millisecond

// epollWaitCall is the one that this architecture has.
func epollWaitCall() int {
	if runtime.GOARCH == "arm64" {
		return unix.SYS_EPOLL_PWAIT
	}
	return 232 // epoll_wait(2) of amd64
}

func ctl(ep, op, fd int, events uint32) error {
	return unix.EpollCtl(ep, op, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)})
}

func epollWait(ep, timeout int) int {
	events := make([]unix.EpollEvent, 10)
	n, _, errno := unix.Syscall6(uintptr(epollWaitCall()), uintptr(ep), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), uintptr(timeout), 0, 0)
	expect(errno == 0, "epoll_wait: %v", errno)
	return int(n)
}

func pollOf(fds ...int) []unix.PollFd {
	var all []unix.PollFd
	for _, fd := range fds {
		all = append(all, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
	}
	return all
}

// exerciseWaits waits in every way there is, for one descriptor and for several, on one thread.
func exerciseWaits() {
	time.Sleep(time.Nanosecond) // what Go's own scheduler waits for is made before the first socket is
	r, name := bound(false, unix.SOCK_DGRAM)
	s := dial(name, false, unix.SOCK_DGRAM)
	pair := got(unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0))
	a, b := pair[0], pair[1]
	var pipe [2]int
	did(unix.Pipe(pipe[:]))
	in := make([]byte, 10)

	// poll: ready, in vain, a datagram that comes meanwhile, a signal, a pipe.
	fds := append(pollOf(r, a), unix.PollFd{Fd: int32(s), Events: unix.POLLOUT | unix.POLLIN}, unix.PollFd{Fd: -1})
	got(unix.Poll(fds, 1000))
	got(unix.Poll(pollOf(r, a), 5))
	if runtime.GOARCH == "amd64" {
		fds := pollOf(r, s)
		n, _, errno := unix.Syscall(7, uintptr(unsafe.Pointer(&fds[0])), 2, 5) // poll(2), which x/sys does not call
		expect(n == 0 && errno == 0, "poll: %d %v", n, errno)
		var set unix.FdSet
		set.Set(r)
		n, _, errno = unix.Syscall6(23, uintptr(r+1), uintptr(unsafe.Pointer(&set)), 0, 0, uintptr(unsafe.Pointer(&unix.Timeval{Usec: 5000})), 0)
		expect(n == 0 && errno == 0, "select: %d %v", n, errno)
	}
	poll := func(fds []unix.PollFd, timeout int) int {
		n, _, errno := unix.Syscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&fds[0])), uintptr(len(fds)), uintptr(unsafe.Pointer(&unix.Timespec{Sec: int64(timeout)})), 0, 0, 0)
		if errno != 0 {
			return -1
		}
		return int(n)
	}
	done := after(unix.SYS_PPOLL, func() { got(unix.Write(s, []byte("one"))) })
	poll(pollOf(r, a, pipe[0]), 10)
	done()
	got(unix.Read(r, in))
	came := make(chan os.Signal, 1)
	signal.Notify(came, unix.SIGUSR1)
	tid := unix.Gettid()
	done = after(unix.SYS_PPOLL, func() { did(unix.Tgkill(os.Getpid(), tid, unix.SIGUSR1)) })
	expect(poll(pollOf(r), 10) == -1, "not interrupted")
	done()
	<-came
	got(unix.Write(pipe[1], []byte("x")))
	poll(pollOf(r, pipe[0]), 10)

	// pselect6: what comes from the other end, room to send, in vain.
	sel := func(n int, read, write, except *unix.FdSet, timeout *unix.Timespec) int {
		return got(unix.Pselect(n, read, write, except, timeout, nil))
	}
	set := func(fds ...int) *unix.FdSet {
		var s unix.FdSet
		for _, fd := range fds {
			s.Set(fd)
		}
		return &s
	}
	done = after(unix.SYS_PSELECT6, func() { got(unix.Write(b, []byte("two"))) })
	sel(a+1, set(r, a), nil, set(a), &unix.Timespec{Sec: 10})
	done()
	sel(s+1, set(r, a), set(s), nil, nil)
	got(unix.Read(a, in))
	sel(a+1, set(r, a), nil, nil, &unix.Timespec{Nsec: 2_500_000})

	// epoll: lists that change, what is reported once, a copy of the descriptor, errors.
	ep := got(unix.EpollCreate1(unix.EPOLL_CLOEXEC))
	did(ctl(ep, unix.EPOLL_CTL_ADD, r, unix.EPOLLIN|unix.EPOLLET))
	did(ctl(ep, unix.EPOLL_CTL_ADD, a, unix.EPOLLIN|unix.EPOLLONESHOT))
	did(ctl(ep, unix.EPOLL_CTL_ADD, s, unix.EPOLLOUT))
	expect(ctl(ep, unix.EPOLL_CTL_ADD, s, unix.EPOLLIN) == unix.EEXIST, "added twice")
	expect(epollWait(ep, 1000) == 1, "not one")
	did(ctl(ep, unix.EPOLL_CTL_DEL, s, 0))
	expect(ctl(ep, unix.EPOLL_CTL_MOD, s, unix.EPOLLIN) == unix.ENOENT, "changed what is not there")
	done = after(epollWaitCall(), func() { got(unix.Write(b, []byte("three"))) })
	expect(epollWait(ep, 10_000) == 1, "not one")
	done()
	expect(epollWait(ep, 5) == 0, "reported twice")
	other := got(unix.Dup(ep))
	did(ctl(other, unix.EPOLL_CTL_MOD, a, unix.EPOLLIN))
	expect(epollWait(ep, 1000) == 1, "not one")
	got(unix.Read(a, in))
	did(ctl(other, unix.EPOLL_CTL_ADD, pipe[0], unix.EPOLLIN))
	expect(epollWait(other, 1000) == 1, "not one")
	did(ctl(ep, unix.EPOLL_CTL_DEL, pipe[0], 0))
	// A listener, a connection in progress, the peer's end.
	l, lname := listening(false)
	did(ctl(ep, unix.EPOLL_CTL_ADD, l, unix.EPOLLIN))
	c := got(unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0))
	done = after(epollWaitCall(), func() { did(unix.Connect(c, lname)) })
	expect(epollWait(other, 10_000) == 1, "not one")
	done()
	p := accept(l)
	unix.Close(ep)
	unix.Close(l)
	did(ctl(other, unix.EPOLL_CTL_ADD, p, unix.EPOLLIN|unix.EPOLLRDHUP))
	done = after(epollWaitCall(), func() { unix.Close(c) })
	expect(epollWait(other, 10_000) == 1, "not one")
	done()
	unix.Close(p)
	expect(epollWait(other, 5) == 0, "what is closed is reported")
	expect(got(unix.EpollWait(other, make([]unix.EpollEvent, 3), 5)) == 0, "something is ready") // epoll_pwait(2)
	events := make([]unix.EpollEvent, 3)
	n, _, errno := unix.Syscall6(unix.SYS_EPOLL_PWAIT2, uintptr(other), uintptr(unsafe.Pointer(&events[0])), 3, uintptr(unsafe.Pointer(&unix.Timespec{Nsec: 1_500_000})), 0, 0)
	expect(n == 0 && errno == 0, "epoll_pwait2: %d %v", n, errno)

	// A child inherits an instance and what it waits for, under other numbers.
	pid := got(syscall.ForkExec("/proc/self/exe", []string{"exercise", "inherits"}, &syscall.ProcAttr{Env: os.Environ(), Files: []uintptr{0, 1, 2, uintptr(other), uintptr(s)}}))
	got(unix.Wait4(pid, nil, 0, nil))
	for _, fd := range []int{r, s, a, b, other, pipe[0], pipe[1]} {
		unix.Close(fd)
	}
}

// exerciseInherits waits with descriptor 3, an instance that waits for a socket that is not ours, and is told by 4.
func exerciseInherits() {
	time.Sleep(time.Nanosecond)
	expect(unix.Shutdown(4, 12345) == unix.EINVAL, "shut down") // the first socket call
	done := after(epollWaitCall(), func() { got(unix.Write(4, []byte("from the child"))) })
	expect(epollWait(3, 10_000) == 1, "not one")
	done()
}

// waitingCalls are those that are compared, after the first socket call of the program.
const waitingCalls = "trace=poll,ppoll,select,pselect6,epoll_create1,epoll_create,epoll_ctl,epoll_wait,epoll_pwait,epoll_pwait2,socket,shutdown"

var waitingName = regexp.MustCompile(`^(p?poll|select|pselect6|epoll_\w+)\(`)

// straceWaits are the calls of the threads that used sockets, in the form of a timeline.
func (j *judge) straceWaits(t *testing.T, args ...string) [][]string {
	t.Helper()
	peer(t, "strace")
	out := t.TempDir()
	o := j.do(t, j.host(t, "strace", false), t.TempDir(), slices.Concat([]string{"strace", "-ff", "-o", filepath.Join(out, "of"), "-e", waitingCalls, "-e", "signal=none", "--"}, args)...)
	files, err := filepath.Glob(filepath.Join(out, "of.*"))
	if err != nil || o.Code != 0 {
		t.Fatalf("%v %+v", err, o)
	}
	var threads [][]string
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		began := false
		var calls []string
		for line := range strings.Lines(string(b)) {
			began = began || strings.HasPrefix(line, "socket(") || strings.HasPrefix(line, "shutdown(")
			if began && waitingName.MatchString(line) {
				calls = append(calls, fromStrace(line))
			}
		}
		if calls != nil {
			threads = append(threads, calls)
		}
	}
	slices.SortFunc(threads, slices.Compare)
	return threads
}

var (
	stracePollfd = regexp.MustCompile(`\{fd=(-?\d+)(?:, (?:r?events)=([^}]*))?\}`)
	straceTime   = regexp.MustCompile(`\{tv_sec=(\d+), tv_([nu])sec=(\d+)\}`)
	straceEvent  = regexp.MustCompile(`\{events=([^,]*), data=\{u32=\d+, u64=(\d+)\}\}`)
	straceMask   = regexp.MustCompile(`(, NULL(, \d+)?|, \[[^]]*\], \d+)$`)
	straceResult = regexp.MustCompile(`^(.*)\) += (-?\d+|\?)(?: (E\w+))?(?: \((.*)\))?\n$`)
)

// fromStrace writes a line as we do.
func fromStrace(line string) string {
	line = strings.ReplaceAll(stracePollfd.ReplaceAllString(line, "$1 $2"), "-1 ]", "-1]")
	line = straceTime.ReplaceAllStringFunc(line, func(s string) string {
		m := straceTime.FindStringSubmatch(s)
		seconds, _ := strconv.Atoi(m[1])
		part, _ := strconv.Atoi(m[3])
		unit := time.Nanosecond
		if m[2] == "u" {
			unit = time.Microsecond
		}
		return (time.Duration(seconds)*time.Second + time.Duration(part)*unit).String()
	})
	line = straceEvent.ReplaceAllStringFunc(line, func(s string) string {
		m := straceEvent.FindStringSubmatch(s)
		n, _ := strconv.ParseUint(m[2], 10, 64)
		return fmt.Sprintf("%s %#x", m[1], n)
	})
	m := straceResult.FindStringSubmatch(line)
	if m == nil {
		return "? " + line
	}
	call, result, errno, note := m[1], m[2], m[3], m[4]
	call = straceMask.ReplaceAllString(call, "") // of signals
	name, args, _ := strings.Cut(call, "(")
	ready := ""
	switch {
	case strings.HasPrefix(name, "epoll_") && strings.Contains(name, "wait"):
		// The events stand among the arguments.
		from, to := strings.Index(args, "["), strings.Index(args, "]")
		ready, args = args[from:to+1], args[:from]+args[to+3:]
	case name == "epoll_ctl":
		if strings.Contains(args, "EPOLL_CTL_DEL") {
			args = args[:strings.LastIndex(args, ",")] // an address that means nothing
		}
	case strings.Contains(name, "poll"):
		ready = note[:strings.Index(note, "]")+1]
	case strings.Contains(name, "select"):
		var all []string
		for _, f := range strings.Split(strings.TrimSuffix(note, ")"), ", ") {
			kind, set, ok := strings.Cut(f, " [")
			if ok && kind != "left" {
				for fd := range strings.FieldsSeq(strings.TrimSuffix(set, "]")) {
					all = append(all, fd+" "+map[string]string{"in": "read", "out": "write", "except": "except"}[kind])
				}
			}
		}
		ready = "[" + strings.Join(all, ", ") + "]"
	}
	if result == "0" || errno != "" {
		ready = ""
	}
	if errno != "" {
		result = errno
	}
	return strings.TrimSpace(name + "(" + args + ") = " + result + " " + ready)
}

// ourWaits are the same of a recording, and what ended each.
func (r *recording) ourWaits(t *testing.T) (threads [][]string, ended []string) {
	t.Helper()
	calls := map[int][]string{}
	began := map[int]bool{}
	slices.SortFunc(r.calls, func(a, b *call) int { return a.Number - b.Number })
	for _, c := range r.calls {
		began[c.Thread] = began[c.Thread] || c.Name == "socket" || c.Name == "shutdown"
		if !began[c.Thread] || !waitingName.MatchString(c.Name+"(") {
			continue
		}
		var args []string
		for _, a := range c.Args {
			args = append(args, strings.Trim(string(a.Value), `"`))
		}
		var all []string
		for _, w := range c.Ready {
			who := w.Data
			if events := strings.Join(w.Events, "|"); who != "" {
				who = events + " " + who
			} else {
				who = fmt.Sprintf("%d %s", *w.FD, events)
			}
			all = append(all, who)
		}
		result := "?"
		if c.Result != nil {
			result = fmt.Sprint(*c.Result)
		}
		if c.Errno != "" {
			result = c.Errno
		}
		text := fmt.Sprintf("%s(%s) = %s", c.Name, strings.Join(args, ", "), result)
		// Events and data are one argument of strace's.
		text = regexp.MustCompile(`(EPOLL\w+(?:\|EPOLL\w+)*), (0x)`).ReplaceAllString(text, "$1 $2")
		if len(all) > 0 {
			text += " [" + strings.Join(all, ", ") + "]"
		}
		calls[c.Thread] = append(calls[c.Thread], text)
		if c.Wake != nil {
			var waits []string
			for _, w := range c.Waits {
				waits = append(waits, w.Socket)
			}
			kind := c.Wake.Kind
			if kind == "unknown" && *c.Left-c.Entered > int64(time.Millisecond) {
				kind = "ready" // on a busy machine what is ready at once may take long, and then nothing is claimed
			}
			ended = append(ended, fmt.Sprintf("%s %s %s", strings.Join(waits, " "), kind, c.Wake.Socket))
		}
	}
	for _, c := range calls {
		threads = append(threads, c)
	}
	slices.SortFunc(threads, slices.Compare)
	return threads, ended
}

// TestWaits compares the calls that wait, with all their arguments and results, with strace's, and checks for which
// sockets each of them waited and what ended it, with both engines.
func TestWaits(t *testing.T) {
	j := newJudge(t)
	want := j.straceWaits(t, "exercise", "waits")
	if len(want) != 2 || len(want[0])+len(want[1]) < 30 {
		t.Fatalf("strace saw %q", want)
	}
	// s1 is the receiver, s2 the sender, s3 and s4 the pair, s5 the listener, s7 what it accepted.
	ended := []string{
		"s1 s3 s2 ready s2", "s1 s3 timeout ", "s1 s3  packet s1", "s1 signal ", "s1  descriptor ",
		"s1 s3 call s3", "s1 s2 ready s2", "s1 s3 timeout ",
		"s1 s3 s2 ready s2", "s1 s3 call s3", "s1 timeout ", "s1 s3 ready s3", "s1 s3  descriptor ",
		"s1 s3 s5 packet s5", "s1 s3 s7 packet s7", "s1 s3 timeout ", "s1 s3 timeout ", "s1 s3 timeout ",
		"s1 s3 packet s1",
	}
	if runtime.GOARCH == "amd64" {
		ended = slices.Insert(ended, 2, "s1 s2 timeout ", "s1 timeout ")
	}
	for _, engine := range each(t) {
		t.Run(engine, func(t *testing.T) {
			r := j.with(engine).record(t, j.host(t, "host", false), t.TempDir(), []string{"--wait"}, "exercise", "waits")
			if r.Code != 0 || r.Stderr != "" {
				t.Fatalf("%+v", r.outcome)
			}
			got, how := r.ourWaits(t)
			if diff := gocmp.Diff(want, got); diff != "" {
				t.Errorf("calls that wait (-strace +ours):\n%s", diff)
			}
			if diff := gocmp.Diff(ended, how); diff != "" {
				t.Errorf("what was waited for, what ended it (-want +got):\n%s", diff)
			}
		})
	}
}

// TestAttachedWaits attaches to a program that has made an epoll instance before: what it waits for is known.
func TestAttachedWaits(t *testing.T) { eachEngine(t, (*judge).attachedWaits) }

func (j *judge) attachedWaits(t *testing.T) {
	out := filepath.Join(t.TempDir(), "timeline")
	program, tracer, _ := j.idle(t, "--wait", "--json", "-o", out)
	r := &recording{sockets: map[string]*socketRecord{}}
	await(t, "a call that waits", func() bool {
		program.ask(t)
		b, err := os.ReadFile(out)
		return err == nil && strings.Contains(string(b), `"name":"epoll_`)
	})
	if err := tracer.Process.Signal(unix.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := tracer.Wait(); err != nil {
		t.Errorf("sockwire: %v", err)
	}
	program.in.Close()
	if err := program.Wait(); err != nil {
		t.Error(err)
	}
	r.read(t, out)
	n := 0
	for _, c := range r.calls {
		// Go's own scheduler waits too, for what is no socket.
		if !strings.HasPrefix(c.Name, "epoll_") || len(c.Ready) == 0 || c.Ready[0].Socket == "" {
			continue
		}
		n++
		if len(c.Waits) != 1 || r.sockets[c.Waits[0].Socket] == nil || len(c.Ready) != 1 || c.Ready[0].Socket != c.Waits[0].Socket {
			t.Errorf("#%d waits for %+v, finds %+v", c.Number, c.Waits, c.Ready)
		}
	}
	if n == 0 {
		t.Error("no call that waits has returned")
	}
}

// exerciseBlocked has each call that can block do so for a time, and says for how long.
func exerciseBlocked() {
	time.Sleep(time.Nanosecond)
	say := func(name string, from time.Time) { fmt.Println(name, time.Since(from).Nanoseconds()) }
	blocked := func(name string, number int, call func(), step func()) {
		done := after(number, step)
		from := time.Now()
		call()
		say(name, from)
		done()
	}
	dir := got(os.MkdirTemp("", "sockwire-test"))
	defer os.RemoveAll(dir)

	r, name := bound(false, unix.SOCK_DGRAM)
	s := dial(name, false, unix.SOCK_DGRAM)
	blocked("recvfrom", unix.SYS_RECVFROM, func() { take(r, []byte("late")) }, func() { got(unix.Write(s, []byte("late"))) })

	// The buffers of both sides are full: a send and a close wait until the peer reads.
	full := func() (c, p int) {
		l, name := listening(false)
		did(unix.SetsockoptInt(l, unix.SOL_SOCKET, unix.SO_RCVBUF, 16<<10)) // for what it accepts
		c = got(unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0))
		did(unix.SetsockoptInt(c, unix.SOL_SOCKET, unix.SO_SNDBUF, 16<<10))
		blocked("accept4", unix.SYS_ACCEPT4, func() { p, _, _ = unix.Accept4(l, 0) }, func() { did(unix.Connect(c, name)) })
		unix.Close(l)
		unix.SetNonblock(c, true)
		for refused := 0; refused < 2; { // the second time what was on its way has arrived
			if _, err := unix.Write(c, pattern(4096)); errors.Is(err, unix.EAGAIN) {
				refused++
				time.Sleep(100 * time.Millisecond)
			} else {
				refused = 0
			}
		}
		unix.SetNonblock(c, false)
		return c, p
	}
	drain := func(p int, end func(left int) bool) {
		for b, n := make([]byte, 1<<16), 1; n > 0; {
			n = got(unix.Read(p, b))
			if left := got(unix.IoctlGetInt(p, unix.TIOCINQ)); end(left) {
				return
			}
		}
	}
	c, p := full()
	blocked("write", unix.SYS_WRITE, func() { got(unix.Write(c, []byte("more"))) }, func() { drain(p, func(left int) bool { return left == 0 }) })
	unix.Close(p)
	unix.Close(c)
	c, p = full()
	did(unix.SetsockoptLinger(c, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1, Linger: 10}))
	blocked("close", unix.SYS_CLOSE, func() { unix.Close(c) }, func() { drain(p, func(int) bool { return false }) })
	unix.Close(p)

	// connect waits until there is room in the queue of the listener.
	path := &unix.SockaddrUnix{Name: dir + "/s"}
	ul := got(unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0))
	did(unix.Bind(ul, path))
	did(unix.Listen(ul, 0))
	first := got(unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0))
	did(unix.Connect(first, path))
	second := got(unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0))
	blocked("connect", unix.SYS_CONNECT, func() { did(unix.Connect(second, path)) }, func() { unix.Close(accept(ul)) })

	// A receive with a time limit.
	did(unix.SetsockoptTimeval(s, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 40_000}))
	from := time.Now()
	_, err := unix.Read(s, make([]byte, 1))
	expect(errors.Is(err, unix.EAGAIN), "read: %v", err)
	say("read", from)
	for _, fd := range []int{r, s, ul, first, second} {
		unix.Close(fd)
	}
}

// TestBlocked: the time that a program spends in a call that blocks is that of its socket in the summary, under the
// name of the call.
func TestBlocked(t *testing.T) {
	j := newJudge(t)
	for _, engine := range each(t) {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			out := filepath.Join(t.TempDir(), "summary")
			o := j.do(t, j.host(t, "host", false), t.TempDir(), "sockwire", "--engine", engine, "--summary", "--json", "-o", out, "--", "exercise", "blocked")
			if o.Code != 0 || o.Stderr != "" {
				t.Fatalf("%+v", o)
			}
			b, err := os.ReadFile(out)
			if err != nil {
				t.Fatal(err)
			}
			var sum struct {
				Sockets []struct {
					Socket  string
					Blocked int64  `json:"blocked_ns"`
					On      string `json:"blocked_on"`
				}
			}
			if err := json.Unmarshal(b, &sum); err != nil {
				t.Fatal(err)
			}
			took := map[string]int64{} // by the program's own clock
			for line := range strings.Lines(o.Stdout) {
				var name string
				var ns int64
				if _, err := fmt.Sscan(line, &name, &ns); err != nil {
					t.Fatal(err)
				}
				if took[name] = ns; ns < blockedFor.Nanoseconds() {
					t.Errorf("%s did not block: %d ns", name, ns)
				}
			}
			for _, k := range sum.Sockets {
				// Other calls on the socket take their time too, and what a call took is seen from outside of it.
				if own := took[k.On]; own > 0 && k.Blocked >= blockedFor.Nanoseconds() {
					delete(took, k.On)
				}
			}
			if len(took) > 0 {
				t.Errorf("%v are the most of no socket: %+v", took, sum.Sockets)
			}
		})
	}
}
