package filter

import "encoding/binary"

// hostOrder returns the big-endian reading of a number written in this system's byte order.
func hostOrder(v uint32) uint32 {
	var b [4]byte
	binary.NativeEndian.PutUint32(b[:], v)
	return binary.BigEndian.Uint32(b[:])
}
