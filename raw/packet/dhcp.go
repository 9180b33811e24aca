package packet

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
)

// DHCP is a DHCP or BOOTP message (RFC 2131, section 2) with its options (RFC 2132). The option "end" is written
// behind the others unless one of them is it. A message without Cookie and Options is BOOTP's, which has 64 bytes of
// vendor data instead: they follow as a [Payload].
type DHCP struct {
	Op           uint8       `field:"op"` // 1 of clients, 2 of servers
	HardwareType Opt[uint8]  `field:"htype"`
	HardwareLen  Opt[uint8]  `field:"hlen"`
	Hops         uint8       `field:"hops"`
	XID          uint32      `field:"xid"`
	Seconds      uint16      `field:"secs"`
	Flags        uint16      `field:"flags"` // 0x8000: answer by broadcast
	Client       netip.Addr  `field:"ciaddr"`
	Your         netip.Addr  `field:"yiaddr"`
	Server       netip.Addr  `field:"siaddr"`
	Gateway      netip.Addr  `field:"giaddr"`
	Hardware     MAC         `field:"chaddr"`
	HardwareRest []byte      `field:"chrest"` // of the 16 bytes, behind Hardware
	ServerName   []byte      `field:"sname"`  // up to 64 bytes
	File         []byte      `field:"file"`   // up to 128 bytes
	Cookie       Opt[uint32] `field:"cookie"`
	Options      []Option    `field:"options"`
}

// Options of RFC 2132 that have no length, and the cookie before all of them.
const (
	dhcpPad    = 0
	dhcpEnd    = 255
	dhcpCookie = 0x63825363
	dhcpReply  = 2
)

var dhcpMessageNames = map[string]uint64{"discover": 1, "offer": 2, "request": 3, "decline": 4, "ack": 5, "nak": 6, "release": 7, "inform": 8}

var dhcpOptions = map[string]optionKind{
	"pad":      {typ: dhcpPad, single: true},
	"end":      {typ: dhcpEnd, single: true},
	"mask":     {typ: 1, fixed: 4, fields: []optionField{{name: "addr", bytes: 4, addr: true}}},
	"router":   {typ: 3, fields: []optionField{{name: "addrs", bytes: -4}}},
	"dns":      {typ: 6, fields: []optionField{{name: "addrs", bytes: -4}}},
	"hostname": {typ: 12, fields: []optionField{{name: "name"}}},
	"domain":   {typ: 15, fields: []optionField{{name: "name"}}},
	"mtu":      {typ: 26, fixed: 2, fields: []optionField{{name: "mtu", bytes: 2}}},
	"bcast":    {typ: 28, fixed: 4, fields: []optionField{{name: "addr", bytes: 4, addr: true}}},
	"ntp":      {typ: 42, fields: []optionField{{name: "addrs", bytes: -4}}},
	"vendor":   {typ: 43, fields: []optionField{{name: "data"}}},
	"reqip":    {typ: 50, fixed: 4, fields: []optionField{{name: "addr", bytes: 4, addr: true}}},
	"lease":    {typ: 51, fixed: 4, fields: []optionField{{name: "seconds", bytes: 4}}},
	"overload": {typ: 52, fixed: 1, fields: []optionField{{name: "value", bytes: 1}}},
	"msgtype":  {typ: 53, fixed: 1, fields: []optionField{{name: "type", bytes: 1, names: dhcpMessageNames}}},
	"serverid": {typ: 54, fixed: 4, fields: []optionField{{name: "addr", bytes: 4, addr: true}}},
	"params":   {typ: 55, fields: []optionField{{name: "list"}}},
	"message":  {typ: 56, fields: []optionField{{name: "text"}}},
	"maxsize":  {typ: 57, fixed: 2, fields: []optionField{{name: "size", bytes: 2}}},
	"t1":       {typ: 58, fixed: 4, fields: []optionField{{name: "seconds", bytes: 4}}},
	"t2":       {typ: 59, fixed: 4, fields: []optionField{{name: "seconds", bytes: 4}}},
	"class":    {typ: 60, fields: []optionField{{name: "name"}}},
	"clientid": {typ: 61, fields: []optionField{{name: "id"}}},
	"tftp":     {typ: 66, fields: []optionField{{name: "name"}}},
	"bootfile": {typ: 67, fields: []optionField{{name: "name"}}},
	"relay":    {typ: 82, fields: []optionField{{name: "data"}}},
	"search":   {typ: 119, fields: []optionField{{name: "names"}}},
	"routes":   {typ: 121, fields: []optionField{{name: "data"}}},
}

