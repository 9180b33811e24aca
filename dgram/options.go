package dgram

import (
	"cmp"
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

// Leave undoes Join and JoinSource.
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

// groups is what ipv4.PacketConn and ipv6.PacketConn have in common.
type groups interface {
	JoinGroup(*net.Interface, net.Addr) error
	LeaveGroup(*net.Interface, net.Addr) error
	JoinSourceSpecificGroup(*net.Interface, net.Addr, net.Addr) error
	SetMulticastInterface(*net.Interface) error
	SetMulticastLoopback(bool) error
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
	ifi, err := device(cmp.Or(ifname, group.Zone()))
	if err != nil {
		return err
	}
	var g groups = ipv6.NewPacketConn(pc)
	if group.Is4() {
		g = ipv4.NewPacketConn(pc)
	}
	to := &net.UDPAddr{IP: group.AsSlice()}
	switch {
	case join && source.IsValid():
		return g.JoinSourceSpecificGroup(ifi, to, &net.UDPAddr{IP: source.AsSlice()})
	case join:
		return g.JoinGroup(ifi, to)
	default:
		return g.LeaveGroup(ifi, to)
	}
}

// device returns the interface of a name, nil for none.
func device(name string) (*net.Interface, error) {
	if name == "" {
		return nil, nil
	}
	return net.InterfaceByName(name)
}

// setOptions sets the options that x/net knows, which are those that hold on every system.
func (c *Conn) setOptions(cfg *Config) error {
	pc, ok := c.nc.(*net.UDPConn)
	if !ok {
		return nil
	}
	ifi, err := device(cfg.Interface)
	if err != nil {
		return err
	}
	if c.family6 {
		p := ipv6.NewPacketConn(pc)
		err = setFamily(cfg, ifi, p, p.SetHopLimit, p.SetTrafficClass, p.SetMulticastHopLimit)
	}
	if err == nil && (!c.family6 || dualOptions) {
		p := ipv4.NewPacketConn(pc)
		err = setFamily(cfg, ifi, p, p.SetTTL, p.SetTOS, p.SetMulticastTTL)
	}
	return err
}

// setFamily sets what was asked for in one family.
func setFamily(cfg *Config, ifi *net.Interface, g groups, ttl, tos, multicastTTL func(int) error) error {
	for _, o := range []struct {
		name  string
		value int
		set   func(int) error
	}{{"TTL", cfg.TTL, ttl}, {"TOS", cfg.TOS, tos}, {"MulticastTTL", cfg.MulticastTTL, multicastTTL}} {
		if o.value == 0 {
			continue
		}
		if err := o.set(o.value); err != nil {
			return fmt.Errorf("%s %d: %w", o.name, o.value, cause(err))
		}
	}
	if cfg.NoLoop {
		if err := g.SetMulticastLoopback(false); err != nil {
			return fmt.Errorf("NoLoop: %w", cause(err))
		}
	}
	if ifi != nil {
		if err := g.SetMulticastInterface(ifi); err != nil {
			return fmt.Errorf("interface %s: %w", ifi.Name, cause(err))
		}
	}
	return nil
}
