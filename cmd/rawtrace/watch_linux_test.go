package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"sockwire/raw/path"
	"sockwire/raw/path/pathlab"
)

// TestWatchVerdicts: what --watch says of each hop is what the lab is, in text, as JSON and in the live table. It is
// the truth that a single run is held against. WATCH_SEEDS=20 runs twenty of each.
func TestWatchVerdicts(t *testing.T) {
	t.Parallel()
	five := pathlab.Chain(5)
	seeds := 3
	if n, err := strconv.Atoi(os.Getenv("WATCH_SEEDS")); err == nil {
		seeds = n
	} else if testing.Short() {
		seeds = 1
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	hops, undecided := 0, 0
	for _, tt := range []struct {
		name  string
		short bool
		cfg   pathlab.Config
		with  func(n *pathlab.Net) error
		want  string // a letter a hop
		text  string // of the sentence
		table string
		code  int
	}{
		{name: "real", short: true, cfg: pathlab.Config{Edges: five, Links: map[string]pathlab.Link{"r2-r3": {There: 0.3}}}, want: "ccRRR",
			text: `loses [1-4]\d(\.\d)? % from hop 3 on, first at 10\.0\.3\.2$`, table: `3 10.0.3.2 .*real from here on`, code: 1},
		{name: "on the way back", cfg: pathlab.Config{Edges: five, Links: map[string]pathlab.Link{"r3-r4": {Back: 0.3}}}, want: "cccRR",
			text: `loses [1-4]\d(\.\d)? % from hop 4 on, first at 10\.0\.4\.2$`, table: `4 10.0.4.2 .*real from here on`, code: 1},
		{name: "limited", cfg: pathlab.Config{Edges: five}, with: func(n *pathlab.Net) error { return n.LimitPerHost("r2", 150*time.Millisecond) }, want: "csccc",
			text: `hop 2 only answers seldom$`, table: `2 10.0.2.2 .*answers seldom`},
		{name: "silent", cfg: pathlab.Config{Edges: five}, with: func(n *pathlab.Net) error { return n.Silence("r3") }, want: "ccscc", text: `hop 3 is silent$`, table: `3 \* .*silent`},
	} {
		if testing.Short() && !tt.short {
			continue
		}
		cfg := tt.cfg
		cfg.Seed = 7
		n := pathlab.New(t, cfg)
		if tt.with != nil {
			if err := tt.with(n); err != nil {
				t.Fatal(err)
			}
		}
		flags := []string{"--watch", "--decide=90s", "--interval", "100ms", "-w", "1s", "--confidence", "99.9999"}
		turn := make(chan struct{}, 3) // few at once, or the lab's link would lose packets of its own
		if tt.name == "limited" {      // several would share the limit
			turn = make(chan struct{}, 1)
		}
		run := func(do func()) {
			all.Go(func() {
				turn <- struct{}{}
				defer func() { <-turn }()
				do()
			})
		}
		for seed := range seeds {
			run(func() {
				o := on(t, n.Source, "rawtrace", append(flags, "--json", n.Dst4.String())...)
				got, sentence := watched(t, o.stdout)
				mu.Lock()
				defer mu.Unlock()
				if len(got) != len(tt.want) || !regexp.MustCompile(tt.text).MatchString(sentence) && !strings.Contains(got, "?") {
					t.Errorf("%s: run %d: %s, expected %s: %s\n%s", tt.name, seed, got, tt.want, sentence, o.stderr)
					return
				}
				for i := range got {
					if hops++; got[i] == '?' {
						undecided++
					} else if got[i] != tt.want[i] {
						t.Errorf("%s: run %d: %s, expected %s: %s", tt.name, seed, got, tt.want, sentence)
					}
				}
			})
		}
		run(func() {
			o := on(t, n.Source, "rawtrace", append(flags, n.Dst4.String())...)
			if !regexp.MustCompile(tt.text).MatchString(last(o.stdout)) || !regexp.MustCompile(tt.table).MatchString(o.stdout) || o.code != tt.code {
				t.Errorf("%s: as text: %d\n%s%s", tt.name, o.code, o.stdout, o.stderr)
			}
		})
		run(func() {
			s := onScreen(t, n.Source, []string{"NO_COLOR=1"}, append(flags, n.Dst4.String())...)
			text, code := s.End()
			text = strings.ReplaceAll(text, "\r", "")
			if !regexp.MustCompile(tt.table).MatchString(text) || !regexp.MustCompile(tt.text).MatchString(last(text)) || code != tt.code {
				t.Errorf("%s: on a terminal: %d, %q", tt.name, code, text)
			}
		})
	}
	all.Wait()
	t.Logf("%d hops, %d undecided", hops, undecided)
	if undecided*10 > hops {
		t.Errorf("%d of %d hops are undecided", undecided, hops)
	}
}

// watched reads the JSON of a run: the verdicts as letters, and the sentence.
func watched(t *testing.T, text string) (got, sentence string) {
	t.Helper()
	found := map[string]byte{}
	for f := path.Clean; f <= path.Unanswered; f++ {
		found[f.String()] = "cRsPa?."[f]
	}
	for line := range strings.Lines(text) {
		var r struct{ Type, Finding, Sentence string }
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Errorf("%v: %s", err, line)
		}
		switch r.Type {
		case "verdict":
			got += string(found[r.Finding])
		case "host":
			sentence = r.Sentence
		}
	}
	return got, sentence
}

