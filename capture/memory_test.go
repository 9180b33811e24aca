package capture_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"sockwire/capture"
)

var little = binary.LittleEndian

var (
	memSection   = block(uint32(capture.BlockSection), words(little, 0x1a2b3c4d, 1, 0xffffffff, 0xffffffff))
	memInterface = block(uint32(capture.BlockInterface), words(little, 1, 0))
	memPacket    = block(uint32(capture.BlockEnhancedPacket), words(little, 0, 0, 0, 4, 4, 0))
)

// A file cannot make its Reader keep more than it is allowed: it is refused at a place, and what was allocated stays
// within a few times the limit.
func TestMemoryIsBounded(t *testing.T) {
	const limit = 1 << 20
	comments := bytes.Repeat(option(capture.OptionComment, nil), limit/4)
	name := option(1, append([]byte{192, 0, 2, 1}, bytes.Repeat([]byte("a\x00"), 30000)...))
	for what, many := range map[string][]byte{
		"names":                 block(uint32(capture.BlockNameResolution), name),
		"interfaces":            block(uint32(capture.BlockInterface), append(words(little, 1, 0), option(capture.OptionName, bytes.Repeat([]byte("x"), 60000))...)),
		"comments of interface": block(uint32(capture.BlockInterface), append(words(little, 1, 0), comments...)),
		"comments of packet":    block(uint32(capture.BlockEnhancedPacket), append(words(little, 0, 0, 0, 4, 4, 0), comments...)),
		"comments of section":   block(uint32(capture.BlockSection), append(words(little, 0x1a2b3c4d, 1, 0xffffffff, 0xffffffff), comments...)),
	} {
		t.Run(what, func(t *testing.T) {
			var packed bytes.Buffer
			z, err := zstd.NewWriter(&packed, zstd.WithWindowSize(256<<10))
			must(t, err)
			for _, b := range [][]byte{memSection, memInterface, bytes.Repeat(many, 500), memPacket} {
				_, err := z.Write(b)
				must(t, err)
			}
			must(t, z.Close())
			size := packed.Len()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			r, err := (&capture.ReaderConfig{Memory: limit}).New(t.Context(), &packed)
			must(t, err)
			defer r.Close()
			var f capture.Frame
			for err = r.Next(&f); err == nil; err = r.Next(&f) {
			}
			runtime.ReadMemStats(&after)
			var where *capture.FileError
			if !errors.Is(err, capture.ErrMemory) || !errors.As(err, &where) || where.Offset == 0 {
				t.Fatalf("%d bytes of file: %v", size, err)
			}
			// Buffers of 16 MiB for a block, twice while they grow, and those of zstd.
			if got := after.TotalAlloc - before.TotalAlloc; got > 64<<20 {
				t.Errorf("%d bytes of file: %d bytes were allocated", size, got)
			}
			raised, err := (&capture.ReaderConfig{Memory: 1 << 40}).New(t.Context(), bytes.NewReader(append(append(bytes.Clone(memSection), memInterface...), many...)))
			must(t, err)
			defer raised.Close()
			if err := raised.Next(&f); err != nil && err != io.EOF {
				t.Errorf("with the limit raised: %v", err)
			}
		})
	}
}

// A zstd file whose window is longer than the memory allows is refused.
func TestWindowIsBounded(t *testing.T) {
	var packed bytes.Buffer
	z, err := zstd.NewWriter(&packed, zstd.WithWindowSize(8<<20), zstd.WithSingleSegment(false))
	must(t, err)
	_, err = z.Write(append(bytes.Clone(memSection), bytes.Repeat(memInterface, 1<<19)...))
	must(t, err)
	must(t, z.Close())
	_, err = (&capture.ReaderConfig{Memory: 4 << 20}).New(t.Context(), bytes.NewReader(packed.Bytes()))
	if !errors.Is(err, capture.ErrMemory) {
		t.Errorf("a window of 8 MiB where 2 are allowed: %v", err)
	}
	r, err := (&capture.ReaderConfig{Memory: 16 << 20}).New(t.Context(), bytes.NewReader(packed.Bytes()))
	must(t, err)
	r.Close()
}

