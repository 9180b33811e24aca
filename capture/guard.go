package capture

import (
	"errors"
	"runtime"
	"runtime/debug"
)

// ErrShortened means that another program made a file shorter while it was read.
var ErrShortened = errors.New("the file was shortened while it was read")

// Guard runs f, which may look at the data of frames of mapped files. When a file was shortened meanwhile it returns
// ErrShortened, where the program would otherwise end with SIGBUS. It guards this goroutine only, and costs some
// nanoseconds.
func Guard(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		fault, ok := r.(interface {
			runtime.Error
			Addr() uintptr
		})
		if !ok || fault.Addr() == 0 {
			panic(r)
		}
		err = ErrShortened
	}()
	return f()
}
