package main

import (
	"bufio"
	"context"
	"errors"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"sockwire/dgram"
	"sockwire/dgram/perf"
	"sockwire/raw/path"
	"sockwire/raw/path/pathlab"
)

// serveAt starts a server at the target of a lab.
func serveAt(t *testing.T, n *pathlab.Net, name string) {
	t.Helper()
	server := n.Target.Command(t.Context(), name)
	out, err := server.StdoutPipe()
	if err == nil {
		err = server.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Process.Kill(); server.Wait() })
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "serving\n" {
		t.Fatal(line, err)
	}
}

// backFrom opens a way back from the server of a lab, as far routers see it.
func backFrom(t *testing.T, n *pathlab.Net, from netip.Addr, wait time.Duration) (*backProber, error) {
	p := &backProber{}
	err := n.Source.Do(func() (err error) {
		p.open, err = perf.OpenWayBack(t.Context(), perf.Config{Target: netip.AddrPortFrom(from, 7207).String(), Timeout: wait, Socket: &dgram.Config{}})
		return err
	})
	if err != nil {
		return nil, err
	}
	t.Cleanup(p.open.Close)
	p.own = p.open.LocalAddr().IP.Addr()
	p.trail = newTrail(target{addr: p.own}, 1, 255, 1)
	return p, nil
}

// TestWayBackLabs: who is on the way back is who is there, in both families, whatever is on the way there.
func TestWayBackLabs(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		cfg  pathlab.Config
		quit string // says nothing
		want string
	}{
		{name: "the same way", cfg: pathlab.Config{Edges: pathlab.Chain(5), IPv6: true}, want: "r4 r3 r2 r1 s"},
		{name: "a silent hop", cfg: pathlab.Config{Edges: pathlab.Chain(5), IPv6: true}, quit: "r3", want: "r4 * r2 r1 s"},
		{name: "another way", cfg: pathlab.Config{Edges: pathlab.Chain(5) + " t~p p~q q~r1", IPv6: true, Back: map[string]string{"t": "p", "p": "q", "q": "r1"}}, want: "p q r1 s"},
		{name: "the next host", cfg: pathlab.Config{Edges: "s-t"}, want: "s"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			n := pathlab.New(t, tt.cfg)
			if tt.quit != "" {
				if err := n.Silence(tt.quit); err != nil {
					t.Fatal(err)
				}
			}
			if tt.cfg.Back != nil { // their answers to the far end
				if err := errors.Join(n.Reroute("p", "t"), n.Reroute("q", "p")); err != nil {
					t.Fatal(err)
				}
			}
			serveAt(t, n, "server")
			for _, from := range []netip.Addr{n.Dst4, n.Dst6} {
				if !from.IsValid() || from.Is6() && tt.quit != "" { // IPv6's limit lets a few pass
					continue
				}
				p, err := backFrom(t, n, from, 300*time.Millisecond)
				if err != nil {
					t.Fatal(err)
				}
				q := path.Inquiry{Rounds: 3, MaxRounds: 3, Gap: 10 * time.Millisecond}
				if _, _, err := q.Run(t.Context(), p); err != nil {
					t.Fatal(err)
				}
				var got []string
				for _, a := range p.trail.addresses() {
					got = append(got, n.Name(a))
				}
				if strings.Join(got, " ") != tt.want {
					t.Errorf("from %v: %v, expected %s", from, got, tt.want)
				}
				for _, h := range p.trail.upTo(p.trail.distance) {
					if h.silent() != (n.Name(h.heard) == "*") || !h.silent() && (h.rtt.Min() <= 0 || h.rtt.Max() > 5*time.Second) {
						t.Errorf("from %v: hop %d, %v to %v", from, h.ttl, h.rtt.Min(), h.rtt.Max())
					}
				}
			}
		})
	}
}

// TestWayBackVerdicts: loss on the way back is found at the hop where it is; loss on the way there is none of the way
// back, nor is a limit of a router. FAR_SEEDS=20 asks twenty of each.
func TestWayBackVerdicts(t *testing.T) {
	t.Parallel()
	five := pathlab.Chain(5)
	limit := func(n *pathlab.Net) error { return n.LimitPerHost("r2", 80*time.Millisecond) }
	var all sync.WaitGroup
	var mu sync.Mutex
	hops, undecided := 0, 0
	for _, tt := range []struct {
		name  string
		short bool
		cfg   pathlab.Config
		with  func(n *pathlab.Net) error
		alone bool
		want  string // a letter a hop, from the far end on
	}{
		{name: "perfect", cfg: pathlab.Config{Edges: five}, want: "ccccc"},
		{name: "on the way back", short: true, cfg: pathlab.Config{Edges: five, Links: map[string]pathlab.Link{"r2-r3": {Back: 0.3}}}, want: "ccRRR"},
		{name: "at the far end", cfg: pathlab.Config{Edges: five, Links: map[string]pathlab.Link{"r4-t": {Back: 0.3}}}, want: "RRRRR"},
		{name: "at this end", cfg: pathlab.Config{Edges: five, Links: map[string]pathlab.Link{"s-r1": {Back: 0.4}}}, want: "ccccR"},
		{name: "on the way there", cfg: pathlab.Config{Edges: five, Links: map[string]pathlab.Link{"r2-r3": {There: 0.4}}}, want: "ccaac"},
		{name: "limited", cfg: pathlab.Config{Edges: five}, with: limit, alone: true, want: "ccscc"},
	} {
		if testing.Short() && !tt.short {
			continue
		}
		labs, seeds := 1, 5
		if n, err := strconv.Atoi(os.Getenv("FAR_SEEDS")); err == nil {
			seeds = n
		} else if testing.Short() {
			seeds = 2
		}
		if tt.alone { // several would share the limit
			labs, seeds = 2, 1
		}
		for lab := range labs {
			cfg := tt.cfg
			cfg.Seed = uint64(lab + 1)
			n := pathlab.New(t, cfg)
			if tt.with != nil {
				if err := tt.with(n); err != nil {
					t.Fatal(err)
				}
			}
			serveAt(t, n, "server")
			turn := make(chan struct{}, 5) // few at once, or the lab's link would lose packets of its own
			for seed := range seeds {
				all.Go(func() {
					turn <- struct{}{}
					defer func() { <-turn }()
					p, err := backFrom(t, n, n.Dst4, time.Second)
					if err != nil {
						t.Error(err)
						return
					}
					q := path.Inquiry{Gap: farGap, MaxRounds: 400, Judge: path.Judge{Ratio: farRatio, Confidence: 1 - 1e-6}}
					_, verdicts, err := q.Run(context.Background(), p)
					mu.Lock()
					defer mu.Unlock()
					got := letters(verdicts)
					if err != nil || len(got) != len(tt.want) {
						t.Errorf("%s: seed %d: %s, expected %s; %v", tt.name, seed, got, tt.want, err)
						return
					}
					for i := range got {
						if hops++; got[i] == '?' {
							undecided++
						} else if got[i] != tt.want[i] {
							t.Errorf("%s: seed %d: %s, expected %s: %+v", tt.name, seed, got, tt.want, verdicts[i])
						}
					}
				})
			}
		}
	}
	all.Wait()
	t.Logf("%d hops, %d undecided", hops, undecided)
	if undecided*10 > hops {
		t.Errorf("%d of %d hops are undecided", undecided, hops)
	}
}

// letters writes verdicts as a letter each.
func letters(verdicts []path.Verdict) string {
	var b strings.Builder
	for _, v := range verdicts {
		b.WriteByte("cRsPa?."[v.Finding])
	}
	return b.String()
}
