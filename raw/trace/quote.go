package trace

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"

	"sockwire/raw/inject"
	"sockwire/raw/wire"
)

// splitQuote takes an ICMP error apart: the packet that it quotes, and the extension structure behind that, nil if
// there is none. Where the message does not say how long the quote is, old routers put extensions behind 128 bytes (RFC
// 4884, section 5.5).
func splitQuote(six bool, b []byte) (quote, extensions []byte) {
	rest := b[wire.ICMPQuoteAt:]
	n, may := wire.ICMPQuoteLen(six, wire.ICMP(b))
	if !may {
		return rest, nil
	}
	if n == 0 {
		n = 128
		if len(rest) < n+8 || !goodExtensions(rest[n:]) {
			return rest, nil
		}
	}
	if len(rest) < n {
		return rest, nil
	}
	if ext := rest[n:]; goodExtensions(ext) {
		return rest[:n], ext
	}
	return rest[:n], nil
}

// goodExtensions tells whether b is an extension structure: version 2, and a right checksum, if there is one.
func goodExtensions(b []byte) bool {
	return len(b) >= 8 && b[0]>>4 == 2 && (binary.BigEndian.Uint16(b[2:]) == 0 || wire.Checksum(b) == 0)
}

// Classes of extension objects.
const (
	classMPLS      = 1 // RFC 4950
	classInterface = 2 // RFC 5837
)

// readExtensions reads the objects that are known. What is cut or malformed ends it.
func readExtensions(b []byte, r *Reply) {
	if len(b) < 4 {
		return
	}
	for b = b[4:]; len(b) >= 4; {
		size := int(binary.BigEndian.Uint16(b))
		if size < 4 || size > len(b) {
			return
		}
		switch data := b[4:size]; {
		case b[2] == classMPLS && b[3] == 1:
			for ; len(data) >= 4 && len(r.Labels) < 32; data = data[4:] {
				v := binary.BigEndian.Uint32(data)
				r.Labels = append(r.Labels, Label{Label: v >> 12, TC: uint8(v >> 9 & 7), Bottom: v>>8&1 != 0, TTL: uint8(v)})
			}
		case b[2] == classInterface && len(r.Interfaces) < 8:
			if i, ok := readInterface(b[3], data); ok {
				r.Interfaces = append(r.Interfaces, i)
			}
		}
		b = b[size:]
	}
}

// readInterface reads an interface information object (RFC 5837, section 4): the bits of its type say which parts it
// has.
func readInterface(ctype uint8, b []byte) (i Interface, ok bool) {
	i.Role = Role(ctype >> 6)
	if ctype&8 != 0 {
		if len(b) < 4 {
			return i, false
		}
		i.Index, b = binary.BigEndian.Uint32(b), b[4:]
	}
	if ctype&4 != 0 {
		if len(b) < 4 {
			return i, false
		}
		size := 4
		if binary.BigEndian.Uint16(b) == 2 {
			size = 16
		}
		if b = b[4:]; len(b) < size {
			return i, false
		}
		i.Addr, _ = netip.AddrFromSlice(b[:size])
		b = b[size:]
	}
	if ctype&2 != 0 {
		if len(b) < 1 || int(b[0]) > len(b) || b[0] < 1 || b[0] > 64 {
			return i, false
		}
		i.Name = strings.TrimRight(string(b[1:b[0]]), "\x00")
		b = b[b[0]:]
	}
	if ctype&1 != 0 {
		if len(b) < 4 {
			return i, false
		}
		i.MTU = int(binary.BigEndian.Uint32(b))
	}
	return i, true
}

// alike compares two beginnings of packets, but for what every router changes.
func alike(a, b []byte) bool {
	if a[0]>>4 == 6 {
		return bytes.Equal(a[:7], b[:7]) && bytes.Equal(a[8:], b[8:])
	}
	return bytes.Equal(a[:8], b[:8]) && a[9] == b[9] && bytes.Equal(a[12:], b[12:])
}

