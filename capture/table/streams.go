package table

import (
	"strings"

	"sockwire/capture/flow"
)

const (
	sRun = iota
	sStream
	sClient
	sClientBytes
	sClientPort
	sServer
	sServerBytes
	sServerPort
	sVLAN
	sTunnel
	sFirstPacket
	sLastPacket
	sFirst
	sDuration
	sComplete
	sEnd
	sEndedBy
	sEndPacket
	sHandshakeServer
	sHandshakeClient
	sRoundTrip
	sSides // columns of a side from here on, twice
)

// sideColumn is a column of one direction, and its value.
type sideColumn struct {
	Column
	of func(s *flow.Summary, d flow.Direction) uint64
}

func sideColumns() []sideColumn {
	number := func(name string, of func(v *flow.Side) uint64, text string) sideColumn {
		return sideColumn{Column{Name: name, Kind: U64, Full: true, Text: text}, func(s *flow.Summary, d flow.Direction) uint64 { return of(&s.Sides[d]) }}
	}
	flag := func(name string, of func(v *flow.Side) bool, text string) sideColumn {
		c := number(name, func(v *flow.Side) uint64 {
			if of(v) {
				return 1
			}
			return 0
		}, text)
		c.Kind = Flag
		return c
	}
	list := []sideColumn{
		number("packets", func(v *flow.Side) uint64 { return v.Packets }, "without copies and corrupt ones"),
		number("segments", func(v *flow.Side) uint64 { return v.Segments }, "packets with data"),
		number("bytes", func(v *flow.Side) uint64 { return v.Bytes }, "of the stream, each counted once"),
		number("again_bytes", func(v *flow.Side) uint64 { return v.Again }, "bytes that were sent again"),
		number("missing_bytes", func(v *flow.Side) uint64 { return v.Missing }, "bytes that were not seen"),
		number("max_in_flight", func(v *flow.Side) uint64 { return uint64(v.MaxInFlight) }, "most bytes on their way"),
		number("window", func(v *flow.Side) uint64 { return uint64(v.Window) }, "last receive window, scaled"),
		number("mss", func(v *flow.Side) uint64 { return uint64(v.MSS) }, "largest segment that it takes"),
		number("largest", func(v *flow.Side) uint64 { return uint64(v.Largest) }, "longest segment that it sent"),
		number("window_scale", func(v *flow.Side) uint64 { return uint64(v.Scale) }, "-1: not known"),
		flag("sack_permitted", func(v *flow.Side) bool { return v.SACKPermitted }, "in its SYN"),
		flag("timestamps", func(v *flow.Side) bool { return v.Timestamps }, "in its last packet"),
		flag("fast_open", func(v *flow.Side) bool { return v.FastOpen }, "data in its SYN, or a cookie"),
		flag("ecn", func(v *flow.Side) bool { return v.ECN }, "its SYN offered or accepted ECN"),
		number("ce", func(v *flow.Side) uint64 { return uint64(v.CE) }, "packets that routers marked"),
		number("ece", func(v *flow.Side) uint64 { return uint64(v.ECE) }, "packets that echo the mark"),
		number("cwr", func(v *flow.Side) uint64 { return uint64(v.CWR) }, "packets that answer the echo"),
		flag("fin", func(v *flow.Side) bool { return v.FIN }, "FIN seen"),
		flag("rst", func(v *flow.Side) bool { return v.RST }, "RST seen"),
		number("round_trips_count", func(v *flow.Side) uint64 { return v.RoundTrips.Count }, "round trips measured"),
		number("round_trips_min_ns", func(v *flow.Side) uint64 { return uint64(v.RoundTrips.Min) }, "shortest"),
		number("round_trips_p50_ns", func(v *flow.Side) uint64 { return uint64(v.RoundTrips.Percentile(50)) }, "median"),
		number("round_trips_p90_ns", func(v *flow.Side) uint64 { return uint64(v.RoundTrips.Percentile(90)) }, "90 of 100 are not longer"),
		number("round_trips_p99_ns", func(v *flow.Side) uint64 { return uint64(v.RoundTrips.Percentile(99)) }, "99 of 100 are not longer"),
		number("round_trips_max_ns", func(v *flow.Side) uint64 { return uint64(v.RoundTrips.Max) }, "longest"),
		number("round_trips_mean_ns", func(v *flow.Side) uint64 { return uint64(v.RoundTrips.Mean()) }, "mean"),
		number("limits_application_ns", func(v *flow.Side) uint64 { return uint64(v.Limits.Application) }, "held back by the application"),
		number("limits_receiver_ns", func(v *flow.Side) uint64 { return uint64(v.Limits.Receiver) }, "by the receiver's window"),
		number("limits_network_ns", func(v *flow.Side) uint64 { return uint64(v.Limits.Network) }, "by the network"),
	}
	for i := range list {
		if list[i].Kind == U64 && (strings.HasSuffix(list[i].Name, "_ns") || list[i].Name == "window_scale" || list[i].Name == "max_in_flight") {
			list[i].Kind = I64
		}
	}
	for _, k := range flow.Kinds() {
		list = append(list, number("verdicts_"+under(k.String()), func(v *flow.Side) uint64 { return uint64(v.Count(k)) }, "how many verdicts of "+k.String()))
	}
	for _, c := range flow.RetransmissionCauses() {
		list = append(list, number("retransmissions_"+under(c.String()), func(v *flow.Side) uint64 { return uint64(v.Retransmissions(c)) },
			"retransmissions, cause "+c.String()))
	}
	return list
}

