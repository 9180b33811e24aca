package decode

// Subtypes of the Multipath TCP option (RFC 8684 section 8.2).
const (
	mptcpCapable   = 0
	mptcpJoin      = 1
	mptcpDSS       = 2
	mptcpAddAddr   = 3
	mptcpRemove    = 4
	mptcpPriority  = 5
	mptcpFail      = 6
	mptcpFastClose = 7
	mptcpReset     = 8
)

var mptcpSubtypes = [16]string{
	mptcpCapable: "capable", mptcpJoin: "join", mptcpDSS: "dss", mptcpAddAddr: "add-addr", mptcpRemove: "rem-addr",
	mptcpPriority: "prio", mptcpFail: "fail", mptcpFastClose: "fast-close", mptcpReset: "tcprst",
}

func mptcpName(n uint64) string { return mptcpSubtypes[n&15] }

// mptcpDSSPart says where the optional parts of a data sequence signal lie in the option's data: the length is 0
// for a part that is not there.
type mptcpDSSPart struct {
	ack, ackN      int // data acknowledgment of 4 or 8 bytes
	seq, seqN      int // data sequence number of 4 or 8 bytes
	mapping        int // subflow sequence number and length, 6 bytes, when seqN is not 0
	checksum       int // 2 bytes, 0 when there is none
	finished, good bool
}

// mptcpDSSParts reads the flags of a data sequence signal (RFC 8684 section 3.3).
func mptcpDSSParts(d []byte) (p mptcpDSSPart) {
	if len(d) < 2 {
		return p
	}
	off := 2
	size := func(present, long byte) int {
		if d[1]&present == 0 {
			return 0
		}
		if d[1]&long != 0 {
			return 8
		}
		return 4
	}
	p.finished = d[1]&0x10 != 0
	p.ack, p.ackN = off, size(1, 2)
	off += p.ackN
	p.seq, p.seqN = off, size(4, 8)
	off += p.seqN
	if p.seqN > 0 {
		p.mapping = off
		off += 6
		if len(d) == off+2 {
			p.checksum = off
			off += 2
		}
	}
	p.good = off <= len(d)
	return p
}

var (
	fTCPOptData    = Define("tcp.options.data", "Data", KindBytes).As("data")
	fMPTCPType     = Define("tcp.options.mptcp.subtype", "Subtype", KindUint).As("subtype")
	fMPTCPVersion  = Define("tcp.options.mptcp.version", "Version", KindUint).As("version")
	fMPTCPSendKey  = Define("tcp.options.mptcp.sendkey", "Sender's key", KindHex).As("sender_key")
	fMPTCPRecvKey  = Define("tcp.options.mptcp.recvkey", "Receiver's key", KindHex).As("receiver_key")
	fMPTCPBackup   = Define("tcp.options.mptcp.backup.flag", "Backup", KindBool).As("backup").Bits(7, 1)
	fMPTCPAddrID   = Define("tcp.options.mptcp.addrid", "Address ID", KindUint).As("address_ids").Several().At(1, 1)
	fMPTCPToken    = Define("tcp.options.mptcp.recvtok", "Receiver's token", KindHex).As("receiver_token")
	fMPTCPRandom   = Define("tcp.options.mptcp.sendrand", "Sender's random number", KindHex).As("sender_random")
	fMPTCPShort    = Define("tcp.options.mptcp.sendtrunchmac", "Sender's truncated HMAC", KindHex).As("sender_truncated_hmac")
	fMPTCPHMAC     = Define("tcp.options.mptcp.sendhmac", "Sender's HMAC", KindBytes).As("sender_hmac")
	fMPTCPFin      = Define("tcp.options.mptcp.datafin.flag", "DATA_FIN", KindBool).As("data_fin")
	fMPTCPAck      = Define("tcp.options.mptcp.rawdataack", "Data ACK", KindUint).As("data_ack")
	fMPTCPSeq      = Define("tcp.options.mptcp.rawdataseqno", "Data sequence number", KindUint).As("data_seq")
	fMPTCPSubflow  = Define("tcp.options.mptcp.subflowseqno", "Subflow sequence number", KindUint).As("subflow_seq")
	fMPTCPLength   = Define("tcp.options.mptcp.datalvllen", "Data-level length", KindUint).As("data_length")
	fMPTCPChecksum = Define("tcp.options.mptcp.checksum", "Checksum", KindHex).As("checksum")
	fMPTCPIPVer    = Define("tcp.options.mptcp.ipver", "IP version", KindUint).As("ip_version")
	fMPTCPEcho     = Define("tcp.options.mptcp.echo", "Echo", KindBool).As("echo")
	fMPTCPIPv4     = Define("tcp.options.mptcp.ipv4", "Address", KindIP).As("address")
	fMPTCPIPv6     = Define("tcp.options.mptcp.ipv6", "Address", KindIP).As("address")
	fMPTCPPort     = Define("tcp.options.mptcp.port", "Port", KindUint).As("port")
	fMPTCPAddrMAC  = Define("tcp.options.mptcp.addaddrtrunchmac", "Truncated HMAC", KindHex).As("truncated_hmac")
	fMPTCPReason   = Define("tcp.options.mptcp.rst_reason", "Reason", KindUint).As("reason")
)

