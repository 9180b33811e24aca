package capture

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// readiness returns what tells whether reading src gives something at once, nil where nothing can tell.
func readiness(src io.Reader) func() bool {
	f, ok := src.(*os.File)
	if !ok {
		return nil
	}
	raw, err := f.SyscallConn()
	if err != nil {
		return nil
	}
	return func() (ready bool) {
		err := raw.Control(func(fd uintptr) {
			list := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
			n, err := unix.Poll(list, 0)
			ready = err == nil && n > 0
		})
		return err == nil && ready
	}
}
