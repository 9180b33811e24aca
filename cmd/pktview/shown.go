package main

import (
	"slices"

	"sockwire/capture/flow"
)

// shown is what is printed of a batch, and what was found about it.
type shown struct {
	first  uint64 // number of its first packet
	n      int
	out    []byte
	places []place
	about  []about
	found  []note // about any packet, in the order of finding
	notes  []note // about its packets
}

// place is where something goes into the output.
type place struct {
	at     int32
	packet int32 // of the batch
	kind   placeKind
}

type placeKind uint8

const (
	markPlace        placeKind = iota // marks of a line, or verdicts of a JSON record
	columnPlace                       // the value of a column
	firstColumnPlace                  // and of the first one
	treePlace                         // the trees of messages
	endPlace                          // the packet's output ends
)

// about is what of a packet is not in the output, for choosing.
type about struct {
	stream int32 // below 0 for none
	length uint32
	drops  uint32
	left   bool // out by --where
}

// place notes that more can go in at the end of b, which is the output up to here.
func (s *shown) place(b []byte, packet int, kind placeKind) {
	if len(s.about) > 0 {
		s.places = append(s.places, place{int32(len(b)), int32(packet), kind})
	}
}

// facts is what --flow chooses by.
func (a *about) facts(notes []note) flow.Facts {
	f := flow.Facts{Stream: int(a.stream)}
	for i := range notes {
		f.Found |= notes[i].verdict.Set()
	}
	return f
}

// add adds a note about one of its packets, or takes back what no longer holds.
func (s *shown) add(n *note) {
	if !n.verdict.Retracted {
		s.notes = append(s.notes, *n)
		return
	}
	gone := -1
	for i := range s.notes {
		if o := &s.notes[i]; o.packet == n.packet && o.verdict.Kind == n.verdict.Kind {
			if gone = i; o.verdict.Offset == n.verdict.Offset {
				break
			}
		}
	}
	if gone >= 0 {
		s.notes = slices.Delete(s.notes, gone, gone+1)
	}
}

func (s *shown) empty() {
	s.n, s.out, s.places, s.about, s.found, s.notes = 0, s.out[:0], s.places[:0], s.about[:0], s.found[:0], s.notes[:0]
}
