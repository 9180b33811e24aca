package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
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
		return receive(ctx, env, &o)
	})
}

// summary is the last record.
type summary struct {
	Type        string `json:"type"`
	Received    int    `json:"received"`
	Bytes       int    `json:"bytes"`
	Truncated   int    `json:"truncated"`
	Dropped     uint64 `json:"dropped"`  // by receive buffers, to the last one
	Checksum    uint64 `json:"checksum"` // thrown away for a wrong checksum, in the whole network namespace
	Senders     int    `json:"senders"`
	Answers     int    `json:"answers"`
	Failed      int    `json:"failed_answers"`
	NoRoom      int    `json:"no_room"`      // answers left out because there was no room in a buffer
	NotAnswered int    `json:"not_answered"` // datagrams that a server must not answer, see dgram.Conn.Unanswerable
	Errors      uint64 `json:"errors"`       // that the network told about answers
	Elapsed     int64  `json:"elapsed_ns"`
}

// receiver is one run of the command. Sockets are read by a goroutine each; mu makes what they do with a datagram one
// thing at a time.
type receiver struct {
	o     *options
	env   *cli.Env
	conns []*dgram.Conn

	mu      sync.Mutex
	sum     summary
	senders map[dgram.Addr]struct{}
	out     []byte
	capture *captureFile
	saver   *saver
	shown   map[string]struct{} // kinds of trouble that have been shown
	lost    *dgram.ReceiveErrors
	full    context.CancelFunc // -c is reached
	last    atomic.Int64       // when the last datagram came, or had been dealt with
	busy    atomic.Bool        // one is being dealt with
}

// maxSenders bounds what is remembered of who sent; the count stops there.
const maxSenders = 1 << 16

func receive(ctx context.Context, env *cli.Env, o *options) error {
	r := &receiver{o: o, env: env, senders: map[dgram.Addr]struct{}{}, shown: map[string]struct{}{}, sum: summary{Type: "summary"}}
	defer r.close()
	if o.udp {
		r.lost, _ = dgram.OpenReceiveErrors() // where that fails, a wrong checksum counts as a loss of the buffer
	}
	if err := r.open(ctx); err != nil {
		return err
	}
	start := time.Now()
	r.last.Store(start.UnixNano())
	work, full := context.WithCancel(ctx)
	defer full()
	r.full = full
	if o.duration > 0 {
		defer time.AfterFunc(o.duration, full).Stop()
	}
	if o.idle > 0 {
		go r.watchIdle(work)
	}
	env.OnStatus(r.status)
	stop := env.Progress(r.status)
	err := r.readAll(work)
	stop()
	r.sum.Elapsed = time.Since(start).Nanoseconds()
	r.finish()
	if closing := r.capture.close(); closing != nil && err == nil {
		err = fmt.Errorf("--write: %w", closing)
	}
	switch {
	case err != nil:
		return err
	case ctx.Err() != nil:
		return nil // told to stop, as a server is
	case r.sum.Received < o.count || r.sum.Received == 0:
		return cli.ErrNo
	}
	return nil
}

func (r *receiver) open(ctx context.Context) error {
	for _, a := range r.o.addresses {
		c, err := r.listen(ctx, a)
		if err != nil {
			return err
		}
		r.conns = append(r.conns, c)
		switch {
		case r.o.verbose:
			r.env.Warnf("listening on %v, receive buffer granted: %d bytes", c.LocalAddr(), c.ReadBuffer())
		case !r.o.quiet:
			r.env.Warnf("listening on %v", c.LocalAddr())
		}
	}
	if r.o.save != "" {
		var err error
		if r.saver, err = openSaver(r.o.save); err != nil {
			return err
		}
	}
	if r.o.write != "" {
		held, err := cli.AwaitReader(ctx, r.o.write)
		if err != nil {
			return err
		}
		defer held.Close()
		if r.capture, err = createCapture(r.o.write); err != nil {
			return err
		}
	}
	return nil
}

