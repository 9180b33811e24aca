package app

import "sockwire/capture/decode"

var _ = show(decode.TypeMACsec, macsecLine, macsecFields)

var (
	fMACsecVersion = decode.Define("macsec.TCI.V", "Version", decode.KindBool).As("version").Bits(0, 1)
	fMACsecES      = decode.Define("macsec.TCI.ES", "End Station", decode.KindBool).As("end_station").Bits(1, 1)
	fMACsecSC      = decode.Define("macsec.TCI.SC", "SCI present", decode.KindBool).As("sci_present").Bits(2, 1)
	fMACsecSCB     = decode.Define("macsec.TCI.SCB", "Single Copy Broadcast", decode.KindBool).
			As("single_copy_broadcast").Bits(3, 1)
	fMACsecE      = decode.Define("macsec.TCI.E", "Encrypted", decode.KindBool).As("encrypted").Bits(4, 1)
	fMACsecC      = decode.Define("macsec.TCI.C", "Changed Text", decode.KindBool).As("changed").Bits(5, 1)
	fMACsecAN     = decode.Define("macsec.AN", "Association Number", decode.KindUint).As("an").Bits(6, 2)
	fMACsecShort  = decode.Define("macsec.SL", "Short Length", decode.KindUint).As("short_length").Bits(10, 6)
	fMACsecPN     = decode.Define("macsec.PN", "Packet Number", decode.KindUint).As("packet_number").At(2, 4)
	fMACsecSystem = decode.Define("macsec.SCI.system_identifier", "System Identifier", decode.KindMAC).
			As("system_identifier").At(6, 6)
	fMACsecEtherType = decode.Define("macsec.etype", "Type", decode.KindHex).As("ethertype")
	fMACsecPort      = decode.Define("macsec.SCI.port_identifier", "Port Identifier", decode.KindUint).
				As("port_identifier").At(12, 2)
)

// macsecFields describes a SecTAG (IEEE 802.1AE section 9.3).
func macsecFields(w *decode.FieldWriter, _ bool) {
	w.Add(0, fMACsecVersion, fMACsecES, fMACsecSC, fMACsecSCB, fMACsecE, fMACsecC, fMACsecAN, fMACsecShort, fMACsecPN)
	if data := w.Data(); len(data) >= 14 && data[0]&0x20 != 0 {
		w.Add(0, fMACsecSystem, fMACsecPort)
	}
	if n := len(w.Data()); n == 8 || n == 16 { // what is not encrypted goes on behind it
		w.Uint(fMACsecEtherType, n-2, 2)
	}
}

func macsecLine(b, data []byte, _ bool) ([]byte, bool) {
	if len(data) < 6 {
		return b, false
	}
	b = appendNumber(b, "MACsec, an ", uint64(data[0]&3))
	b = appendNumber(b, ", pn ", be32(data[2:]))
	b = append(appendLetters(append(b, ", flags ["...), data[0]>>2, "CEBSI"), ']')
	if sl := uint64(data[1] & 63); sl > 0 {
		b = appendNumber(b, ", sl ", sl)
	}
	if len(data) >= 14 && data[0]&0x20 != 0 {
		b = decode.AppendMAC(append(b, ", sci "...), data[6:12])
		b = appendNumber(b, " port ", be16(data[12:]))
	}
	return b, true
}
