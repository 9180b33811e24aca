//go:build unix

package cli

import (
	"os"
	"syscall"
)

var mainSignals = []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGPIPE}

func isStatusSignal(s os.Signal) bool { return s == syscall.SIGQUIT }
