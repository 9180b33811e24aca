//go:build !linux

package dgram

// ReceiveErrors tells how many UDP datagrams the kernel threw away; only Linux says so.
type ReceiveErrors struct{}

// OpenReceiveErrors needs Linux.
func OpenReceiveErrors() (*ReceiveErrors, error) {
	return nil, unsupported("counting receive errors")
}

// Count returns zeros.
func (e *ReceiveErrors) Count() (ReceiveErrorCounts, error) { return ReceiveErrorCounts{}, nil }

// Close does nothing.
func (e *ReceiveErrors) Close() error { return nil }
