package app

import (
	"bytes"
	"encoding/binary"
	"strconv"

	"sockwire/capture/decode"
)

var _ = show(decode.TypeTFTP, tftpLine, tftpFields)

var (
	fTFTPOpcode = decode.Define("tftp.opcode", "Opcode", decode.KindUint)
	fTFTPFile   = decode.Define("tftp.source_file", "Filename", decode.KindText).As("file")
	fTFTPDest   = decode.Define("tftp.destination_file", "Filename", decode.KindText).As("file")
	fTFTPMode   = decode.Define("tftp.type", "Mode", decode.KindText).As("mode")
	fTFTPBlock  = decode.Define("tftp.block", "Block", decode.KindUint)
	fTFTPCode   = decode.Define("tftp.error.code", "ErrorCode", decode.KindUint).As("error_code")
	fTFTPError  = decode.Define("tftp.error.message", "ErrMsg", decode.KindText).As("error")
)

// TFTP opcodes (RFC 1350, RFC 2347).
const (
	tftpRead  = 1
	tftpWrite = 2
	tftpData  = 3
	tftpAck   = 4
	tftpError = 5
)

// zeroTerminated returns the text at off without its zero byte and where the next thing starts.
func zeroTerminated(data []byte, off int) ([]byte, int) {
	if off > len(data) {
		return nil, off
	}
	if i := bytes.IndexByte(data[off:], 0); i >= 0 {
		return data[off : off+i], off + i + 1
	}
	return data[off:], len(data) + 1
}

func tftpFields(w *decode.FieldWriter, _ bool) {
	data := w.Data()
	switch op := w.Enum(fTFTPOpcode, 0, 2, tftpName); op {
	case tftpRead, tftpWrite:
		d := fTFTPFile
		if op == tftpWrite {
			d = fTFTPDest
		}
		name, next := zeroTerminated(data, 2)
		w.Bytes(d, 2, len(name))
		mode, _ := zeroTerminated(data, next)
		w.Bytes(fTFTPMode, next, len(mode))
	case tftpData, tftpAck:
		w.Uint(fTFTPBlock, 2, 2)
	case tftpError:
		w.Uint(fTFTPCode, 2, 2)
		text, _ := zeroTerminated(data, 4)
		w.Bytes(fTFTPError, 4, len(text))
	}
}

var tftpName = decode.Names{
	tftpRead: "RRQ", tftpWrite: "WRQ", tftpData: "DATA", tftpAck: "ACK", tftpError: "ERROR", 6: "OACK",
}.Of

func tftpLine(b, data []byte, _ bool) ([]byte, bool) {
	if len(data) < 4 {
		return b, false
	}
	op := uint64(binary.BigEndian.Uint16(data))
	s := tftpName(op)
	if s == "" {
		return b, false
	}
	b = append(append(b, "TFTP, "...), s...)
	switch op {
	case tftpRead, tftpWrite:
		name, next := zeroTerminated(data, 2)
		b = decode.AppendQuoted(append(b, ' '), name, maxText)
		mode, _ := zeroTerminated(data, next)
		b = decode.AppendEscaped(append(b, ' '), mode[:min(len(mode), 16)])
	case tftpData, tftpAck:
		b = strconv.AppendUint(append(b, " block "...), uint64(binary.BigEndian.Uint16(data[2:])), 10)
	case tftpError:
		b = strconv.AppendUint(append(b, ' '), uint64(binary.BigEndian.Uint16(data[2:])), 10)
		text, _ := zeroTerminated(data, 4)
		b = decode.AppendQuoted(append(b, ' '), text, maxText)
	}
	return b, true
}
