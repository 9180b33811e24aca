package path_test

import (
	"context"
	"iter"
	"strings"
	"sync"
	"testing"
	"time"

	"sockwire/raw/netlab"
	"sockwire/raw/path"
	"sockwire/raw/path/pathlab"
	"sockwire/raw/trace"
)

// after runs a function once, before the round number rounds.
type after struct {
	path.Prober
	rounds int
	do     func()
	mu     sync.Mutex
	seen   int
}

func (a *after) Probe(ctx context.Context, probes []path.Probe) iter.Seq2[path.Answer, error] {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.seen++; a.seen == a.rounds {
		a.do()
	}
	return a.Prober.Probe(ctx, probes)
}

func letters(verdicts []path.Verdict) string {
	var b strings.Builder
	for _, v := range verdicts {
		b.WriteByte("cRsPa?."[v.Finding])
	}
	return b.String()
}

// sure is the confidence of the verdicts in labs: at that of a user, one path in a thousand may be judged wrongly by
// chance, and here hundreds are judged in each run.
const sure = 0.999999

// The verdicts are what was done to the network: none is wrong, and at most a tenth undecided.
func TestVerdictLabs(t *testing.T) {
	t.Parallel()
	netlab.Need(t)
	six := pathlab.Chain(6)
	links := func(l map[string]pathlab.Link) pathlab.Config { return pathlab.Config{Edges: six, Links: l} }
	limit := func(every time.Duration, names ...string) func(*pathlab.Net) error {
		return func(n *pathlab.Net) error {
			for _, name := range names {
				if err := n.LimitPerHost(name, every); err != nil {
					return err
				}
			}
			return nil
		}
	}
	var runs sync.WaitGroup
	turn := make(chan struct{}, 7) // few at once, or this host would lose packets
	for _, tt := range []struct {
		name   string
		short  bool // run with -short, too
		cfg    pathlab.Config
		setUp  func(n *pathlab.Net) error
		middle func(n *pathlab.Net) error // what happens in the middle
		tracer trace.Tracer
		six    bool
		alone  bool // several at once would be in each other's way
		want   string
	}{
		{name: "perfect", cfg: links(nil), want: "cccccc"},
		{name: "real from 3", short: true, cfg: links(map[string]pathlab.Link{"r2-r3": {There: 0.2}}), want: "ccRRRR"},
		{name: "real from 1", cfg: links(map[string]pathlab.Link{"s-r1": {There: 0.2}}), want: "RRRRRR"},
		{name: "at the target", cfg: links(map[string]pathlab.Link{"r5-t": {There: 0.3}}), want: "cccccR"},
		{name: "at the target by ICMP", cfg: links(map[string]pathlab.Link{"r5-t": {There: 0.3}}),
			tracer: trace.Tracer{Protocol: trace.ICMP}, want: "cccccR"},
		{name: "two places", cfg: links(map[string]pathlab.Link{"r1-r2": {There: 0.15}, "r4-r5": {There: 0.4}}), want: "cRRRRR"},
		{name: "on the way back", cfg: links(map[string]pathlab.Link{"r3-r4": {Back: 0.2}}), want: "cccRRR"},
		{name: "on one hop's way back", cfg: pathlab.Config{
			Edges: six + " r3~q q~r1 r4~p p~r2", Back: map[string]string{"r3": "q", "q": "r1", "r4": "p", "p": "r2"},
			Links: map[string]pathlab.Link{"r3~q": {There: 0.3}}}, want: "ccaccc"},
		{name: "where the way back turns", cfg: pathlab.Config{
			Edges: six + " r3~q1 q1~q2 q2~r1", Back: map[string]string{"r3": "q1", "q1": "q2", "q2": "r1"},
			Links: map[string]pathlab.Link{"r3~q1": {There: 0.25}}}, want: "ccaaaa"},
		{name: "limited", short: true, cfg: links(nil), setUp: limit(80*time.Millisecond, "r3"), want: "ccsccc"},
		{name: "limited, IPv6", cfg: pathlab.Config{Edges: six, IPv6: true}, six: true, alone: true, setUp: limit(80*time.Millisecond, "r3"), want: "ccsccc"},
		{name: "limited globally", cfg: links(nil), setUp: func(n *pathlab.Net) error { return n.LimitGlobally("r4", 20, 5) }, alone: true, want: "cccscc"},
		{name: "the target is limited", cfg: links(nil), setUp: limit(80*time.Millisecond, "t"), want: "cccccs"},
		{name: "all are limited", cfg: links(nil), setUp: limit(80*time.Millisecond, "r1", "r2", "r3", "r4", "r5", "t"), want: "ssssss"},
		{name: "silent", short: true, cfg: links(nil), setUp: func(n *pathlab.Net) error { return n.Silence("r2") }, want: "csccc" + "c"},
		{name: "limited, and real behind", cfg: links(map[string]pathlab.Link{"r3-r4": {There: 0.25}}),
			setUp: limit(80*time.Millisecond, "r2"), want: "cscRRR"},
		{name: "a black hole", cfg: links(map[string]pathlab.Link{"r3-r4": {There: 1}}), want: "ccc."},
		{name: "changes", cfg: pathlab.Config{Edges: "s-a a-b a-c b-d c-d d-t"},
			setUp:  func(n *pathlab.Net) error { return n.Reroute("a", "b") },
			middle: func(n *pathlab.Net) error { return n.Reroute("a", "c") }, alone: true, want: "cPcc"},
	} {
		if testing.Short() && !tt.short {
			continue
		}
		// So many ask at once, each from an address of its own, and none loses what another does.
		labs, seeds := 1, 20
		if testing.Short() {
			seeds = 4
		}
		if tt.alone {
			labs, seeds = 3, 1
		}
		for lab := range labs {
			cfg := tt.cfg
			cfg.Seed = uint64(lab)
			n := pathlab.New(t, cfg)
			if tt.setUp != nil {
				if err := tt.setUp(n); err != nil {
					t.Fatal(err)
				}
			}
			sources, err := n.Sources(seeds)
			if err != nil {
				t.Fatal(err)
			}
			var sessions []*trace.Session
			dst := n.Dst4
			for i := range seeds {
				tracer := tt.tracer
				tracer.Wait, tracer.Rate, tracer.Flows = time.Second, 50000, seeds
				if tt.six {
					dst = n.Dst6
				}
				switch {
				case tt.setUp != nil && !tt.six:
					tracer.Source = sources[i]
				case i > 0: // a socket hears what all hear: one is enough
					sessions = append(sessions, sessions[0])
					continue
				}
				sessions = append(sessions, open(t, n, tracer))
			}
			runs.Go(func() {
				turn <- struct{}{}
				defer func() { <-turn }()
				start := time.Now()
				var wg sync.WaitGroup
				var mu sync.Mutex
				wrong, undecided, hops := 0, 0, 0
				for seed, session := range sessions {
					prober := &after{Prober: session.Prober(dst), rounds: 26, do: func() {
						if tt.middle == nil {
							return
						}
						if err := tt.middle(n); err != nil {
							t.Error(err)
						}
					}}
					wg.Go(func() {
						inquiry := path.Inquiry{Flow: seed, Gap: 30 * time.Millisecond, MaxRounds: 400, Judge: path.Judge{Ratio: 4, Confidence: sure}}
						_, verdicts, err := inquiry.Run(t.Context(), prober)
						got := letters(verdicts)
						mu.Lock()
						defer mu.Unlock()
						if err != nil || len(got) != len(tt.want) {
							wrong++
							t.Errorf("%s: seed %d: verdicts %s, expected %s; %v", tt.name, seed, got, tt.want, err)
							return
						}
						for i := range got {
							hops++
							switch {
							case got[i] == '?':
								undecided++
								t.Logf("%s: seed %d: hop %d: %+v", tt.name, seed, i+1, verdicts[i])
							case got[i] != tt.want[i]:
								if wrong++; wrong < 4 {
									t.Errorf("%s: seed %d: verdicts %s, expected %s; hop %d: %+v", tt.name, seed, got, tt.want, i+1, verdicts[i])
								}
							}
						}
					})
				}
				wg.Wait()
				t.Logf("%s: %d hops, %d undecided, %d wrong, in %v", tt.name, hops, undecided, wrong, time.Since(start).Round(time.Millisecond))
				if undecided*10 > hops {
					t.Errorf("%s: %d of %d hops are undecided", tt.name, undecided, hops)
				}
			})
		}
	}
	runs.Wait()
}
