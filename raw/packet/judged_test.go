package packet_test

import (
	"fmt"
	"strings"
	"testing"
)

// morePairs are the messages and options that the pairs of [expressionPairs] lack. icmp4 and icmp6 are helpers of the
// Python side: they put the checksum, by scapy's own function, into a message that scapy has no class for.
func morePairs() []pair {
	const ll = "02:00:00:00:00:01"
	v6 := func(icmp6, scapy string) pair { return pair{ip6Ours + "} / " + icmp6, ip6Scapy + scapy} }
	list := []pair{
		// IGMPv3.
		{ip4Ours + ", tos=0xc0} / igmp{type=query, maxresp=100, group=233.252.0.1, flags=10, qqic=125, sources=[192.0.2.8, 192.0.2.9]}",
			ip4Scapy + `,ttl=1,proto=2)/IGMPv3(type=0x11,mrcode=100)/IGMPv3mq(gaddr="233.252.0.1",s=1,qrv=2,qqic=125,srcaddrs=["192.0.2.8","192.0.2.9"])`},
		{ip4Ours + ", tos=0xc0} / igmp{type=query, maxresp=9, flags=0, nsrc=7}", ip4Scapy + `,ttl=1,proto=2)/IGMPv3(type=0x11,mrcode=9)/IGMPv3mq(numsrc=7)`},
		{ip4Ours + ", tos=0xc0} / igmp{type=report3, records=[rec{type=4, group=233.252.0.1, sources=[192.0.2.3]}, rec{type=2, group=233.252.0.2, aux=01020304}]}",
			ip4Scapy + `,ttl=1,proto=2)/IGMPv3(type=0x22,mrcode=0)/IGMPv3mr(records=[IGMPv3gr(rtype=4,maddr="233.252.0.1",srcaddrs=["192.0.2.3"]),IGMPv3gr(rtype=2,auxdlen=1,maddr="233.252.0.2")])/b"\1\2\3\4"`},
		{ip4Ours + ", tos=0xc0} / igmp{type=report3}", ip4Scapy + `,ttl=1,proto=2)/IGMPv3(type=0x22,mrcode=0)/IGMPv3mr()`},

		// MLD.
		v6("icmp6{type=mldquery, mrd=5, group=ff02::1:3}", `,hlim=1)/ICMPv6MLQuery(mrd=5,mladdr="ff02::1:3")`),
		v6("icmp6{type=mlddone, group=ff02::1:3}", `,hlim=1)/ICMPv6MLDone(mladdr="ff02::1:3")`),
		v6("icmp6{type=mldquery, mrd=1000, group=ff02::1:3, flags=10, qqic=125, sources=[2001:db8::7]}",
			`,hlim=1,nh=58)/ICMPv6MLQuery2(mrd=1000,mladdr="ff02::1:3",S=1,QRV=2,QQIC=125,sources=["2001:db8::7"])`),
		v6("icmp6{type=mld2report, records=[rec{type=4, group=ff02::1:3}, rec{type=1, group=ff02::1:4, sources=[2001:db8::7, 2001:db8::8]}]}",
			`,hlim=1,nh=58)/ICMPv6MLReport2(records=[ICMPv6MLDMultAddrRec(rtype=4,dst="ff02::1:3"),ICMPv6MLDMultAddrRec(rtype=1,dst="ff02::1:4",sources=["2001:db8::7","2001:db8::8"])])`),

		// Neighbour discovery options.
		v6("icmp6{type=ra, options=[route{plen=64, flags=8, lifetime=600, prefix=2001:db8:1::}]}",
			`)/ICMPv6ND_RA(chlim=0,M=0,O=0,H=0,prf=0,P=0,res=0,routerlifetime=0)/ICMPv6NDOptRouteInfo(len=3,plen=64,prf=1,rtlifetime=600,prefix="2001:db8:1::")`),
		v6("icmp6{type=ra, options=[interval{interval=4000}, homeagent{preference=2, lifetime=9}]}",
			`)/ICMPv6ND_RA(chlim=0,M=0,O=0,H=0,prf=0,P=0,res=0,routerlifetime=0)/ICMPv6NDOptAdvInterval(advint=4000)/ICMPv6NDOptHAInfo(pref=2,lifetime=9)`),
		v6("icmp6{type=ra, options=[raflags{0x800000000000}]}",
			`)/ICMPv6ND_RA(chlim=0,M=0,O=0,H=0,prf=0,P=0,res=0,routerlifetime=0)/ICMPv6NDOptEFA(res=1<<47)`),
		v6("icmp6{type=ra, options=[dnssl{lifetime=60, names=076578616d706c6503636f6d00000000}]}",
			`)/ICMPv6ND_RA(chlim=0,M=0,O=0,H=0,prf=0,P=0,res=0,routerlifetime=0)/ICMPv6NDOptDNSSL(lifetime=60,searchlist=["example.com"],len=3)`),
		v6("icmp6{type=redirect, target=2001:db8::3, dest=2001:db8::4, options=[tlla{"+ll+"}, redirected{0102030405060708}]}",
			`)/ICMPv6ND_Redirect(tgt="2001:db8::3",dst="2001:db8::4")/ICMPv6NDOptDstLLAddr(lladdr="`+ll+`")/ICMPv6NDOptRedirectedHdr(pkt=bytes(range(1,9)))`),
		v6("icmp6{type=ns, target=2001:db8::3, options=[nonce{010203040506}]}", `)/ICMPv6ND_NS(tgt="2001:db8::3")/ICMPv6NDOptUnknown(type=14,len=1,data=b"\1\2\3\4\5\6")`),
		v6("icmp6{type=ra, options=[captive{\"https://x/\"}]}",
			`)/ICMPv6ND_RA(chlim=0,M=0,O=0,H=0,prf=0,P=0,res=0,routerlifetime=0)/ICMPv6NDOptUnknown(type=37,len=2,data=b"https://x/\0\0\0\0")`),
		v6("icmp6{type=ra, options=[pref64{lifetime=75, plc=1, prefix=0064ff9b0000000000000000}]}",
			`)/ICMPv6ND_RA(chlim=0,M=0,O=0,H=0,prf=0,P=0,res=0,routerlifetime=0)/ICMPv6NDOptUnknown(type=38,len=2,data=b"\x02\x59\x00\x64\xff\x9b"+b"\0"*8)`),
		v6("icmp6{type=na, router=1, solicited=1, override=1, target=2001:db8::3}", `)/ICMPv6ND_NA(tgt="2001:db8::3",R=1,S=1,O=1)`),
		v6("icmp6{type=ra, managed=1, other=1, chlim=9, router_lifetime=7, reachable_time=8, retrans_timer=9}",
			`)/ICMPv6ND_RA(chlim=9,M=1,O=1,H=0,prf=0,P=0,res=0,routerlifetime=7,reachabletime=8,retranstimer=9)`),
		v6("icmp6{type=ra, options=[prefix{plen=64, flags=0x20, prefix=2001:db8::}]}",
			`)/ICMPv6ND_RA(chlim=0,M=0,O=0,H=0,prf=0,P=0,res=0,routerlifetime=0)/ICMPv6NDOptPrefixInfo(prefixlen=64,L=0,A=0,R=1,res1=0,validlifetime=0,preferredlifetime=0,res2=0,prefix="2001:db8::")`),

		// ICMP extensions (RFC 4884).
		{ip4Ours + "} / icmp{type=timeexceeded, ext=[mpls{label=16, tc=1, s=1, ttl=2}]} / " + ip4Ours + "} / " + udpOurs + "}",
			ip4Scapy + `,proto=1)/icmp4(b"\x0b\0\0\0\0\x20\0\0"+(bytes(` + ip4Scapy + ")/" + udpScapy + `))).ljust(128,b"\0")+extension(b"\0\x08\1\1"+(16<<12|1<<9|1<<8|2).to_bytes(4,"big")))`},
		{ip4Ours + `} / icmp{type=unreachable, code=1, ext=[iface{role=2, ifindex=3, addr=192.0.2.9, name="eth0", mtu=1500}]} / ` + ip4Ours + "} / " + udpOurs + "}",
			ip4Scapy + `,proto=1)/icmp4(b"\3\1\0\0\0\x20\0\0"+(bytes(` + ip4Scapy + ")/" + udpScapy + `))).ljust(128,b"\0")+extension(bytes(ICMPExtensionInterfaceInformation(len=28,interface_role=2,has_ifindex=1,has_ipaddr=1,has_ifname=1,has_mtu=1,ifindex=3,afi=1,ip4="192.0.2.9",ifname_len=8,ifname=b"eth0\0\0\0",mtu=1500))))`},
		v6("icmp6{type=timeexceeded, ext=[mpls{label=1048575, tc=7, s=0, ttl=255}, obj{class=3, ctype=1, data=01020304}]} / "+ip6Ours+"} / "+udpOurs+"}",
			`,nh=58)/icmp6(b"\3\0\0\0\x10\0\0\0"+(bytes(`+ip6Scapy+")/"+udpScapy+`))).ljust(128,b"\0")+extension(b"\0\x08\1\1\xff\xff\xfe\xff"+b"\0\x08\3\1\1\2\3\4"))`),

		// IPv6 extension headers and their options.
		v6("dstopts{options=[homeaddr{2001:db8::9}]} / "+udpOurs+"}", `)/IPv6ExtHdrDestOpt(options=HAO(hoa="2001:db8::9"))/`+udpScapy+",chksum=csum6(dict(src='2001:db8::9'),bytes("+udpScapy+",len=8,chksum=0)),17))"),
		v6("dstopts{options=[padn{0000}, pad1, pad1]} / "+udpOurs+"}", `)/IPv6ExtHdrDestOpt(options=[PadN(optdata=b"\0\0"),Pad1(),Pad1()])/`+udpScapy+")"),
		v6("hopopts{options=[opt{type=0x63, data=00000000}]} / "+udpOurs+"}", `)/IPv6ExtHdrHopByHop(options=HBHOptUnknown(otype=0x63,optdata=b"\0\0\0\0"))/`+udpScapy+")"),
		v6("dstopts{options=[tunlimit{4}]} / "+ip6Ours+"} / "+udpOurs+"}", `)/IPv6ExtHdrDestOpt(options=HBHOptUnknown(otype=4,optdata=b"\4"))/`+ip6Scapy+")/"+udpScapy+")"),
		v6("hopopts / dstopts / rh{type=0, addrs=[2001:db8::7], left=0} / frag{id=1} / dstopts / "+udpOurs+"}",
			`)/IPv6ExtHdrHopByHop()/IPv6ExtHdrDestOpt()/IPv6ExtHdrRouting(addresses=["2001:db8::7"],segleft=0)/IPv6ExtHdrFragment(id=1)/IPv6ExtHdrDestOpt()/`+udpScapy+")"),
		v6("rh{type=4, addrs=[2001:db8::7, 2001:db8::8, 2001:db8::9], left=0, rest=0x02000000} / "+udpOurs+"}",
			`)/IPv6ExtHdrSegmentRouting(addresses=["2001:db8::7","2001:db8::8","2001:db8::9"],lastentry=2,segleft=0)/`+udpScapy+")"),
		v6("mobility{nh=none, data=010000000001020304050607}", `,nh=135)/b"\x3b\1\1\0\0\0\0\1\2\3\4\5\6\7\0\0"`),
		v6("hip{data=010203040506}", `,nh=139)/b"\x3b\0\1\2\3\4\5\6"`),
		v6("shim6{data=010203040506}", `,nh=140)/b"\x3b\0\1\2\3\4\5\6"`),
		v6("ah{spi=1, seq=2, icv=000102030405060708090a0b} / esp{spi=3, seq=4} / text{x}", `)/AH(spi=1,seq=2,payloadlen=4,nh=50,icv=bytes(range(12)))/ESP(spi=3,seq=4,data=b"x")`),

		// IPv4 options.
		{ip4Ours + ", options=[ssrr{ptr=4, addrs=[192.0.2.9]}]} / " + udpOurs + "}", ip4Scapy + `,options=IPOption_SSRR(pointer=4,routers=["192.0.2.9"]))/` + udpScapy + ")"},
		{ip4Ours + ", options=[sid{0x1234}]} / " + udpOurs + "}", ip4Scapy + `,options=IPOption_Stream_Id(security=0x1234))/` + udpScapy + ")"},
		{ip4Ours + ", options=[sec{000102030405060708}]} / " + udpOurs + "}", ip4Scapy + `,options=IPOption_Security(security=1,compartment=0x0203,handling_restrictions=0x0405,transmission_control_code=b"\6\7\10"))/` + udpScapy + ")"},
		{ip4Ours + ", options=[ts{ptr=9, flag=1, data=c000020100000007}]} / " + udpOurs + "}", ip4Scapy + `,options=IPOption_Timestamp(flg=1,pointer=9,internet_address="192.0.2.1",timestamp=7))/` + udpScapy + ")"},

		// TCP options.
		{ip4Ours + "} / " + tcpOurs + ", options=[ao{keyid=1, rnextkeyid=2, mac=00112233445566778899aabb}]}", ip4Scapy + ")/" + tcpScapy + `,options=[(29,b"\1\2"+bytes.fromhex("00112233445566778899aabb"))])`},
		{ip4Ours + "} / " + tcpOurs + ", options=[sack{left=1, right=2, left2=3, right2=4, left3=5, right3=6, left4=7, right4=8}]}", ip4Scapy + ")/" + tcpScapy + `,options=[("SAck",(1,2,3,4,5,6,7,8))])`},
		{ip4Ours + "} / " + tcpOurs + ", options=[nop, eol]}", ip4Scapy + ")/" + tcpScapy + `,options=[("NOP",None),("EOL",None)])`},
		{ip4Ours + "} / " + tcpOurs + ", options=[tfo]}", ip4Scapy + ")/" + tcpScapy + `,options=[(34,b"")])`},
		{ip4Ours + "} / " + tcpOurs + ", options=[mss{len=9, value=7}]}", ip4Scapy + ",)/" + tcpScapy + `,dataofs=6)/b"\2\x09\0\7"`},

		// SCTP chunks.
		{ip4Ours + "} / sctp{sport=1, dport=2, tag=3} / chunk{type=data, flags=3, value=000000050001000200000003616263}",
			ip4Scapy + `)/SCTP(sport=1,dport=2,tag=3)/SCTPChunkData(beginning=1,ending=1,tsn=5,stream_id=1,stream_seq=2,proto_id=3,data=b"abc")`},
		{ip4Ours + "} / sctp{sport=1, dport=2, tag=3} / chunk{type=sack, value=000000050000040000000000}", ip4Scapy + `)/SCTP(sport=1,dport=2,tag=3)/SCTPChunkSACK(cumul_tsn_ack=5,a_rwnd=1024)`},
		{ip6Ours + "} / sctp{sport=1, dport=2, tag=3} / chunk{type=cookieack} / chunk{type=shutdowncomplete, flags=1}", ip6Scapy + `)/SCTP(sport=1,dport=2,tag=3)/SCTPChunkCookieAck()/SCTPChunkShutdownComplete(TCB=1)`},
		{ip4Ours + "} / sctp{sport=1, dport=2, tag=3, chksum=7}", ip4Scapy + `)/SCTP(sport=1,dport=2,tag=3,chksum=7)`},

		// Tunnels.
		{ip4Ours + "} / udp{sport=1000} / geneve{vni=5, options=010280010badcafe} / " + ethOurs + "} / " + ip4Ours + "} / " + udpOurs + "}",
			ip4Scapy + `)/UDP(sport=1000,dport=6081)/GENEVE(vni=5,options=GeneveOptions(classid=0x0102,type=0x80,data=b"\x0b\xad\xca\xfe"))/` + ethScapy + ")/" + ip4Scapy + ")/" + udpScapy + ")"},
		{ip4Ours + "} / udp{sport=1000} / geneve{critical=1, oam=1, version=1, res=3} / " + ip4Ours + "} / " + udpOurs + "}",
			ip4Scapy + `)/UDP(sport=1000,dport=6081)/GENEVE(version=1,critical=1,oam=1,reserved2=3,proto=0x800)/` + ip4Scapy + ")/" + udpScapy + ")"},
		{ip6Ours + "} / gre{key=1, seq=2, csum=1} / " + ip6Ours + "} / " + udpOurs + "}", ip6Scapy + ")/GRE(chksum_present=1,key_present=1,key=1,seqnum_present=1,sequence_number=2)/" + ip6Scapy + ")/" + udpScapy + ")"},
		{ip4Ours + "} / gre{chksum=0xbeef, res1=7, proto=ip} / text{x}", ip4Scapy + `)/GRE(chksum_present=1,chksum=0xbeef,offset=7,proto=0x800)/b"x"`},
		{ip4Ours + "} / mpls{label=1} / mpls{label=2} / " + ip6Ours + "} / " + udpOurs + "}", ip4Scapy + ",proto=137)/MPLS(label=1,s=0,ttl=64)/MPLS(label=2,s=1,ttl=64)/" + ip6Scapy + ")/" + udpScapy + ")"},
		{ethOurs + "} / pppoe{session=1} / " + ip6Ours + "} / " + udpOurs + "}", ethScapy + `,type=0x8864)/PPPoE(sessionid=1)/(b"\0\x57"+bytes(` + ip6Scapy + ")/" + udpScapy + ")))"},
		{ethOurs + "} / qinq{pcp=7, id=1} / qinq{id=2} / vlan{id=3} / " + ip4Ours + "} / " + udpOurs + "}", ethScapy + ",type=0x88a8)/Dot1Q(prio=7,vlan=1,type=0x88a8)/Dot1Q(vlan=2,type=0x8100)/Dot1Q(vlan=3)/" + ip4Scapy + ")/" + udpScapy + ")"},
		{ethOurs + ", trailer=0000} / " + ip4Ours + "} / " + udpOurs + "}", ethScapy + ")/" + ip4Scapy + ")/" + udpScapy + `)/Padding(b"\0\0")`},
		{ethOurs + "} / arp{htype=6, ptype=0x86dd, hlen=8, plen=16, op=9, sha=02:00:00:00:00:07, spa=192.0.2.7, tha=02:00:00:00:00:08, tpa=192.0.2.8}",
			ethScapy + `,type=0x806)/(bytes.fromhex("000686dd08100009020000000007c0000207020000000008c0000208"))`},
	}
	// Every ICMP type there can be, and every code of some.
	for n := range 256 {
		switch {
		case n >= 13 && n <= 14: // go on with three times
			list = append(list, pair{fmt.Sprintf("%s} / icmp{type=%d, code=1, rest=0x01020304, orig=5, recv=6, xmit=7}", ip4Ours, n), fmt.Sprintf(`%s,proto=1)/icmp4(bytes([%d,1,0,0,1,2,3,4,0,0,0,5,0,0,0,6,0,0,0,7]))`, ip4Scapy, n)})
		case n >= 17 && n <= 18:
			list = append(list, pair{fmt.Sprintf("%s} / icmp{type=%d, code=1, rest=0x01020304, mask=255.255.0.0}", ip4Ours, n), fmt.Sprintf(`%s,proto=1)/icmp4(bytes([%d,1,0,0,1,2,3,4,255,255,0,0]))`, ip4Scapy, n)})
		default:
			list = append(list, pair{fmt.Sprintf("%s} / icmp{type=%d, code=1, rest=0x01020304} / hex{aabbcc}", ip4Ours, n), fmt.Sprintf(`%s,proto=1)/icmp4(bytes([%d,1,0,0,1,2,3,4,0xaa,0xbb,0xcc]))`, ip4Scapy, n)})
		}
		if n < 130 || n > 137 && n != 143 {
			list = append(list, pair{fmt.Sprintf("%s} / icmp6{type=%d, code=2, rest=0x01020304} / hex{aabbcc}", ip6Ours, n), fmt.Sprintf(`%s,nh=58)/icmp6(bytes([%d,2,0,0,1,2,3,4,0xaa,0xbb,0xcc]))`, ip6Scapy, n)})
		}
	}
	return list
}

