package main

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sockwire/cmd/internal/cli/clitest"
	"sockwire/raw/netlab"
)

// screen is a terminal with a program on it, as who sits before it has it.
type screen struct {
	t        *testing.T
	tty, far *os.File
	cmd      *exec.Cmd
	before   *unix.Termios
	ended    chan struct{}

	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{} // closed and made anew when something came
	gone bool          // nothing more will
}

// onScreen starts rawtrace on a terminal of 80 columns and 24 lines, its controlling one.
func onScreen(t *testing.T, h *netlab.Host, env []string, args ...string) *screen {
	t.Helper()
	s := &screen{t: t, ended: make(chan struct{}), more: make(chan struct{})}
	s.tty, s.far = clitest.Terminal(t)
	s.resize(80, 24)
	var err error
	if s.before, err = unix.IoctlGetTermios(int(s.tty.Fd()), unix.TCGETS); err != nil {
		t.Fatal(err)
	}
	s.cmd = h.Command(t.Context(), "rawtrace", args...)
	s.cmd.Stdin, s.cmd.Stdout, s.cmd.Stderr = s.tty, s.tty, s.tty
	s.cmd.SysProcAttr.Setsid, s.cmd.SysProcAttr.Setctty = true, true
	s.cmd.Env = append(append(s.cmd.Environ(), "TERM=xterm-256color", "LC_ALL=C.UTF-8", "GORACE=atexit_sleep_ms=0"), env...)
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		b := make([]byte, 4096)
		for {
			n, err := s.far.Read(b)
			s.mu.Lock()
			s.text.Write(b[:n])
			s.gone = err != nil
			close(s.more)
			s.more = make(chan struct{})
			s.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	go func() {
		s.cmd.Wait()
		close(s.ended)
	}()
	t.Cleanup(func() {
		s.cmd.Process.Kill()
		<-s.ended
		s.tty.Close()
	})
	return s
}

func (s *screen) resize(columns, lines uint16) {
	s.t.Helper()
	if err := unix.IoctlSetWinsize(int(s.far.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: columns, Row: lines}); err != nil {
		s.t.Fatal(err)
	}
}

// all is what has been written so far.
func (s *screen) all() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// see waits until a text comes behind what was seen before, and returns all up to its end.
func (s *screen) see(seen, text string) string {
	s.t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		s.mu.Lock()
		now, more, gone := s.text.String(), s.more, s.gone
		s.mu.Unlock()
		if at := strings.Index(now[len(seen):], text); at >= 0 {
			return now[:len(seen)+at+len(text)]
		}
		if gone {
			s.t.Fatalf("it ended without %q: %q", text, now[len(seen):])
		}
		select {
		case <-more:
		case <-deadline:
			s.t.Fatalf("no %q in %q", text, now[len(seen):])
		}
	}
}

func (s *screen) key(keys string) {
	s.t.Helper()
	if _, err := s.far.WriteString(keys); err != nil {
		s.t.Fatal(err)
	}
}

// end waits for the end, and looks whether the terminal is as it was. It returns what stands on it then.
func (s *screen) end() (text string, code int) {
	s.t.Helper()
	select {
	case <-s.ended:
	case <-time.After(30 * time.Second):
		s.t.Fatalf("it does not end: %q", s.all())
	}
	after, err := unix.IoctlGetTermios(int(s.tty.Fd()), unix.TCGETS)
	if err != nil {
		s.t.Fatal(err)
	}
	if *after != *s.before {
		s.t.Errorf("the terminal is left in another mode: %+v, it was %+v", after, s.before)
	}
	s.tty.Close()
	for {
		s.mu.Lock()
		gone, more := s.gone, s.more
		s.mu.Unlock()
		if gone {
			break
		}
		<-more
	}
	all := s.all()
	if entered, left := strings.LastIndex(all, "\x1b[?1049h"), strings.LastIndex(all, "\x1b[?1049l"); entered >= 0 && left < entered {
		s.t.Errorf("the other screen is left on: %q", all)
	}
	if hidden, shown := strings.LastIndex(all, "\x1b[?25l"), strings.LastIndex(all, "\x1b[?25h"); shown < hidden {
		s.t.Errorf("the cursor is left hidden: %q", all)
	}
	if at := strings.LastIndex(all, "\x1b[?1049l"); at >= 0 {
		all = all[at:]
	}
	return all, s.cmd.ProcessState.ExitCode()
}

// TestLive: the live table comes and goes, by a key or a signal, and leaves the terminal as it was, with the table on it.
func TestLive(t *testing.T) {
	_, a, b := netlab.Two(t)
	to := b.Addr4().String()
	for name, leave := range map[string]func(s *screen){
		"q":      func(s *screen) { s.key("q") },
		"ctrl-c": func(s *screen) { s.key("\x03") },
		"int":    func(s *screen) { s.cmd.Process.Signal(syscall.SIGINT) },
		"term":   func(s *screen) { s.cmd.Process.Signal(syscall.SIGTERM); s.cmd.Process.Signal(syscall.SIGTERM) },
		"hangup": func(s *screen) { s.cmd.Process.Signal(syscall.SIGHUP) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := onScreen(t, a, nil, "-I", "--watch", "--interval", "100ms", to)
			seen := s.see("", "\x1b[?1049h")
			seen = s.see(seen, "verdict")
			s.see(seen, to)
			leave(s)
			text, code := s.end()
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
	seen := s.see("", "host 1 of 2")
	s.key("o")
	seen = s.see(seen, "loss")
	s.key("p")
	seen = s.see(seen, "PAUSED")
	s.key("\t")
	seen = s.see(seen, "127.0.0.1")
	s.key("p\r")
	seen = s.see(seen, "jitter")
	s.resize(120, 40)
	seen = s.see(seen, "stdev")
	s.resize(40, 10)
	s.see(seen, "\x1b[")
	s.key("q")
	if text, code := s.end(); code != 0 || strings.Count(text, "reached in 1 hop") != 2 {
		t.Errorf("status %d, %q", code, text)
	}
	s = onScreen(t, a, nil, "-I", "--watch", "-c", "3", "--interval", "100ms", to)
	if text, code := s.end(); code != 0 || !strings.Contains(text, "reached in 1 hop") {
		t.Errorf("status %d, %q", code, text)
	}
}

// TestLiveColour: NO_COLOR is obeyed, and a terminal that cannot move its cursor gets lines.
func TestLiveColour(t *testing.T) {
	_, a, b := netlab.Two(t)
	to := b.Addr4().String()
	s := onScreen(t, a, []string{"NO_COLOR=1"}, "-I", "--watch", "-c", "5", "--interval", "100ms", to)
	if s.end(); strings.Contains(s.all(), "\x1b[1m") || strings.Contains(s.all(), "\x1b[7m") || !strings.Contains(s.all(), "\x1b[?1049h") {
		t.Errorf("NO_COLOR: %q", s.all())
	}
	s = onScreen(t, a, []string{"NO_COLOR="}, "-I", "--watch", "-c", "5", "--interval", "100ms", to)
	if s.end(); !strings.Contains(s.all(), "\x1b[7m") && !strings.Contains(s.all(), ";7m") {
		t.Errorf("colour: %q", s.all())
	}
	s = onScreen(t, a, []string{"TERM=dumb"}, "-I", "--watch", "-c", "2", "--interval", "100ms", to)
	if text, _ := s.end(); strings.Contains(text, "\x1b") || strings.Count(text, "reached in 1 hop") != 3 {
		t.Errorf("dumb: %q", text)
	}
}
