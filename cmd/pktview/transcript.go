package main

import (
	"encoding/base64"
	"net/netip"
	"strconv"
	"unicode/utf8"

	"sockwire/capture/flow"
	"sockwire/cmd/internal/cli"
)

// transcript writes what the two sides of streams say.
type transcript struct {
	form  string
	side  string // client, server, or "" for both
	color bool

	who     speech // whose words were written last
	started bool
	inLine  bool                // a line of text has begun
	rest    [2][]byte           // of text: a byte or some whose meaning depends on the next
	talks   map[speech]struct{} // whose ends are told
}

// speech is what a talk is told apart by.
type speech struct {
	datagrams bool
	number    uint64
	direction flow.Direction
	decrypted bool // it was inside of TLS
}

// talk is one of the two sides of a stream or a conversation, as it speaks.
type talk struct {
	speech
	client, server netip.AddrPort
	packet         uint64
	offset         int64 // below 0 for datagrams
}

// colors of the client and of the server.
var talkColors = [2]string{"\x1b[31m", "\x1b[34m"}

// wants tells whether the side of a talk is to be written.
func (t *transcript) wants(d flow.Direction) bool { return t.side == "" || t.side == sideName(d) }

// say adds data of a talk.
func (t *transcript) say(b []byte, k *talk, data []byte) []byte {
	if len(data) == 0 && k.offset >= 0 || !t.wants(k.direction) {
		return b
	}
	switch t.form {
	case "raw":
		return append(b, data...)
	case "json":
		b = t.head(b, k)
		b = t.record(b, "data", k)
		b = append(b, `,"data":"`...)
		b = base64.StdEncoding.AppendEncode(b, data)
		return append(b, '"', '}', '\n')
	}
	b = t.turn(b, k)
	if t.form == "hex" {
		return t.hex(b, k, data)
	}
	b = t.text(b, k.direction, data)
	if k.offset < 0 { // each datagram stands for itself
		b = t.endLine(b)
	}
	return b
}

// gap adds that bytes of a talk are missing, and why.
func (t *transcript) gap(b []byte, k *talk, n int64, why string) []byte {
	if !t.wants(k.direction) {
		return b
	}
	switch t.form {
	case "raw":
		return b
	case "json":
		b = t.head(b, k)
		b = t.record(b, "gap", k)
		b = strconv.AppendInt(append(b, `,"length":`...), n, 10)
		b = append(append(append(b, `,"why":"`...), why...), '"')
		return append(b, '}', '\n')
	}
	b = t.endLine(t.turn(b, k))
	b = t.mark(b, k.direction)
	b = append(b, '[')
	b = append(b, cli.Plural(uint64(n), "byte")...)
	b = append(append(append(b, " missing: "...), why...), ']')
	t.inLine = true
	return t.endLine(b)
}

// head adds who talks, once.
func (t *transcript) head(b []byte, k *talk) []byte {
	stream := speech{datagrams: k.datagrams, number: k.number}
	if _, told := t.talks[stream]; told {
		return b
	}
	if t.talks == nil || len(t.talks) > 1<<16 {
		t.talks = make(map[speech]struct{})
	}
	t.talks[stream] = struct{}{}
	b = k.begin(b, "talk")
	b = k.client.AppendTo(append(b, `,"client":"`...))
	b = k.server.AppendTo(append(b, `","server":"`...))
	return append(b, '"', '}', '\n')
}

// begin begins any record of JSON about a talk.
func (k *talk) begin(b []byte, kind string) []byte {
	protocol := "tcp"
	if k.datagrams {
		protocol = "udp"
	}
	b = append(append(append(b, `{"type":"`...), kind...), `","protocol":"`...)
	return strconv.AppendUint(append(append(b, protocol...), `","stream":`...), k.number, 10)
}

// record begins one of what was said.
func (t *transcript) record(b []byte, kind string, k *talk) []byte {
	b = k.begin(b, kind)
	b = append(append(append(b, `,"from":"`...), sideName(k.direction)...), '"')
	if k.decrypted {
		b = append(b, `,"decrypted":true`...)
	}
	if k.offset >= 0 {
		b = strconv.AppendInt(append(b, `,"offset":`...), k.offset, 10)
	}
	return strconv.AppendUint(append(b, `,"packet":`...), k.packet, 10)
}

