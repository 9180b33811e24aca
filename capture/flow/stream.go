package flow

import (
	"net/netip"
	"time"
)

// Direction is one of the two ways of a stream.
type Direction uint8

// Forward is from the side that opened the connection, or where no SYN was seen, from the sender of the first packet.
const (
	Forward Direction = iota
	Backward
)

// Other returns the other way.
func (d Direction) Other() Direction { return d ^ 1 }

// String returns "forward" or "backward".
func (d Direction) String() string {
	if d == Forward {
		return "forward"
	}
	return "backward"
}

// MarshalText implements [encoding.TextMarshaler].
func (d Direction) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// Link is where on the wire a stream lives. Connections with the same addresses and ports in two of them are two streams.
type Link struct {
	Interface int32  // Frame.Interface where Config.Interfaces asks for it, else 0
	VLAN      uint32 // the innermost VLAN id, and above 16 bits the one around it; 0 for none
	Tunnel    uint32 // VXLAN or Geneve network id, GRE key or MPLS label of the innermost tunnel that has one; 0 for none
}

// End is how a stream ended.
type End uint8

// Ends.
const (
	Open     End = iota // it goes on, as far as is known
	HalfOpen            // one side has said FIN
	Closed              // both sides have said FIN
	WasReset            // an RST that was accepted
	Refused             // an RST answered the SYN
	Replaced            // a new connection began between the same ends
)

var endNames = [...]string{"open", "half-closed", "closed", "reset", "refused", "replaced"}

// String returns the name that JSON has, such as "closed".
func (e End) String() string {
	if int(e) < len(endNames) {
		return endNames[e]
	}
	return "?"
}

// MarshalText implements [encoding.TextMarshaler].
func (e End) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// Stream is one TCP connection, as far as the capture has it. It belongs to its Tracker: it is valid until the next Add after
// Result.Ended had it.
type Stream struct {
	key
	number uint64
	first  uint64 // packet
	start  int64
	half   [2]half
	more   *more
	newer  uint32 // in the order of last use, see table
	older  uint32
	// Handshake round trips in units of tick: SYN to SYN-ACK, SYN-ACK to ACK.
	synTime, ackTime uint32
	ending           uint64 // packet
	slot             uint32
	state            End
	ender            Direction
	swapped          bool // the key's first end is not the one that opened
	leaving          bool
	syn              uint8 // what of the handshake was seen
}

// key tells streams apart.
type key struct {
	a, b   [16]byte
	ports  uint32
	link   Link
	family uint8 // 4 or 6
}

// Number counts the streams from 0, in the order of their first packets.
func (s *Stream) Number() uint64 { return s.number }

// Source returns the address and port that sends in direction d.
func (s *Stream) Source(d Direction) netip.AddrPort {
	if (d == Backward) != s.swapped {
		return netip.AddrPortFrom(s.address(s.b), uint16(s.ports))
	}
	return netip.AddrPortFrom(s.address(s.a), uint16(s.ports>>16))
}

func (s *Stream) address(a [16]byte) netip.Addr {
	if s.family == 4 {
		return netip.AddrFrom4([4]byte(a[:4]))
	}
	return netip.AddrFrom16(a)
}

// Link returns where the stream lives.
func (s *Stream) Link() Link { return s.link }

// First returns the number and time of its first packet.
func (s *Stream) First() (packet uint64, at time.Time) { return s.first, clock(s.start) }

// Last returns the number and time of its last packet so far.
func (s *Stream) Last() (packet uint64, at time.Time) {
	h := &s.half[0]
	if s.half[1].last > h.last {
		h = &s.half[1]
	}
	return h.last, clock(h.time)
}

// Duration is the time from the first to the last packet.
func (s *Stream) Duration() time.Duration {
	return time.Duration(max(s.half[0].time, s.half[1].time, s.start) - s.start)
}

