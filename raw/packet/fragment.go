package packet

import (
	"encoding/binary"
	"fmt"

	"sockwire/raw/wire"
)

// fragmentation is the frag{mtu=…} of an expression: cut the packet at its place into fragments.
type fragmentation struct {
	at      int // index of the layer behind the cut
	column  int // byte position in the expression
	mtu     int
	overlap int // bytes that each fragment repeats of the one before
	order   string
	id      uint32
	given   bool // id
}

// fragmentError says why a packet cannot be cut.
type fragmentError struct{ problem string }

func (e *fragmentError) Error() string { return "frag: " + e.problem }

// fragmentable returns the index of the IP header whose headers the layers end with.
func fragmentable(layers []Layer) (ip int, ok bool) {
	for i := len(layers) - 1; i >= 0; i-- {
		switch layers[i].(type) {
		case *IPv4:
			return i, i == len(layers)-1
		case *IPv6:
			return i, true
		case *HopByHop, *DestinationOptions, *Routing:
		default:
			return 0, false
		}
	}
	return 0, false
}

// append cuts the packet whole, whose layers start at starts, and appends the fragments.
func (f *fragmentation) append(b []byte, ends []int, whole []byte, starts []int, layers []Layer, random uint64) ([]byte, []int, error) {
	ipAt, _ := fragmentable(layers[:f.at])
	ip, data := starts[ipAt], starts[f.at]
	end := len(whole)
	if e, ok := layers[0].(*Ethernet); ok && ipAt > 0 {
		end -= len(e.Trailer)
	}
	header := data - ip
	_, v4 := layers[ipAt].(*IPv4)
	if !v4 {
		header += 8
	}
	size := (f.mtu - header) &^ 7
	if size < 8 || f.overlap >= size {
		return b, ends, &fragmentError{fmt.Sprintf("an MTU of %d is too small for fragments with %d bytes of headers and an overlap of %d: give mtu=%d or more", f.mtu, header, f.overlap, header+f.overlap+8)}
	}
	if end-data > 0xffff {
		return b, ends, &fragmentError{"a packet of more than 65535 bytes cannot be cut: offsets end there"}
	}
	type piece struct{ from, to int }
	var room [64]piece
	pieces := room[:0]
	for from := data; ; from -= f.overlap {
		to := min(from+size, end)
		pieces = append(pieces, piece{from, to})
		if from = to; to == end {
			break
		}
	}
	last := len(pieces) - 1
	for k := range pieces {
		i := k
		switch f.order {
		case "reverse":
			i = last - k
		case "random": // Fisher and Yates, one step at a time
			j := k + int(splitmix(random+uint64(k))%uint64(last-k+1))
			pieces[k], pieces[j] = pieces[j], pieces[k]
		}
		p := pieces[i]
		if v4 {
			b = appendFragment4(b, whole, ip, data, p.from, p.to, end)
		} else {
			b = f.appendFragment6(b, whole, ip, data, p.from, p.to, end, starts[f.at-1], uint32(random))
		}
		b = append(b, whole[end:]...)
		ends = append(ends, len(b))
	}
	return b, ends, nil
}

// appendFragment4 appends the bytes from to to of whole behind a copy of the headers; options that are not to be
// copied (RFC 791, section 3.1) go with the first fragment only.
func appendFragment4(b, whole []byte, ip, data, from, to, end int) []byte {
	start := len(b)
	b = append(b, whole[:ip+20]...)
	header := start + ip
	for options := whole[ip+20 : data]; len(options) > 0; {
		n := 1
		if options[0] > wire.IPv4OptionNop && len(options) > 1 {
			n = min(max(int(options[1]), 2), len(options))
		}
		if from == data || options[0]&0x80 != 0 {
			b = append(b, options[:n]...)
		}
		options = options[n:]
	}
	for (len(b)-header)%4 != 0 {
		b = append(b, wire.IPv4OptionEnd)
	}
	headerSize := len(b) - header
	b = append(b, whole[from:to]...)
	h := b[header:]
	h[0] = h[0]&0xf0 | uint8(headerSize/4)
	binary.BigEndian.PutUint16(h[2:], uint16(len(h)))
	flags := binary.BigEndian.Uint16(h[6:]) + uint16((from-data)/8)
	if to != end {
		flags |= MoreFragments << 13
	}
	binary.BigEndian.PutUint16(h[6:], flags)
	h[10], h[11] = 0, 0
	binary.BigEndian.PutUint16(h[10:], wire.Checksum(h[:headerSize]))
	return b
}

// appendFragment6 appends the bytes from to to of whole behind a copy of the headers and a fragment header (RFC
// 8200, section 4.5). lastHeader is where the header starts that the fragment header follows.
func (f *fragmentation) appendFragment6(b, whole []byte, ip, data, from, to, end, lastHeader int, random uint32) []byte {
	start := len(b)
	b = append(b, whole[:data]...)
	nh := start + lastHeader
	if lastHeader == ip {
		nh += 6
	}
	id := random
	if f.given {
		id = f.id
	}
	offset := uint16(from - data)
	if to != end {
		offset |= 1
	}
	b = append(b, b[nh], 0)
	b[nh] = wire.ProtoFragment
	b = binary.BigEndian.AppendUint16(b, offset)
	b = binary.BigEndian.AppendUint32(b, id)
	b = append(b, whole[from:to]...)
	binary.BigEndian.PutUint16(b[start+ip+4:], uint16(len(b)-start-ip-40))
	return b
}
