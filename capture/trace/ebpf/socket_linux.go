//go:build amd64 || arm64

package ebpf

import (
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"
)

// socketFunction: socket(scratch, descriptor) adds to the record what socket a descriptor of this process is
// and returns 1, or 0 when it is none. It walks from the task to the struct socket as the kernel does
// (fs/file.c, net/socket.c: sockfd_lookup), which costs less than asking for a copy of each structure.
func (c *code) socketFunction(data int) {
	const private = -8
	r1, r6, r7, r8, r9 := asm.R1, asm.R6, asm.R7, asm.R8, asm.R9
	c.function("socket", r6, r7)
	c.file(r7, "none")
	c.load(r1, asm.R0, "file", "private_data", asm.DWord)
	c.add(asm.StoreMem(asm.RFP, private, r1, asm.DWord))
	c.socketInode("none")
	c.load(r8, r1, "inode", "i_ino", asm.DWord)

	c.part(r9, r6, "full")
	item := func(at int16) int16 { return wRecord + partHeader + at }
	c.add(
		asm.StoreMem(r9, wRecord+pKey, r8, asm.DWord),
		storeImm(r9, wRecord+pLength, socketSize, asm.Word),
		storeImm(r9, wRecord+pKind, partSocket, asm.Word),
		asm.StoreMem(r9, item(iFD), r7, asm.Word),
	)
	for at := int16(0); at < socketSize-8; at += 8 {
		c.add(storeImm(r9, item(8+at), 0, asm.DWord))
	}
	c.add(asm.LoadMem(r1, r6, wOff, asm.DWord), asm.Add.Imm(r1, partHeader+socketSize), asm.StoreMem(r6, wOff, r1, asm.DWord))

	c.add(asm.LoadMem(r1, asm.RFP, private, asm.DWord))
	c.cast("socket")
	c.load(r1, asm.R0, "socket", "type", asm.Half)
	c.add(asm.StoreMem(r9, item(iType), r1, asm.Half))
	c.load(r7, asm.R0, "socket", "sk", asm.DWord)
	c.add(asm.JEq.Imm(r7, 0, c.to("done")))
	copyField := func(at int16, field string, size asm.Size) {
		c.load(r1, r7, "sock", field, size)
		c.add(asm.StoreMem(r9, item(at), r1, size))
	}
	copyField(iFamily, "__sk_common.skc_family", asm.Half)
	copyField(iProtocol, "sk_protocol", asm.Half)
	copyField(iState, "__sk_common.skc_state", asm.Byte)
	copyField(iCookie, "__sk_common.skc_cookie.counter", asm.DWord)
	if data > 0 {
		// Raw packets are told apart by all that is in them.
		c.add(
			asm.LoadMem(r1, r9, item(iType), asm.Half), asm.JEq.Imm(r1, unix.SOCK_RAW, c.to("raw")),
			asm.LoadMem(r1, r9, item(iProtocol), asm.Half), asm.JEq.Imm(r1, unix.IPPROTO_ICMP, c.to("raw")),
			asm.JNE.Imm(r1, unix.IPPROTO_ICMPV6, c.to("cooked")),
		)
		c.at("raw")
		c.add(storeImm(r6, wLimit, rawData, asm.DWord))
		c.at("cooked")
	}
	c.add(
		asm.LoadMem(r1, r9, item(iFamily), asm.Half),
		asm.JEq.Imm(r1, unix.AF_INET, c.to("inet")),
		asm.JEq.Imm(r1, unix.AF_INET6, c.to("inet")),
		asm.JNE.Imm(r1, unix.AF_UNIX, c.to("done")),
	)

	c.add(asm.StoreMem(asm.RFP, -16, r8, asm.DWord), asm.Mov.Reg(r1, r7))
	c.cast("unix_sock")
	c.load(r8, asm.R0, "unix_sock", "peer", asm.DWord)
	c.add(asm.Mov.Reg(r1, r6), asm.Mov.Reg(asm.R2, r7), asm.Mov.Imm(asm.R3, partLocal), asm.LoadMem(asm.R4, asm.RFP, -16, asm.DWord))
	c.call("unixName")
	c.add(
		asm.JEq.Imm(r8, 0, c.to("done")),
		asm.Mov.Reg(r1, r6), asm.Mov.Reg(asm.R2, r8), asm.Mov.Imm(asm.R3, partRemote), asm.LoadMem(asm.R4, asm.RFP, -16, asm.DWord),
	)
	c.call("unixName")
	c.load(r1, r8, "sock", "sk_socket", asm.DWord)
	c.add(asm.JEq.Imm(r1, 0, c.to("done")))
	c.cast("socket_alloc")
	c.load(r1, asm.R0, "socket_alloc", "vfs_inode.i_ino", asm.DWord)
	c.add(asm.StoreMem(r9, item(iPeer), r1, asm.DWord))
	c.at("done")
	c.ret(1)

	c.at("inet")
	c.add(asm.Mov.Reg(r1, r7))
	c.cast("inet_sock")
	c.load(r1, asm.R0, "inet_sock", "inet_sport", asm.Half)
	c.add(asm.StoreMem(r9, item(iLocalPort), r1, asm.Half))
	copyField(iRemotePort, "__sk_common.skc_dport", asm.Half)
	c.add(asm.LoadMem(r1, r9, item(iFamily), asm.Half), asm.JEq.Imm(r1, unix.AF_INET6, c.to("inet6")))
	copyField(iRemote, "__sk_common.skc_daddr", asm.Word)
	copyField(iLocal, "__sk_common.skc_rcv_saddr", asm.Word)
	c.add(asm.JNE.Imm(r1, 0, c.to("tcp")))
	c.load(r1, asm.R0, "inet_sock", "inet_saddr", asm.Word)
	c.add(asm.StoreMem(r9, item(iLocal), r1, asm.Word), asm.Ja.Label(c.to("tcp")))
	c.at("inet6")
	c.load(asm.R2, asm.R0, "inet_sock", "pinet6", asm.DWord)
	copyHalves := func(at int16, src asm.Register, structure, field string) {
		off := c.offset(structure, field)
		c.add(
			asm.LoadMem(r1, src, off, asm.DWord), asm.StoreMem(r9, item(at), r1, asm.DWord),
			asm.LoadMem(asm.R3, src, off+8, asm.DWord), asm.StoreMem(r9, item(at+8), asm.R3, asm.DWord),
			asm.Or.Reg(r1, asm.R3),
		)
	}
	copyHalves(iRemote, r7, "sock", "__sk_common.skc_v6_daddr")
	copyHalves(iLocal, r7, "sock", "__sk_common.skc_v6_rcv_saddr")
	c.add(asm.JNE.Imm(r1, 0, c.to("tcp")))
	copyHalves(iLocal, asm.R2, "ipv6_pinfo", "saddr")
	c.at("tcp")
	c.add(
		asm.LoadMem(r1, r9, item(iProtocol), asm.Half),
		asm.JNE.Imm(r1, unix.IPPROTO_TCP, c.to("other")),
		asm.Mov.Reg(r1, r7),
	)
	c.cast("tcp_sock")
	c.load(r1, asm.R0, "tcp_sock", "write_seq", asm.Word)
	c.load(asm.R2, asm.R0, "tcp_sock", "copied_seq", asm.Word)
	c.add(asm.StoreMem(r9, item(iWriteSeq), r1, asm.Word), asm.StoreMem(r9, item(iCopiedSeq), asm.R2, asm.Word))
	c.ret(1)
	c.at("other")
	c.add(
		asm.JNE.Imm(r1, unix.IPPROTO_UDP, c.to("done")),
		asm.LoadMem(r1, r9, item(iLocalPort), asm.Half), asm.JEq.Imm(r1, 0, c.to("done")),
		storeImm(r6, wBound, 1, asm.DWord),
	)
	c.ret(1)

	c.at("full")
	c.add(storeImm(r6, wRecord+hFull, 1, asm.Byte))
	c.ret(1)
	c.at("none")
	c.ret(0)

	c.unixNameFunction()
}

