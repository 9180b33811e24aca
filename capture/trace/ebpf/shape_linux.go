//go:build amd64 || arm64

package ebpf

import (
	"github.com/cilium/ebpf/asm"

	"sockwire/capture/trace/internal/abi"
)

// Which memory the programs copy of a call: what its arguments point to when it is entered and when it has returned.

// Parts of a struct msghdr.
const (
	partName    = 1
	partControl = 2
)

// shape is which memory the arguments of a call point to.
type shape uint8

const (
	shapeNone shape = iota
	shapeAddress
	shapeSendto
	shapeWrite
	shapeWritev
	shapeReadvEnter
	shapeSendmsg
	shapeRecvmsgEnter
	shapeSendmmsg
	shapeSetsockopt
	shapeGetsockoptEnter
	shapeRecvmmsgEnter
	shapeSendfile
	shapePoll
	shapePpoll
	shapeSelect
	shapeEpollCtl
	shapeEpoll
	shapeEpollPwait2
	shapeName // from here on, when the call has returned
	shapeGetsockopt
	shapePair
	shapeRecvfrom
	shapeRead
	shapeReadv
	shapeRecvmsg
	shapeSendmmsgLeave
	shapeRecvmmsg
	shapePolled
	shapeSelected
	shapeEpollMade
	shapeEpolled
	shapeCount
)

var shapes = map[string]struct{ enter, leave shape }{
	"bind": {shapeAddress, 0}, "connect": {shapeAddress, 0}, "sendto": {shapeSendto, 0}, "write": {shapeWrite, 0}, "writev": {shapeWritev, 0},
	"readv": {shapeReadvEnter, shapeReadv}, "sendmsg": {shapeSendmsg, 0}, "recvmsg": {shapeRecvmsgEnter, shapeRecvmsg},
	"sendmmsg": {shapeSendmmsg, shapeSendmmsgLeave}, "recvmmsg": {shapeRecvmmsgEnter, shapeRecvmmsg},
	"setsockopt": {shapeSetsockopt, 0}, "getsockopt": {shapeGetsockoptEnter, shapeGetsockopt},
	"pwritev2": {shapeWritev, 0}, "preadv2": {shapeReadvEnter, shapeReadv}, "sendfile": {shapeSendfile, 0},
	"accept": {0, shapeName}, "accept4": {0, shapeName}, "getsockname": {0, shapeName}, "getpeername": {0, shapeName}, "socketpair": {0, shapePair},
	"recvfrom": {0, shapeRecvfrom}, "read": {0, shapeRead}, "poll": {shapePoll, shapePolled}, "ppoll": {shapePpoll, shapePolled},
	"select": {shapeSelect, shapeSelected}, "pselect6": {shapeSelect, shapeSelected},
	"epoll_create": {0, shapeEpollMade}, "epoll_create1": {0, shapeEpollMade}, "epoll_ctl": {shapeEpollCtl, 0},
	"epoll_wait": {shapeEpoll, shapeEpolled}, "epoll_pwait": {shapeEpoll, shapeEpolled}, "epoll_pwait2": {shapeEpollPwait2, shapeEpolled},
}

// shapeFunction: shape(scratch, shape) copies what the arguments of the call point to.
func (c *code) shapeFunction() {
	c.function("shape")
	r6 := asm.R6
	c.add(asm.Mov.Reg(r6, asm.R1), asm.JEq.Imm(asm.R2, int32(shapeNone), c.to("out")))
	names := [shapeCount]string{}
	for s := shapeAddress; s < shapeCount; s++ {
		names[s] = string(rune('a' + s))
		c.add(asm.JEq.Imm(asm.R2, int32(s), c.to(names[s])))
	}
	c.at("out")
	c.ret(0)
	for s := shapeAddress; s < shapeCount; s++ {
		c.at(names[s])
		c.shapeOf(s, names[s])
		c.add(asm.Ja.Label(c.to("out")))
	}
}

