package table

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
	"strings"

	"sockwire/capture"
	"sockwire/capture/decode"
	"sockwire/capture/owner"
	"sockwire/raw/wire"
)

// filler makes rows of packets. Each goroutine has its own.
type filler struct {
	run      string
	decoder  decode.Decoder
	packet   decode.Packet
	texts    texts
	paths    [256]path
	fields   []decode.Field
	names    map[moreKey]moreName
	withData bool
}

// path is the layers of a packet, as text.
type path struct {
	types [decode.MaxLayers]decode.Type
	n     int
	text  string
	last  string
}

// item is a frame that is to become a row.
type item struct {
	frame  capture.Frame
	number uint64
	stream int64 // -1 for none
	owners []owner.Owner
}

// lastLength is the largest that is a length and no type, as the decoder takes it.
const lastLength = 1500

// fill adds the row of a frame.
func (x *filler) fill(r *rows, it *item) {
	f := &it.frame
	p := &x.packet
	_ = x.decoder.Decode(*f, p) // what is wrong is in the packet, and in the row
	r.text(pRun, x.run)
	r.number(pNumber, it.number)
	r.when(pTime, pTimeBeyond, f.Time)
	r.number(pInterface, uint64(f.Interface))
	if f.Direction != capture.DirectionUnknown {
		r.text(pDirection, f.Direction.String())
	}
	r.text(pLink, f.Link.String())
	r.number(pLength, uint64(f.Length))
	r.number(pCaptured, uint64(len(f.Data)))
	r.number(pSegments, uint64(p.Segments()))
	r.number(pDrops, f.Drops)
	for _, c := range f.Comments {
		r.outside(pComments, c)
	}
	if it.stream >= 0 {
		r.number(pStream, uint64(it.stream))
	}
	if f.Process != 0 {
		r.number(pPID, uint64(f.Process))
	}
	if f.Thread != 0 {
		r.number(pTID, uint64(f.Thread))
	}
	for i := range it.owners {
		x.owner(r, &it.owners[i])
	}
	if x.withData {
		r.text(pData, string(f.Data))
	}
	if e := p.Err(); e != nil {
		x.fault(r, e)
	}
	x.layers(r, p)
	r.next()
}

// owner puts the first process that sent the packet, and the first that got it.
func (x *filler) owner(r *rows, o *owner.Owner) {
	how, pid, uid, comm := pOwnerHow, pPID, pOwnerUID, pOwnerComm
	if o.Role == owner.Receiver {
		how, pid, uid, comm = pReceiverHow, pReceiverPID, pReceiverUID, pReceiverComm
	}
	if r.has(how) {
		return
	}
	r.text(how, o.How.String())
	r.once(pid, uint64(o.PID))
	r.number(uid, uint64(o.UID))
	r.outside(comm, o.Name)
}

func (x *filler) fault(r *rows, e *decode.Error) {
	r.text(pErrorLayer, e.Layer.String())
	r.text(pErrorFault, e.Fault.String())
	r.number(pErrorOffset, uint64(e.Offset))
	if e.Need > 0 {
		r.number(pErrorNeed, uint64(e.Need))
		r.number(pErrorHave, uint64(e.Have))
	}
	if e.Reason != "" {
		r.text(pErrorReason, e.Reason)
	}
}

// first and last are the layers of a kind, -1 for none.
type ends struct{ first, last int }

func (e *ends) add(i int) {
	if e.first < 0 {
		e.first = i
	}
	e.last = i
}

// within tells whether a layer is between the two.
func (e *ends) within(i int) bool { return i > e.first && i < e.last }

