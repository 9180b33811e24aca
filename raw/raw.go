// Package raw sends and receives IP packets on raw sockets and ICMP on ping sockets, and follows ICMP echoes from
// their send to their end.
//
// [Conn] is a socket of kind SOCK_RAW, or a ping socket (SOCK_DGRAM with ICMP) if [Config.Unprivileged] is set.
// [Pinger] sends echoes to one host or many and says what became of each; [PingHost] asks one host once.
//
// A raw socket needs CAP_NET_RAW. A ping socket needs the process's group within the range of the system control
// net.ipv4.ping_group_range, which governs IPv6 too. See raw(7) and icmp(7). Errors for want of either answer to
// errors.Is(err, os.ErrPermission), and have a method Hint() string with the command that grants the right.
//
// # What x/net does here, and what not
//
// The options of a socket that golang.org/x/net/ipv4 and ipv6 have words for are set by them: TTL and hop limit, TOS
// and traffic class, header inclusion, the loop of multicast, the program that filters. [Conn.IPv4], [Conn.IPv4Raw] and
// [Conn.IPv6] are their views of the same socket, for multicast groups, source filters, ICMP filters and control
// messages; [Conn.WriteHeader] sends by ipv4.RawConn.
//
// Packets are read and sent by raw/cmsg, for x/net does not reach what is needed with them: the kernel's timestamps,
// the count of drops, the error queue (its ReadBatch fails there with "invalid address" on a send timestamp), IPv4
// options, the mark and the path MTU; its ReadBatch allocates two times a packet, and the one here never. One by one,
// ipv4.RawConn sends 151,000 small packets a second where a batch of sendmmsg sends 285,000. IPv6 header inclusion,
// SO_MARK, binding to a device and path MTU discovery are system calls of our own for the same reason.
package raw

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"golang.org/x/net/bpf"

	"sockwire/raw/cmsg"
	"sockwire/raw/wire"
)

// Protocol is a number of the IP protocol field or of the IPv6 next header field.
type Protocol int

// Protocols by their IANA numbers.
const (
	ICMP   Protocol = wire.ProtoICMP
	IGMP   Protocol = wire.ProtoIGMP
	TCP    Protocol = wire.ProtoTCP
	UDP    Protocol = wire.ProtoUDP
	GRE    Protocol = wire.ProtoGRE
	ICMPv6 Protocol = wire.ProtoICMPv6
	SCTP   Protocol = wire.ProtoSCTP
	Raw    Protocol = wire.ProtoReserved // send only, with the header included
)

// String returns the protocol's name as /etc/protocols has it, or its number.
func (p Protocol) String() string {
	if p == Raw {
		return "raw"
	}
	if name := wire.ProtocolKey(uint8(p)); name != "" && p>>8 == 0 {
		return name
	}
	return strconv.Itoa(int(p))
}

// Config says how to open a [Conn]. The zero value is an ordinary IPv4 raw socket, or an IPv6 one for [ICMPv6].
type Config struct {
	// Local is the address to receive on and to send from. Its family is the socket's; an unspecified address
	// (0.0.0.0, ::) chooses the family alone. Not valid means the family of the protocol, IPv4 unless ICMPv6.
	// A link-local IPv6 address needs its zone or Interface.
	Local netip.Addr
	// Interface binds the socket to a device (SO_BINDTODEVICE).
	Interface string
	// HeaderIncluded: packets to send start with their IP header. The kernel always rewrites total length and
	// checksum of an IPv4 header and fills in identification and source where zero; an IPv6 header is sent as it is.
	HeaderIncluded bool
	// TTL and TOS are the time to live (hop limit) and type of service (traffic class) to send with; 0 is the
	// system's default.
	TTL, TOS uint8
	// Mark is the firewall mark of packets sent (SO_MARK); it needs CAP_NET_ADMIN or CAP_NET_RAW.
	Mark uint32
	// Broadcast permits sending to broadcast addresses (SO_BROADCAST).
	Broadcast bool
	// Filter is a classic BPF program run by the kernel before a packet is queued. On an IPv4 raw socket a packet
	// starts with the IP header, else with the protocol's. It is in force before the first packet is delivered.
	Filter []bpf.RawInstruction
	// ReadBuffer is the receive buffer to ask for, in bytes; 0 leaves the system's default, which holds about 256
	// small packets. Conn.ReadBuffer tells what was granted.
	ReadBuffer int
	// Unprivileged opens a ping socket: ICMP and ICMPv6 echo only, and the kernel chooses the identifier.
	Unprivileged bool
	// Errors turns on the error queue: see Conn.ReadError.
	Errors bool
	// Report asks for more than Conn needs: hardware or send timestamps, options. What is not granted is an error.
	Report cmsg.Set
}

