package app

import (
	"bytes"

	"sockwire/capture/decode"
)

var _ = show(decode.TypeXMPP, xmppLine, xmppFields)

var (
	fXMPPStanza = decode.Define("xmpp.stanza", "Element", decode.KindText).As("element")
	fXMPPFrom   = decode.Define("xmpp.from", "From", decode.KindText)
	fXMPPTo     = decode.Define("xmpp.to", "To", decode.KindText)
	fXMPPType   = decode.Define("xmpp.type", "Type", decode.KindText)
	fXMPPID     = decode.Define("xmpp.id", "ID", decode.KindText)
)

var xmppAttributes = []struct {
	name string
	def  *decode.Definition
}{{"id", fXMPPID}, {"type", fXMPPType}, {"from", fXMPPFrom}, {"to", fXMPPTo}}

// xmppElement returns where the name of the first element is, and where its start tag ends. A declaration is stepped over.
func xmppElement(data []byte) (off, end, tag int) {
	if bytes.HasPrefix(data, []byte("<?xml")) {
		if i := bytes.Index(data[:min(len(data), 256)], []byte("?>")); i > 0 {
			off = i + 2
		}
	}
	for off < len(data) && (data[off] == ' ' || data[off] == '\r' || data[off] == '\n') {
		off++
	}
	if off >= len(data) || data[off] != '<' {
		return 0, 0, 0
	}
	off++
	head := data[off:min(len(data), off+4096)]
	tag = bytes.IndexByte(head, '>')
	if tag < 0 {
		tag = len(head)
	}
	end = bytes.IndexAny(head[:tag], " \t\r\n/")
	if end == 0 { // of an end tag
		end = bytes.IndexAny(head[1:tag], " \t\r\n/") + 1
	}
	if end <= 0 {
		end = tag
	}
	return off, off + end, off + tag
}

// xmppFields describes the first element and its attributes (RFC 6120 section 4).
func xmppFields(w *decode.FieldWriter, _ bool) {
	data := w.Data()
	off, end, tag := xmppElement(data)
	if off == 0 {
		return
	}
	w.Bytes(fXMPPStanza, off, end-off)
	for _, a := range xmppAttributes {
		head := data[end:tag]
		i := bytes.Index(head, []byte(" "+a.name+"="))
		if i < 0 || i+len(a.name)+3 > len(head) {
			continue
		}
		at := i + len(a.name) + 2
		if n := bytes.IndexByte(head[at+1:], head[at]); n >= 0 {
			w.Bytes(a.def, end+at+1, n)
		}
	}
}

func xmppLine(b, data []byte, _ bool) ([]byte, bool) {
	b = append(b, "XMPP"...)
	off, end, _ := xmppElement(data)
	if off == 0 {
		return b, true
	}
	return decode.AppendEscaped(append(b, ' '), data[off:min(end, off+maxText)]), true
}
