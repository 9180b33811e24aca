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
