package app

import (
	"encoding/binary"

	"sockwire/capture/decode"
)

var (
	fNTLMType      = decode.Define("ntlmssp.messagetype", "NTLMSSP message", decode.KindUint).As("ntlmssp").At(8, 4).Little().Means(ntlmType).InLine(", ")
	fNTLMChallenge = decode.Define("ntlmssp.ntlmserverchallenge", "Server challenge", decode.KindBytes).As("ntlm_challenge").At(24, 8)
	fNTLMTarget    = decode.Define("ntlmssp.challenge.target_name", "Target name", decode.KindText).As("ntlm_target").InLine(" target ")
	fNTLMDomain    = decode.Define("ntlmssp.auth.domain", "Domain", decode.KindText).As("ntlm_domain").InLine(" domain ")
	fNTLMUser      = decode.Define("ntlmssp.auth.username", "User", decode.KindText).As("ntlm_user").InLine(" user ")
	fNTLMHost      = decode.Define("ntlmssp.auth.hostname", "Host", decode.KindText).As("ntlm_host").InLine(" host ")
)

// ntlmFields describes a message that starts with NTLMSSP ([MS-NLMP] section 2.2.1).
func ntlmFields(w *decode.FieldWriter) {
	data := w.Data()
	if len(data) < 12 {
		return
	}
	w.Add(0, fNTLMType)
	flags := func(off int) bool {
		return off+4 <= len(data) && data[off]&1 != 0 // text of 16-bit characters
	}
	switch data[8] {
	case 2:
		ntlmText(w, fNTLMTarget, 12, flags(20))
		w.Add(0, fNTLMChallenge)
	case 3:
		wide := flags(60)
		ntlmText(w, fNTLMDomain, 28, wide)
		ntlmText(w, fNTLMUser, 36, wide)
		ntlmText(w, fNTLMHost, 44, wide)
	}
}

// ntlmText adds the text whose length and offset stand at off.
func ntlmText(w *decode.FieldWriter, d *decode.Definition, off int, wide bool) {
	data := w.Data()
	if off+8 > len(data) {
		return
	}
	n, at := int(binary.LittleEndian.Uint16(data[off:])), binary.LittleEndian.Uint32(data[off+4:])
	if n == 0 || uint64(at)+uint64(n) > uint64(len(data)) {
		return
	}
	if !wide {
		w.Bytes(d, int(at), n)
		return
	}
	w.Text(d, int(at), n, utf16Text(data[at:int(at)+n]))
}

var ntlmType = decode.Names{1: "NTLMSSP_NEGOTIATE", 2: "NTLMSSP_CHALLENGE", 3: "NTLMSSP_AUTH"}.Of
