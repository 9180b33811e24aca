package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"sockwire/capture"
	"sockwire/capture/owner"
	"sockwire/capture/table"
	"sockwire/capture/table/tabletest"
	"sockwire/raw/netlab"
)

// owners skips where the kernel takes no programs from us.
func owners(t *testing.T) {
	t.Helper()
	tr, err := owner.Open(nil)
	netlab.NeedRoot(t, err)
	tr.Close()
}

func TestLiveOwner(t *testing.T) {
	owners(t)
	_, a, b := netlab.Two(t)
	send := sender(t, a, b)
	us := strconv.Itoa(os.Getpid())
	s := capturing(t, b, "-i", "eth0", "-c", "3", "--owner", "--pid", us, "udp", "port", "9999")
	send(5)
	if code := s.end(0); code != 0 {
		t.Fatalf("exit %d: %s", code, s.stderr)
	}
	lines := strings.Split(strings.TrimSpace(s.stdout.String()), "\n")
	for _, line := range lines { // the sender is in another namespace, which is not captured; this one was there before and does not read
		if !strings.Contains(line, " [to ") || !strings.HasSuffix(line, " "+us+"?]") {
			t.Errorf("%s", line)
		}
	}

	name := filepath.Join(t.TempDir(), "none.pcapng")
	s = capturing(t, b, "-i", "eth0", "--comm", "nobody", "-w", name)
	send(3)
	if code := s.end(syscall.SIGINT); code != 0 || !strings.Contains(s.stderr.String(), "0 packets captured") {
		t.Errorf("exit %d: %s", code, s.stderr)
	}
}

// TestLiveNamespaces: two namespaces at once, neither of which is pktview's, and owners in both.
func TestLiveNamespaces(t *testing.T) {
	owners(t)
	_, a, b := netlab.Two(t)
	send := sender(t, a, b)
	name := filepath.Join(t.TempDir(), "both.pcapng")
	s := capturing(t, a, "-i", "eth0", "--netns", namespaceOf(t, a), "--netns", namespaceOf(t, b), "--owner", "-w", name, "udp", "port", "9999")
	send(3)
	if code := s.end(syscall.SIGINT); code != 0 {
		t.Fatalf("exit %d: %s", code, s.stderr)
	}
	r, err := capture.OpenFile(name)
	must(t, err)
	defer r.Close()
	roles := map[string]int{}
	var f capture.Frame
	for r.Next(&f) == nil {
		for _, c := range f.Comments {
			for role, words := range map[string][]string{"sender": {"sender: ", "from "}, "receiver": {"receiver: ", "to "}} {
				if strings.HasPrefix(c, words[0]) || strings.HasPrefix(c, words[1]) {
					roles[role]++
				}
			}
		}
		if sent := f.Interface == 0; sent != (f.Process == uint32(os.Getpid())) {
			t.Errorf("interface %d: process %d", f.Interface, f.Process)
		}
	}
	if roles["sender"] != 3 || roles["receiver"] != 3 {
		t.Errorf("%v", roles)
	}
	if ifs := r.Interfaces(); len(ifs) != 2 || !strings.HasPrefix(ifs[1].Name, "eth0@/proc/") {
		t.Errorf("%+v", ifs)
	}
}

// namespaceOf is the path of a host's network namespace.
func namespaceOf(t *testing.T, h *netlab.Host) (path string) {
	t.Helper()
	must(t, h.Do(func() error {
		path = "/proc/" + strconv.Itoa(os.Getpid()) + "/task/" + strconv.Itoa(syscall.Gettid()) + "/ns/net"
		f, err := os.Open(path) // it stays when the thread is another's again
		if err == nil {
			path = "/proc/" + strconv.Itoa(os.Getpid()) + "/fd/" + strconv.Itoa(int(f.Fd()))
			t.Cleanup(func() { f.Close() })
		}
		return err
	}))
	return path
}

// TestLiveOwnersInTables: who sent and who got a packet stands in its row, of a file and of tables.
func TestLiveOwnersInTables(t *testing.T) {
	owners(t)
	_, a, b := netlab.Two(t)
	send := sender(t, a, b)
	dir := t.TempDir()
	for _, to := range [][]string{{"-w", filepath.Join(dir, "both.parquet")}, {"--tables", filepath.Join(dir, "tables")}} {
		args := append([]string{"-i", "eth0", "--netns", namespaceOf(t, a), "--netns", namespaceOf(t, b), "--owner"}, to...)
		s := capturing(t, a, append(args, "udp", "port", "9999")...)
		send(3)
		if code := s.end(syscall.SIGINT); code != 0 {
			t.Fatalf("%v: exit %d: %s", to, code, s.stderr)
		}
		files, err := filepath.Glob(filepath.Join(to[1], "packets", "*", "*", "*.parquet"))
		must(t, err)
		if to[0] == "-w" {
			files = to[1:]
		}
		var rows []tabletest.Row
		for _, name := range files {
			rows = append(rows, tabletest.Read(t, name, table.Packets)...)
		}
		if len(rows) != 6 {
			t.Fatalf("%v: %d rows of 6 packets", to, len(rows))
		}
		for _, r := range rows {
			sent, other := "owner_", "receiver_" // by this process, which is that of both sockets
			if r["interface"] == "1" {
				sent, other = other, sent
			}
			us := strconv.Itoa(os.Getpid())
			if r[sent+"pid"] != us || r[sent+"uid"] != strconv.Itoa(os.Geteuid()) || r[sent+"comm"] == "" || r[sent+"how"] == "" {
				t.Errorf("%v: interface %s does not have %s%s: %v", to, r["interface"], sent, us, r)
			}
			if r[other+"how"] != "" || !strings.Contains(r["comments"], " "+us) {
				t.Errorf("%v: interface %s has %show, or no comment: %v", to, r["interface"], other, r)
			}
		}
	}
}
