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

// about describes a scene; it is the same on every system.
type about struct {
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
}

var scenes = []about{
	{name: "stream", usual: true, both: true, internet: true,
		short: "TCP: a server in six steps, a client in four; two sends read by one receive, half-close, orderly end"},
	{name: "datagram", usual: true, internet: true,
		short: "UDP both ways; one datagram larger than the MTU, in fragments; an empty one"},
	{name: "raw", usual: true, internet: true, loopback: "raw sockets need CAP_NET_RAW",
		short: "ICMP echo; an IP packet crafted with its header; protocol 253 without one"},
	{name: "unix", usual: true,
		short: "stream and datagram over AF_UNIX: nothing on the wire, and a file descriptor that is passed"},
	{name: "limits", internet: true,
		short: "a receive smaller than the message, a full backlog, calls that block and how long"},
	{name: "errors", internet: true,
		short: "address in use, privileged port, nobody listening, datagram too large, no route, unknown host"},
	{name: "file", internet: true,
		short: "the socket as a file: its descriptor, read and write in place of recv and send"},
}

// Sizes that kinds of socket can carry in one message.
const (
	maxUDP4  = 65535 - 20 - 8 // the IPv4 total length has 16 bits, RFC 791, and counts its header
	maxUDP6  = 65535 - 8      // the IPv6 payload length has 16 bits and does not count its header
	maxRaw4  = 65535 - 20
	maxRaw6  = 65535
	icmpEcho = 8
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
