package flow

// record is what is known about the segments of one direction that are on their way.
type record struct{}
