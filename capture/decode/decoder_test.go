package decode

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"sockwire/capture"
	"sockwire/raw/wire"
)

// echo is an ICMP echo request of 28 bytes with good checksums.
const echo = "4500001c 0001 0000 40 01 66de 0a000001 0a000002 0800 f7fd 0001 0001"

// segment is a TCP segment of 45 bytes with good checksums.
const segment = "4500002d 1234 4000 40 06 1495 0a000001 0a000002 9c420050 00000064 000000c8 5018 ffff 0000 0000 68656c6c6f"

// tcpFrame is segment with its checksum made right.
func tcpFrame(t testing.TB) capture.Frame {
	f := frame(t, capture.LinkIPv4, segment)
	start := wire.Sum(0).Add(f.Data[12:20]).Add16(uint16(len(f.Data) - 20)).Add16(wire.ProtoTCP)
	binary.BigEndian.PutUint16(f.Data[36:], start.Add(f.Data[20:]).Checksum())
	return f
}

func TestErrors(t *testing.T) {
	deep := strings.Repeat("45000014 0001 0000 40 04 66db 0a000001 0a000002", 40)
	deep = strings.ReplaceAll(deep, "45000014", "45000000") // total length 0 reaches to the end
	for _, c := range []struct {
		name, hex string
		link      capture.LinkType
		wire      int // more than the captured bytes when the snaplen cut
		want      Error
	}{
		{"snaplen in the IP header", echo[:21], capture.LinkIPv4, 100, Error{TypeIPv4, Truncated, 0, 20, 9, ""}},
		{"frame ends in the IP header", echo[:21], capture.LinkIPv4, 0, Error{TypeIPv4, Cut, 0, 20, 9, ""}},
		{"IP ends in the TCP header", "45000020 0001 0000 40 06 66d5 0a000001 0a000002 9c420050 00000064 00000000 0000 0000", capture.LinkIPv4, 0,
			Error{TypeTCP, Cut, 20, 20, 12, ""}},
		{"total length past the frame", "45000064" + echo[8:], capture.LinkIPv4, 0,
			Error{TypeIPv4, Cut, 0, 100, 28, "the length field exceeds what holds the layer"}},
		{"header length 16", "44" + echo[2:], capture.LinkIPv4, 0, Error{TypeIPv4, Malformed, 0, 0, 28, "the header length is less than 20"}},
		{"version 5", "55" + echo[2:], capture.LinkIPv4, 0, Error{TypeIPv4, Malformed, 0, 0, 28, "the version is not 4"}},
		{"total length 19", "45000013" + echo[8:], capture.LinkIPv4, 0,
			Error{TypeIPv4, Malformed, 0, 0, 28, "the total length is less than the header length"}},
		{"UDP length 7", "4500001c 0001 0000 40 11 66ce 0a000001 0a000002 0001 0009 0007 0000", capture.LinkIPv4, 0,
			Error{TypeUDP, Malformed, 20, 0, 8, "the length is less than 8"}},
		{"40 nested headers", deep, capture.LinkIPv4, 0, Error{TypeIPv4, TooDeep, 640, 0, 160, ""}},
		{"link type", "00", 147, 0, Error{TypePayload, UnknownLink, 0, 0, 1, "USER0"}},
		{"DNS cut", "4500003c 0001 0000 40 11 66ae 0a000001 0a000002 0001 0035 0028 0000 0001", capture.LinkIPv4, 60,
			Error{TypeDNS, Truncated, 28, 32, 2, ""}},
	} {
		f := frame(t, c.link, c.hex)
		if c.wire > 0 {
			f.Length = c.wire
		}
		var d Decoder
		var p Packet
		err := d.Decode(f, &p)
		var e *Error
		if !errors.As(err, &e) || *e != c.want {
			t.Errorf("%s: got %+v, want %+v", c.name, e, c.want)
			continue
		}
		if s := err.Error(); !strings.Contains(s, c.want.Layer.String()) || !strings.Contains(s, fmt.Sprint("byte ", c.want.Offset)) {
			t.Errorf("%s: the text names neither layer nor offset: %s", c.name, s)
		}
		checkPacket(t, &p, err)
	}
}

