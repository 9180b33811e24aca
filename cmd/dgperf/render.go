package main

import (
	"cmp"
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

	drawn *drawn // nil without --report

	sent    uint64
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
	// RoundTrip is the mean of the replies' round trips.
	RoundTrip int64 `json:"round_trip_ns,omitempty"`
}

// newInterval makes the record of what was counted in a second or so.
func newInterval(cfg *perf.Config, i *perf.Interval) intervalRecord {
	rec := intervalRecord{Type: "interval", At: i.At.Nanoseconds(), Length: i.Length.Nanoseconds(), RoundTrip: i.RoundTrip.Nanoseconds()}
	if cfg.Up != nil {
		rec.Up = toCounts(i.Up, i.UpDelay)
	}
	if cfg.Down != nil {
		rec.Down = toCounts(i.Down, i.DownDelay)
	}
	if cfg.Requests != nil {
		rec.Up, rec.Replies = toCounts(i.Up, 0), &i.Replies
	}
	return rec
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
	// Delay is the mean one-way delay above the least so far.
	Delay int64 `json:"delay_ns,omitempty"`
}

func toCounts(c perf.Counts, delay time.Duration) *counts {
	return &counts{c.Sent, c.Unique, c.Bytes, c.Lost, c.Dropped, c.Checksum, c.Duplicate, c.Reordered, c.Corrupt, delay.Nanoseconds()}
}

// begin says what will be done.
func (r *renderer) begin() {
	if r.o.json {
		return
	}
	what, load := "sending to", r.cfg.Up
	switch {
	case r.cfg.Requests != nil:
		what, load = "asking", r.cfg.Requests
	case r.cfg.Up != nil && r.cfg.Down != nil:
		what = "sending to and receiving from"
	case r.cfg.Down != nil:
		what, load = "receiving from", r.cfg.Down
	}
	parts := []string{what + " " + r.cfg.Target + ": " + r.o.sizes() + " bytes"}
	switch {
	case load.Bits > 0:
		parts = append(parts, cli.Scaled(load.Bits, "bit/s"))
	case load.Rate > 0:
		parts = append(parts, cli.Scaled(load.Rate, " datagrams/s"))
	case r.cfg.Requests != nil:
		parts = append(parts, "one request at a time")
	default:
		parts = append(parts, "as fast as possible")
	}
	if r.o.flows > 1 {
		parts = append(parts, fmt.Sprintf("%d flows", r.o.flows))
	}
	if load.Count > 0 {
		parts = append(parts, cli.Plural(load.Count, "datagram"))
	}
	if load.Duration > 0 {
		parts = append(parts, load.Duration.String())
	}
	r.wrapped("", ", ", parts)
	r.env.Stdout.Flush()
}

// draws makes what is told of each second be drawn too, if anything is.
func (r *renderer) draws() {
	if r.drawn == nil {
		return
	}
	show := r.cfg.Progress
	r.cfg.Progress = func(i perf.Interval) {
		rec := newInterval(r.cfg, &i)
		addInterval(&r.drawn.run, &rec)
		if show != nil {
			show(i)
		}
	}
}

// interval shows the last second.
func (r *renderer) interval(i perf.Interval) {
	out := r.env.Stdout
	defer out.Flush()
	if r.o.json {
		out.JSON(newInterval(r.cfg, &i))
		return
	}
	line := func(what string, c perf.Counts, delay time.Duration) {
		parts := []string{"sent " + perSecond(c.Sent, i.Length), "received " + perSecond(c.Unique, i.Length), bits(c.Bytes, i.Length), fmt.Sprintf("lost %d", c.Lost)}
		for _, p := range []struct {
			n    uint64
			name string
		}{{c.Dropped, "buffer full"}, {c.Checksum, "bad checksum"}, {c.Duplicate, "duplicate"}, {c.Reordered, "reordered"}, {c.Corrupt, "damaged"}} {
			if p.n > 0 {
				parts = append(parts, fmt.Sprintf("%s %d", p.name, p.n))
			}
		}
		if delay > 0 { // above the least so far
			parts = append(parts, "+"+short(delay))
		}
		r.wrapped(fmt.Sprintf("%6.1fs  %-4s  ", i.At.Seconds(), what), "  ", parts)
	}
	switch {
	case r.cfg.Requests != nil:
		trip := ""
		if i.RoundTrip > 0 {
			trip = "  round trip " + short(i.RoundTrip)
		}
		out.Printf("%6.1fs  asked %s  answered %s%s\n", i.At.Seconds(), perSecond(i.Up.Sent, i.Length), perSecond(i.Replies, i.Length), trip)
	default:
		if r.cfg.Up != nil {
			line("up", i.Up, i.UpDelay)
		}
		if r.cfg.Down != nil {
			line("down", i.Down, i.DownDelay)
		}
	}
}

