package decode

import "sockwire/raw/wire"

var (
	fTCPSource   = Define("tcp.srcport", "Source Port", KindUint).As("src_port").At(0, 2)
	fTCPDest     = Define("tcp.dstport", "Destination Port", KindUint).As("dst_port").At(2, 2)
	fTCPSequence = Define("tcp.seq_raw", "Sequence Number", KindUint).As("seq").At(4, 4)
	fTCPAck      = Define("tcp.ack_raw", "Acknowledgment Number", KindUint).As("ack").At(8, 4)
	fTCPHdrLen   = Define("tcp.hdr_len", "Data Offset", KindUint).As("header_length").Bits(96, 4).Times(4)
	fTCPFlags    = Define("tcp.flags", "Flags", KindHex).Bits(100, 12)
	fTCPFlagAE   = Define("tcp.flags.ae", "Accurate ECN", KindBool).As("ae")
	fTCPFlagCWR  = Define("tcp.flags.cwr", "CWR", KindBool).As("cwr")
	fTCPFlagECE  = Define("tcp.flags.ece", "ECE", KindBool).As("ece")
	fTCPFlagURG  = Define("tcp.flags.urg", "URG", KindBool).As("urg")
	fTCPFlagACK  = Define("tcp.flags.ack", "ACK", KindBool).As("ack_flag")
	fTCPFlagPSH  = Define("tcp.flags.push", "PSH", KindBool).As("psh")
	fTCPFlagRST  = Define("tcp.flags.reset", "RST", KindBool).As("rst")
	fTCPFlagSYN  = Define("tcp.flags.syn", "SYN", KindBool).As("syn")
	fTCPFlagFIN  = Define("tcp.flags.fin", "FIN", KindBool).As("fin")
	fTCPWindow   = Define("tcp.window_size_value", "Window", KindUint).As("window").At(14, 2)
	fTCPChecksum = Define("tcp.checksum", "Checksum", KindHex).At(16, 2)
	fTCPStatus   = Define("tcp.checksum.status", "Checksum status", KindState).At(16, 2)
	fTCPUrgent   = Define("tcp.urgent_pointer", "Urgent Pointer", KindUint).At(18, 2)
	fTCPLength   = Define("tcp.len", "Payload length", KindUint).As("payload_length")
	fTCPOption   = Define("tcp.options", "Option", KindGroup).Several()
	fTCPOptKind  = Define("tcp.option_kind", "Kind", KindUint).As("kind")
	fTCPOptLen   = Define("tcp.option_len", "Length", KindUint).As("length")
	fTCPMSS      = Define("tcp.options.mss_val", "Maximum Segment Size", KindUint).As("mss")
	fTCPScale    = Define("tcp.options.wscale.shift", "Window Scale", KindUint).As("shift")
	fTCPSACKLeft = Define("tcp.options.sack_le", "Left Edge", KindUint).As("left").At(0, 4)
	fTCPSACKRite = Define("tcp.options.sack_re", "Right Edge", KindUint).As("right").At(4, 4)
	fTCPSACK     = Define("tcp.options.sack", "SACK block", KindGroup).As("blocks").Several()
	fTCPTSval    = Define("tcp.options.timestamp.tsval", "TSval", KindUint).As("tsval").At(0, 4)
	fTCPTSecr    = Define("tcp.options.timestamp.tsecr", "TSecr", KindUint).As("tsecr").At(4, 4)
	fTCPMD5      = Define("tcp.options.md5.digest", "MD5 digest", KindBytes).As("digest")
	fTCPUTOUnit  = Define("tcp.options.user_to_granularity", "Granularity", KindBool).As("minutes").Bits(0, 1)
	fTCPUTO      = Define("tcp.options.user_to_val", "User Timeout", KindUint).As("user_timeout").Bits(1, 15)
	fTCPAOKey    = Define("tcp.options.ao.keyid", "KeyID", KindUint).As("key_id").At(0, 1)
	fTCPAONext   = Define("tcp.options.ao.rnextkeyid", "RNextKeyID", KindUint).As("rnext_key_id").At(1, 1)
	fTCPAOMAC    = Define("tcp.options.ao.mac", "MAC", KindBytes).As("mac")
	fTCPTFO      = Define("tcp.options.tfo.cookie", "Fast Open Cookie", KindBytes).As("cookie")
)

