package flow

import (
	"strconv"
	"time"
)

// Kind is what a verdict says.
type Kind uint8

// Kinds of verdicts. What none of them is said of is plain progress.
const (
	// Retransmission: the bytes were sent again. Cause is why: Timer, TailProbe, Fast, SACK, or Unknown. Evidence: the packet
	// that carried them before, where it was seen, and what made the sender do it, where that was.
	Retransmission Kind = iota + 1
	// Spurious: a packet that was a retransmission was needless, for the receiver had the bytes. Cause is how that is known:
	// DSACK, Timestamp (Eifel, RFC 3522) or Acknowledged. Evidence: the packet that shows it.
	Spurious
	// Reordered: packets that were sent later went first. Places is how many, Delay how late. Cause is how the order is
	// known: IPID, Timestamp or Time. Evidence: the first packet that came too early.
	Reordered
	// Duplicate: the network delivered the packet twice. Evidence: the first one.
	Duplicate
	// Copy: the capture has the packet twice, at another interface, direction or hop. Evidence: the first one.
	Copy
	// DuplicateAck: the same acknowledgement again, for data came that does not follow. Places counts them, Evidence: the first.
	DuplicateAck
	// LostBefore: bytes were lost before they came to the place of the capture. Packet is the one that brings them later.
	// Evidence: the packet behind the hole, and the acknowledgement that asked for it.
	LostBefore
	// LostBehind: the packet was lost behind the place of the capture. Evidence: the packet that has its bytes again, and the
	// acknowledgement that shows that it was needed.
	LostBehind
	// Missed: bytes passed, and the capture does not have them. Cause: Acknowledged, SACK or Drops. Packet is the one behind
	// the gap, or that acknowledges it. Evidence: what shows it.
	Missed
	// ZeroWindow: the receiver takes no more.
	ZeroWindow
	// WindowProbe: a segment that asks whether the window is open again.
	WindowProbe
	// WindowFull: the packet fills the receiver's window to the last byte, or all but less than one segment.
	WindowFull
	// WindowUpdate: the receiver takes more, and says nothing else.
	WindowUpdate
	// KeepAlive asks whether the other side is there (RFC 9293, section 3.8.4).
	KeepAlive
	// KeepAliveAck answers. Evidence: the keep-alive.
	KeepAliveAck
	// Reset ends the connection. Evidence: the packet that it answers, if that can be told.
	Reset
	// Conflict: the packet has other bytes for a place of the stream than an earlier packet had. The first are kept.
	Conflict
	// Corrupt: the checksum is wrong: the receiver drops the packet. Nothing in it is believed.
	Corrupt
	// Stray: the sequence number is far from all that the connection is at: a stale packet, or an attack.
	Stray
	// GivenUp: something was dropped to stay within the bounds of Config. Cause says what.
	GivenUp
	// Undecided: bytes were not seen and what became of them cannot be told. Cause is what would decide.
	Undecided

	numKinds
)

var kindNames = [numKinds]string{
	"", "retransmission", "spurious", "reordered", "duplicate", "copy", "duplicate-ack", "lost-before", "lost-behind", "missed",
	"zero-window", "window-probe", "window-full", "window-update", "keep-alive", "keep-alive-ack", "reset", "conflict",
	"corrupt", "stray", "given-up", "undecided",
}

// Kinds are all kinds there are, in order.
func Kinds() []Kind {
	all := make([]Kind, 0, numKinds-1)
	for k := Kind(1); k < numKinds; k++ {
		all = append(all, k)
	}
	return all
}

// String returns the name that JSON has, such as "lost-before".
func (k Kind) String() string {
	if k < numKinds {
		return kindNames[k]
	}
	return "?"
}

// MarshalText implements [encoding.TextMarshaler].
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// Cause is why, or how it is known. Each kind has its own.
type Cause uint8

