package main

import (
	"encoding/json"
	"net/netip"
	"os"
	"strings"
	"testing"

	"sockwire/cmd/internal/datagram/datagramtest"
	"sockwire/raw/netlab"
)

// dig gets a real DNS server's answers through a relay that loses, duplicates and delays, because it asks again.
func TestDig(t *testing.T) {
	dig := datagramtest.Peer(t, "dig")
	_, a, b := netlab.Two(t)
	server := datagramtest.DNS(t, b)
	listen := netip.AddrPortFrom(a.Addr4(), 5300)
	cmd := datagramtest.Command(t.Context(), t, a, "--json", "-x", "loss=30%,dup=30%,delay=1ms,jitter=1ms,seed=4", listen.String(), server.String())
	var stdout strings.Builder
	cmd.Stdout = &stdout
	if line := datagramtest.Background(t, cmd); !strings.Contains(line, "relaying") {
		t.Fatalf("dgrelay says %q", line)
	}
	for name, want := range map[string]string{"a.example": "192.0.2.1\n", "b.example": "192.0.2.2\n", "c.example": "192.0.2.3\n", "d.example": ""} {
		out, err := a.Command(t.Context(), dig, "+short", "+tries=20", "+timeout=1", "-p", "5300", "@"+listen.Addr().String(), name).Output()
		if answers := withoutComments(string(out)); err != nil || answers != want {
			t.Errorf("dig %s: %v\n%s", name, err, out)
		}
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	out := stdout.String()
	var s summary
	if err := json.Unmarshal([]byte(out[strings.LastIndex(strings.TrimSuffix(out, "\n"), "\n")+1:]), &s); err != nil {
		t.Fatal(err)
	}
	records := strings.Count(out, `"type":"datagram"`)
	if records != int(s.Forward.Packets+s.Backward.Packets) || s.Forward.Packets < 4 || s.Clients < 1 {
		t.Errorf("%d records, summary %+v", records, s)
	}
}

// withoutComments leaves out what dig says of tries that were not answered.
func withoutComments(s string) string {
	var kept strings.Builder
	for line := range strings.Lines(s) {
		if !strings.HasPrefix(line, ";") {
			kept.WriteString(line)
		}
	}
	return kept.String()
}
