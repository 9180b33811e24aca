package main

import (
	"fmt"
	"net/netip"
	"sync"
	"time"

	"sockwire/cmd/internal/cli"
	"sockwire/raw/trace"
)

// session is one run of the command: it takes the replies as they come and prints what the flags ask for.
type session struct {
	opt     *options
	plan    *plan
	env     *cli.Env
	places  *places
	names   *names
	metrics *metrics
	start   time.Time

	mu        sync.Mutex // guards all below: the status line and the live table read it on goroutines of their own
	trails    []*trail   // in the order given
	byAddr    map[netip.Addr]*trail
	front     int // trail whose lines are printed
	next      int // TTL of it that is printed next
	begun     bool
	flushed   time.Time
	text      []byte // what is printed, while it is made
	probes    uint64
	got       uint64
	rounds    *trace.Rounds // of --watch
	told      int           // rounds of it that were told
	aside     *aside        // what it finds besides
	order     ordered
	asked     bool // --decide has asked on
	pool      hopPool
	lastBurst int // round after which it ends
}

// aside is what --watch finds now and then beside its rounds: the MTU on sockets of its own, and both ways with --far.
type aside struct {
	session *session
	open    *trace.Session // nil where no MTU is asked for
	due     chan struct{}
	next    int // round from which on it is due again
}

func newSession(o *options, p *plan, env *cli.Env, targets []target) *session {
	s := &session{opt: o, plan: p, env: env, start: time.Now(),
		byAddr: make(map[netip.Addr]*trail, len(targets)), trails: make([]*trail, 0, len(targets))}
	for _, t := range targets {
		if s.byAddr[t.addr] == nil { // a host that is given twice is traced once
			w := newTrail(t, o.first, o.last, o.probes)
			w.explain = o.json || o.verbose || o.watch
			w.once = !o.watch
			w.pool = &s.pool
			s.trails = append(s.trails, w)
			s.byAddr[t.addr] = w
		}
	}
	return s
}

// addrs are the addresses to trace.
func (s *session) addrs(yield func(netip.Addr) bool) {
	for _, w := range s.trails {
		if !yield(w.addr) {
			return
		}
	}
}

// status is the line for SIGQUIT and for the progress display.
func (s *session) status() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	reached := 0
	for _, w := range s.trails {
		if w.reached() {
			reached++
		}
	}
	return fmt.Sprintf("%d probes ended, %d answered; %d of %s reached; %v", s.probes, s.got, reached, cli.Plural(len(s.trails), "host"),
		time.Since(s.start).Round(time.Second))
}

// count takes in a reply.
func (s *session) count(w *trail, r *trace.Reply) {
	if w.said == nil {
		w.take(r)
	}
	s.order.take(w, r)
	if r.Size == 0 && s.metrics != nil {
		s.metrics.probe(w.target.label(), r)
	}
	if !r.Duplicate && !r.Revised {
		s.probes++
	}
	if answered(r) {
		s.got++
	}
}

// label prints an address with its name and place, where these are known.
func (s *session) label(a netip.Addr) string { return string(s.appendLabel(nil, a)) }

func (s *session) appendLabel(b []byte, a netip.Addr) []byte {
	name, _ := s.names.get(a)
	if name == "" && !s.opt.numeric {
		if w := s.byAddr[a]; w != nil {
			name = w.name
		}
	}
	if name == "" {
		b = a.AppendTo(b)
	} else {
		b = append(a.AppendTo(append(cli.AppendEscaped(b, name), " ("...)), ')')
	}
	if at := s.places.of(a).String(); at != "" {
		b = append(append(append(b, " ["...), at...), ']')
	}
	return b
}
