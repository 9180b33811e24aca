package main

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sockwire/capture"
	"sockwire/capture/report/plot/plottest"
	"sockwire/cmd/internal/cli"
	"sockwire/cmd/internal/cli/clitest"
	"sockwire/raw/wire"
)

// packetJSON is what these tests read of a packet's record.
type packetJSON struct {
	Type     string
	Number   int
	Time     time.Time
	Length   int
	Stream   *int
	Layers   []layerJSON
	Drops    float64
	Verdicts []struct{ Kind, Cause string }
}

type layerJSON struct {
	Layer  string
	Fields struct {
		Src      string
		Seq, Ack uint32
		ACK      bool `json:"ack_flag"`
		SYN      bool
		Window   uint32
		Length   int64 `json:"payload_length"`
	}
}

// jsonOf are the records of a run.
func jsonOf[T any](t *testing.T, dir string, args ...string) (all []T) {
	t.Helper()
	for line := range strings.Lines(inDir(t, dir, append(args, "--json")...)) {
		var v T
		must(t, json.Unmarshal([]byte(line), &v))
		all = append(all, v)
	}
	return all
}

// drawn makes a report's drawings and reads them back.
func drawn(t *testing.T, dir string, args ...string) map[string]plottest.Drawing {
	t.Helper()
	folder := filepath.Join(dir, "drawings") + "/"
	if got := inDir(t, dir, append(args, "--report", folder)...); got != "" {
		t.Errorf("--report prints %q", got)
	}
	all := map[string]plottest.Drawing{}
	files, err := filepath.Glob(folder + "*.svg")
	must(t, err)
	for _, f := range files {
		all[strings.TrimSuffix(filepath.Base(f), ".svg")] = plottest.Read(t, f)
	}
	return all
}

func near(a, b, by float64) bool { return math.Abs(a-b) <= by }

// The drawings say what --json says: packets and bits over time, protocols, conversations.
func TestReportCountsAsJSON(t *testing.T) {
	dir := t.TempDir()
	fixtures(t, dir)
	charts := drawn(t, dir, "-r", "streams.pcap")
	packets := jsonOf[packetJSON](t, dir, "-r", "streams.pcap")
	packets = slices.DeleteFunc(packets, func(p packetJSON) bool { return p.Type != "packet" })
	for name, amount := range map[string]func(p *packetJSON) float64{
		"packets": func(*packetJSON) float64 { return 1 }, "bits": func(p *packetJSON) float64 { return 8 * float64(p.Length) },
	} {
		c := charts[name]
		sum := 0.0
		for class, steps := range c.Series {
			if class == "all" && len(steps) < 10 {
				t.Fatalf("%s: %d steps", name, len(steps))
			}
			for i := range steps[:len(steps)-1] {
				want := 0.0
				for k := range packets {
					p := &packets[k]
					at := p.Time.Sub(packets[0].Time).Seconds()
					is := class == "all" || slices.ContainsFunc(p.Layers, func(l layerJSON) bool { return strings.EqualFold(l.Layer, class) })
					if is && at >= steps[i].X-c.X && at < steps[i+1].X-c.X {
						want += amount(p)
					}
				}
				wide := 0.005 // seconds: 0.6 s in at most 400 pieces
				if got := steps[i].Y * wide; !near(got, want, 1e-3*max(want, 1)) {
					t.Errorf("%s, %s at %v: %v, want %v", name, class, steps[i].X, got, want)
				}
				if class == "all" {
					sum += want
				}
			}
		}
		want := 0.0
		for k := range packets {
			want += amount(&packets[k])
		}
		if sum != want {
			t.Errorf("%s: all steps have %v, want %v", name, sum, want)
		}
	}
	checkBars(t, dir, charts)
}

