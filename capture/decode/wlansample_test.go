package decode_test

import (
	"strings"

	"sockwire/capture/decode"
)

var _ = judgeAlso("pgm ipcomp mpls-echo aoe ipx tipc auto_rp", strings.Fields(`wlan.fixed.beacon_interval wlan.element wlan.rsn.group_cipher wlan.rsn.pairwise_cipher wlan.rsn.akm wlan.tag.value
lldp.media.text ntp.ctrl.text ntp.extensions`),
	strangeFile{"AoE_Linux", "aoe.", "tshark stops at a version that there is not"},
	strangeFile{"AH-IPcomp", "", "tshark inflates what IPComp carries"},
	strangeFile{"ipcomp-", "", "tshark inflates what IPComp carries"},
	strangeFile{"pgm_zmtp1", "pgm.", "tshark shows no checksum where it verifies it, and nothing of types of RFC 3208's drafts"},
	strangeFile{"pgm_opts_asan", "pgm.", "tshark shows nothing of a PGM packet that the capture cuts"},
	strangeFile{"ntp-control", "ntp.ctrl.", "tshark goes into the list of associations"},
	strangeFile{"ieee802.11_parse_elements", "wlan.", "tshark stops at a broken element"},
	strangeFile{"ieee802.11_tim_ie", "wlan.", "tshark shows an element that is not whole"},
	strangeFile{"wpa2linkup", "wlan.", "tshark shows the elements inside of key data too"},
	strangeFile{"", "wlan.ssid", "tshark gives the bytes in hexadecimal"})

var _ = moreSamples(
	appSample{decode.TypePGM, false, unhex("1388 1389 04 00 0000 0102030405060010 00000001 00000000 61"), "PGM, ODATA, 5000 > 5001, source 010203040506, length 16"},
	appSample{decode.TypeIPComp, false, unhex("06 00 0002 00112233"), "IPComp, cpi 0x2"},
	appSample{decode.TypeLSPPing, false, unhex("0001 0000 01 02 00 00 00000007 00000001" + strings.Repeat("00", 16)), "LSP-PING, Echo Request, handle 0x7, seq 1"},
	appSample{decode.TypeAoE, false, unhex("18 00 0001 02 01 0000000a"), "AoE v1, Query Config response, 1.2, tag 0xa"},
	appSample{decode.TypeIPX, false, unhex("ffff 001e 00 14 00000000 ffffffffffff 0455 00000001 020000000001 0455"),
		"IPX 00000001.02:00:00:00:00:01.0455 > 00000000.ff:ff:ff:ff:ff:ff.0455, length 30"},
	appSample{decode.TypeTIPC, false, unhex("40a00028"), "TIPC v2, low importance data, size 40"},
	appSample{decode.TypeAutoRP, false, unhex("11 01 00b5 00000000 c0000201"), "Auto-RP announcement, hold time 181"},
	appSample{decode.TypeNTP, false, unhex("16 82 0003 0000 0000 0000 0002 613d 0000"), "NTPv2, Control, read variables response, seq 3"},
	appSample{decode.TypeMDNS, false, unhex("0000 0000 0002 0000 0000 0000 05 5f68747470 04 5f746370 05 6c6f63616c 00 000c 0001 c00c 00ff 8001"),
		"0 PTR (QM)? _http._tcp.local. ANY (QU)? _http._tcp.local."},
	appSample{decode.TypeSNMP, false, unhex("30 3f 020103 300f 02022a2a 020300ffe3 040105 020103 0415 3013 0403800001 020101 020102 04021b61 0400 0400 3012 0403800001 0400 a009 020101 020100 020100"),
		`SNMP v3 id 10794 F=ar U="\x1ba" E=0x800001`},
)
