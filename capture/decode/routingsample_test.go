package decode_test

import (
	"strings"

	"sockwire/capture/decode"
)

func init() {
	strange = append(strange, routingStrange...)
	appSamples = append(appSamples, routingSamples...)
	for _, key := range strings.Fields(routingOurs) {
		ours[key] = true
	}
}

// routingOurs are keys of fields that tshark has no name for, or none on its own.
const routingOurs = `ospf.v3.prefix_bytes pim.options pim.option_data pim.group_mask_len ospf.request ospf.lsas ospf.lsa.link ospf.v3.prefix bgp.message bgp.prefix bgp.withdrawn bgp.cap.value bgp.nlri_label bgp.nlri_rd bgp.nlri_data
bgp.update.path_attribute.community_hex bgp.ext_com bgp.large_community bgp.update.path_attribute.value
bgp.notify.minor_error_code bgp.update.path_attribute.mp_reach_nlri.next_hop.bytes radius.avp.value.text radius.avp.value.integer radius.avp.value.address
radius.avp.value rip.entry hsrp2.tlv hsrp2.tlv.type hsrp2.tlv.length ldp.pdu ldp.message ldp.tlv ldp.fec ldp.msg.tlv.data
ldp.msg.tlv.fec.prefix
ldp.msg.tlv.addrl.address`

// routingStrange are files on which tshark and we may differ, with the reason.
var routingStrange = []strangeFile{
	{"bgp-aigp-oobr", "bgp.", "tshark goes on in a broken attribute in another way"},
	{"bgp-as-path-oobr", "bgp.", "tshark puts the messages of several segments together, and goes on in broken ones"},
	{"bgp-ub", "bgp.", "tshark goes on in a broken attribute in another way"},
	{"tok2str-oobr-1", "bgp.", "tshark goes on in a broken message"},
	{"bgp-extended-optional-parameters-length", "bgp.", "tshark 4.0 does not know RFC 9072"},
	{"ldp-infinite-loop", "ldp.", "tshark stops at a message of an unknown type"},
	{"radius_rfc5447_invalid_length", "radius.", "tshark shows no attribute where one is wrong"},
	{"ospf", "ospf.lsa.id", "tshark has other names for the two parts of an opaque Link State ID"},
	{"", "ospf.v3.address_prefix.ipv6", "the bytes of a shorter prefix have a key of their own, and are not copied to fill them up"},
	{"PIM-DM_pruning", "pim.", "State-Refresh messages are named only"},
	{"PIMv2_bootstrap", "pim.", "the groups of a Bootstrap message are not taken apart"},
	{"pim-packet-assortment", "pim.", "messages of rare types are named only"},
	{"pimv2-oobr", "pim.", "tshark reads an option of a wrong length as if it were right"},
	{"ospf-sr", "ospf.prefix_length", "the prefix is inside of an opaque LSA"},
	{"ospf6_print_lshdr-oobr", "ospf.", "tshark stops in another place of a broken message"},
	{"bgp-rt-prefix", "bgp.prefix_length", "the route of a route target is no prefix"},
	{"bgp-bgp_capabilities_print", "bgp.", "tshark goes on in a message that ends too early"},
}

const bgpMarker = "ffffffffffffffffffffffffffffffff"

var routingSamples = []appSample{
	{decode.TypeBGP, true, unhex(bgpMarker + "002d 01 04 5ba0 00b4 c0000201 10 02 0e 0104 0001 0001 0200 4104 0000fde9" +
		bgpMarker + "0013 04"),
		"BGP: Open version 4, AS 65001, hold time 180, id 192.0.2.1; Keepalive"},
	{decode.TypeBGP, true, unhex(bgpMarker + "0037 02 0004 18 c63364 0018 40 01 01 00 40 02 0a 02 02 0000fde9 0000fdea 40 03 04 c0000201 18 cb0071"),
		"BGP: Update, withdrawn 198.51.100.0/24, origin IGP, path 65001 65002, next hop 192.0.2.1, reachable 203.0.113.0/24"},
	{decode.TypeBGP, true, unhex(bgpMarker + "0035 02 0000 001e 90 0e 001a 0002 01 10 20010db8000000000000000000000001 00 20 20010db8"),
		"BGP: Update, IPv6 unicast next hop 2001:db8::1 2001:db8::/32"},
	{decode.TypeBGP, true, unhex(bgpMarker + "0019 03 06 02 03 62 1b 65"), `BGP: Notification Cease, Administrative Shutdown "b\x1be"`},
	{decode.TypeBGP, true, unhex(bgpMarker + "0017 05 0001 00 01" + bgpMarker + "0017 02 0000 0000"),
		"BGP: Route Refresh IPv4 unicast; Update end of RIB IPv4 unicast"},
	{decode.TypeRADIUS, false, unhex("01 05 0025 000102030405060708090a0b0c0d0e0f 01 05 75 1b 65 04 06 c0000201 06 06 00000001"),
		`RADIUS, Access-Request, id 0x5, user "u\x1be", NAS 192.0.2.1`},
	{decode.TypeRIP, false, unhex("02 02 0000 0002 0000 c0000200 ffffff00 00000000 00000003 ffff 0002 70617373" + strings.Repeat("00", 12)),
		"RIPv2, Response, 192.0.2.0/24 metric 3, authentication simple password"},
	{decode.TypeRIP, false, unhex("01 01 0000 0000 0000 00000000 00000000 00000000 00000010"), "RIPv1, Request, whole table"},
	{decode.TypeRIPng, false, unhex("02 01 0000 20010db8000000000000000000000000 0000 20 01"), "RIPngv1, Response, 2001:db8::/32 metric 1"},
	{decode.TypeBFD, false, unhex("20 c8 05 18 00000001 00000002 0000c350 0000c350 00000000"),
		"BFDv1, Control, State Up, flags [C], mult 5, my 0x1, your 0x2, tx 50 ms, rx 50 ms"},
	{decode.TypeHSRP, false, unhex("00 00 10 03 0a 78 01 00 636973636f000000 c0000201"),
		"HSRPv0-hello state=active group=1 addr=192.0.2.1 hellotime=3 holdtime=10 priority=120"},
	{decode.TypeHSRP, false, unhex("01 28 02 00 06 04 0001 020000000001 00000064 00000bb8 00002710 c0000201" + strings.Repeat("00", 12)),
		"HSRPv2-hello state=active group=1 addr=192.0.2.1 priority=100"},
	{decode.TypeLDP, false, unhex("0001 001e c0000201 0000 0100 0014 00000001 0400 0004 000f 0000 0401 0004 c0000201"),
		"LDP, LSR 192.0.2.1:0, Hello hold 15 transport 192.0.2.1"},
	{decode.TypeLDP, true, unhex("0001 0021 c0000201 0000 0400 0017 00000002 0100 0007 02 0001 18 cb0071 0200 0004 00000010"),
		"LDP, LSR 192.0.2.1:0, Label Mapping 203.0.113.0/24 label 16"},
}
