// Package trace finds the way that packets take to a host: the routers on it, how long each takes to answer, the MTU,
// and what was changed on the way.
//
//	tracer := trace.Tracer{}
//	for reply, err := range tracer.Trace(ctx, slices.Values(targets)) { … }
//
// A [Tracer] sends probes whose TTL ends on the way and yields a [Reply] for each as soon as its fate is known. A
// [Path] gathers replies into hops; it is a pure function of them.
//
// Probes of one flow differ in nothing that a router's hash of a flow looks at: addresses, ports, protocol, flow label,
// DSCP, and the first four bytes of ICMP (Paris traceroute). Which probe an answer belongs to is told by what else a
// router quotes, and proven by a hash of it with a key that nobody else has: what other programs asked for, or
// strangers make up, is not taken.
//
// What is probed next is decided by a [Strategy]. [Tracer.Trace] has one of its own; [Session.Run] takes any.
//
// It is a package of its own, and not a part of raw, so that a program that pings links none of it. Sending is for
// Linux; elsewhere opening a Tracer fails with an error that wraps [errors.ErrUnsupported].
package trace

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"syscall"
	"time"

	"sockwire/raw"
	"sockwire/raw/inject"
	"sockwire/raw/probe"
)

// Protocol is what probes are made of.
type Protocol uint8

// Protocols.
const (
	UDP  Protocol = iota // datagrams to a port that should be closed: the target refuses them
	ICMP                 // echo requests
	TCP                  // SYN segments; the kernel resets what a target opens (it knows of no such connection)
	DCCP                 // Request packets (RFC 4340)
	SCTP                 // INIT chunks (RFC 9260)
	protocols
)

var protocolNames = [protocols]string{"udp", "icmp", "tcp", "dccp", "sctp"}

// String returns the protocol's name in lower case.
func (p Protocol) String() string {
	if p < protocols {
		return protocolNames[p]
	}
	return strconv.Itoa(int(p))
}

// Defaults of a [Tracer].
const (
	DefaultLast   = 30
	DefaultProbes = 3
	DefaultRate   = 5000 // probes a second
	DefaultWait   = 1500 * time.Millisecond
)

// Tracer says how paths are probed. The zero value is ready. A Tracer may be used by several goroutines at once; do not
// change it meanwhile.
type Tracer struct {
	Protocol Protocol
	Port     uint16 // destination port; 0 is 33434, of TCP and SCTP 80. ICMP has none
	// SourcePort is the source port of flow 0, or of ICMP the identifier; flow n has n more. 0 is chosen so that no
	// other program on this host has them.
	SourcePort uint16

	First, Last int // TTLs probed, 1 to 255; 0 is 1 and 30
	Probes      int // of each TTL and flow, 1 to 1000; 0 is 3
	Flows       int // flows for each target, 1 to 4096; 0 is 1. [Session.Run] may ask for any below it
	// Gap ends a trace after so many hops in a row that all stay silent; 0 is no end but Last.
	Gap int

	Rate float64       // probes a second, to all targets together; 0 is 5,000, less than 0 as fast as the system takes them
	Wait time.Duration // for an answer, at most; 0 is 1.5 s. Less is waited where the answers of hops behind show that it is enough

	Size         int    // of the IP packet, bytes; 0 is the least that is used
	TrafficClass uint8  // DSCP and ECN: the TOS of IPv4, the traffic class of IPv6
	FlowLabel    uint32 // of IPv6, 20 bits; 0 is one for each flow
	Fragment     bool   // large IPv4 probes may be fragmented: DF is not set

	Source    netip.Addr // address to send from
	Interface string     // device to send on

	// MTU has each target asked with large probes too, once its hops are known: see [MTU] and Reply.Found.
	MTU bool
	// Unprivileged uses sockets that every user may open, even where raw ones are allowed: UDP with IP_RECVERR, and
	// ping sockets. Where raw ones are not, UDP and ICMP probes use them without being told to. See [Session.Limits]
	// for what they cannot tell.
	Unprivileged bool

	// Key proves answers. nil is one made at random, which is right but where a run is repeated.
	Key []byte
}

