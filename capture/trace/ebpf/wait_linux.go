//go:build amd64 || arm64

package ebpf

import (
	"github.com/cilium/ebpf/asm"

	"sockwire/capture/trace/internal/abi"
)

// maxSet is how much is copied of a set of select(2).
const maxSet = 1 << 13

// waitShape copies what the arguments of a call that waits point to.
func (c *code) waitShape(s shape, next func() string) {
	r2, r3, r6, r7 := asm.R2, asm.R3, asm.R6, asm.R7
	// some tells what is to be copied only if the call reported anything.
	some := func() {
		c.add(asm.LoadMem(r7, r6, wRecord+hResult, asm.DWord), asm.JEq.Imm(r7, 0, c.to("out")))
	}
	polled := func() {
		c.add(arg(r2, r6, 0), arg(r3, r6, 1))
		c.low(r3)
		c.atMost(r3, abi.MaxWaits, next())
		c.add(asm.LSh.Imm(r3, 3))
		c.piece(r6)
	}
	selected := func() {
		for i := range 3 {
			c.add(arg(r2, r6, 1+i), arg(r3, r6, 0))
			c.low(r3)
			c.atMost(r3, maxSet*8, next())
			c.add(asm.Add.Imm(r3, 63), asm.RSh.Imm(r3, 6), asm.LSh.Imm(r3, 3)) // whole words, as the kernel has it
			c.piece(r6)
		}
	}
	fixed := func(at int, size int32) {
		c.add(arg(r2, r6, at), asm.Mov.Imm(r3, size))
		c.piece(r6)
	}
	instance := func(fd asm.Instruction) {
		c.add(asm.Mov.Reg(asm.R1, r6), fd)
		c.call("epoll")
	}
	const time = 16 // struct timespec, struct timeval
	switch s {
	case shapePoll:
		polled()
	case shapePpoll:
		polled()
		fixed(2, time)
	case shapePolled:
		some()
		polled()
	case shapeSelect:
		selected()
		fixed(4, time)
	case shapeSelected:
		some()
		selected()
	case shapeEpollMade:
		instance(asm.LoadMem(r2, r6, wRecord+hResult, asm.DWord))
	case shapeEpollCtl:
		instance(arg(r2, r6, 0))
		fixed(3, int32(abi.EventSize))
	case shapeEpoll:
		instance(arg(r2, r6, 0))
	case shapeEpollPwait2:
		instance(arg(r2, r6, 0))
		fixed(3, time)
	case shapeEpolled:
		some()
		c.atMost(r7, abi.MaxWaits, next())
		c.add(arg(r2, r6, 1), asm.Mov.Reg(r3, r7), asm.Mul.Imm(r3, int32(abi.EventSize)))
		c.piece(r6)
	}
}

// epollFunction: epoll(scratch, descriptor) adds to the record which epoll instance a descriptor of this process is. Its
// address is its identity: it stays the same for copies of the descriptor, in whatever process.
func (c *code) epollFunction() {
	r6, r7, r8, r9 := asm.R6, asm.R7, asm.R8, asm.R9
	c.function("epoll")
	c.add(asm.Mov.Reg(r6, asm.R1), asm.Mov.Reg(r7, asm.R2))
	c.file(r7, "none")
	c.load(r8, asm.R0, "file", "private_data", asm.DWord)
	c.part(r9, r6, "none")
	c.add(
		asm.StoreMem(r9, wRecord+pKey, r8, asm.DWord),
		storeImm(r9, wRecord+pLength, epollSize, asm.Word),
		storeImm(r9, wRecord+pKind, partEpoll, asm.Word),
		asm.StoreMem(r9, wRecord+partHeader, r7, asm.DWord),
		asm.LoadMem(asm.R1, r6, wOff, asm.DWord), asm.Add.Imm(asm.R1, partHeader+epollSize), asm.StoreMem(r6, wOff, asm.R1, asm.DWord),
	)
	c.at("none")
	c.ret(0)
}
