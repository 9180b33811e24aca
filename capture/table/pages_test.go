package table

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/rle"
)

// Levels are read by parquet-go as they were put.
func TestLevels(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		var b bitset
		var want []byte
		for range random.IntN(12) {
			n := []int{0, 1, 7, 8, 63, 64, 65, 130, 500}[random.IntN(9)]
			switch random.IntN(3) {
			case 0:
				b.zeros(n)
				want = append(want, make([]byte, n)...)
			case 1:
				b.ones(n)
				want = append(want, bytes.Repeat([]byte{1}, n)...)
			default:
				at := b.n
				b.zeros(n)
				for i := range n {
					bit := byte(random.IntN(2))
					want = append(want, bit)
					if bit == 1 {
						b.set(at + i)
					}
				}
			}
		}
		got, err := (&rle.Encoding{BitWidth: 1}).DecodeLevels(nil, b.appendLevels(nil))
		if err != nil || len(got) < len(want) || len(got) > (len(want)+7)/8*8 || !bytes.Equal(got[:len(want)], want) {
			t.Fatalf("%v: %v, want %v", err, got, want)
		}
		if b.count() != bytes.Count(want, []byte{1}) || len(b.appendBytes(nil)) != (len(want)+7)/8 {
			t.Fatalf("%d ones in %d bytes, want of %v", b.count(), len(b.appendBytes(nil)), want)
		}
	}
}

// odd makes a schema with a column of each kind in each form, and of each form one without a value.
func odd() *Schema {
	var columns []Column
	for kind := Text; kind <= Time; kind++ {
		name := fmt.Sprintf("k%d_", kind)
		columns = append(columns, Column{Name: name + "null", Kind: kind}, Column{Name: name + "full", Kind: kind, Full: true},
			Column{Name: name + "rare", Kind: kind, Rare: true}, Column{Name: name + "many", Kind: kind},
			Column{Name: name + "list", Kind: kind, List: true})
	}
	columns = append(columns, Column{Name: "never", Kind: Text}, Column{Name: "empty", Kind: U32, List: true}, Column{Name: "flag_never", Kind: Flag},
		Column{Name: "seldom", Kind: Flag, Full: true, Seldom: true}, Column{Name: "address", Kind: Text}, Column{Name: "address_bytes", Kind: Address})
	return newSchema("odd", "", columns)
}

// oddValue is value v of a kind as it is put, and as parquet-go returns it.
func oddValue(r *rows, i int, kind Kind, v uint64) string {
	switch kind {
	case Text, Bytes:
		s := fmt.Sprintf("text %d", v)
		r.text(i, s)
		return s
	case Address:
		s := fmt.Sprintf("%016d", v%1e16)
		r.text(i, s)
		return s
	case Flag:
		r.flag(i, v%2 == 1)
		return fmt.Sprint(v%2 == 1)
	case U8:
		v &= 0xff
	case U16:
		v &= 0xffff
	case U32:
		v &= 0xffff_ffff
	case I32:
		r.number(i, v)
		return fmt.Sprint(int32(v))
	case I64, Time:
		r.number(i, v)
		return fmt.Sprint(int64(v))
	case Float:
		r.float(i, float64(v)/3)
		return fmt.Sprint(float64(v) / 3)
	}
	r.number(i, v)
	return fmt.Sprint(v)
}

// textOf is a value as it was put.
func textOf(kind Kind, v parquet.Value) string {
	switch kind {
	case Text, Bytes, Address:
		return string(v.ByteArray())
	case Flag:
		return fmt.Sprint(v.Boolean())
	case U8, U16, U32:
		return fmt.Sprint(uint32(v.Int32()))
	case I32:
		return fmt.Sprint(v.Int32())
	case Float:
		return fmt.Sprint(v.Double())
	case U64:
		return fmt.Sprint(uint64(v.Int64()))
	}
	return fmt.Sprint(v.Int64())
}

