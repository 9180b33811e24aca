//go:build amd64 || arm64

package ebpf

import (
	"strconv"

	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"

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
	// In the table of 32 bits the number is that of a call about sockets, or of one that is when its first argument is one.
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
	c.add(asm.FnGetSmpProcessorId.Call(), asm.StoreMem(asm.RFP, -4, asm.R0, asm.Word))
	c.pointer(asm.R1, m.scratch)
	c.add(
		asm.Mov.Reg(asm.R2, asm.RFP), asm.Add.Imm(asm.R2, -4),
		asm.FnMapLookupElem.Call(),
		asm.JNE.Imm(asm.R0, 0, c.to("scratch")),
		asm.Mov.Imm(asm.R0, 1), asm.Return(),
	)
	c.at("scratch")
	c.add(asm.Mov.Reg(dst, asm.R0))
}

// state gets the state of the task in R2, or leaves. A task of which there is none yet is followed when the
// reader has said so of its process, or of its thread if that is to count too.
func (c *code) state(m *maps, out string, thread bool) {
	const task = -24
	c.add(asm.StoreMem(asm.RFP, task, asm.R2, asm.DWord))
	c.pointer(asm.R1, m.threads)
	c.add(asm.Mov.Imm(asm.R3, 0), asm.Mov.Imm(asm.R4, 0), asm.FnTaskStorageGet.Call(), asm.JNE.Imm(asm.R0, 0, c.to("state")))
	c.value(asm.R1, m.follow)
	c.add(asm.LoadMem(asm.R2, asm.RFP, task, asm.DWord))
	c.load(asm.R3, asm.R2, "task_struct", "tgid", asm.Word)
	c.add(asm.LoadMem(asm.R4, asm.R1, 0, asm.Word))
	if thread {
		c.add(asm.JEq.Reg(asm.R3, asm.R4, c.to("follow")))
		c.load(asm.R3, asm.R2, "task_struct", "pid", asm.Word)
		c.add(asm.LoadMem(asm.R4, asm.R1, 4, asm.Word))
	}
	c.add(asm.JNE.Reg(asm.R3, asm.R4, c.to(out)))
	c.at("follow")
	c.pointer(asm.R1, m.threads)
	c.add(asm.Mov.Imm(asm.R3, 0), asm.Mov.Imm(asm.R4, storageCreate), asm.FnTaskStorageGet.Call(), asm.JEq.Imm(asm.R0, 0, c.to(out)))
	c.at("state")
}

const (
	storageCreate = 1 // BPF_LOCAL_STORAGE_GET_F_CREATE
	noWakeup      = 1 // BPF_RB_NO_WAKEUP
)

// arg loads an argument of the call from the record.
func arg(dst, scratch asm.Register, i int) asm.Instruction {
	return asm.LoadMem(dst, scratch, int16(wRecord+hArgs+8*i), asm.DWord)
}

// begin starts a record of a call: R6 has its registers, R8 the scratch memory.
func (c *code) begin(kind recordKind) {
	for i, field := range registers[1:] {
		c.register(asm.R1, asm.R6, field, asm.DWord)
		c.add(asm.StoreMem(asm.R8, int16(wRecord+hArgs+8*i), asm.R1, asm.DWord))
	}
	c.header(kind)
	c.add(
		asm.StoreMem(asm.R8, wRecord+hNumber, asm.R7, asm.DWord),
		storeImm(asm.R8, wRecord+hResult, 0, asm.DWord),
		storeImm(asm.R8, wRemain, 0, asm.DWord),
		storeImm(asm.R8, wBound, 0, asm.DWord),
	)
}

// header starts any record in the scratch memory of R8.
func (c *code) header(kind recordKind) {
	c.add(
		storeImm(asm.R8, wRecord+hKind, int64(kind), asm.Word), // no flags
		storeImm(asm.R8, wOff, headerSize, asm.DWord),
	)
}

