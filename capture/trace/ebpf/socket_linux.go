//go:build amd64 || arm64

package ebpf

import (
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"

	"sockwire/capture/internal/bpfprog"
)

// socketFunction: socket(scratch, descriptor) adds to the record what socket a descriptor of this process is
// and returns 1, or 0 when it is none. It walks from the task to the struct socket as the kernel does
// (fs/file.c, net/socket.c: sockfd_lookup), which costs less than asking for a copy of each structure.
func (c *code) socketFunction(data int) {
	const private = -8
	r1, r6, r7, r8, r9 := asm.R1, asm.R6, asm.R7, asm.R8, asm.R9
	c.Once("socket", scratch, r6, r7)
	c.Add(asm.LoadMem(r1, r6, wFile, asm.DWord), asm.JEq.Imm(r1, 0, c.To("table")))
	c.Cast("file")
	c.Add(asm.Ja.Label(c.To("file")))
	c.At("table")
	c.File(r7, "none")
	c.At("file")
	c.Load(r1, asm.R0, "file", "private_data", asm.DWord)
	c.Add(asm.StoreMem(asm.RFP, private, r1, asm.DWord))
	c.SocketInode("none")
	c.Load(r8, r1, "inode", "i_ino", asm.DWord)

	c.part(r9, r6, "full")
	c.Add(
		asm.StoreMem(r9, wRecord+pKey, r8, asm.DWord),
		bpfprog.StoreImm(r9, wRecord+pLength, socketSize, asm.Word),
		bpfprog.StoreImm(r9, wRecord+pKind, partSocket, asm.Word),
		asm.StoreMem(r9, item(iFD), r7, asm.Word),
	)
	for at := int16(0); at < socketSize-8; at += 8 {
		c.Add(bpfprog.StoreImm(r9, item(8+at), 0, asm.DWord))
	}
	c.Add(asm.LoadMem(r1, r6, wOff, asm.DWord), asm.Add.Imm(r1, partHeader+socketSize), asm.StoreMem(r6, wOff, r1, asm.DWord))

	c.Add(asm.LoadMem(r1, asm.RFP, private, asm.DWord))
	c.Cast("socket")
	c.Copy(r9, item(iType), asm.R0, asm.Half, "socket.type")
	c.Load(r7, asm.R0, "socket", "sk", asm.DWord)
	c.Add(asm.JEq.Imm(r7, 0, c.To("done")))
	copyField := func(at int16, field string, size asm.Size) { c.Copy(r9, item(at), r7, size, "sock."+field) }
	copyField(iFamily, "__sk_common.skc_family", asm.Half)
	copyField(iProtocol, "sk_protocol", asm.Half)
	copyField(iState, "__sk_common.skc_state", asm.Byte)
	copyField(iCookie, "__sk_common.skc_cookie.counter", asm.DWord)
	if data > 0 {
		// Raw packets are told apart by all that is in them.
		c.Add(
			asm.LoadMem(r1, r9, item(iType), asm.Half), asm.JEq.Imm(r1, unix.SOCK_RAW, c.To("raw")),
			asm.LoadMem(r1, r9, item(iProtocol), asm.Half), asm.JEq.Imm(r1, unix.IPPROTO_ICMP, c.To("raw")),
			asm.JNE.Imm(r1, unix.IPPROTO_ICMPV6, c.To("cooked")),
		)
		c.At("raw")
		c.Add(bpfprog.StoreImm(r6, wLimit, rawData, asm.DWord))
		c.At("cooked")
	}
	c.Add(
		asm.LoadMem(r1, r9, item(iFamily), asm.Half),
		asm.JEq.Imm(r1, unix.AF_INET, c.To("inet")),
		asm.JEq.Imm(r1, unix.AF_INET6, c.To("inet")),
		asm.JNE.Imm(r1, unix.AF_UNIX, c.To("done")),
	)

	c.unix()
	c.At("done")
	c.Ret(1)
	c.At("inet")
	c.inet()
	c.tcp()
	c.At("full")
	c.Add(bpfprog.StoreImm(r6, wRecord+hFull, 1, asm.Byte))
	c.Ret(1)
	c.At("none")
	c.Ret(0)

	c.unixNameFunction()
}