func perSecond(n uint64, d time.Duration) string {
	return cli.Scaled(float64(n)/max(d.Seconds(), 1e-9), "/s")
}

func bits(n uint64, d time.Duration) string {
	return cli.Scaled(8*float64(n)/max(d.Seconds(), 1e-9), "bit/s")
}

// directionRecord is the account of one direction of one flow, or of all flows.
type directionRecord struct {
	Type        string          `json:"type"`
	Direction   string          `json:"direction"`
	Flow        int             `json:"flow"` // from 1; 0 is all flows
	Local       string          `json:"local,omitempty"`
	Clock       string          `json:"clock"`
	ClockError  int64           `json:"clock_error_ns,omitempty"` // how far synchronised clocks may differ
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
	Unsent      uint64          `json:"unsent,omitempty"` // due before the end, and not sent
	// Contradiction is the first thing that the server said and that cannot be true.
	Contradiction string `json:"contradiction,omitempty"`
	Error         string `json:"error,omitempty"`
}

func newRecord(direction string, flow int, f *perf.FlowResult, d *perf.Direction) directionRecord {
	r := directionRecord{
		Type: "flow", Direction: direction, Flow: flow, Local: f.Local.String(), Clock: string(f.Clock), ClockError: f.ClockError.Nanoseconds(), Final: d.Known, Sent: d.Sent, Unique: d.Unique,
		Lost: d.Lost, SendErrors: d.SendErrors, LostDropped: d.LostDropped, LostCheck: d.LostChecksum, LostICMP: d.LostICMP, LostCorrupt: d.LostCorrupt,
		LostNetwork: d.LostNetwork, Unheard: d.Unheard, Tail: d.Tail, Duplicate: d.Duplicate, Reordered: d.Reordered, ExtentMax: d.ExtentMax, Late: d.Late,
		Corrupt: d.Corrupt, Dropped: d.Dropped, Runs: d.Runs, RunMax: d.RunMax, RunSizes: d.RunSizes, Bytes: d.Bytes, Span: d.Last - d.First,
		Jitter: d.Jitter.Nanoseconds(), OneWay: d.OneWay, Queued: d.Queued, Stack: d.Stack, Waited: d.Waited, Buffer: d.Buffer,
		Mangled: d.Mangled, Split: d.Split, Unsent: d.Unsent, Contradiction: f.Contradiction,
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
	r.Mangled, r.Contradiction = cmp.Or(r.Mangled, o.Mangled), cmp.Or(r.Contradiction, o.Contradiction)
	if r.Offload != nil && !*o.Offload {
		r.Offload = o.Offload
	}
	for _, p := range []struct{ to, from *uint64 }{
		{&r.Sent, &o.Sent}, {&r.Unique, &o.Unique}, {&r.Lost, &o.Lost}, {&r.SendErrors, &o.SendErrors}, {&r.LostDropped, &o.LostDropped},
		{&r.LostCheck, &o.LostCheck}, {&r.LostICMP, &o.LostICMP}, {&r.LostCorrupt, &o.LostCorrupt}, {&r.LostNetwork, &o.LostNetwork}, {&r.Tail, &o.Tail}, {&r.Unheard, &o.Unheard},
		{&r.Duplicate, &o.Duplicate}, {&r.Reordered, &o.Reordered}, {&r.Late, &o.Late}, {&r.Corrupt, &o.Corrupt}, {&r.Dropped, &o.Dropped},
		{&r.Runs, &o.Runs}, {&r.Bytes, &o.Bytes}, {&r.Unsent, &o.Unsent},
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
			r.sent += rec.Sent
			r.arrived += rec.Unique
			r.known = r.known && rec.Final
			if r.drawn != nil {
				addDelays(&r.drawn.run, &rec)
			}
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
		if sum != nil && r.drawn != nil {
			addDirection(&r.drawn.run, sum)
		}
		if sum != nil && (r.o.json || len(res.Flows) > 1) {
			r.show(sum)
		}
	}
	r.roundTrips(res)
}

// show shows the account of one direction: what most people ask, and with -v everything.
func (r *renderer) show(d *directionRecord) {
	out := r.env.Stdout
	if r.o.json {
		out.JSON(d)
		return
	}
	all := ""
	if d.Flow == 0 {
		all = ", all flows"
	}
	if !d.Final {
		all += ", NOT FINAL: as last heard from the server"
	}
	out.Printf("\n%s%s\n", d.Direction, all)
	r.row("sent", fmt.Sprint(d.Sent))
	if d.Unsent > 0 {
		r.row("not sent", fmt.Sprintf("%d: this host does not reach the rate that was asked for", d.Unsent))
	}
	if r.o.verbose {
		r.row("received", fmt.Sprintf("%d once", d.Unique), cli.Scaled(d.Rate, "/s"), cli.Scaled(d.Bits, "bit/s"), cli.Plural(d.Bytes, "byte"))
	} else {
		r.row("received", fmt.Sprint(d.Unique), cli.Scaled(d.Rate, "/s"), cli.Scaled(d.Bits, "bit/s"))
	}
	r.losses(d)
	r.oddities(d)
	if d.Direction != "requests" {
		if r.o.verbose {
			r.row("jitter", fmt.Sprintf("%v (RFC 3550)", time.Duration(d.Jitter).Round(100*time.Nanosecond)))
		} else {
			r.row("jitter", short(time.Duration(d.Jitter)))
		}
		r.oneWay(d)
	}
	r.delays(d)
	r.offload(d)
	if d.Contradiction != "" {
		r.row("the server", "says what cannot be true: "+cli.Escape(d.Contradiction))
	}
	if d.Error != "" {
		r.row("ended", cli.Escape(d.Error))
	}
}

// row shows one line of a summary; what does not fit in 80 columns goes on below.
func (r *renderer) row(name string, parts ...string) {
	r.wrapped(fmt.Sprintf("  %-10s  ", name), ", ", parts)
}

// columns is how wide a line may be.
const columns = 80

// wrapped shows parts, or where they are longer than a line their words, behind a first column.
func (r *renderer) wrapped(first, between string, parts []string) {
	line := first
	indent := strings.Repeat(" ", len(first))
	empty := true
	for i, p := range parts {
		if i < len(parts)-1 {
			p += between
		}
		for p != "" {
			if len(line)+len(strings.TrimRight(p, " ")) <= columns {
				line += p
				empty = false
				break
			}
			if cut := strings.LastIndexByte(p[:min(max(columns-len(line)+1, 0), len(p))], ' '); cut > 0 && (empty || len(indent)+len(p) > columns) {
				line += p[:cut]
				p = p[cut+1:]
			} else if empty {
				line += p
				p = ""
			}
			r.env.Stdout.Printf("%s\n", strings.TrimRight(line, " "))
			line, empty = indent, true
		}
	}
	if !empty || line == first {
		r.env.Stdout.Printf("%s\n", strings.TrimRight(line, " "))
	}
}

func (d *directionRecord) share(n uint64) string {
	if d.Sent == 0 {
		return ""
	}
	return fmt.Sprintf(" (%.4g %%)", 100*float64(n)/float64(d.Sent))
}

// resultAnd shows the accounts, and what this host dropped where that was asked for: as a record before them.
func (r *renderer) resultAnd(res *perf.Result, h *hostDrops) error {
	if h == nil {
		r.result(res)
		return nil
	}
	d, err := h.end()
	if err == nil && r.o.json {
		err = r.env.Stdout.JSON(d)
	}
	r.result(res)
	switch {
	case err != nil:
		return fmt.Errorf("--drops: %w", err)
	case !r.o.json:
		r.row("dropped", d.text()...)
	}
	return nil
}

// losses shows how many were lost, and where.
func (r *renderer) losses(d *directionRecord) {
	var parts cli.Parts
	parts.Count(d.SendErrors, "refused by the sending host")
	parts.Count(d.LostDropped, "because the receive buffer was full")
	parts.Count(d.LostCheck, "with a wrong checksum")
	parts.Count(d.LostICMP, "told by ICMP")
	parts.Count(d.LostCorrupt, "damaged")
	parts.Count(d.LostNetwork, "in the network")
	lost := fmt.Sprintf("%d%s", d.Lost, d.share(d.Lost))
	switch len(parts) {
	case 0:
		r.row("lost", lost)
	case 1:
		_, cause, _ := strings.Cut(parts[0], " ")
		r.row("lost", lost, cause)
	default:
		parts[0] = lost + ": " + parts[0]
		r.row("lost", parts...)
	}
	if d.Unheard > 0 {
		r.row("unknown", fmt.Sprintf("%d, sent after the server was last heard", d.Unheard))
	}
	if d.Runs > 0 && r.o.verbose {
		r.row("loss runs", fmt.Sprint(d.Runs), fmt.Sprintf("the longest of %d", d.RunMax), fmt.Sprintf("%d at the end", d.Tail))
	}
}

// oddities shows what came twice, in another order, late or damaged.
func (r *renderer) oddities(d *directionRecord) {
	if r.o.verbose {
		r.row("duplicate", fmt.Sprint(d.Duplicate), fmt.Sprintf("reordered %d%s (extent up to %d)", d.Reordered, d.share(d.Reordered), d.ExtentMax),
			fmt.Sprintf("late %d", d.Late), fmt.Sprintf("corrupt %d", d.Corrupt))
		return
	}
	for _, p := range []struct {
		name string
		n    uint64
	}{{"duplicate", d.Duplicate}, {"reordered", d.Reordered}, {"too late", d.Late}, {"damaged", d.Corrupt}} {
		if p.n > 0 {
			r.row(p.name, fmt.Sprintf("%d%s", p.n, d.share(p.n)))
		}
	}
}

// oneWay shows one-way delays as far as the clocks allow.
func (r *renderer) oneWay(d *directionRecord) {
	v := d.OneWay
	if v == nil {
		return
	}
	alone := perf.Relation(d.Clock) == perf.ClockIndependent
	switch {
	case r.o.verbose && alone:
		r.row("delay", "unknown", "the clocks are independent; its variation", fmt.Sprintf("skew of %.2f ppm removed:", v.Skew*1e6))
	case r.o.verbose:
		within := ""
		if d.ClockError > 0 {
			within = " within " + short(time.Duration(d.ClockError))
		}
		r.row("delay", fmt.Sprintf("%v at least (clocks: %s%s); above that:", v.Min, d.Clock, within))
	case alone:
		r.row("delay", "varies by up to "+short(v.Max), "half of it by less than "+short(v.P50), "unknown itself: the clocks differ")
	default:
		r.row("delay", short(v.Min)+" at least", "half within "+short(v.Min+v.P50), "99 % within "+short(v.Min+v.P99), "at most "+short(v.Min+v.Max))
	}
	if r.o.verbose {
		r.row("", "median "+short(v.P50), "p90 "+short(v.P90), "p99 "+short(v.P99), "p99.9 "+short(v.P999), "most "+short(v.Max))
	}
}

// delays shows where delays arose.
func (r *renderer) delays(d *directionRecord) {
	if !r.o.verbose {
		return
	}
	for _, p := range []struct {
		name, about string
		v           *perf.Variation
	}{
		{"left late", "the sender's own delay", d.Queued}, {"sent in", "this host's stack and queue, of a sample", d.Stack},
		{"read late", "the receiver's own delay, in its buffer", d.Waited},
	} {
		if p.v == nil || p.v == d.Queued && (p.v.P50 < 0 || r.o.rate.IsZero()) || p.v == d.Waited && d.Direction == "requests" {
			continue
		}
		r.row(p.name, "median "+short(p.v.P50), "p99 "+short(p.v.P99), "most "+short(p.v.Max)+": "+p.about)
	}
}

// offload says what became of trains.
func (r *renderer) offload(d *directionRecord) {
	switch {
	case d.Mangled != "":
		r.row("offload", "switched off", "the path mangles it: "+d.Mangled)
	case d.Offload != nil && !*d.Offload && !r.o.noOffload && r.o.verbose:
		r.row("offload", "off: this path does not take trains")
	}
	if d.Split {
		r.row("offload", "switched off at the receiver: joined datagrams were damaged")
	}
}

// short is a duration with three digits.
func short(d time.Duration) string {
	unit := time.Duration(1)
	for max(d, -d)/unit >= 1000 {
		unit *= 10
	}
	return d.Round(unit).String()
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
	if r.drawn != nil {
		rtt := newDistribution(names[0], sums[0], timeouts, true)
		addDistribution(&r.drawn.run, &rtt)
	}
	if r.o.json {
		for i, h := range sums {
			out.JSON(newDistribution(names[i], h, timeouts, r.o.histogram))
		}
		return
	}
	if timeouts > 0 {
		r.row("too late", fmt.Sprintf("%d were not answered in time", timeouts))
	}
	switch h := sums[0]; {
	case r.o.verbose:
		r.table(names, sums)
	case h.Count() > 0:
		r.row("round trip", short(h.Min())+" at least", "half within "+short(h.Quantile(0.5)), "99 % within "+short(h.Quantile(0.99)), "at most "+short(h.Max()))
	}
	if r.o.histogram {
		r.histogram(sums[0])
	}
}

// table shows where the time of requests went.
func (r *renderer) table(names []string, sums []*ledger.Histogram) {
	out := r.env.Stdout
	out.Printf("  %-12s %10s %10s %10s %10s %10s %10s\n", "", "min", "median", "p90", "p99", "p99.9", "max")
	for i, h := range sums {
		out.Printf("  %-12s %10v %10v %10v %10v %10v %10v\n", strings.ReplaceAll(names[i], "_", " "), short(h.Min()), short(h.Quantile(0.5)), short(h.Quantile(0.9)),
			short(h.Quantile(0.99)), short(h.Quantile(0.999)), short(h.Max()))
	}
	for i, about := range []string{"from when it was due to its reply", "from when it left, less the server's time", "from due to left", "at the server"} {
		out.Printf("  %s: %s\n", strings.ReplaceAll(names[i], "_", " "), about)
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
