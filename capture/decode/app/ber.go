package app

import "strconv"

// element is a BER element: its tag and where its content lies.
type element struct {
	tag      byte
	off, end int
}

// nextElement reads the element at off of data[:end], with a definite length.
func nextElement(data []byte, off, end int) (element, bool) {
	if off+2 > end {
		return element{}, false
	}
	e := element{tag: data[off]}
	n, at := int(data[off+1]), off+2
	if n >= 0x80 {
		size := n & 0x7f
		if size == 0 || size > 4 || at+size > end {
			return e, false
		}
		for n = 0; size > 0; size-- {
			n = n<<8 | int(data[at])
			at++
		}
	}
	e.off, e.end = at, at+n
	return e, e.end <= end
}

// integer returns the value of an INTEGER of at most 4 bytes; a longer one is given by its last bytes.
func (e element) integer(data []byte) uint64 {
	var v uint64
	for _, x := range data[max(e.off, e.end-4):e.end] {
		v = v<<8 | uint64(x)
	}
	return v
}

// of returns the first element inside e that has a tag, as far as data goes.
func (e element) of(data []byte, tag byte) (element, bool) {
	for off, end, n := e.off, min(e.end, len(data)), 0; off < end && n < maxMessages; n++ {
		x, ok := nextElement(data, off, end)
		if x.off == 0 {
			break
		}
		if x.tag == tag {
			x.end = min(x.end, end)
			return x, true
		}
		if !ok {
			break
		}
		off = x.end
	}
	return element{}, false
}

// path goes down from e by tags.
func (e element) path(data []byte, tags ...byte) (element, bool) {
	for _, t := range tags {
		var ok bool
		if e, ok = e.of(data, t); !ok {
			return e, false
		}
	}
	return e, true
}

// oidText gives an OBJECT IDENTIFIER with dots.
func oidText(b []byte) []byte {
	var out []byte
	v, first := uint64(0), true
	for i, x := range b {
		if i >= 64 {
			break
		}
		if v = v<<7 | uint64(x&0x7f); x&0x80 != 0 {
			continue
		}
		if first {
			top := min(v/40, 2)
			out = append(strconv.AppendUint(out, top, 10), '.')
			out, first = strconv.AppendUint(out, v-40*top, 10), false
		} else {
			out = strconv.AppendUint(append(out, '.'), v, 10)
		}
		v = 0
	}
	return out
}
