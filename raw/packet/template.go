package packet

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"unicode/utf8"

	"sockwire/raw/wire"
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

// Parse reads a packet expression, such as
//
//	ip{dst=192.0.2.1, ttl=1..30} / udp{sport=rand, dport=53,123} / hex{0001 0203}
//
// Files and host names are refused; see [Parser]. The error is a [*SyntaxError]. The language is described in the
// README of cmd/rawsend.
func Parse(spec string) (*Template, error) { return new(Parser).Parse(spec) }

// Parse reads a packet expression.
func (p *Parser) Parse(spec string) (*Template, error) {
	t := &Template{spec: spec}
	run := &parsing{Parser: p, spec: spec, t: t}
	if err := run.run(run.expression); err != nil {
		return nil, err
	}
	if err := run.run(run.complete); err != nil {
		return nil, err
	}
	t.SetSeed(0)
	return t, nil
}

// complete adds what an expression leaves to the template, and lays out the combinations.
func (p *parsing) complete() {
	for i := range p.t.nodes {
		p.defaults(i)
	}
	p.layOut()
}

// layOut makes the axes of the combinations.
func (p *parsing) layOut() {
	t := p.t
	for i := range t.variables {
		t.variables[i].values.dim = t.dimension(&t.variables[i].values)
	}
	for i := range t.payloads {
		v := &t.payloads[i]
		v.size.dim, v.choice.dim = t.dimension(&v.size), t.dimension(&v.choice)
	}
	t.count = 1
	for i := len(t.dims) - 1; i >= 0; i-- { // the last one written changes fastest
		t.dims[i].stride = t.count
		t.count = saturatingMul(t.count, t.dims[i].count)
	}
}

// defaults fills fields that were not written and whose value is the template's business, not [Append]'s: message
// types, well-known ports, and the identifiers that keep one run's packets apart from another's.
func (p *parsing) defaults(i int) {
	n := &p.t.nodes[i]
	var next Layer
	if i+1 < len(p.t.layers) {
		next = p.t.layers[i+1]
	}
	given := func(names ...string) bool {
		return slices.ContainsFunc(names, func(name string) bool { return slices.Contains(n.given, name) })
	}
	once := func(field string, spans ...span) {
		if f, _ := n.kind.field(field); !given(field) {
			v := values{progress: perRun, width: f.bits, spans: spans}
			p.bind(target{ptr: fieldPtr(n.layer, f.index), bits: f.bits}, v, n.column)
		}
	}
	count := func(field string) {
		if f, _ := n.kind.field(field); !given(field) {
			v := values{progress: sequence, width: f.bits, spans: []span{{step: 1}}}
			p.bind(target{ptr: fieldPtr(n.layer, f.index), bits: f.bits}, v, n.column)
		}
	}
	ephemeral := span{first: number(49152), step: 1, count: 16384}
	switch l := n.layer.(type) {
	case *IPv4:
		once("id", span{first: number(1), step: 1, count: 65535}) // a raw socket's kernel replaces 0
	case *Fragment:
		once("id")
	case *UDP:
		once("sport", ephemeral)
		if !given("dport") {
			switch next.(type) {
			case *VXLAN:
				l.DstPort = wire.PortVXLAN
			case *Geneve:
				l.DstPort = wire.PortGeneve
			}
		}
	case *UDPLite:
		once("sport", ephemeral)
	case *SCTP:
		once("sport", ephemeral)
	case *TCP:
		once("sport", ephemeral)
		once("seq")
		if !given("flags") {
			l.Flags = wire.SYN
		}
	case *ICMPv4:
		if !given("type") {
			l.Type = wire.ICMPv4Echo
		}
		if l.Type == wire.ICMPv4Echo && !given("rest") {
			once("id")
			count("seq")
		}
	case *ICMPv6:
		if !given("type") {
			l.Type = wire.ICMPv6Echo
		}
		if l.Type == wire.ICMPv6Echo && !given("rest") {
			once("id")
			count("seq")
		}
	}
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

// Given reports whether the expression gives the field of the i-th layer, by its name in the language.
func (t *Template) Given(i int, field string) bool { return slices.Contains(t.nodes[i].given, field) }

// VariesAt reports whether the field at the pointer, of one of the template's layers, differs from packet to packet.
func (t *Template) VariesAt(ptr any) bool {
	return slices.ContainsFunc(t.variables, func(v variable) bool { return v.target.ptr == ptr && v.values.progress != perRun })
}

// Subnet reports whether the field at the pointer takes on the addresses of a whole prefix: one that is written, or
// one of /24 (IPv6: /120) or shorter whose hosts are all in a range or list; or any there are, at random or in sequence.
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

// Locate returns an error of [Template.Append] or [Template.Build] as a [*SyntaxError] with the column of the layer that
// cannot be built, and any other error as it is.
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