// TimeSource says which clock a timestamp was read from.
type TimeSource uint8

// Sources of timestamps.
const (
	TimeNone     TimeSource = iota
	TimeProcess             // this process, when it read the packet
	TimeKernel              // the kernel, when the packet left or entered its network stack
	TimeHardware            // the network device
)

// String returns the source's name in lower case.
func (s TimeSource) String() string {
	switch s {
	case TimeProcess:
		return "process"
	case TimeKernel:
		return "kernel"
	case TimeHardware:
		return "hardware"
	}
	return "none"
}

// Meta is what is known of a packet received beside its bytes.
type Meta struct {
	// N is the number of bytes received into the buffer; HeaderLen of them, at the front, are the IP header. An IPv4
	// raw socket delivers the header, IPv6 and ping sockets do not.
	N, HeaderLen int

	From    netip.Addr // source; a link-local IPv6 address has Ifindex as its zone
	To      netip.Addr // destination; not valid if the kernel did not say
	Ifindex int        // interface of arrival
	TTL     int        // time to live or hop limit on arrival
	TOS     int        // type of service or traffic class

	Time     time.Time // when the packet was received, by the clock that TimeSource names, with nanoseconds
	Source   TimeSource
	Hardware time.Time // the device's clock, if Config.Report asked for it and the device stamped

	// Dropped counts packets that the socket had lost in its receive buffer when this one was queued, modulo 2^32.
	// Losses after the last packet show in Conn.Drops only.
	Dropped uint32
	// Truncated: the buffer was too small, the rest of the packet is gone.
	Truncated bool
	// BadChecksum: the ICMP checksum is wrong. The kernel delivers such packets to IPv4 raw sockets. Other protocols
	// are not checked, since a packet from this host may have its checksum left to the device.
	BadChecksum bool
}

// Packet is one packet of a batch. The caller owns Buf.
type Packet struct {
	Buf  []byte // room to receive into, or the bytes to send
	Meta        // received: all of it. To send: To, and Ifindex for a link-local destination

	// Control is sent with the packet; build it with the Append functions of raw/cmsg. Unused when receiving.
	Control []byte
}

// QueuedError is an entry of the error queue: an ICMP error about a packet sent, or a local error, or a send timestamp.
type QueuedError struct {
	cmsg.Error
	N    int        // bytes of the quoted packet in the buffer, from the protocol's header on
	To   netip.Addr // where the packet was sent to
	Time time.Time  // when the error arrived
}

// ErrQueued is returned, wrapped with its errno, by a read when an error waits in the error queue. The socket stays
// usable: call Conn.ReadError and read again.
var ErrQueued = errors.New("an error waits in the error queue")

// family is 4 or 6.
func (cfg *Config) family(proto Protocol) int {
	switch {
	case cfg.Local.Is4() || cfg.Local.Is4In6():
		return 4
	case cfg.Local.Is6() || proto == ICMPv6:
		return 6
	}
	return 4
}

func (cfg *Config) check(proto Protocol) error {
	family := cfg.family(proto)
	switch {
	case proto < 0 || proto > 255:
		return fmt.Errorf("protocol %d: it is 0 to 255", int(proto))
	case cfg.Unprivileged && !(proto == ICMP && family == 4 || proto == ICMPv6 && family == 6):
		return fmt.Errorf("a ping socket is for icmp over IPv4 or ipv6-icmp over IPv6, not %v over IPv%d", proto, family)
	case cfg.Unprivileged && cfg.HeaderIncluded:
		return errors.New("a ping socket cannot have the header included")
	case cfg.ReadBuffer < 0:
		return fmt.Errorf("receive buffer of %d bytes", cfg.ReadBuffer)
	}
	return nil
}

// permissionError is a refusal that knows the remedy.
type permissionError struct {
	error
	hint string
}

func (e *permissionError) Unwrap() error { return e.error }

// Hint returns the command that grants the missing right.
func (e *permissionError) Hint() string { return e.hint }
