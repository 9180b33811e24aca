package main

import (
	"strings"

	"sockwire/capture/decode"
	"sockwire/capture/flow"
	"sockwire/cmd/internal/cli"
)

// analysis sees the packets in their order and says what was found: which streams they belong to, and what became of them.
type analysis struct {
	o       *options
	tracker *flow.Tracker
	census  *census // nil where nothing asks for it
	now     []note  // about one packet

	follower *follower // nil without --follow
}

// newAnalysis returns the analysis that o asks for, or of it only what chooses packets or streams.
func newAnalysis(env *cli.Env, o *options, choosing bool) *analysis {
	a := &analysis{o: o, tracker: flow.NewTracker(&flow.Config{Reassemble: !choosing && o.follow != nil})}
	if o.follow != nil {
		a.follower = newFollower(env, o)
		a.follower.looking = choosing
	}
	if o.streams || o.parts["tcp"] {
		a.census = newCensus(o)
	}
	return a
}

// add takes the packet that follows those of s, and notes in s what was found.
func (a *analysis) add(p *decode.Packet, s *shown) (err error) {
	r := a.tracker.Add(p)
	stream := int32(-1)
	if r.Stream != nil {
		stream = int32(r.Stream.Number())
	}
	s.about = append(s.about, about{stream: stream, length: uint32(p.Frame.Length), drops: uint32(min(p.Frame.Drops, 1<<32-1))})
	a.note(&r, s)
	if a.follower != nil {
		s.out, err = a.follower.add(s.out, p, &r)
	}
	return err
}

// chooses adds the packet, alone in s, and tells whether --flow takes it by what is known now.
func (a *analysis) chooses(p *decode.Packet, s *shown) (bool, error) {
	s.empty()
	s.first, s.n = p.Number, 1
	if err := a.add(p, s); err != nil || a.o.choice == nil {
		return err == nil, err
	}
	a.now = a.now[:0]
	for _, n := range s.found {
		if n.packet == p.Number {
			a.now = append(a.now, n)
		}
	}
	return a.o.choice.Match(s.about[0].facts(a.now)), nil
}

// note keeps what was found beyond the call that found it.
func (a *analysis) note(r *flow.Result, s *shown) {
	for i := range r.Verdicts {
		if !a.o.countsOnly() {
			s.found = append(s.found, newNote(&r.Verdicts[i]))
		}
	}
	if a.census != nil {
		for _, stream := range r.Ended {
			a.census.add(stream)
		}
	}
}

// finish is the end of the capture.
func (a *analysis) finish(s *shown) {
	r := a.tracker.Finish()
	a.note(&r, s)
	if a.follower != nil {
		s.out = a.follower.transcript.finish(a.follower.chunks(s.out, r.Chunks))
	}
}

// table is what --streams would print now.
func (a *analysis) table() string {
	now := census{ranking: a.census.ranking.Clone()}
	for s := range a.tracker.Streams() {
		now.ranking.Add(s)
	}
	var text strings.Builder
	out := cli.NewOutput(&text).InLocale()
	printStreams(out, a.o, &now)
	out.Flush()
	return text.String()
}
