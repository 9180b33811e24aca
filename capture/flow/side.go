package flow

import "time"

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

// more is what is kept about a stream that had more than a few plain segments.
type more struct {
	side [2]moreSide
}

type moreSide struct {
	again, missing uint64
	ce, ece, cwr   uint32
	counts         [numKinds]uint32
	causes         [numCauses]uint32
	receiver       int64
	network        int64
	trips          RoundTrips
}

func (m *moreSide) fill(v *Side) {
	v.Again, v.Missing, v.CE, v.ECE, v.CWR = m.again, m.missing, m.ce, m.ece, m.cwr
	v.counts, v.causes = m.counts, m.causes
	v.RoundTrips = m.trips
	v.Limits.Receiver, v.Limits.Network = time.Duration(m.receiver), time.Duration(m.network)
}
