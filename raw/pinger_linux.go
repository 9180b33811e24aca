package raw

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"

	"sockwire/raw/cmsg"
	"sockwire/raw/packet"
	"sockwire/raw/probe"
)

const (
	sendBatch    = 64 // echoes per system call
	lateMost     = time.Second
	backlogMost  = 1 << 14 // ends not yet taken by the caller before sending pauses
	catchUp      = 3       // intervals that one target makes up for at once
	stampsPerSec = 200     // StampsAuto asks for timestamps up to this rate
)

// Ping opens the sockets, sends echoes to the targets and yields every end as it comes: replies, losses, errors,
// duplicates. An error ends the sequence; the fate of an echo is never one. When ctx ends, echoes still on their way
// are yielded as Pending. It is [Pinger.Start] and [Run.Echoes] in one.
func (p *Pinger) Ping(ctx context.Context, targets iter.Seq[netip.Addr]) iter.Seq2[Echo, error] {
	return func(yield func(Echo, error) bool) {
		run, err := p.Start(ctx)
		if err != nil {
			yield(Echo{}, err)
			return
		}
		run.Echoes(targets)(yield)
	}
}

// Run is one use of a [Pinger], its sockets open.
type Run struct {
	p     Pinger
	ctx   context.Context
	stop  context.CancelCauseFunc
	clock *probe.Waiter
	links [2]*link // IPv4, IPv6; nil where there is none
	feed  chan netip.Addr
	wake  chan struct{}
	ready chan struct{}
	more  chan struct{}

	lanes, helper, filling *[2]*lane // of drive; of help, nil without one; being filled
	senders                []*Conn   // sockets that only send

	schedule probe.Schedule // of Gap
	idle     bool           // there was less to send than the schedule allows

	mu        sync.Mutex
	table     table
	fresh     uint32       // targets begun
	fed       bool         // all targets are known
	urgent    queue[*host] // preloads and retries: due now
	regular   queue[*host] // due in order
	timeouts  [maxLevels]queue[uint64]
	finals    [maxLevels]queue[uint64]
	levels    int
	waiting   int // echoes neither ended nor overdue
	open      int // echoes that have not ended
	firstSend time.Duration
	lastSend  time.Duration
	longest   time.Duration // round trip
	drained   bool          // all is sent; nothing is waited for but the last timeouts
	several   bool          // more than one host may answer an echo
	rate      rateMeter
	drops     []dropWindow
	out       []Echo
	finished  bool
	failed    error
	pace      probe.Pace
	report    Report
}

// link is the socket of one family.
type link struct {
	conn    *Conn
	codec   codec
	recv    *cmsg.Receiver
	lane    *lane // of drive
	data    []cmsg.Message
	errs    []cmsg.Message
	info    cmsg.Info
	stamps  bool
	stamped uint64 // highest echo the kernel stamped
	drops   uint32
	dropsAt time.Duration
	leased  bool          // the flow label was asked of the kernel
	large   []uint64      // echoes refused for their size; the error queue is to say what would have passed
	mtus    []pathMTU     // what it said before the echo was known to be refused
	backlog int           // packets read without a pause
	emptied time.Duration // when the receive buffer was last read to its end
	peak    int           // most of them since drops were last looked at
}

// queued returns how much of the receive buffer is taken by what has not been read.
func (l *link) queued() int {
	bytes := 0
	_ = l.conn.rc.Control(func(fd uintptr) {
		if n, err := cmsg.ReadQueued(int(fd)); err == nil {
			bytes = n
		}
	})
	return bytes
}

// crowded tells whether answers wait to be read in more than a quarter of a receive buffer: sending more would lose some.
func (r *Run) crowded() bool {
	for _, l := range r.links {
		if l != nil && l.queued() > l.conn.ReadBuffer()/4 {
			return true
		}
	}
	return false
}

// heardUntil returns the time up to which everything that arrived has been taken in. An echo whose timeout passed after
// that may have its answer waiting here.
func (r *Run) heardUntil(now time.Duration) time.Duration {
	until := now
	for _, l := range r.links {
		if l != nil && l.queued() > 0 {
			until = min(until, l.emptied)
		}
	}
	return until
}

// crowdedPause is how long a sender leaves the processor to the receiver.
const crowdedPause = 200 * time.Microsecond

// lane is a batch of messages and the way they leave by. Each sending goroutine has its own.
type lane struct {
	link   *link
	send   *cmsg.Sender
	header []byte // IPv4 header to put before each message; nil where the kernel does
	out    []cmsg.Message
	outN   []uint64
}

// newLane returns a lane on the link's own socket.
func (l *link) newLane(p *Pinger) (*lane, error) {
	send, err := cmsg.NewSender(l.conn.rc, sendBatch)
	if err != nil {
		return nil, err
	}
	n := sendBatch
	if p.Size > 4096 {
		n = 8
	}
	ln := &lane{link: l, send: send, out: make([]cmsg.Message, n), outN: make([]uint64, 0, n)}
	for i := range ln.out {
		ln.out[i] = cmsg.Message{Buf: make([]byte, len(l.codec.template)), OOB: make([]byte, 0, 128)}
	}
	return ln, nil
}

