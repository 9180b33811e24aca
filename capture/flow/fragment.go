package flow

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"iter"
	"net/netip"
	"slices"
	"sort"
	"strconv"
	"time"

	"sockwire/capture"
	"sockwire/capture/decode"
	"sockwire/raw/wire"
)

// Bounds of a Defragmenter whose fields are 0.
const (
	DefaultDatagrams = 8192
	DefaultBytes     = 32 << 20
	DefaultTimeout4  = 30 * time.Second // what Linux waits for the fragments of an IPv4 packet
	DefaultTimeout6  = 60 * time.Second // RFC 8200 section 4.5
)

// copyWindow is how long a datagram that is whole is remembered, so that a second sight of its fragments, as a capture
// on several interfaces has it, is told from a new datagram with the same identification.
const copyWindow = time.Second

// maxReady bounds what GivenUp holds for a caller that does not ask.
const maxReady = 1024

// Defragmenter puts IPv4 and IPv6 packets together from their fragments (RFC 791 section 3.2, RFC 8200 section 4.5).
// The zero value is ready. It is not for use by several goroutines at once.
//
// Fragments belong together that have the same source, destination, identification, for IPv4 the same protocol, and the
// same way: VLANs, labels and tunnels around them. A fragment inside a tunnel whose packets are fragments themselves is
// found when what Add returns is decoded and added again.
//
// What overlaps is kept as it came first in IPv4, and bytes that differ are reported; in IPv6 the datagram is discarded
// with all fragments still to come (RFC 5722). Linux discards in both. A fragment that was seen before, with the same
// place and bytes, is no overlap. Linux takes one that lies inside of what it has for such a copy as well, whatever it
// carries.
//
// A fragment that cannot be one is ignored, as hosts do: without data, beyond 65,535 bytes, of an IPv6 length that is
// no multiple of 8 although more follow, an IPv6 first fragment without the header of the layer above (RFC 8200),
// shorter than its header says, or with a wrong header checksum. An IPv4 fragment of such a length is cut to the
// multiple, as Linux does. Atomic fragments of IPv6 are whole packets (RFC 6946) and pass.
//
// Memory is bounded by Datagrams, Bytes and Timeout; what is kept longest is given up first, and told by GivenUp.
type Defragmenter struct {
	// Datagrams is how many are put together at a time, or remembered; 0 means DefaultDatagrams.
	Datagrams int
	// Bytes bounds the memory of all that is kept; 0 means DefaultBytes.
	Bytes int
	// Timeout is how long after its first fragment a datagram is given up, by the time of the capture; 0 means
	// DefaultTimeout4 and DefaultTimeout6. Packets without a time let nothing pass.
	Timeout time.Duration

	counts FragmentCounts
	known  map[fragmentKey]*assembly
	ages   [3]ageList // of IPv4, of IPv6, and those that are whole, oldest first
	serial uint64
	free   []*assembly
	spare  []byte // the room of the last that was whole
	seed   maphash.Seed
	out    Datagram
	ready  []Datagram
}

// FragmentCounts is what a Defragmenter has seen. Each fragment is counted in Fragments, and in Repeated or Ignored or
// Discarded where it added nothing.
type FragmentCounts struct {
	Fragments uint64
	Whole     uint64 // datagrams put together
	Copies    uint64 // of these, those put together a second time from fragments seen again
	Repeated  uint64 // fragments seen before
	Ignored   uint64 // fragments that cannot be
	Overlaps  uint64 // fragments that overlap others
	Differing uint64 // of these, those whose bytes differ
	Discarded uint64 // fragments of datagrams that are discarded because of an overlap
	Dropped   uint64 // datagrams that are discarded so
	Late      uint64 // datagrams given up because time was over
	Crowded   uint64 // datagrams given up because there were too many, or too many bytes
	Ended     uint64 // datagrams given up by Close
	Untold    uint64 // datagrams given up that GivenUp no longer has, because nobody asked
	Waiting   int    // datagrams that wait for fragments, are remembered, or discarded
	Bytes     int    // of memory that is kept for them
}

