package keylog

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// Types of records and handshake messages (RFC 8446 sections 4 and 5).
const (
	recordHeader = 5

	clientHello    = 1
	serverHello    = 2
	newTicket      = 4
	endOfEarlyData = 5
	encryptedExts  = 8
	finished       = 20
	keyUpdate      = 24

	version12 = 0x0303
	version13 = 0x0304
)

// Bounds of the search for the key and the number of a record.
const (
	maxSkipped  = 64 // records that may be missing before one, without their numbers
	maxFailures = 32 // records, one behind another, that do not open: then no further one is tried
)

// phase says which secret of TLS 1.3 seals.
type phase uint8

const (
	noPhase phase = iota
	earlyPhase
	handshakePhase
	trafficPhase
)

// half is what one side sends.
type half struct {
	keys
	phase    phase
	secret   []byte // of TLS 1.3, that the keys are made of
	number   uint64 // of the next record
	lost     bool   // some may be missing
	failures int
	sealed   bool // TLS 1.2: behind a ChangeCipherSpec
}

// Session is one connection of TLS, as it is followed. The zero value, with its Log, is ready. What it keeps is less
// than 6 KB.
type Session struct {
	Log *Log

	client, server       Random
	hasClient, hasServer bool
	version, id          uint16
	suite                *suite
	protocol             []byte // of ALPN
	side                 [2]half
	pending              [2]keys // TLS 1.2: for what follows a ChangeCipherSpec
	sessionID, ticket    []byte  // that the client goes on with, as far as TLS 1.2 has them
	resumes              bool    // and the server agrees
	secrets              secrets
	found                bool
	looked               uint64 // version of the Log when it was asked last
	tried                bool
}

// Protocol is what ALPN has chosen, "" where that is not known. It is text from outside.
func (s *Session) Protocol() string { return string(s.protocol) }

// Client is the random of the ClientHello; ok is false where it was not seen.
func (s *Session) Client() (r Random, ok bool) { return s.client, s.hasClient }

// side indexes Session.side.
func index(client bool) int {
	if client {
		return 0
	}
	return 1
}

// Handshake takes a whole handshake message, with its header of four bytes, that the client or the server has sent, in
// the clear or opened.
func (s *Session) Handshake(client bool, m []byte) {
	if len(m) < 4 {
		return
	}
	body := m[4:]
	h := &s.side[index(client)]
	switch m[0] {
	case clientHello:
		if client && len(body) >= 34 {
			s.hello(body)
		}
	case serverHello:
		if !client {
			s.answer(body)
		}
	case newTicket:
		if s.version == version12 && len(body) > 6 && s.look() {
			s.Log.remember(body[6:], s.secrets[master])
		}
	case encryptedExts:
		s.protocol = protocolOf(body)
	case finished:
		if s.version == version13 && h.phase == handshakePhase {
			s.enter(h, client, trafficPhase)
		}
	case endOfEarlyData:
		if s.version == version13 && h.phase == earlyPhase {
			s.enter(h, client, handshakePhase)
		}
	case keyUpdate:
		if s.version == version13 && h.phase == trafficPhase {
			s.updated(h)
		}
	}
}

// hello takes the random of a ClientHello: of a new connection, of one that is asked again, or that is negotiated again.
func (s *Session) hello(b []byte) {
	r := Random(b[2:34])
	if s.hasClient && s.client == r {
		return
	}
	s.client, s.hasClient, s.hasServer, s.found, s.tried = r, true, false, false, false
	s.sessionID, s.ticket, s.resumes = nil, nil, false
	id, rest, ok := vector(b[34:], 1)
	s.sessionID = append(s.sessionID, id...)
	if ok {
		_, rest, ok = vector(rest, 2) // cipher suites
	}
	if ok {
		_, rest, ok = vector(rest, 1) // compression
	}
	if !ok {
		return
	}
	for kind, v := range extensions(rest) {
		if kind == 35 && len(v) <= maxTicket {
			s.ticket = append(s.ticket[:0], v...)
		}
	}
}

// maxTicket is the longest ticket that is kept, in bytes.
const maxTicket = 2048

// vector returns what stands behind a length of n bytes, and what comes behind it.
func vector(b []byte, n int) (v, rest []byte, ok bool) {
	if len(b) < n {
		return nil, nil, false
	}
	size := int(b[0])
	if n == 2 {
		size = size<<8 | int(b[1])
	}
	if n+size > len(b) {
		return nil, nil, false
	}
	return b[n : n+size], b[n+size:], true
}

// helloRetry is the random of a HelloRetryRequest (RFC 8446 section 4.1.3).
const helloRetry = "\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91\xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c"

// answer takes a ServerHello.
func (s *Session) answer(b []byte) {
	if len(b) < 35 || string(b[2:34]) == helloRetry {
		return
	}
	at := 35 + int(b[34])
	if at+3 > len(b) {
		return
	}
	s.server, s.hasServer = Random(b[2:34]), true
	id := b[35:at]
	s.resumes = len(id) > 0 && bytes.Equal(id, s.sessionID)
	s.version, s.id = binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[at:])
	for kind, v := range extensions(b[at+3:]) {
		if kind == 43 && len(v) == 2 {
			s.version = binary.BigEndian.Uint16(v)
		}
	}
	if p := protocolOf(b[at+3:]); p != nil {
		s.protocol = p
	}
	s.suite = findSuite(s.id)
	if s.version != version13 {
		s.pending = [2]keys{}
		if s.look() && !s.resumes {
			s.Log.remember(id, s.secrets[master])
		}
	}
}

