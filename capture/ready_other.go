//go:build !linux

package capture

import "io"

// readiness cannot tell on this system.
func readiness(io.Reader) func() bool { return nil }
