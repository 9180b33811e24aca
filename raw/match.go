package raw

import (
	"bytes"
	"encoding/binary"
	"net/netip"

	"sockwire/raw/wire"
)

// codec knows the messages of one run in one family: how they are built and how answers are told from the rest. It
// holds no state that changes, and none of its methods allocates.
type codec struct {
	six      bool
	message  Message
	key      key
	magic    uint32
	base     uint16 // first identifier of the run's block
	idBits   int    // the block has 1<<idBits identifiers
	template []byte // a whole message, its number and proof still to be written
	multiple bool   // answers may come from other addresses than the target
}

// Types of the messages by family.
func (c *codec) requestType() byte {
	switch {
	case c.message == TimestampRequest:
		return wire.ICMPv4Timestamp
	case c.message == ExtendedEcho && c.six:
		return wire.ICMPv6ExtendedEcho
	case c.message == ExtendedEcho:
		return wire.ICMPv4ExtendedEcho
	case c.six:
		return wire.ICMPv6Echo
	}
	return wire.ICMPv4Echo
}

func (c *codec) replyType() byte {
	t, _ := wire.ICMPReplyType(c.six, c.requestType())
	return t
}

// seqBits is how many bits of sequence number the message has.
func (c *codec) seqBits() int {
	if c.message == ExtendedEcho {
		return 8
	}
	return 16
}

// window is how many echoes can be told apart by identifier and sequence number.
func (c *codec) window() uint64 { return 1 << (c.seqBits() + c.idBits) }

const icmpHeader = wire.ICMPLen

// proves tells whether answers carry a proof of their own.
func (c *codec) proves() bool {
	return c.message == EchoRequest && len(c.template) >= icmpHeader+cookieEnd
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
		b = binary.BigEndian.AppendUint32(b, i.Index)
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
	binary.BigEndian.PutUint16(b[start+4:], uint16(len(b)-start-4))
	binary.BigEndian.PutUint16(b[start+2:], wire.Checksum(b[start:]))
	return b
}

// build writes the message of echo n to the target into b, which has room for the template.
func (c *codec) build(b []byte, n uint64, target netip.Addr) []byte {
	b = b[:copy(b[:cap(b)], c.template)]
	binary.BigEndian.PutUint16(b[4:], c.id(n))
	if c.message == ExtendedEcho {
		b[6] = byte(n)
	} else {
		binary.BigEndian.PutUint16(b[6:], uint16(n))
	}
	if c.message == EchoRequest {
		proof := c.proof(n, target)
		copy(b[icmpHeader:], proof[:])
	}
	if !c.six {
		binary.BigEndian.PutUint16(b[2:], 0)
		binary.BigEndian.PutUint16(b[2:], wire.Checksum(b))
	}
	return b
}

// id is the identifier of echo n.
func (c *codec) id(n uint64) uint16 { return c.base | uint16(n>>c.seqBits())&(1<<c.idBits-1) }

// number returns the echo, of those numbered up to last, that an identifier and sequence number stand for, or false
// if none does. The block's numbers repeat every window echoes; only the latest with that number can be meant.
func (c *codec) number(id, seq uint16, last uint64) (uint64, bool) {
	if id&^(1<<c.idBits-1) != c.base {
		return 0, false
	}
	if c.message == ExtendedEcho {
		seq >>= 8
	}
	low := uint64(id&(1<<c.idBits-1))<<c.seqBits() | uint64(seq)
	mask := c.window() - 1
	n := last - (last-low)&mask
	return n, n >= 1 && n <= last
}

// kind is what a received message is to the run.
type kind uint8

const (
	foreign kind = iota // not ours
	answer              // an answer to echo n
	failure             // an ICMP error about echo n
)

// found is a received message understood.
type found struct {
	kind       kind
	n          uint64
	alt        uint64 // answer with a bad checksum: the echo that the payload names if it is not n, else 0
	typ, code  byte
	mtu        int
	quoted     netip.Addr // failure: the destination of the echo it quotes
	message    []byte     // answer: the ICMP message
	badSum     bool
	quoteProof []byte // failure: what is quoted of the payload
}

