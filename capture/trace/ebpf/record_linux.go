//go:build amd64 || arm64

package ebpf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"

	"golang.org/x/sys/unix"

	"sockwire/capture/trace"
	"sockwire/capture/trace/internal/abi"
)

// recordKind is what a record of the ring tells.
type recordKind uint8

const (
	recordEnter    recordKind = iota + 1 // a call is entered
	recordLeave                          // and left
	recordTable                          // all descriptors of a process that are sockets
	recordFork                           // a task was made: its numbers as arguments, and whether it is followed
	recordExec                           // a program is executed: its name in the arguments, and all descriptors
	recordExit                           // a task ends: how many are left in its process
	recordRing                           // io_uring is used
	recordForeign                        // a call of 32 bits was made that is about sockets
	recordSubmit                         // a call is submitted through io_uring: its arguments as those of the system call
	recordComplete                       // and completed: the sequence number of its submission, and flags, as arguments
)

// A record is a header and parts, each a header and its bytes, padded to eight. All is in native order.
const (
	hKind      = 0
	hFlags     = 1
	hFull      = 2 // not all parts found room
	hTime      = 8 // of CLOCK_MONOTONIC
	hSequence  = 16
	hThread    = 24 // and its process
	hNumber    = 32
	hResult    = 40
	hArgs      = 48
	headerSize = 96

	flagMissing = 1 // memory could not be read
	flagAgain   = 2 // the record of a return has what the one of the entry missed

	pKey       = 0 // an address, or the inode of a socket
	pLength    = 8
	pKind      = 12
	partHeader = 16

	partMemory = 1
	partSocket = 2
	partLocal  = 3 // name of a Unix socket
	partRemote = 4
	partEpoll  = 5 // the key is the instance

	rawData = 65535 // a raw packet is not longer
)

// What a part says about a socket.
const (
	iFD         = 0
	iFamily     = 4
	iType       = 6
	iProtocol   = 8
	iState      = 10
	iLocalPort  = 12 // in network order
	iRemotePort = 14
	iLocal      = 16
	iRemote     = 32
	iWriteSeq   = 48
	iCopiedSeq  = 52
	iCookie     = 56
	iPeer       = 64 // inode of a Unix socket's peer
	socketSize  = 72
)

var order = binary.NativeEndian

var errRecord = errors.New("a record that the programs do not write")

// record is one record of the ring. It keeps the bytes that it was parsed from.
type record struct {
	kind     recordKind
	flags    uint8
	full     bool
	time     uint64
	sequence uint64
	tid, pid int
	number   uint64
	result   int64
	args     [6]uint64
	memory   []memory
	sockets  []socket
	epolls   []epoll

	next int // where ReadMemory goes on
}

type memory struct {
	address uint64
	b       []byte
}

// epoll is which epoll instance a descriptor is.
type epoll struct {
	fd int
	id abi.EpollID
}

const epollSize = 8 // the descriptor, and nothing

// socket is a socket at the time of the record.
type socket struct {
	fd                  int
	id                  trace.SocketID
	peer                trace.SocketID
	cookie              uint64
	family, typ         int
	protocol            uint16
	state               uint8
	local, remote       trace.Addr
	writeSeq, copiedSeq uint32
}

