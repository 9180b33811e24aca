package capture_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"sockwire/capture"
)

type order interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

func pcapFile(o order, magic uint32, major, minor uint16, snaplen, link uint32, records ...[]byte) []byte {
	b := o.AppendUint32(nil, magic)
	b = o.AppendUint16(b, major)
	b = o.AppendUint16(b, minor)
	b = append(b, make([]byte, 8)...)
	b = o.AppendUint32(b, snaplen)
	b = o.AppendUint32(b, link)
	return append(b, bytes.Join(records, nil)...)
}

func words(o order, v ...uint32) []byte {
	var b []byte
	for _, w := range v {
		b = o.AppendUint32(b, w)
	}
	return b
}

func TestPcapVariants(t *testing.T) {
	const sec, frac = 1_700_000_000, 123_456
	micro := time.Unix(sec, frac*1000)
	nano := time.Unix(sec, frac)
	data := []byte("0123456789")
	for _, o := range []order{binary.LittleEndian, binary.BigEndian} {
		record := func(first, second uint32) []byte { return append(words(o, sec, frac, first, second), data...) }
		modified := append(append(words(o, sec, frac, 10, 60, 7), 8, 0, 4, 0), data...)
		for name, c := range map[string]struct {
			file []byte
			want capture.Frame
		}{
			"microseconds":          {pcapFile(o, 0xa1b2c3d4, 2, 4, 65535, 1, record(10, 60)), capture.Frame{Time: micro, Link: 1}},
			"nanoseconds":           {pcapFile(o, 0xa1b23c4d, 2, 4, 65535, 1, record(10, 60)), capture.Frame{Time: nano, Link: 1}},
			"Navtel":                {pcapFile(o, 0xa12b3c4d, 2, 4, 65535, 1, record(10, 60)), capture.Frame{Time: micro, Link: 1}},
			"modified":              {pcapFile(o, 0xa1b2cd34, 2, 4, 65535, 1, modified), capture.Frame{Time: micro, Link: 1, Ifindex: 7, Direction: capture.DirectionOut}},
			"version 2.2":           {pcapFile(o, 0xa1b2c3d4, 2, 2, 65535, 1, record(60, 10)), capture.Frame{Time: micro, Link: 1}},
			"version 2.3":           {pcapFile(o, 0xa1b2c3d4, 2, 3, 65535, 1, record(10, 60)), capture.Frame{Time: micro, Link: 1}},
			"version 2.3 swapped":   {pcapFile(o, 0xa1b2c3d4, 2, 3, 65535, 1, record(60, 10)), capture.Frame{Time: micro, Link: 1}},
			"version 543":           {pcapFile(o, 0xa1b2c3d4, 543, 0, 65535, 1, record(60, 10)), capture.Frame{Time: micro, Link: 1}},
			"snaplen 0":             {pcapFile(o, 0xa1b2c3d4, 2, 4, 0, 101, record(10, 60)), capture.Frame{Time: micro, Link: capture.LinkRaw}},
			"longer than snaplen":   {pcapFile(o, 0xa1b2c3d4, 2, 4, 4, 1, record(10, 60)), capture.Frame{Time: micro, Link: 1}},
			"snaplen 4 billion":     {pcapFile(o, 0xa1b2c3d4, 2, 4, math.MaxUint32, 1, record(10, 60)), capture.Frame{Time: micro, Link: 1}},
			"FCS length above link": {pcapFile(o, 0xa1b2c3d4, 2, 4, 65535, 0x24000001, record(10, 60)), capture.Frame{Time: micro, Link: 1}},
			"raw as 12":             {pcapFile(o, 0xa1b2c3d4, 2, 4, 65535, 12, record(10, 60)), capture.Frame{Time: micro, Link: capture.LinkRaw}},
		} {
			t.Run(fmt.Sprintf("%v %s", o, name), func(t *testing.T) {
				c.want.Data, c.want.Length = data, 60
				r, err := capture.NewReader(iotest.OneByteReader(bytes.NewReader(c.file)))
				must(t, err)
				var f capture.Frame
				must(t, r.Next(&f))
				if diff := cmp.Diff(c.want, f); diff != "" {
					t.Error(diff)
				}
				for range 2 {
					if err := r.Next(&f); err != io.EOF {
						t.Errorf("at the end: %v", err)
					}
				}
				if r.Offset() != int64(len(c.file)) {
					t.Errorf("offset %d of %d", r.Offset(), len(c.file))
				}
			})
		}
	}
}

