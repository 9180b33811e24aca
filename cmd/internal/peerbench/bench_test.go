package main

import (
	"context"
	"errors"
	"strings"
	"testing"

	"sockwire/cmd/internal/cli"
	"sockwire/cmd/internal/cli/clitest"
)

func TestRowNames(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range allRows() {
		if r.Name == "" || strings.ContainsAny(r.Name, " *") || seen[r.Name] {
			t.Errorf("%q is no name for a row, or it stands twice", r.Name)
		}
		seen[r.Name] = true
		if r.About == "" || len(r.Figures) == 0 || r.Ours.Run == nil || len(r.Peers) == 0 {
			t.Errorf("%s: text, figures, our side or peers are missing", r.Name)
		}
		for _, p := range r.Peers {
			if len(p.Goals) > len(r.Figures) {
				t.Errorf("%s: %d goals against %s for %d figures", r.Name, len(p.Goals), p.Name, len(r.Figures))
			}
		}
	}
}

// side returns figures one after another.
func side(name string, figures ...float64) Side {
	i := -2 // the warm-up comes first
	return Side{Name: name, Run: func(context.Context, *Bench) ([]float64, error) {
		i++
		return []float64{figures[max(i, 0)%len(figures)]}, nil
	}}
}

func TestRunRow(t *testing.T) {
	row := Row{Name: "row", Figures: []Figure{{Name: "time", Unit: "s", LowerIsBetter: true}}, Ours: side("ours", 1, 2, 9)}
	peer := side("peer", 4, 4, 9)
	peer.Goals = []float64{0.6}
	missing := side("other", 1, 1, 1)
	missing.Needs = []string{"no-such-program"}
	row.Peers = []Side{peer, missing}
	var warned strings.Builder
	b := &Bench{env: testEnv(t, &warned)}
	results, err := b.runRow(t.Context(), row, 3)
	if err != nil {
		t.Fatal(err)
	}
	if len(results) != 1 {
		t.Fatalf("%d results", len(results))
	}
	if r := results[0]; r.Ours != 2 || r.Theirs != 4 || r.Ratio != 0.5 || r.RatioLow != 0.25 || r.RatioHigh != 1 || !r.Met {
		t.Errorf("%+v", r)
	}
	if !strings.Contains(warned.String(), "no-such-program is not installed") {
		t.Errorf("warnings %q", warned.String())
	}
	row.Peers = []Side{missing}
	if _, err := b.runRow(t.Context(), row, 3); err == nil {
		t.Error("a row without any peer passed")
	}
	failing := errors.New("it broke")
	row.Peers = []Side{{Name: "peer", Run: func(context.Context, *Bench) ([]float64, error) { return nil, failing }}}
	if _, err := b.runRow(t.Context(), row, 3); !errors.Is(err, failing) {
		t.Errorf("%v", err)
	}
}

func testEnv(t *testing.T, stderr *strings.Builder) *cli.Env {
	t.Helper()
	var got *cli.Env
	c := cli.New("test", "lend an environment")
	c.Execute(t.Context(), nil, strings.NewReader(""), stderr, stderr, func(_ context.Context, env *cli.Env, _ []string) error {
		got = env
		return nil
	})
	return got
}

func TestCommand(t *testing.T) {
	stdout, _, code := clitest.Run(t, run, "", "list")
	if code != 0 || strings.Count(stdout, "\n") != len(allRows()) {
		t.Errorf("exit status %d\n%s", code, stdout)
	}
	for args, want := range map[string]string{
		"text-lnes": "no row matches", "-n 0": "--runs is 1 to 100",
	} {
		_, stderr, code := clitest.Run(t, run, "", strings.Fields(args)...)
		if code != 2 || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit status %d, %s", args, code, stderr)
		}
	}
}
