package filter

import (
	"maps"
	"slices"
)

// EtherTypes, see IEEE 802 numbers.
const (
	etherNS     = 0x0600
	etherIPv4   = 0x0800
	etherARP    = 0x0806
	etherMOPDL  = 0x6001
	etherMOPRC  = 0x6002
	etherDECnet = 0x6003
	etherLAT    = 0x6004
	etherSCA    = 0x6007
	etherTEB    = 0x6558 // transparent Ethernet bridging
	etherRARP   = 0x8035
	etherAtalk  = 0x809b
	etherAARP   = 0x80f3
	etherVLAN   = 0x8100
	etherIPX    = 0x8137
	etherIPv6   = 0x86dd
	etherSlow   = 0x8809
	etherMPLS   = 0x8847
	etherMPLSmc = 0x8848
	etherPPPoED = 0x8863
	etherPPPoES = 0x8864
	etherVLANad = 0x88a8
	etherLLDP   = 0x88cc
	etherLoop   = 0x9000
	etherQinQ   = 0x9100

	// etherMaxLength is the largest value of the type field that is a length (IEEE 802.3).
	etherMaxLength = 1500
)

// LLC service access points and control bytes (IEEE 802.2).
const (
	sapIP      = 0x06
	sapSTP     = 0x42
	sapSNAP    = 0xaa
	sapIPX     = 0xe0
	sapNetBEUI = 0xf0
	sapISO     = 0xfe
)

// PPP protocol numbers.
const (
	pppIPv4   = 0x0021
	pppOSI    = 0x0023
	pppNS     = 0x0025
	pppDECnet = 0x0027
	pppAtalk  = 0x0029
	pppIPX    = 0x002b
	pppBridge = 0x0031
	pppIPv6   = 0x0057
	pppMPLS   = 0x0281
)

// ISO network layer protocol identifiers (ISO/IEC TR 9577).
const (
	nlpidCLNP = 0x81
	nlpidESIS = 0x82
	nlpidISIS = 0x83
)

const (
	protoFragment = 44
	protoAH       = 51
	protoNone     = 59

	portGeneve = 6081
	portVXLAN  = 4789
)

// ipProtocols are the numbers of the keywords that name an IP protocol.
var ipProtocols = map[string]uint32{
	"icmp": 1, "igmp": 2, "tcp": 6, "udp": 17, "esp": 50, "ah": protoAH, "icmp6": 58, "igrp": 88, "pim": 103,
	"vrrp": 112, "carp": 112, "sctp": 132,
}

// etherTypes are the numbers of the keywords that name an EtherType.
var etherTypes = map[string]uint32{
	"ip": etherIPv4, "ip6": etherIPv6, "arp": etherARP, "rarp": etherRARP, "atalk": etherAtalk, "aarp": etherAARP,
	"decnet": etherDECnet, "sca": etherSCA, "lat": etherLAT, "mopdl": etherMOPDL, "moprc": etherMOPRC,
}

// linkProtocols are the names that "link proto" takes, beside numbers.
var linkProtocols = func() map[string]uint32 {
	m := map[string]uint32{"lldp": etherLLDP, "loopback": etherLoop, "slow": etherSlow}
	maps.Copy(m, etherTypes)
	maps.Copy(m, saps)
	return m
}()

var saps = map[string]uint32{"iso": sapISO, "stp": sapSTP, "ipx": sapIPX, "netbeui": sapNetBEUI}

var nlpids = map[string]uint32{"esis": nlpidESIS, "isis": nlpidISIS, "clnp": nlpidCLNP}

// isisTypes are the PDU types (ISO/IEC 10589) of the keywords, in the order in which they are tested.
var isisTypes = map[string][]uint32{
	"l1": {15, 17, 18, 24, 26}, "l2": {16, 17, 20, 25, 27}, "iih": {15, 16, 17}, "lsp": {18, 20},
	"snp": {24, 25, 26, 27}, "csnp": {24, 25}, "psnp": {26, 27},
}

