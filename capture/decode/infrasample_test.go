package decode_test

import (
	"strings"

	"sockwire/capture/decode"
)

var _ = judgeAlso("osi isis isis.csnp isis.hello isis.lsp isis.psnp esis clnp rsvp eigrp slow lacp marker ossp oampdu cdp vtp dtp udld "+
	"cfm eapol wlan_rsna_eapol eap macsec ptp cflow sflow", strings.Fields(infraOurs), infraStrange...)

// infraOurs are keys of fields that tshark has no name for, or none on its own.
const infraOurs = `isis.hello.area isis.lsp.area isis.csnp.area isis.psnp.area eap.type_data
isis.clv.value isis.snp.entry isis.lsp.reachability isis.lsp.metric isis.lsp.prefix isis.lsp.prefix_length
isis.lsp.mask isis.lsp.neighbor_id esis.address clnp.dst clnp.src rsvp.objects rsvp.session.address
rsvp.session.ext_tunnel rsvp.hop.address rsvp.time_values rsvp.sender.address rsvp.session_attribute.session_name
rsvp.error.error_node rsvp.object_data eigrp.tlv eigrp.prefix eigrp.tlv_value lacp.tlv marker.tlv_type cdp.tlv
cdp.tlv.value dtp.tlv dtp.status dtp.trunk_type dtp.tlv_value udld.tlv udld.tlv.value cfm.maid cfm.tlv.value
ptp.v2.correction ptp.v2.logmessageperiod_raw ptp.v2.timestamp.seconds ptp.v2.timestamp.nanoseconds
ptp.v2.requestingportidentity cflow.sysuptime_ms cflow.flow cflow.first_ms cflow.last_ms cflow.set cflow.template
cflow.template_field cflow.template_field_pen cflow.set_data sflow_245.uptime_ms sflow.sample sflow.sample.sequence
sflow.record sflow.record.format sflow.record.length sflow.record.data isis.hello.clv isis.lsp.clv isis.csnp.clv
isis.csnp.area_address isis.csnp.clv_nlpid.nlpid isis.csnp.clv_ipv4_int_addr isis.csnp.clv_ipv6_int_addr isis.psnp.clv
isis.psnp.area_address isis.psnp.clv_nlpid.nlpid isis.psnp.clv_ipv4_int_addr isis.psnp.clv_ipv6_int_addr`

// infraStrange are files on which tshark and we may differ, with the reason.
var infraStrange = []strangeFile{
	{"", "cdp.software_version", "tshark shows the lines of the text as one"},
	{"esis_snpa_asan", "esis.", "behind the NLPID of frame relay it is named no further"},
	{"isis_stlv_asan", "isis.", "behind the NLPID of frame relay it is named no further"},
	{"isoclns", "", "behind the NLPID of frame relay it is named no further"},
	{"PIM_register", "pim.", "tshark shows group and source of a join a second time"},
	{"sflow", "", "tshark takes the sampled headers and counters apart too"},
	{"spb", "isis.lsp.overload", "tshark has the bit of multi-topology under this key too"},
	{"udld-inf-loop", "udld.", "tshark goes on after a TLV of length 0"},
	{"rsvp-infinite-loop", "rsvp.", "tshark shows an object of length 0"},
	{"LACP", "lacp.tlv_", "tshark shows the terminator too"},
	{"PIM-SM_join_prune", "pim.", "tshark shows group and source of a join a second time"},
	{"RADIUS", "eap.", "EAP inside of RADIUS is left as bytes"},
	{"eapon1", "eap.identity", "the identity inside of EAP-SIM is left as bytes"},
	{"eigrp-tlv-oobr", "eigrp.", "tshark stops at a TLV of a wrong length"},
	{"ipv6_missing_", "eigrp.", "we take a frame of more than 65,575 bytes with payload length 0 for a super-packet"},
	{"isis-extd-ipreach-oobr", "isis.", "tshark stops at a broken TLV"},
	{"kday", "cfm.", "tshark stops at a version of CFM that there is not"},
	{"macsec-snap", "macsec.", "tshark shows nothing of a SecTAG that the snaplen cuts"},
}

