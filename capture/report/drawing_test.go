package report_test

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strings"
	"testing"

	"sockwire/capture/report"
)

// TestDrawing: every call and packet stands in the image once, calls on their side, and hostile text is text.
func TestDrawing(t *testing.T) {
	s := exchanges(t, 3, hostile)
	timeline := s.timeline()
	var b bytes.Buffer
	d := report.NewDrawing(&b, "A timeline "+hostile)
	d.Begin(report.Part{Name: "hostile " + hostile, Start: start})
	d.Add(timeline)
	if err := d.Close(nil); err != nil {
		t.Fatal(err)
	}
	texts := map[string][]string{} // by class
	elements := map[string]int{}
	class := ""
	for r := xml.NewDecoder(bytes.NewReader(b.Bytes())); ; {
		token, err := r.Token()
		if token == nil {
			break
		} else if err != nil {
			t.Fatalf("%v in\n%s", err, &b)
		}
		switch token := token.(type) {
		case xml.StartElement:
			elements[token.Name.Local]++
			class = ""
			for _, a := range token.Attr {
				if a.Name.Local == "class" && token.Name.Local == "text" {
					class = a.Value
				}
			}
		case xml.CharData:
			if class != "" {
				texts[class] = append(texts[class], string(token))
			}
		case xml.EndElement:
			class = ""
		}
	}
	if elements["script"]+elements["img"] > 0 || strings.ContainsAny(b.String(), "\x1b\u202e") {
		t.Errorf("hostile text is more than text: %v\n%s", elements, &b)
	}
	if n := elements["path"] - 1; n != len(timeline.Packets) || len(texts["wire"]) != n {
		t.Errorf("%d arrows with %d texts of %d packets", n, len(texts["wire"]), len(timeline.Packets))
	}
	for _, c := range timeline.Calls {
		side := "left"
		if c.Actor != "client" {
			side = "right"
		}
		n := 0
		for _, text := range texts[side] {
			if strings.HasPrefix(text, fmt.Sprintf("#%d %s(", c.Number, c.Name)) {
				n++
			}
		}
		if n != 1 {
			t.Errorf("call %d stands %d times on the %s: %q", c.Number, n, side, texts[side])
		}
	}
	if len(texts["left"])+len(texts["right"]) != len(timeline.Calls) {
		t.Errorf("%d and %d calls of %d", len(texts["left"]), len(texts["right"]), len(timeline.Calls))
	}
}

// TestDrawingEnds: a long timeline is cut, and that is said.
func TestDrawingEnds(t *testing.T) {
	var b bytes.Buffer
	d := report.NewDrawing(&b, "long")
	d.Begin(report.Part{Name: "long", Start: start})
	d.Add(exchanges(t, 300, "text").timeline())
	if err := d.Close(nil); err != nil || !strings.Contains(b.String(), "more events</text>") || b.Len() > 64<<10 {
		t.Errorf("%v, %d bytes", err, b.Len())
	}
}
