//go:build amd64 || arm64

package ebpf

import (
	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"

	"sockwire/capture/internal/bpfprog"
	"sockwire/capture/trace/internal/abi"
)

// Calls that are submitted through io_uring(7). The kernel tells of each request when it is submitted and when its
// completion is posted (include/trace/events/io_uring.h): both are recorded as if it were the system call that does the
// same.

// ringCall is an operation of io_uring and the system call with the same arguments: where these stand in the structure
// in which the kernel keeps the request's own part, from the second argument on.
type ringCall struct {
	op     string
	number int64
	in     string // struct
	args   []string
}

var ringCalls = []ringCall{
	{"SEND", unix.SYS_SENDTO, "io_sr_msg", []string{"buf", "len", "msg_flags"}},
	{"SEND_ZC", unix.SYS_SENDTO, "io_sr_msg", []string{"buf", "len", "msg_flags"}},
	{"SENDMSG", unix.SYS_SENDMSG, "io_sr_msg", []string{"umsg", "msg_flags"}},
	{"SENDMSG_ZC", unix.SYS_SENDMSG, "io_sr_msg", []string{"umsg", "msg_flags"}},
	{"RECV", unix.SYS_RECVFROM, "io_sr_msg", []string{"buf", "len", "msg_flags"}},
	{"RECVMSG", unix.SYS_RECVMSG, "io_sr_msg", []string{"umsg", "msg_flags"}},
	{"ACCEPT", unix.SYS_ACCEPT4, "io_accept", []string{"addr", "addr_len", "flags"}},
	{"CONNECT", unix.SYS_CONNECT, "io_connect", []string{"addr", "addr_len"}},
	{"READ", unix.SYS_READ, "io_rw", []string{"addr", "len"}},
	{"WRITE", unix.SYS_WRITE, "io_rw", []string{"addr", "len"}},
	{"READV", unix.SYS_READV, "io_rw", []string{"addr", "len"}},
	{"WRITEV", unix.SYS_WRITEV, "io_rw", []string{"addr", "len"}},
	{"SHUTDOWN", unix.SYS_SHUTDOWN, "io_shutdown", []string{"how"}},
	{"SOCKET", unix.SYS_SOCKET, "io_socket", []string{"domain", "type", "protocol"}},
	{"CLOSE", unix.SYS_CLOSE, "io_close", []string{"fd"}},
}

const (
	ringsLimit = 1 << 15 // requests that are on their way; of more the oldest are forgotten

	// What is kept of a request: from its record, in which these stand beside each other.
	rgSequence = 0 // it is the first
	rgNumber   = hNumber - hSequence
	rgFlags    = hResult - hSequence // there is no result yet
	rgArgs     = hArgs - hSequence
	rgSize     = headerSize - hSequence
	rgKeySize  = 16 // the request and 0, or the ring and what the program calls the request

	// Of include/uapi/linux/io_uring.h.
	cqeMore         = 2  // IORING_CQE_F_MORE
	cqeNotification = 8  // IORING_CQE_F_NOTIF
	cqeBuffer       = 1  // IORING_CQE_F_BUFFER: the upper half has the number of the buffer
	bufferSelect    = 32 // REQ_F_BUFFER_SELECT
	fixedFile       = 1  // REQ_F_FIXED_FILE: the descriptor is an index of the ring's own table
)

// openRings adds the programs at io_uring. Where the kernel has none that they understand it says so.
func (k *kernel) openRings(data int) error {
	spec, err := bpfprog.KernelTypes()
	if err != nil {
		return err
	}
	inFlight := ebpf.MapSpec{Name: "sockwire_uring", Type: ebpf.LRUHash, KeySize: rgKeySize, ValueSize: rgSize, MaxEntries: ringsLimit}
	if err := k.Make(bpfprog.Map{To: &k.requests, Spec: inFlight}); err != nil {
		return err
	}
	var ops *btf.Enum
	numbers := map[string]int32{}
	if spec.TypeByName("io_uring_op", &ops) == nil {
		for _, v := range ops.Values {
			numbers[v.Name] = int32(v.Value)
		}
	}
	l := bpfprog.NewLayout(spec)
	submit, complete := &code{bpfprog.New(l)}, &code{bpfprog.New(l)}
	complete.completed(&k.maps, data, passed(spec, "io_uring_complete"))
	submit.submitted(&k.maps, data, numbers)
	for point, c := range map[string]*code{"io_uring_complete": complete, "io_uring_submit_req": submit} {
		c.functions(&k.maps, data)
		if err := k.Run(c.Code, bpfprog.Point("sockwire_uring", point)); err != nil {
			return err
		}
	}
	return nil
}

