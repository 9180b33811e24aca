package wire

import (
	"encoding/binary"
	"net/netip"
)

func be16(b []byte) uint16       { return binary.BigEndian.Uint16(b) }
func be32(b []byte) uint32       { return binary.BigEndian.Uint32(b) }
func put16(b []byte, v uint16)   { binary.BigEndian.PutUint16(b, v) }
func put32(b []byte, v uint32)   { binary.BigEndian.PutUint32(b, v) }
func addr4(b []byte) netip.Addr  { return netip.AddrFrom4([4]byte(b)) }
func addr16(b []byte) netip.Addr { return netip.AddrFrom16([16]byte(b)) }

func put4(b []byte, a netip.Addr) {
	v := a.As4()
	copy(b, v[:])
}

func put16Bytes(b []byte, a netip.Addr) {
	v := a.As16()
	copy(b, v[:])
}

// Lengths of fixed headers in bytes.
const (
	EthernetLen = 14
	VLANLen     = 4
	ARPLen      = 28 // of Ethernet and IPv4
	IPv4Len     = 20 // without options
	IPv6Len     = 40
	FragmentLen = 8
	UDPLen      = 8
	TCPLen      = 20 // without options
	ICMPLen     = 8  // the part that all messages with a payload have
	VXLANLen    = 8
)

// Where the fields of an Ethernet header are.
const (
	EthernetDestinationAt = 0
	EthernetSourceAt      = 6
	EthernetTypeAt        = 12
)

// Ethernet is the view of an Ethernet II or 802.3 header, 14 bytes.
type Ethernet []byte

// Destination and Source return the addresses, in place.
func (h Ethernet) Destination() []byte { return h[0:6:6] }
func (h Ethernet) Source() []byte      { return h[6:12:12] }

// Type returns the EtherType, or the length of an 802.3 frame when it is at most [EtherMaxLength].
func (h Ethernet) Type() uint16     { return be16(h[EthernetTypeAt:]) }
func (h Ethernet) SetType(t uint16) { put16(h[EthernetTypeAt:], t) }

func (h Ethernet) SetDestination(a [6]byte) { copy(h[EthernetDestinationAt:], a[:]) }
func (h Ethernet) SetSource(a [6]byte)      { copy(h[EthernetSourceAt:], a[:]) }

// VLAN is the view of an 802.1Q or 802.1ad tag, from its control information on: 4 bytes. The type that announced the
// tag is the last field of the header before.
type VLAN []byte

func (h VLAN) Priority() uint8    { return h[0] >> 5 }
func (h VLAN) DropEligible() bool { return h[0]&0x10 != 0 }
func (h VLAN) ID() uint16         { return be16(h) & 0xfff }

// SetControl writes priority (3 bits), drop eligibility and identifier (12 bits).
func (h VLAN) SetControl(priority uint8, dropEligible bool, id uint16) {
	v := uint16(priority&7)<<13 | id&0xfff
	if dropEligible {
		v |= 0x1000
	}
	put16(h, v)
}

// Type returns the EtherType of what is tagged, or an 802.3 length.
func (h VLAN) Type() uint16     { return be16(h[2:]) }
func (h VLAN) SetType(t uint16) { put16(h[2:], t) }

// Operations of ARP and RARP.
const (
	ARPRequest  = 1
	ARPReply    = 2
	RARPRequest = 3
	RARPReply   = 4
)

// ARP is the view of an ARP or RARP packet (RFC 826, RFC 903) with its addresses.
type ARP []byte

// ParseARP returns the ARP packet that b starts with; ok is false when it is cut.
func ParseARP(b []byte) (h ARP, ok bool) {
	if len(b) < 8 {
		return nil, false
	}
	n := 8 + 2*(int(b[4])+int(b[5]))
	if n > len(b) {
		return nil, false
	}
	return b[:n:n], true
}

