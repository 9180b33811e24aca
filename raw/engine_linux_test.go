package raw

import (
	"context"
	"net/netip"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sockwire/raw/cmsg"
	"sockwire/raw/netlab"
	"sockwire/raw/probe"
)

// TestNoAllocationPerEcho counts what a long run allocates beyond a short one.
func TestNoAllocationPerEcho(t *testing.T) {
	_, a, b := netlab.Two(t)
	allocated := func(count int, stamps Stamps) uint64 {
		p := Pinger{Count: count, Window: 32, Interval: 10 * time.Millisecond, Stamps: stamps, Family: 4, Timeout: 5 * time.Second}
		run := start(t, a, &p)
		// The table and the queues grow to the number of echoes on their way; that is not per echo.
		run.flight.table.limit = 1 << 12
		var before, after runtime.MemStats
		first := true
		for e, err := range run.Echoes(one(b.Addr4())) {
			if err != nil || e.Outcome != probe.Answered {
				t.Fatal(e, err)
			}
			if first && e.Seq >= count/2 {
				first = false
				runtime.ReadMemStats(&before)
			}
		}
		runtime.ReadMemStats(&after)
		return after.Mallocs - before.Mallocs
	}
	for _, stamps := range []Stamps{StampsOff, StampsOn} {
		const count = 20_000
		if n := allocated(count, stamps); n > count/2/100 {
			t.Errorf("stamps %v: %d allocations for %d echoes", stamps, n, count/2)
		}
	}
}

// TestRoundTripClockSteps moves the system's clock, by little and by much, at every point of a round trip.
func TestRoundTripClockSteps(t *testing.T) {
	const base = int64(1_700_000_000_000_000_000)
	const us = int64(time.Microsecond)
	// The true course: called at 0, sent after 30 µs, received after 2030, read after 2100.
	course := []int64{0, 30 * us, 2030 * us, 2100 * us}
	for _, step := range []int64{0, -3600e9, 3600e9, -1e9, 1e9, -us * 1500, us * 1500, -us * 100, us * 100} {
		for when := 1; when <= 3; when++ {
			var wall [4]int64
			for i := range wall {
				wall[i] = base + course[i]
				if i >= when {
					wall[i] += step
				}
			}
			rtt, source, split, stepped := RoundTrip(Reading{0, wall[0]}, wall[1], wall[2], Reading{time.Duration(course[3]), wall[3]})
			if step == 0 {
				if stepped || source != TimeKernel || rtt != 2000*time.Microsecond || split != (Split{30 * time.Microsecond, 2000 * time.Microsecond, 70 * time.Microsecond}) {
					t.Errorf("without a step: %v %v %+v", rtt, source, split)
				}
				continue
			}
			if !stepped || source != TimeProcess || rtt != 2100*time.Microsecond || split != (Split{}) {
				t.Errorf("a step of %v before point %d: %v %v %+v %v", time.Duration(step), when, rtt, source, split, stepped)
			}
		}
	}
	if rtt, source, _, stepped := RoundTrip(Reading{0, base}, 0, 0, Reading{time.Millisecond, base + 1e6}); rtt != time.Millisecond || source != TimeProcess || stepped {
		t.Errorf("without stamps: %v %v", rtt, source)
	}
}

// TestInterrupted ends the context while echoes are on their way.
func TestInterrupted(t *testing.T) {
	_, a, b := netlab.Two(t)
	if err := b.Sysctl("net.ipv4.icmp_echo_ignore_all", "1"); err != nil {
		t.Fatal(err)
	}
	p := Pinger{Interval: time.Millisecond, Timeout: 20 * time.Second, Family: 4, Overdue: true}
	ctx, cancel := context.WithCancel(t.Context())
	var run *Run
	if err := a.Do(func() (err error) { run, err = p.Start(ctx); return err }); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(50*time.Millisecond, cancel)
	pending := 0
	for e, err := range run.Echoes(one(b.Addr4())) {
		if err != nil || e.Outcome != probe.Pending {
			t.Fatal(e, err)
		}
		pending++
	}
	if pending == 0 {
		t.Error("no echo was on its way")
	}
	// A caller that stops listening ends the run too.
	for range (&Pinger{}).Ping(t.Context(), one(netip.MustParseAddr("127.0.0.1"))) {
		break
	}
}

