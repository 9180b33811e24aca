package pathlab

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"sockwire/raw/impair"
	"sockwire/raw/netlab"
)

// Net is a network that was made.
type Net struct {
	Lab            *netlab.Lab
	Source, Target *netlab.Host
	Src4, Dst4     netip.Addr
	Src6, Dst6     netip.Addr // not valid without Config.IPv6

	t     netlab.TB
	cfg   Config
	edges []edge
	links map[string]*netlab.Link // by the edge's text
	hosts map[string]*netlab.Host
	names map[netip.Addr]string
}

// New makes the network; it is gone when the test ends. It skips the test where no lab can be made, see [netlab.Need].
func New(t netlab.TB, cfg Config) *Net {
	t.Helper()
	netlab.Need(t)
	n := &Net{t: t, cfg: cfg, links: map[string]*netlab.Link{}, hosts: map[string]*netlab.Host{}, names: map[netip.Addr]string{}}
	if err := n.build(); err != nil {
		t.Fatalf("%v", err)
	}
	return n
}

// Settings of all nodes: answers are not limited, by flow means by ports, and no redirects.
var settings = []struct{ name, value string }{
	{"net.ipv4.icmp_ratelimit", "0"},
	{"net.ipv4.icmp_msgs_per_sec", "1000000"},
	{"net.ipv4.icmp_msgs_burst", "1000000"},
	{"net.ipv4.fib_multipath_hash_policy", "1"},
	{"net.ipv4.conf.all.send_redirects", "0"},
	{"net.ipv4.conf.default.send_redirects", "0"},
	{"net.ipv6.icmp.ratelimit", "0"},
}

func (n *Net) build() (err error) {
	var names []string
	if n.edges, names, err = parse(n.cfg.Edges); err != nil {
		return err
	}
	lab, err := netlab.New(&netlab.Config{IPv4Only: !n.cfg.IPv6, NoRoutes: true})
	if err != nil {
		return err
	}
	n.Lab = lab
	n.t.Cleanup(func() { lab.Close() })
	end := target(n.edges)
	for i, name := range names {
		makeHost := lab.Router
		if i == 0 || name == end || n.cfg.Boxes[name] != nil {
			makeHost = lab.Host
		}
		h, err := makeHost(name)
		if err != nil {
			return err
		}
		n.hosts[name] = h
		if err := n.set(h, uint64(i)); err != nil {
			return err
		}
	}
	n.Source, n.Target = n.hosts[names[0]], n.hosts[end]
	for i, e := range n.edges {
		if err := n.join(e, uint64(i)); err != nil {
			return err
		}
	}
	n.Src4, n.Src6, n.Dst4 = n.Source.Addr4(), n.Source.Addr6(), dst4
	if err := n.Target.AddAddr("lo", netip.PrefixFrom(dst4, 32)); err != nil {
		return err
	}
	n.names[dst4] = end
	if n.cfg.IPv6 {
		n.Dst6 = dst6
		n.names[dst6] = end
		if err := n.Target.AddAddr("lo", netip.PrefixFrom(dst6, 128)); err != nil {
			return err
		}
	}
	for _, name := range names {
		if err := n.route(name); err != nil {
			return err
		}
	}
	for name, box := range n.cfg.Boxes {
		if err := box.run(n.t, n.hosts[name], slices.Collect(maps.Values(n.links))); err != nil {
			return err
		}
	}
	return nil
}

func (n *Net) set(h *netlab.Host, number uint64) error {
	return h.Do(func() error {
		for _, s := range settings {
			if n.cfg.Limits && strings.Contains(s.name, "icmp") {
				continue
			}
			if err := h.Sysctl(s.name, s.value); err != nil {
				return err
			}
		}
		if err := reseed(h, n.cfg.Seed, number); err != nil {
			return err
		}
		if !n.cfg.IPv6 {
			return nil
		}
		return h.Sysctl("net.ipv6.fib_multipath_hash_policy", strconv.Itoa(n.cfg.HashPolicy6))
	})
}

