package app

import "sockwire/capture/decode"

var _ = describe(decode.TypeCQL, "CQL", cqlFields)

var (
	fCQLVersion = decode.Define("cql.version", "Version", decode.KindUint).At(0, 1)
	fCQLFlags   = decode.Define("cql.flags", "Flags", decode.KindHex).At(1, 1)
	fCQLStream  = decode.Define("cql.stream", "Stream", decode.KindUint)
	fCQLOpcode  = decode.Define("cql.opcode", "Opcode", decode.KindUint).Means(cqlOpcode).InLine(" ")
	fCQLLength  = decode.Define("cql.length", "Length", decode.KindUint)
	fCQLQuery   = decode.Define("cql.string", "Statement", decode.KindText).As("query").InLine(" ")
	fCQLError   = decode.Define("cql.error_code", "Error code", decode.KindHex).InLine(" ")
	fCQLResult  = decode.Define("cql.result.kind", "Result", decode.KindUint).As("result").Means(cqlResult).InLine(" ")
)

// cqlFields describes a frame; up to version 2 the stream has one byte.
func cqlFields(w *decode.FieldWriter, _ bool) {
	data := w.Data()
	if len(data) < 8 {
		return
	}
	w.Add(0, fCQLVersion, fCQLFlags)
	off := 4
	if data[0]&0x7f < 3 {
		off = 3
	}
	w.Uint(fCQLStream, 2, off-2)
	op := w.Enum(fCQLOpcode, off, 1, cqlOpcode)
	w.Uint(fCQLLength, off+1, 4)
	body := off + 5
	if data[1]&1 != 0 || body+4 > len(data) { // compressed
		return
	}
	switch op {
	case 7, 9:
		n := int(data[body])<<24 | int(data[body+1])<<16 | int(data[body+2])<<8 | int(data[body+3])
		w.Bytes(fCQLQuery, body+4, min(n, len(data)-body-4))
	case 0:
		w.Uint(fCQLError, body, 4)
	case 8:
		w.Enum(fCQLResult, body, 4, cqlResult)
	}
}

var cqlOpcode = decode.Names{
	0: "ERROR", 1: "STARTUP", 2: "READY", 3: "AUTHENTICATE", 4: "CREDENTIALS", 5: "OPTIONS", 6: "SUPPORTED", 7: "QUERY", 8: "RESULT", 9: "PREPARE",
	10: "EXECUTE", 11: "REGISTER", 12: "EVENT", 13: "BATCH", 14: "AUTH_CHALLENGE", 15: "AUTH_RESPONSE", 16: "AUTH_SUCCESS",
}.Of

var cqlResult = decode.Names{1: "Void", 2: "Rows", 3: "Set keyspace", 4: "Prepared", 5: "Schema change"}.Of
