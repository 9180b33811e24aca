package inject

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"sockwire/raw/packet"
	"sockwire/raw/wire"
)

// EngineKind is a way to put packets on the wire, by name.
type EngineKind string

// Engines.
const (
	AutoEngine   EngineKind = ""       // what suits the packets
	RawEngine    EngineKind = "raw"    // see OpenRaw
	PacketEngine EngineKind = "packet" // see OpenFrames
	XDPEngine    EngineKind = "xdp"    // see OpenXDP
	TrainEngine  EngineKind = "trains" // see OpenTrains
)

// Listening says whether answers are looked for.
type Listening uint8

// Listening.
const (
	ListenIfUseful Listening = iota // where something can answer; not to a flood, nor to recorded packets
	ListenAlways
	ListenNever
)

// Plan is what will be sent, and by which engine: Open finds out what suits the packets and refuses what must not be
// sent. Set Template or Recorded; everything else has a default. Then send with an [Exchange].
type Plan struct {
	// Template makes the packets. What it leaves out of them, source and Ethernet addresses, is filled in by the
	// routing and neighbour tables. Open may put an Ethernet header before it.
	Template *packet.Template
	// Count is how many packets of the template are sent; 0 is each combination once, math.MaxUint64 has no end.
	Count uint64
	// Recorded is packets that are there already, instead of a template. Open may change where they start.
	Recorded *Recorded
	// Interface is the device that everything leaves through, "" for that of the route to the first destination.
	// Recorded Ethernet frames need one.
	Interface string
	// Engine asks for an engine, which Open refuses where the packets would not leave as they are.
	Engine EngineKind
	// Flood says that packets leave as fast as they can: then the fastest engine is taken.
	Flood bool
	// Fast says that packets leave at a high rate, though not as fast as they can: the raw engine then sends as in a
	// flood. An exchange that opens the plan knows from its schedule: see [IsFast].
	Fast bool
	// Allow says which packets to many may be sent.
	Allow Allow
	// Listen says whether answers will be looked for: engines that captures on this host do not see are then not taken.
	Listen Listening
	// Dry says that packets are shown and not sent: nothing is refused for where it goes.
	Dry bool
	// Key, if set, has packets marked by a [Cookie] instead of remembered.
	Key []byte
	// Notice, if set, is told when an engine is given up for another while packets are sent, by the sending goroutine.
	Notice func(text string)

	// What Open found.
	Route        *Route     // the way out of the first packet
	Chosen       EngineKind // never AutoEngine
	Reason       string     // why this engine, where there is something to say
	Unanswerable string     // why nothing can answer these packets; "" if something can

	resolver *Resolver
	networks []network
	engine   Engine
	frames   bool // packets start with an Ethernet header
}

var (
	errNoDestination = errors.New("where to? give the expression a dst (tpa for arp)")
	// ErrNeedsInterface means that recorded frames do not say which device they are to leave through.
	ErrNeedsInterface = errors.New("frames with Ethernet headers need an interface")
	// ErrOtherEngine means that the engine asked for cannot send the packets as they are, and another could.
	ErrOtherEngine = errors.New("not by this engine")
	// ErrOtherInterface means that a packet would leave through another device than those before it.
	ErrOtherInterface = errors.New("not through this interface")
	// ErrNothingAnswers means that answers to packets were asked for of which none can be told.
	ErrNothingAnswers = errors.New("no recorded packet is one that an answer can be told for")
)

// engineError is an ErrOtherEngine with its reason.
type engineError struct{ reason string }

func (e *engineError) Error() string        { return e.reason }
func (e *engineError) Is(target error) bool { return target == ErrOtherEngine }

// PacketError is an error in one packet of many.
type PacketError struct {
	Number uint64 // of the packet, from 0
	Err    error
}

func (e *PacketError) Error() string { return fmt.Sprintf("packet %d: %v", e.Number+1, e.Err) }
func (e *PacketError) Unwrap() error { return e.Err }

