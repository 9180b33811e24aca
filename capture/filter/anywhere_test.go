package filter

import (
	"math/rand/v2"
	"os"
	"testing"

	"sockwire/capture"
)

// packet parts, for frames within frames.
func ether(typ uint16, rest []byte) []byte {
	b := []byte{0, 0, 0x5e, 0, 0x53, 1, 0, 0, 0x5e, 0, 0x53, 2, byte(typ >> 8), byte(typ)}
	return append(b, rest...)
}

func tag(typ uint16, rest []byte) []byte {
	return append([]byte{0, 5, byte(typ >> 8), byte(typ)}, rest...)
}

func ip4(proto byte, rest []byte) []byte {
	b := []byte{0x46, 0, 0, byte(24 + len(rest)), 0, 0, 0x40, 0, 64, proto, 0, 0, 192, 0, 2, 1, 198, 51, 100, 7, 1, 1, 1, 0}
	return append(b, rest...)
}

func ip6(next byte, rest []byte) []byte {
	b := make([]byte, 40)
	b[0], b[6] = 0x60, next
	b[8], b[9], b[23] = 0x20, 0x01, 1
	b[24], b[25], b[39] = 0x20, 0x01, 2
	return append(b, rest...)
}

func udp(dst uint16, rest []byte) []byte {
	return append([]byte{0x30, 0x39, byte(dst >> 8), byte(dst), 0, byte(8 + len(rest)), 0, 0}, rest...)
}

func tcp443() []byte {
	return []byte{0xc0, 0, 0x01, 0xbb, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0, 0, 0, 0, 0, 0}
}

func label(bottom byte, rest []byte) []byte { return append([]byte{0, 6, 0x40 | bottom, 64}, rest...) }

