package abi

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"sockwire/capture/trace"
)

// Decoder makes calls of registers and memory.
type Decoder struct {
	Memory Memory
	// Data is how many bytes of what is sent or received to keep.
	Data int
	// Segment is what UDP_SEGMENT the socket has set, 0 for none: it makes several datagrams of one send.
	Segment int
}

func number(name string, n int64) trace.Arg { return trace.Arg{Name: name, Int: n} }
func word(name, text string) trace.Arg {
	return trace.Arg{Name: name, Kind: trace.ArgName, Text: text}
}
func address(name string, a trace.Addr) trace.Arg {
	return trace.Arg{Name: name, Kind: trace.ArgAddr, Addr: a}
}

// returned marks an argument that the kernel filled in.
func returned(a trace.Arg) trace.Arg {
	a.Returned = true
	return a
}
func data(b []byte, size int) trace.Arg {
	return trace.Arg{Name: "buf", Kind: trace.ArgData, Data: b, Size: size}
}

// DescriptorOf returns the descriptors that a call acts on: the one it is shown with, and for those that
// move data between two, the other.
func DescriptorOf(name string, a [6]uint64) (fd, other int) {
	switch name {
	case "socket", "socketpair", "close_range", "io_uring_setup", "poll", "ppoll", "select", "pselect6", "epoll_create", "epoll_create1":
		return -1, -1
	case "epoll_ctl":
		return int(int32(a[2])), -1
	case "sendfile":
		return int(int32(a[0])), int(int32(a[1]))
	case "splice":
		return int(int32(a[2])), int(int32(a[0]))
	}
	return int(int32(a[0])), -1
}

// Copies tells whether a call gives a descriptor a second number.
func Copies(name string, a [6]uint64) bool {
	switch name {
	case "dup", "dup2", "dup3":
		return true
	case "fcntl":
		return int32(a[1]) == unix.F_DUPFD || int32(a[1]) == unix.F_DUPFD_CLOEXEC
	}
	return false
}

// Enter fills in what is known when the call is entered.
func (d *Decoder) Enter(c *trace.Call, a [6]uint64) {
	switch c.Name {
	case "socket", "socketpair":
		family, typ := int(int32(a[0])), int(int32(a[1]))
		c.Args = []trace.Arg{word("domain", nameOr(families, family)), word("type", typeText(typ)), word("protocol", protocolText(family, typ, int(int32(a[2]))))}
		return
	}
	if d.enterWait(c, a) {
		return
	}
	c.Args = append(make([]trace.Arg, 0, 5), number("fd", int64(c.FD))) // most have no more
	add := func(args ...trace.Arg) { c.Args = append(c.Args, args...) }
	switch c.Name {
	case "bind", "connect":
		d.aim(c, a[1], int(uint32(a[2])))
	case "listen":
		add(number("backlog", int64(int32(a[1]))))
	case "accept4":
		if a[3] != 0 {
			add(word("flags", strings.TrimPrefix(typeText(int(uint32(a[3])&^0xf)), "0|")))
		}
	case "shutdown":
		add(word("how", nameOr(hows, int(int32(a[1])))))
	case "setsockopt", "getsockopt":
		level, option := int(int32(a[1])), int(int32(a[2]))
		add(word("level", nameOr(levels, level)), word("optname", optionText(c.Name, level, option)))
		if c.Name == "setsockopt" {
			add(d.optionValue(level, option, a[3], int(int32(a[4]))), number("optlen", int64(int32(a[4]))))
		} else if n, ok := d.uint32(a[4]); ok {
			add(number("optlen", int64(int32(n))))
		}
	case "dup2", "dup3":
		add(number("newfd", int64(int32(a[1]))))
		if c.Name == "dup3" && a[2] != 0 {
			add(word("flags", flagsOr(int(uint32(a[2])), unix.O_CLOEXEC, "O_CLOEXEC")))
		}
	case "fcntl":
		d.enterFcntl(c, a)
	case "sendto":
		d.send(c, []vector{{a[1], sane(a[2])}}, uint32(a[3]))
		if a[4] != 0 {
			d.aim(c, a[4], int(uint32(a[5])))
		}
	case "write":
		d.send(c, []vector{{a[1], sane(a[2])}}, 0)
	case "writev", "pwritev2":
		d.send(c, d.vectors(a[1], sane(a[2])), 0)
		d.positioned(c, a)
	case "sendfile":
		c.Op, c.Size = trace.OpSend, sane(a[3])
		add(number("in_fd", int64(int32(a[1]))))
		d.offset(c, "offset", a[2])
		add(number("count", int64(a[3])))
	case "splice":
		c.Args = []trace.Arg{number("fd_in", int64(int32(a[0]))), number("fd_out", int64(int32(a[2]))), number("len", int64(a[4]))}
		if a[5] != 0 {
			add(word("flags", bitsText(uint32(a[5]), "SPLICE_F_", spliceFlags)))
		}
		c.Size = sane(a[4])
	case "recvfrom":
		d.receive(c, sane(a[2]), uint32(a[3]))
	case "read":
		d.receive(c, sane(a[2]), 0)
	case "readv", "preadv2":
		d.receive(c, total(d.vectors(a[1], sane(a[2]))), 0)
		d.positioned(c, a)
	case "sendmsg":
		if h, ok := d.header(a[1]); ok {
			d.sendHeader(c, h, uint32(a[2]))
		}
	case "recvmsg":
		if h, ok := d.header(a[1]); ok {
			d.receive(c, total(h.vectors), uint32(a[2]))
		}
	case "sendmmsg":
		d.enterSendmmsg(c, a)
	case "recvmmsg":
		add(number("vlen", int64(uint32(a[2]))))
		d.withFlags(c, uint32(a[3]))
		if b := d.whole(a[4], 16); b != nil {
			add(word("timeout", fmt.Sprintf("{tv_sec=%d, tv_nsec=%d}", int64(order.Uint64(b)), int64(order.Uint64(b[8:])))))
		}
	}
}

