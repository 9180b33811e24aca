package packet

import (
	"bytes"
	"encoding/binary"

	"sockwire/raw/wire"
)

// Series builds the packets of a template as [Template.Append] does, in a third of the time where only plain fields
// differ: ports, addresses, TTLs, ids and sequence numbers. It builds one packet whole and then changes the bytes of
// the fields and the checksums over them. The template and its layers must not be changed meanwhile.
type Series struct {
	t      *Template
	fields []seriesField
	last   []byte // the packet that was built last; nil where all are built whole
}

// seriesField is a field that differs, and where it is in the packet.
type seriesField struct {
	variable  *variable
	value     scalar
	at, size  int
	checksums []int // where those are that cover it
}

// seriesTrials is how many packets are built both ways before a Series trusts what it has found out.
const seriesTrials = 32

// NewSeries returns a series of the packets of t.
func NewSeries(t *Template) *Series {
	s := &Series{t: t}
	if !s.learn() {
		s.fields, s.last = nil, nil
	}
	return s
}

// learn finds out where the fields and their checksums are, by what differs between packets that differ in one field.
func (s *Series) learn() bool {
	t := s.t
	if t.cut != nil || len(t.payloads) > 0 {
		return false
	}
	for i := range t.variables {
		v := &t.variables[i]
		if v.values.progress == perRun {
			continue
		}
		f := seriesField{variable: v, size: v.target.bits / 8}
		if !t.plain(v.target) || !s.locate(&f) {
			return false
		}
		s.fields = append(s.fields, f)
	}
	var err error
	if s.last, _, err = t.Append(nil, nil, 0); err != nil {
		return false
	}
	for i := range s.fields {
		f := &s.fields[i]
		f.value = f.variable.values.at(0, t.index(f.variable.values.dim, 0), t.seed)
	}
	var got, want []byte
	for n := range uint64(seriesTrials) {
		n = mix(1, 2, n)
		if want, _, err = t.Append(want[:0], nil, n); err != nil || !s.change(n) {
			continue
		}
		if got = append(got[:0], s.last...); !bytes.Equal(got, want) {
			return false
		}
	}
	return true
}

// plain reports whether a field is a number in the packet that nothing but checksums depends on.
func (t *Template) plain(f target) bool {
	if f.part != 0 {
		return false
	}
	for _, l := range t.layers {
		found := false
		switch l := l.(type) {
		case *IPv4:
			found = f.ptr == &l.ID || f.ptr == &l.TTL || f.ptr == &l.Src || f.ptr == &l.Dst
		case *IPv6:
			found = f.ptr == &l.HopLimit || f.ptr == &l.Src || f.ptr == &l.Dst
		case *UDP:
			found = f.ptr == &l.SrcPort || f.ptr == &l.DstPort
		case *TCP:
			found = f.ptr == &l.SrcPort || f.ptr == &l.DstPort || f.ptr == &l.Seq || f.ptr == &l.Ack || f.ptr == &l.Window
		case *SCTP:
			found = f.ptr == &l.SrcPort || f.ptr == &l.DstPort
		case *ICMPv4:
			found = f.ptr == &l.ID || f.ptr == &l.Seq
		case *ICMPv6:
			found = f.ptr == &l.ID || f.ptr == &l.Seq
		}
		if found {
			return true
		}
	}
	return false
}

// locate finds the field in the packet, and its checksums.
func (s *Series) locate(f *seriesField) bool {
	// All ones would not do: to a one's complement sum they are zero.
	const pattern = 0x5a5a5a5a5a5a5a5a
	low, ok1 := s.with(f, scalar{})
	high, ok2 := s.with(f, scalar{pattern, pattern}.lowBits(8*f.size))
	if !ok1 || !ok2 || len(low) != len(high) {
		return false
	}
	zero, full := make([]byte, f.size), bytes.Repeat([]byte{0x5a}, f.size)
	for f.at = 0; ; f.at++ {
		if f.at+f.size > len(low) {
			return false
		}
		if bytes.Equal(low[f.at:f.at+f.size], zero) && bytes.Equal(high[f.at:f.at+f.size], full) {
			break
		}
	}
	for at := 0; at < len(low); at += 2 {
		end := min(at+2, len(low))
		if bytes.Equal(low[at:end], high[at:end]) || at+2 > f.at && at < f.at+f.size {
			continue
		}
		if end-at < 2 {
			return false
		}
		f.checksums = append(f.checksums, at)
	}
	return true
}

// with builds the first packet with another value of the field.
func (s *Series) with(f *seriesField, value scalar) ([]byte, bool) {
	layers := s.t.Layers(0)
	f.variable.target.set(value)
	b, err := Append(nil, layers...)
	return b, err == nil
}

// change makes the last packet number n. It reports false where only building it whole will do.
func (s *Series) change(n uint64) bool {
	for i := range s.fields {
		f := &s.fields[i]
		v := &f.variable.values
		value := v.at(n, s.t.index(v.dim, n), s.t.seed)
		if value == f.value {
			continue
		}
		// The checksums are over 16-bit words, so the field is taken with what shares its first and last.
		from, to := f.at&^1, min((f.at+f.size+1)&^1, len(s.last))
		before := wire.Sum(0).Add(s.last[from:to]).Fold()
		f.value = value
		put(s.last[f.at:f.at+f.size], value)
		after := wire.Sum(0).Add(s.last[from:to]).Fold()
		for _, at := range f.checksums {
			c := wire.UpdateChecksum16(binary.BigEndian.Uint16(s.last[at:]), before, after)
			if c == 0 { // UDP writes it otherwise
				return false
			}
			binary.BigEndian.PutUint16(s.last[at:], c)
		}
	}
	return true
}

// put writes a number in big-endian order.
func put(b []byte, v scalar) {
	switch len(b) {
	case 1:
		b[0] = byte(v.lo)
	case 2:
		binary.BigEndian.PutUint16(b, uint16(v.lo))
	case 4:
		binary.BigEndian.PutUint32(b, uint32(v.lo))
	default:
		for i := range b {
			shift := 8 * (len(b) - 1 - i)
			if shift >= 64 {
				b[i] = byte(v.hi >> (shift - 64))
			} else {
				b[i] = byte(v.lo >> shift)
			}
		}
	}
}

// Append appends packet n, as [Template.Append] does.
func (s *Series) Append(b []byte, ends []int, n uint64) ([]byte, []int, error) {
	if s.last == nil {
		return s.t.Append(b, ends, n)
	}
	if s.change(n) {
		b = append(b, s.last...)
		return b, append(ends, len(b)), nil
	}
	start := len(b)
	b, ends, err := s.t.Append(b, ends, n)
	if err != nil {
		return b, ends, err
	}
	s.last = append(s.last[:0], b[start:]...)
	for i := range s.fields {
		f := &s.fields[i]
		f.value = f.variable.values.at(n, s.t.index(f.variable.values.dim, n), s.t.seed)
	}
	return b, ends, nil
}