// Probe is one packet to be sent.
type Probe struct {
	Target netip.Addr // with a zone where it is link-local
	Flow   uint16     // which flow, below Tracer.Flows
	TTL    uint8      // 1 to 255
	Size   uint16     // of the IP packet, bytes; 0 is Tracer.Size
	// Tag is the strategy's own; it comes back with the reply and is not sent.
	Tag uint32
	// Wait is how long an answer is waited for at most; 0 is Tracer.Wait.
	Wait time.Duration
}

// Kind is what an answer is.
type Kind uint8

// Kinds of answers.
const (
	Silent      Kind = iota // none came
	Exceeded                // a router says that the TTL ended there
	Reached                 // it came to the target: the target, or who answers for it, says so
	Unreachable             // a router, or the target, says that it goes no further: see Type and Code
	TooBig                  // a router says that it is too large for the next link: see MTU
	Other                   // another ICMP error, such as a parameter problem
	kinds
)

var kindNames = [kinds]string{"silent", "exceeded", "reached", "unreachable", "too big", "other"}

// String returns the kind's name, the one used in JSON.
func (k Kind) String() string {
	if k < kinds {
		return kindNames[k]
	}
	return strconv.Itoa(int(k))
}

// Reply is a probe and its fate.
type Reply struct {
	Probe
	N    uint64    // of the probe among all of the session, from 1: see [Numbered]
	Sent time.Time // when it was handed to the kernel

	Outcome probe.Outcome // Answered for an answer of any Kind in time
	Cause   probe.Cause
	Kind    Kind
	Errno   syscall.Errno // of SendFailed
	// Revised: an answer to a probe that was yielded before as lost. It takes the place of that reply.
	Revised bool
	// Duplicate: a further answer to a probe that has one; it belongs in no count.
	Duplicate bool

	// Unproven: a datagram from the target's port that shows nothing of what it answers. It is taken for the answer to
	// the first probe of the flow that had none; everything else that is taken carries a proof.
	Unproven bool

	From   netip.Addr // who answers
	RTT    time.Duration
	Source raw.TimeSource // whose stamps RTT is from
	Split  raw.Split
	// ReplyTTL is the TTL or hop limit that the answer arrived with, 0 where it is not known.
	ReplyTTL uint8
	// ICMP says that the answer is an ICMP message of Type and Code; otherwise it is one of the probe's own protocol.
	ICMP       bool
	Type, Code uint8
	MTU        int // of the next link: of TooBig, or of a probe too large for this host's own; bytes
	// Port says what is known of the port of the target: open, closed, or nothing.
	Port inject.Verdict

	// QuotedTTL is the TTL of the probe as the router that answers got it: usually 1, or 0; -1 where it is not known.
	QuotedTTL int
	// Changes is what the quote shows to have been changed on the way, field by field, but for the TTL and the IPv4
	// header's checksum, which every router changes.
	Changes []inject.Change
	// Labels and Interfaces are extensions of the ICMP message (RFC 4884).
	Labels     []Label
	Interfaces []Interface

	// Loop says that the way goes round in so many hops, and the trace ends: this router answered at three TTLs that
	// far from each other. It is 0 otherwise.
	Loop int

	// Found is what the large probes found, with the last reply of a target whose MTU was asked for.
	Found *MTU
}

// Numbered tells whether a probe may have the number: those whose lower 16 bits are 0 are left out, because the
// identification of IPv4 that belongs to them would be 0, in whose place the kernel writes another.
func Numbered(n uint64) bool { return uint16(n) != 0 }

// Back guesses how many hops the answer came back through, from the TTL that it arrived with: senders begin with 32,
// 64, 128 or 255, and the guess is that it was the least that fits. 0 where there is no TTL. Where it differs from
// Probe.TTL, the way back is probably another.
func (r *Reply) Back() int {
	for _, begin := range []uint8{32, 64, 128, 255} {
		if r.ReplyTTL > 0 && r.ReplyTTL <= begin {
			return int(begin-r.ReplyTTL) + 1
		}
	}
	return 0
}

// Label is an entry of the MPLS label stack that the probe arrived with (RFC 4950).
type Label struct {
	Label  uint32 // 20 bits
	TC     uint8  // traffic class, 3 bits
	Bottom bool   // of the stack
	TTL    uint8
}

