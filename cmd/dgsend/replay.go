package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
	"time"
	"unsafe"

	"github.com/spf13/pflag"

	"sockwire/capture"
	"sockwire/capture/decode"
	"sockwire/cmd/internal/captures"
	"sockwire/cmd/internal/cli"
	"sockwire/cmd/internal/datagram"
	"sockwire/dgram"
)

// replayOptions say how to hold a recorded conversation again.
type replayOptions struct {
	file         string
	conversation int
	speed        float64
	newIDs       bool
	exact        bool
	memory       int64
}

func (o *replayOptions) addFlags(f *pflag.FlagSet) {
	f.StringVar(&o.file, "pcap", "", "hold a conversation again from capture `FILE`: send what its client sent, compare the answers")
	cli.SizeVar(f, &o.memory, "memory", "", 0, "with --pcap: keep up to `SIZE` of the packets of a packed file (default 128MiB)")
	f.IntVar(&o.conversation, "conversation", 1, "which UDP conversation of the capture, `N` from 1")
	f.Float64Var(&o.speed, "speed", 1, "`FACTOR` on the recorded times; 0 sends as soon as the answers are there")
	f.BoolVar(&o.newIDs, "new-ids", false, "write fresh transaction ids into DNS and STUN requests and expect them in the answers")
	f.BoolVar(&o.exact, "exact", false, "an answer that differs from the recorded one is a failure")
}

// recorded is one datagram of a conversation.
type recorded struct {
	client  bool // the client sent it
	at      time.Duration
	payload []byte
}

// pair is a conversation, ends in order of first speech.
type pair struct{ client, server netip.AddrPort }

// conversation reads the n-th UDP conversation of a capture.
func conversation(r *capture.Reader, n int) (pair, []recorded, error) {
	var (
		decoder decode.Decoder
		packet  decode.Packet
		frame   capture.Frame
		known   = map[pair]int{} // their numbers
		ends    pair
		list    []recorded
		start   time.Time
		cut     int
	)
	decoder.SkipApplications = true
	for {
		err := r.Next(&frame)
		if err == io.EOF {
			break
		}
		if err != nil {
			return pair{}, nil, err
		}
		_ = decoder.Decode(frame, &packet) // a layer beyond UDP may be broken
		p, payload, whole, ok := datagramOf(&packet)
		if !ok {
			continue
		}
		i, client := known[p], true
		if back := known[pair{p.server, p.client}]; i == 0 && back > 0 {
			i, client = back, false
		}
		if i == 0 {
			if err := r.Hold(2 * int(unsafe.Sizeof(p))); err != nil {
				return pair{}, nil, err
			}
			i = len(known) + 1
			known[p] = i
		}
		if i != n {
			continue
		}
		if client {
			ends = p
		} else {
			ends = pair{p.server, p.client}
		}
		if !whole {
			cut++
			continue
		}
		if list == nil {
			start = frame.Time
		}
		if err := r.Hold(int(unsafe.Sizeof(recorded{})) + len(payload)); err != nil {
			return pair{}, nil, err
		}
		list = append(list, recorded{client, frame.Time.Sub(start), bytes.Clone(payload)})
	}
	if n > len(known) {
		return pair{}, nil, fmt.Errorf("there is no conversation %d: the capture holds %s over UDP", n, cli.Plural(len(known), "conversation"))
	}
	if cut > 0 {
		return pair{}, nil, fmt.Errorf("the conversation is not whole: the capture has cut or fragmented %s of it", cli.Plural(cut, "datagram"))
	}
	return ends, list, nil
}

// datagramOf takes the innermost UDP datagram out of a packet.
func datagramOf(p *decode.Packet) (ends pair, payload []byte, whole, ok bool) {
	udp, ip := -1, -1
	for i, l := range p.Layers() {
		switch l.Type {
		case decode.TypeIPv4, decode.TypeIPv6:
			ip = i
		case decode.TypeUDP:
			udp = i
		}
	}
	if udp < 0 || ip < 0 {
		return
	}
	h, u := p.Header(ip), p.Header(udp)
	if len(u) < 8 {
		return
	}
	var src, dst netip.Addr
	switch {
	case p.Layers()[ip].Type == decode.TypeIPv4 && len(h) >= 20:
		src, dst = netip.AddrFrom4([4]byte(h[12:16])), netip.AddrFrom4([4]byte(h[16:20]))
	case len(h) >= 40:
		src, dst = netip.AddrFrom16([16]byte(h[8:24])), netip.AddrFrom16([16]byte(h[24:40]))
	default:
		return
	}
	payload = p.Payload(udp)
	return pair{netip.AddrPortFrom(src, binary.BigEndian.Uint16(u)), netip.AddrPortFrom(dst, binary.BigEndian.Uint16(u[2:]))},
		payload, len(payload) == int(binary.BigEndian.Uint16(u[4:]))-8, true
}

