package dgram

import (
	"bytes"
	"hash/maphash"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Unanswerable says why a server must not answer d, or "" if nothing speaks against an answer. The source address of a
// datagram is easily forged, and two servers that answer whatever comes answer each other for ever, after one forged
// datagram. So these are not to be answered:
//
//   - a datagram without a sender, from the address and port of the socket itself, from an unspecified address, or port
//     0;
//   - one from the port of a well-known service, which is a server too: all below 1024 (RFC 6335), but for those of
//     DHCP clients, and the registered ones that answer strangers, such as SSDP, STUN, mDNS and memcached.
//     Config.AnswerServices allows these;
//   - an answer: one that arrives with a time to live of 161 to 200. With Config.MarkReplies [Conn.Reply] sends with
//     200, from which no system starts of itself, so an answer is known over as many as 39 routers;
//   - the 4096th datagram from one peer that says the same as the one before, or as its answer, within a second of it.
//     That may be an echo from a server of another kind. Who goes on without an answer is none; the next time it takes
//     ten times as many.
//
// Unix sockets have no forged senders, and only the first holds for them. It allocates nothing for a known peer.
func (c *Conn) Unanswerable(d *Datagram) (why string) {
	if d.From.IsZero() {
		return "it has no sender's name to answer to"
	}
	if d.From.Unix != "" {
		return ""
	}
	from := d.From.IP
	switch {
	case from.Port() == 0:
		return "port 0 is nobody's"
	case from.Addr().IsUnspecified():
		return "it has no source address"
	case c.isOwn(from, d.To.Addr()):
		return "it comes from the address and port that it was sent to, or another of this host's"
	case !c.answerServices && servicePort(from.Port()):
		return "it comes from the port of a well-known service"
	case d.IsAnswer():
		return "it is an answer itself"
	case c.echoes.suspect(d.From, d.Payload, d.Time):
		return "its sender repeats itself, and may be echoing the answers"
	}
	return ""
}

// IsAnswer tells whether d arrived with the time to live of a server's answer: see [Conn.Unanswerable]. Who passes
// datagrams on has them keep it.
func (d *Datagram) IsAnswer() bool { return d.TTL > answerTTL-answerHops && d.TTL <= answerTTL }

const (
	answerTTL  = 200 // of what Reply sends
	answerHops = 40
)

// isOwn tells whether a datagram from there comes from this very socket, as far as its address says.
func (c *Conn) isOwn(from netip.AddrPort, to netip.Addr) bool {
	local := c.local.IP
	if from.Port() != local.Port() {
		return false
	}
	addr := from.Addr().WithZone("")
	if !local.Addr().IsUnspecified() {
		return addr == local.Addr().WithZone("")
	}
	return addr.IsLoopback() || addr == to.WithZone("") || c.own.has(addr)
}

// ownAddresses are this host's.
type ownAddresses struct {
	sync.Mutex
	list []netip.Addr
	at   time.Time
}

func (o *ownAddresses) has(a netip.Addr) bool {
	o.Lock()
	defer o.Unlock()
	if now := time.Now(); now.Sub(o.at) > time.Second {
		o.at, o.list = now, o.list[:0]
		addrs, _ := net.InterfaceAddrs()
		for _, ifa := range addrs {
			if p, err := netip.ParsePrefix(ifa.String()); err == nil {
				o.list = append(o.list, p.Addr().Unmap().WithZone(""))
			}
		}
	}
	return slices.Contains(o.list, a)
}

// servicePort tells whether a port is that of a service that answers whoever asks.
func servicePort(port uint16) bool {
	switch port {
	case 68, 546: // DHCP clients (RFC 2131, RFC 8415)
		return false
	case 1434, 1604, 1645, 1646, 1701, 1812, 1813, 1900, 2049, 2123, 2152, // SQL, ICA, RADIUS, L2TP, SSDP, NFS, GTP
		3478, 3702, 4500, 5060, 5093, 5353, 5355, 5683, 7207, 11211: // STUN, WSD, IPsec, SIP, Sentinel, mDNS, LLMNR, CoAP, dgperf, memcached
		return true
	}
	return port < 1024
}

// echoes remembers who says the same again and again.
type echoes struct {
	sync.Mutex
	seed  maphash.Seed
	peers map[Addr]echo
}

// echo is what one peer has said last, and how often.
type echo struct {
	said     uint64 // a hash of it
	answer   uint64 // a hash of what it was answered, 0 for the same
	n, limit int
	at       time.Time
}

const (
	maxEchoes    = 4096
	echoLimit    = 4096
	echoPatience = time.Second // what comes later than this is not driven by our answers
)

// answered notes what a datagram was answered, of those that were asked about.
func (e *echoes) answered(d *Datagram, payload []byte) {
	if bytes.Equal(d.Payload, payload) {
		return // which its sender's next will be compared with anyway
	}
	e.Lock()
	defer e.Unlock()
	if p, ok := e.peers[d.From]; ok {
		p.answer = maphash.Bytes(e.seed, payload)
		e.peers[d.From] = p
	}
}

// suspect tells whether a datagram is to stay without an answer, to see whether its sender goes on by itself.
func (e *echoes) suspect(from Addr, payload []byte, at time.Time) bool {
	e.Lock()
	defer e.Unlock()
	if e.peers == nil {
		e.seed = maphash.MakeSeed()
	}
	if e.peers == nil || len(e.peers) == maxEchoes {
		e.peers = map[Addr]echo{}
	}
	said := maphash.Bytes(e.seed, payload)
	p := e.peers[from]
	if p.said != said && p.answer != said || p.limit == 0 || at.Sub(p.at) > echoPatience {
		p = echo{limit: echoLimit}
	}
	p.said, p.n, p.at = said, p.n+1, at
	suspect := p.n >= p.limit
	if suspect {
		p.n, p.limit = 0, p.limit*10
	}
	e.peers[from] = p
	return suspect
}
