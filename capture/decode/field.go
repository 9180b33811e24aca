package decode

import (
	"math/bits"
	"strings"
)

// Kind is how the value of a Field is held and shown.
type Kind uint8

// Kinds of values. The number kinds use Field.Number, the others Field.Bytes.
const (
	KindUint  Kind = iota // decimal
	KindHex               // hexadecimal, with as many digits as the field has
	KindBool              // a flag
	KindState             // a number of which only Field.Note counts, such as a checksum's state
	KindIP                // an address of 4 or 16 bytes
	KindMAC               // a hardware address of any length
	KindBytes             // hexadecimal
	KindText              // text from the packet, to be escaped
	KindGroup             // no value: a heading for the deeper fields behind it
)

// Definition describes a field once for all packets.
type Definition struct {
	Key  string // as in display filters, such as "ip.ttl"
	Name string // as in the RFC, such as "Time to Live"
	JSON string // name inside the layer's JSON object, such as "ttl"
	Kind Kind
	List bool // may occur several times: an array in JSON; the occurrences follow each other

	key string // "ttl": with quotes and colon

	// Where it is in its header, option or record, and what its values are, for FieldWriter.Add.
	bit, bits int // -1 bits are all that is left
	meaning   func(uint64) string
	factor    uint64
	little    bool // its bytes stand lowest first

	inLine bool // see InLine
	before string
}

// Names are what the values of a field mean.
type Names map[uint64]string

// Of returns what n means, "" for a value without a name.
func (m Names) Of(n uint64) string { return m[n] }

// Field is one field of a layer.
type Field struct {
	*Definition
	Bit    int    // where it starts, in bits from the start of Frame.Data
	Bits   int    // its length in bits; 0 for what is not in the frame but computed
	Number uint64 // the value of the number kinds
	Bytes  []byte // the value of the other kinds, borrowed from the frame
	Note   string // what the number means, such as "Echo request", a constant text; may be empty
	Depth  uint8  // 0 for a field of the layer, more inside a group
}

// definitions holds all that define made, by key order of the source.
var definitions []*Definition

// Definitions returns every field there is.
func Definitions() []*Definition { return definitions }

// Define makes a Definition, at the start of the program. The name in JSON is the key without its first part,
// with underscores for dots.
func Define(key, name string, kind Kind) *Definition {
	_, json, _ := strings.Cut(key, ".")
	d := &Definition{Key: key, Name: name, Kind: kind}
	definitions = append(definitions, d)
	return d.As(strings.ReplaceAll(json, ".", "_"))
}

// As gives the field another name in JSON.
func (d *Definition) As(json string) *Definition {
	d.JSON, d.key = json, `"`+json+`":`
	return d
}

// Several makes the field a list.
func (d *Definition) Several() *Definition { d.List = true; return d }

// At says that the field is the n bytes at off of its header, option or record.
func (d *Definition) At(off, n int) *Definition { return d.Bits(8*off, 8*n) }

// Bits says that the field is the n bits from a bit offset on, as for FieldWriter.Bits.
func (d *Definition) Bits(bit, n int) *Definition { d.bit, d.bits = bit, n; return d }

// Rest says that the field is all from off on.
func (d *Definition) Rest(off int) *Definition { d.bit, d.bits = 8*off, -1; return d }

// Means says what the values of the field mean.
func (d *Definition) Means(meaning func(uint64) string) *Definition { d.meaning = meaning; return d }

// Times says that the field shows factor times the value, for headers that count in words.
func (d *Definition) Times(factor uint64) *Definition { d.factor = factor; return d }

// Little says that the bytes of the field stand lowest first. It is for fields of whole bytes.
func (d *Definition) Little() *Definition { d.little = true; return d }

// InLine says that a line shows the field as well, behind a text.
func (d *Definition) InLine(before string) *Definition { d.inLine, d.before = true, before; return d }

// Line returns what stands before the field in a line, and whether a line shows it.
func (d *Definition) Line() (before string, shown bool) { return d.before, d.inLine }

// FieldWriter appends the fields of one layer. Offsets count from the start of what it was made for; a
// field that is not all there is left out, so that no caller needs to check lengths.
type FieldWriter struct {
	Fields []Field
	data   []byte
	base   int // of data in the frame
	depth  uint8
	limit  int      // of Fields
	spare  Field    // takes what is beyond the limit
	sum    Checksum // of the layer, what fields of KindState show
}

// maxFields is how many fields of one layer are shown: far more than real packets have, but a frame of tiny
// options must not grow into megabytes.
const maxFields = 4096

// fMore stands at the end of a layer that has more fields than are shown.
var fMore = Define("layer.more", "More fields than are shown", KindBool)

// NewFieldWriter returns a writer for the bytes [from, to) of the frame of p, adding to dst.
func NewFieldWriter(dst []Field, p *Packet, from, to int) FieldWriter {
	return FieldWriter{Fields: dst, data: p.span(from, to), base: from, limit: len(dst) + maxFields}
}

// DescribeBytes returns a writer for data that belong to no frame, adding to dst.
func DescribeBytes(dst []Field, data []byte) FieldWriter {
	return FieldWriter{Fields: dst, data: data, limit: len(dst) + maxFields}
}

