package live_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sockwire/cmd/internal/cli"
	"sockwire/cmd/internal/cli/clitest"
	"sockwire/cmd/internal/live"
)

// TestMain makes the test binary a command with a screen, for the tests that look at it.
func TestMain(m *testing.M) {
	if os.Getenv("LIVE_DEMO") != "" {
		cli.Main(demo)
	}
	os.Exit(m.Run())
}

func demo(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	c := cli.New("demo", "show a screen")
	c.Color = true
	return c.Execute(ctx, args, stdin, stdout, stderr, func(ctx context.Context, env *cli.Env, args []string) error {
		env.Warnf("before")
		resets := 0
		look := func(a live.Ask) live.View {
			v := live.View{Title: "192.0.2.0/24", Page: "page", Pages: 2, State: []string{"12 up", fmt.Sprintf("%d resets", resets)}, Orders: []string{"host", "loss"},
				Notes: []string{"12 hosts of 14 answer"},
				Columns: []live.Column{{Name: "host", Width: 15, Grow: 24, Keep: true, Left: true}, {Name: "lost", Width: 6, Keep: true}, {Name: "last", Width: 7},
					{Name: "times", Width: 10, Grow: 30, Left: true}}}
			var list []int
			for i := range 14 {
				list = append(list, i)
			}
			order := func(x, y int) int { return x - y }
			if a.Order == 1 {
				order = func(x, y int) int { return y - x }
			}
			for _, i := range live.Pick(a, list, order, func(i int) string { return fmt.Sprint(i) }) {
				name := fmt.Sprintf("192.0.2.%d", i)
				if i == 3 {
					name = cli.Escape("evil\x1b[2J\x07\u202e.example")
				}
				v.Rows = append(v.Rows, live.Row{Key: fmt.Sprint(i), Name: name, Mood: live.Mood(i % 3), Detail: []string{"lost " + fmt.Sprint(i), "unanswered"},
					Cells: []string{name, fmt.Sprint(i), live.Milliseconds(1234567), live.Bars(10, func(j int) float64 { return float64((i*j+3)%7) - 1 })}})
			}
			return v
		}
		err := live.Run(ctx, env, live.Source{Look: look, Reset: func() { resets++ }}, func(ctx context.Context) error {
			env.Warnf("said while it was shown")
			<-ctx.Done()
			return nil
		})
		env.Stdout.Printf("interrupted\n")
		return err
	})
}

func onScreen(t *testing.T, columns, lines uint16, env ...string) *clitest.Screen {
	return clitest.OnScreen(t, exec.CommandContext(t.Context(), "/proc/self/exe"), columns, lines, append(env, "LIVE_DEMO=1")...)
}

// TestScreens compares what stands on terminals of several sizes with files, after keys and after the size has changed.
func TestScreens(t *testing.T) {
	for _, size := range []struct{ columns, lines uint16 }{{20, 5}, {80, 24}, {300, 100}} {
		t.Run(fmt.Sprintf("%dx%d", size.columns, size.lines), func(t *testing.T) {
			t.Parallel()
			s := onScreen(t, size.columns, size.lines, "NO_COLOR=1")
			take := func(what, expr string) {
				s.Take(filepath.Join("testdata", fmt.Sprintf("%dx%d-%s.txt", size.columns, size.lines, what)), expr, nil)
			}
			take("begin", `(?s)by host\n.*host .*q quit`)
			s.Key("o")
			take("order", `(?s)by loss\n.*host `)
			s.Key("jj")
			take("chosen", `>192\.0\.2\.11 `)
			s.Key("\r")
			take("detail", `\n  lost 11\n`)
			s.Resize(60, 12)
			take("resized", `(?m)page 1 of 2(?s).*by loss\n.*\ntab page  q quit  p pause  r reset  o order  enter detail$`)
			s.Key("q")
			text, code := s.End()
			if code != 0 || !strings.Contains(text, "interrupted") || !strings.Contains(text, "said while it was shown") {
				t.Errorf("status %d, %q", code, text)
			}
		})
	}
}

// TestColours: NO_COLOR is obeyed; else what is bad is red.
func TestColours(t *testing.T) {
	for _, plain := range []string{"1", ""} {
		s := onScreen(t, 80, 24, "NO_COLOR="+plain)
		s.Await(`(?s)lost.*192\.0\.2\.9.*q quit`)
		s.Key("q")
		s.End()
		if strings.Contains(s.All(), "\x1b[31m") == (plain != "") {
			t.Errorf("NO_COLOR=%s: %q", plain, s.All())
		}
	}
}