// layers fills the columns of headers.
func (x *filler) layers(r *rows, p *decode.Packet) {
	list := p.Layers()
	none := ends{-1, -1}
	eth, ip, udp, transport := none, none, none, none
	tunnel, tcp, icmp := -1, -1, -1
	hash := uint32(len(list))
	for i := range list {
		t := list[i].Type
		hash = (hash ^ uint32(t)) * 0x01000193
		if list[i].Flags&decode.Quoted != 0 {
			continue
		}
		switch {
		case t == decode.TypeEthernet:
			eth.add(i)
		case t.Network():
			ip.add(i)
		case t == decode.TypeTCP:
			transport.add(i)
			tcp = i
		case t == decode.TypeUDP:
			transport.add(i)
			udp.add(i)
		case t.Transport():
			transport.add(i)
			x.more(r, p, i, 0)
		case t == decode.TypeICMPv4 || t == decode.TypeICMPv6:
			icmp = i
		case t == decode.TypeVLAN:
			x.vlan(r, p, i)
		case t == decode.TypeMPLS:
			r.number(pMPLS, uint64(p.MPLS(i).Label()))
			x.more(r, p, i, 0)
		case t == decode.TypeGRE || t == decode.TypeVXLAN || t == decode.TypeGeneve:
			tunnel = i
			x.more(r, p, i, 0)
		case t == decode.TypeARP:
			x.arp(r, p, i)
		case t != decode.TypePayload && t != decode.TypeFragment && t < decode.TypeDNS:
			x.more(r, p, i, 0)
		}
	}
	if ip.last > ip.first || eth.last > eth.first || udp.last > udp.first {
		x.middle(r, p, eth, ip, udp)
	}
	names := x.path(list, hash)
	r.text(pLayers, names.text)
	if names.last != "" {
		r.text(pProtocol, names.last)
	}
	if eth.first >= 0 {
		h := p.Ethernet(eth.first)
		r.text(pEthSrc, x.texts.ofMAC(h.Source()))
		r.text(pEthDst, x.texts.ofMAC(h.Destination()))
		if n := h.Type(); n > lastLength {
			r.number(pEthType, uint64(n))
		} else {
			r.number(pEthLength, uint64(n))
		}
	}
	if eth.last > eth.first {
		h := p.Ethernet(eth.last)
		r.text(pInnerEthSrc, x.texts.ofMAC(h.Source()))
		r.text(pInnerEthDst, x.texts.ofMAC(h.Destination()))
		if n := h.Type(); n > lastLength {
			r.number(pInnerEthType, uint64(n))
		} else {
			x.more(r, p, eth.last, 0)
		}
	}
	if ip.first >= 0 {
		x.ip(r, p, ip.first, pIP, pIPSumNumber, pIPPayload)
	}
	if ip.last > ip.first {
		x.ip(r, p, ip.last, pInnerIP, pInnerIPSumNumber, pInnerIPPayload)
	}
	if tunnel >= 0 {
		x.tunnel(r, p, tunnel)
	}
	if transport.first >= 0 {
		src, dst, _ := p.Ports(transport.first)
		r.number(pSrcPort, uint64(src))
		r.number(pDstPort, uint64(dst))
		r.number(pPayloadLength, uint64(p.PayloadLength(transport.last)))
	}
	if transport.last > transport.first {
		src, dst, _ := p.Ports(transport.last)
		r.number(pInnerSrcPort, uint64(src))
		r.number(pInnerDstPort, uint64(dst))
	}
	if tcp >= 0 {
		x.tcp(r, p, tcp)
	}
	if i := udp.first; i >= 0 {
		r.number(pUDPLength, uint64(p.UDP(i).Length()))
		r.text(pUDPSum, list[i].Checksum.String())
		number(r, pUDPSumNumber, list[i].Checksum, p.UDP(i).Checksum())
	}
	if icmp >= 0 {
		x.icmp(r, p, icmp)
	}
}

// path returns the names of the layers.
func (x *filler) path(list []decode.Layer, hash uint32) *path {
	e := &x.paths[hash>>24^hash&0xff]
	if e.n == len(list) && e.text != "" {
		same := true
		for i := range list {
			same = same && list[i].Type == e.types[i] && list[i].Flags&decode.Quoted == 0
		}
		if same {
			return e
		}
	}
	*e = path{n: len(list)}
	names := make([]string, len(list))
	for i := range list {
		e.types[i], names[i] = list[i].Type, list[i].Type.String()
		if t := list[i].Type; t != decode.TypePayload && t != decode.TypeFragment && list[i].Flags&decode.Quoted == 0 {
			e.last = names[i]
		}
	}
	e.text = strings.Join(names, ":")
	return e
}

