package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sockwire/capture"
	"sockwire/capture/decode"
	"sockwire/cmd/internal/cli/clitest"
	"sockwire/cmd/internal/datagram/datagramtest"
	"sockwire/dgram"
)

func TestMain(m *testing.M) { datagramtest.Main(m, "dgrecv", main) }

func TestScripts(t *testing.T) { datagramtest.Run(t) }

func TestGenerated(t *testing.T) { clitest.Generated(t, "dgrecv", run) }

// start runs dgrecv until the test calls stop, which returns what it printed.
func start(t *testing.T, args ...string) (stop func() (string, string, int)) {
	t.Helper()
	stop, _ = begin(t, args...)
	return stop
}

// begin is start for a run that ends by itself: ended waits for that.
func begin(t *testing.T, args ...string) (stop func() (string, string, int), ended func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var stdout, stderr bytes.Buffer
	status, over := 0, make(chan struct{})
	go func() {
		defer close(over)
		status = run(ctx, args, strings.NewReader(""), &stdout, &stderr)
	}()
	stop = func() (string, string, int) {
		cancel()
		<-over
		return stdout.String(), stderr.String(), status
	}
	t.Cleanup(func() { stop() })
	return stop, func() {
		t.Helper()
		select {
		case <-over:
		case <-time.After(20 * time.Second):
			t.Fatal("the run does not end")
		}
	}
}

// await waits until something listens on a Unix socket.
func await(t *testing.T, path string) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		c, err := dgram.Dial(t.Context(), "unixgram", path, nil)
		if err == nil {
			c.Close()
			return
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

// systemd-notify passes a descriptor with BARRIER=1 and exits with 0 only once it has been closed.
func TestSystemdNotify(t *testing.T) {
	notify := datagramtest.Peer(t, "systemd-notify")
	path := filepath.Join(t.TempDir(), "notify")
	stop := start(t, "--json", "--credentials", "unix:"+path)
	await(t, path)
	cmd := exec.Command(notify, "--ready", "--status=all is well")
	cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+path)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out, _, _ := stop()
	for _, want := range []string{`READY=1\nSTATUS=all is well`, `"text":"BARRIER=1"`, `"files":1`, fmt.Sprintf(`"uid":%d`, os.Getuid())} {
		if !strings.Contains(out, want) {
			t.Errorf("no %s in\n%s", want, out)
		}
	}
}

func TestLogger(t *testing.T) {
	logger := datagramtest.Peer(t, "logger")
	path := filepath.Join(t.TempDir(), "log")
	stop := start(t, "unix:"+path)
	await(t, path)
	if out, err := exec.Command(logger, "-u", path, "-t", "sockwire", "hello from logger").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out, stderr, code := stop()
	if !strings.Contains(out, "sockwire: hello from logger") || code != 0 || !strings.Contains(stderr, "1 datagram (") {
		t.Errorf("exit %d\n%s%s", code, out, stderr)
	}
}

// A slow receiver: every datagram is printed or counted as lost, to the last one, also those that still lie in the
// buffer at the end.
func TestDropsAreCountedToTheLastOne(t *testing.T) {
	// Nothing is read while the command waits for this file to be gone: the sender may be as slow as it likes.
	hold := filepath.Join(t.TempDir(), "hold")
	if err := os.WriteFile(hold, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name  string
		args  []string
		drops bool
	}{
		{"small buffer", []string{"--rcvbuf", "4096", "--exec", "while [ -e '" + hold + "' ]; do sleep 0.01; done"}, true},
		{"room for all", []string{"--exec", "true"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			addr := freeAddress(t)
			stop := start(t, append(tt.args, "--json", addr)...)
			c := insist(t, addr)
			const n = 200
			for range n {
				if err := c.Send(make([]byte, 100), dgram.Addr{}); err != nil {
					t.Fatal(err)
				}
			}
			os.Remove(hold)
			out, stderr, _ := stop()
			lines := strings.Split(strings.TrimSpace(out), "\n")
			var s summary
			if err := json.Unmarshal([]byte(lines[len(lines)-1]), &s); err != nil {
				t.Fatal(err)
			}
			if s.Received+int(s.Dropped) != n+1 || (s.Dropped > 0) != tt.drops || len(lines) != s.Received+1 {
				t.Errorf("%d received + %d dropped of %d, %d records\n%s", s.Received, s.Dropped, n+1, len(lines)-1, stderr)
			}
		})
	}
}

func freeAddress(t *testing.T) string {
	c, err := dgram.Listen(t.Context(), "udp4", "127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.LocalAddr().String()
}

// insist dials and sends one datagram until somebody listens.
func insist(t *testing.T, addr string) *dgram.Conn {
	t.Helper()
	c, err := dgram.Dial(t.Context(), "udp", addr, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		if err := c.Send([]byte("first"), dgram.Addr{}); err != nil {
			t.Fatal(err)
		}
		if list, _ := c.Reports(); len(list) == 0 {
			return c
		}
		if time.Now().After(end) {
			t.Fatal("nobody listens")
		}
	}
}

// What -w writes is what was sent, in packets whose checksums are right.
func TestCaptureFile(t *testing.T) {
	for _, network := range []string{"udp4", "udp6"} {
		c, err := dgram.Listen(t.Context(), network, map[string]string{"udp4": "127.0.0.1:0", "udp6": "[::1]:0"}[network], nil)
		if err != nil {
			t.Logf("%s: not tested: %v", network, err)
			continue
		}
		addr := c.LocalAddr().String()
		c.Close()
		name := filepath.Join(t.TempDir(), "out.pcapng")
		stop := start(t, "-w", name, addr)
		sender := insist(t, addr)
		if err := sender.Send([]byte("second"), dgram.Addr{}); err != nil {
			t.Fatal(err)
		}
		if _, stderr, code := stop(); code != 0 {
			t.Fatal(stderr)
		}
		r, err := capture.OpenFile(name)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		var got []string
		var frame capture.Frame
		var packet decode.Packet
		decoder := decode.Decoder{SkipApplications: true}
		for {
			if err := r.Next(&frame); err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			if err := decoder.Decode(frame, &packet); err != nil {
				t.Error(err)
			}
			got = append(got, string(packet.Payload(packet.Find(decode.TypeUDP))))
			if frame.Time.IsZero() || time.Since(frame.Time) > time.Minute {
				t.Errorf("time %v", frame.Time)
			}
		}
		if fmt.Sprint(got) != "[first second]" {
			t.Errorf("%s: the file holds %q", network, got)
		}
		if tshark, err := exec.LookPath("tshark"); err == nil {
			out, err := exec.Command(tshark, "-n", "-r", name, "-o", "udp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE",
				"-T", "fields", "-e", "udp.checksum.status", "-e", "udp.length").Output()
			if err != nil || string(out) != "1\t13\n1\t14\n" {
				t.Errorf("tshark: %v\n%s", err, out)
			}
		} else if os.Getenv("REQUIRE_PEERS") != "" {
			t.Error(err)
		}
	}
}
