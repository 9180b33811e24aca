package wire

import (
	"fmt"
	"net/netip"
	"strings"
)

// CheckHostName refuses what cannot be the name of a host, so that a mistyped address is not asked of a resolver: the
// last label of a name is not a number (RFC 1123, section 2.1; RFC 3696, section 2). The error names the text.
// An address passes. What is a name and unknown is for the resolver to say.
func CheckHostName(name string) error {
	if _, err := netip.ParseAddr(name); err == nil {
		return nil
	}
	labels := strings.Split(strings.TrimSuffix(name, "."), ".")
	last := labels[len(labels)-1]
	if hex, ok := strings.CutPrefix(strings.ToLower(last), "0x"); ok && strings.Trim(hex, "0123456789abcdef") == "" ||
		last != "" && strings.Trim(last, "0123456789") == "" {
		return fmt.Errorf("%s: neither an address nor a name: no host's name ends in a number", name)
	}
	return nil
}
