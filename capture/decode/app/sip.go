package app

import (
	"bytes"

	"sockwire/capture/decode"
)

var _ = show(decode.TypeSIP, textLine("SIP"), sipFields)

var (
	sipStart = startLine{
		version: "SIP/",
		method:  decode.Define("sip.Method", "Method", decode.KindText).As("method"),
		uri:     decode.Define("sip.r-uri", "Request-URI", decode.KindText).As("uri"),
		status:  decode.Define("sip.Status-Code", "Status code", decode.KindUint).As("status"),
	}
	sipHeaders = []header{
		{"via", "v", decode.Define("sip.Via", "Via", decode.KindText).As("via").Several()},
		{"from", "f", decode.Define("sip.From", "From", decode.KindText).As("from")},
		{"to", "t", decode.Define("sip.To", "To", decode.KindText).As("to")},
		{"call-id", "i", decode.Define("sip.Call-ID", "Call-ID", decode.KindText).As("call_id")},
		{"cseq", "", decode.Define("sip.CSeq", "CSeq", decode.KindText).As("cseq")},
		{"contact", "m", decode.Define("sip.Contact", "Contact", decode.KindText).As("contact")},
		{"user-agent", "", decode.Define("sip.User-Agent", "User-Agent", decode.KindText).As("user_agent")},
		{"server", "", decode.Define("sip.Server", "Server", decode.KindText).As("server")},
		{"content-type", "c", decode.Define("sip.Content-Type", "Content-Type", decode.KindText).As("content_type")},
		{"content-length", "l", decode.Define("sip.Content-Length", "Content-Length", decode.KindUint).As("content_length")},
	}
)

// startLine is the first line of a message like those of HTTP: a method and a URI, or a version and a status.
type startLine struct {
	version             string
	method, uri, status *decode.Definition
}

// fields describes the first line and returns where the next one starts, 0 where this is no such message.
func (s *startLine) fields(w *decode.FieldWriter) int {
	line, next, _ := nextLine(w.Data(), 0)
	a := wordEnd(line, 0)
	if a == len(line) {
		return 0
	}
	if bytes.HasPrefix(line, []byte(s.version)) {
		if n, ok := replyCode(line[a+1:]); ok {
			w.Value(s.status, a+1, 3, n)
		}
		return next
	}
	z := bytes.LastIndexByte(line, ' ')
	if z == a || !bytes.HasPrefix(line[z+1:], []byte(s.version)) {
		return 0
	}
	w.Bytes(s.method, 0, a)
	w.Bytes(s.uri, a+1, z-a-1)
	return next
}

func sipFields(w *decode.FieldWriter, stream bool) {
	if !stream {
		sipMessage(w)
		return
	}
	each(w, decode.TypeSIP.MessageLength, sipMessage)
}

func sipMessage(w *decode.FieldWriter) {
	off := sipStart.fields(w)
	if off == 0 {
		return
	}
	if body := headerFields(w, off, sipHeaders); body < len(w.Data()) {
		w.Within(body, len(w.Data()), sdpFields)
	}
}
