// Package dgram exchanges datagrams (SOCK_DGRAM): UDP over IPv4, IPv6 and both at once, and Unix sockets with
// pathname, abstract and autobound names.
//
// A [Conn] keeps what the kernel knows about each datagram: source, destination address, interface, TTL, TOS with
// ECN, the time of arrival, whether it was cut, and how many were lost in the receive buffer before it. ICMP errors
// are taken from the socket's error queue, attributed to the datagram's destination and to the node that sent them,
// and never end a server. Batches, segment offload and receive offload stand behind the same calls.
//
// A server asks [Conn.Unanswerable] before it answers, so that no two servers answer each other for ever, and answers
// with [Conn.Reply], which never waits.
//
// # Whose calls are made
//
// Sockets are opened and named by package net. TTL, TOS, multicast options and groups are set by golang.org/x/net/ipv4
// and ipv6, which know them on every system. Own system calls are made where x/net does not reach: for what has to be
// set before the socket has an address, so that the first datagram has its interface and time too (control messages,
// SO_BINDTODEVICE, SO_MARK); for options it does not know (IP_MTU_DISCOVER, IP_MULTICAST_ALL, UDP_GRO); and for every
// receive and send. Those go through raw/cmsg: x/net parses no time stamps, drop counts, errors, TOS of IPv4 or segment
// sizes, its reading of the error queue fails on a send's time stamp, and it allocates twice for each datagram
// received, where raw/cmsg allocates nothing.
//
// # Other systems
//
// Hot paths ([Conn.Send], [Conn.SendAll], [Conn.Receive], [Conn.ReceiveBatch]) allocate nothing per datagram. Linux has
// all of it; on other systems plain UDP works, and what is missing there fails with [errors.ErrUnsupported] or is left
// at its zero value. See udp(7), ip(7), ipv6(7) and unix(7).
package dgram

import (
	"bytes"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"
)

// Addr is where a datagram comes from or goes to: an IP address and port, or the name of a Unix socket. The zero
// Addr is nobody: a Unix socket without a name, or the peer of a connected socket. Addrs are comparable.
type Addr struct {
	// IP is never an IPv4 address mapped into IPv6. The zone of a link-local address is an interface's name or index.
	IP netip.AddrPort
	// Unix is a path, or "@" and an abstract name.
	Unix string
}

// UDP returns the Addr of an IP address and port.
func UDP(a netip.AddrPort) Addr {
	return Addr{IP: netip.AddrPortFrom(a.Addr().Unmap(), a.Port())}
}

// Unix returns the Addr of a Unix socket: a path, or "@" and an abstract name.
func Unix(name string) Addr { return Addr{Unix: name} }

// IsZero tells whether a names nobody.
func (a Addr) IsZero() bool { return a == Addr{} }

// String returns "192.0.2.1:53", "[2001:db8::1]:53", "unix:/run/log", "unix:@name" or "-" for nobody. A Unix name
// is outside text: escape it before a terminal sees it.
func (a Addr) String() string {
	switch {
	case a.Unix != "":
		return "unix:" + a.Unix
	case a.IP.IsValid():
		return a.IP.String()
	default:
		return "-"
	}
}

// Datagram is one datagram received. What the system did not say is zero.
type Datagram struct {
	// Payload may be empty: an empty datagram is data, not the end. It is borrowed, see the call that returned it.
	Payload []byte
	From    Addr
	// To is where it was sent: the destination address in the packet, a group's or a broadcast address where it was
	// sent to one, and the socket's port. It is not valid on Unix sockets: there, it is [Conn.LocalAddr].
	To        netip.AddrPort
	Ifindex   int       // interface of arrival
	Interface string    // its name, or its number in digits if it has none any more
	Time      time.Time // when the kernel took it in; when it was read, on systems that do not say
	TTL       uint8     // time to live or hop limit on arrival
	TOS       uint8     // DSCP in the upper six bits, ECN in the lower two (RFC 2474, RFC 3168)
	// Truncated: the datagram was longer than the buffer and its rest is lost.
	Truncated bool
	// Dropped is how many datagrams the receive buffer lost between the one before this and this one. Losses after the
	// last datagram show in [Conn.Drops] only. On a socket that coalesces, what is lost is buffers of up to 128
	// datagrams each, and it is these that are counted.
	Dropped uint32
	// Coalesced: it came joined with others of its flow (Config.Coalesce).
	Coalesced bool
	// Credentials of a Unix socket's peer, if Config asked for them.
	Credentials Credentials
	// Files are descriptors passed over a Unix socket. They are the receiver's to close.
	Files []*os.File
}

// Clone returns a copy with a payload of its own, to be kept beyond the next receive. The files are the same open
// files.
func (d *Datagram) Clone() Datagram {
	c := *d
	c.Payload = bytes.Clone(d.Payload)
	return c
}

