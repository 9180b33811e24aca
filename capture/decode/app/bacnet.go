package app

import "sockwire/capture/decode"

var _ = describe(decode.TypeBACnet, "BACnet", bacnetFields)

var (
	fBVLCType     = decode.Define("bvlc.type", "BVLC type", decode.KindHex).As("bvlc_type").At(0, 1)
	fBVLCFunction = decode.Define("bvlc.function", "BVLC function", decode.KindHex).As("bvlc_function").At(1, 1).Means(bvlcFunction).InLine(" ")
	fBVLCLength   = decode.Define("bvlc.length", "BVLC length", decode.KindUint).As("bvlc_length").At(2, 2)
	fBACVersion   = decode.Define("bacnet.version", "Version", decode.KindHex).At(0, 1)
	fBACControl   = decode.Define("bacnet.control", "Control", decode.KindHex).At(1, 1)
	fBACType      = decode.Define("bacapp.type", "APDU type", decode.KindUint).As("apdu_type").Bits(0, 4).Means(bacType).InLine(" ")
	fBACInvoke    = decode.Define("bacapp.invoke_id", "Invoke ID", decode.KindUint).InLine(" id ")
	fBACConfirmed = decode.Define("bacapp.confirmed_service", "Service", decode.KindUint).Means(bacConfirmed).InLine(" ")
	fBACUnconf    = decode.Define("bacapp.unconfirmed_service", "Service", decode.KindUint).Means(bacUnconfirmed).InLine(" ")
)

// bacnetFields describes the virtual link, network and application headers (ANSI/ASHRAE 135, annex J, 6.2 and 20.1).
func bacnetFields(w *decode.FieldWriter, _ bool) {
	data := w.Data()
	if len(data) < 4 {
		return
	}
	w.Add(0, fBVLCType, fBVLCFunction, fBVLCLength)
	off := 4
	switch data[1] {
	case 4: // forwarded: the address of whom it is from
		off = 10
	case 9, 10, 11:
	default:
		return
	}
	if off+2 > len(data) {
		return
	}
	w.Add(off, fBACVersion, fBACControl)
	control := data[off+1]
	off += 2
	for _, bit := range [...]byte{0x20, 0x08} { // a destination, a source: network, length, address
		if control&bit != 0 {
			if off+3 > len(data) {
				return
			}
			off += 3 + int(data[off+2])
		}
	}
	if control&0x20 != 0 {
		off++ // hops
	}
	if control&0x80 == 0 && off < len(data) {
		w.Within(off, len(data), bacApplication)
	}
}

func bacApplication(w *decode.FieldWriter) {
	w.Add(0, fBACType)
	switch data := w.Data(); data[0] >> 4 {
	case 0:
		at := 3
		w.Uint(fBACInvoke, 2, 1)
		if data[0]&8 != 0 { // segmented
			at = 5
		}
		w.Enum(fBACConfirmed, at, 1, bacConfirmed)
	case 1:
		w.Enum(fBACUnconf, 1, 1, bacUnconfirmed)
	case 2, 5:
		w.Uint(fBACInvoke, 1, 1)
		w.Enum(fBACConfirmed, 2, 1, bacConfirmed)
	case 3:
		at := 2
		w.Uint(fBACInvoke, 1, 1)
		if data[0]&8 != 0 {
			at = 4
		}
		w.Enum(fBACConfirmed, at, 1, bacConfirmed)
	case 4, 6, 7:
		w.Uint(fBACInvoke, 1, 1)
	}
}

var bvlcFunction = decode.Names{
	0: "BVLC-Result", 1: "Write-Broadcast-Distribution-Table", 2: "Read-Broadcast-Distribution-Table", 3: "Read-Broadcast-Distribution-Table-Ack",
	4: "Forwarded-NPDU", 5: "Register-Foreign-Device", 6: "Read-Foreign-Device-Table", 7: "Read-Foreign-Device-Table-Ack",
	8: "Delete-Foreign-Device-Table-Entry", 9: "Distribute-Broadcast-To-Network", 10: "Original-Unicast-NPDU", 11: "Original-Broadcast-NPDU",
	12: "Secured-BVLL",
}.Of

var bacType = decode.Names{
	0: "Confirmed-REQ", 1: "Unconfirmed-REQ", 2: "Simple-ACK", 3: "Complex-ACK", 4: "Segment-ACK", 5: "Error", 6: "Reject", 7: "Abort",
}.Of

var bacConfirmed = decode.Names{
	0: "acknowledgeAlarm", 1: "confirmedCOVNotification", 2: "confirmedEventNotification", 3: "getAlarmSummary", 4: "getEnrollmentSummary",
	5: "subscribeCOV", 6: "atomicReadFile", 7: "atomicWriteFile", 8: "addListElement", 9: "removeListElement", 10: "createObject",
	11: "deleteObject", 12: "readProperty", 14: "readPropertyMultiple", 15: "writeProperty", 16: "writePropertyMultiple",
	17: "deviceCommunicationControl", 18: "confirmedPrivateTransfer", 19: "confirmedTextMessage", 20: "reinitializeDevice", 26: "readRange",
	28: "subscribeCOVProperty", 29: "getEventInformation",
}.Of

var bacUnconfirmed = decode.Names{
	0: "i-Am", 1: "i-Have", 2: "unconfirmedCOVNotification", 3: "unconfirmedEventNotification", 4: "unconfirmedPrivateTransfer",
	5: "unconfirmedTextMessage", 6: "timeSynchronization", 7: "who-Has", 8: "who-Is", 9: "utcTimeSynchronization", 10: "writeGroup",
}.Of
