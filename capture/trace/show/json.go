package show

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"sockwire/capture/trace"
	"strings"
	"time"
)

type socketJSON struct {
	Type      string `json:"type"`
	Scene     string `json:"scene,omitempty"`
	Name      string `json:"name"`
	Actor     string `json:"actor,omitempty"`
	Host      string `json:"host,omitempty"`
	FD        int    `json:"fd"`
	Family    string `json:"family"`
	Kind      string `json:"kind"`
	Protocol  uint8  `json:"protocol"`
	Local     string `json:"local,omitempty"`
	Remote    string `json:"remote,omitempty"`
	Parent    string `json:"parent,omitempty"`
	Peer      string `json:"peer,omitempty"`
	Cookie    uint64 `json:"cookie,omitempty"`
	CreatedNS int64  `json:"created_ns"`
	ClosedNS  *int64 `json:"closed_ns"`
}

type callJSON struct {
	Type       string              `json:"type"`
	Scene      string              `json:"scene,omitempty"`
	Number     int                 `json:"number"`
	Actor      string              `json:"actor,omitempty"`
	Process    int                 `json:"process"`
	Thread     int                 `json:"thread"`
	Host       string              `json:"host,omitempty"`
	Name       string              `json:"name"`
	Ring       bool                `json:"io_uring,omitempty"`
	Socket     string              `json:"socket,omitempty"`
	FD         *int                `json:"fd"`
	Args       []argJSON           `json:"args"`
	Time       string              `json:"time"`
	EnteredNS  int64               `json:"entered_ns"`
	LeftNS     *int64              `json:"left_ns"`
	DurationNS *int64              `json:"duration_ns"`
	Result     *int64              `json:"result"`
	Meaning    string              `json:"result_text,omitempty"`
	Errno      string              `json:"errno,omitempty"`
	Data       string              `json:"data_hex,omitempty"`
	Messages   []messageJSON       `json:"messages,omitempty"`
	Flags      []string            `json:"returned_flags,omitempty"`
	FDs        []int               `json:"fds,omitempty"`
	Packets    []int               `json:"packets,omitempty"`
	Received   []trace.Span        `json:"received,omitempty"`
	Message    int                 `json:"message_packet,omitempty"`
	Lost       int                 `json:"lost,omitempty"`
	End        bool                `json:"end_of_stream,omitempty"`
	Error      int                 `json:"error_packet,omitempty"`
	Queued     []trace.QueuedError `json:"error_queue,omitempty"`
	Silent     bool                `json:"no_packet,omitempty"`
	Because    string              `json:"no_packet_because,omitempty"`
	Waits      []waitJSON          `json:"waits,omitempty"`
	Unlisted   int                 `json:"waits_unlisted,omitempty"`
	Ready      []waitJSON          `json:"ready,omitempty"`
	Wake       *wakeJSON           `json:"ended_by,omitempty"`
}

// wakeJSON is what ended a wait.
type wakeJSON struct {
	Kind   string `json:"kind"`
	Socket string `json:"socket,omitempty"`
	Packet int    `json:"packet,omitempty"`
	Call   int    `json:"call,omitempty"`
}

// waitJSON is a descriptor that a call waits for or found ready.
type waitJSON struct {
	FD     *int     `json:"fd"`
	Socket string   `json:"socket,omitempty"`
	Events []string `json:"events"`
	Data   string   `json:"data,omitempty"` // of epoll, in hexadecimal
}

type argJSON struct {
	Name     string `json:"name"`
	Value    any    `json:"value"`
	Returned bool   `json:"returned,omitempty"`
}

type dataJSON struct {
	Hex    string `json:"hex"`
	Length int    `json:"length"`
	Text   string `json:"text,omitempty"`
}

// messageJSON is one message of sendmmsg(2) or recvmmsg(2).
type messageJSON struct {
	Data    string   `json:"data_hex"`
	Length  int      `json:"length"`
	Room    int      `json:"room,omitempty"`
	Addr    string   `json:"addr,omitempty"`
	Control any      `json:"control,omitempty"`
	Flags   []string `json:"returned_flags,omitempty"`
}