func (c *code) register(dst, src asm.Register, field string, size asm.Size) {
	index := int16(0)
	if n := len(field) - 2; n > 0 && field[n] == '@' {
		index = int16(field[n+1] - '0')
		field = field[:n]
	}
	c.add(asm.LoadMem(dst, src, c.offset("pt_regs", field)+8*index, size))
}

// stamp puts the time into the record of R8.
func (c *code) stamp() {
	c.add(asm.FnKtimeGetNs.Call(), asm.StoreMem(asm.R8, wRecord+hTime, asm.R0, asm.DWord))
}

// submit gives the record of R8 to the reader.
func (c *code) submit() { c.call("submit", asm.R8) }

// done is the end of a program: it submits the record, and is where leaving goes.
func (c *code) done() {
	c.submit()
	c.at("out")
	c.ret(0)
}

// descriptor loads the descriptor that a column of the table says, or jumps when there is none. R9 is the
// row of the table.
func (c *code) descriptor(dst asm.Register, column int16, none string) {
	c.add(
		asm.LoadMem(dst, asm.R9, column, asm.Byte),
		asm.JGT.Imm(dst, 5, c.to(none)),
		asm.LSh.Imm(dst, 3),
		asm.Mov.Reg(asm.R1, asm.R8),
		asm.Add.Reg(asm.R1, dst),
		asm.LoadMem(dst, asm.R1, wRecord+hArgs, asm.DWord),
	)
}

// look finds the row of a call in R7 of the table, for R9, or leaves.
func (c *code) look(m *maps) {
	c.add(asm.JGT.Imm(asm.R7, tableCalls-1, c.to("out")))
	c.value(asm.R9, m.table)
	c.add(
		asm.Mov.Reg(asm.R1, asm.R7),
		asm.LSh.Imm(asm.R1, 3),
		asm.Add.Reg(asm.R9, asm.R1),
		asm.LoadMem(asm.R1, asm.R9, tClass, asm.Byte),
		asm.JEq.Imm(asm.R1, 0, c.to("out")),
	)
}

