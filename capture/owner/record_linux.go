//go:build amd64 || arm64

package owner

import (
	"bytes"
	"encoding/binary"
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"sockwire/capture/trace"
)

// What the programs record, in native order.
const (
	hTime      = 0 // of CLOCK_MONOTONIC
	hCookie    = 8
	hWho       = 16 // thread, process
	hKind      = 24
	hDirection = 25 // trace.In or trace.Out
	hRaw       = 26 // the type of the socket is SOCK_RAW
	hUsed      = 27 // what is known of the socket's users
	hGroup     = 28 // struct __sk_buff's pkt_type: PACKET_HOST or another
	hKernel    = 30 // no process has the socket
	hSingle    = 31 // one descriptor stands for it
	hNetwork   = 32 // the inode of the network namespace
	hUser      = 36
	hGroupID   = 40 // of the control group
	hName      = 48
	hKept      = 64 // bytes that follow
	headerSize = 72

	packetSize = headerSize + trace.SightingHeader

	xFile    = headerSize // of an executed program
	fileSize = 256
	xArgs    = xFile + fileSize
	argsSize = 1024
	execSize = xArgs + argsSize

	nameSize  = 256 // NAME_MAX and a zero
	groupSize = headerSize + nameSize
)

// What is known of the users of a socket.
const (
	usedKnown = 1 // somebody used the socket
	usedMulti = 2 // several processes did
)

// cookieMask leaves room for a number in a tag; a place in memory stays one.
const cookieMask = 1<<56 - 1

var order = binary.NativeEndian

var errRecord = errors.New("owner: a record that the programs do not write")

// parseEvent reads what a program recorded. Whatever b is, it gives an event or an error.
func parseEvent(b []byte, e *event) error {
	if len(b) < headerSize {
		return errRecord
	}
	*e = event{
		kind: kind(b[hKind]), time: time.Duration(order.Uint64(b[hTime:])), cookie: order.Uint64(b[hCookie:]) & cookieMask,
		who:   who{process: int(order.Uint32(b[hWho+4:])), thread: int(order.Uint32(b[hWho:])), user: order.Uint32(b[hUser:]), group: order.Uint64(b[hGroupID:]), name: text(b[hName : hName+16])},
		multi: b[hUsed]&usedMulti != 0, network: order.Uint32(b[hNetwork:]),
	}
	kept := int(order.Uint32(b[hKept:]))
	switch e.kind {
	case kindPacket, kindFrame:
		if len(b) != packetSize || kept > trace.SightingHeader {
			return errRecord
		}
		e.kernel, e.single = b[hKernel] != 0, b[hSingle] != 0
		e.sighting = trace.Sighting{
			Time: e.time, Direction: trace.Direction(b[hDirection]), Cookie: e.cookie, Raw: b[hRaw] != 0,
			Group: e.kind == kindPacket && order.Uint16(b[hGroup:]) != unix.PACKET_HOST, Kept: kept,
		}
		copy(e.sighting.Header[:], b[headerSize:])
	case kindExec:
		if len(b) != execSize || kept > argsSize {
			return errRecord
		}
		e.file, e.args = text(b[xFile:xArgs]), string(bytes.TrimRight(b[xArgs:xArgs+kept], "\x00"))
	case kindGroup:
		if len(b) != groupSize {
			return errRecord
		}
		e.cookie, e.file = order.Uint64(b[hCookie:]), text(b[headerSize:])
	}
	return nil
}

// text is what stands before the first zero.
func text(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}
