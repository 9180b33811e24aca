package main

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sockwire/raw/netlab"
)

// TestNameAndAddressServer: a real server answers DNS and DHCP messages, and each answer is credited to its question.
func TestNameAndAddressServer(t *testing.T) {
	t.Parallel()
	_, a, b := netlab.Two(t)
	if _, err := exec.LookPath("dnsmasq"); err != nil {
		if os.Getenv("REQUIRE_PEERS") != "" {
			t.Fatal("REQUIRE_PEERS is set and there is no dnsmasq")
		}
		t.Skip("no dnsmasq")
	}
	dir := t.TempDir()
	four := b.Addr4().As4()
	first, last := four, four
	first[3], last[3] = 100, 110
	address := func(b [4]byte) string { return fmt.Sprintf("%d.%d.%d.%d", b[0], b[1], b[2], b[3]) }
	server := b.Command(t.Context(), "dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--no-ping", "--log-facility=-",
		"--pid-file="+filepath.Join(dir, "pid"), "--dhcp-leasefile="+filepath.Join(dir, "leases"), "--interface="+b.Ifname(),
		"--bind-interfaces", "--address=/one.example/192.0.2.1", "--address=/two.example/192.0.2.2", "--address=/three.example/192.0.2.3",
		"--dhcp-range="+address(first)+","+address(last)+",1h")
	var log bytes.Buffer
	server.Stdout, server.Stderr = &log, &log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		server.Process.Kill()
		server.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
	}()
	names := filepath.Join(dir, "names")
	if err := os.WriteFile(names, []byte("one.example\ntwo.example\nthree.example\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	ask := func(args ...string) []answer {
		return records[answer](t, on(t, a, append([]string{"--json"}, args...)...), "answer")
	}
	// The server is ready when it answers.
	question := fmt.Sprintf("ip{dst=%s} / udp / dns{qname=one.example}", b.Addr4())
	for deadline := time.Now().Add(20 * time.Second); ; {
		if answers := ask("-W", "200ms", question); len(answers) == 1 && answers[0].Outcome == "reply" {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("no answer: %+v", answers)
		}
	}

	answers := ask("--rate", "1kpps", fmt.Sprintf("ip{dst=%s} / udp{sport=4001} / dns{qname=from %q}", b.Addr4(), names))
	if len(answers) != 3 {
		t.Fatalf("answers: %+v", answers)
	}
	for _, x := range answers {
		if want := fmt.Sprintf("192.0.2.%d", x.Number); x.Alike || !strings.Contains(x.Packet, want) {
			t.Errorf("the answer to packet %d has %s, and is not told by order alone: %+v", x.Number, want, x)
		}
	}

	answers = ask("--allow", "broadcast", "-I", a.Ifname(), "eth / ip{src=0.0.0.0, dst=255.255.255.255} / udp / "+
		"dhcp{broadcast=1, chaddr=02:00:00:00:00:01, options=[msgtype{discover}]}")
	if len(answers) != 1 || answers[0].Outcome != "reply" || answers[0].From != b.Addr4() {
		t.Errorf("the offer: %+v", answers)
	}
}

type answer struct {
	Number  int
	Outcome string
	From    netip.Addr
	Alike   bool
	Packet  string
}