// FragmentFate is what became of a fragment, or of its datagram.
type FragmentFate uint8

// Fates of fragments.
const (
	FragmentKept      FragmentFate = iota + 1 // it waits for the others
	FragmentRepeated                          // it was seen before
	FragmentIgnored                           // it cannot be a fragment; Reason says why
	FragmentDiscarded                         // its datagram is discarded, because fragments of it overlap
	FragmentWhole                             // it was the last that was missing: Frame is the datagram
	FragmentLate                              // the datagram was given up: time was over
	FragmentCrowded                           // the datagram was given up: there were too many
	FragmentEnded                             // the datagram was given up: the capture ended
)

var fragmentFates = [...]string{"?", "kept", "repeated", "ignored", "discarded", "whole", "given up: time was over",
	"given up: too many datagrams wait", "given up: the capture ended"}

// String says it in a few words.
func (f FragmentFate) String() string {
	if int(f) < len(fragmentFates) {
		return fragmentFates[f]
	}
	return fragmentFates[0]
}

// FragmentRange is a range of bytes of what a datagram carries, from From up to and without To. To is -1 where the end
// is not known.
type FragmentRange struct{ From, To int }

// Datagram is an IP packet that came in fragments, or what is known of it.
type Datagram struct {
	Fate   FragmentFate
	Reason string // why a fragment was ignored or a datagram discarded; a constant text

	Source, Destination netip.Addr
	ID                  uint32
	Protocol            uint8 // of IPv4; for IPv6 the next header of the first fragment, 0 until it came

	// Number is the packet that was added, Packets are those that the datagram was made of so far, in the order of
	// their bytes. Packets that were ignored, or repeat others, are not among them.
	Number  uint64
	Packets []uint64
	// Length is how many bytes the datagram carries behind its IP header, -1 as long as the last fragment did not come.
	// Have of them came. Cut of those were on the wire and not in the capture.
	Length, Have, Cut int
	// Offset and End are the bytes that the fragment added carries. Last: no more follow.
	Offset, End int
	Last        bool
	// Repeated, Overlaps count fragments of the datagram. Differ are ranges in which a later fragment had other bytes
	// than the one that was kept, the first 16.
	Repeated, Overlaps int
	Differ             []FragmentRange
	// Copy: the fragments were all seen before, and so was this datagram.
	Copy bool
	// Missing are the ranges that never came, up to the first 16. It is set when the datagram is given up or discarded.
	Missing []FragmentRange
	// Frame is the datagram in one piece, when Fate is FragmentWhole: the headers around and before the IP header as
	// the first fragment had them, their lengths true, no fragment fields, with the time and interface of the last
	// packet that was missing. A UDP checksum of a tunnel around it, which covered the first fragment only, is 0. Where
	// the capture cut a fragment, Data ends before the first byte that is missing. If a header around it cannot hold
	// the length, as in 802.3, Frame starts with the IP header and Link is LinkRaw.
	Frame capture.Frame
}

// String tells what the datagram lacks or is made of, such as
// "IPv4 192.0.2.1 > 192.0.2.2 id 0x1234: fragments 0-1479 of 4000 never came (given up: time was over)".
func (g *Datagram) String() string {
	b := make([]byte, 0, 128)
	if g.Source.Is4() {
		b = append(b, "IPv4 "...)
	} else {
		b = append(b, "IPv6 "...)
	}
	b = g.Source.AppendTo(b)
	b = append(b, " > "...)
	b = g.Destination.AppendTo(b)
	b = strconv.AppendUint(append(b, " id 0x"...), uint64(g.ID), 16)
	b = append(b, ": "...)
	if g.Fate == FragmentWhole {
		b = strconv.AppendInt(b, int64(g.Length), 10)
		b = strconv.AppendInt(append(b, " bytes of "...), int64(len(g.Packets)), 10)
		b = append(b, " fragments"...)
		if g.Cut > 0 {
			b = strconv.AppendInt(append(b, ", "...), int64(g.Cut), 10)
			b = append(b, " cut by the capture"...)
		}
		return string(b)
	}
	if len(g.Missing) > 0 {
		b = append(g.AppendMissing(b), " ("...)
		b = append(append(b, g.Fate.String()...), ')')
	} else {
		b = append(b, g.Fate.String()...)
	}
	if g.Reason != "" {
		b = append(append(b, ": "...), g.Reason...)
	}
	return string(b)
}

