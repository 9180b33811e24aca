// Package perf measures the path between two ends with datagrams, each one numbered, stamped and digested, and accounts
// for every one: received once, lost with a cause, duplicated, reordered, late or corrupt.
//
// There is no control connection: everything is a datagram, and any of them may be lost. A client runs a number of flows,
// each with a socket of its own at both ends.
package perf

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"sockwire/dgram"
	"sockwire/dgram/ledger"
)

// Config says what to measure. Target must be set, and Up or Down or Requests.
type Config struct {
	Network string // "udp", "udp4" or "udp6"; "" is "udp"
	Target  string // the server's address
	Socket  *dgram.Config

	Up       *Load // what each flow sends
	Down     *Load // what the server sends to each flow
	Requests *Load // what each flow asks the server to answer; without a rate, one at a time
	Flows    int   // 0 means 1

	Timeout time.Duration // of a request, when one is asked at a time; 0 means 1 s
	Settle  time.Duration // quiet time after which accounts are final; 0 means 250 ms
	Window  int           // of the ledgers; 0 is ledger.DefaultWindow

	damaged *dgram.ChecksumErrors // of this host

	// Progress, if set, is called about once a second.
	Progress func(Interval)
}

// Interval is what happened since the last one, over all flows.
type Interval struct {
	At       time.Duration // since the start
	Length   time.Duration
	Up, Down Counts
	Replies  uint64
}

// Counts are sums over an interval or a run.
type Counts struct {
	Sent, Unique, Lost, Duplicate, Reordered, Corrupt, Dropped, Checksum, Bytes uint64
}

// FlowResult is what was found of one flow.
type FlowResult struct {
	Local  dgram.Addr
	Clock  Relation
	Up     *Direction
	Down   *Direction
	Reply  *Replies
	Failed error // why the flow ended early; nil if it did not
}

// Direction is the account of one direction of one flow. Sent = Unique + Lost + Unheard, and Lost is the sum of its causes.
type Direction struct {
	Report
	SendErrors  uint64 // lost before they left: the sending host refused them
	LostDropped uint64 // lost in the receive buffer
	// LostChecksum were thrown away by the receiving kernel for a wrong checksum. The kernel counts them for the whole
	// network namespace, so with other traffic there this is at most that, and at most what the flow's socket lost.
	LostChecksum uint64
	LostCorrupt  uint64 // arrived damaged
	LostICMP     uint64 // an ICMP error told so
	LostNetwork  uint64 // what remains
	Unheard      uint64 // sent after the last account that was heard, so nobody knows what became of them; 0 if Known
	Known        bool   // the accounts are final; false when the server has gone
	Offload      bool   // trains were used to the end
	Mangled      string // why trains were given up: what the path did to them; "" if it did nothing
	Elapsed      time.Duration
	Stack        *Variation // of the client's sending: from the sending program to the device, of a sample
}

// Replies is what came back to requests.
type Replies struct {
	Direction
	RTT     *ledger.Histogram // from when the request was due to when the reply arrived: no coordinated omission
	Network *ledger.Histogram // from when it was sent, less the server's time
	Queue   *ledger.Histogram // how late requests left
	Server  *ledger.Histogram // what the server took
	Timeout uint64            // one at a time: given up; a late reply does not count as one
}

// Result is what a run found.
type Result struct {
	Flows   []FlowResult
	Elapsed time.Duration
}

// ErrServerGone says that the server stopped answering in the middle.
var ErrServerGone = errors.New("the server stopped answering")

// ErrRefused says that the server did not want this client.
var ErrRefused = errors.New("the server refused")

// gone is how long a server may be silent in the middle of a run, beyond the time of a round trip.
const gone = 900 * time.Millisecond

