package flow

// limiter adds up for how long a direction was held back by what.
type limiter struct {
	since int64
	by    limit
	begun bool
	short bool // the last segment was not a full one, and pushed
	spent [numLimits]int64
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

// judge tells what holds the direction back: flight bytes are on their way, of a window; the last segment was short of the
// size of a full one.
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
