// Package capture holds frames, their metadata, and where they come from and go to: live interfaces
// and capture files.
//
// A Frame is what was seen: bytes with their time, interface and length on the wire. Decoding it is
// the work of capture/decode, choosing it that of capture/filter, counting that of capture/stats.
//
// Sources are Live, from Open; Reader, from OpenFile and NewReader, or with limits and a context from ReaderConfig; and
// several Readers in one, from Merge.
// Each gives frames by Next, without an allocation, or by ranging over Frames. A Writer writes pcap and
// pcapng files, a Rotator a row of them. Blocks of a pcapng file that are no frames pass from
// Reader.NextBlock to Writer.WriteBlock unchanged.
package capture

import (
	"bytes"
	"context"
	"iter"
	"slices"
	"time"
)

// Frame is one captured frame. It is passed by value; Data is borrowed.
type Frame struct {
	// Data holds the captured bytes, starting at the header that Link names. It belongs to the
	// source and is valid only until the source's next step; copy it to keep it. It may be shorter
	// than Length when the capture cut it.
	Data []byte
	// Length is the frame's length on the wire in bytes, at least len(Data) for a well-formed source.
	Length int
	// Time is when the frame was seen, by the clock the source names. The zero Time means the source
	// did not say (a pcapng simple packet block).
	Time time.Time
	// Interface indexes the source's Interfaces.
	Interface int
	// Ifindex is the kernel's index of the device on a live capture, 0 where it is not known.
	Ifindex int
	// Link is the type of the first header in Data.
	Link LinkType
	// Direction is seen from the capturing host.
	Direction Direction
	// Offload is what the device and the kernel left undone, or had done already, when the frame
	// was captured.
	Offload Offload
	// Drops counts the frames that the source lost, as far as it knows, between the previous frame of
	// this interface and this one.
	Drops uint64
	// Process and Thread are those that sent the frame, 0 where that is not known: see capture/owner.
	Process, Thread uint32
	// Comments are the comments that a capture file carries on this frame. They are text from outside:
	// escape them before a terminal sees them. Valid as long as Data.
	Comments []string
}

// at begins a frame of an interface: what a file may say besides is not said yet.
func (f *Frame) at(index int, link LinkType) {
	f.Interface, f.Link, f.Ifindex, f.Direction, f.Offload, f.Drops = index, link, 0, DirectionUnknown, Offload{}, 0
	f.Comments, f.Process, f.Thread = nil, 0, 0
}

// Clone returns a copy of f that stays valid: its Data and Comments are its own.
func (f *Frame) Clone() Frame {
	c := *f
	c.Data, c.Comments = bytes.Clone(f.Data), slices.Clone(f.Comments)
	return c
}

// Source gives frames one after another.
type Source interface {
	// Frames yields until the source ends, ctx is done or the loop breaks. An error is the last thing
	// yielded; the end of a file is no error. The frame's Data is valid until the next step.
	Frames(ctx context.Context) iter.Seq2[Frame, error]
	// Interfaces are those seen so far; a pcapng file may add to them while it is read.
	Interfaces() []Interface
}

// Interface describes where frames came from.
type Interface struct {
	Name        string   // as the kernel or the file has it; outside text
	Description string   // outside text
	Index       int      // the kernel's ifindex, 0 where it is not known
	Link        LinkType // of every frame of this interface
	Snaplen     int      // the longest Data, 0 for no limit
	Resolution  time.Duration
	TimeOffset  int64    // seconds: the format counts times from here, 0 for 1970; they cannot be earlier
	Filter      string   // the filter expression that was in force, if known; outside text
	Comments    []string // that a file carries on the interface; outside text
}

// Direction tells which way a frame went, seen from the capturing host.
type Direction uint8

// Directions. DirectionUnknown is what most files hold.
const (
	DirectionUnknown Direction = iota
	DirectionIn
	DirectionOut
)

// String returns "in", "out" or "?".
func (d Direction) String() string {
	switch d {
	case DirectionIn:
		return "in"
	case DirectionOut:
		return "out"
	default:
		return "?"
	}
}

// Offload says what was left to the device or done by it, so that a checksum not yet computed is told
// from a bad one and a super-packet from a jumbo. See linux/virtio_net.h and
// Documentation/networking/packet_mmap.rst.
type Offload struct {
	// ChecksumPending: the transport checksum is left to the device; what the frame holds is not it.
	ChecksumPending bool
	// ChecksumValid: the device or the kernel has verified the transport checksum.
	ChecksumValid bool
	// SegmentSize is the payload bytes per wire segment when the frame is a segment-offload super-packet,
	// else 0.
	SegmentSize uint16
	// Segments is how many frames on the wire this one stands for; 0 and 1 both mean one.
	Segments uint16
}
