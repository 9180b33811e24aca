package netlab_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"sockwire/raw/impair"
	"sockwire/raw/netlab"
)

// impaired returns two hosts joined by an impaired link.
func impaired(t *testing.T, cfg netlab.Impair) (k *netlab.Link, a, b *netlab.Host) {
	t.Helper()
	netlab.Need(t)
	lab, err := netlab.New(nil)
	try(t, err)
	t.Cleanup(func() { lab.Close() })
	a, err = lab.Host("a")
	try(t, err)
	b, err = lab.Host("b")
	try(t, err)
	k, err = lab.Link(a, b, netlab.LinkConfig{Impair: &cfg})
	try(t, err)
	return k, a, b
}

// crossed waits until n packets from a host have reached the link, and all that was sent has been dropped or delivered.
func crossed(t *testing.T, k *netlab.Link, from *netlab.Host, n int) netlab.Totals {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	totals, err := k.Crossed(ctx, from, n)
	try(t, err)
	return totals
}

// arrivals returns what the records say came out, in its order.
func arrivals(records []netlab.Record) [][]byte {
	type arrival struct {
		order  uint64
		packet []byte
	}
	var list []arrival
	for _, r := range records {
		packet := r.Apply(bytes.Clone(r.Packet))
		for _, order := range []uint64{r.Order, r.OrderCopy} {
			if order != 0 {
				list = append(list, arrival{order, packet})
			}
		}
	}
	slices.SortFunc(list, func(a, b arrival) int { return int(a.order) - int(b.order) })
	packets := make([][]byte, len(list))
	for i := range list {
		packets[i] = list[i].packet
	}
	return packets
}

// What the link says it did to each packet is what a packet socket behind it sees: every byte, in order.
func TestImpairedPackets(t *testing.T) {
	const n = 500
	for seed := range uint64(4) {
		cfg, err := impair.Parse("loss=5%,enter=1%,leave=30%,dup=5%,reorder=5%,gap=2,hold=5ms,corrupt=5%,truncate=5%,delay=2ms,jitter=1ms,order=free")
		try(t, err)
		cfg.Seed = seed
		k, a, b := impaired(t, netlab.Impair{AtoB: cfg, Keep: 2000})
		f := packetSocket(t, b)
		var got [][]byte
		buf := make([]byte, 2000)
		// read takes what has come out of the link, and is called often: the socket's buffer is for a few hundred.
		read := func(sent int) {
			totals := crossed(t, k, a, sent)
			for uint64(len(got)) < totals.Deliveries {
				n, err := f.Read(buf)
				try(t, err)
				if !bytes.HasPrefix(buf[6:], b.MAC()) { // not what b itself answers
					got = append(got, bytes.Clone(buf[14:n]))
				}
			}
		}
		client := listenUDP(t, a, netip.Addr{})
		var sent impair.Totals
		for i := range n {
			to := b.Addr4()
			if i%2 == 1 {
				to = b.Addr6()
			}
			_, err := client.WriteToUDPAddrPort(binary.BigEndian.AppendUint64(nil, uint64(i)), netip.AddrPortFrom(to, 9999))
			if err != nil && !strings.Contains(err.Error(), "refused") {
				t.Fatal(err)
			}
			if i%50 == 49 {
				read(i + 1)
			}
		}
		f.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
		for {
			n, err := f.Read(buf)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				break
			}
			try(t, err)
			if !bytes.HasPrefix(buf[6:], b.MAC()) {
				t.Errorf("seed %d: a packet that no record has: % x", seed, buf[:n])
			}
		}

		records, err := k.Records(a)
		try(t, err)
		totals, err := k.Totals(a)
		try(t, err)
		if len(records) != n || totals.Overrun != 0 || totals.Failed != 0 || totals.Unrecorded != 0 {
			t.Fatalf("seed %d: %d records for %d packets, %+v", seed, len(records), n, totals)
		}
		if want := arrivals(records); !slices.EqualFunc(got, want, bytes.Equal) {
			t.Errorf("seed %d: %d packets seen, %d by the records", seed, len(got), len(want))
			for i := range min(len(got), len(want)) {
				if !bytes.Equal(got[i], want[i]) {
					t.Errorf("first difference, arrival %d:\nseen    % x\nrecords % x", i, got[i], want[i])
					break
				}
			}
		}
		// The same decisions come from the seed alone.
		m, err := impair.New(cfg)
		try(t, err)
		for i, r := range records {
			sent.Add(&r.Decision)
			if d := m.Decide(r.Arrival, r.Size); d != r.Decision {
				t.Fatalf("seed %d: packet %d: decision %+v, from the seed %+v", seed, i, r.Decision, d)
			}
			if size := len(r.Packet); size != r.Size || binary.BigEndian.Uint64(r.Packet[size-8:]) != uint64(i) {
				t.Fatalf("seed %d: record %d has packet % x", seed, i, r.Packet)
			}
			if r.Drop == impair.None && r.Behind == 0 && r.Delivered.Before(r.Due) {
				t.Errorf("seed %d: packet %d delivered %v early", seed, i, r.Due.Sub(r.Delivered))
			}
		}
		if sent != totals.Totals || totals.Deliveries != uint64(len(got)) {
			t.Errorf("seed %d: records sum to %+v, totals are %+v", seed, sent, totals.Totals)
		}
		if totals.Loss == 0 || totals.Burst == 0 || totals.Duplicated == 0 || totals.Held == 0 || totals.Corrupted == 0 || totals.Truncated == 0 {
			t.Errorf("seed %d: not everything happened: %+v", seed, totals)
		}
	}
}

