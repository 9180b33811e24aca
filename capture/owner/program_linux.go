//go:build amd64 || arm64

package owner

import (
	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"

	"sockwire/capture/internal/bpfprog"
	"sockwire/capture/trace"
)

// The programs. They write records of the form that record_linux.go reads.

// code is one of our programs being written.
type code struct {
	*bpfprog.Code
	*maps
	networks []uint32 // of interest, by their inodes
}

// maps are what the programs share.
type maps struct {
	ring    *ebpf.Map
	flows   *ebpf.Map // of a flow the socket, as bpfprog.Flow has it
	sockets *ebpf.Map // of a socket who used it last
	forks   *ebpf.Map // of a process when it made another last
	lost    *ebpf.Map // records without room in the ring
}

// The map of sockets: of a cookie the user.
const (
	soWho   = 0 // as bpf_get_current_pid_tgid has it; thread 0 where there are several
	soTime  = 8
	soMulti = 16 // another process used it before
	soSize  = 24
)

// States of a TCP socket (include/net/tcp_states.h).
const (
	tcpEstablished = 1
	tcpListen      = 10
)

const packetFamily = unix.AF_PACKET

// Places on the stack of the program at packets.
const (
	onNetwork = bpfprog.FlowEnd - 8
	onUsed    = bpfprog.FlowEnd - 16 // what known or use gave
	onCurrent = bpfprog.FlowEnd - 24 // 1: the packet is sent by the current task
	onKernel  = bpfprog.FlowEnd - 32 // 1: no process has the socket
)

// ours leaves unless the network namespace of the socket in sk is of interest. It makes dst its number.
func (c *code) ours(dst, sk asm.Register, out string) {
	c.Network(dst, sk)
	c.interesting(dst, out)
}

// interesting leaves unless the network namespace with this number is of interest.
func (c *code) interesting(dst asm.Register, out string) {
	if len(c.networks) == 0 {
		return
	}
	ours := c.Fresh()
	for _, n := range c.networks {
		c.Add(asm.Mov.Imm32(asm.R2, int32(n)), asm.JEq.Reg(dst, asm.R2, c.To(ours)))
	}
	c.Add(asm.Ja.Label(c.To(out)))
	c.At(ours)
}

// packet is the program at the sockets of a control group: a struct __sk_buff, at its IP header. It lets every packet
// pass.
func (c *code) packet(out bool) {
	r6, r7, r8, r9 := asm.R6, asm.R7, asm.R8, asm.R9
	c.Packet(r9)
	c.interesting(r9, "pass")
	c.Add(
		asm.StoreMem(asm.RFP, onNetwork, r9, asm.DWord),
		asm.Mov.Reg(asm.R1, r6), asm.FnGetSocketCookie.Call(), asm.StoreMem(asm.RFP, bpfprog.FlowCookie, asm.R0, asm.DWord),
		bpfprog.StoreImm(asm.RFP, onCurrent, 0, asm.DWord), bpfprog.StoreImm(asm.RFP, onKernel, 0, asm.DWord),
		bpfprog.StoreImm(asm.RFP, bpfprog.FlowFree, 0, asm.DWord),
		asm.Mov.Imm(r8, 0),
	)
	c.multipath("unsent")
	if out {
		c.sender()
	}
	c.At("unsent")
	c.Add(asm.LoadMem(asm.R1, asm.RFP, bpfprog.FlowCookie, asm.DWord))
	c.Call("known")
	c.At("used")
	c.Add(asm.StoreMem(asm.RFP, onUsed, asm.R0, asm.DWord))
	c.Load(asm.R1, r7, "sock", "sk_type", asm.Half)
	c.Add(
		asm.JNE.Imm(asm.R1, unix.SOCK_RAW, c.To("cooked")),
		bpfprog.StoreImm(asm.RFP, bpfprog.FlowFree, 1, asm.DWord),
		asm.Ja.Label(c.To("record")),
	)
	c.At("cooked")
	c.Add(asm.LoadMem(asm.R0, asm.RFP, onUsed, asm.DWord), asm.JSet.Imm(asm.R0, usedMulti, c.To("record")))
	c.Flow(c.flows, out, r9)

	c.At("record") // R8 is 1 where the flow's socket is to be remembered
	c.Reserve(c.ring, c.lost, packetSize, "pass")
	c.Add(asm.Mov.Reg(r9, asm.R0))
	c.Add(
		asm.FnKtimeGetNs.Call(), asm.StoreMem(r9, hTime, asm.R0, asm.DWord),
		asm.LoadMem(asm.R1, asm.RFP, bpfprog.FlowCookie, asm.DWord), asm.StoreMem(r9, hCookie, asm.R1, asm.DWord),
		bpfprog.StoreImm(r9, hKind, int64(kindPacket), asm.Byte),
		bpfprog.StoreImm(r9, hDirection, int64(direction(out)), asm.Byte),
		asm.LoadMem(asm.R1, asm.RFP, bpfprog.FlowFree, asm.DWord), asm.StoreMem(r9, hRaw, asm.R1, asm.Byte),
		asm.LoadMem(asm.R1, asm.RFP, onUsed, asm.DWord), asm.StoreMem(r9, hUsed, asm.R1, asm.Byte),
		asm.LoadMem(asm.R1, asm.RFP, onKernel, asm.DWord), asm.StoreMem(r9, hKernel, asm.R1, asm.Byte),
		asm.LoadMem(asm.R1, asm.RFP, onNetwork, asm.DWord), asm.StoreMem(r9, hNetwork, asm.R1, asm.Word),
		bpfprog.StoreImm(r9, hWho, 0, asm.DWord),
	)
	c.single()
	c.Add(asm.LoadMem(asm.R1, asm.RFP, onCurrent, asm.DWord), asm.JEq.Imm(asm.R1, 0, c.To("nobody")))
	c.Call("who", r9)
	c.At("nobody")
	c.Kept(hGroup, hKept, headerSize, trace.SightingHeader)
	c.Submit(r9)
	c.Add(asm.JEq.Imm(r8, 0, c.To("pass")))
	c.KeepFlow(c.flows)
	c.At("pass")
	c.Ret(1)
}

