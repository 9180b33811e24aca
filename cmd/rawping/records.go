package main

import (
	"context"
	"strconv"
	"time"

	"sockwire/cmd/internal/cli"
	"sockwire/cmd/internal/dropped"
	"sockwire/raw"
	"sockwire/raw/probe"
)

// echoRecord is the JSON of one end. The order and the names are frozen: README.md describes them.
type echoRecord struct {
	Type      string    `json:"type"` // "echo"
	Time      time.Time `json:"time"` // when it was sent
	Target    string    `json:"target"`
	Name      string    `json:"name,omitempty"`
	Seq       int       `json:"seq"`
	N         uint64    `json:"n"`
	Outcome   string    `json:"outcome"`
	Cause     string    `json:"cause,omitempty"`
	Duplicate bool      `json:"duplicate,omitempty"`
	Overdue   bool      `json:"overdue,omitempty"`
	Reordered bool      `json:"reordered,omitempty"`
	InsteadOf string    `json:"instead_of,omitempty"` // the outcome in whose place this one is
	Unproven  bool      `json:"unproven,omitempty"`
	From      string    `json:"from,omitempty"`
	RTT       int64     `json:"rtt_ns,omitempty"`
	Clock     string    `json:"clock,omitempty"`
	Queue     int64     `json:"queue_ns,omitempty"`
	Network   int64     `json:"network_ns,omitempty"`
	Receive   int64     `json:"receive_ns,omitempty"`
	Total     int64     `json:"total_ns,omitempty"`
	Late      int64     `json:"late_ns,omitempty"`
	TTL       int       `json:"ttl,omitempty"`
	TOS       int       `json:"tos,omitempty"`
	Size      int       `json:"size,omitempty"`
	CorruptAt *int      `json:"corrupt_at,omitempty"`
	ICMPType  *uint8    `json:"icmp_type,omitempty"`
	ICMPCode  *uint8    `json:"icmp_code,omitempty"`
	MTU       int       `json:"mtu,omitempty"`
	Local     bool      `json:"local,omitempty"`
	Error     string    `json:"error,omitempty"`
	Times     []uint32  `json:"icmp_times_ms,omitempty"`
	Interface string    `json:"interface_state,omitempty"`
	Done      bool      `json:"done,omitempty"`
	Alive     bool      `json:"alive,omitempty"`
}

func (s *session) record(e *raw.Echo) echoRecord {
	r := echoRecord{Type: "echo", Time: e.Sent.UTC(), Target: e.Target.String(), Seq: e.Seq, N: e.N, Outcome: e.Outcome.String(),
		Duplicate: e.Duplicate, Overdue: e.Overdue, Reordered: e.Reordered, Unproven: e.Unproven, RTT: int64(e.RTT), Queue: int64(e.Split.Queue), Network: int64(e.Split.Network),
		Receive: int64(e.Split.Receive), Total: int64(e.Total), Late: int64(e.Over), TTL: e.TTL, TOS: e.TOS, Size: e.Size, MTU: e.MTU,
		Local: e.Local, Done: e.Done, Alive: e.Alive}
	if name := s.hosts.name(e.Index, e.Target); name != r.Target {
		r.Name = name
	}
	if e.Cause != probe.NoCause {
		r.Cause = e.Cause.String()
	}
	if e.Revised {
		r.InsteadOf = e.Was.String()
	}
	if e.From.IsValid() {
		r.From = e.From.String()
	}
	if e.Total > 0 {
		r.Clock = e.Source.String()
	}
	switch {
	case e.Outcome == probe.Corrupt && !e.Duplicate:
		r.CorruptAt = &e.At
	case (e.Outcome == probe.Refused || unresolvedError(e)) && !e.Duplicate:
		r.ICMPType, r.ICMPCode = &e.Type, &e.Code
		r.Error = raw.ErrorText(e.Target.Is6(), e.Type, e.Code)
		if e.Local {
			r.Error = e.Err.Error()
		}
	case e.Cause == probe.SendFailed:
		r.Error = sendError(e)
	case e.Total > 0 && s.plan.pinger.Message == raw.TimestampRequest:
		r.Times = e.Times[:]
	case e.Total > 0 && s.plan.pinger.Message == raw.ExtendedEcho:
		r.Interface = raw.InterfaceText(e.State)
	}
	return r
}

