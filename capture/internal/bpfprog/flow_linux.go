//go:build amd64 || arm64

package bpfprog

import (
	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"
)

// The map of flows: of two ends, ports, protocol, direction and network namespace the socket.
const (
	FlowKeySize = 48 // source, destination of 16 bytes each; ports; then
	FlowSize    = 16
	FlowsLimit  = 1 << 15

	flProto   = 36
	flOut     = 37
	flNetwork = 40

	flCookie = 0
	flShared = 8 // several UDP sockets have it
)

// Places on the stack of a program that uses flows; below FlowEnd it is free.
const (
	FlowCookie = -8
	FlowFree   = -16 // eight bytes that flows do not use
	onValue    = FlowFree - FlowSize
	onKey      = onValue - FlowKeySize
	onHeader   = onKey - 48 // IPv6 header and ports
	FlowEnd    = onHeader
)

// Of struct __sk_buff (include/uapi/linux/bpf.h).
const (
	skbLength = 0
	skbType   = 4
)

// Packet begins a program at the sockets of a control group: it makes R6 the struct __sk_buff and R7 its struct sock,
// and dst the number of the network namespace, or jumps to "pass".
func (c *Code) Packet(dst asm.Register) {
	c.Function("packet")
	c.Add(asm.Mov.Reg(asm.R6, asm.R1))
	c.Kernel("bpf_cast_to_kern_ctx")
	c.Load(asm.R1, asm.R0, "sk_buff", "sk", asm.DWord)
	c.Add(asm.JEq.Imm(asm.R1, 0, c.To("pass")))
	c.Cast("sock")
	c.Add(asm.Mov.Reg(asm.R7, asm.R0))
	c.Network(dst, asm.R7)
}

// Network makes dst the number of the network namespace of the struct sock in sk.
func (c *Code) Network(dst, sk asm.Register) {
	c.Follow(dst, sk, asm.Word, "sock.__sk_common.skc_net.net", "net.ns.inum")
}

// Kept puts into the record in R9 what type the packet at R6 has, struct __sk_buff's pkt_type, and its bytes, up to a
// limit and how many.
func (c *Code) Kept(group, kept, data int16, limit int32) {
	c.Add(
		asm.LoadMem(asm.R1, asm.R6, skbType, asm.Word), asm.StoreMem(asm.R9, group, asm.R1, asm.Half),
		asm.LoadMem(asm.R4, asm.R6, skbLength, asm.Word),
	)
	c.AtMost(asm.R4, limit)
	c.Add(
		asm.StoreMem(asm.R9, kept, asm.R4, asm.Word),
		asm.JEq.Imm(asm.R4, 0, c.To("submit")),
		asm.Mov.Reg(asm.R1, asm.R6), asm.Mov.Imm(asm.R2, 0), asm.Mov.Reg(asm.R3, asm.R9), asm.Add.Imm(asm.R3, int32(data)),
		asm.FnSkbLoadBytes.Call(),
	)
	c.At("submit")
}

