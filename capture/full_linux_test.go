package capture_test

import (
	"errors"
	"os"
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
	for _, name := range []string{"full.pcapng", "full.pcap"} {
		file := filepath.Join(dir, name)
		w, err := capture.Create(file, nil)
		must(t, err)
		ifs, frames := mixed(100)
		must(t, w.Describe(ifs[:1]))
		written := 0
		for err == nil {
			frames[written%100].Interface = 0
			if err = w.Write(&frames[written%100]); err == nil {
				written++
			}
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
		if err := w.Close(); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("Close: %v", err)
		}
		r, err := capture.OpenFile(file)
		must(t, err)
		got, err := readAll(r)
		must(t, r.Close()) // its mapping keeps the disk full
		if err != nil || len(got) < 300 || len(got) > written {
			t.Errorf("%s: %d of %d frames, then %v", name, len(got), written, err)
		}
		must(t, os.Remove(file))
	}
}
