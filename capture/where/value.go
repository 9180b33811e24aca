package where

import (
	"bytes"
	"strings"
	"time"

	"sockwire/capture/decode"
)

// class is what kind of value an operand has, and so what it can be compared with.
type class uint8

const (
	number  class = iota
	boolean       // a number that is 0 or 1
	state         // of a checksum: a number as Wireshark has it, and a name
	seconds       // a number of nanoseconds
	instant       // the same, since 1970, written as a date
	address
	octets // bytes: hardware addresses, headers
	text
)

var classNames = [...]string{
	number: "a number", boolean: "a flag", state: "the state of a checksum", seconds: "a time in seconds", instant: "a point in time",
	address: "an address", octets: "bytes", text: "text",
}

func (c class) String() string { return classNames[c] }

// numeric tells whether values are compared as numbers.
func (c class) numeric() bool { return c <= instant }

// num is a number, or below 0 what is left from it to 0.
type num struct {
	n   uint64
	neg bool // n is above 0
}

func (a num) compare(b num) int {
	switch {
	case a.neg != b.neg:
		if a.neg {
			return -1
		}
		return 1
	case a.n == b.n:
		return 0
	case a.n < b.n != a.neg:
		return -1
	}
	return 1
}

// numOf is a signed number.
func numOf(n int64) num {
	if n < 0 {
		return num{uint64(-(n + 1)) + 1, true}
	}
	return num{uint64(n), false}
}

// value is one value of an operand, or one that it is compared with.
type value struct {
	n    num
	b    []byte // of addresses, bytes and text
	name string // what the number means
	// Of what values are compared with:
	named   bool // by the name, and not by the number
	network int  // bits of it that count, where it is not all; below 0 for all
}

// relation is how two values are compared.
type relation uint8

const (
	equal relation = iota
	unequal
	less
	atMost
	more
	atLeast
)

func (r relation) of(cmp int) bool {
	switch r {
	case equal:
		return cmp == 0
	case unequal:
		return cmp != 0
	case less:
		return cmp < 0
	case atMost:
		return cmp <= 0
	case more:
		return cmp > 0
	}
	return cmp >= 0
}

// holds compares a value of a class with another one.
func (r relation) holds(c class, v, w *value) bool {
	switch {
	case c.numeric() && w.named:
		return r.of(differ(strings.EqualFold(v.name, w.name)))
	case c.numeric():
		return r.of(v.n.compare(w.n))
	case c == address && len(v.b) != len(w.b):
		return r == unequal
	case c == address && w.network >= 0:
		return r.of(differ(inNetwork(v.b, w.b, w.network)))
	}
	return r.of(bytes.Compare(v.b, w.b))
}

func differ(same bool) int {
	if same {
		return 0
	}
	return 1
}

// inNetwork tells whether the first bits of two addresses of one length are the same.
func inNetwork(a, b []byte, bits int) bool {
	n := bits / 8
	if !bytes.Equal(a[:n], b[:n]) {
		return false
	}
	return bits%8 == 0 || (a[n]^b[n])>>(8-bits%8) == 0
}

// nanoseconds is a time since 1970 in nanoseconds, or what is nearest to it.
func nanoseconds(t time.Time) num {
	sec, most := t.Unix(), int64(1<<63-1)/int64(time.Second)-1
	return numOf(min(max(sec, -most), most)*int64(time.Second) + int64(t.Nanosecond()))
}

// states are Wireshark's numbers of what is known of a checksum.
var states = [...]uint64{
	decode.ChecksumBad: 0, decode.ChecksumGood: 1, decode.ChecksumUnverified: 2, decode.ChecksumOffloaded: 2, decode.ChecksumNone: 3,
	decode.ChecksumZero: 3,
}

// classOf is the class of a field's values.
func classOf(k decode.Kind) class {
	switch k {
	case decode.KindUint, decode.KindHex:
		return number
	case decode.KindBool:
		return boolean
	case decode.KindState:
		return state
	case decode.KindIP:
		return address
	case decode.KindText:
		return text
	}
	return octets
}

// valueOf is the value of a field of p.
func valueOf(f *decode.Field, p *decode.Packet) value {
	v := value{n: num{n: f.Number}, b: f.Bytes, name: f.Note}
	switch f.Kind {
	case decode.KindState:
		if f.Number < uint64(len(states)) {
			v.n.n = states[f.Number]
		}
	case decode.KindGroup:
		if from, to := f.Bit/8, min((f.Bit+f.Bits)/8, len(p.Frame.Data)); from < to {
			v.b = p.Frame.Data[from:to:to]
		}
	}
	return v
}
