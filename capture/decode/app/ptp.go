package app

import "sockwire/capture/decode"

var _ = show(decode.TypePTP, ptpLine, ptpFields)

var (
	fPTPType     = decode.Define("ptp.v2.messagetype", "messageType", decode.KindUint).As("message_type").Bits(4, 4).Means(ptpName)
	fPTPSdo      = decode.Define("ptp.v2.majorsdoid", "majorSdoId", decode.KindUint).As("major_sdo_id").Bits(0, 4)
	fPTPVersion  = decode.Define("ptp.v2.versionptp", "versionPTP", decode.KindUint).As("version").Bits(12, 4)
	fPTPMinor    = decode.Define("ptp.v2.minorversionptp", "minorVersionPTP", decode.KindUint).As("minor_version").Bits(8, 4)
	fPTPLength   = decode.Define("ptp.v2.messagelength", "messageLength", decode.KindUint).As("length").At(2, 2)
	fPTPDomain   = decode.Define("ptp.v2.domainnumber", "domainNumber", decode.KindUint).As("domain").At(4, 1)
	fPTPFlags    = decode.Define("ptp.v2.flags", "flags", decode.KindHex).As("flags").At(6, 2)
	fPTPTwoStep  = decode.Define("ptp.v2.flags.twostep", "twoStepFlag", decode.KindBool).As("two_step").Bits(54, 1)
	fPTPUnicast  = decode.Define("ptp.v2.flags.unicast", "unicastFlag", decode.KindBool).As("unicast").Bits(53, 1)
	fPTPCorrect  = decode.Define("ptp.v2.correction", "correctionField, in 2^-16 ns", decode.KindUint).As("correction").At(8, 8)
	fPTPClock    = decode.Define("ptp.v2.clockidentity", "clockIdentity", decode.KindHex).As("clock_identity").At(20, 8)
	fPTPPort     = decode.Define("ptp.v2.sourceportid", "sourcePortID", decode.KindUint).As("source_port").At(28, 2)
	fPTPSequence = decode.Define("ptp.v2.sequenceid", "sequenceId", decode.KindUint).As("sequence").At(30, 2)
	fPTPControl  = decode.Define("ptp.v2.controlfield", "controlField", decode.KindUint).As("control").At(32, 1)
	fPTPPeriod   = decode.Define("ptp.v2.logmessageperiod_raw", "logMessageInterval, signed", decode.KindUint).
			As("log_message_interval").At(33, 1)
	fPTPStampS  = decode.Define("ptp.v2.timestamp.seconds", "timestamp, in s", decode.KindUint).As("timestamp_s").At(34, 6)
	fPTPStampNs = decode.Define("ptp.v2.timestamp.nanoseconds", "timestamp, in ns", decode.KindUint).As("timestamp_ns").At(40, 4)
	fPTPUTC     = decode.Define("ptp.v2.an.origincurrentutcoffset", "currentUtcOffset, in s", decode.KindUint).
			As("current_utc_offset").At(44, 2)
	fPTPPrio1 = decode.Define("ptp.v2.an.priority1", "grandmasterPriority1", decode.KindUint).As("priority1").At(47, 1)
	fPTPClass = decode.Define("ptp.v2.an.grandmasterclockclass", "grandmasterClockClass", decode.KindUint).
			As("clock_class").At(48, 1)
	fPTPAccuracy = decode.Define("ptp.v2.an.grandmasterclockaccuracy", "grandmasterClockAccuracy", decode.KindHex).
			As("clock_accuracy").At(49, 1)
	fPTPVariance = decode.Define("ptp.v2.an.grandmasterclockvariance", "grandmasterClockVariance", decode.KindUint).
			As("clock_variance").At(50, 2)
	fPTPPrio2  = decode.Define("ptp.v2.an.priority2", "grandmasterPriority2", decode.KindUint).As("priority2").At(52, 1)
	fPTPMaster = decode.Define("ptp.v2.an.grandmasterclockidentity", "grandmasterIdentity", decode.KindHex).
			As("grandmaster_identity").At(53, 8)
	fPTPSteps  = decode.Define("ptp.v2.an.localstepsremoved", "stepsRemoved", decode.KindUint).As("steps_removed").At(61, 2)
	fPTPSource = decode.Define("ptp.v2.timesource", "timeSource", decode.KindHex).As("time_source").At(63, 1).Means(ptpSource)
	fPTPAsker  = decode.Define("ptp.v2.requestingportidentity", "requestingPortIdentity", decode.KindBytes).
			As("requesting_port").At(44, 10)

	fPTP1Version = decode.Define("ptp.versionptp", "versionPTP", decode.KindUint).As("version").At(0, 2)
	fPTP1Domain  = decode.Define("ptp.subdomain", "subdomain", decode.KindText).As("subdomain")
	fPTP1Type    = decode.Define("ptp.controlfield", "controlField", decode.KindUint).As("control").At(32, 1).Means(ptp1Name)
	fPTP1Seq     = decode.Define("ptp.sequenceid", "sequenceId", decode.KindUint).As("sequence").At(30, 2)
)

