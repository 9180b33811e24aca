package inject

import "sockwire/raw/probe"

// Schedule says when packets leave, of packets as they are handed to the engine. The times are absolute, counted from the
// start: a late packet does not move those behind it. The zero Schedule sends as fast as the engine takes packets.
type Schedule = probe.Timing