// Places on the stacks of the programs; -16 and -24 are those of state.
const (
	onRequest = -32
	onKey     = -48 // and the eight bytes behind
	onResult  = -56
	onFlags   = -64
	onMissing = -72
	onFile    = -80 // of a descriptor of the ring's own table, 0 for another
	onGroup   = -88 // of buffers that the program has given, plus one; 0 where it gave none
	onRing    = -96
	onGiven   = -104 // the buffer of it that was taken
)

// submitted is the program where a request is submitted (io_uring_submit_req): the request.
func (c *code) submitted(m *maps, data int, numbers map[string]int32) {
	r1, r2, r3, r7, r8 := asm.R1, asm.R2, asm.R3, asm.R7, asm.R8
	c.Function("submitted")
	c.Add(asm.LoadMem(r7, r1, 0, asm.DWord), asm.StoreMem(asm.RFP, onRequest, r7, asm.DWord), asm.FnGetCurrentTaskBtf.Call())
	c.Load(r2, asm.R0, "task_struct", "group_leader", asm.DWord) // the thread may be one of the kernel, that polls for the process
	c.state(m, "out", false)
	c.scratchOf(m, r8)
	for i := range 6 {
		c.Add(bpfprog.StoreImm(r8, int16(wRecord+hArgs+8*i), 0, asm.DWord))
	}
	c.header(recordSubmit)
	c.Add(
		bpfprog.StoreImm(r8, wRecord+hResult, 0, asm.DWord), bpfprog.StoreImm(r8, wRemain, 0, asm.DWord), bpfprog.StoreImm(r8, wBound, 0, asm.DWord),
		bpfprog.StoreImm(r8, wLimit, int64(data), asm.DWord),
	)
	c.Load(r1, r7, "io_kiocb", "cqe.fd", asm.Word)
	c.Load(r3, r7, "io_kiocb", "flags", asm.Word)
	c.Add(
		bpfprog.StoreImm(asm.RFP, onFile, 0, asm.DWord),
		asm.JSet.Imm(r3, fixedFile, c.To("fixed")), asm.Ja.Label(c.To("own")),
	)
	c.At("fixed")
	c.registered()
	c.Add(asm.Mov.Imm(r1, -1))
	c.At("own")
	c.Add(asm.StoreMem(r8, wRecord+hArgs, r1, asm.DWord))
	c.Load(r2, r7, "io_kiocb", "opcode", asm.Byte)
	c.group(numbers["IORING_OP_RECV"])
	for i := range ringCalls {
		if n, ok := numbers["IORING_OP_"+ringCalls[i].op]; ok {
			c.Add(asm.JEq.Imm(r2, n, c.To(ringCalls[i].op)))
		}
	}
	c.Add(asm.Ja.Label(c.To("out")))
	for i := range ringCalls {
		if _, ok := numbers["IORING_OP_"+ringCalls[i].op]; ok {
			c.operation(&ringCalls[i])
		}
	}
	c.At("look")
	c.Add(asm.StoreMem(r8, wRecord+hNumber, r7, asm.DWord))
	c.look(m)
	c.descriptor(r2, tFD, "record")
	c.socketOf()
	c.Add(
		asm.JNE.Imm(asm.R0, 0, c.To("record")),
		asm.LoadMem(r1, asm.R9, tClass, asm.Byte), asm.JEq.Imm(r1, int32(abi.Descriptor), c.To("out")),
	)
	c.At("record")
	c.Add(asm.Mov.Reg(r1, r8), asm.LoadMem(r2, asm.R9, tEnter, asm.Byte))
	c.Call("shape")
	c.stamp()
	c.submit()
	c.Add(
		asm.LoadMem(r1, r8, wRecord+hFlags, asm.Byte), asm.StoreMem(r8, wRecord+hResult, r1, asm.Word),
		asm.LoadMem(r1, asm.RFP, onGroup, asm.DWord), asm.StoreMem(r8, wRecord+hResult+4, r1, asm.Word),
	)
	c.Add(asm.LoadMem(r7, asm.RFP, onRequest, asm.DWord), asm.StoreMem(asm.RFP, onKey, r7, asm.DWord), bpfprog.StoreImm(asm.RFP, onKey+8, 0, asm.DWord))
	c.keep(m)
	c.Add(asm.LoadMem(r1, asm.RFP, onRequest, asm.DWord))
	c.Cast("io_kiocb")
	c.Load(r1, asm.R0, "io_kiocb", "ctx", asm.DWord)
	c.Load(r2, asm.R0, "io_kiocb", "cqe.user_data", asm.DWord)
	c.Add(asm.StoreMem(asm.RFP, onKey, r1, asm.DWord), asm.StoreMem(asm.RFP, onKey+8, r2, asm.DWord))
	c.keep(m)
	c.At("out")
	c.Ret(0)
}

