package table_test

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sockwire/capture/table"
	"sockwire/capture/table/tabletest"
	"sockwire/raw/netlab"
)

// A full disk ends writing with an error that says so. What was complete reads, and of the rest there is nothing.
func TestFullDisk(t *testing.T) {
	netlab.Need(t) // for a mount namespace of our own
	dir := t.TempDir()
	must(t, unix.Mount("none", dir, "tmpfs", 0, "size=1m"))
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	whole := filepath.Join(dir, "whole.parquet")
	w, err := table.CreatePackets(whole, nil)
	must(t, err)
	must(t, w.Write(aFrame()))
	must(t, w.Close())

	w, err = table.CreatePackets(filepath.Join(dir, "full.parquet"), nil)
	must(t, err)
	f := aFrame()
	for n := uint64(0); err == nil && n < 2_000_000; n++ {
		binary.LittleEndian.PutUint64(f.Data[26:], n*0x9e3779b97f4a7c15) // addresses that do not come again
		f.Time = time.Unix(1_700_000_000, int64(n*n))
		err = w.Write(f)
	}
	var incomplete *table.Incomplete
	if !errors.Is(err, syscall.ENOSPC) || !errors.As(err, &incomplete) {
		t.Errorf("Write: %v", err)
	}
	if err := w.Close(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Close: %v", err)
	}
	if got := strings.Join(names(t, dir), " "); got != "whole.parquet" {
		t.Errorf("on the disk: %s", got)
	}
	if n := len(tabletest.Read(t, whole, table.Packets)); n != 1 {
		t.Errorf("%d rows in what was complete", n)
	}
	_ = os.Remove(whole)
}
