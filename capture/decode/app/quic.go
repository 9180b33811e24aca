package app

import (
	"encoding/binary"
	"strconv"

	"sockwire/capture/decode"
)

var _ = show(decode.TypeQUIC, quicLine, quicFields)

var (
	fQUICForm    = decode.Define("quic.header_form", "Header Form", decode.KindUint)
	fQUICType    = decode.Define("quic.long.packet_type", "Packet Type", decode.KindUint).As("packet_type")
	fQUICType2   = decode.Define("quic.long.packet_type_v2", "Packet Type", decode.KindUint).As("packet_type_v2")
	fQUICVersion = decode.Define("quic.version", "Version", decode.KindHex).At(1, 4).Means(quicVersionName)
	fQUICDCIL    = decode.Define("quic.dcil", "Destination Connection ID Length", decode.KindUint).As("dcid_length").At(5, 1)
	fQUICDCID    = decode.Define("quic.dcid", "Destination Connection ID", decode.KindBytes).As("dcid")
	fQUICSCIL    = decode.Define("quic.scil", "Source Connection ID Length", decode.KindUint).As("scid_length")
	fQUICSCID    = decode.Define("quic.scid", "Source Connection ID", decode.KindBytes).As("scid")
	fQUICTokenN  = decode.Define("quic.token_length", "Token Length", decode.KindUint).As("token_length")
	fQUICToken   = decode.Define("quic.token", "Token", decode.KindBytes).As("token")
	fQUICLength  = decode.Define("quic.length", "Length", decode.KindUint)
	fQUICServer  = decode.Define("quic.server_name", "Server name", decode.KindText)
	fQUICALPN    = decode.Define("quic.application_protocol", "Application protocol", decode.KindText).As("alpn").Several()
	fQUICPacket  = decode.Define("quic.packet", "Further packet", decode.KindGroup).As("packets").Several()
	fQUICOffered = decode.Define("quic.supported_version", "Supported Version", decode.KindHex).As("supported_versions").Several().Means(quicVersionName)
)

const quicVersion2 = 0x6b3343cf

// connectionIDs returns the places of the connection ids of a long header (RFC 8999 section 5.1); the decoder has
// made sure that they are there when it called the packet QUIC, but Ports may have too.
func connectionIDs(data []byte) (dcid, scid, end int, ok bool) {
	if len(data) < 7 {
		return
	}
	dcid = 6
	scid = dcid + int(data[5]) + 1
	if scid > len(data) {
		return
	}
	end = scid + int(data[scid-1])
	return dcid, scid, end, end <= len(data)
}

func quicFields(w *decode.FieldWriter, _ bool) {
	data := w.Data()
	w.Bits(fQUICForm, 0, 1, nil)
	dcid, scid, end, ok := connectionIDs(data)
	if !ok || data[0]&0x80 == 0 {
		return
	}
	version := binary.BigEndian.Uint32(data[1:])
	switch version {
	case 0:
	case quicVersion2:
		w.Bits(fQUICType2, 2, 2, quicType2Name)
	default:
		w.Bits(fQUICType, 2, 2, quicTypeName)
	}
	w.Add(0, fQUICVersion, fQUICDCIL)
	if scid-1 > dcid {
		w.Bytes(fQUICDCID, dcid, scid-1-dcid)
	}
	w.Uint(fQUICSCIL, scid-1, 1)
	if end > scid {
		w.Bytes(fQUICSCID, scid, end-scid)
	}
	if version == 0 {
		w.Each(fQUICOffered, end, end+64, 4)
		return
	}
	h := readLongHeader(data)
	if h.kind == quicInitial {
		w.Value(fQUICTokenN, end, h.token-end, uint64(h.tokenN))
		if h.tokenN > 0 {
			w.Bytes(fQUICToken, h.token, h.tokenN)
		}
	}
	if h.end > 0 {
		w.Value(fQUICLength, h.length, h.number-h.length, uint64(h.end-h.number))
	}
	if message, said, ok := initialHello(data[:h.end], h); ok {
		if said.sni.n > 0 {
			w.Text(fQUICServer, h.number, h.end-h.number, said.sni.of(message))
		}
		for name := range said.alpn.names(message) {
			w.Text(fQUICALPN, h.number, h.end-h.number, name.of(message))
		}
	}
	for at, n := h.end, 0; h.end > 0 && at < len(data) && n < maxCoalesced; n++ {
		if h = readLongHeader(data[at:]); h.end == 0 {
			return // a short header, or padding
		}
		w.Group(fQUICPacket, at, h.end)
		if version == quicVersion2 {
			w.Bits(fQUICType2, at*8+2, 2, quicType2Name)
		} else {
			w.Bits(fQUICType, at*8+2, 2, quicTypeName)
		}
		w.Value(fQUICLength, at+h.length, h.number-h.length, uint64(h.end-h.number))
		w.End()
		at += h.end
	}
}

// maxCoalesced is how many packets in a datagram are shown behind the first.
const maxCoalesced = 8

func quicTypeName(n uint64) string { return [...]string{"Initial", "0-RTT", "Handshake", "Retry"}[n&3] }

// quicType2Name is for version 2, which has other numbers (RFC 9369 section 3.2).
func quicType2Name(n uint64) string {
	return [...]string{"Retry", "Initial", "0-RTT", "Handshake"}[n&3]
}

var quicVersionName = decode.Names{
	0: "Version Negotiation", 1: "1", quicVersion2: "2",
}.Of

func quicLine(b, data []byte, _ bool) ([]byte, bool) {
	dcid, scid, end, ok := connectionIDs(data)
	if !ok || data[0]&0x80 == 0 {
		return b, false
	}
	version := binary.BigEndian.Uint32(data[1:])
	b = append(b, "quic, "...)
	switch version {
	case 0:
		b = append(b, "version negotiation"...)
	case quicVersion2:
		b = append(b, quicType2Name(uint64(data[0]>>4))...)
	default:
		b = append(b, quicTypeName(uint64(data[0]>>4))...)
	}
	if version != 0 {
		b = append(b, ", version "...)
		if s := quicVersionName(uint64(version)); s != "" {
			b = append(b, s...)
		} else {
			b = strconv.AppendUint(append(b, "0x"...), uint64(version), 16)
		}
	}
	b = decode.AppendBytes(append(b, ", dcid "...), data[dcid:scid-1])
	if end > scid {
		b = decode.AppendBytes(append(b, ", scid "...), data[scid:end])
	}
	if version == 0 {
		return b, true
	}
	h := readLongHeader(data)
	if message, said, ok := initialHello(data[:h.end], h); ok && said.sni.n+said.alpn.n > 0 {
		b = appendNames(append(b, ','), message, said)
	}
	for at, n := h.end, 0; h.end > 0 && at < len(data) && n < maxCoalesced; n++ {
		if h = readLongHeader(data[at:]); h.end == 0 {
			break
		}
		b = append(append(b, "; "...), quicKindName(h.kind)...)
		at += h.end
	}
	return b, true
}