// transactionID is where a DNS or STUN message has its transaction id; 0, 0 where it is neither.
func transactionID(b []byte, serverPort uint16) (offset, size int) {
	const stunCookie = 0x2112a442 // RFC 8489 section 5
	if len(b) >= 20 && b[0]>>6 == 0 && binary.BigEndian.Uint32(b[4:]) == stunCookie {
		return 8, 12
	}
	if len(b) >= 12 && (serverPort == 53 || serverPort == 5353 || serverPort == 5355) {
		return 0, 2
	}
	return 0, 0
}

func idOf(b []byte, port uint16) string {
	offset, size := transactionID(b, port)
	return string(b[offset : offset+size])
}

// difference is a run of bytes that are not the recorded ones.
type difference struct {
	Offset int `json:"offset"`
	Length int `json:"length"`
}

// differences compares the common length of two payloads.
func differences(a, b []byte) (list []difference) {
	for i := 0; i < min(len(a), len(b)); i++ {
		if a[i] == b[i] {
			continue
		}
		if n := len(list); n > 0 && list[n-1].Offset+list[n-1].Length == i {
			list[n-1].Length++
			continue
		}
		list = append(list, difference{i, 1})
	}
	return list
}

// compared is what became of one recorded answer.
type compared struct {
	Type         string       `json:"type"`
	Number       int          `json:"number"`
	Outcome      string       `json:"outcome"` // same, differs, missing
	RecordedSize int          `json:"recorded_size"`
	Size         int          `json:"size"`
	Differences  []difference `json:"differences,omitempty"`
	RecordedRTT  int64        `json:"recorded_rtt_ns"`
	RTT          int64        `json:"rtt_ns,omitempty"`
}

// moment is when a request was sent, in the capture and now.
type moment struct {
	recorded time.Duration
	now      time.Time
}

// replayer holds a conversation again.
type replayer struct {
	*sender
	port    uint16            // of the recorded server
	fresh   map[string]string // recorded transaction id to the one sent
	waiting []dgram.Datagram  // answers that came before their turn
	asked   map[string]moment // by the transaction id sent, "" for requests without
	number  int
}

