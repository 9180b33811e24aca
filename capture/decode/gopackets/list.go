package gopackets

import (
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"sockwire/capture/decode"
)

// entry is a protocol that gopacket takes apart for us.
type entry struct {
	decode.Type
	first gopacket.LayerType   // what its bytes are handed to
	then  []gopacket.LayerType // what that may hand on to
	// functions lets it hand on to functions that have no type: those of its own file.
	functions bool
	makes     []made // the layers that come out
}

// made is a struct of gopacket, and the key that its fields have before their names.
type made struct {
	layer  any
	prefix string
}

// list is all that gopacket is asked. How each is reached is its row in the registry of package decode; the captures are
// made here, see samples of the tests, because the shared corpus has none of them.
//
//	ectp     EtherType 0x9000                    the loopback test of Ethernet 2.0
//	rudp     IP protocol 27                      RFC 908, RFC 1151
//	ndp      SNAP 00:00:81, 0x01a2               Nortel's discovery
//	lcm      "LC02" and "LC03" in any datagram   Lightweight Communications and Marshalling
//	rmcp     UDP 623 and 664                     ASF 2.0, IPMI
//	asf      in RMCP, enterprise 4542            presence ping and pong
//	etherip  IP protocol 97                      RFC 3378; the frame inside is decoded here
//
// Not in the list, for the reasons in brackets: sFlow (takes all memory on a hostile length), DNS, TLS, SCTP, GRE, IPv6
// extension headers, 802.11, OSPF and others that are read here, with places to the bit.
var list = []*entry{
	{Type: decode.TypeECTP, first: layers.LayerTypeEthernetCTP, functions: true, makes: []made{
		{layers.EthernetCTP{}, "ectp"}, {layers.EthernetCTPForwardData{}, "ectp.forward"}, {layers.EthernetCTPReply{}, "ectp.reply"},
	}},
	{Type: decode.TypeRUDP, first: layers.LayerTypeRUDP, makes: []made{{layers.RUDP{}, "rudp"}}},
	{Type: decode.TypeNortelDiscovery, first: layers.LayerTypeNortelDiscovery, makes: []made{{layers.NortelDiscovery{}, "ndp"}}},
	{Type: decode.TypeLCM, first: layers.LayerTypeLCM, makes: []made{{layers.LCM{}, "lcm"}}},
	{Type: decode.TypeRMCP, first: layers.LayerTypeRMCP, makes: []made{{layers.RMCP{}, "rmcp"}}},
	{Type: decode.TypeASF, first: layers.LayerTypeASF, then: []gopacket.LayerType{layers.LayerTypeASFPresencePong}, makes: []made{
		{layers.ASF{}, "asf"}, {layers.ASFPresencePong{}, "asf.pong"},
	}},
	{Type: decode.TypeEtherIP, first: layers.LayerTypeEtherIP, makes: []made{{layers.EtherIP{}, "etherip"}}},
}

var byType = index()

func index() map[decode.Type]*entry {
	m := make(map[decode.Type]*entry, len(list))
	for _, e := range list {
		m[e.Type] = e
	}
	return m
}
