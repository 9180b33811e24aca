package path

import "math"

// Count is how many probes were sent and how many of them were answered.
type Count struct {
	Sent     int `json:"sent"`
	Answered int `json:"answered"`
}

// Lost is how many were not answered.
func (c Count) Lost() int { return c.Sent - c.Answered }

// Loss is the fraction that was not answered; 0 when nothing was sent.
func (c Count) Loss() float64 {
	if c.Sent == 0 {
		return 0
	}
	return float64(c.Lost()) / float64(c.Sent)
}

func (c Count) plus(d Count) Count { return Count{c.Sent + d.Sent, c.Answered + d.Answered} }

// HopCount is what was counted of one hop. A hop is asked often, then more seldom, then both again: what differs
// between the first two alone may have been the time of day.
type HopCount struct {
	Fast  Count // asked often, at first
	Slow  Count // asked more seldom
	Again Count // asked often, after that
	Back  int   // guessed length of the way back, in hops; 0 when it is not known
}

func (c HopCount) often() Count { return c.Fast.plus(c.Again) }
func (c HopCount) all() Count   { return c.Fast.plus(c.Slow).plus(c.Again) }

// and is the sum of two hops' counts.
func (c HopCount) and(d HopCount) HopCount {
	return HopCount{Fast: c.Fast.plus(d.Fast), Slow: c.Slow.plus(d.Slow), Again: c.Again.plus(d.Again)}
}

func logChoose(n, k int) float64 {
	a, _ := math.Lgamma(float64(n + 1))
	b, _ := math.Lgamma(float64(k + 1))
	c, _ := math.Lgamma(float64(n - k + 1))
	return a - b - c
}

// worse is Fisher's exact test, one-sided: the probability that a lost so many or more, and b so few or fewer, if both
// lose alike.
func worse(a, b Count) float64 {
	if a.Sent == 0 || b.Sent == 0 {
		return 1
	}
	lost, all := a.Lost()+b.Lost(), a.Sent+b.Sent
	least, k := max(0, lost-b.Sent), a.Lost()
	at := func(k int) float64 {
		return math.Exp(logChoose(a.Sent, k) + logChoose(b.Sent, lost-k) - logChoose(all, lost))
	}
	up := func(k int) float64 { // the term behind, as a multiple
		return float64(a.Sent-k) * float64(lost-k) / (float64(k+1) * float64(b.Sent-lost+k+1))
	}
	return tail(k, least, float64(lost)*float64(a.Sent)/float64(all), at, up)
}

// atLeast is the exact binomial test: the probability that so many or more of c are lost, if each is with probability
// loss.
func atLeast(c Count, loss float64) float64 {
	switch {
	case c.Lost() == 0 || loss >= 1:
		return 1
	case loss <= 0:
		return 0
	}
	at := func(k int) float64 {
		return math.Exp(logChoose(c.Sent, k) + float64(k)*math.Log(loss) + float64(c.Sent-k)*math.Log1p(-loss))
	}
	up := func(k int) float64 { return float64(c.Sent-k) / float64(k+1) * loss / (1 - loss) }
	return tail(c.Lost(), 0, float64(c.Sent)*loss, at, up)
}

// tail is the probability of k and more, of a distribution with one peak: at(k) is the probability of k, and of k+1 it
// is up(k) times that. Below the mean it is one less that of what is below k: sums go away from the peak, where terms
// fall.
func tail(k, least int, mean float64, at, up func(int) float64) float64 {
	p := 0.0
	if float64(k) > mean {
		for term := at(k); term > 1e-15*p; k++ {
			p += term
			term *= up(k)
		}
		return min(p, 1)
	}
	if k--; k < least {
		return 1
	}
	for term := at(k); term > 1e-15*p; k-- {
		if p += term; k == least {
			break
		}
		term /= up(k - 1)
	}
	return max(1-p, 0)
}

// bounds returns the exact (Clopper-Pearson) interval that holds the true loss with a confidence of 1-alpha.
func bounds(c Count, alpha float64) (low, high float64) {
	if c.Sent == 0 {
		return 0, 1
	}
	find := func(tooLow func(loss float64) bool) float64 {
		a, b := 0.0, 1.0
		for range 40 {
			if m := (a + b) / 2; tooLow(m) {
				a = m
			} else {
				b = m
			}
		}
		return (a + b) / 2
	}
	if c.Lost() > 0 {
		low = find(func(loss float64) bool { return atLeast(c, loss) < alpha/2 })
	}
	if high = 1; c.Answered > 0 {
		fewer := Count{c.Sent, c.Answered - 1} // at least one more lost
		high = find(func(loss float64) bool { return 1-atLeast(fewer, loss) > alpha/2 })
	}
	return low, high
}

// likelihood is the logarithm of the probability of the losses, in one order, if each is lost with probability loss.
func likelihood(c Count, loss float64) float64 {
	l := 0.0
	if c.Lost() > 0 {
		l += float64(c.Lost()) * math.Log(loss)
	}
	if c.Answered > 0 {
		l += float64(c.Answered) * math.Log1p(-loss)
	}
	return l
}

// Enough returns how many probes it takes to say, with a probability below wrong of being wrong, that there are no
// more next hops than the known ones: as many as show one more, were there one and all of the same share. It is the
// stopping rule of the multipath detection algorithm (Veitch, Augustin, Teixeira, Friedman, INFOCOM 2009).
func Enough(known int, wrong float64) int {
	if known < 1 {
		return 1
	}
	k := float64(known + 1)
	for n := known + 1; ; n++ {
		// The probability that n draws of k equally likely things miss at least one: inclusion and exclusion.
		miss, sign := 0.0, 1.0
		for i := 1; i <= known; i++ {
			miss += sign * math.Exp(logChoose(known+1, i)+float64(n)*math.Log1p(-float64(i)/k))
			sign = -sign
		}
		if miss <= wrong {
			return n
		}
	}
}
