package decode

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"sockwire/capture"
)

func TestTree(t *testing.T) {
	var d Decoder
	var p Packet
	var r Printer
	d.Decode(frame(t, samples[1].link, samples[1].hex), &p)
	const want = `Ethernet, 14 bytes and carries 48, at 0
  0-5         Destination: 02:00:00:00:00:02
  6-11        Source: 02:00:00:00:00:01
  12-13       Type: 0x0800 (IPv4)
IPv4, 20 bytes and carries 28, at 14
  14.0-3      Version: 4
  14.4-7      Header Length: 20
  15.0-5      DSCP: 0
  15.6-7      ECN: 0 (Not-ECT)
  16-17       Total Length: 48
  18-19       Identification: 0x1234
  20.0        Reserved: not set
  20.1        Don't Fragment: set
  20.2        More Fragments: not set
  20.3-21.7   Fragment Offset: 0
  22          Time to Live: 64
  23          Protocol: 6 (TCP)
  24-25       Header Checksum: 0x1492
  24-25       Checksum status: good
  26-29       Source: 10.0.0.1
  30-33       Destination: 10.0.0.2
TCP, 28 bytes, at 34
  34-35       Source Port: 40002
  36-37       Destination Port: 80
  38-41       Sequence Number: 100
  42-45       Acknowledgment Number: 0
  46.0-3      Data Offset: 28
  46.4-47.7   Flags: 0x002
  46.7        Accurate ECN: not set
  47.0        CWR: not set
  47.1        ECE: not set
  47.2        URG: not set
  47.3        ACK: not set
  47.4        PSH: not set
  47.5        RST: not set
  47.6        SYN: set
  47.7        FIN: not set
  48-49       Window: 65535
  50-51       Checksum: 0xd226
  50-51       Checksum status: good
  52-53       Urgent Pointer: 0
              Payload length: 0
  54-57       Option
  54            Kind: 2 (Maximum segment size)
  55            Length: 4
  56-57         Maximum Segment Size: 1460
  58          Option
  58            Kind: 1 (No operation)
  59          Option
  59            Kind: 1 (No operation)
  60-61       Option
  60            Kind: 4 (SACK permitted)
  61            Length: 2
`
	if got := string(r.AppendTree(nil, &p)); got != want {
		t.Errorf("tree:\n%s", diffLines(got, want))
	}
}

func diffLines(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range g {
		if i >= len(w) || g[i] != w[i] {
			return fmt.Sprintf("line %d:\n got %q\nwant %q\nall:\n%s", i+1, g[i], append(w, make([]string, len(g))...)[i], got)
		}
	}
	return got
}

func TestHex(t *testing.T) {
	var d Decoder
	var p Packet
	f := frame(t, capture.LinkEthernet, ether+"0800 4500001d 0001 0000 40 11 66cd 0a000001 0a000002 04d2 162e 0009 0000 41 0000")
	d.Decode(f, &p)
	const want = `        eth 0-13
0x0000  0200 0000 0002 0200 0000 0001 0800       ..............
        ip 14-33
0x000e  4500 001d 0001 0000 4011 66cd 0a00 0001  E.......@.f.....
0x001e  0a00 0002                                ....
        udp 34-41
0x0022  04d2 162e 0009 0000                      ........
        payload 42-42
0x002a  41                                       A
        trailer 43-44
0x002b  0000                                     ..
`
	if got := string(AppendHex(nil, &p, true)); got != want {
		t.Errorf("hex:\n%s", diffLines(got, want))
	}
	if got := string(AppendHex(nil, &p, false)); strings.Contains(got, " \n") || !strings.Contains(got, "0x001e  0a00 0002\n") {
		t.Errorf("hex without text:\n%s", got)
	}
}

func TestJSON(t *testing.T) {
	var d Decoder
	var p Packet
	var r Printer
	f := frame(t, capture.LinkIPv4, "45000020 0001 0000 40 06 66d5 0a000001 0a000002 9c420050 00000064 00000000")
	f.Direction, f.Drops, f.Comments = capture.DirectionIn, 3, []string{"a \"b\"\x1b[31m\u202e"}
	d.Decode(f, &p)
	p.Number = 7
	const want = `{"type":"packet","number":7,"time":"2023-11-14T22:13:20.123456789Z","interface":0,"direction":"in","link":"IPV4",` +
		`"length":32,"captured":32,"drops":3,"comments":["a \"b\"\u001b[31m\u202e"],"layers":[{"layer":"ip","offset":0,"header_length":20,` +
		`"length":32,"fields":{"version":4,"header_length":20,"dscp":0,"ecn":0,"total_length":32,"id":1,"flags_rb":false,"df":false,` +
		`"mf":false,"fragment_offset":0,"ttl":64,"protocol":6,"checksum":26325,"checksum_status":"good","src":"10.0.0.1",` +
		`"dst":"10.0.0.2"}}],"error":{"layer":"tcp","fault":"cut short","offset":20,"need":20,"have":12}}`
	if got := string(r.AppendJSON(nil, &p)); got != want {
		t.Errorf("JSON:\n got %s\nwant %s", got, want)
	}
}

