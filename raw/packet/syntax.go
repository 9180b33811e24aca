package packet

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"sockwire/raw/wire"
)

// Bounds on expressions, so that one from outside costs little.
const (
	maxSpec     = 1 << 20 // bytes
	maxLayers   = 64
	maxElements = 256     // options in one list
	maxValues   = 1 << 20 // lines of all files
	maxPayload  = 1 << 18 // bytes
	maxFiles    = 1 << 26 // bytes of all files
)

// SyntaxError says where an expression is wrong and how.
type SyntaxError struct {
	Column  int // of the first wrong character, from 1, in characters
	Problem string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("packet: column %d: %s", e.Column, e.Problem)
}

// Parser reads packet expressions. The zero Parser is ready; it refuses what needs the world outside the expression.
type Parser struct {
	// ReadFile reads the files that "from FILE", file{} and lines{} name; nil refuses them.
	ReadFile func(name string) ([]byte, error)
	// Lookup finds the address of a host name, of IPv4 when family is 4, of IPv6 when it is 6; nil refuses names.
	Lookup func(host string, family int) (netip.Addr, error)
}

// parsing is one run of the parser over one expression.
type parsing struct {
	*Parser
	spec string
	pos  int
	t    *Template

	listed, files int // so far: lines and bytes of files
}

// failure carries a SyntaxError up through the recursive descent.
type failure struct{ err *SyntaxError }

// fail ends the parsing with a problem at byte position pos.
func (p *parsing) fail(pos int, format string, a ...any) {
	column := len([]rune(p.spec[:min(pos, len(p.spec))])) + 1
	panic(failure{&SyntaxError{Column: column, Problem: fmt.Sprintf(format, a...)}})
}

// run calls parse and turns a failure into an error.
func (p *parsing) run(parse func()) (err error) {
	defer func() {
		if r := recover(); r != nil {
			f, ok := r.(failure)
			if !ok {
				panic(r)
			}
			err = f.err
		}
	}()
	if len(p.spec) > maxSpec {
		p.fail(0, "the expression has %d bytes, at most %d are read", len(p.spec), maxSpec)
	}
	parse()
	return nil
}

func (p *parsing) space() {
	for p.pos < len(p.spec) && strings.IndexByte(" \t\r\n", p.spec[p.pos]) >= 0 {
		p.pos++
	}
}

// peek returns the next byte that is not space, 0 at the end.
func (p *parsing) peek() byte {
	p.space()
	if p.pos == len(p.spec) {
		return 0
	}
	return p.spec[p.pos]
}

func (p *parsing) accept(c byte) bool {
	if p.peek() == c {
		p.pos++
		return true
	}
	return false
}

func (p *parsing) expect(c byte, where string) {
	if !p.accept(c) {
		if p.pos == len(p.spec) {
			p.fail(p.pos, "the expression ends where %s needs %q", where, c)
		}
		p.fail(p.pos, "%q where %s needs %q", p.rune(), where, c)
	}
}

// rune returns the character at pos, for an error.
func (p *parsing) rune() string {
	for _, r := range p.spec[p.pos:] {
		return string(r)
	}
	return ""
}

func isNameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '.'
}

// name reads a name; "" if there is none.
func (p *parsing) name() string {
	p.space()
	start := p.pos
	for p.pos < len(p.spec) && isNameByte(p.spec[p.pos]) {
		p.pos++
	}
	return p.spec[start:p.pos]
}

// word reads a constant as it is written, up to a delimiter or "..".
func (p *parsing) word() string {
	p.space()
	start := p.pos
	for p.pos < len(p.spec) && strings.IndexByte(",{}[]@= \t\r\n\"", p.spec[p.pos]) < 0 && !strings.HasPrefix(p.spec[p.pos:], "..") {
		p.pos++
	}
	if p.pos == start {
		if p.pos == len(p.spec) {
			p.fail(p.pos, "the expression ends where a value is needed")
		}
		p.fail(p.pos, "%q where a value is needed", p.rune())
	}
	return p.spec[start:p.pos]
}