// Role is what an interface had to do with a probe (RFC 5837, section 4.1).
type Role uint8

// Roles, numbered as on the wire.
const (
	Incoming Role = iota // the probe arrived there
	Member               // the same, as a part of an aggregate
	Outgoing             // it would have left there
	NextHop              // the address that it would have gone to
)

var roleNames = [...]string{"incoming", "member", "outgoing", "next hop"}

// String returns the role's name.
func (r Role) String() string { return roleNames[r&3] }

// Interface is what a router tells of one of its interfaces (RFC 5837).
type Interface struct {
	Role  Role
	Index uint32     // ifIndex; 0 where it is not told
	Addr  netip.Addr // not valid where it is not told
	// Name is the name as it came, at most 63 bytes: a stranger's text, to be escaped before it is shown.
	Name string
	MTU  int // bytes; 0 where it is not told
}

// Strategy decides what is probed. One goroutine calls it.
type Strategy interface {
	// Next returns a probe that is to be sent now, the time being now from the start. When there is none ok is false,
	// and it is asked again after the next Take and, if wake is later than now, at wake.
	Next(now time.Duration) (p Probe, wake time.Duration, ok bool)
	// Take learns of a fate. The reply is the caller's afterwards.
	Take(now time.Duration, r *Reply)
	// Done reports that nothing more is to be sent or waited for. Without it a run ends when Next has nothing and every
	// probe has ended.
	Done() bool
}

// Validate says what is wrong with the tracer.
func (t *Tracer) Validate() error {
	_, err := t.withDefaults()
	return err
}

// withDefaults returns a copy with its defaults filled in.
func (t *Tracer) withDefaults() (Tracer, error) {
	c := *t
	if c.Port == 0 {
		if c.Port = 33434; c.Protocol == TCP || c.Protocol == SCTP {
			c.Port = 80
		}
	}
	orDefault(&c.First, 1)
	orDefault(&c.Last, max(DefaultLast, c.First))
	orDefault(&c.Probes, DefaultProbes)
	orDefault(&c.Flows, 1)
	if c.Rate == 0 {
		c.Rate = DefaultRate
	}
	if c.Wait == 0 {
		c.Wait = DefaultWait
	}
	switch {
	case c.Protocol >= protocols:
		return c, fmt.Errorf("protocol %d: there are UDP, ICMP, TCP, DCCP and SCTP", c.Protocol)
	case c.First < 1 || c.First > 255 || c.Last < c.First || c.Last > 255:
		return c, fmt.Errorf("TTLs %d to %d: they are 1 to 255, the first not behind the last", c.First, c.Last)
	case c.Probes < 1 || c.Probes > 1000:
		return c, fmt.Errorf("%d probes for each hop: 1 to 1000", c.Probes)
	case c.Flows < 1 || c.Flows > flowsMost:
		return c, fmt.Errorf("%d flows: 1 to 4096", c.Flows)
	case c.Gap < 0 || c.Gap > 255:
		return c, fmt.Errorf("a gap of %d hops: 0 to 255", c.Gap)
	case c.Rate > 1e7 || c.Rate != c.Rate:
		return c, fmt.Errorf("a rate of %g probes a second: at most 10,000,000", c.Rate)
	case c.Wait < time.Millisecond || c.Wait > time.Minute:
		return c, fmt.Errorf("a wait of %v: 1 ms to 1 min", c.Wait)
	case c.Size < 0 || c.Size > 65535:
		return c, fmt.Errorf("a size of %d bytes: 0 to 65535", c.Size)
	case c.FlowLabel > 1<<20-1:
		return c, fmt.Errorf("flow label %#x: at most 0xfffff", c.FlowLabel)
	case c.SourcePort != 0 && int(c.SourcePort)+c.Flows > 1<<16:
		return c, fmt.Errorf("source port %d and %d flows: there is no port behind 65535", c.SourcePort, c.Flows)
	case c.Unprivileged && c.Protocol != UDP && c.Protocol != ICMP:
		return c, errors.New(c.Protocol.String() + " probes need a raw socket (cap_net_raw): without one there are UDP and ICMP")
	}
	return c, nil
}

const flowsMost = 4096

func orDefault(v *int, d int) {
	if *v == 0 {
		*v = d
	}
}
