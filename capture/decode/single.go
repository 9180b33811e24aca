package decode

import "slices"

// restOfTCP stand at the same place in every TCP header that is all there: one quoted by an ICMP error may not be.
var restOfTCP = []*Definition{
	fTCPAck, fTCPHdrLen, fTCPFlags, fTCPFlagAE, fTCPFlagCWR, fTCPFlagECE, fTCPFlagURG, fTCPFlagACK, fTCPFlagPSH, fTCPFlagRST,
	fTCPFlagSYN, fTCPFlagFIN, fTCPWindow, fTCPChecksum, fTCPStatus, fTCPUrgent, fTCPLength,
}

// Single tells whether AppendSingle reads the field of a layer of type t: whether each has it once, at the same place.
func (d *Definition) Single(t Type) bool {
	return t < firstApplication && slices.Contains(headers[t], d) || t == TypeTCP && slices.Contains(restOfTCP, d)
}

// AppendSingle adds the one field d of layer i, which is Single for the layer's type, as AppendFields adds it among all
// others. It adds nothing where the layer ends before it.
func (p *Packet) AppendSingle(dst []Field, i int, d *Definition) []Field {
	l := &p.layers[:p.n][i]
	w := NewFieldWriter(dst, p, l.Offset, l.Offset+l.Header)
	w.sum = l.Checksum
	switch {
	case l.Type != TypeTCP || slices.Contains(headers[TypeTCP], d):
		w.Add(0, d)
	case len(w.data) < 20:
	case d == fTCPLength:
		w.Value(d, 0, 0, uint64(max(l.Length-l.Header, 0)))
	case d.bits == 0: // one of the flags
		w.Bit(d, 103+slices.Index(restOfTCP, d)-slices.Index(restOfTCP, fTCPFlagAE))
	default:
		w.Add(0, d)
	}
	return w.Fields
}

// Width is the length of the field in bits where all its headers have it at the same place, or else 0.
func (d *Definition) Width() int { return max(d.bits, 0) }

// Unnamed tells of a number that none of its values has a name. Where it says no, there may be names.
func (d *Definition) Unnamed() bool {
	if d.meaning != nil || d.Kind != KindUint && d.Kind != KindHex {
		return false
	}
	for t := range Type(len(headers)) {
		if d.Single(t) {
			return true
		}
	}
	return false
}

// HasFields tells whether the layers of type t have fields that AppendFields adds. Those of other types are added by
// Applications.
func (t Type) HasFields() bool { return t < firstApplication }

// Types is how many types of layers there are: they are those from 1 to below it.
const Types = int(numTypes)

// Scaled tells whether the field shows a multiple of what its header has.
func (d *Definition) Scaled() bool { return d.factor > 1 }
