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
	fSNMPMessage   = decode.Define("snmp.msgID", "msgID", decode.KindUint).As("message_id")
)

// snmp is what the header of a message says (RFC 1157, RFC 3416, RFC 3412).
type snmp struct {
	version, community, pdu, id element
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
	return b, true
}
