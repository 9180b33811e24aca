package perf

import (
	"time"

	"sockwire/dgram"
	"sockwire/dgram/ledger"
)

// Report is what a receiver found of one flow. It travels from server to client, so it is kept small.
type Report struct {
	Sent      uint64 `json:"sent"` // as told by the sender, or seen
	Received  uint64 `json:"received"`
	Unique    uint64 `json:"unique"`
	Bytes     uint64 `json:"bytes"` // of unique datagrams
	Lost      uint64 `json:"lost"`
	Tail      uint64 `json:"tail"`
	Duplicate uint64 `json:"duplicate"`
	Reordered uint64 `json:"reordered"`
	Late      uint64 `json:"late"`
	Corrupt   uint64 `json:"corrupt"`
	// Dropped is the kernel's count of losses at the socket, to the last one: for want of room in the receive buffer,
	// and Wrong for a wrong checksum. Where datagrams arrive joined, it counts buffers of several; Overflow is how many
	// datagrams of the stream had no room. Checksum is how many had a wrong checksum; of small ones only the receiver's
	// network namespace has a count.
	Dropped   uint64   `json:"dropped"`
	Wrong     uint64   `json:"dropped_checksum,omitempty"`
	Overflow  uint64   `json:"overflow"`
	Checksum  uint64   `json:"checksum"`
	Joined    uint64   `json:"joined,omitempty"`        // of Corrupt, those that held several datagrams: trains that nobody cut
	Split     bool     `json:"receive_split,omitempty"` // receive offload was switched off: joined datagrams were damaged
	ExtentMax uint64   `json:"extent_max"`
	Runs      uint64   `json:"loss_runs"`
	RunMax    uint64   `json:"loss_run_max"`
	RunSizes  []uint64 `json:"loss_run_log2,omitempty"` // runs of 1, 2 to 3, 4 to 7 and so on

	First  int64         `json:"first_ns"` // when the first and the last datagram came, on the receiver's clock
	Last   int64         `json:"last_ns"`
	Jitter time.Duration `json:"jitter_ns"`         // RFC 3550
	Delays *Delays       `json:"delays,omitempty"`  // as it runs; servers of before do not tell them
	OneWay *Variation    `json:"one_way,omitempty"` // once the accounts are final
	Waited *Variation    `json:"waited,omitempty"`  // in the receive buffer, the first datagram of each batch, once the accounts are final
	Final  bool          `json:"final"`             // nothing has come for the settling time
	Buffer int           `json:"receive_buffer"`    // bytes granted
	Failed uint64        `json:"failed,omitempty"`  // a server's own sends that its host refused
}

// Variation is a distribution of delays, in nanoseconds.
type Variation struct {
	Min  time.Duration `json:"min_ns"` // as stamped; a true delay only between synchronised clocks
	Skew float64       `json:"skew,omitempty"`
	P50  time.Duration `json:"p50_ns"` // of a one-way delay, this and the rest are what is above the minimum
	P90  time.Duration `json:"p90_ns"`
	P99  time.Duration `json:"p99_ns"`
	P999 time.Duration `json:"p999_ns"`
	Max  time.Duration `json:"max_ns"`
}

// Delays are one-way delays since a session began, each less that of the first datagram, which takes the offset between
// the two clocks out. They are sums, so that a report that is lost or late takes nothing away.
type Delays struct {
	Sum   time.Duration `json:"sum_ns"`   // of all unique datagrams; it may wrap around, as its differences do not
	Least time.Duration `json:"least_ns"` // of any, at most 0

	first   time.Duration
	started bool
}

// mostDelay bounds what is counted of a delay: what is further from the first is of a clock that was set.
const mostDelay = time.Hour

// add takes in a delay, receive stamp less send stamp.
func (d *Delays) add(transit time.Duration) {
	if !d.started {
		d.first, d.started = transit, true
	}
	above := min(max(transit-d.first, -mostDelay), mostDelay)
	d.Sum += above
	d.Least = min(d.Least, above)
}