const isisTypeMask = 0x1f

// 802.11 frame control, first byte.
const (
	wlanManagement = 0x00
	wlanControl    = 0x04
	wlanData       = 0x08
	wlanQoS        = 0x80

	wlanTypeMask    = 0x0c
	wlanSubtypeMask = 0xf0

	wlanToDS    = 0x01 // second byte
	wlanFromDS  = 0x02
	wlanDirMask = 0x03
	wlanCTS     = 0xc0
	wlanACK     = 0xd0
)

var wlanTypes = map[string]uint32{
	"mgt": wlanManagement, "management": wlanManagement, "ctl": wlanControl, "control": wlanControl, "data": wlanData,
}

var wlanDirs = map[string]uint32{"nods": 0, "tods": wlanToDS, "fromds": wlanFromDS, "dstods": wlanToDS | wlanFromDS}

var wlanSubtypes = map[uint32]map[string]uint32{
	wlanManagement: {
		"assocreq": 0x00, "assoc-req": 0x00, "assocresp": 0x10, "assoc-resp": 0x10, "reassocreq": 0x20, "reassoc-req": 0x20,
		"reassocresp": 0x30, "reassoc-resp": 0x30, "probereq": 0x40, "probe-req": 0x40, "proberesp": 0x50, "probe-resp": 0x50,
		"beacon": 0x80, "atim": 0x90, "disassoc": 0xa0, "disassociation": 0xa0, "auth": 0xb0, "authentication": 0xb0,
		"deauth": 0xc0, "deauthentication": 0xc0,
	},
	wlanControl: {
		"bar": 0x80, "ba": 0x90, "ps-poll": 0xa0, "rts": 0xb0, "cts": wlanCTS, "ack": wlanACK, "cf-end": 0xe0, "cf-end-ack": 0xf0,
	},
	wlanData: {
		"data": 0x00, "data-cf-ack": 0x10, "data-cf-poll": 0x20, "data-cf-ack-poll": 0x30, "null": 0x40, "cf-ack": 0x50,
		"cf-poll": 0x60, "cf-ack-poll": 0x70, "qos-data": 0x80, "qos-data-cf-ack": 0x90, "qos-data-cf-poll": 0xa0,
		"qos-data-cf-ack-poll": 0xb0, "qos": 0xc0, "qos-cf-poll": 0xe0, "qos-cf-ack-poll": 0xf0,
	},
}

// llcTypes are the values of the LLC control byte under a mask.
var llcTypes = map[string]struct{ value, mask uint32 }{
	"i": {0x00, 0x01}, "s": {0x01, 0x03}, "u": {0x03, 0x03},
	"rr": {0x01, 0x0f}, "rnr": {0x05, 0x0f}, "rej": {0x09, 0x0f},
	"ui": {0x03, 0xef}, "ua": {0x63, 0xef}, "disc": {0x43, 0xef}, "dm": {0x0f, 0xef}, "sabme": {0x6f, 0xef},
	"test": {0xe3, 0xef}, "xid": {0xaf, 0xef}, "frmr": {0x87, 0xef},
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// Offsets of the Linux extensions of classic BPF, from linux/filter.h. A load at one of these reads
// what the kernel knows about the packet instead of a byte of it.
const (
	extBase        = 0xfffff000
	extProtocol    = extBase + 0
	extPktType     = extBase + 4
	extIfindex     = extBase + 8
	extNLAttr      = extBase + 12
	extNLAttrNest  = extBase + 16
	extMark        = extBase + 20
	extQueue       = extBase + 24
	extHatype      = extBase + 28
	extRxhash      = extBase + 32
	extCPU         = extBase + 36
	extXorX        = extBase + 40
	extVLANTag     = extBase + 44
	extVLANPresent = extBase + 48
	extPayOffset   = extBase + 52
	extRandom      = extBase + 56
	extVLANTPID    = extBase + 60
)

// PacketOutgoing is the packet type of frames that the capturing host sent (linux/if_packet.h).
const packetOutgoing = 4
