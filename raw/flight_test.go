package raw

import (
	"go/parser"
	"go/token"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sockwire/raw/probe"
)

// world is a network that does with each echo what a test says, and drives a flight through it in the time of a bubble.
type world struct {
	flight flight
	start  time.Time
	events []event // in order of time
	// reply says what comes back of an echo, and when after it was sent.
	reply func(seq int, target netip.Addr) []event

	sends []sending
	ends  []ending
	most  int           // echoes waited for at once
	over  time.Duration // when the run was complete
}

// event is something that happens to echo n.
type event struct {
	after    time.Duration // its sending; then the time at which it happens
	kind     probe.Outcome // Answered, Corrupt, Refused
	unproven bool
	n        uint64
}

type sending struct {
	at     time.Duration
	target netip.Addr
	seq    int
}

type ending struct {
	at time.Duration
	Echo
}

func (w *world) now() time.Duration { return time.Since(w.start) }

// run drives the flight until it is complete, as a Run does, without a socket.
func (w *world) run(t *testing.T, targets []netip.Addr) {
	w.start = time.Now()
	for {
		now := w.now()
		for len(w.events) > 0 && w.events[0].after <= now {
			w.happen(w.events[0], now)
			w.events = w.events[1:]
		}
		w.expire(now)
		n, room := 0, w.flight.room(now)
		for ; n < room && !w.flight.full(); n++ {
			s, number, ok := w.flight.again(Reading{Steady: now})
			if !ok {
				if len(targets) == 0 {
					break
				}
				s, number = w.flight.first(targets[0], Reading{Steady: now})
				targets = targets[1:]
			}
			w.send(s, number, now)
		}
		w.flight.sending(n, room, now)
		w.most = max(w.most, w.flight.waiting)
		if w.flight.nothingToSend(len(targets) > 0) {
			if !w.flight.drained {
				w.flight.drained = true
				w.expire(now)
			}
			if w.over = now; w.flight.complete(now) {
				return
			}
		}
		if n > 0 {
			continue
		}
		next := w.flight.next(now, len(targets) > 0)
		if len(w.events) > 0 {
			next = min(next, w.events[0].after)
		}
		if next <= now {
			t.Fatalf("at %v there is something to do, and it is not done", now)
		}
		time.Sleep(next - now)
	}
}

func (w *world) expire(now time.Duration) {
	w.flight.expire(now)
	w.flight.forget(now, false)
	w.take(now)
}

// take takes the ends.
func (w *world) take(now time.Duration) {
	for _, e := range w.flight.ends {
		w.ends = append(w.ends, ending{now, e})
	}
	w.flight.ends = w.flight.ends[:0]
}

func (w *world) send(s *slot, n uint64, now time.Duration) {
	w.sends = append(w.sends, sending{now, s.target, int(s.seq)})
	for _, e := range w.reply(int(s.seq), s.target) {
		e.n = n
		e.after += now
		w.events = append(w.events, e)
	}
	slices.SortStableFunc(w.events, func(a, b event) int { return int(a.after - b.after) })
}

func (w *world) happen(e event, now time.Duration) {
	s := w.flight.table.get(e.n)
	if s == nil {
		return
	}
	if e.kind == probe.Refused {
		echo := w.flight.echo(e.n, s)
		echo.Type, echo.Code, echo.Unproven = 3, 1, e.unproven
		w.flight.refused(s, &echo, 84, false, now)
		w.take(now)
		return
	}
	echo := w.flight.echo(e.n, s)
	w.flight.trip(s, &echo, 0, Reading{Steady: now})
	if e.kind == probe.Corrupt {
		echo.Cause, echo.Unproven = probe.BadChecksum, e.unproven
	}
	w.flight.answer(s, &echo, e.kind == probe.Corrupt, now)
	w.take(now)
}

func fly(t *testing.T, p Pinger, targets []netip.Addr, reply func(seq int, target netip.Addr) []event) *world {
	t.Helper()
	s, err := p.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{flight: newFlight(s, sendBatchTest, 1<<20), reply: reply}
	w.run(t, targets)
	return w
}

