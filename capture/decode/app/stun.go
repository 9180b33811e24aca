package app

import (
	"encoding/binary"
	"net/netip"

	"sockwire/capture/decode"
)

var _ = show(decode.TypeSTUN, stunLine, stunFields)

var (
	fSTUNClass   = decode.Define("stun.type.class", "Class", decode.KindHex).As("class")
	fSTUNMethod  = decode.Define("stun.type.method", "Method", decode.KindHex).As("method")
	fSTUNLength  = decode.Define("stun.length", "Length", decode.KindUint).At(2, 2)
	fSTUNID      = decode.Define("stun.id", "Transaction ID", decode.KindBytes).At(8, 12)
	fSTUNAttr    = decode.Define("stun.attributes", "Attribute", decode.KindGroup).Several()
	fSTUNType    = decode.Define("stun.att.type", "Type", decode.KindHex).As("type").At(0, 2)
	fSTUNAttrLen = decode.Define("stun.att.length", "Length", decode.KindUint).As("length").At(2, 2)
	fSTUNIPv4    = decode.Define("stun.att.ipv4", "Address", decode.KindIP).As("address")
	fSTUNIPv6    = decode.Define("stun.att.ipv6", "Address", decode.KindIP).As("address")
	fSTUNPort    = decode.Define("stun.att.port", "Port", decode.KindUint).As("port")
	fSTUNText    = decode.Define("stun.att.text", "Text", decode.KindText).As("text")
	fSTUNData    = decode.Define("stun.value", "Value", decode.KindBytes).As("data")
)

// Attributes of RFC 8489 section 18.3 that are looked into.
const (
	stunMapped    = 0x0001
	stunUsername  = 0x0006
	stunRealm     = 0x0014
	stunXorMapped = 0x0020
	stunSoftware  = 0x8022
)

// stunType splits the message type, whose class bits lie between those of the method.
func stunType(t uint16) (class, method uint64) {
	return uint64(t>>7&2 | t>>4&1), uint64(t>>2&0xf80 | t>>1&0x70 | t&0xf)
}

func stunFields(w *decode.FieldWriter, _ bool) {
	data := w.Data()
	if len(data) < 20 {
		return
	}
	class, method := stunType(binary.BigEndian.Uint16(data))
	w.Value(fSTUNClass, 0, 2, class)
	w.Note(stunClass(class))
	w.Value(fSTUNMethod, 0, 2, method)
	w.Note(stunMethod(method))
	w.Add(0, fSTUNLength, fSTUNID)
	stunAttributes(data, func(t uint16, off, n int) {
		w.Group(fSTUNAttr, off, 4+n)
		w.Add(off, fSTUNType, fSTUNAttrLen)
		switch t {
		case stunMapped, stunXorMapped:
			if a, ok := stunAddress(data, t, off+4, n); ok {
				d := fSTUNIPv4
				if a.Addr().Is6() {
					d = fSTUNIPv6
				}
				w.Value(fSTUNPort, off+6, 2, uint64(a.Port()))
				w.Text(d, off+8, n-4, a.Addr().AsSlice())
			}
		case stunUsername, stunRealm, stunSoftware:
			w.Bytes(fSTUNText, off+4, n)
		default:
			if n > 0 {
				w.Bytes(fSTUNData, off+4, n)
			}
		}
		w.End()
	})
}

// stunAttributes calls f for each attribute with its offset and the length of its value.
func stunAttributes(data []byte, f func(t uint16, off, n int)) {
	end := min(len(data), 20+int(binary.BigEndian.Uint16(data[2:])))
	for off := 20; off+4 <= end; {
		n := int(binary.BigEndian.Uint16(data[off+2:]))
		if off+4+n > end {
			return
		}
		f(binary.BigEndian.Uint16(data[off:]), off, n)
		off += 4 + (n+3)&^3
	}
}

// stunAddress reads a mapped address, which XOR-MAPPED-ADDRESS has mixed with the cookie and the transaction id.
func stunAddress(data []byte, t uint16, off, n int) (netip.AddrPort, bool) {
	size := 4
	switch {
	case n == 8 && data[off+1] == 1:
	case n == 20 && data[off+1] == 2:
		size = 16
	default:
		return netip.AddrPort{}, false
	}
	var addr [16]byte
	copy(addr[:], data[off+4:off+4+size])
	port := binary.BigEndian.Uint16(data[off+2:])
	if t == stunXorMapped {
		port ^= binary.BigEndian.Uint16(data[4:])
		for i := range addr {
			addr[i] ^= data[4+i]
		}
	}
	a, _ := netip.AddrFromSlice(addr[:size])
	return netip.AddrPortFrom(a, port), true
}

func stunClass(n uint64) string {
	return [...]string{"Request", "Indication", "Success Response", "Error Response"}[n&3]
}

var stunMethod = decode.Names{
	1: "Binding", 3: "Allocate", 4: "Refresh", 6: "Send", 7: "Data", 8: "CreatePermission", 9: "ChannelBind",
}.Of

func stunLine(b, data []byte, _ bool) ([]byte, bool) {
	if len(data) < 20 {
		return b, false
	}
	class, method := stunType(binary.BigEndian.Uint16(data))
	b = append(b, "STUN, "...)
	b = decode.AppendName(b, stunMethod(method), "method ", method)
	b = append(append(b, ' '), stunClass(class)...)
	shown := false
	stunAttributes(data, func(t uint16, off, n int) {
		if shown || t != stunMapped && t != stunXorMapped {
			return
		}
		shown = true
		if a, ok := stunAddress(data, t, off+4, n); ok {
			b = a.AppendTo(append(b, ", mapped "...))
		}
	})
	return b, true
}
