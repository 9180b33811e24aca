package decode_test

import (
	"strings"

	"sockwire/capture/decode"
)

var _ = judgeAlso("gtp gtpv2 pfcp l2tp nhrp erspan nsh teredo lisp lisp-data openflow openflow_v1 openflow_v4 openflow_v5 openflow_v6 "+
	"babel aodv olsr", strings.Fields(tunnelOurs), tunnelStrange...)

// tunnelOurs are keys of fields that tshark has no name for, or none on its own.
const tunnelOurs = `gtpv2.ie gtpv2.ie_data pfcp.ie pfcp.ie_data l2tp.ns l2tp.nr l2tp.avp l2tp.avp.value nsh.metadata_bytes lisp.mappings
openflow.type openflow.error_type openflow.error_code babel.message.value`

// tunnelStrange are files on which tshark and we may differ, with the reason.
var tunnelStrange = []strangeFile{
	{"babel", "babel.", "TLVs that are rare are left as bytes, and the trailer too"},
	{"of1", "", "tshark goes deeper into the messages of OpenFlow, and into the packets that they carry"},
	{"lisp_invalid", "lisp.", "tshark stops in another place of a broken message"},
	{"nhrp-trace", "", "tshark shows the packet that a Traffic Indication quotes"},
	{"erspan-type-ii-3", "llc.pid", "tshark has other names for the protocol of some organizations"},
	{"hncp_prefix-oobr", "babel.", "tshark shows a TLV that is not whole"},
	{"olsr-oobr", "olsr.", "tshark shows nothing of a packet whose length exceeds the datagram"},
	{"pb_nhrp_1", "nhrp.", "tshark shows only addresses of 4 bytes"},
	{"cve-2014-8767", "olsr.", "tshark shows nothing of a packet whose length exceeds the datagram"},
}

const innerEcho = "4500001c 0001 0000 40 01 66de 0a000001 0a000002 0800 f7fd 0001 0001"

var _ = moreSamples(
	appSample{decode.TypeGTP, false, unhex("32 ff 0020 00000001 0007 00 00" + innerEcho),
		"GTPv1, G-PDU, teid 0x1, seq 7: IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 1, seq 1, length 8"},
	appSample{decode.TypeGTP, false, unhex("34 ff 0024 00000001 0000 00 85 01 1009 00" + innerEcho),
		"GTPv1, G-PDU, teid 0x1: IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 1, seq 1, length 8"},
	appSample{decode.TypeGTP, false, unhex("32 01 0004 00000000 0007 00 00"), "GTPv1, Echo Request, teid 0x0, seq 7"},
	appSample{decode.TypeGTPv2, false, unhex("48 21 000e 00000002 000009 00 02 0002 00 10 00"),
		"GTPv2, Create Session Response, teid 0x2, seq 9, cause Request accepted"},
	appSample{decode.TypePFCP, false, unhex("21 33 0011 0000000000000005 000003 00 0013 0001 01"),
		"PFCP, Session Establishment Response, seid 0x5, seq 3"},
	appSample{decode.TypeL2TP, false, unhex("c8 02 001b 0000 0000 0000 0000 80 08 0000 0000 0001 80 07 0000 0007 1b"),
		`L2TPv2, SCCRQ, host "\x1b", tunnel 0, session 0, Ns 0, Nr 0`},
	appSample{decode.TypeL2TP, false, unhex("00 02 0001 0002 ff03 0021" + innerEcho),
		"L2TPv2, data, tunnel 1, session 2: IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 1, seq 1, length 8"},
	appSample{decode.TypeNHRP, false, unhex("0001 0800 0000000000 ff 0028 0000 0000 01 03 04 00 04 04 8002 00000007 c0000201 0a000001 0a000002"),
		"NHRP, Registration Request, id 7, nbma 192.0.2.1, 10.0.0.1 > 10.0.0.2"},
	appSample{decode.TypeERSPAN, false, unhex("1005 0064 00000001 020000000002 020000000001 0800" + innerEcho),
		"ERSPAN type II, session 100, vlan 5: IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 1, seq 1, length 8"},
	appSample{decode.TypeNSH, false, unhex("0fc2 02 01 000064 ff" + innerEcho),
		"NSH, path 100, index 255, ttl 63, next IPv4: IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 1, seq 1, length 8"},
	appSample{decode.TypeTeredo, false, unhex("0000 fb2d 3ffffdfe 60000000 0008 3a 40 20010db8000000000000000000000001 20010db8000000000000000000000002 8000 2446 0001 0001"),
		"Teredo, origin 192.0.2.1:1234: IP6 2001:db8::1 > 2001:db8::2: ICMP6, echo request, id 1, seq 1, length 8"},
	appSample{decode.TypeLISPData, false, unhex("88 000001 00000500" + innerEcho),
		"LISP data, flags [IN], iid 5: IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 1, seq 1, length 8"},
	appSample{decode.TypeLISP, false, unhex("20000001 0000000000000007 0000000a 01 18 1000 0000 0001 cb007100 01 64 ff 00 0005 0001 c0000201"),
		"LISP Map-Reply, nonce 0x7, EID 203.0.113.0/24"},
	appSample{decode.TypeOpenFlow, true, unhex("01 06 0018 00000001 0000000000000007 00000100 02 000000"), "OpenFlow 1.0, FEATURES_REPLY, xid 0x1, datapath 0x7"},
	appSample{decode.TypeOpenFlow, true, unhex("04 00 0008 00000001 04 02 0008 00000002"), "OpenFlow 1.3, HELLO, xid 0x1; OpenFlow 1.3, ECHO_REQUEST, xid 0x2"},
	appSample{decode.TypeBabel, false, unhex("2a 02 0014 04 06 0000 0007 0190 06 0a 0000 0200000000000001"), "babel 2, Hello seqno 7, Router ID 0200000000000001"},
	appSample{decode.TypeAODV, false, unhex("01 00 00 01 00000007 0a000002 00000001 0a000001 00000002"), "AODV, RREQ id 7, destination 10.0.0.2, originator 10.0.0.1"},
	appSample{decode.TypeOLSR, false, unhex("0010 0007 01 86 000c 0a000001 01 00 0001"), "OLSR, seq 7, HELLO from 10.0.0.1"},
)
