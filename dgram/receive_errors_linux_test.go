package dgram

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"sockwire/raw/impair"
	"sockwire/raw/netlab"
)

// What a link damages the kernel drops and counts twice: among the socket's drops, and as a checksum error. A small
// datagram it counts once, and no socket has it. What a full buffer loses is counted among the drops, and for want of
// room.
func TestReceiveErrors(t *testing.T) {
	netlab.Need(t)
	for _, v6 := range []bool{false, true} {
		for _, size := range []int{1, SmallChecksum, SmallChecksum + 1, 200} {
			t.Run(fmt.Sprintf("IPv6 %v, %d bytes", v6, size), func(t *testing.T) { receiveErrors(t, v6, size) })
		}
	}
}

func receiveErrors(t *testing.T, v6 bool, size int) {
	{
		header := 28
		if v6 {
			header = 48
		}
		lab, err := netlab.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { lab.Close() })
		a, _ := lab.Host("a")
		b, err := lab.Host("b")
		if err != nil {
			t.Fatal(err)
		}
		link, err := lab.Link(a, b, netlab.LinkConfig{Impair: &netlab.Impair{AtoB: impair.Config{Seed: 3, Corrupt: 0.2, CorruptFrom: header}}})
		if err != nil {
			t.Fatal(err)
		}
		from, to := a.Addr4(), b.Addr4()
		if v6 {
			from, to = a.Addr6(), b.Addr6()
		}
		server := on(t, b, "udp", netip.AddrPortFrom(to, 0).String(), &Config{ReadBuffer: 1 << 20})
		client := on(t, a, "udp", netip.AddrPortFrom(from, 0).String(), nil)
		var counter *ReceiveErrors
		if err := b.Do(func() (err error) { counter, err = OpenReceiveErrors(); return err }); err != nil {
			t.Fatal(err)
		}
		defer counter.Close()
		const n = 300
		for i := range n {
			if err := client.Send(make([]byte, size), server.LocalAddr()); err != nil {
				t.Fatalf("%d: %v", i, err)
			}
		}
		totals, err := link.Crossed(t.Context(), a, n)
		if err != nil {
			t.Fatal(err)
		}
		// The kernel looks at checksums when it hands datagrams over.
		batch := server.NewBatch(64, 300)
		received := 0
		damaged := func() uint64 {
			c, err := counter.Count()
			if err != nil {
				t.Fatal(err)
			}
			return c.Checksum
		}
		for end := time.Now().Add(5 * time.Second); received+int(damaged()) < n && time.Now().Before(end); {
			ds, err := server.TryReceiveBatch(batch)
			if err != nil {
				t.Fatal(err)
			}
			received += len(ds)
		}
		drops, err := server.Drops()
		if err != nil {
			t.Fatal(err)
		}
		wrong, inSocket := damaged(), uint64(drops)
		want := wrong
		if size <= SmallChecksum {
			want = 0
		}
		if totals.Corrupted == 0 || wrong != totals.Corrupted || inSocket != want || received+int(wrong) != n {
			t.Errorf("the link damaged %d of %d; received %d, checksum errors %d, drops %d", totals.Corrupted, n, received, wrong, drops)
		}
		// A full buffer beside it.
		for range n {
			if err := client.Send(make([]byte, 60000), server.LocalAddr()); err != nil {
				t.Fatal(err)
			}
		}
		for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
			if drops, _ = server.Drops(); uint64(drops) > inSocket {
				break
			}
		}
		drops, _ = server.Drops()
		counts, err := counter.Count()
		if full, own := counts.Split(uint64(drops)); err != nil || counts.NoRoom == 0 || full == 0 || own > counts.Checksum {
			t.Errorf("after a flood: %+v of %d drops: %d for want of room, %d with a wrong checksum, %v", counts, drops, full, own, err)
		}
	}
}

func TestSplit(t *testing.T) {
	for _, tt := range []struct {
		c                  ReceiveErrorCounts
		drops, full, wrong uint64
	}{
		{ReceiveErrorCounts{}, 0, 0, 0}, {ReceiveErrorCounts{Checksum: 3}, 0, 0, 0}, {ReceiveErrorCounts{Checksum: 3}, 3, 0, 3},
		{ReceiveErrorCounts{Checksum: 3, NoRoom: 10}, 10, 10, 0}, {ReceiveErrorCounts{Checksum: 3, NoRoom: 10}, 13, 10, 3},
		{ReceiveErrorCounts{Checksum: 3, NoRoom: 10}, 11, 10, 1}, {ReceiveErrorCounts{}, 5, 5, 0}, {ReceiveErrorCounts{Checksum: 1}, 5, 4, 1},
	} {
		if full, wrong := tt.c.Split(tt.drops); full != tt.full || wrong != tt.wrong {
			t.Errorf("%+v of %d: %d and %d, want %d and %d", tt.c, tt.drops, full, wrong, tt.full, tt.wrong)
		}
	}
}

func TestCountersOfFiles(t *testing.T) {
	var c ReceiveErrorCounts
	if err := c.addSNMP([]byte("Ip: A B\nIp: 1 2\nUdp: InErrors InCsumErrors RcvbufErrors X MemErrors\nUdp: 4 17 5 9 1\nUdpLite: InCsumErrors\nUdpLite: 9\n")); c != (ReceiveErrorCounts{17, 6}) || err != nil {
		t.Error(c, err)
	}
	c = ReceiveErrorCounts{}
	if err := c.addSNMP6([]byte("Ip6InReceives  \t5\nUdp6InCsumErrors\t23\nUdp6RcvbufErrors 2\nUdp6MemErrors 1\nUdpLite6InCsumErrors 9\n")); c != (ReceiveErrorCounts{23, 3}) || err != nil {
		t.Error(c, err)
	}
	for _, b := range []string{"", "Udp: InCsumErrors\n", "Udp: InCsumErrors\nUdp:\n", "Udp: InCsumErrors\nUdp: x\n", "Udp6InCsumErrors\n", "Udp6InCsumErrors x\n"} {
		if err := c.addSNMP([]byte(b)); err == nil {
			t.Errorf("%q was understood", b)
		}
		if err := c.addSNMP6([]byte(b)); err == nil {
			t.Errorf("%q was understood", b)
		}
	}
}
