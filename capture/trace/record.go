package trace

import (
	"fmt"
	"slices"
	"time"

	tcpflow "sockwire/capture/flow"
)

// Socket is one socket of a timeline, with all that its State events said.
type Socket struct {
	Name     string // s1, s2, … in the order of creation
	ID       SocketID
	Actor    string
	Host     string
	FD       int
	Family   Family
	Kind     Kind
	Protocol uint8
	Local    Addr // the last known
	Remote   Addr
	Parent   *Socket // the listener of an accepted socket
	Peer     *Socket // the other end, if it is among the sockets of this timeline

	Cookie uint64 // the kernel's name for it, 0 when it was not told

	Created time.Duration
	Closed  time.Duration // -1 while it is open

	MadeBy   int    // the call that created it, 0 if not known
	names    []name // every pair of addresses it had, in time
	Calls    []*CallRecord
	until    []time.Duration      // when the last of the calls up to each had returned, made by since
	Listens  time.Duration        // since when it listens, -1 for never
	settings map[string][]setting // values of its integer options, in time
	// dissolved is when each of its connections but the last was dissolved. Offsets count from the last time before,
	// see stretch.
	dissolved []time.Duration

	// What calls that are no longer among the events did, see Window.
	sent, received int64 // bytes of its stream
	forgotten      int   // in which stretch: one of the indexes of stretch
	blind          bool  // two receives ran at once: what later ones took is not known
	paired         bool  // who its peer is has been decided, as far as it ever will
	awaited        awaited
}

// setting is the value that a socket option has from a time on.
type setting struct {
	call  *CallRecord
	value int64
}

// name is the pair of addresses that a socket has from a time on.
type name struct {
	since         time.Duration
	local, remote Addr
}

// arrival is a packet or call that makes a socket ready.
type arrival struct {
	at           time.Duration
	packet, call int
	in, out      bool // there is something to receive, there is room to send
}

// awaited is what is kept of a socket for calls that wait, of the time that is forgotten.
type awaited struct {
	reported time.Duration // when a call last said that it is ready
	first    []arrival     // for each call that waits for it since: the first that there was to receive
	room     arrival       // the last that made room
	unread   arrival       // the last that there was to receive, if nothing was received since
}

// Span is a part of what one call passed or received.
type Span struct {
	Call    int  `json:"call"`
	Message int  `json:"message"` // index among the call's messages, 0 when it has one
	From    int  `json:"from"`    // the first byte
	To      int  `json:"to"`      // the byte after the last
	All     bool `json:"all"`
}

// String returns "all of #10" or "#107[0:2000]".
func (s Span) String() string {
	message := ""
	if s.Message > 0 {
		message = fmt.Sprintf(" message %d", s.Message+1)
	}
	if s.All {
		return fmt.Sprintf("all of #%d%s", s.Call, message)
	}
	return fmt.Sprintf("#%d%s[%d:%d]", s.Call, message, s.From, s.To)
}

// CauseKind says what made a packet leave.
type CauseKind uint8

// Causes. A cause is given only where the events leave no other.
const (
	CauseUnknown CauseKind = iota
	CauseCall              // Cause.Call was being executed for the sending socket
	CausePacket            // Cause.Packet had just arrived at the sender
	CauseTimer             // nothing else had happened to the connection for a while
)

var causeNames = [...]string{"unknown", "call", "packet", "timer"}

// String returns the cause in a word.
func (k CauseKind) String() string { return causeNames[k] }

// Cause is what made a packet leave, which is not always what it carries.
type Cause struct {
	Kind   CauseKind
	Call   int
	Packet int
}

// Change is a field of a header that the kernel set otherwise than the caller passed it.
type Change struct {
	Field  string `json:"field"`
	Passed string `json:"passed,omitempty"`
	Left   string `json:"left"`
}

// CallRecord is a call and what became of it.
type CallRecord struct {
	*Call
	On      *Socket // nil when it is not known
	Packets []int   // numbers of the packets that carry its bytes, in order
	// Received are the bytes of sends that a receive took, or looked at with MSG_PEEK.
	Received []Span
	// Message is the number of the packet (the first one, of fragments) that a receive on a
	// datagram or raw socket took; 0 is none or not known.
	Message int
	Lost    int     // bytes of the message that did not fit the receive and are gone
	End     bool    // the receive returned 0 because the peer had finished sending
	Error   int     // number of the packet (RST, ICMP error) that became its errno, or that it read from the error queue
	NoWire  bool    // it sent on a socket whose data never becomes a packet
	Silent  bool    // it sent, but no packet carried its bytes while it was executed
	Because string  // why it was silent, if the events tell
	Offset  int64   // of its first byte in its stream; -1 when it is not known
	Took    *Socket // the socket that an accept returned
	Wake    Wake    // what ended it, of a call that waits for descriptors

	waiting  bool   // what it sent, or the connection that it asked for, may still be taken
	together bool   // it is a receive that ran at the same time as one entered before
	partly   bool   // it took bytes of sends that ran at once, of which it is not known which are whose
	unplaced bool   // it is a receive of which it is not known whether it passed over an urgent byte
	Wakes    []Wake // what made each of Ready so
}

