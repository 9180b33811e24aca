// Package trace joins socket calls with the packets they made: which bytes of which call a segment or
// fragment carries, what a receive consumed, which ICMP error became which errno, and what the kernel
// filled in.
//
// Sources give events: a Call with its arguments and result, a Packet as captured, a State change of a
// socket, the addresses of a Host. Correlate turns them into a Timeline; it is a pure function of the
// events, so a walk-through, a traced program and a test are all joined the same way; Window does the same for
// a trace without end, and holds only what can still matter. Carrying and
// causing are two things: a segment carries bytes of two sends and may be caused by a timer. What the
// events do not tell is said to be unknown.
//
// Which sockets a packet is of is found by addresses, unless a Matcher has told it before by what the kernel saw at its
// sockets: addresses can be shared.
//
// All times are of one clock, as durations since a start that the source chose; Clock makes one and
// maps the kernel's packet time stamps onto it.
package trace

import (
	"net/netip"
	"slices"
	"strconv"
	"time"

	"sockwire/raw/wire"
)

// Event is a *Call, *Packet, *State, *Host or *Caption.
type Event interface{ event() }

func (*Call) event()   {}
func (*Packet) event() {}
func (*State) event()  {}
func (*Host) event()   {}

// SocketID names one socket for as long as the source runs; 0 is not known. An inode or a cookie will do.
type SocketID uint64

// Addr is the address of a socket. The zero Addr is no address.
type Addr struct {
	IP netip.AddrPort // of an internet socket
	// Unix is the name of a Unix socket: a pathname, or @ and an abstract name. It is text from
	// outside: escape it before a terminal sees it.
	Unix string
}

// IsValid tells whether there is an address.
func (a Addr) IsValid() bool { return a.IP.IsValid() || a.Unix != "" }

// String returns 192.0.2.1:80, [2001:db8::1]:80, the quoted name of a Unix socket, or "".
func (a Addr) String() string {
	switch {
	case a.IP.IsValid():
		return a.IP.String()
	case a.Unix != "":
		return strconv.QuoteToASCII(a.Unix)
	}
	return ""
}

// Op says what a call does with data.
type Op uint8

// Operations. OpByName, the zero value, lets the call's name decide.
const (
	OpByName Op = iota
	OpOther
	OpSend
	OpReceive
)

// ArgKind says which fields of an Arg hold its value.
type ArgKind uint8

// Kinds of argument.
const (
	ArgInt  ArgKind = iota // Int; Text where it has a name
	ArgName                // Text: flags and constants by name
	ArgData                // Data, Size; Text where it can be described
	ArgAddr                // Addr
)

// Arg is one argument of a call: as the caller passed it, or as the kernel filled it in.
type Arg struct {
	Name string // as in the manual page: fd, buf, len, flags, addr, …
	Kind ArgKind
	// Returned tells that the kernel filled it in: it is known when the call has returned. Such arguments follow the
	// others.
	Returned bool
	Int      int64
	Text     string
	Data     []byte // the first bytes, perhaps all
	Size     int    // of the whole data
	Addr     Addr
}

