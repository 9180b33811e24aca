package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"sockwire/capture"
	"sockwire/cmd/internal/cli"
	"sockwire/cmd/internal/cli/clitest"
	"sockwire/cmd/internal/datagram/datagramtest"
	"sockwire/dgram"
	"sockwire/raw/packet"
)

func TestMain(m *testing.M) { datagramtest.Main(m, "dgsend", main) }

func TestScripts(t *testing.T) { datagramtest.Run(t) }

func TestGenerated(t *testing.T) { clitest.Generated(t, "dgsend", run) }

// dnsServer answers A questions for any name with one address, but for the question of the given number.
func dnsServer(t *testing.T, answer string, skip int) string {
	t.Helper()
	c, err := dgram.Listen(t.Context(), "udp4", "127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { c.Close(); <-done })
	go func() {
		defer close(done)
		buf := make([]byte, 2000)
		for {
			d, err := c.Receive(buf)
			if err != nil {
				return
			}
			var q dns.Msg
			if q.Unpack(d.Payload) != nil {
				continue
			}
			if skip--; skip == 0 {
				continue
			}
			b, _ := dnsAnswer(&q, answer).Pack()
			_ = c.Reply(&d, b)
		}
	}()
	return c.LocalAddr().String()
}

func dnsAnswer(q *dns.Msg, address string) *dns.Msg {
	a := new(dns.Msg)
	a.SetReply(q)
	a.Answer = append(a.Answer, &dns.A{Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 60},
		A: netip.MustParseAddr(address).AsSlice()})
	return a
}

// A real question, transaction id and all. A real server is asked in TestRealDNSServer.
func TestAsksADNSServer(t *testing.T) {
	server := dnsServer(t, "192.0.2.77", 0)
	q := new(dns.Msg)
	q.SetQuestion("example.com.", dns.TypeA)
	b, err := q.Pack()
	if err != nil {
		t.Fatal(err)
	}
	out, stderr, code := clitest.Run(t, run, string(b), "--reply", "1", "--print", "raw", server)
	var a dns.Msg
	if code != 0 || a.Unpack([]byte(out)) != nil || a.Id != q.Id || len(a.Answer) != 1 {
		t.Errorf("exit %d, %s, answer %v", code, stderr, a)
	}
}

// record writes a capture of a DNS conversation with three questions and one answer for all.
func record(t *testing.T, answer string) string {
	t.Helper()
	return recordWith(t, func(q *dns.Msg) []byte {
		b, _ := dnsAnswer(q, answer).Pack()
		return b
	})
}

// recordWith writes a capture of a DNS conversation: three questions, the second and third answered in the other order.
func recordWith(t *testing.T, answer func(q *dns.Msg) []byte) string {
	t.Helper()
	var questions, answers [][]byte
	for i, host := range []string{"a.example.", "b.example.", "c.example."} {
		q := new(dns.Msg)
		q.SetQuestion(host, dns.TypeA)
		q.Id = uint16(100 + i)
		b, _ := q.Pack()
		questions = append(questions, b)
		answers = append(answers, answer(q))
	}
	return recordAll(t, 53, questions, answers)
}