func direction(out bool) trace.Direction {
	if out {
		return trace.Out
	}
	return trace.In
}

// sender notes whether the current task sends the packet with the socket in R7, and then jumps to "used". A stream's
// packets leave also where its timers run and where others arrive, in whatever task that is: but not while a process
// has locked it.
func (c *code) sender() {
	r7 := asm.R7
	c.Load(asm.R2, r7, "sock", "sk_socket", asm.DWord)
	c.Add(asm.JEq.Imm(asm.R2, 0, c.To("idle"))) // closed, or the kernel's
	c.Load(asm.R2, asm.R2, "socket", "file", asm.DWord)
	c.Add(
		asm.JNE.Imm(asm.R2, 0, c.To("file")),
		bpfprog.StoreImm(asm.RFP, onKernel, 1, asm.DWord),
		asm.Ja.Label(c.To("idle")),
	)
	c.At("file")
	c.Load(asm.R1, r7, "sock", "sk_type", asm.Half)
	c.Add(
		asm.JEq.Imm(asm.R1, unix.SOCK_DGRAM, c.To("current")),
		asm.JEq.Imm(asm.R1, unix.SOCK_RAW, c.To("current")),
	)
	c.Load(asm.R1, r7, "sock", "__sk_common.skc_state", asm.Byte)
	c.Add(asm.JEq.Imm(asm.R1, tcpListen, c.To("idle")))
	c.Load(asm.R1, r7, "sock", "sk_lock.owned", asm.Word)
	c.Add(asm.JEq.Imm(asm.R1, 0, c.To("idle")))
	c.At("current")
	c.Add(
		bpfprog.StoreImm(asm.RFP, onCurrent, 1, asm.DWord),
		asm.LoadMem(asm.R1, asm.RFP, bpfprog.FlowCookie, asm.DWord), asm.Mov.Imm(asm.R2, int32(kindSend)), asm.LoadMem(asm.R3, asm.RFP, onNetwork, asm.DWord),
	)
	c.callOnce("use")
	c.Add(asm.Ja.Label(c.To("used")))
	c.At("idle")
}

// multipath makes the socket that of which the one in R7 is a subflow, and jumps: of Multipath TCP, RFC 8684, the
// subflows are the kernel's and have no descriptors. Go listens so unless it is told not to.
func (c *code) multipath(to string) {
	if !c.Has("tcp_sock", "is_mptcp") {
		return
	}
	r7 := asm.R7
	c.Load(asm.R1, r7, "sock", "sk_protocol", asm.Half)
	c.Add(asm.JNE.Imm(asm.R1, unix.IPPROTO_TCP, c.To("onepath")), asm.Mov.Reg(asm.R1, r7))
	c.Cast("tcp_sock")
	c.Load(asm.R1, asm.R0, "tcp_sock", "is_mptcp", asm.Byte)
	c.Add(asm.JEq.Imm(asm.R1, 0, c.To("onepath")))
	c.Load(asm.R1, asm.R0, "tcp_sock", "inet_conn.icsk_ulp_data", asm.DWord)
	c.Add(asm.JEq.Imm(asm.R1, 0, c.To("onepath")))
	c.Cast("mptcp_subflow_context")
	c.Load(asm.R1, asm.R0, "mptcp_subflow_context", "conn", asm.DWord)
	c.Add(asm.JEq.Imm(asm.R1, 0, c.To("onepath")))
	c.Load(asm.R2, asm.R1, "sock", "__sk_common.skc_cookie.counter", asm.DWord)
	c.Add(
		asm.JEq.Imm(asm.R2, 0, c.To("onepath")),
		asm.StoreMem(asm.RFP, bpfprog.FlowCookie, asm.R2, asm.DWord),
		asm.Ja.Label(c.To(to)),
	)
	c.At("onepath")
}