// dropWindow says that packets were lost in a receive buffer within a time, and how many are not yet accounted for.
type dropWindow struct {
	from, to time.Duration
	left     uint32
}

// rateMeter counts events in windows of 100 ms.
type rateMeter struct {
	start time.Duration
	n     int
	last  int
}

func (m *rateMeter) add(now time.Duration, n int) {
	const window = 100 * time.Millisecond
	if now-m.start >= window {
		m.last = m.n
		if now-m.start >= 2*window {
			m.last = 0
		}
		m.start, m.n = now, 0
	}
	m.n += n
}

func (m *rateMeter) perSecond() int { return max(m.n, m.last) * 10 }

// Start opens the sockets, after which the process may give up its privileges. Take the echoes with [Run.Echoes] or
// close the Run.
func (p *Pinger) Start(ctx context.Context) (*Run, error) {
	s, err := p.settled()
	if err != nil {
		return nil, fmt.Errorf("raw: ping: %w", err)
	}
	r := &Run{p: s, feed: make(chan netip.Addr, 1024), wake: make(chan struct{}, 1), ready: make(chan struct{}, 1), more: make(chan struct{}, 1)}
	r.ctx, r.stop = context.WithCancelCause(ctx)
	r.schedule = probe.Schedule{Interval: s.Gap, Burst: sendBatch}
	if err := r.openLinks(); err != nil {
		r.stop(err)
		return nil, err
	}
	limit := uint64(1 << 20)
	for _, l := range r.links {
		if l != nil {
			limit = min(limit, l.codec.window())
			r.report.ReadBuffer = l.conn.ReadBuffer()
		}
	}
	r.table = newTable(limit)
	r.lanes = new([2]*lane)
	for i, l := range r.links {
		if l != nil {
			r.lanes[i] = l.lane
		}
	}
	if err := r.openFast(); err != nil {
		r.Close()
		return nil, err
	}
	_ = cmsg.AwaitStamps() // without stamps each echo says so itself
	r.clock = probe.NewWaiter()
	r.clock.Coarse = s.Slack >= time.Millisecond
	return r, nil
}

// openLinks opens a socket for each family asked for; with none asked for, one family is enough.
func (r *Run) openLinks() error {
	var errs []error
	kind := r.p.Socket
	for i, family := range []int{4, 6} {
		if r.p.Family != 0 && r.p.Family != family || family == 6 && r.p.Message == TimestampRequest {
			continue
		}
		l, got, err := r.openLink(family, kind)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		r.links[i] = l
		kind, r.report.Socket = got, got
	}
	if r.links[0] == nil && r.links[1] == nil {
		return errs[0]
	}
	return nil
}

func (r *Run) openLink(family int, kind SocketKind) (*link, SocketKind, error) {
	if kind == AnySocket {
		l, err := r.listen(family, RawSocket)
		if err == nil || !errors.Is(err, os.ErrPermission) || r.p.Message == TimestampRequest {
			return l, RawSocket, err
		}
		l, pingErr := r.listen(family, PingSocket)
		if pingErr == nil {
			return l, PingSocket, nil
		}
		if errors.Is(pingErr, os.ErrPermission) {
			return nil, 0, &permissionError{pingErr, privilegeHint(true) + "; or " + privilegeHint(false)}
		}
		return nil, 0, pingErr
	}
	l, err := r.listen(family, kind)
	return l, kind, err
}

func (r *Run) listen(family int, kind SocketKind) (*link, error) {
	p := &r.p
	l := &link{codec: codec{six: family == 6, message: p.Message, key: newKey(), magic: rand.Uint32(), multiple: p.Broadcast}}
	cfg := &Config{Local: p.Source, Interface: p.Device, TTL: p.TTL, TOS: p.TOS, Mark: p.Mark, Broadcast: p.Broadcast,
		ReadBuffer: p.ReadBuffer, Errors: true, Unprivileged: kind == PingSocket}
	proto := ICMP
	if family == 6 {
		proto = ICMPv6
		if !cfg.Local.IsValid() {
			cfg.Local = netip.IPv6Unspecified()
		}
	}
	if kind == RawSocket {
		l.codec.idBits = 4
		l.codec.base = p.base
		if p.base == 0 {
			l.codec.base = uint16(1+rand.IntN(1<<12-1)) << 4
		}
		cfg.Filter = l.codec.filter()
	}
	if p.Stamps != StampsOff {
		cfg.Report |= cmsg.TxPerCall
		l.stamps = true
	}
	if kind == PingSocket && family == 4 && len(p.Options) > 0 {
		cfg.Report |= cmsg.Options
	}
	var err error
	if l.conn, err = Listen(r.ctx, proto, cfg); err != nil && l.stamps && errors.Is(err, errors.ErrUnsupported) {
		l.stamps = false
		cfg.Report &^= cmsg.TxPerCall
		l.conn, err = Listen(r.ctx, proto, cfg)
	}
	if err != nil {
		return nil, err
	}
	if kind == PingSocket {
		l.codec.base = l.conn.ID()
	}
	if err := tune(l.conn, p); err != nil {
		l.conn.Close()
		return nil, fmt.Errorf("raw: ping: %w", err)
	}
	l.codec.template = l.codec.makeTemplate(p)
	l.makeBuffers(p)
	if l.lane, err = l.newLane(p); err != nil {
		l.conn.Close()
		return nil, err
	}
	l.recv = cmsg.NewReceiver(l.conn.rc, sendBatch)
	return l, nil
}

