//go:build amd64 || arm64

package ebpf

import (
	"strconv"

	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"

	"sockwire/capture/internal/bpfprog"
	"sockwire/capture/trace/internal/abi"
)

// The programs. They write records of the form that record_linux.go reads.

// Scratch memory, one for each processor: working variables, and the record that is being made. A program
// that has begun on a processor ends there before another of ours begins: programs at system calls run
// with preemption disabled (include/trace/bpf_probe.h).
const (
	wOff    = 0  // size of the record so far
	wLimit  = 8  // how many bytes of data to keep of this call
	wRemain = 16 // how many of them are still to be had
	wBase   = 24 // of the vectors that are being read
	wMsg    = 32 // of the messages
	wCtl    = 40 // where in the control messages
	wCtlEnd = 48
	wFDs    = 56 // where the passed descriptors are
	wParts  = 64 // which parts of a struct msghdr to read
	wHdr    = 72 // a struct mmsghdr
	wIov    = 136
	wCmsg   = 152
	wBound  = 168 // the socket that was recorded is one of UDP with a port
	wFile   = 176 // the file that a descriptor of the ring's own table stands for, io_uring(7); 0 for any other
	wRecord = 192

	maxOff   = 1<<17 - 1 // a part begins in the first 128 KiB of a record
	maxPart  = 1<<16 - 1
	maxSize  = maxOff + maxPart + 128
	scratch  = 1 << 18
	maxTable = 1 << 16 // descriptors of a process that are looked at

	maxMessages = 1024 // UIO_MAXIOV
	maxVectors  = 1024
	maxControl  = 4096
	maxAddress  = 128
	maxPassed   = 253 // SCM_MAX_FD
)

// State of a thread.
const (
	sActive  = 0 // one of these:
	sFlags   = 4
	sRinged  = 8  // io_uring was reported
	sForeign = 12 // and calls of 32 bits that are about sockets
	sSize    = 16

	activeCall  = 1
	activeTable = 2
	activeSame  = 3 // a call that changes nothing of the socket that was recorded when it was entered
)

// The table of system calls that the programs look into first: eight bytes for each.
const (
	tableCalls = 512

	tClass = 0 // abi.Class, 0 for a call of no interest
	tFD    = 1 // which argument the descriptor is, noArgument for none
	tOther = 2 // and the other one
	tEnter = 3
	tLeave = 4
	tMaker = 5 // success makes a descriptor
	tDup   = 6 // the other descriptor is closed
	tKind  = 7 // bits:

	kindMoves = 1 // it moves data, and changes nothing of a socket that has a port
	kindFirst = 2 // it is of interest when its first argument is a socket, and else not
	// In the table of 32 bits the number is that of a call about sockets, or of one that is when its first argument is
	// one.
	kindForeign      = 4
	kindForeignFirst = 8

	classForeign = 255 // the number is of no interest in this table
	noArgument   = 255
)

func callTable(wait bool) []byte {
	table := make([]byte, 8*tableCalls)
	for _, n := range abi.Numbers(wait) {
		s, _ := abi.Lookup(uint64(n))
		row := table[8*n : 8*n+8]
		row[tClass] = uint8(s.Class)
		row[tFD], row[tOther] = noArgument, noArgument
		fd, other := abi.DescriptorOf(s.Name, [6]uint64{0, 1, 2, 3, 4, 5})
		if fd >= 0 {
			row[tFD] = uint8(fd)
		}
		if other >= 0 && s.Name == "splice" {
			row[tOther] = uint8(other)
		}
		row[tEnter], row[tLeave] = shapeOf(s.Name, false), shapeOf(s.Name, true)
		switch s.Name {
		case "socket", "accept", "accept4", "dup", "fcntl":
			row[tMaker] = 1
		case "dup2", "dup3":
			row[tMaker], row[tDup], row[tOther] = 1, 1, 1
		}
		if moves(s.Name) {
			row[tKind] |= kindMoves
		}
		if s.Class == abi.Descriptor && fd == 0 && row[tOther] == noArgument {
			row[tKind] |= kindFirst
		}
	}
	for _, c := range abi.ForeignCalls {
		row := table[8*c.Number : 8*c.Number+8]
		if row[tClass] == 0 {
			row[tClass] = classForeign
		}
		row[tKind] |= kindForeign
		if c.Class == abi.Descriptor {
			row[tKind] |= kindForeignFirst
		}
	}
	return table
}

