package table_test

import (
	"testing"

	"sockwire/raw/netlab"
)

// TestMain runs the tests in namespaces, so that one can fill a disk of its own.
func TestMain(m *testing.M) { netlab.Run(m) }