// checkJSON fails when text is no JSON or an object has a name twice.
func checkJSON(t testing.TB, text []byte) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	type object struct {
		names map[string]bool // nil for an array
		key   bool            // a name comes next
	}
	var open []object
	for {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		if n := len(open); n > 0 && open[n-1].names != nil && open[n-1].key {
			if name, ok := token.(string); ok {
				if open[n-1].names[name] {
					t.Fatalf("%q occurs twice in an object of %s", name, text)
				}
				open[n-1].names[name], open[n-1].key = true, false
				continue
			}
		}
		switch token {
		case json.Delim('{'):
			open = append(open, object{map[string]bool{}, true})
			continue
		case json.Delim('['):
			open = append(open, object{})
			continue
		case json.Delim('}'), json.Delim(']'):
			open = open[:len(open)-1]
		}
		if n := len(open); n > 0 {
			open[n-1].key = true
		}
	}
	if !isPlain(text) {
		t.Fatalf("JSON with bytes that a terminal acts on: %q", text)
	}
}

// testFrames returns the frames of the corpus, or the samples where it is not there.
func testFrames(t testing.TB) []capture.Frame {
	var frames []capture.Frame
	for _, f := range corpusFiles(t) {
		frames = append(frames, readFrames(t, f)...)
	}
	if len(frames) == 0 {
		t.Log("no captures at ../shared/corpus beside the checkout; only frames of this package are used")
	}
	for _, s := range samples {
		frames = append(frames, frame(t, s.link, s.hex))
	}
	return frames
}

// renderAll renders a packet in every way and checks that what comes out is harmless.
func renderAll(t testing.TB, r *Printer, b []byte, p *Packet) []byte {
	t.Helper()
	b = r.AppendLine(b[:0], p)
	if !isPlain(b) {
		t.Fatalf("line with bytes that a terminal acts on: %q", b)
	}
	b = r.AppendTree(b[:0], p)
	if !isPlain(bytes.ReplaceAll(b, []byte("\n"), nil)) {
		t.Fatalf("tree with bytes that a terminal acts on: %q", b)
	}
	b = AppendHex(b[:0], p, true)
	if !isPlain(bytes.ReplaceAll(b, []byte("\n"), nil)) {
		t.Fatalf("hex with bytes that a terminal acts on: %q", b)
	}
	b = r.AppendJSON(b[:0], p)
	checkJSON(t, b)
	return b
}

func TestRenderCorpus(t *testing.T) {
	var d Decoder
	var p Packet
	var h History
	var b []byte
	r := Printer{Location: time.UTC, Link: true, Number: true}
	for _, f := range testFrames(t) {
		d.Decode(f, &p)
		h.Add(&p)
		b = renderAll(t, &r, b, &p)
	}
}

// TestFieldsInside checks that the fields of a layer lie inside its header.
func TestFieldsInside(t *testing.T) {
	var d Decoder
	var p Packet
	var fields []Field
	for _, f := range testFrames(t) {
		d.Decode(f, &p)
		for i, l := range p.Layers() {
			fields = p.AppendFields(fields[:0], i)
			for _, x := range fields {
				if x.Bits > 0 && (x.Bit < 8*l.Offset || x.Bit+x.Bits > 8*(l.Offset+l.Header)) {
					t.Fatalf("%s at bits [%d, %d) is outside its layer %+v", x.Key, x.Bit, x.Bit+x.Bits, l)
				}
			}
		}
	}
}

