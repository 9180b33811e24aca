package decode

import "sockwire/raw/wire"

// appendTCPOptions adds the options as tcpdump writes them.
func appendTCPOptions(b, opts []byte) []byte {
	for off := 0; off < len(opts); {
		o := wire.OptionAt(opts, off)
		if off > 0 {
			b = append(b, ',')
		}
		b = appendTCPOption(b, o)
		if o.Cut || o.Kind == wire.TCPOptionEnd {
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
	case o.Kind == wire.TCPOptionNop:
		return append(b, "nop"...)
	case o.Kind == wire.TCPOptionEnd:
		return append(b, "eol"...)
	case o.Kind == wire.TCPOptionTimestamps && len(d) == 8:
		b = appendUint(append(b, "TS val "...), uint64(be32(d)))
		return appendUint(append(b, " ecr "...), uint64(be32(d[4:])))
	case o.Kind == wire.TCPOptionMSS && len(d) == 2:
		return appendUint(append(b, "mss "...), uint64(be16(d)))
	case o.Kind == wire.TCPOptionWindowScale && len(d) == 1:
		return appendUint(append(b, "wscale "...), uint64(d[0]))
	case o.Kind == wire.TCPOptionSACKPermitted && len(d) == 0:
		return append(b, "sackOK"...)
	case o.Kind == wire.TCPOptionSACK && len(d) > 0 && len(d)%8 == 0:
		b = appendUint(append(b, "sack "...), uint64(len(d)/8))
		for ; len(d) > 0; d = d[8:] {
			b = appendUint(append(b, " {"...), uint64(be32(d)))
			b = append(appendUint(append(b, ':'), uint64(be32(d[4:]))), '}')
		}
		return b
	case o.Kind == wire.TCPOptionUserTimeout && len(d) == 2:
		b = append(b, "uto "...)
		b = appendUint(b, uint64(be16(d)&0x7fff))
		if be16(d)&0x8000 != 0 {
			return append(b, " min"...)
		}
		return append(b, " s"...)
	case o.Kind == wire.TCPOptionMD5:
		return AppendBytes(append(b, "md5 "...), d)
	case o.Kind == wire.TCPOptionAO && len(d) >= 2:
		b = appendUint(append(b, "tcp-ao keyid "...), uint64(d[0]))
		b = appendUint(append(b, " rnextkeyid "...), uint64(d[1]))
		return AppendBytes(append(b, " mac "...), d[2:])
	case o.Kind == wire.TCPOptionFastOpen:
		return appendFastOpen(b, d)
	case experimentalFastOpen(o):
		return appendFastOpen(append(b, "exp-"...), d[2:])
	case o.Kind == wire.TCPOptionMPTCP && len(d) > 0:
		return appendMPTCP(b, d)
	}
	b = appendUint(append(b, "unknown-"...), uint64(o.Kind))
	if len(o.Data) > 0 {
		b = AppendBytes(append(b, ' ', '0', 'x'), o.Data)
	}
	return b
}

// experimentalFastOpen reports whether the option is a fast open cookie under the experimental kind, as
// deployed before RFC 7413.
func experimentalFastOpen(o Option) bool {
	return o.Kind == wire.TCPOptionExperiment2 && len(o.Data) >= 2 && be16(o.Data) == 0xf989
}

func appendFastOpen(b, cookie []byte) []byte {
	if len(cookie) == 0 {
		return append(b, "tfo cookiereq"...)
	}
	return AppendBytes(append(b, "tfo cookie "...), cookie)
}
