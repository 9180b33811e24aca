package packet

import (
	"encoding/binary"
	"net/netip"
	"reflect"
	"strconv"

	"sockwire/raw/wire"
)

// layerKind is what the expression language knows of one kind of layer. Its fields come from the struct's tags.
type layerKind struct {
	name    string
	make    func() Layer
	options map[string]optionKind // what its list field may hold
	aliases map[string]alias      // names for a part of a field
	names   map[string]map[string]uint64
	family  int // bits of its addresses
}

// alias is a name for some bits of a field.
type alias struct {
	field       string
	shift, bits int
}

var protocolNames = map[string]uint64{"hopopts": 0, "icmp": 1, "igmp": 2, "ip": 4, "tcp": 6, "udp": 17, "ip6": 41, "rh": 43,
	"frag": 44, "gre": 47, "esp": 50, "ah": 51, "icmp6": 58, "none": 59, "dstopts": 60, "sctp": 132, "mobility": 135, "udplite": 136, "mpls": 137,
	"hip": 139, "shim6": 140}

var etherTypeNames = map[string]uint64{"ip": wire.EtherTypeIPv4, "arp": wire.EtherTypeARP, "ip6": wire.EtherTypeIPv6, "vlan": wire.EtherTypeVLAN, "qinq": wire.EtherTypeQinQ,
	"mpls": wire.EtherTypeMPLS, "pppoe": wire.EtherTypePPPoE, "eth": wire.EtherTypeTEB}

var icmp4Names = map[string]uint64{"echo": 8, "echoreply": 0, "unreachable": 3, "redirect": 5, "timeexceeded": 11, "paramproblem": 12,
	"timestamp": 13, "timestampreply": 14, "mask": 17, "maskreply": 18, "routeradvert": 9, "routersolicit": 10}

var icmp6Names = map[string]uint64{"unreachable": 1, "toobig": 2, "timeexceeded": 3, "paramproblem": 4, "echo": 128, "echoreply": 129,
	"mldquery": 130, "mldreport": 131, "mlddone": 132, "rs": 133, "ra": 134, "ns": 135, "na": 136, "redirect": 137, "mld2report": 143}

var extensionAliases = map[string]uint64{"mobility": wire.ProtoMobility, "hip": wire.ProtoHIP, "shim6": wire.ProtoShim6}