// text reads a quoted string, or a word.
func (p *parsing) text() string {
	if p.peek() != '"' {
		return p.word()
	}
	start := p.pos
	quoted, err := strconv.QuotedPrefix(p.spec[start:])
	if err == nil {
		if s, err := strconv.Unquote(quoted); err == nil {
			p.pos += len(quoted)
			return s
		}
	}
	p.fail(start, "a string that starts here has no end, or an escape that Go does not know")
	return ""
}

// expression reads the whole of it.
func (p *parsing) expression() {
	for {
		p.layer()
		if p.peek() == 0 {
			return
		}
		p.expect('/', "the next layer")
		if len(p.t.nodes) == maxLayers {
			p.fail(p.pos, "more than %d layers", maxLayers)
		}
	}
}

func (p *parsing) layer() {
	p.space()
	start := p.pos
	name := p.name()
	if short := shortName(name, isLayer, layerSynonyms); isLayer(short) {
		name = short
	}
	if slices.Contains(payloadKinds, name) {
		p.payload(name, start)
		return
	}
	kind := kindByName(name)
	if kind == nil {
		if name == "" {
			if p.pos == len(p.spec) {
				p.fail(p.pos, "a layer is missing: start with one such as ip{dst=192.0.2.1}")
			}
			p.fail(start, "%q where a layer's name is needed", p.rune())
		}
		p.fail(start, "no layer is called %q%s", name, didYouMean(name, layerNames()))
	}
	n := node{layer: kind.make(), kind: kind, column: start}
	if p.accept('{') {
		if name == "frag" && p.fragmentation(start) {
			return
		}
		for p.peek() != '}' {
			p.field(&n)
			if !p.accept(',') {
				break
			}
		}
		p.expect('}', "the end of "+name)
	}
	p.t.nodes = append(p.t.nodes, n)
	p.t.layers = append(p.t.layers, n.layer)
}

func layerNames() []string {
	names := slices.Clone(payloadKinds)
	for _, k := range layerKinds {
		names = append(names, k.name)
	}
	return names
}

func (p *parsing) field(n *node) {
	p.space()
	start := p.pos
	name := p.name()
	if name == "" {
		p.fail(p.pos, "%q where the name of a field of %s is needed", p.rune(), n.kind.name)
	}
	if short := n.kind.fieldName(name); n.kind.hasField(short) {
		name = short
	}
	var half alias // of a field, when the name means only some of its bits
	f, ok := n.kind.field(name)
	if !ok {
		if half, ok = n.kind.aliases[name]; !ok {
			p.fail(start, "%s has no field %q%s", n.kind.name, name, didYouMean(name, n.kind.fieldNames()))
		}
		f, _ = n.kind.field(half.field)
	}
	if slices.Contains(n.given, name) || half.field != "" && slices.Contains(n.given, half.field) {
		p.fail(start, "%s is given twice", name)
	}
	n.given = append(n.given, name)
	n.parts = append(n.parts, part{f.index, half.shift, half.bits})
	p.expect('=', name)
	ptr := fieldPtr(n.layer, f.index)
	if f.bits == 0 {
		p.compound(n, name, ptr)
		return
	}
	target := target{ptr: ptr, bits: f.bits, shift: half.shift, part: half.bits}
	width := f.bits
	if half.bits != 0 {
		width = half.bits
	}
	p.bind(target, p.values(value{name: name, bits: width, addr: f.addr, mac: f.mac, names: n.kind.names[name], flags: reflect.TypeOf(ptr) == reflect.TypeFor[*wire.TCPFlags]()}), start)
}

func (k *layerKind) fieldNames() []string {
	var names []string
	for _, f := range k.fields() {
		names = append(names, f.name)
	}
	for a := range k.aliases {
		names = append(names, a)
	}
	return names
}