func (s *session) jsonEcho(e *raw.Echo) {
	if s.opt.quiet {
		return
	}
	s.writeErr = s.env.Stdout.JSON(s.record(e))
}

// rttRecord is the JSON of round-trip statistics.
type rttRecord struct {
	Min    int64 `json:"min_ns"`
	Mean   int64 `json:"mean_ns"`
	Max    int64 `json:"max_ns"`
	StdDev int64 `json:"stddev_ns"`
	P50    int64 `json:"p50_ns"`
	P90    int64 `json:"p90_ns"`
	P99    int64 `json:"p99_ns"`
	P999   int64 `json:"p999_ns"`
	Jitter int64 `json:"jitter_ns"`
	IPDV   int64 `json:"ipdv_ns"`
}

func newRTT(s *probe.Stats) *rttRecord {
	if s.Count() == 0 {
		return nil
	}
	q := func(v float64) int64 { return int64(s.Quantile(v)) }
	return &rttRecord{int64(s.Min()), int64(s.Mean()), int64(s.Max()), int64(s.StdDev()), q(.5), q(.9), q(.99), q(.999), int64(s.Jitter()), int64(s.IPDV())}
}

// countsRecord is the JSON of ends and losses: outcomes and causes by name, zeros left out.
type countsRecord struct {
	Sent       uint64            `json:"sent"`
	Received   uint64            `json:"received"`
	Duplicates uint64            `json:"duplicates"`
	Reordered  uint64            `json:"reordered"`
	Loss       float64           `json:"loss"`
	Outcomes   map[string]uint64 `json:"outcomes"`
	Causes     map[string]uint64 `json:"causes"`
	LossRuns   int               `json:"loss_runs"`
	LongestRun int               `json:"longest_loss_run"`
}

func newCounts(a *account) countsRecord {
	c := countsRecord{Sent: a.tally.Sent, Received: a.tally.Received(), Duplicates: a.tally.Duplicates, Reordered: a.reordered, Loss: a.loss(),
		Outcomes: map[string]uint64{}, Causes: map[string]uint64{}, LossRuns: a.runs.Count, LongestRun: a.runs.Longest}
	for o := probe.Pending; o <= probe.Lost; o++ {
		if n := a.tally.Count(o); n > 0 {
			c.Outcomes[o.String()] = n
		}
	}
	for cause := probe.Unanswered; cause <= probe.BadPayload; cause++ {
		if n := a.tally.CausedBy(cause); n > 0 {
			c.Causes[cause.String()] = n
		}
	}
	return c
}

// hostRecord is the JSON of one host of many.
type hostRecord struct {
	Type   string `json:"type"` // "host"
	Target string `json:"target"`
	Name   string `json:"name,omitempty"`
	countsRecord
	RTT *rttRecord `json:"rtt,omitempty"`
}

// summaryRecord is the last record.
type summaryRecord struct {
	Type             string `json:"type"` // "summary"
	HostsAlive       int    `json:"hosts_alive"`
	HostsUnreachable int    `json:"hosts_unreachable"`
	HostsUnknown     int    `json:"hosts_without_address"`
	countsRecord
	RTT         *rttRecord `json:"rtt,omitempty"`
	Clock       string     `json:"clock"`
	Floor       int64      `json:"clock_floor_ns"`
	Queue       int64      `json:"mean_queue_ns"`
	Network     int64      `json:"mean_network_ns"`
	Receive     int64      `json:"mean_receive_ns"`
	Spoofed     uint64     `json:"spoofed"`
	Foreign     uint64     `json:"foreign"`
	BufferDrops uint64     `json:"receive_buffer_drops"`
	ReadBuffer  int        `json:"receive_buffer_bytes"`
	Rate        float64    `json:"rate_per_second"`
	GapP50      int64      `json:"gap_p50_ns"`
	GapP99      int64      `json:"gap_p99_ns"`
	GapMax      int64      `json:"gap_max_ns"`
	ClockSteps  uint64     `json:"clock_steps"`
	Slipped     int64      `json:"slipped_ns"`
	Elapsed     int64      `json:"elapsed_ns"`
	Interrupted bool       `json:"interrupted"`
	Timed       int64      `json:"rtt_count"`
	Device      string     `json:"clock_device,omitempty"`

	Dropped *dropped.Report `json:"dropped,omitempty"` // by this host, with --drops
}

