package main

import (
	"fmt"
	"strings"
	"time"

	"sockwire/capture/stats"
	"sockwire/cmd/internal/cli"
)

// The records of --stats --json.
type (
	protocolRecord struct {
		Type     string   `json:"type"`
		Path     []string `json:"path"`
		Port     uint16   `json:"port,omitempty"` // of a payload that nobody knows
		Packets  uint64   `json:"packets"`
		Bytes    uint64   `json:"bytes"`
		Ends     uint64   `json:"end_packets"`
		EndBytes uint64   `json:"end_bytes"`
	}
	conversationRecord struct {
		Type      string     `json:"type"`
		Protocol  string     `json:"protocol"`
		A         string     `json:"a"`
		B         string     `json:"b"`
		PacketsAB uint64     `json:"packets_a_to_b"`
		BytesAB   uint64     `json:"bytes_a_to_b"`
		PacketsBA uint64     `json:"packets_b_to_a"`
		BytesBA   uint64     `json:"bytes_b_to_a"`
		First     *time.Time `json:"first,omitempty"`
		Duration  int64      `json:"duration_ns"`
		BitsAB    float64    `json:"bits_per_second_a_to_b"`
		BitsBA    float64    `json:"bits_per_second_b_to_a"`
	}
	endpointRecord struct {
		Type        string     `json:"type"`
		Address     string     `json:"address"`
		PacketsSent uint64     `json:"packets_sent"`
		BytesSent   uint64     `json:"bytes_sent"`
		PacketsRecv uint64     `json:"packets_received"`
		BytesRecv   uint64     `json:"bytes_received"`
		First       *time.Time `json:"first,omitempty"`
		Duration    int64      `json:"duration_ns"`
	}
	lengthRecord struct {
		Type    string `json:"type"`
		Min     int    `json:"min"`
		Max     *int   `json:"max"` // null: no limit
		Packets uint64 `json:"packets"`
		Bytes   uint64 `json:"bytes"`
	}
	totalRecord struct {
		Type      string     `json:"type"`
		Packets   uint64     `json:"packets"`
		Bytes     uint64     `json:"bytes"`
		Captured  uint64     `json:"captured_bytes"`
		Drops     uint64     `json:"drops"`
		Untracked uint64     `json:"untracked_packets"`
		First     *time.Time `json:"first,omitempty"`
		Last      *time.Time `json:"last,omitempty"`
		PerSecond float64    `json:"packets_per_second"`
		Bits      float64    `json:"bits_per_second"`
		Busiest   uint64     `json:"busiest_second_packets"`
	}
)

// printStats prints what was counted. a has the streams, where they are asked for.
func printStats(env *cli.Env, o *options, c *stats.Collector, a *analysis) {
	if o.json {
		if o.parts["tcp"] {
			printTCP(env.Stdout, o, &a.census.totals, a.tracker.Lost())
		}
		jsonStats(env, o, c)
		return
	}
	total, span := c.Total(), c.Span()
	out := env.Stdout
	out.Printf("%s, %s on the wire, %s captured\n", cli.Plural(total.Packets, "packet"), size(total.Bytes), size(c.Captured()))
	if !span.First.IsZero() {
		loc := time.Local
		if o.utc {
			loc = time.UTC
		}
		packets, bits := span.PerSecond(total)
		out.Printf("from %s for %s", span.First.In(loc).Format("2006-01-02 15:04:05.000000"), spanText(span.Duration().Round(time.Microsecond)))
		if packets > 0 {
			out.Printf(": %spackets/s, %s", short(packets), rate(bits))
		}
		out.Printf("\n")
		if second, n := c.Busiest(); n.Packets > 0 && span.Duration() > time.Second {
			out.Printf("at most %s in a second, at %s\n", cli.Plural(n.Packets, "packet"), second.In(loc).Format(time.TimeOnly))
		}
	}
	if n := c.Drops(); n > 0 {
		out.Printf("the capture lost %s, by its own account\n", cli.Plural(n, "packet"))
	}
	if o.parts["tcp"] {
		printTCP(out, o, &a.census.totals, a.tracker.Lost())
	}
	if o.parts["protocols"] {
		out.Printf("\nPROTOCOLS%22s %9s %12s %9s %9s\n", "", "packets", "bytes", "of all", "last")
		printProtocols(out, c.Protocols(), 0, total)
	}
	if o.parts["conversations"] {
		list := c.Conversations()
		out.Printf("\nCONVERSATIONS (%d)\n", len(list))
		printConversations(out, cut(list, o.top), span.First, o.verbose > 0)
		more(out, len(list), o.top)
		if n := c.Untracked(); n.Packets > 0 {
			out.Printf("  %s of conversations beyond the first %d are not listed\n", cli.Plural(n.Packets, "packet"), stats.DefaultLimit)
		}
	}
	if o.parts["endpoints"] {
		list := c.Endpoints()
		out.Printf("\nENDPOINTS (%d)\n  %-39s %8s %9s %8s %9s\n", len(list), "address", "sent", "bytes", "received", "bytes")
		for _, e := range cut(list, o.top) {
			out.Printf("  %-39s %8s %9s %8s %9s\n", e.Addr, compact(e.Sent.Packets, 8), compact(e.Sent.Bytes, 9), compact(e.Recv.Packets, 8),
				compact(e.Recv.Bytes, 9))
		}
		more(out, len(list), o.top)
	}
	if o.parts["lengths"] {
		printLengths(out, c, total)
	}
}

