package inject

import "sockwire/raw/probe"

// Schedule says when packets leave, of packets as they are handed to the engine. The times are absolute, counted from
// the start: a late packet does not move those behind it. The zero Schedule sends as fast as the engine takes packets.
type Schedule = probe.Timing

// fastRate is the packets a second above which system calls of this package's own are worth it: at 100,000 a second
// golang.org/x/net's connections, which the runtime watches, take nearly twice the time in the kernel.
const fastRate = 10_000

// IsFast reports whether a schedule is one of a high rate; see Plan.Fast. A rate in bits is taken to be of packets of
// 125 bytes.
func IsFast(s Schedule) bool { return s.Packets > fastRate || s.Bits > 1000*fastRate }
