package perf

import (
	"time"

	"sockwire/dgram"
	"sockwire/dgram/ledger"
)

// FlowResult is what was found of one flow.
type FlowResult struct {
	Local dgram.Addr
	Clock Relation
	// ClockError is how far synchronised clocks may differ, by what their kernels say.
	ClockError time.Duration
	Up         *Direction
	Down       *Direction
	Reply      *Replies
	Failed     error // why the flow ended early; nil if it did not
	// Contradiction is the first word of the server that cannot be true, "" if there was none, and Contradictions how
	// many there were. Such words are left out of the account.
	Contradiction  string
	Contradictions uint64
}

// Direction is the account of one direction of one flow. Sent = Unique + Lost + Unheard, and Lost is the sum of its
// causes.
type Direction struct {
	Report
	SendErrors  uint64 // lost before they left: the sending host refused them
	LostDropped uint64 // lost in the receive buffer
	// LostChecksum were thrown away by the receiving kernel for a wrong checksum. The kernel counts them for the whole
	// network namespace; of datagrams above dgram.SmallChecksum this is at most what the flow's socket lost.
	LostChecksum uint64
	LostCorrupt  uint64 // arrived damaged
	LostICMP     uint64 // an ICMP error told so
	LostNetwork  uint64 // what remains
	Unheard      uint64 // sent after the last account that was heard, so nobody knows what became of them; 0 if Known
	Known        bool   // the accounts are final; false when the server has gone
	Offload      bool   // trains were used to the end
	Mangled      string // why trains were given up: what the path did to them; "" if it did nothing
	Unsent       uint64 // were due before the end and not sent: the sender could not keep its rate
	Elapsed      time.Duration
	Queued       *Variation // of the client's sending: how long after they were due
	Stack        *Variation // of the client's sending: from the sending program to the device, of a sample
}

// Replies is what came back to requests.
type Replies struct {
	Direction
	RTT     *ledger.Histogram // from when the request was due to when the reply arrived: no coordinated omission
	Network *ledger.Histogram // from when it was sent, less the server's time
	Queue   *ledger.Histogram // how late requests left
	Server  *ledger.Histogram // what the server took
	Timeout uint64            // one at a time: given up; a late reply does not count as one
}

// mangledMin is how many damaged arrivals it takes before a path is judged, and eatenMin how many losses.
const (
	mangledMin = 16
	eatenMin   = 256
)

// mangled says what a path does to trains, by what the receiver has found, or "" while there is no reason to think so.
// What the report says was sent, was sent before the mark that the report answers.
func mangled(r *Report) string {
	switch {
	case r.Joined > 0:
		return "trains arrive uncut"
	case r.Corrupt >= mangledMin && r.Corrupt > r.Received:
		return "most of what arrives is damaged"
	case r.Checksum >= mangledMin && r.Checksum > r.Received:
		return "most of what arrives has a wrong checksum"
	case r.Sent >= eatenMin && r.Received+r.Corrupt+r.Dropped == 0:
		return "nothing arrives"
	}
	return ""
}

// result works out what became of every datagram.
func (f *flow) result() FlowResult {
	r := FlowResult{Local: f.conn.LocalAddr(), Clock: f.clock, ClockError: f.clockError, Failed: f.failed}
	r.Contradiction, r.Contradictions = f.contradiction, f.contradictions
	elapsed := f.up.end.Sub(f.up.start)
	if f.cfg.Up != nil {
		d := direction(*f.remote, f.up.sent.Load(), f.up.failed.Load(), f.icmp.Load(), f.remote.Final)
		d.Mangled = f.upMangled
		d.Queued, d.Stack, d.Offload, d.Elapsed = variation(f.up.late), variation(f.up.stack), f.conn.Offload(), elapsed
		d.Unsent = f.up.unsent
		r.Up = d
	}
	switch {
	case f.cfg.Down != nil:
		own := *f.down.report(true)
		d := direction(own, own.Sent, f.remote.Failed, 0, f.ended)
		d.Elapsed, d.Mangled = elapsed, f.downMangled
		r.Down = d
	case f.cfg.Requests != nil:
		f.down.ledger.Tell(f.up.sent.Load())
		own := *f.down.report(true)
		d := direction(own, f.up.sent.Load(), f.up.failed.Load(), f.icmp.Load(), true)
		d.Elapsed, d.Stack, d.Unsent = elapsed, variation(f.up.stack), f.up.unsent
		r.Reply = &Replies{Direction: *d, RTT: f.rtt, Network: f.network, Queue: f.up.late, Server: f.server, Timeout: f.timeouts}
	}
	return r
}

// direction divides the losses among their causes, each loss counted once: the sending host, wrong checksums, the
// receive buffer, ICMP errors, damage. What nobody claims is the network's. Where datagrams arrive joined, a gap in the
// numbers that comes with a loss told by the kernel is the receive buffer's as a whole.
func direction(r Report, sent, failed, icmp uint64, known bool) *Direction {
	d := &Direction{Report: r, Known: known}
	switch {
	case sent > d.Sent && known:
		d.Lost += sent - d.Sent
		d.Tail += sent - d.Sent
	case sent > d.Sent:
		d.Unheard = sent - d.Sent
	}
	d.Sent = max(d.Sent, sent)
	left := d.Lost
	claim := func(n uint64) uint64 {
		n = min(n, left)
		left -= n
		return n
	}
	d.SendErrors = claim(failed)
	d.LostChecksum = claim(r.Checksum)
	d.LostDropped = claim(r.Overflow)
	d.LostICMP = claim(icmp)
	d.LostCorrupt = claim(r.Corrupt)
	d.LostNetwork = left
	return d
}
