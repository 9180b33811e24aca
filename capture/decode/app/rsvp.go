package app

import "sockwire/capture/decode"

var _ = show(decode.TypeRSVP, rsvpLine, rsvpFields)

var (
	fRSVPVersion  = decode.Define("rsvp.version", "Version", decode.KindUint).Bits(0, 4)
	fRSVPFlags    = decode.Define("rsvp.flags", "Flags", decode.KindHex).Bits(4, 4)
	fRSVPType     = decode.Define("rsvp.msg", "Message Type", decode.KindUint).As("type").At(1, 1).Means(rsvpName)
	fRSVPChecksum = decode.Define("rsvp.message_checksum", "Checksum", decode.KindHex).As("checksum").At(2, 2)
	fRSVPTTL      = decode.Define("rsvp.sending_ttl", "Send TTL", decode.KindUint).At(4, 1)
	fRSVPLength   = decode.Define("rsvp.message_length", "RSVP Length", decode.KindUint).As("length").At(6, 2)
	fRSVPObject   = decode.Define("rsvp.objects", "Object", decode.KindGroup).Several()
	fRSVPObjLen   = decode.Define("rsvp.length", "Length", decode.KindUint).At(0, 2)
	fRSVPClass    = decode.Define("rsvp.object", "Class", decode.KindUint).As("class").At(2, 1).Means(rsvpClass)
	fRSVPCType    = decode.Define("rsvp.ctype", "C-Type", decode.KindUint).At(3, 1)
	fRSVPDest     = decode.Define("rsvp.session.address", "Destination", decode.KindIP).As("destination")
	fRSVPTunnel   = decode.Define("rsvp.session.tunnel_id", "Tunnel ID", decode.KindUint).As("tunnel_id")
	fRSVPExt      = decode.Define("rsvp.session.ext_tunnel", "Extended Tunnel ID", decode.KindBytes).As("extended_tunnel_id")
	fRSVPHop      = decode.Define("rsvp.hop.address", "Neighbor Address", decode.KindIP).As("neighbor")
	fRSVPRefresh  = decode.Define("rsvp.time_values", "Refresh Period, in ms", decode.KindUint).As("refresh_period")
	fRSVPSender   = decode.Define("rsvp.sender.address", "Sender Address", decode.KindIP).As("sender")
	fRSVPLSP      = decode.Define("rsvp.sender.lsp_id", "LSP ID", decode.KindUint).As("lsp_id")
	fRSVPLabel    = decode.Define("rsvp.label.label", "Label", decode.KindUint).As("label")
	fRSVPName     = decode.Define("rsvp.session_attribute.session_name", "Session Name", decode.KindText).As("session_name")
	fRSVPErrNode  = decode.Define("rsvp.error.error_node", "Error Node", decode.KindIP).As("error_node")
	fRSVPErrCode  = decode.Define("rsvp.error.error_code", "Error Code", decode.KindUint).As("error_code")
	fRSVPErrValue = decode.Define("rsvp.error_value", "Error Value", decode.KindUint).As("error_value")
	fRSVPMsgID    = decode.Define("rsvp.message_id.message_id", "Message Identifier", decode.KindUint).As("message_id")
	fRSVPHelloSrc = decode.Define("rsvp.hello.source_instance", "Source Instance", decode.KindHex).As("source_instance")
	fRSVPHelloDst = decode.Define("rsvp.hello.destination_instance", "Destination Instance", decode.KindHex).
			As("destination_instance")
	fRSVPData = decode.Define("rsvp.object_data", "Contents", decode.KindBytes).As("contents")
)

const rsvpHeader = 8 // RFC 2205 section 3.1

// rsvpObjects calls f for each object with its class, type and place.
func rsvpObjects(data []byte, f func(class, ctype byte, off, n int)) {
	if len(data) < rsvpHeader {
		return
	}
	end := min(len(data), int(be16(data[6:])))
	for off, count := rsvpHeader, 0; off+4 <= end && count < maxList; count++ {
		n := int(be16(data[off:]))
		if n < 4 || off+n > end {
			return
		}
		f(data[off+2], data[off+3], off, n)
		off += n
	}
}

// rsvpWidth is how many bytes the addresses of a C-Type have.
func rsvpWidth(ctype byte) int {
	switch ctype {
	case 1, 7, 9, 11, 13, 15:
		return 4
	case 2, 8, 10, 12, 14, 16:
		return 16
	}
	return 0
}

