package table_test

import (
	"encoding/json"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sockwire/capture/decode"
	"sockwire/capture/decode/app"
	"sockwire/capture/flow"
	"sockwire/capture/flow/message"
	"sockwire/capture/table"
	"sockwire/capture/table/tabletest"
)

// readTable returns the rows of all files of a table, in the order of their names.
func readTable(t *testing.T, dir string, s *table.Schema) []tabletest.Row {
	t.Helper()
	var files []string
	_ = filepath.WalkDir(filepath.Join(dir, s.Name), func(name string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			files = append(files, name)
		}
		return nil
	})
	var rows []tabletest.Row
	for _, f := range files {
		if !strings.HasSuffix(f, ".parquet") || strings.HasPrefix(filepath.Base(f), ".") {
			t.Errorf("left behind: %s", f)
			continue
		}
		rows = append(rows, tabletest.Read(t, f, s)...)
	}
	return rows
}

// messagesOf are the messages of a file as --json has them, by table.
func messagesOf(t *testing.T, file string, number *uint64, want map[*table.Schema][]tabletest.Row) {
	var d decode.Decoder
	var p, whole decode.Packet
	printer := decode.Printer{Applications: app.Renderer{}}
	var seg flow.Segment
	var parser message.Parser
	schema := map[decode.Type]*table.Schema{decode.TypeDNS: table.DNS, decode.TypeMDNS: table.DNS, decode.TypeHTTP: table.HTTP, decode.TypeTLS: table.TLS,
		decode.TypeICMPv4: table.ICMP, decode.TypeICMPv6: table.ICMP}
	add := func(q *decode.Packet, i int) {
		var l tabletest.Layer
		dec := json.NewDecoder(strings.NewReader(string(printer.AppendJSONLayer(nil, q, i))))
		dec.UseNumber()
		must(t, dec.Decode(&l))
		s := schema[q.Layers()[i].Type]
		want[s] = append(want[s], tabletest.WantFields(s, &l))
	}
	messages := func(list []message.Message) {
		for i := range list {
			switch m := &list[i]; {
			case m.Part == message.Body || schema[m.Protocol] == nil: // others have no table
			case m.Part == message.Ends:
				want[schema[m.Protocol]] = append(want[schema[m.Protocol]], tabletest.Row{})
			default:
				m.Packet(&whole)
				add(&whole, 0)
			}
		}
	}
	found := func(r *flow.Result) {
		for i := range r.Chunks {
			messages(parser.Add(&r.Chunks[i]))
		}
		for _, s := range r.Ended {
			messages(parser.End(s))
		}
	}
	tracker := flow.NewTracker(&flow.Config{Reassemble: true})
	for _, f := range tabletest.Frames(t, file) {
		_ = d.Decode(f, &p)
		*number++
		p.Number = *number
		tracker.Read(&p, &seg)
		found(tracker.AddSegment(&seg, *number))
		for i, l := range p.Layers() {
			if l.Flags&decode.Quoted == 0 && (schema[l.Type] == table.ICMP || schema[l.Type] == table.DNS && p.FindInner(decode.TypeTCP) < 0) {
				add(&p, i)
			}
		}
	}
	r := tracker.Finish()
	found(&r)
}

// Messages have what --json has of them.
func TestMessagesAreWhatJSONSays(t *testing.T) {
	t.Parallel()
	columns := map[*table.Schema][]string{}
	for _, s := range []*table.Schema{table.DNS, table.HTTP, table.TLS, table.ICMP} {
		for _, c := range s.Columns {
			if c.JSON == "" && !strings.HasSuffix(c.Name, "_bytes") || strings.HasPrefix(c.Name, "ip_") || c.Name == "mpls_label" || strings.HasPrefix(c.Name, "quoted_") {
				columns[s] = append(columns[s], c.Name)
			}
		}
	}
	rows, values := 0, 0
	for i, file := range tabletest.Corpus(t) {
		if i%3 != 0 && os.Getenv("TABLE_FULL") == "" {
			continue
		}
		dir := t.TempDir()
		w, err := table.CreateTables(dir, &table.Config{Run: "here"})
		must(t, err)
		for _, f := range tabletest.Frames(t, file) {
			f.Time = time.Unix(1_700_000_000, 0) // of one hour
			must(t, w.Write(&f))
		}
		must(t, w.Close())
		want := map[*table.Schema][]tabletest.Row{}
		number := uint64(0)
		messagesOf(t, file, &number, want)
		for _, s := range []*table.Schema{table.DNS, table.HTTP, table.TLS, table.ICMP} {
			got := readTable(t, dir, s)
			if len(got) != len(want[s]) {
				t.Errorf("%s: %d rows of %s, want %d", filepath.Base(file), len(got), s.Name, len(want[s]))
				continue
			}
			for i := range got {
				rows++
				values += len(want[s][i])
				if diff := tabletest.Diff(got[i], want[s][i], columns[s]...); diff != "" {
					t.Errorf("%s: %s row %d: %s", filepath.Base(file), s.Name, i, diff)
				}
			}
		}
	}
	t.Logf("%d rows, %d values", rows, values)
}

