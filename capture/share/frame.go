package share

import (
	"fmt"

	"sockwire/capture"
)

// Interface is what may be said of an interface.
func Interface(i capture.Interface, number int) capture.Interface {
	return capture.Interface{Name: fmt.Sprintf("if%d", number), Link: i.Link, Snaplen: i.Snaplen, Resolution: i.Resolution, TimeOffset: i.TimeOffset}
}

// Frame makes of f what may be handed on: its bytes, without comments and owners. The bytes are valid until the next
// call.
func (s *Sharer) Frame(f *capture.Frame) capture.Frame {
	to := *f
	to.Comments, to.Process, to.Thread, to.Ifindex = nil, 0, 0, 0
	if cap(s.out) < len(f.Data) {
		s.out = make([]byte, len(f.Data), 2*len(f.Data))
	}
	s.out = s.out[:len(f.Data)]
	clear(s.out)
	_ = s.decoder.Decode(*f, &s.packet) // what could not be decoded stays 0
	s.headers()
	s.checksums()
	to.Data = s.out
	return to
}
