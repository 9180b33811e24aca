package drop

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"strings"
	"time"

	"sockwire/capture"
)

// What the program records of a drop, in native order. The packet's bytes follow.
const (
	atTime        = 0 // of CLOCK_MONOTONIC
	atPlace       = 8
	atDestructor  = 16 // of the packet: a function that gives it back to its socket, or 0
	atReason      = 24
	atNetwork     = 28
	atIfindex     = 32
	atHardware    = 36 // ARPHRD_*, 0 without a device
	atProtocol    = 38 // EtherType, in network order
	atLength      = 40 // from where the data begins that the kernel looks at
	atStart       = 44 // where that is, in the packet's memory
	atFrom        = 48 // where the bytes begin that follow
	atKept        = 52 // how many these are
	atNetworkAt   = 56 // where the IP header begins, and the link-layer header: 16 bits each
	atLinkAt      = 58
	atInputIndex  = 60 // of the interface through which it came in, 0 for one that was made here
	atName        = 64 // of the device, 16 bytes
	atSocketKind  = 80 // 1 skb->sk, 2 the receiving socket that the trace point names; 0 none
	atState       = 81
	atFamily      = 82
	atType        = 84
	atSocketProto = 86
	atCookie      = 88
	atInode       = 96
	atUID         = 104
	atLocalPort   = 108 // in native order, as skc_num is
	atRemotePort  = 110 // in network order
	atLocal       = 112
	atRemote      = 128
	atReceived    = 144
	atRecvLimit   = 148
	atSent        = 152
	atSendLimit   = 156
	atBacklog     = 160
	atBackLimit   = 164
	headerSize    = 168

	notSet = 0xffff // a header's place that was not set

	hardwareEthernet = 1   // ARPHRD_ETHER
	hardwareLoopback = 772 // ARPHRD_LOOPBACK
	ethernetHeader   = 14
	sll2Header       = 20
)

var (
	order     = binary.NativeEndian
	errRecord = errors.New("drop: a record that the program does not write")
)

// reading turns records into drops. names and symbols say what numbers mean.
type reading struct {
	reason func(uint32) Reason
	place  func(uint64) Place
	cooked []byte // a frame that gets a header of ours
}

// parse reads a record into d, which borrows its bytes, and tells whether it is of a packet. at is what the clock of
// the records shows at 1970.
func (r *reading) parse(d *Drop, b []byte, at time.Time) (packet bool, err error) {
	if len(b) < headerSize {
		return false, errRecord
	}
	h, data := b[:headerSize], b[headerSize:]
	kept := int(order.Uint32(h[atKept:]))
	if kept > len(data) {
		return false, errRecord
	}
	data = data[:kept:kept]
	*d = Drop{
		Reason: r.reason(order.Uint32(h[atReason:])), Place: r.place(order.Uint64(h[atPlace:])),
		Network: order.Uint32(h[atNetwork:]), Device: cString(h[atName : atName+16]),
	}
	d.Socket = r.socket(h)
	d.Frame = capture.Frame{
		Time: at.Add(time.Duration(order.Uint64(h[atTime:]))), Ifindex: int(order.Uint32(h[atIfindex:])), Direction: direction(h, &d.Socket),
	}
	return r.frame(d, h, data), nil
}

func cString(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}

// direction is known of what came in through the interface at which it was dropped, and of what a socket sent.
func direction(h []byte, s *Socket) capture.Direction {
	index, input := order.Uint32(h[atIfindex:]), order.Uint32(h[atInputIndex:])
	switch {
	case s.Role == Receiver, input != 0 && input == index:
		return capture.DirectionIn
	case s.Role == Sender && (input == 0 || input != index):
		return capture.DirectionOut
	}
	return capture.DirectionUnknown
}