// enter is the program at the beginning of every system call (sys_enter of include/trace/events/syscalls.h):
// registers, number.
func (c *code) enter(m *maps, data int) {
	const state, task = -16, -24 // on the stack
	c.function("enter")
	c.add(asm.LoadMem(asm.R6, asm.R1, 0, asm.DWord), asm.LoadMem(asm.R7, asm.R1, 8, asm.DWord))
	c.look(m)
	c.foreign("out")
	c.ordinary("out")
	c.add(asm.FnGetCurrentTaskBtf.Call(), asm.Mov.Reg(asm.R2, asm.R0))
	c.state(m, "out", false)
	c.add(asm.StoreMem(asm.RFP, state, asm.R0, asm.DWord), storeImm(asm.R0, sActive, 0, asm.DWord))
	c.scratchOf(m, asm.R8)
	c.begin(recordEnter)
	c.add(storeImm(asm.R8, wLimit, int64(data), asm.DWord))
	c.add(asm.LoadMem(asm.R1, asm.RFP, task, asm.DWord))
	c.load(asm.R1, asm.R1, "task_struct", compatField, asm.Word)
	c.unset(compatBit, "own")
	c.add(
		asm.LoadMem(asm.R1, asm.R9, tKind, asm.Byte),
		asm.JSet.Imm(asm.R1, kindForeign, c.to("foreign")),
		asm.Ja.Label(c.to("out")),
	)
	c.at("own")
	c.add(
		asm.LoadMem(asm.R1, asm.R9, tClass, asm.Byte),
		asm.JEq.Imm(asm.R1, int32(abi.Table), c.to("table")),
		asm.JEq.Imm(asm.R1, int32(abi.Ring), c.to("ring")),
	)
	c.descriptor(asm.R2, tFD, "nothing")
	c.call("socket", asm.R8)
	c.add(asm.JNE.Imm(asm.R0, 0, c.to("record")))
	c.at("nothing")
	c.add(
		asm.LoadMem(asm.R1, asm.R9, tClass, asm.Byte),
		asm.JNE.Imm(asm.R1, int32(abi.Descriptor), c.to("record")),
	)
	c.descriptor(asm.R2, tOther, "out")
	c.call("socket", asm.R8)
	c.add(
		asm.JEq.Imm(asm.R0, 0, c.to("out")),
		asm.LoadMem(asm.R1, asm.R9, tDup, asm.Byte),
		asm.JNE.Imm(asm.R1, 0, c.to("table")),
	)
	c.at("record")
	c.add(asm.Mov.Reg(asm.R1, asm.R8), asm.LoadMem(asm.R2, asm.R9, tEnter, asm.Byte))
	c.call("shape")
	c.add(
		asm.LoadMem(asm.R1, asm.RFP, state, asm.DWord),
		storeImm(asm.R1, sActive, activeCall, asm.Word),
		asm.LoadMem(asm.R2, asm.R8, wRecord+hFlags, asm.Byte),
		asm.StoreMem(asm.R1, sFlags, asm.R2, asm.Word),
		asm.LoadMem(asm.R2, asm.R9, tKind, asm.Byte),
		asm.LoadMem(asm.R3, asm.R8, wBound, asm.DWord), // 1, kindMoves, or 0
		asm.And.Reg(asm.R2, asm.R3),
		asm.JEq.Imm(asm.R2, 0, c.to("stamp")),
		storeImm(asm.R1, sActive, activeSame, asm.Word),
	)
	c.at("stamp")
	c.stamp()
	c.submit()
	c.ret(0)
	c.at("table")
	c.add(asm.LoadMem(asm.R1, asm.RFP, state, asm.DWord), storeImm(asm.R1, sActive, activeTable, asm.Word))
	c.ret(0)
	for _, once := range []struct {
		label string
		told  int16
		kind  recordKind
	}{{"ring", sRinged, recordRing}, {"foreign", sForeign, recordForeign}} {
		c.at(once.label)
		c.add(
			asm.LoadMem(asm.R1, asm.RFP, state, asm.DWord),
			asm.LoadMem(asm.R2, asm.R1, once.told, asm.Word),
			asm.JNE.Imm(asm.R2, 0, c.to("out")),
			storeImm(asm.R1, once.told, 1, asm.Word),
		)
		c.header(once.kind)
		c.stamp()
		c.submit()
		c.ret(0)
	}
	c.at("out")
	c.ret(0)
}

// foreign leaves when the number in row R9 is of interest in the table of 32 bits only and the call is not one of that table,
// or is and not about a socket.
func (c *code) foreign(out string) {
	c.add(asm.LoadMem(asm.R1, asm.R9, tKind, asm.Byte))
	c.unset(kindForeign, "native")
	c.add(asm.FnGetCurrentTaskBtf.Call())
	c.load(asm.R1, asm.R0, "task_struct", compatField, asm.Word)
	c.add(
		asm.JSet.Imm(asm.R1, compatBit, c.to("compat")),
		asm.LoadMem(asm.R1, asm.R9, tClass, asm.Byte),
		asm.JEq.Imm(asm.R1, classForeign, c.to(out)),
		asm.Ja.Label(c.to("native")),
	)
	c.at("compat")
	c.add(asm.LoadMem(asm.R1, asm.R9, tKind, asm.Byte))
	c.unset(kindForeignFirst, "any")
	c.register(asm.R8, asm.R6, foreignFirst, asm.DWord)
	c.file(asm.R8, out)
	c.socketInode(out)
	c.add(asm.Ja.Label(c.to("any")))
	c.at("native")
}