// single notes in the record in R9 whether only one descriptor stands for the socket in R7.
func (c *code) single() {
	c.Add(bpfprog.StoreImm(asm.R9, hSingle, 0, asm.Byte))
	c.Load(asm.R2, asm.R7, "sock", "sk_socket", asm.DWord)
	c.Add(asm.JEq.Imm(asm.R2, 0, c.To("shared")))
	c.Load(asm.R2, asm.R2, "socket", "file", asm.DWord)
	c.Add(asm.JEq.Imm(asm.R2, 0, c.To("shared")))
	field, one := "f_ref.refcnt.counter", int32(0) // FILE_REF_ONEREF, since Linux 6.13
	if !c.Has("file", field) {
		field, one = "f_count.counter", 1
	}
	c.Load(asm.R2, asm.R2, "file", field, asm.DWord)
	c.Add(asm.JNE.Imm(asm.R2, one, c.To("shared")), bpfprog.StoreImm(asm.R9, hSingle, 1, asm.Byte))
	c.At("shared")
}

// functions adds what the program calls, callers before what they call.
func (c *code) functions() {
	for _, f := range []struct {
		name  string
		write func()
	}{
		{"descriptor", c.descriptorFunction}, {"use", c.useFunction}, {"known", c.knownFunction}, {"who", c.whoFunction},
	} {
		if c.Called(f.name) {
			f.write()
		}
	}
}

// callOnce calls a function that the kernel checks once: to it goes the first argument, in R1, in memory, which is where
// a program at packets has the cookie.
func (c *code) callOnce(function string) {
	c.Add(
		asm.StoreMem(asm.RFP, bpfprog.FlowCookie, asm.R1, asm.DWord),
		asm.Mov.Reg(asm.R1, asm.RFP), asm.Add.Imm(asm.R1, bpfprog.FlowCookie),
	)
	c.Call(function)
}

// knownFunction: known(cookie) tells what is known of the users of a socket.
func (c *code) knownFunction() {
	c.Function("known")
	c.Add(asm.StoreMem(asm.RFP, -8, asm.R1, asm.DWord))
	c.Lookup(c.sockets, -8)
	c.Add(asm.JEq.Imm(asm.R0, 0, c.To("new")), asm.LoadMem(asm.R0, asm.R0, soMulti, asm.DWord), asm.Or.Imm(asm.R0, usedKnown), asm.Return())
	c.At("new")
	c.Ret(0)
}

