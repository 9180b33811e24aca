// Package live is the screen that commands show while they run: a table that changes, on a terminal, with the same keys
// everywhere. What it shows a command tells in views; the run itself does not know of it.
package live

import (
	"context"
	"os"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"sockwire/cmd/internal/cli"
)

// Possible tells whether standard output is a terminal that a screen can be shown on.
func Possible(env *cli.Env) bool {
	return cli.IsTerminal(env.Stdout.Unwrapped()) && os.Getenv("TERM") != "dumb"
}

// Run shows what a source tells while work runs, until work ends. Who leaves the screen ends work's context, as a
// signal does. The terminal is as before when Run returns; warnings that came meanwhile stand on it then.
func Run(ctx context.Context, env *cli.Env, s Source, work func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer env.HoldWarnings()()
	opts := []tea.ProgramOption{tea.WithOutput(env.Stdout.Unwrapped()), tea.WithoutSignalHandler(), tea.WithFPS(fps), tea.WithInput(nil)}
	if in := env.Source(); cli.IsTerminal(in) {
		opts = append(opts, tea.WithInput(in))
	}
	program := tea.NewProgram(screen{name: env.Name, source: s, color: env.Color, ascii: cli.ASCII()}, opts...)
	type ending struct {
		err   error
		fault any // that it panicked with
	}
	ended := make(chan ending, 1)
	go func() {
		var e ending
		defer program.Quit()
		defer func() {
			e.fault = recover()
			ended <- e
		}()
		e.err = work(ctx)
	}()
	_, err := program.Run()
	cancel(cli.ErrInterrupted)
	e := <-ended
	if e.fault != nil {
		panic(e.fault) // now that the terminal shows it
	}
	return cli.Join(e.err, err)
}

// seen is a view that was looked for, and how long that took.
type seen struct {
	view View
	ask  Ask
	cost time.Duration
	tick bool // by the clock, not by a key
}

type tickMsg struct{}

// How long the screen waits from look to look: little at first, for somebody waits to see something, and then longer,
// for each look costs the run.
const (
	firstWait = 250 * time.Millisecond
	lastWait  = time.Second
	// share bounds what looking costs: of a run over many thousands of things, the screen tells more seldom.
	share = 50
	// fps is how often a second the library looks whether there is something to draw. Each time wakes the program, which
	// costs a run that sleeps more than the looking; and who pressed a key waits up to a fifth of a second.
	fps = 5
)

// see is the command that looks.
func (s screen) see(tick bool) tea.Cmd {
	look, ask := s.source.Look, s.ask
	return func() tea.Msg {
		start := time.Now()
		v := look(ask)
		return seen{v, ask, time.Since(start), tick}
	}
}

// View draws the screen.
func (s screen) View() tea.View {
	v := tea.NewView(s.text)
	v.AltScreen = true
	v.WindowTitle = s.name + " " + s.view.Title
	return v
}

// Init looks for the first time.
func (s screen) Init() tea.Cmd { return s.see(true) }

// Update takes in a key, a view or the terminal's size.
func (s screen) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	if _, ok := msg.(tickMsg); ok {
		return s, s.see(true)
	}
	next, cmd := s.take(msg)
	next.text = strings.Join(next.lines(), "\n")
	return next, cmd
}

func (s screen) take(msg tea.Msg) (screen, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		s.width, s.height = msg.Width, msg.Height
		s.ask.Rows, s.ask.Width = s.lineCount(), s.columnCount()
		return s, s.see(false)
	case seen:
		if !msg.tick || !s.held {
			s.view, s.viewed = msg.view, msg.ask
		}
		if msg.tick {
			s.wait = min(max(s.wait+s.wait/2, firstWait), lastWait)
			return s, tea.Tick(max(s.wait, share*msg.cost), func(time.Time) tea.Msg { return tickMsg{} })
		}
	case tea.KeyPressMsg:
		return s.key(msg.String())
	}
	return s, nil
}

func (s screen) key(key string) (screen, tea.Cmd) {
	switch key {
	case "q", "ctrl+c", "Q":
		return s, tea.Quit
	case "esc":
		if !s.detail {
			return s, tea.Quit
		}
		s.detail = false
	case "ctrl+z":
		return s, tea.Suspend
	case "p", " ", "space":
		return s.pause()
	case "r":
		return s, s.doing(s.source.Reset)
	case "o":
		s.ask.Order = (s.ask.Order + 1) % max(len(s.view.Orders), 1)
		return s, s.see(false)
	case "enter", "d":
		s.detail = !s.detail
	case "up", "k":
		return s.move(-1)
	case "down", "j":
		return s.move(1)
	case "pgup":
		return s.move(-s.ask.Rows / 2)
	case "pgdown":
		return s.move(s.ask.Rows / 2)
	case "home", "g":
		s.ask.Chosen = ""
		return s, s.see(false)
	case "tab", "right", "n":
		return s.turn(1)
	case "shift+tab", "left", "b":
		return s.turn(-1)
	}
	return s, nil
}

// doing does something to the run, and looks.
func (s screen) doing(what func()) tea.Cmd {
	if what == nil {
		return nil
	}
	return tea.Sequence(func() tea.Msg { what(); return nil }, s.see(false))
}

func (s screen) pause() (screen, tea.Cmd) {
	if s.source.Pause != nil {
		return s, s.doing(s.source.Pause)
	}
	s.held = !s.held
	return s, s.see(false)
}

// turn shows another page.
func (s screen) turn(step int) (screen, tea.Cmd) {
	if s.view.Pages < 2 {
		return s, nil
	}
	s.ask.Page = (s.ask.Page + step + s.view.Pages) % s.view.Pages
	s.ask.Chosen, s.ask.Order = "", 0
	return s, s.see(false)
}

func (s screen) move(step int) (screen, tea.Cmd) {
	n := len(s.view.Rows)
	if n == 0 {
		return s, nil
	}
	s.ask.Chosen = s.view.Rows[min(max(s.at()+step, 0), n-1)].Key
	if s.held {
		return s, nil
	}
	return s, s.see(false)
}
