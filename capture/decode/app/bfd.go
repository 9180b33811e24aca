package app

import "sockwire/capture/decode"

var _ = show(decode.TypeBFD, bfdLine, bfdFields)

var (
	fBFDVersion = decode.Define("bfd.version", "Version", decode.KindUint).Bits(0, 3)
	fBFDDiag    = decode.Define("bfd.diag", "Diagnostic", decode.KindUint).Bits(3, 5).Means(bfdDiagnostic)
	fBFDState   = decode.Define("bfd.sta", "State", decode.KindUint).As("state").Bits(8, 2).Means(bfdState)
	fBFDPoll    = decode.Define("bfd.flags.p", "Poll", decode.KindBool).As("poll").Bits(10, 1)
	fBFDFinal   = decode.Define("bfd.flags.f", "Final", decode.KindBool).As("final").Bits(11, 1)
	fBFDControl = decode.Define("bfd.flags.c", "Control Plane Independent", decode.KindBool).
			As("control_plane_independent").Bits(12, 1)
	fBFDAuth       = decode.Define("bfd.flags.a", "Authentication Present", decode.KindBool).As("auth_present").Bits(13, 1)
	fBFDDemand     = decode.Define("bfd.flags.d", "Demand", decode.KindBool).As("demand").Bits(14, 1)
	fBFDMultipoint = decode.Define("bfd.flags.m", "Multipoint", decode.KindBool).As("multipoint").Bits(15, 1)
	fBFDMult       = decode.Define("bfd.detect_time_multiplier", "Detect Mult", decode.KindUint).At(2, 1)
	fBFDLength     = decode.Define("bfd.message_length", "Length", decode.KindUint).As("length").At(3, 1)
	fBFDMine       = decode.Define("bfd.my_discriminator", "My Discriminator", decode.KindHex).At(4, 4)
	fBFDYours      = decode.Define("bfd.your_discriminator", "Your Discriminator", decode.KindHex).At(8, 4)
	fBFDMinTx      = decode.Define("bfd.desired_min_tx_interval", "Desired Min TX Interval, in us", decode.KindUint).At(12, 4)
	fBFDMinRx      = decode.Define("bfd.required_min_rx_interval", "Required Min RX Interval, in us", decode.KindUint).
			At(16, 4)
	fBFDMinEcho = decode.Define("bfd.required_min_echo_interval", "Required Min Echo RX Interval, in us",
		decode.KindUint).At(20, 4)
	fBFDAuthType = decode.Define("bfd.auth.type", "Auth Type", decode.KindUint).At(24, 1).Means(bfdAuth)
	fBFDAuthLen  = decode.Define("bfd.auth.len", "Auth Len", decode.KindUint).As("auth_length").At(25, 1)
	fBFDAuthKey  = decode.Define("bfd.auth.key", "Auth Key ID", decode.KindUint).As("auth_key_id").At(26, 1)
	fBFDPassword = decode.Define("bfd.auth.password", "Password", decode.KindText)
	fBFDSequence = decode.Define("bfd.auth.seq_num", "Sequence Number", decode.KindHex).As("auth_sequence").At(28, 4)
	fBFDDigest   = decode.Define("bfd.checksum", "Digest", decode.KindBytes).As("digest")
)

// bfdFields describes a control packet (RFC 5880 section 4.1).
func bfdFields(w *decode.FieldWriter, _ bool) {
	w.Add(0, fBFDVersion, fBFDDiag, fBFDState, fBFDPoll, fBFDFinal, fBFDControl, fBFDAuth, fBFDDemand, fBFDMultipoint,
		fBFDMult, fBFDLength, fBFDMine, fBFDYours, fBFDMinTx, fBFDMinRx, fBFDMinEcho)
	data := w.Data()
	if len(data) < 28 || data[1]&4 == 0 {
		return
	}
	w.Add(0, fBFDAuthType, fBFDAuthLen, fBFDAuthKey)
	end := 24 + int(data[25])
	switch {
	case end > len(data):
	case data[24] == 1 && end > 27:
		w.Bytes(fBFDPassword, 27, end-27)
	case data[24] > 1 && end > 32:
		w.Add(0, fBFDSequence)
		w.Bytes(fBFDDigest, 32, end-32)
	}
}

func bfdLine(b, data []byte, _ bool) ([]byte, bool) {
	if len(data) < 24 {
		return b, false
	}
	b = appendNumber(b, "BFDv", uint64(data[0]>>5))
	b = append(append(b, ", Control, State "...), bfdState(uint64(data[1]>>6))...)
	if diag := uint64(data[0] & 31); diag > 0 {
		b = decode.AppendName(append(b, ", "...), bfdDiagnostic(diag), "diagnostic ", diag)
	}
	b = appendLetters(append(b, ", flags ["...), data[1], "MDACFP")
	b = appendNumber(b, "], mult ", uint64(data[2]))
	b = appendHex(b, ", my ", be32(data[4:]))
	b = appendHex(b, ", your ", be32(data[8:]))
	b = appendNumber(b, ", tx ", be32(data[12:])/1000)
	return append(appendNumber(b, " ms, rx ", be32(data[16:])/1000), " ms"...), true
}

// appendLetters adds the letters of the bits that are set, the lowest first; "none" where there are none.
func appendLetters(b []byte, flags byte, letters string) []byte {
	n := len(b)
	for i := range len(letters) {
		if flags>>i&1 != 0 {
			b = append(b, letters[i])
		}
	}
	if len(b) == n {
		return append(b, "none"...)
	}
	return b
}

func bfdState(n uint64) string { return [...]string{"AdminDown", "Down", "Init", "Up"}[n&3] }

var bfdDiagnostic = decode.Names{
	0: "No Diagnostic", 1: "Control Detection Time Expired", 2: "Echo Function Failed",
	3: "Neighbor Signaled Session Down", 4: "Forwarding Plane Reset", 5: "Path Down", 6: "Concatenated Path Down",
	7: "Administratively Down", 8: "Reverse Concatenated Path Down", 9: "Mis-Connectivity Defect",
}.Of

var bfdAuth = decode.Names{
	1: "Simple Password", 2: "Keyed MD5", 3: "Meticulous Keyed MD5", 4: "Keyed SHA1", 5: "Meticulous Keyed SHA1",
}.Of