// TestMutations decodes mutated frames: none may panic, reach outside the frame, or take long. Rendering is
// tried on some.
func TestMutations(t *testing.T) {
	frames := testFrames(t)
	rounds := 2_500_000
	if testing.Short() || raceEnabled {
		rounds = 100_000
	}
	var d Decoder
	var p Packet
	var r Printer
	var b []byte
	rng := rand.New(rand.NewPCG(1, 2))
	slowest := time.Duration(0)
	var undo [8]struct {
		at int
		x  byte
	}
	for i := range rounds {
		f := frames[rng.IntN(len(frames))]
		if i%2 == 0 { // ours, which have what is rare, stand last
			f = frames[len(frames)-1-rng.IntN(len(samples))]
		}
		n := 0
		if len(f.Data) > 0 {
			reach := len(f.Data)
			if rng.IntN(4) > 0 {
				reach = min(reach, 96) // where the headers are
			}
			for range 1 + rng.IntN(len(undo)) {
				at := rng.IntN(reach)
				undo[n].at, undo[n].x = at, f.Data[at]
				n++
				f.Data[at] = mutate(rng, f.Data[at])
			}
		}
		whole := f.Data
		if rng.IntN(8) == 0 {
			f.Data = f.Data[:rng.IntN(len(f.Data)+1)]
		}
		var start time.Time
		if i%16 == 0 {
			start = time.Now()
		}
		err := d.Decode(f, &p)
		if i%16 == 0 {
			slowest = max(slowest, time.Since(start))
		}
		checkPacket(t, &p, err)
		if i%32 < 2 { // one of each
			b = renderAll(t, &r, b, &p)
		}
		for n > 0 {
			n--
			whole[undo[n].at] = undo[n].x
		}
	}
	t.Logf("%d mutated frames, the slowest of every 16th took %v", rounds, slowest)
}

// mutate returns another byte, the values at the limits more often than others.
func mutate(rng *rand.Rand, x byte) byte {
	switch rng.IntN(4) {
	case 0:
		return x ^ 1<<rng.IntN(8)
	case 1:
		return [...]byte{0, 1, 0x7f, 0x80, 0xff, 4, 6, 8}[rng.IntN(8)]
	}
	return byte(rng.Uint32())
}

func FuzzDecode(f *testing.F) {
	for _, s := range samples {
		x := frame(f, s.link, s.hex)
		f.Add(uint16(s.link), uint16(x.Length), x.Data)
	}
	f.Fuzz(func(t *testing.T, link, length uint16, data []byte) {
		var d Decoder
		var p Packet
		var r Printer
		err := d.Decode(capture.Frame{Data: data, Length: int(length), Link: capture.LinkType(link)}, &p)
		checkPacket(t, &p, err)
		renderAll(t, &r, nil, &p)
	})
}

// TestEscaped puts every byte and some hostile runes through the escapes.
func TestEscaped(t *testing.T) {
	var all []byte
	for i := range 256 {
		all = append(all, byte(i))
	}
	all = append(all, "\x1b]0;title\a\u202eevil\u2066\u200b\ufeff\u0085\u009b31mé€😀\U000e0041"...)
	for name, got := range map[string][]byte{
		"AppendEscaped": AppendEscaped(nil, all), "AppendQuoted": AppendQuoted(nil, all, 1000), "JSON": appendJSONText(nil, all),
	} {
		if !isPlain(got) {
			t.Errorf("%s leaves something: %q", name, got)
		}
		if !bytes.Contains(got, []byte("é€😀")) {
			t.Errorf("%s spoils printable text: %q", name, got)
		}
	}
	checkJSON(t, appendJSONText(nil, all))
	if got, want := string(AppendEscaped(nil, []byte("a\\\t\x1b\xff\u202e"))), `a\\\t\x1b\xff\u202e`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestNoAllocations(t *testing.T) {
	frames := testFrames(t)
	var d Decoder
	var p Packet
	var h History
	r := Printer{Location: time.UTC}
	buf := make([]byte, 0, 1<<16)
	for _, f := range frames { // fills the tables
		d.Decode(f, &p)
		h.Add(&p)
		r.AppendJSON(buf, &p)
	}
	for name, f := range map[string]func(capture.Frame){
		"Decode":     func(f capture.Frame) { d.Decode(f, &p) },
		"AppendLine": func(f capture.Frame) { d.Decode(f, &p); r.AppendLine(buf[:0], &p) },
		"AppendJSON": func(f capture.Frame) { d.Decode(f, &p); r.AppendJSON(buf[:0], &p) },
		"History":    func(f capture.Frame) { d.Decode(f, &p); h.Add(&p) },
	} {
		n := 0
		if got := testing.AllocsPerRun(1, func() {
			for _, x := range frames[:min(len(frames), 3000)] {
				if len(x.Data) < 2000 {
					f(x)
					n++
				}
			}
		}); got > 0 {
			t.Errorf("%s: %v allocations in %d frames", name, got, n/2)
		}
	}
}

// benchFrames is a mix like that of a network: mostly TCP of two sizes, some UDP, ICMP, ARP and IPv6.
func benchFrames(b *testing.B) []capture.Frame {
	data := strings.Repeat("00", 1400)
	mix := []string{
		ether + "0800 450005ac 1234 4000 40 06 920a 0a000001 0a000002 9c420050 00000064 00000001 8010 01ff d226 0000 0101 080a 00000001 00000002" + data,
		ether + "0800 45000034 1234 4000 40 06 9206 0a000002 0a000001 00509c42 00000064 00000001 8010 01ff d226 0000 0101 080a 00000001 00000002",
		ether + "0800 45000034 1235 4000 40 06 9206 0a000002 0a000001 00509c43 00000064 00000001 8010 01ff d226 0000 0101 080a 00000001 00000002",
		ether + "0800 4500003c 1236 4000 40 11 9206 0a000002 0a000001 c0019c43 0028 0000" + data[:64],
		ether + "86dd 60000000 0028 11 40 20010db8000000000000000000000001 20010db8000000000000000000000002 c001162e 0028 0000" + data[:64],
		samples[0].hex, samples[1].hex, samples[3].hex,
	}
	var frames []capture.Frame
	for i := range 1024 {
		f := frame(b, capture.LinkEthernet, mix[i%len(mix)])
		f.Time = f.Time.Add(time.Duration(i) * time.Microsecond)
		frames = append(frames, f)
	}
	return frames
}

func bench(b *testing.B, f func(capture.Frame)) {
	frames := benchFrames(b)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		f(frames[i&1023])
		i++
	}
}

