//go:build !linux

package cmsg

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"time"
)

func unsupported(what string) error {
	return fmt.Errorf("cmsg: %s needs Linux: %w", what, errors.ErrUnsupported)
}

// Parse resets i and counts oob, if there is any, as one unknown message: layouts other than Linux's are not read.
func (i *Info) Parse(oob []byte, flags int) {
	i.Reset()
	if len(oob) > 0 {
		i.Unknown = 1
	}
}

// Split takes no message off b: layouts other than Linux's are not read.
func Split(b []byte) (level, kind int32, data, rest []byte, ok bool) { return 0, 0, nil, nil, false }

// Enable needs Linux.
func Enable(fd int, want Set) (granted Set, err error) { return 0, unsupported("Enable") }

// ReadDrops needs Linux.
func ReadDrops(fd int) (uint32, error) { return 0, unsupported("ReadDrops") }

// ReadQueued needs Linux.
func ReadQueued(fd int) (int, error) { return 0, unsupported("ReadQueued") }

// SetReadBuffer needs Linux.
func SetReadBuffer(fd, size int) (granted int, err error) { return 0, unsupported("SetReadBuffer") }

// SetWriteBuffer needs Linux.
func SetWriteBuffer(fd, size int) (granted int, err error) { return 0, unsupported("SetWriteBuffer") }

// AppendPacketInfo needs Linux; here it returns b.
func AppendPacketInfo(b []byte, src netip.Addr, ifindex int) []byte { return b }

// AppendTTL needs Linux; here it returns b.
func AppendTTL(b []byte, ttl int) []byte { return b }

// AppendHopLimit needs Linux; here it returns b.
func AppendHopLimit(b []byte, limit int) []byte { return b }

// AppendTOS needs Linux; here it returns b.
func AppendTOS(b []byte, tos int) []byte { return b }

// AppendTrafficClass needs Linux; here it returns b.
func AppendTrafficClass(b []byte, class int) []byte { return b }

// AppendFlowInfo needs Linux; here it returns b.
func AppendFlowInfo(b []byte, label uint32) []byte { return b }

// AppendSegmentSize needs Linux; here it returns b.
func AppendSegmentSize(b []byte, size int) []byte { return b }

// AppendTxTime needs Linux; here it returns b.
func AppendTxTime(b []byte, t time.Duration) []byte { return b }

// AppendMark needs Linux; here it returns b.
func AppendMark(b []byte, mark uint32) []byte { return b }

// AppendTimestamping needs Linux; here it returns b.
func AppendTimestamping(b []byte, want Set) []byte { return b }

// AppendTimestampID needs Linux; here it returns b.
func AppendTimestampID(b []byte, id uint32) []byte { return b }

// AppendRights needs Linux; here it returns b.
func AppendRights(b []byte, fds ...int) []byte { return b }

// Receiver needs Linux; its methods return errors wrapping [errors.ErrUnsupported].
type Receiver struct{ Began time.Time }

// NewReceiver needs Linux.
func NewReceiver(rc syscall.RawConn, n int) *Receiver { return &Receiver{} }

// Receive needs Linux.
func (r *Receiver) Receive(ms []Message) (int, error) { return 0, unsupported("Receive") }

// TryReceive needs Linux.
func (r *Receiver) TryReceive(ms []Message) (int, error) { return 0, unsupported("TryReceive") }

// TryReceiveErrors needs Linux.
func (r *Receiver) TryReceiveErrors(ms []Message) (int, error) {
	return 0, unsupported("TryReceiveErrors")
}

// Waiting needs Linux.
func (r *Receiver) Waiting() bool { return false }

// ReceiveBoth needs Linux.
func (r *Receiver) ReceiveBoth(data, errs []Message) (nData, nErrs int, err error) {
	return 0, 0, unsupported("ReceiveBoth")
}

// TryReceiveBoth needs Linux.
func (r *Receiver) TryReceiveBoth(data, errs []Message) (nData, nErrs int, err error) {
	return 0, 0, unsupported("TryReceiveBoth")
}

// UnixName needs Linux.
func (r *Receiver) UnixName(i int) []byte { return nil }

// Sender needs Linux.
type Sender struct{}

// NewSender needs Linux.
func NewSender(rc syscall.RawConn, n int) (*Sender, error) { return nil, unsupported("NewSender") }

// Send needs Linux.
func (s *Sender) Send(ms []Message) (n int, err error) { return 0, unsupported("Send") }

// TrySend needs Linux.
func (s *Sender) TrySend(ms []Message) (n int, err error) { return 0, unsupported("TrySend") }
