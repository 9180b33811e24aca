package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"sockwire/cmd/internal/cli"
	"sockwire/dgram"
	"sockwire/dgram/perf"
	"sockwire/raw/path"
	"sockwire/raw/probe"
	"sockwire/raw/trace"
	"sockwire/raw/wire"
)

// far is what a dgperf server at the far end tells: how much is lost on the way there and on the way back, and who is
// on the way back. From outside, a trace alone cannot tell one way from the other.
type far struct {
	there, back perf.Direction
	err         error // the server did not answer

	way    *trail // back, from the far end on; nil where it is not known
	wayErr error  // why its hops are not known
	short  uint64 // messages of routers there that quote too little
	ways   path.Ways
}

const (
	farRate = 500.0 // datagrams a second, each way
	farTime = 4 * time.Second
	farSize = 100 // bytes

	farAtOnce = 8                // hosts
	farLong   = 20 * time.Second // for the hops of a way back, unless --decide says how long
	farGap    = 30 * time.Millisecond
	farRatio  = 5     // as many times more seldom hops are asked where something is lost
	farPace   = 250.0 // datagrams a second for hops
)

// defaultFar is the port of dgperf serve.
const defaultFar = "7207"

// askFar exchanges datagrams with the server at each host.
func (s *session) askFar(ctx context.Context) {
	if s.opt.far == "" {
		return
	}
	if s.rounds == nil {
		defer s.env.Progress(func() string { return "measuring both ways with dgperf serve" })()
	}
	var group sync.WaitGroup
	room := make(chan struct{}, farAtOnce)
	s.mu.Lock()
	trails := slices.Clone(s.trails) // --watch may make them anew
	s.mu.Unlock()
	for _, w := range trails {
		group.Go(func() {
			room <- struct{}{}
			defer func() { <-room }()
			if ctx.Err() != nil {
				return // the run was ended meanwhile: what is known is told
			}
			f := s.bothWays(ctx, w, s.wayThere(w))
			s.mu.Lock()
			defer s.mu.Unlock()
			if now := s.byAddr[w.addr]; f.err == nil || ctx.Err() == nil {
				now.far = f
			}
		})
	}
	group.Wait()
}

// bothWays asks the server at one host, on the way to which these addresses answer.
func (s *session) bothWays(ctx context.Context, w *trail, there []netip.Addr) *far {
	f := s.measureFar(ctx, w)
	if f.err == nil {
		s.listBack(ctx, w, f, there)
	}
	return f
}

// farConfig is how the server at a host is asked.
func (s *session) farConfig(w *trail) perf.Config {
	socket := &dgram.Config{Interface: s.opt.device}
	return perf.Config{Target: net.JoinHostPort(w.addr.String(), s.opt.far), Socket: socket, Timeout: s.opt.wait}
}

func (s *session) measureFar(ctx context.Context, w *trail) *far {
	load := &perf.Load{Rate: farRate, Duration: farTime, Sizes: []int{farSize}, NoOffload: true}
	cfg := s.farConfig(w)
	cfg.Up, cfg.Down = load, load
	result, err := perf.Run(ctx, cfg)
	switch {
	case err != nil:
		return &far{err: err}
	case len(result.Flows) == 0 || result.Flows[0].Up == nil || result.Flows[0].Down == nil:
		return &far{err: perf.ErrServerGone}
	case result.Flows[0].Failed != nil:
		return &far{err: result.Flows[0].Failed}
	}
	return &far{there: *result.Flows[0].Up, back: *result.Flows[0].Down}
}

// listBack has the server find the hops of the way back, and whether their loss is real.
func (s *session) listBack(ctx context.Context, w *trail, f *far, there []netip.Addr) {
	open, err := perf.OpenWayBack(ctx, s.farConfig(w))
	if err != nil {
		f.wayErr = err
		return
	}
	defer open.Close()
	long, rounds := farLong, 400
	if s.opt.decide > 0 {
		long, rounds = s.opt.decide, mostRounds
	}
	inTime, cancel := context.WithTimeout(ctx, long)
	defer cancel()
	own := open.LocalAddr().IP.Addr().WithZone("")
	back := newTrail(target{addr: own}, 1, 255, 1)
	prober := &backProber{open: open, trail: back, own: own}
	q := path.Inquiry{MaxRounds: rounds, Gap: farGap, Judge: path.Judge{Confidence: s.plan.confidence, Ratio: farRatio}}
	q.Gap = max(q.Gap, time.Duration(float64(max(len(there), 1))/farPace*1e9))
	_, verdicts, err := q.Run(inTime, prober)
	if err != nil && inTime.Err() == nil {
		f.wayErr = err
		return
	}
	back.verdicts, back.final, back.explain = verdicts, true, true
	f.way, f.short = back, open.Short()
	if len(there) > 0 && back.reached() {
		f.ways = path.CompareWays(there, back.addresses())
	}
}

