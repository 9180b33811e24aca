package path_test

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sockwire/raw/path"
	"sockwire/raw/path/pathlab"
	"sockwire/raw/trace"
)

// peers are the tools that trace paths, as far as Debian has them, and how they are asked.
var peers = []struct {
	name string
	args []string // the target comes last
	hops bool     // prints a line for each hop, in their order
}{
	{"traceroute", []string{"traceroute", "-n", "-q", "3", "-w", "1", "-m", "12"}, true},
	{"mtr", []string{"mtr", "-n", "-r", "-c", "5", "-i", "0.2", "-m", "12"}, true},
	{"tracepath", []string{"tracepath", "-n", "-m", "12"}, true},
	{"scamper", []string{"scamper", "-p", "100", "-c", "trace -P udp-paris -q 3 -w 1 -m 12", "-i"}, true},
	{"scamper tracelb", []string{"scamper", "-p", "100", "-c", "tracelb", "-i"}, false},
}

var address = regexp.MustCompile(`\b10\.\d+\.\d+\.\d+\b`)

// TestPeers compares with what other tools find on the same labs: where there is one path, theirs is ours. With
// PEER_TABLE=1 it takes all labs and prints the table of what each finds, which takes a minute and more, for some wait
// long; -v shows it. dublin-traceroute is not among them: 0.4.2 does not come to an end in a lab.
func TestPeers(t *testing.T) {
	if testing.Short() {
		t.Skip("other tools take their time")
	}
	t.Parallel()
	table := os.Getenv("PEER_TABLE") == "1"
	for _, p := range peers {
		if _, err := exec.LookPath(p.args[0]); err != nil {
			if os.Getenv("REQUIRE_PEERS") == "1" {
				t.Fatal(err)
			}
			t.Skip(err)
		}
	}
	labs := []struct {
		name  string
		cfg   pathlab.Config
		setUp func(*pathlab.Net) error
	}{
		{"a chain of 6", pathlab.Config{Edges: pathlab.Chain(6)}, nil},
		{"4 ways by flow", pathlab.Config{Edges: pathlab.Diamonds(4)}, nil},
		{"2, then 3 ways by flow", pathlab.Config{Edges: pathlab.Diamonds(2, 3)}, nil},
		{"ways of unequal length", pathlab.Config{Edges: "s-a a-b a-c b-d c-e e-d d-f f-t"}, nil},
		{"2 ways by packet", pathlab.Config{Edges: "s-a a-x x-b1 x-b2 b1-c b2-c c-t",
			Boxes: map[string]pathlab.Box{"x": alternate("a", "b1", "b2")}}, nil},
		{"a silent hop", pathlab.Config{Edges: pathlab.Chain(5)}, func(n *pathlab.Net) error { return n.Silence("r2") }},
		{"NAT at hop 2", pathlab.Config{Edges: "s-r1 r1-x x-r2 r2-r3 r3-t", Boxes: map[string]pathlab.Box{"x": pathlab.NAT("r1", "r2", true)}}, nil},
	}
	if !table {
		labs = labs[:1]
	}
	cells := make([][]string, len(labs))
	var wg sync.WaitGroup
	for i, lab := range labs {
		n := pathlab.New(t, lab.cfg)
		if lab.setUp != nil {
			if err := lab.setUp(n); err != nil {
				t.Fatal(err)
			}
		}
		cells[i] = make([]string, len(peers)+1)
		session := open(t, n, trace.Tracer{Flows: 1024, Wait: 500 * time.Millisecond})
		want := lab.cfg.Paths()
		var nodes []string
		for _, name := range strings.Fields(strings.Join(want, " ")) {
			if !slices.Contains(nodes, name) && !(lab.name == "a silent hop" && name == "r2") {
				nodes = append(nodes, name)
			}
		}
		wg.Go(func() {
			g, err := path.Explorer{Flows: 1024}.Explore(t.Context(), session.Prober(n.Dst4))
			if err != nil {
				t.Error(err)
				return
			}
			session.Close() // it holds a thousand ports, and scamper takes one without asking which are free
			ours := ways(n, g)
			cells[i][0] = fmt.Sprintf("%d of %d paths", len(ours), len(want))
			if len(ours) != len(want) {
				t.Errorf("%s: %q, expected %q", lab.name, ours, want)
			}
			for k, p := range peers {
				if !table && !p.hops {
					continue
				}
				ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
				cmd := n.Source.Command(ctx, p.args[0], append(slices.Clone(p.args[1:]), n.Dst4.String())...)
				cmd.Dir = t.TempDir()
				out, err := cmd.CombinedOutput()
				cancel()
				if err != nil && ctx.Err() == nil {
					t.Logf("%s: %s: %v\n%s", lab.name, p.name, err, out)
				}
				found, way := map[string]bool{}, []string{}
				for line := range strings.Lines(string(out)) {
					for _, a := range address.FindAllString(line, -1) {
						name := n.Name(netip.MustParseAddr(a))
						if slices.Contains(nodes, name) {
							found[name] = true
							// The target stands in headings too.
							if len(way) == 0 || way[len(way)-1] != name {
								way = append(way, name)
							}
						}
					}
				}
				cells[i][k+1] = fmt.Sprintf("%d of %d nodes", len(found), len(nodes))
				way = slices.DeleteFunc(way, func(name string) bool { return name == "t" })
				if len(want) == 1 && p.hops && lab.setUp == nil && strings.Join(append(way, "t"), " ") != ours[0] {
					t.Errorf("%s: %s found %v, we %s:\n%s", lab.name, p.name, way, ours[0], out)
				}
			}
		})
	}
	wg.Wait()
	var b strings.Builder
	b.WriteString("\n| lab | rawtrace --paths |")
	for _, p := range peers {
		b.WriteString(" " + p.name + " |")
	}
	b.WriteString("\n|---|---|" + strings.Repeat("---|", len(peers)) + "\n")
	for i, lab := range labs {
		fmt.Fprintf(&b, "| %s | %s |\n", lab.name, strings.Join(cells[i], " | "))
	}
	if table {
		t.Log(b.String())
	}
}

