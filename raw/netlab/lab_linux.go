package netlab

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Lab is a private network. Its methods may be called from several goroutines.
type Lab struct {
	cfg   Config
	mu    sync.Mutex
	hosts []*Host
	links []*Link
	done  bool
}

// New returns an empty lab. cfg may be nil. The process must be inside: see [Run] and [Enter].
func New(cfg *Config) (*Lab, error) {
	if err := ready(); err != nil {
		return nil, err
	}
	l := &Lab{}
	if cfg != nil {
		l.cfg = *cfg
	}
	if _, err := os.Stat("/proc/sys/net/ipv6"); err != nil {
		l.cfg.IPv4Only = true
	}
	return l, nil
}

// Close takes the lab down. Namespaces vanish with their last user: a socket opened in [Host.Do], or a
// program started there, keeps its host's alive until it is closed too. Closing twice does nothing.
func (l *Lab) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.done {
		return nil
	}
	l.done = true
	for _, h := range l.hosts {
		h.close()
	}
	return nil
}

// Host makes a host with its loopback interface up and no other. The name is for messages and must be new in the lab.
func (l *Lab) Host(name string) (*Host, error) { return l.addHost(name, false) }

// Router makes a host that forwards IPv4 and IPv6. Hosts on different links of routers reach each other
// through them by the shortest way; [Lab.Link] keeps the routes.
func (l *Lab) Router(name string) (*Host, error) { return l.addHost(name, true) }

func (l *Lab) addHost(name string, router bool) (*Host, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.done {
		return nil, fmt.Errorf("netlab: host %s: %w", name, net.ErrClosed)
	}
	for _, h := range l.hosts {
		if h.name == name {
			return nil, fmt.Errorf("netlab: host %s: there is one already", name)
		}
	}
	h, err := newHost(l, name, router)
	if err != nil {
		return nil, fmt.Errorf("netlab: host %s: %w", name, err)
	}
	l.hosts = append(l.hosts, h)
	return h, nil
}

// Link is two joined interfaces.
type Link struct {
	A, B End

	net4, net6 netip.Prefix
}

// Link joins two hosts by virtual Ethernet. Link number n of a lab (from 1) has the addresses 10.x.y.1 and
// .2, x and y being the bytes of n, and fd00:0:0:n::1 and ::2, all usable at once: addresses are not
// probed for duplicates and the link is up on return. Nothing but what programs send appears on it (no router
// solicitations, no multicast reports, and without LinkConfig.Resolve no ARP and no neighbour discovery).
func (l *Lab) Link(a, b *Host, cfg LinkConfig) (*Link, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	k, err := l.link(a, b, cfg)
	if err != nil {
		return nil, fmt.Errorf("netlab: link %s to %s: %w", a.name, b.name, err)
	}
	return k, nil
}

func (l *Lab) link(a, b *Host, cfg LinkConfig) (*Link, error) {
	switch {
	case l.done:
		return nil, net.ErrClosed
	case a == b:
		return nil, fmt.Errorf("a host cannot be joined to itself; it has a loopback interface")
	case a.lab != l || b.lab != l:
		return nil, fmt.Errorf("both hosts must be of this lab")
	case len(l.links) >= 1<<16-1:
		return nil, fmt.Errorf("a lab has at most 65535 links")
	case cfg.MTU == 0:
		cfg.MTU = 1500
	case cfg.MTU < 68 || cfg.MTU > 65535:
		return nil, fmt.Errorf("MTU %d is not within 68 to 65535", cfg.MTU)
	}
	n := len(l.links) + 1
	hi, lo := byte(n>>8), byte(n)
	k := &Link{
		A:    End{Host: a, Ifname: a.nextIfname(), MAC: [6]byte{2, 0, 0, hi, lo, 1}, Addr4: netip.AddrFrom4([4]byte{10, hi, lo, 1})},
		B:    End{Host: b, Ifname: b.nextIfname(), MAC: [6]byte{2, 0, 0, hi, lo, 2}, Addr4: netip.AddrFrom4([4]byte{10, hi, lo, 2})},
		net4: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, hi, lo, 0}), 24),
	}
	if !l.cfg.IPv4Only && cfg.MTU >= 1280 {
		six := func(host byte) netip.Addr { return netip.AddrFrom16([16]byte{0: 0xfd, 6: hi, 7: lo, 15: host}) }
		k.A.Addr6, k.B.Addr6 = six(1), six(2)
		k.net6 = netip.PrefixFrom(six(0), 64)
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MTU, attrs.HardwareAddr = k.A.Ifname, cfg.MTU, k.A.MAC[:]
	err := a.nl.LinkAdd(&netlink.Veth{
		LinkAttrs: attrs,
		PeerName:  k.B.Ifname, PeerHardwareAddr: k.B.MAC[:], PeerMTU: uint32(cfg.MTU),
		PeerNamespace: netlink.NsFd(int(b.ns.Fd())),
	})
	if err != nil {
		return nil, fmt.Errorf("make the veth pair: %w", err)
	}
	for _, e := range []*End{&k.A, &k.B} {
		if err := e.up(!cfg.Resolve); err != nil {
			return nil, fmt.Errorf("%s of %s: %w", e.Ifname, e.Host.name, err)
		}
	}
	// The end set up first had no carrier then. Asking for the state makes the kernel act on the change now
	// rather than when its link watcher runs; until then the interface would drop what is sent.
	if err := a.syncCarrier(k.A.Ifname); err != nil {
		return nil, err
	}
	for _, e := range []*End{&k.A, &k.B} {
		if err := e.address(k); err != nil {
			return nil, fmt.Errorf("%s of %s: %w", e.Ifname, e.Host.name, err)
		}
	}
	for _, e := range []*End{&k.A, &k.B} {
		if err := e.awaitLocal(); err != nil {
			return nil, fmt.Errorf("%s of %s: %w", e.Ifname, e.Host.name, err)
		}
	}
	if !cfg.Resolve {
		if err := k.A.know(&k.B); err != nil {
			return nil, err
		}
		if err := k.B.know(&k.A); err != nil {
			return nil, err
		}
	}
	l.links = append(l.links, k)
	a.ends, b.ends = append(a.ends, &k.A), append(b.ends, &k.B)
	return k, l.route()
}

