package capture

import (
	"fmt"
	"math"
	"math/bits"
)

// Magic numbers of pcap files, in the writing host's byte order.
const (
	magicMicro    = 0xa1b2c3d4
	magicNano     = 0xa1b23c4d
	magicModified = 0xa1b2cd34 // Kuznetzov: record headers have eight bytes more
	magicNavtel   = 0xa12b3c4d // the same as magicMicro
)

const (
	pcapHeaderLen  = 24
	recordLen      = 16
	recordLenModif = 24
)

// pcapHeader is what a pcap file header says.
type pcapHeader struct {
	order    byteOrder
	nano     bool
	modified bool
	major    uint16
	minor    uint16
	snaplen  uint32
	link     LinkType
	raw      [pcapHeaderLen]byte // as it was read
}

func (h *pcapHeader) append(b []byte) []byte {
	magic := uint32(magicMicro)
	if h.nano {
		magic = magicNano
	}
	b = h.order.AppendUint32(b, magic)
	b = h.order.AppendUint16(b, 2)
	b = h.order.AppendUint16(b, 4)
	b = append(b, make([]byte, 8)...) // zone and accuracy, always 0
	b = h.order.AppendUint32(b, h.snaplen)
	return h.order.AppendUint32(b, uint32(h.link))
}

// record writes f as a pcap record.
func (w *Writer) record(f *Frame) error {
	var sec, frac uint32
	if !f.Time.IsZero() {
		s := f.Time.Unix()
		if s < 0 {
			return fmt.Errorf("pcap cannot hold a time before 1970, %v: write pcapng", f.Time.UTC())
		}
		if s > math.MaxUint32 {
			return fmt.Errorf("time %v is beyond what pcap holds: write pcapng", f.Time)
		}
		sec, frac = uint32(s), uint32(f.Time.Nanosecond())
		if w.config.Format == FormatPcap {
			frac /= 1000
		}
	}
	w.buf = w.order.AppendUint32(w.buf, sec)
	w.buf = w.order.AppendUint32(w.buf, frac)
	w.buf = w.order.AppendUint32(w.buf, uint32(len(f.Data)))
	w.buf = w.order.AppendUint32(w.buf, uint32(f.Length))
	w.buf = append(w.buf, f.Data...)
	return nil
}

// fineStamp is stamp for units that are no power of ten of at least a nanosecond.
func (c clock) fineStamp(sec, nsec uint64) (uint64, error) {
	p := int(c.power)
	if c.base2 {
		if p >= 64 || bits.Len64(sec)+p > 64 {
			return 0, fmt.Errorf("a time does not fit in units of 2^-%d s", p)
		}
		hi, lo := bits.Mul64(nsec, 1<<p)
		frac, rest := bits.Div64(hi, lo, 1e9)
		if rest > 0 && frac < 1<<p-1 {
			frac++ // the next unit, so that reading gives the nanosecond back
		}
		return sec<<p | frac, nil
	}
	if p >= len(pow10) || (sec > 0 && sec > math.MaxUint64/pow10[p]-1) {
		return 0, fmt.Errorf("a time does not fit in units of 10^-%d s", p)
	}
	return sec*pow10[p] + nsec*pow10[p-9], nil
}
