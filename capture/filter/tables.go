package filter

import (
	"maps"
	"slices"
)

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
		"bar": 0x80, "ba": 0x90, "ps-poll": 0xa0, "rts": 0xb0,
		"cts": wlanCTS, "ack": wlanACK, "cf-end": 0xe0, "cf-end-ack": 0xf0,
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

// Reasons and actions of pf. The systems that have it gave some numbers two meanings.
var (
	pfReasons = map[string]uint32{
		"match": 0, "bad-offset": 1, "fragment": 2, "short": 3, "normalize": 4, "memory": 5, "bad-timestamp": 6, "congestion": 7,
		"ip-option": 8, "proto-cksum": 9, "state-mismatch": 10, "state-insert": 11, "state-limit": 12, "src-limit": 13,
		"synproxy": 14, "map-failed": 15, "state-locked": 15, "translate": 15, "dummynet": 15, "no-route": 16,
	}
	pfActions = map[string]uint32{
		"pass": 0, "accept": 0, "drop": 1, "block": 1, "scrub": 2, "noscrub": 3, "nat": 4, "nonat": 5, "binat": 6, "nobinat": 7,
		"rdr": 8, "nordr": 9, "synproxy-drop": 10, "defer": 11, "match": 12, "divert": 13, "rt": 14, "afrt": 15,
	}
)

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
