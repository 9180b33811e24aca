//go:build amd64 || arm64

package owner

import (
	"testing"
	"time"

	"sockwire/capture"
	"sockwire/capture/trace"
)

// TestAsker: frames of a flow are told without looking until something happens, and never from before they are known.
func TestAsker(t *testing.T) {
	const ms = time.Millisecond
	t0 := time.Hour
	tr := &Tracker{table: history(), drained: int64(2 * t0)}
	a := Asker{Tracker: tr}
	take := func(e *event) {
		tr.table.take(e)
		tr.told.Store(tr.table.events)
	}
	take(&event{kind: kindCreate, time: t0, cookie: 7, who: by(10)})
	f := udp("data", t0+ms)
	take(seen(7, &f, t0+ms, trace.In))
	ask := func(f capture.Frame, pid int, changes uint64) {
		t.Helper()
		owners, err := a.Owners(&f, 0)
		got := 0
		if len(owners) > 0 {
			got = owners[0].PID
		}
		if err != nil || got != pid || a.Changes != changes {
			t.Errorf("%v, %d changes, %v; want %d, %d", owners, a.Changes, err, pid, changes)
		}
	}
	arp := capture.Frame{Link: capture.LinkEthernet, Data: append(make([]byte, 12), 8, 6)}
	ask(arp, 0, 1)
	ask(f, 10, 2)
	ask(udp("more", t0+2*ms), 10, 2)
	if a.until == 0 {
		t.Error("nothing is remembered")
	}
	ask(arp, 0, 3)
	ask(udp("more", t0+3*ms), 10, 4)
	if n := testing.AllocsPerRun(100, func() { a.Owners(&f, 0) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
	take(&event{kind: kindReceive, time: t0 + 4*ms, cookie: 7, who: by(11), multi: true})
	ask(udp("more", t0+5*ms), 11, 5)
	if a.until > tr.drained-int64(Delay) {
		t.Error("frames that are too young would be told")
	}
}
