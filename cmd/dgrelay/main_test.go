package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"sockwire/cmd/internal/cli/clitest"
	"sockwire/cmd/internal/datagram/datagramtest"
	"sockwire/dgram"
)

func TestMain(m *testing.M) { datagramtest.Main(m, "dgrelay", main) }

func TestScripts(t *testing.T) { datagramtest.Run(t) }

func TestGenerated(t *testing.T) { clitest.Generated(t, "dgrelay", run) }

// start runs dgrelay in front of a target and returns where it listens, and what ends it and returns its output.
func start(t *testing.T, target string, args ...string) (addr string, stop func() (string, string)) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var stdout bytes.Buffer
	r, w := io.Pipe()
	done := make(chan int, 1)
	go func() {
		done <- run(ctx, append(args, "127.0.0.1:0", target), strings.NewReader(""), &stdout, w)
		w.Close()
	}()
	line := make([]byte, 200)
	n, err := r.Read(line)
	m := regexp.MustCompile(`relaying (\S+) to`).FindSubmatch(line[:n])
	if err != nil || m == nil {
		t.Fatalf("dgrelay said %q, %v", line[:n], err)
	}
	rest := make(chan string, 1)
	go func() { b, _ := io.ReadAll(r); rest <- string(b) }()
	stop = func() (string, string) {
		cancel()
		<-done
		return stdout.String(), <-rest
	}
	return string(m[1]), stop
}

func dnsServer(t *testing.T) string {
	c, err := dgram.Listen(t.Context(), "udp4", "127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	go c.Serve(t.Context(), 1, func(_ context.Context, d *dgram.Datagram) {
		var q, a dns.Msg
		if q.Unpack(d.Payload) != nil || len(q.Question) == 0 {
			return
		}
		a.SetReply(&q)
		a.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 60},
			A: netip.MustParseAddr("192.0.2.77").AsSlice()}}
		b, _ := a.Pack()
		_ = c.Reply(d, b)
	})
	return c.LocalAddr().String()
}

// dig gets its answer through a relay that loses, duplicates and delays, because it asks again.
func TestDig(t *testing.T) {
	dig, err := exec.LookPath("dig")
	if err != nil {
		if os.Getenv("REQUIRE_PEERS") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	addr, stop := start(t, dnsServer(t), "--json", "-x", "loss=30%,dup=30%,delay=1ms,jitter=1ms,seed=4")
	a := netip.MustParseAddrPort(addr)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for range 3 {
		out, err := exec.CommandContext(ctx, dig, "+short", "+tries=20", "+timeout=1", "-p", a.String()[strings.LastIndex(a.String(), ":")+1:],
			"@"+a.Addr().String(), "host.example").CombinedOutput()
		if err != nil || !strings.Contains(string(out), "192.0.2.77") {
			t.Errorf("dig: %v\n%s", err, out)
		}
	}
	out, stderr := stop()
	records := strings.Count(out, `"type":"datagram"`)
	var s summary
	last := out[strings.LastIndex(strings.TrimSuffix(out, "\n"), "\n")+1:]
	if err := json.Unmarshal([]byte(last), &s); err != nil {
		t.Fatal(err)
	}
	if records != int(s.Forward.Packets+s.Backward.Packets) || s.Forward.Packets < 3 || s.Clients < 1 {
		t.Errorf("%d records, summary %+v\n%s", records, s, stderr)
	}
}

// The records' fields are a promise.
func TestSchema(t *testing.T) {
	c, err := dgram.Listen(t.Context(), "udp4", "127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	addr, stop := start(t, c.LocalAddr().String(), "--json", "--head", "4", "-x", "dup=1,corrupt=1,truncate=1,cut=8,reorder=1,hold=1ms,seed=3")
	client, err := dgram.Dial(t.Context(), "udp4", addr, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.Send([]byte("0123456789"), dgram.Addr{}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := c.Receive(make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
	}
	out, _ := stop()
	out = regexp.MustCompile(`"\d{4}-\d\d-\d\dT[^"]+"`).ReplaceAllString(out, `"TIME"`)
	out = regexp.MustCompile(`127.0.0.1:\d+`).ReplaceAllString(out, "CLIENT")
	out = regexp.MustCompile(`elapsed_ns":\d+`).ReplaceAllString(out, `elapsed_ns":0`)
	clitest.Golden(t, "testdata/schema.jsonl", out)
}
