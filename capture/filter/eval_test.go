package filter

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"

	"sockwire/capture"
	"sockwire/raw/wire"
)

// evaluator decides on frames by walking the expression itself: an independent judge, written apart from the compiler,
// so that the two check each other.
type evaluator struct {
	f    *Filter
	link capture.LinkType
	opts Options
	// reads and readsPayload: some test looks at the link header, or behind it.
	reads, readsPayload bool
	names               nameResults
}

// nameResults are what the names in the expression stand for.
type nameResults struct {
	hosts    map[string][]netip.Addr
	ports    map[*prim]portRange
	numbers  map[*prim]uint32
	networks map[*prim]ipv4Net
	macs     map[*prim][6]byte
}

// newEvaluator prepares the expression for a link type. It refuses what Compile refuses, except that a
// filter that matches nothing is evaluated too. opts may be nil.
func newEvaluator(f *Filter, link capture.LinkType, opts *Options) (*evaluator, error) {
	if opts == nil {
		opts = &Options{}
	}
	ev := &evaluator{f: f, link: link, opts: *opts}
	if _, _, err := lower(f, link, &ev.opts); err != nil {
		return nil, err
	}
	ev.names = nameResults{map[string][]netip.Addr{}, map[*prim]portRange{}, map[*prim]uint32{}, map[*prim]ipv4Net{}, map[*prim][6]byte{}}
	if f.root != nil {
		ev.resolve(f.root)
		e := ev.start(nil, nil)
		e.dry, e.prepare = true, true
		if f.anywhere {
			e.walkAnywhere(f.root)
		} else {
			e.walk(f.root)
		}
	}
	return ev, nil
}

// Match decides on a frame. m may be nil.
func (ev *evaluator) Match(data []byte, m *Meta) bool {
	return ev.start(data, m).run() == yes
}

// resolve looks up the names once. The lowerer has checked that they are known.
func (ev *evaluator) resolve(n node) {
	switch n := n.(type) {
	case *junction:
		ev.resolve(n.left)
		ev.resolve(n.right)
	case *not:
		ev.resolve(n.x)
	case *prim:
		ev.resolvePrim(n)
	}
}

func (ev *evaluator) resolvePrim(n *prim) {
	// The lowerer's look-ups are used, but nothing of what it compiles.
	l := &lowerer{pool: pool{}, opts: &ev.opts, lay: layout{link: capture.LinkEthernet}}
	switch n.q.typ {
	case "port", "portrange":
		ev.names.ports[n] = l.portNumbers(n)
		return
	case "proto", "protochain":
		ev.names.numbers[n] = l.protocolNumber(n)
		return
	}
	if n.kind != idName {
		return
	}
	names := ev.opts.names()
	if n.q.typ == "net" {
		a, _ := names.Network(n.text)
		b := a.As4()
		v, bits := binary.BigEndian.Uint32(b[:]), 0
		for v>>bits&0xff == 0 {
			bits += 8
		}
		ev.names.networks[n] = ipv4Net{v, 0xffffffff << bits}
		return
	}
	if n.q.proto == "link" || n.q.typ == "gateway" {
		ev.names.macs[n], _ = names.Ether(n.text)
	}
	addrs := names.Hosts(n.text)
	if len(addrs) == 0 && ev.opts.Lookup != nil {
		addrs, _ = ev.opts.Lookup(n.text)
	}
	ev.names.hosts[n.text] = slices.SortedFunc(slices.Values(addrs), netip.Addr.Compare)
}

// tri is a truth value that may be unknown.
type tri int8

const (
	no      tri = -1
	unknown tri = 0
	yes     tri = 1
)

func truth(b bool) tri {
	if b {
		return yes
	}
	return no
}

// place is an offset: a part that differs from packet to packet and a constant. Only the first is taken
// modulo 2³² when an index is added.
type place struct {
	varies bool
	v, k   uint32
	after  string // what the varying part measures
}

func (p place) plus(k uint32) place { p.k += k; return p }

