//go:build unix

package cli

import (
	"os"
	"syscall"
)

var otherSignals = []os.Signal{syscall.SIGQUIT, syscall.SIGPIPE}

func isStatusSignal(s os.Signal) bool { return s == syscall.SIGQUIT }
func isPipeSignal(s os.Signal) bool   { return s == syscall.SIGPIPE }