// frame makes the packet's bytes a frame, and tells whether they are a packet.
func (r *reading) frame(d *Drop, h, data []byte) bool {
	f := &d.Frame
	from, start := int(order.Uint32(h[atFrom:])), int(order.Uint32(h[atStart:]))
	network, link := int(order.Uint16(h[atNetworkAt:])), int(order.Uint16(h[atLinkAt:]))
	protocol := binary.BigEndian.Uint16(h[atProtocol:])
	hardware := order.Uint16(h[atHardware:])
	f.Length = max(int(int32(order.Uint32(h[atLength:])))+start-from, len(data))
	ethernet := hardware == hardwareEthernet || hardware == hardwareLoopback
	switch {
	case ethernet && (from == link || network == from+ethernetHeader) && len(data) >= ethernetHeader:
		f.Link, f.Data = capture.LinkEthernet, data
		return true
	case len(data) > 0 && (data[0]>>4 == 4 && protocol == 0x0800 || data[0]>>4 == 6 && protocol == 0x86dd):
		f.Link, f.Data = capture.LinkRaw, data
		return true
	case protocol == 0 && len(data) > 0 && network == from && inet(d.Socket.Family):
		f.Link, f.Data = capture.LinkRaw, data // an IP header before anyone said so
		return true
	}
	if protocol == 0 && !inet(d.Socket.Family) && d.Socket.Family != afPacket {
		return false // a message of a Unix or netlink socket
	}
	// The bytes may have no IP header, or not yet: the cooked header says what is known of them.
	r.cooked = append(r.cooked[:0], make([]byte, sll2Header)...)
	binary.BigEndian.PutUint16(r.cooked, protocol)
	binary.BigEndian.PutUint32(r.cooked[4:], uint32(f.Ifindex))
	binary.BigEndian.PutUint16(r.cooked[8:], hardware)
	if f.Direction == capture.DirectionOut {
		r.cooked[10] = 4 // PACKET_OUTGOING
	}
	r.cooked = append(r.cooked, data...)
	f.Link, f.Data, f.Length = capture.LinkLinuxSLL2, r.cooked, f.Length+sll2Header
	return true
}

func inet(family uint16) bool { return family == afInet || family == afInet6 }

// socket reads what the record says of a socket, and which way the packet went.
func (r *reading) socket(h []byte) (s Socket) {
	kind := h[atSocketKind]
	if kind == 0 {
		return s
	}
	s = Socket{
		Cookie: order.Uint64(h[atCookie:]), Inode: order.Uint64(h[atInode:]), UID: order.Uint32(h[atUID:]), State: h[atState],
		Family: order.Uint16(h[atFamily:]), Type: order.Uint16(h[atType:]), Protocol: order.Uint16(h[atSocketProto:]),
		Received: order.Uint32(h[atReceived:]), ReceiveLimit: order.Uint32(h[atRecvLimit:]),
		Sent: order.Uint32(h[atSent:]), SendLimit: order.Uint32(h[atSendLimit:]),
		Backlog: order.Uint32(h[atBacklog:]), BacklogLimit: order.Uint32(h[atBackLimit:]),
	}
	local, remote := order.Uint16(h[atLocalPort:]), binary.BigEndian.Uint16(h[atRemotePort:])
	switch s.Family {
	case afInet:
		s.Local = netip.AddrPortFrom(netip.AddrFrom4([4]byte(h[atLocal:])), local)
		s.Remote = netip.AddrPortFrom(netip.AddrFrom4([4]byte(h[atRemote:])), remote)
	case afInet6:
		s.Local = netip.AddrPortFrom(netip.AddrFrom16([16]byte(h[atLocal:])).Unmap(), local)
		s.Remote = netip.AddrPortFrom(netip.AddrFrom16([16]byte(h[atRemote:])).Unmap(), remote)
	}
	s.Role = Related
	if kind == 2 {
		s.Role = Receiver
	} else if place := order.Uint64(h[atDestructor:]); place != 0 {
		s.Role = roleOf(r.place(place).Function)
	}
	return s
}

// roleOf tells by the function that gives a packet back (struct sk_buff's destructor) what its socket has to do with
// it: sock_wfree and its like take it off the send buffer, sock_rfree off the receive buffer, and sock_edemux lets go
// of a receiver that was looked up early.
func roleOf(destructor string) Role {
	switch {
	case strings.Contains(destructor, "wfree"):
		return Sender
	case strings.Contains(destructor, "rfree"), strings.Contains(destructor, "edemux"), strings.Contains(destructor, "pfree"):
		return Receiver
	}
	return Related
}
