package decode

import "sockwire/raw/wire"

var (
	fTCPSource   = Define("tcp.srcport", "Source Port", KindUint).As("src_port")
	fTCPDest     = Define("tcp.dstport", "Destination Port", KindUint).As("dst_port")
	fTCPSequence = Define("tcp.seq_raw", "Sequence Number", KindUint).As("seq")
	fTCPAck      = Define("tcp.ack_raw", "Acknowledgment Number", KindUint).As("ack")
	fTCPHdrLen   = Define("tcp.hdr_len", "Data Offset", KindUint).As("header_length")
	fTCPFlags    = Define("tcp.flags", "Flags", KindHex)
	fTCPFlagAE   = Define("tcp.flags.ae", "Accurate ECN", KindBool).As("ae")
	fTCPFlagCWR  = Define("tcp.flags.cwr", "CWR", KindBool).As("cwr")
	fTCPFlagECE  = Define("tcp.flags.ece", "ECE", KindBool).As("ece")
	fTCPFlagURG  = Define("tcp.flags.urg", "URG", KindBool).As("urg")
	fTCPFlagACK  = Define("tcp.flags.ack", "ACK", KindBool).As("ack_flag")
	fTCPFlagPSH  = Define("tcp.flags.push", "PSH", KindBool).As("psh")
	fTCPFlagRST  = Define("tcp.flags.reset", "RST", KindBool).As("rst")
	fTCPFlagSYN  = Define("tcp.flags.syn", "SYN", KindBool).As("syn")
	fTCPFlagFIN  = Define("tcp.flags.fin", "FIN", KindBool).As("fin")
	fTCPWindow   = Define("tcp.window_size_value", "Window", KindUint).As("window")
	fTCPChecksum = Define("tcp.checksum", "Checksum", KindHex)
	fTCPStatus   = Define("tcp.checksum.status", "Checksum status", KindState)
	fTCPUrgent   = Define("tcp.urgent_pointer", "Urgent Pointer", KindUint)
	fTCPLength   = Define("tcp.len", "Payload length", KindUint).As("payload_length")
	fTCPOption   = Define("tcp.options", "Option", KindGroup).Several()
	fTCPOptKind  = Define("tcp.option_kind", "Kind", KindUint).As("kind")
	fTCPOptLen   = Define("tcp.option_len", "Length", KindUint).As("length")
	fTCPMSS      = Define("tcp.options.mss_val", "Maximum Segment Size", KindUint).As("mss")
	fTCPScale    = Define("tcp.options.wscale.shift", "Window Scale", KindUint).As("shift")
	fTCPSACKLeft = Define("tcp.options.sack_le", "Left Edge", KindUint).As("left")
	fTCPSACKRite = Define("tcp.options.sack_re", "Right Edge", KindUint).As("right")
	fTCPSACK     = Define("tcp.options.sack", "SACK block", KindGroup).As("blocks").Several()
	fTCPTSval    = Define("tcp.options.timestamp.tsval", "TSval", KindUint).As("tsval")
	fTCPTSecr    = Define("tcp.options.timestamp.tsecr", "TSecr", KindUint).As("tsecr")
	fTCPMD5      = Define("tcp.options.md5.digest", "MD5 digest", KindBytes).As("digest")
	fTCPUTOUnit  = Define("tcp.options.user_to_granularity", "Granularity", KindBool).As("minutes")
	fTCPUTO      = Define("tcp.options.user_to_val", "User Timeout", KindUint).As("user_timeout")
	fTCPAOKey    = Define("tcp.options.ao.keyid", "KeyID", KindUint).As("key_id")
	fTCPAONext   = Define("tcp.options.ao.rnextkeyid", "RNextKeyID", KindUint).As("rnext_key_id")
	fTCPAOMAC    = Define("tcp.options.ao.mac", "MAC", KindBytes).As("mac")
	fTCPTFO      = Define("tcp.options.tfo.cookie", "Fast Open Cookie", KindBytes).As("cookie")
)

func tcpFields(w *FieldWriter, l *Layer) {
	w.Uint(fTCPSource, 0, 2)
	w.Uint(fTCPDest, 2, 2)
	w.Uint(fTCPSequence, 4, 4)
	if len(w.data) < 20 { // quoted by an ICMP error
		return
	}
	w.Uint(fTCPAck, 8, 4)
	w.Bits(fTCPHdrLen, 96, 4, nil)
	w.scale(4)
	w.Bits(fTCPFlags, 100, 12, nil)
	for i, d := range [...]*Definition{fTCPFlagAE, fTCPFlagCWR, fTCPFlagECE, fTCPFlagURG, fTCPFlagACK, fTCPFlagPSH,
		fTCPFlagRST, fTCPFlagSYN, fTCPFlagFIN} {
		w.Bit(d, 103+i)
	}
	w.Uint(fTCPWindow, 14, 2)
	w.Uint(fTCPChecksum, 16, 2)
	w.status(fTCPStatus, 16, 2, l.Checksum)
	w.Uint(fTCPUrgent, 18, 2)
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
			w.Uint(fTCPSACKLeft, off, 4)
			w.Uint(fTCPSACKRite, off+4, 4)
			w.End()
		}
	case o.Kind == wire.TCPOptionTimestamps && n == 8:
		w.Uint(fTCPTSval, off, 4)
		w.Uint(fTCPTSecr, off+4, 4)
	case o.Kind == wire.TCPOptionMD5 && n == 16:
		w.Bytes(fTCPMD5, off, n)
	case o.Kind == wire.TCPOptionUserTimeout && n == 2:
		w.Bit(fTCPUTOUnit, off*8)
		w.Bits(fTCPUTO, off*8+1, 15, nil)
	case o.Kind == wire.TCPOptionAO && n >= 2:
		w.Uint(fTCPAOKey, off, 1)
		w.Uint(fTCPAONext, off+1, 1)
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
	fUDPSource   = Define("udp.srcport", "Source Port", KindUint).As("src_port")
	fUDPDest     = Define("udp.dstport", "Destination Port", KindUint).As("dst_port")
	fUDPLength   = Define("udp.length", "Length", KindUint)
	fUDPChecksum = Define("udp.checksum", "Checksum", KindHex)
	fUDPStatus   = Define("udp.checksum.status", "Checksum status", KindState)
)

func udpFields(w *FieldWriter, l *Layer) {
	w.Uint(fUDPSource, 0, 2)
	w.Uint(fUDPDest, 2, 2)
	w.Uint(fUDPLength, 4, 2)
	w.Uint(fUDPChecksum, 6, 2)
	w.status(fUDPStatus, 6, 2, l.Checksum)
}
