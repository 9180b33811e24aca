package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
)

// ErrNo ends a command with status 1 and prints nothing: the network said no, and the command has said how.
// Wrapped with more text (fmt.Errorf("…: %w", ErrNo)) that text is printed as an error is.
var ErrNo = errors.New("no")

// Hinted is an error that knows what to do about it. The hint is printed on a line of its own, or on several.
type Hinted interface {
	error
	Hint() string
}

type hintedError struct {
	error
	hint string
}

func (e *hintedError) Hint() string  { return e.hint }
func (e *hintedError) Unwrap() error { return e.error }

// WithHint adds to err what to do about it, if possible the exact command. A nil err stays nil.
func WithHint(err error, format string, a ...any) error {
	if err == nil {
		return nil
	}
	return &hintedError{err, fmt.Sprintf(format, a...)}
}

// Usagef is an error in how the command was called; its hint names --help.
func Usagef(format string, a ...any) error {
	return &usageError{fmt.Sprintf(format, a...)}
}

type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

// Join is errors.Join without repetition: an output that has failed fails each time it is used, and is to be told of
// once. Its text is one line.
func Join(errs ...error) error {
	var list joinedErrors
	for _, err := range errs {
		if err == nil || slices.ContainsFunc(list, func(told error) bool { return tells(told.Error(), err.Error()) }) {
			continue
		}
		if more, ok := err.(joinedErrors); ok {
			list = append(list, more...)
		} else {
			list = append(list, err)
		}
	}
	switch len(list) {
	case 0:
		return nil
	case 1:
		return list[0]
	}
	return list
}

// tells tells whether a text says what another does, perhaps with more about where.
func tells(told, text string) bool { return told == text || strings.HasSuffix(told, ": "+text) }

type joinedErrors []error

func (list joinedErrors) Unwrap() []error { return list }

func (list joinedErrors) Error() string {
	texts := make([]string, len(list))
	for i, err := range list {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "; ")
}

// oneLine is the text of an error, that of joined ones on one line: errors.Join gives a line to each, the same
// included.
func oneLine(err error) string {
	var joined interface{ Unwrap() []error }
	if !errors.As(err, &joined) {
		return err.Error()
	}
	var lines []string
	for line := range strings.SplitSeq(err.Error(), "\n") {
		if !slices.ContainsFunc(lines, func(told string) bool { return tells(told, line) }) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "; ")
}

// report prints err as "name: error" and "name: hint: …", and returns the exit status that it means.
func report(w io.Writer, name string, err error) int {
	if err == nil {
		return ExitOK
	}
	if err == ErrNo {
		return ExitNo
	}
	hint := ""
	var hinted Hinted
	var usage *usageError
	switch {
	case errors.As(err, &hinted):
		hint = hinted.Hint()
	case errors.As(err, &usage):
		hint = "see " + name + " --help"
	case errors.Is(err, syscall.EPIPE):
		err = errors.New("standard output was closed before everything was written")
		hint = "the reader ended first; what was not written is lost"
	case errors.Is(err, syscall.EMFILE):
		hint = FilesHint
	case errors.Is(err, os.ErrPermission) && !ofFileOrPort(err):
		hint = privilegeHint()
	}
	text := oneLine(err)
	if errors.Is(err, ErrNo) {
		text = strings.TrimSuffix(text, ": "+ErrNo.Error())
	}
	fmt.Fprintf(w, "%s: %s\n", name, Escape(text))
	printHint(w, name, hint)
	if errors.Is(err, ErrNo) {
		return ExitNo
	}
	return ExitError
}

// FilesHint says what to do when a program may open no more files or sockets.
const FilesHint = "this program may have no more files and sockets open: ulimit -n shows the limit, ulimit -n 4096 raises it"

// printHint writes what to do; the lines of a longer hint, such as a text and a caret under it, stand below each other.
func printHint(w io.Writer, name, hint string) {
	if hint == "" {
		return
	}
	label := "hint: "
	for line := range strings.SplitSeq(hint, "\n") {
		fmt.Fprintf(w, "%s: %s%s\n", name, label, Escape(line))
		label = "      "
	}
}

// ofFileOrPort tells whether an error is that of a file, or of listening at an address, which no right of raw sockets
// helps.
func ofFileOrPort(err error) bool {
	var file *fs.PathError
	var port *net.OpError
	return errors.As(err, &file) || errors.As(err, &port) && port.Op == "listen" && strings.HasPrefix(port.Net, "tcp")
}

// privilegeHint says how this very program gets the right to open raw sockets.
func privilegeHint() string {
	exe, err := os.Executable()
	if err != nil {
		exe = "the program"
	}
	return "raw sockets and captures need cap_net_raw: sudo setcap cap_net_raw+ep " + exe
}
