package main

import (
	"cmp"
	"context"
	"net/netip"
	"time"

	"sockwire/cmd/internal/cli"
	"sockwire/raw"
	"sockwire/raw/inject"
	"sockwire/raw/path"
	"sockwire/raw/probe"
	"sockwire/raw/trace"
)

// The records of --json. The order and the names are frozen: README.md describes them.

// startRecord is the first record of a host.
type startRecord struct {
	Type       string    `json:"type"` // "start"
	Time       time.Time `json:"time"`
	Target     string    `json:"target"`
	Name       string    `json:"name,omitempty"`
	Protocol   string    `json:"protocol"`
	Port       int       `json:"port,omitempty"`
	SourcePort int       `json:"source_port,omitempty"`
	First      int       `json:"first"`
	Last       int       `json:"max_hops"`
	Probes     int       `json:"probes"`
	Wait       int64     `json:"wait_ns"`
	Size       int       `json:"size,omitempty"`
	TOS        int       `json:"tos,omitempty"`
	FlowLabel  uint32    `json:"flow_label,omitempty"`
	Limits     []string  `json:"limits,omitempty"` // what the sockets cannot tell
}

// probeRecord is the fate of one probe.
type probeRecord struct {
	Type       string            `json:"type"` // "probe"
	Time       time.Time         `json:"time"` // when it was sent
	Target     string            `json:"target"`
	Name       string            `json:"name,omitempty"`
	N          uint64            `json:"n"`
	TTL        int               `json:"ttl"`
	Flow       int               `json:"flow"`
	Round      int               `json:"round"`
	Size       int               `json:"size,omitempty"`
	Outcome    string            `json:"outcome"`
	Cause      string            `json:"cause,omitempty"`
	Revised    bool              `json:"revised,omitempty"`
	Duplicate  bool              `json:"duplicate,omitempty"`
	Kind       string            `json:"kind,omitempty"`
	From       string            `json:"from,omitempty"`
	RTT        int64             `json:"rtt_ns,omitempty"`
	Clock      string            `json:"clock,omitempty"`
	Queue      int64             `json:"queue_ns,omitempty"`
	Network    int64             `json:"network_ns,omitempty"`
	Receive    int64             `json:"receive_ns,omitempty"`
	ReplyTTL   int               `json:"reply_ttl,omitempty"`
	ICMPType   *uint8            `json:"icmp_type,omitempty"`
	ICMPCode   *uint8            `json:"icmp_code,omitempty"`
	MTU        int               `json:"mtu,omitempty"`
	Port       string            `json:"port,omitempty"`
	QuotedTTL  *int              `json:"quoted_ttl,omitempty"`
	Changes    []inject.Change   `json:"changes,omitempty"`
	Labels     []labelRecord     `json:"mpls,omitempty"`
	Interfaces []interfaceRecord `json:"interfaces,omitempty"`
	Loop       int               `json:"loop,omitempty"`
	Unproven   bool              `json:"unproven,omitempty"`
	Error      string            `json:"error,omitempty"`
}

// labelRecord is an MPLS label.
type labelRecord struct {
	Label  uint32 `json:"label"`
	TC     int    `json:"tc"`
	TTL    int    `json:"ttl"`
	Bottom bool   `json:"bottom"`
}

// interfaceRecord is what a router tells of an interface.
type interfaceRecord struct {
	Role    string `json:"role"`
	Name    string `json:"name,omitempty"`
	Index   uint32 `json:"index,omitempty"`
	Address string `json:"address,omitempty"`
	MTU     int    `json:"mtu,omitempty"`
}

// hopRecord is what is known of a hop at the end.
type hopRecord struct {
	Type      string           `json:"type"` // "hop"
	Target    string           `json:"target"`
	Name      string           `json:"name,omitempty"`
	TTL       int              `json:"ttl"`
	Sent      uint64           `json:"sent"`
	Received  uint64           `json:"received"`
	Loss      float64          `json:"loss"`
	Addresses []answererRecord `json:"addresses"`
	RTT       *rttRecord       `json:"rtt,omitempty"`
}

// answererRecord is one address that answers.
type answererRecord struct {
	Address  string          `json:"address"`
	Name     string          `json:"name,omitempty"`
	AS       uint32          `json:"as,omitempty"`
	Org      string          `json:"org,omitempty"`
	City     string          `json:"city,omitempty"`
	Country  string          `json:"country,omitempty"`
	Answers  int             `json:"answers"`
	RTT      *rttRecord      `json:"rtt,omitempty"`
	ReplyTTL int             `json:"reply_ttl,omitempty"`
	WayBack  int             `json:"hops_back_guessed,omitempty"`
	Changes  []inject.Change `json:"changes,omitempty"`
}

