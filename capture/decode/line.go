package decode

import (
	"math"
	"time"

	"sockwire/capture"
	"sockwire/raw/wire"
)

// TimeFormat chooses how a line starts.
type TimeFormat uint8

// Time formats, those of tcpdump's -t to -ttttt.
const (
	TimeClock TimeFormat = iota // 15:04:05.123456
	TimeNone
	TimeEpoch    // seconds since 1970
	TimePrevious // since the previous packet, from History
	TimeDate     // 2006-01-02 15:04:05.123456
	TimeFirst    // since the first packet, from History
)

// Printer renders Packets. The zero value prints tcpdump's kind of line with local time in microseconds.
// The Append functions add to a buffer of the caller and do not allocate for common packets, beyond what
// the buffer needs to grow; application layers may. A Printer remembers the second that it printed last:
// give each goroutine its own.
//
// Everything that comes out of a packet is escaped, see AppendEscaped.
type Printer struct {
	Time        TimeFormat
	Nanoseconds bool           // nine digits instead of six
	Location    *time.Location // nil is local time
	// Names are those of the interfaces by Frame.Interface; when set, each line names the interface and the direction.
	Names []string
	// Number prints the number of the packet first.
	Number bool
	// Link prints the addresses of the link layer.
	Link bool
	// Absolute prints absolute TCP sequence numbers. Relative ones need History.
	Absolute bool
	// Applications renders the layers above the transport; nil leaves them as bytes.
	Applications Applications

	value  []byte // of a column
	clock  second // of lines
	stamp  second // of JSON
	fields []Field
}

// second is the text of the second printed last, so that it is not made anew for each packet.
type second struct {
	text [32]byte
	n    int
	at   int64
}

// Applications renders application layers. Package app has one.
type Applications interface {
	// AppendLine adds what a line says of layer i, without a line end, and reports whether it could.
	AppendLine(b []byte, p *Packet, i int) ([]byte, bool)
	// AppendFields adds the fields of layer i.
	AppendFields(dst []Field, p *Packet, i int) []Field
}

// AppendLine adds one line about p, without a line end.
func (r *Printer) AppendLine(b []byte, p *Packet) []byte {
	if r.Number && p.Number != 0 {
		b = append(appendUint(b, p.Number), ' ', ' ')
	}
	b = r.appendTime(b, p)
	if r.Names != nil {
		b = r.appendInterface(b, p)
	}
	start := len(b)
	for i := 0; i < p.n; {
		b, i = r.appendLayer(b, p, i)
	}
	if len(b) == start {
		b = append(b, "length "...)
		b = appendInt(b, p.Frame.Length)
	}
	b = appendNotes(b, p)
	return b
}

// appendNotes adds what is not a matter of course: faults, bad checksums, super-packets.
func appendNotes(b []byte, p *Packet) []byte {
	for i := range p.layers[:p.n] {
		l := &p.layers[i]
		if l.Checksum == ChecksumBad {
			b = append(b, " [bad "...)
			b = append(b, l.Type.String()...)
			b = append(b, " checksum]"...)
		}
	}
	if n := p.Segments(); n > 1 {
		b = append(b, " [offload: "...)
		b = appendInt(b, n)
		b = append(b, " segments]"...)
	} else if n == 0 {
		b = append(b, " [offload: super-packet]"...)
	}
	if p.failed {
		b = append(b, " ["...)
		b = p.err.append(b)
		b = append(b, ']')
	}
	return b
}

func (r *Printer) appendTime(b []byte, p *Packet) []byte {
	t := p.Frame.Time
	switch r.Time {
	case TimeNone:
		return b
	case TimePrevious:
		return append(r.appendDuration(b, p.sincePrevious), ' ')
	case TimeFirst:
		return append(r.appendDuration(b, p.sinceFirst), ' ')
	}
	if t.IsZero() {
		return append(b, "(no time) "...)
	}
	sec := t.Unix()
	if r.Time == TimeEpoch && sec < 0 { // the fraction of a negative number goes away from 0
		n := len(b)
		if b = appendEpoch(b, t); !r.Nanoseconds {
			b = b[:max(len(b)-3, n)]
		}
		return append(b, ' ')
	}
	if c := &r.clock; c.n == 0 || sec != c.at {
		c.at, c.n = sec, len(r.appendSecond(c.text[:0], t, sec))
	}
	b = append(b, r.clock.text[:r.clock.n]...)
	return append(r.appendFraction(b, t.Nanosecond()), ' ')
}

func (r *Printer) appendSecond(b []byte, t time.Time, sec int64) []byte {
	if r.Time == TimeEpoch {
		return appendInt(b, int(sec))
	}
	t = t.Local()
	if r.Location != nil {
		t = t.In(r.Location)
	}
	if r.Time == TimeDate {
		return t.AppendFormat(b, time.DateTime)
	}
	return t.AppendFormat(b, time.TimeOnly)
}

