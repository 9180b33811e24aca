package dgram

import (
	"net/netip"
	"testing"
	"time"

	"sockwire/raw/impair"
	"sockwire/raw/netlab"
)

// What a link damages the kernel drops and counts twice: among the socket's drops, and as a checksum error. What a full
// buffer loses it counts once.
func TestChecksumErrors(t *testing.T) {
	netlab.Need(t)
	for _, v6 := range []bool{false, true} {
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
		var counter *ChecksumErrors
		if err := b.Do(func() (err error) { counter, err = OpenChecksumErrors(); return err }); err != nil {
			t.Fatal(err)
		}
		defer counter.Close()
		const n = 300
		for i := range n {
			if err := client.Send(make([]byte, 200), server.LocalAddr()); err != nil {
				t.Fatalf("%d: %v", i, err)
			}
		}
		totals, err := link.Crossed(t.Context(), a, n)
		if err != nil {
			t.Fatal(err)
		}
		// The kernel looks at checksums when it hands datagrams over.
		batch := server.NewBatch(64, 300)
		received, drops := 0, uint32(0)
		for end := time.Now().Add(5 * time.Second); received+int(drops) < n && time.Now().Before(end); {
			ds, err := server.TryReceiveBatch(batch)
			if err != nil {
				t.Fatal(err)
			}
			received += len(ds)
			drops, _ = server.Drops()
		}
		wrong, err := counter.Count()
		if err != nil || totals.Corrupted == 0 || wrong != totals.Corrupted || uint64(drops) != wrong || received+int(wrong) != n {
			t.Errorf("IPv6 %v: the link damaged %d of %d; received %d, checksum errors %d, drops %d, %v", v6, totals.Corrupted, n, received, wrong, drops, err)
		}
	}
}

func TestCountersOfFiles(t *testing.T) {
	if n, err := snmpChecksumErrors([]byte("Ip: A B\nIp: 1 2\nUdp: InErrors InCsumErrors X\nUdp: 4 17 5\nUdpLite: InCsumErrors\nUdpLite: 9\n")); n != 17 || err != nil {
		t.Error(n, err)
	}
	if n, err := snmp6ChecksumErrors([]byte("Ip6InReceives  \t5\nUdp6InCsumErrors\t23\nUdpLite6InCsumErrors 9\n")); n != 23 || err != nil {
		t.Error(n, err)
	}
	for _, b := range []string{"", "Udp: InCsumErrors\n", "Udp: InCsumErrors\nUdp:\n", "Udp: InCsumErrors\nUdp: x\n", "Udp6InCsumErrors\n", "Udp6InCsumErrors x\n"} {
		if _, err := snmpChecksumErrors([]byte(b)); err == nil {
			t.Errorf("%q was understood", b)
		}
		if _, err := snmp6ChecksumErrors([]byte(b)); err == nil {
			t.Errorf("%q was understood", b)
		}
	}
}
