package flow

// Relative returns the sequence number that those of direction d are relative to: that of the SYN, or one before the
// first byte that was seen. It is false where nothing of the direction was seen.
func (s *Stream) Relative(d Direction) (uint32, bool) {
	h := &s.half[d&1]
	return h.seq - uint32(h.next) - 1, h.has(based)
}
