package main

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"time"

	"sockwire/capture/flow"
	"sockwire/cmd/internal/cli"
)

// census is what --streams and --stats tcp keep of the streams that have left the tracker.
type census struct {
	lists   bool // the ranking is asked for; else the totals
	ranking flow.Ranking
	totals  flow.Totals
}

func newCensus(o *options) *census {
	by, _ := flow.OrderBy(o.sort)
	return &census{lists: o.streams, ranking: flow.Ranking{By: by, Limit: o.top}}
}

func (c *census) add(s *flow.Stream) {
	if c.lists {
		c.ranking.Add(s)
	} else {
		c.totals.Add(s)
	}
}

// addAll takes all that there are at the end, on all processors if they are many.
func (c *census) addAll(streams []*flow.Stream) {
	n := runtime.GOMAXPROCS(0)
	if !c.lists || len(streams) < 256*n {
		for _, s := range streams {
			c.add(s)
		}
		return
	}
	parts := make([]flow.Ranking, n)
	var wg sync.WaitGroup
	for i := range parts {
		r := &parts[i]
		*r = flow.Ranking{By: c.ranking.By, Limit: c.ranking.Limit}
		wg.Go(func() {
			for _, s := range streams[i*len(streams)/n : (i+1)*len(streams)/n] {
				r.Add(s)
			}
		})
	}
	wg.Wait()
	for i := range parts {
		c.ranking.Merge(&parts[i])
	}
}

// streamRecord is a record of --streams --json.
type streamRecord struct {
	Type        string      `json:"type"`
	Stream      uint64      `json:"stream"`
	Client      string      `json:"client"`
	Server      string      `json:"server"`
	Interface   int32       `json:"interface,omitempty"`
	VLAN        uint32      `json:"vlan,omitempty"`
	Tunnel      uint32      `json:"tunnel,omitempty"`
	FirstPacket uint64      `json:"first_packet"`
	LastPacket  uint64      `json:"last_packet"`
	First       *time.Time  `json:"first,omitempty"`
	Duration    int64       `json:"duration_ns"`
	Complete    bool        `json:"complete"`
	End         flow.End    `json:"end"`
	By          string      `json:"ended_by,omitempty"`
	EndPacket   uint64      `json:"end_packet,omitempty"`
	Handshake   handshake   `json:"handshake"`
	RoundTrip   int64       `json:"round_trip_ns"`
	Limit       *limitShare `json:"limited,omitempty"`
	FromClient  sideRecord  `json:"from_client"`
	FromServer  sideRecord  `json:"from_server"`
}

type handshake struct {
	Server int64 `json:"server_ns"`
	Client int64 `json:"client_ns"`
}

// limitShare is what held the larger direction back, in parts of 1.
type limitShare struct {
	Application float64 `json:"application"`
	Receiver    float64 `json:"receiver"`
	Network     float64 `json:"network"`
}

type sideRecord struct {
	Packets         uint64            `json:"packets"`
	Segments        uint64            `json:"segments"`
	Bytes           uint64            `json:"bytes"`
	Again           uint64            `json:"again_bytes"`
	Missing         uint64            `json:"missing_bytes"`
	Goodput         float64           `json:"goodput_bits_per_second"`
	MaxInFlight     int64             `json:"max_in_flight"`
	Window          uint32            `json:"window"`
	MSS             uint16            `json:"mss"`
	Largest         uint32            `json:"largest"`
	Scale           int               `json:"window_scale"` // -1: not known
	SACK            bool              `json:"sack_permitted"`
	Timestamps      bool              `json:"timestamps"`
	FastOpen        bool              `json:"fast_open"`
	ECN             bool              `json:"ecn"`
	CE              uint32            `json:"ce"`
	ECE             uint32            `json:"ece"`
	CWR             uint32            `json:"cwr"`
	FIN             bool              `json:"fin"`
	RST             bool              `json:"rst"`
	RoundTrips      roundTrips        `json:"round_trips"`
	Limits          limits            `json:"limits"`
	Verdicts        map[string]uint64 `json:"verdicts"`
	Retransmissions map[string]uint64 `json:"retransmissions"` // by cause
}

type roundTrips struct {
	Count uint64 `json:"count"`
	Min   int64  `json:"min_ns"`
	P50   int64  `json:"p50_ns"`
	P90   int64  `json:"p90_ns"`
	P99   int64  `json:"p99_ns"`
	Max   int64  `json:"max_ns"`
	Mean  int64  `json:"mean_ns"`
}

type limits struct {
	Application int64 `json:"application_ns"`
	Receiver    int64 `json:"receiver_ns"`
	Network     int64 `json:"network_ns"`
}

func newRoundTrips(r *flow.RoundTrips) roundTrips {
	return roundTrips{r.Count, int64(r.Min), int64(r.Percentile(50)), int64(r.Percentile(90)), int64(r.Percentile(99)), int64(r.Max), int64(r.Mean())}
}

func newLimits(l flow.Limits) limits {
	return limits{int64(l.Application), int64(l.Receiver), int64(l.Network)}
}

