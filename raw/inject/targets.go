package inject

import (
	"fmt"
	"net/netip"

	"sockwire/raw/packet"
)

// Allow says which packets to many may be sent: without it they are refused, for a slip of the hand reaches them.
type Allow struct {
	Broadcast bool // to broadcast addresses, of IP and of Ethernet
	Multicast bool // to groups
	Subnet    bool // to each host of a network
}

// Refusal is a destination that is not allowed.
type Refusal struct {
	Destination string
	What        string // it is
	Allow       string // what would allow it: broadcast, multicast or subnet
}

func (r *Refusal) Error() string { return "the destination " + r.Destination + " is " + r.What }

func refuse(dst fmt.Stringer, what, allow string) error {
	return &Refusal{Destination: dst.String(), What: what, Allow: allow}
}

// solicitedNode are the groups that neighbour solicitations go to: each is asked for by one address.
var solicitedNode = netip.MustParsePrefix("ff02::1:ff00:0/104")

// checkTarget refuses the destination of a template's packet by what its address alone shows.
func (a Allow) checkTarget(t *packet.Template, dst *netip.Addr) error {
	switch {
	case !dst.IsValid():
		return errNoDestination
	// First, so that what is said does not depend on which of them comes by chance.
	case t.Subnet(dst) && !a.Subnet:
		return refuse(*dst, "one of a whole prefix, or of all there are", "subnet")
	case solicitedNode.Contains(*dst):
		return nil
	}
	return a.checkAddress(*dst)
}

// checkAddress refuses addresses of many.
func (a Allow) checkAddress(dst netip.Addr) error {
	switch {
	case dst == limitedBroadcast && !a.Broadcast:
		return refuse(dst, "the broadcast address", "broadcast")
	case dst.IsMulticast() && !a.Multicast:
		return refuse(dst, "a multicast group", "multicast")
	}
	return nil
}

// checkLayers refuses the destinations of a template's packet.
func (a Allow) checkLayers(t *packet.Template, layers []packet.Layer) error {
	if dst := destinationField(layers); dst != nil {
		if err := a.checkTarget(t, dst); err != nil {
			return err
		}
	}
	frame, ok := layers[0].(*packet.Ethernet)
	_, isARP := layers[min(1, len(layers)-1)].(*packet.ARP)
	if ok && !isARP { // ARP asks everyone by design
		return a.checkFrame(frame.Dst, Destination(layers))
	}
	return nil
}

// checkFrame refuses Ethernet addresses of many stations, unless the network address was looked at for the same: dst is
// that, or not valid.
func (a Allow) checkFrame(mac packet.MAC, dst netip.Addr) error {
	switch {
	case mac[0]&1 == 0 || dst.IsMulticast():
		return nil
	case mac == packet.BroadcastMAC && !a.Broadcast:
		return refuse(mac, "the broadcast address", "broadcast")
	case mac != packet.BroadcastMAC && !a.Multicast:
		return refuse(mac, "a multicast group", "multicast")
	}
	return nil
}

// checkConnected refuses a list or range that goes through a whole connected network, however small.
func (a Allow) checkConnected(t *packet.Template, networks []network) error {
	dst := destinationField(t.Layers(0))
	if dst == nil || a.Subnet {
		return nil
	}
	for _, n := range networks {
		if t.Covers(dst, n.prefix) {
			return refuse(*dst, "one of all hosts of "+n.prefix.String()+", the network of "+n.device, "subnet")
		}
	}
	return nil
}
