package inject

import (
	"encoding/binary"
	"net"
	"net/netip"
)

// network is one that an interface of this host is in.
type network struct {
	prefix netip.Prefix
	device string
}

// connectedNetworks returns the networks of all interfaces that are up.
func connectedNetworks() ([]network, error) {
	devices, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	var list []network
	for _, d := range devices {
		addrs, err := d.Addrs()
		if err != nil || d.Flags&net.FlagUp == 0 {
			continue // gone meanwhile, or down
		}
		for _, a := range addrs {
			if prefix, err := netip.ParsePrefix(a.String()); err == nil {
				list = append(list, network{prefix.Masked(), d.Name})
			}
		}
	}
	return list, nil
}

// broadcast returns the address of all hosts of the network (RFC 919), not valid where there is none.
func (n network) broadcast() netip.Addr {
	if !n.prefix.Addr().Is4() || n.prefix.Bits() > 30 { // RFC 3021: two hosts and nothing else
		return netip.Addr{}
	}
	b := n.prefix.Addr().As4()
	binary.BigEndian.PutUint32(b[:], binary.BigEndian.Uint32(b[:])|1<<(32-n.prefix.Bits())-1)
	return netip.AddrFrom4(b)
}

// limitedBroadcast is the address of all hosts of the link (RFC 919).
var limitedBroadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})
