package main

import (
	"context"
	"fmt"
	"math"
	"net/netip"
	"time"

	"sockwire/capture"
	"sockwire/capture/decode"
	"sockwire/capture/filter"
	"sockwire/cmd/internal/cli"
	"sockwire/raw/inject"
	"sockwire/raw/wire"
)

// receiver is a live capture as an exchange wants it.
type receiver struct {
	*capture.Live
	frame capture.Frame // the last one
}

// fastAnswers is the rate above which answers are read in blocks and not one by one.
const fastAnswers = 2000

// listen captures where the packets go out.
func (o *options) listen(ctx context.Context, env *cli.Env) (*receiver, error) {
	p := o.plan
	if total := p.Total(); total != math.MaxUint64 && total > inject.MaxTracked && p.Key == nil {
		return nil, cli.WithHint(fmt.Errorf("answers to %d packets cannot be followed, %d can", total, inject.MaxTracked), "remember nothing with --stateless, or look for no answers with --wait 0")
	}
	cfg := &capture.Config{Immediate: o.pace().Packets <= fastAnswers, Timeout: 5 * time.Millisecond}
	text := "" // recorded packets may be anything, and those without memory are known by their answers alone
	switch {
	case p.Key != nil:
		cfg.Direction = capture.DirectionIn
	case p.Template != nil:
		text = inject.AnswerFilter(p.Template)
	}
	if text != "" {
		expression, err := filter.Parse(text)
		if err != nil {
			return nil, err
		}
		cfg.Expression = expression
	}
	if o.verbose {
		env.Warnf("kernel filter: %q", text)
	}
	live, err := capture.Open(ctx, p.Route.Interface, cfg)
	if err != nil {
		return nil, err
	}
	return &receiver{Live: live}, nil
}

// Next gives the next frame.
func (r *receiver) Next(got *inject.Received) error {
	if err := r.Live.Next(&r.frame); err != nil {
		return err
	}
	f := &r.frame
	*got = inject.Received{Frame: f.Data, Network: networkAt(f.Link, f.Data), Time: f.Time, Leaving: f.Direction == capture.DirectionOut}
	return nil
}

// networkAt returns where in a frame the network packet starts.
func networkAt(link capture.LinkType, b []byte) int {
	switch link {
	case capture.LinkEthernet:
		return inject.NetworkPart(b)
	case capture.LinkLinuxSLL2:
		return min(20, len(b))
	}
	return 0
}

// lost returns how many frames the capture has lost.
func (r *receiver) lost() uint64 {
	stats, _ := r.Stats()
	return stats.Dropped
}

// probeRecord is what was sent, in JSON.
type probeRecord struct {
	Dst      netip.Addr `json:"dst"`
	Protocol string     `json:"protocol,omitempty"`
	Src      netip.Addr `json:"src,omitzero"`
	SrcPort  uint16     `json:"sport,omitempty"`
	DstPort  uint16     `json:"dport,omitempty"`
	TTL      uint8      `json:"ttl,omitempty"`
	ID       uint16     `json:"id,omitempty"`
	Type     *uint8     `json:"icmp_type,omitempty"`
}

func recordOf(h *inject.Header) *probeRecord {
	if h == nil {
		return nil
	}
	r := &probeRecord{Dst: h.Dst, Protocol: h.Name(), Src: h.Src, SrcPort: h.SrcPort, DstPort: h.DstPort, TTL: h.TTL, ID: h.ID}
	if h.Protocol == wire.ProtoICMP || h.Protocol == wire.ProtoICMPv6 {
		r.Type = &h.Type
	}
	return r
}

// answerRecord is an answer in JSON.
type answerRecord struct {
	Type    string          `json:"type"`
	Number  uint64          `json:"number,omitempty"`
	Probed  string          `json:"probed,omitempty"`
	Outcome string          `json:"outcome"`
	Verdict inject.Verdict  `json:"verdict,omitempty"`
	From    netip.Addr      `json:"from"`
	RTT     *int64          `json:"rtt_ns,omitempty"`
	Time    time.Time       `json:"time"`
	Extra   bool            `json:"extra,omitempty"`
	Alike   bool            `json:"alike,omitempty"`
	Packet  string          `json:"packet"`
	Probe   *probeRecord    `json:"probe,omitempty"`
	Changes []inject.Change `json:"changes,omitempty"`
}

// answerPrinter prints answers.
type answerPrinter struct {
	env     *cli.Env
	o       *options
	decoder decode.Decoder
	printer decode.Printer
	packet  decode.Packet
	line    []byte
}

func (p *answerPrinter) print(a *inject.Answer, received *receiver) {
	p.decoder.Decode(received.frame, &p.packet)
	p.line = p.printer.AppendLine(p.line[:0], &p.packet)
	out := p.env.Stdout
	if p.o.json {
		r := answerRecord{Type: "answer", Outcome: a.Role.String(), Verdict: a.Verdict, From: a.From, Time: a.Time, Extra: a.Extra, Alike: a.Alike,
			Packet: string(p.line), Probe: recordOf(a.Sent), Changes: a.Changes}
		if a.Sent != nil {
			rtt := int64(a.RTT)
			r.Number, r.RTT = a.Number+1, &rtt
		} else {
			r.Probed = netip.AddrPortFrom(a.Probed, a.Port).String()
			r.Probe = &probeRecord{Dst: a.Probed, DstPort: a.Port}
		}
		out.JSON(r)
		return
	}
	what, rtt := fmt.Sprintf("#%d", a.Number+1), fmt.Sprintf("%.3f ms", float64(a.RTT)/1e6)
	if a.Sent == nil {
		what, rtt = netip.AddrPortFrom(a.Probed, a.Port).String(), "-"
	}
	if a.Extra {
		what += " (again)"
	}
	if a.Alike {
		what += " (in order)"
	}
	out.Printf("%s  %s  ", what, rtt)
	if a.Verdict != "" {
		out.Printf("%s  ", a.Verdict)
	}
	out.Printf("%s\n", p.line)
	if len(a.Changes) > 0 {
		out.Printf("    changed on the way:")
		for _, c := range a.Changes {
			out.Printf(" %s", c)
		}
		out.Printf("\n")
	}
	if p.o.verbose {
		out.Write(p.printer.AppendTree(nil, &p.packet))
	}
}
