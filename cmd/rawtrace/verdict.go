package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sockwire/cmd/internal/cli"
	"sockwire/raw"
	"sockwire/raw/path"
	"sockwire/raw/probe"
	"sockwire/raw/trace"
)

// ordered puts replies, which come as they end, into the order in which the probes were sent: verdicts need that.
type ordered struct {
	next    uint64    // number of the probe whose sample comes next
	waiting []sampled // those from next on, by number; as many as a power of 2
}

// sampled is a sample and the host that it belongs to, nil where it says nothing of a path.
type sampled struct {
	trail  *trail
	ended  bool
	sample path.Sample
}

// mostSamples is how many probes to one host verdicts are of, at least: the latest ones.
const mostSamples = 60_000

// take takes in a probe's first end.
func (o *ordered) take(w *trail, r *trace.Reply) {
	if r.Duplicate || r.Revised || r.N < o.next {
		return
	}
	if o.next == 0 {
		o.next = 1
	}
	for r.N-o.next >= uint64(len(o.waiting)) {
		o.grow()
	}
	s := o.at(r.N)
	s.trail, s.ended = w, true
	s.sample = path.Sample{TTL: int(r.TTL), ReplyTTL: int(r.ReplyTTL), RTT: r.RTT, Sent: r.Sent}
	_, short := trace.RoundOf(r.Tag)
	s.sample.Slow = w.slowly && !short
	switch {
	case r.Size > 0:
		s.trail = nil // it looks for the MTU
	case answered(r):
		s.sample.From, s.sample.Kind = r.From, kinds[r.Kind]
	case r.Cause != probe.Unanswered:
		s.trail = nil // stopped on the way, or lost in this host: that says nothing of the path
	}
	for s := o.at(o.next); s.ended; s = o.at(o.next) {
		if s.trail != nil {
			s.trail.add(s.sample)
		}
		*s = sampled{}
		if o.next++; !trace.Numbered(o.next) {
			o.next++
		}
	}
}

func (o *ordered) at(n uint64) *sampled { return &o.waiting[n&uint64(len(o.waiting)-1)] }

// grow makes room for more probes that have not ended.
func (o *ordered) grow() {
	old := o.waiting
	o.waiting = make([]sampled, max(2*len(old), 64))
	for i := range uint64(len(old)) {
		*o.at(o.next + i) = old[(o.next+i)&uint64(len(old)-1)]
	}
}

var kinds = [...]path.Kind{trace.Silent: path.Silent, trace.Exceeded: path.Exceeded, trace.Reached: path.Reached,
	trace.Unreachable: path.Unreachable, trace.TooBig: path.TooBig, trace.Other: path.Unreachable}

// add adds a sample, and forgets old ones now and then.
func (w *trail) add(s path.Sample) {
	if w.said != nil {
		return
	}
	if len(w.samples) >= 2*mostSamples {
		w.samples = slices.Delete(w.samples, 0, len(w.samples)-mostSamples)
	}
	w.samples = append(w.samples, s)
	w.judged = false
}

// judge works the verdicts out anew, if something has come since.
func (w *trail) judge(confidence float64) {
	if w.judged || w.final || w.said != nil {
		return
	}
	if w.plain() {
		return // nobody asks why a hop without loss is clean
	}
	w.judged = true
	var series path.Series
	for _, s := range w.samples {
		series.Add(s)
	}
	w.verdicts = path.Judge{Confidence: confidence, Ratio: trace.Ratio}.Verdicts(&series)
}

// plain tells whether there is nothing to judge, and nobody who wants to read so.
func (w *trail) plain() bool {
	if w.explain {
		return false
	}
	for _, h := range w.upTo(w.end) {
		if len(h.who) > 1 || h.loss() > 0 {
			return false
		}
	}
	return true
}

// verdict is that on a hop, nil if there is none.
func (w *trail) verdict(ttl int) *path.Verdict {
	for i := range w.verdicts {
		if w.verdicts[i].TTL == ttl {
			return &w.verdicts[i]
		}
	}
	return nil
}

// undecided tells whether more probes would decide a verdict, and how many to each hop. A hop that has never answered
// is not asked on for its own sake.
func (w *trail) undecided() (more int, any bool) {
	for _, v := range w.verdicts {
		if v.Finding == path.Undecided && v.Loss.Answered > 0 {
			more, any = max(more, v.More), true
		}
	}
	return more, any
}

// conclusion is what was found of the way to a host, in a sentence.
type conclusion struct {
	text string
	bad  bool // not reached, or real loss
}

// conclusion says what was found, by the verdicts as they were last worked out.
func (w *trail) conclusion() conclusion {
	if w.said != nil {
		return *w.said
	}
	loss, real := w.lossTexts()
	parts := append([]string{w.reach()}, loss...)
	parts = append(parts, w.far.texts()...)
	return conclusion{text: strings.Join(append(parts, w.mtuTexts()...), "; "), bad: real || !w.reached() || w.far.bad()}
}

// reach says whether the host was reached.
func (w *trail) reach() string {
	shown := w.shown()
	switch errno := w.notSent(); {
	case w.reached():
		text := "reached in " + cli.Plural(w.distance, "hop")
		if h := w.hop(w.distance); h.rtt.Count() > 0 {
			text += ", " + milliseconds(h.rtt.Mean())
		}
		return text
	case w.loop > 0:
		return fmt.Sprintf("not reached: from hop %d on the way goes round, in a loop of %s", w.loopFrom(), cli.Plural(w.loop, "hop"))
	case w.refused != nil:
		return fmt.Sprintf("not reached: %s says at hop %d: %s", w.refused.From, w.end, raw.ErrorText(w.addr.Is6(), w.refused.Type, w.refused.Code))
	case errno != 0:
		return "not reached: no probe could be sent: " + errno.Error()
	case w.waiting() && len(shown) == 0:
		return "not reached: interrupted before anybody answered"
	case w.waiting():
		last := shown[len(shown)-1]
		return fmt.Sprintf("not reached: interrupted; the farthest answer is of hop %d, %v", last.ttl, last.who[0].from)
	case len(shown) == 0:
		return "not reached: nobody answers"
	default:
		last := shown[len(shown)-1]
		return fmt.Sprintf("not reached: nobody answers behind hop %d, %v", last.ttl, last.who[0].from)
	}
}

