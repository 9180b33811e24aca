package app

import "sockwire/capture/decode"

var _ = describe(decode.TypeLDAP, "LDAP", ldapFields)

var (
	fLDAPWrapped   = decode.Define("ldap.sasl_buffer_length", "Length of what is signed or sealed", decode.KindUint).As("sasl_length").At(0, 4).InLine(" SASL, length ")
	fLDAPMessage   = decode.Define("ldap.messageID", "Message ID", decode.KindUint).As("message_id")
	fLDAPOperation = decode.Define("ldap.protocolOp", "Operation", decode.KindUint).As("operation").InLine(" ")
	fLDAPName      = decode.Define("ldap.name", "Name", decode.KindText).InLine(" ")
	fLDAPAuth      = decode.Define("ldap.authentication", "Authentication", decode.KindUint).InLine(" ")
	fLDAPMechanism = decode.Define("ldap.mechanism", "Mechanism", decode.KindText).InLine(" ")
	fLDAPBase      = decode.Define("ldap.baseObject", "Base object", decode.KindText).As("base").InLine(" base ")
	fLDAPScope     = decode.Define("ldap.scope", "Scope", decode.KindUint).InLine(" scope ")
	fLDAPObject    = decode.Define("ldap.objectName", "Object", decode.KindText).As("object").InLine(" ")
	fLDAPChanged   = decode.Define("ldap.object", "Object", decode.KindText).As("changed").InLine(" ")
	fLDAPEntry     = decode.Define("ldap.entry", "Entry", decode.KindText).InLine(" ")
	fLDAPRequest   = decode.Define("ldap.requestName", "Extended request", decode.KindText).As("request_name").InLine(" ")
	fLDAPResult    = decode.Define("ldap.resultCode", "Result", decode.KindUint).As("result").InLine(" ")
	fLDAPMatched   = decode.Define("ldap.matchedDN", "Matched DN", decode.KindText).As("matched")
	fLDAPError     = decode.Define("ldap.errorMessage", "Message", decode.KindText).As("error").InLine(" ")
)

// ldapFields describes a message (RFC 4511 section 4.1.1): who and what an operation names, or how it ended.
func ldapFields(w *decode.FieldWriter, _ bool) {
	data := w.Data()
	if len(data) > 0 && data[0] == 0 {
		w.Add(0, fLDAPWrapped)
		return
	}
	message, _ := nextElement(data, 0, len(data))
	if message.off == 0 {
		return
	}
	message.end = min(message.end, len(data))
	id, ok := message.of(data, 2)
	if !ok {
		return
	}
	berField(w, fLDAPMessage, id, nil)
	op, _ := nextElement(data, id.end, message.end)
	if op.off == 0 {
		return
	}
	op.end = min(op.end, message.end)
	w.Value(fLDAPOperation, op.off, 0, uint64(op.tag&0x1f))
	w.Note(ldapOperation(uint64(op.tag & 0x1f)))
	inside := berElements(data, op, 4)
	text := func(d *decode.Definition, i int) {
		if i < len(inside) && inside[i].end <= len(data) {
			w.Bytes(d, inside[i].off, inside[i].end-inside[i].off)
		}
	}
	switch op.tag & 0x1f {
	case 0: // version, name, authentication
		text(fLDAPName, 1)
		if len(inside) > 2 {
			w.Value(fLDAPAuth, inside[2].off, 0, uint64(inside[2].tag&0x1f))
			w.Note(decode.Names{0: "simple", 3: "sasl"}.Of(uint64(inside[2].tag & 0x1f)))
			if e, ok := inside[2].of(data, 4); ok && inside[2].tag == 0xa3 {
				w.Bytes(fLDAPMechanism, e.off, e.end-e.off)
				if token, _ := nextElement(data, e.end, len(data)); token.tag == 4 && token.off > 0 {
					w.Within(token.off, token.end, securityFields)
				}
			}
		}
	case 3:
		text(fLDAPBase, 0)
		if len(inside) > 1 {
			berField(w, fLDAPScope, inside[1], ldapScope)
		}
	case 4:
		text(fLDAPObject, 0)
	case 6:
		text(fLDAPChanged, 0)
	case 8, 12, 14:
		text(fLDAPEntry, 0)
	case 23:
		text(fLDAPRequest, 0)
	case 1, 5, 7, 9, 11, 13, 15, 24:
		if len(inside) > 0 {
			berField(w, fLDAPResult, inside[0], ldapResult)
		}
		text(fLDAPMatched, 1)
		text(fLDAPError, 2)
	}
}

// berField adds a number of BER.
func berField(w *decode.FieldWriter, d *decode.Definition, e element, meaning func(uint64) string) {
	data := w.Data()
	if e.off == 0 || e.end > len(data) {
		return
	}
	v := e.integer(data)
	w.Value(d, e.off, e.end-e.off, v)
	if meaning != nil {
		w.Note(meaning(v))
	}
}

// berElements returns the first n elements in e, the last of them perhaps longer than data.
func berElements(data []byte, e element, n int) []element {
	var list []element
	for off := e.off; len(list) < n && off < min(e.end, len(data)); {
		x, ok := nextElement(data, off, min(e.end, len(data)))
		if x.off == 0 {
			break
		}
		list = append(list, x)
		if !ok {
			break
		}
		off = x.end
	}
	return list
}

var ldapOperation = decode.Names{
	0: "bindRequest", 1: "bindResponse", 2: "unbindRequest", 3: "searchRequest", 4: "searchResEntry", 5: "searchResDone", 6: "modifyRequest",
	7: "modifyResponse", 8: "addRequest", 9: "addResponse", 10: "delRequest", 11: "delResponse", 12: "modDNRequest", 13: "modDNResponse",
	14: "compareRequest", 15: "compareResponse", 16: "abandonRequest", 19: "searchResRef", 23: "extendedReq", 24: "extendedResp",
	25: "intermediateResponse",
}.Of

var ldapScope = decode.Names{0: "baseObject", 1: "singleLevel", 2: "wholeSubtree"}.Of

var ldapResult = decode.Names{
	0: "success", 1: "operationsError", 2: "protocolError", 3: "timeLimitExceeded", 4: "sizeLimitExceeded", 5: "compareFalse", 6: "compareTrue",
	7: "authMethodNotSupported", 8: "strongerAuthRequired", 10: "referral", 11: "adminLimitExceeded", 12: "unavailableCriticalExtension",
	13: "confidentialityRequired", 14: "saslBindInProgress", 16: "noSuchAttribute", 17: "undefinedAttributeType", 18: "inappropriateMatching",
	19: "constraintViolation", 20: "attributeOrValueExists", 21: "invalidAttributeSyntax", 32: "noSuchObject", 33: "aliasProblem",
	34: "invalidDNSyntax", 36: "aliasDereferencingProblem", 48: "inappropriateAuthentication", 49: "invalidCredentials",
	50: "insufficientAccessRights", 51: "busy", 52: "unavailable", 53: "unwillingToPerform", 54: "loopDetect", 64: "namingViolation",
	65: "objectClassViolation", 66: "notAllowedOnNonLeaf", 67: "notAllowedOnRDN", 68: "entryAlreadyExists", 80: "other",
}.Of
