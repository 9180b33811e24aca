// Package impair decides, from a seed, what a bad network does to each packet: lose, duplicate, reorder,
// delay, corrupt or truncate it, or hold it back by a rate limit. It opens no sockets and reads no clock: the
// caller says when each packet arrived and how long it is, and carries the decision out, with a [Queue] for what is not
// due yet. The same configuration and the same sequence of (time, size) give the same decisions, on every machine but
// for the last nanosecond of a normal or Pareto delay.
//
// The vocabulary is that of tc-netem(8) where it has a word. Each kind of impairment draws from a random
// stream of its own, one draw for every packet whatever happens to it: so packet 17 is lost or not by the
// seed alone, and turning duplication on does not change which packets are lost.
package impair

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// Config says how bad the network is. The zero value is a perfect one. Probabilities are 0 to 1.
type Config struct {
	Seed uint64

	// Loss is the probability that a packet is lost.
	Loss float64
	// BurstEnter and BurstLeave make a Gilbert-Elliott model of two states: before each packet the good
	// state turns bad with probability BurstEnter, the bad one good with BurstLeave. In the good state
	// packets are lost with probability Loss, in the bad one with BurstLoss (0 means 1: all). The mean burst is
	// 1/BurstLeave packets.
	BurstEnter, BurstLeave, BurstLoss float64

	// Duplicate is the probability that a packet is delivered twice. The copy takes its own turn at
	// the rate limit and its own delay; damage is done to both alike.
	Duplicate float64

	// Reorder is the probability that a packet is held until ReorderGap later packets (0 means 1) have
	// gone ahead of it, or until ReorderHold (0 means 100 ms) after it was due, so that the last packet does go out.
	Reorder     float64
	ReorderGap  int
	ReorderHold time.Duration

	// Delay is added to every packet, varied by Jitter as Distribution says. A delay is never below zero.
	// Packets keep their order all the same, a short delay waiting for a long one before it,
	// unless JitterReorders is set.
	Delay, Jitter  time.Duration
	Distribution   Distribution
	JitterReorders bool

	// Corrupt is the probability that one bit is flipped, at a byte within [CorruptFrom, CorruptTo) of the
	// packet; CorruptTo 0 means its end. A packet that has no byte there is left alone.
	Corrupt                float64
	CorruptFrom, CorruptTo int

	// Truncate is the probability that a packet is cut to TruncateTo bytes, or with TruncateTo 0 to a
	// random length from 0 to one byte less than it has. A shorter packet is left alone.
	Truncate   float64
	TruncateTo int

	// Rate limits packets to so many bits a second by a token bucket of Burst bytes (0 means none saved: each packet
	// takes its time); 0 is no limit. What does not go at once waits, in order, in a queue of at most QueueBytes and
	// QueuePackets, each 0 meaning no bound; what does not fit is dropped with the cause "rate".
	Rate         float64
	Burst        int
	QueueBytes   int
	QueuePackets int
}

// Distribution is how delays vary.
type Distribution uint8

const (
	Uniform Distribution = iota // Delay ± Jitter, all values alike
	Normal                      // mean Delay, standard deviation Jitter
	Pareto                      // Delay + Jitter·(u^(-1/3) - 1) for u uniform in (0,1]: median 0.26, mean 0.5, one in a thousand above 9 times Jitter
)

var distributions = [...]string{"uniform", "normal", "pareto"}

func (d Distribution) String() string { return nameOf(distributions[:], "distribution", uint8(d)) }

func nameOf(names []string, kind string, i uint8) string {
	if int(i) < len(names) {
		return names[i]
	}
	return fmt.Sprint(kind, " ", i)
}

// MarshalText implements [encoding.TextMarshaler].
func (d Distribution) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// Cause is why a packet was dropped.
type Cause uint8

const (
	None  Cause = iota // not dropped
	Loss               // Config.Loss
	Burst              // Config.BurstLoss, in the bad state
	Rate               // the queue of the rate limit was full
)

var causes = [...]string{"", "loss", "burst", "rate"}

func (c Cause) String() string { return nameOf(causes[:], "cause", uint8(c)) }