// PacketRecord is a packet and what it carries.
type PacketRecord struct {
	*Packet
	// Segments and SegmentSize are the packet's, or what the connection's MSS or UDP_SEGMENT make of it.
	Segments, SegmentSize int

	From, To *Socket   // nil where no socket is known
	Also     []*Socket // those that were given a copy, besides To: raw sockets, members of a multicast group
	// FromSeq and ToSeq are the segment's sequence numbers relative to the initial one (of all its fragments,
	// if it is in fragments), AckSeq the acknowledgement relative to the peer's; valid where Relative and
	// AckRelative say so.
	FromSeq, ToSeq, AckSeq int64
	Relative, AckRelative  bool
	Carries                []Span
	Unattributed           int // payload bytes of a socket's packet whose call is not known
	// Simultaneous: among them are bytes of sends that ran at once, of which it is not known which are whose.
	Simultaneous bool
	Retransmit   bool
	// Verdicts are what became of the segment, as package flow tells it by the packets of this host alone: sent again
	// and why, lost, a window that is closed. Numbers of packets in them are those of Packet. Their Stream is nil.
	Verdicts []tcpflow.Verdict
	Cause    Cause
	Quotes   int        // number of the packet that an ICMP error quotes, 0 for none or not known
	Replies  int        // number of the echo request that an echo reply answers
	Raw      *RawRecord // of a packet that a raw socket sent

	first   *PacketRecord // of a later fragment: the one with the transport header, when it is known
	head    *PacketRecord // the same of a UDP datagram
	taken   []*CallRecord // the receives that took it, or looked at it
	fails   *CallRecord   // the call that reports the error it brought
	queued  *CallRecord   // the receive that read it from the error queue
	waiting bool          // what it brought waits to be received or reported
}

// RawRecord compares what was passed to a raw socket with what left.
type RawRecord struct {
	Call           int
	HeaderIncluded bool
	Prepended      int      // bytes of IP header that the kernel put in front
	Filled         []Change // what it put there, field by field; Passed is empty
	Changes        []Change // fields that were passed and left with another value
	AsPassed       int      // bytes after the IP header that left as passed
}

// WakeKind says what ended a call that waits.
type WakeKind uint8

// What ends a wait. A packet or a call is named only where it came in the time of the wait, and after the socket was
// last reported.
const (
	WakeUnknown    WakeKind = iota
	WakeReady               // what was ready had been so before: there was nothing to wait for
	WakePacket              // Wake.Packet arrived at Wake.Socket
	WakeCall                // Wake.Call was made at the other end of Wake.Socket, or to connect to it
	WakeDescriptor          // what was ready is no socket
	WakeTimeout             // the time was over
	WakeSignal              // a signal came
)

var wakeNames = [...]string{"unknown", "ready", "packet", "call", "descriptor", "timeout", "signal"}

// String returns the kind in a word.
func (k WakeKind) String() string { return wakeNames[k] }

// Wake is what ended a wait.
type Wake struct {
	Kind   WakeKind
	Socket *Socket       // that became ready, nil for none
	Packet int           // its number
	Call   int           // its number
	At     time.Duration // when the packet arrived, or the call was entered
}

// carry notes that the packet carries a span of the unit.
func (p *PacketRecord) carry(c *CallRecord, s Span) {
	p.Carries = append(p.Carries, s)
	c.Packets = append(c.Packets, p.Number)
}

// deliver notes that the packet was given to a socket, after those that are noted.
func (p *PacketRecord) deliver(s *Socket) {
	switch {
	case s == nil || s == p.To || slices.Contains(p.Also, s):
	case p.To == nil:
		p.To = s
	default:
		p.Also = append(p.Also, s)
	}
}

// own notes whose the packet is: others, that were given a copy, come after.
func (p *PacketRecord) own(s *Socket) {
	if s == nil || s == p.To {
		return
	}
	others := p.Also
	before := p.To
	p.To, p.Also = s, nil
	p.deliver(before)
	for _, o := range others {
		p.deliver(o)
	}
}

// ReceivedBy are all sockets that were given the packet.
func (p *PacketRecord) ReceivedBy() []*Socket {
	if p.To == nil {
		return nil
	}
	return append([]*Socket{p.To}, p.Also...)
}