// block builds a little-endian pcapng block.
func block(kind uint32, body []byte) []byte {
	for len(body)&3 != 0 {
		body = append(body, 0)
	}
	n := uint32(len(body) + 12)
	b := words(binary.LittleEndian, kind, n)
	b = append(b, body...)
	return binary.LittleEndian.AppendUint32(b, n)
}

func option(code uint16, v []byte) []byte {
	b := binary.LittleEndian.AppendUint16(nil, code)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(v)))
	b = append(b, v...)
	for len(b)&3 != 0 {
		b = append(b, 0)
	}
	return b
}

var sectionBlock = block(0x0a0d0d0a, append(words(binary.LittleEndian, 0x1a2b3c4d, 1), bytes.Repeat([]byte{0xff}, 8)...))

func interfaceBlock(options ...[]byte) []byte {
	return block(1, append(words(binary.LittleEndian, 1, 0), bytes.Join(options, nil)...))
}

func TestPcapngTimes(t *testing.T) {
	offset := func(s int64) []byte { return option(14, binary.LittleEndian.AppendUint64(nil, uint64(s))) }
	resolution := func(v byte) []byte { return option(9, []byte{v}) }
	for name, c := range map[string]struct {
		options []byte
		stamp   uint64
		want    time.Time
		unit    time.Duration
	}{
		"default":              {nil, 1_500_000, time.Unix(1, 5e8), time.Microsecond},
		"seconds":              {resolution(0), 77, time.Unix(77, 0), time.Second},
		"milliseconds":         {resolution(3), 1_234, time.Unix(1, 234e6), time.Millisecond},
		"nanoseconds":          {resolution(9), 1_000_000_007, time.Unix(1, 7), 1},
		"picoseconds":          {resolution(12), 1_234_567_890_123, time.Unix(1, 234_567_890), 1},
		"10^-19":               {resolution(19), 1e19 + 5e18, time.Unix(1, 5e8), 1},
		"10^-20":               {resolution(20), 1e19, time.Unix(0, 1e8), 1},
		"10^-127":              {resolution(127), math.MaxUint64, time.Unix(0, 0), 1},
		"2^-0":                 {resolution(0x80), 77, time.Unix(77, 0), time.Second},
		"2^-10":                {resolution(0x8a), 1024 + 512, time.Unix(1, 5e8), 976562},
		"2^-32":                {resolution(0xa0), 3<<32 | 1<<31, time.Unix(3, 5e8), 1},
		"2^-63":                {resolution(0xbf), 1<<63 | 1<<62, time.Unix(1, 5e8), 1},
		"2^-64":                {resolution(0xc0), 1 << 63, time.Unix(0, 5e8), 1},
		"2^-127":               {resolution(0xff), math.MaxUint64, time.Unix(0, 0), 1},
		"offset":               {offset(1000), 1_500_000, time.Unix(1001, 5e8), time.Microsecond},
		"offset back":          {offset(-1000), 1_500_000, time.Unix(-999, 5e8), time.Microsecond},
		"offset before unit":   {append(offset(10), resolution(9)...), 1, time.Unix(10, 1), 1},
		"beyond any year":      {append(resolution(0), offset(math.MaxInt64)...), math.MaxUint64, time.Unix(math.MaxInt64/4*2, 0), time.Second},
		"option of wrong size": {option(9, []byte{9, 9}), 1_500_000, time.Unix(1, 5e8), time.Microsecond},
	} {
		t.Run(name, func(t *testing.T) {
			packet := block(6, append(words(binary.LittleEndian, 0, uint32(c.stamp>>32), uint32(c.stamp), 2, 2), "ab"...))
			r, err := capture.NewReader(bytes.NewReader(slices.Concat(sectionBlock, interfaceBlock(c.options), packet)))
			must(t, err)
			var f capture.Frame
			must(t, r.Next(&f))
			if !f.Time.Equal(c.want) {
				t.Errorf("time %d.%09d, want %d.%09d", f.Time.Unix(), f.Time.Nanosecond(), c.want.Unix(), c.want.Nanosecond())
			}
			if got := r.Interfaces()[0].Resolution; got != c.unit {
				t.Errorf("unit %d, want %d", got, c.unit)
			}
		})
	}
}

