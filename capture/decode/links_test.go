package decode

import (
	"strings"
	"testing"

	"sockwire/capture"
)

// The packets of linkSamples, and the lines that they give.
const (
	echoLine  = "IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 1, seq 1, length 8"
	echo6     = "60000000 0008 3a 40 20010db8000000000000000000000001 20010db8000000000000000000000002 8000 2446 0001 0001"
	echoLine6 = "IP6 2001:db8::1 > 2001:db8::2: ICMP6, echo request, id 1, seq 1, length 8"

	arcnetARP1 = "0007 0800 01 04 0001 50 0a000001 00 0a000002" // of one byte of hardware address
	llcSNAP    = "aaaa03 000000 0800 "
	wlanData   = "0802 0000 020000000002 020000000003 020000000001 0000 " + llcSNAP
)

func zeros(n int) string { return strings.Repeat("00", n) + " " }

// linkSamples has a frame of each link type that is rarely captured.
var linkSamples = []sample{
	{"Cisco HDLC without PPP", capture.LinkCHDLC, "0f00 0800" + echo, echoLine},
	{"SLARP keepalive", capture.LinkCHDLC, "8f00 8035 00000002 00000005 00000004 ffff 0001",
		"Cisco SLARP, ptype keepalive, mysequence 5, yoursequence 4, reliability 0xffff, length 2"},
	{"SLARP request", capture.LinkCHDLC, "8f00 8035 00000000 c0000201 ffffff00 ffff",
		"Cisco SLARP, ptype request, address 192.0.2.1, netmask 255.255.255.0"},
	{"SLIP", capture.LinkSLIP, "00" + zeros(15) + echo, echoLine},
	{"ARCNET", capture.LinkARCNET, "be50 d4 00 0001" + echo, echoLine},
	{"ARCNET, a later part", capture.LinkARCNET, "be50 d4 02 0001 01020304",
		"ARCNET, src 0xbe, dst 0x50, protocol IP, split_flag 0x02, sequence 1, length 4"},
	{"ARCNET, exceptional", capture.LinkARCNET, "be50 d4 ff ffff d4 00 0001" + echo, echoLine},
	{"ARCNET of RFC 1051", capture.LinkARCNET, "be50 f1" + arcnetARP1, "ARP, Request who-has 10.0.0.2 tell 10.0.0.1, length 18"},
	{"ARCNET on Linux", capture.LinkARCNETLinux, "be50 0000 d4 00 0001" + echo, echoLine},
	{"Frame Relay with Cisco's type", capture.LinkFrameRelay, "1841 86dd" + echo6, echoLine6},
	{"Frame Relay", capture.LinkFrameRelay, "1841 03 cc" + echo, echoLine},
	{"Frame Relay with SNAP", capture.LinkFrameRelay, "1840 8001 03 00 80 000000 0800" + echo, echoLine},
	{"Frame Relay, bridged", capture.LinkFrameRelay, "1841 03 00 80 0080c2 0007" + ether + "0800" + echo, echoLine},
	{"Frame Relay, signalling", capture.LinkFrameRelay, "0001 03 08 0075",
		"Frame Relay, first_addr_octet 0x00, second_addr_octet 0x01, dlci 0, control 0x03, nlpid Q.933, length 2"},
	{"Juniper Ethernet", capture.LinkJuniperEther, "4d4743 81 0010 030101 06010e 01028a00 04044b010000" + ether + "0800" + echo, echoLine},
	{"Juniper without the link header", capture.LinkJuniperPPP, "4d4743 03 02000000" + echo, echoLine},
	{"Juniper PPP", capture.LinkJuniperPPP, "4d4743 00 ff03 0021" + echo, echoLine},
	{"Juniper Frame Relay", capture.LinkJuniperFrelay, "4d4743 00 1841 03 cc" + echo, echoLine},
	{"Juniper ATM", capture.LinkJuniperATM1, "4d4743 00 00000001" + llcSNAP + echo, echoLine},
	{"Juniper PPPoE on ATM", capture.LinkJuniperPPPoEATM, "4d4743 00 0800" + echo, echoLine},
	{"Juniper services", capture.LinkJuniperServices, "4d4743 01 00112233", "Juniper, magic 0x4d4743, direction, length 4"},
	{"MPLS", capture.LinkMPLS, "00011140" + echo, "MPLS (label 17, tc 0, [S], ttl 64), " + echoLine},
	{"Token Ring", capture.LinkTokenRing, "10 40 020000000002 020000000001" + llcSNAP + echo, echoLine},
	{"Token Ring with a route", capture.LinkTokenRing, "10 40 020000000002 820000000001 0670 0011 0020" + llcSNAP + echo, echoLine},
	{"Token Ring, MAC frame", capture.LinkTokenRing, "10 02 c000ffffffff 020000000001 0004",
		"Token Ring, ac 0x10, fc 0x02, dst c0:00:ff:ff:ff:ff, src 02:00:00:00:00:01, length 2"},
	{"FDDI", capture.LinkFDDI, "50 020000000002 020000000001" + llcSNAP + echo, echoLine},
	{"IP over Fibre Channel", capture.LinkIPOverFC, "1000020000000002 1000020000000001" + llcSNAP + echo, echoLine},
	{"RFC 1483", capture.LinkATM, llcSNAP + echo, echoLine},
	{"classical IP over ATM", capture.LinkATMCLIP, echo, echoLine},
	{"SunATM", capture.LinkSunATM, "02 00 0064" + llcSNAP + echo, echoLine},
	{"SunATM, LANE", capture.LinkSunATM, "01 00 0064 0001" + ether + "0800" + echo, echoLine},
	{"SunATM, signalling", capture.LinkSunATM, "86 00 0005 0900",
		"ATM (SunATM), sent, traffic_type signalling, vpi 0, vci 5, length 2"},
	{"IPoIB", capture.LinkIPoIB, zeros(40) + "0800 0000" + echo, echoLine},
	{"Symantec", capture.LinkSymantec, zeros(6) + "0800" + zeros(36) + echo, echoLine},
	{"IEEE 1394", capture.LinkAppleIEEE1394, "0200000000000002 0200000000000001 86dd" + echo6, echoLine6},
	{"LocalTalk", capture.LinkLocalTalk, "0201 84", "LocalTalk, dst 2, src 1, type 0x84"},
	{"netANALYZER", capture.LinkNetAnalyzer, "00400000" + ether + "0800" + echo + "01020304", echoLine},
	{"netANALYZER with preamble", capture.LinkNetAnalyzerPlain, "00400000 55555555555555d5" + ether + "0800" + echo + "01020304", echoLine},
	{"enc", capture.LinkENC, "02000000 00000100 00000000" + echo, echoLine},
	{"pflog", capture.LinkPFLog, "3d 02 01 00 656d3000" + zeros(12) + zeros(16) + "00000003 ffffffff" + zeros(16) + "01 000000" + echo, echoLine},
	{"pflog of nothing known", capture.LinkPFLog, "3d 07 01 00 656d3000" + zeros(12) + zeros(16) + "00000003 ffffffff" + zeros(16) + "01 000000" + "abcd",
		"OpenBSD pf log, length 61, af 7, action drop, reason match, ifname \"em0\", rulenr 3, subrulenr 4294967295, uid 0, length 2"},
	{"ipnet", capture.LinkIPNet, "01 1a 0000 00000030 00000002 00000000 00000001 00000000" + echo6, echoLine6},
	{"nflog", capture.LinkNFLOG, "02 00 0014 0800 0100 0800 01 00 0700 0a00 6c6f00 00 2000 0900" + echo, echoLine},
	{"nflog, big-endian", capture.LinkNFLOG, "0a 00 0014 0034 0009" + echo6, echoLine6},
	{"pktap", capture.LinkPKTAP, "6c000000 01000000 01000000 656e3000" + zeros(20) + zeros(16) + "2a000000" + zeros(52) + ether + "0800" + echo, echoLine},
	{"pktap under its old number", capture.LinkUser2, "6c000000 01000000 0c000000 656e3000" + zeros(20) + zeros(16) + "2a000000" + zeros(52) + echo, echoLine},
	{"vsock", capture.LinkVSOCK, "0300000000000000 0200000000000000 00040000 d2040000 0400 0200 0400 0000 00000000 6869",
		"Linux vsock, src_cid 3, dst_cid 2, src_port 1024, dst_port 1234, op payload, trans virtio, trans_len 4, length 2"},
	{"CAN", capture.LinkCAN, "00000123 03 000000 010203", "CAN, id 0x123, len 3, length 3"},
	{"CAN, extended", capture.LinkCAN, "92345678 01 000000 aa", "CAN, id 0x12345678, flags_xtd, len 1, length 1"},
	{"usbmon", capture.LinkUSBLinux, "00112233445566ff 53 02 80 05 0100 00 3c 0100000000000000 02000000 00000000 12000000 00000000" + zeros(8),
		"USB (usbmon), urb_id 0xff66554433221100, urb_type submit, transfer_type control, endpoint_address 0x80, device_address 5, bus_id 1, setup_flag 0x00, data_flag 0x3c"},
	{"usbmon, mapped", capture.LinkUSBLinuxMmapped, "00112233445566ff 43 00 81 05 0100 2d 00 0100000000000000 02000000 00000000 04000000 04000000" + zeros(8) +
		zeros(12) + "01000000" + zeros(16) + "01020304",
		"USB (usbmon), urb_id 0xff66554433221100, urb_type complete, transfer_type isochronous, endpoint_address 0x81, device_address 5, bus_id 1, setup_flag 0x2d, data_flag 0x00, length 4"},
	{"USBPcap", capture.LinkUSBPcap, "1b00 0011223344556677 00000000 0900 01 0100 0500 81 01 04000000 01020304",
		"USB (USBPcap), header_length 27, irp_id 0x7766554433221100, status 0x00000000, function 0x0009, irp_info 0x01, bus_id 1, device_address 5, endpoint_address 0x81, length 4"},
	{"Bluetooth", capture.LinkBluetoothH4, "04 0e0400", "Bluetooth HCI H4, type event, length 3"},
	{"Bluetooth with direction", capture.LinkBluetoothH4PHDR, "00000001 01 030c00", "Bluetooth HCI H4, direction received, type command, length 3"},
	{"PPI", capture.LinkPPI, "00 00 2000 69000000 0200 1400" + zeros(8) + "0100 0400 6c09 a000 00 00 d8 a0" + wlanData + echo + "01020304", echoLine},
	{"Prism", capture.LinkPrism, "44000000 90000000 776c616e30" + zeros(131) + wlanData + echo, echoLine},
	{"AVS behind Prism's number", capture.LinkPrism, "80211001 00000040" + zeros(56) + wlanData + echo, echoLine},
	{"AVS", capture.LinkAVS, "80211001 00000040" + zeros(56) + wlanData + echo, echoLine},
	{"802.15.4", capture.LinkIEEE802154, "4188 2a cdab ffff 0100 0102 e4e5",
		"IEEE 802.15.4, fcf 0x8841, frame_type data, pan_id_compression, dst_addr_mode 0x2, version 0, src_addr_mode 0x2, seq_no 42, dst_pan 0xabcd, length 2"},
	{"802.15.4 acknowledgment", capture.LinkIEEE802154NoFCS, "0200 2a",
		"IEEE 802.15.4, fcf 0x0002, frame_type acknowledgment, dst_addr_mode 0x0, version 0, src_addr_mode 0x0, seq_no 42"},
	{"MTP2", capture.LinkMTP2, "8182 05 8501020304", "MTP 2, bib 1, bsn 1, fib 1, fsn 2, spare 0, li message signal unit, length 5"},
	{"MTP2 with pseudo-header", capture.LinkMTP2WithHeader, "01 00 0007 8182 00", "MTP 2, bib 1, bsn 1, fib 1, fsn 2, spare 0, li fill-in signal unit"},
	{"MS/TP", capture.LinkMSTP, "55ff 01 05 7e 0000 bb", "BACnet MS/TP, frame_type Poll For Master, dst 5, src 126, len 0, hdr_crc 0xbb"},
	{"DSA", capture.LinkDSA, ether + "c0080000 0800" + echo, echoLine},
	{"DSA of nothing known", capture.LinkDSA, ether + "e0080064 1234 abcd",
		"Marvell DSA, dst 02:00:00:00:00:02, src 02:00:00:00:00:01, mode Forward, tagged, dev 0, port 1, priority 0, vid 100, length 2"},
	{"EDSA", capture.LinkEDSA, ether + "dada 0000 40080000 0800" + echo, echoLine},
	{"Broadcom tag", capture.LinkDSABroadcom, ether + "20000080 0800" + echo, echoLine},
	{"Broadcom tag before the frame", capture.LinkDSABroadcomFirst, "00000005" + ether + "0800" + echo, echoLine},
	{"a number for two parties", capture.LinkUser0 + 5, "0102", "length 2 [payload at byte 0: unknown link type: USER5]"},
	{"a link type by name", capture.LinkType(231), "6c01", "length 2 [payload at byte 0: unknown link type: DBUS]"},
}

