package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"sockwire/cmd/internal/cli"
	"sockwire/cmd/internal/datagram"
	"sockwire/dgram"
)

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var o options
	c := newCommand(&o)
	return c.Execute(ctx, args, stdin, stdout, stderr, func(ctx context.Context, env *cli.Env, args []string) error {
		if err := o.check(c, args); err != nil {
			return err
		}
		return send(ctx, env, &o)
	})
}

// sender is one run of the command.
type sender struct {
	o     *options
	env   *cli.Env
	conn  *dgram.Conn
	to    dgram.Addr // zero on a connected socket
	peer  dgram.Addr
	group bool // to a group or broadcast address, so anybody may answer
	files []*os.File
	buf   []byte
	out   []byte

	sum     summary
	failure error // why the exit status is 1
}

type summary struct {
	Type       string `json:"type"`
	To         string `json:"to"`
	Sent       int    `json:"sent"`
	Bytes      int    `json:"bytes"`
	Answers    int    `json:"answers"`
	Unanswered int    `json:"unanswered"`
	Retries    int    `json:"retries"`
	Errors     int    `json:"errors"`
	Elapsed    int64  `json:"elapsed_ns"`
}

func send(ctx context.Context, env *cli.Env, o *options) error {
	s := &sender{o: o, env: env}
	if err := s.open(ctx); err != nil {
		return err
	}
	defer s.conn.Close()
	// The end of ctx ends a wait for room, which a peer that does not read may make long, and one for answers.
	defer context.AfterFunc(ctx, func() {
		past := time.Unix(1, 0)
		_, _ = s.conn.SetWriteDeadline(past), s.conn.SetReadDeadline(past)
	})()
	start := time.Now()
	var err error
	if o.replay.file != "" {
		err = s.replay(ctx)
	} else {
		err = s.all(ctx)
	}
	if err == nil || errors.Is(err, errStopped) {
		s.linger(ctx)
	}
	s.sum.Elapsed = time.Since(start).Nanoseconds()
	s.finish(ctx)
	if err != nil && !errors.Is(err, errStopped) && ctx.Err() == nil {
		return err
	}
	if ctx.Err() != nil && s.failure == nil {
		return fmt.Errorf("%w: %w", context.Cause(ctx), cli.ErrNo)
	}
	return s.failure
}

// open makes the socket: connected where only one peer can answer.
func (s *sender) open(ctx context.Context) (err error) {
	o := s.o
	if s.files, err = o.passed(); err != nil {
		return err
	}
	if s.peer, err = o.to.Resolve(ctx); err != nil {
		return cli.WithHint(err, "write the address as a number if the name has none")
	}
	ip := s.peer.IP.Addr()
	s.group = ip.IsMulticast() || o.config.Broadcast
	if s.group || o.unconnected {
		network, local := o.to.Network, o.config.Local
		if network != "unixgram" {
			network = "udp6"
			if ip.Is4() {
				network = "udp4"
			}
			if local == "" {
				local = ":0"
			}
		}
		s.to = s.peer
		s.conn, err = dgram.Listen(ctx, network, local, o.config)
	} else {
		s.conn, err = dgram.Dial(ctx, o.to.Network, peerText(s.peer), o.config)
	}
	if err != nil {
		return err
	}
	s.sum = summary{Type: "summary", To: s.peer.String()}
	s.buf = make([]byte, 1<<16)
	if o.verbose {
		s.env.Warnf("from %v to %v, buffers granted: send %d, receive %d bytes", s.conn.LocalAddr(), s.peer, s.conn.WriteBuffer(), s.conn.ReadBuffer())
	}
	return nil
}

func peerText(a dgram.Addr) string {
	if a.Unix != "" {
		return a.Unix
	}
	return a.IP.String()
}

// errStopped ends the sending early: a signal came, or the peer said that it is not there.
var errStopped = errors.New("stopped")

