package flow

// answers knows which packets of a receiver were not seen, where its IP identification counts them.
type answers struct {
	id       uint16
	counting int8 // above 0: it counts
	gaps     [4]answerGap
	when     int64 // the newest came
}

// answerGap is where answers are missing: n of them, sent between two times.
type answerGap struct {
	id       uint16
	n        uint16
	from, to int64
}

// widest is how many answers in a row may be missing: more is no counter.
const widest = 64

// take notes an answer; largest is the longest segment that its sender sends, of which a super-packet has several.
func (a *answers) take(g *segment, largest int) {
	if !g.counted() {
		if g.id == 0 && g.hasID { // many send a SYN, or all, with 0
			a.counting = 0
		}
		return
	}
	if a.when == 0 {
		a.id, a.when, a.counting = g.id, g.time, 1
		return
	}
	up := int(int16(g.id - a.id))
	packets := max(1, (g.length+max(largest, 1)-1)/max(largest, 1))
	switch {
	case up > 0 && up <= widest:
		a.counting = min(a.counting+1, 100)
		if up > packets {
			a.miss(answerGap{a.id + 1, uint16(up - packets), a.when, g.time})
		}
		a.id, a.when = g.id, g.time
	case up < 0 && up > -widest:
		a.found(g.id)
	default:
		a.counting = max(a.counting-8, -8)
		a.id, a.when = g.id, g.time
		a.miss(answerGap{g.id, 0, a.when, g.time})
	}
}

// miss notes a gap in place of the oldest, which becomes a part of the one behind it.
func (a *answers) miss(g answerGap) {
	for i := range a.gaps {
		if a.gaps[i].to == 0 {
			a.gaps[i] = g
			return
		}
	}
	a.gaps[1].from, a.gaps[1].n = a.gaps[0].from, 0
	copy(a.gaps[:], a.gaps[1:])
	a.gaps[len(a.gaps)-1] = g
}

// found takes an answer out of its gap, late.
func (a *answers) found(id uint16) {
	for i := range a.gaps {
		g := &a.gaps[i]
		if g.n == 0 || id-g.id >= widest || g.to == 0 {
			continue
		}
		if g.n--; g.n == 0 {
			copy(a.gaps[i:], a.gaps[i+1:])
			a.gaps[len(a.gaps)-1] = answerGap{}
			return
		}
		return
	}
}

// complete reports whether all answers between two times were seen.
func (a *answers) complete(from, to int64) bool {
	if a.counting <= 0 {
		return false
	}
	for i := range a.gaps {
		if g := &a.gaps[i]; g.to != 0 && g.to >= from && g.from <= to {
			return false
		}
	}
	return true
}
