package app

import (
	"encoding/binary"

	"sockwire/capture/decode"
)

var (
	_ = describe(decode.TypeRPC, "RPC", rpcFields)
	_ = describe(decode.TypePortmap, "Portmap", rpcFields)
	_ = describe(decode.TypeMount, "Mount", rpcFields)
	_ = describe(decode.TypeNFS, "NFS", nfsFields)
)

var (
	fRPCLast    = decode.Define("rpc.lastfrag", "Last fragment", decode.KindBool).As("last_fragment").Bits(0, 1)
	fRPCLength  = decode.Define("rpc.fraglen", "Fragment length", decode.KindUint).As("fragment_length").Bits(1, 31)
	fRPCKind    = decode.Define("rpc.msgtyp", "Message type", decode.KindUint).As("type").At(4, 4).Means(rpcKind).InLine(" ")
	fRPCXID     = decode.Define("rpc.xid", "XID", decode.KindHex).At(0, 4).InLine(" xid ")
	fRPCVersion = decode.Define("rpc.version", "RPC version", decode.KindUint).At(8, 4)
	fRPCProgram = decode.Define("rpc.program", "Program", decode.KindUint).At(12, 4).Means(rpcProgram).InLine(" ")
	fRPCProgVer = decode.Define("rpc.programversion", "Program version", decode.KindUint).As("program_version").At(16, 4).InLine(" v")
	fRPCProc    = decode.Define("rpc.procedure", "Procedure", decode.KindUint).At(20, 4).InLine(" ")
	fRPCFlavor  = decode.Define("rpc.auth.flavor", "Flavor of credentials and verifier", decode.KindUint).As("flavors").Several()
	fRPCReply   = decode.Define("rpc.replystat", "Reply", decode.KindUint).As("reply").At(8, 4).Means(rpcReply).InLine(" reply ")
	fRPCAccept  = decode.Define("rpc.state_accept", "Accept state", decode.KindUint).As("accept").InLine(" ")
	fRPCReject  = decode.Define("rpc.state_reject", "Reject state", decode.KindUint).As("reject").At(12, 4).
			Means(decode.Names{0: "rpc mismatch", 1: "auth error"}.Of).InLine(" ")
	fPortmapProgram = decode.Define("portmap.prog", "Program", decode.KindUint).As("for_program").At(0, 4).Means(rpcProgram).InLine(" for ")
	fPortmapVersion = decode.Define("portmap.version", "Version", decode.KindUint).As("for_version").At(4, 4).InLine(" v")
	fPortmapProto   = decode.Define("portmap.proto", "Protocol", decode.KindUint).As("protocol").At(8, 4).
			Means(decode.Names{6: "TCP", 17: "UDP"}.Of).InLine(" over ")
	fMountPath = decode.Define("mount.path", "Path", decode.KindText).InLine(" ")
)

// rpcBody is where the parameters of a call, or the results of a reply, start and what they belong to.
type rpcBody struct {
	program, version, procedure uint32 // of a call
	reply                       bool
	off                         int // 0 where there are none
}

// rpcFields describes a message (RFC 5531 section 9) and what its programs name.
func rpcFields(w *decode.FieldWriter, stream bool) {
	rpcMessage(w, stream, func(w *decode.FieldWriter, m rpcBody) {
		switch {
		case m.reply:
		case m.program == 100000 && m.version == 2 && m.procedure >= 1 && m.procedure <= 3:
			w.Add(m.off, fPortmapProgram, fPortmapVersion, fPortmapProto)
		case m.program == 100005 && (m.procedure == 1 || m.procedure == 3):
			xdrText(w, fMountPath, m.off)
		}
	})
}

// rpcMessage describes the header of a message; on a stream there is a record mark in front of it.
func rpcMessage(w *decode.FieldWriter, stream bool, body func(w *decode.FieldWriter, m rpcBody)) {
	data := w.Data()
	if !stream {
		rpcHeader(w, body)
		return
	}
	w.Add(0, fRPCLast, fRPCLength)
	w.Within(4, len(data), func(w *decode.FieldWriter) { rpcHeader(w, body) })
}

