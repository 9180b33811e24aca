package perf

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"time"
)

// HeaderSize is the smallest datagram in bytes; what follows the header is a control message's body or filling.
const HeaderSize = 48

// controlSize is what a client pads its control datagrams to, so that no answer to one is larger than it.
const controlSize = 1200

// handshakeSize is what a hello and a start have at least; their answers have less. A search for the path MTU has no
// more, for it is to begin on narrow paths too.
const handshakeSize = 256

const magic = 0x64677031 // "dgp1"

// kind is the type of a datagram.
type kind uint8

// Kinds. Letters say who sends them: c the client, s the server.
const (
	kindHello    kind = 1 + iota // c: may I? Body: Params
	kindCookie                   // s: prove that the address is yours. Body: cookie
	kindStart                    // c: with the cookie. Body: start
	kindAccept                   // s: the session is made. Body: accept
	kindRefuse                   // s: no. Body: refusal
	kindData                     // c, s: part of a stream
	kindMark                     // c, s: so many were sent so far; a client's is answered with a report
	kindReport                   // s: the accounts so far. Body: Report
	kindFinish                   // c: so many were sent in all; answered with a report
	kindRequest                  // c: answer this
	kindReply                    // s: the request with the server's times
	kindProbe                    // c: did one of this size arrive?
	kindProbed                   // s: it did
	kindBye                      // c: forget me
	kindHop                      // c: send me one like this, with a time to live of flags
	kindHopped                   // s: that one
	kindCame                     // c: it came
	kindHops                     // c: what became of these? Body: hopsQuestion
	kindHopsTold                 // s: this. Body: hopsAnswer
	kinds
)

// Flags of a mark, and of a finish.
const (
	flagFinal  = 1 // nothing more will be sent
	flagStop   = 8 // from a client, on a finish: stop your stream, the run was ended early
	flagTrains = 4 // datagrams were handed to the kernel in trains
	flagSingly = 2 // from a client: your trains are mangled on the way, send datagrams one by one
)

// header is the fixed part of every datagram.
//
//	0   4  magic "dgp1"
//	4   1  kind
//	5   1  flags
//	6   2  length of the datagram
//	8   8  session
//	16  8  sequence number, or a count
//	24  8  when it was sent, nanoseconds since 1970 on the sender's clock
//	32  8  when it was due to be sent; in a reply, when the request was received on the server's clock
//	40  4  in a reply: nanoseconds that the server took
//	44  4  digest: CRC-32C of everything else
//
// All numbers are big-endian.
type header struct {
	kind    kind
	flags   uint8
	session uint64
	seq     uint64
	sent    int64
	due     int64
	took    uint32
}

// castagnoli is made when it is first asked for: it costs each start of a command a quarter of a millisecond.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

func digest(b []byte) uint32 {
	return crc32.Update(crc32.Update(0, castagnoli(), b[:44]), castagnoli(), b[HeaderSize:])
}

// put writes the header of the datagram b and its digest. It does not allocate.
func (h *header) put(b []byte) {
	be := binary.BigEndian
	be.PutUint32(b, magic)
	b[4], b[5] = byte(h.kind), h.flags
	be.PutUint16(b[6:], uint16(len(b)))
	be.PutUint64(b[8:], h.session)
	be.PutUint64(b[16:], h.seq)
	be.PutUint64(b[24:], uint64(h.sent))
	be.PutUint64(b[32:], uint64(h.due))
	be.PutUint32(b[40:], h.took)
	be.PutUint32(b[44:], digest(b))
}

// parse reads a datagram; false if it is not one of ours, whole and undamaged. It does not allocate.
func (h *header) parse(b []byte) bool {
	be := binary.BigEndian
	if len(b) < HeaderSize || be.Uint32(b) != magic || int(be.Uint16(b[6:])) != len(b) || be.Uint32(b[44:]) != digest(b) {
		return false
	}
	h.kind, h.flags = kind(b[4]), b[5]
	if h.kind < kindHello || h.kind >= kinds {
		return false
	}
	h.session = be.Uint64(b[8:])
	h.seq = be.Uint64(b[16:])
	h.sent = int64(be.Uint64(b[24:]))
	h.due = int64(be.Uint64(b[32:]))
	h.took = be.Uint32(b[40:])
	return true
}

