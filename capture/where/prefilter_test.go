package where

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"sockwire/capture"
	"sockwire/capture/decode"
	"sockwire/capture/decode/app"
	"sockwire/capture/filter"
	"sockwire/raw/wire"
)

// TestPrefilter: what goes to the filter for some expressions, in front of what lets tunnels and others through.
func TestPrefilter(t *testing.T) {
	for expr, want := range map[string]string{
		`ip.addr == 192.0.2.1`:                                "(ip src host 192.0.2.1 or ip dst host 192.0.2.1)",
		`ip.src == 192.0.2.1/24 and tcp.port == 80`:           "(ip src net 192.0.2.0/24 and (tcp src port 80 or tcp dst port 80))",
		`tcp.port == 80 or eth.src == 00:00:5e:00:53:01`:      "(ether src host 00:00:5e:00:53:01 or (tcp src port 80 or tcp dst port 80))",
		`udp.dstport in {53, 67..68} and dns`:                 "(udp dst port 53 or udp dst portrange 67-68)",
		`tcp.flags.syn == 1 and not ip.ttl < 5`:               "(ip proto 6 or ip6[6] == 6)",
		`icmp.type == 3`:                                      "not",
		`http.host contains "a"`:                              "",
		`ip.addr != 192.0.2.1`:                                "ip",
		`not ip.addr == 192.0.2.1`:                            "",
		`frame.len > 5 or ip.src == 192.0.2.1`:                "",
		`ipv6.src == 2001:db8::/32 or ip.src == ip.dst`:       "(ip6 src net 2001:db8::/32 or ip)",
		`tcp.srcport < 80 and tcp.dstport > 1023`:             "(tcp src portrange 0-80 and tcp dst portrange 1023-65535)",
		`vlan.id == 5 and tcp.port == 80`:                     "(tcp src port 80 or tcp dst port 80)",
		`gre and ip.src == 192.0.2.1 or arp`:                  "not",
		`len(eth.src) == 6 and ip.src[0:2] == c0:00`:          "ip",
		`udp.dst_port == 53 and ip.src in {192.0.2.1, ::1/0}`: "!",
	} {
		e, err := Parse(expr)
		if err != nil {
			if want != "!" {
				t.Errorf("%s: %v", expr, err)
			}
			continue
		}
		got := e.Prefilter(false)
		front, _, _ := strings.Cut(got, " or not (")
		if want == "not" {
			front, _, _ = strings.Cut(got, " (")
		}
		if front != want {
			t.Errorf("%s: %q", expr, got)
		}
		for _, streams := range []bool{false, true} {
			if _, err := filter.Parse(e.Prefilter(streams)); err != nil {
				t.Errorf("%s: %v", expr, err)
			}
		}
	}
}

// leaves are conditions of random expressions; of {} each is a value that a frame has, or another one.
var leaves = []string{
	"ip.addr == {ip}", "ip.src == {ip}", "ip.dst == {ip}/24", "ip.addr != {ip}", "all ip.addr == {ip}/8", "ip.src == ip.dst", "ip.addr in {{ip}, {ip}/16}",
	"ipv6.addr == {ip6}", "ipv6.src == {ip6}/64", "ipv6", "ip", "tcp", "udp", "icmp", "arp", "vlan", "gre", "data", "dns", "http", "icmpv6.type > 0",
	"eth.src == {mac}", "eth.addr == {mac}", "eth.dst[0:3] == 00:00:00", "tcp.port == {port}", "tcp.srcport == {port}", "tcp.dstport > {port}", "udp.port == {port}",
	"udp.srcport <= {port}", "udp.dstport in {{port}, {port}}", "all tcp.port > 1023", "tcp.port in {1..1023}", "tcp.flags.syn == 1", "tcp.len > 0", "udp.length > 100",
	"ip.ttl < 64", "ip.proto == 17", "tcp contains 00:00", "frame.len > 100", "dns.qry.name", "ipv6.fraghdr.offset", "ip.frag_offset > 0", "esp or ah", "sctp.port == {port}",
}

