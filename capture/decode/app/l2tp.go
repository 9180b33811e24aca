package app

import "sockwire/capture/decode"

var _ = show(decode.TypeL2TP, l2tpLine, l2tpFields)

var (
	fL2TPType     = decode.Define("l2tp.type", "Type", decode.KindBool).As("control").Bits(0, 1)
	fL2TPHasLen   = decode.Define("l2tp.length_bit", "Length Bit", decode.KindBool).Bits(1, 1)
	fL2TPHasSeq   = decode.Define("l2tp.seq_bit", "Sequence Bit", decode.KindBool).Bits(4, 1)
	fL2TPHasOff   = decode.Define("l2tp.offset_bit", "Offset Bit", decode.KindBool).Bits(6, 1)
	fL2TPPriority = decode.Define("l2tp.priority", "Priority", decode.KindBool).Bits(7, 1)
	fL2TPVersion  = decode.Define("l2tp.version", "Version", decode.KindUint).Bits(12, 4)
	fL2TPLength   = decode.Define("l2tp.length", "Length", decode.KindUint)
	fL2TPTunnel   = decode.Define("l2tp.tunnel", "Tunnel ID", decode.KindUint).As("tunnel_id")
	fL2TPSession  = decode.Define("l2tp.session", "Session ID", decode.KindUint).As("session_id")
	fL2TPControl  = decode.Define("l2tp.ccid", "Control Connection ID", decode.KindUint).As("control_connection_id")
	fL2TPNs       = decode.Define("l2tp.ns", "Ns", decode.KindUint)
	fL2TPNr       = decode.Define("l2tp.nr", "Nr", decode.KindUint)
	fL2TPAVP      = decode.Define("l2tp.avp", "AVP", decode.KindGroup).As("avps").Several()
	fL2TPMandat   = decode.Define("l2tp.avp.mandatory", "Mandatory", decode.KindBool).As("mandatory").Bits(0, 1)
	fL2TPHidden   = decode.Define("l2tp.avp.hidden", "Hidden", decode.KindBool).As("hidden").Bits(1, 1)
	fL2TPAVPLen   = decode.Define("l2tp.avp.length", "Length", decode.KindUint).As("length").Bits(6, 10)
	fL2TPVendor   = decode.Define("l2tp.avp.vendor_id", "Vendor ID", decode.KindUint).As("vendor_id").At(2, 2)
	fL2TPAVPType  = decode.Define("l2tp.avp.type", "Type", decode.KindUint).As("type").At(4, 2).Means(l2tpAVP)
	fL2TPMessage  = decode.Define("l2tp.avp.message_type", "Message Type", decode.KindUint).As("message_type").Means(l2tpName)
	fL2TPHost     = decode.Define("l2tp.avp.host_name", "Host Name", decode.KindText).As("host_name")
	fL2TPMyTunnel = decode.Define("l2tp.avp.assigned_tunnel_id", "Assigned Tunnel ID", decode.KindUint).
			As("assigned_tunnel_id")
	fL2TPMySession = decode.Define("l2tp.avp.assigned_session_id", "Assigned Session ID", decode.KindUint).
			As("assigned_session_id")
	fL2TPValue = decode.Define("l2tp.avp.value", "Value", decode.KindBytes).As("value")
)

// l2tpPlace is where the parts of the header are (RFC 2661 section 3.1), 0 for what is not there.
type l2tpPlace struct {
	control, v3           bool
	length, ids, ns, avps int
}

func l2tpAt(data []byte) (p l2tpPlace, ok bool) {
	if len(data) < 6 {
		return p, false
	}
	p.control, p.v3 = data[0]&0x80 != 0, data[1]&15 == 3
	off := 2
	if data[0]&0x40 != 0 {
		p.length, off = off, off+2
	}
	p.ids, off = off, off+4
	if data[0]&8 != 0 {
		p.ns, off = off, off+4
	}
	p.avps = off
	return p, off <= len(data)
}

// l2tpAVPs calls f for the attribute value pairs of a control message.
func l2tpAVPs(data []byte, p l2tpPlace, f func(vendor, kind uint64, at, value, n int)) {
	end := len(data)
	if p.length > 0 {
		end = min(end, int(be16(data[p.length:])))
	}
	for off, count := p.avps, 0; off+6 <= end && count < maxList; count++ {
		n := int(be16(data[off:]) & 0x3ff)
		if n < 6 || off+n > end {
			return
		}
		f(be16(data[off+2:]), be16(data[off+4:]), off, off+6, n-6)
		off += n
	}
}

