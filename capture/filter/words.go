package filter

import (
	"maps"

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
	shifts    bool     // what is written after it is looked for behind it
	noHeader  bool     // it looks at no header
	protocols []string // that may stand before it
	notInside string   // what it is about, which "anywhere:" does not look at
	says      string   // what it means; %d is the number
}

// numberAfter says whether a number follows a keyword.
type numberAfter uint8

const (
	noNumber numberAfter = iota
	mayNumber
	mustNumber
	ownSyntax // more than a number: the parser has a function for it
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
}
