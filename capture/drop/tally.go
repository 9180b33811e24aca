package drop

import (
	"cmp"
	"slices"
	"strings"
)

// Tally counts drops by reason, place and whose they were. The zero value is ready.
type Tally struct {
	Packets uint64 // all
	Other   uint64 // of them those of kinds beyond the first 65,536

	kinds map[Kind]*Count
}

// Kind is what drops are counted by.
type Kind struct {
	Reason, Place, Owner string
}

// ParseKind reads a comment that Drop.String made, with what a command has added behind a semicolon as the owner:
// without that it is the socket. ok is false for other text.
func ParseKind(comment string) (k Kind, ok bool) {
	text, ok := strings.CutPrefix(comment, "dropped: ")
	if !ok {
		return k, false
	}
	what, why, _ := strings.Cut(text, ": ")
	reason, place, ok := strings.Cut(what, " in ")
	if !ok || reason == "" || strings.ContainsAny(reason, " ,;") {
		return k, false
	}
	place, socket, _ := strings.Cut(place, ", ")
	for _, r := range []Role{Sender, Receiver, Related} {
		socket = strings.TrimPrefix(socket, r.String()+" ")
	}
	if _, owner, ok := strings.Cut(why, "; "); ok {
		socket = owner
	}
	return Kind{reason, place, socket}, true
}

// Count is how many packets there were of a kind.
type Count struct {
	Kind    Kind
	Packets uint64
	Bytes   uint64
}

const maxKinds = 1 << 16

// Add counts a drop. owner says whose it is, in whatever words.
func (t *Tally) Add(d *Drop, owner string) {
	t.AddKind(Kind{d.Reason.Name, d.Place.String(), owner}, d.Frame.Length)
}

// AddKind counts a drop of a packet of so many bytes.
func (t *Tally) AddKind(kind Kind, bytes int) {
	t.Packets++
	c := t.kinds[kind]
	if c == nil {
		if len(t.kinds) >= maxKinds {
			t.Other++
			return
		}
		if t.kinds == nil {
			t.kinds = make(map[Kind]*Count)
		}
		c = &Count{Kind: kind}
		t.kinds[kind] = c
	}
	c.Packets++
	c.Bytes += uint64(bytes)
}

// Counts returns what was counted, most packets first.
func (t *Tally) Counts() []Count {
	list := make([]Count, 0, len(t.kinds))
	for _, c := range t.kinds {
		list = append(list, *c)
	}
	slices.SortFunc(list, func(a, b Count) int {
		return cmp.Or(cmp.Compare(b.Packets, a.Packets), cmp.Compare(a.Kind.Reason, b.Kind.Reason), cmp.Compare(a.Kind.Place, b.Kind.Place),
			cmp.Compare(a.Kind.Owner, b.Kind.Owner))
	})
	return list
}
