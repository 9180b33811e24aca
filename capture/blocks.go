package capture

import (
	"bytes"
	"encoding/binary"
	"io"
	"iter"
	"net/netip"
	"strings"
	"time"
)

// sniffSection checks that the input begins with a section header, without taking it.
func (r *Reader) sniffSection() error {
	b, err := r.in.peek(16)
	if err != nil {
		return err
	}
	_, err = r.sectionOrder(b)
	return err
}

// sectionOrder reads the byte-order magic and the version of the section header that starts with b.
func (r *Reader) sectionOrder(b []byte) (byteOrder, error) {
	var order byteOrder
	switch {
	case binary.LittleEndian.Uint32(b[8:]) == byteOrderMagic:
		order = binary.LittleEndian
	case binary.BigEndian.Uint32(b[8:]) == byteOrderMagic:
		order = binary.BigEndian
	default:
		return nil, r.damaged(r.in.offset()+8, "byte-order magic % x of a section header", b[8:12])
	}
	if major := order.Uint16(b[12:]); major != 1 {
		return nil, r.damaged(r.in.offset()+12, "pcapng version %d.%d is not known", major, order.Uint16(b[14:]))
	}
	return order, nil
}

// nextBlock reads a pcapng block.
func (r *Reader) nextBlock(b *Block) error {
	if r.err != nil {
		return r.err
	}
	if r.mapped != nil && r.in.at >= r.checked {
		r.check()
	}
	head, err := r.in.peek(8)
	if err != nil {
		return err
	}
	start := r.in.offset()
	section := binary.LittleEndian.Uint32(head) == uint32(BlockSection)
	if section {
		if head, err = r.in.peek(16); err != nil {
			return unexpected(start, err)
		}
		if r.order, err = r.sectionOrder(head); err != nil {
			return err
		}
	}
	little := r.order == byteOrder(binary.LittleEndian)
	n := r.order.Uint32(head[4:])
	if n < 12 || n&3 != 0 || n > maxRecord {
		return r.damaged(start+4, "block length %d: it must be a multiple of 4 from 12 to %d", n, maxRecord)
	}
	raw, err := r.in.peek(int(n))
	if err != nil {
		return unexpected(start, err)
	}
	if again := r.order.Uint32(raw[n-4:]); again != n {
		return r.damaged(start+int64(n)-4, "block length is %d in front and %d behind", n, again)
	}
	b.Type = BlockType(r.order.Uint32(raw))
	b.Offset, b.raw, b.order, b.reader = start, raw, r.order, r
	b.options = nil
	body := raw[8 : n-4]
	switch b.Type {
	case BlockEnhancedPacket:
		err = r.enhanced(b, body, little)
	case BlockPacket:
		err = r.oldPacket(b, body)
	case BlockSimplePacket:
		err = r.simple(b, body)
	case BlockInterface:
		err = r.describe(b, body)
	case BlockSection:
		if len(body) < 16 {
			err = r.damaged(start, "a section header of %d bytes", n)
			break
		}
		b.options = body[16:]
		left := r.memory.limit / commentShare
		for code, v := range b.Options() {
			if left -= int64(costString + len(v)); code == OptionComment && left < 0 {
				return r.tooMuch(start, "comments in one block", r.memory.limit/commentShare)
			}
		}
		r.section++
		r.base = len(r.ifs)
	case BlockNameResolution:
		for n := range b.Names() {
			if err = r.charge(start, costName+cost(n.Names), "names"); err != nil {
				break
			}
			r.names = append(r.names, n)
		}
	case BlockSecrets:
		if s, ok := b.Secrets(); ok {
			if err = r.charge(start, costSecrets+len(s.Data), "secrets"); err == nil {
				r.secrets = append(r.secrets, Secrets{s.Type, bytes.Clone(s.Data)})
			}
		}
	case BlockStatistics:
		if len(body) < 12 {
			err = r.damaged(start, "interface statistics of %d bytes", n)
			break
		}
		b.options = body[12:]
	}
	if err != nil {
		return err
	}
	r.in.skip(int(n))
	if r.in.src == nil {
		r.forget()
	}
	return nil
}

// unexpected turns the end of the input within a block into an error.
func unexpected(start int64, err error) error {
	if err == io.EOF {
		return &FileError{Offset: start, Err: io.ErrUnexpectedEOF}
	}
	return err
}

// maxInterfaces bounds how many interfaces a file can make the Reader remember.
const maxInterfaces = 1 << 16

