package decode

import (
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"sockwire/capture"
)

// A sample is a frame written by hand, and the line that it gives.
type sample struct {
	name string
	link capture.LinkType
	hex  string
	line string
}

// ether is an Ethernet header without the type.
const ether = "020000000002 020000000001 "

var samples = []sample{
	{"arp request", capture.LinkEthernet,
		ether + "0806 0001 0800 06 04 0001 020000000001 0a000001 000000000000 0a000002",
		"ARP, Request who-has 10.0.0.2 tell 10.0.0.1, length 28"},
	{"tcp syn", capture.LinkEthernet,
		ether + "0800 45000030 1234 4000 40 06 1492 0a000001 0a000002 9c420050 00000064 00000000 7002 ffff d226 0000 0204 05b4 0101 0402",
		"IP 10.0.0.1:40002 > 10.0.0.2:80: Flags [S], seq 100, win 65535, options [mss 1460,nop,nop,sackOK], length 0"},
	{"udp over IPv6", capture.LinkIPv6,
		"60000000 000d 11 40 20010db8000000000000000000000001 20010db8000000000000000000000002 04d2 162e 000d 0000 68656c6c6f",
		"IP6 [2001:db8::1]:1234 > [2001:db8::2]:5678: UDP, length 5"},
	{"tagged echo", capture.LinkEthernet,
		ether + "8100 2064 0800 4500001c 0001 0000 40 01 66de 0a000001 0a000002 0800 f7fd 0001 0001",
		"vlan 100, p 1, IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 1, seq 1, length 8"},
	{"port unreachable", capture.LinkIPv4,
		"45000038 0000 0000 40 01 66c3 0a000002 0a000001 0303 e1f3 00000000 4500001d 0001 0000 40 11 66cd 0a000001 0a000002 04d2 162e 0009 0000",
		"IP 10.0.0.2 > 10.0.0.1: ICMP 10.0.0.2 udp port 5678 unreachable, length 36"},
	{"last fragment", capture.LinkIPv4,
		"4500001c be9d 00b9 40 11 a778 0a000001 0a000002 0102030405060708",
		"IP 10.0.0.1 > 10.0.0.2: UDP frag id 0xbe9d 1480+8 last, length 8"},
	{"neighbor solicitation", capture.LinkLinuxSLL2,
		"86dd 0000 00000003 0001 04 06 0200000000010000 60000000 0020 3a ff fe800000000000000000000000000001 ff0200000000000000000001ff000002" +
			"8700 7a97 00000000 fe800000000000000000000000000002 0101020000000001",
		"ifindex 3 Out IP6 fe80::1 > ff02::1:ff00:2: ICMP6, neighbor solicitation, who has fe80::2, length 32"},
	{"cut header", capture.LinkIPv4,
		"45000020 0001 0000 40 06 66d5 0a000001 0a000002 9c420050 00000064 00000000",
		"IP 10.0.0.1 > 10.0.0.2: length 12 [tcp at byte 20: cut short: needs 20 bytes, has 12]"},
	{"gre", capture.LinkIPv4, "4500003800010000402ff692c0000201c000020220000800000000074500001c00010000400166de0a0000010a0000020800f7fd00010001",
		"IP 192.0.2.1 > 192.0.2.2: GREv0, key 0x07, IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 1, seq 1, length 8"},
	{"gre-chksum", capture.LinkIPv4, "4500003800010000402ff692c0000201c00002028000080077ff00004500001c00010000400166de0a0000010a0000020800f7fd00010001",
		"IP 192.0.2.1 > 192.0.2.2: GREv0, IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 1, seq 1, length 8"},
	{"ipip", capture.LinkIPv4, "45000030000100004004f6c5c0000201c00002024500001c00010000400166de0a0000010a0000020800f7fd00010001",
		"IP 192.0.2.1 > 192.0.2.2: IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 1, seq 1, length 8"},
	{"vxlan", capture.LinkIPv4, "4500004e000100004011f69ac0000201c000020204d212b5003a00000800000000002a0002000000000202000000000108004500001c00010000400166de0a0000010a0000020800f7fd00010001",
		"IP 192.0.2.1:1234 > 192.0.2.2:4789: UDP, length 50: VXLAN, vni 42: IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 1, seq 1, length 8"},
	{"mpls", capture.LinkEthernet, "020000000002020000000001884700010040000111404500001c00010000400166de0a0000010a0000020800f7fd00010001",
		"MPLS (label 16, tc 0, ttl 64), MPLS (label 17, tc 0, [S], ttl 64), IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 1, seq 1, length 8"},
	{"pppoe", capture.LinkEthernet, "020000000002020000000001886411000005001d214500001c00010000400166de0a0000010a0000020800f7fd00010001",
		"PPPoE ses 0x05, IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 1, seq 1, length 8"},
	{"igmp", capture.LinkIPv4, "4500001c000100000102cee30a000001e00000fb16000904e00000fb",
		"IP 10.0.0.1 > 224.0.0.251: igmp v2 report 224.0.0.251, length 8"},
	{"vrrp", capture.LinkIPv4, "4500002800010000ff70d1510a000001e000001221036401000170f10a0000090000000000000000",
		"IP 10.0.0.1 > 224.0.0.18: VRRPv2, Advertisement, vrid 3, prio 100, length 20"},
	{"ospf", capture.LinkIPv4, "45000040000100000159cf5e0a000001e00000050201002c0101010100000000fc9c00000000000000000000ffffff00000a0001000000280000000000000000",
		"IP 10.0.0.1 > 224.0.0.5: OSPFv2, Hello, router 1.1.1.1, area 0.0.0.0, DR 0.0.0.0, BDR 0.0.0.0, length 44"},
	{"sctp", capture.LinkIPv4, "4500003400010000408466430a0000010a00000203e807d00000000182fc7dd20100001400000005000003e80001000200000009",
		"IP 10.0.0.1:1000 > 10.0.0.2:2000: sctp (1) [INIT] [init tag: 5] [rwnd: 1000], length 32"},
	{"llc-stp", capture.LinkEthernet, "0180c200000002000000000100264242030000000000000002000000000100000000000002000000000280010100140002000f00",
		"STP 802.1d, bridge-id 0x0000.02:00:00:00:00:02.0x8001, root 0x0000.02:00:00:00:00:01, cost 0, length 35"},
	{"snap", capture.LinkEthernet, "0200000000020200000000010024aaaa0300000008004500001c00010000400166de0a0000010a0000020800f7fd00010001",
		"IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 1, seq 1, length 8"},
	{"ah", capture.LinkIPv4, "4500003400010000403366940a0000010a0000020104000000000100000000020000000000000000000000000800f7fd00010001",
		"IP 10.0.0.1 > 10.0.0.2: AH(spi=0x00000100,seq=0x02): ICMP echo request, id 1, seq 1, length 8"},
	{"esp", capture.LinkIPv4, "4500002400010000403266a50a0000010a00000200000100000000026162636465666768",
		"IP 10.0.0.1 > 10.0.0.2: ESP(spi=0x00000100,seq=0x02), length 8"},
	{"6in4", capture.LinkIPv4, "45000044000100004029f68cc0000201c00002026000000000083a4020010db800000000000000000000000120010db80000000000000000000000028000244600010001",
		"IP 192.0.2.1 > 192.0.2.2: IP6 2001:db8::1 > 2001:db8::2: ICMP6, echo request, id 1, seq 1, length 8"},
	{"v6ext", capture.LinkIPv6, "600000000020004020010db800000000000000000000000120010db80000000000000000000000023a000502000001008200fc2327100000ff020000000000000000000000000001",
		"IP6 2001:db8::1 > 2001:db8::2: HBH ICMP6, multicast listener query, group ff02::1, length 24"},
	{"v6srh", capture.LinkIPv6, "6000000000212b4020010db800000000000000000000000120010db8000000000000000000000002110200010000000020010db8000000000000000000000003000100090009435c61",
		"IP6 [2001:db8::1]:1 > [2001:db8::2]:9: RT type 0 left 1 UDP, length 1"},
	{"frag6", capture.LinkIPv6, "6000000000182c4020010db800000000000000000000000120010db80000000000000000000000021100000100001234000100090064abcd6162636465666768",
		"IP6 [2001:db8::1]:1 > [2001:db8::2]:9: frag id 0x1234 0+16 more, UDP, length 8"},
	{"ra", capture.LinkIPv6, "6000000000503afffe800000000000000000000000000001ff0200000000000000000000000000018600af1d000807080000000000000000030440c0ffffffffffffffff0000000020010db800000000000000000000000005010000000005dc190300000000025820010db8000000000000000000000053",
		"IP6 fe80::1 > ff02::1: ICMP6, router advertisement, length 80"},
	{"mld2", capture.LinkIPv6, "60000000001c3a01fe800000000000000000000000000001ff0200000000000000000000000000168f006f0f0000000104000000ff0200000000000000000000000000fb",
		"IP6 fe80::1 > ff02::16: ICMP6, multicast listener report v2, length 28"},
	{"toobig", capture.LinkIPv6, "60000000004c3a4020010db800000000000000000000000920010db800000000000000000000000102002bce0000050060000000001c114020010db800000000000000000000000120010db800000000000000000000000200050009001cef7e7878787878787878787878787878787878787878",
		"IP6 2001:db8::9 > 2001:db8::1: ICMP6, packet too big, mtu 1280 for [2001:db8::1]:5 > [2001:db8::2]:9 UDP, length 76"},
	{"sll", capture.LinkLinuxSLL, "000400010006020000000001000008004500001c00010000400166de0a0000010a0000020800f7fd00010001",
		"Out IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 1, seq 1, length 8"},
	{"rarp", capture.LinkEthernet, "020000000002020000000001080600010800060400030200000000010000000002000000000100000000",
		"RARP, Request who-is 02:00:00:00:00:01 tell 02:00:00:00:00:01, length 28"},
	{"tcp-opts", capture.LinkIPv4, "4500004500010000400666b00a0000010a0000020001000900000064000000c8b01801f4e3dc00000101080a0000000100000002050a0000012c00000190000068656c6c6f",
		"IP 10.0.0.1:1 > 10.0.0.2:9: Flags [P.], seq 100:105, ack 200, win 500, options [nop,nop,TS val 1 ecr 2,sack 1 {300:400},eol], length 5"},
	{"wlan", capture.LinkIEEE80211Radio, "00000f002e00000000186c09a000d880000000ffffffffffff020000000001020000000001000000000000000000006400000000046e65741b",
		"12.0 Mb/s 2412 MHz -40dBm signal Beacon 02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff, SSID \"net\\x1b\", length 18"},
	{"wlandata", capture.LinkIEEE80211, "080200000200000000020200000000030200000000010000aaaa0300000008004500001c00010000400166de0a0000010a0000020800f7fd00010001",
		"IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 1, seq 1, length 8"},
	{"PPP with compressed protocol", capture.LinkPPP, "ff03 21 4500001c 0001 0000 40 01 66de 0a000001 0a000002 0800 f7fd 0001 0001",
		"IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 1, seq 1, length 8"},
	{"LCP", capture.LinkPPPHDLC, "ff03 c021 01 05 0004", "PPP LCP, Conf-Request, id 0x05, length 4"},
	{"BSD loopback", capture.LinkNull, "02000000 4500001c 0001 0000 40 01 66de 0a000001 0a000002 0800 f7fd 0001 0001",
		"IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 1, seq 1, length 8"},
	{"OpenBSD loopback", capture.LinkLoop, "00000018 60000000 0008 3a 40 20010db8000000000000000000000001 20010db8000000000000000000000002 8000 2446 0001 0001",
		"IP6 2001:db8::1 > 2001:db8::2: ICMP6, echo request, id 1, seq 1, length 8"},
	{"UDP-Lite", capture.LinkIPv4, "4500001e 0001 0000 40 88 6655 0a000001 0a000002 04d2 162e 0008 d062 4142",
		"IP 10.0.0.1:1234 > 10.0.0.2:5678: UDP-Lite, length 2"},
	{"DCCP request", capture.LinkIPv4, "45000028 0001 0000 40 21 66b2 0a000001 0a000002 04d2 162e 05 00 ca96 01 00 0000 00000007 0000002a",
		"IP 10.0.0.1:1234 > 10.0.0.2:5678: DCCP request, seq 7, length 0"},
	{"PIM hello", capture.LinkIPv4, "4500001c 0001 0000 01 67 cf6c 0a000001 e000000d 2000 dfff 00000000", "IP 10.0.0.1 > 224.0.0.13: PIMv2, Hello, length 8"},
	{"Geneve", capture.LinkIPv4, "45000044 0001 0000 40 11 f6a4 c0000201 c0000202 04d2 17c1 0030 0000 01 00 0800 00002a00 0102 80 00" +
		"4500001c 0001 0000 40 01 66de 0a000001 0a000002 0800 f7fd 0001 0001",
		"IP 192.0.2.1:1234 > 192.0.2.2:6081: UDP, length 40: Geneve, vni 42: IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 1, seq 1, length 8"},
	{"LLDP", capture.LinkEthernet, "0180c200000e 020000000001 88cc 0207 04 020000000001 0405 05 70311b32 0602 0078 0a03 73771b 0000",
		`LLDP, chassis 02:00:00:00:00:01, port "p1\x1b2", name "sw\x1b", length 27`},
	{"time exceeded with MPLS labels", capture.LinkIPv4, "450000a8 0001 0000 40 01 664b 0a000009 0a000001 0b00 3dfd 00200000" +
		"4500001c 0001 0000 01 11 a5ce 0a000001 0a000002 1234 829b 0008 0000" + strings.Repeat("00", 100) + "2000 0000 0008 0101 0001 0101",
		"IP 10.0.0.9 > 10.0.0.1: ICMP time exceeded in-transit for 10.0.0.1:4660 > 10.0.0.2:33435 UDP, length 148"},
	{"extended echo", capture.LinkIPv4, "4500002c 0001 0000 40 01 66ce 0a000001 0a000002 2a00 e04b 0001 05 01 2000 0000 000c 0301 65746830 00000000",
		"IP 10.0.0.1 > 10.0.0.2: ICMP extended echo request, id 1, seq 5, length 24"},
	{"Cisco HDLC", capture.LinkPPPHDLC, "0f00 0800 4500001c 0001 0000 40 01 66de 0a000001 0a000002 0800 f7fd 0001 0001",
		"IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 1, seq 1, length 8"},
	{"MPTCP", capture.LinkIPv4, "45000048 0001 0000 40 06 66ad 0a000001 0a000002" +
		"0001 0009 00000001 00000001 d010 0001 2687 0000 1e0c 11 02 cafebabe 00000003 1e12 20 05 00000064 000000c8 00000001 000a 0101",
		"IP 10.0.0.1:1 > 10.0.0.2:9: Flags [.], ack 1, win 1, options [mptcp join id 2 token 0xcafebabe,mptcp dss ack 100 seq 200 subseq 1 len 10,nop,nop], length 0"},
	{"truncated", capture.LinkType(999), "0102", "length 2 [payload at byte 0: unknown link type]"},
}

// frame makes a frame of hexadecimal digits.
func frame(t testing.TB, link capture.LinkType, digits string) capture.Frame {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return capture.Frame{Data: b, Length: len(b), Link: link, Time: time.Unix(1700000000, 123456789)}
}

func TestSamples(t *testing.T) {
	r := Printer{Time: TimeNone}
	var d Decoder
	var p Packet
	for _, s := range samples {
		err := d.Decode(frame(t, s.link, s.hex), &p)
		checkPacket(t, &p, err)
		if got := string(r.AppendLine(nil, &p)); got != s.line {
			t.Errorf("%s:\n got %s\nwant %s", s.name, got, s.line)
		}
	}
}
