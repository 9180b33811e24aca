package cli

import (
	"bytes"
	"testing"
)

func TestLocale(t *testing.T) {
	const text = "  0.123 └ = 6 (30 µs)  s1→s2 …"
	for _, c := range []struct{ all, ctype, lang, want string }{
		{"C", "en_US.UTF-8", "en_US.UTF-8", "  0.123 ` = 6 (30 us)  s1->s2 ..."},
		{"", "POSIX", "", "  0.123 ` = 6 (30 us)  s1->s2 ..."},
		{"", "", "C", "  0.123 ` = 6 (30 us)  s1->s2 ..."},
		{"C.UTF-8", "C", "C", text},
		{"", "", "", text},
	} {
		t.Setenv("LC_ALL", c.all)
		t.Setenv("LC_CTYPE", c.ctype)
		t.Setenv("LANG", c.lang)
		var b bytes.Buffer
		o := NewOutput(&b).InLocale()
		o.Printf("%s", text)
		o.Write([]byte("é"))
		o.Flush()
		if b.String() != c.want+"é" {
			t.Errorf("%+v: %q", c, b.String())
		}
	}
	if got := string(ToASCII([]byte("Zürich 日本 ×2"))); got != "Z?rich ?? x2" {
		t.Errorf("%q", got)
	}
}
