// Package packet builds packets, byte for byte.
//
// A packet is a list of layers. [Append] writes them into a buffer of the caller's, and computes what was left
// out: lengths, checksums, header lengths, next-protocol numbers. What is given is written exactly, wrong values
// included; a value that does not fit its field is refused.
//
//	b, err := packet.Append(b[:0],
//		&packet.IPv4{Src: src, Dst: dst, TTL: packet.U8(7)},
//		&packet.UDP{SrcPort: 5555, DstPort: 53},
//		packet.Payload("hello"))
//
// Fields whose absence means "compute it" have the type [Opt]; [U8], [U16] and [U32] make a given one. Fields
// of any other type are written as they are, zero included. Values are in host order and in the units of the
// header, so a fragment offset counts 8 bytes.
//
// The same packet as an expression, which can stand for many, is read by [Parse]:
//
//	t, err := packet.Parse("ip{dst=198.51.100.2, ttl=1..30} / udp{sport=5555, dport=53} / text{hello}")
//	b, ends, err := t.Append(b[:0], ends[:0], 6) // the seventh packet
//
// [Dissect] goes the other way, from bytes to layers that build them again; [Format] and [GoCode] write layers as an
// expression and as Go source; [Edit] changes packets that exist.
//
// Append allocates nothing when the buffer has room, and neither the layers nor their slices are kept. The
// package needs no system, no socket and no privilege.
package packet