// possible tells whether d can have been counted; nil is of nothing.
func (d *Delays) possible() bool { return d == nil || -mostDelay <= d.Least && d.Least <= 0 }

// account is the receiving side of one flow.
type account struct {
	conn    *dgram.Conn
	session uint64
	settle  time.Duration
	same    bool // one clock at both ends

	ledger  *ledger.Ledger
	jitter  ledger.Jitter
	delays  Delays
	oneWay  ledger.OneWay
	waited  *ledger.Histogram
	bytes   uint64
	first   time.Time
	last    time.Time // of the last data, by this host's clock
	base    int64
	baseSet bool
	final   *Report

	// What was lost at the socket.
	damaged   *dgram.ReceiveErrors     // of this network namespace; nil where that is not told
	wrong     dgram.ReceiveErrorCounts // its counts when the flow began
	smallest  int                      // payload of data, in bytes; 0 before the first
	dropped   uint32                   // the kernel's count of drops when the flow began
	seen      uint32                   // losses told with datagrams so far
	pending   uint64                   // of them, since the last gap in the numbers was explained
	next      uint64                   // one past the highest number
	overflow  uint64                   // numbers in gaps that came with losses
	coalesced bool                     // datagrams arrive joined

	// What offload may have done.
	joined    uint64 // arrivals that hold several datagrams
	whole     uint64 // intact datagrams that the kernel had joined
	unwhole   uint64 // damaged ones
	separated bool   // it does not join any more
}

// maxSettle is the longest that is waited for quiet before accounts are final.
const maxSettle = 5 * time.Second

// maxJoined is how many datagrams one lost buffer may have held (UDP_MAX_SEGMENTS).
const maxJoined = 128

func newAccount(c *dgram.Conn, session uint64, p *Params, same bool, damaged *dgram.ReceiveErrors) *account {
	window := p.Window
	if window < 0 || window > 1<<22 {
		window = 0
	}
	a := &account{conn: c, session: session, same: same, ledger: ledger.New(window), waited: ledger.NewHistogram()}
	a.settle = min(max(p.Settle, time.Millisecond), maxSettle)
	a.damaged = damaged
	a.wrong, _ = damaged.Count()
	a.dropped, _ = c.Drops()
	a.last = time.Now()
	return a
}

// arrived takes note of what any datagram of the flow's socket says about losses in the receive buffer.
func (a *account) arrived(d *dgram.Datagram) {
	a.coalesced = a.coalesced || d.Coalesced
	a.pending += uint64(d.Dropped)
	a.seen += d.Dropped
}

// batch takes note of how long a batch has waited to be read.
func (a *account) batch(ds []dgram.Datagram, now time.Time) {
	if len(ds) > 0 {
		a.waited.Record(max(now.Sub(ds[0].Time), 0))
	}
}

// gap explains missing numbers by losses that the kernel told of at the same place.
func (a *account) gap(n uint64) {
	if a.pending > 0 {
		a.overflow += min(n, a.pending*maxJoined)
		a.pending = 0
	}
}

// data accounts for one intact datagram. It does not allocate.
func (a *account) data(h *header, d *dgram.Datagram) {
	a.last = d.Time
	if n := len(d.Payload); a.smallest == 0 || n < a.smallest {
		a.smallest = n
	}
	if d.Coalesced {
		a.whole++
	}
	switch a.ledger.Receive(h.seq) {
	case ledger.InOrder:
		if h.seq > a.next {
			a.gap(h.seq - a.next)
		}
		a.next = h.seq + 1
	case ledger.Reordered:
	default:
		return
	}
	if a.bytes == 0 {
		a.first = d.Time
	}
	a.bytes += uint64(len(d.Payload))
	transit := d.Time.UnixNano() - h.sent
	a.jitter.Add(time.Duration(transit))
	a.delays.add(time.Duration(transit))
	if !a.baseSet {
		a.base, a.baseSet = h.sent, true
	}
	a.oneWay.Add(time.Duration(h.sent-a.base), time.Duration(transit))
}