func (s *sender) all(ctx context.Context) error {
	o := s.o
	p := payloads{line: o.line, record: int(o.record), limit: s.conn.MaxPayload(s.to)}
	in, done, err := o.input(ctx, s.env)
	if err != nil {
		return err
	}
	defer done()
	in = flushFirst{in, s.env.Stdout}
	var kept [][]byte // what is sent again
	for b, err := range p.from(in) {
		if err != nil {
			return err
		}
		if o.count > 1 {
			kept = append(kept, bytes.Clone(b))
		} else if err := s.one(ctx, b); err != nil {
			return err
		}
	}
	for range o.count {
		for _, b := range kept {
			if err := s.one(ctx, b); err != nil {
				return err
			}
		}
	}
	return nil
}

// flushFirst is an input that may be waited for: what has been written is there to be read meanwhile.
type flushFirst struct {
	io.Reader
	out *cli.Output
}

func (f flushFirst) Read(p []byte) (int, error) {
	if err := f.out.Flush(); err != nil {
		return 0, err
	}
	return f.Reader.Read(p)
}

// one sends a datagram and, if asked to, waits for its answers.
func (s *sender) one(ctx context.Context, b []byte) error {
	if s.sum.Sent > 0 && s.o.interval > 0 {
		if err := s.env.Stdout.Flush(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(s.o.interval):
		}
	}
	if ctx.Err() != nil {
		return errStopped
	}
	if s.o.reply > 0 {
		return s.ask(ctx, b)
	}
	if err := s.transmit(ctx, b); err != nil {
		return err
	}
	return s.takeErrors()
}

// waitUntil has receives wait until t, or until ctx ends.
func (s *sender) waitUntil(ctx context.Context, t time.Time) {
	_ = s.conn.SetReadDeadline(t)
	if ctx.Err() != nil {
		_ = s.conn.SetReadDeadline(time.Unix(1, 0)) // as was done before, perhaps
	}
}

// transmit sends b and accounts for it.
func (s *sender) transmit(ctx context.Context, b []byte) error {
	var err error
	if len(s.files) > 0 {
		_, err = s.conn.SendAll([]dgram.Message{{Payload: b, To: s.to, Files: s.files}})
	} else {
		err = s.conn.Send(b, s.to)
	}
	if err != nil && ctx.Err() != nil {
		return errStopped
	}
	if err != nil {
		return err
	}
	s.sent(b)
	return nil
}

func (s *sender) sent(b []byte) {
	s.sum.Sent++
	s.sum.Bytes += len(b)
	if s.o.json {
		s.env.Stdout.JSON(sentRecord{"sent", time.Now(), s.peer.String(), len(b), hex.EncodeToString(b)})
	}
	if s.o.verbose {
		s.env.Warnf("sent %s to %v", cli.Plural(len(b), "byte"), s.peer)
	}
}

type sentRecord struct {
	Type string    `json:"type"`
	Time time.Time `json:"time"`
	To   string    `json:"to"`
	Size int       `json:"size"`
	Hex  string    `json:"payload_hex"`
}

// takeErrors looks whether the network has said something about what was sent, which ends the sending.
func (s *sender) takeErrors() error {
	list, _ := s.conn.Reports()
	for _, e := range list {
		s.report(e)
	}
	if len(list) > 0 {
		return errStopped
	}
	return nil
}

func (s *sender) report(e *dgram.NetworkError) {
	s.sum.Errors++
	if s.o.json {
		s.env.Stdout.JSON(datagram.NewReport(e))
	}
	if s.failure == nil {
		s.failure = fmt.Errorf("%w: %w", e, cli.ErrNo)
	}
}

// linger gives the network time to say that the last datagrams cannot be delivered.
func (s *sender) linger(ctx context.Context) {
	wait := 100 * time.Millisecond
	if s.o.waitSet {
		wait = s.o.wait
	}
	if s.o.reply > 0 || s.peer.Unix != "" || s.failure != nil || s.group || s.o.replay.file != "" {
		wait = 0
	}
	s.env.Stdout.Flush()
	for end := time.Now().Add(wait); time.Now().Before(end) && ctx.Err() == nil; {
		if s.takeErrors() != nil {
			return
		}
		time.Sleep(min(2*time.Millisecond, time.Until(end)))
	}
	_ = s.takeErrors()
}