func (h ARP) HardwareType() uint16  { return be16(h) }
func (h ARP) ProtocolType() uint16  { return be16(h[2:]) }
func (h ARP) HardwareLength() uint8 { return h[4] }
func (h ARP) ProtocolLength() uint8 { return h[5] }

// Operation is [ARPRequest], [ARPReply], or one of RARP.
func (h ARP) Operation() uint16     { return be16(h[6:]) }
func (h ARP) SetOperation(v uint16) { put16(h[6:], v) }

// EthernetIPv4 reports whether the addresses are of Ethernet and IPv4, which take 6 and 4 bytes.
func (h ARP) EthernetIPv4() bool {
	return h.HardwareType() == 1 && h.ProtocolType() == EtherTypeIPv4 && h[4] == 6 && h[5] == 4
}

func (h ARP) SenderHardware() []byte    { return h.address(0, int(h[4])) }
func (h ARP) SenderProtocol() []byte    { return h.address(int(h[4]), int(h[5])) }
func (h ARP) TargetHardware() []byte    { return h.address(int(h[4])+int(h[5]), int(h[4])) }
func (h ARP) TargetProtocol() []byte    { return h.address(2*int(h[4])+int(h[5]), int(h[5])) }
func (h ARP) address(off, n int) []byte { return h[8+off : 8+off+n : 8+off+n] }

// Where the fields of an IPv4 header are.
const (
	IPv4TOSAt         = 1
	IPv4TotalLengthAt = 2
	IPv4IDAt          = 4
	IPv4FragmentAt    = 6 // flags and offset
	IPv4TTLAt         = 8
	IPv4ProtocolAt    = 9
	IPv4ChecksumAt    = 10
	IPv4SourceAt      = 12
	IPv4DestinationAt = 16
)

// IPv4 is the view of an IPv4 header with its options (RFC 791).
type IPv4 []byte

// ParseIPv4 returns the header of the IPv4 packet that b starts with, and what follows it: to the end that the total
// length gives, or to that of b when the packet is longer, as one that was cut or quoted is, or when the total length
// is 0, as the kernel leaves that of a packet to be segmented. ok is false when b is cut in the header, or is not IPv4.
func ParseIPv4(b []byte) (h IPv4, payload []byte, ok bool) {
	if len(b) < IPv4Len || b[0]>>4 != 4 {
		return nil, nil, false
	}
	n := int(b[0]&15) * 4
	if n < IPv4Len || n > len(b) {
		return nil, nil, false
	}
	end := len(b)
	if total := int(be16(b[IPv4TotalLengthAt:])); total >= n {
		end = min(end, total)
	}
	return b[:n:n], b[n:end], true
}

func (h IPv4) Version() uint8 { return h[0] >> 4 }

// HeaderLength is in bytes, options included.
func (h IPv4) HeaderLength() int       { return int(h[0]&15) * 4 }
func (h IPv4) TOS() uint8              { return h[IPv4TOSAt] }
func (h IPv4) SetTOS(v uint8)          { h[IPv4TOSAt] = v }
func (h IPv4) DSCP() uint8             { return h[IPv4TOSAt] >> 2 }
func (h IPv4) ECN() uint8              { return h[IPv4TOSAt] & 3 }
func (h IPv4) TotalLength() uint16     { return be16(h[IPv4TotalLengthAt:]) }
func (h IPv4) SetTotalLength(v uint16) { put16(h[IPv4TotalLengthAt:], v) }
func (h IPv4) ID() uint16              { return be16(h[IPv4IDAt:]) }
func (h IPv4) SetID(v uint16)          { put16(h[IPv4IDAt:], v) }

// Reserved is the flag that must be zero.
func (h IPv4) Reserved() bool      { return h[6]&0x80 != 0 }
func (h IPv4) DontFragment() bool  { return h[6]&0x40 != 0 }
func (h IPv4) MoreFragments() bool { return h[6]&0x20 != 0 }

// FragmentOffset is in bytes.
func (h IPv4) FragmentOffset() int { return int(be16(h[IPv4FragmentAt:])&0x1fff) * 8 }