// ECN returns the two bits of explicit congestion notification (RFC 3168): 0 is not capable, 3 is congestion seen.
func (d *Datagram) ECN() uint8 { return d.TOS & 3 }

// Credentials are the process, user and group that sent a datagram over a Unix socket, as the kernel checked them.
type Credentials struct {
	PID      int
	UID, GID int
	Valid    bool
}

// Message is one datagram to send.
type Message struct {
	Payload []byte
	To      Addr // zero: the peer that [Dial] connected to
	// Options for this datagram alone. Zero leaves the choice to the socket.
	From    netip.Addr // source address, which must be one of the host's
	Ifindex int        // outgoing interface
	TTL     uint8      // time to live or hop limit
	TOS     uint8      // DSCP and ECN
	Files   []*os.File // descriptors to pass over a Unix socket; they stay open here
	Stamp   uint32     // not 0: note the times at which it leaves this host, see Conn.SendTimes; needs Config.SendTimes
}

// SendTime is when a datagram got somewhere on its way out of this host, by the kernel's clock.
type SendTime struct {
	Stamp uint32 // of the Message
	// Queued: this is when it entered the device's queue; else, when it was handed to the device.
	Queued bool
	Time   time.Time
}

// Fragmentation says what becomes of datagrams longer than the path's MTU (IP_MTU_DISCOVER).
type Fragmentation int

// Choices of Config.Fragmentation.
const (
	// FragmentDefault is the system's way: Linux sets DF and fragments at the source what exceeds the known path MTU.
	FragmentDefault Fragmentation = iota
	// FragmentAllow never sets DF, so routers may fragment IPv4.
	FragmentAllow
	// FragmentForbid sets DF and refuses what exceeds the known path MTU with EMSGSIZE.
	FragmentForbid
	// FragmentProbe sets DF and ignores the known path MTU, up to the interface's own: for path MTU search.
	FragmentProbe
)

// Config says how to open a socket. The zero value, and nil, are the defaults.
type Config struct {
	Local         string        // Dial: the address to send from, "192.0.2.1:4000", ":4000", a path or an abstract name
	Interface     string        // send and receive through this interface only (SO_BINDTODEVICE); group traffic goes out here
	ReadBuffer    int           // bytes of receive buffer to ask for; 0 is the system's default. See Conn.ReadBuffer
	WriteBuffer   int           // bytes of send buffer to ask for
	TTL           int           // 1 to 255; 0 is the system's default
	TOS           int           // 0 to 255: DSCP and ECN
	Fragmentation Fragmentation // of datagrams longer than the path MTU
	Broadcast     bool          // allow sending to broadcast addresses; else that fails with os.ErrPermission
	MulticastTTL  int           // of group traffic, 1 to 255; 0 means 1, which stays on the link
	NoLoop        bool          // do not deliver our own group traffic to this host
	Mark          int           // firewall mark (SO_MARK), needs a privilege
	ReuseAddr     bool          // several sockets on one address; each gets every group datagram (SO_REUSEADDR)
	ReusePort     bool          // several sockets of one user share the load of one address (SO_REUSEPORT)
	// MarkReplies gives what Reply sends a time to live that tells other servers that it is an answer, unless TTL is
	// set: see Conn.Unanswerable. It has an effect on Linux, over UDP.
	MarkReplies bool
	// AnswerServices allows answers to the ports of well-known services: see Conn.Unanswerable.
	AnswerServices bool
	// Coalesce lets the kernel hand over many datagrams of a flow at once (UDP_GRO), which is several times faster;
	// they still arrive one by one here, but share one Time, TTL and TOS.
	Coalesce bool
	// NoOffload never cuts batches in the kernel or the device (UDP_SEGMENT).
	NoOffload bool
	// ReplaceStale has Listen replace the file of a Unix socket that nobody has open any more. Any other file stays.
	ReplaceStale bool
	// SendTimes allows Message.Stamp (SO_TIMESTAMPING with SCM_TS_OPT_ID, Linux 6.13; older kernels give no times).
	SendTimes bool
	// Credentials asks for the sender's on each datagram of a Unix socket (SO_PASSCRED).
	Credentials bool
}

// Limits of a UDP payload in bytes: a 16-bit length less the headers (RFC 768, RFC 8200 without jumbograms).
const (
	MaxPayload4 = 65535 - 20 - 8
	MaxPayload6 = 65535 - 8
)

// unmapped is the Addr of a net.Addr.
func unmapped(a net.Addr) Addr {
	switch a := a.(type) {
	case *net.UDPAddr:
		if a != nil {
			return UDP(a.AddrPort())
		}
	case *net.UnixAddr:
		if a != nil {
			return Unix(a.Name)
		}
	}
	return Addr{}
}

func isUnix(network string) bool { return strings.HasPrefix(network, "unix") }
