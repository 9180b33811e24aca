package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net/netip"
	"sync"
	"time"

	"sockwire/capture"
	"sockwire/capture/decode"
	"sockwire/capture/filter"
	"sockwire/cmd/internal/cli"
	"sockwire/raw/inject"
	"sockwire/raw/packet"
	"sockwire/raw/wire"
)

// listenConfig says where answers are looked for, and to what.
type listenConfig struct {
	env      *cli.Env
	o        *options
	route    *inject.Route // the way out of the packets
	raw      bool          // packets are remembered without link headers
	total    uint64        // packets to be sent; math.MaxUint64 for no end
	template *packet.Template
}

// listener captures on the way out, matches what comes to what was sent, and prints it.
type listener struct {
	listenConfig
	live   *capture.Live
	done   chan struct{}
	cookie *inject.Cookie

	decoder decode.Decoder
	printer decode.Printer
	packet  decode.Packet
	line    []byte

	mu       sync.Mutex
	matcher  inject.Matcher
	answered map[uint64]bool
	group    bool // somebody else may always answer too
	untraced int  // packets that no answer can be told for
	replies  uint64
	errors   uint64
	extra    uint64 // answers to packets that had one
	lastSent time.Time
	err      error
	stats    capture.Stats
}

// maxTracked bounds how many packets are remembered for their answers.
const maxTracked = 1 << 20

// fastAnswers is the rate above which answers are read in blocks and not one by one.
const fastAnswers = 2000

func listen(ctx context.Context, s listenConfig) (*listener, error) {
	if s.total != math.MaxUint64 && s.total > maxTracked && !s.o.stateless {
		return nil, cli.WithHint(fmt.Errorf("answers to %d packets cannot be followed, %d can", s.total, maxTracked), "remember nothing with --stateless, or look for no answers with --wait 0")
	}
	l := &listener{listenConfig: s, done: make(chan struct{}), answered: map[uint64]bool{}}
	text := "" // recorded packets may be anything
	if s.template != nil {
		text = inject.AnswerFilter(s.template)
	}
	cfg := &capture.Config{Immediate: s.o.pace(s.total).Packets <= fastAnswers, Timeout: 5 * time.Millisecond}
	if s.o.stateless {
		l.cookie = s.o.cookie()
		text, cfg.Direction = "", capture.DirectionIn
	}
	if text != "" {
		link := capture.LinkEthernet
		if !s.route.Ethernet {
			link = capture.LinkRaw
		}
		expression, err := filter.Parse(text)
		if err != nil {
			return nil, err
		}
		program, err := expression.Compile(link, &filter.Options{Live: true})
		if err != nil {
			return nil, err
		}
		cfg.Filter, cfg.FilterText = program.Raw(), text
	}
	if s.o.verbose {
		s.env.Warnf("kernel filter: %q", text)
	}
	live, err := capture.Open(ctx, s.route.Interface, cfg)
	if err != nil {
		return nil, err
	}
	l.live = live
	l.printer.Time = decode.TimeNone
	return l, nil
}

func (l *listener) close() { l.live.Close() }

// sent remembers a packet, or the fragment of it that has the transport header.
func (l *listener) sent(number uint64, fragments [][]byte, anyone bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lastSent = time.Now()
	l.group = l.group || anyone
	for _, p := range fragments {
		if !l.raw {
			p = networkPart(capture.LinkEthernet, p)
		}
		if len(l.matcher.Probes) < maxTracked && l.matcher.Sent(number, p, anyone, l.lastSent) >= 0 {
			return
		}
	}
	l.untraced++
}

// networkPart returns what is behind the link header of a frame.
func networkPart(link capture.LinkType, b []byte) []byte {
	switch link {
	case capture.LinkEthernet:
		at := 12
		for len(b) >= at+2 {
			switch binary.BigEndian.Uint16(b[at:]) {
			case wire.EtherTypeVLAN, wire.EtherTypeQinQ:
				at += 4
				continue
			}
			return b[at+2:]
		}
		return nil
	case capture.LinkLinuxSLL2:
		return b[min(20, len(b)):]
	}
	return b
}

// start reads what comes until stop.
func (l *listener) start(ctx context.Context) {
	go func() {
		defer close(l.done)
		var f capture.Frame
		for {
			if err := l.live.Next(&f); err != nil {
				if !errors.Is(err, io.EOF) {
					l.mu.Lock()
					l.err = err
					l.mu.Unlock()
				}
				return
			}
			l.frame(&f)
		}
	}()
}

// stop takes what has come by now and ends the reading.
func (l *listener) stop() error {
	if err := l.live.Stop(); err != nil {
		return err
	}
	<-l.done
	l.stats, _ = l.live.Stats()
	return l.err
}