// evaluation is one walk over the expression. A dry walk reads no packet: it only follows how the places
// of headers shift.
type evaluation struct {
	ev  *evaluator
	dry bool
	// prepare is set on the one walk that fills in what the evaluator keeps.
	prepare bool

	data []byte
	meta Meta

	link         capture.LinkType
	hdr, typ, pl place
	nl, nlNoSNAP uint32
	vlans        int
	labels       int
	encap        bool
	layer        *layer // of "anywhere:"

}

// shortFrame is thrown when a load leaves the captured bytes or a division is by zero.
type shortFrame struct{ what string }

func (ev *evaluator) start(data []byte, m *Meta) *evaluation {
	e := &evaluation{ev: ev, data: data, link: ev.link}
	if m != nil {
		e.meta = *m
	}
	e.meta.Length = max(e.meta.Length, len(data))
	switch ev.link {
	case capture.LinkEthernet:
		e.typ.k, e.pl.k, e.nlNoSNAP = 12, 14, 3
	case capture.LinkNull, capture.LinkLoop:
		e.pl.k = 4
	case capture.LinkPPP, capture.LinkPPPHDLC:
		e.typ.k, e.pl.k = 2, 4
	case capture.LinkPPPEthernet:
		e.typ.k, e.pl.k = 6, 8
	case capture.LinkLinuxSLL:
		e.typ.k, e.pl.k = 14, 16
	case capture.LinkLinuxSLL2:
		e.pl.k = 20
	case capture.LinkIEEE80211, capture.LinkIEEE80211Radio:
		e.typ.k, e.nl, e.nlNoSNAP = 24, 8, 3
	}
	if e.wlan() {
		e.pl.varies, e.pl.after = true, "the 802.11 header"
		if ev.link == capture.LinkIEEE80211Radio {
			e.hdr.varies, e.hdr.after = true, "the radiotap header"
		}
	}
	return e
}

// run walks the expression on the packet.
func (e *evaluation) run() (result tri) {
	if e.ev.f.root == nil {
		return yes
	}
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(shortFrame); !ok {
				panic(r)
			}
			result = no
		}
	}()
	if e.ev.f.anywhere {
		return e.walkAnywhere(e.ev.f.root)
	}
	e.findPayload()
	return e.walk(e.ev.f.root)
}

// findPayload measures the radiotap and 802.11 headers, if any test needs it.
func (e *evaluation) findPayload() {
	if !e.wlan() || !e.ev.reads {
		return
	}
	if e.link == capture.LinkIEEE80211Radio {
		e.hdr.v = e.load("radiotap length", place{k: 3}, 1)<<8 | e.load("radiotap length", place{k: 2}, 1)
	}
	if !e.ev.readsPayload {
		return
	}
	n := e.hdr.v + 24
	control := e.load("802.11 frame control", e.hdr, 1)
	if control&0x08 != 0 && control&0x04 == 0 {
		if control&0x80 != 0 {
			n += 2
		}
		if e.link == capture.LinkIEEE80211Radio && e.radioPads() {
			n = (n + 3) / 4 * 4
		}
	}
	e.pl.v = n
}

// radioPads tells whether radiotap's flags say that the 802.11 header is padded.
func (e *evaluation) radioPads() bool {
	present := e.load("radiotap present flags", place{k: 4}, 4)
	const flags, more, tsft = 1 << 25, 1 << 7, 1 << 24
	if present&flags == 0 || present&more != 0 {
		return false
	}
	at := uint32(8)
	if present&tsft != 0 {
		at = 16
	}
	return e.load("radiotap flags", place{k: at}, 1)&0x20 != 0
}

// load reads size bytes.
func (e *evaluation) load(what string, p place, size int) uint32 {
	at := uint64(p.v) + uint64(p.k)
	if at+uint64(size) > uint64(len(e.data)) {
		panic(shortFrame{fmt.Sprintf("%s is at bytes %d to %d, outside the %d captured", what, at, at+uint64(size)-1, len(e.data))})
	}
	b := e.data[at:]
	switch size {
	case 1:
		return uint32(b[0])
	case 2:
		return uint32(binary.BigEndian.Uint16(b))
	}
	return binary.BigEndian.Uint32(b)
}

