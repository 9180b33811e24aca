package packet

import (
	"bytes"
	"fmt"

	"sockwire/raw/wire"
)

// Option is one type-length-value option of IPv4, TCP, an IPv6 options header or neighbour discovery. Length is
// computed when left out. Options without length and data (end of list and no-operation in IPv4 and TCP, Pad1 in
// IPv6) are written as one byte unless Length or Data is given.
type Option struct {
	Type   uint8
	Length Opt[uint8] // in the protocol's own unit
	Data   []byte
}

// TCPMSS returns the maximum segment size option.
func TCPMSS(mss uint16) Option {
	return Option{Type: wire.TCPOptionMSS, Data: []byte{byte(mss >> 8), byte(mss)}}
}

// TCPWindowScale returns the window scale option.
func TCPWindowScale(shift uint8) Option {
	return Option{Type: wire.TCPOptionWindowScale, Data: []byte{shift}}
}

// TCPTimestamps returns the timestamps option.
func TCPTimestamps(value, echo uint32) Option {
	return Option{Type: wire.TCPOptionTimestamps, Data: []byte{
		byte(value >> 24), byte(value >> 16), byte(value >> 8), byte(value),
		byte(echo >> 24), byte(echo >> 16), byte(echo >> 8), byte(echo)}}
}

// appendOptions4 writes options whose length counts type and length bytes too (IPv4, TCP), and pads the list with
// zeros, which end it, to a multiple of four bytes.
func appendOptions4(b []byte, options []Option) (_ []byte, err error) {
	start := len(b)
	for i := range options {
		if b, err = appendOption(b, &options[i], options[i].Type <= 1, 2); err != nil {
			return b, err
		}
	}
	return appendPadded(b, nil, start, 4), nil
}

// appendOption writes an option whose length counts more than its data. A single one is its type alone unless told
// otherwise.
func appendOption(b []byte, o *Option, single bool, more int) ([]byte, error) {
	b = append(b, o.Type)
	if single && !o.Length.given && len(o.Data) == 0 {
		return b, nil
	}
	if !o.Length.given && len(o.Data) > 255-more {
		return b, fmt.Errorf("option %d has %d bytes of data, its length can say %d", o.Type, len(o.Data), 255-more)
	}
	b = append(b, o.Length.Or(uint8(more+len(o.Data))))
	return append(b, o.Data...), nil
}

// appendOptions6 writes the options of an IPv6 options header, whose length counts the data alone. They are put
// where their alignment wants them, and the list is padded to end on a multiple of eight bytes of the header, of
// which headerStart is the first.
func appendOptions6(b []byte, options []Option, headerStart int) (_ []byte, err error) {
	for i := range options {
		o := &options[i]
		if n, off := optionAlignment(o.Type); n > 1 && !o.Length.given {
			b = appendPad6(b, (off-(len(b)-headerStart)%n+n)%n)
		}
		if b, err = appendOption(b, o, o.Type == wire.IPv6OptionPad1, 0); err != nil {
			return b, err
		}
	}
	return appendPad6(b, (8-(len(b)-headerStart)%8)%8), nil
}

// optionAlignment returns where an IPv6 option wants to start: at a multiple of n bytes plus off.
func optionAlignment(t uint8) (n, off int) {
	switch t {
	case wire.IPv6OptionRouterAlert:
		return 2, 0
	case wire.IPv6OptionJumbo:
		return 4, 2
	case wire.IPv6OptionHomeAddress:
		return 8, 6
	}
	return 1, 0
}

// appendPad6 writes n bytes of padding as RFC 8200, section 4.2, has it: Pad1 for one byte, else PadN.
func appendPad6(b []byte, n int) []byte {
	switch n {
	case 0:
		return b
	case 1:
		return append(b, wire.IPv6OptionPad1)
	}
	b = append(b, wire.IPv6OptionPadN, uint8(n-2))
	return append(b, make([]byte, n-2)...)
}

// readOptions4 reads the options of IPv4 or TCP. Zeros that only fill the last four bytes are padding.
func readOptions4(r *reader, b []byte) []Option {
	if r.bad {
		return nil
	}
	var list []Option
	for off := 0; off < len(b); {
		if len(b)-off < 4 && len(bytes.Trim(b[off:], "\x00")) == 0 {
			break
		}
		w := wire.OptionAt(b, off)
		if w.Cut && w.Length == 1 {
			r.bad = true
			return nil
		}
		list = append(list, optionOf(w, b))
		off += w.Length
	}
	return list
}

// optionOf returns an option of b as it is built. One that is cut has what is there as data, and its length as it
// stands.
func optionOf(w wire.Option, b []byte) Option {
	o := Option{Type: w.Kind, Data: w.Data}
	if w.Cut {
		o.Length, o.Data = U8(b[w.Offset+1]), b[w.Offset+2:w.Offset+w.Length:w.Offset+w.Length]
	}
	return o
}

// readOptionsHeader reads a header of IPv6 options, padding that is computed left out.
func readOptionsHeader(r *reader, nh, length *Opt[uint8], options *[]Option) content {
	*nh, *length = U8(r.u8()), U8(r.u8())
	whole := r.bytes(6 + 8*int(length.value))
	if r.bad {
		return content{}
	}
	var all, plain []Option
	for w := range wire.IPv6Options(whole) {
		if w.Cut && w.Length == 1 {
			r.bad = true
			return content{}
		}
		o := optionOf(w, whole)
		all = append(all, o)
		if o.Type != wire.IPv6OptionPad1 && o.Type != wire.IPv6OptionPadN {
			plain = append(plain, o)
		}
	}
	*options = all
	if got, err := appendOptions6(make([]byte, 2), plain, 0); err == nil && bytes.Equal(got[2:], whole) {
		*options = plain
	}
	return content{byProtocol, uint16(nh.value)}
}

func readNDOptions(r *reader) []Option {
	var list []Option
	if r.bad {
		return nil
	}
	for o := range wire.NDOptions(r.b[r.pos:]) {
		if o.Cut {
			break
		}
		list = append(list, Option{Type: o.Kind, Data: o.Data})
		r.pos += o.Length
	}
	return list
}