// Keep refuses to hold more packets of a packed file than is allowed; those of a plain file can be held.
func TestKeepIsBounded(t *testing.T) {
	file := append(append(bytes.Clone(memSection), memInterface...), bytes.Repeat(memPacket, 10000)...)
	dir := t.TempDir()
	plain, packed := filepath.Join(dir, "plain"), filepath.Join(dir, "packed")
	must(t, os.WriteFile(plain, file, 0o600))
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	_, err := w.Write(file)
	must(t, err)
	must(t, w.Close())
	must(t, os.WriteFile(packed, z.Bytes(), 0o600))
	keep := func(name string) (n int, err error) {
		r, err := (&capture.ReaderConfig{Held: 100 << 10}).Open(t.Context(), name)
		must(t, err)
		defer r.Close()
		var list []capture.Frame
		var f capture.Frame
		for r.Next(&f) == nil {
			kept, err := r.Keep(&f)
			if err != nil {
				return len(list), err
			}
			list = append(list, kept)
		}
		return len(list), nil
	}
	if n, err := keep(plain); err != nil || n != 10000 {
		t.Errorf("plain: %d, %v", n, err)
	}
	if n, err := keep(packed); !errors.Is(err, capture.ErrMemory) || n == 0 {
		t.Errorf("packed: %d, %v", n, err)
	}
}

// A file that another program shortens while it is read ends with an error that says so, packed or not, mapped or not.
func TestShortened(t *testing.T) {
	for _, packing := range []capture.Compression{capture.Uncompressed, capture.Gzip, capture.Zstd} {
		for _, mapped := range []bool{false, true} {
			name := filepath.Join(t.TempDir(), "many")
			w, err := capture.Create(name, &capture.WriterConfig{Compression: packing})
			must(t, err)
			must(t, w.Describe([]capture.Interface{{Link: capture.LinkEthernet}}))
			random := make([]byte, 1000)
			for n := range 2000 {
				for i := range random {
					random[i] = byte(i*i*n>>3 ^ i*n)
				}
				must(t, w.Write(&capture.Frame{Data: random, Length: len(random)}))
			}
			must(t, w.Close())
			r, err := (&capture.ReaderConfig{Mapped: mapped}).Open(t.Context(), name)
			must(t, err)
			defer r.Close()
			info, err := os.Stat(name)
			must(t, err)
			must(t, os.Truncate(name, info.Size()/2|1))
			err = capture.Guard(func() error {
				var f capture.Frame
				for {
					if err := r.Next(&f); err != nil {
						return err
					}
					if f.Length == 0 {
						return errors.New("a frame where the file has ended")
					}
				}
			})
			if !errors.Is(err, capture.ErrShortened) {
				t.Errorf("%v, mapped %v: %v", packing, mapped, err)
			}
		}
	}
}

// Guard passes on what is not a fault of memory.
func TestGuard(t *testing.T) {
	if err := capture.Guard(func() error { return io.ErrNoProgress }); err != io.ErrNoProgress {
		t.Error(err)
	}
	defer func() {
		if r := recover(); r == nil {
			t.Error("a panic was lost")
		}
	}()
	_ = capture.Guard(func() error {
		var nothing *strings.Builder
		return errors.New(nothing.String())
	})
}

// Comments of frames of a mapped file stay valid as their data does.
func TestStableComments(t *testing.T) {
	name := filepath.Join(t.TempDir(), "comments")
	w, err := capture.Create(name, nil)
	must(t, err)
	must(t, w.Describe([]capture.Interface{{Link: capture.LinkEthernet}}))
	for _, c := range []string{"first", "second"} {
		must(t, w.Write(&capture.Frame{Data: []byte{1}, Length: 1, Comments: []string{c}}))
	}
	must(t, w.Close())
	r, err := (&capture.ReaderConfig{Mapped: true}).Open(context.Background(), name)
	must(t, err)
	defer r.Close()
	var a, b capture.Frame
	must(t, r.Next(&a))
	clone := a.Clone()
	must(t, r.Next(&b))
	if r.Stable() && a.Comments[0] != "first" || clone.Comments[0] != "first" || b.Comments[0] != "second" {
		t.Error(a.Comments, clone.Comments, b.Comments)
	}
}