// What is written is read by parquet-go: each kind in each form, over the borders of pages and row groups, with columns
// whose dictionary is given up, and bounds that all values keep.
func TestPagesAreReadBack(t *testing.T) {
	t.Parallel()
	s := odd()
	name := filepath.Join(t.TempDir(), "odd.parquet")
	w, err := createRows(name, s, &Config{Run: "here", Version: "1"})
	if err != nil {
		t.Fatal(err)
	}
	const n = groupRows + 700
	random := rand.New(rand.NewPCG(3, 4))
	want := make([][]string, len(s.Columns)) // values of a column, all rows'; a null is "-", and a list begins with its length
	for row := range n {
		for i := range s.Columns {
			c := &s.Columns[i]
			few := uint64(random.IntN(50))
			form := c.Name[len(c.Name)-4:]
			switch {
			case c.Name == "seldom":
				if row%100 == 3 {
					w.rows.flag(i, true)
				}
				want[i] = append(want[i], fmt.Sprint(row%100 == 3))
			case form == "ever" || form == "null" && row/3000%2 == 0 || form == "null" && row%3 == 0:
				want[i] = append(want[i], "-")
			case form == "mpty":
				want[i] = append(want[i], "0")
			case form == "list":
				k := 0
				if row/5000%3 > 0 {
					k = random.IntN(4)
				}
				want[i] = append(want[i], fmt.Sprint(k))
				for range k {
					want[i] = append(want[i], oddValue(w.rows, i, c.Kind, few))
				}
			case form == "many" || form == "rare":
				want[i] = append(want[i], oddValue(w.rows, i, c.Kind, random.Uint64()))
			default:
				want[i] = append(want[i], oddValue(w.rows, i, c.Kind, few))
			}
		}
		if err := w.next(); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, _ := f.Stat()
	file, err := parquet.OpenFile(f, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	if file.NumRows() != n || len(file.RowGroups()) != 2 {
		t.Fatalf("%d rows in %d groups, want %d in 2", file.NumRows(), len(file.RowGroups()), n)
	}
	if run, _ := file.Lookup("sockwire.run"); run != "here" {
		t.Errorf("run is %q", run)
	}
	for i := range s.Columns {
		checkColumn(t, s, i, file, want[i])
	}
}

func checkColumn(t *testing.T, s *Schema, i int, file *parquet.File, want []string) {
	c := &s.Columns[i]
	at := 0
	for g, group := range file.RowGroups() {
		chunk := group.ColumnChunks()[i].(*parquet.FileColumnChunk)
		least, most, bounded := chunk.Bounds()
		values := valuesOf(t, chunk)
		for k := 0; k < len(values); k++ {
			list := 1
			if c.List {
				list = 0
				for j := k; j < len(values) && !values[j].IsNull() && (j == k || values[j].RepetitionLevel() == 1); j++ {
					list++
				}
				if want[at] != fmt.Sprint(list) {
					t.Fatalf("%s: value %d is a list of %d, want %s", c.Name, at, list, want[at])
				}
				at++
				if list == 0 {
					continue
				}
			}
			for j := range list {
				v := values[k+j]
				got := "-"
				if !v.IsNull() {
					got = textOf(c.Kind, v)
					if bounded && (chunk.Type().Compare(v, least) < 0 || chunk.Type().Compare(v, most) > 0) {
						t.Fatalf("%s: group %d: %v is beyond its bounds %v to %v", c.Name, g, v, least, most)
					}
				}
				if got != want[at] {
					t.Fatalf("%s: value %d is %q, want %q", c.Name, at, got, want[at])
				}
				at++
			}
			k += list - 1
		}
		if !bounded && c.Kind != Text && c.Kind != Bytes && len(c.Name) > 5 && c.Name[len(c.Name)-4:] == "full" {
			t.Errorf("%s: group %d has no bounds", c.Name, g)
		}
	}
	if at != len(want) {
		t.Errorf("%s: %d values, want %d", c.Name, at, len(want))
	}
}

func valuesOf(t *testing.T, chunk *parquet.FileColumnChunk) (all []parquet.Value) {
	pages := chunk.Pages()
	defer pages.Close()
	for {
		page, err := pages.ReadPage()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		at := len(all)
		all = append(all, make([]parquet.Value, page.NumValues())...)
		n, err := page.Values().ReadValues(all[at:])
		if int64(n) != page.NumValues() || err != nil && !errors.Is(err, io.EOF) {
			t.Fatalf("%d of %d values: %v", n, page.NumValues(), err)
		}
	}
}

// A number has one place in a dictionary, and the same text one, wherever it is.
func TestDictionary(t *testing.T) {
	var d dictionary
	random := rand.New(rand.NewPCG(5, 6))
	for range 2 {
		numbers, texts := map[uint64]int32{}, map[string]int32{}
		for range 20_000 {
			v := random.Uint64N(3000) * 0x1_0000_0001
			at := d.number(v, 8)
			if was, known := numbers[v]; known && was != at || d.numbers[at] != v {
				t.Fatalf("%d is at %d and %d", v, at, was)
			}
			numbers[v] = at
		}
		d.reset()
		for range 20_000 {
			s := fmt.Sprint(random.IntN(3000))
			at := d.text(s)
			if was, known := texts[s]; known && was != at || d.strings[at] != s || d.text(s) != at {
				t.Fatalf("%q is at %d and %d", s, at, was)
			}
			texts[s] = at
		}
		if d.len() != len(texts) {
			t.Fatalf("%d texts of %d", d.len(), len(texts))
		}
		d.reset()
	}
	if math.MaxInt32 < d.len() || d.bytes != 0 {
		t.Errorf("%d values and %d bytes are left", d.len(), d.bytes)
	}
}
