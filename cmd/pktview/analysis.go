package main

import (
	"slices"
	"strings"

	"sockwire/capture/decode"
	"sockwire/capture/flow"
	"sockwire/capture/report/traffic"
	"sockwire/capture/where"
	"sockwire/cmd/internal/cli"
)

// analysis sees the packets in their order and says what was found: which streams they belong to, and what became of
// them.
type analysis struct {
	env     *cli.Env
	o       *options
	tracker *flow.Tracker
	census  *census // nil where nothing asks for it
	now     []note  // about one packet
	corrupt uint64  // packets with wrong checksums

	follower *follower          // nil without --follow
	extract  *extractor         // nil without --extract
	traffic  *traffic.Collector // nil without --report
	messages *messages          // nil with --reassemble=false, and where no packets are shown

	fragments *flow.Defragmenter // nil with --defragment=false
	decoder   decode.Decoder     // of datagrams that were put together
	own       flow.Segment       // of a packet that was not read ahead
	at        *decode.Packet     // that is added
	history   *decode.History
	whole     decode.Packet
	replaces  bool // a datagram that is whole is shown in place of its last fragment

	wholes, knownWholes int // datagrams that were put together, and those of them that --where has seen
}

// newAnalysis returns the analysis that o asks for, or of it only what chooses packets or streams.
func newAnalysis(env *cli.Env, o *options, history *decode.History, choosing bool) *analysis {
	shows := o.reassemble && o.prints() && o.fields == "" && !choosing
	over := shows || o.joinsMessages()
	a := &analysis{env: env, o: o, decoder: o.newDecoder()}
	config := &flow.Config{Reassemble: over || !choosing && (o.follow != nil || o.extract != "")}
	if config.Reassemble {
		config.Only = a.wants
	}
	if over {
		a.messages = newMessages(o, newRenderer(o, env, nil), shows)
	}
	if o.defragment && !o.why { // --why is about packets as they were captured
		a.fragments = new(flow.Defragmenter)
		a.replaces = !o.countsOnly()
	}
	a.history = history
	history.Followed = true
	if o.follow != nil {
		a.follower = newFollower(env, o)
		a.follower.looking = choosing
		config.Watch = a.follower.watches
	}
	a.traffic = newTraffic(o)
	if o.streams || o.parts["tcp"] {
		a.census = newCensus(o)
	}
	a.tracker = flow.NewTracker(config)
	return a
}

// open opens what is written to.
func (a *analysis) open(o *options) (err error) {
	if o.extract != "" {
		a.extract, err = newExtractor(a.env, o)
	}
	return err
}

// read reads ahead what add needs of a packet. Any goroutine may, also while another adds.
func (a *analysis) read(p *decode.Packet, seg *flow.Segment) { a.tracker.Read(p, seg) }

// add takes the packet that follows those of s, of which seg was read, and notes in s what was found.
func (a *analysis) add(p *decode.Packet, seg *flow.Segment, s *shown) (err error) {
	number, as := p.Number, p
	if seg.Fragment() && a.fragments != nil {
		p = a.defragment(p, s)
		seg = &a.own
		a.tracker.Read(p, seg)
	}
	a.at = p
	r := a.tracker.AddSegment(seg, number)
	if !a.o.countsOnly() {
		a.relate(p, r)
		stream := int32(-1)
		if r.Stream != nil {
			stream = int32(r.Stream.Number())
		}
		s.about = append(s.about, about{stream: stream, length: uint32(p.Frame.Length), drops: uint32(min(p.Frame.Drops, 1<<32-1))})
	}
	if a.traffic != nil {
		a.traffic.Add(as, seg, r)
	}
	a.note(r, s)
	if a.messages != nil {
		a.messages.add(p, r, s)
	}
	if a.follower != nil {
		s.out, err = a.follower.add(s.out, p, r)
	}
	if a.extract != nil {
		s.out, err = a.extract.add(s.out, r)
	}
	return err
}

// bulk is how long a first segment is at least that no message starts with, in a stream that is not about messages at
// all: those that turn to TLS later begin with a few words.
const bulk = 512

// wants tells, when the first data of a direction comes, whether its bytes are asked for.
func (a *analysis) wants(s *flow.Stream) bool {
	if a.follower != nil {
		return a.follower.matcher != nil || a.follower.streams.has(s.Number())
	}
	if !s.Complete() {
		return true // messages may start anywhere
	}
	i := a.at.FindInner(decode.TypeTCP)
	if i < 0 {
		return true
	}
	h, data := a.at.TCP(i), a.at.Payload(i)
	return len(data) < bulk || a.decoder.StreamApplication(h.SourcePort(), h.DestinationPort(), data) != decode.TypePayload
}

