//go:build amd64 || arm64

package owner

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"sockwire/capture"
	"sockwire/capture/internal/bpfprog"
	"sockwire/raw/netlab"
)

// full is whether the tests go to the sizes that are promised: they take longer.
var full = os.Getenv("OWNER_FULL") == "1"

// hostileName is what a program calls itself, whose packets are captured.
const hostileName = "\x1b[31m\r\x07\u009b"

// TestMillionSockets: of sockets without end those that were used last are remembered, in a bounded room, and it is
// counted how many are not.
func TestMillionSockets(t *testing.T) {
	n := uint64(200_000)
	if full {
		n = 1_000_000
	}
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	tb := newTable(defaultSockets)
	tb.look = func(int) (string, []string, string) { return "", nil, "/" }
	for i := range n {
		tb.take(&event{kind: kindCreate, time: time.Duration(i), cookie: i + 1, who: by(int(i%40_000) + 1)})
	}
	kept := len(tb.sockets.now) + len(tb.sockets.before)
	if kept > defaultSockets || uint64(kept)+tb.sockets.forgotten != n {
		t.Errorf("%d are remembered and %d forgotten of %d", kept, tb.sockets.forgotten, n)
	}
	if o := tb.owner(n<<8|slotTime, 0, time.Hour, Receiver); o.Process == nil {
		t.Error("the last one is not known")
	}
	used := int64(heap()-before) >> 20
	t.Logf("%d sockets: %d are remembered, in %d MiB", n, kept, used)
	if used > 64 {
		t.Errorf("%d MiB", used)
	}
	runtime.KeepAlive(tb)
}

// TestSocketsThatStood: very many sockets that were there before, in the kernel's map and in ours.
func TestSocketsThatStood(t *testing.T) {
	n := 3_000
	if full {
		n = 100_000
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	more := unix.Rlimit{Cur: uint64(n) + 1000, Max: max(limit.Max, uint64(n)+1000)}
	netlab.NeedRoot(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &more))
	t.Cleanup(func() { unix.Setrlimit(unix.RLIMIT_NOFILE, &limit) })
	var fds []int
	t.Cleanup(func() {
		for _, fd := range fds {
			unix.Close(fd)
		}
	})
	for range n {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		fds = append(fds, fd)
	}
	_, tr, _ := watch(t, nil)
	for _, fd := range []int{fds[0], fds[n/2], fds[n-1]} {
		cookie, err := unix.GetsockoptUint64(fd, unix.SOL_SOCKET, unix.SO_COOKIE)
		if err != nil {
			t.Fatal(err)
		}
		if o, ok, err := tr.Socket(cookie); err != nil || !ok || o.PID != os.Getpid() || o.How != Inferred {
			t.Errorf("%v %v %v", o, ok, err)
		}
	}
	if lost := tr.Losses(); lost != (Losses{}) {
		t.Errorf("%+v", lost)
	}
	t.Logf("%d sockets stood before", n)
}

// deepGroup makes control groups within another, with a path of nearly 4 KB, and returns it, with what puts a process
// there.
func deepGroup(t *testing.T) (path string, put func(pid int)) {
	t.Helper()
	root, err := bpfprog.ControlGroup()
	netlab.NeedRoot(t, err)
	at, err := unix.Open(root, unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"owner-test-" + strconv.Itoa(os.Getpid())}
	for range 15 {
		names = append(names, strings.Repeat("g\x1b", 120))
	}
	names = append(names, "docker-"+strings.Repeat("0123456789abcdef", 4)+".scope")
	for _, name := range names {
		netlab.NeedRoot(t, unix.Mkdirat(at, name, 0o700))
		parent := at
		if at, err = unix.Openat(parent, name, unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := unix.Unlinkat(parent, name, unix.AT_REMOVEDIR); err != nil {
				t.Error(err)
			}
			unix.Close(parent)
		})
	}
	last := at
	t.Cleanup(func() { unix.Close(last) })
	return "/" + strings.Join(names, "/"), func(pid int) {
		fd, err := unix.Openat(last, "cgroup.procs", unix.O_WRONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		if _, err := unix.Write(fd, []byte(strconv.Itoa(pid))); err != nil {
			t.Fatal(err)
		}
	}
}

// TestHostileProcess: a program with a name that a terminal obeys, in a control group with a path of nearly 4 KB, in
// network, process, mount and control group namespaces of its own, as containers have them.
func TestHostileProcess(t *testing.T) {
	for _, contained := range []bool{false, true} {
		t.Run(fmt.Sprint("contained ", contained), func(t *testing.T) {
			live, tr, network := watch(t, &Config{})
			path, put := deepGroup(t)
			role := "hostile text"
			if contained {
				role += " contained"
			}
			p := prepare(t, role)
			if contained {
				p.cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP}
			}
			p.run(t)
			t.Cleanup(func() { p.cmd.Process.Kill(); p.cmd.Wait() }) // before its control group is removed
			p.hear(t, nil, "ready")
			put(p.cmd.Process.Pid)
			if contained {
				err := capture.Within(strconv.Itoa(p.cmd.Process.Pid), func() (err error) {
					if network, err = Network(); err == nil {
						live, err = capture.Open(t.Context(), "lo", nil)
					}
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
				defer live.Close()
			}
			fmt.Fprintln(p.in)
			p.hear(t, nil, "done")
			time.Sleep(2 * Delay)
			if err := live.Stop(); err != nil {
				t.Fatal(err)
			}
			var f capture.Frame
			n := 0
			for live.Next(&f) == nil {
				if !strings.HasSuffix(string(f.Data), "text") {
					continue
				}
				owners, err := tr.Owners(nil, &f, network)
				if err != nil {
					t.Fatal(err)
				}
				for _, o := range owners {
					n++
					if o.PID != p.cmd.Process.Pid || o.How != Exact || o.Name != hostileName[:min(15, len(hostileName))] || o.Group != path || len(o.Container) != 64 {
						t.Errorf("%v %d %q, group of %d bytes, want %d; container %q", o.How, o.PID, o.Name, len(o.Group), len(path), o.Container)
					}
				}
			}
			if n != 2 {
				t.Errorf("%d owners, want a sender and a receiver", n)
			}
			p.cmd.Process.Kill()
			p.cmd.Wait()
		})
	}
}

var programLine = regexp.MustCompile(`(?m)^prog_id:\s*(\d+)$`)

// TestKilled: after kill -9 the kernel has none of the programs any more.
func TestKilled(t *testing.T) {
	watch(t, nil)
	p := start(t, nil, "track", nil)
	p.hear(t, nil, "ready")
	ids := map[ebpf.ProgramID]bool{}
	dir := fmt.Sprintf("/proc/%d/fdinfo", p.cmd.Process.Pid)
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range list {
		b, _ := os.ReadFile(filepath.Join(dir, d.Name()))
		for _, m := range programLine.FindAllSubmatch(b, -1) {
			id, err := strconv.ParseUint(string(m[1]), 10, 32)
			if err != nil {
				t.Fatal(err)
			}
			ids[ebpf.ProgramID(id)] = true
		}
	}
	if len(ids) < 8 {
		t.Fatalf("it has %d programs", len(ids))
	}
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	p.cmd.Wait()
	for deadline := time.Now().Add(20 * time.Second); len(ids) > 0; { // the kernel frees them a little later
		for id := range ids {
			program, err := ebpf.NewProgramFromID(id)
			if errors.Is(err, os.ErrNotExist) {
				delete(ids, id)
			}
			program.Close()
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d programs are left", len(ids))
		}
		time.Sleep(10 * time.Millisecond)
	}
}
