//go:build amd64 || arm64

package ebpf

import (
	"slices"
	"strings"

	"github.com/cilium/ebpf/asm"

	"sockwire/capture/internal/bpfprog"
	"sockwire/capture/trace/internal/abi"
)

// Which memory the programs copy of a call: what its arguments point to when it is entered and when it has returned.

// Parts of a struct msghdr.
const (
	partName    = 1
	partControl = 2
)

const (
	maxSet   = 1 << 13 // how much is copied of a set of select(2)
	timeSize = 16      // struct timespec, struct timeval
)

// shape is which memory the arguments of some calls point to, when they are entered or when they have returned.
type shape struct {
	calls    string // their names, with blanks between them
	returned bool
	steps    []step
}

// A step copies some of that memory: R6 is the scratch memory.
type step func(c *code)

var shapes = []shape{
	{"bind connect", false, []step{bounded(1, 2, maxAddress)}},
	{"sendto", false, []step{data(1, 2, false), bounded(4, 5, maxAddress)}},
	{"write", false, []step{data(1, 2, false)}},
	{"writev pwritev2", false, []step{remain(false), iovecs}},
	{"readv preadv2", false, []step{none, iovecs}},
	{"sendmsg", false, []step{remain(false), header(partName | partControl)}},
	{"recvmsg", false, []step{none, header(0)}},
	{"sendmmsg", false, []step{given, messages, each}},
	{"setsockopt", false, []step{bounded(3, 4, abi.MaxValue)}},
	{"getsockopt", false, []step{fixed(4, 4)}},
	{"recvmmsg", false, []step{fixed(4, timeSize)}},
	{"sendfile", false, []step{fixed(2, 8)}},
	{"poll", false, []step{polled}},
	{"ppoll", false, []step{polled, fixed(2, timeSize)}},
	{"select pselect6", false, []step{selected, fixed(4, timeSize)}},
	{"epoll_ctl", false, []step{instance, fixed(3, int32(abi.EventSize))}},
	{"epoll_wait epoll_pwait", false, []step{instance}},
	{"epoll_pwait2", false, []step{instance, fixed(3, timeSize)}},

	{"accept accept4 getsockname getpeername", true, []step{filled(1, 2, maxAddress)}},
	{"getsockopt", true, []step{filled(3, 4, abi.MaxValue)}},
	{"socketpair", true, []step{pair}},
	{"recvfrom", true, []step{data(1, 2, true), filled(4, 5, maxAddress)}},
	{"read", true, []step{data(1, 2, true)}},
	{"readv preadv2", true, []step{remain(true), iovecs}},
	{"recvmsg", true, []step{remain(true), header(partName | partControl)}},
	{"sendmmsg", true, []step{result, messages}},
	{"recvmmsg", true, []step{result, messages, each}},
	{"poll ppoll", true, []step{some, polled}},
	{"select pselect6", true, []step{some, selected}},
	{"epoll_create epoll_create1", true, []step{created}},
	{"epoll_wait epoll_pwait epoll_pwait2", true, []step{some, reported}},
}

// shapeOf is the number of a call's shape, 0 for none.
func shapeOf(call string, returned bool) uint8 {
	return uint8(1 + slices.IndexFunc(shapes, func(s shape) bool {
		return s.returned == returned && slices.Contains(strings.Fields(s.calls), call)
	}))
}

// shapeFunction: shape(scratch, number) copies what the arguments of the call point to.
func (c *code) shapeFunction() {
	c.Once("shape", scratch, asm.R6, asm.R2)
	c.Add(asm.JEq.Imm(asm.R2, 0, c.To("out")))
	for i, s := range shapes {
		c.Add(asm.JEq.Imm(asm.R2, int32(i+1), c.To(s.label())))
	}
	c.At("out")
	c.Ret(0)
	for _, s := range shapes {
		c.At(s.label())
		for _, copies := range s.steps {
			copies(c)
		}
		c.Add(asm.Ja.Label(c.To("out")))
	}
}

func (s shape) label() string {
	if s.returned {
		return s.calls + " returned"
	}
	return s.calls
}

// data copies of argument at the bytes that argument length says, as many as are wanted, and were received.
func data(at, length int, received bool) step {
	return func(c *code) {
		c.Add(arg(asm.R2, asm.R6, at), arg(asm.R3, asm.R6, length), asm.LoadMem(asm.R4, asm.R6, wLimit, asm.DWord))
		c.Lesser(asm.R3, asm.R4)
		if received {
			c.Add(asm.LoadMem(asm.R4, asm.R6, wRecord+hResult, asm.DWord))
			c.Lesser(asm.R3, asm.R4)
		}
		c.piece()
	}
}

