package inject

import (
	"fmt"
	"net/netip"
	"time"

	"sockwire/raw/packet"
)

// key is what an exchange is known by. It has no pointers, nor has what it leads to: a million probes are nothing to
// the garbage collector.
type key struct {
	use      uint8 // of the key: what the fields mean
	protocol uint8
	a, b     keyAddr
	x, y     uint32
}

// keyAddr is an address in a key, zeros for any.
type keyAddr [16]byte

func addrKey(a netip.Addr) keyAddr {
	if !a.IsValid() {
		return keyAddr{}
	}
	return a.As16()
}

const (
	useReply      = iota // a direct answer: from a to b
	useQuote             // the packet itself: from a to b
	useQuoteByDst        // the packet with its source changed on the way
	useQuoteBySrc        // the packet with its destination changed on the way
)

// replyKey returns what a direct answer to the packet is known by. Packets to a group or broadcast address are
// answered from any address.
func (h *Header) replyKey(anyone bool) (k key, ok bool) {
	k = key{use: useReply, protocol: h.Protocol, a: addrKey(h.Final), b: addrKey(h.Src)}
	ok = kindOf(h.Protocol).asks(h, &k)
	if anyone {
		k.a = keyAddr{}
	}
	return k, ok
}

// answerKeys returns what a packet could be filed under as a direct answer.
func (h *Header) answerKeys() (keys [2]key, ok bool) {
	k := key{use: useReply, protocol: h.Protocol, a: addrKey(h.Src), b: addrKey(h.Dst)}
	ok = kindOf(h.Protocol).answers(h, &k)
	anyone := k
	anyone.a = keyAddr{}
	return [2]key{k, anyone}, ok
}

// quoteKeys returns what the packet, quoted by an ICMP error, is known by: whole, and with either side rewritten by
// an address translator on the way.
func (h *Header) quoteKeys() [3]key {
	x, y := kindOf(h.Protocol).quoted(h)
	src, dst := addrKey(h.Src), addrKey(h.Dst)
	whole := key{useQuote, h.Protocol, src, dst, x, y}
	byDst := key{useQuoteByDst, h.Protocol, keyAddr{}, dst, uint32(h.DstPort), uint32(h.ID)}
	bySrc := key{useQuoteBySrc, h.Protocol, src, keyAddr{}, uint32(h.SrcPort), uint32(h.ID)}
	return [3]key{whole, byDst, bySrc}
}

// Probe is a packet whose answer is waited for.
type Probe struct {
	Number uint64    // of the packet in its template
	Sent   time.Time // when it was handed over, or by the kernel's clock when that is known
	Header Header    // of the outermost IP packet; its Transport is not kept
	// Replies and Errors count what came back.
	Replies, Errors int
	left            bool // it is on its way: until then nothing can answer it
	stamped         bool // it was seen leaving
	gone            bool // it was not sent after all
	carried         []Header
}

// at returns the header of the packet, or of what it carries.
func (p *Probe) at(level uint8) *Header {
	if level == 0 {
		return &p.Header
	}
	return &p.carried[level-1]
}

// Role is what a packet from the network is to a probe.
type Role uint8

// Roles.
const (
	Reply     Role = iota + 1 // a direct answer
	ICMPError                 // an ICMP error that quotes it
	Departure                 // it is the probe itself, leaving
)

func (r Role) String() string {
	return [...]string{"nothing", "reply", "icmp-error", "departure"}[r]
}

// Matcher remembers probes and tells which one a packet answers. It is for one goroutine.
type Matcher struct {
	Probes []Probe
	// Patience is how long a probe is waited for while others like it are: an answer that several could have is that of
	// the first of them that left no longer ago than this. 0 is no limit.
	Patience time.Duration

	index map[key]int32 // into lists
	lists []list
	nodes []node // of all lists
	found match
	room  [levels]Header // of the packet looked at
	taken int            // probes that were not sent after all
}

// match is what the last packet that was looked at means.
type match struct {
	probe int
	role  Role
	level uint8 // of the probe's headers
	alike bool  // another probe may have been meant
	early bool  // it answers a probe of which it is not known that it has left
}

// list is the probes of one key, in the order in which they were sent, by places in Matcher.nodes; none is -1.
type list struct {
	first, last int32
	departed    int32 // those before were seen leaving
	past        int32 // those before have an answer, or are not waited for
}

