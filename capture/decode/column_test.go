package decode

import (
	"strings"
	"testing"
	"time"
)

// TestColumns: each name that is offered is taken, and means one thing in both spellings.
func TestColumns(t *testing.T) {
	for _, name := range ColumnNames() {
		if _, err := Columns(name); err != nil {
			t.Error(err)
		}
	}
	f := tcpFrame(t)
	f.Time, f.Comments = time.Unix(-1, 500_000_000), []string{"a\tb"}
	var d Decoder
	var p Packet
	var h History
	d.Decode(f, &p)
	h.Add(&p)
	names := []string{"frame.number", "frame.time_epoch", "frame.time_relative", "frame.len", "ip.src", "ip.addr", "tcp.dstport", "tcp.dst_port",
		"tcp.flags.syn", "tcp.checksum.status", "udp.srcport", "frame.protocols", "frame.comment", "_ws.col.Protocol", "_ws.col.Info"}
	columns, err := Columns(names...)
	if err != nil {
		t.Fatal(err)
	}
	var r Printer
	add := func(b []byte, _ *Column, value []byte) []byte { return append(append(b, '|'), value...) }
	got := string(r.AppendColumns(nil, &p, columns, add))
	want := `|1|-0.500000000|0.000000000|45|10.0.0.1|10.0.0.1,10.0.0.2|80|80|0|good||ip:tcp:payload|a\tb|tcp|IP 10.0.0.1:40002 > 10.0.0.2:80: `
	if !strings.HasPrefix(got, want) {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if _, err := Columns("ip.src", "ip.nothing"); err == nil || err.(*UnknownColumn).Index != 1 {
		t.Error(err)
	}
	buf := make([]byte, 0, 1024)
	if n := testing.AllocsPerRun(100, func() { buf = r.AppendColumns(buf[:0], &p, columns[:12], add) }); n > 0 && !RaceEnabled {
		t.Errorf("%v allocations", n)
	}
}
