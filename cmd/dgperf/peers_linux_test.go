package main

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"sockwire/cmd/internal/cli/clitest"
	"sockwire/dgram/relay"
	"sockwire/raw/impair"
)

// Every peer measures the same bad path, one after the other: a relay that loses 5 %, duplicates 5 % and reorders 2 %,
// each by the same seed. The table says what each reports and what is true; ours must be true. Run it with
//
//	go test ./cmd/dgperf -run TestBesideItsPeers -v
func TestBesideItsPeers(t *testing.T) {
	for _, name := range []string{"iperf3", "iperf", "sockperf"} {
		if _, err := exec.LookPath(name); err != nil {
			if os.Getenv("REQUIRE_PEERS") != "" {
				t.Fatal(err)
			}
			t.Skip(err)
		}
	}
	rows := []string{"| tool | sent | lost: true | reported | duplicate: true | reported | reordered: true | reported |", "|---|---|---|---|---|---|---|---|"}
	for _, tool := range []struct {
		name string
		run  func(t *testing.T, p *badPath) (lost, duplicate, reordered string)
	}{{"dgperf", throughOurs}, {"iperf3", throughIperf3}, {"iperf2", throughIperf2}, {"sockperf", throughSockperf}} {
		p := &badPath{}
		lost, duplicate, reordered := tool.run(t, p)
		sent, c := p.truth()
		rows = append(rows, fmt.Sprintf("| %s | %d | %d | %s | %d | %s | %d | %s |", tool.name, sent, c.lost, lost, c.duplicate, duplicate, c.reordered, reordered))
		if got := fmt.Sprint(lost, duplicate, reordered); tool.name == "dgperf" && (got != fmt.Sprint(fmt.Sprint(c.lost), fmt.Sprint(c.duplicate), fmt.Sprint(c.reordered)) ||
			sent == 0 || c.lost == 0 || c.duplicate == 0 || c.reordered == 0) {
			t.Errorf("dgperf reports %s lost, %s duplicate, %s reordered of %d; the truth is %+v", lost, duplicate, reordered, sent, c)
		}
	}
	t.Logf("\n%s", strings.Join(rows, "\n"))
}

// badPath is a relay in front of a server, TCP passed through for who needs it.
type badPath struct {
	mu      sync.Mutex
	records []relay.Record
	number  func(*relay.Record) (uint64, bool) // of a datagram in the stream that is measured
	stop    func()
}

// counted is what a relay did to a stream: a number is reordered when its first copy comes after a higher one (RFC
// 4737).
type counted struct{ lost, duplicate, reordered int }

// truth ends the relay and counts what it did to the stream.
func (p *badPath) truth() (sent int, c counted) {
	p.stop()
	type arrival struct{ order, number uint64 }
	var all []arrival
	for _, r := range p.records {
		if r.Direction != relay.Forward || len(r.Head) < 32 {
			continue
		}
		n, ours := p.number(&r)
		if !ours {
			continue
		}
		sent++
		if r.Drop != impair.None {
			c.lost++
			continue
		}
		all = append(all, arrival{r.Order, n})
		if r.Duplicated() {
			all = append(all, arrival{r.OrderCopy, n})
		}
	}
	slices.SortFunc(all, func(a, b arrival) int { return cmp.Compare(a.order, b.order) })
	seen, highest := map[uint64]bool{}, uint64(0)
	for _, a := range all {
		switch {
		case seen[a.number]:
			c.duplicate++
		case a.number < highest:
			c.reordered++
		}
		seen[a.number] = true
		highest = max(highest, a.number)
	}
	return sent, c
}

// open starts the relay and returns its address.
func (p *badPath) open(t *testing.T, target string, number func(*relay.Record) (uint64, bool)) (host, port string) {
	t.Helper()
	p.number = number
	r, err := relay.New(t.Context(), relay.Config{Network: "udp4", Listen: "127.0.0.1:0", Target: target, Head: 48,
		Forward: impair.Config{Seed: 5, Loss: 0.05, Duplicate: 0.05, Reorder: 0.02, ReorderGap: 3, ReorderHold: 20 * time.Millisecond},
		Record: func(rec *relay.Record) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.records = append(p.records, *rec)
		}})
	if err != nil {
		t.Fatal(err)
	}
	address := r.Addr().IP.String()
	tcp, err := net.Listen("tcp4", address)
	if err != nil {
		t.Fatal(err)
	}
	go proxy(tcp, target)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- r.Run(ctx) }()
	p.stop = sync.OnceFunc(func() { tcp.Close(); cancel(); <-done })
	t.Cleanup(p.stop)
	host, port, _ = net.SplitHostPort(address)
	return host, port
}