// Within has do describe the bytes [from, to) as if there were no others: offsets count from there.
func (w *FieldWriter) Within(from, to int, do func(w *FieldWriter)) {
	data, base := w.data, w.base
	from = max(0, min(from, len(data)))
	to = max(from, min(to, len(data)))
	w.data, w.base = data[from:to:to], base+from
	do(w)
	w.data, w.base = data, base
}

// Data returns the bytes that the writer describes.
func (w *FieldWriter) Data() []byte { return w.data }

// Has reports whether the layer has the field already. Of what a packet says again though it may say it once, the first
// is shown.
func (w *FieldWriter) Has(d *Definition) bool {
	for i := range w.Fields[w.limit-maxFields:] {
		if w.Fields[w.limit-maxFields+i].Definition == d {
			return true
		}
	}
	return false
}

// Add adds fields whose definitions say where they are, in a header, option or record that starts at off.
func (w *FieldWriter) Add(off int, fields ...*Definition) {
	for _, d := range fields {
		switch {
		case d.Kind < KindState:
			w.Bits(d, 8*off+d.bit, d.bits, d.meaning)
		case d.Kind == KindState:
			w.Value(d, off+d.bit/8, d.bits/8, uint64(w.sum))
			w.Note(w.sum.String())
		case d.bits < 0:
			w.Bytes(d, off+d.bit>>3, -1)
		default:
			w.Bytes(d, off+d.bit>>3, d.bits>>3)
		}
	}
}

// Each adds the field as often as its size bytes fit from off to end.
func (w *FieldWriter) Each(d *Definition, off, end, size int) {
	for ; off+size <= min(end, len(w.data)); off += size {
		if d.Kind > KindState {
			w.Bytes(d, off, size)
		} else {
			w.Bits(d, 8*off, 8*size, d.meaning)
		}
	}
}

// Uint adds a number of n bytes at off and returns it, 0 when it is not all there.
func (w *FieldWriter) Uint(d *Definition, off, n int) uint64 { return w.Bits(d, off*8, n*8, nil) }

// Enum adds a number of n bytes with what it means.
func (w *FieldWriter) Enum(d *Definition, off, n int, meaning func(uint64) string) uint64 {
	return w.Bits(d, off*8, n*8, meaning)
}

// Bit adds a flag.
func (w *FieldWriter) Bit(d *Definition, bit int) bool { return w.Bits(d, bit, 1, nil) != 0 }

// Bits adds a number of n bits, at most 57 or whole bytes, at a bit offset.
func (w *FieldWriter) Bits(d *Definition, bit, n int, meaning func(uint64) string) uint64 {
	first, last := bit>>3, (bit+n+7)>>3
	if first < 0 || last > len(w.data) {
		return 0
	}
	v := number(w.data[first:last])
	if d.little {
		v = bits.ReverseBytes64(v) >> (64 - 8*uint(last-first))
	}
	if n != 8*(last-first) {
		v = v >> uint(last*8-bit-n) & (1<<uint(n) - 1)
	}
	f := w.next(d, bit, n)
	f.Number = v
	if d.factor != 0 {
		f.Number *= d.factor
	}
	if meaning != nil {
		f.Note = meaning(v)
	}
	return v
}

// next appends an empty field.
func (w *FieldWriter) next(d *Definition, bit, bits int) *Field {
	if len(w.Fields) >= w.limit {
		if len(w.Fields) == w.limit {
			w.Fields = append(w.Fields, Field{Definition: fMore, Number: 1})
		}
		return &w.spare
	}
	w.Fields = append(w.Fields, Field{Definition: d, Bit: w.base*8 + bit, Bits: bits, Depth: w.depth})
	return &w.Fields[len(w.Fields)-1]
}

// Value adds a number that was computed, shown at the n bytes at off; n is 0 when it stands nowhere.
func (w *FieldWriter) Value(d *Definition, off, n int, v uint64) {
	if off < 0 || off+n > len(w.data) {
		return
	}
	w.next(d, off*8, n*8).Number = v
}

// Note says what the field added last means.
func (w *FieldWriter) Note(s string) {
	if n := len(w.Fields); n > 0 {
		w.Fields[n-1].Note = s
	}
}

// Bytes adds n bytes at off, as the definition's kind takes them. A negative n means all that is left.
func (w *FieldWriter) Bytes(d *Definition, off, n int) []byte {
	if n < 0 {
		n = len(w.data) - off
	}
	if off < 0 || n < 0 || off+n > len(w.data) {
		return nil
	}
	v := w.data[off : off+n : off+n]
	w.next(d, off*8, n*8).Bytes = v
	return v
}

// Text adds a text that is not as such in the frame, such as a name that a library has decompressed.
func (w *FieldWriter) Text(d *Definition, off, n int, text []byte) {
	if off < 0 || n < 0 || off+n > len(w.data) {
		off, n = 0, 0
	}
	w.next(d, off*8, n*8).Bytes = text
}

// Group adds a heading for n bytes at off; the fields that follow belong to it until End.
func (w *FieldWriter) Group(d *Definition, off, n int) {
	n = max(0, min(n, len(w.data)-off))
	w.next(d, off*8, n*8)
	w.depth++
}

// End closes the innermost Group.
func (w *FieldWriter) End() { w.depth-- }
