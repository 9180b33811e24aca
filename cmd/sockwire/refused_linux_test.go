package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"sockwire/raw/netlab"
)

// refused checks that a command said in one line what is wrong and in another what to do, and nothing else.
func refused(t *testing.T, o outcome, line, hint string) {
	t.Helper()
	lines := strings.Split(o.Stderr, "\n")
	if o.Code != 2 || o.Stdout != "" || len(lines) != 3 || !strings.HasPrefix(lines[0], "sockwire: ") || !strings.Contains(lines[0], line) ||
		!strings.HasPrefix(lines[1], "sockwire: hint: ") || !strings.Contains(lines[1], hint) {
		t.Errorf("%+v\nwant exit status 2, %q and the hint %q", o, line, hint)
	}
}

// TestRefused gives programs that cannot be traced.
func TestRefused(t *testing.T) { eachEngine(t, (*judge).refused) }

func (j *judge) refused(t *testing.T) {
	h := j.host(t, "host", false)
	dir := t.TempDir()
	for name, f := range map[string]struct {
		data string
		mode os.FileMode
	}{
		"plain": {"text", 0o644}, "text": {"text", 0o755}, "nothere": {"#!/nonexistent/interpreter\n", 0o755},
		"foreign": {"\x7fELF\x01\x01\x01" + strings.Repeat("\x00", 60), 0o755},
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(f.data), f.mode); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		args       []string
		line, hint string
	}{
		{[]string{"--", "no-such-command"}, "executable file not found", "PATH"},
		{[]string{"--", "/nonexistent/program"}, "no such file or directory", "path of a program"},
		{[]string{"--", "./plain"}, "permission denied", "can be executed"},
		{[]string{"--", dir}, "is a directory", "can be executed"},
		{[]string{"--", "./text"}, "start ./text: exec format error", "#!"},
		{[]string{"--", "./nothere"}, "start ./nothere: no such file or directory", "interpreter"},
		{[]string{"--", "./foreign"}, "32 bits", "64 bits"},
		{[]string{"-p", "1073741824"}, "no such process", "ps shows"},
		{[]string{"-p", "0"}, "-p 0 is no process", "--help"},
		{[]string{"-p", "-3"}, "-p -3 is no process", "--help"},
	} {
		refused(t, j.do(t, h, dir, append([]string{"sockwire", "--engine", j.engine, "-o", "/dev/null"}, c.args...)...), c.line, c.hint)
	}
	refused(t, j.do(t, h, dir, "sh", "-c", `exec "$0" --engine "$1" -p $$`, filepath.Join(j.bin, "sockwire"), j.engine), "operation not permitted", "another")
	if b, err := os.ReadFile("/proc/2/status"); err == nil && bytes.HasPrefix(b, []byte("Name:\tkthreadd\n")) {
		refused(t, j.do(t, h, dir, "sockwire", "--engine", j.engine, "-p", "2"), "operation not permitted", "thread of the kernel")
	}
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	if last := threads[len(threads)-1].Name(); last != strconv.Itoa(os.Getpid()) {
		refused(t, j.do(t, h, dir, "sockwire", "--engine", j.engine, "-p", last), "no such process", "its process, "+strconv.Itoa(os.Getpid()))
	}
	j.foreign(t, h, dir)
	if j.engine == "ptrace" { // to the other it makes no difference
		program, tracer, pid := j.idle(t, "-o", "/dev/null")
		refused(t, j.do(t, h, dir, "sockwire", "--engine", "ptrace", "-p", strconv.Itoa(pid)), "operation not permitted", "traces it already")
		program.in.Close()
		program.Wait()
		tracer.Wait()
	}
}

// foreign traces programs of 32 bits where the kernel runs them: one that runs, and one that the traced program
// executes.
func (j *judge) foreign(t *testing.T, h *netlab.Host, dir string) {
	pauses, exits := filepath.Join(dir, "pauses"), filepath.Join(dir, "exits")
	err := errors.Join(
		os.WriteFile(pauses, executable32(0xb8, 29, 0, 0, 0, 0xcd, 0x80, 0xeb, 0xf7), 0o755), // again: pause()
		os.WriteFile(exits, executable32(0x31, 0xdb, 0xb8, 1, 0, 0, 0, 0xcd, 0x80), 0o755),   // exit(0)
	)
	if err != nil {
		t.Fatal(err)
	}
	if err := exec.Command(exits).Run(); err != nil {
		t.Logf("no programs of 32 bits run here: %v", err)
		return
	}
	cmd := exec.Command(pauses)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	refused(t, j.do(t, h, dir, "sockwire", "--engine", j.engine, "-p", strconv.Itoa(cmd.Process.Pid)), "32 bits", "64 bits")
	cmd.Process.Kill()
	cmd.Wait()
	o := j.do(t, h, dir, "sockwire", "--engine", j.engine, "-o", "/dev/null", "--", "sh", "-c", exits+" && exit 4")
	if o.Code != 4 || o.Stdout != "" || strings.Count(o.Stderr, "\n") != 1 || !strings.Contains(o.Stderr, "32 bits: its calls are not understood") {
		t.Errorf("a program of 32 bits started by the traced one: %+v", o)
	}
}

