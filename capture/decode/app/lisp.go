package app

import "sockwire/capture/decode"

var _ = show(decode.TypeLISP, lispLine, lispFields)

var (
	fLISPType    = decode.Define("lisp.type", "Type", decode.KindUint).Bits(0, 4).Means(lispName)
	fLISPRecords = decode.Define("lisp.records", "Record Count", decode.KindUint).As("record_count").At(3, 1)
	fLISPNonce64 = decode.Define("lisp.nonce", "Nonce", decode.KindHex).At(4, 8)
	fLISPKey     = decode.Define("lisp.keyid", "Key ID", decode.KindHex).As("key_id").At(12, 2)
	fLISPAuthLen = decode.Define("lisp.authlen", "Authentication Data Length", decode.KindUint).As("auth_length").At(14, 2)
	fLISPAuth    = decode.Define("lisp.auth", "Authentication Data", decode.KindBytes)
	fLISPMapping = decode.Define("lisp.mappings", "Mapping Record", decode.KindGroup).Several()
	fLISPTTL     = decode.Define("lisp.mapping.ttl", "Record TTL, in min", decode.KindUint).As("ttl").At(0, 4)
	fLISPCount   = decode.Define("lisp.mapping.loccnt", "Locator Count", decode.KindUint).As("locator_count").At(4, 1)
	fLISPMask    = decode.Define("lisp.mapping.eid.masklen", "EID Mask Length", decode.KindUint).As("mask_length").At(5, 1)
	fLISPAct     = decode.Define("lisp.mapping.act", "Action", decode.KindUint).As("action").Bits(48, 3)
	fLISPAA      = decode.Define("lisp.mapping.auth", "Authoritative", decode.KindBool).As("authoritative").Bits(51, 1)
	fLISPAFI     = decode.Define("lisp.mapping.eid.afi", "EID AFI", decode.KindUint).As("afi").At(10, 2)
	fLISPEID     = decode.Define("lisp.mapping.eid.ipv4", "EID", decode.KindIP).As("eid").At(12, 4)
	fLISPEID6    = decode.Define("lisp.mapping.eid.ipv6", "EID", decode.KindIP).As("eid").At(12, 16)
)

// lispMappings returns where the mapping records of a message start (RFC 9301 section 5), 0 for a type without.
func lispMappings(data []byte) int {
	switch {
	case len(data) < 16:
		return 0
	case data[0]>>4 == 2:
		return 12
	case data[0]>>4 == 3 || data[0]>>4 == 4:
		return 16 + int(be16(data[14:]))
	}
	return 0
}

// lispEach calls f for each mapping record with the address that it is of; size is 0 where it is none that is known.
func lispEach(data []byte, f func(at, end, size int)) {
	off := lispMappings(data)
	if off == 0 {
		return
	}
	for records := int(data[3]); records > 0 && off+12 <= len(data); records-- {
		size := lispWidth(be16(data[off+10:]))
		if size == 0 || off+12+size > len(data) {
			f(off, len(data), 0)
			return
		}
		end := off + 12 + size
		for count := int(data[off+4]); count > 0 && end+8 <= len(data); count-- {
			width := lispWidth(be16(data[end+6:]))
			if width == 0 || end+8+width > len(data) {
				end = len(data)
				break
			}
			end += 8 + width
		}
		f(off, end, size)
		off = end
	}
}

func lispWidth(afi uint64) int {
	switch afi {
	case 1:
		return 4
	case 2:
		return 16
	}
	return 0
}

func lispFields(w *decode.FieldWriter, _ bool) {
	w.Add(0, fLISPType)
	data := w.Data()
	if len(data) < 12 || data[0]>>4 == 0 || data[0]>>4 > 4 {
		return
	}
	w.Add(0, fLISPRecords, fLISPNonce64)
	if t := data[0] >> 4; (t == 3 || t == 4) && len(data) >= 16 {
		w.Add(0, fLISPKey, fLISPAuthLen)
		if n := int(be16(data[14:])); n > 0 {
			w.Bytes(fLISPAuth, 16, n)
		}
	}
	lispEach(data, func(at, end, size int) {
		w.Group(fLISPMapping, at, end-at)
		w.Add(at, fLISPTTL, fLISPCount, fLISPMask, fLISPAct, fLISPAA, fLISPAFI)
		switch size {
		case 4:
			w.Add(at, fLISPEID)
		case 16:
			w.Add(at, fLISPEID6)
		}
		w.End()
	})
}

func lispLine(b, data []byte, _ bool) ([]byte, bool) {
	if len(data) < 4 {
		return b, false
	}
	t := uint64(data[0] >> 4)
	b = decode.AppendName(append(b, "LISP "...), lispName(t), "type ", t)
	if t < 1 || t > 4 || len(data) < 12 {
		return b, true
	}
	b = appendHex(b, ", nonce ", be64(data[4:]))
	shown := 0
	lispEach(data, func(at, _, size int) {
		if shown++; shown <= 4 && size > 0 {
			b = appendPrefix(b, ", EID ", data[at+12:at+12+size], uint64(data[at+5]))
		}
	})
	return b, true
}

var lispName = decode.Names{
	1: "Map-Request", 2: "Map-Reply", 3: "Map-Register", 4: "Map-Notify", 5: "Map-Notify-Ack", 6: "Map-Referral",
	7: "Info", 8: "Encapsulated Control Message",
}.Of
