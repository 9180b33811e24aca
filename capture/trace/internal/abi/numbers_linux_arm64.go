package abi

import "golang.org/x/sys/unix"

// AuditArch is how seccomp(2) names this architecture.
const AuditArch = unix.AUDIT_ARCH_AARCH64

// ForeignArch and OtherTable are not here: a process of 64 bits makes calls of its own table only.
const (
	ForeignArch = 0
	OtherTable  = 0
)

// ForeignCalls are none.
var ForeignCalls []ForeignCall