func tcpFields(w *FieldWriter, l *Layer) {
	if len(w.data) < 20 { // quoted by an ICMP error
		return
	}
	w.Add(0, fTCPAck, fTCPHdrLen, fTCPFlags)
	for i, d := range [...]*Definition{fTCPFlagAE, fTCPFlagCWR, fTCPFlagECE, fTCPFlagURG, fTCPFlagACK, fTCPFlagPSH,
		fTCPFlagRST, fTCPFlagSYN, fTCPFlagFIN} {
		w.Bit(d, 103+i)
	}
	w.Add(0, fTCPWindow, fTCPChecksum, fTCPStatus, fTCPUrgent)
	w.Value(fTCPLength, 0, 0, uint64(max(l.Length-l.Header, 0)))
	for off := 20; off < len(w.data); {
		o := wire.OptionAt(w.data, off)
		w.Group(fTCPOption, off, o.Length)
		tcpOptionFields(w, o)
		w.End()
		if o.Cut || o.Kind == wire.TCPOptionEnd {
			break
		}
		off += o.Length
	}
}

func tcpOptionFields(w *FieldWriter, o Option) {
	if o.Cut {
		w.Bytes(fTCPOptData, o.Offset, o.Length)
		return
	}
	w.Enum(fTCPOptKind, o.Offset, 1, tcpOptionName)
	if o.Kind <= wire.TCPOptionNop {
		return
	}
	w.Uint(fTCPOptLen, o.Offset+1, 1)
	off, n := o.Offset+2, len(o.Data)
	switch {
	case o.Kind == wire.TCPOptionMSS && n == 2:
		w.Uint(fTCPMSS, off, 2)
	case o.Kind == wire.TCPOptionWindowScale && n == 1:
		w.Uint(fTCPScale, off, 1)
	case o.Kind == wire.TCPOptionSACK && n%8 == 0:
		for end := off + n; off < end; off += 8 {
			w.Group(fTCPSACK, off, 8)
			w.Add(off, fTCPSACKLeft, fTCPSACKRite)
			w.End()
		}
	case o.Kind == wire.TCPOptionTimestamps && n == 8:
		w.Add(off, fTCPTSval, fTCPTSecr)
	case o.Kind == wire.TCPOptionMD5 && n == 16:
		w.Bytes(fTCPMD5, off, n)
	case o.Kind == wire.TCPOptionUserTimeout && n == 2:
		w.Add(off, fTCPUTOUnit, fTCPUTO)
	case o.Kind == wire.TCPOptionAO && n >= 2:
		w.Add(off, fTCPAOKey, fTCPAONext)
		w.Bytes(fTCPAOMAC, off+2, n-2)
	case o.Kind == wire.TCPOptionFastOpen && n > 0:
		w.Bytes(fTCPTFO, off, n)
	case experimentalFastOpen(o):
		if n > 2 {
			w.Bytes(fTCPTFO, off+2, n-2)
		}
	case o.Kind == wire.TCPOptionMPTCP && n > 0:
		mptcpFields(w, o)
	case n > 0:
		w.Bytes(fTCPOptData, off, n)
	}
}

func tcpOptionName(n uint64) string { return wire.TCPOptionName(uint8(n)) }

var (
	fUDPSource   = Define("udp.srcport", "Source Port", KindUint).As("src_port").At(0, 2)
	fUDPDest     = Define("udp.dstport", "Destination Port", KindUint).As("dst_port").At(2, 2)
	fUDPLength   = Define("udp.length", "Length", KindUint).At(4, 2)
	fUDPChecksum = Define("udp.checksum", "Checksum", KindHex).At(6, 2)
	fUDPStatus   = Define("udp.checksum.status", "Checksum status", KindState).At(6, 2)
)