// moves tells whether a call sends or receives.
func moves(name string) bool {
	switch name {
	case "sendto", "sendmsg", "sendmmsg", "write", "writev", "pwritev2", "recvfrom", "recvmsg", "recvmmsg", "read", "readv", "preadv2":
		return true
	}
	return false
}

// scratchOf makes dst point to this processor's scratch memory.
func (c *code) scratchOf(m *maps, dst asm.Register) {
	c.Mine(m.scratch, -4)
	c.Add(asm.JNE.Imm(asm.R0, 0, c.To("scratch")), asm.Mov.Imm(asm.R0, 1), asm.Return())
	c.At("scratch")
	c.Add(asm.Mov.Reg(dst, asm.R0))
}

// state gets the state of the task in R2, or leaves. A task of which there is none yet is followed when the
// reader has said so of its process, or of its thread if that is to count too.
func (c *code) state(m *maps, out string, thread bool) {
	const task = -24
	c.Add(asm.StoreMem(asm.RFP, task, asm.R2, asm.DWord))
	c.Pointer(asm.R1, m.threads)
	c.Add(asm.Mov.Imm(asm.R3, 0), asm.Mov.Imm(asm.R4, 0), asm.FnTaskStorageGet.Call(), asm.JNE.Imm(asm.R0, 0, c.To("state")))
	c.Value(asm.R1, m.follow)
	c.Add(asm.LoadMem(asm.R2, asm.RFP, task, asm.DWord))
	c.Load(asm.R3, asm.R2, "task_struct", "tgid", asm.Word)
	c.Add(asm.LoadMem(asm.R4, asm.R1, 0, asm.Word))
	if thread {
		c.Add(asm.JEq.Reg(asm.R3, asm.R4, c.To("follow")))
		c.Load(asm.R3, asm.R2, "task_struct", "pid", asm.Word)
		c.Add(asm.LoadMem(asm.R4, asm.R1, 4, asm.Word))
	}
	c.Add(asm.JNE.Reg(asm.R3, asm.R4, c.To(out)))
	c.At("follow")
	c.Pointer(asm.R1, m.threads)
	c.Add(asm.Mov.Imm(asm.R3, 0), asm.Mov.Imm(asm.R4, bpfprog.StorageCreate), asm.FnTaskStorageGet.Call(), asm.JEq.Imm(asm.R0, 0, c.To(out)))
	c.At("state")
}

// arg loads an argument of the call from the record.
func arg(dst, scratch asm.Register, i int) asm.Instruction {
	return asm.LoadMem(dst, scratch, int16(wRecord+hArgs+8*i), asm.DWord)
}

// begin starts a record of a call: R6 has its registers, R8 the scratch memory.
func (c *code) begin(kind recordKind) {
	for i, field := range bpfprog.Registers[1:] {
		c.Register(asm.R1, asm.R6, field, asm.DWord)
		c.Add(asm.StoreMem(asm.R8, int16(wRecord+hArgs+8*i), asm.R1, asm.DWord))
	}
	c.header(kind)
	c.Add(
		asm.StoreMem(asm.R8, wRecord+hNumber, asm.R7, asm.DWord),
		bpfprog.StoreImm(asm.R8, wRecord+hResult, 0, asm.DWord),
		bpfprog.StoreImm(asm.R8, wRemain, 0, asm.DWord),
		bpfprog.StoreImm(asm.R8, wBound, 0, asm.DWord),
	)
}

// header starts any record in the scratch memory of R8.
func (c *code) header(kind recordKind) {
	c.Add(
		bpfprog.StoreImm(asm.R8, wRecord+hKind, int64(kind), asm.Word), // no flags
		bpfprog.StoreImm(asm.R8, wOff, headerSize, asm.DWord),
	)
}