// bounded copies as many bytes as argument length says, which is an int.
func bounded(at, length int, limit int32) step {
	return func(c *code) {
		c.Add(arg(asm.R2, asm.R6, at), arg(asm.R3, asm.R6, length))
		c.Low(asm.R3)
		c.AtMost(asm.R3, limit)
		c.piece()
	}
}

func fixed(at int, length int32) step {
	return func(c *code) {
		c.Add(arg(asm.R2, asm.R6, at), asm.Mov.Imm(asm.R3, length))
		c.piece()
	}
}

// filled copies what the kernel has written to at, whose length it has written to length.
func filled(at, length int, limit int32) step {
	return func(c *code) {
		fixed(length, 4)(c)
		c.Add(arg(asm.R3, asm.R6, length))
		c.Fetch(wIov, 4, "out")
		c.Add(asm.LoadMem(asm.R3, asm.R6, wIov, asm.Word))
		c.AtMost(asm.R3, limit)
		c.Add(arg(asm.R2, asm.R6, at))
		c.piece()
	}
}

// remain sets how much data is wanted, of what was received.
func remain(received bool) step {
	return func(c *code) {
		c.Add(asm.LoadMem(asm.R3, asm.R6, wLimit, asm.DWord))
		if received {
			c.Add(asm.LoadMem(asm.R4, asm.R6, wRecord+hResult, asm.DWord))
			c.Lesser(asm.R3, asm.R4)
		}
		c.Add(asm.StoreMem(asm.R6, wRemain, asm.R3, asm.DWord))
	}
}

func none(c *code) { c.Add(bpfprog.StoreImm(asm.R6, wRemain, 0, asm.DWord)) }

func iovecs(c *code) {
	c.Add(asm.Mov.Reg(asm.R1, asm.R6), arg(asm.R2, asm.R6, 1), arg(asm.R3, asm.R6, 2))
	c.Call("vectors")
}

func header(parts int64) step {
	return func(c *code) {
		c.Add(bpfprog.StoreImm(asm.R6, wParts, parts, asm.DWord), asm.Mov.Reg(asm.R1, asm.R6), arg(asm.R2, asm.R6, 1))
		c.Call("message")
	}
}

// given and result make R7 how many messages, or events, there are.
func given(c *code) {
	c.Add(arg(asm.R7, asm.R6, 2))
	c.Low(asm.R7)
}

func result(c *code) { c.Add(asm.LoadMem(asm.R7, asm.R6, wRecord+hResult, asm.DWord)) }

// messages copies the headers of R7 messages.
func messages(c *code) {
	c.AtMost(asm.R7, maxMessages)
	c.Add(arg(asm.R2, asm.R6, 1), asm.Mov.Reg(asm.R3, asm.R7), asm.LSh.Imm(asm.R3, 6))
	c.piece()
}

// each copies what the headers of R7 messages point to.
func each(c *code) {
	c.Add(bpfprog.StoreImm(asm.R6, wParts, partName|partControl, asm.DWord), arg(asm.R1, asm.R6, 1))
	c.Add(asm.StoreMem(asm.R6, wMsg, asm.R1, asm.DWord), asm.Mov.Reg(asm.R1, asm.R7))
	c.Loop("eachMessage")
}

func pair(c *code) {
	fixed(3, 8)(c)
	c.Add(arg(asm.R3, asm.R6, 3))
	c.Fetch(wIov, 8, "out")
	for _, at := range []int16{wIov, wIov + 4} {
		c.Add(asm.Mov.Reg(asm.R1, asm.R6), asm.LoadMem(asm.R2, asm.R6, at, asm.Word))
		c.Call("socket")
	}
}

// some leaves when the call reported nothing.
func some(c *code) {
	result(c)
	c.Add(asm.JEq.Imm(asm.R7, 0, c.To("out")))
}

func polled(c *code) {
	c.Add(arg(asm.R2, asm.R6, 0), arg(asm.R3, asm.R6, 1))
	c.Low(asm.R3)
	c.AtMost(asm.R3, abi.MaxWaits)
	c.Add(asm.LSh.Imm(asm.R3, 3))
	c.piece()
}

func selected(c *code) {
	for i := range 3 {
		c.Add(arg(asm.R2, asm.R6, 1+i), arg(asm.R3, asm.R6, 0))
		c.Low(asm.R3)
		c.AtMost(asm.R3, maxSet*8)
		c.Add(asm.Add.Imm(asm.R3, 63), asm.RSh.Imm(asm.R3, 6), asm.LSh.Imm(asm.R3, 3)) // whole words, as the kernel has it
		c.piece()
	}
}

