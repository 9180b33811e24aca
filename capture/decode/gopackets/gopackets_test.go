package gopackets

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"sockwire/capture"
	"sockwire/capture/decode"
	"sockwire/capture/decode/app"
	"sockwire/capture/golden"
)

// samples are captures of a packet each, made by hand, with what a line says of what they hold.
var samples = []struct {
	kind decode.Type
	link capture.LinkType
	hex  string
	line string
}{
	{decode.TypeECTP, capture.LinkEthernet, "cf0000000000 020000000001 9000 0000 0100 0700 68656c6c6f",
		"Ethernet Configuration Testing, Skip Count 0, Function 1, Receipt Number 7"},
	{decode.TypeECTP, capture.LinkEthernet, "cf0000000000 020000000001 9000 0000 0200 020000000009 0100 0700 68",
		"Ethernet Configuration Testing, Skip Count 0, Function 2, Function 1, Receipt Number 7"},
	{decode.TypeRUDP, capture.LinkIPv4, "4500002c 0001 0000 40 1b 0000 c0000201 c0000202 80 0c 1122 0000 00000064 00000000 00000000 0004 0200 0001",
		"RUDP, SYN, Version 0, Header Length 12, Src Port 17, Dst Port 34, Data Length 0, Seq 100, Ack 0, ..."},
	{decode.TypeNortelDiscovery, capture.LinkEthernet, "010081000100 020000000001 0013 aaaa03 000081 01a2 c0000205 000102 1a 0c 02 03",
		"Nortel Discovery, IP Address 192.0.2.5, Chassis 26, Backplane 12, State 2, Num Links 3"},
	{decode.TypeLCM, capture.LinkIPv4, "45000034 0001 0000 01 11 0000 c0000201 efff4ca7 9c40 1e07 0020 0000 4c433032 00000005 504f5345001b 5b6d00 0102030405060708 00"[:0] +
		"45000033 0001 0000 01 11 0000 c0000201 efff4ca7 9c40 1e07 001f 0000 4c433032 00000005 504f1b5300 0102030405060708 aabb",
		`LCM, Magic 1279471666, Sequence Number 5, Payload Size 0, Fragment Offset 0, Fragment Number 0, Total Fragments 0, Channel Name "PO\x1bS"`},
	{decode.TypeRMCP, capture.LinkIPv4, "45000020 0001 0000 40 11 0000 c0000201 c0000202 9c40 026f 000c 0000 06 00 ff 07",
		"RMCP, Version 6, Sequence 255, Class 7"},
	{decode.TypeASF, capture.LinkIPv4, "45000038 0001 0000 40 11 0000 c0000201 c0000202 9c40 026f 0024 0000 06 00 ff 06 000011be 40 01 00 10" +
		"000011be 00000000 81 00 000000000000",
		"ASF, Enterprise 4542, Type 64, Tag 1, Length 16, Enterprise 4542, IPMI, ASFv1"},
	{decode.TypeEtherIP, capture.LinkIPv4, "45000040 0001 0000 40 61 0000 c0000201 c0000202 3000 020000000002 020000000001 0800" +
		"4500001c 0001 0000 40 01 66de 0a000001 0a000002 0800 f7fd 0001 0001",
		"EtherIP, Version 3, Reserved 0"},
}