// relate finds what the sequence numbers of a packet are relative to.
func (a *analysis) relate(p *decode.Packet, r *flow.Result) {
	if !a.history.Followed {
		return
	}
	if r.Stream == nil {
		a.history.Again(p)
		return
	}
	seq, _ := r.Stream.Relative(r.Direction)
	ack, ok := r.Stream.Relative(r.Direction.Other())
	if !ok {
		if i := p.FindInner(decode.TypeTCP); i >= 0 {
			ack = p.TCP(i).Acknowledgment() - 1
		}
	}
	p.Relate(seq, ack)
}

// defragment returns p, or the datagram that it completes, which is then shown in its place.
func (a *analysis) defragment(p *decode.Packet, s *shown) *decode.Packet {
	number, shown := p.Number, p
	for {
		g := a.fragments.Add(p)
		if g == nil || g.Fate != flow.FragmentWhole {
			return p
		}
		n := note{packet: number, stream: -1, of: slices.Clone(g.Packets), differ: len(g.Differ) > 0}
		for _, part := range g.Packets {
			if part != number {
				s.found = append(s.found, note{packet: part, stream: -1, in: number})
			}
		}
		s.found = append(s.found, n)
		to := &a.whole
		if a.replaces {
			to = shown
		} else {
			*to = *p
		}
		_ = a.decoder.Decode(g.Frame.Clone(), to) // what is wrong is in the packet
		a.history.Again(to)
		a.wholes++
		p = to
	}
}

// chooses adds the packet, alone in s, and tells whether --flow takes it by what is known now. Whether --where takes it
// stands in fits, which is what the packet alone gave, and becomes what it gives whole and with messages.
func (a *analysis) chooses(p *decode.Packet, s *shown, chooser *where.Matcher, fits *bool) (bool, error) {
	s.empty()
	s.first, s.n = p.Number, 1
	a.read(p, &a.own)
	a.watch(chooser)
	if err := a.add(p, &a.own, s); err != nil {
		return false, err
	}
	*fits = a.fits(p, chooser, *fits)
	if a.o.choice == nil {
		return true, nil
	}
	a.now = a.now[:0]
	for _, n := range s.found {
		if n.packet == p.Number {
			a.now = append(a.now, n)
		}
	}
	return a.o.choice.Match(s.about[0].facts(a.now)), nil
}

// watch makes what decides by --where look at the messages that are complete with the packet that is added next.
func (a *analysis) watch(chooser *where.Matcher) {
	if a.messages != nil {
		a.messages.chooser, a.messages.seen, a.messages.fit = chooser, false, false
	}
}

// fits tells whether --where takes the packet p that was added last: where messages are complete with it that do not lie
// in it alone, whether it does together with one of them. alone is what the packet gave as it was captured.
func (a *analysis) fits(p *decode.Packet, chooser *where.Matcher, alone bool) bool {
	switch {
	case chooser == nil:
		return alone
	case a.messages != nil && a.messages.fit:
		return true
	case a.messages != nil && a.messages.seen:
		return a.messages.both && alone
	case a.wholes > a.knownWholes: // it completed a datagram that came in fragments
		a.knownWholes = a.wholes
		return chooser.Match(a.at)
	}
	return alone
}

// note keeps what was found beyond the call that found it.
func (a *analysis) note(r *flow.Result, s *shown) {
	for i := range r.Verdicts {
		if r.Verdicts[i].Kind == flow.Corrupt {
			a.corrupt++
		}
		if !a.o.countsOnly() && (a.o.marks || a.o.choice != nil || a.o.hasVerdict) {
			s.found = append(s.found, newNote(&r.Verdicts[i]))
		}
	}
	if a.census != nil {
		a.census.addAll(r.Ended)
	}
}

// finish is the end of the capture.
func (a *analysis) finish(s *shown) (err error) {
	r := a.tracker.Finish()
	if a.traffic != nil {
		a.traffic.End(&r)
	}
	a.note(&r, s)
	if a.extract != nil {
		if s.out, err = a.extract.add(s.out, &r); err == nil {
			s.out, err = a.extract.finish(s.out)
		}
	}
	if a.fragments != nil {
		a.fragments.Close()
	}
	if a.follower != nil {
		s.out = a.follower.transcript.finish(a.follower.chunks(s.out, &r))
	}
	if a.messages != nil {
		a.messages.add(nil, &r, s)
	}
	return err
}

// warn says what is left out of what is shown of streams.
func (a *analysis) warn(env *cli.Env) {
	if l := a.tracker.Lost(); l.Streams+l.Records+l.Holes > 0 && !a.o.quiet {
		env.Warnf("given up to stay within bounds: %s that had not ended, %s of segments, %s that were waited for", cli.Plural(l.Streams, "stream"),
			cli.Plural(l.Records, "record"), cli.Plural(l.Holes, "gap"))
	}
	if a.corrupt > 0 && a.o.countsOnly() && !a.o.quiet {
		env.Warnf("%s with a wrong checksum left out; -K takes them as they are", cli.Plural(a.corrupt, "packet"))
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