// usualConfidence is that of verdicts, unless told.
const usualConfidence = 0.999

// verdictRecord is what is said of the loss of a hop, and why.
type verdictRecord struct {
	Type       string     `json:"type"` // "verdict"
	Target     string     `json:"target"`
	Name       string     `json:"name,omitempty"`
	TTL        int        `json:"ttl"`
	Finding    string     `json:"finding"`
	From       int        `json:"from,omitempty"`
	Loss       float64    `json:"loss"`
	Low        float64    `json:"loss_low"`
	High       float64    `json:"loss_high"`
	Confidence float64    `json:"confidence"`
	Often      path.Count `json:"asked_often"`
	Seldom     path.Count `json:"asked_seldom"`
	Chance     float64    `json:"chance"`
	More       int        `json:"more_probes,omitempty"`
	Before     string     `json:"changed_from,omitempty"`
	Now        string     `json:"changed_to,omitempty"`
	Why        string     `json:"why"`
}

func (s *session) verdictRecord(w *trail, v *path.Verdict) verdictRecord {
	r := verdictRecord{Type: "verdict", Target: w.addr.String(), Name: s.shownName(w.target), TTL: v.TTL, Finding: v.Finding.String(), From: v.From, Loss: v.Loss.Loss(),
		Low: v.Low, High: v.High, Confidence: cmp.Or(s.plan.confidence, usualConfidence), Often: v.Fast, Seldom: v.Slow, Chance: v.Chance, More: v.More, Why: v.Why}
	if v.Switch != nil {
		r.Before, r.Now = v.Switch.From.String(), v.Switch.To.String()
	}
	return r
}

// pathsRecord is every path to a host: nodes, and edges by the numbers of their nodes in the list.
type pathsRecord struct {
	Type       string         `json:"type"` // "paths"
	Target     string         `json:"target"`
	Name       string         `json:"name,omitempty"`
	Reached    bool           `json:"reached"`
	Complete   bool           `json:"complete"`
	Why        string         `json:"why,omitempty"`
	Confidence float64        `json:"confidence"`
	Probes     int            `json:"probes"`
	Nodes      []nodeRecord   `json:"nodes"`
	Edges      []edgeRecord   `json:"edges"`
	Changes    []changeRecord `json:"changes,omitempty"`
	Sentence   string         `json:"sentence"`
}

// nodeRecord is who answers at a TTL; the first is this host, at TTL 0.
type nodeRecord struct {
	TTL     int    `json:"ttl"`
	Address string `json:"address,omitempty"`
	Name    string `json:"name,omitempty"`
	AS      uint32 `json:"as,omitempty"`
	Org     string `json:"org,omitempty"`
	City    string `json:"city,omitempty"`
	Country string `json:"country,omitempty"`
	Kind    string `json:"kind"`
	Balance string `json:"balance"`
	Flows   int    `json:"flows"`
	Loop    bool   `json:"loop,omitempty"`
	Branch  int    `json:"branch,omitempty"` // of silent ones, where a TTL has several
	After   string `json:"after,omitempty"`  // who answers before a silent one
	Before  string `json:"before,omitempty"` // and behind it
}

// edgeRecord is a way from one node to the next.
type edgeRecord struct {
	From     int     `json:"from"`
	To       int     `json:"to"`
	Guess    bool    `json:"guess,omitempty"`
	Flow     int     `json:"flow"`
	Sent     int     `json:"sent"`
	Answered int     `json:"answered"`
	Loss     float64 `json:"loss"`
	Finding  string  `json:"finding,omitempty"`
	Evidence string  `json:"why,omitempty"`
	Least    int64   `json:"min_ns,omitempty"`
	Mean     int64   `json:"mean_ns,omitempty"`
	MTU      int     `json:"mtu,omitempty"`
	Hole     bool    `json:"hole,omitempty"`
}

// changeRecord is a change of the path that was seen while it was explored.
type changeRecord struct {
	TTL  int    `json:"ttl"`
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
}

