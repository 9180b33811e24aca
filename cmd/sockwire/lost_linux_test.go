package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sockwire/capture/drop"
	"sockwire/cmd/internal/cli/clitest"
	"sockwire/raw/netlab"
)

// TestLost: with the rights for it the kernel says of each packet of the scene why it dropped it; without them the
// counters alone tell, and a sentence says so.
func TestLost(t *testing.T) {
	netlab.Need(t)
	src, err := drop.Open(&drop.Config{All: true})
	if err == nil {
		src.Close()
	} else if !errors.Is(err, os.ErrPermission) && !errors.Is(err, errors.ErrUnsupported) {
		t.Fatal(err)
	}
	for _, v6 := range []bool{false, true} {
		a := playScene(t, testOptions(t, 0, 2), true, "lost", v6)
		reasons := map[string]int{}
		for _, p := range a.timeline.Packets {
			for _, d := range p.Drops {
				if len(p.Carries) != 1 { // what is not the scene's packet: an end of stream, an error
					continue
				}
				text := string(a.timeline.Call(p.Carries[0].Call).Data)
				reasons[strings.Trim(text[:min(len(text), 8)], "\x00")+": "+d.Reason]++
				if strings.HasPrefix(text, "anybody?") != p.Uncaptured {
					t.Errorf("%s: uncaptured is %v", d.Reason, p.Uncaptured)
				}
			}
		}
		first := a.timeline.Captions[0].Text
		if err != nil {
			if len(reasons) > 0 || !strings.Contains(first, "they tell how many, not which. To root") {
				t.Errorf("%v; %s", reasons, first)
			}
			continue
		}
		if !strings.Contains(first, "The kernel says of each why") {
			t.Error(first)
		}
		want := []string{"nobody: NO_SOCKET", "xxxxxxxx: SOCKET_RCVBUFF", "xxxxxxxx: NOT_SPECIFIED", "refused: SOCKET_FILTER", "filtered: NETFILTER_DROP", "too far: IP_INHDR", "protocol: IP_NOPROTO"}
		if !v6 { // with IPv6 the kernel tells its neighbours' silence as an error only
			want = append(want, "anybody?: NEIGH_FAILED")
		}
		for _, w := range want {
			if reasons[w] == 0 || !strings.HasPrefix(w, "xxx") && reasons[w] > 1 {
				t.Errorf("v6=%v: %s %d times: %v", v6, w, reasons[w], reasons)
			}
		}
		crafted := map[string]int{"UDP_CSUM": 1}
		if !v6 {
			crafted["IP_RPFILTER"] = 1
		}
		for w, times := range crafted {
			n := 0
			for r, count := range reasons {
				if strings.HasSuffix(r, ": "+w) {
					n += count
				}
			}
			if n != times {
				t.Errorf("v6=%v: %s %d times: %v", v6, w, n, reasons)
			}
		}
	}
}

// TestLostFile: what never came to an interface is in no file of packets, and shown with its fields.
func TestLostFile(t *testing.T) {
	netlab.Need(t)
	file := filepath.Join(t.TempDir(), "lost.pcapng")
	stdout, stderr, code := clitest.Run(t, run, "", "lost", "-v", "-w", file)
	if code != 0 || stderr != "" || !strings.Contains(stdout, "Total Length") {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	captured := 0
	for _, f := range readFile(t.Context(), file) {
		if len(f.Comments) != 1 || !strings.HasPrefix(f.Comments[0], "lost: ") {
			t.Errorf("%q", f.Comments)
		}
		captured++
	}
	if captured < 20 {
		t.Errorf("%d packets in the file", captured)
	}
}