func l2tpFields(w *decode.FieldWriter, _ bool) {
	w.Add(0, fL2TPType, fL2TPHasLen, fL2TPHasSeq, fL2TPHasOff, fL2TPPriority, fL2TPVersion)
	data := w.Data()
	p, ok := l2tpAt(data)
	if !ok {
		return
	}
	if p.length > 0 {
		w.Uint(fL2TPLength, p.length, 2)
	}
	if p.v3 {
		w.Uint(fL2TPControl, p.ids, 4)
	} else {
		w.Uint(fL2TPTunnel, p.ids, 2)
		w.Uint(fL2TPSession, p.ids+2, 2)
	}
	if p.ns > 0 {
		w.Uint(fL2TPNs, p.ns, 2)
		w.Uint(fL2TPNr, p.ns+2, 2)
	}
	if !p.control {
		return
	}
	l2tpAVPs(data, p, func(vendor, kind uint64, at, value, n int) {
		w.Group(fL2TPAVP, at, 6+n)
		w.Add(at, fL2TPMandat, fL2TPHidden, fL2TPAVPLen, fL2TPVendor, fL2TPAVPType)
		hidden := data[at]&0x40 != 0
		switch {
		case n == 0:
		case hidden || vendor != 0:
			w.Bytes(fL2TPValue, value, n)
		case kind == 0 && n == 2:
			w.Enum(fL2TPMessage, value, 2, l2tpName)
		case kind == 7:
			w.Bytes(fL2TPHost, value, n)
		case kind == 9 && n == 2:
			w.Uint(fL2TPMyTunnel, value, 2)
		case kind == 14 && n == 2:
			w.Uint(fL2TPMySession, value, 2)
		default:
			w.Bytes(fL2TPValue, value, n)
		}
		w.End()
	})
}

func l2tpLine(b, data []byte, _ bool) ([]byte, bool) {
	p, ok := l2tpAt(data)
	if !ok {
		return b, false
	}
	b = appendNumber(b, "L2TPv", uint64(data[1]&15))
	if !p.control {
		b = appendNumber(b, ", data, tunnel ", be16(data[p.ids:]))
		return appendNumber(b, ", session ", be16(data[p.ids+2:])), true
	}
	message := false
	l2tpAVPs(data, p, func(vendor, kind uint64, _, value, n int) {
		switch {
		case vendor != 0:
		case kind == 0 && n == 2 && !message:
			message = true
			b = decode.AppendName(append(b, ", "...), l2tpName(be16(data[value:])), "message ", be16(data[value:]))
		case kind == 7:
			b = decode.AppendQuoted(append(b, ", host "...), data[value:value+n], maxText)
		}
	})
	if !message {
		b = append(b, ", ZLB"...)
	}
	if p.v3 {
		b = appendNumber(b, ", connection ", be32(data[p.ids:]))
	} else {
		b = appendNumber(b, ", tunnel ", be16(data[p.ids:]))
		b = appendNumber(b, ", session ", be16(data[p.ids+2:]))
	}
	if p.ns > 0 {
		b = appendNumber(b, ", Ns ", be16(data[p.ns:]))
		b = appendNumber(b, ", Nr ", be16(data[p.ns+2:]))
	}
	return b, true
}

var l2tpName = decode.Names{
	1: "SCCRQ", 2: "SCCRP", 3: "SCCCN", 4: "StopCCN", 6: "HELLO", 7: "OCRQ", 8: "OCRP", 9: "OCCN", 10: "ICRQ", 11: "ICRP",
	12: "ICCN", 14: "CDN", 15: "WEN", 16: "SLI",
}.Of

var l2tpAVP = decode.Names{
	0: "Message Type", 1: "Result Code", 2: "Protocol Version", 3: "Framing Capabilities", 4: "Bearer Capabilities",
	5: "Tie Breaker", 6: "Firmware Revision", 7: "Host Name", 8: "Vendor Name", 9: "Assigned Tunnel ID",
	10: "Receive Window Size", 11: "Challenge", 12: "Q.931 Cause Code", 13: "Challenge Response",
	14: "Assigned Session ID", 15: "Call Serial Number", 18: "Bearer Type", 19: "Framing Type", 21: "Called Number",
	22: "Calling Number", 24: "Tx Connect Speed", 36: "Random Vector", 38: "Rx Connect Speed", 39: "Sequencing Required",
}.Of
