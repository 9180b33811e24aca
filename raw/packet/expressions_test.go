package packet_test

import (
	"encoding/hex"
	"fmt"
	"testing"

	"sockwire/raw/packet"
)

// pair is a packet in our language and in scapy's.
type pair struct{ ours, scapy string }

// The outer headers, with everything given that the two would choose differently.
const (
	ip4Ours, ip4Scapy = "ip{src=192.0.2.1, dst=198.51.100.2, id=7", `IP(src="192.0.2.1",dst="198.51.100.2",id=7`
	ip6Ours, ip6Scapy = "ip6{src=2001:db8::1, dst=2001:db8::2", `IPv6(src="2001:db8::1",dst="2001:db8::2"`
	ethOurs, ethScapy = "eth{dst=02:00:00:00:00:02, src=02:00:00:00:00:01", `Ether(dst="02:00:00:00:00:02",src="02:00:00:00:00:01"`
	udpOurs, udpScapy = "udp{sport=1000, dport=2000", "UDP(sport=1000,dport=2000"
	tcpOurs, tcpScapy = "tcp{sport=1000, dport=2000, seq=1, win=8192", "TCP(sport=1000,dport=2000,seq=1"
)

// sweep is a field and values for it, both in both languages.
type sweep struct {
	ours, scapy string // formats with %s for the value
	values      []string
	python      []string // the values in Python, when they differ
	tshark      string   // the field that tshark shows the value in
}

func (s sweep) pairs() []pair {
	var list []pair
	for i, v := range s.values {
		python := v
		if s.python != nil {
			python = s.python[i]
		}
		list = append(list, pair{fmt.Sprintf(s.ours, v), fmt.Sprintf(s.scapy, python)})
	}
	return list
}

var u8s, u16s, u32s = []string{"0", "1", "127", "255"}, []string{"0", "1", "4660", "65535"}, []string{"0", "1", "0xdeadbeef", "4294967295"}