// MarshalText implements [encoding.TextMarshaler].
func (c Cause) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// Flip is one bit to invert: bit 0 is the lowest of its byte.
type Flip struct {
	Byte int   `json:"byte"`
	Bit  uint8 `json:"bit"`
	Set  bool  `json:"-"` // there is one
}

// IsZero reports that there is no bit to invert.
func (f Flip) IsZero() bool { return !f.Set }

// Decision is what is to become of one packet.
type Decision struct {
	Seq     uint64    `json:"seq"`            // number of the packet, from 0, in the order of Decide calls
	Arrival time.Time `json:"arrival"`        // as given to Decide
	Size    int       `json:"size"`           // bytes, as given to Decide
	Drop    Cause     `json:"drop,omitempty"` // not None: nothing is delivered and what follows is zero

	Length  int       `json:"length"`            // bytes to deliver: Size, or less when truncated
	Flip    Flip      `json:"flip,omitzero"`     // the bit to invert
	Due     time.Time `json:"due,omitzero"`      // when to deliver it
	DueCopy time.Time `json:"due_copy,omitzero"` // when to deliver the duplicate; zero without one

	// Behind, when not 0, is how many later packets go ahead of this one; Due is then the latest time. The
	// duplicate is not held.
	Behind int `json:"behind,omitempty"`
}

// Duplicated reports whether the packet is to be delivered twice.
func (d *Decision) Duplicated() bool { return !d.DueCopy.IsZero() }

// Truncated reports whether the packet is to be cut to Length bytes.
func (d *Decision) Truncated() bool { return d.Drop == None && d.Length < d.Size }

// Apply does to the packet p what the decision says, in place, and returns the part to deliver. p is the packet
// of d.Size bytes; a dropped one is returned as it is.
func (d *Decision) Apply(p []byte) []byte {
	if d.Drop != None {
		return p
	}
	if d.Flip.Set {
		p[d.Flip.Byte] ^= 1 << d.Flip.Bit
	}
	return p[:d.Length]
}

// Record is a decision and when it was carried out; whoever delivers the packet fills in the latter.
type Record struct {
	Decision
	Delivered     time.Time `json:"delivered,omitzero"`      // zero: dropped, or not delivered yet
	DeliveredCopy time.Time `json:"delivered_copy,omitzero"` // the duplicate
	Order         uint64    `json:"order,omitempty"`         // place among all deliveries, from 1
	OrderCopy     uint64    `json:"order_copy,omitempty"`    // the duplicate's
}

// Totals sums decisions. Packets = Dropped() + Deliveries - Duplicated.
type Totals struct {
	Packets    uint64 `json:"packets"`
	Bytes      uint64 `json:"bytes"`
	Loss       uint64 `json:"dropped_loss"`
	Burst      uint64 `json:"dropped_burst"`
	Rate       uint64 `json:"dropped_rate"`
	Duplicated uint64 `json:"duplicated"`
	Held       uint64 `json:"held"` // held back for later packets to go ahead
	Corrupted  uint64 `json:"corrupted"`
	Truncated  uint64 `json:"truncated"`
	Deliveries uint64 `json:"deliveries"`      // duplicates included
	Delivered  uint64 `json:"delivered_bytes"` // of the deliveries
}

// Dropped returns the number of packets dropped for any cause.
func (t Totals) Dropped() uint64 { return t.Loss + t.Burst + t.Rate }

// Add counts one decision.
func (t *Totals) Add(d *Decision) {
	t.Packets++
	t.Bytes += uint64(d.Size)
	switch d.Drop {
	case Loss:
		t.Loss++
		return
	case Burst:
		t.Burst++
		return
	case Rate:
		t.Rate++
		return
	}
	copies := uint64(1)
	if d.Duplicated() {
		t.Duplicated++
		copies = 2
	}
	if d.Behind > 0 {
		t.Held++
	}
	if d.Flip.Set {
		t.Corrupted++
	}
	if d.Truncated() {
		t.Truncated++
	}
	t.Deliveries += copies
	t.Delivered += copies * uint64(d.Length)
}

// The kinds of random stream.
const (
	kindLoss = iota
	kindBurst
	kindDuplicate
	kindReorder
	kindDelay
	kindCorrupt
	kindTruncate
	kinds
)

