package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"sockwire/raw/netlab"
)

func TestMain(m *testing.M) {
	if os.Getenv("RAWSEND_ONLY") != "" {
		onlyNetRaw()
	}
	if os.Getenv("RAWSEND_MAIN") != "" { // the test binary as the command: it gives up capabilities for good
		main()
	}
	netlab.Run(m)
}

// on runs the command on a lab host.
func on(t *testing.T, h *netlab.Host, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := h.Command(ctx, self, args...)
	cmd.Env = append(cmd.Environ(), "RAWSEND_MAIN=1")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// records returns the JSON records of a type.
func records[T any](t *testing.T, r result, kind string) []T {
	t.Helper()
	var list []T
	for line := range strings.Lines(r.stdout) {
		var head struct{ Type string }
		if err := json.Unmarshal([]byte(line), &head); err != nil {
			t.Fatalf("%v in %q\n%s", err, line, r.stderr)
		}
		if head.Type == kind {
			var v T
			if err := json.Unmarshal([]byte(line), &v); err != nil {
				t.Fatal(err)
			}
			list = append(list, v)
		}
	}
	return list
}

func TestAnswersOfEachKind(t *testing.T) {
	t.Parallel()
	_, a, b := netlab.Two(t)
	for _, test := range []struct {
		spec, outcome, packet string
	}{
		{fmt.Sprintf("ip{dst=%s} / icmp / text{hello}", b.Addr4()), "reply", "ICMP echo reply"},
		{fmt.Sprintf("ip6{dst=%s} / icmp6 / text{hello}", b.Addr6()), "reply", "echo reply"},
		{fmt.Sprintf("ip{dst=%s} / icmp{type=timestamp, id=7}", b.Addr4()), "reply", "timestamp reply"},
		{fmt.Sprintf("ip{dst=%s} / udp{dport=9}", b.Addr4()), "icmp-error", "udp port 9 unreachable"},
		{fmt.Sprintf("ip6{dst=%s} / udp{dport=9}", b.Addr6()), "icmp-error", "unreachable"},
		{fmt.Sprintf("ip{dst=%s} / tcp{dport=9}", b.Addr4()), "reply", "Flags [R.]"},
		{fmt.Sprintf("ip6{dst=%s} / tcp{dport=9, options=[mss{1220}]}", b.Addr6()), "reply", "Flags [R.]"},
		{fmt.Sprintf("ip{dst=%s} / tcp{dport=9, flags=A, ack=77}", b.Addr4()), "reply", "Flags [R]"},
		{fmt.Sprintf("arp{tpa=%s}", b.Addr4()), "reply", "is-at"},
		{fmt.Sprintf("ip{dst=%s, proto=253} / text{x}", b.Addr4()), "icmp-error", "unreachable"},
		{fmt.Sprintf("ip{dst=%s, chksum=1} / icmp", b.Addr4()), "", ""}, // wrong: the kernel drops it
		{fmt.Sprintf("eth / ip{dst=%s} / icmp", b.Addr4()), "reply", "ICMP echo reply"},
		{fmt.Sprintf("eth / ip6{dst=%s} / icmp6", b.Addr6()), "reply", "echo reply"},
		{fmt.Sprintf("ip{dst=%s} / frag{mtu=576} / icmp / zero{1200}", b.Addr4()), "reply", "ICMP echo reply"},
		{fmt.Sprintf("ip6{dst=%s} / frag{mtu=1280, order=reverse} / icmp6 / zero{2000}", b.Addr6()), "reply", ""},
	} {
		r := on(t, a, "--json", "--wait", "400ms", test.spec)
		answers := records[answerRecord](t, r, "answer")
		sums := records[summary](t, r, "summary")
		if len(sums) != 1 {
			t.Errorf("%s: %s%s", test.spec, r.stdout, r.stderr)
			continue
		}
		if test.outcome == "" {
			if len(answers) != 0 || r.code != 1 || sums[0].Unanswered != 1 {
				t.Errorf("%s: exit %d\n%s", test.spec, r.code, r.stdout)
			}
			continue
		}
		if len(answers) != 1 || answers[0].Outcome != test.outcome || !strings.Contains(answers[0].Packet, test.packet) || r.code != 0 {
			t.Errorf("%s: exit %d, want %s %q\n%s%s", test.spec, r.code, test.outcome, test.packet, r.stdout, r.stderr)
			continue
		}
		if rtt := answers[0].RTT; rtt == nil || *rtt <= 0 || *rtt > int64(10*time.Second) {
			t.Errorf("%s: round trip %v", test.spec, rtt)
		}
	}
}
