package packet

import (
	"maps"
	"net/netip"
	"reflect"
	"slices"

	"sockwire/raw/wire"
)

// expression reads the whole of it.
func (p *parsing) expression() {
	for {
		p.layer()
		if p.peek() == 0 {
			return
		}
		p.expect('/', "the next layer")
		if len(p.t.nodes) == maxLayers {
			p.fail(p.pos, "more than %d layers", maxLayers)
		}
	}
}

func (p *parsing) layer() {
	p.space()
	start := p.pos
	name := p.name()
	if short := shortName(name, isLayer, layerSynonyms); isLayer(short) {
		name = short
	}
	if slices.Contains(payloadKinds, name) {
		p.payload(name, start)
		return
	}
	kind := kindByName(name)
	if kind == nil {
		if name == "" {
			if p.pos == len(p.spec) {
				p.fail(p.pos, "a layer is missing: start with one such as ip{dst=192.0.2.1}")
			}
			p.fail(start, "%q where a layer's name is needed", p.rune())
		}
		p.fail(start, "no layer is called %q%s", name, didYouMean(name, layerNames()))
	}
	n := node{layer: kind.make(), kind: kind, column: start}
	if p.accept('{') {
		if name == "frag" && p.fragmentation(start) {
			return
		}
		p.each('}', "the end of "+name, func() { p.field(&n) })
	}
	p.t.nodes = append(p.t.nodes, n)
	p.t.layers = append(p.t.layers, n.layer)
}

func layerNames() []string {
	names := slices.Clone(payloadKinds)
	for _, k := range layerKinds {
		names = append(names, k.name)
	}
	return names
}

func (p *parsing) field(n *node) {
	p.space()
	start := p.pos
	name := p.name()
	if name == "" {
		p.fail(p.pos, "%q where the name of a field of %s is needed", p.rune(), n.kind.name)
	}
	if short := n.kind.fieldName(name); n.kind.hasField(short) {
		name = short
	}
	var half alias // of a field, when the name means only some of its bits
	f, ok := n.kind.field(name)
	if !ok {
		if half, ok = n.kind.aliases[name]; !ok {
			p.fail(start, "%s has no field %q%s", n.kind.name, name, didYouMean(name, n.kind.fieldNames()))
		}
		f, _ = n.kind.field(half.field)
	}
	if slices.Contains(n.given, name) || half.field != "" && slices.Contains(n.given, half.field) {
		p.fail(start, "%s is given twice", name)
	}
	n.given = append(n.given, name)
	n.parts = append(n.parts, part{f.index, half.shift, half.bits})
	p.expect('=', name)
	ptr := fieldPtr(n.layer, f.index)
	if f.bits == 0 {
		p.compound(n, name, ptr)
		return
	}
	target := target{ptr: ptr, bits: f.bits, shift: half.shift, part: half.bits}
	width := f.bits
	if half.bits != 0 {
		width = half.bits
	}
	p.bind(target, p.values(value{name: name, bits: width, addr: f.addr, mac: f.mac, names: n.kind.names[name], flags: reflect.TypeOf(ptr) == reflect.TypeFor[*wire.TCPFlags]()}), start)
}

func (k *layerKind) fieldNames() []string {
	var names []string
	for _, f := range k.fields() {
		names = append(names, f.name)
	}
	return slices.AppendSeq(names, maps.Keys(k.aliases))
}

// compound reads a field that is a list or bytes.
func (p *parsing) compound(n *node, name string, ptr any) {
	switch f := ptr.(type) {
	case *[]byte:
		*f = p.bytes()
	case *[]netip.Addr:
		*f = p.addresses(n.kind.family)
	case *[]Option:
		*f = p.options(n.kind)
	case *[]ICMPExtension:
		*f = p.objects()
	case *[]GroupRecord:
		*f = p.records(n.kind.family)
	case *[]DNSRecord:
		*f = p.dnsRecords(name == "qd")
	case *DomainName:
		p.domainNames(f)
	}
}

// options reads [mss{1460}, nop, opt{type=254, data=00}].
func (p *parsing) options(kind *layerKind) []Option {
	list := make([]Option, 0, maxElements) // full size: the targets below point into it
	p.elements(func(name string, start int) {
		list = list[:len(list)+1]
		o := &list[len(list)-1]
		if name == "opt" {
			p.generic("opt", []genericField{{name: "type", target: target{ptr: &o.Type, bits: 8}}, {name: "len", target: target{ptr: &o.Length, bits: 8}}}, &o.Data)
			return
		}
		k, ok := kind.options[shortName(name, func(s string) bool { return hasKey(kind.options, s) }, optionSynonyms)]
		if !ok {
			p.fail(start, "%s has no option %q%s", kind.name, name, didYouMean(name, optionNames(kind.options, "opt")))
		}
		o.Type = k.typ
		o.Data = p.element(name, k, target{ptr: &o.Length, bits: 8})
	})
	return slices.Clip(list)
}

