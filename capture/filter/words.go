package filter

import (
	"maps"

	"sockwire/capture"
	"sockwire/raw/wire"
)

// The keywords that are conditions of their own. To add one that names a protocol, add a row here. To add another, add
// a row and say in lower.go what it tests. The lists of the tests have them all too.

// protocolWord is a keyword that names a protocol. Alone it is the condition that the frame carries it; qualifiers and
// offsets may follow.
type protocolWord struct {
	proto     uint32   // IP protocol
	version   string   // the IP that it is looked for in: "ip", "ip6", "" for both
	etherType uint32   // or what it is on the link
	sap       uint32   // a service access point of LLC
	nlpid     uint32   // behind ISO's service access point
	pdus      []uint32 // types of IS-IS (ISO/IEC 10589), in the order in which they are tested
	title     string   // for people, where it is not the word in capitals
}

var protocolWords = map[string]protocolWord{
	"tcp": {proto: wire.ProtoTCP}, "udp": {proto: wire.ProtoUDP}, "sctp": {proto: wire.ProtoSCTP},
	"ah": {proto: wire.ProtoAH}, "esp": {proto: wire.ProtoESP}, "pim": {proto: wire.ProtoPIM},
	"icmp": {proto: wire.ProtoICMP, version: "ip"}, "igmp": {proto: wire.ProtoIGMP, version: "ip"},
	"igrp": {proto: wire.ProtoEIGRP, version: "ip"},
	"vrrp": {proto: wire.ProtoVRRP, version: "ip"}, "carp": {proto: wire.ProtoVRRP, version: "ip"},
	"icmp6": {proto: wire.ProtoICMPv6, version: "ip6", title: "ICMPv6"},

	"ip": {etherType: wire.EtherTypeIPv4, title: "IPv4"}, "ip6": {etherType: wire.EtherTypeIPv6, title: "IPv6"},
	"arp": {etherType: wire.EtherTypeARP}, "rarp": {etherType: wire.EtherTypeRARP},
	"atalk": {etherType: wire.EtherTypeAppleTalk}, "aarp": {etherType: wire.EtherTypeAARP},
	"decnet": {etherType: wire.EtherTypeDECnet}, "sca": {etherType: wire.EtherTypeSCA},
	"lat":   {etherType: wire.EtherTypeLAT},
	"mopdl": {etherType: wire.EtherTypeMOPDL}, "moprc": {etherType: wire.EtherTypeMOPRC},

	"iso": {sap: wire.SAPISO}, "stp": {sap: wire.SAPSTP}, "ipx": {sap: wire.SAPIPX}, "netbeui": {sap: wire.SAPNetBEUI},
	"esis": {nlpid: nlpidESIS}, "isis": {nlpid: nlpidISIS}, "clnp": {nlpid: nlpidCLNP},
	"l1": {pdus: []uint32{15, 17, 18, 24, 26}}, "l2": {pdus: []uint32{16, 17, 20, 25, 27}},
	"iih": {pdus: []uint32{15, 16, 17}},
	"lsp": {pdus: []uint32{18, 20}}, "snp": {pdus: []uint32{24, 25, 26, 27}},
	"csnp": {pdus: []uint32{24, 25}}, "psnp": {pdus: []uint32{26, 27}},

	// These two are no conditions alone.
	"link": {}, "radio": {},
}

// ISO network layer protocol identifiers (ISO/IEC TR 9577).
const (
	nlpidCLNP = 0x81
	nlpidESIS = 0x82
	nlpidISIS = 0x83
)

// The numbers of protocol words, those that have one.
var (
	ipProtocols = numbersOf(func(w protocolWord) uint32 { return w.proto })
	etherTypes  = numbersOf(func(w protocolWord) uint32 { return w.etherType })
	saps        = numbersOf(func(w protocolWord) uint32 { return w.sap })
	nlpids      = numbersOf(func(w protocolWord) uint32 { return w.nlpid })
)

func numbersOf(number func(protocolWord) uint32) map[string]uint32 {
	m := map[string]uint32{}
	for name, w := range protocolWords {
		if n := number(w); n != 0 {
			m[name] = n
		}
	}
	return m
}

// linkProtocols are the names that "link proto" takes, beside numbers.
var linkProtocols = func() map[string]uint32 {
	m := map[string]uint32{"lldp": wire.EtherTypeLLDP, "loopback": wire.EtherTypeLoop, "slow": wire.EtherTypeSlow}
	maps.Copy(m, etherTypes)
	maps.Copy(m, saps)
	return m
}()

// specialWord is a keyword that is a condition neither by the name of a protocol nor by qualifiers.
type specialWord struct {
	number    numberAfter
	limit     uint32 // of the number, 0 for none
	limitOf   string
	shifts    bool               // what is written after it is looked for behind it
	noHeader  bool               // it looks at no header
	protocols []string           // that may stand before it
	links     []capture.LinkType // that alone have it
	notInside string             // what it is about, which "anywhere:" does not look at
	says      string             // what it means; %d is the number
}

// numberAfter says whether a number follows a keyword.
type numberAfter uint8

