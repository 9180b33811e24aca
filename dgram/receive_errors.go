package dgram

// ReceiveErrorCounts are counts of a network namespace, see [ReceiveErrors].
type ReceiveErrorCounts struct {
	Checksum uint64 // datagrams with a wrong checksum
	NoRoom   uint64 // datagrams that found their socket's receive buffer full
}

// Since returns c less an earlier count.
func (c ReceiveErrorCounts) Since(earlier ReceiveErrorCounts) ReceiveErrorCounts {
	return ReceiveErrorCounts{c.Checksum - min(earlier.Checksum, c.Checksum), c.NoRoom - min(earlier.NoRoom, c.NoRoom)}
}

// Split divides what a socket lost ([Conn.Drops]) into losses for want of room and wrong checksums. It is exact where
// no other socket of the namespace lost anything in that time; else a wrong checksum may be taken for want of room.
func (c ReceiveErrorCounts) Split(drops uint64) (full, wrong uint64) {
	wrong = min(c.Checksum, drops)
	full = max(drops-wrong, min(c.NoRoom, drops))
	return full, drops - full
}

// SmallChecksum is the largest payload in bytes of a datagram whose wrong checksum the kernel finds before it looks for
// a socket, so that no socket's drops have it (CHECKSUM_BREAK of Linux, less the UDP header).
const SmallChecksum = 76 - 8
