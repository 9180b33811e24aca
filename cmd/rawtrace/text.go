package main

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"sockwire/cmd/internal/cli"
	"sockwire/raw"
	"sockwire/raw/trace"
)

// milliseconds prints a time as traceroute does.
func milliseconds(d time.Duration) string { return string(appendMilliseconds(nil, d)) }

// appendMilliseconds is milliseconds for what is printed of every answer.
func appendMilliseconds(b []byte, d time.Duration) []byte {
	if d < 0 {
		return appendMilliseconds(append(b, '-'), -d)
	}
	micro := uint64(d+time.Microsecond/2) / 1000
	b = append(strconv.AppendUint(b, micro/1000, 10), '.')
	return append(b, byte('0'+micro/100%10), byte('0'+micro/10%10), byte('0'+micro%10), ' ', 'm', 's')
}

// appendHeader appends the first line of a trace.
func (s *session) appendHeader(b []byte, w *trail) []byte {
	p := s.plan
	b = append(cli.AppendEscaped(append(b, "rawtrace to "...), s.title(w.target)), ", "...)
	b = append(append(append(b, cli.Plural(w.last, "hop")...), " max, "...), strings.ToUpper(p.protocol.name)...)
	if p.protocol.port > 0 {
		b = strconv.AppendUint(append(b, " port "...), uint64(p.protocol.port), 10)
	}
	if s.opt.size > 0 {
		b = append(strconv.AppendUint(append(b, ", "...), uint64(s.opt.size), 10), " byte packets"...)
	}
	return append(b, '\n')
}

// title names a host: by its name and address, if a name was given.
func (s *session) title(t target) string {
	if t.name == "" || s.opt.numeric {
		return t.addr.String()
	}
	return t.name + " (" + t.addr.String() + ")"
}

const (
	lineWidth = 80
	hopIndent = "   " // of what is told of a hop, below its number
	onIndent  = hopIndent + hopIndent
)

// appendHop appends a hop: each address that answers on a line, with the times of its answers, and below it what it
// tells.
func (s *session) appendHop(b []byte, h *hop, shots []shot) []byte {
	silent, failed := 0, 0
	for _, one := range shots {
		switch one.fate {
		case unheard:
			silent++
		case notSent:
			failed++
		}
	}
	begin := len(b)
	if h.ttl < 10 {
		b = append(b, ' ')
	}
	b = append(strconv.AppendInt(b, int64(h.ttl), 10), ' ')
	for i, a := range h.who {
		if i > 0 {
			begin = len(b)
			b = append(b, hopIndent...)
		}
		line := filled{b: s.appendLabel(append(b, ' '), a.from), begin: begin, indent: onIndent}
		for _, one := range shots {
			if one.fate == heard && one.from == a.from {
				line.b = append(appendMilliseconds(append(line.piece(), "  "...), one.rtt), one.mark...)
			}
		}
		line.add(stars(silent))
		silent = 0
		b = s.appendNotes(line.end(), a)
	}
	if len(h.who) == 0 {
		text := strings.TrimPrefix(stars(silent), " ")
		if failed > 0 {
			text = " not sent: " + h.errno.Error()
		}
		b = append(bytes.TrimRight(append(b, text...), " "), '\n')
	}
	return b
}

// stars stand for probes without an answer; many are counted.
func stars(n int) string {
	const most = 6
	switch {
	case n == 0:
		return ""
	case n > most:
		return fmt.Sprintf("  * x%d", n)
	}
	return " " + strings.Repeat(" *", n)
}

// filled is a line at the end of a text that goes on in another one where a piece would make it too long.
type filled struct {
	b      []byte
	begin  int // of the line
	last   int // where its latest piece begins, 0 before the second
	indent string
}

// piece ends the latest piece, and returns the text for the next to be appended to it.
func (f *filled) piece() []byte {
	if f.last > f.begin+len(f.indent) && utf8.RuneCount(f.b[f.begin:]) > lineWidth {
		f.b = slices.Insert(f.b, f.last, '\n')
		f.begin = f.last + 1
		f.b = slices.Insert(f.b, f.begin, []byte(f.indent)...)
	}
	f.last = len(f.b)
	return f.b
}

func (f *filled) add(text string) { f.b = append(f.piece(), text...) }

