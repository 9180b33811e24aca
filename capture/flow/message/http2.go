package message

import (
	"bytes"
	"encoding/binary"

	"golang.org/x/net/http2/hpack"

	"sockwire/capture/flow"
)

// Bounds of the header blocks of HTTP/2.
const (
	maxTable  = 64 << 10 // bytes of a table, of each direction
	maxBlock  = 64 << 10 // of a block that comes in several frames
	maxFields = 64 << 10 // of the names and values of a block
)

// http2 returns a frame with its header block such that it refers to none before (RFC 7541): as whoever shows a frame has
// no other. Other frames are returned as they are.
func (k *conn) http2(d flow.Direction, frame []byte) []byte {
	if len(frame) < 9 {
		return frame
	}
	const headers, push, continuation, endHeaders = 1, 5, 9, 4
	h := &k.headers[d]
	at, end := 9, len(frame)
	switch kind, flags := frame[3], frame[4]; kind {
	case headers, push:
		h.block = h.block[:0]
		if flags&8 != 0 && at < end {
			end -= int(frame[at])
			at++
		}
		if kind == push {
			at += 4
		} else if flags&0x20 != 0 {
			at += 5
		}
	case continuation:
	default:
		return frame
	}
	if at > end || len(h.block)+end-at > maxBlock {
		h.lost = true
	}
	if h.lost {
		return frame
	}
	h.block = append(h.block, frame[at:end]...)
	if frame[4]&endHeaders == 0 {
		return frame[:at]
	}
	var out bytes.Buffer
	encoder := hpack.NewEncoder(&out)
	if h.table == nil {
		h.table = hpack.NewDecoder(4096, nil)
		h.table.SetAllowedMaxDynamicTableSize(maxTable)
		h.table.SetMaxStringLength(maxFields)
	}
	size := 0
	h.table.SetEmitFunc(func(f hpack.HeaderField) {
		if size += len(f.Name) + len(f.Value); size > maxFields {
			h.table.SetEmitEnabled(false)
			return
		}
		f.Sensitive = true // which is never put into a table
		_ = encoder.WriteField(f)
	})
	h.table.SetEmitEnabled(true)
	_, err := h.table.Write(h.block)
	if err2 := h.table.Close(); err != nil || err2 != nil {
		h.lost = true
	}
	h.block = nil
	b := append([]byte(nil), frame[:9]...)
	b[4] &^= 8 | 0x20 // neither padding nor priority
	if frame[3] == push {
		b = append(b, frame[at-4:at]...)
	}
	b = append(b, out.Bytes()...)
	binary.BigEndian.PutUint32(b, uint32(len(b)-9)<<8|uint32(frame[3]))
	return b
}

// lostHeaders says that bytes of a direction of HTTP/2 are missing.
func (k *conn) lostHeaders(d flow.Direction) { k.headers[d&1] = headers2{lost: true} }