func (r *receiver) listen(ctx context.Context, a datagram.Address) (*dgram.Conn, error) {
	c, err := dgram.Listen(ctx, a.Network, a.Text, r.o.config)
	if err != nil {
		return nil, err
	}
	if a.Network == "unixgram" {
		return c, nil
	}
	for _, g := range r.o.groups {
		ifname := g.ifname
		if ifname == "" {
			ifname = r.o.socket.Interface
		}
		if g.source.IsValid() {
			err = c.JoinSource(g.group, g.source, ifname)
		} else {
			err = c.Join(g.group, ifname)
		}
		if err != nil {
			c.Close()
			return nil, cli.WithHint(err, "name an interface with --join GROUP%%IFACE; ip link lists them")
		}
	}
	return c, nil
}

func (r *receiver) close() {
	r.lost.Close()
	r.saver.close()
	for _, c := range r.conns {
		c.Close()
	}
}

func (r *receiver) readAll(ctx context.Context) error {
	errs := make([]error, len(r.conns))
	var wg sync.WaitGroup
	for i, c := range r.conns {
		wg.Go(func() {
			if errs[i] = r.read(ctx, c); errs[i] != nil {
				r.full()
			}
		})
	}
	wg.Wait()
	return cli.Join(errs...)
}

// read takes batches from one socket until ctx is done, then what has arrived by then.
func (r *receiver) read(ctx context.Context, c *dgram.Conn) error {
	b := c.NewBatch(32, int(r.o.size))
	stop := context.AfterFunc(ctx, func() { _ = c.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	for {
		ds, err := c.ReceiveBatch(b)
		if err != nil {
			if ctx.Err() != nil && errors.Is(err, os.ErrDeadlineExceeded) {
				break
			}
			return err
		}
		if more, err := r.take(ctx, c, ds); !more || err != nil {
			return err
		}
		r.showErrors(c)
	}
	return r.rest(ctx, c, b, time.Now())
}

// rest takes what had arrived by the end, all of it: new arrivals do not keep it going.
func (r *receiver) rest(ctx context.Context, c *dgram.Conn, b *dgram.Batch, end time.Time) error {
	for r.o.count == 0 {
		ds, err := c.TryReceiveBatch(b)
		if err != nil || len(ds) == 0 {
			return err
		}
		if _, err := r.take(ctx, c, ds); err != nil || ds[len(ds)-1].Time.After(end) {
			return err
		}
	}
	return nil
}

// take handles a batch; it returns false when enough has been received.
func (r *receiver) take(ctx context.Context, c *dgram.Conn, ds []dgram.Datagram) (more bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.busy.Store(true)
	defer func() {
		r.last.Store(time.Now().UnixNano())
		r.busy.Store(false)
	}()
	for i := range ds {
		if r.o.count > 0 && r.sum.Received == r.o.count {
			closeFiles(&ds[i])
			continue
		}
		if err := r.handle(ctx, c, &ds[i]); err != nil {
			return false, err
		}
		if r.sum.Received == r.o.count {
			r.full()
			more = false
		}
	}
	return r.o.count == 0 || r.sum.Received < r.o.count, r.env.Stdout.Flush()
}

func closeFiles(d *dgram.Datagram) {
	for _, f := range d.Files {
		f.Close()
	}
}

func (r *receiver) handle(ctx context.Context, c *dgram.Conn, d *dgram.Datagram) error {
	defer closeFiles(d)
	r.sum.Received++
	r.sum.Bytes += len(d.Payload)
	if d.Truncated {
		r.sum.Truncated++
	}
	if len(r.senders) < maxSenders {
		r.senders[d.From] = struct{}{}
	}
	saved, err := r.saver.save(d.Payload)
	if err != nil {
		return err
	}
	r.show(c, d, saved)
	if err := r.capture.write(d, c.LocalAddr()); err != nil {
		return fmt.Errorf("--write: %w", err)
	}
	r.answer(ctx, c, d)
	return nil
}

// show prints a datagram: which of several sockets it came to, where it does not say so itself, and where it was saved.
func (r *receiver) show(c *dgram.Conn, d *dgram.Datagram, saved string) {
	b := r.out[:0]
	switch r.o.print {
	case datagram.JSON:
		record := datagram.NewRecord("datagram", d)
		record.Saved = saved
		if r.onUnixName(c) {
			record.To = c.LocalAddr().String()
		}
		r.env.Stdout.JSON(record)
		return
	case datagram.Raw:
		r.env.Stdout.Bytes().Write(d.Payload)
		return
	case datagram.Text, datagram.Hex:
		if !r.o.brief {
			b = append(b, datagram.Describe(d)...)
			if r.onUnixName(c) {
				b = fmt.Appendf(b, " at %s", cli.Escape(c.LocalAddr().String()))
			}
			if saved != "" {
				b = fmt.Appendf(b, " saved as %s", saved)
			}
			if d.Dropped > 0 {
				b = fmt.Appendf(b, " (%d lost before it)", d.Dropped)
			}
		}
		if r.o.print == datagram.Hex {
			if !r.o.brief {
				b = append(b, '\n')
			}
			b = datagram.AppendHex(b, d.Payload)
			break
		}
		if !r.o.brief && len(d.Payload) > 0 {
			b = append(b, ": "...)
		}
		b = append(cli.AppendEscaped(b, d.Payload), '\n')
	}
	r.out = b
	r.env.Stdout.Write(b)
}

// onUnixName tells whether a datagram that came to c does not say where it came to.
func (r *receiver) onUnixName(c *dgram.Conn) bool {
	return len(r.conns) > 1 && c.LocalAddr().Unix != ""
}

// showErrors tells what the network says about answers.
func (r *receiver) showErrors(c *dgram.Conn) {
	if !r.o.verbose {
		return
	}
	list, _ := c.Reports()
	for _, e := range list {
		r.env.Warnf("%v", e)
	}
}

func (r *receiver) watchIdle(ctx context.Context) {
	for {
		quiet := time.Since(time.Unix(0, r.last.Load()))
		if r.busy.Load() {
			quiet = 0
		}
		if quiet >= r.o.idle {
			r.full()
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(r.o.idle - quiet):
		}
	}
}

func (r *receiver) status() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	full, wrong := r.drops()
	return fmt.Sprintf("%s, %s, %d truncated, %d lost, %d with a wrong checksum", cli.Plural(r.sum.Received, "datagram"),
		cli.Plural(r.sum.Bytes, "byte"), r.sum.Truncated, full, wrong)
}

// drops is what the kernel threw away: for want of room in the sockets' buffers, and for a wrong checksum. It counts
// the second for the whole network namespace only, for it looks at small datagrams before it looks for their socket.
func (r *receiver) drops() (full, wrong uint64) {
	drops := uint64(0)
	for _, c := range r.conns {
		if d, err := c.Drops(); err == nil {
			drops += uint64(d)
		}
	}
	counts, err := r.lost.Count()
	if err != nil {
		return drops, 0
	}
	full, _ = counts.Split(drops)
	return full, counts.Checksum
}

func (r *receiver) finish() {
	r.sum.Dropped, r.sum.Checksum = r.drops()
	r.sum.Senders = len(r.senders)
	for _, c := range r.conns {
		_, n := c.Reports()
		r.sum.Errors += n
	}
	if r.o.json {
		r.env.Stdout.JSON(r.sum)
		return
	}
	if r.o.quiet {
		return
	}
	s := &r.sum
	text := cli.Parts{fmt.Sprintf("%s (%s) from %s", cli.Plural(s.Received, "datagram"), cli.Plural(s.Bytes, "byte"),
		cli.Plural(s.Senders, "sender"))}
	text.Count(uint64(s.Truncated), "truncated")
	text.Count(s.Dropped, "lost because the receive buffer was full")
	text.Count(s.Checksum, "with a wrong checksum (counted for the whole network namespace)")
	text.Count(uint64(s.Answers), "answered")
	text.Count(uint64(s.Failed), "failed to be answered")
	text.Count(uint64(s.NoRoom), "not answered for want of room")
	text.Count(uint64(s.NotAnswered), "not answered because answers might go on for ever")
	text.Count(s.Errors, "reported by the network as undelivered")
	r.env.Warnf("%s", text)
}
