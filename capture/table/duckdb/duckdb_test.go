package duckdb

import (
	"database/sql"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	_ "github.com/duckdb/duckdb-go/v2"

	"sockwire/capture"
	"sockwire/capture/decode"
	"sockwire/capture/table"
	"sockwire/capture/table/tabletest"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB) *sql.DB {
	t.Helper()
	db, err := sql.Open("duckdb", "")
	must(t, err)
	t.Cleanup(func() { db.Close() })
	_, err = db.Exec("set timezone = 'UTC'; set memory_limit = '1GB'; set threads = 2")
	must(t, err)
	return db
}

// rowsOf returns the rows of a query, values as tabletest has them.
func rowsOf(t testing.TB, db *sql.DB, query string) (names []string, all []tabletest.Row) {
	t.Helper()
	rows, err := db.Query(query)
	if err != nil {
		t.Fatalf("%v\n%s", err, query)
	}
	defer rows.Close()
	names, err = rows.Columns()
	must(t, err)
	values := make([]any, len(names))
	to := make([]any, len(names))
	for i := range values {
		to[i] = &values[i]
	}
	for rows.Next() {
		must(t, rows.Scan(to...))
		r := tabletest.Row{}
		for i, v := range values {
			if text, ok := textOf(v); ok {
				r[names[i]] = text
			}
		}
		all = append(all, r)
	}
	must(t, rows.Err())
	return names, all
}

func textOf(v any) (string, bool) {
	switch v := v.(type) {
	case nil:
		return "", false
	case []byte:
		return hex.EncodeToString(v), true
	case time.Time:
		return tabletest.Stamp(v), true
	case []any:
		if len(v) == 0 {
			return "", false
		}
		parts := make([]string, len(v))
		for i := range v {
			parts[i], _ = textOf(v[i])
		}
		return strings.Join(parts, "|"), true
	}
	return fmt.Sprint(v), true
}

// columns selects the columns of a table, times so that they keep their nanoseconds.
func columns(s *table.Schema) string {
	var list []string
	for _, c := range s.Columns {
		list = append(list, `"`+c.Name+`"`)
	}
	return strings.Join(list, ", ")
}

// Every value of the corpus is what --json has, read by DuckDB.
func TestEveryValueIsWhatJSONSays(t *testing.T) {
	name := filepath.Join(t.TempDir(), "all.parquet")
	w, err := table.CreatePackets(name, &table.Config{Run: "here"})
	must(t, err)
	var want []tabletest.Row
	var d decode.Decoder
	var p decode.Packet
	for _, file := range tabletest.Corpus(t) {
		for _, f := range tabletest.Frames(t, file) {
			_ = d.Decode(f, &p)
			p.Number = uint64(len(want) + 1)
			row := tabletest.Parse(t, tabletest.Line(&p)).Want()
			row["run"] = "here"
			want = append(want, row)
			must(t, w.Write(&f))
		}
	}
	must(t, w.Close())
	_, got := rowsOf(t, open(t), "select "+columns(table.Packets)+" from read_parquet('"+name+"') order by number")
	if len(got) != len(want) {
		t.Fatalf("%d rows of %d packets", len(got), len(want))
	}
	for i := range want {
		if diff := tabletest.Diff(got[i].Sorted("more"), want[i].Sorted("more")); diff != "" {
			t.Fatalf("packet %d %s: %s", i+1, want[i]["layers"], diff)
		}
	}
	t.Logf("%d packets", len(want))
}

// Of the other tables, DuckDB reads what parquet-go's own reader reads.
func TestBothReadersAgree(t *testing.T) {
	dir := t.TempDir()
	w, err := table.CreateTables(dir, nil)
	must(t, err)
	for _, file := range tabletest.Corpus(t) {
		for _, f := range tabletest.Frames(t, file) {
			f.Time = time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
			must(t, w.Write(&f))
		}
	}
	must(t, w.Close())
	db := open(t)
	for _, s := range table.Schemas() {
		files, _ := filepath.Glob(filepath.Join(dir, s.Name, "*", "*", "*.parquet"))
		for _, file := range files {
			want := tabletest.Read(t, file, s)
			_, got := rowsOf(t, db, "select "+columns(s)+" from read_parquet('"+file+"')")
			if len(got) != len(want) {
				t.Errorf("%s: DuckDB has %d rows, parquet-go %d", s.Name, len(got), len(want))
				continue
			}
			for i := range want {
				if diff := tabletest.Diff(got[i], want[i]); diff != "" {
					t.Errorf("%s row %d: %s", s.Name, i, diff)
					break
				}
			}
			t.Logf("%s: %d rows", s.Name, len(got))
		}
	}
}

