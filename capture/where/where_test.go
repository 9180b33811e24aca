package where_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"sockwire/capture"
	"sockwire/capture/decode"
	"sockwire/capture/decode/app"
	"sockwire/capture/filter"
	"sockwire/capture/where"
)

// TestWrong: what is refused, where, and what is to be written instead.
func TestWrong(t *testing.T) {
	for _, c := range []struct {
		expr    string
		col     int
		suggest string
		says    string
	}{
		{"", 1, "", "a field is missing"},
		{"ip.ttl == 300", 11, "", "does not fit into its 8 bits"},
		{"ip.ttl == abc", 11, "", `"abc" is no number`},
		{`ip.ttl == "abc"`, 11, "", "cannot be compared with the text"},
		{`tcp.len == "5"`, 12, "", "without quotes"},
		{"http.host == 5", 14, "", `write "5"`},
		{"dns.qry.name > 0x5", 16, "", "it cannot be compared with a number"},
		{"tcp and ip.tttl == 5", 9, "ip.ttl", "no field"},
		{"ttl == 3", 1, "ip.ttl", "no field"},
		{"udp.prot == 5", 1, "udp.port", "no field"},
		{"tcp.seq == 5", 1, "tcp.seq_raw", "from the start of a stream"},
		{"ip.addr == fe80::1", 12, "", "which ipv6.addr has"},
		{"ip.addr == 192.0.2.300", 12, "", "no address"},
		{"ipv6.src == 192.0.2.1", 13, "", "which ip.src has"},
		{"ip.src < 192.0.2.0/24", 8, "==", "a network"},
		{"tcp.port = 5", 10, "==", "does not compare"},
		{"(ip or (tcp)", 1, "", "not closed"},
		{"ip.ttl[0] == 1", 7, "", "it has no parts"},
		{"eth.src[0:0] == 00", 8, "", "a part is"},
		{`http.host matches "("`, 19, "", "missing closing )"},
		{`http.host matches "a{2000}"`, 19, "", "repeat count"},
		{"ip.ttl matches 6", 8, "", "string(ip.ttl)"},
		{"ip.ttl contains 6", 8, "", "contains looks into text and bytes"},
		{"tcp.port in {80 443}", 17, ", 443", "a comma"},
		{"tcp.port in {80, 443", 13, "", "not closed"},
		{"tcp.port in 80", 13, "", "a set must follow"},
		{"tcp.port in {9..5}", 15, "", "nothing from 9 to 5"},
		{"eth.src == 0:1", 12, "", "bytes are written"},
		{"ip and", 7, "", "missing at the end"},
		{"and ip", 1, "", "in front of and"},
		{"ip tcp", 4, "", "must follow"},
		{"tcp.flags.syn == 2", 18, "", "1 or 0"},
		{"tcp.checksum.status == 7", 24, "", "good, bad"},
		{"ip.src == tcp.srcport", 11, "", "cannot be compared with tcp.srcport"},
		{"len(ip.ttl) > 1", 1, "", "no length"},
		{"lower(ip.src) == 1", 1, "", "lower is of text"},
		{"len(http.host)", 1, "", "must be compared"},
		{"all tcp", 1, "", "about a comparison"},
		{`"a" == http.host`, 1, "", "a field must stand here"},
		{`http.host == "a`, 14, "", "not closed"},
		{`http.host == "\q"`, 15, `\\`, "no escape"},
		{"http.host == 'ab'", 14, `"ab"`, "single quotes"},
		{`dns.qry.type > "A"`, 16, "", "a name is not above"},
		{"frame.time > yesterday", 14, "", "a date such as"},
		{"frame.time_epoch > 1.2.3", 20, "", "seconds"},
		{"ip # tcp", 4, "", "means nothing"},
		{strings.Repeat("not ", 200) + "ip", 405, "", "nested too deep"},
		{strings.Repeat("(", 200) + "ip", 102, "", "nested too deep"},
		{strings.Repeat("ip or ", 20000) + "ip", 65537, "", "at most 65536 bytes"},
		{`http.host matches "` + strings.Repeat("a", 2000) + `"`, 19, "", "at most 1024 bytes"},
	} {
		_, err := where.Parse(c.expr)
		var wrong *filter.SyntaxError
		if !errors.As(err, &wrong) {
			t.Errorf("%.60s: %v", c.expr, err)
			continue
		}
		if wrong.Col != c.col || wrong.Suggest != c.suggest || !strings.Contains(wrong.Msg, c.says) {
			t.Errorf("%.60s: column %d, suggests %q: %s", c.expr, wrong.Col, wrong.Suggest, wrong.Msg)
		}
		wrong.Caret()
	}
}

