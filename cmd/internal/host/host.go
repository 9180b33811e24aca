// Package host finds the addresses of hosts as they are typed.
package host

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"sockwire/cmd/internal/cli"
)

// Finder finds the addresses of hosts. The zero value takes any, and asks the system's resolver for names.
type Finder struct {
	Family   int    // 4 or 6; 0 is both
	Device   string // the zone of link-local addresses given without one
	Resolver *net.Resolver
}

// Find returns the address of a host given as an address or a name. Only a name causes traffic: the system's resolver is asked.
// A link-local address has a zone in what is returned.
func (f *Finder) Find(ctx context.Context, text string) (netip.Addr, error) {
	if a, err := netip.ParseAddr(text); err == nil {
		a = a.Unmap()
		if f.Family == 4 && a.Is6() || f.Family == 6 && a.Is4() {
			return a, fmt.Errorf("%s: not an IPv%d address", text, f.Family)
		}
		return f.zoned(a)
	}
	if a, ok, err := shortAddress(text); ok {
		if err == nil && f.Family == 6 {
			err = fmt.Errorf("%s: not an IPv6 address", text)
		}
		return a, err
	}
	text, zone, _ := strings.Cut(text, "%")
	network := map[int]string{0: "ip", 4: "ip4", 6: "ip6"}[f.Family]
	resolver := f.Resolver
	if resolver == nil {
		resolver = net.DefaultResolver
	}
	addrs, err := resolver.LookupNetIP(ctx, network, text)
	if err != nil {
		var dns *net.DNSError
		if errors.As(err, &dns) && dns.IsNotFound {
			return netip.Addr{}, fmt.Errorf("%s: no such host", text)
		}
		return netip.Addr{}, fmt.Errorf("%s: %w", text, err)
	}
	a := addrs[0].Unmap()
	if zone != "" {
		a = a.WithZone(zone)
		if a.Zone() == "" {
			return a, fmt.Errorf("%s: only IPv6 addresses have a zone", text)
		}
	}
	return f.zoned(a)
}

// shortAddress reads the short and the hexadecimal forms of an IPv4 address that inet_aton(3), and so ping, takes: 127.1,
// 0x7f000001. What it would take for octal is refused: few who write 010 mean 8. ok is false for what is none of these.
func shortAddress(text string) (a netip.Addr, ok bool, err error) {
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

// zoned returns an address with its zone: a link-local one needs one, and no other has any (RFC 4007, section 11).
func (f *Finder) zoned(a netip.Addr) (netip.Addr, error) {
	zone := a.Zone()
	switch local := a.Is6() && (a.IsLinkLocalUnicast() || a.IsLinkLocalMulticast() || a.IsInterfaceLocalMulticast()); {
	case !local && zone == "":
		return a, nil
	case !local:
		return a, fmt.Errorf("%v: only link-local addresses have a zone", a)
	case zone == "" && f.Device == "":
		return a, cli.WithHint(fmt.Errorf("%v is link-local", a), "say on which link: %v%%eth0", a)
	case zone == "":
		return a.WithZone(f.Device), nil
	}
	_, err := net.InterfaceByName(zone)
	if index, numErr := strconv.Atoi(zone); numErr == nil {
		_, err = net.InterfaceByIndex(index)
	}
	if err != nil {
		return a, fmt.Errorf("%v: no interface %q", a, zone)
	}
	return a, nil
}