// Call is one socket system call.
type Call struct {
	Number  int // from 1, in the order of entering
	Process int
	Thread  int
	Actor   string // who called, in a word
	Host    string // the network namespace, by the name its Host event has
	// Caps is the calling thread's effective capability set, see capabilities(7); CapsKnown tells
	// whether the source read it.
	Caps      uint64
	CapsKnown bool

	Name   string // of the system call
	Ring   bool   // it was submitted through io_uring: Entered is when, and Left when its completion was posted
	Args   []Arg
	FD     int      // the descriptor it acts on, -1 for none
	Socket SocketID // what FD is

	Entered, Left time.Duration
	Pending       bool // it had not returned when the events end: Left, Result and Errno say nothing
	Ended         bool // with Pending: it never will, its thread ended in it or its return was lost. It was over when Left
	Result        int64
	Meaning       string // of Result by name, where it has one: the flags that fcntl(2) returns for F_GETFL
	Errno         string // by name, "" when it succeeded

	Op   Op
	Data []byte // what was sent or received: the first bytes, perhaps all
	Size int    // bytes passed to a send, room given to a receive
	// Addr is the destination that a send names, the source that a receive tells, the address of a
	// bind or connect, the peer of an accept.
	Addr     Addr
	Flags    []string // passed, by name: MSG_PEEK
	Returned []string // flags that recvmsg(2) returned: MSG_TRUNC
	// Messages are the messages of sendmmsg(2) and recvmmsg(2); Data, Size and Addr are then unused.
	Messages []Message
	FDs      []int // descriptors passed or received (SCM_RIGHTS)
	// Queued is what a receive with MSG_ERRQUEUE took from the socket's error queue: of recvmmsg(2) the entry of each
	// message.
	Queued []QueuedError
	// Waits are what poll(2), select(2) or epoll_wait(2) waits for: of an epoll instance its interest list when the
	// call is entered, and when it has returned what came into the list meanwhile. It may be shared with other calls.
	// Unlisted counts those beyond a limit that the source has. Ready are those that it reported.
	Waits    []Wait
	Unlisted int
	Ready    []Wait
	// Segment is how many bytes of each datagram a send asks for (UDP_SEGMENT), 0 for all in one.
	Segment int
	// Offset is where in its stream the call's first byte stands, if the source knows
	// (tcp_sock.write_seq); without it the results of earlier calls are added up.
	Offset      int64
	OffsetKnown bool
}

// Message is one of a call's several messages.
type Message struct {
	Data []byte
	Size int // bytes sent or received
	Room int // bytes there was room for, in one that was received; 0 is not known
	Addr Addr
	// Control describes the message's control messages, as the argument control of a call with one message does.
	Control  Arg
	Returned []string // flags that recvmmsg(2) returned: MSG_TRUNC
}

// QueuedError is an entry of the error queue of a socket, ip(7) IP_RECVERR: struct sock_extended_err of
// include/uapi/linux/errqueue.h.
type QueuedError struct {
	Errno    string     `json:"errno,omitempty"` // by name, "" for 0
	Origin   string     `json:"origin"`          // in a word: local, icmp, icmp6, timestamping, zerocopy, txtime
	Type     uint8      `json:"icmp_type"`       // of the ICMP message
	Code     uint8      `json:"code"`
	Info     uint32     `json:"info"` // MTU; which send timestamp; the first of the zero-copy sends that are done
	Data     uint32     `json:"data"` // of a send timestamp the key; the last of the zero-copy sends
	Offender netip.Addr `json:"offender,omitzero"`
	Message  int        `json:"message"` // index among the call's messages, 0 when it has one
}

var opByName = map[string]Op{
	"send": OpSend, "sendto": OpSend, "sendmsg": OpSend, "sendmmsg": OpSend, "write": OpSend, "writev": OpSend, "pwritev2": OpSend, "sendfile": OpSend,
	"recv": OpReceive, "recvfrom": OpReceive, "recvmsg": OpReceive, "recvmmsg": OpReceive, "read": OpReceive, "readv": OpReceive, "preadv2": OpReceive,
}

func (c *Call) op() Op {
	if c.Op != OpByName {
		return c.Op
	}
	if op, ok := opByName[c.Name]; ok {
		return op
	}
	return OpOther
}

// Sends tells whether the call passes data to send.
func (c *Call) Sends() bool { return c.op() == OpSend }

// Reads tells whether the call returns data, Receives whether that was received: what the error queue returns was sent.
func (c *Call) Reads() bool    { return c.op() == OpReceive }
func (c *Call) Receives() bool { return c.Reads() && !c.HasFlag("MSG_ERRQUEUE") }

// Succeeded tells whether the call returned and succeeded.
func (c *Call) Succeeded() bool { return !c.Pending && c.Errno == "" }

// activeAt tells whether the call had been entered and not left at t.
func (c *Call) activeAt(t time.Duration) bool {
	return c.Entered <= t && (c.goesOn() || t <= c.Left)
}

// goesOn tells whether the call may still return when the events end.
func (c *Call) goesOn() bool { return c.Pending && !c.Ended }

// Arg returns the argument of that name.
func (c *Call) Arg(name string) (Arg, bool) {
	for _, a := range c.Args {
		if a.Name == name {
			return a, true
		}
	}
	return Arg{}, false
}

