//go:build !linux

package trace

import (
	"context"
	"errors"
	"fmt"
)

func openNetwork(context.Context, *Tracer) (network, error) {
	return nil, fmt.Errorf("probing needs Linux: %w", errors.ErrUnsupported)
}
