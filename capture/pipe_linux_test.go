package capture_test

import (
	"context"
	"errors"
	"path/filepath"
	"syscall"
	"testing"

	"sockwire/capture"
)

const canPoll = true

// A FIFO without a writer is waited for until the context ends.
func TestContextEndsOpening(t *testing.T) {
	name := filepath.Join(t.TempDir(), "fifo")
	must(t, syscall.Mkfifo(name, 0o600))
	ctx, cancel := context.WithCancelCause(t.Context())
	done := make(chan error)
	go func() {
		_, err := new(capture.ReaderConfig).Open(ctx, name)
		done <- err
	}()
	why := errors.New("the test wants it so")
	cancel(why)
	if err := <-done; !errors.Is(err, why) {
		t.Error(err)
	}
	fd, err := syscall.Open(name, syscall.O_RDWR, 0) // the goroutine that opens it ends
	must(t, err)
	must(t, syscall.Close(fd))
}
