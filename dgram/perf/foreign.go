package perf

import (
	"encoding/binary"
	"syscall"
	"time"

	"sockwire/dgram"
)

// Protocols of other tools, told by their first bytes. No answer is larger than its question, and a question that is
// not understood gets none.
//
//	STAMP (RFC 8762 section 4.2.1), unauthenticated: 44 bytes or more, an NTP time near ours, a multiplier that is not 0,
//	and 28 bytes that must be zero
//	sockperf: a message whose length field is its length, marked as a client's
//	iperf2: an identifier, a UNIX time near ours and its microseconds
//	echo: what begins with "echo", as text

// foreign keeps what the answers need: the iperf2 flows, which ask for a report at their end.
type foreign struct {
	iperf map[dgram.Addr]*iperfFlow
	out   []byte
	rc    syscall.RawConn // of the listening socket
	since int             // bytes of answers since its send buffer was looked at
}

// room tells whether an answer of n bytes may leave. Strangers get half of the send buffer: whoever asks for addresses
// where nobody takes the answers fills that and no more, and the other half is for those who have a session to begin.
func (f *foreign) room(n, buffer int) bool {
	const each = 1024 // what the kernel charges beside the payload
	if f.rc == nil {
		return true
	}
	if f.since += n + each; f.since < buffer/8 {
		return true
	}
	if unsentBytes(f.rc) > buffer/2 {
		return false
	}
	f.since = 0
	return true
}

func (f *foreign) init() {
	f.iperf = map[dgram.Addr]*iperfFlow{}
	f.out = make([]byte, 0, 1<<16)
}

// stranger answers a datagram that is not in our protocol, if it is in one we know.
func (s *Server) stranger(d *dgram.Datagram, now time.Time) {
	f := &s.foreign
	f.out = f.out[:0]
	answer := false
	switch {
	case d.Truncated || s.cfg.NoForeign || s.conn.Unanswerable(d) != "":
	case isSTAMP(d.Payload, now):
		f.out = appendSTAMP(f.out, d, now)
		answer = true
	case isSockperf(d.Payload):
		f.out = appendSockperf(f.out, d.Payload)
		answer = len(f.out) > 0
	case isIperf(d.Payload, now):
		f.out = f.iperfAnswer(f.out, d, now)
		if len(f.out) == 0 {
			return // counted, no answer due
		}
		answer = true
	case isEcho(d.Payload), s.cfg.Echo:
		f.out = append(f.out, d.Payload...)
		answer = true
	}
	if !answer || len(f.out) > len(d.Payload) || !s.peers.allow(d.From.IP.Addr(), now) {
		s.ignored()
		return
	}
	if !f.room(len(f.out), s.conn.WriteBuffer()) {
		s.unsent(dgram.ErrNoRoom)
		return
	}
	// Counted before it leaves: who has the answer finds it counted.
	s.answered(1)
	if err := s.conn.Reply(d, f.out); err != nil {
		s.answered(-1)
		s.unsent(err)
	}
}

func isEcho(b []byte) bool { return len(b) >= 4 && string(b[:4]) == "echo" }

// STAMP.

const stampSize = 44

// ntpEpoch is 1900, from which NTP counts, in seconds before 1970.
const ntpEpoch = 2208988800

// ntpTime is t as an NTP timestamp: seconds and a binary fraction (RFC 5905 section 6).
func ntpTime(t time.Time) uint64 {
	seconds := uint64(t.Unix() + ntpEpoch)
	return seconds<<32 | uint64(t.Nanosecond())<<32/1e9
}

func near(seconds, now int64) bool { return seconds > now-86400 && seconds < now+86400 }

// isSTAMP tells a Session-Sender test packet. PTP timestamps (error estimate's Z bit) are taken as well.
func isSTAMP(b []byte, now time.Time) bool {
	if len(b) < stampSize || b[13] == 0 { // the multiplier of the error estimate must not be 0
		return false
	}
	for _, c := range b[16:stampSize] {
		if c != 0 {
			return false
		}
	}
	seconds := int64(binary.BigEndian.Uint32(b[4:])) - ntpEpoch
	if b[12]&0x40 != 0 {
		seconds += ntpEpoch
	}
	return near(seconds, now.Unix())
}

// appendSTAMP appends the stateless Session-Reflector's packet (RFC 8762 section 4.3.1). Its sequence number is the
// sender's, its times are NTP, the time of reception is the kernel's.
func appendSTAMP(b []byte, d *dgram.Datagram, now time.Time) []byte {
	q := d.Payload
	be := binary.BigEndian
	at := len(b)
	b = append(b, q[:4]...)
	b = be.AppendUint64(b, ntpTime(time.Now()))
	b = append(b, 0x00, 0x01) // error estimate: not synchronised, NTP format, multiplier 1
	b = append(b, q[14:16]...)
	b = be.AppendUint64(b, ntpTime(d.Time))
	b = append(b, q[:14]...)        // the sender's sequence number, timestamp and error estimate
	b = append(b, 0, 0)             // must be zero
	b = append(b, d.TTL)            // as it arrived
	b = append(b, 0, 0, 0)          // must be zero
	b = append(b, q[len(b)-at:]...) // as long as the question
	return b
}

// sockperf.

const (
	sockperfHeader = 14
	sockperfClient = 1
	sockperfPong   = 2
	sockperfKnown  = 7
)

func isSockperf(b []byte) bool {
	if len(b) < sockperfHeader {
		return false
	}
	flags := binary.BigEndian.Uint16(b[8:])
	return int64(binary.BigEndian.Uint32(b[10:])) == int64(len(b)) && flags&sockperfClient != 0 && flags&^sockperfKnown == 0
}

// appendSockperf answers a message that asks for it: the same, marked as a server's.
func appendSockperf(b, q []byte) []byte {
	flags := binary.BigEndian.Uint16(q[8:])
	if flags&sockperfPong == 0 {
		return b
	}
	at := len(b)
	b = append(b, q...)
	binary.BigEndian.PutUint16(b[at+8:], flags&^sockperfClient)
	return b
}
