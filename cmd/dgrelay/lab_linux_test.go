package main

import (
	"context"
	"encoding/json"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"sockwire/cmd/internal/datagram/datagramtest"
	"sockwire/dgram"
	"sockwire/raw/netlab"
)

// dig gets a real DNS server's answers through a relay that loses, duplicates and delays, because it asks again.
func TestDig(t *testing.T) {
	dig := datagramtest.Peer(t, "dig")
	_, a, b := netlab.Two(t)
	server := datagramtest.DNS(t, b)
	listen := netip.AddrPortFrom(a.Addr4(), 5300)
	cmd := datagramtest.Command(t.Context(), t, a, "--json", "-x", "loss=30%,dup=30%,delay=1ms,jitter=1ms,seed=4", listen.String(), server.String())
	var stdout strings.Builder
	cmd.Stdout = &stdout
	if line := datagramtest.Background(t, cmd); !strings.Contains(line, "relaying") {
		t.Fatalf("dgrelay says %q", line)
	}
	for name, want := range map[string]string{"a.example": "192.0.2.1\n", "b.example": "192.0.2.2\n", "c.example": "192.0.2.3\n", "d.example": ""} {
		out, err := a.Command(t.Context(), dig, "+short", "+tries=20", "+timeout=1", "-p", "5300", "@"+listen.Addr().String(), name).Output()
		if answers := withoutComments(string(out)); err != nil || answers != want {
			t.Errorf("dig %s: %v\n%s", name, err, out)
		}
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	out := stdout.String()
	var s summary
	if err := json.Unmarshal([]byte(out[strings.LastIndex(strings.TrimSuffix(out, "\n"), "\n")+1:]), &s); err != nil {
		t.Fatal(err)
	}
	records := strings.Count(out, `"type":"datagram"`)
	if records != int(s.Forward.Packets+s.Backward.Packets) || s.Forward.Packets < 4 || s.Clients < 1 {
		t.Errorf("%d records, summary %+v", records, s)
	}
}

// withoutComments leaves out what dig says of tries that were not answered.
func withoutComments(s string) string {
	var kept strings.Builder
	for line := range strings.Lines(s) {
		if !strings.HasPrefix(line, ";") {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

// onHost starts dgrelay on a lab host, by a shell that does something before; end tells it to end and returns its
// summary and the text that it wrote.
func onHost(t *testing.T, h *netlab.Host, before string, args ...string) (end func() (summary, string)) {
	t.Helper()
	cmd := datagramtest.CommandAfter(t.Context(), t, h, before, append(args, "--json")...)
	var stdout strings.Builder
	cmd.Stdout = &stdout
	said, err := os.CreateTemp(t.TempDir(), "said")
	if err != nil {
		t.Fatal(err)
	}
	defer said.Close()
	cmd.Stderr = said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	text := func() string {
		b, err := os.ReadFile(said.Name())
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for end := time.Now().Add(20 * time.Second); !strings.Contains(text(), "\n"); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("dgrelay says nothing")
		}
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return func() (s summary, stderr string) {
		t.Helper()
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
		lines := strings.Split(strings.TrimSpace(stdout.String()), "\n")
		if last := lines[len(lines)-1]; json.Unmarshal([]byte(last), &s) != nil || s.Type != "summary" {
			t.Fatalf("the last line is %q", last)
		}
		return s, text()
	}
}

// ask has a lab host ask a question through the relay until it is answered.
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

// serveEcho has a lab host send everything back, until the test ends.
func serveEcho(t *testing.T, h *netlab.Host) netip.AddrPort {
	t.Helper()
	var c *dgram.Conn
	if err := h.Do(func() (err error) {
		c, err = dgram.Listen(t.Context(), "udp4", netip.AddrPortFrom(h.Addr4(), 0).String(), nil)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	go func() {
		_ = c.Serve(t.Context(), 1, func(_ context.Context, d *dgram.Datagram) { _ = c.Reply(d, d.Payload) })
	}()
	return c.LocalAddr().IP
}

// Forged datagrams from more addresses than there may be clients lock nobody out, whether the limit is that of the
// relay or what this host allows it. It says what happens and, of the second, what to do.
func TestForgedClientsLockNobodyOut(t *testing.T) {
	_, a, b := netlab.Two(t)
	target := serveEcho(t, a)
	listen := netip.AddrPortFrom(b.Addr4(), 5300)
	var from []netip.AddrPort
	for i := range 1100 {
		from = append(from, netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, byte(i >> 8), byte(i)}), 4000))
	}
	if err := b.AddRoute(netlab.Route{Dst: netip.MustParsePrefix("198.51.0.0/16"), Via: a.Addr4()}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, before, want string
	}{
		{"the relay's limit", ":", "a silent client makes room"},
		{"few descriptors", "ulimit -n 40", "too many open files"},
	} {
		end := onHost(t, b, tt.before, listen.String(), target.String())
		datagramtest.Forge(t, a, listen, []byte("forged"), from...)
		ask(t, a, listen)
		s, stderr := end()
		if s.Replaced == 0 || !strings.Contains(stderr, tt.want) {
			t.Errorf("%s: %+v\n%s", tt.name, s, stderr)
		}
	}
}

// The target's own address is no client's: the target would answer itself for ever.
func TestForgedTargetStartsNoLoop(t *testing.T) {
	_, a, b := netlab.Two(t)
	target := serveEcho(t, a)
	listen := netip.AddrPortFrom(b.Addr4(), 5300)
	end := onHost(t, b, ":", listen.String(), target.String())
	datagramtest.Forge(t, a, listen, []byte("forged"), target)
	ask(t, a, listen)
	if s, stderr := end(); s.Forged != 1 || s.Forward.Packets != 1 || !strings.Contains(stderr, "refused") {
		t.Errorf("%+v\n%s", s, stderr)
	}
}

// What the help and the README show is right.
func TestExamples(t *testing.T) {
	_, a, _ := netlab.Two(t)
	datagramtest.Examples(t, a, "dgrelay", newCommand(new(options)).Examples, "--duration 50ms", func(string) {}, func(line, _, stderr string, code int) {
		if code != 1 || !strings.Contains(stderr, "relaying") {
			t.Errorf("%s: exit %d, want 1: nothing came\n%s", line, code, stderr)
		}
	})
}