// layerKinds are the layers with fields, in the order that help shows them.
var layerKinds = []*layerKind{
	{name: "eth", make: func() Layer { return new(Ethernet) }, names: map[string]map[string]uint64{"type": etherTypeNames}},
	{name: "vlan", make: func() Layer { return new(VLAN) }, names: map[string]map[string]uint64{"type": etherTypeNames, "tpid": etherTypeNames}},
	{name: "qinq", make: func() Layer { return &VLAN{TPID: U16(wire.EtherTypeQinQ)} }, names: map[string]map[string]uint64{"type": etherTypeNames, "tpid": etherTypeNames}},
	{name: "mpls", make: func() Layer { return new(MPLS) }},
	{name: "pppoe", make: func() Layer { return new(PPPoE) }},
	{name: "arp", make: func() Layer { return new(ARP) }, family: 32, names: map[string]map[string]uint64{"op": {"request": 1, "reply": 2}, "ptype": etherTypeNames}},
	{name: "ip", make: func() Layer { return new(IPv4) }, family: 32, options: ip4Options, names: map[string]map[string]uint64{"proto": protocolNames},
		aliases: map[string]alias{"dscp": {"tos", 2, 6}, "ecn": {"tos", 0, 2}, "mf": {"flags", 0, 1}, "df": {"flags", 1, 1}, "evil": {"flags", 2, 1}}},
	{name: "ip6", make: func() Layer { return new(IPv6) }, family: 128, names: map[string]map[string]uint64{"nh": protocolNames},
		aliases: map[string]alias{"dscp": {"tc", 2, 6}, "ecn": {"tc", 0, 2}}},
	{name: "hopopts", make: func() Layer { return new(HopByHop) }, options: ip6Options, names: map[string]map[string]uint64{"nh": protocolNames}},
	{name: "dstopts", make: func() Layer { return new(DestinationOptions) }, options: ip6Options, names: map[string]map[string]uint64{"nh": protocolNames}},
	{name: "rh", make: func() Layer { return new(Routing) }, family: 128, names: map[string]map[string]uint64{"nh": protocolNames}},
	{name: "frag", make: func() Layer { return new(Fragment) }, names: map[string]map[string]uint64{"nh": protocolNames}},
	{name: "ext", make: func() Layer { return new(IPv6Extension) }, names: map[string]map[string]uint64{"nh": protocolNames, "proto": protocolNames}},
	{name: "mobility", make: func() Layer { return &IPv6Extension{Protocol: wire.ProtoMobility} }, names: map[string]map[string]uint64{"nh": protocolNames}},
	{name: "hip", make: func() Layer { return &IPv6Extension{Protocol: wire.ProtoHIP} }, names: map[string]map[string]uint64{"nh": protocolNames}},
	{name: "shim6", make: func() Layer { return &IPv6Extension{Protocol: wire.ProtoShim6} }, names: map[string]map[string]uint64{"nh": protocolNames}},
	{name: "ah", make: func() Layer { return new(AH) }, names: map[string]map[string]uint64{"nh": protocolNames}},
	{name: "esp", make: func() Layer { return new(ESP) }},
	{name: "icmp", make: func() Layer { return new(ICMPv4) }, family: 32, names: map[string]map[string]uint64{"type": icmp4Names}},
	{name: "icmp6", make: func() Layer { return new(ICMPv6) }, family: 128, options: ndOptions, names: map[string]map[string]uint64{"type": icmp6Names},
		aliases: map[string]alias{"router": {"flags", 7, 1}, "solicited": {"flags", 6, 1}, "override": {"flags", 5, 1}, "managed": {"flags", 7, 1}, "other": {"flags", 6, 1}}},
	{name: "igmp", make: func() Layer { return new(IGMP) }, family: 32, names: map[string]map[string]uint64{"type": {"query": 0x11, "report1": 0x12, "report2": 0x16, "leave": 0x17, "report3": 0x22}}},
	{name: "udp", make: func() Layer { return new(UDP) }},
	{name: "udplite", make: func() Layer { return new(UDPLite) }},
	{name: "tcp", make: func() Layer { return new(TCP) }, options: tcpOptions},
	{name: "sctp", make: func() Layer { return new(SCTP) }},
	{name: "chunk", make: func() Layer { return new(SCTPChunk) }, names: map[string]map[string]uint64{"type": {"data": 0, "init": 1, "initack": 2, "sack": 3,
		"heartbeat": 4, "heartbeatack": 5, "abort": 6, "shutdown": 7, "shutdownack": 8, "error": 9, "cookieecho": 10, "cookieack": 11, "shutdowncomplete": 14}}},
	{name: "gre", make: func() Layer { return new(GRE) }, names: map[string]map[string]uint64{"proto": etherTypeNames}},
	{name: "vxlan", make: func() Layer { return new(VXLAN) }},
	{name: "geneve", make: func() Layer { return new(Geneve) }, names: map[string]map[string]uint64{"proto": etherTypeNames},
		aliases: map[string]alias{"oam": {"flags", 7, 1}, "critical": {"flags", 6, 1}}},
}

// payloadKinds are the layers without fields.
var payloadKinds = []string{"hex", "text", "random", "pattern", "zero", "file", "lines"}

func kindByName(name string) *layerKind {
	for _, k := range layerKinds {
		if k.name == name {
			return k
		}
	}
	return nil
}

// kindOf returns the kind that a layer is written as.
func kindOf(l Layer) *layerKind {
	switch l := l.(type) {
	case *VLAN:
		if tpid, ok := l.TPID.Get(); ok && tpid == wire.EtherTypeQinQ {
			return kindByName("qinq")
		}
	case *IPv6Extension:
		for name, proto := range extensionAliases {
			if l.Protocol == uint8(proto) {
				return kindByName(name)
			}
		}
	}
	want := reflect.TypeOf(l)
	for _, k := range layerKinds {
		if reflect.TypeOf(k.make()) == want {
			return k
		}
	}
	return nil
}

// field is one field of a layer's struct.
type field struct {
	name  string
	index int
	bits  int // 0: not a scalar
	opt   bool
	addr  bool
	mac   bool
}

// fields returns the fields of a kind, in the order of its struct.
func (k *layerKind) fields() []field {
	t := reflect.TypeOf(k.make()).Elem()
	list := make([]field, 0, t.NumField())
	for i := range t.NumField() {
		list = append(list, k.describeField(t.Field(i), i))
	}
	return list
}

func (k *layerKind) describeField(f reflect.StructField, index int) field {
	d := field{name: f.Tag.Get("field"), index: index}
	switch f.Type {
	case reflect.TypeFor[uint8]():
		d.bits = 8
	case reflect.TypeFor[uint16](), reflect.TypeFor[wire.TCPFlags]():
		d.bits = 16
	case reflect.TypeFor[uint32]():
		d.bits = 32
	case reflect.TypeFor[Opt[uint8]]():
		d.bits, d.opt = 8, true
	case reflect.TypeFor[Opt[uint16]]():
		d.bits, d.opt = 16, true
	case reflect.TypeFor[Opt[uint32]]():
		d.bits, d.opt = 32, true
	case reflect.TypeFor[bool]():
		d.bits = 1
	case reflect.TypeFor[MAC]():
		d.bits, d.mac = 48, true
	case reflect.TypeFor[netip.Addr]():
		d.bits, d.addr = k.family, true
	}
	if n, err := strconv.Atoi(f.Tag.Get("bits")); err == nil {
		d.bits = n
	}
	return d
}

