package tabletest

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"sockwire/capture"
)

// Corpus returns the captures of other projects that stand beside the checkout, every sixteenth of them unless
// TABLE_FULL is set. Without any, the test is skipped.
func Corpus(t testing.TB) []string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for ; dir != filepath.Dir(dir) && len(files) == 0; dir = filepath.Dir(dir) {
		for _, pattern := range []string{"tcpdump/*.pcap*", "libpcap/*.pcap*", "pcapng/*/*/*.pcapng"} {
			found, _ := filepath.Glob(filepath.Join(dir, "shared", "corpus", pattern))
			files = append(files, found...)
		}
	}
	if len(files) == 0 {
		t.Skip("no shared/corpus beside the checkout: nothing to compare with")
	}
	if os.Getenv("TABLE_FULL") != "" {
		return files
	}
	var some []string
	for i := 0; i < len(files); i += 16 {
		some = append(some, files[i])
	}
	return some
}

// Frames reads a file as far as it is whole.
func Frames(t testing.TB, name string) []capture.Frame {
	t.Helper()
	r, err := capture.OpenFile(name)
	if err != nil {
		t.Logf("not seen: %s: %v", filepath.Base(name), err)
		return nil
	}
	defer r.Close()
	var frames []capture.Frame
	for f, err := range r.Frames(context.Background()) {
		if err != nil {
			break // many are broken on purpose
		}
		f.Data, f.Comments = bytes.Clone(f.Data), slices.Clone(f.Comments)
		frames = append(frames, f)
	}
	return frames
}
