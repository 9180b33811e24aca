package table

import (
	"net/netip"
	"time"

	"sockwire/capture/decode"
	"sockwire/raw/wire"
)

// Flow ends: a flow that was not seen for idleFlow is over, and when there are more than maxFlows, the one that was
// not seen for longest.
const (
	idleFlow = 2 * time.Minute
	maxFlows = 262_144
)

const (
	fRun = iota
	fFlow
	fCommunity
	fProtocol
	fA
	fABytes
	fAPort
	fB
	fBBytes
	fBPort
	fVLAN
	fTunnel
	fFirst
	fLast
	fDuration
	fFirstPacket
	fLastPacket
	fPacketsAB
	fBytesAB
	fPacketsBA
	fBytesBA
	fFlagsAB
	fFlagsBA
	fDrops
)

// Flows is the schema of flows.
var Flows = newSchema("flows", "A row for each flow, both directions together: what two ends said by one protocol, by the innermost IP headers, until two minutes passed without. "+
	"Of ICMP the ports are type and counterpart, or type and code, as the Community ID has them.", []Column{
	fRun:         {Name: "run", Kind: Text, Full: true, Text: "which pktview wrote it"},
	fFlow:        {Name: "flow", Kind: U64, Full: true, Rare: true, Text: "counted from 0, in the order of first packets"},
	fCommunity:   {Name: "community_id", Kind: Text, Full: true, Text: "Community ID, version 1, seed 0"},
	fProtocol:    {Name: "protocol", Kind: U8, Full: true, JSON: "conversation.protocol", Text: "IP protocol number"},
	fA:           {Name: "a", Kind: Text, Full: true, JSON: "conversation.a", Text: "who sent the first packet"},
	fABytes:      {Name: "a_bytes", Kind: Address, Full: true, Text: "for ranges"},
	fAPort:       {Name: "a_port", Kind: U16, Full: true, JSON: "conversation.a", Text: "its port"},
	fB:           {Name: "b", Kind: Text, Full: true, JSON: "conversation.b", Text: "the other end"},
	fBBytes:      {Name: "b_bytes", Kind: Address, Full: true, Text: "for ranges"},
	fBPort:       {Name: "b_port", Kind: U16, Full: true, JSON: "conversation.b", Text: "its port"},
	fVLAN:        {Name: "vlan", Kind: U16, Text: "innermost VLAN id"},
	fTunnel:      {Name: "tunnel", Kind: U32, Text: "network id or key of the innermost tunnel"},
	fFirst:       {Name: "first", Kind: Time, Rare: true, JSON: "conversation.first", Text: "time of the first packet"},
	fLast:        {Name: "last", Kind: Time, Rare: true, Text: "time of the last packet"},
	fDuration:    {Name: "duration_ns", Kind: I64, JSON: "conversation.duration_ns", Text: "from the first to the last"},
	fFirstPacket: {Name: "first_packet", Kind: U64, Full: true, Rare: true, Text: "its number"},
	fLastPacket:  {Name: "last_packet", Kind: U64, Full: true, Rare: true, Text: "its number"},
	fPacketsAB:   {Name: "packets_a_to_b", Kind: U64, Full: true, JSON: "conversation.packets_a_to_b", Text: "packets"},
	fBytesAB:     {Name: "bytes_a_to_b", Kind: U64, Full: true, JSON: "conversation.bytes_a_to_b", Text: "bytes on the wire"},
	fPacketsBA:   {Name: "packets_b_to_a", Kind: U64, Full: true, JSON: "conversation.packets_b_to_a", Text: "packets"},
	fBytesBA:     {Name: "bytes_b_to_a", Kind: U64, Full: true, JSON: "conversation.bytes_b_to_a", Text: "bytes on the wire"},
	fFlagsAB:     {Name: "tcp_flags_a_to_b", Kind: U16, Full: true, Text: "all TCP flags that were set in any packet"},
	fFlagsBA:     {Name: "tcp_flags_b_to_a", Kind: U16, Full: true, Text: "the same of the other direction"},
	fDrops:       {Name: "drops", Kind: U64, Full: true, Text: "packets of any flow that the capture lost before packets of this one"},
})

type flowKey struct {
	a, b     netip.AddrPort
	protocol uint8
	oneWay   bool
	vlan     uint16
	tunnel   uint32
}

func (k flowKey) reversed() flowKey { k.a, k.b = k.b, k.a; return k }

type oneFlow struct {
	key           flowKey
	number        uint64
	first, last   time.Time
	firstP, lastP uint64
	packets       [2]uint64
	bytes         [2]uint64
	flags         [2]uint16
	drops         uint64
	newer, older  *oneFlow
}

// flows gathers flows. They are in a row by last use.
type flows struct {
	byKey          map[flowKey]*oneFlow
	newest, oldest *oneFlow
	next           uint64
	ended          func(*oneFlow) error
}

