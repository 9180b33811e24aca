package flow

import (
	"net/netip"

	"sockwire/capture/decode"
)

// Conversations numbers the pairs of ends that send UDP datagrams to each other. The zero value is ready. It is not for
// use by several goroutines at once.
type Conversations struct {
	// Limit is how many are known at once; 0 means 65,536. Those not used for longest are forgotten, and are new when
	// they are seen again.
	Limit int

	next       uint64
	young, old map[key]Conversation
	scratch    segment
}

// Conversation is one pair of ends.
type Conversation struct {
	Number uint64 // from 0, in the order of the first packets
	// Client sent the first datagram, to Server.
	Client, Server netip.AddrPort
	Link           Link
	forward        bool // the key's first end is the client
}

// Spoken is a datagram of a conversation.
type Spoken struct {
	Conversation
	Direction Direction // Forward is from the client
	Data      []byte    // what was captured of it; borrowed from the packet
	Length    int       // in bytes, on the wire
	Packet    uint64
}

// Add takes the next packet. It reports false where that has no UDP datagram, or one that is not whole: a fragment,
// whose datagram comes when a Defragmenter has put it together.
func (c *Conversations) Add(p *decode.Packet) (Spoken, bool) {
	i := p.FindInner(decode.TypeUDP)
	if i < 0 {
		return Spoken{}, false
	}
	var k key
	if !k.read(p, i, &c.scratch) {
		return Spoken{}, false
	}
	h := p.Header(i)
	k.ports = uint32(h[0])<<24 | uint32(h[1])<<16 | uint32(h[2])<<8 | uint32(h[3])
	forward := k.order()
	v, ok := c.find(k)
	if !ok {
		v = Conversation{Number: c.next, Link: k.link, forward: forward}
		c.next++
		first := netip.AddrPortFrom(k.address(k.a), uint16(k.ports>>16))
		second := netip.AddrPortFrom(k.address(k.b), uint16(k.ports))
		if v.Client, v.Server = first, second; !forward {
			v.Client, v.Server = second, first
		}
		c.store(k, v)
	}
	s := Spoken{Conversation: v, Direction: Backward, Data: p.Payload(i), Length: p.PayloadLength(i), Packet: p.Number}
	if forward == v.forward {
		s.Direction = Forward
	}
	return s, true
}

func (c *Conversations) find(k key) (Conversation, bool) {
	if v, ok := c.young[k]; ok {
		return v, true
	}
	v, ok := c.old[k]
	if ok {
		c.store(k, v)
	}
	return v, ok
}

// store keeps two generations: when the young one is full it becomes the old one.
func (c *Conversations) store(k key, v Conversation) {
	limit := c.Limit
	if limit <= 0 {
		limit = 1 << 16
	}
	if c.young == nil || len(c.young) >= max(limit/2, 1) {
		c.young, c.old = c.old, c.young
		if c.young == nil {
			c.young = make(map[key]Conversation)
		}
		clear(c.young)
	}
	c.young[k] = v
}