func BenchmarkDecode(b *testing.B) {
	var d Decoder
	var p Packet
	bench(b, func(f capture.Frame) { d.Decode(f, &p) })
}

func BenchmarkDecodeNoChecksums(b *testing.B) {
	d := Decoder{SkipChecksums: true}
	var p Packet
	bench(b, func(f capture.Frame) { d.Decode(f, &p) })
}

func BenchmarkLine(b *testing.B) {
	var d Decoder
	var p Packet
	var h History
	r := Printer{Location: time.UTC}
	var line []byte
	bench(b, func(f capture.Frame) { d.Decode(f, &p); h.Add(&p); line = r.AppendLine(line[:0], &p) })
}

func BenchmarkHistory(b *testing.B) {
	var d Decoder
	var p Packet
	var h History
	d.Decode(benchFrames(b)[1], &p)
	for b.Loop() {
		h.Add(&p)
	}
}

func BenchmarkJSON(b *testing.B) {
	var d Decoder
	var p Packet
	r := Printer{Location: time.UTC}
	var line []byte
	bench(b, func(f capture.Frame) { d.Decode(f, &p); line = r.AppendJSON(line[:0], &p) })
}

// TestManyFields has a frame of the most chunks that fit: the fields are bounded and say so.
func TestManyFields(t *testing.T) {
	f := frame(t, capture.LinkIPv4, "45000000 0001 0000 40 84 0000 0a000001 0a000002 0001 0009 00000000 00000000"+strings.Repeat("ee000004", 16000))
	var d Decoder
	var p Packet
	var r Printer
	d.Decode(f, &p)
	fields := p.AppendFields(nil, 1)
	if n := len(fields); n != maxFields+1 || fields[n-1].Definition != fMore {
		t.Errorf("%d fields, the last is %s", n, fields[len(fields)-1].Key)
	}
	if b := renderAll(t, &r, nil, &p); !bytes.Contains(b, []byte(`,"more":true}`)) {
		t.Error("the JSON does not say that there are more")
	}
}

func TestCutCorpus(t *testing.T) {
	var d Decoder
	var p Packet
	n := 0
	for _, file := range corpusFiles(t) {
		for _, f := range readFrames(t, file) {
			whole := f.Data
			for cut := 0; cut < len(whole) && cut < 4096; cut += 64 {
				f.Data = whole[:cut]
				err := d.Decode(f, &p)
				checkPacket(t, &p, err)
				n++
			}
		}
	}
	if n == 0 {
		t.Skip("no captures at ../shared/corpus beside the checkout")
	}
	t.Logf("%d cut frames", n)
}