// fileMask takes what the kernel notes in a pointer to a file away (FFS_NOWAIT and FFS_ISREG of io_uring/filetable.h).
const fileMask = -4

// registered finds the file of a descriptor of the ring's own table, in R1: of the request in R7. Before Linux 6.13 the
// table has another form, and the socket stays unknown.
func (c *code) registered() {
	const nodes, count = "file_table.data.nodes", "file_table.data.nr"
	if !c.Has("io_ring_ctx", nodes) || !c.Has("io_ring_ctx", count) || !c.Has("io_rsrc_node", "file_ptr") {
		return
	}
	r1, r9 := asm.R1, asm.R9
	c.Add(asm.Mov.Reg(r9, r1))
	c.Load(r1, asm.R7, "io_kiocb", "ctx", asm.DWord)
	c.Load(asm.R2, r1, "io_ring_ctx", count, asm.Word)
	c.Add(asm.JGE.Reg(r9, asm.R2, c.To("absent")))
	c.Load(r1, r1, "io_ring_ctx", nodes, asm.DWord)
	c.Add(asm.LSh.Imm(r9, 3), asm.Add.Reg(r1, r9))
	c.Cast("list_head") // any structure that begins with a pointer
	c.Load(r1, asm.R0, "list_head", "next", asm.DWord)
	c.Add(asm.JEq.Imm(r1, 0, c.To("absent")))
	c.Cast("io_rsrc_node")
	c.Load(r1, asm.R0, "io_rsrc_node", "file_ptr", asm.DWord)
	c.Add(asm.And.Imm(r1, fileMask), asm.StoreMem(asm.RFP, onFile, r1, asm.DWord))
	c.At("absent")
}

// group notes of which buffers that the program has given a receive is to take one: of the request in R7, with the
// operation in R2.
func (c *code) group(receive int32) {
	c.Add(
		bpfprog.StoreImm(asm.RFP, onGroup, 0, asm.DWord),
		asm.JNE.Imm(asm.R2, receive, c.To("room")),
	)
	c.Load(asm.R1, asm.R7, "io_kiocb", "flags", asm.Word)
	c.Unset(bufferSelect, "room")
	c.Add(asm.Mov.Reg(asm.R1, asm.R7))
	c.Cast("io_sr_msg")
	c.Load(asm.R1, asm.R0, "io_sr_msg", "buf_group", asm.Half)
	c.Add(asm.Add.Imm(asm.R1, 1), asm.StoreMem(asm.RFP, onGroup, asm.R1, asm.DWord))
	c.Load(asm.R2, asm.R7, "io_kiocb", "opcode", asm.Byte)
	c.At("room")
}

const (
	// xaLevels is how high a tree (include/linux/xarray.h) of sixteen bits is, with six bits a level.
	xaLevels = 3
	// givenReach is how many buffers back from the next one the taken one is looked for: completions are posted together.
	givenReach = 8
	bufRing    = 1 // IOBL_BUF_RING of io_uring/kbuf.h
)

