package main

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sockwire/raw"
	"sockwire/raw/netlab"
)

// lines returns the lines of text, sorted.
func sortedLines(text string) []string {
	all := strings.Split(strings.TrimSpace(text), "\n")
	slices.Sort(all)
	return all
}

var (
	fpingHost = regexp.MustCompile(`(?m)^(\S+) +: xmt/rcv/%loss = (\d+)/(\d+)/(\d+)%`)
	ourHost   = regexp.MustCompile(`(?m)^(\S+) +(\d+) +(\d+) +(\d+)% `)
)

// counts returns "host sent received loss" of each host.
func counts(line *regexp.Regexp, text string) (all []string) {
	for _, m := range line.FindAllStringSubmatch(text, -1) {
		all = append(all, strings.Join(m[1:], " "))
	}
	slices.Sort(all)
	return all
}

// TestLikeFping gives fping and rawping the same hosts and compares the exit status, the lists and the counts.
func TestLikeFping(t *testing.T) {
	netlab.Need(t)
	peer(t, "fping")
	l, err := newLab()
	if l != nil {
		defer l.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "hosts")
	if err := os.WriteFile(file, []byte("# hosts\n"+l.b.Addr4().String()+"\n\n127.0.0.1\n203.0.113.1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	free := make(chan struct{}, 6)
	const quick, ours = "-t 200 -r 0 -i 1 ", "-W 200ms -r 0 "
	for _, c := range []struct {
		fping, rawping string
		code           int // of rawping, if it is not fping's
		list, counted  bool
	}{
		{fping: quick + "B4 127.0.0.1", rawping: ours + "B4 127.0.0.1"},
		{fping: quick + "B4 203.0.113.1", rawping: ours + "B4 203.0.113.1"},
		{fping: quick + "203.0.113.1 203.0.113.2", rawping: ours + "203.0.113.1 203.0.113.2"},
		{fping: quick + "B4 198.51.100.1", rawping: ours + "B4 198.51.100.1"},
		{fping: quick + "B4 203.0.114.1", rawping: ours + "B4 203.0.114.1"},
		{fping: quick + "B4 nosuch..name", rawping: ours + "B4 nosuch..name"},
		{fping: quick + "nosuch..name", rawping: ours + "--many nosuch..name"},
		{fping: quick + "203.0.113.1 nosuch..name", rawping: ours + "203.0.113.1 nosuch..name"},
		{fping: quick + "B6 ::1", rawping: ours + "B6 ::1"},
		{fping: quick + "B6 2001:db8:2::1", rawping: ours + "B6 2001:db8:2::1"},
		{fping: "--nosuch B4", rawping: "--nosuch B4 127.0.0.1", code: 2},
		{fping: quick + "-f nosuchfile", rawping: ours + "--file nosuchfile", code: 2},
		{fping: quick + "-a B4 127.0.0.1 203.0.113.1", rawping: ours + "--alive B4 127.0.0.1 203.0.113.1", list: true},
		{fping: quick + "-u B4 127.0.0.1 203.0.113.1 203.0.113.2", rawping: ours + "--unreachable B4 127.0.0.1 203.0.113.1 203.0.113.2", list: true},
		{fping: quick + "-a -f FILE", rawping: ours + "--alive --file FILE", list: true},
		{fping: quick + "-u -f FILE", rawping: ours + "--unreachable --file FILE", list: true},
		{fping: quick + "-a -g 10.0.1.0/29", rawping: ours + "--alive -g 10.0.1.0/29", list: true},
		{fping: quick + "-u -g 203.0.113.8/29", rawping: ours + "--unreachable -g 203.0.113.8/29", list: true},
		{fping: quick + "-u -g 203.0.113.8/30", rawping: ours + "--unreachable -g 203.0.113.8/30", list: true},
		{fping: quick + "-u -g 203.0.113.9/32", rawping: ours + "--unreachable -g 203.0.113.9/32", list: true},
		{fping: quick + "-u -g 203.0.113.3 203.0.113.7", rawping: ours + "--unreachable -g 203.0.113.3-203.0.113.7", list: true},
		{fping: "-q -c 3 -p 50 -i 1 B4 127.0.0.1 203.0.113.1", rawping: "-c 3 -i 50ms -W 100ms B4 127.0.0.1 203.0.113.1", counted: true},
		{fping: "-q -c 2 -p 50 -i 1 B4 B6", rawping: "-c 2 -i 50ms B4 B6", counted: true},
	} {
		group.Go(func() {
			free <- struct{}{}
			defer func() { <-free }()
			words := func(args string) []string { return l.words(strings.ReplaceAll(args, "FILE", file)) }
			theirs, err := on(l.a, "fping", words(c.fping)...)
			us, ourErr := on(l.a, "rawping", words(c.rawping)...)
			if err = errors.Join(err, ourErr); err != nil {
				t.Error(err)
				return
			}
			want := theirs.code
			if c.code != 0 {
				if want = c.code; theirs.code == 0 || theirs.code == 2 {
					t.Errorf("fping %s: exit %d, where the README says 1, 3 or 4", c.fping, theirs.code)
				}
			}
			if us.code != want {
				t.Errorf("%s: exit %d, fping has %d\n%s%s", c.rawping, us.code, theirs.code, us.stdout, us.stderr)
			}
			if c.list && !slices.Equal(sortedLines(us.stdout), sortedLines(theirs.stdout)) {
				t.Errorf("%s: %q, fping has %q", c.rawping, us.stdout, theirs.stdout)
			}
			if fping := counts(fpingHost, theirs.stdout+theirs.stderr); c.counted && (len(fping) == 0 || !slices.Equal(counts(ourHost, us.stdout), fping)) {
				t.Errorf("%s: %q, fping has %q", c.rawping, counts(ourHost, us.stdout), fping)
			}
		})
	}
	group.Wait()
}

// TestStandardInput gives the hosts on standard input.
func TestStandardInput(t *testing.T) {
	l := mustLab(t)
	cmd := l.a.Command(t.Context(), "rawping", "--alive", "-W", "200ms", "-r", "0", "--file", "-")
	cmd.Stdin = strings.NewReader(l.b.Addr4().String() + " # answers\n203.0.113.1\n" + l.b.Addr6().String() + "\n")
	out, err := cmd.Output()
	if cmd.ProcessState.ExitCode() != 1 || !slices.Equal(sortedLines(string(out)), sortedLines(l.b.Addr4().String()+"\n"+l.b.Addr6().String())) {
		t.Errorf("%q, %v", out, err)
	}
}

func mustLab(t *testing.T) *lab {
	t.Helper()
	netlab.Need(t)
	l, err := newLab()
	if l != nil {
		t.Cleanup(func() { l.Close() })
	}
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestBackoff notes when the echoes and their retries come to a host that does not answer.
func TestBackoff(t *testing.T) {
	l := mustLab(t)
	if err := l.b.Sysctl("net.ipv4.icmp_echo_ignore_all", "1"); err != nil {
		t.Fatal(err)
	}
	var conn *raw.Conn
	if err := l.b.Do(func() (err error) { conn, err = raw.Listen(t.Context(), raw.ICMP, nil); return err }); err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	o, err := on(l.a, "rawping", "--many", "-W", "60ms", "-r", "3", "-B", "2", l.b.Addr4().String())
	if err != nil || o.code != 1 || !strings.Contains(o.stdout, l.b.Addr4().String()+" is unreachable: unanswered\n") || !strings.Contains(o.stdout, "4 echoes sent, 0 answered") {
		t.Fatalf("%+v, %v", o, err)
	}
	var times []time.Time
	conn.SetReadDeadline(time.Now().Add(time.Second))
	for buf := make([]byte, 200); len(times) < 4; {
		m, err := conn.ReadPacket(buf)
		if err != nil {
			t.Fatalf("%d echoes came, then %v", len(times), err)
		}
		times = append(times, m.Time)
	}
	for i, want := range []time.Duration{60, 120, 240} {
		// The sender's own clock has the timeout, from before it sends: a packet that had to wait for a processor comes
		// late, and the next one then seems early. Without the backoff it would be half as long.
		if gap := times[i+1].Sub(times[i]); gap < want*time.Millisecond*2/3 || gap > want*time.Millisecond+5*time.Second {
			t.Errorf("retry %d came %v after the one before, want %v ms", i+1, gap, int(want))
		}
	}
}

// TestShards sweeps a network in three parts that know nothing of each other, of either family.
func TestShards(t *testing.T) {
	l := mustLab(t)
	for _, sweep := range []struct {
		network string
		hosts   int
	}{{"198.18.0.0/24", 254}, {"2001:db8:4::/120", 256}} {
		prefix := netip.MustParsePrefix(sweep.network)
		via := l.r1.Addr4()
		if prefix.Addr().Is6() {
			via = l.r1.Addr6()
		}
		if err := l.r1.AddRoute(netlab.Route{Dst: prefix, Kind: netlab.Local}); err != nil {
			t.Fatal(err)
		}
		if err := l.a.AddRoute(netlab.Route{Dst: prefix, Via: via}); err != nil {
			t.Fatal(err)
		}
		seen := map[string]int{}
		for i := 1; i <= 3; i++ {
			o, err := on(l.a, "rawping", "--alive", "--rate", "10kpps", "-W", "5s", "--seed", "9", "--shard", fmt.Sprintf("%d/3", i), "-g", sweep.network)
			if err != nil || o.code != 0 {
				t.Fatalf("%+v, %v", o, err)
			}
			part := strings.Fields(o.stdout)
			if n := len(part); n < sweep.hosts/3 || n > sweep.hosts/3+1 {
				t.Errorf("shard %d of %s has %d hosts", i, sweep.network, n)
			}
			for _, host := range part {
				seen[host]++
			}
		}
		for host, n := range seen {
			if n != 1 || !prefix.Contains(netip.MustParseAddr(host)) {
				t.Errorf("%s is in %d shards of %s", host, n, sweep.network)
			}
		}
		if len(seen) != sweep.hosts {
			t.Errorf("the shards of %s have %d hosts together", sweep.network, len(seen))
		}
	}
}