func (r *Reader) describe(b *Block, body []byte) error {
	if len(body) < 8 {
		return r.damaged(b.Offset, "an interface description of %d bytes", len(b.raw))
	}
	if len(r.ifs) == maxInterfaces {
		return r.damaged(b.Offset, "more than %d interfaces", maxInterfaces)
	}
	b.options = body[8:]
	snaplen := b.order.Uint32(body[4:])
	i := Interface{Link: linkFromFile(LinkType(b.order.Uint16(body)))}
	if snaplen <= maxRecord {
		i.Snaplen = int(snaplen)
	}
	c := clock{power: 6}
	left := r.memory.limit / commentShare
	for code, v := range b.Options() {
		switch {
		case code == OptionComment:
			var err error
			if i.Comments, err = r.comment(b.Offset, i.Comments, v, &left); err != nil {
				return err
			}
		case code == OptionName:
			i.Name = text(v)
		case code == OptionDescription:
			i.Description = text(v)
		case code == OptionFilter && len(v) > 1 && v[0] == 0:
			i.Filter = text(v[1:])
		case code == OptionResolution && len(v) == 1:
			offset := c.offset
			c = clockOf(v[0])
			c.offset = offset
		case code == OptionTimeOffset && len(v) == 8:
			c.offset = int64(b.order.Uint64(v))
		}
	}
	i.Resolution, i.TimeOffset = c.resolution(), c.offset
	size := costInterface + len(i.Name) + len(i.Description) + len(i.Filter) + cost(i.Comments)
	if err := r.charge(b.Offset, size, "interfaces"); err != nil {
		return err
	}
	r.ifs = append(r.ifs, i)
	r.state = append(r.state, readerInterface{clock: c, snaplen: snaplen})
	return nil
}

// enhanced reads an Enhanced Packet Block.
func (r *Reader) enhanced(b *Block, body []byte, little bool) error {
	if len(body) < 20 {
		return r.damaged(b.Offset, "a packet block of %d bytes", len(b.raw))
	}
	var id, high, low, captured, length uint32
	if little { // the usual case, without an interface call a field
		id, high, low = binary.LittleEndian.Uint32(body), binary.LittleEndian.Uint32(body[4:]),
			binary.LittleEndian.Uint32(body[8:])
		captured, length = binary.LittleEndian.Uint32(body[12:]), binary.LittleEndian.Uint32(body[16:])
	} else {
		id, high, low = binary.BigEndian.Uint32(body), binary.BigEndian.Uint32(body[4:]), binary.BigEndian.Uint32(body[8:])
		captured, length = binary.BigEndian.Uint32(body[12:]), binary.BigEndian.Uint32(body[16:])
	}
	if err := r.packet(b, body[20:], id, captured); err != nil {
		return err
	}
	f := &b.Frame
	f.Length = int(length)
	f.Time = r.time(b, uint64(high)<<32|uint64(low))
	if len(b.options) >= 4 {
		return r.packetOptions(b)
	}
	return nil
}

// time is the time of a packet that has the stamp ts.
func (r *Reader) time(b *Block, ts uint64) time.Time {
	t := r.state[b.Frame.Interface].clock.time(ts)
	if sec := t.Unix(); sec > lastSecond || sec < -lastSecond {
		r.oddTime(b.Offset)
	}
	return t
}

// oldPacket reads the obsolete Packet Block.
func (r *Reader) oldPacket(b *Block, body []byte) error {
	if len(body) < 20 {
		return r.damaged(b.Offset, "a packet block of %d bytes", len(b.raw))
	}
	if err := r.packet(b, body[20:], uint32(b.order.Uint16(body)), b.order.Uint32(body[12:])); err != nil {
		return err
	}
	f := &b.Frame
	f.Length = int(b.order.Uint32(body[16:]))
	f.Time = r.time(b, uint64(b.order.Uint32(body[4:]))<<32|uint64(b.order.Uint32(body[8:])))
	if drops := b.order.Uint16(body[2:]); drops != 0xffff { // which means unknown
		f.Drops = uint64(drops)
	}
	if len(b.options) >= 4 {
		return r.packetOptions(b)
	}
	return nil
}

// simple reads a Simple Packet Block: of the section's first interface, and without a time.
func (r *Reader) simple(b *Block, body []byte) error {
	if len(body) < 4 {
		return r.damaged(b.Offset, "a simple packet block of %d bytes", len(b.raw))
	}
	length := b.order.Uint32(body)
	captured := min(length, uint32(len(body)-4))
	if r.base < len(r.ifs) && r.state[r.base].snaplen > 0 {
		captured = min(captured, r.state[r.base].snaplen)
	}
	if err := r.packet(b, body[4:], 0, captured); err != nil {
		return err
	}
	b.options = nil
	b.Frame.Length = int(length)
	b.Frame.Time = time.Time{}
	return nil
}

// packet sets what all packet blocks have: the interface and the data at the start of rest.
func (r *Reader) packet(b *Block, rest []byte, id, captured uint32) error {
	if uint64(id) >= uint64(len(r.ifs)-r.base) {
		return r.damaged(b.Offset+8, "a packet of interface %d, and the section describes %d", id, len(r.ifs)-r.base)
	}
	if uint64(captured) > uint64(len(rest)) {
		return r.damaged(b.Offset+20, "%d captured bytes in a block that holds %d", captured, len(rest))
	}
	n := int(captured)
	b.options = rest[min(pad4(n), len(rest)):]
	f := &b.Frame
	b.captured = n
	f.Data = rest[:n:n]
	f.at(r.base+int(id), r.ifs[r.base+int(id)].Link)
	return nil
}

