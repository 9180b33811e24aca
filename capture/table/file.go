package table

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// file is a file that gets its name when it is complete.
type file struct {
	name   string // that it gets
	over   bool   // and may take from another file
	os     *os.File
	w      *bufio.Writer
	at     int64 // bytes so far
	size   atomic.Int64
	footer *format.FileMetaData
	paths  [][]string // of the columns in the schema
}

// magic is what a file begins and ends with.
const magic = "PAR1"

// writeBytes is how much is written at once.
const writeBytes = 256 << 10

// Write counts what is written.
func (f *file) Write(b []byte) (int, error) {
	n, err := f.w.Write(b)
	f.at += int64(n)
	return n, err
}

// commit writes a row group, whose columns are finished, and begins the next.
func (f *file) commit(columns []*pages, rows int64) error {
	if rows == 0 {
		return nil
	}
	if len(f.footer.RowGroups) == math.MaxInt16 {
		return fmt.Errorf("%d row groups are as many as a file may have: write several, by -G or --rotate-count", len(f.footer.RowGroups))
	}
	g := format.RowGroup{NumRows: rows, FileOffset: f.at, Ordinal: int16(len(f.footer.RowGroups))}
	for i, p := range columns {
		m := p.meta
		m.PathInSchema = f.paths[i]
		dictionary, data := p.done[p.first:], p.done[:p.first]
		if len(dictionary) > 0 {
			m.DictionaryPageOffset = f.at
		}
		m.DataPageOffset = f.at + int64(len(dictionary))
		for _, b := range [][]byte{dictionary, data} {
			if _, err := f.Write(b); err != nil {
				return err
			}
		}
		g.Columns = append(g.Columns, format.ColumnChunk{MetaData: m})
		g.TotalByteSize += m.TotalUncompressedSize
		g.TotalCompressedSize += m.TotalCompressedSize
		p.reset()
	}
	f.footer.RowGroups = append(f.footer.RowGroups, g)
	f.footer.NumRows += rows
	f.size.Store(f.at)
	return nil
}

// end writes the footer.
func (f *file) end() error {
	begun := f.at
	var protocol thrift.CompactProtocol
	if err := thrift.NewEncoder(protocol.NewWriter(f)).Encode(f.footer); err != nil {
		return err
	}
	if _, err := f.Write(append(binary.LittleEndian.AppendUint32(nil, uint32(f.at-begun)), magic...)); err != nil {
		return err
	}
	return f.w.Flush()
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
	if f.footer, err = s.footer(about(cfg)); err != nil {
		return nil, fmt.Errorf("table: %w", err)
	}
	f.paths = s.paths()
	if f.os, err = os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644); err != nil {
		return nil, fmt.Errorf("table: %w", err)
	}
	f.w = bufio.NewWriterSize(f.os, writeBytes)
	_, err = f.Write([]byte(magic))
	return f, err
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
	err := f.end()
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
