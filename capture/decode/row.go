package decode

import (
	"strings"

	"sockwire/capture"
)

// application is a row of the registry: a protocol that package app shows, and how it is known. All that is empty tells
// nothing.
type application struct {
	Type
	name, title string // see Type.String and Type.Title

	// Numbers that announce it. Several rows may have a port: they are asked in their order. Other numbers are of one.
	udp, tcp, sctp []uint16           // ports
	ppid           []uint32           // payload protocol identifiers of SCTP
	ether          []uint16           // EtherTypes, those in GRE and SNAP too
	ip             []uint8            // IP protocol numbers
	ppp            []uint16           // PPP protocol numbers
	sap            []uint8            // destination service access points of LLC
	snap           []uint64           // see snapID
	link           []capture.LinkType // of the file, for what is a frame by itself
	// in are the layers that carry it, of which is tells: a header that says nothing of what follows, or too little.
	in []Type
	// beside is the protocol whose port, named in Decoder.Ports, it shares where is tells so, or has the next of.
	beside Type

	// is tells whether b, which is not empty, may be a message: on a number of the protocol, which needs no more than a
	// hint, or elsewhere, where it must not be mistaken for one. Where it is nil the number tells.
	is func(b []byte, port bool) bool
	// elsewhere says where what its ports do not tell is looked for, by is.
	elsewhere elsewhere
	// starts are the first bytes that such messages can have, "" for any, and heads what the eight bytes behind the first
	// four can be, in hexadecimal digits with a point for any, perhaps behind a first byte that they are for, such as
	// "80:0001": others are not even asked about.
	starts string
	heads  []string

	// length returns how long the message of a stream is that b starts with, 0 where b is too short to tell, and -1
	// where none starts there. With it a segment has a layer for each message that starts in it, and package
	// flow/message puts together what is cut over segments.
	length func(b []byte) int
	// whole says that package app shows all messages of a segment as one layer.
	whole bool
	// carries is of a protocol that carries others: how many bytes of b are its header, 0 where the number alone tells
	// what follows, and what follows; TypePayload asks the rows that have it in their in. TypeNone is for a message that carries nothing.
	carries func(b []byte) (header int, next Type)
}

// elsewhere is a set of places to look.
type elsewhere uint8

const (
	datagramsFirst elsewhere = 1 << iota // in datagrams, before the ports of others decide
	datagrams                            // in datagrams, after them
	streamsFirst
	streams
)

func ports(list ...uint16) []uint16 { return list }

// snapID is a protocol number of an organization in SNAP.
func snapID(oui uint32, protocol uint16) uint64 { return uint64(oui)<<16 | uint64(protocol) }

// bytesFrom are all bytes in a range, for starts.
func bytesFrom(first, last byte) string {
	b := make([]byte, 0, 256)
	for x := int(first); x <= int(last); x++ {
		b = append(b, byte(x))
	}
	return string(b)
}

// asked is a row that is asked about payloads that have a head.
type asked struct {
	mask, value uint64
	is          func(b []byte, port bool) bool
	t           Type
}

// asks returns what a row is asked for about payloads with a first byte, one for each head.
func (a *application) asks(first byte) (list []asked) {
	for _, head := range a.heads {
		q := asked{is: a.is, t: a.Type}
		if start, rest, found := strings.Cut(head, ":"); found {
			if head = rest; start != string([]byte{hexDigits[first>>4], hexDigits[first&15]}) {
				continue
			}
		}
		for i, c := range head + "................"[len(head):] {
			q.mask, q.value = q.mask<<4, q.value<<4
			if n := strings.IndexRune("0123456789abcdef", c); n >= 0 {
				q.mask, q.value = q.mask|15, q.value|uint64(n)
			} else if c != '.' || i > 15 {
				panic("decode: " + a.name + " has a head that is none: " + head)
			}
		}
		list = append(list, q)
	}
	if a.heads == nil {
		list = []asked{{is: a.is, t: a.Type}}
	}
	return list
}

// headOf returns the eight bytes behind the first four as a number, zeroes for those that are not there.
func headOf(b []byte) (w uint64) {
	if len(b) >= 12 {
		return uint64(be32(b[4:]))<<32 | uint64(be32(b[8:]))
	}
	for i, x := range b[min(len(b), 4):] {
		w |= uint64(x) << (56 - 8*i)
	}
	return w
}

// may reports whether b may be a message of the row on a number of it.
func (a *application) may(b []byte) bool { return a.is == nil || a.is(b, true) }