// Fragmented reports whether the packet is a fragment, first, last or between.
func (h IPv4) Fragmented() bool { return be16(h[IPv4FragmentAt:])&0x3fff != 0 }

func (h IPv4) TTL() uint8                  { return h[IPv4TTLAt] }
func (h IPv4) SetTTL(v uint8)              { h[IPv4TTLAt] = v }
func (h IPv4) Protocol() uint8             { return h[IPv4ProtocolAt] }
func (h IPv4) Checksum() uint16            { return be16(h[IPv4ChecksumAt:]) }
func (h IPv4) SetChecksum(v uint16)        { put16(h[IPv4ChecksumAt:], v) }
func (h IPv4) Source() netip.Addr          { return addr4(h[IPv4SourceAt:]) }
func (h IPv4) Destination() netip.Addr     { return addr4(h[IPv4DestinationAt:]) }
func (h IPv4) SetSource(a netip.Addr)      { put4(h[IPv4SourceAt:], a) }
func (h IPv4) SetDestination(a netip.Addr) { put4(h[IPv4DestinationAt:], a) }

// Options are the bytes behind the fixed header, padding included. See [IPv4Options].
func (h IPv4) Options() []byte { return h[IPv4Len:] }

// GoodChecksum reports whether the header's checksum is right.
func (h IPv4) GoodChecksum() bool { return Sum(0).Add(h).Good() }

// UpdateChecksum writes the checksum of the header, options included.
func (h IPv4) UpdateChecksum() {
	h.SetChecksum(0)
	h.SetChecksum(Checksum(h))
}

// Where the fields of an IPv6 header are.
const (
	IPv6PayloadLengthAt = 4
	IPv6NextHeaderAt    = 6
	IPv6HopLimitAt      = 7
	IPv6SourceAt        = 8
	IPv6DestinationAt   = 24
)

// IPv6 is the view of an IPv6 header, 40 bytes (RFC 8200). What follows is for [WalkExtensions].
type IPv6 []byte

// ParseIPv6 returns the header of the IPv6 packet that b starts with, and what follows it: to the end that the payload
// length gives, or to that of b when the packet is longer, as one that was cut or quoted is. A payload length of 0
// gives none where a hop-by-hop header follows, which may say it (RFC 2675), and where more than 65,535 bytes do, as in
// a packet to be segmented. ok is false when b is cut in the header, or is not IPv6.
func ParseIPv6(b []byte) (h IPv6, payload []byte, ok bool) {
	if len(b) < IPv6Len || b[0]>>4 != 6 {
		return nil, nil, false
	}
	h, payload = b[:IPv6Len:IPv6Len], b[IPv6Len:]
	n := int(h.PayloadLength())
	if n > 0 || h.NextHeader() != ProtoHopByHop && len(payload) <= 0xffff {
		payload = payload[:min(n, len(payload))]
	}
	return h, payload, true
}

func (h IPv6) Version() uint8              { return h[0] >> 4 }
func (h IPv6) TrafficClass() uint8         { return h[0]<<4 | h[1]>>4 }
func (h IPv6) SetTrafficClass(v uint8)     { h[0], h[1] = h[0]&0xf0|v>>4, h[1]&0x0f|v<<4 }
func (h IPv6) DSCP() uint8                 { return h.TrafficClass() >> 2 }
func (h IPv6) ECN() uint8                  { return h.TrafficClass() & 3 }
func (h IPv6) FlowLabel() uint32           { return be32(h) & 0xfffff }
func (h IPv6) SetFlowLabel(v uint32)       { put32(h, be32(h)&^0xfffff|v&0xfffff) }
func (h IPv6) PayloadLength() uint16       { return be16(h[IPv6PayloadLengthAt:]) }
func (h IPv6) SetPayloadLength(v uint16)   { put16(h[IPv6PayloadLengthAt:], v) }
func (h IPv6) NextHeader() uint8           { return h[IPv6NextHeaderAt] }
func (h IPv6) HopLimit() uint8             { return h[IPv6HopLimitAt] }
func (h IPv6) SetHopLimit(v uint8)         { h[IPv6HopLimitAt] = v }
func (h IPv6) Source() netip.Addr          { return addr16(h[IPv6SourceAt:]) }
func (h IPv6) Destination() netip.Addr     { return addr16(h[IPv6DestinationAt:]) }
func (h IPv6) SetSource(a netip.Addr)      { put16Bytes(h[IPv6SourceAt:], a) }
func (h IPv6) SetDestination(a netip.Addr) { put16Bytes(h[IPv6DestinationAt:], a) }

