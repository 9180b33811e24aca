//go:build amd64 || arm64

package bpfprog

import (
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"
)

// File makes R0 the file of the descriptor in fd, or jumps when there is none.
func (c *Code) File(fd asm.Register, none string) {
	r1 := asm.R1
	c.Low(fd)
	c.Add(asm.FnGetCurrentTaskBtf.Call())
	c.Load(r1, asm.R0, "task_struct", "files", asm.DWord)
	c.Load(r1, r1, "files_struct", "fdt", asm.DWord)
	c.Load(asm.R2, r1, "fdtable", "max_fds", asm.Word)
	c.Add(asm.JGE.Reg(fd, asm.R2, c.To(none)))
	c.Load(r1, r1, "fdtable", "fd", asm.DWord)
	c.Add(asm.LSh.Imm(fd, 3), asm.Add.Reg(r1, fd), asm.RSh.Imm(fd, 3))
	c.Cast("list_head") // any structure that begins with a pointer
	c.Load(r1, asm.R0, "list_head", "next", asm.DWord)
	c.Add(asm.JEq.Imm(r1, 0, c.To(none)))
	c.Cast("file")
}

// SocketInode makes R1 the inode of the file in R0, or jumps when the file is no socket.
func (c *Code) SocketInode(none string) {
	c.Load(asm.R1, asm.R0, "file", "f_inode", asm.DWord)
	c.Load(asm.R2, asm.R1, "inode", "i_mode", asm.Half)
	c.Add(asm.And.Imm(asm.R2, unix.S_IFMT), asm.JNE.Imm(asm.R2, unix.S_IFSOCK, c.To(none)))
}

// InodeOf makes R1 the inode of the struct sock in sk, or jumps when no file is its.
func (c *Code) InodeOf(sk asm.Register, none string) {
	c.Load(asm.R1, sk, "sock", "sk_socket", asm.DWord)
	c.Add(asm.JEq.Imm(asm.R1, 0, c.To(none)))
	c.Cast("socket_alloc")
	c.Load(asm.R1, asm.R0, "socket_alloc", "vfs_inode.i_ino", asm.DWord)
}
