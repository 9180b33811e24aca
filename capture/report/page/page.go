// Package page writes one self-contained HTML file: it opens from disk in any browser, asks no network for anything,
// and its Content-Security-Policy (level 2) lets nothing run in it but its own script.
//
// Text from outside reaches a page as data, which is compressed JSON in base64 that the script sets as text, or through
// [Text]. The package imports nothing of this module, so that programs which decode nothing can write pages too.
package page

import (
	"compress/gzip"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"strings"
	"unicode"
)

// What all pages have: colours for light, dark and paper, the look of text and controls, and the script's own tools.
var (
	//go:embed page.html
	frame string
	//go:embed base.css
	baseCSS string
	//go:embed base.js
	baseJS string
)

// Layout is what kind of page it is. None of it may come from outside.
type Layout struct {
	Style  string // CSS, after that of all pages
	Script string // JavaScript, after the tools of all pages
	// Body is the page's own HTML. In it {title} is the title; where <!-- data --> stands, what the Writer is given
	// goes in.
	Body string
}

// Writer writes a page: its head, what it is given, its end. The first error is that of Close.
type Writer struct {
	w   io.Writer
	end string
	err error
}

const dataPlace = "<!-- data -->"

// New begins a page on w.
func New(w io.Writer, title string, l Layout) *Writer {
	style, script := baseCSS+l.Style, baseJS+l.Script
	policy := fmt.Sprintf("default-src 'none'; script-src '%s'; style-src '%s'; base-uri 'none'; form-action 'none'",
		digest(script), digest(style))
	fill := strings.NewReplacer("{title}", Text(title), "{policy}", policy, "{style}", style, "{script}", script)
	head, end, _ := strings.Cut(strings.Replace(frame, "{body}", l.Body, 1), dataPlace)
	p := &Writer{w: w, end: fill.Replace(end)}
	p.Write(fill.Replace(head))
	return p
}

// digest is how a Content-Security-Policy names a script or a style, CSP level 2 section 4.2.4.
func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// Text makes text from outside harmless in HTML and XML: markup is escaped, and what cannot be seen or turns the
// direction of writing becomes \uNNNN, as the script of a page shows it.
func Text(s string) string {
	var b strings.Builder
	for _, r := range s {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return html.EscapeString(b.String())
}

// Write writes HTML as it is. What comes from outside goes through Text.
func (p *Writer) Write(s string) {
	if p.err == nil {
		_, p.err = io.WriteString(p.w, s)
	}
}

// Data writes a value that the page reads when it opens.
func (p *Writer) Data(kind string, value any) {
	p.Piece(fmt.Sprintf(`data-kind="%s"`, kind), value)
}

// Piece writes a value as JSON, compressed and in base64, in an element with these attributes: no text of strangers
// stands in the page.
func (p *Writer) Piece(attributes string, value any) {
	p.Write(`<script type="text/plain" ` + attributes + ">")
	if p.err == nil {
		text := base64.NewEncoder(base64.StdEncoding, p.w)
		packed := gzip.NewWriter(text)
		p.err = errors.Join(json.NewEncoder(packed).Encode(value), packed.Close(), text.Close())
	}
	p.Write("</script>\n")
}

// Close writes the end of the page. It does not close what is written to.
func (p *Writer) Close() error {
	p.Write(p.end)
	return p.err
}
