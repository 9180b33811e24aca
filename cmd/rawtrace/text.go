package main

import (
	"fmt"
	"strings"
	"time"

	"sockwire/cmd/internal/cli"
	"sockwire/raw"
	"sockwire/raw/trace"
)

// milliseconds prints a time as traceroute does.
func milliseconds(d time.Duration) string { return fmt.Sprintf("%.3f ms", float64(d)/1e6) }

// header is the first line of a trace.
func (s *session) header(w *trail) string {
	p := s.plan
	text := fmt.Sprintf("rawtrace to %s", cli.Escape(s.title(w.target)))
	text += fmt.Sprintf(", %d hops max, %s", w.last, strings.ToUpper(p.protocol.name))
	if p.protocol.port > 0 {
		text += fmt.Sprintf(" port %d", p.protocol.port)
	}
	if s.opt.size > 0 {
		text += fmt.Sprintf(", %d byte packets", s.opt.size)
	}
	return text
}

// title names a host: by its name and address, if a name was given.
func (s *session) title(t target) string {
	if t.name == "" || s.opt.numeric {
		return t.addr.String()
	}
	return t.name + " (" + t.addr.String() + ")"
}

const lineWidth = 80

// hopLines prints a hop: each address that answers on a line, with the times of its answers, and below it what it tells.
func (s *session) hopLines(h *hop, shots []shot) string {
	var b strings.Builder
	first := fmt.Sprintf("%2d ", h.ttl)
	indent := strings.Repeat(" ", len(first))
	silent, failed := 0, 0
	for _, one := range shots {
		switch one.fate {
		case unheard:
			silent++
		case notSent:
			failed++
		}
	}
	lead := first
	for _, a := range h.who {
		line := newFilled(&b, lead+" "+s.label(a.from), indent+"   ")
		for _, one := range shots {
			if one.fate == heard && one.from == a.from {
				line.add("  " + milliseconds(one.rtt) + one.mark)
			}
		}
		line.add(stars(silent))
		silent = 0
		line.end()
		s.notes(&b, a, indent)
		lead = indent
	}
	if len(h.who) == 0 {
		text := lead + strings.TrimPrefix(stars(silent), " ")
		if failed > 0 {
			text = lead + " not sent: " + h.errno.Error()
		}
		b.WriteString(strings.TrimRight(text, " ") + "\n")
	}
	return b.String()
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

// filled is a line that goes on in another one where it would be too long.
type filled struct {
	b      *strings.Builder
	column int
	indent string
}

func newFilled(b *strings.Builder, text, indent string) *filled {
	b.WriteString(text)
	return &filled{b, len([]rune(text)), indent}
}

func (f *filled) add(text string) {
	if text == "" {
		return
	}
	n := len([]rune(text))
	if f.column+n > lineWidth && f.column > len(f.indent) {
		f.b.WriteString("\n" + f.indent)
		f.column = len(f.indent)
	}
	f.b.WriteString(text)
	f.column += n
}

func (f *filled) end() { f.b.WriteByte('\n') }

// notes prints what an answer tells beside the time.
func (s *session) notes(b *strings.Builder, a *answerer, indent string) {
	for _, text := range s.noteTexts(a) {
		line := newFilled(b, indent, indent+"   ")
		for _, word := range strings.Fields(text) {
			line.add(" " + word)
		}
		line.end()
	}
}

func (s *session) noteTexts(a *answerer) (texts []string) {
	r := &a.latest
	if r.Kind == trace.Unreachable {
		texts = append(texts, raw.ErrorText(r.Target.Is6(), r.Type, r.Code))
	}
	if r.Kind == trace.Reached && r.From != r.Target.WithZone("") && r.From.WithZone("") != r.Target.WithZone("") {
		texts = append(texts, "answers for "+r.Target.String())
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
		texts = append(texts, "the way goes round from here: a loop of "+cli.Plural(r.Loop, "hop"))
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

// wrapped breaks a text between words where it would be longer than a line.
func wrapped(text string) string {
	var b strings.Builder
	line := newFilled(&b, "", "  ")
	for i, word := range strings.Fields(text) {
		if i > 0 {
			word = " " + word
		}
		line.add(word)
	}
	return b.String()
}