// appendFraction adds the point and the digits below a second.
func (r *Printer) appendFraction(b []byte, ns int) []byte {
	digits, n := 6, uint32(ns)/1000
	if r.Nanoseconds {
		digits, n = 9, uint32(ns)
	}
	b = append(b, ".000000000"[:1+digits]...)
	for i := len(b) - 1; n > 0; i-- {
		b[i] = '0' + byte(n%10)
		n /= 10
	}
	return b
}

func (r *Printer) appendDuration(b []byte, d time.Duration) []byte {
	if d < 0 {
		b, d = append(b, '-'), -max(d, -math.MaxInt64)
	}
	s := int64(d / time.Second)
	h, m := s/3600, s/60%60
	if h < 10 {
		b = append(b, '0')
	}
	b = append(appendInt(b, int(h)), ':', '0'+byte(m/10), '0'+byte(m%10), ':', '0'+byte(s%60/10), '0'+byte(s%10))
	return r.appendFraction(b, int(d%time.Second))
}

func (r *Printer) appendInterface(b []byte, p *Packet) []byte {
	if i := p.Frame.Interface; uint(i) < uint(len(r.Names)) {
		b = AppendEscaped(b, []byte(r.Names[i]))
		b = append(b, ' ')
	}
	if p.n > 0 && (p.layers[0].Type == TypeSLL || p.layers[0].Type == TypeSLL2) {
		return b // appendCooked tells the direction
	}
	switch p.Frame.Direction {
	case capture.DirectionIn:
		b = append(b, "In  "...)
	case capture.DirectionOut:
		b = append(b, "Out "...)
	}
	return b
}

// appendRest adds a layer that has no line of its own.
func (r *Printer) appendRest(b []byte, p *Packet, i int) ([]byte, int) {
	l := &p.layers[i]
	if r.Applications != nil && l.Type >= firstApplication {
		if b, ok := r.Applications.AppendLine(b, p, i); ok {
			return b, i + 1
		}
	}
	if l.Type != TypePayload && l.Type != TypeFragment {
		b = append(b, l.Type.Title()...)
		b = append(b, ", "...)
	}
	b = append(b, "length "...)
	return appendInt(b, l.Length), i + 1
}

func (r *Printer) appendEthernet(b []byte, p *Packet, i int) []byte {
	h := p.Ethernet(i)
	if !r.Link && p.n > i+1 && p.layers[i+1].Type != TypePayload {
		return b
	}
	b = append(appendMAC(b, h.Source()), " > "...)
	b = append(appendMAC(b, h.Destination()), ", "...)
	if t := h.Type(); t > 1500 {
		b = append(b, "ethertype "...)
		b = append(appendHexN(b, uint64(t), 4), ", "...)
	} else {
		b = append(b, "802.3, "...)
	}
	if p.n > i+1 && p.layers[i+1].Type != TypePayload {
		b = append(b, "length "...)
		b = appendInt(b, p.layers[i].Length)
		b = append(b, ": "...)
	}
	return b
}

var packetTypes = [...]string{"In", "B", "M", "P", "Out"}

func (r *Printer) appendCooked(b []byte, p *Packet, i int) []byte {
	var kind, protocol uint16
	var addr []byte
	if h := p.SLL2(i); h != nil {
		kind, protocol, addr = uint16(h.PacketType()), h.Protocol(), h.Address()
		if r.Names == nil {
			b = append(b, "ifindex "...)
			b = append(appendUint(b, uint64(h.Ifindex())), ' ')
		}
	} else {
		h := p.SLL(i)
		kind, protocol, addr = h.PacketType(), h.Protocol(), h.Address()
	}
	if int(kind) < len(packetTypes) {
		b = append(b, packetTypes[kind]...)
	} else {
		b = append(b, '?')
	}
	b = append(b, ' ')
	unknown := p.n > i+1 && p.layers[i+1].Type == TypePayload
	if r.Link || unknown {
		b = append(appendMAC(b, addr), ' ')
	}
	if unknown {
		b = append(b, "ethertype "...)
		b = append(appendHexN(b, uint64(protocol), 4), ", "...)
	}
	return b
}

func appendVLAN(b []byte, p *Packet, i int) []byte {
	h := p.VLAN(i)
	b = append(b, "vlan "...)
	b = append(appendUint(b, uint64(h.ID())), ", p "...)
	b = append(appendUint(b, uint64(h.Priority())), ", "...)
	if h.DropEligible() {
		b = append(b, "DEI, "...)
	}
	if p.n > i+1 && p.layers[i+1].Type == TypePayload {
		b = append(b, "ethertype "...)
		b = append(appendHexN(b, uint64(h.Type()), 4), ", "...)
	}
	return b
}