// wayThere is who answers on the way to a host, nobody where that is not known to its end.
func (s *session) wayThere(w *trail) []netip.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w = s.byAddr[w.addr]; !w.reached() {
		return nil
	}
	return w.addresses()
}

// addresses are who answered at each TTL up to the end.
func (w *trail) addresses() (list []netip.Addr) {
	for _, h := range w.upTo(w.distance) {
		list = append(list, h.heard.WithZone(""))
	}
	return list
}

// backProber asks the hops of a way back for the strategies of package path, and keeps what it hears.
type backProber struct {
	open *perf.WayBack
	own  netip.Addr

	mu    sync.Mutex
	n     uint64
	trail *trail
}

// Probe implements [path.Prober].
func (p *backProber) Probe(ctx context.Context, probes []path.Probe) iter.Seq2[path.Answer, error] {
	ttls := make([]int, len(probes))
	for i := range probes {
		ttls[i] = probes[i].TTL
	}
	return func(yield func(path.Answer, error) bool) {
		for hop, err := range p.open.Probe(ctx, ttls) {
			if err != nil {
				yield(path.Answer{}, err)
				return
			}
			r := p.take(&hop)
			a := path.Answer{Probe: path.Probe{TTL: hop.TTL}, Kind: kinds[r.Kind], From: r.From}
			a.Sent, a.RTT, a.ReplyTTL = hop.Sent, hop.RTT, hop.ReplyTTL
			if !yield(a, nil) {
				return
			}
		}
	}
}

// take takes in a hop as a trace does a reply.
func (p *backProber) take(hop *perf.BackHop) *trace.Reply {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.n++
	r := &trace.Reply{Probe: trace.Probe{Target: p.own, TTL: uint8(hop.TTL)}, N: p.n, Sent: hop.Sent}
	r.Outcome, r.From, r.RTT, r.ReplyTTL = probe.Answered, hop.From, hop.RTT, uint8(hop.ReplyTTL)
	r.ICMP, r.Type, r.Code, r.QuotedTTL = !hop.Came, hop.Type, hop.Code, -1
	exceeded := uint8(wire.ICMPv4TimeExceeded)
	if p.own.Is6() {
		exceeded = wire.ICMPv6TimeExceeded
	}
	switch {
	case hop.Came:
		r.Kind, r.From = trace.Reached, p.own
	case !hop.From.IsValid():
		r.Outcome, r.Cause = probe.Lost, probe.Unanswered
	case hop.Type == exceeded:
		r.Kind = trace.Exceeded
	default:
		r.Kind = trace.Unreachable
	}
	p.trail.take(r)
	return r
}

// parseFar reads the port of --far.
func parseFar(text string) (string, error) {
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || n == 0 {
		return "", cli.WithHint(fmt.Errorf("--far %q is no port", text), "dgperf serve on the host has port "+defaultFar+" unless told: --far, or --far=PORT")
	}
	return text, nil
}

// counted is what one way lost of what was sent.
func counted(d *perf.Direction) path.Count {
	return path.Count{Sent: int(d.Sent - d.Unheard), Answered: int(d.Unique)}
}

// bad tells whether more is lost than happens, or the server did not answer.
func (f *far) bad() bool {
	const usual = 0.001
	return f != nil && (f.err != nil || counted(&f.there).Loss() > usual || counted(&f.back).Loss() > usual)
}

// whyNot says why the server was of no use.
func (f *far) whyNot() string {
	var told *dgram.NetworkError
	switch {
	case errors.As(f.err, &told) && told.Unreachable():
		return fmt.Sprintf("nothing listens on UDP port %d there; run dgperf serve", told.To.Port())
	case errors.Is(f.err, os.ErrDeadlineExceeded):
		return "no dgperf serve answers there"
	}
	return f.err.Error()
}

