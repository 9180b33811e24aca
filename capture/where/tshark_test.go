package where_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sockwire/capture"
	"sockwire/capture/decode"
	"sockwire/capture/decode/app"
	"sockwire/capture/where"
)

// sample returns frames of the captures of other projects that stand beside the checkout, some of each file.
func sample(t testing.TB, link capture.LinkType, each int) []capture.Frame {
	var frames []capture.Frame
	for _, pattern := range []string{"tcpdump/*.pcap", "libpcap/*.pcap"} {
		files, _ := filepath.Glob(filepath.Join("..", "..", "..", "shared", "corpus", pattern))
		for _, file := range files {
			r, err := capture.OpenFile(file)
			if err != nil {
				continue // many are broken on purpose
			}
			for n, f := 0, new(capture.Frame); n < each && r.Next(f) == nil; n++ {
				if f.Link == link && f.Length >= len(f.Data) && len(f.Data) > 0 {
					c := f.Clone()
					frames = append(frames, c)
				}
			}
			r.Close()
		}
	}
	return frames
}

// judged are expressions, and the reasons for which frames may match here or there only, where there are some.
var judged = []struct {
	expr, reason string
	differ       int // frames
}{
	{`ip.ttl == 64`, "", 0}, {`ip.ttl < 5`, "", 0}, {`ip.ttl gt 200`, "", 0}, {`ip.proto == 17`, "", 0}, {`ip.proto in {1, 2, 50..60}`, "", 0},
	{`ip.addr == 127.0.0.1`, "", 0}, {`ip.addr != 127.0.0.1`, "", 0}, {`ip.addr ~= 127.0.0.1`, "", 0}, {`ip.addr === 127.0.0.1`, "", 0},
	{`any ip.addr != 127.0.0.1`, "", 0}, {`not ip.addr == 127.0.0.1`, "", 0}, {`ip.addr == 192.168.0.0/16`, "", 0},
	{`ip.addr in {10.0.0.0/8, 192.168.1.1..192.168.2.255}`, "", 0}, {`ip.src == ip.dst`, "", 0}, {`ip.src < ip.dst`, "", 0},
	{`ip.src[0:2] == 0a:00`, "", 0}, {`ip.len > 1000`, "a length of 0, left to the device, is that of the frame in tshark and 0 here", 2}, {`ip.id == 0`, "", 0}, {`ip.flags.df == 1`, "", 0}, {`ip.flags.mf`, "", 0},
	{`ip.frag_offset > 0`, "", 0}, {`ip.hdr_len > 20`, "", 0}, {`count(ip.addr) == 4`, "", 0}, {`string(ip.ttl) matches "^6"`, "", 0},
	{`ipv6`, "a header of another version is none here", 3}, {`ipv6.addr == fe80::/10`, "", 0}, {`ipv6.hlim == 255 and icmpv6`, "", 0}, {`ipv6.src == ::1 || ipv6.dst == ::1`, "", 0},
	{`eth.src[0:3] == 00:00:00`, "", 0}, {`eth.dst == ff:ff:ff:ff:ff:ff`, "", 0}, {`eth.addr == 00-00-00-00-00-00`, "", 0}, {`eth.dst[0] == 01`, "", 0},
	{`eth.type == 0x0806`, "", 0}, {`vlan.id > 0`, "", 0}, {`arp.opcode == 1`, "", 0}, {`arp.src.proto_ipv4 == 10.0.0.0/8`, "", 0}, {`arp && !ip`, "", 0},
	{`tcp`, "", 0}, {`tcp.port == 80`, "", 0}, {`tcp.port != 80`, "", 0}, {`all tcp.port > 1023`, "", 0}, {`tcp.srcport < tcp.dstport`, "", 0},
	{`tcp.flags.syn == 1 and tcp.flags.ack == 0`, "", 0}, {`tcp.flags.syn`, "", 0}, {`tcp.flags & 0x12 == 2`, "", 0}, {`tcp.flags == 0x018`, "", 0},
	{`tcp.len > 0`, "", 0}, {`tcp.options.mss`, "", 0}, {`tcp.options.mss_val >= 1460`, "", 0}, {`tcp.payload contains "GET"`, "", 0},
	{`tcp.payload[0:4] == "HTTP"`, "", 0}, {`len(tcp.payload) > 1000`, "", 0}, {`tcp contains 0d:0a`, "", 0}, {`tcp[0:2] == 00:50`, "", 0},
	{`tcp.window_size_value ge 65535 or tcp.urgent_pointer > 0`, "", 0}, {`tcp.hdr_len > 40`, "", 0},
	{`udp.port == 53`, "", 0}, {`udp.port in {53, 67..68, 5353}`, "", 0}, {`udp.length < 20`, "", 0}, {`udp.srcport == udp.dstport`, "", 0},
	{`dns.qry.name contains "example"`, "", 0}, {`dns.flags.response == 1 and dns.flags.rcode != 0`, "", 0}, {`lower(dns.qry.name) matches "[0-9]\\.in-addr"`, "", 0},
	{`dns.qry.type == 1`, "", 0}, {`len(dns.qry.name) > 20`, "", 0}, {`dns.a == 127.0.0.0/8`, "", 0}, {`dns.count.answers > 2`, "", 0},
	{`http.request.method == GET`, "", 0}, {`http.response.code in {200, 301..404}`, "", 0}, {`http.host matches "EXAMPLE"`, "", 0},
	{`icmp.type == 3`, "", 0}, {`icmp and udp`, "", 0}, {`icmpv6.type in {133..137}`, "", 0}, {`frame contains 00:01:02:03`, "", 0},
	{`frame.number > 100 and frame.number <= 200`, "", 0}, {`frame.len < 64`, "", 0}, {`frame.cap_len != frame.len`, "", 0}, {`frame[12:2] == 08:00`, "", 0},
	{`frame[-2:] == 00:00`, "", 0}, {`frame.time_epoch < 1000000000.5`, "", 0}, {`frame.time > "2010-01-01 00:00:00"`, "", 0}, {`frame.time_relative > 100000000.5`, "", 0},
	{`gre or vxlan or geneve or mpls`, "", 0}, {`ospf || pim || vrrp || igmp`, "a header that is cut short is none here", 1}, {`sctp.port == 2905 or dccp`, "", 0},
	{`tcp.port == 80 and not (ip.addr == 10.0.0.0/8 or ipv6) or udp.dstport == 161`, "", 0},
}

