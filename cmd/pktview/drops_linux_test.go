package main

import (
	"context"
	"encoding/json"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"sockwire/capture"
	"sockwire/capture/drop"
	"sockwire/capture/golden"
	"sockwire/raw/netlab"
)

// dropping is pktview --drops on a host, or a skip where the kernel takes no programs from us.
func dropping(t *testing.T, h *netlab.Host, args ...string) *session {
	t.Helper()
	source, err := drop.Open(nil)
	netlab.NeedRoot(t, err)
	source.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	s := &session{t: t, cmd: h.Command(ctx, "pktview", append([]string{"--drops"}, args...)...), stderr: &watched{more: make(chan struct{}, 1)}}
	s.cmd.Stdout, s.cmd.Stderr = &s.stdout, s.stderr
	must(t, s.cmd.Start())
	for !strings.Contains(s.stderr.String(), "waiting for packets") {
		select {
		case <-s.stderr.more:
		case <-ctx.Done():
			t.Fatalf("pktview does not wait for drops: %s", s.stderr)
		}
	}
	return s
}

// quietLab is two hosts without IPv6, so that nothing is dropped of its own accord.
func quietLab(t *testing.T) (a, b *netlab.Host) {
	t.Helper()
	netlab.Need(t)
	lab, err := netlab.New(&netlab.Config{IPv4Only: true})
	must(t, err)
	t.Cleanup(func() { lab.Close() })
	a, err = lab.Host("a")
	must(t, err)
	b, err = lab.Host("b")
	must(t, err)
	for _, h := range []*netlab.Host{a, b} {
		must(t, h.Sysctl("net.ipv6.conf.default.disable_ipv6", "1"))
	}
	_, err = lab.Link(a, b, netlab.LinkConfig{})
	must(t, err)
	return a, b
}

// lose sends datagrams to a closed port, and to one whose socket has no room, until the kernel counts as many.
func lose(t *testing.T, a, b *netlab.Host) {
	t.Helper()
	var full *net.UDPConn
	must(t, b.Do(func() (err error) {
		if full, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(b.Addr4(), 9999))); err == nil {
			err = full.SetReadBuffer(0)
		}
		return err
	}))
	t.Cleanup(func() { full.Close() })
	must(t, a.Do(func() error {
		from, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(a.Addr4(), 5555)))
		if err != nil {
			return err
		}
		defer from.Close()
		if _, err := from.WriteToUDPAddrPort([]byte("nobody"), netip.AddrPortFrom(b.Addr4(), 9)); err != nil {
			return err
		}
		for count(t, b, "Udp RcvbufErrors") < 2 {
			if _, err := from.WriteToUDPAddrPort([]byte("no room"), netip.AddrPortFrom(b.Addr4(), 9999)); err != nil {
				return err
			}
		}
		return nil
	}))
}

func count(t *testing.T, h *netlab.Host, name string) (n uint64) {
	t.Helper()
	must(t, h.Do(func() error {
		all, err := drop.Counters()
		for _, c := range all {
			if c.Name == name {
				n = c.Count
			}
		}
		return err
	}))
	return n
}

var changing = regexp.MustCompile(`"(time|offset|netns|inode|cookie|elapsed_ns|id|checksum|number|receive_bytes|interface|captured|[a-z_]*hex)":("[^"]*"|[0-9]+)`)

// TestDropsJSON freezes the records.
func TestDropsJSON(t *testing.T) {
	a, b := quietLab(t)
	s := dropping(t, b, "--json")
	lose(t, a, b)
	if code := s.end(syscall.SIGINT); code != 0 {
		t.Fatalf("exit %d: %s", code, s.stderr)
	}
	golden.Check(t, filepath.Join("testdata", "drops.jsonl"), changing.ReplaceAllString(s.stdout.String(), `"$1":0`))
}

// TestDropsText: each drop is a line, with its reason, place and socket; an expression chooses among them.
func TestDropsText(t *testing.T) {
	a, b := quietLab(t)
	s := dropping(t, b, "-c", "2", "udp port 9999")
	lose(t, a, b)
	if code := s.end(0); code != 0 {
		t.Fatalf("exit %d: %s", code, s.stderr)
	}
	lines := strings.Split(strings.TrimSpace(s.stdout.String()), "\n")
	if len(lines) != 2 {
		t.Fatalf("%q", lines)
	}
	for _, line := range lines {
		if !strings.Contains(line, "> "+b.Addr4().String()+":9999: UDP") ||
			!regexp.MustCompile(`dropped: SOCKET_RCVBUFF in \w+, for UDP socket [0-9.]+:9999: the receive buffer was full`).MatchString(line) {
			t.Errorf("%s", line)
		}
	}
}

// TestDropsCount: what is counted is what the kernel counts.
func TestDropsCount(t *testing.T) {
	a, b := quietLab(t)
	s := dropping(t, b, "--stats", "drops", "--json")
	lose(t, a, b)
	if code := s.end(syscall.SIGINT); code != 0 {
		t.Fatalf("exit %d: %s", code, s.stderr)
	}
	drops, counters := map[string]uint64{}, map[string]uint64{}
	for line := range strings.Lines(s.stdout.String()) {
		var r struct {
			Type, Reason, Name string
			Packets, Count     uint64
		}
		must(t, json.Unmarshal([]byte(line), &r))
		switch r.Type {
		case "drops":
			drops[r.Reason] += r.Packets
		case "counter":
			counters[r.Name] = r.Count
		}
	}
	if drops["NO_SOCKET"] != 1 || counters["Udp NoPorts"] != 1 || drops["SOCKET_RCVBUFF"] != 2 || counters["Udp RcvbufErrors"] != 2 || len(drops) != 2 {
		t.Errorf("%v, the kernel counts %v", drops, counters)
	}
}

