package flow

import "time"

// Limits says what held a direction back, and for how long, from its first byte to its last acknowledgement.
type Limits struct {
	Application time.Duration // the sender had nothing to send
	Receiver    time.Duration // the receiver's window was full
	Network     time.Duration // the sender waited for acknowledgements, or repaired a loss
}

// Total is the sum of all.
func (l Limits) Total() time.Duration { return l.Application + l.Receiver + l.Network }

func (l *Limits) add(spent *[numLimits]int64) {
	l.Application += time.Duration(spent[byApplication])
	l.Receiver += time.Duration(spent[byReceiver])
	l.Network += time.Duration(spent[byNetwork])
}

// Side is what is known about one direction of a stream. It is a copy.
type Side struct {
	Packets  uint64 // without copies and corrupt ones
	Segments uint64 // packets with data
	Bytes    uint64 // of the stream, each counted once, as far as they were seen
	Again    uint64 // bytes that were sent again
	Missing  uint64 // bytes of the stream that were not seen
	// MaxInFlight is the most bytes that were sent and not yet acknowledged, at the place of the capture.
	MaxInFlight int64
	// Window is the last receive window that this side has told, in bytes, scaled where the scale is known.
	Window uint32
	// MSS is the largest segment that this side says it takes, 0 if no SYN of it was seen. Largest is the longest that
	// it sent, of those up to 65,535 bytes.
	MSS     uint16
	Largest uint32
	// Scale is its window scale, -1 if it did not say or its SYN was not seen.
	Scale         int
	SACKPermitted bool // in its SYN
	Timestamps    bool // in its last packet
	FastOpen      bool // data in its SYN, or a fast open cookie
	ECN           bool // its SYN offered or accepted ECN (RFC 3168)
	FIN, RST      bool
	// Marks: packets that routers marked (CE), that echo the mark (ECE, behind the handshake), that answer the echo
	// (CWR).
	CE, ECE, CWR uint32
	Urgent       uint32 // packets with the urgent flag
	RoundTrips   RoundTrips
	Limits       Limits

	counts [numKinds]uint32
	causes [numCauses]uint32
}

// Count returns how many verdicts of kind k there are about this direction. One that was retracted is not counted.
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

// Goodput is the bytes of the stream a second, over the time that the direction was at it.
func (s *Side) Goodput() float64 {
	if d := s.Limits.Total(); d > 0 {
		return float64(s.Bytes) / d.Seconds()
	}
	return 0
}

// more is what is kept of a direction that had more than a few segments. It is small: of a million streams, all may
// have it.
type more struct {
	trips   *RoundTrips // with the second sample
	trouble *trouble
}

// trouble is what is kept of a direction in which not all was plain.
type trouble struct {
	packets, segments    uint64 // what went over the counters of the half
	again, missing       uint64
	ce, ece, cwr, urgent uint32
	counts               [numKinds]uint32
	causes               [numCauses]uint32
	link                 Link // of a stream whose links are apart
}

func (m *more) fill(v *Side) {
	if m.trips != nil {
		v.RoundTrips = *m.trips
	}
	if t := m.trouble; t != nil {
		v.Packets += t.packets
		v.Segments += t.segments
		v.Again, v.Missing, v.CE, v.ECE, v.CWR, v.Urgent = t.again, t.missing, t.ce, t.ece, t.cwr, t.urgent
		v.counts, v.causes = t.counts, t.causes
	}
}
