package decode

import (
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"

	"sockwire/capture"
	"sockwire/raw/wire"
)

// TestPseudoHeader: the checksum of a transport covers the addresses of the first source and the last destination, not
// those of the hops that options and extension headers name (RFC 791 section 3.1, RFC 8200 section 8.1, RFC 6275
// section 6.1).
func TestPseudoHeader(t *testing.T) {
	const (
		four  = "45000000 0001 0000 40 11 0000 c0000201 c0000202"
		six   = "60000000 0000 0040 20010db8000000000000000000000001 20010db8000000000000000000000002"
		a, b  = "20010db800000000000000000000000a", "20010db800000000000000000000000b"
		start = "20010db8000000000000000000000001"
		end   = "20010db8000000000000000000000002"
	)
	for name, c := range map[string]struct {
		header   string // the first next header byte of IPv6 in it is set by next
		next     byte
		src, dst string
	}{
		"IPv4":                  {four, 17, "c0000201", "c0000202"},
		"loose source route":    {"47" + four[2:] + "83 07 04 c6336409 00", 17, "c0000201", "c6336409"},
		"strict, two hops":      {"48" + four[2:] + "89 0b 04 c6336407 c6336409 00", 17, "c0000201", "c6336409"},
		"route behind a no-op":  {"48" + four[2:] + "01 83 07 04 c6336409 00 000000", 17, "c0000201", "c6336409"},
		"route used up":         {"47" + four[2:] + "83 07 08 c6336409 00", 17, "c0000201", "c0000202"},
		"record route":          {"47" + four[2:] + "07 07 04 c6336409 00", 17, "c0000201", "c0000202"},
		"IPv6":                  {six, 17, start, end},
		"routing type 0":        {six + "11 04 00 02 00000000" + a + b, 43, start, b},
		"routing type 2":        {six + "11 02 02 01 00000000" + a, 43, start, a},
		"segment routing":       {six + "11 04 04 01 01 00 0000" + a + b, 43, start, a},
		"no segments left":      {six + "11 04 00 00 00000000" + a + b, 43, start, end},
		"unknown routing type":  {six + "11 02 07 01 00000000" + a, 43, start, end},
		"home address":          {six + "11 02 0102 0000 c9 10" + a, 60, a, end},
		"home address and more": {six + "2b 02 0102 0000 c9 10" + a + "11 02 02 01 00000000" + b, 60, a, b},
	} {
		for proto, transport := range map[byte]string{
			17: "0001 0009 000c 0000 61626364", 6: "0001 0009 00000001 00000000 5002 0001 0000 0000", 136: "0001 0009 0000 0000 61626364",
		} {
			head, err := hex.DecodeString(strings.ReplaceAll(c.header, " ", ""))
			if err != nil {
				t.Fatal(err)
			}
			body, _ := hex.DecodeString(strings.ReplaceAll(transport, " ", ""))
			src, _ := hex.DecodeString(c.src)
			dst, _ := hex.DecodeString(c.dst)
			sum := wire.Sum(0).Add(src).Add(dst).Add16(uint16(proto)).Add16(uint16(len(body))).Add(body).Checksum()
			at := 6
			if proto == 6 {
				at = 16
			}
			binary.BigEndian.PutUint16(body[at:], sum)
			link := capture.LinkIPv4
			if len(src) == 4 {
				head[9] = proto
				binary.BigEndian.PutUint16(head[2:], uint16(len(head)+len(body)))
			} else {
				link = capture.LinkIPv6
				head[6] = c.next
				binary.BigEndian.PutUint16(head[4:], uint16(len(head)-40+len(body)))
				if c.next == 17 {
					head[6] = proto
				} else {
					last := 40
					for head[last] != 17 {
						last += 8 + 8*int(head[last+1])
					}
					head[last] = proto
				}
			}
			for damage, want := range []Checksum{ChecksumGood, ChecksumBad} {
				data := append(append([]byte(nil), head...), body...)
				data[len(data)-1] ^= byte(damage)
				var d Decoder
				var p Packet
				if err := d.Decode(capture.Frame{Data: data, Length: len(data), Link: link}, &p); err != nil {
					t.Fatalf("%s, protocol %d: %v", name, proto, err)
				}
				for _, l := range p.Layers() {
					if l.Type.Transport() && l.Checksum != want {
						t.Errorf("%s, protocol %d, damaged %d: %v", name, proto, damage, l.Checksum)
					}
				}
				if n := testing.AllocsPerRun(10, func() { d.Decode(capture.Frame{Data: data, Length: len(data), Link: link}, &p) }); n > 0 {
					t.Errorf("%s: %v allocations", name, n)
				}
			}
		}
	}
}