func (c *code) shapeOf(s shape, label string) {
	r2, r3, r4, r6, r7 := asm.R2, asm.R3, asm.R4, asm.R6, asm.R7
	n := 0
	next := func() string { n++; return label + string(rune('0'+n)) }
	// buffer copies of argument at the bytes that argument length says, limit at most.
	data := func(at, length int, received bool) {
		c.add(arg(r2, r6, at), arg(r3, r6, length), asm.LoadMem(r4, r6, wLimit, asm.DWord))
		c.lesser(r3, r4, next())
		if received {
			c.add(asm.LoadMem(r4, r6, wRecord+hResult, asm.DWord))
			c.lesser(r3, r4, next())
		}
		c.piece(r6)
	}
	bounded := func(at, length int, limit int32) {
		c.add(arg(r2, r6, at), arg(r3, r6, length))
		c.low(r3)
		c.atMost(r3, limit, next())
		c.piece(r6)
	}
	fixed := func(at int, length int32) {
		c.add(arg(r2, r6, at), asm.Mov.Imm(r3, length))
		c.piece(r6)
	}
	// told copies what the kernel has written to at, whose length it has written to length.
	told := func(at, length int, limit int32) {
		c.add(arg(r2, r6, length), asm.Mov.Imm(r3, 4))
		c.piece(r6)
		c.add(arg(r3, r6, length))
		c.fetch(wIov, 4, "out")
		c.add(asm.LoadMem(r3, r6, wIov, asm.Word))
		c.atMost(r3, limit, next())
		c.add(arg(r2, r6, at))
		c.piece(r6)
	}
	// remain sets how much data is wanted.
	remain := func(received bool) {
		c.add(asm.LoadMem(r3, r6, wLimit, asm.DWord))
		if received {
			c.add(asm.LoadMem(r4, r6, wRecord+hResult, asm.DWord))
			c.lesser(r3, r4, next())
		}
		c.add(asm.StoreMem(r6, wRemain, r3, asm.DWord))
	}
	none := func() { c.add(storeImm(r6, wRemain, 0, asm.DWord)) }
	vectors := func() {
		c.add(asm.Mov.Reg(asm.R1, r6), arg(r2, r6, 1), arg(r3, r6, 2))
		c.call("vectors")
	}
	message := func(parts int32) {
		c.add(storeImm(r6, wParts, int64(parts), asm.DWord), asm.Mov.Reg(asm.R1, r6), arg(r2, r6, 1))
		c.call("message")
	}
	// messages copies the headers of n messages, n being in R7.
	messages := func() {
		c.atMost(r7, maxMessages, next())
		c.add(arg(r2, r6, 1), asm.Mov.Reg(r3, r7), asm.LSh.Imm(r3, 6))
		c.piece(r6)
	}
	each := func(parts int32) {
		c.add(storeImm(r6, wParts, int64(parts), asm.DWord), arg(asm.R1, r6, 1), asm.StoreMem(r6, wMsg, asm.R1, asm.DWord), asm.Mov.Reg(asm.R1, r7))
		c.loop("eachMessage")
	}
	switch s {
	case shapeAddress:
		bounded(1, 2, maxAddress)
	case shapeSendto:
		data(1, 2, false)
		bounded(4, 5, maxAddress)
	case shapeWrite:
		data(1, 2, false)
	case shapeWritev:
		remain(false)
		vectors()
	case shapeReadvEnter:
		none()
		vectors()
	case shapeSendmsg:
		remain(false)
		message(partName | partControl)
	case shapeRecvmsgEnter:
		none()
		message(0)
	case shapeSendmmsg:
		c.add(arg(r7, r6, 2))
		c.low(r7)
		messages()
		each(partName | partControl)
	case shapeSetsockopt:
		bounded(3, 4, abi.MaxValue)
	case shapeGetsockoptEnter:
		fixed(4, 4)
	case shapeRecvmmsgEnter:
		fixed(4, 16)
	case shapeSendfile:
		fixed(2, 8)
	case shapeName:
		told(1, 2, maxAddress)
	case shapeGetsockopt:
		told(3, 4, abi.MaxValue)
	case shapePair:
		c.add(arg(r2, r6, 3), asm.Mov.Imm(r3, 8))
		c.piece(r6)
		c.add(arg(r3, r6, 3))
		c.fetch(wIov, 8, "out")
		for _, at := range []int16{wIov, wIov + 4} {
			c.add(asm.Mov.Reg(asm.R1, r6), asm.LoadMem(r2, r6, at, asm.Word))
			c.call("socket")
		}
	case shapeRecvfrom:
		data(1, 2, true)
		told(4, 5, maxAddress)
	case shapeRead:
		data(1, 2, true)
	case shapeReadv:
		remain(true)
		vectors()
	case shapeRecvmsg:
		remain(true)
		message(partName | partControl)
	case shapeSendmmsgLeave:
		c.add(asm.LoadMem(r7, r6, wRecord+hResult, asm.DWord))
		messages()
	case shapeRecvmmsg:
		c.add(asm.LoadMem(r7, r6, wRecord+hResult, asm.DWord))
		messages()
		each(partName | partControl)
	default:
		c.waitShape(s, next)
	}
}

