package show

import (
	"sockwire/capture/flow"
	"sockwire/capture/trace"
)

// saidNote is what the kernel says of why it sent a segment, beside what was concluded from the packets.
func saidNote(p *trace.PacketRecord) string {
	s := p.Said
	if s == nil {
		return ""
	}
	name := s.Cause
	if s.State != "" {
		name += " in state " + s.State
	}
	what := s.Why
	if name != "" {
		what = name + ", " + what
	}
	switch v := p.Again(); {
	case v == nil, v.Cause == flow.Unknown, v.Cause == flow.NoCause, s.Cause == "unknown":
		return "the kernel says: " + what
	case s.Agrees(v.Cause):
		return "so says the kernel: " + what
	}
	return "the kernel says otherwise: " + what
}

type saidJSON struct {
	Cause string `json:"cause,omitempty"`
	State string `json:"state,omitempty"`
	Why   string `json:"why"`
}

func saidRecord(p *trace.PacketRecord) *saidJSON {
	if p.Said == nil {
		return nil
	}
	return &saidJSON{p.Said.Cause, p.Said.State, p.Said.Why}
}
