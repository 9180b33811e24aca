package clitest

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

const nobody = 65534

// Ordinary returns a program for [testscript.Main] that becomes a user without any right and then the command of a
// name. Where the namespace knows no user but its root, which is so when the tests themselves are run by an ordinary
// user, it stays this one: without a capability, and without any in its bounding set, root of a namespace has no more
// right to a raw socket than anybody else.
//
// [testscript.Main]: https://pkg.go.dev/github.com/rogpeppe/go-internal/testscript#Main
func Ordinary(name string) func() {
	return func() {
		runtime.LockOSThread() // capabilities and users are a thread's; what it executes has those of this one
		fail := func(what string, err error) {
			fmt.Fprintf(os.Stderr, "ordinary: %s: %v\n", what, err)
			os.Exit(125)
		}
		for c := 0; c <= unix.CAP_LAST_CAP; c++ {
			if err := unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(c), 0, 0, 0); err != nil && !errors.Is(err, unix.EINVAL) {
				fail("drop a capability", err)
			}
		}
		syscall.RawSyscall(unix.SYS_SETGROUPS, 0, 0, 0) // forbidden, and of no use, where there is one group only
		for _, call := range []uintptr{unix.SYS_SETRESGID, unix.SYS_SETRESUID} {
			if _, _, errno := syscall.RawSyscall(call, nobody, nobody, nobody); errno != 0 && errno != unix.EINVAL {
				fail("become another user", errno)
			}
		}
		fail("exec", syscall.Exec("/proc/self/exe", append([]string{name}, os.Args[1:]...), os.Environ()))
	}
}
