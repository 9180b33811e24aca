package trace

import (
	"cmp"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"time"
)

// Timeline is events joined: every call with what became of its bytes, every packet with what it
// carries and what caused it.
type Timeline struct {
	Sockets []*Socket
	Calls   []*CallRecord   // in the order of entering
	Packets []*PacketRecord // in the order of capture time
	// Captions are shown between them.
	Captions []*Caption

	seen        map[string]bool
	calls       map[int]*CallRecord
	packets     map[int]*PacketRecord
	conns       []*conn
	socketsMade int // so far
	flows       []*flow
	takers      map[int][]*CallRecord // by the send, made when asked for
	made        map[int]*Socket       // by the call, made when asked for
	byID        map[SocketID][]*Socket
	waiting     bool                  // some call waits for descriptors, or has
	arrivals    map[*Socket][]arrival // where calls wait: what made each socket ready, in time
}

// Span is a part of what one call passed or received.
type Span struct {
	Call    int
	Message int // index among the call's messages, 0 when it has one
	From    int // the first byte
	To      int // the byte after the last
	All     bool
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
	Field        string
	Passed, Left string
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
	Cause        Cause
	Quotes       int        // number of the packet that an ICMP error quotes, 0 for none or not known
	Replies      int        // number of the echo request that an echo reply answers
	Raw          *RawRecord // of a packet that a raw socket sent

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

// correlator is the state of one Correlate.
type correlator struct {
	*Timeline
	net  network
	past *past
}

// Correlate joins events. It is a pure function: the same events in any order give the same
// Timeline, nothing is read from the machine, and the events are not changed. Any events are
// accepted; what does not fit together stays unattributed.
func Correlate(events []Event) *Timeline { return new(past).correlate(events) }

// correlate joins events that have a past.
func (p *past) correlate(events []Event) *Timeline {
	c := &correlator{Timeline: &Timeline{calls: map[int]*CallRecord{}, packets: map[int]*PacketRecord{}}, past: p}
	states := c.sort(events)
	c.seen = c.net.seen
	before, conns := p.copies()
	c.Sockets, c.socketsMade = buildSockets(before, p.made, states, c.calls)
	c.conns = conns
	c.attachCalls()
	c.net.index(c.Sockets, c.Calls)
	c.net.hear(c.Sockets, c.Packets)
	c.pairUnix()
	c.joinRaw()
	c.joinStreams()
	c.joinDatagrams()
	c.joinICMP()
	c.joinUnix()
	c.joinUnseen()
	c.joinWaits()
	c.explain()
	for _, call := range c.Calls {
		slices.Sort(call.Packets)
		call.Packets = slices.Compact(call.Packets)
	}
	return c.Timeline
}

// sort distributes the events and puts each kind in order.
func (c *correlator) sort(events []Event) (states []*State) {
	c.net.hosts, c.net.seen = map[string][]netip.Addr{}, map[string]bool{}
	host := func(e *Host) {
		c.net.hosts[e.Name] = append(c.net.hosts[e.Name], e.Addrs...)
		c.net.seen[e.Name] = c.net.seen[e.Name] || e.Captured
	}
	for _, h := range c.past.hosts {
		host(h)
	}
	for _, e := range events {
		switch e := e.(type) {
		case *Call:
			c.Calls = append(c.Calls, &CallRecord{Call: e.sane(), Offset: -1})
		case *Packet:
			c.Packets = append(c.Packets, &PacketRecord{Packet: e.sane(), Segments: e.Segments, SegmentSize: e.SegmentSize})
		case *State:
			states = append(states, e)
		case *Caption:
			c.Captions = append(c.Captions, e)
		case *Host:
			host(e)
		}
	}
	slices.SortStableFunc(c.Calls, func(a, b *CallRecord) int {
		return cmp.Or(cmp.Compare(a.Entered, b.Entered), cmp.Compare(a.Number, b.Number))
	})
	slices.SortStableFunc(c.Packets, func(a, b *PacketRecord) int {
		return cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(a.Number, b.Number))
	})
	slices.SortStableFunc(states, func(a, b *State) int {
		return cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(a.Call, b.Call), cmp.Compare(a.Change, b.Change), cmp.Compare(a.Socket, b.Socket))
	})
	slices.SortStableFunc(c.Captions, func(a, b *Caption) int { return cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(a.Text, b.Text)) })
	for _, call := range c.Calls {
		c.calls[call.Number] = call
	}
	for _, p := range c.Packets {
		c.packets[p.Number] = p
	}
	return states
}

