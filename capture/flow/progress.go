package flow

import (
	"time"

	"sockwire/raw/wire"
)

// Header is what a segment says. SACK is borrowed from the Segment.
type Header struct {
	Sequence, Acknowledgment uint32
	Flags                    wire.TCPFlags
	Window                   uint16      // as it stands there, without scale
	Length                   int         // bytes of data on the wire
	SACK                     [][2]uint32 // selective acknowledgement blocks, of which the first may be a DSACK
}

// Header returns what the segment says, false for a packet without one.
func (s *Segment) Header() (Header, bool) {
	g := &s.segment
	return Header{g.seq, g.ack, g.flags, g.window, g.length, g.sack[:g.sacks]}, s.ok
}

// Position returns where sequence number seq of direction d stands: 0 is the first byte behind the SYN, or the first
// that was seen. It is the place nearest to the highest that was seen.
func (s *Stream) Position(d Direction, seq uint32) int64 { return s.half[d&1].position(seq) }

// InFlight returns how many bytes of direction d are sent and not acknowledged now, at the place of the capture.
func (s *Stream) InFlight(d Direction) int64 { return max(s.half[d&1].next-s.half[d&1].acked, 0) }

// Window returns how many bytes beyond its acknowledgement the side that sends direction d takes now, scaled where the
// scale is known.
func (s *Stream) Window(d Direction) int64 { return int64(s.half[d&1].window) }

// Add takes a sample.
func (r *RoundTrips) Add(d time.Duration) { r.add(max(d, 0)) }
