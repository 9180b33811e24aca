package packet

import (
	"encoding/hex"
	"strconv"
	"strings"
)

// payload reads hex{}, text{}, random{}, pattern{}, zero{}, file{} or lines{}.
func (p *parsing) payload(name string, start int) {
	layer := new(Payload)
	p.expect('{', name)
	switch name {
	case "hex":
		*layer = p.hex()
	case "text":
		*layer = p.rawText()
	case "file":
		p.space()
		at := p.pos
		b := p.read(p.text(), at)
		if len(b) > maxPayload {
			p.fail(at, "the file has %d bytes, a payload at most %d", len(b), maxPayload)
		}
		*layer = b
	case "lines":
		p.space()
		at := p.pos
		lines := p.lines(p.text(), at)
		varying := payload{layer: layer, filling: fillLines, choice: values{width: 32}}
		for _, l := range lines {
			varying.lines = append(varying.lines, []byte(strings.TrimSuffix(l, "\r")))
		}
		varying.choice.addSpan(span{step: 1, count: uint64(len(lines))})
		p.addPayload(varying)
	default:
		p.sized(name, layer)
	}
	p.expect('}', "the end of "+name)
	p.t.nodes = append(p.t.nodes, node{layer: layer, column: start})
	p.t.layers = append(p.t.layers, layer)
}

// sized reads random{SIZE}, zero{SIZE} and pattern{BYTES, SIZE}.
func (p *parsing) sized(name string, layer *Payload) {
	varying := payload{layer: layer, pattern: []byte{0}}
	if name == "random" {
		varying.filling = fillRandom
	}
	if name == "pattern" {
		p.space()
		at := p.pos
		if varying.pattern = p.bytes(); len(varying.pattern) == 0 {
			p.fail(at, "the pattern is empty")
		}
		p.expect(',', "the pattern's size")
	}
	p.space()
	at := p.pos
	size := p.values(value{name: "size", bits: 24})
	for _, s := range size.spans {
		last := s.first.add((s.count - 1) * s.step)
		if size.progress == sequence || last.lo > maxPayload {
			p.fail(at, "a payload has at most %d bytes", maxPayload)
		}
	}
	if size.progress == random && len(size.spans) == 0 || size.progress == automatic {
		p.fail(at, "a size is a number, a list, a range, or rand of a range")
	}
	varying.size = size
	if varying.filling == fillRepeat && size.isConstant() {
		*layer = appendPattern(nil, varying.pattern, int(size.at(0, 0, 0).lo))
		return
	}
	p.addPayload(varying)
}

func (p *parsing) addPayload(v payload) {
	v.place = uint64(len(p.t.payloads)+1) << 32
	v.size.place = v.place + 1
	p.t.payloads = append(p.t.payloads, v)
}

// hex reads hex digits in which space does not matter, up to the brace.
func (p *parsing) hex() []byte {
	p.space()
	start := p.pos
	end := strings.IndexByte(p.spec[start:], '}')
	if end < 0 {
		p.fail(len(p.spec), "hex has no end: } is missing")
	}
	p.pos += end
	var digits []byte
	for i := start; i < p.pos; i++ {
		c := p.spec[i]
		switch {
		case strings.IndexByte(" \t\r\n", c) >= 0:
		case strings.IndexByte("0123456789abcdefABCDEF", c) >= 0:
			digits = append(digits, c)
		default:
			p.pos = i
			p.fail(i, "%q is no hex digit", p.rune())
		}
	}
	if len(digits)%2 != 0 {
		p.fail(p.pos, "an odd number of hex digits")
	}
	b := make([]byte, len(digits)/2)
	hex.Decode(b, digits)
	return b
}

// rawText reads text up to the brace, in which \} \\ \n \r \t \0 and \xNN stand for one byte each; or a quoted string.
func (p *parsing) rawText() []byte {
	if p.pos < len(p.spec) && p.spec[p.pos] == '"' {
		return []byte(p.text())
	}
	start := p.pos
	var b []byte
	for ; p.pos < len(p.spec); p.pos++ {
		switch c := p.spec[p.pos]; c {
		case '}':
			return b
		case '\\':
			b = append(b, p.escape())
		default:
			b = append(b, c)
		}
	}
	p.fail(start, "text has no end: } is missing")
	return nil
}

// escape reads what stands behind a backslash and leaves pos on its last character.
func (p *parsing) escape() byte {
	start := p.pos
	rest := p.spec[start+1:]
	if rest == "" {
		p.fail(start, "a backslash at the end")
	}
	p.pos++
	switch c := rest[0]; c {
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case '0':
		return 0
	case '\\', '}', '{', '"':
		return c
	case 'x':
		if len(rest) >= 3 {
			if v, err := strconv.ParseUint(rest[1:3], 16, 8); err == nil {
				p.pos += 2
				return byte(v)
			}
		}
	}
	p.fail(start, `there is \n \r \t \0 \\ \{ \} \" and \xNN`)
	return 0
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
