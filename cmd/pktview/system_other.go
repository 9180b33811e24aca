//go:build !linux

package main

import "runtime"

// system names the operating system for capture files.
func system() string { return runtime.GOOS }
