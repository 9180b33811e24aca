package packet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"unicode/utf8"
)

// Template is a packet with holes: what [Parse] makes of an expression. Packet number n of it is a pure function of
// the expression, the seed and n, so that any packet can be built again. A Template is not safe for concurrent use.
type Template struct {
	spec      string
	layers    []Layer
	nodes     []node
	variables []variable
	payloads  []payload
	dims      []dimension
	count     uint64
	seed      uint64
	cut       *fragmentation
	whole     []byte // a packet about to be cut
	starts    []int
}

// node is a layer as it was written.
type node struct {
	layer  Layer
	kind   *layerKind // nil for a payload
	given  []string   // the names of the fields that were written
	parts  []part     // and which fields, or bits of them, these are
	column int        // byte position in the expression
}

// part is a field of a layer's struct, or some bits of it.
type part struct{ index, shift, bits int }

// variable is a field that differs from packet to packet.
type variable struct {
	target target
	values values
}

// dimension is one axis of all the combinations.
type dimension struct {
	group         string
	count, stride uint64
}

// dimension returns the index of the axis that the values go along, -1 for none.
func (t *Template) dimension(v *values) int {
	if v.progress != finite || v.count <= 1 {
		return -1
	}
	if v.group != "" {
		for i := range t.dims {
			if t.dims[i].group == v.group {
				t.dims[i].count = max(t.dims[i].count, v.count)
				return i
			}
		}
	}
	t.dims = append(t.dims, dimension{group: v.group, count: v.count})
	return len(t.dims) - 1
}

// index returns where packet n is along an axis.
func (t *Template) index(dim int, n uint64) uint64 {
	if dim < 0 {
		return 0
	}
	d := &t.dims[dim]
	if d.stride == math.MaxUint64 {
		return 0
	}
	if d.stride != 1 { // a division takes as long as a layer
		n /= d.stride
	}
	if n < d.count {
		return n
	}
	return n % d.count
}

// String returns the expression.
func (t *Template) String() string { return t.spec }

// Count returns how many packets it takes to go through all combinations of the lists, ranges and files of the
// expression: 1 if there are none, math.MaxUint64 if there are that many or more. Packets beyond start over, with new
// random and sequence values.
func (t *Template) Count() uint64 { return t.count }

// Varies reports whether packets differ: in what is counted by Count, or by rand and seq.
func (t *Template) Varies() bool {
	for i := range t.variables {
		if t.variables[i].values.progress != perRun {
			return true
		}
	}
	return len(t.payloads) > 0
}

// Fragments reports whether packets are cut into fragments.
func (t *Template) Fragments() bool { return t.cut != nil }

// Seed returns the seed.
func (t *Template) Seed() uint64 { return t.seed }

// SetSeed chooses the random values: the same seed gives the same packets. Ports, identifiers and sequence numbers
// that were not written are random too, one value for all packets of a template.
func (t *Template) SetSeed(seed uint64) {
	t.seed = seed
	for i := range t.variables {
		if v := &t.variables[i]; v.values.progress == perRun {
			v.target.set(v.values.at(0, 0, seed))
		}
	}
}

// Layers returns the layers of packet n. They are the template's own and valid until the next call of one of its
// methods. A field that no value changes may be set, and stays: that is how a program fills in source addresses.
func (t *Template) Layers(n uint64) []Layer {
	for i := range t.variables {
		if v := &t.variables[i]; v.values.progress != perRun {
			v.target.set(v.values.at(n, t.index(v.values.dim, n), t.seed))
		}
	}
	for i := range t.payloads {
		t.payloads[i].set(t, n)
	}
	return t.layers
}

// AddEthernet puts an Ethernet header before a template that starts with IP or ARP, as if the expression began with
// "eth /"; the values of all other fields stay what they are.
func (t *Template) AddEthernet() {
	l := new(Ethernet)
	t.layers = slices.Insert(t.layers, 0, Layer(l))
	t.nodes = slices.Insert(t.nodes, 0, node{layer: l, kind: kindByName("eth")})
	if t.cut != nil {
		t.cut.at++
	}
}

// Given reports whether the expression gives the field of the i-th layer, by its name in the language.
func (t *Template) Given(i int, field string) bool { return slices.Contains(t.nodes[i].given, field) }