// Run measures until the loads are done or ctx ends, and returns what was found even if a flow failed. The error is that of
// the first flow that failed.
func Run(ctx context.Context, cfg Config) (*Result, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	cfg.Flows = max(cfg.Flows, 1)
	cfg.Network = defaulted(cfg.Network, "udp")
	cfg.Timeout = defaulted(cfg.Timeout, time.Second)
	cfg.Settle = defaulted(cfg.Settle, 250*time.Millisecond)
	cfg.damaged, _ = dgram.OpenChecksumErrors() // where that fails, such losses count as those of the buffer
	defer cfg.damaged.Close()
	flows := make([]*flow, cfg.Flows)
	for i := range flows {
		f, err := newFlow(ctx, &cfg)
		if err != nil {
			for _, open := range flows[:i] {
				open.close()
			}
			return nil, err
		}
		flows[i] = f
	}
	start := time.Now()
	var wg sync.WaitGroup
	for _, f := range flows {
		wg.Go(func() { f.run(ctx) })
	}
	stop := watch(flows, cfg.Progress, start)
	wg.Wait()
	stop()
	r := &Result{Elapsed: time.Since(start)}
	var err error
	for _, f := range flows {
		r.Flows = append(r.Flows, f.result())
		if err == nil {
			err = f.failed
		}
		f.close()
	}
	return r, err
}

func (c *Config) check() error {
	loads := 0
	for _, l := range []*Load{c.Up, c.Down, c.Requests} {
		if l == nil {
			continue
		}
		loads++
		if err := l.check(); err != nil {
			return err
		}
	}
	switch {
	case loads == 0:
		return errors.New("perf: nothing to do: no load")
	case c.Requests != nil && loads > 1:
		return errors.New("perf: requests do not go with streams")
	case c.Flows < 0 || c.Flows > 1024:
		return fmt.Errorf("perf: 1 to 1024 flows, not %d", c.Flows)
	}
	return nil
}

// watch calls progress once a second.
func watch(flows []*flow, progress func(Interval), start time.Time) (stop func()) {
	if progress == nil {
		return func() {}
	}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		t := time.NewTicker(time.Second)
		defer t.Stop()
		var last Interval
		for {
			select {
			case <-done:
				return
			case <-t.C:
			}
			sum := Interval{At: time.Since(start)}
			for _, f := range flows {
				f.addTo(&sum)
			}
			progress(Interval{At: sum.At, Length: sum.At - last.At, Up: sum.Up.less(last.Up), Down: sum.Down.less(last.Down), Replies: sum.Replies - last.Replies})
			last = sum
		}
	}()
	return func() { close(done); <-ended }
}

// less is the difference of two sums; what has shrunk, as losses do when a late one comes, counts as 0.
func (c Counts) less(o Counts) Counts {
	sub := func(a, b uint64) uint64 { return max(a, b) - b }
	return Counts{sub(c.Sent, o.Sent), sub(c.Unique, o.Unique), sub(c.Lost, o.Lost), sub(c.Duplicate, o.Duplicate),
		sub(c.Reordered, o.Reordered), sub(c.Corrupt, o.Corrupt), sub(c.Dropped, o.Dropped), sub(c.Checksum, o.Checksum), sub(c.Bytes, o.Bytes)}
}

// flow is one socket of a client and its session.
type flow struct {
	cfg     *Config
	conn    *dgram.Conn
	session uint64
	clock   Relation
	buffer  int

	up   *sender
	down *account
	// Requests.
	rtt, network, server *ledger.Histogram
	timeouts             uint64
	patience             time.Duration // how long the server may be silent in the middle

	heard  atomic.Int64 // when the server was last heard, since 1970
	data   atomic.Int64 // when something was last accounted for, since 1970
	icmp   atomic.Uint64
	closed atomic.Bool // the port at the server is closed

	mu      sync.Mutex
	remote  *Report   // the last from the server
	local   Report    // of what comes down or back
	looked  time.Time // when local was made
	ended   bool      // the server has sent all it will
	failed  error
	upOff   string // why trains were given up on the way up, and
	downOff string // on the way down; empty if they were not
}

func newFlow(ctx context.Context, cfg *Config) (*flow, error) {
	socket := dgram.Config{}
	if cfg.Socket != nil {
		socket = *cfg.Socket
	}
	socket.Coalesce = cfg.Requests == nil || cfg.Requests.interval() > 0
	socket.ReadBuffer = defaulted(socket.ReadBuffer, defaultBuffer)
	socket.SendTimes = timesSends && (cfg.Up != nil || cfg.Requests != nil)
	for _, l := range []*Load{cfg.Up, cfg.Requests} {
		socket.NoOffload = socket.NoOffload || l != nil && l.NoOffload
	}
	c, err := dgram.Dial(ctx, cfg.Network, cfg.Target, &socket)
	if err != nil {
		return nil, fmt.Errorf("perf: %w", err)
	}
	f := &flow{cfg: cfg, conn: c, remote: &Report{}}
	if err := f.handshake(ctx); err != nil {
		c.Close()
		return nil, err
	}
	return f, nil
}

