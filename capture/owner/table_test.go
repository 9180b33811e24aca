package owner

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"sockwire/capture"
	"sockwire/capture/trace"
)

func TestPlace(t *testing.T) {
	id := strings.Repeat("0123456789abcdef", 4)
	for _, tt := range []struct{ path, container, unit string }{
		{"/", "", ""},
		{"/system.slice/ssh.service", "", "ssh.service"},
		{"/user.slice/user-1000.slice/session-3.scope", "", "session-3.scope"},
		{"/system.slice/docker-" + id + ".scope", id, "docker-" + id + ".scope"},
		{"/docker/" + id, id, ""},
		{"/kubepods.slice/kubepods-burstable.slice/cri-containerd-" + id + ".scope", id, "cri-containerd-" + id + ".scope"},
		{"/machine.slice/libpod-" + id + ".scope/container", id, "libpod-" + id + ".scope"},
		{"/x/" + strings.Repeat("g", 64), "", ""},
		{strings.Repeat("/a", 2048), "", ""},
	} {
		if c, u := Place(tt.path); c != tt.container || u != tt.unit {
			t.Errorf("%.80s: %q, %q", tt.path, c, u)
		}
	}
}

func TestUsers(t *testing.T) {
	got := users("root:x:0:0:root:/root:/bin/sh\nbroken\nanother:x:0:0::/:\nwww:x:33:33::/:\nbad:x:many:0:::\n")
	if len(got) != 2 || got[0] != "root" || got[33] != "www" {
		t.Errorf("%v", got)
	}
}

func TestRecentIsBounded(t *testing.T) {
	r := recent[int, int]{limit: 100}
	for i := range 100_000 {
		r.put(i, i)
		if _, ok := r.get(0); !ok {
			t.Fatalf("what is asked for all the time is gone after %d", i)
		}
	}
	if n := len(r.now) + len(r.before); n > 100 || r.forgotten < 99_000 {
		t.Errorf("%d are remembered, %d forgotten", n, r.forgotten)
	}
}

// history is a table with processes 10 to 19.
func history() *table {
	t := newTable(1 << 10)
	t.look = func(int) (string, []string, string) { return "/bin/program", []string{"program"}, "/group" }
	return t
}

func by(pid int) who { return who{process: pid, thread: pid, name: "program"} }

// udp is a frame of LinkRaw, and what a socket saw of it.
func udp(data string, at time.Duration) capture.Frame {
	b := make([]byte, 28, 28+len(data))
	b[0], b[8], b[9] = 0x45, 64, 17
	b = append(b, data...)
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	copy(b[12:], netip.MustParseAddr("192.0.2.1").AsSlice())
	copy(b[16:], netip.MustParseAddr("192.0.2.2").AsSlice())
	binary.BigEndian.PutUint16(b[20:], 1000)
	binary.BigEndian.PutUint16(b[22:], 2000)
	binary.BigEndian.PutUint16(b[24:], uint16(8+len(data)))
	return capture.Frame{Data: b, Length: len(b), Link: capture.LinkRaw, Time: time.Unix(0, int64(at))}
}

func seen(cookie uint64, f *capture.Frame, at time.Duration, d trace.Direction) *event {
	e := &event{kind: kindPacket, time: at, cookie: cookie}
	e.sighting = trace.Sighting{Time: at, Direction: d, Cookie: cookie, Kept: min(len(f.Data), trace.SightingHeader)}
	copy(e.sighting.Header[:], f.Data)
	return e
}