func (l *link) makeBuffers(p *Pinger) {
	n := sendBatch
	if p.Size > 4096 {
		n = 8
	}
	l.data, l.errs = make([]cmsg.Message, n), make([]cmsg.Message, sendBatch)
	for i := range l.data {
		l.data[i] = cmsg.Message{Buf: make([]byte, max(p.Size+icmpHeader+60, 576)+1), OOB: make([]byte, controlSize)}
	}
	for i := range l.errs {
		l.errs[i] = cmsg.Message{Buf: make([]byte, 128), OOB: make([]byte, controlSize)}
	}
}

// openFast makes the lanes of two senders for a run that may send faster than one can. Their IPv4 packets leave by sockets
// of their own, which receive nothing, header included: that costs the kernel less, and two senders of one socket would
// wait for each other.
func (r *Run) openFast() error {
	p, l := &r.p, r.links[0]
	const fast = 50 * time.Microsecond
	if p.Gap >= fast || p.Slack > 0 || p.Window == 0 && p.Count != 1 || p.Window != 0 && p.Window < sendBatch || p.Stamps == StampsOn || runtime.GOMAXPROCS(0) < 2 ||
		l == nil || !l.conn.headers || len(p.Options) > 0 || p.Fragment != FragmentDefault || p.Size > 1000 {
		return nil
	}
	var lanes [2]*lane
	for i := range lanes {
		var err error
		if lanes[i], err = r.fastLane(l); err != nil {
			return err
		}
	}
	r.lanes[0] = lanes[0]
	r.helper = &[2]*lane{lanes[1], nil}
	if r.links[1] != nil {
		six, err := r.links[1].newLane(p)
		if err != nil {
			return err
		}
		r.helper[1] = six
	}
	return nil
}

func (r *Run) fastLane(l *link) (*lane, error) {
	p := &r.p
	conn, err := Listen(r.ctx, Raw, &Config{Local: p.Source, Interface: p.Device, Mark: p.Mark, Broadcast: p.Broadcast, Errors: true})
	if err != nil {
		return nil, err
	}
	r.senders = append(r.senders, conn)
	ttl := p.TTL
	if ttl == 0 {
		if ttl, err = defaultTTL(l.conn); err != nil {
			return nil, err
		}
	}
	send, err := cmsg.NewSender(conn.rc, sendBatch)
	if err != nil {
		return nil, err
	}
	// Version and header length, type of service, don't fragment, time to live, protocol; the kernel fills in the rest.
	header := make([]byte, 20)
	header[0], header[1], header[6], header[8], header[9] = 0x45, p.TOS, 0x40, ttl, byte(ICMP)
	if p.Source.IsValid() {
		src := p.Source.As4()
		copy(header[12:], src[:])
	}
	ln := &lane{link: l, send: send, header: header, out: make([]cmsg.Message, sendBatch), outN: make([]uint64, 0, sendBatch)}
	for i := range ln.out {
		ln.out[i].Buf = make([]byte, len(header)+len(l.codec.template))
	}
	return ln, nil
}

// makeTemplate returns the message that all echoes start from.
func (c *codec) makeTemplate(p *Pinger) []byte {
	switch p.Message {
	case TimestampRequest:
		b := make([]byte, icmpHeader+12)
		b[0] = c.requestType()
		return b
	case ExtendedEcho:
		b := make([]byte, icmpHeader, 64)
		b[0], b[7] = c.requestType(), 1 // the L bit: the interface is the target's own
		return appendInterface(b, &p.Interface)
	}
	b := make([]byte, icmpHeader+p.Size)
	b[0] = c.requestType()
	fillPattern(b[icmpHeader:], p.Pattern)
	return b
}

// appendInterface appends the interface identification object of RFC 8335, section 2.1, in its RFC 4884 structure.
func appendInterface(b []byte, i *ProbeInterface) []byte {
	start := len(b)
	b = append(b, 0x20, 0, 0, 0, 0, 0, 3, 0)
	switch {
	case i.Name != "":
		b[start+7] = 1
		b = append(b, i.Name...)
		for len(b)%4 != 0 {
			b = append(b, 0)
		}
	case i.Index != 0:
		b[start+7] = 2
		b = append(b, byte(i.Index>>24), byte(i.Index>>16), byte(i.Index>>8), byte(i.Index))
	default:
		b[start+7] = 3
		ip := i.Addr.AsSlice()
		afi := byte(1)
		if i.Addr.Is6() {
			afi = 2
		}
		b = append(b, 0, afi, byte(len(ip)), 0)
		b = append(b, ip...)
	}
	length := len(b) - start - 4
	b[start+4], b[start+5] = byte(length>>8), byte(length)
	sum := packet.Checksum(b[start:])
	b[start+2], b[start+3] = byte(sum>>8), byte(sum)
	return b
}