// AppendMissing adds what never came: "fragments 0-1479 of 4000 never came", "fragments 1480-2959 and from 4440 on
// never came".
func (g *Datagram) AppendMissing(b []byte) []byte {
	b = append(b, "fragments "...)
	for i, r := range g.Missing {
		switch {
		case i > 0 && r.To < 0:
			b = append(b, " and "...)
		case i > 0:
			b = append(b, ", "...)
		}
		if r.To < 0 {
			b = strconv.AppendInt(append(b, "from "...), int64(r.From), 10)
			b = append(b, " on"...)
			continue
		}
		b = strconv.AppendInt(b, int64(r.From), 10)
		b = strconv.AppendInt(append(b, '-'), int64(r.To-1), 10)
	}
	if g.Length >= 0 {
		b = strconv.AppendInt(append(b, " of "...), int64(g.Length), 10)
	}
	return append(b, " never came"...)
}

// fragmentKey is what fragments of one datagram have in common.
type fragmentKey struct {
	src, dst [16]byte
	id       uint32
	version  uint8
	protocol uint8  // of IPv4
	way      uint64 // what is around it
}

// part is a run of bytes of a datagram, as one packet had it.
type part struct {
	from, to int32 // on the wire
	at, size int32 // in assembly.store; size is less than to-from where the capture cut
	number   uint64
	sum      uint64 // of the bytes, once the datagram is whole
}

// assembly is a datagram that is put together, or was.
type assembly struct {
	key       fragmentKey
	since     time.Time // of its first fragment; when it is whole, of its last
	list      int       // in ages
	serial    uint64
	prev      *assembly
	next      *assembly
	parts     []part // by place, without overlap
	store     []byte // the bytes of the parts
	head      []byte // the headers up to the data, of the first fragment
	ip, frag  int    // where in head the IP header starts, and the place of the number of the layer that is carried
	protocol  uint8
	link      capture.LinkType
	offload   capture.Offload
	outer     []outer
	total     int // -1 until the last fragment came
	have, cut int
	ce        bool
	dead      string // why it is discarded
	before    []part // those of the datagram before, which was whole
	echo      bool   // all parts are copies of those before
	memory    int    // what is accounted for it
	repeated  int
	overlaps  int
	differ    []FragmentRange
}

// ageList holds assemblies, the oldest first.
type ageList struct{ first, last *assembly }

func (l *ageList) push(a *assembly) {
	a.prev, a.next = l.last, nil
	if l.last != nil {
		l.last.next = a
	} else {
		l.first = a
	}
	l.last = a
}

func (l *ageList) remove(a *assembly) {
	if a.prev != nil {
		a.prev.next = a.next
	} else {
		l.first = a.next
	}
	if a.next != nil {
		a.next.prev = a.prev
	} else {
		l.last = a.prev
	}
	a.prev, a.next = nil, nil
}

// Counts returns what was seen so far.
func (d *Defragmenter) Counts() FragmentCounts {
	c := d.counts
	c.Waiting = len(d.known)
	return c
}

