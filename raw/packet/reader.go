package packet

import (
	"encoding/binary"
	"net/netip"
)

// content is what a header says of the layer after it: a number, and what that numbers.
type content struct {
	by     announcement
	number uint16
}

type announcement uint8

const (
	byNothing    announcement = iota // a payload, or nothing
	byProtocol                       // of IP
	byEtherType                      // after Ethernet and tags
	byTunnelType                     // the same after GRE and Geneve
	byPPP                            // protocol number
	byVersion                        // the first four bits tell which IP it is
	byPort                           // of UDP
	byChunk                          // of SCTP
)

// reader takes fields off the front of a header. What is missing reads as zero and sets bad.
type reader struct {
	b   []byte
	pos int
	bad bool
	// whole: what b ends with is the end of the packet.
	whole bool
	// end is where the layers below end, counted from the start of b, as a length in the header says; 0 where none
	// does. cut is how many bytes at the end of b belong to the header itself.
	end, cut int
}

// header is a layer with fields. read fills them and says what follows.
type header interface{ read(*reader) content }

func (r *reader) bytes(n int) []byte {
	if n < 0 || len(r.b)-r.pos < n {
		r.bad = true
		return make([]byte, min(max(n, 0), 16))
	}
	r.pos += n
	return r.b[r.pos-n : r.pos : r.pos]
}

func (r *reader) u8() uint8         { return r.bytes(1)[0] }
func (r *reader) u16() uint16       { return binary.BigEndian.Uint16(r.bytes(2)) }
func (r *reader) u32() uint32       { return binary.BigEndian.Uint32(r.bytes(4)) }
func (r *reader) mac() MAC          { return MAC(r.bytes(6)) }
func (r *reader) addr4() netip.Addr { return netip.AddrFrom4([4]byte(r.bytes(4))) }
func (r *reader) addr6() netip.Addr { return netip.AddrFrom16([16]byte(r.bytes(16))) }
func (r *reader) left() int         { return len(r.b) - r.pos }

// version says that IP follows, if anything does.
func (r *reader) version() content {
	if r.bad || r.left() == 0 {
		return content{}
	}
	return content{byVersion, uint16(r.b[r.pos] >> 4)}
}

func (r *reader) addr(bits int) netip.Addr {
	if bits == 32 {
		return r.addr4()
	}
	return r.addr6()
}

// addrs reads n addresses, as far as there are as many.
func (r *reader) addrs(n, bits int) []netip.Addr {
	if r.bad || n > r.left()/(bits/8) {
		r.bad = true
		return nil
	}
	var list []netip.Addr
	for range n {
		list = append(list, r.addr(bits))
	}
	return list
}
