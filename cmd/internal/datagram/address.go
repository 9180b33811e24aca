package datagram

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"sockwire/cmd/internal/cli"
	"sockwire/dgram"
)

// Address is an address as it is written on a command line.
type Address struct{ Network, Text string }

// ParseAddress reads "HOST:PORT", ":PORT", "unix:PATH", "unix:@NAME" or "unix:". four and six restrict the family.
func ParseAddress(s string, four, six bool) (Address, error) {
	if name, ok := strings.CutPrefix(s, "unix:"); ok {
		if four || six {
			return Address{}, cli.Usagef("%q is no IP address, so -4 and -6 do not go with it", s)
		}
		return Address{"unixgram", name}, nil
	}
	host, port, err := net.SplitHostPort(s)
	switch {
	case err != nil:
	case strings.Contains(host, "/"):
		err = errors.New("a host has no slash")
	case ofSocat(host):
		err = errors.New("that is socat's way to write it")
	}
	if err != nil {
		return Address{}, cli.WithHint(fmt.Errorf("%q is no address: %s", s, reason(err)), "%s", addressHint(s))
	}
	if n, err := strconv.Atoi(port); err == nil && (n < 0 || n > 65535) {
		return Address{}, cli.WithHint(fmt.Errorf("%q: there is no port %d", s, n), "ports are 0 to 65535")
	}
	network := "udp"
	if four {
		network = "udp4"
	} else if six {
		network = "udp6"
	}
	if a, err := cli.ParseAddr(host); err == nil {
		host = a.String()
		if a.IsLinkLocalUnicast() && a.Is6() && a.Zone() != "" && !isInterface(a.Zone()) {
			return Address{}, cli.WithHint(fmt.Errorf("%q: there is no interface %q", s, a.Zone()), "ip link lists them")
		}
		if four && a.Is6() || six && a.Is4() {
			return Address{}, cli.Usagef("%s is not of the family asked for", host)
		}
	}
	return Address{network, net.JoinHostPort(host, port)}, nil
}

// JoinPorts takes "HOST PORT" as nc does, two arguments, for "HOST:PORT"; what is an address already stays.
func JoinPorts(args []string) (joined []string) {
	for i := 0; i < len(args); i++ {
		if i+1 < len(args) && IsPort(args[i+1]) && lacksPort(args[i]) {
			joined = append(joined, net.JoinHostPort(strings.Trim(args[i], "[]"), args[i+1]))
			i++
			continue
		}
		joined = append(joined, args[i])
	}
	return joined
}

// IsPort tells whether an argument is a port and nothing else.
func IsPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && strconv.FormatUint(n, 10) == s
}

func lacksPort(s string) bool {
	if strings.HasPrefix(s, "unix:") || strings.Contains(s, "/") || s == "" || IsPort(s) {
		return false
	}
	if _, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return true
	}
	return !strings.Contains(s, ":")
}

func isInterface(zone string) bool {
	if _, err := strconv.ParseUint(zone, 10, 31); err == nil {
		return true
	}
	_, err := net.InterfaceByName(zone)
	return err == nil
}

// ofSocat tells whether a host is rather a type of address of socat's, such as UDP4-LISTEN.
func ofSocat(host string) bool {
	kind, way, ok := strings.Cut(strings.ToLower(host), "-")
	return ok && slices.Contains([]string{"udp", "udp4", "udp6", "unix", "abstract"}, kind) &&
		slices.Contains([]string{"listen", "l", "recv", "recvfrom", "sendto", "connect", "datagram", "client"}, way)
}

// addressHint says how to write what somebody means who is used to another program.
func addressHint(s string) string {
	kind, rest, _ := strings.Cut(strings.ToLower(s), ":")
	rest = s[len(s)-len(rest):]
	switch {
	case strings.HasPrefix(kind, "unix") || strings.HasPrefix(kind, "abstract"):
		name, _, _ := strings.Cut(strings.TrimPrefix(rest, "//"), ",")
		if strings.HasPrefix(kind, "abstract") {
			name = "@" + name
		}
		return "write unix:" + name
	case strings.HasPrefix(kind, "udp"):
		where, _, _ := strings.Cut(strings.TrimPrefix(rest, "//"), ",")
		if IsPort(where) {
			where = ":" + where
		}
		return "write " + where + ", it is UDP unless unix: says otherwise"
	case strings.HasPrefix(s, "/") || strings.HasPrefix(s, "./") || strings.HasPrefix(s, "@"):
		return "write unix:" + s
	}
	if a, err := netip.ParseAddr(s); err == nil && a.Is6() {
		return "write the port too, and brackets: [" + s + "]:PORT"
	}
	return "write HOST:PORT, [IPV6]:PORT, unix:PATH or unix:@NAME"
}

func reason(err error) string {
	var addr *net.AddrError
	if errors.As(err, &addr) {
		return addr.Err
	}
	return err.Error()
}

// Resolve returns the first address that a stands for.
func (a Address) Resolve(ctx context.Context) (dgram.Addr, error) {
	list, err := dgram.Resolve(ctx, a.Network, a.Text)
	if err != nil {
		return dgram.Addr{}, err
	}
	return list[0], nil
}
