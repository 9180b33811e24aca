package app

import (
	"encoding/binary"

	"sockwire/capture/decode"
)

var (
	fSMB2Command  = decode.Define("smb2.cmd", "Command", decode.KindUint).As("command").At(12, 2).Little().Means(smb2Command).InLine(" ")
	fSMB2Status   = decode.Define("smb2.nt_status", "NT status", decode.KindHex).As("status").At(8, 4).Little().Means(ntStatus)
	fSMB2Response = decode.Define("smb2.flags.response", "Response", decode.KindBool).As("response").Bits(159-16-8, 1).Means(smb2Direction).InLine(" ")
	fSMB2Next     = decode.Define("smb2.chain_offset", "Offset of the next command", decode.KindUint).As("next").At(20, 4).Little()
	fSMB2Message  = decode.Define("smb2.msg_id", "Message ID", decode.KindUint).As("message_id").At(24, 8).Little()
	fSMB2Tree     = decode.Define("smb2.tid", "Tree ID", decode.KindHex).As("tree_id").At(36, 4).Little()
	fSMB2Session  = decode.Define("smb2.sesid", "Session ID", decode.KindHex).As("session_id").At(40, 8).Little()
	fSMB2Share    = decode.Define("smb2.tree", "Share", decode.KindText).InLine(" share ")
	fSMB2File     = decode.Define("smb2.filename", "File", decode.KindText).As("file").InLine(" file ")
	fSMB2Pattern  = decode.Define("smb2.find.pattern", "Pattern", decode.KindText).As("pattern").InLine(" pattern ")
	fSMB2Dialect  = decode.Define("smb2.dialect", "Dialect", decode.KindHex).As("dialects").Several().Little().InLine(" dialect ")
	fSMB2Length   = decode.Define("smb2.read_length", "Read length", decode.KindUint).At(4, 4).Little().InLine(" length ")
	fSMB2Write    = decode.Define("smb2.write_length", "Write length", decode.KindUint).At(4, 4).Little().InLine(" length ")
	fSMB2Offset   = decode.Define("smb2.file_offset", "File offset", decode.KindUint).At(8, 8).Little().InLine(" offset ")
	fSMB2Function = decode.Define("smb2.ioctl.function", "Control code", decode.KindHex).As("function").At(4, 4).Little().Means(smb2Ioctl).InLine(" ")
	fSMB2Pipe     = decode.Define("smb2.pipe", "In a pipe", decode.KindGroup).As("dcerpc")
	fSMB2Failed   = decode.Define("smb2.failed", "Failed with", decode.KindHex).Means(ntStatus).InLine(" ")
	fSMB2Outer    = decode.Define("smb2.header.transform.session", "Session ID of encrypted messages", decode.KindHex).As("encrypted_session"). // [MS-SMB2] section 2.2.41
			At(44, 8).Little().InLine(" encrypted, session ")
)

func smb2Direction(n uint64) string { return [...]string{"request", "response"}[n&1] }

const smb2Header = 64

// smb2Any describes commands, or the header of encrypted ones.
func smb2Any(w *decode.FieldWriter) {
	switch data := w.Data(); {
	case len(data) == 0:
	case data[0] == 0xfe:
		smb2Fields(w)
	case data[0] == 0xfd:
		w.Add(0, fSMB2Outer)
	}
}

// smb2Fields describes commands of version 2 and 3 that follow each other ([MS-SMB2] section 2.2.1).
func smb2Fields(w *decode.FieldWriter) {
	each(w, func(b []byte) int {
		if len(b) < smb2Header {
			return 0
		}
		if next := binary.LittleEndian.Uint32(b[20:]); next >= smb2Header && next < uint32(len(b)) {
			return int(next)
		}
		return len(b)
	}, smb2Message)
}

