package decode

import (
	"fmt"
	"strings"
	"testing"

	"sockwire/capture"
)

// withRow gives a type another row for a test, as if it had been so from the start of the program.
func withRow(t *testing.T, ty Type, row application) {
	t.Helper()
	was, carried := rowOf[ty], carriedIn
	row.Type, row.name, row.title = ty, was.name, was.title
	rowOf[ty] = &row
	for _, c := range row.in {
		carriedIn[c] = append(carriedIn[c][:len(carriedIn[c]):len(carriedIn[c])], ty)
	}
	t.Cleanup(func() { rowOf[ty], carriedIn = was, carried })
}

func layersOf(p *Packet) string {
	var s []string
	for _, l := range p.Layers() {
		s = append(s, fmt.Sprintf("%s %d+%d/%d", l.Type, l.Offset, l.Header, l.Length))
	}
	return strings.Join(s, ", ")
}

// TestCarriers has a protocol with a header of a type and a length of a byte each, which carries another; several of its
// messages in a segment; and what is cut.
func TestCarriers(t *testing.T) {
	withRow(t, TypeTFTP, application{
		length: func(b []byte) int {
			if len(b) < 2 {
				return 0
			}
			return 2 + int(b[1])
		},
		carries: func(b []byte) (int, Type) {
			if len(b) < 2 {
				return 0, TypeNone
			}
			return 2, TypePayload
		},
	})
	withRow(t, TypeSyslog, application{in: []Type{TypeTFTP}, is: func(b []byte, port bool) bool { return b[0] == '<' }})
	d := Decoder{SkipChecksums: true, Ports: map[Port]Type{{Number: 9}: TypeTFTP}}
	const segment, datagram = "45000000 0001 0000 40 06 0000 0a000001 0a000002 0009 9c40 00000001 00000001 5018 ffff 0000 0000",
		"45000000 0001 0000 40 11 0000 0a000001 0a000002 0009 9c40 00LL 0000"
	for _, c := range []struct{ name, hex, want, line string }{
		{"one", segment + "0002 3c41", "tftp 40+2/4, syslog 42+2/2", ": TFTP: Syslog, length 2"},
		{"bytes inside", segment + "0002 4141", "tftp 40+2/4, payload 42+0/2", ": TFTP"},
		{"two, and the third goes on", segment + "0002 3c41 0001 3c 0009 3c3c", "tftp 40+2/4, syslog 42+2/2, tftp 44+2/3, syslog 46+1/1, tftp 47+2/4, syslog 49+2/2",
			": TFTP: Syslog, length 2; TFTP, length 3: Syslog, length 1; TFTP, length 4: Syslog, length 2"},
		{"empty", segment + "0000", "tftp 40+2/2", ": TFTP"},
		{"a header that is cut", segment + "00", "tftp 40+1/1", ": TFTP"},
		{"no lengths in datagrams", datagram + "0001 3c41", "tftp 28+2/4, syslog 30+2/2", ": TFTP: Syslog, length 2"},
	} {
		digits := strings.ReplaceAll(c.hex, " ", "")
		digits = strings.Replace(digits, "LL", fmt.Sprintf("%02x", len(digits)/2-20), 1)
		digits = digits[:4] + fmt.Sprintf("%04x", len(digits)/2) + digits[8:]
		var p Packet
		f := frame(t, capture.LinkIPv4, digits)
		checkPacket(t, &p, d.Decode(f, &p))
		_, got, _ := strings.Cut(layersOf(&p), "/")
		_, got, _ = strings.Cut(got, ", ")
		_, got, _ = strings.Cut(got, ", ")
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
		r := Printer{Time: TimeNone}
		if line := string(r.AppendLine(nil, &p)); !strings.HasSuffix(line, c.line) || strings.HasSuffix(line, ":"+c.line) {
			t.Errorf("%s: %s", c.name, line)
		}
	}
	// A message of a stream carries too.
	var p Packet
	p.SetMessage(TypeTFTP, capture.Frame{Data: []byte{0, 2, '<', 'A'}, Length: 4})
	if got := layersOf(&p); got != "tftp 0+2/4, syslog 2+2/2" {
		t.Errorf("a message: %s", got)
	}
	// As many as there is room for, and no more.
	digits := segment[:4] + segment[4:] + strings.Repeat("0001 3c", 100)
	checkPacket(t, &p, d.Decode(frame(t, capture.LinkIPv4, strings.ReplaceAll(strings.Replace(digits, "45000000", "45000154", 1), " ", "")), &p))
	if p.n != MaxLayers {
		t.Errorf("%d layers of 100 messages", p.n)
	}
}

