package main

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"sockwire/capture"
	"sockwire/capture/decode"
	"sockwire/cmd/internal/cli"
)

// names resolves addresses for --resolve. Each is asked for once; several goroutines may share it.
type names struct {
	ctx   context.Context
	mu    sync.Mutex
	known map[netip.Addr]string
}

// maxNames bounds what is remembered; addresses beyond it stay numbers.
const maxNames = 65536

func newNames(ctx context.Context) *names {
	return &names{ctx: ctx, known: make(map[netip.Addr]string)}
}

// appendNames adds the names of both ends of a packet, where they have any.
func (n *names) appendNames(b []byte, p *decode.Packet) []byte {
	t, ok := p.Inner()
	if !ok {
		return b
	}
	src, dst := n.lookup(t.Src.Addr()), n.lookup(t.Dst.Addr())
	if src == "" && dst == "" {
		return b
	}
	b = append(b, " {"...)
	b = appendName(b, src, t.Src.Addr())
	b = append(b, " > "...)
	b = appendName(b, dst, t.Dst.Addr())
	return append(b, '}')
}

func appendName(b []byte, name string, a netip.Addr) []byte {
	if name == "" {
		return a.AppendTo(b)
	}
	return cli.AppendEscaped(b, name)
}

// add makes known what a capture file says of an address.
func (n *names) add(r capture.NameRecord) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.known) < maxNames && len(r.Names) > 0 {
		n.known[r.Addr] = r.Names[0]
	}
}

func (n *names) lookup(a netip.Addr) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	name, ok := n.known[a]
	if ok || len(n.known) >= maxNames {
		return name
	}
	ctx, cancel := context.WithTimeout(n.ctx, 2*time.Second)
	defer cancel()
	if list, err := net.DefaultResolver.LookupAddr(ctx, a.String()); err == nil && len(list) > 0 {
		name = strings.TrimSuffix(list[0], ".")
	}
	n.known[a] = name
	return name
}