// given finds the buffer that was taken, as the kernel does (io_uring/kbuf.c): the group in the tree of them, and in its
// ring the number that the completion tells. It becomes an argument of the record in R8.
func (c *code) given() {
	for _, field := range [][2]string{{"io_ring_ctx", "io_bl_xa.xa_head"}, {"io_buffer_list", "flags"}, {"io_buffer_list", "mask"}, {"io_buffer_list", "buf_ring"}} {
		if !c.Has(field[0], field[1]) {
			return // before Linux 6.10
		}
	}
	r1, r2, r6, r9 := asm.R1, asm.R2, asm.R6, asm.R9
	c.Add(
		asm.LoadMem(r9, asm.RFP, onGroup, asm.DWord), asm.JEq.Imm(r9, 0, c.To("ungiven")), asm.Sub.Imm(r9, 1),
		asm.LoadMem(r1, asm.RFP, onFlags, asm.DWord),
	)
	c.Unset(cqeBuffer, "ungiven")
	c.Add(asm.LoadMem(r1, asm.RFP, onRing, asm.DWord))
	c.Cast("io_ring_ctx")
	c.Load(r6, asm.R0, "io_ring_ctx", "io_bl_xa.xa_head", asm.DWord)
	for range xaLevels {
		c.Add(asm.Mov.Reg(r1, r6), asm.And.Imm(r1, 3), asm.JNE.Imm(r1, 2, c.To("list"))) // an inner node has these bits
		c.Add(asm.Sub.Imm(r6, 2), asm.Mov.Reg(r1, r6))
		c.Cast("xa_node")
		c.Load(r2, asm.R0, "xa_node", "shift", asm.Byte)
		c.Add(
			asm.Mov.Reg(r1, r9), asm.RSh.Reg(r1, r2), asm.And.Imm(r1, 63), asm.LSh.Imm(r1, 3),
			asm.Add.Reg(r1, r6), asm.Add.Imm(r1, int32(c.Offset("xa_node", "slots"))),
		)
		c.word(r6)
	}
	c.At("list")
	c.Add(asm.Mov.Reg(r1, r6))
	c.Cast("io_buffer_list")
	c.Load(r1, asm.R0, "io_buffer_list", "flags", asm.Half)
	c.Unset(bufRing, "ungiven")
	for back := int32(1); back <= givenReach; back++ {
		next := c.Fresh()
		c.Add(asm.Mov.Reg(r1, r6))
		c.Cast("io_buffer_list")
		c.Load(r2, asm.R0, "io_buffer_list", "head", asm.Half)
		c.Load(r1, asm.R0, "io_buffer_list", "mask", asm.Half)
		c.Add(asm.Sub.Imm(r2, back), asm.And.Reg(r2, r1), asm.LSh.Imm(r2, 4)) // struct io_uring_buf
		c.Add(asm.StoreMem(asm.RFP, onGiven, r2, asm.DWord), asm.Mov.Reg(r1, r6), asm.Add.Imm(r1, int32(c.Offset("io_buffer_list", "buf_ring"))))
		c.word(r1)
		c.Add(asm.LoadMem(r2, asm.RFP, onGiven, asm.DWord), bpfprog.StoreImm(asm.RFP, onGiven, 0, asm.DWord), asm.Add.Reg(r1, r2))
		c.Cast("io_uring_buf")
		c.Load(r1, asm.R0, "io_uring_buf", "bid", asm.Half)
		c.Add(
			asm.LoadMem(r2, asm.RFP, onFlags, asm.DWord), asm.RSh.Imm(r2, 16), asm.And.Imm(r2, 0xffff),
			asm.JNE.Reg(r1, r2, c.To(next)),
		)
		c.Load(r1, asm.R0, "io_uring_buf", "addr", asm.DWord)
		c.Add(asm.StoreMem(asm.RFP, onGiven, r1, asm.DWord), asm.StoreMem(asm.R8, wRecord+hArgs+8, r1, asm.DWord), asm.Ja.Label(c.To("ungiven")))
		c.At(next)
	}
	c.At("ungiven")
}

// word makes dst the number at the kernel's address in R1, of which nothing is known.
func (c *code) word(dst asm.Register) {
	c.Cast("work_struct") // any structure that begins with such a number
	c.Load(dst, asm.R0, "work_struct", "data.counter", asm.DWord)
}

// socketOf adds what socket the descriptor in R2 is, or that of the file that was found.
func (c *code) socketOf() {
	c.Add(asm.LoadMem(asm.R1, asm.RFP, onFile, asm.DWord), asm.StoreMem(asm.R8, wFile, asm.R1, asm.DWord))
	c.Call("socket", asm.R8)
	c.Add(bpfprog.StoreImm(asm.R8, wFile, 0, asm.DWord))
}