// bind puts values into a target: at once when they are constant, else packet by packet.
func (p *parsing) bind(t target, v values, start int) {
	switch {
	case v.progress == automatic:
		if !t.clear() {
			p.fail(start, "this field is not one that is computed: auto means nothing here")
		}
	case v.isConstant():
		t.set(v.at(0, 0, 0))
	default:
		v.place = uint64(len(p.t.variables) + 1)
		p.t.variables = append(p.t.variables, variable{target: t, values: v})
		t.set(v.at(0, 0, 0))
	}
}

// compound reads a field that is a list or bytes.
func (p *parsing) compound(n *node, name string, ptr any) {
	switch f := ptr.(type) {
	case *[]byte:
		*f = p.bytes()
	case *[]netip.Addr:
		*f = p.addresses(n.kind.family)
	case *[]Option:
		*f = p.options(n.kind)
	case *[]ICMPExtension:
		*f = p.objects()
	case *[]GroupRecord:
		*f = p.records(n.kind.family)
	}
}

// bytes reads hex digits, or a quoted string.
func (p *parsing) bytes() []byte {
	if p.peek() == '"' {
		return []byte(p.text())
	}
	start := p.pos
	b, err := hex.DecodeString(strings.TrimPrefix(p.word(), "0x"))
	if err != nil {
		p.fail(start, "bytes are written as pairs of hex digits or as a quoted string")
	}
	return b
}

func (p *parsing) addresses(family int) []netip.Addr {
	p.expect('[', "a list of addresses")
	var list []netip.Addr
	for p.peek() != ']' {
		start := p.pos
		list = append(list, addrOf(p.scalar(value{name: "address", bits: family, addr: true}, p.word(), start), family))
		if len(list) > maxElements {
			p.fail(start, "more than %d addresses", maxElements)
		}
		if !p.accept(',') {
			break
		}
	}
	p.expect(']', "the end of the list")
	return list
}

// options reads [mss{1460}, nop, opt{type=254, data=00}].
func (p *parsing) options(kind *layerKind) []Option {
	list := make([]Option, 0, maxElements) // full size: the targets below point into it
	p.elements(func(name string, start int) {
		list = list[:len(list)+1]
		o := &list[len(list)-1]
		if name == "opt" {
			p.generic("opt", []genericField{{"type", target{ptr: &o.Type, bits: 8}}, {"len", target{ptr: &o.Length, bits: 8}}}, &o.Data)
			return
		}
		k, ok := kind.options[shortName(name, func(s string) bool { return hasKey(kind.options, s) }, optionSynonyms)]
		if !ok {
			p.fail(start, "%s has no option %q%s", kind.name, name, didYouMean(name, optionNames(kind.options, "opt")))
		}
		o.Type = k.typ
		o.Data = p.element(name, k, target{ptr: &o.Length, bits: 8})
	})
	return slices.Clip(list)
}

// records reads [rec{type=4, group=233.252.0.1, sources=[192.0.2.1]}].
func (p *parsing) records(family int) []GroupRecord {
	list := make([]GroupRecord, 0, maxElements) // full size: the targets below point into it
	p.elements(func(name string, start int) {
		if name != "rec" {
			p.fail(start, "a list of records has no %q: there is rec{type=, group=, sources=[]}", name)
		}
		list = list[:len(list)+1]
		r := &list[len(list)-1]
		fields := []genericField{{"type", target{ptr: &r.Type, bits: 8}}, {"auxlen", target{ptr: &r.AuxLength, bits: 8}}, {"nsrc", target{ptr: &r.NumSources, bits: 16}},
			{"group", target{ptr: &r.Group, bits: family}}}
		p.braced("rec", fields, map[string]func(){
			"sources": func() { r.Sources = p.addresses(family) },
			"aux":     func() { r.Aux = p.bytes() },
		})
	})
	return slices.Clip(list)
}