// texts say what the far end counted, and what it found of the way back.
func (f *far) texts() []string {
	if f == nil {
		return nil
	}
	if f.err != nil {
		return []string{"the way back was not measured: " + f.whyNot()}
	}
	way := func(d *perf.Direction) string {
		c := counted(d)
		return fmt.Sprintf("%s of %d", lossPercent(c.Loss()), c.Sent)
	}
	texts := []string{fmt.Sprintf("the far end counts %s lost on the way there, and %s on the way back",
		way(&f.there), way(&f.back))}
	if f.wayErr != nil {
		return append(texts, "the hops of the way back are not known: "+f.wayErr.Error())
	}
	loss, _ := f.way.lossTexts()
	text := "the way back"
	switch {
	case f.way.reached():
		text += " has " + cli.Plural(f.way.distance, "hop")
	default:
		text += ": " + f.way.reach()
	}
	texts = append(texts, strings.Join(append([]string{text}, loss...), ", "))
	if f.ways.There > 0 {
		texts = append(texts, f.ways.String())
	}
	if f.short > 0 {
		texts = append(texts, cli.Plural(f.short, "answer")+" to the far end quoted too little to be told apart")
	}
	return texts
}

// farRecord is what the far end counted.
type farRecord struct {
	Type   string    `json:"type"` // "far"
	Target string    `json:"target"`
	Name   string    `json:"name,omitempty"`
	There  wayRecord `json:"there"`
	Back   wayRecord `json:"back"`
	Error  string    `json:"error,omitempty"`
	// Of the hops of the way back; each has a record of its own.
	Hops  int         `json:"back_hops,omitempty"`
	Ways  *waysRecord `json:"ways,omitempty"`
	Short uint64      `json:"back_short_quotes,omitempty"`
	Why   string      `json:"back_error,omitempty"` // why they are not known
}

// waysRecord is what the addresses of the two ways tell of each other.
type waysRecord struct {
	There    int      `json:"there"`
	Back     int      `json:"back"`
	Differ   bool     `json:"differ"`
	Both     []string `json:"on_both,omitempty"` // addresses
	Links    int      `json:"links_on_both_guessed"`
	Mirrored bool     `json:"same_guessed"`
	Text     string   `json:"text"`
}

// backHopRecord and backVerdictRecord are of the way back, whose first hop is the one next to the far end.
type (
	backHopRecord     hopRecord
	backVerdictRecord verdictRecord
)

// wayRecord is one way of it.
type wayRecord struct {
	Sent       int     `json:"sent"`
	Received   int     `json:"received"`
	Loss       float64 `json:"loss"`
	Duplicates uint64  `json:"duplicates"`
	Reordered  uint64  `json:"reordered"`
	Jitter     int64   `json:"jitter_ns"`
}

func (s *session) farRecord(w *trail) farRecord {
	r := farRecord{Type: "far", Target: w.addr.String(), Name: s.shownName(w.target)}
	if w.far.err != nil {
		r.Error = w.far.err.Error()
		return r
	}
	way := func(d *perf.Direction) wayRecord {
		c := counted(d)
		return wayRecord{c.Sent, c.Answered, c.Loss(), d.Duplicate, d.Reordered, int64(d.Jitter)}
	}
	r.There, r.Back = way(&w.far.there), way(&w.far.back)
	if w.far.wayErr != nil {
		r.Why = w.far.wayErr.Error()
		return r
	}
	r.Hops, r.Short = w.far.way.distance, w.far.short
	if ways := w.far.ways; ways.There > 0 {
		r.Ways = &waysRecord{There: ways.There, Back: ways.Back, Differ: ways.There != ways.Back}
		r.Ways.Links, r.Ways.Mirrored, r.Ways.Text = ways.Links, ways.Mirrored, ways.String()
		for _, a := range ways.Both {
			r.Ways.Both = append(r.Ways.Both, a.String())
		}
	}
	return r
}

// known is the way back, nil where there is none to tell of.
func (f *far) known() *trail {
	if f == nil || f.err != nil {
		return nil
	}
	return f.way
}