func TestDamagedFiles(t *testing.T) {
	whole := block(6, append(words(binary.LittleEndian, 0, 0, 1, 2, 2), "ab"...))
	good := slices.Concat(sectionBlock, interfaceBlock(), whole)
	at := int64(len(good))
	bad := func(kind uint32, body ...uint32) []byte {
		return append(bytes.Clone(good), block(kind, words(binary.LittleEndian, body...))...)
	}
	change := func(i int, v uint32) []byte {
		b := append(bytes.Clone(good), whole...)
		binary.LittleEndian.PutUint32(b[int(at)+i:], v)
		return b
	}
	for name, c := range map[string]struct {
		file   []byte
		offset int64
		frames int
		says   string
	}{
		"empty":                  {nil, 0, 0, "empty"},
		"text":                   {[]byte("what is this?"), 0, 0, "no capture"},
		"three bytes":            {[]byte{0xd4, 0xc3, 0xb2}, 3, 0, "ends within a record"},
		"half a pcap header":     {pcapFile(binary.LittleEndian, 0xa1b2c3d4, 2, 4, 0, 1)[:20], 20, 0, "ends within a record"},
		"pcap version 1":         {pcapFile(binary.LittleEndian, 0xa1b2c3d4, 1, 4, 0, 1), 4, 0, "version 1.4"},
		"pcap record of 4 GB":    {pcapFile(binary.LittleEndian, 0xa1b2c3d4, 2, 4, 0, 1, words(binary.LittleEndian, 0, 0, math.MaxUint32, 1)), 32, 0, "a record of 4294967295 bytes"},
		"pcap cut in a record":   {pcapFile(binary.LittleEndian, 0xa1b2c3d4, 2, 4, 0, 1, words(binary.LittleEndian, 0, 0, 100, 100, 1)), 44, 0, "ends within a record"},
		"cut in a block":         {append(bytes.Clone(good), whole[:20]...), at + 20, 1, "ends within a record"},
		"cut in a block's type":  {append(bytes.Clone(good), 6, 0), at + 2, 1, "ends within a record"},
		"block length 8":         {change(4, 8), at + 4, 1, "block length 8"},
		"block length odd":       {change(4, 33), at + 4, 1, "block length 33"},
		"block length 2 GB":      {change(4, 1<<31), at + 4, 1, "block length 2147483648"},
		"lengths differ":         {change(len(whole)-4, 40), at + int64(len(whole)) - 4, 1, "36 in front and 40 behind"},
		"interface 1 of 1":       {bad(6, 1, 0, 0, 0, 0), at + 8, 1, "interface 1"},
		"interface 4 billion":    {bad(6, math.MaxUint32, 0, 0, 0, 0), at + 8, 1, "interface 4294967295"},
		"captured beyond block":  {bad(6, 0, 0, 0, 100, 100), at + 20, 1, "100 captured bytes"},
		"short packet block":     {bad(6, 0, 0), at, 1, "packet block of 20"},
		"short old packet block": {bad(2, 0, 0), at, 1, "packet block of 20"},
		"short simple packet":    {bad(3), at, 1, "simple packet block of 12"},
		"short interface":        {bad(1, 1), at, 1, "interface description of 16"},
		"short statistics":       {bad(5, 1), at, 1, "statistics of 16"},
		"bad byte-order magic":   {append(bytes.Clone(good), block(0x0a0d0d0a, words(binary.LittleEndian, 1, 2, 3, 4))...), at + 8, 1, "byte-order magic"},
		"pcapng version 2":       {append(bytes.Clone(good), block(0x0a0d0d0a, words(binary.LittleEndian, 0x1a2b3c4d, 2, 3, 4))...), at + 12, 1, "version 2.0"},
		"gzip of nothing":        {[]byte{0x1f, 0x8b, 8, 0}, 0, 0, "gzip"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "file")
			must(t, os.WriteFile(file, c.file, 0o600))
			mapped, mappedErr := capture.OpenFile(file)
			stream, streamErr := capture.NewReader(bytes.NewReader(c.file))
			for i, r := range []*capture.Reader{mapped, stream} {
				err := []error{mappedErr, streamErr}[i]
				frames := 0
				if err == nil {
					var got []packet
					got, err = readAll(r)
					frames = len(got)
					r.Close()
				}
				var where *capture.FileError
				if !errors.As(err, &where) {
					t.Fatalf("error %v", err)
				}
				if where.Offset != c.offset || !strings.Contains(err.Error(), c.says) || frames != c.frames {
					t.Errorf("after %d frames: %v; want %q at byte %d after %d", frames, err, c.says, c.offset, c.frames)
				}
			}
		})
	}
}

