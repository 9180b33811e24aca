package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"sockwire/capture"
	"sockwire/capture/drop"
	"sockwire/capture/owner"
	"sockwire/capture/table"
	"sockwire/capture/table/tabletest"
)

// corpus is a third of the files that other tests of tables take. TABLE_FULL=1 takes all there are.
func corpus(t *testing.T) (files []string) {
	t.Helper()
	for i, f := range tabletest.Corpus(t) {
		if i%3 == 0 || os.Getenv("TABLE_FULL") != "" {
			files = append(files, f)
		}
	}
	return files
}

// said runs pktview and returns what it prints.
func said(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), args, nil, &out, &errs)
	return out.String(), errs.String(), code
}

// records are those of a type that are printed as JSON, with a name for each value: its path, "_" between.
func records(t *testing.T, out, kind string) (list []map[string]string) {
	t.Helper()
	for line := range strings.Lines(out) {
		d := json.NewDecoder(strings.NewReader(line))
		d.UseNumber()
		var v map[string]any
		must(t, d.Decode(&v))
		if v["type"] != kind {
			continue
		}
		delete(v, "type")
		flat := map[string]string{}
		flatten(flat, "", v)
		list = append(list, flat)
	}
	return list
}

func flatten(flat map[string]string, path string, v any) {
	if m, is := v.(map[string]any); is {
		for name, v := range m {
			flatten(flat, strings.TrimPrefix(path+"_"+strings.ReplaceAll(name, "-", "_"), "_"), v)
		}
		return
	}
	flat[path] = fmt.Sprint(v)
}

// splitEnd makes address and port of one text, as tables have them.
func splitEnd(r map[string]string, from, to string) {
	a, err := netip.ParseAddrPort(r[from])
	if err != nil {
		a = netip.AddrPortFrom(netip.MustParseAddr(r[from]), 0)
	}
	delete(r, from)
	r[to], r[to+"_bytes"], r[to+"_port"] = a.Addr().String(), tabletest.Bytes16(a.Addr().String()), strconv.Itoa(int(a.Port()))
}

// rowsOf returns the rows of a table below a directory.
func rowsOf(t *testing.T, dir string, s *table.Schema) (rows []tabletest.Row) {
	t.Helper()
	_ = filepath.WalkDir(filepath.Join(dir, s.Name), func(name string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			rows = append(rows, tabletest.Read(t, name, s)...)
		}
		return nil
	})
	return rows
}

// Every value of --streams --json is in the table of streams, and that has no others.
func TestStreamsTableIsWhatJSONSays(t *testing.T) {
	file := filepath.Join(t.TempDir(), "streams.pcap")
	write(t, file, streams(t))
	values := 0
	for _, file := range append(corpus(t), file) {
		dir := t.TempDir()
		out, _, _ := said(t, "-r", file, "--streams", "--json", "--top", "0", "--defragment=false")
		said(t, "-q", "-r", file, "--tables", dir)
		want := records(t, out, "stream")
		got := rowsOf(t, dir, table.Streams)
		byNumber := map[string]tabletest.Row{}
		for _, r := range got {
			byNumber[r["stream"]] = r
		}
		if len(got) != len(want) {
			t.Errorf("%s: %d rows of %d streams", filepath.Base(file), len(got), len(want))
		}
		for _, w := range want {
			splitEnd(w, "client", "client")
			splitEnd(w, "server", "server")
			r := byNumber[w["stream"]]
			if _, there := w["first"]; there {
				when, err := time.Parse(time.RFC3339Nano, w["first"])
				must(t, err)
				w["first"] = tabletest.Stamp(when)
			}
			for name, v := range r {
				given := w[name]
				switch {
				case name == "run":
					continue
				case given == "" && !strings.HasSuffix(name, "_conflict") && (strings.Contains(name, "_verdicts_") || strings.Contains(name, "_retransmissions_") || name == "vlan" || name == "tunnel" || name == "interface"):
					given = "0" // left out of JSON
				case strings.HasSuffix(name, "_verdicts_conflict"):
					given = v // --streams keeps no bytes to compare with
				case strings.HasPrefix(name, "limited_"), strings.HasSuffix(name, "_per_second"):
					a, _ := strconv.ParseFloat(v, 64)
					b, err := strconv.ParseFloat(given, 64)
					if err == nil && a == b {
						v = given
					}
				}
				if v != given {
					t.Errorf("%s: stream %s: %s is %q, --json has %q", filepath.Base(file), w["stream"], name, v, given)
				}
				values++
			}
			for name, v := range w {
				if _, there := r[name]; !there {
					t.Errorf("%s: stream %s: %s, which is %s, is missing", filepath.Base(file), w["stream"], name, v)
				}
			}
		}
	}
	if values < 500 {
		t.Errorf("only %d values were compared", values)
	}
}

