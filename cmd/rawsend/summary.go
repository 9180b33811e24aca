package main

import (
	"errors"
	"fmt"
	"time"

	"sockwire/cmd/internal/cli"
	"sockwire/raw/inject"
	"sockwire/raw/wire"
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
	Unanswered int    `json:"unanswered"`
	Lost       uint64 `json:"capture_drops"`
}

func summarize(r *inject.Report, o *options, e inject.Engine) summary {
	s := summary{Type: "summary", Sent: r.Sent, Bytes: r.Bytes, Failed: r.Failed, Refusals: r.Refusals, Elapsed: int64(r.Last.Sub(r.First)),
		Rate: r.Rate(), GapMedian: int64(r.Gap(50)), Gap99: int64(r.Gap(99)), GapLargest: int64(r.Gap(100)), Engine: e.String(), Seed: o.seed}
	if r.Failure != nil {
		s.Failure = r.Failure.Error()
	}
	return s
}

// maxListed bounds the list of unanswered packets.
const maxListed = 20

// unansweredRecord is a packet without an answer.
type unansweredRecord struct {
	Type   string `json:"type"`
	Number uint64 `json:"number"`
	To     string `json:"to"`
}

// print prints the summary, and what has no answer if answers were waited for.
func (s *summary) print(env *cli.Env, o *options, l *listener) error {
	if l != nil {
		s.Waited = true
		s.Replies, s.Errors, s.Extra, s.Lost = l.replies, l.errors, l.extra, l.stats.Dropped
		s.listUnanswered(env, o, l)
	}
	if o.json {
		env.Stdout.JSON(s)
	} else {
		s.text(env, o)
	}
	switch {
	case s.Sent == 0 && s.Skipped > 0:
		return fmt.Errorf("nothing was sent: all %d destinations are broadcast or multicast addresses, or this host itself: %w", s.Skipped, cli.ErrNo)
	case s.Sent == 0:
		return errors.New("nothing was sent")
	case l != nil && s.Replies+s.Errors == 0:
		return cli.ErrNo
	}
	return nil
}

func (s *summary) listUnanswered(env *cli.Env, o *options, l *listener) {
	if o.stateless {
		return
	}
	numbers := l.unanswered()
	s.Unanswered = len(numbers)
	if o.quiet {
		return
	}
	to := map[uint64]string{}
	for i := range l.matcher.Probes {
		p := &l.matcher.Probes[i]
		to[p.Number] = describeProbe(&p.Header)
	}
	for i, n := range numbers {
		if i == maxListed && !o.json {
			env.Stdout.Printf("and %d more without an answer\n", len(numbers)-i)
			break
		}
		if o.json {
			env.Stdout.JSON(unansweredRecord{"unanswered", n + 1, to[n]})
		} else {
			env.Stdout.Printf("#%d  no answer  %s\n", n+1, to[n])
		}
	}
}

// describeProbe says where a packet went.
func describeProbe(h *inject.Header) string {
	switch h.Protocol {
	case wire.ProtoTCP:
		return fmt.Sprintf("%s tcp port %d ttl %d", h.Dst, h.DstPort, h.TTL)
	case wire.ProtoUDP:
		return fmt.Sprintf("%s udp port %d ttl %d", h.Dst, h.DstPort, h.TTL)
	case wire.ProtoICMP, wire.ProtoICMPv6:
		return fmt.Sprintf("%s icmp type %d ttl %d", h.Dst, h.Type, h.TTL)
	}
	return h.Dst.String()
}

func (s *summary) text(env *cli.Env, o *options) {
	out := env.Stdout
	out.Printf("%d sent, %d bytes", s.Sent, s.Bytes)
	if s.Sent > 1 {
		out.Printf(", %.6g a second, gaps %v median, %v p99", s.Rate, round(s.GapMedian), round(s.Gap99))
	}
	if s.Waited {
		out.Printf("; %d replies, %d ICMP errors", s.Replies, s.Errors)
		if !o.stateless {
			out.Printf(", %d without an answer", s.Unanswered)
		}
	}
	out.Printf("\n")
	for _, line := range []struct {
		n    uint64
		text string
	}{
		{s.Retries, "sent again"}, {s.Refusals, "times the kernel had no room and was asked again"}, {s.Extra, "answers to packets that had one"},
		{s.Skipped, "left out: broadcast or multicast addresses, or this host itself"}, {s.Lost, "packets lost by the capture: answers may be among them"},
	} {
		if line.n > 0 {
			out.Printf("%d %s\n", line.n, line.text)
		}
	}
	if s.Failed > 0 {
		out.Printf("%d refused by the kernel, the first with: %s\n", s.Failed, s.Failure)
	}
	if o.template != nil && !o.seedGiven {
		out.Printf("random values from --seed %d\n", s.Seed)
	}
}

func round(ns int64) time.Duration {
	d := time.Duration(ns)
	if d > time.Millisecond {
		return d.Round(10 * time.Microsecond)
	}
	return d.Round(100 * time.Nanosecond)
}