// objects reads the extension objects of an ICMP message.
func (p *parsing) objects() []ICMPExtension {
	list := make([]ICMPExtension, 0, maxElements)
	p.elements(func(name string, start int) {
		list = list[:len(list)+1]
		o := &list[len(list)-1]
		if name == "obj" {
			p.generic("obj", []genericField{{"class", target{ptr: &o.Class, bits: 8}}, {"ctype", target{ptr: &o.CType, bits: 8}},
				{"len", target{ptr: &o.Length, bits: 16}}}, &o.Data)
			return
		}
		if plain(name) == "iface" {
			*o = p.interfaceInfo()
			return
		}
		k, ok := icmpObjects[shortName(name, func(s string) bool { return hasKey(icmpObjects, s) }, optionSynonyms)]
		if !ok {
			p.fail(start, "there is no extension object %q%s", name, didYouMean(name, optionNames(icmpObjects, "obj", "iface")))
		}
		o.Class, o.CType = k.typ, k.ctype
		o.Data = p.element(name, k, target{ptr: &o.Length, bits: 16})
	})
	return slices.Clip(list)
}

func hasKey(m map[string]optionKind, name string) bool { _, ok := m[name]; return ok }

func optionNames(kinds map[string]optionKind, names ...string) []string {
	for n := range kinds {
		names = append(names, n)
	}
	return names
}

// elements reads a bracketed list, one call of read for each element's name.
func (p *parsing) elements(read func(name string, start int)) {
	p.expect('[', "a list")
	for i := 0; p.peek() != ']'; i++ { // peek goes past the space
		start := p.pos
		if i == maxElements {
			p.fail(start, "more than %d elements", maxElements)
		}
		name := p.name()
		if name == "" {
			p.fail(start, "%q where the name of an element is needed", p.rune())
		}
		read(name, start)
		if !p.accept(',') {
			break
		}
	}
	p.expect(']', "the end of the list")
}

type genericField struct {
	name   string
	target target
}

// generic reads an element that is given by numbers and bytes.
func (p *parsing) generic(name string, fields []genericField, data *[]byte) {
	p.braced(name, fields, map[string]func(){"data": func() { *data = p.bytes() }})
}

// braced reads {field=value, …}: fields that are scalars, and others, each with what reads it.
func (p *parsing) braced(name string, fields []genericField, others map[string]func()) {
	p.expect('{', name)
	for p.peek() != '}' {
		at := p.pos
		f := p.name()
		i := slices.IndexFunc(fields, func(g genericField) bool { return g.name == f })
		other := others[f]
		if i < 0 && other == nil {
			var names []string
			for _, g := range fields {
				names = append(names, g.name)
			}
			for o := range others {
				names = append(names, o)
			}
			p.fail(at, "%s has no field %q%s", name, f, didYouMean(f, names))
		}
		p.expect('=', name)
		if other != nil {
			other()
		} else {
			_, addr := fields[i].target.ptr.(*netip.Addr)
			p.bind(fields[i].target, p.values(value{name: f, bits: fields[i].target.bits, addr: addr}), at)
		}
		if !p.accept(',') {
			break
		}
	}
	p.expect('}', "the end of "+name)
}