// match looks at an ICMP message received, without its IP header. last is the number of the latest echo.
func (c *codec) match(b []byte, badSum bool, last uint64) (f found) {
	if len(b) < icmpHeader {
		return
	}
	if badSum && c.message == EchoRequest {
		return c.matchDamaged(b, last)
	}
	f.typ, f.code, f.badSum = b[0], b[1], badSum
	switch {
	case f.typ == c.replyType():
		if n, ok := c.number(binary.BigEndian.Uint16(b[4:]), binary.BigEndian.Uint16(b[6:]), last); ok {
			f.kind, f.n, f.message = answer, n, b
		}
	case !badSum:
		return c.matchError(b, last)
	}
	return
}

// matchDamaged finds the echo of an answer that was damaged on the way, by the header or, if that may be what was
// damaged, by the payload.
func (c *codec) matchDamaged(b []byte, last uint64) (f found) {
	f = found{typ: b[0], code: b[1], badSum: true, message: b}
	if n, ok := c.number(binary.BigEndian.Uint16(b[4:]), binary.BigEndian.Uint16(b[6:]), last); ok && b[0] == c.replyType() {
		f.kind, f.n = answer, n
	}
	if len(b) < icmpHeader+magicEnd || binary.BigEndian.Uint32(b[icmpHeader+numberEnd:]) != c.magic {
		return f
	}
	alt := last - uint64(uint32(last)-binary.BigEndian.Uint32(b[icmpHeader+cookieEnd:]))
	if alt >= 1 && alt <= last && alt != f.n {
		f.kind, f.alt = answer, alt
	}
	return f
}

// proof is what the payload of echo n starts with, as far as it goes.
func (c *codec) proof(n uint64, target netip.Addr) (b [magicEnd]byte) {
	binary.BigEndian.PutUint64(b[:], c.key.cookie(n, target))
	binary.BigEndian.PutUint32(b[cookieEnd:], uint32(n))
	binary.BigEndian.PutUint32(b[numberEnd:], c.magic)
	return b
}

// carriesProof tells whether the message carries the whole proof of echo n.
func (c *codec) carriesProof(message []byte, n uint64, target netip.Addr) bool {
	return len(message) >= icmpHeader+magicEnd && [magicEnd]byte(message[icmpHeader:]) == c.proof(n, target)
}

// proved tells whether what an error quotes of the payload, which agrees with the echo as far as it goes, is enough to
// show that who sent the error saw it.
func (c *codec) proved(quoted []byte) bool { return c.proves() && len(quoted) >= cookieEnd }

// carriesCookie tells whether the message carries the cookie of echo n, whatever else of it was damaged.
func (c *codec) carriesCookie(message []byte, n uint64, target netip.Addr) bool {
	proof := c.proof(n, target)
	return c.proves() && len(message) >= icmpHeader+cookieEnd && [cookieEnd]byte(message[icmpHeader:]) == [cookieEnd]byte(proof[:])
}

// isError: redirects and source quenches end nothing, the echo they are about goes on.
func (c *codec) isError(typ byte) bool {
	if c.six {
		return typ >= wire.ICMPv6Unreachable && typ <= wire.ICMPv6ParamProblem
	}
	return typ == wire.ICMPv4Unreachable || typ == wire.ICMPv4TimeExceeded || typ == wire.ICMPv4ParamProblem
}

// matchError looks at an ICMP error: it quotes the IP header of the echo and at least 8 bytes behind it (RFC 792,
// RFC 1812 section 4.3.2.3, RFC 4443 section 2.4).
func (c *codec) matchError(b []byte, last uint64) (f found) {
	if !c.isError(b[0]) {
		return
	}
	f.typ, f.code = b[0], b[1]
	f.mtu = wire.ICMPMTU(c.six, wire.ICMP(b))
	var ok bool
	var q []byte
	f.quoted, q, ok = c.quote(b[icmpHeader:])
	if !ok {
		return
	}
	return c.matchQuote(q, last, f)
}

