package netlab

import (
	"cmp"
	"fmt"
	"math"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// change looks an interface up and does something with it.
func (h *Host) change(what, ifname string, do func(netlink.Link) error) error {
	link, err := h.nl.LinkByName(ifname)
	if err == nil {
		err = do(link)
	}
	if err != nil {
		return fmt.Errorf("netlab: host %s: %s: %s: %w", h.name, ifname, what, err)
	}
	return nil
}

// awaitReports waits until an interface has reported that it joined the multicast group of its first IPv6
// address. The kernel does so twice by default (RFC 3810 section 9.1), a few of its clock ticks apart when
// mldv2_unsolicited_report_interval is at its least, and cannot be told not to; this keeps the reports from
// turning up among what a test sends.
func (h *Host) awaitReports(ifname string) error {
	const reports = 2
	for end := time.Now().Add(200 * time.Millisecond); time.Now().Before(end); time.Sleep(200 * time.Microsecond) {
		sent := 0
		err := h.Do(func() error {
			b, err := os.ReadFile("/proc/thread-self/net/dev_snmp6/" + ifname)
			_, after, _ := strings.Cut(string(b), "Icmp6OutType143")
			fmt.Sscan(after, &sent) // no such line before the first
			return err
		})
		if err != nil || sent >= reports {
			return err
		}
	}
	return nil // a kernel told to report less often (net.ipv6.mld_qrv)
}

// SetMTU sets the largest IP packet an interface sends, in bytes. The other end of the link keeps its own.
func (h *Host) SetMTU(ifname string, bytes int) error {
	return h.change(fmt.Sprintf("MTU %d", bytes), ifname, func(k netlink.Link) error { return h.nl.LinkSetMTU(k, bytes) })
}

// SetUp sets an interface up or down; the other end of its link sees the carrier come or go (on an impaired link it
// sees nothing). Going down, it loses its IPv6 addresses and its routes and neighbours.
func (h *Host) SetUp(ifname string, up bool) error {
	what, set := "set up", h.nl.LinkSetUp
	if !up {
		what, set = "set down", h.nl.LinkSetDown
	}
	if err := h.change(what, ifname, set); err != nil {
		return err
	}
	if err := h.syncCarrier(ifname); err != nil {
		return err
	}
	if far := h.lab.farEnd(h, ifname); far != nil { // its carrier came or went
		return far.Host.syncCarrier(far.Ifname)
	}
	return nil
}

// AddAddr gives an interface one more address, usable at once.
func (h *Host) AddAddr(ifname string, addr netip.Prefix) error {
	return h.change("address "+addr.String(), ifname, func(k netlink.Link) error {
		if err := h.addAddr(k.Attrs().Index, addr); err != nil || k.Attrs().RawFlags&unix.IFF_RUNNING == 0 {
			return err
		}
		return h.awaitLocal(addr.Addr())
	})
}

func (h *Host) addAddr(ifindex int, addr netip.Prefix) error {
	a := &netlink.Addr{IPNet: ipNet(addr)}
	if addr.Addr().Is6() {
		a.Flags = unix.IFA_F_NODAD
	}
	if err := h.nl.AddrAdd(&netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Index: ifindex}}, a); err != nil {
		return fmt.Errorf("address %s: %w", addr, err)
	}
	return nil
}

// awaitLocal waits until the host receives for an IPv6 address: the kernel adds the local route to a new one
// later, on a work queue, even when there is no duplicate address detection, and refuses packets to it until then.
func (h *Host) awaitLocal(addr netip.Addr) error {
	if !addr.Is6() {
		return nil
	}
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Microsecond) {
		routes, err := h.nl.RouteGet(addr.AsSlice())
		if err == nil && len(routes) > 0 && routes[0].Type == unix.RTN_LOCAL {
			return nil
		}
	}
	return fmt.Errorf("the kernel has no local route to %s after 5 s", addr)
}

// AddNeighbour tells an interface the hardware address of a neighbour for good, so that it is never asked for.
func (h *Host) AddNeighbour(ifname string, addr netip.Addr, mac net.HardwareAddr) error {
	return h.change("neighbour "+addr.String(), ifname, func(k netlink.Link) error {
		return h.nl.NeighSet(&netlink.Neigh{
			LinkIndex: k.Attrs().Index, State: netlink.NUD_PERMANENT, IP: addr.AsSlice(), HardwareAddr: mac,
		})
	})
}

