package app

import "sockwire/capture/decode"

var _ = show(decode.TypeMemcached, memcachedLine, memcachedFields)

var (
	fMCMagic   = decode.Define("memcache.magic", "Magic", decode.KindHex).As("magic").At(0, 1)
	fMCOpcode  = decode.Define("memcache.opcode", "Opcode", decode.KindUint).As("opcode").At(1, 1).Means(mcOpcode).InLine(" ")
	fMCKeyLen  = decode.Define("memcache.key.length", "Key length", decode.KindUint).As("key_length").At(2, 2)
	fMCStatus  = decode.Define("memcache.status", "Status", decode.KindUint).As("status").At(6, 2).InLine(" status ")
	fMCBody    = decode.Define("memcache.total_body_length", "Body length", decode.KindUint).As("body_length").At(8, 4)
	fMCOpaque  = decode.Define("memcache.opaque", "Opaque", decode.KindHex).As("opaque").At(12, 4)
	fMCKey     = decode.Define("memcache.key", "Key", decode.KindText).As("key").InLine(" key ")
	fMCCommand = decode.Define("memcache.command", "Command", decode.KindText).As("command")
)

var memcachedCommands = lines{commands: []string{"GET", "GETS", "SET", "ADD", "REPLACE", "APPEND", "PREPEND", "CAS", "DELETE", "INCR", "DECR",
	"TOUCH", "GAT", "STATS", "VERSION", "FLUSH_ALL", "QUIT", "MG", "MS", "MD"}}

// memcachedFields describes a message of the binary protocol or the first line of one in words.
func memcachedFields(w *decode.FieldWriter, stream bool) {
	data := w.Data()
	if !stream && len(data) > 8 && data[0] < 0x80 { // a datagram has a header of its own
		w.Within(8, len(data), func(w *decode.FieldWriter) { memcachedFields(w, true) })
		return
	}
	if len(data) >= 24 && data[0]&0xfe == 0x80 {
		w.Add(0, fMCMagic, fMCOpcode, fMCKeyLen)
		if data[0] == 0x81 {
			w.Add(0, fMCStatus)
		}
		w.Add(0, fMCBody, fMCOpaque)
		if n := int(data[2])<<8 | int(data[3]); n > 0 {
			w.Bytes(fMCKey, 24+int(data[4]), n)
		}
		return
	}
	line, _, _ := nextLine(data, 0)
	word := wordEnd(line, 0)
	if !memcachedCommands.isCommand(line[:word]) {
		return
	}
	w.Bytes(fMCCommand, 0, word)
	if word+1 < len(line) {
		w.Bytes(fMCKey, word+1, wordEnd(line, word+1)-word-1)
	}
}

func memcachedLine(b, data []byte, stream bool) ([]byte, bool) {
	if !stream && len(data) > 8 && data[0] < 0x80 {
		data, stream = data[8:], true
	}
	if len(data) > 0 && data[0]&0x80 != 0 {
		return appendBrief(b, "memcached", data, stream, memcachedFields)
	}
	return appendFirst(append(b, "memcached: "...), data), true
}

var mcOpcode = decode.Names{
	0: "Get", 1: "Set", 2: "Add", 3: "Replace", 4: "Delete", 5: "Increment", 6: "Decrement", 7: "Quit", 8: "Flush", 9: "GetQ", 10: "No-op",
	11: "Version", 12: "GetK", 13: "GetKQ", 14: "Append", 15: "Prepend", 16: "Stat", 17: "SetQ", 0x1c: "Touch", 0x1d: "GAT",
	0x20: "SASL list mechs", 0x21: "SASL Auth", 0x22: "SASL Step",
}.Of
