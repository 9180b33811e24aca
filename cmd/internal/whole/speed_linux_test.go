package whole

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"sockwire/raw/netlab"
)

// racing tells whether the programs are built with the race detector, which WHOLE_RACE=1 asks for.
func racing() bool { return os.Getenv("WHOLE_RACE") != "" }

// TestAtSpeed runs what each command does most at a rate at which its goroutines meet, twenty thousand packets a second
// and more. With WHOLE_RACE=1 the race detector watches.
func TestAtSpeed(t *testing.T) {
	t.Parallel()
	_, a, b := netlab.Two(t)
	to := b.Addr4().String()
	dir := t.TempDir()
	start(t, b, "dgrecv", "-v", "-q", "--echo", ":6000").await("listening")
	start(t, b, "dgperf", "serve", ":7000").await("serving")
	start(t, a, "dgrelay", "-x", "loss=1%,dup=1%,reorder=1%,delay=1ms", ":7001", to+":7000").await("relaying")
	file := filepath.Join(dir, "x.pcapng")
	for _, c := range []struct {
		host *netlab.Host
		line []string
	}{
		{a, []string{"rawping", "-q", "-f", "-c", "20000", to}},
		{a, []string{"rawping", "-q", "--json", "-f", "-c", "5000", to, a.Addr4().String(), "127.0.0.1"}},
		{a, []string{"rawping", "-q", "--generate", "127.0.0.0/18", "--rate", "20kpps", "--retries", "0", "-W", "100ms"}},
		{a, []string{"rawsend", "-q", "--stateless", "--rate", "20kpps", "-c", "40000", "ip{dst=" + to + "} / icmp"}},
		{a, []string{"rawsend", "-q", "--rate", "20kpps", "-c", "20000", "--retry", "1", "ip{dst=" + to + "} / icmp{seq=seq}"}},
		{a, []string{"rawsend", "-q", "--rate", "20kpps", "--poisson", "ip{dst=" + to + "} / tcp{dport=1..20000, flags=S}"}},
		{a, []string{"rawsend", "-q", "--flood", "-c", "100000", "ip{dst=" + to + "} / udp{dport=9, sport=rand}"}},
		{a, []string{"rawsend", "-q", "-I", "eth0", "--flood", "-r", file}},
		{a, []string{"dgperf", "-T", "2s", "-r", "20kpps", "--both", "-P", "2", to + ":7000"}},
		{a, []string{"dgperf", "-T", "1s", "--requests", to + ":7000"}},
		{a, []string{"dgperf", "-T", "2s", "-r", "10kpps", "127.0.0.1:7001"}},
		{a, []string{"dgsend", "-q", "-c", "20000", to + ":6000", "text"}},
		{a, []string{"dgsend", "-q", "-c", "2000", "--reply", "1", to + ":6000", "text"}},
		{a, []string{"sockwire", "--engine", "ptrace", "--summary", "--", program(t, "dgperf"), "-T", "1s", "-r", "5kpps", to + ":7000"}},
		{a, []string{"sockwire", "--engine", "ptrace", "--json", "-o", filepath.Join(dir, "y.json"), "-w", filepath.Join(dir, "y.pcapng"), "--", program(t, "dgsend"), "-c", "2000", to + ":6000", "text"}},
		{a, []string{"sockwire"}},
		{a, []string{"pktview", "-r", file, "--stats"}},
		{a, []string{"pktview", "-r", file, "--json", "udp or icmp"}},
	} {
		if c.line[0] == "rawsend" && c.line[len(c.line)-1] == file { // two captures while much comes
			one := start(t, a, "pktview", "-i", "eth0", "-w", file, "-s", "200", "-c", "20000")
			two := start(t, a, "pktview", "-i", "any", "-q", "udp")
			one.await("capturing on")
			run(t, a, "rawsend", "-q", "--rate", "20kpps", "-c", "30000", "ip{dst="+to+"} / udp{dport=6000}")
			one.wait()
			two.signal(syscall.SIGINT)
			two.wait()
			clean(t, one)
			clean(t, two)
		}
		r := run(t, c.host, c.line[0], c.line[1:]...)
		if code := r.wait(); code != 0 && code != 1 {
			t.Errorf("%v: %v", c.line, r)
		}
		clean(t, r)
	}
}

// clean fails the test where the race detector has something to say.
func clean(t *testing.T, r *running) {
	t.Helper()
	if text := r.stderr.String(); strings.Contains(text, "DATA RACE") || strings.Contains(text, "panic:") || r.cmd.ProcessState.ExitCode() == 66 {
		t.Errorf("%v: %s", r.cmd.Args, text)
	}
}
