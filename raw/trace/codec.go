package trace

import (
	"encoding/binary"
	"hash/crc32"
	"net/netip"

	"sockwire/raw/internal/siphash"
	"sockwire/raw/wire"
)

// codec turns probes into packets, and knows them again in what answers them.
//
// A router quotes the IP header and as little as 8 bytes behind it (RFC 792), a translator of addresses changes
// addresses, ports and the checksums that cover them. So a probe says who it is in more than one place:
//
//	IPv4 id      a permutation of its number by the key
//	UDP, DCCP    the checksum is a hash of it; two bytes of the payload, or of the service code, make it so
//	ICMP         the sequence number is another permutation; two bytes of the payload keep the checksum constant within a flow
//	TCP, SCTP    the sequence number, the initiate tag: half a permutation, half a hash
//	payload      its number and 64 bits of hash
//
// An answer is taken if it has at least proofEnough bits that only this process knows. Of SCTP over IPv4 8 bytes bring
// back the 16 of the id: such answers are taken once [agreeing] of a flow have come, each to a probe of its own, with
// its ports.
type codec struct {
	key      siphash.Key
	rounds   [4]uint32 // of the permutation
	protocol Protocol
	port     uint16
	base     uint16 // source port of flow 0, or the ICMP identifier
	tos      uint8
	label    uint32
	fragment bool
	size     int
}

const (
	headerUDP  = 8
	headerTCP  = 24 // with the MSS option
	headerDCCP = 20 // a Request, with its service code
	headerSCTP = 32 // with an INIT chunk
	headerICMP = 8

	// The payload begins with two bytes that make the checksum right, the probe's number, and its hash.
	payloadNumber = 2
	payloadHash   = 4
	payloadLeast  = 12

	sentMSS     = 1460
	proofEnough = 32 // bits
)

func newCodec(t *Tracer, base uint16) codec {
	c := codec{protocol: t.Protocol, port: t.Port, base: base, tos: t.TrafficClass, label: t.FlowLabel, fragment: t.Fragment, size: t.Size}
	if t.Key == nil {
		c.key = siphash.New()
	} else {
		var b [16]byte
		for i, v := range t.Key {
			b[i%16] = b[i%16]*31 + v
		}
		c.key = siphash.Key{K0: binary.LittleEndian.Uint64(b[:]), K1: binary.LittleEndian.Uint64(b[8:])}
	}
	for i := range c.rounds {
		c.rounds[i] = uint32(c.key.Hash(uint64(i), 0x7065726d))
	}
	return c
}

// permute is a permutation of the 16-bit numbers by the key, unpermute its inverse: a Feistel network of 8-bit halves.
func (c *codec) permute(v uint16) uint16 {
	l, r := uint8(v>>8), uint8(v)
	for _, k := range c.rounds {
		l, r = r, l^mix(r, k)
	}
	return uint16(l)<<8 | uint16(r)
}

func (c *codec) unpermute(v uint16) uint16 {
	l, r := uint8(v>>8), uint8(v)
	for i := len(c.rounds) - 1; i >= 0; i-- {
		l, r = r^mix(l, c.rounds[i]), l
	}
	return uint16(l)<<8 | uint16(r)
}

func mix(v uint8, k uint32) uint8 {
	x := (uint32(v) ^ k) * 0x9e3779b1
	return uint8(x>>24) ^ uint8(x>>13)
}

// id is the IPv4 id of a probe. Only a number whose low half is 0 would have 0, for which the kernel writes another: it
// is not used.
func (c *codec) id(n uint64) uint16 { return c.permute(uint16(n)) ^ c.permute(0) }

func (c *codec) unid(v uint16) uint16 { return c.unpermute(v ^ c.permute(0)) }

// proof is the hash of a probe: what only this process can know.
func (c *codec) proof(n uint64, target netip.Addr, flow uint16) uint64 {
	a := target.As16()
	return c.key.Hash(n<<16|uint64(flow), binary.LittleEndian.Uint64(a[:]), binary.LittleEndian.Uint64(a[8:]))
}

// sum16 is the checksum that a proof asks for; 0 and its other form are none.
func sum16(proof uint64) uint16 {
	if v := uint16(proof >> 48); v != 0 && v != 0xffff {
		return v
	}
	return 0x5357
}

// sourcePort is that of a flow, or its ICMP identifier.
func (c *codec) sourcePort(flow uint16) uint16 { return c.base + flow }

