package dgram

import (
	"net"
	"net/netip"
	"strconv"
	"sync"
)

// names remembers the strings of Unix names that datagrams come from, so that none is made per datagram.
type names struct {
	sync.Mutex
	known map[string]string
}

// zones translates between interface names and indexes, remembering what it has asked.
type zones struct {
	sync.Mutex
	names   map[uint32]string
	indexes map[string]uint32
}

func (z *zones) name(index uint32) string {
	z.Lock()
	defer z.Unlock()
	if name, ok := z.names[index]; ok {
		return name
	}
	name := strconv.Itoa(int(index))
	if ifi, err := net.InterfaceByIndex(int(index)); err == nil {
		name = ifi.Name
	}
	if z.names == nil {
		z.names = map[uint32]string{}
	}
	z.names[index] = name
	return name
}

func (z *zones) index(name string) uint32 {
	if name == "" {
		return 0
	}
	z.Lock()
	defer z.Unlock()
	if index, ok := z.indexes[name]; ok {
		return index
	}
	index := uint32(0)
	if ifi, err := net.InterfaceByName(name); err == nil {
		index = uint32(ifi.Index)
	} else if n, err := strconv.ParseUint(name, 10, 31); err == nil {
		index = uint32(n)
	}
	if z.indexes == nil {
		z.indexes = map[string]uint32{}
	}
	z.indexes[name] = index
	return index
}

// canonical is an address as those of received datagrams are: with the interface's name, not its number.
func (z *zones) canonical(a Addr) Addr {
	ip := a.IP.Addr()
	if ip.Zone() == "" {
		return a
	}
	if index := z.index(ip.Zone()); index != 0 {
		a.IP = netip.AddrPortFrom(ip.WithZone(z.name(index)), a.IP.Port())
	}
	return a
}

func unspecified(v4 bool) netip.Addr {
	if v4 {
		return netip.IPv4Unspecified()
	}
	return netip.IPv6Unspecified()
}
