package main

import (
	"math"
	"strconv"

	"sockwire/capture/decode"
	"sockwire/capture/decode/app"
	"sockwire/capture/flow"
	"sockwire/capture/flow/message"
	"sockwire/capture/where"
	"sockwire/cmd/internal/cli"
)

// messages shows those that lie in several packets, at the one that completes them.
type messages struct {
	o      *options
	parser message.Parser
	render *renderer
	packet decode.Packet
	shows  bool // and do not only choose

	chooser *where.Matcher // of the packet that is added; nil without --where
	seen    bool           // there was a message that the packet does not show itself
	fit     bool           // and the packet fits with one
	both    bool           // there were others that it shows
}

func newMessages(o *options, r *renderer, shows bool) *messages {
	r.printer.Time, r.printer.Number, r.printer.Names = decode.TimeNone, false, nil
	return &messages{o: o, render: r, shows: shows}
}

// add takes what a packet, or the end of the capture, brought to its stream, and notes the messages that are complete
// with it.
func (m *messages) add(p *decode.Packet, r *flow.Result, s *shown) {
	m.both = false
	m.o.secrets(&m.parser)
	for i := range r.Chunks {
		c := &r.Chunks[i]
		start := c.Offset
		list := m.parser.Add(c)
		// What the packet's own line shows are messages from the start of its payload on: of TLS all, of DNS so many,
		// of HTTP the first.
		shows := p != nil && len(list) > 0 && list[0].Offset == start && c.Packet == p.Number && p.FindInner(list[0].Protocol) >= 0
		for k := range list {
			v := &list[k]
			own := shows && !v.Decrypted && v.Why == "" && v.PacketCount == 1 && k < shownInLine(p, v.Protocol)
			number := v.Last
			if p != nil {
				number = p.Number
			}
			if m.shows {
				m.note(number, v, own, s)
			}
			if p != nil && m.chooser != nil {
				m.choose(p, v, own)
			}
		}
	}
	for _, stream := range r.Ended {
		for _, v := range m.parser.End(stream) {
			if m.shows {
				m.note(v.Last, &v, false, s)
			}
		}
	}
}

// shownInLine is how many messages of a type the line of a packet shows: one for each layer, or as many as package app
// finds in one.
func shownInLine(p *decode.Packet, t decode.Type) (n int) {
	switch t {
	case decode.TypeTLS:
		return math.MaxInt
	case decode.TypeDNS:
		return app.DNSMessages
	}
	for _, l := range p.Layers() {
		if l.Type == t {
			n++
		}
	}
	return n
}

// choose tells --where of a message that is complete with the packet p. own tells that the packet has it as a layer.
func (m *messages) choose(p *decode.Packet, v *message.Message, own bool) {
	switch {
	case v.Part == message.Body || v.Part == message.Ends:
	case own:
		m.both = true
	default:
		v.Packet(&m.packet)
		m.seen = true
		m.fit = m.fit || m.chooser.Match(p, &m.packet)
	}
}

// note notes a message. own tells that the packet's line shows it without.
func (m *messages) note(number uint64, v *message.Message, own bool, s *shown) {
	if v.Part == message.Body {
		return
	}
	for _, part := range v.Packets {
		if part != number {
			s.found = append(s.found, note{packet: part, stream: -1, part: v.Protocol, in: number})
		}
	}
	switch {
	case v.Part == message.Ends && v.PacketCount > 1:
		n := note{packet: number, stream: -1, part: v.Protocol}
		n.text = m.ending(v)
		s.found = append(s.found, n)
	case v.Part != message.Ends && !own:
		v.Packet(&m.packet)
		m.packet.Number = number
		n := note{packet: number, stream: -1, part: v.Protocol}
		if m.o.json {
			n.text = m.record(v)
		} else {
			n.text = m.line(v, number)
			if m.o.verbose > 0 {
				n.below = appendNumbers([]byte("Message in "), v.Packets, v.PacketCount)
				n.below = m.render.printer.AppendTree(append(n.below, ", its own bytes from 0 on\n"...), &m.packet)
			}
		}
		s.found = append(s.found, n)
	}
}

// line is the message on the line of the packet.
func (m *messages) line(v *message.Message, number uint64) []byte {
	b := []byte(": ")
	if v.Decrypted {
		b = append(b, "decrypted "...)
	}
	b = m.render.printer.AppendLine(b, &m.packet)
	if v.Why != "" {
		b = append(append(append(b, " [not decrypted: "...), v.Why...), ']')
	}
	if v.PacketCount > 1 || v.First != number {
		b = appendNumbers(append(b, " [from "...), v.Packets, v.PacketCount)
		b = append(b, ']')
	}
	return b
}

// ending is what is said where a message ends that began before.
func (m *messages) ending(v *message.Message) []byte {
	if m.o.json {
		b := append([]byte(`{"layer":"`), v.Protocol.String()...)
		return append(m.numbers(append(b, `","part":"ends"`...), v), '}')
	}
	b := []byte(" [")
	if v.Decrypted {
		b = append(b, "decrypted "...)
	}
	b = append(b, v.Protocol.Title()...)
	b = strconv.AppendUint(append(b, " from #"...), v.First, 10)
	b = append(b, " ends: "...)
	b = append(b, cli.Plural(uint64(v.Length), "byte")...)
	if v.Missing > 0 {
		b = strconv.AppendInt(append(b, ", "...), v.Missing, 10)
		b = append(b, " of them missing"...)
	}
	return append(b, ']')
}

// record is the message in JSON: its layer, and where it is from.
func (m *messages) record(v *message.Message) []byte {
	b := m.render.printer.AppendJSONLayer(nil, &m.packet, 0)
	b = b[:len(b)-1]
	if v.Part == message.Begins {
		b = append(b, `,"part":"begins"`...)
	}
	return append(m.numbers(b, v), '}')
}

func (m *messages) numbers(b []byte, v *message.Message) []byte {
	b = strconv.AppendInt(append(b, `,"stream_offset":`...), v.Offset, 10)
	b = strconv.AppendInt(append(b, `,"message_length":`...), v.Length, 10)
	if v.Decrypted {
		b = append(b, `,"decrypted":true`...)
	}
	if v.Why != "" {
		b = append(append(append(b, `,"not_decrypted":"`...), v.Why...), '"')
	}
	if v.Missing > 0 {
		b = strconv.AppendInt(append(b, `,"missing":`...), v.Missing, 10)
	}
	b = append(b, `,"packets":[`...)
	for i, n := range v.Packets {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendUint(b, n, 10)
	}
	return strconv.AppendInt(append(b, `],"packet_count":`...), int64(v.PacketCount), 10)
}