// Total returns how many packets there are to send; math.MaxUint64 for no end.
func (p *Plan) Total() uint64 {
	switch {
	case p.Recorded != nil:
		return uint64(len(p.Recorded.Packets)) * uint64(max(p.Recorded.Loops, 1))
	case p.Count > 0:
		return p.Count
	}
	return p.Template.Count()
}

// Sender returns the engine that Open has opened.
func (p *Plan) Sender() Engine { return p.engine }

// Listens reports whether answers are to be looked for.
func (p *Plan) Listens() bool {
	switch p.Listen {
	case ListenAlways:
		return true
	case ListenNever:
		return false
	}
	return !p.Flood && p.Recorded == nil && p.Unanswerable == ""
}

const (
	mostChecked   = 1_000_000 // packets of lists, ranges and files that are built before one is sent
	variedChecked = 10_000    // the same of random and counting values
)

// Check validates everything that needs no socket: every packet, up to a million, is built once. An error that is the
// expression's is a [*packet.SyntaxError], and one that Allow would prevent a [*Refusal].
func (p *Plan) Check() error {
	if p.Recorded != nil {
		return nil
	}
	t := p.Template
	if p.Engine == RawEngine && !startsWithIP(t) && !p.Dry {
		return &engineError{"a raw socket sends IP packets, and the expression starts with another layer"}
	}
	n := min(t.Count(), p.Total())
	if t.Varies() {
		n = max(n, min(p.Total(), variedChecked))
	}
	var buf []byte
	var ends []int
	for i := range min(n, mostChecked) {
		layers := t.Layers(i)
		if !p.Dry {
			if err := p.Allow.checkLayers(t, layers); err != nil {
				return err
			}
		}
		var err error
		if buf, ends, err = t.Build(buf[:0], ends[:0], layers, i); err != nil {
			return t.Locate(err)
		}
	}
	return nil
}

func startsWithIP(t *packet.Template) bool {
	switch t.Layers(0)[0].(type) {
	case *packet.IPv4, *packet.IPv6:
		return true
	}
	return false
}

// Open finds the way out, chooses the engine and opens the sockets, in the network namespace of the calling thread. It
// needs CAP_NET_RAW; what comes after it does not. Neighbours may be asked for their Ethernet addresses.
func (p *Plan) Open(ctx context.Context) (err error) {
	defer func() {
		if err != nil {
			p.Close()
		}
	}()
	if err := p.Check(); err != nil {
		return err
	}
	if p.networks, err = connectedNetworks(); err != nil {
		return err
	}
	if p.Template != nil {
		if err := p.Allow.checkConnected(p.Template, p.networks); err != nil {
			return err
		}
	}
	if p.resolver, err = OpenResolver(p.Interface); err != nil {
		return err
	}
	var found survey
	if p.Recorded != nil {
		found, err = p.surveyRecorded()
	} else {
		found, err = p.surveyTemplate(ctx)
	}
	if err != nil {
		return err
	}
	if p.Unanswerable = found.unanswerable; p.Listens() && p.Unanswerable == noKind && p.Recorded != nil {
		return ErrNothingAnswers
	}
	if p.Chosen, p.Reason, err = p.choose(ctx, &found); err != nil {
		return err
	}
	return p.open()
}

// survey is what the packets are like.
type survey struct {
	ip           bool   // they start with an IP header
	headless     bool   // they start with something else than an Ethernet header
	scattered    bool   // recorded ones leave through several devices
	alters       string // what a raw socket would do to one of them
	unanswerable string // why none can be answered
	why          string // not as trains, which are faster
	asking       bool
}

// noKind is said of packets that are neither IP nor ARP.
const noKind = "no answer can be told for packets of this kind"

// look adds a packet, without its link header, to the survey.
func (s *survey) look(p *Plan, ip []byte, mtu int) {
	if s.ip && s.alters == "" {
		s.alters = RawAlters(ip, mtu)
	}
	if s.asking {
		return
	}
	var room [levels]Header
	headers := parseLevels(ip, &room)
	why := noKind
	for i := range headers {
		if why = p.unanswerable(&headers[i]); why == "" {
			s.asking, s.unanswerable = true, ""
			return
		}
	}
	if s.unanswerable == "" {
		s.unanswerable = why
	}
}

