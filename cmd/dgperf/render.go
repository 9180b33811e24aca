package main

import (
	"fmt"
	"strings"
	"time"

	"sockwire/cmd/internal/cli"
	"sockwire/dgram/ledger"
	"sockwire/dgram/perf"
)

// renderer shows a run.
type renderer struct {
	env *cli.Env
	o   *options
	cfg *perf.Config

	arrived uint64
	known   bool
}

type intervalRecord struct {
	Type    string  `json:"type"`
	At      int64   `json:"at_ns"`
	Length  int64   `json:"length_ns"`
	Up      *counts `json:"up,omitempty"`
	Down    *counts `json:"down,omitempty"`
	Replies *uint64 `json:"replies,omitempty"`
}

type counts struct {
	Sent      uint64 `json:"sent"`
	Unique    uint64 `json:"unique"`
	Bytes     uint64 `json:"bytes"`
	Lost      uint64 `json:"lost"`
	Dropped   uint64 `json:"dropped"`
	Checksum  uint64 `json:"checksum"`
	Duplicate uint64 `json:"duplicate"`
	Reordered uint64 `json:"reordered"`
	Corrupt   uint64 `json:"corrupt"`
}

func toCounts(c perf.Counts) *counts {
	return &counts{c.Sent, c.Unique, c.Bytes, c.Lost, c.Dropped, c.Checksum, c.Duplicate, c.Reordered, c.Corrupt}
}

// interval shows the last second.
func (r *renderer) interval(i perf.Interval) {
	out := r.env.Stdout
	defer out.Flush()
	if r.o.json {
		rec := intervalRecord{Type: "interval", At: i.At.Nanoseconds(), Length: i.Length.Nanoseconds()}
		if r.cfg.Up != nil {
			rec.Up = toCounts(i.Up)
		}
		if r.cfg.Down != nil {
			rec.Down = toCounts(i.Down)
		}
		if r.cfg.Requests != nil {
			rec.Up, rec.Replies = toCounts(i.Up), &i.Replies
		}
		out.JSON(rec)
		return
	}
	line := func(what string, c perf.Counts) {
		out.Printf("%6.1fs  %-4s  sent %s  received %s  %s  lost %d", i.At.Seconds(), what, perSecond(c.Sent, i.Length),
			perSecond(c.Unique, i.Length), bits(c.Bytes, i.Length), c.Lost)
		for _, p := range []struct {
			n    uint64
			name string
		}{{c.Dropped, "dropped"}, {c.Checksum, "bad checksum"}, {c.Duplicate, "duplicate"}, {c.Reordered, "reordered"}, {c.Corrupt, "corrupt"}} {
			if p.n > 0 {
				out.Printf("  %s %d", p.name, p.n)
			}
		}
		out.Printf("\n")
	}
	switch {
	case r.cfg.Requests != nil:
		out.Printf("%6.1fs  asked %s  answered %s\n", i.At.Seconds(), perSecond(i.Up.Sent, i.Length), perSecond(i.Replies, i.Length))
	default:
		if r.cfg.Up != nil {
			line("up", i.Up)
		}
		if r.cfg.Down != nil {
			line("down", i.Down)
		}
	}
}

func perSecond(n uint64, d time.Duration) string {
	return scaled(float64(n)/max(d.Seconds(), 1e-9), "/s")
}

func bits(n uint64, d time.Duration) string {
	return scaled(8*float64(n)/max(d.Seconds(), 1e-9), "bit/s")
}

func scaled(v float64, unit string) string {
	for _, u := range []struct {
		name string
		size float64
	}{{"G", 1e9}, {"M", 1e6}, {"k", 1e3}} {
		if v >= u.size {
			return fmt.Sprintf("%.3g %s%s", v/u.size, u.name, unit)
		}
	}
	return fmt.Sprintf("%.3g %s", v, unit)
}