// Impairer makes decisions. It is not safe for use by several goroutines: one direction of traffic needs one.
type Impairer struct {
	cfg     Config
	streams [kinds]rand.PCG
	totals  Totals
	bad     bool // state of the Gilbert-Elliott model
	rate    bucket
	now     time.Time // of the call before
	last    time.Time // due time of the packet before, for keeping order
}

// New returns an Impairer, or an error that names the field which is out of range.
func New(cfg Config) (*Impairer, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	cfg.BurstLoss = cmp.Or(cfg.BurstLoss, 1)
	cfg.ReorderGap = cmp.Or(cfg.ReorderGap, 1)
	cfg.ReorderHold = cmp.Or(cfg.ReorderHold, 100*time.Millisecond)
	m := &Impairer{cfg: cfg, rate: bucket{bitsPerSecond: cfg.Rate, depth: cfg.Burst, maxBytes: cfg.QueueBytes, maxPackets: cfg.QueuePackets}}
	for kind := range m.streams {
		m.streams[kind].Seed(cfg.Seed, uint64(kind+1)*0x9e3779b97f4a7c15) // far apart: an odd constant with mixed bits
	}
	return m, nil
}

func (c *Config) validate() error {
	for _, p := range []struct {
		name  string
		value float64
	}{
		{"Loss", c.Loss}, {"BurstEnter", c.BurstEnter}, {"BurstLeave", c.BurstLeave}, {"BurstLoss", c.BurstLoss},
		{"Duplicate", c.Duplicate}, {"Reorder", c.Reorder}, {"Corrupt", c.Corrupt}, {"Truncate", c.Truncate},
	} {
		if !(p.value >= 0 && p.value <= 1) {
			return fmt.Errorf("impair: %s is %v, not a probability from 0 to 1", p.name, p.value)
		}
	}
	for _, n := range []struct {
		name  string
		value int64
	}{
		{"ReorderGap", int64(c.ReorderGap)}, {"ReorderHold", int64(c.ReorderHold)}, {"Delay", int64(c.Delay)}, {"Jitter", int64(c.Jitter)},
		{"CorruptFrom", int64(c.CorruptFrom)}, {"CorruptTo", int64(c.CorruptTo)}, {"TruncateTo", int64(c.TruncateTo)},
		{"Burst", int64(c.Burst)}, {"QueueBytes", int64(c.QueueBytes)}, {"QueuePackets", int64(c.QueuePackets)},
	} {
		if n.value < 0 {
			return fmt.Errorf("impair: %s is negative", n.name)
		}
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{{"Delay", c.Delay}, {"Jitter", c.Jitter}, {"ReorderHold", c.ReorderHold}} {
		if d.value > maxDelay {
			return fmt.Errorf("impair: %s is %v, above %v", d.name, d.value, maxDelay)
		}
	}
	switch {
	case c.BurstEnter > 0 && c.BurstLeave == 0:
		return fmt.Errorf("impair: BurstEnter without BurstLeave: the bad state would never end")
	case c.CorruptTo != 0 && c.CorruptTo <= c.CorruptFrom:
		return fmt.Errorf("impair: CorruptTo %d is not above CorruptFrom %d", c.CorruptTo, c.CorruptFrom)
	case c.Rate != 0 && !(c.Rate >= 1 && c.Rate <= maxRate):
		return fmt.Errorf("impair: Rate is %v, not from 1 to %.0f bits a second", c.Rate, float64(maxRate))
	case int(c.Distribution) >= len(distributions):
		return fmt.Errorf("impair: unknown %v", c.Distribution)
	}
	return nil
}

const (
	maxDelay = time.Hour // also the longest that a varied delay becomes
	maxRate  = 1e12
)

// Totals returns the sums over all decisions made.
func (m *Impairer) Totals() Totals { return m.totals }

// Decide says what becomes of a packet of size bytes that arrived at now. now must not be before that of the
// call before; if it is, that of the call before counts. It does not allocate, but for the queue of a rate limit as it
// first grows.
func (m *Impairer) Decide(now time.Time, size int) Decision {
	if now.Before(m.now) {
		now = m.now
	}
	m.now = now
	d := m.decide(now, max(size, 0))
	m.totals.Add(&d)
	return d
}

func (m *Impairer) decide(now time.Time, size int) Decision {
	// Every stream is drawn from for every packet, used or not: see the package comment.
	var (
		lost      = m.uniform(kindLoss)
		change    = m.uniform(kindBurst)
		duplicate = m.uniform(kindDuplicate) < m.cfg.Duplicate
		reorder   = m.uniform(kindReorder) < m.cfg.Reorder
		delay     = m.delay()
		delayCopy = m.delay()
		flip      = m.flip(size)
		length    = m.length(size)
	)
	d := Decision{Seq: m.totals.Packets, Arrival: now, Size: size}
	if d.Drop = m.loss(lost, change); d.Drop != None {
		return d
	}
	sent, ok := m.rate.send(now, size)
	if !ok {
		d.Drop = Rate
		return d
	}
	d.Length, d.Flip = length, flip
	if flip.Byte >= length {
		d.Flip = Flip{}
	}
	d.Due = m.inOrder(sent.Add(delay))
	if duplicate {
		if sentCopy, ok := m.rate.send(now, size); ok {
			d.DueCopy = m.inOrder(sentCopy.Add(delayCopy))
			if d.DueCopy.Before(d.Due) {
				d.Due, d.DueCopy = d.DueCopy, d.Due
			}
		}
	}
	if reorder {
		d.Behind = m.cfg.ReorderGap
		d.Due = d.Due.Add(m.cfg.ReorderHold)
	}
	return d
}

func (m *Impairer) loss(lost, change float64) Cause {
	if m.bad {
		m.bad = change >= m.cfg.BurstLeave
	} else {
		m.bad = change < m.cfg.BurstEnter
	}
	switch {
	case m.bad && lost < m.cfg.BurstLoss:
		return Burst
	case !m.bad && lost < m.cfg.Loss:
		return Loss
	}
	return None
}

// inOrder puts off what would overtake the packet before.
func (m *Impairer) inOrder(due time.Time) time.Time {
	if m.cfg.JitterReorders {
		return due
	}
	if due.Before(m.last) {
		return m.last
	}
	m.last = due
	return due
}

// uniform returns a number in [0, 1).
func (m *Impairer) uniform(kind int) float64 {
	return float64(m.streams[kind].Uint64()>>11) / (1 << 53)
}

func (m *Impairer) delay() time.Duration {
	u, v := m.uniform(kindDelay), m.uniform(kindDelay)
	if m.cfg.Jitter == 0 {
		return m.cfg.Delay
	}
	var x float64
	switch m.cfg.Distribution {
	case Uniform:
		x = 2*u - 1
	case Normal:
		x = math.Sqrt(-2*math.Log(1-u)) * math.Cos(2*math.Pi*v) // Box and Muller
	case Pareto:
		x = math.Pow(1-u, -1./3) - 1
	}
	d := float64(m.cfg.Delay) + x*float64(m.cfg.Jitter)
	return time.Duration(min(max(d, 0), float64(maxDelay)))
}

func (m *Impairer) flip(size int) Flip {
	u, at := m.uniform(kindCorrupt), m.streams[kindCorrupt].Uint64()
	to := size
	if m.cfg.CorruptTo != 0 {
		to = min(to, m.cfg.CorruptTo)
	}
	if u >= m.cfg.Corrupt || m.cfg.CorruptFrom >= to {
		return Flip{}
	}
	bits := uint64(to-m.cfg.CorruptFrom) * 8
	at %= bits // the bias is below 1 in 2^44 for any packet
	return Flip{Byte: m.cfg.CorruptFrom + int(at/8), Bit: uint8(at % 8), Set: true}
}

func (m *Impairer) length(size int) int {
	u, at := m.uniform(kindTruncate), m.uniform(kindTruncate)
	switch {
	case u >= m.cfg.Truncate:
		return size
	case m.cfg.TruncateTo != 0:
		return min(size, m.cfg.TruncateTo)
	default:
		return int(at * float64(size))
	}
}
