package inject

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"sockwire/raw/packet"
	"sockwire/raw/wire"
)

// Resolver finds what a packet's expression leaves to the system: source addresses by the routing table, Ethernet
// addresses by the neighbour table, which it asks the network to fill where it has no answer. It is for one goroutine.
type Resolver struct {
	handle *netlink.Handle
	device string // "" or the one that everything leaves through
	routes map[netip.Addr]*Route
	links  map[int]netlink.Link
	local  map[netip.Addr]bool
	macs   map[netip.Addr]packet.MAC
	table  map[int]bool      // interfaces whose neighbours have been read
	asking map[bool]*os.File // for IPv6 or not: where neighbours are asked for
}

// maxCached bounds what a Resolver remembers.
const maxCached = 1 << 16

func remember[V any](known map[netip.Addr]V, a netip.Addr, v V) {
	if len(known) >= maxCached {
		clear(known)
	}
	known[a] = v
}

// OpenResolver returns a resolver for the network namespace of the calling thread. device, if not "", is the interface
// that everything leaves through.
func OpenResolver(device string) (*Resolver, error) {
	handle, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("inject: netlink: %w", err)
	}
	r := &Resolver{
		handle: handle, device: device, routes: map[netip.Addr]*Route{}, links: map[int]netlink.Link{}, local: map[netip.Addr]bool{},
		macs: map[netip.Addr]packet.MAC{}, table: map[int]bool{}, asking: map[bool]*os.File{},
	}
	if device != "" {
		if _, err := handle.LinkByName(device); err != nil {
			handle.Close()
			return nil, fmt.Errorf("inject: interface %s: %w", device, err)
		}
	}
	return r, nil
}

// Close frees the resolver.
func (r *Resolver) Close() error {
	r.handle.Close()
	for _, file := range r.asking {
		file.Close()
	}
	return nil
}

// Prepare opens what it takes to ask for neighbours on an interface, while the process still may: it needs CAP_NET_RAW.
// Without it the first question does.
func (r *Resolver) Prepare(ifindex int) error {
	for _, v6 := range []bool{false, true} {
		if r.asking[v6] != nil {
			continue
		}
		file, err := openAsking(v6, ifindex)
		if err != nil {
			return fmt.Errorf("inject: packet socket: %w", err)
		}
		r.asking[v6] = file
	}
	return nil
}

// openAsking returns a packet socket that sees ARP or IPv6 on an interface.
func openAsking(v6 bool, ifindex int) (*os.File, error) {
	proto := uint16(unix.ETH_P_ARP)
	if v6 {
		proto = unix.ETH_P_IPV6
	}
	proto = proto<<8 | proto>>8 // network order
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: proto, Ifindex: ifindex}); err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("bind", err)
	}
	return os.NewFile(uintptr(fd), "neighbour"), nil
}

// Route returns the way to dst; an invalid dst asks for the interface given to OpenResolver. The Route is shared: do
// not change it.
func (r *Resolver) Route(dst netip.Addr) (*Route, error) {
	if route := r.routes[dst]; route != nil {
		return route, nil
	}
	route, err := r.lookUp(dst)
	if err != nil {
		return nil, err
	}
	remember(r.routes, dst, route)
	return route, nil
}

func (r *Resolver) lookUp(dst netip.Addr) (*Route, error) {
	if !dst.IsValid() || dst.IsUnspecified() {
		if r.device == "" {
			return nil, errors.New("inject: no destination to find an interface by: name one")
		}
		return r.deviceRoute(dst)
	}
	options := &netlink.RouteGetOptions{Oif: r.device}
	found, err := r.handle.RouteGetWithOptions(dst.AsSlice(), options)
	if err != nil || len(found) == 0 {
		if r.device != "" {
			return r.deviceRoute(dst)
		}
		return nil, fmt.Errorf("inject: no route to %s: %w", dst, err)
	}
	route := &Route{NextHop: dst, Broadcast: found[0].Type == unix.RTN_BROADCAST}
	if err := r.describe(route, found[0].LinkIndex); err != nil {
		return nil, err
	}
	if a, ok := netip.AddrFromSlice(found[0].Src); ok {
		route.Src = a.Unmap()
	}
	if a, ok := netip.AddrFromSlice(found[0].Gw); ok {
		route.NextHop = a.Unmap()
	}
	return route, nil
}

// Local reports whether an address is one of this host's own, so that what is sent to it arrives here. Where the system
// does not say, it may be.
func (r *Resolver) Local(a netip.Addr) bool {
	local, known := r.local[a]
	if known {
		return local
	}
	found, err := r.handle.RouteGetWithOptions(a.AsSlice(), &netlink.RouteGetOptions{})
	local = err != nil && err != unix.ENETUNREACH && err != unix.EHOSTUNREACH || len(found) > 0 && found[0].Type == unix.RTN_LOCAL
	remember(r.local, a, local)
	return local
}

// deviceRoute is the way to what no route knows: the interface, and its first address of the family.
func (r *Resolver) deviceRoute(dst netip.Addr) (*Route, error) {
	link, err := r.handle.LinkByName(r.device)
	if err != nil {
		return nil, fmt.Errorf("inject: interface %s: %w", r.device, err)
	}
	route := &Route{NextHop: dst}
	if err := r.describe(route, link.Attrs().Index); err != nil {
		return nil, err
	}
	family := netlink.FAMILY_V4
	if dst.Is6() {
		family = netlink.FAMILY_V6
	}
	addrs, err := r.handle.AddrList(link, family)
	if err != nil {
		return nil, fmt.Errorf("inject: addresses of %s: %w", r.device, err)
	}
	for _, a := range addrs {
		if ip, ok := netip.AddrFromSlice(a.IP); ok {
			route.Src = ip.Unmap()
			break
		}
	}
	return route, nil
}