// useFunction: use(cookie, kind, network) notes that the current task uses a socket. It is recorded when that is
// another process, or has made one, since it was recorded last.
func (c *code) useFunction() {
	const cookie, kind, network, tgid, value = -8, -16, -24, -32, -32 - soSize
	r6, r7, r8, r9 := asm.R6, asm.R7, asm.R8, asm.R9
	c.Once("use", 8, asm.R1, asm.R2, asm.R3)
	c.Add(
		asm.LoadMem(asm.R1, asm.R1, 0, asm.DWord), asm.StoreMem(asm.RFP, cookie, asm.R1, asm.DWord), asm.StoreMem(asm.RFP, kind, asm.R2, asm.DWord), asm.StoreMem(asm.RFP, network, asm.R3, asm.DWord),
		asm.FnGetCurrentTaskBtf.Call(),
	)
	c.Load(r6, asm.R0, "task_struct", "tgid", asm.Word)
	c.Load(r7, asm.R0, "task_struct", "pid", asm.Word)
	c.Add(
		asm.StoreMem(asm.RFP, tgid, r6, asm.DWord),
		asm.FnKtimeGetNs.Call(), asm.Mov.Reg(r8, asm.R0),
		asm.Mov.Imm(r9, 0), // several processes
	)
	c.Lookup(c.sockets, cookie)
	c.Add(
		asm.JEq.Imm(asm.R0, 0, c.To("changed")),
		asm.Mov.Reg(r9, asm.R0),
		asm.LoadMem(asm.R1, r9, soWho+4, asm.Word), asm.JNE.Reg(asm.R1, r6, c.To("other")),
	)
	c.Lookup(c.forks, tgid)
	c.Add(
		asm.JEq.Imm(asm.R0, 0, c.To("same")),
		asm.LoadMem(asm.R1, asm.R0, 0, asm.DWord), asm.LoadMem(asm.R2, r9, soTime, asm.DWord),
		asm.JGT.Reg(asm.R1, asm.R2, c.To("again")),
	)
	c.At("same")
	c.Add(
		asm.StoreMem(r9, soTime, r8, asm.DWord),
		asm.LoadMem(asm.R1, r9, soWho, asm.Word),
		asm.JEq.Imm(asm.R1, 0, c.To("done")), asm.JEq.Reg(asm.R1, r7, c.To("done")),
		bpfprog.StoreImm(r9, soWho, 0, asm.Word), // several threads
		asm.Mov.Imm(r7, 0),
	)
	c.At("again")
	c.Add(asm.StoreMem(r9, soTime, r8, asm.DWord), asm.LoadMem(r9, r9, soMulti, asm.DWord), asm.Ja.Label(c.To("event")))
	c.At("done")
	c.Add(asm.LoadMem(asm.R0, r9, soMulti, asm.DWord), asm.Or.Imm(asm.R0, usedKnown), asm.Return())
	c.At("other")
	c.Add(asm.Mov.Imm(r9, usedMulti))
	c.At("changed")
	c.Add(
		asm.StoreMem(asm.RFP, value+soWho, r7, asm.Word), asm.StoreMem(asm.RFP, value+soWho+4, r6, asm.Word),
		asm.StoreMem(asm.RFP, value+soTime, r8, asm.DWord), asm.StoreMem(asm.RFP, value+soMulti, r9, asm.DWord),
	)
	c.Update(c.sockets, cookie, value)
	c.At("event")
	c.Add(asm.Or.Imm(r9, usedKnown))
	c.Reserve(c.ring, c.lost, headerSize, "full")
	c.Add(asm.Mov.Reg(r6, asm.R0))
	c.Add(
		bpfprog.StoreImm(r6, hKind, 0, asm.DWord),
		asm.LoadMem(asm.R1, asm.RFP, kind, asm.DWord), asm.StoreMem(r6, hKind, asm.R1, asm.Byte),
		asm.StoreMem(r6, hUsed, r9, asm.Byte),
		asm.LoadMem(asm.R1, asm.RFP, cookie, asm.DWord), asm.StoreMem(r6, hCookie, asm.R1, asm.DWord),
		asm.LoadMem(asm.R1, asm.RFP, network, asm.DWord), asm.StoreMem(r6, hNetwork, asm.R1, asm.Word),
		asm.StoreMem(r6, hTime, r8, asm.DWord), bpfprog.StoreImm(r6, hKept, 0, asm.DWord),
	)
	c.Call("who", r6)
	c.Add(asm.JNE.Imm(r7, 0, c.To("thread")), bpfprog.StoreImm(r6, hWho, 0, asm.Word))
	c.At("thread")
	c.Submit(r6)
	c.At("full")
	c.Add(asm.Mov.Reg(asm.R0, r9), asm.Return())
}

// whoFunction: who(record) notes the current task.
func (c *code) whoFunction() {
	c.Function("who", asm.R6)
	c.Add(asm.FnGetCurrentTaskBtf.Call(), asm.Mov.Reg(asm.R7, asm.R0))
	c.identity()
	c.Ret(0)
}

// identity notes the task in R7 in the record in R6.
func (c *code) identity() {
	r1, r6, r7 := asm.R1, asm.R6, asm.R7
	c.Copy(r6, hWho, r7, asm.Word, "task_struct.pid")
	c.Copy(r6, hWho+4, r7, asm.Word, "task_struct.tgid")
	c.Copy(r6, hUser, r7, asm.Word, "task_struct.cred", "cred.euid.val")
	c.Copy(r6, hGroupID, r7, asm.DWord, "task_struct.cgroups", "css_set.dfl_cgrp", "cgroup.kn", "kernfs_node.id")
	c.Add(
		asm.Mov.Reg(r1, r6), asm.Add.Imm(r1, hName), asm.Mov.Imm(asm.R2, 16), asm.Mov.Reg(asm.R3, r7), asm.Add.Imm(asm.R3, int32(c.Offset("task_struct", "comm"))),
		asm.FnProbeReadKernel.Call(),
	)
}

// create is the program where an internet socket is made: a struct bpf_sock.
func (c *code) create() {
	c.Function("create")
	c.Add(asm.Mov.Reg(asm.R6, asm.R1))
	c.Kernel("bpf_cast_to_kern_ctx")
	c.Add(asm.Mov.Reg(asm.R7, asm.R0))
	c.ours(asm.R8, asm.R7, "pass")
	c.Add(asm.Mov.Reg(asm.R1, asm.R6), asm.FnGetSocketCookie.Call(), asm.Mov.Reg(asm.R1, asm.R0), asm.Mov.Imm(asm.R2, int32(kindCreate)), asm.Mov.Reg(asm.R3, asm.R8))
	c.callOnce("use")
	c.At("pass")
	c.Ret(1)
}

// receive is the program where a process has received (sock_recv_length): struct sock.
func (c *code) receive() {
	c.Function("receive")
	c.Add(asm.LoadMem(asm.R6, asm.R1, 0, asm.DWord))
	c.inet(asm.R6, "out")
	c.ours(asm.R8, asm.R6, "out")
	c.Add(asm.Mov.Reg(asm.R1, asm.R6), asm.FnGetSocketCookie.Call(), asm.Mov.Reg(asm.R1, asm.R0), asm.Mov.Imm(asm.R2, int32(kindReceive)), asm.Mov.Reg(asm.R3, asm.R8))
	c.callOnce("use")
	c.At("out")
	c.Ret(0)
}