func (x *filler) arp(r *rows, p *decode.Packet, i int) {
	h := p.ARP(i)
	r.number(pARPOperation, uint64(h.Operation()))
	if !h.EthernetIPv4() {
		x.more(r, p, i, 0)
		return
	}
	r.text(pARPSenderHardware, x.texts.ofMAC(h.SenderHardware()))
	r.text(pARPTargetHardware, x.texts.ofMAC(h.TargetHardware()))
	t := x.texts.ofIP(netip.AddrFrom4([4]byte(h.SenderProtocol())))
	r.text(pARPSender, t.text)
	r.text(pARPSenderBytes, t.bytes)
	t = x.texts.ofIP(netip.AddrFrom4([4]byte(h.TargetProtocol())))
	r.text(pARPTarget, t.text)
	r.text(pARPTargetBytes, t.bytes)
}

// number puts a checksum that says something.
func number(r *rows, i int, status decode.Checksum, sum uint16) {
	if status != decode.ChecksumGood && status != decode.ChecksumUnverified {
		r.number(i, uint64(sum))
	}
}

// vlan puts the tag. What is behind it tells its type, where that is known.
func (x *filler) vlan(r *rows, p *decode.Packet, i int) {
	h := p.VLAN(i)
	r.number(pVLAN, uint64(h.ID()))
	r.number(pVLANPriority, uint64(h.Priority()))
	if list := p.Layers(); h.DropEligible() || h.Type() <= lastLength || i+1 >= len(list) || list[i+1].Type == decode.TypePayload {
		x.more(r, p, i, 0)
	}
}

// middle puts what has no columns where headers are inside of others: those between the outermost and the innermost, and
// UDP inside of UDP.
func (x *filler) middle(r *rows, p *decode.Packet, eth, ip, udp ends) {
	for i, l := range p.Layers() {
		if l.Flags&decode.Quoted != 0 {
			continue
		}
		switch {
		case l.Type.Network() && ip.within(i), l.Type == decode.TypeEthernet && eth.within(i), l.Type == decode.TypeUDP && i > udp.first:
			x.more(r, p, i, 0)
		}
	}
}

func (x *filler) ip(r *rows, p *decode.Packet, i, at, sumNumber, payload int) {
	if h := p.IPv4(i); h != nil {
		x.addresses(r, at, h.Source(), h.Destination())
		r.number(at+ipVersion, uint64(h.Version()))
		r.number(at+ipDSCP, uint64(h.DSCP()))
		r.number(at+ipECN, uint64(h.ECN()))
		r.number(at+ipTTL, uint64(h.TTL()))
		r.number(at+ipProtocol, uint64(h.Protocol()))
		r.number(at+ipLength, uint64(h.TotalLength()))
		r.number(at+ipID, uint64(h.ID()))
		r.flag(at+ipDF, h.DontFragment())
		r.flag(at+ipMF, h.MoreFragments())
		r.number(at+ipFragment, uint64(h.FragmentOffset()))
		sum := p.Layers()[i].Checksum
		r.text(at+ipSum, sum.String())
		number(r, sumNumber, sum, h.Checksum())
		if len(h.Options()) > 0 || h.Reserved() {
			x.more(r, p, i, 0)
		}
		return
	}
	h := p.IPv6(i)
	x.addresses(r, at, h.Source(), h.Destination())
	r.number(at+ipVersion, uint64(h.Version()))
	r.number(at+ipDSCP, uint64(h.DSCP()))
	r.number(at+ipECN, uint64(h.ECN()))
	r.number(at+ipTTL, uint64(h.HopLimit()))
	r.number(at+ipProtocol, uint64(h.NextHeader()))
	r.number(at+ipFlow, uint64(h.FlowLabel()))
	r.number(payload, uint64(h.PayloadLength()))
}

func (x *filler) addresses(r *rows, at int, src, dst netip.Addr) {
	t := x.texts.ofIP(src)
	r.text(at+ipSrc, t.text)
	r.text(at+ipSrcBytes, t.bytes)
	t = x.texts.ofIP(dst) // it may take the place of the one before
	r.text(at+ipDst, t.text)
	r.text(at+ipDstBytes, t.bytes)
}