// measures are how the peers are asked for the MTU and for loss, and what says it in what they print; nil where they
// have no word for it.
var measures = []struct {
	name       string
	mtu, loss  []string
	size, lost *regexp.Regexp // the last match counts; of loss the line of hop 3
}{
	{"traceroute", []string{"traceroute", "-n", "-q", "1", "-w", "1", "-m", "8", "--mtu"}, []string{"traceroute", "-n", "-q", "10", "-w", "1", "-m", "8"},
		regexp.MustCompile(`F=(\d+)`), regexp.MustCompile(`(?m)^ 3 .*$`)},
	{"mtr", nil, []string{"mtr", "-n", "-r", "-c", "100", "-i", "0.1", "-m", "8"}, nil, regexp.MustCompile(`(?m)^ *3\..* ([0-9.]+%)`)},
	{"tracepath", []string{"tracepath", "-n", "-m", "8"}, nil, regexp.MustCompile(`pmtu (\d+)`), nil},
	{"scamper", []string{"scamper", "-p", "100", "-c", "trace -P udp-paris -M -w 1 -m 8", "-i"}, nil, regexp.MustCompile(`mtu: (\d+)`), nil},
}

// TestPeersMeasure compares what is found of the MTU of a path and of loss on it: a step to 1400 bytes, and 30 % lost
// on the link to hop 3. With PEER_TABLE=1 it asks for loss too, which takes most of a minute, and prints the table; -v
// shows it.
func TestPeersMeasure(t *testing.T) {
	if testing.Short() {
		t.Skip("other tools take their time")
	}
	t.Parallel()
	table := os.Getenv("PEER_TABLE") == "1"
	step := pathlab.New(t, pathlab.Config{Edges: pathlab.Chain(5), Links: map[string]pathlab.Link{"r2-r3": {MTU: 1400}}})
	lossy := pathlab.New(t, pathlab.Config{Edges: pathlab.Chain(5), Links: map[string]pathlab.Link{"r2-r3": {There: 0.3}}})
	head, mtu, loss := []string{"rawtrace"}, []string{ourMTU(t, step)}, []string{"-"}
	if mtu[0] != "1400" {
		t.Errorf("we find an MTU of %s", mtu[0])
	}
	if table {
		loss[0] = ourLoss(t, lossy)
	}
	for _, p := range measures {
		if _, err := exec.LookPath(p.name); err != nil {
			if os.Getenv("REQUIRE_PEERS") == "1" {
				t.Fatal(err)
			}
			t.Skip(err)
		}
		head = append(head, p.name)
		size := ask(t, step, p.mtu, p.size)
		if mtu = append(mtu, size); p.mtu != nil && size != "1400" {
			t.Errorf("%s finds an MTU of %s", p.name, size)
		}
		if table {
			loss = append(loss, ask(t, lossy, p.loss, p.lost))
		}
	}
	if table {
		t.Logf("\n| lab | %s |\n|---|%s\n| an MTU of 1400 behind hop 2 | %s |\n| 30 %% lost on the way to hop 3 | %s |", strings.Join(head, " | "),
			strings.Repeat("---|", len(head)), strings.Join(mtu, " | "), strings.Join(loss, " | "))
	}
}

// ask runs a peer and returns what it says in the last match: stars are counted.
func ask(t *testing.T, n *pathlab.Net, args []string, says *regexp.Regexp) string {
	t.Helper()
	if args == nil {
		return "-"
	}
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	cmd := n.Source.Command(ctx, args[0], append(slices.Clone(args[1:]), n.Dst4.String())...)
	cmd.Dir = t.TempDir()
	out, err := cmd.CombinedOutput()
	all := says.FindAllStringSubmatch(string(out), -1)
	if len(all) == 0 {
		t.Logf("%v: %v\n%s", args, err, out)
		return "-"
	}
	last := all[len(all)-1]
	if len(last) == 1 {
		return fmt.Sprintf("%d of 10 starred", strings.Count(last[0], "*"))
	}
	return last[1]
}

// ourMTU is the MTU that we find.
func ourMTU(t *testing.T, n *pathlab.Net) string {
	session := open(t, n, trace.Tracer{MTU: true, Wait: 500 * time.Millisecond})
	defer session.Close() // the peers choose ports themselves
	for r, err := range session.Trace(t.Context(), slices.Values([]netip.Addr{n.Dst4})) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Found != nil {
			return fmt.Sprint(r.Found.Size)
		}
	}
	return "-"
}

// ourLoss is the loss that we find, and the verdict on it.
func ourLoss(t *testing.T, n *pathlab.Net) string {
	prober := open(t, n, trace.Tracer{Wait: 300 * time.Millisecond}).Prober(n.Dst4)
	_, verdicts, err := path.Inquiry{LastTTL: 5, Gap: 10 * time.Millisecond, Rounds: 40, MaxRounds: 300, Judge: path.Judge{Ratio: 4}}.Run(t.Context(), prober)
	if err != nil || len(verdicts) < 3 {
		t.Fatal(len(verdicts), err)
	}
	v := verdicts[2]
	return fmt.Sprintf("%.0f %%, %v from hop %d on", 100*v.Loss.Loss(), v.Finding, v.From)
}