// instance says which epoll instance the first argument is, created which one was made.
func instance(c *code) {
	c.Add(asm.Mov.Reg(asm.R1, asm.R6), arg(asm.R2, asm.R6, 0))
	c.Call("epoll")
}

func created(c *code) {
	c.Add(asm.Mov.Reg(asm.R1, asm.R6), asm.LoadMem(asm.R2, asm.R6, wRecord+hResult, asm.DWord))
	c.Call("epoll")
}

func reported(c *code) {
	c.AtMost(asm.R7, abi.MaxWaits)
	c.Add(arg(asm.R2, asm.R6, 1), asm.Mov.Reg(asm.R3, asm.R7), asm.Mul.Imm(asm.R3, int32(abi.EventSize)))
	c.piece()
}

// vectorsFunction: vectors(scratch, address, count) copies an array of struct iovec and, as long as data is
// wanted, what they point to.
func (c *code) vectorsFunction(m *maps) {
	c.Once("vectors", scratch, asm.R6, asm.R2, asm.R7)
	c.Add(asm.StoreMem(asm.R6, wBase, asm.R2, asm.DWord))
	c.AtMost(asm.R7, maxVectors)
	c.Add(asm.Mov.Reg(asm.R3, asm.R7), asm.LSh.Imm(asm.R3, 4))
	c.piece()
	c.Add(asm.LoadMem(asm.R1, asm.R6, wRemain, asm.DWord), asm.JEq.Imm(asm.R1, 0, c.To("out")), asm.Mov.Reg(asm.R1, asm.R7))
	c.Loop("eachVector")
	c.At("out")
	c.Ret(0)

	c.Function("eachVector", asm.R7)
	c.scratchOf(m, asm.R6)
	c.Add(
		asm.LoadMem(asm.R1, asm.R6, wRemain, asm.DWord),
		asm.JEq.Imm(asm.R1, 0, c.To("stop")),
		asm.LSh.Imm(asm.R7, 4),
		asm.LoadMem(asm.R3, asm.R6, wBase, asm.DWord), asm.Add.Reg(asm.R3, asm.R7),
	)
	c.Fetch(wIov, 16, "stop")
	c.Add(
		asm.LoadMem(asm.R2, asm.R6, wIov, asm.DWord), asm.LoadMem(asm.R3, asm.R6, wIov+8, asm.DWord),
		asm.LoadMem(asm.R4, asm.R6, wRemain, asm.DWord),
	)
	c.Lesser(asm.R3, asm.R4)
	c.Add(asm.Sub.Reg(asm.R4, asm.R3), asm.StoreMem(asm.R6, wRemain, asm.R4, asm.DWord))
	c.piece()
	c.Ret(0)
	c.At("stop")
	c.Ret(1)
}

