package message

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"sockwire/capture"
	"sockwire/capture/decode"
	"sockwire/capture/decode/app"
	"sockwire/capture/flow"
	"sockwire/raw/packet"
	"sockwire/raw/wire"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// turn is what one side says before the other answers.
type turn struct {
	d    flow.Direction
	data []byte
}

// talk is a connection as frames.
type talk struct {
	port   uint16 // of the server
	client uint16
	seq    [2]uint32
	frames []capture.Frame
	now    time.Time
}

func newTalk(port uint16) *talk {
	k := &talk{port: port, client: 40000, seq: [2]uint32{0xffffff00, 77}, now: start}
	return k
}

func (k *talk) segment(d flow.Direction, flags wire.TCPFlags, data []byte) {
	b := make([]byte, 40, 40+len(data))
	src, dst := k.client, k.port
	copy(b[12:], []byte{192, 0, 2, 1, 192, 0, 2, 2})
	if d == flow.Backward {
		src, dst = dst, src
		copy(b[12:], []byte{192, 0, 2, 2, 192, 0, 2, 1})
	}
	b[0], b[8], b[9] = 0x45, 64, wire.ProtoTCP
	binary.BigEndian.PutUint16(b[2:], uint16(40+len(data)))
	wire.IPv4(b[:20]).UpdateChecksum()
	binary.BigEndian.PutUint16(b[20:], src)
	binary.BigEndian.PutUint16(b[22:], dst)
	binary.BigEndian.PutUint32(b[24:], k.seq[d])
	binary.BigEndian.PutUint32(b[28:], k.seq[d^1])
	b[32], b[33] = 0x50, byte(flags)
	binary.BigEndian.PutUint16(b[34:], 65535)
	b = append(b, data...)
	k.seq[d] += uint32(len(data))
	if flags&(wire.SYN|wire.FIN) != 0 {
		k.seq[d]++
	}
	k.now = k.now.Add(time.Millisecond)
	k.frames = append(k.frames, capture.Frame{Data: b, Length: len(b), Link: capture.LinkRaw, Time: k.now})
}

func (k *talk) open() {
	k.segment(flow.Forward, wire.SYN, nil)
	k.segment(flow.Backward, wire.SYN|wire.ACK, nil)
	k.segment(flow.Forward, wire.ACK, nil)
}

// say sends data in segments of at most 1,400 bytes, cut where rng says.
func (k *talk) say(rng *rand.Rand, t turn) {
	for b := t.data; len(b) > 0; {
		n := min(len(b), 1400)
		if rng != nil {
			n = 1 + rng.IntN(min(n, 1+rng.IntN(200)))
		}
		k.segment(t.d, wire.ACK|wire.PSH, b[:n])
		b = b[n:]
	}
}

func (k *talk) close() {
	k.segment(flow.Backward, wire.ACK|wire.FIN, nil)
	k.segment(flow.Forward, wire.ACK|wire.FIN, nil)
	k.segment(flow.Backward, wire.ACK, nil)
}

// heard are the messages of a conversation: one line each, without what depends on the cuts.
type heard struct {
	lines  []string
	bodies map[string][]byte
	parser *Parser
}

// listen follows frames.
func listen(t testing.TB, frames []capture.Frame, p *Parser) *heard {
	t.Helper()
	h := &heard{bodies: map[string][]byte{}, parser: p}
	tracker := flow.NewTracker(&flow.Config{Reassemble: true})
	var (
		dec     decode.Decoder
		history decode.History
		x       decode.Packet
	)
	for _, f := range frames {
		dec.Decode(f, &x)
		history.Add(&x)
		r := tracker.Add(&x)
		for i := range r.Chunks {
			h.add(t, p.Add(&r.Chunks[i]))
		}
		for _, s := range r.Ended {
			h.add(t, p.End(s))
		}
	}
	r := tracker.Finish()
	for i := range r.Chunks {
		h.add(t, p.Add(&r.Chunks[i]))
	}
	for _, s := range r.Ended {
		h.add(t, p.End(s))
	}
	if streams, n := p.Kept(); streams != 0 || n != 0 {
		t.Errorf("after the end %d streams and %d bytes are kept", streams, n)
	}
	return h
}

