package app

import "sockwire/capture/decode"

var _ = show(decode.TypeSyslog, syslogLine, syslogFields)

var (
	fSyslogFacility = decode.Define("syslog.facility", "Facility", decode.KindUint)
	fSyslogLevel    = decode.Define("syslog.level", "Severity", decode.KindUint).As("severity")
	fSyslogMessage  = decode.Define("syslog.msg", "Message", decode.KindText).As("message")
)

// priority reads the <PRI> that a message starts with (RFC 5424 section 6.2.1) and returns where it ends.
func priority(data []byte) (pri, end int, ok bool) {
	if len(data) < 3 || data[0] != '<' {
		return 0, 0, false
	}
	for i := 1; i < len(data) && i <= 4; i++ {
		switch c := data[i]; {
		case c == '>' && i > 1 && pri <= 191:
			return pri, i + 1, true
		case c < '0' || c > '9':
			return 0, 0, false
		default:
			pri = pri*10 + int(c-'0')
		}
	}
	return 0, 0, false
}

// syslogStart passes over the length that a message may have in front of it on a stream (RFC 6587 section 3.4.1).
func syslogStart(data []byte, stream bool) int {
	for i := 0; stream && i < len(data) && i < 8; i++ {
		switch c := data[i]; {
		case c == ' ' && i > 0:
			return i + 1
		case c < '0' || c > '9':
			return 0
		}
	}
	return 0
}

func syslogFields(w *decode.FieldWriter, stream bool) {
	w.Within(syslogStart(w.Data(), stream), len(w.Data()), syslogMessage)
}

func syslogMessage(w *decode.FieldWriter) {
	pri, end, ok := priority(w.Data())
	if !ok {
		return
	}
	w.Value(fSyslogFacility, 1, end-2, uint64(pri/8))
	w.Note(facilities[pri/8])
	w.Value(fSyslogLevel, 1, end-2, uint64(pri%8))
	w.Note(severities[pri%8])
	w.Bytes(fSyslogMessage, end, len(trimZeroes(w.Data()[end:])))
}

var facilities = [...]string{"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
	"ntp", "security", "console", "cron2", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"}

var severities = [...]string{"emergency", "alert", "critical", "error", "warning", "notice", "info", "debug"}

func syslogLine(b, data []byte, stream bool) ([]byte, bool) {
	data = data[syslogStart(data, stream):]
	pri, end, ok := priority(data)
	if !ok {
		return b, false
	}
	b = append(append(b, "SYSLOG "...), facilities[pri/8]...)
	b = append(append(b, '.'), severities[pri%8]...)
	return decode.AppendQuoted(append(b, ' '), trimZeroes(data[end:]), maxText), true
}
