package drop_test

import (
	"os"
	"testing"

	"sockwire/raw/netlab"
)

// whole is what the test binary does instead of its tests, where it is asked to.
var whole func()

func TestMain(m *testing.M) {
	if os.Getenv("DROP_TEST_CHILD") != "" && whole != nil {
		whole()
		return
	}
	netlab.Run(m)
}
