package app

import (
	"encoding/binary"
	"net/netip"
	"strconv"

	"sockwire/capture/decode"
)

func be16(b []byte) uint64 { return uint64(binary.BigEndian.Uint16(b)) }
func be24(b []byte) uint64 { return uint64(b[0])<<16 | uint64(b[1])<<8 | uint64(b[2]) }
func be32(b []byte) uint64 { return uint64(binary.BigEndian.Uint32(b)) }
func be64(b []byte) uint64 { return binary.BigEndian.Uint64(b) }

// appendNumber adds a number behind what it is.
func appendNumber(b []byte, what string, n uint64) []byte {
	return strconv.AppendUint(append(b, what...), n, 10)
}

// appendHex adds a number in hexadecimal behind what it is.
func appendHex(b []byte, what string, n uint64) []byte {
	return strconv.AppendUint(append(append(b, what...), "0x"...), n, 16)
}

// appendAddress adds an address of 4 or 16 bytes behind what it is; other bytes are hexadecimal.
func appendAddress(b []byte, what string, a []byte) []byte {
	b = append(b, what...)
	if ip, ok := netip.AddrFromSlice(a); ok {
		return ip.AppendTo(b)
	}
	return decode.AppendBytes(b, a)
}

// appendPrefix adds a prefix of so many bits behind what it is.
func appendPrefix(b []byte, what string, a []byte, bits uint64) []byte {
	return appendNumber(appendAddress(b, what, a), "/", bits)
}

// prefixBytes returns an address of size bytes that starts with the bytes of a prefix.
func prefixBytes(prefix []byte, size int) []byte {
	a := make([]byte, size)
	copy(a, prefix)
	return a
}

// maxList is how many records, routes or messages of a layer are looked at.
const maxList = 4096

// records are values behind a type and a length each.
type records struct {
	kind, length int  // bytes of the type and of the length
	whole        bool // the length counts the type and itself
	align        int  // records start at multiples of it; 0 is 1
}

// each calls f with the type of each record of data[off:end], where the record and its value start, and the length of
// the value. It stops at a record that is not whole, after maxList, or when f returns false.
func (r records) each(data []byte, off, end int, f func(kind uint64, at, value, n int) bool) {
	end = min(end, len(data))
	for count := 0; off >= 0 && off+r.kind+r.length <= end && count < maxList; count++ {
		kind, n := uintOf(data[off:off+r.kind]), int(uintOf(data[off+r.kind:off+r.kind+r.length]))
		value := off + r.kind + r.length
		if r.whole {
			n -= r.kind + r.length
		}
		if n < 0 || value+n > end || !f(kind, off, value, n) {
			return
		}
		off = value + n
		if r.align > 0 {
			off = value + (n+r.align-1)/r.align*r.align
			if r.whole {
				off = value + n + (r.align-(n+r.kind+r.length)%r.align)%r.align
			}
		}
	}
}

// uintOf reads a number of at most 8 bytes.
func uintOf(b []byte) (v uint64) {
	for _, x := range b {
		v = v<<8 | uint64(x)
	}
	return v
}

// A tlvShape describes records as fields: a group with type, length and value.
type tlvShape struct {
	records
	group, typ, size, value *decode.Definition
}

// add describes the records of [off, end). What known says it has shown of a value is not shown as bytes too.
func (s *tlvShape) add(w *decode.FieldWriter, off, end int, known func(kind uint64, value, n int) bool) {
	s.each(w.Data(), off, end, func(kind uint64, at, value, n int) bool {
		w.Group(s.group, at, value-at+n)
		w.Add(at, s.typ, s.size)
		if (known == nil || !known(kind, value, n)) && n > 0 && s.value != nil {
			w.Bytes(s.value, value, n)
		}
		w.End()
		return true
	})
}