// TestWritten: what is read prints so, and reads as the same again.
func TestWritten(t *testing.T) {
	for expr, want := range map[string]string{
		`dns.qry.name contains "example" && tcp.len gt 0`: `dns.qry.name contains "example" and tcp.len > 0`,
		`!(ip.ttl<5||udp)`:                 `not (ip.ttl < 5 or udp)`,
		`ip and (tcp or udp) or not arp`:   `ip and (tcp or udp) or not arp`,
		`((ip))`:                           `ip`,
		`tcp.port in {80,443, 0x10..0x1f}`: `tcp.port in {80, 443, 16 .. 31}`,
		`ip.addr not in {192.0.2.1..192.0.2.9,10.1.2.3/8}`:            `not ip.addr in {192.0.2.1 .. 192.0.2.9, 10.0.0.0/8}`,
		`eth.src[0:3]==00-00-5E`:                                      `eth.src[0:3] == 00:00:5e`,
		`eth.src[-2:] == 0053 and eth.dst[0-1,5] == 0x010203`:         `eth.src[-2:] == 00:53 and eth.dst[0-1,5] == 01:02:03`,
		`any ip.addr != 192.0.2.1`:                                    `ip.addr ~= 192.0.2.1`,
		`all ip.addr eq 192.0.2.1`:                                    `ip.addr === 192.0.2.1`,
		`all tcp.port > 1023`:                                         `all tcp.port > 1023`,
		`tcp.flags & 0x12 == 2 or tcp.flags & 1`:                      `tcp.flags & 18 == 2 or tcp.flags & 1`,
		`http.host matches r"^a\.b\"$"`:                               `http.host matches "^a\\.b\\\"$"`,
		"http.host == \"\\x00\\t\xff\\101\"":                          `http.host == "\x00\x09\xffA"`,
		`tcp.payload[0] == 'G' and ip.proto == '\x11'`:                `tcp.payload[0] == "G" and ip.proto == 17`,
		`dns.qry.type == "AAAA"`:                                      `dns.qry.type == "AAAA"`,
		`tcp.checksum.status == "Bad" || tcp.checksum.status == 1`:    `tcp.checksum.status == bad or tcp.checksum.status == 1`,
		`frame.time >= "2026-01-02T03:04:05.5Z"`:                      `frame.time >= "2026-01-02T03:04:05.5Z"`,
		`frame.time_relative < 1.50 and frame.time_delta > -0.001`:    `frame.time_relative < 1.5 and frame.time_delta > -0.001`,
		`lower(http.host) == upper(http.host) or len(http.host) == 1`: `lower(http.host) == upper(http.host) or len(http.host) == 1`,
		`http.request.method == GET`:                                  `http.request.method == "GET"`,
		`ip.ttl == -1 or ip.ttl == 010 or ip.ttl == 0b11`:             `ip.ttl == -1 or ip.ttl == 8 or ip.ttl == 3`,
	} {
		e, err := where.Parse(expr)
		if err != nil {
			t.Errorf("%s: %v", expr, err)
			continue
		}
		if e.String() != want {
			t.Errorf("%s\nreads as  %s\nand not   %s", expr, e, want)
		}
		if again, err := where.Parse(e.String()); err != nil || again.String() != e.String() {
			t.Errorf("%s does not read as itself: %v, %v", e, again, err)
		}
	}
}

