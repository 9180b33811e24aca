package where

import (
	"sockwire/capture/decode"
)

// Expression is what Parse has read. It does not change, and several Matchers and goroutines may use it.
type Expression struct {
	root  node
	needs Needs
}

// Needs is what an expression looks at beyond a packet's own layers.
type Needs struct {
	// Place: the number of a packet, or the times since others.
	Place bool
	// Messages: fields or protocols above the transport, of which a message may lie in several packets.
	Messages bool
}

// Needs returns what the expression looks at.
func (e *Expression) Needs() Needs { return e.needs }

// String returns the expression as it was understood. It reads as the same.
func (e *Expression) String() string { return string(e.root.append(nil, byOr)) }

// node is a part of an expression that holds of a packet or does not.
type node interface {
	holds(m *Matcher) bool
	append(b []byte, inside binding) []byte
	cost() int // of a look, for those that cost little to come first
}

// tester gets the values of an operand one by one, until it says that no more is needed.
type tester interface {
	test(m *Matcher, v *value) (done bool)
}

// binding is how close an operator binds.
type binding uint8

const (
	byOr binding = iota
	byAnd
	byNot
)

// Matcher decides on packets. It is for one goroutine. It does not allocate, beyond what decoding the fields of layers
// above the transport does.
type Matcher struct {
	view
	e            *Expression
	applications decode.Applications
	layers       []layer
	fields       []decode.Field
	single       []decode.Field
	texts        [2][]byte
	now          value
	framed       []value // of a field of the frame
	right        []value
	held         [][]byte // copies of what right has
	seen         bool     // there was a value
	count        int64
	changes      [2]changed // of the two operands of a comparison
	notes        noting
}

// layer is one of the packet, or of a message.
type layer struct {
	p        *decode.Packet
	i        int
	t        decode.Type
	loaded   bool
	from, to int // of its fields among all that are loaded
}

// Matcher returns a Matcher for the expression. applications has the fields of layers above the transport; without it
// there are none.
func (e *Expression) Matcher(applications decode.Applications) *Matcher {
	return &Matcher{e: e, applications: applications}
}

// Match tells whether a packet, together with messages that are complete with it, fits the expression: the layers of
// messages count as the packet's own.
func (m *Matcher) Match(p *decode.Packet, messages ...*decode.Packet) bool {
	m.packet, m.layers, m.fields = p, m.layers[:0], m.fields[:0]
	m.add(p)
	for _, message := range messages {
		m.add(message)
	}
	return m.e.root.holds(m)
}

func (m *Matcher) add(p *decode.Packet) {
	list := p.Layers()
	for i := range list {
		m.layers = append(m.layers, layer{p: p, i: i, t: list[i].Type})
	}
}

// give gives a value to a tester.
func (m *Matcher) give(t tester, v value) bool {
	m.now = v
	return t.test(m, &m.now)
}

// changed gives the values of an operand to a tester, made of those of its field.
type changed struct {
	o    *operand
	to   tester
	side int
}

func (c *changed) test(m *Matcher, v *value) bool {
	return c.o.change(v, &m.texts[c.side]) && c.to.test(m, v)
}

// each gives all values of an operand to a tester, and tells whether that had enough.
func (m *Matcher) each(o *operand, t tester) bool {
	if o.function == "count" {
		m.count = 0
		m.field(o.field, counting{})
		return m.count > 0 && m.give(t, value{n: numOf(m.count)})
	}
	if o.simple() {
		return m.field(o.field, t)
	}
	m.changes[0] = changed{o, t, 0}
	return m.field(o.field, &m.changes[0])
}

// counting counts values.
type counting struct{}

func (counting) test(m *Matcher, _ *value) bool { m.count++; return false }

// field gives the values of a field to a tester.
func (m *Matcher) field(f *field, t tester) bool {
	if f.frame != nil {
		m.framed = f.frame(&m.view, m.framed[:0])
		for i := range m.framed {
			if m.give(t, m.framed[i]) {
				return true
			}
		}
		return false
	}
	for k := range m.layers {
		l := &m.layers[k]
		switch f.ways[l.t] {
		case notThere:
		case alone:
			for _, d := range f.definitions {
				if m.single = l.p.AppendSingle(m.single[:0], l.i, d); len(m.single) > 0 && m.give(t, valueOf(&m.single[0], l.p)) {
					return true
				}
			}
		case amongAll:
			m.loadFields(l)
			for i := l.from; i < l.to; i++ {
				for _, d := range f.definitions {
					if m.fields[i].Definition == d && m.give(t, valueOf(&m.fields[i], l.p)) {
						return true
					}
				}
			}
		case itself:
			at := l.p.Layers()[l.i]
			data := l.p.Frame.Data
			if m.give(t, value{b: data[min(at.Offset, len(data)):min(at.Offset+at.Length, len(data))]}) {
				return true
			}
		case carried:
			if b := l.p.Payload(l.i); len(b) > 0 && m.give(t, value{b: b}) {
				return true
			}
		case carriedLength:
			if m.give(t, value{n: numOf(int64(len(l.p.Payload(l.i))))}) {
				return true
			}
		}
	}
	return false
}

// loadFields finds all fields of a layer.
func (m *Matcher) loadFields(l *layer) {
	if l.loaded {
		return
	}
	l.loaded, l.from = true, len(m.fields)
	switch {
	case l.t.HasFields():
		m.fields = l.p.AppendFields(m.fields, l.i)
	case m.applications != nil:
		m.fields = m.applications.AppendFields(m.fields, l.p, l.i)
	}
	l.to = len(m.fields)
}

// any tells whether a value of the operand fits, or with all whether there are some and all fit. The tester stops at
// what decides: one that fits, or one that does not.
func (m *Matcher) any(o *operand, t tester, all bool) bool {
	if !all {
		return m.each(o, t)
	}
	m.seen, m.notes.to = false, t
	return !m.each(o, &m.notes) && m.seen
}

// noting notes that there was a value.
type noting struct{ to tester }

func (n *noting) test(m *Matcher, v *value) bool {
	m.seen = true
	return n.to.test(m, v)
}

// load makes the values of an operand those that others are compared with.
func (m *Matcher) load(o *operand) {
	m.right = m.right[:0]
	switch {
	case o.function == "count":
		m.each(o, keeping{})
	case o.simple():
		m.field(o.field, keeping{})
	default:
		m.changes[1] = changed{o, keeping{}, 1}
		m.field(o.field, &m.changes[1])
	}
}

// keeping keeps values to compare with.
type keeping struct{}

func (keeping) test(m *Matcher, v *value) bool {
	n := len(m.right)
	m.right = append(m.right, *v)
	w := &m.right[n]
	w.network = -1
	if v.b != nil { // what a function made is made anew for the next
		if n == len(m.held) {
			m.held = append(m.held, nil)
		}
		m.held[n] = append(m.held[n][:0], v.b...)
		w.b = m.held[n]
	}
	return n >= maxCompared
}

// maxCompared bounds how many values of a field those of another one are compared with.
const maxCompared = 64
