package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sockwire/capture"
)

// goPrograms are command lines whose programs are built: one packet and many, every way to come to several, fragments,
// files, what the system fills in, and payloads that look like Go.
func goPrograms(t *testing.T) [][]string {
	hosts := filepath.Join(t.TempDir(), "hosts")
	if err := os.WriteFile(hosts, []byte("192.0.2.7\n# not this\n192.0.2.9\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return [][]string{
		{"ip{src=192.0.2.1, dst=198.51.100.2} / udp{dport=53} / text{hi}"},
		{"eth{dst=02:00:00:00:00:02, src=02:00:00:00:00:01, type=0x88b5} / text{\"netip. os. \\\" ` \\\\ %d\\n\"}"},
		{"ip{src=192.0.2.1, dst=198.51.100.2, options=[rr{ptr=4, addrs=[192.0.2.9]}], chksum=1, len=7} / tcp{dport=80, flags=SA, options=[mss{1460}, sackok, ts{val=1, ecr=0}]}"},
		{"eth{dst=02:00:00:00:00:02, src=02:00:00:00:00:01} / vlan{id=10} / ip6{src=2001:db8::1, dst=2001:db8::2} / hopopts{options=[ra{0}]} / icmp6{type=ns, target=2001:db8::2, options=[slla{02:00:00:00:00:01}]}"},
		{"ip{src=192.0.2.1, dst=198.51.100.2} / icmp{type=unreachable, code=4, mtu=1280, ext=[mpls{label=5, ttl=1}]} / ip{src=198.51.100.2, dst=192.0.2.1} / udp{dport=9}"},
		{"ip{src=192.0.2.1, dst=198.51.100.2} / igmp{type=0x22, records=[rec{type=4, group=233.252.0.1, sources=[192.0.2.1]}]}"},
		{"eth{dst=broadcast, src=02:00:00:00:00:01} / arp{sha=02:00:00:00:00:01, spa=192.0.2.1, tpa=192.0.2.2}"},
		{"ip{src=192.0.2.1, dst=198.51.100.2, ttl=1..5} / udp{sport=rand, dport=53,123} / random{20}"},
		{"-c", "4", "ip{src=192.0.2.1, dst=198.51.100.2} / udp{sport=rand, dport=seq 100}"},
		{"-c", "3", "ip{src=192.0.2.1, dst=198.51.100.2, ttl=1..30} / icmp"},
		{"ip{src=192.0.2.1, dst=198.51.100.2} / frag{mtu=576, overlap=8, order=reverse} / udp{dport=9} / pattern{abcd, 1400}"},
		{"ip6{src=2001:db8::1, dst=2001:db8::2} / frag{mtu=1280} / icmp6 / random{2000}"},
		{"ip{src=192.0.2.1, dst=from " + hosts + "} / sctp{dport=7} / chunk{type=1} / hex{00}"},
		{"ip{dst=127.0.0.1} / udp{dport=9}"},
		{"ip{dst=127.0.0.1, ttl=1..3} / udp{dport=9} / text{netip.}"},
	}
}

// TestToGoProgramsBuildTheSame builds the printed programs whole and runs them: they print the packets that the same
// command line writes to a file.
func TestToGoProgramsBuildTheSame(t *testing.T) {
	if testing.Short() {
		t.Skip("links many programs")
	}
	goTool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("no go command on the path")
	}
	dir := t.TempDir()
	lines := goPrograms(t)
	// To the go command the programs are packages of this folder; they exist nowhere but in its overlay.
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	build := []string{"build", "-buildvcs=false", "-ldflags=-s -w", "-overlay", filepath.Join(dir, "overlay.json"), "-o", dir + string(filepath.Separator)}
	for i, args := range lines {
		r := local(append([]string{"--to-go", "--seed", "3"}, args...)...)
		if r.code != 0 {
			t.Fatalf("%q: exit %d: %s", args, r.code, r.stderr)
		}
		name := fmt.Sprintf("program%d", i)
		source := filepath.Join(dir, name+".go")
		if err := os.WriteFile(source, []byte(r.stdout), 0o600); err != nil {
			t.Fatal(err)
		}
		overlay.Replace[filepath.Join(here, name, "main.go")] = source
		build = append(build, "./"+name)
	}
	text, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "overlay.json"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(goTool, build...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for i, args := range lines {
		got, err := exec.Command(filepath.Join(dir, fmt.Sprintf("program%d", i))).CombinedOutput()
		if want := written(t, args); err != nil || string(got) != want || want == "" {
			t.Errorf("%q: %v\n got %s\nwant %s", args, err, got, want)
		}
	}
}

// written returns the packets that a command line writes to a file, each as a line of hex digits.
func written(t *testing.T, args []string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "packets.pcapng")
	if r := local(append([]string{"-w", file, "--seed", "3"}, args...)...); r.code != 0 {
		t.Fatalf("%q: exit %d: %s", args, r.code, r.stderr)
	}
	r, err := capture.OpenFile(file)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var s strings.Builder
	for f, err := range r.Frames(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&s, "%x\n", f.Data)
	}
	return s.String()
}