// Where the fields of a UDP header are. The ports are there in TCP, SCTP, DCCP and UDP-Lite too.
const (
	SourcePortAt      = 0
	DestinationPortAt = 2
	UDPLengthAt       = 4
	UDPChecksumAt     = 6
)

// UDP is the view of a UDP header, 8 bytes (RFC 768), with what follows it or without.
type UDP []byte

func (h UDP) SourcePort() uint16          { return be16(h) }
func (h UDP) SetSourcePort(v uint16)      { put16(h, v) }
func (h UDP) DestinationPort() uint16     { return be16(h[DestinationPortAt:]) }
func (h UDP) SetDestinationPort(v uint16) { put16(h[DestinationPortAt:], v) }
func (h UDP) Length() uint16              { return be16(h[UDPLengthAt:]) }
func (h UDP) SetLength(v uint16)          { put16(h[UDPLengthAt:], v) }

// Checksum is 0 where the sender computed none.
func (h UDP) Checksum() uint16     { return be16(h[UDPChecksumAt:]) }
func (h UDP) SetChecksum(v uint16) { put16(h[UDPChecksumAt:], v) }

// UpdateChecksum writes the checksum over the pseudo header and all of h, which is the header and its data. One that
// comes out as 0 is written as 0xffff: 0 says that there is none.
func (h UDP) UpdateChecksum(pseudo Sum) {
	h.SetChecksum(0)
	c := pseudo.Add(h).Checksum()
	if c == 0 {
		c = 0xffff
	}
	h.SetChecksum(c)
}

// Where the fields of an ICMP message are.
const (
	ICMPTypeAt     = 0
	ICMPCodeAt     = 1
	ICMPChecksumAt = 2
	ICMPIDAt       = 4 // of an echo
	ICMPSequenceAt = 6
	ICMPQuoteAt    = 8 // of an error: where the packet that it is about starts
)

// ICMP is the view of an ICMPv4 or ICMPv6 message (RFC 792, RFC 4443): its first 4 bytes or more. Fields that a shorter
// one does not have read as 0.
type ICMP []byte

func (h ICMP) Type() uint8          { return h[ICMPTypeAt] }
func (h ICMP) Code() uint8          { return h[ICMPCodeAt] }
func (h ICMP) Checksum() uint16     { return be16(h[ICMPChecksumAt:]) }
func (h ICMP) SetChecksum(v uint16) { put16(h[ICMPChecksumAt:], v) }

// ID and Sequence are fields of an echo and other messages that are asked and answered.
func (h ICMP) ID() uint16           { return h.half(ICMPIDAt) }
func (h ICMP) SetID(v uint16)       { put16(h[ICMPIDAt:], v) }
func (h ICMP) Sequence() uint16     { return h.half(ICMPSequenceAt) }
func (h ICMP) SetSequence(v uint16) { put16(h[ICMPSequenceAt:], v) }

// MTU is the second word of the message: of packet-too-big it is the MTU of the next hop, of fragmentation-needed its
// low half is.
func (h ICMP) MTU() uint32 {
	if len(h) < ICMPLen {
		return 0
	}
	return be32(h[4:])
}

func (h ICMP) half(i int) uint16 {
	if len(h) < i+2 {
		return 0
	}
	return be16(h[i:])
}
