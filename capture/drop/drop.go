// Package drop shows the packets that this host's kernel drops, each with the reason that the kernel gives, as a source
// of frames.
//
// The kernel frees a packet that it drops with a reason (enum skb_drop_reason, include/net/dropreason-core.h) and tells
// the trace point skb:kfree_skb. A program there copies the reason, the function that dropped it, the socket, the
// device and the packet's bytes into a ring (Documentation/bpf/ringbuf.rst), which Source reads. What the kernel frees
// because it has been used (consume_skb, SKB_CONSUMED) is not dropped and not told.
//
// The names of reasons are those of the running kernel, from its own type information. A reason that this kernel
// does not give is none: NOT_SPECIFIED says that whoever wrote that place did not say why. Each copy of a packet
// counts: a broadcast that two sockets had no room for is dropped twice.
//
// It needs Linux 5.17 or later on amd64 or arm64, with its type information (CONFIG_DEBUG_INFO_BTF), CAP_BPF and
// CAP_PERFMON, or root; and for the names of functions a /proc/kallsyms that shows addresses (CAP_SYSLOG). Older
// kernels, and those without type information, still count what they drop in /proc/net/snmp, /proc/net/netstat and
// /proc/net/softnet_stat. The programs are gone when the Source is closed, and when its process ends, however it ends.
package drop

import (
	"fmt"
	"net/netip"
	"strconv"

	"sockwire/capture"
)

// Drop is one packet that was dropped.
type Drop struct {
	// Frame is what of it could be read: from its link-layer header on where that is still there (LinkEthernet), else
	// from its IP header on (LinkRaw), else cooked (LinkLinuxSLL2). Data that the kernel keeps in pages beside the
	// headers is not in it: Length tells. Frame.Comments has String's text.
	Frame  capture.Frame
	Reason Reason
	Place  Place
	// Network is the inode of the network namespace, as /proc/PID/ns/net shows it; 0 where that is not known.
	Network uint32
	// Device is the name of the interface at which the packet was, empty where there was none (any more, or yet).
	// Frame.Ifindex is its index.
	Device string
	// Socket is the one that the packet came from or was for; without one it is the zero Socket.
	Socket Socket
}

// Place is where in the kernel a packet was dropped.
type Place struct {
	Function string // empty where /proc/kallsyms does not tell
	Offset   uint64 // in it, in bytes
	Address  uint64
}

// String returns the function's name, or the address.
func (p Place) String() string {
	if p.Function == "" {
		return "0x" + strconv.FormatUint(p.Address, 16)
	}
	return p.Function
}

// Role is what a socket has to do with a packet.
type Role uint8

// Roles. Which one it is, the kernel's functions say that would give the packet back to its socket.
const (
	NoSocket Role = iota
	Related       // a socket is known, and not which way the packet went
	Sender        // the packet came from it
	Receiver      // the packet was for it
)

// String returns "from", "for", "of" or "".
func (r Role) String() string {
	switch r {
	case Sender:
		return "from"
	case Receiver:
		return "for"
	case Related:
		return "of"
	}
	return ""
}

// Socket is a socket at the moment when its packet was dropped.
type Socket struct {
	Role   Role
	Cookie uint64 // SO_COOKIE, unique while the system runs
	Inode  uint64 // as /proc/PID/fd shows it; 0 where no process has the socket, or none yet
	UID    uint32 // of who made it
	Family uint16 // AF_INET and others
	Type   uint16 // SOCK_STREAM and others; 0 for a socket of a connection that is being made or has ended
	// Protocol is IPPROTO_TCP and others, State that of include/net/tcp_states.h.
	Protocol      uint16
	State         uint8
	Local, Remote netip.AddrPort
	// Queued bytes and the limit of them, in the receive buffer and in the send buffer.
	Received, ReceiveLimit uint32
	Sent, SendLimit        uint32
	// Backlog is how many connections wait for accept, of so many that may.
	Backlog, BacklogLimit uint32
}

// String tells of the socket: "UDP socket 192.0.2.1:53".
func (s *Socket) String() string { return string(s.append(nil)) }

func (s *Socket) append(b []byte) []byte {
	b = append(b, s.Kind()...)
	b = append(b, " socket"...)
	if s.Local.IsValid() {
		b = append(append(b, ' '), name(s.Local)...)
	}
	if s.Remote.IsValid() && s.Remote.Port() != 0 {
		b = append(append(b, "-"...), name(s.Remote)...)
	}
	return b
}

// Of linux/socket.h, linux/net.h and linux/in.h, for systems that have none of them.
const (
	afUnix, afInet, afInet6, afPacket = 1, 2, 10, 17
	sockRaw                           = 3
	protoICMP, protoTCP, protoUDP     = 1, 6, 17
	protoICMPv6                       = 58
)

// Kind is "UDP", "TCP", "raw", "packet" and so on.
func (s *Socket) Kind() string {
	switch {
	case s.Family == afPacket:
		return "packet"
	case s.Family == afUnix:
		return "Unix"
	case s.Family != afInet && s.Family != afInet6:
		return fmt.Sprintf("family-%d", s.Family)
	case s.Type == sockRaw:
		return "raw"
	case s.Protocol == protoTCP:
		return "TCP"
	case s.Protocol == protoUDP:
		return "UDP"
	case s.Protocol == protoICMP, s.Protocol == protoICMPv6:
		return "ping"
	}
	return fmt.Sprintf("IP-%d", s.Protocol)
}

func name(a netip.AddrPort) string {
	if a.Addr().IsUnspecified() {
		return "*:" + strconv.Itoa(int(a.Port()))
	}
	return a.String()
}

// String says all in one line: "dropped: SOCKET_RCVBUFF in __udp_queue_rcv_skb, for UDP socket 192.0.2.1:53: its
// receive buffer was full".
func (d *Drop) String() string { return string(d.AppendText(nil)) }

// AppendText appends what String returns. Names of devices are outside text: escape them before a terminal.
func (d *Drop) AppendText(b []byte) []byte {
	b = append(b, "dropped: "...)
	b = append(b, d.Reason.Name...)
	b = append(b, " in "...)
	b = append(b, d.Place.String()...)
	if d.Socket.Role != NoSocket {
		b = append(append(append(b, ", "...), d.Socket.Role.String()...), ' ')
		b = d.Socket.append(b)
	}
	return append(append(b, ": "...), d.Why()...)
}

// Why says the reason in plain words, with the socket's numbers where they tell more.
func (d *Drop) Why() string {
	s := &d.Socket
	switch d.Reason.Name {
	case "NOT_SPECIFIED":
		if why := functions[d.Place.Function]; why != "" {
			return "the kernel gives no reason, but the function does: " + why
		}
	case "SOCKET_RCVBUFF", "PROTO_MEM":
		if s.ReceiveLimit > 0 && s.Role != Sender {
			return fmt.Sprintf("%s (%d of %d bytes)", d.Reason.Words(), s.Received, s.ReceiveLimit)
		}
	case "TCP_LISTEN_OVERFLOW":
		if s.Role != Sender && s.BacklogLimit > 0 {
			return fmt.Sprintf("%s (%d of %d)", d.Reason.Words(), s.Backlog, s.BacklogLimit)
		}
	}
	return d.Reason.Words()
}

// Stats counts what became of the drops, since Open.
type Stats struct {
	Delivered uint64 // frames that were read
	Lost      uint64 // drops that found no room in the ring, or came while another was recorded on the same processor
	Messages  uint64 // of Unix and netlink sockets, which are no packets: counted and not shown
}