// A length in a file decides nothing about memory: it grows with the bytes that come.
func TestReaderMemoryIsBounded(t *testing.T) {
	claim := pcapFile(binary.LittleEndian, 0xa1b2c3d4, 2, 4, 0, 1, words(binary.LittleEndian, 0, 0, 15<<20, 15<<20))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 100 {
		r, err := capture.NewReader(iotest.HalfReader(bytes.NewReader(claim)))
		must(t, err)
		var f capture.Frame
		if err := r.Next(&f); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatal(err)
		}
	}
	runtime.ReadMemStats(&after)
	if got := (after.TotalAlloc - before.TotalAlloc) / 100; got > 1<<20 {
		t.Errorf("%d bytes allocated for a file of %d", got, len(claim))
	}
}

// mixed is a source of frames with everything that a file can say of them.
func mixed(n int) ([]capture.Interface, []capture.Frame) {
	ifs := []capture.Interface{
		{Name: "eth0", Description: "first\nlink", Link: capture.LinkEthernet, Snaplen: 262144, Resolution: time.Nanosecond, Filter: "tcp or udp"},
		{Name: "any", Link: capture.LinkLinuxSLL2, Resolution: time.Microsecond, Comments: []string{"a comment", ""}},
	}
	var frames []capture.Frame
	start := time.Unix(1_700_000_000, 123_456_789)
	for i := range n {
		f := capture.Frame{
			Data: bytes.Repeat([]byte{byte(i)}, 60+i%7), Time: start.Add(time.Duration(i) * time.Millisecond), Interface: i % 2, Link: ifs[i%2].Link,
			Direction: capture.Direction(i % 3), Drops: uint64(i % 5 / 4 * 1000),
		}
		f.Length = len(f.Data) + i%4*1000
		if f.Interface == 1 {
			f.Time = f.Time.Truncate(time.Microsecond)
		}
		f.Offload.ChecksumPending = i%8 == 1
		f.Offload.ChecksumValid = i%8 == 2
		if i%11 == 0 {
			f.Comments = []string{"frame " + fmt.Sprint(i), "second"}
		}
		frames = append(frames, f)
	}
	return ifs, frames
}

