package main

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sockwire/capture/golden"
	"sockwire/cmd/internal/cli/clitest"
	"sockwire/raw/netlab"
)

const readmePicture = "../../.github/sockwire.svg"

// TestReadmePicture: the picture in the README is what the command under it draws now, but for what each run has
// otherwise: times, numbers, and which acknowledgements came alone.
func TestReadmePicture(t *testing.T) {
	netlab.Need(t)
	file := filepath.Join(t.TempDir(), "sockwire.svg")
	if stdout, stderr, code := clitest.Run(t, run, "", "-4", "-o", file, "stream"); code != 0 || stdout+stderr != "" {
		t.Fatalf("exit %d: %s%s", code, stdout, stderr)
	}
	now, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if golden.Update(t, readmePicture, string(now)) {
		return
	}
	then, err := os.ReadFile(readmePicture)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(said(string(then)), said(string(now))); diff != "" {
		t.Errorf("%s is not what go run ./cmd/sockwire -4 -o .github/sockwire.svg stream draws; go test -update draws it anew (-then +now):\n%s", readmePicture, diff)
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil || !strings.Contains(string(readme), ".github/sockwire.svg") {
		t.Errorf("README.md does not show it: %v", err)
	}
}

// said is the texts and the style of a drawing, each once, without what changes from run to run.
func said(svg string) []string {
	all := map[string]bool{}
	style, _, _ := strings.Cut(svg[strings.Index(svg, "<style>"):], "</defs>")
	all[style] = true
	for _, m := range regexp.MustCompile(`<text class="(\w+)[^>]*>([^<]*)</text>`).FindAllStringSubmatch(svg, -1) {
		text := regexp.MustCompile(`\d[\d.]*`).ReplaceAllString(m[2], "#")
		text = regexp.MustCompile(` \(#[^()]*(\)|…)$`).ReplaceAllString(text, "") // how long it took
		if !strings.HasPrefix(text, ". #:#(#) ack #") {
			all[m[1]+" "+text] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}