// decoded is a packet, and what tshark must show of it.
type decoded struct{ ours, field, want string }

// fieldsOfTshark are the fields that the sweeps of [expressionPairs] lack. A want of "" is the value in the expression
// that stands behind the mark §, which is taken out.
func fieldsOfTshark() []decoded {
	ra := "icmp6{type=ra, options="
	list := []decoded{
		{"eth{dst=§02:00:00:00:00:0a§, src=02:00:00:00:00:0b} / ip / udp", "eth.dst", ""}, {"eth{dst=02:00:00:00:00:0a, src=§02:00:00:00:00:0b§} / ip / udp", "eth.src", ""},
		{ethOurs + ", type=§0x88b5§} / hex{00}", "eth.type", ""}, {ethOurs + "} / vlan{pcp=§5§} / ip / udp", "vlan.priority", ""}, {ethOurs + "} / vlan{dei=§1§} / ip / udp", "vlan.dei", ""},
		{ethOurs + "} / vlan{type=§0x88b5§} / hex{00}", "vlan.etype", ""}, {ethOurs + "} / qinq{id=§7§} / vlan / ip / udp", "ieee8021ad.id", ""},
		{ethOurs + "} / mpls{tc=§3§} / ip / udp", "mpls.exp", ""}, {ethOurs + "} / mpls{ttl=§9§} / ip / udp", "mpls.ttl", ""}, {ethOurs + "} / mpls{s=§1§} / ip / udp", "mpls.bottom", ""},
		{ethOurs + "} / pppoe{session=§0x1234§} / ip / udp", "pppoe.session_id", ""}, {ethOurs + "} / pppoe{code=§9§} / hex{01010000}", "pppoe.code", ""},
		{ethOurs + "} / pppoe / ip / udp", "pppoe.payload_length", "30"}, {ethOurs + "} / pppoe{version=§3§} / ip / udp", "pppoe.version", ""}, {ethOurs + "} / pppoe{type=§4§} / ip / udp", "pppoe.type", ""},
		{ethOurs + "} / arp{op=§2§}", "arp.opcode", ""}, {ethOurs + "} / arp{htype=§6§}", "arp.hw.type", ""}, {ethOurs + "} / arp{ptype=§0x0800§}", "arp.proto.type", ""},
		{ethOurs + "} / arp{hlen=§6§}", "arp.hw.size", ""}, {ethOurs + "} / arp{plen=§4§}", "arp.proto.size", ""}, {ethOurs + "} / arp{sha=§02:00:00:00:00:0c§}", "arp.src.hw_mac", ""},
		{ethOurs + "} / arp{spa=§192.0.2.3§}", "arp.src.proto_ipv4", ""}, {ethOurs + "} / arp{tha=§02:00:00:00:00:0d§}", "arp.dst.hw_mac", ""}, {ethOurs + "} / arp{tpa=§192.0.2.4§}", "arp.dst.proto_ipv4", ""},

		{"ip{src=§192.0.2.5§} / udp", "ip.src", ""}, {"ip{dst=§192.0.2.6§} / udp", "ip.dst", ""}, {"ip{df=§1§} / udp", "ip.flags.df", ""}, {"ip{mf=§1§} / udp", "ip.flags.mf", ""}, {"ip{evil=§1§} / udp", "ip.flags.rb", ""},
		{"ip{options=[rr{ptr=§4§, addrs=[192.0.2.7]}]} / udp", "ip.opt.ptr", ""}, {"ip{options=[rr{ptr=8, addrs=[§192.0.2.7§]}]} / udp", "ip.rec_rt", ""}, {"ip{options=[ra{§7§}]} / udp", "ip.opt.ra", ""},
		{"ip{options=[sid{§99§}]} / udp", "ip.opt.sid", ""}, {"ip{options=[ts{ptr=5, oflw=§3§, flag=0, data=00000001}]} / udp", "ip.opt.overflow", ""}, {"ip{options=[ts{ptr=5, oflw=0, flag=§1§, data=00000001}]} / udp", "ip.opt.flag", ""},
		{"ip{options=[lsrr{ptr=4, addrs=[§192.0.2.9§]}]} / udp", "ip.dst", ""},

		{"ip6{src=§2001:db8::5§} / udp", "ipv6.src", ""}, {"ip6{dst=§2001:db8::6§} / udp", "ipv6.dst", ""}, {"ip6{dscp=§46§} / udp", "ipv6.tclass.dscp", ""}, {"ip6{ecn=§3§} / udp", "ipv6.tclass.ecn", ""},
		{"ip6 / hopopts{options=[ra{§3§}]} / udp", "ipv6.opt.router_alert", ""}, {"ip6 / hopopts{options=[jumbo{§70000§}]} / udp", "ipv6.opt.jumbo", ""}, {"ip6 / dstopts{options=[homeaddr{§2001:db8::8§}]} / udp", "ipv6.opt.mipv6.home_address", ""},
		{"ip6 / dstopts{options=[tunlimit{§4§}]} / ip6 / udp", "ipv6.opt.tel", ""}, {"ip6 / hopopts{options=[opt{type=§0x1e§, data=00}]} / udp", "ipv6.opt.type", ""}, {"ip6 / hopopts{len=§0§} / udp", "ipv6.hopopts.len", ""},
		{"ip6 / rh{type=§2§, addrs=[2001:db8::9]} / udp", "ipv6.routing.type", ""}, {"ip6 / rh{type=0, left=§0§, addrs=[2001:db8::9]} / udp", "ipv6.routing.segleft", ""}, {"ip6 / rh{type=0, left=0, addrs=[§2001:db8::9§]} / udp", "ipv6.routing.src.addr", ""},
		{"ip6 / rh{type=4, addrs=[§2001:db8::a§]} / udp", "ipv6.routing.srh.addr", ""}, {"ip6 / rh{type=4, rest=§0x00070009§, addrs=[2001:db8::a]} / udp", "ipv6.routing.srh.tag", "0009"}, {"ip6 / rh{type=4, rest=0x00070009, addrs=[2001:db8::a]} / udp", "ipv6.routing.srh.flags", "7"},
		{"ip6 / frag{more=§1§} / udp", "ipv6.fraghdr.more", ""}, {"ip6 / frag{off=§185§, nh=udp} / hex{00}", "ipv6.fraghdr.offset", ""}, {"ip6 / frag{res=§7§} / udp", "ipv6.fraghdr.reserved_octet", ""}, {"ip6 / frag{res2=§3§} / udp", "ipv6.fraghdr.reserved_bits", ""},
		{"ip6 / ah{spi=§9§} / udp", "ah.spi", ""}, {"ip6 / ah{seq=§9§} / udp", "ah.sequence", ""}, {"ip6 / ah{icv=§0102030405060708090a0b0c§} / udp", "ah.icv", ""}, {"ip / ah{len=§7§, icv=0102030405060708090a0b0c0d0e0f101112131415161718} / udp", "ah.length", "7"}, {"ip / esp{seq=§5§} / hex{00}", "esp.sequence", ""},
		{"ip6 / mobility{data=00000000000000000000}", "mip6.mhtype", "0"}, {"ip6 / hip{nh=59, data=01110000000001020000000000000000000000000000000000000000000000000000000000}", "hip.packet_type", "1"}, {"ip6 / shim6{nh=59, data=40000000000000000000}", "shim6.type", "64"},

		{"ip / icmp{type=§10§}", "icmp.type", ""}, {"ip / icmp{type=3, code=4, mtu=§1280§}", "icmp.mtu", ""}, {"ip / icmp{type=5, gw=§192.0.2.1§}", "icmp.redir_gw", ""}, {"ip / icmp{type=12, ptr=§20§}", "icmp.pointer", ""},
		{"ip / icmp{type=13, orig=§5§}", "icmp.originate_timestamp", ""}, {"ip / icmp{type=14, recv=§6§}", "icmp.receive_timestamp", ""}, {"ip / icmp{type=14, xmit=§7§}", "icmp.transmit_timestamp", ""}, {"ip / icmp{type=18, mask=§255.255.255.0§}", "icmp.address_mask", ""},
		{"ip / icmp{chksum=§0xbeef§}", "icmp.checksum", ""}, {"ip / icmp{type=11, ext=[mpls{label=§77§}]} / ip / udp", "icmp.mpls.label", ""}, {"ip / icmp{type=11, ext=[mpls{tc=§5§}]} / ip / udp", "icmp.mpls.exp", ""}, {"ip / icmp{type=11, ext=[mpls{s=§1§}]} / ip / udp", "icmp.mpls.s", ""},
		{"ip / icmp{type=11, ext=[mpls{ttl=§9§}]} / ip / udp", "icmp.mpls.ttl", ""}, {"ip / icmp{type=11, ext=[mpls]} / ip / udp", "icmp.length", "32"}, {"ip / icmp{type=11, ext=[mpls]} / ip / udp", "icmp.ext.checksum.status", "1"},
		{"ip / icmp{type=11, ext=[iface{role=§2§}]} / ip / udp", "icmp.int_info.role", ""}, {"ip / icmp{type=11, ext=[iface{ifindex=§9§}]} / ip / udp", "icmp.int_info.index", ""}, {"ip / icmp{type=11, ext=[iface{addr=§192.0.2.8§}]} / ip / udp", "icmp.int_info.ipv4", ""},
		{"ip / icmp{type=11, ext=[iface{addr=§2001:db8::8§}]} / ip / udp", "icmp.int_info.ipv6", ""}, {"ip / icmp{type=11, ext=[iface{name=§\"wan0\"§, mtu=1500}]} / ip / udp", "icmp.int_info.name", "wan0"}, {"ip / icmp{type=11, ext=[iface{mtu=§1400§}]} / ip / udp", "icmp.int_info.mtu", ""},
		{"ip / icmp{type=42, id=§9§}", "icmp.ident", ""},

		{"ip6 / icmp6{type=§150§}", "icmpv6.type", ""}, {"ip6 / icmp6{type=1, code=§4§} / ip6 / udp", "icmpv6.code", ""}, {"ip6 / icmp6{type=2, mtu=§1280§} / ip6 / udp", "icmpv6.mtu", ""}, {"ip6 / icmp6{type=4, ptr=§40§} / ip6 / udp", "icmpv6.pointer", ""},
		{"ip6 / icmp6{chksum=§0xbeef§}", "icmpv6.checksum", ""}, {"ip6 / icmp6{type=ns, target=§2001:db8::7§}", "icmpv6.nd.ns.target_address", ""}, {"ip6 / icmp6{type=na, target=§2001:db8::7§}", "icmpv6.nd.na.target_address", ""},
		{"ip6 / icmp6{type=na, router=§1§}", "icmpv6.nd.na.flag.r", ""}, {"ip6 / icmp6{type=na, solicited=§1§}", "icmpv6.nd.na.flag.s", ""}, {"ip6 / icmp6{type=na, override=§1§}", "icmpv6.nd.na.flag.o", ""},
		{"ip6 / icmp6{type=ra, hlim=§9§}", "icmpv6.nd.ra.cur_hop_limit", ""}, {"ip6 / icmp6{type=ra, managed=§1§}", "icmpv6.nd.ra.flag.m", ""}, {"ip6 / icmp6{type=ra, other=§1§}", "icmpv6.nd.ra.flag.o", ""}, {"ip6 / icmp6{type=ra, lifetime=§1800§}", "icmpv6.nd.ra.router_lifetime", ""},
		{"ip6 / icmp6{type=ra, reachable=§7§}", "icmpv6.nd.ra.reachable_time", ""}, {"ip6 / icmp6{type=ra, retrans=§8§}", "icmpv6.nd.ra.retrans_timer", ""}, {"ip6 / icmp6{type=redirect, target=§2001:db8::7§}", "icmpv6.nd.rd.target_address", ""},
		{"ip6 / icmp6{type=redirect, dest=§2001:db8::8§}", "icmpv6.rd.na.destination_address", ""}, {"ip6 / icmp6{type=rs, options=[slla{§02:00:00:00:00:09§}]}", "icmpv6.opt.src_linkaddr", ""}, {"ip6 / icmp6{type=na, options=[tlla{§02:00:00:00:00:09§}]}", "icmpv6.opt.target_linkaddr", ""},
		{"ip6 / " + ra + "[prefix{plen=§64§}]}", "icmpv6.opt.prefix.length", ""}, {"ip6 / " + ra + "[prefix{valid=§5§}]}", "icmpv6.opt.prefix.valid_lifetime", ""}, {"ip6 / " + ra + "[prefix{preferred=§4§}]}", "icmpv6.opt.prefix.preferred_lifetime", ""},
		{"ip6 / " + ra + "[prefix{prefix=§2001:db8::§}]}", "icmpv6.opt.prefix", ""}, {"ip6 / " + ra + "[prefix{flags=§0x80§}]}", "icmpv6.opt.prefix.flag.l", "1"}, {"ip6 / " + ra + "[mtu{mtu=§1492§}]}", "icmpv6.opt.mtu", ""},
		{"ip6 / " + ra + "[rdnss{lifetime=§77§, addrs=[2001:db8::53]}]}", "icmpv6.opt.rdnss.lifetime", ""}, {"ip6 / " + ra + "[rdnss{lifetime=77, addrs=[§2001:db8::53§]}]}", "icmpv6.opt.rdnss", ""},
		{"ip6 / " + ra + "[dnssl{lifetime=§78§, names=01610000}]}", "icmpv6.opt.dnssl.lifetime", ""}, {"ip6 / " + ra + "[interval{interval=§4000§}]}", "icmpv6.opt.advertisement_interval", ""}, {"ip6 / " + ra + "[homeagent{preference=§3§}]}", "icmpv6.opt.home_agent_preference", ""},
		{"ip6 / " + ra + "[homeagent{lifetime=§4§}]}", "icmpv6.opt.home_agent_lifetime", ""}, {"ip6 / " + ra + "[route{plen=64, lifetime=§600§, prefix=2001:db8::}]}", "icmpv6.opt.route_lifetime", ""}, {"ip6 / icmp6{type=ns, options=[nonce{§010203040506§}]}", "icmpv6.opt.nonce", ""},
		{"ip6 / " + ra + "[captive{§\"https://x/\"§}]}", "icmpv6.opt.captive_portal", ""}, {"ip6 / icmp6{type=mldquery, mrd=§7§, group=ff02::1}", "icmpv6.mld.maximum_response_delay", ""}, {"ip6 / icmp6{type=mldquery, group=§ff02::1:3§}", "icmpv6.mld.multicast_address", ""},
		{"ip6 / icmp6{type=mldquery, qqic=§9§}", "icmpv6.mld.qqi", ""}, {"ip6 / icmp6{type=mldquery, flags=§3§, qqic=1}", "icmpv6.mld.flag.qrv", ""}, {"ip6 / icmp6{type=mld2report, records=[rec{type=§4§, group=ff02::5}]}", "icmpv6.mldr.mar.record_type", ""},
		{"ip6 / icmp6{type=mld2report, records=[rec{type=4, group=§ff02::5§}]}", "icmpv6.mldr.mar.multicast_address", ""}, {"ip6 / icmp6{type=mld2report, records=[rec{type=4, group=ff02::5, sources=[§2001:db8::5§]}]}", "icmpv6.mldr.mar.source_address", ""},

		{"ip / igmp{type=query, maxresp=§100§}", "igmp.max_resp", ""}, {"ip / igmp{type=report2, group=§233.252.0.9§}", "igmp.maddr", ""}, {"ip / igmp{type=query, maxresp=1, qqic=§9§}", "igmp.qqic", ""}, {"ip / igmp{type=query, maxresp=1, flags=§3§}", "igmp.qrv", ""},
		{"ip / igmp{type=query, maxresp=1, sources=[§192.0.2.9§]}", "igmp.saddr", ""}, {"ip / igmp{type=report3, records=[rec{type=§5§, group=233.252.0.9}]}", "igmp.record_type", ""}, {"ip / igmp{type=report3, records=[rec{type=5, group=§233.252.0.9§}]}", "igmp.maddr", ""}, {"ip / igmp{chksum=§0xbeef§, type=query}", "igmp.checksum", ""},

		{"ip / udplite{cov=§8§} / hex{00}", "udp.checksum_coverage", ""}, {"ip / udplite{sport=§7§}", "udp.srcport", ""}, {"ip / udplite{dport=§9§}", "udp.dstport", ""}, {"ip / udplite{chksum=§0xbeef§}", "udp.checksum", ""},
		{"ip / tcp{doff=§5§}", "tcp.hdr_len", "20"}, {"ip / tcp{flags=§0x1aa§}", "tcp.flags", ""}, {"ip / tcp{options=[ts{val=§9§, ecr=8}]}", "tcp.options.timestamp.tsval", ""}, {"ip / tcp{options=[ts{val=9, ecr=§8§}]}", "tcp.options.timestamp.tsecr", ""},
		{"ip / tcp{options=[sack{left=§5§, right=9}]}", "tcp.options.sack_le", ""}, {"ip / tcp{options=[sack{left=5, right=§9§}]}", "tcp.options.sack_re", ""}, {"ip / tcp{options=[uto{minutes=§1§, timeout=5}]}", "tcp.options.user_to_granularity", ""},
		{"ip / tcp{options=[uto{minutes=1, timeout=§5§}]}", "tcp.options.user_to_val", ""}, {"ip / tcp{options=[md5{§000102030405060708090a0b0c0d0e0f§}]}", "tcp.options.md5.digest", ""}, {"ip / tcp{options=[tfo{§0102030405060708§}]}", "tcp.options.tfo.cookie", ""},
		{"ip / tcp{options=[ao{keyid=§3§, rnextkeyid=4, mac=00}]}", "tcp.options.ao.keyid", ""}, {"ip / tcp{options=[ao{keyid=3, rnextkeyid=§4§, mac=00}]}", "tcp.options.ao.rnextkeyid", ""}, {"ip / tcp{options=[mptcp{00811122334455667788}]}", "tcp.options.mptcp.subtype", "0"},
		{"ip / sctp{sport=§7§}", "sctp.srcport", ""}, {"ip / sctp{dport=§7§}", "sctp.dstport", ""}, {"ip / sctp{chksum=§0xdeadbeef§}", "sctp.checksum", ""}, {"ip / sctp / chunk{type=§6§}", "sctp.chunk_type", ""}, {"ip / sctp / chunk{type=11, flags=§3§}", "sctp.chunk_flags", ""}, {"ip / sctp / chunk{type=11, len=§4§}", "sctp.chunk_length", ""},
		{"ip / gre{proto=§0x6558§} / eth / ip / udp", "gre.proto", ""}, {"ip / gre{seq=§9§} / ip / udp", "gre.sequence_number", ""}, {"ip / gre{chksum=§0xbeef§} / ip / udp", "gre.checksum", ""}, {"ip / udp / vxlan{flags=§0x88§} / eth / ip / udp", "vxlan.flags", "0x8800"},
		{"ip / udp / geneve{vni=§0x123456§} / eth / ip / udp", "geneve.vni", ""}, {"ip / udp / geneve{oam=§1§} / eth / ip / udp", "geneve.flags.oam", ""}, {"ip / udp / geneve{critical=§1§} / eth / ip / udp", "geneve.flags.critical", ""}, {"ip / udp / geneve{proto=§0x0800§} / ip / udp", "geneve.proto_type", ""},
		{"ip / udp / geneve{options=010280010badcafe} / eth / ip / udp", "geneve.option.class", "0x0102"},
	}
	for i, d := range list {
		if first, rest, ok := strings.Cut(d.ours, "§"); ok {
			value, rest, _ := strings.Cut(rest, "§")
			if list[i].ours = first + value + rest; d.want == "" {
				list[i].want = strings.Trim(value, `"`)
			}
		}
	}
	return list
}

// TestMoreFieldsAgainstTshark: tshark shows each value as it was given.
func TestMoreFieldsAgainstTshark(t *testing.T) {
	list := fieldsOfTshark()
	var fields []string
	column := map[string]int{}
	for _, d := range list {
		if _, ok := column[d.field]; !ok {
			column[d.field] = len(fields)
			fields = append(fields, d.field)
		}
	}
	for _, linkType := range []uint32{1, 101} {
		var packets [][]byte
		var of []decoded
		for _, d := range list {
			if strings.HasPrefix(d.ours, "eth") == (linkType == 1) {
				packets, of = append(packets, build(t, d.ours, 0)), append(of, d)
			}
		}
		for i, row := range tshark(t, packets, linkType, fields...) {
			got := row[column[of[i].field]]
			if same := got == of[i].want; !same && (!isNumber(got) || !isNumber(of[i].want) || value(t, got) != value(t, of[i].want)) {
				t.Errorf("%s: tshark has %s = %q, want %q\n%x", of[i].ours, of[i].field, got, of[i].want, packets[i])
			}
		}
	}
	t.Logf("%d fields", len(list))
}
