package dgram

import (
	"context"
	"errors"
	"iter"
	"os"

	"sockwire/raw/cmsg"
)

// Receive waits for one datagram and puts its payload into b, which Payload then points into. A longer one is cut and
// marked Truncated; the rest is lost. On a dialled socket a [*NetworkError] may come instead; the socket stays usable.
func (c *Conn) Receive(b []byte) (Datagram, error) { return c.receiveFrom(b, Addr{}) }

// receiveFrom is Receive that also ends with what the network says about datagrams to peer, unless that is zero.
func (c *Conn) receiveFrom(b []byte, peer Addr) (Datagram, error) {
	c.one.Lock()
	defer c.one.Unlock()
	c.one.peer = peer
	if c.coalesce {
		if len(c.one.rest) == 0 {
			ds, err := c.one.receive(true)
			if err != nil {
				return Datagram{}, err
			}
			c.one.rest = ds
		}
		d := c.one.rest[0]
		c.one.rest = c.one.rest[1:]
		n := copy(b, d.Payload)
		d.Truncated = d.Truncated || n < len(d.Payload)
		d.Payload = b[:n]
		return d, nil
	}
	c.one.ms[0].Buf = b
	ds, err := c.one.receive(true)
	c.one.ms[0].Buf = nil
	if err != nil {
		return Datagram{}, err
	}
	return ds[0], nil
}

// Batch holds the buffers of a batch of datagrams, for one goroutine at a time. Make it with [Conn.NewBatch].
type Batch struct {
	c    *Conn
	ms   []cmsg.Message
	ds   []Datagram
	peer Addr // a NetworkError about it ends the wait on a socket that is not connected
	kernelBatch
}

// maxSegments is the most datagrams that one read of a coalescing socket returns (UDP_MAX_SEGMENTS of Linux 6.9 on).
const maxSegments = 128

// NewBatch returns buffers for so many messages (1 to 1024) of at most size bytes each. Longer datagrams are cut and
// marked. A socket that coalesces needs, and gets, 64 KiB for each message, which may bring up to 128 datagrams.
func (c *Conn) NewBatch(messages, size int) *Batch {
	messages = min(max(messages, 1), 1024)
	segments := 1
	if c.coalesce {
		size, segments = 1<<16, maxSegments
	}
	b := &Batch{c: c, ms: make([]cmsg.Message, messages), ds: make([]Datagram, 0, messages*segments)}
	arena := make([]byte, messages*size)
	for i := range b.ms {
		b.ms[i].Buf = arena[i*size : (i+1)*size : (i+1)*size]
	}
	c.setupBatch(b)
	return b
}

// ReceiveBatch waits until there is at least one datagram and returns all that are there, up to the Batch's room. It
// never waits for more. They are valid until the Batch is used again. Errors are those of Receive.
func (c *Conn) ReceiveBatch(b *Batch) ([]Datagram, error) { return b.receive(true) }

// TryReceiveBatch is ReceiveBatch without waiting: no datagrams and no error if there are none.
func (c *Conn) TryReceiveBatch(b *Batch) ([]Datagram, error) { return b.receive(false) }

// Datagrams yields what is received until ctx is done or the loop breaks. Payload is valid until the next step. An
// error is the last thing yielded, but for a [*NetworkError] on a dialled socket, after which the loop may go on. While
// it runs, the read deadline is its own.
func (c *Conn) Datagrams(ctx context.Context) iter.Seq2[Datagram, error] {
	return func(yield func(Datagram, error) bool) {
		stop := cmsg.Until(ctx, c.nc.SetReadDeadline)
		defer stop()
		b := c.NewBatch(16, 1<<16)
		for {
			ds, err := b.receive(true)
			for _, d := range ds {
				if !yield(d, nil) {
					return
				}
			}
			if err == nil {
				continue
			}
			if ctx.Err() != nil && errors.Is(err, os.ErrDeadlineExceeded) {
				return
			}
			var netErr *NetworkError
			if !yield(Datagram{}, err) || !errors.As(err, &netErr) {
				return
			}
		}
	}
}
