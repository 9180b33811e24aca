package main

import (
	"encoding/json"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"

	"sockwire/capture"
	"sockwire/capture/drop"
	"sockwire/cmd/internal/datagram/datagramtest"
	"sockwire/raw/impair"
	"sockwire/raw/netlab"
)

// TestDrops: what the kernel says it dropped for want of room is what the account says, and little more.
func TestDrops(t *testing.T) {
	a, _, _ := twoHosts(t, impair.Config{})
	serveOn(t, a, "--rcvbuf", "4k", a.Addr4().String()+":5201")
	out, err := datagramtest.Command(t.Context(), t, a, "--drops", "--json", "--no-offload", "--rate", "0", "-c", "20000", "-s", "1000", a.Addr4().String()+":5201").Output()
	if src, denied := drop.Open(nil); denied != nil {
		if err == nil || len(out) > 0 {
			t.Errorf("--drops without the right for it: %v %s", err, out)
		}
		netlab.NeedRoot(t, denied)
	} else {
		src.Close()
	}
	if err != nil {
		t.Fatalf("%v %s", err, out)
	}
	var said dropsRecord
	var account struct {
		Lost uint64 `json:"lost_receive_buffer"`
	}
	for line := range strings.Lines(string(out)) {
		switch {
		case strings.HasPrefix(line, `{"type":"drops"`):
			if err := json.Unmarshal([]byte(line), &said); err != nil {
				t.Fatal(err)
			}
		case strings.HasPrefix(line, `{"type":"summary"`):
			if err := json.Unmarshal([]byte(line), &account); err != nil {
				t.Fatal(err)
			}
		}
	}
	full := uint64(0)
	for _, r := range said.Reasons {
		if r.Reason == "SOCKET_RCVBUFF" {
			full += r.Packets
		}
		if r.Why == "" || r.Place == "" {
			t.Errorf("%+v", r)
		}
	}
	// Datagrams about the run, which no account has, are lost in the same buffer.
	if full < account.Lost || full > account.Lost+account.Lost/50+10 || full == 0 && said.Unheard == 0 {
		t.Errorf("the kernel says that %d found no room, the account %d: %+v", full, account.Lost, said)
	}
}

// TestDropsWithoutTypes: a kernel that does not tell its types, as one whose file of them is not there, gets a clear
// line, and nothing is sent.
func TestDropsWithoutTypes(t *testing.T) {
	if _, err := exec.LookPath("unshare"); err != nil {
		if os.Getenv("REQUIRE_PEERS") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	a, b, _ := twoHosts(t, impair.Config{})
	hidden := `exec unshare -m sh -c 'mount -t tmpfs none /sys/kernel/btf || exit 77; exec "$0" "$@"' "$0" "$@"`
	cmd := datagramtest.CommandAfter(t.Context(), t, a, hidden, "--drops", "-c", "1", b.Addr4().String()+":9")
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState != nil && cmd.ProcessState.ExitCode() == 77 {
		t.Skipf("the file cannot be hidden here: %s", out)
	}
	for _, want := range []string{"no type information", "/proc/net/snmp", "hint: without --drops"} {
		if !strings.Contains(string(out), want) || cmd.ProcessState.ExitCode() != 2 {
			t.Errorf("%v, not %q: %s", err, want, out)
		}
	}
}

// TestBetween: only the packets of the run are counted, and bytes that are none do no harm.
func TestBetween(t *testing.T) {
	p := []byte{0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2, 0x10, 0, 0x14, 0x51, 0, 8, 0, 0}
	f := capture.Frame{Data: p, Length: len(p), Link: capture.LinkRaw}
	to := netip.MustParseAddr("192.0.2.2")
	for _, c := range []struct {
		addr netip.Addr
		port uint16
		want bool
	}{
		{to, 0x1451, true}, {netip.Addr{}, 0x1451, true}, {to, 0x1000, false}, {netip.MustParseAddr("192.0.2.1"), 0x1000, true},
		{netip.MustParseAddr("192.0.2.3"), 0x1451, false}, {to, 9, false},
	} {
		if got := between(&f, c.addr, c.port); got != c.want {
			t.Errorf("%v %d: %v", c.addr, c.port, got)
		}
	}
	f.Link, f.Data = capture.LinkEthernet, append(make([]byte, 14), p...)
	if !between(&f, to, 0x1451) {
		t.Error("behind an Ethernet header")
	}
	for n := range f.Data {
		g := f
		g.Data = f.Data[:n:n]
		between(&g, to, 0x1451)
	}
}