// flowLabel is that of a flow.
func (c *codec) flowLabel(flow uint16, target netip.Addr) uint32 {
	if c.label != 0 {
		return c.label
	}
	return uint32(c.proof(0, target, flow)) & 0xfffff
}

func (c *codec) transportLeast() int {
	switch c.protocol {
	case TCP:
		return headerTCP
	case DCCP:
		return headerDCCP
	case SCTP:
		return headerSCTP
	}
	return headerUDP + payloadLeast
}

// sizeOf is the size of a probe's IP packet.
func (c *codec) sizeOf(p *Probe) int {
	size, least := int(p.Size), wire.IPv4Len
	if size == 0 {
		size = c.size
	}
	if p.Target.Is6() {
		least = wire.IPv6Len
	}
	return max(size, least+c.transportLeast())
}

// protocolNumber is that of the probes' transport.
func (c *codec) protocolNumber(six bool) uint8 {
	switch c.protocol {
	case ICMP:
		if six {
			return wire.ProtoICMPv6
		}
		return wire.ProtoICMP
	case TCP:
		return wire.ProtoTCP
	case DCCP:
		return wire.ProtoDCCP
	case SCTP:
		return wire.ProtoSCTP
	}
	return wire.ProtoUDP
}

// build writes probe n from src into b, which has room, and returns the IP packet. It does not allocate.
func (c *codec) build(b []byte, n uint64, p *Probe, src netip.Addr) []byte {
	size := c.sizeOf(p)
	b = b[:size]
	clear(b)
	six := p.Target.Is6()
	proof := c.proof(n, p.Target.WithZone(""), p.Flow)
	var t []byte
	if six {
		ip := wire.IPv6(b)
		b[0] = 6 << 4
		ip.SetTrafficClass(c.tos)
		ip.SetFlowLabel(c.flowLabel(p.Flow, p.Target.WithZone("")))
		ip.SetPayloadLength(uint16(size - wire.IPv6Len))
		b[6] = c.protocolNumber(true)
		ip.SetHopLimit(p.TTL)
		ip.SetSource(src)
		ip.SetDestination(p.Target.WithZone(""))
		t = b[wire.IPv6Len:]
	} else {
		ip := wire.IPv4(b)
		b[0] = 4<<4 | 5
		ip.SetTOS(c.tos)
		ip.SetTotalLength(uint16(size))
		ip.SetID(c.id(n))
		if !c.fragment {
			b[6] = 0x40
		}
		ip.SetTTL(p.TTL)
		b[9] = c.protocolNumber(false)
		ip.SetSource(src)
		ip.SetDestination(p.Target)
		ip[:wire.IPv4Len].UpdateChecksum()
		t = b[wire.IPv4Len:]
	}
	pseudo := wire.PseudoHeader(src, p.Target.WithZone(""), c.protocolNumber(six), len(t))
	switch c.protocol {
	case ICMP:
		c.buildICMP(t, n, p, proof, pseudo)
	case TCP:
		c.buildTCP(t, n, p, proof, pseudo)
	case DCCP:
		c.buildDCCP(t, n, p, proof, pseudo)
	case SCTP:
		c.buildSCTP(t, n, p, proof)
	default:
		c.buildUDP(t, n, p, proof, pseudo)
	}
	return b
}

// balance writes into b[at:at+2], which is zero, what makes the checksum of b be want where its field is left out.
func balance(b []byte, at int, pseudo wire.Sum, want uint16) {
	have := pseudo.Add(b).Fold()
	// have + x = ^want, in ones' complement.
	x := uint32(^want) + uint32(^have)
	x = x&0xffff + x>>16
	binary.BigEndian.PutUint16(b[at:], uint16(x))
}

func putPayload(b []byte, n uint64, proof uint64) {
	binary.BigEndian.PutUint16(b[payloadNumber:], uint16(n))
	binary.BigEndian.PutUint64(b[payloadHash:], proof)
	for i := payloadLeast; i < len(b); i++ {
		b[i] = byte(i)
	}
}

func (c *codec) buildUDP(t []byte, n uint64, p *Probe, proof uint64, pseudo wire.Sum) {
	u := wire.UDP(t)
	u.SetSourcePort(c.sourcePort(p.Flow))
	u.SetDestinationPort(c.port)
	u.SetLength(uint16(len(t)))
	putPayload(t[headerUDP:], n, proof)
	balance(t, headerUDP, pseudo, sum16(proof))
	u.SetChecksum(sum16(proof))
}

