package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
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

// What the help and the README show is right.
func TestExamples(t *testing.T) {
	_, a, b := netlab.Two(t)
	for _, address := range []string{"192.0.2.7", "192.0.2.53"} {
		ip := netip.MustParseAddr(address)
		if err := errors.Join(b.AddAddr(b.Ifname(), netip.PrefixFrom(ip, 32)), a.AddRoute(netlab.Route{Dst: netip.PrefixFrom(ip, 32), Via: b.Addr4()})); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.AddRoute(netlab.Route{Dst: netip.MustParsePrefix("224.0.0.0/4"), Ifname: a.Ifname()}); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var got []int // sizes of datagrams
	for _, port := range []string{"514", "9000", "123", "53"} {
		var c *dgram.Conn
		if err := b.Do(func() (err error) {
			c, err = dgram.Listen(t.Context(), "udp4", ":"+port, nil)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		go func() {
			_ = c.Serve(t.Context(), 1, func(_ context.Context, d *dgram.Datagram) {
				mu.Lock()
				got = append(got, len(d.Payload))
				mu.Unlock()
				_ = c.Reply(d, d.Payload)
			})
		}()
	}
	prepare := func(dir string) {
		recorded, err := os.ReadFile(record(t, "192.0.2.77"))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "dns.pcap"), recorded, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "request.bin"), []byte("request"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	datagramtest.Examples(t, a, "dgsend", newCommand(new(options)).Examples, "--wait 300ms", prepare, func(line, stdout, stderr string, code int) {
		mu.Lock()
		sizes := fmt.Sprint(got)
		got = nil
		mu.Unlock()
		want := map[string]string{":514": "[9]", ":9000": "[1 1 1]", ":123": "[48]", ":53": "[27 27 27]", "239.1": "[]", " 9000": "[7]"}
		for where, list := range want {
			if strings.Contains(line, where) && sizes != list {
				t.Errorf("%s: the server got datagrams of %s bytes, want %s", line, sizes, list)
			}
		}
		if code != 0 || stderr != "" {
			t.Errorf("%s: exit %d\n%s%s", line, code, stdout, stderr)
		}
	})
}
