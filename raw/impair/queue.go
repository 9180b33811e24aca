package impair

import (
	"slices"
	"time"
)

// Queue holds what is not due yet and gives it back by due time, and among equals in the order in which
// it came. The zero value is empty and ready. Values belong to the caller: one that holds a buffer owns it until Pop
// returns it. Push and Pop do not allocate once the queue has grown. It is not safe for several goroutines.
type Queue[T any] struct {
	heap  []entry[T] // by (due, order)
	held  []entry[T] // waiting for others to go ahead, oldest first
	order uint64
}

type entry[T any] struct {
	due    time.Time
	order  uint64
	behind int       // held: how many are still to go ahead
	ahead  time.Time // held: when the last of those that did is due
	value  T
}

// Len returns how many values are in the queue.
func (q *Queue[T]) Len() int { return len(q.heap) + len(q.held) }

// PushCopy adds a value that is due at the given time and does not count as going ahead of what is held: the
// duplicate of another.
func (q *Queue[T]) PushCopy(due time.Time, v T) {
	q.insert(entry[T]{due: due, value: v})
}

// Push adds a value that is due at the given time and counts as going ahead of what is held.
func (q *Queue[T]) Push(due time.Time, v T) {
	q.insert(entry[T]{due: due, value: v})
	kept := q.held[:0]
	for _, e := range q.held {
		if due.After(e.ahead) {
			e.ahead = due
		}
		if e.behind--; e.behind > 0 {
			kept = append(kept, e)
			continue
		}
		if e.ahead.Before(e.due) {
			e.due = e.ahead
		}
		q.insert(e)
	}
	clear(q.held[len(kept):])
	q.held = kept
}

// Hold adds a value that is due as soon as behind values pushed after it have gone ahead, and at the latest at the time
// given.
func (q *Queue[T]) Hold(latest time.Time, behind int, v T) {
	if behind <= 0 {
		q.Push(latest, v)
		return
	}
	q.held = append(q.held, entry[T]{due: latest, behind: behind, value: v})
}

// Next returns when the next value is due; false when the queue is empty.
func (q *Queue[T]) Next() (due time.Time, ok bool) {
	if e := q.first(); e != nil {
		return e.due, true
	}
	return time.Time{}, false
}

// Pop takes out the next value if it is due at now; due is the time it was due at.
func (q *Queue[T]) Pop(now time.Time) (v T, due time.Time, ok bool) {
	e := q.first()
	if e == nil || e.due.After(now) {
		return v, due, false
	}
	v, due = e.value, e.due
	if len(q.heap) > 0 && e == &q.heap[0] {
		q.removeFirst()
		return v, due, true
	}
	for i := range q.held {
		if e == &q.held[i] {
			q.held = slices.Delete(q.held, i, i+1)
			break
		}
	}
	return v, due, true
}

// first returns the entry that is due next. Of the held ones few exist at a time.
func (q *Queue[T]) first() *entry[T] {
	var first *entry[T]
	if len(q.heap) > 0 {
		first = &q.heap[0]
	}
	for i := range q.held {
		if first == nil || q.held[i].due.Before(first.due) {
			first = &q.held[i]
		}
	}
	return first
}

func (q *Queue[T]) insert(e entry[T]) {
	e.order = q.order
	q.order++
	q.heap = append(q.heap, e)
	for i := len(q.heap) - 1; i > 0; {
		parent := (i - 1) / 2
		if !q.less(i, parent) {
			break
		}
		q.heap[i], q.heap[parent] = q.heap[parent], q.heap[i]
		i = parent
	}
}

func (q *Queue[T]) removeFirst() {
	last := len(q.heap) - 1
	q.heap[0] = q.heap[last]
	q.heap[last] = entry[T]{}
	q.heap = q.heap[:last]
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < last; child++ {
			if q.less(child, least) {
				least = child
			}
		}
		if least == i {
			return
		}
		q.heap[i], q.heap[least] = q.heap[least], q.heap[i]
		i = least
	}
}

func (q *Queue[T]) less(i, j int) bool {
	a, b := &q.heap[i], &q.heap[j]
	if a.due.Equal(b.due) {
		return a.order < b.order
	}
	return a.due.Before(b.due)
}
