package trace_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"sockwire/capture/golden"
	"sockwire/capture/trace"
	"sockwire/capture/trace/show"
)

// scripts are the synthetic timelines of the golden files.
var scripts = []struct {
	name   string
	script func() *script
}{{"stream", streamScript}, {"datagram", datagramScript}, {"raw", rawScript}, {"unix", unixScript}, {"wait", waitScript}}

func TestText(t *testing.T) {
	for _, s := range scripts {
		timeline := trace.Correlate(s.script().events)
		if err := timeline.Check(); err != nil {
			t.Errorf("%s: %v", s.name, err)
		}
		got := show.Title(timeline, strings.ToUpper(s.name)) + "\n"
		got += string(show.Append(nil, timeline, show.Options{}))
		got += "\ncomments\n"
		for _, p := range timeline.Packets {
			got += show.Comment(timeline, p, 0) + "\n"
		}
		golden.Check(t, filepath.Join("testdata", s.name+".txt"), got)
	}
}

// TestJSON freezes the schema.
func TestJSON(t *testing.T) {
	var b strings.Builder
	for _, s := range scripts {
		timeline := trace.Correlate(s.script().events)
		for _, r := range show.Records(timeline, s.name, time.Unix(1700000000, 0)) {
			line, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(string(line), `{"type":"`) {
				t.Errorf("record does not begin with its type: %s", line)
			}
			b.Write(append(line, '\n'))
		}
	}
	golden.Check(t, filepath.Join("testdata", "records.jsonl"), b.String())
}

func TestComparison(t *testing.T) {
	var all []*trace.Timeline
	for _, s := range scripts {
		all = append(all, trace.Correlate(s.script().events))
	}
	golden.Check(t, filepath.Join("testdata", "comparison.txt"), string(show.AppendComparison(nil, show.Compare(all...), 0)))
	narrow := string(show.AppendComparison(nil, show.Compare(all...), 80))
	golden.Check(t, filepath.Join("testdata", "comparison.80.txt"), narrow)
	for line := range strings.Lines(narrow) {
		if utf8.RuneCountInString(line) > 80+1 {
			t.Errorf("a line of more than 80 characters: %q", line)
		}
	}
}

// TestHostileText checks that nothing from outside reaches a terminal as it is.
func TestHostileText(t *testing.T) {
	s := new(script)
	evil := "\x1b[31m\r\n\x00\u202e"
	s.state(1, trace.State{Socket: 1, Change: trace.Created, Actor: evil, Family: trace.FamilyUnix, Kind: trace.KindDatagram, Local: trace.Addr{Unix: evil}})
	s.call(1, 2, 3, trace.Call{Name: evil, FD: 3, Socket: 1, Actor: evil, Args: []trace.Arg{text(evil), named("flags", evil),
		{Kind: trace.ArgAddr, Addr: trace.Addr{Unix: evil}}}, Errno: evil, Returned: []string{evil}})
	s.add(&trace.Packet{Number: 1, Time: 2, Summary: evil})
	timeline := trace.Correlate(s.events)
	got := show.Title(timeline, "X") + string(show.Append(nil, timeline, show.Options{Actors: true})) + show.Comment(timeline, timeline.Packets[0], 0)
	for _, r := range got {
		if r != '\n' && (r < 0x20 || r == 0x7f || r == '\u202e') {
			t.Fatalf("control character %q in %q", r, got)
		}
	}
}

// TestCompareSenders leaves out a kind that only receives what another one sends.
func TestCompareSenders(t *testing.T) {
	s := rawScript()
	s.state(2.5, trace.State{Socket: 9, Change: trace.Created, Actor: "server", Host: "client", FD: 9, Family: trace.FamilyIPv4, Kind: trace.KindDatagram})
	s.call(40, 90, 90.1, trace.Call{Name: "recvfrom", FD: 9, Socket: 9, Size: 100, Result: 5, Data: []byte("craft")})
	all := show.Compare(trace.Correlate(s.events))
	if len(all) != 1 || all[0].Kind != "raw" {
		t.Errorf("%+v", all)
	}
}

func TestKernelsOwn(t *testing.T) {
	report := &trace.Packet{Number: 1, Protocol: trace.ProtoICMPv6, ICMP: &trace.ICMP{Type: 143, Name: "multicast listener report"}, Summary: "MLD"}
	other := &trace.Packet{Number: 2, Protocol: trace.ProtoICMP, ICMP: &trace.ICMP{Type: 13}, Summary: "timestamp"}
	got := string(show.Append(nil, trace.Correlate([]trace.Event{report, other}), show.Options{}))
	if !strings.Contains(got, "MLD  of the kernel itself\n") || !strings.Contains(got, "timestamp  of no socket seen here\n") {
		t.Errorf("%s", got)
	}
}
