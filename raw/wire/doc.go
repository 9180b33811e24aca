// Package wire is what the wire looks like, once: the numbers of protocols and their names, headers as bytes with
// methods, the walk over IPv6 extension headers, the walks over options, and the Internet checksum.
//
// It is the ground floor of this module. It imports nothing of it, opens nothing, allocates nothing while it reads or
// writes, and is the same on all systems. Everybody may import it.
//
// A header is a slice of bytes with a type:
//
//	h, payload, ok := wire.ParseIPv4(b)
//	if ok && h.Protocol() == wire.ProtoUDP { … }
//	h.SetTTL(1)
//	h.UpdateChecksum()
//
// The methods of a header read and write at fixed offsets. They do not look at lengths again: make a header with the
// function that checks it, or from as many bytes as the type says. Numbers on the wire are big-endian; in the methods
// they are numbers.
package wire
