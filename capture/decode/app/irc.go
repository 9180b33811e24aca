package app

import "sockwire/capture/decode"

var _ = show(decode.TypeIRC, textLine("IRC"), func(w *decode.FieldWriter, _ bool) { eachLine(w, ircFields) })

// ircKeys are the keys of a message from a client, or from a server, which starts with who sent it.
type ircKeys struct{ prefix, command, parameter, trailer *decode.Definition }

var (
	ircRequest = ircKeys{
		command:   decode.Define("irc.request.command", "Command", decode.KindText).As("command"),
		parameter: decode.Define("irc.request.command_parameter", "Parameter", decode.KindText).As("parameters").Several(),
		trailer:   decode.Define("irc.request.trailer", "Trailer", decode.KindText).As("trailer"),
	}
	ircResponse = ircKeys{
		prefix:    decode.Define("irc.response.prefix", "Prefix", decode.KindText).As("prefix"),
		command:   decode.Define("irc.response.command", "Command", decode.KindText).As("command"),
		parameter: decode.Define("irc.response.command_parameter", "Parameter", decode.KindText).As("parameters").Several(),
		trailer:   decode.Define("irc.response.trailer", "Trailer", decode.KindText).As("trailer"),
	}
	fIRCNumber = decode.Define("irc.response.num_command", "Numeric reply", decode.KindUint).As("number")
)

// ircFields describes a message (RFC 2812 section 2.3.1).
func ircFields(w *decode.FieldWriter, line []byte) {
	k, off := &ircRequest, 0
	if line[0] == ':' {
		k, off = &ircResponse, wordEnd(line, 1)
		w.Bytes(k.prefix, 1, off-1)
		off++
	}
	if off >= len(line) {
		return
	}
	end := wordEnd(line, off)
	w.Bytes(k.command, off, end-off)
	if n, ok := replyNumber(line[off:end]); ok && k == &ircResponse {
		w.Value(fIRCNumber, off, 3, n)
	}
	for off = end + 1; off < len(line); off = end + 1 {
		if line[off] == ':' {
			w.Bytes(k.trailer, off+1, -1)
			return
		}
		if end = wordEnd(line, off); end > off {
			w.Bytes(k.parameter, off, end-off)
		}
	}
}

func replyNumber(word []byte) (n uint64, ok bool) {
	for _, c := range word {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	return n, len(word) == 3
}