// extensions yields those of a list that is behind its length.
func extensions(b []byte) func(yield func(uint16, []byte) bool) {
	return func(yield func(uint16, []byte) bool) {
		if len(b) < 2 {
			return
		}
		n := int(binary.BigEndian.Uint16(b))
		for b = b[2:min(2+n, len(b))]; len(b) >= 4; {
			kind, n := binary.BigEndian.Uint16(b), int(binary.BigEndian.Uint16(b[2:]))
			if 4+n > len(b) || !yield(kind, b[4:4+n]) {
				return
			}
			b = b[4+n:]
		}
	}
}

// protocolOf returns what ALPN has chosen among extensions (RFC 7301 section 3.1).
func protocolOf(b []byte) []byte {
	for kind, v := range extensions(b) {
		if kind == 16 && len(v) > 3 && 3+int(v[2]) <= len(v) {
			return append([]byte(nil), v[3:3+int(v[2])]...)
		}
	}
	return nil
}

// ChangeCipherSpec takes that message of a side: in TLS 1.2 what follows it is sealed.
func (s *Session) ChangeCipherSpec(client bool) {
	if s.version == version13 {
		return
	}
	s.side[index(client)] = half{sealed: true}
	s.prepare()
}

// prepare makes the keys of TLS 1.2 where they can be made.
func (s *Session) prepare() {
	if s.suite == nil || s.version != version12 || !s.look() || s.secrets[master] == nil {
		return
	}
	if c, v, ok := s.suite.fromMaster(s.secrets[master], s.client, s.server); ok {
		s.pending = [2]keys{c, v}
	}
	for i := range s.side {
		if s.side[i].sealed && s.side[i].aead == nil {
			s.side[i].keys = s.pending[i]
		}
	}
}

// look asks the Log for the secrets, unless it is known that there are none, or all are here.
func (s *Session) look() bool {
	if !s.hasClient || s.Log == nil {
		return false
	}
	if s.complete() {
		return true
	}
	version := s.Log.version.Load()
	if !s.tried || version == s.looked {
		_ = s.Log.more() // a file that cannot be read any more gives nothing more
		version = s.Log.version.Load()
	}
	if s.tried && version == s.looked {
		return s.found
	}
	s.looked, s.tried = version, s.hasServer // the ServerHello may tell more
	s.secrets, s.found = s.Log.find(s.client)
	if !s.found && s.version == version12 && s.resumes {
		for _, id := range [][]byte{s.ticket, s.sessionID} {
			if m := s.Log.recall(id); m != nil {
				s.secrets[master], s.found = m, true
				break
			}
		}
	}
	return s.found
}

// complete tells whether nothing more is to be found.
func (s *Session) complete() bool {
	if !s.found {
		return false
	}
	if s.version != version13 {
		return s.secrets[master] != nil
	}
	for _, x := range []secret{clientHandshake, serverHandshake, clientTraffic, serverTraffic} {
		if s.secrets[x] == nil {
			return false
		}
	}
	return true
}

// Sealed tells whether a record of a type is sealed, when one comes from a side.
func (s *Session) Sealed(client bool, kind byte) bool {
	if s.version == version13 {
		return kind == 23
	}
	return s.side[index(client)].sealed || kind == 23
}

// Why says why records of a side cannot be opened; "" where they may be.
func (s *Session) Why(client bool) string {
	h := &s.side[index(client)]
	switch {
	case !s.hasClient:
		return "the ClientHello was not seen"
	case h.failures >= maxFailures:
		return fmt.Sprintf("the secrets of client random %v do not open them", s.client)
	case !s.hasServer && !(client && s.look() && s.secrets[clientEarly] != nil):
		return "the ServerHello was not seen"
	case !s.hasServer:
		return "they come before the ServerHello, which names the cipher"
	case s.version != version12 && s.version != version13:
		return "only TLS 1.2 and 1.3 are"
	case s.suite == nil:
		return fmt.Sprintf("cipher suite 0x%04x is none of AES-GCM and ChaCha20-Poly1305", s.id)
	case s.version == version13 && s.id>>8 != 0x13 || s.version == version12 && s.id>>8 == 0x13:
		return fmt.Sprintf("cipher suite 0x%04x is none of the version", s.id)
	case !s.look() || s.version == version12 && s.secrets[master] == nil || s.version == version13 && !s.has(client):
		return fmt.Sprintf("no secrets of client random %v", s.client)
	}
	return ""
}

// has tells whether there is a secret of TLS 1.3 for a side.
func (s *Session) has(client bool) bool {
	return s.secretOf(client, handshakePhase) != nil || s.secretOf(client, trafficPhase) != nil
}

