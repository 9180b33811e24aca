// Package table writes captures as tables of typed columns, in Parquet, for engines such as DuckDB, ClickHouse, Spark
// and Trino.
//
// A Packets writer makes one file with a row for each packet; Tables makes a directory with packets, flows, streams,
// messages and drops, parted by day and hour. Columns have the names and types of the fields of pktview's --json where
// there is such a field; SCHEMA.md lists them, and a test freezes them: columns may be added, none is renamed, removed
// or made of another type.
//
// A file has its name only when it is complete. Until then it is hidden beside its place, as .NAME.part, which no
// engine picks up: after a kill what is complete reads, and the rest is not seen. Memory is bounded by the number of
// rows that are gathered, not by the file.
package table
