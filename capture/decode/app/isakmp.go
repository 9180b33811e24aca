package app

import (
	"encoding/binary"
	"strconv"

	"sockwire/capture/decode"
)

var _ = show(decode.TypeISAKMP, isakmpLine, isakmpFields)

var (
	fIKEInitiator = decode.Define("isakmp.ispi", "Initiator SPI", decode.KindBytes).As("initiator_spi")
	fIKEResponder = decode.Define("isakmp.rspi", "Responder SPI", decode.KindBytes).As("responder_spi")
	fIKENext      = decode.Define("isakmp.nextpayload", "Next payload", decode.KindUint).As("next_payload")
	fIKEVersion   = decode.Define("isakmp.version", "Version", decode.KindHex)
	fIKEExchange  = decode.Define("isakmp.exchangetype", "Exchange type", decode.KindUint).As("exchange_type")
	fIKEMessage   = decode.Define("isakmp.messageid", "Message ID", decode.KindHex).As("message_id")
	fIKELength    = decode.Define("isakmp.length", "Length", decode.KindUint)
	fIKEPayload   = decode.Define("isakmp.typepayload", "Payload", decode.KindUint).As("payloads").Several()
	fIKEProposal  = decode.Define("isakmp.tf.id", "Transform", decode.KindUint).As("transforms").Several()
)

var ikeExchangeName = decode.Names{
	1: "Base", 2: "Identity Protection", 3: "Authentication Only", 4: "Aggressive", 5: "Informational",
	6: "Transaction", 32: "Quick Mode", 33: "New Group Mode", 34: "IKE_SA_INIT", 35: "IKE_AUTH", 36: "CREATE_CHILD_SA",
	37: "INFORMATIONAL", 38: "IKE_SESSION_RESUME", 43: "IKE_INTERMEDIATE",
}.Of

var ikePayloadName = decode.Names{
	1: "SA", 2: "P", 3: "T", 4: "KE", 5: "ID", 6: "CERT", 7: "CR", 8: "HASH", 9: "SIG", 10: "Nonce", 11: "N", 12: "D",
	13: "VID", 33: "SA", 34: "KE", 35: "IDi", 36: "IDr", 37: "CERT", 38: "CERTREQ", 39: "AUTH", 40: "Nonce", 41: "N",
	42: "D", 43: "V", 44: "TSi", 45: "TSr", 46: "SK", 47: "CP", 48: "EAP", 53: "SKF",
}.Of

// Names of transforms of IKEv2 by type and number (RFC 7296 section 3.3.2).
var ikeTransformName = decode.Names{
	1<<16 | 3: "3DES", 1<<16 | 12: "AES-CBC", 1<<16 | 13: "AES-CTR", 1<<16 | 18: "AES-GCM-8", 1<<16 | 19: "AES-GCM-12",
	1<<16 | 20: "AES-GCM-16", 1<<16 | 28: "ChaCha20-Poly1305", 2<<16 | 1: "PRF-HMAC-MD5", 2<<16 | 2: "PRF-HMAC-SHA1",
	2<<16 | 5: "PRF-HMAC-SHA2-256", 2<<16 | 6: "PRF-HMAC-SHA2-384", 2<<16 | 7: "PRF-HMAC-SHA2-512",
	3<<16 | 1: "HMAC-MD5-96", 3<<16 | 2: "HMAC-SHA1-96", 3<<16 | 12: "HMAC-SHA2-256-128", 3<<16 | 13: "HMAC-SHA2-384-192",
	3<<16 | 14: "HMAC-SHA2-512-256", 4<<16 | 2: "MODP-1024", 4<<16 | 5: "MODP-1536", 4<<16 | 14: "MODP-2048",
	4<<16 | 15: "MODP-3072", 4<<16 | 16: "MODP-4096", 4<<16 | 19: "ECP-256", 4<<16 | 20: "ECP-384", 4<<16 | 21: "ECP-521",
	4<<16 | 31: "Curve25519", 4<<16 | 32: "Curve448", 5 << 16: "no ESN", 5<<16 | 1: "ESN",
}.Of

const (
	ikeHeader   = 28
	ikePayloads = 32 // of a message that are shown
	ikeSA       = 33 // a payload of IKEv2
	ikeSealed   = 46 // SK: what is in it is encrypted
	ikeSealedF  = 53
)