// operation takes the arguments of one operation from the request in R7, and makes R7 the number of the call.
func (c *code) operation(o *ringCall) {
	c.At(o.op)
	c.Add(asm.Mov.Reg(asm.R1, asm.R7))
	c.Cast(o.in)
	first := 1
	if o.number == unix.SYS_SOCKET || o.number == unix.SYS_CLOSE {
		first = 0
	}
	for i, field := range o.args {
		size := asm.Word
		switch field {
		case "buf", "umsg", "addr":
			size = asm.DWord
		case "addr_len":
			if o.op == "ACCEPT" {
				size = asm.DWord
			}
		}
		c.Load(asm.R1, asm.R0, o.in, field, size)
		if field == "msg_flags" {
			c.Add(asm.And.Imm(asm.R1, ^unix.MSG_NOSIGNAL)) // which the kernel adds
		}
		c.Add(asm.StoreMem(asm.R8, int16(wRecord+hArgs+8*(first+i)), asm.R1, asm.DWord))
	}
	c.Add(asm.Mov.Imm(asm.R7, int32(o.number)), asm.Ja.Label(c.To("look")))
}

// keep remembers the request of the record in R8 by the key on the stack.
func (c *code) keep(m *maps) {
	c.Pointer(asm.R1, m.requests)
	c.Add(
		asm.Mov.Reg(asm.R2, asm.RFP), asm.Add.Imm(asm.R2, onKey),
		asm.Mov.Reg(asm.R3, asm.R8), asm.Add.Imm(asm.R3, wRecord+hSequence),
		asm.Mov.Imm(asm.R4, 0), asm.FnMapUpdateElem.Call(),
	)
}