// TestForeignCalls traces a program of 64 bits that makes calls of 32 bits: about sockets, which is said, and about
// something else, which need not be.
func TestForeignCalls(t *testing.T) { eachEngine(t, (*judge).foreignCalls) }

func (j *judge) foreignCalls(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("there are no such calls")
	}
	h, dir := j.host(t, "host", false), t.TempDir()
	exit := []byte{0x31, 0xff, 0xb8, 60, 0, 0, 0, 0x0f, 0x05} // exit(0), of 64 bits
	for name, c := range map[string]struct {
		code []byte
		said bool
	}{
		"socket": {[]byte{0xb8, 359 & 255, 359 >> 8, 0, 0, 0xbb, 2, 0, 0, 0, 0xb9, 2, 0, 0, 0, 0x31, 0xd2, 0xcd, 0x80}, true}, // socket(2, 2, 0)
		"getpid": {[]byte{0xb8, 20, 0, 0, 0, 0xcd, 0x80}, false},
	} {
		program := filepath.Join(dir, name)
		if err := os.WriteFile(program, executable64(append(c.code, exit...)...), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := exec.Command(program).Run(); err != nil {
			t.Skipf("calls of 32 bits are not taken here: %v", err)
		}
		o := j.do(t, h, dir, "sockwire", "--engine", j.engine, "-o", "/dev/null", "--", program)
		if o.Code != 0 || strings.Count(o.Stderr, "makes system calls of 32 bits (int $0x80)") != strings.Count(o.Stderr, "\n") || (o.Stderr != "") != c.said {
			t.Errorf("%s: %+v", name, o)
		}
	}
}

// executable64 is a program for x86-64, see elf(5).
func executable64(code ...byte) []byte {
	const base, header = 0x400000, 64 + 56
	b := []byte("\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 9) + "\x02\x00\x3e\x00")
	b = binary.LittleEndian.AppendUint32(b, 1)
	for _, word := range []uint64{base + header, 64, 0, 64<<32 | 56<<48, 1} { // entry, program headers, none of sections, flags, sizes and number
		b = binary.LittleEndian.AppendUint64(b, word)
	}
	b = b[:64]
	for _, word := range []uint64{1 | 5<<32, 0, base, base, uint64(header + len(code)), uint64(header + len(code)), 0x1000} { // PT_LOAD, to be read and executed
		b = binary.LittleEndian.AppendUint64(b, word)
	}
	return append(b, code...)
}

// executable32 is a program for the 80386, see elf(5).
func executable32(code ...byte) []byte {
	const base, header = 0x08048000, 52 + 32
	b := []byte("\x7fELF\x01\x01\x01" + strings.Repeat("\x00", 9) + "\x02\x00\x03\x00")
	for _, word := range []uint32{1, base + header, 52, 0, 0, 52 | 32<<16, 1, 0, // the rest of the header
		1, 0, base, base, uint32(header + len(code)), uint32(header + len(code)), 5, 0x1000} { // PT_LOAD, to be read and executed
		b = binary.LittleEndian.AppendUint32(b, word)
	}
	return append(b, code...)
}

func init() { commands["without"] = without }

// without executes a command as on a kernel without what its first argument names: a system call, or btf, the kernel's
// type information.
func without() {
	runtime.LockOSThread()
	for what := range strings.SplitSeq(os.Args[1], ",") {
		if what == "btf" {
			did(unix.Unshare(unix.CLONE_NEWNS))
			did(unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
			did(unix.Mount("none", "/sys/kernel/btf", "tmpfs", 0, ""))
			continue
		}
		call := map[string]uint32{"bpf": unix.SYS_BPF, "seccomp": unix.SYS_SECCOMP, "ptrace": unix.SYS_PTRACE}[what]
		raw := got(bpf.Assemble([]bpf.Instruction{
			bpf.LoadAbsolute{Off: 0, Size: 4}, // the number in struct seccomp_data
			bpf.JumpIf{Val: call, SkipFalse: 1},
			bpf.RetConstant{Val: unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)},
			bpf.RetConstant{Val: unix.SECCOMP_RET_ALLOW},
		}))
		var filter []unix.SockFilter
		for _, r := range raw {
			filter = append(filter, unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K})
		}
		// The older way to the same filters: it is there when seccomp(2) is denied already.
		did(unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]})), 0, 0))
	}
	did(syscall.Exec(os.Args[2], os.Args[2:], os.Environ()))
}

