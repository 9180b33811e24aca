package main

import (
	"bufio"
	"encoding/json"
	"net/netip"
	"os"
	"strings"
	"testing"

	"sockwire/cmd/internal/datagram/datagramtest"
	"sockwire/dgram"
	"sockwire/raw/impair"
	"sockwire/raw/netlab"
)

// What the kernel threw away for a wrong checksum is not called a loss of the receive buffer.
func TestChecksumErrorsAreToldApart(t *testing.T) {
	netlab.Need(t)
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
	link, err := lab.Link(a, b, netlab.LinkConfig{Impair: &netlab.Impair{AtoB: impair.Config{Seed: 2, Corrupt: 0.3, CorruptFrom: 28}}})
	if err != nil {
		t.Fatal(err)
	}
	address := netip.AddrPortFrom(b.Addr4(), 4000)
	cmd := datagramtest.Command(t.Context(), t, b, "--json", "-v", address.String())
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if line := datagramtest.Background(t, cmd); !strings.Contains(line, "listening on") {
		t.Fatalf("dgrecv says %q", line)
	}
	var client *dgram.Conn
	if err := a.Do(func() (err error) {
		client, err = dgram.Dial(t.Context(), "udp", address.String(), nil)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	// The last one arrives intact: when it is received, all before it have been looked at.
	n, damaged, last := 0, 0, true
	for n < 100 || last {
		if err := client.Send(make([]byte, 100), dgram.Addr{}); err != nil {
			t.Fatal(err)
		}
		n++
		if _, err := link.Crossed(t.Context(), a, n); err != nil {
			t.Fatal(err)
		}
		records, err := link.Records(a)
		if err != nil {
			t.Fatal(err)
		}
		if last = records[n-1].Flip.Set; last {
			damaged++
		}
	}
	lines := bufio.NewScanner(stdout)
	for i := range n - damaged {
		if !lines.Scan() {
			t.Fatalf("%d received of %d", i, n-damaged)
		}
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	var s summary
	if !lines.Scan() || json.Unmarshal(lines.Bytes(), &s) != nil {
		t.Fatalf("no summary: %q", lines.Text())
	}
	if damaged == 0 || s.Checksum != uint64(damaged) || s.Dropped != 0 || s.Received != n-damaged {
		t.Errorf("the link damaged %d of %d; %+v", damaged, n, s)
	}
}