// Values that other tools compute, of the Community ID's own documentation.
func TestCommunityID(t *testing.T) {
	for _, c := range []struct {
		protocol uint8
		src, dst string
		oneWay   bool
		want     string
	}{
		{6, "128.232.110.120:34855", "66.35.250.204:80", false, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="},
		{6, "66.35.250.204:80", "128.232.110.120:34855", false, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="},
		{17, "192.168.1.52:54585", "8.8.8.8:53", false, "1:d/FP5EW3wiY1vCndhwleRRKHowQ="},
		{1, "192.168.0.89:8", "192.168.0.1:0", false, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="},
	} {
		if got := table.CommunityID(c.protocol, netip.MustParseAddrPort(c.src), netip.MustParseAddrPort(c.dst), c.oneWay); got != c.want {
			t.Errorf("%s %s: %s, want %s", c.src, c.dst, got, c.want)
		}
	}
}

// Rows are in the directory of their hour, those without a time in one of their own, and two writers keep apart.
func TestParts(t *testing.T) {
	dir := t.TempDir()
	hour := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	times := []time.Time{hour, hour.Add(time.Hour), hour.Add(59 * time.Minute), {}, hour.Add(25 * time.Hour), hour}
	for range 2 {
		w, err := table.CreateTables(dir, nil)
		must(t, err)
		for _, when := range times {
			f := aFrame()
			f.Time, f.Drops = when, 7
			must(t, w.Write(f))
		}
		must(t, w.Close())
	}
	count := map[string]int{}
	must(t, filepath.WalkDir(filepath.Join(dir, "packets"), func(name string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			part, _ := filepath.Rel(filepath.Join(dir, "packets"), filepath.Dir(name))
			count[filepath.ToSlash(part)] += len(tabletest.Read(t, name, table.Packets))
		}
		return err
	}))
	for part, n := range map[string]int{"date=2026-01-02/hour=03": 6, "date=2026-01-02/hour=04": 2, "date=2026-01-03/hour=04": 2,
		"date=__HIVE_DEFAULT_PARTITION__/hour=__HIVE_DEFAULT_PARTITION__": 2} {
		if count[part] != n {
			t.Errorf("%s has %d rows, want %d", part, count[part], n)
		}
		delete(count, part)
	}
	if len(count) > 0 {
		t.Errorf("more: %v", count)
	}
	if rows := readTable(t, dir, table.Drops); len(rows) != 12 || rows[0]["drops"] != "7" {
		t.Errorf("drops: %v", rows)
	}
}

// Flows are what a plain count says.
func TestFlows(t *testing.T) {
	dir := t.TempDir()
	w, err := table.CreateTables(dir, nil)
	must(t, err)
	f := aFrame()
	back := aFrame()
	copy(back.Data[26:30], f.Data[30:34])
	copy(back.Data[30:34], f.Data[26:30])
	copy(back.Data[34:36], f.Data[36:38])
	copy(back.Data[36:38], f.Data[34:36])
	back.Time = f.Time.Add(time.Second)
	late := aFrame()
	late.Time = f.Time.Add(10 * time.Minute)
	must(t, w.Write(f))
	must(t, w.Write(back))
	must(t, w.Write(back))
	must(t, w.Write(late))
	must(t, w.Close())
	rows := readTable(t, dir, table.Flows)
	if len(rows) != 2 {
		t.Fatalf("%d flows, want 2: the second began ten minutes later", len(rows))
	}
	for name, want := range map[string]string{"a": "192.0.2.1", "a_port": "40000", "b": "192.0.2.2", "b_port": "53", "protocol": "17", "packets_a_to_b": "1",
		"packets_b_to_a": "2", "bytes_a_to_b": "47", "bytes_b_to_a": "94", "duration_ns": "1000000000", "first_packet": "1", "last_packet": "3"} {
		if rows[0][name] != want {
			t.Errorf("%s is %s, want %s", name, rows[0][name], want)
		}
	}
	if rows[0]["community_id"] != rows[1]["community_id"] {
		t.Error("the same ends have two Community IDs")
	}
}