// unanswerable says why nothing answers a packet; "" if something can.
func (p *Plan) unanswerable(h *Header) string {
	if mute := kindOf(h.Protocol).mute; mute != nil {
		if why := mute(h); why != "" {
			return why
		}
	}
	if h.Protocol != protocolARP && !h.Src.IsUnspecified() && !h.Src.IsMulticast() && !p.resolver.Local(h.Src) {
		return fmt.Sprintf("their source %s is not an address of this host", h.Src)
	}
	return ""
}

// surveyTemplate finds the way out and looks at packets of the template, of which those beyond are looked at again when
// they are sent.
func (p *Plan) surveyTemplate(ctx context.Context) (s survey, err error) {
	t := p.Template
	if p.Route, err = p.way(); err != nil {
		return s, err
	}
	if p.Route.Broadcast && t.Count() == 1 && !p.Allow.Broadcast {
		return s, refuse(Destination(t.Layers(0)), "a broadcast address of "+p.Route.Interface, "broadcast")
	}
	_, whole := t.Layers(0)[0].(*packet.Ethernet)
	s.ip, s.headless = startsWithIP(t), !whole
	var b []byte
	var ends []int
	for n := range min(t.Count(), p.Total(), variedChecked) {
		layers := t.Layers(n)
		if n == 0 || !t.Varies() {
			if _, err := p.resolver.FillSource(t, layers); err != nil {
				return s, err
			}
		}
		if b, ends, err = t.Build(b[:0], ends[:0], layers, n); err != nil {
			return s, err
		}
		from := 0
		for _, to := range ends {
			ip := b[from:to]
			if whole {
				ip = ip[NetworkPart(ip):]
			}
			s.look(p, ip, p.Route.MTU)
			from = to
		}
		if s.alters != "" && s.asking || !s.ip && s.asking {
			break
		}
	}
	return s, nil
}

// way returns the way out of the first packet; with an interface given, of the first that is not for this host itself.
func (p *Plan) way() (*Route, error) {
	t := p.Template
	for n := range min(t.Count(), variedChecked) {
		route, err := p.resolver.Route(Destination(t.Layers(n)))
		if err != nil || p.Interface == "" || !route.Loopback || route.Interface == p.Interface {
			return route, err
		}
	}
	return p.resolver.Route(Destination(t.Layers(0)))
}

// surveyRecorded finds the way out and looks at all packets. Nobody may have meant their destinations, so they need
// saying too.
func (p *Plan) surveyRecorded() (s survey, err error) {
	r := p.Recorded
	if len(r.Packets) == 0 {
		return s, errors.New("no packet is there to be sent")
	}
	if s.ip = !r.Frames; r.Frames && p.Engine == RawEngine { // by the routes of this host
		s.ip, r.Frames = true, false
		for i, f := range r.Packets {
			r.Packets[i] = f[NetworkPart(f):]
		}
	}
	s.headless = !r.Frames
	broadcast := map[string]string{} // the device of each
	for _, n := range p.networks {
		if a := n.broadcast(); a.IsValid() {
			broadcast[a.String()] = n.device
		}
	}
	s.why = "recorded packets differ, and a train is made of equal ones"
	for i, packet := range r.Packets {
		if r.Frames {
			packet = packet[NetworkPart(packet):]
		}
		h, ok := ParseHeader(packet)
		if ok && !r.Frames {
			route, err := p.resolver.Route(h.Dst)
			switch {
			case p.Route != nil:
				s.scattered = s.scattered || err != nil || route.Ifindex != p.Route.Ifindex
			case err != nil:
				return s, err
			default:
				p.Route = route
			}
		}
		if ok {
			err := p.Allow.checkAddress(h.Dst)
			if device := broadcast[h.Dst.String()]; device != "" && !p.Allow.Broadcast {
				err = refuse(h.Dst, "a broadcast address of "+device, "broadcast")
			}
			if err != nil {
				return s, &PacketError{uint64(i), err}
			}
		}
		altered := s.alters
		s.look(p, packet, 0)
		if p.Engine == RawEngine && s.alters != altered {
			return s, &PacketError{uint64(i), &engineError{s.alters}}
		}
	}
	if p.Route == nil {
		if p.Interface == "" {
			return s, ErrNeedsInterface
		}
		p.Route, err = p.resolver.Device()
	}
	return s, err
}

