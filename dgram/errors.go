package dgram

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"sockwire/raw/wire"
)

// NetworkError is what the network, or this host on its behalf, said about a datagram sent earlier: an ICMP error or
// a local one. It answers to errors.Is for the errno the system makes of it, such as ECONNREFUSED.
type NetworkError struct {
	To      netip.AddrPort // where the datagram was going
	From    netip.Addr     // the node that said so; not valid for a local error
	Type    uint8          // of the ICMP or ICMPv6 message
	Code    uint8
	MTU     int    // of the hop that could not pass it on, 0 if not told
	Err     error  // a syscall.Errno
	Payload []byte // what the message quotes of the datagram's payload
	// Time is when the message came in, by the kernel's clock, or when it was read, where the kernel does not say; TTL
	// is what it arrived with, 0 where that is not known.
	Time time.Time
	TTL  uint8
}

// Error says what was sent where, what went wrong, and who said so.
func (e *NetworkError) Error() string {
	text := fmt.Sprintf("datagram to %v: %s", e.To, e.meaning())
	if e.MTU > 0 {
		text += ", next hop MTU " + strconv.Itoa(e.MTU)
	}
	if !e.From.IsValid() {
		return text + " (said by this host)"
	}
	return text + fmt.Sprintf(" (said by %v: ICMP type %d code %d)", e.From, e.Type, e.Code)
}

func (e *NetworkError) Unwrap() error { return e.Err }

// Unreachable tells whether the destination itself said that nobody listens on the port.
func (e *NetworkError) Unreachable() bool {
	return e.From == e.To.Addr().WithZone("") && errors.Is(e.Err, syscall.ECONNREFUSED)
}

// meaning is what the ICMP message says, or without one, or of a type without a name, what the system does.
func (e *NetworkError) meaning() string {
	if six := e.From.Is6(); e.From.IsValid() && wire.IsICMPError(six, e.Type) && wire.ICMPTypeName(six, e.Type) != "" {
		return wire.ICMPName(six, e.Type, e.Code)
	}
	return e.Err.Error()
}

// SizeError refuses a payload that no datagram of its kind can carry. Nothing was sent.
type SizeError struct {
	To          Addr
	Size, Limit int // bytes
}

func (e *SizeError) Error() string {
	return fmt.Sprintf("%d bytes do not fit in one datagram to %v: the limit is %d", e.Size, e.To, e.Limit)
}

// Is answers for EMSGSIZE.
func (e *SizeError) Is(target error) bool { return target == syscall.EMSGSIZE }

// hintedError adds what to do.
type hintedError struct {
	error
	hint string
}

func (e *hintedError) Hint() string  { return e.hint }
func (e *hintedError) Unwrap() error { return e.error }

func withHint(err error, format string, a ...any) error {
	return &hintedError{err, fmt.Sprintf(format, a...)}
}

// openError explains why a socket could not be opened.
func openError(what, network, address string, err error) error {
	err = fmt.Errorf("dgram: %s %s %s: %w", what, network, address, cause(err))
	switch {
	case errors.Is(err, syscall.EADDRINUSE) && isUnix(network) && isPath(address):
		if !isSocket(address) {
			return withHint(err, "%s is a file that is no socket: choose another name", address)
		}
		if stale(address) {
			return withHint(err, "no socket is behind the file %s any more: remove it", address)
		}
		return withHint(err, "another program listens on %s: stop it or choose another name", address)
	case errors.Is(err, syscall.EADDRINUSE):
		return withHint(err, "another socket has this address: find it with ss -ulpn, or choose another port")
	case errors.Is(err, syscall.EMFILE):
		return withHint(err, "this process has as many files open as it may: raise that with ulimit -n")
	case errors.Is(err, syscall.ENFILE):
		return withHint(err, "this system has as many files open as it may: see fs.file-max, proc_sys_fs(5)")
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return withHint(err, "this host does not have that address: see ip address")
	case errors.Is(err, syscall.EINVAL) && strings.HasPrefix(address, "[fe80:") && !strings.Contains(address, "%"):
		return withHint(err, "a link-local address needs its interface: [ADDRESS%%IFACE]:PORT; ip link lists them")
	case errors.Is(err, syscall.EACCES) && what == "dial" && !isUnix(network):
		return withHint(err, "a broadcast address has to be asked for")
	case errors.Is(err, syscall.ENOENT) && what == "dial":
		return withHint(err, "no socket has that name: is the receiver running?")
	case errors.Is(err, os.ErrPermission) && !isUnix(network):
		return withHint(err, "ports below net.ipv4.ip_unprivileged_port_start need cap_net_bind_service")
	case errors.Is(err, syscall.EINVAL) && isUnix(network) && len(address) > maxUnixName:
		return withHint(err, "the name of a Unix socket has at most %d bytes, this one has %d", maxUnixName, len(address))
	}
	return err
}

// maxUnixName is the longest path of a Unix socket in bytes, the final zero not counted: sun_path of unix(7).
const maxUnixName = 107