// stamp puts the time into the record of R8.
func (c *code) stamp() {
	c.Add(asm.FnKtimeGetNs.Call(), asm.StoreMem(asm.R8, wRecord+hTime, asm.R0, asm.DWord))
}

// submit gives the record of R8 to the reader.
func (c *code) submit() { c.Call("submit", asm.R8) }

// done is the end of a program: it submits the record, and is where leaving goes.
func (c *code) done() {
	c.submit()
	c.At("out")
	c.Ret(0)
}

// descriptor loads the descriptor that a column of the table says, or jumps when there is none. R9 is the
// row of the table.
func (c *code) descriptor(dst asm.Register, column int16, none string) {
	c.Add(
		asm.LoadMem(dst, asm.R9, column, asm.Byte),
		asm.JGT.Imm(dst, 5, c.To(none)),
		asm.LSh.Imm(dst, 3),
		asm.Mov.Reg(asm.R1, asm.R8),
		asm.Add.Reg(asm.R1, dst),
		asm.LoadMem(dst, asm.R1, wRecord+hArgs, asm.DWord),
	)
}

// look finds the row of a call in R7 of the table, for R9, or leaves.
func (c *code) look(m *maps) {
	c.Add(asm.JGT.Imm(asm.R7, tableCalls-1, c.To("out")))
	c.Value(asm.R9, m.table)
	c.Add(
		asm.Mov.Reg(asm.R1, asm.R7),
		asm.LSh.Imm(asm.R1, 3),
		asm.Add.Reg(asm.R9, asm.R1),
		asm.LoadMem(asm.R1, asm.R9, tClass, asm.Byte),
		asm.JEq.Imm(asm.R1, 0, c.To("out")),
	)
}

