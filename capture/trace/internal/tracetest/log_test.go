package tracetest

import (
	"testing"

	"sockwire/capture/trace"
)

func TestLog(t *testing.T) {
	var l Log
	l.Add(&trace.Call{Number: 1, Name: "accept", Pending: true, FD: 3})
	l.Add(&trace.State{Socket: 1})
	l.Add(&trace.Note{Text: "io_uring"})
	if e := l.Events(); len(e) != 2 || !e[0].(*trace.Call).Pending {
		t.Fatalf("%v", e)
	}
	l.Add(&trace.Call{Number: 1, Name: "accept", Result: 4, FD: 3})
	if e := l.Events(); len(e) != 2 || e[0].(*trace.Call).Pending || l.Len() != 2 {
		t.Fatalf("%v", e)
	}
	if n := l.Notes(); len(n) != 1 || n[0].Text != "io_uring" || len(l.Notes()) != 0 {
		t.Fatalf("%v", n)
	}
}