// sane returns the call, or a copy without the lengths and times that cannot be. Most calls have none, and a window
// joins each many times.
func (c *Call) sane() *Call {
	sent := c.Errno != "" || c.Result >= 0 || !c.Sends() && !c.Reads()
	if sent && c.Size >= 0 && c.Left >= c.Entered && !slices.ContainsFunc(c.Args, Arg.insane) && !slices.ContainsFunc(c.Messages, Message.insane) {
		return c
	}
	d := *c
	d.Size = max(d.Size, 0)
	d.Left = max(d.Left, d.Entered)
	d.Args = slices.Clone(d.Args)
	for i := range d.Args {
		d.Args[i].Size = max(d.Args[i].Size, 0)
	}
	d.Messages = slices.Clone(d.Messages)
	for i := range d.Messages {
		d.Messages[i].Size, d.Messages[i].Room = max(d.Messages[i].Size, 0), max(d.Messages[i].Room, 0)
	}
	if !sent {
		d.Result = 0
	}
	return &d
}

func (a Arg) insane() bool     { return a.Size < 0 }
func (m Message) insane() bool { return m.Size < 0 || m.Room < 0 }

// sane returns the packet, or a copy without the lengths that cannot be.
func (p *Packet) sane() *Packet {
	if min(p.PayloadLength, p.NetworkHeader, p.TransportHeader, p.Fragment.Offset) >= 0 && p.Direction <= Out {
		return p
	}
	q := *p
	q.PayloadLength = max(q.PayloadLength, 0)
	q.NetworkHeader = max(q.NetworkHeader, 0)
	q.TransportHeader = max(q.TransportHeader, 0)
	q.Fragment.Offset = max(q.Fragment.Offset, 0)
	q.Direction = min(q.Direction, Out)
	return &q
}

// attachCalls finds the socket of each call: of those with its identity, the one open then.
func (c *correlator) attachCalls() {
	c.byID = map[SocketID][]*Socket{}
	for _, s := range c.Sockets {
		c.byID[s.ID] = append(c.byID[s.ID], s)
	}
	for _, call := range c.Calls {
		call.On = c.Socket(call.Socket, call.Entered)
		if call.On != nil {
			call.On.attach(call)
		}
		call.Packets = slices.Clone(c.past.carried[call.Number])
	}
	for _, s := range c.Sockets {
		if call := c.calls[s.MadeBy]; call != nil && s.Parent != nil {
			call.Took = s
		}
	}
}

// Socket returns the socket that had that identity at a time, or else the first that got it; nil when there is none.
func (t *Timeline) Socket(id SocketID, at time.Duration) *Socket {
	if id == 0 {
		return nil
	}
	var found *Socket
	for _, s := range t.byID[id] {
		if found == nil || s.Created <= at {
			found = s
		}
	}
	return found
}

// attach gives the socket a call, in the order of entering.
func (s *Socket) attach(call *CallRecord) {
	s.Calls = append(s.Calls, call)
	if !call.Succeeded() {
		return
	}
	if name, value, ok := call.Option(); ok {
		s.set(name, setting{call, value})
	}
	if call.Name == "listen" && s.Listens < 0 {
		s.Listens = call.Entered
	}
}

// set adds a setting. The past's is shared and must not be appended to in place.
func (s *Socket) set(name string, x setting) {
	if s.settings == nil {
		s.settings = map[string][]setting{}
	}
	s.settings[name] = append(s.settings[name], x)
}

// option is the value that setsockopt had given an integer option by t, 0 without.
func (s *Socket) option(name string, t time.Duration) int64 {
	all := s.settings[name]
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].call.Left <= t {
			return all[i].value
		}
	}
	return 0
}

// Packet returns the packet with that number, or nil.
func (t *Timeline) Packet(number int) *PacketRecord { return t.packets[number] }

// Call returns the call with that number, or nil.
func (t *Timeline) Call(number int) *CallRecord { return t.calls[number] }

// unit is one message that a call sent: all its bytes, for a call that has one.
type unit struct {
	call    *CallRecord
	message int
	data    []byte
	size    int
	to      Addr
	used    bool    // it has found its packet or its receive
	base    int     // where in the message it begins, for a datagram that is a part of one send
	last    bool    // it is the last such part
	parts   []*unit // of a datagram that several sends made (MSG_MORE, UDP_CORK); call is then the first
}

