package show

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// TestBroken breaks lines at a width: every word is still there, no line is longer, and colours end with their line.
func TestBroken(t *testing.T) {
	words := strings.Fields("one two three four five six seven eight nine ten → └ … eleven twelve thirteen fourteen fifteen sixteen")
	plain := "   0.123 #12 " + strings.Join(words, " ")
	colored := "\x1b[2m   0.123\x1b[0m #12 " + red + strings.Join(words[:8], " ") + reset + " " + yellow + strings.Join(words[8:], " ") + reset
	for width := range 120 {
		for _, line := range []string{plain, colored} {
			got := string(appendBroken(nil, line, width))
			shown := strings.NewReplacer("\x1b[2m", "", red, "", yellow, "", reset, "").Replace(got)
			if strings.Join(strings.Fields(shown), " ") != strings.Join(strings.Fields(plain), " ") {
				t.Fatalf("width %d: %q", width, got)
			}
			for _, l := range strings.Split(strings.TrimSuffix(shown, "\n"), "\n") {
				if width > 0 && utf8.RuneCountInString(l) > max(width, continuation+20) {
					t.Errorf("width %d: %q", width, l)
				}
			}
			for _, l := range strings.Split(got, "\n") {
				if last := strings.LastIndex(l, "\x1b"); last >= 0 && !strings.HasPrefix(l[last:], reset) {
					t.Errorf("width %d: %q goes on with a colour", width, l)
				}
			}
		}
	}
	long := strings.Repeat("x", 300)
	if got := string(appendBroken(nil, long, 80)); strings.ReplaceAll(strings.ReplaceAll(got, "\n", ""), " ", "") != long {
		t.Errorf("%q", got)
	}
}
