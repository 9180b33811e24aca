package netlab

import (
	"os"
	"strings"
)

// FirstUsers tells whether this is root of the first user namespace, from whom alone the kernel takes programs (bpf(2)).
// In the lab of anybody else everybody is root too.
func FirstUsers() bool {
	users, err := os.ReadFile("/proc/self/uid_map")
	f := strings.Fields(string(users))
	return err == nil && os.Geteuid() == 0 && len(f) == 3 && f[2] == "4294967295"
}

// NeedRoot skips the test where err says that something is not there which only root of the first user namespace may
// have, as programs in the kernel. Such root must have it with REQUIRE_NETLAB=1 in the environment: then the test fails
// instead. A nil error says nothing.
func NeedRoot(t TB, err error) {
	t.Helper()
	if err == nil {
		return
	}
	if FirstUsers() && os.Getenv("REQUIRE_NETLAB") == "1" {
		t.Fatalf("REQUIRE_NETLAB=1, but %v", err)
	}
	t.Skipf("%v", err)
}
