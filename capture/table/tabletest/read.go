// Package tabletest compares tables with what --json says, for tests of both readers.
package tabletest

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"sockwire/capture/table"
)

// Row is the values of a row by column, as text: numbers in decimal, times as RFC 3339, bytes in hexadecimal, lists
// with "|" between. A column that is null, and a list of nothing, is not in it.
type Row map[string]string

// Read returns all rows of a Parquet file, by parquet-go's own reader.
func Read(t testing.TB, name string, s *table.Schema) []Row {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	file, err := parquet.OpenFile(f, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	var all []Row
	for _, g := range file.RowGroups() {
		rows := g.Rows()
		buf := make([]parquet.Row, 64)
		for {
			n, err := rows.ReadRows(buf)
			for _, r := range buf[:n] {
				all = append(all, rowOf(t, s, r))
			}
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		rows.Close()
	}
	return all
}

func rowOf(t testing.TB, s *table.Schema, values parquet.Row) Row {
	r := Row{}
	for _, v := range values {
		if v.IsNull() {
			continue
		}
		c := &s.Columns[v.Column()]
		text := valueOf(c.Kind, v)
		if before, there := r[c.Name]; there {
			if !c.List {
				t.Fatalf("%s has two values", c.Name)
			}
			text = before + "|" + text
		}
		r[c.Name] = text
	}
	return r
}

func valueOf(kind table.Kind, v parquet.Value) string {
	switch kind {
	case table.Text:
		return string(v.ByteArray())
	case table.Address, table.Bytes:
		return hex.EncodeToString(v.ByteArray())
	case table.Flag:
		return strconv.FormatBool(v.Boolean())
	case table.U8, table.U16, table.U32:
		return strconv.FormatUint(uint64(v.Uint32()), 10)
	case table.U64:
		return strconv.FormatUint(v.Uint64(), 10)
	case table.I32:
		return strconv.FormatInt(int64(v.Int32()), 10)
	case table.I64:
		return strconv.FormatInt(v.Int64(), 10)
	case table.Float:
		return strconv.FormatFloat(v.Double(), 'g', -1, 64)
	}
	return Stamp(time.Unix(0, v.Int64()))
}

// Stamp is a time as --json has it.
func Stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000000Z") }

// Bytes16 is an address as the columns for ranges have it.
func Bytes16(address string) string {
	b := netip.MustParseAddr(address).As16()
	return hex.EncodeToString(b[:])
}

// Diff says how two rows differ, "" where they do not. Columns that ignore names are left out.
func Diff(got, want Row, ignore ...string) string {
	var b strings.Builder
	skip := map[string]bool{}
	for _, name := range ignore {
		skip[name] = true
	}
	for name, v := range want {
		if got[name] != v && !skip[name] {
			fmt.Fprintf(&b, "%s is %q, want %q; ", name, got[name], v)
		}
	}
	for name, v := range got {
		if _, there := want[name]; !there && !skip[name] {
			fmt.Fprintf(&b, "%s is %q, want none; ", name, v)
		}
	}
	return b.String()
}
