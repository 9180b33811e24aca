package edit_test

import (
	"fmt"
	"math"
	"reflect"
	"testing"
	"time"

	"sockwire/capture"
	"sockwire/capture/edit"
)

func TestParseNumbers(t *testing.T) {
	for s, want := range map[string]edit.Numbers{
		"1": {{1, 1}}, "1-10,15": {{1, 10}, {15, 15}}, "15,1-10": {{1, 10}, {15, 15}}, "20-": {{20, math.MaxUint64}}, "-3": {{1, 3}},
		"1-5,4-9": {{1, 9}}, "1-5,6": {{1, 6}}, "7-,1-6": {{1, math.MaxUint64}}, "9,5,7": {{5, 5}, {7, 7}, {9, 9}}, "3,1-9,2": {{1, 9}},
	} {
		if got, err := edit.ParseNumbers(s); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, %v, want %v", s, got, err, want)
		}
	}
	for s, column := range map[string]int{"": 1, "0": 1, "a": 1, "1,": 3, "1,2x": 3, "5-3": 1, "-": 1, "1-2-3": 1, "1,,2": 3, "12,-": 4, "99999999999999999999": 1} {
		if _, err := edit.ParseNumbers(s); err == nil || err.Error()[:len("column n")] != fmt.Sprintf("column %d", column) {
			t.Errorf("%q: %v, want an error at column %d", s, err, column)
		}
	}
	n, _ := edit.ParseNumbers("2-3,7,9-")
	for number, want := range map[uint64]bool{1: false, 2: true, 3: true, 4: false, 7: true, 8: false, 9: true, math.MaxUint64: true} {
		if n.Contains(number) != want {
			t.Errorf("%d: %v", number, !want)
		}
	}
	if n.Last() != math.MaxUint64 || edit.Numbers(nil).Last() != 0 || edit.Numbers(nil).Contains(1) {
		t.Error("the last")
	}
}

func TestDuplicates(t *testing.T) {
	frame := func(data string, ms int64) *capture.Frame {
		return &capture.Frame{Data: []byte(data), Length: len(data), Time: time.UnixMilli(ms)}
	}
	check := func(d *edit.Duplicates, f *capture.Frame, want bool) {
		t.Helper()
		if got := d.Duplicate(f); got != want {
			t.Errorf("%q at %v: %v", f.Data, f.Time, got)
		}
	}
	var five edit.Duplicates
	check(&five, frame("a", 0), false)
	check(&five, frame("a", 0), true)
	cut := frame("a", 0)
	cut.Length = 9
	check(&five, cut, false)
	for i := range 5 {
		check(&five, frame(fmt.Sprint("x", i), 0), false)
	}
	check(&five, frame("a", 0), false) // too long ago
	within := edit.Duplicates{Packets: 100, Within: time.Second}
	check(&within, frame("a", 0), false)
	check(&within, frame("a", 1000), true)
	check(&within, frame("a", 2001), false)
	check(&within, frame("a", 1500), true) // also backwards
	if five.Removed != 1 || within.Removed != 2 {
		t.Error(five.Removed, within.Removed)
	}
	f := frame("a", 0)
	if n := testing.AllocsPerRun(100, func() { five.Duplicate(f) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestShift(t *testing.T) {
	f := capture.Frame{Time: time.Unix(10, 5)}
	edit.Shift(&f, -time.Hour)
	none := capture.Frame{}
	edit.Shift(&none, time.Hour)
	if !f.Time.Equal(time.Unix(10-3600, 5)) || !none.Time.IsZero() {
		t.Error(f.Time, none.Time)
	}
}