func (s *Session) secretOf(client bool, p phase) []byte {
	kind := [...][2]secret{{}, {clientEarly}, {clientHandshake, serverHandshake}, {clientTraffic, serverTraffic}}[p][index(client)]
	if p == earlyPhase && !client || kind == master {
		return nil
	}
	return s.secrets[kind]
}

// enter makes a side go on with the secret of a phase.
func (s *Session) enter(h *half, client bool, p phase) bool {
	s.look()
	secret := s.secretOf(client, p)
	k, ok := keys{}, false
	if secret != nil {
		k, ok = s.suite.traffic(secret)
	}
	*h = half{keys: k, phase: p, secret: secret, lost: h.lost, failures: h.failures}
	return ok
}

// updated makes a side go on with its next traffic secret.
func (s *Session) updated(h *half) {
	if h.secret == nil {
		return
	}
	secret := s.suite.update(h.secret)
	if k, ok := s.suite.traffic(secret); ok {
		*h = half{keys: k, phase: h.phase, secret: secret, lost: h.lost}
	}
}

// Explicit is how many bytes of a nonce are before what is sealed in a record.
func (s *Session) Explicit() int {
	if s.suite == nil || s.version == version13 {
		return 0
	}
	return 12 - s.suite.salt
}

// Passed says that a sealed record of a side was there but cannot be opened, for parts of it are missing.
func (s *Session) Passed(client bool) { s.side[index(client)].number++ }

// Lost says that records of a side may be missing.
func (s *Session) Lost(client bool) { s.side[index(client)].lost = true }

// Open opens a whole sealed record, with its header, of a side. It returns its type and adds what is in it to dst. ok
// is false where it cannot be opened; Why may say why.
func (s *Session) Open(client bool, record, dst []byte) (kind byte, plain []byte, ok bool) {
	h := &s.side[index(client)]
	if len(record) < recordHeader || h.failures >= maxFailures || s.Why(client) != "" {
		return 0, dst, false
	}
	if s.version == version13 {
		kind, plain, ok = s.open13(h, client, record, dst)
	} else {
		kind, plain, ok = s.open12(h, record, dst)
	}
	if h = &s.side[index(client)]; ok {
		h.failures, h.lost = 0, false
	} else {
		h.failures++
		plain = dst
	}
	return kind, plain, ok
}

// open12 opens a record of TLS 1.2 (RFC 5246 section 6.2.3.3, RFC 5288).
func (s *Session) open12(h *half, record, dst []byte) (byte, []byte, bool) {
	if h.aead == nil {
		if s.prepare(); h.aead == nil {
			return 0, dst, false
		}
	}
	explicit := 12 - s.suite.salt
	sealed := record[recordHeader:]
	if len(sealed) < explicit+h.aead.Overhead() {
		return 0, dst, false
	}
	var data [13]byte
	copy(data[8:11], record)
	binary.BigEndian.PutUint16(data[11:], uint16(len(sealed)-explicit-h.aead.Overhead()))
	for n := h.number; n <= h.number+h.skips(); n++ {
		binary.BigEndian.PutUint64(data[:], n)
		nonce := h.nonce(n)
		if explicit > 0 {
			copy(nonce[4:], sealed[:explicit])
		}
		if plain, err := h.aead.Open(dst, nonce[:], sealed[explicit:], data[:]); err == nil {
			h.number = n + 1
			return record[0], plain, true
		}
	}
	return 0, dst, false
}

// skips is how many numbers of records are tried beyond the next.
func (h *half) skips() uint64 {
	if h.lost {
		return maxSkipped
	}
	return 0
}

// open13 opens a record of TLS 1.3 (RFC 8446 section 5.2): with the key that is due, or with one that may follow.
func (s *Session) open13(h *half, client bool, record, dst []byte) (byte, []byte, bool) {
	if kind, plain, ok := h.try13(record, dst); ok {
		return kind, plain, ok
	}
	was := *h
	for p := h.phase + 1; p <= trafficPhase; p++ {
		if !s.enter(h, client, p) {
			continue
		}
		if kind, plain, ok := h.try13(record, dst); ok {
			return kind, plain, ok
		}
	}
	if *h = was; h.phase == trafficPhase && h.lost { // the KeyUpdate may be among what is missing
		s.updated(h)
		if kind, plain, ok := h.try13(record, dst); ok {
			return kind, plain, ok
		}
		*h = was
	}
	return 0, dst, false
}

// try13 opens a record with the keys of h.
func (h *half) try13(record, dst []byte) (byte, []byte, bool) {
	if h.aead == nil {
		return 0, dst, false
	}
	for n := h.number; n <= h.number+h.skips(); n++ {
		nonce := h.nonce(n)
		plain, err := h.aead.Open(dst, nonce[:], record[recordHeader:], record[:recordHeader])
		if err != nil {
			continue
		}
		h.number = n + 1
		for len(plain) > len(dst) && plain[len(plain)-1] == 0 { // padding
			plain = plain[:len(plain)-1]
		}
		if len(plain) == len(dst) {
			return 0, dst, false
		}
		return plain[len(plain)-1], plain[:len(plain)-1], true
	}
	return 0, dst, false
}
