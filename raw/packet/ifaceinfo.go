package packet

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// interfaceInfo is what an interface information object of an ICMP extension says (RFC 5837). The bits of the object's
// type say which parts it has.
type interfaceInfo struct {
	role             uint8 // of the interface: 0 received the packet, 1 a part of it, 2 was to send it, 3 next hop
	index, mtu       uint32
	hasIndex, hasMTU bool
	addr             netip.Addr
	name             string
	hasName          bool
}

// The class of the object, and the bits of its type.
const (
	classInterface = 2
	infoIndex      = 8
	infoAddr       = 4
	infoName       = 2
	infoMTU        = 1
	maxInfoName    = 63 // with its length byte, padded to a multiple of four
)

func (i *interfaceInfo) object() (o ICMPExtension) {
	o.Class, o.CType = classInterface, i.role<<6
	if i.hasIndex {
		o.CType |= infoIndex
		o.Data = binary.BigEndian.AppendUint32(o.Data, i.index)
	}
	if i.addr.IsValid() {
		o.CType |= infoAddr
		family := byte(1) // address family numbers (IANA)
		if i.addr.Is6() {
			family = 2
		}
		o.Data = append(append(o.Data, 0, family, 0, 0), i.addr.AsSlice()...)
	}
	if i.hasName {
		o.CType |= infoName
		size := (len(i.name) + 4) &^ 3
		start := len(o.Data)
		o.Data = appendPadded(append(append(o.Data, byte(size)), i.name...), nil, start, 4)
	}
	if i.hasMTU {
		o.CType |= infoMTU
		o.Data = binary.BigEndian.AppendUint32(o.Data, i.mtu)
	}
	return o
}

// readInterfaceInfo reads an object; what does not build it again is found out by the caller.
func readInterfaceInfo(o *ICMPExtension) (i interfaceInfo, ok bool) {
	r := reader{b: o.Data}
	i.role = o.CType >> 6
	if i.hasIndex = o.CType&infoIndex != 0; i.hasIndex {
		i.index = r.u32()
	}
	if o.CType&infoAddr != 0 {
		if r.u32() == 1<<16 {
			i.addr = r.addr4()
		} else {
			i.addr = r.addr6()
		}
	}
	if i.hasName = o.CType&infoName != 0; i.hasName {
		i.name = strings.TrimRight(string(r.bytes(int(r.u8())-1)), "\x00")
	}
	if i.hasMTU = o.CType&infoMTU != 0; i.hasMTU {
		i.mtu = r.u32()
	}
	return i, !r.bad && r.left() == 0
}

func (i *interfaceInfo) format() string {
	parts := []string{fmt.Sprintf("role=%d", i.role)}
	if i.hasIndex {
		parts = append(parts, fmt.Sprintf("ifindex=%d", i.index))
	}
	if i.addr.IsValid() {
		parts = append(parts, "addr="+i.addr.String())
	}
	if i.hasName {
		parts = append(parts, "name="+strconv.QuoteToASCII(i.name))
	}
	if i.hasMTU {
		parts = append(parts, fmt.Sprintf("mtu=%d", i.mtu))
	}
	return "iface{" + strings.Join(parts, ", ") + "}"
}
