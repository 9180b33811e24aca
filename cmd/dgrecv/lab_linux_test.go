package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"sockwire/cmd/internal/datagram/datagramtest"
	"sockwire/dgram"
	"sockwire/raw/impair"
	"sockwire/raw/netlab"
)

// onHost starts dgrecv on a lab host; end tells it to end and returns its summary.
func onHost(t *testing.T, h *netlab.Host, args ...string) (end func() summary) {
	t.Helper()
	cmd := datagramtest.Command(t.Context(), t, h, append(args, "-v", "--json")...)
	var stdout bytes.Buffer
	cmd.Stdout = &stdout
	if line := datagramtest.Background(t, cmd); !strings.Contains(line, "listening on") {
		t.Fatalf("dgrecv says %q", line)
	}
	return func() (s summary) {
		t.Helper()
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
		lines := bytes.Split(bytes.TrimSpace(stdout.Bytes()), []byte("\n"))
		if last := lines[len(lines)-1]; json.Unmarshal(last, &s) != nil || s.Type != "summary" {
			t.Fatalf("the last line is %q", last)
		}
		return s
	}
}

// ask sends a question to a server until it is answered.
func ask(t *testing.T, h *netlab.Host, to netip.AddrPort) {
	t.Helper()
	_ = h.Do(func() error {
		c, err := dgram.Dial(t.Context(), "udp", to.String(), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.Exchange(t.Context(), []byte("question"), dgram.Addr{}, &dgram.Exchange{Timeout: 200 * time.Millisecond, Tries: 100, Backoff: 1}); err != nil {
			t.Fatal(err)
		}
		return nil
	})
}

// One forged datagram has two servers, or one, send each other an answer at most, whatever they answer with; a server
// of another kind on a port of its own gets none.
func TestForgedDatagramsStartNoLoop(t *testing.T) {
	_, a, b := netlab.Two(t)
	addr := func(port uint16) netip.AddrPort { return netip.AddrPortFrom(b.Addr4(), port) }
	echo := onHost(t, b, "--echo", addr(4001).String())
	reply := onHost(t, b, "--reply", "fixed", addr(4002).String())
	exec := onHost(t, b, "--exec", "date +%N", addr(4003).String())
	datagramtest.Forge(t, b, addr(4001), []byte("forged"), addr(4001), addr(4002), addr(4003), addr(7), addr(19), addr(53), addr(123), addr(11211))
	datagramtest.Forge(t, b, addr(4002), []byte("forged"), addr(4002), addr(4003), addr(53))
	datagramtest.Forge(t, b, addr(4003), []byte("forged"), addr(4003))
	for _, port := range []uint16{4001, 4002, 4003} {
		ask(t, a, addr(port))
	}
	// What each answered: the question, the forged datagrams with the others' addresses, and no answer of theirs.
	for _, tt := range []struct {
		name string
		sum  summary
		want int
	}{{"--echo", echo(), 1 + 2}, {"--reply", reply(), 1 + 1}, {"--exec", exec(), 1}} {
		if tt.sum.Answers != tt.want || tt.sum.NotAnswered == 0 {
			t.Errorf("%s: %d answers, %d not answered, want %d answers", tt.name, tt.sum.Answers, tt.sum.NotAnswered, tt.want)
		}
	}
}

// A flood from addresses of the server's own link at which nobody is: no answer to them ever leaves, and they fill the
// send buffer. The server goes on, says how many it left out, and answers others as soon as there is room.
func TestUnreachablePeersEndNoServer(t *testing.T) {
	_, a, b := netlab.Two(t)
	// Hosts that do not answer are given up soon, so that the test need not last as long as an attack does.
	if err := b.Sysctl("net.ipv4.neigh."+b.Ifname()+".retrans_time_ms", "50"); err != nil {
		t.Fatal(err)
	}
	addr := netip.AddrPortFrom(b.Addr4(), 4001)
	end := onHost(t, b, "--echo", "--sndbuf", "10000", addr.String())
	ask(t, a, addr)
	var from []netip.AddrPort
	host := b.Addr4().As4()
	for i := range 3000 {
		host[3] = byte(50 + i%100)
		from = append(from, netip.AddrPortFrom(netip.AddrFrom4(host), uint16(30000+i)))
	}
	datagramtest.Forge(t, a, addr, []byte("forged"), from...)
	ask(t, a, addr)
	s := end()
	if s.NoRoom == 0 || s.Answers < 2 || s.Answers+s.NoRoom+s.Failed != s.Received {
		t.Errorf("%+v", s)
	}
}

// What the kernel threw away for a wrong checksum is not called a loss of the receive buffer.
func TestChecksumErrorsAreToldApart(t *testing.T) {
	for _, size := range []int{1, dgram.SmallChecksum, dgram.SmallChecksum + 1, 200} { // the kernel looks at small ones elsewhere
		t.Run(fmt.Sprint(size, " bytes"), func(t *testing.T) { checksumErrors(t, size) })
	}
}

func checksumErrors(t *testing.T, size int) {
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
		if err := client.Send(make([]byte, size), dgram.Addr{}); err != nil {
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

// What the help and the README show is right.
func TestExamples(t *testing.T) {
	_, _, b := netlab.Two(t)
	datagramtest.Examples(t, b, "dgrecv", newCommand(new(options)).Examples, "--duration 50ms", func(string) {}, func(line, stdout, stderr string, code int) {
		if code != 1 || !strings.Contains(stderr, "0 datagrams") && !strings.Contains(stdout, `"received":0`) {
			t.Errorf("%s: exit %d, want 1: nothing came\n%s%s", line, code, stdout, stderr)
		}
	})
}