// units lists the messages that the calls of s sent, in order.
func (s *Socket) units() []*unit { return s.unitsOf(s.Calls) }

func (s *Socket) unitsOf(calls []*CallRecord) []*unit {
	var all []*unit
	cork := corking{socket: s}
	if len(calls) > 0 { // it may have been set before them
		cork.corked = s.option("UDP_CORK", calls[0].Entered) != 0
	}
	for _, c := range calls {
		cork.option(c)
		if !c.Sends() || c.Errno != "" {
			continue
		}
		if len(c.Messages) == 0 {
			size := c.Size
			if c.Succeeded() {
				size = int(c.Result)
			}
			for _, u := range c.segments(&unit{call: c, data: c.Data, size: size, to: c.destination()}) {
				all = cork.add(all, u)
			}
		}
		for i, m := range c.Messages {
			if c.Succeeded() && i >= int(c.Result) {
				break
			}
			to := m.Addr
			if !to.IsValid() {
				to = c.destination()
			}
			all = cork.add(all, &unit{call: c, message: i, data: m.Data, size: m.Size, to: to, last: true})
		}
	}
	return all
}

// destination is where a send goes: the address it names, or the one the socket is connected to.
func (c *CallRecord) destination() Addr {
	if c.Addr.IsValid() {
		return c.Addr
	}
	return c.On.at(c.Entered).remote
}

// spans are the part from:to of the unit, by the calls that passed it.
func (u *unit) spans(from, to int) iter.Seq2[*CallRecord, Span] {
	return func(yield func(*CallRecord, Span) bool) {
		if u.parts == nil {
			yield(u.call, u.span(from, to))
			return
		}
		at := 0
		for _, p := range u.parts {
			if a, b := max(from-at, 0), min(to-at, p.size); a < b && !yield(p.call, p.span(a, b)) {
				return
			}
			at += p.size
		}
	}
}

// span is the part from:to of the unit.
func (u *unit) span(from, to int) Span {
	return Span{Call: u.call.Number, Message: u.message, From: u.base + from, To: u.base + to, All: from == 0 && to == u.size && u.base == 0 && u.last}
}

// carry notes that the packet carries a span of the unit.
func (p *PacketRecord) carry(c *CallRecord, s Span) {
	p.Carries = append(p.Carries, s)
	c.Packets = append(c.Packets, p.Number)
}

// Captured tells whether the packets of a host are among the events.
func (t *Timeline) Captured(host string) bool { return t.seen[host] }

// Stream is one direction of a TCP connection.
type Stream struct {
	From, To     *Socket // nil where no socket is known
	Src, Dst     netip.AddrPort
	Opens        bool  // it is that of the first packet
	Acknowledged int64 // bytes that the other end has acknowledged
}

// Streams yields the directions of all connections, in the order in which they began.
func (t *Timeline) Streams() iter.Seq[Stream] {
	return func(yield func(Stream) bool) {
		for _, f := range t.flows {
			if !yield(Stream{From: f.from, To: f.to, Src: f.src, Dst: f.dst, Opens: f == f.conn.flows[0], Acknowledged: f.acked}) {
				return
			}
		}
	}
}

// Only returns the timeline with only those calls and packets for which the functions return true; a nil
// function keeps all. What the others are to them stays known.
func (t *Timeline) Only(call func(*CallRecord) bool, packet func(*PacketRecord) bool) *Timeline {
	t.Takers(0) // known of all calls, not only of those that are kept
	t.Made(0)
	out := *t
	out.Calls, out.Packets = nil, nil
	for _, c := range t.Calls {
		if call == nil || call(c) {
			out.Calls = append(out.Calls, c)
		}
	}
	for _, p := range t.Packets {
		if packet == nil || packet(p) {
			out.Packets = append(out.Packets, p)
		}
	}
	return &out
}

// Made returns the first socket that the call with that number created, or nil.
func (t *Timeline) Made(call int) *Socket {
	if t.made == nil {
		t.made = map[int]*Socket{}
		for _, s := range slices.Backward(t.Sockets) {
			t.made[s.MadeBy] = s
		}
		delete(t.made, 0)
	}
	return t.made[call]
}
