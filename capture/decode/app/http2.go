package app

import (
	"encoding/binary"
	"strconv"
	"strings"

	"golang.org/x/net/http2/hpack"

	"sockwire/capture/decode"
)

var _ = show(decode.TypeHTTP2, http2Line, http2Fields)

var (
	fHTTP2Magic     = decode.Define("http2.magic", "Connection preface", decode.KindText).As("magic")
	fHTTP2Length    = decode.Define("http2.length", "Length", decode.KindUint)
	fHTTP2Type      = decode.Define("http2.type", "Type", decode.KindUint)
	fHTTP2Flags     = decode.Define("http2.flags", "Flags", decode.KindHex)
	fHTTP2Stream    = decode.Define("http2.streamid", "Stream identifier", decode.KindUint).As("stream")
	fHTTP2Header    = decode.Define("http2.header", "Header", decode.KindGroup).As("headers").Several()
	fHTTP2Name      = decode.Define("http2.header.name", "Name", decode.KindText).As("name")
	fHTTP2Value     = decode.Define("http2.header.value", "Value", decode.KindText).As("value")
	fHTTP2Setting   = decode.Define("http2.settings", "Setting", decode.KindGroup).As("settings").Several()
	fHTTP2SettingID = decode.Define("http2.settings.id", "Identifier", decode.KindUint).As("id").At(0, 2).Means(http2SettingName)
	fHTTP2SettingV  = decode.Define("http2.settings.value", "Value", decode.KindUint).As("value").At(2, 4)
	fHTTP2Reset     = decode.Define("http2.rst_stream.error", "Error", decode.KindUint).As("error")
	fHTTP2Last      = decode.Define("http2.goaway.last_stream_id", "Last stream", decode.KindUint).As("last_stream")
	fHTTP2Goaway    = decode.Define("http2.goaway.error", "Error", decode.KindUint).As("goaway_error")
	fHTTP2Window    = decode.Define("http2.window_update.window_size_increment", "Window increment", decode.KindUint).As("window_increment")
)

// Types of frames (RFC 9113 section 6).
const (
	http2Data         = 0
	http2Headers      = 1
	http2Reset        = 3
	http2Settings     = 4
	http2Push         = 5
	http2Goaway       = 7
	http2Window       = 8
	http2Continuation = 9

	http2FrameHeader = 9
	http2MaxHeaders  = 64 // of a frame that are shown
	http2MaxString   = 64 << 10
)

var http2TypeName = decode.Names{
	http2Data: "DATA", http2Headers: "HEADERS", 2: "PRIORITY", http2Reset: "RST_STREAM", http2Settings: "SETTINGS",
	http2Push: "PUSH_PROMISE", 6: "PING", http2Goaway: "GOAWAY", http2Window: "WINDOW_UPDATE",
	http2Continuation: "CONTINUATION", 10: "ALTSVC", 12: "ORIGIN", 16: "PRIORITY_UPDATE",
}.Of

var http2SettingName = decode.Names{
	1: "HEADER_TABLE_SIZE", 2: "ENABLE_PUSH", 3: "MAX_CONCURRENT_STREAMS", 4: "INITIAL_WINDOW_SIZE", 5: "MAX_FRAME_SIZE",
	6: "MAX_HEADER_LIST_SIZE", 8: "ENABLE_CONNECT_PROTOCOL", 9: "NO_RFC7540_PRIORITIES",
}.Of

var http2ErrorName = decode.Names{
	0: "NO_ERROR", 1: "PROTOCOL_ERROR", 2: "INTERNAL_ERROR", 3: "FLOW_CONTROL_ERROR", 4: "SETTINGS_TIMEOUT",
	5: "STREAM_CLOSED", 6: "FRAME_SIZE_ERROR", 7: "REFUSED_STREAM", 8: "CANCEL", 9: "COMPRESSION_ERROR",
	10: "CONNECT_ERROR", 11: "ENHANCE_YOUR_CALM", 12: "INADEQUATE_SECURITY", 13: "HTTP_1_1_REQUIRED",
}.Of

// headerBlock returns the place of the header block fragment in a frame (RFC 9113 sections 6.2, 6.6 and 6.10).
func headerBlock(data []byte) (l list, ok bool) {
	if len(data) < http2FrameHeader {
		return l, false
	}
	size := int(data[0])<<16 | int(data[1])<<8 | int(data[2])
	flags := data[4]
	end := min(http2FrameHeader+size, len(data))
	at := http2FrameHeader
	switch data[3] {
	case http2Headers, http2Push:
		if flags&8 != 0 && at < end { // PADDED
			end -= int(data[at])
			at++
		}
		if data[3] == http2Push {
			at += 4
		} else if flags&0x20 != 0 { // PRIORITY
			at += 5
		}
	case http2Continuation:
	default:
		return l, false
	}
	return list{at, end - at}, at <= end
}