// fragmentLayer returns the layer that says that p is a fragment, the outermost, or -1.
func fragmentLayer(p *decode.Packet) int {
	layers := p.Layers()
	for i := range layers {
		switch l := &layers[i]; l.Type {
		case decode.TypeIPv4:
			if l.Flags&decode.Quoted != 0 {
				return -1
			}
			if binary.BigEndian.Uint16(p.Frame.Data[l.Offset+wire.IPv4FragmentAt:])&0x3fff != 0 {
				return i
			}
		case decode.TypeIPv6Fragment:
			if l.Flags&decode.Quoted != 0 {
				return -1
			}
			if binary.BigEndian.Uint16(p.Frame.Data[l.Offset+2:])&^6 != 0 {
				return i
			}
		}
	}
	return -1
}

// Add takes the next packet and returns nil if it is no fragment. Otherwise it returns what became of it; the Datagram
// belongs to d and is valid until the next Add. When its Fate is FragmentWhole decode its Frame, and add that packet
// again, with the same Number, in case it is a fragment inside a tunnel. Give packets their numbers before
// (decode.History does): they are what Packets holds.
//
// For a packet that is no fragment Add takes a few nanoseconds and allocates nothing.
func (d *Defragmenter) Add(p *decode.Packet) *Datagram {
	i := fragmentLayer(p)
	if i < 0 {
		return nil
	}
	return d.add(p, i)
}

// piece is a fragment that is looked at.
type piece struct {
	from, to int
	last     bool
	data     []byte
	layer    int // that says so
	ip       int // its IP layer
	v6       bool
}

func (d *Defragmenter) add(p *decode.Packet, i int) *Datagram {
	d.counts.Fragments++
	d.out = Datagram{Number: p.Number, Packets: d.out.Packets[:0], Length: -1, Frame: capture.Frame{Data: d.out.Frame.Data[:0]}}
	f, key, reason := d.read(p, i)
	if reason != "" {
		return d.ignore(reason)
	}
	now := p.Frame.Time
	d.expire(now)
	a := d.known[key]
	if a != nil && d.over(a, now) {
		d.giveUp(a, FragmentLate)
		a = nil
	}
	if a != nil && a.dead != "" {
		d.counts.Discarded++
		return d.tell(a, FragmentDiscarded)
	}
	if a == nil {
		a = d.begin(key, now)
	}
	out := d.put(a, &f, p)
	d.account(a)
	d.bound()
	return out
}

// read finds what p is a fragment of; reason says why it cannot be one.
func (d *Defragmenter) read(p *decode.Packet, i int) (f piece, key fragmentKey, reason string) {
	layers := p.Layers()
	f.layer, f.ip, f.data = i, i, p.Payload(i)
	before := 0 // bytes of the IP packet behind which the fragment's data counts for the bound
	if h := p.IPv4(i); h != nil {
		key.version, key.protocol, key.id = 4, h.Protocol(), uint32(h.ID())
		copy(key.src[:], h[wire.IPv4SourceAt:][:4])
		copy(key.dst[:], h[wire.IPv4DestinationAt:][:4])
		f.from, f.last = h.FragmentOffset(), !h.MoreFragments()
		before = len(h)
	} else {
		for f.ip--; f.ip >= 0 && !layers[f.ip].Type.Network(); f.ip-- {
		}
		h := p.IPv6(f.ip)
		if h == nil {
			return f, key, "an IPv6 fragment header behind no IPv6 header"
		}
		frag := p.IPv6Fragment(i)
		key.version, key.id = 6, frag.ID()
		copy(key.src[:], h[wire.IPv6SourceAt:][:16])
		copy(key.dst[:], h[wire.IPv6DestinationAt:][:16])
		f.from, f.last, f.v6 = frag.FragmentOffset(), !frag.MoreFragments(), true
		before = layers[i].Offset - layers[f.ip].Offset - wire.IPv6Len
	}
	key.way = d.way(p, f.ip)
	f.to = f.from + p.PayloadLength(i)
	d.out.name(&key)
	d.out.Offset, d.out.End, d.out.Last = f.from, f.to, f.last
	return f, key, f.fault(p, before)
}