// TestAnswerOnItsWay holds a run up between the reading of an answer and its taking in, until long after the timeout.
func TestAnswerOnItsWay(t *testing.T) {
	_, a, b := netlab.Two(t)
	run := start(t, a, &Pinger{Count: 1, Gap: time.Millisecond, Family: 4})
	l := run.links[0]
	var receiver sync.WaitGroup
	receiver.Go(func() { run.receive(l) })
	defer receiver.Wait()
	defer run.shut()
	await := func(what string, happened func() bool) {
		t.Helper()
		for end := time.Now().Add(10 * time.Second); !happened(); time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("not seen: ", what)
			}
		}
	}
	l.used = true
	await("a receiver that waits", l.recv.Waiting)
	if until := run.heardUntil(time.Hour); until != time.Hour {
		t.Errorf("nothing is there, but heard until %v", until)
	}
	func() {
		run.mu.Lock()
		defer run.mu.Unlock()
		run.feed <- b.Addr4()
		if n := run.launch(); n != 1 {
			t.Fatalf("%d echoes to send", n)
		}
		if _, err := l.send.Send(l.out); err != nil {
			t.Fatal(err)
		}
		// It reads the answer or, if that is late, the echo's time stamps, and then wants the lock.
		await("a receiver that has read something", func() bool {
			if l.recv.Waiting() {
				return false
			}
			time.Sleep(10 * time.Millisecond)
			return !l.recv.Waiting()
		})
		run.expire(time.Hour)
		if len(run.flight.ends) != 0 {
			t.Errorf("given up: %+v", run.flight.ends[0])
		}
	}()
	await("the answer", func() bool {
		run.mu.Lock()
		defer run.mu.Unlock()
		return len(run.flight.ends) == 1 && run.flight.ends[0].Outcome == probe.Answered
	})
}

// TestBroadcast has several hosts answer one echo.
func TestBroadcast(t *testing.T) {
	_, a, b := netlab.Two(t)
	if err := b.Sysctl("net.ipv4.icmp_echo_ignore_broadcasts", "0"); err != nil {
		t.Fatal(err)
	}
	everybody := netip.MustParseAddr("255.255.255.255")
	p := Pinger{Count: 1, Device: a.Ifname(), Timeout: 300 * time.Millisecond}
	if echoes, _ := ping(t, a, &p, one(everybody)); len(echoes) != 1 || echoes[0].Err != unix.EACCES {
		t.Errorf("without Broadcast: %+v", echoes)
	}
	p.Broadcast = true
	if echoes, _ := ping(t, a, &p, one(everybody)); len(echoes) != 1 || echoes[0].Outcome != probe.Answered || echoes[0].From != b.Addr4() {
		t.Errorf("broadcast: %+v", echoes)
	}
	group := netip.MustParseAddr("ff02::1").WithZone(a.Ifname())
	p = Pinger{Count: 1, Timeout: 300 * time.Millisecond}
	echoes, _ := ping(t, a, &p, one(group))
	from := map[netip.Addr]bool{}
	for _, e := range echoes {
		from[e.From.WithZone("")] = true
	}
	if len(from) < 2 || len(echoes) < 2 {
		t.Errorf("both hosts are in the group, this one too: %+v", echoes)
	}
}

// FuzzErrorQueue feeds arbitrary entries of the error queue to a run with echoes on their way.
func FuzzErrorQueue(f *testing.F) {
	target := netip.MustParseAddr("192.0.2.1")
	c := testCodec(false, EchoRequest, 56)
	echo := c.build(make([]byte, len(c.template)), 5, target)
	f.Add(echo, []byte{}, uint32(5), true)
	f.Add([]byte{}, cmsg.AppendTTL(nil, 4), uint32(3), false)
	f.Fuzz(func(t *testing.T, quote, control []byte, id uint32, toTarget bool) {
		r := &run{flight: newFlight(Pinger{Timeout: time.Second}, sendBatch, 1024), clock: probe.NewWaiter(), local: &interfaces{}}
		l := &link{codec: *c, conn: &Conn{zones: map[uint32]string{}}}
		r.links = []*link{l}
		for range 100 {
			s, n, _ := r.flight.table.add()
			s.target, s.seq = target, uint32(n)
			r.flight.open++
			r.flight.waiting++
		}
		m := &cmsg.Message{Buf: quote, N: len(quote), OOB: control, NN: len(control), Flags: unix.MSG_ERRQUEUE}
		if toTarget {
			m.Addr = netip.AddrPortFrom(target, 0)
		}
		if !r.takeStamp(l, m, Reading{time.Millisecond, 1}) {
			r.takeError(l, m, Reading{time.Millisecond, 1})
		}
		r.takePacket(l, m, Reading{time.Millisecond, 1})
		ended := 0
		for n := r.flight.table.tail; n < r.flight.table.next; n++ {
			if r.flight.table.get(n).state != probe.Pending {
				ended++
			}
		}
		if ended > 2 || r.flight.open != 100-ended || len(r.flight.ends) < ended {
			t.Fatalf("%d echoes ended by one entry, %d open, %d yielded", ended, r.flight.open, len(r.flight.ends))
		}
	})
}
