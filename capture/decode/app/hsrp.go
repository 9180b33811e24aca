package app

import "sockwire/capture/decode"

var _ = show(decode.TypeHSRP, hsrpLine, hsrpFields)

var (
	fHSRPVersion  = decode.Define("hsrp.version", "Version", decode.KindUint).At(0, 1)
	fHSRPOp       = decode.Define("hsrp.opcode", "Op Code", decode.KindUint).At(1, 1).Means(hsrpOp)
	fHSRPState    = decode.Define("hsrp.state", "State", decode.KindUint).At(2, 1).Means(hsrpState)
	fHSRPHello    = decode.Define("hsrp.hellotime", "Hellotime, in s", decode.KindUint).At(3, 1)
	fHSRPHold     = decode.Define("hsrp.holdtime", "Holdtime, in s", decode.KindUint).At(4, 1)
	fHSRPPriority = decode.Define("hsrp.priority", "Priority", decode.KindUint).At(5, 1)
	fHSRPGroup    = decode.Define("hsrp.group", "Group", decode.KindUint).At(6, 1)
	fHSRPAuth     = decode.Define("hsrp.auth_data", "Authentication Data", decode.KindText)
	fHSRPAddress  = decode.Define("hsrp.virt_ip", "Virtual IP Address", decode.KindIP).As("virtual_ip").At(16, 4)
	fHSRPAdvType  = decode.Define("hsrp.adv.tlvtype", "Advertisement type", decode.KindUint).At(2, 2)
	fHSRPAdvLen   = decode.Define("hsrp.adv.tlvlength", "Advertisement length", decode.KindUint).At(4, 2)
	fHSRPAdvState = decode.Define("hsrp.adv.state", "State", decode.KindUint).At(6, 1)

	fHSRP2TLV      = decode.Define("hsrp2.tlv", "TLV", decode.KindGroup).As("tlvs").Several()
	fHSRP2Type     = decode.Define("hsrp2.tlv.type", "Type", decode.KindUint).As("type").At(0, 1).Means(hsrp2Type)
	fHSRP2Length   = decode.Define("hsrp2.tlv.length", "Length", decode.KindUint).As("length").At(1, 1)
	fHSRP2Version  = decode.Define("hsrp2.version", "Version", decode.KindUint).At(2, 1)
	fHSRP2Op       = decode.Define("hsrp2.opcode", "Op Code", decode.KindUint).At(3, 1).Means(hsrpOp)
	fHSRP2State    = decode.Define("hsrp2.state", "State", decode.KindUint).At(4, 1).Means(hsrp2State)
	fHSRP2IP       = decode.Define("hsrp2.ipversion", "IP Version", decode.KindUint).At(5, 1)
	fHSRP2Group    = decode.Define("hsrp2.group", "Group", decode.KindUint).At(6, 2)
	fHSRP2ID       = decode.Define("hsrp2.identifier", "Identifier", decode.KindMAC).At(8, 6)
	fHSRP2Priority = decode.Define("hsrp2.priority", "Priority", decode.KindUint).At(14, 4)
	fHSRP2Hello    = decode.Define("hsrp2.hellotime", "Hellotime, in ms", decode.KindUint).At(18, 4)
	fHSRP2Hold     = decode.Define("hsrp2.holdtime", "Holdtime, in ms", decode.KindUint).At(22, 4)
	fHSRP2Address  = decode.Define("hsrp2.virt_ip", "Virtual IP Address", decode.KindIP).As("virtual_ip").At(26, 4)
	fHSRP2Address6 = decode.Define("hsrp2.virt_ip_v6", "Virtual IP Address", decode.KindIP).As("virtual_ip").At(26, 16)
	fHSRP2Auth     = decode.Define("hsrp2.auth_data", "Authentication Data", decode.KindText).As("auth").At(2, 8)
)

var hsrp2Records = records{kind: 1, length: 1}