// queries are those of the page, by number.
func queries(t *testing.T, lake string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "cmd", "pktview", "doc", "queries.sql"))
	must(t, err)
	found := map[string]string{}
	begins := regexp.MustCompile(`(?m)^-- (\d+)\. .*\n`)
	places := begins.FindAllSubmatchIndex(text, -1)
	for i, at := range places {
		end := len(text)
		if i+1 < len(places) {
			end = places[i+1][0]
		}
		found[string(text[at[2]:at[3]])] = strings.ReplaceAll(string(text[at[1]:end]), "'lake/", "'"+lake+"/")
	}
	if len(found) != 10 {
		t.Fatalf("%d queries, want ten", len(found))
	}
	return found
}

var hour = time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)

// conversation are the packets that the queries are asked of, and what is known of each.
func conversation(t *testing.T) []capture.Frame {
	var all []capture.Frame
	for i, s := range scene(t) {
		all = append(all, capture.Frame{Data: s, Length: len(s), Link: capture.LinkRaw, Time: hour.Add(time.Duration(i) * 100 * time.Millisecond)})
	}
	all[3].Drops = 5
	all[len(all)-1].Drops = 2
	return all
}

// Each of the ten queries gives what a plain computation in Go gives.
func TestTenQueries(t *testing.T) {
	lake := filepath.ToSlash(t.TempDir())
	w, err := table.CreateTables(lake, nil)
	must(t, err)
	frames := conversation(t)
	for i := range frames {
		must(t, w.Write(&frames[i]))
	}
	must(t, w.Close())
	db := open(t)
	asked := queries(t, lake)
	for number, want := range answers(t, frames) {
		names, rows := rowsOf(t, db, asked[number])
		var got []string
		for _, r := range rows {
			var line []string
			for _, n := range names {
				if n != "community_id" {
					line = append(line, r[n])
				}
			}
			got = append(got, strings.Join(line, " "))
		}
		if !slices.Equal(got, want) {
			t.Errorf("query %s:\n%s\nwant\n%s", number, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if len(want) == 0 {
			t.Errorf("query %s: nothing is expected, which judges nothing", number)
		}
	}
}

// A condition on date and hour leaves out the files of other hours, by DuckDB's own account.
func TestPartsAreLeftOut(t *testing.T) {
	lake := filepath.ToSlash(t.TempDir())
	w, err := table.CreateTables(lake, nil)
	must(t, err)
	one := conversation(t)[0]
	rows := 2000
	if os.Getenv("TABLE_FULL") == "partitions" {
		rows = 10_000_000
	}
	for i := range rows {
		one.Time = hour.Add(time.Duration(i) * (10 * time.Hour / time.Duration(rows)))
		must(t, w.Write(&one))
	}
	must(t, w.Close())
	db := open(t)
	query := "from read_parquet('" + lake + "/packets/**/*.parquet', hive_partitioning = true) where date = '2026-01-02' and hour = '05'"
	_, count := rowsOf(t, db, "select count(length) as n "+query)
	if want := fmt.Sprint(rows / 10); count[0]["n"] != want {
		t.Errorf("%s rows of the hour, want %s", count[0]["n"], want)
	}
	_, plan := rowsOf(t, db, "explain analyze select sum(length) "+query)
	text := fmt.Sprint(plan)
	if found := regexp.MustCompile(`Scanning Files: 1/10`).FindString(text); found == "" {
		t.Errorf("not only the file of the hour is read: %s", text)
	}
}
