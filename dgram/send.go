package dgram

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"syscall"
)

// MaxPayload is the largest payload in bytes that a datagram to the given address can carry, whatever the path. For a
// Unix socket it depends on the send buffer.
func (c *Conn) MaxPayload(to Addr) int {
	to = cmp.Or(to, c.remote)
	switch {
	case isUnix(c.network):
		return c.writeBuffer - 32 // what unix_dgram_sendmsg leaves for itself
	case to.IP.Addr().Is4() || !c.family6:
		return MaxPayload4
	default:
		return MaxPayload6
	}
}

// Send sends one datagram, waiting for room if the send buffer is full. The zero Addr is the peer that Dial connected
// to. A nil error means that this host took the datagram, no more: what the network says about it comes back from
// Receive or Reports.
func (c *Conn) Send(payload []byte, to Addr) error {
	_, err := c.sendOne(&c.out, Message{Payload: payload, To: to})
	return err
}

// Reply sends a datagram back to where d came from, from the address and interface it was sent to, as a host with
// several addresses must. It never waits, so that a peer that cannot be reached does not keep others from their
// answers: where there is no room in the send buffer, or in the peer's receive buffer for a Unix socket, it fails with
// [ErrNoRoom]. Ask [Conn.Unanswerable] first whether there should be an answer.
func (c *Conn) Reply(d *Datagram, payload []byte) error {
	m := Message{Payload: payload, To: d.From}
	anywhere := c.local.IP.IsValid() && c.local.IP.Addr().IsUnspecified()
	if to := d.To.Addr(); anywhere && to.IsValid() && !to.IsMulticast() && to != broadcast4 {
		m.From = to
	}
	if d.From.IP.Addr().IsLinkLocalUnicast() {
		m.Ifindex = d.Ifindex
	}
	if c.markReplies {
		m.TTL = answerTTL
	}
	c.echoes.answered(d, payload)
	return c.TrySend(m)
}

// TrySend is Send for any message, without waiting: neither for room, without which it fails with [ErrNoRoom], nor for
// another send that does. A deadline has no effect on it.
func (c *Conn) TrySend(m Message) error {
	_, err := c.sendOne(&c.back, m)
	return err
}

// ErrNoRoom says that a datagram which was not to wait was not sent.
var ErrNoRoom = errors.New("no room for it now")

func (c *Conn) sendOne(o *outgoing, m Message) (int, error) {
	o.Lock()
	defer o.Unlock()
	o.single[0] = m
	n, err := c.sendAll(o, o.single[:])
	o.single[0] = Message{}
	return n, err
}

var broadcast4 = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// SendAll sends messages in order, waiting for room, and returns how many this host took; the error is that of ms[n].
// Sizes and addresses are checked before anything is sent. The slice and the payloads are used during the call only.
//
// Messages to one destination with payloads of one size (the last may be shorter) that lie one behind the other in one
// slice, as buf[0:1400], buf[1400:2800] and so on do, travel through this host's stack as one and are cut into
// datagrams last of all (UDP_SEGMENT). Where that does not work they are sent one by one; nothing else changes.
func (c *Conn) SendAll(ms []Message) (n int, err error) {
	c.out.Lock()
	defer c.out.Unlock()
	return c.sendAll(&c.out, ms)
}

func (c *Conn) sendAll(o *outgoing, ms []Message) (int, error) {
	for i := range ms {
		if err := c.check(&ms[i]); err != nil {
			return 0, at(i, len(ms), err)
		}
	}
	n, err := c.transmit(o, ms)
	if err != nil {
		return n, at(n, len(ms), c.sendError(&ms[n], err))
	}
	return n, nil
}

func (c *Conn) check(m *Message) error {
	switch {
	case m.To.IsZero() && !c.connected:
		return withHint(errors.New("no destination"), "only a dialled socket knows its peer")
	case !m.To.IsZero() && (m.To.Unix != "") != isUnix(c.network):
		return fmt.Errorf("%v is no address for a %s socket", m.To, c.network)
	case m.To.IP.IsValid() && !c.family6 && !m.To.IP.Addr().Unmap().Is4():
		return fmt.Errorf("%v is no address for an IPv4 socket", m.To)
	case m.To.IP.IsValid() && m.To.IP.Port() == 0:
		return fmt.Errorf("%v: port 0 is nobody's", m.To)
	case len(m.To.Unix) > maxUnixName:
		return fmt.Errorf("the name of a Unix socket has at most %d bytes, %q has %d", maxUnixName, m.To.Unix, len(m.To.Unix))
	}
	if limit := c.MaxPayload(m.To); len(m.Payload) > limit {
		return &SizeError{To: cmp.Or(m.To, c.remote), Size: len(m.Payload), Limit: limit}
	}
	return nil
}

func at(i, n int, err error) error {
	if n > 1 {
		return fmt.Errorf("dgram: send: message %d: %w", i, err)
	}
	return fmt.Errorf("dgram: send: %w", err)
}

func (c *Conn) sendError(m *Message, err error) error {
	to := cmp.Or(m.To, c.remote)
	wrapped := fmt.Errorf("to %v: %w", to, err)
	switch {
	case errors.Is(err, syscall.EACCES) && to.IP.IsValid():
		return withHint(wrapped, "a broadcast address has to be asked for; or a firewall forbids it")
	case errors.Is(err, syscall.ENOENT) && to.Unix != "", errors.Is(err, syscall.ECONNREFUSED) && to.Unix != "":
		return withHint(wrapped, "nobody listens on %s", to.Unix)
	}
	return wrapped
}