// TestDropsWritten: a file has the frames and why they were dropped, for us and for Wireshark.
func TestDropsWritten(t *testing.T) {
	a, b := quietLab(t)
	file := filepath.Join(t.TempDir(), "drops.pcapng")
	s := dropping(t, b, "-w", file)
	lose(t, a, b)
	if code := s.end(syscall.SIGINT); code != 0 {
		t.Fatalf("exit %d: %s", code, s.stderr)
	}
	r, err := capture.OpenFile(file)
	must(t, err)
	defer r.Close()
	n := 0
	for f, err := range r.Frames(t.Context()) {
		must(t, err)
		if n++; len(f.Comments) != 1 || !strings.HasPrefix(f.Comments[0], "dropped: ") {
			t.Errorf("%q", f.Comments)
		}
	}
	if n != 3 {
		t.Errorf("%d frames", n)
	}
	var out, errs strings.Builder
	if code := run(t.Context(), []string{"-r", file, "--stats=drops", "--json"}, strings.NewReader(""), &out, &errs); code != 0 {
		t.Errorf("exit %d: %s", code, errs.String())
	}
	counts := map[string]uint64{}
	for line := range strings.Lines(out.String()) {
		var r dropCountRecord
		must(t, json.Unmarshal([]byte(line), &r))
		if r.Type == "drops" {
			counts[r.Reason+" "+r.Owner] += r.Packets
		}
	}
	full := "SOCKET_RCVBUFF UDP socket " + b.Addr4().String() + ":9999"
	if counts["NO_SOCKET "] != 1 || counts[full] != 2 || len(counts) != 2 {
		t.Errorf("read again: %v", counts)
	}
	if _, err := exec.LookPath("tshark"); err == nil {
		out, err := exec.Command("tshark", "-n", "-r", file, "-Y", `frame.comment contains "SOCKET_RCVBUFF"`, "-T", "fields", "-e", "udp.dstport").Output()
		if err != nil || string(out) != "9999\n9999\n" {
			t.Errorf("tshark: %v %q", err, out)
		}
	} else if os.Getenv("REQUIRE_PEERS") != "" {
		t.Error(err)
	}
}

func TestDropsRefused(t *testing.T) {
	for _, args := range [][]string{
		{"--drops", "-r", "file"}, {"--stats=drops"}, {"--stats=drops", "-r", "file", "-w", "other"}, {"--drops", "--stats"}, {"--drops", "--streams"}, {"--drops", "--follow", "0"},
		{"--drops", "-Q", "in"}, {"--drops", "-s", "70000"}, {"--drops", "--flow", "flow.lost"},
	} {
		var out, errs strings.Builder
		if code := run(t.Context(), args, strings.NewReader(""), &out, &errs); code != 2 {
			t.Errorf("%q: exit %d: %s", args, code, errs.String())
		}
	}
}

// TestDropsOwner: the process whose socket had no room is named.
func TestDropsOwner(t *testing.T) {
	a, b := quietLab(t)
	s := dropping(t, b, "--owner", "-c", "2", "--json", "udp port 9999")
	lose(t, a, b)
	if code := s.end(0); code != 0 {
		t.Fatalf("exit %d: %s", code, s.stderr)
	}
	n := 0
	for line := range strings.Lines(s.stdout.String()) {
		var r struct {
			Type string
			Drop struct{ Owner struct{ PID int } }
		}
		must(t, json.Unmarshal([]byte(line), &r))
		if r.Type == "packet" {
			if n++; r.Drop.Owner.PID != os.Getpid() {
				t.Errorf("not of process %d: %s", os.Getpid(), line)
			}
		}
	}
	if n != 2 {
		t.Errorf("%d packets", n)
	}
}

// TestDropsChosen: drops of another namespace than pktview's, and those of a process alone.
func TestDropsChosen(t *testing.T) {
	owners(t)
	a, b := quietLab(t)
	us := strconv.Itoa(os.Getpid())
	s := dropping(t, a, "--netns", namespaceOf(t, b), "--pid", us, "-c", "2")
	lose(t, a, b) // the first drop has no socket
	if code := s.end(0); code != 0 {
		t.Fatalf("exit %d: %s", code, s.stderr)
	}
	lines := strings.Split(strings.TrimSpace(s.stdout.String()), "\n")
	for _, line := range lines {
		if !strings.Contains(line, "dropped: SOCKET_RCVBUFF") || !strings.Contains(line, "["+us+"]") {
			t.Errorf("%s", line)
		}
	}
	if len(lines) != 2 {
		t.Errorf("%q", lines)
	}
	a, b = quietLab(t)
	s = dropping(t, b, "--comm", "nobody")
	lose(t, a, b)
	if code := s.end(syscall.SIGINT); code != 0 || s.stdout.Len() > 0 || !strings.Contains(s.stderr.String(), "0 packets dropped") {
		t.Errorf("exit %d: %q %s", code, s.stdout.String(), s.stderr)
	}
}