// fault says why a fragment cannot be one, and cuts an IPv4 one to the multiple of 8.
func (f *piece) fault(p *decode.Packet, before int) string {
	ip := &p.Layers()[f.ip]
	switch {
	case ip.Flags&decode.Overlong != 0:
		return "it is shorter than its header says"
	case ip.Flags&decode.Superpacket != 0:
		return "its header has no length"
	case ip.Checksum == decode.ChecksumBad:
		return "its header checksum is wrong"
	case f.v6 && !f.last && (f.to-f.from)%8 != 0:
		return "its length is no multiple of 8 although more follow"
	}
	if !f.last {
		f.to = f.from + (f.to-f.from)&^7
		f.data = f.data[:min(len(f.data), f.to-f.from)]
	}
	switch {
	case f.to == f.from:
		return "it carries nothing"
	case before+f.to > 0xffff:
		return "it ends beyond 65,535 bytes"
	case f.v6 && f.from == 0 && headless(p, f):
		return "the first fragment ends before the header of the layer above"
	}
	return ""
}

// headless tells an IPv6 first fragment that does not hold all headers (RFC 7112). A capture that cut it does not
// matter.
func headless(p *decode.Packet, f *piece) bool {
	if len(f.data) < f.to-f.from {
		return false
	}
	next, at, stop := wire.SkipExtensions(p.IPv6Fragment(f.layer).NextHeader(), f.data)
	need := 1
	switch next {
	case wire.ProtoTCP:
		need = wire.TCPLen
	case wire.ProtoUDP, wire.ProtoICMPv6:
		need = wire.UDPLen
	case wire.ProtoNone:
		need = 0
	}
	return stop == wire.StopCut || stop == wire.StopTransport && len(f.data)-at < need
}

// way sums up what is around IP layer ip: fragments of one datagram came the same way.
func (d *Defragmenter) way(p *decode.Packet, ip int) uint64 {
	var h maphash.Hash
	used := false
	for i := range p.Layers()[:ip] {
		l := &p.Layers()[i]
		b := p.Header(i)
		switch l.Type {
		case decode.TypeVLAN:
			b = []byte{b[0] & 15, b[1]}
		case decode.TypeMPLS:
			b = []byte{b[0], b[1], b[2] & 0xf0}
		case decode.TypePPPoE:
			b = b[2:4]
		case decode.TypeIPv4:
			b = b[wire.IPv4SourceAt:][:8]
		case decode.TypeIPv6:
			b = b[wire.IPv6SourceAt:][:32]
		case decode.TypeVXLAN, decode.TypeGeneve:
			b = b[4:7]
		case decode.TypeGRE:
			b = binary.BigEndian.AppendUint32(nil, p.GRE(i).Key())
		default:
			continue
		}
		if !used {
			h.SetSeed(d.hashSeed())
			used = true
		}
		h.WriteByte(byte(l.Type))
		h.Write(b)
	}
	if !used {
		return 0
	}
	return h.Sum64()
}

func (d *Defragmenter) hashSeed() maphash.Seed {
	if d.known == nil {
		d.known = make(map[fragmentKey]*assembly)
		d.seed = maphash.MakeSeed()
	}
	return d.seed
}

// name puts into g what the key says.
func (g *Datagram) name(k *fragmentKey) {
	if k.version == 4 {
		g.Source, g.Destination = netip.AddrFrom4([4]byte(k.src[:4])), netip.AddrFrom4([4]byte(k.dst[:4]))
	} else {
		g.Source, g.Destination = netip.AddrFrom16(k.src), netip.AddrFrom16(k.dst)
	}
	g.ID, g.Protocol = k.id, k.protocol
}

func (d *Defragmenter) ignore(reason string) *Datagram {
	d.counts.Ignored++
	d.out.Fate, d.out.Reason = FragmentIgnored, reason
	return &d.out
}