// watching runs rawtrace in a lab, and calls at for each line that it prints. It returns all it printed, and the exit
// status.
func watching(t *testing.T, n *pathlab.Net, at func(line string), args ...string) output {
	t.Helper()
	cmd := n.Source.Command(t.Context(), "rawtrace", args...)
	cmd.Env = append(cmd.Environ(), "NO_COLOR=1", "GORACE=atexit_sleep_ms=0")
	var errOut bytes.Buffer
	cmd.Stderr = &errOut
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan(); {
		fmt.Fprintln(&all, lines.Text())
		at(lines.Text())
	}
	cmd.Wait()
	return output{all.String(), errOut.String(), cmd.ProcessState.ExitCode()}
}

// once calls do for the first line that has a text.
func once(t *testing.T, text string, do func() error) func(string) {
	done := false
	return func(line string) {
		if done || !strings.Contains(line, text) {
			return
		}
		done = true
		if err := do(); err != nil {
			t.Error(err)
		}
	}
}

// TestWatchChange: a path that changes in the middle is told when it does, and is the verdict on the hop.
func TestWatchChange(t *testing.T) {
	t.Parallel()
	cfg := pathlab.Config{Edges: "s-a a-b a-c b-d c-d d-t", Seed: 1}
	n := pathlab.New(t, cfg)
	if err := n.Reroute("a", "b"); err != nil {
		t.Fatal(err)
	}
	rounds := 0
	o := watching(t, n, func(line string) {
		if rounds++; rounds == 15 {
			if err := n.Reroute("a", "c"); err != nil {
				t.Error(err)
			}
		}
	}, "--watch", "-c", "40", "--interval", "100ms", "-w", "500ms", n.Dst4.String())
	b, c := n.Addr("b").String(), n.Addr("c").String()
	if now := "hop 2 is now " + c + ", it was " + b; strings.Count(o.stdout, now) != 1 || o.code != 0 || !strings.Contains(last(o.stdout), "hop 2 changed from "+b+" to "+c) {
		t.Errorf("%d, no %s\n%s%s", o.code, now, o.stdout, o.stderr)
	}
	// The same for all paths: they are drawn again.
	rounds = 0
	o = watching(t, n, once(t, "1 path of 4 hops", func() error { return n.Reroute("a", "b") }), "--watch", "--paths", "--no-measure", "-c", "3", "--interval", "100ms", n.Dst4.String())
	if strings.Count(o.stdout, "paths to ") != 2 || strings.Count(o.stdout, "the paths changed: gone is "+c+" at hop 2; new is "+b+" at hop 2\n") != 1 || strings.Count(o.stdout, "1 path of 4 hops") != 3 || o.code != 0 {
		t.Errorf("%d\n%s%s", o.code, o.stdout, o.stderr)
	}
}

