package message

import (
	"golang.org/x/net/http2/hpack"

	"sockwire/capture/decode"
	"sockwire/capture/flow"
	"sockwire/capture/flow/keylog"
)

// Parser finds messages in the chunks of a flow.Tracker. The zero value is ready. It is not for use by several
// goroutines at once.
type Parser struct {
	// Streams is how many streams are followed at once; 0 means DefaultStreams. The one not used for longest is
	// forgotten.
	Streams int
	// Bytes bounds what is kept of messages that are not complete, in all; 0 means DefaultBytes. The stream not used
	// for longest gives up first.
	Bytes int
	// MaxMessage is the longest head or handshake message that is kept, in bytes; 0 means DefaultMessage. A longer one
	// is cut.
	MaxMessage int
	// Bodies hands out the bodies of HTTP.
	Bodies bool
	// Secrets opens records of TLS; nil leaves them closed. Plain hands out the bytes of the streams inside of TLS.
	Secrets *keylog.Log
	Plain   bool
	// Decoder tells what is spoken on a port; only its Ports are used.
	Decoder decode.Decoder

	conns          map[uint64]*conn
	oldest, newest *conn
	bytes          int
	spare          *conn
	out            []Message
	arena          []byte   // of what out holds
	numbers        []uint64 // the same
	opened         []byte   // a record of TLS
	lost           Lost
}

// Lost counts what a Parser gave up to keep its bounds.
type Lost struct {
	Streams uint64 // forgotten although more of them may come
	Bytes   uint64 // of messages that were not complete
	Long    uint64 // messages longer than MaxMessage
}

// Lost returns what was given up so far.
func (p *Parser) Lost() Lost { return p.lost }

// Kept returns how many streams are followed and how many bytes of messages that are not complete are kept.
func (p *Parser) Kept() (streams, bytes int) { return len(p.conns), p.bytes }

// Protocol returns what is spoken in a stream; TypePayload where that is not known.
func (p *Parser) Protocol(s *flow.Stream) decode.Type {
	if k := p.conns[s.Number()]; k != nil {
		return k.protocol
	}
	return decode.TypePayload
}

// conn is one stream.
type conn struct {
	number       uint64
	stream       *flow.Stream
	protocol     decode.Type // TypePayload where it is not known
	side         [2]side
	older, newer *conn
	requests     []method // of HTTP, that wait for their responses
	more         int      // requests beyond those
	tls          *sealed  // nil where Secrets is, or nothing of TLS was seen
	decrypted    bool     // it is the stream inside of TLS
	headers      [2]headers2
}

// side is one direction of a stream.
type side struct {
	state   state
	encrypt bool  // TLS: what comes is encrypted
	unsure  bool  // TLS: whether it is, is not known
	left    int64 // bytes that are still to come of what the state is in
	pos     int64 // in the stream: the first byte that is not consumed
	buf     []byte
	scanned int     // of buf, in which no end of a head is
	marks   []mark  // which packets the bytes of buf came in
	hello   []byte  // TLS: handshake messages that are not complete
	version [2]byte // TLS: of their first record
	next    Message // what is being read
	number  uint64
	body    int64 // handed out so far
	http    *HTTP
	header  [recordHeader]byte // of a record of TLS that is passed over
	opens   bool               // and that could be opened if it were all there
}

// headers2 is what one direction of HTTP/2 has said of its header fields, which later ones refer to.
type headers2 struct {
	table *hpack.Decoder // nil where nothing came
	lost  bool           // some of it was missing: what refers to it is not known
	block []byte         // a block that goes on in the next frame
}

// mark says that the bytes up to an offset, from the mark before on, came in a packet.
type mark struct {
	end    int64
	packet uint64
}

// state is where in a message a side is.
type state uint8

