package packet_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sockwire/raw/packet"
	"sockwire/raw/wire"
)

func TestSyntaxErrorsSayWhere(t *testing.T) {
	for _, test := range []struct {
		spec, column, want string
	}{
		{"", "1", "a layer is missing"},
		{"ip{ttl=300}", "8", "ttl has 8 bits: 300 does not fit"},
		{"ip{ttl=}", "8", `"}" where a value is needed`},
		{"ip{tlt=3}", "4", `ip has no field "tlt": there is ttl`},
		{"ipp", "1", `no layer is called "ipp": there is ip`},
		{"ip{dst=2001:db8::1}", "8", "not an address of IPv4"},
		{"ip{dst=192.0.2}", "8", `"192.0.2" is not an address`},
		{"ip{dst=192.0.2.1", "17", "the expression ends where"},
		{"ip / / udp", "6", `"/" where a layer's name is needed`},
		{"ip / udp{sport=1, sport=2}", "19", "sport is given twice"},
		{"ip{df=1, flags=2, df=0}", "19", "df is given twice"},
		{"ip / hex{0g}", "11", `"g" is no hex digit`},
		{"ip / hex{012}", "13", "an odd number"},
		{"ip / text{abc", "11", "text has no end"},
		{"ip{ttl=9..3}", "8", "the range ends before it starts"},
		{"ip{ttl=1..9 by 0}", "16", "a step of 0"},
		{"ip6{dst=2001:db8::/32}", "9", "2^96 addresses: choose from them with rand"},
		{"ip{dst=from hosts}", "13", "files are not read here"},
		{"ip{dst=localhost}", "8", "not an address of IPv4"},
		{"tcp{flags=SX}", "11", "neither a number nor letters of FSRPAUECN"},
		{"tcp{options=[mss]} / tcp{options=[mms{3}]}", "35", `tcp has no option "mms"`},
		{"tcp{options=[ts{1,2}]}", "17", "ts has 2 fields: name them"},
		{"ip{proto=upd}", "10", `"upd" is not a number, nor a name for proto: there is udp`},
		{"udp / frag{mtu=100} / hex{}", "7", "frag stands behind ip"},
		{"frag{mtu=100} / udp", "1", "frag needs an ip"},
		{"ip / frag{mtu=100} / frag{mtu=200}", "22", "a packet is cut into fragments once"},
		{"ip{id=auto}", "4", "auto means nothing here"},
		{"ip / random{300000}", "13", "at most 262144 bytes"},
		{"ip{ttl=rand@a}", "14", "only lists, ranges and files"},
		{"ip{ttl=1}x", "10", `"x" where the next layer needs`},
		{"ü", "1", `"ü" where a layer's name is needed`},
		{"ip / text{üü} / x", "17", `no layer is called "x"`},
	} {
		_, err := packet.Parse(test.spec)
		if test.want == "" && err == nil {
			continue
		}
		var syntax *packet.SyntaxError
		if !errors.As(err, &syntax) || !strings.Contains(err.Error(), test.want) || fmt.Sprint(syntax.Column) != test.column {
			t.Errorf("%q: %v, want column %s: %s", test.spec, err, test.column, test.want)
		}
	}
}

// ports returns the destination ports and TTLs of a template's packets as "ttl/port".
func ports(t *testing.T, template *packet.Template, n int) []string {
	t.Helper()
	var list []string
	for i := range n {
		b, _, err := template.Append(nil, nil, uint64(i))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, fmt.Sprintf("%d/%d", b[8], binary.BigEndian.Uint16(b[22:])))
	}
	return list
}

