package table

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// noDate is where rows without a time go, by the name that Hive gave to such.
const noDate = "__HIVE_DEFAULT_PARTITION__"

// partOf returns the directory of a time: date=2026-01-02/hour=03, in UTC.
func partOf(t time.Time) string {
	if t.IsZero() || t.Before(firstTime) || t.After(lastTime) {
		return "date=" + noDate + "/hour=" + noDate
	}
	return t.UTC().Format("date=2006-01-02/hour=15")
}

// closer is a file that is written.
type closer interface{ close() error }

// parts are the files of one table, one for each hour that rows come of. A file of an hour that no row came of for
// longest is completed when there are too many; should more come, there is another.
type parts[F closer] struct {
	dir    string // of the table
	run    string
	create func(name string) (F, error)
	most   int // open at a time
	files  int // so far
	hour   int64
	open   []part[F] // used last first
}

type part[F closer] struct {
	name string
	file F
}

// at returns the file for the rows of a time.
func (p *parts[F]) at(t time.Time) (F, error) {
	hour := t.Unix() / 3600
	if len(p.open) > 0 && hour == p.hour && !t.IsZero() {
		return p.open[0].file, nil
	}
	p.hour = hour
	name := partOf(t)
	for i := range p.open {
		if p.open[i].name == name {
			found := p.open[i]
			p.open = slices.Insert(slices.Delete(p.open, i, i+1), 0, found)
			return found.file, nil
		}
	}
	var none F
	if len(p.open) == p.most {
		last := p.open[p.most-1]
		p.open = p.open[:p.most-1]
		if err := last.file.close(); err != nil {
			return none, err
		}
	}
	dir := filepath.Join(p.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return none, fmt.Errorf("table: %w", err)
	}
	for {
		p.files++
		f, err := p.create(filepath.Join(dir, fmt.Sprintf("%s-%05d.parquet", p.run, p.files)))
		if errors.Is(err, fs.ErrExist) {
			continue // there is none of this run, which nobody else has
		}
		if err == nil {
			p.open = slices.Insert(p.open, 0, part[F]{name, f})
		}
		return f, err
	}
}

// settle completes the files of hours before one.
func (p *parts[F]) settle(hour string) (first error) {
	p.open = slices.DeleteFunc(p.open, func(o part[F]) bool {
		if o.name >= hour || strings.Contains(o.name, noDate) {
			return false
		}
		if err := o.file.close(); first == nil {
			first = err
		}
		return true
	})
	p.hour = math.MinInt64
	return first
}

// close completes all files.
func (p *parts[F]) close() error {
	var first error
	for _, o := range p.open {
		if err := o.file.close(); first == nil {
			first = err
		}
	}
	p.open = nil
	return first
}