// await waits until everything has an answer, nothing has come for the time, or ctx is done.
func (l *listener) await(ctx context.Context, wait time.Duration) {
	end := time.Now().Add(wait)
	ticker := time.NewTicker(waitStep)
	defer ticker.Stop()
	for time.Now().Before(end) {
		l.mu.Lock()
		complete := !l.group && l.untraced == 0 && !l.o.stateless && len(l.answered) == l.numbers()
		l.mu.Unlock()
		if complete {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// numbers returns how many different packets were sent. The caller holds the lock.
func (l *listener) numbers() int {
	seen := len(l.matcher.Probes)
	if l.o.retry == 0 {
		return seen
	}
	different := map[uint64]bool{}
	for i := range l.matcher.Probes {
		different[l.matcher.Probes[i].Number] = true
	}
	return len(different)
}

// unanswered returns the numbers of packets without an answer.
func (l *listener) unanswered() []uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []uint64
	seen := map[uint64]bool{}
	for i := range l.matcher.Probes {
		if n := l.matcher.Probes[i].Number; !l.answered[n] && !seen[n] {
			seen[n] = true
			list = append(list, n)
		}
	}
	return list
}

// answerRecord is an answer in JSON.
type answerRecord struct {
	Type    string          `json:"type"`
	Number  uint64          `json:"number,omitempty"`
	Probed  string          `json:"probed,omitempty"`
	Outcome string          `json:"outcome"`
	From    netip.Addr      `json:"from"`
	RTT     *int64          `json:"rtt_ns,omitempty"`
	Time    time.Time       `json:"time"`
	Extra   bool            `json:"extra,omitempty"`
	Packet  string          `json:"packet"`
	Changes []inject.Change `json:"changes,omitempty"`
}

// frame looks at one captured frame.
func (l *listener) frame(f *capture.Frame) {
	p := networkPart(f.Link, f.Data)
	r := answerRecord{Type: "answer", Time: f.Time}
	leaving := f.Direction == capture.DirectionOut
	if l.route.Loopback { // what leaves is what comes
		if leaving = l.departs(p, f.Time); leaving {
			return
		}
	}
	l.mu.Lock()
	if l.o.stateless {
		probed, outcome, ok := l.cookie.Check(p)
		if !ok {
			l.mu.Unlock()
			return
		}
		r.Outcome, r.Probed = outcome.String(), probed.String()
		l.count(outcome)
		l.mu.Unlock()
	} else {
		i, outcome, ok := l.matcher.Match(p, f.Time, leaving)
		if !ok || outcome == inject.Departure {
			l.mu.Unlock()
			return
		}
		probe := &l.matcher.Probes[i]
		rtt := int64(f.Time.Sub(probe.Sent))
		r.Number, r.RTT, r.Outcome = probe.Number+1, &rtt, outcome.String()
		r.Extra = probe.Replies+probe.Errors > 1
		if r.Extra {
			l.extra++
		} else {
			l.count(outcome)
		}
		l.answered[probe.Number] = true
		if outcome == inject.ICMPError {
			if h, ok := inject.ParseHeader(p); ok {
				if quoted, ok := h.Quote(); ok {
					r.Changes = inject.Changes(&probe.Header, &quoted)
				}
			}
		}
		l.mu.Unlock()
	}
	l.print(f, p, &r)
}

// departs tells whether a packet on the loopback device is one that was sent, and notes its time.
func (l *listener) departs(p []byte, at time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _, ok := l.matcher.Match(p, at, true)
	return ok
}

func (l *listener) count(o inject.Outcome) {
	if o == inject.Reply {
		l.replies++
	} else {
		l.errors++
	}
}

func (l *listener) print(f *capture.Frame, p []byte, r *answerRecord) {
	if h, ok := inject.ParseHeader(p); ok {
		r.From = h.Src
	}
	if l.o.quiet {
		return
	}
	l.decoder.Decode(*f, &l.packet)
	l.line = l.printer.AppendLine(l.line[:0], &l.packet)
	r.Packet = string(l.line)
	out := l.env.Stdout
	if l.o.json {
		out.JSON(r)
		out.Flush()
		return
	}
	what := fmt.Sprintf("#%d", r.Number)
	if r.Probed != "" {
		what = r.Probed
	}
	rtt := "-"
	if r.RTT != nil {
		rtt = fmt.Sprintf("%.3f ms", float64(*r.RTT)/1e6)
	}
	extra := ""
	if r.Extra {
		extra = " (again)"
	}
	out.Printf("%s%s  %s  %s\n", what, extra, rtt, r.Packet)
	if len(r.Changes) > 0 {
		out.Printf("    changed on the way:")
		for _, c := range r.Changes {
			out.Printf(" %s", c)
		}
		out.Printf("\n")
	}
	if l.o.verbose {
		out.Write(l.printer.AppendTree(nil, &l.packet))
	}
	out.Flush()
}