// Close closes the sockets of a Run whose echoes are not taken.
func (r *Run) Close() error {
	r.stop(errors.New("closed"))
	var errs []error
	for _, l := range r.links {
		if l != nil {
			errs = append(errs, l.conn.Close())
		}
	}
	for _, c := range r.senders {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// Report returns what the run knows beside its echoes; it may be called at any time.
func (r *Run) Report() Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	report := r.report
	report.Slipped += r.schedule.Slipped()
	report.Sending = r.lastSend - r.firstSend
	report.Rate = r.pace.Rate()
	report.Gaps = Gaps{r.pace.Gaps.Quantile(.5), r.pace.Gaps.Quantile(.99), r.pace.Gaps.Max()}
	for _, l := range r.links {
		if l != nil && l.stamped > 0 {
			report.SendStamps = true
		}
	}
	return report
}

// Echoes sends to the targets, a zone where they are link-local, and yields the ends. The sequence of targets is
// read on a goroutine of its own, as fast as echoes are sent; it may block. When it returns the sockets are closed.
func (r *Run) Echoes(targets iter.Seq[netip.Addr]) iter.Seq2[Echo, error] {
	return func(yield func(Echo, error) bool) {
		var group sync.WaitGroup
		defer r.Close()
		defer group.Wait()
		defer r.shut()
		group.Go(func() { r.read(targets) })
		for _, l := range r.links {
			if l != nil && r.p.Slack == 0 {
				group.Go(func() { r.receive(l) })
			}
		}
		group.Go(r.drive)
		if r.helper != nil {
			group.Go(r.help)
		}
		var echoes []Echo
		for range r.ready {
			r.mu.Lock()
			echoes, r.out = r.out, echoes[:0]
			failed, finished := r.failed, r.finished
			r.mu.Unlock()
			for i := range echoes {
				if !yield(echoes[i], nil) {
					return
				}
			}
			if failed != nil {
				yield(Echo{}, failed)
				return
			}
			if finished {
				return
			}
		}
	}
}

// shut ends the goroutines of the run.
func (r *Run) shut() {
	r.stop(context.Canceled)
	past := time.Unix(1, 0)
	for _, l := range r.links {
		if l != nil {
			l.conn.SetDeadline(past)
		}
	}
	for _, c := range r.senders {
		c.SetDeadline(past)
	}
}

func (r *Run) read(targets iter.Seq[netip.Addr]) {
	for t := range targets {
		select {
		case r.feed <- t:
			r.nudge()
		case <-r.ctx.Done():
			return
		}
	}
	r.mu.Lock()
	r.fed = true
	r.mu.Unlock()
	r.nudge()
}

func (r *Run) nudge() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// announce tells the caller that there are ends to take, if there are: waking it for nothing costs more than an echo.
func (r *Run) announce() {
	r.mu.Lock()
	idle := len(r.out) == 0 && !r.finished && r.failed == nil
	r.mu.Unlock()
	if idle {
		return
	}
	r.signal()
}

func (r *Run) signal() {
	select {
	case r.ready <- struct{}{}:
	default:
	}
}

func (r *Run) fail(err error) {
	r.mu.Lock()
	if r.failed == nil {
		r.failed = err
	}
	r.mu.Unlock()
	r.stop(err)
	r.announce()
}

// drive sends what is due and ends what has timed out, until nothing is left to do.
func (r *Run) drive() {
	for {
		if r.p.Slack > 0 {
			for _, l := range r.links {
				if l != nil {
					r.poll(l)
				}
			}
		}
		now := r.clock.Now()
		r.mu.Lock()
		r.expire(now)
		full := len(r.out) > backlogMost || r.helper != nil && r.crowded()
		n := 0
		if r.ctx.Err() == nil && !full {
			n = r.prepare(r.lanes)
		}
		done := r.ctx.Err() != nil || r.complete(now)
		next := r.next(now)
		r.mu.Unlock()
		if n > 0 {
			if n >= sendBatch/2 {
				r.callHelper()
			}
			r.transmitAll(r.lanes)
			r.announce()
			continue
		}
		r.announce()
		if done {
			r.finish()
			return
		}
		if full || next <= now {
			next = now + crowdedPause
		}
		// When ctx ends, the next turn finds that.
		_ = r.clock.Until(r.ctx, next, r.wake)
	}
}

// help is a second sender beside drive, for when there is more to send than one can: the kernel takes a packet through
// the other host and back within the send where it can, so that one sender is bound to one processor.
func (r *Run) help() {
	for {
		select {
		case <-r.ctx.Done():
			return
		case <-r.more:
		}
		for r.ctx.Err() == nil {
			r.mu.Lock()
			n := 0
			if len(r.out) <= backlogMost && !r.crowded() {
				n = r.prepare(r.helper)
			}
			r.mu.Unlock()
			if n == 0 {
				break
			}
			r.transmitAll(r.helper)
			r.announce()
		}
		r.nudge()
	}
}

func (r *Run) callHelper() {
	if r.helper == nil {
		return
	}
	select {
	case r.more <- struct{}{}:
	default:
	}
}

// finish yields what is still on its way as Pending.
func (r *Run) finish() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for n := r.table.tail; n < r.table.next; n++ {
		if s := r.table.get(n); s.state == probe.Pending && s.seq > 0 {
			e := r.echo(n, s)
			s.state = probe.Lost
			r.closeSlot(s, &e)
			r.out = append(r.out, e)
		}
	}
	r.finished = true
	r.signal()
}