func init() { samples = append(samples, linkSamples...) }

// TestLinkHeaderShown puts the link header before what it carries where it is asked for.
func TestLinkHeaderShown(t *testing.T) {
	r := Printer{Time: TimeNone, Link: true}
	var d Decoder
	var p Packet
	for link, want := range map[capture.LinkType]string{
		capture.LinkDSABroadcom: "Broadcom tag, dst 02:00:00:00:00:02, src 02:00:00:00:00:01, opcode ingress, tc 0, te 0, dst_map 0x000080, type IPv4, ",
		capture.LinkEDSA:        "Marvell EDSA, dst 02:00:00:00:00:02, src 02:00:00:00:00:01, tag_type 0xdada, reserved 0x0000, mode From CPU, dev 0, port 1, priority 0, ",
	} {
		for _, s := range linkSamples {
			if s.link == link {
				d.Decode(frame(t, s.link, s.hex), &p)
				if got := string(r.AppendLine(nil, &p)); got != want+echoLine {
					t.Errorf("%s:\n got %s\nwant %s", s.name, got, want+echoLine)
				}
			}
		}
	}
}

// TestEveryLinkSampled finds a link type that is decoded but has no sample.
func TestEveryLinkSampled(t *testing.T) {
	sampled := map[Type]bool{}
	for _, s := range linkSamples {
		var d Decoder
		var p Packet
		d.Decode(frame(t, s.link, s.hex), &p)
		for _, l := range p.Layers() {
			sampled[l.Type] = true
		}
	}
	for k := firstStation; k <= lastStation; k++ {
		if !sampled[k] {
			t.Errorf("no sample has a layer %v", k)
		}
	}
}

// LinkFrames are the frames of linkSamples.
func LinkFrames(t testing.TB) (frames []capture.Frame, names []string) {
	for _, s := range linkSamples {
		frames, names = append(frames, frame(t, s.link, s.hex)), append(names, s.name)
	}
	return frames, names
}
