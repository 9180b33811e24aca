package message

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sockwire/capture"
	"sockwire/capture/decode"
	"sockwire/capture/flow"
)

// TestStreamsSeenFromTheMiddle: messages are found where a segment starts with one, and nothing is said of what cannot
// be one.
func TestStreamsSeenFromTheMiddle(t *testing.T) {
	one := dnsMessage(t, "dns{id=1,qname=a.example}")
	tlsTurns := handshakes(t, tls.VersionTLS12, 0, nil)
	for name, c := range map[string]struct {
		port  uint16
		turns []turn
		want  []string
	}{
		"HTTP": {80, []turn{
			{flow.Backward, []byte("the rest of a body")},
			get("/next"), answer([]byte("x"), ""),
		}, []string{"HTTP: HTTP/1.1 200 OK +1", "ends, complete true", "HTTP: GET /next HTTP/1.1"}}, // the server was seen first
		"HTTP, the answer to a HEAD that was not seen": {80, []turn{
			{flow.Backward, []byte("HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n")},
			get("/next"), answer([]byte("x"), ""),
		}, []string{"HTTP: HTTP/1.1 200 OK +900", "ends, complete true", "HTTP: HTTP/1.1 200 OK +1", "ends, complete true", "HTTP: GET /next HTTP/1.1"}},
		"DNS": {53, []turn{
			{flow.Forward, one[5:]}, {flow.Forward, one},
		}, []string{"1+ A? a.example."}},
		"TLS": {443, []turn{
			{flow.Forward, bytes.Repeat([]byte{0x55}, 300)}, {flow.Forward, append([]byte{applicationData, 3, 3, 0, 4}, "abcd"...)},
		}, []string{"TLS Application Data 4"}},
		"TLS, from the server's hello on": {443, tlsTurns[1:2], []string{"TLS ServerHello TLS 1.2 cipher"}},
		"noise on the port of DNS":        {53, []turn{{flow.Forward, bytes.Repeat([]byte{0xee}, 500)}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			k := newTalk(c.port)
			for _, x := range c.turns {
				k.say(nil, x)
			}
			h := listen(t, k.frames, &Parser{})
			for i, l := range h.ordered() {
				_, l, _ := strings.Cut(l, ": ")
				if i < len(c.want) && !strings.HasPrefix(l, c.want[i]) || i >= len(c.want) && name != "TLS, from the server's hello on" {
					t.Errorf("%q, want %q", l, c.want)
				}
			}
			if len(h.lines) < len(c.want) {
				t.Errorf("%q, want %q", h.lines, c.want)
			}
		})
	}
}

// TestGaps takes segments out of the capture: the messages before and behind are found, those inside are said to be
// incomplete.
func TestGaps(t *testing.T) {
	text := content(9000, 5)
	record := func(n int) []byte {
		return append(binary.BigEndian.AppendUint16([]byte{applicationData, 3, 3}, uint16(n)), make([]byte, n)...)
	}
	for name, c := range map[string]struct {
		port  uint16
		turns []turn
		want  []string
		none  string // what must not be said
	}{
		"in a body": {80, []turn{get("/1"), answer(text, ""), get("/2"), answer([]byte("x"), "")},
			[]string{"+9000", "ends, complete false", "GET /2", "+1", "ends, complete true"}, ""},
		"in chunks": {80, []turn{get("/1"), chunked(text, ""), get("/2"), answer([]byte("x"), "")},
			[]string{"+-1", "GET /2", "+1", "ends, complete true"}, ""},
		"in a record": {443, []turn{{flow.Forward, slices.Concat(record(9000), record(7))}, {flow.Forward, record(8)}},
			[]string{"Application Data 9000", "Application Data 7", "Application Data 8"}, ""},
		"in a message of DNS": {53, []turn{{flow.Forward, slices.Concat([]byte{0x20, 0}, make([]byte, 0x2000))}, {flow.Forward, dnsMessage(t, "dns{id=1,qname=a.example}")}},
			[]string{"1+ A? a.example."}, "update"},
	} {
		for gone := range 3 {
			k := newTalk(c.port)
			k.open()
			for _, x := range c.turns {
				k.say(nil, x)
			}
			k.close()
			var large []int
			for i, f := range k.frames {
				if len(f.Data) == 1440 {
					large = append(large, i)
				}
			}
			k.frames = slices.Delete(k.frames, large[gone+1], large[gone+1]+1)
			h := listen(t, k.frames, &Parser{})
			all := strings.Join(h.ordered(), "\n")
			for _, w := range c.want {
				if !strings.Contains(all, w) {
					t.Errorf("%s, segment %d: no %q in\n%s", name, gone, w, all)
				}
			}
			if c.none != "" && strings.Contains(all, c.none) {
				t.Errorf("%s, segment %d: %s", name, gone, all)
			}
		}
	}
}

