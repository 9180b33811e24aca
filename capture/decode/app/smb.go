package app

import (
	"bytes"
	"encoding/binary"

	"sockwire/capture/decode"
)

var (
	_ = describe(decode.TypeSMB, "SMB PACKET:", func(w *decode.FieldWriter, _ bool) { smbFields(w) })
	_ = describe(decode.TypeSMB2, "SMB2", func(w *decode.FieldWriter, _ bool) { smb2Any(w) })
)

var (
	fSMBCommand  = decode.Define("smb.cmd", "Command", decode.KindUint).As("command").At(4, 1).Means(smbCommand).InLine(" ")
	fSMBStatus   = decode.Define("smb.nt_status", "NT status", decode.KindHex).As("status").At(5, 4).Little().Means(ntStatus)
	fSMBResponse = decode.Define("smb.flags.response", "Response", decode.KindBool).As("response").Bits(72, 1).Means(smbDirection).InLine(" ")
	fSMBTree     = decode.Define("smb.tid", "Tree ID", decode.KindUint).As("tid").At(24, 2).Little()
	fSMBProcess  = decode.Define("smb.pid", "Process ID", decode.KindUint).As("pid").At(26, 2).Little()
	fSMBUser     = decode.Define("smb.uid", "User ID", decode.KindUint).As("uid").At(28, 2).Little()
	fSMBMux      = decode.Define("smb.mid", "Multiplex ID", decode.KindUint).As("mid").At(30, 2).Little()
	fSMBDialect  = decode.Define("smb.dialect.name", "Dialect", decode.KindText).As("dialects").Several()
	fSMBPath     = decode.Define("smb.path", "Path", decode.KindText).InLine(" path ")
	fSMBFile     = decode.Define("smb.file", "File", decode.KindText).InLine(" file ")
	fSMBFailed   = decode.Define("smb.failed", "Failed with", decode.KindHex).Means(ntStatus).InLine(" ")
)

func smbDirection(n uint64) string { return [...]string{"(REQUEST)", "(REPLY)"}[n&1] }

// smbFields describes a message of version 1 ([MS-CIFS] section 2.2.3).
func smbFields(w *decode.FieldWriter) {
	data := w.Data()
	if len(data) < 32 {
		return
	}
	reply := data[9]&0x80 != 0
	w.Add(0, fSMBCommand, fSMBResponse)
	if data[11]&0x40 != 0 { // else a class and code of DOS
		w.Add(0, fSMBStatus)
		if status := binary.LittleEndian.Uint32(data[5:]); reply && status != 0 {
			w.Value(fSMBFailed, 5, 0, uint64(status))
			w.Note(ntStatus(uint64(status)))
		}
	}
	w.Add(0, fSMBTree, fSMBProcess, fSMBUser, fSMBMux)
	if len(data) < 35 {
		return
	}
	wide := data[11]&0x80 != 0
	words := int(data[32])
	body := 33 + 2*words + 2 // behind the words and the count of bytes
	if body > len(data) {
		return
	}
	if data[4] == 0x73 && (words == 12 || words == 4) { // a session setup with a token
		w.Within(body, len(data), securityFields)
	}
	if reply {
		return
	}
	switch data[4] {
	case 0x72: // each dialect behind a 2
		for off, n := body, 0; off < len(data) && data[off] == 2 && n < 32; n++ {
			name, next := zeroTerminated(data, off+1)
			w.Bytes(fSMBDialect, off+1, len(name))
			off = next
		}
	case 0x75: // tree connect: behind a password
		if words >= 4 {
			smbText(w, fSMBPath, body+int(binary.LittleEndian.Uint16(data[33+6:])), wide)
		}
	case 0xa2:
		smbText(w, fSMBFile, body, wide)
	case 0x2d:
		smbText(w, fSMBFile, body, wide)
	}
}

// smbText adds the text at off: of 16-bit characters on an even place, or of bytes, up to a zero.
func smbText(w *decode.FieldWriter, d *decode.Definition, off int, wide bool) {
	data := w.Data()
	if off >= len(data) {
		return
	}
	if !wide {
		name, _ := zeroTerminated(data, off)
		w.Bytes(d, off, len(name))
		return
	}
	off += off & 1
	end := off
	for end+2 <= len(data) && (data[end] != 0 || data[end+1] != 0) {
		end += 2
	}
	if end > off {
		w.Text(d, off, end-off, utf16Text(data[off:end]))
	}
}

var smbCommand = decode.Names{
	0x00: "SMBmkdir", 0x01: "SMBrmdir", 0x02: "SMBopen", 0x03: "SMBcreate", 0x04: "SMBclose", 0x05: "SMBflush", 0x06: "SMBunlink", 0x07: "SMBmv",
	0x08: "SMBgetatr", 0x09: "SMBsetatr", 0x0a: "SMBread", 0x0b: "SMBwrite", 0x0c: "SMBlock", 0x0d: "SMBunlock", 0x0e: "SMBctemp",
	0x0f: "SMBmknew", 0x10: "SMBchkpth", 0x11: "SMBexit", 0x12: "SMBlseek", 0x13: "SMBlockread", 0x14: "SMBwriteunlock", 0x1a: "SMBreadBraw",
	0x1d: "SMBwritebraw", 0x20: "SMBwritec", 0x22: "SMBsetattrE", 0x23: "SMBgetattrE", 0x24: "SMBlockingX", 0x25: "SMBtrans", 0x26: "SMBtranss",
	0x27: "SMBioctl", 0x29: "SMBcopy", 0x2a: "SMBmove", 0x2b: "SMBecho", 0x2c: "SMBwriteclose", 0x2d: "SMBopenX", 0x2e: "SMBreadX",
	0x2f: "SMBwriteX", 0x32: "SMBtrans2", 0x33: "SMBtranss2", 0x34: "SMBfindclose", 0x35: "SMBfindnclose", 0x70: "SMBtcon", 0x71: "SMBtdis",
	0x72: "SMBnegprot", 0x73: "SMBsesssetupX", 0x74: "SMBulogoffX", 0x75: "SMBtconX", 0x80: "SMBdskattr", 0x81: "SMBsearch", 0x82: "SMBffirst",
	0x83: "SMBfunique", 0x84: "SMBfclose", 0xa0: "SMBnttrans", 0xa1: "SMBnttranss", 0xa2: "SMBntcreateX", 0xa4: "SMBntcancel", 0xa5: "SMBntrename",
	0xc0: "SMBsplopen", 0xc1: "SMBsplwr", 0xc2: "SMBsplclose", 0xc3: "SMBsplretq",
}.Of

