package table_test

import (
	_ "embed"
	"fmt"
	"strings"
	"testing"

	"sockwire/capture/golden"
	"sockwire/capture/table"
)

//go:embed SCHEMA.md
var page string

const pageHead = `# The tables of pktview

A file of packets comes from ` + "`pktview -r FILE -w OUT.parquet`" + `, all tables from ` + "`pktview -r FILE --tables DIR`" + `, as
` + "`DIR/TABLE/date=2026-01-02/hour=03/RUN-00001.parquet`" + `. Date and hour are of the time in UTC and no columns of the files: engines read them from the
names. Rows without a time are in ` + "`date=__HIVE_DEFAULT_PARTITION__/hour=__HIVE_DEFAULT_PARTITION__`" + `.

Columns may be added; none is renamed, removed, or made of another type: a test stands for it. "--json" is where ` + "`pktview --json`" + ` has the
same value, of packets as they were captured (` + "`--defragment=false`" + `). A column may be null unless it says so; a list has no value then. Texts are UTF-8;
what was none has U+FFFD. Addresses are there as text, and as 16 bytes for ranges, IPv4 as ::ffff:a.b.c.d.

Times are TIMESTAMP(NANOS) in UTC, without a time zone of their own, so that DuckDB keeps the nanoseconds. They hold the years 1677 to 2262; of packets, others
stand in ` + "`time_beyond`" + ` as text. ` + "`run`" + ` tells
runs of pktview apart: numbers of packets, streams and flows are of one run.

What packets have no column for, and why:

- Headers that few packets have: what is asked for most of them has columns since (` + "`cooked_…`, `gre_…`, `esp_spi`, `igmp_…`" + ` and others at the end of the
  table); all of their fields, headers of tunnels in the middle, UDP inside of UDP, and IP and TCP options of other kinds stand in ` + "`more`" + `, a list of
  ` + "`layer.field=value`" + `. In DuckDB: ` + "`list_filter(more, x -> starts_with(x, 'gre.'))`" + `.
- Checksums' numbers where the status is good or unverified: the first follow from the packet, the second say nothing without what was cut off, and all of
  them would make a file a third larger.
- The header's length of IPv4 without options (20), the type of a VLAN tag where ` + "`layers`" + ` tells it, kinds and lengths of TCP options that have columns.
- Names of layers as a list: ` + "`string_split(layers, ':')`" + ` gives it.
- Of owners, the thread, user name, program, arguments, control group, container and unit: ` + "`comments`" + ` has them in words, on the first packet of each.
- Messages (DNS, HTTP, TLS) and ICMP beyond its first bytes have tables of their own; those of other applications, and payloads, are left out.
`

// TestSchema freezes the columns and their types: queries of users must not break. -update adds new ones to the page; a
// line that changes or goes is a break.
func TestSchema(t *testing.T) {
	var b strings.Builder
	b.WriteString(pageHead)
	for _, s := range table.Schemas() {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n| column | type | --json | |\n|---|---|---|---|\n", s.Name, s.Text)
		for _, c := range s.Columns {
			kind := c.Kind.String()
			if c.List {
				kind = "list of " + kind
			} else if c.Full {
				kind += ", never null"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", c.Name, kind, c.JSON, c.Text)
		}
	}
	got := b.String()
	if golden.Update(t, "SCHEMA.md", got) {
		return
	}
	for line := range strings.Lines(page) {
		if !strings.Contains(got, line) {
			t.Errorf("gone or changed: %s", line)
		}
	}
	if got != page && !t.Failed() {
		t.Error("SCHEMA.md lacks columns, or has them in another order: go test ./capture/table -run Schema -update adds them")
	}
}