func (*DHCP) layer() {}

func (h *DHCP) append(b []byte) (_ []byte, err error) {
	b = append(b, h.Op, h.HardwareType.Or(1), h.HardwareLen.Or(6), h.Hops)
	b = binary.BigEndian.AppendUint32(b, h.XID)
	b = append16(b, h.Seconds, h.Flags)
	if b, err = appendAddrs(b, 32, h.Client, h.Your, h.Server, h.Gateway); err != nil {
		return b, err
	}
	b = append(b, h.Hardware[:]...)
	for _, f := range [...]struct {
		name string
		data []byte
		size int
	}{{"HardwareRest", h.HardwareRest, 10}, {"ServerName", h.ServerName, 64}, {"File", h.File, 128}} {
		if len(f.data) > f.size {
			return b, fmt.Errorf("%s has %d bytes, %d fit", f.name, len(f.data), f.size)
		}
		b = append(b, f.data...)
		b = append(b, make([]byte, f.size-len(f.data))...)
	}
	if !h.Cookie.given && h.Options == nil {
		return b, nil
	}
	b = binary.BigEndian.AppendUint32(b, h.Cookie.Or(dhcpCookie))
	return appendOptionsDHCP(b, h.Options)
}

// appendOptionsDHCP writes options whose length counts the data alone, and the end.
func appendOptionsDHCP(b []byte, options []Option) (_ []byte, err error) {
	ended := false
	for i := range options {
		o := &options[i]
		ended = ended || o.Type == dhcpEnd
		if b, err = appendOption(b, o, o.Type == dhcpPad || o.Type == dhcpEnd, 0); err != nil {
			return b, err
		}
	}
	if !ended {
		b = append(b, dhcpEnd)
	}
	return b, nil
}

func (h *DHCP) read(r *reader) content {
	h.Op, h.HardwareType, h.HardwareLen, h.Hops = r.u8(), U8(r.u8()), U8(r.u8()), r.u8()
	h.XID, h.Seconds, h.Flags = r.u32(), r.u16(), r.u16()
	for _, a := range [...]*netip.Addr{&h.Client, &h.Your, &h.Server, &h.Gateway} {
		if v := r.addr4(); !v.IsUnspecified() { // which is what leaving it out means
			*a = v
		}
	}
	h.Hardware = r.mac()
	h.HardwareRest, h.ServerName, h.File = r.unpadded(10), r.unpadded(64), r.unpadded(128)
	if r.left() < 5 || binary.BigEndian.Uint32(r.b[r.pos:]) != dhcpCookie {
		return content{} // BOOTP
	}
	r.u32()
	h.Options = []Option{}
	for !r.bad {
		o := Option{Type: r.u8()}
		if o.Type == dhcpEnd {
			break // which is written unasked; what follows is padding
		}
		if o.Type != dhcpPad {
			o.Data = r.bytes(int(r.u8()))
		}
		h.Options = append(h.Options, o)
	}
	return content{}
}

// unpadded reads n bytes and leaves out the zeros at their end.
func (r *reader) unpadded(n int) []byte {
	b := r.bytes(n)
	for len(b) > 0 && b[len(b)-1] == 0 {
		b = b[:len(b)-1]
	}
	return slices.Clip(b)
}