// completed is the program where a completion is posted (io_uring_complete): the ring, the request, none for one of
// several completions of it, and the completion, before Linux 6.14 its fields.
func (c *code) completed(m *maps, data, args int) {
	r1, r2, r6, r7, r8, r9 := asm.R1, asm.R2, asm.R6, asm.R7, asm.R8, asm.R9
	c.Function("completed")
	c.Add(
		asm.LoadMem(r6, r1, 0, asm.DWord), asm.LoadMem(r7, r1, 8, asm.DWord),
		asm.LoadMem(r8, r1, 16, asm.DWord),
	)
	if args > 3 {
		c.Add(
			asm.LoadMem(r9, r1, 24, asm.DWord), asm.StoreMem(asm.RFP, onResult, r9, asm.DWord),
			asm.LoadMem(r9, r1, 32, asm.DWord), asm.StoreMem(asm.RFP, onFlags, r9, asm.DWord),
		)
	} else {
		c.Add(asm.Mov.Reg(r1, r8))
		c.Cast("io_uring_cqe")
		c.Load(r1, asm.R0, "io_uring_cqe", "res", asm.Word)
		c.Load(r2, asm.R0, "io_uring_cqe", "flags", asm.Word)
		c.Add(asm.StoreMem(asm.RFP, onResult, r1, asm.DWord), asm.StoreMem(asm.RFP, onFlags, r2, asm.DWord))
		c.Load(r8, asm.R0, "io_uring_cqe", "user_data", asm.DWord)
	}
	c.Add(
		asm.StoreMem(asm.RFP, onKey, r6, asm.DWord), asm.StoreMem(asm.RFP, onKey+8, r8, asm.DWord), asm.StoreMem(asm.RFP, onRing, r6, asm.DWord),
		asm.LoadMem(r1, asm.RFP, onFlags, asm.DWord), asm.JSet.Imm(r1, cqeNotification, c.To("out")),
		bpfprog.StoreImm(asm.RFP, onFile, 0, asm.DWord),
		asm.JEq.Imm(r7, 0, c.To("find")),
		asm.StoreMem(asm.RFP, onKey, r7, asm.DWord), bpfprog.StoreImm(asm.RFP, onKey+8, 0, asm.DWord),
		asm.Mov.Reg(r1, r7),
	)
	c.Cast("io_kiocb")
	c.Load(r1, asm.R0, "io_kiocb", "flags", asm.Word)
	c.Unset(fixedFile, "find")
	c.Load(r1, asm.R0, "io_kiocb", "file", asm.DWord)
	c.Add(asm.StoreMem(asm.RFP, onFile, r1, asm.DWord))
	c.At("find")
	c.Pointer(r1, m.requests)
	c.Add(
		asm.Mov.Reg(r2, asm.RFP), asm.Add.Imm(r2, onKey), asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, c.To("out")), asm.Mov.Reg(r6, asm.R0),
	)
	c.scratchOf(m, r8)
	c.header(recordComplete)
	for i := range 6 {
		c.Add(asm.LoadMem(r1, r6, int16(rgArgs+8*i), asm.DWord), asm.StoreMem(r8, int16(wRecord+hArgs+8*i), r1, asm.DWord))
	}
	c.Add(
		asm.LoadMem(r7, r6, rgNumber, asm.DWord), asm.StoreMem(r8, wRecord+hNumber, r7, asm.DWord),
		asm.LoadMem(r1, r6, rgFlags, asm.Word), asm.StoreMem(asm.RFP, onMissing, r1, asm.DWord),
		asm.LoadMem(r1, r6, rgFlags+4, asm.Word), asm.StoreMem(asm.RFP, onGroup, r1, asm.DWord), bpfprog.StoreImm(asm.RFP, onGiven, 0, asm.DWord),
		asm.LoadMem(r6, r6, rgSequence, asm.DWord),
		asm.LoadMem(r1, asm.RFP, onResult, asm.DWord), asm.LSh.Imm(r1, 32), asm.ArSh.Imm(r1, 32), asm.StoreMem(r8, wRecord+hResult, r1, asm.DWord),
		bpfprog.StoreImm(r8, wRemain, 0, asm.DWord), bpfprog.StoreImm(r8, wBound, 0, asm.DWord), bpfprog.StoreImm(r8, wLimit, int64(data), asm.DWord),
		asm.StoreMem(asm.RFP, onRequest, r6, asm.DWord),
	)
	c.stamp()
	c.given()
	c.look(m)
	c.descriptor(r2, tFD, "shape")
	c.socketOf()
	c.At("shape")
	c.Add( // memory that had not been there is there now: the kernel has used it
		asm.LoadMem(r1, asm.RFP, onMissing, asm.DWord), asm.JEq.Imm(r1, 0, c.To("result")),
		bpfprog.StoreImm(r8, wRecord+hFlags, flagAgain, asm.Byte),
		asm.Mov.Reg(r1, r8), asm.LoadMem(r2, r9, tEnter, asm.Byte),
	)
	c.Call("shape")
	c.At("result")
	c.Add(
		asm.LoadMem(r1, r8, wRecord+hResult, asm.DWord), asm.JSLT.Imm(r1, 0, c.To("submit")),
		asm.Mov.Reg(r1, r8), asm.LoadMem(r2, r9, tLeave, asm.Byte),
	)
	c.Call("shape")
	c.Add(
		asm.LoadMem(r1, r9, tMaker, asm.Byte), asm.JEq.Imm(r1, 0, c.To("submit")),
		asm.Mov.Reg(r1, r8), asm.LoadMem(r2, r8, wRecord+hResult, asm.DWord),
	)
	c.Call("socket")
	c.At("submit")
	c.Add(
		asm.LoadMem(r1, asm.RFP, onRequest, asm.DWord), asm.StoreMem(r8, wRecord+hArgs, r1, asm.DWord),
		asm.LoadMem(r1, asm.RFP, onFlags, asm.DWord), asm.StoreMem(r8, wRecord+hArgs+8, r1, asm.DWord),
		asm.LoadMem(r1, asm.RFP, onGiven, asm.DWord), asm.StoreMem(r8, wRecord+hArgs+16, r1, asm.DWord),
	)
	c.submit()
	c.Add(asm.LoadMem(r1, asm.RFP, onFlags, asm.DWord), asm.JSet.Imm(r1, cqeMore, c.To("out")))
	c.Pointer(r1, m.requests)
	c.Add(asm.Mov.Reg(r2, asm.RFP), asm.Add.Imm(r2, onKey), asm.FnMapDeleteElem.Call())
	c.At("out")
	c.Ret(0)
}