// A UDP receiver counts what the records say, for corrupted payloads do not pass its checksum.
func TestImpairedReceiver(t *testing.T) {
	const n = 200 // the receiver's buffer has room for some more
	for _, v6 := range []bool{false, true} {
		header := 28
		if v6 {
			header = 48
		}
		k, a, b := impaired(t, netlab.Impair{AtoB: impair.Config{Seed: 1, Loss: 0.1, Duplicate: 0.1, Corrupt: 0.2, CorruptFrom: header}})
		server, client := listenUDP(t, b, netip.Addr{}), listenUDP(t, a, netip.Addr{})
		to := b.Addr4()
		if v6 {
			to = b.Addr6()
		}
		for i := range n {
			_, err := client.WriteToUDPAddrPort(binary.BigEndian.AppendUint64(nil, uint64(i)), netip.AddrPortFrom(to, port(server)))
			try(t, err)
		}
		crossed(t, k, a, n)
		records, err := k.Records(a)
		try(t, err)
		want := map[uint64]int{}
		for i, r := range records {
			if r.Drop == impair.None && !r.Flip.Set {
				want[uint64(i)] = 1
				if r.Duplicated() {
					want[uint64(i)] = 2
				}
			}
			if r.Flip.Set && r.Flip.Byte < header {
				t.Errorf("packet %d: bit flipped in byte %d of the header", i, r.Flip.Byte)
			}
		}
		got := map[uint64]int{}
		buf := make([]byte, 100)
		server.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		for {
			n, _, err := server.ReadFromUDPAddrPort(buf)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				break
			}
			try(t, err)
			got[binary.BigEndian.Uint64(buf[:n])]++
		}
		if len(want) == n || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("received %d of %d different, the records say %d:\n%v\n%v", len(got), n, len(want), got, want)
		}
	}
}

func TestImpairedTCP(t *testing.T) {
	bad := impair.Config{Loss: 0.01, Duplicate: 0.01, Reorder: 0.02, Corrupt: 0.01, CorruptFrom: 60, Delay: time.Millisecond}
	k, a, b := impaired(t, netlab.Impair{AtoB: bad, BtoA: bad})
	transfer(t, a, b, b.Addr4(), 200_000)
	transfer(t, b, a, a.Addr6(), 200_000)
	for _, h := range []*netlab.Host{a, b} {
		totals, err := k.Totals(h)
		try(t, err)
		if totals.Packets < 50 || totals.Failed != 0 || totals.Overrun != 0 {
			t.Errorf("from %s: %+v", h.Name(), totals)
		}
	}
}