// records reads [rec{type=4, group=233.252.0.1, sources=[192.0.2.1]}].
func (p *parsing) records(family int) []GroupRecord {
	list := make([]GroupRecord, 0, maxElements) // full size: the targets below point into it
	p.elements(func(name string, start int) {
		if name != "rec" {
			p.fail(start, "a list of records has no %q: there is rec{type=, group=, sources=[]}", name)
		}
		list = list[:len(list)+1]
		r := &list[len(list)-1]
		fields := []genericField{{name: "type", target: target{ptr: &r.Type, bits: 8}}, {name: "auxlen", target: target{ptr: &r.AuxLength, bits: 8}}, {name: "nsrc", target: target{ptr: &r.NumSources, bits: 16}},
			{name: "group", target: target{ptr: &r.Group, bits: family}}}
		p.braced("rec", fields, map[string]func(){
			"sources": func() { r.Sources = p.addresses(family) },
			"aux":     func() { r.Aux = p.bytes() },
		})
	})
	return slices.Clip(list)
}

// objects reads the extension objects of an ICMP message.
func (p *parsing) objects() []ICMPExtension {
	list := make([]ICMPExtension, 0, maxElements)
	p.elements(func(name string, start int) {
		list = list[:len(list)+1]
		o := &list[len(list)-1]
		if name == "obj" {
			p.generic("obj", []genericField{{name: "class", target: target{ptr: &o.Class, bits: 8}}, {name: "ctype", target: target{ptr: &o.CType, bits: 8}},
				{name: "len", target: target{ptr: &o.Length, bits: 16}}}, &o.Data)
			return
		}
		if plain(name) == "iface" {
			*o = p.interfaceInfo()
			return
		}
		k, ok := icmpObjects[shortName(name, func(s string) bool { return hasKey(icmpObjects, s) }, optionSynonyms)]
		if !ok {
			p.fail(start, "there is no extension object %q%s", name, didYouMean(name, optionNames(icmpObjects, "obj", "iface")))
		}
		o.Class, o.CType = k.typ, k.ctype
		o.Data = p.element(name, k, target{ptr: &o.Length, bits: 16})
	})
	return slices.Clip(list)
}

// fragmentation reads the fields of frag, whose name stands at layer, if they ask for cutting: mtu, with id, overlap
// and order.
func (p *parsing) fragmentation(layer int) bool {
	start := p.pos
	f := fragmentation{at: len(p.t.layers), column: layer, order: "forward"}
	asked := false
	for p.peek() != '}' {
		at := p.pos
		name := p.name()
		if !slices.Contains([]string{"mtu", "overlap", "order", "id"}, name) || !p.accept('=') {
			if asked {
				p.fail(at, "frag with mtu has no field %q: there is mtu, overlap, order, id", name)
			}
			p.pos = start
			return false
		}
		p.space()
		valueAt := p.pos
		switch name {
		case "order":
			if f.order = p.word(); !slices.Contains([]string{"forward", "reverse", "random"}, f.order) {
				p.fail(valueAt, "order is forward, reverse or random")
			}
		case "mtu":
			asked = true
			f.mtu = int(p.scalar(value{name: name, bits: 16}, p.word(), valueAt).lo)
		case "overlap":
			if f.overlap = int(p.scalar(value{name: name, bits: 16}, p.word(), valueAt).lo); f.overlap%8 != 0 {
				p.fail(valueAt, "fragments overlap by a multiple of 8 bytes")
			}
		case "id":
			word := p.word()
			if _, err := parseNumber(word); err != nil {
				p.pos = start
				return false
			}
			f.id, f.given = uint32(p.scalar(value{name: name, bits: 32}, word, valueAt).lo), true
		}
		if !p.accept(',') {
			break
		}
	}
	if !asked {
		p.pos = start
		return false
	}
	p.expect('}', "the end of frag")
	if p.t.cut != nil {
		p.fail(layer, "a packet is cut into fragments once")
	}
	switch at := len(p.t.layers) - 1; {
	case at < 0:
		p.fail(layer, "frag needs an ip or ip6 before it")
	default:
		if ip, ok := p.t.layers[at].(*IPv4); ok && f.given {
			ip.ID = uint16(f.id)
			p.t.nodes[at].given = append(p.t.nodes[at].given, "id")
		}
		if _, ok := fragmentable(p.t.layers[:at+1]); !ok {
			p.fail(layer, "frag stands behind ip, or behind ip6 and its extension headers")
		}
	}
	p.t.cut = &f
	return true
}

// interfaceInfo reads iface{role=2, ifindex=3, addr=192.0.2.1, name="eth0", mtu=1500}, each part as one constant.
func (p *parsing) interfaceInfo() ICMPExtension {
	var i interfaceInfo
	number := func(name string, bits int) uint64 {
		at := p.pos
		return p.scalar(value{name: name, bits: bits}, p.word(), at).lo
	}
	p.braced("iface", nil, map[string]func(){
		"role":    func() { i.role = uint8(number("role", 2)) },
		"ifindex": func() { i.index, i.hasIndex = uint32(number("ifindex", 32)), true },
		"mtu":     func() { i.mtu, i.hasMTU = uint32(number("mtu", 32)), true },
		"addr": func() {
			p.space()
			at := p.pos
			var err error
			if i.addr, err = netip.ParseAddr(p.word()); err != nil || i.addr.Zone() != "" {
				p.fail(at, "an address of IPv4 or IPv6 is needed")
			}
		},
		"name": func() {
			p.space()
			at := p.pos
			if i.name, i.hasName = p.text(), true; len(i.name) > maxInfoName {
				p.fail(at, "a name has at most %d bytes", maxInfoName)
			}
		},
	})
	return i.object()
}