const (
	starting state = iota // at the start of a stream: what is spoken is to be found out
	lost                  // it is not known where the next message starts; a segment may say so
	between               // where a message starts
	inHead
	inBody  // with a length
	inSize  // of a chunk
	inChunk // and its line end
	inTrailer
	untilEnd
	inRecord    // of TLS, that is passed over
	inHandshake // a record of TLS that is kept
	inFramed    // a message with a length
	skipFramed  // one with a gap, or the rest of one that is too long
)

// idle tells a side of which nothing has to be remembered as long as it is not known what is spoken.
func (s *side) idle() bool {
	return s.state == lost || s.state == starting && s.pos == 0 && len(s.buf) == 0
}

// kept is the memory of what is not complete.
func (s *side) kept() int { return len(s.buf) + len(s.hello) + 16*len(s.marks) }

// lose forgets what a side is in; the next segment may say where a message starts.
func (s *side) lose() {
	s.pos += int64(len(s.buf))
	s.state, s.left, s.scanned = lost, 0, 0
	s.buf, s.hello, s.marks = nil, nil, nil
	s.next = Message{Packets: s.next.Packets[:0]}
}

func (p *Parser) longest() int {
	if p.MaxMessage > 0 {
		return p.MaxMessage
	}
	return DefaultMessage
}

// maxMarks bounds the marks of a side; beyond, bytes count to the packet before.
const maxMarks = 1024

func (s *side) mark(end int64, packet uint64) {
	if n := len(s.marks); n > 0 && (s.marks[n-1].packet == packet || n >= maxMarks) {
		s.marks[n-1].end = end
		return
	}
	s.marks = append(s.marks, mark{end, packet})
}

// passed forgets the marks of what is consumed.
func (s *side) passed() {
	n := 0
	for n < len(s.marks) && s.marks[n].end <= s.pos {
		n++
	}
	s.marks = append(s.marks[:0], s.marks[n:]...)
	if len(s.marks) == 0 && cap(s.marks) > 16 {
		s.marks = nil
	}
}

// pass loses the place and passes data over.
func (s *side) pass(data []byte) {
	s.state, s.left, s.scanned, s.hello = lost, 0, 0, nil
	s.pos += int64(len(data))
	s.next = Message{Packets: s.next.Packets[:0]}
}

// take consumes n bytes for the message that is read, and notes the packets that they came in.
func (s *side) take(n int) {
	if n <= 0 {
		return
	}
	end := s.pos + int64(n)
	from := s.pos
	m := &s.next
	for i := range s.marks {
		if s.marks[i].end <= from {
			continue
		}
		m.came(s.marks[i].packet)
		if s.marks[i].end >= end {
			break
		}
	}
	s.pos = end
	m.Length += int64(n)
}

// open begins a message at the place of the side.
func (s *side) open(k *conn, d flow.Direction) {
	s.next = Message{
		Stream: k.stream, Direction: d, Protocol: k.protocol, Number: s.number, Offset: s.pos, Packets: s.next.Packets[:0],
		Decrypted: k.decrypted,
	}
}

// tell hands out what is read.
func (p *Parser) tell(s *side, part Part, data []byte) *Message {
	m := s.next
	m.Part = part
	n := len(p.numbers)
	p.numbers = append(p.numbers, m.Packets...)
	m.Packets = p.numbers[n:len(p.numbers):len(p.numbers)]
	m.Data = p.keep(data)
	p.out = append(p.out, m)
	if part == Whole || part == Ends {
		s.number++
	}
	return &p.out[len(p.out)-1]
}

// keep copies what a message hands out, because the buffer that it stands in moves on.
func (p *Parser) keep(data []byte) []byte {
	if len(data) == 0 {
		return nil
	}
	n := len(p.arena)
	p.arena = append(p.arena, data...)
	return p.arena[n:len(p.arena):len(p.arena)]
}

// missing passes a gap over.
func (s *side) missing(n int64) {
	s.pos += n
	s.next.Length += n
	s.next.Missing += n
	s.next.Cut = true
}