func (s *sender) replay(ctx context.Context) error {
	o := &s.o.replay
	ends, list, err := o.load(ctx, s.env)
	if err != nil {
		return err
	}
	limit := s.conn.MaxPayload(s.to)
	for i, d := range list {
		if d.client && len(d.payload) > limit {
			return fmt.Errorf("--pcap %s: datagram %d has %d bytes; the limit here is %d", o.file, i+1, len(d.payload), limit)
		}
	}
	if s.o.verbose {
		s.env.Warnf("replaying %v to %v: %s", ends.client, ends.server, cli.Plural(len(list), "datagram"))
	}
	p := &replayer{sender: s, port: ends.server.Port(), fresh: map[string]string{}, asked: map[string]moment{}}
	start := time.Now()
	for _, d := range list {
		if ctx.Err() != nil {
			return errStopped
		}
		if !d.client {
			err = p.expect(ctx, d)
		} else {
			p.pause(ctx, start, d.at)
			err = p.request(ctx, d)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// load reads the conversation.
func (o *replayOptions) load(ctx context.Context, env *cli.Env) (ends pair, list []recorded, err error) {
	r, err := captures.Open(ctx, env, nil, o.file, &capture.ReaderConfig{Held: o.memory})
	if err == nil {
		ends, list, err = conversation(r, o.conversation)
		r.Close()
	}
	if errors.Is(err, capture.ErrMemory) {
		err = cli.WithHint(err, "allow more with --memory 1GiB")
	}
	if err != nil {
		return ends, nil, fmt.Errorf("--pcap %s: %w", o.file, err)
	}
	return ends, list, nil
}

// pause waits until a request is due.
func (p *replayer) pause(ctx context.Context, start time.Time, at time.Duration) {
	if p.o.replay.speed <= 0 {
		return
	}
	due := time.Until(start.Add(time.Duration(float64(at) / p.o.replay.speed)))
	if due > 0 {
		p.env.Stdout.Flush()
		select {
		case <-ctx.Done():
		case <-time.After(due):
		}
	}
}

func (p *replayer) request(ctx context.Context, d recorded) error {
	payload := d.payload
	if offset, size := transactionID(payload, p.port); size > 0 && p.o.replay.newIDs {
		old := idOf(payload, p.port)
		if p.fresh[old] == "" {
			id := make([]byte, size)
			rand.Read(id)
			p.fresh[old] = string(id)
		}
		payload = bytes.Clone(payload)
		copy(payload[offset:], p.fresh[old])
	}
	p.asked[idOf(payload, p.port)] = moment{d.at, time.Now()}
	if err := p.transmit(ctx, payload); err != nil {
		return err
	}
	return p.takeErrors()
}

// expect waits for the real counterpart of a recorded answer and compares the two.
func (p *replayer) expect(ctx context.Context, d recorded) error {
	p.number++
	c := compared{Type: "answer", Number: p.number, Outcome: "missing", RecordedSize: len(d.payload)}
	want := idOf(d.payload, p.port)
	if id := p.fresh[want]; id != "" {
		want = id
	}
	asked, ok := p.asked[want]
	if ok {
		c.RecordedRTT = (d.at - asked.recorded).Nanoseconds()
	}
	got, err := p.await(ctx, want)
	switch {
	case err == nil:
		p.sum.Answers++
		c.Size = len(got.Payload)
		if ok {
			c.RTT = max(got.Time.Sub(asked.now), 0).Nanoseconds()
		}
		p.restore(got.Payload, d.payload)
		c.Outcome, c.Differences = "same", differences(d.payload, got.Payload)
		if len(c.Differences) > 0 || c.Size != c.RecordedSize {
			c.Outcome = "differs"
			if p.o.replay.exact && p.failure == nil {
				p.failure = fmt.Errorf("answer %d differs from the recorded one: %w", c.Number, cli.ErrNo)
			}
		}
	case ctx.Err() != nil:
		return errStopped
	case errors.Is(err, os.ErrDeadlineExceeded):
		p.unanswered(fmt.Errorf("answer %d did not come", c.Number))
	default:
		var netErr *dgram.NetworkError
		if errors.As(err, &netErr) {
			p.report(netErr)
			return errStopped
		}
		return err
	}
	p.show(&c, &got)
	return nil
}

// restore writes the recorded transaction id back, so that only true differences remain.
func (p *replayer) restore(got, want []byte) {
	offset, size := transactionID(want, p.port)
	if size > 0 && p.o.replay.newIDs && len(got) >= offset+size {
		copy(got[offset:offset+size], want[offset:offset+size])
	}
}

// await returns the answer with a transaction id, or the next one where there is no id.
func (p *replayer) await(ctx context.Context, id string) (dgram.Datagram, error) {
	for i, d := range p.waiting {
		if idOf(d.Payload, p.port) == id {
			p.waiting = append(p.waiting[:i], p.waiting[i+1:]...)
			return d, nil
		}
	}
	wait := time.Second
	if p.o.waitSet {
		wait = p.o.wait
	}
	p.env.Stdout.Flush()
	p.waitUntil(ctx, time.Now().Add(wait))
	defer p.conn.SetReadDeadline(time.Time{})
	for {
		d, err := p.conn.Receive(p.buf)
		if err != nil {
			return d, err
		}
		if d.From != p.peer {
			continue
		}
		d.Payload = bytes.Clone(d.Payload)
		if idOf(d.Payload, p.port) == id {
			return d, nil
		}
		if len(p.waiting) < 1024 {
			p.waiting = append(p.waiting, d)
		}
	}
}

func (p *replayer) show(c *compared, got *dgram.Datagram) {
	out := p.env.Stdout
	defer out.Flush()
	if p.o.json {
		out.JSON(c)
		return
	}
	if p.o.print == datagram.None {
		return
	}
	if c.Outcome == "missing" {
		out.Printf("answer %d: missing (%s recorded)\n", c.Number, cli.Plural(c.RecordedSize, "byte"))
		return
	}
	out.Printf("answer %d: %s, %s", c.Number, c.Outcome, cli.Plural(c.Size, "byte"))
	if c.Size != c.RecordedSize {
		out.Printf(" (%d recorded)", c.RecordedSize)
	}
	out.Printf(", after %v (%v recorded)", time.Duration(c.RTT).Round(time.Microsecond), time.Duration(c.RecordedRTT).Round(time.Microsecond))
	var at []string
	for _, d := range c.Differences {
		at = append(at, fmt.Sprintf("%d+%d", d.Offset, d.Length))
	}
	if len(at) > 0 {
		out.Printf(", bytes %s", strings.Join(at, " "))
	}
	out.Printf("\n")
	if p.o.print == datagram.Hex && c.Outcome == "differs" {
		out.Write(datagram.AppendHex(nil, got.Payload))
	}
}
