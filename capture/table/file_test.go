package table_test

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sockwire/capture"
	"sockwire/capture/owner"
	"sockwire/capture/table"
	"sockwire/capture/table/tabletest"
)

// aFrame is a datagram.
func aFrame() *capture.Frame {
	data := []byte("\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02\x08\x00" +
		"\x45\x00\x00\x21\x00\x01\x00\x00\x40\x11\xf6\xc6\xc0\x00\x02\x01\xc0\x00\x02\x02" + "\x9c\x40\x00\x35\x00\x0d\x00\x00hello")
	return &capture.Frame{Data: data, Length: len(data), Link: capture.LinkEthernet, Time: time.Unix(1_700_000_000, 5)}
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// A file has no name that an engine picks up until it is complete, also where it takes the place of another.
func TestFileHasItsNameWhenComplete(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "a.parquet")
	must(t, os.WriteFile(name, []byte("before"), 0o600))
	w, err := table.CreatePackets(name, nil)
	must(t, err)
	for range 2000 {
		must(t, w.Write(aFrame()))
	}
	if got := strings.Join(names(t, dir), " "); got != ".a.parquet.part a.parquet" {
		t.Errorf("while it is written: %s", got)
	}
	if b, _ := os.ReadFile(name); string(b) != "before" {
		t.Error("the file before is gone already")
	}
	must(t, w.Close())
	if got := strings.Join(names(t, dir), " "); got != "a.parquet" {
		t.Errorf("afterwards: %s", got)
	}
	if n := len(tabletest.Read(t, name, table.Packets)); n != 2000 {
		t.Errorf("%d rows of 2000", n)
	}
}

// What a killed writer left does not hinder the next.
func TestFileLeftByAKill(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a.parquet")
	must(t, os.WriteFile(filepath.Join(filepath.Dir(name), ".a.parquet.part"), []byte("PAR1"), 0o600))
	w, err := table.CreatePackets(name, nil)
	must(t, err)
	must(t, w.Write(aFrame()))
	must(t, w.Close())
	if got := tabletest.Read(t, name, table.Packets); len(got) != 1 || got[0]["ip_src"] != "192.0.2.1" || got[0]["dst_port"] != "53" {
		t.Errorf("%v", got)
	}
}

func TestAbandonedFileLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	w, err := table.CreatePackets(filepath.Join(dir, "a.parquet"), nil)
	must(t, err)
	must(t, w.Write(aFrame()))
	w.Abandon(errors.New("no more"))
	if got := names(t, dir); len(got) != 0 {
		t.Errorf("left: %v", got)
	}
}

func TestRotatorWritesOverNothing(t *testing.T) {
	dir := t.TempDir()
	r, err := table.NewRotator(filepath.Join(dir, "a.parquet"), nil, capture.Rotation{Count: 3, Keep: 2})
	must(t, err)
	for range 10 {
		must(t, r.Write(aFrame()))
	}
	must(t, r.Close())
	files := names(t, dir)
	if len(files) != 2 {
		t.Fatalf("%v, want the newest two", files)
	}
	rows := tabletest.Read(t, filepath.Join(dir, files[1]), table.Packets)
	if len(rows) != 1 || rows[0]["number"] != "10" {
		t.Errorf("the last file has %v", rows)
	}
}

