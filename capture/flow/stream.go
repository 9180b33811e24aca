package flow

import (
	"net/netip"
	"time"
)

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

// Number counts the streams from 0, in the order of their first packets.
func (s *Stream) Number() uint64 { return s.number }

// Source returns the address and port that sends in direction d.
func (s *Stream) Source(d Direction) netip.AddrPort {
	if (d == Backward) != s.swapped {
		return netip.AddrPortFrom(s.address(s.b), uint16(s.ports))
	}
	return netip.AddrPortFrom(s.address(s.a), uint16(s.ports>>16))
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

// more returns what is kept about the side, and begins with it.
func (s *Stream) side(d Direction) *moreSide {
	if s.more == nil {
		s.more = new(more)
	}
	return &s.more.side[d&1]
}