func TestWriteAndRead(t *testing.T) {
	ifs, frames := mixed(200)
	for _, packing := range []capture.Compression{capture.Uncompressed, capture.Gzip, capture.Zstd} {
		file := filepath.Join(t.TempDir(), "file.pcapng")
		w, err := capture.Create(file, &capture.WriterConfig{
			Compression: packing,
			Section:     capture.Section{Hardware: "abacus", OS: "Linux", Application: "test", Comments: []string{"one", "two"}},
		})
		must(t, err)
		must(t, w.Describe(ifs[:1]))
		must(t, w.Write(&frames[0]))
		must(t, w.Describe(ifs))
		for i := range frames[1:] {
			must(t, w.Write(&frames[i+1]))
			if i%50 == 0 {
				must(t, w.Flush())
			}
		}
		stats := capture.Statistics{
			Interface: 1, Time: time.Unix(1_700_000_001, 5000), Start: time.Unix(1_700_000_000, 0), End: time.Unix(1_700_000_001, 0),
			Received: 10, Dropped: -1, Accepted: 9, SystemDrop: 3, Delivered: 8,
		}
		must(t, w.WriteStatistics(&stats))
		must(t, w.Close())
		if err := w.Write(&frames[0]); !errors.Is(err, os.ErrClosed) {
			t.Errorf("Write after Close: %v", err)
		}

		r := openFile(t, file)
		if r.Compression() != packing {
			t.Errorf("packed as %v, read as %v", packing, r.Compression())
		}
		var b capture.Block
		i := 0
		for {
			err := r.NextBlock(&b)
			if err == io.EOF {
				break
			}
			must(t, err)
			if s, ok := b.Section(); ok {
				if diff := cmp.Diff(capture.Section{Hardware: "abacus", OS: "Linux", Application: "test", Comments: []string{"one", "two"}}, s); diff != "" {
					t.Error(diff)
				}
			}
			if s, ok := b.Statistics(); ok {
				if diff := cmp.Diff(stats, s); diff != "" {
					t.Error(diff)
				}
			}
			if b.IsPacket() {
				if diff := cmp.Diff(frames[i], b.Frame); diff != "" {
					t.Fatalf("frame %d: %s", i, diff)
				}
				i++
			}
		}
		if i != len(frames) {
			t.Errorf("%d of %d frames", i, len(frames))
		}
		if diff := cmp.Diff(ifs, r.Interfaces()); diff != "" {
			t.Error(diff)
		}
	}
}

func TestWritePcap(t *testing.T) {
	ifs, frames := mixed(40)
	for _, format := range []capture.Format{capture.FormatPcap, capture.FormatPcapNano} {
		var b bytes.Buffer
		w, err := capture.NewWriter(&b, &capture.WriterConfig{Format: format})
		must(t, err)
		must(t, w.Describe(ifs[1:]))
		for _, f := range frames {
			f.Interface = 0
			must(t, w.Write(&f))
		}
		must(t, w.WriteStatistics(&capture.Statistics{})) // has no place there
		must(t, w.Close())
		r, err := capture.NewReader(&b)
		must(t, err)
		if r.Format() != format || r.Interfaces()[0].Link != capture.LinkLinuxSLL2 {
			t.Errorf("%v of %v", r.Format(), r.Interfaces())
		}
		got, err := readAll(r)
		must(t, err)
		for i, f := range frames {
			want := packet{len(f.Data), f.Length, f.Time}
			if format == capture.FormatPcap {
				want.time = want.time.Truncate(time.Microsecond)
			}
			if got[i] != want {
				t.Errorf("frame %d: %v, want %v", i, got[i], want)
			}
		}
	}
	w, err := capture.NewWriter(io.Discard, &capture.WriterConfig{Format: capture.FormatPcap})
	must(t, err)
	if err := w.Describe(ifs); err == nil || !strings.Contains(err.Error(), "EN10MB and LINUX_SLL2") {
		t.Errorf("two link types: %v", err)
	}
}

