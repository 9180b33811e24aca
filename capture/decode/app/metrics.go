package app

import "sockwire/capture/decode"

var (
	_ = describe(decode.TypeGELF, "GELF", gelfFields)
	_ = show(decode.TypeStatsD, textLine("StatsD"), func(w *decode.FieldWriter, _ bool) {
		eachLine(w, func(w *decode.FieldWriter, _ []byte) { w.Bytes(fStatsD, 0, -1) })
	})
)

var (
	fGELFID     = decode.Define("gelf.chunk.msg_id", "Message ID", decode.KindBytes).As("message_id").At(2, 8).InLine(" chunk of ")
	fGELFNumber = decode.Define("gelf.chunk.number", "Chunk", decode.KindUint).As("chunk").At(10, 1).InLine(" number ")
	fGELFCount  = decode.Define("gelf.chunk.count", "Chunks", decode.KindUint).As("chunks").At(11, 1).InLine(" of ")
	fGELFText   = decode.Define("gelf.text", "Message", decode.KindText).As("message").InLine(" ")
	fGELFPacked = decode.Define("gelf.packed", "Compressed", decode.KindBool).As("compressed").InLine(" compressed")

	fStatsD = decode.Define("statsd.metric", "Metric", decode.KindText)
)

// gelfFields describes a log message of Graylog: a chunk, text of JSON, or what is compressed.
func gelfFields(w *decode.FieldWriter, _ bool) {
	switch data := w.Data(); {
	case len(data) < 2:
	case data[0] == 0x1e && data[1] == 0x0f:
		w.Add(0, fGELFID, fGELFNumber, fGELFCount)
	case data[0] == '{':
		w.Bytes(fGELFText, 0, -1)
	default:
		w.Value(fGELFPacked, 0, 2, 1)
	}
}