func (k *layerKind) field(name string) (field, bool) {
	for _, f := range k.fields() {
		if f.name == name {
			return f, true
		}
	}
	return field{}, false
}

// target is a place in a layer that scalars are written to: a field, some bits of it, or bytes of an option.
type target struct {
	ptr         any // to the field, or a *[]byte: big-endian bytes
	bits        int
	shift, part int // part is the number of bits from shift that are meant, 0 for all
}

// fieldPtr returns the pointer to a field of a layer.
func fieldPtr(l Layer, index int) any {
	return reflect.ValueOf(l).Elem().Field(index).Addr().Interface()
}

// set writes a value. It does not allocate.
func (t *target) set(s scalar) {
	if t.part != 0 {
		mask := uint64(1)<<t.part - 1
		s = number(t.get().lo&^(mask<<t.shift) | s.lo&mask<<t.shift)
	}
	v := s.lo
	switch p := t.ptr.(type) {
	case *uint8:
		*p = uint8(v)
	case *uint16:
		*p = uint16(v)
	case *uint32:
		*p = uint32(v)
	case *wire.TCPFlags:
		*p = wire.TCPFlags(v)
	case *bool:
		*p = v != 0
	case *Opt[uint8]:
		*p = U8(uint8(v))
	case *Opt[uint16]:
		*p = U16(uint16(v))
	case *Opt[uint32]:
		*p = U32(uint32(v))
	case *MAC:
		for i := range p {
			p[i] = byte(v >> (40 - 8*i))
		}
	case *netip.Addr:
		*p = addrOf(s, t.bits)
	case *[]byte:
		for i := range *p {
			shift := 8 * (len(*p) - 1 - i)
			if shift >= 64 {
				(*p)[i] = byte(s.hi >> (shift - 64))
			} else {
				(*p)[i] = byte(v >> shift)
			}
		}
	}
}

// get reads the value back; only fields of up to 64 bits are asked for in parts.
func (t *target) get() scalar {
	switch p := t.ptr.(type) {
	case *uint8:
		return number(uint64(*p))
	case *uint16:
		return number(uint64(*p))
	case *uint32:
		return number(uint64(*p))
	case *wire.TCPFlags:
		return number(uint64(*p))
	case *bool:
		if *p {
			return number(1)
		}
	case *Opt[uint8]:
		return number(uint64(p.value))
	case *Opt[uint16]:
		return number(uint64(p.value))
	case *Opt[uint32]:
		return number(uint64(p.value))
	case *MAC:
		var v uint64
		for _, c := range p {
			v = v<<8 | uint64(c)
		}
		return number(v)
	case *netip.Addr:
		return scalarOf(*p)
	case *[]byte:
		var s scalar
		for _, c := range *p {
			s = scalar{s.hi<<8 | s.lo>>56, s.lo<<8 | uint64(c)}
		}
		return s
	}
	return scalar{}
}

// clear makes an optional field computed again and reports whether the field is optional.
func (t *target) clear() bool {
	switch p := t.ptr.(type) {
	case *Opt[uint8]:
		*p = Opt[uint8]{}
	case *Opt[uint16]:
		*p = Opt[uint16]{}
	case *Opt[uint32]:
		*p = Opt[uint32]{}
	case *netip.Addr:
		*p = netip.Addr{}
	default:
		return false
	}
	return true
}

func addrOf(s scalar, bits int) netip.Addr {
	if bits == 32 {
		return netip.AddrFrom4([4]byte{byte(s.lo >> 24), byte(s.lo >> 16), byte(s.lo >> 8), byte(s.lo)})
	}
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], s.hi)
	binary.BigEndian.PutUint64(b[8:], s.lo)
	return netip.AddrFrom16(b)
}

func scalarOf(a netip.Addr) scalar {
	switch {
	case a.Is4():
		b := a.As4()
		return number(uint64(binary.BigEndian.Uint32(b[:])))
	case a.IsValid():
		b := a.As16()
		return scalar{binary.BigEndian.Uint64(b[:]), binary.BigEndian.Uint64(b[8:])}
	}
	return scalar{}
}

// Fields returns the layers of the expression language that have fields, and the names of these. It is for help texts
// and their tests.
func Fields() map[string][]string {
	all := map[string][]string{}
	for _, k := range layerKinds {
		for _, f := range k.fields() {
			all[k.name] = append(all[k.name], f.name)
		}
		for a := range k.aliases {
			all[k.name] = append(all[k.name], a)
		}
	}
	return all
}