// element reads the data of a known option: {value} where it has one field, else {field=value, …}.
func (p *parsing) element(name string, k optionKind, length target) []byte {
	size := k.fixed
	type piece struct {
		field  optionField
		values values
		start  int
	}
	var pieces []piece
	var tail []byte
	tailAt := -1
	if p.accept('{') {
		for p.peek() != '}' {
			start := p.pos
			if f := p.fieldAhead(); f == "len" && !hasField(k, "len") {
				p.name()
				p.expect('=', name)
				p.bind(length, p.values(value{name: "len", bits: length.bits}), start)
			} else {
				i := 0
				if f != "" {
					if i = slices.IndexFunc(k.fields, func(o optionField) bool { return o.name == f }); i < 0 {
						p.fail(start, "%s has no field %q", name, f)
					}
					p.name()
					p.expect('=', name)
				} else if len(k.fields) != 1 {
					p.fail(start, "%s has %d fields: name them, as in %s", name, len(k.fields), exampleOf(name, k))
				}
				field := k.fields[i]
				switch {
				case field.bytes == 0:
					tail, tailAt = p.bytes(), field.offset
				case field.bytes < 0:
					for _, a := range p.addresses(-8 * field.bytes) {
						tail = append(tail, a.AsSlice()...)
					}
					tailAt = field.offset
				default:
					bits := 8 * field.bytes
					if field.bits != 0 {
						bits = field.bits
					}
					v := p.values(value{name: field.name, bits: bits, addr: field.addr, mac: field.mac})
					pieces = append(pieces, piece{field, v, start})
					size = max(size, field.offset+field.bytes)
				}
			}
			if !p.accept(',') {
				break
			}
		}
		p.expect('}', "the end of "+name)
	}
	data := make([]byte, size, size+len(tail))
	if tailAt >= 0 {
		data = append(data[:tailAt], tail...)
	}
	for _, piece := range pieces {
		at := data[piece.field.offset : piece.field.offset+piece.field.bytes]
		p.bind(target{ptr: &at, bits: 8 * len(at), shift: piece.field.shift, part: piece.field.bits}, piece.values, piece.start)
	}
	return data
}

func hasField(k optionKind, name string) bool {
	return slices.ContainsFunc(k.fields, func(f optionField) bool { return f.name == name })
}

func exampleOf(name string, k optionKind) string {
	if len(k.fields) == 0 {
		return name
	}
	return name + "{" + k.fields[0].name + "=…}"
}

// fieldAhead returns the name of the field that starts here, "" if none does. It reads nothing.
func (p *parsing) fieldAhead() string {
	start := p.pos
	name := p.name()
	found := name != "" && p.peek() == '='
	p.pos = start
	if !found {
		return ""
	}
	return name
}

// value is what the parser needs to know of a field to read its values.
type value struct {
	name      string
	bits      int
	addr, mac bool
	flags     bool
	names     map[string]uint64
}

// subnetBits is how many bits the smallest prefix leaves free that counts as a whole network when a range goes through
// it: a /24 of IPv4, a /120 of IPv6.
const subnetBits = 8

// values reads what a field is to hold, up to the next field.
func (p *parsing) values(f value) values {
	v := values{width: f.bits}
	for {
		start := p.pos
		p.space()
		if p.special(f, &v, start) {
			break
		}
		p.span(f, &v)
		comma := p.pos
		if !p.accept(',') {
			break
		}
		if c := p.peek(); c == '}' || c == ']' || p.fieldAhead() != "" {
			p.pos = comma
			break
		}
	}
	if f.addr && !v.subnet {
		v.subnet = v.progress == sequence || v.cover(subnetBits)
	}
	if p.accept('@') {
		if v.group = p.name(); v.group == "" {
			p.fail(p.pos, "a name is needed after @")
		}
		if v.progress != finite {
			p.fail(p.pos, "only lists, ranges and files can go in step")
		}
	}
	return v
}

// special reads rand, seq, from and auto, which stand alone.
func (p *parsing) special(f value, v *values, start int) bool {
	at := p.pos
	name := p.name()
	next := p.pos
	rangeAhead := func() bool { c := p.peek(); return c != ',' && c != '}' && c != ']' && c != '@' && c != 0 }
	switch {
	case next < len(p.spec) && strings.IndexByte(",{}[]@ \t\r\n", p.spec[next]) < 0:
		p.pos = at
		return false
	case name == "rand":
		v.progress = random
		if rangeAhead() {
			p.choice(f, v)
		}
	case name == "seq":
		v.progress = sequence
		s := span{step: 1}
		if rangeAhead() { // which goes past the space
			at := p.pos
			s.first = p.scalar(f, p.word(), at)
		}
		if rangeAhead() {
			at := p.pos
			s.step = p.scalar(value{name: "step", bits: 64}, p.word(), at).lo
		}
		v.spans = []span{s}
	case name == "from":
		p.file(f, v)
	case name == "auto":
		v.progress = automatic
	default:
		p.pos = at
		return false
	}
	if len(v.spans) > 1 && v.progress != finite {
		p.fail(start, "%s cannot be part of a list", name)
	}
	return true
}