// TestWatchPaths: what is known of each branch stands in a table, on a terminal as it goes on, and elsewhere at the end.
func TestWatchPaths(t *testing.T) {
	t.Parallel()
	n := pathlab.New(t, pathlab.Config{Edges: "s-a a-b a-c b-d c-d d-t", Seed: 3, Links: map[string]pathlab.Link{"a-c": {MTU: 1400}}})
	a, b, c := n.Addr("a").String(), n.Addr("b").String(), n.Addr("c").String()
	flags := []string{"--watch", "--paths", "-w", "200ms", n.Dst4.String()}
	wide := regexp.MustCompile(`(?m)^ +2 ` + a + ` +` + b + ` +0% .* 1500$`)
	narrow := regexp.MustCompile(`(?m)^ +2 ` + a + ` +` + c + ` +0% .* 1400$`)
	var both sync.WaitGroup
	defer both.Wait()
	both.Go(func() {
		o := on(t, n.Source, "rawtrace", append(slices.Clip(flags), "-c", "1")...)
		if !wide.MatchString(o.stdout) || !narrow.MatchString(o.stdout) || !strings.HasPrefix(o.stdout, "paths to ") || o.code != 0 {
			t.Errorf("%d\n%s%s", o.code, o.stdout, o.stderr)
		}
	})
	s := onScreen(t, n.Source, []string{"NO_COLOR=1"}, flags...)
	seen := s.See(s.See("", "looking for all paths"), "1400")
	s.Key("\r")
	s.See(seen, "goes this way")
	s.Key("q")
	text, code := s.End()
	if text = strings.ReplaceAll(text, "\r", ""); !wide.MatchString(text) || !narrow.MatchString(text) || !strings.Contains(text, "2 paths of 4 hops") || code != 0 {
		t.Errorf("on a terminal: %d\n%s", code, text)
	}
	// It ends before anything is known too, and then does not say that there is nothing.
	s = onScreen(t, n.Source, nil, append(flags, "--rate", "20pps")...)
	s.See("", "looking for all paths")
	s.Key("q")
	if text, code := s.End(); code == 2 || strings.Contains(text, "no other") {
		t.Errorf("q before the first round: %d\n%s", code, text)
	}
}

// TestWatchMTU: the MTU is found again now and then, and a change of it is told.
func TestWatchMTU(t *testing.T) {
	t.Parallel()
	n := pathlab.New(t, pathlab.Config{Edges: pathlab.Chain(4), Links: map[string]pathlab.Link{"r1-r2": {MTU: 1400}}})
	narrow := func() error {
		k := n.Link("r2-r3")
		return k.A.Host.SetMTU(k.A.Ifname, 1300)
	}
	o := watching(t, n, once(t, "MTU 1400, set by", narrow), "--watch", "--mtu", "-c", "100", "--interval", "100ms", "-w", "300ms", n.Dst4.String())
	if strings.Count(o.stdout, "the MTU is now 1300, it was 1400") != 1 || !strings.Contains(last(o.stdout), "MTU 1300, set by 10.0.2.2 before hop 3") || o.code != 0 {
		t.Errorf("%d\n%s%s", o.code, o.stdout, o.stderr)
	}
	// A watch of one round has its MTU too, as JSON.
	o = on(t, n.Source, "rawtrace", "--watch", "--mtu", "-c", "1", "-w", "300ms", "--json", n.Dst4.String())
	if strings.Count(o.stdout, `{"type":"mtu"`) != 1 || !strings.Contains(o.stdout, `"mtu":1300,"to_ttl":4,"reached":true`) {
		t.Errorf("%d\n%s%s", o.code, o.stdout, o.stderr)
	}
}

// TestWatchFar: what the far end counts is told beside the rounds.
func TestWatchFar(t *testing.T) {
	t.Parallel()
	n := pathlab.New(t, pathlab.Config{Edges: pathlab.Chain(2)})
	serveAt(t, n, "server")
	o := on(t, n.Source, "rawtrace", "--watch", "--far", "-c", "3", "--interval", "100ms", "-w", "300ms", n.Dst4.String())
	if strings.Count(o.stdout, n.Dst4.String()+": the way back has 2 hops\n") != 1 || !strings.Contains(last(o.stdout), "probably by the same routers: 1 of 2 links") || o.code != 0 {
		t.Errorf("%d\n%s%s", o.code, o.stdout, o.stderr)
	}
}
