//go:build !linux

package dgram

// ChecksumErrors tells how many UDP datagrams the kernel threw away for a wrong checksum; only Linux says so.
type ChecksumErrors struct{}

// OpenChecksumErrors needs Linux.
func OpenChecksumErrors() (*ChecksumErrors, error) {
	return nil, unsupported("counting checksum errors")
}

// Count returns 0.
func (c *ChecksumErrors) Count() (uint64, error) { return 0, nil }

// Close does nothing.
func (c *ChecksumErrors) Close() error { return nil }
