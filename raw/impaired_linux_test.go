package raw

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"sockwire/raw/impair"
	"sockwire/raw/netlab"
	"sockwire/raw/probe"
)

// fate is what a link did to the answers to one echo, by its own record, as far as this host can see it.
type fate struct {
	outcome    probe.Outcome
	at         int // byte of the ICMP message that was damaged
	duplicates int
	reordered  bool
	revised    bool // an intact answer came after a damaged one
}

// fates reads the records of a link: what a sent to b, and what b answered. Damaged packets that a kernel throws away
// count as lost.
func fates(link *netlab.Link, a, b *netlab.Host, six, seesDamage bool) (map[int]*fate, error) {
	header := 20
	if six {
		header = 40
	}
	seq := func(r *netlab.Record) int { return int(binary.BigEndian.Uint16(r.Packet[header+6:])) }
	requests, err := link.Records(a)
	if err != nil {
		return nil, err
	}
	all := map[int]*fate{}
	for i := range requests {
		all[seq(&requests[i])] = &fate{outcome: probe.Lost}
	}
	replies, err := link.Records(b)
	if err != nil {
		return nil, err
	}
	type delivery struct {
		order  uint64
		record *netlab.Record
	}
	var deliveries []delivery
	for i := range replies {
		r := &replies[i]
		for _, order := range []uint64{r.Order, r.OrderCopy} {
			if order != 0 {
				deliveries = append(deliveries, delivery{order, r})
			}
		}
	}
	slices.SortFunc(deliveries, func(x, y delivery) int { return int(x.order) - int(y.order) })
	highest := 0 // sequence number of what was received
	for _, d := range deliveries {
		f, flip := all[seq(d.record)], d.record.Flip
		if flip.Set && !seesDamage {
			continue
		}
		if f.outcome == probe.Corrupt && !flip.Set {
			f.revised, f.at = true, 0
		} else if f.outcome != probe.Lost {
			f.duplicates++
			continue
		}
		switch {
		case flip.Set:
			f.outcome, f.at = probe.Corrupt, flip.Byte-header
			if f.at == 3 {
				f.at = 2 // of a damaged checksum only that it is damaged can be known
			}
		case d.record.Behind > 0 && d.order == d.record.Order:
			f.outcome = probe.Late
		default:
			f.outcome = probe.Answered
		}
		if f.outcome != probe.Corrupt {
			f.reordered = seq(d.record) < highest
			highest = max(highest, seq(d.record))
		}
	}
	return all, nil
}

// TestImpairedLink pings through links that lose, duplicate, damage and hold back, each from a seed of its own and all
// at the same time, and compares what became of each echo with the link's own record.
func TestImpairedLink(t *testing.T) {
	netlab.Need(t)
	seeds := 20
	if testing.Short() {
		seeds = 4
	}
	var group sync.WaitGroup
	for seed := range seeds {
		group.Go(func() { impairedLink(t, seed) })
	}
	group.Wait()
}

func impairedLink(t *testing.T, seed int) {
	const count = 150
	six, kind := seed%3 == 2, []SocketKind{RawSocket, RawSocket, PingSocket, RawSocket}[seed%4]
	header := 20
	if six {
		header = 40
	}
	fail := func(format string, args ...any) { t.Errorf("seed %d: "+format, append([]any{seed}, args...)...) }
	cfg := impair.Config{Seed: uint64(seed), Loss: 0.05, Duplicate: 0.05, Corrupt: 0.05, CorruptFrom: header}
	back := cfg
	back.Seed += 1000
	// What is held back waits for more packets than will come: it is late by the hold, whatever this machine does.
	back.Reorder, back.ReorderGap, back.ReorderHold = 0.05, 10*count, 3*time.Second
	lab, a, b, link, err := impairedLab(&netlab.Impair{AtoB: cfg, BtoA: back})
	if err != nil {
		fail("%v", err)
		return
	}
	defer lab.Close()
	target := b.Addr4()
	if six {
		target = b.Addr6()
	}
	p := Pinger{Count: count, Interval: 3 * time.Millisecond, Timeout: 1500 * time.Millisecond, Late: 3500 * time.Millisecond, Socket: kind}
	echoes, report, err := pingOn(t.Context(), a, &p, one(target))
	if err == nil {
		_, err = link.Crossed(t.Context(), a, count)
	}
	if err != nil {
		fail("%v", err)
		return
	}
	got := map[int]*fate{}
	for _, e := range echoes {
		f := got[e.Seq]
		if f == nil {
			f = &fate{}
			got[e.Seq] = f
		}
		switch {
		case e.Duplicate:
			f.duplicates++
		case e.Revised && e.Was == probe.Corrupt && f.outcome == probe.Corrupt:
			f.outcome, f.reordered, f.revised, f.at = e.Outcome, e.Reordered, true, 0
		case f.outcome != probe.Pending:
			fail("echo %d ended twice: %v and %v", e.Seq, f.outcome, e.Outcome)
		default:
			f.outcome, f.reordered = e.Outcome, e.Reordered
			if e.Outcome == probe.Corrupt {
				f.at = e.At
			}
		}
		if e.Outcome == probe.Lost && e.Cause != probe.Unanswered {
			fail("echo %d: %v", e.Seq, e.Cause)
		}
	}
	want, err := fates(link, a, b, six, kind == RawSocket && !six)
	if err != nil {
		fail("%v", err)
		return
	}
	var tally [8]int
	reordered := 0
	for seq := 1; seq <= count; seq++ {
		w, g := want[seq], got[seq]
		if w == nil || g == nil || *w != *g {
			fail("echo %d: the link's record says %+v, we say %+v", seq, w, g)
			continue
		}
		tally[g.outcome]++
		tally[7] += g.duplicates
		if g.reordered {
			reordered++
		}
	}
	if report.Drops+report.Spoofed != 0 {
		fail("%+v", report)
	}
	t.Logf("seed %d: answered %d, late %d, corrupt %d, lost %d, duplicates %d, reordered %d", seed, tally[probe.Answered], tally[probe.Late],
		tally[probe.Corrupt], tally[probe.Lost], tally[7], reordered)
}