// What flows add up to for two ends is what --stats conversations has of them.
func TestFlowsTableIsWhatJSONSays(t *testing.T) {
	file := filepath.Join(t.TempDir(), "streams.pcap")
	write(t, file, streams(t))
	seen := 0
	for _, file := range append(corpus(t), file) {
		dir := t.TempDir()
		out, _, _ := said(t, "-r", file, "--stats=conversations", "--json", "--top", "0", "--defragment=false")
		said(t, "-q", "-r", file, "--tables", dir)
		want, got := map[string][2]uint64{}, map[string][2]uint64{}
		add := func(m map[string][2]uint64, protocol, from, to, packets, bytes string) {
			p, err := strconv.ParseUint(packets, 10, 64)
			must(t, err)
			b, err := strconv.ParseUint(bytes, 10, 64)
			must(t, err)
			if p > 0 {
				key := protocol + " " + from + " > " + to
				m[key] = [2]uint64{m[key][0] + p, m[key][1] + b}
			}
		}
		for _, w := range records(t, out, "conversation") {
			icmp := strings.HasPrefix(w["protocol"], "icmp")
			splitEnd(w, "a", "a")
			splitEnd(w, "b", "b")
			a, b := w["a"]+" "+w["a_port"], w["b"]+" "+w["b_port"]
			if icmp {
				a, b = w["a"], w["b"]
			}
			add(want, w["protocol"], a, b, w["packets_a_to_b"], w["bytes_a_to_b"])
			add(want, w["protocol"], b, a, w["packets_b_to_a"], w["bytes_b_to_a"])
		}
		for _, r := range rowsOf(t, dir, table.Flows) {
			n, err := strconv.ParseUint(r["protocol"], 10, 8)
			must(t, err)
			name := protocolName(uint8(n))
			a, b := r["a"]+" "+r["a_port"], r["b"]+" "+r["b_port"]
			if strings.HasPrefix(name, "icmp") { // whose ports are type and code
				a, b = r["a"], r["b"]
			}
			add(got, name, a, b, r["packets_a_to_b"], r["bytes_a_to_b"])
			add(got, name, b, a, r["packets_b_to_a"], r["bytes_b_to_a"])
		}
		for key, n := range want {
			if got[key] != n {
				t.Errorf("%s: %s: %v packets and bytes, --json has %v", filepath.Base(file), key, got[key], n)
			}
			delete(got, key)
			seen++
		}
		for key, n := range got {
			t.Errorf("%s: %s: %v packets and bytes, of which --json has nothing", filepath.Base(file), key, n)
		}
	}
	if seen < 10 {
		t.Errorf("only %d directions were compared", seen)
	}
}

// Every value that --json has of a drop is in the table of drops; and what a capture lost is too.
func TestDropsTableIsWhatJSONSays(t *testing.T) {
	dir := t.TempDir()
	w, err := table.CreateTables(dir, nil)
	must(t, err)
	f := conversation(t)[0]
	f.Drops = 3
	must(t, w.WriteNumbered(&f, 1, -1))
	f.Drops = 0
	d := &drop.Drop{Reason: drop.Reason{Number: 6, Name: "SOCKET_RCVBUFF"}, Network: 4026531840, Device: "eth0"}
	d.Place.Function, d.Place.Offset = "udp_queue_rcv_one_skb", 77
	d.Socket = drop.Socket{Role: drop.Receiver, Cookie: 5, Inode: 6, UID: 7, Received: 8, ReceiveLimit: 9, Sent: 10, SendLimit: 11,
		Local: netip.MustParseAddrPort("192.0.2.1:53"), Remote: netip.MustParseAddrPort("[2001:db8::1]:4000")}
	by := &owner.Owner{Process: &owner.Process{PID: 12, Name: "unbound", UID: 7, User: "unbound"}, Role: owner.Receiver, How: owner.Inferred}
	w.Own([]owner.Owner{*by})
	must(t, w.WriteDrop(&f, 2, d))
	must(t, w.Close())
	rows := rowsOf(t, dir, table.Drops)
	if len(rows) != 2 || rows[0]["drops"] != "3" || rows[0]["number"] != "1" || rows[0]["time"] != tabletest.Stamp(f.Time) || rows[0]["reason"] != "" {
		t.Fatalf("%v", rows)
	}
	var record struct{ Drop map[string]any }
	decoder := json.NewDecoder(strings.NewReader(`{"":0` + string(appendDropJSON(nil, d, by)) + "}"))
	decoder.UseNumber()
	must(t, decoder.Decode(&record))
	want := map[string]string{}
	flatten(want, "", record.Drop)
	want["reason_number"] = want["number"]
	want["number"], want["time"], want["interface"] = "2", tabletest.Stamp(f.Time), "0"
	for _, side := range []string{"local", "remote"} {
		text := want["socket_"+side]
		splitEnd(want, "socket_"+side, "socket_"+side+"_ip")
		want["socket_"+side+"_port"] = want["socket_"+side+"_ip_port"]
		want["socket_"+side] = text
		delete(want, "socket_"+side+"_ip_port")
	}
	delete(rows[1], "run")
	if diff := tabletest.Diff(rows[1], want); diff != "" {
		t.Error(diff)
	}
}

