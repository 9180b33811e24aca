package main

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"sockwire/cmd/internal/cli"
	"sockwire/cmd/internal/dropped"
	"sockwire/raw/inject"
)

// summary is the last record.
type summary struct {
	Type       string  `json:"type"`
	Sent       uint64  `json:"sent"`
	Bytes      uint64  `json:"bytes"`
	Failed     uint64  `json:"failed"`
	Failure    string  `json:"failure,omitempty"`
	Refusals   uint64  `json:"refusals"`
	Skipped    uint64  `json:"skipped"`
	Retries    uint64  `json:"retries"`
	Elapsed    int64   `json:"elapsed_ns"`
	Rate       float64 `json:"packets_per_second"`
	GapMedian  int64   `json:"gap_p50_ns"`
	Gap99      int64   `json:"gap_p99_ns"`
	GapLargest int64   `json:"gap_max_ns"`
	Engine     string  `json:"engine"`
	Seed       uint64  `json:"seed"`

	Waited     bool   `json:"waited"`
	Replies    uint64 `json:"replies"`
	Errors     uint64 `json:"icmp_errors"`
	Extra      uint64 `json:"extra_answers"`
	Alike      uint64 `json:"alike_answers"`
	Unanswered int    `json:"unanswered"`
	Lost       uint64 `json:"capture_drops"`

	Dropped *dropped.Report `json:"dropped,omitempty"` // by this host, with --drops

	Verdicts map[inject.Verdict]int `json:"verdicts,omitempty"` // ports by what is known of them
}

func summarize(x *inject.Exchange, o *options) *summary {
	result := x.Result()
	r := &result.Report
	s := &summary{Type: "summary", Sent: r.Sent, Bytes: r.Bytes, Failed: r.Failed, Refusals: r.Refusals, Skipped: result.Skipped, Retries: result.Retried,
		Elapsed: int64(r.Last.Sub(r.First)), Rate: r.Rate(), GapMedian: int64(r.Gap(50)), Gap99: int64(r.Gap(99)), GapLargest: int64(r.Gap(100)),
		Engine: x.Plan.Sender().String(), Seed: o.seed}
	if r.Failure != nil {
		s.Failure = r.Failure.Error()
	}
	return s
}

// maxListed bounds the list of unanswered packets.
const maxListed = 20

// unansweredRecord is a packet without an answer.
type unansweredRecord struct {
	Type    string         `json:"type"`
	Number  uint64         `json:"number"`
	To      string         `json:"to"`
	Verdict inject.Verdict `json:"verdict,omitempty"`
	Probe   *probeRecord   `json:"probe,omitempty"`
}

// refusedRecord is a packet that the kernel would not take.
type refusedRecord struct {
	Type   string `json:"type"`
	Number uint64 `json:"number"`
	Size   int    `json:"size"`
	MTU    int    `json:"mtu,omitempty"`
	Error  string `json:"error"`
}

// print prints the summary, what was refused, and what has no answer if answers were waited for.
func (s *summary) print(env *cli.Env, o *options, x *inject.Exchange, waited bool) error {
	s.listRefused(env, o, x)
	if s.Waited = waited; waited {
		r := x.Result()
		s.Replies, s.Errors, s.Extra, s.Alike, s.Verdicts = r.Replies, r.Errors, r.Extra, r.Alike, x.Verdicts()
		s.listUnanswered(env, o, x)
	}
	if o.json {
		env.Stdout.JSON(s)
	} else {
		s.text(env, o)
		if s.Dropped != nil {
			s.Dropped.Print(env.Stdout)
		}
	}
	switch {
	case s.Sent == 0 && s.Skipped > 0:
		return fmt.Errorf("nothing was sent: all %d destinations are broadcast or multicast addresses, or this host itself: %w", s.Skipped, cli.ErrNo)
	case s.Sent == 0:
		return errors.New("nothing was sent")
	case waited && s.Replies+s.Errors == 0:
		return cli.ErrNo
	}
	return nil
}

