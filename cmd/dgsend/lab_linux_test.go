package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"sockwire/cmd/internal/datagram/datagramtest"
	"sockwire/dgram"
	"sockwire/raw/netlab"
)

// A real DNS server on another host answers a question from standard input, one in hex, and a recorded conversation.
func TestRealDNSServer(t *testing.T) {
	_, a, b := netlab.Two(t)
	server := datagramtest.DNS(t, b)
	q := new(dns.Msg)
	q.SetQuestion("b.example.", dns.TypeA)
	question, err := q.Pack()
	if err != nil {
		t.Fatal(err)
	}
	cmd := datagramtest.Command(t.Context(), t, a, "--reply", "1", "--print", "raw", server.String())
	cmd.Stdin = bytes.NewReader(question)
	out, err := cmd.Output()
	var answer dns.Msg
	if err != nil || answer.Unpack(out) != nil || answer.Id != q.Id || len(answer.Answer) != 1 || !strings.Contains(answer.Answer[0].String(), "192.0.2.2") {
		t.Errorf("%v: %v", err, &answer)
	}

	stdout, stderr, code := datagramtest.On(t, a, "--json", "--reply", "1", "--hex", "1234 0100 0001 0000 0000 0000 0161 07 6578616d706c65 00 0001 0001", server.String())
	var r struct {
		Hex string `json:"payload_hex"`
		RTT int64  `json:"rtt_ns"`
		TTL int
	}
	lines := strings.Split(stdout, "\n")
	if code != 0 || len(lines) < 2 || json.Unmarshal([]byte(lines[1]), &r) != nil || !strings.HasPrefix(r.Hex, "1234") ||
		!strings.HasSuffix(r.Hex, "c0000201") || r.RTT <= 0 || r.TTL != 64 {
		t.Errorf("exit %d: %s%s", code, stdout, stderr)
	}

	// What it answered once, it answers again, to fresh transaction ids too.
	file := recordWith(t, func(q *dns.Msg) []byte { return ask(t, a, server, q) })
	for _, args := range [][]string{nil, {"--new-ids"}, {"--exact", "--new-ids", "--speed", "0"}} {
		stdout, stderr, code := datagramtest.On(t, a, append(args, "--pcap", file, server.String())...)
		if code != 0 || !regexp.MustCompile(`^(answer [1-3]: same, .*\n){3}$`).MatchString(stdout) {
			t.Errorf("%v: exit %d: %s%s", args, code, stdout, stderr)
		}
	}
	// A recording whose answers are not this server's differs, byte by byte.
	stdout, stderr, code = datagramtest.On(t, a, "--exact", "--pcap", record(t, "192.0.2.1"), server.String())
	if code != 1 || !strings.Contains(stdout, "answer 2: differs") || !strings.Contains(stdout, "bytes ") {
		t.Errorf("exit %d: %s%s", code, stdout, stderr)
	}
}

// ask asks a server from a host and returns the answer's bytes.
func ask(t *testing.T, h *netlab.Host, server netip.AddrPort, q *dns.Msg) []byte {
	t.Helper()
	b, err := q.Pack()
	if err != nil {
		t.Fatal(err)
	}
	var c *dgram.Conn
	if err := h.Do(func() (err error) {
		c, err = dgram.Dial(t.Context(), "udp", server.String(), nil)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	a, err := c.Exchange(t.Context(), b, dgram.Addr{}, &dgram.Exchange{Timeout: 2 * time.Second, Match: dgram.SameID(2)})
	if err != nil {
		t.Fatal(err)
	}
	return a.Payload
}

// A link-local address keeps its interface, by name or number; without one it is an error that says so.
func TestLinkLocalTarget(t *testing.T) {
	_, a, b := netlab.Two(t)
	local := netip.MustParseAddr("fe80::2")
	if err := b.AddAddr(b.Ifname(), netip.PrefixFrom(local, 64)); err != nil {
		t.Fatal(err)
	}
	if err := a.AddAddr(a.Ifname(), netip.MustParsePrefix("fe80::1/64")); err != nil {
		t.Fatal(err)
	}
	var server *dgram.Conn
	if err := b.Do(func() (err error) {
		server, err = dgram.Listen(t.Context(), "udp6", "[::]:4000", nil)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	go func() {
		_ = server.Serve(t.Context(), 1, func(_ context.Context, d *dgram.Datagram) { _ = server.Reply(d, d.Payload) })
	}()
	for _, zone := range []string{a.Ifname(), fmt.Sprint(a.Ifindex())} {
		for _, args := range [][]string{{"[fe80::2%" + zone + "]:4000", "hello"}, {"fe80::2%" + zone, "4000", "hello"},
			{"--unconnected", "[fe80::2%" + zone + "]:4000", "hello"}} {
			stdout, stderr, code := datagramtest.On(t, a, append([]string{"-r", "1", "--tries", "20", "--wait", "100ms", "--backoff", "1"}, args...)...)
			if code != 0 || stdout != "hello\n" {
				t.Errorf("%v: exit %d, %q\n%s", args, code, stdout, stderr)
			}
		}
	}
	if _, stderr, code := datagramtest.On(t, a, "[fe80::2%"+a.Ifname()+"]:4001", "hello"); code != 1 || !strings.Contains(stderr, "port unreachable") {
		t.Errorf("a closed port: exit %d\n%s", code, stderr)
	}
	for target, want := range map[string]string{"[fe80::2]:4000": "a link-local address needs its interface", "[fe80::2%none]:4000": `no interface "none"`} {
		if _, stderr, code := datagramtest.On(t, a, target, "hello"); code != 2 || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit %d\n%s", target, code, stderr)
		}
	}
}