// DeleteNeighbour makes an interface forget a neighbour, which it will ask for by ARP or neighbour discovery.
func (h *Host) DeleteNeighbour(ifname string, addr netip.Addr) error {
	return h.change("neighbour "+addr.String(), ifname, func(k netlink.Link) error {
		return h.nl.NeighDel(&netlink.Neigh{LinkIndex: k.Attrs().Index, IP: addr.AsSlice()})
	})
}

var routeTypes = [...]int{Unicast: unix.RTN_UNICAST, Local: unix.RTN_LOCAL, Blackhole: unix.RTN_BLACKHOLE, Unreachable: unix.RTN_UNREACHABLE, Prohibit: unix.RTN_PROHIBIT}

// AddRoute adds a route, or replaces the one to the same prefix. A Local route needs no Ifname.
func (h *Host) AddRoute(r Route) error {
	fail := func(err error) error { return fmt.Errorf("netlab: host %s: route to %s: %w", h.name, r.Dst, err) }
	if int(r.Kind) >= len(routeTypes) {
		return fail(fmt.Errorf("unknown kind %d", r.Kind))
	}
	dst := r.Dst.Masked()
	nr := &netlink.Route{Dst: ipNet(dst), Type: routeTypes[r.Kind], MTU: r.MTU}
	switch {
	case len(r.Others) > 0:
		for _, via := range append([]netip.Addr{r.Via}, r.Others...) {
			if !via.IsValid() || r.Kind != Unicast || r.Ifname != "" {
				return fail(fmt.Errorf("several next hops are addresses, without an interface: %w", unix.EINVAL))
			}
			nr.MultiPath = append(nr.MultiPath, &netlink.NexthopInfo{Gw: via.AsSlice()})
		}
	case r.Via.IsValid():
		nr.Gw = r.Via.AsSlice()
	}
	ifname := r.Ifname
	if r.Kind == Local {
		nr.Table, nr.Scope = unix.RT_TABLE_LOCAL, unix.RT_SCOPE_HOST
		ifname = cmp.Or(ifname, "lo")
	} else if r.Kind == Unicast && !r.Via.IsValid() {
		nr.Scope = unix.RT_SCOPE_LINK
	}
	if ifname != "" {
		link, err := h.nl.LinkByName(ifname)
		if err != nil {
			return fail(err)
		}
		nr.LinkIndex = link.Attrs().Index
	}
	if err := h.nl.RouteReplace(nr); err != nil {
		return fail(err)
	}
	return nil
}

// LimitRate puts a token bucket filter (tc-tbf(8)) on what an interface sends: bitsPerSecond, bursts of burst bytes,
// and a queue of queue bytes before packets are dropped. A packet larger than the burst (with its Ethernet header)
// never leaves; the burst may be at most what the rate carries in 4.29 s. bitsPerSecond 0 takes the filter away.
func (h *Host) LimitRate(ifname string, bitsPerSecond, burst, queue int) error {
	what := fmt.Sprintf("limit to %d bit/s", bitsPerSecond)
	return h.change(what, ifname, func(k netlink.Link) error {
		attrs := netlink.QdiscAttrs{LinkIndex: k.Attrs().Index, Handle: netlink.MakeHandle(1, 0), Parent: netlink.HANDLE_ROOT}
		if bitsPerSecond == 0 {
			return h.nl.QdiscDel(&netlink.GenericQdisc{QdiscAttrs: attrs, QdiscType: "tbf"})
		}
		if bitsPerSecond < 8 || burst <= 0 || queue <= 0 || int64(queue)+int64(burst) > math.MaxUint32 {
			return fmt.Errorf("a rate of 8 or more, a burst and a queue above 0 are needed: %w", unix.EINVAL)
		}
		rate := uint64(bitsPerSecond) / 8
		// The kernel takes the bucket's depth as the time it takes to fill, in ticks of 64 ns, up to 4.29 s.
		fill := float64(burst) / float64(rate) * float64(time.Second)
		if fill > math.MaxUint32 {
			return fmt.Errorf("a burst of %d bytes takes more than 4.29 s to fill: %w", burst, unix.EINVAL)
		}
		return h.nl.QdiscReplace(&netlink.Tbf{QdiscAttrs: attrs, Rate: rate, Limit: uint32(queue), Buffer: uint32(math.Ceil(fill / 64))})
	})
}