// listRefused names what the kernel would not take.
func (s *summary) listRefused(env *cli.Env, o *options, x *inject.Exchange) {
	report := x.Result().Report
	for i := range report.Failures {
		f := &report.Failures[i]
		if o.json {
			env.Stdout.JSON(refusedRecord{"refused", f.Number + 1, f.Size, f.MTU, f.Err.Error()})
		} else {
			env.Warnf("left out: %v", f)
		}
	}
	if n := uint64(len(report.Failures)); s.Failed > n && !o.json {
		env.Warnf("left out: %d more", s.Failed-n)
	}
}

func (s *summary) listUnanswered(env *cli.Env, o *options, x *inject.Exchange) {
	if o.stateless {
		return
	}
	for number, h := range x.Unanswered() {
		s.Unanswered++
		verdict := h.Silent()
		switch {
		case o.quiet:
		case o.json:
			env.Stdout.JSON(unansweredRecord{"unanswered", number + 1, h.String(), verdict, recordOf(h)})
		case s.Unanswered <= maxListed:
			env.Stdout.Printf("#%d  no answer  %s", number+1, h)
			if verdict != "" {
				env.Stdout.Printf("  %s", verdict)
			}
			env.Stdout.Printf("\n")
		}
	}
	if more := s.Unanswered - maxListed; more > 0 && !o.json && !o.quiet {
		env.Stdout.Printf("and %d more without an answer\n", more)
	}
}

func (s *summary) text(env *cli.Env, o *options) {
	out := env.Stdout
	out.Printf("%d sent, %s", s.Sent, cli.Plural(s.Bytes, "byte"))
	if s.Elapsed > 0 {
		out.Printf(" in %v", round(s.Elapsed))
	}
	if s.Rate > 0 {
		out.Printf(", %s a second", plainNumber(s.Rate))
	}
	if s.Waited {
		out.Printf("; %s, %s", cli.Plural(s.Replies, "reply"), cli.Plural(s.Errors, "ICMP error"))
		if !o.stateless {
			out.Printf(", %d without an answer", s.Unanswered)
		}
	}
	out.Printf("\n")
	if ports := s.ports(); ports != "" {
		out.Printf("ports: %s\n", ports)
	}
	for _, line := range []struct {
		n    uint64
		text string
		only bool
	}{
		{s.Retries, "sent again", true},
		{s.Extra, "more answers to packets that had one", true},
		{s.Alike, "of the answers could be to another packet that is just like it: they are counted in the order sent", true},
		{s.Skipped, "left out: broadcast or multicast addresses, or this host itself", true},
		{s.Failed, "refused by the kernel and left out", true},
		{s.Lost, "packets lost by the capture: answers may be among them", true},
		{s.Refusals, "times the kernel had no room and was asked again", o.verbose},
	} {
		if line.n > 0 && line.only {
			out.Printf("%d %s\n", line.n, line.text)
		}
	}
	if o.verbose && s.Sent > 1 {
		out.Printf("gaps between packets: %v median, %v for 99 of 100, %v at most\n", round(s.GapMedian), round(s.Gap99), round(s.GapLargest))
	}
	if o.template != nil && !o.seedGiven && (o.verbose || strings.Contains(o.spec, "rand")) {
		out.Printf("the same random values again: --seed %d\n", s.Seed)
	}
}

// ports says how many ports are what.
func (s *summary) ports() string {
	var list cli.Parts
	for _, v := range []inject.Verdict{inject.Open, inject.Closed, inject.Filtered, inject.Unfiltered, inject.OpenOrFiltered} {
		list.Count(uint64(s.Verdicts[v]), string(v))
	}
	return list.String()
}

// plainNumber writes a rate as people read it: 13522200, 99.5, 0.25.
func plainNumber(v float64) string {
	if v >= 100 {
		return fmt.Sprintf("%.0f", v)
	}
	digits := max(0, 2-int(math.Floor(math.Log10(v))))
	s := fmt.Sprintf("%.*f", digits, v)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

func round(ns int64) time.Duration {
	d := time.Duration(ns)
	switch {
	case d > time.Second:
		return d.Round(10 * time.Millisecond)
	case d > time.Millisecond:
		return d.Round(10 * time.Microsecond)
	}
	return d.Round(100 * time.Nanosecond)
}