func TestNoPlaceForAFile(t *testing.T) {
	if _, err := table.CreatePackets(filepath.Join(t.TempDir(), "no", "a.parquet"), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// Whose a packet is stands in its row and in no other, through a row of files too.
func TestOwners(t *testing.T) {
	curl := &owner.Process{PID: 7, UID: 1000, Name: "curl"}
	dns := &owner.Process{PID: 9, Name: "unbound"}
	owners := []owner.Owner{{Process: curl, Role: owner.Sender, Thread: 8, How: owner.Exact}, {Process: dns, Role: owner.Receiver, How: owner.Inferred},
		{Process: curl, Role: owner.Receiver, How: owner.Inferred}}
	dir := t.TempDir()
	r, err := table.NewRotator(filepath.Join(dir, "a.parquet"), nil, capture.Rotation{Count: 2})
	must(t, err)
	r.Own(owners)
	must(t, r.Write(aFrame()))
	must(t, r.Write(aFrame()))
	must(t, r.Close())
	rows := tabletest.Read(t, filepath.Join(dir, names(t, dir)[0]), table.Packets)
	for name, want := range map[string]string{"owner_pid": "7", "owner_uid": "1000", "owner_comm": "curl", "owner_how": "exact",
		"receiver_pid": "9", "receiver_uid": "0", "receiver_comm": "unbound", "receiver_how": "inferred"} {
		if rows[0][name] != want {
			t.Errorf("%s is %q, want %q", name, rows[0][name], want)
		}
		if v, there := rows[1][name]; there {
			t.Errorf("the next packet has %s %s", name, v)
		}
	}
}

// Times beyond what nanoseconds in 64 bits hold are null, and stand in a column of their own.
func TestTimesBeyond(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a.parquet")
	w, err := table.CreatePackets(name, nil)
	must(t, err)
	f := aFrame()
	times := []time.Time{time.Unix(10_000_000_000, 1), time.Unix(-10_000_000_000, 0), {}, time.Unix(9_000_000_000, 7)}
	for _, f.Time = range times {
		must(t, w.Write(f))
	}
	must(t, w.Close())
	rows := tabletest.Read(t, name, table.Packets)
	for i, want := range []struct{ time, beyond string }{
		{"", "2286-11-20T17:46:40.000000001Z"}, {"", "1653-02-10T06:13:20.000000000Z"}, {"", ""}, {"2255-03-14T16:00:00.000000007Z", ""},
	} {
		if rows[i]["time"] != want.time || rows[i]["time_beyond"] != want.beyond {
			t.Errorf("%v: %q, beyond %q", times[i], rows[i]["time"], rows[i]["time_beyond"])
		}
	}
}

// A packet takes no memory of its own on its way.
func TestWriteAllocates(t *testing.T) {
	w, err := table.CreatePackets(filepath.Join(t.TempDir(), "a.parquet"), nil)
	must(t, err)
	f := aFrame()
	for range 130_000 {
		must(t, w.Write(f))
	}
	// A few for each chunk of 512, and for each row group.
	if n := testing.AllocsPerRun(20_000, func() { _ = w.Write(f) }); n > 0.5 {
		t.Errorf("%.2f allocations a packet", n)
	}
	must(t, w.Close())
}

// one is a source of one frame.
type one struct{}

func (one) Interfaces() []capture.Interface { return nil }

func (one) Frames(context.Context) iter.Seq2[capture.Frame, error] {
	return func(yield func(capture.Frame, error) bool) { yield(*aFrame(), nil) }
}

// Headers that few packets have have columns too, beside their fields in more.
func TestColumnsOfSeldomHeaders(t *testing.T) {
	ip := func(protocol byte, payload string) string {
		return "\x45\x00\x00" + string([]byte{byte(20 + len(payload))}) + "\x00\x01\x00\x00\x40" + string([]byte{protocol}) + "\x00\x00\xc0\x00\x02\x01\xc0\x00\x02\x02" + payload
	}
	address := "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"
	frames := []struct {
		link capture.LinkType
		data string
		want string
	}{
		{capture.LinkRaw, ip(47, "\x10\x00\x08\x00\x00\x00\x00\x07"+ip(17, "\x00\x01\x00\x02\x00\x08\x00\x00")), "gre_protocol=2048 gre_seq=7"},
		{capture.LinkRaw, ip(50, "\x00\x00\x01\x02\x00\x00\x00\x01aaaaaaaaaaaaaaaa"), "esp_spi=258"},
		{capture.LinkRaw, ip(51, "\x11\x04\x00\x00\x00\x00\x01\x03\x00\x00\x00\x01aaaaaaaaaaaa\x00\x01\x00\x02\x00\x08\x00\x00"), "ah_spi=259"},
		{capture.LinkRaw, ip(132, "\x00\x01\x00\x02\x00\x00\x01\x04\x00\x00\x00\x00\x0b\x00\x00\x04"), "sctp_verification_tag=260"},
		{capture.LinkRaw, ip(2, "\x16\x00\x00\x00\xe0\x00\x00\xfb"), "igmp_type=22 igmp_group=224.0.0.251"},
		{capture.LinkRaw, ip(89, "\x02\x01\x00\x18\xc0\x00\x02\x01\x00\x00\x00\x00\x00\x00\x00\x00aaaaaaaa"), "ospf_type=1"},
		{capture.LinkRaw, ip(112, "\x21\x07\x64\x01\x00\x01\x00\x00\xc0\x00\x02\x09aaaaaaaa"), "vrrp_vrid=7"},
		{capture.LinkRaw, "\x60\x00\x00\x00\x00\x10\x2c\x40" + address + address + "\x11\x00\x00\x09\x00\x00\x01\x05aaaaaaaa",
			"ip_fragment_id=261 ip_fragment_place=8 ip_fragment_mf=true"},
		{capture.LinkEthernet, "\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02\x88\x64\x11\x00\x01\x06\x00\x02\xc0\x21", "pppoe_session_id=262"},
		{capture.LinkLinuxSLL, "\x00\x04\x00\x01\x00\x06\x02\x00\x00\x00\x00\x01\x00\x00\x08\x00" + ip(253, ""),
			"cooked_packet_type=4 cooked_source=02:00:00:00:00:01 cooked_protocol=2048"},
		{capture.LinkLinuxSLL2, "\x08\x00\x00\x00\x00\x00\x00\x09\x00\x01\x01\x06\x02\x00\x00\x00\x00\x01\x00\x00" + ip(253, ""),
			"cooked_packet_type=1 cooked_source=02:00:00:00:00:01 cooked_protocol=2048 cooked_ifindex=9"},
	}
	name := filepath.Join(t.TempDir(), "a.parquet")
	w, err := table.CreatePackets(name, nil)
	must(t, err)
	for _, f := range frames {
		must(t, w.Write(&capture.Frame{Data: []byte(f.data), Length: len(f.data), Link: f.link, Time: time.Unix(1_700_000_000, 0)}))
	}
	must(t, w.Close())
	rows, seen := tabletest.Read(t, name, table.Packets), map[string]bool{}
	for i, f := range frames {
		for want := range strings.SplitSeq(f.want, " ") {
			column, value, _ := strings.Cut(want, "=")
			seen[column] = true
			if rows[i][column] != value || !strings.Contains(rows[i]["more"], "="+value) {
				t.Errorf("frame %d: %s is %q, want %q; more has %s", i, column, rows[i][column], value, rows[i]["more"])
			}
		}
	}
	behind := false
	for _, c := range table.Packets.Columns {
		if behind && !seen[c.Name] {
			t.Errorf("no frame has %s", c.Name)
		}
		behind = behind || c.Name == "more"
	}
}