func rpcHeader(w *decode.FieldWriter, body func(w *decode.FieldWriter, m rpcBody)) {
	data := w.Data()
	if len(data) < 12 {
		return
	}
	w.Add(0, fRPCKind, fRPCXID)
	u32 := func(off int) uint32 {
		if off < 0 || off+4 > len(data) {
			return 0
		}
		return binary.BigEndian.Uint32(data[off:])
	}
	if u32(4) == 0 {
		m := rpcBody{program: u32(12), version: u32(16), procedure: u32(20)}
		w.Add(0, fRPCVersion, fRPCProgram, fRPCProgVer)
		w.Enum(fRPCProc, 20, 4, func(n uint64) string { return rpcProcedure(m.program, m.version, uint32(n)) })
		off := xdrSkip(data, 28)
		w.Enum(fRPCFlavor, 24, 4, rpcFlavor)
		if off > 0 {
			w.Enum(fRPCFlavor, off, 4, rpcFlavor)
		}
		if off = xdrSkip(data, off+4); off > 0 {
			m.off = off
			body(w, m)
		}
		return
	}
	w.Add(0, fRPCReply)
	if u32(8) != 0 {
		w.Add(0, fRPCReject)
		return
	}
	off := xdrSkip(data, 16)
	if off == 0 {
		return
	}
	if w.Enum(fRPCAccept, off, 4, rpcAccept) == 0 && off+4 <= len(data) {
		body(w, rpcBody{reply: true, off: off + 4})
	}
}

// xdrSkip returns what follows the opaque data whose length stands at off (RFC 4506 section 4.10), 0 where that is cut.
func xdrSkip(data []byte, off int) int {
	if off < 4 || off+4 > len(data) {
		return 0
	}
	n := binary.BigEndian.Uint32(data[off:])
	if n > 1<<16 {
		return 0
	}
	if off += 4 + int(n+3)&^3; off > len(data) {
		return 0
	}
	return off
}

func xdrText(w *decode.FieldWriter, d *decode.Definition, off int) int {
	next := xdrSkip(w.Data(), off)
	if next > 0 {
		w.Bytes(d, off+4, int(binary.BigEndian.Uint32(w.Data()[off:])))
	}
	return next
}

func rpcProcedure(program, version, n uint32) string {
	switch program {
	case 100000:
		if version <= 2 {
			return portmapProcedure(uint64(n))
		}
		return rpcbindProcedure(uint64(n))
	case 100003:
		return nfsProcedure(version, n)
	case 100005:
		return mountProcedure(uint64(n))
	case 100021:
		return nlmProcedure(uint64(n))
	}
	if n == 0 {
		return "NULL"
	}
	return ""
}

var rpcKind = decode.Names{0: "request", 1: "reply"}.Of

var rpcReply = decode.Names{0: "ok", 1: "denied"}.Of

var rpcAccept = decode.Names{
	0: "success", 1: "program unavailable", 2: "program version mismatch", 3: "procedure unavailable", 4: "garbage arguments", 5: "system error",
}.Of

var rpcFlavor = decode.Names{0: "AUTH_NULL", 1: "AUTH_UNIX", 2: "AUTH_SHORT", 3: "AUTH_DES", 5: "AUTH_GSSAPI", 6: "RPCSEC_GSS", 7: "AUTH_TLS"}.Of

var rpcProgram = decode.Names{
	100000: "Portmap", 100001: "RSTAT", 100002: "RUSERS", 100003: "NFS", 100004: "YPSERV", 100005: "MOUNT", 100007: "YPBIND", 100008: "WALL",
	100009: "YPPASSWD", 100011: "RQUOTA", 100012: "SPRAY", 100021: "NLM", 100024: "STAT", 100026: "BOOTPARAMS", 100068: "CMSD",
	100083: "TTDBSERVER", 100227: "NFSACL", 100300: "NISPLUS", 150001: "PCNFSD",
}.Of

var portmapProcedure = decode.Names{0: "NULL", 1: "SET", 2: "UNSET", 3: "GETPORT", 4: "DUMP", 5: "CALLIT"}.Of

var rpcbindProcedure = decode.Names{
	0: "NULL", 1: "SET", 2: "UNSET", 3: "GETADDR", 4: "DUMP", 5: "BCAST", 6: "GETTIME", 7: "UADDR2TADDR", 8: "TADDR2UADDR", 9: "GETVERSADDR",
	10: "INDIRECT", 11: "GETADDRLIST", 12: "GETSTAT",
}.Of

var mountProcedure = decode.Names{0: "NULL", 1: "MNT", 2: "DUMP", 3: "UMNT", 4: "UMNTALL", 5: "EXPORT", 6: "EXPORTALL", 7: "PATHCONF"}.Of

var nlmProcedure = decode.Names{
	0: "NULL", 1: "TEST", 2: "LOCK", 3: "CANCEL", 4: "UNLOCK", 5: "GRANTED", 6: "TEST_MSG", 7: "LOCK_MSG", 8: "CANCEL_MSG", 9: "UNLOCK_MSG",
	10: "GRANTED_MSG", 11: "TEST_RES", 12: "LOCK_RES", 13: "CANCEL_RES", 14: "UNLOCK_RES", 15: "GRANTED_RES", 20: "SHARE", 21: "UNSHARE",
	22: "NM_LOCK", 23: "FREE_ALL",
}.Of
