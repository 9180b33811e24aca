package trace

import (
	"flag"
	"testing"

	"sockwire/raw/netlab"
)

func TestMain(m *testing.M) {
	flag.Set("test.parallel", "6") // they wait more than they work; what the command line says comes later, and holds
	netlab.Run(m)
}