// begin makes an assembly for a key that has none.
func (d *Defragmenter) begin(key fragmentKey, now time.Time) *assembly {
	d.hashSeed()
	a := &assembly{}
	if n := len(d.free); n > 0 {
		a, d.free = d.free[n-1], d.free[:n-1]
	}
	d.serial++
	if cap(a.store) == 0 {
		a.store, d.spare = d.spare, nil
	}
	a.key, a.serial, a.total = key, d.serial, -1
	d.known[key] = a
	a.list = key.list()
	a.since = now
	d.ages[a.list].push(a)
	return a
}

// listWhole is the list of datagrams that are whole, and of copies of their fragments.
const listWhole = 2

func (k *fragmentKey) list() int {
	if k.version == 4 {
		return 0
	}
	return 1
}

// move puts a at the young end of a list.
func (d *Defragmenter) move(a *assembly, list int, now time.Time) {
	d.ages[a.list].remove(a)
	d.serial++
	a.since, a.serial, a.list = now, d.serial, list
	d.ages[list].push(a)
}

// put adds a fragment to its datagram.
func (d *Defragmenter) put(a *assembly, f *piece, p *decode.Packet) *Datagram {
	if a.before != nil { // the fragments of a datagram that was whole, once more, or a new one
		same := d.isCopy(a.before, f)
		switch {
		case len(a.parts) == 0 && same:
			a.echo = true
		case !same: // a new one; what there is so far are copies
			d.counts.Repeated += uint64(len(a.parts))
			a.clear()
			a.before = nil
			d.move(a, a.key.list(), p.Frame.Time)
		}
	}
	fits := true
	switch end := a.end(); {
	case f.last:
		fits = end <= f.to && (a.total < 0 || a.total == f.to)
	default:
		fits = a.total < 0 || f.to <= a.total
	}
	if !fits {
		if f.v6 {
			return d.discard(a, "fragments disagree about where it ends")
		}
		return d.ignore("it does not agree with the last fragment about where the datagram ends")
	}
	lo := sort.Search(len(a.parts), func(i int) bool { return int(a.parts[i].to) > f.from })
	hi := lo
	for hi < len(a.parts) && int(a.parts[hi].from) < f.to {
		hi++
	}
	if hi > lo {
		exact := hi == lo+1 && int(a.parts[lo].from) == f.from && int(a.parts[lo].to) == f.to
		differs := a.differs(lo, hi, f)
		if exact && !differs {
			a.repeated++
			d.counts.Repeated++
			return d.tell(a, FragmentRepeated)
		}
		a.overlaps++
		d.counts.Overlaps++
		if differs {
			d.counts.Differing++
		}
		if f.v6 {
			return d.discard(a, "fragments overlap")
		}
	}
	if f.last {
		a.total = f.to
	}
	if f.from == 0 && a.head == nil {
		a.keepHead(f, p)
	}
	a.ce = a.ce || congested(p, f)
	had := a.have
	a.insert(lo, hi, f, p.Number)
	switch {
	case a.total >= 0 && a.have == a.total: // also when it only said that no more follow
		return d.finish(a, p)
	case a.have == had:
		a.repeated++
		d.counts.Repeated++
		return d.tell(a, FragmentRepeated)
	}
	return d.tell(a, FragmentKept)
}

func congested(p *decode.Packet, f *piece) bool {
	h := p.Header(f.ip)
	if f.v6 {
		return h[1]>>4&3 == 3
	}
	return h[wire.IPv4TOSAt]&3 == 3
}

// end is behind the last byte that came.
func (a *assembly) end() int {
	if n := len(a.parts); n > 0 {
		return int(a.parts[n-1].to)
	}
	return 0
}

func (a *assembly) bytes(x *part) []byte { return a.store[x.at:][:x.size] }

