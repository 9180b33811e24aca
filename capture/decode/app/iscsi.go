package app

import (
	"bytes"

	"sockwire/capture/decode"
)

var _ = describe(decode.TypeISCSI, "iSCSI", iscsiFields)

var (
	fISCSIOpcode    = decode.Define("iscsi.opcode", "Opcode", decode.KindHex).Bits(2, 6).Means(iscsiOpcode).InLine(" ")
	fISCSIImmediate = decode.Define("iscsi.I", "Immediate", decode.KindBool).As("immediate").Bits(1, 1)
	fISCSILength    = decode.Define("iscsi.datasegmentlength", "Data segment length", decode.KindUint).As("data_length").At(5, 3)
	fISCSITag       = decode.Define("iscsi.initiatortasktag", "Initiator task tag", decode.KindHex).As("tag").At(16, 4).InLine(" tag ")
	fISCSICDB       = decode.Define("iscsi.scsi_opcode", "SCSI command", decode.KindHex).As("scsi").At(32, 1).Means(scsiCommand).InLine(" ")
	fISCSIKey       = decode.Define("iscsi.keyvalue", "Key and value", decode.KindText).As("keys").Several().InLine(" ")
)

// iscsiFields describes a PDU (RFC 7143 section 11).
func iscsiFields(w *decode.FieldWriter, _ bool) {
	data := w.Data()
	w.Add(0, fISCSIOpcode)
	if len(data) < 48 {
		return
	}
	op := data[0] & 0x3f
	if op < 0x20 {
		w.Add(0, fISCSIImmediate)
	}
	w.Add(0, fISCSILength, fISCSITag)
	n := int(data[5])<<16 | int(data[6])<<8 | int(data[7])
	switch op {
	case 1:
		w.Add(0, fISCSICDB)
	case 3, 4, 0x23, 0x24:
		for off, i := 48, 0; off < min(48+n, len(data)) && i < 64; i++ {
			text, next := zeroTerminated(data, off)
			if bytes.IndexByte(text, '=') > 0 {
				w.Bytes(fISCSIKey, off, len(text))
			}
			off = next
		}
	}
}

var iscsiOpcode = decode.Names{
	0: "NOP Out", 1: "SCSI Command", 2: "Task Management", 3: "Login Command", 4: "Text Command", 5: "SCSI Data Out", 6: "Logout Command",
	0x10: "SNACK", 0x20: "NOP In", 0x21: "SCSI Response", 0x22: "Task Management Response", 0x23: "Login Response", 0x24: "Text Response",
	0x25: "SCSI Data In", 0x26: "Logout Response", 0x31: "Ready To Transfer", 0x32: "Asynchronous Message", 0x3f: "Reject",
}.Of

var scsiCommand = decode.Names{
	0: "Test Unit Ready", 3: "Request Sense", 8: "Read(6)", 0xa: "Write(6)", 0x12: "Inquiry", 0x1a: "Mode Sense(6)", 0x1b: "Start Stop Unit",
	0x25: "Read Capacity(10)", 0x28: "Read(10)", 0x2a: "Write(10)", 0x2e: "Write and Verify(10)", 0x35: "Synchronize Cache(10)", 0x42: "Unmap",
	0x5a: "Mode Sense(10)", 0x5e: "Persistent Reserve In", 0x5f: "Persistent Reserve Out", 0x85: "ATA Pass-Through(16)", 0x88: "Read(16)",
	0x89: "Compare and Write", 0x8a: "Write(16)", 0x93: "Write Same(16)", 0x9e: "Service Action In(16)", 0xa0: "Report LUNs", 0xa3: "Maintenance In",
}.Of
