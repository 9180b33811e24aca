package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"sockwire/raw/netlab"
)

// TestLiveWhere: live, the kernel leaves out what cannot fit with --where, and of the rest what fits is shown or written.
func TestLiveWhere(t *testing.T) {
	_, a, b := netlab.Two(t)
	send := sender(t, a, b)
	s := capturing(t, b, "-i", "eth0", "-c", "3", "--where", `udp.dstport == 9999 and udp.payload contains "00000" and udp.payload[-1:] in {"2", "4", "6"}`)
	send(8)
	if code := s.end(0); code != 0 {
		t.Fatalf("exit %d: %s", code, s.stderr)
	}
	if lines := strings.Split(strings.TrimSpace(s.stdout.String()), "\n"); len(lines) != 3 {
		t.Errorf("%d lines: %s", len(lines), &s.stdout)
	}
	if !strings.Contains(s.stderr.String(), "3 chosen by --where") {
		t.Errorf("it says %s", s.stderr)
	}

	dir := t.TempDir()
	file := filepath.Join(dir, "some.pcapng")
	s = capturing(t, b, "-i", "eth0", "-c", "1", "-w", file, "--where", `frame.number == 3 and ip.ttl > 1`, "udp")
	send(5)
	if code := s.end(0); code != 0 {
		t.Fatalf("exit %d: %s", code, s.stderr)
	}
	if got := inDir(t, dir, "-r", "some.pcapng", "--fields", "frame.number,udp.dstport"); got != "1 9999\n" {
		t.Errorf("it wrote %q", got)
	}

	// Nothing that is asked for comes: the kernel keeps it to itself, but for ARP and the like.
	s = capturing(t, b, "-i", "eth0", "--where", `tcp.dstport == 4 or udp.srcport == 4`)
	send(500)
	other := capturing(t, b, "-i", "eth0", "-c", "1", "-w", filepath.Join(t.TempDir(), "seen.pcap"))
	send(2)
	other.end(0)
	if code := s.end(syscall.SIGINT); code != 0 {
		t.Fatalf("exit %d: %s", code, s.stderr)
	}
	text := s.stderr.String()
	text = text[strings.LastIndex(strings.TrimSpace(text), "\n")+1:]
	var captured int
	if _, err := fmt.Sscanf(text, "pktview: %d packet", &captured); err != nil || captured > 50 || !strings.Contains(text, " 0 chosen") {
		t.Errorf("the kernel handed over what cannot match: %s", text)
	}
}