// item is a place in the record of a socket.
func item(at int16) int16 { return wRecord + partHeader + at }

// unix goes on in the function socket with a Unix socket: R7 is the struct sock, R8 its inode, R9 where the record is.
func (c *code) unix() {
	r1, r6, r7, r8, r9 := asm.R1, asm.R6, asm.R7, asm.R8, asm.R9
	c.Add(asm.StoreMem(asm.RFP, -16, r8, asm.DWord), asm.Mov.Reg(r1, r7))
	c.Cast("unix_sock")
	c.Load(r8, asm.R0, "unix_sock", "peer", asm.DWord)
	c.Add(asm.Mov.Reg(r1, r6), asm.Mov.Reg(asm.R2, r7), asm.Mov.Imm(asm.R3, partLocal), asm.LoadMem(asm.R4, asm.RFP, -16, asm.DWord))
	c.Call("unixName")
	c.Add(
		asm.JEq.Imm(r8, 0, c.To("done")),
		asm.Mov.Reg(r1, r6), asm.Mov.Reg(asm.R2, r8), asm.Mov.Imm(asm.R3, partRemote), asm.LoadMem(asm.R4, asm.RFP, -16, asm.DWord),
	)
	c.Call("unixName")
	c.InodeOf(r8, "done")
	c.Add(asm.StoreMem(r9, item(iPeer), r1, asm.DWord))
}

// inet goes on with an internet socket: its ends.
func (c *code) inet() {
	r1, r7, r9 := asm.R1, asm.R7, asm.R9
	copyField := func(at int16, field string, size asm.Size) { c.Copy(r9, item(at), r7, size, "sock."+field) }
	c.Add(asm.Mov.Reg(r1, r7))
	c.Cast("inet_sock")
	c.Copy(r9, item(iLocalPort), asm.R0, asm.Half, "inet_sock.inet_sport")
	copyField(iRemotePort, "__sk_common.skc_dport", asm.Half)
	c.Add(asm.LoadMem(r1, r9, item(iFamily), asm.Half), asm.JEq.Imm(r1, unix.AF_INET6, c.To("inet6")))
	copyField(iRemote, "__sk_common.skc_daddr", asm.Word)
	copyField(iLocal, "__sk_common.skc_rcv_saddr", asm.Word)
	c.Add(asm.JNE.Imm(r1, 0, c.To("tcp")))
	c.Copy(r9, item(iLocal), asm.R0, asm.Word, "inet_sock.inet_saddr")
	c.Add(asm.Ja.Label(c.To("tcp")))
	c.At("inet6")
	c.Load(asm.R2, asm.R0, "inet_sock", "pinet6", asm.DWord)
	copyHalves := func(at int16, src asm.Register, structure, field string) {
		off := c.Offset(structure, field)
		c.Add(
			asm.LoadMem(r1, src, off, asm.DWord), asm.StoreMem(r9, item(at), r1, asm.DWord),
			asm.LoadMem(asm.R3, src, off+8, asm.DWord), asm.StoreMem(r9, item(at+8), asm.R3, asm.DWord),
			asm.Or.Reg(r1, asm.R3),
		)
	}
	copyHalves(iRemote, r7, "sock", "__sk_common.skc_v6_daddr")
	copyHalves(iLocal, r7, "sock", "__sk_common.skc_v6_rcv_saddr")
	c.Add(asm.JNE.Imm(r1, 0, c.To("tcp")))
	copyHalves(iLocal, asm.R2, "ipv6_pinfo", "saddr")
	c.At("tcp")
}