// vectorsFunction: vectors(scratch, address, count) copies an array of struct iovec and, as long as data is
// wanted, what they point to.
func (c *code) vectorsFunction(m *maps) {
	c.function("vectors")
	c.add(asm.Mov.Reg(asm.R6, asm.R1), asm.StoreMem(asm.R6, wBase, asm.R2, asm.DWord), asm.Mov.Reg(asm.R7, asm.R3))
	c.atMost(asm.R7, maxVectors, "few")
	c.add(asm.Mov.Reg(asm.R3, asm.R7), asm.LSh.Imm(asm.R3, 4))
	c.piece(asm.R6)
	c.add(asm.LoadMem(asm.R1, asm.R6, wRemain, asm.DWord), asm.JEq.Imm(asm.R1, 0, c.to("out")), asm.Mov.Reg(asm.R1, asm.R7))
	c.loop("eachVector")
	c.at("out")
	c.ret(0)

	c.function("eachVector")
	c.add(asm.Mov.Reg(asm.R7, asm.R1))
	c.scratchOf(m, asm.R6)
	c.add(
		asm.LoadMem(asm.R1, asm.R6, wRemain, asm.DWord),
		asm.JEq.Imm(asm.R1, 0, c.to("stop")),
		asm.LSh.Imm(asm.R7, 4),
		asm.LoadMem(asm.R3, asm.R6, wBase, asm.DWord), asm.Add.Reg(asm.R3, asm.R7),
	)
	c.fetch(wIov, 16, "stop")
	c.add(
		asm.LoadMem(asm.R2, asm.R6, wIov, asm.DWord), asm.LoadMem(asm.R3, asm.R6, wIov+8, asm.DWord),
		asm.LoadMem(asm.R4, asm.R6, wRemain, asm.DWord),
	)
	c.lesser(asm.R3, asm.R4, "wanted")
	c.add(asm.Sub.Reg(asm.R4, asm.R3), asm.StoreMem(asm.R6, wRemain, asm.R4, asm.DWord))
	c.piece(asm.R6)
	c.ret(0)
	c.at("stop")
	c.ret(1)
}