// enter is the program at the beginning of every system call (sys_enter of include/trace/events/syscalls.h):
// registers, number.
func (c *code) enter(m *maps, data int) {
	const state, task = -16, -24 // on the stack
	c.Function("enter")
	c.Add(asm.LoadMem(asm.R6, asm.R1, 0, asm.DWord), asm.LoadMem(asm.R7, asm.R1, 8, asm.DWord))
	c.look(m)
	c.foreign("out")
	c.ordinary("out")
	c.Add(asm.FnGetCurrentTaskBtf.Call(), asm.Mov.Reg(asm.R2, asm.R0))
	c.state(m, "out", false)
	c.Add(asm.StoreMem(asm.RFP, state, asm.R0, asm.DWord), bpfprog.StoreImm(asm.R0, sActive, 0, asm.DWord))
	c.scratchOf(m, asm.R8)
	c.begin(recordEnter)
	c.Add(bpfprog.StoreImm(asm.R8, wLimit, int64(data), asm.DWord))
	c.Add(asm.LoadMem(asm.R1, asm.RFP, task, asm.DWord))
	c.Load(asm.R1, asm.R1, "task_struct", bpfprog.CompatField, asm.Word)
	c.Unset(bpfprog.CompatBit, "own")
	c.Add(
		asm.LoadMem(asm.R1, asm.R9, tKind, asm.Byte),
		asm.JSet.Imm(asm.R1, kindForeign, c.To("foreign")),
		asm.Ja.Label(c.To("out")),
	)
	c.At("own")
	c.Add(
		asm.LoadMem(asm.R1, asm.R9, tClass, asm.Byte),
		asm.JEq.Imm(asm.R1, int32(abi.Table), c.To("table")),
		asm.JEq.Imm(asm.R1, int32(abi.Ring), c.To("ring")),
	)
	c.descriptor(asm.R2, tFD, "nothing")
	c.Call("socket", asm.R8)
	c.Add(asm.JNE.Imm(asm.R0, 0, c.To("record")))
	c.At("nothing")
	c.Add(
		asm.LoadMem(asm.R1, asm.R9, tClass, asm.Byte),
		asm.JNE.Imm(asm.R1, int32(abi.Descriptor), c.To("record")),
	)
	c.descriptor(asm.R2, tOther, "out")
	c.Call("socket", asm.R8)
	c.Add(
		asm.JEq.Imm(asm.R0, 0, c.To("out")),
		asm.LoadMem(asm.R1, asm.R9, tDup, asm.Byte),
		asm.JNE.Imm(asm.R1, 0, c.To("table")),
	)
	c.At("record")
	c.Add(asm.Mov.Reg(asm.R1, asm.R8), asm.LoadMem(asm.R2, asm.R9, tEnter, asm.Byte))
	c.Call("shape")
	c.Add(
		asm.LoadMem(asm.R1, asm.RFP, state, asm.DWord),
		bpfprog.StoreImm(asm.R1, sActive, activeCall, asm.Word),
		asm.LoadMem(asm.R2, asm.R8, wRecord+hFlags, asm.Byte),
		asm.StoreMem(asm.R1, sFlags, asm.R2, asm.Word),
		asm.LoadMem(asm.R2, asm.R9, tKind, asm.Byte),
		asm.LoadMem(asm.R3, asm.R8, wBound, asm.DWord), // 1, kindMoves, or 0
		asm.And.Reg(asm.R2, asm.R3),
		asm.JEq.Imm(asm.R2, 0, c.To("stamp")),
		bpfprog.StoreImm(asm.R1, sActive, activeSame, asm.Word),
	)
	c.At("stamp")
	c.stamp()
	c.submit()
	c.Ret(0)
	c.At("table")
	c.Add(asm.LoadMem(asm.R1, asm.RFP, state, asm.DWord), bpfprog.StoreImm(asm.R1, sActive, activeTable, asm.Word))
	c.Ret(0)
	for _, once := range []struct {
		label string
		said  int16
		kind  recordKind
	}{{"ring", sRinged, recordRing}, {"foreign", sForeign, recordForeign}} {
		c.At(once.label)
		c.Add(
			asm.LoadMem(asm.R1, asm.RFP, state, asm.DWord),
			asm.LoadMem(asm.R2, asm.R1, once.said, asm.Word),
			asm.JNE.Imm(asm.R2, 0, c.To("out")),
			bpfprog.StoreImm(asm.R1, once.said, 1, asm.Word),
		)
		c.header(once.kind)
		c.stamp()
		c.submit()
		c.Ret(0)
	}
	c.At("out")
	c.Ret(0)
}

// foreign leaves when the number in row R9 is of interest in the table of 32 bits only and the call is not one of that
// table, or is and not about a socket.
func (c *code) foreign(out string) {
	c.Add(asm.LoadMem(asm.R1, asm.R9, tKind, asm.Byte))
	c.Unset(kindForeign, "native")
	c.Add(asm.FnGetCurrentTaskBtf.Call())
	c.Load(asm.R1, asm.R0, "task_struct", bpfprog.CompatField, asm.Word)
	c.Add(
		asm.JSet.Imm(asm.R1, bpfprog.CompatBit, c.To("compat")),
		asm.LoadMem(asm.R1, asm.R9, tClass, asm.Byte),
		asm.JEq.Imm(asm.R1, classForeign, c.To(out)),
		asm.Ja.Label(c.To("native")),
	)
	c.At("compat")
	c.Add(asm.LoadMem(asm.R1, asm.R9, tKind, asm.Byte))
	c.Unset(kindForeignFirst, "any")
	c.Register(asm.R8, asm.R6, bpfprog.ForeignFirst, asm.DWord)
	c.File(asm.R8, out)
	c.SocketInode(out)
	c.Add(asm.Ja.Label(c.To("any")))
	c.At("native")
}

// ordinary leaves when the call in row R9, with the registers in R6, is about a file that is no socket: programs read
// and close files all the time, and for that nothing else needs to be looked at.
func (c *code) ordinary(out string) {
	c.Add(asm.LoadMem(asm.R1, asm.R9, tKind, asm.Byte))
	c.Unset(kindFirst, "any")
	c.Add(asm.FnGetCurrentTaskBtf.Call())
	c.Load(asm.R1, asm.R0, "task_struct", bpfprog.CompatField, asm.Word)
	c.Add(asm.JSet.Imm(asm.R1, bpfprog.CompatBit, c.To("any"))) // its registers are others
	c.Register(asm.R8, asm.R6, bpfprog.Registers[1], asm.DWord)
	c.File(asm.R8, out)
	c.SocketInode(out)
	c.At("any")
}

