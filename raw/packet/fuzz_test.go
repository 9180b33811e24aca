package packet_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"sockwire/raw/packet"
)

// FuzzParse: any expression is read or refused with a column inside it; what is read builds or says why not, the
// same twice, and what it built can be written as an expression that builds it again.
func FuzzParse(f *testing.F) {
	for _, spec := range []string{
		"ip{dst=192.0.2.1, ttl=1..30} / udp{sport=rand, dport=53,123} / hex{0001 0203}",
		"eth / vlan{id=10} / ip6{dst=2001:db8::1} / frag{mtu=1280} / icmp6{type=128} / random{1400}",
		"ip{dst=192.0.2.0/30} / tcp{flags=S,SA, options=[mss{1460}, sackok, ts{val=rand, ecr=0}, nop, wscale{7}]}",
		"ip6{dst=rand 2001:db8::/32} / hopopts{options=[ra{0}]} / rh{type=4, addrs=[2001:db8::1]} / icmp6{type=ns, target=2001:db8::1, options=[slla{02:00:00:00:00:01}]}",
		"ip / icmp{type=unreachable, code=4, mtu=1280, ext=[mpls{label=5, tc=1, s=1, ttl=3}]} / ip / udp",
		`ip{ttl=1..3@a, id=5,6,7@a} / sctp / chunk{type=init, value=00} / chunk{value="hi"}`,
		"ip{proto=253} / pattern{ab, 1..9} / text{a\\x41\\}} / zero{3}",
		"ip / frag{mtu=68, order=random, overlap=8} / udp / random{100..200}",
		"ip / udp / dns{qr=1, qname=a.example,b.example, qtype=rand, an=[rr{name=a.example, addr=192.0.2.1}, rr{name=b, target=a.example}]}",
		`ip / udp / dhcp{chaddr=02:00:00:00:00:01, options=[msgtype{discover}, hostname{"a"}, pad]}`,
	} {
		f.Add(spec)
	}
	f.Fuzz(func(t *testing.T, spec string) {
		template, err := packet.Parse(spec)
		if err != nil {
			var syntax *packet.SyntaxError
			if !errors.As(err, &syntax) {
				t.Fatalf("%q: %v is no SyntaxError", spec, err)
			}
			if syntax.Column < 1 || syntax.Column > utf8.RuneCountInString(spec)+1 {
				t.Fatalf("%q: column %d", spec, syntax.Column)
			}
			return
		}
		for _, n := range []uint64{0, 1, template.Count() - 1} {
			b, _, err := template.Append(nil, nil, n)
			if err != nil {
				if !strings.HasPrefix(err.Error(), "packet: ") {
					t.Fatal(err)
				}
				continue
			}
			again, _, err := template.Append(nil, nil, n)
			if err != nil || !bytes.Equal(b, again) {
				t.Fatalf("packet %d differs the second time: %v", n, err)
			}
			if template.Fragments() || len(b) > 4096 {
				continue
			}
			text := packet.Format(template.Layers(n))
			written, err := packet.Parse(text)
			if err != nil {
				t.Fatalf("%q was written for %q: %v", text, spec, err)
			}
			if got, _, err := written.Append(nil, nil, 0); err != nil || !bytes.Equal(got, b) {
				t.Fatalf("%q was written for %q\n got %x (%v)\nwant %x", text, spec, got, err, b)
			}
		}
	})
}

// FuzzDissect: what is taken apart builds the same bytes, as layers and as an expression.
func FuzzDissect(f *testing.F) {
	f.Add(byte(0), build0("eth / ip / tcp{options=[mss{1},nop]} / text{x}"))
	f.Add(byte(1), build0("ip{options=[rr{ptr=4, addrs=[192.0.2.1]}]} / icmp{type=11, ext=[mpls{label=1}]} / ip / udp"))
	f.Add(byte(2), build0("ip6 / hopopts{options=[ra{0}]} / dstopts / rh{type=4, addrs=[::1]} / icmp6{type=ra}"))
	f.Add(byte(1), build0("ip / udp / dns{qr=1, qname=a.example, an=[rr{name=b.a.example, addr=192.0.2.1}]}"))
	f.Add(byte(1), build0("ip / udp / dhcp{options=[msgtype{1}, hostname{00}]}"))
	f.Add(byte(1), build0("ip / udp{dport=6081} / geneve{options=00} / eth / mpls / mpls / ip / sctp / chunk{value=0102}"))
	f.Fuzz(func(t *testing.T, link byte, b []byte) {
		if len(b) > 2048 {
			return
		}
		first := []packet.Layer{new(packet.Ethernet), new(packet.IPv4), new(packet.IPv6)}[link%3]
		roundTrip(t, b, first)
	})
}

func build0(spec string) []byte {
	template, err := packet.Parse(spec)
	if err != nil {
		panic(err)
	}
	b, _, err := template.Append(nil, nil, 0)
	if err != nil {
		panic(err)
	}
	return b
}