// frameOf returns an Ethernet frame of IPv4 with a payload behind a UDP header, or behind a TCP header with flags.
func frameOf(flags byte, src, dst uint16, payload string) capture.Frame {
	b := []byte{0, 0, 0x5e, 0, 0x53, 1, 0, 0, 0x5e, 0, 0x53, 2, 8, 0}
	header := []byte{byte(src >> 8), byte(src), byte(dst >> 8), byte(dst), 0, byte(8 + len(payload)), 0, 0}
	proto := byte(17)
	if flags != 0 {
		header = []byte{byte(src >> 8), byte(src), byte(dst >> 8), byte(dst), 0, 0, 0, 1, 0, 0, 0, 2, 0x50, flags, 0x10, 0, 0, 0, 0, 0}
		proto = 6
	}
	n := 20 + len(header) + len(payload)
	b = append(b, 0x45, 0, byte(n>>8), byte(n), 0, 7, 0x40, 0, 64, proto, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2)
	b = append(append(b, header...), payload...)
	return capture.Frame{Data: b, Length: len(b), Link: capture.LinkEthernet, Time: time.Date(2026, 1, 2, 3, 4, 5, 500e6, time.UTC), Comments: []string{"one", "two"}}
}

// TestMatch: what holds of two packets.
func TestMatch(t *testing.T) {
	syn := frameOf(2, 40000, 80, "")
	get := frameOf(0x18, 40000, 80, "GET /a HTTP/1.1\r\nHost: www.Example.com\r\n\r\n")
	for _, c := range []struct {
		expr     string
		syn, get bool
	}{
		{`tcp`, true, true}, {`http`, false, true}, {`udp`, false, false}, {`not udp`, true, true}, {`data`, false, false},
		{`tcp.flags.syn`, true, true}, {`tcp.flags.syn == 1`, true, false}, {`tcp.flags.syn == false`, false, true},
		{`tcp.port == 80`, true, true}, {`tcp.port != 80`, false, false}, {`tcp.port != 81`, true, true}, {`udp.port != 81`, false, false},
		{`not udp.port == 81`, true, true}, {`tcp.port ~= 80`, true, true}, {`tcp.port !== 80`, true, true}, {`any tcp.port != 80`, true, true},
		{`all tcp.port == 80`, false, false}, {`all tcp.port >= 80`, true, true}, {`tcp.port === 80`, false, false}, {`all tcp.port in {80, 40000}`, true, true},
		{`tcp.port not in {80}`, false, false}, {`tcp.port in {1..79, 81..39999}`, false, false}, {`tcp.port in {39999..40000}`, true, true},
		{`ip.addr == 192.0.2.0/31`, true, true}, {`ip.src == 192.0.2.0/31 and ip.dst != 192.0.2.0/31`, true, true}, {`ip.src < ip.dst`, true, true},
		{`ip.src == ip.dst`, false, false}, {`ip.addr in {192.0.2.2..192.0.2.9}`, true, true}, {`ip.src[3] == 01 and ip.src[0:2] == c0:00`, true, true},
		{`eth.src[3:] == 00:53:02`, true, true}, {`eth.src[0:3] == 00:00:83`, false, false}, {`eth.addr == 0000.5e00.5301`, true, true},
		{`eth.src[0-2,5] == 00:00:5e:02`, true, true}, {`eth.src[9] == 00`, false, false}, {`not eth.src[9] == 00`, true, true},
		{`tcp.len > 0`, false, true}, {`len(tcp.payload) == 42`, false, true}, {`tcp.payload`, false, true}, {`tcp.payload[:3] == "GET"`, false, true},
		{`tcp contains 0d:0a:0d:0a`, false, true}, {`frame contains "Example"`, false, true}, {`frame[0:2] == 00:00`, true, true},
		{`http.host == "www.Example.com"`, false, true}, {`http.host == www.example.com`, false, false}, {`lower(http.host) == www.example.com`, false, true},
		{`upper(http.host) contains "EXAMPLE"`, false, true}, {`http.host matches "^WWW\\."`, false, true}, {`http.host[0:3] == "www"`, false, true},
		{`http.host matches "^example"`, false, false}, {`tcp matches "get /A"`, false, true}, {`tcp matches "get /B"`, false, false},
		{`tcp matches "HOST: WWW\\.EXAMPLE\\.COM\\r\\n"`, false, true}, {`tcp matches "httpx?/1"`, false, true}, {`tcp matches ""`, true, true}, {`len(http.host) == 15`, false, true}, {`http.request and http.request.method in {GET, "HEAD"}`, false, true},
		{`count(ip.addr) == 2`, true, true}, {`count(http.host) == 0`, false, false}, {`string(ip.src) matches "\\.1$"`, true, true},
		{`string(ip.ttl) == "64"`, true, true}, {`string(eth.src) contains "53:02"`, true, true}, {`tcp.flags & 0x12 == 2`, true, false}, {`tcp.flags & 8`, false, true},
		{`ip.proto == "TCP"`, true, true}, {`ip.proto == "UDP"`, false, false}, {`ip.proto != "UDP"`, true, true}, {`ip.checksum.status == bad`, true, true},
		{`ip.checksum.status == 0`, true, true}, {`ip.checksum.status == Good`, false, false}, {`ip.ttl > -1`, true, true}, {`ip.ttl == -64`, false, false},
		{`frame.number == 3`, true, true}, {`frame.len == 54`, true, false}, {`frame.cap_len == frame.len`, true, true}, {`frame.time_epoch == 1767323045.5`, true, true},
		{`frame.time < "2026-01-02T03:04:05.500000001Z" and frame.time >= "2026-01-02T03:04:05.5Z"`, true, true}, {`frame.time_relative == 2.5`, true, true},
		{`frame.time_delta <= -0.5`, true, true}, {`frame.protocols contains "ip:tcp"`, true, true}, {`frame.comment == two`, true, true},
		{`frame.comment matches "three"`, false, false}, {`tcp.srcport > tcp.dstport`, true, true}, {`tcp.src_port == 40000`, true, true},
		{`ip.ttl == 64 and (udp or http) or arp`, false, true}, {`not (tcp.len == 0 and ip)`, false, true},
	} {
		e, err := where.Parse(c.expr)
		if err != nil {
			t.Errorf("%s: %v", c.expr, err)
			continue
		}
		m := e.Matcher(app.Renderer{})
		m.Place = where.Place{Number: 3, SinceFirst: 2500 * time.Millisecond, SincePrevious: -500 * time.Millisecond}
		var d decode.Decoder
		var p decode.Packet
		_ = d.Decode(syn, &p)
		first := m.Match(&p)
		_ = d.Decode(get, &p)
		if second := m.Match(&p); first != c.syn || second != c.get {
			t.Errorf("%s: %v and %v", c.expr, first, second)
		}
	}
}