var _ = moreSamples(
	appSample{decode.TypeISIS, false, unhex("83 1b 01 00 10 01 00 00 02 192016801001 001e 0025 40 19201680100102" + "81 02 cc8e 06 06 020000000001"),
		"IS-IS, L2 LAN Hello, source 1920.1680.1001, holding time 30, priority 64, LAN 1920.1680.1001.02"},
	appSample{decode.TypeISIS, false, unhex("83 1b 01 00 12 01 00 00 0022 04b0 1920168010010000 00000007 abcd 01" + "89 05 72311b6162"),
		`IS-IS, L1 LSP, LSP 1920.1680.1001.00-00, seq 0x7, lifetime 1200s, hostname "r1\x1bab"`},
	appSample{decode.TypeISIS, false, unhex("83 21 01 00 18 01 00 00 0033 19201680100100 0000000000000000 ffffffffffffffff" +
		"09 10 04b0 1920168010010000 00000007 abcd"), "IS-IS, L1 CSNP, source 1920.1680.1001.00, LSP entries 1"},
	appSample{decode.TypeESIS, false, unhex("82 13 01 00 04 0012 0000 09 490001192016801001"), "ES-IS, Intermediate System Hello 49.0001.1920.1680.1001, holding time 18"},
	appSample{decode.TypeCLNP, false, unhex("81 12 01 40 1e 0012 0000 03 490001 03 490002"), "CLNP, Echo Request, 49.0002 > 49.0001"},
	appSample{decode.TypeRSVP, false, unhex("10 01 0000 40 00 0024 0010 01 07 c0000201 0000 0001 c0000202 000c 0b 07 c0000202 0000 0005"),
		"RSVPv1, Path, session 192.0.2.1 tunnel 1, sender 192.0.2.2 LSP 5"},
	appSample{decode.TypeEIGRP, false, unhex("02 01 0000 00000001 00000007 00000000 0000 0064 0102 001c c0000202 00000200 00000a00 0005dc 00 ff 01 0000 18 cb0071"),
		"EIGRP, Update, AS 100, seq 7, 203.0.113.0/24"},
	appSample{decode.TypeSlow, false, unhex("01 01 01 14 8000 020000000001 000d 8000 0016 45 000000 02 14 ffff 000000000000 0000 0000 0000 02 000000"),
		"LACPv1, actor 02:00:00:00:00:01 key 13 port 22 [AGF], partner 00:00:00:00:00:00 key 0 port 0 [S]"},
	appSample{decode.TypeCDP, false, unhex("02 b4 0000 0001 0006 521b 0003 0007 466130 0002 0011 00000001 01 01 cc 0004 c0000201"),
		`CDPv2, ttl: 180s, Device-ID "R\x1b", Port-ID "Fa0", address 192.0.2.1`},
	appSample{decode.TypeVTP, false, unhex("01 01 00 03 61 1b 62" + strings.Repeat("00", 29) + "00000007 c0000201"),
		`VTPv1, Summary Advertisement, domain "a\x1bb", revision 7`},
	appSample{decode.TypeDTP, false, unhex("01 0001 0006 6c61 0002 0005 83 0003 0005 a5 0004 000a 020000000001"),
		`DTPv1, domain "la", status 0x83, type 0xa5, neighbor 02:00:00:00:00:01`},
	appSample{decode.TypeUDLD, false, unhex("21 00 0000 0001 0006 5331 0002 0005 70"), `UDLDv1, Probe, Device-ID "S1", Port-ID "p"`},
	appSample{decode.TypeCFM, false, unhex("a0 01 04 46 00000009 0001" + strings.Repeat("00", 64) + "02 0001 02 00"),
		"CFMv0 Continuity Check, MD Level 5, MEP 1, seq 9"},
	appSample{decode.TypeEAPOL, false, unhex("02 03 005f 02 008a 0010 0000000000000001" + strings.Repeat("11", 32) + strings.Repeat("00", 48) + "0000"),
		"EAPOL, Key, version 2, message 1 of 4, replay counter 1"},
	appSample{decode.TypeEAPOL, false, unhex("01 00 0008 02 01 0008 01 62 1b 62"), `EAPOL, EAP packet, version 1: EAP, Response, id 1, Identity "b\x1bb"`},
	appSample{decode.TypeMACsec, false, unhex("2c 00 00000005 020000000001 0001 0102030405060708"),
		"MACsec, an 0, pn 5, flags [CES], sci 02:00:00:00:00:01 port 1"},
	appSample{decode.TypePTP, false, unhex("00 02 002c 00 00 0200 0000000000000000 00000000 0200000000000001 0001 0005 00 00 000000000064 0000000a"),
		"PTPv2, Sync, domain 0, port 0200000000000001:1, seq 5, time 100.000000010"},
	appSample{decode.TypePTP, false, unhex("0b 02 0040 00 00 0000 0000000000000000 00000000 0200000000000001 0001 0006 05 01 00000000000000000000 0025 00 80 f8 fe ffff 80 0200000000000009 0001 20"),
		"PTPv2, Announce, domain 0, port 0200000000000001:1, seq 6, grandmaster 0200000000000009 class 248 priority 128, steps 1"},
	appSample{decode.TypeNetFlow, false, unhex("0005 0001 00000064 65000000 00000000 00000007 00 00 0000" +
		"c0000201 c6336402 00000000 0001 0002 00000003 000000b4 00000001 00000002 04d2 0035 00 00 11 00 0000 0000 00 00 0000"),
		"NetFlow v5, records 1, 192.0.2.1:1234 > 198.51.100.2:53 proto 17, 3 packets"},
	appSample{decode.TypeNetFlow, false, unhex("000a 0020 65000000 00000001 00000002 0002 0010 0100 0002 0008 0004 000c 0004"),
		"IPFIX, domain 2, seq 1, templates"},
	appSample{decode.TypeSFlow, false, unhex("00000005 00000001 c0000201 00000000 00000007 00000064 00000001" +
		"00000001 0000003c 00000001 00000001 00000400 00000400 00000000 00000001 00000002 00000001" +
		"00000001 00000014 00000001 00000040 00000004 00000004 01020304"),
		"sFlowv5, agent 192.0.2.1, agent-id 0, seq 7, samples 1, flow sample"},
)