// leave is the program at the end of every system call (sys_exit): registers, result.
func (c *code) leave(m *maps, data int) {
	const result, flags = -16, -24
	c.Function("leave")
	c.Add(asm.LoadMem(asm.R6, asm.R1, 0, asm.DWord), asm.LoadMem(asm.R2, asm.R1, 8, asm.DWord), asm.StoreMem(asm.RFP, result, asm.R2, asm.DWord))
	size := asm.DWord
	if bpfprog.NumberSize == 4 {
		size = asm.Word
	}
	c.Register(asm.R7, asm.R6, bpfprog.Registers[0], size)
	c.look(m)
	c.Add(asm.FnGetCurrentTaskBtf.Call(), asm.Mov.Reg(asm.R2, asm.R0))
	c.state(m, "out", false)
	c.Add(
		asm.LoadMem(asm.R1, asm.R0, sActive, asm.Word),
		asm.JEq.Imm(asm.R1, 0, c.To("out")),
		asm.LoadMem(asm.R8, asm.R0, sFlags, asm.Word),
		bpfprog.StoreImm(asm.R0, sActive, 0, asm.DWord),
		asm.StoreMem(asm.RFP, -32, asm.R1, asm.DWord),
	)
	c.dying("out")
	c.Add(asm.StoreMem(asm.RFP, flags, asm.R8, asm.DWord))
	c.scratchOf(m, asm.R8)
	c.begin(recordLeave)
	c.stamp()
	c.Add(
		bpfprog.StoreImm(asm.R8, wLimit, int64(data), asm.DWord),
		asm.LoadMem(asm.R1, asm.RFP, result, asm.DWord),
		asm.StoreMem(asm.R8, wRecord+hResult, asm.R1, asm.DWord),
		asm.LoadMem(asm.R1, asm.RFP, -32, asm.DWord),
		asm.JEq.Imm(asm.R1, activeTable, c.To("table")),
		asm.JEq.Imm(asm.R1, activeSame, c.To("other")),
	)
	c.descriptor(asm.R2, tFD, "other")
	c.Call("socket", asm.R8)
	c.At("other")
	c.Add(asm.LoadMem(asm.R1, asm.R9, tDup, asm.Byte), asm.JNE.Imm(asm.R1, 0, c.To("again")))
	c.descriptor(asm.R2, tOther, "again")
	c.Call("socket", asm.R8)
	c.At("again")
	// Memory that had not been there when the call was entered is there now: the kernel has used it.
	c.Add(
		asm.LoadMem(asm.R1, asm.RFP, flags, asm.DWord),
		asm.JEq.Imm(asm.R1, 0, c.To("shape")),
		bpfprog.StoreImm(asm.R8, wRecord+hFlags, flagAgain, asm.Byte),
		asm.Mov.Reg(asm.R1, asm.R8), asm.LoadMem(asm.R2, asm.R9, tEnter, asm.Byte),
	)
	c.Call("shape")
	c.At("shape")
	c.Add(
		asm.LoadMem(asm.R1, asm.R8, wRecord+hResult, asm.DWord),
		asm.JSLT.Imm(asm.R1, 0, c.To("submit")),
		asm.Mov.Reg(asm.R1, asm.R8), asm.LoadMem(asm.R2, asm.R9, tLeave, asm.Byte),
	)
	c.Call("shape")
	c.Add(
		asm.LoadMem(asm.R1, asm.R9, tMaker, asm.Byte),
		asm.JEq.Imm(asm.R1, 0, c.To("submit")),
		asm.Mov.Reg(asm.R1, asm.R8),
		asm.LoadMem(asm.R2, asm.R8, wRecord+hResult, asm.DWord),
	)
	c.Call("socket")
	c.At("submit")
	c.submit()
	c.Ret(0)
	c.At("table")
	c.Add(bpfprog.StoreImm(asm.R8, wRecord+hKind, int64(recordTable), asm.Byte))
	c.Call("table", asm.R8)
	c.done()
}