func (f *flow) close() {
	if b, err := control(header{kind: kindBye, session: f.session}, nil, controlSize); err == nil {
		_ = f.conn.Send(b, dgram.Addr{})
	}
	f.conn.Close()
}

// handshake proves the address with a cookie and makes a session.
func (f *flow) handshake(ctx context.Context) error {
	var id [8]byte
	rand.Read(id[:])
	nonce := binary.BigEndian.Uint64(id[:])
	p := Params{Window: f.cfg.Window, Settle: f.cfg.Settle, Reverse: f.cfg.Down}
	hello, err := control(header{kind: kindHello, seq: nonce}, p, controlSize)
	if err != nil {
		return err
	}
	var ck cookie
	if _, err := f.ask(ctx, hello, nonce, kindCookie, &ck); err != nil {
		return err
	}
	begin, err := control(header{kind: kindStart, seq: nonce}, start{ck.Cookie, p}, controlSize)
	if err != nil {
		return err
	}
	var ac accept
	asked := time.Now()
	h, err := f.ask(ctx, begin, nonce, kindAccept, &ac)
	if err != nil {
		return err
	}
	f.session, f.buffer = h.session, ac.Buffer
	f.patience = gone + time.Since(asked)
	f.clock = ownClock().relation(ac.Clock)
	f.prepare()
	return nil
}

// prepare makes the accounts and what sends.
func (f *flow) prepare() {
	p := Params{Window: f.cfg.Window, Settle: f.cfg.Settle}
	f.down = newAccount(f.conn, f.session, &p, f.clock != ClockIndependent, f.cfg.damaged)
	load, k := f.cfg.Up, kindData
	switch {
	case f.cfg.Requests != nil:
		load, k = f.cfg.Requests, kindRequest
		f.rtt, f.network, f.server = ledger.NewHistogram(), ledger.NewHistogram(), ledger.NewHistogram()
	case load == nil:
		load = &Load{} // marks only
	}
	f.up = newSender(f.conn, f.session, k, *load, true)
}

// ask sends a control datagram until the answer of the wanted kind comes.
func (f *flow) ask(ctx context.Context, question []byte, nonce uint64, want kind, into any) (h header, err error) {
	match := func(_, b []byte) bool {
		return h.parse(b) && h.seq == nonce && (h.kind == want || h.kind == kindRefuse)
	}
	a, err := f.conn.Exchange(ctx, question, dgram.Addr{}, &dgram.Exchange{Timeout: 50 * time.Millisecond, Tries: 8, Backoff: 1.6, Match: match})
	if err != nil {
		return h, fmt.Errorf("perf: %w", err)
	}
	if h.kind == kindRefuse {
		var no refusal
		_ = body(a.Payload, &no)
		return h, fmt.Errorf("perf: %w: %.200q", ErrRefused, no.Reason)
	}
	return h, body(a.Payload, into)
}

// run sends and receives until the loads are done, and settles the accounts.
func (f *flow) run(ctx context.Context) {
	f.heard.Store(time.Now().UnixNano())
	if f.cfg.Requests != nil && f.cfg.Requests.interval() == 0 {
		f.pingPong(ctx)
		return
	}
	receiving := make(chan struct{})
	go func() {
		defer close(receiving)
		f.receive()
	}()
	guarded, cancel := context.WithCancel(ctx)
	go f.guard(guarded, cancel)
	var err error
	if f.cfg.Up == nil && f.cfg.Requests == nil {
		err = f.markOnly(guarded)
	} else {
		err = f.up.run(guarded)
	}
	cancel()
	if err != nil {
		f.fail(err)
	}
	if !f.lost() {
		f.settle()
	}
	_ = f.conn.SetReadDeadline(time.Unix(1, 0))
	<-receiving
}

