package table

import (
	"encoding/binary"
	"net/netip"

	"sockwire/capture/decode"
)

// texts remembers the addresses that were written last as texts: most come again.
type texts struct {
	ip  [4096]ipText
	mac [1024]macText
}

type ipText struct {
	address netip.Addr
	text    string
	bytes   string
}

type macText struct {
	address [6]byte
	text    string
}

// ofIP returns an address as text and as 16 bytes, which nobody may change.
func (t *texts) ofIP(a netip.Addr) *ipText {
	b := a.As16()
	h := (binary.LittleEndian.Uint64(b[:]) ^ binary.LittleEndian.Uint64(b[8:])) * 0x9e3779b97f4a7c15
	e := &t.ip[h>>52]
	if e.address != a || e.text == "" {
		*e = ipText{address: a, text: a.String(), bytes: string(b[:])}
	}
	return e
}

// ofMAC returns a hardware address of 6 bytes as text.
func (t *texts) ofMAC(b []byte) string {
	if len(b) != 6 {
		return string(decode.AppendMAC(nil, b))
	}
	h := (uint64(binary.LittleEndian.Uint32(b)) ^ uint64(binary.LittleEndian.Uint16(b[4:]))<<13) * 0x9e3779b97f4a7c15
	e := &t.mac[h>>54]
	if e.text == "" || e.address != [6]byte(b) {
		*e = macText{[6]byte(b), string(decode.AppendMAC(nil, b))}
	}
	return e.text
}
