package flow

import (
	"strconv"
	"time"
)

// Verdict is what became of a segment, and how that is known.
type Verdict struct {
	// Packet is the number of the packet that it is about: the one just added, or an earlier one.
	Packet uint64
	// Stream and Direction are where the packet, or what is missing, belongs. Stream is valid as in Result.
	Stream    *Stream
	Direction Direction
	Kind      Kind
	Cause     Cause
	// Offset is where the bytes start in the direction's stream: 0 is the first byte behind the SYN, or the first that
	// was seen.
	Offset int64
	// Bytes is how many bytes of the stream it is about.
	Bytes int
	// Places counts packets: those that went first, of Reordered; which one it is, of DuplicateAck; how many segments,
	// of LostBefore and Missed (worked out from the bytes and the longest segment).
	Places int
	// Delay is the time since the first packet of the evidence; of Reordered, how much too late the packet is.
	Delay time.Duration
	// Retracted: what an earlier verdict of this Kind said of this Packet does not hold, as is known now.
	Retracted bool

	evidence [2]uint64
}

// Evidence returns the numbers of the packets that prove it, in the order that the Kind says. A packet that it has not
// is 0.
func (v *Verdict) Evidence() (first, second uint64) { return v.evidence[0], v.evidence[1] }

// AppendText adds the verdict in a few words, such as "again: #12, timer 204 ms".
func (v *Verdict) AppendText(b []byte) []byte {
	first, second := v.evidence[0], v.evidence[1]
	if v.Retracted {
		return append(append(b, "not "...), v.Kind.words()...)
	}
	switch v.Kind {
	case Retransmission:
		b = append(b, "again: "...)
		if first == 0 {
			b = append(b, "not seen before"...)
		} else {
			b = appendNumber(b, first)
		}
		b = append(append(b, ", "...), v.Cause.words()...)
		if v.Delay > 0 && first != 0 {
			b = appendDelay(append(b, ' '), v.Delay)
		}
	case Spurious:
		b = append(append(b, "needless: "...), v.Cause.words()...)
		b = appendSource(b, " ", second)
	case Reordered:
		b = append(b, "reordered: "...)
		if v.Cause == Acknowledged && v.Places == 0 {
			b = appendNumber(append(b, "behind its acknowledgement "...), first)
			return appendDelay(append(b, ", "...), v.Delay)
		}
		b = appendCount(b, v.Places, "later packet", "later packets")
		b = append(b, " first"...)
		b = appendDelay(append(b, ", "...), v.Delay)
	case Duplicate:
		b = appendNumber(append(b, "duplicate of "...), first)
	case Copy:
		b = appendNumber(append(b, "same packet as "...), first)
	case DuplicateAck:
		b = strconv.AppendInt(append(b, "duplicate ACK "...), int64(v.Places), 10)
		b = appendSource(b, " of ", first)
	case LostBefore:
		b = appendCount(append(b, "lost before here: "...), v.Bytes, "byte", "bytes")
		b = appendSource(b, " before ", first)
	case LostBehind:
		b = appendNumber(append(b, "lost behind here: again in "...), first)
	case Missed:
		b = appendCount(append(b, "missed by the capture: "...), v.Bytes, "byte", "bytes")
		b = appendSource(b, " before ", first)
		b = appendSource(append(append(b, ", "...), v.Cause.words()...), " in ", second)
	case Reset:
		b = append(b, "reset"...)
		b = appendSource(b, ": answers ", first)
	case KeepAliveAck:
		b = appendSource(append(b, "keep-alive answer"...), " to ", first)
	case Conflict:
		b = appendCount(append(b, "other bytes: "...), v.Bytes, "byte", "bytes")
		b = appendSource(b, " unlike ", first)
	case GivenUp, Undecided:
		b = append(append(append(b, v.Kind.words()...), ": "...), v.Cause.words()...)
		if v.Bytes > 0 {
			b = appendCount(append(b, ", "...), v.Bytes, "byte", "bytes")
		}
	default:
		b = append(b, v.Kind.words()...)
	}
	return b
}

// String returns what AppendText adds.
func (v *Verdict) String() string { return string(v.AppendText(nil)) }

func appendNumber(b []byte, n uint64) []byte { return strconv.AppendUint(append(b, '#'), n, 10) }

func appendSource(b []byte, word string, n uint64) []byte {
	if n == 0 {
		return b
	}
	return appendNumber(append(b, word...), n)
}

func appendCount(b []byte, n int, one, many string) []byte {
	b = append(strconv.AppendInt(b, int64(n), 10), ' ')
	if n == 1 {
		return append(b, one...)
	}
	return append(b, many...)
}

// appendDelay adds a time with three digits at most.
func appendDelay(b []byte, d time.Duration) []byte {
	if d < 0 {
		b, d = append(b, '-'), -d
	}
	unit, name := time.Nanosecond, " ns"
	switch {
	case d >= time.Second:
		unit, name = time.Second, " s"
	case d >= time.Millisecond:
		unit, name = time.Millisecond, " ms"
	case d >= time.Microsecond:
		unit, name = time.Microsecond, " µs"
	}
	whole := d / unit
	b = strconv.AppendInt(b, int64(whole), 10)
	if tenth := (d % unit) * 10 / unit; whole < 10 && tenth > 0 {
		b = strconv.AppendInt(append(b, '.'), int64(tenth), 10)
	}
	return append(b, name...)
}