// tcp ends with the places in its streams, or that a UDP socket has a port.
func (c *code) tcp() {
	r1, r6, r7, r9 := asm.R1, asm.R6, asm.R7, asm.R9
	c.Add(
		asm.LoadMem(r1, r9, item(iProtocol), asm.Half),
		asm.JNE.Imm(r1, unix.IPPROTO_TCP, c.To("other")),
		asm.Mov.Reg(r1, r7),
	)
	c.Cast("tcp_sock")
	c.Load(r1, asm.R0, "tcp_sock", "write_seq", asm.Word)
	c.Load(asm.R2, asm.R0, "tcp_sock", "copied_seq", asm.Word)
	c.Add(asm.StoreMem(r9, item(iWriteSeq), r1, asm.Word), asm.StoreMem(r9, item(iCopiedSeq), asm.R2, asm.Word))
	c.Ret(1)
	c.At("other")
	c.Add(
		asm.JNE.Imm(r1, unix.IPPROTO_UDP, c.To("done")),
		asm.LoadMem(r1, r9, item(iLocalPort), asm.Half), asm.JEq.Imm(r1, 0, c.To("done")),
		bpfprog.StoreImm(r6, wBound, 1, asm.DWord),
	)
	c.Ret(1)
}

// unixNameFunction: unixName(scratch, sock, kind, inode) adds the name of a Unix socket to the record.
func (c *code) unixNameFunction() {
	const kind, inode = -8, -16
	r1, r6, r7, r8, r9 := asm.R1, asm.R6, asm.R7, asm.R8, asm.R9
	c.Function("unixName")
	c.Add(
		asm.Mov.Reg(r6, asm.R1), asm.StoreMem(asm.RFP, kind, asm.R3, asm.DWord), asm.StoreMem(asm.RFP, inode, asm.R4, asm.DWord),
		asm.Mov.Reg(r1, asm.R2),
	)
	c.Cast("unix_sock")
	c.Load(r7, asm.R0, "unix_sock", "addr", asm.DWord)
	c.Add(asm.JEq.Imm(r7, 0, c.To("out")))
	c.Load(r8, r7, "unix_address", "len", asm.Word)
	c.AtMost(r8, maxAddress)
	c.part(r9, r6, "out")
	c.Add(
		asm.LoadMem(r1, asm.RFP, inode, asm.DWord), asm.StoreMem(r9, wRecord+pKey, r1, asm.DWord),
		asm.LoadMem(r1, asm.RFP, kind, asm.DWord), asm.StoreMem(r9, wRecord+pKind, r1, asm.Word),
		asm.StoreMem(r9, wRecord+pLength, r8, asm.Word),
		asm.Mov.Reg(asm.R1, r9), asm.Add.Imm(asm.R1, wRecord+partHeader),
		asm.Mov.Reg(asm.R2, r8),
		asm.Mov.Reg(asm.R3, r7), asm.Add.Imm(asm.R3, int32(c.Offset("unix_address", "name"))),
		asm.FnProbeReadKernel.Call(),
		asm.Add.Imm(r8, partHeader+7), asm.And.Imm(r8, ^7),
		asm.LoadMem(r1, r6, wOff, asm.DWord), asm.Add.Reg(r1, r8), asm.StoreMem(r6, wOff, r1, asm.DWord),
	)
	c.At("out")
	c.Ret(0)
}

// epollFunction: epoll(scratch, descriptor) adds to the record which epoll instance a descriptor of this process is.
// Its address is its identity: it stays the same for copies of the descriptor, in whatever process.
func (c *code) epollFunction() {
	r6, r7, r8, r9 := asm.R6, asm.R7, asm.R8, asm.R9
	c.Once("epoll", scratch, r6, r7)
	c.File(r7, "none")
	c.Load(r8, asm.R0, "file", "private_data", asm.DWord)
	c.part(r9, r6, "none")
	c.Add(
		asm.StoreMem(r9, wRecord+pKey, r8, asm.DWord),
		bpfprog.StoreImm(r9, wRecord+pLength, epollSize, asm.Word),
		bpfprog.StoreImm(r9, wRecord+pKind, partEpoll, asm.Word),
		asm.StoreMem(r9, wRecord+partHeader, r7, asm.DWord),
		asm.LoadMem(asm.R1, r6, wOff, asm.DWord), asm.Add.Imm(asm.R1, partHeader+epollSize), asm.StoreMem(r6, wOff, asm.R1, asm.DWord),
	)
	c.At("none")
	c.Ret(0)
}