func mptcpFields(w *FieldWriter, o Option) {
	off, n := o.Offset+2, len(o.Data)
	switch sub := w.Bits(fMPTCPType, off*8, 4, mptcpName); {
	case sub == mptcpCapable:
		w.Bits(fMPTCPVersion, off*8+4, 4, nil)
		if n >= 10 {
			w.Uint(fMPTCPSendKey, off+2, 8)
		}
		if n >= 18 {
			w.Uint(fMPTCPRecvKey, off+10, 8)
		}
		if n >= 20 {
			w.Uint(fMPTCPLength, off+18, 2)
		}
		if n >= 22 {
			w.Uint(fMPTCPChecksum, off+20, 2)
		}
	case sub == mptcpJoin && (n == 10 || n == 14):
		w.Add(off, fMPTCPBackup, fMPTCPAddrID)
		if n == 10 {
			w.Uint(fMPTCPToken, off+2, 4)
		} else {
			w.Uint(fMPTCPShort, off+2, 8)
		}
		w.Uint(fMPTCPRandom, off+n-4, 4)
	case sub == mptcpJoin && n == 22:
		w.Bytes(fMPTCPHMAC, off+2, 20)
	case sub == mptcpDSS && n >= 2:
		mptcpDSSFields(w, o.Data, off)
	case sub == mptcpAddAddr && n >= 6:
		mptcpAddressFields(w, o.Data, off)
	case sub == mptcpRemove:
		w.Each(fMPTCPAddrID, off+1, off+n, 1)
	case sub == mptcpPriority:
		w.Add(off, fMPTCPBackup)
		if n >= 2 {
			w.Add(off, fMPTCPAddrID)
		}
	case sub == mptcpFail && n >= 10:
		w.Uint(fMPTCPSeq, off+2, 8)
	case sub == mptcpFastClose && n >= 10:
		w.Uint(fMPTCPRecvKey, off+2, 8)
	case sub == mptcpReset && n >= 2:
		w.Uint(fMPTCPReason, off+1, 1)
	default:
		w.Bytes(fTCPOptData, off, n)
	}
}

func mptcpDSSFields(w *FieldWriter, d []byte, off int) {
	p := mptcpDSSParts(d)
	w.Bit(fMPTCPFin, off*8+11)
	if !p.good {
		return
	}
	if p.ackN > 0 {
		w.Uint(fMPTCPAck, off+p.ack, p.ackN)
	}
	if p.seqN > 0 {
		w.Uint(fMPTCPSeq, off+p.seq, p.seqN)
		w.Uint(fMPTCPSubflow, off+p.mapping, 4)
		w.Uint(fMPTCPLength, off+p.mapping+4, 2)
	}
	if p.checksum > 0 {
		w.Uint(fMPTCPChecksum, off+p.checksum, 2)
	}
}

// mptcpAddressFields describes an announced address. Version 0 has the IP version where version 1 has the echo
// flag; the length tells IPv4 from IPv6 in both.
func mptcpAddressFields(w *FieldWriter, d []byte, off int) {
	version := d[0] & 15
	if version == 4 || version == 6 {
		w.Bits(fMPTCPIPVer, off*8+4, 4, nil)
	} else {
		w.Bit(fMPTCPEcho, off*8+7)
	}
	w.Add(off, fMPTCPAddrID)
	rest := len(d) - 2
	size := 4
	if rest == 16 || rest == 18 || rest == 24 || rest == 26 {
		size = 16
	}
	if size == 16 {
		w.Bytes(fMPTCPIPv6, off+2, 16)
	} else {
		w.Bytes(fMPTCPIPv4, off+2, 4)
	}
	at, left := off+2+size, rest-size
	if left == 2 || left == 10 {
		w.Uint(fMPTCPPort, at, 2)
		at, left = at+2, left-2
	}
	if left == 8 {
		w.Uint(fMPTCPAddrMAC, at, 8)
	}
}

// appendMPTCP adds the option as a line shows it.
func appendMPTCP(b, d []byte) []byte {
	sub := d[0] >> 4
	b = append(b, "mptcp "...)
	b = AppendName(b, mptcpSubtypes[sub], "subtype ", uint64(sub))
	switch {
	case sub == mptcpCapable:
		b = appendUint(append(b, " v"...), uint64(d[0]&15))
		if len(d) >= 10 {
			b = AppendBytes(append(b, " {0x"...), d[2:10])
			if len(d) >= 18 {
				b = AppendBytes(append(b, ",0x"...), d[10:18])
			}
			b = append(b, '}')
		}
	case sub == mptcpJoin && (len(d) == 10 || len(d) == 14):
		b = appendUint(append(b, " id "...), uint64(d[1]))
		if len(d) == 10 {
			b = appendHex(append(b, " token "...), uint64(be32(d[2:])))
		}
	case sub == mptcpDSS:
		b = appendDSS(b, d)
	case (sub == mptcpAddAddr || sub == mptcpRemove || sub == mptcpPriority) && len(d) >= 2:
		b = appendUint(append(b, " id "...), uint64(d[1]))
	}
	return b
}

func appendDSS(b, d []byte) []byte {
	p := mptcpDSSParts(d)
	if !p.good {
		return b
	}
	if p.finished {
		b = append(b, " fin"...)
	}
	if p.ackN > 0 {
		b = appendUint(append(b, " ack "...), number(d[p.ack:p.ack+p.ackN]))
	}
	if p.seqN > 0 {
		b = appendUint(append(b, " seq "...), number(d[p.seq:p.seq+p.seqN]))
		b = appendUint(append(b, " subseq "...), uint64(be32(d[p.mapping:])))
		b = appendUint(append(b, " len "...), uint64(be16(d[p.mapping+4:])))
	}
	return b
}