// Parse reads a packet expression, such as
//
//	ip{dst=192.0.2.1, ttl=1..30} / udp{sport=rand, dport=53,123} / hex{0001 0203}
//
// Files and host names are refused; see [Parser]. The error is a [*SyntaxError]. The language is described in the
// README of cmd/rawsend.
func Parse(spec string) (*Template, error) { return new(Parser).Parse(spec) }

// Parse reads a packet expression.
func (p *Parser) Parse(spec string) (*Template, error) {
	t := &Template{spec: spec}
	run := &parsing{Parser: p, spec: spec, t: t}
	if err := run.run(run.expression); err != nil {
		return nil, err
	}
	if err := run.run(run.complete); err != nil {
		return nil, err
	}
	t.SetSeed(0)
	return t, nil
}

// complete adds what an expression leaves to the template, and lays out the combinations.
func (p *parsing) complete() {
	for i := range p.t.nodes {
		p.defaults(i)
	}
	p.layOut()
}

// layOut makes the axes of the combinations.
func (p *parsing) layOut() {
	t := p.t
	for i := range t.variables {
		t.variables[i].values.dim = t.dimension(&t.variables[i].values)
	}
	for i := range t.payloads {
		v := &t.payloads[i]
		v.size.dim, v.choice.dim = t.dimension(&v.size), t.dimension(&v.choice)
	}
	t.count = 1
	for i := len(t.dims) - 1; i >= 0; i-- { // the last one written changes fastest
		t.dims[i].stride = t.count
		t.count = saturatingMul(t.count, t.dims[i].count)
	}
}

// defaults fills fields that were not written and whose value is the template's business, not [Append]'s: message
// types, well-known ports, and the identifiers that keep one run's packets apart from another's.
func (p *parsing) defaults(i int) {
	n := &p.t.nodes[i]
	var next Layer
	if i+1 < len(p.t.layers) {
		next = p.t.layers[i+1]
	}
	given := func(names ...string) bool {
		return slices.ContainsFunc(names, func(name string) bool { return slices.Contains(n.given, name) })
	}
	fill := func(field string, how progress, spans ...span) {
		if f, _ := n.kind.field(field); !given(field) {
			v := values{progress: how, width: f.bits, spans: spans}
			p.bind(target{ptr: fieldPtr(n.layer, f.index), bits: f.bits}, v, n.column)
		}
	}
	once := func(field string, spans ...span) { fill(field, perRun, spans...) }
	ephemeral := span{first: number(49152), step: 1, count: 16384}
	switch l := n.layer.(type) {
	case *IPv4:
		once("id", span{first: number(1), step: 1, count: 65535}) // a raw socket's kernel replaces 0
	case *Fragment:
		once("id")
	case *UDP:
		sport, dport := wellKnownPorts(next)
		switch {
		case given("sport"):
		case sport != 0:
			l.SrcPort = sport
		default:
			once("sport", ephemeral)
		}
		if !given("dport") {
			l.DstPort = dport
		}
	case *UDPLite, *SCTP:
		once("sport", ephemeral)
	case *TCP:
		once("sport", ephemeral)
		once("seq")
		if !given("flags") {
			l.Flags = wire.SYN
		}
	case *ICMPv4:
		if !given("type") {
			l.Type = wire.ICMPv4Echo
		}
		if l.Type == wire.ICMPv4Echo && !given("rest") {
			once("id")
			fill("seq", sequence, span{step: 1})
		}
	case *ICMPv6:
		if !given("type") {
			l.Type = wire.ICMPv6Echo
		}
		if l.Type == wire.ICMPv6Echo && !given("rest") {
			once("id")
			fill("seq", sequence, span{step: 1})
		}
	case *DNS:
		fill("id", random) // each its own, by which its answer is known
		if !given("flags", "qr", "rd") {
			l.Flags |= dnsRecurse
		}
	case *DHCP:
		once("xid")
		if !given("op") {
			l.Op = 1
		}
	}
}

// wellKnownPorts returns the ports between which the layer behind a UDP header goes, 0 for one of the sender's choice.
// (A port that is not known and not written is 0.)
func wellKnownPorts(l Layer) (sport, dport uint16) {
	switch l := l.(type) {
	case *VXLAN:
		return 0, wire.PortVXLAN
	case *Geneve:
		return 0, wire.PortGeneve
	case *DNS:
		if l.Flags&dnsResponse != 0 {
			return wire.PortDNS, 0
		}
		return 0, wire.PortDNS
	case *DHCP:
		if l.Op == dhcpReply {
			return wire.PortDHCPServer, wire.PortDHCPClient
		}
		return wire.PortDHCPClient, wire.PortDHCPServer
	}
	return 0, 0
}