const sendBatchTest = 16

var flightTarget = netip.MustParseAddr("192.0.2.1")

// after is an answer after a time.
func after(d time.Duration) event { return event{after: d, kind: probe.Answered} }

// TestFlightOutcomes has everything happen to echoes that can, and looks at what became of each, and when that was
// said.
func TestFlightOutcomes(t *testing.T) {
	const ms = time.Millisecond
	type end struct {
		at      time.Duration // after the echo was sent
		outcome probe.Outcome
		revised bool
		dup     bool
	}
	cases := []struct {
		name  string
		reply []event
		want  []end
	}{
		{"answered", []event{after(50 * ms)}, []end{{50 * ms, probe.Answered, false, false}}},
		{"lost", nil, []end{{550 * ms, probe.Lost, false, false}}},
		{"late", []event{after(400 * ms)}, []end{{400 * ms, probe.Late, false, false}}},
		{"very late", []event{after(1700 * ms)}, []end{{550 * ms, probe.Lost, false, false}, {1700 * ms, probe.Late, true, false}}},
		{"twice", []event{after(30 * ms), after(45 * ms)}, []end{{30 * ms, probe.Answered, false, false}, {45 * ms, probe.Answered, false, true}}},
		{"error, then answer", []event{{after: 10 * ms, kind: probe.Refused, unproven: true}, after(90 * ms)},
			[]end{{10 * ms, probe.Refused, false, false}, {90 * ms, probe.Answered, true, false}}},
		{"error", []event{{after: 10 * ms, kind: probe.Refused}}, []end{{10 * ms, probe.Refused, false, false}}},
		{"error after the loss", []event{{after: 900 * ms, kind: probe.Refused}}, []end{{550 * ms, probe.Lost, false, false}, {900 * ms, probe.Refused, true, false}}},
		{"unproven error after the loss", []event{{after: 900 * ms, kind: probe.Refused, unproven: true}}, []end{{550 * ms, probe.Lost, false, false}}},
		{"error after the answer", []event{after(20 * ms), {after: 21 * ms, kind: probe.Refused}}, []end{{20 * ms, probe.Answered, false, false}}},
		{"damaged, then whole", []event{{after: 10 * ms, kind: probe.Corrupt}, after(20 * ms)},
			[]end{{10 * ms, probe.Corrupt, false, false}, {20 * ms, probe.Answered, true, false}}},
		{"whole, then damaged", []event{after(10 * ms), {after: 20 * ms, kind: probe.Corrupt}},
			[]end{{10 * ms, probe.Answered, false, false}, {20 * ms, probe.Answered, false, true}}},
		{"none", nil, []end{{550 * ms, probe.Lost, false, false}}},
	}
	synctest.Test(t, func(t *testing.T) {
		p := Pinger{Count: 2 * len(cases), Interval: 200 * ms, Timeout: 250 * ms, Late: 300 * ms}
		w := fly(t, p, []netip.Addr{flightTarget}, func(seq int, _ netip.Addr) []event { return cases[(seq-1)%len(cases)].reply })
		got := make([][]end, p.Count+1)
		for _, e := range w.ends {
			got[e.Seq] = append(got[e.Seq], end{e.at - time.Duration(e.Seq-1)*p.Interval, e.Outcome, e.Revised, e.Duplicate})
		}
		for seq := 1; seq <= p.Count; seq++ {
			c := cases[(seq-1)%len(cases)]
			want := c.want
			if last := (seq-1)*200 + 1700; c.name == "very late" && last > (p.Count-1)*200+550 {
				want = want[:1] // the run does not wait for it
			}
			if !slices.Equal(got[seq], want) {
				t.Errorf("echo %d, %s: %v, want %v", seq, c.name, got[seq], want)
			}
		}
		if w.flight.open != 0 || w.flight.waiting != 0 || w.flight.doubts != 0 {
			t.Errorf("%d open, %d waited for, %d in doubt at the end", w.flight.open, w.flight.waiting, w.flight.doubts)
		}
	})
}