// random returns an expression about values that the packet has.
func random(r *rand.Rand, p *decode.Packet, deep int) string {
	if deep > 0 && r.IntN(3) > 0 {
		switch r.IntN(5) {
		case 0:
			return "not (" + random(r, p, deep-1) + ")"
		case 1, 2:
			return "(" + random(r, p, deep-1) + " and " + random(r, p, deep-1) + ")"
		}
		return "(" + random(r, p, deep-1) + " or " + random(r, p, deep-1) + ")"
	}
	values := map[string][]string{"{ip}": {"192.0.2.1"}, "{ip6}": {"2001:db8::1"}, "{mac}": {"00:00:5e:00:53:01"}, "{port}": {"80", "53"}}
	for i := range p.Layers() {
		for _, f := range p.AppendFields(nil, i) {
			switch text := string(decode.AppendValue(nil, &f)); {
			case f.Key == "ip.src" || f.Key == "ip.dst":
				values["{ip}"] = append(values["{ip}"], text)
			case f.Key == "ipv6.src" || f.Key == "ipv6.dst":
				values["{ip6}"] = append(values["{ip6}"], text)
			case f.Key == "eth.src" || f.Key == "eth.dst":
				values["{mac}"] = append(values["{mac}"], text)
			case strings.HasSuffix(f.Key, ".srcport") || strings.HasSuffix(f.Key, ".dstport"):
				values["{port}"] = append(values["{port}"], text)
			}
		}
	}
	leaf := leaves[r.IntN(len(leaves))]
	for kind, list := range values {
		for strings.Contains(leaf, kind) {
			leaf = strings.Replace(leaf, kind, list[r.IntN(len(list))], 1)
		}
	}
	return leaf
}

// TestPrefilterDropsNothing: each packet that matches a random expression passes the filter made of it, and the one for
// streams, whole or cut anywhere.
func TestPrefilterDropsNothing(t *testing.T) {
	files := corpus()
	if len(files) == 0 {
		t.Skip("no captures at ../shared/corpus beside the checkout")
	}
	r := rand.New(rand.NewPCG(1, 2))
	var d decode.Decoder
	var p decode.Packet
	matched, dropped, tried := 0, 0, 0
	for _, file := range files {
		reader, err := capture.OpenFile(file)
		if err != nil {
			continue // many are broken on purpose
		}
		var frames []capture.Frame
		for f := new(capture.Frame); len(frames) < 6 && reader.Next(f) == nil; {
			frames = append(frames, f.Clone())
			if n := len(f.Data); n > 1 && r.IntN(2) == 0 {
				cut := f.Clone()
				cut.Data = cut.Data[:1+r.IntN(min(n-1, 80))]
				frames = append(frames, cut)
			}
		}
		reader.Close()
		for range 6 {
			if len(frames) == 0 {
				break
			}
			_ = d.Decode(frames[r.IntN(len(frames))], &p)
			expr := random(r, &p, 3)
			e, err := Parse(expr)
			if err != nil {
				t.Fatalf("%s: %v", expr, err)
			}
			for _, streams := range []bool{false, true} {
				text := e.Prefilter(streams)
				if text == "" {
					continue
				}
				f, err := filter.Parse(text)
				if err != nil {
					t.Fatalf("%s: %s: %v", expr, text, err)
				}
				programs := make(map[capture.LinkType]filter.Program)
				m := e.Matcher(app.Renderer{})
				for i := range frames {
					program, ok := programs[frames[i].Link]
					if !ok {
						if program, err = f.Compile(frames[i].Link, nil); err != nil {
							break // then nothing is asked of the link type
						}
						programs[frames[i].Link] = program
					}
					tried++
					_ = d.Decode(frames[i], &p)
					passes := program.MatchFrame(&frames[i])
					if !passes {
						dropped++
					}
					if m.Match(&p) {
						matched++
						if !passes {
							t.Errorf("%s: %s matches\n%x\nwhich %s drops", file, expr, frames[i].Data, text)
						}
					}
				}
			}
		}
	}
	t.Logf("%d packets tried, %d matched, %d dropped by the filter", tried, matched, dropped)
	if matched < 1000 || dropped < 1000 {
		t.Errorf("%d matched, %d dropped: too few to tell", matched, dropped)
	}
}

