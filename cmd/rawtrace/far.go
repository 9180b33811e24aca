package main

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"time"

	"sockwire/cmd/internal/cli"
	"sockwire/dgram"
	"sockwire/dgram/perf"
	"sockwire/raw/path"
)

// far is what a dgperf server at the far end counted: what is lost there, and what is lost on the way back. From outside, a trace
// alone cannot tell one from the other.
type far struct {
	there, back perf.Direction
	err         error // the server did not answer
}

const (
	farRate = 500.0 // datagrams a second, each way
	farTime = 4 * time.Second
	farSize = 100 // bytes
)

// defaultFar is the port of dgperf serve.
const defaultFar = "7207"

// askFar exchanges datagrams with the server at each host.
func (s *session) askFar(ctx context.Context) error {
	if s.opt.far == "" {
		return nil
	}
	stop := s.env.Progress(func() string { return "measuring both ways with dgperf serve" })
	defer stop()
	for _, w := range s.trails {
		w.far = s.measureFar(ctx, w)
		if w.far.err != nil && ctx.Err() != nil {
			return nil // the run was ended meanwhile: what is known is told
		}
	}
	return nil
}

func (s *session) measureFar(ctx context.Context, w *trail) *far {
	load := &perf.Load{Rate: farRate, Duration: farTime, Sizes: []int{farSize}, NoOffload: true}
	cfg := perf.Config{Target: net.JoinHostPort(w.addr.String(), s.opt.far), Up: load, Down: load, Socket: &dgram.Config{}}
	result, err := perf.Run(ctx, cfg)
	switch {
	case err != nil:
		return &far{err: err}
	case len(result.Flows) == 0 || result.Flows[0].Up == nil || result.Flows[0].Down == nil:
		return &far{err: perf.ErrServerGone}
	case result.Flows[0].Failed != nil:
		return &far{err: result.Flows[0].Failed}
	}
	return &far{there: *result.Flows[0].Up, back: *result.Flows[0].Down}
}

// parseFar reads the port of --far.
func parseFar(text string) (string, error) {
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || n == 0 {
		return "", cli.WithHint(fmt.Errorf("--far %q is no port", text), "dgperf serve on the host has port "+defaultFar+" unless told: --far, or --far=PORT")
	}
	return text, nil
}

// counted is what one way lost of what was sent.
func counted(d *perf.Direction) path.Count {
	return path.Count{Sent: int(d.Sent - d.Unheard), Answered: int(d.Unique)}
}

// bad tells whether more is lost than happens.
func (f *far) bad() bool {
	const usual = 0.001
	return f != nil && f.err == nil && (counted(&f.there).Loss() > usual || counted(&f.back).Loss() > usual)
}

// text says what the far end counted.
func (f *far) text() string {
	if f.err != nil {
		return "the way back was not measured: " + f.err.Error()
	}
	way := func(d *perf.Direction) string {
		c := counted(d)
		return fmt.Sprintf("%s of %d", lossPercent(c.Loss()), c.Sent)
	}
	return fmt.Sprintf("the far end counts %s lost on the way there, and %s on the way back", way(&f.there), way(&f.back))
}

// farRecord is what the far end counted.
type farRecord struct {
	Type   string    `json:"type"` // "far"
	Target string    `json:"target"`
	Name   string    `json:"name,omitempty"`
	There  wayRecord `json:"there"`
	Back   wayRecord `json:"back"`
	Error  string    `json:"error,omitempty"`
}

// wayRecord is one way of it.
type wayRecord struct {
	Sent       int     `json:"sent"`
	Received   int     `json:"received"`
	Loss       float64 `json:"loss"`
	Duplicates uint64  `json:"duplicates"`
	Reordered  uint64  `json:"reordered"`
	Jitter     int64   `json:"jitter_ns"`
}

func (s *session) farRecord(w *trail) farRecord {
	r := farRecord{Type: "far", Target: w.addr.String(), Name: s.shownName(w.target)}
	if w.far.err != nil {
		r.Error = w.far.err.Error()
		return r
	}
	way := func(d *perf.Direction) wayRecord {
		c := counted(d)
		return wayRecord{c.Sent, c.Answered, c.Loss(), d.Duplicate, d.Reordered, int64(d.Jitter)}
	}
	r.There, r.Back = way(&w.far.there), way(&w.far.back)
	return r
}
