package report_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sockwire/capture/report"
	"sockwire/capture/trace"
	"sockwire/capture/trace/show"
)

// page is a timeline as a page, in one part or in two.
func page(t testing.TB, parts ...*sample) []byte {
	t.Helper()
	var b bytes.Buffer
	l := report.NewLadder(&b, "A timeline "+hostile)
	for i, s := range parts {
		l.Begin(report.Part{Name: fmt.Sprint("part ", i+1), Start: start, Explain: true, Frame: s.frame})
		l.Add(s.timeline())
	}
	if err := l.Close(nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

var pieces = regexp.MustCompile(`<script type="text/plain" data-kind="(\w+)"[^>]*>([A-Za-z0-9+/=]*)</script>`)

// unpacked are a page's pieces of a kind.
func unpacked(t testing.TB, page []byte, kind string) (all []map[string]any) {
	t.Helper()
	for _, m := range pieces.FindAllSubmatch(page, -1) {
		if string(m[1]) != kind {
			continue
		}
		z, err := gzip.NewReader(base64.NewDecoder(base64.StdEncoding, bytes.NewReader(m[2])))
		if err != nil {
			t.Fatal(err)
		}
		var v map[string]any
		if err := json.NewDecoder(z).Decode(&v); err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	return all
}

// events are those of a piece of the index: each with the values of its columns, by the columns' names.
func events(index map[string]any) (all []map[string]any) {
	names := index["names"].([]any)
	for i := range index["kind"].([]any) {
		e := map[string]any{}
		for column, values := range index {
			values, ok := values.([]any)
			if !ok || column == "names" || column == "sockets" {
				continue
			}
			e[column] = values[i]
			if slices.Contains([]string{"kind", "socket", "actor", "to", "mark"}, column) {
				e[column] = names[int(values[i].(float64))]
			}
		}
		all = append(all, e)
	}
	return all
}

// records are those of --json, by the name that a page gives them, as encoding/json reads them back.
func records(t testing.TB, timeline *trace.Timeline) map[string]map[string]any {
	t.Helper()
	all := map[string]map[string]any{}
	for _, r := range show.Records(timeline, "", start) {
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		var v map[string]any
		if err := json.Unmarshal(b, &v); err != nil {
			t.Fatal(err)
		}
		if v["type"] != "socket" {
			all[fmt.Sprintf("%v-%v", v["type"], v["number"])] = v
		}
	}
	return all
}

// The page holds what --json says of each event, and nothing of strangers' text as markup.
func TestPageHoldsTheRecords(t *testing.T) {
	s := exchanges(t, 300, hostile) // more than a block
	b := page(t, s)
	want := records(t, s.timeline())
	got := 0
	for _, block := range unpacked(t, b, "block") {
		for name, d := range block {
			got++
			if r := d.(map[string]any)["record"]; !reflect.DeepEqual(r, any(want[name])) {
				t.Errorf("%s:\n got %v\nwant %v", name, r, want[name])
			}
		}
	}
	if got != len(want) {
		t.Errorf("details of %d events, want %d", got, len(want))
	}
	for _, piece := range []string{"owned", "alert(1)", "\x1b", "\u202e"} {
		rest := bytes.ReplaceAll(b, []byte("document.title=&#39;owned&#39;"), nil) // of the title, escaped
		rest = bytes.ReplaceAll(rest, []byte("onerror=alert(1)&gt;"), nil)
		if n := bytes.Count(rest, []byte(piece)); n > 2 && piece != "\x1b" && piece != "\u202e" || n > 0 && piece == "owned" {
			t.Errorf("%q stands in the page %d times", piece, n)
		}
	}
}

// Every field of a packet has its place, and the places are inside the bytes that are shown.
func TestPageHoldsTheFields(t *testing.T) {
	s := exchanges(t, 1, "hello")
	fields := 0
	for _, block := range unpacked(t, page(t, s), "block") {
		for name, d := range block {
			d := d.(map[string]any)
			if !strings.HasPrefix(name, "packet") {
				continue
			}
			bits := float64(4 * len(d["bytes"].(string)))
			for _, l := range d["layers"].([]any) {
				for _, f := range l.(map[string]any)["fields"].([]any) {
					f := f.(map[string]any)
					fields++
					if end := f["bit"].(float64) + f["bits"].(float64); end > bits {
						t.Errorf("%s: %v ends at bit %v of %v", name, f["name"], end, bits)
					}
				}
			}
		}
	}
	if fields < 100 {
		t.Errorf("only %d fields", fields)
	}
}

// A page may be written in pieces, as a trace goes on: it holds the same events.
func TestPageInPieces(t *testing.T) {
	s := exchanges(t, 20, "hello")
	whole := s.timeline()
	var b bytes.Buffer
	l := report.NewLadder(&b, "pieces")
	l.Begin(report.Part{Name: "program", Start: start, Frame: s.frame})
	for n := range 2 {
		l.Add(whole.Only(func(c *trace.CallRecord) bool { return c.Number%2 == n }, func(p *trace.PacketRecord) bool { return p.Number%2 == n }))
	}
	if err := l.Close(nil); err != nil {
		t.Fatal(err)
	}
	sockets, all := 0, map[string]int{}
	for _, index := range unpacked(t, b.Bytes(), "index") {
		for _, e := range events(index) {
			if e["kind"] != "note" {
				all[fmt.Sprintf("%v-%v", e["kind"], e["number"])]++
			}
		}
		if list, ok := index["sockets"].([]any); ok {
			sockets += len(list)
		}
	}
	if want := len(whole.Calls) + len(whole.Packets); len(all) != want || sockets != len(whole.Sockets) {
		t.Errorf("%d events of %d sockets, want %d of %d", len(all), sockets, want, len(whole.Sockets))
	}
}

// What cannot be written is told.
func TestPageCannotBeWritten(t *testing.T) {
	for _, room := range []int{0, 100, 40_000} {
		l := report.NewLadder(&short{room}, "x")
		l.Begin(report.Part{Start: start})
		l.Add(exchanges(t, 2000, "hello").timeline())
		if err := l.Close(nil); !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("with room for %d bytes: %v", room, err)
		}
		p := report.NewPerfetto(&short{room})
		p.Begin(report.Part{Start: start})
		p.Add(exchanges(t, 2000, "hello").timeline())
		if err := p.Close(nil); !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("with room for %d bytes: %v", room, err)
		}
	}
}

type short struct{ room int }

func (s *short) Write(b []byte) (int, error) {
	if s.room -= len(b); s.room < 0 {
		return 0, io.ErrShortWrite
	}
	return len(b), nil
}

// The page is valid HTML, as tidy sees it.
func TestPageIsValid(t *testing.T) {
	if _, err := exec.LookPath("tidy"); err != nil {
		if os.Getenv("REQUIRE_PEERS") != "" {
			t.Fatal("REQUIRE_PEERS is set and there is no tidy")
		}
		t.Skip("no tidy here")
	}
	name := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(name, page(t, exchanges(t, 3, hostile)), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("tidy", "-q", "-e", "--drop-empty-elements", "no", name).CombinedOutput()
	if err != nil || len(bytes.TrimSpace(out)) > 0 {
		t.Errorf("tidy: %v\n%s", err, out)
	}
}

// A trace for Perfetto is JSON of that format: every call and packet is a slice, every arrow has both its ends inside
// slices.
func TestPerfetto(t *testing.T) {
	s := exchanges(t, 5, hostile)
	timeline := s.timeline()
	var b bytes.Buffer
	p := report.NewPerfetto(&b)
	for range 2 { // two scenes
		p.Begin(report.Part{Name: "scene", Start: start})
		p.Add(timeline)
	}
	if err := p.Close(nil); err != nil {
		t.Fatal(err)
	}
	var trace struct {
		Events []struct {
			Name, Cat, Ph string
			Ts, Dur       float64
			Pid, Tid, ID  int
			Args          struct{ Record map[string]any }
		} `json:"traceEvents"`
	}
	if err := json.Unmarshal(b.Bytes(), &trace); err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	inside := func(pid, tid int, ts float64) bool {
		for _, e := range trace.Events {
			if e.Ph == "X" && e.Pid == pid && e.Tid == tid && e.Ts <= ts && ts <= e.Ts+e.Dur {
				return true
			}
		}
		return false
	}
	for _, e := range trace.Events {
		count[e.Cat+e.Ph]++
		if (e.Ph == "s" || e.Ph == "f") && !inside(e.Pid, e.Tid, e.Ts) {
			t.Errorf("an arrow %q of %d/%d at %v is in no slice", e.Name, e.Pid, e.Tid, e.Ts)
		}
		if e.Cat == "packet" && e.Args.Record["at_ns"].(float64)/1e3 != e.Ts {
			t.Errorf("packet %v is at %v", e.Args.Record["number"], e.Ts)
		}
	}
	calls := len(timeline.Calls)
	want := map[string]int{"callX": 2 * (calls - 1), "callB": 2, "packetX": 2 * len(timeline.Packets), "carrieds": 10, "carriedf": 10, "receiveds": 10, "receivedf": 10}
	for k, n := range want {
		if count[k] != n {
			t.Errorf("%d of %s, want %d", count[k], k, n)
		}
	}
}

// A packet that the kernel dropped is marked, with the kernel's reason beside it.
func TestPageMarksDrops(t *testing.T) {
	s := exchanges(t, 1, "hello")
	timeline := s.timeline()
	timeline.Packets[3].Drops = []trace.Drop{{Reason: "NETFILTER_DROP", Why: "a rule of netfilter", Place: "nf_hook_slow"}}
	var b bytes.Buffer
	l := report.NewLadder(&b, "drops")
	l.Begin(report.Part{Start: start, Frame: s.frame})
	l.Add(timeline)
	if err := l.Close(nil); err != nil {
		t.Fatal(err)
	}
	for _, e := range events(unpacked(t, b.Bytes(), "index")[0]) {
		dropped := e["kind"] == "packet" && e["number"] == 4.0
		if dropped != (e["mark"] == "lost") || dropped && !strings.Contains(e["notes"].(string), "NETFILTER_DROP") {
			t.Errorf("packet %v is marked %v: %v", e["number"], e["mark"], e["notes"])
		}
	}
}
