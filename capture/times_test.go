package capture_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sockwire/capture"
)

// A fraction that is more than a second is told of, and never moves a time into another second.
func TestFractionBeyondSecond(t *testing.T) {
	for _, c := range []struct {
		magic, fraction uint32
		nsec            int
		odd             bool
	}{
		{0xa1b2c3d4, 999_999, 999_999_000, false}, {0xa1b2c3d4, 1_000_000, 1_000_000, true}, {0xa1b2c3d4, 999_999_999, 999_999_999, true},
		{0xa1b2c3d4, 1_000_000_000, 999_999_999, true}, {0xa1b2c3d4, math.MaxUint32, 999_999_999, true},
		{0xa1b23c4d, 999_999_999, 999_999_999, false}, {0xa1b23c4d, 1_000_000_000, 999_999_999, true}, {0xa1b23c4d, math.MaxUint32, 999_999_999, true},
	} {
		record := words(binary.LittleEndian, 1_700_000_000, c.fraction, 0, 60)
		good := words(binary.LittleEndian, 1_700_000_000, 1, 0, 60)
		r, err := capture.NewReader(bytes.NewReader(pcapFile(binary.LittleEndian, c.magic, 2, 4, 65535, 1, good, record, record)))
		must(t, err)
		packets, err := readAll(r)
		must(t, err)
		if got := packets[1].time; got != time.Unix(1_700_000_000, int64(c.nsec)) {
			t.Errorf("%#x: fraction %d is read as %v", c.magic, c.fraction, got.UTC())
		}
		if n, at := r.OddTimes(); n > 0 != c.odd || c.odd && (n != 2 || at != 40) {
			t.Errorf("%#x: fraction %d: %d odd times, the first at %d", c.magic, c.fraction, n, at)
		}
	}
}

// Every resolution gives a time for every stamp, in the order of the stamps.
func TestEveryResolution(t *testing.T) {
	for resolution := range 256 {
		for _, offset := range []int64{0, -1, 1 << 40, math.MaxInt64, math.MinInt64} {
			file := slices.Concat(memSection, block(1, slices.Concat(words(little, 1, 0), option(9, []byte{byte(resolution)}), option(14, little.AppendUint64(nil, uint64(offset))))))
			stamps := []uint64{0, 1, 999, 1 << 31, 1 << 52, math.MaxInt64, math.MaxUint64}
			for _, ts := range stamps {
				file = append(file, block(6, words(little, 0, uint32(ts>>32), uint32(ts), 0, 0))...)
			}
			r, err := capture.NewReader(bytes.NewReader(file))
			must(t, err)
			packets, err := readAll(r)
			must(t, err)
			for i, p := range packets {
				if i > 0 && p.time.Before(packets[i-1].time) {
					t.Errorf("resolution %#x, offset %d: stamp %d is read as %v, %d as %v", resolution, offset, stamps[i-1], packets[i-1].time, stamps[i], p.time)
				}
			}
			far := false
			for _, p := range packets {
				far = far || p.time.Year() > 9999 || p.time.Year() < -9999
			}
			if n, _ := r.OddTimes(); far && n == 0 {
				t.Errorf("resolution %#x, offset %d: nothing is said of times beyond the year 9999", resolution, offset)
			}
		}
	}
}

// Frames from before 1970 are merged with if_tsoffset; pcap says that it cannot hold them, and keeps those before.
func TestBefore1970(t *testing.T) {
	early := slices.Concat(memSection, block(1, slices.Concat(words(little, 1, 0), option(14, little.AppendUint64(nil, uint64(1<<64-86400))))),
		block(6, words(little, 0, 0, 1_500_000, 0, 60)))
	late := pcapFile(little, 0xa1b2c3d4, 2, 4, 65535, 1, words(little, 1_700_000_000, 5, 0, 60))
	readers := func() (list []*capture.Reader) {
		for _, b := range [][]byte{late, early} {
			r, err := capture.NewReader(bytes.NewReader(b))
			must(t, err)
			list = append(list, r)
		}
		return list
	}
	var out bytes.Buffer
	w, err := capture.NewWriter(&out, nil)
	must(t, err)
	m := capture.Merge(readers()...)
	for f, err := range m.Frames(t.Context()) {
		must(t, err)
		must(t, w.Describe(m.Interfaces()))
		must(t, w.Write(&f))
	}
	must(t, w.Close())
	r, err := capture.NewReader(&out)
	must(t, err)
	packets, err := readAll(r)
	must(t, err)
	want := []time.Time{time.Unix(-86400+1, 500_000_000), time.Unix(1_700_000_000, 5000)}
	if len(packets) != 2 || !packets[0].time.Equal(want[0]) || !packets[1].time.Equal(want[1]) {
		t.Errorf("%v, want %v", packets, want)
	}

	name := filepath.Join(t.TempDir(), "out.pcap")
	w, err = capture.Create(name, nil)
	must(t, err)
	must(t, w.Describe([]capture.Interface{{Link: capture.LinkEthernet}}))
	must(t, w.Write(&capture.Frame{Time: time.Unix(1, 0)}))
	if err := w.Write(&capture.Frame{Time: time.Unix(-1, 0)}); err == nil || !strings.Contains(err.Error(), "write pcapng") {
		t.Errorf("pcap takes a time before 1970: %v", err)
	}
	if err := w.Close(); err == nil {
		t.Error("Close does not tell the error")
	}
	info, err := os.Stat(name)
	must(t, err)
	if info.Size() != 24+16 {
		t.Errorf("the frame before it is lost: %d bytes", info.Size())
	}
}

// With Every the name's conversions of strftime get the time, and nothing is written over.
func TestRotatorNames(t *testing.T) {
	dir := t.TempDir()
	names := func(name string, rotation capture.Rotation) (list []string) {
		for range 2 {
			r, err := capture.NewRotator(filepath.Join(dir, name), nil, rotation)
			must(t, err)
			list = append(list, filepath.Base(r.Name()))
			must(t, r.Close())
		}
		return list
	}
	got := names("y%Y-100%%.pcap.gz", capture.Rotation{Every: time.Hour})
	year := time.Now().Year()
	want := []string{fmt.Sprintf("y%d-100%%.pcap.gz", year), fmt.Sprintf("y%d-100%%-00001.pcap.gz", year)}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := names("y%Y.pcap", capture.Rotation{Size: 1 << 20}); !strings.HasPrefix(got[0], "y%Y-") {
		t.Errorf("%q without Every", got)
	}
}