func rsvpFields(w *decode.FieldWriter, _ bool) {
	w.Add(0, fRSVPVersion, fRSVPFlags, fRSVPType, fRSVPChecksum, fRSVPTTL, fRSVPLength)
	data := w.Data()
	rsvpObjects(data, func(class, ctype byte, off, n int) {
		w.Group(fRSVPObject, off, n)
		w.Add(off, fRSVPObjLen, fRSVPClass, fRSVPCType)
		at, size, width := off+4, n-4, rsvpWidth(ctype)
		switch {
		case class == 1 && width > 0 && size >= width+4:
			w.Bytes(fRSVPDest, at, width)
			if ctype == 7 || ctype == 8 {
				w.Uint(fRSVPTunnel, at+width+2, 2)
				w.Bytes(fRSVPExt, at+width+4, size-width-4)
			}
		case class == 3 && width > 0 && size >= width:
			w.Bytes(fRSVPHop, at, width)
		case class == 5 && size == 4:
			w.Uint(fRSVPRefresh, at, 4)
		case class == 6 && width > 0 && size >= width+4:
			w.Bytes(fRSVPErrNode, at, width)
			w.Enum(fRSVPErrCode, at+width+1, 1, rsvpError)
			w.Uint(fRSVPErrValue, at+width+2, 2)
		case (class == 10 || class == 11) && width > 0 && size >= width+4:
			w.Bytes(fRSVPSender, at, width)
			w.Uint(fRSVPLSP, at+width+2, 2)
		case class == 16 && size == 4:
			w.Uint(fRSVPLabel, at, 4)
		case class == 22 && size == 8:
			w.Uint(fRSVPHelloSrc, at, 4)
			w.Uint(fRSVPHelloDst, at+4, 4)
		case (class == 23 || class == 24) && size >= 8:
			w.Uint(fRSVPMsgID, at+4, 4)
		case class == 207 && ctype == 7 && size >= 4 && 4+int(data[at+3]) <= size:
			w.Bytes(fRSVPName, at+4, int(data[at+3]))
		case size > 0:
			w.Bytes(fRSVPData, at, size)
		}
		w.End()
	})
}

func rsvpLine(b, data []byte, _ bool) ([]byte, bool) {
	if len(data) < rsvpHeader {
		return b, false
	}
	b = appendNumber(b, "RSVPv", uint64(data[0]>>4))
	b = decode.AppendName(append(b, ", "...), rsvpName(uint64(data[1])), "message ", uint64(data[1]))
	rsvpObjects(data, func(class, ctype byte, off, n int) {
		at, size, width := off+4, n-4, rsvpWidth(ctype)
		switch {
		case class == 1 && width > 0 && size >= width+4:
			b = appendAddress(b, ", session ", data[at:at+width])
			if ctype == 7 || ctype == 8 {
				b = appendNumber(b, " tunnel ", be16(data[at+width+2:]))
			}
		case (class == 10 || class == 11) && width > 0 && size >= width+4:
			b = appendAddress(b, ", sender ", data[at:at+width])
			b = appendNumber(b, " LSP ", be16(data[at+width+2:]))
		case class == 16 && size == 4:
			b = appendNumber(b, ", label ", be32(data[at:]))
		case class == 6 && width > 0 && size >= width+4:
			code := uint64(data[at+width+1])
			b = decode.AppendName(append(b, ", error "...), rsvpError(code), "", code)
		}
	})
	return b, true
}

var rsvpName = decode.Names{
	1: "Path", 2: "Resv", 3: "PathErr", 4: "ResvErr", 5: "PathTear", 6: "ResvTear", 7: "ResvConf", 12: "Bundle", 13: "Ack",
	15: "Srefresh", 20: "Hello", 21: "Notify",
}.Of

var rsvpClass = decode.Names{
	0: "NULL", 1: "SESSION", 3: "RSVP_HOP", 4: "INTEGRITY", 5: "TIME_VALUES", 6: "ERROR_SPEC", 7: "SCOPE", 8: "STYLE",
	9: "FLOWSPEC", 10: "FILTER_SPEC", 11: "SENDER_TEMPLATE", 12: "SENDER_TSPEC", 13: "ADSPEC", 14: "POLICY_DATA",
	15: "RESV_CONFIRM", 16: "LABEL", 19: "LABEL_REQUEST", 20: "EXPLICIT_ROUTE", 21: "RECORD_ROUTE", 22: "HELLO",
	23: "MESSAGE_ID", 24: "MESSAGE_ID_ACK", 25: "MESSAGE_ID_LIST", 37: "PROTECTION", 63: "DETOUR", 131: "RESTART_CAP",
	205: "FAST_REROUTE", 207: "SESSION_ATTRIBUTE",
}.Of

var rsvpError = decode.Names{
	0: "Confirmation", 1: "Admission Control Failure", 2: "Policy Control Failure", 3: "No path information",
	4: "No sender information", 5: "Conflicting reservation style", 6: "Unknown reservation style",
	7: "Conflicting destination ports", 8: "Conflicting sender ports", 12: "Service preempted",
	13: "Unknown object class", 14: "Unknown object C-Type", 21: "Traffic Control Error", 23: "RSVP System Error",
	24: "Routing Problem", 25: "Notify",
}.Of
