package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// A payload is a stranger's: it is written to a new file in the directory, and to nothing else, whatever is there.
func TestSaveWritesNewFilesOnly(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("symbolic links need a privilege")
	}
	dir, victim := t.TempDir(), filepath.Join(t.TempDir(), "victim")
	put := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	link := func(n int, to string) {
		t.Helper()
		if err := os.Symlink(to, filepath.Join(dir, fmt.Sprintf("%08d.bin", n))); err != nil {
			t.Fatal(err)
		}
	}
	put(victim, "precious")
	put(filepath.Join(dir, "00000003.bin"), "of an earlier run")
	put(filepath.Join(dir, "x00000009.bin"), "another's")
	link(4, victim)
	s, err := openSaver(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	save := func(want string) {
		t.Helper()
		name, err := s.save([]byte("payload"))
		if err != nil || name != want {
			t.Errorf("saved as %q, %v; want %s", name, err, want)
		}
		if b, err := os.ReadFile(filepath.Join(dir, name)); string(b) != "payload" {
			t.Errorf("%s holds %q, %v", name, b, err)
		}
	}
	save("00000005.bin")
	// What comes in between: a link to a file, one to nothing, one out of the directory, a directory.
	link(6, victim)
	link(7, filepath.Join(filepath.Dir(victim), "new"))
	link(8, "../"+filepath.Base(filepath.Dir(victim))+"/new")
	if err := os.Mkdir(filepath.Join(dir, "00000009.bin"), 0o700); err != nil {
		t.Fatal(err)
	}
	save("00000010.bin")
	save("00000011.bin")
	// The directory is the one that was opened, whatever has its name now.
	moved := dir + "-moved"
	if err := os.Rename(dir, moved); err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(moved)
	if err := os.Symlink(filepath.Dir(victim), dir); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(dir)
	if name, err := s.save([]byte("payload")); err != nil || name != "00000012.bin" {
		t.Errorf("saved as %q, %v", name, err)
	}
	for path, want := range map[string]string{victim: "precious", filepath.Join(moved, "00000003.bin"): "of an earlier run"} {
		if b, err := os.ReadFile(path); string(b) != want {
			t.Errorf("%s holds %q, %v; want %q", path, b, err, want)
		}
	}
	if left, err := os.ReadDir(filepath.Dir(victim)); err != nil || len(left) != 1 {
		t.Errorf("beside the victim there are %v, %v", left, err)
	}
}