// ikeStart is where the header is: on UDP port 4500 four zeros are before it (RFC 3948 section 2.2).
func ikeStart(data []byte) int {
	if len(data) >= 4 && binary.BigEndian.Uint32(data) == 0 {
		return 4
	}
	return 0
}

// payloads yields the type and the place of each payload, in the clear.
func ikeChain(data []byte, at int) func(yield func(kind uint64, l list) bool) {
	return func(yield func(uint64, list) bool) {
		if at+ikeHeader > len(data) || data[at+19]&1 != 0 && data[at+17]>>4 == 1 { // encrypted, of IKEv1
			return
		}
		next := uint64(data[at+16])
		at += ikeHeader
		for n := 0; next != 0 && at+4 <= len(data) && n < ikePayloads; n++ {
			size := int(binary.BigEndian.Uint16(data[at+2:]))
			l := list{at, min(size, len(data)-at)}
			if size < 4 || !yield(next, l) || next == ikeSealed || next == ikeSealedF {
				return
			}
			next = uint64(data[at])
			at += size
		}
	}
}

// transforms yields where the transforms of an SA of IKEv2 are.
func ikeTransforms(data []byte, sa list) func(yield func(at int) bool) {
	return func(yield func(int) bool) {
		end := sa.off + sa.n
		for p := sa.off + 4; p+8 <= end; {
			size := int(binary.BigEndian.Uint16(data[p+2:]))
			if size < 8 {
				return
			}
			stop := min(p+size, end)
			for t := p + 8 + int(data[p+6]); t+8 <= stop; {
				n := int(binary.BigEndian.Uint16(data[t+2:]))
				if n < 8 || !yield(t) {
					return
				}
				t += n
			}
			p += size
		}
	}
}

func ikeTransform(data []byte, at int) string {
	return ikeTransformName(uint64(data[at+4])<<16 | uint64(binary.BigEndian.Uint16(data[at+6:])))
}

func isakmpFields(w *decode.FieldWriter, _ bool) {
	data := w.Data()
	at := ikeStart(data)
	w.Bytes(fIKEInitiator, at, 8)
	w.Bytes(fIKEResponder, at+8, 8)
	w.Enum(fIKENext, at+16, 1, ikePayloadName)
	w.Uint(fIKEVersion, at+17, 1)
	w.Enum(fIKEExchange, at+18, 1, ikeExchangeName)
	w.Uint(fIKEMessage, at+20, 4)
	w.Uint(fIKELength, at+24, 4)
	for kind, l := range ikeChain(data, at) {
		w.Value(fIKEPayload, l.off, l.n, kind)
		w.Note(ikePayloadName(kind))
	}
	for kind, l := range ikeChain(data, at) {
		if kind != ikeSA {
			continue
		}
		for t := range ikeTransforms(data, l) {
			w.Uint(fIKEProposal, t+6, 2)
			w.Note(ikeTransform(data, t))
		}
	}
}

func isakmpLine(b, data []byte, _ bool) ([]byte, bool) {
	at := ikeStart(data)
	if len(data) < at+ikeHeader {
		return b, false
	}
	b = append(b, "IKEv"...)
	b = strconv.AppendUint(b, uint64(data[at+17]>>4), 10)
	b = decode.AppendName(append(b, ' '), ikeExchangeName(uint64(data[at+18])), "exchange ", uint64(data[at+18]))
	if data[at+17]>>4 == 2 {
		if data[at+19]&0x20 != 0 {
			b = append(b, " response"...)
		} else {
			b = append(b, " request"...)
		}
	}
	b = strconv.AppendUint(append(b, ", message "...), uint64(binary.BigEndian.Uint32(data[at+20:])), 10)
	sep := ": "
	for kind, l := range ikeChain(data, at) {
		b = decode.AppendName(append(b, sep...), ikePayloadName(kind), "payload ", kind)
		sep = " "
		if kind == ikeSA {
			from := "("
			for t := range ikeTransforms(data, l) {
				if name := ikeTransform(data, t); name != "" && len(b) < 600 {
					b = append(append(b, from...), name...)
					from = " "
				}
			}
			if from == " " {
				b = append(b, ')')
			}
		}
	}
	return b, true
}
