package flow_test

import (
	"context"
	"fmt"
	"log"

	"sockwire/capture"
	"sockwire/capture/decode"
	"sockwire/capture/flow"
)

// All packets of a file, those that came in fragments in one piece, also inside tunnels.
func ExampleDefragmenter() {
	r, err := capture.OpenFile("fragments.pcap")
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	var (
		d       flow.Defragmenter
		decoder decode.Decoder
		history decode.History
		p       decode.Packet
	)
	for f, err := range r.Frames(context.Background()) {
		if err != nil {
			log.Fatal(err)
		}
		decoder.Decode(f, &p)
		history.Add(&p)
		g := d.Add(&p)
		for g != nil && g.Fate == flow.FragmentWhole {
			fmt.Println(g, "from packets", g.Packets)
			decoder.Decode(g.Frame.Clone(), &p)
			g = d.Add(&p)
		}
		if g != nil {
			continue // it waits for others
		}
		// p is a whole packet here.
	}
	d.Close()
	for g := range d.GivenUp() {
		fmt.Println(&g)
	}
}
