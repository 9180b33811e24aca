package capture_test

import (
	"errors"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"sockwire/capture"
	"sockwire/raw/netlab"
)

// A full disk stops writing with an error and leaves a file that reads to its end.
func TestFullDisk(t *testing.T) {
	netlab.Need(t) // for a mount namespace of our own
	dir := t.TempDir()
	must(t, unix.Mount("none", dir, "tmpfs", 0, "size=64k"))
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	file := filepath.Join(dir, "full.pcapng")
	w, err := capture.Create(file, nil)
	must(t, err)
	ifs, frames := mixed(100)
	must(t, w.Describe(ifs))
	written := 0
	for err == nil {
		if err = w.Write(&frames[written%100]); err == nil {
			written++
			if written%50 == 0 {
				err = w.Flush()
			}
		}
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	if err := w.Close(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Close: %v", err)
	}
	got, err := readAll(openFile(t, file))
	if err != nil || len(got) == 0 || written-len(got) > 50 {
		t.Errorf("%d of %d frames, then %v", len(got), written, err)
	}
}
