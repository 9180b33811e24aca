package trace

import (
	"context"
	"iter"
	"net/netip"

	"sockwire/raw/path"
)

// Prober asks one target through the session, by [Session.Ask], for the strategies of package path: an [path.Explorer]
// there needs the tracer's Flows to be as many as its own.
func (s *Session) Prober(target netip.Addr) path.Prober { return s.Watched(target, nil) }

// Watched is Prober for a caller who wants to see each reply too: see is called with it from the goroutine that asks,
// of which a strategy may have several. nil is not called.
func (s *Session) Watched(target netip.Addr, see func(*Reply)) path.Prober {
	return prober{s, target, see}
}

type prober struct {
	session *Session
	target  netip.Addr
	see     func(*Reply)
}

var pathKinds = [kinds]path.Kind{
	Silent: path.Silent, Exceeded: path.Exceeded, Reached: path.Reached, Unreachable: path.Unreachable, TooBig: path.TooBig, Other: path.Unreachable,
}

func (p prober) Probe(ctx context.Context, probes []path.Probe) iter.Seq2[path.Answer, error] {
	batch := make([]Probe, len(probes))
	for i, q := range probes {
		batch[i] = Probe{Target: p.target, Flow: uint16(q.Flow), TTL: uint8(q.TTL), Size: uint16(q.Size), Tag: uint32(i)}
		if q.TTL == 0 {
			batch[i].TTL = 255
		}
	}
	return func(yield func(path.Answer, error) bool) {
		for r, err := range p.session.Ask(ctx, batch) {
			if err != nil {
				yield(path.Answer{}, err)
				return
			}
			if p.see != nil {
				p.see(&r)
			}
			if r.Duplicate || r.Revised {
				continue
			}
			a := path.Answer{Probe: probes[r.Tag], Kind: pathKinds[r.Kind], From: r.From, Sent: r.Sent, RTT: r.RTT, MTU: r.MTU, ReplyTTL: int(r.ReplyTTL)}
			if !yield(a, nil) {
				return
			}
		}
	}
}
