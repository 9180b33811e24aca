package decode

import (
	"encoding/binary"
	"net/netip"
	"strconv"
	"time"
	"unicode/utf8"
)

func be16(b []byte) uint16 { return binary.BigEndian.Uint16(b) }
func be32(b []byte) uint32 { return binary.BigEndian.Uint32(b) }

func leUint16(b []byte) uint16 { return binary.LittleEndian.Uint16(b) }
func leUint32(b []byte) uint32 { return binary.LittleEndian.Uint32(b) }

// number reads a big-endian number of at most 8 bytes.
func number(b []byte) (v uint64) {
	switch len(b) {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(be16(b))
	case 4:
		return uint64(be32(b))
	}
	for _, x := range b {
		v = v<<8 | uint64(x)
	}
	return v
}

const hexDigits = "0123456789abcdef"

func appendInt(b []byte, n int) []byte     { return strconv.AppendInt(b, int64(n), 10) }
func appendUint(b []byte, n uint64) []byte { return strconv.AppendUint(b, n, 10) }

// appendHex adds n as 0x and at least two digits, without further leading zeros.
func appendHex(b []byte, n uint64) []byte {
	b = append(b, '0', 'x')
	if n < 16 {
		b = append(b, '0')
	}
	return strconv.AppendUint(b, n, 16)
}

// appendHexN adds n as 0x and a fixed number of digits.
func appendHexN(b []byte, n uint64, digits int) []byte {
	b = append(b, '0', 'x')
	for d := digits - 1; d >= 0; d-- {
		b = append(b, hexDigits[n>>(4*uint(d))&15])
	}
	return b
}

// AppendName adds the name of n or, where it has none, n behind what it is.
func AppendName(b []byte, name, what string, n uint64) []byte {
	if name != "" {
		return append(b, name...)
	}
	return appendUint(append(b, what...), n)
}

// AppendBytes adds data as plain hexadecimal digits.
func AppendBytes(b, data []byte) []byte {
	for _, x := range data {
		b = append(b, hexDigits[x>>4], hexDigits[x&15])
	}
	return b
}

// AppendMAC adds a hardware address of any length as colon-separated bytes.
func AppendMAC(b, a []byte) []byte {
	for i, x := range a {
		if i > 0 {
			b = append(b, ':')
		}
		b = append(b, hexDigits[x>>4], hexDigits[x&15])
	}
	return b
}

// appendByte adds a number below 256 in decimal.
func appendByte(b []byte, n byte) []byte {
	if n >= 100 {
		b = append(b, '0'+n/100)
	}
	if n >= 10 {
		b = append(b, '0'+n/10%10)
	}
	return append(b, '0'+n%10)
}

func appendIPv4(b, a []byte) []byte {
	_ = a[3]
	b = append(appendByte(b, a[0]), '.')
	b = append(appendByte(b, a[1]), '.')
	b = append(appendByte(b, a[2]), '.')
	return appendByte(b, a[3])
}

func appendIPv6(b, a []byte) []byte { return netip.AddrFrom16([16]byte(a)).AppendTo(b) }

// appendAddr adds an address of 4 or 16 bytes.
func appendAddr(b, a []byte) []byte {
	switch len(a) {
	case 4:
		return appendIPv4(b, a)
	case 16:
		return appendIPv6(b, a)
	}
	return AppendBytes(b, a)
}

// AppendEscaped adds text from outside so that a terminal only ever sees it as text: control and escape
// bytes, invalid UTF-8, and runes that are invisible or change the direction of writing become \t, \n, \r,
// \\, \xNN or \uNNNN.
func AppendEscaped(b, text []byte) []byte {
	for len(text) > 0 {
		c := text[0]
		if c >= ' ' && c < utf8.RuneSelf {
			if c == '\\' {
				b = append(b, '\\', '\\')
			} else if c == 0x7f {
				b = append(b, `\x7f`...)
			} else {
				b = append(b, c)
			}
			text = text[1:]
			continue
		}
		r, n := utf8.DecodeRune(text)
		switch {
		case c == '\t':
			b = append(b, '\\', 't')
		case c == '\n':
			b = append(b, '\\', 'n')
		case c == '\r':
			b = append(b, '\\', 'r')
		case n == 1:
			b = append(b, '\\', 'x', hexDigits[c>>4], hexDigits[c&15])
		case strconv.IsPrint(r):
			b = append(b, text[:n]...)
		case r > 0xffff:
			b = append(b, '\\', 'U')
			for s := 28; s >= 0; s -= 4 {
				b = append(b, hexDigits[r>>s&15])
			}
		default:
			b = append(b, '\\', 'u')
			for s := 12; s >= 0; s -= 4 {
				b = append(b, hexDigits[r>>s&15])
			}
		}
		text = text[n:]
	}
	return b
}

// AppendQuoted adds text from outside, escaped and in double quotes, cut after limit bytes.
func AppendQuoted(b, text []byte, limit int) []byte {
	b = append(b, '"')
	cut := len(text) > limit
	if cut {
		text = text[:limit]
	}
	from := len(b)
	b = AppendEscaped(b, text)
	// A quote inside is escaped too; rare enough to go over the text again.
	for i := len(b) - 1; i >= from; i-- {
		if b[i] == '"' {
			b = append(b, 0)
			copy(b[i+1:], b[i:])
			b[i] = '\\'
		}
	}
	b = append(b, '"')
	if cut {
		b = append(b, "..."...)
	}
	return b
}

// appendEpoch adds the seconds since 1970 with nine digits below.
func appendEpoch(b []byte, t time.Time) []byte {
	sec, nsec := t.Unix(), t.Nanosecond()
	if sec < 0 && nsec > 0 {
		b = append(b, '-')
		sec, nsec = -(sec + 1), int(time.Second)-nsec
	}
	return appendNano(appendInt(b, int(sec)), nsec)
}

func appendSeconds(b []byte, d time.Duration) []byte {
	if d < 0 {
		b, d = append(b, '-'), -max(d, -1<<63+1)
	}
	return appendNano(appendInt(b, int(d/time.Second)), int(d%time.Second))
}

func appendNano(b []byte, nsec int) []byte {
	b = append(b, ".000000000"...)
	for i := len(b) - 1; nsec > 0; i-- {
		b[i] = '0' + byte(nsec%10)
		nsec /= 10
	}
	return b
}
