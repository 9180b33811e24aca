package raw

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/net/bpf"

	"sockwire/raw/internal/siphash"
	"sockwire/raw/packet"
	"sockwire/raw/wire"
)

func testCodec(six bool, message Message, size int) *codec {
	c := &codec{six: six, message: message, key: key{siphash.Key{K0: 1, K1: 2}}, magic: 0xcafef00d, base: 0x4560, idBits: 4}
	p := &Pinger{Message: message, Size: size, Interface: ProbeInterface{Name: "eth0"}}
	c.template = make([]byte, icmpHeader+size)
	c.template[0] = c.requestType()
	fillPattern(c.template[icmpHeader:], p.Pattern)
	return c
}

// replyTo makes the answer to an echo, its checksum for IPv4.
func replyTo(c *codec, n uint64, target netip.Addr) []byte {
	b := c.build(make([]byte, len(c.template)), n, target)
	b[0] = c.replyType()
	b[2], b[3] = 0, 0
	binary.BigEndian.PutUint16(b[2:], wire.Checksum(b))
	return b
}

func TestNumbers(t *testing.T) {
	for _, last := range []uint64{1, 2, 65535, 65536, 1 << 20, 1<<20 + 5, 1<<33 + 12345} {
		c := testCodec(false, EchoRequest, 56)
		for _, back := range []uint64{0, 1, 1000, 65535, 65536, 1<<20 - 1} {
			if back >= last {
				continue
			}
			n := last - back
			b := c.build(make([]byte, len(c.template)), n, netip.MustParseAddr("192.0.2.1"))
			got, ok := c.number(binary.BigEndian.Uint16(b[4:]), binary.BigEndian.Uint16(b[6:]), last)
			if !ok || got != n {
				t.Errorf("echo %d of %d is taken for %d, %v", n, last, got, ok)
			}
			if wire.Checksum(b) != 0 {
				t.Errorf("echo %d has a wrong checksum", n)
			}
		}
		if n, ok := c.number(c.base^0x1000, 1, last); ok {
			t.Errorf("another's identifier is taken for echo %d", n)
		}
	}
	if n, ok := testCodec(false, EchoRequest, 56).number(0x4560, 9, 5); ok {
		t.Errorf("a number not yet sent is taken for echo %d", n)
	}
}

// TestNoFalseMatch shows a million random replies, all with the run's identifiers: none may pass for genuine.
func TestNoFalseMatch(t *testing.T) {
	target := netip.MustParseAddr("192.0.2.1")
	rng := rand.New(rand.NewPCG(5, 6))
	for _, six := range []bool{false, true} {
		c := testCodec(six, EchoRequest, 56)
		const last = 50_000
		matched := 0
		b := replyTo(c, 1, target)
		for range 500_000 {
			binary.BigEndian.PutUint32(b[4:], uint32(c.base)<<16|uint32(rng.IntN(last)))
			for i := icmpHeader; i < icmpHeader+16; i += 8 {
				binary.BigEndian.PutUint64(b[i:], rng.Uint64())
			}
			f := c.match(b, false, last)
			if f.kind != answer {
				continue
			}
			matched++
			if v, _ := c.verify(&f, f.n, target, target); v != spoofed {
				t.Fatalf("% x passes for an answer to echo %d", b, f.n)
			}
		}
		if matched < 400_000 {
			t.Errorf("only %d replies had a number in use: the test shows little", matched)
		}
	}
}

// TestEveryFlippedBit damages one bit of a reply: it must be put down to its own echo, at the right byte.
func TestEveryFlippedBit(t *testing.T) {
	target := netip.MustParseAddr("192.0.2.1")
	c := testCodec(false, EchoRequest, 56)
	const last = 3000
	for _, n := range []uint64{1, 5, 2048, last} {
		whole := replyTo(c, n, target)
		for bit := range len(whole) * 8 {
			b := append([]byte(nil), whole...)
			b[bit/8] ^= 1 << (bit % 8)
			f := c.match(b, wire.Checksum(b) != 0, last)
			if f.alt != 0 && c.carriesProof(b, f.alt, target) {
				f.n = f.alt
			}
			if f.kind != answer || f.n != n {
				t.Fatalf("echo %d, bit %d: %+v", n, bit, f)
			}
			want := bit / 8
			if want == 3 {
				want = 2
			}
			if v, at := c.verify(&f, n, target, target); v != damaged || at != want {
				t.Fatalf("echo %d, bit %d: verdict %v at byte %d", n, bit, v, at)
			}
		}
	}
}