const (
	noNumber numberAfter = iota
	mayNumber
	mustNumber
	ownSyntax // more than a number: the parser has a function for it
	compared  // a number, an operator and one, or several in parentheses
	name      // a name, as it stands in the packet
	named     // a name for a number
)

const (
	aboutLink  = "the link header"
	aboutOuter = "a header that 'anywhere:' passes by"
)

var specialWords = map[string]specialWord{
	"less":     {number: mustNumber, noHeader: true, says: "it is at most %d bytes long"},
	"greater":  {number: mustNumber, noHeader: true, says: "it is at least %d bytes long"},
	"ifindex":  {number: mustNumber, noHeader: true, says: "it is ifindex %d"},
	"inbound":  {noHeader: true, says: "it is inbound"},
	"outbound": {noHeader: true, says: "it is outbound"},
	"pppoed":   {notInside: aboutLink, says: "it is pppoed"},
	"vlan": {number: mayNumber, limit: 0xfff, limitOf: "VLAN identifier", shifts: true, notInside: aboutOuter,
		says: "it has a VLAN tag"},
	"mpls": {number: mayNumber, limit: 0xfffff, limitOf: "MPLS label", shifts: true, notInside: aboutOuter,
		says: "it has an MPLS label"},
	"pppoes": {number: mayNumber, limit: 0xffff, limitOf: "PPPoE session", shifts: true, notInside: aboutOuter,
		says: "it has a PPPoE session"},
	"geneve": {number: mayNumber, limit: 0xffffff, limitOf: "Geneve VNI", shifts: true, notInside: aboutOuter,
		says: "it has Geneve"},
	"vxlan": {number: mayNumber, limit: 0xffffff, limitOf: "VXLAN VNI", shifts: true, notInside: aboutOuter,
		says: "it has VXLAN"},
	"broadcast": {protocols: []string{"link", "ip"}, notInside: aboutLink},
	"multicast": {protocols: []string{"link", "ip", "ip6"}, notInside: aboutLink},
	"byte":      {number: ownSyntax, notInside: aboutLink},
	"llc":       {number: ownSyntax, notInside: aboutLink},
	"type":      {number: ownSyntax, notInside: aboutLink},
	"subtype":   {number: ownSyntax, notInside: aboutLink},
	"dir":       {number: ownSyntax, notInside: aboutLink},

	"fisu": ss7("it is a fill-in signal unit"), "lssu": ss7("it is a link status signal unit"),
	"msu":   ss7("it is a message signal unit"),
	"hfisu": ss7("it is a fill-in signal unit of a fast link"), "hlssu": ss7("it is a link status signal unit of a fast link"),
	"hmsu": ss7("it is a message signal unit of a fast link"),
	"sio":  ss7Field(0xff), "opc": ss7Field(0x3fff), "dpc": ss7Field(0x3fff), "sls": ss7Field(0xf),
	"hsio": ss7Field(0xff), "hopc": ss7Field(0x3fff), "hdpc": ss7Field(0x3fff), "hsls": ss7Field(0xf),

	"lane":  {links: onATM, shifts: true, notInside: aboutLink, says: "it is LAN emulation"},
	"metac": atmWord("it is of the meta-signalling circuit"), "bcc": atmWord("it is of the broadcast circuit"),
	"oam": atmWord("it is OAM F4"), "oamf4": atmWord("it is OAM F4"), "oamf4ec": atmWord("it is end-to-end OAM F4"),
	"oamf4sc": atmWord("it is segment OAM F4"), "sc": atmWord("it is of the signalling circuit"),
	"ilmic": atmWord("it is of the ILMI circuit"), "connectmsg": atmWord("it is a message about a connection"),
	"metaconnect": atmWord("it is a meta-signalling message about a connection"),
	"vpi":         {links: onATM, number: compared, limit: 0xff, limitOf: "VPI", notInside: aboutLink},
	"vci":         {links: onATM, number: compared, limit: 0xffff, limitOf: "VCI", notInside: aboutLink},

	"ifname": {links: onPF, number: name, notInside: aboutLink}, "rset": {links: onPF, number: name, notInside: aboutLink},
	"rnr":    {links: onPF, number: mustNumber, notInside: aboutLink, says: "rule %d of pf decided on it"},
	"srnr":   {links: onPF, number: mustNumber, notInside: aboutLink, says: "rule %d of an anchor of pf decided on it"},
	"reason": {links: onPF, number: named, notInside: aboutLink}, "action": {links: onPF, number: named, notInside: aboutLink},
}

var (
	onSS7 = []capture.LinkType{capture.LinkMTP2, capture.LinkMTP2WithHeader}
	onATM = []capture.LinkType{capture.LinkSunATM}
	onPF  = []capture.LinkType{capture.LinkPFLog}
)

func ss7(says string) specialWord { return specialWord{links: onSS7, notInside: aboutLink, says: says} }

func ss7Field(limit uint32) specialWord {
	return specialWord{links: onSS7, number: compared, limit: limit, limitOf: "a field of SS7", notInside: aboutLink}
}

func atmWord(says string) specialWord {
	return specialWord{links: onATM, notInside: aboutLink, says: says}
}
