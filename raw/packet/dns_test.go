package packet_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sockwire/capture"
	"sockwire/raw/packet"
)

// TestMessagesAgainstScapy: DNS and DHCP messages are the bytes that scapy makes of the same fields.
func TestMessagesAgainstScapy(t *testing.T) {
	const over, overScapy = "ip{id=0, src=192.0.2.1, dst=198.51.100.2} / udp{sport=4000} / ", `IP(src="192.0.2.1",dst="198.51.100.2",id=0)/UDP(sport=4000,dport=53)/`
	const boot, bootScapy = "ip{id=0, src=0.0.0.0, dst=255.255.255.255} / udp / ", `IP(src="0.0.0.0",dst="255.255.255.255",id=0)/UDP(sport=68,dport=67)/`
	tests := []struct{ ours, scapy string }{
		{"dns{id=7, qname=www.example.com}", `DNS(id=7,rd=1,qd=DNSQR(qname="www.example.com"))`},
		{"dns{id=7, qname=example.com., qtype=aaaa, rd=0, ad=1}", `DNS(id=7,rd=0,ad=1,qd=DNSQR(qname="example.com",qtype="AAAA"))`},
		{"dns{id=7, qname=., qtype=ns}", `DNS(id=7,rd=1,qd=DNSQR(qname=".",qtype="NS"))`},
		{"dns{id=0xffff, flags=0, qdcount=9, ancount=1, nscount=2, arcount=3}", `bytes.fromhex("ffff00000009000100020003")`},
		{"dns{id=7, qname=version.bind, qtype=txt, qclass=ch}", `DNS(id=7,rd=1,qd=DNSQR(qname="version.bind",qtype="TXT",qclass="CH"))`},
		{"dns{id=7, qr=1, rcode=nxdomain, opcode=notify, qname=a.example}", `DNS(id=7,qr=1,rd=0,rcode=3,opcode=4,qd=DNSQR(qname="a.example"))`},
		{"dns{id=7, rd=1, qr=1, ra=1, qname=a.example, an=[rr{name=a.example, ttl=60, addr=192.0.2.7}, rr{name=b.a.example, ttl=61, addr=2001:db8::7}]}",
			`bytes.fromhex("0007818000010002000000000161076578616d706c650000010001` + // the names of answers point to the question's
				`c00c000100010000003c0004c00002070162c00c001c00010000003d001020010db8000000000000000000000007")`},
		{`dns{id=7, qname=x.example, ar=[rr{name=., type=opt, class=1232}], ns=[rr{name=example, type=ns, target=ns.example}]}`,
			`bytes.fromhex("0007010000010000000100010178076578616d706c6500000100` + `01` + `c00e00020001000000` + `00000c026e73076578616d706c6500` + `00002904d0000000000000")`},
	}
	bootTests := []struct{ ours, scapy string }{
		{"dhcp{xid=5, chaddr=02:00:00:00:00:01, options=[msgtype{discover}, params{010306}, hostname{\"box\"}]}",
			`BOOTP(xid=5,chaddr=bytes.fromhex("020000000001"))/DHCP(options=[("message-type","discover"),("param_req_list",[1,3,6]),("hostname","box"),"end"])`},
		{"dhcp{xid=5, broadcast=1, secs=3, ciaddr=192.0.2.9, chaddr=02:00:00:00:00:01, options=[msgtype{request}, reqip{192.0.2.9}, serverid{192.0.2.1}, lease{3600}, router{[192.0.2.1]}, mtu{1500}, pad, end]}",
			`BOOTP(xid=5,flags=0x8000,secs=3,ciaddr="192.0.2.9",chaddr=bytes.fromhex("020000000001"))/DHCP(options=[("message-type","request"),("requested_addr","192.0.2.9"),("server_id","192.0.2.1"),("lease_time",3600),("router","192.0.2.1"),("interface-mtu",1500),"pad","end"])`},
		{`dhcp{xid=5, sname="server", file="boot.img"}`, `BOOTP(xid=5,sname=b"server",file=b"boot.img",options=b"")`},
	}
	var expressions, ours []string
	for _, test := range tests {
		s := overScapy + test.scapy
		if !strings.Contains(test.ours, "qr=1") {
			ours = append(ours, over+test.ours)
		} else {
			ours = append(ours, strings.Replace(over, "sport=4000", "sport=4000, dport=53", 1)+test.ours)
		}
		expressions = append(expressions, s)
	}
	for _, test := range bootTests {
		ours, expressions = append(ours, boot+test.ours), append(expressions, bootScapy+test.scapy)
	}
	for i, want := range scapy(t, expressions) {
		template, err := packet.Parse(ours[i])
		if err != nil {
			t.Errorf("%s: %v", ours[i], err)
			continue
		}
		got, _, err := template.Append(nil, nil, 0)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s\n got %x (%v)\nwant %x", ours[i], got, err, want)
			continue
		}
		roundTrip(t, got, new(packet.IPv4))
		layers := packet.Dissect(got, new(packet.IPv4))
		if _, raw := layers[len(layers)-1].(packet.Payload); raw && !strings.Contains(ours[i], "qdcount=9") {
			t.Errorf("%s is taken apart to bytes: %s", ours[i], packet.Format(layers))
		}
	}
}