// ordinary leaves when the call in row R9, with the registers in R6, is about a file that is no socket: programs read and
// close files all the time, and for that nothing else needs to be looked at.
func (c *code) ordinary(out string) {
	c.add(asm.LoadMem(asm.R1, asm.R9, tKind, asm.Byte))
	c.unset(kindFirst, "any")
	c.add(asm.FnGetCurrentTaskBtf.Call())
	c.load(asm.R1, asm.R0, "task_struct", compatField, asm.Word)
	c.add(asm.JSet.Imm(asm.R1, compatBit, c.to("any"))) // its registers are others
	c.register(asm.R8, asm.R6, registers[1], asm.DWord)
	c.file(asm.R8, out)
	c.socketInode(out)
	c.at("any")
}

// leave is the program at the end of every system call (sys_exit): registers, result.
func (c *code) leave(m *maps, data int) {
	const result, flags = -16, -24
	c.function("leave")
	c.add(asm.LoadMem(asm.R6, asm.R1, 0, asm.DWord), asm.LoadMem(asm.R2, asm.R1, 8, asm.DWord), asm.StoreMem(asm.RFP, result, asm.R2, asm.DWord))
	size := asm.DWord
	if numberSize == 4 {
		size = asm.Word
	}
	c.register(asm.R7, asm.R6, registers[0], size)
	c.look(m)
	c.add(asm.FnGetCurrentTaskBtf.Call(), asm.Mov.Reg(asm.R2, asm.R0))
	c.state(m, "out", false)
	c.add(
		asm.LoadMem(asm.R1, asm.R0, sActive, asm.Word),
		asm.JEq.Imm(asm.R1, 0, c.to("out")),
		asm.LoadMem(asm.R8, asm.R0, sFlags, asm.Word),
		storeImm(asm.R0, sActive, 0, asm.DWord),
		asm.StoreMem(asm.RFP, -32, asm.R1, asm.DWord),
	)
	c.dying("out")
	c.add(asm.StoreMem(asm.RFP, flags, asm.R8, asm.DWord))
	c.scratchOf(m, asm.R8)
	c.begin(recordLeave)
	c.stamp()
	c.add(
		storeImm(asm.R8, wLimit, int64(data), asm.DWord),
		asm.LoadMem(asm.R1, asm.RFP, result, asm.DWord),
		asm.StoreMem(asm.R8, wRecord+hResult, asm.R1, asm.DWord),
		asm.LoadMem(asm.R1, asm.RFP, -32, asm.DWord),
		asm.JEq.Imm(asm.R1, activeTable, c.to("table")),
		asm.JEq.Imm(asm.R1, activeSame, c.to("other")),
	)
	c.descriptor(asm.R2, tFD, "other")
	c.call("socket", asm.R8)
	c.at("other")
	c.add(asm.LoadMem(asm.R1, asm.R9, tDup, asm.Byte), asm.JNE.Imm(asm.R1, 0, c.to("again")))
	c.descriptor(asm.R2, tOther, "again")
	c.call("socket", asm.R8)
	c.at("again")
	// Memory that had not been there when the call was entered is there now: the kernel has used it.
	c.add(
		asm.LoadMem(asm.R1, asm.RFP, flags, asm.DWord),
		asm.JEq.Imm(asm.R1, 0, c.to("shape")),
		storeImm(asm.R8, wRecord+hFlags, flagAgain, asm.Byte),
		asm.Mov.Reg(asm.R1, asm.R8), asm.LoadMem(asm.R2, asm.R9, tEnter, asm.Byte),
	)
	c.call("shape")
	c.at("shape")
	c.add(
		asm.LoadMem(asm.R1, asm.R8, wRecord+hResult, asm.DWord),
		asm.JSLT.Imm(asm.R1, 0, c.to("submit")),
		asm.Mov.Reg(asm.R1, asm.R8), asm.LoadMem(asm.R2, asm.R9, tLeave, asm.Byte),
	)
	c.call("shape")
	c.add(
		asm.LoadMem(asm.R1, asm.R9, tMaker, asm.Byte),
		asm.JEq.Imm(asm.R1, 0, c.to("submit")),
		asm.Mov.Reg(asm.R1, asm.R8),
		asm.LoadMem(asm.R2, asm.R8, wRecord+hResult, asm.DWord),
	)
	c.call("socket")
	c.at("submit")
	c.submit()
	c.ret(0)
	c.at("table")
	c.add(storeImm(asm.R8, wRecord+hKind, int64(recordTable), asm.Byte))
	c.call("table", asm.R8)
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
	c.add(
		asm.LoadMem(asm.R1, asm.RFP, result, asm.DWord),
		asm.JEq.Imm(asm.R1, -int32(unix.EINTR), c.to("interrupted")),
		asm.Add.Imm(asm.R1, 516), // ERESTART_RESTARTBLOCK is the last of those that are for the kernel, linux/errno.h
		asm.JGT.Imm(asm.R1, 4, c.to("alive")),
	)
	c.at("interrupted")
	c.add(asm.LoadMem(asm.R1, asm.RFP, task, asm.DWord))
	c.load(asm.R2, asm.R1, "task_struct", "pending.signal", asm.DWord)
	c.add(asm.JSet.Imm(asm.R2, bit(unix.SIGKILL), c.to(to)))
	c.load(asm.R3, asm.R1, "task_struct", "signal", asm.DWord)
	c.load(asm.R3, asm.R3, "signal_struct", "shared_pending.signal", asm.DWord)
	c.add(asm.Or.Reg(asm.R2, asm.R3))
	c.load(asm.R3, asm.R1, "task_struct", "blocked", asm.DWord)
	c.add(
		asm.Xor.Imm(asm.R3, -1),
		asm.And.Reg(asm.R2, asm.R3),
		asm.And.Imm(asm.R2, mask),
		asm.JEq.Imm(asm.R2, 0, c.to("alive")),
	)
	c.load(asm.R1, asm.R1, "task_struct", "sighand", asm.DWord)
	for _, s := range dumps {
		next := "after " + strconv.Itoa(int(s))
		c.add(asm.Mov.Reg(asm.R3, asm.R2), asm.And.Imm(asm.R3, bit(s)), asm.JEq.Imm(asm.R3, 0, c.to(next)))
		c.add(asm.LoadMem(asm.R3, asm.R1, c.element("sighand_struct", "action", int(s)-1)+c.offset("k_sigaction", "sa.sa_handler"), asm.DWord))
		c.add(asm.JEq.Imm(asm.R3, 0, c.to(to))) // SIG_DFL
		c.at(next)
	}
	c.at("alive")
}

