package filter

import (
	"fmt"

	"sockwire/capture"
	"sockwire/raw/wire"
)

// offset is where a header starts: a constant and, where its place differs from packet to packet, a
// variable.
type offset struct {
	v int // -1: none
	k uint32
}

func at(k uint32) offset { return offset{-1, k} }

// layout is what is known, at one place of the expression, of the headers before it. Primitives such as
// vlan and geneve change it for everything written after them.
type layout struct {
	link capture.LinkType
	// hdr is the link-layer header, typ its type field, pl its payload.
	hdr, typ, pl offset
	// nl is where the network header starts in the payload, nlNoSNAP the same where an LLC header without
	// SNAP is before it.
	nl, nlNoSNAP uint32
	vlans        int
	labels       int
	// encap: the link header was found inside Geneve or VXLAN and may be missing.
	encap bool
}

func newLayout(link capture.LinkType) (layout, error) {
	l := layout{link: link, hdr: at(0)}
	switch link {
	case capture.LinkEthernet:
		l.typ, l.pl, l.nlNoSNAP = at(12), at(14), 3
	case capture.LinkNull, capture.LinkLoop:
		l.typ, l.pl = at(0), at(4)
	case capture.LinkPPP, capture.LinkPPPHDLC:
		l.typ, l.pl = at(2), at(4)
	case capture.LinkPPPEthernet:
		l.typ, l.pl = at(6), at(8)
	case capture.LinkRaw, capture.LinkIPv4, capture.LinkIPv6:
		l.typ, l.pl = at(0), at(0)
	case capture.LinkLinuxSLL:
		l.typ, l.pl = at(14), at(16)
	case capture.LinkLinuxSLL2:
		l.typ, l.pl = at(0), at(20)
	case capture.LinkIEEE80211, capture.LinkIEEE80211Radio:
		// The type is behind LLC and SNAP; the 802.11 header's length depends on the frame.
		l.typ, l.pl, l.nl, l.nlNoSNAP = at(24), offset{varWlanPayload, 0}, 8, 3
		if link == capture.LinkIEEE80211Radio {
			l.hdr.v = varRadioEnd
		}
	default:
		return l, fmt.Errorf("filter: link type %s is not supported", link)
	}
	return l, nil
}

// The first variables are fixed; Geneve and VXLAN take more, three for each.
const (
	varRadioEnd    = iota // length of the radiotap header
	varWlanPayload        // where the 802.11 header ends
	varVLAN               // 4 once a live filter found the VLAN tag in band, or looked for it
	varScratch            // between the parts of one primitive
	varHeader             // of protochain: where the next header starts
	varProtocol           // and what it is
	firstFreeVar
)

// variableNames are what the fixed variables measure, for people.
var variableNames = map[uint32]string{
	varRadioEnd: "the radiotap header", varWlanPayload: "the 802.11 header",
	varVLAN: "the VLAN tag where it is in the frame", varHeader: "the headers before it",
}

// isWlan tells whether the link header is 802.11.
func (l *layout) isWlan() bool {
	return l.link == capture.LinkIEEE80211 || l.link == capture.LinkIEEE80211Radio
}

// hasMAC tells whether the link header has Ethernet-like addresses.
func (l *layout) hasMAC() bool { return l.link == capture.LinkEthernet || l.isWlan() }

// isPPP tells whether the type field is a PPP protocol number.
func (l *layout) isPPP() bool {
	return l.link == capture.LinkPPP || l.link == capture.LinkPPPHDLC || l.link == capture.LinkPPPEthernet
}

// pppType is the PPP protocol number for an EtherType or service access point.
func pppType(v uint32) uint32 {
	if ppp, ok := pppTypes[v]; ok {
		return ppp
	}
	return v
}

var pppTypes = map[uint32]uint32{
	wire.EtherTypeIPv4: wire.PPPIPv4, wire.EtherTypeIPv6: wire.PPPIPv6, wire.EtherTypeDECnet: wire.PPPDECnet,
	wire.EtherTypeAppleTalk: wire.PPPAtalk, wire.EtherTypeNS: wire.PPPNS,
	wire.SAPISO: wire.PPPOSI, wire.SAPSTP: wire.PPPBridge, wire.SAPIPX: wire.PPPIPX,
}