// hsrpFields describes versions 0 and 1 (RFC 2281 section 5), and version 2, which is made of TLVs.
func hsrpFields(w *decode.FieldWriter, _ bool) {
	data := w.Data()
	if len(data) == 0 {
		return
	}
	if data[0] == 0 {
		w.Add(0, fHSRPVersion, fHSRPOp)
		if len(data) > 1 && data[1] == 3 {
			w.Add(0, fHSRPAdvType, fHSRPAdvLen, fHSRPAdvState)
			return
		}
		w.Add(0, fHSRPState, fHSRPHello, fHSRPHold, fHSRPPriority, fHSRPGroup)
		if len(data) >= 16 {
			w.Bytes(fHSRPAuth, 8, len(trimZeroes(data[8:16])))
		}
		w.Add(0, fHSRPAddress)
		return
	}
	hsrp2Records.each(data, 0, len(data), func(kind uint64, at, value, n int) bool {
		w.Group(fHSRP2TLV, at, 2+n)
		w.Add(at, fHSRP2Type, fHSRP2Length)
		switch {
		case kind == 1 && n >= 40:
			w.Add(at, fHSRP2Version, fHSRP2Op, fHSRP2State, fHSRP2IP, fHSRP2Group, fHSRP2ID, fHSRP2Priority, fHSRP2Hello,
				fHSRP2Hold)
			if data[at+5] == 6 {
				w.Add(at, fHSRP2Address6)
			} else {
				w.Add(at, fHSRP2Address)
			}
		case kind == 3 && n >= 8:
			w.Bytes(fHSRP2Auth, value, len(trimZeroes(data[value:value+8])))
		}
		w.End()
		return true
	})
}

func hsrpLine(b, data []byte, _ bool) ([]byte, bool) {
	if len(data) < 3 {
		return b, false
	}
	if data[0] == 0 {
		b = decode.AppendName(append(b, "HSRPv0-"...), hsrpOp(uint64(data[1])), "op ", uint64(data[1]))
		if data[1] == 3 || len(data) < 20 {
			return b, true
		}
		b = decode.AppendName(append(b, " state="...), hsrpState(uint64(data[2])), "", uint64(data[2]))
		b = appendNumber(b, " group=", uint64(data[6]))
		b = appendAddress(b, " addr=", data[16:20])
		b = appendNumber(b, " hellotime=", uint64(data[3]))
		b = appendNumber(b, " holdtime=", uint64(data[4]))
		return appendNumber(b, " priority=", uint64(data[5])), true
	}
	b = append(b, "HSRPv2"...)
	hsrp2Records.each(data, 0, len(data), func(kind uint64, at, _, n int) bool {
		if kind != 1 || n < 40 {
			return true
		}
		e := data[at : at+2+n]
		b = decode.AppendName(append(b, '-'), hsrpOp(uint64(e[3])), "op ", uint64(e[3]))
		b = decode.AppendName(append(b, " state="...), hsrp2State(uint64(e[4])), "", uint64(e[4]))
		b = appendNumber(b, " group=", be16(e[6:]))
		if e[5] == 6 {
			b = appendAddress(b, " addr=", e[26:42])
		} else {
			b = appendAddress(b, " addr=", e[26:30])
		}
		b = appendNumber(b, " priority=", be32(e[14:]))
		return false
	})
	return b, true
}

var hsrpOp = decode.Names{0: "hello", 1: "coup", 2: "resign", 3: "advertise"}.Of

var hsrpState = decode.Names{0: "initial", 1: "learn", 2: "listen", 4: "speak", 8: "standby", 16: "active"}.Of

var hsrp2State = decode.Names{0: "disabled", 1: "initial", 2: "learn", 3: "listen", 4: "speak", 5: "standby", 6: "active"}.Of

var hsrp2Type = decode.Names{1: "Group State", 2: "Interface State", 3: "Text Authentication", 4: "MD5 Authentication"}.Of