// End returns how it ended, which side did that (the first FIN, or the RST), and in which packet. For Open, only the first is set.
func (s *Stream) End() (how End, by Direction, packet uint64) { return s.state, s.ender, s.ending }

// Handshake returns the round trips of the handshake as seen from the capture: from the SYN to the SYN-ACK, which is the way to
// the server and back, and from there to the ACK, which is the way to the client and back. Their sum is the round trip between the two.
// Each is 0 where not both packets were seen, or one of them was sent more than once.
func (s *Stream) Handshake() (server, client time.Duration) {
	return time.Duration(s.synTime) * tick, time.Duration(s.ackTime) * tick
}

// Complete reports whether the connection was seen from its first SYN.
func (s *Stream) Complete() bool { return s.half[0].anchored() }

// tick is the unit in which short times are kept.
const tick = 100 * time.Nanosecond

// clock turns nanoseconds since 1970 into a time, 0 into the zero Time.
func clock(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns)
}

// Limits says what held a direction back, and for how long, from its first byte to its last acknowledgement.
type Limits struct {
	Application time.Duration // the sender had nothing to send
	Receiver    time.Duration // the receiver's window was full
	Network     time.Duration // the sender waited for acknowledgements, or repaired a loss
}

// Side is what is known about one direction of a stream. It is a copy.
type Side struct {
	Packets  uint64 // without copies and corrupt ones
	Segments uint64 // packets with data
	Bytes    uint64 // of the stream, each counted once, as far as they were seen
	Again    uint64 // bytes that were sent again
	Missing  uint64 // bytes of the stream that were never seen
	// MaxInFlight is the most bytes that were sent and not yet acknowledged, at the place of the capture.
	MaxInFlight int64
	// Window is the last receive window that this side has told, in bytes, scaled where the scale is known.
	Window uint32
	// MSS is the largest segment that this side says it takes, 0 if no SYN of it was seen. Largest is the longest that it sent.
	MSS     uint16
	Largest uint32
	// Scale is its window scale, -1 if it did not say or its SYN was not seen.
	Scale         int
	SACKPermitted bool // in its SYN
	Timestamps    bool // in its last packet
	FastOpen      bool // data in its SYN, or a fast open cookie
	ECN           bool // its SYN offered or accepted ECN (RFC 3168)
	// Marks: packets that routers marked (CE), that echo the mark (ECE, behind the handshake), that answer the echo (CWR).
	CE, ECE, CWR uint32
	FIN, RST     bool
	RoundTrips   RoundTrips
	Limits       Limits

	counts [numKinds]uint32
	causes [numCauses]uint32
}

// Count returns how many verdicts of kind k there are about this direction.
func (s *Side) Count(k Kind) uint32 {
	if k < numKinds {
		return s.counts[k]
	}
	return 0
}

// Retransmissions returns how many of the retransmissions have cause c.
func (s *Side) Retransmissions(c Cause) uint32 {
	if c < numCauses {
		return s.causes[c]
	}
	return 0
}

// Side returns what is known about what direction d sends.
func (s *Stream) Side(d Direction) Side {
	h := &s.half[d&1]
	v := Side{
		Packets: h.packets, Segments: uint64(h.segments), MaxInFlight: int64(h.flight), Window: h.window,
		MSS: h.mss, Largest: h.largest, Scale: int(h.scale) - 1, SACKPermitted: h.has(sackPermitted),
		Timestamps: h.has(timestamps), FastOpen: h.has(fastOpen), ECN: h.has(ecnAgreed), FIN: h.has(finSeen), RST: h.has(rstSeen),
	}
	v.Bytes = uint64(max(h.dataEnd()-h.begin, 0))
	if m := s.more; m != nil {
		m.side[d&1].fill(&v)
	}
	v.Bytes -= min(v.Missing, v.Bytes)
	if v.RoundTrips.Count == 0 && h.rtt != 0 {
		v.RoundTrips.addTick(h.rtt)
	}
	return v
}