// node is a probe in a list, and which of its headers the key was made of.
type node struct {
	probe      int32
	prev, next int32
	level      uint8
}

const none = -1

// Sent adds a probe: packet number n, given without its link header, handed over at the time. anyone says that its
// answer may come from any address, as it does for groups and broadcasts. It returns the probe's place in Probes; -1
// when the packet cannot be followed.
func (m *Matcher) Sent(n uint64, p []byte, anyone bool, at time.Time) int {
	headers := parseLevels(p, &m.room)
	if len(headers) == 0 {
		return -1
	}
	i := m.add(n, headers, anyone, at)
	m.Probes[i].left = true
	return i
}

// add is Sent for a probe that is about to leave, by its headers.
func (m *Matcher) add(n uint64, headers []Header, anyone bool, at time.Time) int {
	i := len(m.Probes)
	for k := range headers {
		h := &headers[k]
		h.Transport = nil
		if key, ok := h.replyKey(anyone); ok && (k == len(headers)-1 || !h.tunnels()) {
			m.file(key, i, k)
		}
		for _, key := range h.quoteKeys() {
			m.file(key, i, k)
		}
	}
	probe := Probe{Number: n, Sent: at, Header: headers[0]}
	if len(headers) > 1 {
		probe.carried = append(probe.carried, headers[1:]...)
	}
	m.Probes = append(m.Probes, probe)
	return i
}

// take says that a probe was not sent after all.
func (m *Matcher) take(i int) {
	m.Probes[i].gone = true
	m.taken++
}

// tunnels reports whether the packet's protocol does nothing but carry packets.
func (h *Header) tunnels() bool { return kindOf(h.Protocol) == anyKind }

// file puts a probe behind those of a key.
func (m *Matcher) file(k key, probe, level int) {
	at := int32(len(m.nodes))
	n := node{probe: int32(probe), level: uint8(level), prev: none, next: none}
	i, known := m.index[k]
	if !known {
		if m.index == nil {
			m.index = map[key]int32{}
		}
		m.index[k] = int32(len(m.lists))
		m.lists = append(m.lists, list{at, at, at, at})
		m.nodes = append(m.nodes, n)
		return
	}
	l := &m.lists[i]
	n.prev = l.last
	m.nodes[l.last].next = at
	l.last = at
	for _, place := range [...]*int32{&l.departed, &l.past} {
		if *place == none {
			*place = at
		}
	}
	m.nodes = append(m.nodes, n)
}

// listOf returns the probes of a key, nil for none.
func (m *Matcher) listOf(k key) *list {
	if i, ok := m.index[k]; ok {
		return &m.lists[i]
	}
	return nil
}

// Match says which probe a packet, given without its link header, has to do with and how; ok is false for none. An
// answer that several could have is that of the first of them that has none: of packets that nothing tells apart the
// answers are taken to come in the order sent, and [Matcher.Alike] says so. If all have one, it is the last sent before
// it. Nothing answers a probe before it has left. A departure sets the probe's time of sending.
func (m *Matcher) Match(p []byte, at time.Time, leaving bool) (i int, r Role, ok bool) {
	found, ok := m.match(parseLevels(p, &m.room), at, leaving)
	if ok && found.early {
		ok = false
	}
	if !ok {
		return 0, 0, false
	}
	m.count(found)
	return found.probe, found.role, true
}

// Alike reports whether what the last packet answers was told from another by the order of sending alone.
func (m *Matcher) Alike() bool { return m.found.alike }

// count counts an answer.
func (m *Matcher) count(found match) {
	m.found = found
	switch found.role {
	case Reply:
		m.Probes[found.probe].Replies++
	case ICMPError:
		m.Probes[found.probe].Errors++
	}
}

// match is Match that counts nothing, of a packet's headers.
func (m *Matcher) match(headers []Header, at time.Time, leaving bool) (match, bool) {
	if leaving {
		if len(headers) == 0 {
			return match{}, false
		}
		return m.departure(&headers[0], at)
	}
	for k := len(headers) - 1; k >= 0; k-- {
		h := &headers[k]
		if k < len(headers)-1 && h.tunnels() {
			continue
		}
		if found, ok := m.answered(h, at); ok {
			return found, true
		}
	}
	return match{}, false
}

