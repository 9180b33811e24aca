package decode

import (
	"fmt"
	"time"

	"sockwire/capture"
	"sockwire/raw/wire"
)

// MaxLayers is how many layers a Packet keeps. What lies deeper is reported as an Error of kind TooDeep.
const MaxLayers = 32

// Checksum is what is known about a layer's checksum.
type Checksum uint8

// Checksum states. ChecksumNone is a layer that has no checksum.
const (
	ChecksumNone       Checksum = iota
	ChecksumGood                // verified
	ChecksumBad                 // verified and wrong: corruption, or a sender's fault
	ChecksumUnverified          // not all bytes are here: a fragment, a quoted packet, cut by the snaplen
	ChecksumOffloaded           // not computed yet: left to the sending device, as the source says or all signs tell
	ChecksumZero                // the sender gave none: UDP with checksum 0
)

var checksumNames = [...]string{"none", "good", "bad", "unverified", "offloaded", "zero"}

// String returns "none", "good", "bad", "unverified", "offloaded" or "zero".
func (c Checksum) String() string {
	if int(c) < len(checksumNames) {
		return checksumNames[c]
	}
	return "?"
}

// Flags say more about a layer.
type Flags uint8

const (
	// Quoted marks the layers of a packet that an ICMP error quotes, or whose header a PIM null-register carries.
	// They are usually cut, which is no error.
	Quoted Flags = 1 << iota
	// Overlong marks a layer whose length field claims more than the layer around it holds.
	Overlong
	// Superpacket marks an IP layer whose length field is 0 because the packet is left to be segmented.
	Superpacket
)

// Layer is one header of a packet and what it carries.
type Layer struct {
	Type     Type
	Checksum Checksum
	Flags    Flags
	// Offset is where the header starts in Frame.Data.
	Offset int
	// Header is the length of the header with its options, in bytes, all of them captured.
	Header int
	// Length is that of header and payload on the wire, in bytes, as the length fields say and never more
	// than the layer around it holds. It can reach past the captured bytes when the capture cut the frame.
	Length int
}

// later is what cursor says that more of it is to be decoded. It is kept in the Packet, and not made empty for each frame:
// few frames have it.
type later struct {
	at, end          int // of again
	chunk, chunksEnd int // where the next chunk of SCTP is, and where they end
	ports            [2]uint16
}

// Packet is a decoded frame. It is filled by Decoder.Decode and can be used again and again; it borrows
// Frame.Data and is valid as long as that is. It is about 1.2 KB: pass it by pointer.
type Packet struct {
	Frame capture.Frame

	// Number counts the packets of a source from 1. History sets it, or the caller; Decode leaves it alone.
	Number uint64
	// What History found: times since earlier packets, and the sequence numbers that those of the innermost
	// TCP layer are relative to.
	sinceFirst, sincePrevious time.Duration
	seqBase, ackBase          uint32
	relative                  bool

	later  later
	n      int
	failed bool
	err    Error
	layers [MaxLayers]Layer
}

// Layers returns the layers, outermost first. The slice belongs to the Packet.
func (p *Packet) Layers() []Layer { return p.layers[:p.n] }

// Err returns what Decode returned: why decoding stopped or what was wrong on the way, or nil.
func (p *Packet) Err() *Error {
	if p.failed {
		return &p.err
	}
	return nil
}

// Header returns the header bytes of layer i.
func (p *Packet) Header(i int) []byte {
	l := &p.layers[:p.n][i]
	return p.span(l.Offset, l.Offset+l.Header)
}

// Payload returns the captured bytes that layer i carries after its header.
func (p *Packet) Payload(i int) []byte {
	l := &p.layers[:p.n][i]
	return p.span(l.Offset+l.Header, l.Offset+l.Length)
}

// PayloadLength returns how many bytes layer i carries on the wire, captured or not.
func (p *Packet) PayloadLength(i int) int {
	l := &p.layers[:p.n][i]
	return max(l.Length-l.Header, 0)
}

// span returns the captured bytes of [from, to), with the capacity clamped.
func (p *Packet) span(from, to int) []byte {
	to = min(to, len(p.Frame.Data))
	if from >= to {
		return nil
	}
	return p.Frame.Data[from:to:to]
}

// Find returns the index of the first, outermost, layer of type t, or -1.
func (p *Packet) Find(t Type) int {
	for i := range p.layers[:p.n] {
		if p.layers[i].Type == t {
			return i
		}
	}
	return -1
}

// FindInner returns the index of the last, innermost, layer of type t that is not part of a quoted packet, or -1.
func (p *Packet) FindInner(t Type) int {
	for i := p.n - 1; i >= 0; i-- {
		if p.layers[i].Type == t && p.layers[i].Flags&Quoted == 0 {
			return i
		}
	}
	return -1
}

// Fault is a way in which a frame can fail to decode.
type Fault uint8

const (
	// Truncated: the bytes were on the wire but the capture's snaplen cut them off.
	Truncated Fault = iota + 1
	// Cut: the frame, or the layer around this one, ends before the layer does.
	Cut
	// Malformed: a field has a value that cannot be.
	Malformed
	// TooDeep: there are more than MaxLayers layers.
	TooDeep
	// UnknownLink: the frame's link type has no decoder.
	UnknownLink
)

var faultNames = [...]string{"?", "truncated by the capture", "cut short", "malformed", "too deeply nested",
	"unknown link type"}

// String returns the fault in words.
func (k Fault) String() string {
	if int(k) < len(faultNames) {
		return faultNames[k]
	}
	return "?"
}

// Error says which layer could not be decoded whole, where and why. Decode returns a pointer into the
// Packet, valid until the Packet is used again.
type Error struct {
	Layer  Type
	Fault  Fault
	Offset int    // where the layer starts in Frame.Data
	Need   int    // bytes the layer needs from Offset, 0 where a value is at fault
	Have   int    // bytes there are from Offset
	Reason string // what is wrong, a constant text; may be empty
}

// Error returns a line such as "decode: tcp at byte 34: cut short: needs 20 bytes, has 8".
func (e *Error) Error() string { return string(e.append([]byte("decode: "))) }

// append adds the error without the package name.
func (e *Error) append(b []byte) []byte {
	b = append(b, e.Layer.String()...)
	b = append(b, " at byte "...)
	b = appendInt(b, e.Offset)
	b = append(b, ": "...)
	b = append(b, e.Fault.String()...)
	if e.Reason != "" {
		b = append(b, ": "...)
		b = append(b, e.Reason...)
	}
	if e.Need > 0 {
		b = append(b, ": needs "...)
		b = appendInt(b, e.Need)
		b = append(b, " bytes, has "...)
		b = appendInt(b, max(e.Have, 0))
	}
	return b
}

// view returns the header of layer i if that is of type t.
func (p *Packet) view(i int, t Type) []byte {
	if uint(i) >= uint(p.n) || p.layers[i].Type != t {
		return nil
	}
	return p.Header(i)
}

// String returns the short name that keys and JSON use, such as "ip" or "tcp".
func (t Type) String() string {
	switch {
	case t < firstApplication:
		return kinds[t].name
	case t < numTypes:
		return rowOf[t].name
	}
	return fmt.Sprintf("type(%d)", uint16(t))
}

// Title returns the name for people, such as "IPv4".
func (t Type) Title() string {
	switch {
	case t < firstApplication:
		return kinds[t].title
	case t < numTypes:
		return rowOf[t].title
	}
	return t.String()
}

// Option is one option of an IPv4, IPv6 or TCP header.
type Option = wire.Option
