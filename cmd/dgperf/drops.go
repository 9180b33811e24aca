package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"

	"sockwire/capture"
	"sockwire/capture/drop"
	"sockwire/raw/wire"
)

// hostDrops counts what this host's kernel drops of the datagrams of a run: after they left the socket, or before they
// came to it.
type hostDrops struct {
	src   dropSource
	done  chan error
	tally drop.Tally
	why   map[string]string // of a reason, in plain words
}

// dropSource is what a [drop.Source] is here.
type dropSource interface {
	Stop() error
	Stats() drop.Stats
	Close() error
}

// watchDrops begins to count the drops of UDP packets from and to an address of which the port is known at least.
func watchDrops(target string) (*hostDrops, error) {
	_, text, err := net.SplitHostPort(target)
	if err != nil {
		return nil, fmt.Errorf("--drops: %w", err)
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("--drops: %w", err)
	}
	to, _ := netip.ParseAddrPort(target) // a name: the port has to do
	src, err := drop.Open(&drop.Config{Snaplen: 128})
	if err != nil {
		return nil, fmt.Errorf("--drops: %w", err)
	}
	h := &hostDrops{src: src, done: make(chan error, 1), why: map[string]string{}}
	go func() {
		for d, err := range src.Drops(context.Background()) {
			if err != nil {
				h.done <- err
				return
			}
			if between(&d.Frame, to.Addr().Unmap(), uint16(port)) {
				h.tally.Add(d, "")
				h.why[d.Reason.Name] = d.Reason.Words()
			}
		}
		h.done <- nil
	}()
	return h, nil
}

// between tells whether a frame is a UDP packet from or to an address and port; any address will do where none is
// given.
func between(f *capture.Frame, addr netip.Addr, port uint16) bool {
	b := f.Data
	if f.Link == capture.LinkEthernet {
		if len(b) < 14 {
			return false
		}
		b = b[14:]
	}
	var src, dst netip.Addr
	var payload []byte
	if h, p, ok := wire.ParseIPv4(b); ok && h.Protocol() == wire.ProtoUDP {
		src, dst, payload = h.Source(), h.Destination(), p
	} else if h, p, ok := wire.ParseIPv6(b); ok && h.NextHeader() == wire.ProtoUDP {
		src, dst, payload = h.Source(), h.Destination(), p
	}
	u := wire.UDP(payload)
	if len(u) < 8 {
		return false
	}
	return u.SourcePort() == port && (!addr.IsValid() || src == addr) || u.DestinationPort() == port && (!addr.IsValid() || dst == addr)
}

// dropsRecord is one for the run, before its accounts.
type dropsRecord struct {
	Type    string       `json:"type"`
	Packets uint64       `json:"packets"`
	Unheard uint64       `json:"unheard"` // found no room in the ring
	Reasons []reasonJSON `json:"reasons"`
}

type reasonJSON struct {
	Reason  string `json:"reason"`
	Place   string `json:"place"`
	Why     string `json:"why"`
	Packets uint64 `json:"packets"`
}

// end stops counting and returns what was counted.
func (h *hostDrops) end() (dropsRecord, error) {
	h.src.Stop()
	err := <-h.done
	r := dropsRecord{Type: "drops", Packets: h.tally.Packets, Unheard: h.src.Stats().Lost, Reasons: []reasonJSON{}}
	for _, c := range h.tally.Counts() {
		r.Reasons = append(r.Reasons, reasonJSON{c.Kind.Reason, c.Kind.Place, h.why[c.Kind.Reason], c.Packets})
	}
	h.src.Close()
	return r, err
}

// text is the record in a few words.
func (d *dropsRecord) text() []string {
	if d.Packets == 0 {
		return []string{"0"}
	}
	parts := []string{fmt.Sprintf("%d of the packets by this host", d.Packets)}
	for _, r := range d.Reasons {
		parts = append(parts, fmt.Sprintf("%d %s in %s (%s)", r.Packets, r.Reason, r.Place, r.Why))
	}
	if d.Unheard > 0 {
		parts = append(parts, fmt.Sprintf("%d more of all kinds were not heard of", d.Unheard))
	}
	return parts
}
