// Package inject sends crafted packets and tells what answers them. It does not build packets, see package packet.
//
// [Ask] sends one packet and returns its answer. An [Exchange] sends many, on a [Schedule], matches what comes back,
// asks again where nothing does, and gives up. Its [Plan] says what is sent, refuses what must not be, fills in source
// and Ethernet addresses, and chooses the [Engine]: raw sockets, packet sockets, memory that is shared with the kernel
// (AF_XDP), or trains that the kernel or the device cuts into packets. What an exchange is made of is there for
// programs that want only a part: a [Transmission] takes packets from a [Source] to an engine, a [Matcher] or a
// [Cookie] knows answers, a [Resolver] finds the way out. Refusals of a full queue are retried and counted, and what
// the kernel will not take is named: nothing is lost silently.
//
// Which path is whose: the raw engine sends through ipv4.RawConn and ipv6.PacketConn of golang.org/x/net, by
// WriteBatch, which leaves the bytes of a packet as they are, as WriteTo does not. Floods and rates above 10,000 a
// second, and the engines for whole frames, which x/net does not have, make sendmmsg calls of this package's own. On
// one core, with packets of 46 bytes in batches of 256, these took 599,000 packets a second and WriteBatch 533,000; and
// at 100,000 a second the runtime, which watches x/net's sockets, is woken for so many packets that they cost nearly
// twice as much: 0.6 s of the kernel's time against 0.35.
//
// Engines are Linux only and need CAP_NET_RAW when they are opened, not later; elsewhere opening one fails with
// errors.ErrUnsupported. See packet(7), raw(7) and linux/virtio_net.h.
package inject

import (
	"encoding/binary"
	"fmt"
	"time"

	"sockwire/raw/wire"
)

// Engine is a way to put packets on the wire. It serves one goroutine.
type Engine interface {
	// Send hands packets to the kernel in their order and returns how many it took. While a queue is full it waits
	// and tries again. An error is that of the packet behind those taken, an [*os.SyscallError]. Send does not
	// allocate and does not keep the packets.
	Send(packets [][]byte) (int, error)
	// Batch is how many packets for one Send suit the engine.
	Batch() int
	// Refusals counts how often the kernel had no room, in a queue or in memory, and was asked again.
	Refusals() uint64
	// String says how the engine sends, for people.
	String() string
	Close() error
}

// Config says where an engine sends.
type Config struct {
	// Interface is the name of the device. A packet socket and trains need one; a raw socket is bound to it if it
	// is given.
	Interface string
	// QueueBypass hands frames to the device past its queueing discipline (PACKET_QDISC_BYPASS): faster, but other
	// packet sockets do not see them leave, and nothing is shaped. For packet sockets and trains.
	QueueBypass bool
	// Broadcast lets a raw socket send to broadcast addresses.
	Broadcast bool
	// SendBuffer is the socket's send buffer in bytes, 0 for 1 MiB; the kernel may grant less.
	SendBuffer int
	// Flood says that a raw socket is to send as fast as it can, or at a high rate, which it does by system calls of
	// this package's own.
	Flood bool

	patience time.Duration // without room; 0 for refusalLimit
}

// RawAlters says what the kernel would do to an IPv4 packet that is sent through a raw socket, so that what arrives is
// not what was asked; "" if nothing. mtu is that of the way out, 0 if it is not known. IPv6 packets are sent as they
// are, so only their size counts. See raw(7).
func RawAlters(p []byte, mtu int) string {
	if mtu > 0 && len(p) > mtu {
		return fmt.Sprintf("a raw socket refuses %d bytes, more than the MTU of %d", len(p), mtu)
	}
	if len(p) > 0 && p[0]>>4 == 6 {
		if len(p) < 40 {
			return "a raw socket refuses an IPv6 packet shorter than its header"
		}
		return ""
	}
	if len(p) < 20 {
		return "a raw socket refuses an IPv4 packet shorter than its header"
	}
	size := 4 * int(p[0]&15)
	switch {
	case size < 20 || size > len(p):
		return "a raw socket refuses a wrong header length"
	case int(binary.BigEndian.Uint16(p[2:])) != len(p):
		return "a raw socket's kernel writes the total length"
	case binary.BigEndian.Uint16(p[4:]) == 0:
		return "a raw socket's kernel replaces an id of 0"
	case binary.BigEndian.Uint32(p[12:]) == 0:
		return "a raw socket's kernel replaces the source address 0.0.0.0"
	case !wire.IPv4(p[:size]).GoodChecksum():
		return "a raw socket's kernel writes the header checksum"
	}
	return ""
}

// TrainRefuses says why packets equal to the frame cannot go as a train; "" if they can. A train is one UDP datagram
// that is cut into equal ones: the kernel writes lengths and checksums, and counts up the IPv4 id. TCP does not go:
// what is cut from a segment has rising sequence numbers, and flags such as PSH and FIN on its last piece alone, so the
// pieces are never equal packets.
func TrainRefuses(frame []byte) string {
	_, reason := parseTrain(frame)
	return reason
}

// trainLayout is where the headers of a UDP frame are.
type trainLayout struct{ ip, udp, payload int }

func parseTrain(f []byte) (l trainLayout, reason string) {
	const notUDP = "only UDP over IPv4 or IPv6 goes as a train"
	if len(f) < 14 {
		return l, notUDP
	}
	l.ip = 14
	switch binary.BigEndian.Uint16(f[12:]) {
	case 0x0800:
		if len(f) < 34 || f[14]>>4 != 4 || f[23] != 17 {
			return l, notUDP
		}
		size := 4 * int(f[14]&15)
		switch {
		case size != 20:
			return l, "a train has no IPv4 options"
		case binary.BigEndian.Uint16(f[20:])&0x3fff != 0:
			return l, "a fragment does not go as a train"
		case int(binary.BigEndian.Uint16(f[16:])) != len(f)-14:
			return l, "a train's kernel writes the total length"
		case !wire.IPv4(f[14:34]).GoodChecksum():
			return l, "a train's kernel writes the header checksum"
		}
		l.udp = 34
	case 0x86dd:
		if len(f) < 54 || f[14]>>4 != 6 || f[20] != 17 {
			return l, notUDP
		}
		if int(binary.BigEndian.Uint16(f[18:])) != len(f)-54 {
			return l, "a train's kernel writes the payload length"
		}
		l.udp = 54
	default:
		return l, notUDP
	}
	l.payload = l.udp + 8
	switch {
	case len(f) <= l.payload:
		return l, "a train is cut by payload: an empty datagram has none"
	case int(binary.BigEndian.Uint16(f[l.udp+4:])) != len(f)-l.udp:
		return l, "a train's kernel writes the UDP length"
	case binary.BigEndian.Uint16(f[l.udp+6:]) == 0 || !l.pseudoHeader(f).Add(f[l.udp:]).Good():
		return l, "a train's kernel writes the UDP checksum"
	}
	return l, ""
}

// pseudoHeader returns the sum of the pseudo header of the UDP frame.
func (l trainLayout) pseudoHeader(f []byte) wire.Sum {
	addresses := f[26:34]
	if l.udp == 54 {
		addresses = f[22:54]
	}
	return wire.Sum(0).Add16(wire.ProtoUDP).Add(addresses).Add16(uint16(len(f) - l.udp))
}