// inet leaves unless the socket in sk is one of the internet.
func (c *code) inet(sk asm.Register, out string) {
	inet := c.Fresh()
	c.Load(asm.R1, sk, "sock", "__sk_common.skc_family", asm.Half)
	c.Add(asm.JEq.Imm(asm.R1, unix.AF_INET, c.To(inet)), asm.JNE.Imm(asm.R1, unix.AF_INET6, c.To(out)))
	c.At(inet)
}

// establish is the program where a connection changes its state (inet_sock_set_state): struct sock, from, to. One that
// is established gets its cookie, by which accept(2) is told of it.
func (c *code) establish() {
	c.Function("establish")
	c.Add(
		asm.LoadMem(asm.R2, asm.R1, 16, asm.Word), asm.JNE.Imm(asm.R2, tcpEstablished, c.To("out")),
		asm.LoadMem(asm.R1, asm.R1, 0, asm.DWord), asm.FnGetSocketCookie.Call(),
	)
	c.At("out")
	c.Ret(0)
}

// queue is the program where a packet is given to a device (net_dev_queue): struct sk_buff. Those of packet sockets are
// recorded, from behind their link-layer header on.
func (c *code) queue() {
	r6, r7, r8, r9 := asm.R6, asm.R7, asm.R8, asm.R9
	c.Function("queue")
	c.Add(asm.LoadMem(r6, asm.R1, 0, asm.DWord))
	c.Load(asm.R1, r6, "sk_buff", "sk", asm.DWord)
	c.Add(asm.JEq.Imm(asm.R1, 0, c.To("out")))
	c.Cast("sock")
	c.Add(asm.Mov.Reg(r7, asm.R0))
	c.Load(asm.R1, r7, "sock", "__sk_common.skc_family", asm.Half)
	c.Add(asm.JNE.Imm(asm.R1, packetFamily, c.To("out")))
	c.ours(r8, r7, "out")
	c.Reserve(c.ring, c.lost, packetSize, "out")
	c.Add(asm.Mov.Reg(r9, asm.R0))
	c.Load(asm.R1, r7, "sock", "__sk_common.skc_cookie.counter", asm.DWord)
	c.Add(
		asm.JNE.Imm(asm.R1, 0, c.To("cookie")),
		asm.Mov.Reg(asm.R1, r7), // its place tells it from others
	)
	c.At("cookie")
	c.Add(
		asm.StoreMem(r9, hCookie, asm.R1, asm.DWord),
		bpfprog.StoreImm(r9, hKind, int64(kindFrame), asm.DWord),
		bpfprog.StoreImm(r9, hDirection, int64(trace.Out), asm.Byte),
		asm.StoreMem(r9, hNetwork, r8, asm.Word),
		asm.FnKtimeGetNs.Call(), asm.StoreMem(r9, hTime, asm.R0, asm.DWord),
	)
	c.Call("who", r9)
	c.Load(asm.R3, r6, "sk_buff", "head", asm.DWord)
	c.Load(asm.R1, r6, "sk_buff", "network_header", asm.Half)
	c.Add(asm.Add.Reg(asm.R3, asm.R1))
	c.Load(asm.R4, r6, "sk_buff", "head", asm.DWord)
	c.Load(asm.R2, r6, "sk_buff", "tail", asm.Word)
	c.Add(
		asm.Add.Reg(asm.R2, asm.R4), asm.Sub.Reg(asm.R2, asm.R3), // bytes that are not in pages
		asm.JSGT.Imm(asm.R2, 0, c.To("some")), asm.Mov.Imm(asm.R2, 0),
	)
	c.At("some")
	c.AtMost(asm.R2, trace.SightingHeader)
	c.Add(
		asm.StoreMem(r9, hKept, asm.R2, asm.Word),
		asm.Mov.Reg(asm.R1, r9), asm.Add.Imm(asm.R1, headerSize),
		asm.FnProbeReadKernel.Call(),
	)
	c.Submit(r9)
	c.At("out")
	c.Ret(0)
}

// fork is the program where a task has made another (sched_process_fork): parent, child.
func (c *code) fork() {
	const parent, now = -8, -16
	c.Function("fork")
	c.Add(asm.LoadMem(asm.R7, asm.R1, 8, asm.DWord), asm.LoadMem(asm.R8, asm.R1, 0, asm.DWord))
	c.Load(asm.R1, asm.R7, "task_struct", "tgid", asm.Word)
	c.Load(asm.R8, asm.R8, "task_struct", "tgid", asm.Word)
	c.Add(
		asm.JEq.Reg(asm.R1, asm.R8, c.To("out")), // a thread
		asm.StoreMem(asm.RFP, parent, asm.R8, asm.DWord),
		asm.FnKtimeGetNs.Call(), asm.StoreMem(asm.RFP, now, asm.R0, asm.DWord), asm.Mov.Reg(asm.R9, asm.R0),
	)
	c.Update(c.forks, parent, now)
	c.process(kindFork, headerSize)
	c.Add(asm.StoreMem(asm.R6, hCookie, asm.R8, asm.DWord))
	c.Submit(asm.R6)
	c.At("out")
	c.Ret(0)
}