func (f *flows) unlink(w *oneFlow) {
	if w.newer != nil {
		w.newer.older = w.older
	} else {
		f.newest = w.older
	}
	if w.older != nil {
		w.older.newer = w.newer
	} else {
		f.oldest = w.newer
	}
	w.newer, w.older = nil, nil
}

func (f *flows) link(w *oneFlow) {
	w.older = f.newest
	if f.newest != nil {
		f.newest.newer = w
	} else {
		f.oldest = w
	}
	f.newest = w
}

func (f *flows) end(w *oneFlow) error {
	f.unlink(w)
	delete(f.byKey, w.key)
	return f.ended(w)
}

// keyOf returns what flow a packet is of, in its direction.
func keyOf(p *decode.Packet) (k flowKey, ok bool) {
	t, ok := p.Inner()
	if !ok {
		return k, false
	}
	k = flowKey{a: t.Src, b: t.Dst, protocol: t.Protocol}
	for i, l := range p.Layers() {
		if l.Flags&decode.Quoted != 0 {
			continue
		}
		switch l.Type {
		case decode.TypeVLAN:
			k.vlan = p.VLAN(i).ID()
		case decode.TypeVXLAN:
			k.tunnel = p.VXLAN(i).VNI()
		case decode.TypeGeneve:
			k.tunnel = p.Geneve(i).VNI()
		case decode.TypeGRE:
			k.tunnel = p.GRE(i).Key()
		case decode.TypeICMPv4, decode.TypeICMPv6:
			h := p.Header(i)
			if len(h) < 2 {
				continue
			}
			src, dst, oneWay := icmpPorts(l.Type == decode.TypeICMPv6, h[0], h[1])
			k.a, k.b = netip.AddrPortFrom(k.a.Addr(), src), netip.AddrPortFrom(k.b.Addr(), dst)
			k.oneWay = oneWay
		}
	}
	return k, true
}

// add takes a packet into account.
func (f *flows) add(p *decode.Packet, number uint64) error {
	k, ok := keyOf(p)
	if !ok {
		return nil
	}
	now := p.Frame.Time
	for w := f.oldest; w != nil && !now.IsZero() && now.Sub(w.last) > idleFlow; w = f.oldest {
		if err := f.end(w); err != nil {
			return err
		}
	}
	way := 0
	w := f.byKey[k]
	if w == nil && !k.oneWay {
		if w = f.byKey[k.reversed()]; w != nil {
			way = 1
		}
	}
	if w == nil {
		if len(f.byKey) >= maxFlows {
			if err := f.end(f.oldest); err != nil {
				return err
			}
		}
		w = &oneFlow{key: k, number: f.next, first: now, last: now, firstP: number}
		f.next++
		f.byKey[k] = w
	} else {
		f.unlink(w)
	}
	f.link(w)
	if w.last.Before(now) {
		w.last = now
	}
	w.lastP = number
	w.packets[way]++
	w.bytes[way] += uint64(p.Frame.Length)
	w.drops += p.Frame.Drops
	if k.protocol == wire.ProtoTCP {
		if h := p.TCP(p.FindInner(decode.TypeTCP)); h != nil {
			w.flags[way] |= uint16(h.Flags())
		}
	}
	return nil
}

// finish ends all flows, in the order of their last packets.
func (f *flows) finish() error {
	for f.oldest != nil {
		if err := f.end(f.oldest); err != nil {
			return err
		}
	}
	return nil
}

func (w *oneFlow) fill(r *rows, run string, texts *texts) {
	r.text(fRun, run)
	r.number(fFlow, w.number)
	r.text(fCommunity, CommunityID(w.key.protocol, w.key.a, w.key.b, w.key.oneWay))
	r.number(fProtocol, uint64(w.key.protocol))
	a, b := *texts.ofIP(w.key.a.Addr()), *texts.ofIP(w.key.b.Addr())
	r.text(fA, a.text)
	r.text(fABytes, a.bytes)
	r.number(fAPort, uint64(w.key.a.Port()))
	r.text(fB, b.text)
	r.text(fBBytes, b.bytes)
	r.number(fBPort, uint64(w.key.b.Port()))
	if w.key.vlan != 0 {
		r.number(fVLAN, uint64(w.key.vlan))
	}
	if w.key.tunnel != 0 {
		r.number(fTunnel, uint64(w.key.tunnel))
	}
	r.when(fFirst, -1, w.first)
	r.when(fLast, -1, w.last)
	if !w.first.IsZero() {
		r.number(fDuration, uint64(w.last.Sub(w.first)))
	}
	r.number(fFirstPacket, w.firstP)
	r.number(fLastPacket, w.lastP)
	r.number(fPacketsAB, w.packets[0])
	r.number(fBytesAB, w.bytes[0])
	r.number(fPacketsBA, w.packets[1])
	r.number(fBytesBA, w.bytes[1])
	r.number(fFlagsAB, uint64(w.flags[0]))
	r.number(fFlagsBA, uint64(w.flags[1]))
	r.number(fDrops, w.drops)
}
