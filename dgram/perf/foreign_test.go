package perf

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"sockwire/dgram"
	"sockwire/dgram/relay"
	"sockwire/raw/impair"
)

// peer finds an installed program or skips, or fails where peers are required.
func peer(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if os.Getenv("REQUIRE_PEERS") != "" {
		t.Fatal(err)
	}
	t.Skip(err)
	return ""
}

func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return string(out)
}

func hostPort(a dgram.Addr) (string, string) {
	return a.IP.Addr().String(), strconv.Itoa(int(a.IP.Port()))
}

// A real sockperf client measures against our server.
func TestSockperf(t *testing.T) {
	sockperf := peer(t, "sockperf")
	s, _ := server(t, nil)
	host, port := hostPort(s.Addr())
	out := command(t, sockperf, "ping-pong", "-i", host, "-p", port, "-t", "1", "--mps", "1000")
	m := regexp.MustCompile(`# dropped messages = (\d+); # duplicated messages = (\d+); # out-of-order messages = (\d+)`).FindStringSubmatch(out)
	if m == nil || m[1] != "0" || m[2] != "0" || m[3] != "0" || !strings.Contains(out, "percentile 50.000") {
		t.Errorf("sockperf says %v\n%s", m, out)
	}
	if n := s.Stats().Answered; n < 100 {
		t.Errorf("%d answered", n)
	}
}

// A real iperf2 client gets a report from our server that counts every datagram.
func TestIperf2Client(t *testing.T) {
	iperf := peer(t, "iperf")
	s, _ := server(t, nil)
	host, port := hostPort(s.Addr())
	out := command(t, iperf, "-u", "-c", host, "-p", port, "-n", "20000", "-l", "200", "-b", "10M")
	m := regexp.MustCompile(`ms +(\d+)/(\d+) \(`).FindStringSubmatch(out)
	sent := regexp.MustCompile(`Sent (\d+) datagrams`).FindStringSubmatch(out)
	if m == nil || sent == nil || m[1] != "0" {
		t.Fatalf("the report says %v\n%s", m, out)
	}
	total, _ := strconv.Atoi(m[2])
	n, _ := strconv.Atoi(sent[1])
	if total != n-1 { // as an iperf2 server reports: the last datagram went twice
		t.Errorf("%d of %d datagrams are in the report", total, n)
	}
}

// A real iperf2 server reads our stream through a relay that loses, and reports exactly what the relay lost.
func TestIperf2Server(t *testing.T) {
	iperf := peer(t, "iperf")
	free, err := dgram.Listen(t.Context(), "udp4", "127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	host, port := hostPort(free.LocalAddr())
	free.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cmd := exec.CommandContext(ctx, iperf, "-s", "-u", "-B", host, "-p", port)
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cancel(); _ = cmd.Wait() }()
	bound(t, port)
	var lost, seen int
	r, err := relay.New(t.Context(), relay.Config{Network: "udp4", Listen: "127.0.0.1:0", Target: net.JoinHostPort(host, port), Head: 4,
		Forward: impair.Config{Seed: 11, Loss: 0.1},
		Record: func(rec *relay.Record) {
			if rec.Direction != relay.Forward || rec.Head[0] >= 0x80 {
				return // not of the stream, or its last datagram
			}
			seen++
			if rec.Drop != impair.None {
				lost++
			}
		}})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- r.Run(ctx) }()
	res, err := RunIperf2(t.Context(), Config{Target: r.Addr().String(), Up: &Load{Rate: 2000, Count: 500, Sizes: []int{200}}})
	cancel()
	<-done
	if err != nil {
		t.Fatal(err)
	}
	if seen != 500 || res.Sent != 500 || lost == 0 || res.Reported.Lost != uint64(lost) || res.Reported.Datagrams != 500 {
		t.Errorf("the relay lost %d of %d; iperf2 reports %+v", lost, seen, res.Reported)
	}
}

// bound waits until somebody has the port. Trying to take it would keep the server from it.
func bound(t *testing.T, port string) {
	t.Helper()
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		table, err := os.ReadFile("/proc/net/udp")
		if err != nil {
			t.Skip(err)
		}
		if strings.Contains(string(table), fmt.Sprintf(":%04X ", n)) {
			return
		}
	}
	t.Fatal("nobody listens")
}

// scapy finds a Python that has it.
func scapy(t *testing.T) string {
	t.Helper()
	for _, python := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(python, "-c", "import scapy.contrib.stamp").Run() == nil {
			return python
		}
	}
	if os.Getenv("REQUIRE_PEERS") != "" {
		t.Fatal("no python3 with scapy")
	}
	t.Skip("no python3 with scapy")
	return ""
}

