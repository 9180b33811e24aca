package main

import (
	"fmt"

	"sockwire/capture/decode"
	"sockwire/capture/flow"
	"sockwire/capture/flow/message"
	"sockwire/cmd/internal/cli"
)

// follower prints what the sides of the chosen streams say.
type follower struct {
	o             *options
	env           *cli.Env
	matcher       *matcher // of the expression; nil where a number chooses
	streams       numberSet
	conversations flow.Conversations
	datagrams     numberSet
	looking       bool // only for the streams, not for what is said
	transcript    transcript
	raw           speech // the stream whose bytes are written; only with hasRaw
	hasRaw        bool
	others        uint64 // bytes of other streams that were left out
	missing       int64  // bytes that --follow-as raw cannot show
	found         bool   // a stream that was chosen
	parser        message.Parser
}

func newFollower(env *cli.Env, o *options) *follower {
	f := &follower{o: o, env: env, parser: message.Parser{Plain: true}, transcript: transcript{form: o.followAs, side: o.side, color: env.Color}}
	switch w := o.follow; {
	case w.filter != nil:
		f.matcher = &matcher{filter: w.filter, warn: env.Warnf}
	case w.datagram >= 0:
		f.datagrams.add(uint64(w.datagram))
	default:
		f.streams.add(uint64(w.stream))
	}
	return f
}

// chosen takes over the streams that one which looked for them has found.
func (f *follower) chosen(by *follower) {
	f.streams, f.datagrams, f.matcher = by.streams, by.datagrams, nil
}

// watches tells, when a stream begins, whether it may be followed: of others, only their numbers are needed.
func (f *follower) watches(s *flow.Stream) bool {
	return !f.looking && (f.matcher != nil || f.streams.has(s.Number()))
}

// choose learns from a packet, whose stream is s or nil, which streams are followed.
func (f *follower) choose(p *decode.Packet, s *flow.Stream, spoken *flow.Spoken) error {
	if f.matcher == nil || s == nil && spoken == nil {
		return nil
	}
	ok, err := f.matcher.match(&p.Frame)
	switch {
	case err != nil:
		return inFlag("--follow", err)
	case !ok:
	case s != nil:
		f.streams.add(s.Number())
	default:
		f.datagrams.add(spoken.Number)
	}
	return nil
}

// add takes what a packet showed, and adds what is said to b.
func (f *follower) add(b []byte, p *decode.Packet, r *flow.Result) ([]byte, error) {
	var spoken *flow.Spoken
	if r.Stream == nil {
		if v, ok := f.conversations.Add(p); ok {
			spoken = &v
		}
	}
	if err := f.choose(p, r.Stream, spoken); err != nil || f.looking {
		return b, err
	}
	if spoken != nil && f.datagrams.has(spoken.Number) {
		b = f.datagram(b, spoken)
	}
	return f.chunks(b, r), nil
}

func (f *follower) datagram(b []byte, s *flow.Spoken) []byte {
	k := talk{speech: speech{datagrams: true, number: s.Number, direction: s.Direction}, client: s.Client, server: s.Server, packet: s.Packet, offset: -1}
	if !f.alone(&k, s.Length) {
		return b
	}
	b = f.transcript.say(b, &k, s.Data)
	if cut := s.Length - len(s.Data); cut > 0 {
		b = f.lacks(b, &k, int64(cut), "cut by the capture")
	}
	return b
}

// chunks adds the bytes of streams that are followed.
func (f *follower) chunks(b []byte, r *flow.Result) []byte {
	f.o.secrets(&f.parser)
	for i := range r.Chunks {
		c := &r.Chunks[i]
		if !f.streams.has(c.Stream.Number()) {
			continue
		}
		k := talk{
			speech: speech{number: c.Stream.Number(), direction: c.Direction}, client: c.Stream.Source(flow.Forward), server: c.Stream.Source(flow.Backward),
			packet: c.Packet, offset: c.Offset,
		}
		opened, isTLS := f.open(c)
		if !f.alone(&k, len(c.Data)) {
			continue
		}
		if isTLS {
			b = f.inside(b, &k, opened)
			c.Data = nil
		}
		switch {
		case c.Gap > 0 && c.Cut:
			b = f.lacks(b, &k, c.Gap, "cut by the capture")
		case c.Gap > 0:
			b = f.lacks(b, &k, c.Gap, "not in the capture")
		}
		b = f.transcript.say(b, &k, c.Data)
	}
	for _, s := range r.Ended {
		f.parser.End(s)
	}
	return b
}

// open looks for TLS, where there are secrets of it.
func (f *follower) open(c *flow.Chunk) (list []message.Message, isTLS bool) {
	if f.parser.Secrets == nil {
		return nil, false
	}
	list = f.parser.Add(c)
	return list, f.parser.Protocol(c.Stream) == decode.TypeTLS
}

// inside adds what is said inside of TLS, and what of it is not opened.
func (f *follower) inside(b []byte, k *talk, list []message.Message) []byte {
	t := *k
	for i := range list {
		switch m := &list[i]; {
		case m.Part == message.Plain:
			t.packet, t.offset, t.decrypted = m.Last, m.Offset, true
			b = f.transcript.say(b, &t, m.Data)
		case m.Sealed:
			t.packet, t.offset, t.decrypted = m.Last, m.Offset, false
			why := "not decrypted"
			if m.Why != "" {
				why += ": " + m.Why
			}
			b = f.lacks(b, &t, m.Length, why)
		}
	}
	return b
}

// alone tells whether a talk is written: raw bytes are those of the first stream only.
func (f *follower) alone(k *talk, n int) bool {
	f.found = true
	if f.o.followAs != "raw" {
		return true
	}
	one := speech{datagrams: k.datagrams, number: k.number}
	if !f.hasRaw {
		f.raw, f.hasRaw = one, true
	}
	if f.raw != one {
		f.others += uint64(n)
	}
	return f.raw == one
}

func (f *follower) lacks(b []byte, k *talk, n int64, why string) []byte {
	if f.transcript.wants(k.direction) {
		f.missing += n
	}
	return f.transcript.gap(b, k, n, why)
}

// end warns of what the output cannot say. The error says that there was nothing to follow.
func (f *follower) end(reading bool) error {
	if f.o.followAs == "raw" {
		if f.missing > 0 {
			f.env.Warnf("%s missing in what is written", cli.Plural(uint64(f.missing), "byte"))
		}
		if f.others > 0 {
			f.env.Warnf("more than one stream fits --follow: %s of others left out; --streams lists them", cli.Plural(f.others, "byte"))
		}
	}
	if !f.found && reading {
		return fmt.Errorf("nothing is said in a stream that fits --follow %s; --streams lists them: %w", f.o.followText, cli.ErrNo)
	}
	return nil
}