// answered returns the probe that a packet answers.
func (m *Matcher) answered(h *Header, at time.Time) (match, bool) {
	if quoted, ok := h.Quote(); ok {
		return m.quotedIn(&quoted, at, levels)
	}
	keys, ok := h.answerKeys()
	if !ok {
		return match{}, false
	}
	fits := kindOf(h.Protocol).fits
	for _, k := range keys {
		if found, ok := m.choose(m.listOf(k), at, func(sent *Header) bool { return fits == nil || fits(sent, h) }); ok {
			found.role = Reply
			return found, true
		}
	}
	return match{}, false
}

// quotedIn returns the probe that an ICMP error quotes, by the innermost packet of those that tunnels carry, which
// tells most.
func (m *Matcher) quotedIn(quoted *Header, at time.Time, deep int) (match, bool) {
	if inner, ok := quoted.Carried(); ok && deep > 1 {
		if found, ok := m.quotedIn(&inner, at, deep-1); ok {
			return found, true
		}
	}
	return m.quotedBy(quoted, at)
}

// quotedBy returns the probe whose packet an ICMP error quotes.
func (m *Matcher) quotedBy(quoted *Header, at time.Time) (match, bool) {
	keys := quoted.quoteKeys()
	sameID := func(sent *Header) bool { return sent.ID == quoted.ID }
	for _, k := range keys {
		if found, ok := m.choose(m.listOf(k), at, sameID); ok {
			found.role = ICMPError
			return found, true
		}
	}
	found, ok := m.choose(m.listOf(keys[0]), at, func(*Header) bool { return true }) // the id was changed
	found.role = ICMPError
	return found, ok
}

// departure finds the probe that is seen leaving, the first with its key that has not been.
func (m *Matcher) departure(h *Header, at time.Time) (match, bool) {
	l := m.listOf(h.quoteKeys()[0])
	if l == nil {
		return match{}, false
	}
	for i := l.departed; i != none; i = m.nodes[i].next {
		n := m.nodes[i]
		if p := &m.Probes[n.probe]; !p.stamped && !p.gone && n.level == 0 && p.Header.ID == h.ID {
			p.stamped, p.left, p.Sent = true, true, at
			for l.departed != none && m.Probes[m.nodes[l.departed].probe].stamped {
				l.departed = m.nodes[l.departed].next
			}
			return match{probe: int(n.probe), role: Departure}, true
		}
	}
	return match{}, false
}

// looked is how many probes on either side of the one chosen are looked at for another that may have been meant.
const looked = 1024

// choose returns the first probe of a list that left before at, fits, has no answer and is still waited for; if there
// is none, the first that is about to leave; or else the last that fits.
func (m *Matcher) choose(l *list, at time.Time, fits func(*Header) bool) (match, bool) {
	if l == nil {
		return match{}, false
	}
	for l.past != none && m.over(&m.Probes[m.nodes[l.past].probe], at) {
		l.past = m.nodes[l.past].next
	}
	alone := l.first == l.last
	early := int32(none)
	for i := l.past; i != none; i = m.nodes[i].next {
		n := m.nodes[i]
		p := &m.Probes[n.probe]
		switch {
		case m.over(p, at) || !fits(p.at(n.level)):
		case !p.left:
			if early == none {
				early = i
			}
		case alone || !p.Sent.After(at):
			return match{probe: int(n.probe), level: n.level, alike: m.another(i, at, fits)}, true
		}
	}
	if early != none {
		n := m.nodes[early]
		return match{probe: int(n.probe), level: n.level, early: true}, true
	}
	for i := l.last; i != none; i = m.nodes[i].prev {
		n := m.nodes[i]
		if p := &m.Probes[n.probe]; p.left && fits(p.at(n.level)) && (alone || !p.Sent.After(at)) {
			return match{probe: int(n.probe), level: n.level, alike: m.another(i, at, fits)}, true
		}
	}
	return match{}, false
}

// over reports whether no answer that comes at the time is a probe's first.
func (m *Matcher) over(p *Probe, at time.Time) bool {
	return p.gone || p.Replies+p.Errors > 0 || m.stale(p, at)
}

// stale reports whether a probe left too long ago to be waited for while there are others like it.
func (m *Matcher) stale(p *Probe, at time.Time) bool {
	return m.Patience > 0 && p.left && at.Sub(p.Sent) > m.Patience
}

