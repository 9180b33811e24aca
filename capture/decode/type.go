package decode

import (
	"sockwire/capture"
	"sockwire/raw/wire"
)

// Type is the kind of a layer.
type Type uint16

// Layer types. TypePayload is what no decoder here knows, or the bytes that a transport carries.
const (
	TypeNone Type = iota
	TypePayload
	TypeFragment // the bytes of a fragment that does not start with the upper header

	TypeEthernet
	TypeVLAN
	TypeLLC
	TypeSNAP
	TypeSLL
	TypeSLL2
	TypeNull
	TypeLoop
	TypePPP
	TypeHDLC // Cisco's framing on serial lines
	TypePPPoE
	TypeMPLS
	TypeIEEE80211
	TypeRadiotap
	TypeSTP
	TypeLLDP
	TypeARP
	TypeSLARP // how Cisco's serial lines find addresses and see that the other end lives
	TypeDSA   // Marvell's switches
	TypeEDSA
	TypeBroadcom       // tag of Broadcom's switches behind the Ethernet addresses
	TypeBroadcomPrefix // and before them
	TypeARCNET
	TypeARCNETLinux
	TypeSLIP
	TypeFrameRelay
	TypeJuniper
	TypeUSB // Linux usbmon, 48 bytes
	TypeUSBMmapped
	TypeUSBPcap
	TypeHCI     // Bluetooth's packets between host and controller
	TypeHCIPHDR // with their direction
	TypeCAN
	TypeNFLOG
	TypePKTAP
	TypeVSOCK
	TypeIEEE802154
	TypePFLog
	TypePPI
	TypePrism
	TypeAVS
	TypeTokenRing
	TypeFDDI
	TypeMTP2
	TypeMTP2PHDR
	TypeSunATM
	TypeMSTP
	TypeIPoIB
	TypeIPNet
	TypeENC
	TypeFibreChannel
	TypeSymantec
	TypeIEEE1394
	TypeLocalTalk
	TypeNetAnalyzer

	TypeIPv4
	TypeIPv6
	TypeIPv6HopByHop
	TypeIPv6Routing
	TypeIPv6Fragment
	TypeIPv6Destination
	TypeIPv6Mobility
	TypeAH
	TypeESP

	TypeICMPv4
	TypeICMPv6
	TypeICMPExtension // the RFC 4884 extension structure of an ICMP error
	TypeIGMP
	TypeTCP
	TypeUDP
	TypeUDPLite
	TypeSCTP
	TypeDCCP
	TypeGRE
	TypeVXLAN
	TypeGeneve
	TypeVRRP
	TypeOSPF
	TypePIM

	firstApplication // and what package app shows, see TypeDNS
)

// kind is what is known of a type of layer.
type kind struct {
	name, title string  // see Type.String and Type.Title
	size        int     // bytes of the header that reading it starts from
	then        showing // of what the layer carries
}

// showing is how a line goes on behind a layer.
type showing uint8

const (
	showNext    showing = iota // with the next layer
	showCarried                // with what a transport carries, but for mere bytes
	showNothing                // not at all
)

