package runs

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"sockwire/capture/report/plot"
)

// Comparison says how a run differs from another.
type Comparison struct {
	Names   [2]string
	Medians [2]float64 // seconds
	// Low and High are what the difference of the medians, the first less the second, is between, with a confidence of
	// 95 %: by the spread that the medians of resampled runs have (the bootstrap).
	Low, High float64
	// TripsP is how likely it is that round trips of two runs that are the same differ so much or more: the two-sided
	// test of Mann and Whitney, with its correction for ties. NaN where there are less than 8 of either.
	TripsP float64
	Loss   [2]float64 // shares
	// LossP is the same for losses: Fisher's exact test, two-sided. NaN where nothing was sent.
	LossP float64
}

// Noise is how likely a difference may be by chance and still count as one.
const Noise = 0.01

// fewest is how many round trips each run must have.
const fewest = 8

// Compare compares a run with another.
func Compare(a, b *Run) Comparison {
	x, y := a.samples(), b.samples()
	c := Comparison{Names: [2]string{a.Name, b.Name}, Medians: [2]float64{quantile(x, .5), quantile(y, .5)}, TripsP: math.NaN(), LossP: math.NaN()}
	if total(x) >= fewest && total(y) >= fewest {
		c.TripsP = mannWhitney(x, y)
		c.Low, c.High = medianDifference(x, y)
	}
	if a.Sent > 0 && b.Sent > 0 {
		c.Loss = [2]float64{float64(a.LostCount()) / float64(a.Sent), float64(b.LostCount()) / float64(b.Sent)}
		c.LossP = fisher(a.LostCount(), a.Sent, b.LostCount(), b.Sent)
	}
	return c
}

// Sentences says it in words.
func (c Comparison) Sentences() []string {
	var all []string
	d := c.Medians[0] - c.Medians[1]
	word := "longer"
	if d < 0 {
		word = "shorter"
	}
	switch {
	case math.IsNaN(c.TripsP):
		all = append(all, "There are too few round trips to compare.")
	default:
		low, high := c.Low, c.High
		if d < 0 {
			low, high = -high, -low
		}
		text := fmt.Sprintf("Half of the round trips of %s are below %s, of %s below %s: %s %s (95 %% confidence: %s to %s).", c.Names[0],
			plot.Short(c.Medians[0], "s"), c.Names[1], plot.Short(c.Medians[1], "s"), plot.Short(math.Abs(d), "s"), word, plot.Short(low, "s"), plot.Short(high, "s"))
		all = append(all, text+" "+verdict("round trips", c.TripsP, "Mann–Whitney"))
	}
	switch {
	case math.IsNaN(c.LossP):
	case c.Loss == [2]float64{}:
		all = append(all, "Nothing was lost in either.")
	default:
		all = append(all, fmt.Sprintf("Of %s %.3g %% were lost, of %s %.3g %%. %s", c.Names[0], 100*c.Loss[0], c.Names[1], 100*c.Loss[1],
			verdict("losses", c.LossP, "Fisher's exact test")))
	}
	return all
}

func verdict(what string, p float64, test string) string {
	how := fmt.Sprintf("p = %.2g", p)
	if p < 1e-4 {
		how = "p < 0.0001"
	}
	if p < Noise {
		return fmt.Sprintf("The %s differ by more than noise (%s, %s), as far as probes do not depend on each other.", what, test, how)
	}
	return fmt.Sprintf("The difference in %s may be noise (%s, %s).", what, test, how)
}

// mannWhitney returns the two-sided p of the rank sum test (Mann and Whitney 1947), by its normal approximation with
// the correction for ties.
func mannWhitney(x, y []sample) float64 {
	n, m := float64(total(x)), float64(total(y))
	u, ties, below := 0.0, 0.0, 0.0 // below: values of y that are smaller
	for i, j := 0, 0; i < len(x) || j < len(y); {
		var v float64
		switch {
		case i == len(x):
			v = y[j].value
		case j == len(y):
			v = x[i].value
		default:
			v = min(x[i].value, y[j].value)
		}
		a, b := 0.0, 0.0
		for ; i < len(x) && x[i].value == v; i++ {
			a += float64(x[i].count)
		}
		for ; j < len(y) && y[j].value == v; j++ {
			b += float64(y[j].count)
		}
		u += a * (below + b/2)
		below += b
		ties += (a+b)*(a+b)*(a+b) - (a + b)
	}
	all := n + m
	variance := n * m / 12 * ((all + 1) - ties/(all*(all-1)))
	if variance <= 0 {
		return 1
	}
	z := max(math.Abs(u-n*m/2)-0.5, 0) / math.Sqrt(variance)
	return math.Erfc(z / math.Sqrt2)
}

// medianDifference returns between what 95 % of the differences of resampled medians lie. The median of n that are
// drawn anew is the quantile at a share that is spread like Beta((n+1)/2, (n+1)/2), so only the share is drawn, as a
// normal number of that variance.
func medianDifference(x, y []sample) (low, high float64) {
	const draws = 2000
	random := rand.New(rand.NewPCG(1, 2)) // the same runs give the same answer
	share := func(n uint64) float64 { return 0.5 + random.NormFloat64()/(2*math.Sqrt(float64(n)+2)) }
	all := make([]float64, draws)
	for i := range all {
		all[i] = quantile(x, share(total(x))) - quantile(y, share(total(y)))
	}
	slices.Sort(all)
	return all[draws*25/1000], all[draws*975/1000]
}

// fisher returns the two-sided p of Fisher's exact test: the sum of the probabilities of all tables with the same sums
// that are not more likely than this one.
func fisher(lostA, sentA, lostB, sentB uint64) float64 {
	lost, sent := lostA+lostB, sentA+sentB
	choose := func(n, k uint64) float64 {
		a, _ := math.Lgamma(float64(n) + 1)
		b, _ := math.Lgamma(float64(k) + 1)
		c, _ := math.Lgamma(float64(n-k) + 1)
		return a - b - c
	}
	whole := choose(sent, lost)
	likely := func(k uint64) float64 { return choose(sentA, k) + choose(sentB, lost-k) - whole }
	first := uint64(0)
	if lost > sentB {
		first = lost - sentB
	}
	here, p := likely(lostA), 0.0
	for k := first; k <= min(lost, sentA); k++ {
		if l := likely(k); l <= here+1e-7 {
			p += math.Exp(l)
		}
	}
	return min(p, 1)
}
