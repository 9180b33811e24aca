package filter

import "net/netip"

// Options say what an expression is compiled for. The zero value is for reading files.
type Options struct {
	// Live compiles for a Linux socket or a live capture: VLAN tags are looked for in the metadata too,
	// where the kernel puts the outermost, and inbound, outbound and ifindex are known.
	Live bool
	// Snaplen is how many bytes of a match the program asks for, 262,144 when zero.
	Snaplen int
	// Netmask is the IPv4 mask of the captured network, needed by "ip broadcast"; the zero Addr means
	// that it is not known.
	Netmask netip.Addr
	// Names resolves names; the system's files when nil.
	Names Names
	// Lookup finds the addresses of a host that Names does not know, such as net.Resolver's
	// LookupNetIP. When nil, no network is used.
	Lookup func(host string) ([]netip.Addr, error)
	// NoOptimize leaves the program as the expression has it, and compiles also what matches nothing.
	NoOptimize bool
	// fewHeaders follows fewer headers in protochain, which leaves room for the rest of the expression.
	fewHeaders bool
}

// DefaultSnaplen is what a matching program returns where Options do not say.
const DefaultSnaplen = 262144

func (o *Options) names() Names {
	if o.Names != nil {
		return o.Names
	}
	return systemNames
}