func impairedLab(cfg *netlab.Impair) (lab *netlab.Lab, a, b *netlab.Host, link *netlab.Link, err error) {
	if lab, err = netlab.New(nil); err != nil {
		return
	}
	if a, err = lab.Host("a"); err != nil {
		return
	}
	if b, err = lab.Host("b"); err != nil {
		return
	}
	if err = a.Sysctl("net.ipv4.ping_group_range", "0 0"); err != nil {
		return
	}
	link, err = lab.Link(a, b, netlab.LinkConfig{Impair: cfg})
	return
}

// TestLocalQueue fills a token bucket: what it drops is reported as that, and what it holds back shows in the split.
func TestLocalQueue(t *testing.T) {
	_, a, b := netlab.Two(t)
	allowPing(t, a)
	if err := a.LimitRate(a.Ifname(), 4_000_000, 2000, 6000); err != nil {
		t.Fatal(err)
	}
	sockets(t, func(t *testing.T, kind SocketKind) {
		for _, target := range []netip.Addr{b.Addr4(), b.Addr6()} {
			p := Pinger{Count: 100, Interval: 500 * time.Microsecond, Size: 1000, Socket: kind, Stamps: StampsOn}
			echoes, report := ping(t, a, &p, one(target))
			var tally probe.Tally
			var queue, network probe.Stats
			for _, e := range echoes {
				tally.End(e.Outcome, e.Cause)
				if e.Outcome == probe.Answered {
					queue.Add(e.Split.Queue)
					network.Add(e.Split.Network)
				}
			}
			if n := tally.CausedBy(probe.LocalQueue); n == 0 || n != tally.Count(probe.Lost) || tally.Ended() != 100 {
				t.Errorf("%v: %+v", target, tally)
			}
			// 6000 bytes at 4 Mbit/s take 12 ms.
			if queue.Max() < 5*time.Millisecond || queue.Quantile(.5) < 10*network.Quantile(.5) {
				t.Errorf("%v: longest wait in the queue %v, median %v; median on the network %v", target, queue.Max(), queue.Quantile(.5), network.Quantile(.5))
			}
			if report.Drops != 0 {
				t.Errorf("%+v", report)
			}
		}
	})
}

// TestReceiveBuffer pings faster than a tiny receive buffer can hold the answers.
func TestReceiveBuffer(t *testing.T) {
	_, a, b := netlab.Two(t)
	var lost, drops uint64
	for range 20 {
		p := Pinger{Count: 500, Preload: 500, Timeout: 300 * time.Millisecond, ReadBuffer: 1, Stamps: StampsOff, Family: 4}
		echoes, report := ping(t, a, &p, one(b.Addr4()))
		var tally probe.Tally
		for _, e := range echoes {
			tally.End(e.Outcome, e.Cause)
		}
		if n := tally.CausedBy(probe.ReceiveBuffer); n != tally.Count(probe.Lost) || n != report.Drops || n != report.Claimed {
			t.Fatalf("%d losses put down to the receive buffer, of %d in all; the socket says %d", n, tally.Count(probe.Lost), report.Drops)
		}
		lost, drops = lost+tally.Count(probe.Lost), drops+report.Drops
		if lost > 0 {
			return
		}
	}
	t.Error("10,000 echoes at once through the smallest receive buffer and none was lost: the test shows nothing")
}
