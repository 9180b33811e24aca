package capture_test

import (
	"context"
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"sockwire/capture"
)

// writeFrame writes one frame and makes it readable.
func writeFrame(t testing.TB, w *capture.Writer, n int) {
	t.Helper()
	data := []byte{byte(n), 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13}
	must(t, w.Write(&capture.Frame{Data: data, Length: len(data), Time: time.Unix(1_700_000_000, int64(n)*1000), Link: capture.LinkEthernet}))
	must(t, w.Flush())
}

// A frame is given as soon as it is in the pipe, and TryNext says when there is none, whatever the file is packed with.
func TestPipeIsReadAsItIsWritten(t *testing.T) {
	for _, format := range []capture.Format{capture.FormatPcap, capture.FormatPcapng} {
		for _, packing := range []capture.Compression{capture.Uncompressed, capture.Gzip, capture.Zstd} {
			for _, merged := range []bool{false, true} {
				in, out, err := os.Pipe()
				must(t, err)
				defer in.Close()
				w, err := capture.NewWriter(out, &capture.WriterConfig{Format: format, Compression: packing})
				must(t, err)
				must(t, w.Describe([]capture.Interface{{Link: capture.LinkEthernet}}))
				writeFrame(t, w, 0)
				r, err := capture.NewReader(in)
				must(t, err)
				src := interface {
					Next(*capture.Frame) error
					TryNext(*capture.Frame) (bool, error)
				}(r)
				if merged {
					src = capture.Merge(r)
				}
				var f capture.Frame
				for n := range 5 {
					must(t, src.Next(&f)) // it would wait for ever if more than this frame had to come first
					if f.Data[0] != byte(n) {
						t.Fatalf("frame %d where %d was written", f.Data[0], n)
					}
					if ok, err := src.TryNext(&f); ok || err != nil {
						t.Fatalf("TryNext of an empty pipe: %v, %v", ok, err)
					}
					writeFrame(t, w, n+1)
				}
				must(t, w.Close())
				must(t, out.Close())
				must(t, src.Next(&f))
				if err := src.Next(&f); err != io.EOF {
					t.Fatal(err)
				}
				must(t, r.Close())
			}
		}
	}
}

// TryNext takes what a pipe holds, in more than one read.
func TestTryNextTakesWhatIsThere(t *testing.T) {
	in, out, err := os.Pipe()
	must(t, err)
	defer in.Close()
	defer out.Close()
	w, err := capture.NewWriter(out, nil)
	must(t, err)
	must(t, w.Describe([]capture.Interface{{Link: capture.LinkEthernet}}))
	r := make(chan *capture.Reader, 1)
	go func() {
		opened, err := capture.NewReader(in)
		must(t, err)
		r <- opened
	}()
	must(t, w.Flush())
	reader := <-r
	const frames = 500 // more than the first buffer holds
	for n := range frames {
		writeFrame(t, w, n)
	}
	var f capture.Frame
	must(t, reader.Next(&f))
	for n := 1; n < frames; n++ {
		if ok, err := reader.TryNext(&f); !ok || err != nil || f.Data[0] != byte(n) {
			if !ok && err == nil && !canPoll {
				t.Skip("nothing can tell here whether a pipe has more")
			}
			t.Fatalf("frame %d: %v, %v", n, ok, err)
		}
	}
	if ok, err := reader.TryNext(&f); ok || err != nil {
		t.Fatal(ok, err)
	}
}

// An ended context ends whatever waits: the opening of a FIFO, the header, a frame, with packed files too.
func TestContextEndsWaiting(t *testing.T) {
	why := errors.New("the test wants it so")
	var config capture.ReaderConfig
	pipe, keep, err := os.Pipe()
	must(t, err)
	defer keep.Close()
	defer pipe.Close()
	ctx, cancel := context.WithCancelCause(t.Context())
	go cancel(why)
	if _, err := config.New(ctx, pipe); !errors.Is(err, why) {
		t.Error(err)
	}
	for _, packing := range []capture.Compression{capture.Uncompressed, capture.Gzip, capture.Zstd} {
		in, out, err := os.Pipe()
		must(t, err)
		defer out.Close()
		w, err := capture.NewWriter(out, &capture.WriterConfig{Compression: packing})
		must(t, err)
		must(t, w.Describe([]capture.Interface{{Link: capture.LinkEthernet}}))
		writeFrame(t, w, 0)
		r, err := config.New(t.Context(), in)
		must(t, err)
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		for _, err := range r.Frames(ctx) {
			must(t, err)
			go cancel(why)
		}
		var f capture.Frame
		for err = r.Next(&f); err == nil; err = r.Next(&f) {
		}
		if !errors.Is(err, why) {
			t.Error(err)
		}
		must(t, r.Close()) // and does not wait for the goroutines of the decompressor
	}
}
