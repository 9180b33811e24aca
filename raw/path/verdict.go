package path

import (
	"fmt"
	"math"
)

// Finding is what is said of a hop's loss.
type Finding uint8

const (
	Clean      Finding = iota // nothing is lost that counts
	Real                      // real from here on, or from the hop From on: the hops behind lose as much
	Seldom                    // this router answers seldom: it limits its answers, or never gives one; what is behind it does not suffer
	PathChange                // another router answers here since the middle of the run
	Asymmetric                // lost on this hop's own way back, or where the way back changes: which of the two ways cannot be told
	Undecided                 // More probes to each hop would decide
	Unanswered                // nothing at all comes from here on
)

var findings = [...]string{"clean", "real", "answers seldom", "path changed", "asymmetric", "undecided", "no answer from here on"}

func (f Finding) String() string { return findings[min(int(f), len(findings)-1)] }

// MarshalText implements [encoding.TextMarshaler].
func (f Finding) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// Verdict is what is said of one hop, and why.
type Verdict struct {
	TTL     int     `json:"ttl"`
	Finding Finding `json:"finding"`
	From    int     `json:"from,omitempty"` // Real, Asymmetric: the hop at which the loss begins; 0 when it is this hop's own

	Loss Count   `json:"loss"` // what the finding is about: of this hop, or of all hops from From on
	Low  float64 `json:"low"`  // the true loss is within Low and High, to the confidence asked for
	High float64 `json:"high"`

	Fast   Count   `json:"fast"`           // of this hop, asked at the rate
	Slow   Count   `json:"slow"`           // and more seldom
	Chance float64 `json:"chance"`         // at most: of such counts, if the finding were wrong
	More   int     `json:"more,omitempty"` // Undecided: so many more probes to each hop would decide, if all goes on alike
	Switch *Switch `json:"switch,omitempty"`
	Why    string  `json:"why"` // the evidence, a clause in plain words
}

// Judge tells, hop by hop, whether loss is real.
type Judge struct {
	Confidence float64 // of each path's verdicts together; 0 is 0.999
	Ratio      float64 // how many times more seldom Slow samples were asked for, where their times do not tell; 0 is 10
}

// base is loss that nobody has to explain: a judge who believed in none at all would call a single lost packet proof.
const base = 0.0005

func (j Judge) wrong() float64 {
	if j.Confidence <= 0 || j.Confidence >= 1 {
		return 0.001
	}
	return 1 - j.Confidence
}

func (j Judge) ratio() float64 {
	return or(j.Ratio, 10)
}