func TestAgainstTshark(t *testing.T) {
	frames := sample(t, capture.LinkEthernet, 8)
	_, err := exec.LookPath("tshark")
	if err != nil || len(frames) == 0 {
		if os.Getenv("REQUIRE_PEERS") != "" && err != nil {
			t.Fatal("tshark is required: ", err)
		}
		t.Skip("tshark and the captures at ../shared/corpus beside the checkout are needed")
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "all.pcap")
	b := binary.LittleEndian.AppendUint32(nil, 0xa1b23c4d)
	b = append(b, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	b = binary.LittleEndian.AppendUint32(b, 262144)
	b = binary.LittleEndian.AppendUint32(b, uint32(capture.LinkEthernet))
	for _, f := range frames {
		b = binary.LittleEndian.AppendUint32(b, uint32(f.Time.Unix()))
		b = binary.LittleEndian.AppendUint32(b, uint32(f.Time.Nanosecond()))
		b = binary.LittleEndian.AppendUint32(b, uint32(len(f.Data)))
		b = binary.LittleEndian.AppendUint32(b, uint32(f.Length))
		b = append(b, f.Data...)
	}
	if err := os.WriteFile(file, b, 0o666); err != nil {
		t.Fatal(err)
	}
	agree := agreeing(t, dir, file, frames)
	t.Logf("%d expressions on %d frames, %d of which are decoded alike", len(judged), len(frames), len(agree))
	if len(agree) < len(frames)*3/4 {
		t.Errorf("only %d of %d frames are decoded alike", len(agree), len(frames))
	}
	theirs := tsharkFrames(t, dir, file)
	for k, j := range judged {
		e, err := where.Parse(j.expr)
		if err != nil {
			t.Errorf("%s: %v", j.expr, err)
			continue
		}
		ours := matching(e, frames)
		var differ []string
		both := 0
		for _, n := range agree {
			a, b := slices.Contains(ours, n), slices.Contains(theirs[k], n)
			if a != b {
				differ = append(differ, fmt.Sprintf("%d %v", n, a))
			} else if a {
				both++
			}
		}
		if len(differ) != j.differ || (j.reason == "") != (j.differ == 0) {
			t.Errorf("%s: %d match in both; others: %s", j.expr, both, strings.Join(differ[:min(len(differ), 8)], ", "))
		}
		if both == 0 {
			t.Logf("%s matches nothing", j.expr)
		}
	}
}

// telling are fields that tell whether a frame is decoded alike.
var telling = []string{
	"eth.src", "vlan.id", "arp.opcode", "ip.src", "ip.ttl", "ipv6.src", "tcp.srcport", "tcp.len", "udp.srcport", "icmp.type", "icmpv6.type", "dns.id", "dns.qry.name",
	"http.request.method", "http.response.code", "gre.proto", "mpls.label", "ospf.msg", "pim.type", "igmp.type", "sctp.srcport",
}

// agreeing returns the numbers of the frames that tshark decodes as we do.
func agreeing(t *testing.T, dir, file string, frames []capture.Frame) []int {
	args := []string{"-n", "-r", file, "-T", "fields", "-E", "separator=/t", "-E", "occurrence=a", "-E", "aggregator=,"}
	for _, name := range telling {
		args = append(args, "-e", name)
	}
	lines := strings.Split(strings.TrimSuffix(string(runTshark(t, dir, args)), "\n"), "\n")
	if len(lines) != len(frames) {
		t.Fatalf("tshark has %d lines for %d frames", len(lines), len(frames))
	}
	columns, err := decode.Columns(telling...)
	if err != nil {
		t.Fatal(err)
	}
	var d decode.Decoder
	var p decode.Packet
	printer := decode.Printer{Applications: app.Renderer{}}
	var agree []int
	for i, f := range frames {
		_ = d.Decode(f, &p)
		line := printer.AppendColumns(nil, &p, columns, func(b []byte, _ *decode.Column, value []byte) []byte { return append(append(b, '\t'), value...) })
		if strings.EqualFold(string(line[1:]), lines[i]) && f.Time.Unix() > 0 && f.Time.Unix() < 1<<31 {
			agree = append(agree, i+1)
		}
	}
	return agree
}

// matching returns the numbers of the frames that match.
func matching(e *where.Expression, frames []capture.Frame) []int {
	var d decode.Decoder
	var p decode.Packet
	m := e.Matcher(app.Renderer{})
	var list []int
	for i, f := range frames {
		_ = d.Decode(f, &p)
		m.Place = where.Place{Number: uint64(i + 1), SinceFirst: f.Time.Sub(frames[0].Time)}
		if m.Match(&p) {
			list = append(list, i+1)
		}
	}
	return list
}

// tsharkFrames returns the numbers of the frames that each expression matches with tshark, in one run of it.
func tsharkFrames(t *testing.T, dir, file string) [][]int {
	var script strings.Builder
	for i, j := range judged {
		fmt.Fprintf(&script, "local l = Listener.new('frame', %s)\nfunction l.packet(p) print('%d ' .. p.number) end\n", luaText(j.expr), i)
	}
	name := filepath.Join(dir, "each.lua")
	if err := os.WriteFile(name, []byte(script.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	lists := make([][]int, len(judged))
	for line := range strings.Lines(string(runTshark(t, dir, []string{"-n", "-q", "-r", file, "-X", "lua_script:" + name}))) {
		var k, n int
		if _, err := fmt.Sscanf(line, "%d %d", &k, &n); err == nil {
			lists[k] = append(lists[k], n)
		}
	}
	return lists
}

func luaText(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

func runTshark(t *testing.T, dir string, args []string) []byte {
	for _, o := range []string{
		"ip.defragment:FALSE", "ipv6.defragment:FALSE", "tcp.analyze_sequence_numbers:FALSE", "tcp.desegment_tcp_streams:FALSE",
	} {
		args = append(args, "-o", o)
	}
	cmd := exec.Command("tshark", args...)
	cmd.Env = append(os.Environ(), "WIRESHARK_CONFIG_DIR="+dir, "HOME="+dir)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || strings.Contains(stderr.String(), "lua:") {
		t.Fatalf("tshark: %v\n%s", err, stderr.Bytes())
	}
	return out
}
