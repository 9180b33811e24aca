package cli_test

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"sockwire/cmd/internal/cli"
	"sockwire/cmd/internal/cli/clitest"
)

// TestErrorsAreToldOnce: an output that has failed fails each time it is used.
func TestErrorsAreToldOnce(t *testing.T) {
	full := &fs.PathError{Op: "write", Path: "out", Err: errors.New("no space left on device")}
	var many, std error
	for range 100 {
		many = cli.Join(many, full)
		std = errors.Join(std, full)
	}
	other := errors.New("other")
	for name, tt := range map[string]struct {
		err  error
		want string
	}{
		"the same":               {many, "write out: no space left on device"},
		"by errors.Join":         {std, "write out: no space left on device"},
		"with its place":         {cli.Join(fmt.Errorf("scene raw: %w", full), many), "scene raw: write out: no space left on device"},
		"place by errors.Join":   {errors.Join(fmt.Errorf("scene raw: %w", std), full), "scene raw: write out: no space left on device"},
		"another":                {cli.Join(many, nil, other, full, other), "write out: no space left on device; other"},
		"another by errors":      {errors.Join(full, other, full), "write out: no space left on device; other"},
		"a line end of the text": {errors.New("a\nb"), `a\nb`},
	} {
		if !errors.Is(tt.err, full) && strings.Contains(tt.want, "space") {
			t.Errorf("%s: the error is lost in %v", name, tt.err)
		}
		if _, stderr, _ := clitest.Run(t, demo(tt.err), ""); stderr != "demo: "+tt.want+"\n" {
			t.Errorf("%s: %q, want %q", name, stderr, tt.want)
		}
	}
	if err := cli.Join(nil, nil); err != nil {
		t.Errorf("nothing joined is %v", err)
	}
}