// directionRecord is the account of one direction of one flow, or of all flows.
type directionRecord struct {
	Type        string          `json:"type"`
	Direction   string          `json:"direction"`
	Flow        int             `json:"flow"` // from 1; 0 is all flows
	Local       string          `json:"local,omitempty"`
	Clock       string          `json:"clock"`
	Final       bool            `json:"final"`
	Sent        uint64          `json:"sent"`
	Unique      uint64          `json:"unique"`
	Lost        uint64          `json:"lost"`
	SendErrors  uint64          `json:"lost_send_errors"`
	LostDropped uint64          `json:"lost_receive_buffer"`
	LostCheck   uint64          `json:"lost_checksum"`
	LostICMP    uint64          `json:"lost_icmp"`
	LostCorrupt uint64          `json:"lost_corrupt"`
	LostNetwork uint64          `json:"lost_network"`
	Unheard     uint64          `json:"unheard,omitempty"`
	Tail        uint64          `json:"tail"`
	Duplicate   uint64          `json:"duplicate"`
	Reordered   uint64          `json:"reordered"`
	ExtentMax   uint64          `json:"reordered_extent_max"`
	Late        uint64          `json:"late"`
	Corrupt     uint64          `json:"corrupt"`
	Dropped     uint64          `json:"dropped"`
	Runs        uint64          `json:"loss_runs"`
	RunMax      uint64          `json:"loss_run_max"`
	RunSizes    []uint64        `json:"loss_run_log2"`
	Bytes       uint64          `json:"bytes"`
	Span        int64           `json:"span_ns"` // from the first to the last arrival
	Rate        float64         `json:"delivered_per_s"`
	Bits        float64         `json:"delivered_bits_per_s"`
	Jitter      int64           `json:"jitter_ns"`
	OneWay      *perf.Variation `json:"one_way,omitempty"`
	Queued      *perf.Variation `json:"sender_queue,omitempty"`
	Stack       *perf.Variation `json:"sender_stack,omitempty"`
	Waited      *perf.Variation `json:"receiver_queue,omitempty"`
	Offload     *bool           `json:"offload,omitempty"`       // of the client's own sending
	Mangled     string          `json:"mangled,omitempty"`       // why trains were given up
	Split       bool            `json:"receive_split,omitempty"` // the receiver gave up joining
	Buffer      int             `json:"receive_buffer"`
	Error       string          `json:"error,omitempty"`
}

func newRecord(direction string, flow int, f *perf.FlowResult, d *perf.Direction) directionRecord {
	r := directionRecord{
		Type: "flow", Direction: direction, Flow: flow, Local: f.Local.String(), Clock: string(f.Clock), Final: d.Known, Sent: d.Sent, Unique: d.Unique,
		Lost: d.Lost, SendErrors: d.SendErrors, LostDropped: d.LostDropped, LostCheck: d.LostChecksum, LostICMP: d.LostICMP, LostCorrupt: d.LostCorrupt,
		LostNetwork: d.LostNetwork, Unheard: d.Unheard, Tail: d.Tail, Duplicate: d.Duplicate, Reordered: d.Reordered, ExtentMax: d.ExtentMax, Late: d.Late,
		Corrupt: d.Corrupt, Dropped: d.Dropped, Runs: d.Runs, RunMax: d.RunMax, RunSizes: d.RunSizes, Bytes: d.Bytes, Span: d.Last - d.First,
		Jitter: d.Jitter.Nanoseconds(), OneWay: d.OneWay, Queued: d.Queued, Stack: d.Stack, Waited: d.Waited, Buffer: d.Buffer,
		Mangled: d.Mangled, Split: d.Split,
	}
	if direction == "up" {
		r.Offload = &d.Offload
	}
	if r.RunSizes == nil {
		r.RunSizes = []uint64{}
	}
	if f.Failed != nil {
		r.Error = f.Failed.Error()
	}
	r.rates()
	return r
}

func (r *directionRecord) rates() {
	if r.Span > 0 {
		s := time.Duration(r.Span).Seconds()
		r.Rate, r.Bits = float64(r.Unique)/s, 8*float64(r.Bytes)/s
	}
}

// add sums up flows. What cannot be summed is the largest; delays are those of the flows only.
func (r *directionRecord) add(o *directionRecord) {
	r.Final = r.Final && o.Final
	r.Split = r.Split || o.Split
	if r.Mangled == "" {
		r.Mangled = o.Mangled
	}
	if r.Offload != nil && !*o.Offload {
		r.Offload = o.Offload
	}
	for _, p := range []struct{ to, from *uint64 }{
		{&r.Sent, &o.Sent}, {&r.Unique, &o.Unique}, {&r.Lost, &o.Lost}, {&r.SendErrors, &o.SendErrors}, {&r.LostDropped, &o.LostDropped},
		{&r.LostCheck, &o.LostCheck}, {&r.LostICMP, &o.LostICMP}, {&r.LostCorrupt, &o.LostCorrupt}, {&r.LostNetwork, &o.LostNetwork}, {&r.Tail, &o.Tail}, {&r.Unheard, &o.Unheard},
		{&r.Duplicate, &o.Duplicate}, {&r.Reordered, &o.Reordered}, {&r.Late, &o.Late}, {&r.Corrupt, &o.Corrupt}, {&r.Dropped, &o.Dropped},
		{&r.Runs, &o.Runs}, {&r.Bytes, &o.Bytes},
	} {
		*p.to += *p.from
	}
	r.ExtentMax, r.RunMax = max(r.ExtentMax, o.ExtentMax), max(r.RunMax, o.RunMax)
	r.Span, r.Jitter = max(r.Span, o.Span), max(r.Jitter, o.Jitter)
	for i, n := range o.RunSizes {
		if i == len(r.RunSizes) {
			r.RunSizes = append(r.RunSizes, 0)
		}
		r.RunSizes[i] += n
	}
	r.rates()
}

