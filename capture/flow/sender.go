package flow

// sender follows what the sender of a direction is at, from its packets and the acknowledgements, as Linux has it: in
// Recovery it repeats what duplicate or selective acknowledgements show as lost, in Loss what was on its way when the
// retransmission timer ran out. Times are nanoseconds since 1970.
type sender struct {
	state    phase
	probed   bool  // a tail loss probe is out
	selects  bool  // the receiver does selective acknowledgements
	repeats  uint8 // duplicate acknowledgements in a row
	until    int64 // the phase ends when this is acknowledged
	selected int64 // the highest that the receiver has out of order
	ends     int64 // when what was sent in the phase has come by, once that is acknowledged; 0 before
	heard    int64 // when the last acknowledgement came that had news
	moved    int64 // when the last came that acknowledged more
	sent     int64 // when the last bytes were sent
	repeated int64 // when the last duplicate acknowledgement came
	turn     int64 // the shortest time from here to the receiver and back, 0 if not known
	back     int64 // the same to the sender and back
	turns    uint8 // samples of turn
	chatty   bool  // it has received data that it has not acknowledged, so it may send acknowledgements
}

type phase uint8

const (
	opened phase = iota
	recovery
	loss
)

// minimumTimeout is the shortest retransmission timeout of Linux, and of nearly all others; less a little, for what is
// timed far away.
const minimumTimeout = int64(190e6)

// why returns the cause of a retransmission of the bytes [from, to), last sent as s, at a time; next is behind the
// highest byte that was sent before it, acked where the acknowledgements are.
func (p *sender) why(from, to, next, acked int64, s *send, again bool, now int64) Cause {
	if p.ends != 0 && now > p.ends {
		p.state, p.ends = opened, 0
	}
	timeout := minimumTimeout + p.back
	silent := now-max(p.heard, p.sent) >= timeout
	head := from <= acked
	overdue := head && s != nil && now-max(p.moved, s.time) >= timeout && now-p.heard > p.back+3e6
	asked := p.selected > from || p.repeats >= 3
	switch {
	case p.state == loss:
		if again && asked && !silent && !overdue {
			return p.enter(recovery, next) // the repeated one was lost as well, and that was found out
		}
		if silent {
			p.until = next
		}
		return Timer
	case p.state == recovery:
		if head && (silent || overdue) {
			return p.enter(loss, next)
		}
		return p.recovering()
	case asked && !silent && !overdue:
		return p.enter(recovery, next)
	case to >= next && p.selects && !p.probed && !again && !asked && (s == nil || now-s.time < 2*timeout+2*p.turn):
		p.probed = true
		return TailProbe
	case silent || overdue:
		return p.enter(loss, next)
	case asked || p.repeats > 0 && !p.selects:
		return p.enter(recovery, next)
	case p.repeated != 0 && now-p.repeated <= 2*p.back+minimumTimeout/50: // and what came then has not come to the sender
		return p.recovering()
	}
	return Unknown
}

// enter begins a phase.
func (p *sender) enter(to phase, until int64) Cause {
	p.state, p.until, p.ends = to, until, 0
	if to == loss {
		return Timer
	}
	return p.recovering()
}

func (p *sender) recovering() Cause {
	if p.selects {
		return SACK
	}
	return Fast
}

// hears takes an acknowledgement that came at a time, with news; moved tells that it is for more than those before.
func (p *sender) hears(acked int64, moved bool, now int64) {
	p.heard = now
	if !moved {
		return
	}
	p.moved, p.probed, p.repeats = now, false, 0
	if p.state != opened && acked >= p.until && p.ends == 0 {
		p.ends = now + p.back + p.back/8
	}
}

// turned takes a sample of turn.
func (p *sender) turned(ns int64) {
	if ns <= 0 {
		return
	}
	p.turns = min(p.turns+1, 255)
	if p.turn == 0 || ns < p.turn {
		p.turn = ns
	}
}

// floor is the time within which nothing that is sent can be acknowledged. What was seen is no bound of what can be: a
// network may have been slow so far.
func (p *sender) floor() int64 {
	if p.turns >= 16 {
		return p.turn / 4
	}
	return 0
}

// patience is how long after a sending the receiver may still tell of it.
func (p *sender) patience() int64 { return 2*p.turn + 5e8 }

// repairing reports whether the sender repairs a loss.
func (p *sender) repairing() bool { return p.state != opened && p.ends == 0 }
