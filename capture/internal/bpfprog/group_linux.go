//go:build amd64 || arm64

package bpfprog

import (
	"errors"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// NetworkOf returns the inode of a network namespace, which a file such as /proc/PID/ns/net or /run/netns/NAME names.
func NetworkOf(path string) (uint64, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return 0, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	return st.Ino, nil
}

// ControlGroup is the root of the hierarchy of control groups, version 2, that this process sees
// (Documentation/admin-guide/cgroup-v2.rst; proc_pid_mountinfo(5)).
func ControlGroup() (string, error) {
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "", err
	}
	return controlGroupIn(string(b))
}

func controlGroupIn(mounts string) (string, error) {
	for line := range strings.Lines(mounts) {
		mount, kind, _ := strings.Cut(line, " - ")
		fields := strings.Fields(mount)
		if strings.HasPrefix(kind, "cgroup2 ") && len(fields) > 4 {
			return unescape(fields[4]), nil
		}
	}
	return "", errors.New("no hierarchy of control groups (cgroup2) is mounted")
}

// unescape gives back the blanks of a path in mountinfo.
func unescape(path string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(path)
}