// corrupt accounts for an arrival from the peer that is not what it sent.
func (a *account) corrupt(d *dgram.Datagram) {
	a.ledger.Corrupt()
	a.last = d.Time
	if holdsSeveral(d.Payload) {
		a.joined++
	}
	if !d.Coalesced || a.separated {
		return
	}
	if a.unwhole++; a.unwhole >= mangledMin && a.unwhole > a.whole {
		a.separated = a.conn.StopCoalescing() == nil
	}
}

// quiet tells whether nothing had come for the settling time when a datagram arrived at t. It is arrivals that are
// compared, not when they were looked at: what lies in the receive buffer behind it is not forgotten.
func (a *account) quiet(t time.Time) bool { return t.Sub(a.last) >= a.settle }

// report is the state of the accounts. Once final, it does not change any more.
func (a *account) report(final bool) *Report {
	if a.final != nil {
		return a.final
	}
	c := a.ledger.Counts()
	r := &Report{
		Sent: c.Sent, Received: c.Received, Unique: c.Unique, Bytes: a.bytes, Lost: c.Lost, Tail: c.Tail, Duplicate: c.Duplicate,
		Reordered: c.Reordered, Late: c.Late, Corrupt: c.Corrupt, Joined: a.joined, Split: a.separated,
		ExtentMax: c.Extent.Max,
		Runs:      c.LossRuns.Count, RunMax: c.LossRuns.Max, Jitter: a.jitter.Value(), Buffer: a.conn.ReadBuffer(), Final: final,
	}
	a.causes(r, c.Tail)
	if a.bytes > 0 {
		delays := a.delays
		r.Delays = &delays
		r.First, r.Last = a.first.UnixNano(), a.last.UnixNano()
	}
	if !final {
		return r
	}
	sizes := c.LossRuns.Log2[:]
	for len(sizes) > 0 && sizes[len(sizes)-1] == 0 {
		sizes = sizes[:len(sizes)-1]
	}
	r.RunSizes = append([]uint64(nil), sizes...)
	if v := a.oneWay.Variation(!a.same); v.Count > 0 {
		r.OneWay = &Variation{Min: v.MinDelay, Skew: v.Skew, P50: v.P50, P90: v.P90, P99: v.P99, P999: v.P999, Max: v.Max}
	}
	r.Waited = variation(a.waited)
	a.final = r
	return r
}

// fitting is r, without its least where numbers of many digits leave no room in a datagram for it.
func (r *Report) fitting(h header) *Report {
	if _, err := control(h, r, 0); err == nil {
		return r
	}
	less := *r
	less.RunSizes, less.Waited, less.Delays = nil, nil, nil
	return &less
}

// causes works out what the kernel says about the losses.
func (a *account) causes(r *Report, tail uint64) {
	drops, err := a.conn.Drops()
	if err != nil {
		return
	}
	r.Dropped = uint64(drops - a.dropped)
	overflow := min(r.Dropped, r.Lost)
	if counts, err := a.damaged.Count(); err == nil {
		counts = counts.Since(a.wrong)
		_, r.Wrong = counts.Split(r.Dropped)
		if r.Checksum = r.Wrong; a.smallest <= dgram.SmallChecksum {
			r.Checksum = max(counts.Checksum, r.Wrong) // what others got wrong as well
		}
	}
	// Datagrams are joined after their checksums are verified, so a wrong one is lost alone.
	if a.coalesced && r.Dropped > r.Wrong {
		// Losses that no later datagram told of are those of the tail.
		untold := uint64(drops-a.dropped-a.seen) + a.pending
		overflow = min(a.overflow+min(tail, untold*maxJoined), r.Lost)
	}
	r.Overflow = max(overflow, r.Wrong) - r.Wrong
}

func variation(h *ledger.Histogram) *Variation {
	if h.Count() == 0 {
		return nil
	}
	at := h.Quantile
	return &Variation{Min: h.Min(), P50: at(0.5), P90: at(0.9), P99: at(0.99), P999: at(0.999), Max: h.Max()}
}