// proxy passes TCP connections to the target unchanged.
func proxy(l net.Listener, target string) {
	for {
		in, err := l.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp4", target)
		if err != nil {
			in.Close()
			continue
		}
		go func() { io.Copy(out, in); out.(*net.TCPConn).CloseWrite() }()
		go func() { io.Copy(in, out); in.(*net.TCPConn).CloseWrite() }()
	}
}

// background starts a server until the test ends and waits until its UDP or TCP port is taken.
func background(t *testing.T, network, address, name string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); _ = cmd.Wait() })
	// Trying to take the port would keep the server from it.
	_, port, _ := net.SplitHostPort(address)
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		table, err := os.ReadFile("/proc/net/" + strings.TrimSuffix(network, "4"))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(table), fmt.Sprintf(":%04X ", n)) {
			return
		}
	}
	t.Fatalf("%s does not listen", name)
}

func freePort(t *testing.T) (address, port string) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return l.Addr().String(), port
}

func client(t *testing.T, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return string(out)
}

func throughOurs(t *testing.T, p *badPath) (lost, duplicate, reordered string) {
	host, port := p.open(t, server(t), func(r *relay.Record) (uint64, bool) { return binary.BigEndian.Uint64(r.Head[16:]), r.Size == 200 })
	out, stderr, code := clitest.Run(t, run, "", "--rate", "1kpps", "-c", "750", "-s", "200", "--json", "-q", net.JoinHostPort(host, port))
	var r directionRecord
	first, _, _ := strings.Cut(out, "\n")
	if err := json.Unmarshal([]byte(first), &r); err != nil || code != 0 {
		t.Fatalf("%v: exit %d: %s", err, code, stderr)
	}
	return fmt.Sprint(r.Lost), fmt.Sprint(r.Duplicate), fmt.Sprint(r.Reordered)
}

func throughIperf3(t *testing.T, p *badPath) (lost, duplicate, reordered string) {
	target, targetPort := freePort(t)
	background(t, "tcp4", target, "iperf3", "-s", "-1", "-B", "127.0.0.1", "-p", targetPort)
	host, port := p.open(t, target, func(r *relay.Record) (uint64, bool) {
		return uint64(binary.BigEndian.Uint32(r.Head[8:])), r.Size == 200
	})
	out := client(t, "iperf3", "-u", "-c", host, "-p", port, "-b", "1600000", "-l", "200", "-t", "1", "-J")
	var r struct {
		End struct {
			Sum struct {
				Lost int `json:"lost_packets"`
			} `json:"sum"`
			Streams []struct {
				UDP struct {
					OutOfOrder int `json:"out_of_order"`
				} `json:"udp"`
			} `json:"streams"`
		} `json:"end"`
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil || len(r.End.Streams) != 1 {
		t.Fatalf("%v\n%s", err, out)
	}
	return strconv.Itoa(r.End.Sum.Lost), "-", strconv.Itoa(r.End.Streams[0].UDP.OutOfOrder)
}

func throughIperf2(t *testing.T, p *badPath) (lost, duplicate, reordered string) {
	target, targetPort := freePort(t)
	background(t, "udp4", target, "iperf", "-s", "-u", "-B", "127.0.0.1", "-p", targetPort)
	host, port := p.open(t, target, func(r *relay.Record) (uint64, bool) {
		return uint64(binary.BigEndian.Uint32(r.Head)), r.Size == 200 && r.Head[0] < 0x80
	})
	out := client(t, "iperf", "-u", "-c", host, "-p", port, "-b", "1.6M", "-l", "200", "-t", "0.75")
	m := regexp.MustCompile(`ms +(-?\d+)/`).FindStringSubmatch(out)
	if m == nil {
		t.Fatalf("iperf2 reports nothing\n%s", out)
	}
	reordered = "0" // it says nothing where there were none
	if o := regexp.MustCompile(`(\d+) datagrams received out-of-order`).FindStringSubmatch(out); o != nil {
		reordered = o[1]
	}
	return m[1], "-", reordered
}

func throughSockperf(t *testing.T, p *badPath) (lost, duplicate, reordered string) {
	target, targetPort := freePort(t)
	background(t, "udp4", target, "sockperf", "server", "-i", "127.0.0.1", "-p", targetPort)
	host, port := p.open(t, target, func(r *relay.Record) (uint64, bool) { return binary.BigEndian.Uint64(r.Head), r.Size == 200 })
	out := client(t, "sockperf", "under-load", "-i", host, "-p", port, "-t", "1", "--mps", "750", "--reply-every", "1", "-m", "200")
	m := regexp.MustCompile(`# dropped messages = (\d+); # duplicated messages = (\d+); # out-of-order messages = (\d+)`).FindStringSubmatch(out)
	if m == nil {
		t.Fatalf("sockperf reports nothing\n%s", out)
	}
	return m[1], m[2], m[3]
}
