package where

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"sockwire/capture/decode"
	"sockwire/raw/wire"
)

// Prefilter returns a filter in the language of pcap-filter(7) that every packet passes that matches the expression, and
// others too; "" where nothing can be said but that it may be any packet. streams makes it one that also lets all
// packets through that a message of a matching one can be made of: both directions of its stream, and all fragments.
//
// A packet that is IP with TCP, or with UDP that carries no tunnel, right behind its link layer has no other addresses
// and ports than those in front. Only of those the filter asks what the expression asks; it lets all others through,
// for they may have a header inside that matches. It holds for a Decoder without Ports.
func (e *Expression) Prefilter(streams bool) string {
	d := deriver{streams: streams}
	c := d.of(e.root)
	switch {
	case c.depth == anything:
		return ""
	case c.depth == nothing:
		return "not " + d.plain()
	}
	return c.text + " or not " + d.plain()
}

// deriver makes conditions on plain packets of the parts of an expression.
type deriver struct{ streams bool }

// condition is what a plain packet that matches fulfils.
type condition struct {
	text  string
	depth depth
}

// depth is how far into a frame a condition looks. The filter gives up a frame that ends before what it reads, so what
// is asked first must not read farther than what is asked later: a short frame could match by that.
type depth uint8

const (
	nothing  depth = iota // no plain packet fulfils it
	byLink                // it reads the link layer
	byIP                  // the header of IP
	byPorts               // the header behind it
	anything              // all plain packets may match
)

// tunnelPorts are UDP ports behind which there may be other headers: those that are decoded, and a few more that are
// registered for such.
func tunnelPorts() []uint16 {
	ports, _ := decode.Carriers()
	for _, p := range wire.VXLANPorts() {
		ports = append(ports, p)
	}
	ports = append(ports, wire.PortGeneve, wire.PortMPLS, wire.PortNATT, 4754, 5247, 6343, 6511, 9899, 37008) // GRE, CAPWAP, sFlow, DCCP, SCTP, TZSP
	slices.Sort(ports)
	return slices.Compact(ports)
}

// plain is the filter for packets that have no other headers inside.
func (d *deriver) plain() string {
	var ports []string
	for _, p := range tunnelPorts() {
		ports = append(ports, fmt.Sprintf("udp port %d", p))
	}
	over := overTCP
	if _, anywhere := decode.Carriers(); !anywhere {
		over = "(" + overTCP + " or (" + overUDP + " and not (" + strings.Join(ports, " or ") + ")))"
	}
	if d.streams {
		return "(" + over + " and (ip6 or ip[6:2] & 0x3fff == 0))"
	}
	return over
}

// What is right behind the header of IP: tcp and udp alone also mean what is behind a fragment header.
const (
	overTCP = "(ip proto 6 or ip6[6] == 6)"
	overUDP = "(ip proto 17 or ip6[6] == 17)"
)

var whatever, none = condition{depth: anything}, condition{depth: nothing}

// of returns the condition for a part.
func (d *deriver) of(n node) condition {
	switch n := n.(type) {
	case *andNode:
		return d.all(n.list)
	case *orNode:
		var list []condition
		for _, x := range n.list {
			list = append(list, d.of(x))
		}
		return oneOf(list)
	case *thereNode:
		return there(n.a.field)
	case *compareNode:
		if n.other != nil {
			return allOf([]condition{there(n.a.field), there(n.other.field)})
		}
		return d.compared(n.a, n.op, n.with)
	case *inNode:
		return d.in(n)
	case *containsNode:
		return there(n.a.field)
	case *matchesNode:
		return there(n.a.field)
	}
	return whatever // what is behind not
}

func (d *deriver) all(list []node) condition {
	var conditions []condition
	for _, x := range list {
		conditions = append(conditions, d.of(x))
	}
	return allOf(conditions)
}

func allOf(list []condition) condition {
	if slices.Contains(list, none) {
		return none
	}
	return joined(slices.DeleteFunc(list, func(c condition) bool { return c == whatever }), " and ", whatever)
}

func oneOf(list []condition) condition {
	if slices.Contains(list, whatever) {
		return whatever
	}
	return joined(slices.DeleteFunc(list, func(c condition) bool { return c == none }), " or ", none)
}