// moreChanges finds what the quote shows changed beyond addresses, ports and numbers: lengths, flags, the flow label,
// checksums and TCP options.
func moreChanges(sent, quote []byte) (list []inject.Change) {
	add := func(field string, a, b any) {
		list = append(list, inject.Change{Field: field, Sent: fmt.Sprint(a), Quoted: fmt.Sprint(b)})
	}
	a, ok := wire.Parse(sent)
	b, okToo := wire.Parse(quote)
	if !ok || !okToo {
		return nil
	}
	if a.Version == 6 {
		x, y := wire.IPv6(sent), wire.IPv6(quote)
		if x.FlowLabel() != y.FlowLabel() {
			add("flow", fmt.Sprintf("%#05x", x.FlowLabel()), fmt.Sprintf("%#05x", y.FlowLabel()))
		}
		if x.PayloadLength() != y.PayloadLength() {
			add("len", x.PayloadLength(), y.PayloadLength())
		}
	} else {
		x, y := wire.IPv4(sent), wire.IPv4(quote)
		if x.TotalLength() != y.TotalLength() {
			add("len", x.TotalLength(), y.TotalLength())
		}
		if x.DontFragment() != y.DontFragment() {
			add("df", x.DontFragment(), y.DontFragment())
		}
		if n := y.HeaderLength() - wire.IPv4Len; n > 0 {
			add("options", "none", fmt.Sprintf("%d bytes", n))
		}
	}
	s, q := sent[a.Transport:], quote[b.Transport:]
	checksum := func(at int) {
		if len(q) < at+2 {
			return
		}
		was, is := binary.BigEndian.Uint16(s[at:]), binary.BigEndian.Uint16(q[at:])
		if was != is {
			add("transport chksum", fmt.Sprintf("%#04x", was), fmt.Sprintf("%#04x", is))
		}
		if right := carriedOver(sent, quote, &a, &b, at); right != is && right+is != 0xffff {
			add("checksum", "right", "wrong")
		}
	}
	switch a.Protocol {
	case wire.ProtoUDP:
		if x, y := wire.UDP(s).Length(), wire.UDP(q).Length(); x != y {
			add("udp len", x, y)
		}
		checksum(6)
	case wire.ProtoICMP, wire.ProtoICMPv6:
		checksum(2)
	case wire.ProtoDCCP:
		checksum(6)
	case wire.ProtoTCP:
		checksum(16)
		if mss := quotedMSS(q); mss >= 0 && mss != sentMSS {
			add("mss", sentMSS, mss)
		} else if mss == -2 {
			add("mss", sentMSS, "none")
		}
	}
	return list
}

// carriedOver is what the checksum at an offset of the transport must be after all other changes that the quote shows.
func carriedOver(sent, quote []byte, a, b *wire.Layout, at int) uint16 {
	s, q := sent[a.Transport:], quote[b.Transport:]
	sum := binary.BigEndian.Uint16(s[at:])
	if a.Protocol != wire.ProtoICMP {
		size := 4
		if a.Version == 6 {
			size = 16
		}
		for _, off := range [][2]int{{a.Source, b.Source}, {a.Destination, b.Destination}} {
			sum = wire.UpdateChecksum(sum, sent[off[0]:off[0]+size], quote[off[1]:off[1]+size])
		}
	}
	for i := 0; i+2 <= min(len(s), len(q), b.End-b.Transport); i += 2 {
		if i == at || bytes.Equal(s[i:i+2], q[i:i+2]) {
			continue
		}
		sum = wire.UpdateChecksum(sum, s[i:i+2], q[i:i+2])
		if a.Protocol == wire.ProtoUDP && i == 4 { // the length is in the pseudo header too
			sum = wire.UpdateChecksum(sum, s[i:i+2], q[i:i+2])
		}
	}
	return sum
}

// quotedMSS returns the MSS option of a quoted SYN, -1 if it was not quoted, -2 if it is not there any more.
func quotedMSS(t []byte) int {
	if len(t) < 20 {
		return -1
	}
	size := wire.TCP(t).DataOffset()
	if size < 20 || len(t) < size {
		return -1
	}
	for off := 20; off < size; {
		o := wire.OptionAt(t[:size], off)
		if o.Cut || o.Kind == 0 {
			break
		}
		if o.Kind == wire.TCPOptionMSS && len(o.Data) == 2 {
			return int(binary.BigEndian.Uint16(o.Data))
		}
		off += max(o.Length, 1)
	}
	return -2
}