// fork is the program where a task has made another (sched_process_fork): parent, child.
func (c *code) fork(m *maps) {
	c.function("fork")
	c.add(asm.LoadMem(asm.R6, asm.R1, 0, asm.DWord), asm.LoadMem(asm.R7, asm.R1, 8, asm.DWord), asm.Mov.Reg(asm.R2, asm.R6))
	c.state(m, "out", true)
	c.pointer(asm.R1, m.threads)
	c.add(
		asm.Mov.Reg(asm.R2, asm.R7), asm.Mov.Imm(asm.R3, 0), asm.Mov.Imm(asm.R4, storageCreate),
		asm.FnTaskStorageGet.Call(),
		asm.Mov.Reg(asm.R9, asm.R0),
	)
	c.scratchOf(m, asm.R8)
	c.header(recordFork)
	c.load(asm.R1, asm.R7, "task_struct", "pid", asm.Word)
	c.load(asm.R2, asm.R7, "task_struct", "tgid", asm.Word)
	c.add(
		asm.StoreMem(asm.R8, wRecord+hArgs, asm.R1, asm.DWord),
		asm.StoreMem(asm.R8, wRecord+hArgs+8, asm.R2, asm.DWord),
		storeImm(asm.R8, wRecord+hArgs+16, 1, asm.DWord),
		asm.JNE.Imm(asm.R9, 0, c.to("followed")),
		storeImm(asm.R8, wRecord+hArgs+16, 0, asm.DWord), // there is no memory to follow it
	)
	c.at("followed")
	c.stamp()
	c.done()
}

