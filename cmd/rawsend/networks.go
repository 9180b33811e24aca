package main

import (
	"encoding/binary"
	"net"
	"net/netip"

	"sockwire/raw/packet"
)

// connected is a network that an interface of this host is in.
type connected struct {
	prefix netip.Prefix
	device string
}

// connectedNetworks returns the networks of all interfaces that are up.
func connectedNetworks() ([]connected, error) {
	devices, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	var list []connected
	for _, d := range devices {
		addrs, err := d.Addrs()
		if err != nil || d.Flags&net.FlagUp == 0 {
			continue // gone meanwhile, or down
		}
		for _, a := range addrs {
			if prefix, err := netip.ParsePrefix(a.String()); err == nil {
				list = append(list, connected{prefix.Masked(), d.Name})
			}
		}
	}
	return list, nil
}

// broadcast returns the address of all hosts of the network (RFC 919), not valid where there is none.
func (c connected) broadcast() netip.Addr {
	if !c.prefix.Addr().Is4() || c.prefix.Bits() > 30 { // RFC 3021: two hosts and nothing else
		return netip.Addr{}
	}
	b := c.prefix.Addr().As4()
	binary.BigEndian.PutUint32(b[:], binary.BigEndian.Uint32(b[:])|1<<(32-c.prefix.Bits())-1)
	return netip.AddrFrom4(b)
}

// checkConnected refuses a list or range that goes through a whole connected network, however small.
func (o *options) checkConnected(t *packet.Template) error {
	dst := destination(t.Layers(0))
	if dst == nil || o.allowed("subnet") {
		return nil
	}
	networks, err := connectedNetworks()
	if err != nil {
		return err
	}
	for _, c := range networks {
		if t.Covers(dst, c.prefix) {
			return refuse(*dst, "one of all hosts of "+c.prefix.String()+", the network of "+c.device, "subnet")
		}
	}
	return nil
}