// dying jumps when a signal interrupted the call, of which the result is on the stack and the task below it, and is
// about to end the thread: the call returns to nobody.
func (c *code) dying(to string) {
	const result, task = -16, -24
	// Signals that end a process by default, with a core dump. Of all others the kernel makes a SIGKILL for each
	// thread (complete_signal in kernel/signal.c), as it does where another thread exits or executes a program.
	dumps := []unix.Signal{
		unix.SIGQUIT, unix.SIGILL, unix.SIGTRAP, unix.SIGABRT, unix.SIGBUS, unix.SIGFPE, unix.SIGSEGV, unix.SIGXCPU, unix.SIGXFSZ, unix.SIGSYS,
	}
	bit := func(s unix.Signal) int32 { return 1 << (s - 1) }
	mask := int32(0)
	for _, s := range dumps {
		mask |= bit(s)
	}
	c.Add(
		asm.LoadMem(asm.R1, asm.RFP, result, asm.DWord),
		asm.JEq.Imm(asm.R1, -int32(unix.EINTR), c.To("interrupted")),
		asm.Add.Imm(asm.R1, 516), // ERESTART_RESTARTBLOCK is the last of those that are for the kernel, linux/errno.h
		asm.JGT.Imm(asm.R1, 4, c.To("alive")),
	)
	c.At("interrupted")
	c.Add(asm.LoadMem(asm.R1, asm.RFP, task, asm.DWord))
	c.Load(asm.R2, asm.R1, "task_struct", "pending.signal", asm.DWord)
	c.Add(asm.JSet.Imm(asm.R2, bit(unix.SIGKILL), c.To(to)))
	c.Follow(asm.R3, asm.R1, asm.DWord, "task_struct.signal", "signal_struct.shared_pending.signal")
	c.Add(asm.Or.Reg(asm.R2, asm.R3))
	c.Load(asm.R3, asm.R1, "task_struct", "blocked", asm.DWord)
	c.Add(
		asm.Xor.Imm(asm.R3, -1),
		asm.And.Reg(asm.R2, asm.R3),
		asm.And.Imm(asm.R2, mask),
		asm.JEq.Imm(asm.R2, 0, c.To("alive")),
	)
	c.Load(asm.R1, asm.R1, "task_struct", "sighand", asm.DWord)
	for _, s := range dumps {
		next := "after " + strconv.Itoa(int(s))
		c.Add(asm.Mov.Reg(asm.R3, asm.R2), asm.And.Imm(asm.R3, bit(s)), asm.JEq.Imm(asm.R3, 0, c.To(next)))
		c.Add(asm.LoadMem(asm.R3, asm.R1, c.Element("sighand_struct", "action", int(s)-1)+c.Offset("k_sigaction", "sa.sa_handler"), asm.DWord))
		c.Add(asm.JEq.Imm(asm.R3, 0, c.To(to))) // SIG_DFL
		c.At(next)
	}
	c.At("alive")
}

// fork is the program where a task has made another (sched_process_fork): parent, child.
func (c *code) fork(m *maps) {
	c.Function("fork")
	c.Add(asm.LoadMem(asm.R6, asm.R1, 0, asm.DWord), asm.LoadMem(asm.R7, asm.R1, 8, asm.DWord), asm.Mov.Reg(asm.R2, asm.R6))
	c.state(m, "out", true)
	c.Pointer(asm.R1, m.threads)
	c.Add(
		asm.Mov.Reg(asm.R2, asm.R7), asm.Mov.Imm(asm.R3, 0), asm.Mov.Imm(asm.R4, bpfprog.StorageCreate),
		asm.FnTaskStorageGet.Call(),
		asm.Mov.Reg(asm.R9, asm.R0),
	)
	c.scratchOf(m, asm.R8)
	c.header(recordFork)
	c.Load(asm.R1, asm.R7, "task_struct", "pid", asm.Word)
	c.Load(asm.R2, asm.R7, "task_struct", "tgid", asm.Word)
	c.Add(
		asm.StoreMem(asm.R8, wRecord+hArgs, asm.R1, asm.DWord),
		asm.StoreMem(asm.R8, wRecord+hArgs+8, asm.R2, asm.DWord),
		bpfprog.StoreImm(asm.R8, wRecord+hArgs+16, 1, asm.DWord),
		asm.JNE.Imm(asm.R9, 0, c.To("followed")),
		bpfprog.StoreImm(asm.R8, wRecord+hArgs+16, 0, asm.DWord), // there is no memory to follow it
	)
	c.At("followed")
	c.stamp()
	c.done()
}

