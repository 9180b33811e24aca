package netlab

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"

	"github.com/vishvananda/netlink"
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
	var wg sync.WaitGroup
	for _, k := range l.links {
		if k.wire != nil {
			wg.Go(k.wire.close)
		}
	}
	wg.Wait()
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
	if slices.ContainsFunc(l.hosts, func(h *Host) bool { return h.name == name }) {
		return nil, fmt.Errorf("netlab: host %s: there is one already", name)
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
	wire       *wire // nil on a perfect link
}

// Link joins two hosts by virtual Ethernet. Link number n of a lab (from 1) has the addresses 10.x.y.1 and
// .2, x and y being the bytes of n, and fd00:0:0:n::1 and ::2, all usable at once: addresses are not
// probed for duplicates and the link is up on return. From then on nothing but what programs cause appears on it: no
// router solicitations, no multicast reports, and between the two, without LinkConfig.Resolve, no ARP and no neighbour
// discovery.
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
	if cfg.Impair == nil {
		err := joinVeth(vethEnd{a, k.A.Ifname, k.A.MAC}, vethEnd{b, k.B.Ifname, k.B.MAC}, cfg.MTU)
		if err != nil {
			return nil, err
		}
	} else if err := k.joinWire(cfg); err != nil {
		return nil, err
	}
	if err := l.configure(k, cfg); err != nil {
		if k.wire != nil {
			k.wire.close()
		}
		return nil, err
	}
	l.links = append(l.links, k)
	a.ends, b.ends = append(a.ends, &k.A), append(b.ends, &k.B)
	if l.cfg.NoRoutes {
		return k, nil
	}
	return k, l.route()
}

type vethEnd struct {
	host   *Host
	ifname string
	mac    [6]byte
}

func joinVeth(a, b vethEnd, mtu int) error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MTU, attrs.HardwareAddr = a.ifname, mtu, a.mac[:]
	err := a.host.nl.LinkAdd(&netlink.Veth{
		LinkAttrs: attrs,
		PeerName:  b.ifname, PeerHardwareAddr: b.mac[:], PeerMTU: uint32(mtu),
		PeerNamespace: netlink.NsFd(int(b.host.ns.Fd())),
	})
	if err != nil {
		return fmt.Errorf("make the veth pair: %w", err)
	}
	return nil
}

// configure sets both ends up and gives them their addresses.
func (l *Lab) configure(k *Link, cfg LinkConfig) error {
	ends := []*End{&k.A, &k.B}
	for _, e := range ends {
		link, err := e.Host.nl.LinkByName(e.Ifname)
		if err != nil {
			return err
		}
		e.Ifindex = link.Attrs().Index
		if err := e.Host.nl.LinkSetUp(link); err != nil {
			return fmt.Errorf("set up %s of %s: %w", e.Ifname, e.Host.name, err)
		}
	}
	// The end set up first had no carrier then. Asking for the state makes the kernel act on the change now
	// rather than when its link watcher runs; until then the interface would drop what is sent.
	for _, e := range ends {
		if err := e.Host.syncCarrier(e.Ifname); err != nil {
			return err
		}
	}
	for _, e := range ends {
		for _, addr := range []netip.Prefix{netip.PrefixFrom(e.Addr4, k.net4.Bits()), netip.PrefixFrom(e.Addr6, k.net6.Bits())} {
			if !addr.IsValid() {
				continue
			}
			if err := e.Host.addAddr(e.Ifindex, addr); err != nil {
				return err
			}
		}
	}
	for i, e := range ends {
		if e.Addr6.IsValid() {
			if err := e.Host.awaitLocal(e.Addr6); err != nil {
				return err
			}
			if err := e.Host.awaitReports(e.Ifname); err != nil {
				return err
			}
		}
		if cfg.Resolve {
			continue
		}
		peer := ends[1-i]
		for _, addr := range []netip.Addr{peer.Addr4, peer.Addr6} {
			if addr.IsValid() {
				if err := e.Host.AddNeighbour(e.Ifname, addr, peer.MAC[:]); err != nil {
					return err
				}
			}
		}
	}
	if k.wire != nil {
		return k.wire.start(cfg.MTU)
	}
	return nil
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

// farEnd returns the other end of an unimpaired link, or nil.
func (l *Lab) farEnd(h *Host, ifname string) *End {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, k := range l.links {
		switch {
		case k.wire != nil:
		case k.A.Host == h && k.A.Ifname == ifname:
			return &k.B
		case k.B.Host == h && k.B.Ifname == ifname:
			return &k.A
		}
	}
	return nil
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
			if err := from.AddRoute(Route{Dst: k.net4, Via: via.Addr4}); err != nil {
				return err
			}
			if k.net6.IsValid() && via.Addr6.IsValid() {
				if err := from.AddRoute(Route{Dst: k.net6, Via: via.Addr6}); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// firstHops finds, breadth first, the neighbouring end through which each link is reached; nil for the host's own
// links.
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
			queue = append(queue, step{far.Host, cmp.Or(s.via, far)})
		}
	}
	return hop
}
