package decode_test

import (
	"strings"

	"sockwire/capture/decode"
)

// Sealed protocols, and HTTP/2.
var _ = moreSamples(
	appSample{decode.TypeHTTP2, true, []byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "HTTP/2 connection preface"},
	appSample{decode.TypeHTTP2, true, unhex("000006 04 00 00000000 0003 00000064"), "HTTP/2 SETTINGS"},
	appSample{decode.TypeHTTP2, true, unhex("000003 01 05 00000001 82 84 87"), `HTTP/2 HEADERS, stream 1, method "GET", path "/", end`},
	appSample{decode.TypeHTTP2, true, unhex("000004 03 00 00000003 00000008"), "HTTP/2 RST_STREAM, stream 3, CANCEL"},
	appSample{decode.TypeHTTP2, true, unhex("000002 00 01 00000001 6869"), "HTTP/2 DATA, stream 1, length 2, end"},
	appSample{decode.TypeSSH, true, []byte("SSH-2.0-x\x1b\r\n"), `SSH "SSH-2.0-x\x1b"`},
	appSample{decode.TypeSSH, true, unhex("0000003c 04 14 00112233445566778899aabbccddeeff 00000003 612c62 00000001 63 00000003 642c65" +
		strings.Repeat("00000000", 7) + "00 00000000 00000000"), `SSH Key Exchange Init kex "a" cipher "d"`},
	appSample{decode.TypeSSH, true, unhex("deadbeef0102030405"), "SSH encrypted, length 9"},
	appSample{decode.TypeWireGuard, false, unhex("01000000 04030201" + strings.Repeat("00", 140)), "WireGuard, Handshake Initiation, sender 0x1020304"},
	appSample{decode.TypeWireGuard, false, unhex("02000000 01000000 02000000" + strings.Repeat("00", 80)), "WireGuard, Handshake Response, sender 0x1, receiver 0x2"},
	appSample{decode.TypeWireGuard, false, unhex("03000000 01000000" + strings.Repeat("00", 56)), "WireGuard, Cookie Reply, receiver 0x1"},
	appSample{decode.TypeWireGuard, false, unhex("04000000 01000000 0500000000000000" + strings.Repeat("00", 16)),
		"WireGuard, Transport Data, receiver 0x1, counter 5, keepalive"},
	appSample{decode.TypeDTLS, false, unhex("16 feff 0000 000000000000 0038 01 00002c 0000 000000 00002c fefd" + strings.Repeat("11", 32) +
		"00 00 0002 c02b 01 00 0000"), "DTLS ClientHello DTLS 1.2"},
	appSample{decode.TypeDTLS, false, unhex("15 fefd 0000 000000000001 0002 02 28 17 fefd 0001 000000000002 0001 00"),
		"DTLS Alert handshake_failure, Application Data 1"},
	appSample{decode.TypeISAKMP, false, unhex("1000000000000001 0000000000000000 21 20 22 08 00000000 00000044" +
		"22 00 0024 00 00 0020 01 01 00 03 03 00 0008 01 00 0014 03 00 0008 02 00 0005 00 00 0008 04 00 001f 00 00 0004"),
		"IKEv2 IKE_SA_INIT request, message 0: SA(AES-GCM-16 PRF-HMAC-SHA2-256 Curve25519) KE"},
	appSample{decode.TypeISAKMP, false, unhex("00000000 1000000000000001 0000000000000002 2e 20 25 20 00000007 00000020 00 00 0004"),
		"IKEv2 INFORMATIONAL response, message 7: SK"},
)

var _ = judgeAlso("udpencap", []string{"http2.settings.value", "isakmp.nextpayload", "isakmp.typepayload", "quic.application_protocol"},
	strangeFile{"ikev2-id-", "isakmp.", "the initiator's SPI is 0, which no message has"},
	strangeFile{"isakmp-ikev1_n_print", "isakmp.", "the length is beyond what any message has"},
	strangeFile{"isakmp-various", "isakmp.", "the length is beyond what any message has"},
	strangeFile{"isakmp-no-none-np", "isakmp.", "the initiator's SPI is 0, which no message has"},
	strangeFile{"", "isakmp.nextpayload", "we show that of the header, tshark that of each payload, proposal and transform"},
	strangeFile{"", "isakmp.typepayload", "we show the payloads of the message, tshark proposals and transforms among them"},
	strangeFile{"", "isakmp.tf.id", "tshark has a key for each type of transform"},
	strangeFile{"ssh.pcap", "ssh.", "tshark shows each packet of a segment"},
	strangeFile{"mptcp-v0", "ssh.", "tshark takes no SSH from segments it waits to put together"},
	strangeFile{"geneve", "ssh.", "tshark takes no SSH from segments it waits to put together, and shows each packet of a segment"},
)