var kinds = [firstApplication]kind{
	TypeNone:            {name: "none", title: "None"},
	TypePayload:         {name: "payload", title: "Payload"},
	TypeFragment:        {name: "fragment", title: "Fragment data"},
	TypeEthernet:        {name: "eth", title: "Ethernet", size: 14},
	TypeVLAN:            {name: "vlan", title: "802.1Q VLAN", size: 4},
	TypeLLC:             {name: "llc", title: "Logical-Link Control", size: 3},
	TypeSNAP:            {name: "snap", title: "SNAP", size: 5},
	TypeSLL:             {name: "sll", title: "Linux cooked capture v1", size: 16},
	TypeSLL2:            {name: "sll2", title: "Linux cooked capture v2", size: 20},
	TypeNull:            {name: "null", title: "BSD loopback", size: 4},
	TypeLoop:            {name: "loop", title: "OpenBSD loopback", size: 4},
	TypePPP:             {name: "ppp", title: "PPP", size: 1},
	TypeHDLC:            {name: "chdlc", title: "Cisco HDLC", size: 4},
	TypePPPoE:           {name: "pppoe", title: "PPPoE", size: 6},
	TypeMPLS:            {name: "mpls", title: "MPLS", size: 4},
	TypeIEEE80211:       {name: "wlan", title: "IEEE 802.11", size: 10},
	TypeRadiotap:        {name: "radiotap", title: "Radiotap", size: 8},
	TypeSTP:             {name: "stp", title: "Spanning Tree", size: 4},
	TypeLLDP:            {name: "lldp", title: "LLDP", size: 2},
	TypeARP:             {name: "arp", title: "ARP", size: 8},
	TypeSLARP:           {name: "slarp", title: "Cisco SLARP", size: 14},
	TypeDSA:             {name: "dsa", title: "Marvell DSA", size: 18},
	TypeEDSA:            {name: "edsa", title: "Marvell EDSA", size: 22},
	TypeBroadcom:        {name: "brcm", title: "Broadcom tag", size: 18},
	TypeBroadcomPrefix:  {name: "brcm.prepend", title: "Broadcom tag", size: 4},
	TypeARCNET:          {name: "arcnet", title: "ARCNET", size: 3},
	TypeARCNETLinux:     {name: "arcnet_linux", title: "ARCNET", size: 5},
	TypeSLIP:            {name: "slip", title: "SLIP", size: 16},
	TypeFrameRelay:      {name: "fr", title: "Frame Relay", size: 2},
	TypeJuniper:         {name: "juniper", title: "Juniper", size: 4},
	TypeUSB:             {name: "usb", title: "USB (usbmon)", size: 48},
	TypeUSBMmapped:      {name: "usb.mmapped", title: "USB (usbmon)", size: 64},
	TypeUSBPcap:         {name: "usbpcap", title: "USB (USBPcap)", size: 27},
	TypeHCI:             {name: "hci_h4", title: "Bluetooth HCI H4", size: 1},
	TypeHCIPHDR:         {name: "hci_h4.phdr", title: "Bluetooth HCI H4", size: 5},
	TypeCAN:             {name: "can", title: "CAN", size: 8},
	TypeNFLOG:           {name: "nflog", title: "Netfilter log", size: 4},
	TypePKTAP:           {name: "pktap", title: "PKTAP", size: 108},
	TypeVSOCK:           {name: "vsock", title: "Linux vsock", size: 32},
	TypeIEEE802154:      {name: "wpan", title: "IEEE 802.15.4", size: 2},
	TypePFLog:           {name: "pflog", title: "OpenBSD pf log", size: 48},
	TypePPI:             {name: "ppi", title: "Per-Packet Information", size: 8},
	TypePrism:           {name: "prism", title: "Prism capture header", size: 8},
	TypeAVS:             {name: "wlancap", title: "AVS capture header", size: 64},
	TypeTokenRing:       {name: "tr", title: "Token Ring", size: 14},
	TypeFDDI:            {name: "fddi", title: "FDDI", size: 13},
	TypeMTP2:            {name: "mtp2", title: "MTP 2", size: 3},
	TypeMTP2PHDR:        {name: "mtp2.phdr", title: "MTP 2 pseudo-header", size: 4},
	TypeSunATM:          {name: "atm", title: "ATM (SunATM)", size: 4},
	TypeMSTP:            {name: "mstp", title: "BACnet MS/TP", size: 8},
	TypeIPoIB:           {name: "ipoib", title: "IP over InfiniBand", size: 44},
	TypeIPNet:           {name: "ipnet", title: "Solaris ipnet", size: 24},
	TypeENC:             {name: "enc", title: "OpenBSD enc", size: 12},
	TypeFibreChannel:    {name: "fc", title: "IP over Fibre Channel", size: 16},
	TypeSymantec:        {name: "symantec", title: "Symantec firewall", size: 44},
	TypeIEEE1394:        {name: "ieee1394", title: "IP over IEEE 1394", size: 18},
	TypeLocalTalk:       {name: "llap", title: "LocalTalk", size: 3},
	TypeNetAnalyzer:     {name: "netanalyzer", title: "netANALYZER", size: 4},
	TypeIPv4:            {name: "ip", title: "IPv4", size: 20},
	TypeIPv6:            {name: "ipv6", title: "IPv6", size: 40},
	TypeIPv6HopByHop:    {name: "ipv6.hopopts", title: "IPv6 hop-by-hop options"},
	TypeIPv6Routing:     {name: "ipv6.routing", title: "IPv6 routing header"},
	TypeIPv6Fragment:    {name: "ipv6.fraghdr", title: "IPv6 fragment header", size: 8},
	TypeIPv6Destination: {name: "ipv6.dstopts", title: "IPv6 destination options"},
	TypeIPv6Mobility:    {name: "mipv6", title: "IPv6 mobility header"},
	TypeAH:              {name: "ah", title: "Authentication Header", size: 12},
	TypeESP:             {name: "esp", title: "Encapsulating Security Payload", size: 8},
	TypeICMPv4:          {name: "icmp", title: "ICMPv4", then: showNothing},
	TypeICMPv6:          {name: "icmpv6", title: "ICMPv6", then: showNothing},
	TypeICMPExtension:   {name: "icmp.ext", title: "ICMP extensions"},
	TypeIGMP:            {name: "igmp", title: "IGMP", size: 8},
	TypeTCP:             {name: "tcp", title: "TCP", then: showCarried},
	TypeUDP:             {name: "udp", title: "UDP", size: 8, then: showCarried},
	TypeUDPLite:         {name: "udplite", title: "UDP-Lite", size: 8, then: showCarried},
	TypeSCTP:            {name: "sctp", title: "SCTP", then: showCarried},
	TypeDCCP:            {name: "dccp", title: "DCCP", then: showCarried},
	TypeGRE:             {name: "gre", title: "GRE", size: 4},
	TypeVXLAN:           {name: "vxlan", title: "VXLAN", size: 8},
	TypeGeneve:          {name: "geneve", title: "Geneve", size: 8},
	TypeVRRP:            {name: "vrrp", title: "VRRP", size: 8},
	TypeOSPF:            {name: "ospf", title: "OSPF", size: 16, then: showCarried},
	TypePIM:             {name: "pim", title: "PIM", size: 4, then: showCarried},
}

