package decode

import "iter"

// TCP option kinds, https://www.iana.org/assignments/tcp-parameters.
const (
	tcpEnd           = 0
	tcpNop           = 1
	tcpMSS           = 2
	tcpWindowScale   = 3
	tcpSACKPermitted = 4
	tcpSACK          = 5
	tcpTimestamps    = 8
	tcpMD5           = 19
	tcpUserTimeout   = 28
	tcpAO            = 29
	tcpMPTCP         = 30
	tcpFastOpen      = 34
	tcpExperiment    = 254
)

// Option is one option of an IPv4, IPv6 or TCP header.
type Option struct {
	Kind   uint8
	Offset int    // from the start of the options
	Length int    // with kind and length bytes; what is there when the option is cut
	Data   []byte // behind kind and length bytes
	Cut    bool   // the length cannot be, or the option ends behind the header; it is the last
}

// TCPOptions gives the options of a TCP header, up to the end-of-options kind.
func TCPOptions(b []byte) iter.Seq[Option] {
	return func(yield func(Option) bool) {
		for off := 0; off < len(b); {
			o := nextOption(b, off)
			if !yield(o) || o.Cut || o.Kind == 0 {
				return
			}
			off += o.Length
		}
	}
}

// nextOption reads the option at off of an IPv4 or TCP header, whose kinds 0 and 1 are single bytes.
func nextOption(b []byte, off int) Option {
	o := Option{Kind: b[off], Offset: off, Length: 1}
	if o.Kind <= 1 {
		return o
	}
	left := len(b) - off
	if left < 2 || b[off+1] < 2 || int(b[off+1]) > left {
		o.Length, o.Cut = left, true
		return o
	}
	o.Length = int(b[off+1])
	o.Data = b[off+2 : off+o.Length : off+o.Length]
	return o
}

// appendTCPOptions adds the options as tcpdump writes them.
func appendTCPOptions(b, opts []byte) []byte {
	for off := 0; off < len(opts); {
		o := nextOption(opts, off)
		if off > 0 {
			b = append(b, ',')
		}
		b = appendTCPOption(b, o)
		if o.Cut || o.Kind == tcpEnd {
			break
		}
		off += o.Length
	}
	return b
}

func appendTCPOption(b []byte, o Option) []byte {
	if o.Cut {
		return append(b, "bad opt"...)
	}
	switch d := o.Data; {
	case o.Kind == tcpNop:
		return append(b, "nop"...)
	case o.Kind == tcpEnd:
		return append(b, "eol"...)
	case o.Kind == tcpTimestamps && len(d) == 8:
		b = appendUint(append(b, "TS val "...), uint64(be32(d)))
		return appendUint(append(b, " ecr "...), uint64(be32(d[4:])))
	case o.Kind == tcpMSS && len(d) == 2:
		return appendUint(append(b, "mss "...), uint64(be16(d)))
	case o.Kind == tcpWindowScale && len(d) == 1:
		return appendUint(append(b, "wscale "...), uint64(d[0]))
	case o.Kind == tcpSACKPermitted && len(d) == 0:
		return append(b, "sackOK"...)
	case o.Kind == tcpSACK && len(d) > 0 && len(d)%8 == 0:
		b = appendUint(append(b, "sack "...), uint64(len(d)/8))
		for ; len(d) > 0; d = d[8:] {
			b = appendUint(append(b, " {"...), uint64(be32(d)))
			b = append(appendUint(append(b, ':'), uint64(be32(d[4:]))), '}')
		}
		return b
	case o.Kind == tcpUserTimeout && len(d) == 2:
		b = append(b, "uto "...)
		b = appendUint(b, uint64(be16(d)&0x7fff))
		if be16(d)&0x8000 != 0 {
			return append(b, " min"...)
		}
		return append(b, " s"...)
	case o.Kind == tcpMD5:
		return appendBytes(append(b, "md5 "...), d)
	case o.Kind == tcpAO && len(d) >= 2:
		b = appendUint(append(b, "tcp-ao keyid "...), uint64(d[0]))
		b = appendUint(append(b, " rnextkeyid "...), uint64(d[1]))
		return appendBytes(append(b, " mac "...), d[2:])
	case o.Kind == tcpFastOpen:
		return appendFastOpen(b, d)
	case experimentalFastOpen(o):
		return appendFastOpen(append(b, "exp-"...), d[2:])
	case o.Kind == tcpMPTCP && len(d) > 0:
		return appendMPTCP(b, d)
	}
	b = appendUint(append(b, "unknown-"...), uint64(o.Kind))
	if len(o.Data) > 0 {
		b = appendBytes(append(b, ' ', '0', 'x'), o.Data)
	}
	return b
}

// experimentalFastOpen reports whether the option is a fast open cookie under the experimental kind, as
// deployed before RFC 7413.
func experimentalFastOpen(o Option) bool {
	return o.Kind == tcpExperiment && len(o.Data) >= 2 && be16(o.Data) == 0xf989
}

func appendFastOpen(b, cookie []byte) []byte {
	if len(cookie) == 0 {
		return append(b, "tfo cookiereq"...)
	}
	return appendBytes(append(b, "tfo cookie "...), cookie)
}