func (s *session) pathsRecord(w *trail, g *path.Graph) pathsRecord {
	r := pathsRecord{Type: "paths", Target: w.addr.String(), Name: s.shownName(w.target), Reached: g.Reached, Complete: g.Complete, Why: g.Why, Confidence: g.Confidence,
		Probes: g.Probes, Nodes: []nodeRecord{}, Edges: []edgeRecord{}, Sentence: graphSentence(g)}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		at := s.places.of(n.Addr)
		name, _ := s.names.get(n.Addr)
		r.Nodes = append(r.Nodes, nodeRecord{TTL: n.TTL, Address: addressText(n.Addr), Name: name, AS: at.AS, Org: at.Org, City: at.City, Country: at.Country,
			Kind: n.Kind.String(), Balance: n.Balance.String(), Flows: n.Flows, Loop: n.Loop,
			Branch: n.Branch, After: addressText(n.After), Before: addressText(n.Before)})
	}
	for i := range g.Edges {
		e := &g.Edges[i]
		edge := edgeRecord{From: e.From, To: e.To, Guess: e.Guess, Flow: e.Flow, Sent: e.Count.Sent, Answered: e.Count.Answered, Loss: e.Count.Loss(),
			Least: int64(e.RTT), Mean: int64(e.Mean), MTU: e.MTU, Hole: e.Hole}
		if e.Loss != nil {
			edge.Finding, edge.Evidence, edge.Loss = e.Loss.Finding.String(), e.Loss.Why, e.Loss.Loss.Loss()
		}
		r.Edges = append(r.Edges, edge)
	}
	for _, c := range g.Changes {
		r.Changes = append(r.Changes, changeRecord{c.TTL, addressText(c.From), addressText(c.To)})
	}
	return r
}

// addressText is an address, "" for none.
func addressText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// mtuRecord is the MTU of the path to a host.
type mtuRecord struct {
	Type      string          `json:"type"` // "mtu"
	Target    string          `json:"target"`
	Name      string          `json:"name,omitempty"`
	MTU       int             `json:"mtu"`
	To        int             `json:"to_ttl"`
	Reached   bool            `json:"reached"`
	Interface string          `json:"interface"`
	Own       int             `json:"interface_mtu"`
	Believed  int             `json:"kernel_mtu"`
	Steps     []mtuStepRecord `json:"steps,omitempty"`
	Hole      *holeRecord     `json:"black_hole,omitempty"`
}

// mtuStepRecord is a router that said that packets were too large for its next link.
type mtuStepRecord struct {
	TTL  int    `json:"ttl"` // of the hop behind the link
	From string `json:"from"`
	MTU  int    `json:"mtu"`
}

// holeRecord is where large packets vanish.
type holeRecord struct {
	After  int `json:"after_ttl"`
	Before int `json:"before_ttl"`
	Size   int `json:"smallest_lost"`
}

func (s *session) mtuRecord(w *trail) mtuRecord {
	m := w.mtu
	r := mtuRecord{Type: "mtu", Target: w.addr.String(), Name: s.shownName(w.target), MTU: m.Size, To: m.To, Reached: m.Reached, Interface: m.Interface, Own: m.Local.MTU, Believed: m.Believed}
	for _, step := range m.Steps {
		r.Steps = append(r.Steps, mtuStepRecord{step.TTL, addressText(step.From), step.MTU})
	}
	if m.Hole != nil {
		r.Hole = &holeRecord{m.Hole.After, m.Hole.Before, m.Hole.Size}
	}
	return r
}

// rttRecord is the JSON of round trips.
type rttRecord struct {
	Min    int64 `json:"min_ns"`
	Mean   int64 `json:"mean_ns"`
	Max    int64 `json:"max_ns"`
	StdDev int64 `json:"stddev_ns"`
	Jitter int64 `json:"jitter_ns"`
}

// hostRecord is what was found of the way to a host.
type hostRecord struct {
	Type     string `json:"type"` // "host"
	Target   string `json:"target"`
	Name     string `json:"name,omitempty"`
	Reached  bool   `json:"reached"`
	Hops     int    `json:"hops,omitempty"`
	Loop     int    `json:"loop,omitempty"`
	Sentence string `json:"sentence"`
}

// summaryRecord is the last record.
type summaryRecord struct {
	Type        string `json:"type"` // "summary"
	Hosts       int    `json:"hosts"`
	Reached     int    `json:"reached"`
	Probes      uint64 `json:"probes"`
	Answered    uint64 `json:"answered"`
	Elapsed     int64  `json:"elapsed_ns"`
	Interrupted bool   `json:"interrupted"`
}

// roundOf is the round of a probe; those that look for the MTU have none.
func roundOf(r *trace.Reply) int {
	if r.Size > 0 {
		return 0
	}
	round, _ := trace.RoundOf(r.Tag)
	return round
}

// shownName is the name that a host was given by.
func (s *session) shownName(t target) string {
	if s.opt.numeric {
		return ""
	}
	return t.name
}

