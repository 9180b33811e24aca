package show

import (
	"fmt"
	"strings"

	"sockwire/capture/trace"
)

// dropNotes say where the kernel dropped the packet: "dropped here: SOCKET_RCVBUFF, s2's receive buffer was full".
func dropNotes(p *trace.PacketRecord) []string {
	var notes []string
	for i := range p.Drops {
		d := &p.Drops[i]
		if i > 0 && d.Reason == p.Drops[i-1].Reason && d.Place == p.Drops[i-1].Place {
			continue // another copy
		}
		note := fmt.Sprintf("dropped here: %s, %s", d.Reason, theirs(p, d.Why))
		if p.Uncaptured {
			note += ", before any interface showed it"
		}
		notes = append(notes, note)
	}
	return notes
}

// theirs puts the name of the packet's receiver where the words speak of the socket.
func theirs(p *trace.PacketRecord, why string) string {
	if p.To == nil {
		return why
	}
	own := strings.NewReplacer("the receive buffer", p.To.Name+"'s receive buffer", "the listener's queue", p.To.Name+"'s queue",
		"the socket's own filter", p.To.Name+"'s own filter", "the socket was", p.To.Name+" was")
	return own.Replace(why)
}

type dropJSON struct {
	AtNS   int64  `json:"at_ns"`
	Reason string `json:"reason"`
	Why    string `json:"why"`
	Place  string `json:"place"`
}

func dropRecords(p *trace.PacketRecord) []dropJSON {
	var all []dropJSON
	for _, d := range p.Drops {
		all = append(all, dropJSON{int64(d.Time), d.Reason, d.Why, d.Place})
	}
	return all
}
