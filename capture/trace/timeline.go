package trace

import (
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
	ids         identities
	waiting     bool     // some call waits for descriptors, or has
	arrivals    arrivals // where calls wait: what made each socket ready, in time
}

// Correlate joins events. It is a pure function: the same events in any order give the same
// Timeline, nothing is read from the machine, and the events are not changed. Any events are
// accepted; what does not fit together stays unattributed.
func Correlate(events []Event) *Timeline { return new(past).correlate(events) }

// correlate joins events that have a past. Each step is told what it looks at and returns what it makes; of the records
// it is given it fills in what its comment says. A step needs those before it.
func (p *past) correlate(events []Event) *Timeline {
	in := arrange(events)
	calls, packets := callsByNumber(in.calls), packetsByNumber(in.packets)
	before, conns := p.copies()
	sockets, made := buildSockets(before, p.made, in.states, calls)
	ids := identify(sockets)
	attachCalls(in.calls, ids, p.carried)
	tookSockets(sockets, calls)
	net := newNetwork(slices.Concat(p.hosts, in.hosts), sockets, in.calls, in.packets)
	later := laterFragments(in.packets)

	pairUnix(sockets, in.calls)
	joinRaw(net, sockets, in.packets)
	conns, flows := joinStreams(net, conns, in.packets, later)
	joinDatagrams(net, in.packets, calls, later)
	joinICMP(in.packets, in.calls, later)
	joinUnix(net, sockets)
	joinUncaptured(net, sockets)
	waits, arrivals := joinWaits(p.waiting, ids, net, sockets, in.calls, in.packets)
	explainPackets(in.packets, calls)
	if p.judge == nil {
		p.judge = newJudge()
	}
	p.judge.judge(in.packets)
	explainSegments(conns)
	explainFragments(in.packets)
	explainStreamSilence(flows, net.seen, p.carried)
	explainDatagramSilence(in.calls, packets, net.seen)
	for _, call := range in.calls {
		slices.Sort(call.Packets)
		call.Packets = slices.Compact(call.Packets)
	}
	return &Timeline{
		Sockets: sockets, Calls: in.calls, Packets: in.packets, Captions: in.captions,
		seen: net.seen, calls: calls, packets: packets, conns: conns, socketsMade: made, flows: flows, ids: ids,
		waiting: waits, arrivals: arrivals,
	}
}

// Socket returns the socket that had that identity at a time, or else the first that got it; nil when there is none.
func (t *Timeline) Socket(id SocketID, at time.Duration) *Socket { return t.ids.socket(id, at) }

// Packet returns the packet with that number, or nil.
func (t *Timeline) Packet(number int) *PacketRecord { return t.packets[number] }

// Call returns the call with that number, or nil.
func (t *Timeline) Call(number int) *CallRecord { return t.calls[number] }

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

// Takers are the receives that took bytes of the call's data, in order.
func (t *Timeline) Takers(call int) []*CallRecord {
	if t.takers == nil {
		t.takers = map[int][]*CallRecord{}
		for _, c := range t.Calls {
			for i, s := range c.Received {
				if !slices.ContainsFunc(c.Received[:i], func(x Span) bool { return x.Call == s.Call }) {
					t.takers[s.Call] = append(t.takers[s.Call], c)
				}
			}
		}
	}
	return t.takers[call]
}
