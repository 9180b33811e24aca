package abi

import "golang.org/x/sys/unix"

// AuditArch is how seccomp(2) names this architecture.
const AuditArch = unix.AUDIT_ARCH_AARCH64
