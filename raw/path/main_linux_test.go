package path_test

import (
	"testing"

	"sockwire/raw/netlab"
)

func TestMain(m *testing.M) { netlab.Run(m) }
