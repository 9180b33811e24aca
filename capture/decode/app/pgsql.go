package app

import (
	"bytes"
	"encoding/binary"

	"sockwire/capture/decode"
)

var _ = describe(decode.TypePgSQL, "PostgreSQL", pgsqlFields)

var (
	fPGKind      = decode.Define("pgsql.kind", "Message kind", decode.KindUint).InLine(" ")
	fPGLength    = decode.Define("pgsql.length", "Length", decode.KindUint)
	fPGMajor     = decode.Define("pgsql.version_major", "Major version", decode.KindUint).At(4, 2)
	fPGMinor     = decode.Define("pgsql.version_minor", "Minor version", decode.KindUint).At(6, 2)
	fPGParameter = decode.Define("pgsql.parameter_name", "Parameter", decode.KindText).As("parameters").Several()
	fPGValue     = decode.Define("pgsql.parameter_value", "Value", decode.KindText).As("values").Several()
	fPGQuery     = decode.Define("pgsql.query", "Query", decode.KindText).InLine(" ")
	fPGStatement = decode.Define("pgsql.statement", "Statement", decode.KindText).InLine(" ")
	fPGPortal    = decode.Define("pgsql.portal", "Portal", decode.KindText)
	fPGTag       = decode.Define("pgsql.tag", "Tag", decode.KindText).InLine(" ")
	fPGStatus    = decode.Define("pgsql.status", "Transaction status", decode.KindUint).At(5, 1).Means(pgStatus)
	fPGAuth      = decode.Define("pgsql.authtype", "Authentication", decode.KindUint).As("authentication").At(5, 4).Means(pgAuth).InLine(" ")
	fPGSeverity  = decode.Define("pgsql.severity", "Severity", decode.KindText).InLine(" ")
	fPGCode      = decode.Define("pgsql.code", "Code", decode.KindText).InLine(" ")
	fPGMessage   = decode.Define("pgsql.message", "Text", decode.KindText).As("message").InLine(" ")
)

// pgErrorFields are the parts of an error that are shown, by their letters.
var pgErrorFields = map[byte]*decode.Definition{'S': fPGSeverity, 'C': fPGCode, 'M': fPGMessage}

// pgsqlFields describes a message of protocol 3.0. The same letter means another thing from each side, which the
// content has to tell.
func pgsqlFields(w *decode.FieldWriter, _ bool) {
	data := w.Data()
	if len(data) > 0 && data[0] == 0 {
		pgsqlStartup(w)
		return
	}
	if len(data) < 5 {
		return
	}
	body := data[5:]
	w.Uint(fPGLength, 1, 4)
	text := func(d *decode.Definition, off int) int {
		s, next := zeroTerminated(data, off)
		w.Bytes(d, off, len(s))
		return next
	}
	t := data[0]
	switch {
	case t == 'E' && !pgError(body):
		t = 'e' // Execute, whose other letter nobody has
	case t == 'S' && len(body) > 0:
		t = 's' // parameter status; a Sync is empty
	case t == 'D' && (len(body) < 2 || body[0] == 'S' || body[0] == 'P') && bytes.IndexByte(body, 0) == len(body)-1:
		t = 'x' // Describe
	case t == 'C' && len(body) >= 2 && (body[0] == 'S' || body[0] == 'P') && (body[1] < 'A' || body[1] > 'Z'):
		t = 'y' // Close
	}
	w.Value(fPGKind, 0, 0, uint64(t))
	w.Note(pgMessage(uint64(t)))
	switch t {
	case 'Q':
		text(fPGQuery, 5)
	case 'P':
		text(fPGQuery, text(fPGStatement, 5))
	case 'B':
		text(fPGStatement, text(fPGPortal, 5))
	case 'e':
		text(fPGPortal, 5)
	case 's':
		text(fPGValue, text(fPGParameter, 5))
	case 'C':
		text(fPGTag, 5)
	case 'Z':
		w.Add(0, fPGStatus)
	case 'R':
		w.Add(0, fPGAuth)
	case 'E', 'N':
		seen := map[byte]bool{}
		for off, n := 5, 0; off < len(data) && data[off] != 0 && n < 32; n++ {
			s, next := zeroTerminated(data, off+1)
			if d := pgErrorFields[data[off]]; d != nil && !seen[data[off]] {
				seen[data[off]] = true
				w.Bytes(d, off+1, len(s))
			}
			off = next
		}
	}
}

// pgError tells the fields of an error, each a letter and a text, from what Execute says.
func pgError(body []byte) bool {
	return len(body) > 2 && body[0] >= 'A' && body[0] <= 'Z' && body[1] >= 'A' && (body[len(body)-1] == 0 && body[len(body)-2] == 0 ||
		bytes.IndexByte(body, 0) < 16) && !(bytes.IndexByte(body, 0) == len(body)-5)
}

// pgsqlStartup describes what a client starts with, which has no letter.
func pgsqlStartup(w *decode.FieldWriter) {
	data := w.Data()
	w.Uint(fPGLength, 0, 4)
	if len(data) < 8 {
		return
	}
	code := binary.BigEndian.Uint32(data[4:])
	w.Value(fPGKind, 4, 0, uint64(code))
	w.Note(pgStart(uint64(code)))
	if code>>16 != 3 {
		return
	}
	w.Add(0, fPGMajor, fPGMinor)
	for _, d := range [...]*decode.Definition{fPGParameter, fPGValue} {
		for off, n := 8, 0; off < len(data) && data[off] != 0 && n < 32; n++ {
			name, next := zeroTerminated(data, off)
			value, after := zeroTerminated(data, next)
			if d == fPGParameter {
				w.Bytes(d, off, len(name))
			} else {
				w.Bytes(d, next, len(value))
			}
			off = after
		}
	}
}

var pgStart = decode.Names{
	3 << 16: "Startup message", 3<<16 | 2: "Startup message", 1234<<16 | 5678: "Cancel request", 1234<<16 | 5679: "SSL request",
	1234<<16 | 5680: "GSS encrypt request",
}.Of

var pgMessage = decode.Names{
	'1': "Parse completion", '2': "Bind completion", '3': "Close completion", 'A': "Notification", 'B': "Bind", 'C': "Command completion",
	'D': "Data row", 'E': "Error", 'F': "Function call", 'G': "CopyIn response", 'H': "CopyOut response", 'I': "Empty query",
	'K': "Backend key data", 'N': "Notice", 'P': "Parse", 'Q': "Simple query", 'R': "Authentication request", 'S': "Sync", 'T': "Row description",
	'V': "Function call response", 'W': "CopyBoth response", 'X': "Termination", 'Z': "Ready for query", 'c': "Copy completion",
	'd': "Copy data", 'e': "Execute", 'f': "Copy failure", 'n': "No data", 'p': "Password message", 's': "Parameter status",
	't': "Parameter description", 'v': "Negotiate protocol version", 'x': "Describe", 'y': "Close",
}.Of

var pgStatus = decode.Names{'I': "idle", 'T': "in a transaction", 'E': "in a failed transaction"}.Of

var pgAuth = decode.Names{
	0: "success", 2: "Kerberos V5", 3: "plaintext password", 5: "MD5 password", 6: "SCM credentials", 7: "GSSAPI", 8: "GSSAPI continue", 9: "SSPI",
	10: "SASL", 11: "SASL continue", 12: "SASL complete",
}.Of
