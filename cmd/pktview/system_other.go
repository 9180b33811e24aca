//go:build !linux

package main

import (
	"runtime"

	"sockwire/cmd/internal/cli"
)

// system names the operating system for capture files.
func system() string { return runtime.GOOS }

// giveUp does nothing: the rights that it is about are Linux's.
func giveUp(*cli.Env, bool, bool) error { return nil }
