package dropped

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

// Only who lacks a right is told that root has it: a kernel that cannot tell tells root neither.
func TestRefused(t *testing.T) {
	for _, tt := range []struct {
		err  error
		root bool
	}{{fmt.Errorf("drop: %w", os.ErrPermission), true}, {fmt.Errorf("drop: %w", errors.ErrUnsupported), false}} {
		err := refused(tt.err)
		var hinted interface{ Hint() string }
		if !errors.As(err, &hinted) || !errors.Is(err, tt.err) || !strings.HasPrefix(err.Error(), "--drops: drop: ") || strings.Contains(hinted.Hint(), "root") != tt.root {
			t.Errorf("%v", err)
		}
	}
}
