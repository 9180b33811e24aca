package relay

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"sockwire/dgram"
)

// client is one client and the socket that speaks to the target for it.
type client struct {
	addr              dgram.Addr
	up                *dgram.Conn
	forward, backward *stream
	batch             *dgram.Batch
	answered          chan struct{} // closed when its answers are read no more
}

// heard is when the client, or the target for it, was last heard of.
func (c *client) heard() time.Time {
	last, _ := c.forward.heard()
	if answer, _ := c.backward.heard(); answer.After(last) {
		last = answer
	}
	return last
}

// network is what the limit on clients of one address counts by; ok is false where there is none.
func network(a dgram.Addr) (p netip.Prefix, ok bool) {
	ip := a.IP.Addr().WithZone("")
	if !ip.IsValid() || ip.IsLoopback() {
		return p, false
	}
	p, err := ip.Prefix(min(ip.BitLen(), 64))
	return p, err == nil
}

// client returns the state of a datagram's sender, new if need be; nil if it is to have none. One goroutine calls it.
func (r *Relay) client(ctx context.Context, d *dgram.Datagram) *client {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.clients[d.From]; c != nil {
		return c
	}
	if slices.Contains(r.targets, d.From) || !d.From.IsZero() && r.listen.Unanswerable(d) != "" {
		r.totals.Forged++
		return nil
	}
	if !r.makeRoom(d.From) {
		r.totals.Refused++
		return nil
	}
	up, err := dgram.Dial(ctx, r.cfg.Network, r.cfg.Target, socket)
	if err != nil && r.totals.SocketError == nil {
		r.totals.SocketError = err
	}
	if errors.Is(err, syscall.EMFILE) && r.replace(nil) {
		up, err = dgram.Dial(ctx, r.cfg.Network, r.cfg.Target, socket)
	}
	if err != nil {
		r.totals.NoSocket++
		return nil
	}
	return r.add(d.From, up)
}

// add makes a client with its socket. r.mu is held.
func (r *Relay) add(addr dgram.Addr, up *dgram.Conn) *client {
	c := &client{addr: addr, up: up, batch: up.NewBatch(4, 1<<16), answered: make(chan struct{})}
	// Every client has random numbers of its own, so that one does not change what happens to another.
	offset := uint64(r.totals.Clients) << 32
	c.forward = r.stream(Forward, c, r.cfg.Forward, offset, func(b []byte, tos, ttl uint8) error {
		return up.TrySend(dgram.Message{Payload: b, TOS: tos, TTL: ttl})
	})
	back := r.listen
	c.backward = r.stream(Backward, c, r.cfg.Backward, offset+1<<31, func(b []byte, tos, ttl uint8) error {
		return back.TrySend(dgram.Message{Payload: b, To: addr, TOS: tos, TTL: ttl})
	})
	r.totals.Clients++
	r.clients[addr] = c
	if n, ok := network(addr); ok {
		r.perAddr[n]++
	}
	r.wg.Go(func() { r.answers(c) })
	return c
}

// remove takes a client out of the tables. r.mu is held.
func (r *Relay) remove(c *client) {
	delete(r.clients, c.addr)
	n, ok := network(c.addr)
	if !ok {
		return
	}
	if r.perAddr[n]--; r.perAddr[n] == 0 {
		delete(r.perAddr, n)
	}
}

// minSilence is how long a client must have been silent to make room for another.
const minSilence = time.Second

// makeRoom has a client make room for a new one where there are too many, and tells whether there is room. r.mu is
// held.
func (r *Relay) makeRoom(addr dgram.Addr) bool {
	if n, ok := network(addr); ok && r.perAddr[n] >= r.cfg.MaxPerAddress {
		return r.replace(func(c *client) bool {
			other, _ := network(c.addr)
			return other == n
		})
	}
	return len(r.clients) < r.cfg.MaxClients || r.replace(nil)
}

// replace ends the client that has been silent longest, of those that are among, all if that is nil. One from which a
// single datagram has come, which anybody can have forged, goes before all that have sent more. r.mu is held, and
// released meanwhile.
func (r *Relay) replace(among func(*client) bool) bool {
	var found *client
	var foundHeard time.Time
	foundNew := false
	for _, c := range r.clients {
		if among != nil && !among(c) {
			continue
		}
		_, n := c.forward.heard()
		heard, isNew := c.heard(), n < 2
		if found == nil || isNew && !foundNew || isNew == foundNew && heard.Before(foundHeard) {
			found, foundHeard, foundNew = c, heard, isNew
		}
	}
	if found == nil || !foundNew && time.Since(foundHeard) < minSilence {
		return false
	}
	r.remove(found)
	r.totals.Replaced++
	r.mu.Unlock()
	r.end(found)
	r.mu.Lock()
	return true
}

// answers passes back what the target sends to a client, until its socket waits no more.
func (r *Relay) answers(c *client) {
	defer close(c.answered)
	for {
		ds, err := c.up.ReceiveBatch(c.batch)
		var netErr *dgram.NetworkError
		if err != nil && !errors.As(err, &netErr) {
			return
		}
		for i := range ds {
			c.backward.take(&ds[i])
		}
	}
}

// forget ends the clients that have been silent since before.
func (r *Relay) forget(before time.Time) {
	r.mu.Lock()
	var gone []*client
	for _, c := range r.clients {
		if c.heard().Before(before) {
			r.remove(c)
			gone = append(gone, c)
		}
	}
	r.mu.Unlock()
	for _, c := range gone {
		r.end(c)
	}
}

// end delivers what is held back for a client, closes its socket and adds up its totals.
func (r *Relay) end(c *client) {
	c.forward.finish()
	_ = c.up.SetReadDeadline(time.Unix(1, 0))
	<-c.answered // an error that it has taken from the queue is counted by now
	_ = c.up.SetReadDeadline(time.Time{})
	unread(c.up, c.batch, func(d *dgram.Datagram) { c.backward.take(d) })
	overrun := drops(c.up)
	errs := reported(c.up)
	c.up.Close()
	c.backward.finish()
	r.mu.Lock()
	defer r.mu.Unlock()
	addTotals(&r.totals.Forward, c.forward.im.Totals())
	addTotals(&r.totals.Backward, c.backward.im.Totals())
	r.totals.SendErrors += c.forward.failed + c.backward.failed + errs
	r.totals.NoRoom += c.forward.noRoom + c.backward.noRoom
	r.totals.Overrun += overrun
}
