package main

import (
	"net"
	"net/netip"
)

// netListen accepts TCP connections on port 8000.
func netListen(a netip.Addr) (net.Listener, error) {
	return net.Listen("tcp4", netip.AddrPortFrom(a, 8000).String())
}
