package packet

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"sockwire/raw/wire"
)

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
		if p.span(f, &v); !p.another() {
			break
		}
	}
	if f.addr && !v.subnet {
		v.subnet = v.progress == sequence || v.cover(subnetBits)
	}
	if v.group = p.group(); v.group != "" && v.progress != finite {
		p.fail(p.pos, "only lists, ranges and files can go in step")
	}
	return v
}

// another reads the comma before a further value, and leaves one before the next field.
func (p *parsing) another() bool {
	comma := p.pos
	if !p.accept(',') {
		return false
	}
	if c := p.peek(); c == '}' || c == ']' || p.fieldAhead() != "" {
		p.pos = comma
		return false
	}
	return true
}

// group reads @NAME, if that is there: what goes in step.
func (p *parsing) group() (name string) {
	if p.accept('@') {
		if name = p.name(); name == "" {
			p.fail(p.pos, "a name is needed after @")
		}
	}
	return name
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
	p.entries(start, func(line string) (problem string) {
		s, problem := p.convert(f, line)
		v.addSpan(span{first: s, step: 1, count: 1})
		return problem
	})
	if len(v.spans) == 0 {
		p.fail(start, "the file has no values")
	}
}

// entries reads the name of a file and hands each of its lines to take, which says what is wrong with it.
func (p *parsing) entries(start int, take func(line string) (problem string)) {
	for i, line := range p.lines(p.text(), start) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		if problem := take(line); problem != "" {
			p.fail(start, "line %d of the file: %s", i+1, problem)
		}
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
		return s, fmt.Sprintf("%q is not a number, nor a name for %s%s", word, f.name, didYouMean(word, slices.Collect(maps.Keys(f.names))))
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