// TestTunnelsAreKnown: no UDP port but those of tunnels leads to a layer that may have others inside.
func TestTunnelsAreKnown(t *testing.T) {
	tunnels := make(map[int]bool)
	for _, port := range tunnelPorts() {
		tunnels[int(port)] = true
	}
	payloads := []string{strings.Repeat("\x00", 64), strings.Repeat("\x08", 64), strings.Repeat("\x01", 64), "\x45" + strings.Repeat("\x00", 63), "\x30" + strings.Repeat("\xff", 63),
		"\x08\x00\x00\x00\x00\x00\x01\x00" + strings.Repeat("\x00", 56), "\x60" + strings.Repeat("\x00", 63)}
	var d decode.Decoder
	var p decode.Packet
	for _, payload := range payloads {
		n := 28 + len(payload)
		b := append([]byte{0x45, 0, 0, byte(n), 0, 0, 0, 0, 64, wire.ProtoUDP, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2, 0, 0, 0, 0, 0, byte(n - 20), 0, 0}, payload...)
		for port := 1; port < 1<<16; port++ {
			for _, at := range []int{20, 22} {
				b[20], b[21], b[22], b[23] = 0xff, 0xfe, 0xff, 0xfe
				b[at], b[at+1] = byte(port>>8), byte(port)
				_ = d.Decode(capture.Frame{Data: b, Length: len(b), Link: capture.LinkRaw}, &p)
				list := p.Layers()
				for _, l := range list[min(2, len(list)):] {
					if l.Type.HasFields() && l.Type != decode.TypePayload && !tunnels[port] {
						t.Fatalf("UDP port %d leads to %v: is it a tunnel? Then it belongs into tunnelPorts", port, l.Type)
					}
				}
			}
		}
	}
}

// TestStreamsPass: of a stream one packet of which matches, the filter lets both directions and all fragments through.
func TestStreamsPass(t *testing.T) {
	e, err := Parse(`ip.src == 192.0.2.1 and tcp.dstport == 80 and http.host == "a"`)
	if err != nil {
		t.Fatal(err)
	}
	program, err := filter.MustParse(e.Prefilter(true)).Compile(capture.LinkRaw, nil)
	if err != nil {
		t.Fatal(err)
	}
	packet := func(src, dst byte, sport, dport byte, fragment byte) *capture.Frame {
		b := []byte{0x45, 0, 0, 40, 0, 0, 0, fragment, 64, 6, 0, 0, 192, 0, 2, src, 192, 0, 2, dst, 0, sport, 0, dport, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x10, 0, 1, 0, 0, 0, 0}
		return &capture.Frame{Data: b, Length: len(b), Link: capture.LinkRaw}
	}
	for i, c := range []struct {
		f    *capture.Frame
		want bool
	}{
		{packet(1, 2, 40, 80, 0), true}, {packet(2, 1, 80, 40, 0), true}, {packet(2, 1, 80, 40, 1), true}, {packet(3, 4, 1, 2, 1), true},
		{packet(3, 4, 40, 80, 0), false}, {packet(1, 2, 40, 81, 0), false},
	} {
		if got := program.MatchFrame(c.f); got != c.want {
			t.Errorf("packet %d: %v", i, got)
		}
	}
}

func ExampleExpression_Prefilter() {
	e, _ := Parse(`tcp.dstport == 80 and http.host contains "example"`)
	front, _, _ := strings.Cut(e.Prefilter(false), " or not (")
	fmt.Println(front)
	// Output: tcp dst port 80
}
