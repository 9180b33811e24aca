package main

import (
	"fmt"
	"strings"
	"time"

	"sockwire/cmd/internal/cli"
	"sockwire/raw"
	"sockwire/raw/probe"
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
func (s *session) hopLines(h *hop) string {
	var b strings.Builder
	first := fmt.Sprintf("%2d ", h.ttl)
	indent := strings.Repeat(" ", len(first))
	var silent, failed int
	for i := range h.replies {
		switch r := &h.replies[i]; {
		case r.Cause == probe.SendFailed:
			failed++
		case !answered(r) && r.Outcome != probe.Pending:
			silent++
		}
	}
	stars := ""
	if silent > 0 {
		stars = " " + strings.Repeat(" *", silent)
	}
	lead := first
	for _, a := range h.who {
		line := newFilled(&b, lead+" "+s.label(a.from), indent+"   ")
		for i := range h.replies {
			if r := &h.replies[i]; answered(r) && r.From == a.from {
				line.add("  " + milliseconds(r.RTT) + mark(r))
			}
		}
		for range min(silent, 1) {
			for _, star := range strings.SplitAfter(stars, "*") {
				line.add(star)
			}
			silent = 0
		}
		line.end()
		s.notes(&b, a, indent)
		lead = indent
	}
	if len(h.who) == 0 {
		text := lead + strings.TrimPrefix(stars, " ")
		if failed > 0 {
			text = lead + " not sent: " + h.last.Errno.Error()
		}
		b.WriteString(strings.TrimRight(text, " ") + "\n")
	}
	return b.String()
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

// mark is what traceroute writes behind a time when the answer is not the usual one.
func mark(r *trace.Reply) string {
	text := ""
	switch six := r.Target.Is6(); {
	case r.Outcome == probe.Late:
		text = " late"
	case r.Kind == trace.Unreachable && r.ICMP && six:
		text = map[uint8]string{0: " !N", 1: " !X", 2: " !S", 3: " !H", 4: " !p", 5: " !X", 6: " !R"}[r.Code]
	case r.Kind == trace.Unreachable && r.ICMP:
		text = map[uint8]string{0: " !N", 1: " !H", 2: " !P", 3: " !p", 5: " !S", 6: " !U", 7: " !W", 8: " !I", 9: " !A", 10: " !Z", 11: " !Q", 12: " !T", 13: " !X", 14: " !V", 15: " !C"}[r.Code]
	case r.Kind == trace.TooBig:
		return fmt.Sprintf(" !F-%d", r.MTU)
	}
	if text == "" && r.Kind == trace.Unreachable {
		return fmt.Sprintf(" !<%d-%d>", r.Type, r.Code)
	}
	return text
}

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
