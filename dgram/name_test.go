package dgram

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// A stale socket is replaced where that is asked for; one in use, and whatever is no socket, never.
func TestReplaceStale(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no Unix datagrams here")
	}
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	leave := func(name string) {
		t.Helper()
		c := listen(t, "unixgram", path(name), nil)
		if err := c.nc.Close(); err != nil { // without removing the file
			t.Fatal(err)
		}
	}
	leave("stale")
	leave("behind a link")
	used := listen(t, "unixgram", path("used"), nil)
	if err := errors.Join(os.WriteFile(path("file"), []byte("precious"), 0o600), os.Mkdir(path("directory"), 0o700),
		os.Symlink("behind a link", path("link")), os.Symlink("file", path("link to a file"))); err != nil {
		t.Fatal(err)
	}
	for name, hint := range map[string]string{
		"stale": "no socket is behind", "used": "another program listens", "file": "no socket: choose", "directory": "no socket: choose",
		"link": "no socket: choose", "link to a file": "no socket: choose",
	} {
		before, err := os.Lstat(path(name))
		if err != nil {
			t.Fatal(err)
		}
		_, err = Listen(t.Context(), "unixgram", path(name), nil)
		if !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(hintOf(err), hint) {
			t.Errorf("%s: %v, hint %q, want %q", name, err, hintOf(err), hint)
		}
		c, err := Listen(t.Context(), "unixgram", path(name), &Config{ReplaceStale: true})
		if err == nil {
			c.Close()
		}
		if (err == nil) != (name == "stale") {
			t.Errorf("%s replaced: %v", name, err)
		}
		if after, err := os.Lstat(path(name)); name != "stale" && (err != nil || !os.SameFile(before, after)) {
			t.Errorf("%s is another file now: %v", name, err)
		}
	}
	if b, err := os.ReadFile(path("file")); string(b) != "precious" {
		t.Errorf("the file holds %q, %v", b, err)
	}
	used.Close()
}

// A socket takes its file away, and none that somebody has put in its place, nor leaves one when it could not be
// opened.
func TestSocketFiles(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no Unix datagrams here")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "socket")
	first := listen(t, "unixgram", path, nil)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	second := listen(t, "unixgram", path, nil)
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("a socket has removed the file of another: %v", err)
	}
	own := filepath.Join(dir, "own")
	if c, err := Dial(t.Context(), "unixgram", filepath.Join(dir, "missing"), &Config{Local: own}); err == nil {
		c.Close()
		t.Error("dialled a name that nobody has")
	}
	if _, err := os.Lstat(own); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a dial that failed leaves its file: %v", err)
	}
	dialled := dial(t, "unixgram", path, &Config{Local: own})
	if err := errors.Join(dialled.Close(), second.Close()); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
}