func checkBars(t *testing.T, dir string, charts map[string]plottest.Drawing) {
	type row struct {
		Type           string
		Path           []string
		Port           uint16
		A, B           string
		Packets, Bytes uint64
		PacketsAB      uint64 `json:"packets_a_to_b"`
		PacketsBA      uint64 `json:"packets_b_to_a"`
		BytesAB        uint64 `json:"bytes_a_to_b"`
		BytesBA        uint64 `json:"bytes_b_to_a"`
	}
	bars := map[string][]plottest.Bar{"protocol": charts["protocols"].Bars, "conversation": charts["conversations"].Bars}
	most := map[string]uint64{}
	rows := jsonOf[row](t, dir, "-r", "streams.pcap", "--stats=protocols,conversations")
	for i := range rows {
		rows[i].Bytes += rows[i].BytesAB + rows[i].BytesBA
		most[rows[i].Type] = max(most[rows[i].Type], rows[i].Bytes)
	}
	seen := 0
	for _, r := range rows {
		name, text := strings.Join(r.Path, " › "), fmt.Sprintf("%d packets", r.Packets)
		if r.Port != 0 {
			name += fmt.Sprintf(", port %d", r.Port)
		}
		if r.Type == "conversation" {
			name, text = r.A+" ↔ "+r.B, fmt.Sprintf("%d → and %d ← packets", r.PacketsAB, r.PacketsBA)
		}
		list := bars[r.Type]
		i := slices.IndexFunc(list, func(b plottest.Bar) bool {
			return b.Name == name || r.Type == "conversation" && strings.HasPrefix(b.Name, name+" ")
		})
		if i < 0 {
			if list != nil {
				t.Errorf("no bar %q", name)
			}
			continue
		}
		seen++
		if b := list[i]; !strings.HasSuffix(b.Text, text) || !near(b.Share, float64(r.Bytes)/float64(most[r.Type]), 1e-3) {
			t.Errorf("%s: %q of length %v, want %q of length %v", name, b.Text, b.Share, text, float64(r.Bytes)/float64(most[r.Type]))
		}
	}
	if want := len(bars["protocol"]) + len(bars["conversation"]); seen != want || seen < 6 {
		t.Errorf("%d bars were compared of %d", seen, want)
	}
}

// A stream's drawings say what --json says of its packets: each segment, each acknowledgement and window, what was sent
// again and why, round trips, and bytes on their way.
func TestReportStreamsAsJSON(t *testing.T) {
	dir := t.TempDir()
	fixtures(t, dir)
	charts := drawn(t, dir, "-r", "streams.pcap")
	packets := jsonOf[packetJSON](t, dir, "-r", "streams.pcap")
	segments := 0
	for _, stream := range []int{0, 1} {
		first := map[string]uint32{} // sequence numbers of the SYNs
		for _, p := range packets {
			if p.Stream == nil || *p.Stream != stream {
				continue
			}
			ip, tcp := p.Layers[1].Fields, p.Layers[2].Fields
			if tcp.SYN {
				first[ip.Src] = tcp.Seq
			}
			side, other, peer := "client", "server", "192.0.2.2"
			if ip.Src == peer {
				side, other, peer = "server", "client", "192.0.2.1"
			}
			at := p.Time.Sub(packets[0].Time).Seconds()
			has := func(chart, series string, y, to float64) {
				t.Helper()
				c, ok := charts[fmt.Sprintf("stream-%d-sequence-from-%s", stream, chart)]
				if ok && !slices.ContainsFunc(c.Series[series], func(q plottest.Point) bool {
					return near(q.X, at, c.X) && near(q.Y, y, c.Y) && near(q.To, to, c.Y)
				}) {
					t.Errorf("stream %d: packet %d: %s has no %v..%v at %v: %v", stream, p.Number, series, y, to, at, c.Series[series])
				}
			}
			if tcp.Length > 0 {
				segments++
				series := "data"
				for _, v := range p.Verdicts {
					switch v.Kind {
					case "retransmission":
						series = "again: " + v.Cause
					case "lost-behind":
						has(side, "lost behind here", float64(int64(tcp.Seq-first[ip.Src]-1)+tcp.Length), float64(int64(tcp.Seq-first[ip.Src]-1)+tcp.Length))
					}
				}
				from := float64(tcp.Seq - first[ip.Src] - 1)
				has(side, series, from, from+float64(tcp.Length))
			}
			if tcp.ACK && first[peer] != 0 {
				y := float64(tcp.Ack - first[peer] - 1)
				has(other, "acknowledged", y, y)
				has(other, "window", y+float64(tcp.Window), y+float64(tcp.Window))
			}
		}
	}
	if segments < 8 {
		t.Errorf("only %d segments were compared", segments)
	}
	checkTrips(t, dir, charts)
}

