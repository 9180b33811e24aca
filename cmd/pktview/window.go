package main

import (
	"cmp"
	"slices"

	"sockwire/capture/flow"
	"sockwire/cmd/internal/cli"
)

// What is found about a packet of a file is often found at a later one. So what is printed of a packet is held for this
// many packets, or this many bytes of it, whatever is less.
const (
	aheadPackets = 1 << 16
	aheadBytes   = 32 << 20
)

// window holds what is printed, batch by batch, until no more is waited for about its packets, and puts in what was
// found. It is used by one goroutine at a time: the one whose turn it is to write.
type window struct {
	o       *options
	render  *renderer // for what is put in
	choice  *flow.Choice
	waits   bool // for what is found later
	held    []*shown
	spare   []*shown
	packets int
	bytes   int
	scratch []byte
	records []byte // about packets that are out
	rest    int64  // packets that -c leaves to show; below 0 for all
	done    bool   // rest came to 0

	chosen *numberSet // gathers the numbers of what --flow chooses, instead of printing it

	shown counts // of the packets that were printed
	late  uint64 // verdicts that came when their packet had been printed
}

// take returns a shown to be filled.
func (w *window) take() *shown {
	if n := len(w.spare); n > 0 {
		s := w.spare[n-1]
		w.spare = w.spare[:n-1]
		return s
	}
	return new(shown)
}

// newWindow returns a window for what o asks for. Each renderer that adds to it has its own.
func newWindow(o *options, r *renderer) window {
	w := window{o: o, render: r, choice: o.choice, waits: o.prints() && o.analyses() || o.choice != nil || o.hasVerdict, rest: -1}
	if o.count > 0 {
		w.rest = o.count
	}
	return w
}

// add takes over s, whose packets follow those of the batch before, and writes what is far enough behind; all of it if
// flush. It reports whether all that -c asks for is shown.
func (w *window) add(env *cli.Env, s *shown, flush bool) (enough bool, err error) {
	if w.done {
		s.empty()
		w.spare = append(w.spare, s)
		return true, nil
	}
	w.held = append(w.held, s)
	w.packets += s.n
	w.bytes += len(s.out)
	w.records = w.records[:0]
	for i := range s.found {
		f := &s.found[i]
		if to := w.holder(f.packet); to != nil {
			to.add(f)
		} else if w.late++; w.o.json && w.choice == nil && w.o.where == nil {
			w.records = f.appendRecord(w.records)
		}
	}
	s.found = s.found[:0]
	n := 0
	for n < len(w.held) && !enough && (flush || !w.waits || w.packets > aheadPackets || w.bytes > aheadBytes) {
		b := w.held[n]
		w.packets -= b.n
		w.bytes -= len(b.out)
		if enough, err = w.emit(env, b); err != nil {
			return false, err
		}
		n++
	}
	w.spare = append(w.spare, w.held[:n]...)
	w.held = slices.Delete(w.held, 0, n)
	w.done = enough
	if len(w.records) > 0 && !enough {
		err = w.render.write(env.Stdout, w.records)
	}
	return enough, err
}

// holder returns what holds the output of a packet, nil when that is gone.
func (w *window) holder(number uint64) *shown {
	i, ok := slices.BinarySearchFunc(w.held, number, func(s *shown, number uint64) int {
		switch {
		case s.first > number:
			return 1
		case s.first+uint64(s.n) <= number:
			return -1
		}
		return 0
	})
	if !ok {
		return nil
	}
	return w.held[i]
}

// emit writes s with its notes, and empties it.
func (w *window) emit(env *cli.Env, s *shown) (enough bool, err error) {
	defer s.empty()
	if w.choice == nil && len(s.notes) == 0 && !w.o.hasVerdict {
		w.shown.packets += uint64(s.n)
		return false, w.write(env, s.out)
	}
	slices.SortStableFunc(s.notes, func(a, b note) int { return cmp.Compare(a.packet, b.packet) })
	out := w.scratch[:0]
	at, start, notes := int32(0), 0, s.notes
	for _, p := range s.places {
		out = append(out, s.out[at:p.at]...)
		at = p.at
		number := s.first + uint64(p.packet)
		for len(notes) > 0 && notes[0].packet < number {
			notes = notes[1:]
		}
		n := 0
		for n < len(notes) && notes[n].packet == number {
			n++
		}
		switch p.kind {
		case markPlace:
			out = w.render.appendNotes(out, notes[:n])
		case columnPlace:
			out = w.render.appendVerdicts(out, notes[:n], false)
		case firstColumnPlace:
			out = w.render.appendVerdicts(out, notes[:n], true)
		case treePlace:
			out = appendTrees(out, notes[:n])
		case endPlace:
			if !w.takes(s, int(p.packet), notes[:n]) {
				out = out[:start]
			} else if w.rest == 0 {
				enough = true
			}
			start = len(out)
		}
		if enough {
			break
		}
	}
	if w.choice == nil {
		out = append(out, s.out[at:]...)
		w.shown.packets += uint64(s.n)
	}
	w.scratch = out
	return enough, w.write(env, out)
}

// warn says that what was found came too late to choose by.
func (w *window) warn(env *cli.Env) {
	if w.choice != nil && w.late > 0 && !w.o.quiet {
		env.Warnf("what was found about %s came too late to choose it", cli.Plural(w.late, "packet"))
	}
}

func (w *window) write(env *cli.Env, b []byte) error {
	if len(b) == 0 {
		return nil
	}
	if w.o.follow != nil && w.o.followAs == "raw" {
		_, err := env.Stdout.Bytes().Write(b)
		return err
	}
	return w.render.write(env.Stdout, b)
}

// takes tells whether --flow chooses packet i, and counts it.
func (w *window) takes(s *shown, i int, notes []note) bool {
	a := &s.about[i]
	if a.left || !w.choice.Match(a.facts(notes)) {
		return false
	}
	if w.chosen != nil {
		w.chosen.add(s.first + uint64(i))
	}
	w.shown.packets++
	w.shown.bytes += uint64(a.length)
	w.shown.drops += uint64(a.drops)
	if w.rest > 0 {
		w.rest--
	}
	return true
}
