package perf

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"sockwire/dgram"
)

// TestDelaysOfReports: what is worked out of reports holds where some are lost, late or come twice, where sums wrap
// around, and where a server tells none or what cannot be.
func TestDelaysOfReports(t *testing.T) {
	var d Delays
	var reports []Report
	transits := []time.Duration{1e15 + 500, 1e15 + 100, 1e15 + 300, 1e15 + 700, 1e15 + 200, 1e15 + 1e9}
	for i, transit := range transits { // the clocks are ten days apart
		d.add(transit)
		delays := d
		reports = append(reports, Report{Unique: uint64(i + 1), Delays: &delays})
	}
	type step struct {
		report int
		mean   time.Duration
		n      uint64
	}
	for name, steps := range map[string][]step{
		"each":  {{0, 0, 1}, {1, 0, 1}, {2, 200, 1}, {3, 600, 1}, {4, 100, 1}, {5, 1e9 - 100, 1}},
		"lost":  {{1, 200, 2}, {4, 300, 3}, {5, 1e9 - 100, 1}},
		"late":  {{3, 300, 4}, {1, 0, 0}, {4, 100, 1}},
		"twice": {{2, 200, 3}, {2, 0, 0}, {3, 600, 1}},
	} {
		var to told
		for _, s := range steps {
			if mean, n := to.since(&reports[s.report]); mean != s.mean || n != s.n {
				t.Errorf("%s: report %d tells %v of %d, want %v of %d", name, s.report, mean, n, s.mean, s.n)
			}
		}
	}
	to := told{sum: math.MaxInt64 - 5, unique: 10}
	if mean, n := to.since(&Report{Unique: 12, Delays: &Delays{Sum: math.MinInt64 + 14}}); mean != 10 || n != 2 {
		t.Errorf("around the end of numbers: %v of %d", mean, n)
	}
	if mean, n := to.since(&Report{Unique: 14}); mean != 0 || n != 0 {
		t.Errorf("an old server: %v of %d", mean, n)
	}
	for _, sum := range []time.Duration{math.MaxInt64, math.MinInt64} {
		if mean, _ := (&told{}).since(&Report{Unique: 1, Delays: &Delays{Sum: sum, Least: -mostDelay}}); mean < 0 || mean > 2*mostDelay {
			t.Errorf("a sum of %d: %v", sum, mean)
		}
	}
	for _, least := range []time.Duration{1, -mostDelay - 1, math.MinInt64, math.MaxInt64} {
		if why := (&Report{Delays: &Delays{Least: least}}).contradiction(known{}); why == "" {
			t.Errorf("a least delay of %d above the first is believed", least)
		}
	}
	d = Delays{}
	for _, transit := range []time.Duration{0, math.MaxInt64, math.MinInt64} { // what strangers make of a server
		d.add(transit)
	}
	if d.Sum != 0 || d.Least != -mostDelay || !d.possible() {
		t.Errorf("delays without bounds: %+v", d)
	}
	// A client of before does not mind them.
	if b, err := json.Marshal(reports[5]); err != nil || json.Unmarshal(b, &struct{ Unique int }{}) != nil {
		t.Errorf("%s, %v", b, err)
	}
}

// TestDelayAsItRuns: on a path that holds each second datagram up for 20 ms, and loses each second report, the delay is
// known as it runs, in both directions, and agrees with the final accounts.
func TestDelayAsItRuns(t *testing.T) {
	t.Parallel()
	s, _ := server(t, nil)
	const held = 20 * time.Millisecond
	reports := 0
	target := slowly(t, s.Addr().String(), func(h *header) (wait time.Duration, lost bool) {
		switch {
		case h.kind == kindData && h.seq%2 == 1:
			return held, false
		case h.kind == kindReport: // only they come here from one side
			reports++
			return 0, reports%2 == 1
		}
		return 0, false
	})
	var ups, downs []time.Duration
	load := &Load{Rate: 500, Duration: 700 * time.Millisecond}
	r, err := Run(t.Context(), Config{Network: "udp4", Target: target, Up: load, Down: load, Settle: 100 * time.Millisecond, Interval: 50 * time.Millisecond,
		Progress: func(i Interval) {
			if i.UpDelay > 0 {
				ups = append(ups, i.UpDelay)
			}
			if i.DownDelay > 0 {
				downs = append(downs, i.DownDelay)
			}
		}})
	if err != nil {
		t.Fatal(err)
	}
	for way, list := range map[string][]time.Duration{"up": ups, "down": downs} {
		final := r.Flows[0].Up
		if way == "down" {
			final = r.Flows[0].Down
		}
		if len(list) == 0 || final.OneWay == nil {
			t.Errorf("%s: %d delays, finally %+v", way, len(list), final.OneWay)
			continue
		}
		if most := slices.Max(list); most < held/4 || most > final.OneWay.Max {
			t.Errorf("%s: delays %v, finally %+v", way, list, final.OneWay)
		}
	}
}

// slowly is the address of a path to target that delays and loses what fate says.
func slowly(t *testing.T, target string, fate func(*header) (wait time.Duration, lost bool)) string {
	t.Helper()
	front, err := dgram.Listen(t.Context(), "udp4", "127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	back, err := dgram.Dial(t.Context(), "udp4", target, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var client atomic.Pointer[dgram.Addr]
	ended := make(chan struct{}, 2)
	carry := func(from *dgram.Conn, send func([]byte, dgram.Addr)) {
		defer func() { ended <- struct{}{} }()
		defer context.AfterFunc(ctx, func() { _ = from.SetReadDeadline(time.Unix(1, 0)) })()
		b := from.NewBatch(1, 1<<16)
		for {
			ds, err := from.ReceiveBatch(b)
			if err != nil {
				return
			}
			var h header
			h.parse(ds[0].Payload)
			wait, lost := fate(&h)
			payload, who := slices.Clone(ds[0].Payload), ds[0].From
			switch {
			case lost:
			case wait > 0:
				time.AfterFunc(wait, func() { send(payload, who) })
			default:
				send(payload, who)
			}
		}
	}
	go carry(front, func(b []byte, who dgram.Addr) {
		client.Store(&who)
		_ = back.Send(b, dgram.Addr{})
	})
	go carry(back, func(b []byte, _ dgram.Addr) { _ = front.Send(b, *client.Load()) })
	t.Cleanup(func() { cancel(); <-ended; <-ended; front.Close(); back.Close() })
	return front.LocalAddr().String()
}
