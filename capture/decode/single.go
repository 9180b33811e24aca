package decode

import (
	"slices"
	"strings"
)

// restOfTCP stand at the same place in every TCP header that is all there: one quoted by an ICMP error may not be.
var restOfTCP = []*Definition{
	fTCPAck, fTCPHdrLen, fTCPFlags, fTCPFlagAE, fTCPFlagCWR, fTCPFlagECE, fTCPFlagURG, fTCPFlagACK, fTCPFlagPSH, fTCPFlagRST,
	fTCPFlagSYN, fTCPFlagFIN, fTCPWindow, fTCPChecksum, fTCPStatus, fTCPUrgent, fTCPLength,
}

// Single tells whether AppendSingle reads the field of a layer of type t: whether each has it once, at the same place.
func (d *Definition) Single(t Type) bool {
	return t < firstApplication && slices.Contains(headers[t], d) || t == TypeTCP && slices.Contains(restOfTCP, d)
}

// AppendSingle adds the one field d of layer i, which is Single for the layer's type, as AppendFields adds it among all
// others. It adds nothing where the layer ends before it.
func (p *Packet) AppendSingle(dst []Field, i int, d *Definition) []Field {
	l := &p.layers[:p.n][i]
	w := NewFieldWriter(dst, p, l.Offset, l.Offset+l.Header)
	w.sum = l.Checksum
	switch {
	case l.Type != TypeTCP || slices.Contains(headers[TypeTCP], d):
		w.Add(0, d)
	case len(w.data) < 20:
	case d == fTCPLength:
		w.Value(d, 0, 0, uint64(max(l.Length-l.Header, 0)))
	case d.bits == 0: // one of the flags
		w.Bit(d, 103+slices.Index(restOfTCP, d)-slices.Index(restOfTCP, fTCPFlagAE))
	default:
		w.Add(0, d)
	}
	return w.Fields
}

// Width is the length of the field in bits where all its headers have it at the same place, or else 0.
func (d *Definition) Width() int { return max(d.bits, 0) }

// Unnamed tells of a number that none of its values has a name. Where it says no, there may be names.
func (d *Definition) Unnamed() bool {
	if d.meaning != nil || d.Kind != KindUint && d.Kind != KindHex {
		return false
	}
	for t := range Type(len(headers)) {
		if d.Single(t) {
			return true
		}
	}
	return false
}

// HasFields tells whether the layers of type t have fields that AppendFields adds. Those of other types are added by
// Applications.
func (t Type) HasFields() bool { return t < firstApplication }

// Types is how many types of layers there are: they are those from 1 to below it.
const Types = int(numTypes)

// Scaled tells whether the field shows a multiple of what its header has.
func (d *Definition) Scaled() bool { return d.factor > 1 }

// Way is how fields are found in a layer.
type Way uint8

const (
	NotThere Way = iota
	Alone        // by AppendSingle
	AmongAll     // among all that AppendFields adds, or Applications
)

// ownPrefixes are the layers, most of those that packets have, that only have fields of these prefixes. Others, and
// those that are to come, may have any.
var ownPrefixes = map[string][]string{
	"payload": nil, "fragment": nil, "eth": {"eth"}, "vlan": {"vlan", "ieee8021ad"}, "sll": {"sll"}, "arp": {"arp"},
	"ip": {"ip"}, "ipv6": {"ipv6"}, "tcp": {"tcp"}, "udp": {"udp"}, "icmp": {"icmp"}, "icmpv6": {"icmpv6"},
	"igmp": {"igmp"}, "gre": {"gre"}, "mpls": {"mpls"}, "vxlan": {"vxlan"}, "sctp": {"sctp"},
	"dns": {"dns"}, "mdns": {"dns"}, "http": {"http"}, "tls": {"tls"}, "quic": {"quic", "tls"}, "dhcp": {"dhcp"},
	"ntp": {"ntp"}, "rtp": {"rtp"}, "snmp": {"snmp"},
}

// corePrefixes are those of fields that no other layers have than those that are called so, and UDP-Lite.
var corePrefixes = []string{"ip", "ipv6", "arp", "tcp", "udp", "icmp", "icmpv6"}

// mayHave tells whether a layer of type t may have fields of a prefix.
func mayHave(t Type, of string) bool {
	name := t.String()
	if slices.Contains(corePrefixes, of) {
		p, _, _ := strings.Cut(name, ".")
		return p == of || of == "udp" && name == "udplite"
	}
	list, known := ownPrefixes[name]
	return !known || slices.Contains(list, of)
}

// WayTo tells how these fields are found in a layer of type t: for who asks for some fields only, and is not to look at
// layers that cannot have them.
func WayTo(t Type, fields []*Definition) Way {
	way, single := NotThere, len(fields) > 0
	for _, d := range fields {
		prefix, _, _ := strings.Cut(d.Key, ".")
		if mayHave(t, prefix) {
			way = AmongAll
		}
		single = single && d.Single(t)
	}
	if single {
		return Alone
	}
	return way
}

// Carriers returns the UDP ports of what carries packets of others, tunnels and such. anywhere tells that some of it is
// looked for on other ports too.
func Carriers() (ports []uint16, anywhere bool) {
	for i := range applications {
		if a := &applications[i]; a.carries != nil {
			ports = append(ports, a.udp...)
			anywhere = anywhere || a.elsewhere&(datagrams|datagramsFirst) != 0
		}
	}
	return ports, anywhere
}
