package app

import "sockwire/capture/decode"

var (
	fNFSProc2  = decode.Define("nfs.procedure_v2", "NFS 2 procedure", decode.KindUint)
	fNFSProc3  = decode.Define("nfs.procedure_v3", "NFS 3 procedure", decode.KindUint)
	fNFSProc4  = decode.Define("nfs.procedure_v4", "NFS 4 procedure", decode.KindUint)
	fNFSName   = decode.Define("nfs.name", "Name", decode.KindText).InLine(" ")
	fNFSOp     = decode.Define("nfs.opcode", "Operation", decode.KindUint).As("operations").Several().Means(nfsOperation).InLine(" ")
	fNFSStatus = decode.Define("nfs.result", "Status", decode.KindUint).As("status").Means(nfsStatus).InLine(" ")
)

// nfsFields describes calls and replies of NFS (RFC 1094, RFC 1813, RFC 8881). A reply does not say which procedure it
// is of: its first number, which is the status in nearly all, is shown as that where it is one.
func nfsFields(w *decode.FieldWriter, stream bool) {
	rpcMessage(w, stream, func(w *decode.FieldWriter, m rpcBody) {
		data := w.Data()
		if m.reply {
			if m.off+4 <= len(data) {
				status := uint64(data[m.off])<<24 | uint64(data[m.off+1])<<16 | uint64(data[m.off+2])<<8 | uint64(data[m.off+3])
				if name := nfsStatus(status); name != "" {
					w.Value(fNFSStatus, m.off, 4, status)
					w.Note(name)
				}
			}
			return
		}
		if m.program != 100003 {
			return
		}
		switch p := m.procedure; m.version {
		case 2:
			nfsProc(w, fNFSProc2, m)
			if p == 4 || p >= 9 && p <= 15 && p != 12 {
				xdrText(w, fNFSName, m.off+32)
			}
		case 3:
			nfsProc(w, fNFSProc3, m)
			if p == 3 || p >= 8 && p <= 14 {
				if off := xdrSkip(data, m.off); off > 0 {
					xdrText(w, fNFSName, off)
				}
			}
		case 4:
			nfsProc(w, fNFSProc4, m)
			if p == 1 {
				nfsCompound(w, m.off)
			}
		}
	})
}

func nfsProc(w *decode.FieldWriter, d *decode.Definition, m rpcBody) {
	w.Value(d, 20, 4, uint64(m.procedure))
	w.Note(nfsProcedure(m.version, m.procedure))
}

// nfsCompound describes the operations of a COMPOUND as far as their lengths are known here, and the names in them.
func nfsCompound(w *decode.FieldWriter, off int) {
	data := w.Data()
	off = xdrSkip(data, off) // a tag
	if off == 0 || off+8 > len(data) {
		return
	}
	count := int(data[off+6])<<8 | int(data[off+7])
	off += 8
	var names [8][2]int // shown behind the operations, so that each list is together
	named := 0
	for i := 0; i < min(count, 32) && off > 0 && off+4 <= len(data); i++ {
		op := w.Enum(fNFSOp, off, 4, nfsOperation)
		off += 4
		switch op {
		case 3: // ACCESS
			off += 4
		case 9: // GETATTR: a list of words
			if off+4 > len(data) {
				off = 0
				break
			}
			off += 4 + 4*int(data[off+3])
		case 10, 16, 24, 31, 32: // GETFH, LOOKUPP, PUTROOTFH, RESTOREFH, SAVEFH
		case 15, 28: // LOOKUP, REMOVE
			next := xdrSkip(data, off)
			if next > 0 && named < len(names) {
				names[named] = [2]int{off, next}
				named++
			}
			off = next
		case 22: // PUTFH
			off = xdrSkip(data, off)
		case 53: // SEQUENCE
			off += 16 + 16
		default:
			off = 0
		}
	}
	for _, n := range names[:named] {
		xdrText(w, fNFSName, n[0])
	}
}

func nfsProcedure(version, n uint32) string {
	switch version {
	case 2:
		return nfsProcedure2(uint64(n))
	case 3:
		return nfsProcedure3(uint64(n))
	}
	return nfsProcedure4(uint64(n))
}