// process begins a record in R6 of the task in R7.
func (c *code) process(kind kind, size int32) {
	c.Reserve(c.ring, c.lost, size, "out")
	c.Add(
		asm.Mov.Reg(asm.R6, asm.R0), bpfprog.StoreImm(asm.R6, hKind, int64(kind), asm.DWord), bpfprog.StoreImm(asm.R6, hNetwork, 0, asm.Word),
		bpfprog.StoreImm(asm.R6, hCookie, 0, asm.DWord), bpfprog.StoreImm(asm.R6, hKept, 0, asm.DWord),
		asm.FnKtimeGetNs.Call(), asm.StoreMem(asm.R6, hTime, asm.R0, asm.DWord),
	)
	c.identity()
}

// exec is the program where a process has become another program (sched_process_exec): task, its former number, and
// what it was loaded from (struct linux_binprm).
func (c *code) exec() {
	c.Function("exec")
	c.Add(asm.LoadMem(asm.R7, asm.R1, 0, asm.DWord), asm.LoadMem(asm.R8, asm.R1, 16, asm.DWord))
	c.process(kindExec, execSize)
	c.Load(asm.R3, asm.R8, "linux_binprm", "filename", asm.DWord)
	c.Add(
		bpfprog.StoreImm(asm.R6, xFile, 0, asm.Byte),
		asm.Mov.Reg(asm.R1, asm.R6), asm.Add.Imm(asm.R1, xFile), asm.Mov.Imm(asm.R2, fileSize), asm.FnProbeReadKernelStr.Call(),
	)
	c.Load(asm.R1, asm.R7, "task_struct", "mm", asm.DWord)
	c.Add(asm.JEq.Imm(asm.R1, 0, c.To("submit")))
	c.Load(asm.R3, asm.R1, "mm_struct", "arg_start", asm.DWord)
	c.Load(asm.R2, asm.R1, "mm_struct", "arg_end", asm.DWord)
	c.Add(asm.Sub.Reg(asm.R2, asm.R3))
	c.AtMost(asm.R2, argsSize)
	c.Add(
		asm.Mov.Reg(asm.R8, asm.R2),
		asm.Mov.Reg(asm.R1, asm.R6), asm.Add.Imm(asm.R1, xArgs), asm.FnProbeReadUser.Call(),
		asm.JNE.Imm(asm.R0, 0, c.To("submit")),
		asm.StoreMem(asm.R6, hKept, asm.R8, asm.Word),
	)
	c.At("submit")
	c.Submit(asm.R6)
	c.At("out")
	c.Ret(0)
}

// exit is the program where a task ends (sched_process_exit): task.
func (c *code) exit() {
	c.Function("exit")
	c.Add(asm.LoadMem(asm.R7, asm.R1, 0, asm.DWord))
	c.Follow(asm.R1, asm.R7, asm.Word, "task_struct.signal", "signal_struct.live.counter")
	c.Add(asm.JNE.Imm(asm.R1, 0, c.To("out"))) // others of the process are left
	c.process(kindExit, headerSize)
	c.Submit(asm.R6)
	c.At("out")
	c.Ret(0)
}

// mkdir is the program where a control group is made (cgroup_mkdir): struct cgroup.
func (c *code) mkdir() {
	c.Function("mkdir")
	c.Add(asm.LoadMem(asm.R7, asm.R1, 0, asm.DWord))
	c.Follow(asm.R1, asm.R7, asm.Word, "cgroup.root", "cgroup_root.hierarchy_id")
	c.Add(asm.JNE.Imm(asm.R1, 0, c.To("out"))) // a hierarchy of version 1
	c.Load(asm.R1, asm.R7, "cgroup", "self.parent", asm.DWord)
	c.Cast("cgroup") // begins with self
	c.Add(asm.Mov.Reg(asm.R8, asm.R0))
	c.Follow(asm.R9, asm.R8, asm.DWord, "cgroup.kn", "kernfs_node.id")
	c.Reserve(c.ring, c.lost, groupSize, "out")
	c.Add(asm.Mov.Reg(asm.R6, asm.R0), bpfprog.StoreImm(asm.R6, hKind, int64(kindGroup), asm.DWord))
	c.Copy(asm.R6, hGroupID, asm.R7, asm.DWord, "cgroup.kn", "kernfs_node.id")
	// The trace point's path ends after 1,023 bytes: the name and the group around it make a whole one.
	c.Add(asm.StoreMem(asm.R6, hCookie, asm.R9, asm.DWord), bpfprog.StoreImm(asm.R6, hWho, 0, asm.DWord), bpfprog.StoreImm(asm.R6, headerSize, 0, asm.Byte))
	c.Follow(asm.R3, asm.R7, asm.DWord, "cgroup.kn", "kernfs_node.name")
	c.Add(asm.Mov.Reg(asm.R1, asm.R6), asm.Add.Imm(asm.R1, headerSize), asm.Mov.Imm(asm.R2, nameSize), asm.FnProbeReadKernelStr.Call())
	c.Submit(asm.R6)
	c.At("out")
	c.Ret(0)
}

