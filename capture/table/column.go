package table

import (
	"bytes"
	"fmt"
	"math"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// Kind is the type of a column's values.
type Kind uint8

// Kinds of values. Every kind but Flag is a dictionary where values come again, which most do.
const (
	Text    Kind = iota // UTF-8
	Address             // 16 bytes; IPv4 is ::ffff:a.b.c.d, so that addresses sort and ranges are comparisons
	Bytes               // of any length
	Flag                // true or false
	U8
	U16
	U32
	U64
	I32
	I64
	Float
	Time // nanoseconds since 1970, UTC
)

var kindNames = [...]string{"text", "16 bytes", "bytes", "boolean", "uint8", "uint16", "uint32", "uint64", "int32", "int64", "double", "timestamp (ns, UTC)"}

// String returns the kind as the page of the schema has it.
func (k Kind) String() string { return kindNames[k] }

// Column is one column of a table.
type Column struct {
	Name   string
	Kind   Kind
	List   bool   // any number of values
	Full   bool   // never null
	Seldom bool   // of a Full Flag: it is false in rows where it is not put
	Rare   bool   // values hardly come again: no dictionary
	JSON   string // where --json has the value; "" where it is computed
	Text   string // what it says
}

// Schema is the columns of a table.
type Schema struct {
	Name    string
	Text    string
	Columns []Column
	once    sync.Once
	made    *parquet.Schema
}

// node returns the column as parquet-go describes it.
func (c *Column) node() parquet.Node {
	var n parquet.Node
	switch c.Kind {
	case Text:
		n = parquet.String()
	case Address:
		n = parquet.Leaf(parquet.FixedLenByteArrayType(16))
	case Bytes:
		n = parquet.Leaf(parquet.ByteArrayType)
	case Flag:
		n = parquet.Leaf(parquet.BooleanType)
	case U8:
		n = parquet.Uint(8)
	case U16:
		n = parquet.Uint(16)
	case U32:
		n = parquet.Uint(32)
	case U64:
		n = parquet.Uint(64)
	case I32:
		n = parquet.Int(32)
	case I64:
		n = parquet.Int(64)
	case Float:
		n = parquet.Leaf(parquet.DoubleType)
	case Time:
		n = parquet.TimestampAdjusted(parquet.Nanosecond, false) // adjusted, DuckDB would cut it to microseconds
	}
	switch {
	case c.Kind == Flag:
	case !c.Rare:
		n = parquet.Encoded(n, &parquet.RLEDictionary)
	case c.deltas():
		n = parquet.Encoded(n, &parquet.DeltaBinaryPacked)
	}
	switch {
	case c.List:
		n = parquet.List(n)
	case !c.Full:
		n = parquet.Optional(n)
	}
	return n
}

// deltas tells whether the differences of the column's numbers are smaller than they are.
func (c *Column) deltas() bool {
	return c.Rare && (c.Kind == Time || c.Kind == U64 || c.Kind == I64 || c.Kind == U16)
}

func newSchema(name, text string, columns []Column) *Schema {
	return &Schema{Name: name, Text: text, Columns: columns}
}

// parquet returns the schema as parquet-go has it, made when it is first asked for: programs start sooner.
func (s *Schema) parquet() *parquet.Schema {
	s.once.Do(func() {
		g := ordered{Group: parquet.Group{}}
		for i := range s.Columns {
			c := &s.Columns[i]
			if _, twice := g.Group[c.Name]; twice {
				panic("table: column " + s.Name + "." + c.Name + " is there twice")
			}
			g.Group[c.Name] = c.node()
			g.names = append(g.names, c.Name)
		}
		s.made = parquet.NewSchema(s.Name, g)
	})
	return s.made
}

// ordered is a group whose fields keep the order in which they are listed.
type ordered struct {
	parquet.Group
	names []string
}

func (g ordered) Fields() []parquet.Field {
	byName := map[string]parquet.Field{}
	for _, f := range g.Group.Fields() {
		byName[f.Name()] = f
	}
	fields := make([]parquet.Field, 0, len(g.names))
	for _, name := range g.names {
		fields = append(fields, byName[name])
	}
	return fields
}

func (g ordered) GoType() reflect.Type { return g.Group.GoType() }

func named(columns []Column, name string) bool {
	for i := range columns {
		if columns[i].Name == name {
			return true
		}
	}
	return false
}

// index returns the place of a column.
func (s *Schema) index(name string) int {
	for i := range s.Columns {
		if s.Columns[i].Name == name {
			return i
		}
	}
	panic(fmt.Sprintf("table: %s has no column %s", s.Name, name))
}

// paths returns where each column is in the schema.
func (s *Schema) paths() [][]string { return s.parquet().Columns() }

// footer returns what stands at the end of a file that has no rows: the schema as parquet-go writes it, and about.
func (s *Schema) footer(about map[string]string) (*format.FileMetaData, error) {
	o := []parquet.WriterOption{s.parquet(), parquet.CreatedBy("pktview", about["version"], "")}
	for k, v := range about {
		o = append(o, parquet.KeyValueMetadata("sockwire."+k, v))
	}
	var b bytes.Buffer
	if err := parquet.NewGenericWriter[any](&b, o...).Close(); err != nil {
		return nil, err
	}
	f, err := parquet.OpenFile(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		return nil, err
	}
	return f.Metadata(), nil
}

const (
	// groupRows is how many rows are in a row group: as many as DuckDB takes for a thread.
	groupRows = 122_880
	// groupBytes ends a row group earlier, so that long texts do not fill the memory.
	groupBytes = 64 << 20
)

// chunkRows is how many packets go from hand to hand: few enough for their columns to stay in a cache.
const chunkRows = 512

// rows gathers rows by columns: of each column its values, and the rows that they are of.
type rows struct {
	schema *Schema
	n      int // rows that are complete
	cols   []cells
}

// cells are the values of one column: numbers or strings.
type cells struct {
	rows    []uint16 // of a column that is not Full: which row each value is of
	numbers []uint64
	strings []string
	seen    int  // the row of the last value, plus 1
	full    bool // each row has a value, so there are no rows
}

func newRows(s *Schema) *rows {
	r := &rows{schema: s, cols: make([]cells, len(s.Columns))}
	for i := range r.cols {
		r.cols[i].full = s.Columns[i].Full && !s.Columns[i].Seldom
	}
	return r
}

func (r *rows) reset() {
	r.n = 0
	for i := range r.cols {
		c := &r.cols[i]
		c.rows, c.numbers, c.strings, c.seen = c.rows[:0], c.numbers[:0], c.strings[:0], 0
	}
}

// number sets column i of the row that is written, or adds to its list.
func (r *rows) number(i int, v uint64) {
	c := &r.cols[i]
	if !c.full {
		c.rows = append(c.rows, uint16(r.n))
	}
	c.numbers = append(c.numbers, v)
	c.seen = r.n + 1
}

// has tells whether column i has a value in the row that is written.
func (r *rows) has(i int) bool { return r.cols[i].seen > r.n }

func (r *rows) flag(i int, v bool) {
	n := uint64(0)
	if v {
		n = 1
	}
	r.number(i, n)
}

func (r *rows) float(i int, v float64) { r.number(i, math.Float64bits(v)) }

// text sets a text that nobody changes.
func (r *rows) text(i int, s string) {
	c := &r.cols[i]
	if !c.full {
		c.rows = append(c.rows, uint16(r.n))
	}
	c.strings = append(c.strings, s)
	c.seen = r.n + 1
}

// outside is text for what may be no UTF-8.
func (r *rows) outside(i int, s string) { r.text(i, strings.ToValidUTF8(s, "\uFFFD")) }

// next completes the row.
func (r *rows) next() { r.n++ }

// encode adds the rows' values of columns [from, to) to their pages.
func (r *rows) encode(from, to int, columns []*pages) error {
	for i := from; i < to; i++ {
		if err := columns[i].add(&r.cols[i], r.n); err != nil {
			return fmt.Errorf("column %s: %w", r.schema.Columns[i].Name, err)
		}
	}
	return nil
}

// The times that fit into a TIMESTAMP(NANOS).
var (
	firstTime = time.Unix(0, math.MinInt64)
	lastTime  = time.Unix(0, math.MaxInt64)
)

// when sets the time, or where that is beyond what nanoseconds in 64 bits hold (1677 to 2262), its text in the column
// beyond.
func (r *rows) when(i, beyond int, t time.Time) {
	switch {
	case t.IsZero():
	case t.Before(firstTime) || t.After(lastTime):
		if beyond >= 0 {
			r.text(beyond, t.UTC().Format("2006-01-02T15:04:05.000000000Z"))
		}
	default:
		r.number(i, uint64(t.UnixNano()))
	}
}
