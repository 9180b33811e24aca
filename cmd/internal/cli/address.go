package cli

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// ParseAddr reads an IP address as netip.ParseAddr does, and the short forms of IPv4 that inet_aton(3) takes and ping
// and nc therefore do: two or three numbers, the last of which fills the bytes that are left, such as 127.1. Numbers
// with a leading zero are refused: some programs read them as octal ones, some do not.
func ParseAddr(s string) (netip.Addr, error) {
	a, err := netip.ParseAddr(s)
	if dots := strings.Count(s, "."); err == nil || dots < 1 || dots > 2 || strings.ContainsAny(s, "xX") {
		return a, err
	}
	if short, ok, bad := ShortAddr(s); ok && bad == nil {
		return short, nil
	}
	return a, err
}

// ShortAddr reads the short and the hexadecimal forms of an IPv4 address that inet_aton(3), and so ping, takes: 127.1,
// 0x7f000001. What it would take for octal is refused: few who write 010 mean 8. ok is false for what is none of these.
func ShortAddr(text string) (a netip.Addr, ok bool, err error) {
	parts := strings.Split(text, ".")
	if len(parts) > 4 {
		return a, false, nil
	}
	var ip uint64
	for i, part := range parts {
		base, digits := 10, part
		if hex, isHex := strings.CutPrefix(strings.ToLower(part), "0x"); isHex {
			base, digits = 16, hex
		}
		n, err := strconv.ParseUint(digits, base, 64)
		if err != nil {
			return a, false, nil
		}
		if base == 10 && len(part) > 1 && part[0] == '0' {
			return a, true, fmt.Errorf("%s: a number with a leading zero is octal for some programs; write it without", text)
		}
		width := 8
		if i == len(parts)-1 {
			width = 8 * (5 - len(parts))
		}
		if n >= 1<<width {
			return a, true, fmt.Errorf("%s: %s is too large in an IPv4 address", text, part)
		}
		ip = ip<<width | n
	}
	return netip.AddrFrom4([4]byte{byte(ip >> 24), byte(ip >> 16), byte(ip >> 8), byte(ip)}), true, nil
}