// TestParserIsBounded opens many connections that never complete what they begin, and sends heads without an end.
func TestParserIsBounded(t *testing.T) {
	p := &Parser{Streams: 100, Bytes: 200_000, MaxMessage: 5000}
	tracker := flow.NewTracker(&flow.Config{Reassemble: true})
	var dec decode.Decoder
	var history decode.History
	var x decode.Packet
	k := newTalk(80)
	for i := range 3000 {
		k.client = uint16(1000 + i)
		k.seq = [2]uint32{5, 6}
		n := len(k.frames)
		k.open()
		k.segment(flow.Forward, wireACK, append([]byte("GET /"), bytes.Repeat([]byte("a"), 1+i%1300)...))
		if i%3 == 0 {
			for range 6 {
				k.segment(flow.Forward, wireACK, bytes.Repeat([]byte("a"), 1000))
			}
		}
		for _, f := range k.frames[n:] {
			dec.Decode(f, &x)
			history.Add(&x)
			r := tracker.Add(&x)
			for j := range r.Chunks {
				if m := p.Add(&r.Chunks[j]); len(m) > 0 {
					t.Fatalf("a message %+v", m[0])
				}
				if streams, bytes := p.Kept(); streams > 100 || bytes > 200_000 || bytes < 0 {
					t.Fatalf("%d streams, %d bytes", streams, bytes)
				}
			}
		}
		k.frames = k.frames[:0]
	}
	if l := p.Lost(); l.Long != 1000 || l.Bytes == 0 && l.Streams == 0 {
		t.Errorf("%+v", l)
	}
}

const wireACK = 0x10

// tsharkMessages runs tshark and returns the values of a field, in order.
func tsharkMessages(t *testing.T, file string, fields ...string) []string {
	t.Helper()
	args := []string{"-n", "-r", file, "-T", "fields", "-E", "occurrence=a", "-E", "aggregator=\x1f", "-o", "tcp.desegment_tcp_streams:TRUE",
		"-o", "http.desegment_headers:TRUE", "-o", "http.desegment_body:TRUE", "-o", "tls.desegment_ssl_records:TRUE", "-o", "dns.desegment_dns_messages:TRUE"}
	for _, f := range fields {
		args = append(args, "-e", f)
	}
	cmd := exec.Command("tshark", args...)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("tshark: %v", err)
	}
	var all []string
	for line := range strings.Lines(string(out)) {
		for cell := range strings.SplitSeq(strings.TrimSuffix(line, "\n"), "\t") {
			if cell != "" {
				all = append(all, strings.Split(cell, "\x1f")...)
			}
		}
	}
	return all
}