// ntStatus names the statuses that file servers and calls answer with most ([MS-ERREF] section 2.3).
var ntStatus = decode.Names{
	0: "STATUS_SUCCESS", 0x103: "STATUS_PENDING", 0x10b: "STATUS_NOTIFY_CLEANUP", 0x10c: "STATUS_NOTIFY_ENUM_DIR", 0x80000005: "STATUS_BUFFER_OVERFLOW",
	0x80000006: "STATUS_NO_MORE_FILES", 0x8000001a: "STATUS_NO_MORE_ENTRIES", 0xc0000001: "STATUS_UNSUCCESSFUL", 0xc0000002: "STATUS_NOT_IMPLEMENTED",
	0xc0000003: "STATUS_INVALID_INFO_CLASS", 0xc0000004: "STATUS_INFO_LENGTH_MISMATCH", 0xc0000008: "STATUS_INVALID_HANDLE",
	0xc000000d: "STATUS_INVALID_PARAMETER", 0xc000000f: "STATUS_NO_SUCH_FILE", 0xc0000010: "STATUS_INVALID_DEVICE_REQUEST",
	0xc0000011: "STATUS_END_OF_FILE", 0xc0000016: "STATUS_MORE_PROCESSING_REQUIRED", 0xc0000022: "STATUS_ACCESS_DENIED",
	0xc0000023: "STATUS_BUFFER_TOO_SMALL", 0xc0000033: "STATUS_OBJECT_NAME_INVALID", 0xc0000034: "STATUS_OBJECT_NAME_NOT_FOUND",
	0xc0000035: "STATUS_OBJECT_NAME_COLLISION", 0xc000003a: "STATUS_OBJECT_PATH_NOT_FOUND", 0xc0000043: "STATUS_SHARING_VIOLATION",
	0xc0000054: "STATUS_FILE_LOCK_CONFLICT", 0xc0000055: "STATUS_LOCK_NOT_GRANTED", 0xc0000056: "STATUS_DELETE_PENDING",
	0xc0000064: "STATUS_NO_SUCH_USER", 0xc000006a: "STATUS_WRONG_PASSWORD", 0xc000006d: "STATUS_LOGON_FAILURE",
	0xc000006e: "STATUS_ACCOUNT_RESTRICTION", 0xc0000071: "STATUS_PASSWORD_EXPIRED", 0xc0000072: "STATUS_ACCOUNT_DISABLED",
	0xc000007f: "STATUS_DISK_FULL", 0xc000009a: "STATUS_INSUFFICIENT_RESOURCES", 0xc00000ac: "STATUS_PIPE_NOT_AVAILABLE",
	0xc00000b0: "STATUS_PIPE_DISCONNECTED", 0xc00000ba: "STATUS_FILE_IS_A_DIRECTORY", 0xc00000bb: "STATUS_NOT_SUPPORTED",
	0xc00000c9: "STATUS_NETWORK_NAME_DELETED", 0xc00000ca: "STATUS_NETWORK_ACCESS_DENIED", 0xc00000cc: "STATUS_BAD_NETWORK_NAME",
	0xc0000101: "STATUS_DIRECTORY_NOT_EMPTY", 0xc0000103: "STATUS_NOT_A_DIRECTORY", 0xc0000120: "STATUS_CANCELLED",
	0xc0000128: "STATUS_FILE_CLOSED", 0xc000014b: "STATUS_PIPE_BROKEN", 0xc0000203: "STATUS_USER_SESSION_DELETED",
	0xc0000225: "STATUS_NOT_FOUND", 0xc0000234: "STATUS_ACCOUNT_LOCKED_OUT", 0xc0000257: "STATUS_PATH_NOT_COVERED",
	0xc000035c: "STATUS_NETWORK_SESSION_EXPIRED",
}.Of

// smbSecurity describes what a session setup hands over: SPNEGO, or NTLMSSP alone.
func smbSecurity(w *decode.FieldWriter, off, n int) {
	data := w.Data()
	if off <= 0 || n <= 0 || off >= len(data) {
		return
	}
	w.Within(off, off+n, securityFields)
}

// securityFields describes a token: SPNEGO's own fields, and NTLMSSP's wherever it starts in it.
func securityFields(w *decode.FieldWriter) {
	data := w.Data()
	spnegoFields(w)
	if i := bytes.Index(data[:min(len(data), 4096)], []byte("NTLMSSP\x00")); i >= 0 {
		w.Within(i, len(data), ntlmFields)
	}
}