// Option returns what a setsockopt sets, and whether it is one that sets an int.
func (c *Call) Option() (name string, value int64, ok bool) {
	if c.Name != "setsockopt" {
		return "", 0, false
	}
	n, _ := c.Arg("optname")
	v, ok := c.Arg("optval")
	return n.Text, v.Int, ok && v.Kind == ArgInt
}

// dissolves tells whether the call asks to dissolve a socket's connection, connect(2).
func (c *Call) dissolves() bool {
	a, _ := c.Arg("addr")
	return c.Name == "connect" && a.Text == "AF_UNSPEC"
}

// HasFlag tells whether a flag was passed, HasReturned whether one was returned.
func (c *Call) HasFlag(name string) bool     { return slices.Contains(c.Flags, name) }
func (c *Call) HasReturned(name string) bool { return slices.Contains(c.Returned, name) }

// StateChange is what became of a socket.
type StateChange uint8

// Changes of state.
const (
	Created StateChange = iota
	Bound
	Connected
	Accepted // created by an accept: Parent is the listener
	Closed
	Sighted // a packet of it was seen: its Cookie is known
	// Dissolved by connect(2) with AF_UNSPEC: it has no peer any more, and of its own address what it was bound to;
	// what it sends and receives then is another stream.
	Dissolved
)

var changeNames = [...]string{"created", "bound", "connected", "accepted", "closed", "sighted", "dissolved"}

// String returns the change in a word.
func (c StateChange) String() string {
	if int(c) < len(changeNames) {
		return changeNames[c]
	}
	return "unknown"
}

// Family is the address family of a socket.
type Family uint8

// Families.
const (
	FamilyUnknown Family = iota
	FamilyIPv4
	FamilyIPv6
	FamilyUnix
	FamilyPacket
)

// Kind is the type of a socket.
type Kind uint8

// Kinds of socket.
const (
	KindUnknown Kind = iota
	KindStream
	KindDatagram
	KindRaw
	KindSeqpacket
)

var kindNames = [...]string{"unknown", "stream", "datagram", "raw", "seqpacket"}

// String returns the kind in a word.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// State is a change of state of a socket. Fields that the source does not know stay zero; a later
// State of the same socket adds to the earlier ones.
type State struct {
	Time     time.Duration
	Socket   SocketID
	Change   StateChange
	Call     int    // the call that made the change, 0 for none or not known
	Actor    string // whose socket
	Host     string
	FD       int
	Family   Family
	Kind     Kind
	Protocol uint8 // as in the IP header
	Local    Addr
	Remote   Addr
	Parent   SocketID // the listener of an accepted socket
	Peer     SocketID // the other end, where the source knows it
	Cookie   uint64   // the kernel's name for it, where it has one: SO_COOKIE of socket(7)
}

// Host names a network namespace, says which addresses are its own, and whether the packets that its
// sockets send and receive are among the events. Only of a host that was captured can be said that a call
// made no packet.
type Host struct {
	Name     string
	Addrs    []netip.Addr
	Captured bool
}

// Direction of a packet, seen from the host that captured it.
type Direction uint8

// Directions.
const (
	DirectionUnknown Direction = iota
	In
	Out
)

// IP protocol numbers that the correlator knows.
const (
	ProtoICMP   = 1
	ProtoTCP    = 6
	ProtoUDP    = 17
	ProtoICMPv6 = 58
)

