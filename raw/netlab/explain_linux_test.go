package netlab

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
)

func TestExplain(t *testing.T) {
	for _, tt := range []struct {
		name, file, value string
		err               error
		root              bool
		reason, hint      string
		is                error
	}{
		{"Ubuntu", "kernel/apparmor_restrict_unprivileged_userns", "1\n", &deniedError{"set up the loopback interface: operation not permitted"}, false,
			"AppArmor", "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0", os.ErrPermission},
		{"Debian", "kernel/unprivileged_userns_clone", "0\n", syscall.EPERM, false, "kept for root", "sysctl -w kernel.unprivileged_userns_clone=1", os.ErrPermission},
		{"no user namespaces", "user/max_user_namespaces", "0\n", syscall.ENOSPC, false, "user.max_user_namespaces=0", "sysctl -w user.max_user_namespaces=", syscall.ENOSPC},
		{"no network namespaces", "user/max_net_namespaces", "0\n", syscall.ENOSPC, true, "user.max_net_namespaces=0", "sysctl -w user.max_net_namespaces=", syscall.ENOSPC},
		{"container, root", "", "", syscall.EPERM, true, "as in a container", "--cap-add=SYS_ADMIN", os.ErrPermission},
		{"container, user", "", "", syscall.EPERM, false, "as in a container", "seccomp=unconfined", os.ErrPermission},
		{"container, locked", "", "", &deniedError{readOnlySysctls + ": operation not permitted"}, true, "as in a container", "systempaths=unconfined", os.ErrPermission},
		{"old kernel", "", "", syscall.EINVAL, false, "CONFIG_USER_NS", "CONFIG_NET_NS", errors.ErrUnsupported},
		{"switches that are fine", "kernel/unprivileged_userns_clone", "1\n", syscall.EPERM, false, "as in a container", "sudo", os.ErrPermission},
	} {
		fs := fstest.MapFS{}
		if tt.file != "" {
			fs[tt.file] = &fstest.MapFile{Data: []byte(tt.value)}
		}
		e := explain(tt.err, fs, tt.root)
		if !strings.Contains(e.Error(), tt.reason) || !strings.Contains(e.Hint(), tt.hint) || !errors.Is(e, tt.is) {
			t.Errorf("%s: error %q, hint %q", tt.name, e, e.Hint())
		}
		if strings.Contains(e.Error(), "\n") || strings.Contains(e.Hint(), "\n") {
			t.Errorf("%s: more than a line: %q, %q", tt.name, e, e.Hint())
		}
	}
}
