package packet_test

import (
	"encoding/hex"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"

	"sockwire/raw/packet"
	"sockwire/raw/wire"
)

// scapy builds each Python expression and returns the bytes. One Python process builds them all.
func scapy(t *testing.T, expressions []string) [][]byte {
	t.Helper()
	python := findScapy(t)
	cmd := exec.Command(python, "-c", `
import sys
from scapy.all import *
from scapy.contrib.igmp import *
from scapy.contrib.geneve import *
from scapy.contrib.mpls import *
from scapy.layers.vxlan import *
from scapy.layers.sctp import *
from scapy.layers.ipsec import *
from scapy.contrib.igmpv3 import *
from scapy.contrib.icmp_extensions import *
def be16(v): return v.to_bytes(2, "big")
def icmp4(b): return b[:2] + be16(checksum(b)) + b[4:]
def csum6(over, b, proto): return in6_chksum(proto, IPv6(**dict(dict(src="2001:db8::1", dst="2001:db8::2"), **over)), b)
def icmp6(b): return ICMPv6Unknown(b[:2] + be16(csum6({}, b, 58)) + b[4:])
def extension(b): return b"\x20\0" + be16(checksum(b"\x20\0\0\0" + b)) + b
for line in sys.stdin.read().split("\0"):
    print(bytes(eval(line)).hex())
`)
	cmd.Stdin = strings.NewReader(strings.Join(expressions, "\x00"))
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("scapy: %v\n%s", err, stderr.String())
	}
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if len(lines) != len(expressions) {
		t.Fatalf("scapy built %d packets of %d", len(lines), len(expressions))
	}
	packets := make([][]byte, len(lines))
	for i, l := range lines {
		if packets[i], err = hex.DecodeString(l); err != nil {
			t.Fatal(err)
		}
	}
	return packets
}

// findScapy returns the Python that has scapy: the first of the path, or the system's.
func findScapy(t *testing.T) string {
	t.Helper()
	for _, python := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(python, "-c", "import scapy").Run() == nil {
			return python
		}
	}
	if os.Getenv("REQUIRE_PEERS") != "" {
		t.Fatal("REQUIRE_PEERS is set and there is no python3 with scapy")
	}
	t.Skip("no python3 with scapy: nothing to compare with")
	return ""
}

func layers(l ...packet.Layer) []packet.Layer { return l }