type packetJSON struct {
	Type         string       `json:"type"`
	Scene        string       `json:"scene,omitempty"`
	Number       int          `json:"number"`
	Time         string       `json:"time"`
	AtNS         int64        `json:"at_ns"`
	Host         string       `json:"host,omitempty"`
	Interface    string       `json:"interface,omitempty"`
	Direction    string       `json:"direction"`
	From         string       `json:"from,omitempty"`
	To           string       `json:"to,omitempty"`
	Also         []string     `json:"also_to,omitempty"`
	Source       string       `json:"source,omitempty"`
	Destination  string       `json:"destination,omitempty"`
	Protocol     uint8        `json:"protocol"`
	TTL          uint8        `json:"ttl"`
	Length       int          `json:"length"`
	Payload      int          `json:"payload_length"`
	TCP          *tcpJSON     `json:"tcp,omitempty"`
	Fragment     *fragJSON    `json:"fragment,omitempty"`
	ICMP         *icmpJSON    `json:"icmp,omitempty"`
	Summary      string       `json:"summary,omitempty"`
	Carries      []trace.Span `json:"carries"`
	Unattributed int          `json:"unattributed"`
	Retransmit   bool         `json:"retransmit,omitempty"`
	// Verdicts are what became of the segment, see flow.Verdict.AppendJSON; the numbers in them are those of packet
	// records.
	Verdicts []json.RawMessage `json:"verdicts,omitempty"`
	Said     *saidJSON         `json:"kernel_says,omitempty"`
	// Drops are what the kernel said where it dropped the packet; of one that is uncaptured nothing else tells.
	Drops      []dropJSON `json:"drops,omitempty"`
	Uncaptured bool       `json:"uncaptured,omitempty"`
	Cause      causeJSON  `json:"cause"`
	Raw        *rawJSON   `json:"raw,omitempty"`
	Segments   int        `json:"segments"`
}

type tcpJSON struct {
	Flags   string `json:"flags"`
	Seq     uint32 `json:"seq"`
	Ack     uint32 `json:"ack"`
	Window  uint16 `json:"window"`
	FromSeq *int64 `json:"relative_seq"`
	AckSeq  *int64 `json:"relative_ack"`
	MSS     uint16 `json:"mss,omitempty"`
}

type fragJSON struct {
	ID     uint32 `json:"id"`
	Offset int    `json:"offset"`
	More   bool   `json:"more"`
}

type icmpJSON struct {
	Type    uint8  `json:"icmp_type"`
	Code    uint8  `json:"code"`
	Name    string `json:"name,omitempty"`
	Quotes  int    `json:"quotes_packet,omitempty"`
	Replies int    `json:"answers_packet,omitempty"`
}

type causeJSON struct {
	Kind   string `json:"kind"`
	Call   int    `json:"call,omitempty"`
	Packet int    `json:"packet,omitempty"`
}

type rawJSON struct {
	HeaderIncluded bool           `json:"header_included"`
	Prepended      int            `json:"prepended"`
	Filled         []trace.Change `json:"filled,omitempty"`
	Changes        []trace.Change `json:"changes,omitempty"`
	AsPassed       int            `json:"as_passed"`
}

var familyNames = [...]string{"unknown", "ipv4", "ipv6", "unix", "packet"}

func socketRecord(s *trace.Socket, scene string) socketJSON {
	r := socketJSON{
		Type: "socket", Scene: scene, Name: s.Name, Actor: s.Actor, Host: s.Host, FD: s.FD, Family: familyNames[min(int(s.Family), len(familyNames)-1)],
		Kind: s.Kind.String(), Protocol: s.Transport(), Local: addressText(s.Local), Remote: addressText(s.Remote), Cookie: s.Cookie, CreatedNS: int64(s.Created),
	}
	if s.Family == trace.FamilyUnix {
		r.Protocol = 0
	}
	if s.Parent != nil {
		r.Parent = s.Parent.Name
	}
	if s.Peer != nil {
		r.Peer = s.Peer.Name
	}
	if s.Closed >= 0 {
		r.ClosedNS = nanoseconds(s.Closed)
	}
	return r
}

// socketKey is a record of a socket that can be compared.
type socketKey struct {
	record socketJSON
	closed int64
}

func (r socketJSON) key() socketKey {
	k := socketKey{record: r}
	if r.ClosedNS != nil {
		k.closed, k.record.ClosedNS = *r.ClosedNS, nil
	}
	return k
}

// text is the address without the quotes that String puts around names.
func addressText(a trace.Addr) string {
	if a.Unix != "" {
		return a.Unix
	}
	return a.String()
}

func nanoseconds(d time.Duration) *int64 {
	n := int64(d)
	return &n
}