func (x *filler) tunnel(r *rows, p *decode.Packet, i int) {
	r.text(pTunnel, p.Layers()[i].Type.String())
	switch p.Layers()[i].Type {
	case decode.TypeVXLAN:
		r.number(pTunnelID, uint64(p.VXLAN(i).VNI()))
	case decode.TypeGeneve:
		r.number(pTunnelID, uint64(p.Geneve(i).VNI()))
	default:
		if h := p.GRE(i); h.HasKey() && h.Version() == 0 {
			r.number(pTunnelID, uint64(h.Key()))
		}
	}
}

func (x *filler) tcp(r *rows, p *decode.Packet, i int) {
	h := p.TCP(i)
	if h == nil {
		return
	}
	r.number(pSeq, uint64(h.Sequence()))
	r.number(pAck, uint64(h.Acknowledgment()))
	r.number(pFlags, uint64(h.Flags()))
	for f := uint16(h.Flags()) & (1<<len(flagNames) - 1); f != 0; f &= f - 1 {
		r.flag(pTCPFlag+len(flagNames)-1-bits.TrailingZeros16(f), true)
	}
	r.number(pWindow, uint64(h.Window()))
	r.number(pUrgent, uint64(h.Urgent()))
	r.number(pTCPHeaderLength, uint64(h.DataOffset()))
	sum := p.Layers()[i].Checksum
	r.text(pTCPSum, sum.String())
	number(r, pTCPSumNumber, sum, h.Checksum())
	others := false
	for opts, off := h.Options(), 0; off < len(opts); {
		o := wire.OptionAt(opts, off)
		if o.Cut || o.Kind == wire.TCPOptionEnd {
			others = others || o.Cut
			break
		}
		off += o.Length
		others = x.option(r, &o) || others
	}
	if others {
		x.more(r, p, i, 1)
	}
}

// once puts a number, unless there is one in the row.
func (r *rows) once(i int, v uint64) {
	if !r.has(i) {
		r.number(i, v)
	}
}

// option puts an option, and tells whether it is one that has no columns.
func (x *filler) option(r *rows, o *wire.Option) (other bool) {
	switch d := o.Data; {
	case o.Kind == wire.TCPOptionNop:
	case o.Kind == wire.TCPOptionTimestamps && len(d) == 8:
		r.once(pTSval, uint64(binary.BigEndian.Uint32(d)))
		r.once(pTSecr, uint64(binary.BigEndian.Uint32(d[4:])))
	case o.Kind == wire.TCPOptionMSS && len(d) == 2:
		r.once(pMSS, uint64(binary.BigEndian.Uint16(d)))
	case o.Kind == wire.TCPOptionWindowScale && len(d) == 1:
		r.once(pScale, uint64(d[0]))
	case o.Kind == wire.TCPOptionSACKPermitted:
		if !r.has(pSACKPermitted) {
			r.flag(pSACKPermitted, true)
		}
	case o.Kind == wire.TCPOptionSACK && len(d)%8 == 0:
		for ; len(d) > 0; d = d[8:] {
			r.number(pSACKLeft, uint64(binary.BigEndian.Uint32(d)))
			r.number(pSACKRight, uint64(binary.BigEndian.Uint32(d[4:])))
		}
	default:
		return true
	}
	return false
}

func (x *filler) icmp(r *rows, p *decode.Packet, i int) {
	l := &p.Layers()[i]
	six := l.Type == decode.TypeICMPv6
	h := p.ICMPv4(i)
	if six {
		h = p.ICMPv6(i)
	}
	if len(h) < 4 {
		return
	}
	r.number(pICMPType, uint64(h.Type()))
	r.number(pICMPCode, uint64(h.Code()))
	r.text(pICMPSum, l.Checksum.String())
	number(r, pICMPSumNumber, l.Checksum, h.Checksum())
	echo := h.Type() == 0 || h.Type() == 8
	if six {
		echo = h.Type() == 128 || h.Type() == 129
	}
	if echo && len(h) >= 8 {
		r.number(pICMPID, uint64(h.ID()))
		r.number(pICMPSeq, uint64(h.Sequence()))
	}
}
