package wire

import (
	"strconv"
	"strings"
)

// Where the fields of a TCP header are, behind the ports.
const (
	TCPSequenceAt       = 4
	TCPAcknowledgmentAt = 8
	TCPFlagsAt          = 12 // data offset and flags
	TCPWindowAt         = 14
	TCPChecksumAt       = 16
	TCPUrgentAt         = 18
)

// TCP is the view of a TCP header with its options (RFC 9293).
type TCP []byte

func (h TCP) SourcePort() uint16          { return be16(h) }
func (h TCP) SetSourcePort(v uint16)      { put16(h, v) }
func (h TCP) DestinationPort() uint16     { return be16(h[DestinationPortAt:]) }
func (h TCP) SetDestinationPort(v uint16) { put16(h[DestinationPortAt:], v) }
func (h TCP) Sequence() uint32            { return be32(h[TCPSequenceAt:]) }
func (h TCP) SetSequence(v uint32)        { put32(h[TCPSequenceAt:], v) }
func (h TCP) Acknowledgment() uint32      { return be32(h[TCPAcknowledgmentAt:]) }
func (h TCP) SetAcknowledgment(v uint32)  { put32(h[TCPAcknowledgmentAt:], v) }

// DataOffset is the header length in bytes.
func (h TCP) DataOffset() int { return int(h[TCPFlagsAt]>>4) * 4 }

// Flags returns the twelve bits behind the data offset.
func (h TCP) Flags() TCPFlags     { return TCPFlags(be16(h[TCPFlagsAt:]) & 0xfff) }
func (h TCP) SetFlags(f TCPFlags) { put16(h[TCPFlagsAt:], be16(h[TCPFlagsAt:])&0xf000|uint16(f&0xfff)) }

func (h TCP) Window() uint16       { return be16(h[TCPWindowAt:]) }
func (h TCP) SetWindow(v uint16)   { put16(h[TCPWindowAt:], v) }
func (h TCP) Checksum() uint16     { return be16(h[TCPChecksumAt:]) }
func (h TCP) SetChecksum(v uint16) { put16(h[TCPChecksumAt:], v) }
func (h TCP) Urgent() uint16       { return be16(h[TCPUrgentAt:]) }

// Options are the bytes behind the fixed header, padding included. See [TCPOptions].
func (h TCP) Options() []byte { return h[TCPLen:] }

// TCPFlags are the twelve bits between data offset and window, three of them reserved.
type TCPFlags uint16

// The flags (RFC 9293, section 3.1; AE, once NS: RFC 9768).
const (
	FIN TCPFlags = 1 << iota
	SYN
	RST
	PSH
	ACK
	URG
	ECE
	CWR
	AE

	// TCPFlagsNamed are all that have a name.
	TCPFlagsNamed = AE<<1 - 1
)

// flagLetters has a letter for each named flag, from the lowest bit on, as scapy writes them.
const flagLetters = "FSRPAUECN"

// Append adds the flags to b as tcpdump and packetdrill write them, such as "S." or "FP.": the dot is ACK. No flag at
// all is "none"; reserved bits are not shown. It allocates only where b has no room.
func (f TCPFlags) Append(b []byte) []byte {
	if f&TCPFlagsNamed == 0 {
		return append(b, "none"...)
	}
	const letters = "FSRP.UEWe"
	for i := range len(letters) {
		if f&(1<<i) != 0 && 1<<i != ACK {
			b = append(b, letters[i])
		}
	}
	if f&ACK != 0 {
		b = append(b, '.') // last, as everybody is used to it
	}
	return b
}

// String returns what [TCPFlags.Append] adds.
func (f TCPFlags) String() string { return string(f.Append(make([]byte, 0, 9))) }

// Letters returns the flags as scapy writes them, such as "SA"; none is "none", and reserved bits are a number.
func (f TCPFlags) Letters() string {
	b := make([]byte, 0, 16)
	for i := range len(flagLetters) {
		if f&(1<<i) != 0 {
			b = append(b, flagLetters[i])
		}
	}
	if rest := f &^ TCPFlagsNamed; rest != 0 {
		b = strconv.AppendUint(append(b, "+0x"...), uint64(rest), 16)
	}
	if len(b) == 0 {
		return "none"
	}
	return string(b)
}

// ParseTCPFlags reads what [TCPFlags.Letters] writes of flags with a name, in any order.
func ParseTCPFlags(letters string) (f TCPFlags, ok bool) {
	if letters == "none" {
		return 0, true
	}
	for i := range len(letters) {
		bit := strings.IndexByte(flagLetters, letters[i])
		if bit < 0 {
			return 0, false
		}
		f |= 1 << bit
	}
	return f, true
}