// Causes.
const (
	NoCause Cause = iota
	Unknown       // the packets do not tell

	Timer     // the retransmission timer ran out (RFC 6298), or what it started still goes on
	TailProbe // a tail loss probe (RFC 8985, section 7)
	Fast      // duplicate acknowledgements (RFC 5681, section 3.2)
	SACK      // selective acknowledgements (RFC 6675, RFC 8985)

	DSACK        // the receiver says that it had the bytes (RFC 2883)
	Timestamp    // the timestamp option tells (RFC 7323)
	Acknowledged // an acknowledgement tells
	IPID         // the sender's IP identification, which counts up, tells
	Time         // only the time tells
	Drops        // the capture's own count of dropped packets tells

	NoAcknowledgment // undecided: an acknowledgement would tell
	NoOrder          // undecided: timestamps or IP identifications that count would tell
	NoMore           // undecided: the capture, or what is kept of the stream, ends first

	StreamLimit // given up: Config.Streams
	BytesLimit  // given up: Config.StreamBytes or Config.Bytes

	numCauses
)

var causeNames = [numCauses]string{
	"", "unknown", "timer", "tail-loss-probe", "fast", "sack", "dsack", "timestamp", "acknowledged", "ip-id", "time", "drops",
	"no-acknowledgment", "no-order", "no-more", "stream-limit", "bytes-limit",
}

// String returns the name that JSON has, such as "tail-loss-probe"; "" for NoCause.
func (c Cause) String() string {
	if c < numCauses {
		return causeNames[c]
	}
	return "?"
}

// MarshalText implements [encoding.TextMarshaler].
func (c Cause) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// Verdict is what became of a segment, and how that is known.
type Verdict struct {
	// Packet is the number of the packet that it is about: the one just added, or an earlier one.
	Packet uint64
	// Stream and Direction are where the packet, or what is missing, belongs. Stream is valid as in Result.
	Stream    *Stream
	Direction Direction
	Kind      Kind
	Cause     Cause
	// Offset is where the bytes start in the direction's stream: 0 is the first byte behind the SYN, or the first that was seen.
	Offset int64
	// Bytes is how many bytes of the stream it is about.
	Bytes int
	// Places counts packets: those that went first, of Reordered; which one it is, of DuplicateAck; how many segments, of LostBefore and Missed
	// (worked out from the bytes and the longest segment).
	Places int
	// Delay is the time since the first packet of the evidence; of Reordered, how much too late the packet is.
	Delay time.Duration

	evidence [2]uint64
}

// Evidence returns the numbers of the packets that prove it, in the order that the Kind says. A packet that it has not is 0.
func (v *Verdict) Evidence() (first, second uint64) { return v.evidence[0], v.evidence[1] }

// AppendText adds the verdict in a few words, such as "again: #12, timer 204 ms".
func (v *Verdict) AppendText(b []byte) []byte {
	first, second := v.evidence[0], v.evidence[1]
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

func (k Kind) words() string {
	switch k {
	case ZeroWindow:
		return "zero window"
	case WindowProbe:
		return "window probe"
	case WindowFull:
		return "window full"
	case WindowUpdate:
		return "window update"
	case Corrupt:
		return "bad checksum, so lost"
	case Stray:
		return "outside the window"
	case GivenUp:
		return "given up"
	}
	return k.String()
}

func (c Cause) words() string {
	switch c {
	case Unknown:
		return "cause unknown"
	case TailProbe:
		return "tail loss probe"
	case SACK:
		return "SACK"
	case DSACK:
		return "DSACK"
	case Timestamp:
		return "an old timestamp"
	case Drops:
		return "the capture dropped packets"
	case NoAcknowledgment:
		return "an acknowledgement would tell"
	case NoOrder:
		return "timestamps or IP identifications would tell"
	case NoMore:
		return "the capture ends"
	case StreamLimit:
		return "too many streams"
	case BytesLimit:
		return "too many bytes out of order"
	}
	return c.String()
}

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
