package flow

// Kind is what a verdict says.
type Kind uint8

// Kinds of verdicts. What none of them is said of is plain progress.
const (
	// Retransmission: the bytes were sent again. Cause is why: Timer, TailProbe, Fast, SACK, or Unknown. Evidence: the
	// packet that carried them before, where it was seen, and what made the sender do it, where that was.
	Retransmission Kind = iota + 1
	// Spurious: a packet that was a retransmission was needless, for the receiver had the bytes. Cause is how that is
	// known: DSACK, Timestamp (Eifel, RFC 3522) or Acknowledged. Evidence: the packet that shows it.
	Spurious
	// Reordered: packets that were sent later went first. Places is how many, Delay how late. Cause is how the order is
	// known: IPID, Timestamp or Time. Evidence: the first packet that came too early.
	Reordered
	// Duplicate: the network delivered the packet twice. Evidence: the first one.
	Duplicate
	// Copy: the capture has the packet twice, at another interface, direction or hop. Evidence: the first one.
	Copy
	// DuplicateAck: the same acknowledgement again, for data came that does not follow. Places counts them, Evidence:
	// the first.
	DuplicateAck
	// LostBefore: bytes were lost before they came to the place of the capture. Packet is the one that brings them
	// later. Evidence: the packet behind the hole, and the acknowledgement that asked for it.
	LostBefore
	// LostBehind: the packet was lost behind the place of the capture. Evidence: the packet that has its bytes again,
	// and the acknowledgement that shows that it was needed.
	LostBehind
	// Missed: bytes passed, and the capture does not have them. Cause: Acknowledged, SACK or Drops. Packet is the one
	// behind the gap, or that acknowledges it. Evidence: what shows it.
	Missed
	// ZeroWindow: the receiver takes no more.
	ZeroWindow
	// WindowProbe: a segment that asks whether the window is open again.
	WindowProbe
	// WindowFull: the packet fills the receiver's window to the last byte.
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
	NoAnswer         // undecided: an answer of the receiver that was not seen would tell
	NoMore           // undecided: the capture, or what is kept of the stream, ends first

	StreamLimit // given up: Config.Streams
	BytesLimit  // given up: Config.StreamBytes or Config.Bytes

	numCauses
)

var causeNames = [numCauses]string{
	"", "unknown", "timer", "tail-loss-probe", "fast", "sack", "dsack", "timestamp", "acknowledged", "ip-id", "time", "drops",
	"no-acknowledgment", "no-order", "no-answer", "no-more", "stream-limit", "bytes-limit",
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

func (k Kind) words() string {
	switch k {
	case LostBefore:
		return "lost before here"
	case LostBehind:
		return "lost behind here"
	case Missed:
		return "missed by the capture"
	case Spurious:
		return "needless"
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
	case NoAnswer:
		return "an answer that was not seen would tell"
	case NoMore:
		return "the capture ends"
	case StreamLimit:
		return "too many streams"
	case BytesLimit:
		return "too many bytes out of order"
	}
	return c.String()
}
