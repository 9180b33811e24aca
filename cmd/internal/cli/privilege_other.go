//go:build !linux

package cli

import "errors"

// ErrKeptPrivilege says that capabilities could not be given up. The command goes on with them.
var ErrKeptPrivilege = errors.New("capabilities kept")

// DropPrivilege does nothing: capabilities are Linux's.
func DropPrivilege() error { return nil }

// Unprivileged runs f.
func Unprivileged(f func()) { f() }