// addressArg is an address, or the kind of one that has no form here.
func (d *Decoder) addressArg(at uint64, length int) trace.Arg {
	b := d.bytes(at, min(length, maxAddress))
	a := Sockaddr(b)
	switch {
	case a.IsValid():
		return address("addr", a)
	case len(b) < 2:
		return word("addr", "no address")
	case order.Uint16(b) == unix.AF_UNIX:
		return word("addr", "no name")
	}
	return word("addr", otherAddress(b))
}

// aim notes the address that the program passes.
func (d *Decoder) aim(c *trace.Call, at uint64, length int) {
	arg := d.addressArg(at, length)
	c.Addr, c.Args = arg.Addr, append(c.Args, arg)
}

// tell notes the address that the kernel filled in, if it did.
func (d *Decoder) tell(c *trace.Call, at uint64, length int) {
	if at == 0 || length < 2 {
		return
	}
	arg := d.addressArg(at, length)
	c.Addr = arg.Addr
	c.Args = append(c.Args, returned(arg))
}

// flagsOr names one flag of several, the rest stays a number.
func flagsOr(n, flag int, name string) string {
	switch n {
	case 0:
		return "0"
	case flag:
		return name
	}
	return fmt.Sprintf("%#x", n)
}

// Flags of preadv2(2) and splice(2) in the order of their bits.
var (
	vectorFlags = []string{"HIPRI", "DSYNC", "SYNC", "NOWAIT", "APPEND", "NOAPPEND", "ATOMIC", "DONTCACHE", "NOSIGNAL"}
	spliceFlags = []string{"MOVE", "NONBLOCK", "MORE", "GIFT"}
)

// positioned adds what preadv2 and pwritev2 have more than readv and writev. The position is one register here, whose
// other half is not used.
func (d *Decoder) positioned(c *trace.Call, a [6]uint64) {
	if c.Name != "preadv2" && c.Name != "pwritev2" {
		return
	}
	c.Args = append(c.Args, number("offset", int64(a[3])))
	if a[5] != 0 {
		c.Args = append(c.Args, word("flags", bitsText(uint32(a[5]), "RWF_", vectorFlags)))
	}
}

