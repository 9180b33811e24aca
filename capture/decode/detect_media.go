package decode

// stunCookie is the magic cookie of RFC 8489.
const stunCookie = 0x2112a442

func isSTUN(b []byte, port bool) bool {
	return len(b) >= 20 && b[0]&0xc0 == 0 && be32(b[4:]) == stunCookie
}
