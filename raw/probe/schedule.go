package probe

import (
	"context"
	"time"
)

// Schedule is a timetable of equal turns, for a sender that also waits for answers and must not flood when it falls
// behind; what is sent at a rate, whatever its pattern, has a [Timetable]. It is absolute: turn n is due at the start
// plus n intervals, however late the turns before it were, so that small delays do not add up. A sender that falls
// behind catches up by at most Burst turns at once; beyond that the rest of the timetable moves, and Slipped says by
// how much. Times are durations on any steady clock. The zero Interval makes every turn due at once.
type Schedule struct {
	Interval time.Duration
	Burst    int // turns that may be made up for at once; 0 is 1

	started bool
	next    time.Duration // when the next turn is due
	slipped time.Duration
}

// Due returns how many turns are due at now, at most Burst of them. The first call starts the timetable with one
// turn due. Take turns as they are made: Due does not take them.
func (s *Schedule) Due(now time.Duration) int {
	if !s.started {
		s.started = true
		s.next = now
	}
	burst := max(s.Burst, 1)
	if s.Interval <= 0 {
		return burst
	}
	if now < s.next {
		return 0
	}
	due := (now-s.next)/s.Interval + 1
	if due > time.Duration(burst) {
		missed := (due - time.Duration(burst)) * s.Interval
		s.next += missed
		s.slipped += missed
		return burst
	}
	return int(due)
}

// Rest says that there was nothing to do until now: turns before it are not made up for, and are no falling behind.
func (s *Schedule) Rest(now time.Duration) { s.next = max(s.next, now) }

// Take takes n turns.
func (s *Schedule) Take(n int) { s.next += time.Duration(n) * s.Interval }

// Next returns when the next turn is due.
func (s *Schedule) Next() time.Duration { return s.next }

// Slipped returns by how much the timetable had to move because the sender fell behind.
func (s *Schedule) Slipped() time.Duration { return s.slipped }

// Pace describes when things were really sent. The zero value is ready; it is for one goroutine.
type Pace struct {
	Gaps        Stats
	n           int64
	first, last time.Duration
}

// Sent adds a send at t, on any steady clock, in order.
func (p *Pace) Sent(t time.Duration) {
	if p.n == 0 {
		p.first = t
	} else {
		p.Gaps.Add(t - p.last)
	}
	p.last = t
	p.n++
}

// Rate returns sends per second from the first to the last; 0 if there are fewer than two.
func (p *Pace) Rate() float64 {
	if p.n < 2 || p.last <= p.first {
		return 0
	}
	return float64(p.n-1) / (p.last - p.first).Seconds()
}

// Waiter waits until times on the clock that it starts. It is for one goroutine.
type Waiter struct {
	start time.Time
	timer *time.Timer
}

// NewWaiter starts a clock at 0.
func NewWaiter() *Waiter {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return &Waiter{start: time.Now(), timer: t}
}

// Now returns the time since the start, unmoved by steps of the system's clock.
func (w *Waiter) Now() time.Duration { return time.Since(w.start) }

// Start returns the time at which the clock started.
func (w *Waiter) Start() time.Time { return w.start }

// coarse is how early the runtime's timers are left for a precise wait: they are late by up to a millisecond.
const coarse = 2 * time.Millisecond

// Until waits until t. It returns early when ctx ends, with its cause, or when wake is readable, with nil.
func (w *Waiter) Until(ctx context.Context, t time.Duration, wake <-chan struct{}) error {
	for {
		left := t - w.Now()
		if left <= 0 {
			return nil
		}
		if left <= coarse && preciseSleep(left) {
			continue
		}
		if left > coarse && precise {
			left -= coarse / 2
		}
		w.timer.Reset(left)
		select {
		case <-ctx.Done():
			w.timer.Stop()
			return context.Cause(ctx)
		case <-wake:
			w.timer.Stop()
			return nil
		case <-w.timer.C:
		}
	}
}
