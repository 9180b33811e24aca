package flow

// limiter adds up for how long a direction was held back by what.
type limiter struct {
	since int64
	by    limit
	begun bool
	short bool // the last segment was not a full one, and pushed
	spent [numLimits]int64
}

// spent is the sum of those that are gone, of both directions: nanoseconds, of which the lower half is enough for a
// stream of four seconds. A million streams have as many.
type spent struct {
	low  [2][numLimits]uint32
	high *[2][numLimits]uint32
}

func (p *spent) add(d Direction, ns *[numLimits]int64) {
	for i, n := range ns {
		sum := uint64(p.low[d][i]) + uint64(n)
		p.low[d][i] = uint32(sum)
		if sum>>32 != 0 {
			if p.high == nil {
				p.high = new([2][numLimits]uint32)
			}
			p.high[d][i] += uint32(sum >> 32)
		}
	}
}

func (p *spent) of(d Direction) (ns [numLimits]int64) {
	for i := range ns {
		ns[i] = int64(p.low[d][i])
		if p.high != nil {
			ns[i] += int64(p.high[d][i]) << 32
		}
	}
	return ns
}

type limit uint8

const (
	byApplication limit = iota
	byReceiver
	byNetwork
	numLimits
)

// set ends what was and begins what is.
func (l *limiter) set(by limit, now int64) {
	if l.begun && now > l.since {
		l.spent[l.by] += now - l.since
	}
	l.since, l.by, l.begun = now, by, true
}

// judge tells what holds the direction back: flight bytes are on their way, of a window; the last segment was short of
// the size of a full one.
func judgeLimit(flight, window, full int64, short, repairing bool) limit {
	switch {
	case repairing && flight > 0:
		return byNetwork
	case window == 0 || flight > 0 && flight+full > window:
		return byReceiver
	case flight == 0 || short:
		return byApplication
	}
	return byNetwork
}
