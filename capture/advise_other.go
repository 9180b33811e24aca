//go:build !linux

package capture

// unneeded is left to the system's own judgement here.
func unneeded([]byte) {}
