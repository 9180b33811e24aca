package raw

import (
	"net"
	"net/netip"
	"strconv"
)

// interfaces is what this host's interfaces were called, and which addresses they had, when it was read: sockets stay
// in the network namespace they were opened in, and the goroutines that use them may run in another.
type interfaces struct {
	names     map[uint32]string
	indexes   map[string]uint32
	addresses map[netip.Addr]bool
}

func readInterfaces() *interfaces {
	i := &interfaces{names: map[uint32]string{}, indexes: map[string]uint32{}, addresses: map[netip.Addr]bool{}}
	// What cannot be read is not known: then zones are numbers, and no address is this host's.
	all, _ := net.Interfaces()
	for _, known := range all {
		i.names[uint32(known.Index)], i.indexes[known.Name] = known.Name, uint32(known.Index)
	}
	addresses, _ := net.InterfaceAddrs()
	for _, a := range addresses {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil {
			i.addresses[prefix.Addr().Unmap()] = true
		}
	}
	return i
}

// scope returns the interface index of a zone, which is a number or a name; 0 if there is none such.
func (i *interfaces) scope(zone string) uint32 {
	if zone == "" {
		return 0
	}
	if index, ok := i.indexes[zone]; ok {
		return index
	}
	return uint32(zoneIndex(zone))
}

// zone returns what to call the link of an interface index: as the target of the echo has it, so that one address is
// written in one way, else the interface's name, else the number.
func (i *interfaces) zone(scope uint32, target netip.Addr) string {
	if given := target.Zone(); given != "" && i.scope(given) == scope {
		return given
	}
	if name, ok := i.names[scope]; ok {
		return name
	}
	return strconv.FormatUint(uint64(scope), 10)
}

// own tells whether an address is one of this host's.
func (i *interfaces) own(a netip.Addr) bool { return i.addresses[a.WithZone("")] }
