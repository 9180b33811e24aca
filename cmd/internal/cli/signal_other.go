//go:build !unix

package cli

import (
	"os"
	"syscall"
)

var otherSignals = []os.Signal{syscall.SIGPIPE}

func isStatusSignal(os.Signal) bool { return false }
func isPipeSignal(s os.Signal) bool { return s == syscall.SIGPIPE }