func (c *codec) buildICMP(t []byte, n uint64, p *Probe, proof uint64, pseudo wire.Sum) {
	h := wire.ICMP(t)
	if t[0] = wire.ICMPv4Echo; p.Target.Is6() {
		t[0] = wire.ICMPv6Echo
	} else {
		pseudo = 0
	}
	h.SetID(c.sourcePort(p.Flow))
	h.SetSequence(c.sequence(n))
	putPayload(t[headerICMP:], n, proof)
	want := c.flowSum(p.Flow, p.Target.WithZone(""))
	balance(t, headerICMP, pseudo, want)
	h.SetChecksum(want)
}

// sequence is the ICMP sequence number of a probe, and the first half of other numbers: a permutation that the IPv4 id
// is not.
func (c *codec) sequence(n uint64) uint16 { return c.permute(uint16(n) ^ 0xa5c3) }

func (c *codec) unsequence(v uint16) uint16 { return c.unpermute(v) ^ 0xa5c3 }

// flowSum is the ICMP checksum of all probes of a flow.
func (c *codec) flowSum(flow uint16, target netip.Addr) uint16 {
	return sum16(c.proof(1<<40, target, flow))
}

// number32 is the sequence number of TCP and the initiate tag of SCTP.
func (c *codec) number32(n uint64, proof uint64) uint32 {
	return uint32(c.sequence(n))<<16 | uint32(proof>>32)&0xffff | 1 // a tag of 0 is none
}

func (c *codec) buildTCP(t []byte, n uint64, p *Probe, proof uint64, pseudo wire.Sum) {
	h := wire.TCP(t)
	h.SetSourcePort(c.sourcePort(p.Flow))
	h.SetDestinationPort(c.port)
	h.SetSequence(c.number32(n, proof))
	t[12] = headerTCP / 4 << 4
	h.SetFlags(wire.SYN)
	h.SetWindow(65535)
	t[20], t[21] = wire.TCPOptionMSS, 4
	binary.BigEndian.PutUint16(t[22:], sentMSS)
	if len(t) >= headerTCP+payloadLeast {
		putPayload(t[headerTCP:], n, proof)
	}
	h.SetChecksum(pseudo.Add(t).Checksum())
}

func (c *codec) buildDCCP(t []byte, n uint64, p *Probe, proof uint64, pseudo wire.Sum) {
	binary.BigEndian.PutUint16(t, c.sourcePort(p.Flow))
	binary.BigEndian.PutUint16(t[2:], c.port)
	t[4] = headerDCCP / 4
	t[8] = 1 // Request, with long sequence numbers
	binary.BigEndian.PutUint16(t[10:], c.sequence(n))
	binary.BigEndian.PutUint32(t[12:], uint32(proof))
	if len(t) >= headerDCCP+payloadLeast {
		putPayload(t[headerDCCP:], n, proof)
	}
	balance(t, 18, pseudo, sum16(proof)) // in the service code
	binary.BigEndian.PutUint16(t[6:], sum16(proof))
}

func (c *codec) buildSCTP(t []byte, n uint64, p *Probe, proof uint64) {
	binary.BigEndian.PutUint16(t, c.sourcePort(p.Flow))
	binary.BigEndian.PutUint16(t[2:], c.port)
	chunk := t[12:]
	chunk[0] = 1 // INIT
	binary.BigEndian.PutUint16(chunk[2:], 20)
	binary.BigEndian.PutUint32(chunk[4:], c.number32(n, proof))
	binary.BigEndian.PutUint32(chunk[8:], 65535) // receiver window
	binary.BigEndian.PutUint16(chunk[12:], 1)
	binary.BigEndian.PutUint16(chunk[14:], 1)
	binary.BigEndian.PutUint32(chunk[16:], uint32(proof))
	if rest := t[headerSCTP:]; len(rest) >= 4 { // a chunk that is skipped and not reported (RFC 9260, section 3.2)
		rest[0] = 0xbf
		binary.BigEndian.PutUint16(rest[2:], uint16(len(rest)))
	}
	binary.LittleEndian.PutUint32(t[8:], crc32c(t))
}

// castagnoli is made when it is first asked for: it costs each start of a command a quarter of a millisecond.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// crc32c is the checksum of SCTP (RFC 9260, section 6.8), over t whose checksum field is zero.
func crc32c(t []byte) uint32 { return crc32.Checksum(t, castagnoli()) }
