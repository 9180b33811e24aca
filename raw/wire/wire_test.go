package wire_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"sockwire/raw/wire"
)

func TestSumsCanBeAddedInPieces(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	b := make([]byte, 129)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	for cut := 0; cut <= 128; cut += 2 {
		if got, want := wire.Sum(0).Add(b[:cut]).Add(b[cut:]).Fold(), wire.Sum(0).Add(b).Fold(); got != want {
			t.Fatalf("cut at %d: %#04x, want %#04x", cut, got, want)
		}
	}
	words := wire.Sum(0).Add16(0x1234).Add32(0xfffe0003).Add32(0xffffffff)
	if got, want := words.Fold(), wire.Sum(0).Add([]byte{0x12, 0x34, 0xff, 0xfe, 0, 3, 255, 255, 255, 255}).Fold(); got != want {
		t.Errorf("by words %#04x, by bytes %#04x", got, want)
	}
}

func TestUpdateWhereRFC1141WasWrong(t *testing.T) {
	// RFC 1624, section 4: equation 2 goes wrong here.
	if got := wire.UpdateChecksum16(0xdd2f, 0x5555, 0x3285); got != 0x0000 {
		t.Errorf("%#04x, RFC 1624 gives 0x0000", got)
	}
}

func TestPseudoHeader(t *testing.T) {
	for _, test := range []struct{ src, dst string }{{"192.0.2.1", "198.51.100.200"}, {"2001:db8::1", "2001:db8:ffff::2"}} {
		src, dst := netip.MustParseAddr(test.src), netip.MustParseAddr(test.dst)
		var b []byte
		if src.Is4() {
			b = append(append(append(b, src.AsSlice()...), dst.AsSlice()...), 0, 17, 0x12, 0x34)
		} else {
			b = append(append(append(b, src.AsSlice()...), dst.AsSlice()...), 0, 0, 0x12, 0x34, 0, 0, 0, 17)
		}
		if got, want := wire.PseudoHeader(src, dst, 17, 0x1234).Checksum(), slow(b); got != want {
			t.Errorf("%s: %#04x, want %#04x", test.src, got, want)
		}
	}
}

// ip6 is an IPv6 header before payload.
func ip6(next byte, payload ...byte) []byte {
	b := make([]byte, 40, 40+len(payload))
	b[0] = 0x60
	binary.BigEndian.PutUint16(b[4:], uint16(len(payload)))
	b[6] = next
	for i := range 16 {
		b[8+i], b[24+i] = 0xa0+byte(i), 0xb0+byte(i)
	}
	return append(b, payload...)
}

// ext is an extension header of 8 bytes.
func ext(next byte) []byte { return []byte{next, 0, 1, 4, 0, 0, 0, 0} }

