package cli

import (
	"net/netip"
	"strconv"
	"strings"
)

// ParseAddr reads an IP address as netip.ParseAddr does, and the short forms of IPv4 that inet_aton(3) takes and ping and
// nc therefore do: two or three numbers, the last of which fills the bytes that are left, such as 127.1. Numbers with
// a leading zero are refused: some programs read them as octal ones, some do not.
func ParseAddr(s string) (netip.Addr, error) {
	a, err := netip.ParseAddr(s)
	if err == nil {
		return a, nil
	}
	parts := strings.Split(s, ".")
	if len(parts) < 2 || len(parts) > 3 {
		return a, err
	}
	var bytes [4]byte
	for i, part := range parts {
		size := 1
		if i == len(parts)-1 {
			size = 4 - i
		}
		n, bad := strconv.ParseUint(part, 10, 8*size)
		if bad != nil || part[0] == '+' || part[0] == '0' && len(part) > 1 {
			return a, err
		}
		for k := i + size - 1; k >= i; k-- {
			bytes[k] = byte(n)
			n >>= 8
		}
	}
	return netip.AddrFrom4(bytes), nil
}