// TestMessages: the layers of a message count as those of the packet that it comes with.
func TestMessages(t *testing.T) {
	var d decode.Decoder
	var p, message decode.Packet
	_ = d.Decode(frameOf(0x18, 40000, 80, "xample.com\r\n\r\n"), &p)
	text := []byte("GET / HTTP/1.1\r\nHost: example.com\r\n\r\n")
	message.SetMessage(decode.TypeHTTP, capture.Frame{Data: text, Length: len(text)})
	for expr, want := range map[string][2]bool{
		`http.host == example.com and ip.src == 192.0.2.1`: {false, true}, `not http`: {true, false}, `frame.len == 68`: {true, true},
		`count(http.host) == 1`: {false, true}, `http contains "GET /"`: {false, true},
	} {
		e, err := where.Parse(expr)
		if err != nil {
			t.Fatal(err)
		}
		m := e.Matcher(app.Renderer{})
		if alone, with := m.Match(&p), m.Match(&p, &message); alone != want[0] || with != want[1] {
			t.Errorf("%s: %v alone, %v with the message", expr, alone, with)
		}
	}
}

// TestEveryName: each name reads as a field that is there or not, and has a class that something can be said of.
func TestEveryName(t *testing.T) {
	names := where.Names()
	if len(names) < 700 {
		t.Errorf("%d names only", len(names))
	}
	for _, name := range names {
		e, err := where.Parse(name)
		if err != nil || e.String() != name {
			t.Errorf("%s: %v", name, err)
		}
	}
}

