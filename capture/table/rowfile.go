package table

import (
	"github.com/parquet-go/parquet-go"
)

// rowFile writes the rows of a table that has fewer of them than packets, by the goroutine that has them.
type rowFile struct {
	file    *file
	group   *parquet.ConcurrentRowGroupWriter
	columns []*parquet.ColumnWriter
	values  []parquet.Value
	rows    *rows // gathered, and the row to come
	written int64 // of the row group
}

func createRows(name string, s *Schema, cfg *Config) (*rowFile, error) {
	f, err := create(name, false, s, cfg)
	if err != nil {
		return nil, err
	}
	w := &rowFile{file: f, group: f.w.BeginRowGroup(), rows: newRows(s)}
	w.columns = w.group.ColumnWriters()
	return w, nil
}

// next completes the row.
func (w *rowFile) next() error {
	w.rows.next()
	if w.rows.n < chunkRows {
		return nil
	}
	return w.flush(false)
}

func (w *rowFile) flush(last bool) (err error) {
	if w.values, err = w.rows.encode(0, len(w.columns), w.columns, w.values); err != nil {
		return &Incomplete{w.file.name, err}
	}
	w.written += int64(w.rows.n)
	w.rows.reset()
	if last || w.written >= groupRows || w.group.Size() >= groupBytes {
		w.written = 0
		if _, err := w.group.Commit(); err != nil {
			return &Incomplete{w.file.name, err}
		}
	}
	return nil
}

func (w *rowFile) close() error {
	if err := w.flush(true); err != nil {
		return w.file.abandon(err)
	}
	return w.file.complete()
}