func callRecord(t *trace.Timeline, c *trace.CallRecord, scene string, start time.Time) callJSON {
	r := callJSON{
		Type: "call", Scene: scene, Number: c.Number, Actor: c.Actor, Process: c.Process, Thread: c.Thread, Host: c.Host, Name: c.Name, Ring: c.Ring,
		Args: []argJSON{}, Time: start.Add(c.Entered).UTC().Format(time.RFC3339Nano), EnteredNS: int64(c.Entered),
		FDs: c.FDs, Packets: c.Packets, Received: c.Received, Message: c.Message, Lost: c.Lost, End: c.End, Error: c.Error,
		Silent: c.Silent, Because: c.Because, Flags: c.Returned, Errno: c.Errno, Meaning: c.Meaning, Queued: c.Queued,
	}
	if c.On != nil {
		r.Socket = c.On.Name
	}
	if c.FD >= 0 {
		r.FD = &c.FD
	}
	if !c.Pending {
		r.LeftNS, r.DurationNS = nanoseconds(c.Left), nanoseconds(c.Left-c.Entered)
		r.Result = &c.Result
		if c.Reads() {
			r.Data = hex.EncodeToString(c.Data)
		}
	}
	for _, m := range c.Messages {
		j := messageJSON{Data: hex.EncodeToString(m.Data), Length: m.Size, Room: m.Room, Addr: addressText(m.Addr), Flags: m.Returned}
		if m.Control.Size > 0 {
			j.Control = argumentValue(m.Control)
		}
		r.Messages = append(r.Messages, j)
	}
	for _, a := range c.Args {
		r.Args = append(r.Args, argJSON{a.Name, argumentValue(a), a.Returned})
	}
	if c.Waiting() && !c.Pending {
		r.Wake = &wakeJSON{Kind: c.Wake.Kind.String(), Packet: c.Wake.Packet, Call: c.Wake.Call}
		if c.Wake.Socket != nil {
			r.Wake.Socket = c.Wake.Socket.Name
		}
	}
	r.Waits, r.Unlisted, r.Ready = waitRecords(t, c, c.Waits), c.Unlisted, waitRecords(t, c, c.Ready)
	return r
}

func waitRecords(t *trace.Timeline, c *trace.CallRecord, all []trace.Wait) []waitJSON {
	var out []waitJSON
	for i := range all {
		w := &all[i]
		r := waitJSON{Events: w.Events.Names(c.Name)}
		if w.FD >= 0 {
			r.FD = &w.FD
		}
		if s := t.Socket(w.Socket, w.Began(c.Call)); s != nil {
			r.Socket = s.Name
		}
		if strings.HasPrefix(c.Name, "epoll") {
			r.Data = fmt.Sprintf("%#x", w.Data)
		}
		out = append(out, r)
	}
	return out
}

// value is the argument for JSON: a number, a name, an address, or data in hex with its length, and its meaning where
// that is known.
func argumentValue(a trace.Arg) any {
	switch a.Kind {
	case trace.ArgName:
		return a.Text
	case trace.ArgAddr:
		return addressText(a.Addr)
	case trace.ArgData:
		return dataJSON{hex.EncodeToString(a.Data), a.Size, a.Text}
	}
	if a.Text != "" {
		return a.Text
	}
	return a.Int
}

func packetRecord(p *trace.PacketRecord, scene string, start time.Time) packetJSON {
	r := packetJSON{
		Type: "packet", Scene: scene, Number: p.Number, Time: start.Add(p.Time).UTC().Format(time.RFC3339Nano), AtNS: int64(p.Time),
		Host: p.Host, Interface: p.Interface, Direction: [...]string{"unknown", "in", "out"}[min(p.Direction, trace.Out)],
		Source: endText(p.Src), Destination: endText(p.Dst), Protocol: p.Protocol, TTL: p.TTL, Length: p.Length, Payload: p.PayloadLength,
		Carries: append([]trace.Span{}, p.Carries...), Unattributed: p.Unattributed, Retransmit: p.Retransmit, Verdicts: verdictRecords(p), Said: saidRecord(p), Drops: dropRecords(p), Uncaptured: p.Uncaptured,
		Cause: causeJSON{p.Cause.Kind.String(), p.Cause.Call, p.Cause.Packet}, Segments: max(p.Segments, 1),
	}
	if p.From == nil && p.To == nil {
		r.Summary = p.Line()
	}
	if p.From != nil {
		r.From = p.From.Name
	}
	if p.To != nil {
		r.To = p.To.Name
	}
	for _, s := range p.Also {
		r.Also = append(r.Also, s.Name)
	}
	if p.TCP != nil {
		r.TCP = &tcpJSON{Flags: p.TCP.Flags.String(), Seq: p.TCP.Seq, Ack: p.TCP.Ack, Window: p.TCP.Window, MSS: p.TCP.MSS}
		if p.Relative {
			r.TCP.FromSeq = &p.FromSeq
		}
		if p.AckRelative {
			r.TCP.AckSeq = &p.AckSeq
		}
	}
	if p.Fragment.Is {
		r.Fragment = &fragJSON{p.IPID, p.Fragment.Offset, p.Fragment.More}
	}
	if p.ICMP != nil {
		r.ICMP = &icmpJSON{p.ICMP.Type, p.ICMP.Code, p.ICMP.Name, p.Quotes, p.Replies}
	}
	if p.Raw != nil {
		r.Raw = &rawJSON{p.Raw.HeaderIncluded, p.Raw.Prepended, p.Raw.Filled, p.Raw.Changes, p.Raw.AsPassed}
	}
	return r
}

// endText is an address with its port, or without one that is not there.
func endText(a netip.AddrPort) string {
	switch {
	case !a.IsValid():
		return ""
	case a.Port() == 0:
		return a.Addr().String()
	}
	return a.String()
}