// ask sends b until somebody answers, then waits for the rest of the answers.
func (s *sender) ask(ctx context.Context, b []byte) error {
	o := s.o
	how := &dgram.Exchange{Timeout: time.Second, Tries: o.tries, Backoff: o.backoff, AnyPeer: s.group, Buffer: s.buf}
	if o.waitSet {
		how.Timeout = max(o.wait, time.Millisecond)
	}
	if len(s.files) > 0 {
		return cli.Usagef("--fd and --reply exclude each other: a descriptor is passed once")
	}
	s.sent(b)
	s.env.Stdout.Flush()
	a, err := s.conn.Exchange(ctx, b, s.to, how)
	var netErr *dgram.NetworkError
	switch {
	case err == nil:
	case errors.As(err, &netErr):
		s.report(netErr)
		return errStopped
	case ctx.Err() != nil:
		return errStopped
	case errors.Is(err, os.ErrDeadlineExceeded):
		s.sum.Retries += o.tries - 1
		s.unanswered(err)
		return nil
	default:
		return err
	}
	s.sum.Retries += a.Tries - 1
	s.answer(&a.Datagram, a.Elapsed, a.Tries)
	return s.more(ctx, how, o.reply-1)
}

func (s *sender) unanswered(err error) {
	s.sum.Unanswered++
	if s.failure == nil {
		s.failure = fmt.Errorf("%w: %w", err, cli.ErrNo)
	} else {
		s.env.Warnf("%v", err)
	}
}

// more waits for n further answers, for as long as a first try waits.
func (s *sender) more(ctx context.Context, how *dgram.Exchange, n int) error {
	start := time.Now()
	s.waitUntil(ctx, start.Add(how.Timeout))
	defer s.conn.SetReadDeadline(time.Time{})
	for n > 0 && ctx.Err() == nil {
		d, err := s.conn.Receive(s.buf)
		var netErr *dgram.NetworkError
		switch {
		case errors.As(err, &netErr):
			s.report(netErr)
			return errStopped
		case ctx.Err() != nil:
			return errStopped
		case errors.Is(err, os.ErrDeadlineExceeded):
			s.unanswered(fmt.Errorf("%d of %d answers did not come within %v", n, s.o.reply, how.Timeout))
			return nil
		case err != nil:
			return err
		}
		if s.group || d.From == s.peer {
			s.answer(&d, d.Time.Sub(start), 1)
			n--
		}
	}
	return nil
}

// answer prints one.
func (s *sender) answer(d *dgram.Datagram, rtt time.Duration, tries int) {
	s.sum.Answers++
	for _, f := range d.Files {
		f.Close()
	}
	out := s.env.Stdout
	s.out = s.out[:0]
	switch s.o.print {
	case datagram.JSON:
		r := datagram.NewRecord("answer", d)
		r.RTT, r.Tries = rtt.Nanoseconds(), tries
		out.JSON(r)
	case datagram.Text:
		s.out = append(cli.AppendEscaped(s.out, d.Payload), '\n')
	case datagram.Hex:
		s.out = append(s.out, datagram.Describe(d)...)
		s.out = datagram.AppendHex(append(s.out, '\n'), d.Payload)
	case datagram.Raw:
		out.Bytes().Write(d.Payload)
	}
	out.Write(s.out)
	out.Flush()
	if s.o.verbose {
		s.env.Warnf("answer from %v after %v, try %d", d.From, rtt.Round(time.Microsecond), tries)
	}
	if d.Truncated {
		s.env.Warnf("the answer from %v was cut", d.From)
	}
}

// finish says what was done, to whoever asked to be told and whoever ended it early.
func (s *sender) finish(ctx context.Context) {
	switch {
	case s.o.json:
		s.env.Stdout.JSON(s.sum)
	case s.o.quiet:
	case s.o.verbose, ctx.Err() != nil:
		s.env.Warnf("%s", s.sum)
	}
}

// String leaves out what did not happen.
func (s summary) String() string {
	text := fmt.Sprintf("%s (%s) sent", cli.Plural(s.Sent, "datagram"), cli.Plural(s.Bytes, "byte"))
	for _, part := range []struct {
		n    int
		what string
	}{{s.Answers, "answer"}, {s.Retries, "retransmission"}, {s.Errors, "error"}} {
		if part.n > 0 {
			text += ", " + cli.Plural(part.n, part.what)
		}
	}
	if s.Unanswered > 0 {
		text += fmt.Sprintf(", %d unanswered", s.Unanswered)
	}
	return text
}