// exec is the program where a process has become another program (sched_process_exec): task, its former
// number, and what it was loaded from (struct linux_binprm). Descriptors that were to be closed are closed.
func (c *code) exec(m *maps) {
	c.function("exec")
	c.add(asm.LoadMem(asm.R6, asm.R1, 16, asm.DWord), asm.LoadMem(asm.R2, asm.R1, 0, asm.DWord))
	c.state(m, "out", false)
	c.add(storeImm(asm.R0, sActive, 0, asm.DWord))
	c.scratchOf(m, asm.R8)
	c.header(recordExec)
	c.add(asm.Mov.Reg(asm.R1, asm.R8), asm.Add.Imm(asm.R1, wRecord+hArgs), asm.Mov.Imm(asm.R2, 16), asm.FnGetCurrentComm.Call())
	// The file's class, elf(5), is told here: a short program has ended before it can be looked at.
	c.add(
		asm.LoadMem(asm.R1, asm.R6, c.offset("linux_binprm", "buf")+4, asm.Byte),
		asm.StoreMem(asm.R8, wRecord+hArgs+16, asm.R1, asm.DWord),
	)
	c.stamp()
	c.call("table", asm.R8)
	c.done()
}

// exit is the program where a task ends (sched_process_exit): task. Its descriptors are closed next.
func (c *code) exit(m *maps) {
	c.function("exit")
	c.add(asm.LoadMem(asm.R6, asm.R1, 0, asm.DWord), asm.Mov.Reg(asm.R2, asm.R6))
	c.state(m, "out", false)
	c.scratchOf(m, asm.R8)
	c.header(recordExit)
	c.load(asm.R1, asm.R6, "task_struct", "signal", asm.DWord)
	c.load(asm.R1, asm.R1, "signal_struct", "live.counter", asm.Word)
	c.add(asm.StoreMem(asm.R8, wRecord+hArgs, asm.R1, asm.DWord))
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
		if c.called[f.name] {
			f.write()
		}
	}
}

// submitFunction: submit(scratch) numbers the record and puts it into the ring. Nobody is woken: the reader looks often.
func (c *code) submitFunction(m *maps) {
	c.function("submit", asm.R6)
	c.value(asm.R1, m.sequence)
	c.add(
		asm.Mov.Imm(asm.R2, 1),
		fetchAdd(asm.R1, asm.R2),
		asm.StoreMem(asm.R6, wRecord+hSequence, asm.R2, asm.DWord),
		asm.FnGetCurrentPidTgid.Call(),
		asm.StoreMem(asm.R6, wRecord+hThread, asm.R0, asm.DWord),
		asm.LoadMem(asm.R3, asm.R6, wOff, asm.DWord),
		asm.JLE.Imm(asm.R3, maxSize, c.to("output")),
		asm.Mov.Imm(asm.R3, maxSize),
	)
	c.at("output")
	c.pointer(asm.R1, m.ring)
	c.add(
		asm.Mov.Reg(asm.R2, asm.R6), asm.Add.Imm(asm.R2, wRecord),
		asm.Mov.Imm(asm.R4, noWakeup),
		asm.FnRingbufOutput.Call(),
		asm.JEq.Imm(asm.R0, 0, c.to("out")),
		storeImm(asm.RFP, -8, 0, asm.Word),
	)
	c.pointer(asm.R1, m.lost)
	c.add(
		asm.Mov.Reg(asm.R2, asm.RFP), asm.Add.Imm(asm.R2, -8),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, c.to("out")),
		asm.LoadMem(asm.R1, asm.R0, 0, asm.DWord), asm.Add.Imm(asm.R1, 1), asm.StoreMem(asm.R0, 0, asm.R1, asm.DWord),
	)
	c.at("out")
	c.ret(0)
}

// part makes dst point to where the record of scratch goes on, or jumps when it is full.
func (c *code) part(dst, scratch asm.Register, full string) {
	c.add(
		asm.LoadMem(dst, scratch, wOff, asm.DWord),
		asm.JGT.Imm(dst, maxOff, c.to(full)),
		asm.Add.Reg(dst, scratch),
	)
}