// result shows the whole run: each flow, and their sum where there are several.
func (r *renderer) result(res *perf.Result) {
	r.known = true
	for _, direction := range []string{"up", "down", "requests"} {
		var sum *directionRecord
		for i := range res.Flows {
			f := &res.Flows[i]
			d := map[string]*perf.Direction{"up": f.Up, "down": f.Down}[direction]
			if direction == "requests" && f.Reply != nil {
				d = &f.Reply.Direction
			}
			if d == nil {
				continue
			}
			rec := newRecord(direction, i+1, f, d)
			r.arrived += rec.Unique
			r.known = r.known && rec.Final
			if r.o.json || len(res.Flows) == 1 {
				r.show(&rec)
			}
			if sum == nil {
				all := rec
				all.Type, all.Flow, all.Local, all.OneWay, all.Queued, all.Stack, all.Waited = "summary", 0, "", nil, nil, nil, nil
				all.RunSizes = append([]uint64{}, rec.RunSizes...)
				sum = &all
			} else {
				sum.add(&rec)
			}
		}
		if sum != nil && (r.o.json || len(res.Flows) > 1) {
			r.show(sum)
		}
	}
	r.roundTrips(res)
}

func (r *renderer) show(d *directionRecord) {
	out := r.env.Stdout
	if r.o.json {
		out.JSON(d)
		return
	}
	share := func(n uint64) string {
		if d.Sent == 0 {
			return ""
		}
		return fmt.Sprintf(" (%.4g %%)", 100*float64(n)/float64(d.Sent))
	}
	out.Printf("\n%s", d.Direction)
	if d.Flow == 0 {
		out.Printf(", all flows")
	}
	if !d.Final {
		out.Printf(", NOT FINAL: as last heard from the server")
	}
	out.Printf("\n  sent        %d\n  received    %d once, %s, %s, %d bytes\n", d.Sent, d.Unique, scaled(d.Rate, "/s"), scaled(d.Bits, "bit/s"), d.Bytes)
	out.Printf("  lost        %d%s", d.Lost, share(d.Lost))
	var causes []string
	for _, c := range []struct {
		n    uint64
		name string
	}{{d.SendErrors, "refused by the sending host"}, {d.LostDropped, "in the receive buffer"}, {d.LostCheck, "with a wrong checksum"}, {d.LostICMP, "told by ICMP"},
		{d.LostCorrupt, "damaged"}, {d.LostNetwork, "in the network"}} {
		if c.n > 0 {
			causes = append(causes, fmt.Sprintf("%d %s", c.n, c.name))
		}
	}
	if len(causes) > 0 {
		out.Printf(": %s", strings.Join(causes, ", "))
	}
	out.Printf("\n")
	if d.Unheard > 0 {
		out.Printf("  unknown     %d, sent after the server was last heard\n", d.Unheard)
	}
	if d.Runs > 0 {
		out.Printf("  loss runs   %d, the longest of %d; %d at the end\n", d.Runs, d.RunMax, d.Tail)
	}
	out.Printf("  duplicate   %d, reordered %d%s (extent up to %d), late %d, corrupt %d\n", d.Duplicate, d.Reordered, share(d.Reordered), d.ExtentMax, d.Late, d.Corrupt)
	if d.Direction != "requests" {
		out.Printf("  jitter      %v (RFC 3550)\n", time.Duration(d.Jitter).Round(100*time.Nanosecond))
	}
	r.delays(d)
	switch {
	case d.Mangled != "":
		out.Printf("  offload     switched off, the path mangles it: %s\n", d.Mangled)
	case d.Offload != nil && !*d.Offload && !r.o.noOffload:
		out.Printf("  offload     off: this path does not take trains\n")
	}
	if d.Split {
		out.Printf("  offload     switched off at the receiver: joined datagrams were damaged\n")
	}
	if d.Error != "" {
		out.Printf("  ended       %s\n", cli.Escape(d.Error))
	}
}