// matchQuote looks at the quoted ICMP message; the error queue gives it without the IP header.
func (c *codec) matchQuote(q []byte, last uint64, f found) found {
	if len(q) < icmpHeader || q[0] != c.requestType() || q[1] != 0 {
		return f
	}
	n, ok := c.number(binary.BigEndian.Uint16(q[4:]), binary.BigEndian.Uint16(q[6:]), last)
	if !ok {
		return f
	}
	f.kind, f.n, f.quoteProof = failure, n, q[icmpHeader:]
	return f
}

// quote returns the destination of the IP packet that an error quotes, and the ICMP message in it. The quote may be cut
// anywhere behind the message's header, and its lengths may have been changed on the way: only its end says where it
// ends.
func (c *codec) quote(q []byte) (dst netip.Addr, message []byte, ok bool) {
	l, ok := wire.Parse(q)
	if !ok || l.Stop != wire.StopTransport {
		return dst, nil, false
	}
	switch {
	case c.six && l.Version == 6 && l.Protocol == wire.ProtoICMPv6:
		dst = wire.IPv6(q).Destination()
	case !c.six && l.Version == 4 && l.Protocol == wire.ProtoICMP:
		dst = wire.IPv4(q).Destination()
	default:
		return dst, nil, false
	}
	return dst, q[l.Transport:], true
}

// verdict is what the payload of an answer says.
type verdict uint8

const (
	genuine verdict = iota
	damaged         // it answers this echo, and was changed on the way
	spoofed         // made by somebody who did not see the echo
)

// verify compares an answer with echo n to the target; at is the first byte of the ICMP message that differs, -1 if
// none. With a good checksum the code does not matter.
func (c *codec) verify(f *found, n uint64, target, from netip.Addr) (v verdict, at int) {
	same := c.multiple || target.IsMulticast() || target.WithZone("") == from.WithZone("")
	if c.message != EchoRequest {
		switch {
		case !same:
			return spoofed, -1
		case f.badSum:
			return damaged, -1
		}
		return genuine, -1
	}
	head, body := c.headerDifference(f, n), c.payloadDifference(f.message[icmpHeader:], n, target)
	proved := c.proves() && (body < 0 || body >= icmpHeader+cookieEnd)
	switch {
	case f.badSum && (proved || same):
		return damaged, firstOf(head, body)
	case !proved && (c.proves() || !same):
		return spoofed, -1
	case body >= 0:
		return damaged, body
	}
	return genuine, -1
}

// firstOf returns the first byte that differs. When none does the checksum itself was damaged.
func firstOf(head, body int) int {
	switch {
	case head >= 0:
		return head
	case body >= 0:
		return body
	}
	return 2
}

// headerDifference returns the first byte of the header, its checksum left out, that is not as it should be, or -1.
func (c *codec) headerDifference(f *found, n uint64) int {
	id := c.id(n)
	want := [icmpHeader]byte{c.replyType(), 0, f.message[2], f.message[3], byte(id >> 8), byte(id), byte(n >> 8), byte(n)}
	return difference(f.message[:icmpHeader], want[:])
}

// payloadDifference returns the first byte of the message, counted from its start, at which its payload is not that
// of echo n, or -1.
func (c *codec) payloadDifference(got []byte, n uint64, target netip.Addr) int {
	want := c.template[icmpHeader:]
	proof := c.proof(n, target)
	head := min(len(got), len(want), magicEnd)
	if i := difference(got[:head], proof[:head]); i >= 0 {
		return icmpHeader + i
	}
	tail := min(len(got), len(want))
	if i := difference(got[head:tail], want[head:tail]); i >= 0 {
		return icmpHeader + head + i
	}
	if len(got) != len(want) {
		return icmpHeader + tail
	}
	return -1
}

// difference returns where two slices of one length first differ, or -1.
func difference(a, b []byte) int {
	if bytes.Equal(a, b) {
		return -1
	}
	for i := range a {
		if a[i] != b[i] {
			return i
		}
	}
	return -1
}

// proofAgrees tells whether what an error quotes of the payload, which may be little or nothing, is of echo n.
func (c *codec) proofAgrees(quoted []byte, n uint64, target netip.Addr) bool {
	if c.message != EchoRequest {
		return true
	}
	proof := c.proof(n, target)
	head := min(len(quoted), len(c.template)-icmpHeader, magicEnd)
	return bytes.Equal(quoted[:head], proof[:head])
}
