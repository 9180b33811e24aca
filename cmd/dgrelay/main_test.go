package main

import (
	"bytes"
	"context"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"sockwire/capture/golden"
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
	golden.Check(t, "testdata/schema.jsonl", out)
}