func checkTrips(t *testing.T, dir string, charts map[string]plottest.Drawing) {
	type trips struct {
		Count int
		MinNS int64 `json:"min_ns"`
		P50   int64 `json:"p50_ns"`
		P99   int64 `json:"p99_ns"`
		MaxNS int64 `json:"max_ns"`
	}
	type side struct {
		RoundTrips  trips   `json:"round_trips"`
		MaxInFlight float64 `json:"max_in_flight"`
		Segments    int
	}
	type row struct {
		Type           string
		Stream         int
		Client, Server string
		FromClient     side  `json:"from_client"`
		FromServer     side  `json:"from_server"`
		RoundTrips     trips `json:"round_trips"`
		Verdicts       map[string]int
	}
	compared := 0
	for _, r := range jsonOf[row](t, dir, "-r", "streams.pcap", "--streams") {
		if r.Type != "stream" {
			continue
		}
		for name, s := range map[string]side{r.Client + " → " + r.Server: r.FromClient, r.Server + " → " + r.Client: r.FromServer} {
			c := charts[fmt.Sprintf("stream-%d-round-trips", r.Stream)]
			points := c.Series[name]
			low, high := math.Inf(1), 0.0
			for _, p := range points {
				low, high = min(low, p.Y), max(high, p.Y)
			}
			if s.RoundTrips.Count > 0 && (!near(low*1e9, float64(s.RoundTrips.MinNS), low*1e6) || !near(high*1e9, float64(s.RoundTrips.MaxNS), high*1e6)) ||
				len(points) != s.RoundTrips.Count {
				t.Errorf("stream %d, %s: %d round trips from %v to %v, want %+v", r.Stream, name, len(points), low, high, s.RoundTrips)
			}
			compared += len(points)
			most := 0.0
			flight := charts[fmt.Sprintf("stream-%d-in-flight", r.Stream)]
			for _, p := range flight.Series[name] {
				most = max(most, p.Y)
			}
			if s.Segments > 0 && !near(most, s.MaxInFlight, flight.Y) {
				t.Errorf("stream %d, %s: at most %v in flight, want %v", r.Stream, name, most, s.MaxInFlight)
			}
		}
	}
	if compared < 4 {
		t.Errorf("only %d round trips were compared", compared)
	}
	for _, r := range jsonOf[row](t, dir, "-r", "streams.pcap", "--stats=tcp") {
		if r.Type != "tcp" {
			continue
		}
		share := map[float64]float64{}
		for _, p := range charts["round-trip-distribution"].Series["round trips"] {
			share[math.Round(10*p.Y)/10] = p.X
		}
		for y, want := range map[float64]int64{50: r.RoundTrips.P50, 99: r.RoundTrips.P99, 100: r.RoundTrips.MaxNS} {
			if got := share[y] * 1e9; !near(got, float64(want), 1e-3*float64(want)) {
				t.Errorf("%v %% of the round trips are below %v, want %v", y, got, want)
			}
		}
		for kind, points := range charts["events"].Series {
			sum := 0.0
			for _, p := range points {
				sum += p.Y
			}
			if !near(sum, float64(r.Verdicts[kind]), 0.01) {
				t.Errorf("%s: %v over time, want %d", kind, sum, r.Verdicts[kind])
			}
		}
	}
}