func appendARP(b []byte, p *Packet, i int) []byte {
	h := p.ARP(i)
	if h.ProtocolType() == wire.EtherTypeIPv4 && h.ProtocolLength() == 4 {
		switch op := h.Operation(); op {
		case 1:
			b = append(b, "ARP, Request who-has "...)
			b = appendIPv4(b, h.TargetProtocol())
			b = append(b, " tell "...)
			b = appendIPv4(b, h.SenderProtocol())
		case 2:
			b = append(b, "ARP, Reply "...)
			b = appendIPv4(b, h.SenderProtocol())
			b = append(b, " is-at "...)
			b = appendMAC(b, h.SenderHardware())
		case 3:
			b = append(b, "RARP, Request who-is "...)
			b = appendMAC(b, h.TargetHardware())
			b = append(b, " tell "...)
			b = appendMAC(b, h.SenderHardware())
		case 4:
			b = append(b, "RARP, Reply "...)
			b = appendMAC(b, h.TargetHardware())
			b = append(b, " at "...)
			b = appendIPv4(b, h.TargetProtocol())
		default:
			b = append(b, "ARP, operation "...)
			b = appendUint(b, uint64(op))
		}
	} else {
		b = append(b, "ARP, hardware "...)
		b = appendUint(b, uint64(h.HardwareType()))
		b = append(b, ", protocol "...)
		b = appendHexN(b, uint64(h.ProtocolType()), 4)
		b = append(b, ", operation "...)
		b = appendUint(b, uint64(h.Operation()))
	}
	b = append(b, ", length "...)
	return appendInt(b, p.layers[i].Length)
}

// appendIP adds an IP header with the ports of the transport it carries.
func (r *Printer) appendIP(b []byte, p *Packet, i int) ([]byte, int) {
	var src, dst []byte
	if h := p.IPv4(i); h != nil {
		b = append(b, "IP "...)
		src, dst = h[12:16], h[16:20]
	} else {
		h := p.IPv6(i)
		b = append(b, "IP6 "...)
		src, dst = h[8:24], h[24:40]
	}
	b, transport := appendEnds(b, p, i, src, dst)
	b = append(b, ": "...)
	if h := p.IPv4(i); h != nil {
		b = appendIPv4Fragment(b, h, p.PayloadLength(i))
	}
	if transport < 0 && p.n == i+1 {
		b = append(b, "length "...)
		b = appendInt(b, p.PayloadLength(i))
	} else if t := p.layers[i+1].Type; t == TypePayload {
		b = append(b, "ip-proto-"...)
		b = append(appendUint(b, uint64(p.protocol(i))), ' ')
	}
	return b, i + 1
}

// appendEnds adds the addresses of the IP layer i with the ports of its transport, whose index it returns.
func appendEnds(b []byte, p *Packet, i int, src, dst []byte) ([]byte, int) {
	transport := p.transport(i)
	if transport < 0 {
		b = append(appendAddr(b, src), " > "...)
		return appendAddr(b, dst), -1
	}
	h := p.Frame.Data[p.layers[transport].Offset:]
	b = append(appendEnd(b, src, be16(h)), " > "...)
	return appendEnd(b, dst, be16(h[2:])), transport
}

// appendEnd adds 192.0.2.1:80 or [2001:db8::1]:53.
func appendEnd(b, addr []byte, port uint16) []byte {
	if len(addr) == 4 {
		b = append(appendIPv4(b, addr), ':')
	} else {
		b = append(appendIPv6(append(b, '['), addr), ']', ':')
	}
	return appendUint(b, uint64(port))
}

// transport returns the index of the transport layer that IP layer i carries, or -1.
func (p *Packet) transport(i int) int {
	for i++; i < p.n; i++ {
		switch t := p.layers[i].Type; t {
		case TypeIPv6HopByHop, TypeIPv6Destination, TypeIPv6Routing, TypeIPv6Mobility, TypeIPv6Fragment, TypeAH:
		default:
			if t.Transport() {
				return i
			}
			return -1
		}
	}
	return -1
}

// protocol returns the IP protocol number of what IP layer i carries, behind its extension headers.
func (p *Packet) protocol(i int) uint8 {
	var n uint8
	if h := p.IPv4(i); h != nil {
		n = h.Protocol()
	} else if h := p.IPv6(i); h != nil {
		n = h.NextHeader()
	}
	for i++; i < p.n; i++ {
		switch p.layers[i].Type {
		case TypeIPv6HopByHop, TypeIPv6Destination, TypeIPv6Routing, TypeIPv6Mobility, TypeIPv6Fragment, TypeAH:
			n = p.Frame.Data[p.layers[i].Offset]
		default:
			return n
		}
	}
	return n
}