// differs tells whether the fragment has other bytes than the parts lo to hi where both are, and notes where.
func (a *assembly) differs(lo, hi int, f *piece) bool {
	found := false
	for i := lo; i < hi; i++ {
		x := &a.parts[i]
		from, to := max(int(x.from), f.from), min(int(x.from)+int(x.size), f.from+len(f.data))
		if from >= to || bytes.Equal(a.bytes(x)[from-int(x.from):to-int(x.from)], f.data[from-f.from:to-f.from]) {
			continue
		}
		found = true
		if len(a.differ) < 16 {
			a.differ = append(a.differ, FragmentRange{from, to})
		}
	}
	return found
}

// insert puts those bytes of the fragment that no part has between the parts lo to hi.
func (a *assembly) insert(lo, hi int, f *piece, number uint64) {
	from := f.from
	for i := lo; from < f.to; i++ {
		to := f.to
		if i < hi {
			to = int(a.parts[i].from)
		}
		if to > from {
			data := f.data[min(from-f.from, len(f.data)):min(to-f.from, len(f.data))]
			a.parts = slices.Insert(a.parts, i, part{from: int32(from), to: int32(to), at: int32(len(a.store)), size: int32(len(data)), number: number})
			a.store = append(a.store, data...)
			a.have += to - from
			a.cut += to - from - len(data)
			i, hi = i+1, hi+1
		}
		if i >= hi {
			return
		}
		from = int(a.parts[i].to)
	}
}

// isCopy tells whether a fragment is one of those, with the same bytes.
func (d *Defragmenter) isCopy(parts []part, f *piece) bool {
	i := sort.Search(len(parts), func(i int) bool { return int(parts[i].from) >= f.from })
	return i < len(parts) && int(parts[i].from) == f.from && int(parts[i].to) == f.to && int(parts[i].size) == len(f.data) &&
		parts[i].sum == maphash.Bytes(d.seed, f.data)
}

// tell fills out with what is known of a.
func (d *Defragmenter) tell(a *assembly, fate FragmentFate) *Datagram {
	d.describe(&d.out, a, fate)
	return &d.out
}

func (d *Defragmenter) describe(g *Datagram, a *assembly, fate FragmentFate) {
	g.Fate, g.Length, g.Have, g.Cut = fate, a.total, a.have, a.cut
	g.Repeated, g.Overlaps, g.Differ, g.Reason = a.repeated, a.overlaps, a.differ, a.dead
	if a.key.version == 6 && a.head != nil {
		g.Protocol = a.protocol
	}
	last := uint64(0)
	for i := range a.parts {
		if n := a.parts[i].number; i == 0 || n != last {
			g.Packets = append(g.Packets, n)
			last = n
		}
	}
}

// discard gives up the datagram with all its fragments, those still to come too (RFC 5722 section 4).
func (d *Defragmenter) discard(a *assembly, reason string) *Datagram {
	d.counts.Discarded++
	d.counts.Dropped++
	a.dead = reason
	g := d.tell(a, FragmentDiscarded)
	g.Missing = a.missing(nil)
	a.clear()
	a.parts, a.store, a.before = nil, nil, nil
	return g
}

// missing adds the ranges that did not come.
func (a *assembly) missing(r []FragmentRange) []FragmentRange {
	at := 0
	for i := range a.parts {
		if x := &a.parts[i]; int(x.from) > at && len(r) < 15 {
			r = append(r, FragmentRange{at, int(x.from)})
		}
		at = int(a.parts[i].to)
	}
	switch {
	case a.total < 0:
		r = append(r, FragmentRange{at, -1})
	case at < a.total:
		r = append(r, FragmentRange{at, a.total})
	}
	return r
}

// clear forgets what came, but not what was before.
func (a *assembly) clear() {
	a.parts, a.store, a.head, a.outer, a.differ = a.parts[:0], a.store[:0], nil, nil, nil
	a.total, a.have, a.cut, a.ce, a.echo, a.repeated, a.overlaps = -1, 0, 0, false, false, 0, 0
}