// leave is the program at the end of every system call (sys_exit): registers, result. It looks at those that give a
// process a socket that is not new.
func (c *code) leave() {
	r6, r7 := asm.R6, asm.R7
	c.Function("leave")
	c.Add(asm.LoadMem(r6, asm.R1, 0, asm.DWord), asm.LoadMem(r7, asm.R1, 8, asm.DWord))
	size := asm.DWord
	if bpfprog.NumberSize == 4 {
		size = asm.Word
	}
	c.Register(asm.R1, r6, bpfprog.Registers[0], size)
	c.Add(
		asm.JEq.Imm(asm.R1, unix.SYS_ACCEPT4, c.To("made")), asm.JEq.Imm(asm.R1, unix.SYS_ACCEPT, c.To("made")),
		asm.JEq.Imm(asm.R1, unix.SYS_PIDFD_GETFD, c.To("passed")),
		asm.JEq.Imm(asm.R1, unix.SYS_RECVMSG, c.To("message")),
	)
	c.At("out")
	c.Ret(0)
	c.At("made")
	c.Add(asm.JSLT.Imm(r7, 0, c.To("out")))
	c.Register(asm.R1, r6, bpfprog.Registers[1], asm.DWord) // the listener is used too
	c.Add(asm.Mov.Imm(asm.R2, int32(kindReceive)))
	c.callOnce("descriptor")
	c.Add(asm.Mov.Imm(asm.R2, int32(kindAccept)), asm.Ja.Label(c.To("one")))
	c.At("passed")
	c.Add(asm.Mov.Imm(asm.R2, int32(kindPass)))
	c.At("one")
	c.Add(asm.JSLT.Imm(r7, 0, c.To("out")), asm.Mov.Reg(asm.R1, r7))
	c.callOnce("descriptor")
	c.Ret(0)

	// A struct msghdr of which the control messages begin with descriptors, as those of SCM_RIGHTS do.
	const msg, control, data = -56, -72, -72 - 4*passed
	c.At("message")
	c.Add(asm.JSLT.Imm(r7, 0, c.To("out")))
	c.Register(asm.R3, r6, bpfprog.Registers[2], asm.DWord)
	c.Add(
		asm.Mov.Reg(asm.R1, asm.RFP), asm.Add.Imm(asm.R1, msg), asm.Mov.Imm(asm.R2, 56), asm.FnProbeReadUser.Call(),
		asm.JNE.Imm(asm.R0, 0, c.To("out")),
		asm.LoadMem(asm.R1, asm.RFP, msg+40, asm.DWord), asm.JLT.Imm(asm.R1, 20, c.To("out")),
		asm.Mov.Reg(asm.R1, asm.RFP), asm.Add.Imm(asm.R1, control), asm.Mov.Imm(asm.R2, 16), asm.LoadMem(asm.R3, asm.RFP, msg+32, asm.DWord), asm.FnProbeReadUser.Call(),
		asm.JNE.Imm(asm.R0, 0, c.To("out")),
		asm.LoadMem(asm.R1, asm.RFP, control+8, asm.Word), asm.JNE.Imm(asm.R1, unix.SOL_SOCKET, c.To("out")),
		asm.LoadMem(asm.R1, asm.RFP, control+12, asm.Word), asm.JNE.Imm(asm.R1, unix.SCM_RIGHTS, c.To("out")),
		asm.LoadMem(r7, asm.RFP, control, asm.DWord), asm.Sub.Imm(r7, 16), asm.RSh.Imm(r7, 2), // how many
		asm.Mov.Reg(asm.R1, asm.RFP), asm.Add.Imm(asm.R1, data), asm.Mov.Imm(asm.R2, 4*passed),
		asm.LoadMem(asm.R3, asm.RFP, msg+32, asm.DWord), asm.Add.Imm(asm.R3, 16), asm.FnProbeReadUser.Call(),
		asm.JNE.Imm(asm.R0, 0, c.To("fewer")),
	)
	for i := range int32(passed) {
		c.Add(
			asm.JLE.Imm(r7, i, c.To("out")),
			asm.LoadMem(asm.R1, asm.RFP, int16(data+4*i), asm.Word), asm.Mov.Imm(asm.R2, int32(kindPass)),
		)
		c.callOnce("descriptor")
	}
	c.Ret(0)
	c.At("fewer") // the buffer ends with the mapped memory
	c.Add(
		asm.Mov.Reg(asm.R1, asm.RFP), asm.Add.Imm(asm.R1, data), asm.Mov.Imm(asm.R2, 4),
		asm.LoadMem(asm.R3, asm.RFP, msg+32, asm.DWord), asm.Add.Imm(asm.R3, 16), asm.FnProbeReadUser.Call(),
		asm.JNE.Imm(asm.R0, 0, c.To("out")),
		asm.LoadMem(asm.R1, asm.RFP, data, asm.Word), asm.Mov.Imm(asm.R2, int32(kindPass)),
	)
	c.callOnce("descriptor")
	c.Ret(0)
}