// Packet is one captured packet. Exactly one of TCP, UDP and ICMP is set for a whole packet or first
// fragment of that protocol.
type Packet struct {
	Number    int // from 1, in the order of capture
	Time      time.Duration
	Host      string // that captured it
	Interface string
	Direction Direction

	// Src and Dst have port 0 where the protocol has none or the packet does not show it.
	Src, Dst netip.AddrPort
	Protocol uint8 // after extension headers
	TTL      uint8
	IPID     uint32 // IPv4 identification, or that of an IPv6 fragment header
	Fragment Fragment

	TCP  *TCP
	UDP  *UDP
	ICMP *ICMP

	// Payload holds what follows the transport header (for a later fragment and for other protocols:
	// what follows the IP header), the first bytes or all; PayloadLength is its whole length.
	Payload       []byte
	PayloadLength int
	// Network holds the packet from its IP header on, as far as it was captured.
	Network []byte

	LinkHeader      int // bytes before the IP header
	NetworkHeader   int // bytes of IP header and extension headers
	TransportHeader int
	Length          int // of the frame, link header included
	// Segments are the frames on the wire that a super-packet of segmentation offload stands for; 0 and 1 mean one.
	// Where the source does not know, Correlate works it out from the connection's MSS, or from UDP_SEGMENT.
	Segments    int
	SegmentSize int // payload bytes of each of them

	// Summary is the packet in a line, if it is not IP; it may be text from outside.
	Summary string

	// Sender is the cookie of the socket that it left from, Receivers those of the sockets that it was given to, where
	// the kernel told, see Matcher; without them sockets are found by their addresses.
	Sender    uint64
	Receivers []uint64

	// Said is what the kernel says of why it sent the segment again, or this reset; nil where it says nothing.
	Said *Said
	// Drops are what the kernel said where it dropped the packet, or copies of it.
	Drops []Drop
	// Uncaptured: nothing but the kernel's word that it dropped it tells of the packet, as of one that died before it
	// came to an interface.
	Uncaptured bool
}

// Drop is the kernel's word that it dropped a packet, see package drop.
type Drop struct {
	Time   time.Duration
	Reason string // by the kernel's name: SOCKET_RCVBUFF
	Why    string // in plain words
	Place  string // the kernel's function
}

// Fragment says which part of an IP datagram's payload a packet holds.
type Fragment struct {
	Is     bool
	Offset int // in bytes
	More   bool
}

// TCP is what a TCP header says.
type TCP struct {
	Seq, Ack uint32
	Flags    wire.TCPFlags
	Window   uint16
	MSS      uint16 // of the option, 0 where there is none
	// Timestamps tells whether the segment has the option of RFC 7323.
	Timestamps bool
	// Options are all options as they stand in the header, 40 bytes at most.
	Options []byte
}

// UDP is what a UDP header says.
type UDP struct {
	Length int // header included
}

// ICMP is what an ICMP or ICMPv6 header says.
type ICMP struct {
	Type, Code uint8
	Name       string // "echo request", "port unreachable"; "" for the numbers alone
	ID, Seq    uint16 // of an echo
	Quote      *Quote // of an error
}

// Quote is the start of a packet as an ICMP error returns it.
type Quote struct {
	Protocol uint8
	Src, Dst netip.AddrPort
	IPID     uint32
	Length   int    // of the UDP header's length field
	Seq      uint32 // of the TCP header
	Payload  []byte // after the transport header, as far as it is quoted
}

// EchoRequest and EchoReply tell whether it is one; v6 is ICMPv6.
func (i *ICMP) EchoRequest(v6 bool) bool {
	return v6 && i.Type == 128 || !v6 && i.Type == 8
}

func (i *ICMP) EchoReply(v6 bool) bool {
	return v6 && i.Type == 129 || !v6 && i.Type == 0
}

// FromKernel tells whether it is what a kernel says of its own accord or to its neighbours, without a socket: multicast
// listener reports (RFC 3810, RFC 2710), router and neighbour discovery (RFC 4861).
func (i *ICMP) FromKernel(v6 bool) bool {
	return v6 && (i.Type >= 130 && i.Type <= 137 || i.Type == 143)
}

// Lengths of headers without options.
const (
	ipv4Header = 20
	ipv6Header = 40
	tcpHeader  = 20
	udpHeader  = 8
)

// Wait is a descriptor that a call waits for: one of poll(2) or select(2), or one of an epoll(7) instance's interest
// list. In such a list one that is no socket may stay after it was closed, which a source need not see.
type Wait struct {
	FD     int      // -1 where it is not known
	Socket SocketID // what it is, 0 for no socket or not known
	Events Readiness
	Data   uint64 // that epoll_ctl(2) was given for it
	// Since is when it came into the interest list, which may be while the call waits.
	Since time.Duration
}

// Began is from when on the call waited for it.
func (w *Wait) Began(c *Call) time.Duration { return max(w.Since, c.Entered) }
