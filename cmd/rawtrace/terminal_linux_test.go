package main

import (
	"strings"
	"syscall"
	"testing"

	"sockwire/cmd/internal/cli/clitest"
	"sockwire/raw/netlab"
)

// onScreen starts rawtrace on a terminal of 80 columns and 24 lines.
func onScreen(t *testing.T, h *netlab.Host, env []string, args ...string) *clitest.Screen {
	t.Helper()
	return clitest.OnScreen(t, h.Command(t.Context(), "rawtrace", args...), 80, 24, env...)
}

// TestLive: the live table comes and goes, by a key or a signal, and leaves the terminal as it was, with the table on
// it.
func TestLive(t *testing.T) {
	_, a, b := netlab.Two(t)
	to := b.Addr4().String()
	for name, leave := range map[string]func(s *clitest.Screen){
		"q":      func(s *clitest.Screen) { s.Key("q") },
		"ctrl-c": func(s *clitest.Screen) { s.Key("\x03") },
		"int":    func(s *clitest.Screen) { s.Process().Signal(syscall.SIGINT) },
		"term":   func(s *clitest.Screen) { s.Process().Signal(syscall.SIGTERM); s.Process().Signal(syscall.SIGTERM) },
		"hangup": func(s *clitest.Screen) { s.Process().Signal(syscall.SIGHUP) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := onScreen(t, a, nil, "-I", "--watch", "--interval", "100ms", to)
			seen := s.See("", "\x1b[?1049h")
			seen = s.See(seen, "verdict")
			s.See(seen, to)
			leave(s)
			text, code := s.End()
			if !strings.Contains(text, " hop address ") || !strings.Contains(text, to+": reached in 1 hop") || code != 0 {
				t.Errorf("status %d, %q", code, text)
			}
		})
	}
}

// TestLiveOnScreen: keys reach it, it follows the size of the terminal, and it ends by itself after --count.
func TestLiveOnScreen(t *testing.T) {
	_, a, b := netlab.Two(t)
	to := b.Addr4().String()
	s := onScreen(t, a, nil, "-I", "--watch", "--interval", "100ms", to, "127.0.0.1")
	seen := s.See("", "host 1 of 2")
	s.Key("o")
	seen = s.See(seen, "loss")
	s.Key("p")
	seen = s.See(seen, "PAUSED")
	s.Key("\t")
	seen = s.See(seen, "127.0.0.1")
	s.Key("p\r")
	seen = s.See(seen, "jitter")
	s.Resize(120, 40)
	seen = s.See(seen, "stdev")
	s.Resize(40, 10)
	s.See(seen, "\x1b[")
	s.Key("q")
	if text, code := s.End(); code != 0 || strings.Count(text, "reached in 1 hop") != 2 {
		t.Errorf("status %d, %q", code, text)
	}
	s = onScreen(t, a, nil, "-I", "--watch", "-c", "3", "--interval", "100ms", to)
	if text, code := s.End(); code != 0 || !strings.Contains(text, "reached in 1 hop") {
		t.Errorf("status %d, %q", code, text)
	}
}

// TestLiveColour: NO_COLOR is obeyed, and a terminal that cannot move its cursor gets lines.
func TestLiveColour(t *testing.T) {
	_, a, b := netlab.Two(t)
	to := b.Addr4().String()
	s := onScreen(t, a, []string{"NO_COLOR=1"}, "-I", "--watch", "-c", "5", "--interval", "100ms", to)
	if s.End(); strings.Contains(s.All(), "\x1b[1m") || strings.Contains(s.All(), "\x1b[7m") || !strings.Contains(s.All(), "\x1b[?1049h") {
		t.Errorf("NO_COLOR: %q", s.All())
	}
	s = onScreen(t, a, []string{"NO_COLOR="}, "-I", "--watch", "-c", "5", "--interval", "100ms", to)
	if s.End(); !strings.Contains(s.All(), "\x1b[7m") && !strings.Contains(s.All(), ";7m") {
		t.Errorf("colour: %q", s.All())
	}
	s = onScreen(t, a, []string{"TERM=dumb"}, "-I", "--watch", "-c", "2", "--interval", "100ms", to)
	if text, _ := s.End(); strings.Contains(text, "\x1b") || strings.Count(text, "reached in 1 hop") != 3 {
		t.Errorf("dumb: %q", text)
	}
}