var quick = []string{
	`ip.addr == 192.0.2.0/24 and tcp.port in {80, 443}`, `tcp.flags.syn == 1 and not tcp.flags.ack == 1`, `eth.src[0:3] == 00:00:83 or ip.ttl < 5`,
	`all tcp.port > 1023 or tcp.len > 0`, `frame.len > 100 or ip.src == ip.dst`, `tcp.options.mss_val < 1000`, `tcp contains "GET"`,
	`tcp matches "example\\.org"`, `frame.protocols contains "udp"`, `count(ip.addr) > 2 or string(ip.ttl) == "5"`, `tcp.payload[0:3] == "GET"`,
}

// TestNoAllocations: a packet costs none.
func TestNoAllocations(t *testing.T) {
	var d decode.Decoder
	var p decode.Packet
	f := frameOf(0x18, 40000, 80, "GET /a HTTP/1.1\r\nHost: www.Example.com\r\n\r\n")
	for _, expr := range quick {
		e, err := where.Parse(expr)
		if err != nil {
			t.Fatal(err)
		}
		m := e.Matcher(app.Renderer{})
		_ = d.Decode(f, &p)
		if n := testing.AllocsPerRun(100, func() { m.Match(&p) }); n != 0 {
			t.Errorf("%s: %v allocations", expr, n)
		}
	}
}

func BenchmarkMatch(b *testing.B) {
	var d decode.Decoder
	var p decode.Packet
	f := frameOf(0x18, 40000, 80, "GET /a HTTP/1.1\r\nHost: www.Example.com\r\n\r\n")
	for _, expr := range quick {
		e, err := where.Parse(expr)
		if err != nil {
			b.Fatal(err)
		}
		m := e.Matcher(app.Renderer{})
		_ = d.Decode(f, &p)
		b.Run(strings.Fields(expr)[0], func(b *testing.B) {
			for b.Loop() {
				m.Match(&p)
			}
		})
	}
	b.Run("Decode", func(b *testing.B) {
		for b.Loop() {
			_ = d.Decode(f, &p)
		}
	})
}

// FuzzParse: what is read prints as what reads the same and means the same, and mistakes point into the expression.
func FuzzParse(f *testing.F) {
	for _, expr := range append(quick, `ip.addr in {10.0.0.0/8, 192.0.2.1..192.0.2.9} or not (dns.qry.type == "AAAA")`, `all tcp.port ~= 5 && eth.src[0-2,-1] == 00:00:83:01`,
		`frame.time > "2026-01-02 03:04:05" and frame.time_delta >= -0.5`, `lower(http.host) matches r"^a\"b" || tcp.flags & 0x12 == 2`, `tcp.payload[0] == 'G'`) {
		f.Add(expr)
	}
	var d decode.Decoder
	packets := make([]decode.Packet, 2)
	_ = d.Decode(frameOf(2, 40000, 80, ""), &packets[0])
	_ = d.Decode(frameOf(0, 53, 40000, "\x00\x01\x81\x80\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x00\x00\x01\x00\x01"), &packets[1])
	f.Fuzz(func(t *testing.T, expr string) {
		e, err := where.Parse(expr)
		if err != nil {
			var wrong *filter.SyntaxError
			if !errors.As(err, &wrong) || wrong.Col < 1 || wrong.Col > len(expr)+1 || wrong.Len < 1 {
				t.Fatalf("%q: %v", expr, err)
			}
			wrong.Caret()
			return
		}
		again, err := where.Parse(e.String())
		if err != nil {
			if len(e.String()) > 60000 {
				return // it is written longer than it was
			}
			t.Fatalf("%q prints as %q: %v", expr, e, err)
		}
		if again.String() != e.String() {
			t.Fatalf("%q prints as %q and then as %q", expr, e, again)
		}
		m, n := e.Matcher(app.Renderer{}), again.Matcher(app.Renderer{})
		for i := range packets {
			if m.Match(&packets[i]) != n.Match(&packets[i]) {
				t.Errorf("%q does not mean what %q does", expr, e)
			}
		}
	})
}