func TestCombinations(t *testing.T) {
	parser := &packet.Parser{
		ReadFile: func(name string) ([]byte, error) {
			if name != "ports.txt" {
				return nil, errors.New("no such file")
			}
			return []byte("53\n# a comment\n\n123\n"), nil
		},
	}
	for _, test := range []struct {
		ttl, port string
		count     uint64
		want      string
	}{
		{"1", "53", 1, "1/53"},
		{"1..2", "53,123", 4, "1/53 1/123 2/53 2/123 1/53"},
		{"1..2@a", "53,123@a", 2, "1/53 2/123 1/53"},
		{"1..3@a", "53,123@a", 3, "1/53 2/123 3/53 1/53"},
		{"5,1..3,9", "7", 5, "5/7 1/7 2/7 3/7 9/7 5/7"},
		{"10..20 by 5", "7", 3, "10/7 15/7 20/7 10/7"},
		{"seq", "seq 100 10", 1, "0/100 1/110 2/120"},
		{"254,255", "seq 65535", 2, "254/65535 255/0 254/1"},
		{"7", "from ports.txt", 2, "7/53 7/123 7/53"},
		{"1..2", `from "ports.txt"`, 4, "1/53 1/123 2/53"},
	} {
		template, err := parser.Parse(fmt.Sprintf("ip{ttl=%s} / udp{dport=%s}", test.ttl, test.port))
		if err != nil {
			t.Errorf("%s / %s: %v", test.ttl, test.port, err)
			continue
		}
		want := strings.Fields(test.want)
		if got := ports(t, template, len(want)); template.Count() != test.count || !slices.Equal(got, want) {
			t.Errorf("%s / %s: %d combinations, %v, want %d, %v", test.ttl, test.port, template.Count(), got, test.count, want)
		}
	}
}

func TestRandomValues(t *testing.T) {
	parse := func(seed uint64) *packet.Template {
		template, err := packet.Parse("ip{src=rand 10.0.0.0/8, dst=192.0.2.1} / udp{sport=rand, dport=rand 1000..1003} / random{1..40}")
		if err != nil {
			t.Fatal(err)
		}
		template.SetSeed(seed)
		return template
	}
	one, same, other := parse(1), parse(1), parse(2)
	seen := map[uint16]int{}
	sources := map[string]bool{}
	differ := false
	for n := range uint64(4000) {
		a, _, err := one.Append(nil, nil, n)
		if err != nil {
			t.Fatal(err)
		}
		b, _, _ := same.Append(nil, nil, n)
		c, _, _ := other.Append(nil, nil, n)
		if !bytes.Equal(a, b) {
			t.Fatal("the same seed gives different packets")
		}
		differ = differ || !bytes.Equal(a, c)
		if a[12] != 10 {
			t.Fatalf("source %v is outside 10/8", a[12:16])
		}
		sources[string(a[12:16])] = true
		seen[binary.BigEndian.Uint16(a[22:])]++
	}
	if !differ {
		t.Error("another seed gives the same packets")
	}
	if len(sources) < 3990 {
		t.Errorf("%d different sources in 4000 packets", len(sources))
	}
	for port := uint16(1000); port < 1004; port++ {
		if seen[port] < 900 || seen[port] > 1100 {
			t.Errorf("port %d came %d times of 4000", port, seen[port])
		}
	}
	if len(seen) != 4 {
		t.Errorf("ports %v", seen)
	}
	// Any packet can be built alone.
	late, _, _ := parse(1).Append(nil, nil, 3999)
	if again, _, _ := one.Append(nil, nil, 3999); !bytes.Equal(late, again) {
		t.Error("packet 3999 depends on those before")
	}
}