// http2Block decodes a header block with an empty table: package flow/message has put what refers to another into it.
func http2Block(block []byte, see func(name, value string)) {
	n := 0
	d := hpack.NewDecoder(4096, nil)
	d.SetMaxStringLength(http2MaxString)
	d.SetEmitFunc(func(f hpack.HeaderField) {
		if n++; n > http2MaxHeaders {
			d.SetEmitEnabled(false)
			return
		}
		see(f.Name, f.Value)
	})
	_, _ = d.Write(block) // what is before a fault is right
}

func http2Fields(w *decode.FieldWriter, _ bool) {
	data := w.Data()
	if strings.HasPrefix("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", string(data[:min(len(data), 24)])) {
		w.Bytes(fHTTP2Magic, 0, min(len(data), 24))
		return
	}
	w.Uint(fHTTP2Length, 0, 3)
	kind := w.Enum(fHTTP2Type, 3, 1, http2TypeName)
	w.Uint(fHTTP2Flags, 4, 1)
	w.Bits(fHTTP2Stream, 5*8+1, 31, nil)
	switch kind {
	case http2Settings:
		for at := http2FrameHeader; at+6 <= len(data); at += 6 {
			w.Group(fHTTP2Setting, at, 6)
			w.Add(at, fHTTP2SettingID, fHTTP2SettingV)
			w.End()
		}
	case http2Reset:
		w.Enum(fHTTP2Reset, http2FrameHeader, 4, http2ErrorName)
	case http2Goaway:
		w.Bits(fHTTP2Last, http2FrameHeader*8+1, 31, nil)
		w.Enum(fHTTP2Goaway, http2FrameHeader+4, 4, http2ErrorName)
	case http2Window:
		w.Bits(fHTTP2Window, http2FrameHeader*8+1, 31, nil)
	}
	if at, ok := headerBlock(data); ok {
		http2Block(at.of(data), func(name, value string) {
			w.Group(fHTTP2Header, at.off, at.n)
			w.Text(fHTTP2Name, at.off, at.n, []byte(name))
			w.Text(fHTTP2Value, at.off, at.n, []byte(value))
			w.End()
		})
	}
}

func http2Line(b, data []byte, _ bool) ([]byte, bool) {
	b = append(b, "HTTP/2"...)
	if len(data) >= 3 && string(data[:3]) == "PRI" {
		return append(b, " connection preface"...), true
	}
	if len(data) < http2FrameHeader {
		return b, false
	}
	kind := uint64(data[3])
	b = decode.AppendName(append(b, ' '), http2TypeName(kind), "frame ", kind)
	if stream := binary.BigEndian.Uint32(data[5:]) &^ (1 << 31); stream != 0 {
		b = strconv.AppendUint(append(b, ", stream "...), uint64(stream), 10)
	}
	switch {
	case kind == http2Data:
		b = strconv.AppendInt(append(b, ", length "...), int64(data[0])<<16|int64(data[1])<<8|int64(data[2]), 10)
	case kind == http2Settings && data[4]&1 != 0:
		b = append(b, ", ack"...)
	case kind == http2Reset && len(data) >= 13:
		n := uint64(binary.BigEndian.Uint32(data[9:]))
		b = decode.AppendName(append(b, ", "...), http2ErrorName(n), "error ", n)
	case kind == http2Goaway && len(data) >= 17:
		n := uint64(binary.BigEndian.Uint32(data[13:]))
		b = decode.AppendName(append(b, ", "...), http2ErrorName(n), "error ", n)
	}
	if at, ok := headerBlock(data); ok {
		http2Block(at.of(data), func(name, value string) {
			switch name {
			case ":method", ":path", ":authority", ":status", "grpc-status", "grpc-message":
				b = decode.AppendEscaped(append(b, ", "...), []byte(strings.TrimPrefix(name, ":")))
				b = decode.AppendQuoted(append(b, ' '), []byte(value), maxText)
			}
		})
	}
	if kind < http2Headers+1 && data[4]&1 != 0 {
		b = append(b, ", end"...)
	}
	return b, true
}
