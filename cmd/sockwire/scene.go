package main

import "time"

// options are what the flags say.
type options struct {
	message  string
	size     int
	count    int
	mtu      int
	only4    bool
	only6    bool
	verbose  bool
	json     bool
	columns  bool
	file     string
	messages [][]byte // made of message, size and count
	trace    traceOptions
}

// scene describes a scene; it is the same on every system. To add one takes a row of scenes and a file with its
// programs, which registers them.
type scene struct {
	name  string
	short string
	// usual tells whether the scene plays when none is named.
	usual bool
	// both tells whether the scene plays over IPv6 too when no family is chosen.
	both bool
	// internet tells whether a family matters to it.
	internet bool
	// loopback says why the scene cannot play without a lab, "" when it can.
	loopback string
	// limit is the most bytes that one of its messages can have, and why.
	limit func(v6 bool) (bytes int, why string)
	// fixed tells whether it has messages of its own, and --message and --size mean nothing to it.
	fixed bool
	// drops tells whether it is about what the kernel says of the packets that it drops.
	drops bool
	// empty tells whether a message may be empty.
	empty bool
}

var scenes = []scene{
	{name: "stream", usual: true, both: true, internet: true, limit: streamLimit,
		short: "TCP: a server in six steps, a client in four; two sends read by one receive, half-close, orderly end"},
	{name: "datagram", usual: true, internet: true, limit: datagramLimit("UDP"), empty: true,
		short: "UDP both ways; one datagram larger than the MTU, in fragments; an empty one"},
	{name: "raw", usual: true, internet: true, limit: datagramLimit("ICMP"), empty: true, loopback: "raw sockets need CAP_NET_RAW",
		short: "ICMP echo; an IP packet crafted with its header; protocol 253 without one"},
	{name: "unix", usual: true, limit: unixLimit,
		short: "stream and datagram over AF_UNIX: nothing on the wire, and a file descriptor that is passed"},
	{name: "limits", internet: true, fixed: true,
		short: "a receive smaller than the message, a full backlog, calls that block and how long"},
	{name: "errors", internet: true, fixed: true,
		short: "address in use, privileged port, nobody listening, datagram too large, no route, unknown host"},
	{name: "lost", internet: true, fixed: true, drops: true,
		short: "ways in which a host loses packets: no socket, full buffer, filter, full queue, no neighbour, TTL, MTU, checksum"},
	{name: "file", internet: true, limit: streamLimit,
		short: "the socket as a file: its descriptor, read and write in place of recv and send"},
}

func streamLimit(bool) (int, string) {
	return maxStream, "a stream has no limit of its own; this command sends that much"
}

func unixLimit(bool) (int, string) {
	return maxUnix(), "a datagram must fit the send buffer (net.core.wmem_default), less 32 bytes"
}

// datagramLimit is that of a protocol with a header of 8 bytes.
func datagramLimit(protocol string) func(bool) (int, string) {
	return func(v6 bool) (int, string) {
		if v6 {
			return maxUDP6, "the payload length of IPv6 has 16 bits, and the " + protocol + " header takes 8 bytes"
		}
		return maxUDP4, "the total length of IPv4 has 16 bits, and the IP and " + protocol + " headers take 28 bytes"
	}
}

// Sizes that kinds of socket can carry in one message.
const (
	maxUDP4 = 65535 - 20 - 8 // the IPv4 total length has 16 bits, RFC 791, and counts its header
	maxUDP6 = 65535 - 8      // the IPv6 payload length has 16 bits and does not count its header
	// maxStream is our own limit: a stream has none.
	maxStream = 4 << 20
	minMTU4   = 68   // RFC 791
	minMTU6   = 1280 // RFC 8200 section 5
	maxMTU    = 65535
)

// maxUnix is the most that a datagram on a Unix socket can hold: the kernel wants 32 bytes of the send buffer
// for itself (unix_dgram_sendmsg).
func maxUnix() int { return sendBuffer() - 32 }

// pause is how long a program of a scene waits when the other is to be seen blocked.
const pause = 20 * time.Millisecond