// TestWithoutKernel runs on kernels that lack what an engine needs.
func TestWithoutKernel(t *testing.T) {
	j, engines := newJudge(t), each(t)
	h := j.host(t, "host", false)
	sockwire := filepath.Join(j.bin, "sockwire")
	run := func(what string, args ...string) outcome {
		return j.do(t, h, t.TempDir(), append([]string{"without", what, sockwire, "-o", "/dev/null"}, args...)...)
	}
	refused(t, run("seccomp", "--engine", "ptrace", "--", "true"), "no seccomp filters", "CONFIG_SECCOMP_FILTER")
	refused(t, run("ptrace", "--engine", "ptrace", "--", "true"), "trace: function not implemented", "no ptrace(2)")
	if len(engines) == 1 {
		return
	}
	for what, because := range map[string]string{
		"bpf": "it needs Linux 6.2 or later with BPF",
		"btf": "it needs a kernel with its own type information (CONFIG_DEBUG_INFO_BTF)",
	} {
		for _, engine := range []string{"auto", "ebpf"} {
			o := run(what, "--engine", engine, "--", "sh", "-c", "echo out; exit 3")
			if o.Code != 3 || o.Stdout != "out\n" || strings.Count(o.Stderr, "\n") != 1 || !strings.HasPrefix(o.Stderr, "sockwire: tracing with ptrace: ebpf: ") ||
				!strings.Contains(o.Stderr, because) {
				t.Errorf("without %s, --engine %s: %+v", what, engine, o)
			}
		}
	}
	o := run("bpf,seccomp", "--", "true")
	_, o.Stderr, _ = strings.Cut(o.Stderr, "\n") // why not with ebpf
	refused(t, o, "no seccomp filters", "CONFIG_SECCOMP_FILTER")
}

// TestRefusedToNobody does what a user without rights may not do, and what he may only do in part.
func TestRefusedToNobody(t *testing.T) {
	run := func(args ...string) outcome {
		cmd := asNobody(t, args...)
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		err := cmd.Run()
		var exit *exec.ExitError
		if errors.Is(err, os.ErrPermission) || errors.Is(err, syscall.EINVAL) {
			t.Skipf("another user cannot be had here: %v", err)
		}
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		return outcome{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
	}
	o := run("--engine", "ptrace", "-o", "/dev/null", "--", "sh", "-c", "echo out; exit 3")
	if want := "sockwire: only calls are shown, packets are not: "; o.Stdout != "out\n" || o.Code != 3 || !strings.HasPrefix(o.Stderr, want) ||
		strings.Count(o.Stderr, "\n") != 2 || !strings.Contains(o.Stderr, "\nsockwire: hint: capturing needs cap_net_raw; without it, --isolate") {
		t.Errorf("without capture: %+v", o)
	}
	o = run("--engine", "ebpf", "-o", "/dev/null", "--", "sh", "-c", "echo out; exit 3")
	if why := "sockwire: tracing with ptrace: ebpf: load programs into the kernel: operation not permitted: it needs root, or CAP_BPF and CAP_PERFMON\n"; o.Stdout != "out\n" || o.Code != 3 ||
		!strings.HasPrefix(o.Stderr, why) || strings.Count(o.Stderr, "\n") != 3 {
		t.Errorf("with ebpf: %+v", o)
	}
	o = run("--engine", "ptrace", "-p", strconv.Itoa(os.Getpid()), "-o", "/dev/null")
	lines := strings.SplitAfter(o.Stderr, "\n")
	o.Stderr = strings.Join(lines[min(2, len(lines)):], "") // that there are no packets is said before
	refused(t, o, "operation not permitted", "run as root")

	file := setuidCopy(t, "true")
	refused(t, run("--engine", "ptrace", "-o", "/dev/null", "--", file), "set-user-ID program", "root")
	// One that the traced program executes runs without its rights, which is said.
	o = run("--engine", "ptrace", "-o", "/dev/null", "--", "sh", "-c", file+"; exit 4")
	if o.Code != 4 || strings.Count(o.Stderr, "set-user-ID program would run without the rights of its owner") != 1 {
		t.Errorf("a set-user-ID program started by the traced one: %+v", o)
	}
}