// TestFlightTimetable looks at when echoes are sent.
func TestFlightTimetable(t *testing.T) {
	const ms = time.Millisecond
	hosts := []netip.Addr{flightTarget, netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("2001:db8::3")}
	soon := func(int, netip.Addr) []event { return []event{after(ms)} }
	for _, tc := range []struct {
		name string
		p    Pinger
		want []time.Duration // of all hosts together
	}{
		{"an interval", Pinger{Count: 3, Interval: 100 * ms}, []time.Duration{0, 0, 0, 100 * ms, 100 * ms, 100 * ms, 200 * ms, 200 * ms, 200 * ms}},
		{"a gap", Pinger{Count: 2, Interval: 100 * ms, Gap: 10 * ms}, []time.Duration{0, 10 * ms, 20 * ms, 100 * ms, 110 * ms, 120 * ms}},
		{"a preload", Pinger{Count: 4, Interval: 100 * ms, Preload: 3}, []time.Duration{0, 0, 0, 0, 0, 0, 0, 0, 0, 100 * ms, 100 * ms, 100 * ms}},
		{"a window", Pinger{Count: 2, Window: 2, Interval: 100 * ms}, []time.Duration{0, 0, ms, ms, 2 * ms, 2 * ms}},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := fly(t, tc.p, hosts, soon)
			var got []time.Duration
			for _, s := range w.sends {
				got = append(got, s.at)
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
			}
			if tc.p.Window > 0 && w.most > tc.p.Window {
				t.Errorf("%s: %d on their way", tc.name, w.most)
			}
		})
	}
}

// TestFlightRetries sends echoes again, each waiting longer than the one before, until one is answered or none is left.
func TestFlightRetries(t *testing.T) {
	const ms = time.Millisecond
	p := Pinger{Count: 1, Retries: 2, Backoff: 2, Timeout: 100 * ms}
	for _, tc := range []struct {
		name  string
		reply func(seq int) []event
		sends []time.Duration
		end   time.Duration // when the host is done
		alive bool
		over  time.Duration // when the run is
	}{
		{"never", func(int) []event { return nil }, []time.Duration{0, 100 * ms, 300 * ms}, 700 * ms, false, 700 * ms},
		{"the second", func(seq int) []event { return []event{after(20 * ms)}[:min(seq-1, 1)] }, []time.Duration{0, 100 * ms}, 120 * ms, true, 120 * ms},
		{"a definite no", func(int) []event { return []event{{after: 5 * ms, kind: probe.Refused}} }, []time.Duration{0}, 5 * ms, false, 5*ms + quickLeast},
		{"a no that proves nothing", func(int) []event { return []event{{after: 5 * ms, kind: probe.Refused, unproven: true}} },
			[]time.Duration{0, 100 * ms, 300 * ms}, 305 * ms, false, 700 * ms},
		{"a no that proves nothing, then the answer", func(int) []event {
			return []event{{after: 5 * ms, kind: probe.Refused, unproven: true}, after(50 * ms)}
		}, []time.Duration{0}, 50 * ms, true, 50 * ms},
		{"late, while the retry is on its way", func(seq int) []event { return []event{after(150 * ms)}[:min(2-min(seq, 2), 1)] },
			[]time.Duration{0, 100 * ms}, 300 * ms, true, 300 * ms},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := fly(t, p, []netip.Addr{flightTarget}, func(seq int, _ netip.Addr) []event { return tc.reply(seq) })
			var sends []time.Duration
			for _, s := range w.sends {
				sends = append(sends, s.at)
			}
			if !slices.Equal(sends, tc.sends) {
				t.Errorf("%s: sent at %v, want %v", tc.name, sends, tc.sends)
			}
			last := w.ends[len(w.ends)-1]
			if !last.Done || last.Alive != tc.alive || last.at != tc.end || w.over != tc.over {
				t.Errorf("%s: done %v, alive %v at %v, over at %v", tc.name, last.Done, last.Alive, last.at, w.over)
			}
		})
	}
}

