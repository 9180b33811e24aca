package table

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/parquet-go/parquet-go"
)

// file is a file that gets its name when it is complete.
type file struct {
	name string // that it gets
	over bool   // and may take from another file
	os   *os.File
	w    *parquet.GenericWriter[any]
	size atomic.Int64
}

// Write counts what is written.
func (f *file) Write(b []byte) (int, error) {
	n, err := f.os.Write(b)
	f.size.Add(int64(n))
	return n, err
}

// create begins a file. Until it is complete it is called .NAME.part.
func create(name string, over bool, s *Schema, cfg *Config) (*file, error) {
	dir, base := filepath.Split(name)
	if !over {
		if _, err := os.Lstat(name); err == nil {
			return nil, fmt.Errorf("table: %s: %w", name, fs.ErrExist)
		}
	} else if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("table: %s is no file: a table is written beside its place, and takes it when it is complete", name)
	}
	part := filepath.Join(dir, "."+base+".part")
	// What a killed pktview left of the same name is of no use to anybody.
	switch err := os.Remove(part); {
	case err == nil && cfg.Warn != nil:
		cfg.Warn(fmt.Sprintf("%s was left by one that was killed, not complete: it is removed", part))
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("table: %w", err)
	}
	f := &file{name: name, over: over}
	var err error
	if f.os, err = os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644); err != nil {
		return nil, fmt.Errorf("table: %w", err)
	}
	f.w = parquet.NewGenericWriter[any](f, s.options(about(cfg))...)
	return f, nil
}

// Incomplete is the error of a file that could not be written to its end. There is nothing of its name.
type Incomplete struct {
	Name string
	Err  error
}

func (e *Incomplete) Error() string {
	return fmt.Sprintf("table: %s is not written: %v; what there was of it is removed", e.Name, e.Err)
}

func (e *Incomplete) Unwrap() error { return e.Err }

// complete ends the file and gives it its name.
func (f *file) complete() error {
	err := f.w.Close()
	if err == nil {
		err = f.os.Sync()
	}
	if closing := f.os.Close(); err == nil {
		err = closing
	}
	switch {
	case err != nil:
	case f.over:
		err = os.Rename(f.os.Name(), f.name)
	default:
		if err = os.Link(f.os.Name(), f.name); err == nil {
			err = os.Remove(f.os.Name())
		} else if !errors.Is(err, fs.ErrExist) { // a file system without links
			if _, there := os.Lstat(f.name); errors.Is(there, fs.ErrNotExist) {
				err = os.Rename(f.os.Name(), f.name)
			}
		}
	}
	if err != nil {
		os.Remove(f.os.Name())
		return &Incomplete{f.name, err}
	}
	return nil
}

// abandon removes what there is of the file.
func (f *file) abandon(why error) error {
	f.os.Close()
	os.Remove(f.os.Name())
	return &Incomplete{f.name, why}
}