func TestTemplateAllocatesNothing(t *testing.T) {
	template, err := packet.Parse("eth / ip{src=10.0.0.0..10.0.255.255, dst=192.0.2.1} / tcp{sport=rand, dport=1..1000, options=[mss{rand}, ts{val=seq, ecr=0}]} / random{0..100}")
	if err != nil {
		t.Fatal(err)
	}
	b, ends := make([]byte, 0, 4096), make([]int, 0, 16)
	var n uint64
	if allocs := testing.AllocsPerRun(1000, func() {
		if b, ends, err = template.Append(b[:0], ends[:0], n%100); err != nil {
			t.Fatal(err)
		}
		n++
	}); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func TestFragmentsAgainstScapy(t *testing.T) {
	type test struct{ ours, scapy string }
	var tests []test
	for _, mtu := range []int{68, 100, 576, 1000, 1500} {
		tests = append(tests, test{
			fmt.Sprintf("%s} / frag{mtu=%d} / %s} / zero{3000}", ip4Ours, mtu, udpOurs),
			fmt.Sprintf(`b"".join(bytes(f) for f in fragment(%s)/%s)/(b"\0"*3000), fragsize=%d))`, ip4Scapy, udpScapy, (mtu-20)&^7)})
	}
	for _, mtu := range []int{1280, 1500} {
		tests = append(tests, test{
			fmt.Sprintf("%s} / frag{mtu=%d, id=9} / %s} / zero{5000}", ip6Ours, mtu, udpOurs),
			fmt.Sprintf(`b"".join(bytes(f) for f in fragment6(%s)/IPv6ExtHdrFragment(id=9)/%s)/(b"\0"*5000), %d))`, ip6Scapy, udpScapy, mtu)})
	}
	python := make([]string, len(tests))
	for i := range tests {
		python[i] = tests[i].scapy
	}
	for i, want := range scapy(t, python) {
		if got := build(t, tests[i].ours, 0); !bytes.Equal(got, want) {
			t.Errorf("%s\n got %x\nwant %x", tests[i].ours, got, want)
		}
	}
}

// TestFragmentsCoverThePacket puts fragments together again, in whatever order and overlap they were made.
func TestFragmentsCoverThePacket(t *testing.T) {
	for _, options := range []string{"", ", order=reverse", ", order=random", ", overlap=8", ", order=random, overlap=16"} {
		for _, version := range []string{ip4Ours + "}", ip4Ours + ", options=[ra{0}, nop]}", ip6Ours + "}", ip6Ours + "} / hopopts{options=[ra{0}]}"} {
			whole := build(t, version+" / "+udpOurs+"} / pattern{000102030405060708090a, 2000}", 0)
			template, err := packet.Parse(version + " / frag{mtu=300" + options + "} / " + udpOurs + "} / pattern{000102030405060708090a, 2000}")
			if err != nil {
				t.Fatal(err)
			}
			b, ends, err := template.Append(nil, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			var first packet.Layer = new(packet.IPv4)
			if strings.HasPrefix(version, "ip6") {
				first = new(packet.IPv6)
			}
			got := make([]byte, 2008)
			covered, lasts, firstIsFirst, from := 0, 0, false, 0
			for i, to := range ends {
				if to-from > 300 {
					t.Fatalf("%s%s: a fragment of %d bytes", version, options, to-from)
				}
				offset, data, more := fragmentOf(t, packet.Dissect(b[from:to], cloneOf(first)))
				copy(got[offset:], data)
				covered += len(data)
				if !more {
					lasts++
				}
				firstIsFirst = firstIsFirst || i == 0 && offset == 0
				from = to
			}
			if !bytes.Equal(got, whole[len(whole)-2008:]) || lasts != 1 || covered < 2008 {
				t.Errorf("%s%s: the fragments do not make the packet", version, options)
			}
			if strings.Contains(options, "overlap") != (covered > 2008) {
				t.Errorf("%s%s: %d bytes in fragments of 2008", version, options, covered)
			}
			if !strings.Contains(options, "random") && strings.Contains(options, "reverse") == firstIsFirst {
				t.Errorf("%s%s: the order is wrong", version, options)
			}
		}
	}
}

func cloneOf(l packet.Layer) packet.Layer {
	if _, ok := l.(*packet.IPv4); ok {
		return new(packet.IPv4)
	}
	return new(packet.IPv6)
}

// fragmentOf returns the place and the data of a fragment.
func fragmentOf(t *testing.T, layers []packet.Layer) (offset int, data []byte, more bool) {
	t.Helper()
	for i, l := range layers {
		switch l := l.(type) {
		case *packet.IPv4:
			offset, more = 8*int(l.FragmentOffset), l.Flags&packet.MoreFragments != 0
		case *packet.Fragment:
			offset, more = 8*int(l.Offset), l.More
		case *packet.HopByHop, *packet.IPv6:
			continue
		default:
			b, err := packet.Append(nil, layers[i:]...)
			if err != nil {
				t.Fatal(err)
			}
			return offset, b, more
		}
	}
	t.Fatal("no data")
	return 0, nil, false
}

func TestEdit(t *testing.T) {
	original := build(t, "eth{dst=02:00:00:00:00:02} / ip{src=192.0.2.1, dst=198.51.100.2, id=9} / udp{sport=1, dport=2} / text{old}", 0)
	for _, test := range []struct {
		edit, want string
		all        bool
	}{
		{"ip{ttl=1, dst=198.51.100.9}", "eth{dst=02:00:00:00:00:02} / ip{src=192.0.2.1, dst=198.51.100.9, id=9, ttl=1} / udp{sport=1, dport=2} / text{old}", true},
		{"udp{dport=9, chksum=0} / text{new text}", "eth{dst=02:00:00:00:00:02} / ip{src=192.0.2.1, dst=198.51.100.2, id=9} / udp{sport=1, dport=9, chksum=0} / text{new text}", true},
		{"ip{df=1, ecn=3}", "eth{dst=02:00:00:00:00:02} / ip{src=192.0.2.1, dst=198.51.100.2, id=9, df=1, tos=3} / udp{sport=1, dport=2} / text{old}", true},
		{"ip{id=seq 40}", "eth{dst=02:00:00:00:00:02} / ip{src=192.0.2.1, dst=198.51.100.2, id=45} / udp{sport=1, dport=2} / text{old}", true},
		{"tcp{dport=9}", "eth{dst=02:00:00:00:00:02} / ip{src=192.0.2.1, dst=198.51.100.2, id=9} / udp{sport=1, dport=2} / text{old}", false},
	} {
		edit, err := new(packet.Parser).ParseEdit(test.edit)
		if err != nil {
			t.Fatal(err)
		}
		layers, all := edit.Apply(packet.Dissect(original, new(packet.Ethernet)), 5)
		got, err := packet.Append(nil, layers...)
		if want := build(t, test.want, 0); err != nil || !bytes.Equal(got, want) || all != test.all {
			t.Errorf("%s: %t, %v\n got %x\nwant %x", test.edit, all, err, got, want)
		}
	}
	// A wrong checksum stays wrong unless the edit says otherwise.
	wrong := build(t, "ip{src=192.0.2.1, dst=198.51.100.2, id=9} / udp{sport=1, dport=2, chksum=7}", 0)
	edit, _ := new(packet.Parser).ParseEdit("udp{chksum=auto}")
	layers, _ := edit.Apply(packet.Dissect(wrong, new(packet.IPv4)), 0)
	got, err := packet.Append(nil, layers...)
	if want := build(t, "ip{src=192.0.2.1, dst=198.51.100.2, id=9} / udp{sport=1, dport=2}", 0); err != nil || !bytes.Equal(got, want) {
		t.Errorf("got %x (%v), want %x", got, err, want)
	}
}

// TestGoCodeBuildsTheSame runs the Go code of many packets as one program.
func TestGoCodeBuildsTheSame(t *testing.T) {
	goTool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("no go command on the path")
	}
	var body strings.Builder
	var want []string
	pairs, _ := expressionPairs()
	for i := 0; i < len(pairs); i += 3 {
		b := build(t, pairs[i].ours, 0)
		if len(b) > 2000 {
			continue
		}
		template, _ := packet.Parse(pairs[i].ours)
		fmt.Fprintf(&body, "show(packet.Append(nil,\n%s))\n", packet.GoCode(template.Layers(0)))
		want = append(want, fmt.Sprintf("%x", b))
	}
	file := filepath.Join(t.TempDir(), "main.go")
	source := "package main\n\nimport (\n\"fmt\"\n\"net/netip\"\n\n\"sockwire/raw/packet\"\n)\n\n" +
		"var _ netip.Addr\n\nfunc show(b []byte, err error) { if err != nil { panic(err) }; fmt.Printf(\"%x\\n\", b) }\n\n" +
		"func main() {\n" + body.String() + "}\n"
	if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(goTool, "run", file)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	got := strings.Fields(string(out))
	if !slices.Equal(got, want) {
		t.Fatalf("%d packets, want %d the same\n%s", len(got), len(want), out)
	}
}

func TestDestinationsOfSourceRoutes(t *testing.T) {
	b := build(t, "ip{src=192.0.2.1, dst=198.51.100.2, options=[lsrr{ptr=4, addrs=[192.0.2.9]}]} / udp{sport=1, dport=2}", 0)
	data := b[28:]
	pseudo := wire.PseudoHeader(netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.9"), 17, len(data))
	if pseudo.Add(data).Checksum() != 0 {
		t.Errorf("the checksum does not cover the end of the route: %x", b)
	}
}

// TestPortsOfVXLAN: a capture of VXLAN is dissected at each port that it is known by.
func TestPortsOfVXLAN(t *testing.T) {
	for _, port := range wire.VXLANPorts() {
		expression := fmt.Sprintf("ip{src=192.0.2.1, dst=192.0.2.2} / udp{sport=1, dport=%d} / vxlan{vni=5} / eth{dst=02:00:00:00:00:01, src=02:00:00:00:00:02} / arp", port)
		layers := packet.Dissect(build(t, expression, 0), new(packet.IPv4))
		if text := packet.Format(layers); !strings.Contains(text, "vxlan{vni=5} / eth{") {
			t.Errorf("port %d: %s", port, text)
		}
	}
}
