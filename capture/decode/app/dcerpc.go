package app

import (
	"encoding/binary"

	"sockwire/capture/decode"
)

var _ = describe(decode.TypeDCERPC, "DCE/RPC", dcerpcFields)

var (
	fDCEVersion = decode.Define("dcerpc.ver", "Version", decode.KindUint).As("version").At(0, 1)
	fDCEType    = decode.Define("dcerpc.pkt_type", "Packet type", decode.KindUint).As("type").Means(dceType).InLine(" ")
	fDCEFrag    = decode.Define("dcerpc.cn_frag_len", "Fragment length", decode.KindUint).As("frag_length")
	fDCEAuth    = decode.Define("dcerpc.cn_auth_len", "Auth length", decode.KindUint).As("auth_length")
	fDCECall    = decode.Define("dcerpc.cn_call_id", "Call ID", decode.KindUint).As("call_id").InLine(" call ")
	fDCEContext = decode.Define("dcerpc.cn_ctx_id", "Context ID", decode.KindUint).As("context").Several()
	fDCEOpnum   = decode.Define("dcerpc.opnum", "Operation", decode.KindUint).InLine(" opnum ")
	fDCEBind    = decode.Define("dcerpc.cn_bind_to_uuid", "Interface", decode.KindText).As("interfaces").Several().InLine(" ")
	fDCEAck     = decode.Define("dcerpc.cn_ack_result", "Result", decode.KindUint).As("results").Several().
			Means(decode.Names{0: "acceptance", 1: "user rejection", 2: "provider rejection", 3: "negotiate ACK"}.Of).InLine(" ")
	fDCEStatus = decode.Define("dcerpc.cn_status", "Status", decode.KindHex).As("status").Means(dceStatus).InLine(" status ")
	fDCEIf     = decode.Define("dcerpc.dg_if_id", "Interface", decode.KindText).As("interface").InLine(" ")
	fDCESeq    = decode.Define("dcerpc.dg_seqnum", "Sequence number", decode.KindUint).As("sequence")
)

// dceNumbers reads and adds numbers in the byte order that the message says it has.
type dceNumbers struct {
	w     *decode.FieldWriter
	order binary.ByteOrder
}

func newDCENumbers(w *decode.FieldWriter, drep int) dceNumbers {
	if data := w.Data(); drep < len(data) && data[drep]&0x10 == 0 {
		return dceNumbers{w, binary.BigEndian}
	}
	return dceNumbers{w, binary.LittleEndian}
}

func (d dceNumbers) add(f *decode.Definition, off, n int, meaning func(uint64) string) {
	data := d.w.Data()
	if off+n > len(data) {
		return
	}
	v := uint64(data[off])
	switch n {
	case 2:
		v = uint64(d.order.Uint16(data[off:]))
	case 4:
		v = uint64(d.order.Uint32(data[off:]))
	}
	d.w.Value(f, off, n, v)
	if meaning != nil {
		d.w.Note(meaning(v))
	}
}

// uuid adds a UUID as text, with the name of the interface that it is.
func (d dceNumbers) uuid(f *decode.Definition, off int) {
	data := d.w.Data()
	if off+16 > len(data) {
		return
	}
	b := data[off : off+16]
	var u [16]byte
	binary.BigEndian.PutUint32(u[:], d.order.Uint32(b))
	binary.BigEndian.PutUint16(u[4:], d.order.Uint16(b[4:]))
	binary.BigEndian.PutUint16(u[6:], d.order.Uint16(b[6:]))
	copy(u[8:], b[8:])
	text := make([]byte, 0, 36)
	for i, part := range [...][]byte{u[:4], u[4:6], u[6:8], u[8:10], u[10:]} {
		if i > 0 {
			text = append(text, '-')
		}
		text = decode.AppendBytes(text, part)
	}
	d.w.Text(f, off, 16, text)
	d.w.Note(dceInterfaces[string(text)])
}

func dcerpcFields(w *decode.FieldWriter, _ bool) {
	data := w.Data()
	if len(data) < 16 {
		return
	}
	if data[0] == 4 {
		dceDatagram(w)
		return
	}
	n := newDCENumbers(w, 4)
	w.Add(0, fDCEVersion)
	t := w.Enum(fDCEType, 2, 1, dceType)
	n.add(fDCEFrag, 8, 2, nil)
	n.add(fDCEAuth, 10, 2, nil)
	n.add(fDCECall, 12, 4, nil)
	switch t {
	case 0:
		n.add(fDCEContext, 20, 2, nil)
		n.add(fDCEOpnum, 22, 2, nil)
	case 2:
		n.add(fDCEContext, 20, 2, nil)
	case 3:
		n.add(fDCEContext, 20, 2, nil)
		n.add(fDCEStatus, 24, 4, dceStatus)
	case 11, 14: // bind, alter context
		dceContexts(n, 28)
	case 12, 15:
		dceResults(n, 24)
	}
	size, auth := int(n.order.Uint16(data[8:])), int(n.order.Uint16(data[10:]))
	if auth > 0 && size <= len(data) && size-auth >= 16 {
		w.Within(size-auth, size, securityFields)
	}
}