// exec is the program where a process has become another program (sched_process_exec): task, its former
// number, and what it was loaded from (struct linux_binprm). Descriptors that were to be closed are closed.
func (c *code) exec(m *maps) {
	c.Function("exec")
	c.Add(asm.LoadMem(asm.R6, asm.R1, 16, asm.DWord), asm.LoadMem(asm.R2, asm.R1, 0, asm.DWord))
	c.state(m, "out", false)
	c.Add(bpfprog.StoreImm(asm.R0, sActive, 0, asm.DWord))
	c.scratchOf(m, asm.R8)
	c.header(recordExec)
	c.Add(asm.Mov.Reg(asm.R1, asm.R8), asm.Add.Imm(asm.R1, wRecord+hArgs), asm.Mov.Imm(asm.R2, 16), asm.FnGetCurrentComm.Call())
	// The file's class, elf(5), is told here: a short program has ended before it can be looked at.
	c.Add(
		asm.LoadMem(asm.R1, asm.R6, c.Offset("linux_binprm", "buf")+4, asm.Byte),
		asm.StoreMem(asm.R8, wRecord+hArgs+16, asm.R1, asm.DWord),
	)
	c.stamp()
	c.Call("table", asm.R8)
	c.done()
}

// exit is the program where a task ends (sched_process_exit): task. Its descriptors are closed next.
func (c *code) exit(m *maps) {
	c.Function("exit")
	c.Add(asm.LoadMem(asm.R6, asm.R1, 0, asm.DWord), asm.Mov.Reg(asm.R2, asm.R6))
	c.state(m, "out", false)
	c.scratchOf(m, asm.R8)
	c.header(recordExit)
	c.Follow(asm.R1, asm.R6, asm.Word, "task_struct.signal", "signal_struct.live.counter")
	c.Add(asm.StoreMem(asm.R8, wRecord+hArgs, asm.R1, asm.DWord))
	c.stamp()
	c.done()
}

// functions adds what the program calls, callers before what they call.
func (c *code) functions(m *maps, data int) {
	for _, f := range []struct {
		name  string
		write func()
	}{
		{"shape", c.shapeFunction},
		{"eachMessage", func() { c.eachMessageFunction(m) }},
		{"message", func() { c.messageFunction(m) }},
		{"vectors", func() { c.vectorsFunction(m) }},
		{"part", c.partFunction},
		{"table", func() { c.tableFunction(m) }},
		{"socket", func() { c.socketFunction(data) }},
		{"epoll", c.epollFunction},
		{"submit", func() { c.submitFunction(m) }},
	} {
		if c.Called(f.name) {
			f.write()
		}
	}
}

