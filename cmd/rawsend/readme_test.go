package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"sockwire/raw/packet"
)

// TestExpressionsOfTheReadme: every command line shown is one that works.
func TestExpressionsOfTheReadme(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	var o options
	parser := o.parser()
	parser.ReadFile = func(string) ([]byte, error) { return []byte("www.example.com\n"), nil } // whatever file is named
	n := 0
	for _, m := range regexp.MustCompile(`(?m)rawsend ([^'\n]*)'([^'\n]+)'`).FindAllStringSubmatch(string(text), -1) {
		var err error
		switch {
		case strings.Contains(m[1], "--edit"):
			_, err = parser.ParseEdit(m[2])
		case strings.Contains(m[1], "-r "):
			continue // a filter
		default:
			_, err = parser.Parse(m[2])
		}
		if n++; err != nil {
			t.Errorf("%s: %v", m[0], err)
		}
	}
	if n < 12 {
		t.Errorf("only %d expressions found", n)
	}
}

// TestReadmeNamesEveryField: the table of layers is what the language knows.
func TestReadmeNamesEveryField(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "### Layers")
	table, _, _ = strings.Cut(table, "### Fragments")
	for layer, fields := range packet.Fields() {
		if !regexp.MustCompile("`[^|]*\\b" + layer + "\\b").MatchString(table) {
			t.Errorf("the layer %s is not in the table", layer)
		}
		for _, f := range fields {
			if !regexp.MustCompile("\\b" + regexp.QuoteMeta(f) + "\\b").MatchString(table) {
				t.Errorf("%s.%s is not in the table", layer, f)
			}
		}
	}
}

// TestHelpLayers: what --help layers shows has every layer and field, and fits a terminal of 80 columns where its lines
// are not filled.
func TestHelpLayers(t *testing.T) {
	var out, errs strings.Builder
	if code := run(t.Context(), []string{"--help", "layers"}, strings.NewReader(""), &out, &errs); code != 0 || errs.Len() > 0 {
		t.Fatalf("exit status %d: %s", code, errs.String())
	}
	for layer, fields := range packet.Fields() {
		_, rest, found := strings.Cut(out.String(), "\n  "+layer+" ")
		if !found {
			t.Errorf("the layer %s is missing", layer)
		}
		for _, f := range fields {
			if !regexp.MustCompile("\\b" + f + "\\b").MatchString(rest) {
				t.Errorf("%s.%s is missing", layer, f)
			}
		}
	}
	for line := range strings.Lines(out.String()) {
		if strings.HasPrefix(line, "  ") && len(line) > 81 {
			t.Errorf("%d columns: %s", len(line)-1, line)
		}
	}
}