// dceContexts describes the interfaces that a bind asks for; the contexts first, so that each list is together.
func dceContexts(n dceNumbers, off int) {
	data := n.w.Data()
	if off > len(data) || off < 4 {
		return
	}
	count := int(data[off-4])
	for _, d := range [...]*decode.Definition{fDCEContext, fDCEBind} {
		at := off
		for i := 0; i < count && at+24 <= len(data); i++ {
			if d == fDCEContext {
				n.add(d, at, 2, nil)
			} else {
				n.uuid(d, at+4)
			}
			at += 24 + 20*int(data[at+2])
		}
	}
}

// dceResults describes the answers to a bind, which stand behind the address, on a multiple of 4.
func dceResults(n dceNumbers, off int) {
	data := n.w.Data()
	if off+2 > len(data) {
		return
	}
	off += 2 + int(n.order.Uint16(data[off:]))
	off = (off + 3) &^ 3
	if off+4 > len(data) {
		return
	}
	count := int(data[off])
	for i := 0; i < count && i < maxMessages; i++ {
		n.add(fDCEAck, off+4+24*i, 2, fDCEAckName)
	}
}

var fDCEAckName = decode.Names{0: "acceptance", 1: "user rejection", 2: "provider rejection", 3: "negotiate ACK"}.Of

// dceDatagram describes a message of version 4, over UDP.
func dceDatagram(w *decode.FieldWriter) {
	n := newDCENumbers(w, 4)
	w.Add(0, fDCEVersion)
	w.Enum(fDCEType, 1, 1, dceType)
	n.uuid(fDCEIf, 24)
	n.add(fDCESeq, 64, 4, nil)
	n.add(fDCEOpnum, 68, 2, nil)
}

var dceType = decode.Names{
	0: "request", 1: "ping", 2: "response", 3: "fault", 4: "working", 5: "nocall", 6: "reject", 7: "ack", 8: "cl_cancel", 9: "fack",
	10: "cancel_ack", 11: "bind", 12: "bind_ack", 13: "bind_nak", 14: "alter_context", 15: "alter_context_resp", 16: "auth3", 17: "shutdown",
	18: "co_cancel", 19: "orphaned",
}.Of

var dceStatus = decode.Names{
	5: "access denied", 0x1c010002: "nca_op_rng_error", 0x1c010003: "nca_unk_if", 0x1c010013: "nca_proto_error", 0x1c00000d: "nca_s_fault_cancel",
	0x1c000006: "nca_s_fault_invalid_tag", 0x000006f7: "nca_s_fault_ndr",
}.Of

var dceInterfaces = map[string]string{
	"e1af8308-5d1f-11c9-91a4-08002b14a0fa": "EPMv4", "12345778-1234-abcd-ef00-0123456789ac": "SAMR", "12345778-1234-abcd-ef00-0123456789ab": "LSARPC",
	"12345678-1234-abcd-ef00-01234567cffb": "NETLOGON", "4b324fc8-1670-01d3-1278-5a47bf6ee188": "SRVSVC",
	"6bffd098-a112-3610-9833-46c3f87e345a": "WKSSVC", "367abb81-9844-35f1-ad32-98f038001003": "SVCCTL",
	"338cd001-2244-31f1-aaaa-900038001003": "WINREG", "e3514235-4b06-11d1-ab04-00c04fc2dcd2": "DRSUAPI",
	"1ff70682-0a51-30e8-076d-740be8cee98b": "ATSVC", "86d35949-83c9-4044-b424-db363231fd0c": "ITaskSchedulerService",
	"12345678-1234-abcd-ef00-0123456789ab": "SPOOLSS", "4d9f4ab8-7d1c-11cf-861e-0020af6e7c57": "IRemoteActivation",
	"99fcfec4-5260-101b-bbcb-00aa0021347a": "IOXIDResolver", "000001a0-0000-0000-c000-000000000046": "ISystemActivator",
	"00000143-0000-0000-c000-000000000046": "IRemUnknown2", "00000131-0000-0000-c000-000000000046": "IRemUnknown",
	"82273fdc-e32a-18c3-3f78-827929dc23ea": "EVENTLOG", "afa8bd80-7d8a-11c9-bef4-08002b102989": "MGMT",
	"a4f1db00-ca47-1067-b31f-00dd010662da": "MAPI", "f5cc5a18-4264-101a-8c59-08002b2f8426": "NSPI",
	"3919286a-b10c-11d0-9ba8-00c04fd92ef5": "LSARPC (DS setup)", "50abc2a4-574d-40b3-9d66-ee4fd5fba076": "DNSSERVER",
	"5a7b91f8-ff00-11d0-a9b2-00c04fb6e6fc": "Messenger", "c681d488-d850-11d0-8c52-00c04fd90f7e": "EFSRPC",
	"df1941c5-fe89-4e79-bf10-463657acf44d": "EFSRPC", "00000000-0000-0000-0000-000000000000": "",
}