// up sets the interface up, at first without address resolution: so it joins no multicast group of its own
// addresses, and reports none.
func (e *End) up(quiet bool) error {
	link, err := e.Host.nl.LinkByName(e.Ifname)
	if err != nil {
		return err
	}
	e.Ifindex = link.Attrs().Index
	if quiet {
		if err := e.Host.nl.LinkSetARPOff(link); err != nil {
			return err
		}
	}
	return e.Host.nl.LinkSetUp(link)
}

func (e *End) address(k *Link) error {
	link := &netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Index: e.Ifindex}}
	if err := e.Host.nl.AddrAdd(link, &netlink.Addr{IPNet: ipNet(e.Addr4, k.net4.Bits())}); err != nil {
		return fmt.Errorf("address %s: %w", e.Addr4, err)
	}
	if e.Addr6.IsValid() {
		addr := &netlink.Addr{IPNet: ipNet(e.Addr6, k.net6.Bits()), Flags: unix.IFA_F_NODAD}
		if err := e.Host.nl.AddrAdd(link, addr); err != nil {
			return fmt.Errorf("address %s: %w", e.Addr6, err)
		}
	}
	return nil
}

// awaitLocal waits until the host receives for its IPv6 address: the kernel adds the local route to a new one later, on
// a work queue, even when there is no duplicate address detection, and refuses packets to it until then.
func (e *End) awaitLocal() error {
	if !e.Addr6.IsValid() {
		return nil
	}
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Microsecond) {
		routes, err := e.Host.nl.RouteGet(e.Addr6.AsSlice())
		if err == nil && len(routes) > 0 && routes[0].Type == unix.RTN_LOCAL {
			return nil
		}
	}
	return fmt.Errorf("address %s: the kernel has no local route to it after 5 s", e.Addr6)
}

// know turns address resolution on and tells the end the other's address for good.
func (e *End) know(peer *End) error {
	if err := e.Host.nl.LinkSetARPOn(&netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Index: e.Ifindex}}); err != nil {
		return err
	}
	for _, addr := range []netip.Addr{peer.Addr4, peer.Addr6} {
		if !addr.IsValid() {
			continue
		}
		if err := e.Host.setNeighbour(e.Ifindex, addr, peer.MAC[:]); err != nil {
			return err
		}
	}
	return nil
}

func ipNet(a netip.Addr, bits int) *net.IPNet {
	return &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(bits, a.BitLen())}
}

// route gives every host a route to every link it is not on, by the fewest routers.
func (l *Lab) route() error {
	for _, from := range l.hosts {
		hop := from.firstHops()
		for _, k := range l.links {
			via, ok := hop[k]
			if !ok || via == nil {
				continue
			}
			if err := from.replaceRoute(k.net4, via.Addr4); err != nil {
				return err
			}
			if k.net6.IsValid() && via.Addr6.IsValid() {
				if err := from.replaceRoute(k.net6, via.Addr6); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// firstHops finds, breadth first, the neighbouring end through which each link is reached; nil for the host's own links.
func (h *Host) firstHops() map[*Link]*End {
	hop := map[*Link]*End{}
	type step struct {
		at  *Host
		via *End
	}
	queue := []step{{h, nil}}
	seen := map[*Host]bool{h: true}
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		for _, k := range h.lab.links {
			var far *End
			switch s.at {
			case k.A.Host:
				far = &k.B
			case k.B.Host:
				far = &k.A
			default:
				continue
			}
			if _, ok := hop[k]; !ok {
				hop[k] = s.via
			}
			if !far.Host.router || seen[far.Host] {
				continue
			}
			seen[far.Host] = true
			via := s.via
			if via == nil {
				via = far
			}
			queue = append(queue, step{far.Host, via})
		}
	}
	return hop
}