// complete tells whether all is sent and nothing is waited for.
func (r *Run) complete(now time.Duration) bool {
	if !r.fed || r.urgent.len() > 0 || r.regular.len() > 0 || len(r.feed) > 0 {
		return false
	}
	if !r.drained {
		r.drained = true
		r.expire(now)
	}
	return r.open == 0 && (!r.several || now >= r.gathered())
}

// gathered returns until when further answers to the last echo are waited for, if several hosts may answer it.
func (r *Run) gathered() time.Duration {
	if r.p.QuickEnd && r.longest > 0 {
		return r.lastSend + min(r.p.Timeout, max(2*r.longest, r.p.Interval))
	}
	return r.lastSend + r.p.Timeout
}

// next returns when something will be due.
func (r *Run) next(now time.Duration) time.Duration {
	next := now + time.Hour
	sendable := r.regular.len() > 0
	if sendable {
		next = r.regular.front().due(r.p.Interval)
	}
	if r.urgent.len() > 0 || len(r.feed) > 0 {
		sendable, next = true, now
	}
	if r.p.Window > 0 && sendable {
		next = now
		if r.free(now) == 0 {
			next = r.lastSend + r.p.Interval
		}
	}
	if sendable && r.p.Gap > 0 {
		next = max(next, r.schedule.Next())
	}
	if r.p.Slack > 0 {
		if next > now {
			next += r.p.Slack
		}
		if r.open > 0 {
			next = min(next, now+r.p.Slack)
		}
	}
	if sendable && r.stuck() {
		next = now + time.Hour
	}
	if r.several && r.drained && r.open == 0 {
		next = r.gathered()
	}
	for level := range r.levels {
		if s := r.firstPending(&r.timeouts[level]); s != nil {
			next = min(next, s.sent+r.timeout(level))
		}
		if s := r.firstPending(&r.finals[level]); s != nil {
			next = min(next, r.finalAt(s))
		}
	}
	return next
}

// firstPending takes ended echoes off the front of q and returns the one then in front, nil if there is none.
func (r *Run) firstPending(q *queue[uint64]) *slot {
	for ; q.len() > 0; q.pop() {
		if s := r.table.get(q.front()); s != nil && s.state == probe.Pending {
			return s
		}
	}
	return nil
}

// finalAt returns when nothing is waited for any longer. Without a Late of its own, a late answer is waited for only
// while there is something else to wait for.
func (r *Run) finalAt(s *slot) time.Duration {
	at := s.sent + r.timeout(int(s.level))
	if !r.drained || r.p.Late > 0 {
		at += r.late()
	}
	if r.drained && r.p.QuickEnd && r.longest > 0 {
		at = min(at, r.lastSend+max(2*r.longest, r.p.Interval))
	}
	return at
}

// due returns when the next regular echo to h is due.
func (h *host) due(interval time.Duration) time.Duration {
	return h.start + time.Duration(h.sent)*interval
}

// stuck tells whether the table is full: nothing can be sent until its oldest echo ends.
func (r *Run) stuck() bool {
	if r.table.next-r.table.tail >= r.table.limit {
		r.forget(0, true)
	}
	return r.table.next-r.table.tail >= r.table.limit
}

// free returns how many echoes the window has room for. A large window is filled in batches.
func (r *Run) free(now time.Duration) int {
	free := r.p.Window - r.waiting
	if free < r.p.Window/4 {
		free = 0
	}
	if free <= 0 && now-r.lastSend >= r.p.Interval {
		free = 1
	}
	return free
}

func (r *Run) timeout(level int) time.Duration {
	if level == 0 {
		return r.p.Timeout
	}
	return time.Duration(float64(r.p.Timeout) * math.Pow(r.p.Backoff, float64(level)))
}

func (r *Run) late() time.Duration {
	if r.p.Late > 0 {
		return r.p.Late
	}
	return min(r.p.Timeout, lateMost)
}

