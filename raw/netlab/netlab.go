// Package netlab makes a private network of hosts on this machine: each host is a network namespace with
// its own interfaces, addresses, routes and sockets, and hosts are joined by virtual Ethernet links, through
// routers, or by a link that loses, delays and damages packets as a seed says. It needs neither root nor a
// network, a lab takes some milliseconds, and nothing is left behind: every namespace is held by a file
// descriptor of this process and by nothing else.
//
// A test binary calls [Run] from TestMain; a command calls [Enter]. Both run a copy of the program in
// namespaces of its own, where it may make more of them. A test then asks for hosts:
//
//	func TestMain(m *testing.M) { netlab.Run(m) }
//
//	func TestEcho(t *testing.T) {
//		_, a, b := netlab.Two(t)
//		err := b.Do(func() error { … listen on b.Addr4() … })
//	}
//
// Run by root with CAP_SYS_ADMIN the copy gets a network and a mount namespace but no user namespace, so
// that what only the first user namespace may do (SO_RCVBUFFORCE, SO_MARK) works. Run by anybody else it
// gets a user namespace in which the user is root. See namespaces(7), user_namespaces(7).
//
// Linux only. Elsewhere everything returns an error that wraps [errors.ErrUnsupported].
package netlab

import (
	"net/netip"
	"os"

	"sockwire/raw/impair"
)

// TB is the part of [testing.TB] that netlab uses, so that programs which make a lab do not link the testing package.
type TB interface {
	Helper()
	Cleanup(func())
	Skipf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// Error says why no lab can be made here.
type Error struct {
	Err    error  // the cause; wraps os.ErrPermission or errors.ErrUnsupported where that is the kind
	Reason string // what on this machine forbids it, empty when only Err is known
	hint   string
}

func (e *Error) Error() string {
	if e.Reason == "" {
		return "netlab: " + e.Err.Error()
	}
	return "netlab: " + e.Err.Error() + ": " + e.Reason
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Hint returns what to do about it, a command where there is one, or "".
func (e *Error) Hint() string { return e.hint }

// Need skips the test when no lab can be made on this machine, saying why and what would help. With
// REQUIRE_NETLAB=1 in the environment it fails the test instead, so that a machine meant to run everything
// cannot skip in silence. The test binary must call [Run] from TestMain.
func Need(t TB) {
	t.Helper()
	err := ready()
	if err == nil {
		return
	}
	text := err.Error()
	if h, ok := err.(interface{ Hint() string }); ok && h.Hint() != "" {
		text += "\nhint: " + h.Hint()
	}
	if os.Getenv("REQUIRE_NETLAB") == "1" {
		t.Fatalf("REQUIRE_NETLAB=1, but %s", text)
	}
	t.Skipf("%s", text)
}

// Two returns a new lab with the hosts "a" and "b" joined by one link. It calls [Need] first, fails the test
// when the lab cannot be made, and closes the lab when the test ends.
func Two(t TB) (lab *Lab, a, b *Host) {
	t.Helper()
	Need(t)
	lab, err := New(nil)
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(func() { lab.Close() })
	if a, err = lab.Host("a"); err == nil {
		b, err = lab.Host("b")
	}
	if err == nil {
		_, err = lab.Link(a, b, LinkConfig{})
	}
	if err != nil {
		t.Fatalf("%v", err)
	}
	return lab, a, b
}

// Config describes a lab; the zero value and nil are ready.
type Config struct {
	IPv4Only bool // no IPv6 addresses on any link
	NoRoutes bool // links bring no routes: the caller adds them, with [Host.AddRoute]
}

// LinkConfig describes a link; the zero value is ready.
type LinkConfig struct {
	MTU     int     // bytes of IP packet, 68 to 65535 (IPv6 needs 1280, RFC 8200 section 5); 0 is 1500
	Impair  *Impair // lose, delay and damage packets on the way; nil is a perfect link
	Resolve bool    // let the hosts find each other by ARP and neighbour discovery; otherwise both know each other from the start and the link is silent
}

// Impair says what a link does to the IPv4 and IPv6 packets that cross it, in each direction. Other
// frames (ARP, VLAN) cross unharmed and unrecorded.
type Impair struct {
	AtoB, BtoA impair.Config
	Keep       int // bytes of each packet kept in its Record; 0 is 128, below 0 is none
	MaxRecords int // per direction; packets after that are only counted; 0 is 100,000
}

// Record is what an impaired link did to one packet. Sizes and the place of a flipped bit count from the start
// of the IP header.
type Record struct {
	impair.Record
	Packet []byte `json:"packet,omitempty"` // the packet as it came, its first Impair.Keep bytes
}

// Totals is what an impaired link did in one direction. The decisions' counts come first; a packet is in Overrun
// when the kernel had no room to hand it to the link, and was lost without a decision.
type Totals struct {
	impair.Totals
	Overrun    uint64 `json:"overrun"`    // lost before the link saw them
	Failed     uint64 `json:"failed"`     // deliveries that the kernel refused
	Passed     uint64 `json:"passed"`     // frames that are not IP, delivered as they were
	Unrecorded uint64 `json:"unrecorded"` // packets after Impair.MaxRecords
}

// End is one end of a link: an interface of a host.
type End struct {
	Host    *Host
	Ifname  string
	Ifindex int
	MAC     [6]byte
	Addr4   netip.Addr
	Addr6   netip.Addr // invalid when the link has no IPv6
}

// Route is an entry of a host's routing table.
type Route struct {
	Dst    netip.Prefix
	Via    netip.Addr // next hop; invalid: directly on Ifname
	Ifname string     // "": found by Via
	Kind   RouteKind
	MTU    int          // bytes; 0: the interface's
	Others []netip.Addr // further next hops of the same cost, among which the kernel balances by flow (net.ipv4.fib_multipath_hash_policy)
}

// RouteKind is what a route does with packets; see ip-route(8).
type RouteKind uint8

const (
	Unicast     RouteKind = iota // send them on
	Local                        // they are for this host: a whole prefix of addresses answers
	Blackhole                    // discard them in silence
	Unreachable                  // refuse them with ICMP host unreachable (IPv6: no route)
	Prohibit                     // refuse them with ICMP administratively prohibited
)