// offset adds a position that the program keeps in memory, if it has one.
func (d *Decoder) offset(c *trace.Call, name string, at uint64) {
	if b := d.whole(at, 8); b != nil {
		c.Args = append(c.Args, number(name, int64(order.Uint64(b))))
	}
}

func (d *Decoder) withFlags(c *trace.Call, flags uint32) {
	c.Flags = flagNames(flags)
	if flags != 0 {
		c.Args = append(c.Args, word("flags", flagText(flags)))
	}
}

func (d *Decoder) send(c *trace.Call, v []vector, flags uint32) {
	c.Op, c.Size = trace.OpSend, total(v)
	c.Data = d.gather(v, min(d.Data, c.Size))
	c.Args = append(c.Args, data(c.Data, c.Size), number("len", int64(c.Size)))
	d.withFlags(c, flags)
}

func (d *Decoder) sendHeader(c *trace.Call, h header, flags uint32) {
	d.send(c, h.vectors, flags)
	if h.name != 0 && h.nameLen > 0 {
		d.aim(c, h.name, h.nameLen)
	}
	said := d.control(h)
	c.FDs, c.Segment = said.fds, said.segment
	if said.arg.Size > 0 {
		c.Args = append(c.Args, said.arg)
	}
}

func (d *Decoder) receive(c *trace.Call, size int, flags uint32) {
	c.Op, c.Size = trace.OpReceive, size
	c.Args = append(c.Args, number("size", int64(size)))
	d.withFlags(c, flags)
}

func (d *Decoder) enterSendmmsg(c *trace.Call, a [6]uint64) {
	n := min(int(uint32(a[2])), maxMessages)
	for i := range n {
		b := d.whole(a[1]+uint64(i*messageSize), messageSize)
		if b == nil {
			break
		}
		h := d.parseHeader(b)
		size := total(h.vectors)
		said := d.control(h)
		m := trace.Message{Data: d.gather(h.vectors, min(d.Data, size)), Size: size, Addr: d.address(h.name, h.nameLen), Control: said.arg}
		c.Messages = append(c.Messages, m)
		c.FDs = append(c.FDs, said.fds...)
	}
	c.Op = trace.OpSend
	c.Args = append(c.Args, word("messages", messagesText(c.Messages)), number("vlen", int64(uint32(a[2]))))
	d.withFlags(c, uint32(a[3]))
}

func (d *Decoder) enterFcntl(c *trace.Call, a [6]uint64) {
	cmd := int(int32(a[1]))
	c.Args = append(c.Args, word("cmd", nameOr(fcntls, cmd)))
	switch cmd {
	case unix.F_SETFL:
		c.Args = append(c.Args, word("arg", fileFlags(int(int32(a[2])))))
	case unix.F_SETFD:
		text := fmt.Sprint(a[2])
		if a[2] == unix.FD_CLOEXEC {
			text = "FD_CLOEXEC"
		}
		c.Args = append(c.Args, word("arg", text))
	case unix.F_GETFD, unix.F_GETFL, unix.F_GETOWN, unix.F_GETSIG, unix.F_GETLEASE, unix.F_GETPIPE_SZ, unix.F_GET_SEALS:
	default:
		c.Args = append(c.Args, number("arg", int64(int32(a[2]))))
	}
}

// messagesText shows the first of several messages: data, address, control messages.
func messagesText(all []trace.Message) string {
	const shown = 3
	var texts []string
	for i, m := range all {
		if i == shown {
			texts = append(texts, "…")
			break
		}
		s := quoted(m.Data, m.Size)
		switch {
		case m.Addr.IP.IsValid():
			s += " " + m.Addr.IP.String()
		case m.Addr.Unix != "":
			s += ` "` + m.Addr.Unix + `"`
		}
		for _, said := range append([]string{m.Control.Text}, m.Returned...) {
			if said != "" {
				s += " " + said
			}
		}
		texts = append(texts, s)
	}
	return "[" + strings.Join(texts, ", ") + "]"
}

