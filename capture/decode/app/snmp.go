package app

import (
	"strconv"

	"sockwire/capture/decode"
)

var _ = show(decode.TypeSNMP, snmpLine, snmpFields)

var (
	fSNMPVersion   = decode.Define("snmp.version", "version", decode.KindUint)
	fSNMPVersion3  = decode.Define("snmp.msgVersion", "msgVersion", decode.KindUint).As("version")
	fSNMPCommunity = decode.Define("snmp.community", "community", decode.KindText)
	fSNMPPDU       = decode.Define("snmp.data", "PDU", decode.KindUint).As("pdu")
	fSNMPRequest   = decode.Define("snmp.request_id", "request-id", decode.KindUint)
	fSNMPAuth      = decode.Define("snmp.v3.flags.auth", "Authenticated", decode.KindBool).As("authenticated")
	fSNMPCrypt     = decode.Define("snmp.v3.flags.crypt", "Encrypted", decode.KindBool).As("encrypted")
	fSNMPReport    = decode.Define("snmp.v3.flags.report", "Reportable", decode.KindBool).As("reportable")
	fSNMPModel     = decode.Define("snmp.msgSecurityModel", "msgSecurityModel", decode.KindUint).As("security_model")
	fSNMPEngine    = decode.Define("snmp.msgAuthoritativeEngineID", "msgAuthoritativeEngineID", decode.KindBytes).As("engine_id")
	fSNMPBoots     = decode.Define("snmp.msgAuthoritativeEngineBoots", "msgAuthoritativeEngineBoots", decode.KindUint).As("engine_boots")
	fSNMPTime      = decode.Define("snmp.msgAuthoritativeEngineTime", "msgAuthoritativeEngineTime, in s", decode.KindUint).As("engine_time")
	fSNMPUser      = decode.Define("snmp.msgUserName", "msgUserName", decode.KindText).As("user")
	fSNMPMessage   = decode.Define("snmp.msgID", "msgID", decode.KindUint).As("message_id")
)

// snmp is what the header of a message says (RFC 1157, RFC 3416, RFC 3412).
type snmp struct {
	version, community, pdu, id element

	flags, model, engine, boots, time, user element // of version 3
}

// readV3 reads the rest of msgGlobalData, and the security parameters of the user-based model (RFC 3414 section 2.4).
func (m *snmp) readV3(data []byte, global element, end int) {
	if size, ok := nextElement(data, m.id.end, global.end); ok {
		if m.flags, ok = nextElement(data, size.end, global.end); ok && m.flags.end-m.flags.off == 1 {
			m.model, _ = nextElement(data, m.flags.end, global.end)
		}
	}
	parameters, ok := nextElement(data, global.end, end)
	if !ok || parameters.tag != 4 {
		return
	}
	inside, ok := nextElement(data, parameters.off, parameters.end)
	if !ok || inside.tag != 0x30 {
		return
	}
	at := inside.off
	for _, e := range [...]*element{&m.engine, &m.boots, &m.time, &m.user} {
		x, ok := nextElement(data, at, inside.end)
		if !ok {
			return
		}
		*e, at = x, x.end
	}
}

func readSNMP(data []byte) (m snmp, ok bool) {
	seq, ok := nextElement(data, 0, len(data))
	if !ok && seq.off == 0 || seq.tag != 0x30 {
		return m, false
	}
	end := min(seq.end, len(data))
	if m.version, ok = nextElement(data, seq.off, end); !ok || m.version.tag != 2 {
		return m, false
	}
	e, ok := nextElement(data, m.version.end, end)
	if !ok {
		return m, true
	}
	if e.tag == 0x30 { // version 3: msgGlobalData
		if id, ok := nextElement(data, e.off, e.end); ok && id.tag == 2 {
			m.id = id
			m.readV3(data, e, end)
		}
		return m, true
	}
	m.community = e
	pdu, _ := nextElement(data, e.end, end)
	if pdu.off == 0 {
		return m, true
	}
	m.pdu = pdu
	pdu.end = min(pdu.end, end)
	if id, found := nextElement(data, pdu.off, pdu.end); found && id.tag == 2 && pdu.tag != 0xa4 {
		m.id = id
	}
	return m, true
}

func snmpFields(w *decode.FieldWriter, _ bool) {
	data := w.Data()
	m, ok := readSNMP(data)
	if !ok {
		return
	}
	version := m.version.integer(data)
	d := fSNMPVersion
	if version == 3 {
		d = fSNMPVersion3
	}
	w.Value(d, m.version.off, m.version.end-m.version.off, version)
	w.Note(snmpVersion(version))
	if m.community.tag == 4 {
		w.Bytes(fSNMPCommunity, m.community.off, m.community.end-m.community.off)
	}
	if m.pdu.off > 0 {
		w.Value(fSNMPPDU, m.pdu.off, 0, uint64(m.pdu.tag&0x1f))
		w.Note(snmpPDU(uint64(m.pdu.tag)))
	}
	if m.id.off > 0 {
		d := fSNMPRequest
		if version == 3 {
			d = fSNMPMessage
		}
		w.Value(d, m.id.off, m.id.end-m.id.off, m.id.integer(data))
	}
	if at := m.flags.off; at > 0 && m.flags.end == at+1 {
		w.Bit(fSNMPReport, 8*at+5)
		w.Bit(fSNMPCrypt, 8*at+6)
		w.Bit(fSNMPAuth, 8*at+7)
	}
	for _, x := range [...]struct {
		d *decode.Definition
		e element
	}{{fSNMPModel, m.model}, {fSNMPEngine, m.engine}, {fSNMPBoots, m.boots}, {fSNMPTime, m.time}, {fSNMPUser, m.user}} {
		n := x.e.end - x.e.off
		switch {
		case n == 0 || x.e.off == 0:
		case x.d.Kind == decode.KindUint:
			w.Value(x.d, x.e.off, n, x.e.integer(data))
		default:
			w.Bytes(x.d, x.e.off, n)
		}
	}
}

var snmpVersion = decode.Names{
	0: "v1", 1: "v2c", 3: "v3",
}.Of

var snmpPDU = decode.Names{
	0xa0: "GetRequest", 0xa1: "GetNextRequest", 0xa2: "GetResponse", 0xa3: "SetRequest", 0xa4: "Trap", 0xa5: "GetBulk",
	0xa6: "Inform", 0xa7: "V2Trap", 0xa8: "Report",
}.Of

func snmpLine(b, data []byte, _ bool) ([]byte, bool) {
	m, ok := readSNMP(data)
	if !ok {
		return b, false
	}
	version := m.version.integer(data)
	b = decode.AppendName(append(b, "SNMP "...), snmpVersion(version), "version ", version)
	if m.community.tag == 4 {
		b = decode.AppendQuoted(append(b, " C="...), data[m.community.off:m.community.end], maxText)
	}
	if s := snmpPDU(uint64(m.pdu.tag)); s != "" {
		b = append(append(b, ' '), s...)
	}
	if m.id.off > 0 {
		b = strconv.AppendUint(append(b, " id "...), m.id.integer(data), 10)
	}
	if at := m.flags.off; at > 0 && m.flags.end == at+1 {
		b = append(appendLetters(append(b, " F="...), data[at], "apr"), ' ')
		b = decode.AppendQuoted(append(b, "U="...), data[m.user.off:max(m.user.off, m.user.end)], maxText)
		if m.engine.off > 0 {
			b = decode.AppendBytes(append(b, " E=0x"...), data[m.engine.off:m.engine.end])
		}
	}
	return b, true
}