// delays shows one-way delays as far as the clocks allow, and where they arose.
func (r *renderer) delays(d *directionRecord) {
	out := r.env.Stdout
	if v := d.OneWay; v != nil && d.Direction != "requests" {
		switch perf.Relation(d.Clock) {
		case perf.ClockIndependent:
			out.Printf("  delay       unknown, the clocks are independent; its variation, skew of %.2f ppm removed:\n", v.Skew*1e6)
		default:
			out.Printf("  delay       %v at least (clocks: %s); above that:\n", v.Min, d.Clock)
		}
		out.Printf("              median %v, p90 %v, p99 %v, p99.9 %v, most %v\n", v.P50, v.P90, v.P99, v.P999, v.Max)
	}
	if v := d.Queued; v != nil && v.P50 >= 0 && !r.o.rate.IsZero() {
		out.Printf("  left late   by median %v, p99 %v, most %v: the sender's own delay\n", v.P50, v.P99, v.Max)
	}
	if v := d.Stack; v != nil {
		out.Printf("  sent in     median %v, p99 %v, most %v: this host's stack and queue, of a sample\n", v.P50, v.P99, v.Max)
	}
	if v := d.Waited; v != nil && d.Direction != "requests" {
		out.Printf("  read late   by median %v, p99 %v, most %v: the receiver's own delay, in its buffer\n", v.P50, v.P99, v.Max)
	}
}

// roundTrips shows the distributions of requests, over all flows.
func (r *renderer) roundTrips(res *perf.Result) {
	names := []string{"rtt", "network", "sender_queue", "server"}
	sums := []*ledger.Histogram{ledger.NewHistogram(), ledger.NewHistogram(), ledger.NewHistogram(), ledger.NewHistogram()}
	var timeouts uint64
	found := false
	for _, f := range res.Flows {
		if f.Reply == nil {
			continue
		}
		found = true
		timeouts += f.Reply.Timeout
		for i, h := range []*ledger.Histogram{f.Reply.RTT, f.Reply.Network, f.Reply.Queue, f.Reply.Server} {
			sums[i].Merge(h)
		}
	}
	if !found {
		return
	}
	out := r.env.Stdout
	if r.o.json {
		for i, h := range sums {
			out.JSON(newDistribution(names[i], h, timeouts, r.o.histogram))
		}
		return
	}
	about := []string{"from when it was due to its reply", "from when it left, less the server's time", "from due to left", "at the server"}
	out.Printf("  %-12s %10s %10s %10s %10s %10s %10s\n", "", "min", "median", "p90", "p99", "p99.9", "max")
	for i, h := range sums {
		out.Printf("  %-12s %10v %10v %10v %10v %10v %10v  %s\n", strings.ReplaceAll(names[i], "_", " "), h.Min(), h.Quantile(0.5), h.Quantile(0.9),
			h.Quantile(0.99), h.Quantile(0.999), h.Max(), about[i])
	}
	if timeouts > 0 {
		out.Printf("  %d were not answered in time\n", timeouts)
	}
	if r.o.histogram {
		r.histogram(sums[0])
	}
}

// histogram shows powers of two of microseconds as bars.
func (r *renderer) histogram(h *ledger.Histogram) {
	var rows [64]uint64
	low, high, most := len(rows), -1, uint64(1)
	for b := range h.Buckets() {
		i := 0
		for us := b.To.Microseconds(); us > 0; us >>= 1 {
			i++
		}
		rows[i] += b.Count
		low, high, most = min(low, i), max(high, i), max(most, rows[i])
	}
	for i := low; i <= high; i++ {
		r.env.Stdout.Printf("  below %10v %9d %s\n", time.Duration(1<<i)*time.Microsecond, rows[i], strings.Repeat("#", int(50*rows[i]/most)))
	}
}

type distribution struct {
	Type     string       `json:"type"`
	Name     string       `json:"name"`
	Count    uint64       `json:"count"`
	Timeouts uint64       `json:"timeouts"`
	Min      int64        `json:"min_ns"`
	Mean     int64        `json:"mean_ns"`
	StdDev   int64        `json:"stddev_ns"`
	P50      int64        `json:"p50_ns"`
	P90      int64        `json:"p90_ns"`
	P99      int64        `json:"p99_ns"`
	P999     int64        `json:"p999_ns"`
	Max      int64        `json:"max_ns"`
	Buckets  []jsonBucket `json:"buckets,omitempty"`
}

type jsonBucket struct {
	To    int64  `json:"to_ns"`
	Count uint64 `json:"count"`
}

func newDistribution(name string, h *ledger.Histogram, timeouts uint64, buckets bool) distribution {
	d := distribution{Type: "distribution", Name: name, Count: h.Count(), Timeouts: timeouts, Min: int64(h.Min()), Mean: int64(h.Mean()),
		StdDev: int64(h.StdDev()), P50: int64(h.Quantile(0.5)), P90: int64(h.Quantile(0.9)), P99: int64(h.Quantile(0.99)),
		P999: int64(h.Quantile(0.999)), Max: int64(h.Max())}
	if buckets {
		for b := range h.Buckets() {
			d.Buckets = append(d.Buckets, jsonBucket{int64(b.To), b.Count})
		}
	}
	return d
}