func (s *session) summary(report *raw.Report) summaryRecord {
	failed, _ := s.hosts.problems()
	totals := s.all
	if s.plan.many {
		totals.runs = probe.Runs{}
	}
	clock := raw.TimeProcess
	for _, better := range []raw.TimeSource{raw.TimeKernel, raw.TimeHardware} {
		if s.sources[better] > 0 {
			clock = better
		}
	}
	return summaryRecord{Type: "summary", HostsAlive: s.up.n, HostsUnreachable: s.down.n, HostsUnknown: failed, countsRecord: newCounts(&totals),
		RTT: newRTT(s.trips(report)), Clock: clock.String(), Floor: int64(s.floor), Queue: int64(s.queue.Mean()), Network: int64(s.network.Mean()),
		Receive: int64(s.receive.Mean()), Spoofed: report.Spoofed, Foreign: report.Foreign, BufferDrops: report.Drops, ReadBuffer: report.ReadBuffer,
		Rate: report.Rate, GapP50: int64(report.Gaps.P50), GapP99: int64(report.Gaps.P99), GapMax: int64(report.Gaps.Max),
		ClockSteps: report.ClockSteps, Slipped: int64(report.Slipped), Elapsed: int64(time.Since(s.start)),
		Timed: s.trips(report).Count(), Device: report.Hardware, Dropped: s.dropped}
}

func (s *session) jsonSummary(report *raw.Report, ctx context.Context) {
	for index, a := range s.byHost {
		if a == nil {
			continue
		}
		r := hostRecord{Type: "host", Target: s.targets[index].String(), countsRecord: newCounts(a), RTT: newRTT(&a.rtt)}
		if name := s.hosts.name(index, s.targets[index]); name != r.Target {
			r.Name = name
		}
		s.env.Stdout.JSON(r)
	}
	r := s.summary(report)
	r.Interrupted = cli.Interrupted(ctx)
	s.env.Stdout.JSON(r)
}

const csvHeader = "time,target,name,seq,outcome,cause,duplicate,from,rtt_ns,clock,queue_ns,network_ns,receive_ns,total_ns,late_ns,ttl,tos,size,corrupt_at,icmp_type,icmp_code,mtu,instead_of"

// csvEcho prints one end with the fields of csvHeader; those that do not apply are empty.
func (s *session) csvEcho(e *raw.Echo) {
	if s.opt.quiet || e.Overdue {
		return
	}
	r := s.record(e)
	b := s.line[:0]
	text := func(v string) { b = append(cli.AppendCSV(b, v), ',') }
	num := func(v int64) {
		if v != 0 {
			b = strconv.AppendInt(b, v, 10)
		}
		b = append(b, ',')
	}
	byteOf := func(v *uint8) {
		if v != nil {
			b = strconv.AppendInt(b, int64(*v), 10)
		}
		b = append(b, ',')
	}
	b = append(e.Sent.UTC().AppendFormat(b, time.RFC3339Nano), ',')
	text(r.Target)
	text(r.Name)
	num(int64(r.Seq))
	text(r.Outcome)
	text(r.Cause)
	text(map[bool]string{true: "true"}[r.Duplicate])
	text(r.From)
	num(r.RTT)
	text(r.Clock)
	for _, v := range []int64{r.Queue, r.Network, r.Receive, r.Total, r.Late, int64(r.TTL), int64(r.TOS), int64(r.Size)} {
		num(v)
	}
	if r.CorruptAt != nil {
		b = strconv.AppendInt(b, int64(*r.CorruptAt), 10)
	}
	b = append(b, ',')
	byteOf(r.ICMPType)
	byteOf(r.ICMPCode)
	num(int64(r.MTU))
	text(r.InsteadOf)
	b[len(b)-1] = '\n'
	s.line = b
	_, s.writeErr = s.env.Stdout.Write(b)
}
