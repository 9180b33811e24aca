//go:build !linux

package capture

import (
	"errors"
	"fmt"
)

// Within returns an error: network namespaces are Linux's.
func Within(namespace string, _ func() error) error {
	return fmt.Errorf("capture: network namespace %s: %w", namespace, errors.ErrUnsupported)
}