func under(s string) string { return strings.ReplaceAll(s, "-", "_") }

var oneSide = sideColumns()

// Streams is the schema of streams.
var Streams = newSchema("streams", "A row for each TCP stream: what capture/flow says of it. See pktview --streams, which does not compare bytes and has no verdicts of conflict.", streamColumns())

func streamColumns() []Column {
	c := []Column{
		sRun:             {Name: "run", Kind: Text, Full: true, Text: "which pktview wrote it"},
		sStream:          {Name: "stream", Kind: U32, Full: true, Rare: true, JSON: "stream.stream", Text: "its number"},
		sClient:          {Name: "client", Kind: Text, Full: true, JSON: "stream.client", Text: "who opened it"},
		sClientBytes:     {Name: "client_bytes", Kind: Address, Full: true, Text: "for ranges"},
		sClientPort:      {Name: "client_port", Kind: U16, Full: true, JSON: "stream.client", Text: "its port"},
		sServer:          {Name: "server", Kind: Text, Full: true, JSON: "stream.server", Text: "the other end"},
		sServerBytes:     {Name: "server_bytes", Kind: Address, Full: true, Text: "for ranges"},
		sServerPort:      {Name: "server_port", Kind: U16, Full: true, JSON: "stream.server", Text: "its port"},
		sVLAN:            {Name: "vlan", Kind: U32, Full: true, JSON: "stream.vlan", Text: "innermost VLAN id, and above 16 bits the one around it"},
		sTunnel:          {Name: "tunnel", Kind: U32, Full: true, JSON: "stream.tunnel", Text: "network id or key of the innermost tunnel"},
		sFirstPacket:     {Name: "first_packet", Kind: U64, Full: true, Rare: true, JSON: "stream.first_packet", Text: "its number"},
		sLastPacket:      {Name: "last_packet", Kind: U64, Full: true, Rare: true, JSON: "stream.last_packet", Text: "its number"},
		sFirst:           {Name: "first", Kind: Time, Rare: true, JSON: "stream.first", Text: "time of the first packet"},
		sDuration:        {Name: "duration_ns", Kind: I64, Full: true, JSON: "stream.duration_ns", Text: "from the first packet to the last"},
		sComplete:        {Name: "complete", Kind: Flag, Full: true, JSON: "stream.complete", Text: "seen from its SYN"},
		sEnd:             {Name: "end", Kind: Text, Full: true, JSON: "stream.end", Text: "how it ended"},
		sEndedBy:         {Name: "ended_by", Kind: Text, JSON: "stream.ended_by", Text: "client or server; null where it did not end"},
		sEndPacket:       {Name: "end_packet", Kind: U64, JSON: "stream.end_packet", Text: "by which packet"},
		sHandshakeServer: {Name: "handshake_server_ns", Kind: I64, Full: true, JSON: "stream.handshake.server_ns", Text: "SYN to SYN-ACK"},
		sHandshakeClient: {Name: "handshake_client_ns", Kind: I64, Full: true, JSON: "stream.handshake.client_ns", Text: "SYN-ACK to ACK"},
		sRoundTrip:       {Name: "round_trip_ns", Kind: I64, Full: true, JSON: "stream.round_trip_ns", Text: "from end to end and back"},
	}
	for _, side := range [...]string{"from_client", "from_server"} {
		for _, one := range oneSide {
			column := one.Column
			column.JSON, column.Text = "stream."+side+"."+column.Name, side+": "+column.Text
			column.Name = side + "_" + column.Name
			c = append(c, column)
		}
	}
	return append(c, // those that came later
		Column{Name: "interface", Kind: I32, Full: true, JSON: "stream.interface", Text: "index among those of the capture"},
		Column{Name: "from_client_goodput_bits_per_second", Kind: Float, Full: true, Rare: true, JSON: "stream.from_client.goodput_bits_per_second", Text: "from_client: bytes of the stream by time"},
		Column{Name: "from_server_goodput_bits_per_second", Kind: Float, Full: true, Rare: true, JSON: "stream.from_server.goodput_bits_per_second", Text: "from_server: bytes of the stream by time"},
		Column{Name: "limited_application", Kind: Float, Rare: true, JSON: "stream.limited.application", Text: "what held the larger direction back, in parts of 1: the application"},
		Column{Name: "limited_receiver", Kind: Float, Rare: true, JSON: "stream.limited.receiver", Text: "the receiver's window"},
		Column{Name: "limited_network", Kind: Float, Rare: true, JSON: "stream.limited.network", Text: "the network"},
	)
}

