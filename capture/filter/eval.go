package filter

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"sockwire/capture"
)

// Evaluator decides on frames by walking the expression itself, without a program. It is slower than a
// Program, and written apart from the compiler so that the two check each other; it can also say why
// (see Why). It is safe for concurrent use.
type Evaluator struct {
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

// Evaluator prepares the expression for a link type. It refuses what Compile refuses, except that a
// filter that matches nothing is evaluated too. opts may be nil.
func (f *Filter) Evaluator(link capture.LinkType, opts *Options) (*Evaluator, error) {
	if opts == nil {
		opts = &Options{}
	}
	ev := &Evaluator{f: f, link: link, opts: *opts}
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

// Eval decides on one frame by walking the expression; see Evaluator for many frames.
func (f *Filter) Eval(link capture.LinkType, opts *Options, data []byte, m *Meta) (bool, error) {
	ev, err := f.Evaluator(link, opts)
	if err != nil {
		return false, err
	}
	return ev.Match(data, m), nil
}

// Match decides on a frame. m may be nil.
func (ev *Evaluator) Match(data []byte, m *Meta) bool {
	return ev.start(data, m).run() == yes
}

// resolve looks up the names once. The lowerer has checked that they are known.
func (ev *Evaluator) resolve(n node) {
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

func (ev *Evaluator) resolvePrim(n *prim) {
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
	ev  *Evaluator
	dry bool
	// prepare is set on the one walk that fills in what the Evaluator keeps.
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

	trace *tracer
	// field is told of every field on a dry walk, where it is set.
	field func(what string, p place, size int)
}

// shortFrame is thrown when a load leaves the captured bytes or a division is by zero.
type shortFrame struct{ what string }

func (ev *Evaluator) start(data []byte, m *Meta) *evaluation {
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
			s, ok := r.(shortFrame)
			if !ok {
				panic(r)
			}
			result = no
			e.trace.failed(s.what)
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
		e.mention(what, p, size)
		return unknown
	}
	got := e.load(what, p, size)
	return e.compare(what, got&mask, op, want)
}

func (e *evaluation) mention(what string, p place, size int) {
	if e.field != nil {
		e.field(what, p, size)
	}
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
	e.trace.compared(what, got, op, want, r)
	return truth(r)
}

const full = 0xffffffff

func (e *evaluation) is(what string, p place, size int, want uint32) tri {
	return e.check(what, p, size, full, "=", want)
}

// bit tests whether any bit of the mask is set.
func (e *evaluation) bit(what string, p place, size int, mask uint32) tri {
	if e.dry {
		e.mention(what, p, size)
		return unknown
	}
	got := e.load(what, p, size) & mask
	e.trace.compared(what, got, "!=", 0, got != 0)
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
	e.trace.enter(n)
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
	e.trace.leave(r)
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
	tr, dry := e.trace, e.dry
	e.trace.skipped(n)
	e.trace, e.dry = nil, true
	e.walk(n)
	e.trace, e.dry = tr, dry
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

// The link layer.

func (e *evaluation) linkType(v uint32) tri {
	what := linkTypeName(v)
	if e.layer != nil {
		return e.compare(what, e.layer.typ, "=", v)
	}
	if e.labels > 0 {
		version := ipVersion(v)
		return e.all(func() tri { return e.bit("bottom of the MPLS stack", e.net(0).plus(^uint32(1)), 1, 1) },
			func() tri { return e.check("IP version", e.net(0), 1, 0xf0, "=", version<<4) })
	}
	lsap := func(at place) func() tri {
		return func() tri { return e.is("LLC SAPs", at, 2, v*0x101) }
	}
	snap := func(oui uint32, typ uint32) tri {
		return e.all(func() tri { return e.is("SNAP", e.payload(4), 4, oui<<24|typ) },
			func() tri { return e.is("SNAP", e.payload(0), 4, 0xaaaa0300|oui>>16) })
	}
	apple := func() tri {
		// The organisation code's last two bytes stand before the type.
		if v == etherAtalk {
			return e.all(func() tri { return e.is("SNAP", e.payload(4), 4, 0x0007<<16|v) },
				func() tri { return e.is("SNAP", e.payload(0), 4, 0xaaaa0308) })
		}
		return snap(0, v)
	}
	ethertype := func() tri { return e.is(what, e.at(e.typ, 0), 2, v) }
	switch e.link {
	case capture.LinkEthernet, capture.LinkLinuxSLL:
		cooked := e.link == capture.LinkLinuxSLL
		is8022 := func() tri {
			if cooked {
				return e.is("cooked protocol", e.at(e.typ, 0), 2, 4)
			}
			return e.check("EtherType or length", e.at(e.typ, 0), 2, full, "<=", 1500)
		}
		switch {
		case v == sapISO || v == sapIP || v == sapNetBEUI:
			return e.all(is8022, lsap(e.payload(0)))
		case v == sapIPX:
			sap := func() tri { return e.is("LLC DSAP", e.payload(0), 1, sapIPX) }
			inSNAP := func() tri { return snap(0, etherIPX) }
			if cooked {
				return e.any(func() tri { return e.is(what, e.at(e.typ, 0), 2, etherIPX) },
					func() tri { return e.is("cooked protocol", e.at(e.typ, 0), 2, 1) },
					func() tri { return e.all(is8022, func() tri { return e.any(sap, inSNAP) }) })
			}
			raw := func() tri { return e.is("Novell raw 802.3", e.payload(0), 2, 0xffff) }
			return e.any(func() tri { return e.is(what, e.at(e.typ, 0), 2, etherIPX) },
				func() tri { return e.all(is8022, func() tri { return e.any(inSNAP, sap, raw) }) })
		case v == etherAtalk || v == etherAARP:
			return e.any(ethertype, func() tri { return e.all(is8022, apple) })
		case v <= 1500 && cooked:
			return e.all(is8022, func() tri { return e.is("LLC DSAP", e.payload(0), 1, v) })
		case v <= 1500:
			return e.all(is8022, func() tri { return e.is("LLC DSAP", e.at(e.typ, 2), 1, v) })
		}
		return ethertype()
	case capture.LinkIEEE80211, capture.LinkIEEE80211Radio:
		return e.all(func() tri { return e.check("802.11 frame type", e.header(0), 1, 0x0c, "=", 0x08) }, func() tri {
			switch {
			case v == sapISO || v == sapIP || v == sapNetBEUI:
				return lsap(e.payload(0))()
			case v == etherAtalk:
				return apple()
			case v <= 1500:
				return e.is("LLC DSAP", e.payload(0), 1, v)
			}
			return e.is(what, e.payload(6), 2, v)
		})
	case capture.LinkRaw:
		version := ipVersion(v)
		if version == 0 {
			return no
		}
		return e.check("IP version", place{}, 1, 0xf0, "=", version<<4)
	case capture.LinkIPv4:
		return truth(v == etherIPv4)
	case capture.LinkIPv6:
		return truth(v == etherIPv6)
	case capture.LinkNull, capture.LinkLoop:
		return e.family(v)
	case capture.LinkPPP, capture.LinkPPPHDLC, capture.LinkPPPEthernet:
		want, ok := pppNumbers[v]
		if !ok {
			want = v
		}
		return e.is("PPP protocol", e.at(e.typ, 0), 2, want)
	}
	return ethertype()
}

// ipVersion is the version nibble for an EtherType.
func ipVersion(v uint32) uint32 {
	switch v {
	case etherIPv4:
		return 4
	case etherIPv6:
		return 6
	}
	return 0
}

// pppNumbers are the PPP protocols for EtherTypes and service access points.
var pppNumbers = map[uint32]uint32{etherIPv4: 0x21, etherIPv6: 0x57, etherDECnet: 0x27, etherAtalk: 0x29, etherNS: 0x25,
	sapISO: 0x23, sapSTP: 0x31, sapIPX: 0x2b}

func (e *evaluation) at(p place, k uint32) place { e.note(p == e.pl); return p.plus(k) }

func linkTypeName(v uint32) string {
	if v <= etherMaxLength {
		return "LLC SAP"
	}
	return "EtherType"
}

// family is the address family of BSD loopback headers.
func (e *evaluation) family(v uint32) tri {
	var families []uint32
	switch {
	case v == etherIPv4:
		families = []uint32{2}
	case v == etherIPv6 && e.ev.opts.Live:
		families = []uint32{10}
	case v == etherIPv6:
		families = []uint32{24, 28, 30}
	default:
		return no
	}
	if e.dry {
		e.mention("address family", place{}, 4)
		return unknown
	}
	got := e.load("address family", place{}, 4)
	match := false
	for _, f := range families {
		swapped := f << 24
		switch {
		case e.link == capture.LinkLoop:
			match = match || got == f
		case e.ev.opts.Live:
			match = match || got == hostOrder(f)
		default:
			match = match || got == f || got == swapped
		}
	}
	e.trace.compared("address family", got, "=", families[0], match)
	return truth(match)
}

// Addresses.

func (e *evaluation) prim(n *prim) tri {
	if n.q.proto == "decnet" {
		return e.decnet(n)
	}
	switch {
	case n.kind == idMAC:
		return e.mac(n.mac, n.q.dir)
	case n.kind == idIPv6:
		return e.hosts(n, nil, []netip.Prefix{netip.PrefixFrom(n.addr, n.bits)}, n.q.proto)
	case n.kind == idIPv4:
		return e.hosts(n, []ipv4Net{{n.num, n.mask}}, nil, n.q.proto)
	}
	switch n.q.typ {
	case "port", "portrange":
		r := e.ev.names.ports[n]
		return e.any(func() tri { return e.port6(r, n.q.dir) }, func() tri { return e.port4(r, n.q.dir) })
	case "proto":
		return e.proto(n.q.proto, e.ev.names.numbers[n])
	case "protochain":
		return e.protochain(n.q.proto, e.ev.names.numbers[n])
	case "gateway":
		return e.all(func() tri { return e.mac(e.ev.names.macs[n], "src or dst") },
			func() tri { return e.notHost(n) })
	case "net":
		if n.kind == idNumber {
			v, mask := n.num, uint32(full)
			for v != 0 && v < 1<<24 {
				v, mask = v<<8, mask<<8
			}
			return e.hosts(n, []ipv4Net{{v, mask}}, nil, n.q.proto)
		}
		return e.hosts(n, []ipv4Net{e.ev.names.networks[n]}, nil, n.q.proto)
	}
	if n.kind == idNumber {
		return e.hosts(n, []ipv4Net{{n.num, full}}, nil, n.q.proto)
	}
	if n.q.proto == "link" {
		return e.mac(e.ev.names.macs[n], n.q.dir)
	}
	v4, v6 := e.addresses(n)
	return e.hosts(n, v4, v6, n.q.proto)
}

func (e *evaluation) addresses(n *prim) (v4 []ipv4Net, v6 []netip.Prefix) {
	for _, a := range e.ev.names.hosts[n.text] {
		if a = a.Unmap().WithZone(""); a.Is4() {
			b := a.As4()
			v4 = append(v4, ipv4Net{binary.BigEndian.Uint32(b[:]), full})
		} else {
			v6 = append(v6, netip.PrefixFrom(a, 128))
		}
	}
	return v4, v6
}

// way takes the test for source and destination as the direction says.
func (e *evaluation) way(dir string, test func(src bool) tri) tri {
	src := func() tri { return test(true) }
	dst := func() tri { return test(false) }
	switch dir {
	case "src":
		return src()
	case "dst":
		return dst()
	case "src and dst":
		return e.all(src, dst)
	}
	return e.any(src, dst)
}

func side(src bool, what string) string {
	if src {
		return "source " + what
	}
	return "destination " + what
}

func pick(src bool, s, d uint32) uint32 {
	if src {
		return s
	}
	return d
}

// hosts tests for IPv4 networks, under ip, arp and rarp, and IPv6 prefixes.
func (e *evaluation) hosts(n *prim, v4 []ipv4Net, v6 []netip.Prefix, proto string) tri {
	var tests []func() tri
	add := func(p string, typ, src, dst uint32) {
		if len(v4) > 0 && (proto == p || proto == "" && (p == "ip" || e.labels == 0)) {
			tests = append(tests, func() tri {
				return e.all(func() tri { return e.linkType(typ) }, func() tri { return e.anyIPv4(v4, n.q.dir, src, dst) })
			})
		}
	}
	add("ip", etherIPv4, 12, 16)
	add("arp", etherARP, 14, 24)
	add("rarp", etherRARP, 14, 24)
	if len(v6) > 0 && (proto == "" || proto == "ip6") {
		tests = append(tests, func() tri {
			return e.all(func() tri { return e.linkType(etherIPv6) }, func() tri { return e.anyIPv6(v6, n.q.dir) })
		})
	}
	return e.any(tests...)
}

func (e *evaluation) anyIPv4(nets []ipv4Net, dir string, srcAt, dstAt uint32) tri {
	var tests []func() tri
	for _, a := range nets {
		tests = append(tests, func() tri {
			return e.way(dir, func(src bool) tri {
				if a.mask == 0 {
					return truth(a.addr == 0)
				}
				return e.check(side(src, "address"), e.net(pick(src, srcAt, dstAt)), 4, a.mask, "=", a.addr)
			})
		})
	}
	return e.any(tests...)
}

func (e *evaluation) anyIPv6(nets []netip.Prefix, dir string) tri {
	var tests []func() tri
	for _, p := range nets {
		tests = append(tests, func() tri {
			return e.way(dir, func(src bool) tri { return e.inPrefix(p, side(src, "address"), pick(src, 8, 24)) })
		})
	}
	return e.any(tests...)
}

func (e *evaluation) inPrefix(p netip.Prefix, what string, at uint32) tri {
	b := p.Addr().As16()
	var words []func() tri
	for i := uint32(0); i < 4; i++ {
		bits := p.Bits() - int(32*i)
		if bits <= 0 {
			break
		}
		mask := uint32(full)
		if bits < 32 {
			mask = ^(uint32(full) >> bits)
		}
		words = append(words, func() tri {
			return e.check(what, e.net(at+4*i), 4, mask, "=", binary.BigEndian.Uint32(b[4*i:]))
		})
	}
	return e.all(words...)
}

// notHost is the second half of gateway: a protocol with addresses, none of them the host's.
func (e *evaluation) notHost(n *prim) tri {
	v4, _ := e.addresses(n)
	var tests []func() tri
	add := func(p string, typ, src, dst uint32) {
		if n.q.proto == p || n.q.proto == "" {
			tests = append(tests, func() tri {
				return e.all(func() tri { return e.linkType(typ) }, func() tri { return -e.anyIPv4(v4, "src or dst", src, dst) })
			})
		}
	}
	add("ip", etherIPv4, 12, 16)
	add("arp", etherARP, 14, 24)
	add("rarp", etherRARP, 14, 24)
	return e.any(tests...)
}

func (e *evaluation) sixBytes(what string, at place, mac [6]byte) tri {
	return e.all(func() tri { return e.is(what, at.plus(2), 4, binary.BigEndian.Uint32(mac[2:])) },
		func() tri { return e.is(what, at, 2, uint32(mac[0])<<8|uint32(mac[1])) })
}

func (e *evaluation) mac(mac [6]byte, dir string) tri {
	if e.wlan() {
		return e.wlanMAC(mac, dir)
	}
	return e.all(e.hasEthernet, func() tri {
		return e.way(dir, func(src bool) tri {
			return e.sixBytes(side(src, "Ethernet address"), e.header(pick(src, 6, 0)), mac)
		})
	})
}

// hasEthernet is no for a Geneve or VXLAN payload without Ethernet header.
func (e *evaluation) hasEthernet() tri {
	switch {
	case !e.encap || e.link != capture.LinkEthernet:
		return yes
	case e.dry:
		return unknown
	}
	return truth(e.hdr.v != e.pl.v)
}

func (e *evaluation) wlanMAC(mac [6]byte, dir string) tri {
	addr := func(k uint32) func() tri {
		return func() tri { return e.sixBytes("802.11 address", e.header(k), mac) }
	}
	notControl := func() tri { return -e.check("802.11 frame type", e.header(0), 1, 0x0c, "=", 0x04) }
	isData := func() tri { return e.bit("802.11 data type", e.header(0), 1, 0x08) }
	hasTransmitter := func() tri {
		return e.any(notControl, func() tri {
			return e.all(func() tri { return -e.check("802.11 subtype", e.header(0), 1, 0xf0, "=", 0xc0) },
				func() tri { return -e.check("802.11 subtype", e.header(0), 1, 0xf0, "=", 0xd0) })
		})
	}
	switch dir {
	case "addr1":
		return addr(4)()
	case "addr2":
		return e.all(hasTransmitter, addr(10))
	case "addr3":
		return e.all(notControl, addr(16))
	case "addr4":
		return e.all(func() tri { return e.check("802.11 direction", e.header(1), 1, 3, "=", 3) }, addr(24))
	case "ra":
		return e.all(isData, addr(4))
	case "ta":
		return e.all(isData, hasTransmitter, addr(10))
	}
	return e.way(dir, func(src bool) tri { return e.wlanEnd(src, addr) })
}

// wlanEnd finds the address of one end of the transmission; addr makes the test of an address by its place.
func (e *evaluation) wlanEnd(src bool, addr func(uint32) func() tri) tri {
	if e.dry {
		e.mention("802.11 frame control", e.header(0), 2)
		for _, k := range []uint32{4, 10, 16, 24} {
			if src || k != 10 && k != 24 {
				addr(k)()
			}
		}
		return unknown
	}
	if e.bit("802.11 control type", e.header(0), 1, 0x04) == yes {
		return no
	}
	toDS := func() bool { return e.load("802.11 direction", e.header(1), 1)&1 != 0 }
	fromDS := func() bool { return e.load("802.11 direction", e.header(1), 1)&2 != 0 }
	data := e.load("802.11 frame control", e.header(0), 1)&0x08 != 0
	switch {
	case !data && src:
		return addr(10)()
	case !data:
		return addr(4)()
	case !src && toDS():
		return addr(16)()
	case !src:
		return addr(4)()
	case !fromDS():
		return addr(10)()
	case !toDS():
		return addr(16)()
	}
	return addr(24)()
}

func (e *evaluation) decnet(n *prim) tri {
	var area, node uint16
	fmt.Sscanf(n.text, "%d.%d", &area, &node)
	a := area<<10 | node
	swapped := uint32(a>>8 | a<<8)
	is := func(k uint32) func() tri {
		return func() tri { return e.is("DECnet address", e.net(k), 2, swapped) }
	}
	// The route header's flags, after a padding byte or not, in the order in which libpcap looks.
	flags := func(size int, mask, want uint32) func() tri {
		return func() tri { return e.check("DECnet flags", e.net(2), size, mask, "=", want) }
	}
	pair := func(a, b func() tri) func() tri { return func() tri { return e.all(a, b) } }
	return e.all(func() tri { return e.linkType(etherDECnet) }, func() tri {
		return e.way(n.q.dir, func(src bool) tri {
			short, long := pick(src, 5, 3), pick(src, 17, 9)
			return e.any(pair(flags(1, 7, 2), is(short)), pair(flags(2, 0xff07, 0x8102), is(short+1)),
				pair(flags(1, 7, 6), is(long)), pair(flags(2, 0xff07, 0x8106), is(long+1)))
		})
	})
}

// Protocols and ports.

func (e *evaluation) port4(r portRange, dir string) tri {
	return e.all(func() tri { return e.linkType(etherIPv4) },
		func() tri { return e.portProto(r, e.net(9)) },
		func() tri { return -e.bit("fragment offset", e.net(6), 2, 0x1fff) },
		func() tri {
			return e.way(dir, func(src bool) tri { return e.portIn(r, src, e.behind4) })
		})
}

func (e *evaluation) port6(r portRange, dir string) tri {
	return e.all(func() tri { return e.linkType(etherIPv6) },
		func() tri { return e.portProto(r, e.net(6)) },
		func() tri {
			return e.way(dir, func(src bool) tri { return e.portIn(r, src, e.behind6) })
		})
}

func (e *evaluation) portProto(r portRange, at place) tri {
	if r.proto != 0 {
		return e.protocol("IP protocol", at, r.proto)
	}
	if e.dry {
		e.mention("IP protocol", at, 1)
		return unknown
	}
	got := e.load("IP protocol", at, 1)
	if e.layer != nil {
		got = e.layer.protocol
	}
	ok := got == 6 || got == 17 || got == 132
	e.trace.compared("IP protocol", got, "=", 6, ok)
	return truth(ok)
}

func (e *evaluation) portIn(r portRange, src bool, behind func(uint32) place) tri {
	if e.dry {
		e.mention(side(src, "port"), behind(pick(src, 0, 2)), 2)
		return unknown
	}
	got := e.load(side(src, "port"), behind(pick(src, 0, 2)), 2)
	ok := got >= r.low && got <= r.high
	e.trace.compared(side(src, "port"), got, "=", r.low, ok)
	return truth(ok)
}

func (e *evaluation) proto(of string, v uint32) tri {
	iso := func(v uint32) func() tri {
		return func() tri {
			return e.all(func() tri { return e.linkType(sapISO) },
				func() tri { return e.is("NLPID", e.payload(e.nlNoSNAP), 1, v) })
		}
	}
	switch of {
	case "link":
		return e.linkType(v)
	case "iso":
		return iso(v)()
	case "isis":
		return e.all(iso(nlpidISIS), func() tri {
			return e.check("IS-IS PDU type", e.payload(e.nlNoSNAP+4), 1, 0x1f, "=", v)
		})
	}
	ip4 := func() tri {
		return e.all(func() tri { return e.linkType(etherIPv4) }, func() tri { return e.protocol("IP protocol", e.net(9), v) })
	}
	ip6 := func() tri {
		return e.all(func() tri { return e.linkType(etherIPv6) }, func() tri {
			return e.any(func() tri { return e.protocol("next header", e.net(6), v) }, func() tri {
				if e.layer != nil {
					return no
				}
				return e.all(func() tri { return e.is("next header", e.net(6), 1, 44) },
					func() tri { return e.is("next header of the fragment", e.net(40), 1, v) })
			})
		})
	}
	switch of {
	case "ip":
		return ip4()
	case "ip6":
		return ip6()
	}
	return e.any(ip4, ip6)
}

// protocol compares the protocol in an IP header or, for "anywhere:", the one after extension headers too.
func (e *evaluation) protocol(what string, at place, v uint32) tri {
	if e.layer != nil && e.layer.protocol == v {
		return e.compare(what, v, "=", v)
	}
	return e.is(what, at, 1, v)
}

func (e *evaluation) abbreviation(n *abbrev) tri {
	switch n.proto {
	case "tcp", "udp", "sctp", "ah", "esp", "pim":
		return e.proto("", ipProtocols[n.proto])
	case "icmp", "igmp", "igrp", "vrrp", "carp":
		return e.proto("ip", ipProtocols[n.proto])
	case "icmp6":
		return e.proto("ip6", 58)
	case "clnp", "esis", "isis":
		return e.proto("iso", nlpids[n.proto])
	}
	if v := etherTypes[n.proto] + saps[n.proto]; v != 0 {
		return e.linkType(v)
	}
	var tests []func() tri
	for _, v := range isisTypes[n.proto] {
		tests = append(tests, func() tri { return e.proto("isis", v) })
	}
	return e.any(tests...)
}

func (e *evaluation) protochain(of string, v uint32) tri {
	if e.layer != nil {
		return e.proto(of, v)
	}
	follow := func(typ uint32, six bool) func() tri {
		return func() tri {
			return e.all(func() tri { return e.linkType(typ) }, func() tri {
				if e.dry {
					return unknown
				}
				return e.follow(v, six)
			})
		}
	}
	switch of {
	case "ip":
		return follow(etherIPv4, false)()
	case "ip6":
		return follow(etherIPv6, true)()
	}
	return e.any(follow(etherIPv4, false), follow(etherIPv6, true))
}

// follow looks for a protocol in the chain of headers.
func (e *evaluation) follow(v uint32, six bool) tri {
	next, at := e.load("next header", e.net(6), 1), e.net(40)
	if !six {
		// The protocol is read before the header length, as both must be there.
		next, at = e.load("IP protocol", e.net(9), 1), e.behind4(0)
	}
	for i := 0; ; i++ {
		if e.compare("protocol in the chain", next, "=", v) == yes {
			return yes
		}
		isExt := six && (next == 0 || next == 60 || next == 43 || next == 44)
		if i == maxChain || !isExt && next != protoAH {
			return no
		}
		n := e.load("extension header length", at.plus(1), 1)
		next2 := e.load("next header", at, 1)
		if isExt {
			at = at.plus((n + 1) * 8)
		} else {
			at = at.plus((n + 2) * 4)
		}
		next = next2
	}
}

// Arithmetic.

func (e *evaluation) relation(n *relation) tri {
	return e.all(func() tri { return e.headersOf(n.left) }, func() tri { return e.headersOf(n.right) }, func() tri {
		if e.dry {
			e.touch(n.left)
			e.touch(n.right)
			return unknown
		}
		l, r := e.value(n.left), e.value(n.right)
		if n.op == "!=" {
			return -e.compare(text(n.left), l, "=", r)
		}
		return e.compare(text(n.left), l, n.op, r)
	})
}

func text(a arith) string {
	var b strings.Builder
	a.write(&b)
	return b.String()
}

// headersOf tests that the headers are there whose bytes are read. Of an operation it looks at the left
// operand only, as libpcap does.
func (e *evaluation) headersOf(a arith) tri {
	switch a := a.(type) {
	case *negation:
		return e.headersOf(a.x)
	case *operation:
		return e.headersOf(a.left)
	case *load:
		return e.headers(a)
	}
	return yes
}

func (e *evaluation) headers(a *load) tri {
	index := func() tri { return e.headersOf(a.index) }
	ethertype := func(v uint32) func() tri { return func() tri { return e.linkType(v) } }
	switch {
	case a.proto == "link" || a.proto == "radio":
		return index()
	case etherTypes[a.proto] != 0:
		return e.all(index, ethertype(etherTypes[a.proto]))
	case e.layer != nil:
		return e.all(index, func() tri { return e.compare("protocol", e.layer.protocol, "=", ipProtocols[a.proto]) },
			func() tri { return truth(e.layer.isFirst(e)) })
	case a.proto == "icmp6":
		return e.all(index, ethertype(etherIPv6), func() tri { return e.is("next header", e.net(6), 1, 58) })
	}
	return e.all(ethertype(etherIPv4), index,
		func() tri { return e.is("IP protocol", e.net(9), 1, ipProtocols[a.proto]) },
		func() tri { return -e.bit("fragment offset", e.net(6), 2, 0x1fff) })
}

// touch notes the headers that arithmetic reads.
func (e *evaluation) touch(a arith) {
	switch a := a.(type) {
	case *negation:
		e.touch(a.x)
	case *operation:
		e.touch(a.left)
		e.touch(a.right)
	case *load:
		e.touch(a.index)
		p := e.base(a)
		if i, ok := constant(a.index); ok {
			e.mention(text(a), p.plus(i), int(a.size))
			return
		}
		if p.after != "" {
			p.after += " and "
		}
		p.after += text(a.index)
		e.mention(text(a), p, int(a.size))
	}
}

// base is where the header starts whose bytes are read.
func (e *evaluation) base(a *load) place {
	switch {
	case a.proto == "radio":
		return place{}
	case a.proto == "link":
		return e.header(0)
	case a.proto == "icmp6":
		return e.behind6(0)
	case etherTypes[a.proto] != 0:
		return e.net(0)
	}
	return e.behind4(0)
}

func (e *evaluation) value(a arith) uint32 {
	switch a := a.(type) {
	case *number:
		return a.v
	case *length:
		return uint32(e.meta.Length)
	case *negation:
		return -e.value(a.x)
	case *operation:
		l, r := e.value(a.left), e.value(a.right)
		v, ok := compute(a.op, l, r)
		if !ok {
			panic(shortFrame{"division by zero in " + text(a)})
		}
		return v
	case *load:
		i := e.value(a.index)
		p := e.base(a)
		if p.varies {
			p.v += i
		} else {
			p.v = i
		}
		return e.load(text(a), p, int(a.size))
	}
	panic("filter: unknown arithmetic")
}

// Everything else.

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
		return e.linkType(etherPPPoED)
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
		e.mention(what, at, 1)
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
	return e.all(func() tri { return e.linkType(etherIPv4) }, func() tri {
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
		return e.all(func() tri { return e.linkType(etherIPv4) },
			func() tri { return e.check("destination address", e.net(16), 1, 0xf0, "=", 0xe0) })
	case proto == "ip6":
		return e.all(func() tri { return e.linkType(etherIPv6) },
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

// Headers that shift what follows, whether they are there or not.

func (e *evaluation) vlan(n *special) tri {
	tagged := func() tri {
		return e.any(func() tri { return e.linkType(0x8100) }, func() tri { return e.linkType(0x88a8) },
			func() tri { return e.linkType(0x9100) })
	}
	id := func() tri {
		if !n.hasNum {
			return yes
		}
		return e.check("VLAN identifier", e.net(0), 2, 0xfff, "=", n.num)
	}
	live := e.ev.opts.Live && e.vlans == 0 && e.link == capture.LinkEthernet && e.hdr == place{}
	e.vlans++
	if live && e.dry {
		// A tag that was not looked for shifts nothing.
		e.pl.varies, e.typ.varies = true, true
		return unknown
	}
	if live && e.meta.VLANPresent {
		e.pl.varies, e.typ.varies = true, true
		if !n.hasNum {
			return e.compare("VLAN tag taken by the kernel", 1, "=", 1)
		}
		return e.compare("VLAN identifier taken by the kernel", uint32(e.meta.VLANTCI&0xfff), "=", n.num)
	}
	r := e.all(tagged, id)
	if live {
		e.pl.varies, e.typ.varies = true, true
		e.pl.v, e.typ.v = 4, 4
		return r
	}
	e.pl.k += 4
	e.typ.k += 4
	return r
}

func (e *evaluation) mpls(n *special) tri {
	r := e.all(func() tri {
		switch {
		case e.labels > 0:
			return -e.bit("bottom of the MPLS stack", e.net(0).plus(^uint32(1)), 1, 1)
		case e.link == capture.LinkPPP:
			return e.linkType(0x0281)
		}
		return e.linkType(etherMPLS)
	}, func() tri {
		if !n.hasNum {
			return yes
		}
		return e.check("MPLS label", e.net(0), 4, 0xfffff000, "=", n.num<<12)
	})
	e.nl += 4
	e.nlNoSNAP += 4
	e.labels++
	return r
}

func (e *evaluation) pppoes(n *special) tri {
	r := e.all(func() tri { return e.linkType(etherPPPoES) }, func() tri {
		if !n.hasNum {
			return yes
		}
		return e.is("PPPoE session", e.net(2), 2, n.num)
	})
	e.hdr = e.pl.plus(e.nl + 6)
	e.typ = e.hdr
	e.pl = e.hdr.plus(2)
	e.nl, e.nlNoSNAP = 0, 0
	e.link, e.encap = capture.LinkPPP, false
	return r
}

// tunnel is Geneve or VXLAN. Where it is not there, what follows looks at the start of the frame.
func (e *evaluation) tunnel(n *special) tri {
	port, isGeneve := uint32(portVXLAN), n.kw == "geneve"
	if isGeneve {
		port = portGeneve
	}
	var start place
	try := func(ports func(portRange, string) tri, behind func(uint32) place) func() tri {
		return func() tri {
			return e.all(func() tri { return ports(portRange{port, port, 17}, "dst") }, func() tri {
				if isGeneve {
					return e.check("Geneve version", behind(8), 1, 0xc0, "=", 0)
				}
				return e.is("VXLAN flags", behind(8), 1, 0x08)
			}, func() tri {
				if !n.hasNum {
					return yes
				}
				return e.check("VNI", behind(12), 4, 0xffffff00, "=", n.num<<8)
			}, func() tri {
				start = behind(8)
				return yes
			})
		}
	}
	r := e.any(try(e.port4, e.behind4), try(e.port6, e.behind6))
	var hdr, typ, pl uint32
	if r == yes && !e.dry {
		at := start.v + start.k
		if isGeneve {
			hdr = at + 8 + e.load("Geneve options length", start, 1)&0x3f*4
			typ, pl = at+2, hdr
			if e.load("Geneve protocol", start.plus(2), 2) == etherTEB {
				typ, pl = hdr+12, hdr+14
			}
		} else {
			hdr = at + 8
			typ, pl = hdr+12, hdr+14
		}
	}
	inner := "where " + n.kw + " starts its frame"
	e.hdr, e.typ, e.pl = place{true, hdr, 0, inner}, place{true, typ, 0, inner + "'s type"}, place{true, pl, 0, inner + "'s payload"}
	e.nl = 0
	e.link, e.encap = capture.LinkEthernet, true
	return r
}
