package main

import (
	"golang.org/x/sys/unix"

	"sockwire/cmd/internal/cli"
)

// system names the operating system for capture files.
func system() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return "Linux"
	}
	return unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:])
}

// giveUp lets go of all rights, but root's to write files if some are yet to be opened.
func giveUp(env *cli.Env, opens, looks bool) error {
	var kept []int
	if opens {
		kept = append(kept, unix.CAP_DAC_OVERRIDE) // which the program that setcap(8) gave cap_net_raw has not
	}
	if looks {
		kept = append(kept, unix.CAP_SYS_PTRACE, unix.CAP_DAC_READ_SEARCH)
	}
	return env.KeepPrivilege(kept...)
}
