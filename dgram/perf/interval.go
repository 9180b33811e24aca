package perf

import (
	"time"
)

// Interval is what happened since the last one, over all flows.
type Interval struct {
	At       time.Duration // since the start
	Length   time.Duration
	Up, Down Counts
	Replies  uint64
}

// Counts are sums over an interval or a run.
type Counts struct {
	Sent, Unique, Lost, Duplicate, Reordered, Corrupt, Dropped, Checksum, Bytes uint64
}

// watch calls progress each interval.
func watch(flows []*flow, progress func(Interval), every time.Duration, start time.Time) (stop func()) {
	if progress == nil {
		return func() {}
	}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		t := time.NewTicker(every)
		defer t.Stop()
		var last Interval
		for {
			select {
			case <-done:
				return
			case <-t.C:
			}
			sum := Interval{At: time.Since(start)}
			for _, f := range flows {
				f.addTo(&sum)
			}
			progress(Interval{At: sum.At, Length: sum.At - last.At, Up: sum.Up.less(last.Up), Down: sum.Down.less(last.Down),
				Replies: sum.Replies - last.Replies})
			last = sum
		}
	}()
	return func() { close(done); <-ended }
}

// less is the difference of two sums; what has shrunk, as losses do when a late one comes, counts as 0.
func (c Counts) less(o Counts) Counts {
	sub := func(a, b uint64) uint64 { return max(a, b) - b }
	return Counts{sub(c.Sent, o.Sent), sub(c.Unique, o.Unique), sub(c.Lost, o.Lost), sub(c.Duplicate, o.Duplicate),
		sub(c.Reordered, o.Reordered), sub(c.Corrupt, o.Corrupt), sub(c.Dropped, o.Dropped), sub(c.Checksum, o.Checksum), sub(c.Bytes, o.Bytes)}
}

// addTo adds the state of the accounts to a sum.
func (f *flow) addTo(sum *Interval) {
	f.mu.Lock()
	remote, local := *f.remote, f.local
	f.mu.Unlock()
	add := func(c *Counts, r *Report, sent uint64) {
		c.Sent += sent
		c.Unique += r.Unique
		c.Lost += r.Lost
		c.Duplicate += r.Duplicate
		c.Reordered += r.Reordered
		c.Corrupt += r.Corrupt
		c.Dropped += max(r.Dropped, r.Wrong) - r.Wrong
		c.Checksum += r.Checksum
		c.Bytes += r.Bytes
	}
	switch {
	case f.cfg.Requests != nil:
		sum.Replies += local.Unique
		add(&sum.Up, &local, f.up.sent.Load())
	default:
		if f.cfg.Up != nil {
			add(&sum.Up, &remote, f.up.sent.Load())
		}
		if f.cfg.Down != nil {
			add(&sum.Down, &local, local.Sent)
		}
	}
}
