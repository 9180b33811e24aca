package capture_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"sockwire/capture"
)

// TestLend reads files into buffers that are lent: the frames are those that Next gives without, wherever a buffer
// ends, and stay as they are until their buffer is used again; also one that is longer than a buffer.
func TestLend(t *testing.T) {
	for _, format := range []capture.Format{capture.FormatPcap, capture.FormatPcapng} {
		for _, packing := range []capture.Compression{capture.Uncompressed, capture.Gzip} {
			name := filepath.Join(t.TempDir(), "many")
			w, err := capture.Create(name, &capture.WriterConfig{Format: format, Compression: packing})
			must(t, err)
			must(t, w.Describe([]capture.Interface{{Link: capture.LinkEthernet}}))
			rng := rand.New(rand.NewPCG(7, 7))
			var want [][]byte
			for i := range 400 {
				data := make([]byte, rng.IntN(3000))
				if i == 200 {
					data = make([]byte, 50_000)
				}
				for k := range data {
					data[k] = byte(rng.Uint32())
				}
				want = append(want, data)
				must(t, w.Write(&capture.Frame{Data: data, Length: len(data)}))
			}
			must(t, w.Close())
			r, err := capture.OpenFile(name)
			must(t, err)
			defer r.Close()
			if plain := packing == capture.Uncompressed; plain != (r.Size() > 0) {
				t.Errorf("packed %v: %d bytes", packing, r.Size())
			}
			var got [][]byte
			for lent := 1; ; lent++ {
				r.Lend(make([]byte, 16<<10))
				var f capture.Frame
				ok, err := true, error(nil)
				for ok {
					if ok, err = r.TryNext(&f); ok {
						got = append(got, f.Data)
					}
				}
				if err == io.EOF {
					break
				}
				must(t, err)
				if !r.Full() {
					t.Fatal("a file waits")
				}
				if lent > 200 {
					t.Fatal("no end")
				}
			}
			if len(got) != len(want) {
				t.Fatalf("%d frames, want %d", len(got), len(want))
			}
			for i := range want {
				if !bytes.Equal(got[i], want[i]) {
					t.Fatalf("%v, packed %v: frame %d differs", format, packing, i)
				}
			}
			r, err = capture.OpenFile(name)
			must(t, err)
			defer r.Close()
			r.Lend(make([]byte, 16<<10)) // and never again
			for i := range want {
				var f capture.Frame
				must(t, r.Next(&f))
				got[i] = f.Data
			}
			for i := range want {
				if !bytes.Equal(got[i], want[i]) {
					t.Fatalf("%v, packed %v: frame %d differs, without another buffer", format, packing, i)
				}
			}
		}
	}
}
