package cmsg

import (
	"testing"
	"time"
)

func TestAwaitStamps(t *testing.T) {
	start := time.Now()
	if err := AwaitStamps(); err != nil {
		t.Fatal(err)
	}
	t.Logf("the kernel stamped after %v", time.Since(start))
}