func cat(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func TestWalkOverExtensions(t *testing.T) {
	ah := []byte{6, 4, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9}
	rest := []byte{1, 2, 3, 4}
	for _, test := range []struct {
		name     string
		next     byte
		b        []byte
		protocol uint8
		offset   int
		stop     wire.Stop
	}{
		{"none", 17, rest, 17, 0, wire.StopTransport},
		{"nothing", 59, nil, 59, 0, wire.StopTransport},
		{"ESP hides what follows", 50, rest, 50, 0, wire.StopTransport},
		{"every kind", 0, cat(ext(60), ext(43), ext(44), []byte{51, 0, 0, 1, 0, 0, 0, 9}, append([]byte{135}, ah[1:]...), ext(139), ext(140), ext(6), rest),
			6, 4*8 + 24 + 3*8, wire.StopTransport},
		{"AH", 51, cat(ah, rest), 6, 24, wire.StopTransport},
		{"AH with a length that cannot be", 51, append([]byte{6, 0}, make([]byte, 30)...), 51, 0, wire.StopMalformed},
		{"first fragment", 44, append([]byte{17, 0, 0, 1, 0, 0, 0, 9}, rest...), 17, 8, wire.StopTransport},
		{"atomic fragment", 44, append([]byte{17, 0, 0, 0, 0, 0, 0, 9}, rest...), 17, 8, wire.StopTransport},
		{"later fragment", 44, append([]byte{17, 0, 0, 8, 0, 0, 0, 9}, rest...), 17, 8, wire.StopFragment},
		{"later fragment of an extension header", 44, append([]byte{60, 0, 0, 9, 0, 0, 0, 9}, ext(6)...), 60, 8, wire.StopFragment},
		{"cut in the first two bytes", 0, []byte{17}, 0, 0, wire.StopCut},
		{"cut behind the length", 60, []byte{17, 3, 0, 0, 0, 0, 0, 0, 0}, 60, 0, wire.StopCut},
		{"cut behind another", 0, cat(ext(43), ext(6)[:7]), 43, 8, wire.StopCut},
	} {
		protocol, offset, stop := wire.SkipExtensions(test.next, test.b)
		if protocol != test.protocol || offset != test.offset || stop != test.stop {
			t.Errorf("%s: %d at %d, %v; want %d at %d, %v", test.name, protocol, offset, stop, test.protocol, test.offset, test.stop)
		}
	}
	long := bytes.Repeat(ext(60), wire.MaxExtensions+1)
	if protocol, offset, stop := wire.SkipExtensions(60, long); protocol != 60 || offset != 8*wire.MaxExtensions || stop != wire.StopBound {
		t.Errorf("%d at %d, %v", protocol, offset, stop)
	}
}

func TestWalkNamesEachHeader(t *testing.T) {
	b := cat(ext(43), ext(6), []byte{9})
	w := wire.WalkExtensions(60, b)
	var headers []uint8
	for w.Next() {
		headers = append(headers, w.Header())
		if !bytes.Equal(w.Bytes(), b[w.Start():w.Start()+8]) {
			t.Errorf("header %d is % x", w.Header(), w.Bytes())
		}
	}
	if want := []uint8{60, 43}; !slices.Equal(headers, want) {
		t.Errorf("%v, want %v", headers, want)
	}
}

func TestFinalDestination(t *testing.T) {
	addresses := make([]byte, 48)
	for i := range addresses {
		addresses[i] = byte(i)
	}
	routing := func(typ, left byte) []byte { return append([]byte{17, 6, typ, left, 0, 0, 0, 0}, addresses...) }
	for _, test := range []struct {
		name string
		b    []byte
		at   int
	}{
		{"type 0", routing(0, 2), 40 + 8 + 32},
		{"type 2", routing(2, 1), 40 + 8 + 32},
		{"segment routing", routing(4, 1), 40 + 8},
		{"no segments left", routing(0, 0), wire.IPv6DestinationAt},
		{"unknown type", routing(3, 1), wire.IPv6DestinationAt},
	} {
		l, ok := wire.Parse(ip6(43, append(test.b, 0, 1, 0, 2, 0, 8, 0, 0)...))
		if !ok || l.Protocol != 17 || l.Transport != 40+56 || l.Destination != test.at || l.Source != wire.IPv6SourceAt {
			t.Errorf("%s: %+v", test.name, l)
		}
	}
}

func TestHomeAddress(t *testing.T) {
	home := append([]byte{17, 2, 1, 2, 0, 0, 0xc9, 16}, make([]byte, 16)...)
	if l, ok := wire.Parse(ip6(60, append(home, make([]byte, 8)...)...)); !ok || l.Source != 48 || l.Transport != 64 {
		t.Errorf("%+v", l)
	}
}

func ip4(protocol byte, options []byte, payload ...byte) []byte {
	b := make([]byte, 20)
	b[0] = 0x45 + byte(len(options)/4)
	b[8], b[9] = 64, protocol
	copy(b[12:], []byte{192, 0, 2, 1, 192, 0, 2, 2})
	b = append(append(b, options...), payload...)
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	wire.IPv4(b[:20+len(options)]).UpdateChecksum()
	return b
}

func TestParse(t *testing.T) {
	udp := []byte{0, 1, 0, 2, 0, 8, 0, 0}
	route := []byte{131, 11, 4, 10, 0, 0, 1, 10, 0, 0, 2, 0}
	used := []byte{137, 11, 12, 10, 0, 0, 1, 10, 0, 0, 2, 0}
	ah := []byte{17, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1}
	later := ip4(17, nil, udp...)
	later[7] = 1
	for _, test := range []struct {
		name string
		b    []byte
		want wire.Layout
	}{
		{"IPv4, padded", append(ip4(17, nil, udp...), 0, 0, 0), wire.Layout{Version: 4, Protocol: 17, Transport: 20, End: 28, Source: 12, Destination: 16}},
		{"IPv4, cut", ip4(17, nil, udp...)[:24], wire.Layout{Version: 4, Protocol: 17, Transport: 20, End: 24, Source: 12, Destination: 16}},
		{"source route", ip4(17, route, udp...), wire.Layout{Version: 4, Protocol: 17, Transport: 32, End: 40, Source: 12, Destination: 27}},
		{"source route used up", ip4(17, used, udp...), wire.Layout{Version: 4, Protocol: 17, Transport: 32, End: 40, Source: 12, Destination: 16}},
		{"AH", ip4(51, nil, append(ah, udp...)...), wire.Layout{Version: 4, Protocol: 17, Transport: 32, End: 40, Source: 12, Destination: 16}},
		{"an IPv6 header is none in IPv4", ip4(60, nil, ext(17)...), wire.Layout{Version: 4, Protocol: 60, Transport: 20, End: 28, Source: 12, Destination: 16}},
		{"later fragment", later, wire.Layout{Version: 4, Protocol: 17, Transport: 20, End: 28, Source: 12, Destination: 16, Stop: wire.StopFragment,
			Fragmented: true, FragmentOffset: 8}},
		{"IPv6 fragment", append(ip6(44, append([]byte{17, 0, 0, 9, 0, 0, 0, 9}, udp...)...), 0), wire.Layout{Version: 6, Protocol: 17, Transport: 48, End: 56,
			Source: 8, Destination: 24, FragmentHeader: 40, Fragmented: true, FragmentOffset: 8, Stop: wire.StopFragment}},
	} {
		if l, ok := wire.Parse(test.b); !ok || l != test.want {
			t.Errorf("%s: %+v\n\twant %+v", test.name, l, test.want)
		}
	}
	for _, b := range [][]byte{nil, {0x45}, make([]byte, 60), ip6(17)[:39], append([]byte{0x44}, make([]byte, 30)...), append([]byte{0x4f}, make([]byte, 30)...)} {
		if l, ok := wire.Parse(b); ok {
			t.Errorf("% x: %+v", b, l)
		}
	}
}

func TestOptions(t *testing.T) {
	b := []byte{1, 2, 4, 5, 0xb4, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 0, 99, 99}
	var kinds []uint8
	for o := range wire.TCPOptions(b) {
		kinds = append(kinds, o.Kind)
		if o.Cut || o.Kind > 1 && len(o.Data) != o.Length-2 {
			t.Errorf("%+v", o)
		}
	}
	if want := []uint8{1, 2, 8, 0}; !slices.Equal(kinds, want) {
		t.Errorf("kinds %v, want %v", kinds, want)
	}
	for _, b := range [][]byte{{2}, {2, 1}, {2, 0, 0, 0}, {2, 5, 0, 0}} {
		n := 0
		for o := range wire.TCPOptions(b) {
			if n++; !o.Cut || o.Length != len(b) || o.Data != nil {
				t.Errorf("% x: %+v", b, o)
			}
		}
		if n != 1 {
			t.Errorf("% x: %d options", b, n)
		}
	}
	for o := range wire.IPv6Options([]byte{0, 0xc2, 4, 0, 1, 0, 0, 1, 0}) {
		if o.Cut || o.Kind == wire.IPv6OptionJumbo && binary.BigEndian.Uint32(o.Data) != 0x10000 {
			t.Errorf("%+v", o)
		}
	}
	for o := range wire.NDOptions([]byte{5, 0, 1, 2, 3, 4, 5, 6}) {
		if !o.Cut {
			t.Errorf("length 0: %+v", o)
		}
	}
}

func TestFlags(t *testing.T) {
	for _, test := range []struct {
		f                wire.TCPFlags
		tcpdump, letters string
	}{
		{0, "none", "none"}, {wire.SYN, "S", "S"}, {wire.SYN | wire.ACK, "S.", "SA"}, {wire.ACK, ".", "A"}, {wire.FIN | wire.PSH | wire.ACK, "FP.", "FPA"},
		{wire.SYN | wire.ECE | wire.CWR | wire.AE, "SEWe", "SECN"}, {wire.SYN | wire.ACK | wire.ECE, "SE.", "SAE"}, {0x200 | wire.ACK, ".", "A+0x200"},
	} {
		if test.f.String() != test.tcpdump || test.f.Letters() != test.letters {
			t.Errorf("%#x: %q and %q, want %q and %q", uint16(test.f), test.f, test.f.Letters(), test.tcpdump, test.letters)
		}
		if f, ok := wire.ParseTCPFlags(test.letters); test.f&^wire.TCPFlagsNamed == 0 && (!ok || f != test.f) {
			t.Errorf("%q is %v, %v", test.letters, f, ok)
		}
	}
}

func TestNames(t *testing.T) {
	for got, want := range map[string]string{
		wire.ICMPName(false, 3, 3): "port unreachable", wire.ICMPName(false, 3, 99): "destination unreachable, code 99", wire.ICMPName(false, 8, 0): "echo request",
		wire.ICMPName(false, 99, 0): "type 99", wire.ICMPName(true, 99, 1): "type 99, code 1", wire.ICMPName(true, 1, 4): "port unreachable",
		wire.ICMPName(false, 12, 0): "parameter problem", wire.ICMPTypeName(true, 135): "neighbor solicitation", wire.ICMPTypeSymbol(false, 8): "ICMP_ECHO",
		wire.ProtocolName(58): "ICMPv6", wire.ProtocolName(222): "", wire.EtherTypeName(0x86dd): "IPv6", wire.AddressFamilyName(17): "AF_PACKET",
		wire.AddressFamilyName(-1): "", wire.AddressFamilyName(999): "", wire.SocketTypeName(5): "SOCK_SEQPACKET", wire.SocketTypeName(7): "",
		wire.IPProtocolSymbol(17): "IPPROTO_UDP",
		wire.TCPOptionName(2):     "Maximum segment size", wire.NDOptionName(25): "Recursive DNS server",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	for n := range 256 {
		for _, six := range []bool{false, true} {
			typ := uint8(n)
			if reply, ok := wire.ICMPReplyType(six, typ); ok && (wire.ICMPTypeName(six, reply) == "" || wire.IsICMPError(six, typ)) {
				t.Errorf("type %d of %v is answered by %d", typ, six, reply)
			}
		}
		if name := wire.ProtocolName(uint8(n)); wire.IsExtension(uint8(n)) && name == "" {
			t.Errorf("extension header %d has no name", n)
		}
	}
	if n, ok := wire.ProtocolNumber("udp"); n != 17 || !ok {
		t.Error("udp", n, ok)
	}
	if n, ok := wire.ServicePort("https", wire.ProtoUDP); n != 443 || !ok {
		t.Error("https", n, ok)
	}
}

func TestTunnels(t *testing.T) {
	vxlan := []byte{8, 0, 0, 0, 0, 0, 5, 0}
	for _, dst := range wire.VXLANPorts() {
		if got := wire.TunnelOverUDP(1, dst, vxlan); got != wire.TunnelVXLAN || !wire.IsVXLANPort(dst) {
			t.Errorf("port %d: %v", dst, got)
		}
	}
	reserved := []byte{0x88, 1, 2, 3, 0, 0, 42, 0xff}
	if got := wire.TunnelOverUDP(1, 4789, reserved); got != wire.TunnelVXLAN {
		t.Errorf("with reserved bits set it is %v, want VXLAN", got)
	}
	if got := wire.TunnelOverUDP(4789, 1, vxlan); got != wire.TunnelNone {
		t.Errorf("by the source port: %v", got)
	}
	if got := wire.TunnelOverUDP(4500, 1, vxlan); got != wire.TunnelESP {
		t.Errorf("ESP by the source port: %v", got)
	}
	if got := wire.TunnelOverUDP(1, 4789, make([]byte, 8)); got != wire.TunnelNone {
		t.Errorf("without an identifier: %v", got)
	}
}

func TestHeadersReadWhatTheyWrite(t *testing.T) {
	b := make([]byte, 40)
	e := wire.Ethernet(b[:14])
	e.SetDestination([6]byte{1, 2, 3, 4, 5, 6})
	e.SetSource([6]byte{7, 8, 9, 10, 11, 12})
	e.SetType(0x86dd)
	if !bytes.Equal(b[:14], []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0x86, 0xdd}) || e.Type() != 0x86dd {
		t.Errorf("% x", b[:14])
	}
	v := wire.VLAN(b[:4])
	v.SetControl(5, true, 0xabc)
	if v.Priority() != 5 || !v.DropEligible() || v.ID() != 0xabc {
		t.Errorf("% x", b[:4])
	}
	six := wire.IPv6(b)
	clear(b)
	b[0] = 0x60
	six.SetTrafficClass(0xab)
	six.SetFlowLabel(0x12345)
	six.SetHopLimit(9)
	six.SetPayloadLength(77)
	six.SetSource(netip.MustParseAddr("2001:db8::1"))
	six.SetDestination(netip.MustParseAddr("2001:db8::2"))
	if six.Version() != 6 || six.TrafficClass() != 0xab || six.FlowLabel() != 0x12345 || six.HopLimit() != 9 || six.PayloadLength() != 77 ||
		six.Source().String() != "2001:db8::1" || six.Destination().String() != "2001:db8::2" || six.DSCP() != 0xab>>2 || six.ECN() != 3 {
		t.Errorf("% x", b)
	}
	tcp := wire.TCP(b[:20])
	clear(b)
	b[12] = 0x50
	tcp.SetFlags(wire.SYN | wire.AE)
	tcp.SetSourcePort(1)
	tcp.SetDestinationPort(2)
	tcp.SetSequence(3)
	tcp.SetAcknowledgment(4)
	tcp.SetWindow(5)
	if tcp.Flags() != wire.SYN|wire.AE || tcp.DataOffset() != 20 || tcp.SourcePort() != 1 || tcp.DestinationPort() != 2 || tcp.Sequence() != 3 ||
		tcp.Acknowledgment() != 4 || tcp.Window() != 5 {
		t.Errorf("% x", b[:20])
	}
	udp := wire.UDP([]byte{0, 1, 0, 2, 0, 9, 0, 0, 'x'})
	pseudo := wire.PseudoHeader(netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2"), wire.ProtoUDP, len(udp))
	udp.UpdateChecksum(pseudo)
	if !pseudo.Add(udp).Good() {
		t.Errorf("% x", []byte(udp))
	}
	// A sum that comes out as 0 is written as 0xffff.
	udp[8] = 0
	udp.UpdateChecksum(0)
	udp.SetLength(udp.Length() + udp.Checksum())
	if udp.UpdateChecksum(0); udp.Checksum() != 0xffff {
		t.Errorf("%#04x", udp.Checksum())
	}
	four := wire.IPv4(ip4(1, nil))
	four.SetTTL(3)
	if four.GoodChecksum() {
		t.Error("the checksum covers the TTL")
	}
	if four.UpdateChecksum(); !four.GoodChecksum() || four.TTL() != 3 {
		t.Errorf("% x", []byte(four))
	}
}

func TestNothingAllocates(t *testing.T) {
	packet6 := ip6(0, cat(ext(60), ext(43), ext(44), []byte{6, 0, 0, 1, 0, 0, 0, 9}, make([]byte, 20))...)
	packet4 := ip4(6, []byte{131, 11, 4, 10, 0, 0, 1, 10, 0, 0, 2, 0}, make([]byte, 40)...)
	options := []byte{1, 2, 4, 5, 0xb4, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 0}
	room := make([]byte, 0, 16)
	var n int
	for name, f := range map[string]func(){
		"Parse": func() {
			a, _ := wire.Parse(packet6)
			b, _ := wire.Parse(packet4)
			n += a.Transport + b.Transport
		},
		"options": func() {
			for o := range wire.TCPOptions(options) {
				n += o.Length
			}
			for o := range wire.IPv6Options(options) {
				n += o.Length
			}
		},
		"flags": func() { room = (wire.SYN | wire.ACK).Append(room[:0]) },
		"checksum": func() {
			src, dst := wire.IPv4(packet4).Source(), wire.IPv4(packet4).Destination()
			n += int(wire.PseudoHeader(src, dst, 6, 20).Add(packet4[32:]).Checksum())
			n += int(wire.UpdateChecksum(7, packet4[:4], packet4[4:8]))
		},
		"names": func() {
			n += len(wire.ICMPTypeName(true, 128)) + len(wire.ProtocolName(17)) + len(wire.ICMPName(false, 3, 1))
		},
	} {
		if got := testing.AllocsPerRun(100, f); got != 0 {
			t.Errorf("%s allocates %v times", name, got)
		}
	}
}

// FuzzParse: what is found lies inside the packet, in order.
func FuzzParse(f *testing.F) {
	f.Add(ip6(0, cat(ext(60), ext(43), ext(44), ext(51), make([]byte, 20))...))
	f.Add(ip6(43, append([]byte{17, 4, 0, 2, 0, 0, 0, 0}, make([]byte, 40)...)...))
	f.Add(ip4(51, []byte{131, 11, 4, 10, 0, 0, 1, 10, 0, 0, 2, 0}, make([]byte, 40)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		l, ok := wire.Parse(b)
		if !ok {
			return
		}
		n := 16
		if l.Version == 4 {
			n = 4
		}
		if l.Transport < 20 || l.Transport > l.End || l.End > len(b) || l.Source+n > l.End || l.Destination+n > l.End || l.Source < 8 || l.FragmentHeader > l.Transport {
			t.Errorf("% x: %+v", b, l)
		}
		if l.Version == 6 && l.Stop == wire.StopTransport && wire.IsExtension(l.Protocol) {
			t.Errorf("stops at extension header %d", l.Protocol)
		}
		l.PseudoHeader(b, l.Protocol, l.End-l.Transport)
	})
}

// FuzzOptions: options follow each other without a gap and end with the bytes, unless one says that it is the last.
func FuzzOptions(f *testing.F) {
	f.Add([]byte{1, 2, 4, 5, 0xb4, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 0})
	f.Add([]byte{0, 0xc2, 4, 0, 1, 0, 0, 5, 2, 0, 0, 1, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		for i, walk := range []func(func(wire.Option) bool){wire.TCPOptions(b), wire.IPv6Options(b), wire.NDOptions(b)} {
			end, last := 0, false
			for o := range walk {
				if last || o.Offset != end || o.Length < 1 || o.Offset+o.Length > len(b) || o.Cut && o.Data != nil {
					t.Fatalf("walk %d of % x: %+v at %d", i, b, o, end)
				}
				end += o.Length
				last = o.Cut || i == 0 && o.Kind == wire.TCPOptionEnd
			}
			if end != len(b) && !last {
				t.Fatalf("walk %d of % x ends at %d", i, b, end)
			}
		}
		if at, ok := wire.SourceRoute(b); ok && at+4 > len(b) {
			t.Fatalf("% x: route ends at %d", b, at)
		}
	})
}

func BenchmarkChecksum(b *testing.B) {
	for _, n := range []int{20, 64, 1460, 65000} {
		data := make([]byte, n)
		b.Run(sizeName(n), func(b *testing.B) {
			b.SetBytes(int64(n))
			var sink uint16
			for b.Loop() {
				sink += wire.Checksum(data)
			}
		})
	}
}

func sizeName(n int) string {
	return map[int]string{20: "20", 64: "64", 1460: "1460", 65000: "65000"}[n]
}

func BenchmarkParse(b *testing.B) {
	packet := ip6(0, cat(ext(60), ext(43), ext(6), make([]byte, 20))...)
	for b.Loop() {
		wire.Parse(packet)
	}
}

func TestCheckHostName(t *testing.T) {
	for _, name := range []string{"10.77.9.9.9", "300.1.1.1", "1.2.3.4.", "192.0.2.256", "host.1", "0x7f.0.0.0x1g.0x1", "a.0X", "7"} {
		if err := wire.CheckHostName(name); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"", "127.0.0.1", "::1", "fe80::1%eth0", "localhost", "host1", "1.example", "3com.example.", "0xyz", "a.0xg", "_srv.example"} {
		if err := wire.CheckHostName(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
