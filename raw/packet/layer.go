package packet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
)

// Layer is one layer of a packet: a pointer to one of this package's header structs, or a [Payload]. The set is
// closed.
type Layer interface{ layer() }

// Payload is bytes as they are: the data of the layer before, or any layer this package does not build. A *Payload is a
// layer too, which spares a program that changes it from packet to packet an allocation each.
type Payload []byte

func (Payload) layer() {}

// layerKind is what is known of one kind of layer: to the expression language, and to the layers before it. Its fields
// come from the struct's tags.
type layerKind struct {
	name  string // of the language
	title string // in errors
	make  func() Layer
	// protocol and etherType are the numbers that announce it after an IP header and after an Ethernet header or tag, 0
	// where there is none. (Protocol 0, hop-by-hop options, is told by hop.)
	protocol  uint8
	hop       bool
	etherType uint16
	ppp       uint16

	options map[string]optionKind // what its list field may hold
	aliases map[string]alias      // names for a part of a field
	names   map[string]map[string]uint64
	family  int // bits of its addresses
	// also are names of others for the layer, synonyms those for its fields, without underscores.
	also     []string
	synonyms map[string]string
}

// alias is a name for some bits of a field.
type alias struct {
	field       string
	shift, bits int
}

// following is the number by which a header announces the layer after it.
type following struct {
	number uint16
	known  bool
}

// unknownNext says that a number cannot be computed.
type unknownNext struct {
	number, give string
	next         string // what follows
}

func (e *unknownNext) Error() string {
	return fmt.Sprintf("no %s is known for %s after it: give %s", e.number, e.next, e.give)
}

// numberOf returns the number that a header gives, or else that of what follows.
func numberOf[T uint8 | uint16](given Opt[T], next following, number, give string) (T, error) {
	if !given.given && !next.known {
		return 0, &unknownNext{number: number, give: give}
	}
	return given.Or(T(next.number)), nil
}

var errNoPseudoHeader = errors.New("a computed checksum needs an IP layer before it: give Checksum")

// appendAddrs writes addresses of IPv4, which have 32 bits, or IPv6, zeros for none.
func appendAddrs(b []byte, bits int, list ...netip.Addr) ([]byte, error) {
	for _, a := range list {
		switch {
		case bits == 32 && a.Is4():
			v := a.As4()
			b = append(b, v[:]...)
		case bits == 128 && a.Is6():
			v := a.As16()
			b = append(b, v[:]...)
		case !a.IsValid():
			b = append(b, make([]byte, bits/8)...)
		case bits == 32:
			return b, fmt.Errorf("%v is not an IPv4 address", a)
		default:
			return b, fmt.Errorf("%v is not an IPv6 address", a)
		}
	}
	return b, nil
}

func append16(b []byte, list ...uint16) []byte {
	for _, v := range list {
		b = binary.BigEndian.AppendUint16(b, v)
	}
	return b
}

func append32(b []byte, list ...uint32) []byte {
	for _, v := range list {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return b
}

// appendPadded writes data, then zeros up to a multiple of unit bytes after start.
func appendPadded(b, data []byte, start, unit int) []byte {
	b = append(b, data...)
	for (len(b)-start)%unit != 0 {
		b = append(b, 0)
	}
	return b
}