// Verdicts judges each hop of a series. The hops behind the target are left out.
func (j Judge) Verdicts(s *Series) []Verdict {
	last, since := s.Last(), 0
	j.Ratio = or(s.ratio(), j.Ratio)
	turns := make([]*Switch, last+1)
	pending := make([]int, last+1)
	for ttl := 1; ttl <= last; ttl++ {
		turns[ttl], _, pending[ttl] = s.hops[ttl].turned(j.wrong())
		if turns[ttl] != nil {
			since = max(since, turns[ttl].at)
		}
	}
	counts := make([]HopCount, last)
	for ttl := 1; ttl <= last; ttl++ {
		counts[ttl-1] = s.hops[ttl].count(since)
		if counts[ttl-1].all().Sent == 0 { // it was not asked since
			counts[ttl-1] = s.hops[ttl].count(0)
		}
	}
	verdicts := j.Counts(counts)
	for i := range verdicts {
		v := &verdicts[i]
		if turn := turns[v.TTL]; turn != nil {
			v.Why = fmt.Sprintf("%s answered %s, then %s; since then: %s", turn.From, times(turn.After), turn.To, v.Why)
			v.Finding, v.Switch, v.More = PathChange, turn, 0
		} else if pending[v.TTL] > 0 && v.Finding != Undecided {
			v.Finding, v.More = Undecided, pending[v.TTL]
			v.Why = "another router answered last: too few answers since then; " + v.Why
		}
	}
	return verdicts
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// Counts judges hops by their counts, the first being that of TTL 1. It is [Judge.Verdicts] without changes of the
// path.
func (j Judge) Counts(hops []HopCount) []Verdict {
	verdicts := j.once(hops)
	// How many more would decide: the first of some sizes at which the same shares are enough.
	waiting := 0
	for _, v := range verdicts {
		if v.Finding == Undecided {
			waiting++
		}
	}
	for _, grow := range []float64{1.25, 1.5, 2, 3, 4, 6, 8, 12, 16, 32, 64} {
		if waiting == 0 {
			break
		}
		grown := make([]HopCount, len(hops))
		for i, c := range hops {
			grown[i] = HopCount{scale(c.Fast, grow), scale(c.Slow, grow), scale(c.Again, grow), c.Back}
			if c.Slow.Sent == 0 {
				grown[i].Slow = scale(c.Fast, grow) // asked seldom as well, with the same outcome
			}
			if c.Again.Sent == 0 {
				grown[i].Again = scale(c.Fast, grow)
			}
		}
		for i, v := range j.once(grown) {
			if w := &verdicts[i]; w.Finding == Undecided && w.More == 0 && v.Finding != Undecided {
				w.More = grown[i].all().Sent - hops[i].all().Sent
				waiting--
			}
		}
	}
	for i := range verdicts {
		v := &verdicts[i]
		v.Low, v.High = bounds(v.Loss, j.wrong())
	}
	return verdicts
}

func scale(c Count, by float64) Count {
	sent, lost := int(math.Ceil(float64(c.Sent)*by)), int(math.Round(float64(c.Lost())*by))
	return Count{sent, sent - lost}
}

// once judges without asking how many more would decide.
func (j Judge) once(hops []HopCount) []Verdict {
	verdicts := make([]Verdict, len(hops))
	answering := 0 // hops up to the last that answered
	for i, c := range hops {
		verdicts[i] = Verdict{TTL: i + 1, Fast: c.often(), Slow: c.Slow, Loss: c.all()}
		if c.all().Answered > 0 {
			answering = i + 1
		}
	}
	var carriers []int // hops that seem to lose no more than what is behind them
	for i := answering - 1; i >= 0; i-- {
		if !j.own(hops[:answering], i, &verdicts[i]) {
			carriers = append([]int{i}, carriers...)
		}
	}
	j.steps(hops, carriers, verdicts)
	for i := answering; i < len(hops); i++ {
		verdicts[i].Finding, verdicts[i].Why = Unanswered, "none of its probes, and none of those to the hops behind, was answered"
	}
	return verdicts
}

// own decides whether a hop loses more than hops behind it, so that its loss, or that part of it, is its own.
func (j Judge) own(hops []HopCount, i int, v *Verdict) bool {
	c, wrong := hops[i], j.wrong()/float64(len(hops))
	if c.all().Lost() == 0 {
		return false
	}
	chance, behind, at := 1.0, Count{}, -1
	var pooled HopCount
	tests := float64(3 * (len(hops) - i - 1))
	for k := i + 1; k < len(hops); k++ {
		if hops[k].all().Answered == 0 {
			continue // a silent hop is no witness
		}
		pooled = pooled.and(hops[k])
		for _, t := range []struct{ mine, theirs Count }{{c.often(), pooled.often()}, {c.Slow, pooled.Slow}, {c.all(), hops[k].all()}} {
			if p := worse(t.mine, t.theirs) * tests; p < chance {
				chance, behind, at = p, t.theirs, k+1
			}
		}
	}
	limited := worse(c.often(), c.Slow)
	switch {
	case c.all().Answered == 0 && chance < wrong:
		v.Finding, v.Chance = Seldom, chance
		v.Why = fmt.Sprintf("it answered none of %d, and up to hop %d behind it %d of %d were", c.all().Sent, at, behind.Answered, behind.Sent)
	case c.all().Answered == 0:
		v.Finding = Undecided
		v.Why = fmt.Sprintf("it answered none of %d, and too few of the hops behind were asked", c.all().Sent)
	case limited < wrong && chance >= wrong && j.steady(c, 1):
		return false // what is asked seldom is lost too, and behind it as much: the way is busy
	case limited < wrong && chance >= wrong && !j.again(c):
		if c.Again.Sent > c.Fast.Sent/2 && worse(c.Again, c.Slow) > 0.05 {
			return false // it lost more for a while, but not because it was asked often
		}
		v.Finding = Undecided
		v.Why = fmt.Sprintf("it answered %s, and %s when it was asked more seldom; whether that was chance of the time is not sure", share(c.often()), share(c.Slow))
	case limited < wrong, chance < wrong && limited < j.wrong():
		v.Finding, v.Chance = Seldom, min(chance, limited)
		v.Why = fmt.Sprintf("it answered %s, and %s when it was asked more seldom", share(c.often()), share(c.Slow))
		if chance < wrong {
			v.Chance = max(chance, limited)
			v.Why += fmt.Sprintf("; up to hop %d behind it %s were answered", at, share(behind))
		}
	case chance >= wrong:
		return false
	case j.steady(c, 1):
		v.Finding, v.Chance = Asymmetric, chance
		v.Why = fmt.Sprintf("it answered %s, whether it was asked often or seldom, but up to hop %d behind it %s were answered: "+
			"its answers are lost on their own way back, or it gives none", share(c.all()), at, share(behind))
	default:
		v.Finding = Undecided
		v.Why = fmt.Sprintf("its loss is its own, for up to hop %d behind it %s were answered; whether it limits its answers is not sure", at, share(behind))
	}
	return true
}

func share(c Count) string { return fmt.Sprintf("%d of %d", c.Answered, c.Sent) }

// saved is how many answers a router that limits them may have saved up, and give at once; Linux saves six.
const saved = 10

// steady says that loss does not go away when it is asked more seldom, as that of routers that limit their answers
// does.
func (j Judge) steady(c HopCount, routers int) bool {
	fast := c.often()
	if c.Again.Sent > c.Fast.Sent/2 {
		fast = c.Again // that is nearer in time to when it was asked more seldom
	}
	if c.Slow.Sent == 0 || fast.Lost() == 0 || j.ratio() < 2 {
		return false // where nothing was lost the second time it was asked often, nothing is known to stay
	}
	// A limit to so many answers a second would leave this loss; and some may be beside it.
	limit := float64(max(fast.Answered-saved*routers, 0)) / float64(fast.Sent)
	return atLeast(c.Slow, max(1-j.ratio()*limit, fast.Loss()/4)) < j.wrong()
}

// again says that more was lost, too, when it was asked often for the second time.
func (j Judge) again(c HopCount) bool { return worse(c.Again, c.Slow) < j.wrong() }

// step is a place where loss begins to be more: at one of the carriers from first to last, at best the most likely.
type step struct {
	best, first, last int
	chance            float64
}

// steps finds where real loss begins among the hops that carry it, and says so of each.
func (j Judge) steps(hops []HopCount, carriers []int, verdicts []Verdict) {
	found := j.split(hops, carriers, base, 0)
	for k := range found {
		end := len(carriers)
		if k+1 < len(found) {
			end = found[k+1].best
		}
		s := &found[k]
		s.last = max(s.last, s.best+contradicted(hops, carriers[s.best:end]))
	}
	at := -1 // the step that holds
	for n, i := range carriers {
		v := &verdicts[i]
		for at+1 < len(found) && found[at+1].best <= n {
			at++
		}
		end := len(carriers)
		if at+1 < len(found) {
			end = found[at+1].best
		}
		unsure := false
		for _, s := range found {
			unsure = unsure || s.first <= n && n < s.last
		}
		switch {
		case unsure:
			v.Finding, v.Why = Undecided, "loss begins near here, and where is not sure"
		case at < 0:
			j.before(hops, carriers[:end], v)
		default:
			j.real(hops, carriers, found[at], end, v)
		}
	}
}

// contradicts is how unlikely it is that a hop loses so little by chance, if it shares the loss of those around it.
const contradicts = 1e-3

// contradicted returns how many hops from the first on cannot share the loss of them all: those up to the last that
// loses less than the others. What is lost on the way to one hop is lost on the way to all behind it, so a loss before
// it is another's own, even where that alone is not yet sure.
func contradicted(hops []HopCount, carriers []int) (count int) {
	all := pool(hops, carriers)
	for n, i := range carriers {
		one := hops[i].all()
		if others := (Count{all.Sent - one.Sent, all.Answered - one.Answered}); n > 0 && worse(others, one) < contradicts {
			count = n + 1
		}
	}
	return count
}

// before judges a hop before any step.
func (j Judge) before(hops []HopCount, carriers []int, v *Verdict) {
	all := hops[v.TTL-1].all()
	if v.Finding = Clean; all.Lost() > 0 && atLeast(all, base) < 0.05 {
		v.Finding = Undecided
		v.Why = fmt.Sprintf("it answered %s: too few to say whether the loss is its own", share(all))
		return
	}
	pooled := pool(hops, carriers)
	v.Why = fmt.Sprintf("it answered %s, and all hops up to here %s", share(all), share(pooled))
}

// real judges a hop behind a step.
func (j Judge) real(hops []HopCount, carriers []int, s step, end int, v *Verdict) {
	segment := carriers[s.best:end]
	var behind HopCount
	for _, i := range carriers[s.best:] {
		behind = behind.and(hops[i])
	}
	v.From, v.Chance, v.Loss = carriers[s.best]+1, s.chance, pool(hops, segment)
	v.Why = fmt.Sprintf("from hop %d on %s were answered", v.From, share(v.Loss))
	if s.best > 0 {
		v.Why += fmt.Sprintf(", before it %s", share(pool(hops, carriers[:s.best])))
	}
	seldom, steady := worse(behind.often(), behind.Slow) < j.wrong() && j.again(behind), j.steady(behind, len(carriers)-s.best)
	if seldom {
		v.Why += fmt.Sprintf("; asked more seldom %s", share(behind.Slow))
	}
	switch {
	case seldom && !steady:
		v.Finding = Seldom
		v.Why += ": they limit their answers"
	case !steady:
		v.Finding = Undecided
		v.Why += "; whether the routers only limit their answers is not sure: ask more seldom"
	case j.turnsBack(hops, carriers, s.best):
		v.Finding = Asymmetric
		v.Why += "; the way back seems to change at the same hop, so which way loses cannot be told"
	default:
		v.Finding = Real
	}
}

// turnsBack guesses whether the ways back of the hops from a step on are others than before it: they are longer, or
// shorter, by the same number of hops and more.
func (j Judge) turnsBack(hops []HopCount, carriers []int, at int) bool {
	if at == 0 {
		return false
	}
	before, after := hops[carriers[at-1]].Back, hops[carriers[at]].Back
	if before == 0 || after == 0 {
		return false
	}
	return after-before != carriers[at]-carriers[at-1]
}

func pool(hops []HopCount, carriers []int) (all Count) {
	for _, i := range carriers {
		all = all.plus(hops[i].all())
	}
	return all
}

// split finds the steps among carriers, whose loss is loss before the first; number counts from.
func (j Judge) split(hops []HopCount, carriers []int, loss float64, number int) []step {
	s, p, ok := j.oneStep(hops, carriers, loss)
	if !ok {
		return nil
	}
	best := s.best
	left := j.split(hops, carriers[:best], loss, number)
	right := j.split(hops, carriers[best:], p, number+best)
	right = right[min(len(right), firstAt(right, number+best)):]
	if len(left) > 0 { // what is before this step loses as well: where it is depends on how much
		from := left[len(left)-1].best - number
		if again, _, ok := j.oneStep(hops, carriers[from:], pool(hops, carriers[from:best]).Loss()); ok {
			s = again
			s.best, s.first, s.last = s.best+from, s.first+from, s.last+from
		}
	}
	s.best, s.first, s.last = s.best+number, s.first+number, s.last+number
	return append(append(left, s), right...)
}

// firstAt is 1 when the first step is at the place where its hops begin, so is no step.
func firstAt(steps []step, at int) int {
	if len(steps) > 0 && steps[0].best == at {
		return 1
	}
	return 0
}

// oneStep finds the most likely place at which the carriers begin to lose more than loss, and the places that are not
// much less likely. ok is false when all together do not lose significantly more.
func (j Judge) oneStep(hops []HopCount, carriers []int, loss float64) (s step, after float64, ok bool) {
	loss = max(loss, base)
	right := make([]Count, len(carriers)+1) // of all from here on
	for n := len(carriers) - 1; n >= 0; n-- {
		right[n] = right[n+1].plus(hops[carriers[n]].all())
	}
	odds := make([]float64, len(carriers)) // how much likelier a step here is than none
	left := 0.0
	for n, i := range carriers {
		odds[n] = math.Inf(-1)
		if p := right[n].Loss(); p > loss {
			odds[n] = left + likelihood(right[n], p)
		}
		left += likelihood(hops[i].all(), loss)
		if odds[n] > odds[s.best] || n == 0 {
			s.best = n
		}
	}
	if len(carriers) == 0 {
		return s, 0, false
	}
	s.chance = atLeast(right[s.best], loss) * float64(len(carriers))
	if s.chance >= j.wrong() {
		return s, 0, false
	}
	s.first, s.last = s.best, s.best
	for n, l := range odds {
		if l > odds[s.best]+math.Log(j.wrong()) {
			s.first, s.last = min(s.first, n), max(s.last, n)
		}
	}
	return s, right[s.best].Loss(), true
}
