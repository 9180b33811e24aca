package dgram

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Tests in this file need loopback only and run on every system.

func listen(t testing.TB, network, address string, cfg *Config) *Conn {
	t.Helper()
	c, err := Listen(t.Context(), network, address, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func dial(t testing.TB, network, address string, cfg *Config) *Conn {
	t.Helper()
	c, err := Dial(t.Context(), network, address, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// receive gets one datagram or fails within 5 s.
func receive(t testing.TB, c *Conn) Datagram {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	d, err := c.Receive(make([]byte, 1<<16))
	if err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Time{})
	return d
}

func loopbacks(t testing.TB) map[string]string {
	list := map[string]string{"udp4": "127.0.0.1:0"}
	c, err := Listen(t.Context(), "udp6", "[::1]:0", nil)
	if err != nil {
		t.Logf("IPv6 is not tested here: %v", err)
		return list
	}
	c.Close()
	list["udp6"] = "[::1]:0"
	return list
}

func TestExchangeBothWays(t *testing.T) {
	for network, address := range loopbacks(t) {
		t.Run(network, func(t *testing.T) {
			server := listen(t, network, address, nil)
			client := dial(t, network, server.LocalAddr().String(), nil)
			if client.RemoteAddr() != server.LocalAddr() {
				t.Errorf("the peer is %v, want %v", client.RemoteAddr(), server.LocalAddr())
			}
			if err := client.Send([]byte("ask"), Addr{}); err != nil {
				t.Fatal(err)
			}
			d := receive(t, server)
			if string(d.Payload) != "ask" || d.From != client.LocalAddr() || d.Truncated {
				t.Errorf("got %q from %v, want \"ask\" from %v", d.Payload, d.From, client.LocalAddr())
			}
			if d.Time.IsZero() || time.Since(d.Time) > time.Minute {
				t.Errorf("time of arrival %v", d.Time)
			}
			if err := server.Reply(&d, []byte("answer")); err != nil {
				t.Fatal(err)
			}
			if d := receive(t, client); string(d.Payload) != "answer" || d.From != server.LocalAddr() {
				t.Errorf("got %q from %v", d.Payload, d.From)
			}
		})
	}
}

func TestEmptyDatagramIsData(t *testing.T) {
	server := listen(t, "udp4", "127.0.0.1:0", nil)
	client := dial(t, "udp4", server.LocalAddr().String(), nil)
	for _, s := range []string{"", "x", ""} {
		if err := client.Send([]byte(s), Addr{}); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	for d, err := range server.Datagrams(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(d.Payload))
		if len(got) == 3 {
			break
		}
	}
	if fmt.Sprint(got) != fmt.Sprint([]string{"", "x", ""}) {
		t.Errorf("got %q", got)
	}
}

func TestTruncationIsMarked(t *testing.T) {
	server := listen(t, "udp4", "127.0.0.1:0", nil)
	client := dial(t, "udp4", server.LocalAddr().String(), nil)
	for _, n := range []int{9, 10, 11} {
		if err := client.Send(make([]byte, n), Addr{}); err != nil {
			t.Fatal(err)
		}
		_ = server.SetReadDeadline(time.Now().Add(5 * time.Second))
		d, err := server.Receive(make([]byte, 10))
		if err != nil {
			t.Fatal(err)
		}
		if d.Truncated != (n > 10) || len(d.Payload) != min(n, 10) {
			t.Errorf("%d bytes into a buffer of 10: %d bytes, truncated %v", n, len(d.Payload), d.Truncated)
		}
	}
}

func TestSizeLimit(t *testing.T) {
	for network, address := range loopbacks(t) {
		server := listen(t, network, address, nil)
		limit := map[string]int{"udp4": 65507, "udp6": 65527}[network]
		var size *SizeError
		ms := []Message{{Payload: []byte("first"), To: server.LocalAddr()}, {Payload: make([]byte, limit+1), To: server.LocalAddr()}}
		n, err := server.SendAll(ms)
		if !errors.As(err, &size) || size.Limit != limit || size.Size != limit+1 || n != 0 || !errors.Is(err, syscall.EMSGSIZE) {
			t.Errorf("%s: sent %d, %v; want a refusal that names the limit %d", network, n, err, limit)
		}
		if err == nil || !strings.Contains(err.Error(), "message 1") {
			t.Errorf("%s: %v does not name the message at fault", network, err)
		}
		if ds, err := server.TryReceiveBatch(server.NewBatch(1, 10)); len(ds) != 0 || err != nil {
			t.Errorf("%s: something was sent before the refusal: %v, %v", network, ds, err)
		}
	}
}

func TestWrongDestination(t *testing.T) {
	c := listen(t, "udp4", "127.0.0.1:0", nil)
	for name, to := range map[string]Addr{
		"nobody": {}, "unix": Unix("@x"), "IPv6": UDP(netip.MustParseAddrPort("[::1]:9")), "port 0": UDP(netip.MustParseAddrPort("127.0.0.1:0")),
	} {
		if err := c.Send([]byte("x"), to); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestWrongConfig(t *testing.T) {
	for _, cfg := range []Config{{TTL: 256}, {TOS: -1}, {MulticastTTL: 300}, {ReadBuffer: -5}, {Interface: "no-such-if"}, {Fragmentation: 9}} {
		if c, err := Listen(t.Context(), "udp4", "127.0.0.1:0", &cfg); err == nil {
			c.Close()
			t.Errorf("%+v was accepted", cfg)
		}
	}
	for _, a := range [][2]string{{"udp", "127.0.0.1"}, {"udp", "127.0.0.1:http0"}, {"udp", "nowhere..invalid:1"}, {"tcp", "127.0.0.1:0"}} {
		if c, err := Listen(t.Context(), a[0], a[1], nil); err == nil {
			c.Close()
			t.Errorf("%v was accepted", a)
		}
	}
}

func TestAddressInUse(t *testing.T) {
	c := listen(t, "udp4", "127.0.0.1:0", nil)
	_, err := Listen(t.Context(), "udp4", c.LocalAddr().String(), nil)
	var hinted interface{ Hint() string }
	if !errors.As(err, &hinted) || runtime.GOOS == "linux" && !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("got %v, want an error with a hint", err)
	}
}

func TestDeadlineAndClose(t *testing.T) {
	c := listen(t, "udp4", "127.0.0.1:0", nil)
	_ = c.SetReadDeadline(time.Now().Add(-time.Second))
	if _, err := c.Receive(make([]byte, 10)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("past the deadline: %v", err)
	}
	_ = c.SetReadDeadline(time.Time{})
	done := make(chan error)
	go func() {
		_, err := c.Receive(make([]byte, 10))
		done <- err
	}()
	c.Close()
	if err := <-done; !errors.Is(err, net.ErrClosed) {
		t.Errorf("a receive woken by Close: %v", err)
	}
	if err := c.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the second Close: %v", err)
	}
}

func TestDatagramsEndsWithItsContext(t *testing.T) {
	c := listen(t, "udp4", "127.0.0.1:0", nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for d, err := range c.Datagrams(ctx) {
		t.Errorf("got %v, %v", d, err)
	}
	// The deadline that ended the loop is gone.
	if err := c.Send([]byte("x"), c.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	receive(t, c)
}

func TestExchangeRetries(t *testing.T) {
	server := listen(t, "udp4", "127.0.0.1:0", nil)
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error)
	asked := 0
	go func() {
		served <- server.Serve(ctx, 1, func(_ context.Context, d *Datagram) {
			if asked++; asked < 3 {
				return
			}
			for _, answer := range []string{"2 stale", "1 good"} {
				if err := server.Reply(d, []byte(answer)); err != nil {
					t.Error(err)
				}
			}
		})
	}()
	client := listen(t, "udp4", "127.0.0.1:0", nil)
	a, err := client.Exchange(t.Context(), []byte("1 question"), server.LocalAddr(),
		&Exchange{Timeout: 20 * time.Millisecond, Tries: 9, Match: SameID(1)})
	if err != nil || string(a.Payload) != "1 good" || a.Tries < 3 {
		t.Errorf("got %q after %d tries, %v", a.Payload, a.Tries, err)
	}
	cancel()
	if err := <-served; err != nil {
		t.Errorf("a server that is told to stop: %v", err)
	}
}

func TestExchangeGivesUp(t *testing.T) {
	silent := listen(t, "udp4", "127.0.0.1:0", nil)
	other := listen(t, "udp4", "127.0.0.1:0", nil)
	client := listen(t, "udp4", "127.0.0.1:0", nil)
	if err := other.Send([]byte("not asked"), client.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	_, err := client.Exchange(t.Context(), []byte("x"), silent.LocalAddr(), &Exchange{Timeout: time.Millisecond, Tries: 3})
	if !errors.Is(err, os.ErrDeadlineExceeded) || !strings.Contains(err.Error(), "3 tries") {
		t.Errorf("got %v", err)
	}
	b := silent.NewBatch(16, 100)
	if ds, err := silent.ReceiveBatch(b); err != nil || len(ds) != 3 {
		t.Errorf("%d questions arrived, %v; want 3", len(ds), err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
	defer cancel()
	if _, err := client.Exchange(ctx, []byte("x"), silent.LocalAddr(), nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestServeFinishesWhatHasArrived(t *testing.T) {
	server := listen(t, "udp4", "127.0.0.1:0", nil)
	client := dial(t, "udp4", server.LocalAddr().String(), nil)
	const n = 20
	for range n {
		if err := client.Send([]byte("x"), Addr{}); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	handled := 0
	if err := server.Serve(ctx, 1, func(ctx context.Context, _ *Datagram) {
		if ctx.Err() != nil {
			t.Error("the handler's context is cancelled")
		}
		handled++
	}); err != nil {
		t.Fatal(err)
	}
	if handled != n {
		t.Errorf("%d of %d that had arrived were handled", handled, n)
	}
}

// A clone outlives the buffer that its original was received into.
func TestClone(t *testing.T) {
	c := listen(t, "udp4", "127.0.0.1:0", nil)
	var kept []Datagram
	buf := make([]byte, 10)
	for _, text := range []string{"one", "two", ""} {
		if err := c.Send([]byte(text), c.LocalAddr()); err != nil {
			t.Fatal(err)
		}
		d, err := c.Receive(buf)
		if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, d.Clone())
	}
	if string(kept[0].Payload) != "one" || string(kept[1].Payload) != "two" || kept[2].Payload == nil || kept[0].From != c.LocalAddr() {
		t.Errorf("%+v", kept)
	}
}

func TestUnixgram(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no Unix datagram sockets")
	}
	dir := t.TempDir()
	server := listen(t, "unixgram", dir+"/s", nil)
	client := dial(t, "unixgram", dir+"/s", &Config{Local: dir + "/c"})
	if err := client.Send([]byte("ask"), Addr{}); err != nil {
		t.Fatal(err)
	}
	d := receive(t, server)
	if string(d.Payload) != "ask" || d.From != Unix(dir+"/c") {
		t.Errorf("got %q from %v", d.Payload, d.From)
	}
	if err := server.Reply(&d, []byte("answer")); err != nil {
		t.Fatal(err)
	}
	if d := receive(t, client); !bytes.Equal(d.Payload, []byte("answer")) || d.From != Unix(dir+"/s") {
		t.Errorf("got %q from %v", d.Payload, d.From)
	}
	client.Close()
	server.Close()
	for _, name := range []string{"s", "c"} {
		if _, err := os.Lstat(dir + "/" + name); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is still there after Close: %v", name, err)
		}
	}
}

func TestUnixNames(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no Unix datagram sockets")
	}
	dir := t.TempDir()
	long := dir + "/" + strings.Repeat("x", 120)
	if _, err := Listen(t.Context(), "unixgram", long, nil); err == nil || !strings.Contains(hintOf(err), "107") {
		t.Errorf("a name of %d bytes: %v, hint %q", len(long), err, hintOf(err))
	}
	if _, err := Dial(t.Context(), "unixgram", dir+"/nobody", nil); err == nil {
		t.Error("dialled a path that is not there")
	}
	c := listen(t, "unixgram", dir+"/s", nil)
	if _, err := Listen(t.Context(), "unixgram", dir+"/s", nil); err == nil || !strings.Contains(hintOf(err), "another program") {
		t.Errorf("a name in use: %v, hint %q", err, hintOf(err))
	}
	c.nc.Close() // leaves the file behind, as a killed program does
	if _, err := Listen(t.Context(), "unixgram", dir+"/s", nil); err == nil || !strings.Contains(hintOf(err), "remove it") {
		t.Errorf("a stale file: %v, hint %q", err, hintOf(err))
	}
}

func hintOf(err error) string {
	var hinted interface{ Hint() string }
	if errors.As(err, &hinted) {
		return hinted.Hint()
	}
	return ""
}

// TestEndBeforeOpening: what is asked for after the end says why it ended, and asks nobody.
func TestEndBeforeOpening(t *testing.T) {
	why := errors.New("stopped by the test")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(why)
	if c, err := Dial(ctx, "udp", "127.0.0.1:9", nil); !errors.Is(err, why) {
		t.Error(c, err)
	}
	if c, err := Dial(ctx, "udp", "localhost:9", nil); !errors.Is(err, why) {
		t.Error(c, err)
	}
	if list, err := Resolve(ctx, "udp", "localhost:9"); err != nil && !errors.Is(err, why) {
		t.Error(list, err)
	}
}

// TestMistypedAddresses: they are not asked of the system's resolver.
func TestMistypedAddresses(t *testing.T) {
	for _, address := range []string{"127.0.0.1.1:9", "127.0.0.256:9", "300.0.0.1.:9"} {
		for _, open := range []func() (*Conn, error){
			func() (*Conn, error) { return Dial(t.Context(), "udp", address, nil) },
			func() (*Conn, error) { return Listen(t.Context(), "udp", address, nil) },
			func() (*Conn, error) { return Dial(t.Context(), "udp", "127.0.0.1:9", &Config{Local: address}) },
			func() (*Conn, error) { _, err := Resolve(t.Context(), "udp", address); return nil, err },
		} {
			if c, err := open(); err == nil || !strings.Contains(err.Error(), "neither an address nor a name") {
				t.Errorf("%s: %v %v", address, c, err)
			}
		}
	}
}