func smb2Message(w *decode.FieldWriter) {
	data := w.Data()
	if len(data) < smb2Header || data[0] != 0xfe {
		return
	}
	w.Add(0, fSMB2Command, fSMB2Response)
	response := data[16]&1 != 0
	status := binary.LittleEndian.Uint32(data[8:])
	if response {
		w.Add(0, fSMB2Status)
		if status != 0 {
			w.Value(fSMB2Failed, 8, 0, uint64(status))
			w.Note(ntStatus(uint64(status)))
		}
	}
	w.Add(0, fSMB2Next, fSMB2Message)
	if data[16]&2 == 0 { // of an asynchronous one it is an ID of its own
		w.Add(0, fSMB2Tree)
	}
	w.Add(0, fSMB2Session)
	smb2Body(w, binary.LittleEndian.Uint16(data[12:]), response)
}

// smb2Body describes what names things in the commands. Offsets count from the header.
func smb2Body(w *decode.FieldWriter, command uint16, response bool) {
	data := w.Data()
	at := func(off int) int { // a number of 2 bytes in the body
		if smb2Header+off+2 > len(data) {
			return 0
		}
		return int(binary.LittleEndian.Uint16(data[smb2Header+off:]))
	}
	text := func(d *decode.Definition, off int) { // where offset and length stand
		if from, n := at(off), at(off+2); n > 0 && from >= smb2Header && from+n <= len(data) {
			w.Text(d, from, n, utf16Text(data[from:from+n]))
		}
	}
	switch {
	case command == 0 && !response:
		w.Each(fSMB2Dialect, smb2Header+36, smb2Header+36+2*min(at(2), 32), 2)
	case command == 0:
		w.Uint(fSMB2Dialect, smb2Header+4, 2)
		smbSecurity(w, at(56), at(58))
	case command == 1 && !response:
		smbSecurity(w, at(12), at(14))
	case command == 1:
		smbSecurity(w, at(4), at(6))
	case command == 3 && !response:
		text(fSMB2Share, 4)
	case command == 5 && !response:
		text(fSMB2File, 44)
	case command == 8 && !response:
		w.Add(smb2Header, fSMB2Length, fSMB2Offset)
	case command == 8:
		smb2InPipe(w, at(2)&0xff, at(4))
	case command == 9 && !response:
		w.Add(smb2Header, fSMB2Write, fSMB2Offset)
		smb2InPipe(w, at(2), at(4))
	case command == 11:
		w.Add(smb2Header, fSMB2Function)
		if response {
			smb2InPipe(w, at(32), at(36))
		} else {
			smb2InPipe(w, at(24), at(28))
		}
	case command == 14 && !response:
		text(fSMB2Pattern, 24)
	}
}

// smb2InPipe describes DCE/RPC in what is read, written or exchanged, where it starts so.
func smb2InPipe(w *decode.FieldWriter, off, n int) {
	data := w.Data()
	if off < smb2Header || n < 16 || off+16 > len(data) || data[off] != 5 || data[off+1] > 1 || data[off+2] > 19 || data[off+4]&0xee != 0 {
		return
	}
	w.Group(fSMB2Pipe, off, n)
	w.Within(off, off+n, func(w *decode.FieldWriter) { dcerpcFields(w, true) })
	w.End()
}

var smb2Command = decode.Names{
	0: "Negotiate Protocol", 1: "Session Setup", 2: "Session Logoff", 3: "Tree Connect", 4: "Tree Disconnect", 5: "Create", 6: "Close", 7: "Flush",
	8: "Read", 9: "Write", 10: "Lock", 11: "Ioctl", 12: "Cancel", 13: "KeepAlive", 14: "Find", 15: "Notify", 16: "GetInfo", 17: "SetInfo",
	18: "Break",
}.Of

var smb2Ioctl = decode.Names{
	0x00060194: "FSCTL_DFS_GET_REFERRALS", 0x0011c017: "FSCTL_PIPE_TRANSCEIVE", 0x00110018: "FSCTL_PIPE_WAIT",
	0x00140204: "FSCTL_VALIDATE_NEGOTIATE_INFO", 0x001401fc: "FSCTL_QUERY_NETWORK_INTERFACE_INFO", 0x00144064: "FSCTL_GET_SHADOW_COPY_DATA",
	0x000900c0: "FSCTL_CREATE_OR_GET_OBJECT_ID", 0x00140078: "FSCTL_REQUEST_RESUME_KEY", 0x001440f2: "FSCTL_SRV_COPYCHUNK",
}.Of
