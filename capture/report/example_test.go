package report_test

import (
	"bytes"
	"fmt"
	"log"
	"time"

	"sockwire/capture/report"
	"sockwire/capture/trace"
)

// A timeline as a page. Events come from an engine; package follow has a Session that gives timelines as they grow.
func ExampleLadder() {
	data := []byte("hello")
	timeline := trace.Correlate([]trace.Event{
		&trace.State{Socket: 1, Change: trace.Created, Actor: "client", FD: 3, Family: trace.FamilyUnix, Kind: trace.KindDatagram},
		&trace.Call{Number: 1, Name: "send", FD: 3, Socket: 1, Entered: time.Millisecond, Left: 2 * time.Millisecond, Data: data, Size: 5, Result: 5},
	})
	var page bytes.Buffer // or a file
	l := report.NewLadder(&page, "one call")
	l.Begin(report.Part{Name: "client", Start: time.Unix(1_700_000_000, 0)})
	l.Add(timeline)
	if err := l.Close(nil); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.15s…, %t\n", page.String(), page.Len() < 100<<10)
	// Output: <!DOCTYPE html>…, true
}