// end ends the line, and returns the whole text.
func (f *filled) end() []byte { return append(f.piece(), '\n') }

// appendNotes appends what an answer tells beside the time.
func (s *session) appendNotes(b []byte, a *answerer) []byte {
	for _, text := range s.noteTexts(a) {
		b = appendFilled(append(b, hopIndent...), len(hopIndent), " ", text, onIndent)
	}
	return b
}

// appendFilled appends the words of a text to a line that has some bytes already, each behind a blank, the first behind
// lead.
func appendFilled(b []byte, has int, lead, text, indent string) []byte {
	line := filled{b: b, begin: len(b) - has, indent: indent}
	for word := range strings.FieldsSeq(text) {
		line.b = append(append(line.piece(), lead...), word...)
		lead = " "
	}
	return line.end()
}

func (s *session) noteTexts(a *answerer) (texts []string) {
	r := &a.latest
	if r.Kind == trace.Unreachable {
		texts = append(texts, raw.ErrorText(r.Target.Is6(), r.Type, r.Code))
	}
	if r.Kind == trace.Reached && r.From != r.Target.WithZone("") && r.From.WithZone("") != r.Target.WithZone("") {
		texts = append(texts, "answers for "+r.Target.String())
	}
	if r.Kind == trace.Exceeded && r.From == r.Target.WithZone("") {
		texts = append(texts, "a router under the host's address: a NAT translates the destination")
	}
	if n := len(a.changes); n > 0 {
		var list []string
		for _, c := range a.changes {
			list = append(list, cli.Escape(changeText(c.Field, c.Sent, c.Quoted)))
		}
		texts = append(texts, "changed on the way here: "+strings.Join(list, ", "))
	}
	if r.Kind == trace.Exceeded && r.QuotedTTL > 1 {
		texts = append(texts, fmt.Sprintf("got it with TTL %d, not 1", r.QuotedTTL))
	}
	for _, l := range r.Labels {
		texts = append(texts, fmt.Sprintf("MPLS label %d, class %d, TTL %d", l.Label, l.TC, l.TTL))
	}
	for _, i := range r.Interfaces {
		texts = append(texts, interfaceText(i))
	}
	if back := r.Back(); back > 0 && (back != int(r.TTL) || s.opt.verbose) {
		texts = append(texts, fmt.Sprintf("%s back, by a guess from the answer's TTL of %d", cli.Plural(back, "hop"), r.ReplyTTL))
	}
	if r.Loop > 0 {
		texts = append(texts, "the way goes round: a loop of "+cli.Plural(r.Loop, "hop"))
	}
	if r.Unproven {
		texts = append(texts, "this answer shows nothing of the probe: it may be another's")
	}
	if s.opt.verbose {
		texts = append(texts, s.verboseNotes(a)...)
	}
	return texts
}

// changeText says what was changed in the words of the field.
func changeText(field, sent, quoted string) string { return field + " " + sent + " → " + quoted }

func interfaceText(i trace.Interface) string {
	text := i.Role.String() + " interface"
	if i.Role == trace.NextHop {
		text = i.Role.String()
	}
	if i.Name != "" {
		text += " " + cli.Escape(i.Name)
	}
	if i.Index > 0 {
		text += fmt.Sprintf(" index %d", i.Index)
	}
	if i.Addr.IsValid() {
		text += " address " + i.Addr.String()
	}
	if i.MTU > 0 {
		text += fmt.Sprintf(" MTU %d", i.MTU)
	}
	return text
}

// verboseNotes says where the time went, and what is guessed of the way back.
func (s *session) verboseNotes(a *answerer) (texts []string) {
	r := &a.latest
	if r.Source >= raw.TimeKernel {
		texts = append(texts, fmt.Sprintf("queue %s, network %s, receive %s", milliseconds(r.Split.Queue), milliseconds(r.Split.Network), milliseconds(r.Split.Receive)))
	}
	return texts
}

// appendWrapped appends a text as a line, broken between words where it would be longer than one.
func appendWrapped(b []byte, text string) []byte { return appendFilled(b, 0, "", text, "  ") }

// wrapped is appendWrapped for a text of its own, without the end of its last line.
func wrapped(text string) string {
	return string(bytes.TrimSuffix(appendWrapped(nil, text), []byte("\n")))
}
