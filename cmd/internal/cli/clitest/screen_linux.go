package clitest

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/charmbracelet/x/vt"
	"golang.org/x/sys/unix"

	"sockwire/capture/golden"
)

// Screen is a terminal with a program on it, as who sits before it has it.
type Screen struct {
	t        testing.TB
	tty, far *os.File
	cmd      *exec.Cmd
	before   *unix.Termios
	ended    chan struct{}

	mu    sync.Mutex
	text  bytes.Buffer  // all that was written
	shown *vt.Emulator  // what stands on it
	frame string        // the same after the last picture that was drawn to its end
	asked bool          // whether pictures are marked as such
	more  chan struct{} // closed and made anew when something came
	gone  bool          // nothing more will
}

// OnScreen starts a command on a terminal of a size, its controlling one. env is added to the command's environment.
func OnScreen(t testing.TB, cmd *exec.Cmd, columns, lines uint16, env ...string) *Screen {
	t.Helper()
	s := &Screen{t: t, cmd: cmd, ended: make(chan struct{}), more: make(chan struct{}), shown: vt.NewEmulator(int(columns), int(lines))}
	s.tty, s.far = Terminal(t)
	s.Resize(columns, lines)
	var err error
	if s.before, err = unix.IoctlGetTermios(int(s.tty.Fd()), unix.TCGETS); err != nil {
		t.Fatal(err)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = s.tty, s.tty, s.tty
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &unix.SysProcAttr{}
	}
	cmd.SysProcAttr.Setsid, cmd.SysProcAttr.Setctty = true, true
	cmd.Env = append(append(cmd.Environ(), "TERM=xterm-256color", "LC_ALL=C.UTF-8", "GORACE=atexit_sleep_ms=0"), env...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go s.read()
	go s.answer()
	go func() {
		cmd.Wait()
		close(s.ended)
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-s.ended
		s.tty.Close()
		s.shown.InputPipe().(io.Closer).Close() // Close of the emulator itself is no friend of its readers
	})
	return s
}

// read takes what the program writes.
func (s *Screen) read() {
	b := make([]byte, 4096)
	for {
		n, err := s.far.Read(b)
		s.mu.Lock()
		s.text.Write(b[:n])
		s.shown.Write(b[:n])
		s.gone = err != nil
		all := s.text.Bytes()
		if !s.asked && bytes.Contains(all, []byte("\x1b[?2026$p")) {
			s.asked = true
			s.far.WriteString("\x1b[?2026;2$y") // as terminals say that do it: then each picture has a beginning and an end
		}
		close(s.more)
		s.more = make(chan struct{})
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// answer gives the program what the terminal answers to its questions.
func (s *Screen) answer() {
	b := make([]byte, 256)
	for {
		n, err := s.shown.Read(b)
		if err != nil {
			return
		}
		s.far.Write(b[:n])
	}
}

// Resize gives the terminal another size, which the program is told.
func (s *Screen) Resize(columns, lines uint16) {
	s.t.Helper()
	s.mu.Lock()
	s.shown.Resize(int(columns), int(lines))
	s.mu.Unlock()
	if err := unix.IoctlSetWinsize(int(s.far.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: columns, Row: lines}); err != nil {
		s.t.Fatal(err)
	}
}

// Process is the program's.
func (s *Screen) Process() *os.Process { return s.cmd.Process }

// All is what has been written so far.
func (s *Screen) All() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// Shown is what stands on the terminal now, without spaces at the ends of lines.
func (s *Screen) Shown() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.text.Bytes()
	if s.gone || bytes.Count(all, []byte("\x1b[?2026h")) == bytes.Count(all, []byte("\x1b[?2026l")) {
		s.frame = plainLines(s.shown.String())
	}
	return s.frame
}

func plainLines(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " \r")
	}
	return strings.Join(lines, "\n")
}

// await waits until something is so; what says what that is.
func (s *Screen) await(what string, so func() bool) {
	s.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !so() {
		if !s.wait(deadline) && !so() {
			s.t.Fatalf("it ended without %s: %q", what, s.All())
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("no %s on\n%s\nall: %q", what, s.Shown(), s.All())
		}
	}
}

// See waits until a text comes behind what was seen before, and returns all up to its end.
func (s *Screen) See(seen, text string) string {
	s.t.Helper()
	at := -1
	s.await(text, func() bool {
		at = strings.Index(s.All()[len(seen):], text)
		return at >= 0
	})
	return s.All()[:len(seen)+at+len(text)]
}

// Await waits until what stands on the terminal matches a regular expression, and returns it.
func (s *Screen) Await(expr string) (shown string) {
	s.t.Helper()
	e := regexp.MustCompile(expr)
	s.await(expr, func() bool {
		shown = s.Shown()
		return e.MatchString(shown)
	})
	return shown
}

// Take waits until what stands on the terminal, as change makes it, is what a golden file has; change may be nil. The
// file is written from what stands there a second after it matches expr.
func (s *Screen) Take(file, expr string, change func(string) string) {
	s.t.Helper()
	if change == nil {
		change = func(text string) string { return text }
	}
	if golden.Update(s.t, file, change(s.Await(expr))) {
		time.Sleep(time.Second)
		golden.Update(s.t, file, change(s.Shown()))
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		s.t.Fatalf("%v (go test -update writes it)", err)
	}
	deadline := time.Now().Add(30 * time.Second)
	for change(s.Shown()) != string(want) && time.Now().Before(deadline) && s.wait(deadline) {
	}
	golden.Check(s.t, file, change(s.Shown()))
}

// wait waits until more was written, and tells whether more can come.
func (s *Screen) wait(deadline time.Time) bool {
	s.mu.Lock()
	more, gone := s.more, s.gone
	s.mu.Unlock()
	if gone {
		return false
	}
	select {
	case <-more:
	case <-time.After(min(time.Until(deadline), 100*time.Millisecond)): // it may have come since it was looked at
	}
	return true
}

// Key types.
func (s *Screen) Key(keys string) {
	s.t.Helper()
	if _, err := s.far.WriteString(keys); err != nil {
		s.t.Fatal(err)
	}
}

// End waits for the end, and looks whether the terminal is as it was. It returns what stands on it then.
func (s *Screen) End() (text string, code int) {
	s.t.Helper()
	select {
	case <-s.ended:
	case <-time.After(30 * time.Second):
		s.t.Fatalf("it does not end: %q", s.All())
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
	all := s.All()
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