// Flow jumps to "pass" when the flow of the packet at R6, a struct __sk_buff at its IP header, has the same socket as
// before and no other, and else to "record", with 1 in R8 when KeepFlow is to remember the socket. R8 must be 0. The
// socket's cookie is on the stack at FlowCookie. What is not TCP or UDP, is sent to a group, is in fragments or has IP
// options is recorded. Flows of several network namespaces are told apart by the number in network, unless that is R0.
func (c *Code) Flow(flows *ebpf.Map, out bool, network asm.Register) {
	header := func(size int32) {
		c.Add(
			asm.Mov.Reg(asm.R1, asm.R6), asm.Mov.Imm(asm.R2, 0), asm.Mov.Reg(asm.R3, asm.RFP), asm.Add.Imm(asm.R3, onHeader), asm.Mov.Imm(asm.R4, size),
			asm.FnSkbLoadBytes.Call(),
			asm.JNE.Imm(asm.R0, 0, c.To("record")),
		)
	}
	octet := func(dst asm.Register, at int16) { c.Add(asm.LoadMem(dst, asm.RFP, onHeader+at, asm.Byte)) }
	move := func(to, from int16, size asm.Size) {
		c.Add(asm.LoadMem(asm.R1, asm.RFP, onHeader+from, size), asm.StoreMem(asm.RFP, onKey+to, asm.R1, size))
	}
	direction := int64(0)
	if out {
		direction = 1
	}
	for at := int16(0); at < FlowKeySize; at += 8 {
		c.Add(StoreImm(asm.RFP, onKey+at, 0, asm.DWord))
	}
	c.Add(StoreImm(asm.RFP, onValue+flShared, 0, asm.DWord))
	if network != asm.R0 {
		c.Add(asm.StoreMem(asm.RFP, onKey+flNetwork, network, asm.Word))
	}
	header(24)
	octet(asm.R1, 0)
	c.Add(asm.JEq.Imm(asm.R1, 0x45, c.To("ipv4")), asm.RSh.Imm(asm.R1, 4), asm.JNE.Imm(asm.R1, 6, c.To("record")))
	header(44)
	octet(asm.R1, 24)
	c.Add(asm.JEq.Imm(asm.R1, 0xff, c.To("record")))
	for at := int16(0); at < 32; at += 8 {
		move(at, 8+at, asm.DWord)
	}
	move(32, 40, asm.Word)
	octet(asm.R2, 6)
	c.Add(asm.Ja.Label(c.To("transport")))
	c.At("ipv4")
	octet(asm.R1, 6)
	octet(asm.R2, 7)
	c.Add(asm.And.Imm(asm.R1, 0x3f), asm.Or.Reg(asm.R1, asm.R2), asm.JNE.Imm(asm.R1, 0, c.To("record"))) // fragments
	octet(asm.R1, 16)
	c.Add(asm.JGE.Imm(asm.R1, 224, c.To("record")))
	move(0, 12, asm.Word)
	move(16, 16, asm.Word)
	move(32, 20, asm.Word)
	octet(asm.R2, 9)
	c.At("transport")
	c.Add(
		asm.JEq.Imm(asm.R2, unix.IPPROTO_TCP, c.To("ports")),
		asm.JNE.Imm(asm.R2, unix.IPPROTO_UDP, c.To("record")),
	)
	c.At("ports")
	c.Add(
		asm.StoreMem(asm.RFP, onKey+flProto, asm.R2, asm.Byte), StoreImm(asm.RFP, onKey+flOut, direction, asm.Byte),
		asm.Mov.Imm(asm.R8, 1),
	)
	c.Lookup(flows, onKey)
	c.Add(
		asm.JEq.Imm(asm.R0, 0, c.To("record")),
		asm.LoadMem(asm.R1, asm.R0, flCookie, asm.DWord), asm.LoadMem(asm.R2, asm.RFP, FlowCookie, asm.DWord), asm.LoadMem(asm.R3, asm.R0, flShared, asm.DWord),
		asm.JNE.Reg(asm.R1, asm.R2, c.To("another")),
		asm.JEq.Imm(asm.R3, 0, c.To("pass")),
		asm.Mov.Imm(asm.R8, 0), // nothing new to remember
		asm.Ja.Label(c.To("record")),
	)
	c.At("another")
	c.Add(
		asm.LoadMem(asm.R1, asm.RFP, onKey+flProto, asm.Byte), asm.JNE.Imm(asm.R1, unix.IPPROTO_UDP, c.To("record")), // a connection after another
		StoreImm(asm.RFP, onValue+flShared, 1, asm.DWord),
	)
}

// KeepFlow remembers the socket at FlowCookie as that of the flow that Flow looked at.
func (c *Code) KeepFlow(flows *ebpf.Map) {
	c.Add(asm.LoadMem(asm.R1, asm.RFP, FlowCookie, asm.DWord), asm.StoreMem(asm.RFP, onValue+flCookie, asm.R1, asm.DWord))
	c.Update(flows, onKey, onValue)
}