// Network reports whether the layer carries the addresses of an Endpoint: IPv4 or IPv6.
func (t Type) Network() bool { return t == TypeIPv4 || t == TypeIPv6 }

// Transport reports whether the layer begins with a source and a destination port.
func (t Type) Transport() bool {
	switch t {
	case TypeTCP, TypeUDP, TypeUDPLite, TypeSCTP, TypeDCCP:
		return true
	}
	return false
}

// What the rows of the registry announce by numbers; newFinders fills it, and functions of rows may ask it.
var (
	etherTypes [1 << 16]Type
	pppTypes   map[uint16]Type
	sapTypes   [256]Type
	snapTypes  map[uint64]Type
	linkTypes  map[capture.LinkType]Type
	ppidTypes  map[uint32]Type
	sctpTypes  map[uint16]Type
)

// etherType returns the layer that an EtherType announces.
func etherType(t uint16) Type {
	switch t {
	case wire.EtherTypeIPv4:
		return TypeIPv4
	case wire.EtherTypeIPv6:
		return TypeIPv6
	case wire.EtherTypeARP, wire.EtherTypeRARP:
		return TypeARP
	case wire.EtherTypeVLAN, wire.EtherTypeQinQ, wire.EtherTypeQinQOld:
		return TypeVLAN
	case wire.EtherTypeMPLS, wire.EtherTypeMPLSMC:
		return TypeMPLS
	case wire.EtherTypePPPoEDisc, wire.EtherTypePPPoE:
		return TypePPPoE
	case wire.EtherTypeLLDP:
		return TypeLLDP
	case wire.EtherTypeTEB:
		return TypeEthernet
	}
	if t := etherTypes[t]; t != TypeNone {
		return t
	}
	return TypePayload
}

// ipProtocols are the layers that the IP protocol numbers announce.
var ipProtocols = [256]Type{
	wire.ProtoTCP: TypeTCP, wire.ProtoUDP: TypeUDP, wire.ProtoUDPLite: TypeUDPLite,
	wire.ProtoSCTP: TypeSCTP, wire.ProtoDCCP: TypeDCCP,
	wire.ProtoICMP: TypeICMPv4, wire.ProtoICMPv6: TypeICMPv6, wire.ProtoIGMP: TypeIGMP,
	wire.ProtoIPv4: TypeIPv4, wire.ProtoIPv6: TypeIPv6, wire.ProtoEthernet: TypeEthernet, wire.ProtoGRE: TypeGRE,
	wire.ProtoHopByHop: TypeIPv6HopByHop, wire.ProtoRouting: TypeIPv6Routing, wire.ProtoFragment: TypeIPv6Fragment,
	wire.ProtoDstOpts: TypeIPv6Destination, wire.ProtoMobility: TypeIPv6Mobility,
	wire.ProtoAH: TypeAH, wire.ProtoESP: TypeESP,
	wire.ProtoVRRP: TypeVRRP, wire.ProtoOSPF: TypeOSPF, wire.ProtoPIM: TypePIM,
}

// ipProtocol returns the layer that an IP protocol number announces.
func ipProtocol(n uint8) Type {
	if t := ipProtocols[n]; t != TypeNone {
		return t
	}
	return TypePayload
}