func newSideRecord(s *flow.Summary, d flow.Direction) sideRecord {
	v := &s.Sides[d]
	r := sideRecord{
		Packets: v.Packets, Segments: v.Segments, Bytes: v.Bytes, Again: v.Again, Missing: v.Missing, Goodput: 8 * s.Goodput(d),
		MaxInFlight: v.MaxInFlight, Window: v.Window, MSS: v.MSS, Largest: v.Largest, Scale: v.Scale, SACK: v.SACKPermitted,
		Timestamps: v.Timestamps, FastOpen: v.FastOpen, ECN: v.ECN, CE: v.CE, ECE: v.ECE, CWR: v.CWR, FIN: v.FIN, RST: v.RST,
		RoundTrips: newRoundTrips(&v.RoundTrips), Limits: newLimits(v.Limits),
	}
	r.Verdicts, r.Retransmissions = countsBy(func(k flow.Kind) uint64 { return uint64(v.Count(k)) },
		func(c flow.Cause) uint64 { return uint64(v.Retransmissions(c)) })
	return r
}

// countsBy names what there is of each kind of verdict, and of each cause of retransmissions.
func countsBy(kind func(flow.Kind) uint64, cause func(flow.Cause) uint64) (kinds, causes map[string]uint64) {
	kinds, causes = map[string]uint64{}, map[string]uint64{}
	for _, k := range flow.Kinds() {
		if n := kind(k); n > 0 {
			kinds[k.String()] = n
		}
	}
	for _, c := range flow.RetransmissionCauses() {
		if n := cause(c); n > 0 {
			causes[c.String()] = n
		}
	}
	return kinds, causes
}

func newStreamRecord(s *flow.Summary) streamRecord {
	r := streamRecord{
		Type: "stream", Stream: s.Number, Client: s.Client.String(), Server: s.Server.String(),
		Interface: s.Link.Interface, VLAN: s.Link.VLAN, Tunnel: s.Link.Tunnel,
		FirstPacket: s.FirstPacket, LastPacket: s.LastPacket, First: when(s.Start), Duration: int64(s.Duration), Complete: s.Complete,
		End: s.End, EndPacket: s.EndPacket, Handshake: handshake{int64(s.Handshake.Server), int64(s.Handshake.Client)},
		RoundTrip: int64(s.RoundTrip()), FromClient: newSideRecord(s, flow.Forward), FromServer: newSideRecord(s, flow.Backward),
	}
	if s.End != flow.Open {
		r.By = sideName(s.By)
	}
	if a, re, n, ok := s.Limited().Shares(); ok {
		r.Limit = &limitShare{a, re, n}
	}
	return r
}

func sideName(d flow.Direction) string {
	if d == flow.Forward {
		return "client"
	}
	return "server"
}

// printStreams prints the table of --streams.
func printStreams(out *cli.Output, o *options, c *census) {
	list := c.ranking.Sorted()
	if o.json {
		for i := range list {
			out.JSON(newStreamRecord(list[i]))
		}
		return
	}
	out.Printf("STREAMS (%d), by %s\n", c.ranking.Count(), o.sort)
	if len(list) > 0 {
		out.Printf("%9s %7s %6s %7s %6s %6s %6s %6s %6s %9s\n", "time", "packets", "bytes", "packets", "bytes", "again", "lost", "lost", "missed", "round")
		out.Printf("%9s %7s %6s %7s %6s %6s %6s %6s %6s %9s\n", "", "→", "→", "←", "←", "", "before", "behind", "", "trip")
	}
	for i := range list {
		printStream(out, list[i])
	}
	more(out, int(c.ranking.Count()), o.top)
}

func printStream(out *cli.Output, s *flow.Summary) {
	ends := fmt.Sprintf("#%d %v → %v%s", s.Number, s.Client, s.Server, linkWords(s.Link))
	story := streamStory(s)
	if len([]rune(ends))+2+len([]rune(story)) <= 80 {
		out.Printf("%s: %s\n", ends, story)
	} else {
		out.Printf("%s:\n  %s\n", ends, story)
	}
	a, b := &s.Sides[flow.Forward], &s.Sides[flow.Backward]
	out.Printf("%9s %7s %6s %7s %6s %6s %6s %6s %6s %9s\n", shortTime(s.Duration), compact(a.Packets, 7), compact(a.Bytes, 6), compact(b.Packets, 7),
		compact(b.Bytes, 6), compact(s.Count(flow.Retransmission), 6), compact(s.Count(flow.LostBefore), 6), compact(s.Count(flow.LostBehind), 6),
		compact(s.Count(flow.Missed), 6), shortTime(s.RoundTrip()))
}

func linkWords(l flow.Link) string {
	var words []string
	if l.Interface != 0 {
		words = append(words, fmt.Sprintf("interface %d", l.Interface))
	}
	if l.VLAN != 0 {
		words = append(words, fmt.Sprintf("vlan %d", l.VLAN&0xffff))
	}
	if l.Tunnel != 0 {
		words = append(words, fmt.Sprintf("tunnel %d", l.Tunnel))
	}
	if len(words) == 0 {
		return ""
	}
	return " (" + strings.Join(words, ", ") + ")"
}