func TestNested(t *testing.T) {
	var digits string
	for i := range 6 { // IPv4 in IPv4, six deep, around an echo
		digits += fmt.Sprintf("4500%04x 0001 0000 40 04 0000 0a0%d0001 0a0%d0002", 28+20*(6-i), i, i)
	}
	var d Decoder
	var p Packet
	if err := d.Decode(frame(t, capture.LinkIPv4, digits+echo), &p); err != nil {
		t.Fatal(err)
	}
	if n := len(p.Layers()); n != 8 {
		t.Fatalf("%d layers: %v", n, p.Layers())
	}
	for i := range 6 {
		if a := p.IPv4(i).Source().As4(); int(a[1]) != i {
			t.Errorf("layer %d has source %v", i, a)
		}
	}
	outer, _ := p.Outer()
	inner, _ := p.Inner()
	if outer.Protocol != 4 || inner.Protocol != 1 || inner.Src.Addr().String() != "10.0.0.1" || outer.Src.Addr().String() != "10.0.0.1" {
		t.Errorf("outer %v, inner %v", outer, inner)
	}
	if i := p.FindInner(TypeIPv4); i != 6 {
		t.Errorf("the innermost IPv4 is layer %d", i)
	}
}

func TestChecksums(t *testing.T) {
	pending := func(f *capture.Frame) {
		start := wire.Sum(0).Add(f.Data[12:20]).Add16(uint16(len(f.Data) - 20)).Add16(wire.ProtoTCP)
		binary.BigEndian.PutUint16(f.Data[36:], start.Fold()) // as Linux leaves it
	}
	spoil := func(f *capture.Frame) { f.Data[len(f.Data)-1] ^= 1 }
	for _, c := range []struct {
		name   string
		change func(*capture.Frame, *Decoder)
		want   Checksum
	}{
		{"as sent", func(*capture.Frame, *Decoder) {}, ChecksumGood},
		{"a bit changed", func(f *capture.Frame, _ *Decoder) { spoil(f) }, ChecksumBad},
		{"received and changed", func(f *capture.Frame, _ *Decoder) { spoil(f); f.Direction = capture.DirectionIn }, ChecksumBad},
		{"the source says it is pending", func(f *capture.Frame, _ *Decoder) { spoil(f); f.Offload.ChecksumPending = true }, ChecksumOffloaded},
		{"sent from here, from a file", func(f *capture.Frame, _ *Decoder) { spoil(f); f.Direction = capture.DirectionOut }, ChecksumOffloaded},
		{"sent from here, live", func(f *capture.Frame, _ *Decoder) { spoil(f); f.Direction, f.Ifindex = capture.DirectionOut, 2 }, ChecksumBad},
		{"the sum of the pseudo header", func(f *capture.Frame, _ *Decoder) { pending(f) }, ChecksumOffloaded},
		{"the device verified it", func(f *capture.Frame, _ *Decoder) { spoil(f); f.Offload.ChecksumValid = true }, ChecksumGood},
		{"cut by the snaplen", func(f *capture.Frame, _ *Decoder) { f.Data = f.Data[:42] }, ChecksumUnverified},
		{"first fragment", func(f *capture.Frame, _ *Decoder) { f.Data[6] |= 0x20 }, ChecksumUnverified},
		{"not asked for", func(f *capture.Frame, d *Decoder) { d.SkipChecksums = true }, ChecksumUnverified},
	} {
		f := tcpFrame(t)
		var d Decoder
		var p Packet
		c.change(&f, &d)
		d.Decode(f, &p)
		if got := p.Layers()[p.Find(TypeTCP)].Checksum; got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	var d Decoder
	var p Packet
	d.Decode(frame(t, capture.LinkIPv4, "4500001d 0001 0000 40 11 66cd 0a000001 0a000002 04d2 162e 0009 0000 41"), &p)
	if got := p.Layers()[1].Checksum; got != ChecksumZero {
		t.Errorf("UDP without checksum: %v", got)
	}
}

func TestSegments(t *testing.T) {
	f := tcpFrame(t)
	var d Decoder
	var p Packet
	d.Decode(f, &p)
	if n := p.Segments(); n != 1 {
		t.Errorf("an ordinary frame stands for %d", n)
	}
	f.Offload.SegmentSize = 2
	d.Decode(f, &p)
	if n := p.Segments(); n != 3 {
		t.Errorf("5 bytes in segments of 2 are %d", n)
	}
	if line := new(Printer).AppendLine(nil, &p); !bytes.Contains(line, []byte("[offload: 3 segments]")) {
		t.Errorf("the line does not say so: %s", line)
	}
	f.Offload.Segments = 7
	d.Decode(f, &p)
	if n := p.Segments(); n != 7 {
		t.Errorf("the source says 7, not %d", n)
	}
	f = tcpFrame(t)
	f.Data[2], f.Data[3] = 0, 0 // total length 0
	d.Decode(f, &p)
	if n := p.Segments(); n != 0 || p.PayloadLength(1) != 5 {
		t.Errorf("a super-packet of unknown count: %d, %d bytes", n, p.PayloadLength(1))
	}
}

// tcp makes a segment of a connection from port a to port b.
func tcp(t testing.TB, a, b uint16, seq, ack uint32, flags wire.TCPFlags, data string) capture.Frame {
	f := frame(t, capture.LinkIPv4, segment)
	f.Data = append(f.Data[:40], data...)
	binary.BigEndian.PutUint16(f.Data[2:], uint16(len(f.Data)))
	binary.BigEndian.PutUint16(f.Data[20:], a)
	binary.BigEndian.PutUint16(f.Data[22:], b)
	binary.BigEndian.PutUint32(f.Data[24:], seq)
	binary.BigEndian.PutUint32(f.Data[28:], ack)
	f.Data[33] = byte(flags)
	f.Length = len(f.Data)
	if a > b { // the other direction: swap the addresses
		x := bytes.Clone(f.Data[12:16])
		copy(f.Data[12:16], f.Data[16:20])
		copy(f.Data[16:20], x)
	}
	return f
}

func TestHistory(t *testing.T) {
	var d Decoder
	var p Packet
	var h History
	r := Printer{Time: TimePrevious}
	d.SkipChecksums = true
	at := time.Unix(1700000000, 0)
	for _, c := range []struct {
		frame capture.Frame
		want  string
	}{
		{tcp(t, 1, 9, 4000000000, 0, wire.SYN, ""), "00:00:00.000000 IP 10.0.0.1:1 > 10.0.0.2:9: Flags [S], seq 0, win 65535, length 0"},
		{tcp(t, 9, 1, 77, 4000000001, wire.SYN|wire.ACK, ""), "00:00:00.001500 IP 10.0.0.2:9 > 10.0.0.1:1: Flags [S.], seq 0, ack 1, win 65535, length 0"},
		{tcp(t, 1, 9, 4000000001, 78, wire.ACK|wire.PSH, "hello"), "00:00:00.001500 IP 10.0.0.1:1 > 10.0.0.2:9: Flags [P.], seq 1:6, ack 1, win 65535, length 5"},
		{tcp(t, 9, 1, 78, 4000000006, wire.ACK|wire.FIN, ""), "00:00:00.001500 IP 10.0.0.2:9 > 10.0.0.1:1: Flags [F.], seq 1, ack 6, win 65535, length 0"},
		// A connection whose start was not seen: data starts at 1.
		{tcp(t, 2, 9, 500, 900, wire.ACK, "abc"), "00:00:00.001500 IP 10.0.0.1:2 > 10.0.0.2:9: Flags [.], seq 1:4, ack 1, win 65535, length 3"},
		{tcp(t, 9, 2, 900, 503, wire.ACK, ""), "00:00:00.001500 IP 10.0.0.2:9 > 10.0.0.1:2: Flags [.], ack 4, win 65535, length 0"},
		// The ports used again.
		{tcp(t, 1, 9, 5, 0, wire.SYN, ""), "00:00:00.001500 IP 10.0.0.1:1 > 10.0.0.2:9: Flags [S], seq 0, win 65535, length 0"},
	} {
		c.frame.Time = at
		at = at.Add(1500 * time.Microsecond)
		d.Decode(c.frame, &p)
		h.Add(&p)
		if got := string(r.AppendLine(nil, &p)); got != c.want {
			t.Errorf("\n got %s\nwant %s", got, c.want)
		}
	}
	if p.Number != 7 {
		t.Errorf("the seventh packet has number %d", p.Number)
	}
	r.Absolute = true
	if got := string(r.AppendLine(nil, &p)); !strings.Contains(got, "seq 5,") {
		t.Errorf("absolute: %s", got)
	}
}

func TestHistoryIsBounded(t *testing.T) {
	h := History{Connections: 100}
	var d Decoder
	var p Packet
	for i := range 5000 {
		d.Decode(tcp(t, uint16(i%4999+1), 60000, uint32(i), 0, wire.SYN, ""), &p)
		h.Add(&p)
		if n := len(h.young) + len(h.old); n > 100 {
			t.Fatalf("%d directions after %d packets", n, i+1)
		}
	}
}

func TestTimes(t *testing.T) {
	f := tcpFrame(t)
	f.Time = time.Date(2026, 3, 4, 5, 6, 7, 8009, time.UTC)
	var d Decoder
	var p Packet
	d.Decode(f, &p)
	for format, want := range map[TimeFormat]string{
		TimeClock: "05:06:07.000008 ", TimeNone: "IP ", TimeEpoch: "1772600767.000008 ", TimeDate: "2026-03-04 05:06:07.000008 ",
		TimeFirst: "00:00:00.000000 ",
	} {
		r := Printer{Time: format, Location: time.UTC}
		if got := string(r.AppendLine(nil, &p)); !strings.HasPrefix(got, want) {
			t.Errorf("format %d: %s", format, got)
		}
	}
	r := Printer{Location: time.UTC, Nanoseconds: true, Names: []string{"e\x1bth0"}, Number: true}
	p.Number, p.Frame.Direction = 12, capture.DirectionOut
	if got := string(r.AppendLine(nil, &p)); !strings.HasPrefix(got, `12  05:06:07.000008009 e\x1bth0 Out IP 10.0.0.1:40002 > `) {
		t.Errorf("got %s", got)
	}
	p.Frame.Time = time.Time{}
	if got := string(r.AppendLine(nil, &p)); !strings.Contains(got, "(no time)") {
		t.Errorf("got %s", got)
	}
}

// TestTimesBefore1970: the digits below a second count away from 0, as the number does.
func TestTimesBefore1970(t *testing.T) {
	var p Packet
	var d Decoder
	for _, c := range []struct {
		at                  time.Time
		epoch, clock, stamp string
	}{
		{time.Unix(0, -100_000_000), "-0.100000000", "23:59:59.900000000", "1969-12-31T23:59:59.900000000Z"},
		{time.Unix(-1, 0), "-1.000000000", "23:59:59.000000000", "1969-12-31T23:59:59.000000000Z"},
		{time.Unix(-2, 1), "-1.999999999", "23:59:58.000000001", "1969-12-31T23:59:58.000000001Z"},
		{time.Unix(-86400, 500_000_000), "-86399.500000000", "00:00:00.500000000", "1969-12-31T00:00:00.500000000Z"},
		{time.Unix(0, 0), "0.000000000", "00:00:00.000000000", "1970-01-01T00:00:00.000000000Z"},
		{time.Unix(0, 1), "0.000000001", "00:00:00.000000001", "1970-01-01T00:00:00.000000001Z"},
	} {
		f := tcpFrame(t)
		f.Time = c.at
		d.Decode(f, &p)
		for format, want := range map[TimeFormat]string{TimeEpoch: c.epoch, TimeClock: c.clock, TimeDate: c.stamp[:10] + " " + c.clock} {
			r := Printer{Time: format, Location: time.UTC, Nanoseconds: true}
			for range 2 { // the second is remembered
				if got := string(r.AppendLine(nil, &p)); !strings.HasPrefix(got, want+" ") {
					t.Errorf("%v in format %d: %s", c.at, format, got)
				}
			}
		}
		var r Printer
		if got := string(r.AppendJSON(nil, &p)); !strings.Contains(got, c.stamp) {
			t.Errorf("%v: %s", c.at, got)
		}
	}
	// Times that only a file can hold are printed, whatever they are.
	var h History
	for _, at := range []time.Time{time.Unix(1<<61, 0), time.Unix(-1<<61, 999), time.Unix(1<<61, 1)} {
		f := tcpFrame(t)
		f.Time = at
		d.Decode(f, &p)
		h.Add(&p)
		for format := TimeClock; format <= TimeFirst; format++ {
			r := Printer{Time: format, Location: time.UTC}
			if got := string(r.AppendLine(nil, &p)); strings.ContainsFunc(got, func(c rune) bool { return c < ' ' || c > '~' }) {
				t.Errorf("%v in format %d: %q", at, format, got)
			}
			r.AppendJSON(nil, &p)
		}
	}
}

// TestCookedLine: a line names interface and direction once.
func TestCookedLine(t *testing.T) {
	ip := strings.ReplaceAll(echo, " ", "")
	for kind, word := range []string{"In", "B", "M", "P", "Out"} {
		f := frame(t, capture.LinkLinuxSLL2, fmt.Sprintf("0800 0000 00000002 0001 %02x 06 0200000000010000", kind)+ip)
		f.Direction = capture.DirectionIn
		if word == "Out" {
			f.Direction = capture.DirectionOut
		}
		var d Decoder
		var p Packet
		d.Decode(f, &p)
		r := Printer{Time: TimeNone, Names: []string{"va"}}
		if got := string(r.AppendLine(nil, &p)); !strings.HasPrefix(got, "va "+word+" IP 10.0.0.1 > ") {
			t.Errorf("named: %s", got)
		}
		r.Names = nil
		if got := string(r.AppendLine(nil, &p)); !strings.HasPrefix(got, "ifindex 2 "+word+" IP 10.0.0.1 > ") {
			t.Errorf("not named: %s", got)
		}
	}
}

// TestBatches decodes and renders batches on several goroutines with the one step in between that needs order,
// and expects what a single goroutine prints.
func TestBatches(t *testing.T) {
	frames := testFrames(t)
	if len(frames) > 4000 {
		frames = frames[:4000]
	}
	var d Decoder
	var h History
	var p Packet
	var want []byte
	r := Printer{Location: time.UTC}
	for _, f := range frames {
		d.Decode(f, &p)
		h.Add(&p)
		want = append(r.AppendLine(want, &p), '\n')
	}
	const size = 64
	h = History{}
	batches := (len(frames) + size - 1) / size
	parts := make([][]byte, batches)
	turns := make([]chan struct{}, batches+1)
	for i := range turns {
		turns[i] = make(chan struct{})
	}
	close(turns[0])
	var wg sync.WaitGroup
	for worker := range 3 {
		wg.Go(func() {
			r := Printer{Location: time.UTC}
			packets := make([]Packet, size)
			for k := worker; k < batches; k += 3 {
				batch := frames[k*size : min((k+1)*size, len(frames))]
				for i := range batch {
					d.Decode(batch[i], &packets[i])
				}
				<-turns[k]
				for i := range batch {
					h.Add(&packets[i])
				}
				close(turns[k+1])
				for i := range batch {
					parts[k] = append(r.AppendLine(parts[k], &packets[i]), '\n')
				}
			}
		})
	}
	wg.Wait()
	if got := bytes.Join(parts, nil); !bytes.Equal(got, want) {
		t.Error("batches give other lines than one after another")
	}
}