// holdsSeveral tells a train that nobody has cut: one of our datagrams, and another behind it.
func holdsSeveral(b []byte) bool {
	be := binary.BigEndian
	if len(b) < 2*HeaderSize || be.Uint32(b) != magic {
		return false
	}
	n := int(be.Uint16(b[6:]))
	return n >= HeaderSize && n+HeaderSize <= len(b) && be.Uint32(b[n:]) == magic
}

// Params is what a client asks a server for.
type Params struct {
	Window  int           `json:"window,omitempty"`  // of the ledger
	Settle  time.Duration `json:"settle_ns"`         // quiet time after which the accounts are final
	Reverse *Load         `json:"reverse,omitempty"` // the server sends too
	// Silence is how long the client may be silent before it is forgotten, if that is more than the server's own limit.
	Silence time.Duration `json:"silence_ns,omitempty"`
}

type cookie struct {
	Cookie string `json:"cookie"`
}

type start struct {
	Cookie string `json:"cookie"`
	Params Params `json:"params"`
}

type accept struct {
	Clock clock `json:"clock"`
	// Version is that of the server: 0 knows no hops.
	Version int `json:"version,omitempty"`
	// HopRate is how many datagrams a second the server sends for the hops of the way back; 0 is none.
	HopRate float64 `json:"hop_rate,omitempty"`
}

// version is of the kinds that an end knows: 1 has those of hops.
const version = 1

type refusal struct {
	Reason string `json:"reason"`
}

// control makes a control datagram with a JSON body, padded to size if that is larger.
func control(h header, body any, size int) ([]byte, error) {
	b := make([]byte, HeaderSize, controlSize)
	if body != nil {
		j, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("perf: %w", err)
		}
		b = append(b, j...)
	}
	if len(b) > controlSize {
		return nil, fmt.Errorf("perf: a control message of %d bytes is too large", len(b))
	}
	for len(b) < size {
		b = append(b, ' ') // blanks after the body, which JSON allows
	}
	h.sent = time.Now().UnixNano()
	h.put(b)
	return b, nil
}

// body reads the JSON body of a control datagram.
func body(b []byte, into any) error {
	if err := json.Unmarshal(b[HeaderSize:], into); err != nil {
		return fmt.Errorf("perf: control message: %w", err)
	}
	return nil
}

// makeCookie proves that who presents it has received it at the address; it holds for one to two minutes.
func makeCookie(secret []byte, address string, minute int64) string {
	m := hmac.New(sha256.New, secret)
	fmt.Fprintf(m, "%s %d", address, minute)
	return hex.EncodeToString(m.Sum(nil)[:16])
}

func checkCookie(secret []byte, address, got string, now time.Time) bool {
	minute := now.Unix() / 60
	return hmac.Equal([]byte(got), []byte(makeCookie(secret, address, minute))) ||
		hmac.Equal([]byte(got), []byte(makeCookie(secret, address, minute-1)))
}

// Limits of the hops of a way back.
const (
	hopsKept    = 1024   // of the latest that were sent it is known what became of them
	hopsMost    = 200000 // in a session
	hopsTold    = 8      // in one answer: so many fit, whatever their addresses
	hopsRate    = 2000.0 // of all clients, unless told
	hopsAtOnce  = 64     // of a session
	quotedLeast = 24     // bytes of our header that an error must quote to tell which datagram it is about
)

// hopsQuestion asks what became of datagrams.
type hopsQuestion struct {
	Numbers []uint64 `json:"n"`
}

// hopsAnswer tells it, in any order.
type hopsAnswer struct {
	Hops  []hopTold `json:"hops"`
	Short uint64    `json:"short,omitempty"` // messages of routers so far that quote too little
}

// hopTold is what became of one.
type hopTold struct {
	N    uint64        `json:"n"`
	TTL  uint8         `json:"ttl,omitempty"` // 0: none of that number was sent, or too long ago
	From string        `json:"from,omitempty"`
	Took time.Duration `json:"rtt_ns,omitempty"` // until the message, or until the client said that it came
	Type uint8         `json:"type,omitempty"`
	Code uint8         `json:"code,omitempty"`
	Back uint8         `json:"back,omitempty"` // TTL that the message arrived with
	Lost bool          `json:"refused,omitempty"`
}

// quotedHop is the number of the datagram that an error of a session quotes.
func quotedHop(quote []byte, session uint64) (n uint64, ok bool) {
	be := binary.BigEndian
	if len(quote) < quotedLeast || be.Uint32(quote) != magic || kind(quote[4]) != kindHopped ||
		be.Uint64(quote[8:]) != session {
		return 0, false
	}
	return be.Uint64(quote[16:]), true
}