// timeout is how long a datagram may wait.
func (d *Defragmenter) timeout(list int) time.Duration {
	switch {
	case list == listWhole:
		return copyWindow
	case d.Timeout > 0:
		return d.Timeout
	case list == 0:
		return DefaultTimeout4
	}
	return DefaultTimeout6
}

func (d *Defragmenter) over(a *assembly, now time.Time) bool {
	return !now.IsZero() && !a.since.IsZero() && now.Sub(a.since) > d.timeout(a.list)
}

// expire gives up what has waited too long.
func (d *Defragmenter) expire(now time.Time) {
	for i := range d.ages {
		for a := d.ages[i].first; a != nil && d.over(a, now); a = d.ages[i].first {
			d.giveUp(a, FragmentLate)
		}
	}
}

// account notes what a holds now.
func (d *Defragmenter) account(a *assembly) {
	n := 0
	if d.known[a.key] == a {
		n = 512 + cap(a.store) + cap(a.head) + (cap(a.parts)+cap(a.before))*32 + cap(a.outer)*16
	}
	d.counts.Bytes += n - a.memory
	a.memory = n
}

// bound gives up the oldest as long as there is too much.
func (d *Defragmenter) bound() {
	datagrams, size := d.Datagrams, d.Bytes
	if datagrams <= 0 {
		datagrams = DefaultDatagrams
	}
	if size <= 0 {
		size = DefaultBytes
	}
	for len(d.known) > datagrams || d.counts.Bytes > size && len(d.known) > 0 {
		a := d.ages[listWhole].first
		if a == nil {
			a = d.oldest()
		}
		d.giveUp(a, FragmentCrowded)
	}
}

// oldest returns what waits longest.
func (d *Defragmenter) oldest() *assembly {
	var a *assembly
	for i := range d.ages {
		if b := d.ages[i].first; a == nil || b != nil && b.serial < a.serial {
			a = b
		}
	}
	return a
}

// giveUp forgets a, and tells what it lacked unless it was told before.
func (d *Defragmenter) giveUp(a *assembly, fate FragmentFate) {
	if len(a.parts) > 0 && !a.echo && a.dead == "" {
		switch fate {
		case FragmentLate:
			d.counts.Late++
		case FragmentCrowded:
			d.counts.Crowded++
		case FragmentEnded:
			d.counts.Ended++
		}
		if len(d.ready) < maxReady {
			var g Datagram
			g.name(&a.key)
			d.describe(&g, a, fate)
			g.Missing = a.missing(nil)
			d.ready = append(d.ready, g)
		} else {
			d.counts.Untold++
		}
	} else {
		d.counts.Repeated += uint64(len(a.parts))
	}
	d.drop(a)
}

// drop forgets a.
func (d *Defragmenter) drop(a *assembly) {
	delete(d.known, a.key)
	d.ages[a.list].remove(a)
	d.account(a)
	if len(d.free) < 64 && cap(a.store) <= 1<<16 && cap(a.parts) <= 64 {
		*a = assembly{parts: a.parts[:0], store: a.store[:0]}
		d.free = append(d.free, a)
	}
}

// GivenUp yields the datagrams that were given up since it was asked last, and forgets them. At most 1,024 are held for
// a caller that does not ask; FragmentCounts.Untold counts the others. What it yields stays valid.
func (d *Defragmenter) GivenUp() iter.Seq[Datagram] {
	return func(yield func(Datagram) bool) {
		for len(d.ready) > 0 {
			g := d.ready[0]
			d.ready = d.ready[1:]
			if !yield(g) {
				return
			}
		}
		d.ready = nil
	}
}

// Close gives up all that still waits, at the end of a capture; ask GivenUp then. The Defragmenter can be used on.
func (d *Defragmenter) Close() {
	for len(d.known) > 0 {
		d.giveUp(d.oldest(), FragmentEnded)
	}
}