// TestFilterAgrees runs the kernel's filter in x/net's interpreter: what match takes must pass.
func TestFilterAgrees(t *testing.T) {
	for _, six := range []bool{false, true} {
		c := testCodec(six, EchoRequest, 56)
		target := netip.MustParseAddr("192.0.2.1")
		if six {
			target = netip.MustParseAddr("2001:db8::1")
		}
		var ins []bpf.Instruction
		for _, r := range c.filter() {
			i := r.Disassemble()
			if ext, ok := i.(bpf.LoadExtension); ok && ext.Num == bpf.ExtInterfaceIndex {
				i = bpf.LoadConstant{Dst: bpf.RegA, Val: 2} // the interpreter has no interfaces; lo is 1
			}
			ins = append(ins, i)
		}
		vm, err := bpf.NewVM(ins)
		if err != nil {
			t.Fatal(err)
		}
		run := func(icmp []byte) bool {
			b := icmp
			if !six {
				if b, err = packet.Append(nil, &packet.IPv4{Src: target, Dst: target, Protocol: packet.U8(1), Options: []packet.Option{{Type: 1}}}, packet.Payload(icmp)); err != nil {
					t.Fatal(err)
				}
			}
			n, err := vm.Run(b)
			if err != nil {
				t.Fatal(err)
			}
			return n > 0
		}
		reply := replyTo(c, 70_000, target)
		if !run(reply) {
			t.Error("a reply does not pass")
		}
		for bit := range len(reply) * 8 {
			b := append([]byte(nil), reply...)
			b[bit/8] ^= 1 << (bit % 8)
			if !run(b) {
				t.Errorf("a reply with bit %d damaged does not pass", bit)
			}
		}
		other := *c
		other.base, other.magic = 0x7890, 7
		if run(replyTo(&other, 1, target)) {
			t.Error("another's reply passes")
		}
		for typ, want := range map[byte]bool{1: six, 2: six, 3: true, 4: six, 11: !six, 12: !six, 5: false} {
			quote := quoted(t, c, 70_000, target)
			msg := append([]byte{typ, 0, 0, 0, 0, 0, 0, 0}, quote...)
			if got := run(msg); got != want {
				t.Errorf("IPv6 %v: an error of type %d passes: %v", six, typ, got)
			}
			if got := run(append([]byte{typ, 0, 0, 0, 0, 0, 0, 0}, quoted(t, &other, 1, target)...)); got {
				t.Errorf("IPv6 %v: another's error of type %d passes", six, typ)
			}
		}
	}
}

// quoted returns the IP packet of an echo, as errors quote it.
func quoted(t testing.TB, c *codec, n uint64, target netip.Addr) []byte {
	t.Helper()
	echo := c.build(make([]byte, len(c.template)), n, target)
	var layers []packet.Layer
	if c.six {
		layers = []packet.Layer{&packet.IPv6{Src: target, Dst: target, NextHeader: packet.U8(58)}, packet.Payload(echo)}
	} else {
		layers = []packet.Layer{&packet.IPv4{Src: target, Dst: target, Protocol: packet.U8(1)}, packet.Payload(echo)}
	}
	b, err := packet.Append(nil, layers...)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestWrongConfigurations(t *testing.T) {
	for _, p := range []Pinger{{Count: -1}, {Preload: -1}, {Preload: 1 << 20}, {Window: -1}, {Interval: -1}, {Size: 70000}, {Size: -2}, {Retries: 1},
		{Count: 1, Retries: 99}, {Backoff: 0.5}, {Family: 5}, {FlowLabel: 1 << 20}, {Options: make([]byte, 41)}, {Message: ExtendedEcho},
		{Message: TimestampRequest, Family: 6}, {Message: TimestampRequest, Socket: PingSocket}, {Source: netip.MustParseAddr("::1"), Family: 4}} {
		if _, err := p.withDefaults(); err == nil {
			t.Errorf("%+v was taken", p)
		}
	}
	s, err := (&Pinger{}).withDefaults()
	if err != nil || s.Interval != time.Second || s.Size != 56 || s.Timeout != time.Second {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestTimestampOption(t *testing.T) {
	o, err := TimestampOption(true, netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2"))
	if err != nil || len(o) != 20 || o[0] != 68 || o[1] != 20 || o[2] != 5 || o[3] != 3 {
		t.Errorf("% x, %v", o, err)
	}
	if _, err := TimestampOption(true, netip.MustParseAddr("::1")); err == nil {
		t.Error("an IPv6 address was taken")
	}
	if o := RecordRoute(); len(o)%4 != 0 || o[1] != 7 || o[2] != 39 {
		t.Errorf("% x", o)
	}
}

func FuzzMatch(f *testing.F) {
	target := netip.MustParseAddr("192.0.2.1")
	four, six := testCodec(false, EchoRequest, 56), testCodec(true, EchoRequest, 56)
	f.Add(replyTo(four, 3, target), false, false)
	f.Add(replyTo(six, 3, target), true, false)
	f.Add(append([]byte{3, 4, 0, 0, 0, 0, 5, 0}, quoted(f, four, 9, target)...), false, false)
	f.Add(append([]byte{2, 0, 0, 0, 0, 0, 5, 0}, quoted(f, six, 9, netip.MustParseAddr("2001:db8::1"))...), true, false)
	f.Add(replyTo(four, 3, target)[:9], false, true)
	f.Fuzz(func(t *testing.T, b []byte, v6, badSum bool) {
		c := four
		if v6 {
			c = six
		}
		const last = 1000
		m := c.match(b, badSum, last)
		switch m.kind {
		case foreign:
			return
		case failure:
			if m.n < 1 || m.n > last || len(m.quoteProof) > len(b) {
				t.Fatalf("%+v", m)
			}
			c.proofAgrees(m.quoteProof, m.n, target)
			return
		}
		if m.n > last || m.alt > last || m.n == 0 && m.alt == 0 {
			t.Fatalf("%+v", m)
		}
		n := m.n
		if n == 0 {
			n = m.alt
		}
		v, at := c.verify(&m, n, target, target)
		if at >= max(len(b), len(c.template)) || v == genuine && !c.carriesProof(b, n, target) {
			t.Fatalf("verdict %v at %d for %+v", v, at, m)
		}
	})
}