func fillStream(r *rows, s *flow.Summary, run string, texts *texts) {
	r.text(sRun, run)
	r.number(sStream, s.Number)
	t := texts.ofIP(s.Client.Addr())
	r.text(sClient, t.text)
	r.text(sClientBytes, t.bytes)
	r.number(sClientPort, uint64(s.Client.Port()))
	t = texts.ofIP(s.Server.Addr())
	r.text(sServer, t.text)
	r.text(sServerBytes, t.bytes)
	r.number(sServerPort, uint64(s.Server.Port()))
	r.number(sVLAN, uint64(s.Link.VLAN))
	r.number(sTunnel, uint64(s.Link.Tunnel))
	r.number(sFirstPacket, s.FirstPacket)
	r.number(sLastPacket, s.LastPacket)
	r.when(sFirst, -1, s.Start)
	r.number(sDuration, uint64(s.Duration))
	r.flag(sComplete, s.Complete)
	r.text(sEnd, s.End.String())
	if s.End != flow.Open {
		by := "client"
		if s.By != flow.Forward {
			by = "server"
		}
		r.text(sEndedBy, by)
	}
	if s.EndPacket != 0 {
		r.number(sEndPacket, s.EndPacket)
	}
	r.number(sHandshakeServer, uint64(s.Handshake.Server))
	r.number(sHandshakeClient, uint64(s.Handshake.Client))
	r.number(sRoundTrip, uint64(s.RoundTrip()))
	for d := range flow.Direction(2) {
		for i := range oneSide {
			r.number(sSides+int(d)*len(oneSide)+i, oneSide[i].of(s, d))
		}
	}
	later := sSides + 2*len(oneSide)
	r.number(later, uint64(s.Link.Interface))
	r.float(later+1, 8*s.Goodput(flow.Forward))
	r.float(later+2, 8*s.Goodput(flow.Backward))
	if application, receiver, network, ok := s.Limited().Shares(); ok {
		r.float(later+3, application)
		r.float(later+4, receiver)
		r.float(later+5, network)
	}
}
