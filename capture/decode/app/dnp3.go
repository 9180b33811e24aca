package app

import "sockwire/capture/decode"

var _ = describe(decode.TypeDNP3, "DNP3", dnp3Fields)

var (
	fDNP3Length = decode.Define("dnp3.len", "Length", decode.KindUint).As("length").At(2, 1)
	fDNP3Ctl    = decode.Define("dnp3.ctl", "Control", decode.KindHex).As("control").At(3, 1)
	fDNP3Dir    = decode.Define("dnp3.ctl.dir", "From the master", decode.KindBool).As("from_master").Bits(24, 1)
	fDNP3Prm    = decode.Define("dnp3.ctl.prm", "Primary", decode.KindBool).As("primary").Bits(25, 1)
	fDNP3Dest   = decode.Define("dnp3.dst", "Destination", decode.KindUint).As("destination").At(4, 2).Little().InLine(" to ")
	fDNP3Source = decode.Define("dnp3.src", "Source", decode.KindUint).As("source").At(6, 2).Little().InLine(" from ")
	fDNP3Func   = decode.Define("dnp3.al.func", "Function", decode.KindUint).As("function").At(12, 1).Means(dnp3Function).InLine(" ")
)

// dnp3Fields describes the link header and the function of the application in the first block (IEEE 1815).
func dnp3Fields(w *decode.FieldWriter, _ bool) {
	data := w.Data()
	w.Add(0, fDNP3Length, fDNP3Ctl, fDNP3Dir, fDNP3Prm, fDNP3Source, fDNP3Dest)
	if len(data) > 12 && data[2] >= 8 && data[10]&0x40 != 0 { // the first of the segments that the transport has
		w.Add(0, fDNP3Func)
	}
}

var dnp3Function = decode.Names{
	0: "Confirm", 1: "Read", 2: "Write", 3: "Select", 4: "Operate", 5: "Direct Operate", 6: "Direct Operate No ACK", 7: "Immediate Freeze",
	8: "Immediate Freeze No ACK", 9: "Freeze and Clear", 10: "Freeze and Clear No ACK", 13: "Cold Restart", 14: "Warm Restart",
	15: "Initialize Data", 16: "Initialize Application", 17: "Start Application", 18: "Stop Application", 20: "Enable Spontaneous Messages",
	21: "Disable Spontaneous Messages", 22: "Assign Classes", 23: "Delay Measurement", 24: "Record Current Time", 25: "Open File",
	26: "Close File", 27: "Delete File", 28: "Get File Info", 129: "Response", 130: "Unsolicited Response",
}.Of
