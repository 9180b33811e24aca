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
		{"de_DE.ISO-8859-1", "", "", "  0.123 ` = 6 (30 us)  s1->s2 ..."},
		{"", "", "en_US", "  0.123 ` = 6 (30 us)  s1->s2 ..."},
		{"C.UTF-8", "C", "C", text},
		{"", "de_DE.utf8", "C", text},
		{"", "UTF-8", "", text},
		{"", "", "", text},
	} {
		t.Setenv("LC_ALL", c.all)
		t.Setenv("LC_CTYPE", c.ctype)
		t.Setenv("LANG", c.lang)
		var b bytes.Buffer
		o := NewOutput(&b).InLocale()
		o.Printf("%s", text)
		o.Write([]byte(text))
		o.Bytes().Write([]byte("é\xff"))
		o.Flush()
		if b.String() != c.want+c.want+"é\xff" {
			t.Errorf("%+v: %q", c, b.String())
		}
	}
	if got := string(ToASCII([]byte("Zürich 日本 ×2"))); got != `Z\u{fc}rich \u{65e5}\u{672c} x2` {
		t.Errorf("%q", got)
	}
}

// TestJSONInLocale: JSON in ASCII says the same.
func TestJSONInLocale(t *testing.T) {
	t.Setenv("LC_ALL", "C")
	var b bytes.Buffer
	o := NewOutput(&b).InLocale()
	o.JSON(map[string]string{"type": "Zürich 😀"})
	o.WriteJSON([]byte("{\"type\":\"→\"}\n"))
	o.Flush()
	if want := "{\"type\":\"Z\\u00fcrich \\ud83d\\ude00\"}\n{\"type\":\"\\u2192\"}\n"; b.String() != want {
		t.Errorf("%s, want %s", b.String(), want)
	}
}
