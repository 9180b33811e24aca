// Package cmsg reads and writes the control messages that travel beside a datagram, the socket error queue,
// and batches of datagrams in one system call.
//
// It serves raw sockets, ping sockets, UDP sockets and Unix datagram sockets alike. [Enable] turns on what the
// kernel is to report, [Receiver] reads datagrams in batches, [Info.Parse] decodes the control bytes of one of them,
// the Append functions build control bytes for [Sender].
//
// The kernel's rules are in the manual pages ip(7), ipv6(7), udp(7), unix(7), socket(7), cmsg(3), and in the kernel
// document networking/timestamping. The layout of control messages differs between systems, and all that has to do with
// it, batches included, exists on Linux only; elsewhere the package has its types, [Socket], [Control] and [Until].
package cmsg

import (
	"net/netip"
	"strings"
	"syscall"
	"time"
)

// Set names kinds of control messages. It says what [Enable] turns on and, in [Info.Has], what was found.
type Set uint32

// What the kernel can report about a datagram. The ones marked "socket" ask for the message on every datagram
// received; the Tx ones ask for a message on the error queue about every datagram sent.
const (
	// PacketInfo is the destination address and the interface of arrival (IP_PKTINFO, IPV6_RECVPKTINFO).
	PacketInfo Set = 1 << iota
	// TTL is the time to live or the hop limit (IP_RECVTTL, IPV6_RECVHOPLIMIT).
	TTL
	// TOS is the type of service or the traffic class (IP_RECVTOS, IPV6_RECVTCLASS).
	TOS
	// RxSoftware is the time at which the kernel received the datagram (SO_TIMESTAMPNS or SO_TIMESTAMPING).
	RxSoftware
	// RxHardware is the time at which the device received it, on the device's own clock (SO_TIMESTAMPING).
	// The device must have been told to stamp, which needs a privilege and is not done here.
	RxHardware
	// TxSched is the time at which a sent datagram entered the queueing discipline (SCM_TSTAMP_SCHED).
	TxSched
	// TxSoftware is the time at which a sent datagram was handed to the device (SCM_TSTAMP_SND).
	TxSoftware
	// TxHardware is the time at which the device sent it, on the device's own clock (SCM_TSTAMP_SND).
	TxHardware
	// TxPerCall prepares the socket for send timestamps without asking for any: [AppendTimestamping] then
	// asks for them call by call.
	TxPerCall
	// Drops is the count of datagrams lost in the receive buffer before this one (SO_RXQ_OVFL). It speaks of the
	// time this datagram was queued, so the last losses are never reported: [ReadDrops] tells those.
	Drops
	// GRO lets the kernel hand over several UDP datagrams of one size in one buffer (UDP_GRO).
	GRO
	// Errors is the error queue: ICMP errors and local errors with their cause (IP_RECVERR, IPV6_RECVERR).
	// It changes the socket: pending errors fail unrelated calls once each, and a queueing discipline that drops
	// what is sent makes the send fail with ENOBUFS.
	Errors
	// ErrorExtensions asks for the place of RFC 4884 extensions in a quoted packet (IP_RECVERR_RFC4884).
	ErrorExtensions
	// OriginalDst is the destination before redirection (IP_RECVORIGDSTADDR, IPV6_RECVORIGDSTADDR).
	OriginalDst
	// FlowInfo is the IPv6 traffic class and flow label (IPV6_FLOWINFO).
	FlowInfo
	// Options are the IPv4 options of the datagram (IP_RECVOPTS).
	Options
	// FragmentSize is the largest fragment of a reassembled datagram (IP_RECVFRAGSIZE, IPV6_RECVFRAGSIZE).
	FragmentSize
	// Mark is the firewall mark (SO_RCVMARK).
	Mark
	// Credentials are the sender's process, user and group (SO_PASSCRED). Unix sockets only.
	Credentials
	// Rights are passed file descriptors (SCM_RIGHTS). Found, never enabled.
	Rights

	setEnd
)

var setNames = [...]string{"PacketInfo", "TTL", "TOS", "RxSoftware", "RxHardware", "TxSched", "TxSoftware", "TxHardware", "TxPerCall",
	"Drops", "GRO", "Errors", "ErrorExtensions", "OriginalDst", "FlowInfo", "Options", "FragmentSize", "Mark", "Credentials", "Rights"}

// String lists the names in s, joined by "|".
func (s Set) String() string {
	var names []string
	for i, name := range setNames {
		if s&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, "|")
}