// recordAll writes a capture of a conversation with the given port of a server: three questions, the second and third
// answered in the other order.
func recordAll(t *testing.T, port uint16, questions, answers [][]byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "recorded.pcap")
	w, err := capture.Create(name, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Describe([]capture.Interface{{Name: "test", Link: capture.LinkRaw}}); err != nil {
		t.Fatal(err)
	}
	at := time.Unix(1700000000, 0)
	put := func(client bool, payload []byte) {
		t.Helper()
		src, dst, sport, dport := "192.0.2.1", "192.0.2.53", uint16(4000), port
		if !client {
			src, dst, sport, dport = dst, src, dport, sport
		}
		b, err := packet.Append(nil, &packet.IPv4{Src: netip.MustParseAddr(src), Dst: netip.MustParseAddr(dst)},
			&packet.UDP{SrcPort: sport, DstPort: dport}, packet.Payload(payload))
		if err != nil {
			t.Fatal(err)
		}
		at = at.Add(20 * time.Millisecond)
		if err := w.Write(&capture.Frame{Data: b, Length: len(b), Time: at, Link: capture.LinkRaw}); err != nil {
			t.Fatal(err)
		}
	}
	put(true, questions[0])
	put(false, answers[0])
	put(true, questions[1])
	put(true, questions[2])
	put(false, answers[2])
	put(false, answers[1])
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestReplay(t *testing.T) {
	for _, tt := range []struct {
		name, recorded, real string
		silent               int // the server does not answer this question
		args                 []string
		code                 int
		want                 string
	}{
		{"same", "192.0.2.77", "192.0.2.77", 0, nil, 0, `^answer 1: same, 52 bytes.*\nanswer 2: same.*\nanswer 3: same.*\n$`},
		{"differs", "192.0.2.77", "192.0.2.78", 0, nil, 0, `^answer 1: differs, 52 bytes, after .* bytes 51\+1\n`},
		{"exact", "192.0.2.77", "192.0.2.78", 0, []string{"--exact"}, 1, `^(answer \d: differs, .*\n){3}$`},
		{"fresh ids", "192.0.2.77", "192.0.2.77", 0, []string{"--new-ids"}, 0, `^(answer \d: same, .*\n){3}$`},
		{"missing", "192.0.2.77", "192.0.2.77", 1, []string{"--wait", "500ms"}, 1, `^answer 1: missing \(52 bytes recorded\)\nanswer 2: same, .*\nanswer 3: same, .*\n$`},
		{"json", "192.0.2.77", "192.0.2.78", 0, []string{"--json"}, 0, `"type":"answer","number":1,"outcome":"differs","recorded_size":52,"size":52,"differences":\[\{"offset":51,"length":1\}\]`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			args := append([]string{"--pcap", record(t, tt.recorded), "--speed", "10", dnsServer(t, tt.real, tt.silent)}, tt.args...)
			out, stderr, code := clitest.Run(t, run, "", args...)
			if code != tt.code || !regexp.MustCompile(tt.want).MatchString(out) {
				t.Errorf("exit %d, want %d\n%s%s", code, tt.code, out, stderr)
			}
		})
	}
}

func TestReplayKeepsTime(t *testing.T) {
	server := dnsServer(t, "192.0.2.77", 0)
	start := time.Now()
	if _, stderr, code := clitest.Run(t, run, "", "--pcap", record(t, "192.0.2.77"), server); code != 0 {
		t.Fatal(stderr)
	}
	if took := time.Since(start); took < 60*time.Millisecond { // the last question was asked after 60 ms
		t.Errorf("60 ms of conversation took %v", took)
	}
}

func TestReplayRefusesWhatIsNoConversation(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("not a capture\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"--pcap", text, "127.0.0.1:9"}, {"--pcap", dir + "/missing", "127.0.0.1:9"},
		{"--pcap", record(t, "192.0.2.1"), "--conversation", "2", "127.0.0.1:9"},
	} {
		if _, stderr, code := clitest.Run(t, run, "", args...); code != 2 || !strings.Contains(stderr, "--pcap") {
			t.Errorf("%v: exit %d, %s", args, code, stderr)
		}
	}
}

func TestTransactionIDs(t *testing.T) {
	stun := make([]byte, 20)
	binary.BigEndian.PutUint32(stun[4:], 0x2112a442)
	for _, tt := range []struct {
		b            []byte
		port         uint16
		offset, size int
	}{{stun, 3478, 8, 12}, {make([]byte, 12), 53, 0, 2}, {make([]byte, 11), 53, 0, 0}, {make([]byte, 40), 9, 0, 0}, {nil, 53, 0, 0}} {
		if offset, size := transactionID(tt.b, tt.port); offset != tt.offset || size != tt.size {
			t.Errorf("%d bytes for port %d: %d, %d", len(tt.b), tt.port, offset, size)
		}
	}
}

func FuzzDifferences(f *testing.F) {
	f.Add([]byte("abc"), []byte("axcd"))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		n := min(len(a), len(b))
		fixed := bytes.Clone(a[:n])
		last := -1
		for _, d := range differences(a, b) {
			if d.Offset <= last || d.Length < 1 || d.Offset+d.Length > n {
				t.Fatalf("%+v after %d of %d", d, last, n)
			}
			last = d.Offset + d.Length
			copy(fixed[d.Offset:], b[d.Offset:last])
		}
		if !bytes.Equal(fixed, b[:n]) {
			t.Fatal("the differences do not make one of the other")
		}
	})
}

