package flow_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sockwire/capture"
	"sockwire/capture/decode"
	"sockwire/capture/flow"
	"sockwire/raw/wire"
)

// found are all verdicts about the frames of a capture, by the number of their packet.
type found struct {
	by     map[uint64][]flow.Verdict
	bytes  map[flow.Direction][]byte
	gaps   int64
	chunks int
}

// follow gives a capture to a Tracker.
func follow(frames []capture.Frame) *found {
	all := &found{by: map[uint64][]flow.Verdict{}, bytes: map[flow.Direction][]byte{}}
	t := flow.NewTracker(&flow.Config{Reassemble: true})
	var d decode.Decoder
	var p decode.Packet
	take := func(r flow.Result) {
		for _, v := range r.Verdicts {
			all.by[v.Packet] = append(all.by[v.Packet], v)
		}
		for _, c := range r.Chunks {
			all.chunks++
			all.gaps += c.Gap
			all.bytes[c.Direction] = append(all.bytes[c.Direction], c.Data...)
		}
	}
	for i := range frames {
		d.Decode(frames[i], &p)
		p.Number = uint64(i + 1)
		take(t.Add(&p))
	}
	take(t.Finish())
	return all
}

// wanted is what the truth says that a frame's verdicts must be.
type wanted struct {
	must  map[flow.Kind]string // with the class that it is counted in
	may   map[flow.Kind]bool
	bytes int // of LostBefore
	later [2]int
}

// always may be said of any packet: they are about what it says itself.
var always = []flow.Kind{flow.DuplicateAck, flow.WindowFull, flow.WindowUpdate, flow.Undecided}

// expect says what must be said of each frame of a place.
func (t *truth) expect(p *recording) []wanted {
	all := make([]wanted, len(p.frames))
	seen := [2]map[int64]bool{{}, {}} // places of the sequence space that came
	var came [2][]*transmission
	for i, s := range t.sights[p] {
		w := &all[i]
		*w = wanted{must: map[flow.Kind]string{}, may: map[flow.Kind]bool{}}
		for _, k := range always {
			w.may[k] = true
		}
		if s == nil {
			continue
		}
		if !s.whole {
			w.may[flow.Corrupt] = true
			if !read(p.frames[i].Data[ethernetHeader:]).stranger {
				w.must[flow.Corrupt] = "corrupt"
			}
			continue
		}
		tx := s.transmission
		w.may[flow.ZeroWindow] = tx.window == 0
		w.may[flow.Reset] = tx.flags&wire.RST != 0
		if s.copy {
			w.must[flow.Duplicate] = "duplicated"
			continue
		}
		d := tx.direction
		begins := tx.flags&wire.SYN != 0 && !slices.ContainsFunc(came[d], func(e *transmission) bool { return slices.Contains(tx.earlier, e) })
		again := len(tx.earlier) > 0
		needed, needless := 0, again
		late := 0
		for at := tx.from; at < tx.to; at++ {
			heard, passed := false, false
			for _, e := range tx.earlier {
				if e.from <= at && at < e.to {
					heard = heard || e.heard
					passed = passed || e.arrivals[p] > 0
				}
			}
			if !heard {
				needed++
				needless = false
			}
			isByte := at > 0 || tx.flags&wire.SYN == 0
			isByte = isByte && (tx.flags&wire.FIN == 0 || at < tx.to-1)
			if !seen[d][at] && again && slices.ContainsFunc(tx.earlier, func(e *transmission) bool { return e.from <= at && at < e.to }) {
				if passed {
					late++
				} else if !begins {
					w.must[flow.LostBefore] = "lost before"
					if isByte {
						w.bytes++
					}
				}
			}
			seen[d][at] = true
		}
		if again && !begins {
			w.must[flow.Retransmission] = "sent again"
		}
		w.may[flow.Retransmission] = again
		if needless {
			w.must[flow.Spurious] = "needless"
		}
		if again && !needless && needed < int(tx.to-tx.from) {
			w.may[flow.Spurious] = true // in part
		}
		if !tx.heard && tx.to > tx.from {
			if needed > 0 {
				w.must[flow.LostBehind] = "lost behind"
			} else {
				w.may[flow.LostBehind] = true // and nobody was there to miss it
			}
		}
		for _, e := range came[d] {
			if e.number > tx.number {
				w.later[1]++
				if e.to > e.from {
					w.later[0]++
				}
			}
		}
		if w.later[1] > 0 {
			w.may[flow.Reordered] = true
		}
		if w.later[0] > 0 && tx.to > tx.from && !again {
			w.must[flow.Reordered] = "reordered"
		}
		came[d] = append(came[d], tx)
	}
	return all
}

