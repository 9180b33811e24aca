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
	// dst and src are where a link header with Ethernet-like addresses has them.
	dst, src uint32
	vlans    int
	labels   int
	lane     bool // the link header is in LAN emulation
	// encap: the link header was found inside Geneve or VXLAN and may be missing.
	encap bool
}

func newLayout(link capture.LinkType) (layout, error) {
	l := layout{link: link, hdr: at(0), src: 6}
	switch link {
	case capture.LinkEthernet:
		l.typ, l.pl, l.nlNoSNAP = at(12), at(14), 3
	case capture.LinkDSA, capture.LinkDSABroadcom: // a tag of 4 bytes behind the addresses
		l.typ, l.pl, l.nlNoSNAP = at(16), at(18), 3
	case capture.LinkNetAnalyzer:
		l.hdr, l.typ, l.pl, l.nlNoSNAP = at(4), at(16), at(18), 3
	case capture.LinkNetAnalyzerPlain:
		l.hdr, l.typ, l.pl, l.nlNoSNAP = at(12), at(24), at(26), 3
	case capture.LinkFDDI:
		l.typ, l.pl, l.nl, l.nlNoSNAP, l.dst, l.src = at(13), at(13), 8, 3, 1, 7
	case capture.LinkTokenRing: // without a route, as libpcap takes it
		l.typ, l.pl, l.nl, l.nlNoSNAP, l.dst, l.src = at(14), at(14), 8, 3, 2, 8
	case capture.LinkIPOverFC:
		l.typ, l.pl, l.nl, l.nlNoSNAP, l.dst, l.src = at(16), at(16), 8, 3, 2, 10
	case capture.LinkATM:
		l.typ, l.pl, l.nl, l.nlNoSNAP = at(0), at(0), 8, 3
	case capture.LinkSunATM:
		l.typ, l.pl, l.nl, l.nlNoSNAP = at(4), at(4), 8, 3
	case capture.LinkARCNET:
		l.typ, l.pl = at(2), at(6)
	case capture.LinkARCNETLinux:
		l.typ, l.pl = at(4), at(8)
	case capture.LinkSLIP:
		l.typ, l.pl = at(0), at(16)
	case capture.LinkSLIPBSDOS:
		l.typ, l.pl = at(0), at(24)
	case capture.LinkENC:
		l.typ, l.pl = at(0), at(12)
	case capture.LinkIPNet:
		l.typ, l.pl = at(1), at(24)
	case capture.LinkPFLog:
		l.typ, l.pl = at(1), offset{varLinkEnd, 0}
	case capture.LinkFrameRelay: // an address of two bytes, the control and the NLPID
		l.typ, l.pl = at(2), at(4)
	case capture.LinkSymantec:
		l.typ, l.pl = at(6), at(44)
	case capture.LinkAppleIEEE1394:
		l.typ, l.pl = at(16), at(18)
	case capture.LinkPPPBSDOS:
		l.typ, l.pl = at(5), at(24)
	case capture.LinkLocalTalk, capture.LinkMSTP, capture.LinkMTP2, capture.LinkMTP2WithHeader:
		l.typ, l.pl = at(0), at(0)
	case capture.LinkNull, capture.LinkLoop:
		l.typ, l.pl = at(0), at(4)
	case capture.LinkPPP, capture.LinkPPPHDLC, capture.LinkPPPPPPD, capture.LinkCHDLC:
		l.typ, l.pl = at(2), at(4)
	case capture.LinkPPPEthernet:
		l.typ, l.pl = at(6), at(8)
	case capture.LinkRaw, capture.LinkIPv4, capture.LinkIPv6:
		l.typ, l.pl = at(0), at(0)
	case capture.LinkLinuxSLL:
		l.typ, l.pl = at(14), at(16)
	case capture.LinkLinuxSLL2:
		l.typ, l.pl = at(0), at(20)
	case capture.LinkIEEE80211, capture.LinkIEEE80211Radio, capture.LinkPrism, capture.LinkAVS, capture.LinkPPI:
		// The type is behind LLC and SNAP; the 802.11 header's length depends on the frame.
		l.typ, l.pl, l.nl, l.nlNoSNAP = at(24), offset{varWlanPayload, 0}, 8, 3
		if link != capture.LinkIEEE80211 {
			l.hdr.v = varLinkEnd
		}
	default:
		return l, fmt.Errorf("filter: link type %s is not supported", link)
	}
	return l, nil
}

// The first variables are fixed; Geneve and VXLAN take more, three for each.
const (
	varLinkEnd     = iota // length of the header before that of 802.11, or of pflog's
	varWlanPayload        // where the 802.11 header ends
	varVLAN               // 4 once a live filter found the VLAN tag in band, or looked for it
	varScratch            // between the parts of one primitive
	varHeader             // of protochain: where the next header starts
	varProtocol           // and what it is
	firstFreeVar
)

// variableNames are what the fixed variables measure, for people.
var variableNames = map[uint32]string{
	varLinkEnd: "the radiotap header", varWlanPayload: "the 802.11 header",
	varVLAN: "the VLAN tag where it is in the frame", varHeader: "the headers before it",
}

// isWlan tells whether the link header is 802.11.
func (l *layout) isWlan() bool {
	switch l.link {
	case capture.LinkIEEE80211, capture.LinkIEEE80211Radio, capture.LinkPrism, capture.LinkAVS, capture.LinkPPI:
		return true
	}
	return false
}

// isEthernet tells whether the link header is that of Ethernet, perhaps with a switch's tag in it.
func (l *layout) isEthernet() bool {
	switch l.link {
	case capture.LinkEthernet, capture.LinkDSA, capture.LinkDSABroadcom, capture.LinkNetAnalyzer, capture.LinkNetAnalyzerPlain:
		return true
	}
	return false
}

// isLLC tells whether an LLC header follows each link header.
func (l *layout) isLLC() bool {
	switch l.link {
	case capture.LinkFDDI, capture.LinkTokenRing, capture.LinkIPOverFC, capture.LinkATM, capture.LinkSunATM:
		return true
	}
	return false
}

// hasMAC tells whether the link header has Ethernet-like addresses.
func (l *layout) hasMAC() bool { return l.isEthernet() || l.isWlan() || l.isLLC() && l.dst > 0 }

// node is where ARCNET and MS/TP have their addresses of a byte, and what broadcasts go to.
func (l *layout) node() (dst, src, broadcast uint32, ok bool) {
	switch l.link {
	case capture.LinkARCNET, capture.LinkARCNETLinux:
		return 1, 0, 0, true
	case capture.LinkMSTP:
		return 3, 4, 0xff, true
	}
	return 0, 0, 0, false
}

// isPPP tells whether the type field is a PPP protocol number.
func (l *layout) isPPP() bool {
	switch l.link {
	case capture.LinkPPP, capture.LinkPPPHDLC, capture.LinkPPPEthernet, capture.LinkPPPPPPD, capture.LinkPPPBSDOS:
		return true
	}
	return false
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
