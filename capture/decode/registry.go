package decode

import (
	"slices"

	"sockwire/capture"
)

// What newFinders makes of the rows by their types.
var (
	rowOf     [numTypes]*application
	carriedIn [numTypes][]Type // by what carries
	besideOf  [numTypes][]Type
)

// finder finds applications by ports and bytes.
type finder struct {
	ports       [1 << 16]Type     // TypeNone for most, with sharedPort for those that are in shared
	shared      map[uint16][]Type // further ones, asked where the first refuses
	first, last [256][]asked      // by the first byte, asked on all ports: before and after the ports decide
}

var inDatagrams, inStreams = newFinders()

func newFinders() (datagram, stream *finder) {
	datagram, stream = new(finder), new(finder)
	pppTypes, snapTypes, linkTypes = map[uint16]Type{}, map[uint64]Type{}, map[capture.LinkType]Type{}
	ppidTypes, sctpTypes = map[uint32]Type{}, map[uint16]Type{}
	for i := range applications {
		a := &applications[i]
		t := a.Type
		rowOf[t] = a
		for _, p := range a.udp {
			datagram.port(p, t)
		}
		for _, p := range a.tcp {
			stream.port(p, t)
		}
		announce(sctpTypes, a.sctp, t)
		announce(ppidTypes, a.ppid, t)
		announce(pppTypes, a.ppp, t)
		announce(snapTypes, a.snap, t)
		announce(linkTypes, a.link, t)
		for _, n := range a.ether {
			etherTypes[n] = t
		}
		for _, n := range a.ip {
			ipProtocols[n] = t
		}
		for _, n := range a.sap {
			sapTypes[n] = t
		}
		for _, c := range a.in {
			carriedIn[c] = append(carriedIn[c], t)
		}
		if a.beside != TypeNone {
			besideOf[a.beside] = append(besideOf[a.beside], t)
		}
		for where, lists := range map[elsewhere]*[256][]asked{
			datagramsFirst: &datagram.first, datagrams: &datagram.last, streamsFirst: &stream.first, streams: &stream.last,
		} {
			if a.elsewhere&where != 0 {
				a.look(lists)
			}
		}
	}
	return datagram, stream
}

func announce[N comparable](types map[N]Type, numbers []N, t Type) {
	for _, n := range numbers {
		types[n] = t
	}
}

// look enters the row where its first bytes are.
func (a *application) look(lists *[256][]asked) {
	starts := a.starts
	if starts == "" {
		starts = bytesFrom(0, 0xff)
	}
	for _, x := range []byte(starts) {
		lists[x] = append(lists[x], a.asks(x)...)
	}
}

// sharedPort marks a port that several have.
const sharedPort Type = 1 << 15

func (f *finder) port(p uint16, t Type) {
	if f.ports[p] == TypeNone {
		f.ports[p] = t
		return
	}
	f.ports[p] |= sharedPort
	if f.shared == nil {
		f.shared = make(map[uint16][]Type)
	}
	f.shared[p] = append(f.shared[p], t)
}

// on reports whether t has the port.
func (f *finder) on(p uint16, t Type) bool {
	first := f.ports[p]
	return first&^sharedPort == t || first&sharedPort != 0 && slices.Contains(f.shared[p], t)
}

// find returns what b between the ports is, TypePayload where nothing tells.
func (f *finder) find(src, dst uint16, b []byte) Type {
	w := headOf(b)
	list := f.first[b[0]]
	for i := range list {
		if a := &list[i]; w&a.mask == a.value && a.is(b, f.on(dst, a.t) || f.on(src, a.t)) {
			return a.t
		}
	}
	if src < dst { // the lower is more often that of a service
		src, dst = dst, src
	}
	if t := f.byPort(dst, b); t != TypeNone {
		return t
	}
	if t := f.byPort(src, b); t != TypeNone {
		return t
	}
	list = f.last[b[0]]
	for i := range list {
		if a := &list[i]; w&a.mask == a.value && a.is(b, false) {
			return a.t
		}
	}
	return TypePayload
}

func (f *finder) byPort(p uint16, b []byte) Type {
	t := f.ports[p]
	if t == TypeNone || rowOf[t&^sharedPort].may(b) {
		return t &^ sharedPort
	}
	if t&sharedPort == 0 {
		return TypeNone
	}
	for _, t := range f.shared[p] {
		if rowOf[t].may(b) {
			return t
		}
	}
	return TypeNone
}

// AllTypes returns all types of layers, but for TypeNone and TypeFragment: what a port can be said to carry.
func AllTypes() []Type {
	var list []Type
	for t := TypePayload; t < numTypes; t++ {
		if t != TypeFragment {
			list = append(list, t)
		}
	}
	return list
}

// Framed reports whether the messages of t in a stream have a length that MessageLength tells.
func (t Type) Framed() bool { return t >= firstApplication && t < numTypes && rowOf[t].length != nil }

// MessageLength returns how many bytes the message has that b, bytes of a stream, starts with; 0 where more are needed
// to tell, and -1 where no message starts there, or t has no such length.
func (t Type) MessageLength(b []byte) int {
	if !t.Framed() {
		return -1
	}
	return rowOf[t].length(b)
}
