package path

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Inquiry finds out whether the loss of the hops on one path is real: it asks each of them a number of times, and where
// something was lost it asks again more seldom, until all is decided or enough was asked. The zero value is ready.
type Inquiry struct {
	Flow      int
	LastTTL   int           // 0: as far as the target is, at most 30
	Gap       time.Duration // between two probes to the same hop; 0 is 50 ms
	Rounds    int           // probes to each hop before the first judgment; 0 is 50
	MaxRounds int           // and at most; 0 is 1,000
	Judge     Judge         // its Ratio is how many times longer the gap is when hops are asked more seldom
}

// Run asks, and returns what was heard and the verdicts. An error is the Prober's, or of ctx: the verdicts are then of
// what was heard before.
func (q Inquiry) Run(ctx context.Context, prober Prober) (*Series, []Verdict, error) {
	s := new(Series)
	last := q.LastTTL
	if last == 0 {
		var err error
		if last, err = q.length(ctx, prober); err != nil {
			return s, nil, err
		}
	}
	gap, first, most := or(q.Gap, 50*time.Millisecond), or(q.Rounds, 50), or(q.MaxRounds, 1000)
	seldom := time.Duration(float64(gap) * q.Judge.ratio())
	asked := first
	err := q.ask(ctx, prober, s, last, min(first, most), gap, false)
	for turn := 0; ; turn++ {
		verdicts := q.Judge.Verdicts(s)
		more := 0
		for _, v := range verdicts {
			if v.Finding == Undecided {
				more = max(more, v.More, 1)
			}
		}
		if err != nil || more == 0 || asked >= most {
			return s, verdicts, err
		}
		// More seldom, then often again, and so on: each time it may be enough. What the verdicts ask for is a guess.
		n := min(max(first/3, more/4), first)
		if turn%2 == 1 {
			n = max(n, first/2+1)
		}
		if n = min(n, most-asked); turn%2 == 0 {
			err = q.ask(ctx, prober, s, last, n, seldom, true)
		} else {
			err = q.ask(ctx, prober, s, last, n, gap, false)
		}
		asked += n
	}
}

// length finds out how many hops there are to ask: to the target, or one more than answer.
func (q Inquiry) length(ctx context.Context, prober Prober) (int, error) {
	const most = 30
	var round []Probe
	for ttl := 1; ttl <= most; ttl++ {
		round = append(round, Probe{Flow: q.Flow, TTL: ttl})
	}
	reached, answered := most+1, 0
	for range 4 { // some may be lost; a target that does not answer is not asked for ever
		for a, err := range prober.Probe(ctx, round) {
			if err != nil {
				return 0, err
			}
			switch a.Kind {
			case Silent, TooBig:
			case Reached:
				reached = min(reached, a.TTL)
			default:
				answered = max(answered, a.TTL)
			}
		}
		if err := context.Cause(ctx); err != nil {
			return 0, err
		}
		if reached == answered+1 {
			break
		}
	}
	if reached <= most {
		return reached, nil
	}
	return answered + 1, nil
}

// ask asks all hops so many times, a gap apart, and adds what became of the probes in the order in which they were
// sent.
func (q Inquiry) ask(ctx context.Context, prober Prober, s *Series, last, rounds int, gap time.Duration, slow bool) error {
	heard := make([][]Answer, rounds)
	errs := make(chan error, rounds)
	var wg sync.WaitGroup
	tick := time.NewTicker(gap)
	defer tick.Stop()
	for n := range rounds {
		if n > 0 {
			select {
			case <-tick.C:
			case <-ctx.Done():
				wg.Wait()
				return context.Cause(ctx)
			}
		}
		heard[n] = make([]Answer, last)
		wg.Go(func() {
			round := make([]Probe, last)
			for i := range round {
				round[i] = Probe{Flow: q.Flow, TTL: i + 1}
			}
			for a, err := range prober.Probe(ctx, round) {
				if err != nil {
					errs <- err
					return
				}
				heard[n][a.TTL-1] = a
			}
		})
	}
	wg.Wait()
	select {
	case err := <-errs:
		return err
	default:
	}
	if ctx.Err() != nil {
		return context.Cause(ctx) // the last rounds may not have been waited for
	}
	// A round that had to wait for the engine may have been sent behind a later one.
	all := slices.Concat(heard...)
	slices.SortStableFunc(all, func(a, b Answer) int { return a.Sent.Compare(b.Sent) })
	for _, a := range all {
		s.Add(Sample{TTL: a.TTL, Slow: slow, Kind: a.Kind, From: a.From, ReplyTTL: a.ReplyTTL, RTT: a.RTT, Sent: a.Sent})
	}
	return nil
}