var nfsProcedure2 = decode.Names{
	0: "NULL", 1: "GETATTR", 2: "SETATTR", 3: "ROOT", 4: "LOOKUP", 5: "READLINK", 6: "READ", 7: "WRITECACHE", 8: "WRITE", 9: "CREATE",
	10: "REMOVE", 11: "RENAME", 12: "LINK", 13: "SYMLINK", 14: "MKDIR", 15: "RMDIR", 16: "READDIR", 17: "STATFS",
}.Of

var nfsProcedure3 = decode.Names{
	0: "NULL", 1: "GETATTR", 2: "SETATTR", 3: "LOOKUP", 4: "ACCESS", 5: "READLINK", 6: "READ", 7: "WRITE", 8: "CREATE", 9: "MKDIR", 10: "SYMLINK",
	11: "MKNOD", 12: "REMOVE", 13: "RMDIR", 14: "RENAME", 15: "LINK", 16: "READDIR", 17: "READDIRPLUS", 18: "FSSTAT", 19: "FSINFO",
	20: "PATHCONF", 21: "COMMIT",
}.Of

var nfsProcedure4 = decode.Names{0: "NULL", 1: "COMPOUND"}.Of

var nfsOperation = decode.Names{
	3: "ACCESS", 4: "CLOSE", 5: "COMMIT", 6: "CREATE", 7: "DELEGPURGE", 8: "DELEGRETURN", 9: "GETATTR", 10: "GETFH", 11: "LINK", 12: "LOCK",
	13: "LOCKT", 14: "LOCKU", 15: "LOOKUP", 16: "LOOKUPP", 17: "NVERIFY", 18: "OPEN", 19: "OPENATTR", 20: "OPEN_CONFIRM", 21: "OPEN_DOWNGRADE",
	22: "PUTFH", 23: "PUTPUBFH", 24: "PUTROOTFH", 25: "READ", 26: "READDIR", 27: "READLINK", 28: "REMOVE", 29: "RENAME", 30: "RENEW",
	31: "RESTOREFH", 32: "SAVEFH", 33: "SECINFO", 34: "SETATTR", 35: "SETCLIENTID", 36: "SETCLIENTID_CONFIRM", 37: "VERIFY", 38: "WRITE",
	39: "RELEASE_LOCKOWNER", 40: "BACKCHANNEL_CTL", 41: "BIND_CONN_TO_SESSION", 42: "EXCHANGE_ID", 43: "CREATE_SESSION",
	44: "DESTROY_SESSION", 45: "FREE_STATEID", 46: "GET_DIR_DELEGATION", 47: "GETDEVINFO", 48: "GETDEVLIST", 49: "LAYOUTCOMMIT",
	50: "LAYOUTGET", 51: "LAYOUTRETURN", 52: "SECINFO_NO_NAME", 53: "SEQUENCE", 54: "SET_SSV", 55: "TEST_STATEID", 56: "WANT_DELEGATION",
	57: "DESTROY_CLIENTID", 58: "RECLAIM_COMPLETE", 59: "ALLOCATE", 60: "COPY",
}.Of

var nfsStatus = decode.Names{
	0: "NFS_OK", 1: "ERR_PERM", 2: "ERR_NOENT", 5: "ERR_IO", 6: "ERR_NXIO", 13: "ERR_ACCES", 17: "ERR_EXIST", 18: "ERR_XDEV", 19: "ERR_NODEV",
	20: "ERR_NOTDIR", 21: "ERR_ISDIR", 22: "ERR_INVAL", 27: "ERR_FBIG", 28: "ERR_NOSPC", 30: "ERR_ROFS", 31: "ERR_MLINK",
	63: "ERR_NAMETOOLONG", 66: "ERR_NOTEMPTY", 69: "ERR_DQUOT", 70: "ERR_STALE", 71: "ERR_REMOTE", 10001: "ERR_BADHANDLE",
	10002: "ERR_NOT_SYNC", 10003: "ERR_BAD_COOKIE", 10004: "ERR_NOTSUPP", 10005: "ERR_TOOSMALL", 10006: "ERR_SERVERFAULT", 10007: "ERR_BADTYPE",
	10008: "ERR_DELAY", 10011: "ERR_EXPIRED", 10013: "ERR_GRACE", 10016: "ERR_WRONGSEC", 10022: "ERR_STALE_CLIENTID", 10023: "ERR_STALE_STATEID",
	10025: "ERR_BAD_STATEID", 10052: "ERR_BADSESSION", 10063: "ERR_SEQ_MISORDERED",
}.Of