func (r *Reader) packetOptions(b *Block) error {
	f := &b.Frame
	left := r.memory.limit / commentShare
	if r.comments = r.comments[:0]; r.Stable() || r.in.lent {
		r.comments = nil // they stay valid as the data does
	}
	opts := b.options
	for len(opts) >= 4 { // as options does, without a closure a frame
		code, n := b.order.Uint16(opts), int(b.order.Uint16(opts[2:]))
		if code == OptionEnd || 4+n > len(opts) {
			break
		}
		v := opts[4 : 4+n]
		opts = opts[min(4+pad4(n), len(opts)):]
		switch {
		case code == OptionComment:
			var err error
			if r.comments, err = r.comment(b.Offset, r.comments, v, &left); err != nil {
				return err
			}
		case code == OptionFlags && n == 4:
			flags := b.order.Uint32(v)
			switch flags & flagDirection {
			case flagInbound:
				f.Direction = DirectionIn
			case flagOutbound:
				f.Direction = DirectionOut
			}
			f.Offload.ChecksumPending = flags&flagChecksumPending != 0
			f.Offload.ChecksumValid = flags&flagChecksumValid != 0
		case code == OptionDropCount && n == 8 && b.Type == BlockEnhancedPacket:
			f.Drops = b.order.Uint64(v)
		case code == OptionProcess && n == 8 && b.Type == BlockEnhancedPacket:
			f.Process, f.Thread = b.order.Uint32(v), b.order.Uint32(v[4:])
		}
	}
	if len(r.comments) > 0 {
		f.Comments = r.comments
	}
	return nil
}

// Section returns what a section header says.
func (b *Block) Section() (Section, bool) {
	var s Section
	if b.Type != BlockSection {
		return s, false
	}
	for code, v := range b.Options() {
		switch code {
		case OptionComment:
			s.Comments = append(s.Comments, text(v))
		case OptionHardware:
			s.Hardware = text(v)
		case OptionOS:
			s.OS = text(v)
		case OptionApplication:
			s.Application = text(v)
		}
	}
	return s, true
}

// Statistics returns what an Interface Statistics Block says. It reports false for another block, and for
// statistics of an interface that the section does not describe.
func (b *Block) Statistics() (Statistics, bool) {
	s := Statistics{Received: -1, Dropped: -1, Accepted: -1, SystemDrop: -1, Delivered: -1}
	if b.Type != BlockStatistics {
		return s, false
	}
	body := b.Body()
	id := b.order.Uint32(body)
	if uint64(id) >= uint64(len(b.reader.ifs)-b.reader.base) {
		return s, false
	}
	s.Interface = b.reader.base + int(id)
	c := b.reader.state[s.Interface].clock
	stamp := func(v []byte) time.Time {
		return c.time(uint64(b.order.Uint32(v))<<32 | uint64(b.order.Uint32(v[4:])))
	}
	s.Time = stamp(body[4:])
	for code, v := range b.Options() {
		if len(v) != 8 {
			continue
		}
		switch code {
		case OptionStartTime:
			s.Start = stamp(v)
		case OptionEndTime:
			s.End = stamp(v)
		case OptionReceived:
			s.Received = int64(b.order.Uint64(v))
		case OptionDropped:
			s.Dropped = int64(b.order.Uint64(v))
		case OptionAccepted:
			s.Accepted = int64(b.order.Uint64(v))
		case OptionSystemDrops:
			s.SystemDrop = int64(b.order.Uint64(v))
		case OptionDelivered:
			s.Delivered = int64(b.order.Uint64(v))
		}
	}
	return s, true
}

// Secrets returns what a Decryption Secrets Block holds, borrowed from the block; ok is false for a block of another
// type, and one that is too short for what it says.
func (b *Block) Secrets() (s Secrets, ok bool) {
	if b.Type != BlockSecrets {
		return s, false
	}
	body := b.Body()
	if len(body) < 8 || uint64(b.order.Uint32(body[4:])) > uint64(len(body)-8) {
		return s, false
	}
	return Secrets{SecretsType(b.order.Uint32(body)), body[8 : 8+b.order.Uint32(body[4:])]}, true
}

// Names yields the entries of a Name Resolution Block; entries of kinds that have no address of IP are
// left out.
func (b *Block) Names() iter.Seq[NameRecord] {
	return func(yield func(NameRecord) bool) {
		if b.Type != BlockNameResolution {
			return
		}
		rest := b.Body()
		for len(rest) >= 4 {
			kind, n := b.order.Uint16(rest), int(b.order.Uint16(rest[2:]))
			if kind == 0 || 4+n > len(rest) {
				return
			}
			v := rest[4 : 4+n]
			rest = rest[min(4+pad4(n), len(rest)):]
			size := map[uint16]int{1: 4, 2: 16}[kind]
			if size == 0 || n < size {
				continue
			}
			addr, _ := netip.AddrFromSlice(v[:size])
			names := strings.FieldsFunc(string(v[size:]), func(c rune) bool { return c == 0 })
			if !yield(NameRecord{Addr: addr, Names: names}) {
				return
			}
		}
	}
}
