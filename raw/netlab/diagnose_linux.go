package netlab

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

// diagnose explains why namespaces could not be made.
func diagnose(err error) *Error {
	return explain(err, os.DirFS("/proc/sys"), os.Geteuid() == 0)
}

// explain looks for the switches that forbid namespaces, the most specific first.
func explain(err error, sys fs.FS, root bool) *Error {
	is := func(name, value string) bool {
		b, rerr := fs.ReadFile(sys, name)
		return rerr == nil && strings.TrimSpace(string(b)) == value
	}
	e := &Error{Err: err}
	switch {
	case is("user/max_user_namespaces", "0") && !root:
		e.Reason = "this machine allows no user namespaces (user.max_user_namespaces=0)"
		e.hint = "sudo sysctl -w user.max_user_namespaces=10000"
	case is("user/max_net_namespaces", "0"):
		e.Reason = "this machine allows no network namespaces (user.max_net_namespaces=0)"
		e.hint = "sudo sysctl -w user.max_net_namespaces=10000"
	case is("kernel/unprivileged_userns_clone", "0") && !root:
		e.Reason = "user namespaces are kept for root (kernel.unprivileged_userns_clone=0)"
		e.hint = "sudo sysctl -w kernel.unprivileged_userns_clone=1"
	case is("kernel/apparmor_restrict_unprivileged_userns", "1") && !root:
		e.Reason = "AppArmor gives user namespaces no rights (kernel.apparmor_restrict_unprivileged_userns=1)"
		e.hint = "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or run this with sudo"
	case strings.Contains(err.Error(), readOnlySysctls):
		e.Reason = "as in a container"
		e.hint = "start the container with --privileged, or with --cap-add=SYS_ADMIN --cap-add=NET_ADMIN --security-opt systempaths=unconfined"
	case errors.Is(err, os.ErrPermission) && root:
		e.Reason = "root may not make namespaces here, as in a container"
		e.hint = "start the container with --cap-add=SYS_ADMIN --cap-add=NET_ADMIN --security-opt seccomp=unconfined --security-opt apparmor=unconfined"
	case errors.Is(err, os.ErrPermission):
		e.Reason = "this user may not make namespaces here, as in a container"
		e.hint = "run this with sudo; in a container, start it with --security-opt seccomp=unconfined --security-opt apparmor=unconfined"
	case errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOSYS):
		e.Err = fmt.Errorf("%w (%w)", err, errors.ErrUnsupported)
		e.Reason = "this kernel has no user or network namespaces (CONFIG_USER_NS, CONFIG_NET_NS)"
		e.hint = "use a kernel with CONFIG_USER_NS=y and CONFIG_NET_NS=y"
	}
	return e
}
