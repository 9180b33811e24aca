// Package ebpf traces the socket calls of a program with programs of its own in the kernel, as a source of trace
// events. The traced program is not stopped, and is otherwise as it would be untraced: it may change its user,
// gain rights by executing files, or be debugged.
//
// Its programs are assembled here, instruction by instruction, with offsets taken from the running kernel's
// own type information (Documentation/bpf/btf.rst), and loaded when a trace begins; nothing is compiled. Five run at
// the kernel's trace points for the beginning and the end of every system call (sys_enter and sys_exit of
// include/trace/events/syscalls.h, as BPF_TRACE_RAW_TP) and where tasks are made, execute a program and end
// (include/trace/events/sched.h). A call of no interest costs a look into a table; of one that may be about a
// socket it is looked up whether its thread is traced (Documentation/bpf/map_cgroup_storage.rst has the idea, for
// tasks it is BPF_MAP_TYPE_TASK_STORAGE), and whether its descriptor is a socket, by walking the kernel's
// structures as the call itself does.
//
// What calls pass, and what the kernel returns, is copied into one ring (Documentation/bpf/ringbuf.rst), in the
// order in which it happens, numbered. It is read every few milliseconds; nobody is woken for it. What finds no room
// is counted on each processor, and a Note says so. Memory that is not there when a call is entered (a constant
// that was never read) cannot be read by a program in the kernel; it is read when the call returns, when the call
// itself has brought it in.
//
// tcp_sock.write_seq and copied_seq before and after each call say exactly which bytes of its stream it wrote or took
// (trace.Call.Offset), unless two calls were at work on the socket at once.
//
// Packets come from the capture of the network namespace (package capture), as with the other engine: that alone sees
// the ICMP error that explains a refusal, and fragments as they are on the wire. Which socket each of them left and
// which ones got it is told by two more programs (Config.Packets), at the sockets of the control group that has all
// others (BPF_CGROUP_INET_EGRESS and BPF_CGROUP_INET_INGRESS): they record the socket's cookie, its inode and the
// packet's headers, and trace.Matcher finds the packet. So sockets that share an address are told apart: members of a
// SO_REUSEPORT or multicast group, raw sockets that each get a copy, senders of one port. Of a flow only what changes
// is recorded, which costs a look into a table for most packets. They need CAP_NET_ADMIN and a mounted hierarchy of
// control groups, version 2.
//
// It needs Linux 6.2 or later with its type information, on amd64 or arm64, and CAP_BPF and CAP_PERFMON, or root. The
// tests run where they are started, which has been Linux 6.18 on amd64; those of short mode have passed once in an
// emulated machine with Debian's Linux 6.12 for arm64, with pages of 4 KiB, before there were programs at sockets. On
// Debian's 6.1 for amd64, which lacks bpf_rdonly_cast, Open refuses and says so. A started program is killed with its
// tracer, its descendants are not. Programs of 32 bits are not understood; that they make calls is said.
package ebpf

import "sockwire/capture/trace"

// Config says what to record. The zero value is ready.
type Config struct {
	Clock *trace.Clock // stamps the events; nil makes one
	// Data is how many bytes of what a call sends or receives are kept, up to 65,535: 0 means 32, less than 0
	// none. Of raw sockets all are kept, for packets are told apart by them, unless it is less than 0.
	Data int
	Wait bool   // poll, select and epoll too, with what they wait for
	Host string // the name of the network namespace, for the events
	// Packets tells at which sockets packets were seen, as trace.Sightings among the events: for a trace.Matcher, when
	// packets are captured beside. It needs CAP_NET_ADMIN. A Note says where that cannot be.
	Packets bool
	// Ring is the size of the ring in bytes, a power of two and a multiple of the page size; 0 means 64 MiB.
	Ring int
}

func (c *Config) ring() int {
	if c.Ring == 0 {
		return 64 << 20
	}
	return c.Ring
}

func (c *Config) data() int {
	switch {
	case c.Data == 0:
		return 32
	case c.Data < 0:
		return 0
	}
	return min(c.Data, 65535)
}