func (s *session) startRecord(w *trail, limits []string) startRecord {
	return startRecord{Type: "start", Time: s.start.UTC(), Target: w.addr.String(), Name: s.shownName(w.target), Protocol: s.plan.protocol.name, Port: s.plan.protocol.port,
		SourcePort: s.opt.sport, First: w.first, Last: w.last, Probes: w.probes, Wait: int64(s.opt.wait), Size: s.opt.size, TOS: int(s.plan.tos), FlowLabel: s.plan.flowLabel, Limits: limits}
}

func (s *session) probeRecord(w *trail, r *trace.Reply) probeRecord {
	p := probeRecord{Type: "probe", Time: r.Sent.UTC(), Target: w.addr.String(), Name: s.shownName(w.target), N: r.N, TTL: int(r.TTL), Flow: int(r.Flow), Round: roundOf(r),
		Size: int(r.Size), Outcome: r.Outcome.String(), Revised: r.Revised, Duplicate: r.Duplicate}
	if r.Cause != probe.NoCause {
		p.Cause = r.Cause.String()
	}
	if r.Cause == probe.SendFailed {
		p.Error, p.MTU = r.Errno.Error(), r.MTU
	}
	if r.Kind == trace.Silent {
		return p
	}
	p.Kind, p.From, p.RTT, p.Clock = r.Kind.String(), r.From.String(), int64(r.RTT), r.Source.String()
	p.Queue, p.Network, p.Receive = int64(r.Split.Queue), int64(r.Split.Network), int64(r.Split.Receive)
	p.ReplyTTL, p.MTU, p.Port, p.Changes, p.Loop, p.Unproven = int(r.ReplyTTL), r.MTU, string(r.Port), r.Changes, r.Loop, r.Unproven
	if r.ICMP {
		typ, code := r.Type, r.Code
		p.ICMPType, p.ICMPCode = &typ, &code
		if r.Kind != trace.Exceeded && r.Kind != trace.Reached {
			p.Error = raw.ErrorText(r.Target.Is6(), typ, code)
		}
	}
	if r.QuotedTTL >= 0 {
		ttl := r.QuotedTTL
		p.QuotedTTL = &ttl
	}
	for _, l := range r.Labels {
		p.Labels = append(p.Labels, labelRecord{l.Label, int(l.TC), int(l.TTL), l.Bottom})
	}
	for _, i := range r.Interfaces {
		p.Interfaces = append(p.Interfaces, newInterface(i))
	}
	return p
}

func newInterface(i trace.Interface) interfaceRecord {
	r := interfaceRecord{Role: i.Role.String(), Name: i.Name, Index: i.Index, MTU: i.MTU}
	if i.Addr.IsValid() {
		r.Address = i.Addr.String()
	}
	return r
}

func newRTT(s *probe.Stats) *rttRecord {
	if s.Count() == 0 {
		return nil
	}
	return &rttRecord{int64(s.Min()), int64(s.Mean()), int64(s.Max()), int64(s.StdDev()), int64(s.Jitter())}
}

func (s *session) hopRecord(w *trail, h *hop) hopRecord {
	r := hopRecord{Type: "hop", Target: w.addr.String(), Name: s.shownName(w.target), TTL: h.ttl, Sent: h.tally.Sent, Received: h.tally.Received(), Loss: h.loss(),
		Addresses: []answererRecord{}, RTT: newRTT(&h.rtt)}
	for _, a := range h.who {
		at := s.places.of(a.from)
		name, _ := s.names.get(a.from)
		r.Addresses = append(r.Addresses, answererRecord{Address: a.from.String(), Name: name, AS: at.AS, Org: at.Org, City: at.City, Country: at.Country, Answers: a.n,
			RTT: newRTT(&a.rtt), ReplyTTL: int(a.replyTTL), WayBack: a.latest.Back(), Changes: a.changes})
	}
	return r
}

func (s *session) hostRecord(w *trail, c conclusion) hostRecord {
	return hostRecord{Type: "host", Target: w.addr.String(), Name: s.shownName(w.target), Reached: w.reached(), Hops: w.distance, Loop: w.loop, Sentence: c.text}
}

func (s *session) summaryRecord(ctx context.Context) summaryRecord {
	r := summaryRecord{Type: "summary", Hosts: len(s.trails), Probes: s.probes, Answered: s.got, Elapsed: int64(time.Since(s.start)), Interrupted: cli.Interrupted(ctx)}
	for _, w := range s.trails {
		if w.reached() {
			r.Reached++
		}
	}
	return r
}
