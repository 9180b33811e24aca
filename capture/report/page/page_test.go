package page_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"regexp"
	"strings"
	"testing"

	"sockwire/capture/report/page"
)

// The policy names the digests of the page's script and style, and text of strangers is text.
func TestPolicyAndText(t *testing.T) {
	var b bytes.Buffer
	p := page.New(&b, "</title><script>\x1b\u202e&", page.Layout{Style: ".own {}", Script: "own()", Body: "<h1>{title}</h1>\n<!-- data -->\n<p>end</p>\n"})
	p.Data("kind", map[string]string{"x": "</script><b>"})
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	want := `&lt;/title&gt;&lt;script&gt;\u001b\u202e&amp;`
	if strings.Count(text, want) != 2 || strings.Contains(text, "<b>") {
		t.Errorf("the title is not text, or the data are not hidden:\n%s", text)
	}
	for _, part := range []string{"script", "style"} {
		m := regexp.MustCompile(`(?s)<` + part + `>(.*?)</` + part + `>`).FindStringSubmatch(text)
		if m == nil || !strings.Contains(m[1], "own") {
			t.Fatalf("no %s", part)
		}
		sum := sha256.Sum256([]byte(m[1]))
		if want := part + "-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !strings.Contains(text, want) {
			t.Errorf("the policy has not %s", want)
		}
	}
	if data, end := strings.Index(text, "data-kind"), strings.Index(text, "<p>end</p>"); data < 0 || end < data {
		t.Errorf("the data stand at %d, behind the end at %d", data, end)
	}
}