// messageFunction: message(scratch, address) copies a struct msghdr and what it points to.
func (c *code) messageFunction(m *maps) {
	r2, r3, r6, r7 := asm.R2, asm.R3, asm.R6, asm.R7
	c.Once("message", scratch, r6, r7)
	c.Add(asm.Mov.Imm(r3, 56))
	c.piece()
	c.Add(asm.Mov.Reg(r3, r7))
	c.Fetch(wHdr, 56, "out")
	c.Call("pointed", r6)
	c.At("out")
	c.Ret(0)

	// pointed(scratch) copies what the struct msghdr in the scratch memory points to.
	c.Once("pointed", scratch, r6)
	c.Add(
		asm.LoadMem(r7, r6, wParts, asm.DWord),
		asm.JSet.Imm(r7, partName, c.To("name")),
		asm.Ja.Label(c.To("unnamed")),
	)
	c.At("name")
	c.Add(asm.LoadMem(r2, r6, wHdr, asm.DWord), asm.LoadMem(r3, r6, wHdr+8, asm.Word))
	c.AtMost(r3, maxAddress)
	c.piece()
	c.At("unnamed")
	c.Add(asm.JSet.Imm(r7, partControl, c.To("control")), asm.Ja.Label(c.To("vectors")))
	c.At("control")
	c.Add(asm.LoadMem(r2, r6, wHdr+32, asm.DWord), asm.LoadMem(r3, r6, wHdr+40, asm.DWord))
	c.AtMost(r3, maxControl)
	c.Add(
		asm.StoreMem(r6, wCtl, r2, asm.DWord),
		asm.Mov.Reg(asm.R4, r2), asm.Add.Reg(asm.R4, r3), asm.StoreMem(r6, wCtlEnd, asm.R4, asm.DWord),
		asm.JEq.Imm(r3, 0, c.To("vectors")),
	)
	c.piece()
	c.Add(asm.Mov.Imm(asm.R1, maxControl/16))
	c.Loop("eachControl")
	c.At("vectors")
	c.Add(asm.Mov.Reg(asm.R1, r6), asm.LoadMem(r2, r6, wHdr+16, asm.DWord), asm.LoadMem(r3, r6, wHdr+24, asm.DWord))
	c.Call("vectors")
	c.Ret(0)

	c.Function("eachControl")
	c.scratchOf(m, r6)
	c.Add(
		asm.LoadMem(r7, r6, wCtl, asm.DWord),
		asm.Mov.Reg(asm.R1, r7), asm.Add.Imm(asm.R1, 16),
		asm.LoadMem(r2, r6, wCtlEnd, asm.DWord), asm.JGT.Reg(asm.R1, r2, c.To("stop")),
		asm.Mov.Reg(r3, r7),
	)
	c.Fetch(wCmsg, 16, "stop")
	c.Add(
		asm.LoadMem(asm.R8, r6, wCmsg, asm.DWord),
		asm.JLT.Imm(asm.R8, 16, c.To("stop")),
		asm.JGT.Imm(asm.R8, maxControl, c.To("stop")),
		asm.Mov.Reg(asm.R1, asm.R8), asm.Add.Imm(asm.R1, 7), asm.And.Imm(asm.R1, ^7), asm.Add.Reg(asm.R1, r7),
		asm.StoreMem(r6, wCtl, asm.R1, asm.DWord),
		asm.LoadMem(asm.R1, r6, wCmsg+8, asm.DWord),
		asm.LoadImm(r2, 1<<32|1, asm.DWord), // SOL_SOCKET, SCM_RIGHTS
		asm.JNE.Reg(asm.R1, r2, c.To("next")),
		asm.Add.Imm(r7, 16), asm.StoreMem(r6, wFDs, r7, asm.DWord),
		asm.Sub.Imm(asm.R8, 16), asm.RSh.Imm(asm.R8, 2),
	)
	c.AtMost(asm.R8, maxPassed)
	c.Add(asm.Mov.Reg(asm.R1, asm.R8))
	c.Loop("eachPassed")
	c.At("next")
	c.Ret(0)
	c.At("stop")
	c.Ret(1)

	c.Function("eachPassed", asm.R7)
	c.scratchOf(m, r6)
	c.Add(asm.LSh.Imm(r7, 2), asm.LoadMem(r3, r6, wFDs, asm.DWord), asm.Add.Reg(r3, r7))
	c.Fetch(wIov, 4, "stop")
	c.Add(asm.Mov.Reg(asm.R1, r6), asm.LoadMem(r2, r6, wIov, asm.Word))
	c.Call("socket")
	c.Ret(0)
	c.At("stop")
	c.Ret(1)
}

// eachMessageFunction: eachMessage(index) reads one of several messages.
func (c *code) eachMessageFunction(m *maps) {
	r2, r3, r6, r7 := asm.R2, asm.R3, asm.R6, asm.R7
	c.Function("eachMessage", asm.R7)
	c.scratchOf(m, r6)
	c.Add(
		asm.LSh.Imm(r7, 6), asm.LoadMem(r3, r6, wMsg, asm.DWord), asm.Add.Reg(r3, r7),
	)
	c.Fetch(wHdr, 64, "stop")
	c.Add(
		asm.LoadMem(asm.R1, r6, wLimit, asm.DWord),
		// What was received is known by its length; what is to be sent has none yet.
		asm.LoadMem(r2, r6, wRecord+hKind, asm.Byte), asm.JNE.Imm(r2, int32(recordLeave), c.To("all")),
		asm.LoadMem(r2, r6, wRecord+hFlags, asm.Byte), asm.JSet.Imm(r2, flagAgain, c.To("all")),
		asm.LoadMem(r2, r6, wHdr+56, asm.Word),
		asm.JLE.Reg(asm.R1, r2, c.To("all")), asm.Mov.Reg(asm.R1, r2),
	)
	c.At("all")
	c.Add(asm.StoreMem(r6, wRemain, asm.R1, asm.DWord))
	c.Call("pointed", r6)
	c.Ret(0)
	c.At("stop")
	c.Ret(1)
}