// --follow chooses the stream, a filter the packets; what cannot be drawn together is refused.
func TestReportChooses(t *testing.T) {
	dir := t.TempDir()
	fixtures(t, dir)
	charts := drawn(t, dir, "-r", "streams.pcap", "--follow", "1")
	if _, ok := charts["stream-0-in-flight"]; ok || charts["stream-1-in-flight"].Title == "" {
		t.Error("--follow 1 does not draw stream 1 alone")
	}
	page := filepath.Join(dir, "page.html")
	inDir(t, dir, "-r", "streams.pcap", "--report", page, "udp")
	text, err := os.ReadFile(page)
	must(t, err)
	if !strings.Contains(string(text), "<h1>") || !strings.Contains(string(text), "2 packets, ") {
		t.Error("the page is not about the two datagrams")
	}
	for _, wrong := range [][]string{
		{"--report", "x.pdf"}, {"--report", filepath.Join(dir, "no", "x.html")}, {"--report", page, "--streams"}, {"--report", page, "--stats"},
		{"--report", page, "-w", filepath.Join(dir, "x.pcap")}, {"--report", page, "--follow", "tcp port 80"}, {"--report", page, "-v"},
	} {
		if _, stderr, code := clitest.Run(t, run, "", append([]string{"-r", filepath.Join(dir, "streams.pcap")}, wrong...)...); code != cli.ExitError {
			t.Errorf("%q: exit %d: %s", wrong, code, stderr)
		}
	}
}

// stepWidth is how long the pieces of a chart over time are: as short as leaves at most 400 of them between two times.
func stepWidth(first, last int64) int64 {
	for width, by := int64(1), int64(5); ; width, by = width*by, 10/by {
		if last/width-first/width < 400 {
			return width
		}
	}
}

// What the capture says that it lost is drawn when it says so, as --json has it.
func TestReportDropsAsJSON(t *testing.T) {
	dir := t.TempDir()
	frames := streams(t)
	for i, n := range map[int]uint64{1: 3, 2: 4, 10: 1000, 25: 7} {
		frames[i].Drops = n
	}
	write(t, filepath.Join(dir, "lost.pcapng"), frames)
	c := drawn(t, dir, "-r", "lost.pcapng")["drops"]
	want := map[int64]float64{} // by piece
	var first, last int64
	packets := jsonOf[packetJSON](t, dir, "-r", "lost.pcapng")
	for _, p := range packets {
		if p.Type == "packet" {
			at := p.Time.UnixNano()
			if first == 0 {
				first = at
			}
			last = at
		}
	}
	width := stepWidth(first, last)
	all := 0.0
	for _, p := range packets {
		if p.Type == "packet" && p.Drops > 0 {
			want[p.Time.UnixNano()/width] += p.Drops
			all += p.Drops
		}
	}
	if all != 1014 {
		t.Fatalf("--json has %v lost", all)
	}
	seen := 0
	for _, q := range c.Series["lost"] {
		piece := int64(math.Round((q.X*1e9 + float64(first)) / float64(width)))
		if !near(q.Y, want[piece], c.Y) {
			t.Errorf("at %v: %v lost, want %v", q.X, q.Y, want[piece])
		}
		if want[piece] > 0 {
			seen++
		}
	}
	if seen != len(want) || seen < 3 {
		t.Errorf("%d pieces are drawn, of %d", seen, len(want))
	}
}

// chatter is three streams at once whose acknowledgements take from 1 to 40 ms, with some of them at the same moment.
func chatter(t *testing.T) []capture.Frame {
	c := &tape{t: t, at: start}
	random := rand.New(rand.NewPCG(1, 8))
	var from, to [3]*speaker
	for i := range from {
		from[i], to[i] = c.connect(uint16(40000+i), 9999)
	}
	for range 300 {
		i := random.IntN(len(from))
		from[i].send(wire.ACK|wire.PSH, "0123456789")
		c.wait(time.Duration(random.IntN(40_000))*time.Microsecond - 9*time.Millisecond)
		to[i].send(wire.ACK, "")
		c.wait(-8 * time.Millisecond)
	}
	return c.frames
}