// prepare takes what is due at now, enters it in the table and writes the messages. It returns how many there are.
func (r *Run) prepare(lanes *[2]*lane) (n int) {
	// One reading gives both clocks; what is compared with the kernel's stamps must be of the same instant.
	call := r.now()
	now := call.steady
	if r.idle {
		r.schedule.Rest(now)
	}
	room := r.schedule.Due(now)
	if r.p.Gap == 0 {
		room = sendBatch
	}
	if r.p.Window > 0 {
		room = min(room, r.free(now))
	}
	for _, ln := range lanes {
		if ln != nil {
			room = min(room, cap(ln.out))
			ln.out, ln.outN = ln.out[:0], ln.outN[:0]
		}
	}
	r.filling = lanes
	for n < room && r.one(call) {
		n++
	}
	r.idle = n < room
	if n > 0 {
		if r.firstSend == 0 {
			r.firstSend = now
		}
		r.lastSend = now
		if r.p.Gap > 0 {
			r.schedule.Take(n)
		}
	}
	return n
}

// one enters one echo, if one is due.
func (r *Run) one(call moment) bool {
	now := call.steady
	if r.stuck() {
		return false
	}
	var h *host
	switch {
	case r.urgent.len() > 0:
		h = r.urgent.pop()
	case r.regular.len() > 0 && (r.p.Window > 0 || r.regular.front().due(r.p.Interval) <= now):
		h = r.regular.pop()
		if behind := now - h.due(r.p.Interval); r.p.Window == 0 && behind > catchUp*r.p.Interval {
			h.start += behind
			r.report.Slipped += behind
		}
	default:
		return r.fromFeed(call)
	}
	if h.alive && r.p.Retries > 0 {
		// A late answer came while the retry waited for its turn.
		h.finished = true
		return r.one(call)
	}
	r.begin(h.target, h, h.index, call)
	return true
}

// fromFeed begins the next target, if one is there.
func (r *Run) fromFeed(call moment) bool {
	select {
	case target := <-r.feed:
		target = target.Unmap()
		index := r.fresh
		r.fresh++
		var h *host
		if r.p.Count != 1 {
			h = &host{target: target, index: index, start: call.steady}
		}
		r.begin(target, h, index, call)
		return true
	default:
		return false
	}
}

// begin enters an echo to the target in the table and its message in the family's batch.
func (r *Run) begin(target netip.Addr, h *host, index uint32, call moment) {
	s, n, _ := r.table.add()
	s.target, s.host, s.index, s.sent, s.wall, s.seq = target, h, index, call.steady, call.wall, 1
	r.several = r.several || r.p.Broadcast || target.IsMulticast()
	r.rate.add(call.steady, 1)
	if h != nil {
		h.sent++
		h.open++
		s.seq = uint32(h.sent)
		if r.p.Retries > 0 {
			s.level = uint8(h.sent - 1)
		}
		r.plan(h)
	}
	r.waiting++
	r.open++
	r.levels = max(r.levels, int(s.level)+1)
	r.timeouts[s.level].push(n)
	r.finals[s.level].push(n)
	l := r.link(target)
	if l == nil {
		r.refuse(n, s, syscall.EAFNOSUPPORT, 0)
		return
	}
	ln := r.filling[0]
	if l.codec.six {
		ln = r.filling[1]
	}
	i := len(ln.out)
	ln.out, ln.outN = ln.out[:i+1], append(ln.outN, n)
	m := &ln.out[i]
	m.Buf = ln.build(m.Buf, n, target)
	m.Addr = netip.AddrPortFrom(target.WithZone(""), 0)
	m.Scope = uint32(zoneIndex(target.Zone()))
	m.OOB = m.OOB[:0]
	if l.codec.six && r.p.FlowLabel != 0 {
		m.OOB = cmsg.AppendFlowInfo(m.OOB, r.p.FlowLabel)
	}
	if l.stamps && ln.header == nil && (r.p.Stamps == StampsOn || r.rate.perSecond() <= stampsPerSec) {
		s.asked = true
		m.OOB = cmsg.AppendTimestampID(cmsg.AppendTimestamping(m.OOB, cmsg.TxSched|cmsg.TxSoftware), uint32(n))
	}
}

// plan queues the next echo to h, if there is to be one.
func (r *Run) plan(h *host) {
	switch {
	case r.p.Count == 1:
		// Retries are planned when a timeout passes.
	case r.p.Count > 0 && h.sent >= r.p.Count:
		h.finished = true
	case h.sent < r.p.Preload:
		r.urgent.push(h)
		h.start -= r.p.Interval // the timetable goes on one interval after the start
	default:
		r.regular.push(h)
	}
}

func (r *Run) link(target netip.Addr) *link {
	if target.Is4() {
		return r.links[0]
	}
	return r.links[1]
}

// build writes the message of echo n into b, with the IP header before it if this lane sends that too.
func (ln *lane) build(b []byte, n uint64, target netip.Addr) []byte {
	h := len(ln.header)
	if h == 0 {
		return ln.link.codec.build(b, n, target)
	}
	b = b[:cap(b)]
	copy(b, ln.header)
	dst := target.As4()
	copy(b[16:], dst[:])
	return b[:h+len(ln.link.codec.build(b[h:], n, target))]
}