// VariesAt reports whether the field at the pointer, of one of the template's layers, differs from packet to packet.
func (t *Template) VariesAt(ptr any) bool {
	return slices.ContainsFunc(t.variables, func(v variable) bool { return v.target.ptr == ptr && v.values.progress != perRun })
}

// Subnet reports whether the field at the pointer takes on the addresses of a whole prefix: one that is written, or
// one of /24 (IPv6: /120) or shorter whose hosts are all in a range or list; or any there are, at random or in
// sequence.
func (t *Template) Subnet(ptr any) bool {
	return slices.ContainsFunc(t.variables, func(v variable) bool {
		any := v.values.progress == random && len(v.values.spans) == 0
		return v.target.ptr == ptr && (v.values.subnet || any)
	})
}

// Covers reports whether the field at the pointer takes on the addresses of all hosts of a prefix that leaves 2 to 62
// bits free: all its addresses but the first and the last.
func (t *Template) Covers(ptr any, prefix netip.Prefix) bool {
	free := prefix.Addr().BitLen() - prefix.Bits()
	if free < 2 || free > 62 {
		return false
	}
	start := scalarOf(prefix.Masked().Addr())
	return slices.ContainsFunc(t.variables, func(v variable) bool {
		return v.target.ptr == ptr && v.values.width == prefix.Addr().BitLen() && v.values.coverFrom(free, func(scalar) scalar { return start })
	})
}

// Locate returns an error of [Template.Append] or [Template.Build] as a [*SyntaxError] with the column of the layer
// that cannot be built, and any other error as it is.
func (t *Template) Locate(err error) error {
	var layer *layerError
	var cut *fragmentError
	at := 0
	switch {
	case errors.As(err, &layer) && layer.index < len(t.nodes):
		at, err = t.nodes[layer.index].column, layer
	case errors.As(err, &cut):
		at, err = t.cut.column, cut
	default:
		return err
	}
	return &SyntaxError{Column: utf8.RuneCountInString(t.spec[:at]) + 1, Problem: err.Error()}
}

// Append appends packet n to b, and to ends where it ends in b: more than one end when the expression asks for
// fragments. It allocates nothing when there is room, once the template's own buffers have grown.
func (t *Template) Append(b []byte, ends []int, n uint64) ([]byte, []int, error) {
	return t.Build(b, ends, t.Layers(n), n)
}

// Build is [Template.Append] for layers that [Template.Layers] returned for n and the program has changed.
func (t *Template) Build(b []byte, ends []int, layers []Layer, n uint64) ([]byte, []int, error) {
	if t.cut != nil {
		var err error
		t.whole, t.starts, err = appendStarts(t.whole[:0], t.starts[:0], layers)
		if err == nil {
			b, ends, err = t.cut.append(b, ends, t.whole, t.starts, layers, mix(t.seed, math.MaxUint64, n))
		}
		if err != nil {
			return b, ends, fmt.Errorf("packet: %w", err)
		}
		return b, ends, nil
	}
	b, err := Append(b, layers...)
	if err == nil {
		ends = append(ends, len(b))
	}
	return b, ends, err
}

// set fills the payload for packet n. It allocates only until its buffer has grown.
func (p *payload) set(t *Template, n uint64) {
	b := (*p.layer)[:0]
	switch p.filling {
	case fillLines:
		b = append(b, p.lines[p.choice.at(n, t.index(p.choice.dim, n), t.seed).lo]...)
	case fillRepeat:
		size := int(p.size.at(n, t.index(p.size.dim, n), t.seed).lo)
		b = appendPattern(b, p.pattern, size)
	case fillRandom:
		size := int(p.size.at(n, t.index(p.size.dim, n), t.seed).lo)
		state := mix(t.seed, p.place, n)
		for len(b)+8 <= size {
			state += 0x9e3779b97f4a7c15
			b = binary.LittleEndian.AppendUint64(b, splitmix(state))
		}
		for last := splitmix(state + 0x9e3779b97f4a7c15); len(b) < size; last >>= 8 {
			b = append(b, byte(last))
		}
	}
	*p.layer = b
}
