//go:build !linux

package capture_test

const canPoll = false