func (r *Resolver) describe(route *Route, index int) error {
	link := r.links[index]
	if link == nil {
		var err error
		if link, err = r.handle.LinkByIndex(index); err != nil {
			return fmt.Errorf("inject: interface %d: %w", index, err)
		}
		r.links[index] = link
	}
	a := link.Attrs()
	route.Interface, route.Ifindex, route.MTU = a.Name, index, a.MTU
	route.Loopback = a.Flags&net.FlagLoopback != 0
	route.Ethernet = a.EncapType == "ether" || route.Loopback // lo takes an Ethernet header of zeros
	copy(route.MAC[:], a.HardwareAddr)
	return nil
}

// Neighbour returns the Ethernet address of a route's next hop: from the system's neighbour table, or else by asking
// for it by ARP or neighbour discovery, three times a second apart at most.
func (r *Resolver) Neighbour(ctx context.Context, route *Route) (packet.MAC, error) {
	if mac, ok := r.macs[route.NextHop]; ok {
		return mac, nil
	}
	if !r.table[route.Ifindex] {
		r.table[route.Ifindex] = true
		if err := r.readNeighbours(route.Ifindex); err != nil {
			return packet.MAC{}, err
		}
		if mac, ok := r.macs[route.NextHop]; ok {
			return mac, nil
		}
	}
	if err := r.Prepare(route.Ifindex); err != nil {
		return packet.MAC{}, err
	}
	mac, err := ask(ctx, r.asking[route.NextHop.Is6()], route)
	if err != nil {
		return mac, fmt.Errorf("inject: the Ethernet address of %s on %s: %w", route.NextHop, route.Interface, err)
	}
	remember(r.macs, route.NextHop, mac)
	return mac, nil
}

func (r *Resolver) readNeighbours(ifindex int) error {
	list, err := r.handle.NeighList(ifindex, netlink.FAMILY_ALL)
	if err != nil {
		return fmt.Errorf("inject: neighbours: %w", err)
	}
	const usable = netlink.NUD_REACHABLE | netlink.NUD_STALE | netlink.NUD_DELAY | netlink.NUD_PROBE | netlink.NUD_PERMANENT
	for _, n := range list {
		if a, ok := netip.AddrFromSlice(n.IP); ok && n.State&usable != 0 && len(n.HardwareAddr) == 6 && len(r.macs) < maxCached {
			r.macs[a.Unmap()] = packet.MAC(n.HardwareAddr)
		}
	}
	return nil
}

// ask sends ARP requests or neighbour solicitations and returns the address in the answer.
func ask(ctx context.Context, file *os.File, route *Route) (packet.MAC, error) {
	question, err := neighbourQuestion(route)
	if err != nil {
		return packet.MAC{}, err
	}
	stop := context.AfterFunc(ctx, func() { file.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	buf := make([]byte, 2048)
	file.SetReadDeadline(time.Unix(1, 0)) // old answers are thrown away
	for _, err := file.Read(buf); err == nil; {
		_, err = file.Read(buf)
	}
	for range 3 {
		if ctx.Err() != nil {
			return packet.MAC{}, context.Cause(ctx)
		}
		if _, err := file.Write(question); err != nil {
			return packet.MAC{}, err
		}
		file.SetReadDeadline(time.Now().Add(time.Second))
		for {
			n, err := file.Read(buf)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				break
			}
			if err != nil {
				return packet.MAC{}, err
			}
			if mac, ok := neighbourAnswer(buf[:n], route.NextHop); ok {
				return mac, nil
			}
		}
	}
	return packet.MAC{}, ErrNoNeighbour
}

func neighbourQuestion(route *Route) ([]byte, error) {
	if route.NextHop.Is4() {
		return packet.Append(nil, &packet.Ethernet{Dst: packet.BroadcastMAC, Src: route.MAC},
			&packet.ARP{SenderMAC: route.MAC, SenderIP: route.Src, TargetIP: route.NextHop})
	}
	group := netip.MustParseAddr("ff02::1:ff00:0").As16()
	target := route.NextHop.As16()
	copy(group[13:], target[13:])
	dst := netip.AddrFrom16(group)
	return packet.Append(nil, &packet.Ethernet{Dst: GroupMAC(dst), Src: route.MAC}, &packet.IPv6{Src: route.Src, Dst: dst},
		&packet.ICMPv6{Type: wire.ICMPv6NeighborSolicit, Target: route.NextHop, Options: []packet.Option{{Type: wire.NDOptionSourceLinkAddr, Data: route.MAC[:]}}})
}

// neighbourAnswer reads the answer for an address out of a frame.
func neighbourAnswer(f []byte, want netip.Addr) (mac packet.MAC, ok bool) {
	if want.Is4() {
		sender := want.As4()
		if len(f) < 42 || binary.BigEndian.Uint16(f[12:]) != wire.EtherTypeARP || binary.BigEndian.Uint16(f[20:]) != 2 || !bytes.Equal(f[28:32], sender[:]) {
			return mac, false
		}
		return packet.MAC(f[22:28]), true
	}
	target := want.As16()
	if len(f) < 14+40+32 || f[20] != wire.ProtoICMPv6 || f[54] != wire.ICMPv6NeighborAdvert || !bytes.Equal(f[62:78], target[:]) || f[78] != wire.NDOptionTargetLinkAddr {
		return mac, false
	}
	return packet.MAC(f[80:86]), true
}