// Info is what the control messages of one datagram said. Reuse it: [Info.Parse] resets it and allocates nothing
// (but for the first file descriptors passed). A field means something only when its bit is in Has.
type Info struct {
	// Has tells which messages were found. RxSoftware and RxHardware stand for a software and a hardware timestamp
	// of either direction; Errors for an entry of the error queue.
	Has Set

	Dst     netip.Addr // PacketInfo: destination in the packet's header, unmapped from ::ffff:0:0/96
	Local   netip.Addr // PacketInfo, IPv4: the local address the kernel would answer from; Dst unless multicast or broadcast
	Ifindex int        // PacketInfo: interface of arrival

	TTL int // TTL: 0 to 255
	TOS int // TOS: 0 to 255, DSCP and ECN

	Software time.Time // RxSoftware: the system's real-time clock
	Hardware time.Time // RxHardware: the device's clock as it stands, not converted

	Drops        uint32         // Drops: losses of this socket so far, modulo 2^32
	SegmentSize  int            // GRO: size of each datagram in the buffer; the last may be shorter
	Error        Error          // Errors
	OriginalDst  netip.AddrPort // OriginalDst, unmapped
	FlowInfo     uint32         // FlowInfo: traffic class in bits 20 to 27, flow label in the low 20
	Options      []byte         // Options: a view into the control bytes given to Parse
	FragmentSize int            // FragmentSize, bytes
	Mark         uint32         // Mark
	Pid          int32          // Credentials
	UID, GID     uint32         // Credentials
	Rights       []int          // Rights: descriptors now owned by the caller, who must close them

	// Unknown counts messages this package does not know; they are skipped.
	Unknown int
	// Truncated: the control buffer was too small and the kernel threw messages away (MSG_CTRUNC).
	Truncated bool
	// Malformed: the control bytes broke off or a message was too short for its kind; what came before it stands.
	Malformed bool
}

// Reset clears i for use with another datagram, keeping the storage of Rights.
func (i *Info) Reset() {
	rights := i.Rights[:0]
	*i = Info{Rights: rights}
}

// Origin says who reported an [Error].
type Origin uint8

// Origins, numbered as in linux/errqueue.h.
const (
	OriginNone         Origin = 0
	OriginLocal        Origin = 1 // this host: no route, too large for the known path MTU
	OriginICMP         Origin = 2 // an ICMP message
	OriginICMPv6       Origin = 3 // an ICMPv6 message
	OriginTimestamping Origin = 4 // no error: a send timestamp
	OriginZerocopy     Origin = 5 // no error: a zero-copy send completed
	OriginTxTime       Origin = 6 // a send missed its SCM_TXTIME
)

var originNames = [...]string{"none", "local", "icmp", "icmp6", "timestamping", "zerocopy", "txtime"}

// String returns the origin's name in lower case.
func (o Origin) String() string {
	if int(o) < len(originNames) {
		return originNames[o]
	}
	return "unknown"
}

// Stamp says where on its way out a datagram was stamped. Numbers as in linux/errqueue.h.
type Stamp uint32

// Places of a send timestamp.
const (
	StampSent      Stamp = 0 // handed to the device, or sent by it if the timestamp is a hardware one
	StampScheduled Stamp = 1 // entered the queueing discipline
	StampAcked     Stamp = 2 // acknowledged by the peer; streams only
)

// Error is one entry of the error queue: struct sock_extended_err.
type Error struct {
	Errno  syscall.Errno // the errno the kernel makes of it
	Origin Origin
	Type   uint8  // ICMP type
	Code   uint8  // ICMP code
	Info   uint32 // next-hop MTU for "fragmentation needed" and "packet too big"; the Stamp of a send timestamp
	Data   uint32 // identifier of a send timestamp

	// Offender is the address of the node that sent the ICMP message; not valid if there is none.
	Offender netip.Addr
	// OffenderScope is the interface index that goes with a link-local Offender.
	OffenderScope uint32

	// ExtensionOffset is where in the quoted packet's payload the RFC 4884 extensions start, 0 if there are none.
	// ExtensionsInvalid is set when the kernel found their length or checksum wrong. Both need ErrorExtensions.
	ExtensionOffset   int
	ExtensionsInvalid bool
}

// Timestamp returns the place and identifier of a send timestamp; ok is false if e is something else.
func (e *Error) Timestamp() (at Stamp, id uint32, ok bool) {
	return Stamp(e.Info), e.Data, e.Origin == OriginTimestamping
}

// MTU returns the next-hop MTU in bytes that came with the error, 0 if none did.
func (e *Error) MTU() int {
	tooBig := e.Origin == OriginICMP && e.Type == 3 && e.Code == 4 || e.Origin == OriginICMPv6 && e.Type == 2
	if tooBig || e.Origin == OriginLocal {
		return int(e.Info)
	}
	return 0
}

// Message is one datagram of a batch. The caller owns Buf and OOB; both are used during the call only.
type Message struct {
	Buf []byte // payload: room to receive into, or what to send
	OOB []byte // control bytes: room to receive into, or what to send; may be nil

	// Addr is the source of a received datagram or the destination of one to send; not valid means none
	// (a connected socket, a nameless Unix peer). IPv4 addresses are never in their IPv6-mapped form when received;
	// either form may be given to send. It carries no zone: Scope does.
	Addr  netip.AddrPort
	Scope uint32 // interface index of a link-local IPv6 address

	N     int // received: bytes in Buf. Sent: bytes taken by the kernel
	NN    int // received: bytes in OOB
	Flags int // received: MSG_TRUNC, MSG_CTRUNC, MSG_ERRQUEUE as in recvmsg(2)
}
