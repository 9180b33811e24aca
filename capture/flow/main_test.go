package flow_test

import (
	"testing"

	"sockwire/raw/netlab"
)

func TestMain(m *testing.M) { netlab.Run(m) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
