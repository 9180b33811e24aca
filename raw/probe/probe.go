// Package probe holds what everything that sends and waits for answers has in common: a timetable to send on, what
// can become of what was sent, and statistics of the answers.
//
// A probe is something sent whose fate is followed. It ends in exactly one [Outcome] with one [Cause].
// Nothing here knows what a probe is made of or how it travels.
package probe

import (
	"slices"
	"strconv"
)

// Outcome is how a probe ended.
type Outcome uint8

// Outcomes. Every probe sent ends in one of those after Pending.
const (
	Pending  Outcome = iota // still on its way
	Answered                // the answer came in time
	Late                    // the answer came after the timeout
	Corrupt                 // an answer came, but damaged
	Refused                 // the network sent an error instead of an answer
	Lost                    // nothing came
	outcomes
)

var outcomeNames = [outcomes]string{"pending", "answered", "late", "corrupt", "refused", "lost"}

// String returns the outcome's name, the one used in JSON.
func (o Outcome) String() string { return nameOf(outcomeNames[:], int(o)) }

func nameOf(names []string, i int) string {
	if i < len(names) {
		return names[i]
	}
	return strconv.Itoa(i)
}

// Cause is why a probe ended as it did.
type Cause uint8

// Causes.
const (
	NoCause       Cause = iota // of Answered and Late
	Unanswered                 // sent, and nothing came back: the network or the far host
	LocalQueue                 // thrown away in this host's queue before it reached the wire
	Unresolved                 // never left this host: the next hop's link-layer address was not found
	ReceiveBuffer              // the answer was thrown away because this process did not read fast enough
	SendFailed                 // the system refused to send it
	NetworkError               // an ICMP error
	BadChecksum                // the answer's checksum is wrong
	BadPayload                 // the answer's payload is not what was sent
	causes
)

var causeNames = [causes]string{"none", "unanswered", "local queue", "unresolved", "receive buffer", "send failed", "network error", "bad checksum", "bad payload"}

// String returns the cause's name, the one used in JSON.
func (c Cause) String() string { return nameOf(causeNames[:], int(c)) }

// Tally counts how probes ended. The zero value is ready.
type Tally struct {
	Sent       uint64
	Duplicates uint64 // further answers to probes that had one
	outcome    [outcomes]uint64
	cause      [causes]uint64
}

// End counts one probe's end.
func (t *Tally) End(o Outcome, c Cause) {
	t.outcome[o]++
	t.cause[c]++
}

// Revise has a probe counted as ended in was end in o instead: more became known of it.
func (t *Tally) Revise(was Outcome, wasCause Cause, o Outcome, c Cause) {
	t.outcome[was]--
	t.cause[wasCause]--
	t.End(o, c)
}

// Add adds the counts of u.
func (t *Tally) Add(u *Tally) {
	t.Sent += u.Sent
	t.Duplicates += u.Duplicates
	for i, n := range u.outcome {
		t.outcome[i] += n
	}
	for i, n := range u.cause {
		t.cause[i] += n
	}
}

// Count returns how many probes ended in o.
func (t *Tally) Count(o Outcome) uint64 { return t.outcome[o] }

// CausedBy returns how many probes ended for the cause c.
func (t *Tally) CausedBy(c Cause) uint64 { return t.cause[c] }

// Received counts the probes that were answered, in time or late.
func (t *Tally) Received() uint64 { return t.outcome[Answered] + t.outcome[Late] }

// Ended counts the probes that have ended.
func (t *Tally) Ended() uint64 {
	var n uint64
	for _, v := range t.outcome {
		n += v
	}
	return n
}

// Loss returns the part of the ended probes that brought no good answer, 0 to 1; 0 if none has ended.
func (t *Tally) Loss() float64 {
	ended := t.Ended()
	return float64(ended-t.Received()) / float64(max(ended, 1))
}

// Runs tells losses in a row from losses spread out. Ends may be added in any order; they are looked at in the order
// of their sequence numbers, which start at 1. The zero value is ready.
type Runs struct {
	next  int // lowest sequence number not yet looked at, less 1
	early map[int]bool
	kept  []lossRun // the latest, in order
	// Count is the number of runs of losses, Longest the length of the longest, Lost the sum of all. The probes after
	// a gap in the sequence numbers added are not yet part of them.
	Count, Longest, Lost int
	longestOld           int // of those no longer kept
}

// lossRun is the losses from first to last.
type lossRun struct{ first, last int }

func (r lossRun) length() int { return r.last - r.first + 1 }

const runsKept = 1 << 14 // runs in which a loss can be taken back

// Add says how the probe with the given sequence number ended.
func (r *Runs) Add(seq int, lost bool) {
	if seq != r.next+1 {
		if seq > r.next {
			if r.early == nil {
				r.early = make(map[int]bool)
			}
			if _, known := r.early[seq]; !known {
				r.early[seq] = lost
			}
		}
		return
	}
	r.step(lost)
	for len(r.early) > 0 {
		lost, ok := r.early[r.next+1]
		if !ok {
			return
		}
		delete(r.early, r.next+1)
		r.step(lost)
	}
}

func (r *Runs) step(lost bool) {
	r.next++
	if !lost {
		return
	}
	r.Lost++
	if n := len(r.kept); n > 0 && r.kept[n-1].last == r.next-1 {
		r.kept[n-1].last = r.next
	} else {
		if n == runsKept {
			half := n / 2
			for _, old := range r.kept[:half] {
				r.longestOld = max(r.longestOld, old.length())
			}
			r.kept = slices.Delete(r.kept, 0, half)
		}
		r.kept = append(r.kept, lossRun{r.next, r.next})
		r.Count++
	}
	r.Longest = max(r.Longest, r.kept[len(r.kept)-1].length())
}

// TakeBack says that a probe added as lost was not. Losses long ago, more than some thousand runs, are not found any
// more.
func (r *Runs) TakeBack(seq int) {
	if _, early := r.early[seq]; early {
		r.early[seq] = false
		return
	}
	i, found := slices.BinarySearchFunc(r.kept, seq, func(run lossRun, seq int) int {
		switch {
		case run.last < seq:
			return -1
		case run.first > seq:
			return 1
		}
		return 0
	})
	if !found {
		return
	}
	run := r.kept[i]
	var rest []lossRun
	if run.first < seq {
		rest = append(rest, lossRun{run.first, seq - 1})
	}
	if seq < run.last {
		rest = append(rest, lossRun{seq + 1, run.last})
	}
	r.kept = slices.Replace(r.kept, i, i+1, rest...)
	r.Lost--
	r.Count += len(rest) - 1
	if run.length() == r.Longest {
		r.Longest = r.longestOld
		for _, kept := range r.kept {
			r.Longest = max(r.Longest, kept.length())
		}
	}
}