// lossTexts says of the loss of the hops what is real and what is not.
func (w *trail) lossTexts() (texts []string, real bool) {
	var seldom, silent, asymmetric, open []int
	more, told := 0, 0
	for i := range w.verdicts {
		v := &w.verdicts[i]
		switch v.Finding {
		case path.Real:
			real = true
			if v.From != told {
				told = v.From
				texts = append(texts, w.realText(v))
			}
		case path.Seldom:
			if v.Loss.Answered == 0 {
				silent = append(silent, v.TTL)
			} else {
				seldom = append(seldom, v.TTL)
			}
		case path.PathChange:
			texts = append(texts, fmt.Sprintf("hop %d changed from %v to %v", v.TTL, v.Switch.From, v.Switch.To))
		case path.Asymmetric:
			asymmetric = append(asymmetric, v.TTL)
		case path.Undecided:
			if v.Loss.Answered == 0 {
				silent = append(silent, v.TTL)
			} else {
				open, more = append(open, v.TTL), max(more, v.More)
			}
		}
	}
	if len(seldom) > 0 {
		texts = append(texts, hopList(seldom)+" only "+verb(seldom, "answers", "answer")+" seldom")
	}
	if len(silent) > 0 {
		texts = append(texts, hopList(silent)+" "+verb(silent, "is", "are")+" silent")
	}
	if len(asymmetric) > 0 {
		texts = append(texts, "loss at "+hopList(asymmetric)+" may be of the way back: that cannot be told")
	}
	if len(open) > 0 {
		text := "whether loss at " + hopList(open) + " is real is undecided"
		if more > 0 {
			text += fmt.Sprintf(": %d more probes to each would decide", more)
			if !w.slowly && !w.final {
				text += " (--decide asks them)"
			}
		}
		texts = append(texts, text)
	}
	return texts, real
}

// realText says how much is lost, and from where on.
func (w *trail) realText(v *path.Verdict) string {
	text := fmt.Sprintf("loses %s from hop %d on", lossPercent(v.Loss.Loss()), v.From)
	if h := w.hop(v.From); h != nil && len(h.who) > 0 {
		text += fmt.Sprintf(", first at %v", h.who[0].from)
	}
	return text
}

// lossPercent is a percentage in a sentence.
func lossPercent(part float64) string {
	return strings.TrimSuffix(cli.Percent(part), "%") + " %"
}

// hopList names hops: "hop 4", "hops 2, 4 and 6-9".
func hopList(ttls []int) string {
	var list []string
	for i := 0; i < len(ttls); {
		k := i
		for k+1 < len(ttls) && ttls[k+1] == ttls[k]+1 {
			k++
		}
		switch {
		case k == i:
			list = append(list, strconv.Itoa(ttls[i]))
		case k == i+1:
			list = append(list, strconv.Itoa(ttls[i]), strconv.Itoa(ttls[k]))
		default:
			list = append(list, fmt.Sprintf("%d-%d", ttls[i], ttls[k]))
		}
		i = k + 1
	}
	if len(ttls) == 1 {
		return "hop " + list[0]
	}
	if len(list) == 1 {
		return "hops " + list[0]
	}
	return "hops " + strings.Join(list[:len(list)-1], ", ") + " and " + list[len(list)-1]
}

func verb(list []int, one, many string) string {
	if len(list) == 1 {
		return one
	}
	return many
}

// shortVerdict is a verdict in the column of a table.
func shortVerdict(v *path.Verdict) string {
	switch {
	case v == nil || v.Finding == path.Clean:
		return ""
	case v.Finding == path.Real && v.From == v.TTL:
		return "real from here on"
	case v.Finding == path.Real:
		return fmt.Sprintf("real from hop %d", v.From)
	case v.Finding == path.Undecided && v.More > 0 && v.Loss.Answered > 0:
		return fmt.Sprintf("undecided: %d more", v.More)
	case v.Loss.Answered == 0:
		return "silent"
	}
	return v.Finding.String()
}

// mtuTexts say what the MTU of the path is, who sets it, and where large packets vanish.
func (w *trail) mtuTexts() (texts []string) {
	m := w.mtu
	if m == nil {
		return nil
	}
	if m.Size == 0 {
		return []string{"its MTU is not known"}
	}
	text := fmt.Sprintf("MTU %d", m.Size)
	if !m.Reached {
		text += fmt.Sprintf(" to hop %d", m.To)
	}
	if n := len(m.Steps); n > 0 && m.Hole == nil {
		text += fmt.Sprintf(", set by %v before hop %d", m.Steps[n-1].From, m.Steps[n-1].TTL)
	}
	if m.Believed != m.Size && m.Believed > 0 {
		text += fmt.Sprintf(", while the kernel believes %d", m.Believed)
	}
	texts = append(texts, text)
	if h := m.Hole; h != nil {
		where := fmt.Sprintf("between hops %d and %d", h.After, h.Before)
		if h.After+1 == h.Before {
			where = fmt.Sprintf("before hop %d", h.Before)
		}
		texts = append(texts, fmt.Sprintf("packets of %d bytes vanish %s, and nobody says so", h.Size, where))
	}
	return texts
}