// choice reads what rand is to choose from: a range or a prefix.
func (p *parsing) choice(f value, v *values) {
	start := p.pos
	if prefix, ok := p.prefix(f); ok {
		v.subnet = true
		first := scalarOf(prefix.Masked().Addr())
		free := f.bits - prefix.Bits()
		if free >= 64 {
			v.spans = []span{{first: first, step: uint64(free)}}
			return
		}
		v.spans = []span{{first: first, step: 1, count: 1 << free}}
		return
	}
	var r values
	p.span(f, &r)
	if r.count == 0 || len(r.spans) != 1 || r.spans[0].step != 1 {
		p.fail(start, "rand chooses from one range or prefix")
	}
	v.spans = r.spans
}

// prefix reads an address prefix if one stands here.
func (p *parsing) prefix(f value) (netip.Prefix, bool) {
	start := p.pos
	if !f.addr {
		return netip.Prefix{}, false
	}
	prefix, err := netip.ParsePrefix(p.word())
	if err != nil {
		p.pos = start
		return netip.Prefix{}, false
	}
	if prefix.Addr().BitLen() != f.bits {
		p.fail(start, "%s is not a prefix of %s", prefix, familyName(f.bits))
	}
	return prefix, true
}

// span reads a constant, a range, or a prefix.
func (p *parsing) span(f value, v *values) {
	start := p.pos
	if prefix, ok := p.prefix(f); ok {
		free := f.bits - prefix.Bits()
		if free >= 64 {
			p.fail(start, "%s has 2^%d addresses: choose from them with rand", prefix, free)
		}
		v.addSpan(span{first: scalarOf(prefix.Masked().Addr()), step: 1, count: 1 << free})
		v.subnet = v.subnet || free > 0
		return
	}
	first := p.scalar(f, p.word(), start)
	if !strings.HasPrefix(p.spec[p.pos:], "..") {
		v.addSpan(span{first: first, step: 1, count: 1})
		return
	}
	p.pos += 2
	end := p.pos
	last := p.scalar(f, p.word(), end)
	step := uint64(1)
	before := p.pos
	if p.name() == "by" {
		p.space()
		at := p.pos
		if step = p.scalar(value{name: "step", bits: 64}, p.word(), at).lo; step == 0 {
			p.fail(at, "a step of 0 goes nowhere")
		}
	} else {
		p.pos = before
	}
	if last.less(first) {
		p.fail(start, "the range ends before it starts")
	}
	distance := last.sub(first)
	if distance.hi != 0 || distance.lo/step == 1<<64-1 {
		p.fail(start, "the range has 2^64 values or more")
	}
	v.addSpan(span{first: first, step: step, count: distance.lo/step + 1})
}

// file reads the values of a file, one on each line. Empty lines and those that start with # are left out.
func (p *parsing) file(f value, v *values) {
	p.space()
	start := p.pos
	lines := p.lines(p.text(), start)
	for i, line := range lines {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		s, problem := p.convert(f, line)
		if problem != "" {
			p.fail(start, "line %d of the file: %s", i+1, problem)
		}
		v.addSpan(span{first: s, step: 1, count: 1})
	}
	if len(v.spans) == 0 {
		p.fail(start, "the file has no values")
	}
}