// messageFunction: message(scratch, address) copies a struct msghdr and what it points to.
func (c *code) messageFunction(m *maps) {
	r2, r3, r6, r7 := asm.R2, asm.R3, asm.R6, asm.R7
	c.function("message")
	c.add(asm.Mov.Reg(r6, asm.R1), asm.Mov.Reg(r7, r2), asm.Mov.Imm(r3, 56))
	c.piece(r6)
	c.add(asm.Mov.Reg(r3, r7))
	c.fetch(wHdr, 56, "out")
	c.add(asm.Mov.Reg(asm.R1, r6))
	c.call("pointed")
	c.at("out")
	c.ret(0)

	// pointed(scratch) copies what the struct msghdr in the scratch memory points to.
	c.function("pointed")
	c.add(
		asm.Mov.Reg(r6, asm.R1),
		asm.LoadMem(r7, r6, wParts, asm.DWord),
		asm.JSet.Imm(r7, partName, c.to("name")),
		asm.Ja.Label(c.to("unnamed")),
	)
	c.at("name")
	c.add(asm.LoadMem(r2, r6, wHdr, asm.DWord), asm.LoadMem(r3, r6, wHdr+8, asm.Word))
	c.atMost(r3, maxAddress, "long")
	c.piece(r6)
	c.at("unnamed")
	c.add(asm.JSet.Imm(r7, partControl, c.to("control")), asm.Ja.Label(c.to("vectors")))
	c.at("control")
	c.add(asm.LoadMem(r2, r6, wHdr+32, asm.DWord), asm.LoadMem(r3, r6, wHdr+40, asm.DWord))
	c.atMost(r3, maxControl, "much")
	c.add(
		asm.StoreMem(r6, wCtl, r2, asm.DWord),
		asm.Mov.Reg(asm.R4, r2), asm.Add.Reg(asm.R4, r3), asm.StoreMem(r6, wCtlEnd, asm.R4, asm.DWord),
		asm.JEq.Imm(r3, 0, c.to("vectors")),
	)
	c.piece(r6)
	c.add(asm.Mov.Imm(asm.R1, maxControl/16))
	c.loop("eachControl")
	c.at("vectors")
	c.add(asm.Mov.Reg(asm.R1, r6), asm.LoadMem(r2, r6, wHdr+16, asm.DWord), asm.LoadMem(r3, r6, wHdr+24, asm.DWord))
	c.call("vectors")
	c.ret(0)

	c.function("eachControl")
	c.scratchOf(m, r6)
	c.add(
		asm.LoadMem(r7, r6, wCtl, asm.DWord),
		asm.Mov.Reg(asm.R1, r7), asm.Add.Imm(asm.R1, 16),
		asm.LoadMem(r2, r6, wCtlEnd, asm.DWord), asm.JGT.Reg(asm.R1, r2, c.to("stop")),
		asm.Mov.Reg(r3, r7),
	)
	c.fetch(wCmsg, 16, "stop")
	c.add(
		asm.LoadMem(asm.R8, r6, wCmsg, asm.DWord),
		asm.JLT.Imm(asm.R8, 16, c.to("stop")),
		asm.JGT.Imm(asm.R8, maxControl, c.to("stop")),
		asm.Mov.Reg(asm.R1, asm.R8), asm.Add.Imm(asm.R1, 7), asm.And.Imm(asm.R1, ^7), asm.Add.Reg(asm.R1, r7),
		asm.StoreMem(r6, wCtl, asm.R1, asm.DWord),
		asm.LoadMem(asm.R1, r6, wCmsg+8, asm.DWord),
		asm.LoadImm(r2, 1<<32|1, asm.DWord), // SOL_SOCKET, SCM_RIGHTS
		asm.JNE.Reg(asm.R1, r2, c.to("next")),
		asm.Add.Imm(r7, 16), asm.StoreMem(r6, wFDs, r7, asm.DWord),
		asm.Sub.Imm(asm.R8, 16), asm.RSh.Imm(asm.R8, 2),
	)
	c.atMost(asm.R8, maxPassed, "passed")
	c.add(asm.Mov.Reg(asm.R1, asm.R8))
	c.loop("eachPassed")
	c.at("next")
	c.ret(0)
	c.at("stop")
	c.ret(1)

	c.function("eachPassed")
	c.add(asm.Mov.Reg(r7, asm.R1))
	c.scratchOf(m, r6)
	c.add(asm.LSh.Imm(r7, 2), asm.LoadMem(r3, r6, wFDs, asm.DWord), asm.Add.Reg(r3, r7))
	c.fetch(wIov, 4, "stop")
	c.add(asm.Mov.Reg(asm.R1, r6), asm.LoadMem(r2, r6, wIov, asm.Word))
	c.call("socket")
	c.ret(0)
	c.at("stop")
	c.ret(1)

}

// eachMessageFunction: eachMessage(index) reads one of several messages.
func (c *code) eachMessageFunction(m *maps) {
	r2, r3, r6, r7 := asm.R2, asm.R3, asm.R6, asm.R7
	c.function("eachMessage")
	c.add(asm.Mov.Reg(r7, asm.R1))
	c.scratchOf(m, r6)
	c.add(
		asm.LSh.Imm(r7, 6), asm.LoadMem(r3, r6, wMsg, asm.DWord), asm.Add.Reg(r3, r7),
	)
	c.fetch(wHdr, 64, "stop")
	c.add(
		asm.LoadMem(asm.R1, r6, wLimit, asm.DWord),
		// What was received is known by its length; what is to be sent has none yet.
		asm.LoadMem(r2, r6, wRecord+hKind, asm.Byte), asm.JNE.Imm(r2, int32(recordLeave), c.to("all")),
		asm.LoadMem(r2, r6, wRecord+hFlags, asm.Byte), asm.JSet.Imm(r2, flagAgain, c.to("all")),
		asm.LoadMem(r2, r6, wHdr+56, asm.Word),
	)
	c.lesser(asm.R1, r2, "all")
	c.add(asm.StoreMem(r6, wRemain, asm.R1, asm.DWord), asm.Mov.Reg(asm.R1, r6))
	c.call("pointed")
	c.ret(0)
	c.at("stop")
	c.ret(1)
}