func (r *Run) transmitAll(lanes *[2]*lane) {
	for _, ln := range lanes {
		if ln != nil && len(ln.out) > 0 {
			r.transmit(ln)
		}
	}
}

// transmit sends the batch of a lane. A message that cannot be sent has ended; those behind it go on.
func (r *Run) transmit(ln *lane) {
	l, ms, ns := ln.link, ln.out, ln.outN
	for tries := 0; len(ms) > 0; {
		k, err := ln.send.Send(ms)
		r.sent(ns[:k])
		ms, ns = ms[k:], ns[k:]
		if k > 0 {
			tries = 0
		}
		if err == nil {
			continue
		}
		var errno syscall.Errno
		if !errors.As(err, &errno) {
			if r.ctx.Err() == nil {
				r.fail(fmt.Errorf("raw: ping: %w", err))
			}
			return
		}
		if errno == syscall.EINVAL && l.codec.six && r.p.FlowLabel != 0 && !l.leased {
			// Where somebody has a label for himself, all others have to ask for theirs.
			l.leased = true
			if errno = leaseFlowLabel(l.conn, r.p.FlowLabel, ms[0].Addr.Addr(), labelAnybody); errno == 0 {
				continue
			}
		}
		if errno == syscall.EINVAL && l.stamps && l.stamped == 0 && len(ms[0].OOB) > 0 {
			r.unstamp(l, ms)
			continue
		}
		// An ICMP error about an earlier echo fails one send after it.
		if tries < 3 && queued(err) {
			tries++
			continue
		}
		tries = 0
		r.mu.Lock()
		if s := r.table.get(ns[0]); s != nil && s.state == probe.Pending {
			r.unsent(ln, ns[0], s, errno)
		}
		r.mu.Unlock()
		ms, ns = ms[1:], ns[1:]
	}
}

// unstamp gives up send timestamps: this kernel does not let the sender number them.
func (r *Run) unstamp(l *link, ms []cmsg.Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l.stamps = false
	r.report.Warnings = append(r.report.Warnings, "this kernel has no numbered send timestamps (Linux 6.13 has): times are from the call on")
	for i := range ms {
		ms[i].OOB = ms[i].OOB[:0]
		if l.codec.six && r.p.FlowLabel != 0 {
			ms[i].OOB = cmsg.AppendFlowInfo(ms[i].OOB, r.p.FlowLabel)
		}
	}
}

// sent counts echoes that the kernel took without being asked to stamp them; stamped ones are counted by their stamp.
func (r *Run) sent(ns []uint64) {
	if len(ns) == 0 {
		return
	}
	now := r.clock.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, n := range ns {
		if s := r.table.get(n); s != nil && !s.asked {
			r.pace.Sent(now)
		}
	}
}

// refuse ends an echo that could not be sent.
func (r *Run) refuse(n uint64, s *slot, errno syscall.Errno, mtu int) {
	e := r.echo(n, s)
	e.Outcome, e.Cause, e.Err, e.MTU = probe.Lost, probe.SendFailed, errno, mtu
	if errno == syscall.ENOBUFS {
		e.Cause = probe.LocalQueue
	}
	r.end(s, &e)
}

// echo begins the account of echo n.
func (r *Run) echo(n uint64, s *slot) Echo {
	return Echo{Target: s.target, Index: int(s.index), Seq: int(s.seq), N: n, Sent: time.Unix(0, s.wall)}
}

// end ends an echo with what e says.
func (r *Run) end(s *slot, e *Echo) {
	s.state = e.Outcome
	if s.host != nil && (e.Outcome == probe.Answered || e.Outcome == probe.Late) {
		s.host.alive = true
		e.Reordered = s.seq < s.host.heard
		s.host.heard = max(s.host.heard, s.seq)
	}
	if !s.over {
		r.again(s, e)
	}
	r.closeSlot(s, e)
	r.out = append(r.out, *e)
}

func (r *Run) closeSlot(s *slot, e *Echo) {
	r.open--
	if !s.over {
		r.waiting--
	}
	if s.host == nil {
		e.Done, e.Alive = true, e.Outcome == probe.Answered || e.Outcome == probe.Late
		return
	}
	s.host.open--
	if r.p.Retries > 0 && s.host.alive {
		s.host.finished = true
	}
	e.Done, e.Alive = s.host.finished && s.host.open == 0, s.host.alive
}

// again plans a retry for an echo that ended before its timeout without an answer. Where the network or the system
// gave a definite no, there is none; otherwise it is sent when the timeout would have passed.
func (r *Run) again(s *slot, e *Echo) {
	if r.p.Retries == 0 || e.Outcome == probe.Answered || e.Outcome == probe.Late || s.host != nil && s.host.alive {
		return
	}
	if e.Cause == probe.SendFailed || e.Cause == probe.NetworkError || int(s.level) >= r.p.Retries {
		if s.host != nil {
			s.host.finished = true
		}
		return
	}
	if s.host == nil {
		s.host = &host{target: s.target, index: s.index, sent: 1, open: 1}
	}
	s.host.start = s.sent + r.timeout(int(s.level)) - time.Duration(s.host.sent)*r.p.Interval
	r.regular.push(s.host)
}