// another reports whether an answer that is taken to be that of the probe at a node could be another's.
func (m *Matcher) another(at int32, when time.Time, fits func(*Header) bool) bool {
	number := m.Probes[m.nodes[at].probe].Number
	could := func(n node) bool {
		p := &m.Probes[n.probe]
		return p.left && !p.Sent.After(when) && p.Number != number && fits(p.at(n.level))
	}
	steps := 0
	for i := m.nodes[at].prev; i != none && steps < looked; i = m.nodes[i].prev {
		if steps++; could(m.nodes[i]) {
			return true
		}
	}
	steps = 0
	for i := m.nodes[at].next; i != none && steps < looked; i = m.nodes[i].next {
		if steps++; could(m.nodes[i]) {
			return true
		}
	}
	return false
}

// Change is a field that a quote shows changed on the way.
type Change struct {
	Field  string `json:"field"`
	Sent   string `json:"sent"`
	Quoted string `json:"quoted"`
}

func (c Change) String() string { return c.Field + " " + c.Sent + "→" + c.Quoted }

// Changes compares a probe with what an ICMP error quotes of it. What every router changes, the TTL and with it the
// header's checksum, is among them.
func Changes(sent, quoted *Header) []Change {
	var list []Change
	add := func(field string, differs bool, a, b any) {
		if differs {
			list = append(list, Change{field, fmt.Sprint(a), fmt.Sprint(b)})
		}
	}
	hex := func(v uint16) string { return fmt.Sprintf("%#04x", v) }
	add("src", sent.Src != quoted.Src, sent.Src, quoted.Src)
	add("dst", sent.Dst != quoted.Dst, sent.Dst, quoted.Dst)
	add("tos", sent.TOS != quoted.TOS, fmt.Sprintf("%#02x", sent.TOS), fmt.Sprintf("%#02x", quoted.TOS))
	add("ttl", sent.TTL != quoted.TTL, sent.TTL, quoted.TTL)
	add("id", sent.ID != quoted.ID, hex(sent.ID), hex(quoted.ID))
	add("chksum", sent.Checksum != quoted.Checksum, hex(sent.Checksum), hex(quoted.Checksum))
	add("sport", sent.SrcPort != quoted.SrcPort, sent.SrcPort, quoted.SrcPort)
	add("dport", sent.DstPort != quoted.DstPort, sent.DstPort, quoted.DstPort)
	add("seq", sent.Seq != quoted.Seq, sent.Seq, quoted.Seq)
	add("icmp", sent.Word != quoted.Word, fmt.Sprintf("%#08x", sent.Word), fmt.Sprintf("%#08x", quoted.Word))
	return list
}

// AnswerFilter returns a pcap-filter expression that all packets matching needs pass, and as little else as can be
// said: answers to the template's packets, ICMP errors, and the packets themselves as they leave. "" is everything.
func AnswerFilter(t *packet.Template) string {
	const anyIP = "ip or ip6"
	layers := t.Layers(0)
	if t.Fragments() {
		return anyIP
	}
	host, seenIP, terms := "", 0, ""
	for i, l := range layers {
		switch l := l.(type) {
		case *packet.Ethernet, packet.Payload, *packet.Payload, *packet.SCTPChunk:
			continue
		case *packet.VLAN, *packet.MPLS, *packet.PPPoE:
			return ""
		case *packet.ARP:
			return "arp"
		case *packet.IPv4:
			seenIP++
			if l.Protocol != (packet.Opt[uint8]{}) && i+1 == len(layers) {
				return "ip"
			}
			continue
		case *packet.IPv6:
			seenIP++
			host = hostTerm(t, &l.Dst)
			continue
		}
		k := kindOfLayer(l)
		if k == nil || k.term == nil {
			return anyIP
		}
		if terms == "" {
			terms = "icmp or icmp6"
			if term := k.term(t, l); term != "" {
				terms += " or (" + host + term + ")"
			}
		}
		if k == icmpKind || k == icmp6Kind { // behind it is what it quotes
			break
		}
	}
	if seenIP > 1 || terms == "" {
		return anyIP
	}
	return terms
}

// hostTerm narrows direct answers to those from a constant IPv6 destination that answers itself. An IPv4 destination
// may be a broadcast address, which anybody answers for.
func hostTerm(t *packet.Template, dst *netip.Addr) string {
	if t.VariesAt(dst) || !dst.IsValid() || dst.IsMulticast() {
		return ""
	}
	return "host " + dst.String() + " and "
}