// Round trips over time, of all streams together, are those from each segment of --json to what acknowledged it.
func TestReportTripsAsJSON(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "chatter.pcap"), chatter(t))
	c := drawn(t, dir, "-r", "chatter.pcap")["round-trips"]
	var start int64
	type sample struct{ at, trip int64 }
	var trips []sample
	sent := map[string]int64{} // when, by what acknowledges it
	for _, p := range jsonOf[packetJSON](t, dir, "-r", "chatter.pcap") {
		if p.Type != "packet" {
			continue
		}
		at, tcp := p.Time.UnixNano(), p.Layers[2].Fields
		if start == 0 {
			start = at
		}
		if tcp.Length > 0 {
			sent[fmt.Sprint(*p.Stream, uint32(int64(tcp.Seq)+tcp.Length))] = at
		} else if when, ok := sent[fmt.Sprint(*p.Stream, tcp.Ack)]; ok {
			trips = append(trips, sample{at, at - when})
		}
	}
	width := stepWidth(trips[0].at, trips[len(trips)-1].at)
	want := map[int64][]int64{}
	for _, s := range trips {
		want[s.at/width] = append(want[s.at/width], s.trip)
	}
	several := 0
	for _, name := range []string{"longest", "90 %", "median"} {
		for _, q := range c.Series[name] {
			piece := int64(math.Round((q.X*1e9 + float64(start)) / float64(width)))
			list := slices.Sorted(slices.Values(want[piece]))
			if len(list) == 0 {
				t.Errorf("%s at %v: a point, and no round trip", name, q.X)
				continue
			}
			y, by := list[len(list)-1], 1e-3
			switch name {
			case "median":
				y, by = list[(len(list)-1)/2], 0.07
			case "90 %":
				y, by = list[(9*len(list)+9)/10-1], 0.07
			}
			if got := q.Y * 1e9; !near(got, float64(y), by*float64(y)) {
				t.Errorf("%s at %v: %v, want %v of %v", name, q.X, got, y, list)
			}
			if len(list) > 1 {
				several++
			}
		}
		if len(c.Series[name]) != len(want) {
			t.Errorf("%s: %d points, want %d", name, len(c.Series[name]), len(want))
		}
	}
	if len(trips) != 300 || several < 30 {
		t.Errorf("%d round trips, several together %d times", len(trips), several)
	}
}

// However large a capture is, its report is not: the page, its points, and what they lead to. The worst is a capture
// of which something is said of every other packet.
func TestReportIsBounded(t *testing.T) {
	dir, n, ways := t.TempDir(), 200_000, []bool{true, false}
	if testing.Short() {
		n, ways = 100_000, ways[:1]
	}
	for _, again := range ways {
		name, page := filepath.Join(dir, "large.pcap"), filepath.Join(dir, "large.html")
		busy(t, name, n, again)
		inDir(t, dir, "-r", "large.pcap", "--report", page)
		info, err := os.Stat(page)
		must(t, err)
		points, most := 0, 0
		for _, d := range drawn(t, dir, "-r", "large.pcap") {
			for _, list := range d.Series {
				points += len(list)
				most = max(most, len(list))
			}
		}
		text := fmt.Sprintf("sent again %v: %d packets, %d bytes, %d points, at most %d in a series", again, n, info.Size(), points, most)
		// Three streams are drawn, each from at most 8,192 packets that are in at most four charts.
		if most < 400 || most > 8192 || points > 3*4*8192 || info.Size() > 4<<20 {
			t.Error(text)
		}
		t.Log(text)
	}
}

// busy writes a capture of n packets in ten streams at once, in which all data may be sent again.
func busy(t *testing.T, name string, n int, again bool) {
	w, err := capture.Create(name, nil)
	must(t, err)
	must(t, w.Describe([]capture.Interface{{Name: "eth0", Link: capture.LinkEthernet, Snaplen: 262144}}))
	c := &tape{t: t, at: start}
	var from, to [10]*speaker
	for i := range from {
		from[i], to[i] = c.connect(uint16(40000+i), 9999)
	}
	flush := func() {
		for i := range c.frames {
			must(t, w.Write(&c.frames[i]))
		}
		c.frames = c.frames[:0]
	}
	flush()
	for k := 0; k < n-30; {
		i := k / 6 % len(from)
		from[i].send(wire.ACK, "01234567890123456789")
		to[i].send(wire.ACK, "")
		if again {
			from[i].segment(from[i].seq-20, wire.ACK, "01234567890123456789")
			to[i].send(wire.ACK, "")
		}
		c.wait(-19 * time.Millisecond)
		k += len(c.frames)
		flush()
	}
	must(t, w.Close())
}
