package app

import "sockwire/capture/decode"

var _ = describe(decode.TypeIEC104, "IEC 104", iec104Fields)

var (
	f104Length = decode.Define("iec60870_104.apdulen", "APDU length", decode.KindUint).As("length").At(1, 1)
	f104Type   = decode.Define("iec60870_104.type", "Type", decode.KindUint)
	f104Format = decode.Define("iec60870_104.format", "Format", decode.KindUint).InLine(" ")
	f104UType  = decode.Define("iec60870_104.utype", "U function", decode.KindHex).As("function").Bits(16, 6).InLine(" ")
	f104Tx     = decode.Define("iec60870_104.tx", "N(S)", decode.KindUint).InLine(" tx ")
	f104Rx     = decode.Define("iec60870_104.rx", "N(R)", decode.KindUint).InLine(" rx ")
	f104TypeID = decode.Define("iec60870_asdu.typeid", "Type ID", decode.KindUint).As("type_id").At(6, 1).Means(asduType).InLine(" ")
	f104Count  = decode.Define("iec60870_asdu.numix", "Number of objects", decode.KindUint).As("objects").Bits(57, 7)
	f104Cause  = decode.Define("iec60870_asdu.causetx", "Cause of transmission", decode.KindUint).As("cause").Bits(66, 6).Means(asduCause).InLine(" ")
	f104Addr   = decode.Define("iec60870_asdu.addr", "Common address", decode.KindUint).As("address").At(10, 2).Little().InLine(" address ")
)

// iec104Fields describes an APDU (IEC 60870-5-104 section 5).
func iec104Fields(w *decode.FieldWriter, _ bool) {
	data := w.Data()
	if len(data) < 6 {
		return
	}
	w.Add(0, f104Length)
	kind := uint64(data[2] & 3)
	if kind == 2 || kind == 0 {
		kind = 0
	}
	w.Value(f104Type, 2, 1, kind)
	w.Value(f104Format, 2, 0, kind)
	w.Note([...]string{"I", "S", "", "U"}[kind])
	counter := func(d *decode.Definition, off int) {
		w.Value(d, off, 2, uint64(data[off]>>1)|uint64(data[off+1])<<7)
	}
	switch kind {
	case 0:
		counter(f104Tx, 2)
		counter(f104Rx, 4)
		w.Add(0, f104TypeID, f104Count, f104Cause, f104Addr)
	case 1:
		counter(f104Rx, 4)
	case 3:
		w.Bits(f104UType, 16, 6, iec104Function)
	}
}

var iec104Function = decode.Names{
	1: "STARTDT act", 2: "STARTDT con", 4: "STOPDT act", 8: "STOPDT con", 0x10: "TESTFR act", 0x20: "TESTFR con",
}.Of

var asduType = decode.Names{
	1: "M_SP_NA_1", 2: "M_SP_TA_1", 3: "M_DP_NA_1", 4: "M_DP_TA_1", 5: "M_ST_NA_1", 7: "M_BO_NA_1", 9: "M_ME_NA_1", 11: "M_ME_NB_1",
	13: "M_ME_NC_1", 15: "M_IT_NA_1", 21: "M_ME_ND_1", 30: "M_SP_TB_1", 31: "M_DP_TB_1", 34: "M_ME_TD_1", 35: "M_ME_TE_1", 36: "M_ME_TF_1",
	37: "M_IT_TB_1", 45: "C_SC_NA_1", 46: "C_DC_NA_1", 47: "C_RC_NA_1", 48: "C_SE_NA_1", 49: "C_SE_NB_1", 50: "C_SE_NC_1", 58: "C_SC_TA_1",
	70: "M_EI_NA_1", 100: "C_IC_NA_1", 101: "C_CI_NA_1", 102: "C_RD_NA_1", 103: "C_CS_NA_1", 105: "C_RP_NA_1", 110: "P_ME_NA_1",
}.Of

var asduCause = decode.Names{
	1: "Per/Cyc", 2: "Back", 3: "Spont", 4: "Init", 5: "Req", 6: "Act", 7: "ActCon", 8: "Deact", 9: "DeactCon", 10: "ActTerm", 11: "Retrem",
	12: "Retloc", 13: "File", 20: "Inrogen", 37: "Reqcogen", 44: "UkTypeId", 45: "UkCauseTx", 46: "UkComAdrASDU", 47: "UkIOA",
}.Of