func printProtocols(out *cli.Output, list []*stats.Protocol, depth int, total stats.Count) {
	for _, p := range list {
		name := strings.Repeat("  ", depth) + p.Type.String()
		if p.Port != 0 {
			name = fmt.Sprintf("%s, port %d", name, p.Port)
		}
		out.Printf("  %-29s %9d %12d %8.2f%% %9d\n", name, p.Packets, p.Bytes, percent(p.Packets, total.Packets), p.End.Packets)
		printProtocols(out, p.Children, depth+1, total)
	}
}

// addressWidth is the room for an IPv4 address with its port.
const addressWidth = 21

func printConversations(out *cli.Output, list []stats.Conversation, start time.Time, verbose bool) {
	const numbers = "%6s%7s%7s%7s\n"
	out.Printf("  %-5s %-*s   %-*s"+numbers, "", addressWidth, "A", addressWidth, "B", "A→B", "bytes", "B→A", "bytes")
	for _, c := range list {
		a, b := end(c.A), end(c.B)
		if len(a) > addressWidth || len(b) > addressWidth { // a line for each
			out.Printf("  %-5s %s\n      ↔ %-*s", protocolName(c.Protocol), a, 3+2*addressWidth, b)
		} else {
			out.Printf("  %-5s %-*s ↔ %-*s", protocolName(c.Protocol), addressWidth, a, addressWidth, b)
		}
		out.Printf(numbers, compact(c.AtoB.Packets, 5), compact(c.AtoB.Bytes, 6), compact(c.BtoA.Packets, 6), compact(c.BtoA.Bytes, 6))
		if verbose && !c.First.IsZero() {
			_, ab := c.PerSecond(c.AtoB)
			_, ba := c.PerSecond(c.BtoA)
			out.Printf("        after %.6f s, for %.6f s, A→B %s, B→A %s\n", c.First.Sub(start).Seconds(), c.Duration().Seconds(), rate(ab), rate(ba))
		}
	}
}

func printLengths(out *cli.Output, c *stats.Collector, total stats.Count) {
	l := c.Lengths()
	out.Printf("\nLENGTHS")
	if total.Packets > 0 {
		out.Printf(" from %d to %d, average %.1f", l.Min, l.Max, float64(total.Bytes)/float64(total.Packets))
	}
	out.Printf("\n")
	for i, n := range l.Buckets {
		low, high := l.Bucket(i)
		name := fmt.Sprintf("%d-%d", low, high)
		if high < 0 {
			name = fmt.Sprintf("%d-", low)
		}
		out.Printf("  %-12s %9d %8.2f%% %12d\n", name, n.Packets, percent(n.Packets, total.Packets), n.Bytes)
	}
}

func jsonStats(env *cli.Env, o *options, c *stats.Collector) {
	out := env.Stdout
	if o.parts["protocols"] {
		var walk func(list []*stats.Protocol, path []string)
		walk = func(list []*stats.Protocol, path []string) {
			for _, p := range list {
				at := append(path[:len(path):len(path)], p.Type.String())
				out.JSON(protocolRecord{"protocol", at, p.Port, p.Packets, p.Bytes, p.End.Packets, p.End.Bytes})
				walk(p.Children, at)
			}
		}
		walk(c.Protocols(), nil)
	}
	if o.parts["conversations"] {
		for _, n := range cut(c.Conversations(), o.top) {
			_, ab := n.PerSecond(n.AtoB)
			_, ba := n.PerSecond(n.BtoA)
			out.JSON(conversationRecord{"conversation", protocolName(n.Protocol), end(n.A), end(n.B), n.AtoB.Packets, n.AtoB.Bytes,
				n.BtoA.Packets, n.BtoA.Bytes, when(n.First), n.Duration().Nanoseconds(), ab, ba})
		}
	}
	if o.parts["endpoints"] {
		for _, e := range cut(c.Endpoints(), o.top) {
			out.JSON(endpointRecord{"endpoint", e.Addr.String(), e.Sent.Packets, e.Sent.Bytes, e.Recv.Packets, e.Recv.Bytes,
				when(e.First), e.Duration().Nanoseconds()})
		}
	}
	if o.parts["lengths"] {
		l := c.Lengths()
		for i, n := range l.Buckets {
			low, high := l.Bucket(i)
			r := lengthRecord{Type: "length", Min: low, Packets: n.Packets, Bytes: n.Bytes}
			if high >= 0 {
				r.Max = &high
			}
			out.JSON(r)
		}
	}
	total, span := c.Total(), c.Span()
	packets, bits := span.PerSecond(total)
	_, busiest := c.Busiest()
	out.JSON(totalRecord{"total", total.Packets, total.Bytes, c.Captured(), c.Drops(), c.Untracked().Packets, when(span.First), when(span.Last),
		packets, bits, busiest.Packets})
}

func protocolName(p uint8) string {
	switch p {
	case 1:
		return "icmp"
	case 6:
		return "tcp"
	case 17:
		return "udp"
	case 58:
		return "icmp6"
	case 132:
		return "sctp"
	}
	return fmt.Sprintf("ip-%d", p)
}