func TestHowItIsKnown(t *testing.T) {
	const ms = time.Millisecond
	received := func(tb *table, at time.Duration) string {
		f := udp("data", at)
		tb.take(seen(7, &f, at, trace.In))
		owners, _ := tb.owners(nil, network(&f), 0, at)
		if len(owners) == 0 {
			return "none"
		}
		said := owners[0].How.String()
		for _, o := range owners {
			if o.Role != Receiver || o.How != owners[0].How {
				return "mixed"
			}
			said += " " + string(rune('0'+o.PID%10))
		}
		return said
	}
	for _, tt := range []struct {
		name   string
		events []event
		want   string
	}{
		{"nobody", nil, "none"},
		{"made", []event{{kind: kindCreate, time: ms, cookie: 7, who: by(10)}}, "exact 0"},
		{"made later", []event{{kind: kindAccept, time: 12 * ms, cookie: 7, who: by(11)}}, "exact 1"},
		{"stood before", []event{{kind: kindStood, cookie: 7, who: by(10)}}, "inferred 0"},
		{"stood before, used since", []event{{kind: kindStood, cookie: 7, who: by(10)}, {kind: kindReceive, time: ms, cookie: 7, who: by(10)}}, "exact 0"},
		{"forked since", []event{{kind: kindCreate, time: ms, cookie: 7, who: by(10)}, {kind: kindFork, time: 2 * ms, cookie: 10, who: by(12)}}, "inferred 0"},
		{"forked, used since", []event{
			{kind: kindCreate, time: ms, cookie: 7, who: by(10)}, {kind: kindFork, time: 2 * ms, cookie: 10, who: by(12)}, {kind: kindReceive, time: 3 * ms, cookie: 7, who: by(10)},
		}, "exact 0"},
		{"used by two", []event{{kind: kindCreate, time: ms, cookie: 7, who: by(10)}, {kind: kindReceive, time: 2 * ms, cookie: 7, who: by(12), multi: true}}, "inferred 2 0"},
		{"used by two, one of them ended", []event{
			{kind: kindCreate, time: ms, cookie: 7, who: by(10)}, {kind: kindReceive, time: 2 * ms, cookie: 7, who: by(12), multi: true}, {kind: kindExit, time: 3 * ms, who: by(10)},
		}, "inferred 2"},
		{"used by two, and then by the first again", []event{
			{kind: kindCreate, time: ms, cookie: 7, who: by(10)}, {kind: kindReceive, time: 2 * ms, cookie: 7, who: by(12), multi: true},
			{kind: kindReceive, time: 3 * ms, cookie: 7, who: by(10), multi: true},
		}, "inferred 0 2"},
		{"used by six", []event{
			{kind: kindCreate, time: ms, cookie: 7, who: by(10)}, {kind: kindReceive, time: 2 * ms, cookie: 7, who: by(11), multi: true},
			{kind: kindReceive, time: 3 * ms, cookie: 7, who: by(12), multi: true}, {kind: kindReceive, time: 4 * ms, cookie: 7, who: by(13), multi: true},
			{kind: kindReceive, time: 5 * ms, cookie: 7, who: by(14), multi: true}, {kind: kindReceive, time: 6 * ms, cookie: 7, who: by(15), multi: true},
		}, "inferred 5 4 3 2"},
		{"ended", []event{{kind: kindCreate, time: ms, cookie: 7, who: by(10)}, {kind: kindExit, time: 2 * ms, who: by(10)}}, "inferred 0"},
		{"passed later", []event{{kind: kindCreate, time: ms, cookie: 7, who: by(10)}, {kind: kindPass, time: 20 * ms, cookie: 7, who: by(13)}}, "exact 0"},
	} {
		tb := history()
		for i := range tt.events {
			tb.take(&tt.events[i])
		}
		if got := received(tb, 10*ms); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

// TestManyForks: what is too long ago to be remembered is not said to be exact.
func TestManyForks(t *testing.T) {
	tb := history()
	tb.take(&event{kind: kindCreate, time: 1, cookie: 7, who: by(10)})
	for i := range 1000 {
		tb.take(&event{kind: kindFork, time: time.Duration(i + 2), cookie: 10, who: by(1000 + i)})
	}
	if s := tb.state(10); len(s.forks) != maxForks || !s.made(1, 10) || s.made(2000, 3000) {
		t.Errorf("%d are remembered: %v", len(s.forks), s.older)
	}
}

// TestManySockets: 100,000 sockets take no more room than there is.
func TestManySockets(t *testing.T) {
	tb := history()
	for i := range uint64(100_000) {
		tb.take(&event{kind: kindCreate, time: time.Duration(i), cookie: i + 1, who: by(int(i % 50_000))})
	}
	if n := len(tb.sockets.now) + len(tb.sockets.before); n > 1<<10 {
		t.Errorf("%d sockets", n)
	}
	if n := len(tb.processes.now) + len(tb.processes.before); n > 1<<15 {
		t.Errorf("%d processes", n)
	}
	if tb.sockets.forgotten == 0 {
		t.Error("nothing is said to be forgotten")
	}
}

func TestNetwork(t *testing.T) {
	ip := udp("x", 0).Data
	ether := append(make([]byte, 12), 8, 0)
	tagged := append(make([]byte, 12), 0x81, 0, 0, 5, 8, 0)
	sll2 := append([]byte{8, 0}, make([]byte, 18)...)
	for _, tt := range []struct {
		link capture.LinkType
		head []byte
		none bool
	}{
		{link: capture.LinkRaw}, {link: capture.LinkEthernet, head: ether}, {link: capture.LinkEthernet, head: tagged}, {link: capture.LinkLinuxSLL2, head: sll2},
		{link: capture.LinkEthernet, head: append(make([]byte, 12), 8, 6), none: true}, {link: capture.LinkPPP, none: true},
	} {
		f := capture.Frame{Link: tt.link, Data: append(append([]byte{}, tt.head...), ip...)}
		if got := network(&f); (got == nil) != tt.none || !tt.none && string(got) != string(ip) {
			t.Errorf("%v %x: %x", tt.link, tt.head, got)
		}
		for n := range f.Data {
			f := f
			f.Data = f.Data[:n]
			network(&f)
		}
	}
}

// A process descends from those that were seen to make it, and further back from what is there.
func TestParents(t *testing.T) {
	tb := history()
	tb.task = func(pid int) (Parent, int) { return Parent{PID: pid, Name: "there", UID: 3}, map[int]int{10: 1}[pid] }
	tb.take(&event{kind: kindFork, time: 1, cookie: 10, who: by(11)})
	tb.take(&event{kind: kindFork, time: 2, cookie: 11, who: by(12)})
	tb.take(&event{kind: kindExit, time: 3, who: by(11)})
	tb.take(&event{kind: kindExec, time: 4, who: by(12), file: "/bin/program"})
	tb.take(&event{kind: kindCreate, time: 5, cookie: 7, who: by(12)})
	if o := tb.owner(7<<8|slotTime, 0, 6, Receiver); !slices.Equal(o.Parents, []Parent{{11, by(11).name, by(11).user}, {10, "there", 3}, {1, "there", 3}}) {
		t.Errorf("%v", o.Parents)
	}
	tb.take(&event{kind: kindFork, time: 7, cookie: 12, who: by(10)}) // a number is used again
	if list := tb.ancestors(12); len(list) > 3 {
		t.Errorf("%v", list)
	}
}