// TestMessagesAsTshark compares what is found with what tshark finds, in talks cut at random and in captures of other
// projects.
func TestMessagesAsTshark(t *testing.T) {
	needTshark(t)
	var made []capture.Frame
	for i := range 6 {
		rng := rand.New(rand.NewPCG(uint64(i), 8))
		for j, c := range []struct {
			port  uint16
			turns []turn
		}{
			{443, handshakes(t, tls.VersionTLS12, 100*i, []string{"h2"})},
			{8443, refragment(handshakes(t, tls.VersionTLS12, 100*i, nil), 500)},
			{443, handshakes(t, tls.VersionTLS13, 0, nil)},
			{53, []turn{{flow.Forward, slices.Concat(dnsMessage(t, fmt.Sprintf("dns{id=%d,qname=a.example}", 1000+i)), dnsMessage(t, fmt.Sprintf("dns{id=%d,qname=b.example}", 2000+i)))}}},
			{80, []turn{get("/1"), answer(content(3000, 1), ""), get("/2"), answer(nil, ""), get("/3"), chunked(content(2000, 2), "")}},
		} {
			k := newTalk(c.port)
			k.client = uint16(10000 + 10*i + j)
			k.open()
			for n, x := range c.turns {
				if c.port == 80 {
					rng = nil // see TestExtractAsTshark
				}
				if n == 0 && rng != nil { // tshark does not know TLS by the first bytes of its record header alone
					k.say(nil, turn{x.d, x.data[:8]})
					x.data = x.data[8:]
				}
				k.say(rng, x)
			}
			k.close()
			made = append(made, k.frames...)
		}
	}
	files := append(sharedCorpus(t, "tcpdump/*http*.pcap*", "tcpdump/*tls*.pcap*", "tcpdump/*dns_tcp.pcap*"), writeFile(t, made))
	for _, file := range files {
		if strings.Contains(file, "arcnet") {
			continue // a link type that is not decoded here
		}
		ours := messagesOf(t, file)
		theirs := map[string][]string{
			"http": tsharkMessages(t, file, "http.request.uri", "http.response.code"),
			"tls":  tsharkMessages(t, file, "tls.handshake.type"),
			"dns":  tsharkMessages(t, file, "dns.id"),
		}
		for kind, want := range theirs {
			if kind == "dns" && len(ours[kind]) == 0 {
				continue // over UDP
			}
			slices.Sort(want)
			slices.Sort(ours[kind])
			if !slices.Equal(ours[kind], want) {
				t.Errorf("%s: %s: ours %v\ntshark's %v", file, kind, tally(ours[kind]), tally(want))
			}
			t.Logf("%s: %s: %d are the same", file, kind, len(want))
		}
	}
}

// tally counts what is the same.
func tally(all []string) map[string]int {
	n := map[string]int{}
	for _, s := range all {
		n[s]++
	}
	return n
}

// messagesOf returns what messagesOf a file are: of HTTP the target or the status, of TLS the handshake types, of DNS
// the id.
func messagesOf(t *testing.T, file string) map[string][]string {
	r, err := capture.OpenFile(file)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	all := map[string][]string{}
	tracker, parser := flow.NewTracker(&flow.Config{Reassemble: true}), new(Parser)
	var dec decode.Decoder
	var history decode.History
	var x decode.Packet
	note := func(messages []Message) {
		for _, m := range messages {
			switch {
			case m.HTTP != nil && m.Part != Ends && m.HTTP.Request:
				all["http"] = append(all["http"], string(m.HTTP.Target))
			case m.HTTP != nil && m.Part != Ends:
				all["http"] = append(all["http"], strconv.Itoa(m.HTTP.Status))
			case m.Protocol == decode.TypeTLS && m.Data[0] == handshake && len(m.Data) > recordHeader:
				for b := m.Data[recordHeader:]; len(b) >= 4; b = b[min(len(b), 4+(int(b[1])<<16|int(b[2])<<8|int(b[3]))):] {
					all["tls"] = append(all["tls"], strconv.Itoa(int(b[0])))
				}
			case m.Protocol == decode.TypeDNS:
				all["dns"] = append(all["dns"], fmt.Sprintf("0x%04x", binary.BigEndian.Uint16(m.Data[2:])))
			}
		}
	}
	for f, err := range r.Frames(context.Background()) {
		if err != nil {
			break
		}
		dec.Decode(f, &x)
		history.Add(&x)
		result := tracker.Add(&x)
		for i := range result.Chunks {
			note(parser.Add(&result.Chunks[i]))
		}
		for _, s := range result.Ended {
			note(parser.End(s))
		}
	}
	for _, s := range tracker.Finish().Ended {
		note(parser.End(s))
	}
	return all
}