// Told to stop while it waits for standard input, it says what it has sent, unasked.
func TestInterruptedInput(t *testing.T) {
	server, err := dgram.Listen(t.Context(), "udp4", "127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	for _, quiet := range []bool{false, true} {
		ctx, cancel := context.WithCancelCause(t.Context())
		stdin, w := io.Pipe()
		var stderr bytes.Buffer
		args := []string{"--line", server.LocalAddr().String()}
		if quiet {
			args = append(args, "--quiet")
		}
		code := make(chan int)
		go func() { code <- run(ctx, args, stdin, io.Discard, &stderr) }()
		if _, err := w.Write([]byte("one\n")); err != nil {
			t.Fatal(err)
		}
		_ = server.SetReadDeadline(time.Now().Add(20 * time.Second))
		if d, err := server.Receive(make([]byte, 100)); err != nil || string(d.Payload) != "one" {
			t.Fatalf("received %q, %v", d.Payload, err)
		}
		cancel(cli.ErrInterrupted)
		select {
		case got := <-code:
			if got != 1 || strings.Contains(stderr.String(), "1 datagram (3 bytes) sent\n") == quiet {
				t.Errorf("quiet %v: exit %d\n%s", quiet, got, stderr.String())
			}
		case <-time.After(20 * time.Second):
			t.Fatal("it goes on waiting for its input")
		}
		w.Close()
	}
}

// The same where it waits for a peer that does not read, and for answers that do not come.
func TestInterruptedWaits(t *testing.T) {
	deaf, err := dgram.Listen(t.Context(), "unixgram", filepath.Join(t.TempDir(), "deaf"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer deaf.Close()
	for name, tt := range map[string]struct {
		args  []string
		after string // this has been written; nothing is, then, when the peer's queue is full
	}{
		"for room":            {[]string{"-c", "100000", deaf.LocalAddr().String(), "x"}, ""},
		"for room to ask":     {[]string{"-c", "100000", "-r", "1", "--wait", "1ms", "--tries", "1", deaf.LocalAddr().String(), "x"}, ""},
		"for a second answer": {[]string{"-r", "2", "--wait", "1h", echoServer(t), "x"}, `"type":"answer"`},
		"for the answer":      {[]string{"-r", "1", "--wait", "1h", deaf.LocalAddr().String(), "x"}, `"type":"sent"`},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			var out syncBuffer
			code := make(chan int)
			go func() {
				code <- run(ctx, append([]string{"--json"}, tt.args...), strings.NewReader(""), &out, io.Discard)
			}()
			if tt.after == "" {
				fillUp(t, deaf)
			}
			for end := time.Now().Add(20 * time.Second); !strings.Contains(out.String(), tt.after); time.Sleep(time.Millisecond) {
				if time.Now().After(end) {
					t.Fatalf("%s is not written", tt.after)
				}
			}
			cancel(cli.ErrInterrupted)
			select {
			case got := <-code:
				if got != 1 || !strings.Contains(out.String(), `"type":"summary"`) {
					t.Errorf("exit %d\n%.2000s", got, out.String())
				}
			case <-time.After(20 * time.Second):
				t.Fatal("it goes on waiting")
			}
			for b := deaf.NewBatch(64, 10); ; {
				if ds, err := deaf.TryReceiveBatch(b); err != nil || len(ds) == 0 {
					break
				}
			}
		})
	}
}

// fillUp waits until a Unix socket's queue is full.
func fillUp(t *testing.T, c *dgram.Conn) {
	t.Helper()
	probe, err := dgram.Dial(t.Context(), "unixgram", c.LocalAddr().Unix, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer probe.Close()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		if errors.Is(probe.TrySend(dgram.Message{Payload: []byte("y")}), dgram.ErrNoRoom) {
			return
		}
		if time.Now().After(end) {
			t.Fatal("there is always room")
		}
	}
}

func echoServer(t *testing.T) string {
	t.Helper()
	c, err := dgram.Listen(t.Context(), "udp4", "127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { c.Close(); <-done })
	go func() {
		defer close(done)
		_ = c.Serve(t.Context(), 1, func(_ context.Context, d *dgram.Datagram) { _ = c.Reply(d, d.Payload) })
	}()
	return c.LocalAddr().String()
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// What has been sent is told while more is waited for: for input, for the interval, for an answer.
func TestNothingIsHeldBack(t *testing.T) {
	silent, err := dgram.Listen(t.Context(), "udp4", "127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for _, args := range [][]string{{"--line"}, {"--line", "--interval", "1h"}, {"--line", "--reply", "1", "--wait", "1h"}} {
		ctx, cancel := context.WithCancelCause(t.Context())
		stdin, w := io.Pipe()
		var out syncBuffer
		code := make(chan int)
		go func() { code <- run(ctx, append(args, "--json", silent.LocalAddr().String()), stdin, &out, io.Discard) }()
		if _, err := w.Write([]byte("one\ntwo\n")); err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(20 * time.Second); !strings.Contains(out.String(), `"payload_hex":"6f6e65"}`); time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%v: that the first was sent is held back: %q", args, out.String())
			}
		}
		cancel(cli.ErrInterrupted)
		<-code
		w.Close()
	}
}