// add notes messages, and checks what holds for each.
func (h *heard) add(t testing.TB, messages []Message) {
	t.Helper()
	for i := range messages {
		m := &messages[i]
		var q decode.Packet
		m.Packet(&q)
		printer := decode.Printer{Applications: app.Renderer{}, Time: decode.TimeNone}
		line := strings.TrimSpace(string(printer.AppendLine(nil, &q)))
		key := fmt.Sprintf("%v %d", m.Direction, m.Number)
		if m.Part == Body {
			if m.Offset != int64(len(h.bodies[key])) && m.Missing == 0 && !bytes.Contains(h.bodies[key], []byte("[gap]")) {
				t.Fatalf("%s: a piece at %d of %d", key, m.Offset, len(h.bodies[key]))
			}
			if m.Missing > 0 {
				h.bodies[key] = append(h.bodies[key], "[gap]"...)
			}
			h.bodies[key] = append(h.bodies[key], m.Data...)
			continue
		}
		if m.PacketCount == 0 || len(m.Packets) == 0 || m.Packets[0] != m.First || m.PacketCount <= 64 && m.Packets[len(m.Packets)-1] != m.Last {
			t.Fatalf("%s %v: packets %v, %d to %d", key, m.Part, m.Packets, m.First, m.Last)
		}
		switch m.Part {
		case Ends:
			line = fmt.Sprintf("ends, complete %v", m.HTTP.Complete)
		case Begins:
			line += fmt.Sprintf(" +%d", m.HTTP.BodyLength)
		}
		h.lines = append(h.lines, fmt.Sprintf("%v #%d at %d, %d: %s", m.Direction, m.Number, m.Offset, m.Length, line))
	}
}

// ordered sorts the lines of each direction; the two directions cross differently as the segments are cut.
func (h *heard) ordered() []string {
	lines := slices.Clone(h.lines)
	slices.SortStableFunc(lines, func(a, b string) int {
		return strings.Compare(b[:1], a[:1])
	})
	return lines
}

