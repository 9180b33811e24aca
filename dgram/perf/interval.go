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
	// RoundTrip is the mean of the replies' times, from when each request was sent; 0 where none came.
	RoundTrip time.Duration
	// UpJitter and DownJitter are how much the delay varies now (RFC 3550), the largest of all flows; with requests
	// DownJitter is that of round trips.
	UpJitter, DownJitter time.Duration
	// UpDelay and DownDelay are the mean one-way delays of what arrived, above the least that its flow has seen so far.
	// That needs no synchronised clocks, but how much faster one runs is in it: 36 ms an hour for 10 parts in a million.
	// They are 0 where nothing arrived, with requests, and UpDelay where the server is of before they were told.
	UpDelay, DownDelay time.Duration

	waited   time.Duration // for all replies
	up, down mean
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
		before := make([]toldOf, len(flows))
		for {
			select {
			case <-done:
				return
			case <-t.C:
			}
			sum := Interval{At: time.Since(start)}
			for i, f := range flows {
				f.addTo(&sum, &before[i])
			}
			now := Interval{At: sum.At, Length: sum.At - last.At, Up: sum.Up.less(last.Up), Down: sum.Down.less(last.Down),
				Replies: sum.Replies - last.Replies, UpJitter: sum.UpJitter, DownJitter: sum.DownJitter,
				UpDelay: sum.up.value(), DownDelay: sum.down.value()}
			if now.Replies > 0 {
				now.RoundTrip = (sum.waited - last.waited) / time.Duration(now.Replies)
			}
			progress(now)
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

// addTo adds the state of the accounts to a sum, and the delays since it was called before.
func (f *flow) addTo(sum *Interval, before *toldOf) {
	f.mu.Lock()
	remote, local, waited := *f.remote, f.local, f.waitedThen
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
		sum.waited += waited
		sum.DownJitter = max(sum.DownJitter, local.Jitter)
		add(&sum.Up, &local, f.up.sent.Load())
	default:
		if f.cfg.Up != nil {
			add(&sum.Up, &remote, f.up.sent.Load())
			sum.UpJitter = max(sum.UpJitter, remote.Jitter)
			sum.up.add(before.up.since(&remote))
		}
		if f.cfg.Down != nil {
			add(&sum.Down, &local, local.Sent)
			sum.DownJitter = max(sum.DownJitter, local.Jitter)
			sum.down.add(before.down.since(&local))
		}
	}
}

// told is the delays of a flow up to the last report that was looked at.
type told struct {
	sum    time.Duration
	unique uint64
}

// toldOf is that of both directions.
type toldOf struct{ up, down told }

// since is how many datagrams a report counts more, and their mean delay above the least so far. It is 0 for a report
// that is older or the same.
func (t *told) since(r *Report) (mean time.Duration, n uint64) {
	if r.Delays == nil || r.Unique <= t.unique {
		return 0, 0
	}
	n = r.Unique - t.unique
	mean = time.Duration(float64(r.Delays.Sum-t.sum)/float64(n)) - r.Delays.Least
	t.sum, t.unique = r.Delays.Sum, r.Unique
	return min(max(mean, 0), 2*mostDelay), n
}

// mean gathers the delays of several flows.
type mean struct {
	sum float64
	n   uint64
}

func (m *mean) add(d time.Duration, n uint64) {
	m.sum += float64(d) * float64(n)
	m.n += n
}

func (m *mean) value() time.Duration { return time.Duration(m.sum / float64(max(m.n, 1))) }