// Of a file that was cut, or damaged in the middle, the rows are those of the packets before.
func TestTableOfDamagedInput(t *testing.T) {
	dir := t.TempDir()
	var frames []capture.Frame
	for range 100 {
		frames = append(frames, conversation(t)...)
	}
	file, out := filepath.Join(dir, "whole.pcap"), filepath.Join(dir, "out.parquet")
	write(t, file, frames)
	whole, err := os.ReadFile(file)
	must(t, err)
	rows := func(b []byte) []tabletest.Row {
		must(t, os.WriteFile(file, b, 0o600))
		_, stderr, code := said(t, "-q", "-r", file, "-w", out)
		if cut := len(b) != len(whole) || !bytes.Equal(b, whole); cut && (code == 0 || strings.Count(stderr, "\n") < 1) {
			t.Errorf("exit status %d and nothing said: %q", code, stderr)
		}
		all := tabletest.Read(t, out, table.Packets)
		for _, r := range all {
			delete(r, "run")
		}
		must(t, os.Remove(out))
		return all
	}
	all := rows(whole)
	if len(all) != len(frames) {
		t.Fatalf("%d rows of %d packets", len(all), len(frames))
	}
	at := 24 // records follow each other
	for i := range frames {
		if i%97 == 5 {
			broken := bytes.Clone(whole)
			copy(broken[at+8:], "\xff\xff\xff\xff\xff\xff\xff\xff") // its lengths
			for what, b := range map[string][]byte{"cut in the header of": whole[:at+7], "cut in": whole[:at+30], "damaged in": broken} {
				got := rows(b)
				if !slices.EqualFunc(got, all[:i], func(a, b tabletest.Row) bool { return tabletest.Diff(a, b) == "" }) {
					t.Errorf("%s packet %d: %d rows, want %d", what, i+1, len(got), i)
				}
			}
		}
		at += 16 + len(frames[i].Data)
	}
}

// feeding starts pktview, which writes what it reads from a pipe, and returns when a file is there.
func feeding(t *testing.T, dir string, frames []capture.Frame, there func(names []string) bool, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, "pktview", append([]string{"-q", "-r", "-"}, args...)...)
	in, err := cmd.StdinPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	w, err := capture.NewWriter(in, &capture.WriterConfig{})
	must(t, err)
	must(t, w.Describe([]capture.Interface{{Link: capture.LinkEthernet}}))
	for i := range frames {
		must(t, w.Write(&frames[i]))
	}
	must(t, w.Flush())
	for !there(fileNames(t, dir)) {
		if ctx.Err() != nil {
			t.Fatalf("in the directory is only %v", fileNames(t, dir))
		}
		time.Sleep(5 * time.Millisecond)
	}
	return cmd
}

func fileNames(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// After kill -9 what is complete reads, and the rest has no name that an engine picks up.
func TestKilledWhileItWritesTables(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var frames []capture.Frame
	for len(frames) < 250 {
		frames = append(frames, conversation(t)...)
	}
	frames = frames[:250]
	hidden := func(name string) bool { return strings.HasPrefix(name, ".") }
	cmd := feeding(t, dir, frames, func(names []string) bool {
		return len(names) == 3 && slices.ContainsFunc(names, hidden)
	}, "--rotate-count", "100", "-w", filepath.Join(dir, "row.parquet"))
	must(t, cmd.Process.Kill())
	_ = cmd.Wait()
	number := 0
	for _, name := range fileNames(t, dir) {
		if hidden(name) {
			if !strings.HasSuffix(name, ".part") {
				t.Errorf("hidden, but called %s", name)
			}
			continue
		}
		for _, r := range tabletest.Read(t, filepath.Join(dir, name), table.Packets) {
			f := &frames[number]
			number++
			if r["number"] != strconv.Itoa(number) || r["length"] != strconv.Itoa(f.Length) || r["time"] != tabletest.Stamp(f.Time) {
				t.Errorf("%s: row %d is %v", name, number, r)
			}
		}
	}
	if number != 200 {
		t.Errorf("%d packets are in complete files, want 200", number)
	}
}

// What a killed run left is said by the next one of its name, in one line, and does not hinder it.
func TestLeftByAKilledRun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	out := filepath.Join(dir, "a.parquet")
	cmd := feeding(t, dir, conversation(t), func(names []string) bool { return slices.Contains(names, ".a.parquet.part") }, "-w", out)
	must(t, cmd.Process.Kill())
	_ = cmd.Wait()
	if names := fileNames(t, dir); !slices.Equal(names, []string{".a.parquet.part"}) {
		t.Fatalf("after the kill there is %v", names)
	}
	file := filepath.Join(t.TempDir(), "in.pcap")
	write(t, file, conversation(t))
	_, stderr, code := said(t, "-q", "-r", file, "-w", out)
	if want := "left by one that was killed"; code != 0 || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, want) || !strings.Contains(stderr, ".a.parquet.part") {
		t.Errorf("exit status %d, said %q, want a line with %q", code, stderr, want)
	}
	if names := fileNames(t, dir); !slices.Equal(names, []string{"a.parquet"}) {
		t.Errorf("there is %v", names)
	}
	if n := len(tabletest.Read(t, out, table.Packets)); n != len(conversation(t)) {
		t.Errorf("%d rows", n)
	}
}