// partFunction: part(scratch, address, length) copies memory of the program into the record.
func (c *code) partFunction() {
	c.function("part", asm.R6, asm.R7, asm.R8)
	c.add(
		asm.JEq.Imm(asm.R8, 0, c.to("out")),
		asm.JEq.Imm(asm.R7, 0, c.to("out")),
		asm.JLE.Imm(asm.R8, maxPart, c.to("fits")),
		asm.Mov.Imm(asm.R8, maxPart),
	)
	c.at("fits")
	c.part(asm.R9, asm.R6, "full")
	c.add(
		asm.StoreMem(asm.R9, wRecord+pKey, asm.R7, asm.DWord),
		asm.StoreMem(asm.R9, wRecord+pLength, asm.R8, asm.Word),
		storeImm(asm.R9, wRecord+pKind, partMemory, asm.Word),
		asm.Mov.Reg(asm.R1, asm.R9), asm.Add.Imm(asm.R1, wRecord+partHeader),
		asm.Mov.Reg(asm.R2, asm.R8),
		asm.Mov.Reg(asm.R3, asm.R7),
		asm.FnProbeReadUser.Call(),
		asm.JEq.Imm(asm.R0, 0, c.to("read")),
		storeImm(asm.R9, wRecord+pLength, 0, asm.Word),
		asm.Mov.Imm(asm.R8, 0),
		storeImm(asm.R6, wRecord+hFlags, flagMissing, asm.Byte),
	)
	c.at("read")
	c.add(
		asm.Add.Imm(asm.R8, partHeader+7), asm.And.Imm(asm.R8, ^7),
		asm.LoadMem(asm.R1, asm.R6, wOff, asm.DWord), asm.Add.Reg(asm.R1, asm.R8), asm.StoreMem(asm.R6, wOff, asm.R1, asm.DWord),
	)
	c.at("out")
	c.ret(0)
	c.at("full")
	c.add(storeImm(asm.R6, wRecord+hFull, 1, asm.Byte))
	c.ret(0)
}

// piece copies memory of the program into the record of R6: R2 its address, R3 its length.
func (c *code) piece() { c.call("part", asm.R6) }

// atMost bounds a register.
func (c *code) atMost(r asm.Register, n int32) {
	label := c.fresh()
	c.add(asm.JLE.Imm(r, n, c.to(label)), asm.Mov.Imm(r, n))
	c.at(label)
}

// lesser makes a the lesser of two registers.
func (c *code) lesser(a, b asm.Register) {
	label := c.fresh()
	c.add(asm.JLE.Reg(a, b, c.to(label)), asm.Mov.Reg(a, b))
	c.at(label)
}

// unset jumps when none of these bits of R1 is set.
func (c *code) unset(bits int32, label string) {
	set := c.fresh()
	c.add(asm.JSet.Imm(asm.R1, bits, c.to(set)), asm.Ja.Label(c.to(label)))
	c.at(set)
}

// low makes r its lower half: a C int, without its sign.
func (c *code) low(r asm.Register) { c.add(asm.LSh.Imm(r, 32), asm.RSh.Imm(r, 32)) }

// tableFunction: table(scratch) records all descriptors of the process that are sockets.
func (c *code) tableFunction(m *maps) {
	c.function("table")
	c.add(asm.FnGetCurrentTaskBtf.Call())
	c.load(asm.R1, asm.R0, "task_struct", "files", asm.DWord)
	c.load(asm.R1, asm.R1, "files_struct", "fdt", asm.DWord)
	c.load(asm.R1, asm.R1, "fdtable", "max_fds", asm.Word)
	c.atMost(asm.R1, maxTable)
	c.loop("eachDescriptor")
	c.ret(0)

	c.function("eachDescriptor", asm.R7)
	c.scratchOf(m, asm.R6)
	c.call("socket", asm.R6, asm.R7)
	c.ret(0)
}
