//go:build amd64 || arm64

package bpfprog

import "testing"

func TestControlGroup(t *testing.T) {
	const v1 = "31 30 0:28 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n"
	for _, tt := range []struct{ mounts, want string }{
		{v1 + "40 30 0:37 / /sys/fs/cgroup/unified rw,relatime shared:9 - cgroup2 cgroup2 rw\n", "/sys/fs/cgroup/unified"},
		{"40 30 0:37 / /a\\040b rw - cgroup2 none rw\n" + v1, "/a b"},
		{v1, ""},
		{"", ""},
		{"40 - cgroup2 none rw\n", ""},
	} {
		got, err := controlGroupIn(tt.mounts)
		if got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%q: %q, %v", tt.mounts, got, err)
		}
	}
}
