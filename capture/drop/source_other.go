//go:build !linux || !(amd64 || arm64)

package drop

import (
	"errors"
	"fmt"

	"sockwire/capture"
)

var errUnsupported = fmt.Errorf("drop: why packets are dropped is told by Linux, on amd64 or arm64: %w", errors.ErrUnsupported)

type kernel struct{}

// Open returns an error: it needs Linux.
func Open(*Config) (*Source, error) { return nil, errUnsupported }

// NetworkOf returns an error.
func NetworkOf(string) (uint64, error) { return 0, errUnsupported }

func (s *Source) next(*capture.Frame, bool) (bool, error) { return false, errUnsupported }

// Stats returns nothing.
func (s *Source) Stats() Stats { return Stats{} }

// Functions returns false.
func (s *Source) Functions() bool { return false }

// Stop does nothing.
func (s *Source) Stop() error { return nil }

// Close does nothing.
func (s *Source) Close() error { return nil }
