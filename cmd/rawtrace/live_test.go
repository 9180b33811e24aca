package main

import (
	"slices"
	"testing"
	"time"

	"sockwire/cmd/internal/live"
)

// TestRows: rows stand in the order that is asked for, with a cell for each column.
func TestRows(t *testing.T) {
	rows := []row{
		{ttl: 1, address: "198.51.100.1", sent: 42, answered: 42, mean: 3 * time.Millisecond, worst: 4 * time.Millisecond},
		{ttl: 2, address: "198.51.100.2", others: 2, sent: 42, answered: 40, mean: time.Millisecond, worst: time.Second, loss: .05, verdict: "real", bad: true},
		{ttl: 3, address: "*", sent: 42, loss: 1, verdict: "silent"},
	}
	for order, want := range [][]int{{1, 2, 3}, {3, 2, 1}, {1, 2, 3}, {2, 1, 3}} {
		slices.SortFunc(rows, compareRows(order))
		for i, r := range rows {
			if r.ttl != want[i] {
				t.Errorf("by %s: place %d has hop %d, want %d", orderNames[order], i, r.ttl, want[i])
			}
		}
	}
	slices.SortFunc(rows, compareRows(0))
	table := live.Layout(columns, 80)
	for i, want := range []string{
		"  1 198.51.100.1             0%     42   0.000    3.00    4.00",
		"  2 198.51.100.2 +2          5%     42   0.000    1.00  1000.0 real",
		"  3 *                      100%     42       -       -       - silent",
	} {
		if got := table.Row(rows[i].cells()); got != want || len(rows[i].cells()) != len(columns) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if rows[0].mood() != live.Plain || rows[1].mood() != live.Bad || rows[2].mood() != live.Warning {
		t.Errorf("moods %v %v %v", rows[0].mood(), rows[1].mood(), rows[2].mood())
	}
}