func (p *parsing) read(name string, start int) []byte {
	if p.ReadFile == nil {
		p.fail(start, "files are not read here")
	}
	b, err := p.ReadFile(name)
	if err != nil {
		p.fail(start, "%v", err)
	}
	if p.files += len(b); p.files > maxFiles {
		p.fail(start, "the files of the expression have more than %d bytes in all", maxFiles)
	}
	return b
}

func (p *parsing) lines(name string, start int) []string {
	lines := strings.Split(strings.TrimSuffix(string(p.read(name, start)), "\n"), "\n")
	if p.listed += len(lines); p.listed > maxValues {
		p.fail(start, "the files of the expression have %d lines, at most %d are read", p.listed, maxValues)
	}
	return lines
}

// scalar reads one constant from a word that starts at start.
func (p *parsing) scalar(f value, word string, start int) scalar {
	s, problem := p.convert(f, word)
	if problem != "" {
		for start < len(p.spec) && strings.IndexByte(" \t\r\n", p.spec[start]) >= 0 {
			start++
		}
		p.fail(start, "%s", problem)
	}
	return s
}

func (p *parsing) convert(f value, word string) (s scalar, problem string) {
	switch {
	case f.addr:
		return p.address(f, word)
	case f.mac:
		if word == "broadcast" {
			word = "ff:ff:ff:ff:ff:ff"
		}
		mac, err := ParseMAC(word)
		if err != nil {
			return s, fmt.Sprintf("%q is not an Ethernet address", word)
		}
		t := target{ptr: &mac}
		return t.get(), ""
	}
	if v, ok := f.names[word]; ok {
		return number(v), ""
	}
	if f.flags {
		if v, ok := wire.ParseTCPFlags(word); ok {
			return number(uint64(v)), ""
		}
	}
	if f.bits == 1 && (word == "true" || word == "false") {
		return number(map[string]uint64{"true": 1}[word]), ""
	}
	v, err := parseNumber(word)
	switch {
	case err != nil && len(f.names) > 0:
		var names []string
		for n := range f.names {
			names = append(names, n)
		}
		return s, fmt.Sprintf("%q is not a number, nor a name for %s%s", word, f.name, didYouMean(word, names))
	case err != nil && f.flags:
		return s, fmt.Sprintf("%q is neither a number nor letters of FSRPAUECN", word)
	case err != nil:
		return s, fmt.Sprintf("%q is not a number", word)
	case f.bits < 64 && v>>f.bits != 0:
		return s, fmt.Sprintf("%s has %d bits: %s does not fit", f.name, f.bits, word)
	}
	return number(v), ""
}

// parseNumber reads decimal, 0x, 0b and 0o numbers. A leading zero changes nothing.
func parseNumber(word string) (uint64, error) {
	if len(word) > 2 && word[0] == '0' && strings.IndexByte("xXbBoO", word[1]) >= 0 {
		return strconv.ParseUint(word, 0, 64)
	}
	return strconv.ParseUint(word, 10, 64)
}

func familyName(bits int) string {
	if bits == 32 {
		return "IPv4"
	}
	return "IPv6"
}

func (p *parsing) address(f value, word string) (s scalar, problem string) {
	a, err := netip.ParseAddr(word)
	if err != nil {
		if p.Lookup == nil || strings.ContainsAny(word, ":/") || strings.Trim(word, "0123456789.") == "" {
			return s, fmt.Sprintf("%q is not an address of %s", word, familyName(f.bits))
		}
		if a, err = p.Lookup(word, map[int]int{32: 4, 128: 6}[f.bits]); err != nil {
			return s, err.Error()
		}
	}
	if a.Zone() != "" {
		return s, fmt.Sprintf("%s: a zone is no part of a packet", word)
	}
	if a.BitLen() != f.bits {
		return s, fmt.Sprintf("%s is not an address of %s", word, familyName(f.bits))
	}
	return scalarOf(a), ""
}