func TestImpairedDelayAndRate(t *testing.T) {
	// Ten packets of 1028 bytes at 8.224 Mbit/s take a millisecond each; the queue has room for five.
	k, a, b := impaired(t, netlab.Impair{AtoB: impair.Config{Rate: 8 * 1028 * 1000, QueuePackets: 5, Delay: 20 * time.Millisecond}, Keep: -1})
	server, client := listenUDP(t, b, netip.Addr{}), listenUDP(t, a, netip.Addr{})
	for range 10 {
		_, err := client.WriteToUDPAddrPort(make([]byte, 1000), netip.AddrPortFrom(b.Addr4(), port(server)))
		try(t, err)
	}
	crossed(t, k, a, 10)
	records, err := k.Records(a)
	try(t, err)
	received := 0
	for i, r := range records {
		if len(r.Packet) != 0 {
			t.Errorf("record %d keeps %d bytes", i, len(r.Packet))
		}
		if r.Drop == impair.Rate {
			continue
		}
		received++
		if d := r.Delivered.Sub(r.Arrival); d < 21*time.Millisecond {
			t.Errorf("packet %d was delivered after %v", i, d)
		}
		if _, _, err := server.ReadFromUDPAddrPort(nil); err != nil {
			t.Error(err)
		}
	}
	if received < 5 {
		t.Errorf("%d of %d delivered", received, len(records))
	}
}

// Frames other than IP cross unharmed: hosts find each other on a link that loses all packets but a few.
func TestImpairedPassesARP(t *testing.T) {
	netlab.Need(t)
	lab, err := netlab.New(nil)
	try(t, err)
	defer lab.Close()
	a, _ := lab.Host("a")
	b, _ := lab.Host("b")
	k, err := lab.Link(a, b, netlab.LinkConfig{Resolve: true, Impair: &netlab.Impair{MaxRecords: 1}})
	try(t, err)
	exchange(t, a, b, b.Addr4())
	exchange(t, a, b, b.Addr4())
	totals := crossed(t, k, a, 2)
	records, err := k.Records(a)
	try(t, err)
	if totals.Passed == 0 || len(records) != 1 || totals.Unrecorded != totals.Packets-1 {
		t.Errorf("%d records, %+v", len(records), totals)
	}
}

func TestImpairedLinkRefuses(t *testing.T) {
	lab, a, b := netlab.Two(t)
	plain := a.Ends()[0]
	if _, err := lab.Link(a, b, netlab.LinkConfig{Impair: &netlab.Impair{BtoA: impair.Config{Loss: 2}}}); err == nil || !strings.Contains(err.Error(), "Loss") {
		t.Errorf("a loss of 2: %v", err)
	}
	k, err := lab.Link(a, b, netlab.LinkConfig{})
	try(t, err)
	if _, err := k.Records(a); err == nil {
		t.Errorf("%v is not impaired and has records", plain)
	}
	try(t, k.Settle(t.Context()))
}

func TestSettleAfterClose(t *testing.T) {
	netlab.Need(t)
	lab, err := netlab.New(nil)
	try(t, err)
	a, _ := lab.Host("a")
	b, _ := lab.Host("b")
	k, err := lab.Link(a, b, netlab.LinkConfig{Impair: &netlab.Impair{AtoB: impair.Config{Delay: time.Hour}}})
	try(t, err)
	_, err = listenUDP(t, a, netip.Addr{}).WriteToUDPAddrPort(nil, netip.AddrPortFrom(b.Addr4(), 9))
	try(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := k.Settle(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with a packet on its way: %v", err)
	}
	try(t, lab.Close())
	if err := k.Settle(t.Context()); err == nil {
		t.Error("Settle after Close returned nil")
	}
	if _, err := k.Totals(a); err != nil {
		t.Error(err)
	}
}

func BenchmarkImpairedLab(b *testing.B) {
	netlab.Need(b)
	for b.Loop() {
		lab, err := netlab.New(nil)
		try(b, err)
		one, err := lab.Host("a")
		try(b, err)
		two, err := lab.Host("b")
		try(b, err)
		_, err = lab.Link(one, two, netlab.LinkConfig{Impair: &netlab.Impair{}})
		try(b, err)
		try(b, lab.Close())
	}
}
