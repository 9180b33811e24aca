package main

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"sockwire/cmd/internal/cli"
	"sockwire/raw"
	"sockwire/raw/probe"
)

// asker asks hops after an interface of theirs (RFC 8335), for --probe-interface. Its sockets are opened with the
// others.
type asker struct{ run *raw.Run }

// openAsker opens the sockets; nil if nobody is to be asked.
func (o *options) openAsker(ctx context.Context, p *plan) (*asker, error) {
	if o.probeInterface == "" {
		return nil, nil
	}
	pinger := raw.Pinger{Message: raw.ExtendedEcho, Interface: raw.ParseProbeInterface(o.probeInterface), Count: 1, Timeout: o.wait, Source: p.source, Device: o.device, Family: p.family}
	run, err := pinger.Start(ctx)
	if err != nil {
		return nil, fmt.Errorf("--probe-interface: %w", err)
	}
	return &asker{run}, nil
}

func (a *asker) close() {
	if a != nil {
		a.run.Close()
	}
}

// interfaces are what hops say of an interface, by their address.
type interfaces map[netip.Addr]string

// ask asks every address that answered the trace.
func (a *asker) ask(trails []*trail) (interfaces, error) {
	if a == nil {
		return nil, nil
	}
	said := make(interfaces)
	var hops []netip.Addr
	for _, w := range trails {
		for _, h := range w.shown() {
			for _, who := range h.who {
				if _, asked := said[who.from]; !asked {
					said[who.from] = ""
					hops = append(hops, who.from)
				}
			}
		}
	}
	for e, err := range a.run.Echoes(slices.Values(hops)) {
		if err != nil {
			return nil, err
		}
		if !e.Duplicate && !e.Overdue {
			said[e.Target] = interfaceAnswer(&e)
		}
	}
	return said, nil
}

// interfaceAnswer says what came back.
func interfaceAnswer(e *raw.Echo) string {
	switch {
	case e.Outcome == probe.Answered || e.Outcome == probe.Late:
		return raw.InterfaceText(e.State)
	case e.Outcome == probe.Refused:
		return raw.ErrorText(e.Target.Is6(), e.Type, e.Code)
	case e.Cause == probe.SendFailed:
		return "not sent: " + e.Err.Error()
	}
	return "no answer: few routers give one"
}

// stateRecord is what a hop says of its interface.
type stateRecord struct {
	Type      string `json:"type"` // "state"
	Target    string `json:"target"`
	Name      string `json:"name,omitempty"`
	TTL       int    `json:"ttl"`
	Address   string `json:"address"`
	Interface string `json:"interface"` // that was asked after
	State     string `json:"state"`
}

// printInterfaces prints what the hops to a host say.
func (s *session) printInterfaces(w *trail, said interfaces) {
	if said == nil {
		return
	}
	asked := s.opt.probeInterface
	for _, h := range w.shown() {
		for _, who := range h.who {
			text := said[who.from]
			if s.opt.json {
				s.env.Stdout.JSON(stateRecord{"state", w.addr.String(), s.shownName(w.target), h.ttl, who.from.String(), asked, text})
			} else {
				s.env.Stdout.Printf("%2d  %v: %s: %s\n", h.ttl, who.from, cli.Escape(asked), text)
			}
		}
	}
}