// TestChunkData shows what chunks of SCTP carry whose payload protocol identifier, or port, is known: whole messages only.
func TestChunkData(t *testing.T) {
	ppidTypes[0xfffffff0] = TypeSyslog
	sctpTypes[9] = TypeTFTP
	t.Cleanup(func() { delete(ppidTypes, 0xfffffff0); delete(sctpTypes, 9) })
	data := func(flags, ppid, body string) string {
		n := 16 + len(body)/2
		return fmt.Sprintf("00 %s %04x 00000001 0000 0000 %s %s", flags, n, ppid, body+strings.Repeat("00", -n&3))
	}
	const head = "45000000 0001 0000 40 84 0000 0a000001 0a000002 0009 9c40 00000000 00000000 "
	for _, c := range []struct{ name, chunks, want string }{
		{"by identifier", data("03", "fffffff0", "3c41"), "syslog 48+2/2"},
		{"by port", data("03", "00000000", "0001"), "tftp 48+2/2"},
		{"two, with one of another kind between", data("03", "fffffff0", "3c4142") + "04 00 0004" + data("03", "00000000", "0001"), "syslog 48+3/3, tftp 72+2/2"},
		{"a part", data("02", "fffffff0", "3c41"), ""},
		{"cut", "00 03 0040 00000001 0000 0000 fffffff0 3c", ""},
	} {
		digits := strings.ReplaceAll(head+c.chunks, " ", "")
		digits = digits[:4] + fmt.Sprintf("%04x", len(digits)/2) + digits[8:]
		var p Packet
		d := Decoder{SkipChecksums: true}
		_ = d.Decode(frame(t, capture.LinkIPv4, digits), &p)
		got := layersOf(&p)
		_, got, _ = strings.Cut(got, "sctp ")
		_, got, _ = strings.Cut(got, ", ")
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		d.Ports = map[Port]Type{{Number: 9}: TypePayload}
		if _ = d.Decode(frame(t, capture.LinkIPv4, digits), &p); p.n != 2 {
			t.Errorf("%s: named to be left undecoded: %s", c.name, layersOf(&p))
		}
	}
}

// TestAnnounced goes through the numbers below IP that rows can have.
func TestAnnounced(t *testing.T) {
	etherTypes[0x9999], pppTypes[0x4899], sapTypes[0x98], snapTypes[snapID(0xabcdef, 0x1234)] = TypeSyslog, TypeSyslog, TypeSyslog, TypeSyslog
	ipProtocols[253], linkTypes[999] = TypeSyslog, TypeSyslog
	t.Cleanup(func() {
		etherTypes[0x9999], sapTypes[0x98], ipProtocols[253] = TypeNone, TypeNone, TypeNone
		delete(pppTypes, 0x4899)
		delete(snapTypes, snapID(0xabcdef, 0x1234))
		delete(linkTypes, 999)
	})
	for _, c := range []struct {
		link capture.LinkType
		hex  string
	}{
		{capture.LinkEthernet, "020000000001 020000000002 9999 3c"},
		{capture.LinkEthernet, "020000000001 020000000002 0004 989803 3c"},
		{capture.LinkEthernet, "020000000001 020000000002 0009 aaaa03 abcdef 1234 3c"},
		{capture.LinkPPP, "ff03 4899 3c"},
		{capture.LinkIPv4, "45000015 0001 0000 40 fd 0000 0a000001 0a000002 3c"},
		{999, "3c"},
	} {
		var p Packet
		d := Decoder{SkipChecksums: true}
		checkPacket(t, &p, d.Decode(frame(t, c.link, c.hex), &p))
		if l := p.layers[p.n-1]; l.Type != TypeSyslog || l.Length != 1 {
			t.Errorf("%v %s: %s", c.link, c.hex, layersOf(&p))
		}
	}
}

// TestBeside: what shares the ports of a protocol that is named is told by its bytes, on the next port too.
func TestBeside(t *testing.T) {
	besides := besideOf
	withRow(t, TypeSyslog, application{beside: TypeRTP, is: func(b []byte, port bool) bool { return b[0] == '<' }})
	besideOf[TypeRTP] = []Type{TypeSyslog}
	t.Cleanup(func() { besideOf = besides })
	d := Decoder{SkipChecksums: true, Ports: map[Port]Type{{Number: 8}: TypeRTP}}
	for digits, want := range map[string]Type{
		"0008 9c40 000a 0000 3c41": TypeSyslog, "0008 9c40 000a 0000 8041": TypeRTP,
		"0009 9c40 000a 0000 3c41": TypeSyslog, "0009 9c40 000a 0000 8041": TypePayload, "0006 9c40 000a 0000 3c41": TypePayload,
	} {
		var p Packet
		_ = d.Decode(frame(t, capture.LinkIPv4, "4500001e 0001 0000 40 11 0000 0a000001 0a000002 "+digits), &p)
		if got := p.layers[p.n-1].Type; got != want {
			t.Errorf("%s: %v, want %v", digits, got, want)
		}
	}
}
