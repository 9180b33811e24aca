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

// Stream is one TCP connection, as far as the capture has it. It belongs to its Tracker: it is valid until the next
// call of that after Result.Ended had it.
type Stream struct {
	ends
	number uint64
	first  uint64 // packet
	start  int64
	latest int64
	half   [2]half
	spent  *spent // of records that are gone
	more   *[2]more
	lasts  [2]uint32 // packets, counted from first, plus 1; 0 for none
	newer  uint32    // in the order of last use, see table
	older  uint32
	slot   uint32
	ending uint32 // the packet that ended it, counted from first
	// Handshake round trips in ticks: SYN to SYN-ACK, SYN-ACK to ACK.
	synTime, ackTime uint32
}

// Number counts the streams from 0, in the order of their first packets.
func (s *Stream) Number() uint64 { return s.number }

// Source returns the address and port that sends in direction d.
func (s *Stream) Source(d Direction) netip.AddrPort {
	k := s.whole()
	if (d == Backward) != s.swapped {
		return netip.AddrPortFrom(k.address(k.b), uint16(k.ports))
	}
	return netip.AddrPortFrom(k.address(k.a), uint16(k.ports>>16))
}

// Link returns where the stream lives; where each direction has a link of its own, that of its first packet.
func (s *Stream) Link() Link { return s.link() }

// First returns the number and time of its first packet.
func (s *Stream) First() (packet uint64, at time.Time) { return s.first, clock(s.start) }

// Last returns the number and time of its last packet so far.
func (s *Stream) Last() (packet uint64, at time.Time) {
	return max(s.first, s.lastOf(Forward), s.lastOf(Backward)), clock(s.latest)
}

// lastOf returns the last packet of a direction so far, 0 for none.
func (s *Stream) lastOf(d Direction) uint64 {
	if s.lasts[d] == 0 {
		return 0
	}
	return s.first + uint64(s.lasts[d]-1)
}

// Duration is the time from the first to the last packet.
func (s *Stream) Duration() time.Duration { return time.Duration(max(s.latest-s.start, 0)) }

// End returns how it ended, which side did that (the first FIN, or the RST), and in which packet. For Open, only the
// first is set.
func (s *Stream) End() (how End, by Direction, packet uint64) {
	if s.state == Open || s.state == Replaced {
		return s.state, Forward, 0
	}
	by = Forward
	if s.handshake&endedBackward != 0 {
		by = Backward
	}
	return s.state, by, s.first + uint64(s.ending)
}

// end notes how it ended.
func (s *Stream) end(how End, by Direction, packet uint64) {
	s.state, s.ending = how, uint32(packet-s.first)
	s.handshake &^= endedBackward
	if by == Backward {
		s.handshake |= endedBackward
	}
}

// Handshake returns the round trips of the handshake as seen from the capture: from the SYN to the SYN-ACK, which is
// the way to the server and back, and from there to the ACK, which is the way to the client and back. Their sum is the
// round trip between the two. Each is 0 where not both packets were seen, or the first of them was sent more than once.
func (s *Stream) Handshake() (server, client time.Duration) {
	return time.Duration(s.synTime) * tick, time.Duration(s.ackTime) * tick
}

// Complete reports whether the connection was seen from its first SYN.
func (s *Stream) Complete() bool { return s.half[0].anchored() }

// Side returns what is known about what direction d sends.
func (s *Stream) Side(d Direction) (v Side) {
	s.fill(d, &v)
	return v
}

func (s *Stream) fill(d Direction, v *Side) {
	h := &s.half[d&1]
	*v = Side{
		Packets: uint64(h.packets), Segments: uint64(h.segments), MaxInFlight: int64(h.flight), Window: h.window,
		MSS: h.mss, Largest: uint32(h.largest), Scale: int(h.scale) - 1, SACKPermitted: h.has(sackPermitted),
		Timestamps: h.has(timestamps), FastOpen: h.has(fastOpen), ECN: h.has(ecnAgreed), FIN: h.has(finSeen), RST: h.has(rstSeen),
		Bytes: uint64(max(h.dataEnd(), 0)),
	}
	if s.more != nil {
		s.more[d&1].fill(v)
	}
	if s.spent != nil {
		spent := s.spent.of(d & 1)
		v.Limits.add(&spent)
	}
	v.Bytes -= min(v.Missing, v.Bytes)
	if v.RoundTrips.Count == 0 && h.rtt != 0 {
		v.RoundTrips.addTick(h.rtt)
	}
	if r := h.rec; r != nil {
		for i := range r.parts[r.head:] {
			if p := &r.parts[r.head+i]; p.has(hole) && !p.has(missed) {
				v.Missing += uint64(p.to - p.from)
				v.Bytes -= min(uint64(p.to-p.from), v.Bytes)
			}
		}
		v.Limits.add(&r.limit.spent)
	}
}

// side returns what is kept about a direction that is not only a few segments, and begins with it.
func (s *Stream) side(d Direction) *more {
	if s.more == nil {
		s.more = new([2]more)
	}
	return &s.more[d&1]
}

// trouble returns what is kept about a direction in which not all was plain, and begins with it.
func (s *Stream) trouble(d Direction) *trouble {
	m := s.side(d)
	if m.trouble == nil {
		m.trouble = new(trouble)
	}
	return m.trouble
}

// count notes a packet of direction d.
func (s *Stream) count(d Direction, g *segment) {
	h := &s.half[d]
	s.lasts[d] = uint32(min(g.number-s.first+1, 1<<32-1))
	if g.time > s.latest {
		s.latest = g.time
	}
	if h.packets++; h.packets == 0 {
		s.trouble(d).packets += 1 << 32
	}
	if g.length > 0 {
		if h.segments++; h.segments == 0 {
			s.trouble(d).segments += 1 << 32
		}
		if g.length > int(h.largest) && g.length <= 0xffff {
			h.largest = uint16(g.length)
		}
	}
}

// came is how many packets of a direction were seen, each as often as it was.
func (s *Stream) came(d Direction) uint64 {
	n := uint64(s.half[d].packets)
	if s.more != nil && s.more[d].trouble != nil {
		k := s.more[d].trouble
		n += uint64(k.counts[Duplicate]) + uint64(k.counts[Copy])
	}
	return n
}

// trip takes a sample of a round trip in ns.
func (s *Stream) trip(d Direction, ns int64) {
	h := &s.half[d]
	if h.rtt == 0 {
		h.rtt = ticks(ns)
		return
	}
	m := s.side(d)
	if m.trips == nil {
		m.trips = new(RoundTrips)
		m.trips.addTick(h.rtt)
	}
	m.trips.add(time.Duration(ns))
}

// linksApart, a bit of Stream.handshake: the directions have links of their own; that of the second is in more.
const linksApart = 1 << 7

func (s *Stream) apart() bool { return s.handshake&linksApart != 0 }

// endedBackward, a bit of Stream.handshake: the end was the doing of direction Backward.
const endedBackward = 1 << 5

// unwatched, a bit of Stream.handshake: Config.Watch left it out.
const unwatched = 1 << 6

func (s *Stream) aside() bool { return s.handshake&unwatched != 0 }

// watch looks at s in full from now on.
func (s *Stream) watch() { s.handshake &^= unwatched }
