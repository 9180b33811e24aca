package netlab

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"sockwire/raw/impair"
)

// wire is an impaired link: a namespace without addresses between the two hosts, with an interface joined to
// each, and a goroutine that carries frames from one to the other.
//
// Packet sockets are used rather than TUN devices: they need no /dev/net/tun, which containers lack and which is
// often root's alone, and the hosts see the same Ethernet as on any other link, whoever runs the lab.
type wire struct {
	ns      *Host
	ports   [2]*port // 0 faces A, 1 faces B
	wake    int      // eventfd: there is something in the fields below
	done    chan struct{}
	started bool

	mu      sync.Mutex
	dirs    [2]direction // 0 is A to B: read from port 0, sent on port 1
	stop    bool
	awaited []chan struct{} // closed when the wire is empty
	err     error           // what ended the goroutine early
}

// direction is what happens to packets one way.
type direction struct {
	impairer *impair.Impairer
	queue    impair.Queue[transit]
	records  []Record
	totals   Totals
	order    uint64
	keep     int
	max      int
}

// transit is a frame on its way.
type transit struct {
	frame  []byte
	record int // index into records; -1 for none
	copied bool
}

const (
	ethernetHeader = 14
	wireKeep       = 128
	wireRecords    = 100_000
)

// joinWire makes the wire and joins both hosts to it; start then sets it going.
func (k *Link) joinWire(cfg LinkConfig) (err error) {
	w := &wire{wake: -1, done: make(chan struct{})}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	for i, c := range []impair.Config{cfg.Impair.AtoB, cfg.Impair.BtoA} {
		d := &w.dirs[i]
		if d.impairer, err = impair.New(c); err != nil {
			return err
		}
		d.keep, d.max = cmp.Or(cfg.Impair.Keep, wireKeep), cmp.Or(cfg.Impair.MaxRecords, wireRecords)
	}
	if w.ns, err = newHost(k.A.Host.lab, "wire", false); err != nil {
		return err
	}
	if !k.A.Host.lab.cfg.IPv4Only {
		if err := w.ns.Sysctl("net.ipv6.conf.default.disable_ipv6", "1"); err != nil {
			return err
		}
	}
	for i, e := range []*End{&k.A, &k.B} {
		mac := e.MAC
		mac[1] = 0xff // never seen: the wire has no addresses
		name := fmt.Sprintf("wire%d", i)
		if err := joinVeth(vethEnd{e.Host, e.Ifname, e.MAC}, vethEnd{w.ns, name, mac}, cfg.MTU); err != nil {
			return err
		}
		// What leaves a host must be whole, for the packet sockets get it as it is.
		for _, offload := range []string{"tx-checksum", "tso", "gso"} {
			if err := e.Host.SetOffload(e.Ifname, offload, false); err != nil {
				return err
			}
		}
		if err := w.ns.change("set up", name, w.ns.nl.LinkSetUp); err != nil {
			return err
		}
	}
	if w.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return fmt.Errorf("eventfd: %w", err)
	}
	k.wire = w
	return nil
}

// start sets the wire going once the hosts' ends are up and have nothing more to say on their own.
func (w *wire) start(mtu int) (err error) {
	for i := range w.ports {
		name := fmt.Sprintf("wire%d", i)
		if err := w.ns.syncCarrier(name); err != nil {
			return err
		}
		if w.ports[i], err = openPort(w.ns, name, mtu); err != nil {
			return fmt.Errorf("open the wire: %w", err)
		}
	}
	w.started = true
	go w.run()
	return nil
}

// close stops the goroutine and frees everything. What was on its way is lost.
func (w *wire) close() {
	if w.started {
		w.mu.Lock()
		w.stop = true
		w.mu.Unlock()
		w.nudge()
		<-w.done
	}
	var wg sync.WaitGroup // closing a packet socket takes the kernel tens of milliseconds
	for _, p := range w.ports {
		if p != nil {
			wg.Go(p.close)
		}
	}
	wg.Wait()
	if w.wake >= 0 {
		unix.Close(w.wake)
	}
	if w.ns != nil {
		w.ns.close()
	}
}

func (w *wire) nudge() {
	one := binary.NativeEndian.AppendUint64(nil, 1)
	unix.Write(w.wake, one) // fails only when it is readable already
}

// run carries frames until close.
func (w *wire) run() {
	defer close(w.done)
	fds := []unix.PollFd{{Fd: int32(w.wake), Events: unix.POLLIN}, {Fd: int32(w.ports[0].fd), Events: unix.POLLIN}, {Fd: int32(w.ports[1].fd), Events: unix.POLLIN}}
	for {
		timeout, stop := w.turn()
		if stop {
			return
		}
		if timeout == 0 {
			continue
		}
		var ts *unix.Timespec
		if timeout > 0 {
			t := unix.NsecToTimespec(int64(timeout))
			ts = &t
		}
		if _, err := unix.Ppoll(fds, ts, nil); err != nil && err != unix.EINTR {
			w.mu.Lock()
			w.err, w.stop = fmt.Errorf("netlab: the wire: poll: %w", err), true
			w.release()
			w.mu.Unlock()
			return
		}
		var buf [8]byte
		unix.Read(w.wake, buf[:]) // empties it; EAGAIN when nobody nudged
	}
}