func TestAppendAgainstScapy(t *testing.T) {
	ip4 := &packet.IPv4{Src: src4, Dst: dst4}
	ip6 := &packet.IPv6{Src: src6, Dst: dst6}
	const s4, s6 = `IP(src="192.0.2.1",dst="198.51.100.2",id=0)`, `IPv6(src="2001:db8::1",dst="2001:db8::2")`
	hop := netip.MustParseAddr("2001:db8::3")
	tests := []struct {
		layers []packet.Layer
		scapy  string
	}{
		{layers(ip4, &packet.UDP{SrcPort: 1, DstPort: 2}, packet.Payload("odd")), s4 + `/UDP(sport=1,dport=2)/b"odd"`},
		{layers(ip4, &packet.UDP{SrcPort: 1, DstPort: 2, Checksum: packet.U16(0), Length: packet.U16(3)}), s4 + `/UDP(sport=1,dport=2,chksum=0,len=3)`},
		{layers(&packet.IPv4{Version: packet.U8(4), TOS: 0xb8, ID: 0x1234, Flags: packet.DontFragment, TTL: packet.U8(1), Src: src4, Dst: dst4,
			Options: []packet.Option{{Type: 148, Data: []byte{0, 0}}, {Type: 1}, {Type: 68, Data: []byte{5, 0, 0, 0, 0, 0}}}}, &packet.ICMPv4{Type: 8, ID: 7, Seq: 9}, packet.Payload("abcdefgh")),
			`IP(src="192.0.2.1",dst="198.51.100.2",id=0x1234,tos=0xb8,flags="DF",ttl=1,options=IPOption(b"\x94\x04\x00\x00\x01\x44\x08\x05\x00\x00\x00\x00\x00"))/ICMP(type=8,id=7,seq=9)/b"abcdefgh"`},
		{layers(ip4, &packet.TCP{SrcPort: 1024, DstPort: 80, Seq: 1 << 31, Ack: 5, Flags: wire.SYN | wire.ACK, Window: packet.U16(8192), Urgent: 3,
			Options: []packet.Option{packet.TCPMSS(1460), {Type: 4}, packet.TCPTimestamps(1, 2), {Type: 1}, packet.TCPWindowScale(7)}}),
			s4 + `/TCP(sport=1024,dport=80,seq=1<<31,ack=5,flags="SA",urgptr=3,options=[("MSS",1460),("SAckOK",b""),("Timestamp",(1,2)),("NOP",None),("WScale",7)])`},
		{layers(ip4, &packet.TCP{SrcPort: 20, DstPort: 80, Flags: wire.SYN, Window: packet.U16(8192), Options: []packet.Option{packet.TCPWindowScale(3)}}, packet.Payload("x")),
			s4 + `/TCP(sport=20,dport=80,options=[("WScale",3)])/b"x"`},
		{layers(ip4, &packet.ICMPv4{Type: 3, Code: 4, MTU: 1280}, &packet.IPv4{Src: dst4, Dst: src4}, &packet.UDP{SrcPort: 53, DstPort: 54}),
			s4 + `/ICMP(type=3,code=4,nexthopmtu=1280)/IPerror(src="198.51.100.2",dst="192.0.2.1",id=0)/UDPerror(sport=53,dport=54)`},
		{layers(ip4, &packet.ICMPv4{Type: 5, Code: 1, Gateway: src4}), s4 + `/ICMP(type=5,code=1,gw="192.0.2.1")`},
		{layers(ip4, &packet.ICMPv4{Type: 13, ID: 1, Seq: 2, Originate: 3, Receive: 4, Transmit: 5}), s4 + `/ICMP(type=13,id=1,seq=2,ts_ori=3,ts_rx=4,ts_tx=5)`},
		{layers(ip4, &packet.ICMPv4{Type: 17, ID: 1, Mask: netip.MustParseAddr("255.255.255.0")}), s4 + `/ICMP(type=17,id=1,addr_mask="255.255.255.0")`},
		{layers(ip4, &packet.ICMPv4{Type: 12, Pointer: 20}), s4 + `/ICMP(type=12,ptr=20)`},
		{layers(&packet.IPv6{TrafficClass: 0xb9, FlowLabel: 0xabcde, HopLimit: packet.U8(3), Src: src6, Dst: dst6}, &packet.UDP{SrcPort: 9, DstPort: 10}, packet.Payload("seven77")),
			`IPv6(src="2001:db8::1",dst="2001:db8::2",tc=0xb9,fl=0xabcde,hlim=3)/UDP(sport=9,dport=10)/b"seven77"`},
		{layers(ip6), s6},
		{layers(ip6, &packet.HopByHop{Options: []packet.Option{{Type: wire.IPv6OptionRouterAlert, Data: []byte{0, 0}}}}, &packet.ICMPv6{Type: 130, Group: hop}),
			`IPv6(src="2001:db8::1",dst="2001:db8::2",hlim=1)/IPv6ExtHdrHopByHop(options=RouterAlert())/ICMPv6MLQuery(type=130,mladdr="2001:db8::3",mrd=0)`},
		{layers(ip6, &packet.HopByHop{Options: []packet.Option{{Type: wire.IPv6OptionJumbo, Data: []byte{0, 1, 0, 0}}}}, &packet.UDP{SrcPort: 53, DstPort: 53}),
			`IPv6(src="2001:db8::1",dst="2001:db8::2",plen=0)/IPv6ExtHdrHopByHop(options=Jumbo(jumboplen=65536))/UDP()`},
		{layers(ip6, &packet.DestinationOptions{Options: []packet.Option{{Type: 0x1e, Data: []byte("abc")}}}, &packet.TCP{SrcPort: 20, DstPort: 80, Flags: wire.SYN, Window: packet.U16(8192)}),
			s6 + `/IPv6ExtHdrDestOpt(options=HBHOptUnknown(otype=0x1e,optdata=b"abc"))/TCP()`},
		{layers(ip6, &packet.Routing{Type: 0, Addresses: []netip.Addr{dst6, hop}}, &packet.UDP{SrcPort: 53, DstPort: 53}),
			s6 + `/IPv6ExtHdrRouting(addresses=["2001:db8::2","2001:db8::3"])/UDP()`},
		{layers(ip6, &packet.Routing{Type: 4, Addresses: []netip.Addr{hop, dst6}}, &packet.ICMPv6{Type: 128, ID: 1, Seq: 2}, packet.Payload("ping")),
			s6 + `/IPv6ExtHdrSegmentRouting(addresses=["2001:db8::3","2001:db8::2"],lastentry=1)/ICMPv6EchoRequest(id=1,seq=2,data=b"ping")`},
		{layers(ip6, &packet.Fragment{Offset: 185, More: true, ID: 0xdeadbeef, NextHeader: packet.U8(17)}, packet.Payload("12345678")),
			s6 + `/IPv6ExtHdrFragment(nh=17,offset=185,m=1,id=0xdeadbeef)/b"12345678"`},
		{layers(ip6, &packet.AH{NextHeader: packet.U8(59), SPI: 1, Sequence: 2, ICV: make([]byte, 12)}), s6 + `/AH(nh=59,payloadlen=4,spi=1,seq=2,icv=b"\0"*12)`},
		{layers(ip6, &packet.ESP{SPI: 1, Sequence: 2}, packet.Payload("secret")), s6 + `/ESP(spi=1,seq=2,data=b"secret")`},
		{layers(ip6, &packet.ICMPv6{Type: 2, MTU: 1280}, ip6, &packet.UDP{SrcPort: 53, DstPort: 53}), s6 + `/ICMPv6PacketTooBig(mtu=1280)/` + s6 + `/UDP()`},
		{layers(ip6, &packet.ICMPv6{Type: 135, Target: hop, Options: []packet.Option{{Type: 1, Data: []byte{2, 0, 0, 0, 0, 1}}}}),
			s6 + `/ICMPv6ND_NS(tgt="2001:db8::3")/ICMPv6NDOptSrcLLAddr(lladdr="02:00:00:00:00:01")`},
		{layers(ip6, &packet.ICMPv6{Type: 136, Flags: wire.NDRouter | wire.NDSolicited, Target: hop}), s6 + `/ICMPv6ND_NA(tgt="2001:db8::3",R=1,S=1,O=0)`},
		{layers(ip6, &packet.ICMPv6{Type: 134, HopLimit: 64, Flags: wire.RAManaged, Lifetime: 1800, ReachableTime: 7, RetransTimer: 8, Options: []packet.Option{{Type: 5, Data: []byte{0, 0, 0, 0, 5, 220}}}}),
			s6 + `/ICMPv6ND_RA(chlim=64,M=1,O=0,H=0,prf=0,P=0,res=0,routerlifetime=1800,reachabletime=7,retranstimer=8)/ICMPv6NDOptMTU(mtu=1500)`},
		{layers(ip6, &packet.ICMPv6{Type: 137, Target: hop, Destination: dst6}), s6 + `/ICMPv6ND_Redirect(tgt="2001:db8::3",dst="2001:db8::2")`},
		{layers(&packet.Ethernet{Dst: packet.BroadcastMAC, Src: packet.MAC{2, 0, 0, 0, 0, 1}}, &packet.VLAN{TPID: packet.U16(wire.EtherTypeQinQ), ID: 10, Priority: 5, DropOK: 1}, &packet.VLAN{ID: 4095},
			&packet.ARP{SenderMAC: packet.MAC{2, 0, 0, 0, 0, 1}, SenderIP: src4, TargetIP: dst4}),
			`Ether(dst="ff:ff:ff:ff:ff:ff",src="02:00:00:00:00:01",type=0x88a8)/Dot1Q(vlan=10,prio=5,id=1)/Dot1Q(vlan=4095)/ARP(hwsrc="02:00:00:00:00:01",psrc="192.0.2.1",pdst="198.51.100.2",hwdst="00:00:00:00:00:00")`},
		{layers(ip4, &packet.IPv6{Src: src6, Dst: dst6}, &packet.IPv4{Src: src4, Dst: dst4}, &packet.UDP{SrcPort: 53, DstPort: 53}), s4 + `/` + s6 + `/` + s4 + `/UDP()`},
	}
	expressions := make([]string, len(tests))
	for i, test := range tests {
		expressions[i] = test.scapy
	}
	for i, want := range scapy(t, expressions) {
		got, err := packet.Append(nil, tests[i].layers...)
		if err != nil || hex.EncodeToString(got) != hex.EncodeToString(want) {
			t.Errorf("%s\n got %x (%v)\nwant %x", tests[i].scapy, got, err, want)
		}
	}
}