// choose picks the engine that sends what was asked, and says why.
func (p *Plan) choose(ctx context.Context, s *survey) (kind EngineKind, reason string, err error) {
	suits := p.Flood && p.Route.Ethernet && !p.Route.Loopback && !s.scattered // frames are the faster way
	if s.ip && (p.Engine == RawEngine || p.Engine == AutoEngine && !suits) {
		switch {
		case s.alters == "":
			return RawEngine, "", nil
		case p.Engine == RawEngine:
			return "", "", &engineError{s.alters}
		case !p.Route.Ethernet:
			return "", "", fmt.Errorf("%s, and %s takes no frames", s.alters, p.Route.Interface)
		}
		return PacketEngine, s.alters, p.addEthernet(ctx)
	}
	if !p.Route.Ethernet {
		return "", "", fmt.Errorf("frames cannot be sent on %s: it is no Ethernet device", p.Route.Interface)
	}
	p.frames = true
	if s.headless {
		if err := p.addEthernet(ctx); err != nil {
			return "", "", err
		}
	}
	if s.why == "" {
		if s.why, err = p.refusesTrains(ctx); err != nil {
			return "", "", err
		}
	}
	switch {
	case p.Engine == TrainEngine && s.why != "":
		return "", "", &engineError{s.why}
	case p.Engine == TrainEngine || p.Engine == AutoEngine && suits && s.why == "":
		return TrainEngine, "equal UDP packets; their ids count up", nil
	case p.Engine == XDPEngine || p.Engine == AutoEngine && suits && !p.Listens() && p.Route.MTU <= xdpMTU:
		return XDPEngine, "", nil
	}
	return PacketEngine, "", nil
}

// addEthernet puts Ethernet headers before packets that start with IP.
func (p *Plan) addEthernet(ctx context.Context) error {
	p.frames = true
	if p.Template != nil {
		p.Template.AddEthernet()
		return nil
	}
	p.Recorded.Frames = true
	for i, ip := range p.Recorded.Packets {
		h, ok := ParseHeader(ip)
		if !ok {
			return &PacketError{uint64(i), errors.New("it has no destination to find an Ethernet address by")}
		}
		route, err := p.resolver.Route(h.Dst)
		if err == nil && route.Ifindex != p.Route.Ifindex {
			err = fmt.Errorf("%s is reached through %s, not %s: %w", h.Dst, route.Interface, p.Route.Interface, ErrOtherInterface)
		}
		if err != nil {
			return &PacketError{uint64(i), err}
		}
		ethernet := packet.Ethernet{Src: route.MAC, EtherType: packet.U16(wire.EtherTypeIPv4)}
		if h.Dst.Is6() {
			ethernet.EtherType = packet.U16(wire.EtherTypeIPv6)
		}
		if ethernet.Dst, err = p.resolver.destinationMAC(ctx, nil, h.Dst, route); err != nil {
			return &PacketError{uint64(i), err}
		}
		if p.Recorded.Packets[i], err = packet.Append(make([]byte, 0, len(ip)+14), &ethernet, packet.Payload(ip)); err != nil {
			return &PacketError{uint64(i), err}
		}
	}
	return nil
}

