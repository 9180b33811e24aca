package packet_test

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"sockwire/raw/packet"
)

// TestOtherNames: what RFCs, scapy and tshark call a field means that field.
func TestOtherNames(t *testing.T) {
	for _, test := range [][2]string{
		{"ip{type_of_service=7, total_length=9, identification=3, fragment_offset=5, time_to_live=9, protocol=17, header_checksum=5, source_address=192.0.2.1, destination_address=192.0.2.2}", "ip{tos=7, len=9, id=3, off=5, ttl=9, proto=17, chksum=5, src=192.0.2.1, dst=192.0.2.2}"},
		{"IP{ip.ttl=3, ip.frag_offset=1, ip.dsfield=4, ip.id=1, ip.flags.df=1} / UDP{udp.srcport=1, udp.dstport=2, udp.length=8, udp.checksum=7}", "ip{ttl=3, off=1, tos=4, id=1, df=1} / udp{sport=1, dport=2, len=8, chksum=7}"},
		{"IPv6{traffic_class=1, flow_label=2, payload_length=3, next_header=17, hop_limit=4}", "ip6{tc=1, flow=2, plen=3, nh=17, hlim=4}"},
		{"Ether{Source=02:00:00:00:00:01, ethertype=0x800} / Dot1Q{vlan=7, prio=3} / Dot1AD{vid=3}", "eth{src=02:00:00:00:00:01, type=0x800} / vlan{id=7, pcp=3} / qinq{id=3}"},
		{"arp{hwsrc=02:00:00:00:00:01, psrc=192.0.2.1, hwdst=02:00:00:00:00:02, pdst=192.0.2.2, opcode=2}", "arp{sha=02:00:00:00:00:01, spa=192.0.2.1, tha=02:00:00:00:00:02, tpa=192.0.2.2, op=2}"},
		{"ip{id=1} / tcp{tcp.srcport=1, dstport=2, sequence_number=3, acknowledgment_number=4, dataofs=5, window=6, urgptr=7, options=[Timestamps{val=1, ecr=2}, WScale{3}, SAckPermitted]}", "ip{id=1} / tcp{sport=1, dport=2, seq=3, ack=4, doff=5, win=6, urp=7, options=[ts{val=1, ecr=2}, wscale{3}, sackok]}"},
		{"ip6 / ICMPv6{type=ns, tgt=2001:db8::1}", "ip6 / icmp6{type=ns, target=2001:db8::1}"},
		{"ip6 / fragment{identification=4, m=1, nh=59}", "ip6 / frag{id=4, more=1, nh=59}"},
		{"ip{id=1} / igmp{type=query, gaddr=233.252.0.1, mrcode=4}", "ip{id=1} / igmp{type=query, group=233.252.0.1, maxresp=4}"},
	} {
		if got, want := build(t, test[0], 0), build(t, test[1], 0); !bytes.Equal(got, want) {
			t.Errorf("%s\n%s\n got %x\nwant %x", test[0], test[1], got, want)
		}
	}
}

// TestNamesOfScapy: every field of scapy's layers can be written by scapy's name, but for those that have no field
// here.
func TestNamesOfScapy(t *testing.T) {
	none := map[string]string{
		"icmp6.data": "a payload behind it", "esp.data": "a payload behind it", "tcp.reserved": "bits of flags", "ah.padding": "is computed",
	}
	classes := [][2]string{{"Ether", "eth"}, {"Dot1Q", "vlan"}, {"MPLS", "mpls"}, {"PPPoE", "pppoe"}, {"ARP", "arp"}, {"IP", "ip"}, {"IPv6", "ip6"}, {"IPv6ExtHdrFragment", "frag"},
		{"IPv6ExtHdrRouting", "rh"}, {"ICMPv6EchoRequest", "icmp6"}, {"ICMPv6ND_NS", "icmp6"}, {"ICMPv6ND_Redirect", "icmp6"}, {"ICMPv6PacketTooBig", "icmp6"},
		{"ICMPv6MLQuery", "icmp6"}, {"IGMP", "igmp"}, {"UDP", "udp"}, {"TCP", "tcp"}, {"SCTP", "sctp"}, {"ESP", "esp"}, {"AH", "ah"}, {"GENEVE", "geneve"}}
	python := findScapy(t)
	var script strings.Builder
	script.WriteString("from scapy.all import *\nfrom scapy.contrib.igmp import *\nfrom scapy.contrib.geneve import *\nfrom scapy.contrib.mpls import *\nfrom scapy.layers.sctp import *\nfrom scapy.layers.ipsec import *\n")
	for _, c := range classes {
		fmt.Fprintf(&script, "print('%s', *[f.name for f in %s.fields_desc])\n", c[1], c[0])
	}
	cmd := exec.Command(python, "-c", script.String())
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	known := 0
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		for _, f := range words[1:] {
			_, err := packet.Parse(words[0] + "{" + f + "=")
			var syntax *packet.SyntaxError
			if !errors.As(err, &syntax) {
				t.Fatalf("%s.%s: %v", words[0], f, err)
			}
			if strings.Contains(syntax.Problem, "has no field") {
				if _, ok := none[words[0]+"."+f]; !ok {
					t.Errorf("%s.%s: %v", words[0], f, err)
				}
				continue
			}
			known++
		}
	}
	t.Logf("%d names", known)
}

// TestMistakesAreMet: a name with a slip of the pen is answered with the one that was meant, and where it stands.
func TestMistakesAreMet(t *testing.T) {
	for _, test := range []struct {
		spec   string
		column int
		want   string
	}{
		{"ip{tlt=1}", 4, "ttl"}, {"ip{porto=1}", 4, "proto"}, {"udp{sprot=1}", 5, "sport"}, {"tcp{flgs=S}", 5, "flags"}, {"ip{chksm=1}", 4, "chksum"},
		{"upd{sport=1}", 1, "udp"}, {"imcp", 1, "icmp"}, {"vlna{id=1}", 1, "vlan"}, {"ip / tpc{dport=1}", 6, "tcp"}, {"gneve", 1, "geneve"},
		{"ip6{hilm=1}", 5, "hlim"}, {"tcp{options=[msss{1}]}", 14, "mss"}, {"tcp{options=[wscal{1}]}", 14, "wscale"}, {"icmp6{options=[sla{1}]}", 16, "slla"},
		{"ip / icmp{type=ecoh}", 16, "echo"}, {"ip / txet{a}", 6, "text"}, {"ip / radnom{5}", 6, "random"},
	} {
		_, err := packet.Parse(test.spec)
		var syntax *packet.SyntaxError
		if !errors.As(err, &syntax) || syntax.Column != test.column || !strings.Contains(syntax.Problem, ": there is "+test.want) {
			t.Errorf("%s: %v, want column %d and %q", test.spec, err, test.column, test.want)
		}
	}
}
