package main

import (
	"io"
	"strings"

	"sockwire/capture/report"
	"sockwire/capture/trace"
	"sockwire/capture/trace/show"
)

// picture is a timeline as something to look at, in a file.
type picture interface {
	Begin(report.Part)
	Add(*trace.Timeline)
	Close([]*show.Comparison) error
}

// pictures are the forms that the name of -o chooses.
var pictures = []struct {
	suffix string
	what   string
	begin  func(w io.Writer, title string) picture
}{
	{".html", "a page", func(w io.Writer, title string) picture { return report.NewLadder(w, title) }},
	{".svg", "a drawing", func(w io.Writer, title string) picture { return report.NewDrawing(w, title) }},
	{".perfetto.json", "a trace for Perfetto", func(w io.Writer, _ string) picture { return report.NewPerfetto(w) }},
}

// pictured says what a file of that name will be, "" for text.
func pictured(name string) string {
	for _, p := range pictures {
		if strings.HasSuffix(name, p.suffix) {
			return p.what
		}
	}
	return ""
}

// newPicture begins the picture of that file on w, nil when the file is to be text.
func newPicture(name string, w io.Writer, title string) picture {
	for _, p := range pictures {
		if strings.HasSuffix(name, p.suffix) {
			return p.begin(w, title)
		}
	}
	return nil
}
