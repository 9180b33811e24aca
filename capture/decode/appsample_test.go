package decode_test

import (
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"

	"sockwire/capture"
	"sockwire/capture/decode"
	"sockwire/capture/decode/app"
)

// An appSample is the payload of a datagram or segment, and what a line says of it.
type appSample struct {
	kind decode.Type
	tcp  bool
	data []byte
	line string
}

func unhex(digits string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

// clientHello has the server name example.com and the protocols h2 and http/1.1.
const clientHello = "16 0301 0065 01 000061 0303 0000000000000000000000000000000000000000000000000000000000000000 00 0004 1301c02b 01 00 0034" +
	"0000 0010 000e 00 000b 6578616d706c652e636f6d" + "0010 000e 000c 02 6832 08 687474702f312e31" + "002b 0005 04 0304 0303" + "ff01 0001 00"

// moreSamples adds those of a group of protocols, from a file of its own.
func moreSamples(list ...appSample) bool {
	appSamples = append(appSamples, list...)
	return true
}

var appSamples = []appSample{
	{decode.TypeDNS, false, unhex("1234 0100 0001 0000 0000 0001 07 6578616d706c65 03 636f6d 00 0001 0001 00 0029 04d0 00000000 0000"),
		"4660+ [1au] A? example.com."},
	{decode.TypeDNS, false, unhex("1234 8180 0001 0002 0000 0000 03 777777 07 6578616d706c65 03 636f6d 00 0001 0001" +
		"c00c 0005 0001 00000e10 0002 c010  c010 0001 0001 00000e10 0004 c0000201"),
		"4660 2/0/0 CNAME example.com., A 192.0.2.1"},
	{decode.TypeDNS, true, unhex("001d 0001 8583 0001 0000 0000 0000 07 6578616d706c65 03 636f6d 00 0041 0001"),
		"1 NXDOMAIN* 0/0/0"},
	{decode.TypeMDNS, false, unhex("0000 8400 0000 0001 0000 0000 05 5f68747470 04 5f746370 05 6c6f63616c 00 000c 8001 00000078 0006 03 1b5d6d c00c"),
		`0*- 1/0/0 (Cache flush) PTR \\027]m._http._tcp.local.`},
	{decode.TypeDNS, false, unhex("0002 8180 0000 0001 0000 0000 00 0041 0001 0000003c 000a 0001 00 0001 0003 02 6832"),
		`2 1/0/0 HTTPS 1 . alpn="h2"`},
	{decode.TypeDHCPv4, false, append(unhex("01010600 deadbeef 0000 8000 00000000 00000000 00000000 00000000 020000000001"+strings.Repeat("00", 202)+"63825363"),
		unhex("35 01 03 32 04 c0000205 0c 04 686f7374 ff")...),
		`BOOTP/DHCP, Request from 02:00:00:00:00:01, Request, xid 0xdeadbeef, requested 192.0.2.5, host "host"`},
	{decode.TypeDHCPv6, false, unhex("07 a1b2c3 0001 0004 00010203 0003 0028 00000001 00000000 00000000 0005 0018 20010db8000000000000000000000005 00000e10 00001c20"),
		"dhcp6 reply, xid 0xa1b2c3, address 2001:db8::5"},
	{decode.TypeNTP, false, unhex("24 01 06 ec 00000000 00000000 47505300" + strings.Repeat("00", 32)), `NTPv4, Server, stratum 1, refid "GPS"`},
	{decode.TypeHTTP, true, []byte("GET /a?b=\x1b[31m HTTP/1.1\r\nHost: example.com\r\n\r\n"), `HTTP: GET /a?b=\x1b[31m HTTP/1.1`},
	{decode.TypeHTTP, true, []byte("HTTP/1.1 404 Not Found\r\nServer: x\r\n\r\n"), "HTTP: HTTP/1.1 404 Not Found"},
	{decode.TypeTLS, true, unhex(clientHello), `TLS ClientHello TLS 1.3 SNI "example.com" ALPN "h2" ALPN "http/1.1"`},
	{decode.TypeTLS, true, unhex("15 0303 0002 02 28  17 0303 0003 000000"), "TLS Alert 40 handshake_failure, Application Data 3"},
	{decode.TypeQUIC, false, unhex("c3 00000001 04 01020304 02 0506 00"), "quic, Initial, version 1, dcid 01020304, scid 0506"},
	{decode.TypeHTTP, true, []byte("GET /images/box.gif HTT"), "HTTP: GET /images/box.gif HTT"},
	{decode.TypeHTTP, true, []byte("HTTP/1.1 2000 ok\r\n\r\n"), "HTTP: HTTP/1.1 2000 ok"},
	{decode.TypeDNS, true, unhex("001d 0001 0100 0001 0000 0000 0000 03 6f6e65 07 6578616d706c65 00 0001 0001" +
		"001d 0002 0100 0001 0000 0000 0000 03 74776f 07 6578616d706c65 00 0001 0001 001d 0003"), "1+ A? one.example.; 2+ A? two.example."},
	{decode.TypeTLS, true, unhex("16 0303 0035 02 000026 0303" + strings.Repeat("11", 32) + "00 002f 00 0b 000003 000000 0e 000000" + "15 0303 0002 02 28"),
		"TLS ServerHello TLS 1.2 cipher TLS_RSA_WITH_AES_128_CBC_SHA, Certificate, ServerHelloDone, Alert 40 handshake_failure"},
	{decode.TypeQUIC, false, unhex("c3 00000001 04 01020304 00 01 aa 04 00000000 e3 00000001 04 01020304 00 02 0000"),
		"quic, Initial, version 1, dcid 01020304; Handshake"},
	{decode.TypeQUIC, false, unhex("80 00000000 00 02 0506 00000001 6b3343cf"), "quic, version negotiation, dcid , scid 0506"},
	{decode.TypeTFTP, false, []byte("\x00\x01a\x1bb\x00octet\x00"), `TFTP, RRQ "a\x1bb" octet`},
	{decode.TypeTFTP, false, unhex("0003 0007 00"), "TFTP, DATA block 7"},
	{decode.TypeSyslog, false, []byte("<34>su: \x1b]0;x\a failed\n"), `SYSLOG auth.critical "su: \x1b]0;x\x07 failed\n"`},
	{decode.TypeSNMP, false, unhex("30 1c 02 01 01 04 06 7075626c6963 a0 0f 02 01 2a 02 01 00 02 01 00 30 04 30 02 06 00"), `SNMP v2c C="public" GetRequest id 42`},
	{decode.TypeSTUN, false, unhex("0101 000c 2112a442 000102030405060708090a0b 0020 0008 0001 3326 e112a643"), "STUN, Binding Success Response, mapped 192.0.2.1:4660"},
	{decode.TypeRTP, false, unhex("80 e0 0102 00000003 000000ff 00"), "RTP, PT 96, marker, seq 258, time 3, ssrc 0xff"},
}

// carry puts data into a UDP datagram or TCP segment between ports that say nothing, 9 and 40000.
func carry(kind decode.Type, tcp bool, data []byte) capture.Frame {
	proto, transport := byte(17), unhex("0009 9c40 0000 0000")
	if tcp {
		proto, transport = 6, unhex("0009 9c40 00000001 00000001 5018 ffff 0000 0000")
	} else {
		binary.BigEndian.PutUint16(transport[4:], uint16(8+len(data)))
	}
	b := unhex("4500 0000 0001 0000 40 00 0000 c0000201 c0000202")
	b[9] = proto
	b = append(append(b, transport...), data...)
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	return capture.Frame{Data: b, Length: len(b), Link: capture.LinkIPv4}
}

func TestAppSamples(t *testing.T) {
	r := decode.Printer{Time: decode.TimeNone, Applications: app.Renderer{}}
	for _, s := range appSamples {
		d := decode.Decoder{SkipChecksums: true, Ports: map[decode.Port]decode.Type{{Number: 9}: s.kind}}
		var p decode.Packet
		if err := d.Decode(carry(s.kind, s.tcp, s.data), &p); err != nil {
			t.Errorf("%v: %v", s.kind, err)
		}
		_, got, _ := strings.Cut(string(r.AppendLine(nil, &p)), ", length ")
		_, got, _ = strings.Cut(got, ": ")
		if got != s.line {
			t.Errorf("%v:\n got %s\nwant %s", s.kind, got, s.line)
		}
		decode.RenderAll(t, &r, nil, &p)
	}
}

// TestAppFields looks at single fields of JSON.
func TestAppFields(t *testing.T) {
	for _, c := range []struct {
		kind decode.Type
		tcp  bool
		data []byte
		want string
		not  string
	}{
		{decode.TypeHTTP, true, []byte("GET /images/box.gif HTT"), `"uri":"/images/box.gif"`, "box.gif HTT"},
		{decode.TypeHTTP, true, []byte("GET /a b"), `"uri":"/a b"`, `"version":"`},
		{decode.TypeHTTP, true, []byte("HTTP/1.1 2000 ok\r\n\r\n"), `"version":"HTTP/1.1"`, `"status"`},
		{decode.TypeHTTP, true, []byte("HTTP/1.1 204 ok\r\n\r\n"), `"status":204`, "\x00"},
		{decode.TypeDNS, true, unhex("000c 0001 0100 0000 0000 0000 0000 000c 0002 0100 0000 0000 0000 0000"), `"messages":[{"length":12,"id":2,`, "\x00"},
		{decode.TypeTLS, true, unhex("16 0303 0035 02 000026 0303" + strings.Repeat("11", 32) + "00 002f 00 0b 000003 000000 0e 000000"),
			`"messages":[{"handshake_type":11,"handshake_length":3,"certificates_length":0},{"handshake_type":14,"handshake_length":0}]`, "\x00"},
		{decode.TypeQUIC, false, unhex("c3 00000001 04 01020304 00 01 aa 04 00000000 e3 00000001 04 01020304 00 02 0000"),
			`"token_length":1,"token":"aa","length":4,"packets":[{"packet_type":2,"length":2}]`, "\x00"},
	} {
		d := decode.Decoder{SkipChecksums: true, Ports: map[decode.Port]decode.Type{{Number: 9}: c.kind}}
		r := decode.Printer{Applications: app.Renderer{}}
		var p decode.Packet
		_ = d.Decode(carry(c.kind, c.tcp, c.data), &p)
		if got := string(r.AppendJSON(nil, &p)); !strings.Contains(got, c.want) || strings.Contains(got, c.not) {
			t.Errorf("%v: want %s and not %s in\n%s", c.kind, c.want, c.not, got)
		}
	}
}

// TestNotQUIC: on port 443 only versions that QUIC has are taken for it.
func TestNotQUIC(t *testing.T) {
	for version, want := range map[string]bool{
		"00000001": true, "6b3343cf": true, "ff00001d": true, "1a2a3a4a": true, "51303530": true, "00000000": true,
		"8e818000": false, "10010000": false, "00000002": false, "deadbeef": false,
	} {
		f := carry(decode.TypePayload, false, unhex("c3"+version+"04 01020304 00 01 aa 04 00000000"))
		binary.BigEndian.PutUint16(f.Data[20:], 443)
		d := decode.Decoder{SkipChecksums: true}
		var p decode.Packet
		_ = d.Decode(f, &p)
		layers := p.Layers()
		if got := layers[len(layers)-1].Type == decode.TypeQUIC; got != want {
			t.Errorf("version %s: QUIC %v", version, got)
		}
	}
}
