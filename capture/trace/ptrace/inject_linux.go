//go:build amd64 || arm64

package ptrace

import (
	"errors"
	"fmt"
	"math"
	"unsafe"

	"golang.org/x/sys/unix"
)

// injection makes a stopped thread make system calls of ours, as if it had made them between two of its own. The
// thread is at the end of a call: what it goes on with is the instruction behind the one that made it.
type injection struct {
	tid    int
	regs   registers // at the end of a call
	halted bool      // it was to stop meanwhile, which is made up for
}

// errGone says that the thread has ended: status has it.
type errGone struct{ status unix.WaitStatus }

func (errGone) Error() string { return "the thread has ended" }

func regset(request, tid int, set uintptr, at unsafe.Pointer, size uintptr) error {
	v := unix.Iovec{Base: (*byte)(at)}
	v.SetLen(int(size))
	_, _, errno := unix.RawSyscall6(unix.SYS_PTRACE, uintptr(request), uintptr(tid), set, uintptr(unsafe.Pointer(&v)), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

func getRegisters(tid int) (r registers, err error) {
	err = regset(unix.PTRACE_GETREGSET, tid, unix.NT_PRSTATUS, unsafe.Pointer(&r), unsafe.Sizeof(r))
	return r, err
}

func setRegisters(tid int, r *registers) error {
	return regset(unix.PTRACE_SETREGSET, tid, unix.NT_PRSTATUS, unsafe.Pointer(r), unsafe.Sizeof(*r))
}

// signals reads or sets which signals a thread has blocked.
func signals(request, tid int, mask *uint64) error {
	_, _, errno := unix.RawSyscall6(unix.SYS_PTRACE, uintptr(request), uintptr(tid), unsafe.Sizeof(*mask), uintptr(unsafe.Pointer(mask)), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// inject lets a stopped thread make the calls that do makes, and brings back all that they have changed of it. If
// the thread is at the beginning of a call, it makes that one anew afterwards. An errGone is the end of the thread.
func inject(tid int, beginning bool, do func(*injection) error) (err error) {
	j := &injection{tid: tid}
	if j.regs, err = getRegisters(tid); err != nil {
		return fmt.Errorf("read the registers: %w", err)
	}
	if b := make([]byte, len(instruction)); (&memory{tid: tid}).ReadMemory(b, j.regs.place()-uint64(len(b))) < len(b) || string(b) != instruction {
		return errors.New("the thread is not at a call")
	}
	// A handler that would run meanwhile would find other registers than its program has.
	var mask uint64
	blocked := uint64(math.MaxUint64)
	if err := signals(unix.PTRACE_GETSIGMASK, tid, &mask); err != nil {
		return fmt.Errorf("read the blocked signals: %w", err)
	}
	if err := signals(unix.PTRACE_SETSIGMASK, tid, &blocked); err != nil {
		return fmt.Errorf("block signals: %w", err)
	}
	back := j.regs
	if beginning {
		back.repeat()
		if err := skip(tid); err != nil {
			return fmt.Errorf("skip a call: %w", err)
		}
		err = j.step()
	}
	var gone errGone
	if err == nil {
		err = do(j)
	}
	if errors.As(err, &gone) {
		return err
	}
	err = errors.Join(err, setRegisters(tid, &back), signals(unix.PTRACE_SETSIGMASK, tid, &mask))
	if j.halted {
		_ = unix.PtraceInterrupt(tid) // it stops again at once, and in the way in which it was to
	}
	return err
}

// call makes the thread make a call, and returns what that returned.
func (j *injection) call(number uint64, args ...uint64) (uint64, error) {
	r := j.regs
	var six [6]uint64
	copy(six[:], args)
	r.call(number, six)
	if err := setRegisters(j.tid, &r); err != nil {
		return 0, err
	}
	for range 2 { // to its beginning and to its end
		if err := j.step(); err != nil {
			return 0, err
		}
	}
	r, err := getRegisters(j.tid)
	if err != nil {
		return 0, err
	}
	if n := r.result(); n < 0 && n >= -4095 {
		return 0, unix.Errno(-n)
	}
	return uint64(r.result()), nil
}

// write puts bytes into the memory of the thread.
func (j *injection) write(b []byte, address uint64) error {
	n, err := unix.ProcessVMWritev(j.tid, []unix.Iovec{{Base: &b[0], Len: uint64(len(b))}}, []unix.RemoteIovec{{Base: uintptr(address), Len: len(b)}}, 0)
	if err == nil && n < len(b) {
		err = unix.EFAULT
	}
	return err
}

// step lets the thread go on to the next beginning or end of a call.
func (j *injection) step() error {
	signal := 0
	for {
		ptrace(unix.PTRACE_SYSCALL, j.tid, signal)
		var ws unix.WaitStatus
		_, err := unix.Wait4(j.tid, &ws, unix.WALL, nil)
		for err == unix.EINTR {
			_, err = unix.Wait4(j.tid, &ws, unix.WALL, nil)
		}
		signal = 0
		switch {
		case err != nil:
			return fmt.Errorf("wait: %w", err)
		case ws.Exited(), ws.Signaled():
			return errGone{ws}
		case ws.StopSignal() == syscallStop:
			return nil
		case int(ws>>16) == unix.PTRACE_EVENT_STOP:
			j.halted = true
		case ws>>16 == 0:
			signal = int(ws.StopSignal()) // SIGSTOP, which nothing blocks
		}
	}
}