// A STAMP packet that scapy makes is reflected, and tshark's decoder reads the fields of the answer.
func TestSTAMP(t *testing.T) {
	python, tshark := scapy(t), peer(t, "tshark")
	s, _ := server(t, nil)
	host, port := hostPort(s.Addr())
	dir := t.TempDir()
	script := `
import sys, socket, time
from scapy.all import IP, UDP, Raw, wrpcap
from scapy.contrib.stamp import STAMPSessionSenderTestUnauthenticated as Q, STAMPSessionReflectorTestUnauthenticated as A
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(5)
s.connect((sys.argv[1], int(sys.argv[2])))
now = time.time() + 2208988800
s.send(bytes(Q(seq=4711, ts=now, ssid=99)))
b = s.recv(2000)
a = A(b)
print(a.seq, a.seq_sender, a.ttl_sender, a.ssid, len(b), abs(a.ts - now) < 5, abs(a.ts_rx - now) < 5, abs(a.ts_sender - now) < 0.001, a.ts_rx <= a.ts)
wrpcap(sys.argv[3], IP(src="192.0.2.1", dst="192.0.2.2", ttl=64)/UDP(sport=862, dport=50000)/Raw(b))
`
	file := filepath.Join(dir, "stamp.pcap")
	out := command(t, python, "-c", script, host, port, file)
	fields := strings.Fields(out[strings.LastIndex(strings.TrimSpace(out), "\n")+1:])
	if want := "4711 4711 64 99 44 True True True True"; strings.Join(fields, " ") != want {
		t.Errorf("scapy reads %v, want %s", fields, want)
	}
	tree := command(t, tshark, "-n", "-r", file, "-d", "udp.port==862,twamp.test", "-V")
	for _, want := range []string{"Sequence Number: 4711", "Sender Sequence Number: 4711", "Sender TTL: 64"} {
		if !strings.Contains(tree, want) {
			t.Errorf("tshark does not see %q in\n%s", want, tree)
		}
	}
}

func TestForeignProtocolsAreTold(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	for name, tt := range map[string]struct {
		b                      []byte
		stamp, sockperf, iperf bool
	}{
		"nothing":        {nil, false, false, false},
		"zeros":          {make([]byte, 64), false, false, false},
		"stamp":          {stampQuestion(now), true, false, false},
		"old stamp":      {stampQuestion(now.Add(-48 * time.Hour)), false, false, false},
		"sockperf":       {append([]byte{0, 0, 0, 0, 0, 0, 0, 1, 0, 3, 0, 0, 0, 16}, 0, 0), false, true, false},
		"sockperf cut":   {[]byte{0, 0, 0, 0, 0, 0, 0, 1, 0, 3, 0, 0, 0, 16}, false, false, false},
		"sockperf reply": {append([]byte{0, 0, 0, 0, 0, 0, 0, 1, 0, 2, 0, 0, 0, 16}, 0, 0), false, false, false},
	} {
		if isSTAMP(tt.b, now) != tt.stamp || isSockperf(tt.b) != tt.sockperf || isIperf(tt.b, now) != tt.iperf {
			t.Errorf("%s: stamp %v, sockperf %v, iperf %v", name, isSTAMP(tt.b, now), isSockperf(tt.b), isIperf(tt.b, now))
		}
	}
	b := make([]byte, 100)
	putIperf(b, 5)
	if !isIperf(b, time.Now()) || isSTAMP(b, time.Now()) {
		t.Error("our own iperf2 datagram is not told")
	}
}

func stampQuestion(at time.Time) []byte {
	b := make([]byte, stampSize)
	n := ntpTime(at)
	for i := range 8 {
		b[4+i] = byte(n >> (56 - 8*i))
	}
	b[13] = 1
	return b
}

func TestSearchMTU(t *testing.T) {
	s, _ := server(t, nil)
	r, err := SearchMTU(t.Context(), Config{Target: s.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		t.Skip(err)
	}
	if want := min(lo.MTU, 65535); r.MTU != want || r.Payload != want-28 {
		t.Errorf("%+v, want an MTU of %d", r, want)
	}
	s2, stop := server(t, nil)
	stop()
	if _, err := SearchMTU(t.Context(), Config{Target: s2.Addr().String()}); err == nil {
		t.Error("a path to nobody has an MTU")
	}
}