// file makes R0 the file of the descriptor in fd, or jumps when there is none.
func (c *code) file(fd asm.Register, none string) {
	r1 := asm.R1
	c.low(fd)
	c.add(asm.FnGetCurrentTaskBtf.Call())
	c.load(r1, asm.R0, "task_struct", "files", asm.DWord)
	c.load(r1, r1, "files_struct", "fdt", asm.DWord)
	c.load(asm.R2, r1, "fdtable", "max_fds", asm.Word)
	c.add(asm.JGE.Reg(fd, asm.R2, c.to(none)))
	c.load(r1, r1, "fdtable", "fd", asm.DWord)
	c.add(asm.LSh.Imm(fd, 3), asm.Add.Reg(r1, fd), asm.RSh.Imm(fd, 3))
	c.cast("list_head") // any structure that begins with a pointer
	c.load(r1, asm.R0, "list_head", "next", asm.DWord)
	c.add(asm.JEq.Imm(r1, 0, c.to(none)))
	c.cast("file")
}

// socketInode makes R1 the inode of the file in R0, or jumps when the file is no socket.
func (c *code) socketInode(none string) {
	c.load(asm.R1, asm.R0, "file", "f_inode", asm.DWord)
	c.load(asm.R2, asm.R1, "inode", "i_mode", asm.Half)
	c.add(asm.And.Imm(asm.R2, unix.S_IFMT), asm.JNE.Imm(asm.R2, unix.S_IFSOCK, c.to(none)))
}

