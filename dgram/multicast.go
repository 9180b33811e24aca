package dgram

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// Join has the socket receive what is sent to a group (any-source multicast, RFC 1112, RFC 3493). An empty interface
// name leaves the choice to the system. Only joined groups are received, not those that other sockets joined.
func (c *Conn) Join(group netip.Addr, ifname string) error {
	return c.membership("join", group, netip.Addr{}, ifname)
}

// Leave undoes Join.
func (c *Conn) Leave(group netip.Addr, ifname string) error {
	return c.membership("leave", group, netip.Addr{}, ifname)
}

// JoinSource has the socket receive what one source sends to a group (source-specific multicast, RFC 4607).
func (c *Conn) JoinSource(group, source netip.Addr, ifname string) error {
	if !source.IsValid() || source.IsMulticast() || source.Is4() != group.Is4() {
		return fmt.Errorf("dgram: join %v: %v is no source address for it", group, source)
	}
	return c.membership("join", group, source, ifname)
}

// LeaveSource undoes JoinSource.
func (c *Conn) LeaveSource(group, source netip.Addr, ifname string) error {
	return c.membership("leave", group, source, ifname)
}

func (c *Conn) membership(what string, group, source netip.Addr, ifname string) error {
	err := c.member(what == "join", group, source, ifname)
	if err == nil {
		return nil
	}
	text := group.String()
	if source.IsValid() {
		text += " from " + source.String()
	}
	if ifname != "" {
		text += " on " + ifname
	}
	return fmt.Errorf("dgram: %s %s: %w", what, text, cause(err))
}

// groups is what ipv4.PacketConn and ipv6.PacketConn have in common.
type groups interface {
	JoinGroup(*net.Interface, net.Addr) error
	LeaveGroup(*net.Interface, net.Addr) error
	JoinSourceSpecificGroup(*net.Interface, net.Addr, net.Addr) error
	LeaveSourceSpecificGroup(*net.Interface, net.Addr, net.Addr) error
}

func (c *Conn) member(join bool, group, source netip.Addr, ifname string) error {
	pc, ok := c.nc.(*net.UDPConn)
	switch {
	case !ok:
		return errors.New("only UDP has groups")
	case !group.IsMulticast():
		return errors.New("not a multicast address")
	case group.Is6() && !c.family6:
		return errors.New("an IPv6 group needs an IPv6 socket")
	}
	var ifi *net.Interface
	if ifname == "" {
		ifname = group.Zone()
	}
	if ifname != "" {
		var err error
		if ifi, err = net.InterfaceByName(ifname); err != nil {
			return err
		}
	}
	var g groups = ipv6.NewPacketConn(pc)
	if group.Is4() {
		g = ipv4.NewPacketConn(pc)
	}
	to := &net.UDPAddr{IP: group.AsSlice()}
	from := &net.UDPAddr{IP: source.AsSlice()}
	switch {
	case join && source.IsValid():
		return g.JoinSourceSpecificGroup(ifi, to, from)
	case join:
		return g.JoinGroup(ifi, to)
	case source.IsValid():
		return g.LeaveSourceSpecificGroup(ifi, to, from)
	default:
		return g.LeaveGroup(ifi, to)
	}
}
