// Package duckdb tests that DuckDB reads the tables as they are meant. It is a module of its own: DuckDB's driver needs
// a C compiler, and a library of 70 MB that no program of the toolkit links.
package duckdb