// TestNames: what a name as text stands for, and what is no name.
func TestNames(t *testing.T) {
	long := strings.Repeat("a", 63)
	for _, test := range []struct{ name, hex, problem string }{
		{"a.b", "0161016200", ""},
		{"A.b.", "0141016200", ""},
		{".", "00", ""},
		{`a\.b.c`, "03612e62016300", ""},
		{`\000\255`, "0200ff00", ""},
		{"ü", "02c3bc00", ""},
		{long, "3f" + hex.EncodeToString([]byte(long)) + "00", ""},
		{long + "a", "", "has a label of 64 bytes, at most 63 fit"},
		{strings.Repeat(long+".", 4), "", "takes 257 bytes, at most 255 fit"},
		{`a\25`, "", "three digits"},
		{`a\256`, "", "three digits"},
		{`a\`, "", "three digits"},
	} {
		template, err := packet.Parse("dns{id=0, flags=0, qname=" + test.name + "}")
		if test.problem != "" {
			var syntax *packet.SyntaxError
			if !errors.As(err, &syntax) || syntax.Column != 26 || !strings.Contains(syntax.Problem, test.problem) {
				t.Errorf("%s: %v", test.name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		b, _, err := template.Append(nil, nil, 0)
		if want := "000000000001000000000000" + test.hex + "00010001"; err != nil || hex.EncodeToString(b) != want {
			t.Errorf("%s: %x, %v; want %s", test.name, b, err, want)
		}
	}
	for spec, column := range map[string]int{"dns{qname=a..b}": 12, `dns{qname=""}`: 11, "dns{qtype=aaa}": 11, "dns{an=[q{name=a}]}": 9, "dns{an=[rr{addr=x}]}": 17,
		"dhcp{options=[msgtype{offr}]}": 23, "dns{qname=from names}": 16} {
		var syntax *packet.SyntaxError
		if _, err := packet.Parse(spec); !errors.As(err, &syntax) || syntax.Column != column {
			t.Errorf("%s: %v", spec, err)
		}
	}
}

// TestNamesVary: lists and files of names make packets as lists of numbers do.
func TestNamesVary(t *testing.T) {
	parser := packet.Parser{ReadFile: func(name string) ([]byte, error) {
		return []byte("# three\none.example\n\ntwo.example\nthree.example\n"), nil
	}}
	for spec, want := range map[string]string{
		"dns{id=1, qname=from names, qtype=a,aaaa}":             "one.example a, one.example aaaa, two.example a, two.example aaaa, three.example a, three.example aaaa",
		"dns{id=1, qname=a.example, b.example, qtype=ns}":       "a.example ns, b.example ns",
		"dns{id=1, qname=a.example,b.example@x, qtype=ns,mx@x}": "a.example ns, b.example mx",
	} {
		template, err := parser.Parse(spec)
		if err != nil {
			t.Errorf("%s: %v", spec, err)
			continue
		}
		var got []string
		for n := range template.Count() {
			text := packet.Format(template.Layers(n))
			_, name, _ := strings.Cut(text, "qname=")
			name, _, _ = strings.Cut(name, "}")
			if !strings.Contains(name, "qtype=") {
				name += ", qtype=a"
			}
			got = append(got, strings.Replace(name, ", qtype=", " ", 1))
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("%s: %v", spec, got)
		}
	}
}

func TestMessagesAllocateNothing(t *testing.T) {
	template, err := packet.Parse("dns{qname=a.example,b.example, qtype=a, an=[rr{name=a.example, addr=192.0.2.1}]}")
	if err != nil {
		t.Fatal(err)
	}
	b, ends := make([]byte, 0, 512), make([]int, 0, 4)
	n := uint64(0)
	if allocs := testing.AllocsPerRun(100, func() {
		if _, _, err = template.Append(b[:0], ends[:0], n); err != nil {
			t.Fatal(err)
		}
		n++
	}); allocs != 0 {
		t.Errorf("%v allocations a packet", allocs)
	}
}

// TestMessagesOfCaptures: most DNS and DHCP messages that people captured are taken apart to fields, not to bytes.
func TestMessagesOfCaptures(t *testing.T) {
	files, _ := filepath.Glob("../../../shared/corpus/tcpdump/*d*.*")
	if len(files) == 0 {
		t.Skip("../shared/corpus is not there: nothing to take apart")
	}
	dns, dhcp := 0, 0
	for _, file := range files {
		if info, err := os.Stat(file); err != nil || info.Size() > 1<<20 {
			continue
		}
		r, err := capture.OpenFile(file)
		if err != nil {
			continue // many are broken on purpose
		}
		for f, err := range r.Frames(t.Context()) {
			l := firstLayer(f.Link, f.Data)
			if err != nil || l == nil {
				break
			}
			for _, l := range packet.Dissect(f.Data, l) {
				switch l.(type) {
				case *packet.DNS:
					dns++
				case *packet.DHCP:
					dhcp++
				}
			}
		}
		r.Close()
	}
	t.Logf("%d DNS messages, %d DHCP messages", dns, dhcp)
	if dns < 20 || dhcp < 10 {
		t.Errorf("only %d DNS and %d DHCP messages were taken apart", dns, dhcp)
	}
}
