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
	n := 0
	for _, m := range regexp.MustCompile(`(?m)rawsend ([^'\n]*)'([^'\n]+)'`).FindAllStringSubmatch(string(text), -1) {
		var err error
		switch {
		case strings.Contains(m[1], "--edit"):
			_, err = o.parser().ParseEdit(m[2])
		case strings.Contains(m[1], "-r "):
			continue // a filter
		default:
			_, err = o.parser().Parse(m[2])
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