// Leave fills in what the call returned. result is what the kernel returned, -errno for a failure.
func (d *Decoder) Leave(c *trace.Call, a [6]uint64, result int64) {
	c.Pending, c.Result = false, result
	if result < 0 && result >= -4095 {
		c.Result, c.Errno = -1, ErrnoName(-result)
		return
	}
	switch c.Name {
	case "accept", "accept4", "getsockname", "getpeername":
		if n, ok := d.uint32(a[2]); ok {
			d.tell(c, a[1], int(n))
		}
	case "getsockopt":
		if n, ok := d.uint32(a[4]); ok {
			c.Args = append(c.Args, returned(d.optionValue(int(int32(a[1])), int(int32(a[2])), a[3], int(int32(n)))), returned(number("optlen", int64(int32(n)))))
		}
	case "socketpair":
		if b := d.whole(a[3], 8); b != nil {
			c.FDs = []int{int(int32(order.Uint32(b))), int(int32(order.Uint32(b[4:])))}
			c.Args = append(c.Args, returned(word("sv", fmt.Sprintf("[%d, %d]", c.FDs[0], c.FDs[1]))))
		}
	case "recvfrom":
		if n, ok := d.uint32(a[5]); ok {
			d.tell(c, a[4], int(n))
		}
		d.received(c, []vector{{a[1], sane(a[2])}})
	case "read":
		d.received(c, []vector{{a[1], sane(a[2])}})
	case "readv", "preadv2":
		d.received(c, d.vectors(a[1], sane(a[2])))
	case "recvmsg":
		if h, ok := d.header(a[1]); ok {
			d.tell(c, h.name, h.nameLen)
			c.Returned = flagNames(h.flags &^ unix.MSG_CMSG_CLOEXEC)
			said := d.control(h)
			c.FDs, c.Queued = said.fds, said.queued
			if said.arg.Size > 0 {
				c.Args = append(c.Args, returned(said.arg))
			}
			d.received(c, h.vectors)
		}
	case "sendmmsg", "recvmmsg":
		d.leaveMessages(c, a)
	case "fcntl":
		c.Meaning = fcntlText(int(int32(a[1])), int(result))
	default:
		d.leaveWait(c, a)
	}
}

// fcntlText is what fcntl(2) returned, where that is more than a number.
func fcntlText(cmd, result int) string {
	switch cmd {
	case unix.F_GETFL:
		return fileFlags(result)
	case unix.F_GETFD:
		if result != 0 {
			return flagsOr(result, unix.FD_CLOEXEC, "FD_CLOEXEC")
		}
	case unix.F_GETSIG:
		return unix.SignalName(unix.Signal(result))
	case unix.F_GETLEASE:
		return nameOr(leases, result)
	}
	return ""
}

func (d *Decoder) received(c *trace.Call, v []vector) {
	c.Data = d.gather(v, min(d.Data, int(c.Result)))
}

// leaveMessages reads how many bytes each message sent or received.
func (d *Decoder) leaveMessages(c *trace.Call, a [6]uint64) {
	n := min(int(c.Result), maxMessages)
	sent := c.Messages
	c.Messages = nil
	for i := range n {
		b := d.whole(a[1]+uint64(i*messageSize), messageSize)
		if b == nil {
			break
		}
		size := int(order.Uint32(b[headerSize:]))
		if i < len(sent) {
			m := sent[i]
			m.Size = size
			c.Messages = append(c.Messages, m)
			continue
		}
		h := d.parseHeader(b)
		said := d.control(h)
		c.Messages = append(c.Messages, trace.Message{
			Data: d.gather(h.vectors, min(d.Data, size)), Size: size, Room: total(h.vectors), Addr: d.address(h.name, h.nameLen), Control: said.arg, Returned: flagNames(h.flags &^ unix.MSG_CMSG_CLOEXEC),
		})
		c.FDs = append(c.FDs, said.fds...)
		for _, q := range said.queued {
			q.Message = i
			c.Queued = append(c.Queued, q)
		}
	}
	if c.Name == "recvmmsg" {
		c.Op = trace.OpReceive
		c.Args = append(c.Args, returned(word("messages", messagesText(c.Messages))))
	}
}
