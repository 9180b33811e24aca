// Package perf measures the path between two ends with datagrams, each one numbered, stamped and digested, and accounts
// for every one: received once, lost with a cause, duplicated, reordered, late or corrupt.
//
// There is no control connection: everything is a datagram, and any of them may be lost. A client runs a number of
// flows, each with a socket of its own at both ends.
package perf

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"sockwire/dgram"
)

// Config says what to measure. Target must be set, and Up or Down or Requests.
type Config struct {
	Network string // "udp", "udp4" or "udp6"; "" is "udp"
	Target  string // the server's address
	Socket  *dgram.Config

	Up       *Load // what each flow sends
	Down     *Load // what the server sends to each flow
	Requests *Load // what each flow asks the server to answer; without a rate, one at a time
	Flows    int   // 0 means 1

	Timeout time.Duration // of a request, when one is asked at a time; 0 means 1 s, or two round trips where they are longer
	Settle  time.Duration // quiet time after which accounts are final; 0 means 250 ms
	Window  int           // of the ledgers; 0 is ledger.DefaultWindow

	damaged *dgram.ReceiveErrors // of this host
	narrow  bool                 // the path may not take control datagrams of full size

	// Progress, if set, is called each Interval, 0 is a second.
	Progress func(Interval)
	Interval time.Duration
}

// Result is what a run found.
type Result struct {
	Flows   []FlowResult
	Elapsed time.Duration
}

// ErrServerGone says that the server stopped answering in the middle.
var ErrServerGone = errors.New("the server stopped answering")

// ErrRefused says that the server did not want this client.
var ErrRefused = errors.New("the server refused")

// ErrContradiction says that the server told what cannot be true, by what this end sent and asked for.
var ErrContradiction = errors.New("the server says what cannot be true")

// gone is how long a server may be silent in the middle of a run, beyond the time of a round trip.
const gone = 900 * time.Millisecond

// Run measures until the loads are done or ctx ends, and returns what was found even if a flow failed. The error is
// that of the first flow that failed.
func Run(ctx context.Context, cfg Config) (*Result, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	cfg.Flows = max(cfg.Flows, 1)
	cfg.Network = cmp.Or(cfg.Network, "udp")
	cfg.Settle = cmp.Or(cfg.Settle, 250*time.Millisecond)
	cfg.damaged, _ = dgram.OpenReceiveErrors() // where that fails, such losses count as those of the buffer
	defer cfg.damaged.Close()
	flows, err := newFlows(ctx, &cfg)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	var wg sync.WaitGroup
	for _, f := range flows {
		wg.Go(func() { f.run(ctx) })
	}
	stop := watch(flows, cfg.Progress, cmp.Or(cfg.Interval, time.Second), start)
	wg.Wait()
	stop()
	r := &Result{Elapsed: time.Since(start)}
	for _, f := range flows {
		r.Flows = append(r.Flows, f.result())
		if err == nil {
			err = f.failed
		}
		if err == nil && f.contradiction != "" {
			err = fmt.Errorf("perf: %w: %s", ErrContradiction, f.contradiction)
		}
		f.close()
	}
	return r, err
}

func (c *Config) check() error {
	loads := 0
	for _, l := range []*Load{c.Up, c.Down, c.Requests} {
		if l == nil {
			continue
		}
		loads++
		if err := l.check(); err != nil {
			return err
		}
	}
	switch {
	case loads == 0:
		return errors.New("perf: nothing to do: no load")
	case c.Requests != nil && loads > 1:
		return errors.New("perf: requests do not go with streams")
	case c.Interval < 0:
		return fmt.Errorf("perf: an interval of %v", c.Interval)
	case c.Flows < 0 || c.Flows > 1024:
		return fmt.Errorf("perf: 1 to 1024 flows, not %d", c.Flows)
	}
	return nil
}