// check compares a field under a mask: "=" or "<=" or ">=".
func (e *evaluation) check(what string, p place, size int, mask uint32, op string, want uint32) tri {
	if e.dry {
		return unknown
	}
	got := e.load(what, p, size)
	return e.compare(what, got&mask, op, want)
}

func (e *evaluation) compare(what string, got uint32, op string, want uint32) tri {
	if e.dry {
		return unknown
	}
	var r bool
	switch op {
	case "=":
		r = got == want
	case "<=":
		r = got <= want
	case "<":
		r = got < want
	case ">":
		r = got > want
	default:
		r = got >= want
	}
	return truth(r)
}

const full = 0xffffffff

func (e *evaluation) is(what string, p place, size int, want uint32) tri {
	return e.check(what, p, size, full, "=", want)
}

// bit tests whether any bit of the mask is set.
func (e *evaluation) bit(what string, p place, size int, mask uint32) tri {
	if e.dry {
		return unknown
	}
	got := e.load(what, p, size) & mask
	return truth(got != 0)
}

// all and any take conditions from left to right, no further than needed; dry, they take them all.
func (e *evaluation) all(conds ...func() tri) tri {
	result := yes
	for _, c := range conds {
		result = min(result, c())
		if result == no && !e.dry {
			return no
		}
	}
	return result
}

func (e *evaluation) any(conds ...func() tri) tri {
	result := no
	for _, c := range conds {
		result = max(result, c())
		if result == yes && !e.dry {
			return yes
		}
	}
	return result
}

// walk evaluates a node.
func (e *evaluation) walk(n node) tri {
	var r tri
	switch n := n.(type) {
	case *junction:
		r = e.junction(n)
	case *not:
		r = -e.walk(n.x)
	case *abbrev:
		r = e.abbreviation(n)
	case *relation:
		r = e.relation(n)
	case *prim:
		r = e.prim(n)
	case *special:
		r = e.special(n)
	}
	return r
}

func (e *evaluation) junction(n *junction) tri {
	decides := truth(n.or)
	x := e.walk(n.left)
	if x == decides && !e.dry {
		e.skip(n.right)
		return x
	}
	return e.walk(n.right)
}

// skip passes a node by: only the shifts it makes count.
func (e *evaluation) skip(n node) {
	dry := e.dry
	e.dry = true
	e.walk(n)
	e.dry = dry
}

func (e *evaluation) wlan() bool {
	return e.link == capture.LinkIEEE80211 || e.link == capture.LinkIEEE80211Radio
}

// The places of headers, which also note what the prologue has to measure.

func (e *evaluation) note(payload bool) {
	if e.prepare {
		e.ev.reads = true
		e.ev.readsPayload = e.ev.readsPayload || payload
	}
}

func (e *evaluation) header(k uint32) place  { e.note(false); return e.hdr.plus(k) }
func (e *evaluation) payload(k uint32) place { e.note(true); return e.pl.plus(k) }
func (e *evaluation) net(k uint32) place     { return e.payload(e.nl + k) }

// behind4 is a place in what follows the IPv4 header.
func (e *evaluation) behind4(k uint32) place {
	p := e.net(0)
	if e.layer != nil {
		return place{true, e.layer.transport, k, ""}
	}
	p.varies, p.after = true, "the IPv4 header's length"
	if !e.dry {
		p.v += e.load("IPv4 header length", p, 1) & 0xf * 4
	}
	return p.plus(k)
}

func (e *evaluation) behind6(k uint32) place {
	if e.layer != nil {
		return e.behind4(k)
	}
	return e.net(40 + k)
}