// TestFlightFull sends more than the table has room for: the oldest has to end before the next is sent.
func TestFlightFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := (&Pinger{Count: 10, Preload: 10, Timeout: 100 * time.Millisecond, Late: time.Nanosecond}).withDefaults()
		if err != nil {
			t.Fatal(err)
		}
		w := &world{flight: newFlight(s, sendBatchTest, 4), reply: func(int, netip.Addr) []event { return nil }}
		w.run(t, []netip.Addr{flightTarget})
		if len(w.sends) != 10 || w.most > 4 || len(w.ends) != 10 {
			t.Errorf("%d sent, %d at once, %d ends", len(w.sends), w.most, len(w.ends))
		}
	})
}

// TestFlightDuplicates has a host answer one echo more often than the caller takes what came.
func TestFlightDuplicates(t *testing.T) {
	s, err := (&Pinger{Count: 1}).withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	f := newFlight(s, sendBatchTest, 4)
	slot, n := f.first(flightTarget, Reading{})
	const answers = 200_000
	for range answers {
		e := f.echo(n, slot)
		f.answer(slot, &e, false, time.Millisecond)
	}
	if report := f.takeReport(); len(f.ends) != duplicatesMost || report.Duplicates != answers-duplicatesMost {
		t.Errorf("%d ends kept, %d duplicates counted", len(f.ends), report.Duplicates)
	}
}

// TestFlightKnowsNoSocket holds the law that what is on its way knows nothing of how it travels, of clocks or of locks:
// the files import nothing that has any.
func TestFlightKnowsNoSocket(t *testing.T) {
	allowed := []string{"math", "net/netip", "syscall", "time", "sockwire/raw/probe", "sockwire/raw/wire"} // of syscall the errnos
	for _, name := range []string{"flight.go", "ends.go", "trip.go", "table.go"} {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range f.Imports {
			if path := strings.Trim(spec.Path.Value, `"`); !slices.Contains(allowed, path) {
				t.Errorf("%s imports %s", name, path)
			}
		}
	}
}

// TestFlightQuickEnd looks at how long the end is waited for: by the answers before, if there were any.
func TestFlightQuickEnd(t *testing.T) {
	const ms = time.Millisecond
	p := Pinger{Count: 3, Interval: 100 * ms, Timeout: 10 * time.Second, QuickEnd: true}
	nothing := []event(nil)
	for _, tc := range []struct {
		name  string
		reply [3][]event
		over  time.Duration
	}{
		{"all answered", [3][]event{{after(20 * ms)}, {after(20 * ms)}, {after(20 * ms)}}, 220 * ms},
		{"one lost", [3][]event{{after(20 * ms)}, nothing, {after(30 * ms)}}, 300 * ms},
		{"the last lost, answers slow", [3][]event{{after(150 * ms)}, {after(150 * ms)}, nothing}, 500 * ms},
		{"none answered", [3][]event{}, 10*time.Second + 200*ms},
		{"refused without a proof, of one that answers", [3][]event{{after(20 * ms)}, {after(20 * ms)}, {{after: ms, kind: probe.Refused, unproven: true}}}, 300 * ms},
		{"refused", [3][]event{{{after: ms, kind: probe.Refused}}, {{after: ms, kind: probe.Refused}}, {{after: ms, kind: probe.Refused}}}, 201*ms + quickLeast},
		{"a copy that proves nothing, and the answer late", [3][]event{nothing, nothing,
			{{after: ms, kind: probe.Corrupt, unproven: true}, after(3 * time.Second)}}, 6*time.Second + 200*ms},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := fly(t, p, []netip.Addr{flightTarget}, func(seq int, _ netip.Addr) []event { return tc.reply[seq-1] })
			if w.over != tc.over {
				t.Errorf("%s: over at %v, want %v", tc.name, w.over, tc.over)
			}
		})
	}
}
