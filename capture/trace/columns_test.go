package trace_test

import (
	"math/rand/v2"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"sockwire/capture/golden"
	"sockwire/capture/trace"
	"sockwire/capture/trace/show"
)

func TestColumns(t *testing.T) {
	for _, s := range scripts {
		got := string(show.Append(nil, trace.Correlate(s.script().events), show.Options{Columns: 110}))
		golden.Check(t, filepath.Join("testdata", s.name+".columns.txt"), got)
	}
}

// TestManyColumns lays out more sockets than fit: no line is longer than the width, and every call and packet is
// there once under the name of its socket.
func TestManyColumns(t *testing.T) {
	tl := trace.Correlate(traffic(rand.New(rand.NewPCG(1, 1)), 8, true).events)
	for _, width := range []int{1, 40, 80, 200, 500} {
		text := string(show.Append(nil, tl, show.Options{Columns: width}))
		for l := range strings.Lines(text) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(l, "\n")); n > max(width, 30) {
				t.Fatalf("width %d: a line of %d: %q", width, n, l)
			}
		}
		flat := regexp.MustCompile(`\s+`).ReplaceAllString(text, " ")
		for _, s := range tl.Sockets {
			if !strings.Contains(flat, "── "+s.Name+" ") {
				t.Errorf("width %d: %s has no heading", width, s.Name)
			}
		}
		if calls := len(regexp.MustCompile(`#\d+ [a-z]+\(`).FindAllString(text, -1)); calls != len(tl.Calls) {
			t.Errorf("width %d: %d calls of %d", width, calls, len(tl.Calls))
		}
		if packets := strings.Count(text, "> ") - strings.Count(text, "-> "); packets < len(tl.Packets) {
			t.Errorf("width %d: %d packets of %d", width, packets, len(tl.Packets))
		}
	}
}

// TestColumnsPlain writes columns in ASCII, where an arrow has two characters: they stay straight.
func TestColumnsPlain(t *testing.T) {
	ascii := strings.NewReplacer("→", "->", "…", "...", "└", "`", "─", "-", "µ", "u", "│", "|")
	text := string(show.Append(nil, trace.Correlate(streamScript().events), show.Options{Columns: 110, Plain: ascii.Replace}))
	places := map[int]bool{}
	for line := range strings.Lines(text) {
		if at := strings.IndexRune(line, '│'); at >= 0 {
			places[utf8.RuneCountInString(line[:at])] = true
		}
	}
	if strings.Contains(text, "→") || len(places) != 1 {
		t.Errorf("columns at %v:\n%s", places, text)
	}
}