// streamStory says how a stream ended and what held it back.
func streamStory(s *flow.Summary) string {
	story := s.End.String()
	if s.End != flow.Open && s.End != flow.Replaced {
		story += " by the " + sideName(s.By)
	}
	if a, r, n, ok := s.Limited().Shares(); ok {
		switch {
		case a >= r && a >= n:
			story += fmt.Sprintf(", limited by the application %.0f%%", 100*a)
		case r >= n:
			story += fmt.Sprintf(", by the receiver's window %.0f%%", 100*r)
		default:
			story += fmt.Sprintf(", by the network %.0f%%", 100*n)
		}
	}
	return story
}

// shortTime is a time in nine columns, - for none.
func shortTime(d time.Duration) string {
	if d == 0 {
		return "-"
	}
	switch {
	case d < time.Millisecond:
		return fmt.Sprintf("%.3g µs", float64(d)/1e3)
	case d < time.Second:
		return fmt.Sprintf("%.3g ms", float64(d)/1e6)
	case d < 1000*time.Second:
		return fmt.Sprintf("%.3g s", d.Seconds())
	}
	return fmt.Sprintf("%.0f s", d.Seconds())
}

// tcpRecord is the record of --stats tcp --json.
type tcpRecord struct {
	Type            string            `json:"type"`
	Streams         uint64            `json:"streams"`
	Complete        uint64            `json:"complete"`
	Ends            map[string]uint64 `json:"ends"`
	Packets         uint64            `json:"packets"`
	Segments        uint64            `json:"segments"`
	Bytes           uint64            `json:"bytes"`
	Again           uint64            `json:"again_bytes"`
	Missing         uint64            `json:"missing_bytes"`
	Handshakes      roundTrips        `json:"handshakes"`
	RoundTrips      roundTrips        `json:"round_trips"`
	Limits          limits            `json:"limits"`
	Verdicts        map[string]uint64 `json:"verdicts"`
	Retransmissions map[string]uint64 `json:"retransmissions"`
	GivenUp         givenUp           `json:"given_up"`
}

type givenUp struct {
	Streams uint64 `json:"streams"`
	Records uint64 `json:"records"`
	Holes   uint64 `json:"holes"`
}

// printTCP prints the part tcp of --stats.
func printTCP(out *cli.Output, o *options, t *flow.Totals, lost flow.Lost) {
	if o.json {
		r := tcpRecord{
			Type: "tcp", Streams: t.Streams, Complete: t.Complete, Ends: map[string]uint64{}, Packets: t.Packets, Segments: t.Segments, Bytes: t.Bytes,
			Again: t.Again, Missing: t.Missing, Handshakes: newRoundTrips(&t.Handshakes), RoundTrips: newRoundTrips(&t.RoundTrips),
			Limits: newLimits(t.Limits), GivenUp: givenUp{lost.Streams, lost.Records, lost.Holes},
		}
		for end, n := range t.Ends {
			if n > 0 {
				r.Ends[flow.End(end).String()] = n
			}
		}
		r.Verdicts, r.Retransmissions = countsBy(t.Count, t.Retransmissions)
		out.JSON(r)
		return
	}
	out.Printf("\nTCP: %s, %d of them from their beginning", cli.Plural(t.Streams, "stream"), t.Complete)
	for end, n := range t.Ends {
		if n > 0 {
			out.Printf(", %d %v", n, flow.End(end))
		}
	}
	out.Printf("\n  %s with data, %s, %s sent again, %s missing\n", cli.Plural(t.Segments, "segment"), size(t.Bytes), size(t.Again), size(t.Missing))
	if t.Handshakes.Count+t.RoundTrips.Count > 0 {
		out.Printf("  %-12s %9s %9s %9s %9s %9s %9s\n", "", "count", "min", "median", "90%", "99%", "max")
	}
	printTrips(out, "handshakes", &t.Handshakes)
	printTrips(out, "round trips", &t.RoundTrips)
	if a, r, n, ok := t.Limits.Shares(); ok {
		out.Printf("  limited: application %.1f%%, receiver's window %.1f%%, network %.1f%%\n", 100*a, 100*r, 100*n)
	}
	for _, w := range flow.Words() {
		n := t.Word(w)
		if n > 0 {
			out.Printf("  %-18s %9d  %s\n", w.Name, n, w.Means)
		}
	}
}

func printTrips(out *cli.Output, what string, r *flow.RoundTrips) {
	if r.Count == 0 {
		return
	}
	out.Printf("  %-12s %9d %9s %9s %9s %9s %9s\n", what, r.Count, shortTime(r.Min), shortTime(r.Percentile(50)), shortTime(r.Percentile(90)),
		shortTime(r.Percentile(99)), shortTime(r.Max))
}