// turn makes k the one who talks.
func (t *transcript) turn(b []byte, k *talk) []byte {
	if t.started && t.who == k.speech {
		return b
	}
	if t.started {
		b = t.flush(b, t.who.direction)
		b = t.endLine(b)
	}
	if !t.started || t.who.number != k.number || t.who.datagrams != k.datagrams || t.who.decrypted != k.decrypted {
		if t.started {
			b = append(b, '\n')
		}
		b = append(b, "stream "...)
		if k.datagrams {
			b = append(b, "udp:"...)
		}
		b = strconv.AppendUint(b, k.number, 10)
		b = k.client.AppendTo(append(b, ": "...))
		b = k.server.AppendTo(append(b, " → "...))
		if k.decrypted {
			b = append(b, ", decrypted"...)
		}
		b = append(b, '\n')
	}
	t.started, t.who = true, k.speech
	return b
}

// mark begins a line of one side.
func (t *transcript) mark(b []byte, d flow.Direction) []byte {
	if t.color {
		b = append(b, talkColors[d]...)
	}
	if d == flow.Forward {
		return append(b, "> "...)
	}
	return append(b, "< "...)
}

func (t *transcript) endLine(b []byte) []byte {
	if !t.inLine {
		return b
	}
	t.inLine = false
	if t.color {
		b = append(b, colorEnd...)
	}
	return append(b, '\n')
}

// text adds data as text, each line behind a mark. What cannot be shown is escaped; a carriage return before the end of
// a line is not shown.
func (t *transcript) text(b []byte, d flow.Direction, data []byte) []byte {
	if len(t.rest[d]) > 0 {
		data = append(t.rest[d], data...)
		t.rest[d] = nil
	}
	for len(data) > 0 {
		if !t.inLine {
			b = t.mark(b, d)
			t.inLine = true
		}
		n := 0
		for n < len(data) && data[n] != '\n' {
			n++
		}
		line := data[:n]
		if n == len(data) { // its end is still to come
			whole := len(line) - unfinished(line)
			b = cli.AppendEscaped(b, line[:whole])
			t.rest[d] = append([]byte(nil), line[whole:]...)
			return b
		}
		if n > 0 && line[n-1] == '\r' {
			line = line[:n-1]
		}
		b = t.endLine(cli.AppendEscaped(b, line))
		data = data[n+1:]
	}
	return b
}

// unfinished is how many bytes at the end of b mean something else with what follows.
func unfinished(b []byte) int {
	if n := len(b); n > 0 && b[n-1] == '\r' {
		return 1
	}
	for n := 1; n < utf8.UTFMax && n <= len(b); n++ {
		if c := b[len(b)-n]; utf8.RuneStart(c) {
			if c >= utf8.RuneSelf && !utf8.FullRune(b[len(b)-n:]) {
				return n
			}
			return 0
		}
	}
	return 0
}

// flush adds what waits for more of a side.
func (t *transcript) flush(b []byte, d flow.Direction) []byte {
	if len(t.rest[d]) == 0 {
		return b
	}
	b = cli.AppendEscaped(b, t.rest[d])
	t.rest[d] = nil
	return b
}

// finish ends the last line.
func (t *transcript) finish(b []byte) []byte {
	if !t.started {
		return b
	}
	return t.endLine(t.flush(b, t.who.direction))
}

// hex adds data in lines of 16 bytes.
func (t *transcript) hex(b []byte, k *talk, data []byte) []byte {
	const digits = "0123456789abcdef"
	offset := max(k.offset, 0)
	for len(data) > 0 {
		n := min(16, len(data))
		b = t.mark(b, k.direction)
		for shift := 28; shift >= 0; shift -= 4 {
			b = append(b, digits[uint32(offset)>>shift&15])
		}
		b = append(b, ' ')
		for i := range 16 {
			if i == 8 {
				b = append(b, ' ')
			}
			if i < n {
				b = append(b, ' ', digits[data[i]>>4], digits[data[i]&15])
			} else {
				b = append(b, "   "...)
			}
		}
		b = append(b, "  "...)
		for _, c := range data[:n] {
			if c < ' ' || c > '~' {
				c = '.'
			}
			b = append(b, c)
		}
		t.inLine = true
		b = t.endLine(b)
		data, offset = data[n:], offset+int64(n)
	}
	return b
}
