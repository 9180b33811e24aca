package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"sockwire/capture/save"
)

// saver writes each payload to a new file in one directory. A nil saver saves nothing.
type saver struct {
	dir  *save.Dir
	next int // number of the next file
}

func openSaver(dir string) (*saver, error) {
	d, err := save.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("--save: %w", err)
	}
	s := &saver{dir: d}
	if err := s.number(); err != nil {
		d.Close()
		return nil, fmt.Errorf("--save: %w", err)
	}
	return s, nil
}

const savedSuffix = ".bin"

// number makes the next file's number one more than the largest there is.
func (s *saver) number() error {
	names, err := s.dir.Names()
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
		err = s.dir.Write(name, payload)
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

func (s *saver) close() {
	if s != nil {
		s.dir.Close()
	}
}
