package capture

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Within calls do in a network namespace: on a thread that is in it, which nothing else uses meanwhile. What do opens
// stays there; what it starts does not. The namespace is named as ip-netns(8) does, by the number of a process that is
// in it, or by the path of a file. It needs CAP_SYS_ADMIN (setns(2)).
func Within(namespace string, do func() error) error {
	there, err := os.Open(namespacePath(namespace))
	if err != nil {
		return fmt.Errorf("capture: network namespace %s: %w", namespace, err)
	}
	defer there.Close()
	enter := func() error {
		if err := unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("capture: enter network namespace %s: %w", namespace, err)
		}
		return nil
	}
	runtime.LockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("capture: network namespace %s: %w", namespace, err)
	}
	defer home.Close()
	back := func() error { return unix.Setns(int(home.Fd()), unix.CLONE_NEWNET) }
	if back() != nil { // home is another user namespace's: there is no way back for this thread
		runtime.UnlockOSThread()
		return neverBack(enter, do)
	}
	// The thread lives on: programs that it has started may be set to end with it (PR_SET_PDEATHSIG).
	defer func() {
		if err := back(); err != nil {
			panic("capture: cannot leave a network namespace: " + err.Error())
		}
		runtime.UnlockOSThread()
	}()
	if err := enter(); err != nil {
		return err
	}
	return do()
}

// neverBack calls do on a thread that ends where it has gone.
func neverBack(enter, do func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and not unlocked: the thread ends with this goroutine
		err := enter()
		if err == nil {
			err = do()
		}
		done <- err
	}()
	return <-done
}

func namespacePath(namespace string) string {
	if n, err := strconv.ParseUint(namespace, 10, 31); err == nil {
		return "/proc/" + strconv.FormatUint(n, 10) + "/ns/net"
	}
	if strings.Contains(namespace, "/") {
		return namespace
	}
	return filepath.Join("/run/netns", namespace)
}
