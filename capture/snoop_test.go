package capture_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sockwire/capture"
)

// snoopFile makes a snoop file of a data link number.
func snoopFile(link uint32, records ...[]byte) []byte {
	return append(append([]byte("snoop\x00\x00\x00"), words(binary.BigEndian, 2, link)...), slices.Concat(records...)...)
}

// snoopRecord makes a record, with as many zeros behind the data as its length asks for.
func snoopRecord(length uint32, data []byte, record, drops, sec, micro uint32) []byte {
	b := append(words(binary.BigEndian, length, uint32(len(data)), record, drops, sec, micro), data...)
	return append(b, make([]byte, max(0, int(record)-len(b)))...)
}

func TestSnoop(t *testing.T) {
	file := snoopFile(4, snoopRecord(60, []byte("abc"), 28, 0, 1700000000, 123456), snoopRecord(2, []byte("de"), 26, 7, 1700000001, 999999),
		snoopRecord(0, nil, 24, 7, 1700000002, 0), snoopRecord(1, []byte("f"), 28, 2, 1700000003, 0))
	r, err := capture.NewReader(bytes.NewReader(file))
	must(t, err)
	defer r.Close()
	if r.Format() != capture.FormatSnoop || r.Interfaces()[0].Link != capture.LinkEthernet {
		t.Errorf("%v of %v", r.Format(), r.Interfaces())
	}
	want := []struct {
		data   string
		length int
		at     time.Time
		drops  uint64
	}{
		{"abc", 60, time.Unix(1700000000, 123456000), 0}, {"de", 2, time.Unix(1700000001, 999999000), 7},
		{"", 0, time.Unix(1700000002, 0), 0}, {"f", 1, time.Unix(1700000003, 0), 0},
	}
	var f capture.Frame
	for i, w := range want {
		must(t, r.Next(&f))
		if string(f.Data) != w.data || cap(f.Data) != len(f.Data) || f.Length != w.length || !f.Time.Equal(w.at) || f.Drops != w.drops {
			t.Errorf("frame %d is %q of %d at %v after %d drops, want %+v", i, f.Data, f.Length, f.Time, f.Drops, w)
		}
	}
	if err := r.Next(&f); err != io.EOF {
		t.Errorf("the end is %v", err)
	}
}

// TestSnoopHostile: what a file says of sizes is not believed, and an error says where it is wrong.
func TestSnoopHostile(t *testing.T) {
	good := snoopRecord(3, []byte("abc"), 28, 0, 5, 6)
	for name, c := range map[string]struct {
		file   []byte
		frames int
		offset int64
		text   string
	}{
		"not quite snoop":       {[]byte("snoopy\x00\x00" + strings.Repeat("\x00", 8)), 0, 0, "begins no capture file"},
		"another version":       {append([]byte("snoop\x00\x00\x00"), words(binary.BigEndian, 5, 4)...), 0, 8, "version 5"},
		"a link without number": {snoopFile(6), 0, 12, "data link 6"},
		"a huge record":         {snoopFile(4, good, words(binary.BigEndian, 3, 3, 1<<31, 0, 5, 6)), 1, 16 + 28 + 8, "the longest that is believed"},
		"a record of nothing":   {snoopFile(4, words(binary.BigEndian, 3, 3, 0, 0, 5, 6)), 0, 24, "no room"},
		"more than its record":  {snoopFile(4, words(binary.BigEndian, 3, 1<<32-1, 28, 0, 5, 6), []byte("abcd")), 0, 24, "no room"},
		"cut in the data":       {snoopFile(4, good, good[:26]), 1, 16 + 28 + 26, "ends within a record"},
		"cut in the header":     {snoopFile(4, good, good[:9]), 1, 16 + 28 + 9, "ends within a record"},
	} {
		frames, err := framesOf(t, c.file)
		var at *capture.FileError
		if !errors.As(err, &at) || at.Offset != c.offset || !strings.Contains(err.Error(), c.text) || len(frames) != c.frames {
			t.Errorf("%s: %d frames and %v, want %d and %q at byte %d", name, len(frames), err, c.frames, c.text, c.offset)
		}
	}
}

// TestSnoopOfEditcap reads what Wireshark's editcap makes of a capture: the same packets, to the microsecond.
func TestSnoopOfEditcap(t *testing.T) {
	if _, err := exec.LookPath("editcap"); err != nil {
		if os.Getenv("REQUIRE_PEERS") != "" {
			t.Fatal("editcap is required: ", err)
		}
		t.Skip("editcap is not installed")
	}
	dir := t.TempDir()
	ifs, frames := mixed(300)
	for i := range frames {
		frames[i].Interface, frames[i].Link, frames[i].Time = 0, capture.LinkEthernet, frames[i].Time.Truncate(time.Microsecond)
	}
	name := filepath.Join(dir, "in.pcap")
	w, err := capture.Create(name, &capture.WriterConfig{Format: capture.FormatPcap})
	must(t, err)
	ifs = ifs[:1]
	ifs[0].Link = capture.LinkEthernet
	must(t, w.Describe(ifs))
	for i := range frames {
		must(t, w.Write(&frames[i]))
	}
	must(t, w.Close())
	for _, pack := range []string{"", "gzip"} {
		out := filepath.Join(dir, "out.snoop"+pack)
		args := []string{"-F", "snoop", name, out}
		if b, err := exec.Command("editcap", args...).CombinedOutput(); err != nil {
			t.Fatalf("editcap: %v: %s", err, b)
		}
		if pack != "" {
			if b, err := exec.Command("gzip", out).CombinedOutput(); err != nil {
				t.Fatalf("gzip: %v: %s", err, b)
			}
			out += ".gz"
		}
		for _, mapped := range []bool{false, true} {
			config := capture.ReaderConfig{Mapped: mapped}
			r, err := config.Open(t.Context(), out)
			must(t, err)
			n := 0
			for f, err := range r.Frames(t.Context()) {
				must(t, err)
				if g := &frames[n]; !bytes.Equal(f.Data, g.Data) || f.Length != g.Length || !f.Time.Equal(g.Time) {
					t.Fatalf("packet %d is %d of %d at %v, was %d of %d at %v", n+1, len(f.Data), f.Length, f.Time, len(g.Data), g.Length, g.Time)
				}
				n++
			}
			if n != len(frames) {
				t.Errorf("%d packets, were %d", n, len(frames))
			}
			must(t, r.Close())
		}
	}
}

// TestSnoopConverted copies a file of snoop into the formats that are written.
func TestSnoopConverted(t *testing.T) {
	file := snoopFile(4, snoopRecord(60, []byte("abc"), 28, 0, 5, 123456), snoopRecord(2, []byte("de"), 28, 1, 6, 1))
	want, err := framesOf(t, file)
	must(t, err)
	for _, format := range []capture.Format{capture.FormatPcap, capture.FormatPcapNano, capture.FormatPcapng} {
		r, err := capture.NewReader(bytes.NewReader(file))
		must(t, err)
		var out bytes.Buffer
		w, err := capture.NewWriter(&out, &capture.WriterConfig{Format: format})
		must(t, err)
		must(t, copyBlocks(w, r))
		must(t, w.Close())
		if got, err := framesOf(t, out.Bytes()); err != nil || !slices.Equal(got, want) {
			t.Errorf("%v: %v, %v; want %v", format, got, err, want)
		}
	}
	if _, err := capture.NewWriter(io.Discard, &capture.WriterConfig{Format: capture.FormatSnoop}); err == nil {
		t.Error("a snoop file can be written")
	}
}
