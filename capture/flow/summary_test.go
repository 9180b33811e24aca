package flow

import (
	"slices"
	"testing"
	"time"
)

// A ranking keeps the same streams that sorting all of them puts first, whatever the order they come in.
func TestRankingKeepsTheFirst(t *testing.T) {
	var all []*Stream
	for i := range 100 {
		s := &Stream{number: uint64(i), start: int64(1 + i*7%31)}
		s.latest = s.start + int64(i*37%50)
		s.half[0].packets = uint32(i * 53 % 97)
		all = append(all, s)
	}
	for _, column := range Orders() {
		by, ok := OrderBy(column)
		if !ok {
			t.Fatalf("no order by %s", column)
		}
		var whole []Summary
		for _, s := range all {
			whole = append(whole, s.Summary())
		}
		slices.SortFunc(whole, func(a, b Summary) int { return by(&a, &b) })
		for _, limit := range []int{0, 1, 7, 100, 1000} {
			r, half := Ranking{By: by, Limit: limit}, Ranking{By: by, Limit: limit}
			for i := range all {
				if i%2 == 0 {
					r.Add(all[i*41%len(all)])
				} else {
					half.Add(all[i*41%len(all)])
				}
			}
			r.Merge(&half)
			got := r.Sorted()
			if r.Count() != 100 || limit > 0 && len(got) != min(limit, 100) || limit == 0 && len(got) != 100 {
				t.Fatalf("%s, limit %d: %d of %d", column, limit, len(got), r.Count())
			}
			for i := range got {
				if got[i].Number != whole[i].Number {
					t.Fatalf("%s, limit %d: place %d is stream %d, want %d", column, limit, i, got[i].Number, whole[i].Number)
				}
			}
		}
	}
	if _, ok := OrderBy("nothing"); ok {
		t.Error("there is an order by nothing")
	}
}

func TestShares(t *testing.T) {
	if _, _, _, ok := (Limits{}).Shares(); ok {
		t.Error("nothing has shares")
	}
	a, r, n, ok := Limits{Application: time.Second, Receiver: time.Second, Network: 2 * time.Second}.Shares()
	if !ok || a != 0.25 || r != 0.25 || n != 0.5 {
		t.Error(a, r, n, ok)
	}
}
