package app

import (
	"bytes"
	"strconv"

	"sockwire/capture/decode"
)

var _ = show(decode.TypeHTTP, httpLine, httpFields)

var (
	fHTTPMethod  = decode.Define("http.request.method", "Method", decode.KindText).As("method")
	fHTTPURI     = decode.Define("http.request.uri", "Request target", decode.KindText).As("uri")
	fHTTPReqVer  = decode.Define("http.request.version", "Version", decode.KindText).As("version")
	fHTTPRespVer = decode.Define("http.response.version", "Version", decode.KindText).As("version")
	fHTTPCode    = decode.Define("http.response.code", "Status code", decode.KindUint).As("status")
	fHTTPPhrase  = decode.Define("http.response.phrase", "Reason phrase", decode.KindText).As("reason")
	fHTTPHost    = decode.Define("http.host", "Host", decode.KindText)
	fHTTPAgent   = decode.Define("http.user_agent", "User-Agent", decode.KindText)
	fHTTPServer  = decode.Define("http.server", "Server", decode.KindText)
	fHTTPType    = decode.Define("http.content_type", "Content-Type", decode.KindText)
	fHTTPLength  = decode.Define("http.content_length_header", "Content-Length", decode.KindText).As("content_length")
)

// httpHeaders are the header fields that are shown.
var httpHeaders = []header{
	{"host", "", fHTTPHost}, {"user-agent", "", fHTTPAgent}, {"server", "", fHTTPServer}, {"content-type", "", fHTTPType},
	{"content-length", "", fHTTPLength},
}

// nextLine returns the line at off without its end, and where the next starts; ok is false when it does not end.
func nextLine(data []byte, off int) (line []byte, next int, ok bool) {
	i := bytes.IndexByte(data[off:], '\n')
	if i < 0 {
		return bytes.TrimSuffix(data[off:], []byte("\r")), len(data), false
	}
	return bytes.TrimSuffix(data[off:off+i], []byte("\r")), off + i + 1, true
}

func httpFields(w *decode.FieldWriter, _ bool) {
	data := w.Data()
	line, off, ok := nextLine(data, 0)
	a := bytes.IndexByte(line, ' ')
	if a < 0 {
		return
	}
	z := bytes.LastIndexByte(line, ' ')
	if bytes.HasPrefix(line, []byte("HTTP/")) {
		w.Bytes(fHTTPRespVer, 0, a)
		code, phrase := line[a+1:], len(line)
		if i := bytes.IndexByte(code, ' '); i >= 0 {
			code, phrase = code[:i], a+2+i
		}
		n, err := strconv.ParseUint(string(code[:min(len(code), 4)]), 10, 16)
		if len(code) != 3 || err != nil { // RFC 9112 section 4; what else stands there is in the line
			return
		}
		w.Value(fHTTPCode, a+1, len(code), n)
		if phrase < len(line) {
			w.Bytes(fHTTPPhrase, phrase, len(line)-phrase)
		}
	} else {
		w.Bytes(fHTTPMethod, 0, a)
		if z > a && (ok || versionStart(line[z+1:])) {
			w.Bytes(fHTTPURI, a+1, z-a-1)
			w.Bytes(fHTTPReqVer, z+1, len(line)-z-1)
		} else {
			w.Bytes(fHTTPURI, a+1, len(line)-a-1)
		}
	}
	if ok {
		headerFields(w, off, httpHeaders)
	}
}

// header is a header field that is shown: its name in small letters, and the short one that SIP has.
type header struct {
	name, short string
	def         *decode.Definition
}

const maxHeaders = 100 // looked at in one message

// headerFields describes the header fields of a message of text that start at off, and returns where its body starts;
// past all bytes where that is not here. A number that is none is left out.
func headerFields(w *decode.FieldWriter, off int, table []header) int {
	data := w.Data()
	var seen uint64
	for range maxHeaders {
		start := off
		line, next, ok := nextLine(data, off)
		off = next
		if len(line) == 0 && ok {
			return off
		}
		if !ok {
			break
		}
		name, value, found := bytes.Cut(line, []byte(":"))
		if !found {
			continue
		}
		lead := len(name) + 1
		name = bytes.TrimRight(name, " \t")
		for i, h := range table {
			if !equalFold(name, h.name) && (h.short == "" || !equalFold(name, h.short)) || seen>>i&1 != 0 && !h.def.List {
				continue
			}
			seen |= 1 << i
			trimmed := bytes.TrimLeft(value, " \t")
			lead += len(value) - len(trimmed)
			trimmed = bytes.TrimRight(trimmed, " \t")
			if h.def.Kind == decode.KindText {
				w.Bytes(h.def, start+lead, len(trimmed))
			} else if n, err := strconv.ParseUint(string(trimmed[:min(len(trimmed), 20)]), 10, 32); err == nil {
				w.Value(h.def, start+lead, len(trimmed), n)
			}
		}
	}
	return len(data) + 1
}

func equalFold(b []byte, s string) bool { return len(b) == len(s) && bytes.EqualFold(b, []byte(s)) }

// versionStart tells the start of a version: all that is here of the line's last word, where the line is cut.
func versionStart(b []byte) bool {
	const name = "HTTP/1."
	return len(b) > 0 && string(b[:min(len(b), len(name))]) == name[:min(len(b), len(name))]
}

func httpLine(b, data []byte, _ bool) ([]byte, bool) {
	return appendFirst(append(b, "HTTP: "...), data), true
}