func TestWriterErrors(t *testing.T) {
	ifs, frames := mixed(1)
	for name, c := range map[string]struct {
		format capture.Format
		change func(f *capture.Frame)
	}{
		"interface not described": {capture.FormatPcapng, func(f *capture.Frame) { f.Interface = 1 }},
		"interface below 0":       {capture.FormatPcapng, func(f *capture.Frame) { f.Interface = -1 }},
		"before 1970":             {capture.FormatPcapng, func(f *capture.Frame) { f.Time = time.Unix(-5, 0) }},
		"before 1970 in pcap":     {capture.FormatPcap, func(f *capture.Frame) { f.Time = time.Unix(-5, 0) }},
		"after 2106 in pcap":      {capture.FormatPcap, func(f *capture.Frame) { f.Time = time.Unix(1<<33, 0) }},
		"after 2554":              {capture.FormatPcapng, func(f *capture.Frame) { f.Time = time.Unix(1<<35, 0) }},
	} {
		w, err := capture.NewWriter(io.Discard, &capture.WriterConfig{Format: c.format})
		must(t, err)
		must(t, w.Describe(ifs[:1]))
		f := frames[0]
		c.change(&f)
		first := w.Write(&f)
		if first == nil {
			t.Errorf("%s: written", name)
		}
		if again := w.Write(&frames[0]); again != first {
			t.Errorf("%s: then %v", name, again)
		}
	}
	full := errors.New("no space left")
	w, err := capture.NewWriter(failing{full}, nil)
	must(t, err)
	must(t, w.Describe(ifs))
	must(t, w.Write(&frames[0]))
	if err := w.Close(); !errors.Is(err, full) {
		t.Errorf("a full disk: %v", err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

// tshark reads what the Writer writes without a warning, and sees all that is in it.
func TestWrittenFilesInTshark(t *testing.T) {
	t.Parallel()
	peer(t, "tshark")
	ifs, frames := mixed(60)
	for _, name := range []string{"a.pcapng", "b.pcap", "c.pcapng.gz"} {
		file := filepath.Join(t.TempDir(), name)
		w, err := capture.Create(file, nil)
		must(t, err)
		if name == "b.pcap" {
			must(t, w.Describe(ifs[:1]))
		} else {
			must(t, w.Describe(ifs))
		}
		for _, f := range frames {
			if name == "b.pcap" {
				f.Interface = 0
			}
			must(t, w.Write(&f))
		}
		must(t, w.WriteStatistics(&capture.Statistics{Time: frames[len(frames)-1].Time, Received: 100, Dropped: 4, Accepted: -1, SystemDrop: -1, Delivered: 96}))
		must(t, w.Close())
		var warnings strings.Builder
		cmd := exec.Command("tshark", "-n", "-r", file, "-T", "fields", "-e", "frame.time_epoch", "-e", "frame.cap_len", "-e", "frame.len",
			"-e", "frame.interface_id", "-e", "frame.comment", "-e", "frame.packet_flags")
		cmd.Stderr = &warnings
		out, err := cmd.Output()
		must(t, err)
		for line := range strings.Lines(warnings.String()) {
			if !strings.HasPrefix(line, "Running as user") {
				t.Errorf("%s: tshark says: %s", name, line)
			}
		}
		lines := strings.Split(strings.TrimRight(string(out), "\n"), "\n")
		if len(lines) != len(frames) {
			t.Fatalf("%s: tshark reads %d of %d frames", name, len(lines), len(frames))
		}
		for i, line := range lines {
			cell := strings.Split(line, "\t")
			f := frames[i]
			want := fmt.Sprintf("%d.%09d %d %d", f.Time.Unix(), f.Time.Nanosecond(), len(f.Data), f.Length)
			if got := strings.Join(cell[:3], " "); got != want {
				t.Errorf("%s: frame %d: %s, want %s", name, i, got, want)
			}
			if name == "b.pcap" {
				continue
			}
			if cell[3] != fmt.Sprint(f.Interface) || cell[4] != strings.Join(f.Comments, ",") {
				t.Errorf("%s: frame %d: interface %s, comment %q", name, i, cell[3], cell[4])
			}
		}
	}
}

func TestMerge(t *testing.T) {
	write := func(offsets ...int) *capture.Reader {
		var b bytes.Buffer
		w, err := capture.NewWriter(&b, nil)
		must(t, err)
		must(t, w.Describe([]capture.Interface{{Name: fmt.Sprint("if", offsets[0]), Link: capture.LinkEthernet}}))
		for _, o := range offsets {
			must(t, w.Write(&capture.Frame{Data: []byte{byte(o)}, Length: 1, Time: time.Unix(int64(1000+o), 0)}))
		}
		must(t, w.Close())
		r, err := capture.NewReader(&b)
		must(t, err)
		return r
	}
	m := capture.Merge(write(1, 4, 3, 8), write(2, 5, 6, 7), write(9))
	var got []byte
	var names []string
	for f, err := range m.Frames(context.Background()) {
		must(t, err)
		got = append(got, f.Data[0])
		names = append(names, m.Interfaces()[f.Interface].Name)
	}
	if want := []byte{1, 2, 4, 3, 5, 6, 7, 8, 9}; !bytes.Equal(got, want) {
		t.Errorf("order %v, want %v", got, want)
	}
	if want := []string{"if1", "if2", "if1", "if1", "if2", "if2", "if2", "if1", "if9"}; !slices.Equal(names, want) {
		t.Errorf("interfaces %v, want %v", names, want)
	}
}

func TestMergeGivesAllBeforeAnError(t *testing.T) {
	good := pcapFile(binary.LittleEndian, 0xa1b2c3d4, 2, 4, 0, 1, append(words(binary.LittleEndian, 5, 0, 1, 1), 1), append(words(binary.LittleEndian, 9, 0, 1, 1), 2))
	cut, err := capture.NewReader(bytes.NewReader(good[:len(good)-1]))
	must(t, err)
	whole, err := capture.NewReader(bytes.NewReader(good))
	must(t, err)
	m := capture.Merge(cut, whole)
	var f capture.Frame
	n := 0
	for err = m.Next(&f); err == nil; err = m.Next(&f) {
		n++
	}
	if n != 3 || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%d frames, then %v", n, err)
	}
}

// Cutting a packet keeps the block's options.
func TestWriteBlockCut(t *testing.T) {
	packet := append(words(binary.LittleEndian, 0, 0, 1, 10, 10), "0123456789\x00\x00"...)
	packet = slices.Concat(packet, option(1, []byte("kept")), option(0x8000|77, []byte("unknown")), option(0, nil))
	file := slices.Concat(sectionBlock, interfaceBlock(), block(6, packet), block(3, append(words(binary.LittleEndian, 6), "simple"...)))
	r, err := capture.NewReader(bytes.NewReader(file))
	must(t, err)
	var out bytes.Buffer
	w, err := capture.NewWriter(&out, nil)
	must(t, err)
	var b capture.Block
	for r.NextBlock(&b) == nil {
		if b.IsPacket() {
			b.Frame.Data = b.Frame.Data[:4]
		}
		must(t, w.WriteBlock(&b))
	}
	must(t, w.Close())
	cut := append(words(binary.LittleEndian, 0, 0, 1, 4, 10), "0123"...)
	cut = slices.Concat(cut, option(1, []byte("kept")), option(0x8000|77, []byte("unknown")), option(0, nil))
	want := slices.Concat(sectionBlock, interfaceBlock(), block(6, cut), block(6, append(words(binary.LittleEndian, 0, 0, 0, 4, 6), "simp"...)))
	if !bytes.Equal(out.Bytes(), want) {
		t.Errorf("got\n% x\nwant\n% x", out.Bytes(), want)
	}
}

func TestFilesDoNotAllocate(t *testing.T) {
	ifs, frames := mixed(11)
	frames = frames[1:] // without comments
	var out bytes.Buffer
	out.Grow(1 << 20)
	for _, format := range []capture.Format{capture.FormatPcapng, capture.FormatPcap} {
		out.Reset()
		w, err := capture.NewWriter(&out, &capture.WriterConfig{Format: format})
		must(t, err)
		must(t, w.Describe(ifs[:1]))
		f := frames[1]
		must(t, w.Write(&f))
		must(t, w.Flush())
		const n = 200
		if allocs := testing.AllocsPerRun(n, func() { must(t, w.Write(&f)) }); allocs != 0 {
			t.Errorf("%v: Write: %v allocations", format, allocs)
		}
		must(t, w.Close())
		r, err := capture.NewReader(bytes.NewReader(out.Bytes()))
		must(t, err)
		if allocs := testing.AllocsPerRun(n, func() { must(t, r.Next(&f)) }); allocs != 0 {
			t.Errorf("%v: Next: %v allocations", format, allocs)
		}
		file := filepath.Join(t.TempDir(), "f")
		must(t, os.WriteFile(file, out.Bytes(), 0o600))
		r = openFile(t, file)
		w, err = capture.NewWriter(io.Discard, &capture.WriterConfig{Format: format})
		must(t, err)
		var b capture.Block
		for range 3 {
			must(t, r.NextBlock(&b))
			must(t, w.WriteBlock(&b))
		}
		if allocs := testing.AllocsPerRun(n-10, func() {
			must(t, r.NextBlock(&b))
			must(t, w.WriteBlock(&b))
		}); allocs != 0 {
			t.Errorf("%v: copy: %v allocations", format, allocs)
		}
	}
}

func TestConfigFor(t *testing.T) {
	for name, want := range map[string]capture.WriterConfig{
		"a.pcapng":         {},
		"a":                {},
		"dir.pcap/a":       {},
		"a.pcap":           {Format: capture.FormatPcapNano},
		"A.PCAP.GZ":        {Format: capture.FormatPcapNano, Compression: capture.Gzip},
		"a.pcapng.zst":     {Compression: capture.Zstd},
		"a.2024.pcap.zst":  {Format: capture.FormatPcapNano, Compression: capture.Zstd},
		"/tmp/x.pcapng.gz": {Compression: capture.Gzip},
	} {
		if diff := cmp.Diff(want, capture.ConfigFor(name)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// A pipe is read as it is written: a frame that is whole is given before the next one comes.
func TestReaderDoesNotWaitForMore(t *testing.T) {
	pr, pw := io.Pipe()
	defer pr.Close()
	w, err := capture.NewWriter(pw, nil)
	must(t, err)
	ifs, frames := mixed(5)
	written := make(chan error)
	go func() {
		for i := range frames {
			w.Describe(ifs)
			w.Write(&frames[i])
			written <- w.Flush()
		}
	}()
	var r *capture.Reader
	for i := range frames {
		var f capture.Frame
		if r == nil {
			r, err = capture.NewReader(pr)
			must(t, err)
		}
		must(t, r.Next(&f))
		must(t, <-written)
		if !bytes.Equal(f.Data, frames[i].Data) {
			t.Errorf("frame %d: % x", i, f.Data)
		}
	}
}

func FuzzReader(f *testing.F) {
	packet := block(6, append(words(binary.LittleEndian, 0, 0, 1, 2, 2), "ab"...))
	f.Add(slices.Concat(sectionBlock, interfaceBlock(option(9, []byte{9})), packet, block(3, append(words(binary.LittleEndian, 6), "simple"...))))
	f.Add(pcapFile(binary.BigEndian, 0xa1b23c4d, 2, 4, 0, 1, append(words(binary.BigEndian, 5, 0, 1, 1), 1)))
	f.Add(pcapFile(binary.LittleEndian, 0xa1b2cd34, 2, 3, 0, 1, append(words(binary.LittleEndian, 5, 0, 1, 1, 0, 0), 1)))
	f.Add(snoopFile(4, snoopRecord(60, []byte("ab"), 28, 3, 5, 6)))
	f.Fuzz(func(t *testing.T, data []byte) {
		frames, readErr := framesOf(t, data)
		r, err := capture.NewReader(iotest.OneByteReader(bytes.NewReader(data)))
		if err != nil {
			return
		}
		defer r.Close()
		var out bytes.Buffer
		format := r.Format()
		if format == capture.FormatSnoop {
			format = capture.FormatPcap
		}
		w, err := capture.NewWriter(&out, &capture.WriterConfig{Format: format})
		must(t, err)
		copyErr := copyBlocks(w, r)
		if copyErr != nil && !errors.As(copyErr, new(*capture.FileError)) {
			return // a time or link type that the format written cannot hold
		}
		if (copyErr != nil) != (readErr != nil) {
			t.Fatalf("reading ends with %v, copying with %v", readErr, copyErr)
		}
		must(t, w.Close())
		if len(frames) == 0 {
			return
		}
		if odd, _ := r.OddTimes(); odd > 0 {
			return // nanoseconds in a file of microseconds, which another of them cannot hold
		}
		again, err := framesOf(t, out.Bytes())
		if err != nil || !slices.Equal(frames, again) {
			t.Fatalf("%d frames, and %d in the copy: %v", len(frames), len(again), err)
		}
	})
}
