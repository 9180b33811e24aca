package decode

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
	"unicode/utf8"

	"sockwire/capture"
)

// corpusFiles returns the captures of other projects that stand beside the checkout.
func corpusFiles(t testing.TB) []string {
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			return nil // the test runs away from its checkout
		}
		dir = filepath.Dir(dir)
	}
	var files []string
	for _, pattern := range []string{"tcpdump/*.pcap", "libpcap/*.pcap", "tcpdump/*.pcapng", "libpcap/*.pcapng", "pcapng/*/*/*.pcapng"} {
		found, _ := filepath.Glob(filepath.Join(dir, "..", "shared", "corpus", pattern))
		files = append(files, found...)
	}
	return files
}

// readFrames reads a capture file as far as it is whole and copies its frames. It says what it did not see: many files
// are broken on purpose.
func readFrames(t testing.TB, file string) []capture.Frame {
	t.Helper()
	r, err := capture.OpenFile(file)
	if err != nil {
		t.Logf("not seen: %s: %v", filepath.Base(file), err)
		return nil
	}
	defer r.Close()
	var frames []capture.Frame
	for f, err := range r.Frames(context.Background()) {
		if err != nil {
			t.Logf("not seen: %s behind packet %d: %v", filepath.Base(file), len(frames), err)
			break
		}
		f.Data, f.Comments = bytes.Clone(f.Data), nil
		frames = append(frames, f)
	}
	return frames
}

func TestCorpusLines(t *testing.T) {
	files := corpusFiles(t)
	if len(files) == 0 {
		t.Skip("no captures at ../shared/corpus beside the checkout")
	}
	var (
		d       Decoder
		p       Packet
		h       History
		r       = Printer{Location: time.UTC}
		line    []byte
		packets int
	)
	for _, f := range files {
		for _, frame := range readFrames(t, f) {
			err := d.Decode(frame, &p)
			checkPacket(t, &p, err)
			h.Add(&p)
			line = r.AppendLine(line[:0], &p)
			if !isPlain(line) {
				t.Fatalf("%s: line with bytes that a terminal acts on: %q", filepath.Base(f), line)
			}
			packets++
		}
	}
	t.Logf("%d packets of %d files", packets, len(files))
}

// checkPacket holds the invariants of every decoded packet.
func checkPacket(t testing.TB, p *Packet, err error) {
	t.Helper()
	if (err != nil) != (p.Err() != nil) {
		t.Fatalf("Decode returned %v, Err has %v", err, p.Err())
	}
	wire := max(p.Frame.Length, len(p.Frame.Data))
	for i, l := range p.Layers() {
		if l.Offset < 0 || l.Header < 0 || l.Offset+l.Header > len(p.Frame.Data) {
			t.Fatalf("layer %d %v: header outside the frame of %d bytes: %+v", i, l.Type, len(p.Frame.Data), l)
		}
		if l.Length < l.Header || l.Offset+l.Length > wire {
			t.Fatalf("layer %d %v: outside the %d bytes on the wire: %+v", i, l.Type, wire, l)
		}
		if i > 0 && l.Offset < p.Layers()[i-1].Offset {
			t.Fatalf("layer %d %v starts before the one around it: %+v", i, l.Type, l)
		}
	}
}

// isPlain reports whether a line is printable text.
func isPlain(line []byte) bool {
	for len(line) > 0 {
		r, n := utf8.DecodeRune(line)
		if r == utf8.RuneError && n == 1 || !strconv.IsPrint(r) {
			return false
		}
		line = line[n:]
	}
	return true
}
