package app

import "sockwire/capture/decode"

// Protocols that have a line of text, or only bytes, and nothing to take apart.
var (
	_ = showPlain(decode.TypeWhois, "whois", decode.Define("whois.line", "Line", decode.KindText))
	_ = showPlain(decode.TypeFinger, "finger", decode.Define("finger.line", "Line", decode.KindText))
	_ = showPlain(decode.TypeIdent, "ident", decode.Define("ident.line", "Line", decode.KindText))
	_ = showPlain(decode.TypeDaytime, "daytime", decode.Define("daytime.line", "Line", decode.KindText))
	_ = showPlain(decode.TypeDropbox, "db-lsp-disc", decode.Define("db-lsp-disc.text", "Text", decode.KindText))
	_ = showBytes(decode.TypeEcho, "echo", decode.Define("echo.data", "Data", decode.KindBytes))
	_ = showBytes(decode.TypeChargen, "chargen", decode.Define("chargen.data", "Data", decode.KindBytes))
	_ = showBytes(decode.TypeFTPData, "FTP-DATA", decode.Define("ftp-data.data", "Data", decode.KindBytes))
)

func showPlain(t decode.Type, name string, d *decode.Definition) bool {
	return show(t, textLine(name), func(w *decode.FieldWriter, _ bool) {
		if line, _, _ := nextLine(w.Data(), 0); len(line) > 0 {
			w.Bytes(d, 0, len(line))
		}
	})
}

func showBytes(t decode.Type, name string, d *decode.Definition) bool {
	return show(t, func(b, _ []byte, _ bool) ([]byte, bool) { return append(b, name...), true },
		func(w *decode.FieldWriter, _ bool) { w.Bytes(d, 0, -1) })
}