func sample(t testing.TB, i int) capture.Frame {
	b, err := hex.DecodeString(strings.ReplaceAll(samples[i].hex, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return capture.Frame{Data: b, Length: len(b), Link: samples[i].link}
}

// TestSamples reaches each of the list in a packet, and shows it in all ways.
func TestSamples(t *testing.T) {
	var all strings.Builder
	reached := map[decode.Type]bool{}
	for i, s := range samples {
		var p decode.Packet
		d := decode.Decoder{SkipChecksums: true}
		if err := d.Decode(sample(t, i), &p); err != nil {
			t.Errorf("%v: %v", s.kind, err)
		}
		at := p.Find(s.kind)
		if at < 0 {
			t.Errorf("%v is not reached", s.kind)
			continue
		}
		reached[s.kind] = true
		line, ok := Renderer{}.AppendLine(nil, &p, at)
		if !ok || string(line) != s.line {
			t.Errorf("%v: %s, want %s", s.kind, line, s.line)
		}
		r := decode.Printer{Time: decode.TimeNone, Applications: Renderer{}}
		fmt.Fprintf(&all, "%s\n%s%s\n", r.AppendLine(nil, &p), r.AppendTree(nil, &p), r.AppendJSON(nil, &p))
	}
	for _, e := range list {
		if !reached[e.Type] {
			t.Errorf("%v is in the list without a packet", e.Type)
		}
		if fields := (app.Renderer{}).AppendFields(nil, only(e.Type, []byte("0123456789abcdef")), 0); len(fields) > 0 {
			t.Errorf("package app shows %v: it needs no gopacket", e.Type)
		}
	}
	golden.Check(t, "testdata/samples.txt", all.String())
}

// only makes a packet of one layer.
func only(t decode.Type, data []byte) *decode.Packet {
	var p decode.Packet
	p.SetMessage(t, capture.Frame{Data: data, Length: len(data)})
	return &p
}

// TestSchema freezes the names and kinds of the fields that gopacket's structs give.
func TestSchema(t *testing.T) {
	var lines []string
	var walk func(list []member)
	walk = func(list []member) {
		for _, m := range list {
			if d := m.definition; d != nil {
				lines = append(lines, fmt.Sprintf("%s\t%s\t%d\t%v\t%s\n", d.Key, d.JSON, d.Kind, d.List, d.Name))
			}
			walk(m.inside)
		}
	}
	for _, m := range members {
		walk(m)
	}
	slices.Sort(lines)
	if len(slices.Compact(slices.Clone(lines))) != len(lines) {
		t.Error("a key has two fields")
	}
	golden.Check(t, "testdata/fields.txt", strings.Join(lines, ""))
}

// bound holds what a run may take: 10 ms and a megabyte. Another program on the machine can make one run slow, so it is
// the fastest of a few that counts.
func bound(t testing.TB, e *entry, data []byte, memory bool) {
	fastest := time.Hour
	for range 5 {
		begin := time.Now()
		e.appendFields(nil, only(e.Type, data), 0)
		if fastest = min(fastest, time.Since(begin)); fastest < 10*time.Millisecond {
			break
		}
	}
	if fastest > 10*time.Millisecond {
		t.Errorf("%v takes %v for %d bytes: %.64x", e.Type, fastest, len(data), data)
	}
	if !memory {
		return
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	e.decode(data)
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
		t.Errorf("%v takes %d bytes of memory for %d: %.64x", e.Type, n, len(data), data)
	}
}

// TestWall mutates the samples and renders what comes of them: WALL_MUTATIONS says how often, 2500000 for all. Nothing
// panics, runs long, takes much memory, or shows what a terminal acts on.
func TestWall(t *testing.T) {
	n := 40_000
	if s := os.Getenv("WALL_MUTATIONS"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	rng := rand.New(rand.NewPCG(19, 2))
	r := decode.Printer{Time: decode.TimeNone, Applications: Renderer{}}
	d := decode.Decoder{SkipChecksums: true}
	var p decode.Packet
	var b []byte
	shown, slowest := 0, time.Duration(0)
	for i := range n {
		f := sample(t, i%len(samples))
		for range 1 + rng.IntN(8) {
			switch at := rng.IntN(len(f.Data)); rng.IntN(8) {
			case 0:
				f.Data = f.Data[:max(at, 1)]
			case 1:
				f.Data = append(f.Data[:at:at], append([]byte(strings.Repeat("\x1b\xff", rng.IntN(40))), f.Data[at:]...)...)
			default:
				f.Data[at] ^= byte(1 << rng.IntN(8))
			}
		}
		f.Length = len(f.Data)
		begin := time.Now()
		_ = d.Decode(f, &p)
		b = r.AppendLine(b[:0], &p)
		b = r.AppendTree(b, &p)
		b = r.AppendJSON(b, &p)
		slowest = max(slowest, time.Since(begin))
		if at := slices.IndexFunc(b, func(c byte) bool { return c < ' ' && c != '\n' || c == 0x7f }); at >= 0 {
			t.Fatalf("byte %#x is let through of %x", b[at], f.Data)
		}
		last := p.Layers()[max(len(p.Layers())-1, 0):]
		if len(last) == 1 && byType[last[0].Type] != nil {
			shown++
			bound(t, byType[last[0].Type], p.Header(len(p.Layers())-1), i%1000 == 0)
		}
	}
	t.Logf("%d mutations, %d end in a layer of the list, the slowest took %v for line, tree and JSON together", n, shown, slowest)
}

// TestWorst hands each decoder as much as it can get, in all monotonous ways.
func TestWorst(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, e := range list {
		for fill := range 256 {
			data := make([]byte, maxInput+100)
			for i := range data {
				data[i] = byte(fill)
			}
			if fill%8 == 0 {
				for i := range data {
					data[i] = byte(rng.Uint32())
				}
			}
			for i, s := range samples { // behind what is a good start
				if s.kind == e.Type {
					var p decode.Packet
					d := decode.Decoder{SkipChecksums: true}
					_ = d.Decode(sample(t, i), &p)
					copy(data, p.Header(p.Find(s.kind)))
				}
			}
			bound(t, e, data, fill%16 == 0)
		}
	}
}

// TestNothingElseRuns: what a decoder wants to hand on to is run where the list has it, and nowhere else.
func TestNothingElseRuns(t *testing.T) {
	e := byType[decode.TypeEtherIP] // whose decoder asks for that of Ethernet
	w := e.decode(make([]byte, 100))
	if len(w.layers) != 1 || reflect.TypeOf(w.layers[0].Layer).Elem().Name() != "EtherIP" {
		t.Errorf("%d layers", len(w.layers))
	}
}

func FuzzWall(f *testing.F) {
	for i, s := range samples {
		var p decode.Packet
		d := decode.Decoder{SkipChecksums: true}
		_ = d.Decode(sample(f, i), &p)
		f.Add(uint8(slices.IndexFunc(list, func(e *entry) bool { return e.Type == s.kind })), p.Header(p.Find(s.kind)))
	}
	f.Fuzz(func(t *testing.T, n uint8, data []byte) {
		e := list[int(n)%len(list)]
		p := only(e.Type, data)
		r := decode.Printer{Time: decode.TimeNone, Applications: Renderer{}}
		b := r.AppendJSON(r.AppendTree(r.AppendLine(nil, p), p), p)
		if at := slices.IndexFunc(b, func(c byte) bool { return c < ' ' && c != '\n' || c == 0x7f }); at >= 0 {
			t.Errorf("byte %#x is let through", b[at])
		}
		for _, x := range e.appendFields(nil, p, 0) {
			if x.Bit < 0 || x.Bit+x.Bits > 8*len(data) {
				t.Errorf("%s is at bit %d+%d of %d bytes", x.Key, x.Bit, x.Bits, len(data))
			}
		}
		bound(t, e, data, false)
	})
}
