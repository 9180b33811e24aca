package decode

import (
	"encoding/binary"
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
			t.Fatal("no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
	var files []string
	for _, sub := range []string{"tcpdump", "libpcap"} {
		found, _ := filepath.Glob(filepath.Join(dir, "..", "shared", "corpus", sub, "*.pcap"))
		files = append(files, found...)
	}
	return files
}

// readPcap reads a classic pcap file as far as it is whole.
func readPcap(file string) []capture.Frame {
	b, err := os.ReadFile(file)
	if err != nil || len(b) < 24 {
		return nil
	}
	var order binary.ByteOrder = binary.LittleEndian
	ns, head := 1000, 16
	switch binary.LittleEndian.Uint32(b) {
	case 0xa1b2c3d4:
	case 0xa1b23c4d:
		ns = 1
	case 0xd4c3b2a1:
		order = binary.BigEndian
	case 0x4d3cb2a1:
		order, ns = binary.BigEndian, 1
	default:
		return nil
	}
	link := capture.LinkType(order.Uint32(b[20:]))
	var frames []capture.Frame
	for b = b[24:]; len(b) >= head; {
		n, wire := int(order.Uint32(b[8:])), int(order.Uint32(b[12:]))
		if n < 0 || n > len(b)-head {
			break
		}
		frames = append(frames, capture.Frame{
			Data: b[head : head+n], Length: max(wire, n), Link: link,
			Time: time.Unix(int64(order.Uint32(b)), int64(int(order.Uint32(b[4:]))*ns)),
		})
		b = b[head+n:]
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
		for _, frame := range readPcap(f) {
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
