//go:build !unix

package cli

import (
	"os"
	"syscall"
)

var mainSignals = []os.Signal{os.Interrupt, syscall.SIGTERM}

func isStatusSignal(os.Signal) bool { return false }
