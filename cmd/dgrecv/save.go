package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

// saver writes each payload to a new file in one directory. What is there stays as it is, and nothing is followed: the
// payload is a stranger's, and so may be the directory. A nil saver saves nothing.
type saver struct {
	dir  *os.Root
	next int // number of the next file
}

func openSaver(dir string) (*saver, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("--save: %w", err)
	}
	s := &saver{dir: root}
	if err := s.number(); err != nil {
		root.Close()
		return nil, fmt.Errorf("--save: %w", err)
	}
	return s, nil
}

const savedSuffix = ".bin"

// number makes the next file's number one more than the largest there is.
func (s *saver) number() error {
	d, err := s.dir.Open(".")
	if err != nil {
		return err
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil {
		return err
	}
	for _, name := range names {
		digits, ok := strings.CutSuffix(name, savedSuffix)
		if n, err := strconv.ParseUint(digits, 10, 48); ok && err == nil && int(n) > s.next {
			s.next = int(n)
		}
	}
	s.next++
	return nil
}

// save returns the name of the file it wrote.
func (s *saver) save(payload []byte) (name string, err error) {
	if s == nil {
		return "", nil
	}
	for tries := 0; ; tries++ {
		name = fmt.Sprintf("%08d%s", s.next, savedSuffix)
		err = s.create(name, payload)
		if !errors.Is(err, fs.ErrExist) || tries == 100 {
			break
		}
		if err = s.number(); err != nil { // another one saves here too
			break
		}
	}
	if err != nil {
		return "", fmt.Errorf("--save: %w", err)
	}
	s.next++
	return name, nil
}

// create writes a file that is not there yet. One that could not be written as a whole is taken away again.
func (s *saver) create(name string, payload []byte) error {
	f, err := s.dir.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(payload)
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err != nil {
		_ = s.dir.Remove(name)
	}
	return err
}

func (s *saver) close() {
	if s != nil {
		s.dir.Close()
	}
}