// parse reads a record. Whatever b is, it gives a record or an error.
func (r *record) parse(b []byte) error {
	if len(b) < headerSize {
		return errRecord
	}
	*r = record{
		kind: recordKind(b[hKind]), flags: b[hFlags], full: b[hFull] != 0, time: order.Uint64(b[hTime:]), sequence: order.Uint64(b[hSequence:]),
		number: order.Uint64(b[hNumber:]), result: int64(order.Uint64(b[hResult:])), memory: r.memory[:0], sockets: r.sockets[:0], epolls: r.epolls[:0],
	}
	who := order.Uint64(b[hThread:])
	r.tid, r.pid = int(uint32(who)), int(who>>32)
	for i := range r.args {
		r.args[i] = order.Uint64(b[hArgs+8*i:])
	}
	for b = b[headerSize:]; len(b) > 0; {
		if len(b) < partHeader {
			return errRecord
		}
		key, length, kind := order.Uint64(b), int(order.Uint32(b[pLength:])), order.Uint32(b[pKind:])
		b = b[partHeader:]
		if length > len(b) {
			return errRecord
		}
		payload := b[:length:length]
		b = b[min((length+7)&^7, len(b)):]
		switch kind {
		case partMemory:
			r.memory = append(r.memory, memory{key, payload})
		case partSocket:
			if length != socketSize {
				return errRecord
			}
			r.sockets = append(r.sockets, parseSocket(key, payload))
		case partLocal, partRemote:
			if len(r.sockets) == 0 || uint64(r.sockets[len(r.sockets)-1].id) != key {
				return errRecord
			}
			s := &r.sockets[len(r.sockets)-1]
			if kind == partLocal {
				s.local = abi.Sockaddr(payload)
			} else {
				s.remote = abi.Sockaddr(payload)
			}
		case partEpoll:
			if length != epollSize {
				return errRecord
			}
			r.epolls = append(r.epolls, epoll{int(int32(order.Uint32(payload))), abi.EpollID(key)})
		default:
			return errRecord
		}
	}
	return nil
}

func parseSocket(inode uint64, b []byte) socket {
	s := socket{
		fd: int(int32(order.Uint32(b[iFD:]))), id: trace.SocketID(inode), peer: trace.SocketID(order.Uint64(b[iPeer:])), cookie: order.Uint64(b[iCookie:]),
		family: int(order.Uint16(b[iFamily:])), typ: int(order.Uint16(b[iType:])), protocol: order.Uint16(b[iProtocol:]), state: b[iState],
		writeSeq: order.Uint32(b[iWriteSeq:]), copiedSeq: order.Uint32(b[iCopiedSeq:]),
	}
	name := func(address, port int) trace.Addr {
		n := binary.BigEndian.Uint16(b[port:])
		if s.family == unix.AF_INET6 {
			return trace.Addr{IP: netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[address:address+16])), n)}
		}
		return trace.Addr{IP: netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[address:address+4])), n)}
	}
	if s.family == unix.AF_INET || s.family == unix.AF_INET6 {
		s.local = name(iLocal, iLocalPort)
		// As getpeername(2) has it: a socket has a peer when it has its port, and TCP when it is connected.
		unconnected := s.protocol == unix.IPPROTO_TCP && (s.state == tcpClose || s.state == tcpSynSent)
		if s.remote = name(iRemote, iRemotePort); s.remote.IP.Port() == 0 || unconnected {
			s.remote = trace.Addr{}
		}
	}
	return s
}

// States of a TCP socket (include/net/tcp_states.h).
const (
	tcpSynSent = 2
	tcpClose   = 7
)

// socket finds the socket that a descriptor was.
func (r *record) socket(fd int) *socket {
	for i := range r.sockets {
		if r.sockets[i].fd == fd {
			return &r.sockets[i]
		}
	}
	return nil
}

// ReadMemory gives the memory that was recorded. The decoder asks for it in about the order in which it was
// recorded.
func (r *record) ReadMemory(b []byte, address uint64) int {
	for i := range r.memory {
		at := (r.next + i) % len(r.memory)
		m := &r.memory[at]
		if address >= m.address && address-m.address < uint64(len(m.b)) {
			r.next = at
			return copy(b, m.b[address-m.address:])
		}
	}
	return 0
}

// name is the name of the executed program.
func (r *record) name() string {
	var b [16]byte
	order.PutUint64(b[:], r.args[0])
	order.PutUint64(b[8:], r.args[1])
	if i := bytes.IndexByte(b[:], 0); i >= 0 {
		return string(b[:i])
	}
	return string(b[:])
}