// ptpFields describes a message of IEEE 1588-2008 and 2019, section 13; of 2002 the header.
func ptpFields(w *decode.FieldWriter, _ bool) {
	data := w.Data()
	if len(data) < 34 {
		return
	}
	if data[1]&15 == 1 {
		w.Add(0, fPTP1Version)
		w.Bytes(fPTP1Domain, 4, len(trimZeroes(data[4:20])))
		w.Add(0, fPTP1Seq, fPTP1Type)
		return
	}
	w.Add(0, fPTPSdo, fPTPType, fPTPMinor, fPTPVersion, fPTPLength, fPTPDomain, fPTPFlags, fPTPTwoStep, fPTPUnicast,
		fPTPCorrect, fPTPClock, fPTPPort, fPTPSequence, fPTPControl, fPTPPeriod)
	switch t := data[0] & 15; t {
	case 0, 1, 2, 3, 8, 9, 10, 11:
		w.Add(0, fPTPStampS, fPTPStampNs)
		if t == 3 || t == 9 || t == 10 {
			w.Add(0, fPTPAsker)
		}
		if t == 11 {
			w.Add(0, fPTPUTC, fPTPPrio1, fPTPClass, fPTPAccuracy, fPTPVariance, fPTPPrio2, fPTPMaster, fPTPSteps, fPTPSource)
		}
	}
}

func ptpLine(b, data []byte, _ bool) ([]byte, bool) {
	if len(data) < 34 {
		return b, false
	}
	if data[1]&15 == 1 {
		b = decode.AppendName(append(b, "PTPv1, "...), ptp1Name(uint64(data[32])), "control ", uint64(data[32]))
		return appendNumber(b, ", seq ", be16(data[30:])), true
	}
	b = appendNumber(b, "PTPv", uint64(data[1]&15))
	if minor := uint64(data[1] >> 4); minor > 0 {
		b = appendNumber(b, ".", minor)
	}
	b = decode.AppendName(append(b, ", "...), ptpName(uint64(data[0]&15)), "type ", uint64(data[0]&15))
	b = appendNumber(b, ", domain ", uint64(data[4]))
	b = decode.AppendBytes(append(b, ", port "...), data[20:28])
	b = appendNumber(b, ":", be16(data[28:]))
	b = appendNumber(b, ", seq ", be16(data[30:]))
	switch t := data[0] & 15; {
	case t == 11 && len(data) >= 64:
		b = decode.AppendBytes(append(b, ", grandmaster "...), data[53:61])
		b = appendNumber(b, " class ", uint64(data[48]))
		b = appendNumber(b, " priority ", uint64(data[47]))
		b = appendNumber(b, ", steps ", be16(data[61:]))
	case (t == 0 || t == 8 || t == 9) && len(data) >= 44:
		b = appendNumber(b, ", time ", uintOf(data[34:40]))
		ns := be32(data[40:])
		b = append(b, '.')
		for d := uint64(100000000); d > 0; d /= 10 {
			b = append(b, '0'+byte(ns/d%10))
		}
	}
	return b, true
}

var ptpName = decode.Names{
	0: "Sync", 1: "Delay_Req", 2: "Pdelay_Req", 3: "Pdelay_Resp", 8: "Follow_Up", 9: "Delay_Resp",
	10: "Pdelay_Resp_Follow_Up", 11: "Announce", 12: "Signaling", 13: "Management",
}.Of

var ptp1Name = decode.Names{0: "Sync", 1: "Delay_Req", 2: "Follow_Up", 3: "Delay_Resp", 4: "Management"}.Of

var ptpSource = decode.Names{
	0x10: "ATOMIC_CLOCK", 0x20: "GPS", 0x30: "TERRESTRIAL_RADIO", 0x40: "PTP", 0x50: "NTP", 0x60: "HAND_SET", 0x90: "OTHER",
	0xa0: "INTERNAL_OSCILLATOR",
}.Of