// retry has the target of s sent another echo, if retries are left.
func (r *Run) retry(s *slot) {
	if r.p.Retries == 0 || s.host != nil && s.host.alive {
		return
	}
	if int(s.level) >= r.p.Retries {
		if s.host != nil {
			s.host.finished = true
		}
		return
	}
	if s.host == nil {
		s.host = &host{target: s.target, index: s.index, sent: 1, open: 1}
	}
	if s.host.sent == int(s.level)+1 {
		r.urgent.push(s.host)
	}
}

// expire deals with what has timed out at now.
func (r *Run) expire(now time.Duration) {
	if r.mayExpire(now) {
		r.endOverdue(r.heardUntil(now))
	}
	r.forget(now, false)
}

// mayExpire tells whether a timeout has passed.
func (r *Run) mayExpire(now time.Duration) bool {
	for level := range r.levels {
		if s := r.firstPending(&r.timeouts[level]); s != nil && now >= s.sent+r.timeout(level) {
			return true
		}
		if s := r.firstPending(&r.finals[level]); s != nil && now >= r.finalAt(s) {
			return true
		}
	}
	return false
}

func (r *Run) endOverdue(now time.Duration) {
	for level := range r.levels {
		timeouts, finals := &r.timeouts[level], &r.finals[level]
		for s := r.firstPending(timeouts); s != nil && now >= s.sent+r.timeout(level); s = r.firstPending(timeouts) {
			n := timeouts.pop()
			s.over = true
			r.waiting--
			r.retry(s)
			if r.p.Overdue {
				e := r.echo(n, s)
				e.Overdue = true
				r.out = append(r.out, e)
			}
		}
		s := r.firstPending(finals)
		if s == nil || now < r.finalAt(s) {
			continue
		}
		r.readDrops(now)
		for ; s != nil && now >= r.finalAt(s); s = r.firstPending(finals) {
			r.lose(finals.pop(), s, now)
		}
	}
}

// forget lets go of the oldest echoes that have ended: those for which no duplicate is waited for either or, when
// there is need, all.
func (r *Run) forget(now time.Duration, need bool) {
	for r.table.tail < r.table.next {
		s := r.table.get(r.table.tail)
		if s.state == probe.Pending || !need && now < r.finalAt(s) {
			return
		}
		r.table.tail++
	}
}

// lose ends an echo that nothing was heard of, and says what can be known about why.
func (r *Run) lose(n uint64, s *slot, now time.Duration) {
	e := r.echo(n, s)
	e.Outcome, e.Cause = probe.Lost, probe.Unanswered
	l := r.link(s.target)
	switch {
	case l.forgetLarge(n):
		e.Cause, e.Err = probe.SendFailed, syscall.EMSGSIZE
	case r.claimDrop(s.sent, now):
		e.Cause = probe.ReceiveBuffer
	case s.asked && l.stamps && l.stamped > 0 && s.stamp == 0 && s.sched == 0:
		e.Cause = probe.Unresolved
	case s.asked && l.stamps && l.stamped > 0 && s.stamp == 0:
		e.Cause = probe.LocalQueue
	}
	r.end(s, &e)
}

// claimDrop puts one packet lost in a receive buffer down as the answer to an echo sent at from.
func (r *Run) claimDrop(from, now time.Duration) bool {
	for i := range r.drops {
		w := &r.drops[i]
		if w.left > 0 && w.to >= from && w.from <= now {
			w.left--
			r.report.Claimed++
			return true
		}
	}
	return false
}

// readDrops asks the sockets how many packets they lost since they were last asked.
func (r *Run) readDrops(now time.Duration) {
	for _, l := range r.links {
		if l == nil {
			continue
		}
		if drops, err := l.conn.Drops(); err == nil {
			r.dropped(l, drops, now)
		}
	}
	keep := r.drops[:0]
	for _, w := range r.drops {
		oldest := r.table.get(r.table.tail)
		if w.left > 0 && oldest != nil && w.to >= oldest.sent {
			keep = append(keep, w)
		}
	}
	r.drops = keep
}

// dropped takes in how many packets a socket has dropped in all. An IPv6 raw socket also counts those that the kernel
// threw away for their checksum; its buffer cannot have been full if few packets were ever found waiting in it.
func (r *Run) dropped(l *link, drops uint32, now time.Duration) {
	lost := drops - l.drops
	if lost != 0 && lost < 1<<31 {
		const overhead = 1024 // bytes that a packet costs the buffer beside its own, at most
		full := 4*l.peak*(r.p.Size+overhead) >= l.conn.ReadBuffer()
		if l.codec.six && l.conn.ID() == 0 && !full {
			r.report.Damaged += uint64(lost)
		} else {
			r.drops = append(r.drops, dropWindow{l.dropsAt, now, lost})
			r.report.Drops += uint64(lost)
		}
		l.drops, l.peak = drops, 0
	}
	l.dropsAt = now
}
