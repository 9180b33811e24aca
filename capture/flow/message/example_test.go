package message_test

import (
	"context"
	"fmt"
	"log"

	"sockwire/capture"
	"sockwire/capture/decode"
	"sockwire/capture/decode/app"
	"sockwire/capture/flow"
	"sockwire/capture/flow/message"
)

// Each message of a file, as one line, with the packets that it came in; and the bodies of HTTP as files.
func Example() {
	r, err := capture.OpenFile("web.pcap")
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	files, err := message.NewExtractor("bodies", nil)
	if err != nil {
		log.Fatal(err)
	}
	var (
		tracker  = flow.NewTracker(&flow.Config{Reassemble: true})
		parser   = message.Parser{Bodies: true}
		decoder  decode.Decoder
		history  decode.History
		p, whole decode.Packet
		printer  = decode.Printer{Time: decode.TimeNone, Applications: app.Renderer{}}
	)
	for f, err := range r.Frames(context.Background()) {
		if err != nil {
			log.Fatal(err)
		}
		decoder.Decode(f, &p)
		history.Add(&p)
		result := tracker.Add(&p)
		for i := range result.Chunks {
			for _, m := range parser.Add(&result.Chunks[i]) {
				if m.Part == message.Whole || m.Part == message.Begins {
					m.Packet(&whole)
					fmt.Printf("%v %s\n", m.Packets, printer.AppendLine(nil, &whole))
				}
				if f, err := files.Add(&m); err != nil {
					log.Fatal(err)
				} else if f != nil {
					fmt.Printf("%q: %d bytes of %q %s\n", f.Name, f.Bytes, f.URL, f.Why)
				}
			}
		}
		for _, s := range result.Ended {
			parser.End(s)
		}
	}
	files.Close()
}
