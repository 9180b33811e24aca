package main

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// names asks for the names of addresses, for --names, on goroutines of its own. A nil one asks nobody.
type names struct {
	ctx    context.Context
	lookup func(ctx context.Context, addr string) ([]string, error)
	room   chan struct{} // for look-ups at once
	group  sync.WaitGroup

	mu    sync.Mutex
	known map[netip.Addr]string // asked for; "" while nothing is known
	open  map[netip.Addr]bool
}

const (
	mostNames   = 65536 // remembered; addresses beyond stay numbers
	namesAtOnce = 16
	nameWait    = 2 * time.Second
)

func newNames(ctx context.Context) *names {
	return &names{ctx: ctx, lookup: net.DefaultResolver.LookupAddr, room: make(chan struct{}, namesAtOnce),
		known: make(map[netip.Addr]string), open: make(map[netip.Addr]bool)}
}

// ask begins to look an address up, if it was not yet asked for.
func (n *names) ask(a netip.Addr) {
	if n == nil || !a.IsValid() {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, asked := n.known[a]; asked || len(n.known) >= mostNames {
		return
	}
	n.known[a], n.open[a] = "", true
	n.group.Go(func() {
		n.room <- struct{}{}
		defer func() { <-n.room }()
		ctx, cancel := context.WithTimeout(n.ctx, nameWait)
		defer cancel()
		list, err := n.lookup(ctx, a.WithZone("").String())
		n.mu.Lock()
		defer n.mu.Unlock()
		delete(n.open, a)
		if err == nil && len(list) > 0 {
			n.known[a] = strings.TrimSuffix(list[0], ".")
		}
	})
}

// get returns the name of an address, "" if it has none; done is false while it is being asked for.
func (n *names) get(a netip.Addr) (name string, done bool) {
	if n == nil {
		return "", true
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.known[a], !n.open[a]
}

// wait waits until nothing is being asked for.
func (n *names) wait() {
	if n != nil {
		n.group.Wait()
	}
}