// passed is how many descriptors of a message are looked at.
const passed = 16

// descriptorFunction: descriptor(fd, kind) notes that the current process has got a descriptor, if that is an internet
// socket.
func (c *code) descriptorFunction() {
	r6, r7, r8 := asm.R6, asm.R7, asm.R8
	c.Once("descriptor", 8, r6, r7)
	c.Add(asm.LoadMem(r6, r6, 0, asm.DWord))
	c.File(r6, "none")
	c.Add(asm.Mov.Reg(r8, asm.R0))
	c.SocketInode("none")
	c.Load(asm.R1, r8, "file", "private_data", asm.DWord)
	c.Cast("socket")
	c.Load(r8, asm.R0, "socket", "sk", asm.DWord)
	c.Add(asm.JEq.Imm(r8, 0, c.To("none")))
	c.inet(r8, "none")
	c.ours(asm.R3, r8, "none")
	c.Load(asm.R1, r8, "sock", "__sk_common.skc_cookie.counter", asm.DWord)
	c.Add(asm.JEq.Imm(asm.R1, 0, c.To("none")), asm.Mov.Reg(asm.R2, r7))
	c.callOnce("use")
	c.At("none")
	c.Ret(0)
}

// stood is the program that looks at descriptors that stood before (bpf_iter of task_file): struct bpf_iter__task_file.
func (c *code) stood() {
	const cookie, value = -8, -8 - soSize
	r6, r7, r8, r9 := asm.R6, asm.R7, asm.R8, asm.R9
	c.Function("stood")
	c.Add(
		asm.LoadMem(r7, asm.R1, c.Offset("bpf_iter__task_file", "task"), asm.DWord), asm.JEq.Imm(r7, 0, c.To("out")),
		asm.LoadMem(asm.R1, asm.R1, c.Offset("bpf_iter__task_file", "file"), asm.DWord), asm.JEq.Imm(asm.R1, 0, c.To("out")),
		asm.FnSockFromFile.Call(), asm.JEq.Imm(asm.R0, 0, c.To("out")),
	)
	c.Load(r8, asm.R0, "socket", "sk", asm.DWord)
	c.Add(asm.JEq.Imm(r8, 0, c.To("out")))
	c.inet(r8, "out")
	c.ours(r9, r8, "out")
	c.Add(
		asm.Mov.Reg(asm.R1, r8), asm.FnGetSocketCookie.Call(), asm.Mov.Reg(r8, asm.R0),
		asm.StoreMem(asm.RFP, cookie, r8, asm.DWord),
	)
	// The map gets it too: use by the same process is nothing new, use by another is.
	c.Load(asm.R1, r7, "task_struct", "tgid", asm.Word)
	c.Add(
		bpfprog.StoreImm(asm.RFP, value+soWho, 0, asm.DWord), asm.StoreMem(asm.RFP, value+soWho+4, asm.R1, asm.Word),
		bpfprog.StoreImm(asm.RFP, value+soTime, 0, asm.DWord), bpfprog.StoreImm(asm.RFP, value+soMulti, 0, asm.DWord),
	)
	c.process(kindStood, headerSize)
	c.Add(
		asm.StoreMem(r6, hCookie, r8, asm.DWord), asm.StoreMem(r6, hNetwork, r9, asm.Word), bpfprog.StoreImm(r6, hWho, 0, asm.Word),
	)
	c.Submit(r6)
	c.Lookup(c.sockets, cookie)
	c.Add(asm.JEq.Imm(asm.R0, 0, c.To("put")), asm.LoadMem(asm.R1, asm.R0, soWho+4, asm.Word), asm.LoadMem(asm.R2, asm.RFP, value+soWho+4, asm.Word),
		asm.JEq.Reg(asm.R1, asm.R2, c.To("out")), bpfprog.StoreImm(asm.R0, soMulti, usedMulti, asm.DWord), asm.Ja.Label(c.To("out")))
	c.At("put")
	c.Update(c.sockets, cookie, value)
	c.At("out")
	c.Ret(0)
}