// unixNameFunction: unixName(scratch, sock, kind, inode) adds the name of a Unix socket to the record.
func (c *code) unixNameFunction() {
	const kind, inode = -8, -16
	r1, r6, r7, r8, r9 := asm.R1, asm.R6, asm.R7, asm.R8, asm.R9
	c.function("unixName")
	c.add(
		asm.Mov.Reg(r6, asm.R1), asm.StoreMem(asm.RFP, kind, asm.R3, asm.DWord), asm.StoreMem(asm.RFP, inode, asm.R4, asm.DWord),
		asm.Mov.Reg(r1, asm.R2),
	)
	c.cast("unix_sock")
	c.load(r7, asm.R0, "unix_sock", "addr", asm.DWord)
	c.add(asm.JEq.Imm(r7, 0, c.to("out")))
	c.load(r8, r7, "unix_address", "len", asm.Word)
	c.atMost(r8, maxAddress)
	c.part(r9, r6, "out")
	c.add(
		asm.LoadMem(r1, asm.RFP, inode, asm.DWord), asm.StoreMem(r9, wRecord+pKey, r1, asm.DWord),
		asm.LoadMem(r1, asm.RFP, kind, asm.DWord), asm.StoreMem(r9, wRecord+pKind, r1, asm.Word),
		asm.StoreMem(r9, wRecord+pLength, r8, asm.Word),
		asm.Mov.Reg(asm.R1, r9), asm.Add.Imm(asm.R1, wRecord+partHeader),
		asm.Mov.Reg(asm.R2, r8),
		asm.Mov.Reg(asm.R3, r7), asm.Add.Imm(asm.R3, int32(c.offset("unix_address", "name"))),
		asm.FnProbeReadKernel.Call(),
		asm.Add.Imm(r8, partHeader+7), asm.And.Imm(r8, ^7),
		asm.LoadMem(r1, r6, wOff, asm.DWord), asm.Add.Reg(r1, r8), asm.StoreMem(r6, wOff, r1, asm.DWord),
	)
	c.at("out")
	c.ret(0)
}

// epollFunction: epoll(scratch, descriptor) adds to the record which epoll instance a descriptor of this process is. Its
// address is its identity: it stays the same for copies of the descriptor, in whatever process.
func (c *code) epollFunction() {
	r6, r7, r8, r9 := asm.R6, asm.R7, asm.R8, asm.R9
	c.function("epoll", r6, r7)
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