// tally counts, for the table.
type tally struct{ want, exact, undecided, other int }

// TestTruth: every verdict is what the links' records say, in three places.
func TestTruth(t *testing.T) {
	if os.Getenv("FLOW_JUDGE") == "" {
		t.Skip("the tracker is not there yet: FLOW_JUDGE=1 judges it all the same")
	}
	counts := map[string]*tally{}
	count := func(place, class string) *tally {
		name := place + "\t" + class
		if counts[name] == nil {
			counts[name] = &tally{}
		}
		return counts[name]
	}
	for _, n := range theWorld(t).networks {
		for _, p := range n.places {
			got := follow(p.frames)
			wrong := 0
			for i, w := range n.truth.expect(p) {
				verdicts := got.by[uint64(i+1)]
				has := func(k flow.Kind) *flow.Verdict {
					for j := range verdicts {
						if verdicts[j].Kind == k {
							return &verdicts[j]
						}
					}
					return nil
				}
				undecided := has(flow.Undecided) != nil
				say := func(format string, args ...any) {
					if wrong++; wrong <= 20 {
						t.Errorf("%s at the %s: frame %d: %s: %s; said: %v", n.name, p.name, i+1, n.truth.describe(p, i), fmt.Sprintf(format, args...), verdicts)
					}
				}
				for k, class := range w.must {
					c := count(p.name, class)
					c.want++
					v := has(k)
					switch {
					case v != nil && k == flow.LostBefore && v.Bytes != w.bytes:
						c.other++
						say("%d bytes were lost before, not %d", w.bytes, v.Bytes)
					case v != nil && k == flow.Reordered && (v.Places < w.later[0] || v.Places > w.later[1]):
						c.other++
						say("%d to %d went first, not %d", w.later[0], w.later[1], v.Places)
					case v != nil:
						c.exact++
					case undecided:
						c.undecided++
					default:
						c.other++
						say("is not said to be %s", k)
					}
				}
				for j := range verdicts {
					if k := verdicts[j].Kind; w.must[k] == "" && !w.may[k] {
						count(p.name, "said for nothing: "+k.String()).other++
						say("is said to be %s", k)
					}
				}
			}
			if wrong > 0 {
				keep(t, n, p)
			}
		}
	}
	t.Log("\n" + table(counts))
}

// describe says what a frame is.
func (t *truth) describe(p *recording, i int) string {
	s := t.sights[p][i]
	if s == nil {
		return "nothing known"
	}
	tx := s.transmission
	text := fmt.Sprintf("%s %d:%d ack %d (#%d from %c", tx.flags.Letters(), tx.from, tx.to, tx.ack, tx.number, 'a'+rune(tx.direction))
	if len(tx.earlier) > 0 {
		text += ", again"
		for _, e := range tx.earlier {
			text += fmt.Sprintf(" #%d", e.number)
			if e.arrivals[p] > 0 {
				text += " seen"
			}
			if e.heard {
				text += " heard"
			}
		}
	}
	if !tx.heard {
		text += ", not heard"
	}
	if s.copy {
		text += ", copy"
	}
	if !s.whole {
		text += ", damaged"
	}
	return text + ")"
}

// keep writes the frames of a place into a file, where FLOW_KEEP says so.
func keep(t *testing.T, n *network, p *recording) {
	dir := os.Getenv("FLOW_KEEP")
	if dir == "" {
		return
	}
	name := filepath.Join(dir, fmt.Sprintf("seed-%d-%s.pcapng", n.seed, p.name))
	w, err := capture.Create(name, nil)
	must(t, err)
	must(t, w.Describe(p.live.Interfaces()))
	for i := range p.frames {
		must(t, w.Write(&p.frames[i]))
	}
	must(t, w.Close())
	t.Logf("kept %s", name)
}

func table(counts map[string]*tally) string {
	var names []string
	for name := range counts {
		names = append(names, name)
	}
	slices.Sort(names)
	var b strings.Builder
	fmt.Fprintf(&b, "%-10s %-34s %6s %6s %9s %6s\n", "place", "class", "there", "exact", "undecided", "wrong")
	for _, name := range names {
		c := counts[name]
		place, class, _ := strings.Cut(name, "\t")
		fmt.Fprintf(&b, "%-10s %-34s %6d %6d %9d %6d\n", place, class, c.want, c.exact, c.undecided, c.other)
	}
	return b.String()
}