var tunnelled = []struct {
	name string
	data []byte
}{
	{"plain", ether(0x800, ip4(6, tcp443()))},
	{"IPv6", ether(0x86dd, ip6(6, tcp443()))},
	{"VLAN", ether(0x8100, tag(0x800, ip4(6, tcp443())))},
	{"QinQ", ether(0x88a8, tag(0x8100, tag(0x86dd, ip6(6, tcp443()))))},
	{"MPLS", ether(0x8847, label(0, label(1, ip4(6, tcp443()))))},
	{"PPPoE", ether(0x8864, append([]byte{0x11, 0, 0, 7, 0, 0, 0, 0x21}, ip4(6, tcp443())...))},
	{"VLAN and PPPoE with IPv6", ether(0x8100, tag(0x8864, append([]byte{0x11, 0, 0, 7, 0, 0, 0, 0x57}, ip6(6, tcp443())...)))},
	{"IP in IP", ether(0x800, ip4(4, ip4(6, tcp443())))},
	{"IPv6 in IPv4 in IPv4", ether(0x800, ip4(4, ip4(41, ip6(6, tcp443()))))},
	{"GRE", ether(0x800, ip4(47, append([]byte{0, 0, 8, 0}, ip4(6, tcp443())...)))},
	{"GRE with key and checksum", ether(0x800, ip4(47, append([]byte{0xa0, 0, 0x86, 0xdd, 0, 0, 0, 0, 0, 0, 0, 9}, ip6(6, tcp443())...)))},
	{"GRE with Ethernet", ether(0x800, ip4(47, append([]byte{0, 0, 0x65, 0x58}, ether(0x8100, tag(0x800, ip4(6, tcp443())))...)))},
	{"VXLAN", ether(0x800, ip4(17, udp(4789, append([]byte{8, 0, 0, 0, 0, 0, 5, 0}, ether(0x800, ip4(6, tcp443()))...))))},
	{"VXLAN at the port that Linux takes", ether(0x800, ip4(17, udp(8472, append([]byte{8, 0, 0, 0, 0, 0, 5, 0}, ether(0x800, ip4(6, tcp443()))...))))},
	{"VXLAN-GPE", ether(0x800, ip4(17, udp(4790, append([]byte{8, 0, 0, 0, 0, 0, 5, 0}, ether(0x800, ip4(6, tcp443()))...))))},
	{"VXLAN over IPv6", ether(0x86dd, ip6(17, udp(4789, append([]byte{8, 0, 0, 0, 0, 0, 5, 0}, ether(0x8100, tag(0x800, ip4(6, tcp443())))...))))},
	{"Geneve", ether(0x800, ip4(17, udp(6081, append([]byte{1, 0, 0x65, 0x58, 0, 0, 5, 0, 1, 2, 3, 4}, ether(0x800, ip4(6, tcp443()))...))))},
	{"Geneve with IP", ether(0x800, ip4(17, udp(6081, append([]byte{0, 0, 0x08, 0x00, 0, 0, 5, 0}, ip4(6, tcp443())...))))},
	{"extension headers", ether(0x86dd, ip6(0, append([]byte{60, 0, 0, 0, 0, 0, 0, 0}, append([]byte{6, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, tcp443()...)...)))},
	{"first fragment", ether(0x86dd, ip6(44, append([]byte{6, 0, 0, 1, 0, 0, 0, 7}, tcp443()...)))},
	{"authentication header", ether(0x800, ip4(51, append([]byte{6, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1}, tcp443()...)))},
}

func TestAnywhere(t *testing.T) {
	for _, expr := range []string{"anywhere: tcp port 443", "anywhere: tcp[2:2] = 443", "anywhere: tcp and dst port 443 and not udp"} {
		f := MustParse(expr)
		p, err := f.Compile(capture.LinkEthernet, nil)
		if err != nil {
			t.Fatal(err)
		}
		ev, err := newEvaluator(f, capture.LinkEthernet, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range tunnelled {
			if !p.Match(x.data, nil) {
				t.Errorf("%s: %s does not match", expr, x.name)
			}
			if !ev.Match(x.data, nil) {
				t.Errorf("%s: %s does not match in the evaluator", expr, x.name)
			}
		}
	}
	other := MustParse("anywhere: tcp port 80")
	p, err := other.Compile(capture.LinkEthernet, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range tunnelled {
		if p.Match(x.data, nil) {
			t.Errorf("%s: %s matches", other, x.name)
		}
	}
	if p.Len() > MaxInstructions/2 {
		t.Errorf("%s needs %d instructions", other, p.Len())
	}
	t.Logf("%s: %d instructions", other, p.Len())
}

// TestAnywhereJudges holds program and evaluator against each other.
func TestAnywhereJudges(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	var n tally
	for _, link := range supportedLinks {
		for _, expr := range []string{"anywhere: tcp port 443", "anywhere: host 192.0.2.1 or net 2001:db8::/32", "anywhere: icmp6[0] = 128 or arp",
			"anywhere: not udp and greater 40 and ip[8] < 5", "anywhere: udp portrange 50-60 and ip6 proto 0", "anywhere:"} {
			j, err := judgesFor(nil, expr, link, Options{})
			if err != nil {
				t.Fatalf("%s: %s: %v", expr, link, err)
			}
			seeds := seedPackets(rng)
			if link == capture.LinkEthernet {
				for _, x := range tunnelled {
					seeds = append(seeds, x.data)
				}
			}
			packets := coverBranches(rng, []*Program{&j.opt}, seeds, nil)
			if few := 10; len(packets) > few && os.Getenv("FILTER_FULL") == "" {
				rng.Shuffle(len(packets), func(i, k int) { packets[i], packets[k] = packets[k], packets[i] })
				packets = packets[:few]
			}
			for _, data := range packets {
				if !j.compare(t, data, Meta{}, &n) {
					break
				}
			}
		}
	}
	t.Logf("%d packets in %d cuts", n.packets, n.cuts)
}

func TestAnywhereRefuses(t *testing.T) {
	for _, expr := range []string{"anywhere: vlan 5", "anywhere: ether host 00:00:5e:00:53:01", "anywhere: ip and link[0] = 1", "anywhere: geneve",
		"anywhere: broadcast", "anywhere: stp", "anywhere: link proto 5", "anywhere: gateway x"} {
		f, err := Parse(expr)
		if err != nil {
			t.Fatalf("%s: %v", expr, err)
		}
		if _, err := f.Compile(capture.LinkEthernet, nil); err == nil {
			t.Errorf("%s compiles", expr)
		}
	}
}