func (e *evaluation) special(n *special) tri {
	switch n.kw {
	case "less":
		return e.compare("length", uint32(e.meta.Length), "<=", n.num)
	case "greater":
		return e.compare("length", uint32(e.meta.Length), ">=", n.num)
	case "byte":
		return e.byteTest(n)
	case "broadcast":
		if n.proto == "ip" {
			return e.ipBroadcast()
		}
		return e.mac([6]byte{255, 255, 255, 255, 255, 255}, "dst")
	case "multicast":
		return e.multicast(n.proto)
	case "inbound":
		return -e.outbound()
	case "outbound":
		return e.outbound()
	case "ifindex":
		if e.link == capture.LinkLinuxSLL2 {
			return e.is("interface index", e.header(4), 4, n.num)
		}
		return e.compare("interface index", e.meta.Ifindex, "=", n.num)
	case "llc":
		return e.llc(n.op)
	case "type":
		return e.check("802.11 frame type", e.header(0), 1, 0x0c, "=", n.num)
	case "subtype":
		return e.check("802.11 frame type", e.header(0), 1, 0xfc, "=", n.num)
	case "dir":
		return e.check("802.11 direction", e.header(1), 1, 3, "=", n.num)
	case "pppoed":
		return e.linkType(wire.EtherTypePPPoEDisc)
	case "vlan":
		return e.vlan(n)
	case "mpls":
		return e.mpls(n)
	case "pppoes":
		return e.pppoes(n)
	}
	return e.tunnel(n)
}

func (e *evaluation) byteTest(n *special) tri {
	at := e.header(n.num)
	what := fmt.Sprintf("byte %d", n.num)
	if e.dry {
		return unknown
	}
	got := e.load(what, at, 1)
	switch n.op {
	case "&":
		return -e.compare(what, got&n.num2, "=", 0)
	case "|":
		return -e.compare(what, got|n.num2, "=", 0)
	}
	return e.compare(what, got, n.op, n.num2)
}

func (e *evaluation) ipBroadcast() tri {
	m := e.ev.opts.Netmask.As4()
	host := ^binary.BigEndian.Uint32(m[:])
	return e.all(func() tri { return e.linkType(wire.EtherTypeIPv4) }, func() tri {
		if host == 0 {
			return yes
		}
		return e.any(func() tri { return e.check("host part of the destination", e.net(16), 4, host, "=", 0) },
			func() tri { return e.check("host part of the destination", e.net(16), 4, host, "=", host) })
	})
}

func (e *evaluation) multicast(proto string) tri {
	switch {
	case proto == "ip":
		return e.all(func() tri { return e.linkType(wire.EtherTypeIPv4) },
			func() tri { return e.check("destination address", e.net(16), 1, 0xf0, "=", 0xe0) })
	case proto == "ip6":
		return e.all(func() tri { return e.linkType(wire.EtherTypeIPv6) },
			func() tri { return e.is("destination address", e.net(24), 1, 0xff) })
	case e.wlan():
		return e.wlanEnd(false, func(k uint32) func() tri {
			return func() tri { return e.bit("group bit of the 802.11 address", e.header(k), 1, 1) }
		})
	}
	return e.all(e.hasEthernet, func() tri { return e.bit("group bit of the destination", e.header(0), 1, 1) })
}

func (e *evaluation) outbound() tri {
	switch e.link {
	case capture.LinkLinuxSLL:
		return e.is("packet type", e.header(0), 2, 4)
	case capture.LinkLinuxSLL2:
		return e.is("packet type", e.header(10), 1, 4)
	}
	return e.compare("packet type", uint32(e.meta.PacketType), "=", 4)
}

func (e *evaluation) llc(op string) tri {
	first := func() tri {
		if e.wlan() {
			return e.check("802.11 frame type", e.header(0), 1, 0x0c, "=", 0x08)
		}
		return e.all(func() tri { return e.check("EtherType or length", e.at(e.typ, 0), 2, full, "<=", 1500) },
			func() tri { return -e.is("Novell raw 802.3", e.payload(0), 2, 0xffff) })
	}
	return e.all(first, func() tri {
		if op == "" {
			return yes
		}
		t := llcTypes[op]
		return e.check("LLC control", e.payload(2), 1, t.mask, "=", t.value)
	})
}