// markOnly keeps the session alive while the server sends.
func (f *flow) markOnly(ctx context.Context) error {
	f.up.start = time.Now()
	defer func() { f.up.end = time.Now() }()
	t := time.NewTicker(markInterval / 2)
	defer t.Stop()
	for ctx.Err() == nil && !f.hasEnded() {
		if err := f.up.sendMark(0, time.Now()); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-t.C:
		}
	}
	return nil
}

func (f *flow) hasEnded() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ended
}

func (f *flow) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failed == nil {
		f.failed = err
	}
}

// lost tells whether the server is known to be gone, so that there is nothing to wait for.
func (f *flow) lost() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return errors.Is(f.failed, ErrServerGone)
}

// guard ends the sending when the server is not heard any more.
func (f *flow) guard(ctx context.Context, cancel context.CancelFunc) {
	t := time.NewTicker(20 * time.Millisecond)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		silent := time.Since(time.Unix(0, f.heard.Load()))
		if silent > f.patience || f.closed.Load() {
			f.fail(fmt.Errorf("perf: %w %v ago", ErrServerGone, silent.Round(time.Millisecond)))
			cancel()
			return
		}
	}
}

// receive takes what the server sends, until the read deadline is moved into the past.
func (f *flow) receive() {
	b := f.conn.NewBatch(32, 1<<16)
	for {
		ds, err := f.conn.ReceiveBatch(b)
		if err != nil {
			if f.told(err) {
				continue
			}
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				f.fail(err)
			}
			return
		}
		f.down.batch(ds, time.Now())
		for i := range ds {
			f.take(&ds[i])
		}
		f.publish()
	}
}

// told takes in what the network says about something that was sent; false if err is another error.
func (f *flow) told(err error) bool {
	var e *dgram.NetworkError
	if !errors.As(err, &e) {
		return false
	}
	f.icmp.Add(1)
	if e.Unreachable() {
		f.closed.Store(true)
	}
	return true
}

// publish lets the progress see what the accounts say.
func (f *flow) publish() {
	now := time.Now()
	if f.cfg.Progress == nil || now.Sub(f.looked) < markInterval {
		return // a report looks at the whole window
	}
	f.looked = now
	f.mu.Lock()
	defer f.mu.Unlock()
	f.local = *f.down.report(false)
}

func (f *flow) take(d *dgram.Datagram) {
	var h header
	f.down.arrived(d)
	if d.Truncated || !h.parse(d.Payload) || h.session != f.session {
		f.down.corrupt(d)
		f.data.Store(d.Time.UnixNano())
		return
	}
	f.heard.Store(d.Time.UnixNano())
	switch h.kind {
	case kindData:
		f.down.data(&h, d)
		f.data.Store(d.Time.UnixNano())
	case kindReply:
		f.reply(&h, d)
		f.data.Store(d.Time.UnixNano())
	case kindMark:
		f.down.ledger.Tell(h.seq)
		if h.flags&flagTrains != 0 {
			f.judge()
		}
		if h.flags&flagFinal != 0 {
			f.mu.Lock()
			f.ended = true
			f.mu.Unlock()
		}
	case kindReport:
		var r Report
		if body(d.Payload, &r) != nil {
			return
		}
		f.mu.Lock()
		if !f.remote.Final {
			f.remote = &r
		}
		if why := mangled(&r); why != "" && f.upOff == "" && f.up.trains.Load() && f.conn.Offload() {
			f.upOff = why
			f.conn.StopOffload()
		}
		f.mu.Unlock()
	}
}

// mangledMin is how many damaged arrivals it takes before a path is judged, and eatenMin how many losses.
const (
	mangledMin = 16
	eatenMin   = 256
)

// mangled says what a path does to trains, by what the receiver has found, or "" while there is no reason to think so. What
// the report says was sent, was sent before the mark that the report answers.
func mangled(r *Report) string {
	switch {
	case r.Joined > 0:
		return "trains arrive uncut"
	case r.Corrupt >= mangledMin && r.Corrupt > r.Received:
		return "most of what arrives is damaged"
	case r.Checksum >= mangledMin && r.Checksum > r.Received:
		return "most of what arrives has a wrong checksum"
	case r.Sent >= eatenMin && r.Received+r.Corrupt+r.Dropped == 0:
		return "nothing arrives"
	}
	return ""
}