// turn takes in what came, delivers what is due, and returns how long there is nothing to do: 0 for no
// time, below 0 for until something comes.
func (w *wire) turn() (wait time.Duration, stop bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stop {
		w.release()
		return 0, true
	}
	more := false
	for i := range w.dirs {
		for range w.ports[i].slots {
			frame, arrived, ok := w.ports[i].next()
			if !ok {
				break
			}
			w.take(i, frame, arrived)
			w.ports[i].giveBack()
			more = true
		}
	}
	now := time.Now()
	wait = -1
	for i := range w.dirs {
		d := &w.dirs[i]
		for {
			t, _, ok := d.queue.Pop(now)
			if !ok {
				break
			}
			w.deliver(i, t)
		}
		if due, ok := d.queue.Next(); ok {
			if until := max(due.Sub(now), 0); wait < 0 || until < wait {
				wait = until
			}
		}
	}
	if more {
		return 0, false
	}
	if wait < 0 {
		w.release()
	}
	return wait, false
}

// release tells those who wait that nothing is on its way.
func (w *wire) release() {
	for _, c := range w.awaited {
		close(c)
	}
	w.awaited = nil
}

// take decides what becomes of a frame that host i sent. frame is only valid until it is given back.
func (w *wire) take(i int, frame []byte, arrived time.Time) {
	d := &w.dirs[i]
	if !isIP(frame) {
		d.totals.Passed++
		if err := w.ports[1-i].send(frame); err != nil {
			d.totals.Failed++
		}
		return
	}
	packet := frame[ethernetHeader:]
	decision := d.impairer.Decide(arrived, len(packet))
	t := transit{record: -1}
	if len(d.records) < d.max {
		t.record = len(d.records)
		kept := packet[:min(len(packet), max(d.keep, 0))]
		d.records = append(d.records, Record{Record: impair.Record{Decision: decision}, Packet: append([]byte(nil), kept...)})
	} else {
		d.totals.Unrecorded++
	}
	if decision.Drop != impair.None {
		return
	}
	t.frame = append([]byte(nil), frame...)
	t.frame = t.frame[:ethernetHeader+len(decision.Apply(t.frame[ethernetHeader:]))]
	if decision.Duplicated() {
		copied := t
		copied.copied = true
		d.queue.PushCopy(decision.DueCopy, copied)
	}
	d.queue.Hold(decision.Due, decision.Behind, t)
}

func isIP(frame []byte) bool {
	if len(frame) < ethernetHeader {
		return false
	}
	etherType := binary.BigEndian.Uint16(frame[12:])
	return etherType == unix.ETH_P_IP || etherType == unix.ETH_P_IPV6
}

// deliver sends a frame to the host it is for.
func (w *wire) deliver(i int, t transit) {
	d := &w.dirs[i]
	at := time.Now()
	if err := w.ports[1-i].send(t.frame); err != nil {
		d.totals.Failed++
		return
	}
	d.order++
	if t.record < 0 {
		return
	}
	if r := &d.records[t.record]; t.copied {
		r.DeliveredCopy, r.OrderCopy = at, d.order
	} else {
		r.Delivered, r.Order = at, d.order
	}
}

// direction returns the direction of what from sends, locked; unlock w.mu.
func (k *Link) direction(from *Host) (*direction, int, error) {
	switch {
	case k.wire == nil:
		return nil, 0, fmt.Errorf("netlab: the link %s to %s is not impaired", k.A.Host.name, k.B.Host.name)
	case from == k.A.Host:
		return &k.wire.dirs[0], 0, nil
	case from == k.B.Host:
		return &k.wire.dirs[1], 1, nil
	}
	return nil, 0, fmt.Errorf("netlab: host %s is not on the link %s to %s", from.name, k.A.Host.name, k.B.Host.name)
}

// Records returns what an impaired link did to each packet that from sent, in the order in which they were sent. The
// slice is the caller's; the Packet bytes are shared and must not be written to.
func (k *Link) Records(from *Host) ([]Record, error) {
	d, _, err := k.direction(from)
	if err != nil {
		return nil, err
	}
	k.wire.mu.Lock()
	defer k.wire.mu.Unlock()
	return append([]Record(nil), d.records...), k.wire.err
}

// Totals returns what an impaired link did to all packets that from sent.
func (k *Link) Totals(from *Host) (Totals, error) {
	d, i, err := k.direction(from)
	if err != nil {
		return Totals{}, err
	}
	k.wire.mu.Lock()
	defer k.wire.mu.Unlock()
	if !k.wire.stop {
		d.totals.Overrun += k.wire.ports[i].drops()
	}
	t := d.totals
	t.Totals = d.impairer.Totals()
	return t, k.wire.err
}

// Settle waits until everything that has come to an impaired link has been dropped or delivered. A packet just
// sent can still be on its way there in a busy kernel: whoever knows how many were sent calls [Link.Crossed]. On
// another link Settle returns at once.
func (k *Link) Settle(ctx context.Context) error {
	if k.wire == nil {
		return nil
	}
	c := make(chan struct{})
	k.wire.mu.Lock()
	k.wire.awaited = append(k.wire.awaited, c)
	stopped := k.wire.stop
	k.wire.mu.Unlock()
	if stopped {
		return fmt.Errorf("netlab: settle: %w", net.ErrClosed)
	}
	k.wire.nudge()
	select {
	case <-c:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Crossed waits until at least n packets that from sent have come to an impaired link and everything has been dropped
// or delivered, and returns the totals of that direction. n counts from the link's beginning.
func (k *Link) Crossed(ctx context.Context, from *Host, n int) (Totals, error) {
	for {
		if err := k.Settle(ctx); err != nil {
			return Totals{}, err
		}
		t, err := k.Totals(from)
		if err != nil || t.Packets+t.Overrun >= uint64(n) {
			return t, err
		}
		select {
		case <-time.After(100 * time.Microsecond):
		case <-ctx.Done():
			return t, fmt.Errorf("netlab: %d of %d packets came to the link: %w", t.Packets, n, context.Cause(ctx))
		}
	}
}