func expressionPairs() (list []pair, sweeps []sweep) {
	list = []pair{
		{ethOurs + "} / " + ip4Ours + "} / " + udpOurs + "} / text{hi}", ethScapy + ")/" + ip4Scapy + ")/" + udpScapy + `)/b"hi"`},
		{ethOurs + "} / vlan{id=10, pcp=5, dei=1} / " + ip6Ours + "} / " + udpOurs + "}", ethScapy + ")/Dot1Q(vlan=10,prio=5,id=1)/" + ip6Scapy + ")/" + udpScapy + ")"},
		{ethOurs + "} / qinq{id=100} / vlan{id=200} / " + ip4Ours + "} / icmp{id=1, seq=2}", ethScapy + ",type=0x88a8)/Dot1Q(vlan=100)/Dot1Q(vlan=200)/" + ip4Scapy + ")/ICMP(id=1,seq=2)"},
		{ethOurs + "} / mpls{label=100, tc=3, ttl=9} / mpls{label=200} / " + ip4Ours + "} / " + udpOurs + "}",
			ethScapy + ",type=0x8847)/MPLS(label=100,cos=3,s=0,ttl=9)/MPLS(label=200,s=1,ttl=64)/" + ip4Scapy + ")/" + udpScapy + ")"},
		{ethOurs + "} / pppoe{session=77} / " + ip4Ours + "} / " + udpOurs + "}", ethScapy + `,type=0x8864)/PPPoE(sessionid=77)/(b"\x00\x21"+bytes(` + ip4Scapy + ")/" + udpScapy + ")))"},
		{ethOurs + "} / pppoe{code=9} / hex{01010000}", ethScapy + `,type=0x8863)/PPPoED(code=9)/b"\x01\x01\x00\x00"`},
		{ethOurs + "} / arp{op=request, sha=02:00:00:00:00:01, spa=192.0.2.1, tpa=192.0.2.2}", ethScapy + `)/ARP(op=1,hwsrc="02:00:00:00:00:01",psrc="192.0.2.1",pdst="192.0.2.2",hwdst="00:00:00:00:00:00")`},
		{ethOurs + "} / arp{op=reply, sha=02:00:00:00:00:01, spa=192.0.2.1, tha=02:00:00:00:00:02, tpa=192.0.2.2}", ethScapy + `)/ARP(op=2,hwsrc="02:00:00:00:00:01",psrc="192.0.2.1",pdst="192.0.2.2",hwdst="02:00:00:00:00:02")`},

		{ip4Ours + ", options=[rr{ptr=4, addrs=[0.0.0.0, 0.0.0.0]}]} / " + udpOurs + "}", ip4Scapy + `,options=IPOption_RR(pointer=4,routers=["0.0.0.0","0.0.0.0"]))/` + udpScapy + ")"},
		{ip4Ours + ", options=[lsrr{ptr=4, addrs=[192.0.2.9]}]} / " + udpOurs + "}", ip4Scapy + `,options=IPOption_LSRR(pointer=4,routers=["192.0.2.9"]))/` + udpScapy + ")"},
		{ip4Ours + ", options=[ra{0}]} / igmp{type=query, maxresp=100}", ip4Scapy + `,options=IPOption_Router_Alert())/IGMP(type=0x11,mrcode=100)`},
		{ip4Ours + ", options=[nop, nop, eol]} / " + udpOurs + "}", ip4Scapy + `,options=IPOption(b"\x01\x01\x00"))/` + udpScapy + ")"},
		{ip4Ours + ", options=[opt{type=130, data=0011}]} / " + udpOurs + "}", ip4Scapy + `,options=IPOption(b"\x82\x04\x00\x11"))/` + udpScapy + ")"},
		{ip4Ours + "} / igmp{type=report2, group=239.1.2.3}", ip4Scapy + `)/IGMP(type=0x16,mrcode=0,gaddr="239.1.2.3")`},
		{ip4Ours + ", ttl=1} / igmp{type=leave, group=239.1.2.3}", ip4Scapy + `,ttl=1)/IGMP(type=0x17,mrcode=0,gaddr="239.1.2.3")`},
		{ip4Ours + "} / udplite{sport=1, dport=2} / text{all}", ip4Scapy + `,proto=136)/(lambda d: d[:6]+(lambda c: bytes([c>>8,c&255]))(in4_chksum(136, IP(src="192.0.2.1",dst="198.51.100.2"), d))+d[8:])(b"\x00\x01\x00\x02\x00\x00\x00\x00all")`},
		{ip4Ours + "} / " + ip4Ours + "} / " + udpOurs + "}", ip4Scapy + ")/" + ip4Scapy + ")/" + udpScapy + ")"},
		{ip6Ours + "} / " + ip4Ours + "} / " + udpOurs + "}", ip6Scapy + ")/" + ip4Scapy + ")/" + udpScapy + ")"},
		{ip4Ours + "} / sctp{sport=1, dport=2, tag=3} / chunk{type=init, value=00000001000000640001000100000001}",
			ip4Scapy + `)/SCTP(sport=1,dport=2,tag=3)/SCTPChunkInit(init_tag=1,a_rwnd=100,n_out_streams=1,n_in_streams=1,init_tsn=1)`},
		{ip4Ours + "} / sctp{sport=1, dport=2, tag=3} / chunk{type=abort} / chunk{type=shutdownack}", ip4Scapy + `)/SCTP(sport=1,dport=2,tag=3)/SCTPChunkAbort()/SCTPChunkShutdownAck()`},
		{ip4Ours + "} / gre / " + ip4Ours + "} / " + udpOurs + "}", ip4Scapy + ")/GRE()/" + ip4Scapy + ")/" + udpScapy + ")"},
		{ip4Ours + "} / gre{key=5, seq=6} / " + ip6Ours + "} / " + udpOurs + "}", ip4Scapy + ")/GRE(key_present=1,key=5,seqnum_present=1,sequence_number=6)/" + ip6Scapy + ")/" + udpScapy + ")"},
		{ip4Ours + "} / gre{csum=1} / " + ip4Ours + "} / " + udpOurs + "}", ip4Scapy + ")/GRE(chksum_present=1)/" + ip4Scapy + ")/" + udpScapy + ")"},
		{ip4Ours + "} / gre / " + ethOurs + "} / arp{sha=02:00:00:00:00:01, spa=192.0.2.1, tpa=192.0.2.2}", ip4Scapy + ")/GRE(proto=0x6558)/" + ethScapy + `)/ARP(hwsrc="02:00:00:00:00:01",psrc="192.0.2.1",pdst="192.0.2.2",hwdst="00:00:00:00:00:00")`},
		{ip4Ours + "} / udp{sport=1000} / vxlan{vni=5} / " + ethOurs + "} / " + ip4Ours + "} / " + udpOurs + "}", ip4Scapy + ")/UDP(sport=1000,dport=4789)/VXLAN(vni=5,flags=8)/" + ethScapy + ")/" + ip4Scapy + ")/" + udpScapy + ")"},
		{ip6Ours + "} / udp{sport=1000} / geneve{vni=0x123456} / " + ethOurs + "} / " + ip4Ours + "} / " + udpOurs + "}", ip6Scapy + ")/UDP(sport=1000,dport=6081)/GENEVE(vni=0x123456)/" + ethScapy + ")/" + ip4Scapy + ")/" + udpScapy + ")"},
		{ip4Ours + "} / ah{spi=1, seq=2, icv=000102030405060708090a0b} / " + udpOurs + "}", ip4Scapy + `)/AH(spi=1,seq=2,payloadlen=4,nh=17,icv=bytes(range(12)))/` + udpScapy + `,chksum=(lambda p: in4_chksum(17, IP(src="192.0.2.1",dst="198.51.100.2"), bytes(p)))(` + udpScapy + `,len=8,chksum=0)),len=8)`},
		{ip4Ours + "} / esp{spi=1, seq=2} / hex{00112233}", ip4Scapy + `)/ESP(spi=1,seq=2,data=b"\x00\x11\x22\x33")`},

		{ip4Ours + "} / icmp{type=unreachable, code=1} / " + ip4Ours + "} / " + udpOurs + "}", ip4Scapy + ")/ICMP(type=3,code=1)/IPerror(src=\"192.0.2.1\",dst=\"198.51.100.2\",id=7)/UDPerror(sport=1000,dport=2000)"},
		{ip4Ours + "} / icmp{type=unreachable, code=4, mtu=1280} / " + ip4Ours + "} / " + udpOurs + "}", ip4Scapy + ")/ICMP(type=3,code=4,nexthopmtu=1280)/IPerror(src=\"192.0.2.1\",dst=\"198.51.100.2\",id=7)/UDPerror(sport=1000,dport=2000)"},
		{ip4Ours + "} / icmp{type=timestamp, id=1, seq=2, orig=3, recv=4, xmit=5}", ip4Scapy + ")/ICMP(type=13,id=1,seq=2,ts_ori=3,ts_rx=4,ts_tx=5)"},
		{ip4Ours + "} / icmp{type=mask, id=1, mask=255.255.255.0}", ip4Scapy + `)/ICMP(type=17,id=1,seq=0,addr_mask="255.255.255.0")`},
		{ip4Ours + "} / icmp{type=redirect, code=1, gw=192.0.2.254}", ip4Scapy + `)/ICMP(type=5,code=1,gw="192.0.2.254")`},
		{ip4Ours + "} / icmp{type=paramproblem, ptr=20}", ip4Scapy + `)/ICMP(type=12,ptr=20)`},

		{ip6Ours + "} / hopopts{options=[ra{1}]} / icmp6{id=1, seq=2}", ip6Scapy + ")/IPv6ExtHdrHopByHop(options=RouterAlert(value=1))/ICMPv6EchoRequest(id=1,seq=2)"},
		{ip6Ours + "} / dstopts{options=[padn{0000}, opt{type=30, data=010203}]} / " + udpOurs + "}", ip6Scapy + `)/IPv6ExtHdrDestOpt(autopad=0,options=[PadN(optdata=b"\0\0"),HBHOptUnknown(otype=30,optdata=b"\1\2\3"),PadN(optdata=b"\0\0\0")])/` + udpScapy + ")"},
		{ip6Ours + "} / dstopts{options=[homeaddr{2001:db8::9}]} / esp{spi=1,seq=1}", ip6Scapy + `)/IPv6ExtHdrDestOpt(options=HAO(hoa="2001:db8::9"))/ESP(spi=1,seq=1)`},
		{ip6Ours + "} / rh{type=0, addrs=[2001:db8::3, 2001:db8::4]} / " + udpOurs + "}", ip6Scapy + `)/IPv6ExtHdrRouting(addresses=["2001:db8::3","2001:db8::4"])/` + udpScapy + ")"},
		{ip6Ours + "} / rh{type=2, addrs=[2001:db8::3]} / " + tcpOurs + "}", ip6Scapy + `)/IPv6ExtHdrRouting(type=2,addresses=["2001:db8::3"])/` + tcpScapy + ")"},
		{ip6Ours + "} / rh{type=4, addrs=[2001:db8::3, 2001:db8::2]} / " + udpOurs + "}", ip6Scapy + `)/IPv6ExtHdrSegmentRouting(addresses=["2001:db8::3","2001:db8::2"],lastentry=1)/` + udpScapy + ")"},
		{ip6Ours + "} / frag{id=5, off=0, more=1} / " + udpOurs + "} / zero{16}", ip6Scapy + `)/IPv6ExtHdrFragment(id=5,offset=0,m=1)/` + udpScapy + `)/(b"\0"*16)`},
		{ip6Ours + "} / mobility{nh=none, data=050000000000}", ip6Scapy + `,nh=135)/b"\x3b\x00\x05\x00\x00\x00\x00\x00"`},
		{ip6Ours + "} / ext{proto=253, nh=none, data=0102030405060708}", ip6Scapy + `,nh=253)/b"\x3b\x01\1\2\3\4\5\6\7\x08\0\0\0\0\0\0"`},

		{ip6Ours + "} / icmp6{type=ns, target=2001:db8::2, options=[slla{02:00:00:00:00:01}]}", ip6Scapy + `)/ICMPv6ND_NS(tgt="2001:db8::2")/ICMPv6NDOptSrcLLAddr(lladdr="02:00:00:00:00:01")`},
		{ip6Ours + "} / icmp6{type=na, flags=0x60, target=2001:db8::2, options=[tlla{02:00:00:00:00:01}]}", ip6Scapy + `)/ICMPv6ND_NA(tgt="2001:db8::2",R=0,S=1,O=1)/ICMPv6NDOptDstLLAddr(lladdr="02:00:00:00:00:01")`},
		{ip6Ours + "} / icmp6{type=rs, options=[slla{02:00:00:00:00:01}]}", ip6Scapy + `)/ICMPv6ND_RS()/ICMPv6NDOptSrcLLAddr(lladdr="02:00:00:00:00:01")`},
		{ip6Ours + "} / icmp6{type=ra, hlim=64, flags=0xc0, lifetime=1800, options=[mtu{mtu=1500}, prefix{plen=64, flags=0xc0, valid=1, preferred=2, prefix=2001:db8::}, rdnss{lifetime=9, addrs=[2001:db8::53]}]}",
			ip6Scapy + `)/ICMPv6ND_RA(chlim=64,M=1,O=1,H=0,prf=0,P=0,res=0,routerlifetime=1800)/ICMPv6NDOptMTU(mtu=1500)/ICMPv6NDOptPrefixInfo(prefixlen=64,L=1,A=1,R=0,res1=0,validlifetime=1,preferredlifetime=2,res2=0,prefix="2001:db8::")/ICMPv6NDOptRDNSS(lifetime=9,dns=["2001:db8::53"])`},
		{ip6Ours + "} / icmp6{type=redirect, target=2001:db8::3, dest=2001:db8::4}", ip6Scapy + `)/ICMPv6ND_Redirect(tgt="2001:db8::3",dst="2001:db8::4")`},
		{ip6Ours + "} / icmp6{type=toobig, mtu=1280} / " + ip6Ours + "} / " + udpOurs + "}", ip6Scapy + ")/ICMPv6PacketTooBig(mtu=1280)/" + ip6Scapy + ")/" + udpScapy + ")"},
		{ip6Ours + "} / icmp6{type=paramproblem, code=1, ptr=6} / " + ip6Ours + "} / " + udpOurs + "}", ip6Scapy + ")/ICMPv6ParamProblem(code=1,ptr=6)/" + ip6Scapy + ")/" + udpScapy + ")"},
		{ip6Ours + "} / icmp6{type=mldreport, group=ff02::1:3}", ip6Scapy + `,hlim=1)/ICMPv6MLReport(mladdr="ff02::1:3")`},

		{ip4Ours + "} / " + tcpOurs + ", options=[mss{1460}, sackok, ts{val=1, ecr=2}, nop, wscale{7}]}", ip4Scapy + ")/" + tcpScapy + `,options=[("MSS",1460),("SAckOK",b""),("Timestamp",(1,2)),("NOP",None),("WScale",7)])`},
		{ip4Ours + "} / " + tcpOurs + ", flags=A, options=[nop, nop, sack{left=1, right=2, left2=3, right2=4}]}", ip4Scapy + ")/" + tcpScapy + `,flags="A",options=[("NOP",None),("NOP",None),("SAck",(1,2,3,4))])`},
		{ip4Ours + "} / " + tcpOurs + ", options=[md5{000102030405060708090a0b0c0d0e0f}]}", ip4Scapy + ")/" + tcpScapy + `,options=[(19,bytes(range(16)))])`},
		{ip4Ours + "} / " + tcpOurs + ", options=[tfo{0102030405060708}]}", ip4Scapy + ")/" + tcpScapy + `,options=[("TFO",(0x01020304,0x05060708))])`},
		{ip4Ours + "} / " + tcpOurs + ", options=[uto{minutes=1, timeout=5}, opt{type=254, data=abcd}]}", ip4Scapy + ")/" + tcpScapy + `,options=[(28,b"\x80\x05"),(254,b"\xab\xcd")])`},
		{ip4Ours + "} / " + tcpOurs + ", options=[mptcp{00811122334455667788}]}", ip4Scapy + ")/" + tcpScapy + `,options=[(30,bytes.fromhex("00811122334455667788"))])`},
		{ip4Ours + "} / " + tcpOurs + "} / text{GET / HTTP/1.0\\r\\n\\r\\n}", ip4Scapy + ")/" + tcpScapy + `)/b"GET / HTTP/1.0\r\n\r\n"`},
		{ip4Ours + "} / " + udpOurs + "} / pattern{abcd, 7}", ip4Scapy + ")/" + udpScapy + `)/b"\xab\xcd\xab\xcd\xab\xcd\xab"`},
		{ip4Ours + `} / ` + udpOurs + `} / text{a\x00\}b\\}`, ip4Scapy + ")/" + udpScapy + `)/b"a\x00}b\\"`},
		{ip4Ours + ", proto=253} / hex{00 01 02 ff}", ip4Scapy + `,proto=253)/b"\x00\x01\x02\xff"`},
	}
	list = append(list, morePairs()...)
	for _, s := range []sweep{
		{ip4Ours + ", tos=%s} / " + udpOurs + "}", ip4Scapy + ",tos=%s)/" + udpScapy + ")", u8s, nil, "ip.dsfield"},
		{ip4Ours + ", ttl=%s} / " + udpOurs + "}", ip4Scapy + ",ttl=%s)/" + udpScapy + ")", u8s, nil, "ip.ttl"},
		{"ip{src=192.0.2.1, dst=198.51.100.2, id=%s} / " + udpOurs + "}", `IP(src="192.0.2.1",dst="198.51.100.2",id=%s)/` + udpScapy + ")", u16s, nil, "ip.id"},
		{ip4Ours + ", flags=%s} / " + udpOurs + "}", ip4Scapy + ",flags=%s)/" + udpScapy + ")", []string{"0", "1", "2", "4", "7"}, nil, "ip.flags"},
		{ip4Ours + ", off=%s, proto=17} / hex{0102}", ip4Scapy + `,frag=%s,proto=17)/b"\1\2"`, []string{"1", "185", "8191"}, nil, "ip.frag_offset"},
		{ip4Ours + ", chksum=%s} / " + udpOurs + "}", ip4Scapy + ",chksum=%s)/" + udpScapy + ")", u16s, nil, "ip.checksum"},
		{ip4Ours + ", version=%s} / " + udpOurs + "}", ip4Scapy + ",version=%s)/" + udpScapy + ")", []string{"0", "5", "6", "15"}, nil, ""},
		{ip4Ours + ", ihl=%s} / " + udpOurs + ", chksum=1}", ip4Scapy + ",ihl=%s)/" + udpScapy + ",chksum=1)", []string{"0", "4", "6", "15"}, nil, ""},
		{ip4Ours + ", len=%s} / " + udpOurs + ", chksum=1}", ip4Scapy + ",len=%s)/" + udpScapy + ",chksum=1)", u16s, nil, "ip.len"},
		{ip4Ours + ", proto=%s} / text{x}", ip4Scapy + ",proto=%s)/b'x'", []string{"0", "89", "103", "112", "254", "255"}, nil, "ip.proto"},
		{ip4Ours + ", dscp=%s} / " + udpOurs + "}", ip4Scapy + ",tos=%s<<2)/" + udpScapy + ")", []string{"0", "46", "63"}, nil, "ip.dsfield.dscp"},
		{ip4Ours + ", ecn=%s} / " + udpOurs + "}", ip4Scapy + ",tos=%s)/" + udpScapy + ")", []string{"1", "2", "3"}, nil, "ip.dsfield.ecn"},
		{ip4Ours + ", %s=1} / " + udpOurs + "}", ip4Scapy + ",flags=%s)/" + udpScapy + ")", []string{"mf", "df", "evil"}, []string{"1", "2", "4"}, ""},
		{ip6Ours + ", tc=%s} / " + udpOurs + "}", ip6Scapy + ",tc=%s)/" + udpScapy + ")", u8s, nil, "ipv6.tclass"},
		{ip6Ours + ", flow=%s} / " + udpOurs + "}", ip6Scapy + ",fl=%s)/" + udpScapy + ")", []string{"0", "1", "0xabcde", "1048575"}, nil, "ipv6.flow"},
		{ip6Ours + ", hlim=%s} / " + udpOurs + "}", ip6Scapy + ",hlim=%s)/" + udpScapy + ")", u8s, nil, "ipv6.hlim"},
		{ip6Ours + ", plen=%s} / " + udpOurs + "}", ip6Scapy + ",plen=%s)/" + udpScapy + ")", u16s, nil, "ipv6.plen"},
		{ip6Ours + ", nh=%s} / text{x}", ip6Scapy + ",nh=%s)/b'x'", []string{"59", "89", "253"}, nil, "ipv6.nxt"},
		{ip6Ours + ", version=%s} / " + udpOurs + "}", ip6Scapy + ",version=%s)/" + udpScapy + ")", []string{"0", "4", "15"}, nil, ""},
		{ip4Ours + "} / udp{sport=%s, dport=9}", ip4Scapy + ")/UDP(sport=%s,dport=9)", u16s, nil, "udp.srcport"},
		{ip4Ours + "} / udp{sport=9, dport=%s} / text{x}", ip4Scapy + ")/UDP(sport=9,dport=%s)/b'x'", u16s, nil, "udp.dstport"},
		{ip4Ours + "} / " + udpOurs + ", len=%s, chksum=0}", ip4Scapy + ")/" + udpScapy + ",len=%s,chksum=0)", u16s, nil, "udp.length"},
		{ip4Ours + "} / " + udpOurs + ", chksum=%s}", ip4Scapy + ")/" + udpScapy + ",chksum=%s)", u16s, nil, "udp.checksum"},
		{ip4Ours + "} / " + udpOurs + "} / zero{%s}", ip4Scapy + ")/" + udpScapy + `)/(b"\0"*%s)`, []string{"0", "1", "2", "3", "31", "32", "33", "1400", "20000"}, nil, ""},
		{ip6Ours + "} / " + udpOurs + "} / zero{%s}", ip6Scapy + ")/" + udpScapy + `)/(b"\0"*%s)`, []string{"0", "1", "9", "1400", "60000"}, nil, ""},
		{ip4Ours + "} / tcp{sport=%s, dport=1, seq=0, win=8192}", ip4Scapy + ")/TCP(sport=%s,dport=1)", u16s, nil, "tcp.srcport"},
		{ip4Ours + "} / tcp{sport=1, dport=%s, seq=0, win=8192}", ip4Scapy + ")/TCP(sport=1,dport=%s)", u16s, nil, "tcp.dstport"},
		{ip4Ours + "} / tcp{sport=1, dport=2, seq=%s, win=8192}", ip4Scapy + ")/TCP(sport=1,dport=2,seq=%s)", u32s, nil, "tcp.seq_raw"},
		{ip4Ours + "} / " + tcpOurs + ", ack=%s}", ip4Scapy + ")/" + tcpScapy + ",ack=%s)", u32s, nil, "tcp.ack_raw"},
		{ip4Ours + "} / tcp{sport=1, dport=2, seq=0, win=%s}", ip4Scapy + ")/TCP(sport=1,dport=2,window=%s)", u16s, nil, "tcp.window_size_value"},
		{ip4Ours + "} / " + tcpOurs + ", urp=%s}", ip4Scapy + ")/" + tcpScapy + ",urgptr=%s)", u16s, nil, "tcp.urgent_pointer"},
		{ip4Ours + "} / " + tcpOurs + ", chksum=%s}", ip4Scapy + ")/" + tcpScapy + ",chksum=%s)", u16s, nil, "tcp.checksum"},
		{ip4Ours + "} / " + tcpOurs + ", doff=%s}", ip4Scapy + ")/" + tcpScapy + ",dataofs=%s)", []string{"0", "4", "6", "15"}, nil, ""},
		{ip4Ours + "} / " + tcpOurs + ", flags=%s}", ip4Scapy + ")/" + tcpScapy + ",flags='%s')", []string{"F", "S", "R", "P", "A", "U", "E", "C", "SA", "FA", "RA", "PA", "SEC", "FSRPAUEC"}, nil, ""},
		{ip4Ours + "} / " + tcpOurs + ", flags=%s}", ip4Scapy + ")/" + tcpScapy + ",flags=%s)", []string{"none", "0x100", "511"}, []string{"0", "0x100", "511"}, ""},
		{ip4Ours + "} / " + tcpOurs + ", options=[mss{%s}]}", ip4Scapy + ")/" + tcpScapy + `,options=[("MSS",%s)])`, u16s, nil, "tcp.options.mss_val"},
		{ip4Ours + "} / " + tcpOurs + ", options=[wscale{%s}]}", ip4Scapy + ")/" + tcpScapy + `,options=[("WScale",%s)])`, u8s, nil, "tcp.options.wscale.shift"},
		{ip4Ours + "} / icmp{type=echoreply, id=%s, seq=1}", ip4Scapy + ")/ICMP(type=0,id=%s,seq=1)", u16s, nil, "icmp.ident"},
		{ip4Ours + "} / icmp{type=echo, id=1, seq=%s} / text{abcdefg}", ip4Scapy + ")/ICMP(type=8,id=1,seq=%s)/b'abcdefg'", u16s, nil, "icmp.seq"},
		{ip4Ours + "} / icmp{type=3, code=%s}", ip4Scapy + ")/ICMP(type=3,code=%s)", []string{"0", "3", "13", "255"}, nil, "icmp.code"},
		{ip4Ours + "} / icmp{type=timeexceeded, code=%s, chksum=1}", ip4Scapy + ")/ICMP(type=11,code=%s,chksum=1)", []string{"0", "1"}, nil, ""},
		{ip6Ours + "} / icmp6{type=echo, id=%s, seq=1}", ip6Scapy + ")/ICMPv6EchoRequest(id=%s,seq=1)", u16s, nil, "icmpv6.echo.identifier"},
		{ip6Ours + "} / icmp6{type=echoreply, id=1, seq=%s} / text{abc}", ip6Scapy + ")/ICMPv6EchoReply(id=1,seq=%s,data=b'abc')", u16s, nil, "icmpv6.echo.sequence_number"},
		{ip6Ours + "} / icmp6{type=unreachable, code=%s}", ip6Scapy + ")/ICMPv6DestUnreach(code=%s)", []string{"0", "1", "4"}, nil, ""},
		{ethOurs + ", type=%s} / text{x}", ethScapy + ",type=%s)/b'x'", u16s, nil, ""},
		{ethOurs + "} / vlan{id=%s, type=0x1234} / text{x}", ethScapy + ",type=0x8100)/Dot1Q(vlan=%s,type=0x1234)/b'x'", []string{"0", "1", "4095"}, nil, "vlan.id"},
		{ethOurs + "} / mpls{label=%s} / hex{00}", ethScapy + `,type=0x8847)/MPLS(label=%s,s=1,ttl=64)/b"\0"`, []string{"0", "3", "1048575"}, nil, "mpls.label"},
		{ip4Ours + "} / udp{sport=1000} / vxlan{vni=%s} / " + ethOurs + ", type=1} / text{x}", ip4Scapy + ")/UDP(sport=1000,dport=4789)/VXLAN(vni=%s,flags=8)/" + ethScapy + ",type=1)/b'x'", []string{"0", "1", "16777215"}, nil, "vxlan.vni"},
		{ip4Ours + "} / gre{key=%s} / " + ip4Ours + "} / " + udpOurs + "}", ip4Scapy + ")/GRE(key_present=1,key=%s)/" + ip4Scapy + ")/" + udpScapy + ")", u32s, nil, "gre.key"},
		{ip4Ours + "} / sctp{sport=1, dport=2, tag=%s} / chunk{type=data, value=00}", ip4Scapy + `)/SCTP(sport=1,dport=2,tag=%s)/b"\0\0\0\5\0\0\0\0"`, u32s, nil, "sctp.verification_tag"},
		{ip4Ours + "} / igmp{type=%s}", ip4Scapy + ")/IGMP(type=%s,mrcode=0)", []string{"17", "18", "22", "23"}, nil, "igmp.type"},
		{ip6Ours + "} / frag{id=%s, nh=udp, off=1} / text{12345678}", ip6Scapy + ")/IPv6ExtHdrFragment(id=%s,nh=17,offset=1)/b'12345678'", u32s, nil, "ipv6.fraghdr.ident"},
		{ip6Ours + "} / hopopts{options=[jumbo{%s}]} / hex{}", `IPv6(src="2001:db8::1",dst="2001:db8::2",plen=0)/IPv6ExtHdrHopByHop(nh=0,options=Jumbo(jumboplen=%s))`, nil, nil, "ipv6.plen"},
		{ip4Ours + "} / esp{spi=%s, seq=1} / hex{00}", ip4Scapy + `)/ESP(spi=%s,seq=1,data=b"\0")`, u32s, nil, "esp.spi"},
	} {
		sweeps = append(sweeps, s)
		list = append(list, s.pairs()...)
	}
	return list, sweeps
}

func TestExpressionsAgainstScapy(t *testing.T) {
	pairs, _ := expressionPairs()
	python := make([]string, len(pairs))
	for i, p := range pairs {
		python[i] = p.scapy
	}
	wrong := 0
	for i, want := range scapy(t, python) {
		template, err := packet.Parse(pairs[i].ours)
		if err != nil {
			t.Errorf("%s: %v", pairs[i].ours, err)
			continue
		}
		got, _, err := template.Append(nil, nil, 0)
		if err != nil || hex.EncodeToString(got) != hex.EncodeToString(want) {
			t.Errorf("%s\n%s\n got %x (%v)\nwant %x", pairs[i].ours, pairs[i].scapy, got, err, want)
			if wrong++; wrong > 20 {
				t.FailNow()
			}
		}
	}
	t.Logf("%d expressions", len(pairs))
}
