package relay

import (
	"errors"
	"net"
	"sync"
	"time"

	"sockwire/dgram"
	"sockwire/raw/impair"
)

// stream is one direction of one client: decisions, and what is not due yet.
type stream struct {
	relay     *Relay
	direction Direction
	client    *client
	send      func(b []byte, tos, ttl uint8) error

	mu       sync.Mutex
	im       *impair.Impairer
	taken    uint64
	queue    impair.Queue[delivery]
	timer    *time.Timer
	last     time.Time // of the last arrival
	order    uint64
	failed   uint64
	noRoom   uint64
	finished bool
}

// delivery is a datagram on its way out, or its copy.
type delivery struct {
	*held
	copy bool
}

// held is a datagram that is not delivered yet. The buffer holds the payload after damage.
type held struct {
	record  Record
	payload []byte
	tos     uint8
	ttl     uint8 // of an answer, which the next server is to see; else 0
	left    int   // deliveries to go
}

func (r *Relay) stream(direction Direction, c *client, cfg impair.Config, offset uint64,
	send func(b []byte, tos, ttl uint8) error) *stream {
	if offset != 0 {
		cfg.Seed += offset
	}
	im, _ := impair.New(cfg) // checked by New
	s := &stream{relay: r, direction: direction, client: c, send: send, im: im, last: time.Now()}
	s.timer = time.AfterFunc(time.Hour, s.tick)
	s.timer.Stop()
	return s
}

// take decides what becomes of an arrival and delivers what is due. It tells whether the stream still takes any.
func (s *stream) take(d *dgram.Datagram) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.finished {
		return false
	}
	now := time.Now()
	s.last = now
	s.taken++
	h := &held{tos: d.TOS}
	if d.IsAnswer() {
		h.ttl = d.TTL
	}
	h.record.Direction, h.record.Client = s.direction, s.client.addr
	h.record.Decision = s.im.Decide(now, len(d.Payload))
	h.record.Head = append([]byte(nil), d.Payload[:min(s.relay.cfg.Head, len(d.Payload))]...)
	decision := &h.record.Decision
	if decision.Drop != impair.None {
		s.relay.record(&h.record)
		return true
	}
	h.payload = decision.Apply(append([]byte(nil), d.Payload...))
	h.left = 1
	if decision.Duplicated() {
		h.left = 2
		s.queue.PushCopy(decision.DueCopy, delivery{h, true})
	}
	if decision.Behind > 0 {
		s.queue.Hold(decision.Due, decision.Behind, delivery{h, false})
	} else {
		s.queue.Push(decision.Due, delivery{h, false})
	}
	s.deliver(now)
	return true
}

func (s *stream) tick() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.finished {
		s.deliver(time.Now())
	}
}

// deliver sends what is due and sets the timer for what is not.
func (s *stream) deliver(now time.Time) {
	for {
		d, _, ok := s.queue.Pop(now)
		if !ok {
			break
		}
		s.put(d)
	}
	if due, ok := s.queue.Next(); ok {
		s.timer.Reset(time.Until(due))
	}
}

func (s *stream) put(d delivery) {
	switch err := s.send(d.payload, d.tos, d.ttl); {
	case err == nil, errors.Is(err, net.ErrClosed):
	case errors.Is(err, dgram.ErrNoRoom):
		s.noRoom++
	default:
		s.failed++
	}
	s.order++
	r := &d.record
	if d.copy {
		r.DeliveredCopy, r.OrderCopy = time.Now(), s.order
	} else {
		r.Delivered, r.Order = time.Now(), s.order
	}
	if d.left--; d.left == 0 {
		s.relay.record(r)
	}
}

// heard is when the last datagram arrived, and how many have.
func (s *stream) heard() (last time.Time, n uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last, s.taken
}

// finish delivers all that is held back, in the order in which it would have gone.
func (s *stream) finish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finished = true
	s.timer.Stop()
	for {
		d, _, ok := s.queue.Pop(time.Now().Add(24 * time.Hour))
		if !ok {
			return
		}
		s.put(d)
	}
}
