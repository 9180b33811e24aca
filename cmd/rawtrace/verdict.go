package main

import (
	"fmt"
	"strings"

	"sockwire/cmd/internal/cli"
	"sockwire/raw"
)

// conclusion is what was found of the way to a host, in a sentence.
type conclusion struct {
	text string
	bad  bool // not reached, or real loss
}

// judge says what was found.
func (s *session) judge(w *trail) conclusion {
	var parts []string
	c := conclusion{}
	switch {
	case w.reached():
		h := w.hop(w.distance)
		parts = append(parts, fmt.Sprintf("reached in %s", cli.Plural(w.distance, "hop")))
		if h.rtt.Count() > 0 {
			parts[0] += ", " + milliseconds(h.rtt.Mean())
		}
	case w.refused != nil:
		c.bad = true
		parts = append(parts, fmt.Sprintf("not reached: %s says at hop %d: %s", w.refused.From, w.end, refusal(w)))
	default:
		c.bad = true
		shown := w.shown()
		if errno := w.notSent(); errno != 0 {
			parts = append(parts, "not reached: no probe could be sent: "+errno.Error())
		} else if len(shown) == 0 {
			parts = append(parts, "not reached: nobody answers")
		} else {
			last := shown[len(shown)-1]
			parts = append(parts, fmt.Sprintf("not reached: nobody answers behind hop %d, %v", last.ttl, last.who[0].from))
		}
	}
	c.text = strings.Join(parts, "; ")
	return c
}

// refusal is why a router says that it goes no further.
func refusal(w *trail) string { return raw.ErrorText(w.addr.Is6(), w.refused.Type, w.refused.Code) }
