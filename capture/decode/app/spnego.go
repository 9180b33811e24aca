package app

import "sockwire/capture/decode"

var (
	fSPNEGOMech   = decode.Define("spnego.MechType", "Mechanism", decode.KindText).As("spnego_mechanisms").Several()
	fSPNEGOChosen = decode.Define("spnego.supportedMech", "Mechanism chosen", decode.KindText).As("spnego_mechanism")
	fSPNEGOResult = decode.Define("spnego.negResult", "Result", decode.KindUint).As("spnego_result").Means(spnegoResult)
)

// spnegoFields describes what a token negotiates (RFC 4178 section 4.2), where it is one.
func spnegoFields(w *decode.FieldWriter) {
	data := w.Data()
	top, _ := nextElement(data, 0, len(data))
	if top.off == 0 {
		return
	}
	top.end = min(top.end, len(data))
	switch top.tag {
	case 0x60: // the initial token of RFC 2743, with the mechanism first
		if list, ok := top.path(data, 0xa0, 0x30, 0xa0, 0x30); ok {
			for off, n := list.off, 0; off < list.end && n < 16; n++ {
				e, ok := nextElement(data, off, list.end)
				if !ok || e.tag != 6 {
					break
				}
				spnegoOID(w, fSPNEGOMech, e)
				off = e.end
			}
		}
	case 0xa1:
		if e, ok := top.path(data, 0x30, 0xa0, 0x0a); ok {
			w.Enum(fSPNEGOResult, e.off, e.end-e.off, spnegoResult)
		}
		if e, ok := top.path(data, 0x30, 0xa1, 6); ok {
			spnegoOID(w, fSPNEGOChosen, e)
		}
	}
}

func spnegoOID(w *decode.FieldWriter, d *decode.Definition, e element) {
	oid := oidText(w.Data()[e.off:e.end])
	w.Text(d, e.off, e.end-e.off, oid)
	w.Note(map[string]string{
		"1.3.6.1.4.1.311.2.2.10": "NTLMSSP", "1.2.840.113554.1.2.2": "Kerberos 5", "1.2.840.48018.1.2.2": "Kerberos 5, Microsoft's",
		"1.3.6.1.4.1.311.2.2.30": "NEGOEX", "1.2.840.113554.1.2.2.3": "Kerberos 5, user to user",
	}[string(oid)])
}

var spnegoResult = decode.Names{0: "accept-completed", 1: "accept-incomplete", 2: "reject", 3: "request-mic"}.Of