func httpTalk() []turn {
	f, b := flow.Forward, flow.Backward
	return []turn{
		{f, []byte("GET /one HTTP/1.1\r\nHost: a.example\r\n\r\nHEAD /two HTTP/1.1\r\nHost: a.example\r\n\r\nGET /three HTTP/1.1\r\n\r\n")},
		{b, []byte("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Type: text/plain\r\n\r\nhelloHTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n")},
		{b, []byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nfirst\r\n00b\r\n, and more.\r\n0\r\nTrailer: 1\r\n\r\n")},
		{f, []byte("POST /four HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 7\r\n\r\n")},
		{b, []byte("HTTP/1.1 100 Continue\r\n\r\n")},
		{f, []byte("GET / HPUT /five HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")},
		{b, []byte("HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n")},
		{f, []byte("\r\nGET /six HTTP/1.1\r\n\r\n")},
		{b, []byte("HTTP/1.0 200 OK\nServer: x\n\nuntil the end")},
	}
}

var httpLines = []string{
	`forward #0 at 0, 38: HTTP: GET /one HTTP/1.1`,
	`forward #1 at 38, 39: HTTP: HEAD /two HTTP/1.1`,
	`forward #2 at 77, 23: HTTP: GET /three HTTP/1.1`,
	`forward #3 at 100, 64: HTTP: POST /four HTTP/1.1 +7`,
	`forward #3 at 100, 71: ends, complete true`,
	`forward #4 at 171, 50: HTTP: PUT /five HTTP/1.1 +-1`,
	`forward #4 at 171, 63: ends, complete true`,
	`forward #5 at 236, 21: HTTP: GET /six HTTP/1.1`,
	`backward #0 at 0, 64: HTTP: HTTP/1.1 200 OK +5`,
	`backward #0 at 0, 69: ends, complete true`,
	`backward #1 at 69, 40: HTTP: HTTP/1.1 200 OK`,
	`backward #2 at 109, 47: HTTP: HTTP/1.1 200 OK +-1`,
	`backward #2 at 109, 96: ends, complete true`,
}

// TestMessagesHoweverCut cuts conversations in many ways: the messages are the same.
func TestMessagesHoweverCut(t *testing.T) {
	for name, c := range conversations(t) {
		t.Run(name, func(t *testing.T) {
			var want *heard
			for seed := range uint64(40) {
				var rng *rand.Rand
				if seed > 0 {
					rng = rand.New(rand.NewPCG(seed, 3))
				}
				k := newTalk(c.port)
				k.open()
				for _, x := range c.turns {
					k.say(rng, x)
				}
				k.close()
				h := listen(t, k.frames, &Parser{Bodies: true})
				if want == nil {
					want = h
					if got := strings.Join(h.ordered(), "\n"); got != strings.Join(c.want, "\n") {
						t.Fatalf("got\n%s\nwant\n%s", got, strings.Join(c.want, "\n"))
					}
					continue
				}
				if got, want := strings.Join(h.ordered(), "\n"), strings.Join(want.ordered(), "\n"); got != want {
					t.Fatalf("cut %d:\n%s\nuncut:\n%s", seed, got, want)
				}
				for key, b := range want.bodies {
					if !bytes.Equal(h.bodies[key], b) {
						t.Fatalf("cut %d: body of %s: %q, want %q", seed, key, h.bodies[key], b)
					}
				}
			}
			for key, b := range c.bodies {
				if string(want.bodies[key]) != b {
					t.Errorf("body of %s: %q, want %q", key, want.bodies[key], b)
				}
			}
		})
	}
}

// conversation is what two sides say, and what is heard of it.
type conversation struct {
	port   uint16
	turns  []turn
	want   []string
	bodies map[string]string
}

func dnsMessage(t testing.TB, expression string) []byte {
	tpl, err := packet.Parse(expression)
	if err != nil {
		t.Fatal(err)
	}
	b, _, err := tpl.Append(nil, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...)
}

func conversations(t testing.TB) map[string]conversation {
	one, two := dnsMessage(t, "dns{id=1,qname=a.example}"), dnsMessage(t, "dns{id=2,qname=b.example}")
	return map[string]conversation{
		"HTTP": {80, httpTalk(), append(slices.Clone(httpLines),
			`backward #3 at 205, 25: HTTP: HTTP/1.1 100 Continue`,
			`backward #4 at 230, 27: HTTP: HTTP/1.1 204 No Content`,
			`backward #5 at 257, 49: HTTP: HTTP/1.1 304 Not Modified`,
			`backward #6 at 306, 27: HTTP: HTTP/1.0 200 OK +-1`,
			`backward #6 at 306, 40: ends, complete true`),
			map[string]string{"backward 0": "hello", "backward 2": "first, and more.", "forward 3": "GET / H", "forward 4": "abc", "backward 6": "until the end"}},
		"CONNECT": {8080, []turn{
			{flow.Forward, []byte("CONNECT a.example:443 HTTP/1.1\r\n\r\n")},
			{flow.Backward, []byte("HTTP/1.1 200 Connection established\r\nContent-Length: 10\r\n\r\n")},
			{flow.Forward, []byte("GET /inside HTTP/1.1\r\n\r\n")},
			{flow.Backward, []byte("HTTP/1.1 204 No Content\r\n\r\n")},
		}, []string{
			`forward #0 at 0, 34: HTTP: CONNECT a.example:443 HTTP/1.1`,
			`forward #1 at 34, 24: HTTP: GET /inside HTTP/1.1`,
			`backward #0 at 0, 59: HTTP: HTTP/1.1 200 Connection established`,
			`backward #1 at 59, 27: HTTP: HTTP/1.1 204 No Content`,
		}, nil},
		"upgrade": {80, []turn{
			{flow.Forward, []byte("GET /chat HTTP/1.1\r\nUpgrade: websocket\r\n\r\n")},
			{flow.Backward, []byte("HTTP/1.1 101 Switching Protocols\r\n\r\n")},
			{flow.Forward, []byte("\x81\x85abcdefghi")},
			{flow.Backward, []byte("\x81\x05hello")},
		}, []string{
			`forward #0 at 0, 42: HTTP: GET /chat HTTP/1.1`,
			`backward #0 at 0, 36: HTTP: HTTP/1.1 101 Switching Protocols`,
		}, nil},
		"DNS": {53, []turn{
			{flow.Forward, slices.Concat(one, two)}, {flow.Backward, slices.Concat(one, two)},
		}, []string{
			`forward #0 at 0, 29: 1+ A? a.example.`,
			`forward #1 at 29, 29: 2+ A? b.example.`,
			`backward #0 at 0, 29: 1+ A? a.example.`,
			`backward #1 at 29, 29: 2+ A? b.example.`,
		}, nil},
		"other methods": {80, []turn{
			get("/1"), answer(nil, ""), {flow.Forward, []byte("M-SEARCH * HTTP/1.1\r\n\r\n")}, answer(nil, ""), {flow.Forward, []byte("FROBNICATE /x HTTP/1.1\r\n\r\n")}, answer(nil, ""),
		}, []string{
			`forward #0 at 0, 36: HTTP: GET /1 HTTP/1.1`,
			`forward #1 at 36, 23: HTTP: M-SEARCH * HTTP/1.1`,
			`forward #2 at 59, 26: HTTP: FROBNICATE /x HTTP/1.1`,
			`backward #0 at 0, 38: HTTP: HTTP/1.1 200 OK`,
			`backward #1 at 38, 38: HTTP: HTTP/1.1 200 OK`,
			`backward #2 at 76, 38: HTTP: HTTP/1.1 200 OK`,
		}, nil},
		"WebDAV": {8080, []turn{{flow.Forward, []byte("PROPFIND / HTTP/1.1\r\n\r\n")}, answer(nil, "")},
			[]string{`forward #0 at 0, 23: HTTP: PROPFIND / HTTP/1.1`, `backward #0 at 0, 38: HTTP: HTTP/1.1 200 OK`}, nil},
		"another protocol": {25, []turn{
			{flow.Backward, []byte("220 mail.example ESMTP\r\n")}, {flow.Forward, []byte("EHLO a.example\r\n")},
		}, nil, nil},
	}
}

// decoding decodes frames one after another.
type decoding struct {
	dec     decode.Decoder
	history decode.History
	p       decode.Packet
}

func newDecoding() *decoding { return new(decoding) }

func (d *decoding) decode(f capture.Frame) *decode.Packet {
	d.dec.Decode(f, &d.p)
	d.history.Add(&d.p)
	return &d.p
}

// unhexed reads hexadecimal digits.
func unhexed(t testing.TB, digits string) []byte {
	t.Helper()
	b, err := hex.DecodeString(digits)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