// judge has the server give up trains when the path mangles them on the way down.
func (f *flow) judge() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.downOff != "" {
		return
	}
	if f.downOff = mangled(f.down.report(false)); f.downOff != "" {
		f.up.markFlags.Store(flagSingly)
	}
}

// reply accounts for an answer to a request, once.
func (f *flow) reply(h *header, d *dgram.Datagram) {
	switch f.down.ledger.Receive(h.seq) {
	case ledger.InOrder, ledger.Reordered:
	default:
		f.down.last = d.Time
		return
	}
	f.down.last = d.Time
	if f.down.bytes == 0 {
		f.down.first = d.Time
	}
	f.down.bytes += uint64(len(d.Payload))
	rtt := d.Time.UnixNano() - h.sent
	f.down.jitter.Add(time.Duration(rtt))
	f.network.Record(max(time.Duration(rtt)-time.Duration(h.took), 0))
	f.server.Record(time.Duration(h.took))
	f.rtt.Record(time.Duration(d.Time.UnixNano() - h.due))
}

// settle tells the server how many were sent and waits for final accounts of both directions.
func (f *flow) settle() {
	finish, err := control(header{kind: kindFinish, session: f.session, seq: f.up.sent.Load()}, nil, controlSize)
	if err != nil {
		return
	}
	interval := min(max(f.cfg.Settle/4, time.Millisecond), 50*time.Millisecond)
	start := time.Now()
	for end := start.Add(f.cfg.Settle + 2*time.Second); time.Now().Before(end); time.Sleep(interval) {
		if f.settled() {
			return
		}
		if f.closed.Load() || time.Since(start) > f.patience && time.Since(time.Unix(0, f.heard.Load())) > f.patience {
			break
		}
		_ = f.conn.Send(finish, dgram.Addr{})
	}
	f.fail(fmt.Errorf("perf: %w before it told the final accounts", ErrServerGone))
}

func (f *flow) settled() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.remote.Final || f.cfg.Down != nil && !f.ended {
		return false
	}
	// Each finish is answered, so the server is heard until there is enough quiet before an arrival.
	return f.cfg.Down == nil && f.cfg.Requests == nil || time.Duration(f.heard.Load()-f.data.Load()) >= f.cfg.Settle
}

// result works out what became of every datagram.
func (f *flow) result() FlowResult {
	r := FlowResult{Local: f.conn.LocalAddr(), Clock: f.clock, Failed: f.failed}
	elapsed := f.up.end.Sub(f.up.start)
	if f.cfg.Up != nil {
		d := direction(*f.remote, f.up.sent.Load(), f.up.failed.Load(), f.icmp.Load(), f.remote.Final)
		d.Mangled = f.upOff
		d.Queued, d.Stack, d.Offload, d.Elapsed = variation(f.up.late), variation(f.up.stack), f.conn.Offload(), elapsed
		r.Up = d
	}
	switch {
	case f.cfg.Down != nil:
		own := *f.down.report(true)
		d := direction(own, own.Sent, f.remote.Failed, 0, f.ended)
		d.Elapsed, d.Mangled = elapsed, f.downOff
		r.Down = d
	case f.cfg.Requests != nil:
		f.down.ledger.Tell(f.up.sent.Load())
		own := *f.down.report(true)
		d := direction(own, f.up.sent.Load(), f.up.failed.Load(), f.icmp.Load(), true)
		d.Elapsed, d.Stack = elapsed, variation(f.up.stack)
		r.Reply = &Replies{Direction: *d, RTT: f.rtt, Network: f.network, Queue: f.up.late, Server: f.server, Timeout: f.timeouts}
	}
	return r
}

// direction divides the losses among their causes, each loss counted once: the sending host, wrong checksums, the receive
// buffer, ICMP errors, damage. What nobody claims is the network's. Where datagrams arrive joined, a gap in the numbers that comes with a
// loss told by the kernel is the receive buffer's as a whole.
func direction(r Report, sent, failed, icmp uint64, known bool) *Direction {
	d := &Direction{Report: r, Known: known}
	switch {
	case sent > d.Sent && known:
		d.Lost += sent - d.Sent
		d.Tail += sent - d.Sent
	case sent > d.Sent:
		d.Unheard = sent - d.Sent
	}
	d.Sent = max(d.Sent, sent)
	left := d.Lost
	claim := func(n uint64) uint64 {
		n = min(n, left)
		left -= n
		return n
	}
	d.SendErrors = claim(failed)
	d.LostChecksum = claim(r.Checksum)
	d.LostDropped = claim(max(r.Overflow, r.Checksum) - r.Checksum)
	d.LostICMP = claim(icmp)
	d.LostCorrupt = claim(r.Corrupt)
	d.LostNetwork = left
	return d
}