// joined joins conditions, those that look least far first. Without one it is empty.
func joined(list []condition, word string, empty condition) condition {
	if len(list) == 0 {
		return empty
	}
	slices.SortStableFunc(list, func(a, b condition) int { return int(a.depth) - int(b.depth) })
	var texts []string
	for _, c := range list {
		if !slices.Contains(texts, c.text) {
			texts = append(texts, c.text)
		}
	}
	last := list[len(list)-1].depth
	if len(texts) == 1 {
		return condition{texts[0], last}
	}
	return condition{"(" + strings.Join(texts, word) + ")", last}
}

// inside are the prefixes of what plain packets do not have.
var inside = []string{"arp", "icmp", "icmpv6", "igmp", "sctp", "dccp", "udplite", "gre", "vrrp", "ospf", "pim", "ah", "esp", "vxlan", "geneve", "mip6"}

// layers are the conditions for the layers that plain packets have, by prefix.
var layers = map[string]condition{"ip": {"ip", byIP}, "ipv6": {"ip6", byIP}, "tcp": {overTCP, byIP}, "udp": {overUDP, byIP}}

// there is the condition for a packet to have a field, or a protocol.
func there(f *field) condition {
	if f.frame != nil {
		return whatever
	}
	names := []string{f.name}
	if len(f.definitions) > 0 {
		names = names[:0]
		for _, d := range f.definitions {
			names = append(names, d.Key)
		}
	}
	var list []condition
	for _, name := range names {
		p := prefix(name)
		c, ok := layers[p]
		switch {
		case ok:
			list = append(list, c)
		case !slices.Contains(inside, p):
			return whatever
		}
	}
	return oneOf(list)
}

// asked are the words of pcap-filter for fields, by key.
var asked = map[string]struct{ protocol, side string }{
	"ip.src": {"ip", "src"}, "ip.dst": {"ip", "dst"}, "ipv6.src": {"ip6", "src"}, "ipv6.dst": {"ip6", "dst"},
	"eth.src": {"ether", "src"}, "eth.dst": {"ether", "dst"},
	"tcp.srcport": {"tcp", "src"}, "tcp.dstport": {"tcp", "dst"}, "udp.srcport": {"udp", "src"}, "udp.dstport": {"udp", "dst"},
}

// maxItems bounds how many values of a set go into the filter.
const maxItems = 32

func (d *deriver) in(n *inNode) condition {
	if len(n.set) > maxItems {
		return there(n.a.field)
	}
	var list []condition
	for _, s := range n.set {
		if s.to == nil {
			list = append(list, d.compared(n.a, equal, &s.from))
		} else {
			list = append(list, d.between(n.a, &s.from.value, &s.to.value))
		}
	}
	return oneOf(list)
}

// compared is the condition for a value of an operand to be in relation to a literal.
func (d *deriver) compared(a *operand, op relation, with *literal) condition {
	if !a.simple() || with.named {
		return there(a.field)
	}
	switch op {
	case equal:
		return d.between(a, &with.value, &with.value)
	case less, atMost:
		return d.between(a, &value{}, &with.value)
	case more, atLeast:
		return d.between(a, &with.value, &value{n: num{n: 65535}})
	}
	return there(a.field)
}

// between is the condition for a value to be from one to another one, at least: an address that is one, or ports.
func (d *deriver) between(a *operand, from, to *value) condition {
	var list []condition
	for _, f := range a.field.definitions {
		w, ok := asked[f.Key]
		if !ok || !a.simple() {
			return there(a.field)
		}
		side := w.side + " "
		if d.streams {
			side = ""
		}
		c := condition{depth: byIP}
		switch {
		case a.class == number:
			if from.n.neg || to.n.neg || from.n.n > to.n.n || to.n.n > 65535 {
				return there(a.field)
			}
			c = condition{fmt.Sprintf("%s %sportrange %d-%d", w.protocol, side, from.n.n, to.n.n), byPorts}
			if from.n == to.n {
				c.text = fmt.Sprintf("%s %sport %d", w.protocol, side, from.n.n)
			}
		case from != to && !slices.Equal(from.b, to.b):
			return there(a.field)
		case w.protocol == "ether":
			if len(from.b) != 6 {
				return whatever
			}
			c = condition{fmt.Sprintf("ether %shost %s", side, decode.AppendMAC(nil, from.b)), byLink}
		default:
			addr, ok := netip.AddrFromSlice(from.b)
			if !ok {
				return there(a.field)
			}
			c.text = fmt.Sprintf("%s %shost %v", w.protocol, side, addr)
			if from.network >= 0 {
				c.text = fmt.Sprintf("%s %snet %v/%d", w.protocol, side, addr, from.network)
			}
		}
		list = append(list, c)
	}
	if len(list) == 0 {
		return there(a.field)
	}
	return oneOf(list)
}
