package main

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sockwire/capture"
	"sockwire/capture/golden"
	"sockwire/capture/owner"
)

var anOwner = owner.Owner{
	Process: &owner.Process{
		PID: 4711, Parents: []owner.Parent{{PID: 4000, Name: "master", UID: 44}, {PID: 1, Name: "init"}}, UID: 33, User: "www-data", Name: "nginx", Exe: "/usr/sbin/nginx", Args: []string{"nginx", "-g", "daemon off;"},
		Group: "/system.slice/nginx.service", Unit: "nginx.service",
	},
	Role: owner.Sender, Thread: 4712, How: owner.Exact,
}

// The records are a frozen schema: programs read them.
func TestOwnerSchema(t *testing.T) {
	b := append(appendOwnersJSON(nil, []owner.Owner{anOwner, {Process: owner.Kernel, Role: owner.Receiver, How: owner.Exact}}), '\n')
	b = append(appendOwnersJSON(b, nil), '\n')
	for _, r := range []any{
		ownerRecord{"owner", 4711, "nginx", 33, "www-data", "/usr/sbin/nginx", "/system.slice/nginx.service", "", "nginx.service", 1, 2, 3, 4, 5, 6},
		ownersRecord{"owners", 1, 2, 3, 4, 5},
	} {
		line, err := json.Marshal(r)
		must(t, err)
		b = append(append(b, line...), '\n')
	}
	golden.Check(t, filepath.Join("testdata", "owners.jsonl"), string(b))
}

func TestOwnersOnTheLine(t *testing.T) {
	other := anOwner
	other.Role, other.Thread, other.How = owner.Receiver, 0, owner.Inferred
	third := other
	third.Process, third.How = &owner.Process{PID: 5, Name: "x"}, owner.Exact
	for _, tt := range []struct {
		owners []owner.Owner
		want   string
	}{
		{nil, " [owner unknown]"},
		{[]owner.Owner{anOwner}, " [from nginx 4711/4712]"},
		{[]owner.Owner{other}, " [to nginx 4711?]"},
		{[]owner.Owner{anOwner, other, third}, " [from nginx 4711/4712 to nginx 4711?, x 5]"},
		{[]owner.Owner{{Process: owner.Kernel, How: owner.Exact}}, " [from kernel]"},
	} {
		if got := string(appendOwners(nil, tt.owners)); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}

// A program that calls itself what a terminal obeys, in a control group with a path of 4 KB, is shown as text.
func TestHostileOwner(t *testing.T) {
	o := anOwner
	p := *o.Process
	p.Name, p.Exe, p.Args, p.Group = "a\x1b[31m\n", "/\x07\u009b", []string{"\x00", "\u202e"}, strings.Repeat("/\x1b]0;", 800)
	o.Process = &p
	b := appendOwners(nil, []owner.Owner{o})
	b = appendOwnerLines(b, []owner.Owner{o}) // JSON is made safe where it is written
	var w owning
	w.owners = []owner.Owner{o}
	var f capture.Frame
	w.note(&f)
	if f.Process != 4711 || f.Thread != 4712 || len(f.Comments) != 1 {
		t.Errorf("%+v", f)
	}
	for _, c := range string(b) + f.Comments[0] {
		if c < ' ' && c != '\n' || c >= 0x7f && c < 0xa0 || c == '\u202e' {
			t.Errorf("%U", c)
		}
	}
	if n := testing.AllocsPerRun(100, func() {
		f = capture.Frame{}
		w.note(&f)
	}); n > 0 {
		t.Errorf("%v allocations for a comment that was written before", n)
	}
	if got, want := f.Comments, []string{`from a\x1b[31m\n 4711/4712, exact`}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestChoosingByOwner(t *testing.T) {
	for _, tt := range []struct {
		o    ownerOptions
		want bool
	}{
		{ownerOptions{pids: []int{4711}}, true}, {ownerOptions{pids: []int{3, 2}}, false}, {ownerOptions{pids: []int{2, 4000}}, true}, {ownerOptions{comms: []string{"nginx"}}, true},
		{ownerOptions{pids: []int{4711}, comms: []string{"other"}}, false}, {ownerOptions{uids: []uint32{33}}, true}, {ownerOptions{uids: []uint32{0}}, false},
		{ownerOptions{comms: []string{"master"}}, true}, {ownerOptions{comms: []string{"init"}, uids: []uint32{44}}, true}, {ownerOptions{uids: []uint32{45, 0}}, false},
		{ownerOptions{groups: []string{"/system.slice"}}, true}, {ownerOptions{groups: []string{"/system.slice/"}}, true}, {ownerOptions{groups: []string{"/"}}, true},
		{ownerOptions{groups: []string{"/system"}}, false}, {ownerOptions{groups: []string{"/system.slice/nginx.service"}}, true},
	} {
		o := options{ownerOptions: tt.o}
		if got := o.chooses(anOwner); got != tt.want || !o.choosesOwner() {
			t.Errorf("%+v: %v", tt.o, got)
		}
		if n := testing.AllocsPerRun(100, func() { o.chooses(anOwner) }); n > 0 {
			t.Errorf("%+v: %v allocations", tt.o, n)
		}
	}
}