// pingPong sends one request at a time and waits for its reply.
func (f *flow) pingPong(ctx context.Context) {
	defer context.AfterFunc(ctx, func() { _ = f.conn.SetReadDeadline(time.Unix(1, 0)) })()
	load, s := f.cfg.Requests, f.up
	sizes := load.sizes()
	buf := make([]byte, 1<<16)
	s.start = time.Now()
	for ctx.Err() == nil {
		now := time.Now()
		seq := s.sent.Load()
		if load.Count > 0 && seq >= load.Count || load.Duration > 0 && now.Sub(s.start) >= load.Duration {
			break
		}
		if silent := now.Sub(time.Unix(0, f.heard.Load())); silent > max(f.patience, f.cfg.Timeout) || f.closed.Load() {
			f.fail(fmt.Errorf("perf: %w %v ago", ErrServerGone, silent.Round(time.Millisecond)))
			break
		}
		b := s.arena[:sizes[seq%uint64(len(sizes))]]
		h := header{kind: kindRequest, session: f.session, seq: seq, sent: now.UnixNano(), due: now.UnixNano()}
		h.put(b)
		s.sent.Add(1)
		s.messages = append(s.messages[:0], dgram.Message{Payload: b})
		s.sample(now, 10*sampleInterval) // seldom, for taking in the times costs as much as a round trip
		if _, err := f.conn.SendAll(s.messages); err != nil {
			if fatal(err) {
				f.fail(err)
				break
			}
			s.failed.Add(1)
			continue
		}
		s.bytes.Add(uint64(len(b)))
		_ = f.conn.SetReadDeadline(now.Add(f.cfg.Timeout))
		if !f.awaitReply(seq, buf) && ctx.Err() == nil {
			f.timeouts++
		}
		f.publish()
	}
	s.end = time.Now()
	// What was answered late, or twice, may still come.
	_ = f.conn.SetReadDeadline(time.Now().Add(min(f.cfg.Settle, 50*time.Millisecond)))
	if !f.closed.Load() && ctx.Err() == nil {
		f.awaitReply(1<<64-1, buf)
	}
}

// awaitReply waits for the reply to one request, until the read deadline.
func (f *flow) awaitReply(seq uint64, buf []byte) bool {
	for {
		d, err := f.conn.Receive(buf)
		if err != nil {
			if f.told(err) && !f.closed.Load() {
				continue
			}
			return false
		}
		f.take(&d)
		if binaryKind(d.Payload) == kindReply && binary.BigEndian.Uint64(d.Payload[16:]) == seq {
			return true
		}
	}
}

// binaryKind is the kind of a datagram that take has checked, 0 for what is none of ours.
func binaryKind(b []byte) kind {
	if len(b) < HeaderSize {
		return 0
	}
	return kind(b[4])
}

// addTo adds the state of the accounts to a sum.
func (f *flow) addTo(sum *Interval) {
	f.mu.Lock()
	remote, local := *f.remote, f.local
	f.mu.Unlock()
	add := func(c *Counts, r *Report, sent uint64) {
		c.Sent += sent
		c.Unique += r.Unique
		c.Lost += r.Lost
		c.Duplicate += r.Duplicate
		c.Reordered += r.Reordered
		c.Corrupt += r.Corrupt
		c.Dropped += max(r.Dropped, r.Checksum) - r.Checksum
		c.Checksum += r.Checksum
		c.Bytes += r.Bytes
	}
	switch {
	case f.cfg.Requests != nil:
		sum.Replies += local.Unique
		add(&sum.Up, &local, f.up.sent.Load())
	default:
		if f.cfg.Up != nil {
			add(&sum.Up, &remote, f.up.sent.Load())
		}
		if f.cfg.Down != nil {
			add(&sum.Down, &local, local.Sent)
		}
	}
}
