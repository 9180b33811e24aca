package app

import "sockwire/capture/decode"

var _ = show(decode.TypeIMAP, textLine("IMAP"), func(w *decode.FieldWriter, _ bool) { eachLine(w, imapFields) })

var (
	fIMAPReqTag   = decode.Define("imap.request_tag", "Tag", decode.KindText).As("tag")
	fIMAPCommand  = decode.Define("imap.request.command", "Command", decode.KindText).As("command")
	fIMAPRspTag   = decode.Define("imap.response_tag", "Tag", decode.KindText).As("tag")
	fIMAPStatus   = decode.Define("imap.response.status", "Status", decode.KindText).As("status")
	fIMAPRspCmd   = decode.Define("imap.response.command", "Answered command", decode.KindText).As("command")
	fIMAPUntagged = decode.Define("imap.untagged", "Untagged answer", decode.KindText)
)

// imapStatus are what tagged answers start with (RFC 9051 section 7.1).
var imapStatus = lines{commands: []string{"OK", "NO", "BAD", "PREAUTH", "BYE"}}

func imapFields(w *decode.FieldWriter, line []byte) {
	tag := wordEnd(line, 0)
	if line[0] == '*' || line[0] == '+' {
		w.Bytes(fIMAPUntagged, 0, -1)
	}
	if tag == 0 || tag+1 >= len(line) || line[0] == '*' || line[0] == '+' {
		return
	}
	end := wordEnd(line, tag+1)
	word := line[tag+1 : end]
	switch {
	case imapStatus.isCommand(word):
		w.Bytes(fIMAPRspTag, 0, tag)
		w.Bytes(fIMAPStatus, tag+1, len(word))
		if end+1 < len(line) {
			w.Bytes(fIMAPRspCmd, end+1, wordEnd(line, end+1)-end-1)
		}
	case imapTag(line[:tag]) && isLetters(word):
		w.Bytes(fIMAPReqTag, 0, tag)
		w.Bytes(fIMAPCommand, tag+1, len(word))
	}
}

// imapTag tells what clients take for a tag: few letters and digits, of which one is a digit.
func imapTag(b []byte) bool {
	digits := false
	for _, c := range b {
		digits = digits || c >= '0' && c <= '9'
		if !(c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c == '.' || c == '-') {
			return false
		}
	}
	return digits && len(b) <= 32
}

func isLetters(b []byte) bool {
	for _, c := range b {
		if c|0x20 < 'a' || c|0x20 > 'z' {
			return false
		}
	}
	return len(b) > 0
}
