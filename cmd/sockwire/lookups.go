package main

import (
	"fmt"
	"time"

	"sockwire/capture/trace"
)

// lookups leaves out of a timeline as text what the C library does before it asks for a name: it looks twice for a name
// service cache (nscd), which hardly any machine has. Without this most timelines would begin with it.
type lookups struct {
	decided map[string]bool // by the name of the socket: it is left out
	out     int             // how many are
}

// leaveOut returns the timeline without them. What a socket is for is decided when the first of its calls is to be
// written, and not otherwise afterwards; nothing is left out where the flags ask for something.
func (l *lookups) leaveOut(o *traceOptions, t *trace.Timeline, until time.Duration) *trace.Timeline {
	if len(o.calls)+len(o.kinds)+len(o.sockets) > 0 {
		return t
	}
	if l.decided == nil {
		l.decided = map[string]bool{}
	}
	return t.Only(func(c *trace.CallRecord) bool {
		s := c.On
		if s == nil {
			s = t.Made(c.Number)
		}
		if s == nil || s.Family != trace.FamilyUnix || c.Entered > until {
			return true
		}
		out, ok := l.decided[s.Name]
		if !ok {
			out = s.SoughtCache()
			l.decided[s.Name] = out
			if out {
				l.out++
			}
		}
		return !out
	}, nil)
}

// note says at the end that something was left out.
func (l *lookups) note() string {
	if l.out == 0 {
		return ""
	}
	return fmt.Sprintf("not shown: %d of the C library's sockets, which looked for a name service cache (nscd) and found none; --only unix shows them\n", l.out)
}
