package live

import (
	"cmp"
	"slices"
	"time"
)

// Source is what a screen shows. Its functions are called from other goroutines than the run's.
type Source struct {
	// Look tells what is known now.
	Look func(Ask) View
	// Pause turns pausing of the run on and off. Where it is nil, the picture is held instead, and the run goes on: a
	// measurement that stops is another one, and a capture that stops misses packets.
	Pause func()
	// Reset forgets what was counted for the screen.
	Reset func()
}

// Ask is what the screen wants to see.
type Ask struct {
	Page   int    // one of View.Pages
	Order  int    // one of View.Orders
	Chosen string // the Key of the row that is chosen, "" for none yet
	Rows   int    // how many fit on it at most
	Width  int    // of the screen
}

// View is what is known at a moment, as texts that are safe to show.
type View struct {
	Title  string
	Page   string // what a page is: "host"
	Pages  int
	State  []string // of the run: "round 7"
	Paused bool
	Notes  []string // above the table, wrapped
	Orders []string // names of the orders that rows can have, at least one
	// Columns are the table's; those without Keep are left out, the last first, where the screen is too narrow.
	Columns []Column
	// Rows are those around the one that is chosen, or the first: see Pick.
	Rows []Row
	// Empty stands in their place where there are none.
	Empty string
}

// Column is a column of the table.
type Column struct {
	Name  string
	Width int  // at least
	Grow  int  // by how many columns it may become wider where there is room
	Keep  bool // however narrow the screen
	Left  bool // its text begins at the left
	// Recent says that its text is of what came after another: where there is no room, the beginning is left out.
	Recent bool
}

// Row is a row of the table.
type Row struct {
	Key    string // by which it is known from view to view
	Name   string // above its detail
	Cells  []string
	Mood   Mood
	Detail []string // wrapped
}

// Mood is how a row is coloured.
type Mood uint8

// The moods.
const (
	Plain   Mood = iota
	Warning      // yellow
	Bad          // red
)

// Pick returns those of list that an Ask has room for, around the one that is chosen, in their order. It changes list.
func Pick[T any](a Ask, list []T, order func(a, b T) int, key func(T) string) []T {
	if a.Chosen == "" {
		return first(list, min(a.Rows+1, len(list)), order)
	}
	slices.SortFunc(list, order)
	at := max(slices.IndexFunc(list, func(v T) bool { return key(v) == a.Chosen }), 0)
	return list[max(at-a.Rows, 0):min(at+a.Rows+1, len(list))]
}

// first moves the n of list that come first to its beginning, and sorts no others: there may be a hundred thousand, and
// fifty are shown.
func first[T any](list []T, n int, order func(a, b T) int) []T {
	head := list[:n]
	slices.SortFunc(head, order)
	for i := n; n > 0 && i < len(list); i++ {
		v := list[i]
		if order(v, head[n-1]) >= 0 {
			continue
		}
		at, _ := slices.BinarySearchFunc(head, v, order)
		list[i] = head[n-1]
		copy(head[at+1:], head[at:n-1])
		head[at] = v
	}
	return head
}

// screen is what stands on the terminal: a function of the messages it gets.
type screen struct {
	name          string // of the command
	source        Source
	view          View
	viewed        Ask // that view answers
	ask           Ask
	width, height int
	held, detail  bool
	color, ascii  bool
	text          string        // what View shows: it is asked for after every message, most of which change nothing
	wait          time.Duration // until the next look
}

const keys = "q quit  p pause  r reset  o order  enter detail"

// at is where the chosen row stands.
func (s *screen) at() int {
	return max(slices.IndexFunc(s.view.Rows, func(r Row) bool { return r.Key == s.ask.Chosen }), 0)
}

// lineCount and columnCount are the size of the screen; before it is known that of the smallest that is usual.
func (s *screen) lineCount() int   { return cmp.Or(s.height, 24) }
func (s *screen) columnCount() int { return cmp.Or(s.width, 80) }