// reseed gives a router a hash of its own. Otherwise every router would choose alike, and the second diamond follow
// from the first.
func reseed(h *netlab.Host, seed, number uint64) error {
	of := uint32((seed+1)*0x9e3779b9+number*0x85ebca6b) | 1
	return h.Sysctl("net.ipv4.fib_multipath_hash_seed", strconv.FormatUint(uint64(of), 10))
}

// Reseed gives all routers other hashes, so that flows go other ways.
func (n *Net) Reseed(seed uint64) error {
	for i, name := range slices.Sorted(maps.Keys(n.hosts)) {
		if err := reseed(n.hosts[name], seed, uint64(i)); err != nil {
			return err
		}
	}
	return nil
}

func (n *Net) join(e edge, number uint64) error {
	link := n.cfg.Links[e.text]
	cfg := netlab.LinkConfig{MTU: link.MTU}
	if link.There > 0 || link.Back > 0 || link.Delay > 0 {
		seed := n.cfg.Seed*1000 + number*2
		cfg.Impair = &netlab.Impair{
			AtoB: impair.Config{Seed: seed, Loss: link.There, Delay: link.Delay},
			BtoA: impair.Config{Seed: seed + 1, Loss: link.Back, Delay: link.Delay},
		}
	}
	k, err := n.Lab.Link(n.hosts[e.from], n.hosts[e.to], cfg)
	if err != nil {
		return err
	}
	n.links[e.text] = k
	for _, end := range []netlab.End{k.A, k.B} {
		n.names[end.Addr4] = end.Host.Name()
		if end.Addr6.IsValid() {
			n.names[end.Addr6] = end.Host.Name()
		}
		if n.cfg.Boxes[e.from] != nil || n.cfg.Boxes[e.to] != nil { // what comes to a box must be whole
			for _, offload := range []string{"tx-checksum", "tso", "gso"} {
				if err := end.Host.SetOffload(end.Ifname, offload, false); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// route gives a node its routes: to the target, and to the source.
func (n *Net) route(name string) error {
	if n.cfg.Boxes[name] != nil {
		return nil
	}
	var next []string
	back := n.cfg.Back[name]
	for _, e := range n.edges {
		if e.from == name && !e.onlyBack {
			next = append(next, e.to)
		}
		if back == "" && e.to == name {
			back = e.from
		}
		if back == "" && e.from == name && e.onlyBack {
			back = e.to
		}
	}
	if len(next) > 0 {
		if err := n.Reroute(name, next...); err != nil {
			return err
		}
	}
	if n.hosts[name] == n.Source {
		return nil
	}
	near, far, _ := n.ends(n.edges[0].text, n.Source.Name())
	if far.Host == n.hosts[name] {
		return nil // on the source's link
	}
	_, via, err := n.between(name, back)
	if err != nil {
		return err
	}
	return n.addRoutes(name, []netlab.End{via}, netip.PrefixFrom(near.Addr4, 24), netip.PrefixFrom(near.Addr6, 64))
}

// Reroute makes a node send packets for the target to other neighbours than before.
func (n *Net) Reroute(name string, next ...string) error {
	var via []netlab.End
	for _, neighbour := range next {
		_, end, err := n.between(name, neighbour)
		if err != nil {
			return err
		}
		via = append(via, end)
	}
	return n.addRoutes(name, via, netip.PrefixFrom(netip.IPv4Unspecified(), 0), netip.PrefixFrom(netip.IPv6Unspecified(), 0))
}

func (n *Net) addRoutes(name string, via []netlab.End, to4, to6 netip.Prefix) error {
	route4, route6 := netlab.Route{Dst: to4}, netlab.Route{Dst: to6}
	for i, end := range via {
		if i == 0 {
			route4.Via, route6.Via = end.Addr4, end.Addr6
		} else {
			route4.Others, route6.Others = append(route4.Others, end.Addr4), append(route6.Others, end.Addr6)
		}
	}
	if err := n.hosts[name].AddRoute(route4); err != nil {
		return err
	}
	if !n.cfg.IPv6 || !route6.Via.IsValid() {
		return nil
	}
	return n.hosts[name].AddRoute(route6)
}

// between returns the two ends of the link between two nodes, a's first.
func (n *Net) between(a, b string) (mine, theirs netlab.End, err error) {
	for _, e := range n.edges {
		if e.from == a && e.to == b || e.from == b && e.to == a {
			return n.ends(e.text, a)
		}
	}
	return mine, theirs, fmt.Errorf("pathlab: no link joins %s and %s", a, b)
}

func (n *Net) ends(text, a string) (mine, theirs netlab.End, err error) {
	k := n.links[text]
	if k.A.Host.Name() == a {
		return k.A, k.B, nil
	}
	return k.B, k.A, nil
}

// Sources gives the source so many more IPv4 addresses on its first link, and returns them: a router that limits its
// answers to each host takes them for so many hosts.
func (n *Net) Sources(count int) (addrs []netip.Addr, err error) {
	mine, theirs, _ := n.ends(n.edges[0].text, n.Source.Name())
	b := mine.Addr4.As4()
	for i := range count {
		b[3] = byte(100 + i)
		addr := netip.AddrFrom4(b)
		if err := n.Source.AddAddr(mine.Ifname, netip.PrefixFrom(addr, 32)); err != nil {
			return nil, err
		}
		if err := theirs.Host.AddNeighbour(theirs.Ifname, addr, mine.MAC[:]); err != nil {
			return nil, err
		}
		addrs = append(addrs, addr)
	}
	return addrs, nil
}

// Host returns a node.
func (n *Net) Host(name string) *netlab.Host { return n.hosts[name] }

// Link returns the link of an edge, named as in Config.Edges.
func (n *Net) Link(edge string) *netlab.Link { return n.links[edge] }

// Name returns the node that has an address, or the address.
func (n *Net) Name(addr netip.Addr) string {
	if name, ok := n.names[addr]; ok {
		return name
	}
	if !addr.IsValid() {
		return "*"
	}
	return addr.String()
}

// Addr returns the address with which a node answers the source over IPv4: that of the interface its answers leave by.
func (n *Net) Addr(name string) netip.Addr {
	if n.hosts[name] == n.Target {
		return n.Dst4
	}
	back := n.cfg.Back[name]
	for _, e := range n.edges {
		if back == "" && e.to == name {
			back = e.from
		}
	}
	mine, _, _ := n.between(name, back)
	return mine.Addr4
}

// Silence makes nodes send no ICMP errors at all.
func (n *Net) Silence(names ...string) error {
	for _, name := range names {
		// The bucket never holds what one message costs.
		if err := n.LimitPerHost(name, 2147483647*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// LimitPerHost is the kernel's token bucket for each host it answers: one ICMP error in every, and six saved up.
func (n *Net) LimitPerHost(name string, every time.Duration) error {
	ms := strconv.FormatInt(every.Milliseconds(), 10)
	if n.cfg.IPv6 {
		if err := n.hosts[name].Sysctl("net.ipv6.icmp.ratelimit", ms); err != nil {
			return err
		}
	}
	return n.hosts[name].Sysctl("net.ipv4.icmp_ratelimit", ms)
}

// LimitGlobally is the kernel's token bucket for all hosts it answers together.
func (n *Net) LimitGlobally(name string, perSecond, burst int) error {
	if err := n.hosts[name].Sysctl("net.ipv4.icmp_ratelimit", "1"); err != nil { // 0 is no limit of either kind
		return err
	}
	if err := n.hosts[name].Sysctl("net.ipv4.icmp_msgs_burst", strconv.Itoa(burst)); err != nil {
		return err
	}
	return n.hosts[name].Sysctl("net.ipv4.icmp_msgs_per_sec", strconv.Itoa(perSecond))
}