// appendIPv4Fragment adds "frag id 0xbe9d 1480+1480 more, " when h is that of a fragment.
func appendIPv4Fragment(b []byte, h IPv4, length int) []byte {
	if !h.MoreFragments() && h.FragmentOffset() == 0 {
		return b
	}
	if h.FragmentOffset() != 0 {
		b = appendProtocol(b, h.Protocol())
		b = append(b, ' ')
	}
	return append(appendFragment(b, uint64(h.ID()), h.FragmentOffset(), length, h.MoreFragments()), ", "...)
}

func appendFragment(b []byte, id uint64, offset, length int, more bool) []byte {
	b = append(b, "frag id "...)
	b = append(appendHex(b, id), ' ')
	b = append(appendInt(b, offset), '+')
	b = appendInt(b, length)
	if more {
		return append(b, " more"...)
	}
	return append(b, " last"...)
}

// appendProtocol adds the name of an IP protocol.
func appendProtocol(b []byte, n uint8) []byte {
	if t := ipProtocol(n); t != TypePayload {
		return append(b, t.Title()...)
	}
	return appendUint(append(b, "ip-proto-"...), uint64(n))
}

func appendIPv6Extension(b []byte, p *Packet, i int) []byte {
	switch p.layers[i].Type {
	case TypeIPv6HopByHop:
		return append(b, "HBH "...)
	case TypeIPv6Destination:
		return append(b, "DSTOPT "...)
	case TypeIPv6Mobility:
		return append(b, "mobility "...)
	case TypeIPv6Routing:
		h := p.IPv6Extension(i)
		b = append(b, "RT type "...)
		b = append(appendUint(b, uint64(h.RoutingType())), " left "...)
		return append(appendUint(b, uint64(h.SegmentsLeft())), ' ')
	}
	h := p.IPv6Fragment(i)
	if h.FragmentOffset() != 0 {
		b = append(appendProtocol(b, h.NextHeader()), ' ')
	}
	return append(appendFragment(b, uint64(h.ID()), h.FragmentOffset(), p.PayloadLength(i), h.MoreFragments()), ", "...)
}

func (r *Printer) appendTCP(b []byte, p *Packet, i int) ([]byte, int) {
	h := p.TCP(i)
	if h == nil {
		b = append(b, "TCP, seq "...)
		return appendUint(b, uint64(be32(p.Header(i)[4:]))), p.n
	}
	flags := h.Flags()
	b = append(b, "Flags ["...)
	b = flags.Append(b)
	b = append(b, ']')
	length := p.PayloadLength(i)
	seq, ack := h.Sequence(), h.Acknowledgment()
	if p.relative && !r.Absolute {
		seq -= p.seqBase
		ack -= p.ackBase
	}
	if length > 0 || flags&(wire.SYN|wire.FIN|wire.RST) != 0 {
		b = append(b, ", seq "...)
		b = appendUint(b, uint64(seq))
		if length > 0 {
			b = appendUint(append(b, ':'), uint64(seq+uint32(length)))
		}
	}
	if flags&wire.ACK != 0 {
		b = append(b, ", ack "...)
		b = appendUint(b, uint64(ack))
	}
	b = append(b, ", win "...)
	b = appendUint(b, uint64(h.Window()))
	if flags&wire.URG != 0 {
		b = append(b, ", urg "...)
		b = appendUint(b, uint64(h.Urgent()))
	}
	if len(h) > 20 {
		b = append(b, ", options ["...)
		b = appendTCPOptions(b, h.Options())
		b = append(b, ']')
	}
	b = append(b, ", length "...)
	b = appendInt(b, length)
	return r.appendCarried(b, p, i)
}

func (r *Printer) appendUDP(b []byte, p *Packet, i int) ([]byte, int) {
	b = append(b, "UDP, length "...)
	b = appendInt(b, p.PayloadLength(i))
	return r.appendCarried(b, p, i)
}

// appendCarried adds what transport layer i carries, when that is more than bytes.
func (r *Printer) appendCarried(b []byte, p *Packet, i int) ([]byte, int) {
	if i++; i >= p.n {
		return b, i
	}
	t := p.layers[i].Type
	if t == TypePayload {
		return b, i + 1
	}
	if t < firstApplication {
		return append(b, ": "...), i
	}
	if r.Applications == nil {
		return append(append(b, ": "...), t.Title()...), i + 1
	}
	n := len(b)
	c, ok := r.Applications.AppendLine(append(b, ": "...), p, i)
	if !ok {
		c = append(append(c[:n], ": "...), t.Title()...)
	}
	return c, i + 1
}
