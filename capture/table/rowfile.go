package table

// rowFile writes the rows of a table that has fewer of them than packets, by the goroutine that has them.
type rowFile struct {
	file    *file
	columns []*pages
	rows    *rows // gathered, and the row to come
	written int64 // of the row group
}

func createRows(name string, s *Schema, cfg *Config) (*rowFile, error) {
	f, err := create(name, false, s, cfg)
	if err != nil {
		return nil, err
	}
	return &rowFile{file: f, columns: newPages(s), rows: newRows(s)}, nil
}

// next completes the row.
func (w *rowFile) next() error {
	w.rows.next()
	if w.rows.n < chunkRows {
		return nil
	}
	return w.flush(false)
}

func (w *rowFile) flush(last bool) error {
	if err := w.rows.encode(0, len(w.columns), w.columns); err != nil {
		return &Incomplete{w.file.name, err}
	}
	w.written += int64(w.rows.n)
	w.rows.reset()
	if !last && w.written < groupRows && w.size() < groupBytes {
		return nil
	}
	if err := finish(w.columns); err != nil {
		return &Incomplete{w.file.name, err}
	}
	if err := w.file.commit(w.columns, w.written); err != nil {
		return &Incomplete{w.file.name, err}
	}
	w.written = 0
	return nil
}

// size is how many bytes the row group has so far.
func (w *rowFile) size() (n int64) {
	for _, p := range w.columns {
		n += p.size()
	}
	return n
}

func (w *rowFile) close() error {
	if err := w.flush(true); err != nil {
		return w.file.abandon(err)
	}
	return w.file.complete()
}