// submitFunction: submit(scratch) numbers the record and puts it into the ring. Nobody is woken: the reader looks
// often.
func (c *code) submitFunction(m *maps) {
	c.Once("submit", scratch, asm.R6)
	c.Value(asm.R1, m.sequence)
	c.Add(
		asm.Mov.Imm(asm.R2, 1),
		bpfprog.FetchAdd(asm.R1, asm.R2),
		asm.StoreMem(asm.R6, wRecord+hSequence, asm.R2, asm.DWord),
		asm.FnGetCurrentPidTgid.Call(),
		asm.StoreMem(asm.R6, wRecord+hThread, asm.R0, asm.DWord),
		asm.LoadMem(asm.R3, asm.R6, wOff, asm.DWord),
		asm.JLE.Imm(asm.R3, maxSize, c.To("output")),
		asm.Mov.Imm(asm.R3, maxSize),
	)
	c.At("output")
	c.Pointer(asm.R1, m.ring)
	c.Add(
		asm.Mov.Reg(asm.R2, asm.R6), asm.Add.Imm(asm.R2, wRecord),
		asm.Mov.Imm(asm.R4, bpfprog.NoWakeup),
		asm.FnRingbufOutput.Call(),
		asm.JEq.Imm(asm.R0, 0, c.To("out")),
	)
	c.CountMine(m.lost, -8)
	c.At("out")
	c.Ret(0)
}

// part makes dst point to where the record of scratch goes on, or jumps when it is full.
func (c *code) part(dst, scratch asm.Register, full string) {
	c.Add(
		asm.LoadMem(dst, scratch, wOff, asm.DWord),
		asm.JGT.Imm(dst, maxOff, c.To(full)),
		asm.Add.Reg(dst, scratch),
	)
}

// partFunction: part(scratch, address, length) copies memory of the program into the record.
func (c *code) partFunction() {
	c.Once("part", scratch, asm.R6, asm.R7, asm.R8)
	c.Add(
		asm.JEq.Imm(asm.R8, 0, c.To("out")),
		asm.JEq.Imm(asm.R7, 0, c.To("out")),
		asm.JLE.Imm(asm.R8, maxPart, c.To("fits")),
		asm.Mov.Imm(asm.R8, maxPart),
	)
	c.At("fits")
	c.part(asm.R9, asm.R6, "full")
	c.Add(
		asm.StoreMem(asm.R9, wRecord+pKey, asm.R7, asm.DWord),
		asm.StoreMem(asm.R9, wRecord+pLength, asm.R8, asm.Word),
		bpfprog.StoreImm(asm.R9, wRecord+pKind, partMemory, asm.Word),
		asm.Mov.Reg(asm.R1, asm.R9), asm.Add.Imm(asm.R1, wRecord+partHeader),
		asm.Mov.Reg(asm.R2, asm.R8),
		asm.Mov.Reg(asm.R3, asm.R7),
		asm.FnProbeReadUser.Call(),
		asm.JEq.Imm(asm.R0, 0, c.To("read")),
		bpfprog.StoreImm(asm.R9, wRecord+pLength, 0, asm.Word),
		asm.Mov.Imm(asm.R8, 0),
		bpfprog.StoreImm(asm.R6, wRecord+hFlags, flagMissing, asm.Byte),
	)
	c.At("read")
	c.Add(
		asm.Add.Imm(asm.R8, partHeader+7), asm.And.Imm(asm.R8, ^7),
		asm.LoadMem(asm.R1, asm.R6, wOff, asm.DWord), asm.Add.Reg(asm.R1, asm.R8), asm.StoreMem(asm.R6, wOff, asm.R1, asm.DWord),
	)
	c.At("out")
	c.Ret(0)
	c.At("full")
	c.Add(bpfprog.StoreImm(asm.R6, wRecord+hFull, 1, asm.Byte))
	c.Ret(0)
}

// piece copies memory of the program into the record of R6: R2 its address, R3 its length.
func (c *code) piece() { c.Call("part", asm.R6) }

// tableFunction: table(scratch) records all descriptors of the process that are sockets.
func (c *code) tableFunction(m *maps) {
	c.Function("table")
	c.Add(asm.FnGetCurrentTaskBtf.Call())
	c.Follow(asm.R1, asm.R0, asm.Word, "task_struct.files", "files_struct.fdt", "fdtable.max_fds")
	c.AtMost(asm.R1, maxTable)
	c.Loop("eachDescriptor")
	c.Ret(0)

	c.Function("eachDescriptor", asm.R7)
	c.scratchOf(m, asm.R6)
	c.Call("socket", asm.R6, asm.R7)
	c.Ret(0)
}
