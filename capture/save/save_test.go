package save

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestName(t *testing.T) {
	for from, want := range map[string]string{
		"a.html": "a.html", "/x/y/a.html": "a.html", `..\..\a.html`: "a.html", "../../etc/passwd": "passwd", "..": "_", ".": "_", "": "_", "/": "_",
		".bashrc": "_.bashrc", "-rf": "_-rf", "~root": "_~root", "a\x00b\n\x1b[2J": "a_b__[2J", "a\u202egnp.exe": "a_gnp.exe", "\xff\xfe": "_",
		"CON": "_CON", "nul.txt": "_nul.txt", "com1 .x": "_com1 .x", "LPT¹": "_LPT¹", "console": "console", "COMMON": "COMMON", "com": "com",
		"a. . .": "a", " b ": "b", `a:b|c?d*e"f<g>`: "a_b_c_d_e_f_g_", "größe.txt": "größe.txt", "a%2f..": "a%2f",
		strings.Repeat("x", 500) + ".html": strings.Repeat("x", 155) + ".html", strings.Repeat("é", 100) + "." + strings.Repeat("y", 300): strings.Repeat("é", 80),
	} {
		if got := Name(from); got != want {
			t.Errorf("%q: %q, want %q", from, got, want)
		}
	}
}

// TestCreateNamed: names that come again are numbered, and what is there stays, links too.
func TestCreateNamed(t *testing.T) {
	dir, victim := t.TempDir(), filepath.Join(t.TempDir(), "victim")
	if err := os.WriteFile(victim, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" {
		if err := os.Symlink(victim, filepath.Join(dir, "a-2.html")); err != nil {
			t.Fatal(err)
		}
	}
	d, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for _, want := range []string{"a.html", "a-3.html", "a-4.html"} {
		f, name, err := d.CreateNamed("../a.html")
		if err != nil {
			t.Fatal(err)
		}
		f.Write([]byte("evil"))
		f.Close()
		if runtime.GOOS != "windows" && name != want {
			t.Errorf("%s, want %s", name, want)
		}
	}
	if b, _ := os.ReadFile(victim); string(b) != "precious" {
		t.Errorf("the victim has %q", b)
	}
	if _, err := d.Create("../x"); err == nil {
		t.Error("a file out of the directory")
	}
	if err := d.Write("a.html", nil); !errors.Is(err, fs.ErrExist) {
		t.Errorf("%v, want fs.ErrExist", err)
	}
}

func FuzzName(f *testing.F) {
	for _, s := range []string{"a.html", "../x", "CON.txt", "\xff", strings.Repeat("é.", 200), " . ", "-"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n := Name(s)
		if n == "" || len(n) > maxName+1 || !utf8.ValidString(n) || strings.ContainsAny(n, "/\\\x00<>:\"|?*") || n[0] == '.' || n[0] == '-' || n[0] == ' ' ||
			strings.HasSuffix(n, ".") || strings.HasSuffix(n, " ") || device(n) || !filepath.IsLocal(n) {
			t.Fatalf("%q becomes %q", s, n)
		}
	})
}