// refusesTrains says why packets of the template do not go as trains.
func (p *Plan) refusesTrains(ctx context.Context) (string, error) {
	t := p.Template
	layers := t.Layers(0)
	if _, err := p.resolver.Fill(ctx, t, layers); err != nil {
		return "", err
	}
	frame, ends, err := t.Build(nil, nil, layers, 0)
	switch {
	case err != nil:
		return "", err
	case t.Varies() || len(ends) > 1:
		return "a train is made of equal packets", nil
	case len(frame) > 14+p.Route.MTU:
		return fmt.Sprintf("a train of frames larger than the MTU of %d would not be cut to it", p.Route.MTU), nil
	}
	if why := TrainRefuses(frame); why != "" {
		return why, nil
	}
	for i, l := range layers {
		if _, ok := l.(*packet.IPv4); ok && t.Given(i, "id") {
			return "a train's kernel counts up the id", nil
		}
	}
	return "", nil
}

// xdpMTU is the largest MTU whose frames an AF_XDP socket takes.
const xdpMTU = 4096 - 18

// open opens the engine chosen. Where the choice was left to the plan and an engine does not work here, the next does
// the same job, and another stands by in case it stops working while packets are sent.
func (p *Plan) open() (err error) {
	bypass := p.Flood && !p.Listens()
	cfg := &Config{Interface: p.Route.Interface, Broadcast: p.Allow.Broadcast, QueueBypass: bypass, Flood: p.Flood || p.Fast}
	if p.frames && p.Template != nil {
		if err := p.resolver.Prepare(p.Route.Ifindex); err != nil {
			return err
		}
	}
	if p.Chosen == RawEngine {
		cfg.Interface = p.Interface
		p.engine, err = OpenRaw(cfg)
		return err
	}
	if p.Chosen == PacketEngine || p.Engine != AutoEngine {
		p.engine, err = openFramesBy(p.Chosen, cfg, false)
		return err
	}
	candidates := []EngineKind{p.Chosen}
	if p.Chosen == TrainEngine && bypass && p.Route.MTU <= xdpMTU {
		candidates = append(candidates, XDPEngine)
	}
	standby, err := OpenFrames(cfg)
	if err != nil {
		return err
	}
	cfg.patience = standbyPatience
	for _, kind := range candidates {
		e, err := openFramesBy(kind, cfg, true)
		if err == nil {
			p.Chosen = kind
			p.engine = &inTurn{engines: []Engine{e, standby}, notice: p.Notice}
			return nil
		}
		if p.Reason = fmt.Sprintf("not by %s, which is faster: %v", engineNames[kind], err); kind == TrainEngine {
			p.Reason = fmt.Sprintf("not by %s: %v", engineNames[kind], err)
		}
	}
	p.Chosen, p.engine = PacketEngine, standby
	return nil
}

// standbyPatience is how long an engine that another stands by for may find no room before it is given up.
const standbyPatience = 250 * time.Millisecond

var engineNames = map[EngineKind]string{TrainEngine: "segment-offload trains", XDPEngine: "AF_XDP"}

// openFramesBy opens an engine for frames. eager says that another will do: then only one that is faster is opened.
func openFramesBy(kind EngineKind, cfg *Config, eager bool) (Engine, error) {
	switch kind {
	case TrainEngine:
		if err := cutsTrains(cfg.Interface); err != nil {
			if eager {
				return nil, err
			}
			slow := *cfg
			slow.QueueBypass = false // past the queue nobody would cut them
			return OpenTrains(&slow)
		}
		return OpenTrains(cfg)
	case XDPEngine:
		return OpenXDP(cfg)
	}
	return OpenFrames(cfg)
}

// Close frees what Open opened.
func (p *Plan) Close() error {
	var err error
	if p.engine != nil {
		err = p.engine.Close()
		p.engine = nil
	}
	if p.resolver != nil {
		err = errors.Join(err, p.resolver.Close())
		p.resolver = nil
	}
	return err
}

// toMany reports whether more than one host may answer a packet to dst.
func (p *Plan) toMany(h *Header) bool {
	dst := h.Dst
	if h.Protocol == protocolARP || !dst.IsValid() {
		return false
	}
	if dst.IsMulticast() || dst == limitedBroadcast {
		return true
	}
	return slices.ContainsFunc(p.networks, func(n network) bool { return n.broadcast() == dst })
}

// endless reports whether the plan has no end of its own.
func (p *Plan) endless() bool { return p.Total() == math.MaxUint64 }
