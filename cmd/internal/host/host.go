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
	"sockwire/raw/wire"
)

// Finder finds the addresses of hosts. The zero value takes any, and asks the system's resolver for names.
type Finder struct {
	Family   int    // 4 or 6; 0 is both
	Device   string // the zone of link-local addresses given without one
	Resolver *net.Resolver
}

// Find returns the address of a host given as an address or a name. Only a name causes traffic: the system's resolver
// is asked. A link-local address has a zone in what is returned.
func (f *Finder) Find(ctx context.Context, text string) (netip.Addr, error) {
	if a, err := netip.ParseAddr(text); err == nil {
		a = a.Unmap()
		if f.Family == 4 && a.Is6() || f.Family == 6 && a.Is4() {
			return a, fmt.Errorf("%s: not an IPv%d address", text, f.Family)
		}
		return f.zoned(a)
	}
	if a, ok, err := cli.ShortAddr(text); ok {
		if err == nil && f.Family == 6 {
			err = fmt.Errorf("%s: not an IPv6 address", text)
		}
		return a, err
	}
	text, zone, _ := strings.Cut(text, "%")
	if err := wire.CheckHostName(text); err != nil {
		return netip.Addr{}, err
	}
	network := map[int]string{0: "ip", 4: "ip4", 6: "ip6"}[f.Family]
	resolver := f.Resolver
	if resolver == nil {
		resolver = net.DefaultResolver
	}
	addrs, err := resolver.LookupNetIP(ctx, network, text)
	if err != nil {
		if ctx.Err() != nil {
			return netip.Addr{}, fmt.Errorf("%s: %w", text, context.Cause(ctx))
		}
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
