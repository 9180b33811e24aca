package cli

import "strconv"

// Number parses the value of a flag that is an unsigned number of at most max, decimal or with 0x; without a value it
// is 0.
func Number(flag, s string, max uint64) (uint64, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(s, 0, 64)
	if err != nil || n > max {
		return 0, Usagef("--%s %q is no number from 0 to %#x", flag, s, max)
	}
	return n, nil
}
